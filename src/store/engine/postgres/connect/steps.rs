//! One connection to one server, step by step. Each step has a time limit of its own, and an error names the
//! step: the kernel of a frozen server lets itself be reached, and only what follows is not answered.

use std::fmt;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Connection, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

type Tls = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
type TlsError = <Tls as TlsConnect<Socket>>::Error;
pub(in crate::store::engine::postgres) type TlsStream =
    <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Longest time for reaching one address of a server.
pub(super) const REACH_MAX: Duration = Duration::from_secs(1);

/// What a connection goes through before it can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Finding its addresses and reaching one of them.
    Reach,
    /// Asking for TLS; a server that has none goes on to the start-up within the same step.
    Offer,
    /// The TLS handshake, the question for it included where nothing else would do.
    Tls,
    /// The start-up message, the password, and what the server says of itself.
    StartUp,
    /// Whether it takes writes.
    Role,
}

impl Step {
    /// Longest time for it.
    pub(super) const fn limit(self) -> Duration {
        Duration::from_millis(match self {
            Self::Role => 1_000,
            Self::Tls | Self::StartUp => 1_500,
            Self::Offer => 2_000,
            Self::Reach => 2_500,
        })
    }

    /// What follows once the server is reached.
    fn after_reach(mode: SslMode) -> Self {
        match mode {
            SslMode::Disable => Self::StartUp,
            SslMode::Require => Self::Tls,
            _ => Self::Offer,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reach => "connection",
            Self::Offer => "TLS or start-up",
            Self::Tls => "TLS",
            Self::StartUp => "start-up",
            Self::Role => "role check",
        })
    }
}

/// Why one server cannot be used.
#[derive(Debug)]
pub(super) struct Failed {
    /// Names the step.
    pub error: StoreError,
    /// It was there and did not answer, or could not be reached in time.
    pub is_silent: bool,
    /// It has no connection left to give.
    pub is_crowded: bool,
}

impl Failed {
    fn silent(step: Step, limit: Duration) -> Self {
        let what = format!("{step}: no answer within {:.1} s", limit.as_secs_f32());
        Self {
            error: StoreError::Away(what),
            is_silent: true,
            is_crowded: false,
        }
    }

    fn said(step: Step, error: tokio_postgres::Error) -> Self {
        let is_crowded = error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS);
        let is_silent = is_time_out(&error);
        Self {
            error: match StoreError::from(error) {
                StoreError::Away(what) => StoreError::Away(format!("{step}: {what}")),
                StoreError::Open(what) => StoreError::Open(format!("{step}: {what}")),
                other => other,
            },
            is_silent,
            is_crowded,
        }
    }

    fn away(step: Step, what: &str) -> Self {
        Self {
            error: StoreError::Away(format!("{step}: {what}")),
            is_silent: false,
            is_crowded: false,
        }
    }
}

/// Whether no address could be reached in time.
fn is_time_out(error: &tokio_postgres::Error) -> bool {
    use std::error::Error as _;
    let io = error
        .source()
        .and_then(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
}

/// A connection to a server that takes writes. No step takes longer than `at_most`, nor than its own limit.
pub(super) async fn connect(
    config: &Config,
    tls: &MakeRustlsConnect,
    at_most: Duration,
) -> Result<(Client, Connection<Socket, TlsStream>), Failed> {
    let (at, step) = watch::channel(Step::Reach);
    let watched = Watched {
        tls: tls.clone(),
        after_reach: Step::after_reach(config.get_ssl_mode()),
        at,
    };
    let connecting = config.connect(watched);
    let (client, mut connection) = in_time(connecting, step, at_most).await?;
    let limit = Step::Role.limit().min(at_most);
    match timeout(limit, takes_writes(&client, &mut connection)).await {
        Ok(Ok(true)) => Ok((client, connection)),
        Ok(Ok(false)) => Err(Failed::away(Step::Role, "it does not take writes")),
        Ok(Err(Some(error))) => Err(Failed::said(Step::Role, error)),
        Ok(Err(None)) => Err(Failed::away(Step::Role, "the connection was closed")),
        Err(_) => Err(Failed::silent(Step::Role, limit)),
    }
}

/// Awaits what goes from step to step; the limit begins again with each.
async fn in_time<T>(
    connecting: impl Future<Output = Result<T, tokio_postgres::Error>>,
    mut step: watch::Receiver<Step>,
    at_most: Duration,
) -> Result<T, Failed> {
    let mut connecting = std::pin::pin!(connecting);
    loop {
        let now_at = *step.borrow_and_update();
        let limit = now_at.limit().min(at_most);
        tokio::select! {
            biased;
            done = &mut connecting => {
                return done.map_err(|error| Failed::said(*step.borrow(), error));
            }
            changed = timeout(limit, step.changed()) => {
                if changed.is_err() {
                    return Err(Failed::silent(now_at, limit));
                }
            }
        }
    }
}

/// Asks, while the connection is driven by nothing else. No error: it has ended.
async fn takes_writes(
    client: &Client,
    connection: &mut Connection<Socket, TlsStream>,
) -> Result<bool, Option<tokio_postgres::Error>> {
    let rows = tokio::select! {
        biased;
        rows = client.simple_query("SHOW transaction_read_only") => rows.map_err(Some)?,
        ended = connection => return Err(ended.err()),
    };
    Ok(rows.iter().any(|row| match row {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("off"),
        _ => false,
    }))
}

/// Tells how far the connection has come, by what the crate asks of the connector.
struct Watched {
    tls: MakeRustlsConnect,
    after_reach: Step,
    at: watch::Sender<Step>,
}

impl MakeTlsConnect<Socket> for Watched {
    type Stream = TlsStream;
    type TlsConnect = WatchedConnect;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<WatchedConnect, Self::Error> {
        self.at.send_replace(self.after_reach);
        Ok(WatchedConnect {
            tls: MakeTlsConnect::<Socket>::make_tls_connect(&mut self.tls, domain)?,
            at: self.at.clone(),
        })
    }
}

struct WatchedConnect {
    tls: Tls,
    at: watch::Sender<Step>,
}

impl TlsConnect<Socket> for WatchedConnect {
    type Stream = TlsStream;
    type Error = TlsError;
    type Future = BoxFuture<'static, Result<TlsStream, TlsError>>;

    fn connect(self, stream: Socket) -> Self::Future {
        async move {
            self.at.send_replace(Step::Tls);
            let stream = self.tls.connect(stream).await?;
            self.at.send_replace(Step::StartUp);
            Ok(stream)
        }
        .boxed()
    }
}
