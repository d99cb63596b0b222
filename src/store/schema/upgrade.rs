//! Upgrading a store from outside a service: what a start does by itself, done before and watched, and what
//! only an operator can decide.

use std::sync::Arc;

use super::Making;
use crate::domain::time::Clock;
use crate::store::engine::postgres;
use crate::store::engine::postgres::{Postgres, Purpose};
use crate::store::engine::real_path;
use crate::store::engine::sqlite::lock::StoreLock;
use crate::store::engine::sqlite::{Sqlite, Synchronous};
use crate::store::schema;
use crate::store::{StoreError, StoreUrl};

/// Adds what this version needs to a store; with `contract` also takes away what only the version before it
/// needs, which then cannot work on it any more. Repeated, it goes on where it was interrupted, and does
/// nothing where all is done. `progress` is told each part before it begins.
pub fn upgrade(
    url: &StoreUrl,
    clock: &dyn Clock,
    contract: bool,
    progress: &mut dyn FnMut(&str),
) -> Result<(), StoreError> {
    match url {
        StoreUrl::Sqlite(path) => {
            let path = real_path(path)?;
            let file = path
                .metadata()
                .map_err(|error| StoreError::open(&path, &error))?;
            let _lock = StoreLock::take(&path)?;
            progress("checking the file");
            schema::check(&mut Sqlite::open_read_only(&path)?, file.len())?;
            let mut sqlite = Sqlite::open_writer(&path, Synchronous::Full)?;
            progress("adding what is missing");
            schema::prepare(&mut sqlite, Making::by(clock))?;
            if contract {
                schema::contract(&mut sqlite, clock.now(), progress)?;
            }
            Ok(())
        }
        StoreUrl::Postgres(url) => {
            let url = Arc::new(url.as_ref().clone());
            let mut postgres = Postgres::connect(url, Purpose::Maintain)?;
            progress("adding what is missing");
            schema::prepare_shared(&mut postgres, Making::by(clock))?;
            postgres::build_all(&mut postgres, progress)?;
            if contract {
                schema::contract(&mut postgres, clock.now(), progress)?;
            }
            Ok(())
        }
    }
}
