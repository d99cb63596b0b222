//! The drill: a backup replaces a store that went on, was killed, and left its WAL.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::audit::run;
use crate::harness::folder::Folder;
use crate::harness::payermax::Notice;
use crate::harness::server::PROGRAM;
use crate::harness::{Engine, Server, faulty, wait_for};

/// Events in the backup, and in the store when it was killed.
const SAVED: usize = 20;
const LOST: usize = 30;
/// Above this no file is read through at a start.
const UNCHECKED_BYTES: u64 = 1024 * 1024 * 1024 + 4_096;

/// A store that was killed, and a backup from before.
struct Drill {
    server: Server,
    _folder: Folder,
    backup: PathBuf,
}

fn notify(server: &Server, numbers: std::ops::Range<usize>) {
    for number in numbers.clone() {
        let refund_no = format!("R-{number}");
        server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
    }
    wait_for("the events", || {
        (server.events().len() == numbers.end).then_some(())
    });
}

impl Drill {
    fn after_a_crash() -> Self {
        let mut server = Server::usual(Engine::Sqlite);
        notify(&server, 0..SAVED);
        let folder = Folder::new();
        let backup = folder.path().join("backup.db");
        let config = server.config_path();
        let made = run(&["backup", "--config", text(&config), "--to", text(&backup)]);
        assert!(made.status.success(), "{made:?}");
        notify(&server, SAVED..LOST);
        server.kill9();
        assert!(next_to(&server, "refunds.db-wal").exists());
        Self {
            server,
            _folder: folder,
            backup,
        }
    }

    fn store(&self) -> PathBuf {
        next_to(&self.server, "refunds.db")
    }

    /// An operator's shortcut.
    fn copy_over(&self) {
        std::fs::copy(&self.backup, self.store()).expect("a copy");
    }

    /// Makes the store so long that its pages are not read at a start.
    fn lengthen(&self) {
        let file = File::options().write(true).open(self.store());
        let file = file.expect("the store is there");
        file.set_len(UNCHECKED_BYTES)
            .expect("a hole takes no space");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn next_to(server: &Server, name: &str) -> PathBuf {
    server.folder().path().join(name)
}

#[test]
fn a_log_that_another_history_left_is_refused_at_the_start_whatever_the_size_of_the_store() {
    for is_large in [false, true] {
        let mut drill = Drill::after_a_crash();
        drill.copy_over();
        if is_large {
            drill.lengthen();
        }
        let said = drill.server.refused_start();
        assert!(
            said.contains("refunds.db-wal is the WAL of another"),
            "{said}"
        );
        let config = drill.server.config_path();
        let audit = run(&["audit", "--config", text(&config)]);
        assert_eq!(audit.status.code(), Some(3), "{audit:?}");

        // As it says.
        for name in ["refunds.db-wal", "refunds.db-shm"] {
            let aside = next_to(&drill.server, &format!("{name}.aside"));
            std::fs::rename(next_to(&drill.server, name), aside).expect("it is there");
        }
        drill.server.restart();
        assert_eq!(drill.server.events().len(), SAVED);
        notify(&drill.server, SAVED..LOST);
    }
}

#[test]
fn a_file_put_back_under_the_log_of_its_successor_is_refused() {
    let mut server = Server::usual(Engine::Sqlite);
    notify(&server, 0..SAVED);
    server.terminate();
    let (store, copy) = (next_to(&server, "refunds.db"), next_to(&server, "copy.db"));
    std::fs::copy(&store, &copy).expect("a copy");
    server.restart();
    notify(&server, SAVED..LOST);
    server.kill9();
    std::fs::copy(&copy, &store).expect("a copy");
    let said = server.refused_start();
    assert!(
        said.contains("refunds.db-wal is the WAL of another"),
        "{said}"
    );
}

#[test]
fn a_backup_put_in_place_by_hand_begins_a_new_history() {
    let mut drill = Drill::after_a_crash();
    drill.server.restart();
    let old = drill.server.get("/v1/events?after=0").expect_json(200);
    drill.server.kill9();
    drill.copy_over();
    for name in ["refunds.db-wal", "refunds.db-shm"] {
        std::fs::remove_file(next_to(&drill.server, name)).expect("it is there");
    }
    drill.server.restart();
    let said = drill.server.log();
    assert!(said.contains("its feed begins a new history"), "{said}");
    let new = drill.server.get("/v1/events?after=0").expect_json(200);
    assert_eq!(new["next"], SAVED, "{new}");
    assert_ne!(new["epoch"], old["epoch"]);
    let known = old["epoch"].as_str().expect("a text");
    let asked = format!("/v1/events?after={LOST}&epoch={known}");
    for further in [SAVED, LOST + 5] {
        notify(&drill.server, SAVED..further);
        let told = drill.server.get(&asked).expect_json(409);
        assert_eq!(told["code"], "feed_restarted", "{told}");
    }
    // Once, and not at each start.
    for is_killed in [true, false] {
        if is_killed {
            drill.server.kill9();
        } else {
            assert_eq!(drill.server.terminate().code(), Some(0));
        }
        drill.server.restart();
        let same = drill.server.get("/v1/events?after=0").expect_json(200);
        assert_eq!(same["epoch"], new["epoch"]);
    }
}

fn restore(server: &Server, from: &Path) -> Output {
    restoring(PROGRAM.as_ref(), server, from)
        .output()
        .expect("it runs")
}

fn restoring(program: &Path, server: &Server, from: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["restore", "--json", "--from", text(from), "--config"])
        .arg(server.config_path());
    command
}

/// The names next to the store that begin with its own, but for the lock and the evidence.
fn parts(server: &Server) -> Vec<String> {
    let entries = std::fs::read_dir(server.folder().path()).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.starts_with("refunds.db") && name != "refunds.db.lock")
        .collect();
    names.sort();
    names
}

#[test]
fn a_restore_takes_the_place_of_a_killed_store_and_readers_are_told() {
    let mut drill = Drill::after_a_crash();
    let config = drill.server.config_path();
    drill.server.restart();
    let old = drill.server.get("/v1/events?after=0").expect_json(200);
    let refused = restore(&drill.server, &drill.backup);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("stop the service first"), "{said}");
    drill.server.kill9();
    drill.copy_over();
    drill.server.refused_start();

    let evidence = std::fs::read(next_to(&drill.server, "refunds.evidence.db")).ok();
    let done = restore(&drill.server, &drill.backup);
    assert!(done.status.success(), "{done:?}");
    let done: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(done["last_sequence"], SAVED, "{done}");
    let moved = done["moved"].as_array().expect("a list");
    assert!(moved.len() >= 2, "the file and its log: {done}");
    for file in moved {
        assert!(Path::new(file.as_str().expect("a path")).exists(), "{file}");
    }
    assert_eq!(
        evidence,
        std::fs::read(next_to(&drill.server, "refunds.evidence.db")).ok()
    );
    let owner = std::fs::metadata(drill.store())
        .expect("it is there")
        .permissions();
    assert_eq!(owner.mode() & 0o777, 0o600);

    drill.server.restart();
    let new = drill.server.get("/v1/events?after=0").expect_json(200);
    assert_eq!(new["next"], SAVED, "{new}");
    assert_eq!(new["epoch"], done["epoch"]);
    assert_ne!(new["epoch"], old["epoch"]);
    let epoch = old["epoch"].as_str().expect("an epoch");
    let behind = drill
        .server
        .get(&format!("/v1/events?after={LOST}&epoch={epoch}"));
    assert_eq!(behind.expect_json(409)["code"], "feed_restarted");
    // Sent again, what was lost is there once.
    notify(&drill.server, SAVED..LOST);
    assert_eq!(drill.server.events().len(), LOST);
    let audit = run(&["audit", "--config", text(&config)]);
    assert!(audit.status.success(), "{audit:?}");
}

#[test]
fn a_restore_that_was_cut_off_is_done_again_and_nothing_half_restored_starts() {
    for point in [
        "restore-copied",
        "restore-moving",
        "restore-moved",
        "restore-named",
    ] {
        let mut drill = Drill::after_a_crash();
        let cut = restoring(&faulty::program(), &drill.server, &drill.backup)
            .env(faulty::VARIABLE, format!("{point}=return"))
            .output()
            .expect("it runs");
        assert!(cut.status.signal().is_some(), "{point}: {cut:?}");
        match point {
            // Nothing has moved: the old store is whole.
            "restore-copied" => {
                drill.server.restart();
                assert_eq!(drill.server.events().len(), LOST);
                drill.server.kill9();
            }
            "restore-named" => {}
            _ => {
                let said = drill.server.refused_start();
                assert!(said.contains("restore --from"), "{point}: {said}");
            }
        }
        let done = restore(&drill.server, &drill.backup);
        assert!(done.status.success(), "{point}: {done:?}");
        drill.server.restart();
        assert_eq!(drill.server.events().len(), SAVED, "{point}");
        let left = parts(&drill.server);
        assert!(
            !left.iter().any(|name| name.contains("restoring")),
            "{left:?}"
        );
    }
}

#[test]
fn a_backup_that_is_damaged_or_in_use_moves_nothing() {
    let drill = Drill::after_a_crash();
    let before = parts(&drill.server);
    let mut bytes = std::fs::read(&drill.backup).expect("the backup");
    bytes[8_192..12_288].fill(0xA5);
    std::fs::write(&drill.backup, &bytes).expect("writable");
    let refused = restore(&drill.server, &drill.backup);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let kept: Vec<_> = parts(&drill.server)
        .into_iter()
        .filter(|name| !name.contains("restoring"))
        .collect();
    assert_eq!(kept, before);
    let itself = restore(&drill.server, &drill.store());
    assert_eq!(itself.status.code(), Some(1), "{itself:?}");
    let none = restore(&drill.server, &next_to(&drill.server, "none.db"));
    assert_eq!(none.status.code(), Some(2), "{none:?}");
}

#[test]
fn a_server_is_restored_by_its_own_tools_and_gets_a_new_epoch() {
    let server = Server::usual(Engine::Postgres);
    let refused = restore(&server, &server.config_path());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("--new-epoch"), "{said}");
    let old = server.get("/v1/events").expect_json(200);
    let config = server.config_path();
    let renewed = run(&[
        "restore",
        "--new-epoch",
        "--json",
        "--config",
        text(&config),
    ]);
    assert!(renewed.status.success(), "{renewed:?}");
    let renewed: Value = serde_json::from_slice(&renewed.stdout).expect("JSON");
    // The running instance learns of it.
    let new = server.get("/v1/events").expect_json(200);
    assert_eq!(new["epoch"], renewed["epoch"]);
    assert_ne!(new["epoch"], old["epoch"]);
}
