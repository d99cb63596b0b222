//! Small values: amounts, numbers, times, ids, and pasted keys.

use crate::crypto::{MAX_BITS, MIN_BITS, TokenDigest, VerifyingKey, WebhookSecret};
use crate::domain::ids::text::is_deceptive;
use crate::domain::ids::{CallbackId, EventId, ExternalId, Name, RefundId};
use crate::domain::money::decimal::Spelling;
use crate::domain::money::{Amount, Currency, DECIMALS_MAX};
use crate::domain::time::Timestamp;
use crate::providers::accounts::network::Network;
use crate::providers::wire::text::printable;

pub(super) fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    amount(&text);
    if let Ok(number) = text.parse::<ExternalId>() {
        assert_eq!(number.as_str(), text, "exactly as it was sent");
        assert!((1..=128).contains(&text.chars().count()) && text.trim() == text);
        assert!(!text.chars().any(is_deceptive), "{text:?}");
        assert_eq!(
            ExternalId::from_path_part(&number.to_path_part(), 128),
            Ok(number)
        );
    }
    if let Ok(name) = text.parse::<Name>() {
        assert!(name.as_str() == text && text.parse::<ExternalId>().is_ok());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
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
    assert!(text.chars().any(is_deceptive) || text.starts_with(&shown));
}

/// No rounding, and one value in every spelling.
fn amount(text: &str) {
    for spelling in [
        Spelling::Text,
        Spelling::JsonNumber,
        Spelling::Grouped,
        Spelling::Float,
        Spelling::XmlDecimal,
    ] {
        let Ok(amount) = Amount::read(text, spelling, DECIMALS_MAX) else {
            continue;
        };
        assert!(!amount.is_zero(), "{text}");
        for decimals in 0..=4 {
            let shown = amount.to_text(decimals);
            assert_eq!(Amount::parse(&shown), Ok(amount), "{text} shown as {shown}");
        }
        let minor: String = amount.to_text(4).chars().filter(|c| *c != '.').collect();
        let minor = Amount::read_minor(&minor, Spelling::Text, 4);
        assert_eq!(minor, Ok(amount), "{text}");
        if spelling == Spelling::Text {
            assert_eq!(Amount::parse(text), Ok(amount));
            assert!(
                text.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
                "{text}"
            );
        }
    }
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
