//! Creating the schema, stepping it up, and refusing one that is unknown.

use super::StoreError;
use super::driver::Driver;
use super::postgres::{self, Postgres};
use super::sqlite::Sqlite;
use crate::domain::clock::Moment;
use crate::faults::{crash_point, planted};

/// The schema that this program writes.
pub(super) const SCHEMA: &str = include_str!("../../schema.sql");
/// Largest file that is read through at each start, so that a restart stays short.
const CHECKED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Stands in a store for as long as a copy into it is not complete.
pub(super) const COPY_MARKER: &str = "unfinished_copy";
const NOT_THIS_VERSION: &str = "its tables are not those of this version; restore a backup";
/// Its number.
const VERSION: i64 = 2;
/// Every table and index with its text.
const ALL: &str = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema \
     WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name";
/// Upgrades, the first from version 1 to 2 and so on.
const UPGRADES: [&str; 1] = [include_str!("../../schema/2.sql")];

/// Refuses a database that is damaged, holds tables that are not ours, or has a version that is not
/// known. One of the present version must have exactly the tables of this schema.
pub(super) fn check(sqlite: &mut Sqlite, bytes: u64) -> Result<(), StoreError> {
    if sqlite.count_tables(None)? == 0 {
        return Ok(());
    }
    let is_present = missing_upgrades(found_version(sqlite)?)?.is_empty();
    let mut expected = Sqlite::in_memory()?;
    expected.run_script(SCHEMA)?;
    if is_present && texts(sqlite, ALL)? != texts(&mut expected, ALL)? {
        return Err(StoreError::Corrupt(NOT_THIS_VERSION.to_owned()));
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
pub(super) fn prepare(driver: &mut dyn Driver, now: Moment) -> Result<(), StoreError> {
    driver.begin()?;
    let result = step_up(driver, now).and_then(|()| driver.commit());
    if result.is_err() {
        driver.rollback();
    }
    crash_point!("schema-committed");
    result
}

/// The same on a server, where several instances may start at once, and the tables are compared
/// afterwards: what is not exactly ours is refused.
pub(super) fn prepare_shared(postgres: &mut Postgres, now: Moment) -> Result<(), StoreError> {
    postgres.begin()?;
    let result = postgres::lock_for_schema(postgres)
        .and_then(|()| step_up(postgres, now))
        .and_then(|()| postgres.commit());
    if result.is_err() {
        postgres.rollback();
        return result;
    }
    crash_point!("schema-committed");
    postgres.begin()?;
    let missing = postgres::first_missing(postgres, SCHEMA);
    postgres.rollback();
    match missing? {
        None => Ok(()),
        Some(what) => Err(StoreError::Corrupt(format!(
            "{NOT_THIS_VERSION} (it lacks {what})"
        ))),
    }
}

fn step_up(driver: &mut dyn Driver, now: Moment) -> Result<(), StoreError> {
    if driver.count_tables(None)? == 0 {
        driver.run_script(SCHEMA)?;
        if planted!("sabotage-no-unique-key") {
            driver.run_script("DROP INDEX callbacks_delivery")?;
        }
        crash_point!("schema-made");
        return note(driver, now);
    }
    let missing = missing_upgrades(found_version(driver)?)?;
    for upgrade in missing {
        driver.run_script(upgrade)?;
        crash_point!("upgrade-step");
    }
    if missing.is_empty() {
        return Ok(());
    }
    note(driver, now)
}

/// Refuses every version but the present one: what only looks cannot step a schema up.
pub(super) fn require_present(driver: &mut dyn Driver) -> Result<(), StoreError> {
    match found_version(driver)? {
        VERSION => Ok(()),
        found => Err(StoreError::SchemaVersion {
            found,
            known: VERSION,
        }),
    }
}

/// Everything that SQLite itself finds wrong: pages, indexes, types and foreign keys.
pub(super) fn damage(sqlite: &mut Sqlite) -> Result<Vec<String>, StoreError> {
    let mut found = texts(sqlite, "PRAGMA integrity_check(100)")?;
    found.retain(|line| line != "ok");
    sqlite.query("PRAGMA foreign_key_check", &[], &mut |row| {
        found.push(format!(
            "a row of {} names a row of {} that is not there",
            row.text(0)?,
            row.text(2)?
        ));
        Ok(())
    })?;
    Ok(found)
}

fn missing_upgrades(found: i64) -> Result<&'static [&'static str], StoreError> {
    let unknown = StoreError::SchemaVersion {
        found,
        known: VERSION,
    };
    let done = usize::try_from(found - 1).map_err(|_| unknown.clone())?;
    UPGRADES.get(done..).ok_or(unknown)
}

fn found_version(driver: &mut dyn Driver) -> Result<i64, StoreError> {
    if driver.count_tables(Some(COPY_MARKER))? > 0 {
        let what = "a copy into it was not finished; run `store copy` again, then start";
        return Err(StoreError::Corrupt(what.to_owned()));
    }
    if driver.count_tables(Some("schema_version"))? == 0 {
        return Err(StoreError::Corrupt(
            "it has tables, but no schema_version: not a store of refund-receiver".to_owned(),
        ));
    }
    let mut version = 0;
    let sql = "-- schema_version\nSELECT max(version) FROM schema_version";
    driver.query(sql, &[], &mut |row| {
        version = row.integer(0)?;
        Ok(())
    })?;
    Ok(version)
}

fn note(driver: &mut dyn Driver, now: Moment) -> Result<(), StoreError> {
    let sql = "INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)";
    driver.expect_one(sql, &[VERSION.into(), now.as_millis().into()])?;
    crash_point!("schema-noted");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first schema, as it was released.
    const FIRST: &str = include_str!("../../schema/1.sql");

    #[test]
    fn an_old_store_stepped_up_has_the_tables_of_a_new_one() {
        let now = Moment::from_millis(1);
        let mut old = Sqlite::in_memory().unwrap();
        old.run_script(FIRST).unwrap();
        old.run_script("INSERT INTO schema_version VALUES (1, 0)")
            .unwrap();
        prepare(&mut old, now).unwrap();
        let mut new = Sqlite::in_memory().unwrap();
        prepare(&mut new, now).unwrap();
        assert_eq!(texts(&mut old, ALL).unwrap(), texts(&mut new, ALL).unwrap());
        assert_eq!(found_version(&mut old).unwrap(), VERSION);
    }
}
