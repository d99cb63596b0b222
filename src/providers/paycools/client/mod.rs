//! Sends refunds to `PayCools` and asks for their outcome, in both forms. `calls` writes and signs, `check`
//! has the rules of an intent, `reply` reads what comes back. Replies are signed by nothing but their TLS.
//!
//! The query knows the payment's number and `PayCools`' own of the refund, never the merchant's: it answers
//! with a list, of which the entry with exactly our number counts.

mod calls;
mod check;
mod reply;

pub(super) use check::NUMBER_CHARS;

use std::time::Duration;

use secrecy::SecretString;

use super::{Locale, codes};
use crate::crypto::RequestKey;
use crate::domain::request::Class;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::request::timetable::{NotFoundRule, Timetable, hours, minutes};
use crate::providers::outgoing::reply::of_one_call;
use crate::providers::outgoing::{Answer, Call, Client, Outgoing, Reply, Step};

/// The pause of a limit that lasts.
const LIMIT_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Tries against such a limit before a person is asked.
const LIMIT_TRIES_MAX: u32 = 3;

/// What the member `timestamp` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimestampUnit {
    Seconds,
    Millis,
}

/// Which of the two interfaces an account speaks.
#[derive(Debug)]
pub(super) enum Form {
    OpenApi(TimestampUnit),
    /// With a secret behind the text that is signed, where the installation wants one.
    Flat {
        secret: Option<SecretString>,
    },
}

/// One account that sends.
#[derive(Debug)]
pub(super) struct PaycoolsClient {
    /// Signs our calls.
    pub(super) key: RequestKey,
    pub(super) app_id: String,
    /// Without a `/` at its end.
    pub(super) base_url: String,
    pub(super) callback_url: String,
    /// The same without its secret part.
    pub(super) shown_callback_url: String,
    pub(super) locale: Locale,
    /// How refund numbers must begin for their callbacks to be taken.
    pub(super) refund_no_prefix: Option<String>,
    pub(super) form: Form,
}

impl Client for PaycoolsClient {
    fn check(
        &self,
        refund_no: Option<&str>,
        intent: &Intent,
        now: jiff::Timestamp,
    ) -> Vec<FieldError> {
        check::check(self, refund_no, intent, now)
    }

    fn number_prefix(&self) -> Option<&str> {
        self.refund_no_prefix.as_deref()
    }

    fn takes_one_at_a_time(&self) -> bool {
        matches!(self.form, Form::Flat { .. })
    }

    fn timetable(&self) -> Timetable {
        Timetable::of_seconds(
            &[
                30,
                60,
                minutes(5),
                minutes(15),
                hours(1),
                hours(4),
                hours(12),
            ],
            &[60, minutes(5), minutes(15), hours(1), hours(4), hours(12)],
            (3, 60),
            // A number that was taken after all is recognised when it is sent again.
            NotFoundRule::Proves {
                answers: 3,
                over: Duration::from_secs(minutes(30)),
                after_send: Duration::ZERO,
            },
        )
    }

    fn refund(&self, outgoing: &Outgoing<'_>) -> Call {
        match &self.form {
            Form::OpenApi(unit) => self.open_api_refund(*unit, outgoing),
            Form::Flat { secret } => self.flat_refund(secret.as_ref(), outgoing),
        }
    }

    fn read_refund(&self, outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
        let mut answer = self.refund_answer(outgoing, reply);
        let code = answer.code.as_deref().unwrap_or_default();
        if let Form::OpenApi(_) = self.form {
            let is_open = answer.class == Class::Unknown && answer.question.is_none();
            if is_open && code.len() == 5 && code.starts_with(codes::REGIONAL) {
                answer.class = Class::Refused;
            }
            if answer.class == Class::Later && codes::HOURLY.contains(&code) {
                answer.retry_after = answer.retry_after.or(Some(LIMIT_PAUSE));
                answer.tries_max = Some(LIMIT_TRIES_MAX);
            }
        }
        answer
    }

    fn query(&self, outgoing: &Outgoing<'_>) -> Option<Call> {
        let (name, number) = match outgoing.provider_refund_no {
            Some(number) => ("refundTransactionId", number),
            None => (
                "originalTransactionId",
                outgoing.intent.provider_payment_no.as_ref()?,
            ),
        };
        Some(match &self.form {
            Form::OpenApi(unit) => self.open_api_query(*unit, outgoing, name, number),
            Form::Flat { secret } => self.flat_query(secret.as_ref(), name, number),
        })
    }

    fn read_query(&self, outgoing: &Outgoing<'_>, replies: &[Reply]) -> Step {
        of_one_call(replies, |reply| self.query_answer(outgoing, reply))
    }
}

#[cfg(test)]
mod tests;
