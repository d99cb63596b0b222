//! The store stalls, in part or whole: what blocks transaction 2 never delays an acknowledgement,
//! every callback is answered in time whatever the store does, and `/readyz` reports the stall.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::over::Over;
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::postgres::Database;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server, comes_true, now, wait_for};

/// What a sender waits for an answer, and what a busy machine may add.
const ANSWER_MAX: Duration = Duration::from_millis(6_500);
/// The same for a probe of an orchestrator.
const PROBE_MAX: Duration = Duration::from_millis(2_500);
/// Senders at once, each with a connection of its own.
const SENDERS: usize = 4;
/// Pause of a sender between two callbacks.
const PAUSE: Duration = Duration::from_millis(40);

/// What senders and probes saw.
#[derive(Default)]
struct Seen {
    /// Refund, status and time of each callback.
    answers: Vec<(String, u16, Duration)>,
    /// Status, time and body of each look at `/readyz`.
    probes: Vec<(u16, Duration, String)>,
}

impl Seen {
    fn acked(&self) -> impl Iterator<Item = &String> {
        let acked = self.answers.iter().filter(|(_, status, _)| *status == 200);
        acked.map(|(refund_no, _, _)| refund_no)
    }

    #[track_caller]
    fn assert_in_time(&self) {
        assert!(!self.answers.is_empty() && !self.probes.is_empty());
        for (refund_no, status, took) in &self.answers {
            let is_known = matches!(status, 200 | 503);
            assert!(
                is_known && *took < ANSWER_MAX,
                "{refund_no}: {status} after {took:?}"
            );
        }
        for (status, took, body) in &self.probes {
            assert!(*took < PROBE_MAX, "{status} after {took:?}: {body}");
        }
    }

    /// Acknowledged as quickly as without the fault.
    #[track_caller]
    fn assert_unhindered(&self) {
        let mut times: Vec<_> = self.answers.iter().map(|(_, _, took)| *took).collect();
        times.sort();
        for (refund_no, status, took) in &self.answers {
            assert_eq!(*status, 200, "{refund_no} after {took:?}");
            assert!(*took < Duration::from_secs(2), "{refund_no} took {took:?}");
        }
        let median = times[times.len() / 2];
        assert!(
            median < Duration::from_millis(500),
            "{median:?} of {}",
            times.len()
        );
        for (status, took, body) in &self.probes {
            assert_eq!(*status, 200, "{body}");
            assert!(*took < PROBE_MAX, "{took:?}");
        }
    }
}

/// Sends callbacks and probes `/readyz` while `harm` is done.
fn under_load(server: &Server, name: &str, harm: impl FnOnce()) -> Seen {
    let (over, number) = (Over::default(), AtomicUsize::new(0));
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        let loaded = over.until_dropped();
        let send = || {
            let mut answers = Vec::new();
            while !over.is_over() {
                let number = number.fetch_add(1, Ordering::SeqCst);
                let refund_no = format!("R-{name}-{number}");
                let notice = Notice::new(&refund_no, "REFUND_SUCCESS");
                let started = now();
                let reply = server.notify(MAIN, notice.text());
                answers.push((refund_no, reply.status, started.elapsed()));
                std::thread::sleep(PAUSE);
            }
            answers
        };
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        let probe = scope.spawn(|| {
            let mut probes = Vec::new();
            while !over.is_over() {
                let started = now();
                let reply = server.get_with("/readyz", &[]);
                probes.push((reply.status, started.elapsed(), reply.text().to_owned()));
                std::thread::sleep(PAUSE);
            }
            probes
        });
        harm();
        drop(loaded);
        for sender in senders {
            seen.answers.extend(sender.join().expect("no panic"));
        }
        seen.probes = probe.join().expect("no panic");
    });
    seen
}

fn readyz(server: &Server) -> (u16, String) {
    let reply = server.get_with("/readyz", &[]);
    (reply.status, reply.text().to_owned())
}

#[track_caller]
fn wait_until_ready(server: &Server) {
    wait_for("the service to be ready", || {
        (readyz(server).0 == 200).then_some(())
    });
}

/// Every refund that was acknowledged is there.
#[track_caller]
fn assert_applied(server: &Server, seen: &Seen) {
    server.wait_until_applied();
    for refund_no in seen.acked() {
        assert_eq!(
            server.refunds(&format!("refund_no={refund_no}")).len(),
            1,
            "{refund_no}"
        );
    }
}

/// A service on a database of the shared server, and that database.
fn shared() -> (Server, Arc<Database>) {
    let database = Postgres::shared().database();
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&database);
    (Server::start(&config), database)
}

/// A service on a server of its own.
fn own() -> (Server, Arc<Postgres>) {
    let postgres = Postgres::own(&[]);
    let database = postgres.database();
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&database);
    (Server::start(&config), postgres)
}

/// Holds what `statement` locks for a time, in another's transaction.
fn locked(database: &Database, statement: &str, time: Duration, during: impl FnOnce()) {
    let mut person = database.client();
    let mut transaction = person.transaction().expect("a transaction");
    transaction.batch_execute(statement).expect(statement);
    let since = now();
    during();
    std::thread::sleep(time.saturating_sub(since.elapsed()));
    transaction.rollback().expect("the locks are given back");
}

fn a_table_is_locked_for(time: Duration) {
    let (server, database) = shared();
    let seen = under_load(&server, "table", || {
        locked(&database, "LOCK TABLE refunds IN SHARE MODE", time, || {
            wait_for("the delay to be told", || {
                readyz(&server)
                    .1
                    .contains(r#""applying":"delayed""#)
                    .then_some(())
            });
            let metrics = server.get_with("/metrics", &[]);
            assert!(
                metrics
                    .text()
                    .contains("refund_receiver_applying_delayed 1\n")
            );
            // Those who wait for applying learn in time that it is not done yet, and readers read.
            let started = now();
            assert_eq!(server.epay_errcode("B-locked", "T-locked", "30.00"), 9);
            assert!(started.elapsed() < ANSWER_MAX, "{:?}", started.elapsed());
            server.get("/v1/refunds").expect_json(200);
            assert!(
                started.elapsed() < 2 * ANSWER_MAX,
                "{:?}",
                started.elapsed()
            );
        });
    });
    seen.assert_unhindered();
    assert!(seen.answers.len() > 20);
    assert_applied(&server, &seen);
}

#[test]
fn a_table_that_only_applying_needs_is_locked_and_accepting_does_not_notice() {
    a_table_is_locked_for(Duration::from_secs(6));
}

#[test]
#[ignore = "takes a minute and a half; tests/long runs it"]
fn a_table_that_only_applying_needs_is_locked_for_long() {
    a_table_is_locked_for(Duration::from_secs(90));
}

#[test]
fn a_person_holds_a_refund_and_accepting_does_not_notice() {
    let (server, database) = shared();
    server.notified(&Notice::new("R-held", "REFUND_SUCCESS"));
    server.applied("R-held");
    let seen = under_load(&server, "row", || {
        let hold = "SELECT 1 FROM refunds WHERE refund_no = 'R-held' FOR UPDATE";
        locked(&database, hold, Duration::from_secs(5), || {
            server.notified(&Notice::new("R-held", "REFUND_FAILED"));
        });
    });
    seen.assert_unhindered();
    assert_applied(&server, &seen);
    let refund = server.applied("R-held");
    assert_eq!(refund["attention"][0]["reason"], "conflict", "{refund}");
}

#[test]
fn a_person_holds_a_callback_and_only_its_repeat_is_put_off() {
    let (server, database) = shared();
    let notice = Notice::new("R-held", "REFUND_SUCCESS");
    server.notified(&notice);
    server.applied("R-held");
    let seen = under_load(&server, "callback", || {
        let hold = "SELECT 1 FROM callbacks WHERE refund_no = 'R-held' FOR UPDATE";
        locked(&database, hold, Duration::from_secs(3), || {
            let started = now();
            let reply = server.notify(MAIN, notice.text());
            assert_eq!(reply.status, 503, "{reply:?}");
            assert!(started.elapsed() < ANSWER_MAX, "{:?}", started.elapsed());
        });
    });
    seen.assert_unhindered();
    server.notify(MAIN, notice.text()).expect(200, ACK);
    assert_eq!(server.refunds("refund_no=R-held").len(), 1);
}

/// Harm that keeps everything from being committed: answers come in time all the same, and `/readyz` says it.
#[track_caller]
fn assert_answered_while(server: &Server, name: &str, harm: impl FnOnce(), mend: impl FnOnce()) {
    let seen = under_load(server, name, || {
        harm();
        wait_for("the service to say that it is not ready", || {
            (readyz(server).0 == 503).then_some(())
        });
        // Long enough for the answers of those who came at the beginning.
        std::thread::sleep(ANSWER_MAX);
        assert_eq!(readyz(server).0, 503, "as long as it lasts");
        mend();
        wait_until_ready(server);
    });
    seen.assert_in_time();
    assert!(seen.answers.iter().any(|(_, status, _)| *status == 503));
    wait_for("callbacks to be taken again", || {
        let notice = Notice::new(&format!("R-{name}-after"), "REFUND_SUCCESS");
        (server.notify(MAIN, notice.text()).status == 200).then_some(())
    });
    assert_applied(server, &seen);
}

#[test]
fn the_table_of_callbacks_is_locked_and_every_answer_comes_in_time() {
    let (server, database) = shared();
    let person = std::cell::RefCell::new(database.client());
    let run = |sql: &str| person.borrow_mut().batch_execute(sql).expect("it is done");
    assert_answered_while(
        &server,
        "locked",
        || run("BEGIN; LOCK TABLE callbacks IN ACCESS EXCLUSIVE MODE"),
        || run("ROLLBACK"),
    );
}

#[test]
fn the_server_is_frozen_and_every_answer_comes_in_time() {
    let (server, postgres) = own();
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    assert_answered_while(&server, "frozen", || postgres.freeze(), || postgres.thaw());
}

#[test]
fn the_standby_is_away_and_every_answer_comes_in_time() {
    let (server, postgres) = own();
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    assert_answered_while(
        &server,
        "standby",
        || postgres.set_synchronous(&["missing"]),
        || postgres.set_synchronous(&[]),
    );
}

#[test]
fn a_wait_for_the_standby_that_is_cancelled_is_no_acknowledgement() {
    let (server, postgres) = own();
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    server.applied("R-before");
    postgres.set_synchronous(&["missing"]);
    let reply = std::thread::scope(|scope| {
        let sender =
            scope.spawn(|| server.notify(MAIN, Notice::new("R-one-copy", "REFUND_SUCCESS").text()));
        wait_for("the wait to be cancelled", || {
            let cancel =
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            (!postgres.query(cancel).is_empty()).then_some(())
        });
        sender.join().expect("no panic")
    });
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(server.log().contains("standby was cancelled"), "it is said");
    postgres.set_synchronous(&[]);
    wait_until_ready(&server);
    server
        .notify(MAIN, Notice::new("R-one-copy", "REFUND_SUCCESS").text())
        .expect(200, ACK);
    assert_eq!(server.refunds("refund_no=R-one-copy").len(), 1);
}

#[test]
fn a_server_told_to_commit_asynchronously_loses_no_acknowledgement() {
    let (server, postgres) = own();
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    postgres.set("synchronous_commit", "off");
    for round in 0..3 {
        let mut acked = Vec::new();
        for number in 0..10 {
            let refund_no = format!("R-async-{round}-{number}");
            server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
            acked.push(refund_no);
        }
        postgres.crash();
        postgres.start();
        wait_until_ready(&server);
        wait_for("callbacks to be taken again", || {
            let notice = Notice::new(&format!("R-again-{round}"), "REFUND_SUCCESS");
            (server.notify(MAIN, notice.text()).status == 200).then_some(())
        });
        server.wait_until_applied();
        for refund_no in acked {
            assert_eq!(
                server.refunds(&format!("refund_no={refund_no}")).len(),
                1,
                "{refund_no}"
            );
        }
    }
}

#[test]
fn a_server_told_not_to_sync_is_not_believed_any_more() {
    let (server, postgres) = own();
    for setting in ["fsync", "full_page_writes"] {
        postgres.set(setting, "off");
        wait_for("callbacks to be put off", || {
            let notice = Notice::new("R-unsafe", "REFUND_SUCCESS");
            (server.notify(MAIN, notice.text()).status == 503).then_some(())
        });
        assert_eq!(readyz(&server).0, 503);
        assert!(server.log().contains(&format!("{setting} is off")));
        postgres.set(setting, "on");
        wait_until_ready(&server);
        server.notified(&Notice::new(&format!("R-{setting}"), "REFUND_SUCCESS"));
    }
}

#[test]
fn another_process_holds_the_file_and_every_answer_comes_in_time() {
    let server = Server::usual(Engine::Sqlite);
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    server.applied("R-before");
    let path = server.folder().path().join("refunds.db");
    let other = rusqlite::Connection::open(path).expect("the file is there");
    let run = |sql: &str| {
        assert!(
            comes_true(Duration::from_secs(20), || other.execute_batch(sql).is_ok()),
            "{sql}"
        );
    };
    assert_answered_while(
        &server,
        "held",
        || run("BEGIN IMMEDIATE"),
        || run("ROLLBACK"),
    );
}
