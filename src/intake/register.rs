//! Registers pre-orders. A registration never undoes a close-out, and it makes close-outs that waited for the
//! order due at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Intake;
use crate::domain::ids::ExternalId;
use crate::domain::money::Amount;
use crate::domain::order::{
    Order, OrderState, Payment, RegisteredApplication, registered_amount, registered_state,
};
use crate::domain::trail::{About, Act, Actor};
use crate::store::{Lane, Store, StoreError, Tx};

/// An order as the merchant registers it.
#[derive(Clone, Debug)]
pub struct Registration {
    pub order_no: ExternalId,
    pub state: OrderState,
    /// Added or changed; others stay.
    pub payments: Vec<Payment>,
    /// Added or changed; others stay.
    pub applications: Vec<RegisteredApplication>,
}

/// An order before and after a registration.
#[derive(Clone, Debug)]
pub struct Registered {
    /// `None` where the order is new.
    pub before: Option<Order>,
    pub order: Order,
}

/// Why an order was not registered; the transaction is rolled back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// A trade number belongs to one order only.
    #[error("payment {trandeno:?} belongs to order {order_no:?}")]
    PaymentOfOtherOrder { trandeno: String, order_no: String },
}

impl Intake {
    pub async fn register(
        &self,
        registration: Registration,
        by: Actor,
    ) -> Result<Result<Registered, RegistrationError>, StoreError> {
        let clock = self.clock.clone();
        let registered = write(&self.store, registration, move |tx, registration| {
            let now = clock.now();
            let order_no = &registration.order_no;
            for payment in &registration.payments {
                match tx.snapshot().order_of_payment(&payment.trandeno)? {
                    Some(other) if other != order_no.as_str() => {
                        return Ok(Err(RegistrationError::PaymentOfOtherOrder {
                            trandeno: payment.trandeno.clone(),
                            order_no: other,
                        }));
                    }
                    Some(_) | None => {}
                }
            }
            let known = tx.lock_order(order_no)?;
            let before = match known {
                None => None,
                Some(_) => tx.snapshot().order(order_no)?,
            };
            let state = registered_state(known, registration.state);
            match known {
                None => tx.insert_order(order_no, state, now)?,
                Some(_) => tx.save_order(order_no, state, now)?,
            }
            put_payments(tx, order_no, &registration.payments)?;
            for application in &registration.applications {
                tx.put_application(order_no, application)?;
            }
            let woken = tx.wake_close_outs(order_no)?;
            let order = tx.snapshot().order(order_no)?;
            let order =
                order.ok_or_else(|| StoreError::Unreadable("an order is gone".to_owned()))?;
            if let Some((was, is)) = difference(before.as_ref(), &order) {
                let about = About::new("order", order_no.as_str());
                tx.append_act(by.did(Act::OrderChanged, about, now).changed(&was, &is));
            }
            Ok(Ok((Registered { before, order }, woken)))
        })
        .await?;
        Ok(registered.map(|(registered, woken)| {
            if woken > 0 {
                self.wake.notify_one();
            }
            registered
        }))
    }
}

/// What a registration found of what it changed, and what it left; `None` where nothing changed.
fn difference(before: Option<&Order>, after: &Order) -> Option<(Value, Value)> {
    let known = before.map(facts).unwrap_or_default();
    let (mut was, mut is) = (Map::new(), Map::new());
    for (place, now) in facts(after) {
        let then = known.get(&place);
        if then != Some(&now) {
            if let Some(then) = then {
                put(&mut was, place, then.clone());
            }
            put(&mut is, place, now);
        }
    }
    let was = before.map_or(Value::Null, |_| Value::Object(was));
    (!is.is_empty()).then_some((was, Value::Object(is)))
}

/// Each part of an order, by its place.
fn facts(order: &Order) -> BTreeMap<(&'static str, &str), Value> {
    let state = (("state", ""), order.state.as_str().into());
    let payments = order.payments.iter().map(|payment| {
        let place = ("payments", payment.trandeno.as_str());
        (place, payment.amount.to_text(2).into())
    });
    let applications = order.applications.iter().map(|application| {
        let (amount, state) = (application.amount.to_text(2), application.state.as_str());
        let place = ("refund_applications", application.batchno.as_str());
        (place, json!({"amount": amount, "state": state}))
    });
    std::iter::once(state)
        .chain(payments)
        .chain(applications)
        .collect()
}

fn put(object: &mut Map<String, Value>, (member, name): (&str, &str), value: Value) {
    if name.is_empty() {
        object.insert(member.to_owned(), value);
    } else {
        let inner = object.entry(member).or_insert_with(|| json!({}));
        inner[name] = value;
    }
}

/// Adds or changes payments of a locked order, so no close-out refunds any of them at the same time.
fn put_payments(
    tx: &mut Tx<'_>,
    order_no: &ExternalId,
    payments: &[Payment],
) -> Result<(), StoreError> {
    let known = tx.snapshot().payments(order_no)?;
    for payment in payments {
        let known = known.iter().find(|one| one.trandeno == payment.trandeno);
        let known = known.map(|payment| payment.amount);
        // Only a lower amount can fall below what was refunded; most registrations skip this query.
        let taken_back = if known.is_some_and(|known| payment.amount < known) {
            tx.snapshot().taken_back(&payment.trandeno, None)?
        } else {
            Amount::ZERO
        };
        let payment = Payment {
            trandeno: payment.trandeno.clone(),
            amount: registered_amount(known, payment.amount, taken_back),
        };
        tx.put_payment(order_no, &payment)?;
    }
    Ok(())
}

async fn write<T: Send + 'static>(
    store: &Store,
    registration: Registration,
    work: impl Fn(&mut Tx<'_>, &Registration) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    store
        .write("register order", Lane::SHARED, move |tx| {
            work(tx, &registration)
        })
        .await
}
