//! Endpoints that events are pushed to: how far each has come, who serves it, and what it did not take.

use super::callbacks::uuid;
use super::{COUNTED_MAX, Snapshot, Tx, corrupt};
use crate::domain::ids::RefundId;
use crate::domain::time::Timestamp;
use crate::store::driver::Row;
use crate::store::{StoreError, sql};

/// Why nothing is pushed to an endpoint any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410.
    Gone,
    /// Nothing but failures for too long.
    Failing,
}

impl DisabledReason {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::Gone, Self::Failing];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// What is known of one endpoint.
#[derive(Clone, Debug)]
pub struct EndpointRow {
    /// Its name in the config.
    pub name: String,
    /// Grows when an operator changes the row.
    pub revision: i64,
    /// Everything up to this number is delivered, parked or not wanted.
    pub pushed_sequence: i64,
    /// First failure with no success after it.
    pub failing_since: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: i64,
    /// How the last failure looked.
    pub last_error: Option<String>,
    /// When it last took an event.
    pub last_success_at: Option<Timestamp>,
    /// Since when, and why, nothing is tried.
    pub disabled: Option<(Timestamp, DisabledReason)>,
    /// The instance that serves it, or served it last.
    pub leased_by: Option<String>,
    /// Until when nobody else may.
    pub leased_until: Timestamp,
}

/// An event that an endpoint did not take, or one of the same refund behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedPush {
    /// Its number in the feed.
    pub sequence: i64,
    /// The refund within which the order is kept.
    pub refund_id: RefundId,
    /// How often it was tried; 0: it waits behind another.
    pub attempts: u32,
    /// When it failed first.
    pub first_failed_at: Option<Timestamp>,
    /// When it is tried again; `None`: as soon as it is the first of its refund.
    pub next_at: Option<Timestamp>,
    /// When trying ended without success.
    pub given_up_at: Option<Timestamp>,
    /// How the last try failed.
    pub last_error: Option<String>,
}

impl Tx<'_> {
    /// Registers an endpoint that begins after this number; leaves one that is known as it is.
    pub fn insert_endpoint(
        &mut self,
        name: &str,
        pushed_sequence: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let params = [name.into(), pushed_sequence.into(), now.as_millis().into()];
        self.execute(sql::INSERT_ENDPOINT, &params).map(drop)
    }

    /// Takes or renews the right to serve an endpoint; `None` while another instance has it.
    pub fn lease_endpoint(
        &mut self,
        name: &str,
        instance: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError> {
        let params = [
            instance.into(),
            until.as_millis().into(),
            name.into(),
            now.as_millis().into(),
        ];
        self.snapshot()
            .first(sql::LEASE_ENDPOINT, &params, read_endpoint)
    }

    /// Gives the right back.
    pub fn release_endpoint(&mut self, name: &str, instance: &str) -> Result<(), StoreError> {
        let params = [name.into(), instance.into()];
        self.execute(sql::RELEASE_ENDPOINT, &params).map(drop)
    }

    /// Saves what became of an endpoint; `false`, and nothing saved, where the row is leased by another
    /// instance or was changed by an operator.
    pub fn save_endpoint(&mut self, row: &EndpointRow, now: Timestamp) -> Result<bool, StoreError> {
        let params = [
            row.pushed_sequence.into(),
            row.failing_since.map(Timestamp::as_millis).into(),
            row.failures.into(),
            row.last_error.as_deref().into(),
            row.last_success_at.map(Timestamp::as_millis).into(),
            row.disabled.map(|(at, _)| at.as_millis()).into(),
            row.disabled.map(|(_, reason)| reason.as_str()).into(),
            row.leased_until.as_millis().into(),
            now.as_millis().into(),
            row.name.as_str().into(),
            row.leased_by.as_deref().into(),
            row.revision.into(),
        ];
        Ok(self.execute(sql::SAVE_ENDPOINT, &params)? == 1)
    }

    /// Lets an endpoint be served again, from this number on if one before its place is given; `false`
    /// where it is not known. What was given up is tried again.
    pub fn recover_endpoint(
        &mut self,
        name: &str,
        pushed_sequence: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let params = [pushed_sequence.into(), now.as_millis().into(), name.into()];
        if self.execute(sql::RECOVER_ENDPOINT, &params)? == 0 {
            return Ok(false);
        }
        self.execute(sql::DELETE_PARKED_PUSHES_AHEAD, &[name.into()])?;
        self.execute(sql::RECOVER_PARKED_PUSHES, &[name.into()])?;
        Ok(true)
    }

    /// Parks an event, or saves how a further try of it went.
    pub fn save_parked_push(
        &mut self,
        endpoint: &str,
        parked: &ParkedPush,
    ) -> Result<(), StoreError> {
        let params = [
            endpoint.into(),
            parked.sequence.into(),
            parked.refund_id.as_bytes().into(),
            i64::from(parked.attempts).into(),
            parked.first_failed_at.map(Timestamp::as_millis).into(),
            parked.next_at.map(Timestamp::as_millis).into(),
            parked.given_up_at.map(Timestamp::as_millis).into(),
            parked.last_error.as_deref().into(),
        ];
        self.execute(sql::SAVE_PARKED_PUSH, &params).map(drop)
    }

    /// Forgets what was given up before this moment, and the oldest beyond so many; only up to the endpoint's
    /// place, behind which they are met again and have to be known. Gives how many.
    pub fn forget_given_up(
        &mut self,
        endpoint: &str,
        pushed_sequence: i64,
        before: Timestamp,
        keep: i64,
    ) -> Result<usize, StoreError> {
        let params = [
            endpoint.into(),
            pushed_sequence.into(),
            before.as_millis().into(),
        ];
        let old = self.execute(sql::FORGET_OLD_GIVEN_UP, &params)?;
        let params = [endpoint.into(), pushed_sequence.into(), keep.into()];
        Ok(old + self.execute(sql::FORGET_MOST_GIVEN_UP, &params)?)
    }

    /// Forgets a parked event that was delivered.
    pub fn delete_parked_push(&mut self, endpoint: &str, sequence: i64) -> Result<(), StoreError> {
        let params = [endpoint.into(), sequence.into()];
        self.execute(sql::DELETE_PARKED_PUSH, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// Every endpoint that was ever configured.
    pub fn endpoints(&mut self) -> Result<Vec<EndpointRow>, StoreError> {
        self.all(sql::ENDPOINTS, &[], read_endpoint)
    }

    /// What an endpoint did not take and is to be tried again, oldest first; and what was given up after
    /// its place, where it is met again.
    pub fn parked_pushes(
        &mut self,
        endpoint: &str,
        pushed_sequence: i64,
    ) -> Result<Vec<ParkedPush>, StoreError> {
        let params = [endpoint.into(), pushed_sequence.into()];
        self.all(sql::PARKED_PUSHES, &params, read_parked)
    }

    /// Of each endpoint: its name, parked events up to `COUNTED_MAX`, and how many of these were given up.
    pub fn count_parked_pushes(&mut self) -> Result<Vec<(String, i64, i64)>, StoreError> {
        self.all(sql::COUNT_PARKED_PUSHES, &[COUNTED_MAX.into()], |row| {
            Ok((row.text(0)?.to_owned(), row.integer(1)?, row.integer(2)?))
        })
    }
}

fn read_endpoint(row: &dyn Row) -> Result<EndpointRow, StoreError> {
    let moment = |column| Ok::<_, StoreError>(row.opt_integer(column)?.map(Timestamp::from_millis));
    let reason = row.opt_text(8)?.map(|word| {
        DisabledReason::from_word(word).ok_or_else(|| corrupt("reason of an endpoint"))
    });
    Ok(EndpointRow {
        name: row.text(0)?.to_owned(),
        revision: row.integer(1)?,
        pushed_sequence: row.integer(2)?,
        failing_since: moment(3)?,
        failures: row.integer(4)?,
        last_error: row.opt_text(5)?.map(str::to_owned),
        last_success_at: moment(6)?,
        disabled: moment(7)?.zip(reason.transpose()?),
        leased_by: row.opt_text(9)?.map(str::to_owned),
        leased_until: Timestamp::from_millis(row.integer(10)?),
    })
}

fn read_parked(row: &dyn Row) -> Result<ParkedPush, StoreError> {
    let moment = |column| Ok::<_, StoreError>(row.opt_integer(column)?.map(Timestamp::from_millis));
    Ok(ParkedPush {
        sequence: row.integer(0)?,
        refund_id: RefundId::new(uuid(row.blob(1)?)?),
        attempts: u32::try_from(row.integer(2)?).map_err(|_| corrupt("number of attempts"))?,
        first_failed_at: moment(3)?,
        next_at: moment(4)?,
        given_up_at: moment(5)?,
        last_error: row.opt_text(6)?.map(str::to_owned),
    })
}
