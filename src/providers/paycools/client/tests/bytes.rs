//! The bytes of calls, and what of them is stored.

use super::*;
use crate::crypto::{hex, sha256};
use crate::domain::ids::ExternalId;
use crate::providers::outgoing::Method;
use crate::providers::wire::json::{Object, Value};

/// The members of the open-api envelope.
fn envelope(body: &[u8]) -> (String, String) {
    let body = Object::parse(body).unwrap();
    let text = |name| match body.get(name) {
        Value::Text(text) => text.into_owned(),
        other => panic!("{name}: {other:?}"),
    };
    (text("param"), text("sign"))
}

#[test]
fn the_documented_param_is_written_byte_for_byte_and_signed_as_text() {
    let client = open_api();
    let intent = intent();
    let call = client.refund(&outgoing(&intent));
    assert_eq!(call.url, "https://pay.example.com/open-api/payment/refund");
    let (param, sign) = envelope(&call.body);
    assert_eq!(param.len(), 202);
    assert_eq!(
        hex(&sha256(param.as_bytes())),
        "172fa432d3695dfb386abef7b15fb432ef4a2e3fce2641824439c4a3c989aa73"
    );
    assert_eq!(sign, client.key.sign_sha256_base64(param.as_bytes()));
    assert!(
        call.body
            .starts_with(br#"{"appId":"733b887a4a784708bb369524db5b6ded","sign":""#)
    );
    assert!(call.shown_body.is_none());
}

#[test]
fn the_query_asks_by_the_payment_until_the_refund_has_a_number() {
    let client = client(Form::OpenApi(TimestampUnit::Millis));
    let mut intent = intent();
    let call = client.query(&outgoing(&intent)).unwrap();
    assert_eq!(call.url, "https://pay.example.com/open-api/refund/payments");
    let (param, sign) = envelope(&call.body);
    assert_eq!(
        param,
        r#"{"originalTransactionId":"CU518563189147832780","timestamp":1722415059250}"#
    );
    assert_eq!(sign, client.key.sign_sha256_base64(param.as_bytes()));
    let number: ExternalId = "1818566685947728".parse().unwrap();
    let known = Outgoing {
        provider_refund_no: Some(&number),
        ..outgoing(&intent)
    };
    let (param, _) = envelope(&client.query(&known).unwrap().body);
    assert!(param.starts_with(r#"{"refundTransactionId":"1818566685947728","#));
    intent.provider_payment_no = None;
    assert!(client.query(&outgoing(&intent)).is_none());
}

#[test]
fn the_documented_flat_text_is_signed() {
    let pairs = [
        ("appId", "f90addc4861540ef9312e87d8f360e08"),
        ("mchRefundOrderId", "CCP20220428011068111"),
        ("originalTransactionId", "R2022042801106815674"),
        ("refundAmount", "10000"),
        ("refundReason", "refund reason"),
        ("refundCallbackUrl", "https://example.com/cb"),
    ];
    let text = calls::signed_text(&pairs);
    assert_eq!(
        hex(&sha256(text.as_bytes())),
        "3ced38a35f4c6840294e2696e474612735cf01fcaa13d421ad3af81b8991b917"
    );
}

#[test]
fn the_flat_form_signs_its_sorted_members() {
    let mut intent = intent();
    let waybill = serde_json::Value::from("W1");
    intent
        .provider_fields
        .insert("subOrderId".to_owned(), waybill);
    for secret in [None, Some("s3cret")] {
        let client = client(Form::Flat {
            secret: secret.map(SecretString::from),
        });
        let call = client.refund(&outgoing(&intent));
        assert_eq!(call.url, "https://pay.example.com/api/payment/refund");
        let suffix = secret.map_or(String::new(), |secret| format!("&secret={secret}"));
        let signed = format!(
            "appId=733b887a4a784708bb369524db5b6ded&mchRefundOrderId=refund488455057142&originalTransactionId=CU518563189147832780&refundAmount=10000&refundCallbackUrl=http://www.test.com&refundReason=testRefund&subOrderId=W1{suffix}"
        );
        let sign = client.key.sign_sha256_base64(signed.as_bytes());
        let expected = format!(
            r#"{{"appId":"733b887a4a784708bb369524db5b6ded","mchRefundOrderId":"refund488455057142","originalTransactionId":"CU518563189147832780","refundAmount":10000,"refundCallbackUrl":"http://www.test.com","refundReason":"testRefund","subOrderId":"W1","sign":"{sign}"}}"#
        );
        assert_eq!(std::str::from_utf8(&call.body), Ok(expected.as_str()));
        let query = client.query(&outgoing(&intent)).unwrap();
        let signed = format!(
            "appId=733b887a4a784708bb369524db5b6ded&originalTransactionId=CU518563189147832780{suffix}"
        );
        let sign = client.key.sign_sha256_base64(signed.as_bytes());
        let sign = sign
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        assert_eq!(
            query.url,
            format!(
                "https://pay.example.com/api/refund/payments?appId=733b887a4a784708bb369524db5b6ded&originalTransactionId=CU518563189147832780&sign={sign}"
            )
        );
        assert_eq!((query.method, query.body.len()), (Method::Get, 0));
    }
}

#[test]
fn a_secret_path_is_not_stored() {
    for form in [
        Form::OpenApi(TimestampUnit::Seconds),
        Form::Flat { secret: None },
    ] {
        let mut client = client(form);
        client.callback_url =
            "https://r.example.com/callbacks/paycools/my/0123456789abcdef".to_owned();
        client.shown_callback_url = "https://r.example.com/callbacks/paycools/my/***".to_owned();
        let intent = intent();
        let call = client.refund(&outgoing(&intent));
        let holds = |body: &[u8], text: &str| std::str::from_utf8(body).unwrap().contains(text);
        assert!(holds(&call.body, "/my/0123456789abcdef"));
        let shown = call.shown_body.unwrap();
        assert!(holds(&shown, "/my/***") && !holds(&shown, "0123456789abcdef"));
    }
}

#[test]
fn amounts_are_whole_numbers_of_the_smallest_unit() {
    for (amount, digits, written) in [
        ("100", 2, "10000"),
        ("0.05", 2, "5"),
        ("500.1", 2, "50010"),
        ("10000", 0, "10000"),
        ("1.234", 3, "1234"),
        ("1.5", 0, "1.5"),
        ("9999999999999999.99", 2, "999999999999999999"),
    ] {
        let mut client = open_api();
        client.locale.minor_digits = digits;
        let amount = Amount::parse(amount).unwrap();
        assert_eq!(client.minor_text(amount), written);
    }
}
