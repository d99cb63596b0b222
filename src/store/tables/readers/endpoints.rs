//! Endpoints that events are pushed to: cursor, lease, and parked events.

use crate::domain::ids::RefundId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::inbound::callbacks::uuid;
use crate::store::tables::{COUNTED_MAX, Snapshot, Tx, corrupt};

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
    /// Until when no other instance may.
    pub leased_until: Timestamp,
}

/// An event that an endpoint did not accept, or one of the same refund behind it.
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

columns!(endpoint_columns, EndpointColumns: endpoints {
    name, revision, pushed_sequence, failing_since, failures, last_error, last_success_at, disabled_at,
    disabled_reason, leased_by, leased_until,
});
columns!(parked_columns, ParkedColumns: parked_pushes {
    sequence, refund_id, attempts, first_failed_at, next_at, given_up_at, last_error,
});

impl Tx<'_> {
    /// Registers an endpoint that begins after this number; leaves one that is known as it is.
    pub fn insert_endpoint(
        &mut self,
        name: &str,
        pushed_sequence: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_endpoint
            INSERT INTO endpoints (name, pushed_sequence, updated_at) VALUES ($1, $2, $3)
            ON CONFLICT DO NOTHING";
        let params = [name.into(), pushed_sequence.into(), now.as_millis().into()];
        self.execute(SQL, &params).map(drop)
    }

    /// Takes or renews the lease of an endpoint; `None` while another instance has it.
    pub fn lease_endpoint(
        &mut self,
        name: &str,
        instance: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError> {
        const SQL: &str = concat!(
            "-- lease_endpoint
            UPDATE endpoints SET leased_by = $1, leased_until = $2
            WHERE name = $3 AND (leased_by = $1 OR leased_until < $4)
            RETURNING ",
            endpoint_columns!()
        );
        let params = [
            instance.into(),
            until.as_millis().into(),
            name.into(),
            now.as_millis().into(),
        ];
        self.snapshot().first(SQL, &params, read_endpoint)
    }

    /// Releases the lease.
    pub fn release_endpoint(&mut self, name: &str, instance: &str) -> Result<(), StoreError> {
        const SQL: &str = "-- release_endpoint
            UPDATE endpoints SET leased_until = 0 WHERE name = $1 AND leased_by = $2";
        let params = [name.into(), instance.into()];
        self.execute(SQL, &params).map(drop)
    }

    /// Saves what became of an endpoint; `false`, and nothing saved, where the row is leased by another
    /// instance or was changed by an operator.
    pub fn save_endpoint(&mut self, row: &EndpointRow, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "-- save_endpoint
            UPDATE endpoints SET pushed_sequence = $1, failing_since = $2, failures = $3, last_error = $4,
              last_success_at = $5, disabled_at = $6, disabled_reason = $7, leased_until = $8, updated_at = $9
            WHERE name = $10 AND leased_by = $11 AND revision = $12";
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
        Ok(self.execute(SQL, &params)? == 1)
    }

    /// Enables an endpoint again, from this number on if one before its cursor is given; `false` where it is
    /// not known. Events that were given up are retried.
    pub fn recover_endpoint(
        &mut self,
        name: &str,
        pushed_sequence: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // The cursor only goes back: events after it may not have been sent.
        const RECOVER_ENDPOINT: &str = "-- recover_endpoint
            UPDATE endpoints SET revision = revision + 1,
              pushed_sequence = CASE WHEN $1 < pushed_sequence THEN $1 ELSE pushed_sequence END,
              failing_since = NULL, failures = 0, disabled_at = NULL, disabled_reason = NULL, updated_at = $2
            WHERE name = $3";
        // Those after the endpoint's cursor: reading from there finds them again, in order.
        const DELETE_PARKED_PUSHES_AHEAD: &str = "-- delete_parked_pushes_ahead
            DELETE FROM parked_pushes
            WHERE endpoint = $1 AND sequence > (SELECT pushed_sequence FROM endpoints WHERE name = $1)";
        const RECOVER_PARKED_PUSHES: &str = "-- recover_parked_pushes
            UPDATE parked_pushes SET attempts = 0, first_failed_at = NULL, next_at = NULL, given_up_at = NULL
            WHERE endpoint = $1";
        let params = [pushed_sequence.into(), now.as_millis().into(), name.into()];
        if self.execute(RECOVER_ENDPOINT, &params)? == 0 {
            return Ok(false);
        }
        self.execute(DELETE_PARKED_PUSHES_AHEAD, &[name.into()])?;
        self.execute(RECOVER_PARKED_PUSHES, &[name.into()])?;
        Ok(true)
    }

    /// Parks an event, or saves how a further try of it went.
    pub fn save_parked_push(
        &mut self,
        endpoint: &str,
        parked: &ParkedPush,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- save_parked_push
            INSERT INTO parked_pushes (endpoint, sequence, refund_id, attempts, first_failed_at, next_at,
              given_up_at, last_error)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (endpoint, sequence) DO UPDATE SET attempts = excluded.attempts,
              first_failed_at = excluded.first_failed_at, next_at = excluded.next_at,
              given_up_at = excluded.given_up_at, last_error = excluded.last_error";
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
        self.execute(SQL, &params).map(drop)
    }

    /// Deletes events given up before this time, and the oldest beyond `keep`; only up to the endpoint's
    /// cursor: those after it are read again and must be known as given up. Returns how many.
    pub fn forget_given_up(
        &mut self,
        endpoint: &str,
        pushed_sequence: i64,
        before: Timestamp,
        keep: i64,
    ) -> Result<usize, StoreError> {
        const FORGET_OLD_GIVEN_UP: &str = "-- forget_old_given_up
            DELETE FROM parked_pushes WHERE endpoint = $1 AND sequence <= $2 AND given_up_at < $3";
        const FORGET_MOST_GIVEN_UP: &str = "-- forget_most_given_up
            DELETE FROM parked_pushes WHERE endpoint = $1 AND given_up_at IS NOT NULL AND sequence <= $2
            AND sequence <= (SELECT kept.sequence FROM parked_pushes AS kept
              WHERE kept.endpoint = $1 AND kept.given_up_at IS NOT NULL
              ORDER BY kept.sequence DESC LIMIT 1 OFFSET $3)";
        let params = [
            endpoint.into(),
            pushed_sequence.into(),
            before.as_millis().into(),
        ];
        let old = self.execute(FORGET_OLD_GIVEN_UP, &params)?;
        let params = [endpoint.into(), pushed_sequence.into(), keep.into()];
        Ok(old + self.execute(FORGET_MOST_GIVEN_UP, &params)?)
    }

    /// Deletes a parked event that was delivered.
    pub fn delete_parked_push(&mut self, endpoint: &str, sequence: i64) -> Result<(), StoreError> {
        const SQL: &str = "-- delete_parked_push
            DELETE FROM parked_pushes WHERE endpoint = $1 AND sequence = $2";
        let params = [endpoint.into(), sequence.into()];
        self.execute(SQL, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// Every endpoint that was ever configured.
    pub fn endpoints(&mut self) -> Result<Vec<EndpointRow>, StoreError> {
        const SQL: &str = concat!(
            "-- endpoints
            SELECT ",
            endpoint_columns!(),
            " FROM endpoints ORDER BY name"
        );
        self.all(SQL, &[], read_endpoint)
    }

    /// Events that are retried, oldest first, and those given up after the endpoint's cursor, where they are
    /// read again.
    pub fn parked_pushes(
        &mut self,
        endpoint: &str,
        pushed_sequence: i64,
    ) -> Result<Vec<ParkedPush>, StoreError> {
        const SQL: &str = concat!(
            "-- parked_pushes
            SELECT ",
            parked_columns!(),
            " FROM parked_pushes WHERE endpoint = $1 AND (given_up_at IS NULL OR sequence > $2)
            ORDER BY sequence"
        );
        let params = [endpoint.into(), pushed_sequence.into()];
        self.all(SQL, &params, read_parked)
    }

    /// Of each endpoint: its name, parked events up to `COUNTED_MAX`, and how many of these were given up.
    pub fn count_parked_pushes(&mut self) -> Result<Vec<(String, i64, i64)>, StoreError> {
        const SQL: &str = "-- count_parked_pushes
            SELECT name,
              (SELECT count(*) FROM (SELECT 1 FROM parked_pushes WHERE endpoint = name ORDER BY sequence LIMIT $1) AS parked),
              (SELECT count(given_up_at) FROM
                (SELECT given_up_at FROM parked_pushes WHERE endpoint = name ORDER BY sequence LIMIT $1) AS parked)
            FROM endpoints";
        self.all(SQL, &[COUNTED_MAX.into()], |row| {
            Ok((row.text(0)?.to_owned(), row.integer(1)?, row.integer(2)?))
        })
    }
}

fn read_endpoint(row: &dyn Row) -> Result<EndpointRow, StoreError> {
    const COLUMN: EndpointColumns = EndpointColumns::from(0);
    let moment = |column| Ok::<_, StoreError>(row.opt_integer(column)?.map(Timestamp::from_millis));
    let reason = row.opt_text(COLUMN.disabled_reason)?.map(|word| {
        DisabledReason::from_word(word).ok_or_else(|| corrupt("reason of an endpoint"))
    });
    Ok(EndpointRow {
        name: row.text(COLUMN.name)?.to_owned(),
        revision: row.integer(COLUMN.revision)?,
        pushed_sequence: row.integer(COLUMN.pushed_sequence)?,
        failing_since: moment(COLUMN.failing_since)?,
        failures: row.integer(COLUMN.failures)?,
        last_error: row.opt_text(COLUMN.last_error)?.map(str::to_owned),
        last_success_at: moment(COLUMN.last_success_at)?,
        disabled: moment(COLUMN.disabled_at)?.zip(reason.transpose()?),
        leased_by: row.opt_text(COLUMN.leased_by)?.map(str::to_owned),
        leased_until: Timestamp::from_millis(row.integer(COLUMN.leased_until)?),
    })
}

fn read_parked(row: &dyn Row) -> Result<ParkedPush, StoreError> {
    const COLUMN: ParkedColumns = ParkedColumns::from(0);
    let moment = |column| Ok::<_, StoreError>(row.opt_integer(column)?.map(Timestamp::from_millis));
    Ok(ParkedPush {
        sequence: row.integer(COLUMN.sequence)?,
        refund_id: RefundId::new(uuid(row.blob(COLUMN.refund_id)?)?),
        attempts: u32::try_from(row.integer(COLUMN.attempts)?)
            .map_err(|_| corrupt("number of attempts"))?,
        first_failed_at: moment(COLUMN.first_failed_at)?,
        next_at: moment(COLUMN.next_at)?,
        given_up_at: moment(COLUMN.given_up_at)?,
        last_error: row.opt_text(COLUMN.last_error)?.map(str::to_owned),
    })
}
