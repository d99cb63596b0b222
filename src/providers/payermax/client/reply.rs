//! Replies: signature first, then `code`, then what `data` says of the refund.

use super::{Generation, PayermaxClient};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo};
use crate::domain::money::{Amount, DECIMALS_MAX};
use crate::domain::request::Class;
use crate::providers::outgoing::reply::{
    Said, Words, by_table, concluded, find, not_json, not_ok, provider_number,
};
use crate::providers::outgoing::{Answer, Code, Outgoing, Reply};
use crate::providers::payermax::{SIGN_HEADER, codes, wire};
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::{Members, NumberRule, failure, shown};

/// The names of one generation.
struct Names {
    code: &'static str,
    message: &'static str,
    success: &'static str,
    refund_no: &'static str,
    provider_refund_no: &'static str,
    order_no: &'static str,
    /// The published sample of the query names another one than its table.
    amounts: &'static [&'static str],
    currency: &'static str,
    failure: (&'static str, &'static str),
    finished_at: &'static str,
    outcome: fn(Option<&str>) -> Outcome,
}

const NEW: Names = Names {
    code: "code",
    message: "msg",
    success: codes::SUCCESS,
    refund_no: "outRefundNo",
    provider_refund_no: "refundTradeNo",
    order_no: "outTradeNo",
    amounts: &["refundAmount", "totalAmount"],
    currency: "refundCurrency",
    failure: ("", "resultMsg"),
    finished_at: "refundFinishTime",
    outcome: wire::outcome_of_word,
};
/// It has no number of the refund: `tradeNo` is the payment's.
const OLD: Names = Names {
    code: "bizCode",
    message: "message",
    success: codes::SUCCESS_V21,
    refund_no: "refundId",
    provider_refund_no: "",
    order_no: "orderId",
    amounts: &["refundAmount"],
    currency: "currency",
    failure: ("errorCode", "errorMsg"),
    finished_at: "",
    outcome: wire::outcome_of_digit,
};

impl PayermaxClient {
    pub(super) fn read(&self, outgoing: &Outgoing<'_>, reply: &Reply, codes: &[Code]) -> Answer {
        if reply.status != 200 {
            return not_ok(reply);
        }
        let Ok(body) = Object::parse(&reply.body) else {
            return not_json();
        };
        let names = match self.generation {
            Generation::New(_) => &NEW,
            Generation::Old(_) => &OLD,
        };
        let words = Words::of(&body.get(names.code), &body.get(names.message));
        let unproven = || words.answer(Class::Unknown).asking(Reason::ReplyUnproven);
        let sign = reply.header(SIGN_HEADER).filter(|text| !text.is_empty());
        let proven = sign.map(|sign| self.keys.verify(&reply.body, Some(sign), outgoing.now));
        let Ok(key_id) = proven.transpose() else {
            return unproven();
        };
        if body.get(names.code).text_or_digits() != Some(names.success) {
            let entry = find(codes, words.code.as_deref());
            return by_table(entry, &words, reply);
        }
        // Errors may be unsigned; a success never is.
        let Some(key_id) = key_id else {
            return unproven();
        };
        let data = match body.get("data") {
            Value::Nested(text) => Object::parse(text.as_bytes()).ok(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
        };
        let Some(data) = data else {
            return words.answer(Class::Unknown);
        };
        let said = said(&data, names, &reply.body);
        let payment = outgoing.intent.order_no.as_ref();
        concluded(outgoing, payment, said, key_id, &words)
    }
}

fn said<'a>(data: &Object<'_>, names: &Names, bytes: &'a [u8]) -> Said<'a> {
    let mut members = Members::of(data, "data.");
    let status = data.get("status");
    let outcome = (names.outcome)(status.text_or_digits());
    let is_final = matches!(outcome, Outcome::Reported(status) if status.is_final());
    let refund_no = members.number(names.refund_no, NumberRule::OPTIONAL);
    let order_no = members.number(names.order_no, NumberRule::OPTIONAL);
    let amount = names.amounts.iter().find(|name| data.has(name));
    let amount = amount.and_then(|name| {
        members.amount(name, true, |text, spelling| {
            Amount::read(text, spelling, DECIMALS_MAX)
        })
    });
    let currency = data
        .has(names.currency)
        .then(|| members.currency(names.currency));
    let finished_at = data.get(names.finished_at);
    let (code, message) = names.failure;
    let claim = Claim {
        provider_refund_no: provider_number(&data.get(names.provider_refund_no)),
        order_no,
        provider_status: wire::provider_status(&status),
        failure: wire::of_failed(outcome, || {
            failure(shown(&data.get(code)), shown(&data.get(message)))
        }),
        finished_at: finished_at.text().filter(|_| is_final).and_then(wire::time),
        ..Claim::of(refund_no.map(RefundNo::from), outcome)
    };
    Said {
        claim,
        amount,
        currency: currency.flatten(),
        is_garbled: members.has_garbled(),
        bytes,
    }
}
