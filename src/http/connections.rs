//! The connections of one listener: how many there may be, and which one goes when there are more.
//!
//! The framework times the first head of a connection, and stops to accept when it holds too many
//! connections. Both leave a door open to whoever connects and lets us wait. So each connection has a
//! place here. It *waits* while we wait for its peer: for a head, for a body, for the end of a penalty.
//! It is *served* from the end of the request to the end of the answer. When places run short, those go
//! that have waited longest, of the peer that has most of them; what is served is never cut.

use std::any::Any;
use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream as AsyncTcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::peer::Peer;

/// Value of [`Place::waiting_since`] while it is served.
const SERVED: u64 = u64::MAX;
/// The share of the places that is freed at once, so that looking for them is rare.
const FREED_AT_ONCE: usize = 64;

/// How long an answer is worth making for a peer that has said that it sends nothing more.
const LISTENS_MAX: Duration = Duration::from_secs(1);

/// The connections of one listener.
pub struct Connections {
    room: usize,
    opened: Instant,
    open: Mutex<Open>,
    cut: AtomicU64,
}

#[derive(Default)]
struct Open {
    next: u64,
    places: HashMap<u64, Arc<Place>>,
}

/// One connection, as far as others may see it.
pub struct Place {
    peer: Option<Peer>,
    /// A second handle of the connection, to end it by.
    socket: TcpStream,
    opened: Instant,
    /// Milliseconds from `opened` on, or [`SERVED`].
    waiting_since: AtomicU64,
    is_cut: Notify,
}

/// What a connection carries; its end gives the place back.
struct Held {
    connections: Arc<Connections>,
    number: u64,
    place: Arc<Place>,
}

impl Connections {
    /// Room for so many connections.
    pub fn new(room: usize) -> Arc<Self> {
        Arc::new(Self {
            room,
            opened: Instant::now(),
            open: Mutex::default(),
            cut: AtomicU64::new(0),
        })
    }

    /// Gives a new connection its place, and takes that of others if there are too many.
    pub fn admit(self: &Arc<Self>, io: &dyn Any, data: &mut Extensions) {
        let Some(io) = io.downcast_ref::<AsyncTcpStream>() else {
            return;
        };
        // Without a second handle (the process has no more files) it cannot be cut, but the framework
        // still counts it.
        let Ok(socket) = io.as_fd().try_clone_to_owned() else {
            return;
        };
        let place = Arc::new(Place {
            peer: io.peer_addr().ok().map(Peer::from),
            socket: TcpStream::from(socket),
            opened: self.opened,
            waiting_since: AtomicU64::new(millis(self.opened.elapsed())),
            is_cut: Notify::new(),
        });
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.places.insert(number, Arc::clone(&place));
        if open.places.len() > self.room {
            let batch = (self.room / FREED_AT_ONCE).max(1);
            let freed = open.free(batch);
            self.cut.fetch_add(freed, Ordering::Relaxed);
        }
        drop(open);
        data.insert(Held {
            connections: Arc::clone(self),
            number,
            place,
        });
    }

    /// Cuts what has waited longer than this.
    pub fn cut_overdue(&self, longest: Duration) {
        let now = millis(self.opened.elapsed());
        let longest = millis(longest);
        for place in self.open().places.values() {
            if place
                .waiting_since()
                .is_some_and(|since| since + longest < now)
            {
                place.cut();
            }
        }
    }

    /// How many were cut to make room since this was last asked.
    pub fn take_cut(&self) -> u64 {
        self.cut.swap(0, Ordering::Relaxed)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Cuts up to `wanted` connections that wait, and gives their number.
    fn free(&mut self, wanted: usize) -> u64 {
        let mut held: HashMap<Option<Peer>, usize> = HashMap::new();
        for place in self.places.values() {
            *held.entry(place.peer).or_default() += 1;
        }
        let mut waiting: Vec<_> = self
            .places
            .iter()
            .filter_map(|(number, place)| {
                let held = held.get(&place.peer).copied().unwrap_or_default();
                Some((std::cmp::Reverse(held), place.waiting_since()?, *number))
            })
            .collect();
        waiting.sort_unstable();
        waiting.truncate(wanted);
        for (_, _, number) in &waiting {
            if let Some(place) = self.places.remove(number) {
                place.cut();
            }
        }
        waiting.len() as u64
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connections.open().places.remove(&self.number);
    }
}

impl Place {
    /// Waits for what a reader waits for, but not longer than the reader itself; `None` where it gave up.
    pub async fn while_there<T>(request: &HttpRequest, wait: impl Future<Output = T>) -> Option<T> {
        let Some(place) = Self::of(request) else {
            return Some(wait.await);
        };
        tokio::select! {
            biased;
            done = wait => Some(done),
            () = place.hung_up() => None,
        }
    }

    /// Waits for what may take long, but only shortly for a reader that has hung up; `None` where it gave
    /// up. Shortly, because a reader may only have said that it sends nothing more, and be listening.
    pub async fn unless_gone<T>(request: &HttpRequest, wait: impl Future<Output = T>) -> Option<T> {
        let Some(place) = Self::of(request) else {
            return Some(wait.await);
        };
        let gone = async {
            place.hung_up().await;
            tokio::time::sleep(LISTENS_MAX).await;
        };
        tokio::select! {
            biased;
            done = wait => Some(done),
            () = gone => None,
        }
    }

    /// The place of the connection that this request came on.
    pub fn of(request: &HttpRequest) -> Option<&Arc<Self>> {
        request.conn_data::<Held>().map(|held| &held.place)
    }

    /// From now on it is our turn.
    pub fn serve(&self) {
        self.waiting_since.store(SERVED, Ordering::Relaxed);
    }

    /// From now on it is the peer's turn.
    pub fn wait(&self) {
        let now = millis(self.opened.elapsed());
        self.waiting_since.store(now, Ordering::Relaxed);
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
