//! What a list of refunds is narrowed to. The store finds most of it by an index; state, currency and amount are
//! looked at row by row, and a page looks at a bounded number of rows.

use crate::console::trouble::Trouble;
use crate::console::visit::Query;
use crate::domain::claim::{Reason, Status};
use crate::domain::money::{Amount, Currency};
use crate::domain::request::State;
use crate::domain::time::Timestamp;
use crate::store::{RefundFilter, RefundPage, RefundRow, Snapshot, StoreError};

/// Parameters that make up a filter, as they are in the address.
pub const FILTERS: [&str; 9] = [
    "provider",
    "account",
    "status",
    "attention",
    "since",
    "state",
    "currency",
    "from",
    "to",
];
/// Refunds of one read, and of all reads for a page, where few fit.
const STEP: u32 = 500;
const LOOKED_AT_MAX: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Filter {
    pub indexed: RefundFilter,
    /// How far our request is.
    state: Option<State>,
    currency: Option<Currency>,
    /// Both ends are included.
    from: Option<Amount>,
    to: Option<Amount>,
}

impl Filter {
    pub fn of(query: &Query<'_>) -> Result<Self, Trouble> {
        let amount = |name| query.with(name, |text| Amount::parse(text).ok());
        Ok(Self {
            indexed: indexed(query)?,
            state: query.with("state", State::from_word)?,
            currency: query.with("currency", |text| text.to_ascii_uppercase().parse().ok())?,
            from: amount("from")?,
            to: amount("to")?,
        })
    }

    /// Whether a refund that the store found is one that is asked for.
    pub fn fits(&self, row: &RefundRow) -> bool {
        let state = row.request.as_ref().map(|request| request.machine.state);
        if self.state.is_some() && self.state != state {
            return false;
        }
        if self.currency.is_none() && self.from.is_none() && self.to.is_none() {
            return true;
        }
        row.refund.money.is_some_and(|money| {
            self.currency
                .is_none_or(|currency| currency == money.currency)
                && self.from.is_none_or(|from| money.amount >= from)
                && self.to.is_none_or(|to| money.amount <= to)
        })
    }

    fn looks_at_rows(&self) -> bool {
        let money = self.currency.is_some() || self.from.is_some() || self.to.is_some();
        money || self.state.is_some()
    }

    /// A page of the list; shorter than it may be where few of those looked at fit.
    pub fn page(&self, snapshot: &mut Snapshot<'_>, limit: u32) -> Result<RefundPage, StoreError> {
        if !self.looks_at_rows() {
            return snapshot.refunds(&self.indexed, limit);
        }
        let (mut indexed, mut looked_at) = (self.indexed.clone(), 0);
        let mut rows: Vec<RefundRow> = Vec::new();
        loop {
            let found = snapshot.refunds(&indexed, STEP)?;
            looked_at += found.rows.len();
            rows.extend(found.rows.into_iter().filter(|row| self.fits(row)));
            if rows.len() > limit as usize {
                rows.truncate(limit as usize);
                let next = rows.last().map(|row| row.refund.id);
                return Ok(RefundPage { rows, next });
            }
            let Some(next) = found.next.filter(|_| looked_at < LOOKED_AT_MAX) else {
                let next = found.next;
                return Ok(RefundPage { rows, next });
            };
            indexed.before = Some(next);
        }
    }
}

fn indexed(query: &Query<'_>) -> Result<RefundFilter, Trouble> {
    // One parameter names provider and account, as one list does.
    let account = query.with("account", |text| Some(text.to_owned()))?;
    let (of, name) = match account.as_deref().map(|text| text.split_once('/')) {
        Some(Some((provider, name))) => (Some(provider.to_owned()), Some(name.to_owned())),
        _ => (None, account),
    };
    let attention = query.text("attention");
    Ok(RefundFilter {
        provider: of.or(query.with("provider", |text| Some(text.to_owned()))?),
        account: name,
        status: query.with("status", Status::from_word)?,
        updated_after: query.with("since", since)?,
        before: query.parsed("cursor")?,
        attention: match attention {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        },
        attention_reason: match attention {
            Some("true" | "false") => None,
            _ => query.with("attention", Reason::from_word)?,
        },
        ..RefundFilter::default()
    })
}

/// A day, or a time as the API takes it.
fn since(text: &str) -> Option<Timestamp> {
    let day = || Timestamp::from_rfc3339(&format!("{text}T00:00:00Z")).ok();
    Timestamp::from_rfc3339(text).ok().or_else(day)
}
