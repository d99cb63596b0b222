//! The systems as the rows play them: a good message member by member, so that a row can spoil
//! exactly one of them, and the signature that makes the spoilt one authentic.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::row::{RELAYED, Request};
use crate::harness::config::{APP_ID, MERCHANT_NO, OLD_MERCHANT_ID};
use crate::harness::keys::{hmac_sha256, provider_key, sha1_hex};
use crate::harness::payermax::{ACK, MAIN, OLD, OLD_ACK};
use crate::harness::{paycools, relay};

/// A JSON object as a list: each member a name and the JSON token of its value.
#[derive(Clone, Debug)]
pub struct Members(Vec<(String, String)>);

impl Members {
    pub fn new(members: &[(&str, &str)]) -> Self {
        let own = |(name, token): &(&str, &str)| ((*name).to_owned(), (*token).to_owned());
        Self(members.iter().map(own).collect())
    }

    /// Puts a token in the place of a member's value; a new member comes last.
    pub fn with(mut self, name: &str, token: &str) -> Self {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => token.clone_into(value),
            None => self.0.push((name.to_owned(), token.to_owned())),
        }
        self
    }

    /// Adds a member even if there is one of this name.
    pub fn and(mut self, name: &str, token: &str) -> Self {
        self.0.push((name.to_owned(), token.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub fn text(&self) -> String {
        let member = |(name, token): &(String, String)| format!("\"{name}\":{token}");
        let members: Vec<_> = self.0.iter().map(member).collect();
        format!("{{{}}}", members.join(","))
    }

    /// Names and values as the flat form of `PayCools` signs them.
    fn signed_text(&self) -> String {
        let value = |token: &str| match serde_json::from_str::<Value>(token) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) => String::new(),
            _ => token.to_owned(),
        };
        let mut pairs: Vec<_> = self.0.iter().map(|(n, t)| (n, value(t))).collect();
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort();
        let text = pairs.iter().fold(String::new(), |text, (name, value)| {
            text + name + "=" + value + "&"
        });
        format!("{text}secret={}", paycools::SECRET)
    }
}

/// A text as a JSON token.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// One system, or one form of it.
#[derive(Debug)]
pub struct System {
    pub name: &'static str,
    pub ack: &'static str,
    /// Members with numbers that it always sends.
    pub numbers: &'static [&'static str],
    /// Members with numbers that may be missing.
    pub optional_numbers: &'static [&'static str],
    pub amount: &'static str,
    /// Amounts count the smallest unit, without a decimal point.
    pub is_minor: bool,
    /// A good message of success about this refund, without its envelope.
    pub good: fn(&str) -> Members,
    /// The authentic request about this refund with these members.
    pub send: fn(&str, &Members) -> Request,
}

pub const SYSTEMS: [System; 6] = [
    System {
        name: "payermax",
        ack: ACK,
        numbers: &["outRefundNo", "refundTradeNo", "outTradeNo"],
        optional_numbers: &[],
        amount: "refundAmount",
        is_minor: false,
        good: payermax,
        send: send_payermax,
    },
    System {
        name: "payermax v2.1",
        ack: OLD_ACK,
        numbers: &["refundId", "orderId"],
        optional_numbers: &[],
        amount: "refundAmount",
        is_minor: false,
        good: payermax_old,
        send: |_, members| Request::signed(OLD, members.text()),
    },
    System {
        name: "paycools",
        ack: paycools::OPEN_API_ACK,
        numbers: &[
            "mchRefundOrderId",
            "refundTransactionId",
            "originalTransactionId",
        ],
        optional_numbers: &[],
        amount: "refundAmount",
        is_minor: true,
        good: paycools_param,
        send: |_, members| param(&members.text()),
    },
    System {
        name: "paycools flat",
        ack: paycools::FLAT_ACK,
        numbers: &[
            "mchRefundOrderId",
            "refundTransactionId",
            "originalTransactionId",
        ],
        optional_numbers: &[],
        amount: "refundAmount",
        is_minor: true,
        good: paycools_param,
        send: |_, members| flat(members),
    },
    System {
        name: "quickpay",
        ack: RELAYED,
        numbers: &[],
        optional_numbers: &["order_no", "refund_transaction_no"],
        amount: "refund_amount",
        is_minor: true,
        good: quickpay,
        send: |no, data| relayed(relay::QUICKPAY, no, quickpay_reply(data).text()),
    },
    System {
        name: "nmanagement",
        ack: RELAYED,
        numbers: &[],
        optional_numbers: &["ORDER_NUM"],
        amount: "AMOUNT",
        is_minor: false,
        good: nmanagement,
        send: |no, response| relayed(relay::NMANAGEMENT, no, nmanagement_reply(response).text()),
    },
];

/// The system of this name.
pub fn system(name: &str) -> &'static System {
    SYSTEMS
        .iter()
        .find(|system| system.name == name)
        .expect("a system of the list")
}

/// `data` of `PayerMax`'s new generation.
pub fn payermax(no: &str) -> Members {
    Members::new(&[
        ("outRefundNo", &quoted(no)),
        ("refundTradeNo", &quoted(&format!("T-{no}"))),
        ("outTradeNo", &quoted(&format!("P-{no}"))),
        ("refundAmount", "125.50"),
        ("refundCurrency", "\"USD\""),
        ("status", "\"REFUND_SUCCESS\""),
    ])
}

/// The members around `data`.
pub fn payermax_envelope(data: &str) -> Members {
    Members::new(&[
        ("code", "\"APPLY_SUCCESS\""),
        ("msg", "\"\""),
        ("keyVersion", "\"1\""),
        ("appId", &quoted(APP_ID)),
        ("merchantNo", &quoted(MERCHANT_NO)),
        ("notifyTime", "\"2026-01-17T09:33:54.540+00:00\""),
        ("notifyType", "\"REFUND\""),
        ("data", data),
    ])
}

fn send_payermax(_: &str, data: &Members) -> Request {
    Request::signed(MAIN, payermax_envelope(&data.text()).text())
}

/// The whole body of `PayerMax` v2.1.
pub fn payermax_old(no: &str) -> Members {
    Members::new(&[
        ("merchantId", &quoted(OLD_MERCHANT_ID)),
        ("refundId", &quoted(no)),
        ("tradeNo", &quoted(&format!("T-{no}"))),
        ("orderId", &quoted(&format!("P-{no}"))),
        ("status", "1"),
        ("refundAmount", "\"1000\""),
        ("currency", "\"SAR\""),
        ("errorCode", "\"\""),
        ("errorMsg", "\"\""),
    ])
}

fn paycools_param(no: &str) -> Members {
    Members::new(&[
        ("eventName", "\"payment.refund.success\""),
        ("mchRefundOrderId", &quoted(no)),
        ("originalTransactionId", &quoted(&format!("P-{no}"))),
        ("refundAmount", "10000"),
        ("feeRefunded", "1000"),
        ("refundCreateTime", "\"2026-01-17 17:33:50\""),
        ("refundReturnTime", "\"2026-01-17 17:33:54\""),
        ("refundStatus", "\"COMPLETE\""),
        ("refundTransactionId", &quoted(&format!("RT-{no}"))),
    ])
}

/// A text of `param` under the provider's signature.
pub fn param(text: &str) -> Request {
    let sign = provider_key().sign(text.as_bytes());
    Request::post(paycools::PATH, paycools::envelope(text, &sign))
}

/// A flat body with the digest of what its members say.
pub fn flat(members: &Members) -> Request {
    let sign = sha1_hex(&members.signed_text());
    let body = members.clone().and("sign", &quoted(&sign)).text();
    Request::post(paycools::PATH, body)
}

fn quickpay(no: &str) -> Members {
    Members::new(&[
        ("transaction_status", "\"REFUNDED\""),
        ("error", "null"),
        ("store_no", "\"store-1\""),
        ("paytype", "\"WECHATPAY_NATIVE\""),
        ("total_amount", "5000"),
        ("refund_amount", "1234"),
        ("order_no", &quoted(&format!("P-{no}"))),
        ("refund_order_no", &quoted(no)),
        ("refund_transaction_no", &quoted(&format!("RT-{no}"))),
        ("refund_transaction_time", "\"2026-01-17T17:33:54+08:00\""),
    ])
}

/// The members around `data`.
pub fn quickpay_reply(data: &Members) -> Members {
    Members::new(&[
        ("code", "\"SUCCESS\""),
        ("msg", "\"\""),
        ("data", &data.text()),
    ])
}

fn nmanagement(no: &str) -> Members {
    Members::new(&[
        ("ORDER_NUM", &quoted(&format!("P-{no}"))),
        ("PAY_AMOUNT", "\"12.34\""),
        ("AMOUNT", "\"12.34\""),
        ("REQUEST_SN", "\"2021120798745712\""),
        ("TX_CODE", "\"5W1004\""),
        ("RETURN_CODE", "\"000000\""),
        ("RETURN_MSG", "\"\""),
    ])
}

/// The members around `response`.
pub fn nmanagement_reply(response: &Members) -> Members {
    let text = response.text();
    let success = !text.contains("0130Z110B144");
    Members::new(&[
        ("status", "200"),
        ("success", &success.to_string()),
        ("msg", "\"退款成功\""),
        ("msgDev", "null"),
        ("response", &text),
    ])
}

/// A reply about this refund under the relay's signature; the message is known by the refund.
pub fn relayed(path: &str, no: &str, body: impl Into<Vec<u8>>) -> Request {
    relayed_at(path, no, body, &relay::timestamp(0))
}

/// The same, signed with this time.
pub fn relayed_at(path: &str, no: &str, body: impl Into<Vec<u8>>, time: &str) -> Request {
    let (id, body) = (format!("msg_{no}"), body.into());
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &body].concat();
    let sign = STANDARD.encode(hmac_sha256(relay::secret_of(path), &signed));
    Request::post(&format!("{path}{no}"), body)
        .header("webhook-id", id)
        .header("webhook-timestamp", time)
        .header("webhook-signature", format!("v1,{sign}"))
}
