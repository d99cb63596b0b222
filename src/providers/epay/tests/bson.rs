//! Reports in BSON: the known vectors, what a double is worth, damage.

use bson::raw::{CString, RawBson};
use bson::{RawDocumentBuf, rawdoc};

use super::{BATCHNO, TRANDENO, fixture, outcome};

const BSON: &str = "application/bson";
const NOT_BSON: &str = "the request body is not a BSON document";
const NOT_NUMBER: &str = "refundmoney is not a decimal number";

fn with(member: &str, value: impl Into<RawBson>) -> String {
    let mut document = RawDocumentBuf::new();
    for (name, default) in [("batchno", "b"), ("trandeno", "t"), ("refundmoney", "1")] {
        if name != member {
            document.append(CString::try_from(name).unwrap(), default);
        }
    }
    document.append(CString::try_from(member).unwrap(), value.into());
    outcome(BSON, document.into_bytes())
}

#[test]
fn the_known_vectors_are_read() {
    let table = [
        ("request-double-3.5.bson", Ok("3.5")),
        ("request-double-19.99.bson", Ok("19.99")),
        ("request-int32-3.bson", Ok("3")),
        ("request-int64-3.bson", Ok("3")),
        ("request-string-3.50.bson", Ok("3.5")),
        ("request-null-money.bson", Err("refundmoney is missing")),
        ("request-no-trandeno.bson", Err("trandeno is missing")),
    ];
    for (name, expected) in table {
        let expected = match expected {
            Ok(money) => format!("{BATCHNO}|{TRANDENO}|{money}"),
            Err(message) => message.to_owned(),
        };
        assert_eq!(outcome(BSON, fixture(name)), expected, "{name}");
    }
}

#[test]
fn a_double_is_worth_its_first_fifteen_digits() {
    let table = [
        (0.1, "b|t|0.1"),
        (0.1 + 0.2, "b|t|0.3"),
        (19.99, "b|t|19.99"),
        (1e2, "b|t|100"),
        (123_456_789_012_345.67, "b|t|123456789012346"),
        (9_999_999_999_999.99, "b|t|9999999999999.99"),
        (0.001, "refundmoney has more than two decimals"),
        (0.0, "refundmoney is not greater than zero"),
        (-0.0, "refundmoney is not greater than zero"),
        (-3.5, "refundmoney is not greater than zero"),
        (
            1e17,
            "refundmoney has more than 16 digits before the decimal point",
        ),
        (
            1e30,
            "refundmoney has more than 16 digits before the decimal point",
        ),
        (f64::MAX, NOT_NUMBER),
        (f64::MIN_POSITIVE, NOT_NUMBER),
        (f64::NAN, NOT_NUMBER),
        (f64::INFINITY, NOT_NUMBER),
        (f64::NEG_INFINITY, NOT_NUMBER),
    ];
    for (value, expected) in table {
        assert_eq!(with("refundmoney", value), expected, "{value}");
    }
}

#[test]
fn money_is_a_number_or_a_text_and_nothing_else() {
    assert_eq!(with("refundmoney", "1,234.50"), "b|t|1234.5");
    assert_eq!(
        with("refundmoney", i64::MAX),
        "refundmoney has more than 16 digits before the decimal point"
    );
    assert_eq!(with("refundmoney", RawBson::Boolean(true)), NOT_NUMBER);
    assert_eq!(with("refundmoney", rawdoc! {}), NOT_NUMBER);
    assert_eq!(
        with("refundmoney", bson::DateTime::from_millis(3)),
        NOT_NUMBER
    );
    assert_eq!(with("refundmoney", RawBson::Null), "refundmoney is missing");
}

#[test]
fn identifiers_are_texts_or_what_becomes_text_without_loss() {
    assert_eq!(with("batchno", 7), "7|t|1");
    assert_eq!(
        with("batchno", 20_150_424_145_530_i64),
        "20150424145530|t|1"
    );
    assert_eq!(with("batchno", 1.5), "1.5|t|1");
    assert_eq!(with("batchno", 20_150_424_145_530.0), "20150424145530|t|1");
    assert_eq!(with("batchno", true), "True|t|1");
    // Neighbouring trade numbers are one and the same double.
    for trandeno in [
        2.015_042_100_001e27,
        2_015_042_100_001_000.0,
        1e15,
        0.1 + 0.2,
    ] {
        let expected = "trandeno is not a text";
        assert_eq!(with("trandeno", trandeno), expected, "{trandeno}");
    }
    assert_eq!(with("trandeno", rawdoc! {}), "trandeno is not a text");
    assert_eq!(with("trandeno", RawBson::Null), "trandeno is missing");
}

#[test]
fn names_ignore_case_and_unknown_ones_are_passed_over() {
    let document = rawdoc! {
        "x": { "batchno": "no" }, "BatchNo": "b", "TRANDENO": "t", "refundMoney": 1, "y": [1, 2],
    };
    assert_eq!(outcome(BSON, document.as_bytes()), "b|t|1");
}

#[test]
fn a_member_given_twice_must_be_the_same_both_times() {
    let same = rawdoc! { "batchno": "b", "trandeno": "t", "refundmoney": 1, "refundmoney": 1 };
    assert_eq!(outcome(BSON, same.as_bytes()), "b|t|1");
    let other = rawdoc! { "batchno": "b", "trandeno": "t", "refundmoney": 1, "Refundmoney": 2 };
    assert_eq!(
        outcome(BSON, other.as_bytes()),
        "refundmoney is given more than once with different values"
    );
}

#[test]
fn truncated_documents_and_garbage_are_refused() {
    let good = fixture("request-double-3.5.bson");
    for length in 1..good.len() {
        assert_eq!(outcome(BSON, &good[..length]), NOT_BSON, "{length} bytes");
    }
    assert_eq!(outcome(BSON, [good.as_slice(), b"\0"].concat()), NOT_BSON);
    assert_eq!(outcome(BSON, "{\"batchno\":\"b\"}"), NOT_BSON);
    let mut bad_length = good.clone();
    bad_length[13] = 0xff;
    assert_eq!(outcome(BSON, bad_length), NOT_BSON);
    let mut not_utf8 = good;
    not_utf8[18] = 0xff;
    assert_eq!(outcome(BSON, not_utf8), NOT_BSON);
}
