//! The `EPay` caller: one refund reported as JSON, as a form, or in any bytes.

use serde_json::{Value, json};

use super::config::EPAY_TOKEN;
use super::{Reply, Server};

/// The one path of the `EPay` interface.
pub const PATH: &str = "/api/WebInterface/EPay/Refund/EndSingle/Success";

impl Server {
    /// Posts these bytes to the `EPay` endpoint with the caller's token.
    pub fn epay(&self, content_type: &str, body: impl AsRef<[u8]>) -> Reply {
        let authorization = format!("Bearer {EPAY_TOKEN}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", content_type),
        ];
        self.post(PATH, &headers, body)
    }

    /// Reports one refund as JSON; `money` is a JSON token.
    pub fn epay_json(&self, batchno: &str, trandeno: &str, money: &str) -> Reply {
        self.epay("application/json", json_body(batchno, trandeno, money))
    }

    /// Reports one refund as JSON and gives the `errcode` of the well-formed answer.
    #[track_caller]
    pub fn epay_errcode(&self, batchno: &str, trandeno: &str, money: &str) -> i64 {
        errcode(&self.epay_json(batchno, trandeno, money))
    }

    /// Registers an order of one payment of 100.00 and one refund application.
    #[track_caller]
    pub fn put_simple_order(&self, name: &str, state: &str, amount: &str) -> Value {
        self.put_order(&order_no(name), &simple_order(name, state, amount))
    }

    /// Registers the order 1, the same again, and then as delivered with another amount of its payment.
    #[track_caller]
    pub fn put_order_twice_and_changed(&self) {
        let mut order = simple_order("1", "paid", "30.00");
        self.put_order("YD-1", &order);
        self.put_order("YD-1", &order);
        order["state"] = json!("delivered");
        order["payments"][0]["amount"] = json!("1.00");
        self.put_order("YD-1", &order);
    }
}

/// The order number of [`simple_order`].
pub fn order_no(name: &str) -> String {
    format!("YD-{name}")
}

/// An order whose payment is `T-name` over 100.00 and whose application is `B-name`.
pub fn simple_order(name: &str, state: &str, amount: &str) -> Value {
    json!({
        "state": state,
        "payments": [{"trandeno": format!("T-{name}"), "amount": "100.00"}],
        "refund_applications": [{"batchno": format!("B-{name}"), "amount": amount}],
    })
}

/// The JSON body of one report; `money` is a JSON token.
pub fn json_body(batchno: &str, trandeno: &str, money: &str) -> String {
    format!(r#"{{"batchno":"{batchno}","trandeno":"{trandeno}","refundmoney":{money}}}"#)
}

/// The refund number under which a report shows up, as it is written in a query.
pub fn refund_no(batchno: &str, trandeno: &str) -> String {
    format!("{batchno}/{trandeno}")
}

/// The `errcode` of a JSON answer whose bytes have the documented shape.
#[track_caller]
pub fn errcode(reply: &Reply) -> i64 {
    assert_eq!(reply.status, 200, "answer: {}", reply.text());
    assert_eq!(
        reply.header("content-type"),
        "application/json; charset=utf-8"
    );
    let answer = reply.json();
    let code = answer["errcode"].as_i64().expect("`errcode` is an integer");
    let message = &answer["errmsg"];
    assert!(message.is_string(), "`errmsg` is a text: {}", reply.text());
    // Member order and spacing are part of the contract; the two texts are free.
    let exact = format!(
        r#"{{"errcode":{code},"errmsg":{message},"tag":{}}}"#,
        answer["tag"]
    );
    assert_eq!(reply.text(), exact);
    code
}
