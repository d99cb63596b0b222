//! The program's own audit, as an operator runs it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::keys::sha256_hex;
use super::server::PROGRAM;
use super::{Server, folder::Folder};

/// Runs a command of the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .output()
        .expect("the program can be started")
}

/// Audits the store of a folder; gives the exit code and the report.
#[track_caller]
pub fn audit_in(folder: &Path, acked: Option<&Path>) -> (i32, Value) {
    let config = folder.join("refund-receiver.toml");
    let mut command = Command::new(PROGRAM);
    command.args(["audit", "--json", "--config"]).arg(config);
    if let Some(acked) = acked {
        command.arg("--acked").arg(acked);
    }
    let output = command.output().expect("the program can be started");
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("no report ({error}): {output:?}"));
    (output.status.code().expect("not killed"), report)
}

/// The rules that a report says are broken.
pub fn broken(report: &Value) -> Vec<String> {
    let rules = report["rules"].as_array().expect("a list of rules");
    let broken = rules.iter().filter(|rule| rule["broken"] != 0);
    broken
        .map(|rule| rule["rule"].as_str().expect("a name").to_owned())
        .collect()
}

/// A list of what was answered with success, as a sender keeps it.
#[derive(Debug)]
pub struct AckedFile(PathBuf);

impl AckedFile {
    /// An empty list.
    pub fn new(folder: &Folder) -> Self {
        Self(folder.write("acked.jsonl", ""))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Adds one answer of success.
    pub fn add(&self, provider: &str, account: &str, refund_no: &str, body: &str) {
        let mut file = std::fs::File::options()
            .append(true)
            .open(&self.0)
            .expect("the list can be opened");
        let digest = sha256_hex(body);
        let line = format!(
            "{{\"provider\":\"{provider}\",\"account\":\"{account}\",\
             \"refund_no\":\"{refund_no}\",\"sha256\":\"{digest}\"}}\n"
        );
        file.write_all(line.as_bytes()).expect("it can be written");
    }
}

impl Server {
    /// Audits the store, whether the server runs or not, and asserts that everything holds.
    #[track_caller]
    pub fn assert_audit_is_clean(&self, acked: Option<&AckedFile>) -> Value {
        let (code, report) = audit_in(self.folder().path(), acked.map(AckedFile::path));
        assert_eq!(broken(&report), [""; 0], "{report:#}");
        assert_eq!(code, 0, "{report:#}");
        report
    }
}
