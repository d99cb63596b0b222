//! Sudden and orderly ends under load: what was answered with success is there, once, and settled.
//!
//! A request without an answer may or may not have been stored; after it is sent again the result
//! must be that of one delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ENGINE;
use crate::harness::audit::AckedFile;
use crate::harness::config::EPAY_TOKEN;
use crate::harness::epay::{PATH, json_body, order_no};
use crate::harness::http::Client;
use crate::harness::keys::provider_key;
use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE};
use crate::harness::reader::text;
use crate::harness::{Server, wait_for};

/// How often the process is killed in one test.
const ROUNDS: usize = 12;
/// Connections that send at the same time.
const SENDERS: usize = 4;
/// `PayerMax` notifications and `EPay` reports made ready for one round.
const NOTICES: usize = 120;
const REPORTS: usize = 30;

/// One request made ready before the load starts.
#[derive(Debug, Clone)]
struct Delivery {
    refund_no: String,
    path: &'static str,
    header: (&'static str, String),
    body: String,
    /// How the answer of success begins.
    success: &'static str,
}

/// The load of one round: every fifth delivery is an `EPay` report, the rest are notifications.
fn deliveries(round: usize) -> Vec<Delivery> {
    let notices = (0..NOTICES).map(|number| {
        let refund_no = format!("R-{round}-{number}");
        let body = Notice::new(&refund_no, "REFUND_SUCCESS").text();
        let header = ("sign", provider_key().sign(body.as_bytes()));
        Delivery {
            refund_no,
            path: MAIN,
            header,
            body,
            success: ACK,
        }
    });
    let mut reports = (0..REPORTS).map(|number| {
        let name = format!("{round}-{number}");
        Delivery {
            refund_no: format!("B-{name}/T-{name}"),
            path: PATH,
            header: ("authorization", format!("Bearer {EPAY_TOKEN}")),
            body: json_body(&format!("B-{name}"), &format!("T-{name}"), "30"),
            success: r#"{"errcode":0,"#,
        }
    });
    let mut mixed = Vec::new();
    for (at, notice) in notices.enumerate() {
        mixed.push(notice);
        if at % 4 == 0 {
            mixed.extend(reports.next());
        }
    }
    mixed
}

/// Registers the orders that the reports of a round close.
fn register_orders(server: &Server, round: usize) {
    for number in 0..REPORTS {
        server.put_simple_order(&format!("{round}-{number}"), "refund_applied", "30.00");
    }
}

/// Posts one delivery. `None`: no answer. Otherwise whether it was answered with success.
fn post(client: &Client, public_url: &str, delivery: &Delivery) -> Option<bool> {
    let headers = [
        ("content-type", "application/json"),
        (delivery.header.0, delivery.header.1.as_str()),
    ];
    let url = format!("{public_url}{}", delivery.path);
    let reply = client
        .try_send("POST", &url, &headers, delivery.body.as_bytes())
        .ok()?;
    assert!(
        matches!(reply.status, 200 | 503),
        "an authentic delivery is stored or put off, got {} {}",
        reply.status,
        reply.text()
    );
    Some(reply.status == 200 && reply.text().starts_with(delivery.success))
}

/// Sends `load` from several connections, calls `end` once `enough` were answered with success,
/// and gives the refund numbers of all that were.
fn storm(
    server: &mut Server,
    load: &[Delivery],
    enough: usize,
    end: impl FnOnce(&mut Server),
) -> BTreeSet<String> {
    let acked = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    let public_url = server.public_url.clone();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                let client = Client::new();
                while let Some(delivery) = load.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match post(&client, &public_url, delivery) {
                        Some(true) => {
                            acked
                                .lock()
                                .expect("no panic")
                                .insert(delivery.refund_no.clone());
                        }
                        Some(false) => {}
                        None => break,
                    }
                }
            });
        }
        wait_for("enough answers to end in mid load", || {
            (acked.lock().expect("no panic").len() >= enough).then_some(())
        });
        end(server);
    });
    acked.into_inner().expect("no panic")
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

/// Waits until each of `expected` is there and everything said about any refund is settled.
fn wait_until_settled(server: &Server, expected: &BTreeSet<String>) -> BTreeMap<String, Value> {
    let refunds = wait_for("every acknowledged refund to be there", || {
        let refunds = all_refunds(server);
        expected
            .iter()
            .all(|refund_no| refunds.contains_key(refund_no))
            .then_some(refunds)
    });
    for (refund_no, refund) in &refunds {
        let id = text(&refund["id"]);
        wait_for(&format!("{refund_no} to be settled"), || {
            let rows = server.callbacks(&id);
            rows.iter()
                .all(|row| !row["verdict"].is_null())
                .then_some(())
        });
    }
    refunds
}

/// How often each refund succeeded, and each order was closed, according to the gapless feed.
fn effects(server: &Server) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut succeeded, mut closed) = (BTreeMap::new(), BTreeMap::new());
    for event in server.events() {
        match event["type"].as_str() {
            Some("refund.succeeded") => {
                *succeeded
                    .entry(text(&event["data"]["refund_no"]))
                    .or_default() += 1;
            }
            Some("order.closed") => {
                *closed.entry(text(&event["data"]["order_no"])).or_default() += 1;
            }
            Some("refund_application.handled") => {}
            other => panic!("nothing in the load makes an event of type {other:?}"),
        }
    }
    (succeeded, closed)
}

/// The invariants after all faults: what was acknowledged took effect exactly once.
fn assert_each_took_effect_once(server: &Server, acked: &BTreeSet<String>) {
    let refunds = wait_until_settled(server, acked);
    let (succeeded, closed) = wait_for("every refund to have its event", || {
        let effects = effects(server);
        (effects.0.len() == refunds.len()).then_some(effects)
    });
    for refund_no in refunds.keys() {
        assert_eq!(succeeded.get(refund_no), Some(&1), "events of {refund_no}");
    }
    assert!(
        closed.values().all(|times| *times == 1),
        "orders closed more than once: {closed:?}"
    );
    for refund_no in acked.iter().filter(|refund_no| refund_no.starts_with("B-")) {
        let name = refund_no.rsplit_once("/T-").expect("an EPay number").1;
        let order = server.order(&order_no(name));
        assert_eq!(order["state"], "closed", "{order}");
        assert_eq!(
            order["refund_applications"][0]["state"], "handled",
            "{order}"
        );
        assert_eq!(
            closed.get(&order_no(name)),
            Some(&1),
            "order.closed of {name}"
        );
    }
}

/// The program's own audit finds every rule kept, and everything that was acknowledged.
fn audit(server: &Server, sent: &[Delivery], acked: &BTreeSet<String>) {
    let list = AckedFile::new(server.folder());
    for delivery in sent.iter().filter(|sent| acked.contains(&sent.refund_no)) {
        let (provider, account) = match delivery.path {
            MAIN => ("payermax", "main"),
            _ => ("epay", "default"),
        };
        list.add(provider, account, &delivery.refund_no, &delivery.body);
    }
    let report = server.assert_audit_is_clean(Some(&list));
    assert_eq!(report["acked"]["stored"], acked.len(), "{report:#}");
}

/// Sends every delivery once more; all must be answered with success now.
fn deliver_again(server: &Server, load: &[Delivery]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                let client = Client::new();
                while let Some(delivery) = load.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = post(&client, &server.public_url, delivery);
                    assert_eq!(answer, Some(true), "{} sent again", delivery.refund_no);
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_takes_effect_exactly_once() {
    let mut server = Server::usual(ENGINE);
    let mut acked = BTreeSet::new();
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        let load = deliveries(round);
        register_orders(&server, round);
        acked.append(&mut storm(
            &mut server,
            &load,
            15 + 37 * round % 80,
            Server::kill9,
        ));
        sent.extend(load);
        server.restart();
        if round % 3 == 0 {
            // Killed again while it makes good what the first kill left.
            server.kill9();
            server.restart();
        }
    }
    assert_each_took_effect_once(&server, &acked);
    audit(&server, &sent, &acked);

    deliver_again(&server, &sent);
    let everything: BTreeSet<String> = sent
        .iter()
        .map(|delivery| delivery.refund_no.clone())
        .collect();
    assert_each_took_effect_once(&server, &everything);
    assert_eq!(
        all_refunds(&server).len(),
        everything.len(),
        "nothing is invented"
    );
    audit(&server, &sent, &everything);
}

#[test]
fn sigterm_under_load_drains_and_exits_0_and_loses_nothing() {
    let mut server = Server::usual(ENGINE);
    let load = deliveries(0);
    register_orders(&server, 0);
    let acked = storm(&mut server, &load, 25, |server| {
        let status = server.terminate();
        assert_eq!(status.code(), Some(0), "an orderly end");
    });
    audit(&server, &load, &acked);
    server.restart();
    assert_each_took_effect_once(&server, &acked);
    audit(&server, &load, &acked);
}

#[test]
fn sigterm_while_readers_wait_ends_promptly() {
    let mut server = Server::usual(ENGINE);
    let (url, client) = (server.internal_url.clone(), server.client());
    let waiting = std::thread::spawn(move || {
        let token = format!("Bearer {}", crate::harness::config::READER_TOKEN);
        let url = format!("{url}/v1/events?after=1000&wait=60s");
        client
            .try_send("GET", &url, &[("authorization", &token)], b"")
            .expect("a reader that waits is answered, not cut")
    });
    // Both listeners have answered something by the time of the signal, so the reader waits.
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.refunds("status=succeeded").len(), 1);
    #[expect(clippy::disallowed_methods, reason = "how long it takes is the rule")]
    let told = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
    let reply = waiting.join().expect("the reader came back");
    assert_eq!(reply.status, 200, "{reply:?}");
}
