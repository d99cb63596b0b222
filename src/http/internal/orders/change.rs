//! How a registration changed an order, as text for the log.

use crate::domain::order::Order;

/// Max differences that are named; the rest is counted.
const NAMED_MAX: usize = 10;

/// `state paid -> delivered, payment T-1 100.00 -> 1.00`; `None` if nothing changed.
pub fn of(before: Option<&Order>, after: &Order) -> Option<String> {
    let mut changes = Vec::new();
    let mut compare = |what: &str, name: &str, was: Option<String>, is: String| {
        if was.as_ref() != Some(&is) {
            let was = was.unwrap_or_else(|| "none".to_owned());
            changes.push(format!("{what}{name} {was} -> {is}"));
        }
    };
    let was = before.map(|order| order.state.as_str().to_owned());
    compare("state", "", was, after.state.as_str().to_owned());
    for payment in &after.payments {
        let known = before.and_then(|order| {
            let mut payments = order.payments.iter();
            payments.find(|one| one.trandeno == payment.trandeno)
        });
        let was = known.map(|payment| payment.amount.to_text(2));
        compare(
            "payment ",
            &payment.trandeno,
            was,
            payment.amount.to_text(2),
        );
    }
    for application in &after.applications {
        let known = before.and_then(|order| {
            let mut applications = order.applications.iter();
            applications.find(|one| one.batchno == application.batchno)
        });
        let words = |amount: String, state: &str| format!("{amount} {state}");
        let was = known.map(|one| words(one.amount.to_text(2), one.state.as_str()));
        let is = words(application.amount.to_text(2), application.state.as_str());
        compare("application ", &application.batchno, was, is);
    }
    let more = changes.len().saturating_sub(NAMED_MAX);
    changes.truncate(NAMED_MAX);
    if more > 0 {
        changes.push(format!("and {more} more"));
    }
    (!changes.is_empty()).then(|| changes.join(", "))
}
