//! Creating the schema, stepping it up, and refusing one that is unknown.

use super::StoreError;
use super::driver::Driver;
use super::sqlite::Sqlite;
use crate::domain::clock::Moment;

/// The schema that this program writes.
const SCHEMA: &str = include_str!("../../schema.sql");
/// Largest file that is read through at each start, so that a restart stays short.
const CHECKED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Its number.
const VERSION: i64 = 1;
/// Upgrades, the first from version 1 to 2 and so on; none yet.
const UPGRADES: [&str; 0] = [];

/// Refuses a database that is damaged, holds tables that are not ours, or has a version that is not
/// known. One of the present version must have exactly the tables of this schema.
pub(super) fn check(sqlite: &mut Sqlite, bytes: u64) -> Result<(), StoreError> {
    const ALL: &str = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema \
         WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name";
    if count(sqlite, "SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(());
    }
    let is_present = missing_upgrades(found_version(sqlite)?)?.is_empty();
    let mut expected = Sqlite::in_memory()?;
    expected.execute_batch(SCHEMA)?;
    if is_present && texts(sqlite, ALL)? != texts(&mut expected, ALL)? {
        let what = "its tables are not those of this version; restore a backup";
        return Err(StoreError::Corrupt(what.to_owned()));
    }
    if bytes > CHECKED_BYTES_MAX {
        tracing::warn!(bytes, "too large to be checked for damage at each start");
        return Ok(());
    }
    match texts(sqlite, "PRAGMA quick_check(1)")?.as_slice() {
        [ok] if ok == "ok" => Ok(()),
        problems => Err(StoreError::Corrupt(format!(
            "{}; restore a backup",
            problems.join(" ")
        ))),
    }
}

fn texts(sqlite: &mut Sqlite, sql: &str) -> Result<Vec<String>, StoreError> {
    let mut texts = Vec::new();
    sqlite.query(sql, &[], &mut |row| {
        texts.push(row.text(0)?.to_owned());
        Ok(())
    })?;
    Ok(texts)
}

/// Creates or steps up the schema, all in one transaction.
pub(super) fn prepare(sqlite: &mut Sqlite, now: Moment) -> Result<(), StoreError> {
    sqlite.begin()?;
    let result = step_up(sqlite, now).and_then(|()| sqlite.commit());
    if result.is_err() {
        sqlite.rollback();
    }
    result
}

fn step_up(sqlite: &mut Sqlite, now: Moment) -> Result<(), StoreError> {
    if count(sqlite, "SELECT count(*) FROM sqlite_schema")? == 0 {
        sqlite.execute_batch(SCHEMA)?;
        return note(sqlite, now);
    }
    let missing = missing_upgrades(found_version(sqlite)?)?;
    for upgrade in missing {
        sqlite.execute_batch(upgrade)?;
    }
    if missing.is_empty() {
        return Ok(());
    }
    note(sqlite, now)
}

fn missing_upgrades(found: i64) -> Result<&'static [&'static str], StoreError> {
    let unknown = StoreError::SchemaVersion {
        found,
        known: VERSION,
    };
    let done = usize::try_from(found - 1).map_err(|_| unknown.clone())?;
    UPGRADES.get(done..).ok_or(unknown)
}

fn found_version(sqlite: &mut Sqlite) -> Result<i64, StoreError> {
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'";
    if count(sqlite, ours)? == 0 {
        return Err(StoreError::Corrupt(
            "it has tables, but no schema_version: not a store of refund-receiver".to_owned(),
        ));
    }
    count(sqlite, "SELECT max(version) FROM schema_version")
}

fn note(sqlite: &mut Sqlite, now: Moment) -> Result<(), StoreError> {
    let sql = "INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)";
    sqlite
        .execute(sql, &[VERSION.into(), now.as_millis().into()])
        .map(drop)
}

fn count(sqlite: &mut Sqlite, sql: &str) -> Result<i64, StoreError> {
    let mut number = 0;
    sqlite.query(sql, &[], &mut |row| {
        number = row.integer(0)?;
        Ok(())
    })?;
    Ok(number)
}
