//! The two engines, and the seam between them and our statements. This file opens a store: what each engine has to
//! check before it may be trusted, and the connections it gives.

pub(crate) mod driver;
pub(super) mod postgres;
pub(crate) mod sqlite;
pub(super) mod url;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::commit::stats::Stats;
use super::feed_counter::Counter;
use super::schema::Making;
use super::tables::{Snapshot, Tx};
use super::{StoreError, schema};
use driver::Driver;
use postgres::{Listener, Postgres, PostgresUrl, Purpose};
use sqlite::lock::StoreLock;
use sqlite::{Sqlite, Synchronous};
use sqlite::{file_mode, generation, truncated, wal};

/// Threads that read; the service's own, one for look-ups, two for lists.
const READERS: usize = 4;
/// Transactions that run side by side on a server, of those that accept and of those that apply: while one
/// waits for its commit, another is prepared.
const LANES: usize = 2;
/// The same with a server: an answer takes a trip there and back.
const SERVER_READERS: usize = 5;
/// How long a look-up waits for its own thread before another helps; in a file it takes microseconds.
const HELP_AFTER: Duration = Duration::from_millis(1);

/// What an engine gives to a store.
pub(super) struct Opened {
    /// One connection a lane that accepts and does nothing else; none where one lane does everything.
    pub accepts: Vec<Box<dyn Driver>>,
    /// One connection a lane that does what else writes.
    pub applies: Vec<Box<dyn Driver>>,
    /// One connection a reading thread.
    pub readers: Vec<Box<dyn Driver>>,
    /// How long a look-up waits for its own reading thread.
    pub help_after: Duration,
    /// Raised whenever events were committed, here or elsewhere.
    pub counter: Counter,
    /// Held for as long as the store is open.
    pub hold: Hold,
}

/// What an open store holds besides its connections.
pub(super) enum Hold {
    /// One process a file.
    File { _lock: StoreLock },
    /// Hears of other instances.
    Server { listener: Listener },
}

/// Opens a file of `SQLite`. Takes its lock, checks settings and schema version, and rejects what is
/// damaged, foreign or newer than this program.
pub(super) fn open_sqlite(
    path: &Path,
    making: Making,
    stats: &Arc<Stats>,
) -> Result<Opened, StoreError> {
    make_folder(path)?;
    let path = &real_path(path)?;
    let lock = StoreLock::take(path)?;
    // Looked at before anything is set, so that a file that is not ours stays as it is.
    let bytes = path.metadata().map_or(0, |file| file.len());
    truncated::check(path, bytes, &lock)?;
    let found = generation::check(path, lock.noted())?;
    if bytes > 0 {
        schema::check(&mut Sqlite::open_read_only(path)?, bytes)?;
    }
    let mut sqlite = Sqlite::open_writer(path, Synchronous::Full)?;
    schema::prepare(&mut sqlite, making)?;
    if let Err(error) = lock.mark() {
        tracing::warn!(%error, "an emptied database file would not be noticed");
    }
    // A full disk must not keep the service from starting. The number comes second: until it is noted, the next start
    // finds the same.
    let renewed = if found.is_replaced() {
        begin_history(&mut sqlite, making)
    } else {
        Ok(())
    };
    if let Err(error) = renewed.and_then(|()| generation::renew(&mut sqlite, path, &lock, found)) {
        tracing::warn!(%error, "a WAL of another database may not be noticed");
    }
    sqlite.checkpoint_beside(path, Arc::clone(stats))?;
    // Only for speed: a full disk must not keep the service from starting.
    if let Err(error) = wal::lay_out(path) {
        tracing::warn!(%error, "the WAL could not be preallocated; commits take longer");
    }
    let readers = (0..READERS)
        .map(|_| Ok(Box::new(Sqlite::open_reader(path)?) as Box<dyn Driver>))
        .collect::<Result<_, StoreError>>()?;
    let mut snapshot = Snapshot::new(&mut sqlite);
    let counter = Counter::new(snapshot.epoch()?.into(), snapshot.last_sequence()?);
    Ok(Opened {
        accepts: Vec::new(),
        applies: vec![Box::new(sqlite)],
        readers,
        help_after: HELP_AFTER,
        counter,
        hold: Hold::File { _lock: lock },
    })
}

/// Gives the feed of a file that was put in the place of another a new epoch: its readers may be further on.
fn begin_history(sqlite: &mut Sqlite, making: Making) -> Result<(), StoreError> {
    sqlite.begin()?;
    let renewed = Tx::new(sqlite).renew_epoch(making.random());
    let done = renewed.and_then(|epoch| sqlite.commit().map(|()| epoch));
    let epoch = done.inspect_err(|_| sqlite.rollback())?;
    tracing::warn!(
        epoch,
        "the database file is another than the one that was served last; its feed begins a new history"
    );
    Ok(())
}

/// Connects to a database of a `PostgreSQL` server, checks the server's settings, and creates or
/// checks the schema.
pub(super) fn open_postgres(url: &PostgresUrl, making: Making) -> Result<Opened, StoreError> {
    if url.is_unchecked() {
        tracing::warn!(
            store = %url,
            "the database server's certificate is not checked; write sslmode=verify-full"
        );
    }
    let url = Arc::new(url.clone());
    // A connection blocks the thread that uses it, which must not be one that drives tasks.
    let opening = std::thread::Builder::new()
        .name("store-opening".to_owned())
        .spawn(move || connect_all(&url, making))
        .map_err(|error| StoreError::Open(error.to_string()))?;
    let panicked = |_| Err(StoreError::Panicked("open the store"));
    opening.join().unwrap_or_else(panicked)
}

fn connect_all(url: &Arc<PostgresUrl>, making: Making) -> Result<Opened, StoreError> {
    let mut first = Postgres::connect(Arc::clone(url), Purpose::Maintain)?;
    schema::prepare_shared(&mut first, making)?;
    postgres::build_missing(url)?;
    first.begin_snapshot()?;
    let mut snapshot = Snapshot::new(&mut first);
    let counter = Counter::new(snapshot.epoch()?.into(), snapshot.last_sequence()?);
    first.rollback();
    let connections = |count: usize, purpose: Purpose| {
        (0..count)
            .map(|_| Ok(Box::new(Postgres::connect(Arc::clone(url), purpose)?) as Box<dyn Driver>))
            .collect::<Result<Vec<_>, StoreError>>()
    };
    Ok(Opened {
        accepts: connections(LANES, Purpose::Accept)?,
        applies: connections(LANES, Purpose::Apply)?,
        readers: connections(SERVER_READERS, Purpose::Read)?,
        help_after: Duration::ZERO,
        hold: Hold::Server {
            listener: Listener::start(Arc::clone(url), counter.clone())?,
        },
        counter,
    })
}

/// The path without links, so that lock and WAL lie next to the file that `SQLite` opens.
pub(super) fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        // A new database: its folder is there by now.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(StoreError::open(path, &error)),
    }
}

/// Makes the folder of the database and makes sure that its name is on disk.
pub(super) fn make_folder(database: &Path) -> Result<(), StoreError> {
    let Some(folder) = database.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(());
    };
    if folder.is_dir() {
        return Ok(());
    }
    let sync = |path: &Path| std::fs::File::open(path).and_then(|file| file.sync_all());
    file_mode::make_folders(folder)
        .and_then(|()| sync(folder))
        .and_then(|()| folder.parent().filter(|p| p.is_dir()).map_or(Ok(()), sync))
        .map_err(|error| StoreError::open(folder, &error))
}
