//! Replies of both forms: `code` first, then what `data` says of the refund.

use serde_json::value::RawValue;

use super::{Form, PaycoolsClient};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::money::Amount;
use crate::domain::request::Class;
use crate::providers::outgoing::reply::{
    Said, TLS, Words, by_table, concluded, find, not_json, not_ok, provider_number,
};
use crate::providers::outgoing::{Answer, Code, Outgoing, Reply};
use crate::providers::paycools::codes;
use crate::providers::paycools::wire::{REFUND_NO, status_of, time};
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::{Members, NumberRule, failure, shown};

impl PaycoolsClient {
    pub(super) fn refund_answer(&self, outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
        let codes = match self.form {
            Form::OpenApi(_) => codes::REFUND,
            Form::Flat { .. } => codes::REFUND_FLAT,
        };
        self.read(reply, codes, |words, data| {
            match Object::parse(data.as_bytes()) {
                Ok(refund) => self.concluded(outgoing, &refund, data, words),
                Err(_) => words.answer(Class::Unknown),
            }
        })
    }

    pub(super) fn query_answer(&self, outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
        let codes = match self.form {
            Form::OpenApi(_) => codes::QUERY,
            Form::Flat { .. } => codes::QUERY_FLAT,
        };
        self.read(reply, codes, |words, data| {
            self.of_list(outgoing, data, words)
        })
    }

    /// `read` is given the text of `data`.
    fn read(
        &self,
        reply: &Reply,
        codes: &[Code],
        read: impl FnOnce(&Words, &str) -> Answer,
    ) -> Answer {
        if reply.status != 200 {
            return not_ok(reply);
        }
        let Ok(body) = Object::parse(&reply.body) else {
            return not_json();
        };
        let code = body.get("code");
        let words = Words::of(&code, &body.get("message"));
        let success = match self.form {
            Form::OpenApi(_) => codes::SUCCESS,
            Form::Flat { .. } => codes::SUCCESS_FLAT,
        };
        if code.text_or_digits() != Some(success) {
            let entry = find(codes, words.code.as_deref());
            return by_table(entry, &words, reply);
        }
        match body.get("data") {
            Value::Nested(data) => read(&words, data),
            // A success that says nothing is none.
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
                words.answer(Class::Unknown)
            }
        }
    }

    /// The entry with exactly our number. Another refund of the payment says nothing of ours.
    fn of_list(&self, outgoing: &Outgoing<'_>, data: &str, words: &Words) -> Answer {
        let entries: Vec<&RawValue> = match serde_json::from_str(data) {
            Ok(entries) => entries,
            Err(_) => match serde_json::from_str(data) {
                Ok(only) => vec![only],
                Err(_) => return words.answer(Class::Unknown),
            },
        };
        let mut ours = Vec::new();
        for entry in entries {
            let Ok(refund) = Object::parse(entry.get().as_bytes()) else {
                return words.answer(Class::Unknown);
            };
            match refund.get(REFUND_NO).text_or_digits() {
                Some(number) if number == outgoing.refund_no => ours.push((refund, entry.get())),
                Some(_) => {}
                // One without a number could be ours.
                None => return words.answer(Class::Unknown).asking(Reason::ReplyMismatch),
            }
        }
        match ours.as_slice() {
            [] => words.answer(Class::NotFound),
            [(refund, text)] => self.concluded(outgoing, refund, text, words),
            _ => words.answer(Class::Unknown).asking(Reason::ReplyMismatch),
        }
    }

    fn concluded(
        &self,
        outgoing: &Outgoing<'_>,
        refund: &Object<'_>,
        text: &str,
        words: &Words,
    ) -> Answer {
        let said = self.said(refund, text.as_bytes());
        let payment = outgoing.intent.provider_payment_no.as_ref();
        concluded(outgoing, payment, said, TLS, words)
    }

    fn said<'a>(&self, refund: &Object<'_>, bytes: &'a [u8]) -> Said<'a> {
        let mut members = Members::of(refund, "data.");
        let word = refund.get("refundStatus");
        let outcome = match word.text().filter(|word| !word.is_empty()) {
            None => Outcome::Unclear(Reason::InvalidContent),
            Some(word) => {
                status_of(word).map_or(Outcome::Unclear(Reason::StatusUnknown), Outcome::Reported)
            }
        };
        let is_final = matches!(outcome, Outcome::Reported(status) if status.is_final());
        let rule = NumberRule::OPTIONAL;
        let refund_no = members.number(REFUND_NO, rule);
        let order_no = members.number("originalTransactionId", rule);
        let amount = refund.has("refundAmount").then(|| {
            members.amount("refundAmount", true, |text, spelling| {
                Amount::read_minor(text, spelling, self.locale.minor_digits)
            })
        });
        let returned = refund.get("refundReturnTime");
        let has_failed = outcome == Outcome::Reported(Status::Failed);
        let why = || {
            failure(
                shown(&refund.get("failedCode")),
                shown(&refund.get("failedMessage")),
            )
        };
        let claim = Claim {
            provider_refund_no: provider_number(&refund.get("refundTransactionId")),
            order_no,
            provider_status: shown(&word),
            failure: has_failed.then(why).flatten(),
            finished_at: returned
                .text()
                .filter(|_| is_final)
                .and_then(|text| time(text, self.locale.utc_offset)),
            ..Claim::of(refund_no.map(RefundNo::from), outcome)
        };
        Said {
            claim,
            amount: amount.flatten(),
            currency: None,
            is_garbled: members.has_garbled(),
            bytes,
        }
    }
}
