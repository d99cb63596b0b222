//! Accounts that send: whether one is stopped, and the last number given to its calls.

use super::super::{Snapshot, Tx};
use crate::domain::claim::Account;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::{Row, Value};

/// A stop of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    pub account: Account,
    pub stopped_at: Timestamp,
    pub reason: String,
    /// The reader that stopped it; `None`: the service itself.
    pub by: Option<String>,
    /// When a pause ends; `None`: an operator ends the stop.
    pub resumes_at: Option<Timestamp>,
}

impl AccountState {
    /// Whether nothing is sent now. A pause that is over lets one refund through at a time, until one is taken.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.resumes_at.is_none_or(|at| at > now)
    }
}

/// What stops an account.
#[derive(Clone, Copy, Debug)]
pub struct AccountStop<'a> {
    pub reason: &'a str,
    /// The reader; `None`: the service itself.
    pub by: Option<&'a str>,
    /// When it ends by itself: a pause.
    pub until: Option<Timestamp>,
}

columns!(stop_columns, StopColumns: account_states { provider, account, stopped_at, stop_reason, stopped_by,
    resumes_at });

impl Tx<'_> {
    /// Stops an account; `false` where it is stopped already. A stop takes the place of a pause, and a pause that of
    /// one that is over.
    pub fn stop_account(
        &mut self,
        account: &Account,
        stop: &AccountStop<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- stop_account
            INSERT INTO account_states (provider, account, stopped_at, stop_reason, stopped_by, resumes_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (provider, account) DO UPDATE SET stopped_at = excluded.stopped_at,
              stop_reason = excluded.stop_reason, stopped_by = excluded.stopped_by,
              resumes_at = excluded.resumes_at
            WHERE account_states.stopped_at IS NULL OR account_states.resumes_at <= excluded.stopped_at
              OR (account_states.resumes_at IS NOT NULL AND excluded.resumes_at IS NULL)";
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
            now.as_millis().into(),
            stop.reason.into(),
            stop.by.into(),
            stop.until.map(Timestamp::as_millis).into(),
        ];
        Ok(self.execute(SQL, &params)? == 1)
    }

    /// Ends a pause that is over: a refund was taken.
    pub fn end_pause(&mut self, account: &Account) -> Result<bool, StoreError> {
        const SQL: &str = "-- end_pause
            UPDATE account_states SET stopped_at = NULL, stop_reason = NULL, stopped_by = NULL, resumes_at = NULL
            WHERE provider = $1 AND account = $2 AND resumes_at IS NOT NULL";
        Ok(self.execute(SQL, &named(account))? == 1)
    }

    /// Lets an account send again; `false` where it is not stopped.
    pub fn resume_account(&mut self, account: &Account) -> Result<bool, StoreError> {
        const SQL: &str = "-- resume_account
            UPDATE account_states SET stopped_at = NULL, stop_reason = NULL, stopped_by = NULL, resumes_at = NULL
            WHERE provider = $1 AND account = $2 AND stopped_at IS NOT NULL";
        Ok(self.execute(SQL, &named(account))? == 1)
    }

    /// Makes the requests of an account that wait to be sent due now.
    pub fn wake_account(&mut self, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "-- wake_account
            UPDATE requests SET next_at = $1
            WHERE provider = $2 AND account = $3 AND next_at > $1 AND state = 'queued'";
        let params = [
            now.as_millis().into(),
            account.provider.as_str().into(),
            account.name.as_str().into(),
        ];
        self.execute(SQL, &params).map(drop)
    }

    /// The next number for a call of an account; no two calls get the same.
    pub fn next_serial(&mut self, account: &Account) -> Result<i64, StoreError> {
        const SQL: &str = "-- next_serial
            INSERT INTO account_states (provider, account, last_serial) VALUES ($1, $2, 1)
            ON CONFLICT (provider, account) DO UPDATE SET last_serial = account_states.last_serial + 1
            RETURNING last_serial";
        let serial = self
            .snapshot()
            .first(SQL, &named(account), |row| row.integer(0))?;
        serial.ok_or(StoreError::Superseded)
    }
}

impl Snapshot<'_> {
    /// Every account that is stopped or paused, also where the pause is over.
    pub fn stopped_accounts(&mut self) -> Result<Vec<AccountState>, StoreError> {
        const SQL: &str = concat!(
            "-- stopped_accounts
            SELECT ",
            stop_columns!(),
            " FROM account_states WHERE stopped_at IS NOT NULL ORDER BY provider, account"
        );
        self.all(SQL, &[], read_stop)
    }

    /// Whether nothing may be sent for an account now.
    pub fn is_stopped(&mut self, account: &Account, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "-- is_stopped
            SELECT 1 FROM account_states
            WHERE provider = $1 AND account = $2 AND stopped_at IS NOT NULL
              AND (resumes_at IS NULL OR resumes_at > $3)";
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
            now.as_millis().into(),
        ];
        let found = self.first(SQL, &params, |_| Ok(()))?;
        Ok(found.is_some())
    }
}

/// The account as the first two parameters.
fn named(account: &Account) -> [Value<'_>; 2] {
    [
        account.provider.as_str().into(),
        account.name.as_str().into(),
    ]
}

fn read_stop(row: &dyn Row) -> Result<AccountState, StoreError> {
    const COLUMN: StopColumns = StopColumns::from(0);
    Ok(AccountState {
        account: Account {
            provider: row.text(COLUMN.provider)?.to_owned(),
            name: row.text(COLUMN.account)?.to_owned(),
        },
        stopped_at: Timestamp::from_millis(row.integer(COLUMN.stopped_at)?),
        reason: row.text(COLUMN.stop_reason)?.to_owned(),
        by: row.opt_text(COLUMN.stopped_by)?.map(str::to_owned),
        resumes_at: row
            .opt_integer(COLUMN.resumes_at)?
            .map(Timestamp::from_millis),
    })
}
