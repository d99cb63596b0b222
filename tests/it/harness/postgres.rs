//! A real PostgreSQL, started by the tests from the Debian package: one server shared by all tests of
//! the process, each with a database of its own, and servers of their own for tests that do harm.
//!
//! Commits are on disk when they return, as in the field. Servers and files are gone with the process.

mod cluster;

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use postgres::{Client, Config, NoTls, Row};

use super::wait_for;
pub use cluster::free_port;
use cluster::{Cluster, SUPERUSER};

/// The role of the product: owns its database and nothing else.
const ROLE: &str = "refunds";
/// The role that must give [`PASSWORD`].
const PASSWORD_ROLE: &str = "with_password";
/// Holds characters that a URL has to escape.
pub const PASSWORD: &str = "p@ss/wörd";
const PASSWORD_IN_URL: &str = "p%40ss%2Fw%C3%B6rd";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
    databases: Mutex<Databases>,
}

/// The databases that were made, and those of them that no test uses any more.
#[derive(Debug, Default)]
struct Databases {
    made: u32,
    free: Vec<String>,
}

impl Postgres {
    /// The server of all tests that leave it as it is.
    pub fn shared() -> &'static Arc<Self> {
        static SHARED: LazyLock<Arc<Postgres>> = LazyLock::new(|| Postgres::own(&[]));
        // Before the lock, so that every test says it and not just the first.
        cluster::assert_installed();
        &SHARED
    }

    /// A server of its own, with further settings of `postgresql.conf`.
    pub fn own(options: &[(&str, &str)]) -> Arc<Self> {
        let server = Self::started(Cluster::new(options));
        server.execute(&format!(
            "CREATE ROLE {ROLE} LOGIN; CREATE ROLE {PASSWORD_ROLE} LOGIN PASSWORD '{PASSWORD}' IN ROLE {ROLE}"
        ));
        server
    }

    /// A standby that streams from this server under `name`, and can be read.
    pub fn standby(&self, name: &str) -> Arc<Self> {
        let standby = Self::started(Cluster::following(&self.cluster, name));
        // A standby makes no database by itself; it has those of its primary.
        wait_for("the standby to stream", || {
            let found = self.query(&format!(
                "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '{name}'"
            ));
            (!found.is_empty()).then_some(())
        });
        standby
    }

    fn started(cluster: Cluster) -> Arc<Self> {
        cluster.start();
        Arc::new(Self {
            cluster,
            databases: Mutex::default(),
        })
    }

    /// An empty database for one test; it is reused once no test holds it.
    pub fn database(self: &Arc<Self>) -> Arc<Database> {
        let mut databases = self.databases.lock().expect("no panic");
        let name = databases.free.pop();
        let made = name.is_none();
        let name = name.unwrap_or_else(|| {
            databases.made += 1;
            format!("refunds_{}", databases.made)
        });
        drop(databases);
        let database = Database {
            server: Arc::clone(self),
            name,
        };
        if made {
            self.execute(&format!("CREATE DATABASE {} OWNER {ROLE}", database.name));
        }
        database.empty();
        Arc::new(database)
    }

    /// `ADDRESS:PORT`, for a proxy in front of it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.cluster.port)
    }

    /// The folder of its socket.
    pub fn socket_folder(&self) -> &Path {
        self.cluster.folder()
    }

    /// The port, which also names its socket.
    pub fn port(&self) -> u16 {
        self.cluster.port
    }

    /// Stops it in good order; open transactions are rolled back.
    pub fn stop(&self) {
        self.cluster.stop("fast");
    }

    /// Ends it as a crash does: no checkpoint, nothing said to clients.
    pub fn crash(&self) {
        self.cluster.stop("immediate");
    }

    /// Starts it again on the same port and data.
    pub fn start(&self) {
        self.cluster.start();
    }

    /// Stops the process and every backend (SIGSTOP); connections stay open.
    pub fn freeze(&self) {
        self.cluster.signal("-STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.cluster.signal("-CONT");
    }

    /// Makes a standby the primary; its commits wait for no standby until it is told so.
    pub fn promote(&self) {
        self.cluster.promote();
        self.set_synchronous(&[]);
    }

    /// Whether it is there and takes writes. A frozen one says nothing until it is thawed.
    pub fn is_primary(&self) -> bool {
        let asked = self.client("postgres").and_then(|mut client| {
            let row = client.query_one("SELECT NOT pg_is_in_recovery()", &[])?;
            Ok(row.get(0))
        });
        asked.unwrap_or(false)
    }

    /// Changes a setting of the running server; those that need a restart wait for one.
    pub fn set(&self, name: &str, value: &str) {
        self.execute(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        let before = self.query("SELECT pg_conf_load_time()")[0].get::<_, std::time::SystemTime>(0);
        self.execute("SELECT pg_reload_conf()");
        wait_for("the settings to be read again", || {
            let now =
                self.query("SELECT pg_conf_load_time()")[0].get::<_, std::time::SystemTime>(0);
            (now > before).then_some(())
        });
    }

    /// Refuses or allows writing, for transactions that begin from now on.
    pub fn set_read_only(&self, read_only: bool) {
        let value = if read_only { "on" } else { "off" };
        self.set("default_transaction_read_only", value);
    }

    /// Commits wait for these standbys from now on, if any.
    pub fn set_synchronous(&self, standbys: &[&str]) {
        self.set("synchronous_standby_names", &standbys.join(", "));
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.cluster.log()
    }

    /// Runs statements as the superuser, outside of any test's database.
    pub fn execute(&self, sql: &str) {
        let mut client = self.client("postgres").expect("the server answers");
        client
            .batch_execute(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Asks as the superuser, outside of any test's database.
    pub fn query(&self, sql: &str) -> Vec<Row> {
        let mut client = self.client("postgres").expect("the server answers");
        client
            .query(sql, &[])
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// A connection of the superuser.
    fn client(&self, database: &str) -> Result<Client, postgres::Error> {
        let mut config = Config::new();
        config
            .host_path(self.cluster.folder())
            .port(self.cluster.port)
            .user(SUPERUSER)
            .dbname(database)
            .options("-c default_transaction_read_only=off")
            .connect_timeout(Duration::from_secs(10));
        config.connect(NoTls)
    }
}

/// A database that one test has for itself; its server runs as long as it does.
#[derive(Debug)]
pub struct Database {
    server: Arc<Postgres>,
    name: String,
}

impl Database {
    /// The store's URL on this server.
    pub fn url(&self) -> String {
        self.url_at(&self.server.address())
    }

    /// The same database through a proxy, or on another server that has it.
    pub fn url_at(&self, address: &str) -> String {
        format!("postgres://{ROLE}@{address}/{}", self.name)
    }

    /// The same for a role that has to prove itself.
    pub fn url_with_password(&self) -> String {
        let (address, name) = (self.server.address(), &self.name);
        format!("postgres://{PASSWORD_ROLE}:{PASSWORD_IN_URL}@{address}/{name}")
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements as the superuser.
    pub fn execute(&self, sql: &str) {
        let mut client = self.client();
        client
            .batch_execute(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Asks as the superuser.
    pub fn query(&self, sql: &str) -> Vec<Row> {
        let mut client = self.client();
        client
            .query(sql, &[])
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// A connection of the superuser, for a look or for locks that are held for a while.
    pub fn client(&self) -> Client {
        self.server.client(&self.name).expect("the server answers")
    }

    /// How many connections others hold to it.
    pub fn connections(&self) -> i64 {
        let name = &self.name;
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
        self.server.query(&sql)[0].get(0)
    }

    /// Terminates every connection of others to it, as an operator would.
    pub fn terminate_connections(&self) {
        self.server.query(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        ));
    }

    /// Puts it back to how a new one is.
    fn empty(&self) {
        self.terminate_connections();
        self.server
            .execute(&format!("ALTER DATABASE {} RESET ALL", self.name));
        self.execute(&format!(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION {ROLE}"
        ));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut databases = self.server.databases.lock().expect("no panic");
        databases.free.push(std::mem::take(&mut self.name));
    }
}
