//! The tests that run on every engine; `main.rs` has this module once for each.

use super::ENGINE;

mod access;
mod audit;
mod authenticity;
mod bad_inputs;
mod commands;
mod consumers;
mod crash;
mod doctor;
mod epay;
mod epay_formats;
mod explain;
mod feed;
mod golden;
mod heads;
mod health;
mod logs;
mod model;
mod orders;
mod paycools;
mod payermax;
mod push;
mod reading;
mod refusals;
mod relays;
mod repeats;
mod signed_part;
mod standstill;
mod start;
mod states;
mod stream;
mod told_apart;
mod unreadable_reports;
mod waits;
