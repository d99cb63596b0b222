//! I4: transaction 2 is atomic. The verdict, the refund, the close-out, the application and the order are
//! written in one commit, all or nothing.

use crate::audit::facts::{OrderFacts, RefundFacts};
use crate::domain::ids::ExternalId;
use crate::domain::order::OrderState;
use crate::domain::order::close_out::Progress;
use crate::domain::request::Mode;
use crate::store::AuditedCallback;

/// An applied callback with a claim points to the refund of its number; any other callback to none.
pub fn of_callback((callback, refund): &AuditedCallback) -> Vec<String> {
    let has_effect = callback.verdict.is_some() && callback.claim.is_some();
    let problem = match (&callback.refund_id, refund) {
        (None, _) if has_effect => "is applied, but has no refund",
        (Some(_), _) if !has_effect => "points to a refund, but is not applied",
        (Some(_), None) => "points to a refund that does not exist",
        (Some(_), Some((account, refund_no)))
            if *account != callback.account
                || refund_no.as_deref().unwrap_or_default() != callback.refund_no =>
        {
            "points to the refund of another number"
        }
        _ => return Vec::new(),
    };
    vec![problem.to_owned()]
}

/// A refund has an applied callback or a request with its event, and a close-out exactly if one of its callbacks
/// asks for it.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    let id = facts.refund.id;
    let of_this = || facts.said.iter().filter(|said| said.refund_id == Some(id));
    let is_requested = facts.history.requested > 0;
    if facts.refund.refund_no.is_some() && of_this().next().is_none() && !is_requested {
        problems.push("no applied callback created it".to_owned());
    }
    problems.extend(of_request(facts));
    if of_this().count()
        < facts
            .said
            .iter()
            .filter(|said| said.verdict.is_some())
            .count()
    {
        problems.push("callbacks of its number point to another refund".to_owned());
    }
    let mut asks = of_this().filter_map(|said| Some((said.id, said.claim.as_ref()?)));
    match &facts.close_out {
        None if asks.any(|(_, claim)| claim.close_out.is_some()) => {
            problems.push("its close-out is missing".to_owned());
        }
        None => {}
        Some(this) => {
            let is_asked = |(id, claim): (_, &crate::domain::claim::Claim)| {
                id == this.callback_id && claim.close_out.as_ref() == Some(&this.key)
            };
            if !asks.any(is_asked) {
                problems.push("the callback of its close-out did not ask for it".to_owned());
            }
            if this.progress == Progress::Done {
                problems.extend(of_done(facts, this.order_no.as_ref()));
            }
        }
    }
    problems
}

/// A request is of the refund's own number; its intent has an event, unless it watches a refund that was there.
fn of_request(facts: &RefundFacts) -> Option<String> {
    let is_requested = facts.history.requested > 0;
    let Some(request) = &facts.request else {
        return is_requested.then(|| "was requested, but has no request".to_owned());
    };
    let refund = &facts.refund;
    if request.account != refund.account || Some(&request.refund_no) != refund.refund_no.as_ref() {
        return Some("its request is of another number".to_owned());
    }
    let was_there = request.mode == Mode::Watch && refund.received_at <= request.requested_at;
    (!is_requested && !was_there).then(|| "has a request, but no event of it".to_owned())
}

fn of_done(facts: &RefundFacts, order_no: Option<&ExternalId>) -> Option<String> {
    let order_no = order_no.map(ExternalId::as_str);
    let known = facts.refund.order_no.as_ref().map(ExternalId::as_str);
    let is_right = order_no.is_some() && order_no == facts.order_no.as_deref() && order_no == known;
    (!is_right).then(|| "its close-out is done, but not in the order of its payment".to_owned())
}

/// A done close-out handled its application and, where it says so, closed the order; nothing else did.
pub fn of_order(facts: &OrderFacts) -> Vec<String> {
    let mut problems = Vec::new();
    for done in facts.done() {
        let (batchno, refund_id) = (&done.key.batchno, done.refund_id);
        if !facts.handled.iter().any(|known| known.batchno == *batchno) {
            problems.push(format!(
                "the close-out of {refund_id} is done, application {batchno} is not handled"
            ));
        }
        if done.order_state == Some(OrderState::Closed) && facts.state != OrderState::Closed {
            problems.push(format!(
                "the close-out of {refund_id} left it closed, it is {}",
                facts.state.as_str()
            ));
        }
    }
    for handled in &facts.handled {
        let batchno = &handled.batchno;
        let is_by = |refund_id| {
            facts
                .done()
                .any(|done| done.refund_id == refund_id && done.key.batchno == *batchno)
        };
        if !handled.handled_by.is_some_and(is_by) {
            problems.push(format!(
                "application {batchno} is handled by no close-out that is done"
            ));
        }
    }
    if facts.closed_by_close_out && facts.done().next().is_none() {
        problems.push("is closed by a close-out, but none is done".to_owned());
    }
    problems
}
