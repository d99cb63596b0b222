//! Several instances on one database: concurrent repeats take effect once, what one
//! of them leaves pending another applies, and a commit of one wakes the readers of another.

use std::time::Duration;

use crate::harness::config::{Place, READER_TOKEN};
use crate::harness::console::{self, Browser, LOOKER_TOKEN, OPERATOR_TOKEN};
use crate::harness::epay::{order_no, simple_order};
use crate::harness::ledger::{Answer, Ledger, mixed, register_orders};
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Engine, Server, comes_true, now, wait_for};

/// Deliveries of one test.
const DELIVERIES: usize = 120;

/// Two services on one database.
fn two() -> (Server, Server) {
    let config = ConfigBuilder::new(Engine::Postgres);
    (Server::start(&config), Server::start(&config))
}

#[test]
fn what_both_are_told_at_the_same_moment_takes_effect_once() {
    let (mut one, other) = two();
    register_orders(&one, 0, DELIVERIES);
    let load = mixed(0, DELIVERIES);
    let together = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for server in [&one, &other] {
            let (together, load) = (&together, &load);
            scope.spawn(move || {
                let client = server.client();
                for delivery in load {
                    together.wait();
                    let answer = delivery.post(&client, &server.public_url);
                    assert_eq!(answer, Answer::Success, "{}", delivery.refund_no);
                }
            });
        }
    });
    let mut ledger = Ledger::default();
    ledger.storm(&mut one, &load, load.len(), |_| {});
    ledger.assert_kept(&one);
    assert_eq!(one.events(), other.events(), "both tell the same");
}

#[test]
fn one_is_killed_under_load_and_the_other_loses_and_doubles_nothing() {
    let (mut one, mut other) = two();
    let (mut ledger, mut of_other) = (Ledger::default(), Ledger::default());
    for round in 0..3 {
        let (first, second) = (2 * round, 2 * round + 1);
        register_orders(&other, first, DELIVERIES);
        register_orders(&other, second, DELIVERIES);
        let (load, load_of_other) = (mixed(first, DELIVERIES), mixed(second, DELIVERIES));
        std::thread::scope(|scope| {
            scope.spawn(|| ledger.storm(&mut one, &load, 10 + 25 * round, Server::kill9));
            scope.spawn(|| {
                let all = load_of_other.len();
                of_other.storm(&mut other, &load_of_other, all, |_| {});
            });
        });
        // The first is started again only while the others are still at it.
        if round < 2 {
            one.restart();
        }
    }
    ledger.merge(of_other);
    // The dead one does not come back: its leases end, and the other applies what it acknowledged.
    ledger.assert_kept(&other);
    ledger.assert_whole_after_redelivery(&mut other);
}

#[test]
fn an_event_that_one_commits_wakes_a_reader_who_waits_at_the_other() {
    let (one, other) = two();
    let (url, client) = (other.internal_url.clone(), other.client());
    one.notified(&Notice::new("R-first", "REFUND_SUCCESS"));
    wait_for("the other to tell of it", || {
        (other.events().len() == 1).then_some(())
    });
    let waiting = std::thread::spawn(move || {
        let token = format!("Bearer {READER_TOKEN}");
        let url = format!("{url}/v1/events?after=1&wait=30s");
        let asked = now();
        let reply = client
            .try_send("GET", &url, &[("authorization", &token)], b"")
            .expect("a reader who waits is answered");
        (reply, asked.elapsed())
    });
    one.notified(&Notice::new("R-second", "REFUND_SUCCESS"));
    let (reply, took) = waiting.join().expect("no panic");
    let page = reply.expect_json(200);
    assert_eq!(text(&page["data"][0]["data"]["refund_no"]), "R-second");
    assert!(
        took < Duration::from_secs(4),
        "it was woken, not timed out: {took:?}"
    );
}

#[test]
fn a_session_of_the_console_is_one_at_both_and_ends_at_both() {
    let config = console::config(Engine::Postgres);
    let (one, other) = (Server::start(&config), Server::start(&config));
    let at_other = |browser: &Browser| {
        let mut same = Browser::new(&other);
        same.cookie.clone_from(&browser.cookie);
        same
    };
    let at_one = Browser::logged_in(&one, OPERATOR_TOKEN);
    let same = at_other(&at_one);
    assert!(same.page("/console/health").contains("operator"));
    assert_eq!(
        at_one.form_token(),
        same.form_token(),
        "a form of one is taken by the other"
    );
    let looker = Browser::logged_in(&one, LOOKER_TOKEN);
    let reason = [("reason", "left the company")];
    let revoked = same.submit("/console/sessions/revoke?name=looker", &reason);
    assert_eq!(revoked.status, 303);
    assert_eq!(
        looker.get("/console/").status,
        303,
        "ended at the other, gone at the one"
    );
    assert_eq!(same.submit("/console/logout", &[]).status, 303);
    assert_eq!(at_one.get("/console/").status, 303);
    // Nothing that one of them remembers lets a session through that the store no longer has.
    let at_one = Browser::logged_in(&one, OPERATOR_TOKEN);
    let same = at_other(&at_one);
    same.page("/console/");
    assert_eq!(
        at_one
            .submit("/console/logout", &[("where", "everywhere")])
            .status,
        303
    );
    assert_eq!(same.get("/console/").status, 303);
}

#[test]
fn an_order_that_is_registered_late_at_one_closes_what_the_other_was_told() {
    let (one, mut other) = two();
    let mut ledger = Ledger::default();
    let load: Vec<_> = mixed(7, 20);
    for delivery in &load {
        // Reports of unregistered orders are deferred, the others acknowledged.
        ledger.post(&other, delivery);
    }
    register_orders(&one, 7, 20);
    wait_for("every close-out to be done", || {
        let open = one.refunds("attention=order_unknown");
        open.is_empty().then_some(())
    });
    ledger.deliver_again(&mut other);
    ledger.assert_kept(&other);
}

/// Registrations lock an order and then its close-outs, reports the other way round, and each batch has many
/// of both: a pair of instances could wait for each other, which costs a second each time.
#[test]
fn reports_and_registrations_of_the_same_orders_at_both_do_not_deadlock() {
    const ORDERS: usize = 12;
    const ROUNDS: usize = 40;
    let config = ConfigBuilder::new(Engine::Postgres);
    let servers = [Server::start(&config), Server::start(&config)];
    let Place::Database(database) = &config.place else {
        panic!("a database was asked for");
    };
    let name = |round: usize, order: usize| format!("{}-{order}", round / 8);
    std::thread::scope(|scope| {
        for worker in 0..8_usize {
            let server = &servers[worker % 2];
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    // Each worker goes through the orders in a way of its own.
                    let order = (round * [1, 5, 7, 11][worker / 2] + worker) % ORDERS;
                    let name = name(round, order);
                    if (round + worker / 2) % 2 == 0 {
                        let order = simple_order(&name, "refund_applied", "10.00").to_string();
                        let reply = server.put_order_raw(&order_no(&name), READER_TOKEN, &order);
                        // 503 where the order stays locked for too long, as on a slow machine.
                        assert!(matches!(reply.status, 200 | 201 | 503), "{}", reply.text());
                    } else {
                        let (batchno, trandeno) = (format!("B-{name}"), format!("T-{name}"));
                        server.epay_json(&batchno, &trandeno, "10.00");
                    }
                }
            });
        }
    });
    servers[0].wait_until_applied();
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks = || database.query(sql)[0].get::<_, i64>(0);
    // A session of the server shows what it has counted a second later.
    assert!(
        !comes_true(Duration::from_secs(3), || deadlocks() > 0),
        "{} deadlocks",
        deadlocks()
    );
}
