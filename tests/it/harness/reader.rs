//! The internal listener as a reader uses it.

use serde_json::Value;

use super::config::READER_TOKEN;
use super::{Reply, Server, wait_for};

impl Server {
    /// GET of the internal listener with a token of every scope.
    pub fn get(&self, path: &str) -> Reply {
        self.get_as(READER_TOKEN, path)
    }

    /// GET of the internal listener with this bearer token.
    pub fn get_as(&self, token: &str, path: &str) -> Reply {
        self.get_with(path, &[("authorization", &format!("Bearer {token}"))])
    }

    /// GET of the internal listener with exactly these headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.client()
            .send("GET", &format!("{}{path}", self.internal_url), headers, b"")
    }

    /// POST of a JSON body to the internal listener with a token of every scope.
    pub fn post_as_reader(&self, path: &str, body: &Value) -> Reply {
        self.post_as(READER_TOKEN, path, body.to_string())
    }

    /// POST of these bytes as JSON to the internal listener with this token.
    pub fn post_as(&self, token: &str, path: &str, body: impl AsRef<[u8]>) -> Reply {
        let url = format!("{}{path}", self.internal_url);
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        self.client().send("POST", &url, &headers, body.as_ref())
    }

    /// DELETE of the internal listener with this token.
    pub fn delete_as(&self, token: &str, path: &str) -> Reply {
        let url = format!("{}{path}", self.internal_url);
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        self.client().send("DELETE", &url, &headers, b"")
    }

    /// PUT of one order; returns any answer.
    pub fn put_order_raw(&self, order_no: &str, token: &str, body: &str) -> Reply {
        let url = format!("{}/v1/orders/{order_no}", self.internal_url);
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        self.client().send("PUT", &url, &headers, body.as_bytes())
    }

    /// PUT of one order that must be accepted; returns the order.
    #[track_caller]
    pub fn put_order(&self, order_no: &str, order: &Value) -> Value {
        let reply = self.put_order_raw(order_no, READER_TOKEN, &order.to_string());
        assert!(
            (200..300).contains(&reply.status),
            "{}: {}",
            reply.status,
            reply.text()
        );
        reply.json()
    }

    /// GET of one order that must exist.
    #[track_caller]
    pub fn order(&self, order_no: &str) -> Value {
        self.get(&format!("/v1/orders/{order_no}")).expect_json(200)
    }

    /// One page of refunds, `query` without the question mark.
    #[track_caller]
    pub fn refunds(&self, query: &str) -> Vec<Value> {
        let page = self.get(&format!("/v1/refunds?{query}")).expect_json(200);
        page["data"].as_array().expect("`data` is a list").clone()
    }

    /// Waits until everything that is stored has taken effect: what another process accepted is
    /// taken over only after its time.
    pub fn wait_until_applied(&self) {
        wait_for("everything that is stored to be applied", || {
            let client = self.client();
            let url = format!("{}/metrics", self.internal_url);
            let metrics = client.try_send("GET", &url, &[], b"").ok()?;
            // The last release has the other name.
            let names = ["unapplied_callbacks", "unsettled_callbacks"];
            let is_applied = |name: &str| {
                metrics
                    .text()
                    .contains(&format!("refund_receiver_{name} 0\n"))
            };
            names.into_iter().any(is_applied).then_some(())
        });
    }

    /// The refund of this number, once it is there and everything said about it is applied.
    #[track_caller]
    pub fn applied(&self, refund_no: &str) -> Value {
        self.applied_by(&format!("refund_no={}", percent_encoded(refund_no)))
    }

    /// The only refund that `query` finds, once everything said about it is applied.
    #[track_caller]
    pub fn applied_by(&self, query: &str) -> Value {
        wait_for(&format!("one applied refund of {query}"), || {
            let found = self.refunds(query);
            assert!(
                found.len() <= 1,
                "more than one refund of {query}: {found:#?}"
            );
            let id = text(&found.first()?["id"]);
            self.is_applied(&id)
                .then(|| self.get(&format!("/v1/refunds/{id}")).expect_json(200))
        })
    }

    /// This refund, once everything said about it is applied.
    #[track_caller]
    pub fn applied_by_id(&self, id: &str) -> Value {
        wait_for(&format!("{id} to be applied"), || {
            self.is_applied(id).then_some(())
        });
        self.get(&format!("/v1/refunds/{id}")).expect_json(200)
    }

    fn is_applied(&self, id: &str) -> bool {
        let rows = self.callbacks(id);
        rows.iter().all(|row| !row["verdict"].is_null())
    }

    /// Every callback of a refund, in the order of the listing.
    #[track_caller]
    pub fn callbacks(&self, refund_id: &str) -> Vec<Value> {
        let page = self
            .get(&format!("/v1/refunds/{refund_id}/callbacks"))
            .expect_json(200);
        page["data"].as_array().expect("`data` is a list").clone()
    }

    /// Verdicts of all callbacks of a refund, first received first.
    #[track_caller]
    pub fn verdicts(&self, refund: &Value) -> Vec<String> {
        let mut rows = self.callbacks(&text(&refund["id"]));
        rows.sort_by_key(|row| text(&row["id"]));
        rows.iter().map(|row| text(&row["verdict"])).collect()
    }

    /// The whole feed, page by page, proven to be numbered 1, 2, 3 … without a gap.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.len();
            let page = self
                .get(&format!("/v1/events?after={after}&limit=1000"))
                .expect_json(200);
            let data = page["data"].as_array().expect("`data` is a list");
            if data.is_empty() {
                return events;
            }
            for event in data {
                events.push(event.clone());
                assert_eq!(event["sequence"], events.len(), "the feed has no gap");
            }
            assert_eq!(
                page["next"],
                events.len(),
                "`next` is the last number given"
            );
        }
    }

    /// How many events of this type the feed has.
    #[track_caller]
    pub fn count_events(&self, kind: &str) -> usize {
        self.event_types()
            .iter()
            .filter(|have| *have == kind)
            .count()
    }

    /// The types of all events in order.
    #[track_caller]
    pub fn event_types(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|event| text(&event["type"]))
            .collect()
    }
}

/// A text as a part of a path or a value in a query.
pub fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The text of a JSON string.
#[track_caller]
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("expected a text, got {value}"))
        .to_owned()
}

/// Is this RFC 3339 in UTC with exactly three digits of a second?
pub fn is_utc_milliseconds(value: &Value) -> bool {
    let shape: String = text(value)
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                '0'
            } else {
                character
            }
        })
        .collect();
    shape == "0000-00-00T00:00:00.000Z"
}

/// Asserts an RFC 9457 problem with a stable code.
#[track_caller]
pub fn expect_problem(reply: &Reply, status: u16) {
    assert_eq!(
        reply.header("content-type"),
        "application/problem+json",
        "{}",
        reply.text()
    );
    let problem = reply.expect_json(status);
    assert_eq!(problem["status"], status, "{problem}");
    let code = text(&problem["code"]);
    assert!(
        !code.is_empty() && !code.contains(' '),
        "a code is a word: {problem}"
    );
}

/// The reasons of a refund's open questions.
pub fn attention(refund: &Value) -> Vec<String> {
    let open = refund["attention"]
        .as_array()
        .expect("`attention` is a list");
    open.iter()
        .map(|question| text(&question["reason"]))
        .collect()
}
