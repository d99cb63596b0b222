//! A look into the two `SQLite` files of a server, for what must *not* be in them.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{Server, wait_for};

/// One kept request that was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Evidence {
    pub reason: String,
    pub body_sha256: String,
    pub body_length: usize,
    pub body_head: Vec<u8>,
    pub path: String,
}

impl Server {
    /// The store and the evidence lie beside the configuration.
    fn database(&self, file: &str) -> Option<Connection> {
        open_to_read(&self.folder().path().join(file))
    }

    /// Everything kept of refused requests so far, oldest first.
    pub fn evidence(&self) -> Vec<Evidence> {
        let Some(connection) = self.database("refunds.evidence.db") else {
            return Vec::new();
        };
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

    /// Waits until `count` refused requests are kept; evidence may be written after the answer.
    #[track_caller]
    pub fn evidence_of(&self, count: usize) -> Vec<Evidence> {
        wait_for(&format!("{count} rows of evidence"), || {
            let evidence = self.evidence();
            (evidence.len() >= count).then_some(evidence)
        })
    }

    /// Asserts that no table of the store that speaks of callbacks, refunds or events has a row.
    #[track_caller]
    pub fn assert_refund_tables_are_empty(&self) {
        let connection = self.database("refunds.db").expect("the store exists");
        let mut statement = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
            .expect("the catalogue can be read");
        let names = statement
            .query_map([], |row| row.get(0))
            .expect("the catalogue can be read");
        let names: Vec<String> = names.map(|name| name.expect("a table name")).collect();
        let mut looked_at = 0;
        for name in names {
            let lower = name.to_lowercase();
            let speaks = ["callback", "refund", "event", "attention"];
            if !speaks.iter().any(|word| lower.starts_with(word)) {
                continue;
            }
            looked_at += 1;
            let counted =
                connection.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| {
                    row.get(0)
                });
            let rows: i64 = counted.expect("rows can be counted");
            assert_eq!(rows, 0, "table {name} holds something of a refused request");
        }
        assert!(
            looked_at >= 3,
            "the store has tables of callbacks, refunds and events"
        );
    }
}

/// Opens a database that another process may be writing to, without ever writing.
fn open_to_read(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = path
        .exists()
        .then(|| Connection::open_with_flags(path, flags))?;
    let connection = connection.expect("the database can be opened");
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .expect("a timeout can be set");
    Some(connection)
}

/// Digests may be kept as bytes or as hex.
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
