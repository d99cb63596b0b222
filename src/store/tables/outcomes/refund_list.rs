//! Lists of refunds for readers: whatever they ask, among millions, a page costs a bounded time.

use super::refund_query::Query;
use crate::domain::claim::{Reason, Status};
use crate::domain::ids::RefundId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::tables::epay::close_outs::close_out_columns;
use crate::store::tables::inbound::callbacks::uuid;
use crate::store::tables::outcomes::refunds::{RefundRow, read_row, refund_columns};
use crate::store::tables::requests::request_columns;
use crate::store::tables::{Snapshot, rows_to_ask};

/// Up to this many refunds changed since a moment are looked at one by one; of more, the newest are
/// most likely among those that are asked for.
const FEW_UPDATED: u32 = 5_000;
/// Refunds that one page looks at where no index holds all that is asked. A page that has looked at so many
/// is given as it is, with a cursor to go on: it may be short, but it never takes long.
const EXAMINED_MAX: u32 = 10_000;
/// How many of them are looked at first, as a multiple of the rows that are asked for: mostly that does.
const EXAMINED_FIRST: i64 = 4;
/// Groups of one account and status that are searched side by side; of more the newest refunds are looked
/// at one by one.
const GROUPS_MAX: usize = 64;

/// Completed by [`Snapshot::examine`] with what finds the candidates and one condition for each filter, then
/// [`REFUNDS_TAIL`].
const REFUNDS_HEAD: &str = concat!(
    "-- refunds
    SELECT ",
    refund_columns!(),
    ", ",
    close_out_columns!(),
    ", ",
    request_columns!(),
    " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id
    LEFT JOIN requests ON requests.refund_id = refunds.id WHERE 1 = 1"
);
const REFUNDS_TAIL: &str = " ORDER BY refunds.id DESC LIMIT ";
const UPDATED_HEAD: &str =
    " AND refunds.id IN (SELECT listed.id FROM refunds AS listed WHERE listed.updated_at > ";
/// Around what finds the candidates: the last of them, if there are so many.
const LAST_EXAMINED_HEAD: &str = "-- last_examined
    SELECT id FROM (";
const LAST_EXAMINED_TAIL: &str = ") AS examined ORDER BY id DESC LIMIT 1 OFFSET ";

/// Which refunds a reader wants; every given condition must hold.
#[derive(Clone, Debug, Default)]
pub struct RefundFilter {
    /// The system.
    pub provider: Option<String>,
    /// The account there.
    pub account: Option<String>,
    /// Its status.
    pub status: Option<Status>,
    /// The merchant's order.
    pub order_no: Option<String>,
    /// The merchant's number.
    pub refund_no: Option<String>,
    /// The provider's number.
    pub provider_refund_no: Option<String>,
    /// Changed later than this.
    pub updated_after: Option<Timestamp>,
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

/// A page of a list, and where the next begins.
#[derive(Debug)]
pub struct RefundPage {
    /// Newest first, each with what belongs to it. There may be fewer than were asked for, or
    /// none, although the list goes on.
    pub rows: Vec<RefundRow>,
    /// The list goes on with those older than this one.
    pub next: Option<RefundId>,
}

/// How the store finds those among which the asked ones are, newest first; all give the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A number is given, which has an index of its own and is that of few.
    ByNumber,
    /// Few refunds changed since the moment that is asked for.
    ByUpdate(Timestamp),
    /// Those with an open question.
    Questions,
    /// Provider, account and status, each combination a part of one index.
    Groups(Vec<Group>),
    /// All.
    Newest,
}

/// Refunds of one account with one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub provider: String,
    pub account: String,
    pub status: Status,
}

impl Way {
    /// Whether every one that is found this way is one that is asked for.
    fn is_exact(&self, filter: &RefundFilter) -> bool {
        let grouped =
            filter.provider.is_some() || filter.account.is_some() || filter.status.is_some();
        let asks_more = filter.updated_after.is_some() || filter.attention_reason.is_some();
        match self {
            Self::ByNumber | Self::ByUpdate(_) => true,
            Self::Questions => !grouped && !asks_more,
            Self::Groups(_) => filter.attention.is_none() && !asks_more,
            Self::Newest => !grouped && filter.attention.is_none() && !asks_more,
        }
    }
}

impl Snapshot<'_> {
    /// A page of refunds, newest first.
    pub fn refunds(&mut self, filter: &RefundFilter, limit: u32) -> Result<RefundPage, StoreError> {
        let way = self.way(filter)?;
        if way == Way::Groups(Vec::new()) {
            return Ok(RefundPage::of(Vec::new(), limit, None));
        }
        let rows = rows_to_ask(limit);
        if way.is_exact(filter) {
            let found = self.examine(&way, filter, rows, rows)?;
            return Ok(RefundPage::of(found, limit, None));
        }
        for examined in [rows * EXAMINED_FIRST, EXAMINED_MAX.into()] {
            let found = self.examine(&way, filter, rows, examined)?;
            if found.len() > limit as usize {
                return Ok(RefundPage::of(found, limit, None));
            }
            let Some(last) = self.last_examined(&way, filter, examined)? else {
                return Ok(RefundPage::of(found, limit, None));
            };
            if examined == i64::from(EXAMINED_MAX) {
                return Ok(RefundPage::of(found, limit, Some(last)));
            }
        }
        Ok(RefundPage::of(Vec::new(), limit, None))
    }

    /// Those asked for among the newest `examined` that this way finds.
    fn examine(
        &mut self,
        way: &Way,
        filter: &RefundFilter,
        rows: i64,
        examined: i64,
    ) -> Result<Vec<RefundRow>, StoreError> {
        let asked = filter
            .attention_reason
            .map(|reason| format!("%\"reason\":\"{}\"%", reason.as_str()));
        let mut query = Query::new(REFUNDS_HEAD);
        match way {
            Way::ByNumber => {}
            Way::ByUpdate(moment) => {
                query.text.push_str(UPDATED_HEAD);
                query.param(moment.as_millis().into());
                query.text.push(')');
            }
            _ => {
                query.text.push_str(" AND refunds.id IN (");
                query.candidates(way, filter, examined);
                query.text.push(')');
            }
        }
        query.conditions(filter);
        query.questions(filter.attention, asked.as_deref());
        query.text.push_str(REFUNDS_TAIL);
        query.param(rows.into());
        self.all(&query.text, &query.params, read_row)
    }

    /// The oldest of the newest `examined` that this way finds; `None` where there are not so many.
    fn last_examined(
        &mut self,
        way: &Way,
        filter: &RefundFilter,
        examined: i64,
    ) -> Result<Option<RefundId>, StoreError> {
        let mut query = Query::new(LAST_EXAMINED_HEAD);
        query.candidates(way, filter, examined);
        query.text.push_str(LAST_EXAMINED_TAIL);
        query.param((examined - 1).into());
        self.first(&query.text, &query.params, |row| {
            Ok(RefundId::new(uuid(row.blob(0)?)?))
        })
    }

    fn way(&mut self, filter: &RefundFilter) -> Result<Way, StoreError> {
        const SQL: &str = "-- count_updated
            SELECT count(*) FROM (SELECT 1 FROM refunds WHERE updated_at > $1 ORDER BY updated_at LIMIT $2) AS updated";
        let numbers = [
            &filter.order_no,
            &filter.refund_no,
            &filter.provider_refund_no,
        ];
        if numbers.iter().any(|number| number.is_some()) {
            return Ok(Way::ByNumber);
        }
        if let Some(moment) = filter.updated_after {
            let params = [moment.as_millis().into(), i64::from(FEW_UPDATED + 1).into()];
            let updated = self.first(SQL, &params, |row| row.integer(0))?;
            if updated.unwrap_or(0) <= i64::from(FEW_UPDATED) {
                return Ok(Way::ByUpdate(moment));
            }
        }
        if filter.attention == Some(true) || filter.attention_reason.is_some() {
            return Ok(Way::Questions);
        }
        if filter.provider.is_none() && filter.account.is_none() && filter.status.is_none() {
            return Ok(Way::Newest);
        }
        let statuses = filter
            .status
            .map_or(Status::ALL.to_vec(), |status| vec![status]);
        let mut groups = Vec::new();
        for (provider, account) in self.accounts(filter)? {
            groups.extend(statuses.iter().map(|&status| Group {
                provider: provider.clone(),
                account: account.clone(),
                status,
            }));
        }
        Ok(if groups.len() > GROUPS_MAX {
            Way::Newest
        } else {
            Way::Groups(groups)
        })
    }

    /// The accounts that are asked for, of those that have refunds; one more than there can be groups at
    /// most.
    fn accounts(&mut self, filter: &RefundFilter) -> Result<Vec<(String, String)>, StoreError> {
        // From one account to the next through an index, whatever number of refunds lies between.
        const SQL: &str = "-- next_account
            SELECT provider, account FROM refunds WHERE (provider, account) > ($1, $2)
            ORDER BY provider, account LIMIT 1";
        if let (Some(provider), Some(account)) = (&filter.provider, &filter.account) {
            return Ok(vec![(provider.clone(), account.clone())]);
        }
        let mut accounts = Vec::new();
        let mut last = (filter.provider.clone().unwrap_or_default(), String::new());
        while accounts.len() <= GROUPS_MAX {
            let params = [last.0.as_str().into(), last.1.as_str().into()];
            let next = self.first(SQL, &params, |row| {
                Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))
            })?;
            let Some(next) = next else {
                break;
            };
            if filter
                .provider
                .as_ref()
                .is_some_and(|provider| *provider != next.0)
            {
                break;
            }
            if filter
                .account
                .as_ref()
                .is_none_or(|account| *account == next.1)
            {
                accounts.push(next.clone());
            }
            last = next;
        }
        Ok(accounts)
    }
}

impl RefundPage {
    /// Of the rows for [`rows_to_ask`]; `examined` is where looking ended, if not at the end.
    fn of(mut rows: Vec<RefundRow>, limit: u32, examined: Option<RefundId>) -> Self {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map(|row| row.refund.id);
        let next = if has_more { last } else { examined };
        Self { rows, next }
    }
}

#[cfg(test)]
#[path = "refund_list_test.rs"]
mod tests;
