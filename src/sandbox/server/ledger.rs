//! What the providers believe: payments, refunds, how often money moved. Every change is written to the log
//! before the reply goes out, so that it survives `kill -9`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::{Deserialize, Serialize};

use super::log::{Log, Record};
use super::outcome::{Outcome, Way};
use crate::domain::claim::Status;
use crate::domain::money::Amount;

/// Refunds and payments that are kept; more are turned away.
const REFUNDS_MAX: usize = 500_000;
/// What is kept of an answer to a callback.
const ANSWER_CHARS_MAX: usize = 256;

/// Where a refund is, for the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pending,
    Succeeded,
    Failed,
    Canceled,
    /// Told by a word that no document lists.
    Odd,
}

impl State {
    /// In the words of a callback; `None`: a status that no document lists.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Pending => Some(Status::Pending),
            Self::Succeeded => Some(Status::Succeeded),
            Self::Failed => Some(Status::Failed),
            Self::Canceled => Some(Status::Canceled),
            Self::Odd => None,
        }
    }

    /// Whether its money is given back, or never went.
    const fn frees_money(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled)
    }
}

/// Provider and number, as the provider tells them apart.
pub type Key = (String, String);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payment {
    pub provider: String,
    pub payment: String,
    pub amount: Amount,
    pub currency: String,
    pub paid_at: i64,
}

/// One attempt to post a callback.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Try {
    pub at: i64,
    /// `None`: no answer.
    pub status: Option<u16>,
    /// The answer, or why there was none.
    pub answer: String,
    pub fault: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callback {
    pub state: State,
    /// When it is sent next.
    pub due: i64,
    pub tries: Vec<Try>,
    /// Nothing more is sent.
    pub is_over: bool,
    /// The exact answer came.
    pub is_acknowledged: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refund {
    pub provider: String,
    pub account: String,
    /// The form of its callbacks.
    pub form: String,
    pub number: String,
    pub payment: String,
    pub order_no: String,
    pub amount: Amount,
    pub currency: String,
    /// What the provider says was refunded; differs for `AMT` and `CUR`.
    pub told_amount: Amount,
    pub told_currency: String,
    pub outcome: Outcome,
    pub state: State,
    /// How often money left for this number.
    pub moved: u32,
    /// Requests that named it.
    pub requests: u32,
    /// Requests that named it with another payment, amount or currency.
    pub other_content: u32,
    pub accepted_at: i64,
    pub finished_at: Option<i64>,
    /// States to come.
    pub plan: Vec<(i64, State)>,
    pub callback_url: Option<String>,
    pub callbacks: Vec<Callback>,
    /// A number of the provider's own.
    pub serial: u64,
}

/// A refund that passed its provider's rules.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub provider: &'static str,
    pub account: &'static str,
    pub form: &'static str,
    /// As the provider compares it.
    pub key: String,
    pub number: String,
    pub payment: String,
    pub order_no: String,
    pub amount: Amount,
    pub currency: String,
    pub outcome: Outcome,
    pub way: Way,
    pub can_cancel: bool,
    pub callback_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Turn(Key),
    Call(Key, usize),
}

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

    /// Everything that is to come of a refund.
    fn schedule(&mut self, key: &Key) {
        let Some(refund) = self.refunds.get(key) else {
            return;
        };
        let mut tasks: Vec<_> = refund
            .plan
            .first()
            .map(|(at, _)| (*at, Task::Turn(key.clone())))
            .into_iter()
            .collect();
        for (index, callback) in refund.callbacks.iter().enumerate() {
            if !callback.is_over {
                tasks.push((callback.due, Task::Call(key.clone(), index)));
            }
        }
        for (at, task) in tasks {
            self.push(at, task);
        }
    }

    fn push(&mut self, at: i64, task: Task) {
        self.sequence += 1;
        self.tasks.push(Reverse((at, self.sequence, task)));
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

    /// The refund is in another state now.
    fn turn(&mut self, key: &Key, state: State, at: i64) {
        let Some(refund) = self.refunds.get_mut(key) else {
            return;
        };
        refund.state = state;
        refund.finished_at = Some(at);
        if state == State::Succeeded {
            refund.moved += 1;
        }
        if refund.callback_url.is_none() || refund.outcome == Outcome::Lost {
            return;
        }
        let times = if refund.outcome == Outcome::Dup { 2 } else { 1 };
        for _ in 0..times {
            refund.callbacks.push(Callback {
                state,
                due: at,
                tries: Vec::new(),
                is_over: false,
                is_acknowledged: false,
            });
        }
    }

    /// Does what is due; gives the callbacks to be sent, in order.
    pub fn advance(&mut self, now: i64) -> Vec<(Key, usize)> {
        let mut calls = Vec::new();
        while let Some(Reverse((at, _, _))) = self.tasks.peek() {
            if *at > now {
                break;
            }
            let Some(Reverse((at, _, task))) = self.tasks.pop() else {
                break;
            };
            match task {
                Task::Call(key, index) => calls.push((key, index)),
                Task::Turn(key) => self.turn_planned(&key, at),
            }
        }
        calls
    }

    fn turn_planned(&mut self, key: &Key, at: i64) {
        let Some(refund) = self.refunds.get_mut(key) else {
            return;
        };
        // A number that was taken again has another plan.
        if refund
            .plan
            .first()
            .is_none_or(|(planned, _)| *planned != at)
        {
            return;
        }
        let (_, state) = refund.plan.remove(0);
        let first = refund.callbacks.len();
        let next = refund.plan.first().map(|(at, _)| *at);
        self.turn(key, state, at);
        // A log that cannot be written is told by the next request.
        drop(self.save(key));
        if let Some(next) = next {
            self.push(next, Task::Turn(key.clone()));
        }
        let made = self
            .refunds
            .get(key)
            .map_or(first, |refund| refund.callbacks.len());
        for index in first..made {
            self.push(at, Task::Call(key.clone(), index));
        }
    }

    /// Makes the next state of a refund due at once.
    pub fn hurry(&mut self, key: &Key, now: i64) {
        if let Some(refund) = self.refunds.get_mut(key)
            && let Some(first) = refund.plan.first_mut()
        {
            first.0 = now;
            self.push(now, Task::Turn(key.clone()));
        }
    }

    pub fn next_due(&self) -> Option<i64> {
        self.tasks.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Notes an attempt of a callback; `next` is when another one follows.
    pub fn note_try(
        &mut self,
        key: &Key,
        index: usize,
        mut tried: Try,
        is_acknowledged: bool,
        next: Option<i64>,
    ) {
        tried.answer = tried.answer.chars().take(ANSWER_CHARS_MAX).collect();
        let refund = self.refunds.get_mut(key);
        let Some(callback) = refund.and_then(|refund| refund.callbacks.get_mut(index)) else {
            return;
        };
        callback.tries.push(tried);
        callback.is_acknowledged |= is_acknowledged;
        callback.is_over = is_acknowledged || next.is_none();
        if let Some(next) = next.filter(|_| !is_acknowledged) {
            callback.due = next;
            self.push(next, Task::Call(key.clone(), index));
        }
        drop(self.save(key));
    }

    /// Sends a callback later.
    pub fn delay(&mut self, key: &Key, index: usize, due: i64) {
        self.push(due, Task::Call(key.clone(), index));
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
#[path = "ledger_test.rs"]
mod tests;
