//! What `demo` sends, what it expects, and the table of both.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::demo::Made;
use super::output::{self, Format};
use crate::domain::claim::Status;
use crate::epay;
use crate::providers::payermax::{self, ACK_NEW, ACK_V21, SIGN_HEADER};

/// The merchant of the demo.
pub const MERCHANT: &str = "020213827212251";
/// How long a close-out that waits for its order may take once the order is there.
const SETTLE_SECONDS: u64 = 10;

/// A running service and what it was configured with.
pub struct Script {
    /// Public listener.
    pub public: String,
    /// Internal listener.
    pub internal: String,
    /// Keys and tokens.
    pub made: Made,
}

/// One thing that was tried.
pub struct Row {
    system: &'static str,
    what: &'static str,
    answer: String,
    stored: String,
    is_expected: bool,
}

/// Sends everything; each row says whether it came out as expected.
pub fn play(script: &Script) -> anyhow::Result<Vec<Row>> {
    let stage = Stage {
        script,
        client: Client::new(),
    };
    let mut rows = Vec::new();
    for (system, v21) in [("payermax", false), ("payermax v2.1", true)] {
        stage.payermax(system, v21, &mut rows)?;
    }
    stage.epay(&mut rows)?;
    Ok(rows)
}

/// Prints the table; `true` if everything was expected.
pub fn print(rows: &[Row], format: Format) -> bool {
    let all_expected = rows.iter().all(|row| row.is_expected);
    if format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "system": row.system,
                    "what": row.what,
                    "answer": row.answer,
                    "stored": row.stored,
                    "expected": row.is_expected,
                })
            })
            .collect();
        output::line(json!({"rows": rows, "all_expected": all_expected}).to_string());
        return all_expected;
    }
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let verdict = if row.is_expected { "ok" } else { "UNEXPECTED" };
            vec![
                row.system.to_owned(),
                row.what.to_owned(),
                row.answer.clone(),
                row.stored.clone(),
                verdict.to_owned(),
            ]
        })
        .collect();
    output::line("");
    output::table(
        &["system", "callback", "answer", "what is stored now", ""],
        &cells,
    );
    output::line("");
    let unexpected = rows.iter().filter(|row| !row.is_expected).count();
    output::line(match unexpected {
        0 => format!("all {} outcomes were as expected", rows.len()),
        n => format!("{n} of {} outcomes were NOT as expected", rows.len()),
    });
    all_expected
}

struct Stage<'a> {
    script: &'a Script,
    client: Client,
}

impl Stage<'_> {
    /// A good callback, its duplicate, a tampered one and a contradicting one.
    fn payermax(&self, system: &'static str, v21: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
        let refund_no = if v21 { "DEMO-PMX-OLD-1" } else { "DEMO-PMX-1" };
        let ack = if v21 { ACK_V21 } else { ACK_NEW };
        let body = |status| {
            payermax::sample(&payermax::Sample {
                v21,
                merchant_no: MERCHANT,
                app_id: None,
                refund_no,
                order_no: "DEMO-ORDER-1",
                amount: "10000",
                currency: "IDR",
                status: Some(status),
            })
        };
        let sign = |body: &str| self.script.made.key.sign_sha256_base64(body.as_bytes());
        let good = body(Status::Succeeded);
        let contradiction = body(Status::Failed);
        let tampered = good.replace(refund_no, "DEMO-FORGED");
        for (what, body, signature, answer, stored) in [
            (
                "refund succeeded",
                &good,
                sign(&good),
                (200, ack),
                "succeeded 10000.00 IDR",
            ),
            (
                "the same again",
                &good,
                sign(&good),
                (200, ack),
                "succeeded 10000.00 IDR",
            ),
            (
                "tampered",
                &tampered,
                sign(&good),
                (401, r#"{"error":"unauthorized"}"#),
                "nothing",
            ),
            (
                "contradicting: failed",
                &contradiction,
                sign(&contradiction),
                (200, ack),
                "succeeded 10000.00 IDR, asks: conflict",
            ),
        ] {
            let url = format!("{}/callbacks/payermax/main", self.script.public);
            let headers = [
                ("content-type", "application/json"),
                (SIGN_HEADER, signature.as_str()),
            ];
            let got = self.client.send("POST", &url, &headers, body.as_bytes())?;
            let number = if what == "tampered" {
                "DEMO-FORGED"
            } else {
                refund_no
            };
            let now = self.stored("payermax", number)?;
            rows.push(row(system, what, &got, answer, now, stored));
        }
        Ok(())
    }

    /// Orders in each state, an order registered late, and a wrong token.
    fn epay(&self, rows: &mut Vec<Row>) -> anyhow::Result<()> {
        self.register("DEMO-ORDER-A", "refund_applied", "T-A", "B-A")?;
        self.register("DEMO-ORDER-B", "delivered", "T-B", "B-B")?;
        let closed = "succeeded 30.00 CNY, close-out done, order closed";
        let delivered = "succeeded 30.00 CNY, close-out done, order delivered";
        let waits = "succeeded 30.00 CNY, close-out pending, asks: order_unknown";
        let conflict = "succeeded 30.00 CNY, close-out done, order closed, asks: conflict";
        for (what, number, money, errcode, stored) in [
            ("closes an order", "A", "30.00", 0, closed),
            ("the same again", "A", "30.00", 0, closed),
            ("the same with another amount", "A", "29.00", 5, conflict),
            ("order already delivered", "B", "30.00", 0, delivered),
            ("payment unknown", "C", "30.00", 2, waits),
        ] {
            let got = self.end_single(number, money, &self.script.made.epay_token)?;
            let now = self.stored("epay", &format!("B-{number}/T-{number}"))?;
            let start = format!("{{\"errcode\":{errcode},");
            rows.push(row("epay", what, &got, (200, &start), now, stored));
        }
        let got = self.end_single("D", "30.00", "not the token")?;
        let now = self.stored("epay", "B-D/T-D")?;
        rows.push(row(
            "epay",
            "wrong token",
            &got,
            (401, r#"{"Message":"#),
            now,
            "nothing",
        ));
        let registered = self.register("DEMO-ORDER-C", "refund_applied", "T-C", "B-C")?;
        let now = self.settled("B-C/T-C")?;
        let what = "its order is registered late";
        rows.push(row("epay", what, &registered, (200, "{"), now, closed));
        Ok(())
    }

    fn end_single(&self, number: &str, money: &str, token: &str) -> anyhow::Result<Answer> {
        let body = json!({
            "batchno": format!("B-{number}"),
            "trandeno": format!("T-{number}"),
            "refundmoney": money,
        });
        let url = format!("{}{}", self.script.public, epay::PATH);
        let authorization = format!("Bearer {token}");
        let headers = [
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
        ];
        self.client
            .send("POST", &url, &headers, body.to_string().as_bytes())
    }

    fn register(
        &self,
        order_no: &str,
        state: &str,
        trandeno: &str,
        batchno: &str,
    ) -> anyhow::Result<Answer> {
        let body = json!({
            "state": state,
            "payments": [{"trandeno": trandeno, "amount": "100.00"}],
            "refund_applications": [{"batchno": batchno, "amount": "30.00"}],
        });
        let url = format!("{}/v1/orders/{order_no}", self.script.internal);
        let authorization = format!("Bearer {}", self.script.made.reader_token);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
        ];
        self.client
            .send("PUT", &url, &headers, body.to_string().as_bytes())
    }

    /// The refund as readers see it.
    fn refund(&self, provider: &str, refund_no: &str, wait: &str) -> anyhow::Result<Option<Value>> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("provider", provider)
            .append_pair("refund_no", refund_no)
            .finish();
        let url = format!("{}/v1/refunds?{query}{wait}", self.script.internal);
        let authorization = format!("Bearer {}", self.script.made.reader_token);
        let headers = [("authorization", authorization.as_str())];
        let answer = self.client.send("GET", &url, &headers, &[])?;
        anyhow::ensure!(answer.status == 200, "{url} answered {}", answer.status);
        let page: Value = serde_json::from_str(&answer.body).context("a page of refunds")?;
        Ok(page["data"]
            .as_array()
            .and_then(|data| data.first().cloned()))
    }

    fn stored(&self, provider: &str, refund_no: &str) -> anyhow::Result<String> {
        Ok(match self.refund(provider, refund_no, "")? {
            Some(refund) => describe(&refund),
            None => "nothing".to_owned(),
        })
    }

    /// The same once its close-out is done; follows the feed instead of asking again and again.
    fn settled(&self, refund_no: &str) -> anyhow::Result<String> {
        let mut after = 0;
        for _ in 0..SETTLE_SECONDS {
            if let Some(refund) = self.refund("epay", refund_no, "")?
                && refund["closeout"]["state"] == "done"
            {
                return Ok(describe(&refund));
            }
            after = self.next_event(after)?;
        }
        self.stored("epay", refund_no)
    }

    /// Waits for an event after this number, a second at most; returns the last number seen.
    fn next_event(&self, after: i64) -> anyhow::Result<i64> {
        let url = format!(
            "{}/v1/events?after={after}&limit=1000&wait={}s",
            self.script.internal,
            Duration::from_secs(1).as_secs()
        );
        let authorization = format!("Bearer {}", self.script.made.reader_token);
        let headers = [("authorization", authorization.as_str())];
        let answer = self.client.send("GET", &url, &headers, &[])?;
        let page: Value = serde_json::from_str(&answer.body).context("a page of events")?;
        page["next"].as_i64().context("a page of events has a next")
    }
}

/// A refund in a few words.
fn describe(refund: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut words = vec![format!(
        "{} {} {}",
        text(&refund["status"]),
        text(&refund["amount"]),
        text(&refund["currency"])
    )];
    if refund["closeout"].is_object() {
        words.push(format!("close-out {}", text(&refund["closeout"]["state"])));
    }
    if let Some(state) = refund["closeout"]["order_state"].as_str() {
        words.push(format!("order {state}"));
    }
    let asked: Vec<_> = refund["attention"]
        .as_array()
        .map(|open| open.iter().map(|open| text(&open["reason"])).collect())
        .unwrap_or_default();
    if !asked.is_empty() {
        words.push(format!("asks: {}", asked.join(" ")));
    }
    words.join(", ")
}

fn row(
    system: &'static str,
    what: &'static str,
    got: &Answer,
    (status, body_start): (u16, &str),
    now: String,
    expected: &str,
) -> Row {
    let is_expected = got.status == status && got.body.starts_with(body_start) && now == expected;
    let body: String = got.body.chars().take(40).collect();
    Row {
        system,
        what,
        answer: format!("{} {body}", got.status),
        stored: now,
        is_expected,
    }
}
