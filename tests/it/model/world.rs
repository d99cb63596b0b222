//! What readers see of the world, in a form in which the model's and the program's can be compared.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operation::{ORDERS, decimal};
use super::reference::Model;
use crate::harness::Server;
use crate::harness::reader::{attention, text};

/// Everything visible but ids and times.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct World {
    refunds: BTreeMap<String, RefundSeen>,
    /// State, and the state of each application.
    orders: BTreeMap<String, (String, BTreeMap<String, String>)>,
    /// Types of events in order, by refund; `handled` and `closed` of orders by themselves.
    events: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, PartialEq, Eq)]
struct RefundSeen {
    status: String,
    amount: String,
    order_no: Option<String>,
    questions: Vec<String>,
    close_out: Option<(String, i64)>,
}

impl World {
    /// What the model says that readers must see.
    pub fn of_model(model: &Model) -> Self {
        let mut world = Self::default();
        for (key, refund) in &model.refunds {
            let mut questions: Vec<_> =
                refund.questions.iter().map(|it| (*it).to_owned()).collect();
            questions.sort();
            let seen = RefundSeen {
                status: refund.status.to_owned(),
                amount: decimal(refund.cents),
                order_no: refund.order_no.clone(),
                questions,
                close_out: refund.close_out.map(|(_, errcode)| {
                    let state = match errcode {
                        0 => "done",
                        6 => "parked",
                        _ => "pending",
                    };
                    (state.to_owned(), errcode)
                }),
            };
            world.refunds.insert(key.clone(), seen);
            let events = refund.events.iter().map(|it| (*it).to_owned());
            world.events.insert(key.clone(), events.collect());
        }
        for (index, order) in &model.orders {
            let state = |handled: &bool| if *handled { "handled" } else { "applied" }.to_owned();
            let applications = order.applications.iter();
            let applications = applications.map(|(batchno, it)| ((*batchno).to_owned(), state(it)));
            let seen = (order.state.to_owned(), applications.collect());
            world.orders.insert(ORDERS[*index].0.to_owned(), seen);
        }
        for event in &model.order_events {
            world.events.insert(event.clone(), vec!["once".to_owned()]);
        }
        world
    }

    /// What readers of this server see now. The feed is proven to be gapless on the way.
    pub fn of_server(server: &Server) -> Self {
        let mut world = Self::default();
        for refund in server.refunds("limit=200") {
            let before = world.refunds.insert(key(&refund), RefundSeen::of(&refund));
            assert!(before.is_none(), "twice in the store: {refund}");
        }
        for (order_no, ..) in ORDERS {
            let reply = server.get(&format!("/v1/orders/{order_no}"));
            if reply.status == 404 {
                continue;
            }
            let order = reply.expect_json(200);
            let applications = order["refund_applications"]
                .as_array()
                .expect("a list")
                .iter();
            let applications = applications.map(|it| (text(&it["batchno"]), text(&it["state"])));
            let seen = (text(&order["state"]), applications.collect());
            world.orders.insert(order_no.to_owned(), seen);
        }
        for event in server.events() {
            let (kind, data) = (text(&event["type"]), &event["data"]);
            let member = |name: &str| text(&data[name]);
            let (about, what) = match kind.as_str() {
                "order.closed" => (format!("closed {}", member("order_no")), "once".to_owned()),
                "refund_application.handled" => (
                    format!(
                        "handled {} {} {}",
                        member("order_no"),
                        member("batchno"),
                        member("trandeno")
                    ),
                    "once".to_owned(),
                ),
                _ => (key(data), kind),
            };
            world.events.entry(about).or_default().push(what);
        }
        world
    }
}

impl RefundSeen {
    fn of(refund: &Value) -> Self {
        let mut questions = attention(refund);
        questions.sort();
        let close_out = &refund["closeout"];
        Self {
            status: text(&refund["status"]),
            amount: text(&refund["amount"]),
            order_no: refund["order_no"].as_str().map(str::to_owned),
            questions,
            close_out: close_out["errcode"]
                .as_i64()
                .map(|errcode| (text(&close_out["state"]), errcode)),
        }
    }
}

/// `provider/number` of a refund.
fn key(refund: &Value) -> String {
    format!(
        "{}/{}",
        text(&refund["provider"]),
        text(&refund["refund_no"])
    )
}

/// The verdicts of each refund's callbacks in the order of arrival; each is applied.
pub fn verdicts(server: &Server) -> BTreeMap<String, Vec<String>> {
    let refunds = server.refunds("limit=200");
    refunds
        .iter()
        .map(|refund| (key(refund), server.verdicts(refund)))
        .collect()
}
