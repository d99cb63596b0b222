//! The bytes of calls, the rules of intents, and what replies mean.

mod bytes;
mod replies;
mod rules;

use std::collections::BTreeMap;

use super::*;
use crate::crypto::RingKey;
use crate::crypto::test_keys::{OURS, PROVIDER, ours};
use crate::domain::money::{Amount, Money};

const NOW: &str = "2022-01-17T09:20:54.047Z";
const REFUND_NO: &str = "R1642411016202";

fn intent() -> Intent {
    Intent {
        order_no: Some("P1642410680681".parse().unwrap()),
        provider_payment_no: None,
        money: money("10000", "IDR"),
        order_amount: None,
        paid_at: None,
        reason: None,
        metadata: BTreeMap::new(),
        provider_fields: BTreeMap::new(),
    }
}

fn money(amount: &str, currency: &str) -> Money {
    Money {
        amount: Amount::parse(amount).unwrap(),
        currency: currency.parse().unwrap(),
    }
}

fn outgoing(intent: &Intent) -> Outgoing<'_> {
    Outgoing {
        refund_no: REFUND_NO,
        intent,
        provider_refund_no: None,
        now: NOW.parse().unwrap(),
        serial: 1,
    }
}

fn client(generation: Generation) -> PayermaxClient {
    let key = RingKey {
        id: "2026".to_owned(),
        key: PROVIDER.verifying_key().clone(),
        not_before: None,
        not_after: None,
    };
    PayermaxClient {
        key: ours(),
        keys: KeyRing::new(vec![key]).unwrap(),
        base_url: "https://pay.example.com/api/gateway".to_owned(),
        merchant_no: "020213827212251".to_owned(),
        callback_url: None,
        generation,
    }
}

fn new_api() -> Generation {
    Generation::New(NewApi {
        app_id: "3b242b56a8b64274bcc37dac281120e3".to_owned(),
        version: "1.5".to_owned(),
        key_version: "1".to_owned(),
        sp_merchant_no: None,
        auth_token: None,
    })
}

fn old_api(comment_members: CommentMembers) -> Generation {
    Generation::Old(OldApi { comment_members })
}
