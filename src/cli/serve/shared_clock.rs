//! The clock of a store that several instances share is the database's: each instance learns at its start
//! how far its own is ahead, and again every few seconds.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use actix_web::web::Data;

use crate::domain::time::Clock;
use crate::domain::time::corrected::{CorrectedClock, Sample};
use crate::http::App;
use crate::store::{Store, StoreError};

/// How often the database's clock is asked.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// Questions of one look; the quickest answer counts.
const QUESTIONS: usize = 3;
/// A difference that an operator should know of.
const SKEW_MAX_MILLIS: u64 = 1_000;

/// The clock to use with this store, and the same again where it is the database's that is to be followed.
pub(in crate::cli) async fn of(
    store: &Store,
    own: Arc<dyn Clock>,
) -> Result<(Arc<dyn Clock>, Option<Arc<CorrectedClock>>), StoreError> {
    if !store.is_shared() {
        return Ok((own, None));
    }
    let shared = Arc::new(CorrectedClock::new(own));
    learn(store, &shared).await?;
    Ok((Arc::clone(&shared) as Arc<dyn Clock>, Some(shared)))
}

/// Asks the database what time it is and puts the clock right.
async fn learn(store: &Store, clock: &CorrectedClock) -> Result<(), StoreError> {
    let mut samples = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let asked = clock.own();
        let Some(said) = store.server_clock().await? else {
            return Ok(());
        };
        let answered = clock.own();
        samples.push(Sample {
            asked,
            said,
            answered,
        });
    }
    clock.learn(&samples);
    Ok(())
}

/// Follows the database's clock until the task is dropped, and says when the machine's own leaves it.
pub(in crate::cli) async fn follow(app: Data<App>, clock: Arc<CorrectedClock>) {
    let mut was_skewed = false;
    loop {
        let ahead_millis = clock.ahead_millis();
        app.metrics.set_clock_skew(ahead_millis);
        let is_skewed = ahead_millis.unsigned_abs() > SKEW_MAX_MILLIS;
        if is_skewed && !was_skewed {
            tracing::warn!(
                ahead_millis,
                "this machine's clock and the database's differ; the database's counts. Let NTP set both"
            );
        } else if was_skewed && !is_skewed {
            tracing::info!(
                ahead_millis,
                "this machine's clock and the database's agree again"
            );
        }
        was_skewed = is_skewed;
        rt::time::sleep(ASK_EVERY).await;
        if let Err(error) = learn(&app.store, &clock).await {
            tracing::debug!(%error, "the database's clock is not known anew");
        }
    }
}
