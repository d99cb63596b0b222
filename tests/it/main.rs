//! The black-box tests: one binary that drives the built program over real HTTP.
//!
//! The tests know the outer contract and the providers' published formats, nothing of the inside.
//! Each has its own folder, store and ports, so all of them may run at the same time.

#![expect(
    clippy::duplicate_mod,
    reason = "the suite is there once for each engine"
)]

mod harness;

// Once: what has no store, or is about one engine alone.
mod backup;
mod by_hand;
mod catalogues;
mod check_config;
mod clients;
mod clocks;
mod copy;
mod cost;
mod crash_points;
mod deploy;
mod docs;
mod edge;
mod failover;
mod full_output;
mod instances;
mod io_faults;
mod memory;
mod network;
mod openapi;
mod plans;
mod postgres_server;
mod power_cut;
mod proxies;
mod restore;
mod sandbox;
mod scenarios;
mod scrapes;
mod secrets;
mod security_page;
mod selftest;
mod server_faults;
mod server_tls;
mod shared_feed;
mod spares;
mod sqlite_file;
mod stalls;
mod stalls_wal;
mod start_waits;
mod supply_chain;
mod systemd;
mod tidy;
mod tokens;
mod upgrade;
mod vectors;

// Everything else on both: the modules of `suite.rs` say `Server::usual(ENGINE)`, so a test that
// forgets the engine does not compile. No macro lists them, because rustfmt does not look into macros.
#[path = "."]
mod sqlite {
    const ENGINE: crate::harness::Engine = crate::harness::Engine::Sqlite;
    #[path = "suite.rs"]
    mod suite;
}
#[path = "."]
mod postgres {
    const ENGINE: crate::harness::Engine = crate::harness::Engine::Postgres;
    #[path = "suite.rs"]
    mod suite;
}
