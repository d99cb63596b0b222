//! Indexes that a new version brings to tables in use: built one by one beside the work, without keeping anybody
//! from writing, by one instance at a time. Until they are there some reads take longer; nothing else does.

use std::sync::Arc;
use std::time::Duration;

use super::super::StoreError;
use super::super::driver::Driver as _;
use super::super::schema::{Index, SCHEMA, indexes};
use super::{Postgres, PostgresUrl, Purpose};

/// Number of the lock of whoever builds; any number that only we use.
const BUILD_LOCK: i64 = 0x5265_6675_6e64_4978;
/// Pause before a failed build is tried again, and before it is looked again what another instance builds.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Starts a thread that builds what is missing, if anything is. It ends with the process, or when all is
/// there; what a cut build leaves behind is taken away by the next.
pub(in super::super) fn build_missing(url: &Arc<PostgresUrl>) -> Result<(), StoreError> {
    let mut postgres = Postgres::connect(Arc::clone(url), Purpose::Maintain)?;
    if missing(&mut postgres)?.is_empty() {
        return Ok(());
    }
    std::thread::Builder::new()
        .name("store-indexes".to_owned())
        .spawn(move || {
            while let Err(error) = build_all(&mut postgres) {
                tracing::warn!(%error, "an index could not be built; it is tried again");
                std::thread::sleep(TRY_AGAIN);
            }
        })
        .map(drop)
        .map_err(|error| StoreError::Open(error.to_string()))
}

fn build_all(postgres: &mut Postgres) -> Result<(), StoreError> {
    postgres.session()?;
    // A build waits for every transaction that began before it, a dump's included, and stands in nobody's way
    // meanwhile.
    postgres.run_script("SET lock_timeout = 0")?;
    while !missing(postgres)?.is_empty() {
        if !lock(postgres)? {
            std::thread::sleep(TRY_AGAIN);
            continue;
        }
        // Looked at again under the lock: another instance may have built it.
        let Some(index) = missing(postgres)?.into_iter().next() else {
            return Ok(());
        };
        tracing::info!(index = %index.name, "an index is being built");
        drop_invalid(postgres, &index.name)?;
        postgres.run_script(&format!("CREATE INDEX CONCURRENTLY {};", index.definition))?;
        tracing::info!(index = %index.name, "the index is built");
    }
    Ok(())
}

/// Those of the schema that are not there, or not fit for use.
fn missing(postgres: &mut Postgres) -> Result<Vec<Index>, StoreError> {
    let sql = "-- valid_indexes
SELECT c.relname::text FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND x.indisvalid";
    let mut valid = Vec::new();
    postgres.query(sql, &[], &mut |row| {
        valid.push(row.text(0)?.to_owned());
        Ok(())
    })?;
    let mut all = indexes(SCHEMA);
    all.retain(|index| !valid.contains(&index.name.to_lowercase()));
    Ok(all)
}

/// Takes the lock of whoever builds, for as long as this connection lives; `false` where another has it.
fn lock(postgres: &mut Postgres) -> Result<bool, StoreError> {
    let mut taken = false;
    let sql = "-- lock_for_building\nSELECT pg_try_advisory_lock($1)::int::bigint";
    postgres.query(sql, &[BUILD_LOCK.into()], &mut |row| {
        taken = row.integer(0)? == 1;
        Ok(())
    })?;
    Ok(taken)
}

/// A build that was cut leaves an index that costs and serves nobody.
fn drop_invalid(postgres: &mut Postgres, name: &str) -> Result<(), StoreError> {
    postgres.run_script(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name};"))
}
