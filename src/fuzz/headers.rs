//! Headers that authenticate a caller.

use crate::crypto::{TokenDigest, WebhookMessage, WebhookSecret, WebhookSecrets};
use crate::http::bearer_of;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The present time and the tolerance of a signed time, in seconds.
const NOW: i64 = 1_700_000_000;
const TOLERANCE: i64 = 300;

/// One `Authorization` header.
pub(super) fn authorization(bytes: &[u8]) {
    let value = String::from_utf8_lossy(bytes);
    let Some(token) = bearer_of(&value) else {
        return;
    };
    assert!(!token.is_empty() && !token.starts_with(' ') && value.ends_with(token));
    assert!(value.as_bytes()[..6].eq_ignore_ascii_case(b"bearer"));
    let digest = TokenDigest::of(token);
    assert!(digest.matches(token), "a token is its own");
    assert!(!digest.matches(&format!("{token} ")), "and no other's");
}

/// The three headers, one per line, then the body.
pub(super) fn relay(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let mut line = || std::str::from_utf8(parts.next()?).ok();
    let (id, timestamp, signature) = (line(), line(), line());
    let body = parts.next().unwrap_or_default();
    let secret = WebhookSecret::parse(SECRET).expect("a secret");
    let secrets = WebhookSecrets::new(vec![secret.clone()]).expect("one secret");
    let now = jiff::Timestamp::from_second(NOW).expect("a moment");
    let verify = |signature| {
        let message = WebhookMessage {
            id,
            timestamp,
            signature,
            body,
        };
        secrets.verify(&message, now)
    };
    let seconds = timestamp.and_then(|text| text.parse::<i64>().ok());
    let good = seconds
        .zip(id)
        .map(|(seconds, id)| secret.sign(id, seconds, body));
    if let Ok(proof) = verify(signature) {
        let (good, said) = (
            good.as_deref().expect("a number"),
            signature.unwrap_or_default(),
        );
        let is_there = said.split(' ').any(|entry| entry == good);
        // A leading zero changes the signed text, so the signature is another.
        let is_plain = timestamp == seconds.map(|it| it.to_string()).as_deref();
        assert!(is_there || !is_plain, "accepted without the signature");
        assert_eq!(Some(proof.message_id), id);
    }
    if let (Ok(_), Some(seconds)) = (verify(good.as_deref()), seconds) {
        assert!((NOW - seconds).abs() <= TOLERANCE, "{seconds} is too far");
        let id = id.unwrap_or_default();
        assert!(
            (1..=128).contains(&id.len()) && !id.contains(['.', ' ', '\0']),
            "{id:?}"
        );
    }
}
