//! Several keys, their validity, and the reasons of a rejection.

use jiff::{Timestamp, ToSpan as _};

use super::{MESSAGE, SIGNATURE_2048, SIGNATURE_3072, SIGNATURE_4096, fixture, key};
use crate::crypto::{KeyRing, RingError, RingKey, SignatureError};

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().expect("it is a time")
}

fn entry(id: &str, text: &str) -> RingKey {
    RingKey {
        id: id.to_owned(),
        key: key(text),
        not_before: None,
        not_after: None,
    }
}

/// An old key of 2048 bits until `now`, a new one of 3072 bits from `now` on.
fn rotation() -> KeyRing {
    let old = RingKey {
        not_after: Some(now()),
        ..entry("old", fixture!("rsa-2048.pem"))
    };
    let new = RingKey {
        not_before: Some(now()),
        ..entry("new", fixture!("rsa-3072.pem"))
    };
    KeyRing::new(vec![old, new]).expect("the ring is good")
}

fn single() -> KeyRing {
    KeyRing::new(vec![entry("a", fixture!("rsa-2048.pem"))]).expect("the ring is good")
}

#[test]
fn the_key_that_signed_is_named() {
    let ring = KeyRing::new(vec![
        entry("a", fixture!("rsa-3072.pem")),
        entry("b", fixture!("rsa-2048.pem")),
    ])
    .expect("the ring is good");
    assert_eq!(ring.verify(MESSAGE, Some(SIGNATURE_2048), now()), Ok("b"));
    assert_eq!(ring.verify(MESSAGE, Some(SIGNATURE_3072), now()), Ok("a"));
}

#[test]
fn keys_of_one_length_are_all_tried_in_order() {
    let stranger = crate::crypto::SigningKey::generate().expect("there is randomness");
    let ring = KeyRing::new(vec![
        entry("stranger", stranger.public_pem()),
        entry("first", fixture!("rsa-2048.pem")),
        entry("second", fixture!("rsa-2048-pkcs1.pem")),
    ])
    .expect("the ring is good");
    assert_eq!(
        ring.verify(MESSAGE, Some(SIGNATURE_2048), now()),
        Ok("first")
    );
    assert_eq!(
        ring.verify(MESSAGE, Some(&stranger.sign_sha256_base64(MESSAGE)), now()),
        Ok("stranger")
    );
}

#[test]
fn an_altered_message_or_signature_does_not_match() {
    let ring = single();
    let refused = |message: &[u8], text: &str| ring.verify(message, Some(text), now());
    let altered = SIGNATURE_2048.replacen(|_| true, "A", 1);
    assert_ne!(altered, SIGNATURE_2048);
    assert_eq!(refused(MESSAGE, &altered), Err(SignatureError::Mismatch));
    assert_eq!(refused(b"", SIGNATURE_2048), Err(SignatureError::Mismatch));
    for message in [
        &b"refund R1642411016202 succeeded "[..],
        b"Refund R1642411016202 succeeded",
    ] {
        assert_eq!(
            refused(message, SIGNATURE_2048),
            Err(SignatureError::Mismatch)
        );
    }
}

#[test]
fn a_missing_signature_is_missing() {
    assert_eq!(
        single().verify(MESSAGE, None, now()),
        Err(SignatureError::Missing)
    );
    assert_eq!(
        single().verify(MESSAGE, Some(""), now()),
        Err(SignatureError::Missing)
    );
}

#[test]
fn a_signature_has_one_spelling() {
    let ring = single();
    let good = SIGNATURE_2048;
    // 256 bytes end in two padding characters; the digit before them carries four unused bits.
    let (head, digit) = (&good[..good.len() - 3], good.as_bytes()[good.len() - 3]);
    assert!(b"AQgw".contains(&digit) && good.ends_with("=="));
    let unused_bit = format!("{head}{}==", char::from(digit + 1));
    let twins = [
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{}\n{}", &good[..64], &good[64..]),
        good.trim_end_matches('=').to_owned(),
        format!("{}=", good.trim_end_matches('=')),
        format!("{good}="),
        format!("{good}===="),
        unused_bit,
        good.replace('+', "-").replace('/', "_"),
        good.replacen('+', "%2B", 1),
        good.replacen('+', " ", 1),
        format!("{good}\0"),
        "=".to_owned(),
        "é".to_owned(),
    ];
    for twin in twins {
        assert_ne!(twin, good);
        assert_eq!(
            ring.verify(MESSAGE, Some(&twin), now()),
            Err(SignatureError::NotBase64),
            "{twin:?}"
        );
    }
}

#[test]
fn a_signature_has_the_length_of_an_active_key() {
    for text in [
        SIGNATURE_3072,
        SIGNATURE_4096,
        "AAAA",
        &SIGNATURE_2048[..340],
    ] {
        assert_eq!(
            single().verify(MESSAGE, Some(text), now()),
            Err(SignatureError::WrongLength),
            "{text}"
        );
    }
    // An expired key's signature length is not accepted.
    let later = now() + 1.second();
    assert_eq!(
        rotation().verify(MESSAGE, Some(SIGNATURE_2048), later),
        Err(SignatureError::WrongLength)
    );
}

#[test]
fn keys_count_within_their_times_both_ends_included() {
    let ring = rotation();
    let nanosecond = 1.nanosecond();
    assert_eq!(ring.verify(MESSAGE, Some(SIGNATURE_2048), now()), Ok("old"));
    assert_eq!(ring.verify(MESSAGE, Some(SIGNATURE_3072), now()), Ok("new"));
    assert_eq!(
        ring.verify(MESSAGE, Some(SIGNATURE_2048), now() - nanosecond),
        Ok("old")
    );
    assert!(
        ring.verify(MESSAGE, Some(SIGNATURE_2048), now() + nanosecond)
            .is_err()
    );
    assert_eq!(
        ring.verify(MESSAGE, Some(SIGNATURE_3072), now() + nanosecond),
        Ok("new")
    );
    assert!(
        ring.verify(MESSAGE, Some(SIGNATURE_3072), now() - nanosecond)
            .is_err()
    );
}

#[test]
fn without_an_active_key_nothing_is_verified() {
    let future = RingKey {
        not_before: Some(now() + 1.hour()),
        not_after: Some(now() + 2.hours()),
        ..entry("a", fixture!("rsa-2048.pem"))
    };
    let ring = KeyRing::new(vec![future]).expect("the ring is good");
    let at = |time| ring.verify(MESSAGE, Some(SIGNATURE_2048), time);
    assert_eq!(at(now()), Err(SignatureError::NoActiveKey));
    assert_eq!(at(now() + 90.minutes()), Ok("a"));
    assert_eq!(at(now() + 3.hours()), Err(SignatureError::NoActiveKey));
}

#[test]
fn rings_that_make_no_sense_are_refused() {
    let text = fixture!("rsa-2048.pem");
    let refusal = |keys| KeyRing::new(keys).expect_err("the ring must be refused");
    assert_eq!(refusal(vec![]), RingError::Empty);
    assert_eq!(refusal(vec![entry(" ", text)]), RingError::EmptyId);
    assert_eq!(
        refusal(vec![
            entry("a", text),
            entry("b", text),
            entry("a", fixture!("rsa-3072.pem"))
        ]),
        RingError::DuplicateId("a".to_owned())
    );
    for end in [now(), now() - 1.second()] {
        let never = RingKey {
            not_before: Some(now()),
            not_after: Some(end),
            ..entry("a", text)
        };
        assert_eq!(refusal(vec![never]), RingError::Validity("a".to_owned()));
    }
}

#[test]
fn operators_are_warned_of_rings_that_will_not_do() {
    assert_eq!(single().warnings(now()), Vec::<String>::new());
    assert_eq!(
        rotation().warnings(now() + 1.second()),
        [r#"key "old" is no longer valid since 2026-06-01T12:00:00Z"#]
    );
    let twins = KeyRing::new(vec![
        entry("a", fixture!("rsa-2048.pem")),
        entry("b", fixture!("rsa-2048-pkcs1.pem")),
    ])
    .expect("the ring is good");
    assert_eq!(
        twins.warnings(now()),
        [r#"keys "a" and "b" are the same key"#]
    );
    let over = RingKey {
        not_after: Some(now()),
        ..entry("a", fixture!("rsa-2048.pem"))
    };
    let over = KeyRing::new(vec![over]).expect("the ring is good");
    assert_eq!(over.warnings(now() + 1.second()).len(), 2);
    let ids: Vec<&str> = twins.keys().iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
}
