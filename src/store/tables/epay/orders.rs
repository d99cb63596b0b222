//! Pre-orders: registered by the merchant, moved by close-outs.

use crate::domain::ids::ExternalId;
use crate::domain::order::{
    Application, ApplicationState, Order, OrderState, Payment, RegisteredApplication,
};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::epay::close_outs::{amount, application_state, order_state};
use crate::store::tables::{Snapshot, Tx};

impl Tx<'_> {
    /// Locks an order until the commit: its state, and whether a close-out closed it.
    pub fn lock_order(
        &mut self,
        order_no: &ExternalId,
    ) -> Result<Option<(OrderState, bool)>, StoreError> {
        const SQL: &str = "-- lock_order
            UPDATE T_SP_YD SET updated_at = updated_at WHERE order_no = $1
            RETURNING state, closed_by_close_out";
        let params = [order_no.as_str().into()];
        self.snapshot().first(SQL, &params, read_state)
    }

    /// Registers an order; [`StoreError::Superseded`] where a concurrent transaction did so.
    pub fn insert_order(
        &mut self,
        order_no: &ExternalId,
        state: OrderState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_order
            INSERT INTO T_SP_YD (order_no, state, created_at, updated_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING";
        let now = now.as_millis();
        let params = [
            order_no.as_str().into(),
            state.as_str().into(),
            now.into(),
            now.into(),
        ];
        self.driver.expect_one(SQL, &params)
    }

    /// Changes the state of an order that is locked.
    pub fn save_order(
        &mut self,
        order_no: &ExternalId,
        state: OrderState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- save_order
            UPDATE T_SP_YD SET state = $1, updated_at = $2 WHERE order_no = $3 AND state <> $1";
        let params = [
            state.as_str().into(),
            now.as_millis().into(),
            order_no.as_str().into(),
        ];
        self.execute(SQL, &params).map(drop)
    }

    /// Registers a payment or changes its amount; [`StoreError::Superseded`] where it is another
    /// order's by now.
    pub fn put_payment(
        &mut self,
        order_no: &ExternalId,
        payment: &Payment,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- put_payment
            INSERT INTO T_SP_YD_DSFZF (trandeno, order_no, amount) VALUES ($1, $2, $3)
            ON CONFLICT (trandeno) DO UPDATE SET amount = excluded.amount
            WHERE T_SP_YD_DSFZF.order_no = excluded.order_no";
        let amount = payment.amount.to_text(2);
        let params = [
            payment.trandeno.as_str().into(),
            order_no.as_str().into(),
            amount.as_str().into(),
        ];
        self.driver.expect_one(SQL, &params)
    }

    /// Registers a refund application or changes one that is not handled.
    pub fn put_application(
        &mut self,
        order_no: &ExternalId,
        application: &RegisteredApplication,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- put_application
            INSERT INTO T_SP_YD_SXF (order_no, batchno, amount, state) VALUES ($1, $2, $3, coalesce($4, 'applied'))
            ON CONFLICT (order_no, batchno) DO UPDATE
            SET amount = excluded.amount, state = coalesce($4, T_SP_YD_SXF.state)
            WHERE T_SP_YD_SXF.state <> 'handled'";
        let amount = application.amount.to_text(2);
        let params = [
            order_no.as_str().into(),
            application.batchno.as_str().into(),
            amount.as_str().into(),
            application.state.map(ApplicationState::as_str).into(),
        ];
        self.execute(SQL, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// An order with its payments and applications.
    pub fn order(&mut self, order_no: &ExternalId) -> Result<Option<Order>, StoreError> {
        const SQL: &str = "-- order
            SELECT state, closed_by_close_out FROM T_SP_YD WHERE order_no = $1";
        let found = self.first(SQL, &[order_no.as_str().into()], read_state)?;
        let Some((state, closed_by_close_out)) = found else {
            return Ok(None);
        };
        Ok(Some(Order {
            order_no: order_no.clone(),
            state,
            closed_by_close_out,
            payments: self.payments(order_no)?,
            applications: self.applications(order_no)?,
        }))
    }

    /// The order that a payment belongs to.
    pub fn order_of_payment(&mut self, trandeno: &str) -> Result<Option<String>, StoreError> {
        const SQL: &str = "-- payment
            SELECT order_no, amount FROM T_SP_YD_DSFZF WHERE trandeno = $1";
        self.first(SQL, &[trandeno.into()], |row| Ok(row.text(0)?.to_owned()))
    }

    /// The payments of an order.
    pub fn payments(&mut self, order_no: &ExternalId) -> Result<Vec<Payment>, StoreError> {
        const SQL: &str = "-- payments_of_order
            SELECT trandeno, amount FROM T_SP_YD_DSFZF WHERE order_no = $1 ORDER BY trandeno";
        self.all(SQL, &[order_no.as_str().into()], |row| {
            Ok(Payment {
                trandeno: row.text(0)?.to_owned(),
                amount: amount(row.text(1)?)?,
            })
        })
    }

    pub(in crate::store::tables) fn applications(
        &mut self,
        order_no: &ExternalId,
    ) -> Result<Vec<Application>, StoreError> {
        const SQL: &str = "-- applications_of_order
            SELECT batchno, amount, state FROM T_SP_YD_SXF WHERE order_no = $1 ORDER BY batchno";
        self.all(SQL, &[order_no.as_str().into()], |row| {
            Ok(Application {
                batchno: row.text(0)?.to_owned(),
                amount: amount(row.text(1)?)?,
                state: application_state(row.text(2)?)?,
            })
        })
    }
}

/// The state of an order, and whether a close-out closed it.
fn read_state(row: &dyn Row) -> Result<(OrderState, bool), StoreError> {
    Ok((order_state(row.text(0)?)?, row.integer(1)? != 0))
}
