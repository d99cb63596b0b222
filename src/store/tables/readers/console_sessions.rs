//! Logins to the console: every instance of a store knows them, and one of them can end any.

use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::{Snapshot, Tx, corrupt};

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the secret in the cookie.
    pub session_hash: [u8; 32],
    /// The reader, or the user whom a proxy named.
    pub name: String,
    /// SHA-256 of the digest of the reader's token; `None`: a proxy named the user.
    pub token_hash: Option<[u8; 32]>,
    pub created_at: Timestamp,
    /// When it was last used, to a minute.
    pub used_at: Timestamp,
}

columns!(session_columns, SessionColumns: console_sessions {
    session_hash, name, token_hash, created_at, used_at,
});

impl Tx<'_> {
    pub fn insert_session(&mut self, session: &SessionRow) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_session
            INSERT INTO console_sessions (session_hash, name, token_hash, created_at, used_at)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT DO NOTHING";
        let params = [
            (&session.session_hash).into(),
            session.name.as_str().into(),
            session.token_hash.as_ref().map(<[u8; 32]>::as_slice).into(),
            session.created_at.as_millis().into(),
            session.used_at.as_millis().into(),
        ];
        self.execute(SQL, &params).map(drop)
    }

    /// Notes that a session is in use; one that has ended stays so.
    pub fn use_session(
        &mut self,
        session_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- use_session
            UPDATE console_sessions SET used_at = $1 WHERE session_hash = $2";
        let params = [now.as_millis().into(), session_hash.into()];
        self.execute(SQL, &params).map(drop)
    }

    /// Ends one; gives how many there were.
    pub fn delete_session(&mut self, session_hash: &[u8; 32]) -> Result<usize, StoreError> {
        const SQL: &str = "-- delete_session
            DELETE FROM console_sessions WHERE session_hash = $1";
        self.execute(SQL, &[session_hash.into()])
    }

    /// Ends every session of a user.
    pub fn delete_sessions_of(&mut self, name: &str) -> Result<usize, StoreError> {
        const SQL: &str = "-- delete_sessions_of
            DELETE FROM console_sessions WHERE name = $1";
        self.execute(SQL, &[name.into()])
    }

    /// Removes those that were not used, or were made, so long ago that they have ended.
    pub fn delete_ended_sessions(
        &mut self,
        used_before: Timestamp,
        created_before: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- delete_ended_sessions
            DELETE FROM console_sessions WHERE used_at < $1 OR created_at < $2";
        let params = [
            used_before.as_millis().into(),
            created_before.as_millis().into(),
        ];
        self.execute(SQL, &params).map(drop)
    }
}

impl Snapshot<'_> {
    pub fn session(&mut self, session_hash: &[u8; 32]) -> Result<Option<SessionRow>, StoreError> {
        const SQL: &str = concat!(
            "-- session
            SELECT ",
            session_columns!(),
            " FROM console_sessions
            WHERE session_hash = $1"
        );
        self.first(SQL, &[session_hash.into()], read_session)
    }

    /// Every session, the newest first, `limit` at most.
    pub fn sessions(&mut self, limit: u32) -> Result<Vec<SessionRow>, StoreError> {
        const SQL: &str = concat!(
            "-- sessions
            SELECT ",
            session_columns!(),
            " FROM console_sessions
            ORDER BY created_at DESC, session_hash LIMIT $1"
        );
        self.all(SQL, &[i64::from(limit).into()], read_session)
    }
}

fn read_session(row: &dyn Row) -> Result<SessionRow, StoreError> {
    const COLUMN: SessionColumns = SessionColumns::from(0);
    let hash = |bytes: &[u8]| bytes.try_into().map_err(|_| corrupt("digest"));
    Ok(SessionRow {
        session_hash: hash(row.blob(COLUMN.session_hash)?)?,
        name: row.text(COLUMN.name)?.to_owned(),
        token_hash: row.opt_blob(COLUMN.token_hash)?.map(hash).transpose()?,
        created_at: Timestamp::from_millis(row.integer(COLUMN.created_at)?),
        used_at: Timestamp::from_millis(row.integer(COLUMN.used_at)?),
    })
}
