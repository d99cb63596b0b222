//! Backups of a store in a file: made next to a busy service, accepted only after an audit, and restored by
//! a copy, after which everything that is sent again is there once.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::harness::audit::{AckedFile, run};
use crate::harness::folder::Folder;
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, Engine, Server, wait_for};

/// Callbacks that arrive while the backup is made.
const NOTICES: usize = 240;
const SENDERS: usize = 3;

fn server() -> Server {
    Server::usual(Engine::Sqlite)
}

fn backup(server: &Server, to: &Path) -> Output {
    let config = server.config_path();
    let (config, to) = (config.to_str(), to.to_str());
    let (config, to) = (config.expect("a plain path"), to.expect("a plain path"));
    run(&["backup", "--json", "--config", config, "--to", to])
}

fn check(backup: &Path, more: &[&str]) -> Output {
    let backup = backup.to_str().expect("a plain path");
    let mut arguments = vec!["restore", "--json", "--check", backup];
    arguments.extend(more);
    run(&arguments)
}

/// The printed result of a command that must end so.
#[track_caller]
fn result(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(words), "{said}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_made_under_load_is_restored_and_what_is_sent_again_is_there_once() {
    let (mut old, backups) = (server(), Folder::new());
    let bodies: Vec<_> = (0..NOTICES)
        .map(|number| Notice::new(&format!("R-{number}"), "REFUND_SUCCESS").text())
        .collect();
    let file = backups.path().join("refunds.db");
    let sent = AtomicUsize::new(0);
    let made = std::thread::scope(|scope| {
        for part in bodies.chunks(NOTICES / SENDERS) {
            let (old, sent) = (&old, &sent);
            scope.spawn(move || {
                for body in part {
                    old.notify(MAIN, body).expect(200, ACK);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_for("the load to be under way", || {
            (sent.load(Ordering::Relaxed) >= 20).then_some(())
        });
        result(&backup(&old, &file), 0)
    });
    let in_backup = made["callbacks"].as_u64().expect("a number");
    assert!(
        in_backup >= 20,
        "what was acknowledged before is in it: {made}"
    );
    assert_eq!(names(backups.path()), ["refunds.db"]);
    old.kill9();

    let config = old.config_path();
    let config = config.to_str().expect("a plain path");
    let drilled = result(&check(&file, &["--config", config]), 0);
    assert_eq!(drilled["callbacks"], in_backup, "{drilled}");
    assert_eq!(drilled["audit"]["rules"][1]["skipped"], 0, "{drilled}");

    // The steps of the operations page.
    let restored = Folder::new();
    ConfigBuilder::new(Engine::Sqlite).write(&restored);
    std::fs::copy(&file, restored.path().join("refunds.db")).expect("a copy");
    let new = Server::start_in(restored);
    new.assert_audit_is_clean(None);
    let acked = AckedFile::new(new.folder());
    for (number, body) in bodies.iter().enumerate() {
        new.notify(MAIN, body).expect(200, ACK);
        acked.add("payermax", "main", &format!("R-{number}"), body);
    }
    new.applied(&format!("R-{}", NOTICES - 1));
    let report = new.assert_audit_is_clean(Some(&acked));
    assert_eq!(report["acked"]["stored"], NOTICES, "{report}");
    let types = new.event_types();
    assert_eq!(types.len(), NOTICES, "one effect each");
    assert!(types.iter().all(|kind| kind == "refund.succeeded"));
}

#[test]
fn a_store_at_rest_and_one_left_by_a_crash_are_backed_up_whole() {
    let mut server = server();
    let folder = Folder::new();
    for number in 0..5 {
        server.notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
    }
    server.kill9();
    let killed = folder.path().join("killed.db");
    assert_eq!(result(&backup(&server, &killed), 0)["callbacks"], 5);
    server.restart();
    server.terminate();
    let at_rest = folder.path().join("at-rest.db");
    let made = result(&backup(&server, &at_rest), 0);
    assert_eq!(
        (&made["callbacks"], &made["events"]),
        (&5.into(), &5.into())
    );
    assert_eq!(made["unapplied"], 0, "{made}");
    assert_eq!(made["last_event"]["sequence"], 5, "{made}");
    for file in [&killed, &at_rest] {
        assert_eq!(result(&check(file, &[]), 0)["callbacks"], 5);
    }
    assert_eq!(names(folder.path()), ["at-rest.db", "killed.db"]);
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_half_behind() {
    let mut server = server();
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");
    let folder = Folder::new();
    let theirs = folder.write("theirs", "x");
    refused(&backup(&server, &theirs), 2, "overwrites nothing");
    assert_eq!(std::fs::read(&theirs).expect("still there"), b"x");
    let nowhere = folder.path().join("none/refunds.db");
    refused(&backup(&server, &nowhere), 1, "cannot make");
    server.terminate();

    // Damage in the store is damage in its copy, which may be the only one left.
    let saved = server.save_store();
    server.break_store("UPDATE refunds SET amount = '1.00'");
    let kept = folder.path().join("kept.db");
    let made = result(&backup(&server, &kept), 1);
    assert_eq!(made["ok"], false, "{made}");
    assert_eq!(result(&check(&kept, &[]), 1)["ok"], false);

    server.restore_store(&saved);
    let store = server.folder().path().join("refunds.db");
    let mut bytes = std::fs::read(&store).expect("the store");
    let last = bytes.len() - 4_096;
    bytes[last..].fill(0xA5);
    std::fs::write(&store, bytes).expect("writable");
    let damaged = folder.path().join("damaged.db");
    refused(&backup(&server, &damaged), 1, "the copy is damaged");
    std::fs::remove_file(&store).expect("removable");
    refused(&backup(&server, &damaged), 3, "unable to open");
    assert_eq!(names(folder.path()), ["kept.db", "theirs"]);
}

#[test]
fn what_cannot_be_restored_is_found_in_the_drill_and_left_as_it_is() {
    let mut server = server();
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");
    let folder = Folder::new();
    let good = folder.path().join("good.db");
    result(&backup(&server, &good), 0);
    let bytes = std::fs::read(&good).expect("the backup");
    let make = |name: &str, change: &dyn Fn(&mut Vec<u8>)| -> PathBuf {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        folder.write(name, bytes)
    };
    let cases = [
        ("empty", make("empty", &|b| b.clear())),
        ("truncated", make("truncated", &|b| b.truncate(b.len() / 2))),
        ("no database", make("foreign", &|b| b.fill(7))),
        ("a page", make("page", &|b| b[8_192..12_288].fill(0xA5))),
    ];
    let before = names(folder.path());
    for (what, file) in &cases {
        let content = std::fs::read(file).expect("the file");
        let output = check(file, &[]);
        refused(&output, 1, "");
        assert!(output.stdout.is_empty() || what == &"a page", "{output:?}");
        assert!(std::fs::read(file).expect("the file") == content, "{what}");
    }
    assert_eq!(names(folder.path()), before, "nothing is left next to them");
    refused(&check(&folder.path().join("none"), &[]), 2, "none");
    // A file in use is no backup: the content of its WAL would be missing.
    let live = server.folder().path().join("refunds.db");
    refused(&check(&live, &[]), 1, "a WAL lies next to it");
    server.terminate();
}

#[test]
fn a_backup_without_an_audit_says_so_and_can_be_audited_later() {
    let server = server();
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");
    let folder = Folder::new();
    let file = folder.path().join("quick.db");
    let (config, to) = (server.config_path(), file.to_str().expect("a plain path"));
    let config = config.to_str().expect("a plain path");
    let made = run(&[
        "backup",
        "--no-audit",
        "--json",
        "--config",
        config,
        "--to",
        to,
    ]);
    let made = result(&made, 0);
    assert_eq!(made["audited"], false, "{made}");
    assert_eq!(made["callbacks"], 1, "{made}");
    assert_eq!(made["audit"]["rules"][0]["checked"], 0, "{made}");
    let owner = std::fs::metadata(&file).expect("the backup").permissions();
    assert_eq!(owner.mode() & 0o777, 0o600);
    let checked = result(&check(&file, &["--config", config]), 0);
    assert_eq!(checked["audited"], true, "{checked}");
    assert_eq!(checked["audit"]["rules"][0]["checked"], 1, "{checked}");
}

#[test]
fn a_file_system_without_links_or_careful_renames_takes_a_backup() {
    let server = server();
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    let folder = Folder::new();
    let file = folder.path().join("refunds.db");
    let config = server.config_path();
    let made = Command::new("strace")
        .args([
            "-f",
            "-o",
            "/dev/null",
            "-e",
            "inject=renameat2:error=EINVAL",
        ])
        .args([
            "-e",
            "inject=linkat:error=EPERM",
            PROGRAM,
            "backup",
            "--config",
        ])
        .arg(&config)
        .arg("--to")
        .arg(&file)
        .output()
        .expect("strace can be started (apt-get install strace)");
    assert!(made.status.success(), "{made:?}");
    assert_eq!(names(folder.path()), ["refunds.db"]);
    refused(&backup(&server, &file), 2, "overwrites nothing");
}

#[test]
fn a_store_on_a_server_is_left_to_the_tools_of_the_server() {
    let server = Server::usual(Engine::Postgres);
    let folder = Folder::new();
    let output = backup(&server, &folder.path().join("refunds.db"));
    refused(&output, 2, "pg_dump --format=custom --file=");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn the_age_of_the_last_backup_is_shown() {
    let (server, backups) = (server(), Folder::new());
    let age = || {
        let text = server.get_with("/metrics", &[]).text().to_owned();
        let name = "refund_receiver_backup_age_seconds ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line").parse::<i64>().expect("a number")
    };
    assert_eq!(age(), -1, "none is known");
    let made = backup(&server, &backups.path().join("refunds.db"));
    assert!(made.status.success(), "{made:?}");
    assert!((0..60).contains(&age()), "{}", age());
    // One that was refused is none.
    let noted = server.folder().path().join("refunds.db-backup");
    std::fs::write(&noted, "2026-01-31T00:00:00.000Z\n").expect("our own folder");
    refused(
        &backup(&server, &backups.path().join("refunds.db")),
        2,
        "exists",
    );
    assert!(age() > 3_600, "{}", age());
}
