//! Close-outs: transaction 2's own state for each `EPay` refund, and what it must know to decide.

use crate::domain::claim::CloseOutKey;
use crate::domain::ids::{CallbackId, ExternalId, RefundId};
use crate::domain::money::Amount;
use crate::domain::order::close_out::{CloseOut, CloseOutFacts, Progress};
use crate::domain::order::{ApplicationState, OrderState};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::inbound::callbacks::uuid;
use crate::store::tables::{COUNTED_MAX, Snapshot, Tx, corrupt, number};

columns!(close_out_columns, CloseOutColumns: close_outs {
    refund_id, callback_id, batchno, trandeno, amount, state, errcode, order_no, order_state, attempts, next_at,
    park_at,
});
pub(in crate::store::tables) use close_out_columns;

/// The column after those of a close-out that begin here.
pub(in crate::store::tables) const fn after(start: usize) -> usize {
    CloseOutColumns::up_to(start).1
}

impl Tx<'_> {
    /// Stores the close-out of a new refund.
    pub fn insert_close_out(
        &mut self,
        close_out: &CloseOut,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_close_out
            INSERT INTO close_outs (refund_id, callback_id, batchno, trandeno, amount, state, errcode, order_no,
              order_state, attempts, next_at, park_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        self.driver.expect_one(
            SQL,
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
        const SQL: &str = "-- save_close_out
            UPDATE close_outs SET state = $1, errcode = $2, order_no = $3, order_state = $4, attempts = $5,
              next_at = $6, updated_at = $7
            WHERE refund_id = $8";
        self.driver.expect_one(
            SQL,
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

    /// Saves another amount.
    pub fn restate_close_out(
        &mut self,
        refund_id: RefundId,
        amount: Amount,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- restate_close_out
            UPDATE close_outs SET amount = $1, updated_at = $2 WHERE refund_id = $3";
        let amount = amount.to_text(2);
        let params = [
            amount.as_str().into(),
            now.as_millis().into(),
            refund_id.as_bytes().into(),
        ];
        self.driver.expect_one(SQL, &params)
    }

    /// What the close-out must know, read under the order's lock; `None` where no payment has
    /// this trade number. What `refund_id` itself took back is left out of the sums.
    pub fn close_out_facts(
        &mut self,
        key: &CloseOutKey,
        refund_id: RefundId,
    ) -> Result<Option<(ExternalId, CloseOutFacts)>, StoreError> {
        const SQL: &str = "-- done_amounts_of_application
            SELECT close_outs.amount FROM close_outs
            JOIN T_SP_YD_DSFZF AS p ON p.trandeno = close_outs.trandeno
            WHERE p.order_no = $1 AND close_outs.batchno = $2 AND close_outs.state = 'done' AND close_outs.refund_id <> $3";
        let order_no = self.snapshot().order_of_payment(&key.trandeno)?;
        let Some(order_no) = number(order_no.as_deref())? else {
            return Ok(None);
        };
        let order = self.lock_order(&order_no)?;
        let (order_state, closed_by_close_out) = order.ok_or_else(|| corrupt("payment"))?;
        let mut snapshot = self.snapshot();
        let refunded_of_payment = snapshot.taken_back(&key.trandeno, Some(refund_id))?;
        let of_application = snapshot.all(
            SQL,
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

    /// Makes every unfinished close-out of the order's payments due, before all that only wait for their time;
    /// returns how many.
    pub fn wake_close_outs(&mut self, order_no: &ExternalId) -> Result<usize, StoreError> {
        const SQL: &str = "-- wake_close_outs
            UPDATE close_outs SET state = 'pending', next_at = 0
            WHERE state <> 'done'
              AND trandeno IN (SELECT trandeno FROM T_SP_YD_DSFZF WHERE order_no = $1)";
        self.execute(SQL, &[order_no.as_str().into()])
    }

    /// Takes refunds whose close-out is due; until the lease ends no other worker takes them.
    pub fn lease_close_outs(
        &mut self,
        due: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<RefundId>, StoreError> {
        const SQL: &str = "-- lease_close_outs
            UPDATE close_outs SET next_at = $1
            WHERE refund_id IN (SELECT refund_id FROM close_outs WHERE next_at <= $2
                                ORDER BY next_at LIMIT $3 /* skip locked */)
            RETURNING refund_id";
        let params = [
            until.as_millis().into(),
            due.as_millis().into(),
            i64::from(limit).into(),
        ];
        self.snapshot()
            .all(SQL, &params, |row| Ok(RefundId::new(uuid(row.blob(0)?)?)))
    }

    /// Puts off the next try.
    pub fn defer_close_out(
        &mut self,
        refund_id: RefundId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        // A pending one is neither parked nor done; `state = 'pending'` would let a server read the index of
        // all open ones.
        const SQL: &str = "-- defer_close_out
            UPDATE close_outs SET next_at = $1 WHERE refund_id = $2 AND state <> 'parked' AND errcode <> 0";
        let params = [until.as_millis().into(), refund_id.as_bytes().into()];
        self.execute(SQL, &params).map(drop)
    }

    /// Marks the application handled; `false` where it was.
    pub fn handle_application(
        &mut self,
        order_no: &ExternalId,
        batchno: &str,
        by: RefundId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- handle_application
            UPDATE T_SP_YD_SXF SET state = 'handled', handled_by = $1, handled_at = $2
            WHERE order_no = $3 AND batchno = $4 AND state <> 'handled'";
        let params = [
            by.as_bytes().into(),
            now.as_millis().into(),
            order_no.as_str().into(),
            batchno.into(),
        ];
        Ok(self.execute(SQL, &params)? == 1)
    }

    /// Closes the order; `false` where it was not waiting for a refund.
    pub fn close_order(
        &mut self,
        order_no: &ExternalId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- close_order
            UPDATE T_SP_YD SET state = 'closed', closed_by_close_out = 1, updated_at = $1
            WHERE order_no = $2 AND state = 'refund_applied'";
        let params = [now.as_millis().into(), order_no.as_str().into()];
        Ok(self.execute(SQL, &params)? == 1)
    }
}

impl Snapshot<'_> {
    /// The close-out of a refund.
    pub fn close_out(&mut self, refund_id: RefundId) -> Result<Option<CloseOut>, StoreError> {
        const SQL: &str = concat!(
            "-- close_out
            SELECT ",
            close_out_columns!(),
            " FROM close_outs WHERE close_outs.refund_id = $1"
        );
        self.first(SQL, &[refund_id.as_bytes().into()], |row| {
            read_close_out(row, 0)
        })
    }

    /// What done close-outs have taken back from a payment, but for that of one refund.
    pub fn taken_back(
        &mut self,
        trandeno: &str,
        except: Option<RefundId>,
    ) -> Result<Amount, StoreError> {
        const SQL: &str = "-- done_amounts_of_payment
            SELECT amount FROM close_outs
            WHERE trandeno = $1 AND state = 'done' AND refund_id IS DISTINCT FROM $2";
        let except = except.as_ref().map(RefundId::as_bytes);
        let params = [trandeno.into(), except.into()];
        let amounts = self.all(SQL, &params, |row| amount(row.text(0)?))?;
        sum(&amounts)
    }

    /// When the next close-out is to be tried again, if one is.
    pub fn next_close_out(&mut self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "-- next_close_out
            SELECT min(next_at) FROM close_outs WHERE next_at IS NOT NULL";
        let found = self.first(SQL, &[], |row| row.opt_integer(0))?;
        Ok(found.flatten().map(Timestamp::from_millis))
    }

    /// How many close-outs are pending and how many are parked, each up to `COUNTED_MAX`.
    pub fn count_close_outs(&mut self) -> Result<(i64, i64), StoreError> {
        // Every limit has an order here and elsewhere: without one a server takes any way to the first rows,
        // through the whole table where it expects to meet them soon.
        const SQL: &str = "-- count_close_outs
            SELECT
              (SELECT count(*) FROM
                (SELECT 1 FROM close_outs WHERE next_at IS NOT NULL ORDER BY next_at LIMIT $1) AS pending),
              (SELECT count(*) FROM
                (SELECT 1 FROM close_outs WHERE state <> 'done' AND state > 'done' AND state < 'pending'
                 ORDER BY state LIMIT $1) AS parked)";
        let counts = self.first(SQL, &[COUNTED_MAX.into()], |row| {
            Ok((row.integer(0)?, row.integer(1)?))
        })?;
        Ok(counts.unwrap_or((0, 0)))
    }
}

/// Reads the columns of a close-out from this one on.
pub(in crate::store::tables) fn read_close_out(
    row: &dyn Row,
    from: usize,
) -> Result<CloseOut, StoreError> {
    let column = CloseOutColumns::from(from);
    let key = CloseOutKey::new(
        row.text(column.batchno)?.to_owned(),
        row.text(column.trandeno)?.to_owned(),
    );
    let state = row.opt_text(column.order_state)?;
    Ok(CloseOut {
        refund_id: RefundId::new(uuid(row.blob(column.refund_id)?)?),
        callback_id: CallbackId::new(uuid(row.blob(column.callback_id)?)?),
        key: key.map_err(|_| corrupt("close-out key"))?,
        amount: amount(row.text(column.amount)?)?,
        progress: Progress::from_stored(row.text(column.state)?, row.integer(column.errcode)?)
            .ok_or_else(|| corrupt("close-out"))?,
        order_no: number(row.opt_text(column.order_no)?)?,
        order_state: state.map(order_state).transpose()?,
        attempts: u32::try_from(row.integer(column.attempts)?).unwrap_or(u32::MAX),
        next_at: row.opt_integer(column.next_at)?.map(Timestamp::from_millis),
        park_at: Timestamp::from_millis(row.integer(column.park_at)?),
    })
}

pub(in crate::store::tables) fn amount(text: &str) -> Result<Amount, StoreError> {
    Amount::parse(text).map_err(|_| corrupt("amount"))
}

pub(in crate::store::tables) fn order_state(word: &str) -> Result<OrderState, StoreError> {
    OrderState::from_word(word).ok_or_else(|| corrupt("order state"))
}

pub(in crate::store::tables) fn application_state(
    word: &str,
) -> Result<ApplicationState, StoreError> {
    ApplicationState::from_word(word).ok_or_else(|| corrupt("application state"))
}

fn sum(amounts: &[Amount]) -> Result<Amount, StoreError> {
    amounts
        .iter()
        .try_fold(Amount::ZERO, |sum, amount| sum.checked_add(*amount))
        .ok_or_else(|| corrupt("sum of amounts"))
}
