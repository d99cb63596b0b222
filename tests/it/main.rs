//! The black-box tests: one binary that drives the built program over real HTTP.
//!
//! The tests know the outer contract and the providers' published formats, nothing of the inside.
//! Each has its own folder, store and ports, so all of them may run at the same time.

mod harness;

mod access;
mod authenticity;
mod commands;
mod crash;
mod docs;
mod epay;
mod epay_formats;
mod golden;
mod orders;
mod paycools;
mod payermax;
mod postgres_server;
mod reading;
mod refusals;
mod relays;
mod start;
mod states;
mod tidy;
mod vectors;
