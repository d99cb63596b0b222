//! The bank's client program, asked page by page.

use super::client_test::{bank, intent, outcome, outgoing, reply};
use crate::domain::claim::{Outcome, Reason, Status};
use crate::domain::request::Class;
use crate::providers::outgoing::{Answer, Call, Reply, Step};

const EMPTY: &str = "<TX><RETURN_CODE>0250E0200001</RETURN_CODE><RETURN_MSG>x</RETURN_MSG></TX>";

fn text(call: &Call) -> String {
    String::from_utf8(call.body.clone()).unwrap()
}

fn refund(code: &str, status: &str, amount: &str) -> String {
    format!(
        "<LIST><ORDER_NUMBER>202112071619204953</ORDER_NUMBER><PAY_AMOUNT>5.00</PAY_AMOUNT>\
         <REFUNDEMENT_AMOUNT>{amount}</REFUNDEMENT_AMOUNT><STATUS>{status}</STATUS>\
         <REFUND_CODE>{code}</REFUND_CODE></LIST>"
    )
}

fn ours(status: &str) -> String {
    refund("RF0001", status, "0.01")
}

fn page(pages: u32, list: &str) -> Reply {
    reply(
        200,
        &format!(
            "<?xml version=\"1.0\" encoding=\"GB18030\"?><TX><TX_CODE>5W1003</TX_CODE>\
             <RETURN_CODE>000000</RETURN_CODE><TX_INFO><TPAGE>{pages}</TPAGE>{list}</TX_INFO></TX>"
        ),
    )
}

fn step(replies: &[Reply]) -> Step {
    bank().read(&outgoing(&intent()), replies)
}

fn answer(replies: &[Reply]) -> Answer {
    match step(replies) {
        Step::Answer(answer) => *answer,
        Step::Call(call) => panic!("{}", text(&call)),
    }
}

/// Kind and page of the next call.
fn next(replies: &[Reply]) -> (String, String) {
    let Step::Call(call) = step(replies) else {
        panic!("no call");
    };
    let text = text(&call);
    let of = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    (of("KIND"), of("PAGE"))
}

fn at(kind: &str, page: &str) -> (String, String) {
    (kind.to_owned(), page.to_owned())
}

#[test]
fn the_elements_come_in_the_banks_order() {
    let intent = intent();
    let call = bank().first_call(&outgoing(&intent)).unwrap();
    assert_eq!(
        text(&call),
        "requestXml=<?xml version=\"1.0\" encoding=\"GB18030\" standalone=\"yes\" ?>\
         <TX><REQUEST_SN>2611270405000192</REQUEST_SN><CUST_ID>105000075235505</CUST_ID>\
         <USER_ID>WLPT01</USER_ID><PASSWORD>a&lt;b&amp;c</PASSWORD><TX_CODE>5W1003</TX_CODE>\
         <LANGUAGE>CN</LANGUAGE><TX_INFO><START></START><STARTHOUR></STARTHOUR><STARTMIN></STARTMIN>\
         <END></END><ENDHOUR></ENDHOUR><ENDMIN></ENDMIN><KIND>0</KIND><ORDER>202112071619204953</ORDER>\
         <ACCOUNT></ACCOUNT><MONEY></MONEY><NORDERBY>1</NORDERBY><PAGE>1</PAGE><POS_CODE></POS_CODE>\
         <STATUS>3</STATUS><Mrch_No></Mrch_No></TX_INFO></TX>"
    );
    let shown = String::from_utf8(call.shown_body.unwrap()).unwrap();
    assert!(shown.contains("<PASSWORD>******</PASSWORD>"));
    assert!(!shown.contains("a&lt;b"));
    assert_eq!(call.url, "http://127.0.0.1:12345");
}

#[test]
fn each_call_has_a_number_of_its_own() {
    let intent = intent();
    let sn = |serial, replies: &[Reply]| {
        let outgoing = crate::providers::outgoing::Outgoing {
            serial,
            ..outgoing(&intent)
        };
        let Step::Call(call) = bank().read(&outgoing, replies) else {
            panic!("no call");
        };
        let text = text(&call);
        let (_, rest) = text.split_once("<REQUEST_SN>").unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    let mut seen = std::collections::BTreeSet::new();
    for serial in [1, 2, 3, u64::MAX] {
        for replies in [vec![], vec![page(1, "")], vec![page(2, ""), page(2, "")]] {
            let number = sn(serial, &replies);
            assert!(number.len() == 16 && number.bytes().all(|b| b.is_ascii_digit()));
            assert!(seen.insert(number));
        }
    }
}

#[test]
fn every_page_of_both_kinds_is_read() {
    let other = refund("RF0002", "1", "0.01");
    assert_eq!(next(&[]), at("0", "1"));
    assert_eq!(next(&[page(2, &other)]), at("0", "2"));
    assert_eq!(next(&[page(2, &other), page(2, "")]), at("1", "1"));
    assert_eq!(next(&[reply(200, EMPTY)]), at("1", "1"));
    assert_eq!(next(&[reply(200, EMPTY), page(2, &other)]), at("1", "2"));
    let none = answer(&[page(1, ""), reply(200, EMPTY)]);
    assert_eq!(
        (none.class, none.code.as_deref()),
        (Class::NotFound, Some("0250E0200001"))
    );
    let many: Vec<_> = (0..40).map(|_| page(99, "")).collect();
    assert_eq!(answer(&many).class, Class::Unknown);
}

#[test]
fn the_banks_status_decides() {
    for (status, class, expected) in [
        ("1", Class::Done, Outcome::Reported(Status::Succeeded)),
        ("2", Class::Accepted, Outcome::Reported(Status::Pending)),
        ("5", Class::Accepted, Outcome::Reported(Status::Pending)),
        ("3", Class::Unknown, Outcome::Unclear(Reason::StatusUnknown)),
        ("", Class::Unknown, Outcome::Unclear(Reason::StatusUnknown)),
    ] {
        for replies in [
            vec![page(3, &ours(status))],
            vec![page(1, ""), page(1, &ours(status))],
        ] {
            let answer = answer(&replies);
            assert_eq!(answer.class, class, "{status}");
            assert_eq!(outcome(&answer), Some(expected), "{status}");
        }
    }
}

#[test]
fn a_failure_counts_once_all_pages_are_read() {
    let failed = || page(1, &ours("0"));
    assert_eq!(next(&[failed()]), at("1", "1"));
    // The page is read again, so that the last reply is the one that says so.
    assert_eq!(next(&[failed(), page(1, "")]), at("0", "1"));
    for replies in [
        vec![failed(), page(1, ""), failed()],
        vec![page(1, ""), failed()],
    ] {
        let answer = answer(&replies);
        assert_eq!(answer.class, Class::Failed);
        assert_eq!(outcome(&answer), Some(Outcome::Reported(Status::Failed)));
    }
    let gone = answer(&[failed(), page(1, ""), page(1, "")]);
    assert_eq!((gone.class, gone.claim.is_none()), (Class::Unknown, true));
    let done = answer(&[failed(), page(1, &ours("1"))]);
    assert_eq!(done.class, Class::Done);
    let done = answer(&[page(1, &(ours("0") + &ours("1")))]);
    assert_eq!(done.class, Class::Done);
}

#[test]
fn an_entry_that_differs_from_the_request_moves_nothing() {
    for list in [
        refund("RF0001", "1", "0.02"),
        refund("RF0001", "0", "0.02"),
        ours("1").replace("202112071619204953", "202112071619204954"),
        ours("1") + &ours("1"),
    ] {
        let answer = answer(&[page(1, &list)]);
        assert_eq!(answer.class, Class::Unknown, "{list}");
        assert_eq!(answer.question, Some(Reason::ReplyMismatch), "{list}");
        assert!(answer.claim.is_none(), "{list}");
    }
    for amount in ["", "x", "0.001"] {
        let answer = answer(&[page(1, &refund("RF0001", "1", amount))]);
        assert_eq!(answer.class, Class::Unknown, "{amount}");
        let expected = Some(Outcome::Unclear(Reason::InvalidContent));
        assert_eq!(outcome(&answer), expected, "{amount}");
    }
}

#[test]
fn codes_are_about_the_query() {
    let with = |code: &str| reply(200, &EMPTY.replace("0250E0200001", code));
    for (code, class, stops) in [
        ("0130Z1101021", Class::Unknown, true),
        ("0130Z1108014", Class::Unknown, true),
        ("0130Z1108001", Class::Later, false),
        ("0130Z1101001", Class::Unknown, false),
        ("SOMETHING_NEW", Class::Unknown, false),
        ("", Class::Unknown, false),
    ] {
        let answer = answer(&[with(code)]);
        assert_eq!(
            (answer.class, answer.stops_account),
            (class, stops),
            "{code}"
        );
    }
    for body in [
        "",
        "<html>",
        "<TX><TX_CODE>5W1004</TX_CODE><RETURN_CODE>000000</RETURN_CODE></TX>",
    ] {
        assert_eq!(answer(&[reply(200, body)]).class, Class::Unknown, "{body}");
    }
    assert_eq!(answer(&[reply(500, "")]).class, Class::Unknown);
}
