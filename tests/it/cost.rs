//! What a callback costs, counted and not timed: creeping cost shows on every machine, however busy.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::harness::faulty;
use crate::harness::keys::sha256_hex;
use crate::harness::payermax::Notice;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server};

/// Callbacks that are counted, one after the other; a commit each for storing it, and applying rides along.
const COUNT: u64 = 300;
/// Before them, so that tables and caches are there.
const BEFORE: u64 = 50;

/// A refund number; one after the other.
fn number(index: u64) -> String {
    format!("R-{index:08}")
}

/// What the process has done since its start.
struct Done {
    /// Bytes handed to `write`, into the WAL, the database and the log.
    written: u64,
    commits: u64,
    jobs: u64,
}

impl Done {
    fn by(server: &Server) -> Self {
        let io =
            std::fs::read_to_string(format!("/proc/{}/io", server.pid())).expect("Linux has it");
        let written = io.lines().find_map(|line| line.strip_prefix("wchar: "));
        let metrics = server.get("/metrics").text().to_owned();
        let metric = |name: &str| {
            let line = format!("refund_receiver_store_{name} ");
            let value = metrics
                .lines()
                .find_map(|text| text.strip_prefix(line.as_str()));
            // A sum is written with a fraction, which is 0.
            let whole = value.and_then(|text| text.split('.').next()?.parse().ok());
            whole.unwrap_or_else(|| panic!("{name} in {metrics}"))
        };
        Self {
            written: written.and_then(|text| text.parse().ok()).expect("bytes"),
            commits: metric("commits_total"),
            jobs: metric("batch_jobs_sum"),
        }
    }
}

/// Bytes, commits and jobs of one callback, in hundredths; `number` names the refund of each.
fn cost(number: impl Fn(u64) -> String) -> [u64; 3] {
    let server = Server::usual(Engine::Sqlite);
    let send = |range: std::ops::Range<u64>| {
        for index in range {
            server.notified(&Notice::new(&number(index), "REFUND_SUCCESS"));
        }
    };
    send(0..BEFORE);
    server.applied(&number(BEFORE - 1));
    let before = Done::by(&server);
    send(BEFORE..BEFORE + COUNT);
    server.applied(&number(BEFORE + COUNT - 1));
    let after = Done::by(&server);
    [
        (after.written - before.written) * 100 / COUNT,
        (after.commits - before.commits) * 100 / COUNT,
        (after.jobs - before.jobs) * 100 / COUNT,
    ]
}

#[track_caller]
fn at_most<T: PartialOrd + std::fmt::Debug>(what: &str, cost: &[T], most: &[T]) {
    let is_held = cost.iter().zip(most).all(|(cost, most)| cost <= most);
    assert!(is_held, "{what}: {cost:?}, at most {most:?}");
}

#[test]
fn a_callback_writes_commits_and_queues_no_more_than_it_did() {
    let in_sequence = cost(number);
    let random = cost(|index| sha256_hex(index.to_string())[..32].to_owned());
    for (what, cost, most) in [
        ("in sequence", in_sequence, [9_100_000, 205, 205]),
        ("random", random, [9_700_000, 205, 205]),
    ] {
        at_most(
            &format!("{what}: bytes, commits and jobs in hundredths"),
            &cost,
            &most,
        );
    }
}

/// How often the program with `ALLOCATIONS` has allocated memory, and how many bytes.
fn allocated(socket: &Path) -> [u64; 2] {
    let mut said = String::new();
    let mut stream = UnixStream::connect(socket).expect("the program listens");
    stream.read_to_string(&mut said).expect("two numbers");
    let mut numbers = said.split_whitespace().map(str::parse);
    [(); 2].map(|()| {
        let number = numbers.next().and_then(Result::ok);
        number.unwrap_or_else(|| panic!("{said:?}"))
    })
}

#[test]
fn a_callback_allocates_no_more_memory_than_it_did() {
    let mut server = Server::stopped(&ConfigBuilder::new(Engine::Sqlite));
    let socket = server.folder().path().join("allocations");
    server.use_program(faulty::program());
    server.set_variable("ALLOCATIONS", socket.to_str());
    server.restart();
    let mut least = [u64::MAX; 2];
    let mut before = allocated(&socket);
    // What the service does by itself counts too, and more of it on a busy machine: the cheapest part says most.
    for part in 0..=COUNT / BEFORE {
        for index in part * BEFORE..(part + 1) * BEFORE {
            server.notified(&Notice::new(&number(index), "REFUND_SUCCESS"));
        }
        let after = allocated(&socket);
        let each = [0, 1].map(|at| (after[at] - before[at]) / BEFORE);
        least = [0, 1].map(|at| each[at].min(least[at]));
        before = after;
    }
    at_most("allocations and their bytes", &least, &[125, 17_000]);
}

/// Statements that write, and their records of the WAL, as PostgreSQL counts them; without those of leases and of
/// views in the trail.
const COUNTED: &str = "SELECT sum(calls)::bigint, sum(wal_records)::bigint FROM pg_stat_statements
     WHERE dbid <> (SELECT oid FROM pg_database WHERE datname = current_database())
       AND query ~* '(insert into|update [a-z_]+ set)' AND query !~* 'skip locked|trail'";

#[test]
fn a_callback_runs_no_more_statements_than_it_did_on_postgresql() {
    let postgres = Postgres::own(&[("shared_preload_libraries", "pg_stat_statements")]);
    let database = postgres.database();
    postgres.execute("CREATE EXTENSION pg_stat_statements");
    let config = ConfigBuilder::bare(Engine::Sqlite).usual_accounts();
    let server = Server::start(&config.on(&database));
    let send = |range: std::ops::Range<u64>| {
        for index in range {
            server.notified(&Notice::new(&number(index), "REFUND_SUCCESS"));
            // A transaction for storing it, and another for applying it.
            server.applied(&number(index));
        }
    };
    let counted = || {
        let row = &postgres.query(COUNTED)[0];
        [row.get::<_, i64>(0), row.get::<_, i64>(1)]
    };
    send(0..BEFORE);
    let before = counted();
    send(BEFORE..BEFORE + COUNT);
    let after = counted();
    let each = [0, 1].map(|at| (after[at] - before[at]) * 100 / i64::try_from(COUNT).expect("few"));
    at_most(
        "statements and records of the WAL in hundredths",
        &each,
        &[505, 2_600],
    );
}
