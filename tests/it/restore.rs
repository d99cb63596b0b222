//! The drill: a backup takes the place of a store that went on, was killed, and left its log.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::harness::audit::run;
use crate::harness::folder::Folder;
use crate::harness::payermax::Notice;
use crate::harness::{Engine, Server, wait_for};

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
        assert!(beside(&server, "refunds.db-wal").exists());
        Self {
            server,
            _folder: folder,
            backup,
        }
    }

    fn store(&self) -> PathBuf {
        beside(&self.server, "refunds.db")
    }

    /// What an operator in a hurry does.
    fn copy_over(&self) {
        std::fs::copy(&self.backup, self.store()).expect("a copy");
    }

    /// Makes the store so long that its pages are not read at a start.
    fn lengthen(&self) {
        let file = File::options().write(true).open(self.store());
        let file = file.expect("the store is there");
        file.set_len(UNCHECKED_BYTES).expect("a hole takes no room");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn beside(server: &Server, name: &str) -> PathBuf {
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
            said.contains("refunds.db-wal is the log of another"),
            "{said}"
        );
        let config = drill.server.config_path();
        let audit = run(&["audit", "--config", text(&config)]);
        assert_eq!(audit.status.code(), Some(3), "{audit:?}");

        // As it says.
        for name in ["refunds.db-wal", "refunds.db-shm"] {
            let aside = beside(&drill.server, &format!("{name}.aside"));
            std::fs::rename(beside(&drill.server, name), aside).expect("it is there");
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
    let (store, copy) = (beside(&server, "refunds.db"), beside(&server, "copy.db"));
    std::fs::copy(&store, &copy).expect("a copy");
    server.restart();
    notify(&server, SAVED..LOST);
    server.kill9();
    std::fs::copy(&copy, &store).expect("a copy");
    let said = server.refused_start();
    assert!(
        said.contains("refunds.db-wal is the log of another"),
        "{said}"
    );
}
