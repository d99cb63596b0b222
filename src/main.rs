//! The door: everything is in the library.

use std::process::ExitCode;

/// A callback makes some dozens of small allocations on one thread and frees them on another, which
/// the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    refund_receiver::cli::run()
}
