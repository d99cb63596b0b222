//! The ledger: what a test sent and what was acknowledged, and the proof after every fault: each
//! acknowledged delivery is stored byte for byte and applied exactly once.
//!
//! A request without an answer may or may not have been stored; after it is sent again the result
//! must be that of one delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::audit::AckedFile;
use super::config::EPAY_TOKEN;
use super::epay::{PATH, json_body, order_no};
use super::http::Client;
use super::keys::provider_key;
use super::payermax::{ACK, MAIN, Notice};
use super::reader::{attention, text};
use super::{Server, comes_true, wait_for};

/// Connections that send at the same time.
const SENDERS: usize = 4;
/// A pending callback (the disk was full, or the process with the lease died) is applied by
/// resume within this time; a lease ends after 10 s.
const RESUMED_WITHIN: Duration = Duration::from_secs(45);

/// One request made ready before the load starts.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub refund_no: String,
    path: &'static str,
    header: (&'static str, String),
    body: String,
    /// Beginning of a success answer.
    success: &'static str,
}

/// The `PayerMax` callback `number` of a round.
pub fn notice(round: usize, number: usize) -> Delivery {
    let refund_no = format!("R-{round}-{number}");
    let body = Notice::new(&refund_no, "REFUND_SUCCESS").text();
    Delivery {
        header: ("sign", provider_key().sign(body.as_bytes())),
        refund_no,
        path: MAIN,
        body,
        success: ACK,
    }
}

/// The `EPay` report `number` of a round; its order is registered by [`register_orders`].
pub fn report(round: usize, number: usize) -> Delivery {
    let name = format!("{round}-{number}");
    Delivery {
        refund_no: format!("B-{name}/T-{name}"),
        path: PATH,
        header: ("authorization", format!("Bearer {EPAY_TOKEN}")),
        body: json_body(&format!("B-{name}"), &format!("T-{name}"), "30"),
        success: r#"{"errcode":0,"#,
    }
}

/// The load of one round: every fifth delivery is an `EPay` report, the rest are callbacks.
pub fn mixed(round: usize, count: usize) -> Vec<Delivery> {
    let kinds = (0..count).map(|at| match at % 5 {
        4 => report(round, at / 5),
        _ => notice(round, at),
    });
    kinds.collect()
}

/// Registers the orders that the reports of [`mixed`] close.
pub fn register_orders(server: &Server, round: usize, count: usize) {
    for number in 0..count / 5 {
        server.put_simple_order(&format!("{round}-{number}"), "refund_applied", "30.00");
    }
}

/// The outcome of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Acknowledged: the provider stops retrying.
    Success,
    /// Told to try later: 503, or an `EPay` answer other than success.
    PutOff,
    /// No complete answer.
    Nothing,
}

impl Delivery {
    /// Posts it.
    pub fn post(&self, client: &Client, public_url: &str) -> Answer {
        let headers = [
            ("content-type", "application/json"),
            (self.header.0, self.header.1.as_str()),
        ];
        let url = format!("{public_url}{}", self.path);
        let Ok(reply) = client.try_send("POST", &url, &headers, self.body.as_bytes()) else {
            return Answer::Nothing;
        };
        assert!(
            matches!(reply.status, 200 | 503),
            "an authentic delivery is stored or put off, got {} {}",
            reply.status,
            reply.text()
        );
        if reply.status == 200 && reply.text().starts_with(self.success) {
            return Answer::Success;
        }
        if reply.status == 503 {
            assert_ne!(
                reply.header("retry-after"),
                "",
                "a 503 says when to come back"
            );
        }
        Answer::PutOff
    }
}

/// What was sent to one store, and which of it was acknowledged.
#[derive(Debug, Default)]
pub struct Ledger {
    sent: BTreeMap<String, Delivery>,
    acked: BTreeSet<String>,
}

impl Ledger {
    /// How many deliveries were acknowledged so far.
    pub fn acked(&self) -> usize {
        self.acked.len()
    }

    /// Sends `load` from several connections, each until it gets no answer any more, and calls `end`
    /// once `enough` of it were acknowledged.
    pub fn storm(
        &mut self,
        server: &mut Server,
        load: &[Delivery],
        enough: usize,
        end: impl FnOnce(&mut Server),
    ) {
        let acked = Mutex::new(BTreeSet::new());
        let next = AtomicUsize::new(0);
        let public_url = server.public_url.clone();
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    let client = Client::new();
                    while let Some(delivery) = load.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match delivery.post(&client, &public_url) {
                            Answer::Success => {
                                let refund_no = delivery.refund_no.clone();
                                acked.lock().expect("no panic").insert(refund_no);
                            }
                            Answer::PutOff => {}
                            Answer::Nothing => break,
                        }
                    }
                });
            }
            wait_for("enough answers to end in mid load", || {
                (acked.lock().expect("no panic").len() >= enough).then_some(())
            });
            end(server);
        });
        self.acked.extend(acked.into_inner().expect("no panic"));
        for delivery in load {
            self.sent
                .insert(delivery.refund_no.clone(), delivery.clone());
        }
    }

    /// Posts one delivery and notes the answer.
    pub fn post(&mut self, server: &Server, delivery: &Delivery) -> Answer {
        let answer = delivery.post(&server.client(), &server.public_url);
        if answer == Answer::Success {
            self.acked.insert(delivery.refund_no.clone());
        }
        self.sent
            .insert(delivery.refund_no.clone(), delivery.clone());
        answer
    }

    /// Takes over what was sent and acknowledged elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.acked.extend(other.acked);
    }

    /// Sends every delivery once more; all must be acknowledged now.
    pub fn deliver_again(&mut self, server: &mut Server) {
        let load: Vec<Delivery> = self.sent.values().cloned().collect();
        self.storm(server, &load, load.len(), |_| {});
    }

    /// The proof: what was acknowledged is stored and applied exactly once, nothing is invented, and
    /// what was sent without an answer is there once or not at all.
    #[track_caller]
    pub fn assert_kept(&self, server: &Server) {
        server.wait_until_applied();
        let mut lost = Vec::new();
        let all_there = comes_true(RESUMED_WITHIN, || {
            lost = self.lost(server);
            lost.is_empty()
        });
        assert!(
            all_there,
            "{} of {} acknowledged deliveries are lost: {lost:?}",
            lost.len(),
            self.acked.len()
        );
        let refunds = all_refunds(server);
        for (refund_no, refund) in &refunds {
            let sent = self.sent.get(refund_no);
            let sent = sent.unwrap_or_else(|| panic!("never sent: {refund}"));
            assert_kept_as_sent(server, refund, sent);
            let questions = attention(refund);
            let is_acked = self.acked.contains(refund_no);
            assert!(
                !is_acked || questions.is_empty(),
                "an open question: {refund}"
            );
        }
        assert_effects(server, &refunds);
        for refund_no in self
            .acked
            .iter()
            .filter(|refund_no| refund_no.starts_with("B-"))
        {
            let name = refund_no.rsplit_once("/T-").expect("an EPay number").1;
            let order = server.order(&order_no(name));
            assert_eq!(order["state"], "closed", "{order}");
            assert_eq!(
                order["refund_applications"][0]["state"], "handled",
                "{order}"
            );
        }
        self.audit(server);
    }

    /// Prints a row of the table in `docs/durability.md`, as the audit found it.
    #[track_caller]
    pub fn measured(&self, server: &Server, fault: &str, times: usize) {
        let found = &self.audit(server)["acked"];
        super::server::report(&format!(
            "measured | {fault} | {times} | {} | {} | {} |",
            self.acked.len(),
            found["lost"],
            found["doubled"]
        ));
    }

    /// The program's own audit finds no violation, and everything that was acknowledged.
    #[track_caller]
    pub fn audit(&self, server: &Server) -> Value {
        let list = AckedFile::new(server.folder());
        for refund_no in &self.acked {
            let sent = &self.sent[refund_no];
            let (provider, account) = match sent.path {
                MAIN => ("payermax", "main"),
                _ => ("epay", "default"),
            };
            list.add(provider, account, refund_no, &sent.body);
        }
        let report = server.assert_audit_is_clean(Some(&list));
        assert_eq!(report["acked"]["stored"], self.acked.len(), "{report:#}");
        report
    }

    /// Sends everything once more, after which all of it must be there exactly once.
    #[track_caller]
    pub fn assert_whole_after_redelivery(&mut self, server: &mut Server) {
        self.deliver_again(server);
        self.assert_kept(server);
        assert_eq!(
            all_refunds(server).len(),
            self.sent.len(),
            "nothing is invented"
        );
    }

    /// The acknowledged deliveries that a server does not know.
    pub fn lost(&self, server: &Server) -> Vec<String> {
        let refunds = all_refunds(server);
        let lost = self.acked.iter();
        lost.filter(|refund_no| !refunds.contains_key(*refund_no))
            .cloned()
            .collect()
    }
}

/// Every refund of the store by number; a number that is there twice fails.
fn all_refunds(server: &Server) -> BTreeMap<String, Value> {
    let mut refunds = BTreeMap::new();
    let mut path = "/v1/refunds?limit=200".to_owned();
    loop {
        let page = server.get(&path).expect_json(200);
        for refund in page["data"].as_array().expect("`data` is a list") {
            let before = refunds.insert(text(&refund["refund_no"]), refund.clone());
            assert!(before.is_none(), "twice in the store: {refund}");
        }
        if page["has_more"] == false {
            return refunds;
        }
        path = format!(
            "/v1/refunds?limit=200&cursor={}",
            text(&page["next_cursor"])
        );
    }
}

/// One callback of the refund is stored, as it was sent, and it is applied.
#[track_caller]
fn assert_kept_as_sent(server: &Server, refund: &Value, sent: &Delivery) {
    let rows = wait_for(&format!("{} to be applied", sent.refund_no), || {
        let rows = server.callbacks(&text(&refund["id"]));
        let applied = rows.iter().all(|row| !row["verdict"].is_null());
        applied.then_some(rows)
    });
    assert_eq!(
        rows.len(),
        1,
        "one notification, however often it came: {rows:#?}"
    );
    assert_eq!(rows[0]["body"], sent.body, "byte for byte");
    assert_eq!(rows[0]["verdict"], "applied", "{rows:#?}");
    assert_eq!(refund["status"], "succeeded", "{refund}");
}

/// Each refund succeeded once and each order was closed once, according to the gapless feed.
#[track_caller]
fn assert_effects(server: &Server, refunds: &BTreeMap<String, Value>) {
    let mut effects: BTreeMap<(String, String), usize> = BTreeMap::new();
    for event in server.events() {
        let kind = text(&event["type"]);
        let subject = match kind.as_str() {
            "refund.succeeded" => &event["data"]["refund_no"],
            "order.closed" => &event["data"]["order_no"],
            "refund_application.handled" | "refund.attention" => continue,
            other => panic!("nothing in the load makes an event of type {other:?}"),
        };
        *effects.entry((kind, text(subject))).or_default() += 1;
    }
    let doubled: Vec<_> = effects.iter().filter(|(_, times)| **times != 1).collect();
    assert!(
        doubled.is_empty(),
        "took effect more than once: {doubled:?}"
    );
    for (refund_no, refund) in refunds {
        let key = ("refund.succeeded".to_owned(), refund_no.clone());
        assert!(
            effects.contains_key(&key),
            "no event says that {refund_no} succeeded"
        );
        if refund["closeout"]["state"] == "done" {
            let key = ("order.closed".to_owned(), text(&refund["order_no"]));
            assert!(
                effects.contains_key(&key),
                "no event says that {refund} closed its order"
            );
        }
    }
}
