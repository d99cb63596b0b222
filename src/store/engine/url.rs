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
    /// `sqlite:file:…`: SQLite would take the path for a URI.
    #[error(
        "holds a SQLite URI, whose options could switch off locks that guard the store; write the \
         path alone, such as sqlite:data/refunds.db"
    )]
    Uri,
    /// `sqlite::memory:`: nothing of it outlives the process.
    #[error(
        "names no file, so nothing would outlive the process; write a path, such as \
         sqlite:data/refunds.db"
    )]
    Memory,
    /// `sqlite://dir/…`: some read a host there, some a relative path.
    #[error(
        "has // behind sqlite:, which means the root folder and looks like another; write \
         sqlite:data/refunds.db, or sqlite:/var/lib/refunds.db with one slash"
    )]
    Slashes,
    /// `sqlite:PATH?mode=rwc`: the options would be a part of the file's name.
    #[error(
        "has options behind a ?, which SQLite's locks and syncing do not allow; write the path \
         alone, such as sqlite:data/refunds.db"
    )]
    Options,
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
        // As other programs write it: no host, and then the path from the root on.
        let path = path
            .strip_prefix("//")
            .filter(|path| path.starts_with('/'))
            .unwrap_or(path);
        match path {
            "" => Err(StoreUrlError::NoPath),
            ":memory:" => Err(StoreUrlError::Memory),
            // SQLite as it is built here reads it wherever a path is given; our own lock file would
            // be named after the URI and let a second service in.
            _ if path.starts_with("file:") => Err(StoreUrlError::Uri),
            _ if path.starts_with("//") => Err(StoreUrlError::Slashes),
            _ if path.contains('?') => Err(StoreUrlError::Options),
            _ => Ok(Self::Sqlite(base.join(path))),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_path_and_nothing_that_looks_like_one() {
        for (text, expected) in [
            ("sqlite:data/refunds.db", "base/data/refunds.db"),
            ("sqlite:./file:x.db", "base/./file:x.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ] {
            let url = StoreUrl::parse(text, Path::new("base")).unwrap();
            assert_eq!(url.file(), Some(Path::new(expected)), "{text}");
        }
        for (text, why) in [
            ("sqlite:", "names no file"),
            ("sqlite::memory:", "outlive the process"),
            ("sqlite:file:zz.db", "SQLite URI"),
            ("sqlite:file:zz.db?nolock=1", "SQLite URI"),
            ("sqlite:file:///var/lib/x.db", "SQLite URI"),
            ("sqlite://dir/x.db", "one slash"),
            ("sqlite:q.db?mode=rwc", "options behind a ?"),
            ("sqlite:///var/lib/q.db?mode=rwc", "options behind a ?"),
            ("file:zz.db", "sqlite:PATH"),
        ] {
            for base in ["", "base"] {
                let error = StoreUrl::parse(text, Path::new(base)).unwrap_err();
                assert!(error.to_string().contains(why), "{text}: {error}");
            }
        }
    }
}
