//! Reports as forms: names, percent signs, invariant numbers.

use super::{BATCHNO, TRANDENO, fixture, outcome};

const FORM: &str = "application/x-www-form-urlencoded";

fn with_money(value: &str) -> String {
    outcome(FORM, format!("batchno=b&trandeno=t&refundmoney={value}"))
}

#[test]
fn names_ignore_case_and_may_end_in_brackets() {
    let expected = format!("{BATCHNO}|{TRANDENO}|3.5");
    assert_eq!(outcome(FORM, fixture("request.form")), expected);
    let table = [
        ("BatchNo=b&TRANDENO=t&refundMoney=1", "b|t|1"),
        ("batchno[]=b&trandeno=t&refundmoney=1&x=y&&=z&w", "b|t|1"),
        ("b%61tchno=b&trandeno=t&refundmoney=1", "b|t|1"),
        (
            "parm.batchno=b&trandeno=t&refundmoney=1",
            "batchno is missing",
        ),
        (
            "batchno=+&trandeno=&refundmoney",
            "batchno is missing; trandeno is missing; refundmoney is missing",
        ),
        (
            "{}",
            "batchno is missing; trandeno is missing; refundmoney is missing",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(outcome(FORM, body), expected, "{body}");
    }
}

#[test]
fn values_are_utf_8_and_lost_bytes_make_no_identifier() {
    let table = [
        (
            "batchno=a+b%20c%2B&trandeno=%E9%80%80&refundmoney=1",
            "a b c+|退|1",
        ),
        (
            "batchno=a%FF&trandeno=t&refundmoney=1",
            "batchno contains a character that is not printable",
        ),
        (
            "batchno=a%00&trandeno=t&refundmoney=1",
            "batchno contains a character that is not printable",
        ),
        (
            "batchno=a%2Fb&trandeno=t&refundmoney=1",
            "batchno contains a slash",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(outcome(FORM, body), expected, "{body}");
    }
}

#[test]
fn money_is_an_invariant_float() {
    let not_number = "refundmoney is not a decimal number";
    let table = [
        ("3.5", "b|t|3.5"),
        ("+3.5", "b|t|3.5"),
        ("%2B3.5", "b|t|3.5"),
        ("1e2", "b|t|100"),
        ("1.5E1", "b|t|15"),
        ("007", "b|t|7"),
        ("1,000.5", not_number),
        ("0x10", not_number),
        ("abc", not_number),
        ("1_000", not_number),
        ("NaN", not_number),
        ("-1", "refundmoney is not greater than zero"),
        ("1e-3", "refundmoney has more than two decimals"),
        ("", "refundmoney is missing"),
    ];
    for (value, expected) in table {
        assert_eq!(with_money(value), expected, "{value}");
    }
}

#[test]
fn a_member_given_twice_must_be_the_same_both_times() {
    assert_eq!(with_money("1&refundmoney=1"), "b|t|1");
    assert_eq!(
        with_money("1&RefundMoney=2"),
        "refundmoney is given more than once with different values"
    );
}
