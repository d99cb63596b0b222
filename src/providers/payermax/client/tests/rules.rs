//! The rules of intents and of numbers.

use super::*;

/// The pointers that a changed intent is rejected with.
fn rejected(generation: Generation, number: &str, change: impl FnOnce(&mut Intent)) -> Vec<String> {
    let client = client(generation);
    let mut intent = intent();
    change(&mut intent);
    let errors = client.check(Some(number), &intent, NOW.parse().unwrap());
    errors.into_iter().map(|error| error.pointer).collect()
}

#[test]
fn rules_of_an_intent() {
    let new = |change: fn(&mut Intent)| rejected(new_api(), REFUND_NO, change);
    assert!(new(|_| ()).is_empty());
    assert_eq!(new(|it| it.order_no = None), ["/order_no"]);
    assert_eq!(new(|it| it.money = money("1.5", "IDR")), ["/amount"]);
    assert_eq!(new(|it| it.money = money("1.001", "KWD")), ["/amount"]);
    assert_eq!(new(|it| it.money.amount = Amount::ZERO), ["/amount"]);
    assert_eq!(new(|it| it.reason = Some("x".repeat(513))), ["/reason"]);
    assert_eq!(
        new(|it| it.paid_at = "2021-07-21T09:00:00Z".parse().ok()),
        ["/paid_at"]
    );
    assert!(new(|it| it.paid_at = "2021-07-22T09:00:00Z".parse().ok()).is_empty());
    let payment = |it: &mut Intent| it.provider_payment_no = "T1".parse().ok();
    assert_eq!(new(payment), ["/provider_payment_no"]);
    let field = |it: &mut Intent| drop(it.provider_fields.insert("a/b".to_owned(), 1.into()));
    assert_eq!(new(field), ["/provider_fields/a~1b"]);
    let token = |it: &mut Intent| {
        drop(
            it.provider_fields
                .insert("trade_token".to_owned(), 1.into()),
        );
    };
    assert_eq!(new(token), ["/provider_fields/trade_token"]);
    for number in ["", "a-b", "a b", "退", &"9".repeat(65)] {
        assert_eq!(
            rejected(new_api(), number, |_| ()),
            ["/refund_no"],
            "{number}"
        );
    }
}

#[test]
fn the_old_generation_refunds_whole_payments_with_a_reason() {
    let old = |change: fn(&mut Intent)| {
        rejected(old_api(CommentMembers::Both), REFUND_NO, |intent| {
            intent.reason = Some("why".to_owned());
            intent.order_amount = Some(intent.money.amount);
            change(intent);
        })
    };
    assert!(old(|_| ()).is_empty());
    assert_eq!(old(|it| it.reason = None), ["/reason"]);
    assert_eq!(old(|it| it.reason = Some("x".repeat(257))), ["/reason"]);
    assert_eq!(old(|it| it.order_amount = None), ["/order_amount"]);
    assert_eq!(
        old(|it| it.order_amount = Some(Amount::parse("10001").unwrap())),
        ["/amount"]
    );
    let large = |it: &mut Intent| {
        it.money = money("1234567890", "MYR");
        it.order_amount = Some(it.money.amount);
    };
    assert_eq!(old(large), ["/amount"]);
    let token = |it: &mut Intent| {
        drop(
            it.provider_fields
                .insert("trade_token".to_owned(), "T".into()),
        );
    };
    assert_eq!(old(token), ["/provider_fields/trade_token"]);
}

#[test]
fn numbers_differ_by_more_than_case() {
    let client = client(new_api());
    assert_eq!(client.number_key("rf_a1"), client.number_key("RF_A1"));
    assert_eq!(client.warnings("rf_a1", &intent()).len(), 1);
    assert!(client.warnings("RF_A1", &intent()).is_empty());
}
