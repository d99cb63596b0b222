//! What was asked for before: it is answered by what is on disk, before any rule of the account or the provider is
//! looked at. A window that has closed since, or an account that sends no more, does not take a refund back.

use std::sync::Arc;

use super::Requests;
use super::create::{CreateError, Created, NewRequest, Outcome};
use crate::crypto::sha256;
use crate::domain::ids::RefundId;
use crate::domain::time::Clock;
use crate::store::{Lane, Locked, Snapshot, StoreError, Tx};

/// The path that idempotency keys of this call are scoped to.
const PATH: &str = "/v1/refunds";

impl Requests {
    /// The answer to a call that was made before; `None`: it is a new one.
    pub(super) async fn repeated(
        &self,
        new: &Arc<NewRequest>,
    ) -> Result<Option<Created>, CreateError> {
        let looked_for = Arc::clone(new);
        let is_known = self
            .store
            .read(move |snapshot| is_known(snapshot, &looked_for));
        if !is_known.await? {
            return Ok(None);
        }
        let lane = Lane::of_refund(&new.account, new.refund_no.as_ref());
        let (new, clock) = (Arc::clone(new), Arc::clone(&self.clock));
        let looked = self.write_again("repeat request", lane, move |tx| {
            look_up(tx, &new, clock.as_ref())
        });
        match looked.await? {
            Known::Answered(outcome) => outcome.map(Some),
            Known::ByCallbacks(_) | Known::Unknown => Ok(None),
        }
    }
}

fn is_known(snapshot: &mut Snapshot<'_>, new: &NewRequest) -> Result<bool, StoreError> {
    if let Some((key, _)) = &new.key
        && snapshot.known_key(&new.by.reader, PATH, key)?.is_some()
    {
        return Ok(true);
    }
    let Some(refund_no) = &new.refund_no else {
        return Ok(false);
    };
    snapshot.is_requested(&new.account, refund_no)
}

/// What is known of a call.
pub(super) enum Known {
    /// It was made before.
    Answered(Outcome),
    /// A refund with its number is, and no request of it.
    ByCallbacks(Box<Locked>),
    Unknown,
}

/// Looks the call up by its key and by its number, under the refund's lock.
pub(super) fn look_up(
    tx: &mut Tx<'_>,
    new: &NewRequest,
    clock: &dyn Clock,
) -> Result<Known, StoreError> {
    if let Some((key, body)) = &new.key
        && let Some(known) = tx.snapshot().known_key(&new.by.reader, PATH, key)?
    {
        if known.body_hash != sha256(body) {
            return Ok(Known::Answered(Err(CreateError::KeyReused)));
        }
        let row = tx.snapshot().known_refund(known.refund_id)?;
        return Ok(Known::Answered(Ok(Created::SameKey(row))));
    }
    let Some(refund_no) = &new.refund_no else {
        return Ok(Known::Unknown);
    };
    let Some(locked) = tx.lock_refund(&new.account, refund_no)? else {
        return Ok(Known::Unknown);
    };
    let known = tx.snapshot().known_refund(locked.refund().id)?;
    let Some(request) = &known.request else {
        return Ok(Known::ByCallbacks(Box::new(locked)));
    };
    let id = request.refund_id;
    if request.mode != new.mode || request.intent != new.intent {
        return Ok(Known::Answered(Err(CreateError::Exists(id))));
    }
    // From now on the key is this refund's.
    note_key(tx, new, id, clock)?;
    Ok(Known::Answered(Ok(Created::Same(known))))
}

pub(super) fn note_key(
    tx: &mut Tx<'_>,
    new: &NewRequest,
    refund_id: RefundId,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    if let Some((key, body)) = &new.key {
        let place = (new.by.reader.as_str(), PATH, key.as_str());
        let known = tx.note_key(place, &sha256(body), refund_id, clock.now())?;
        if known.is_some() {
            // A concurrent call with this key was first.
            return Err(StoreError::Locked);
        }
    }
    Ok(())
}
