//! Commands whose output cannot be written: a token that is shown once or a proof is lost, so they fail and
//! say why. A reader that goes away, such as `head`, is no failure.

use std::fs::File;
use std::process::{Command, Output, Stdio};

use crate::harness::keys::provider_key;
use crate::harness::payermax::{MAIN, SAMPLE};
use crate::harness::server::PROGRAM;
use crate::harness::{Engine, Server};

/// Every kind of command that prints something, with the exit code that it has otherwise.
fn commands(server: &Server) -> Vec<Vec<String>> {
    let folder = server.folder().path();
    let config = server.config_path().display().to_string();
    let body = folder.join("body.json").display().to_string();
    let key = folder.join("main-2026.pem").display().to_string();
    let sign = provider_key().sign(SAMPLE.as_bytes());
    std::fs::write(folder.join("body.json"), SAMPLE).expect("our own folder");
    let backup = folder.join("backup.db").display().to_string();
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
    let owned = |words: &&[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut commands: Vec<Vec<String>> = without.iter().map(owned).collect();
    for words in &with_config {
        let mut words: Vec<String> = owned(words);
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
    for words in commands(&server) {
        let full = File::options().write(true).open("/dev/full");
        let output = run(&words, full.expect("Linux has it").into());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        let why = "could not be written: No space left on device";
        assert!(said.contains(why), "{words:?}: {said}");
        // It is not made twice.
        std::fs::remove_file(server.folder().path().join("backup.db")).ok();
        let output = run(&words, gone());
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
        std::fs::remove_file(server.folder().path().join("backup.db")).ok();
    }
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
