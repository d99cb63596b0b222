//! A TCP proxy that fails on demand: the network between the service and its database.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// What happens to bytes and to new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Nothing moves; everything stays open and goes on later.
    Hold,
    /// New connections are closed at once.
    Refuse,
}

#[derive(Debug)]
struct State {
    target: String,
    mode: Mode,
    /// How long each piece is delayed.
    delay: Duration,
    /// The first piece that goes this way and holds these bytes is lost with its connection.
    trap: Option<(Way, Vec<u8>)>,
    is_over: bool,
    connections: Vec<[TcpStream; 2]>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until bytes may move, and gives the state as it then is.
    fn moving(&self) -> MutexGuard<'_, State> {
        let state = self.lock();
        let moving = self
            .changed
            .wait_while(state, |state| state.mode == Mode::Hold);
        moving.expect("no panic")
    }
}

/// A proxy in front of one server; ends with its value, and so do its connections.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    listens: SocketAddr,
}

impl Proxy {
    /// Listens on a free port for connections to `target`, an `ADDRESS:PORT`.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listens = listener.local_addr().expect("it is bound");
        let state = State {
            target: target.to_owned(),
            mode: Mode::Pass,
            delay: Duration::ZERO,
            trap: None,
            is_over: false,
            connections: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Self { shared, listens }
    }

    /// `ADDRESS:PORT` of the proxy.
    pub fn address(&self) -> String {
        self.listens.to_string()
    }

    /// New connections go to another server, as after a failover.
    pub fn retarget(&self, target: &str) {
        self.shared
            .change(|state| target.clone_into(&mut state.target));
    }

    /// Everything moves again, without delay; what was held goes on.
    pub fn pass(&self) {
        self.shared.change(|state| {
            state.mode = Mode::Pass;
            state.delay = Duration::ZERO;
        });
    }

    /// Nothing moves until [`Self::pass`]: a network that swallows everything.
    pub fn hold(&self) {
        self.shared.change(|state| state.mode = Mode::Hold);
    }

    /// Each piece goes on after this time.
    pub fn delay(&self, delay: Duration) {
        self.shared.change(|state| state.delay = delay);
    }

    /// Closes every connection; new ones are taken.
    pub fn cut(&self) {
        self.shared.change(State::cut);
    }

    /// Closes every connection, and new ones at once, until [`Self::pass`].
    pub fn refuse(&self) {
        self.shared.change(|state| {
            state.mode = Mode::Refuse;
            state.cut();
        });
    }

    /// Once: what the client says with these bytes in it never arrives, and the connection is closed.
    pub fn lose_request(&self, bytes: &[u8]) {
        self.trap(Way::ToServer, bytes);
    }

    /// Once: what the server answers with these bytes in it never arrives, and the connection is
    /// closed. With `COMMIT\0` the server has committed and the client does not know.
    pub fn lose_answer(&self, bytes: &[u8]) {
        self.trap(Way::ToClient, bytes);
    }

    /// Whether what was to be lost has been.
    pub fn has_lost(&self) -> bool {
        self.shared.lock().trap.is_none()
    }

    fn trap(&self, way: Way, bytes: &[u8]) {
        self.shared
            .change(|state| state.trap = Some((way, bytes.to_vec())));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.is_over = true;
            state.mode = Mode::Refuse;
            state.cut();
        });
        // Wakes the thread that accepts.
        TcpStream::connect(self.listens).ok();
    }
}

impl State {
    fn cut(&mut self) {
        for connection in self.connections.drain(..) {
            close(&connection);
        }
    }
}

/// Shuts down both halves of both sides; blocked reads return.
fn close(connection: &[TcpStream; 2]) {
    for side in connection {
        // It may be closed already.
        side.shutdown(Shutdown::Both).ok();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let mut state = shared.moving();
        if state.is_over {
            return;
        }
        let Ok(client) = client else { continue };
        if state.mode == Mode::Refuse {
            continue;
        }
        let Ok(server) = TcpStream::connect(&state.target) else {
            continue;
        };
        let copy = |side: &TcpStream| side.try_clone().expect("an open socket");
        for side in [&client, &server] {
            side.set_nodelay(true).ok();
        }
        state.connections.push([copy(&client), copy(&server)]);
        drop(state);
        let (from_client, from_server) = (
            [copy(&client), copy(&server)],
            [copy(&server), copy(&client)],
        );
        for (way, sides) in [(Way::ToServer, from_client), (Way::ToClient, from_server)] {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || {
                pump(&shared, way, &sides);
                close(&sides);
            });
        }
    }
}

/// Moves bytes from the first side to the second until one of them ends or the trap closes.
fn pump(shared: &Shared, way: Way, [from, to]: &[TcpStream; 2]) {
    let (mut from, mut to) = (from, to);
    let mut piece = [0_u8; 16 * 1024];
    // The end of what went before, as a message may come in two pieces.
    let mut seen = Vec::new();
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 {
            return;
        }
        let delay = shared.lock().delay;
        std::thread::sleep(delay);
        let mut state = shared.moving();
        if let Some((trapped, bytes)) = &state.trap
            && *trapped == way
        {
            seen.extend_from_slice(&piece[..length]);
            if seen.windows(bytes.len()).any(|window| window == bytes) {
                state.trap = None;
                return;
            }
            seen.drain(..seen.len().saturating_sub(bytes.len()));
        }
        drop(state);
        if to.write_all(&piece[..length]).is_err() {
            return;
        }
    }
}
