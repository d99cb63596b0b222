//! Opening the store at the start. A database server that is away is waited for, so that the order in which
//! machines come up does not matter; what no waiting mends is said at once.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use tokio::time::Instant;

use super::signals::Signals;
use crate::config::Config;
use crate::crypto::sha256;
use crate::domain::time::Clock;
use crate::store::{Store, StoreError};

/// Pause between two tries.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Time between two lines that say what is waited for.
const SAY_AGAIN: Duration = Duration::from_secs(5);

/// Opens the store; `None` where a signal ended the wait for it.
pub(in crate::cli) async fn open(
    config: &Config,
    clock: &Arc<dyn Clock>,
    stop: &mut Signals,
) -> Result<Option<Store>, StoreError> {
    let started = Instant::now();
    let mut said_at: Option<Instant> = None;
    loop {
        let (url, clock) = (config.store.clone(), Arc::clone(clock));
        let open = move || Store::open(&url, clock.as_ref(), sha256);
        let opening = rt::task::spawn_blocking(open).await;
        let error = match opening.unwrap_or(Err(StoreError::Panicked("open the store"))) {
            Ok(store) => return Ok(Some(store)),
            Err(error) => error,
        };
        let waited = started.elapsed();
        if !matches!(error, StoreError::Away(_)) || waited + TRY_AGAIN > config.wait_at_start {
            return Err(error);
        }
        if said_at.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            let (waited, at_most) = (waited.as_secs(), config.wait_at_start.as_secs());
            tracing::warn!(%error, waited, at_most, "the database is away; the start waits for it");
            said_at = Some(Instant::now());
        }
        tokio::select! {
            () = rt::time::sleep(TRY_AGAIN) => {}
            () = stop.stop() => {
                tracing::info!("told to stop while the start waited for the database");
                return Ok(None);
            }
        }
    }
}
