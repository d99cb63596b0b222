//! The test proxy fails the network between a client and its database as it claims.

use std::sync::Arc;
use std::time::Duration;

use postgres::{Client, NoTls};

use crate::harness::postgres::Database;
use crate::harness::{Postgres, Proxy, now};

/// A database with a table, a proxy before its server, and a client that goes through.
fn connected() -> (Arc<Database>, Proxy, Client) {
    let server = Postgres::shared();
    let database = server.database();
    let proxy = Proxy::to(&server.address());
    let mut client = connect(&database, &proxy);
    client
        .batch_execute("CREATE TABLE t (n BIGINT)")
        .expect("bytes pass");
    (database, proxy, client)
}

fn connect(database: &Database, proxy: &Proxy) -> Client {
    Client::connect(&database.url_at(&proxy.address()), NoTls).expect("the proxy lets it through")
}

/// One row in one transaction.
fn insert(client: &mut Client) -> Result<(), postgres::Error> {
    let mut transaction = client.transaction()?;
    transaction.execute("INSERT INTO t VALUES (7)", &[])?;
    transaction.commit()
}

fn rows(database: &Database) -> i64 {
    database.query("SELECT count(*) FROM t")[0].get(0)
}

#[test]
fn a_commit_whose_answer_is_lost_has_happened() {
    let (database, proxy, mut client) = connected();
    proxy.lose_answer(b"COMMIT\0");
    assert!(insert(&mut client).is_err(), "the client is not told");
    assert!(proxy.has_lost());
    assert_eq!(rows(&database), 1);

    insert(&mut connect(&database, &proxy)).expect("only one answer is lost");
    assert_eq!(rows(&database), 2);
}

#[test]
fn a_commit_that_is_lost_on_its_way_has_not_happened() {
    let (database, proxy, mut client) = connected();
    proxy.lose_request(b"COMMIT\0");
    assert!(insert(&mut client).is_err());
    assert!(proxy.has_lost());
    assert_eq!(rows(&database), 0);
}

#[test]
fn a_network_that_holds_everything_goes_on_where_it_stopped() {
    let (database, proxy, mut client) = connected();
    proxy.hold();
    let inserting = std::thread::spawn(move || insert(&mut client));
    let (url, proxied) = (database.url(), database.url_at(&proxy.address()));
    assert_ne!(url, proxied);
    let connecting = std::thread::spawn(move || Client::connect(&proxied, NoTls).map(drop));
    assert!(Client::connect(&url, NoTls).is_ok(), "the server is fine");
    assert!(!inserting.is_finished() && !connecting.is_finished());
    proxy.pass();
    inserting.join().expect("no panic").expect("in the end");
    connecting.join().expect("no panic").expect("in the end");
    assert_eq!(rows(&database), 1);
}

#[test]
fn a_network_that_is_cut_slow_or_closed_is_just_that() {
    let (database, proxy, mut client) = connected();
    proxy.cut();
    assert!(insert(&mut client).is_err(), "cut");
    let mut client = connect(&database, &proxy);

    let delay = Duration::from_millis(100);
    proxy.delay(delay);
    let started = now();
    insert(&mut client).expect("slow, but it comes");
    assert!(started.elapsed() > 2 * delay);

    proxy.refuse();
    let url = database.url_at(&proxy.address());
    assert!(insert(&mut client).is_err(), "closed");
    assert!(Client::connect(&url, NoTls).is_err(), "closed to new ones");
    proxy.retarget("127.0.0.1:1");
    proxy.pass();
    assert!(Client::connect(&url, NoTls).is_err(), "the server is gone");
    proxy.retarget(&Postgres::shared().address());
    insert(&mut connect(&database, &proxy)).expect("as before");
    assert_eq!(rows(&database), 2);
}
