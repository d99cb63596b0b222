//! The request side of every provider in one process: what the contract calls the sandbox.
//!
//! | file | content |
//! |---|---|
//! | `ledger/` | payments, refunds, how often money moved; what is due when; its log and settlement files |
//! | `outcome` | what a number or a reason asks for |
//! | `faults/` | what goes wrong for the next calls, and how |
//! | `journal/` | the last exchanges; the same as lines and as `JUnit` |
//! | `clock`, `random` | real, fast, by hand; numbers from a seed |
//! | `callbacks` | callbacks going out |
//! | `keys` | the accounts and their config |
//! | `http` | sockets, with replies that are lost on purpose |
//! | `control` | `/sandbox/…` |
//! | `../providers/` | one file or folder for each provider: its requests and replies |

mod callbacks;
pub mod clock;
mod control;
pub mod faults;
pub mod http;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod outcome;
pub mod random;

use std::fs::DirBuilder;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

use self::clock::{Pace, SandboxClock};
use self::faults::{Faults, play};
use self::http::{Outgoing, Reply, Request, Wire};
use self::journal::{Entry, Journal, shown};
use self::keys::Keys;
use self::ledger::log::{Log, Record};
use self::ledger::{Key, Ledger};
use crate::domain::time::Timestamp;
use crate::outbound::client::Client;
use crate::sandbox::providers;

/// Connections at once, each with a thread.
const CONNECTIONS_MAX: usize = 512;
/// Callbacks at once.
const SENDERS: usize = 8;
/// How long the timer sleeps where nothing is due.
const NAP: Duration = Duration::from_millis(200);

/// How a sandbox is started.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    /// Keeps keys and state; `None`: in memory.
    pub dir: Option<PathBuf>,
    pub seed: u64,
    pub pace: Pace,
    /// Where callbacks are to go, for the config.
    pub callbacks: String,
    /// What the reader of the config may do.
    pub scopes: Vec<&'static str>,
}

/// All that changes.
#[derive(Debug)]
pub struct World {
    pub ledger: Ledger,
    pub faults: Faults,
    pub journal: Journal,
    pub clock: SandboxClock,
    /// Callbacks that wait for the next one of their provider.
    held: Vec<callbacks::Held>,
    pub bank: providers::Bank,
}

impl World {
    pub fn new(ledger: Ledger, clock: SandboxClock, seed: u64) -> Self {
        Self {
            ledger,
            faults: Faults::new(seed),
            journal: Journal::default(),
            clock,
            held: Vec::new(),
            bank: providers::Bank::default(),
        }
    }

    /// Nothing goes wrong any more.
    fn disarm(&mut self) {
        self.faults.clear();
        self.bank.forget();
    }
}

/// What all threads have.
pub struct Shared {
    world: Mutex<World>,
    waker: Condvar,
    pub keys: Keys,
    pub address: SocketAddr,
    callbacks: String,
    /// Where files of the bank's client go.
    dir: Option<PathBuf>,
    scopes: Vec<&'static str>,
    stops: AtomicBool,
    connections: AtomicUsize,
    /// Calls back ahead of a reply.
    client: Client,
}

/// One of the connections, counted until it ends, be it by a panic.
struct Connection(Arc<Shared>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// A panic of one exchange does not end the others.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The config that fits.
    fn config(&self) -> String {
        let url = format!("http://{}", self.address);
        self.keys.config(&url, &self.callbacks, &self.scopes)
    }

    fn wake(&self) {
        self.waker.notify_all();
    }

    fn is_stopping(&self) -> bool {
        self.stops.load(Ordering::Relaxed)
    }
}

/// A running sandbox; it ends when this is dropped.
pub struct Running {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The config that fits.
    pub fn config(&self) -> String {
        self.shared.config()
    }

    /// The section of one account under a name of the caller's; it ends inside of `[accounts.api]`.
    pub fn section(&self, account: &keys::Account, name: &str) -> String {
        let (keys, url) = (&self.shared.keys, format!("http://{}", self.address()));
        keys.section(account, name, (&url, &self.shared.callbacks))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        self.shared.wake();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.shared.address));
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// The keys that a sandbox with these options has.
pub fn keys(options: &Options) -> anyhow::Result<Keys> {
    match &options.dir {
        Some(dir) => {
            // Keys lie in it.
            let mut builder = DirBuilder::new();
            let made = builder.recursive(true).mode(0o700).create(dir);
            made.with_context(|| dir.display().to_string())?;
            Keys::in_folder(dir, options.seed)
        }
        None => Keys::from_seed(options.seed),
    }
}

/// Starts a sandbox; it serves when this returns.
pub fn start(options: &Options) -> anyhow::Result<Running> {
    let keys = keys(options)?;
    let (log, records) = match &options.dir {
        Some(dir) => Log::open(dir)?,
        None => (Log::default(), Vec::new()),
    };
    let last = records.iter().filter_map(|record| match record {
        Record::Clock { now } => Some(*now),
        Record::Refund { refund, .. } => refund.finished_at.or(Some(refund.accepted_at)),
        Record::Payment(_) | Record::Balance { .. } => None,
    });
    let clock = SandboxClock::new(options.pace, last.max());
    let listener = TcpListener::bind(options.listen).with_context(|| {
        let address = options.listen;
        format!("cannot listen on {address}; end what does, or choose another port with --listen")
    })?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared {
        world: Mutex::new(World::new(Ledger::new(log, records), clock, options.seed)),
        waker: Condvar::new(),
        keys,
        address,
        callbacks: options.callbacks.clone(),
        dir: options.dir.clone(),
        scopes: options.scopes.clone(),
        stops: AtomicBool::new(false),
        connections: AtomicUsize::new(0),
        client: Client::new(),
    });
    let (sender, receiver) = mpsc::channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut threads = Vec::new();
    for _ in 0..SENDERS {
        let (shared, receiver) = (Arc::clone(&shared), Arc::clone(&receiver));
        threads.push(std::thread::spawn(move || {
            send_callbacks(&shared, &receiver);
        }));
    }
    let timer = Arc::clone(&shared);
    threads.push(std::thread::spawn(move || keep_time(&timer, &sender)));
    let accepting = Arc::clone(&shared);
    threads.push(std::thread::spawn(move || accept(&accepting, &listener)));
    Ok(Running { shared, threads })
}

fn send_callbacks(shared: &Shared, receiver: &Mutex<mpsc::Receiver<(Key, usize)>>) {
    let client = Client::new();
    loop {
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok((key, index)) = next else {
            return;
        };
        if shared.is_stopping() {
            return;
        }
        callbacks::send(shared, &client, &key, index);
    }
}

/// Lets time pass for the ledger.
fn keep_time(shared: &Shared, sender: &mpsc::Sender<(Key, usize)>) {
    while !shared.is_stopping() {
        let mut world = shared.world();
        let now = world.clock.now();
        let due = world.ledger.advance(now);
        let next = world.ledger.next_due();
        let nap = next
            .and_then(|due| world.clock.wait(due))
            .unwrap_or(NAP)
            .min(NAP);
        if due.is_empty() {
            let nap = nap.max(Duration::from_millis(1));
            let waited = shared.waker.wait_timeout(world, nap);
            drop(waited);
            continue;
        }
        drop(world);
        for call in due {
            if sender.send(call).is_err() {
                return;
            }
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.is_stopping() {
            return;
        }
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let connection = Connection(Arc::clone(shared));
        if shared.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            continue;
        }
        let serve = move || {
            let shared = &connection.0;
            let stops = || shared.is_stopping();
            http::serve(stream, &stops, &|request| answer(shared, &request));
        };
        // Without a thread the connection ends, and the next one may have more luck.
        drop(std::thread::Builder::new().spawn(serve));
    }
}

/// A time as RFC 3339.
pub fn time_text(millis: i64) -> String {
    Timestamp::from_millis(millis).to_string()
}

/// Answers one request.
fn answer(shared: &Shared, request: &Request) -> Outgoing {
    if request.path.starts_with("/sandbox/") {
        return control::answer(shared, request).into();
    }
    let Some(look) = providers::look(request) else {
        let why =
            r#"{"error":"no provider has this path; docs/sandbox.md lists those that are played"}"#;
        return Reply::json(404, why).into();
    };
    let fired = {
        let mut world = shared.world();
        world
            .faults
            .fire(look.provider, look.call, look.number.as_deref())
    };
    let (handled, wire, pause) = play::play(shared, request, &look, fired.as_ref());
    let mut world = shared.world();
    let now = world.clock.now();
    world.journal.push(Entry {
        at: time_text(now),
        provider: look.provider.to_owned(),
        call: look.call.to_owned(),
        number: handled.number.or(look.number),
        status: Some(handled.reply.status).filter(|_| matches!(wire, Wire::Whole | Wire::Half)),
        fault: fired.as_ref().map(|fired| fired.kind.to_text()),
        verdict: handled.verdict,
        refused: handled.is_refused,
        request: shown_request(request),
        reply: shown(&handled.reply.body),
        hashed: handled.hashed,
        ..Entry::default()
    });
    drop(world);
    shared.wake();
    Outgoing {
        reply: handled.reply,
        wire,
        pause,
    }
}

/// The request as text; a password in a query is left out.
fn shown_request(request: &Request) -> String {
    let query = if request.query.contains("pass=") {
        "…"
    } else {
        request.query.as_str()
    };
    let mark = if query.is_empty() { "" } else { "?" };
    let head = format!("{} {}{mark}{query}\n", request.method, request.path);
    head + &shown(&request.body)
}

#[cfg(test)]
#[path = "server_test.rs"]
mod tests;
