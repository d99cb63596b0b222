//! The wire contract as tables: one row a rule, one file a format. Fixtures are bytes as sent.

mod bson;
mod form;
mod json;
mod media;
mod negotiate;
mod property;
mod response;
mod rules;
mod xml;

use crate::domain::money::Amount;

use super::{DecodeError, EndSingle, decode};

/// The report of every fixture, but for its money.
const BATCHNO: &str = "20150424145530";
const TRANDENO: &str = "2015042100001000760048511054";

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/epay");
    let path = format!("{folder}/{name}");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn report(refundmoney: &str) -> EndSingle {
    EndSingle {
        batchno: BATCHNO.to_owned(),
        trandeno: TRANDENO.to_owned(),
        refundmoney: Amount::parse(refundmoney).unwrap(),
    }
}

/// The outcome as one text: `batchno|trandeno|refundmoney`, `415: …`, or the `errmsg`.
fn outcome(content_type: &str, body: impl AsRef<[u8]>) -> String {
    match decode(Some(content_type), body.as_ref()) {
        Ok(report) => format!(
            "{}|{}|{}",
            report.batchno, report.trandeno, report.refundmoney
        ),
        Err(DecodeError::UnsupportedMedia { message }) => format!("415: {message}"),
        Err(DecodeError::Invalid(problems)) => {
            let text = problems.to_string();
            assert!(
                problems.iter().count() > 0 && !text.contains(['\r', '\n']),
                "{text}"
            );
            text
        }
    }
}
