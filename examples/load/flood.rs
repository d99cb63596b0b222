//! A flood next to the measured load: callbacks with a foreign signature.
//!
//! It has a thread of its own, so that what it waits for does not delay the measured connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::Connection;
use crate::prepare::RequestSet;

/// How it floods.
#[derive(Clone, Copy)]
pub enum Manner {
    /// On so many connections, each sends, waits for the answer, sends the next.
    Patient(u16),
    /// So many a second, each on a connection of its own that is closed without reading the answer.
    HitAndRun(u32),
}

/// A flood that goes on until it is stopped.
pub struct Flood {
    shared: Arc<Shared>,
    thread: JoinHandle<anyhow::Result<()>>,
}

struct Shared {
    authority: String,
    set: RequestSet,
    is_over: AtomicBool,
    sent: AtomicUsize,
}

impl Flood {
    pub fn start(authority: String, set: RequestSet, manner: Manner) -> Self {
        let shared = Arc::new(Shared {
            authority,
            set,
            is_over: AtomicBool::new(false),
            sent: AtomicUsize::new(0),
        });
        let flooding = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async move {
                match manner {
                    Manner::Patient(connections) => patient(&flooding, connections).await,
                    Manner::HitAndRun(rate) => hit_and_run(&flooding, rate).await,
                }
            });
            Ok(())
        });
        Self { shared, thread }
    }

    /// Stops it, and gives the number of requests that were sent whole.
    pub fn stop(self) -> anyhow::Result<usize> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("the flood panicked"))??;
        Ok(self.shared.sent.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn take(&self) -> &[u8] {
        let index = self.sent.fetch_add(1, Ordering::Relaxed);
        self.set.get(index % self.set.len()).unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

async fn patient(shared: &Arc<Shared>, connections: u16) {
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let shared = Arc::clone(shared);
        senders.spawn(async move {
            while !shared.is_over() {
                // The server closed the connection; connect again.
                let Ok(mut connection) = Connection::open(&shared.authority).await else {
                    continue;
                };
                while !shared.is_over() && connection.exchange(shared.take()).await.is_ok() {}
            }
        });
    }
    senders.join_all().await;
}

async fn hit_and_run(shared: &Arc<Shared>, rate: u32) {
    const BATCHES_A_SECOND: u32 = 100;
    let mut ticks = interval(Duration::from_secs(1) / BATCHES_A_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !shared.is_over() {
        ticks.tick().await;
        for _ in 0..rate.div_ceil(BATCHES_A_SECOND) {
            if let Ok(mut connection) = Connection::open(&shared.authority).await {
                // Rejected or not, the next one comes on another connection.
                drop(connection.send(shared.take()).await);
            }
        }
    }
}
