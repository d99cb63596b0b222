//! The connection limit of one listener, and which connection is evicted when it is reached.
//!
//! The framework has a timeout for the first head of a connection only, and stops accepting when it holds too
//! many. A peer that opens connections and sends nothing could use all of them. So each connection has a slot
//! here. It *waits* while the service waits for its peer: for a head, for a body, for the end of a penalty. It
//! is *served* from the end of the request to the end of the response. When slots run out, the connections that
//! have waited longest are evicted, of the peer that has most of them. A served connection is never closed.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::rt::net::TcpStream as AsyncTcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::peer::Peer;
use super::turn::Turn;

/// Value of [`Slot::waiting_since`] while it is served.
const SERVED: u64 = u64::MAX;
/// This fraction of the slots is freed at once, so that the search is rare.
const FREED_AT_ONCE: usize = 64;

/// Max size of a small request, head and body together; nearly all are small.
const SMALL_BYTES: usize = 16 * 1024;
/// Max pipelined requests that are read. The framework parses all that it has read, and a request of 30 bytes
/// takes 3 KiB then.
const BEGUN_MAX: usize = 8;
/// Max responses that the peer has not read before the next request is handled.
const UNSENT_MAX: usize = 4;
/// A peer that has closed its sending side may still read a response for so long.
const LISTENS_MAX: Duration = Duration::from_secs(1);

/// The connections of one listener.
pub struct Connections {
    capacity: usize,
    /// Max connections with a large request at the same time.
    large_max: usize,
    opened: Instant,
    open: Mutex<Open>,
    evicted: AtomicU64,
}

#[derive(Default)]
struct Open {
    next: u64,
    slots: HashMap<u64, Arc<Slot>>,
    /// Slots with a large request.
    large: usize,
    /// Connections that wait for such a slot.
    wanting: Vec<Waker>,
}

/// The slot of a connection, as other connections see it.
pub struct Slot {
    peer: Option<Peer>,
    /// A second handle of the connection, to close it.
    socket: TcpStream,
    opened: Instant,
    /// Milliseconds from `opened` on, or [`SERVED`].
    waiting_since: AtomicU64,
    /// Whether its request is large; set under the lock of all slots.
    is_large: AtomicBool,
    turn: Turn,
    is_closed: Notify,
}

/// Held by the connection; frees the slot when dropped.
pub struct SlotGuard {
    connections: Arc<Connections>,
    number: u64,
    slot: Arc<Slot>,
}

impl Connections {
    pub fn new(capacity: usize, large_max: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            large_max,
            opened: Instant::now(),
            open: Mutex::default(),
            evicted: AtomicU64::new(0),
        })
    }

    /// Gives a new connection its slot, and evicts others if there are too many. `None` if the process is out of
    /// file descriptors, so that the connection could not be evicted.
    pub fn admit(self: &Arc<Self>, io: &AsyncTcpStream) -> Option<Arc<SlotGuard>> {
        let socket = io.as_fd().try_clone_to_owned().ok()?;
        let slot = Arc::new(Slot {
            peer: io.peer_addr().ok().map(Peer::from),
            socket: TcpStream::from(socket),
            opened: self.opened,
            waiting_since: AtomicU64::new(millis(self.opened.elapsed())),
            is_large: AtomicBool::new(false),
            turn: Turn::default(),
            is_closed: Notify::new(),
        });
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.slots.insert(number, Arc::clone(&slot));
        if open.slots.len() > self.capacity {
            let batch = (self.capacity / FREED_AT_ONCE).max(1);
            self.note_evicted(open.free(batch, |_| true));
        }
        drop(open);
        Some(Arc::new(SlotGuard {
            connections: Arc::clone(self),
            number,
            slot,
        }))
    }

    /// Closes connections that have waited longer than this.
    pub fn close_overdue(&self, longest: Duration) {
        let now = millis(self.opened.elapsed());
        let longest = millis(longest);
        for slot in self.open().slots.values() {
            if slot
                .waiting_since()
                .is_some_and(|since| since + longest < now)
            {
                slot.close();
            }
        }
    }

    /// Connections evicted since the last call.
    pub fn take_evicted(&self) -> u64 {
        self.evicted.swap(0, Ordering::Relaxed)
    }

    fn note_evicted(&self, count: usize) {
        self.evicted.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Evicts up to `wanted` waiting connections, and returns how many.
    fn free(&mut self, wanted: usize, of: impl Fn(&Slot) -> bool) -> usize {
        let mut held: HashMap<Option<Peer>, usize> = HashMap::new();
        let eligible = || self.slots.iter().filter(|(_, slot)| of(slot));
        for (_, slot) in eligible() {
            *held.entry(slot.peer).or_default() += 1;
        }
        let mut waiting: Vec<_> = eligible()
            .filter_map(|(number, slot)| {
                let held = held.get(&slot.peer).copied().unwrap_or_default();
                Some((std::cmp::Reverse(held), slot.waiting_since()?, *number))
            })
            .collect();
        waiting.sort_unstable();
        waiting.truncate(wanted);
        for (_, _, number) in &waiting {
            if let Some(slot) = self.remove(*number) {
                slot.close();
            }
        }
        waiting.len()
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Slot>> {
        let slot = self.slots.remove(&number)?;
        if slot.is_large() {
            self.large -= 1;
            self.wanting.drain(..).for_each(Waker::wake);
        }
        Some(slot)
    }
}

impl SlotGuard {
    /// Ready when more of the present request may be read.
    pub(in crate::http) fn poll_capacity(&self, context: &mut Context<'_>) -> Poll<()> {
        let turn = &self.slot.turn;
        if self.slot.waiting_since().is_none() {
            // Further bytes belong to the next request.
            self.park(context);
            return Poll::Pending;
        }
        if turn.received.load(Ordering::Relaxed) < SMALL_BYTES || self.slot.is_large() {
            return Poll::Ready(());
        }
        if !turn.is_looked_at.swap(true, Ordering::Relaxed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.poll_large(context)
    }

    /// Counts bytes that were read.
    pub(in crate::http) fn has_read(&self, bytes: usize) {
        self.slot.turn.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Begins one more request, if it may.
    pub(in crate::http) fn begin(&self) -> bool {
        let begun = &self.slot.turn.begun;
        let one_more = |begun| (begun < BEGUN_MAX).then_some(begun + 1);
        let begins = begun.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        begins.is_ok()
    }

    /// Wakes the reading side when the next request may be read.
    pub(in crate::http) fn park(&self, context: &Context<'_>) {
        self.slot.turn.reader.park(context);
    }

    /// Whether what is written next is a handler's response: one is not sent yet, or is under way.
    pub(in crate::http) fn has_response(&self) -> bool {
        self.slot.turn.unsent.load(Ordering::Relaxed) > 0 || self.slot.waiting_since().is_none()
    }

    /// The send buffer of the system has all that was to be sent.
    pub(in crate::http) fn all_is_sent(&self) {
        self.slot.turn.unsent.store(0, Ordering::Relaxed);
        self.slot.turn.sender.wake();
    }

    fn poll_large(&self, context: &mut Context<'_>) -> Poll<()> {
        let connections = &self.connections;
        let mut open = connections.open();
        if !open.slots.contains_key(&self.number) {
            // Evicted: the next read fails.
            return Poll::Ready(());
        }
        if open.large >= connections.large_max {
            let freed = open.free(1, Slot::is_large);
            connections.note_evicted(freed);
        }
        if open.large >= connections.large_max {
            open.wanting.push(context.waker().clone());
            return Poll::Pending;
        }
        open.large += 1;
        self.slot.is_large.store(true, Ordering::Relaxed);
        Poll::Ready(())
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.connections.open().remove(self.number);
    }
}

impl Slot {
    /// Waits until `wait` is ready or the client has hung up, which is `None`.
    pub async fn while_there<T>(request: &HttpRequest, wait: impl Future<Output = T>) -> Option<T> {
        let Some(slot) = Self::of(request) else {
            return Some(wait.await);
        };
        tokio::select! {
            biased;
            done = wait => Some(done),
            () = slot.hung_up() => None,
        }
    }

    /// The same, but a client that has hung up is given `LISTENS_MAX`: it may only have closed its sending
    /// side, and still read.
    pub async fn unless_gone<T>(request: &HttpRequest, wait: impl Future<Output = T>) -> Option<T> {
        let Some(slot) = Self::of(request) else {
            return Some(wait.await);
        };
        let gone = async {
            slot.hung_up().await;
            tokio::time::sleep(LISTENS_MAX).await;
        };
        tokio::select! {
            biased;
            done = wait => Some(done),
            () = gone => None,
        }
    }

    /// The slot of the connection of a request.
    pub fn of(request: &HttpRequest) -> Option<&Arc<Self>> {
        request.conn_data::<Arc<SlotGuard>>().map(|held| &held.slot)
    }

    /// The request is there; the connection is served from now on.
    pub fn serve(&self) {
        self.waiting_since.store(SERVED, Ordering::Relaxed);
    }

    /// The connection waits for its peer from now on.
    pub fn wait(&self) {
        let now = millis(self.opened.elapsed());
        self.waiting_since.store(now, Ordering::Relaxed);
    }

    /// The response is made; the next request may begin.
    pub fn next_turn(&self) {
        self.wait();
        self.turn.unsent.fetch_add(1, Ordering::Relaxed);
        self.turn.received.store(0, Ordering::Relaxed);
        let one_less = |begun: usize| begun.checked_sub(1);
        let begun = &self.turn.begun;
        // Fails where the framework rejected what is not a request.
        begun
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .ok();
        self.turn.is_looked_at.store(false, Ordering::Relaxed);
        self.turn.reader.wake();
    }

    /// Backpressure: ready once the peer has read most responses. Otherwise a peer that pipelines requests and
    /// reads nothing would make the service buffer all responses.
    pub async fn answers_are_taken(&self) {
        std::future::poll_fn(|context| {
            if self.turn.unsent.load(Ordering::Relaxed) < UNSENT_MAX {
                return Poll::Ready(());
            }
            self.turn.sender.park(context);
            Poll::Pending
        })
        .await;
    }

    /// Whether its request is large. The connection ends with the response then, which frees its buffers.
    pub fn is_large(&self) -> bool {
        self.is_large.load(Ordering::Relaxed)
    }

    /// Ready once the peer has closed its sending side, as it does when it gives up.
    pub async fn hung_up(&self) {
        // Without a further handle (out of file descriptors) the wait goes on to its end.
        let watched = self.socket.try_clone().and_then(AsyncTcpStream::from_std);
        if let Ok(watched) = watched
            && let Ok(0) | Err(_) = watched.peek(&mut [0]).await
        {
            return;
        }
        // It has pipelined its next request, so it is there.
        std::future::pending::<()>().await;
    }

    /// Ready once the connection is closed to free its slot.
    pub async fn evicted(&self) {
        self.is_closed.notified().await;
    }

    fn waiting_since(&self) -> Option<u64> {
        Some(self.waiting_since.load(Ordering::Relaxed)).filter(|since| *since != SERVED)
    }

    fn close(&self) {
        self.is_closed.notify_one();
        // Fails where the peer has gone already.
        drop(self.socket.shutdown(Shutdown::Both));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX - 1)
}
