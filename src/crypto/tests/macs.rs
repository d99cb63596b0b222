//! Suffix-secret digests and signatures of relayed messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::{
    DigestError, SuffixSecret, WebhookMessage, WebhookProof, WebhookSecret, WebhookSecretError,
    WebhookSecrets, WebhookSignatureError,
};

/// The example of the Standard Webhooks libraries.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const SECONDS: i64 = 1_649_367_553;
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

fn secrets(texts: &[&str]) -> WebhookSecrets {
    let parsed = texts.iter().map(|text| WebhookSecret::parse(text).unwrap());
    WebhookSecrets::new(parsed.collect()).unwrap()
}

fn at(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap()
}

fn message<'a>(id: &'a str, timestamp: &'a str, signature: &'a str) -> WebhookMessage<'a> {
    WebhookMessage {
        id: Some(id),
        timestamp: Some(timestamp),
        signature: Some(signature),
        body: BODY,
    }
}

#[test]
fn the_documented_digests_are_made_and_believed() {
    let secret = SuffixSecret::new("xxxxxxx");
    let text = "amount=100.00&appId=f90addc4861540ef9312e87d8f360e08&version=1.0&secret=";
    let digest = "c3a0899eec806b0ed2a0b139a1f50ae3ac06b98a";
    assert_eq!(secret.sha1_hex(text), digest);
    for (said, verdict) in [
        (Some(digest), Ok(())),
        (Some(digest.to_uppercase().as_str()), Ok(())),
        (Some(&digest[1..]), Err(DigestError::Mismatch)),
        (
            Some("d3a0899eec806b0ed2a0b139a1f50ae3ac06b98a"),
            Err(DigestError::Mismatch),
        ),
        (Some(""), Err(DigestError::Missing)),
        (None, Err(DigestError::Missing)),
    ] {
        assert_eq!(secret.verify_sha1_hex(text, said), verdict, "{said:?}");
    }
    assert!(
        SuffixSecret::new("other")
            .verify_sha1_hex(text, Some(digest))
            .is_err()
    );
}

#[test]
fn the_published_signature_is_made_and_believed() {
    let secret = WebhookSecret::parse(SECRET).unwrap();
    assert_eq!(secret.sign(ID, SECONDS, BODY), SIGNATURE);
    let secrets = secrets(&[SECRET]);
    let proof = secrets.verify(&message(ID, "1649367553", SIGNATURE), at(SECONDS));
    let expected = WebhookProof {
        secret_id: secret.id(),
        message_id: ID,
    };
    assert_eq!(proof, Ok(expected));
}

#[test]
fn any_secret_of_a_rotation_is_believed_also_among_foreign_signatures() {
    let other = WebhookSecret::generate_text();
    let list = format!("v1a,AAAA v1,AAAA  {SIGNATURE}");
    for texts in [[SECRET, other.as_str()], [other.as_str(), SECRET]] {
        let secrets = secrets(&texts);
        let proof = secrets
            .verify(&message(ID, "1649367553", &list), at(SECONDS))
            .unwrap();
        assert_eq!(proof.secret_id, WebhookSecret::parse(SECRET).unwrap().id());
    }
    let stranger = secrets(&[&other]);
    assert_eq!(
        stranger.verify(&message(ID, "1649367553", &list), at(SECONDS)),
        Err(WebhookSignatureError::Mismatch)
    );
}

#[test]
fn the_tolerance_includes_its_last_second() {
    let secrets = secrets(&[SECRET]);
    let message = message(ID, "1649367553", SIGNATURE);
    for shift in [-300, 300] {
        assert!(
            secrets.verify(&message, at(SECONDS + shift)).is_ok(),
            "{shift}"
        );
    }
    for shift in [-301, 301] {
        assert_eq!(
            secrets.verify(&message, at(SECONDS + shift)),
            Err(WebhookSignatureError::OutsideTolerance),
            "{shift}"
        );
    }
}

#[test]
fn every_part_is_covered_by_the_signature_or_refused() {
    use WebhookSignatureError::{Id, Mismatch, Missing, Timestamp as Time};
    let secrets = secrets(&[SECRET]);
    let long = "x".repeat(129);
    let unprefixed = &SIGNATURE[3..];
    let v2 = SIGNATURE.replace("v1", "v2");
    for (id, time, signature, expected) in [
        ("msg_28", "1649367553", SIGNATURE, Mismatch),
        (ID, "1649367554", SIGNATURE, Mismatch),
        (ID, "1649367553", unprefixed, Mismatch),
        (ID, "1649367553", &v2, Mismatch),
        (ID, "1649367553", &SIGNATURE[..8], Mismatch),
        (ID, "1649367553", "v1,", Mismatch),
        (ID, "1649367553", "", Missing("webhook-signature")),
        (ID, "", SIGNATURE, Missing("webhook-timestamp")),
        ("", "1649367553", SIGNATURE, Missing("webhook-id")),
        ("a.b", "1649367553", SIGNATURE, Id),
        ("a b", "1649367553", SIGNATURE, Id),
        (&long, "1649367553", SIGNATURE, Id),
        (ID, "now", SIGNATURE, Time),
        (ID, "+1649367553", SIGNATURE, Time),
        (ID, "1649367553.0", SIGNATURE, Time),
        (ID, "-1", SIGNATURE, Time),
        (ID, "9999999999999", SIGNATURE, Time),
    ] {
        let verdict = secrets.verify(&message(id, time, signature), at(SECONDS));
        assert_eq!(verdict, Err(expected), "{id} {time} {signature}");
    }
    let mut changed = message(ID, "1649367553", SIGNATURE);
    changed.body = b"{}";
    assert_eq!(secrets.verify(&changed, at(SECONDS)), Err(Mismatch));
    changed.id = None;
    assert_eq!(
        secrets.verify(&changed, at(SECONDS)),
        Err(Missing("webhook-id"))
    );
}

#[test]
fn weak_and_misspelt_secrets_are_refused_and_none_is_shown() {
    let error = |text: &str| WebhookSecret::parse(text).err();
    assert_eq!(
        error("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        Some(WebhookSecretError::Prefix)
    );
    assert_eq!(
        error("whsec_not base64"),
        Some(WebhookSecretError::NotBase64)
    );
    assert_eq!(error("whsec_"), Some(WebhookSecretError::TooShort(0)));
    let short = format!("whsec_{}", STANDARD.encode([7; 23]));
    assert_eq!(error(&short), Some(WebhookSecretError::TooShort(23)));
    assert_eq!(
        WebhookSecrets::new(Vec::new()).err(),
        Some(WebhookSecretError::None)
    );
    let shown = format!(
        "{:?} {:?}",
        secrets(&[SECRET]),
        SuffixSecret::new("hidden-text")
    );
    assert!(
        !shown.contains(&SECRET[6..]) && !shown.contains("hidden-text"),
        "{shown}"
    );
}
