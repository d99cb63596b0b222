//! Rejected requests, read while a service may write.

use std::path::Path;

use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::{Driver as _, Value};
use crate::store::engine::sqlite::Sqlite;

const LIST: &str = "-- list_evidence
SELECT id, received_at, reason, path, peer, headers, body_sha256, body_length, body_head FROM evidence
WHERE received_at >= $1 AND ($2 = '' OR reason = $2) AND substr(path, 1, length($3)) = $3
ORDER BY id DESC LIMIT $4";

const COUNT_LIKE: &str = "-- count_evidence_like
SELECT count(*) FROM evidence
WHERE received_at >= $1 AND ($2 = '' OR reason = $2) AND substr(path, 1, length($3)) = $3";

const ONE: &str = "-- one_evidence
SELECT id, received_at, reason, path, peer, headers, body_sha256, body_length, body_head FROM evidence
WHERE id = $1";

/// A rejected request as it is stored.
#[derive(Clone, Debug)]
pub struct StoredRequest {
    /// Its number in the file.
    pub id: i64,
    /// When it was received.
    pub received_at: Timestamp,
    /// Why it was rejected.
    pub reason: String,
    /// The path that it was sent to.
    pub path: String,
    /// The peer's address.
    pub peer: String,
    /// JSON object of the headers that matter, and `why`.
    pub headers: String,
    /// SHA-256 of the whole body, as far as it was read.
    pub body_sha256: Vec<u8>,
    /// Bytes of the body that were read.
    pub body_length: i64,
    /// The first [`super::HEAD_BYTES_MAX`] of them.
    pub body_head: Vec<u8>,
}

/// A filter of rejected requests; every given condition must hold.
#[derive(Clone, Debug, Default)]
pub struct EvidenceFilter {
    /// Not earlier than this.
    pub since: Option<Timestamp>,
    /// Rejected for this.
    pub reason: Option<String>,
    /// Sent to a path that begins so.
    pub path: Option<String>,
}

/// Rejected requests, the newest first.
pub fn list(
    file: &Path,
    filter: &EvidenceFilter,
    limit: u32,
) -> Result<Vec<StoredRequest>, StoreError> {
    let [since, reason, path] = filter.params();
    read(file, LIST, &[since, reason, path, i64::from(limit).into()])
}

/// How many there are of these.
pub fn count(file: &Path, filter: &EvidenceFilter) -> Result<usize, StoreError> {
    if !file.exists() {
        return Ok(0);
    }
    let (mut sqlite, mut counted) = (Sqlite::open_read_only(file)?, 0);
    sqlite.query(COUNT_LIKE, &filter.params(), &mut |row| {
        counted = row.integer(0)?;
        Ok(())
    })?;
    Ok(usize::try_from(counted).unwrap_or(0))
}

impl EvidenceFilter {
    fn params(&self) -> [Value<'_>; 3] {
        [
            self.since.map_or(i64::MIN, Timestamp::as_millis).into(),
            self.reason.as_deref().unwrap_or_default().into(),
            self.path.as_deref().unwrap_or_default().into(),
        ]
    }
}

/// One rejected request.
pub fn one(file: &Path, id: i64) -> Result<Option<StoredRequest>, StoreError> {
    Ok(read(file, ONE, &[id.into()])?.into_iter().next())
}

/// Reads while a service may write; a missing file holds nothing.
fn read(file: &Path, sql: &str, params: &[Value<'_>]) -> Result<Vec<StoredRequest>, StoreError> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let mut sqlite = Sqlite::open_read_only(file)?;
    let mut found = Vec::new();
    sqlite.query(sql, params, &mut |row| {
        found.push(StoredRequest {
            id: row.integer(0)?,
            received_at: Timestamp::from_millis(row.integer(1)?),
            reason: row.text(2)?.to_owned(),
            path: row.text(3)?.to_owned(),
            peer: row.text(4)?.to_owned(),
            headers: row.text(5)?.to_owned(),
            body_sha256: row.blob(6)?.to_vec(),
            body_length: row.integer(7)?,
            body_head: row.blob(8)?.to_vec(),
        });
        Ok(())
    })?;
    Ok(found)
}
