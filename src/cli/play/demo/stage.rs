//! The running service as the demo meets it: by HTTP alone, on both listeners.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::table::{Row, Seen};
use crate::outbound::client::{Answer, Client};
use crate::sandbox::SignedRequest;

/// The answer of the public listener to what is not proven.
pub const UNAUTHORIZED: &str = r#"401 {"error":"unauthorized"}"#;
/// What is stored of those.
pub const NOTHING: &str = "nothing";
/// How long what is waited for may take, in events and seconds without one.
const APPLY_LOOKS: usize = 30;
const ASKED_LOOKS: usize = 100;

/// Sends, looks and takes notes.
pub struct Stage {
    public: String,
    internal: String,
    authorization: String,
    client: Client,
    rows: Vec<Row>,
}

impl Stage {
    /// A service at these two addresses, looked at with this token.
    pub fn new(public: &str, internal: &str, reader_token: &str) -> Self {
        Self {
            public: public.to_owned(),
            internal: internal.to_owned(),
            authorization: format!("Bearer {reader_token}"),
            client: Client::new(),
            rows: Vec::new(),
        }
    }

    /// Everything that was noted.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    /// Notes one row.
    pub fn note(&mut self, system: &'static str, what: &'static str, seen: Seen, expected: Seen) {
        self.rows.push(Row {
            system,
            what,
            seen,
            expected,
        });
    }

    /// Posts a request to a path of the public listener.
    pub fn post(&self, path: &str, request: &SignedRequest) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.public);
        let headers = request.header_pairs();
        self.client.send("POST", &url, &headers, &request.body)
    }

    /// Registers an order with one payment of 100.00 and one refund application of 30.00; gives the
    /// answer in a few words.
    pub fn register(&self, order_no: &str, state: &str, name: &str) -> anyhow::Result<String> {
        let body = json!({
            "state": state,
            "payments": [{"trandeno": format!("T-{name}"), "amount": "100.00"}],
            "refund_applications": [{"batchno": format!("B-{name}"), "amount": "30.00"}],
        });
        let url = format!("{}/v1/orders/{order_no}", self.internal);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", self.authorization.as_str()),
        ];
        let body = body.to_string();
        let answer = self.client.send("PUT", &url, &headers, body.as_bytes())?;
        let order: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        Ok(match order["order_no"].as_str() {
            Some(order_no) => format!("{} order {order_no}", answer.status),
            None => format!("{} {}", answer.status, answer.body),
        })
    }

    /// The refund under this number in a few words.
    pub fn stored(&self, provider: &str, refund_no: &str) -> anyhow::Result<String> {
        let refund = self.refund(provider, refund_no)?;
        Ok(refund.map_or_else(|| NOTHING.to_owned(), |refund| describe(&refund)))
    }

    /// The same once its close-out is done; follows the feed instead of asking again and again.
    pub fn closed_out(&self, refund_no: &str) -> anyhow::Result<String> {
        let mut after = 0;
        for _ in 0..APPLY_LOOKS {
            if let Some(refund) = self.refund("epay", refund_no)?
                && refund["closeout"]["state"] == "done"
            {
                return Ok(describe(&refund));
            }
            let page = self.get(&format!("/v1/events?after={after}&limit=1000&wait=1s"))?;
            after = page["next"].as_i64().context("a page without next")?;
        }
        self.stored("epay", refund_no)
    }

    /// Submits a refund; gives the status of the answer, with the body where it is none of success.
    pub fn submit(&self, body: &Value) -> anyhow::Result<String> {
        let url = format!("{}/v1/refunds", self.internal);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", self.authorization.as_str()),
        ];
        let body = body.to_string();
        let answer = self.client.send("POST", &url, &headers, body.as_bytes())?;
        Ok(match answer.status {
            202 => "202".to_owned(),
            status => format!("{status} {}", answer.body),
        })
    }

    /// Posts to the sandbox itself.
    pub fn arrange(&self, url: &str, body: &str) -> anyhow::Result<()> {
        let answer = self.client.send("POST", url, &[], body.as_bytes())?;
        anyhow::ensure!(answer.status == 200, "{url} answered {}", answer.body);
        Ok(())
    }

    /// Waits until a refund is final or asks a person: how that became known, and the refund in a few words.
    pub fn outcome(&self, provider: &str, refund_no: &str) -> anyhow::Result<(String, String)> {
        let mut after = 0;
        for _ in 0..ASKED_LOOKS {
            let refund = self.refund(provider, refund_no)?;
            let refund = refund.with_context(|| format!("there is no refund {refund_no}"))?;
            let asks = refund["attention"]
                .as_array()
                .is_some_and(|open| !open.is_empty());
            if refund["status"] != "pending" || asks {
                let id = refund["id"].as_str().unwrap_or_default();
                let timeline = self.get(&format!("/v1/refunds/{id}/timeline"))?;
                return Ok((path(&timeline), describe(&refund)));
            }
            let page = self.get(&format!("/v1/events?after={after}&limit=1000&wait=1s"))?;
            after = page["next"].as_i64().context("a page without next")?;
        }
        Ok(("no outcome".to_owned(), self.stored(provider, refund_no)?))
    }

    /// The refund as readers see it.
    fn refund(&self, provider: &str, refund_no: &str) -> anyhow::Result<Option<Value>> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("provider", provider)
            .append_pair("refund_no", refund_no)
            .finish();
        let page = self.get(&format!("/v1/refunds?{query}"))?;
        Ok(page["data"]
            .as_array()
            .and_then(|data| data.first().cloned()))
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.internal);
        let headers = [("authorization", self.authorization.as_str())];
        let answer = self.client.send("GET", &url, &headers, &[])?;
        anyhow::ensure!(answer.status == 200, "{url} answered {}", answer.status);
        serde_json::from_str(&answer.body).with_context(|| format!("{url} answered no JSON"))
    }
}

/// What a timeline tells of how an outcome became known: the sends, the asks that told something new, and the
/// callbacks that the provider posted.
fn path(timeline: &Value) -> String {
    let entries = timeline["data"].as_array().into_iter().flatten();
    let steps = entries.filter_map(|entry| {
        let class = entry["class"].as_str().unwrap_or("open");
        match entry["kind"].as_str()? {
            "attempt" => Some(format!("sent: {class}")),
            "ask" if class != "accepted" => Some(format!("asked: {class}")),
            // A reply of ours names its attempt.
            "callback" if entry["attempt_id"].is_null() => {
                let verdict = entry["verdict"].as_str().unwrap_or("open");
                Some(format!("called back: {verdict}"))
            }
            _ => None,
        }
    });
    steps.collect::<Vec<_>>().join(", ")
}

/// A refund in a few words.
fn describe(refund: &Value) -> String {
    let members = ["status", "amount", "currency"];
    let outcome: Vec<_> = members
        .into_iter()
        .filter_map(|member| refund[member].as_str())
        .collect();
    let mut words = vec![outcome.join(" ")];
    if let Some(state) = refund["closeout"]["state"].as_str() {
        words.push(format!("close-out {state}"));
    }
    if let Some(state) = refund["closeout"]["order_state"].as_str() {
        words.push(format!("order {state}"));
    }
    if let Some(state) = refund["request"]["state"].as_str() {
        words.push(format!("request {state}"));
    }
    let asked: Vec<_> = refund["attention"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|open| open["reason"].as_str())
        .collect();
    if !asked.is_empty() {
        words.push(format!("asks: {}", asked.join(" ")));
    }
    words.join(", ")
}
