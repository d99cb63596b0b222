//! Bodies of providers: the JSON reader, the claims, and the text that `PayCools` signs.

use std::collections::BTreeMap;

use jiff::tz::Offset;
use serde_json::Value;

use crate::domain::claim::{Claim, Outcome, Reason, Status};
use crate::domain::ids::ExternalId;
use crate::domain::ids::text::is_deceptive;
use crate::domain::money::{Amount, Currency};
use crate::providers::nmanagement::Nmanagement;
use crate::providers::paycools;
use crate::providers::paycools::Locale;
use crate::providers::payermax;
use crate::providers::quickpay::Quickpay;
use crate::providers::relay::RelayedProvider;
use crate::providers::wire::json::Object;

pub(super) fn payermax(body: &[u8]) {
    check_json(body);
    if let Some(claim) = payermax::unproven_claim(body) {
        check(&claim);
        assert!(!claim.retry_reopens);
    }
}

pub(super) fn paycools(body: &[u8]) {
    check_json(body);
    for (currency, minor_digits) in [("MYR", 2), ("IDR", 0)] {
        let locale = Locale {
            currency: currency.parse().expect("a currency"),
            minor_digits,
            utc_offset: Offset::constant(8),
        };
        let Some((claim, signed)) = paycools::unproven(body, locale) else {
            return;
        };
        check(&claim);
        if let Some(signed) = signed {
            check_signed_text(body, &signed);
        }
    }
}

pub(super) fn quickpay(body: &[u8]) {
    relayed(&Quickpay, body);
}

pub(super) fn nmanagement(body: &[u8]) {
    relayed(&Nmanagement, body);
}

fn relayed(provider: &dyn RelayedProvider, body: &[u8]) {
    let refund_no: ExternalId = "R-1".parse().expect("a number");
    let Ok(claim) = provider.read(&refund_no, body) else {
        assert!(
            Object::parse(body).is_err(),
            "only a body that is no object is rejected"
        );
        return;
    };
    check(&claim);
    assert!(claim.retry_reopens);
    let named = claim.refund_no.as_ref().expect("the relay names it");
    assert_eq!(
        named.as_str(),
        "R-1",
        "a reply never changes the refund number"
    );
    assert!(
        claim
            .money
            .is_none_or(|money| money.currency == Currency::CNY)
    );
}

/// Any body that our JSON reader accepts, `serde_json` accepts too, with the same texts.
fn check_json(body: &[u8]) {
    let Ok(object) = Object::parse(body) else {
        return;
    };
    let other: Value = serde_json::from_slice(body).expect("what we accept is JSON");
    let other = other.as_object().expect("what we accept is an object");
    assert_eq!(
        object.members().count(),
        other.len(),
        "no key is there twice"
    );
    for (name, value) in object.members() {
        let other = other.get(name).expect("the same members");
        assert_eq!(value.text(), other.as_str(), "{name}");
    }
}

/// Invariants of every claim.
fn check(claim: &Claim) {
    let json = serde_json::to_string(claim).expect("a claim is stored as JSON");
    let read: Claim = serde_json::from_str(&json).expect("and read back");
    assert_eq!(read, *claim, "a claim survives being stored");
    if claim.outcome == Outcome::Reported(Status::Succeeded) {
        assert!(claim.money.is_some(), "a success needs its money");
    }
    let is_invalid = claim.outcome == Outcome::Unclear(Reason::InvalidContent);
    assert!(
        !is_invalid || !claim.unreadable.is_empty(),
        "the member is named"
    );
    let failure = claim.failure.clone();
    let (code, message) = failure.map_or((None, None), |failure| (failure.code, failure.message));
    for text in [&claim.provider_status, &code, &message]
        .into_iter()
        .flatten()
    {
        let is_plain = |c: char| c == char::REPLACEMENT_CHARACTER || !is_deceptive(c);
        assert!(
            text.chars().all(is_plain),
            "{text:?} can be stored and shown"
        );
    }
    if let Some(money) = claim.money {
        assert!(!money.amount.is_zero(), "a refund is more than zero");
        assert_eq!(Amount::parse(&money.amount_text()), Ok(money.amount));
    }
    assert!(
        claim.close_out.is_none(),
        "only reports of EPay have an order side"
    );
}

/// The signed text is unambiguous: exactly its members can be parsed out of it again.
fn check_signed_text(body: &[u8], signed: &str) {
    let object = Object::parse(body).expect("it was read before");
    let mut said = BTreeMap::new();
    for (name, value) in object.members() {
        let text = match &value {
            crate::providers::wire::json::Value::Bool(flag) => flag.to_string(),
            other => other.text_or_digits().unwrap_or_default().to_owned(),
        };
        if name != "sign" && !text.is_empty() {
            said.insert(name.to_owned(), text);
        }
    }
    let pairs = signed
        .strip_suffix("secret=")
        .expect("the secret comes last");
    let mut read: Vec<(String, String)> = Vec::new();
    for piece in pairs.strip_suffix('&').unwrap_or(pairs).split('&') {
        match (piece.split_once('='), read.last_mut()) {
            (Some((name, value)), _) => read.push((name.to_owned(), value.to_owned())),
            (None, Some((_, value))) => {
                value.push('&');
                value.push_str(piece);
            }
            (None, None) => assert!(piece.is_empty(), "nothing comes before a name"),
        }
    }
    assert!(read.is_sorted(), "members are in order");
    assert_eq!(read.into_iter().collect::<BTreeMap<_, _>>(), said);
}
