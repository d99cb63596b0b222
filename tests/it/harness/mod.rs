//! The base of every black-box test: a real server process, real HTTP, real keys, a folder.
//!
//! Nothing in here calls into the library. The tests know the outer contract only, so a mistake
//! that the product makes twice (in writing and in reading) still shows.

pub mod audit;
pub mod config;
pub mod console;
pub mod disk;
pub mod epay;
pub mod evidence;
pub mod faulty;
pub mod folder;
pub mod front;
pub mod http;
pub mod injection;
pub mod keys;
pub mod ledger;
pub mod mute;
pub mod over;
pub mod patroni;
pub mod paycools;
pub mod payermax;
pub mod postgres;
pub mod provider;
pub mod proxy;
pub mod reader;
pub mod receiver;
pub mod relay;
pub mod sandbox;
pub mod server;
pub mod shapes;
pub mod store;
pub mod wire;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub use config::{ConfigBuilder, Engine};
pub use http::Reply;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use server::Server;

/// How long any condition may take before the test fails. Generous, because two slow cores may
/// run many servers at once; a passing test never waits for it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Pause between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(15);

/// The present moment, to measure how long something takes.
#[expect(
    clippy::disallowed_methods,
    reason = "tests measure and wait; nothing is stored"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Whether `probe` comes true within a time.
pub fn comes_true(within: Duration, mut probe: impl FnMut() -> bool) -> bool {
    let started = now();
    loop {
        if probe() {
            return true;
        }
        if started.elapsed() > within {
            return false;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Asks `probe` until it answers, and fails with `what` when the deadline passes.
pub fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            started.elapsed() < DEADLINE,
            "waited {DEADLINE:?} in vain for: {what}"
        );
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Runs a program to its end, which must be a good one.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Looks until it sees what is `expected`, and fails with the difference after `timeout`.
#[track_caller]
pub fn wait_until_equal<T: PartialEq + std::fmt::Debug>(
    timeout: Duration,
    expected: &T,
    mut look: impl FnMut() -> T,
) {
    let started = now();
    loop {
        let seen = look();
        if seen == *expected {
            return;
        }
        assert!(
            started.elapsed() < timeout,
            "waited {timeout:?} in vain\nexpected: {expected:#?}\nseen: {seen:#?}"
        );
        std::thread::sleep(LOOK_AGAIN);
    }
}
