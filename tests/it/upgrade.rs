//! Two versions of the program on one database: the last release and the present one work side by side,
//! either can be started again, and neither loses what the other acknowledged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::config::EPAY_TOKEN;
use crate::harness::ledger::{Ledger, mixed, register_orders};
use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE};
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server, epay, paycools, wait_for};

/// Names the program of the last release; `tests/run` builds and sets it.
const LAST_RELEASE: &str = "REFUND_LAST_RELEASE";

fn last_release() -> PathBuf {
    let named = std::env::var_os(LAST_RELEASE).map(PathBuf::from);
    let built = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        folder.join("target/last-release/refund-receiver")
    };
    let program = named.unwrap_or_else(built);
    assert!(
        program.exists(),
        "{} is missing: `tests/last-release` builds it, or {LAST_RELEASE} names it",
        program.display()
    );
    program
}

fn upgrade(server: &Server, more: &[&str]) -> std::process::Output {
    Command::new(PROGRAM)
        .args(["store", "upgrade", "--config"])
        .arg(server.config_path())
        .args(more)
        .output()
        .expect("the program can be started")
}

#[test]
fn the_last_release_works_next_to_this_one_and_starts_again() {
    const DELIVERIES: usize = 60;
    let database = Postgres::shared().database();
    let config = ConfigBuilder::bare(Engine::Postgres)
        .usual_accounts()
        .on(&database);
    let mut old = Server::stopped(&config);
    old.use_program(last_release());
    old.restart();

    // What a dump holds for as long as it runs, and what a reader forgot.
    let mut dump = database.client();
    dump.batch_execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE refunds, callbacks, feed, close_outs IN ACCESS SHARE MODE;
         SELECT count(*) FROM refunds",
    )
    .expect("a dump may begin");
    // The new column of `events` waits for a reader's lock to end.
    let mut reader = database.client();
    let locked = "BEGIN; LOCK TABLE events IN ACCESS SHARE MODE";
    reader.batch_execute(locked).expect("a reader may begin");
    let reading = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1_500));
        reader.batch_execute("COMMIT").expect("the reader ends");
    });
    let mut new = Server::start(&config);
    reading.join().expect("the reader has ended");
    let (mut ledger, mut of_new) = (Ledger::default(), Ledger::default());
    for round in 0..3 {
        let (first, second) = (2 * round, 2 * round + 1);
        register_orders(&old, first, DELIVERIES);
        register_orders(&new, second, DELIVERIES);
        let (load, load_of_new) = (mixed(first, DELIVERIES), mixed(second, DELIVERIES));
        std::thread::scope(|scope| {
            scope.spawn(|| ledger.storm(&mut old, &load, 10 + 15 * round, Server::kill9));
            scope.spawn(|| of_new.storm(&mut new, &load_of_new, load_of_new.len(), |_| {}));
        });
        // The old program starts on what the new one has added.
        old.restart();
        if round == 1 {
            dump.batch_execute("COMMIT").expect("the dump ends");
        }
    }
    ledger.merge(of_new);
    wait_for("the indexes to be there", || {
        let sql = "SELECT count(*) FROM pg_index WHERE indisvalid
             AND indexrelid::regclass::text IN ('callbacks_refund', 'refunds_grouped')";
        (database.query(sql)[0].get::<_, i64>(0) == 2).then_some(())
    });
    ledger.assert_kept(&new);
    let count = |what: &str| {
        let sql = format!("SELECT count(*) FROM events WHERE refund_id {what}");
        database.query(&sql)[0].get::<_, i64>(0)
    };
    assert!(count("IS NULL") > 0, "the old one names no refund");
    assert!(count("IS NOT NULL") > 0, "the new one does");
    // The old one knows of no epoch.
    let mut told = new.events();
    for event in &mut told {
        let event = event.as_object_mut().expect("an object");
        assert!(event.remove("epoch").is_some());
    }
    assert_eq!(old.events(), told, "both tell the same");

    // The old one has gone: what only it needs is taken away, and it does not start any more.
    assert_eq!(old.terminate().code(), Some(0));
    let output = upgrade(&new, &["--contract"]);
    assert!(output.status.success(), "{output:?}");
    let said = old.refused_start();
    assert!(said.contains("schema version 3"), "{said}");
    ledger.assert_whole_after_redelivery(&mut new);
    new.kill9();
    new.restart();
}

#[test]
fn an_upgrade_does_nothing_twice_and_goes_on_after_a_cut_build() {
    let database = Postgres::shared().database();
    let config = ConfigBuilder::bare(Engine::Postgres)
        .usual_accounts()
        .on(&database);
    let mut server = Server::start(&config);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.terminate().code(), Some(0));
    // As an interrupted build leaves it in the catalogue.
    server.change_store(
        "DROP INDEX refunds_grouped;
         UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'callbacks_refund'::regclass",
    );
    let output = upgrade(&server, &[]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("callbacks_refund") && said.contains("refunds_grouped"),
        "{said}"
    );
    let again = upgrade(&server, &[]);
    assert!(
        !String::from_utf8_lossy(&again.stderr).contains("building"),
        "{again:?}"
    );
    server.restart();
    assert_eq!(server.refunds("provider=payermax").len(), 1);
}

/// What makes two deliveries the same one must not change from release to release: bytes that count as new
/// would have a second effect. Relays' messages are too old by now to be accepted.
#[test]
fn what_the_last_release_stored_is_known_again_by_the_same_bytes() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store");
    let read = |name: &str| std::fs::read_to_string(fixtures.join(name)).expect("a kept store");
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .file("payermax.pem", &read("version-2/payermax.pem"))
        .file("paycools.pem", &read("version-2/paycools.pem"))
        .file("paycools.secret", &read("version-2/paycools.secret"))
        .toml(
            "[[accounts]]\nprovider = \"payermax\"\naccount = \"main\"\nmerchant_no = \"020213827212251\"
             public_keys = [{ id = \"demo\", file = \"payermax.pem\" }]
             [[accounts]]\nprovider = \"paycools\"\naccount = \"my\"\nsecret = \"file:paycools.secret\"
             public_keys = [{ id = \"demo\", file = \"paycools.pem\" }]
             currency = \"MYR\"\nutc_offset = \"+08:00\"\nminor_digits = 2",
        )
        .with_epay();
    let mut server = Server::stopped(&config);
    server.change_store(&read("version-2.sql"));
    let recorded = recorded(&server.folder().path().join("refunds.db"));
    assert!(recorded.len() >= 15, "some of each");
    server.restart();
    let before = server.kept();
    for (provider, account, headers, body) in &recorded {
        let headers: BTreeMap<String, String> = serde_json::from_str(headers).expect("an object");
        let mut headers: Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let authorization = format!("Bearer {EPAY_TOKEN}");
        let path = if provider == "epay" {
            headers.push(("authorization", &authorization));
            epay::PATH.to_owned()
        } else {
            format!("/callbacks/{provider}/{account}")
        };
        let reply = server.post(&path, &headers, body);
        assert_eq!(reply.status, 200, "{provider}: {}", reply.text());
    }
    assert_eq!(
        server.kept(),
        before,
        "nothing new came, and nothing happened"
    );
}

/// The last release read no number in `INV/2025/1`, so it stored the callback without a number, with a
/// question.
#[test]
fn what_the_last_release_stored_without_its_number_is_a_repeat_and_takes_no_effect_again() {
    let database = Postgres::shared().database();
    let with_paycools = |config| paycools::accounts(config);
    for config in [
        with_paycools(ConfigBuilder::new(Engine::Sqlite)),
        with_paycools(ConfigBuilder::bare(Engine::Postgres).usual_accounts()).on(&database),
    ] {
        let mut server = Server::stopped(&config);
        server.use_program(last_release());
        server.restart();
        let odd_refund = Notice::new("INV/2025/1", "REFUND_SUCCESS").text();
        let odd_order = Notice::new("R-1", "REFUND_SUCCESS")
            .text()
            .replace("P-R-1", "INV/2025/1");
        let odd_amount = Notice::new("R-2", "REFUND_FAILED").amount("1.0E2").text();
        let param = paycools::PARAM.replace("18184914989277184", "INV/2025/2");
        let members = [
            ("eventName", "payment.refund.success"),
            ("mchRefundOrderId", "INV/2025/3"),
            ("refundTransactionId", "C-3"),
            ("originalTransactionId", "P-3"),
            ("refundAmount", "10000"),
            ("refundStatus", "COMPLETE"),
        ];
        let flat = paycools::flat(&members);
        let send = |server: &Server| {
            for body in [&odd_refund, &odd_order, &odd_amount] {
                server.notify(MAIN, body).expect(200, ACK);
            }
            server
                .post_param(paycools::PATH, &param)
                .expect(200, paycools::OPEN_API_ACK);
            server
                .post_json(paycools::PATH, &flat)
                .expect(200, paycools::FLAT_ACK);
            server.wait_until_applied();
        };
        send(&server);
        assert_eq!(server.terminate().code(), Some(0));
        server.use_program(PROGRAM.into());
        server.restart();
        let before = server.kept();
        assert_eq!(before.callbacks, 5);
        send(&server);
        assert_eq!(
            server.kept(),
            before,
            "nothing new came, and nothing happened"
        );
        assert_eq!(
            server
                .refunds("status=pending&attention=invalid_content")
                .len(),
            5
        );
        server.assert_audit_is_clean(None);
        // The same fact in other bytes is new, and takes effect.
        let again = odd_refund.replace("09:33:54", "09:33:55");
        server.notify(MAIN, again).expect(200, ACK);
        assert_eq!(server.applied("INV/2025/1")["status"], "succeeded");
        server.assert_audit_is_clean(None);
    }
}

/// Provider, account, headers and body of every stored callback that may be sent again.
fn recorded(store: &Path) -> Vec<(String, String, String, Vec<u8>)> {
    let store = rusqlite::Connection::open(store).expect("the store");
    let sql = "SELECT provider, account, headers, body FROM callbacks
         WHERE provider IN ('payermax', 'paycools', 'epay')";
    let mut statement = store.prepare(sql).expect("its table");
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[test]
fn a_sqlite_store_of_the_last_release_is_added_to_and_contracted_when_told() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store");
    let old = std::fs::read_to_string(fixtures.join("version-2.sql")).expect("a kept store");
    let mut server = Server::stopped(&ConfigBuilder::new(Engine::Sqlite));
    // A DBA's index and an edited comment stop nothing.
    server.change_store(&old.replace("-- untouched", "-- as it came"));
    server.change_store("CREATE INDEX report ON refunds (amount)");
    server.restart();
    assert_eq!(server.schema_version(), 2);
    let refunds = server.refunds("limit=200").len();
    assert!(refunds > 10);
    let refused = upgrade(&server, &[]);
    assert_eq!(refused.status.code(), Some(3), "a service runs on it");
    assert_eq!(server.terminate().code(), Some(0));
    for _ in 0..2 {
        let output = upgrade(&server, &["--contract"]);
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(server.schema_version(), 3);
    server.restart();
    assert_eq!(server.refunds("limit=200").len(), refunds);
}
