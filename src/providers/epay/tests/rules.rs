//! The rules every format shares, shown in JSON.

use super::{DecodeError, decode, outcome};
use crate::providers::epay::{Fault, Member, Problem};

fn json(batchno: &str, trandeno: &str, refundmoney: &str) -> String {
    let body = serde_json::json!({
        "batchno": batchno, "trandeno": trandeno, "refundmoney": refundmoney,
    });
    outcome("application/json", body.to_string())
}

#[test]
fn money_is_positive_with_two_decimals_and_sixteen_digits() {
    let table = [
        ("0.01", "b|t|0.01"),
        ("3.5000", "b|t|3.5"),
        ("0003", "b|t|3"),
        ("9999999999999999.99", "b|t|9999999999999999.99"),
        ("00000000000000000000000000001", "b|t|1"),
        (
            "10000000000000000",
            "refundmoney has more than 16 digits before the decimal point",
        ),
        ("0", "refundmoney is not greater than zero"),
        ("0.00", "refundmoney is not greater than zero"),
        ("-0", "refundmoney is not greater than zero"),
        ("-5", "refundmoney is not greater than zero"),
        ("3.999", "refundmoney has more than two decimals"),
        ("0.001", "refundmoney has more than two decimals"),
        ("abc", "refundmoney is not a decimal number"),
        ("¥3", "refundmoney is not a decimal number"),
        ("٣", "refundmoney is not a decimal number"),
        ("", "refundmoney is missing"),
        (" ", "refundmoney is missing"),
    ];
    for (refundmoney, expected) in table {
        assert_eq!(json("b", "t", refundmoney), expected, "{refundmoney}");
    }
}

#[test]
fn identifiers_are_printable_and_not_longer_than_the_tables() {
    let just = "b".repeat(200);
    // One character outside of the basic plane is two UTF-16 code units.
    let paired = "𝒷".repeat(100);
    let table: Vec<(String, &str, String)> = vec![
        (just.clone(), "t", format!("{just}|t|1")),
        (paired.clone(), "t", format!("{paired}|t|1")),
        (
            format!("{just}b"),
            "t",
            "batchno is longer than 200 characters".into(),
        ),
        (
            format!("{paired}b"),
            "t",
            "batchno is longer than 200 characters".into(),
        ),
        ("退款 1".into(), "a/b", "退款 1|a/b|1".into()),
        ("a/b".into(), "t", "batchno contains a slash".into()),
        (" \t\u{3000}".into(), "t", "batchno is missing".into()),
        (
            "a\u{0}".into(),
            "t",
            "batchno contains a character that is not printable".into(),
        ),
        (
            "a\nb".into(),
            "t",
            "batchno contains a character that is not printable".into(),
        ),
        (
            "a".into(),
            "\u{202e}1",
            "trandeno contains a character that is not printable".into(),
        ),
        (
            "a".into(),
            "1\u{2066}",
            "trandeno contains a character that is not printable".into(),
        ),
        (
            "a".into(),
            "1\u{200b}",
            "trandeno contains a character that is not printable".into(),
        ),
        (
            "a".into(),
            "1\u{fffd}",
            "trandeno contains a character that is not printable".into(),
        ),
        (
            "a".into(),
            "\u{85}1",
            "trandeno contains a character that is not printable".into(),
        ),
    ];
    for (batchno, trandeno, expected) in table {
        assert_eq!(
            json(&batchno, trandeno, "1"),
            expected,
            "{batchno:?} {trandeno:?}"
        );
    }
    let trade = "t".repeat(100);
    assert_eq!(json("b", &trade, "1"), format!("b|{trade}|1"));
    assert_eq!(
        json("b", &(trade + "t"), "1"),
        "trandeno is longer than 100 characters"
    );
}

#[test]
fn white_space_around_an_identifier_is_named() {
    for batchno in [" 退款 1", "退款 1 ", "\u{3000}1"] {
        assert_eq!(
            json(batchno, "a/b", "1"),
            "batchno begins or ends with white space"
        );
    }
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let body = br#"{"batchno":"a/b","refundmoney":"-3"}"#;
    let Err(DecodeError::Invalid(problems)) = decode(Some("text/json"), body) else {
        panic!("accepted")
    };
    let expected = [
        Problem::Member(Member::Batchno, Fault::Slash),
        Problem::Member(Member::Trandeno, Fault::Missing),
        Problem::Member(Member::Refundmoney, Fault::NotPositive),
    ];
    assert!(problems.iter().eq(&expected));
    assert_eq!(
        problems.to_string(),
        "batchno contains a slash; trandeno is missing; refundmoney is not greater than zero"
    );
}

#[test]
fn a_refusal_repeats_nothing_of_what_was_sent() {
    let marker = "<script>7351";
    assert!(!json(&format!("{marker}/"), &marker.repeat(20), marker).contains("7351"));
}
