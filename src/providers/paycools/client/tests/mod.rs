//! The bytes of calls, the rules of intents, and what replies mean.

mod bytes;
mod replies;
mod rules;

use std::collections::BTreeMap;

use super::*;
use crate::crypto::test_keys::ours;
use crate::domain::money::{Amount, Money};

const REFUND_NO: &str = "refund488455057142";

fn intent() -> Intent {
    Intent {
        order_no: None,
        provider_payment_no: Some("CU518563189147832780".parse().unwrap()),
        money: money("100"),
        order_amount: None,
        paid_at: None,
        reason: Some("testRefund".to_owned()),
        metadata: BTreeMap::new(),
        provider_fields: BTreeMap::new(),
    }
}

fn money(amount: &str) -> Money {
    Money {
        amount: Amount::parse(amount).unwrap(),
        currency: "MYR".parse().unwrap(),
    }
}

fn outgoing(intent: &Intent) -> Outgoing<'_> {
    Outgoing {
        refund_no: REFUND_NO,
        intent,
        provider_refund_no: None,
        now: "2024-07-31T08:37:39.25Z".parse().unwrap(),
        serial: 1,
    }
}

fn client(form: Form) -> PaycoolsClient {
    PaycoolsClient {
        key: ours(),
        app_id: "733b887a4a784708bb369524db5b6ded".to_owned(),
        base_url: "https://pay.example.com".to_owned(),
        callback_url: "http://www.test.com".to_owned(),
        shown_callback_url: "http://www.test.com".to_owned(),
        locale: Locale {
            currency: "MYR".parse().unwrap(),
            minor_digits: 2,
            utc_offset: jiff::tz::Offset::constant(8),
        },
        refund_no_prefix: None,
        form,
    }
}

fn open_api() -> PaycoolsClient {
    client(Form::OpenApi(TimestampUnit::Seconds))
}

fn flat() -> PaycoolsClient {
    client(Form::Flat { secret: None })
}
