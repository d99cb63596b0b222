//! SQLite: opening a file so that a commit means "on disk", and converting values and errors.
//!
//! Settings by `docs/adr/0001-sqlite-settings.md`; each is read back, and the start is rejected
//! where SQLite did not take it.

mod backup;
mod catalogue;
pub mod checkpoint;
mod error;
pub mod file_mode;
pub mod generation;
pub mod lock;
pub mod truncated;
mod value;
pub mod wal;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags};

use super::driver::{Driver, EachRow, Value};
use crate::store::commit::stats::Stats;
use crate::store::read_pool::cancel::Cancel;
use crate::store::{StoreError, monotonic};
use checkpoint::Checkpointer;

pub(in crate::store) use wal::Log;

/// First SQLite without the WAL-reset race that can lose committed writes.
const VERSION_MIN: i32 = 3_051_003;
/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for one query of a reader.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Steps of SQLite's machine between two looks at the clock, about a millisecond.
const STEPS_BETWEEN_LOOKS: std::ffi::c_int = 20_000;
/// Longest text or blob, far above any body that is accepted.
const VALUE_BYTES_MAX: i32 = 4 * 1024 * 1024;
/// Statements kept prepared on each connection; more than the program has.
const STATEMENTS_CACHED: usize = 128;

/// The file name with something behind it: `refunds.db` and `.lock` make `refunds.db.lock`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// How far a connection may go for durability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// Every commit reaches the disk before it returns.
    Full,
    /// Commits may be lost by a power cut: for evidence only.
    Normal,
}

/// What ends a query of a reader before it is done.
struct Limits {
    /// When the query began.
    began: Instant,
    cancel: Option<Arc<Cancel>>,
}

/// A connection.
pub(crate) struct Sqlite {
    connection: Connection,
    /// The last statement as SQLite gets it; kept for its memory.
    numbered: RefCell<String>,
    /// Pages in the WAL since it was last emptied; written by SQLite's hook after each commit.
    log_pages: Arc<AtomicU64>,
    /// Pages in the WAL when it was last copied into the file, or was to be.
    copied_at: u64,
    /// What can end a query of a reader.
    limits: Option<Arc<Mutex<Limits>>>,
    /// Checkpoints next to the writer; the evidence file is too small to need it.
    checkpointer: Option<Checkpointer>,
}

impl Sqlite {
    /// Opens the file for writing, creating it where missing.
    pub(crate) fn open_writer(path: &Path, synchronous: Synchronous) -> Result<Self, StoreError> {
        if rusqlite::version_number() < VERSION_MIN {
            return Err(StoreError::Settings(format!(
                "SQLite {} is too old; 3.51.3 or later is needed",
                rusqlite::version()
            )));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        file_mode::make_database(path)?;
        let mut sqlite = Self::open(path, flags)?;
        let mode = match synchronous {
            Synchronous::Full => ("FULL", 2),
            Synchronous::Normal => ("NORMAL", 1),
        };
        sqlite.set("mmap_size", "0", "0")?;
        sqlite.set("journal_mode", "WAL", "wal")?;
        sqlite.set("synchronous", mode.0, &mode.1.to_string())?;
        sqlite.set("wal_autocheckpoint", "0", "0")?;
        sqlite.set("journal_size_limit", "67108864", "67108864")?;
        let log_pages = Arc::clone(&sqlite.log_pages);
        sqlite.connection.wal_hook(Some(
            move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
                log_pages.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            },
        ))?;
        Ok(sqlite)
    }

    /// Opens the file for reading next to the writer. A query that takes too long is interrupted: it would
    /// keep a thread from others and the WAL from starting over.
    pub(crate) fn open_reader(path: &Path) -> Result<Self, StoreError> {
        let mut sqlite = Self::open_read_only(path)?;
        sqlite.cut_after(QUERY_TIMEOUT)?;
        Ok(sqlite)
    }

    /// From now on a query that takes longer, counted from its own begin or that of its snapshot, is interrupted; so is
    /// one that is given up.
    pub(in crate::store) fn cut_after(&mut self, longest: Duration) -> Result<(), StoreError> {
        let limits = Arc::new(Mutex::new(Limits {
            began: monotonic(),
            cancel: None,
        }));
        let asked = Arc::clone(&limits);
        self.connection.progress_handler(
            STEPS_BETWEEN_LOOKS,
            Some(move || {
                let limits = asked.lock().unwrap_or_else(PoisonError::into_inner);
                let is_cancelled = limits.cancel.as_ref().is_some_and(|c| c.is_cancelled());
                is_cancelled || limits.began.elapsed() > longest
            }),
        )?;
        self.limits = Some(limits);
        Ok(())
    }

    /// Opens the file for looking at it, however long that takes; changes nothing.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sqlite = Self::open(path, flags)?;
        sqlite.set("mmap_size", "0", "0")?;
        Ok(sqlite)
    }

    /// A private database that ends with this connection.
    pub(in crate::store) fn in_memory() -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_MEMORY;
        Self::open(Path::new(":memory:"), flags)
    }

    fn open(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        // A plan must not depend on the values bound to it: SQLite, as it is built here, would make most
        // of them anew whenever a value is bound, which costs more than running them.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        let sqlite = Self {
            connection,
            numbered: RefCell::default(),
            log_pages: Arc::default(),
            copied_at: 0,
            limits: None,
            checkpointer: None,
        };
        sqlite.set("foreign_keys", "ON", "1")?;
        sqlite.set("trusted_schema", "OFF", "0")?;
        sqlite.set("cell_size_check", "ON", "1")?;
        sqlite.set("temp_store", "MEMORY", "2")?;
        Ok(sqlite)
    }

    /// Sets a pragma and reads it back.
    fn set(&self, name: &str, value: &str, expected: &str) -> Result<(), StoreError> {
        self.connection.pragma_update(None, name, value)?;
        let actual: String =
            self.connection
                .pragma_query_value(None, name, |row| match row.get_ref(0)? {
                    ValueRef::Integer(number) => Ok(number.to_string()),
                    ValueRef::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
                    _ => Ok(String::new()),
                })?;
        if actual == expected {
            Ok(())
        } else {
            Err(StoreError::Settings(format!(
                "SQLite has {name} = {actual:?} instead of {expected:?}"
            )))
        }
    }

    fn prepare(&self, sql: &str, params: &[Value<'_>]) -> Result<CachedStatement<'_>, StoreError> {
        let mut numbered = self.numbered.borrow_mut();
        number_parameters(sql, &mut numbered);
        let mut statement = self.connection.prepare_cached(&numbered)?;
        drop(numbered);
        for index in 1..=statement.parameter_count() {
            let Some(value) = params.get(index - 1) else {
                let what = format!("a statement wants a parameter ${index} that it is not given");
                return Err(StoreError::Statement(what));
            };
            let value = match *value {
                Value::Null => ValueRef::Null,
                Value::Integer(number) => ValueRef::Integer(number),
                Value::Text(text) => ValueRef::Text(text.as_bytes()),
                Value::Blob(bytes) => ValueRef::Blob(bytes),
            };
            statement.raw_bind_parameter(index, ToSqlOutput::Borrowed(value))?;
        }
        Ok(statement)
    }

    /// Lets a thread of its own copy the WAL while this connection commits.
    pub(in crate::store) fn checkpoint_beside(
        &mut self,
        path: &Path,
        stats: Arc<Stats>,
    ) -> Result<(), StoreError> {
        self.checkpointer = Some(Checkpointer::start(path, stats)?);
        Ok(())
    }
}

/// Writes `?4` for `$4`: SQLite takes the first for number 4, and the second for a name, which it would count as it
/// appears.
fn number_parameters(sql: &str, numbered: &mut String) {
    numbered.clear();
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let (before, parameter) = rest.split_at(at);
        let behind = &parameter[1..];
        let is_number = behind.starts_with(|next: char| next.is_ascii_digit());
        numbered.push_str(before);
        numbered.push(if is_number { '?' } else { '$' });
        rest = behind;
    }
    numbered.push_str(rest);
}

impl Driver for Sqlite {
    fn has_concurrent_writers(&self) -> bool {
        false
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        // IMMEDIATE: a transaction that reads first and writes later would fail at once, without
        // waiting, where another connection wrote in between.
        self.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }

    fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        if let Some(limits) = &self.limits {
            let mut limits = limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits.began = monotonic();
        }
        self.execute("BEGIN DEFERRED", &[]).map(drop)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.execute("COMMIT", &[]).map(drop)
    }

    fn rollback(&mut self) {
        if let Err(error) = self.execute("ROLLBACK", &[]) {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        Ok(self.prepare(sql, params)?.raw_execute()?)
    }

    fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: EachRow<'_>,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare(sql, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }

    fn begin_query(&mut self, cancel: Option<Arc<Cancel>>) {
        if let Some(limits) = &self.limits {
            let began = monotonic();
            *limits.lock().unwrap_or_else(PoisonError::into_inner) = Limits { began, cancel };
        }
    }

    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(script)?)
    }

    fn count_tables(&mut self, name: Option<&str>) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE $1 IS NULL OR name = $1";
        let mut tables = 0;
        self.query(sql, &[name.into()], &mut |row| {
            tables = row.integer(0)?;
            Ok(())
        })?;
        Ok(tables)
    }

    fn maintain(&mut self, idle: bool) -> Result<(), StoreError> {
        self.look_after_log(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_their_numbers_wherever_they_appear() {
        let mut sqlite = Sqlite::in_memory().unwrap();
        let mut seen = Vec::new();
        let params = ["a".into(), "b".into(), "c".into()];
        sqlite
            .query("SELECT $3, $1, $2, $3", &params, &mut |row| {
                seen = (0..4).map(|at| row.text(at).unwrap().to_owned()).collect();
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, ["c", "a", "b", "c"]);
        let missing = sqlite.execute("SELECT $4", &params);
        assert!(
            matches!(missing, Err(StoreError::Statement(_))),
            "{missing:?}"
        );
    }

    #[test]
    fn a_query_that_takes_too_long_is_cut() {
        let path = std::env::temp_dir().join(format!("refund-slow-{}.db", std::process::id()));
        drop(Sqlite::open_writer(&path, Synchronous::Full).unwrap());
        let mut reader = Sqlite::open_reader(&path).unwrap();
        reader.begin_snapshot().unwrap();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let interrupted = reader.query(endless, &[], &mut |_| Ok(()));
        assert!(
            matches!(interrupted, Err(StoreError::Busy(_))),
            "{interrupted:?}"
        );
        reader.rollback();
        std::fs::remove_file(path).unwrap();
    }
}
