//! The bytes of calls.

use super::*;
use crate::crypto::{hex, sha256};
use crate::providers::outgoing::Method;

fn header<'c>(call: &'c Call, name: &str) -> &'c str {
    let found = call.headers.iter().find(|(known, _)| known == name);
    found.unwrap().1.expose()
}

fn text(call: &Call) -> &str {
    std::str::from_utf8(&call.body).unwrap()
}

#[test]
fn the_documented_request_is_written_byte_for_byte_and_signed() {
    let client = client(new_api());
    let intent = intent();
    let call = client.refund(&outgoing(&intent));
    assert_eq!(call.body.len(), 268);
    assert_eq!(
        hex(&sha256(&call.body)),
        "75cb642911b6dd046e8a87b6169144e7e42818c4abadd564e7dda8b9fd2252d0"
    );
    assert_eq!(call.url, "https://pay.example.com/api/gateway/refund");
    assert_eq!(call.method, Method::Post);
    let sign = header(&call, "sign");
    assert_eq!(sign, client.key.sign_sha256_base64(&call.body));
    let query = client.query(&outgoing(&intent)).unwrap();
    assert_eq!(query.url, "https://pay.example.com/api/gateway/refundQuery");
    assert!(text(&query).ends_with(r#","data":{"outRefundNo":"R1642411016202"}}"#));
}

#[test]
fn optional_members_are_escaped_and_in_their_place() {
    let mut client = client(new_api());
    client.callback_url = Some("https://refunds.example.com/callbacks/payermax/main".to_owned());
    if let Generation::New(api) = &mut client.generation {
        api.sp_merchant_no = Some("SP1".to_owned());
        api.auth_token = Some(("merchant_auth_token".to_owned(), "t0ken".into()));
    }
    let mut intent = intent();
    intent.money = money("125.5", "MYR");
    intent.reason = Some("\"broken\"\n退".to_owned());
    let token = serde_json::Value::from("T2025");
    intent
        .provider_fields
        .insert("trade_token".to_owned(), token);
    let call = client.refund(&outgoing(&intent));
    let data = r#""spMerchantNo":"SP1","data":{"outRefundNo":"R1642411016202","refundAmount":125.5,"refundCurrency":"MYR","outTradeNo":"P1642410680681","tradeToken":"T2025","comments":"\"broken\"\n退","refundNotifyUrl":"https://refunds.example.com/callbacks/payermax/main"}}"#;
    assert!(text(&call).ends_with(data), "{}", text(&call));
    assert_eq!(header(&call, "merchant_auth_token"), "t0ken");
    assert!(!format!("{call:?}").contains("t0ken"));
}

#[test]
fn the_old_generation_is_flat() {
    for (members, comments) in [
        (CommentMembers::Both, r#""comment":"why","comments":"why""#),
        (CommentMembers::Comment, r#""comment":"why""#),
        (CommentMembers::Comments, r#""comments":"why""#),
    ] {
        let client = client(old_api(members));
        let mut intent = intent();
        intent.money = money("1000", "SAR");
        intent.reason = Some("why".to_owned());
        let call = client.refund(&outgoing(&intent));
        let expected = format!(
            r#"{{"merchantId":"020213827212251","bizType":"refundApply","version":"2.1","refundId":"R1642411016202","orderId":"P1642410680681","amount":"1000.00","currency":"SAR",{comments}}}"#
        );
        assert_eq!(text(&call), expected);
        assert_eq!(call.url, "https://pay.example.com/api/gateway");
        let query = client.query(&outgoing(&intent)).unwrap();
        assert_eq!(
            text(&query),
            r#"{"merchantId":"020213827212251","version":"2.1","bizType":"refundQuery","refundId":"R1642411016202"}"#
        );
    }
    for (amount, currency, written) in [
        ("1000", "IDR", "1000"),
        ("1000.5", "KWD", "1000.50"),
        ("7", "JPY", "7"),
    ] {
        assert_eq!(v21::amount(money(amount, currency)), written);
    }
}
