//! Where a store lies: a file of SQLite, or a database of a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};

use super::postgres::{PostgresUrl, PostgresUrlError};

/// Where a store lies.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    Postgres(Box<PostgresUrl>),
}

/// A text that names no store. Its words never hold a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreUrlError {
    /// Not a scheme of ours.
    #[error("must be sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Scheme,
    /// Nothing behind the scheme.
    #[error("names no file; write sqlite:data/refunds.db")]
    NoPath,
    /// A part of a `PostgreSQL` URL is wrong.
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
}

impl StoreUrl {
    /// Reads the URL; relative paths in it are relative to `base`.
    pub fn parse(text: &str, base: &Path) -> Result<Self, StoreUrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(Box::new(PostgresUrl::parse(text, base)?)));
        }
        let path = text.strip_prefix("sqlite:").ok_or(StoreUrlError::Scheme)?;
        if path.is_empty() {
            return Err(StoreUrlError::NoPath);
        }
        Ok(Self::Sqlite(base.join(path)))
    }

    /// The file, where the store is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

/// As an operator may see it: without the password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}
