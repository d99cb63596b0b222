//! A call that is repeated refunds once.

use std::collections::BTreeSet;
use std::sync::Barrier;

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::reader::{expect_problem, text};
use crate::harness::sandbox::{Circle, NEVER, Setting, body};
use crate::harness::{Reply, wait_for};

const REFUNDS: &str = "/v1/refunds";

/// Asks for a refund under an idempotency key.
fn keyed(circle: &Circle, key: &str, body: &Value) -> Reply {
    circle
        .server
        .post_as_caller(REFUNDS, &[("idempotency-key", key)], body)
}

fn code(reply: &Reply, status: u16) -> String {
    expect_problem(reply, status);
    text(&reply.json()["code"])
}

#[test]
fn the_same_number_with_the_same_content_is_the_same_refund() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let asked = body("payermax/main", "R1OK");
    let id = circle.request(&asked);
    let again = circle.post(REFUNDS, &asked).expect_json(200);
    assert_eq!(again["id"], json!(id));
    circle.comes_to(&id, "done");
    // Amounts are compared, not their spelling; absent is null.
    let mut spelled = asked.clone();
    spelled["amount"] = json!("10000.00");
    spelled["metadata"] = Value::Null;
    assert_eq!(
        circle.post(REFUNDS, &spelled).expect_json(200)["id"],
        json!(id)
    );
    assert_eq!(
        (circle.sandbox.moved("R1OK"), circle.sandbox.sends("R1OK")),
        (1, 1)
    );
    assert_eq!(circle.server.count_events("refund.requested"), 1);
}

#[test]
fn the_same_number_with_other_content_is_a_conflict_that_names_the_refund() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let asked = body("quickpay/store-1", "Q1OK");
    let id = circle.request(&asked);
    for (member, value) in [
        ("amount", json!("9.00")),
        ("order_no", json!("other")),
        ("reason", json!("another")),
        ("metadata", json!({"a": "b"})),
    ] {
        let mut other = asked.clone();
        other[member] = value;
        let reply = circle.post(REFUNDS, &other);
        assert_eq!(code(&reply, 409), "refund_exists", "{member}");
        assert_eq!(reply.json()["refund_id"], json!(id), "{member}");
    }
    circle.comes_to(&id, "done");
    assert_eq!(circle.sandbox.sends("Q1OK"), 1);
    circle.assert_agrees();
}

#[test]
fn a_number_that_is_known_from_callbacks_is_not_sent_again() {
    use crate::harness::payermax::{ACK, MAIN};
    use crate::harness::sandbox::payermax_notice;
    let circle = Circle::start(ENGINE, "real", NEVER);
    let notice = payermax_notice("R1OK", "REFUND_SUCCESS");
    circle.server.notify(MAIN, &notice).expect(200, ACK);
    let refund = circle.server.applied("R1OK");
    assert!(refund["request"].is_null(), "{refund:#}");
    let reply = circle.post(REFUNDS, &body("payermax/main", "R1OK"));
    assert_eq!(code(&reply, 409), "refund_exists");
    assert_eq!(reply.json()["refund_id"], refund["id"]);
    assert_eq!(circle.sandbox.sends("R1OK"), 0);
}

#[test]
fn without_a_number_a_key_is_required_and_a_number_is_made_that_every_provider_takes() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let mut asked = body("nmanagement/ccb", "x");
    asked
        .as_object_mut()
        .expect("an object")
        .remove("refund_no");
    let reply = circle.post(REFUNDS, &asked);
    assert_eq!(code(&reply, 422), "invalid_refund");
    assert_eq!(reply.json()["errors"][0]["pointer"], "/refund_no");

    let first = keyed(&circle, "key-1", &asked).expect_json(202);
    let number = text(&first["refund_no"]);
    let is_plain = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    assert!(
        number.len() == 15 && number.bytes().all(is_plain),
        "{number}"
    );
    // The same answer, and nothing more.
    let again = keyed(&circle, "key-1", &asked).expect_json(202);
    assert_eq!(again["id"], first["id"]);
    let mut other = asked.clone();
    other["amount"] = json!("9.00");
    assert_eq!(
        code(&keyed(&circle, "key-1", &other), 422),
        "idempotency_key_reused"
    );
    let second = keyed(&circle, "key-2", &asked).expect_json(202);
    assert_ne!(second["refund_no"], first["refund_no"]);
    for refund in [&first, &second] {
        circle.comes_to(&text(&refund["id"]), "done");
        assert_eq!(circle.sandbox.moved(&text(&refund["refund_no"])), 1);
    }
    assert_eq!(circle.sandbox.ledger().len(), 2);
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(keyed(&circle, bad, &asked).status, 400, "{bad:?}");
    }
    circle.assert_agrees();
}

#[test]
fn a_key_belongs_to_the_refund_that_it_came_with_whether_that_was_new_or_not() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let asked = body("payermax/main", "R1OK");
    let id = circle.request(&asked);
    let again = keyed(&circle, "key-1", &asked).expect_json(200);
    assert_eq!(again["id"], json!(id));
    let other = keyed(&circle, "key-1", &body("payermax/main", "R2OK"));
    assert_eq!(code(&other, 422), "idempotency_key_reused");
    assert_eq!(circle.sandbox.sends("R2OK"), 0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the window ends now")]
fn a_repeat_is_answered_after_the_window_of_the_provider_has_closed() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let window = jiff::SignedDuration::from_hours(180 * 24) - jiff::SignedDuration::from_secs(5);
    let paid_at = json!((jiff::Timestamp::now() - window).to_string());
    let paid = |number: &str| {
        let mut asked = body("payermax/main", number);
        asked["paid_at"] = paid_at.clone();
        asked
    };
    let id = circle.request(&paid("R1PEND"));
    let other = keyed(&circle, "key-1", &paid("R2PEND")).expect_json(202);
    let mut numbers = (1..).map(|nth| format!("T{nth}PEND"));
    let new = wait_for("a new refund to be too late", || {
        let number = numbers.next().expect("there is no last one");
        let reply = circle.post(REFUNDS, &paid(&number));
        (reply.status == 422).then_some(reply)
    });
    assert_eq!(code(&new, 422), "invalid_refund");
    let again = circle.post(REFUNDS, &paid("R1PEND")).expect_json(200);
    assert_eq!(again["id"], json!(id));
    let again = keyed(&circle, "key-1", &paid("R2PEND")).expect_json(202);
    assert_eq!(again["id"], other["id"]);
    // What differs is still a conflict, and no late refund.
    let mut differs = paid("R1PEND");
    differs["amount"] = json!("9999");
    assert_eq!(code(&circle.post(REFUNDS, &differs), 409), "refund_exists");
}

#[test]
fn a_made_number_begins_as_the_account_says_and_fits_its_provider() {
    let with_prefix = |prefix: &str| {
        let setting = Setting::with(ENGINE, "real", NEVER, |accounts| {
            let named = "account = \"my\"\n";
            accounts.replace(named, &format!("{named}refund_no_prefix = \"{prefix}\"\n"))
        });
        setting.serve()
    };
    let mut asked = body("paycools/my", "x");
    asked
        .as_object_mut()
        .expect("an object")
        .remove("refund_no");
    let longest = "Shop1Shop2Shop3Shop";
    for (prefix, length) in [("M", 15), ("MY", 15), (longest, 32)] {
        let circle = with_prefix(prefix);
        let refund = keyed(&circle, "key-1", &asked).expect_json(202);
        let number = text(&refund["refund_no"]);
        let random = number.strip_prefix(prefix).expect("its prefix");
        let is_plain = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
        assert!(random.bytes().all(is_plain), "{number}");
        assert_eq!(number.len(), length, "{number}");
        circle.comes_to(&text(&refund["id"]), "done");
        assert_eq!(circle.sandbox.moved(&number), 1);
        if prefix != longest {
            continue;
        }
        // A caller's own number has to begin so, too.
        let other = circle.post(REFUNDS, &body("paycools/my", "Z1OK"));
        assert_eq!(other.expect_json(422)["errors"][0]["pointer"], "/refund_no");
    }
    let circle = with_prefix(&format!("{longest}4"));
    let reply = keyed(&circle, "key-1", &asked);
    assert_eq!(code(&reply, 422), "invalid_refund");
    let error = &reply.json()["errors"][0];
    assert_eq!(error["pointer"], "/refund_no");
    assert!(
        text(&error["detail"]).contains("shorten the prefix"),
        "{error}"
    );
    circle.request(&body("paycools/my", &format!("{longest}4OK")));
}

#[test]
fn calls_at_the_same_moment_make_one_refund() {
    const CALLS: usize = 12;
    let circle = Circle::start(ENGINE, "real", NEVER);
    let together = Barrier::new(CALLS);
    let numbered = body("payermax/main", "R1OK");
    let mut made = body("quickpay/store-1", "x");
    made.as_object_mut().expect("an object").remove("refund_no");
    for (asked, key) in [(numbered, None), (made, Some("one-key"))] {
        let replies: Vec<Reply> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..CALLS)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        match key {
                            Some(key) => keyed(&circle, key, &asked),
                            None => circle.post(REFUNDS, &asked),
                        }
                    })
                })
                .collect();
            calls
                .into_iter()
                .map(|call| call.join().expect("no panic"))
                .collect()
        });
        let mut ids = BTreeSet::new();
        for reply in &replies {
            assert!(
                matches!(reply.status, 200 | 202),
                "{}: {}",
                reply.status,
                reply.text()
            );
            ids.insert(text(&reply.json()["id"]));
        }
        assert_eq!(ids.len(), 1);
        let id = ids.first().expect("one");
        let refund = circle.comes_to(id, "done");
        let number = text(&refund["refund_no"]);
        assert_eq!(
            (circle.sandbox.moved(&number), circle.sandbox.sends(&number)),
            (1, 1)
        );
    }
    assert_eq!(circle.server.count_events("refund.requested"), 2);
    circle.assert_agrees();
}
