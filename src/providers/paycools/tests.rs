//! The adapter as a whole: form, signature, claim and acknowledgement.

use jiff::tz::Offset;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crypto::RingKey;
use crate::crypto::test_keys::PROVIDER;
use crate::domain::claim::{Claim, Outcome, Reason, Status};
use crate::providers::sandbox::Sample;

const PARAM: &str = include_str!("../../../tests/fixtures/paycools/param.json");
const FLAT: &str = include_str!("../../../tests/fixtures/paycools/flat.json");
const FLAT_FAILED: &str = include_str!("../../../tests/fixtures/paycools/flat-failed.json");
const PRINTED: &str = include_str!("../../../tests/fixtures/paycools/open-api-printed.json");

fn secret() -> SuffixSecret {
    SuffixSecret::new("test-secret")
}

fn account(with_keys: bool, with_secret: bool) -> Paycools {
    let ring = || {
        KeyRing::new(vec![RingKey {
            id: "a".to_owned(),
            key: PROVIDER.verifying_key().clone(),
            not_before: None,
            not_after: None,
        }])
        .unwrap()
    };
    let locale = Locale {
        currency: "MYR".parse().unwrap(),
        minor_digits: 2,
        utc_offset: Offset::constant(8),
    };
    Paycools::new(with_keys.then(ring), with_secret.then(secret), locale)
}

fn verify_with(account: &Paycools, body: &str) -> Result<ProvenCallback, Rejection> {
    account.verify(&Request {
        header: &|_| None,
        body: body.as_bytes(),
        now: jiff::Timestamp::UNIX_EPOCH,
    })
}

fn verify(body: &str) -> Result<ProvenCallback, Rejection> {
    verify_with(&account(true, true), body)
}

fn verified(notice: ProvenCallback) -> VerifiedClaim {
    match notice.about {
        About::Refund(verified) => *verified,
        About::SomethingElse => panic!("about a refund"),
    }
}

fn claim(notice: ProvenCallback) -> Claim {
    verified(notice).into_parts().0.unwrap()
}

fn envelope(param: &str) -> String {
    json!({ "param": param, "sign": PROVIDER.sign_sha256_base64(param.as_bytes()) }).to_string()
}

fn sample(status: Option<Status>) -> Sample<'static> {
    Sample {
        refund_no: "R-1",
        order_no: "P-1",
        status,
        ..Sample::default()
    }
}

#[track_caller]
fn assert_unauthorized(verdict: &Result<ProvenCallback, Rejection>) {
    assert!(
        matches!(verdict, Err(Rejection::Unauthorized(_))),
        "{verdict:?}"
    );
}

#[track_caller]
fn assert_malformed(verdict: &Result<ProvenCallback, Rejection>) {
    assert!(
        matches!(verdict, Err(Rejection::Malformed(_))),
        "{verdict:?}"
    );
}

#[test]
fn each_form_is_acknowledged_in_its_own_words() {
    let open_api = verify(&envelope(PARAM)).unwrap();
    assert_eq!(
        open_api.acknowledgement,
        r#"{"code":10000,"message":"Success"}"#
    );
    let flat = verify(FLAT).unwrap();
    assert_eq!(
        flat.acknowledgement,
        r#"{"code":1,"msg":"success","data":{}}"#
    );
    assert_eq!(claim(flat).outcome, Outcome::Reported(Status::Succeeded));
}

#[test]
fn made_samples_verify_and_say_what_they_shall() {
    for status in Status::ALL.into_iter().map(Some).chain([None]) {
        let expected = status.map_or(Outcome::Unclear(Reason::StatusUnknown), Outcome::Reported);
        for body in [
            open_api(&sample(status), &PROVIDER).unwrap(),
            flat(&sample(status), &secret()).unwrap(),
        ] {
            assert_eq!(claim(verify(&body).unwrap()).outcome, expected, "{body}");
        }
    }
}

#[test]
fn the_documented_failure_says_success_as_its_event_and_is_a_failure_in_doubt() {
    let claim = claim(verify(FLAT_FAILED).unwrap());
    assert_eq!(claim.outcome, Outcome::Reported(Status::Failed));
    assert_eq!(claim.doubt, Some(Reason::Conflict));
    assert_eq!(claim.failure.unwrap().code.as_deref(), Some("-10009"));
}

#[test]
fn a_form_without_its_key_is_refused() {
    assert_unauthorized(&verify_with(&account(true, false), FLAT));
    assert_unauthorized(&verify_with(&account(false, true), &envelope(PARAM)));
    assert!(verify_with(&account(true, false), &envelope(PARAM)).is_ok());
    assert!(verify_with(&account(false, true), FLAT).is_ok());
}

#[test]
fn a_changed_or_missing_signature_is_refused() {
    assert_unauthorized(&verify(PRINTED));
    let good = envelope(PARAM);
    assert_unauthorized(&verify(&good.replace("10000", "10001")));
    assert_unauthorized(&verify(&good.replace(r#""sign""#, r#""sing""#)));
    assert_unauthorized(&verify(
        &json!({ "param": PARAM, "sign": null }).to_string(),
    ));
    assert_unauthorized(&verify(&json!({ "param": PARAM, "sign": 1 }).to_string()));
    assert_unauthorized(&verify(&FLAT.replace("10000", "10001")));
    assert_unauthorized(&verify(&FLAT.replace(r#""sign""#, r#""sing""#)));
    assert_unauthorized(&verify(
        &FLAT.replace(r#""sign":"fdce83e0"#, r#""sign":"fdce83e1"#),
    ));
    assert!(verify(&FLAT.replace("fdce83e0c687", "FDCE83E0C687")).is_ok());
}

#[test]
fn a_digest_that_vouches_for_other_members_as_well_leaves_everything_open() {
    // Both make the text that the good body was signed over.
    let hidden = FLAT
        .replace(r#","refundReturnTime":"2022-05-31 09:38:06""#, "")
        .replace(
            "refund reson",
            "refund reson&refundReturnTime=2022-05-31 09:38:06",
        );
    let key = |body: &str| verified(verify(body).unwrap()).into_parts().2;
    assert_ne!(
        key(&hidden),
        key(FLAT),
        "it does not take the place of the good body"
    );
    assert_eq!(
        delivery_digest(hidden.as_bytes()).as_ref(),
        Some(key(&hidden).digest())
    );
    let claim = claim(verify(&hidden).unwrap());
    assert_eq!(claim.outcome, Outcome::Unclear(Reason::InvalidContent));
    assert_eq!(claim.unreadable[0].member, "refundReason");
    assert_eq!((claim.money, claim.order_no), (None, None));
    assert!(claim.refund_no.is_some());
    assert_malformed(&verify(&FLAT.replace("10000", "[10000]")));
}

#[test]
fn a_line_break_in_a_text_is_no_other_reading() {
    let body = FLAT.replace("refund reson", "refund\\nreson");
    let text = signature::signed_text(&Object::parse(body.as_bytes()).unwrap()).text;
    let sign = secret().sha1_hex(&text);
    let body = body.replace("fdce83e0c687242089e2e63df3d71ea48270fc2c", &sign);
    assert_eq!(
        claim(verify(&body).unwrap()).outcome,
        Outcome::Reported(Status::Succeeded)
    );
}

#[test]
fn an_event_about_something_else_is_verified_and_has_no_effect() {
    let param = PARAM.replace("payment.refund.success", "payment.success");
    let notice = verify(&envelope(&param)).unwrap();
    assert!(matches!(notice.about, About::SomethingElse));
    assert_eq!(notice.acknowledgement, ACK_OPEN_API);
    assert_unauthorized(&verify(&envelope(&param).replace("10000", "10001")));
    assert_unauthorized(&verify(
        &FLAT.replace("payment.refund.success", "payment.success"),
    ));
}

#[test]
fn what_is_neither_form_is_malformed() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"sign":"x"}"#,
        r#"{"param":{},"sign":"x"}"#,
        "{}{}",
    ] {
        assert_malformed(&verify(body));
    }
    assert_malformed(&verify(&FLAT.replacen(
        '{',
        r#"{"refundStatus":"FAILED","#,
        1,
    )));
}

#[test]
fn a_signed_param_that_is_no_object_is_kept_for_a_person() {
    let doubled = PARAM.replacen('{', r#"{"refundStatus":"FAILED","#, 1);
    for param in ["", "no json", "null", "[]", &doubled] {
        let notice = verify(&envelope(param)).unwrap();
        assert_eq!(notice.acknowledgement, ACK_OPEN_API);
        let claim = claim(notice);
        assert_eq!(
            claim.outcome,
            Outcome::Unclear(Reason::InvalidContent),
            "{param}"
        );
        assert_eq!(claim.refund_no, None);
    }
}

#[test]
fn nothing_outside_the_param_is_read() {
    let mut body: serde_json::Value = serde_json::from_str(&envelope(PARAM)).unwrap();
    body["refundStatus"] = json!("FAILED");
    body["eventName"] = json!("payment.refund.failed");
    let claim = claim(verify(&body.to_string()).unwrap());
    assert_eq!(claim.outcome, Outcome::Reported(Status::Succeeded));
}

#[test]
fn no_secret_shows_in_debug() {
    assert!(!format!("{:?}", account(true, true)).contains("test-secret"));
}

proptest! {
    #[test]
    fn any_flat_body_verifies_and_any_changed_value_does_not(
        reason in "[^&=\\p{Cc}]{0,20}",
        amount in 1..1_000_000_000_u64,
        extra in "[a-z]{1,8}[0-9]",
        value in "[^&=\\p{Cc}]{1,20}",
    ) {
        let mut content: serde_json::Value =
            serde_json::from_str(&flat(&sample(Some(Status::Succeeded)), &secret()).unwrap()).unwrap();
        content["refundReason"] = json!(reason);
        content["refundAmount"] = json!(amount);
        content[&extra] = json!(value);
        let unsigned = content.to_string();
        let text = signature::signed_text(&Object::parse(unsigned.as_bytes()).unwrap()).text;
        content["sign"] = json!(secret().sha1_hex(&text));
        prop_assert!(verify(&content.to_string()).is_ok());

        let names: Vec<String> = content.as_object().unwrap().keys().cloned().collect();
        for name in names.iter().filter(|name| *name != "sign") {
            let mut changed = content.clone();
            changed[name] = match &content[name] {
                serde_json::Value::String(text) => json!(format!("{text}x")),
                other => json!(format!("{other}1")),
            };
            prop_assert!(verify(&changed.to_string()).is_err(), "{name}");
        }
    }
}
