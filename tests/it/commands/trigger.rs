//! `trigger`: a running server accepts what it signs; what a system cannot say is rejected.

use std::process::{Command, Output};

use serde_json::Value;

use super::super::ENGINE;
use super::{relay_secret, run, stderr, stdout};
use crate::harness::config::{APP_ID, EPAY_TOKEN, MERCHANT_NO, OLD_MERCHANT_ID};
use crate::harness::epay::PATH as EPAY;
use crate::harness::keys::provider_key;
use crate::harness::paycools::{self, FLAT_ACK, OPEN_API_ACK};
use crate::harness::payermax::{ACK, MAIN, OLD, OLD_ACK};
use crate::harness::reader::{attention, percent_encoded};
use crate::harness::relay::{self, NMANAGEMENT, QUICKPAY};
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, Server, wait_for};

/// A server that knows every system.
fn server() -> Server {
    let config = ConfigBuilder::new(ENGINE)
        .file("sender.pem", &provider_key().private_pem)
        .file("paycools.pem", &provider_key().public_pem)
        .file("paycools.secret", paycools::SECRET)
        .file("relay.secret", &relay_secret(relay::SECRET))
        .file("bank.secret", &relay_secret(relay::BANK_SECRET))
        .toml(
            "[[accounts]]\nprovider = \"paycools\"\naccount = \"my\"\n\
             public_keys = [{ id = \"a\", file = \"paycools.pem\" }]\n\
             secret = \"file:paycools.secret\"\ncurrency = \"MYR\"\n",
        )
        .toml(
            "[[accounts]]\nprovider = \"quickpay\"\naccount = \"store-1\"\n\
             relay_secrets = [\"file:relay.secret\"]\n",
        )
        .toml(
            "[[accounts]]\nprovider = \"nmanagement\"\naccount = \"ccb\"\n\
             relay_secrets = [\"file:bank.secret\"]\n",
        );
    Server::start(&config)
}

/// Runs `trigger` at a path of the server; `key` is a file of its folder. The secrets that a
/// command may take from its environment are there under the usual names.
fn trigger(server: &Server, system: &str, path: &str, key: &str, more: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["trigger", system, "--to"]);
    command.arg(format!("{}{path}", server.public_url));
    if !key.is_empty() {
        command.arg("--key").arg(server.folder().path().join(key));
    }
    command
        .args(more)
        .env("REFUND_RECEIVER_TOKEN", EPAY_TOKEN)
        .env("REFUND_RECEIVER_SECRET", relay_secret(relay::SECRET))
        .env("TEST_PAYCOOLS_SECRET", paycools::SECRET)
        .output()
        .expect("the program can be started")
}

/// Asserts exit 0 and that answer, and that no secret is shown.
#[track_caller]
fn believed(output: &Output, answer: &str) {
    let shown = stdout(output);
    assert_eq!(output.status.code(), Some(0), "{shown}\n{}", stderr(output));
    assert!(shown.contains(answer), "`{answer}` in: {shown}");
    let shared = relay_secret(relay::SECRET);
    for secret in [EPAY_TOKEN, paycools::SECRET, shared.as_str()] {
        assert!(!shown.contains(secret), "`{secret}` in: {shown}");
    }
}

/// The refund of this provider and number.
fn refund(server: &Server, provider: &str, refund_no: &str) -> Value {
    let number = percent_encoded(refund_no);
    let query = format!("provider={provider}&refund_no={number}");
    wait_for("the triggered refund", || server.refunds(&query).pop())
}

/// Who the callbacks of the two `PayerMax` accounts are for.
const OF_MAIN: [&str; 4] = ["--merchant-no", MERCHANT_NO, "--app-id", APP_ID];
const OF_OLD: [&str; 2] = ["--merchant-no", OLD_MERCHANT_ID];
/// How the answer to a relay ends.
const RELAYED: &str = r#""status":"succeeded"}"#;

/// System, path, key file, further arguments, part of the answer, and the refund it makes.
type Believed<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a str, &'a str);

const BELIEVED: [Believed<'_>; 10] = [
    (
        "payermax",
        MAIN,
        "sender.pem",
        &OF_MAIN,
        ACK,
        "payermax main 100.00 IDR",
    ),
    (
        "payermax-v21",
        OLD,
        "sender.pem",
        &OF_OLD,
        OLD_ACK,
        "payermax old 100.00 IDR",
    ),
    (
        "paycools",
        paycools::PATH,
        "sender.pem",
        &[],
        OPEN_API_ACK,
        "paycools my 100.00 MYR",
    ),
    (
        "paycools-flat",
        paycools::PATH,
        "paycools.secret",
        &[],
        FLAT_ACK,
        "paycools my 100.00 MYR",
    ),
    (
        "paycools-flat",
        paycools::PATH,
        "",
        &["--secret-env", "TEST_PAYCOOLS_SECRET"],
        FLAT_ACK,
        "paycools my 100.00 MYR",
    ),
    (
        "quickpay",
        QUICKPAY,
        "relay.secret",
        &[],
        RELAYED,
        "quickpay store-1 100.00 CNY",
    ),
    (
        "quickpay",
        QUICKPAY,
        "",
        &[],
        RELAYED,
        "quickpay store-1 100.00 CNY",
    ),
    (
        "quickpay",
        QUICKPAY,
        "relay.secret",
        &["--refund-no", "INV/2025/订单 1"],
        RELAYED,
        "quickpay store-1 100.00 CNY",
    ),
    (
        "nmanagement",
        "/relays/nmanagement/ccb/INV%2F2025%2F2",
        "bank.secret",
        &["--refund-no", "INV/2025/2"],
        RELAYED,
        "nmanagement ccb 100.00 CNY",
    ),
    (
        "nmanagement",
        "/relays/nmanagement/ccb/R-1",
        "bank.secret",
        &[],
        RELAYED,
        "nmanagement ccb 100.00 CNY",
    ),
];

#[test]
fn a_running_server_believes_every_system() {
    let server = server();
    for (system, path, key, more, answer, stored) in BELIEVED {
        let before = server.refunds("status=succeeded").len();
        believed(&trigger(&server, system, path, key, more), answer);
        let refund = wait_for("the triggered refund", || {
            let refunds = server.refunds("status=succeeded");
            (refunds.len() > before).then(|| refunds[0].clone())
        });
        let shown = ["provider", "account", "amount", "currency"]
            .map(|member| refund[member].as_str().unwrap_or_default());
        assert_eq!(shown.join(" "), stored, "{system} with key `{key}`");
    }
    refund(&server, "nmanagement", "R-1");
    refund(&server, "nmanagement", "INV/2025/2");
    refund(&server, "quickpay", "INV/2025/订单 1");
}

#[test]
fn epay_is_reported_in_every_format() {
    let server = server();
    for (format, answer) in [
        ("json", r#"{"errcode":0,"#),
        ("xml", "<errcode>0</errcode>"),
        ("form", r#"{"errcode":0,"#),
        // int32 `errcode` 0
        ("bson", "10657272636f64650000000000"),
    ] {
        server.put_simple_order(format, "refund_applied", "30.00");
        let (batchno, trandeno) = (format!("B-{format}"), format!("T-{format}"));
        let more = [
            "--batchno",
            &batchno,
            "--trandeno",
            &trandeno,
            "--amount",
            "30.00",
        ];
        let more = [&more[..], &["--format", format]].concat();
        believed(&trigger(&server, "epay", EPAY, "", &more), answer);
        assert_eq!(
            server.order(&format!("YD-{format}"))["state"],
            "closed",
            "{format}"
        );
    }
}

/// System, provider in the store, path, key file, and the outcomes that the system has words for.
const OUTCOMES: [(&str, &str, &str, &str, &str); 6] = [
    (
        "payermax",
        "payermax",
        MAIN,
        "sender.pem",
        "succeeded failed pending unknown",
    ),
    (
        "paycools",
        "paycools",
        paycools::PATH,
        "sender.pem",
        "succeeded failed pending canceled unknown",
    ),
    (
        "paycools-flat",
        "paycools",
        paycools::PATH,
        "paycools.secret",
        "succeeded failed pending canceled unknown",
    ),
    (
        "quickpay",
        "quickpay",
        QUICKPAY,
        "relay.secret",
        "succeeded failed pending unknown",
    ),
    (
        "nmanagement",
        "nmanagement",
        NMANAGEMENT,
        "bank.secret",
        "succeeded failed unknown",
    ),
    ("epay", "", EPAY, "", ""),
];

#[test]
fn each_system_says_the_outcomes_that_it_has_words_for() {
    let server = server();
    for (system, provider, path, key, said) in OUTCOMES {
        for outcome in ["succeeded", "failed", "pending", "canceled", "unknown"] {
            if system == "epay" && outcome == "succeeded" {
                continue;
            }
            let number = format!("R-{system}-{outcome}");
            let more = ["--outcome", outcome, "--refund-no", &number];
            let more = [&more[..], &OF_MAIN].concat();
            let output = trigger(&server, system, path, key, &more);
            if !said.split(' ').any(|word| word == outcome) {
                assert_eq!(output.status.code(), Some(2), "{system} {outcome}");
                assert_eq!(stderr(&output).trim_end().lines().count(), 1, "{output:?}");
                assert_eq!(stdout(&output), "", "nothing was sent");
                continue;
            }
            assert_eq!(
                output.status.code(),
                Some(0),
                "{system} {outcome}: {output:?}"
            );
            let refund = refund(&server, provider, &number);
            let reason = match (outcome, system) {
                ("unknown", "nmanagement") => "outcome_unknown",
                ("unknown", _) => "status_unknown",
                _ => "",
            };
            assert_eq!(attention(&refund).join(" "), reason, "{system} {outcome}");
            let status = if outcome == "unknown" {
                "pending"
            } else {
                outcome
            };
            assert_eq!(refund["status"], status, "{system} {outcome}");
        }
    }
}

#[test]
fn what_cannot_be_signed_or_addressed_is_exit_2_and_one_line() {
    let server = server();
    let bson = [
        "--format",
        "bson",
        "--token-env",
        "A_VARIABLE_THAT_IS_UNSET",
    ];
    for (system, path, key, more, word) in [
        ("payermax", MAIN, "not-there.pem", &[][..], "not-there.pem"),
        (
            "paycools",
            paycools::PATH,
            "relay.secret",
            &[],
            "relay.secret",
        ),
        (
            "paycools",
            paycools::PATH,
            "sender.pem",
            &["--refund-no", "a b "],
            "white space",
        ),
        (
            "paycools-flat",
            paycools::PATH,
            "",
            &["--secret-env", "NO_SUCH"],
            "NO_SUCH",
        ),
        ("quickpay", QUICKPAY, "paycools.secret", &[], "whsec_"),
        ("quickpay", MAIN, "relay.secret", &[], "/relays/"),
        (
            "quickpay",
            "/relays/quickpay/store-1/R-1",
            "",
            &["--refund-no", "R-2"],
            "two",
        ),
        ("quickpay", QUICKPAY, "", &["--amount", "0.001"], "0.001"),
        ("epay", EPAY, "", &bson, "A_VARIABLE_THAT_IS_UNSET"),
        ("epay", EPAY, "", &["--batchno", "a/b"], "--batchno"),
    ] {
        let output = trigger(&server, system, path, key, more);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{system} {more:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains(word), "`{word}` in: {said}");
    }
    assert!(server.refunds("").is_empty(), "nothing was sent");
}

#[test]
fn an_answer_of_refusal_is_exit_1() {
    let server = server();
    let output = trigger(
        &server,
        "payermax",
        MAIN,
        "",
        &["--merchant-no", MERCHANT_NO],
    );
    assert_eq!(
        output.status.code(),
        Some(1),
        "the test key is not configured"
    );
    assert!(stdout(&output).contains("unauthorized"), "{output:?}");
    let nowhere = [
        "trigger",
        "payermax",
        "--to",
        "http://127.0.0.1:1/callbacks/payermax/main",
    ];
    assert_eq!(run(&nowhere).status.code(), Some(1));
}
