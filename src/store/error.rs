//! What can go wrong with the store, in its own words; it knows nothing of HTTP.

use std::path::{Path, PathBuf};

/// Why a store cannot be opened, or a job was not done. Nothing of a failed job stays.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many jobs are waiting; none was added.
    #[error("the store's queue is full")]
    QueueFull,
    /// The store is shutting down or its writer died.
    #[error("the store is closed")]
    Closed,
    /// Another process holds the database for too long.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// No space left.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The file or its folder cannot be written.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// The disk failed. After a failed fsync nothing is certain: the process must end and recover.
    #[error("the disk failed: {0}")]
    Io(String),
    /// The file is damaged or foreign.
    #[error("the database is damaged or not ours: {0}")]
    Corrupt(String),
    /// What was asked for lies in a part of the file that cannot be read; other parts can.
    #[error("it lies in a damaged part of the store: {0}")]
    Damaged(String),
    /// A row holds what this program never writes; the other rows are fine.
    #[error("a row holds what this program never writes: {0}")]
    Unreadable(String),
    /// The database server cannot be reached, is overloaded or gave no answer. The outcome of a commit in
    /// flight is unknown.
    #[error("the database server is away: {0}")]
    Away(String),
    /// A lock, a deadlock or a serialization failure; the transaction can be retried as it is.
    #[error("gave way to another transaction: {0}")]
    SerializationFailure(String),
    /// Another transaction holds the one row that the job is about. The job has done nothing, so it alone is
    /// run again, and its batch is not touched.
    #[error("another transaction holds the row")]
    Locked,
    /// The file cannot be opened.
    #[error("cannot open {0}")]
    Open(String),
    /// Another process has this store.
    #[error("another process is using this store (lock file {})", .0.display())]
    InUse(PathBuf),
    /// The engine did not take a setting that durability needs.
    #[error("the database engine refuses a needed setting: {0}")]
    Settings(String),
    /// The schema has a version that this program does not know.
    #[error(
        "the database has schema version {found}, this program knows {known}; {}",
        if found > known { "use the program that wrote it" } else { "bring it up to date with `store upgrade`" }
    )]
    SchemaVersion {
        /// What the file says.
        found: i64,
        /// What this program writes.
        known: i64,
    },
    /// A rule of the schema was violated.
    #[error("a rule of the schema was violated: {0}")]
    Constraint(String),
    /// A statement failed for another reason.
    #[error("a statement failed: {0}")]
    Statement(String),
    /// It took too long. What had begun may be committed yet; what had not is not run.
    #[error("the store did not answer in time")]
    Late,
    /// A concurrent worker did the same job; this one is rolled back.
    #[error("overtaken by another worker")]
    Superseded,
    /// A relay's message that another account has brought before; nothing of it is stored.
    #[error("the message was delivered to another account before")]
    OtherAccount,
    /// The job panicked; nothing of it stays.
    #[error("the job {0:?} panicked")]
    Panicked(&'static str),
}

impl StoreError {
    /// A file that cannot be opened or made.
    pub(crate) fn open(path: &Path, error: &std::io::Error) -> Self {
        Self::Open(format!("{}: {error}", path.display()))
    }

    /// Whether the process must stop accepting and end, so that recovery starts from the disk.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Corrupt(_))
    }

    /// Whether it is contention with another transaction, so that a retry may succeed.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self, Self::SerializationFailure(_) | Self::Locked)
    }

    /// Whether one job alone is to blame, so that its neighbours deserve another try. Whatever else
    /// it is, it would hit them too, each after its own time-out.
    pub(super) fn blames_one_job(&self) -> bool {
        match self {
            Self::Unreadable(_)
            | Self::Damaged(_)
            | Self::Constraint(_)
            | Self::Statement(_)
            | Self::SerializationFailure(_)
            | Self::Locked
            | Self::Superseded
            | Self::OtherAccount
            | Self::Panicked(_) => true,
            Self::QueueFull
            | Self::Late
            | Self::Closed
            | Self::Busy(_)
            | Self::Full(_)
            | Self::ReadOnly(_)
            | Self::Away(_)
            | Self::Io(_)
            | Self::Corrupt(_)
            | Self::Open(_)
            | Self::InUse(_)
            | Self::Settings(_)
            | Self::SchemaVersion { .. } => false,
        }
    }
}
