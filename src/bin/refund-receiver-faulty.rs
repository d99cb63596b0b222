//! The program as the tests of durability need it: the same, but it ends where `FAILPOINTS` says.

use std::process::ExitCode;

/// As in the real one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let _armed = refund_receiver::failpoints::arm();
    refund_receiver::cli::run()
}
