//! Opening a listener of `serve`: its time limits, and as many connections as the process has files
//! for.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App as Routes, rt};
use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket as SystemSocket, Type};

use crate::http::App;
use crate::http::server::Side;
use crate::http::server::connections::Connections;
use crate::http::server::middleware;
use crate::http::server::socket::Socket;
use crate::http::server::unread_head::HeadWatch;

/// Time for requests under way when the service is told to stop.
const DRAIN_SECONDS: u64 = 10;
/// Time for the head of a connection's first request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a peer to take the end of a connection.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1_024;
/// How long a connection may stay without a request. Longer than a proxy in front keeps one
/// (`deploy/proxy`), so that it never sends on a connection that is being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long we wait for a peer at all: to begin the next request, and to finish its head.
const WAIT_MAX: Duration = KEEP_ALIVE.saturating_add(HEAD_TIMEOUT);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Connections on one listener.
const CONNECTIONS_MAX: u64 = 1_024;
/// How many of them may send a request of more than 16 KiB at the same time. Together they are what
/// `tests/it/memory.rs` measures.
const LARGE_MAX: usize = 48;
/// Fewest that are worth starting with.
const CONNECTIONS_MIN: u64 = 16;
/// Min connections of the internal listener that readers cannot use.
const KEPT_MIN: usize = 8;
/// Bytes that the system holds of what is sent on one connection and not taken yet.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Open files of one connection: the one that is read, and the one by which it can be closed.
const FILES_EACH: u64 = 2;
/// Open files that everything else needs.
const OTHER_FILES: u64 = 256;
/// The two of `serve`.
const LISTENERS: u64 = 2;

/// A listener and its connections.
pub(in crate::cli) struct Listener {
    pub address: SocketAddr,
    pub server: Server,
    pub connections: Arc<Connections>,
}

/// Raises the limit of open files to what the system allows, and says how many connections a listener
/// may hold with it.
pub(in crate::cli) fn connections_of_a_listener() -> anyhow::Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let Some(files) = files else {
        return Ok(usize::try_from(CONNECTIONS_MAX)?);
    };
    let possible = files.saturating_sub(OTHER_FILES) / (LISTENERS * FILES_EACH);
    anyhow::ensure!(
        possible >= CONNECTIONS_MIN,
        "the process may open {files} files, which is too few to serve any client (ulimit -n)"
    );
    if possible < CONNECTIONS_MAX {
        tracing::warn!(
            files,
            connections = possible,
            "the limit of open files (ulimit -n) leaves fewer connections a listener than usual"
        );
    }
    Ok(usize::try_from(possible.min(CONNECTIONS_MAX))?)
}

/// Slots of the internal listener for readers. The rest is for calls without a token, and for telling readers
/// that there are too many of them.
pub(in crate::cli) fn slots_of_readers(connections: usize) -> usize {
    let room = room(connections);
    room - (room / 8).max(KEPT_MIN)
}

/// Slots are freed before the framework stops to accept; an eighth of them may be on its way out.
fn room(connections: usize) -> usize {
    connections - connections / 8
}

/// What a listener is opened on.
pub(in crate::cli) enum Place {
    /// An address that is bound when the service is ready to answer.
    Address(SocketAddr),
    /// A socket that is bound already, so that no other process can take its port.
    Bound(TcpListener),
}

/// Opens one listener; `key` is its name in the config, `more` adds routes to those of its side.
pub(in crate::cli) fn listen(
    place: Place,
    key: &str,
    (workers, connections_max): (usize, usize),
    app: &Data<App>,
    side: Side,
    more: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> anyhow::Result<Listener> {
    let connections = Connections::new(room(connections_max), LARGE_MAX);
    let builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections(connections_max.div_ceil(workers))
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals();
    let socket = match place {
        Place::Address(address) => {
            bind(address).with_context(|| format!("cannot listen on {address} ({key})"))?
        }
        Place::Bound(socket) => socket,
    };
    let address = socket
        .local_addr()
        .with_context(|| format!("{key} gave no address"))?;
    let draining = builder.graceful_shutdown_signal();
    let (app, admitting) = (app.clone(), Arc::clone(&connections));
    let service = move || {
        let (app, rules, admitting, draining) = (
            app.clone(),
            app.clone(),
            Arc::clone(&admitting),
            draining.clone(),
        );
        let routes = Routes::new()
            .app_data(app)
            .configure(&more)
            .configure(side.routes)
            .wrap(from_fn(move |request, next| {
                middleware::guard(request, next, side.name, side.refuse)
            }))
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .h1_allow_half_closed(true)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .on_connect_ext(|socket: &Socket, data| socket.note_slot(data))
            .h1(map_config(routes, |()| AppConfig::default()));
        fn_service(move |io: TcpStream| {
            bound_sending(&io, rules.rules().stalled);
            let peer = io.peer_addr().ok();
            let heads = HeadWatch::new(rules.clone(), side.unread_head, peer);
            let socket = Socket::new(io, &admitting, heads);
            async move { Ok((socket, peer)) }
        })
        .and_then(http)
    };
    let server = builder
        .listen(key, socket, service)
        .with_context(|| format!("cannot listen for {key}"))?;
    Ok(Listener {
        address,
        server: server.run(),
        connections,
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = SystemSocket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Bounds what a connection holds for a caller that takes nothing of what is sent, and for how long.
/// The system itself cuts it then, whatever it was being sent.
fn bound_sending(stream: &TcpStream, stalled: Duration) {
    let socket = SockRef::from(stream);
    let bounded = socket
        .set_tcp_user_timeout(Some(stalled))
        .and_then(|()| socket.set_send_buffer_size(SEND_BUFFER_BYTES));
    if let Err(error) = bounded {
        tracing::warn!(%error, "cannot bound what a connection buffers for a caller that reads nothing");
    }
}

/// Closes connections that have waited too long, until the task is dropped.
pub(in crate::cli) async fn watch(connections: [Arc<Connections>; 2]) {
    loop {
        rt::time::sleep(LOOK_EVERY).await;
        for listener in &connections {
            listener.close_overdue(WAIT_MAX);
            let closed = listener.take_evicted();
            if closed > 0 {
                tracing::warn!(
                    closed,
                    "waiting connections were closed to free their slots"
                );
            }
        }
    }
}
