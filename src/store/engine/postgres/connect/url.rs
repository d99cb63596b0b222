//! The URL of a PostgreSQL database, in libpq's words: several hosts for failover, `sslmode`, `sslrootcert`,
//! `sslcert` and `sslkey` for TLS.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{CancelToken, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::hosts::{Connected, Hosts, NoHost};
use super::options::Options;
use super::tls;
use super::tls::Trust;
use crate::store::StoreError;
use crate::store::engine::postgres::Outlook;

/// Longest time for telling the server to stop a query.
const STOP_MAX: Duration = Duration::from_secs(1);

/// A checked URL and what is needed to connect.
#[derive(Clone)]
pub struct PostgresUrl {
    hosts: Arc<Hosts>,
    tls: MakeRustlsConnect,
    shown: String,
    is_unchecked: bool,
    ignored: Vec<&'static str>,
    /// What is known of its servers.
    pub(in crate::store::engine::postgres) outlook: Arc<Outlook>,
    /// Nothing is acknowledged that is on one machine only.
    pub(in crate::store::engine::postgres) requires_standby: bool,
    /// The operator accepts that a crash of the server loses what was acknowledged.
    pub(in crate::store::engine::postgres) may_lose_commits: bool,
}

/// What is wrong with a URL; names no password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresUrlError {
    /// Not a URL of a database.
    #[error("is no PostgreSQL URL ({0}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Malformed(String),
    /// No host or no database in it.
    #[error("names no {0}; write postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Missing(&'static str),
    /// A word that `sslmode` does not know.
    #[error(
        "has an sslmode that is not known; there are disable, prefer, require, verify-ca, verify-full"
    )]
    SslMode,
    /// A machine in the middle could read and answer.
    #[error(
        "names a server on another machine without sslmode; write sslmode=verify-full, or \
         sslmode=disable where the network is trusted"
    )]
    NoSslMode,
    /// Roots without a mode that uses them.
    #[error(
        "has sslrootcert without sslmode=verify-full or verify-ca, so nothing would be verified"
    )]
    UnusedRoots,
    /// Without a name, everybody with a certificate of any authority would be believed.
    #[error(
        "has sslmode=verify-ca without the root certificates of its server; name them with \
         sslrootcert=FILE, or write verify-full"
    )]
    NoRoots,
    /// A certificate without its key, or the other way round.
    #[error("has {0} without {1}; a client certificate needs both")]
    HalfIdentity(&'static str, &'static str),
    /// A certificate that nothing would show.
    #[error("has sslcert and sslmode=disable, so the certificate would not be shown")]
    UnusedIdentity,
    /// Something that libpq does and this program does not.
    #[error("has {0}, which this program does not know; remove it")]
    Unsupported(&'static str),
    /// A server that takes no writes is asked for.
    #[error(
        "has target_session_attrs for a server that is read; the store is written, so write read-write"
    )]
    ReadsOnly,
    /// Certificates or a key that cannot be used.
    #[error("has {0}")]
    Tls(String),
}

impl PostgresUrl {
    /// Reads a URL; relative files of certificates are relative to `base`.
    pub(in crate::store) fn parse(text: &str, base: &Path) -> Result<Self, PostgresUrlError> {
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let options = Options::parse(query)?;
        let (trust, identity) = (options.trust(base)?, options.identity(base)?);
        let sslmode = options.sslmode.as_deref();
        let mut config: Config = format!("{address}?{}", options.rest)
            .parse()
            .map_err(|error: tokio_postgres::Error| malformed(&error))?;
        if config.get_hosts().is_empty() {
            return Err(PostgresUrlError::Missing("host"));
        }
        if config.get_dbname().is_none() {
            return Err(PostgresUrlError::Missing("database"));
        }
        let is_local = config.get_hosts().iter().all(is_local);
        if !is_local && sslmode.is_none() {
            return Err(PostgresUrlError::NoSslMode);
        }
        config.ssl_mode(match sslmode {
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            _ => SslMode::Prefer,
        });
        let hosts = Hosts::of(&config);
        let tls = tls::connector(&trust, identity.as_ref()).map_err(PostgresUrlError::Tls)?;
        Ok(Self {
            shown: shown(&config, &hosts),
            is_unchecked: !is_local && trust == Trust::Unchecked,
            ignored: options.ignored,
            hosts: Arc::new(hosts),
            tls,
            outlook: Arc::default(),
            requires_standby: false,
            may_lose_commits: false,
        })
    }

    /// Takes also a server whose commits a crash may undo.
    pub fn accept_loss(&mut self) {
        self.may_lose_commits = true;
    }

    /// Acknowledges nothing while commits do not wait for a standby.
    pub fn require_synchronous(&mut self) {
        self.requires_standby = true;
    }

    /// Whether the server's certificate is not checked.
    pub fn is_unchecked(&self) -> bool {
        self.is_unchecked
    }

    /// Parameters that have no effect, as this program decides about them.
    pub fn ignored(&self) -> &[&'static str] {
        &self.ignored
    }

    /// Connects to the first server that takes writes.
    pub(in crate::store::engine::postgres) async fn connect(&self) -> Result<Connected, NoHost> {
        self.hosts.connect(&self.tls).await
    }

    /// Asks the server to stop what this connection does. Where it does not hear, the time limit of the
    /// statement ends it.
    pub(in crate::store::engine::postgres) async fn stop(&self, running: &CancelToken) {
        let stop = running.cancel_query(self.tls.clone());
        match tokio::time::timeout(STOP_MAX, stop).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a query could not be stopped"),
            Err(_) => tracing::debug!("a query could not be stopped in time"),
        }
    }

    /// The error with the address in front, so that an operator knows which server is meant.
    pub(in crate::store::engine::postgres) fn at(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Away(what) => StoreError::Away(format!("{self}: {what}")),
            StoreError::Open(what) => StoreError::Open(format!("{self}: {what}")),
            other => other,
        }
    }
}

/// The crate's message may repeat a part of the text, but its cause does not.
fn malformed(error: &tokio_postgres::Error) -> PostgresUrlError {
    use std::error::Error as _;
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    PostgresUrlError::Malformed(match cause.split_once("unknown option") {
        None => cause,
        // Where a password holds ? or & unescaped, its end looks like one.
        Some(_) => {
            "it has an option that is not known; in a password write ? as %3F, & as %26, @ as %40, \
            / as %2F, # as %23"
                .to_owned()
        }
    })
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

fn shown(config: &Config, hosts: &Hosts) -> String {
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or_default();
    format!("postgres://{user}@{}/{database}", hosts.shown())
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
