//! Small values: amounts, numbers, times, ids, and keys as people paste them.

use crate::crypto::{MAX_BITS, MIN_BITS, TokenDigest, VerifyingKey, WebhookSecret};
use crate::domain::clock::Moment;
use crate::domain::ids::{CallbackId, EventId, Number, RefundId};
use crate::domain::money::{Amount, Currency};
use crate::providers::network::Network;
use crate::providers::text::{is_printable, printable};

pub(super) fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    amount(&text);
    if let Ok(number) = text.parse::<Number>() {
        assert!(number.as_str() == text && text.is_ascii() && text.len() <= 64);
    }
    if let Ok(moment) = text.parse::<Moment>() {
        let shown = moment.to_string();
        assert_eq!(shown.parse(), Ok(moment), "{shown}");
    }
    for id in [
        text.parse::<RefundId>().map(|id| id.to_string()),
        text.parse::<CallbackId>().map(|id| id.to_string()),
        text.parse::<EventId>().map(|id| id.to_string()),
    ] {
        assert!(
            id.is_err() || id.as_deref() == Ok(&*text),
            "an id has one spelling"
        );
    }
    if let Ok(currency) = text.parse::<Currency>() {
        assert!(currency.code() == text && currency.minor_digits() <= 4);
    }
    if let Some(network) = Network::parse(&text) {
        let address = text
            .split('/')
            .next()
            .and_then(|address| address.parse().ok());
        assert!(address.is_some_and(|address| network.contains(address)));
    }
    let shown = printable(&text);
    assert_eq!(printable(&shown), shown, "what is printable stays as it is");
    assert!(shown.chars().count() <= 256);
    assert!(!is_printable(&text) || text.starts_with(&shown));
}

/// The grammar, character by character, and no rounding on any way back.
fn amount(text: &str) {
    let Ok(amount) = Amount::parse(text) else {
        return;
    };
    let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    assert!(digits(integer) && digits(fraction), "{text}");
    assert!((1..=16).contains(&integer.len()) && (1..=4).contains(&fraction.len()));
    assert!(integer == "0" || !integer.starts_with('0'));
    for decimals in 0..=4 {
        let shown = amount.to_text(decimals);
        assert_eq!(Amount::parse(&shown), Ok(amount), "{text} shown as {shown}");
    }
    let minor = format!("{integer}{fraction:0<4}");
    let minor = match minor.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    assert_eq!(
        Amount::parse_minor(minor, 4),
        Ok(amount),
        "{text} as {minor}"
    );
}

pub(super) fn keys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = VerifyingKey::parse(&text) {
        assert!((MIN_BITS..=MAX_BITS).contains(&key.bits()));
        assert_eq!(key.signature_len(), key.bits().div_ceil(8));
        let forged = vec![0; key.signature_len()];
        assert!(key.verify_sha256(bytes, &forged).is_err());
        assert!(key.verify_sha256_reference(bytes, &forged).is_err());
    }
    if let Ok(secret) = WebhookSecret::parse(&text) {
        assert!(secret.sign("msg_1", 1, bytes).starts_with("v1,"));
        assert!(
            !text.contains(secret.id()),
            "the name of a secret does not tell it"
        );
    }
    if let Ok(digest) = text.parse::<TokenDigest>() {
        assert!(!digest.matches(&text), "the digest is not the token");
    }
}
