//! Transaction 1: a callback is stored, or recognised as a repeat and counted.

use crate::domain::claim::{DeliveryKey, RefundNo};
use crate::domain::ids::{AttemptId, CallbackId};
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::Tx;
use crate::store::tables::inbound::callbacks::{NewCallback, uuid};

/// Whether a callback was stored before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is new.
    New,
    /// It is a repeat, and was counted.
    Repeat {
        /// The id it got the first time.
        id: CallbackId,
        /// Whether transaction 2 has applied it.
        is_applied: bool,
    },
}

/// The row is locked, and the record of the message must be rolled back.
fn locked_after_a_note() -> StoreError {
    StoreError::SerializationFailure(StoreError::Locked.to_string())
}

/// Where it has no number the unique index needs a value: NULL would never be a repeat.
fn stored_number(callback: &NewCallback) -> &str {
    callback.refund_no.as_ref().map_or("", RefundNo::as_str)
}

impl Tx<'_> {
    /// Stores a callback, or counts a repeat; [`StoreError::Locked`] where another transaction has locked the
    /// row that it repeats.
    pub fn store_callback(&mut self, callback: &NewCallback) -> Result<Receipt, StoreError> {
        if let DeliveryKey::Message(message_key) = &callback.delivery_key
            && let Some(known) = self.known_message(callback, message_key)?
        {
            return Ok(known);
        }
        let refund_no = stored_number(callback);
        if let Some(known) = self.known_to_earlier_releases(callback, refund_no)? {
            return Ok(known);
        }
        if self.insert_callback(callback)? {
            return Ok(Receipt::New);
        }
        let known = self.count_delivery(callback, refund_no, callback.delivery_key.digest())?;
        known.ok_or_else(|| match callback.delivery_key {
            DeliveryKey::Message(_) => locked_after_a_note(),
            DeliveryKey::Body(_) | DeliveryKey::Part { .. } => StoreError::Locked,
        })
    }

    /// Stores the reply to an attempt of ours as a callback: each attempt has one.
    pub fn store_reply(
        &mut self,
        callback: &NewCallback,
        attempt: AttemptId,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_reply
            INSERT INTO replies (callback_id, attempt_id) VALUES ($1, $2)";
        if !self.insert_callback(callback)? {
            return Ok(());
        }
        let params = [callback.id.as_bytes().into(), attempt.as_bytes().into()];
        self.driver.expect_one(SQL, &params)
    }

    /// `false` where its key is stored already.
    fn insert_callback(&mut self, callback: &NewCallback) -> Result<bool, StoreError> {
        const SQL: &str = "-- insert_callback
            INSERT INTO callbacks (id, provider, account, refund_no, delivery_key, key_id, headers, body, claim,
              received_at, last_received_at, settle_after)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT DO NOTHING";
        let params = [
            callback.id.as_bytes().into(),
            callback.account.provider.as_str().into(),
            callback.account.name.as_str().into(),
            stored_number(callback).into(),
            callback.delivery_key.digest().into(),
            callback.key_id.as_str().into(),
            callback.headers.as_str().into(),
            callback.body.as_slice().into(),
            callback.claim.as_deref().into(),
            callback.received_at.as_millis().into(),
            callback.received_at.as_millis().into(),
            callback.settle_after.as_millis().into(),
        ];
        self.insert_new(SQL, &params)
    }

    /// A repeat of what earlier releases stored under another key or number, counted.
    fn known_to_earlier_releases(
        &mut self,
        callback: &NewCallback,
        refund_no: &str,
    ) -> Result<Option<Receipt>, StoreError> {
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

    /// Whether a callback is stored under this number and key, locked or not.
    fn is_delivery(
        &mut self,
        callback: &NewCallback,
        refund_no: &str,
        key: &[u8; 32],
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- is_delivery
            SELECT received_at FROM callbacks
            WHERE provider = $1 AND account = $2 AND refund_no = $3 AND delivery_key = $4";
        let params = [
            callback.account.provider.as_str().into(),
            callback.account.name.as_str().into(),
            refund_no.into(),
            key.into(),
        ];
        let found = self.snapshot().first(SQL, &params, |row| row.integer(0))?;
        Ok(found.is_some())
    }

    /// Counts a repeat of the callback under this number and key; `None` where there is none, or it is
    /// locked.
    fn count_delivery(
        &mut self,
        callback: &NewCallback,
        refund_no: &str,
        key: &[u8; 32],
    ) -> Result<Option<Receipt>, StoreError> {
        // No row where another transaction has it locked: accepting does not wait for applying.
        const SQL: &str = "-- count_delivery
            UPDATE callbacks SET deliveries = deliveries + 1, last_received_at = $1
            WHERE id = (SELECT id FROM callbacks
                        WHERE provider = $2 AND account = $3 AND refund_no = $4 AND delivery_key = $5 /* skip locked */)
            RETURNING id, settled_at";
        self.snapshot().first(
            SQL,
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

    /// Records the id of a relay's message; the callback that it brought before, if it is a repeat.
    fn known_message(
        &mut self,
        callback: &NewCallback,
        message_key: &[u8; 32],
    ) -> Result<Option<Receipt>, StoreError> {
        const INSERT_RELAY_MESSAGE: &str = "-- insert_relay_message
            INSERT INTO relay_messages (provider, account, message_key, callback_id) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING";
        const COUNT_RELAY_DELIVERY: &str = "-- count_relay_delivery
            UPDATE callbacks SET deliveries = deliveries + 1, last_received_at = $1
            WHERE id = (SELECT id FROM callbacks
                        WHERE id = (SELECT callback_id FROM relay_messages
                                    WHERE provider = $2 AND account = $3 AND message_key = $4) /* skip locked */)
            RETURNING id, settled_at";
        const INSERT_RELAY_SEEN: &str = "-- insert_relay_seen
            INSERT INTO relay_seen (message_key, provider, account, callback_id) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING";
        let (provider, account) = (&callback.account.provider, &callback.account.name);
        let inserted = self.execute(
            INSERT_RELAY_MESSAGE,
            &[
                provider.as_str().into(),
                account.as_str().into(),
                message_key.into(),
                callback.id.as_bytes().into(),
            ],
        )?;
        if inserted == 0 {
            let known = self.snapshot().first(
                COUNT_RELAY_DELIVERY,
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
        if self.execute(INSERT_RELAY_SEEN, &seen)? == 1 {
            return Ok(None);
        }
        // The message belongs to another account: its callback is not shown to this sender, and nothing is
        // stored.
        Err(StoreError::OtherAccount)
    }
}

fn read_known(row: &dyn Row) -> Result<Receipt, StoreError> {
    Ok(Receipt::Repeat {
        id: CallbackId::new(uuid(row.blob(0)?)?),
        is_applied: row.opt_integer(1)?.is_some(),
    })
}
