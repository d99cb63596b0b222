//! What a new version brings to tables in use, built without blocking writes, by one instance at a
//! time: indexes, and how the server looks after a table. Until the indexes are there some
//! reads take longer; nothing else does.

use std::sync::Arc;
use std::time::Duration;

use super::{Postgres, PostgresUrl, Purpose};
use crate::store::StoreError;
use crate::store::engine::driver::Driver as _;
use crate::store::schema::{Index, SCHEMA, indexes};

/// Number of the lock under which an instance builds; any number that only we use.
const BUILD_LOCK: i64 = 0x5265_6675_6e64_4978;
/// Pause before a failed build is tried again, and before it is looked again what another instance builds.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Dead rows after which a table is cleaned, and how full its pages are filled. By default a table is cleaned
/// when a fifth of it is dead, which a large one hardly ever is, while the few rows at its end that everybody
/// asks for pile up. Capacity in a page lets a changed row stay in it.
const CARE: [(&str, u32, u32); 13] = [
    ("callbacks", 100_000, 100),
    ("refunds", 100_000, 90),
    ("close_outs", 50_000, 85),
    ("requests", 50_000, 85),
    ("attempts", 50_000, 85),
    ("account_states", 500, 50),
    ("feed", 500, 10),
    ("trail_head", 500, 10),
    ("consumers", 500, 50),
    ("endpoints", 500, 50),
    ("parked_pushes", 5_000, 90),
    ("t_sp_yd", 50_000, 90),
    ("t_sp_yd_sxf", 50_000, 90),
];

/// Starts a thread that builds what is missing, if anything is. It ends with the process, or when all is
/// there; what an interrupted build leaves behind is dropped by the next.
pub(in crate::store) fn build_missing(url: &Arc<PostgresUrl>) -> Result<(), StoreError> {
    let mut postgres = Postgres::connect(Arc::clone(url), Purpose::Maintain)?;
    if missing(&mut postgres)?.is_empty() && uncared(&mut postgres)?.is_empty() {
        return Ok(());
    }
    std::thread::Builder::new()
        .name("store-indexes".to_owned())
        .spawn(move || {
            while let Err(error) = build_all(&mut postgres, &mut |part| tracing::info!("{part}")) {
                tracing::warn!(%error, "an index could not be built; retrying");
                std::thread::sleep(TRY_AGAIN);
            }
        })
        .map(drop)
        .map_err(|error| StoreError::Open(error.to_string()))
}

/// Builds what is missing, one after the other; tells each before it begins.
pub(in crate::store) fn build_all(
    postgres: &mut Postgres,
    progress: &mut dyn FnMut(&str),
) -> Result<(), StoreError> {
    postgres.session()?;
    // A build waits for every transaction that began before it, a dump's included, and blocks none.
    postgres.run_script("SET lock_timeout = 0")?;
    loop {
        if missing(postgres)?.is_empty() && uncared(postgres)?.is_empty() {
            return Ok(());
        }
        if !lock(postgres)? {
            progress("another instance is building; waiting for it");
            std::thread::sleep(TRY_AGAIN);
            continue;
        }
        // Looked at again under the lock: another instance may have done it.
        for (table, dead_rows, fill) in uncared(postgres)? {
            progress(&format!("settings of {table}"));
            postgres.run_script(&format!(
                "ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0, \
                 autovacuum_vacuum_threshold = {dead_rows}, fillfactor = {fill});"
            ))?;
        }
        for index in missing(postgres)? {
            progress(&format!("building index {}", index.name));
            // An interrupted build leaves an invalid index.
            drop_index(postgres, &index.name)?;
            postgres.run_script(&format!("CREATE INDEX CONCURRENTLY {};", index.definition))?;
        }
    }
}

/// Drops an index, if it is there, without blocking writes.
pub(super) fn drop_index(postgres: &mut Postgres, name: &str) -> Result<(), StoreError> {
    postgres.run_script(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name};"))
}

/// Those of the schema that are not there, or not fit for use.
fn missing(postgres: &mut Postgres) -> Result<Vec<Index>, StoreError> {
    let sql = "-- valid_indexes
SELECT c.relname::text FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND x.indisvalid";
    let valid = texts(postgres, sql)?;
    let mut all = indexes(SCHEMA);
    all.retain(|index| !valid.contains(&index.name.to_lowercase()));
    Ok(all)
}

/// Tables that the server looks after as it does by default; what an operator has set stays.
fn uncared(postgres: &mut Postgres) -> Result<Vec<(&'static str, u32, u32)>, StoreError> {
    let sql = "-- tables_cared_for
SELECT relname::text FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND array_to_string(reloptions, ' ') LIKE '%autovacuum_vacuum_%'";
    let cared = texts(postgres, sql)?;
    let of_default = |(table, ..): &(&str, u32, u32)| !cared.iter().any(|name| name == table);
    Ok(CARE.into_iter().filter(of_default).collect())
}

fn texts(postgres: &mut Postgres, sql: &str) -> Result<Vec<String>, StoreError> {
    let mut texts = Vec::new();
    postgres.query(sql, &[], &mut |row| {
        texts.push(row.text(0)?.to_owned());
        Ok(())
    })?;
    Ok(texts)
}

/// Takes the lock for building, for as long as this connection lives; `false` where another has it.
fn lock(postgres: &mut Postgres) -> Result<bool, StoreError> {
    let mut taken = false;
    let sql = "-- lock_for_building\nSELECT pg_try_advisory_lock($1)::int::bigint";
    postgres.query(sql, &[BUILD_LOCK.into()], &mut |row| {
        taken = row.integer(0)? == 1;
        Ok(())
    })?;
    Ok(taken)
}
