//! Runs every row of the table in `docs/state-machine.md`.

use super::*;

/// The cells of a table of the document, by the name in the comment above it.
pub(crate) fn rows(name: &str) -> Vec<Vec<String>> {
    let document = include_str!("../../../../docs/state-machine.md");
    let mark = format!("<!-- table: {name} -->");
    let (_, table) = document.split_once(&mark).expect("the table is there");
    table
        .trim_start()
        .lines()
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

fn yuan(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn facts(order: &str, application: &str) -> Option<CloseOutFacts> {
    let (order_state, closed_by_close_out) = match order {
        "unknown" => return None,
        "closed (us)" => (OrderState::Closed, true),
        "closed (merchant)" => (OrderState::Closed, false),
        word => (OrderState::from_word(word).expect(word), false),
    };
    let state = ApplicationState::from_word(application);
    Some(CloseOutFacts {
        order_state,
        closed_by_close_out,
        paid: yuan("100"),
        payments: 1,
        refunded_of_payment: Amount::ZERO,
        refunded_of_application: Amount::ZERO,
        application: state.map(|state| (yuan("30"), state)),
    })
}

#[test]
fn every_row_of_the_document_holds() {
    let table = rows("close-out");
    assert!(table.len() > 15, "the table was found");
    for row in &table {
        let [
            order,
            application,
            money,
            errcode,
            application_after,
            order_after,
            question,
        ] = row.as_slice()
        else {
            panic!("a row has seven cells: {row:?}");
        };
        let refunded = match money.as_str() {
            "as applied" => "30",
            "less" => "29.99",
            "more" => "30.01",
            "over" => "100.01",
            other => panic!("{other}"),
        };
        let known = facts(order, application);
        let (got_code, got_application, got_order, got_question) =
            match close_out(known.as_ref(), yuan(refunded)) {
                Ok(plan) => {
                    assert_eq!(plan.handle_application, application != "handled", "{row:?}");
                    assert_eq!(plan.close_order, order == "refund_applied", "{row:?}");
                    let question = if plan.amount_differs {
                        "amount_mismatch"
                    } else {
                        "–"
                    };
                    (0, "handled", plan.order_state.as_str(), question)
                }
                Err(refusal) => (refusal.errcode(), "–", "–", refusal.reason().as_str()),
            };
        assert_eq!(got_code.to_string(), *errcode, "{row:?}");
        assert_eq!(got_application, application_after, "{row:?}");
        assert_eq!(got_order, order_after, "{row:?}");
        assert_eq!(got_question, question, "{row:?}");
    }
}

#[test]
fn earlier_refunds_count_against_the_payment_and_the_application() {
    let mut facts = facts("refund_applied", "applied").unwrap();
    facts.refunded_of_payment = yuan("70");
    assert!(close_out(Some(&facts), yuan("30")).is_ok());
    assert_eq!(
        close_out(Some(&facts), yuan("30.01")),
        Err(Refusal::MoreThanPaid)
    );
    facts.refunded_of_payment = Amount::ZERO;
    facts.refunded_of_application = yuan("10");
    let differs =
        |facts: &CloseOutFacts, money| close_out(Some(facts), yuan(money)).unwrap().amount_differs;
    assert!(!differs(&facts, "20"));
    assert!(differs(&facts, "20.01"));
    // An order with several payments refunds an application in parts.
    assert!(differs(&facts, "5"));
    facts.payments = 2;
    assert!(!differs(&facts, "5"));
    assert!(differs(&facts, "20.01"));
}

#[test]
fn tries_grow_apart_and_end_parked() {
    let pauses: Vec<_> = [1, 2, 3, 9, 10, 99]
        .map(|n| RetryPolicy::pause(n).as_secs())
        .into();
    assert_eq!(pauses, [1, 2, 4, 256, 300, 300]);
    let start = Timestamp::from_millis(0);
    let end = Timestamp::from_millis(10_000);
    let key = CloseOutKey::new("B".to_owned(), "T".to_owned()).unwrap();
    let id = uuid::Uuid::nil();
    let mut this = CloseOut::new(
        RefundId::new(id),
        CallbackId::new(id),
        key,
        yuan("1"),
        (start, end),
    );
    this.record(Err(Refusal::OrderState), start);
    assert_eq!(this.progress, Progress::Pending(Refusal::OrderState));
    assert_eq!(this.next_at, Some(Timestamp::from_millis(1_000)));
    this.record(Err(Refusal::MoreThanPaid), start);
    assert_eq!(this.progress, Progress::Parked(Refusal::MoreThanPaid));
    this.record(Err(Refusal::PaymentUnknown), end);
    assert_eq!(
        (this.progress, this.next_at),
        (Progress::Parked(Refusal::PaymentUnknown), None)
    );
    this.record(Ok(OrderState::Closed), end);
    assert_eq!(this.progress, Progress::Done);
    assert_eq!(this.attempts, 4);
}

#[test]
fn progress_survives_being_stored() {
    for progress in [
        Progress::Done,
        Progress::Pending(Refusal::OrderState),
        Progress::Parked(Refusal::MoreThanPaid),
    ] {
        let errcode = i64::from(progress.errcode());
        assert_eq!(
            Progress::from_stored(progress.as_str(), errcode),
            Some(progress)
        );
    }
    for (state, errcode) in [("done", 2), ("pending", 0), ("parked", 9), ("x", 0)] {
        assert_eq!(Progress::from_stored(state, errcode), None);
    }
}

#[test]
fn a_registration_never_reopens_an_order() {
    use crate::domain::order::registered_state;
    for said in OrderState::ALL {
        assert_eq!(registered_state(None, said), said);
        assert_eq!(
            registered_state(Some((OrderState::Paid, false)), said),
            said
        );
        assert_eq!(
            registered_state(Some((OrderState::Closed, true)), said),
            OrderState::Closed
        );
    }
}
