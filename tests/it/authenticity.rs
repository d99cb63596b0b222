//! Authentication of callbacks: signatures, keys, key dates, and the account inside the signed bytes.
//!
//! Everything rejected here gets the same 401, leaves evidence and touches no refund table.

use super::ENGINE;
use crate::harness::config::{APP_ID, MERCHANT_NO};
use crate::harness::keys::{other_key, provider_key, sha256_hex};
use crate::harness::payermax::{
    ACK, MAIN, Notice, OLD, OLD_ACK, OLD_SAMPLE, SAMPLE, SAMPLE_REFUND_NO, UNAUTHORIZED,
};
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Reply, Server};

/// The provider's published example key, and the signature printed on every page of its manual.
const PRINTED_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzN6tx98b4KZB1uqEuT7P/nWHrYqFdiy+Kzs9KZ6JtSQWb3b45loOsdUxFeaCAt+ZJ0+fNJRDnwc7AiKOlgbw0HT93WRVZXP6cwQV1Bg1XybBxtQE4OcEq+Uzzmd7RoBkQuNmjIUgDYtWPBSekSpZAhWkk4dh8Nd7Qv2BvJNNOISVFcROFgMgbGz80v6WofR4nnTEdTB+j4pR/Q4dhnIROlaWrai+hBPn95sahQ+Ujf7LZgLyhpyQeS+/xsLv29lDI6D+8neR1tsOYdOp8f8QNwDkOroMlzxkQeYsJDLpLG8p58zHSdcLOsopVe2u41uzdrQ8qjhw4FU9eBOmFiteiwIDAQAB";
const PRINTED_SIGN: &str = "FPFVT3o227JrFRbqu19boZCpVVTF9KznxyRawUmxpfXilHV/0yK46haPhAjNu1hPUMy7Vw/ILXhfzffNm4Fj0apWknlTY9OJxnSoQxS9BTFtc61tn5yV1q69x/kkBl82/qwg+XTJ4fOzy7Mar3VaC1E2PlDA6RkkKBUyNE6RYgsdB+Su7an4+4HVTNAnoe74WyvBgxTLMNg28igBTdqxaO3w/UBY6ObVp7vkqkQGdL1Y+HgmMYaAVwrM3+ALWGId0sJ+YqTY4WJ+0xCRGhaSnybiIjZsQEYyID68WNUfuavDLDsEhaMm/HfQvf5p0R1Ltovp3wwJnEbQcjY458iX5A==";

#[track_caller]
fn expect_unauthorized(reply: &Reply) {
    reply.expect(401, UNAUTHORIZED);
    assert_eq!(reply.header("content-type"), "application/json");
}

/// One rejected request, then the proof that only evidence is left of it and that the
/// service goes on.
#[track_caller]
fn refused_with_evidence(path: &str, body: &str, sign: &str) {
    let server = Server::usual(ENGINE);
    expect_unauthorized(&server.post_signed(path, body, sign));
    let evidence = server.evidence_of(1);
    assert_eq!(evidence.len(), 1, "{evidence:#?}");
    assert_eq!(evidence[0].body_sha256, sha256_hex(body));
    assert_eq!(evidence[0].body_length, body.len());
    assert_eq!(evidence[0].body_head, body.as_bytes());
    assert_eq!(evidence[0].path, path);
    assert!(!evidence[0].reason.is_empty());
    server.assert_refund_tables_are_empty();
    assert!(server.refunds("").is_empty() && server.events().is_empty());
    server.notify(MAIN, SAMPLE).expect(200, ACK);
}

#[test]
fn a_tampered_body_is_refused_and_leaves_evidence() {
    let tampered = SAMPLE.replace(r#""refundAmount":10000"#, r#""refundAmount":90000"#);
    refused_with_evidence(MAIN, &tampered, &provider_key().sign(SAMPLE.as_bytes()));
}

#[test]
fn a_tampered_v2_1_body_is_refused_and_leaves_evidence() {
    let tampered = OLD_SAMPLE.replace(r#""status":1"#, r#""status":2"#);
    refused_with_evidence(OLD, &tampered, &provider_key().sign(OLD_SAMPLE.as_bytes()));
}

#[test]
fn a_signature_covers_the_bytes_and_not_the_meaning() {
    let spaced = SAMPLE.replace(r#""msg":"""#, r#""msg": """#);
    refused_with_evidence(MAIN, &spaced, &provider_key().sign(SAMPLE.as_bytes()));
}

#[test]
fn a_signature_of_another_key_is_refused_and_leaves_evidence() {
    refused_with_evidence(MAIN, SAMPLE, &other_key().sign(SAMPLE.as_bytes()));
}

#[test]
fn a_wrong_merchant_under_a_good_signature_is_refused() {
    let body = SAMPLE.replace(MERCHANT_NO, "020213827212252");
    refused_with_evidence(MAIN, &body, &provider_key().sign(body.as_bytes()));
}

#[test]
fn a_wrong_app_under_a_good_signature_is_refused() {
    let body = SAMPLE.replace(APP_ID, "00000000000000000000000000000000");
    refused_with_evidence(MAIN, &body, &provider_key().sign(body.as_bytes()));
}

#[test]
fn a_wrong_v2_1_merchant_under_a_good_signature_is_refused() {
    let body = OLD_SAMPLE.replace("SP12345678", "SP12345679");
    refused_with_evidence(OLD, &body, &provider_key().sign(body.as_bytes()));
}

#[test]
fn an_unknown_account_and_an_unknown_provider_look_like_a_bad_signature() {
    let sign = provider_key().sign(SAMPLE.as_bytes());
    refused_with_evidence("/callbacks/payermax/unknown", SAMPLE, &sign);
    refused_with_evidence("/callbacks/unknown/main", SAMPLE, &sign);
}

#[test]
fn a_notification_of_one_account_is_refused_at_another() {
    refused_with_evidence(OLD, SAMPLE, &provider_key().sign(SAMPLE.as_bytes()));
}

#[test]
fn anything_but_one_canonical_signature_is_refused() {
    let server = Server::usual(ENGINE);
    let good = provider_key().sign(SAMPLE.as_bytes());
    let mut flipped = good.clone().into_bytes();
    flipped[10] = if flipped[10] == b'A' { b'B' } else { b'A' };
    let unpadded = good.trim_end_matches('=').to_owned();
    let signs = [
        String::new(),
        "null".to_owned(),
        "not base64 at all!".to_owned(),
        String::from_utf8(flipped).expect("still text"),
        unpadded,
        format!("{good}AAAA"),
        good[..good.len() - 4].to_owned(),
        good.replace('+', "-").replace('/', "_") + "-",
        format!("{good},{good}"),
        PRINTED_SIGN.to_owned(),
    ];
    for (number, sign) in signs.iter().enumerate() {
        expect_unauthorized(&server.post_signed(MAIN, SAMPLE, sign));
        assert_eq!(
            server.evidence_of(number + 1).len(),
            number + 1,
            "after sign `{sign}`"
        );
    }
    let without = [("content-type", "application/json")];
    expect_unauthorized(&server.post(MAIN, &without, SAMPLE));
    let renamed = [
        ("content-type", "application/json"),
        ("x-sign", good.as_str()),
    ];
    expect_unauthorized(&server.post(MAIN, &renamed, SAMPLE));
    let twice = [
        ("content-type", "application/json"),
        ("sign", good.as_str()),
        ("sign", "AAAA"),
    ];
    expect_unauthorized(&server.post(MAIN, &twice, SAMPLE));
    server.evidence_of(signs.len() + 3);
    server.assert_refund_tables_are_empty();
}

#[test]
fn a_signature_made_by_the_openssl_program_is_believed() {
    let server = Server::usual(ENGINE);
    let sign = provider_key().sign_by_openssl(server.folder().path(), SAMPLE.as_bytes());
    assert_eq!(
        sign,
        provider_key().sign(SAMPLE.as_bytes()),
        "PKCS#1 v1.5 has one signature"
    );
    server.post_signed(MAIN, SAMPLE, &sign).expect(200, ACK);
    assert_eq!(server.applied(SAMPLE_REFUND_NO)["status"], "succeeded");
}

#[test]
fn the_printed_example_signature_opens_no_sample_body() {
    let account = format!(
        "[[accounts]]\nprovider = \"payermax\"\naccount = \"printed\"\n\
         merchant_no = \"{MERCHANT_NO}\"\n\
         public_keys = [{{ id = \"manual\", value = \"{PRINTED_KEY}\" }}]\n"
    );
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml(&account));
    let path = "/callbacks/payermax/printed";
    expect_unauthorized(&server.post_signed(path, SAMPLE, PRINTED_SIGN));
    server.assert_refund_tables_are_empty();
}

#[test]
fn a_key_is_taken_as_one_line_of_base64_too() {
    let account = format!(
        "[[accounts]]\nprovider = \"payermax\"\naccount = \"bare\"\n\
         merchant_no = \"{MERCHANT_NO}\"\npublic_keys = [\
         {{ id = \"value\", value = \"{}\" }}, {{ id = \"file\", file = \"bare.key\" }}]\n",
        provider_key().public_base64()
    );
    let config = ConfigBuilder::bare(ENGINE)
        .toml(&account)
        .file("bare.key", &other_key().public_base64());
    let server = Server::start(&config);
    let path = "/callbacks/payermax/bare";
    server
        .notify(path, Notice::new("R-value", "REFUND_SUCCESS").text())
        .expect(200, ACK);
    let body = Notice::new("R-file", "REFUND_SUCCESS").text();
    server
        .post_signed(path, &body, &other_key().sign(body.as_bytes()))
        .expect(200, ACK);
}

#[test]
fn during_a_rotation_both_keys_are_believed_and_the_used_one_is_noted() {
    let keys = [("spring", provider_key(), ""), ("autumn", other_key(), "")];
    let config = ConfigBuilder::bare(ENGINE).payermax("main", MERCHANT_NO, Some(APP_ID), &keys);
    let server = Server::start(&config);
    for (id, key, _) in keys {
        let refund_no = format!("R-{id}");
        let body = Notice::new(&refund_no, "REFUND_SUCCESS").text();
        server
            .post_signed(MAIN, &body, &key.sign(body.as_bytes()))
            .expect(200, ACK);
        let refund = server.applied(&refund_no);
        assert_eq!(server.callbacks(&text(&refund["id"]))[0]["key_id"], id);
    }
}

#[test]
fn a_key_outside_its_dates_is_not_believed() {
    for dates in [
        ", not_after = \"2020-01-01T00:00:00Z\"",
        ", not_before = \"2999-01-01T00:00:00Z\"",
    ] {
        let keys = [("now", provider_key(), ""), ("other", other_key(), dates)];
        let config = ConfigBuilder::bare(ENGINE).payermax("main", MERCHANT_NO, Some(APP_ID), &keys);
        let server = Server::start(&config);
        let sign = other_key().sign(SAMPLE.as_bytes());
        expect_unauthorized(&server.post_signed(MAIN, SAMPLE, &sign));
        server.evidence_of(1);
        server.assert_refund_tables_are_empty();
        server.notify(MAIN, SAMPLE).expect(200, ACK);
    }
}

#[test]
fn a_key_inside_its_dates_is_believed() {
    let dates =
        ", not_before = \"2020-01-01T00:00:00Z\", not_after = \"2999-01-01T00:00:00+08:00\"";
    let keys = [("dated", provider_key(), dates)];
    let config = ConfigBuilder::bare(ENGINE).payermax("main", MERCHANT_NO, Some(APP_ID), &keys);
    let server = Server::start(&config);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
}

#[test]
fn the_app_may_be_named_by_its_older_member() {
    let server = Server::usual(ENGINE);
    let alias = |refund_no, app_id| Notice {
        app: ("merchantAppId", app_id),
        ..Notice::new(refund_no, "REFUND_SUCCESS")
    };
    server.notified(&alias("R-alias", APP_ID));
    assert_eq!(server.applied("R-alias")["status"], "succeeded");
    let wrong = alias("R-wrong", "00000000000000000000000000000000").text();
    expect_unauthorized(&server.notify(MAIN, wrong));
}

#[test]
fn the_v2_1_sample_is_believed_under_the_same_key() {
    let server = Server::usual(ENGINE);
    server.notify(OLD, OLD_SAMPLE).expect(200, OLD_ACK);
}
