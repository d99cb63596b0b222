//! Redundancy, by the shipped files: an instance behind nginx or `HAProxy` is lost, a server of the
//! database is lost, behind `HAProxy` with Patroni's checks and by a URL that names all servers. Lost is
//! dead, or frozen: reached by its kernel, and silent.

use std::sync::Arc;
use std::time::Duration;

use crate::harness::front::Front;
use crate::harness::http::Client;
use crate::harness::keys::provider_key;
use crate::harness::patroni::Patroni;
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::postgres::Database;
use crate::harness::{ConfigBuilder, Engine, Postgres, Reply, Server, now, wait_for};

/// What a proxy waits for a frozen instance before it asks the other one, and what a busy machine may add.
const ANSWER_MAX: Duration = Duration::from_millis(7_500);
/// Acknowledgements begin again this soon after another server was made the primary, on a busy machine.
const AFTER_PROMOTION: Duration = Duration::from_secs(7);
/// Senders at a time, and what each sends.
const SENDERS: usize = 6;
const EACH: usize = 8;

/// Posts one callback to a proxy or a service; its answer, which was in time.
#[track_caller]
fn posted(url: &str, refund_no: &str) -> Reply {
    let body = Notice::new(refund_no, "REFUND_SUCCESS").text();
    let sign = provider_key().sign(body.as_bytes());
    let headers = [
        ("content-type", "application/json"),
        ("sign", sign.as_str()),
    ];
    let started = now();
    let reply = Client::new().send("POST", &format!("{url}{MAIN}"), &headers, body.as_bytes());
    let took = started.elapsed();
    assert!(
        took < ANSWER_MAX,
        "{refund_no}: {} after {took:?}",
        reply.status
    );
    reply
}

/// Loses one of two instances under load: every callback is acknowledged all the same, and takes effect once.
#[track_caller]
fn assert_one_may_be_lost(
    front: fn([&Server; 2]) -> Front,
    lose: fn(&Server),
    regain: fn(&Server),
) {
    let config = ConfigBuilder::new(Engine::Postgres);
    let (victim, stays) = (Server::start(&config), Server::start(&config));
    let front = front([&victim, &stays]);
    wait_for("both to be asked", || {
        posted(&front.url, "R-first").expect(200, ACK);
        let asked = |server: &Server| {
            let text = server.get_with("/metrics", &[]).text().to_owned();
            text.lines().any(|line| {
                line.starts_with("refund_receiver_callbacks_total") && !line.ends_with(" 0")
            })
        };
        (asked(&victim) && asked(&stays)).then_some(())
    });
    let halfway = std::sync::Barrier::new(SENDERS + 1);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (halfway, front) = (&halfway, &front);
            scope.spawn(move || {
                for number in 0..EACH {
                    if number == EACH / 2 {
                        halfway.wait();
                    }
                    posted(&front.url, &format!("R-{sender}-{number}")).expect(200, ACK);
                }
            });
        }
        halfway.wait();
        lose(&victim);
    });
    for sender in 0..SENDERS {
        for number in 0..EACH {
            stays.applied(&format!("R-{sender}-{number}"));
        }
    }
    regain(&victim);
    // What the frozen one had taken before is done now, a second time.
    stays.wait_until_applied();
    assert_eq!(
        stays.events().len(),
        1 + SENDERS * EACH,
        "each took effect once"
    );
}

fn kill(server: &Server) {
    server.signal("KILL");
}

fn stays_dead(_: &Server) {}

fn thaw(server: &Server) {
    server.signal("CONT");
    wait_for("the instance to be ready", || {
        (server.get_with("/readyz", &[]).status == 200).then_some(())
    });
}

#[test]
fn behind_nginx_an_instance_may_die() {
    assert_one_may_be_lost(Front::nginx_of, kill, stays_dead);
}

#[test]
fn behind_haproxy_an_instance_may_die() {
    assert_one_may_be_lost(Front::haproxy_of, kill, stays_dead);
}

#[test]
fn behind_nginx_an_instance_may_freeze() {
    assert_one_may_be_lost(Front::nginx_of, Server::freeze, thaw);
}

#[test]
fn behind_haproxy_an_instance_may_freeze() {
    assert_one_may_be_lost(Front::haproxy_of, Server::freeze, thaw);
}

#[test]
fn where_no_instance_is_ready_their_own_answer_comes_through_and_nothing_is_lost_by_it() {
    let postgres = Postgres::own(&[]);
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&postgres.database());
    let (one, other) = (Server::start(&config), Server::start(&config));
    for front in [
        Front::nginx_of([&one, &other]),
        Front::haproxy_of([&one, &other]),
    ] {
        postgres.crash();
        for server in [&one, &other] {
            wait_for("an instance to be unready", || {
                (server.get_with("/readyz", &[]).status == 503).then_some(())
            });
        }
        // Long enough for a proxy that asks to have noticed.
        for number in 0..20 {
            let reply = posted(&front.url, &format!("R-{number}"));
            assert_eq!(reply.status, 503);
            assert_ne!(reply.header("retry-after"), "", "{}", reply.text());
            std::thread::sleep(Duration::from_millis(150));
        }
        postgres.start();
        wait_for("an acknowledgement", || {
            (posted(&front.url, "R-back").status == 200).then_some(())
        });
    }
}

/// A primary and its standby.
fn servers() -> ([Arc<Postgres>; 2], Arc<Database>) {
    let primary = Postgres::own(&[]);
    let database = primary.database();
    let standby = primary.standby("second");
    primary.set_synchronous(&["second"]);
    ([primary, standby], database)
}

/// Loses the primary under a service that reaches its database by this address, and promotes the standby:
/// acknowledgements begin again in time, and nothing that was acknowledged is missing.
#[track_caller]
fn assert_primary_may_be_lost(
    [primary, standby]: &[Arc<Postgres>; 2],
    database: &Arc<Database>,
    address: &str,
    lose: fn(&Postgres),
) {
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(database)
        .by_way_of(address);
    let server = Server::start(&config);
    posted(&server.public_url, "R-before").expect(200, ACK);
    lose(primary);
    for number in 0..4 {
        assert_eq!(
            posted(&server.public_url, &format!("R-{number}")).status,
            503
        );
    }
    standby.promote();
    let promoted = now();
    wait_for("an acknowledgement", || {
        (posted(&server.public_url, "R-after").status == 200).then_some(())
    });
    let took = promoted.elapsed();
    assert!(took < AFTER_PROMOTION, "{took:?}");
    server.applied("R-after");
    server.applied("R-before");
}

/// The same behind `HAProxy`.
#[track_caller]
fn assert_primary_behind_haproxy_may_be_lost(lose: fn(&Postgres), regain: fn(&Postgres)) {
    let (servers, database) = servers();
    let patroni = servers.each_ref().map(Patroni::of);
    let [of_primary, of_standby] = &patroni;
    let front = Front::databases(&[(&servers[0], of_primary), (&servers[1], of_standby)]);
    assert_primary_may_be_lost(&servers, &database, front.address(), lose);
    regain(&servers[0]);
}

#[test]
fn behind_haproxy_the_primary_may_die() {
    assert_primary_behind_haproxy_may_be_lost(Postgres::crash, |_| {});
}

#[test]
fn behind_haproxy_the_primary_may_freeze() {
    assert_primary_behind_haproxy_may_be_lost(Postgres::freeze, Postgres::thaw);
}

#[test]
fn by_a_url_of_several_servers_the_primary_may_die_or_freeze_wherever_it_is() {
    for is_first in [true, false] {
        for (lose, regain) in [
            (Postgres::crash as fn(&Postgres), (|_| {}) as fn(&Postgres)),
            (Postgres::freeze, Postgres::thaw),
        ] {
            let (servers, database) = servers();
            let [primary, standby] = servers.each_ref().map(|server| server.address());
            let address = if is_first {
                format!("{primary},{standby}")
            } else {
                format!("{standby},{primary}")
            };
            assert_primary_may_be_lost(&servers, &database, &address, lose);
            regain(&servers[0]);
        }
    }
}
