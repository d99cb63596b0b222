//! The rules of endpoint state, without an endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::crypto::{WebhookSecret, WebhookSecrets};
use crate::domain::ids::{EventId, RefundId};
use crate::feed::Event;
use crate::outbound::address::EndpointUrl;
use crate::push::endpoint::Schedule;
use crate::push::headers::Headers;

/// In seconds; jitter changes each by a tenth at most.
const PAUSES: [u64; 2] = [10, 100];

const UNDER_WAY_MAX: usize = 4;

fn endpoint() -> Endpoint {
    let secret = WebhookSecret::parse(&WebhookSecret::generate_text()).unwrap();
    Endpoint {
        name: "erp".to_owned(),
        url: EndpointUrl::parse("https://erp.example.com/", false).unwrap(),
        headers: Headers::default(),
        secrets: WebhookSecrets::new(vec![secret]).unwrap(),
        kinds: Vec::new(),
        allow_private: false,
        roots: None,
        schedule: Schedule::new(PAUSES.map(Duration::from_secs).to_vec()).unwrap(),
        disable_after: Duration::from_secs(10_000),
        max_in_flight: UNDER_WAY_MAX,
    }
}

fn row(pushed_sequence: i64) -> EndpointRow {
    EndpointRow {
        name: "erp".to_owned(),
        revision: 0,
        pushed_sequence,
        failing_since: None,
        failures: 0,
        last_error: None,
        last_success_at: None,
        disabled: None,
        leased_by: None,
        leased_until: at(0),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// One endpoint that gets events 1, 2, 3 … of these refunds.
struct Play {
    endpoint: Endpoint,
    state: EndpointState,
    /// The parked events in the store.
    stored: BTreeMap<i64, ParkedPush>,
}

impl Play {
    fn of(refunds: &[u128]) -> Self {
        let mut play = Self {
            endpoint: endpoint(),
            state: EndpointState::new(row(0), Vec::new(), UNDER_WAY_MAX),
            stored: BTreeMap::new(),
        };
        play.add(1, refunds);
        play
    }

    fn add(&mut self, first: i64, refunds: &[u128]) {
        for (sequence, refund) in (first..).zip(refunds) {
            let event = Event {
                sequence,
                id: EventId::new(Uuid::from_u128(1)),
                kind: "refund.succeeded".to_owned(),
                refund_id: Some(RefundId::new(Uuid::from_u128(*refund))),
                json: "{}".to_owned(),
            };
            self.state.backlog.take(Arc::new(event), true);
        }
    }

    /// Everything that is sent at this second, and is then in flight.
    fn sent(&mut self, second: i64) -> Vec<i64> {
        let mut sent = Vec::new();
        while let Some(next) = self.state.next(at(second)) {
            sent.push(match next {
                NextEvent::Fresh(event) => event.sequence,
                NextEvent::Parked(sequence) => sequence,
            });
        }
        sent
    }

    fn ends(&mut self, sequence: i64, outcome: Outcome, second: i64) {
        self.state
            .note(&self.endpoint, sequence, outcome, at(second), 127);
    }

    fn fails(&mut self, sequence: i64, second: i64) {
        let outcome = Outcome::Failed {
            why: "it answered 500".to_owned(),
            retry_after: None,
        };
        self.ends(sequence, outcome, second);
    }

    fn is_taken(&mut self, sequence: i64, second: i64) {
        self.ends(sequence, Outcome::Delivered, second);
    }

    /// The state that another process loads after everything was saved.
    fn restarted(mut self) -> Self {
        let mut told = self.state.unsaved().expect("something to save");
        told.row.leased_by = None;
        for (sequence, parked) in told.parked {
            match parked {
                Some(parked) => self.stored.insert(sequence, parked),
                None => self.stored.remove(&sequence),
            };
        }
        let pushed = told.row.pushed_sequence;
        let parked = self.stored.values().cloned();
        let parked = parked.filter(|one| one.given_up_at.is_none() || one.sequence > pushed);
        self.state = EndpointState::new(told.row, parked.collect(), UNDER_WAY_MAX);
        self
    }
}

#[test]
fn one_event_of_a_refund_is_under_way_at_a_time() {
    let mut play = Play::of(&[7, 7, 8, 7, 9]);
    assert_eq!(play.sent(0), [1, 3, 5]);
    play.is_taken(3, 1);
    assert_eq!(play.sent(1), [0; 0]);
    assert_eq!(play.state.backlog.pushed(), 0, "1 is not delivered yet");
    play.is_taken(1, 1);
    assert_eq!(play.sent(1), [2]);
    play.is_taken(2, 2);
    assert_eq!(play.sent(2), [4]);
    play.is_taken(5, 2);
    assert_eq!(play.state.backlog.pushed(), 3);
    play.is_taken(4, 3);
    assert_eq!(play.state.backlog.pushed(), 5);
}

#[test]
fn few_are_under_way_at_a_time() {
    let refunds: Vec<u128> = (1..=20).collect();
    let mut play = Play::of(&refunds);
    assert_eq!(play.sent(0).len(), UNDER_WAY_MAX);
}

#[test]
fn what_is_not_taken_waits_with_its_refund_and_the_rest_goes_on() {
    let mut play = Play::of(&[7, 7, 8]);
    assert_eq!(play.sent(0), [1, 3]);
    play.fails(1, 0);
    play.is_taken(3, 0);
    assert_eq!(play.state.backlog.pushed(), 3, "parked is passed by");
    play.add(4, &[7, 9]);
    assert_eq!(play.sent(1), [5], "refund 7 waits");
    play.is_taken(5, 1);

    let mut play = play.restarted();
    assert_eq!(play.sent(8), [0; 0], "not before its time");
    assert_eq!(play.sent(12), [1]);
    play.is_taken(1, 12);
    assert_eq!(play.sent(12), [2], "then the next, at once");
    play.is_taken(2, 12);
    assert_eq!(play.sent(12), [4]);
}

#[test]
fn a_failing_endpoint_is_tried_one_at_a_time_and_gets_everything_once_it_is_back() {
    let mut play = Play::of(&[1, 2, 3, 4, 5, 6]);
    assert_eq!(play.sent(0), [1, 2, 3, 4]);
    for sequence in 1..=4 {
        play.fails(sequence, 0);
    }
    assert_eq!(play.sent(5), [0; 0], "nothing fresh is tried");
    assert_eq!(play.sent(12), [1], "one alone");
    play.fails(1, 12);
    assert_eq!(play.sent(13), [2]);
    play.is_taken(2, 13);
    assert_eq!(
        play.sent(13),
        [1, 3, 4, 5],
        "everything, whatever its pause"
    );
}

#[test]
fn only_what_is_refused_while_others_are_taken_is_given_up() {
    let mut play = Play::of(&[7, 7]);
    assert_eq!(play.sent(0), [1]);
    play.fails(1, 0);
    assert_eq!(play.sent(12), [1]);
    play.fails(1, 12);
    assert_eq!(play.sent(130), [1]);
    play.fails(1, 130);
    assert_eq!(play.sent(200), [0; 0], "the last pause, again and again");
    assert_eq!(play.sent(250), [1], "as nothing at all was taken");

    play.add(3, &[8]);
    play.fails(1, 250);
    play.state.row.failures = 0; // The endpoint is not failing as a whole.
    assert_eq!(play.sent(251), [3]);
    play.is_taken(3, 251);
    assert_eq!(play.sent(400), [1]);
    play.fails(1, 400);
    let given_up = play.state.unsaved().unwrap().parked;
    let first = given_up.first().and_then(|(_, parked)| parked.as_ref());
    assert_eq!(first.and_then(|one| one.given_up_at), Some(at(400)));
    assert_eq!(play.sent(400), [2], "its refund goes on");
}

#[test]
fn what_is_parked_keeps_its_record_when_it_is_met_again_behind_the_kept_place() {
    const REFUNDS: [u128; 4] = [1, 2, 2, 3];
    // The first stays in flight all the time, so the cursor stays before everything.
    let mut play = Play::of(&REFUNDS);
    assert_eq!(play.sent(0), [1, 2, 4]);
    play.fails(2, 0);
    play.is_taken(4, 1);

    let mut play = play.restarted();
    play.add(1, &REFUNDS);
    assert!(play.state.unsaved().is_none(), "no record is new");
    assert_eq!(play.sent(5), [1, 4], "2 by its schedule, 3 behind it");
    play.is_taken(4, 5);
    assert_eq!(play.sent(12), [2]);
    play.fails(2, 12);

    let mut play = play.restarted();
    play.add(1, &REFUNDS);
    assert_eq!(play.sent(100), [1, 4], "the second pause is longer");
    play.is_taken(4, 100);
    assert_eq!(play.sent(130), [2]);
    play.fails(2, 130);
    let given_up = Some(at(130));
    assert_eq!(play.state.backlog.pushed(), 0, "1 is not delivered yet");

    let mut play = play.restarted();
    assert_eq!(play.stored[&2].attempts, 3);
    assert_eq!(play.stored[&2].given_up_at, given_up);
    play.add(1, &REFUNDS);
    assert!(play.state.unsaved().is_none(), "no record is new");
    assert_eq!(play.sent(200), [3, 1, 4], "never 2 again");
    for sequence in [1, 3, 4] {
        play.is_taken(sequence, 200);
    }
    assert_eq!(play.state.backlog.pushed(), 4);
    let play = play.restarted();
    assert_eq!(play.stored[&2].given_up_at, given_up);
}

#[test]
fn gone_and_nothing_but_failures_disable() {
    let mut play = Play::of(&[1, 2]);
    assert_eq!(play.sent(0), [1, 2]);
    play.ends(1, Outcome::Gone, 0);
    assert_eq!(play.state.row.disabled, Some((at(0), DisabledReason::Gone)));
    play.is_taken(2, 1);
    assert_eq!(play.sent(9_999), [0; 0]);
    assert_eq!(play.state.capacity(), 0, "and nothing more is read");
    assert_eq!(play.state.next_due(), None);

    let mut play = Play::of(&[1]);
    play.sent(0);
    play.fails(1, 0);
    play.sent(9_999);
    play.fails(1, 9_999);
    assert_eq!(play.state.row.disabled, None);
    play.sent(10_200);
    play.fails(1, 10_200);
    let failing = Some((at(10_200), DisabledReason::Failing));
    assert_eq!(play.state.row.disabled, failing);
}

#[test]
fn a_success_ends_the_count_towards_being_disabled() {
    let mut play = Play::of(&[1, 2]);
    play.sent(0);
    play.fails(1, 0);
    play.is_taken(2, 9_000);
    play.sent(9_000);
    play.fails(1, 11_000);
    assert_eq!(play.state.row.disabled, None);
    assert_eq!(play.state.row.failing_since, Some(at(11_000)));
}

#[test]
fn an_endpoint_that_asks_for_a_pause_gets_it() {
    let mut play = Play::of(&[1]);
    play.sent(0);
    let asks = Outcome::Failed {
        why: "it answered 429".to_owned(),
        retry_after: Some(Duration::from_secs(60)),
    };
    play.ends(1, asks, 0);
    assert_eq!(play.sent(59), [0; 0]);
    assert_eq!(play.sent(60), [1]);
}

#[test]
fn a_clock_that_is_put_forward_disables_nothing() {
    let mut play = Play::of(&[7]);
    let day = Duration::from_secs(86_400);
    let failed = || Outcome::Failed {
        why: "it answered 503".to_owned(),
        retry_after: None,
    };
    play.state.keep_time(at(0), Duration::ZERO);
    play.state.note(&play.endpoint, 1, failed(), at(0), 0);
    // Five days by the wall clock, twenty seconds by the monotonic one.
    play.state.keep_time(at(432_000), Duration::from_secs(20));
    play.state.note(&play.endpoint, 1, failed(), at(432_000), 0);
    assert_eq!(play.state.row.disabled, None);
    // A day by both clocks.
    play.state.keep_time(at(432_000 + 86_400), day);
    play.state
        .note(&play.endpoint, 1, failed(), at(432_000 + 86_400), 0);
    assert!(play.state.row.disabled.is_some());
}
