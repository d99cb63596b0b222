//! What only a store in a file can show: damage, and a second process on it.

use std::process::Stdio;

use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE};
use crate::harness::reader::{expect_problem, text};
use crate::harness::{Engine, Server, wait_for};

/// A stopped server with one refund in its store.
fn stopped() -> Server {
    let mut server = Server::usual(Engine::Sqlite);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.refunds("status=succeeded").len(), 1);
    assert_eq!(server.terminate().code(), Some(0));
    server
}

/// The start is refused and the file is left as it is.
#[track_caller]
fn assert_refused(server: &mut Server, what: &str) {
    let path = server.folder().path().join("refunds.db");
    let before = std::fs::read(&path).expect("the store is there");
    let said = server.refused_start();
    assert!(said.contains("damaged or not ours"), "{what}: {said}");
    let after = std::fs::read(&path).expect("the store is there");
    assert!(before == after, "{what}: nothing is overwritten");
}

/// Once the store is restored, it serves again.
fn assert_serves_again(server: &mut Server) {
    server.restart();
    assert_eq!(server.refunds("status=succeeded").len(), 1);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
}

#[test]
fn a_damaged_page_is_found_at_the_start() {
    let mut server = stopped();
    let path = server.folder().path().join("refunds.db");
    let log = server.folder().path().join("refunds.db-wal");
    assert!(!log.exists(), "an orderly end leaves one file");
    let intact = std::fs::read(&path).expect("the store is there");
    let pages = intact.len() / 4_096;
    assert!(pages > 10, "a page for each table and index");
    for page in 0..pages {
        let mut damaged = intact.clone();
        damaged[page * 4_096..(page + 1) * 4_096].fill(0xA5);
        std::fs::write(&path, &damaged).expect("the store can be written");
        assert_refused(&mut server, &format!("page {page}"));
    }
}

#[test]
fn a_file_that_was_cut_is_found_at_the_start_and_left_as_it_is() {
    let mut server = stopped();
    let path = server.folder().path().join("refunds.db");
    let intact = std::fs::read(&path).expect("the store is there");
    let whole = intact.len();
    let inside_a_page = [whole - 1, whole - 100, whole - 4_095, 100, 99, 1];
    let at_its_end = [whole - 4_096, whole / 2, 4_096, 0];
    for length in inside_a_page.into_iter().chain(at_its_end) {
        std::fs::write(&path, &intact[..length]).expect("the store can be written");
        assert_refused(&mut server, &format!("{length} bytes of {whole}"));
    }
    std::fs::write(&path, &intact).expect("the store can be written");
    assert_serves_again(&mut server);
}

#[test]
fn a_store_that_is_gone_is_not_taken_for_a_new_one() {
    let mut server = stopped();
    let path = server.folder().path().join("refunds.db");
    let kept = server.folder().path().join("kept.db");
    std::fs::rename(&path, &kept).expect("the store is there");
    let said = server.refused_start();
    assert!(said.contains("a store was made here"), "{said}");
    assert!(!path.exists(), "nothing is made in its place");
    std::fs::rename(&kept, &path).expect("it was kept");
    assert_serves_again(&mut server);
}

#[test]
fn a_store_that_was_emptied_next_to_its_wal_is_found_at_the_start() {
    let mut server = Server::usual(Engine::Sqlite);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    let path = server.folder().path().join("refunds.db");
    wait_for("the log to be copied, once all is quiet", || {
        let length = std::fs::metadata(&path).expect("the store is there").len();
        (length > 4_096 * 10).then_some(())
    });
    server.kill9();
    // SQLite would drop the WAL, which holds everything.
    let log = server.folder().path().join("refunds.db-wal");
    let logged = std::fs::read(&log).expect("the log stays");
    for left in [&[][..], b"S"] {
        std::fs::write(&path, left).expect("the store can be written");
        assert_refused(&mut server, &format!("{left:?} is left"));
        let still = std::fs::read(&log).expect("the log stays");
        assert!(logged == still, "the log is not touched");
    }
}

#[test]
fn what_was_never_a_store_is_refused_and_left_as_it_is() {
    let mut server = stopped();
    let path = server.folder().path().join("refunds.db");
    let lines = "order_no,refund_no\n".repeat(1_000);
    std::fs::write(&path, lines).expect("a file can be made");
    assert_refused(&mut server, "a text");

    std::fs::remove_file(&path).expect("it was made");
    let foreign = rusqlite::Connection::open(&path).expect("a database can be made");
    foreign
        .execute_batch("CREATE TABLE refunds (id INTEGER)")
        .expect("a table can be made");
    drop(foreign);
    assert_refused(&mut server, "another program's database");
}

#[test]
fn a_second_process_on_the_same_store_is_refused_and_does_no_harm() {
    let server = Server::usual(Engine::Sqlite);
    let second = server
        .serve_command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let output = second.wait_with_output().expect("it ends by itself");
    assert!(!output.status.success(), "{output:?}");
    assert!(
        !String::from_utf8_lossy(&output.stdout).contains("ready"),
        "{output:?}"
    );
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let clear = ["another process", "already", "in use", "locked"];
    assert!(clear.iter().any(|words| said.contains(words)), "{said}");

    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.event_types().len(), server.refunds("").len());
}

/// Modes of the files in a server's folder whose names begin with `refunds`.
fn modes(server: &Server) -> Vec<(String, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let entries = std::fs::read_dir(server.folder().path()).expect("the folder");
    let entries = entries.map(|entry| entry.expect("an entry"));
    entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
            name.starts_with("refunds").then_some((name, mode))
        })
        .collect()
}

#[test]
fn only_the_owner_reads_what_the_service_keeps_and_older_files_are_tightened() {
    let mut server = Server::usual(Engine::Sqlite);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    let made = modes(&server);
    for name in [
        "refunds.db",
        "refunds.db-wal",
        "refunds.db-shm",
        "refunds.db.lock",
        "refunds.evidence.db",
    ] {
        assert!(made.contains(&(name.to_owned(), 0o600)), "{name}: {made:?}");
    }
    server.kill9();
    for (name, _) in &made {
        let status = std::process::Command::new("chmod")
            .arg("644")
            .arg(server.folder().path().join(name))
            .status();
        assert!(status.expect("chmod").success());
    }
    server.restart();
    let tightened = modes(&server);
    assert!(
        tightened.iter().all(|(_, mode)| *mode == 0o600),
        "{tightened:?}"
    );
    assert!(
        server
            .log()
            .contains("others could read a file of the store"),
        "{}",
        server.log()
    );
    assert_eq!(server.refunds("status=succeeded").len(), 1);
}

#[test]
fn a_page_that_cannot_be_read_fails_the_read_and_not_the_service() {
    let mut server = Server::usual(Engine::Sqlite);
    let old = Notice::new("R-old", "REFUND_SUCCESS").text();
    server.notify(MAIN, &old).expect(200, ACK);
    let id = text(&server.applied("R-old")["id"]);
    for number in 0..40 {
        server.notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
    }
    server.applied("R-39");
    assert_eq!(server.terminate().code(), Some(0));
    let path = server.folder().path().join("refunds.db");
    let mut bytes = std::fs::read(&path).expect("the store");
    // A leaf, whose rows begin behind what bytes 5 and 6 say; elsewhere a split may have left a copy.
    let is_row = |at: usize| {
        let page = &bytes[at / 4_096 * 4_096..];
        let rows_begin = usize::from(page[5]) * 256 + usize::from(page[6]);
        bytes[at..].starts_with(old.as_bytes())
            && [0x0D, 0x0A].contains(&page[0])
            && at % 4_096 >= rows_begin
    };
    let row = (4_096..bytes.len() - old.len()).find(|at| is_row(*at));
    let page = row.expect("the body is in the file") / 4_096;
    bytes[page * 4_096..(page + 1) * 4_096].fill(0xA5);
    std::fs::write(&path, bytes).expect("writable");
    // Longer than what is read through at a start.
    let file = std::fs::File::options().write(true).open(&path);
    file.and_then(|file| file.set_len(1024 * 1024 * 1024 + 4_096))
        .expect("a hole takes no space");

    server.restart();
    for _ in 0..3 {
        let reply = server.get(&format!("/v1/refunds/{id}/callbacks"));
        expect_problem(&reply, 500);
        assert_eq!(reply.json()["code"], "store_damaged", "{}", reply.text());
    }
    let counted = "refund_receiver_store_damaged_reads_total 3\n";
    assert!(server.get("/metrics").text().contains(counted));
    server.notified(&Notice::new("R-new", "REFUND_SUCCESS"));
    server.applied("R-new");
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.terminate().code(), Some(0));
}
