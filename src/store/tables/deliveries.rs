//! Transaction 1: a notification is stored, or recognised and counted.

use super::Tx;
use super::callbacks::{NewCallback, Stored, number_or_empty, uuid};
use crate::domain::claim::DeliveryKey;
use crate::domain::ids::CallbackId;
use crate::store::driver::Row;
use crate::store::{StoreError, sql};

/// The row is locked, and the message was new and has been noted, which must be undone.
fn locked_after_a_note() -> StoreError {
    StoreError::SerializationFailure(StoreError::Locked.to_string())
}

impl Tx<'_> {
    /// Stores a notification, or counts it where this delivery is known; [`StoreError::Locked`] where
    /// another transaction is at work on what is known.
    pub fn store_callback(&mut self, callback: &NewCallback) -> Result<Stored, StoreError> {
        if let DeliveryKey::Message(message_key) = &callback.delivery_key
            && let Some(known) = self.known_message(callback, message_key)?
        {
            return Ok(known);
        }
        let refund_no = number_or_empty(callback.refund_no.as_ref());
        if let Some(known) = self.known_to_earlier_releases(callback, refund_no)? {
            return Ok(known);
        }
        let inserted = self.execute(
            sql::INSERT_CALLBACK,
            &[
                callback.id.as_bytes().into(),
                callback.account.provider.as_str().into(),
                callback.account.name.as_str().into(),
                refund_no.into(),
                callback.delivery_key.digest().into(),
                callback.key_id.as_str().into(),
                callback.headers.as_str().into(),
                callback.body.as_slice().into(),
                callback.claim.as_deref().into(),
                callback.received_at.as_millis().into(),
                callback.received_at.as_millis().into(),
                callback.settle_after.as_millis().into(),
            ],
        )?;
        if inserted == 1 {
            return Ok(Stored::New);
        }
        let known = self.count_delivery(callback, refund_no, callback.delivery_key.digest())?;
        known.ok_or_else(|| match callback.delivery_key {
            DeliveryKey::Message(_) => locked_after_a_note(),
            DeliveryKey::Body(_) | DeliveryKey::Part { .. } => StoreError::Locked,
        })
    }

    /// What earlier releases stored under another key or number, counted.
    fn known_to_earlier_releases(
        &mut self,
        callback: &NewCallback,
        refund_no: &str,
    ) -> Result<Option<Stored>, StoreError> {
        let of_body = match &callback.delivery_key {
            DeliveryKey::Part { body, .. } => Some(body),
            DeliveryKey::Body(_) | DeliveryKey::Message(_) => None,
        };
        let none = callback.was_without_number.then_some("");
        let digest = Some(callback.delivery_key.digest());
        for (number, key) in [(Some(refund_no), of_body), (none, of_body), (none, digest)] {
            if let (Some(number), Some(key)) = (number, key)
                && self.is_delivery(callback, number, key)?
            {
                let known = self.count_delivery(callback, number, key)?;
                return known.map(Some).ok_or(StoreError::Locked);
            }
        }
        Ok(None)
    }

    /// Whether a delivery is stored under this number and key, locked or not.
    fn is_delivery(
        &mut self,
        callback: &NewCallback,
        refund_no: &str,
        key: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let params = [
            callback.account.provider.as_str().into(),
            callback.account.name.as_str().into(),
            refund_no.into(),
            key.into(),
        ];
        let found = self
            .snapshot()
            .first(sql::IS_DELIVERY, &params, |row| row.integer(0))?;
        Ok(found.is_some())
    }

    /// Counts a delivery that is stored under this number and key; `None` where none is, or where it is locked.
    fn count_delivery(
        &mut self,
        callback: &NewCallback,
        refund_no: &str,
        key: &[u8; 32],
    ) -> Result<Option<Stored>, StoreError> {
        self.snapshot().first(
            sql::COUNT_DELIVERY,
            &[
                callback.received_at.as_millis().into(),
                callback.account.provider.as_str().into(),
                callback.account.name.as_str().into(),
                refund_no.into(),
                key.into(),
            ],
            read_known,
        )
    }

    /// Notes the id of a relay's message; what it brought before, if it came before.
    fn known_message(
        &mut self,
        callback: &NewCallback,
        message_key: &[u8; 32],
    ) -> Result<Option<Stored>, StoreError> {
        let (provider, account) = (&callback.account.provider, &callback.account.name);
        let inserted = self.execute(
            sql::INSERT_RELAY_MESSAGE,
            &[
                provider.as_str().into(),
                account.as_str().into(),
                message_key.into(),
                callback.id.as_bytes().into(),
            ],
        )?;
        if inserted == 0 {
            let known = self.snapshot().first(
                sql::COUNT_RELAY_DELIVERY,
                &[
                    callback.received_at.as_millis().into(),
                    provider.as_str().into(),
                    account.as_str().into(),
                    message_key.into(),
                ],
                read_known,
            )?;
            return known.map(Some).ok_or(StoreError::Locked);
        }
        // An instance of the version before notes a message for its account only.
        let seen = [
            message_key.into(),
            provider.as_str().into(),
            account.as_str().into(),
            callback.id.as_bytes().into(),
        ];
        if self.execute(sql::INSERT_RELAY_SEEN, &seen)? == 1 {
            return Ok(None);
        }
        // What it brought there is not this sender's business, and here it counts for nothing.
        Err(StoreError::OtherAccount)
    }
}

fn read_known(row: &dyn Row) -> Result<Stored, StoreError> {
    Ok(Stored::Before {
        id: CallbackId::new(uuid(row.blob(0)?)?),
        is_applied: row.opt_integer(1)?.is_some(),
    })
}
