//! Reports in JSON: the liberties that are taken, and where they end.

use super::{fixture, outcome, report};
use crate::providers::epay::decode;

const NOT_JSON: &str = "the request body is not a JSON object";
const NOT_NUMBER: &str = "refundmoney is not a decimal number";
const ALL_MISSING: &str = "batchno is missing; trandeno is missing; refundmoney is missing";

/// A body whose other members are fine.
fn with_money(value: &str) -> String {
    outcome(
        "application/json",
        format!(r#"{{"batchno":"b","trandeno":"t","refundmoney":{value}}}"#),
    )
}

fn with_batchno(value: &str) -> String {
    outcome(
        "application/json",
        format!(r#"{{"batchno":{value},"trandeno":"t","refundmoney":1}}"#),
    )
}

#[test]
fn every_liberty_of_the_original_is_taken() {
    let expected = Ok(report("3.5"));
    assert_eq!(
        decode(Some("application/json"), &fixture("request-lenient.json")),
        expected
    );
    let table = [
        r#"{batchno:"b",trandeno:"t",refundmoney:1}"#,
        "{'batchno':'b','trandeno':'t','refundmoney':'1'}",
        r#"{"BATCHNO":"b","TranDeNo":"t","refundMoney":1,}"#,
        "/*a*/{//b\n\"batchno\"/**/:/* * */\"b\",\"trandeno\":\"t\",\"refundmoney\":1//c\r}",
        r#"{"batchno":"b","trandeno":"t","refundmoney":1} trailing {"batchno":"x"}"#,
        r#"{"batchno":"b","trandeno":"t","refundmoney":1,"x":{"y":[1,"]",{}],},"z":null}"#,
        r#"{"batchno":"\u0062","trandeno":"\u0074","refundmoney":"\u0031"}"#,
        "\u{a0}\u{3000}{\"batchno\":\"b\",\"trandeno\":\"t\",\"refundmoney\":1}",
    ];
    for body in table {
        assert_eq!(outcome("application/json", body), "b|t|1", "{body}");
    }
}

#[test]
fn null_and_white_space_have_no_members() {
    for body in [
        "null",
        " \r\n\t",
        "/* nothing */",
        "// nothing",
        "\u{feff}",
        "null and more",
        "{}",
    ] {
        assert_eq!(outcome("application/json", body), ALL_MISSING, "{body}");
    }
}

#[test]
fn what_is_no_object_or_is_broken_is_refused() {
    let table = [
        "[]",
        "\"text\"",
        "7",
        "true",
        "abc",
        "{",
        "{\"batchno\"",
        "{\"batchno\":",
        "{,}",
        "{\"batchno\":\"b\"",
        "{\"batchno\":\"b\" \"trandeno\":\"t\"}",
        "{\"a\":[1 2]}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\uD800\\u12G4\"}",
        "/* open",
        "{'a\":1}",
        "{\"a\":undefined}",
        "{\"a\":new Date(0)}",
        "{\"a\":]}",
        "{a b:1}",
        "{:1}",
    ];
    for body in table {
        assert_eq!(outcome("application/json", body), NOT_JSON, "{body}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"batchno":"b","trandeno":"t","refundmoney":1,"x":{open}{close}}}"#)
    };
    let too_deep = "the request body is nested too deeply or has too many attributes";
    assert_eq!(outcome("application/json", nested(15)), "b|t|1");
    assert_eq!(outcome("application/json", nested(16)), too_deep);
    assert_eq!(
        outcome("application/json", "{\"x\":".repeat(30_000)),
        too_deep
    );
    assert_eq!(outcome("application/json", "[".repeat(60_000)), too_deep);
}

#[test]
fn money_has_the_documented_spellings() {
    let table = [
        ("3", "b|t|3"),
        ("3.0", "b|t|3"),
        ("0.10", "b|t|0.1"),
        ("1e2", "b|t|100"),
        ("1E+2", "b|t|100"),
        ("1250e-2", "b|t|12.5"),
        ("1.25e1", "b|t|12.5"),
        ("3.", "b|t|3"),
        (".5", "b|t|0.5"),
        ("0x1F", "b|t|31"),
        ("\"3.50\"", "b|t|3.5"),
        ("\" 3.5 \"", "b|t|3.5"),
        ("\"+3.5\"", "b|t|3.5"),
        ("\"1,234.50\"", "b|t|1234.5"),
        ("\"1,234,567\"", "b|t|1234567"),
        (
            "0.30000000000000004",
            "refundmoney has more than two decimals",
        ),
        ("-5", "refundmoney is not greater than zero"),
        ("3.999", "refundmoney has more than two decimals"),
        ("1e-3", "refundmoney has more than two decimals"),
        (
            "1e17",
            "refundmoney has more than 16 digits before the decimal point",
        ),
        ("\"\"", "refundmoney is missing"),
        ("null", "refundmoney is missing"),
    ];
    for (value, expected) in table {
        assert_eq!(with_money(value), expected, "{value}");
    }
}

#[test]
fn money_in_any_other_spelling_is_refused() {
    let table = [
        "\"1e2\"",
        "\"abc\"",
        "\"¥3\"",
        "true",
        "[1]",
        "{}",
        "1e999",
        "1e",
        "1.2.3",
        "0x",
        "0xfg",
        "0xffffffffffffffffff",
        "--1",
        "\"- 5\"",
        "\"3 5\"",
        "\".\"",
        "-",
        ".",
        "\"0x1F\"",
        "12a",
        // Octal in the original, a decimal comma, commas anywhere: each would be other money.
        "010",
        "\"3,50\"",
        "\"12,34\"",
        "\",500\"",
        "\"1,,000\"",
        "\"1,000,\"",
        "\"1234,567\"",
        "\"1,234.5,6\"",
    ];
    for value in table {
        assert_eq!(with_money(value), NOT_NUMBER, "{value}");
    }
    let endless = "1".repeat(65);
    assert_eq!(with_money(&endless), NOT_NUMBER);
}

#[test]
fn numbers_and_truth_values_become_identifiers_as_in_the_original() {
    let not_text = "batchno is not a text";
    let table = [
        ("123", "123|t|1"),
        ("20150424145530", "20150424145530|t|1"),
        (
            "2015042100001000760048511054",
            "2015042100001000760048511054|t|1",
        ),
        ("1.50", "1.5|t|1"),
        ("-7", "-7|t|1"),
        ("true", "True|t|1"),
        ("false", "False|t|1"),
        ("\"\\\"\\\\\\'\"", "\"\\'|t|1"),
        ("\"\\ud83d\\ude00\"", "😀|t|1"),
        ("null", "batchno is missing"),
        ("\"\"", "batchno is missing"),
        ("[\"b\"]", not_text),
        ("{}", not_text),
        ("007", not_text),
        ("2.0150421000010008e+27", not_text),
        ("0x1F", not_text),
        (
            "\"\\ud83d\"",
            "batchno contains a character that is not printable",
        ),
        (
            "\"\\ud83d\\u0041\"",
            "batchno contains a character that is not printable",
        ),
    ];
    for (value, expected) in table {
        assert_eq!(with_batchno(value), expected, "{value}");
    }
}

#[test]
fn a_member_given_twice_must_be_the_same_both_times() {
    let twice = |second: &str| {
        let body = format!(r#"{{"batchno":"b","trandeno":"t","refundmoney":1,{second}}}"#);
        outcome("application/json", body)
    };
    let money = "refundmoney is given more than once with different values";
    assert_eq!(twice(r#""refundmoney":1,"batchno":"b""#), "b|t|1");
    assert_eq!(twice(r#""refundmoney":2"#), money);
    assert_eq!(twice(r#""RefundMoney":2"#), money);
    assert_eq!(twice(r#""refundmoney":"1""#), money);
    assert_eq!(twice(r#""refundmoney":null"#), money);
    assert_eq!(twice(r#""refundmoney":2,"refundmoney":1"#), money);
    assert_eq!(
        twice(r#""trandeno":"x""#),
        "trandeno is given more than once with different values"
    );
    assert_eq!(
        twice(r#""batchno":"B""#),
        "batchno is given more than once with different values"
    );
}
