//! I8: amounts match the callbacks and the payments. Each refund has the one amount that its callbacks name,
//! so the sums over refunds and over callbacks are equal, currency by currency.

use super::facts::{OrderFacts, RefundFacts};
use crate::domain::close_out::Progress;
use crate::domain::money::{Amount, Currency, Money};

/// A callback names the refund's amount, and no applied callback names another.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    let money = facts.refund.money;
    if facts.refund.refund_no.is_some() {
        let mut said = facts
            .said
            .iter()
            .filter_map(|said| said.claim.as_ref()?.money);
        if money.is_some_and(|money| !said.any(|said| said == money)) {
            problems.push(format!("no callback names {}", shown(money)));
        }
        let applied = facts.said.iter().filter_map(|said| said.applied()?.money);
        for other in applied.filter(|said| Some(*said) != money) {
            let (other, money) = (shown(Some(other)), shown(money));
            problems.push(format!("{other} was applied, stored is {money}"));
        }
    }
    if let Some(this) = &facts.close_out {
        let of_close_out = Money {
            amount: this.amount,
            currency: Currency::CNY,
        };
        if money != Some(of_close_out) {
            let (other, money) = (shown(Some(of_close_out)), shown(money));
            problems.push(format!(
                "its close-out is of {other}, the refund of {money}"
            ));
        }
    }
    problems
}

/// No payment is refunded by more than was paid.
pub fn of_order(facts: &OrderFacts) -> Vec<String> {
    let mut problems = Vec::new();
    for (payment, close_outs) in &facts.payments {
        let done = close_outs
            .iter()
            .filter(|this| this.progress == Progress::Done);
        let sum = done
            .map(|this| this.amount)
            .try_fold(Amount::ZERO, Amount::checked_add);
        if sum.is_none_or(|sum| sum > payment.amount) {
            let sum = sum.map_or("too much to add up".to_owned(), |sum| sum.to_text(2));
            let (trandeno, paid) = (&payment.trandeno, payment.amount.to_text(2));
            problems.push(format!("payment {trandeno} of {paid}: taken back {sum}"));
        }
    }
    problems
}

fn shown(money: Option<Money>) -> String {
    money.map_or("no amount".to_owned(), |money| {
        format!("{} {}", money.amount_text(), money.currency.code())
    })
}
