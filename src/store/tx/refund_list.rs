//! Lists of refunds for readers: whatever they ask, among millions, a page costs a bounded time.

use super::super::driver::Value;
use super::super::{StoreError, sql};
use super::refunds::read_both;
use super::{Page, Snapshot, rows_to_ask};
use crate::domain::claim::{Reason, Status};
use crate::domain::clock::Moment;
use crate::domain::close_out::CloseOut;
use crate::domain::ids::RefundId;
use crate::domain::refund::Refund;

/// Up to this many refunds changed since a moment are looked at one by one; of more, the newest are
/// most likely among those that are asked for.
const FEW_UPDATED: u32 = 5_000;

/// Which refunds a reader wants; every given condition must hold.
#[derive(Clone, Debug, Default)]
pub struct RefundFilter {
    /// The system.
    pub provider: Option<String>,
    /// The account there.
    pub account: Option<String>,
    /// Where it stands.
    pub status: Option<Status>,
    /// The merchant's order.
    pub order_no: Option<String>,
    /// The merchant's number.
    pub refund_no: Option<String>,
    /// The provider's number.
    pub provider_refund_no: Option<String>,
    /// Changed later than this.
    pub updated_after: Option<Moment>,
    /// Some question is open (`true`) or none is (`false`).
    pub attention: Option<bool>,
    /// This very question is open.
    pub attention_reason: Option<Reason>,
    /// Older than this one (the cursor).
    pub before: Option<RefundId>,
}

impl RefundFilter {
    /// Whether it finds its page by an index, however much is stored: by a number, or all of them in order.
    pub fn is_look_up(&self) -> bool {
        let numbers = [&self.order_no, &self.refund_no, &self.provider_refund_no];
        if numbers.iter().any(|number| number.is_some()) {
            return true;
        }
        let is_narrowed = self.provider.is_some()
            || self.account.is_some()
            || self.status.is_some()
            || self.updated_after.is_some()
            || self.attention.is_some()
            || self.attention_reason.is_some();
        !is_narrowed
    }
}

/// How the store goes about a list; all give the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A number or an open question is given, which has an index of its own.
    ByNumber,
    /// Few refunds changed since the moment that is asked for.
    ByUpdate(Moment),
    /// Newest first, through an index that holds whatever else can be asked.
    Newest,
}

impl Snapshot<'_> {
    /// A page of refunds, newest first, each with its close-out if it has one.
    pub fn refunds(
        &mut self,
        filter: &RefundFilter,
        limit: u32,
    ) -> Result<Page<(Refund, Option<CloseOut>)>, StoreError> {
        let asked = filter
            .attention_reason
            .map(|reason| format!("%\"reason\":\"{}\"%", reason.as_str()));
        let rows = rows_to_ask(limit);
        let mut query = Query::new(sql::REFUNDS_HEAD);
        match self.way(filter)? {
            Way::ByNumber => query.conditions("refunds", filter),
            Way::ByUpdate(moment) => {
                query.text.push_str(sql::UPDATED_HEAD);
                query.param(moment.as_millis().into());
                query.text.push_str(sql::UPDATED_TAIL);
                query.conditions("refunds", filter);
            }
            Way::Newest => {
                query.text.push_str(sql::LISTED_HEAD);
                query.conditions("listed", filter);
                query.text.push_str(sql::LISTED_TAIL);
                query.param(rows.into());
                query.text.push(')');
            }
        }
        query.questions(filter.attention, asked.as_deref());
        query.text.push_str(sql::REFUNDS_TAIL);
        query.param(rows.into());
        let refunds = self.all(&query.text, &query.params, read_both)?;
        Ok(Page::of(refunds, limit))
    }

    fn way(&mut self, filter: &RefundFilter) -> Result<Way, StoreError> {
        let numbers = [
            &filter.order_no,
            &filter.refund_no,
            &filter.provider_refund_no,
        ];
        if numbers.iter().any(|number| number.is_some())
            || filter.attention.is_some()
            || filter.attention_reason.is_some()
        {
            return Ok(Way::ByNumber);
        }
        let Some(moment) = filter.updated_after else {
            return Ok(Way::Newest);
        };
        let params = [moment.as_millis().into(), i64::from(FEW_UPDATED + 1).into()];
        let updated = self.first(sql::COUNT_UPDATED, &params, |row| row.integer(0))?;
        Ok(if updated.unwrap_or(0) > i64::from(FEW_UPDATED) {
            Way::Newest
        } else {
            Way::ByUpdate(moment)
        })
    }
}

/// A statement whose conditions depend on what was asked; values are only ever bound.
struct Query<'a> {
    text: String,
    params: Vec<Value<'a>>,
}

impl<'a> Query<'a> {
    fn new(head: &str) -> Self {
        Self {
            text: head.to_owned(),
            params: Vec::new(),
        }
    }

    /// One condition for each filter but that for open questions; `table` is what they are about.
    fn conditions(&mut self, table: &str, filter: &'a RefundFilter) {
        for (column, value) in [
            ("provider", &filter.provider),
            ("account", &filter.account),
            ("order_no", &filter.order_no),
            ("refund_no", &filter.refund_no),
            ("provider_refund_no", &filter.provider_refund_no),
        ] {
            if let Some(value) = value {
                self.condition(table, column, "=", value.as_str().into());
            }
        }
        if let Some(status) = filter.status {
            self.condition(table, "status", "=", status.as_str().into());
            if status != Status::Succeeded {
                // Spelt out, as an index that holds only these is not used for a bound value.
                for part in [" AND ", table, ".status <> 'succeeded'"] {
                    self.text.push_str(part);
                }
            }
        }
        if let Some(moment) = filter.updated_after {
            self.condition(table, "updated_at", ">", moment.as_millis().into());
        }
        if let Some(before) = &filter.before {
            self.condition(table, "id", "<", before.as_bytes().into());
        }
    }

    fn questions(&mut self, any: Option<bool>, pattern: Option<&'a str>) {
        match any {
            Some(true) => self.text.push_str(" AND refunds.attention <> '[]'"),
            Some(false) => self.text.push_str(" AND refunds.attention = '[]'"),
            None => {}
        }
        if let Some(pattern) = pattern {
            self.text.push_str(" AND refunds.attention <> '[]'");
            self.condition("refunds", "attention", "LIKE", pattern.into());
        }
    }

    fn condition(&mut self, table: &str, column: &str, operator: &str, value: Value<'a>) {
        for part in [" AND ", table, ".", column, " ", operator, " "] {
            self.text.push_str(part);
        }
        self.param(value);
    }

    fn param(&mut self, value: Value<'a>) {
        self.params.push(value);
        self.text.push('$');
        self.text.push_str(&self.params.len().to_string());
    }
}

#[cfg(test)]
#[path = "refund_list_test.rs"]
mod tests;
