//! refund-receiver: verified refund outcomes, stored and applied exactly once.
//!
//! The modules, and what each may use (checked by `tests/it/tidy.rs`):
//!
//! | module | what it is for | may use |
//! |---|---|---|
//! | [`domain`] | ids, money, claims, the state machine, the close-out rules; pure | – |
//! | [`crypto`] | keys, signatures, digests | – |
//! | [`api`] | the JSON that readers get | domain |
//! | [`providers`] | the systems that report refunds: verify, read, acknowledge | domain, crypto |
//! | [`store`] | durable state; group commit | domain |
//! | [`rejected`] | rejected requests, capped, in a file of their own | domain, store |
//! | [`intake`] | the two transactions: accept and apply | api, crypto, domain, providers, store |
//! | [`requests`] | outgoing refunds: intent, attempts, asks | crypto, domain, intake, outbound, providers, store |
//! | [`decisions`] | what an operator answers to open questions | crypto, domain, intake, requests, store |
//! | [`audit`] | proves the invariants over a store; reads only | crypto, domain, providers, store |
//! | [`reconcile`] | a provider's file compared with the store; reads only | crypto, domain, store |
//! | [`feed`] | events in commit order, long poll, named consumers | domain, store |
//! | [`outbound`] | HTTP requests that we send: TLS agent, address check | – |
//! | [`push`] | events posted to readers' endpoints | crypto, domain, feed, outbound, store |
//! | [`explain`] | why a callback had its effect | api, domain, providers, store |
//! | [`diagnosis`] | why a signature or a path was rejected | crypto, domain, providers |
//! | [`sandbox`] | plays the providers: callbacks, and requests as a server | crypto, domain, outbound, providers |
//! | [`telemetry`] | logs and metrics | – |
//! | [`http`] | routes, and the only place where an error becomes a status | all above but audit; config |
//! | [`config`] | file and environment to checked values | crypto, domain, providers, push, rejected, store |
//! | [`console`] | pages for operators; acts by the functions behind the API | http and what it may use; diagnosis |
//! | [`cli`] | the commands; `serve` is the composition root | everything |
//! | [`failpoints`] | crash points for tests; any module may mark one | – |

pub mod api;
pub mod audit;
pub mod cli;
pub mod config;
pub mod console;
pub mod crypto;
pub mod decisions;
pub mod diagnosis;
pub mod domain;
pub mod explain;
pub mod failpoints;
pub mod feed;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod http;
pub mod intake;
pub mod outbound;
pub mod providers;
pub mod push;
pub mod reconcile;
pub mod rejected;
pub mod requests;
pub mod sandbox;
pub mod store;
pub mod telemetry;
