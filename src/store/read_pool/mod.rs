//! Reading next to the writer: a few threads, each with its own read-only connection, each job in a
//! short snapshot of its own.
//!
//! Three kinds of query do not wait for each other. What the service itself needs (health, metrics, work
//! that is due) has a thread of its own. Look-ups take a moment. Lists may take long: they run on all
//! threads but one, those of one reader on all of these but one, and readers take turns.

pub mod cancel;

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::StoreError;
use super::driver::Driver;
use super::tables::Snapshot;
use cancel::Cancel;

/// Reads of one kind that may wait; a further one is rejected. Those of one reader are bounded by the
/// requests that it may have under way.
const QUEUE_MAX: usize = 4_096;

type Work = Box<dyn FnOnce(Result<Snapshot<'_>, StoreError>) + Send>;

/// A query, and whether its caller still waits.
pub(super) struct Query {
    pub work: Work,
    pub cancel: Arc<Cancel>,
}

/// Whose query it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The service's own.
    Own,
    /// Found by an index, for any reader.
    LookUp,
    /// Of this reader; may look at many rows.
    List(String),
}

/// What a thread takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    Own,
    LookUps,
    /// Lists first, so that look-ups never starve them.
    ListsAndLookUps,
}

/// The reading threads.
pub(super) struct Readers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// Wakes the service's own thread.
    own: Condvar,
    /// Wakes the others.
    others: Condvar,
}

#[derive(Default)]
struct Waiting {
    own: VecDeque<Query>,
    look_ups: VecDeque<Query>,
    lists: Lists,
    is_closed: bool,
}

/// Lists of each reader, and whose turn it is.
#[derive(Default)]
struct Lists {
    waiting: VecDeque<(String, VecDeque<Query>)>,
    running: HashMap<String, usize>,
    /// Most of one reader that run at once.
    most_of_one: usize,
}

impl Readers {
    /// Starts one thread a connection; the first is the service's own.
    pub(super) fn start(drivers: Vec<Box<dyn Driver>>) -> Result<Self, StoreError> {
        let for_lists = drivers.len().saturating_sub(2);
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting {
                lists: Lists {
                    most_of_one: for_lists.saturating_sub(1).max(1),
                    ..Lists::default()
                },
                ..Waiting::default()
            }),
            own: Condvar::new(),
            others: Condvar::new(),
        });
        let mut readers = Self {
            shared,
            threads: Vec::with_capacity(drivers.len()),
        };
        for (number, mut driver) in drivers.into_iter().enumerate() {
            let shared = Arc::clone(&readers.shared);
            let duty = match number {
                0 => Duty::Own,
                1 => Duty::LookUps,
                _ => Duty::ListsAndLookUps,
            };
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || {
                    while let Some((kind, query)) = shared.next(duty) {
                        answer(driver.as_mut(), query);
                        shared.done(&kind);
                    }
                })
                .map_err(|error| StoreError::Open(error.to_string()))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Adds a query, or says why not.
    pub(super) fn queue(&self, kind: Kind, query: Query) -> Result<(), StoreError> {
        let mut waiting = self.shared.waiting();
        if waiting.is_closed {
            return Err(StoreError::Closed);
        }
        let (queue, wake): (_, fn(&Shared)) = match kind {
            Kind::Own => (&mut waiting.own, |shared| shared.own.notify_one()),
            Kind::LookUp => (&mut waiting.look_ups, |shared| shared.others.notify_one()),
            // All, because the one that is woken might not take lists.
            Kind::List(reader) => (waiting.lists.of(reader), |shared| {
                shared.others.notify_all();
            }),
        };
        if queue.len() >= QUEUE_MAX {
            return Err(StoreError::QueueFull);
        }
        queue.push_back(query);
        drop(waiting);
        wake(&self.shared);
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.waiting().is_closed = true;
        self.shared.own.notify_all();
        self.shared.others.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the store panicked");
            }
        }
    }
}

impl Shared {
    /// The next query for a thread with this duty; `None` at the end.
    fn next(&self, duty: Duty) -> Option<(Kind, Query)> {
        let condition = match duty {
            Duty::Own => &self.own,
            Duty::LookUps | Duty::ListsAndLookUps => &self.others,
        };
        let mut waiting = self.waiting();
        loop {
            if let Some(query) = waiting.take(duty) {
                return Some(query);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = condition
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A reader may have its next list.
    fn done(&self, kind: &Kind) {
        let Kind::List(reader) = kind else {
            return;
        };
        let mut waiting = self.waiting();
        let running = &mut waiting.lists.running;
        if let Some(count) = running.get_mut(reader) {
            *count -= 1;
            if *count == 0 {
                running.remove(reader);
            }
        }
        drop(waiting);
        self.others.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self, duty: Duty) -> Option<(Kind, Query)> {
        match duty {
            Duty::Own => self.own.pop_front().map(|query| (Kind::Own, query)),
            Duty::LookUps => self.look_up(),
            Duty::ListsAndLookUps => self.lists.take().or_else(|| self.look_up()),
        }
    }

    fn look_up(&mut self) -> Option<(Kind, Query)> {
        let query = self.look_ups.pop_front()?;
        Some((Kind::LookUp, query))
    }
}

impl Lists {
    /// The queue of a reader.
    fn of(&mut self, reader: String) -> &mut VecDeque<Query> {
        let found = self.waiting.iter().position(|(name, _)| *name == reader);
        let index = found.unwrap_or_else(|| {
            self.waiting.push_back((reader, VecDeque::new()));
            self.waiting.len() - 1
        });
        &mut self.waiting[index].1
    }

    /// The next list of the first reader in turn that may run one; its reader goes to the end.
    fn take(&mut self) -> Option<(Kind, Query)> {
        for (_, queries) in &mut self.waiting {
            queries.retain(|query| !query.cancel.is_cancelled());
        }
        self.waiting.retain(|(_, queries)| !queries.is_empty());
        let turn = self.waiting.iter().position(|(reader, _)| {
            self.running.get(reader).copied().unwrap_or(0) < self.most_of_one
        })?;
        let (reader, mut queries) = self.waiting.remove(turn)?;
        let query = queries.pop_front()?;
        *self.running.entry(reader.clone()).or_default() += 1;
        self.waiting.push_back((reader.clone(), queries));
        Some((Kind::List(reader), query))
    }
}

fn answer(driver: &mut dyn Driver, query: Query) {
    if query.cancel.is_cancelled() {
        return;
    }
    if let Err(error) = driver.begin_snapshot() {
        (query.work)(Err(error));
        return;
    }
    driver.cancel_by(Some(query.cancel));
    // A panic drops the reply channel, so the caller gets an error.
    if catch_unwind(AssertUnwindSafe(|| {
        (query.work)(Ok(Snapshot::new(driver)));
    }))
    .is_err()
    {
        tracing::error!("a query panicked");
    }
    driver.cancel_by(None);
    driver.rollback();
}
