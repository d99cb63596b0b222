//! Bulk writes: one statement for the rows of all jobs of a batch that insert something new and read nothing, as
//! most do where callbacks come once. An engine that is far away answers each statement alone.
//!
//! Such jobs are found by running each on a [`Recorder`] first: it writes down the rows and answers that each is
//! new. Then all rows are inserted at once. A job of which one was not new, and one that reads, changes what may be
//! missing, or fails, has left nothing behind and is run on the engine as ever, in its place.

use super::job::Job;
use crate::store::StoreError;
use crate::store::engine::driver::{Driver, EachRow, OwnedValue, Rows, Value};
use crate::store::tables::{Buffered, Tx};

/// What a job of a batch was found to be.
pub(super) enum Foreseen {
    /// It is written, but for what it leaves for the end of the transaction.
    Written(Buffered),
    /// The row that it inserts was there; nothing of it is written.
    WasThere,
    /// It has to be run.
    Unknown,
}

/// Jobs of one statement, so that what it holds stays small.
const JOBS_MAX: usize = 64;
/// Bytes of one statement, about; one job may go beyond.
const BYTES_MAX: usize = 256 * 1024;

/// Runs what can be foreseen of these jobs on the engine.
pub(super) fn write<'j>(
    jobs: impl Iterator<Item = &'j mut Box<dyn Job>>,
    driver: &mut dyn Driver,
) -> Result<Vec<Foreseen>, StoreError> {
    let mut jobs = jobs.peekable();
    let mut foreseen = Vec::new();
    while jobs.peek().is_some() {
        let mut recorder = Recorder::default();
        let some = std::iter::from_fn(|| {
            let job = jobs.next_if(|_| !recorder.is_full())?;
            Some(recorder.record(job))
        });
        let mut some: Vec<_> = some.collect();
        recorder.write(driver, &mut some)?;
        foreseen.append(&mut some);
    }
    Ok(foreseen)
}

/// Recorded rows of one statement.
struct Recorded {
    sql: String,
    /// Values of a row.
    width: usize,
    values: Vec<OwnedValue>,
    /// The job of each row.
    jobs: Vec<usize>,
}

impl Recorded {
    /// The values of the rows of these jobs.
    fn values_of(&self, is_meant: impl Fn(usize) -> bool) -> Vec<Value<'_>> {
        let rows = self.jobs.iter().zip(self.values.chunks_exact(self.width));
        rows.filter(|(job, _)| is_meant(**job))
            .flat_map(|(_, row)| row.iter().map(OwnedValue::as_value))
            .collect()
    }

    /// As rows of its statement; `None` where there are no values.
    fn rows<'a>(&self, values: &'a [Value<'a>]) -> Option<Rows<'a>> {
        let width = self.width;
        (!values.is_empty()).then_some(Rows { width, values })
    }

    /// Forgets the rows of this job and those behind it.
    fn forget_from(&mut self, job: usize) {
        let kept = self.jobs.partition_point(|of| *of < job);
        self.jobs.truncate(kept);
        self.values.truncate(kept * self.width);
    }
}

/// An engine on which everything that is inserted is new, and on which nothing can be read.
#[derive(Default)]
struct Recorder {
    inserted: Vec<Recorded>,
    expected: Vec<Recorded>,
    /// The job that runs, of those recorded here.
    job: usize,
    /// What the rows hold, about.
    bytes: usize,
    /// Whether it did what cannot be foreseen, whatever it made of the error.
    has_met_an_end: bool,
    has_inserted: bool,
}

impl Recorder {
    fn is_full(&self) -> bool {
        self.job >= JOBS_MAX || self.bytes >= BYTES_MAX
    }

    /// Writes all rows; a job whose row was there is not foreseen.
    fn write(self, driver: &mut dyn Driver, foreseen: &mut [Foreseen]) -> Result<(), StoreError> {
        for recorded in &self.inserted {
            let values = recorded.values_of(|_| true);
            let Some(rows) = recorded.rows(&values) else {
                continue;
            };
            let are_new = driver.insert_each(&recorded.sql, rows)?;
            for (job, is_new) in recorded.jobs.iter().zip(are_new) {
                if !is_new {
                    foreseen[*job] = Foreseen::WasThere;
                }
            }
        }
        for recorded in &self.expected {
            let values = recorded.values_of(|job| matches!(foreseen[job], Foreseen::Written(_)));
            if let Some(rows) = recorded.rows(&values) {
                driver.expect_each(&recorded.sql, rows)?;
            }
        }
        Ok(())
    }

    /// What the next job is, if its row is new.
    fn record(&mut self, job: &mut Box<dyn Job>) -> Foreseen {
        (self.has_met_an_end, self.has_inserted) = (false, false);
        let mut tx = Tx::new(self);
        let ran = job.run(&mut tx);
        let buffered = tx.into_buffered();
        let at = self.job;
        self.job += 1;
        if ran.is_ok() && !self.has_met_an_end {
            return Foreseen::Written(buffered);
        }
        for rows in self.inserted.iter_mut().chain(&mut self.expected) {
            rows.forget_from(at);
        }
        Foreseen::Unknown
    }

    /// The job has to be run on the engine.
    fn unforeseen<T>(&mut self) -> Result<T, StoreError> {
        self.has_met_an_end = true;
        Err(StoreError::Superseded)
    }
}

/// Adds a row for this job; how many bytes it holds.
fn add(to: &mut Vec<Recorded>, job: usize, sql: &str, params: &[Value<'_>]) -> usize {
    let owned = params.iter().copied().map(OwnedValue::from);
    match to.iter_mut().find(|rows| rows.sql == sql) {
        Some(rows) => {
            rows.values.extend(owned);
            rows.jobs.push(job);
        }
        None => to.push(Recorded {
            sql: sql.to_owned(),
            width: params.len(),
            values: owned.collect(),
            jobs: vec![job],
        }),
    }
    let size = |value: &Value<'_>| match value {
        Value::Null => 0,
        Value::Integer(_) => 8,
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
    };
    params.iter().map(size).sum()
}

impl Driver for Recorder {
    fn has_concurrent_writers(&self) -> bool {
        true
    }
    fn begin(&mut self) -> Result<(), StoreError> {
        self.unforeseen()
    }
    fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.unforeseen()
    }
    fn commit(&mut self) -> Result<(), StoreError> {
        self.unforeseen()
    }
    fn rollback(&mut self) {}
    fn execute(&mut self, _: &str, _: &[Value<'_>]) -> Result<usize, StoreError> {
        self.unforeseen()
    }
    fn insert_new(&mut self, sql: &str, params: &[Value<'_>]) -> Result<bool, StoreError> {
        // Of two rows one might be new and stay, though the job is run again.
        if std::mem::replace(&mut self.has_inserted, true) {
            return self.unforeseen();
        }
        self.bytes += add(&mut self.inserted, self.job, sql, params);
        Ok(true)
    }
    fn expect_one(&mut self, sql: &str, params: &[Value<'_>]) -> Result<(), StoreError> {
        self.bytes += add(&mut self.expected, self.job, sql, params);
        Ok(())
    }
    fn query(&mut self, _: &str, _: &[Value<'_>], _: EachRow<'_>) -> Result<(), StoreError> {
        self.unforeseen()
    }
    fn run_script(&mut self, _: &str) -> Result<(), StoreError> {
        self.unforeseen()
    }
    fn count_tables(&mut self, _: Option<&str>) -> Result<i64, StoreError> {
        self.unforeseen()
    }
    fn maintain(&mut self, _: bool) -> Result<(), StoreError> {
        self.unforeseen()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::claim::{Account, DeliveryKey};
    use crate::domain::event::EventKind;
    use crate::domain::ids::{CallbackId, EventId, RefundId};
    use crate::domain::refund::Verdict;
    use crate::domain::time::Timestamp;
    use crate::store::commit::capacity::Capacity;
    use crate::store::commit::job::Task;
    use crate::store::engine::sqlite::{Sqlite, Synchronous};
    use crate::store::tests::Folder;
    use crate::store::{Lane, NewCallback, Receipt, Snapshot};

    const SCHEMA: &str = include_str!("../../../schema.sql");
    const NOW: Timestamp = Timestamp::from_millis(1_000);

    /// The store's tables, empty.
    fn store(folder: &Folder) -> Sqlite {
        let mut sqlite = Sqlite::open_writer(&folder.file(), Synchronous::Full).unwrap();
        sqlite.run_script(SCHEMA).unwrap();
        sqlite
    }

    fn job(
        mut work: impl FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Box<dyn Job> {
        Box::new(Task {
            name: "test",
            lane: Lane::SHARED,
            work: move |tx: &mut Tx<'_>| work(tx),
            result: None,
            reply: None,
            retry_until: None,
            _slot: Capacity::new(1, 1).take(0).unwrap(),
        })
    }

    /// Accepts a callback whose bytes have this digest, and applies it; `size` bytes.
    fn accept(id: u128, digest: u8, size: usize) -> Box<dyn Job> {
        let callback = NewCallback {
            id: CallbackId::new(Uuid::from_u128(id)),
            account: Account {
                provider: "payermax".to_owned(),
                name: "main".to_owned(),
            },
            refund_no: None,
            was_without_number: false,
            delivery_key: DeliveryKey::Body([digest; 32]),
            key_id: "k".to_owned(),
            headers: "{}".to_owned(),
            body: vec![b'x'; size],
            claim: None,
            received_at: NOW,
            settle_after: NOW,
        };
        job(move |tx| {
            if tx.store_callback(&callback)? == Receipt::New {
                tx.apply_callback(callback.id, None, Verdict::Applied, NOW)?;
            }
            let refund = RefundId::new(Uuid::nil());
            tx.append_event(
                EventId::new(Uuid::nil()),
                EventKind::OrderClosed,
                refund,
                &"",
                NOW,
            )
        })
    }

    fn written(jobs: &mut [Box<dyn Job>], store: &mut Sqlite) -> Vec<bool> {
        let foreseen = write(jobs.iter_mut(), store).unwrap();
        let is_written = |job: &Foreseen| matches!(job, Foreseen::Written(_));
        foreseen.iter().map(is_written).collect()
    }

    /// Which of these callbacks are stored, all of them applied.
    fn stored(store: &mut Sqlite, ids: std::ops::RangeInclusive<u128>) -> Vec<u128> {
        let mut snapshot = Snapshot::new(store);
        let mut is_stored = |id: &u128| {
            let row = snapshot.callback(CallbackId::new(Uuid::from_u128(*id)));
            let row = row.unwrap();
            assert!(
                row.iter()
                    .all(|row| row.verdict.as_deref() == Some("applied"))
            );
            row.is_some()
        };
        ids.filter(|id| is_stored(id)).collect()
    }

    #[test]
    fn a_job_whose_row_was_there_and_one_that_reads_are_left_to_be_run() {
        let folder = Folder::new("bulk-reads");
        let mut store = store(&folder);
        let reads = job(|tx| tx.snapshot().epoch().map(drop));
        let swallows = job(|tx| {
            drop(tx.snapshot().epoch());
            Ok(())
        });
        let mut jobs = [
            accept(1, 1, 9),
            reads,
            accept(2, 2, 9),
            accept(3, 1, 9),
            swallows,
        ];
        assert_eq!(
            written(&mut jobs, &mut store),
            [true, false, true, false, false]
        );
        assert_eq!(stored(&mut store, 1..=9), [1, 2]);
        let mut jobs = [accept(4, 2, 9), accept(5, 3, 9)];
        assert_eq!(written(&mut jobs, &mut store), [false, true]);
        assert_eq!(stored(&mut store, 1..=9), [1, 2, 5]);
    }

    #[test]
    fn a_job_that_fails_after_it_wrote_leaves_nothing() {
        let folder = Folder::new("bulk-fails");
        let mut store = store(&folder);
        let mut first = accept(1, 1, 9);
        let fails = job(move |tx| first.run(tx).and(Err(StoreError::Superseded)));
        let mut jobs = [accept(2, 2, 9), fails, accept(3, 3, 9)];
        assert_eq!(written(&mut jobs, &mut store), [true, false, true]);
        assert_eq!(stored(&mut store, 1..=9), [2, 3]);
    }

    #[test]
    fn a_job_that_inserts_two_rows_is_left_to_be_run() {
        let folder = Folder::new("bulk-two");
        let mut store = store(&folder);
        let (mut one, mut other) = (accept(1, 1, 9), accept(2, 2, 9));
        let both = job(move |tx| one.run(tx).and_then(|()| other.run(tx)));
        assert_eq!(
            written(&mut [both, accept(3, 2, 9)], &mut store),
            [false, true]
        );
        assert_eq!(stored(&mut store, 1..=9), [3]);
    }

    #[test]
    fn a_statement_holds_so_many_jobs_and_bytes_and_all_are_written() {
        let folder = Folder::new("bulk-many");
        let mut store = store(&folder);
        let mut jobs: Vec<_> = (0..150).map(|id| accept(id.into(), id, 9)).collect();
        jobs.extend((150..160).map(|id| accept(id.into(), id, BYTES_MAX / 2)));
        assert_eq!(written(&mut jobs, &mut store), [true; 160]);
        assert_eq!(stored(&mut store, 0..=199).len(), 160);
        let mut recorder = Recorder::default();
        let holds = |recorder: &mut Recorder, jobs: &mut [Box<dyn Job>]| {
            for job in jobs {
                if !recorder.is_full() {
                    recorder.record(job);
                }
            }
            recorder.job
        };
        assert_eq!(holds(&mut recorder, &mut jobs), JOBS_MAX);
        assert_eq!(holds(&mut Recorder::default(), &mut jobs[150..]), 2);
    }
}
