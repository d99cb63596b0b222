//! The sandbox as a developer starts it: a config that `serve` takes, faults, `kill -9`, the comparison.

mod files;
mod hostile;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::Server;
use crate::harness::audit::run;
use crate::harness::folder::Folder;
use crate::harness::http::Client;
use crate::harness::server::PROGRAM;

/// A running sandbox.
struct Sandbox {
    child: Child,
    url: String,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have been killed before.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn start(folder: &Folder, port: u16, callbacks: &str) -> Sandbox {
    let dir = folder.path().join("sandbox");
    let listen = format!("127.0.0.1:{port}");
    let mut child = Command::new(PROGRAM)
        .args([
            "sandbox",
            "--listen",
            &listen,
            "--callbacks",
            callbacks,
            "--dir",
        ])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let stdout = child.stdout.take().expect("stdout was piped");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let url = line.trim().strip_prefix("sandbox ready on ");
    let url = url
        .unwrap_or_else(|| panic!("not ready: {line}"))
        .to_owned();
    Sandbox { child, url }
}

fn ledger(url: &str) -> Value {
    Client::new()
        .send("GET", &format!("{url}/sandbox/ledger"), &[], b"")
        .json()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from the first request to the last check"
)]
fn a_refund_of_each_kind_ends_as_the_sandbox_says_even_after_kill_9() {
    let folder = Folder::new();
    let (port, public, internal) = (free_port(), free_port(), free_port());
    let sandbox = start(&folder, port, &format!("http://127.0.0.1:{public}"));
    let url = sandbox.url.clone();
    let config = Client::new().send("GET", &format!("{url}/sandbox/config"), &[], b"");
    let config = config
        .text()
        .replace("\"127.0.0.1:8080\"", &format!("\"127.0.0.1:{public}\""))
        .replace("\"127.0.0.1:8081\"", &format!("\"127.0.0.1:{internal}\""));
    folder.write("refund-receiver.toml", config);
    let token_file = folder.path().join("sandbox/reader.token");
    let token = std::fs::read_to_string(&token_file).expect("the token");
    let server = Server::start_in(folder);

    let bearer = format!("Bearer {}", token.trim());
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let submit = |body: &Value| {
        let target = format!("{}/v1/refunds", server.internal_url);
        let reply = Client::new().send("POST", &target, &headers, body.to_string().as_bytes());
        assert_eq!(reply.status, 202, "{}", reply.text());
    };
    // The reply is lost, and the refund is found by its callback.
    let fault = json!({"provider": "payermax", "call": "refund", "fault": "after-accept-cut"});
    let armed = Client::new().send(
        "POST",
        &format!("{url}/sandbox/faults"),
        &[],
        fault.to_string().as_bytes(),
    );
    assert_eq!(armed.status, 200, "{}", armed.text());
    submit(
        &json!({"provider": "payermax", "account": "main", "refund_no": "R1", "order_no": "P1",
                   "amount": "100", "currency": "IDR"}),
    );
    submit(
        &json!({"provider": "payermax", "account": "old", "refund_no": "R2FAIL", "order_no": "P2",
                   "amount": "100", "currency": "SAR", "order_amount": "100", "reason": "r"}),
    );
    submit(
        &json!({"provider": "paycools", "account": "my", "refund_no": "R3", "provider_payment_no": "CU3",
                   "amount": "1.50", "currency": "MYR"}),
    );
    submit(
        &json!({"provider": "paycools", "account": "ph", "refund_no": "R4CANCEL", "provider_payment_no": "CU4",
                   "amount": "1.50", "currency": "PHP"}),
    );
    submit(
        &json!({"provider": "quickpay", "account": "store-1", "refund_no": "R5", "order_no": "P5",
                   "amount": "3.00", "currency": "CNY", "order_amount": "10.00"}),
    );
    submit(
        &json!({"provider": "nmanagement", "account": "ccb", "refund_no": "R6", "order_no": "P6",
                   "amount": "3.00", "currency": "CNY"}),
    );
    let status = |number: &str| {
        let target = format!("{}/v1/refunds?refund_no={number}", server.internal_url);
        let page = Client::new().send("GET", &target, &headers, b"").json();
        page["data"][0]["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for (number, expected) in [
        ("R1", "succeeded"),
        ("R2FAIL", "failed"),
        ("R3", "succeeded"),
        ("R4CANCEL", "canceled"),
        ("R5", "succeeded"),
        ("R6", "succeeded"),
    ] {
        let seen = (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            status(number) == expected
        });
        assert!(seen, "{number} is {}", status(number));
    }

    let before = ledger(&url);
    let mut sandbox = sandbox;
    sandbox.child.kill().expect("it runs");
    sandbox.child.wait().expect("it ends");
    let again = start(server.folder(), port, "http://127.0.0.1:1");
    for (was, is) in before["data"]
        .as_array()
        .expect("entries")
        .iter()
        .zip(ledger(&again.url)["data"].as_array().expect("entries"))
    {
        for member in ["provider", "number", "amount", "state", "moved", "requests"] {
            assert_eq!(was[member], is[member], "{was}");
        }
    }
    let token_file = server.folder().path().join("sandbox/reader.token");
    let token_file = token_file.to_str().expect("a plain path");
    let check = [
        "sandbox",
        "check",
        "--output",
        "json",
        "--sandbox",
        &again.url,
        "--against",
    ];
    let output = run(&[
        &check[..],
        &[&server.internal_url, "--token-file", token_file],
    ]
    .concat());
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (output.status.code(), &found["agree"]),
        (Some(0), &json!(6)),
        "{found}"
    );
}

#[test]
fn it_listens_where_only_this_machine_reaches_it() {
    let output = run(&["sandbox", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--i-know"), "{said}");
    let output = run(&["sandbox", "--print-config"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
