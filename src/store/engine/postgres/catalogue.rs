//! The catalogue: whether a schema is there, and whether it is the expected one.

use super::Postgres;
use crate::store::StoreError;
use crate::store::engine::driver::{Driver, Row, Value};

/// Number of the lock under which a schema is created or stepped up; any number that only we use.
const SCHEMA_LOCK: i64 = 0x5265_6675_6e64_5278;
/// The lock that every connection of this program shares, so that they know each other whatever they call
/// themselves.
const PRESENCE_LOCK: i64 = 0x5265_6675_6e64_5250;

/// One line for each column, constraint and index of a schema, named relative to it.
const DESCRIBE: &str = "-- describe_schema
SELECT line FROM (
  SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
    || CASE WHEN a.attcollation <> 0 THEN ' collate ' || l.collname ELSE '' END AS line
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
  WHERE c.relkind = 'r' AND c.relnamespace = NAMESPACE
  UNION ALL
  SELECT 'constraint ' || c.relname || ' ' || pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  WHERE c.relnamespace = NAMESPACE AND k.contype <> 'n'
  UNION ALL
  SELECT 'index ' || replace(replace(pg_get_indexdef(i.oid), n.nspname || '.', ''), 'pg_temp.', '')
  FROM pg_class i JOIN pg_namespace n ON n.oid = i.relnamespace JOIN pg_index x ON x.indexrelid = i.oid
  WHERE i.relkind = 'i' AND i.relnamespace = NAMESPACE AND x.indisvalid
) AS lines ORDER BY line COLLATE \"C\"";

/// The schema in which our tables lie, and the one of this connection's temporary tables.
const OURS: &str = "current_schema()::regnamespace";
const TEMPORARY: &str = "pg_my_temp_schema()";

/// Keeps other instances from preparing the schema until the transaction ends.
pub(in crate::store) fn lock_for_schema(postgres: &mut Postgres) -> Result<(), StoreError> {
    let sql = "-- lock_for_schema\nSELECT true FROM (SELECT pg_advisory_xact_lock($1)) AS locked";
    postgres.query(sql, &[SCHEMA_LOCK.into()], &mut |_| Ok(()))
}

impl Postgres {
    /// How many other connections of this program are on the database.
    pub(in crate::store) fn count_others(&mut self) -> Result<i64, StoreError> {
        let sql = "-- count_others
SELECT count(*) FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND (a.application_name = 'refund-receiver'
  OR a.pid IN (SELECT l.pid FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.database = a.datid
               AND (l.classid::bigint << 32) + l.objid::bigint = $1))";
        count(self, sql, &[PRESENCE_LOCK.into()])
    }
}

/// Has a connection share the lock of this program until it ends.
pub(super) fn show_presence() -> String {
    format!("SELECT pg_advisory_lock_shared({PRESENCE_LOCK})")
}

/// How many tables there are; all of them, or those with this name.
pub(super) fn count_tables(postgres: &mut Postgres, name: Option<&str>) -> Result<i64, StoreError> {
    let sql = "-- count_tables
SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace = current_schema()::regnamespace
  AND ($1::text IS NULL OR relname = $1)";
    count(postgres, sql, &[name.into()])
}

fn count(postgres: &mut Postgres, sql: &str, params: &[Value<'_>]) -> Result<i64, StoreError> {
    let mut counted = 0;
    postgres.query(sql, params, &mut |row| {
        counted = row.integer(0)?;
        Ok(())
    })?;
    Ok(counted)
}

/// What the tables lack of those that this script makes, if anything: makes them next to the others as
/// temporary ones and compares. What an operator added (an index for a report) is no harm, and an index
/// that only makes reading faster is built where it is missing. Runs inside a transaction, which must be
/// rolled back.
pub(in crate::store) fn first_missing(
    postgres: &mut Postgres,
    script: &str,
) -> Result<Option<String>, StoreError> {
    let found = describe(postgres, OURS)?;
    postgres.run_script("SET LOCAL search_path = pg_temp")?;
    postgres.run_script(script)?;
    let expected = describe(postgres, TEMPORARY)?;
    Ok(expected
        .into_iter()
        .filter(|line| !line.starts_with("index CREATE INDEX "))
        .find(|line| !found.contains(line)))
}

fn describe(postgres: &mut Postgres, namespace: &str) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let sql = DESCRIBE.replace("NAMESPACE", namespace);
    postgres.query(&sql, &[], &mut |row: &dyn Row| {
        lines.push(row.text(0)?.to_owned());
        Ok(())
    })?;
    Ok(lines)
}
