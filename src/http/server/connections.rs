//! The connections of one listener: how many there may be, and which one goes when there are more.
//!
//! The framework times the first head of a connection, and stops to accept when it holds too many
//! connections. Both leave a door open to whoever connects and lets us wait. So each connection has a
//! slot here. It *waits* while we wait for its peer: for a head, for a body, for the end of a penalty.
//! It is *served* from the end of the request to the end of the answer. When slots run short, those go
//! that have waited longest, of the peer that has most of them; what is served is never cut.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::rt::net::TcpStream as AsyncTcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::peer::Peer;

/// Value of [`Slot::waiting_since`] while it is served.
const SERVED: u64 = u64::MAX;
/// The share of the slots that is freed at once, so that looking for them is rare.
const FREED_AT_ONCE: usize = 64;

/// A request up to here is small, head and body together; nearly all are.
const SMALL_BYTES: usize = 16 * 1024;
/// Requests that are read ahead of an answer; the next ones wait. The framework takes apart all that it has read,
/// and one of 30 bytes costs 3 KiB then.
const BEGUN_MAX: usize = 8;
/// Answers that may wait to be taken before the next request is looked at.
const UNSENT_MAX: usize = 4;
/// How long an answer is worth making for a peer that has said that it sends nothing more.
const LISTENS_MAX: Duration = Duration::from_secs(1);

/// The connections of one listener.
pub struct Connections {
    room: usize,
    /// How many of them may send a large request at the same time.
    large_max: usize,
    opened: Instant,
    open: Mutex<Open>,
    cut: AtomicU64,
}

#[derive(Default)]
struct Open {
    next: u64,
    slots: HashMap<u64, Arc<Slot>>,
    /// How many of them are large.
    large: usize,
    /// Those that would be, once there is room.
    wanting: Vec<Waker>,
}

/// One connection, as far as others may see it.
pub struct Slot {
    peer: Option<Peer>,
    /// A second handle of the connection, to end it by.
    socket: TcpStream,
    opened: Instant,
    /// Milliseconds from `opened` on, or [`SERVED`].
    waiting_since: AtomicU64,
    /// Whether it sends a large request; set while all of them are locked.
    is_large: AtomicBool,
    turn: Turn,
    is_cut: Notify,
}

/// What a connection carries; its end gives the slot back.
pub struct SlotGuard {
    connections: Arc<Connections>,
    number: u64,
    slot: Arc<Slot>,
}

/// How far the peer has come since it was last its turn.
#[derive(Default)]
struct Turn {
    received: AtomicUsize,
    /// Requests that have begun and are not answered.
    begun: AtomicUsize,
    /// Whether the framework has looked at what is there.
    is_looked_at: AtomicBool,
    /// Reads on when the peer's next turn begins.
    reader: Parked,
    /// Answers that the system has not taken yet.
    unsent: AtomicUsize,
    /// Goes on when it has taken them.
    sender: Parked,
}

/// What waits for somebody else's turn.
#[derive(Default)]
struct Parked(Mutex<Option<Waker>>);

impl Parked {
    fn park(&self, context: &Context<'_>) {
        *self.waker() = Some(context.waker().clone());
    }

    fn wake(&self) {
        if let Some(waker) = self.waker().take() {
            waker.wake();
        }
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Capacity for so many connections, and for so many with a large request.
    pub fn new(room: usize, large_max: usize) -> Arc<Self> {
        Arc::new(Self {
            room,
            large_max,
            opened: Instant::now(),
            open: Mutex::default(),
            cut: AtomicU64::new(0),
        })
    }

    /// Gives a new connection its slot, and takes that of others if there are too many. `None` where it cannot
    /// be cut, because the process has no more files.
    pub fn admit(self: &Arc<Self>, io: &AsyncTcpStream) -> Option<Arc<SlotGuard>> {
        let socket = io.as_fd().try_clone_to_owned().ok()?;
        let slot = Arc::new(Slot {
            peer: io.peer_addr().ok().map(Peer::from),
            socket: TcpStream::from(socket),
            opened: self.opened,
            waiting_since: AtomicU64::new(millis(self.opened.elapsed())),
            is_large: AtomicBool::new(false),
            turn: Turn::default(),
            is_cut: Notify::new(),
        });
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.slots.insert(number, Arc::clone(&slot));
        if open.slots.len() > self.room {
            let batch = (self.room / FREED_AT_ONCE).max(1);
            self.note_cut(open.free(batch, |_| true));
        }
        drop(open);
        Some(Arc::new(SlotGuard {
            connections: Arc::clone(self),
            number,
            slot,
        }))
    }

    /// Cuts what has waited longer than this.
    pub fn cut_overdue(&self, longest: Duration) {
        let now = millis(self.opened.elapsed());
        let longest = millis(longest);
        for slot in self.open().slots.values() {
            if slot
                .waiting_since()
                .is_some_and(|since| since + longest < now)
            {
                slot.cut();
            }
        }
    }

    /// How many were cut to make room since this was last asked.
    pub fn take_cut(&self) -> u64 {
        self.cut.swap(0, Ordering::Relaxed)
    }

    fn note_cut(&self, cut: usize) {
        self.cut.fetch_add(cut as u64, Ordering::Relaxed);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Cuts up to `wanted` of those connections that wait, and gives their number.
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
                slot.cut();
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
    /// Ready when so much more of the present request may be read.
    pub(in crate::http) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let turn = &self.slot.turn;
        if self.slot.waiting_since().is_none() {
            // What comes now is the next request.
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

    /// Bytes that were read.
    pub(in crate::http) fn has_read(&self, bytes: usize) {
        self.slot.turn.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether one more request may begin now.
    pub(in crate::http) fn begin(&self) -> bool {
        let begun = &self.slot.turn.begun;
        let one_more = |begun| (begun < BEGUN_MAX).then_some(begun + 1);
        let begins = begun.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        begins.is_ok()
    }

    /// Has the reading end go on when the peer's next turn begins.
    pub(in crate::http) fn park(&self, context: &Context<'_>) {
        self.slot.turn.reader.park(context);
    }

    /// The system has taken all that was to be sent.
    pub(in crate::http) fn all_is_sent(&self) {
        self.slot.turn.unsent.store(0, Ordering::Relaxed);
        self.slot.turn.sender.wake();
    }

    fn poll_large(&self, context: &mut Context<'_>) -> Poll<()> {
        let connections = &self.connections;
        let mut open = connections.open();
        if !open.slots.contains_key(&self.number) {
            // Cut: the next read says so.
            return Poll::Ready(());
        }
        if open.large >= connections.large_max {
            let freed = open.free(1, Slot::is_large);
            connections.note_cut(freed);
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
    /// Waits for what a reader waits for, but not longer than the reader itself; `None` where it gave up.
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

    /// Waits for what may take long, but only shortly for a reader that has hung up; `None` where it gave
    /// up. Shortly, because a reader may only have said that it sends nothing more, and be listening.
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

    /// The slot of the connection that this request came on.
    pub fn of(request: &HttpRequest) -> Option<&Arc<Self>> {
        request.conn_data::<Arc<SlotGuard>>().map(|held| &held.slot)
    }

    /// From now on it is our turn.
    pub fn serve(&self) {
        self.waiting_since.store(SERVED, Ordering::Relaxed);
    }

    /// From now on we wait for the peer.
    pub fn wait(&self) {
        let now = millis(self.opened.elapsed());
        self.waiting_since.store(now, Ordering::Relaxed);
    }

    /// The answer is made; what comes now is the next request.
    pub fn next_turn(&self) {
        self.wait();
        self.turn.unsent.fetch_add(1, Ordering::Relaxed);
        self.turn.received.store(0, Ordering::Relaxed);
        let one_less = |begun: usize| begun.checked_sub(1);
        let begun = &self.turn.begun;
        // Fails where the framework refused what did not look like a request.
        begun
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .ok();
        self.turn.is_looked_at.store(false, Ordering::Relaxed);
        self.turn.reader.wake();
    }

    /// Ready once the peer has taken most answers. Without that one that sends many requests ahead and takes no
    /// answer could make us hold all of them.
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

    /// Whether its request is a large one. The connection ends with the answer then, and what it held with it.
    pub fn is_large(&self) -> bool {
        self.is_large.load(Ordering::Relaxed)
    }

    /// Ready once the peer has said that it sends nothing more, as it does when it gives up waiting.
    pub async fn hung_up(&self) {
        // Without a further handle (the process has no more files) it is waited for to the end.
        let watched = self.socket.try_clone().and_then(AsyncTcpStream::from_std);
        if let Ok(watched) = watched
            && let Ok(0) | Err(_) = watched.peek(&mut [0]).await
        {
            return;
        }
        // It has sent its next request ahead, so it is there.
        std::future::pending::<()>().await;
    }

    /// Ready once the connection is cut.
    pub async fn cut_by_others(&self) {
        self.is_cut.notified().await;
    }

    fn waiting_since(&self) -> Option<u64> {
        Some(self.waiting_since.load(Ordering::Relaxed)).filter(|since| *since != SERVED)
    }

    fn cut(&self) {
        self.is_cut.notify_one();
        // Fails where the peer has gone already, which serves as well.
        drop(self.socket.shutdown(Shutdown::Both));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX - 1)
}
