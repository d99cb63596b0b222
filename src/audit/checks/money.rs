//! I8: amounts match the callbacks and the payments. Each refund has the one amount that its callbacks name,
//! so the sums over refunds and over callbacks are equal, currency by currency.

use crate::audit::facts::{OrderFacts, RefundFacts};
use crate::audit::{Invariant, PAGE, Report};
use crate::domain::claim::Status;
use crate::domain::decision::{Decision, DecisionRecord};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::order::close_out::Progress;
use crate::store::{Inspection, OfPayment, Snapshot, StoreError};

/// A callback or the request names the refund's amount, and no applied callback names another.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    let money = facts.refund.money;
    if facts.refund.refund_no.is_some() {
        let mut said = facts
            .said
            .iter()
            .filter_map(|said| said.claim.as_ref()?.money);
        let of_request = facts.request.as_ref().map(|request| request.intent.money);
        let is_requested = of_request.is_some() && of_request == money;
        if !is_requested && money.is_some_and(|money| !said.any(|said| said == money)) {
            problems.push(format!("no callback names {}", shown(money)));
        }
        // What was accepted over it took the place of what was applied before.
        let accepts = |record: &DecisionRecord| record.ruling.decision == Decision::Accept;
        let is_accepted = facts.decisions.iter().any(accepts);
        let applied = facts.said.iter().filter(|_| !is_accepted);
        let applied = applied.filter_map(|said| said.applied()?.money);
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

/// The requests of a payment that was paid in full hold no more than that.
fn of_payment(paid: Amount, requests: &[OfPayment]) -> Vec<String> {
    let held = requests.iter().filter(|one| one.state.holds_money());
    let sum = held
        .map(|one| one.amount)
        .try_fold(Amount::ZERO, Amount::checked_add);
    if sum.is_some_and(|sum| sum <= paid) {
        return Vec::new();
    }
    let sum = sum.map_or("too much to add up".to_owned(), |sum| sum.to_text(0));
    vec![format!("of {}: requested are {sum}", paid.to_text(0))]
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

/// Every payment of which a refund was requested: no more goes back than was paid.
pub fn check_payments(inspection: &mut Inspection, report: &mut Report) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let last = inspection.look(|snapshot| {
            let page = snapshot.payments_to_audit(after.as_ref(), PAGE)?;
            for (account, payment, paid) in &page {
                let requests = snapshot.requests_of_payment(account, payment)?;
                match (paid, requests) {
                    (Some(paid), Some(mut requests)) => {
                        let mut problems = of_payment(*paid, &requests);
                        if !problems.is_empty() {
                            forget_decided(snapshot, &mut requests)?;
                            problems = of_payment(*paid, &requests);
                        }
                        report.note(Invariant::Money, payment, problems);
                    }
                    _ => report.skip(Invariant::Money),
                }
            }
            let last = page.into_iter().next_back();
            Ok(last.map(|(account, payment, _)| (account, payment)))
        })?;
        match last {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

/// Leaves out refunds that a person made succeed: the money had moved, whatever was paid, and a question says so.
fn forget_decided(
    snapshot: &mut Snapshot<'_>,
    requests: &mut Vec<OfPayment>,
) -> Result<(), StoreError> {
    let mut kept = Vec::new();
    for one in requests.drain(..) {
        let last = snapshot.last_move(one.refund_id)?;
        if last.is_none_or(|last| last.status != Status::Succeeded) {
            kept.push(one);
        }
    }
    *requests = kept;
    Ok(())
}
