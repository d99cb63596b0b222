//! A refund as one line of a list.

use crate::console::frame::{Frame, address};
use crate::console::language::when::When;
use crate::console::language::words::{self, Badge};
use crate::domain::claim::RefundNo;
use crate::domain::ids::ExternalId;
use crate::domain::money::Money;
use crate::domain::refund::Refund;
use crate::store::RefundRow;

pub struct RefundLine {
    pub href: String,
    /// See [`number`].
    pub number: String,
    pub order_no: String,
    pub order_href: String,
    pub provider_no: String,
    pub account: String,
    pub status: Badge,
    /// How far our request is.
    pub state: Option<Badge>,
    pub amount: String,
    pub currency: &'static str,
    pub updated: When,
    pub questions: Vec<&'static str>,
}

/// What a refund is called: its number, or its id where there is none.
pub fn number(refund: &Refund) -> String {
    let number = refund.refund_no.as_ref().map(RefundNo::as_str);
    number.map_or_else(|| refund.id.to_string(), str::to_owned)
}

impl RefundLine {
    pub fn new(frame: &Frame, row: &RefundRow) -> Self {
        let (lang, refund) = (frame.lang(), &row.refund);
        let order_no = refund.order_no.as_ref().map_or("", ExternalId::as_str);
        let provider_no = refund.provider_refund_no.as_ref();
        let questions = refund.attention.iter();
        Self {
            href: format!("/console/refunds/{}", refund.id),
            number: number(refund),
            order_no: order_no.to_owned(),
            order_href: address("/console/refunds", &[("q", order_no)]),
            provider_no: provider_no.map_or_else(String::new, |no| no.as_str().to_owned()),
            account: refund.account.to_string(),
            status: words::status(lang, refund.status),
            state: row
                .request
                .as_ref()
                .map(|request| words::state(lang, request.machine.state)),
            amount: refund.money.map_or_else(String::new, Money::amount_text),
            currency: refund.money.map_or("", |money| money.currency.code()),
            updated: frame.when(refund.updated_at),
            questions: questions
                .map(|question| words::reason(lang, question.reason))
                .collect(),
        }
    }
}
