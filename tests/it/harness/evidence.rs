//! Rejected requests as an operator sees them: the command `evidence`.

use std::process::{Command, Output};

use serde_json::Value;

use super::server::PROGRAM;
use super::{Server, relay};

impl Server {
    /// Runs `evidence` with these arguments on the server's config.
    pub fn evidence_command(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM)
            .arg("evidence")
            .args(arguments)
            .arg("--config")
            .arg(self.config_path())
            .env("TEST_NEXT_RELAY_SECRET", relay::text(relay::NEXT_SECRET))
            .output()
            .expect("the program can be started")
    }

    /// The newest rejected request, with its diagnosis.
    #[track_caller]
    pub fn newest_refused(&self) -> Value {
        let one = |arguments: &[&str]| {
            let output = self.evidence_command(&[arguments, &["--output", "json"]].concat());
            assert!(output.status.success(), "{output:?}");
            let said = String::from_utf8(output.stdout).expect("text");
            serde_json::from_str::<Value>(said.trim()).expect("one line of JSON")
        };
        let id = one(&["list", "--limit", "1"])["id"].to_string();
        one(&["show", &id])
    }

    /// The same once there are `count` of them.
    #[track_caller]
    pub fn newest_of_refused(&self, count: usize) -> Value {
        self.evidence_of(count);
        self.newest_refused()
    }
}
