//! Sends refunds to `PayerMax` and asks for their outcome, in both generations. `v2` and `v21` write the
//! bodies, `check` has the rules of an intent, `reply` reads what comes back.
//!
//! Every body is signed whole, RSASSA-PKCS1-v1_5 with SHA-256 by the merchant's key, in the header `sign`.
//! Replies are signed alike by `PayerMax`' key; errors may be unsigned.

mod check;
mod reply;
mod v2;
mod v21;

use std::time::Duration;

use super::codes;
use crate::crypto::{KeyRing, RequestKey};
use crate::domain::request::Class;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::request::timetable::{NotFoundRule, Timetable, hours, minutes};
use crate::providers::outgoing::reply::of_one_call;
use crate::providers::outgoing::{Answer, Call, Client, HeaderValue, Outgoing, Reply, Step};

pub(super) use v2::NewApi;
pub(super) use v21::{CommentMembers, OldApi};

/// The pause where the merchant's balance has to fill up first.
const BALANCE_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Which of the two interfaces an account speaks.
#[derive(Debug)]
pub(super) enum Generation {
    New(NewApi),
    Old(OldApi),
}

/// One account that sends.
#[derive(Debug)]
pub(super) struct PayermaxClient {
    /// Signs our calls.
    pub(super) key: RequestKey,
    /// Verifies replies.
    pub(super) keys: KeyRing,
    /// Without a `/` at its end.
    pub(super) base_url: String,
    pub(super) merchant_no: String,
    /// Where callbacks go; `None`: as the merchant platform says.
    pub(super) callback_url: Option<String>,
    pub(super) generation: Generation,
}

impl PayermaxClient {
    fn call(&self, path: &str, body: String) -> Call {
        let body = body.into_bytes();
        let sign = self.key.sign_sha256_base64(&body);
        let call = Call::post_json(format!("{}{path}", self.base_url), body)
            .with_header(super::SIGN_HEADER, HeaderValue::Plain(sign));
        match &self.generation {
            Generation::New(NewApi {
                auth_token: Some((name, token)),
                ..
            }) => call.with_header(name, HeaderValue::Secret(token.clone())),
            Generation::New(_) | Generation::Old(_) => call,
        }
    }
}

impl Client for PayermaxClient {
    fn check(
        &self,
        refund_no: Option<&str>,
        intent: &Intent,
        now: jiff::Timestamp,
    ) -> Vec<FieldError> {
        check::check(&self.generation, refund_no, intent, now)
    }

    fn warnings(&self, refund_no: &str, _: &Intent) -> Vec<String> {
        let has_lower = refund_no.bytes().any(|b| b.is_ascii_lowercase());
        let warning = "refund_no has lower-case letters, and PayerMax does not tell case apart: no other refund may \
                       have the same number in another case";
        has_lower.then(|| warning.to_owned()).into_iter().collect()
    }

    fn number_key(&self, number: &str) -> String {
        number.to_ascii_uppercase()
    }

    fn takes_one_at_a_time(&self) -> bool {
        true
    }

    fn needs_right_clock(&self) -> bool {
        true
    }

    fn timetable(&self) -> Timetable {
        let tail = hours(13) + minutes(30);
        match &self.generation {
            Generation::New(_) => Timetable::of_seconds(
                &[
                    20,
                    60,
                    minutes(5),
                    minutes(15),
                    hours(1),
                    hours(3),
                    hours(8),
                ],
                &[
                    minutes(2),
                    minutes(10),
                    minutes(35),
                    hours(2),
                    hours(6),
                    tail,
                ],
                (7, 180),
                // A request is good for two minutes: one that is not found later was not taken.
                NotFoundRule::Proves {
                    answers: 2,
                    over: Duration::ZERO,
                    after_send: Duration::from_secs(minutes(5)),
                },
            ),
            Generation::Old(_) => Timetable::of_seconds(
                &[30, minutes(2), minutes(10), minutes(30), hours(2), hours(8)],
                &[minutes(5), minutes(30), hours(2), hours(8), tail],
                (21, 180),
                NotFoundRule::NeverProves,
            ),
        }
    }

    fn refund(&self, outgoing: &Outgoing<'_>) -> Call {
        match &self.generation {
            Generation::New(api) => self.call("/refund", api.refund(self, outgoing)),
            Generation::Old(api) => self.call("", api.refund(self, outgoing)),
        }
    }

    fn read_refund(&self, outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
        let codes = match self.generation {
            Generation::New(_) => codes::REFUND,
            Generation::Old(_) => &[],
        };
        let mut answer = self.read(outgoing, reply, codes);
        let code = answer.code.as_deref().unwrap_or_default();
        let is_unlisted = answer.class == Class::Unknown && answer.question.is_none();
        if is_unlisted && !codes.is_empty() && code.starts_with(codes::PAYMENT_METHOD) {
            answer.class = Class::Refused;
        }
        if answer.lacks_balance {
            answer.retry_after = answer.retry_after.or(Some(BALANCE_PAUSE));
        }
        answer
    }

    fn query(&self, outgoing: &Outgoing<'_>) -> Option<Call> {
        Some(match &self.generation {
            Generation::New(api) => self.call("/refundQuery", api.query(self, outgoing)),
            Generation::Old(_) => self.call("", OldApi::query(self, outgoing)),
        })
    }

    fn read_query(&self, outgoing: &Outgoing<'_>, replies: &[Reply]) -> Step {
        let codes = match self.generation {
            Generation::New(_) => codes::QUERY,
            Generation::Old(_) => &[],
        };
        of_one_call(replies, |reply| self.read(outgoing, reply, codes))
    }
}

#[cfg(test)]
mod tests;
