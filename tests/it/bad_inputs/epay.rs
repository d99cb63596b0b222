//! Reports of the `EPay` caller as a form, and callers that are none.

use super::authentic::number;
use super::row::{Becomes, Request, Row};
use super::systems::{Members, quoted};
use crate::harness::epay::PATH;

const FORM: &str = "application/x-www-form-urlencoded";

/// Not a report: answered in the caller's format, and its raw bytes are stored.
pub const INVALID: Becomes = Becomes::Errcode(1);
/// A report about an unregistered payment.
pub const UNKNOWN_PAYMENT: Becomes = Becomes::Errcode(2);

pub fn rows() -> Vec<Row> {
    let mut rows = forms();
    rows.extend(callers());
    rows
}

/// A good report member by member; its numbers are made of `name`.
pub fn good(name: &str) -> Members {
    let (batchno, trandeno) = (format!("B-{}", number(name)), format!("T-{}", number(name)));
    Members::new(&[
        ("batchno", &quoted(&batchno)),
        ("trandeno", &quoted(&trandeno)),
        ("refundmoney", "30.00"),
    ])
}

fn forms() -> Vec<Row> {
    let bad = [
        "&&&",
        "=",
        "batchno",
        "batchno=B-1;trandeno=T-1;refundmoney=30",
        "batchno=B-1&trandeno=T-1&refundmoney=30&batchno=B-2",
        "batchno=B-1&trandeno=T-1&refundmoney=30&REFUNDMONEY=31",
        "batchno=B-1&trandeno=T-1&refundmoney=30&refund%6Doney=31",
        "batchno[]=B-1&batchno[]=B-2&trandeno=T-1&refundmoney=30",
        "batchno[0]=B-1&trandeno=T-1&refundmoney=30",
        "parm.batchno=B-1&parm.trandeno=T-1&parm.refundmoney=30",
        "batchno=B%00x&trandeno=T-1&refundmoney=30",
        "batchno=%00&trandeno=T-1&refundmoney=30",
        "batchno=B%0d%0ax&trandeno=T-1&refundmoney=30",
        "batchno=B%ff&trandeno=T-1&refundmoney=30",
        "batchno=B%c0%af&trandeno=T-1&refundmoney=30",
        "batchno=B%ed%a0%80&trandeno=T-1&refundmoney=30",
        "batchno=B%e2%80%ae&trandeno=T-1&refundmoney=30",
        "batchno=B%2F1&trandeno=T-1&refundmoney=30",
        "batchno=+++&trandeno=T-1&refundmoney=30",
        "batchno=B-1&trandeno=T-1&refundmoney=3%200",
        "batchno=B-1&trandeno=T-1&refundmoney=1,000.00",
        "batchno=B-1&trandeno=T-1&refundmoney=30.001",
        "batchno=B-1&trandeno=T-1&refundmoney=-30",
        "batchno=B-1&trandeno=T-1&refundmoney=0",
        "batchno=B-1&trandeno=T-1&refundmoney=",
        "batchno=B-1&trandeno=T-1&refundmoney=NaN",
        "batchno=B-1&trandeno=T-1&refundmoney=%EF%BC%91",
        "batchno=B-1&trandeno=T-1&refundmoney=1e400",
        "batchno=B-1&trandeno=T-1",
        r#"{"batchno":"B-1","trandeno":"T-1","refundmoney":30}"#,
        "<batchno>B-1</batchno>",
    ];
    let mut rows: Vec<Row> = bad
        .iter()
        .map(|body| {
            Row::new(
                format!("epay form: {body}"),
                Request::epay(FORM, *body),
                INVALID,
            )
        })
        .collect();
    for (batchno, said) in [
        ("F+1", "F 1"),
        ("F%2B1", "F+1"),
        ("F%zz", "F%zz"),
        ("F%4", "F%4"),
        ("F%", "F%"),
        ("F%2541", "F%41"),
        ("F%E9%80%80", "F退"),
    ] {
        let body = format!("batchno={batchno}&trandeno=T-f&refundmoney=%2B30.00");
        let row = Row::new(
            format!("epay form: {body}"),
            Request::epay(FORM, body),
            UNKNOWN_PAYMENT,
        );
        rows.push(
            row.with("refund_no", format!("{said}/T-f"))
                .with("amount", "30.00"),
        );
    }
    rows
}

/// Caller and token; rejected in the format that the caller reads.
fn callers() -> Vec<Row> {
    let body = |name: &str| good(name).text();
    let tokens = [
        ("no token", ""),
        (
            "another token",
            "Bearer epay-caller-token-0123456789abcdef0123456780",
        ),
        ("an empty token", "Bearer "),
        ("another scheme", "Basic ZXBheTplcGF5"),
        (
            "the token without a scheme",
            crate::harness::config::EPAY_TOKEN,
        ),
        (
            "a longer token",
            "Bearer epay-caller-token-0123456789abcdef0123456789x",
        ),
        (
            "a reader's token",
            "Bearer reader-token-of-everything-0123456789abcdef",
        ),
    ];
    let mut rows: Vec<Row> = tokens
        .into_iter()
        .map(|(what, value)| {
            let name = format!("epay: {what}");
            let request =
                Request::epay("application/json", body(&name)).header("authorization", value);
            Row::new(name, request, Becomes::Refused(401))
        })
        .collect();
    for media in [
        "text/plain",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        "nonsense",
    ] {
        let name = format!("epay: content type {media}");
        let request = Request::epay(media, body(&name));
        rows.push(Row::new(name, request, Becomes::Refused(415)));
    }
    let name = "epay: a content encoding";
    let request = Request::epay("application/json", body(name)).header("content-encoding", "gzip");
    rows.push(Row::new(name, request, Becomes::Refused(415)));
    let name = "epay: too large";
    let request = Request::epay(
        "application/json",
        good(name)
            .with("more", &quoted(&"x".repeat(64 * 1024)))
            .text(),
    );
    rows.push(Row::new(name, request, Becomes::Refused(413)));
    for (name, path) in [
        ("epay: a part more", format!("{PATH}/x")),
        (
            "epay: an escaped letter",
            PATH.replace("Refund", "Re%66und"),
        ),
        ("epay: twice the slash", PATH.replace("/Refund", "//Refund")),
    ] {
        let token = format!("Bearer {}", crate::harness::config::EPAY_TOKEN);
        let request = Request::post(&path, body(name)).header("authorization", token);
        rows.push(Row::new(name, request, Becomes::Dropped(&[404])));
    }
    rows
}
