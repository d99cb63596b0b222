//! Pre-orders: registered by the merchant, moved by close-outs.

use super::close_outs::{amount, application_state, order_state};
use super::{Snapshot, Tx};
use crate::domain::ids::ExternalId;
use crate::domain::order::{
    Application, ApplicationSaid, ApplicationState, Order, OrderState, Payment,
};
use crate::domain::time::Timestamp;
use crate::store::driver::Row;
use crate::store::{StoreError, sql};

impl Tx<'_> {
    /// Reads where an order stands and keeps everybody else from moving it until the commit:
    /// its state, and whether a close-out closed it.
    pub fn lock_order(
        &mut self,
        order_no: &ExternalId,
    ) -> Result<Option<(OrderState, bool)>, StoreError> {
        let params = [order_no.as_str().into()];
        self.snapshot().first(sql::LOCK_ORDER, &params, read_state)
    }

    /// Registers an order; [`StoreError::Superseded`] where somebody else did so meanwhile.
    pub fn insert_order(
        &mut self,
        order_no: &ExternalId,
        state: OrderState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let now = now.as_millis();
        let params = [
            order_no.as_str().into(),
            state.as_str().into(),
            now.into(),
            now.into(),
        ];
        self.driver.expect_one(sql::INSERT_ORDER, &params)
    }

    /// Changes the state of an order that is locked.
    pub fn save_order(
        &mut self,
        order_no: &ExternalId,
        state: OrderState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let params = [
            state.as_str().into(),
            now.as_millis().into(),
            order_no.as_str().into(),
        ];
        self.execute(sql::SAVE_ORDER, &params).map(drop)
    }

    /// Registers a payment or changes its amount; [`StoreError::Superseded`] where it became another
    /// order's meanwhile.
    pub fn put_payment(
        &mut self,
        order_no: &ExternalId,
        payment: &Payment,
    ) -> Result<(), StoreError> {
        let amount = payment.amount.to_text(2);
        let params = [
            payment.trandeno.as_str().into(),
            order_no.as_str().into(),
            amount.as_str().into(),
        ];
        self.driver.expect_one(sql::PUT_PAYMENT, &params)
    }

    /// Registers a refund application or changes one that is not handled.
    pub fn put_application(
        &mut self,
        order_no: &ExternalId,
        application: &ApplicationSaid,
    ) -> Result<(), StoreError> {
        let amount = application.amount.to_text(2);
        let params = [
            order_no.as_str().into(),
            application.batchno.as_str().into(),
            amount.as_str().into(),
            application.state.map(ApplicationState::as_str).into(),
        ];
        self.execute(sql::PUT_APPLICATION, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// An order with its payments and applications.
    pub fn order(&mut self, order_no: &ExternalId) -> Result<Option<Order>, StoreError> {
        let found = self.first(sql::ORDER, &[order_no.as_str().into()], read_state)?;
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
        self.first(sql::PAYMENT, &[trandeno.into()], |row| {
            Ok(row.text(0)?.to_owned())
        })
    }

    /// The payments of an order.
    pub fn payments(&mut self, order_no: &ExternalId) -> Result<Vec<Payment>, StoreError> {
        self.all(sql::PAYMENTS_OF_ORDER, &[order_no.as_str().into()], |row| {
            Ok(Payment {
                trandeno: row.text(0)?.to_owned(),
                amount: amount(row.text(1)?)?,
            })
        })
    }

    pub(super) fn applications(
        &mut self,
        order_no: &ExternalId,
    ) -> Result<Vec<Application>, StoreError> {
        self.all(
            sql::APPLICATIONS_OF_ORDER,
            &[order_no.as_str().into()],
            |row| {
                Ok(Application {
                    batchno: row.text(0)?.to_owned(),
                    amount: amount(row.text(1)?)?,
                    state: application_state(row.text(2)?)?,
                })
            },
        )
    }
}

/// Where an order stands, and whether a close-out closed it.
fn read_state(row: &dyn Row) -> Result<(OrderState, bool), StoreError> {
    Ok((order_state(row.text(0)?)?, row.integer(1)? != 0))
}
