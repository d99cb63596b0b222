//! The guard against refunding more than was paid: the requests of a payment are summed up under the payment's lock, in
//! the transaction that adds one. A payment is named by its key ([`Request::payment_key`]).

use super::create::{CreateError, NewRequest};
use crate::domain::claim::Account;
use crate::domain::money::Amount;
use crate::domain::request::Request;
use crate::domain::request::intent::FieldError;
use crate::store::{StoreError, Tx};

/// The sum of a payment's requests, under the payment's lock.
pub(super) fn check_sum(
    tx: &mut Tx<'_>,
    new: &NewRequest,
    payment: Option<&str>,
) -> Result<Result<(), CreateError>, StoreError> {
    let Some(payment) = payment else {
        return Ok(Ok(()));
    };
    let order_amount = new.intent.order_amount;
    let known = tx.lock_payment(&new.account, payment, None)?;
    let Some(paid) = order_amount.or(known) else {
        let what = "needs order_amount: what was paid is not known";
        let error = FieldError::new("/amount_available", what);
        return Ok(match new.amount_available {
            Some(_) => Err(CreateError::Invalid(vec![error])),
            None => Ok(()),
        });
    };
    let available = available(tx, &new.account, payment, paid)?;
    if new.amount_available.is_some_and(|said| said != available) {
        return Ok(Err(CreateError::AvailableMismatch(available)));
    }
    if new.intent.money.amount > available {
        return Ok(Err(CreateError::OverRefund(available)));
    }
    if order_amount != known {
        // What a rejected request said is not noted.
        tx.lock_payment(&new.account, payment, order_amount)?;
    }
    Ok(Ok(()))
}

/// What the requests of a payment leave of it; the payment is locked.
fn available(
    tx: &mut Tx<'_>,
    account: &Account,
    payment: &str,
    paid: Amount,
) -> Result<Amount, StoreError> {
    let requests = tx.snapshot().requests_of_payment(account, payment)?;
    let held = requests.and_then(|requests| {
        let mut held = requests.iter().filter(|one| one.state.holds_money());
        held.try_fold(Amount::ZERO, |sum, one| sum.checked_add(one.amount))
    });
    let available = held.and_then(|held| paid.checked_sub(held));
    Ok(available.unwrap_or(Amount::ZERO))
}

/// What is left of the payment of a request that holds none of it, where that is too little for it.
pub fn too_little(tx: &mut Tx<'_>, request: &Request) -> Result<Option<Amount>, StoreError> {
    let Some(payment) = &request.payment_key else {
        return Ok(None);
    };
    let account = &request.account;
    let Some(paid) = tx.lock_payment(account, payment, None)? else {
        return Ok(None);
    };
    let available = available(tx, account, payment, paid)?;
    Ok((request.intent.money.amount > available).then_some(available))
}
