//! The rules of intents and of numbers.

use super::*;

/// The pointers that a changed intent is rejected with.
fn rejected(
    client: &PaycoolsClient,
    number: &str,
    change: impl FnOnce(&mut Intent),
) -> Vec<String> {
    let mut intent = intent();
    change(&mut intent);
    let now = outgoing(&intent).now;
    let errors = client.check(Some(number), &intent, now);
    errors.into_iter().map(|error| error.pointer).collect()
}

#[test]
fn rules_of_an_intent() {
    let client = open_api();
    let with = |change: fn(&mut Intent)| rejected(&client, REFUND_NO, change);
    assert!(with(|_| ()).is_empty());
    assert_eq!(
        with(|it| it.provider_payment_no = None),
        ["/provider_payment_no"]
    );
    let long = |it: &mut Intent| it.provider_payment_no = "9".repeat(33).parse().ok();
    assert_eq!(with(long), ["/provider_payment_no"]);
    // It is kept with the intent and not sent.
    assert!(with(|it| it.order_no = "P1".parse().ok()).is_empty());
    assert_eq!(
        with(|it| it.money.currency = "THB".parse().unwrap()),
        ["/currency"]
    );
    assert_eq!(with(|it| it.money = money("1.234")), ["/amount"]);
    assert_eq!(with(|it| it.money.amount = Amount::ZERO), ["/amount"]);
    assert!(with(|it| it.reason = None).is_empty());
    assert_eq!(with(|it| it.reason = Some("x".repeat(201))), ["/reason"]);
    let sub_order = |it: &mut Intent| {
        drop(
            it.provider_fields
                .insert("subOrderId".to_owned(), "W1".into()),
        );
    };
    assert_eq!(with(sub_order), ["/provider_fields/subOrderId"]);
    let old = |it: &mut Intent| it.paid_at = "2024-06-01T08:37:39Z".parse().ok();
    assert!(with(old).is_empty());
    assert!(rejected(&flat(), REFUND_NO, sub_order).is_empty());
    assert_eq!(rejected(&flat(), REFUND_NO, old), ["/paid_at"]);
    for number in ["", "a_b", "a-b", "退", &"9".repeat(33)] {
        assert_eq!(
            rejected(&client, number, |_| ()),
            ["/refund_no"],
            "{number}"
        );
    }
}

#[test]
fn a_number_must_begin_as_its_callbacks_must() {
    let mut client = open_api();
    client.refund_no_prefix = Some("MY".to_owned());
    assert!(rejected(&client, "MY1", |_| ()).is_empty());
    assert_eq!(rejected(&client, "TH1", |_| ()), ["/refund_no"]);
    assert_eq!(client.number_prefix(), Some("MY"));
}
