//! The bank behind nManagement and behind its own client: what both of them have done there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Exchange, FIRST_MENTION};
use crate::domain::money::Amount;
use crate::sandbox::server::keys::NMANAGEMENT;
use crate::sandbox::server::ledger::{Accepted, Refund, State};
use crate::sandbox::server::outcome::{Outcome, Way};

/// The ledger has the bank's refunds under this provider.
pub const PROVIDER: &str = "nmanagement";
const CURRENCY: &str = "CNY";
/// A code that says for certain that nothing was done.
const REFUSED: &str = "0130Z1101001";
/// A limit of the bank; which code a refund above the rest of the payment has is a guess.
const EXCEEDS: &str = "0130Z110W005";
/// Numbers of calls, orders and files that are remembered.
const REMEMBERED_MAX: usize = 1_000_000;
/// How long a file is made, and how soon it may be asked for again, in milliseconds.
const FILE_PAUSE: i64 = 600_000;
pub const NUMBER_MAX: usize = 15;
pub const ORDER_MAX: usize = 30;

/// What the bank's client remembers.
#[derive(Debug, Default)]
pub struct Bank {
    serials: BTreeSet<String>,
    /// Orders whose lists begin with rows of others.
    padded: BTreeSet<String>,
    /// When each file was asked for last, and whether it is there.
    files: BTreeMap<String, i64>,
}

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Being made since this call.
    BeingMade,
    /// Asked for again too soon.
    TooSoon,
    Ready,
}

impl Bank {
    /// Whether this number of a call was never used before.
    pub fn is_new(&mut self, serial: &str) -> bool {
        if self.serials.len() >= REMEMBERED_MAX {
            self.serials.clear();
        }
        self.serials.insert(serial.to_owned())
    }

    pub fn pad(&mut self, order: &str) {
        if self.padded.len() < REMEMBERED_MAX {
            self.padded.insert(order.to_owned());
        }
    }

    pub fn is_padded(&self, order: &str) -> bool {
        self.padded.contains(order)
    }

    /// Lists begin with the first row again.
    pub fn forget(&mut self) {
        self.padded.clear();
    }

    /// Asks for a file: the first call begins to make it.
    pub fn file(&mut self, name: &str, now: i64) -> FileState {
        if self.files.len() >= REMEMBERED_MAX {
            self.files.clear();
        }
        match self.files.get(name) {
            None => {
                self.files.insert(name.to_owned(), now);
                FileState::BeingMade
            }
            Some(since) if now - since < FILE_PAUSE => FileState::TooSoon,
            Some(_) => FileState::Ready,
        }
    }

    pub fn has_file(&self, name: &str, now: i64) -> bool {
        let since = self.files.get(name);
        since.is_some_and(|since| now - since >= FILE_PAUSE)
    }
}

/// What became of a refund at the bank.
pub enum Taken {
    Done {
        refund: Box<Refund>,
        /// The payment's amount.
        paid: Amount,
        verdict: &'static str,
    },
    /// Against its rules: the code, and why.
    Refused(&'static str, &'static str),
    /// The same as the number asks for.
    Failed(&'static str, &'static str),
    /// It says nothing that could be relied on, whatever was done.
    Silent(&'static str),
    /// The sandbox cannot go on.
    Broken(String),
}

/// Takes a refund. The bank does not compare `REFUND_CODE` with earlier ones: a call that is repeated moves money
/// again.
pub fn take(exchange: &mut Exchange<'_>, order: &str, number: &str, amount: Amount) -> Taken {
    let payment = match exchange.payment(PROVIDER, order, CURRENCY, amount, FIRST_MENTION) {
        Ok(payment) => payment,
        Err(why) => return Taken::Broken(why),
    };
    // Without a number no query could find it again; the ledger makes one up.
    let count = exchange.world.ledger.of_payment(PROVIDER, order).len();
    let number = if number.is_empty() {
        format!("{order}#{count}")
    } else {
        number.to_owned()
    };
    let known = exchange.known(PROVIDER, &number);
    if let Some(known) = &known {
        exchange.repeat(known, order, amount, CURRENCY);
    }
    let ledger = &exchange.world.ledger;
    if !ledger.covers(&payment, amount) || !ledger.balance_covers(PROVIDER, amount) {
        return Taken::Refused(EXCEEDS, "more than the rest of the payment");
    }
    let outcome = match Outcome::of(&number, None) {
        // A reply is all there is: what is never told gets lost here.
        Outcome::Cancel => Outcome::Fail,
        other => other,
    };
    let accepted = exchange.accept(Accepted {
        provider: PROVIDER,
        account: NMANAGEMENT.account,
        form: "",
        key: number.clone(),
        number,
        payment: order.to_owned(),
        order_no: order.to_owned(),
        amount,
        currency: CURRENCY.to_owned(),
        outcome,
        way: Way::ReplyOnly,
        can_cancel: false,
        callback_url: None,
    });
    let refund = match accepted {
        Ok(refund) => refund,
        Err(why) => return Taken::Broken(why),
    };
    match (refund.state, refund.outcome) {
        (State::Pending, _) => Taken::Silent("taken, still open"),
        (_, Outcome::Lost) => Taken::Silent("done"),
        (State::Odd, _) => Taken::Failed("0130Z110XXXX", "a code that no document lists"),
        (State::Failed | State::Canceled, _) => Taken::Failed(REFUSED, "the bank refused"),
        (State::Succeeded, _) => Taken::Done {
            verdict: if refund.moved > 1 {
                "done AGAIN: money moved twice"
            } else {
                "done"
            },
            refund: Box::new(refund),
            paid: payment.amount,
        },
    }
}
