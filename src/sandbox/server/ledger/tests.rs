//! How refunds turn, what is due when, and what survives a restart.

use super::*;
use crate::sandbox::server::outcome::Way;

const START: i64 = 1_000_000;

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn accepted(number: &str, outcome: Outcome) -> Accepted {
    Accepted {
        provider: "payermax",
        account: "main",
        form: "payermax",
        key: number.to_owned(),
        number: number.to_owned(),
        payment: "P1".to_owned(),
        order_no: "P1".to_owned(),
        amount: amount("10"),
        currency: "IDR".to_owned(),
        outcome,
        way: Way::Callback,
        can_cancel: false,
        callback_url: Some("http://127.0.0.1:1/".to_owned()),
    }
}

fn key(number: &str) -> Key {
    ("payermax".to_owned(), number.to_owned())
}

#[test]
fn money_moves_when_the_refund_turns_and_then_a_callback_is_due() {
    let mut ledger = Ledger::default();
    let refund = ledger.accept(accepted("R1", Outcome::Ok), START).unwrap();
    assert_eq!((refund.state, refund.moved), (State::Pending, 0));
    assert_eq!(ledger.advance(START), []);
    assert_eq!(ledger.advance(START + 1_000), [(key("R1"), 0)]);
    let refund = ledger.refund("payermax", "R1").unwrap();
    assert_eq!((refund.state, refund.moved), (State::Succeeded, 1));
    assert_eq!(ledger.next_due(), None);
}

#[test]
fn what_is_lost_is_never_told_and_what_flips_is_told_twice() {
    let mut ledger = Ledger::default();
    ledger.accept(accepted("R1", Outcome::Lost), START).unwrap();
    ledger.accept(accepted("R2", Outcome::Flip), START).unwrap();
    ledger.accept(accepted("R3", Outcome::Dup), START).unwrap();
    let calls = ledger.advance(START + 100_000);
    let expected = [key("R2"), key("R3"), key("R3"), key("R2")];
    let told: Vec<_> = calls.into_iter().map(|(key, _)| key).collect();
    assert_eq!(told, expected);
    let flipped = ledger.refund("payermax", "R2").unwrap();
    assert_eq!((flipped.state, flipped.moved), (State::Failed, 1));
    assert_eq!(ledger.refund("payermax", "R1").unwrap().moved, 1);
}

#[test]
fn a_callback_is_repeated_until_it_is_acknowledged() {
    let mut ledger = Ledger::default();
    ledger.accept(accepted("R1", Outcome::Ok), START).unwrap();
    ledger.advance(START + 1_000);
    let tried = |status| Try {
        at: START,
        status,
        answer: String::new(),
        fault: None,
    };
    ledger.note_try(&key("R1"), 0, tried(None), false, Some(START + 31_000));
    assert_eq!(ledger.advance(START + 30_999), []);
    assert_eq!(ledger.advance(START + 31_000), [(key("R1"), 0)]);
    ledger.note_try(&key("R1"), 0, tried(Some(200)), true, Some(START + 331_000));
    assert_eq!(ledger.next_due(), None);
    assert!(ledger.refund("payermax", "R1").unwrap().callbacks[0].is_acknowledged);
}

#[test]
fn refunds_of_a_payment_add_up_and_a_failure_gives_back() {
    let mut ledger = Ledger::default();
    let payment = Payment {
        provider: "payermax".to_owned(),
        payment: "P1".to_owned(),
        amount: amount("15"),
        currency: "IDR".to_owned(),
        paid_at: START,
    };
    ledger.put_payment(payment.clone()).unwrap();
    ledger.accept(accepted("R1", Outcome::Fail), START).unwrap();
    assert!(!ledger.covers(&payment, amount("6")));
    assert!(ledger.is_busy("payermax", "P1"));
    ledger.advance(START + 1_000);
    assert!(ledger.covers(&payment, amount("15")));
    assert!(!ledger.covers(&payment, amount("15.01")));
    assert!(!ledger.is_busy("payermax", "P1"));
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let dir = std::env::temp_dir().join(format!("sandbox-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let open = || {
        let (log, records) = Log::open(&dir).unwrap();
        Ledger::new(log, records)
    };
    let mut ledger = open();
    ledger.accept(accepted("R1", Outcome::Ok), START).unwrap();
    ledger.accept(accepted("R2", Outcome::Ok), START).unwrap();
    ledger.advance(START + 1_000);
    drop(ledger);
    // A line that was not finished.
    let path = dir.join("sandbox.ndjson");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"kind\":\"refu");
    std::fs::write(&path, text).unwrap();
    let mut ledger = open();
    assert_eq!(ledger.refund("payermax", "R1").unwrap().moved, 1);
    let due = ledger.advance(START + 1_000);
    assert_eq!(due, [(key("R1"), 0), (key("R2"), 0)]);
    assert_eq!(open().refunds().count(), 2);
    std::fs::remove_dir_all(&dir).unwrap();
}
