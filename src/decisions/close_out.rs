//! A close-out that is tried again by a person.

use std::sync::Arc;

use super::{DecideError, Decisions};
use crate::domain::ids::RefundId;
use crate::domain::order::close_out::Progress;
use crate::domain::time::Clock;
use crate::domain::trail::{About, Act, Actor};
use crate::intake::Applying;
use crate::store::{Lane, RefundRow, StoreError, Tx};

impl Decisions {
    /// Tries a close-out that is not done, now. Where it is refused again its question is open again.
    pub async fn try_close_out(
        &self,
        id: RefundId,
        by: Actor,
        reason: String,
    ) -> Result<Box<RefundRow>, DecideError> {
        let clock = Arc::clone(&self.clock);
        let done = self.store.write("try close-out", Lane::SHARED, move |tx| {
            try_close_out(tx, id, (&by, &reason), clock.as_ref())
        });
        done.await?
    }
}

fn try_close_out(
    tx: &mut Tx<'_>,
    id: RefundId,
    (by, reason): (&Actor, &str),
    clock: &dyn Clock,
) -> Result<Result<Box<RefundRow>, DecideError>, StoreError> {
    let Some(mut applying) = Applying::of_refund(tx, clock, id)? else {
        return Ok(Err(DecideError::NoRefund));
    };
    let progress = applying.present_close_out().map(|this| this.progress);
    if progress.is_none_or(|progress| progress == Progress::Done) {
        return Ok(Err(DecideError::NothingToCloseOut));
    }
    applying.close_out()?;
    let now = clock.now();
    let entry = by.did(Act::CloseOutTried, About::refund(id), now);
    applying.tx().append_act(entry.because(reason));
    applying.finish_with_row(Vec::new()).map(Ok)
}
