//! What replies of several providers have in common: a code is looked up, and what a reply says of the refund
//! is held against the request before it becomes a claim.

use super::{Answer, Code, Outgoing, Reply, Step};
use crate::domain::claim::{Claim, Outcome, Reason, Status};
use crate::domain::ids::external_id::{CHARS_MAX_UNDOCUMENTED, ExternalId};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::request::Class;
use crate::providers::VerifiedClaim;
use crate::providers::wire::json::Value;
use crate::providers::wire::member::shown;

/// The key id of a claim that only the TLS connection proves.
pub(in crate::providers) const TLS: &str = "tls";

/// What a reply says of a refund. What it does not name agrees with the request.
pub(in crate::providers) struct Said<'a> {
    /// Without money.
    pub claim: Claim,
    pub amount: Option<Amount>,
    pub currency: Option<Currency>,
    /// Whether a number, the amount or the currency is there and cannot be read.
    pub is_garbled: bool,
    /// The bytes that say it: of a list the one entry, so that two refunds in one reply are two facts.
    pub bytes: &'a [u8],
}

/// The provider's code and text.
#[derive(Clone, Debug, Default)]
pub(in crate::providers) struct Words {
    pub code: Option<String>,
    pub message: Option<String>,
}

impl Words {
    pub(in crate::providers) fn of(code: &Value<'_>, message: &Value<'_>) -> Self {
        Self {
            code: shown(code),
            message: shown(message),
        }
    }

    pub(in crate::providers) fn answer(&self, class: Class) -> Answer {
        Answer::of(class, self.code.as_deref(), self.message.as_deref())
    }
}

/// The entry of exactly this code.
pub(in crate::providers) fn find<'c>(codes: &'c [Code], code: Option<&str>) -> Option<&'c Code> {
    codes.iter().find(|entry| Some(entry.code) == code)
}

/// The answer of an entry of the table; a code that has none leaves the outcome open.
pub(in crate::providers) fn by_table(entry: Option<&Code>, words: &Words, reply: &Reply) -> Answer {
    let class = entry.map_or(Class::Unknown, |entry| entry.class);
    let mut answer = words.answer(class).after(reply.retry_after());
    answer.lacks_balance = entry.is_some_and(|entry| entry.lacks_balance);
    match entry {
        Some(entry) if entry.stops_account => answer.stopping_the_account(),
        _ => answer,
    }
}

/// The end of a query that is one call.
pub(in crate::providers) fn of_one_call(
    replies: &[Reply],
    read: impl FnOnce(&Reply) -> Answer,
) -> Step {
    let no_reply = || Answer::of(Class::Unknown, None, None);
    Step::Answer(Box::new(replies.last().map_or_else(no_reply, read)))
}

/// Another HTTP status than 200: what answered may not have been the provider's own code.
pub(in crate::providers) fn not_ok(reply: &Reply) -> Answer {
    let code = format!("http_{}", reply.status);
    Answer::of(Class::Unknown, Some(&code), None).after(reply.retry_after())
}

/// No JSON object, or one that is ambiguous.
pub(in crate::providers) fn not_json() -> Answer {
    Answer::of(Class::Unknown, Some("not_json"), None)
}

/// The provider's number of a refund; one that cannot be read is left out, as no outcome needs it.
pub(in crate::providers) fn provider_number(value: &Value<'_>) -> Option<ExternalId> {
    let text = value.text_or_digits()?;
    ExternalId::read(text, CHARS_MAX_UNDOCUMENTED).ok()
}

/// The answer of a reply that says what became of the refund, proven by `key_id`. `payment` is what the
/// request names the payment by.
pub(in crate::providers) fn concluded(
    outgoing: &Outgoing<'_>,
    payment: Option<&ExternalId>,
    said: Said<'_>,
    key_id: &str,
    words: &Words,
) -> Answer {
    let class = match said.claim.outcome {
        Outcome::Reported(Status::Succeeded) => Class::Done,
        Outcome::Reported(Status::Pending) => Class::Accepted,
        Outcome::Reported(Status::Failed | Status::Canceled) => Class::Failed,
        Outcome::Unclear(reason) => return words.answer(Class::Unknown).asking(reason),
    };
    if is_contradicted(outgoing, payment, &said) {
        return words.answer(Class::Unknown).asking(Reason::ReplyMismatch);
    }
    // Both are the request's own, whether the reply names them or not.
    let money = outgoing.intent.money;
    let names_money = said.amount.is_some() || class == Class::Done;
    let claim = Claim {
        refund_no: said.claim.refund_no.or_else(|| refund_no(outgoing)),
        money: names_money.then_some(money),
        ..said.claim
    };
    let proven = VerifiedClaim::of_reply(claim, key_id, said.bytes);
    words.answer(class).with_claim(proven)
}

fn refund_no(outgoing: &Outgoing<'_>) -> Option<crate::domain::claim::RefundNo> {
    let number = outgoing.refund_no.parse::<ExternalId>().ok()?;
    Some(number.into())
}

/// Whether it names another refund, payment, amount or currency than the request.
fn is_contradicted(outgoing: &Outgoing<'_>, payment: Option<&ExternalId>, said: &Said<'_>) -> bool {
    let Money { amount, currency } = outgoing.intent.money;
    let claim = &said.claim;
    let is_other_payment = claim
        .order_no
        .as_ref()
        .zip(payment)
        .is_some_and(|(named, ours)| named != ours);
    outgoing.is_contradicted_by(claim)
        || is_other_payment
        || said.amount.is_some_and(|named| named != amount)
        || said.currency.is_some_and(|named| named != currency)
        || said.is_garbled
}
