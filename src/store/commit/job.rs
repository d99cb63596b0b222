//! A job of a writer: a closure, its result, and the caller who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tokio::sync::oneshot;

use super::capacity::Slot;
use crate::store::tables::Tx;
use crate::store::{Lane, StoreError, monotonic};

/// A job in the queue, its types forgotten.
pub(in crate::store) trait Job: Send {
    /// For logs.
    fn name(&self) -> &'static str;
    /// Jobs of a batch are sorted by it.
    fn lane(&self) -> Lane;
    /// Whether its caller has gone. A job that has not begun by then is not run.
    fn is_abandoned(&self) -> bool;
    /// Whether it is retried after contention.
    fn may_retry(&self) -> bool;
    /// Runs it, keeping the result; a panic is an error.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    /// Tells the caller how the commit went.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Where the result of a job goes.
pub(in crate::store) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A job with its types.
pub(in crate::store) struct Task<T, F> {
    /// For logs.
    pub name: &'static str,
    /// Which lane runs it.
    pub lane: Lane,
    /// Runs in the transaction; maybe twice.
    pub work: F,
    /// Its result, before the commit.
    pub result: Option<T>,
    /// `None` where no caller waits.
    pub reply: Option<Reply<T>>,
    /// Until when it is retried after contention.
    pub retry_until: Option<Instant>,
    /// Given back with the job.
    pub _slot: Slot,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn lane(&self) -> Lane {
        self.lane
    }

    fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    fn may_retry(&self) -> bool {
        self.retry_until.is_some_and(|until| monotonic() < until)
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.result = None;
        let work = &mut self.work;
        let result = catch_unwind(AssertUnwindSafe(|| work(tx)));
        self.result = Some(result.map_err(|_| StoreError::Panicked(self.name))??);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(StoreError::Closed),
            (Err(error), _) => Err(error),
        };
        if let Some(reply) = self.reply {
            // The caller may have gone (a client that hung up); the commit is done all the same.
            drop(reply.send(answer));
        }
    }
}
