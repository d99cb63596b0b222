//! What the providers believe: payments, refunds, how often money moved. Every change is written to the log
//! before the reply goes out, so that it survives `kill -9`. `entry` has what is kept, `due` what happens when, `log`
//! the lines on disk, `settlement` the files that providers make of a day.

mod due;
mod entry;
pub(super) mod log;
pub mod settlement;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::outcome::Outcome;
use crate::domain::money::Amount;

use due::Task;
pub use entry::{Accepted, Callback, Key, Payment, Refund, State, Try};
use log::{Log, Record};

/// Refunds and payments that are kept; more are turned away.
const REFUNDS_MAX: usize = 500_000;

#[derive(Debug, Default)]
pub struct Ledger {
    payments: BTreeMap<Key, Payment>,
    refunds: BTreeMap<Key, Refund>,
    of_payment: BTreeMap<Key, Vec<Key>>,
    /// What may be refunded in all, where it is limited.
    balances: BTreeMap<String, Amount>,
    tasks: BinaryHeap<Reverse<(i64, u64, Task)>>,
    sequence: u64,
    log: Log,
}

impl Ledger {
    /// Goes on with what the log holds.
    pub fn new(log: Log, records: Vec<Record>) -> Self {
        let mut ledger = Self {
            log,
            ..Self::default()
        };
        for record in records {
            match record {
                Record::Payment(payment) => {
                    let key = (payment.provider.clone(), payment.payment.clone());
                    ledger.payments.insert(key, *payment);
                }
                Record::Refund { key, refund } => {
                    ledger.index(&(refund.provider.clone(), key), *refund);
                }
                Record::Balance { provider, amount } => {
                    ledger.balances.insert(provider, amount);
                }
                Record::Clock { .. } => {}
            }
        }
        let keys: Vec<_> = ledger.refunds.keys().cloned().collect();
        for key in keys {
            ledger.schedule(&key);
        }
        ledger
    }

    fn index(&mut self, key: &Key, refund: Refund) {
        let payment = (refund.provider.clone(), refund.payment.clone());
        let known = self.of_payment.entry(payment).or_default();
        if !known.contains(key) {
            known.push(key.clone());
        }
        self.refunds.insert(key.clone(), refund);
    }

    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    pub fn payment(&self, provider: &str, payment: &str) -> Option<&Payment> {
        self.payments
            .get(&(provider.to_owned(), payment.to_owned()))
    }

    pub fn refund(&self, provider: &str, key: &str) -> Option<&Refund> {
        self.refunds.get(&(provider.to_owned(), key.to_owned()))
    }

    pub fn refunds(&self) -> impl Iterator<Item = &Refund> {
        self.refunds.values()
    }

    pub fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values()
    }

    /// Refunds of a payment in the order in which they were accepted.
    pub fn of_payment(&self, provider: &str, payment: &str) -> Vec<&Refund> {
        let key = (provider.to_owned(), payment.to_owned());
        let keys = self.of_payment.get(&key).into_iter().flatten();
        keys.filter_map(|key| self.refunds.get(key)).collect()
    }

    /// Registers a payment; one that is known keeps its refunds.
    pub fn put_payment(&mut self, payment: Payment) -> Result<(), String> {
        let key = (payment.provider.clone(), payment.payment.clone());
        if self.payments.len() >= REFUNDS_MAX && !self.payments.contains_key(&key) {
            return Err(format!("the sandbox is full: {REFUNDS_MAX} payments"));
        }
        self.log
            .write(&Record::Payment(Box::new(payment.clone())))?;
        self.payments.insert(key, payment);
        Ok(())
    }

    pub fn put_balance(&mut self, provider: &str, amount: Amount) -> Result<(), String> {
        let provider = provider.to_owned();
        self.log.write(&Record::Balance {
            provider: provider.clone(),
            amount,
        })?;
        self.balances.insert(provider, amount);
        Ok(())
    }

    /// Whether the payment, and the balance, have this much left.
    pub fn covers(&self, payment: &Payment, amount: Amount) -> bool {
        let of_payment = self.of_payment(&payment.provider, &payment.payment);
        sum(of_payment.into_iter(), amount).is_some_and(|sum| sum <= payment.amount)
    }

    pub fn balance_covers(&self, provider: &str, amount: Amount) -> bool {
        let Some(balance) = self.balances.get(provider) else {
            return true;
        };
        let all = self.refunds.values();
        let of_provider = all.filter(|refund| refund.provider == provider);
        sum(of_provider, amount).is_some_and(|sum| sum <= *balance)
    }

    /// Whether a refund of the payment is open.
    pub fn is_busy(&self, provider: &str, payment: &str) -> bool {
        let refunds = self.of_payment(provider, payment);
        refunds.iter().any(|refund| refund.state == State::Pending)
    }

    /// Notes a request for a number that is known; gives whether it says the same.
    pub fn repeat(&mut self, key: &Key, payment: &str, amount: Amount, currency: &str) -> bool {
        let Some(refund) = self.refunds.get_mut(key) else {
            return false;
        };
        refund.requests += 1;
        let is_same =
            refund.payment == payment && refund.amount == amount && refund.currency == currency;
        if !is_same {
            refund.other_content += 1;
        }
        self.save(key).is_ok() && is_same
    }

    /// Takes a refund. Where the number is known (a provider that compares no numbers, or takes a failed one
    /// again) its money may move again.
    pub fn accept(&mut self, accepted: Accepted, now: i64) -> Result<Refund, String> {
        let key = (accepted.provider.to_owned(), accepted.key.clone());
        if self.refunds.len() >= REFUNDS_MAX && !self.refunds.contains_key(&key) {
            return Err(format!("the sandbox is full: {REFUNDS_MAX} refunds"));
        }
        let (state, plan) = accepted.outcome.plan(accepted.way, accepted.can_cancel);
        let known = self.refunds.get(&key);
        let doubled = accepted.amount.checked_add(accepted.amount);
        let is_told_otherwise = accepted.outcome == Outcome::Amt;
        let told_amount = doubled
            .filter(|_| is_told_otherwise)
            .unwrap_or(accepted.amount);
        let told_currency = match accepted.outcome {
            Outcome::Cur if accepted.currency == "USD" => "EUR".to_owned(),
            Outcome::Cur => "USD".to_owned(),
            _ => accepted.currency.clone(),
        };
        let refund = Refund {
            provider: accepted.provider.to_owned(),
            account: accepted.account.to_owned(),
            form: accepted.form.to_owned(),
            number: accepted.number,
            payment: accepted.payment,
            order_no: accepted.order_no,
            amount: accepted.amount,
            currency: accepted.currency,
            told_amount,
            told_currency,
            outcome: accepted.outcome,
            state: State::Pending,
            moved: known.map_or(0, |known| known.moved),
            requests: known.map_or(1, |known| known.requests),
            other_content: known.map_or(0, |known| known.other_content),
            accepted_at: now,
            finished_at: None,
            plan: plan
                .into_iter()
                .map(|(after, state)| (now + after, state))
                .collect(),
            callback_url: accepted.callback_url,
            callbacks: Vec::new(),
            serial: known.map_or(self.refunds.len() as u64 + 1, |known| known.serial),
        };
        self.index(&key, refund);
        if state != State::Pending {
            self.turn(&key, state, now);
        }
        self.save(&key)?;
        self.schedule(&key);
        self.refunds
            .get(&key)
            .cloned()
            .ok_or_else(|| "lost".to_owned())
    }

    fn save(&mut self, key: &Key) -> Result<(), String> {
        let Some(refund) = self.refunds.get(key) else {
            return Ok(());
        };
        self.log.write(&Record::Refund {
            key: key.1.clone(),
            refund: Box::new(refund.clone()),
        })
    }
}

/// The refunds that hold money, and one more.
fn sum<'a>(refunds: impl Iterator<Item = &'a Refund>, more: Amount) -> Option<Amount> {
    let mut held = refunds.filter(|refund| !refund.state.frees_money());
    held.try_fold(more, |sum, refund| sum.checked_add(refund.amount))
}

#[cfg(test)]
mod tests;
