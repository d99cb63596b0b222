//! A sandbox over real sockets: the faults, and callbacks that really arrive.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::clock::wall_millis;
use super::*;
use serde_json::{Value, json};

fn running() -> Running {
    start(&Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        dir: None,
        seed: 7,
        pace: Pace::Manual,
        callbacks: "http://127.0.0.1:1".to_owned(),
        scopes: vec!["refunds:read"],
    })
    .unwrap()
}

fn call(sandbox: &Running, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, Value)> {
    let url = format!("http://{}{path}", sandbox.address());
    let token = sandbox.shared.keys.quickpay_token.clone();
    let headers = [("x-api-key", token.as_str())];
    let answer = Client::new().send(method, &url, &headers, body.as_bytes())?;
    Ok((
        answer.status,
        serde_json::from_str(&answer.body).unwrap_or_default(),
    ))
}

fn refund(sandbox: &Running, number: &str) -> anyhow::Result<(u16, Value)> {
    let body = json!({"store_no": "S001", "operator": "OP1", "refund_amount": 300, "order_no": number,
                      "refund_no": number});
    call(
        sandbox,
        "POST",
        "/quickpay/QuickPay/Refund",
        &body.to_string(),
    )
}

fn moved(sandbox: &Running, number: &str) -> u32 {
    let world = sandbox.shared.world();
    let refund = world.ledger.refund("quickpay", number);
    refund.map_or(0, |refund| refund.moved)
}

#[test]
fn a_fault_after_accept_moves_the_money_and_loses_the_answer() {
    let sandbox = running();
    for (index, (fault, is_moved, is_answered)) in [
        ("before-accept-500", false, true),
        ("after-accept-500", true, true),
        ("after-accept-cut", true, false),
        ("half-body", true, false),
        ("reset", false, false),
        ("code:BUSY", false, true),
        ("429", false, true),
        ("garbage", true, true),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("R{index}");
        let body = json!({"provider": "quickpay", "fault": fault, "number": number}).to_string();
        assert_eq!(
            call(&sandbox, "POST", "/sandbox/faults", &body).unwrap().0,
            200
        );
        let answer = refund(&sandbox, &number);
        assert_eq!(answer.is_ok(), is_answered, "{fault}");
        assert_eq!(moved(&sandbox, &number), u32::from(is_moved), "{fault}");
        // It fires once.
        assert_eq!(refund(&sandbox, &number).unwrap().0, 200, "{fault}");
        assert_eq!(moved(&sandbox, &number), 1, "{fault}");
    }
    let (_, journal) = call(&sandbox, "GET", "/sandbox/journal", "").unwrap();
    assert_eq!(journal["data"][0]["fault"], "before-accept-500");
    assert_eq!(journal["data"][0]["number"], "R0");
}

#[test]
fn every_answer_is_marked_and_other_paths_are_unknown() {
    let sandbox = running();
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    stream
        .write_all(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
    assert!(text.contains("X-Sandbox: refund-receiver\r\n"), "{text}");
    assert_eq!(
        call(&sandbox, "POST", "/sandbox/faults", r#"{"fault":"boom"}"#)
            .unwrap()
            .0,
        422
    );
}

#[test]
fn a_callback_is_signed_and_repeated_by_the_timetable() {
    let sandbox = running();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/callbacks/paycools/my",
        listener.local_addr().unwrap()
    );
    let seconds = wall_millis() / 1_000;
    let param =
        json!({"mchRefundOrderId": "R1", "originalTransactionId": "CU1", "refundAmount": 100,
                       "refundCallbackUrl": url, "timestamp": seconds})
        .to_string();
    let keys = &sandbox.shared.keys;
    let sign = keys.paycools_merchant.sign_sha256_base64(param.as_bytes());
    let body = json!({"appId": keys::PAYCOOLS.app_id, "sign": sign, "param": param}).to_string();
    let (_, reply) = call(&sandbox, "POST", "/paycools/open-api/payment/refund", &body).unwrap();
    assert_eq!(reply["code"], 10_000, "{reply}");
    for (advance, answer) in [
        ("2s", "busy"),
        ("30s", r#"{"code":10000,"message":"Success"}"#),
    ] {
        let body = json!({ "advance": advance }).to_string();
        call(&sandbox, "POST", "/sandbox/clock", &body).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let asked = Mutex::new(String::new());
        http::serve(stream, &|| !asked.lock().unwrap().is_empty(), &|request| {
            *asked.lock().unwrap() = String::from_utf8(request.body).unwrap();
            Reply::json(200, answer).into()
        });
        assert!(
            asked
                .lock()
                .unwrap()
                .contains("\\\"refundStatus\\\":\\\"COMPLETE\\\"")
        );
    }
    for _ in 0..200 {
        let (_, ledger) = call(&sandbox, "GET", "/sandbox/ledger", "").unwrap();
        if ledger["data"][0]["callbacks_acknowledged"] == 1 {
            assert_eq!(ledger["data"][0]["callbacks_sent"], 2);
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the callback was not acknowledged");
}
