//! What may happen in a history, and how it is said on the wire. Few refunds, amounts and orders, so
//! that repeats, contradictions and races for one order come by themselves.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::harness::config::EPAY_TOKEN;
use crate::harness::epay::{PATH, json_body};
use crate::harness::keys::provider_key;
use crate::harness::payermax::{MAIN, Notice};
use crate::harness::relay;

/// What a message says of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    Pending,
    Succeeded,
    Failed,
    /// A word that no document lists.
    Unknown,
}

/// A message of one of the systems. Two equal ones are the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Message {
    /// `PayerMax` posts a callback; `other_order` names an order that is not the refund's.
    Notice {
        refund: u8,
        said: Said,
        cents: u32,
        other_order: bool,
        spelling: u8,
    },
    /// The merchant relays a reply of `QuickPay`; `spelling` makes it another message.
    Reply {
        refund: u8,
        said: Said,
        cents: u32,
        spelling: u8,
    },
    /// The `EPay` caller reports one of the [`PAIRS`].
    Report {
        pair: usize,
        cents: u32,
        spelling: u8,
    },
}

/// One step of a history.
#[derive(Clone, Debug)]
pub enum Operation {
    Send(Message),
    /// Something that was sent before, byte for byte.
    Repeat(Index),
    /// A reply that was relayed before, now on the path of another refund.
    Elsewhere(Index),
    /// An order is registered, or registered again.
    Register {
        order: usize,
        state: &'static str,
        with_applications: bool,
    },
    /// kill -9, then a new start.
    Crash,
    /// SIGTERM, then a new start.
    Stop,
    /// kill -9 while this message is on its way; after the new start its sender tries again.
    CrashDuring {
        message: Message,
        yields: u16,
    },
}

/// An `EPay` refund: its batch, its trade, the order that the trade belongs to, and what was applied
/// for, in cents.
pub const PAIRS: [(&str, &str, usize, u32); 4] = [
    ("B-0", "T-0", 0, 3_000),
    ("B-1", "T-0", 0, 4_000),
    ("B-2", "T-1", 1, 2_000),
    ("B-3", "T-1", 1, 1_000),
];

/// Orders by their number, with the one payment each has: its trade and what was paid, in cents.
pub const ORDERS: [(&str, &str, u32); 2] = [("YD-0", "T-0", 10_000), ("YD-1", "T-1", 5_000)];

/// More than any order was paid.
const TOO_MUCH: u32 = 10_001;

impl Said {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            2 => Just(Self::Pending),
            4 => Just(Self::Succeeded),
            3 => Just(Self::Failed),
            1 => Just(Self::Unknown),
        ]
    }
}

impl Message {
    fn any() -> impl Strategy<Value = Self> {
        let cents = || prop_oneof![4 => Just(1_000_u32), 1 => Just(2_050)];
        let notice = (
            0..3_u8,
            Said::any(),
            cents(),
            prop::bool::weighted(0.1),
            0..2_u8,
        )
            .prop_map(
                |(refund, said, cents, other_order, spelling)| Self::Notice {
                    refund,
                    said,
                    cents,
                    other_order,
                    spelling,
                },
            );
        let reply =
            (0..2_u8, Said::any(), cents(), 0..2_u8).prop_map(|(refund, said, cents, spelling)| {
                Self::Reply {
                    refund,
                    said,
                    cents,
                    spelling,
                }
            });
        let report = (0..PAIRS.len(), 0..8_u8, 0..2_u8).prop_map(|(pair, money, spelling)| {
            let applied = PAIRS[pair].3;
            let cents = match money {
                0 => TOO_MUCH,
                1 => applied + 500,
                _ => applied,
            };
            Self::Report {
                pair,
                cents,
                spelling,
            }
        });
        prop_oneof![4 => notice, 2 => reply, 4 => report]
    }
}

impl Operation {
    pub fn any() -> impl Strategy<Value = Self> {
        let state = prop::sample::select(vec![
            "paid",
            "refund_applied",
            "refund_applied",
            "delivered",
            "closed",
        ]);
        let register = (0..ORDERS.len(), state, prop::bool::weighted(0.8)).prop_map(
            |(order, state, with_applications)| Self::Register {
                order,
                state,
                with_applications,
            },
        );
        prop_oneof![
            12 => Message::any().prop_map(Self::Send),
            4 => any::<Index>().prop_map(Self::Repeat),
            1 => any::<Index>().prop_map(Self::Elsewhere),
            4 => register,
            1 => Just(Self::Crash),
            1 => Just(Self::Stop),
            2 => (Message::any(), 0..400_u16)
                .prop_map(|(message, yields)| Self::CrashDuring { message, yields }),
        ]
    }
}

/// A request as it goes out.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Message {
    /// The message on the wire; `elsewhere` takes another refund's path for a reply.
    pub fn request(&self, elsewhere: bool) -> Request {
        match self {
            Self::Notice {
                refund,
                said,
                cents,
                other_order,
                spelling,
            } => notice(*refund, *said, *cents, *other_order, *spelling),
            Self::Reply {
                refund,
                said,
                cents,
                spelling,
            } => reply(*refund, *said, *cents, *spelling, elsewhere),
            Self::Report {
                pair,
                cents,
                spelling,
            } => {
                let (batchno, trandeno, ..) = PAIRS[*pair];
                let money = match spelling {
                    0 => decimal(*cents),
                    _ => format!("\"{}\"", decimal(*cents)),
                };
                Request {
                    path: PATH.to_owned(),
                    headers: vec![("authorization", format!("Bearer {EPAY_TOKEN}"))],
                    body: json_body(batchno, trandeno, &money),
                }
            }
        }
        .typed()
    }

    /// The refund it is about, as `provider/number`.
    pub fn refund(&self) -> String {
        match self {
            Self::Notice { refund, .. } => format!("payermax/R-{refund}"),
            Self::Reply { refund, .. } => format!("quickpay/Q-{refund}"),
            Self::Report { pair, .. } => format!("epay/{}/{}", PAIRS[*pair].0, PAIRS[*pair].1),
        }
    }
}

impl Request {
    fn typed(mut self) -> Self {
        self.headers
            .push(("content-type", "application/json".to_owned()));
        self
    }
}

/// The body of a registration.
pub fn registration(order: usize, state: &str, with_applications: bool) -> Value {
    let (_, trandeno, paid) = ORDERS[order];
    let applications: Vec<_> = PAIRS
        .iter()
        .filter(|pair| with_applications && pair.2 == order)
        .map(|(batchno, _, _, cents)| json!({"batchno": batchno, "amount": decimal(*cents)}))
        .collect();
    json!({
        "state": state,
        "payments": [{"trandeno": trandeno, "amount": decimal(paid)}],
        "refund_applications": applications,
    })
}

/// Cents as decimal text.
pub fn decimal(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn notice(refund: u8, said: Said, cents: u32, other_order: bool, spelling: u8) -> Request {
    let status = match said {
        Said::Pending => "REFUND_PENDING",
        Said::Succeeded => "REFUND_SUCCESS",
        Said::Failed => "REFUND_FAILED",
        Said::Unknown => "REFUND_WITHDRAWN",
    };
    let notice = Notice {
        notify_time: format!("\"2026-01-17T09:33:5{spelling}Z\""),
        ..Notice::new(&format!("R-{refund}"), status).amount(&decimal(cents))
    };
    let body = if other_order {
        notice.text().replace("\"P-", "\"P-other-")
    } else {
        notice.text()
    };
    Request {
        path: MAIN.to_owned(),
        headers: vec![("sign", provider_key().sign(body.as_bytes()))],
        body,
    }
}

fn reply(refund: u8, said: Said, cents: u32, spelling: u8, elsewhere: bool) -> Request {
    let status = match said {
        Said::Pending => "PAYING",
        Said::Succeeded => "REFUNDED",
        Said::Failed => "REFUNDFAILED",
        Said::Unknown => "SUCCESSED",
    };
    let body = json!({"code": "SUCCESS", "msg": "", "data": {
        "transaction_status": status, "refund_amount": cents, "order_no": format!("P-Q-{refund}"),
        "refund_order_no": format!("Q-{refund}"),
    }})
    .to_string();
    let (id, time) = (format!("msg_{spelling}"), relay::timestamp(0));
    let path = if elsewhere {
        "Q-elsewhere".to_owned()
    } else {
        format!("Q-{refund}")
    };
    Request {
        path: format!("{}{path}", relay::QUICKPAY),
        headers: vec![
            (
                "webhook-signature",
                relay::signature(relay::SECRET, &id, &time, &body),
            ),
            ("webhook-id", id),
            ("webhook-timestamp", time),
        ],
        body,
    }
}
