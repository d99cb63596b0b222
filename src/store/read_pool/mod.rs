//! Reading next to the writer: a few threads, each with its own read-only connection, each query in a
//! short snapshot of its own. Look-ups share one where many wait: it is begun once all of them are queued, so each sees
//! what was committed before it was asked.
//!
//! Three kinds of query do not wait for each other. What the service itself needs (health, metrics, work
//! that is due) has a thread of its own. Look-ups take a moment, and have one as well. Lists may take long: they
//! run on the other threads, those of one reader on all of these but one, and readers take turns.
//!
//! The threads of lists help with look-ups that have waited too long. To wake one for every look-up would cost
//! more than a look-up in a file does.

pub mod cancel;

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::engine::driver::Driver;
use super::tables::Snapshot;
use super::{StoreError, monotonic};
use cancel::Cancel;

/// Reads of one kind that may wait; a further one is rejected. Those of one reader are bounded by the
/// requests that it may have under way.
const QUEUE_MAX: usize = 4_096;

/// How long look-ups share a snapshot: an old one keeps the WAL from starting over.
const SHARED_MAX: Duration = Duration::from_millis(50);

/// Answers its caller; whether the snapshot is still sound.
type Work = Box<dyn FnOnce(Result<Snapshot<'_>, StoreError>) -> bool + Send>;

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
    /// Lists first, so that look-ups never starve them; then look-ups that are overdue.
    Lists,
}

/// The reading threads.
pub(super) struct Readers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// How long a look-up waits for its own thread before others help.
    help_after: Duration,
    /// Wakes the service's own thread.
    own: Condvar,
    /// Wakes the thread of look-ups.
    look_ups: Condvar,
    /// Wakes the others.
    lists: Condvar,
}

#[derive(Default)]
struct Waiting {
    own: VecDeque<Query>,
    look_ups: LookUps,
    lists: Lists,
    is_closed: bool,
}

/// Look-ups in their order, and who knows of them.
#[derive(Default)]
struct LookUps {
    waiting: VecDeque<Query>,
    /// How many were ever taken.
    taken: u64,
    /// Whether their own thread waits for one.
    is_idle: bool,
    /// Whether a thread of lists sees to it that none of them waits too long.
    is_watched: bool,
    /// The first so many that were ever queued have waited for as long as they should.
    overdue: u64,
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
    /// Starts one thread a connection; the first is the service's own. A look-up that has waited for `help_after` is
    /// taken by any thread.
    pub(super) fn start(
        drivers: Vec<Box<dyn Driver>>,
        help_after: Duration,
    ) -> Result<Self, StoreError> {
        let for_lists = drivers.len().saturating_sub(2);
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting {
                lists: Lists {
                    most_of_one: for_lists.saturating_sub(1).max(1),
                    ..Lists::default()
                },
                ..Waiting::default()
            }),
            help_after,
            own: Condvar::new(),
            look_ups: Condvar::new(),
            lists: Condvar::new(),
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
                _ => Duty::Lists,
            };
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || {
                    while let Some((kind, query)) = shared.next(duty) {
                        let queued = shared.look_ups_queued(duty);
                        answer(driver.as_mut(), query, || shared.look_up_before(queued));
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
        let shared = &self.shared;
        let (queue, wake) = match kind {
            Kind::Own => (&mut waiting.own, Some(&shared.own)),
            Kind::LookUp => {
                let look_ups = &mut waiting.look_ups;
                let wake = match look_ups {
                    LookUps { is_idle: true, .. } => Some(&shared.look_ups),
                    LookUps {
                        is_watched: false, ..
                    } => Some(&shared.lists),
                    _ => None,
                };
                look_ups.is_idle = false;
                (&mut look_ups.waiting, wake)
            }
            Kind::List(reader) => (waiting.lists.of(reader), Some(&shared.lists)),
        };
        if queue.len() >= QUEUE_MAX {
            return Err(StoreError::QueueFull);
        }
        queue.push_back(query);
        drop(waiting);
        if let Some(thread) = wake {
            thread.notify_one();
        }
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.waiting().is_closed = true;
        let Shared {
            own,
            look_ups,
            lists,
            ..
        } = self.shared.as_ref();
        for sleeping in [own, look_ups, lists] {
            sleeping.notify_all();
        }
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
        match duty {
            Duty::Own => self.next_of(&self.own, |waiting| {
                let query = waiting.own.pop_front()?;
                Some((Kind::Own, query))
            }),
            Duty::LookUps => self.next_of(&self.look_ups, |waiting| {
                let next = waiting.look_ups.take();
                waiting.look_ups.is_idle = next.is_none();
                next
            }),
            Duty::Lists => self.next_list(),
        }
    }

    fn next_of(
        &self,
        sleep: &Condvar,
        mut take: impl FnMut(&mut Waiting) -> Option<(Kind, Query)>,
    ) -> Option<(Kind, Query)> {
        let mut waiting = self.waiting();
        loop {
            let next = take(&mut waiting);
            if next.is_some() || waiting.is_closed {
                return next;
            }
            waiting = sleep.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many look-ups were ever queued, for the thread that serves them one after the other; 0 for others.
    fn look_ups_queued(&self, duty: Duty) -> u64 {
        match duty {
            Duty::LookUps => self.waiting().look_ups.queued(),
            Duty::Own | Duty::Lists => 0,
        }
    }

    /// The next look-up, if it was queued before that many were.
    fn look_up_before(&self, queued: u64) -> Option<Query> {
        let next = self.waiting().look_ups.take_before(queued);
        next.map(|(_, query)| query)
    }

    /// The next list, or a look-up that is overdue.
    fn next_list(&self) -> Option<(Kind, Query)> {
        let mut waiting = self.waiting();
        loop {
            let list = waiting.lists.take();
            let overdue = waiting.look_ups.overdue;
            let next = list.or_else(|| waiting.look_ups.take_before(overdue));
            let has_watcher = waiting.look_ups.waiting.is_empty() || waiting.look_ups.is_watched;
            if next.is_some() || waiting.is_closed {
                if !has_watcher {
                    // This thread will be busy: another sees to those that are left.
                    self.lists.notify_one();
                }
                return next;
            }
            waiting = if has_watcher {
                let woken = self.lists.wait(waiting);
                woken.unwrap_or_else(PoisonError::into_inner)
            } else {
                self.watch(waiting)
            };
        }
    }

    /// Waits until the look-ups that are queued now are overdue, or something else comes.
    fn watch<'a>(&self, mut waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        waiting.look_ups.is_watched = true;
        let queued = waiting.look_ups.queued();
        let woken = self.lists.wait_timeout(waiting, self.help_after);
        let (mut waiting, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
        waiting.look_ups.is_watched = false;
        if timeout.timed_out() {
            waiting.look_ups.overdue = queued;
        }
        waiting
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
        self.lists.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LookUps {
    fn take(&mut self) -> Option<(Kind, Query)> {
        let query = self.waiting.pop_front()?;
        self.taken += 1;
        Some((Kind::LookUp, query))
    }

    /// The next one, if it was queued before that many were.
    fn take_before(&mut self, queued: u64) -> Option<(Kind, Query)> {
        if self.taken < queued {
            self.take()
        } else {
            None
        }
    }

    /// How many were ever queued.
    fn queued(&self) -> u64 {
        self.taken + self.waiting.len() as u64
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

/// Answers the query, and further ones by the same snapshot for as long as it is sound.
fn answer(driver: &mut dyn Driver, query: Query, mut next: impl FnMut() -> Option<Query>) {
    let mut waiting = Some(query);
    let mut opened = None;
    while let Some(Query { work, cancel }) = waiting.take() {
        if cancel.is_cancelled() {
            waiting = next();
            continue;
        }
        if opened.is_none()
            && let Err(error) = driver.begin_snapshot()
        {
            work(Err(error));
            return;
        }
        let opened = *opened.get_or_insert_with(monotonic);
        driver.begin_query(Some(cancel));
        // A panic drops the reply channel, so the caller gets an error.
        let answered = catch_unwind(AssertUnwindSafe(|| work(Ok(Snapshot::new(driver)))));
        if answered.is_err() {
            tracing::error!("a query panicked");
        }
        if answered.unwrap_or(false) && opened.elapsed() < SHARED_MAX {
            waiting = next();
        }
    }
    if opened.is_some() {
        driver.begin_query(None);
        driver.rollback();
    }
}
