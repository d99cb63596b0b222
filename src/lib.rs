//! refund-receiver: verified refund outcomes, kept and told exactly once.
//!
//! The rooms, and the arrows between them (held by `tests/it/tidy.rs`):
//!
//! | room | what it is for | may use |
//! |---|---|---|
//! | [`domain`] | what exists and what may happen to it; pure | – |
//! | [`crypto`] | keys, signatures, digests | – |
//! | [`providers`] | the systems that speak with us: verify, read, acknowledge | domain, crypto |
//! | [`epay`] | the wire contract of the EPay endpoint; pure | domain |
//! | [`store`] | what is known, on disk; group commit | domain |
//! | [`intake`] | the two transactions: accept and settle | domain, store, providers' proof |
//! | [`audit`] | proves over a store that the promises hold; reads only | domain, crypto, epay, providers, store |
//! | [`feed`] | events after a number, waiting for the next | domain, store |
//! | [`push`] | events posted to readers' endpoints | crypto, domain, feed, store |
//! | [`doctor`] | says why something took effect, or was refused | domain, crypto, providers, store |
//! | [`telemetry`] | logs, and the counters that metrics show | – |
//! | [`http`] | URLs, and the only place where an error becomes a status | all above but audit; config |
//! | [`config`] | file and environment to checked values | domain, crypto, providers, push, store |
//! | [`cli`] | the commands; `serve` puts the rooms together | everything |
//! | [`faults`] | places where a test may end the program; anybody marks them | – |

pub mod audit;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod doctor;
pub mod domain;
pub mod epay;
pub mod faults;
pub mod feed;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod http;
pub mod intake;
pub mod providers;
pub mod push;
pub mod store;
pub mod telemetry;
