//! What was asked for before: it is answered by what is on disk, before any rule of the account or the provider is
//! looked at. A window that has closed since, or an account that sends no more, does not take a refund back.

use std::sync::Arc;

use super::Requests;
use super::create::{CreateError, Created, NewRequest, Outcome};
use crate::crypto::sha256;
use crate::domain::ids::RefundId;
use crate::domain::time::Clock;
use crate::store::{Lane, RefundRow, Snapshot, StoreError, Tx};

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
        self.write_again("repeat request", lane, move |tx| {
            repeat(tx, &new, clock.as_ref())
        })
        .await?
        .transpose()
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

/// The same by key or by number, under the refund's lock; `None`: neither is known.
pub(super) fn repeat(
    tx: &mut Tx<'_>,
    new: &NewRequest,
    clock: &dyn Clock,
) -> Result<Option<Outcome>, StoreError> {
    if let Some((key, body)) = &new.key
        && let Some(known) = tx.snapshot().known_key(&new.by.reader, PATH, key)?
    {
        if known.body_hash != sha256(body) {
            return Ok(Some(Err(CreateError::KeyReused)));
        }
        return row(tx, known.refund_id).map(|row| Some(Ok(Created::SameKey(row))));
    }
    let Some(refund_no) = &new.refund_no else {
        return Ok(None);
    };
    let Some(locked) = tx.lock_refund(&new.account, refund_no)? else {
        return Ok(None);
    };
    let known = row(tx, locked.refund().id)?;
    let Some(request) = &known.request else {
        return Ok(None);
    };
    let id = request.refund_id;
    if request.mode != new.mode || request.intent != new.intent {
        return Ok(Some(Err(CreateError::Exists(id))));
    }
    // From now on the key is this refund's.
    note_key(tx, new, id, clock)?;
    Ok(Some(Ok(Created::Same(known))))
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

pub(super) fn row(tx: &mut Tx<'_>, id: RefundId) -> Result<Box<RefundRow>, StoreError> {
    let row = tx.snapshot().refund(id)?;
    row.map(Box::new)
        .ok_or_else(|| StoreError::Unreadable("a refund is gone".to_owned()))
}
