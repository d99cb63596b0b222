//! What the sandbox is sent that it cannot take: it says why, and goes on.

use crate::harness::audit::run;
use crate::harness::http::{Client, raw, raw_status};
use crate::harness::sandbox::Sandbox;

/// Each is answered with a 4xx that says why, and harms nothing.
const HOSTILE: [(&str, &str, &str, u16); 38] = [
    ("GET", "/sandbox/", "", 404),
    ("GET", "/sandbox/nothing", "", 404),
    ("GET", "/nothing", "", 404),
    ("GET", "/sandbox/../keys.json", "", 404),
    ("PUT", "/sandbox/faults", "", 405),
    ("POST", "/sandbox/ledger", "", 405),
    ("DELETE", "/sandbox/payments", "", 405),
    ("GET", "/sandbox/balances", "", 405),
    ("GET", "/sandbox/journal?limit=-1", "", 422),
    (
        "GET",
        "/sandbox/journal?after=99999999999999999999999",
        "",
        422,
    ),
    ("GET", "/sandbox/journal?format=exe", "", 422),
    ("GET", "/sandbox/settlement", "", 422),
    (
        "GET",
        "/sandbox/settlement?provider=payermax&account=main&day=2026-02-30",
        "",
        422,
    ),
    (
        "GET",
        "/sandbox/settlement?provider=payermax&account=none&day=2026-01-31",
        "",
        422,
    ),
    (
        "GET",
        "/sandbox/settlement?provider=quickpay&account=store-1&day=2026-01-31",
        "",
        422,
    ),
    ("POST", "/sandbox/faults", "", 400),
    ("POST", "/sandbox/faults", "{", 400),
    ("POST", "/sandbox/faults", "[]", 422),
    ("POST", "/sandbox/faults", r#"{"fault":1}"#, 422),
    ("POST", "/sandbox/faults", r#"{"fault":"boom"}"#, 422),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","seconds":18446744073709551615}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","seconds":-1}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","times":0}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","times":4294967296}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","provider":"stripe"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","call":"wire"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","to":"http://x"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"at-once","to":"javascript:alert(1)"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/faults",
        r#"{"fault":"slow","more":1}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/payments",
        r#"{"provider":"payermax","payment":"","amount":"1","currency":"IDR"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/payments",
        r#"{"provider":"x","payment":"P","amount":"1","currency":"IDR"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/payments",
        r#"{"provider":"payermax","payment":"P","amount":"1e999","currency":"IDR"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/payments",
        r#"{"provider":"payermax","payment":"P","amount":"1","currency":"<b>"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/payments",
        r#"{"provider":"payermax","payment":"P","amount":"1","currency":"IDR","paid_at":"now"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/balances",
        r#"{"provider":"payermax","amount":"-1"}"#,
        422,
    ),
    (
        "POST",
        "/sandbox/clock",
        r#"{"advance":"99999999999999999999d"}"#,
        422,
    ),
    ("POST", "/sandbox/clock", r#"{"advance":"-5s"}"#, 422),
    ("POST", "/sandbox/clock", r#"{"advance":"401d"}"#, 422),
];

#[test]
fn hostile_calls_of_the_sandbox_itself_are_answered_with_4xx_and_it_goes_on() {
    let sandbox = Sandbox::start("manual");
    let client = Client::new();
    let deep = "[".repeat(200_000);
    let long = "9".repeat(200_000);
    let made = [
        ("POST", "/sandbox/faults", deep.as_str(), 422),
        ("POST", "/sandbox/clock", long.as_str(), 400),
    ];
    for (method, path, body, status) in HOSTILE.iter().copied().chain(made) {
        let url = format!("{}{path}", sandbox.url);
        let reply = client.send(method, &url, &[], body.as_bytes());
        let shown = &body[..body.len().min(80)];
        assert_eq!(
            reply.status,
            status,
            "{method} {path} {shown}: {}",
            reply.text()
        );
        let why = reply.json()["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(why.len() > 10, "{method} {path} {shown}: {why}");
    }
    let url = format!("{}/sandbox/faults", sandbox.url);
    assert_eq!(
        client
            .send("POST", &url, &[], b"{\"fault\":\"\xff\"}")
            .status,
        400
    );
    for (bytes, status) in [
        (&b"\x00\x01\x02\r\n\r\n"[..], 400),
        (b"GET /sandbox/health HTTP/1.1 x\r\n\r\n", 400),
        (b"POST /sandbox/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"POST /sandbox/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", 413),
        (b"POST /sandbox/faults HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    ] {
        let answer = raw(&sandbox.url, bytes);
        assert_eq!(raw_status(&answer), status, "{}", String::from_utf8_lossy(bytes));
    }
    // The calls of providers answer as the provider does, whatever comes.
    for path in [
        "/payermax/aggregate-pay/api/gateway/refund",
        "/payermax/aggregate-pay/api/gateway/refundQuery",
        "/payermax/aggregate-pay-gate/api/gateway",
        "/paycools/open-api/payment/refund",
        "/paycools/api/payment/refund",
        "/quickpay/QuickPay/Refund",
        "/nmanagement/api/Pay/PayRefund",
        "/nmanagement/api/Login/JWTToken3.0?name=%ff&pass=%",
        "/ccb",
    ] {
        for body in [
            &b""[..],
            b"{",
            b"null",
            b"{\"data\":[]}",
            b"\xff\xfe",
            b"requestXml=<TX></TX",
            deep.as_bytes(),
        ] {
            let reply = client.send("POST", &format!("{}{path}", sandbox.url), &[], body);
            assert!(reply.status < 500, "{path}: {}", reply.status);
        }
    }
    let health = client.send("GET", &format!("{}/sandbox/health", sandbox.url), &[], b"");
    assert_eq!(health.status, 200);
    assert!(!sandbox.log().contains("panicked"), "{}", sandbox.log());
}

#[test]
fn a_fault_is_armed_by_the_command_and_what_cannot_happen_is_refused() {
    let sandbox = Sandbox::start("manual");
    let arm = |more: &[&str]| run(&[&["sandbox", "arm", "--sandbox", &sandbox.url], more].concat());
    let output = arm(&["--fault", "reorder", "--provider", "payermax"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("\"call\":\"callback\""), "{said}");
    for (more, why) in [
        (
            &["--fault", "drop", "--call", "refund"][..],
            "happens to callbacks alone",
        ),
        (
            &["--fault", "slow", "--call", "callback"],
            "never happens to a callback",
        ),
        (
            &["--fault", "status-5", "--provider", "payermax"],
            "say provider ccb",
        ),
        (&["--fault", "at-once"], "at-once needs it"),
        (&["--fault", "boom"], "there are before-accept-5xx"),
    ] {
        let output = arm(more);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(why), "{more:?}: {said}");
    }
    let gone = run(&[
        "sandbox",
        "arm",
        "--fault",
        "slow",
        "--sandbox",
        "http://127.0.0.1:9",
    ]);
    let said = String::from_utf8_lossy(&gone.stderr);
    assert!(
        gone.status.code() == Some(1) && said.contains("start it with"),
        "{said}"
    );
}
