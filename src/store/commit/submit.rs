//! How callers reach the writers: queue bounds, deadlines, and the [`Store`]'s methods that write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::capacity::{Capacity, Slot};
use super::job::{Job, Reply, Task};
use super::lane::Lane;
use super::writer::Writer;
use crate::domain::trail::Entry;
use crate::store::tables::Tx;
use crate::store::{Store, StoreError, monotonic};

/// Deadline of an accept; then the sender gets 503. Senders may time out after 5 s.
pub const ACCEPT_MAX: Duration = Duration::from_secs(4);
/// Deadline of any other job that a caller waits for.
const WRITE_MAX: Duration = Duration::from_millis(4_500);
/// Deadline of a reader that waits for what is in flight.
const FLUSH_MAX: Duration = Duration::from_secs(2);
/// How long an accept is retried where another transaction holds its row.
const ACCEPT_RETRY_MAX: Duration = Duration::from_secs(1);
/// Background jobs that wait, from which on a caller does not wait behind them.
const BACKLOG: usize = 256;
/// Jobs of each kind that may wait in all lanes together; a further one is rejected.
const WAITING_MAX: usize = 4_096;
/// Bytes that they may hold, per kind. The largest callback with its claim has some 130 KB.
const WAITING_BYTES_MAX: usize = 128 << 20;
/// Approximate bytes of a job that brings no callback.
const JOB_BYTES: usize = 1_024;

/// How soon a job has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A caller waits for it.
    Now,
    /// A caller waits for it and for everything that was queued before it.
    NowWithAll,
    /// It piggybacks on an urgent one: no caller waits for it, or none that a few milliseconds matter to.
    Background,
}

/// Queue bounds by kind: none takes the capacity of another.
pub(in crate::store) struct Capacities {
    pub accepts: Arc<Capacity>,
    pub writes: Arc<Capacity>,
    pub later: Arc<Capacity>,
}

impl Default for Capacities {
    fn default() -> Self {
        let capacity = || Capacity::new(WAITING_MAX, WAITING_BYTES_MAX);
        Self {
            accepts: capacity(),
            writes: capacity(),
            later: capacity(),
        }
    }
}

impl Store {
    /// Runs a job in a transaction; `Ok` means that it is committed and on disk.
    ///
    /// The job may be run twice and must have no effect outside the transaction. A job that
    /// returns an error leaves nothing behind. [`StoreError::Late`] where it took too long.
    pub async fn write<T, F>(
        &self,
        name: &'static str,
        lane: Lane,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let until = tokio::time::Instant::now() + WRITE_MAX;
        self.write_until(name, lane, (Urgency::Now, until), work)
            .await
    }

    /// [`Self::write`] for a caller that has time, as one that calls a provider: on SQLite the job gathers with others
    /// for some milliseconds, so that they share a commit and delay no callback by ones of their own.
    pub async fn write_soon<T, F>(
        &self,
        name: &'static str,
        lane: Lane,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let until = tokio::time::Instant::now() + WRITE_MAX;
        self.write_until(name, lane, (self.soon(), until), work)
            .await
    }

    /// How urgent a job is whose caller has time: it gathers where one writer does everything, unless so many wait that
    /// it might miss its deadline.
    pub fn soon(&self) -> Urgency {
        if self.accepts.is_empty() && self.capacities.later.jobs() < BACKLOG {
            Urgency::Background
        } else {
            Urgency::Now
        }
    }

    /// Adds an act to the trail that changes nothing else; it is on disk once this returns.
    pub async fn write_act(&self, name: &'static str, entry: Entry) -> Result<(), StoreError> {
        self.write(name, Lane::SHARED, move |tx| {
            tx.append_act(entry.clone());
            Ok(())
        })
        .await
    }

    /// [`Self::write`] with another urgency and deadline.
    pub async fn write_until<T, F>(
        &self,
        name: &'static str,
        lane: Lane,
        (urgency, until): (Urgency, tokio::time::Instant),
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let slot = self.capacities.writes.take(JOB_BYTES)?;
        let (reply, committed) = oneshot::channel();
        let job = job(name, lane, slot, Some(reply), None, work);
        self.applying(lane).queue(job, urgency)?;
        answer_until(until, committed).await
    }

    /// Runs a job of transaction 1, which holds this many bytes, on a lane that never applies where there are
    /// such lanes.
    pub async fn accept<T, F>(
        &self,
        lane: Lane,
        bytes: usize,
        until: tokio::time::Instant,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let began = monotonic();
        let lanes = self.accepting();
        let writer = &lanes[lane.among(lanes.len())];
        // Waiting in a queue that does not move would only cost the sender its deadline. The lane itself
        // probes until it can commit again.
        if writer.is_known_to_fail() {
            return Err(StoreError::Away("known to fail at the moment".to_owned()));
        }
        let slot = self.capacities.accepts.take(JOB_BYTES + bytes)?;
        let (reply, committed) = oneshot::channel();
        let retry_until = Some(monotonic() + ACCEPT_RETRY_MAX);
        let job = job("accept", lane, slot, Some(reply), retry_until, work);
        writer.queue(job, Urgency::Now)?;
        let answer = answer_until(until, committed).await;
        self.pressure.note(began.elapsed());
        answer
    }

    /// Queues a job that no caller waits for and that holds this many bytes; it piggybacks on an urgent one
    /// of its lane. Where too many wait it is rejected; it never takes the capacity of accepts.
    pub fn write_later<F>(
        &self,
        name: &'static str,
        lane: Lane,
        bytes: usize,
        work: F,
    ) -> Result<(), StoreError>
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        let writer = self.applying(lane);
        let slot = self.capacities.later.take(JOB_BYTES + bytes);
        let slot = slot.inspect_err(|_| writer.condition().leave())?;
        writer.queue(job(name, lane, slot, None, None, work), Urgency::Background)
    }

    /// Returns once everything that was queued before the call is committed or has failed, or at the
    /// deadline.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let until = tokio::time::Instant::now() + FLUSH_MAX;
        let mut flushed = Vec::with_capacity(self.applies.len());
        for writer in &self.applies {
            // Last, because jobs of a batch that failed are answered in its order.
            let slot = self.capacities.writes.take(JOB_BYTES)?;
            let (reply, committed) = oneshot::channel();
            let job = job("flush", Lane::LAST, slot, Some(reply), None, |_| Ok(()));
            writer.queue(job, Urgency::NowWithAll)?;
            flushed.push(committed);
        }
        for committed in flushed {
            answer_until(until, committed).await?;
        }
        Ok(())
    }

    /// The lanes that accept.
    pub(in crate::store) fn accepting(&self) -> &[Writer] {
        if self.accepts.is_empty() {
            &self.applies
        } else {
            &self.accepts
        }
    }

    fn applying(&self, lane: Lane) -> &Writer {
        &self.applies[lane.among(self.applies.len())]
    }
}

/// A job for a writer.
fn job<T, F>(
    name: &'static str,
    lane: Lane,
    slot: Slot,
    reply: Option<Reply<T>>,
    retry_until: Option<Instant>,
    work: F,
) -> Box<dyn Job>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
{
    Box::new(Task {
        name,
        lane,
        work,
        result: None,
        reply,
        retry_until,
        _slot: slot,
    })
}

/// The answer of a lane, or [`StoreError::Late`] at the deadline. The lane sees that its caller has gone.
async fn answer_until<T>(
    until: tokio::time::Instant,
    committed: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout_at(until, committed).await {
        Ok(answer) => answer.unwrap_or(Err(StoreError::Closed)),
        Err(_) => Err(StoreError::Late),
    }
}
