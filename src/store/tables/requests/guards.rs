//! What keeps money from moving twice or beyond what was paid: the lock of a payment, the sum of its requests,
//! and callers' idempotency keys.

use super::super::{Snapshot, Tx, corrupt};
use crate::domain::claim::Account;
use crate::domain::ids::RefundId;
use crate::domain::money::Amount;
use crate::domain::request::State;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::tables::inbound::callbacks::uuid;

/// Requests of one payment that are summed up; a payment with more takes no further one.
const REQUESTS_OF_PAYMENT_MAX: i64 = 10_000;

/// What an idempotency key brought the first time.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// SHA-256 of the body.
    pub body_hash: Vec<u8>,
    pub refund_id: RefundId,
}

/// A request of a payment.
#[derive(Clone, Copy, Debug)]
pub struct OfPayment {
    pub refund_id: RefundId,
    pub state: State,
    pub amount: Amount,
}

impl Tx<'_> {
    /// Locks a payment until the commit: no other request of it is made or begun at the same time. Notes what
    /// was paid, where the caller knows it; returns what is known of it.
    pub fn lock_payment(
        &mut self,
        account: &Account,
        payment: &str,
        order_amount: Option<Amount>,
    ) -> Result<Option<Amount>, StoreError> {
        const INSERT_PAYMENT: &str = "-- insert_payment
            INSERT INTO payments (provider, account, payment) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        const LOCK_PAYMENT: &str = "-- lock_payment
            UPDATE payments SET order_amount = coalesce($1, order_amount)
            WHERE provider = $2 AND account = $3 AND payment = $4
            RETURNING order_amount";
        let (provider, name) = (account.provider.as_str(), account.name.as_str());
        let key = [provider.into(), name.into(), payment.into()];
        self.execute(INSERT_PAYMENT, &key)?;
        let order_amount = order_amount.map(|amount| amount.to_text(0));
        let params = [
            order_amount.as_deref().into(),
            provider.into(),
            name.into(),
            payment.into(),
        ];
        let known = self.snapshot().first(LOCK_PAYMENT, &params, |row| {
            row.opt_text(0)?
                .map(|text| Amount::parse(text).map_err(|_| corrupt("amount of a payment")))
                .transpose()
        })?;
        Ok(known.flatten())
    }

    /// Makes requests of a payment that wait for their turn due now.
    pub fn wake_payment(
        &mut self,
        account: &Account,
        payment: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- wake_payment
            UPDATE requests SET next_at = $1
            WHERE provider = $2 AND account = $3 AND payment = $4 AND state = 'queued' AND next_at > $1";
        let params = [
            now.as_millis().into(),
            account.provider.as_str().into(),
            account.name.as_str().into(),
            payment.into(),
        ];
        self.execute(SQL, &params).map(drop)
    }

    /// Notes an idempotency key; what it brought before, where it is known.
    pub fn note_key(
        &mut self,
        (reader, path, key): (&str, &str, &str),
        body_hash: &[u8; 32],
        refund_id: RefundId,
        now: Timestamp,
    ) -> Result<Option<KnownKey>, StoreError> {
        const SQL: &str = "-- insert_idempotency_key
            INSERT INTO idempotency_keys (reader, path, key, body_hash, refund_id, created_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT DO NOTHING";
        let params = [
            reader.into(),
            path.into(),
            key.into(),
            body_hash.into(),
            refund_id.as_bytes().into(),
            now.as_millis().into(),
        ];
        if self.execute(SQL, &params)? == 1 {
            return Ok(None);
        }
        // A concurrent transaction that noted it has committed by now.
        let known = self.snapshot().known_key(reader, path, key)?;
        known.map(Some).ok_or(StoreError::Locked)
    }
}

impl Snapshot<'_> {
    /// What an idempotency key brought.
    pub fn known_key(
        &mut self,
        reader: &str,
        path: &str,
        key: &str,
    ) -> Result<Option<KnownKey>, StoreError> {
        const SQL: &str = "-- known_key
            SELECT body_hash, refund_id FROM idempotency_keys WHERE reader = $1 AND path = $2 AND key = $3";
        self.first(SQL, &[reader.into(), path.into(), key.into()], |row| {
            Ok(KnownKey {
                body_hash: row.blob(0)?.to_vec(),
                refund_id: RefundId::new(uuid(row.blob(1)?)?),
            })
        })
    }

    /// The requests of a payment. `None` where there are too many to sum up.
    pub fn requests_of_payment(
        &mut self,
        account: &Account,
        payment: &str,
    ) -> Result<Option<Vec<OfPayment>>, StoreError> {
        const SQL: &str = "-- requests_of_payment
            SELECT refund_id, state, amount FROM requests
            WHERE provider = $1 AND account = $2 AND payment = $3 LIMIT $4";
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
            payment.into(),
            REQUESTS_OF_PAYMENT_MAX.into(),
        ];
        let found = self.all(SQL, &params, |row| {
            Ok(OfPayment {
                refund_id: RefundId::new(uuid(row.blob(0)?)?),
                state: State::from_word(row.text(1)?)
                    .ok_or_else(|| corrupt("state of a request"))?,
                amount: Amount::parse(row.text(2)?).map_err(|_| corrupt("amount of a request"))?,
            })
        })?;
        let is_whole = i64::try_from(found.len()).is_ok_and(|n| n < REQUESTS_OF_PAYMENT_MAX);
        Ok(is_whole.then_some(found))
    }
}
