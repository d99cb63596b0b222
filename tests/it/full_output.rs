//! Commands whose output cannot be written: a token that is shown once or a proof is lost, so they fail and
//! say why. A reader that goes away, such as `head`, is no failure.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::harness::config::READER_TOKEN;
use crate::harness::keys::provider_key;
use crate::harness::payermax::{MAIN, Notice, SAMPLE};
use crate::harness::reader::text;
use crate::harness::server::PROGRAM;
use crate::harness::{Engine, Server};

/// How lines begin that `store upgrade` and `selftest` say of their progress.
const STEPS: [&str; 3] = ["checking the file", "adding what is missing", "round "];
/// Begins the names of what the commands make; none of them overwrites anything.
const MADE: &str = "made-";

/// Commands about a service that runs.
fn of_running(server: &Server) -> Vec<Vec<String>> {
    let token = server.folder().path().join("operator.token");
    std::fs::write(&token, READER_TOKEN).expect("our own folder");
    let token = format!("file:{}", token.display());
    let refund = text(&server.applied("R-1")["id"]);
    let config = server.config_path().display().to_string();
    let url = server.internal_url.as_str();
    let commands: [&[&str]; 4] = [
        &["explain", &refund, "--config", &config],
        &["explain", &refund, "--url", url, "--token", &token],
        &["endpoint", "list", "--url", url, "--token", &token],
        &["reload", "--url", url, "--token", &token],
    ];
    commands.iter().map(|words| owned(words)).collect()
}

/// Commands about a store that no service has open, with a backup of it.
fn of_stopped(server: &Server, backup: &Path) -> Vec<Vec<String>> {
    let folder = server.folder().path();
    let config = server.config_path().display().to_string();
    let backup = backup.display().to_string();
    let url = |name: &str| format!("sqlite:{}", folder.join(name).display());
    let (from, to) = (url("refunds.db"), url(&format!("{MADE}copy.db")));
    let dir = folder.join(format!("{MADE}selftest")).display().to_string();
    let commands: [&[&str]; 5] = [
        &["store", "copy", "--from", &from, "--to", &to],
        &["store", "upgrade", "--config", &config],
        &["restore", "--check", &backup],
        &["restore", "--from", &backup, "--config", &config],
        &[
            "selftest",
            "--crash",
            "--rounds",
            "1",
            "--connections",
            "2",
            "--dir",
            &dir,
        ],
    ];
    commands.iter().map(|words| owned(words)).collect()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Every kind of command that prints something, with the exit code that it has otherwise.
fn commands(server: &Server) -> Vec<Vec<String>> {
    let folder = server.folder().path();
    let config = server.config_path().display().to_string();
    let body = folder.join("body.json").display().to_string();
    let key = folder.join("main-2026.pem").display().to_string();
    let sign = provider_key().sign(SAMPLE.as_bytes());
    std::fs::write(folder.join("body.json"), SAMPLE).expect("our own folder");
    let backup = folder.join(format!("{MADE}backup.db"));
    let backup = backup.display().to_string();
    let with_config: [&[&str]; 8] = [
        &["audit", "--json"],
        &["audit"],
        &["check-config"],
        &["check-config", "--output", "json"],
        &["evidence", "list"],
        &["evidence", "list", "--output", "json"],
        &["evidence", "show", "1"],
        &["backup", "--to", &backup],
    ];
    let without: [&[&str]; 9] = [
        &["token", "create", "--name", "x", "--scopes", "refunds:read"],
        &["openapi"],
        &["--help"],
        &["--version"],
        &["serve", "--help"],
        &["token", "create", "--help"],
        &[
            "verify", "payermax", "--key", &key, "--body", &body, "--sign", &sign,
        ],
        &["trigger", "payermax", "--print-public-key"],
        &["restore", "--help"],
    ];
    let mut commands: Vec<_> = without.iter().map(|words| owned(words)).collect();
    for words in &with_config {
        let mut words = owned(words);
        words.extend(["--config".to_owned(), config.clone()]);
        commands.push(words);
    }
    commands
}

fn run(words: &[String], stdout: Stdio) -> Output {
    let child = Command::new(PROGRAM)
        .args(words)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn();
    let child = child.expect("the program can be started");
    child.wait_with_output().expect("it ends")
}

/// A pipe whose other end is closed.
fn gone() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure_and_a_reader_that_goes_away_is_none() {
    let server = Server::usual(Engine::Sqlite);
    server.post_signed(MAIN, SAMPLE, "AAAA");
    server.evidence_of(1);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    let running = of_running(&server);
    fails_where_full(&server, commands(&server).into_iter().chain(running));
}

/// Each command is a failure where its output cannot be written, and none where its reader has gone.
fn fails_where_full(server: &Server, commands: impl IntoIterator<Item = Vec<String>>) {
    for words in commands {
        let full = File::options().write(true).open("/dev/full");
        let output = run(&words, full.expect("Linux has it").into());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        let why = "could not be written: No space left on device";
        assert!(said.contains(why), "{words:?}: {said}");
        remove_made(server);
        let output = run(&words, gone());
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        // How far it is, at most.
        let said = String::from_utf8_lossy(&output.stderr);
        let is_step = |line: &str| STEPS.iter().any(|step| line.starts_with(step));
        assert!(said.lines().all(is_step), "{words:?}: {said}");
        remove_made(server);
    }
}

fn remove_made(server: &Server) {
    let entries = std::fs::read_dir(server.folder().path()).expect("our own folder");
    for entry in entries.map(|entry| entry.expect("an entry")) {
        if entry.file_name().to_string_lossy().starts_with(MADE) {
            let path = entry.path();
            let removed = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
            removed.expect("it can be removed");
        }
    }
}

#[test]
fn what_works_on_a_stopped_store_fails_where_its_output_cannot_be_written() {
    let mut server = Server::usual(Engine::Sqlite);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");
    assert_eq!(server.terminate().code(), Some(0));
    let backup = server.folder().path().join("backup.db");
    let words = owned(&["backup", "--no-audit", "--to"]);
    let config = server.config_path().display().to_string();
    let to = backup.display().to_string();
    let words = [words, owned(&[&to, "--config", &config])].concat();
    assert!(run(&words, Stdio::piped()).status.success());
    fails_where_full(&server, of_stopped(&server, &backup));
}

#[test]
fn a_service_goes_on_where_its_announcements_cannot_be_written() {
    let mut server = Server::usual(Engine::Sqlite);
    assert_eq!(server.terminate().code(), Some(0));
    let full = File::options().write(true).open("/dev/full");
    let child = server
        .serve_command()
        .stdout(full.expect("Linux has it"))
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("the program can be started");
    let log = std::io::BufReader::new(child.stderr.take().expect("it is piped"));
    let mut lines = std::io::BufRead::lines(log).map_while(Result::ok);
    let said = lines.find(|line| line.contains("written to stdout"));
    assert!(said.expect("a line").contains("No space left"));
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.expect("kill is installed").success());
    drop(lines);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
