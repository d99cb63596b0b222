//! One of the two stores of a copy: out of service, opened with the care of its engine.

use std::path::Path;
use std::sync::Arc;

use super::CopyError;
use super::page::{Page, Position, names, numbered};
use super::tables::Table;
use crate::store::engine::driver::{Driver, OwnedValue};
use crate::store::engine::postgres::{Postgres, Purpose};
use crate::store::engine::sqlite::lock::StoreLock;
use crate::store::engine::sqlite::{Sqlite, Synchronous};
use crate::store::engine::{make_folder, real_path};
use crate::store::schema;
use crate::store::schema::{COPY_MARKER, Making};
use crate::store::{StoreError, StoreUrl};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Target,
}

/// An open store.
pub(super) struct Side {
    pub(super) role: Role,
    pub(super) driver: Box<dyn Driver>,
    /// Keeps a service from starting on the file during the copy.
    _lock: Option<StoreLock>,
}

impl Side {
    /// Opens what is copied; it is read in one snapshot.
    pub(super) fn open_source(url: &StoreUrl) -> Result<Self, CopyError> {
        let mut side = Self::open(url, Role::Source, |path| {
            let bytes = path
                .metadata()
                .map_err(|error| StoreError::open(path, &error))?;
            let mut sqlite = Sqlite::open_read_only(path)?;
            schema::check(&mut sqlite, bytes.len())?;
            Ok(sqlite)
        })?;
        let driver = side.driver.as_mut();
        let present = driver
            .begin_snapshot()
            .and_then(|()| schema::require_present(driver));
        side.of(present)?;
        Ok(side)
    }

    /// Opens what is copied to, and makes the tables where there are none.
    pub(super) fn open_target(url: &StoreUrl, making: Making) -> Result<Self, CopyError> {
        let mut side = Self::open(url, Role::Target, |path| {
            Sqlite::open_writer(path, Synchronous::Full)
        })?;
        let marked = side.driver.count_tables(Some(COPY_MARKER));
        if side.of(marked)? == 0 {
            let prepared = schema::prepare(side.driver.as_mut(), making);
            side.of(prepared)?;
        }
        Ok(side)
    }

    fn open(
        url: &StoreUrl,
        role: Role,
        open_file: impl FnOnce(&Path) -> Result<Sqlite, StoreError>,
    ) -> Result<Self, CopyError> {
        let name = match role {
            Role::Source => "source",
            Role::Target => "target",
        };
        let of = |error| CopyError::Store(name, error);
        match url {
            StoreUrl::Sqlite(path) => {
                match role {
                    // Looked for before the lock is taken, which makes a file next to it.
                    Role::Source => require_file(path).map_err(of)?,
                    Role::Target => make_folder(path).map_err(of)?,
                }
                let path = real_path(path).map_err(of)?;
                let lock = StoreLock::take(&path).map_err(of)?;
                Ok(Self {
                    role,
                    driver: Box::new(open_file(&path).map_err(of)?),
                    _lock: Some(lock),
                })
            }
            StoreUrl::Postgres(url) => {
                let url = Arc::new(url.as_ref().clone());
                let mut postgres = Postgres::connect(url, Purpose::Maintain).map_err(of)?;
                match postgres.count_others().map_err(of)? {
                    0 => {}
                    running => return Err(CopyError::Running(running, name)),
                }
                Ok(Self {
                    role,
                    driver: Box::new(postgres),
                    _lock: None,
                })
            }
        }
    }

    /// Creates the marker of this copy, or finds it; rejects a store that holds anything else.
    pub(super) fn mark(&mut self, source: &str, tables: &[Table]) -> Result<(), CopyError> {
        let marked = self.driver.count_tables(Some(COPY_MARKER));
        if self.of(marked)? > 0 {
            let known = self.marked_source();
            return match self.of(known)? {
                known if known == source => Ok(()),
                other => Err(CopyError::OtherCopy(other)),
            };
        }
        for table in tables.iter().filter(|table| !table.key.is_empty()) {
            if self.last(table)? != Position::Start {
                return Err(CopyError::NotEmpty(table.name.clone()));
            }
        }
        self.within(|driver| {
            driver.run_script(&format!(
                "CREATE TABLE {COPY_MARKER} (source TEXT NOT NULL);"
            ))?;
            let sql = format!("-- mark_copy\nINSERT INTO {COPY_MARKER} (source) VALUES ($1)");
            driver.expect_one(&sql, &[source.into()])
        })
    }

    fn marked_source(&mut self) -> Result<String, StoreError> {
        let mut source = String::new();
        let sql = format!("-- marked_source\nSELECT source FROM {COPY_MARKER}");
        self.driver.query(&sql, &[], &mut |row| {
            row.text(0)?.clone_into(&mut source);
            Ok(())
        })?;
        Ok(source)
    }

    /// Takes the marker away: the copy is complete.
    pub(super) fn unmark(&mut self) -> Result<(), CopyError> {
        self.within(|driver| driver.run_script(&format!("DROP TABLE {COPY_MARKER};")))
    }

    /// Where the rows that are there end.
    pub(super) fn last(&mut self, table: &Table) -> Result<Position, CopyError> {
        let columns = names(table.columns.iter().map(|(name, _)| name.as_str()));
        let descending: Vec<_> = table
            .key
            .iter()
            .map(|name| format!("{name} DESC"))
            .collect();
        let sql = format!(
            "-- copy_last\nSELECT {columns} FROM {} ORDER BY {} LIMIT 1",
            table.name,
            descending.join(", "),
        );
        let page = Page::query(self.driver.as_mut(), table, &sql, &[]);
        let page = self.of(page)?;
        Ok(page.end(table).unwrap_or(Position::Start))
    }

    /// Stores a page.
    pub(super) fn insert(&mut self, table: &Table, page: &Page) -> Result<(), CopyError> {
        self.within(|driver| insert_all(driver, table, page))
    }

    /// Replaces all rows by a page.
    pub(super) fn replace_all(&mut self, table: &Table, page: &Page) -> Result<(), CopyError> {
        self.within(|driver| {
            driver.execute(&format!("-- copy_clear\nDELETE FROM {}", table.name), &[])?;
            insert_all(driver, table, page)
        })
    }

    fn within(
        &mut self,
        work: impl FnOnce(&mut dyn Driver) -> Result<(), StoreError>,
    ) -> Result<(), CopyError> {
        let driver = self.driver.as_mut();
        let result = driver
            .begin()
            .and_then(|()| work(driver))
            .and_then(|()| driver.commit());
        if result.is_err() {
            driver.rollback();
        }
        self.of(result)
    }
}

/// Rejects what is not there, or is a folder.
fn require_file(path: &Path) -> Result<(), StoreError> {
    let found = path.metadata().and_then(|found| {
        if found.is_dir() {
            Err(std::io::ErrorKind::IsADirectory.into())
        } else {
            Ok(())
        }
    });
    found.map_err(|error| StoreError::open(path, &error))
}

fn insert_all(driver: &mut dyn Driver, table: &Table, page: &Page) -> Result<(), StoreError> {
    let sql = format!(
        "-- copy_row\nINSERT INTO {} ({}) VALUES ({})",
        table.name,
        names(table.columns.iter().map(|(name, _)| name.as_str())),
        numbered(table.columns.len()),
    );
    for row in &page.rows {
        let values: Vec<_> = row.iter().map(OwnedValue::as_value).collect();
        driver.expect_one(&sql, &values)?;
    }
    Ok(())
}
