//! The store by itself: group commit, locks, and what it rejects to open.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::future::{FutureExt as _, join3};
use uuid::Uuid;

use super::engine::driver::Driver as _;
use super::engine::sqlite::{Sqlite, Synchronous};
use super::inspect::damage::{PIECE_MAX, of_tables};
use super::*;
use crate::domain::event::EventKind;
use crate::domain::ids::{EventId, ExternalId, RefundId};
use crate::domain::order::OrderState;
use crate::domain::time::{SystemClock, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_000);

/// A folder that goes away with its test.
pub(in crate::store) struct Folder(PathBuf);

impl Folder {
    pub(in crate::store) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("refund-store-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(in crate::store) fn file(&self) -> PathBuf {
        self.0.join("refunds.db")
    }

    fn url(&self) -> StoreUrl {
        StoreUrl::parse("sqlite:refunds.db", &self.0).unwrap()
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.url(), &SystemClock, |_| [0; 32])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

fn put(tx: &mut Tx<'_>, order_no: &str) -> Result<(), StoreError> {
    let number: ExternalId = order_no.parse().unwrap();
    tx.insert_order(&number, OrderState::Paid, NOW)?;
    let id = EventId::new(Uuid::from_u128(order_no.len() as u128));
    let refund_id = RefundId::new(Uuid::from_u128(7));
    tx.append_event(id, EventKind::OrderClosed, refund_id, &order_no, NOW)
}

fn is_there(store: &Store, order_no: &str) -> bool {
    let number: ExternalId = order_no.parse().unwrap();
    let order = block_on(store.read(move |snapshot| snapshot.order(&number)));
    order.unwrap().is_some()
}

fn sequences(store: &Store) -> Vec<i64> {
    let events = block_on(store.read(|snapshot| snapshot.events_after(0, 100))).unwrap();
    assert!(events.iter().all(|event| event.refund_id.is_some()));
    events.iter().map(|event| event.sequence).collect()
}

/// Holds the writer until everything of the test is queued, so that it makes one batch.
fn hold(store: &Store) -> mpsc::Sender<()> {
    let (go, held) = mpsc::channel::<()>();
    store
        .write_later("hold", Lane::SHARED, 0, move |_| {
            let _ = held.recv();
            Ok(())
        })
        .unwrap();
    go
}

#[test]
fn a_bad_job_fails_alone_and_leaves_no_gap_in_the_feed() {
    for panics in [false, true] {
        let folder = Folder::new(if panics { "panics" } else { "fails" });
        let store = folder.open().unwrap();
        let go = hold(&store);
        let (first, bad, last) = block_on(async {
            let first = store.write("first", Lane::SHARED, |tx| put(tx, "first"));
            let bad = store.write("bad", Lane::SHARED, move |tx| {
                put(tx, "bad")?;
                assert!(!panics, "a planted panic");
                Err::<(), _>(StoreError::Superseded)
            });
            let last = store.write("last", Lane::SHARED, |tx| put(tx, "last"));
            let release = async { drop(go) };
            let ((first, bad, last), ()) =
                futures_util::future::join(join3(first, bad, last), release).await;
            (first, bad, last)
        });
        assert!(first.is_ok() && last.is_ok(), "{first:?} {last:?}");
        assert!(bad.is_err());
        assert!(is_there(&store, "first") && is_there(&store, "last"));
        assert!(!is_there(&store, "bad"), "nothing of a failed job stays");
        assert_eq!(sequences(&store), [1, 2]);
        assert_eq!(*store.last_sequence().borrow(), 2);
    }
}

#[test]
fn what_is_queued_is_done_before_the_store_closes() {
    let folder = Folder::new("closes");
    let store = folder.open().unwrap();
    let go = hold(&store);
    for number in 0..1_000 {
        let order_no = format!("order-{number}");
        store
            .write_later("put", Lane::SHARED, 0, move |tx| put(tx, &order_no))
            .unwrap();
    }
    drop(go);
    drop(store);
    let store = folder.open().unwrap();
    let last = *store.last_sequence().borrow();
    assert_eq!(last, 1_000);
    assert!(is_there(&store, "order-999"));
}

#[test]
fn what_is_queued_behind_jobs_whose_callers_have_gone_is_done_before_the_store_closes() {
    let folder = Folder::new("abandoned");
    let store = folder.open().unwrap();
    let go = hold(&store);
    block_on(async {
        for _ in 0..4_000 {
            let gone = store.write_soon("gone", Lane::SHARED, |_| Ok(()));
            // Its first poll queues the job.
            assert!(Box::pin(gone).now_or_never().is_none());
        }
    });
    let last = store.write_later("last", Lane::SHARED, 0, |tx| put(tx, "last"));
    last.unwrap();
    drop(go);
    drop(store);
    let store = folder.open().unwrap();
    assert!(is_there(&store, "last"));
}

#[test]
fn a_look_up_sees_what_was_committed_before_it_though_an_older_snapshot_is_open() {
    let folder = Folder::new("snapshots");
    let store = folder.open().unwrap();
    let (began, is_running) = mpsc::channel::<()>();
    let (go, wait) = mpsc::channel::<()>();
    let older = store.read(move |snapshot| {
        let last = snapshot.events_after(0, 1)?.len();
        began.send(()).ok();
        wait.recv().ok();
        Ok(last)
    });
    let newer = async {
        is_running.recv().unwrap();
        let written = store.write("put", Lane::SHARED, |tx| put(tx, "order"));
        written.await.unwrap();
        let asked = || store.read(|snapshot| Ok(snapshot.events_after(0, 1)?.len()));
        let release = async { drop(go) };
        let (first, second, ()) = join3(asked(), asked(), release).await;
        (first.unwrap(), second.unwrap())
    };
    let (older, newer) = block_on(futures_util::future::join(older, newer));
    assert_eq!((older.unwrap(), newer), (0, (1, 1)));
}

#[test]
fn a_look_up_that_hangs_holds_up_no_other() {
    let folder = Folder::new("look-ups");
    let store = folder.open().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let hangs = store.read(move |_| {
        wait.recv().ok();
        Ok("hung")
    });
    let others = async {
        for _ in 0..3 {
            store.read(|_| Ok(())).await.unwrap();
        }
        let list = store.read_list("a reader", |_| Ok("listed")).await;
        drop(go);
        list.unwrap()
    };
    let (hung, listed) = block_on(futures_util::future::join(hangs, others));
    assert_eq!((hung.unwrap(), listed), ("hung", "listed"));
}

#[test]
fn a_store_has_one_process() {
    let folder = Folder::new("lock");
    let store = folder.open().unwrap();
    assert!(matches!(folder.open(), Err(StoreError::InUse(_))));
    drop(store);
    assert!(folder.open().is_ok());
}

/// A name and what makes a database that must be rejected.
type Maker<'a> = (&'static str, &'a dyn Fn(&PathBuf));

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let newer = |path: &PathBuf| {
        let folder = Folder(path.parent().unwrap().to_owned());
        drop(folder.open().unwrap());
        let mut sqlite = Sqlite::open_writer(path, Synchronous::Full).unwrap();
        let later = "INSERT INTO schema_version (version, applied_at) VALUES (99, 0)";
        sqlite.run_script(later).unwrap();
        std::mem::forget(folder);
    };
    let foreign = |path: &PathBuf| {
        // As another program leaves it, not in the mode that ours would set.
        let mut sqlite = Sqlite::open_writer(path, Synchronous::Full).unwrap();
        sqlite.run_script("CREATE TABLE theirs (x)").unwrap();
        sqlite.run_script("PRAGMA journal_mode = DELETE").unwrap();
    };
    let garbage = |path: &PathBuf| std::fs::write(path, vec![7; 8_192]).unwrap();
    let makers: [Maker<'_>; 3] = [
        ("newer", &newer),
        ("foreign", &foreign),
        ("garbage", &garbage),
    ];
    for (name, make) in makers {
        let folder = Folder::new(name);
        let path = folder.0.join("refunds.db");
        make(&path);
        let before = std::fs::read(&path).unwrap();
        let refused = folder.open().err().expect(name);
        let is_right = matches!(
            refused,
            StoreError::SchemaVersion { found: 99, .. } | StoreError::Corrupt(_)
        );
        assert!(is_right, "{name}: {refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
    }
}

#[test]
fn a_table_that_takes_too_long_is_given_up_and_the_others_are_checked() {
    let mut sqlite = Sqlite::in_memory().unwrap();
    sqlite
        .run_script(
            "CREATE TABLE large (x); CREATE TABLE small (x);
             INSERT INTO large WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
             SELECT i FROM n;",
        )
        .unwrap();
    let checked = of_tables(&mut sqlite, Duration::ZERO).unwrap();
    assert_eq!(
        (checked.unread, checked.found.len()),
        (vec!["large".to_owned()], 0)
    );
    let checked = of_tables(&mut sqlite, PIECE_MAX).unwrap();
    assert_eq!((checked.unread.len(), checked.found.len()), (0, 0));
}
