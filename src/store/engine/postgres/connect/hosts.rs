//! The servers of a URL, and which of them takes writes. Each has a time limit of its own, one that did not
//! answer is tried last for a while, and an error names the server that it is of.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::steps;
use super::steps::{Failed, REACH_MAX, TlsStream};
use crate::store::{LogLimit, StoreError, monotonic};

/// Longest time for a step of one that did not answer the last time: the search for the new primary waits
/// for it in each round.
const SILENT_MAX: Duration = Duration::from_millis(500);
/// How long that is remembered.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// Unanswered data after which the system gives a connection up.
const UNANSWERED_MAX: Duration = Duration::from_secs(10);
/// Quiet time after which the system asks whether the other end is there, and its pause between three tries.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(2));

/// What a connection calls itself where the URL does not say.
const PROGRAM: &str = "refund-receiver";

/// Lines about servers that do not take writes while another one does.
static PASSED_OVER: LogLimit = LogLimit::new();

/// The servers, in the order of the URL.
#[derive(Debug)]
pub(super) struct Hosts {
    each: Vec<(String, Config)>,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    /// Until when each is tried last.
    silent_until: Vec<Option<Instant>>,
    /// The one that took writes the last time.
    last: usize,
}

/// A connection to a server that takes writes.
pub(in crate::store::engine::postgres) struct Connected {
    pub client: Client,
    pub connection: Connection<Socket, TlsStream>,
    /// The server's name in the URL.
    pub name: String,
}

/// Why no server could be used.
#[derive(Debug)]
pub(in crate::store::engine::postgres) struct NoHost {
    pub error: StoreError,
    /// A server is there and has no connection left to give.
    pub is_crowded: bool,
}

impl Hosts {
    pub(super) fn of(config: &Config) -> Self {
        let count = config.get_hosts().len().max(config.get_hostaddrs().len());
        Self {
            each: (0..count).map(|index| alone(config, index)).collect(),
            memory: Mutex::new(Memory {
                silent_until: vec![None; count],
                last: 0,
            }),
        }
    }

    /// `HOST:PORT` of each, with commas between.
    pub(super) fn shown(&self) -> String {
        let names: Vec<_> = self.each.iter().map(|(name, _)| name.as_str()).collect();
        names.join(",")
    }

    /// Connects to the first server that takes writes; the one that did so the last time comes first.
    pub(super) async fn connect(&self, tls: &MakeRustlsConnect) -> Result<Connected, NoHost> {
        let mut failed = Vec::new();
        for (index, is_silent) in self.order() {
            let (name, config) = &self.each[index];
            let at_most = if is_silent { SILENT_MAX } else { Duration::MAX };
            match steps::connect(config, tls, at_most).await {
                Ok((client, connection)) => {
                    self.note(index, true);
                    if !failed.is_empty()
                        && let Some(kept_back) = PASSED_OVER.may_say()
                    {
                        let error = no_host(failed).error;
                        tracing::info!(%error, server = name, kept_back, "servers were passed over");
                    }
                    return Ok(Connected {
                        client,
                        connection,
                        name: name.clone(),
                    });
                }
                Err(error) => {
                    if error.is_silent {
                        self.note(index, false);
                    }
                    failed.push((name, error));
                }
            }
        }
        Err(no_host(failed))
    }

    /// The servers in the order in which they are tried, and whether they were silent the last time.
    fn order(&self) -> Vec<(usize, bool)> {
        let memory = self.lock();
        let now = monotonic();
        let silent = |index: usize| memory.silent_until[index].is_some_and(|until| now < until);
        let mut order: Vec<_> = (0..self.each.len())
            .map(|index| (index, silent(index)))
            .collect();
        order.sort_by_key(|(index, is_silent)| (*is_silent, *index != memory.last, *index));
        order
    }

    fn note(&self, index: usize, is_good: bool) {
        let mut memory = self.lock();
        if is_good {
            memory.last = index;
            memory.silent_until[index] = None;
        } else {
            memory.silent_until[index] = Some(monotonic() + SILENT_FOR);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All errors in one, each with its server.
fn no_host(failed: Vec<(&String, Failed)>) -> NoHost {
    let is_crowded = failed.iter().any(|(_, failed)| failed.is_crowded);
    let mut errors: Vec<(&String, StoreError)> = failed
        .into_iter()
        .map(|(name, failed)| (name, failed.error))
        .collect();
    let text = |error: &StoreError| match error {
        StoreError::Away(text) | StoreError::Open(text) => text.clone(),
        other => other.to_string(),
    };
    let all: Vec<_> = errors
        .iter()
        .map(|(name, error)| format!("{name}: {}", text(error)))
        .collect();
    let is_open = |(_, error): &(&String, StoreError)| matches!(error, StoreError::Open(_));
    let error = if errors.iter().all(is_open) {
        StoreError::Open(all.join("; "))
    } else {
        match errors.pop() {
            // The kind of the error is that of the only server.
            Some((_, error)) if errors.is_empty() && !matches!(error, StoreError::Away(_)) => error,
            _ => StoreError::Away(all.join("; ")),
        }
    };
    NoHost { error, is_crowded }
}

/// The same settings for one of the servers, and its name.
fn alone(config: &Config, index: usize) -> (String, Config) {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(database) = config.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    let ports = config.get_ports();
    let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let mut name = String::new();
    match config.get_hosts().get(index) {
        Some(Host::Tcp(host)) => {
            one.host(host);
            name = format!("{host}:{port}");
        }
        Some(Host::Unix(path)) => {
            one.host_path(path);
            name = format!("{}:{port}", path.display());
        }
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(index) {
        one.hostaddr(*address);
        if name.is_empty() {
            name = format!("{address}:{port}");
        }
    }
    one.port(port)
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(TargetSessionAttrs::Any)
        .application_name(config.get_application_name().unwrap_or(PROGRAM))
        .connect_timeout(REACH_MAX)
        .tcp_user_timeout(UNANSWERED_MAX)
        .keepalives(true)
        .keepalives_idle(KEEPALIVE.0)
        .keepalives_interval(KEEPALIVE.1)
        .keepalives_retries(3);
    (name, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_server_comes_first_and_a_silent_one_last() {
        let config: Config = "postgres://u@one,two,three/db".parse().unwrap();
        let hosts = Hosts::of(&config);
        assert_eq!(hosts.shown(), "one:5432,two:5432,three:5432");
        assert_eq!(hosts.order(), [(0, false), (1, false), (2, false)]);
        hosts.note(0, false);
        assert_eq!(hosts.order(), [(1, false), (2, false), (0, true)]);
        hosts.note(2, true);
        assert_eq!(hosts.order(), [(2, false), (1, false), (0, true)]);
        hosts.note(0, true);
        assert_eq!(hosts.order(), [(0, false), (1, false), (2, false)]);
    }
}
