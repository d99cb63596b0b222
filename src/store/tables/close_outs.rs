//! Close-outs: transaction 2's own state for each `EPay` refund, and what it must know to decide.

use super::callbacks::uuid;
use super::{COUNTED_MAX, Snapshot, Tx, corrupt, number};
use crate::domain::claim::CloseOutKey;
use crate::domain::close_out::{CloseOut, CloseOutFacts, Progress};
use crate::domain::ids::{CallbackId, ExternalId, RefundId};
use crate::domain::money::Amount;
use crate::domain::order::{ApplicationState, OrderState};
use crate::domain::time::Timestamp;
use crate::store::driver::Row;
use crate::store::{StoreError, sql};

impl Tx<'_> {
    /// Stores the close-out of a new refund.
    pub fn insert_close_out(
        &mut self,
        close_out: &CloseOut,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.driver.expect_one(
            sql::INSERT_CLOSE_OUT,
            &[
                close_out.refund_id.as_bytes().into(),
                close_out.callback_id.as_bytes().into(),
                close_out.key.batchno.as_str().into(),
                close_out.key.trandeno.as_str().into(),
                close_out.amount.to_text(2).as_str().into(),
                close_out.progress.as_str().into(),
                i64::from(close_out.progress.errcode()).into(),
                close_out.order_no.as_ref().map(ExternalId::as_str).into(),
                close_out.order_state.map(OrderState::as_str).into(),
                i64::from(close_out.attempts).into(),
                close_out.next_at.map(Timestamp::as_millis).into(),
                close_out.park_at.as_millis().into(),
                now.as_millis().into(),
            ],
        )
    }

    /// Saves how a try ended.
    pub fn save_close_out(
        &mut self,
        close_out: &CloseOut,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.driver.expect_one(
            sql::SAVE_CLOSE_OUT,
            &[
                close_out.progress.as_str().into(),
                i64::from(close_out.progress.errcode()).into(),
                close_out.order_no.as_ref().map(ExternalId::as_str).into(),
                close_out.order_state.map(OrderState::as_str).into(),
                i64::from(close_out.attempts).into(),
                close_out.next_at.map(Timestamp::as_millis).into(),
                now.as_millis().into(),
                close_out.refund_id.as_bytes().into(),
            ],
        )
    }

    /// What the close-out must know, read under the order's lock; `None` where no payment has
    /// this trade number. What `refund_id` itself took back is left out of the sums.
    pub fn close_out_facts(
        &mut self,
        key: &CloseOutKey,
        refund_id: RefundId,
    ) -> Result<Option<(ExternalId, CloseOutFacts)>, StoreError> {
        let order_no = self.snapshot().order_of_payment(&key.trandeno)?;
        let Some(order_no) = number(order_no.as_deref())? else {
            return Ok(None);
        };
        let order = self.lock_order(&order_no)?;
        let (order_state, closed_by_close_out) = order.ok_or_else(|| corrupt("payment"))?;
        let mut snapshot = self.snapshot();
        let refunded_of_payment = snapshot.taken_back(&key.trandeno, Some(refund_id))?;
        let of_application = snapshot.all(
            sql::DONE_AMOUNTS_OF_APPLICATION,
            &[
                order_no.as_str().into(),
                key.batchno.as_str().into(),
                refund_id.as_bytes().into(),
            ],
            |row| amount(row.text(0)?),
        )?;
        let application = snapshot
            .applications(&order_no)?
            .into_iter()
            .find(|application| application.batchno == key.batchno)
            .map(|application| (application.amount, application.state));
        let payments = snapshot.payments(&order_no)?;
        let paid = payments
            .iter()
            .find(|payment| payment.trandeno == key.trandeno)
            .ok_or(StoreError::Superseded)?
            .amount;
        let facts = CloseOutFacts {
            order_state,
            closed_by_close_out,
            paid,
            payments: payments.len(),
            refunded_of_payment,
            refunded_of_application: sum(&of_application)?,
            application,
        };
        Ok(Some((order_no, facts)))
    }

    /// Makes every unfinished close-out of the order's payments due now; returns how many.
    pub fn wake_close_outs(
        &mut self,
        order_no: &ExternalId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let params = [now.as_millis().into(), order_no.as_str().into()];
        self.execute(sql::WAKE_CLOSE_OUTS, &params)
    }

    /// Takes refunds whose close-out is due; until the lease ends no other worker takes them.
    pub fn lease_close_outs(
        &mut self,
        due: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<RefundId>, StoreError> {
        let params = [
            until.as_millis().into(),
            due.as_millis().into(),
            i64::from(limit).into(),
        ];
        self.snapshot().all(sql::LEASE_CLOSE_OUTS, &params, |row| {
            Ok(RefundId::new(uuid(row.blob(0)?)?))
        })
    }

    /// Puts off the next try.
    pub fn defer_close_out(
        &mut self,
        refund_id: RefundId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let params = [until.as_millis().into(), refund_id.as_bytes().into()];
        self.execute(sql::DEFER_CLOSE_OUT, &params).map(drop)
    }

    /// Marks the application handled; `false` where it was.
    pub fn handle_application(
        &mut self,
        order_no: &ExternalId,
        batchno: &str,
        by: RefundId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let params = [
            by.as_bytes().into(),
            now.as_millis().into(),
            order_no.as_str().into(),
            batchno.into(),
        ];
        Ok(self.execute(sql::HANDLE_APPLICATION, &params)? == 1)
    }

    /// Closes the order; `false` where it was not waiting for a refund.
    pub fn close_order(
        &mut self,
        order_no: &ExternalId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let params = [now.as_millis().into(), order_no.as_str().into()];
        Ok(self.execute(sql::CLOSE_ORDER, &params)? == 1)
    }
}

impl Snapshot<'_> {
    /// The close-out of a refund.
    pub fn close_out(&mut self, refund_id: RefundId) -> Result<Option<CloseOut>, StoreError> {
        self.first(sql::CLOSE_OUT, &[refund_id.as_bytes().into()], |row| {
            read_close_out(row, 0)
        })
    }

    /// What done close-outs have taken back from a payment, but for that of one refund.
    pub fn taken_back(
        &mut self,
        trandeno: &str,
        except: Option<RefundId>,
    ) -> Result<Amount, StoreError> {
        let except = except.as_ref().map(RefundId::as_bytes);
        let params = [trandeno.into(), except.into()];
        let amounts = self.all(sql::DONE_AMOUNTS_OF_PAYMENT, &params, |row| {
            amount(row.text(0)?)
        })?;
        sum(&amounts)
    }

    /// When the next close-out is to be tried again, if one is.
    pub fn next_close_out(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let found = self.first(sql::NEXT_CLOSE_OUT, &[], |row| row.opt_integer(0))?;
        Ok(found.flatten().map(Timestamp::from_millis))
    }

    /// How many close-outs are pending and how many are parked, each up to `COUNTED_MAX`.
    pub fn count_close_outs(&mut self) -> Result<(i64, i64), StoreError> {
        let counts = self.first(sql::COUNT_CLOSE_OUTS, &[COUNTED_MAX.into()], |row| {
            Ok((row.integer(0)?, row.integer(1)?))
        })?;
        Ok(counts.unwrap_or((0, 0)))
    }
}

/// Reads the columns of a close-out from this one on.
pub(super) fn read_close_out(row: &dyn Row, from: usize) -> Result<CloseOut, StoreError> {
    let key = CloseOutKey::new(
        row.text(from + 2)?.to_owned(),
        row.text(from + 3)?.to_owned(),
    );
    let state = row.opt_text(from + 8)?;
    Ok(CloseOut {
        refund_id: RefundId::new(uuid(row.blob(from)?)?),
        callback_id: CallbackId::new(uuid(row.blob(from + 1)?)?),
        key: key.map_err(|_| corrupt("close-out key"))?,
        amount: amount(row.text(from + 4)?)?,
        progress: Progress::from_stored(row.text(from + 5)?, row.integer(from + 6)?)
            .ok_or_else(|| corrupt("close-out"))?,
        order_no: number(row.opt_text(from + 7)?)?,
        order_state: state.map(order_state).transpose()?,
        attempts: u32::try_from(row.integer(from + 9)?).unwrap_or(u32::MAX),
        next_at: row.opt_integer(from + 10)?.map(Timestamp::from_millis),
        park_at: Timestamp::from_millis(row.integer(from + 11)?),
    })
}

pub(super) fn amount(text: &str) -> Result<Amount, StoreError> {
    Amount::parse(text).map_err(|_| corrupt("amount"))
}

pub(super) fn order_state(word: &str) -> Result<OrderState, StoreError> {
    OrderState::from_word(word).ok_or_else(|| corrupt("order state"))
}

pub(super) fn application_state(word: &str) -> Result<ApplicationState, StoreError> {
    ApplicationState::from_word(word).ok_or_else(|| corrupt("application state"))
}

fn sum(amounts: &[Amount]) -> Result<Amount, StoreError> {
    amounts
        .iter()
        .try_fold(Amount::ZERO, |sum, amount| sum.checked_add(*amount))
        .ok_or_else(|| corrupt("sum of amounts"))
}
