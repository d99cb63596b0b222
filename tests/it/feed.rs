//! Readers that crash at any moment and come back: every event exactly once, by its number, whichever
//! way they read, while callbacks arrive on many connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ENGINE;
use super::stream::{ids, stream_until};
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::{Server, now, wait_for};

/// Concurrent connections, and callbacks of each.
const SENDERS: usize = 8;
const NOTICES: usize = 40;
const EVENTS: usize = SENDERS * NOTICES;

/// Numbers without a pattern, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        let product = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = product.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What a reader has done for good: one entry an event, in the order in which it did them.
type Done = Vec<i64>;

fn sequences(page: &Value) -> Vec<i64> {
    let data = page["data"].as_array().expect("a list");
    data.iter()
        .map(|event| event["sequence"].as_i64().expect("a number"))
        .collect()
}

/// No reader takes longer, whatever became of the senders.
const READ_MAX: Duration = Duration::from_secs(120);

/// Whether some are missing; they come in time.
fn goes_on(done: &Done, started: Instant) -> bool {
    assert!(started.elapsed() < READ_MAX, "{} of {EVENTS}", done.len());
    done.len() < EVENTS
}

/// Follows by pages; dies after having done only a part of one.
fn by_pages(server: &Server) -> Done {
    let (mut done, mut dice) = (Done::new(), Dice(1));
    let started = now();
    while goes_on(&done, started) {
        let after = done.last().copied().unwrap_or(0);
        let page = server
            .get(&format!("/v1/events?after={after}&limit=20&wait=5s"))
            .expect_json(200);
        let events = sequences(&page);
        let survives = dice.below(30);
        done.extend(events.iter().take(survives.try_into().expect("small")));
    }
    done
}

/// Follows the stream; the connection breaks after some events.
fn by_stream(server: &Server) -> Done {
    let (mut done, mut dice) = (Done::new(), Dice(2));
    let started = now();
    while goes_on(&done, started) {
        let survives = usize::try_from(1 + dice.below(40)).expect("small");
        let survives = survives.min(EVENTS - done.len());
        let answer = stream_until(server, done.last().copied(), survives);
        // The other events were not acknowledged: they come again.
        done.extend(ids(&answer).into_iter().take(survives));
    }
    done
}

/// Follows as a named consumer: processed events are stored by number, as a database of the reader would.
/// It dies before or after it acknowledges.
fn by_consumer(server: &Server) -> Done {
    let (mut done, mut dice) = (Done::new(), Dice(3));
    let started = now();
    while goes_on(&done, started) {
        let page = server
            .get("/v1/consumers/ledger/events?limit=20&wait=5s")
            .expect_json(200);
        let events = sequences(&page);
        let survives = usize::try_from(dice.below(30)).expect("small");
        let last_done = done.last().copied().unwrap_or(0);
        done.extend(
            events
                .iter()
                .take(survives)
                .filter(|sequence| **sequence > last_done),
        );
        let dies_before_the_ack = dice.below(3) == 0;
        if let (false, Some(last)) = (dies_before_the_ack, done.last()) {
            server
                .post_as_reader("/v1/consumers/ledger/ack", &json!({ "sequence": last }))
                .expect_json(200);
        }
    }
    done
}

#[test]
fn a_reader_that_dies_and_comes_back_sees_every_event_exactly_once() {
    let server = Server::usual(ENGINE);
    let done = std::thread::scope(|scope| {
        let readers = [
            scope.spawn(|| by_pages(&server)),
            scope.spawn(|| by_stream(&server)),
            scope.spawn(|| by_consumer(&server)),
        ];
        for sender in 0..SENDERS {
            let server = &server;
            scope.spawn(move || {
                for number in 0..NOTICES {
                    let refund_no = format!("R-{sender}-{number}");
                    server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
                }
            });
        }
        readers.map(|reader| reader.join().expect("the reader is done"))
    });
    let every: Done = (1..=i64::try_from(EVENTS).expect("small")).collect();
    for (way, done) in ["pages", "stream", "consumer"].into_iter().zip(done) {
        assert_eq!(done, every, "by {way}");
    }
    assert_eq!(server.events().len(), EVENTS, "one event a refund");
}

#[test]
fn many_waiting_readers_are_woken_by_one_event() {
    const WAITING: usize = 50;
    let server = Server::usual(ENGINE);
    let ready = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                scope.spawn(|| {
                    let page = server.get("/v1/events?after=0&wait=30s").expect_json(200);
                    assert!(ready.load(Ordering::SeqCst), "no answer comes too early");
                    sequences(&page)
                })
            })
            .collect();
        ready.store(true, Ordering::SeqCst);
        let told = now();
        server.notified(&Notice::new("R-wake", "REFUND_SUCCESS"));
        for reader in waiting {
            assert_eq!(reader.join().expect("answered"), [1]);
        }
        assert!(told.elapsed().as_secs() < 25, "woken, not timed out");
    });
}

#[test]
fn a_refund_is_waited_for_by_its_own_events_only() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-wait", "REFUND_PENDING"));
    let id = text(&server.applied("R-wait")["id"]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            server
                .get(&format!("/v1/refunds/{id}?wait=30s"))
                .expect_json(200)
        });
        for number in 0..20 {
            server.notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
        }
        wait_for("the others' events", || {
            (server.events().len() == 21).then_some(())
        });
        assert!(!waiting.is_finished(), "other refunds are no answer");
        server.notified(&Notice::new("R-wait", "REFUND_SUCCESS"));
        let refund = waiting.join().expect("answered");
        assert_eq!(refund["status"], "succeeded");
    });
}

#[test]
fn a_page_shorter_than_its_limit_holds_everything_committed() {
    let server = Server::usual(ENGINE);
    for number in 1..=25 {
        let refund_no = format!("R-{number}");
        server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
        // Once its refund shows, the event is committed.
        server.applied(&refund_no);
        for path in ["/v1/events?after=0&limit=1000", "/v1/consumers/all/events"] {
            let page = server.get(path).expect_json(200);
            assert_eq!(page["next"], number, "{path}");
        }
    }
}
