//! Group commit: the jobs that wait share one transaction and one fsync. `docs/write-path.md` has every
//! bound.
//!
//! * **Who queues.** A caller of [`Store::accept`](super::Store::accept) (transaction 1) or `write` queues an
//!   urgent job and waits for its answer until a deadline; `write_later` (an apply) queues a background job, and so
//!   does `write_soon` (around a call to a provider) while few wait (`submit.rs`).
//! * **Full queue.** Accepts, writes and background jobs are bounded apart, by jobs and bytes
//!   (`capacity.rs`); above that a job is rejected at once, and the sender gets 503. A rejected apply is left
//!   to resume.
//! * **Batch window.** The thread of a lane (`writer.rs`) waits for a job, then up to `BATCH_DELAY`, at most
//!   half of the last commit, until as many urgent jobs wait as recent batches had. It takes at most
//!   `BATCH_MAX`.
//! * **Piggyback.** A file has one writer, which accepts and applies. There background jobs join an urgent
//!   batch, once they are `PIGGYBACK_GROUP` or the oldest has waited 10 ms (`queue.rs`); they get half of a
//!   batch and 30 ms of it. Without an urgent job they run alone 5 ms after the last commit,
//!   or as a group.
//! * **One transaction** (`batch.rs`): the jobs run one after the other, events get their numbers last, one
//!   commit fsyncs all of it. Only then does any caller hear of success.
//! * **Bulk** (`bulk.rs`): on a server, what jobs insert is one statement for up to `JOBS_MAX` of them, if all of it
//!   is new; the others run one by one after it.
//! * **A job fails**: the batch is rolled back and run once more with a savepoint around each job. The failed
//!   one leaves nothing behind, the others commit. So a job may run twice and has no effect outside its
//!   transaction.
//! * **A lock**, or a serialization failure: the same second run. A job that meets the lock again is rolled
//!   back to its savepoint: an accept is retried after `RETRY_DELAY`, for a second; an apply is left to
//!   resume. After two in a row, or four of a batch, the rest is not tried. Accepting a repeat whose row is
//!   locked waits aside alone.
//! * **The commit fails** (engine, disk, connection): every caller of the batch gets the error and nothing is
//!   run again; after a failed fsync a retry could only lie, so that is fatal (`stats.rs`). Otherwise the
//!   lane is failing (`health.rs`): accepts are rejected at once, and the idle lane probes until a commit
//!   succeeds.
//! * **The outcome is unknown** (the connection ends during `COMMIT`): callers get the error, as above. The
//!   sender retries, and dedup counts a callback that did commit; applying is guarded by `verdict IS NULL`.
//! * **Lanes.** A server has lanes that only accept and lanes that only apply, a connection and a thread
//!   each, so that no lock of an apply delays an acknowledgement. A refund always has the same lane
//!   (`lane.rs`), and batches are sorted by it, so that instances lock refunds in one order. Accept lanes
//!   yield to apply lanes that lag.
//! * **Pressure** (`pressure.rs`): while accepts are slow, what no caller waits for and can be put off is: refunds that
//!   are to be sent.
//! * **A caller that has gone** before its job began: the job is dropped.

pub mod batch;
mod bulk;
pub mod capacity;
pub mod distribution;
pub mod health;
pub mod job;
pub mod lane;
pub mod pressure;
pub mod queue;
pub mod stats;
pub mod submit;
pub mod writer;
