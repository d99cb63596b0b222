//! The PostgreSQL servers of the tests behave as the tests assume.

use std::path::Path;
use std::process::{Command, Stdio};

use postgres::{Client, NoTls};

use crate::harness::{Postgres, wait_for};

fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).expect("the server takes this URL")
}

/// One number that a statement gives.
fn number(client: &mut Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).expect(sql).get(0)
}

/// What `SHOW` says.
fn show(client: &mut Client, name: &str) -> String {
    let row = client.query_one(&format!("SHOW {name}"), &[]);
    row.expect("a setting").get(0)
}

#[test]
fn the_shared_server_keeps_commits_and_gives_each_test_a_database() {
    let (one, other) = (Postgres::shared().database(), Postgres::shared().database());
    assert_ne!(one.url(), other.url());
    let mut client = connect(&one.url());
    assert_eq!(show(&mut client, "fsync"), "on");
    assert_eq!(show(&mut client, "synchronous_commit"), "on");
    client
        .batch_execute("CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (7)")
        .expect("the role may make tables");
    assert_eq!(number(&mut client, "SELECT n FROM t"), 7);
    assert_eq!(one.query("SELECT n FROM t")[0].get::<_, i64>(0), 7);
    assert_eq!(one.connections(), 1);
    assert!(
        connect(&other.url()).query("SELECT n FROM t", &[]).is_err(),
        "another database"
    );
}

#[test]
fn a_database_that_is_used_again_is_as_new() {
    let server = Postgres::own(&[]);
    let first = server.database();
    let url = first.url();
    let mut left_over = connect(&url);
    left_over
        .batch_execute("CREATE TABLE t (n BIGINT)")
        .expect("the role may make tables");
    first.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        first.name()
    ));
    drop(first);

    let again = server.database();
    assert_eq!(again.url(), url, "it is the same one");
    assert!(left_over.simple_query("SELECT 1").is_err(), "cut");
    connect(&url)
        .batch_execute("CREATE TABLE t (n BIGINT)")
        .expect("it is empty and can be written");
}

#[test]
fn a_role_with_a_password_has_to_give_it() {
    let database = Postgres::shared().database();
    let url = database.url_with_password();
    assert_eq!(number(&mut connect(&url), "SELECT 1::BIGINT"), 1);
    let wrong = url.replace(":p%40ss", ":pass");
    assert_ne!(url, wrong);
    assert!(Client::connect(&wrong, NoTls).is_err());
}

#[test]
fn a_server_of_its_own_can_be_crashed_frozen_stopped_and_made_read_only() {
    let server = Postgres::own(&[("max_connections", "12")]);
    let database = server.database();
    let mut client = connect(&database.url());
    assert_eq!(show(&mut client, "max_connections"), "12");
    client
        .batch_execute("CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (7)")
        .expect("the role may make tables");

    server.crash();
    assert!(client.simple_query("SELECT 1").is_err(), "cut");
    server.start();
    let mut client = connect(&database.url());
    assert_eq!(number(&mut client, "SELECT n FROM t"), 7);
    assert!(server.log().contains("not properly shut down"), "a crash");

    server.set_read_only(true);
    wait_for("a refusal", || {
        client.execute("INSERT INTO t VALUES (8)", &[]).err()
    });
    server.set_read_only(false);
    wait_for("to be writable", || {
        client.execute("INSERT INTO t VALUES (8)", &[]).ok()
    });

    server.freeze();
    let answer = std::thread::spawn(move || number(&mut client, "SELECT sum(n)::BIGINT FROM t"));
    let socket = std::net::TcpStream::connect(server.address());
    assert!(socket.is_ok(), "the kernel still answers for it");
    assert!(!answer.is_finished());
    server.thaw();
    assert_eq!(answer.join().expect("an answer after all"), 15);

    server.stop();
    assert!(Client::connect(&database.url(), NoTls).is_err(), "stopped");
}

#[test]
fn a_standby_has_what_the_primary_committed_and_takes_over() {
    let primary = Postgres::own(&[]);
    let database = primary.database();
    let standby = primary.standby("second");
    primary.set_synchronous(&["second"]);
    let mut client = connect(&database.url());
    client
        .batch_execute("CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (7)")
        .expect("the role may make tables");
    let states = primary.query("SELECT sync_state FROM pg_stat_replication");
    assert_eq!(states[0].get::<_, &str>(0), "sync");

    primary.crash();
    standby.promote();
    let mut client = connect(&database.url_at(&standby.address()));
    assert_eq!(number(&mut client, "SELECT n FROM t"), 7);
    client
        .execute("INSERT INTO t VALUES (8)", &[])
        .expect("it is the primary now and waits for no standby");
}

/// This binary starts itself for this one test, and the second process is killed in the middle of it.
#[test]
fn nothing_is_left_when_the_test_process_is_killed() {
    const ROLE: &str = "TEST_PROCESS_TO_BE_KILLED";
    if std::env::var_os(ROLE).is_some() {
        Postgres::shared();
        wait_for("a signal that ends it", || None::<()>);
    }
    let mut child = Command::new(std::env::current_exe().expect("Linux has it"))
        .args([
            "--exact",
            "postgres_server::nothing_is_left_when_the_test_process_is_killed",
        ])
        .env(ROLE, "")
        .stdout(Stdio::null())
        .spawn()
        .expect("this very binary");
    let folder = std::env::temp_dir().join(format!("rr-pg-{}", child.id()));
    let pid = wait_for("the server of the other process", || {
        let text = std::fs::read_to_string(folder.join("1/data/postmaster.pid")).ok()?;
        let is_ready = text.contains("ready");
        is_ready.then(|| text.lines().next().expect("a number").to_owned())
    });
    let server = Path::new("/proc").join(pid);
    assert!(server.exists(), "it runs");
    child.kill().expect("our child");
    child.wait().expect("our child");
    wait_for("server and folder to be gone", || {
        (!server.exists() && !folder.exists()).then_some(())
    });
}
