//! Sends refunds to `QuickPay` and asks for their outcome. No document describes how a caller proves itself,
//! so an account sends the static headers of its config. Replies are signed by nothing but their TLS.
//!
//! The documents want a failed refund sent again under the same number, which makes a resend safe here.

use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value as Json;

use super::codes::{HTTP, STATUSES, SUCCESS};
use super::wire;
use crate::domain::claim::flaw::Flaw;
use crate::domain::claim::{Outcome, Reason};
use crate::domain::ids::ExternalId;
use crate::domain::request::Class;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::request::timetable::{NotFoundRule, Timetable, hours, minutes};
use crate::providers::VerifiedClaim;
use crate::providers::outgoing::reply::{TLS, Words, of_one_call};
use crate::providers::outgoing::yuan;
use crate::providers::outgoing::{Answer, Call, Client, HeaderValue, Outgoing, Reply, Step};
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::shown;

/// Members of `provider_fields`.
const FIELDS: [&str; 3] = ["itemlist", "operator", "store_no"];
/// Members of an item of `itemlist`.
const ITEM: [&str; 6] = [
    "item_id",
    "item_no",
    "item_name",
    "quantity",
    "price",
    "promotion_type",
];
/// Bounds of ours for `itemlist`; no document has one.
const ITEMS_MAX: usize = 100;
const ITEM_CHARS_MAX: usize = 128;
const ORDER_CHARS_MAX: usize = 32;
pub(super) const STORE_CHARS_MAX: usize = 32;
pub(super) const OPERATOR_CHARS_MAX: usize = 16;
/// Most fen of an amount.
const FEN_MAX: u64 = 9_999_999_999;

/// One account.
pub(super) struct QuickpayClient {
    pub base_url: String,
    /// Without a `/` at its beginning.
    pub refund_query_path: String,
    /// Where a request has none of its own.
    pub store_no: Option<String>,
    pub operator: Option<String>,
    /// Sent with each call.
    pub headers: Vec<(String, SecretString)>,
}

/// Body of `QuickPay/Refund`, in the order of its page. Amounts are fen.
#[derive(Serialize)]
struct RefundInfo<'a> {
    store_no: &'a str,
    operator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<u64>,
    refund_amount: u64,
    order_no: &'a str,
    refund_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_desc: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    itemlist: Option<&'a Json>,
}

/// Body of `RefundQuery`.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "as they are on the wire")]
struct RefundQueryInfo<'a> {
    store_no: &'a str,
    order_no: &'a str,
    refund_order_no: &'a str,
}

impl Client for QuickpayClient {
    fn check(&self, _: Option<&str>, intent: &Intent, _: jiff::Timestamp) -> Vec<FieldError> {
        let mut errors = yuan::check(intent, "QuickPay", &FIELDS);
        let mut note = |pointer: &str, what: String| errors.push(FieldError::new(pointer, what));
        let order_no = intent.order_no.as_ref();
        if order_no.is_some_and(|number| number.as_str().chars().count() > ORDER_CHARS_MAX) {
            let what = format!("has more than {ORDER_CHARS_MAX} characters");
            note("/order_no", what);
        }
        let is_too_large = |fen: Option<u64>| fen.is_some_and(|fen| fen > FEN_MAX);
        if is_too_large(yuan::fen(intent.money.amount)) {
            note("/amount", "is above 99999999.99".to_owned());
        }
        if is_too_large(intent.order_amount.and_then(yuan::fen)) {
            note("/order_amount", "is above 99999999.99".to_owned());
        }
        for (name, of_account, chars_max) in [
            ("store_no", &self.store_no, STORE_CHARS_MAX),
            ("operator", &self.operator, OPERATOR_CHARS_MAX),
        ] {
            let given = intent.provider_fields.get(name);
            if let Some(what) = text_flaw(given, of_account.is_some(), chars_max) {
                note(&format!("/provider_fields/{name}"), what);
            }
        }
        if let Some(what) = intent.provider_fields.get("itemlist").and_then(items_flaw) {
            note("/provider_fields/itemlist", what);
        }
        errors
    }

    fn resends_after_failure(&self) -> bool {
        true
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn timetable(&self) -> Timetable {
        let steps = [
            5,
            15,
            30,
            minutes(1),
            minutes(2),
            minutes(5),
            minutes(15),
            hours(1),
            hours(4),
        ];
        let not_found = NotFoundRule::Proves {
            answers: 2,
            over: Duration::from_secs(minutes(1)),
            after_send: Duration::from_secs(minutes(1)),
        };
        Timetable::of_seconds(&steps, &steps, (1, 30), not_found)
    }

    fn refund(&self, outgoing: &Outgoing<'_>) -> Call {
        let intent = outgoing.intent;
        self.call(
            "QuickPay/Refund",
            &RefundInfo {
                store_no: self.store_no(intent),
                operator: own(intent, "operator", self.operator.as_ref()),
                amount: intent.order_amount.and_then(yuan::fen),
                // Zero is no amount to the provider; `check` has rejected what is finer than a fen.
                refund_amount: yuan::fen(intent.money.amount).unwrap_or(0),
                order_no: order_no(intent),
                refund_no: outgoing.refund_no,
                refund_desc: intent.reason.as_deref(),
                itemlist: intent.provider_fields.get("itemlist"),
            },
        )
    }

    fn read_refund(&self, outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
        match reply.status {
            200 => answer(outgoing, reply),
            // Only this shape says that the members were not taken; a proxy answers 400, too.
            400 if !is_unbound(reply) => yuan::by_http(&[], reply),
            _ => yuan::by_http(HTTP, reply),
        }
    }

    fn query(&self, outgoing: &Outgoing<'_>) -> Option<Call> {
        let intent = outgoing.intent;
        let info = RefundQueryInfo {
            store_no: self.store_no(intent),
            order_no: intent.order_no.as_ref()?.as_str(),
            refund_order_no: outgoing.refund_no,
        };
        Some(self.call(&self.refund_query_path, &info))
    }

    fn read_query(&self, outgoing: &Outgoing<'_>, replies: &[Reply]) -> Step {
        of_one_call(replies, |reply| {
            if reply.status == 200 {
                return not_found(reply).unwrap_or_else(|| answer(outgoing, reply));
            }
            let mut answer = yuan::by_http(HTTP, reply);
            if answer.class == Class::Refused {
                // About the query, not about the refund. Its address is not sure, so a 404 stops nothing.
                answer.class = Class::Unknown;
                answer.stops_account = matches!(reply.status, 401 | 403);
            }
            answer
        })
    }
}

impl QuickpayClient {
    fn store_no<'a>(&'a self, intent: &'a Intent) -> &'a str {
        own(intent, "store_no", self.store_no.as_ref())
    }

    fn call(&self, path: &str, info: &impl Serialize) -> Call {
        let url = format!("{}/{path}", self.base_url);
        let call = Call::post_json(url, serde_json::to_vec(info).unwrap_or_default());
        self.headers.iter().fold(call, |call, (name, value)| {
            call.with_header(name, HeaderValue::Secret(value.clone()))
        })
    }
}

/// The request's own member, or the account's.
fn own<'a>(intent: &'a Intent, name: &str, of_account: Option<&'a String>) -> &'a str {
    let of_account = of_account.map(String::as_str);
    intent.field(name).or(of_account).unwrap_or_default()
}

fn order_no(intent: &Intent) -> &str {
    intent.order_no.as_ref().map_or("", ExternalId::as_str)
}

/// Reads the object that both calls answer with.
fn answer(outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
    let Ok(object) = Object::parse(&reply.body) else {
        return yuan::unreadable("the reply is no JSON object");
    };
    let code = object.get("code");
    let words = Words::of(&code, &object.get("msg"));
    if code.text() != Some(SUCCESS) {
        return words.answer(Class::Unknown);
    }
    let Ok(refund_no) = outgoing.refund_no.parse::<ExternalId>() else {
        return yuan::mismatch(None);
    };
    let claim = wire::claim(&refund_no, &object);
    let word = claim.provider_status.clone();
    let is_of_another = claim
        .unreadable
        .iter()
        .any(|it| it.flaw == Flaw::OtherRefund);
    if is_of_another || outgoing.is_contradicted_by(&claim) {
        return yuan::mismatch(word.as_deref());
    }
    let entry = word.as_deref().and_then(|word| yuan::find(STATUSES, word));
    let class = match claim.outcome {
        Outcome::Reported(_) => entry.map_or(Class::Unknown, |entry| entry.class),
        Outcome::Unclear(_) => Class::Unknown,
    };
    let says_nothing = word.is_none() && claim.outcome == Outcome::Unclear(Reason::StatusUnknown);
    let why = claim
        .failure
        .as_ref()
        .and_then(|failure| failure.message.clone());
    let answer = Answer::of(class, word.as_deref(), why.or(words.message).as_deref());
    if says_nothing {
        return answer;
    }
    answer.with_claim(VerifiedClaim::of_reply(claim, TLS, &reply.body))
}

/// A member that the framework could not bind, before anything was done.
fn is_unbound(reply: &Reply) -> bool {
    Object::parse(&reply.body).is_ok_and(|object| object.has("Message"))
}

/// A query that failed by a code and says nothing of a refund.
fn not_found(reply: &Reply) -> Option<Answer> {
    let object = Object::parse(&reply.body).ok()?;
    let code = shown(&object.get("code")).filter(|code| code != SUCCESS)?;
    let says_nothing = match object.get("data") {
        Value::Null => true,
        Value::Nested(text) => Object::parse(text.as_bytes())
            .is_ok_and(|data| !data.has("transaction_status") && !data.has("refund_order_no")),
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => false,
    };
    let message = shown(&object.get("msg"));
    says_nothing.then(|| Answer::of(Class::NotFound, Some(&code), message.as_deref()))
}

/// What is wrong with a text of `provider_fields`; without one the account's takes its place.
fn text_flaw(given: Option<&Json>, has_default: bool, chars_max: usize) -> Option<String> {
    let is_good = match given {
        None => has_default,
        Some(Json::String(text)) => (1..=chars_max).contains(&text.chars().count()),
        Some(_) => false,
    };
    let what = match given {
        None => "is missing, and the account has none".to_owned(),
        Some(_) => format!("must be a text of 1 to {chars_max} characters"),
    };
    (!is_good).then_some(what)
}

fn items_flaw(items: &Json) -> Option<String> {
    let is_value = |value: &Json| match value {
        Json::Null => true,
        Json::String(text) => text.chars().count() <= ITEM_CHARS_MAX,
        Json::Number(number) => number.is_i64() || number.is_u64(),
        Json::Bool(_) | Json::Array(_) | Json::Object(_) => false,
    };
    let is_item = |item: &Json| {
        item.as_object().is_some_and(|members| {
            let mut members = members.iter();
            members.all(|(name, value)| ITEM.contains(&name.as_str()) && is_value(value))
        })
    };
    let list = items.as_array();
    let is_good =
        list.is_some_and(|list| (1..=ITEMS_MAX).contains(&list.len()) && list.iter().all(is_item));
    (!is_good).then(|| {
        format!(
            "must be a list of 1 to {ITEMS_MAX} objects with {}; each a text of at most {ITEM_CHARS_MAX} \
             characters or a whole number",
            ITEM.join(", ")
        )
    })
}
