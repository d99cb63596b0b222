//! Reports of the `EPay` caller as JSON. The format is read with liberties (comments, single quotes,
//! names in any case), so everything rejected here is unreadable or ambiguous.

use super::epay::{INVALID, UNKNOWN_PAYMENT, good};
use super::row::{Request, Row};
use super::systems::quoted;

/// Whole bodies.
const BODIES: [(&str, &[u8]); 16] = [
    ("only blanks", b" \r\n"),
    ("null", b"null"),
    ("a list", b"[]"),
    ("a text", b"\"x\""),
    ("a number", b"17"),
    ("an empty object", b"{}"),
    ("a NUL before", b"\0{\"batchno\":\"B-0\"}"),
    ("cut short", b"{\"batchno\":\"B-1\""),
    ("no colon", b"{\"batchno\" \"B-2\"}"),
    ("an open comment", b"{/* \"batchno\":\"B-3\"}"),
    ("an open text", b"{\"batchno\":\"B-4"),
    ("an unknown escape", br#"{"batchno":"\x41"}"#),
    ("half an escape", br#"{"batchno":"\u00"}"#),
    ("invalid UTF-8", b"{\"batchno\":\"\xff\"}"),
    ("an overlong NUL", b"{\"batchno\":\"\xc0\x80\"}"),
    ("an encoded surrogate", b"{\"batchno\":\"\xed\xa0\x80\"}"),
];

/// A further member of a good report.
const TWICE: [(&str, &str, &str); 5] = [
    ("batchno twice", "batchno", r#""B-other""#),
    (
        "trandeno twice by an escape",
        r"trande\u006eo",
        r#""T-other""#,
    ),
    ("refundmoney twice in other letters", "RefundMoney", "31"),
    (
        "refundmoney twice, equal but of two kinds",
        "refundmoney",
        r#""30.00""#,
    ),
    ("refundmoney twice, once null", "refundmoney", "null"),
];

/// What neither number may be, as JSON tokens.
const NUMBERS: [(&str, &str); 24] = [
    ("null", "null"),
    ("empty", r#""""#),
    ("blank", r#""   ""#),
    ("an ideographic blank", r#""\u3000""#),
    ("a list", "[]"),
    ("an object", r#"{"a":1}"#),
    ("an exponent", "1e5"),
    ("a NUL", r#""B\u0000x""#),
    ("only a NUL", r#""\u0000""#),
    ("a line break", r#""B\r\nx""#),
    ("an escape sequence", r#""B\u001b[31m""#),
    ("DEL", r#""B\u007f""#),
    ("a C1 control", r#""B\u0085""#),
    ("a zero-width space", r#""B\u200b""#),
    ("a right-to-left override", r#""B\u202e1""#),
    ("a right-to-left isolate", r#""B\u2067""#),
    ("an Arabic letter mark", r#""B\u061c""#),
    ("a line separator", r#""B\u2028""#),
    ("a byte order mark", r#""\ufeffB""#),
    ("an annotation", r#""B\ufff9""#),
    ("a lone surrogate", r#""B\ud800""#),
    ("a lone low surrogate", r#""\udc00B""#),
    ("the replacement character", r#""B\ufffd""#),
    ("a blank behind", r#""B ""#),
];

/// Odd, but plain text: two spellings are two payments.
const READ: [(&str, &str); 6] = [
    ("SQL", "T'; DROP TABLE refunds;--"),
    ("Cyrillic", "\u{422}-1"),
    ("full width", "Ｔ１"),
    ("composed", "T\u{e9}"),
    ("decomposed", "Te\u{301}"),
    ("an emoji", "T😀"),
];

/// What no money is, as JSON tokens.
const MONEY: [&str; 44] = [
    "0",
    "0.00",
    "-0",
    "-30",
    "0.001",
    "30.001",
    "3.999",
    "1e-3",
    "12345678901234567",
    "1e16",
    "1e400",
    "1e-400",
    "1e99999999999",
    "010",
    "00",
    "--1",
    "+30",
    "1.2.3",
    "0x",
    "0xG",
    "true",
    "[]",
    "{}",
    "NaN",
    "Infinity",
    "undefined",
    r#""""#,
    r#"" ""#,
    r#""0""#,
    r#""-30""#,
    r#""+-30""#,
    r#""1e3""#,
    r#""1_000""#,
    r#""30,00""#,
    r#""1,00""#,
    r#""１２""#,
    r#""١٢""#,
    r#""30\u0000""#,
    r#""¥30""#,
    r#""30 CNY""#,
    r#""NaN""#,
    r#""Infinity""#,
    r#""(30)""#,
    r#""0x1F""#,
];

/// Money to the last digit.
const EXACT: [(&str, &str); 6] = [
    ("9999999999999999.99", "9999999999999999.99"),
    ("9007199254740993.01", "9007199254740993.01"),
    ("0.01", "0.01"),
    ("30.10000", "30.10"),
    (r#"" 30.5 ""#, "30.50"),
    (r#""1,234.50""#, "1234.50"),
];

pub fn rows() -> Vec<Row> {
    let row = |what: &str, body: Vec<u8>| {
        let request = Request::epay("application/json", body);
        Row::new(format!("epay json: {what}"), request, INVALID)
    };
    let text = |what: &str, body: String| row(what, body.into_bytes());
    let mut rows: Vec<Row> = BODIES
        .iter()
        .map(|(what, body)| row(what, body.to_vec()))
        .collect();
    rows.extend(
        TWICE
            .iter()
            .map(|(what, name, token)| text(what, good(what).and(name, token).text())),
    );
    for (what, token) in NUMBERS {
        for member in ["batchno", "trandeno"] {
            let name = format!("{member} is {what}");
            rows.push(text(&name, good(&name).with(member, token).text()));
        }
    }
    for (member, what, token) in [
        ("batchno", "a slash", quoted("B/1")),
        ("batchno", "an escaped slash", r#""B\/1""#.to_owned()),
        ("batchno", "201 characters", quoted(&"x".repeat(201))),
        ("trandeno", "101 characters", quoted(&"x".repeat(101))),
        (
            "trandeno",
            "51 pairs of surrogates",
            quoted(&"😀".repeat(51)),
        ),
    ] {
        let name = format!("{member} is {what}");
        rows.push(text(&name, good(&name).with(member, &token).text()));
    }
    for member in ["batchno", "trandeno", "refundmoney"] {
        let name = format!("{member} is missing");
        rows.push(text(&name, good(&name).without(member).text()));
    }
    rows.extend(MONEY.iter().map(|token| {
        let name = format!("refundmoney {token}");
        text(&name, good(&name).with("refundmoney", token).text())
    }));
    rows.extend(deep());
    rows.extend(read());
    rows
}

fn deep() -> Vec<Row> {
    let inside = |name: &str, levels: usize| {
        let list = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        good(name).with("more", &list).text().into_bytes()
    };
    let utf16 = good("utf16")
        .text()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let bodies = [
        ("16 levels inside", inside("deep", 16), INVALID),
        ("15 levels inside", inside("less deep", 15), UNKNOWN_PAYMENT),
        ("5 000 levels inside", inside("deeper", 5_000), INVALID),
        (
            "30 000 open brackets",
            format!("{{\"more\":{}", "[".repeat(30_000)).into(),
            INVALID,
        ),
        (
            "12 000 open objects",
            r#"{"a":"#.repeat(12_000).into(),
            INVALID,
        ),
        ("9 000 comments", "/**/".repeat(9_000).into(), INVALID),
        ("UTF-16 without a word", utf16, INVALID),
    ];
    let row = |(what, body, becomes): (&str, Vec<u8>, _)| {
        Row::new(
            format!("epay json: {what}"),
            Request::epay("application/json", body),
            becomes,
        )
    };
    bodies.into_iter().map(row).collect()
}

fn read() -> Vec<Row> {
    let row = |name: &str, body: String| {
        Row::new(
            format!("epay json: {name}"),
            Request::epay("application/json", body),
            UNKNOWN_PAYMENT,
        )
    };
    let mut rows: Vec<Row> = READ
        .iter()
        .map(|(what, trandeno)| {
            let name = format!("trandeno is {what}");
            let refund_no = format!("B-{}/{trandeno}", super::authentic::number(&name));
            let body = good(&name).with("trandeno", &quoted(trandeno)).text();
            row(&name, body).with("refund_no", refund_no)
        })
        .collect();
    rows.extend(EXACT.iter().map(|(token, amount)| {
        let name = format!("refundmoney {token}");
        row(&name, good(&name).with("refundmoney", token).text()).with("amount", *amount)
    }));
    rows
}
