//! Disks that fail, are full, read-only or locked by another process: providers get 503 or nothing, never
//! a success that is not on disk; after a fatal error the next start applies the backlog.

use std::process::ExitStatus;
use std::time::Duration;

use rusqlite::Connection;

use crate::harness::disk::{Mounted, can_mount};
use crate::harness::injection::{Injection, wait_for_log};
use crate::harness::ledger::{Answer, Ledger, mixed, notice, register_orders};
use crate::harness::payermax::Notice;
use crate::harness::{ConfigBuilder, Engine, Server, now, wait_for};

/// Deliveries made ready for one fault.
const DELIVERIES: usize = 60;
/// Writes of a thread after which one finds no space.
const NO_SPACE_AT: [u32; 7] = [1, 2, 3, 5, 8, 13, 40];
/// Exit codes of the outer contract: a store that cannot be used, and trouble while serving.
const STORE_REFUSED: i32 = 3;
const FAILED: i32 = 1;

/// What `/readyz` takes at most, and what a busy machine may add to a limit.
const READY_ANSWER_MAX: Duration = Duration::from_secs(1);
const BUSY_MACHINE: Duration = Duration::from_secs(1);

/// A server whose store lies on a disk that can be filled; the server ends first.
struct Small {
    server: Server,
    disk: Mounted,
}

impl Small {
    fn new(size: &str) -> Self {
        let disk = Mounted::tmpfs(size).expect("a file system in memory can be mounted");
        let config = ConfigBuilder::new(Engine::Sqlite).in_folder(disk.path());
        let server = Server::stopped(&config);
        Self { server, disk }
    }
}

/// Both kinds of deliveries under load; gives what became of them.
fn load(server: &mut Server, round: usize, end: impl FnOnce(&mut Server)) -> Ledger {
    let mut ledger = Ledger::default();
    register_orders(server, round, DELIVERIES);
    ledger.storm(server, &mixed(round, DELIVERIES), 0, end);
    ledger
}

#[track_caller]
fn assert_code(status: ExitStatus, code: i32, what: &str) {
    assert_eq!(status.code(), Some(code), "{what}");
}

/// Readers and probes are served, whatever the disk does.
#[track_caller]
fn assert_alive(server: &Server) {
    let live = server
        .client()
        .send("GET", &format!("{}/livez", server.internal_url), &[], b"");
    assert_eq!(live.status, 200, "{}", live.text());
    server.get("/v1/refunds").expect_json(200);
}

#[test]
fn a_full_disk_puts_callbacks_off_until_there_is_space() {
    if !can_mount() {
        return;
    }
    let mut small = Small::new("6m");
    small.server.restart();
    let disk = &small.disk;
    let mut ballast = None;
    let mut ledger = load(&mut small.server, 0, |_| {
        ballast = Some(disk.fill("ballast"));
    });
    // The space that the WAL file still had is used up now.
    let mut numbers = 0..;
    wait_for("the disk to be full", || {
        let number = numbers.next().expect("endless");
        (ledger.post(&small.server, &notice(1, number)) == Answer::PutOff).then_some(())
    });
    assert_alive(&small.server);
    std::fs::remove_file(ballast.expect("it was filled")).expect("space can be made");
    assert_eq!(
        ledger.post(&small.server, &notice(2, 0)),
        Answer::Success,
        "without a restart"
    );
    ledger.assert_kept(&small.server);
    ledger.assert_whole_after_redelivery(&mut small.server);
    assert_code(small.server.terminate(), 0, "an orderly end");
}

#[test]
fn a_disk_that_is_full_at_the_start_is_said_and_survived() {
    if !can_mount() {
        return;
    }
    let mut small = Small::new("6m");
    let ballast = small.disk.fill("ballast");
    assert_code(
        small.server.start_and_end(),
        STORE_REFUSED,
        "no space for a first start",
    );
    std::fs::remove_file(&ballast).expect("space can be made");
    small.server.restart();
    let mut ledger = load(&mut small.server, 0, |_| {});
    small.server.kill9();

    // The first process rebuilds the WAL index, for which there is no space.
    let index = small.disk.path().join("refunds.db-shm");
    std::fs::remove_file(index).expect("a running store has one");
    small.disk.fill("ballast");
    assert_code(
        small.server.start_and_end(),
        STORE_REFUSED,
        "no space for recovery",
    );
    std::fs::remove_file(&ballast).expect("space can be made");
    small.server.restart();
    ledger.assert_kept(&small.server);
    ledger.assert_whole_after_redelivery(&mut small.server);
}

#[test]
fn a_wal_that_cannot_be_copied_for_want_of_space_stops_no_callback() {
    if !can_mount() {
        return;
    }
    let mut small = Small::new("24m");
    small.server.restart();
    // The WAL has its space already, the database file has none to grow.
    let ballast = small.disk.fill("ballast");
    let mut ledger = load(&mut small.server, 0, |_| {});
    assert_eq!(ledger.acked(), DELIVERIES, "commits need no more space");
    wait_for_log(&small.server, "maintenance of the database failed");
    ledger.assert_kept(&small.server);
    small.server.kill9();
    std::fs::remove_file(ballast).expect("space can be made");
    small.server.restart();
    ledger.assert_whole_after_redelivery(&mut small.server);
}

#[test]
fn a_disk_that_fails_ends_the_service_and_the_next_start_recovers() {
    let faults = [
        "fdatasync:error=EIO:when=1",
        "fdatasync:error=EIO:when=4",
        "fdatasync:error=EIO",
        "pwrite64:error=EIO:when=1",
        "pwrite64:error=EIO:when=5",
        "pwrite64:error=EIO:when=40",
        "pwrite64:error=EIO",
    ];
    let (mut server, mut ledger) = (Server::usual(Engine::Sqlite), Ledger::default());
    for (round, fault) in faults.iter().enumerate() {
        register_orders(&server, round, DELIVERIES);
        let injection = Injection::attach(&server, fault, None);
        ledger.storm(&mut server, &mixed(round, DELIVERIES), 0, |server| {
            assert_code(server.wait_end(), FAILED, fault);
        });
        drop(injection);
        server.restart();
        assert!(
            ledger.lost(&server).is_empty(),
            "{fault}: {:?}",
            ledger.lost(&server)
        );
    }
    ledger.assert_kept(&server);
    ledger.measured(&server, "EIO of a write or sync", faults.len());
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn no_space_at_any_write_puts_callbacks_off_and_nothing_else() {
    let (mut server, mut ledger) = (Server::usual(Engine::Sqlite), Ledger::default());
    for (round, nth) in NO_SPACE_AT.into_iter().enumerate() {
        register_orders(&server, round, DELIVERIES);
        let fault = format!("pwrite64:error=ENOSPC:when={nth}");
        let injection = Injection::attach(&server, &fault, None);
        ledger.storm(&mut server, &mixed(round, DELIVERIES), 0, |_| {});
        drop(injection);
        assert_alive(&server);
    }
    ledger.assert_kept(&server);
    ledger.measured(&server, "ENOSPC of a write", NO_SPACE_AT.len());
    ledger.assert_whole_after_redelivery(&mut server);
    assert_code(server.terminate(), 0, "an orderly end");
}

#[test]
fn an_end_at_any_write_of_the_log_or_the_database_loses_nothing() {
    let (mut server, mut ledger) = (Server::usual(Engine::Sqlite), Ledger::default());
    let writes = [("refunds.db-wal", [1, 4, 30]), ("refunds.db", [1, 3, 6])];
    for (round, (file, nth)) in writes
        .iter()
        .flat_map(|(file, all)| all.iter().map(move |nth| (*file, *nth)))
        .enumerate()
    {
        register_orders(&server, round, DELIVERIES);
        let path = server.folder().path().join(file);
        let fault = format!("pwrite64:signal=KILL:when={nth}");
        let injection = Injection::attach(&server, &fault, Some(&path));
        ledger.storm(&mut server, &mixed(round, DELIVERIES), 0, |server| {
            assert_eq!(
                server.wait_end().code(),
                None,
                "killed at write {nth} of {file}"
            );
        });
        drop(injection);
        server.restart();
        assert!(ledger.lost(&server).is_empty(), "write {nth} of {file}");
    }
    ledger.assert_kept(&server);
    ledger.measured(&server, "kill -9 at the Nth write of a file", 6);
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn a_read_only_disk_is_refused_at_the_start() {
    if !can_mount() {
        return;
    }
    let mut small = Small::new("24m");
    small.server.restart();
    let mut ledger = load(&mut small.server, 0, |_| {});
    assert_code(small.server.terminate(), 0, "an orderly end");
    small.disk.make_read_only(true);
    assert_code(
        small.server.start_and_end(),
        STORE_REFUSED,
        "nothing can be written",
    );
    assert!(
        small.server.log().contains("Read-only file system"),
        "{}",
        small.server.log()
    );
    small.disk.make_read_only(false);
    small.server.restart();
    ledger.assert_whole_after_redelivery(&mut small.server);
}

#[test]
fn a_database_held_by_another_process_is_waited_for_and_then_callbacks_are_put_off() {
    let (mut server, mut ledger) = (Server::usual(Engine::Sqlite), Ledger::default());
    let path = server.folder().path().join("refunds.db");
    let hold = || {
        let other = Connection::open(&path).expect("the database can be opened");
        other
            .execute_batch("BEGIN IMMEDIATE")
            .expect("it can be held");
        other
    };
    assert_eq!(ledger.post(&server, &notice(0, 0)), Answer::Success);
    let other = hold();
    assert_eq!(
        ledger.post(&server, &notice(0, 1)),
        Answer::PutOff,
        "held for too long"
    );
    assert_alive(&server);
    drop(other);
    wait_for("callbacks to be taken again", || {
        (ledger.post(&server, &notice(0, 2)) == Answer::Success).then_some(())
    });

    let mut other = Some(hold());
    ledger.storm(&mut server, &mixed(1, 4), 0, |_| {
        let since = now();
        wait_for("a second", || {
            (since.elapsed() > Duration::from_secs(1)).then_some(())
        });
        other = None;
    });
    assert_eq!(ledger.acked(), 2 + 4, "held for a moment only");

    let other = hold();
    server.kill9();
    assert_code(server.start_and_end(), STORE_REFUSED, "held at the start");
    drop(other);
    server.restart();
    ledger.assert_kept(&server);
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn readiness_follows_commits_within_seconds_and_is_answered_at_once() {
    let server = Server::usual(Engine::Sqlite);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");
    let status = || {
        let asked = now();
        let status = server.get_with("/readyz", &[]).status;
        assert!(asked.elapsed() < READY_ANSWER_MAX, "{:?}", asked.elapsed());
        status
    };
    let path = server.folder().path().join("refunds.db");
    let other = Connection::open(path).expect("the database can be opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    let last_success = now();
    let _work = crate::edge::sent(&server, "R-2");
    wait_for("readiness to end", || (status() == 503).then_some(()));
    let took = last_success.elapsed();
    assert!(took < Duration::from_secs(5) + BUSY_MACHINE, "{took:?}");
    other.execute_batch("ROLLBACK").expect("it is held");
    let recovered = now();
    wait_for("readiness to be back", || (status() == 200).then_some(()));
    let took = recovered.elapsed();
    assert!(took < Duration::from_secs(2) + BUSY_MACHINE, "{took:?}");
}
