//! The schema is one text: PostgreSQL and SQLite have the same tables, column by column.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::harness::config::Place;
use crate::harness::{ConfigBuilder, Engine, Server};
use crate::plans::QUEUES;

/// Table, column, type in SQLite's word, whether it must have a value, whether it is in the key.
type Column = (String, String, String, bool, bool);

fn of_sqlite() -> BTreeSet<Column> {
    let server = Server::usual(Engine::Sqlite);
    let path = server.folder().path().join("refunds.db");
    let connection = Connection::open(path).expect("the store exists");
    let sql = "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk > 0
               FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'";
    let mut statement = connection.prepare(sql).expect("a catalogue");
    let columns = statement
        .query_map([], |row| {
            let names: (String, String) = (row.get(0)?, row.get(1)?);
            let (is_key, must) = (row.get(4)?, row.get::<_, bool>(3)?);
            let (table, column) = (names.0.to_lowercase(), names.1.to_lowercase());
            Ok((table, column, row.get(2)?, must || is_key, is_key))
        })
        .expect("a catalogue");
    columns.map(|column| column.expect("a column")).collect()
}

fn of_postgres() -> BTreeSet<Column> {
    let config = ConfigBuilder::new(Engine::Postgres);
    let _server = Server::start(&config);
    let Place::Database(database) = &config.place else {
        panic!("a database was asked for");
    };
    let sql = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                 EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace";
    let column = |row: &postgres::Row| {
        let word = match row.get::<_, &str>(2) {
            "bigint" => "INTEGER",
            "text" => "TEXT",
            "bytea" => "BLOB",
            other => other,
        };
        (
            row.get(0),
            row.get(1),
            word.to_owned(),
            row.get(3),
            row.get(4),
        )
    };
    database.query(sql).iter().map(column).collect()
}

/// By default a table is cleaned after a fifth of it has changed, which in a large one means once in weeks;
/// these change all the time and are read at their thin end.
#[test]
fn tables_that_are_queues_are_cleaned_by_rows_and_not_by_their_share() {
    let config = ConfigBuilder::new(Engine::Postgres);
    let _server = Server::start(&config);
    let Place::Database(database) = &config.place else {
        panic!("a database was asked for");
    };
    let sql = "SELECT relname::text, array_to_string(reloptions, ' ') FROM pg_class
               WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL";
    let settings: BTreeMap<String, String> = database
        .query(sql)
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    // Those that wait for something, and those of which one row changes all the time.
    let queues: BTreeSet<String> = QUEUES
        .iter()
        .map(|index| {
            let sql = format!("SELECT tablename::text FROM pg_indexes WHERE indexname = '{index}'");
            database.query(&sql)[0].get(0)
        })
        .collect();
    assert!(queues.len() > 3, "{queues:?}");
    let counters = ["feed", "account_states", "endpoints", "consumers"].map(str::to_owned);
    for table in queues.into_iter().chain(counters) {
        let set = settings.get(&table).unwrap_or_else(|| panic!("{table}"));
        assert!(
            set.contains("autovacuum_vacuum_scale_factor=0 "),
            "{table}: {set}"
        );
        assert!(
            set.contains("autovacuum_vacuum_threshold="),
            "{table}: {set}"
        );
    }
}

#[test]
fn both_engines_have_the_same_tables_columns_types_and_keys() {
    let (sqlite, postgres) = (of_sqlite(), of_postgres());
    assert!(sqlite.len() > 80, "{} columns", sqlite.len());
    let differing: Vec<_> = sqlite.symmetric_difference(&postgres).collect();
    assert!(differing.is_empty(), "{differing:#?}");
}
