//! Creating the schema, stepping it up, and refusing one that is unknown.

mod indexes;
pub mod upgrade;

use std::time::Duration;

use uuid::Uuid;

use super::engine::driver::Driver;
use super::engine::postgres;
use super::engine::postgres::Postgres;
use super::engine::sqlite::Sqlite;
use super::{StoreError, monotonic};
use crate::domain::time::{Clock, Timestamp};
use crate::failpoints::crash_point;
pub(super) use indexes::{Index, indexes};

/// The schema that this program writes.
pub(super) const SCHEMA: &str = include_str!("../../../schema.sql");
/// Largest file that is read through at each start, so that a restart stays short.
const CHECKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Longest time for which stepping up is retried while a table is locked, and the pause before each retry.
const STEP_UP_MAX: Duration = Duration::from_secs(30);
const STEP_UP_PAUSE: Duration = Duration::from_secs(1);
/// A table of a store for as long as a copy into it is not complete.
pub(super) const COPY_MARKER: &str = "unfinished_copy";
const NOT_THIS_VERSION: &str = "its tables are not those of this version; restore a backup";
/// Its number.
const VERSION: i64 = 3;
/// The version before it, which stays noted until nothing of that version's program runs any more.
const LAST_VERSION: i64 = VERSION - 1;
/// The schema of the version before it, as it was released.
const LAST_SCHEMA: &str = include_str!("2.full.sql");
/// Upgrades of versions that no running program has, the first from version 1 to 2 and so on.
const UPGRADES: [&str; 1] = [include_str!("2.sql")];
/// What this version adds to the one before it.
const EXPAND: &str = include_str!("3.sql");
/// Indexes that only the version before it uses.
const CONTRACT: [&str; 2] = ["refunds_listed", "refunds_not_succeeded"];
/// Notes that it was added.
const EXPANDED: &str = "schema_expanded";

/// What a new store is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Making {
    now: Timestamp,
    random: Uuid,
}

impl Making {
    pub(super) fn by(clock: &dyn Clock) -> Self {
        let (now, random) = (clock.now(), clock.new_uuid());
        Self { now, random }
    }

    pub(super) fn random(self) -> Uuid {
        self.random
    }
}

/// Rejects a database that is damaged, holds tables that are not ours, or has a version that is not
/// known. Where nothing is to be added, the tables must be those of this schema; more is no harm.
pub(super) fn check(sqlite: &mut Sqlite, bytes: u64) -> Result<(), StoreError> {
    if sqlite.count_tables(None)? == 0 {
        return Ok(());
    }
    if missing_upgrades(found_version(sqlite)?)?.is_empty() {
        let is_expanded = sqlite.count_tables(Some(EXPANDED))? > 0;
        if let Some(what) = first_missing(sqlite, is_expanded)? {
            return Err(lacks(&what));
        }
    }
    if bytes > CHECKED_BYTES_MAX {
        tracing::warn!(bytes, "too large to be checked for damage at each start");
        return Ok(());
    }
    match sqlite.texts("PRAGMA quick_check(1)")?.as_slice() {
        [ok] if ok == "ok" => Ok(()),
        problems => Err(StoreError::Corrupt(format!(
            "{}; restore a backup",
            problems.join(" ")
        ))),
    }
}

fn lacks(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{NOT_THIS_VERSION} (it lacks {what})"))
}

/// The first part of the schema that a file lacks; an index that would only make reading faster is none.
fn first_missing(sqlite: &mut Sqlite, is_expanded: bool) -> Result<Option<String>, StoreError> {
    let mut expected = Sqlite::in_memory()?;
    expected.run_script(if is_expanded { SCHEMA } else { LAST_SCHEMA })?;
    let mut parts = expected.structure()?;
    parts.retain(|line| !line.starts_with("index "));
    let found = sqlite.structure()?;
    Ok(parts.into_iter().find(|line| !found.contains(line)))
}

/// Creates or steps up the schema, all in one transaction.
pub(super) fn prepare(driver: &mut dyn Driver, making: Making) -> Result<(), StoreError> {
    driver.begin()?;
    let result = step_up(driver, making)
        .and_then(|()| {
            if driver.has_concurrent_writers() {
                Ok(())
            } else {
                build_indexes(driver)
            }
        })
        .and_then(|()| driver.commit());
    if result.is_err() {
        driver.rollback();
    }
    crash_point!("schema-committed");
    result
}

/// The same on a server, where several instances may start at once, and the tables are compared
/// afterwards: what is not ours is rejected.
pub(super) fn prepare_shared(postgres: &mut Postgres, making: Making) -> Result<(), StoreError> {
    let deadline = monotonic() + STEP_UP_MAX;
    while let Err(error) = step_up_shared(postgres, making) {
        let is_locked = matches!(error, StoreError::SerializationFailure(_));
        if !is_locked || monotonic() > deadline {
            return Err(error);
        }
        tracing::info!(%error, "another transaction, of a dump perhaps, holds a lock on a table; retrying");
        std::thread::sleep(STEP_UP_PAUSE);
    }
    crash_point!("schema-committed");
    postgres.begin()?;
    let missing = postgres::first_missing(postgres, SCHEMA);
    postgres.rollback();
    match missing {
        Ok(None) => Ok(()),
        Ok(Some(what)) => Err(lacks(&what)),
        // A table that is rebuilt (VACUUM FULL) need not be one that callbacks go into.
        Err(error) if error.is_contention() => {
            tracing::warn!(%error, "a lock keeps the tables from being compared with the schema; starting without");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// One attempt. A lock on a table in use is waited for only briefly: whatever comes after us waits behind us.
fn step_up_shared(postgres: &mut Postgres, making: Making) -> Result<(), StoreError> {
    postgres.begin()?;
    let result = postgres::lock_for_schema(postgres)
        .and_then(|()| postgres.run_script("SET LOCAL lock_timeout = '100ms'"))
        .and_then(|()| step_up(postgres, making))
        .and_then(|()| postgres.commit());
    if result.is_err() {
        postgres.rollback();
    }
    result
}

fn step_up(driver: &mut dyn Driver, making: Making) -> Result<(), StoreError> {
    if driver.count_tables(None)? == 0 {
        driver.run_script(SCHEMA)?;
        crash_point!("schema-made");
        note(driver, "schema_version", VERSION, making.now)?;
        return note_expanded(driver, making);
    }
    let missing = missing_upgrades(found_version(driver)?)?;
    for upgrade in missing {
        driver.run_script(upgrade)?;
        crash_point!("upgrade-step");
    }
    if !missing.is_empty() {
        note(driver, "schema_version", LAST_VERSION, making.now)?;
    }
    if driver.count_tables(Some(EXPANDED))? > 0 {
        return Ok(());
    }
    driver.run_script(EXPAND)?;
    note_expanded(driver, making)
}

/// A history of its own begins for the feed, and the version's additions are noted.
fn note_expanded(driver: &mut dyn Driver, making: Making) -> Result<(), StoreError> {
    let sql = "-- insert_epoch\nINSERT INTO feed_epoch (epoch) VALUES ($1)";
    driver.expect_one(sql, &[epoch(making.random).as_str().into()])?;
    note(driver, EXPANDED, VERSION, making.now)?;
    crash_point!("schema-noted");
    Ok(())
}

/// A short text that no other history of any store has.
pub(super) fn epoch(random: Uuid) -> String {
    // The first half of a UUIDv7 is the time; of the second these are random.
    let mut digits = random.simple().to_string();
    digits.split_off(20)
}

/// Builds the indexes that are missing, one that this version brings or one that was taken away.
fn build_indexes(driver: &mut dyn Driver) -> Result<(), StoreError> {
    for index in indexes(SCHEMA) {
        if driver.count_tables(Some(&index.name))? == 0 {
            driver.run_script(&format!("CREATE INDEX {};", index.definition))?;
        }
    }
    Ok(())
}

/// Takes away what only the version before this one needs, after noting that it cannot work here any more.
pub(super) fn contract(
    driver: &mut dyn Driver,
    now: Timestamp,
    progress: &mut dyn FnMut(&str),
) -> Result<(), StoreError> {
    driver.begin()?;
    let noted = found_version(driver).and_then(|found| match found {
        VERSION => Ok(()),
        _ => note(driver, "schema_version", VERSION, now),
    });
    let noted = noted.and_then(|()| driver.commit());
    if noted.is_err() {
        driver.rollback();
        return noted;
    }
    for index in CONTRACT {
        progress(&format!("dropping index {index}"));
        driver.drop_index(index)?;
    }
    Ok(())
}

/// Rejects what lacks something of the present version: what only looks cannot step a schema up.
pub(super) fn require_present(driver: &mut dyn Driver) -> Result<(), StoreError> {
    let found = found_version(driver)?;
    let is_present = missing_upgrades(found)?.is_empty();
    if is_present && driver.count_tables(Some(EXPANDED))? > 0 {
        return Ok(());
    }
    Err(StoreError::SchemaVersion {
        found,
        known: VERSION,
    })
}

/// Everything that SQLite itself finds wrong: pages, indexes, types and foreign keys.
pub(super) fn damage(sqlite: &mut Sqlite) -> Result<Vec<String>, StoreError> {
    let mut found = sqlite.texts("PRAGMA integrity_check(100)")?;
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
    if found == VERSION {
        return Ok(&[]);
    }
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

fn note(
    driver: &mut dyn Driver,
    table: &str,
    version: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO {table} (version, applied_at) VALUES ($1, $2)");
    driver.expect_one(&sql, &[version.into(), now.as_millis().into()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::SystemClock;

    /// The schemas of earlier versions, as they were released.
    const EARLIER: [&str; 2] = [include_str!("1.sql"), LAST_SCHEMA];

    #[test]
    fn an_old_store_stepped_up_has_the_tables_of_a_new_one() {
        for (version, script) in (1..).zip(EARLIER) {
            let mut old = Sqlite::in_memory().unwrap();
            old.run_script(script).unwrap();
            note(
                &mut old,
                "schema_version",
                version,
                Timestamp::from_millis(0),
            )
            .unwrap();
            check(&mut old, 1).unwrap();
            prepare(&mut old, Making::by(&SystemClock)).unwrap();
            let mut new = Sqlite::in_memory().unwrap();
            prepare(&mut new, Making::by(&SystemClock)).unwrap();
            let found = old.structure().unwrap();
            let missing = new.structure().unwrap();
            let missing = missing.iter().find(|line| !found.contains(line));
            assert_eq!(missing, None, "version {version}");
            check(&mut old, 1).unwrap();
            require_present(&mut old).unwrap();
            assert_eq!(found_version(&mut old).unwrap(), LAST_VERSION);
        }
    }

    #[test]
    fn an_epoch_is_short_and_its_own() {
        let epochs = [0, 1].map(|_| epoch(SystemClock.new_uuid()));
        assert_ne!(epochs[0], epochs[1]);
        for text in epochs {
            let is_plain = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
            assert!(text.len() == 12 && text.bytes().all(is_plain), "{text}");
        }
    }
}
