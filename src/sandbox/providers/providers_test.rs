//! Each provider answers by its own rules, and names the bytes that it hashed.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::*;
use crate::crypto::SigningKey;
use crate::sandbox::server::clock::{Pace, SandboxClock};
use crate::sandbox::server::http::request;
use crate::sandbox::server::keys::{
    LOGIN_NAME, NMANAGEMENT, PAYCOOLS, PAYCOOLS_FLAT, PAYERMAX, PAYERMAX_OLD, QUICKPAY_HEADER,
};
use crate::sandbox::server::ledger::Ledger;
use crate::sandbox::server::time_text;

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::from_seed(7).unwrap())
}

fn world() -> World {
    let clock = SandboxClock::new(Pace::Manual, None);
    World::new(Ledger::default(), clock, 7)
}

fn ask(world: &mut World, request: &Request) -> (u16, Value, Handled) {
    let look = look(request).expect("a call of a provider");
    let now = world.clock.now();
    world.ledger.advance(now);
    let mut exchange = Exchange {
        keys: keys(),
        world,
        now,
        wall: crate::sandbox::server::clock::wall_millis(),
        request,
        fault: None,
        dir: None,
    };
    let handled = handle(&mut exchange, &look);
    let body = serde_json::from_slice(&handled.reply.body).unwrap_or_default();
    (handled.reply.status, body, handled)
}

fn later(world: &mut World, seconds: u64) {
    world
        .clock
        .advance(std::time::Duration::from_secs(seconds))
        .unwrap();
}

fn wall() -> String {
    time_text(crate::sandbox::server::clock::wall_millis())
}

fn payermax(path: &str, data: &Value) -> Request {
    let body = json!({
        "version": "1.5", "keyVersion": "1", "requestTime": wall(), "appId": PAYERMAX.app_id,
        "merchantNo": PAYERMAX.merchant_no, "data": data,
    })
    .to_string();
    signed(
        &format!("/payermax/aggregate-pay/api/gateway/{path}"),
        &body,
        &keys().payermax_merchant,
    )
}

fn signed(path: &str, body: &str, key: &SigningKey) -> Request {
    let sign = key.sign_sha256_base64(body.as_bytes());
    request("POST", path, &[("sign", &sign)], body.as_bytes())
}

fn refund(number: &str, amount: u32) -> Value {
    json!({"outRefundNo": number, "refundAmount": amount, "refundCurrency": "IDR", "outTradeNo": "P1",
           "refundNotifyUrl": "http://127.0.0.1:1/callbacks/payermax/main"})
}

#[test]
fn payermax_takes_a_number_once_and_signs_what_it_says() {
    let mut world = world();
    let (_, body, handled) = ask(&mut world, &payermax("refund", &refund("R1", 100)));
    assert_eq!(body["data"]["status"], "REFUND_PENDING", "{body}");
    let sign = handled
        .reply
        .headers
        .iter()
        .find(|(name, _)| *name == "sign");
    let hashed = Hashed::of("", b"");
    let public = keys().payermax_provider().verifying_key();
    check_signature(public, &hashed, &handled.reply.body, &sign.unwrap().1).unwrap();
    // Case is not told apart, and another refund has to wait.
    let (_, body, _) = ask(&mut world, &payermax("refund", &refund("r1", 100)));
    assert_eq!(body["code"], "ORDER_REPEAT");
    let (_, body, _) = ask(&mut world, &payermax("refund", &refund("R2", 100)));
    assert_eq!(body["code"], "PAYMENT_PROCESSING");
    later(&mut world, 2);
    let (_, body, _) = ask(&mut world, &payermax("refund", &refund("R2", 901)));
    assert_eq!(body["code"], "AMOUNT_LIMIT");
    let (_, body, _) = ask(
        &mut world,
        &payermax("refundQuery", &json!({"outRefundNo": "R1"})),
    );
    assert_eq!(body["data"]["status"], "REFUND_SUCCESS");
    assert_eq!(body["data"]["refundAmount"], json!(100));
    let (_, body, _) = ask(
        &mut world,
        &payermax("refundQuery", &json!({"outRefundNo": "R9"})),
    );
    assert_eq!(body["code"], "ORDER_NOT_EXIST");
    let known = world.ledger.refund("payermax", "R1").unwrap();
    assert_eq!(
        (known.moved, known.requests, known.other_content),
        (1, 2, 0)
    );
}

#[test]
fn a_wrong_signature_is_answered_with_what_was_hashed() {
    let mut world = world();
    let body = payermax("refund", &refund("R1", 100)).body;
    let request = request(
        "POST",
        "/payermax/aggregate-pay/api/gateway/refund",
        &[("sign", "AAAA")],
        &body,
    );
    let (_, reply, handled) = ask(&mut world, &request);
    let message = reply["msg"].as_str().unwrap();
    assert_eq!(reply["code"], "SIGN_VERIFY_FAILED");
    let digest = crate::crypto::hex(&crate::crypto::sha256(&body));
    assert!(message.contains(&digest), "{message}");
    assert!(
        message.contains(&format!("{} bytes", body.len())),
        "{message}"
    );
    assert_eq!(handled.hashed.unwrap().sha256, digest);
    assert_eq!(world.ledger.refunds().count(), 0);
}

#[test]
fn the_old_generation_takes_whole_orders_alone() {
    let mut world = world();
    let payment = Payment {
        provider: "payermax".to_owned(),
        payment: "O1".to_owned(),
        amount: Amount::parse("20").unwrap(),
        currency: "SAR".to_owned(),
        paid_at: world.clock.now(),
    };
    world.ledger.put_payment(payment).unwrap();
    let apply = |number: &str, order: &str, amount: &str| {
        let body = json!({"merchantId": PAYERMAX_OLD.merchant_no, "bizType": "refundApply", "version": "2.1",
            "refundId": number, "orderId": order, "amount": amount, "currency": "SAR", "comment": "c"});
        signed(
            "/payermax/aggregate-pay-gate/api/gateway",
            &body.to_string(),
            &keys().payermax_merchant,
        )
    };
    let (_, body, _) = ask(&mut world, &apply("R1", "O1", "10.00"));
    assert_eq!(body["bizCode"], "0004", "{body}");
    let (_, body, _) = ask(&mut world, &apply("R1", "O1", "20.00"));
    assert_eq!(
        (&body["bizCode"], &body["data"]["status"]),
        (&json!("0000"), &json!(0))
    );
    let (_, body, _) = ask(&mut world, &apply("R2FAIL", "O2", "5"));
    assert_eq!(body["bizCode"], "0000");
    later(&mut world, 2);
    let query = json!({"merchantId": PAYERMAX_OLD.merchant_no, "bizType": "refundQuery", "version": "2.1",
                       "refundId": "R2FAIL"});
    let query = signed(
        "/payermax/aggregate-pay-gate/api/gateway",
        &query.to_string(),
        &keys().payermax_merchant,
    );
    let (_, body, _) = ask(&mut world, &query);
    assert_eq!(body["data"]["status"], 2);
}

fn paycools(path: &str, param: &Value) -> Request {
    let param = param.to_string();
    let sign = keys()
        .paycools_merchant
        .sign_sha256_base64(param.as_bytes());
    let body = json!({"appId": PAYCOOLS.app_id, "sign": sign, "param": param}).to_string();
    request(
        "POST",
        &format!("/paycools/open-api/{path}"),
        &[],
        body.as_bytes(),
    )
}

#[test]
fn paycools_lists_the_refunds_of_a_payment() {
    let mut world = world();
    let seconds = crate::sandbox::server::clock::wall_millis() / 1_000;
    let param = |number: &str| {
        json!({"mchRefundOrderId": number, "originalTransactionId": "CU1", "refundAmount": 1050,
               "refundCallbackUrl": "http://127.0.0.1:1/", "timestamp": seconds})
    };
    for number in ["R1CANCEL", "R2"] {
        let (_, body, _) = ask(&mut world, &paycools("payment/refund", &param(number)));
        assert_eq!(
            (&body["code"], &body["data"]["refundStatus"]),
            (&json!(10_000), &json!("PENDING"))
        );
    }
    let (_, body, _) = ask(&mut world, &paycools("payment/refund", &param("R2")));
    assert_eq!(body["code"], 21_007);
    later(&mut world, 2);
    let query = json!({"originalTransactionId": "CU1", "timestamp": seconds});
    let (_, body, _) = ask(&mut world, &paycools("refund/payments", &query));
    assert_eq!(body["data"][0]["refundStatus"], "CANCELED");
    assert_eq!(body["data"][1]["refundStatus"], "COMPLETE");
    assert_eq!(body["data"][1]["refundAmount"], 1_050);
    let old = json!({"originalTransactionId": "CU1", "timestamp": seconds - 3_600});
    assert_eq!(
        ask(&mut world, &paycools("refund/payments", &old)).1["code"],
        21_009
    );
}

#[test]
fn the_flat_form_signs_sorted_members() {
    let mut world = world();
    let text = format!(
        "appId={}&mchRefundOrderId=R1&originalTransactionId=T1&refundAmount=500&refundCallbackUrl=http://127.0.0.1:1/",
        PAYCOOLS_FLAT.app_id
    );
    let sign = keys().paycools_merchant.sign_sha256_base64(text.as_bytes());
    let body = json!({"sign": sign, "refundCallbackUrl": "http://127.0.0.1:1/", "appId": PAYCOOLS_FLAT.app_id,
        "mchRefundOrderId": "R1", "refundReason": "", "originalTransactionId": "T1", "refundAmount": 500});
    let post = request(
        "POST",
        "/paycools/api/payment/refund",
        &[],
        body.to_string().as_bytes(),
    );
    let (_, reply, handled) = ask(&mut world, &post);
    assert_eq!(reply["code"], 1_000, "{reply}");
    assert_eq!(handled.hashed.unwrap().length, text.len());
    let text = format!("appId={}&originalTransactionId=T1", PAYCOOLS_FLAT.app_id);
    let sign = keys().paycools_merchant.sign_sha256_base64(text.as_bytes());
    let query = form_urlencoded::Serializer::new(text)
        .append_pair("sign", &sign)
        .finish();
    let get = request(
        "GET",
        &format!("/paycools/api/refund/payments?{query}"),
        &[],
        b"",
    );
    assert_eq!(
        ask(&mut world, &get).1["data"][0]["refundStatus"],
        "PENDING"
    );
}

fn quickpay(path: &str, body: &Value) -> Request {
    let header = [(QUICKPAY_HEADER, keys().quickpay_token.as_str())];
    request(
        "POST",
        &format!("/quickpay/{path}"),
        &header,
        body.to_string().as_bytes(),
    )
}

#[test]
fn quickpay_takes_a_failed_number_again() {
    let mut world = world();
    let ask_refund = |number: &str, order: &str| {
        quickpay(
            "QuickPay/Refund",
            &json!({"store_no": "S001", "operator": "OP1", "amount": 1000,
            "refund_amount": 300, "order_no": order, "refund_no": number}),
        )
    };
    for (number, order, status) in [
        ("R1", "O1", "REFUNDED"),
        ("R1", "O1", "REFUNDED"),
        ("R2FAIL", "O1", "REFUNDFAILED"),
        ("R2FAIL", "O1", "REFUNDED"),
        ("R3LOST", "O2", "PAYING"),
    ] {
        let (_, body, _) = ask(&mut world, &ask_refund(number, order));
        assert_eq!(
            body["data"]["transaction_status"], status,
            "{number} {body}"
        );
    }
    assert_eq!(world.ledger.refund("quickpay", "R1").unwrap().moved, 1);
    later(&mut world, 2);
    let query = json!({"store_no": "S001", "order_no": "O2", "refund_order_no": "R3LOST"});
    for path in ["QuickPay/RefundQuery", "SuNingPay/RefundQuery"] {
        let (_, body, _) = ask(&mut world, &quickpay(path, &query));
        assert_eq!(body["data"]["transaction_status"], "REFUNDED");
    }
    let bare = request("POST", "/quickpay/QuickPay/Refund", &[], b"{}");
    assert_eq!(ask(&mut world, &bare).0, 401);
    assert_eq!(
        ask(&mut world, &quickpay("QuickPay/Refund", &json!({}))).0,
        400
    );
}

fn log_in(world: &mut World) -> String {
    let pass = &keys().login_password;
    let target = format!("/nmanagement/api/Login/JWTToken3.0?name={LOGIN_NAME}&pass={pass}");
    let (_, body, _) = ask(world, &request("GET", &target, &[], b""));
    format!("Bearer {}", body["response"]["token"].as_str().unwrap())
}

fn pay_refund(bearer: &str, number: &str) -> Request {
    let body = json!({"ORDER": "O1", "MONEY": "0.10", "REFUND_CODE": number}).to_string();
    request(
        "POST",
        "/nmanagement/api/Pay/PayRefund",
        &[("authorization", bearer)],
        body.as_bytes(),
    )
}

#[test]
fn the_bank_does_not_know_a_repeated_call() {
    let mut world = world();
    assert_eq!(ask(&mut world, &pay_refund("Bearer x", "R1")).0, 401);
    let bearer = log_in(&mut world);
    for moved in 1..=2 {
        let (_, body, _) = ask(&mut world, &pay_refund(&bearer, "R1"));
        assert_eq!(body["response"]["RETURN_CODE"], "000000", "{body}");
        assert_eq!(
            world.ledger.refund("nmanagement", "R1").unwrap().moved,
            moved
        );
    }
    let (_, body, _) = ask(&mut world, &pay_refund(&bearer, "R2LOST"));
    assert_eq!(
        (&body["msg"], &body["response"]["RETURN_CODE"]),
        (&json!("服务错误"), &Value::Null)
    );
    assert_eq!(
        world.ledger.refund("nmanagement", "R2LOST").unwrap().moved,
        1
    );
    later(&mut world, 3_700);
    assert_eq!(ask(&mut world, &pay_refund(&bearer, "R3")).0, 401);
}

#[test]
fn the_banks_client_lists_what_was_sent_and_wants_a_new_serial() {
    let mut world = world();
    let bearer = log_in(&mut world);
    ask(&mut world, &pay_refund(&bearer, "R1PEND"));
    let list = |serial: &str, kind: &str| {
        let xml = format!(
            "requestXml=<?xml version=\"1.0\" encoding=\"GB2312\"?><TX><REQUEST_SN>{serial}</REQUEST_SN><CUST_ID>{}</CUST_ID>\
             <USER_ID>WLPT01</USER_ID><PASSWORD>{}</PASSWORD><TX_CODE>5W1003</TX_CODE><TX_INFO><KIND>{kind}</KIND>\
             <ORDER>O1</ORDER><PAGE>1</PAGE></TX_INFO></TX>",
            NMANAGEMENT.merchant_no,
            keys().bank_password
        );
        request("POST", "/ccb", &[], xml.as_bytes())
    };
    let text = |handled: Handled| String::from_utf8_lossy(&handled.reply.body).into_owned();
    let found = text(ask(&mut world, &list("1", "0")).2);
    assert!(
        found.contains("<STATUS>2</STATUS><REFUND_CODE>R1PEND<"),
        "{found}"
    );
    assert!(text(ask(&mut world, &list("1", "0")).2).contains("0130Z110W001"));
    assert!(text(ask(&mut world, &list("2", "1")).2).contains("0130Z110B357"));
}
