//! Plans of statements that the program puts together, read where the server makes them.

use crate::harness::payermax::Notice;
use crate::harness::postgres::Database;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server, wait_for};

use super::{SMALL, grown};

/// The server logs the plan of each statement of sessions that begin from now on.
fn log_plans(database: &Database) {
    let name = database.name();
    database.execute(&format!(
        "ALTER DATABASE {name} SET auto_explain.log_min_duration = 0"
    ));
}

/// The rows of a batch are written by one statement, which the server's session makes; with the statistics of a large
/// store, and of one that has just begun, whose plans are kept while it grows.
#[test]
fn rows_of_a_batch_are_written_through_indexes_on_postgresql() {
    let postgres = Postgres::own(&[("session_preload_libraries", "auto_explain")]);
    let (mut large, of_large) = grown(&postgres);
    let of_young = postgres.database();
    log_plans(&of_large);
    log_plans(&of_young);
    large.restart();
    let young = ConfigBuilder::bare(Engine::Sqlite).usual_accounts();
    let young = Server::start(&young.on(&of_young));
    for (server, database) in [(&large, &of_large), (&young, &of_young)] {
        let send = |sender: u32| {
            for index in 0..20 {
                server.notified(&Notice::new(
                    &format!("B-{sender}-{index}"),
                    "REFUND_SUCCESS",
                ));
            }
        };
        std::thread::scope(|scope| {
            for sender in 0..16 {
                scope.spawn(move || send(sender));
            }
        });
        // Looked up in the database: with every plan logged, a reader may be told to come again.
        wait_for("all of them to be applied", || {
            let applied = "SELECT count(*) FROM refunds WHERE refund_no LIKE 'B-%'";
            (database.query(applied)[0].get::<_, i64>(0) == 16 * 20).then_some(())
        });
    }
    let log = postgres.log();
    let plans: Vec<_> = log.split("Query Text: ").collect();
    let plans = plans.iter().filter(|plan| plan.contains("unnest("));
    let plans: Vec<_> = plans.collect();
    for written in [
        "-- insert_callback",
        "-- insert_refund",
        "-- apply_callback",
        "-- insert_event",
    ] {
        let of_it = plans
            .iter()
            .filter(|plan| plan.starts_with(written))
            .count();
        assert!(of_it > 0, "{written} is in the log");
    }
    let reads_all = |plan: &&&&str| {
        ["Seq Scan", "Hash Join", "Merge Join"]
            .iter()
            .any(|how| plan.contains(how))
    };
    assert_eq!(plans.iter().find(reads_all), None);
}

/// Lists are put together from what is asked for, so their plans are read where the server makes them.
#[test]
fn every_list_has_an_index_on_postgresql() {
    let postgres = Postgres::own(&[("session_preload_libraries", "auto_explain")]);
    let (mut server, database) = grown(&postgres);
    log_plans(&database);
    server.restart();
    let filters = [
        "provider=payermax",
        "provider=paycools&account=main",
        "status=pending",
        "status=canceled",
        "attention=conflict",
        "order_no=O-7",
        "refund_no=R-7",
        "provider_refund_no=P-7",
        "updated_after=1970-01-01T00:00:30Z",
    ];
    for (number, filter) in filters.iter().enumerate() {
        for other in filters.iter().skip(number + 1) {
            for query in [format!("{filter}&{other}"), (*filter).to_owned()] {
                // A name may be asked for once.
                let is_once =
                    query.matches("provider=").count() < 2 && query.matches("status=").count() < 2;
                if is_once {
                    server
                        .get(&format!("/v1/refunds?limit=200&{query}"))
                        .expect_json(200);
                }
            }
        }
    }
    for filter in [
        "",
        "&reader=reader-3",
        "&act=reload",
        "&about=O-7",
        "&reader=reader-3&act=reload",
        "&since=1970-01-01T00:00:30Z",
        "&until=1970-01-01T00:00:30Z&reader=reader-3",
    ] {
        for order in ["newest", "oldest"] {
            server
                .get(&format!("/v1/audit?limit=200&order={order}{filter}"))
                .expect_json(200);
        }
    }
    let log = postgres.log();
    let plans: Vec<&str> = log.lines().filter(|line| line.contains("Scan")).collect();
    let is_of_refunds = |line: &&&str| line.contains(" on refunds");
    assert!(
        plans.iter().filter(is_of_refunds).count() > filters.len(),
        "the plans are in the log"
    );
    let scans: Vec<_> = plans
        .iter()
        .filter(|line| {
            let table = line
                .split("Seq Scan on ")
                .nth(1)
                .and_then(|rest| rest.split(' ').next());
            table.is_some_and(|table| !SMALL.contains(&table) && !table.starts_with("pg_"))
        })
        .collect();
    assert!(scans.is_empty(), "{scans:#?}");
}
