//! A look into the store and the evidence of a server, for what must *not* be in them, and a way to do
//! harm to a store.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::config::Place;
use super::{Server, wait_for};

/// One rejected request.
#[derive(Debug, PartialEq, Eq)]
pub struct Evidence {
    pub reason: String,
    pub body_sha256: String,
    pub body_length: usize,
    pub body_head: Vec<u8>,
    pub path: String,
}

/// What was in a store.
#[derive(Debug)]
pub enum SavedStore {
    File(Vec<u8>),
    /// The tables, each saved in the schema `saved`.
    Tables(Vec<String>),
}

/// How many rows of each kind the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub callbacks: i64,
    pub refunds: i64,
    pub events: i64,
}

impl Server {
    /// All evidence of rejected requests so far, oldest first. A file on every engine.
    pub fn evidence(&self) -> Vec<Evidence> {
        let path = self.folder().path().join("refunds.evidence.db");
        if !path.exists() {
            return Vec::new();
        }
        let connection = open_to_read(&path);
        let mut statement = connection
            .prepare(
                "SELECT reason, body_sha256, body_length, body_head, path FROM evidence \
                 ORDER BY rowid",
            )
            .expect("the evidence table has these columns");
        let rows = statement
            .query_map([], |row| {
                Ok(Evidence {
                    reason: row.get(0)?,
                    body_sha256: hex_of(row.get_ref(1)?),
                    body_length: row.get::<_, i64>(2)?.try_into().expect("a length"),
                    body_head: bytes_of(row.get_ref(3)?),
                    path: row.get(4)?,
                })
            })
            .expect("evidence can be read");
        rows.map(|row| row.expect("an evidence row")).collect()
    }

    /// Waits until evidence of `count` rejected requests is stored; evidence may be written after the answer.
    #[track_caller]
    pub fn evidence_of(&self, count: usize) -> Vec<Evidence> {
        wait_for(&format!("{count} rows of evidence"), || {
            let evidence = self.evidence();
            (evidence.len() >= count).then_some(evidence)
        })
    }

    /// The names of the store's tables, in order.
    pub fn tables(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.place {
            Place::Folder => {
                let connection = open_to_read(&self.store_file());
                let mut statement = connection
                    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
                    .expect("the catalogue can be read");
                let names = statement.query_map([], |row| row.get(0));
                names
                    .expect("the catalogue can be read")
                    .map(|name| name.expect("a table name"))
                    .collect()
            }
            Place::Database(database) => database
                .query("SELECT tablename::TEXT FROM pg_tables WHERE schemaname = 'public'")
                .iter()
                .map(|row| row.get(0))
                .collect(),
        };
        names.sort();
        names
    }

    /// How many rows a table of the store has.
    pub fn count_rows(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM \"{table}\"");
        match &self.place {
            Place::Folder => open_to_read(&self.store_file())
                .query_row(&sql, [], |row| row.get(0))
                .expect("rows can be counted"),
            Place::Database(database) => database.query(&sql)[0].get(0),
        }
    }

    /// Counts what is stored.
    pub fn kept(&self) -> Kept {
        Kept {
            callbacks: self.count_rows("callbacks"),
            refunds: self.count_rows("refunds"),
            events: self.count_rows("events"),
        }
    }

    /// The version of the store's schema.
    pub fn schema_version(&self) -> i64 {
        let sql = "SELECT max(version) FROM schema_version";
        match &self.place {
            Place::Folder => open_to_read(&self.store_file())
                .query_row(sql, [], |row| row.get(0))
                .expect("a store has a version"),
            Place::Database(database) => database.query(sql)[0].get(0),
        }
    }

    /// Runs a statement on the store, past the service.
    pub fn change_store(&self, sql: &str) {
        match &self.place {
            Place::Folder => Connection::open(self.store_file())
                .and_then(|connection| connection.execute_batch(sql))
                .expect("the store can be changed"),
            Place::Database(database) => database.execute(sql),
        }
    }

    /// Changes a store that is not in use, past the rules of its schema where the engine allows that.
    pub fn break_store(&self, sql: &str) {
        match &self.place {
            Place::Folder => {
                let rules_off = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
                self.change_store(&format!("{rules_off} {sql}"));
            }
            Place::Database(database) => {
                let rules_off = "SET session_replication_role = replica;";
                database.execute(&format!("{rules_off} {sql}"));
            }
        }
    }

    /// Saves the content of a store that is not in use.
    pub fn save_store(&self) -> SavedStore {
        match &self.place {
            Place::Folder => {
                let bytes = std::fs::read(self.store_file()).expect("the store is there");
                SavedStore::File(bytes)
            }
            Place::Database(database) => {
                let tables = self.tables();
                database.execute("DROP SCHEMA IF EXISTS saved CASCADE; CREATE SCHEMA saved");
                for table in &tables {
                    database.execute(&format!("CREATE TABLE saved.{table} AS TABLE {table}"));
                }
                SavedStore::Tables(tables)
            }
        }
    }

    /// Puts it back.
    pub fn restore_store(&self, saved: &SavedStore) {
        match (&self.place, saved) {
            (Place::Folder, SavedStore::File(bytes)) => {
                std::fs::write(self.store_file(), bytes).expect("the store can be written");
            }
            (Place::Database(_), SavedStore::Tables(tables)) => {
                for table in tables {
                    self.break_store(&format!(
                        "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved.{table}"
                    ));
                }
            }
            _ => panic!("saved on another engine"),
        }
    }

    /// Asserts that no table of the store that speaks of callbacks, refunds or events has a row.
    #[track_caller]
    pub fn assert_refund_tables_are_empty(&self) {
        let mut looked_at = 0;
        for name in self.tables() {
            let speaks = ["callback", "refund", "event", "attention"];
            if !speaks.iter().any(|word| name.starts_with(word)) {
                continue;
            }
            looked_at += 1;
            let rows = self.count_rows(&name);
            assert_eq!(rows, 0, "table {name} holds something of a refused request");
        }
        assert!(
            looked_at >= 3,
            "the store has tables of callbacks, refunds and events"
        );
    }

    fn store_file(&self) -> PathBuf {
        self.folder().path().join("refunds.db")
    }
}

/// Opens a database that another process may be writing to, without ever writing.
fn open_to_read(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).expect("the database can be opened");
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .expect("a timeout can be set");
    connection
}

/// Digests are stored as bytes or as hex.
fn hex_of(value: rusqlite::types::ValueRef<'_>) -> String {
    use std::fmt::Write as _;
    match value {
        rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => bytes_of(other).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string");
            hex
        }),
    }
}

fn bytes_of(value: rusqlite::types::ValueRef<'_>) -> Vec<u8> {
    value.as_bytes().map(<[u8]>::to_vec).unwrap_or_default()
}
