//! Outgoing requests: inserted with the intent, leased by a worker, moved under a lock.

mod account_states;
mod attempts;
mod guards;

use super::{COUNTED_MAX, Snapshot, Tx, corrupt};
use crate::domain::claim::{Account, RefundNo};
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::request::machine::Machine;
use crate::domain::request::{Mode, Request, State};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::inbound::callbacks::uuid;

pub use account_states::{AccountState, AccountStop};
pub use attempts::{AttemptEnd, AttemptRow, NewAttempt};
pub use guards::{KnownKey, OfPayment};

columns!(request_columns, RequestColumns: requests {
    refund_id, provider, account, refund_no, payment, mode, intent, requested_by, requested_at, state, sends, resends,
    is_rebuilt, is_in_doubt, progress, last_attempt_at, next_at, last_reply, fence, updated_at,
});
pub(super) use request_columns;

impl Tx<'_> {
    /// Stores a new request; `false` where one with this number is there. `number_key` is the number as the
    /// provider tells numbers apart.
    pub fn insert_request(
        &mut self,
        request: &Request,
        number_key: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- insert_request
            INSERT INTO requests (refund_id, provider, account, refund_no, number_key, payment, mode, amount, intent,
              requested_by, requested_at, state, progress, next_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            ON CONFLICT DO NOTHING";
        let intent = json(&request.intent)?;
        let progress = json(&request.progress)?;
        let amount = request.intent.money.amount_text();
        let params = [
            request.refund_id.as_bytes().into(),
            request.account.provider.as_str().into(),
            request.account.name.as_str().into(),
            request.refund_no.as_str().into(),
            number_key.into(),
            request.payment_key.as_deref().into(),
            request.mode.as_str().into(),
            amount.as_str().into(),
            intent.as_str().into(),
            request.requested_by.as_str().into(),
            request.requested_at.as_millis().into(),
            request.machine.state.as_str().into(),
            progress.as_str().into(),
            request.next_at.map(Timestamp::as_millis).into(),
            request.updated_at.as_millis().into(),
        ];
        Ok(self.execute(SQL, &params)? == 1)
    }

    /// Reads a request and locks it until the commit.
    pub fn lock_request(&mut self, id: RefundId) -> Result<Option<Request>, StoreError> {
        const SQL: &str = concat!(
            "-- lock_request
            UPDATE requests SET updated_at = updated_at WHERE refund_id = $1
            RETURNING ",
            request_columns!()
        );
        let params = [id.as_bytes().into()];
        self.snapshot()
            .first(SQL, &params, |row| read_request(row, 0))
    }

    /// Saves a request that was read under its lock.
    pub fn save_request(&mut self, request: &Request) -> Result<(), StoreError> {
        const SQL: &str = "-- save_request
            UPDATE requests SET state = $1, sends = $2, resends = $3, is_rebuilt = $4, is_in_doubt = $5,
              progress = $6, last_attempt_at = $7, next_at = $8, last_reply = $9, fence = $10, updated_at = $11
            WHERE refund_id = $12";
        let progress = json(&request.progress)?;
        let last_reply = request.last_reply.as_ref().map(json).transpose()?;
        let machine = request.machine;
        let params = [
            machine.state.as_str().into(),
            i64::from(machine.sends).into(),
            i64::from(machine.resends).into(),
            i64::from(machine.is_rebuilt).into(),
            i64::from(machine.is_in_doubt).into(),
            progress.as_str().into(),
            request.last_attempt_at.map(Timestamp::as_millis).into(),
            request.next_at.map(Timestamp::as_millis).into(),
            last_reply.as_deref().into(),
            request.fence.into(),
            request.updated_at.as_millis().into(),
            request.refund_id.as_bytes().into(),
        ];
        self.driver.expect_one(SQL, &params)
    }

    /// Leases requests of an account that are due, the longest due first: until then no other worker takes
    /// them. With `asks_only` those that wait to be sent stay.
    pub fn lease_requests(
        &mut self,
        account: &Account,
        (due, until): (Timestamp, Timestamp),
        limit: u32,
        asks_only: bool,
    ) -> Result<Vec<Request>, StoreError> {
        const SQL: &str = concat!(
            "-- lease_requests
            UPDATE requests SET next_at = $1
            WHERE refund_id IN (SELECT due.refund_id FROM requests AS due
              WHERE due.provider = $2 AND due.account = $3 AND due.next_at <= $4
                AND due.state <> $5
              ORDER BY due.next_at LIMIT $6 /* skip locked */)
            RETURNING ",
            request_columns!()
        );
        // No state is empty.
        let stays = if asks_only {
            State::Queued.as_str()
        } else {
            ""
        };
        let params = [
            until.as_millis().into(),
            account.provider.as_str().into(),
            account.name.as_str().into(),
            due.as_millis().into(),
            stays.into(),
            i64::from(limit).into(),
        ];
        self.snapshot()
            .all(SQL, &params, |row| read_request(row, 0))
    }

    /// Makes requests whose attempt has no end due now; returns how many.
    pub fn wake_abandoned(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        // Every attempt began after 0: the index of those that are open is searched by it.
        const SQL: &str = "-- wake_abandoned
            UPDATE requests SET next_at = $1
            WHERE refund_id IN (SELECT refund_id FROM attempts WHERE ended_at IS NULL AND started_at > 0)
              AND next_at IS NOT NULL";
        self.execute(SQL, &[now.as_millis().into()])
    }

    /// Makes open requests due now whose lease or plan ends until then.
    pub fn wake_leased(&mut self, now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "-- wake_leased
            UPDATE requests SET next_at = $1
            WHERE state IN ('queued', 'sending', 'unknown', 'accepted') AND next_at > $1 AND next_at <= $2";
        let params = [now.as_millis().into(), until.as_millis().into()];
        self.execute(SQL, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// The request of a refund.
    pub fn request(&mut self, id: RefundId) -> Result<Option<Request>, StoreError> {
        const SQL: &str = concat!(
            "-- request
            SELECT ",
            request_columns!(),
            " FROM requests WHERE refund_id = $1"
        );
        self.first(SQL, &[id.as_bytes().into()], |row| read_request(row, 0))
    }

    /// The refund of the request that has a number of this key.
    pub fn request_of_number(
        &mut self,
        account: &Account,
        number_key: &str,
    ) -> Result<Option<RefundId>, StoreError> {
        const SQL: &str = "-- request_of_number
            SELECT refund_id FROM requests WHERE provider = $1 AND account = $2 AND number_key = $3";
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
            number_key.into(),
        ];
        self.first(SQL, &params, |row| Ok(RefundId::new(uuid(row.blob(0)?)?)))
    }

    /// The next account, by name, that has a request which is or becomes due.
    pub fn next_account_with_requests(
        &mut self,
        after: Option<&Account>,
    ) -> Result<Option<Account>, StoreError> {
        const SQL: &str = "-- next_account_with_requests
            SELECT provider, account FROM requests
            WHERE next_at IS NOT NULL AND (provider, account) > ($1, $2)
            ORDER BY provider, account LIMIT 1";
        let (provider, name) = after.map_or(("", ""), |account| {
            (account.provider.as_str(), account.name.as_str())
        });
        self.first(SQL, &[provider.into(), name.into()], |row| {
            Ok(Account {
                provider: row.text(0)?.to_owned(),
                name: row.text(1)?.to_owned(),
            })
        })
    }

    /// Whether a refund with this number was requested.
    pub fn is_requested(
        &mut self,
        account: &Account,
        refund_no: &RefundNo,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- is_requested
            SELECT 1 FROM refunds JOIN requests ON requests.refund_id = refunds.id
            WHERE refunds.provider = $1 AND refunds.account = $2 AND refunds.refund_no = $3";
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
            refund_no.as_str().into(),
        ];
        Ok(self.first(SQL, &params, |_| Ok(()))?.is_some())
    }

    /// When the next request of an account is due.
    pub fn next_request(&mut self, account: &Account) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "-- next_request
            SELECT min(next_at) FROM requests WHERE provider = $1 AND account = $2 AND next_at IS NOT NULL";
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
        ];
        let found = self.first(SQL, &params, |row| row.opt_integer(0))?;
        Ok(found.flatten().map(Timestamp::from_millis))
    }

    /// Open requests by provider and state, up to `COUNTED_MAX`.
    pub fn count_requests(&mut self) -> Result<Vec<OpenRequests>, StoreError> {
        const SQL: &str = "-- count_requests
            SELECT provider, state, count(*), min(requested_at)
            FROM (SELECT provider, state, requested_at FROM requests
              WHERE state IN ('queued', 'sending', 'unknown', 'accepted') ORDER BY state LIMIT $1) AS open
            GROUP BY provider, state";
        self.all(SQL, &[COUNTED_MAX.into()], |row| {
            Ok(OpenRequests {
                provider: row.text(0)?.to_owned(),
                state: State::from_word(row.text(1)?)
                    .ok_or_else(|| corrupt("state of a request"))?,
                requests: row.integer(2)?,
                oldest: Timestamp::from_millis(row.integer(3)?),
            })
        })
    }
}

/// Open requests of one provider in one state.
#[derive(Clone, Debug)]
pub struct OpenRequests {
    pub provider: String,
    pub state: State,
    pub requests: i64,
    /// When the oldest was made.
    pub oldest: Timestamp,
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Statement(error.to_string()))
}

fn small<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| corrupt("counter of a request"))
}

/// Reads the columns of a request from this one on.
pub(super) fn read_request(row: &dyn Row, start: usize) -> Result<Request, StoreError> {
    let column = RequestColumns::from(start);
    let mode = Mode::from_word(row.text(column.mode)?).ok_or_else(|| corrupt("mode"))?;
    let state = State::from_word(row.text(column.state)?);
    let moment = |column| Ok::<_, StoreError>(row.opt_integer(column)?.map(Timestamp::from_millis));
    Ok(Request {
        refund_id: RefundId::new(uuid(row.blob(column.refund_id)?)?),
        account: Account {
            provider: row.text(column.provider)?.to_owned(),
            name: row.text(column.account)?.to_owned(),
        },
        refund_no: RefundNo::from(
            row.text(column.refund_no)?
                .parse::<ExternalId>()
                .map_err(|_| corrupt("refund number"))?,
        ),
        payment_key: row.opt_text(column.payment)?.map(str::to_owned),
        mode,
        intent: serde_json::from_str(row.text(column.intent)?).map_err(|_| corrupt("intent"))?,
        requested_by: row.text(column.requested_by)?.to_owned(),
        requested_at: Timestamp::from_millis(row.integer(column.requested_at)?),
        machine: Machine {
            state: state.ok_or_else(|| corrupt("state of a request"))?,
            mode,
            sends: small(row.integer(column.sends)?)?,
            resends: small(row.integer(column.resends)?)?,
            is_rebuilt: row.integer(column.is_rebuilt)? != 0,
            is_in_doubt: row.integer(column.is_in_doubt)? != 0,
        },
        progress: serde_json::from_str(row.text(column.progress)?)
            .map_err(|_| corrupt("progress of a request"))?,
        last_attempt_at: moment(column.last_attempt_at)?,
        next_at: moment(column.next_at)?,
        last_reply: row
            .opt_text(column.last_reply)?
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| corrupt("reply of a request"))?,
        fence: row.integer(column.fence)?,
        updated_at: Timestamp::from_millis(row.integer(column.updated_at)?),
    })
}
