//! The program as the tests need it that break it or count what it does: the same, but it ends where `FAILPOINTS` says,
//! and tells on the Unix socket that `ALLOCATIONS` names how often memory was allocated, and how many bytes.

use std::alloc::System;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let _armed = refund_receiver::failpoints::arm();
    if let Some(path) = std::env::var_os("ALLOCATIONS") {
        let listener = UnixListener::bind(path).expect("the test names a path that is free");
        std::thread::spawn(move || tell_allocations(&listener));
    }
    refund_receiver::cli::run()
}

/// Answers each connection with both numbers since the start; what grows in its place counts as allocated anew.
fn tell_allocations(listener: &UnixListener) {
    for connection in listener.incoming() {
        let stats = ALLOCATOR.stats();
        let times = stats.allocations + stats.reallocations;
        // The test that asked may be gone.
        drop(connection.and_then(|mut to| writeln!(to, "{times} {}", stats.bytes_allocated)));
    }
}
