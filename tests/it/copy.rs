//! `store copy`: from SQLite to PostgreSQL and back, whole or not at all, and never over anything.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::harness::audit::run;
use crate::harness::folder::Folder;
use crate::harness::ledger::{Ledger, mixed, register_orders};
use crate::harness::postgres::Database;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server};

/// Wrong usage, a store that cannot be used.
const USAGE: Option<i32> = Some(2);
const STORE_REFUSED: Option<i32> = Some(3);

fn copy(from: &str, to: &str) -> Output {
    run(&[
        "store", "copy", "--from", from, "--to", to, "--output", "json",
    ])
}

/// Copies, and gives what the command says of each table.
#[track_caller]
fn copied(from: &str, to: &str) -> Value {
    let output = copy(from, to);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[track_caller]
fn refused(output: &Output, code: Option<i32>, words: &str) {
    assert_eq!(output.status.code(), code, "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(words) && said.lines().count() == 1, "{said}");
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn rows(tables: &Value, name: &str) -> u64 {
    let tables = tables["tables"].as_array().expect("a list");
    let table = tables.iter().find(|table| table["table"] == name);
    table.expect(name)["rows"].as_u64().expect("a number")
}

/// A stopped service on SQLite with some of everything in its store.
fn filled() -> (Server, Ledger) {
    let (mut server, mut ledger) = (Server::usual(Engine::Sqlite), Ledger::default());
    register_orders(&server, 0, 60);
    let load = mixed(0, 60);
    ledger.storm(&mut server, &load, load.len(), |_| {});
    ledger.assert_kept(&server);
    assert_eq!(server.terminate().code(), Some(0));
    (server, ledger)
}

/// A service on what was copied into a database.
fn serving(database: &std::sync::Arc<Database>) -> Server {
    Server::start(
        &ConfigBuilder::bare(Engine::Sqlite)
            .usual_accounts()
            .on(database),
    )
}

#[test]
fn a_store_goes_to_postgresql_and_back_and_is_the_same() {
    let (server, mut ledger) = filled();
    let database = Postgres::shared().database();
    let file = sqlite_url(&server.folder().path().join("refunds.db"));
    let there = copied(&file, &database.url());
    assert!(rows(&there, "callbacks") >= 60 && rows(&there, "T_SP_YD") > 0);

    let mut on_postgres = serving(&database);
    ledger.assert_kept(&on_postgres);
    ledger.assert_whole_after_redelivery(&mut on_postgres);
    refused(
        &copy(
            &database.url(),
            &sqlite_url(&server.folder().path().join("live.db")),
        ),
        Some(1),
        "stop the service first",
    );
    assert_eq!(on_postgres.terminate().code(), Some(0));

    let back = server.folder().path().join("back.db");
    let again = copied(&database.url(), &sqlite_url(&back));
    // What is copied on has the digests that it had; the repeats only counted deliveries.
    for name in ["refunds", "events", "T_SP_YD", "T_SP_YD_SXF"] {
        let digest = |tables: &Value| {
            let tables = tables["tables"].as_array().expect("a list").clone();
            tables.into_iter().find(|table| table["table"] == name)
        };
        assert_eq!(digest(&there), digest(&again), "{name}");
    }
    std::fs::rename(&back, server.folder().path().join("refunds.db")).expect("it was made");
    let mut server = server;
    server.restart();
    ledger.assert_kept(&server);
}

#[test]
fn a_service_that_calls_itself_something_else_is_still_one() {
    let database = Postgres::shared().database();
    let url = format!("{}?application_name=rr-one", database.url());
    let config = ConfigBuilder::bare(Engine::Sqlite).on(&database);
    let server = Server::start(&config.variable("REFUND_RECEIVER__STORE__URL", &url));
    let to = sqlite_url(&server.folder().path().join("live.db"));
    refused(
        &copy(&database.url(), &to),
        Some(1),
        "stop the service first",
    );
}

#[test]
fn a_copy_that_was_cut_off_is_not_served_and_is_finished_by_the_same_command() {
    let (server, _) = filled();
    let from = sqlite_url(&server.folder().path().join("refunds.db"));
    let path = server.folder().path().join("half.db");
    let whole = copied(&from, &sqlite_url(&path));
    // As an interrupted copy leaves it, between two pages.
    rusqlite::Connection::open(&path)
        .and_then(|half| {
            half.execute_batch(&format!(
                "CREATE TABLE unfinished_copy (source TEXT NOT NULL);
                 INSERT INTO unfinished_copy (source) VALUES ('{from}');
                 DELETE FROM events WHERE sequence > 7;
                 DELETE FROM close_outs;
                 UPDATE feed SET last_sequence = 0;"
            ))
        })
        .expect("a store of SQLite");

    let mut on_half = Server::stopped(&ConfigBuilder::new(Engine::Sqlite));
    std::fs::copy(&path, on_half.folder().path().join("refunds.db")).expect("it is there");
    let said = on_half.refused_start();
    assert!(said.contains("store copy"), "{said}");

    let other = sqlite_url(&server.folder().path().join("other.db"));
    copied(&from, &other);
    refused(
        &copy(&other, &sqlite_url(&path)),
        Some(1),
        "unfinished copy",
    );
    assert_eq!(copied(&from, &sqlite_url(&path)), whole);
}

#[test]
fn a_source_that_is_not_there_leaves_nothing_behind() {
    let folder = Folder::new();
    let to = sqlite_url(&folder.path().join("made/new.db"));
    let names = || {
        let found = std::fs::read_dir(folder.path()).expect("our folder");
        let names = found.map(|entry| entry.expect("an entry").file_name());
        names.collect::<Vec<_>>()
    };
    let missing = sqlite_url(&folder.path().join("nope.db"));
    refused(&copy(&missing, &to), STORE_REFUSED, "the source: ");
    assert!(names().is_empty(), "{:?}", names());

    std::fs::create_dir(folder.path().join("folder.db")).expect("a free name");
    let no_file = sqlite_url(&folder.path().join("folder.db"));
    refused(&copy(&no_file, &to), STORE_REFUSED, "the source: ");
    assert_eq!(names(), ["folder.db"]);
}

#[test]
fn nothing_is_copied_over_anything_nor_from_what_is_in_use() {
    let (mut server, _) = filled();
    let file = server.folder().path().join("refunds.db");
    let from = sqlite_url(&file);
    let other = sqlite_url(&server.folder().path().join("other.db"));
    copied(&from, &other);
    refused(&copy(&from, &other), USAGE, "not empty");
    refused(&copy(&from, &from), USAGE, "the same store");
    refused(
        &copy("sqlite:/nowhere/refunds.db", &other),
        STORE_REFUSED,
        "source",
    );
    let secret = "postgres://somebody:secret@127.0.0.1/db";
    let output = copy(&from, secret);
    refused(&output, USAGE, "env:NAME");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
    server.restart();
    let third = sqlite_url(&server.folder().path().join("third.db"));
    refused(&copy(&from, &third), STORE_REFUSED, "another process");
}
