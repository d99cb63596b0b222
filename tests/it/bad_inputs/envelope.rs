//! Bodies from which no callback can be read, and odd ones from which it can: the same list for
//! every provider, each body under a good signature of exactly its bytes.

use super::authentic::{asked, number};
use super::row::{Becomes, RELAYED, Request, Row};
use super::systems::{relayed, system};
use crate::harness::paycools::{OPEN_API_ACK, PATH};
use crate::harness::payermax::{ACK, MAIN, OLD, OLD_ACK};
use crate::harness::relay::{NMANAGEMENT, QUICKPAY};

/// Wraps any bytes so that they are authentic.
type Wrap = fn(&str, Vec<u8>) -> Request;

/// Where whole bodies are sent: a good one, and how any bytes become authentic. The flat form is
/// missing because there is no digest of what is no object.
const PATHS: [(&str, &str, Wrap); 5] = [
    ("payermax", ACK, |_, body| Request::signed(MAIN, body)),
    ("payermax v2.1", OLD_ACK, |_, body| {
        Request::signed(OLD, body)
    }),
    ("paycools", OPEN_API_ACK, |_, body| {
        Request::post(PATH, body)
    }),
    ("quickpay", RELAYED, |no, body| relayed(QUICKPAY, no, body)),
    ("nmanagement", RELAYED, |no, body| {
        relayed(NMANAGEMENT, no, body)
    }),
];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (system_name, ack, wrap) in PATHS {
        let good = |no: &str| {
            let system = system(system_name);
            (system.send)(no, &(system.good)(no)).body().to_vec()
        };
        for (what, spoil) in unusable() {
            let name = format!("{system_name}: {what}");
            let no = number(&name);
            rows.push(Row::new(
                name,
                wrap(&no, spoil(&good(&no))),
                Becomes::Refused(400),
            ));
        }
        for (what, spoil) in usable() {
            let name = format!("{system_name}: {what}");
            let no = number(&name);
            let becomes = Becomes::Taken {
                ack,
                status: "succeeded",
            };
            rows.push(Row::new(name, wrap(&no, spoil(&good(&no))), becomes));
        }
    }
    rows.extend(empty());
    rows.extend(inner());
    rows
}

type Spoil = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Replaces the whole body.
fn only(bytes: impl Into<Vec<u8>>) -> Spoil {
    let bytes = bytes.into();
    Box::new(move |_| bytes.clone())
}

/// A further first member with this raw value.
fn member(name: &'static str, value: impl Into<Vec<u8>>) -> Spoil {
    let value = value.into();
    Box::new(move |good| [b"{", name.as_bytes(), b":", &value, b",", &good[1..]].concat())
}

/// Something before and something behind.
fn around(before: &'static [u8], behind: &'static [u8]) -> Spoil {
    Box::new(move |good| [before, good, behind].concat())
}

/// The same characters in another encoding.
fn encoded(bytes: fn(u16) -> [u8; 2], mark: bool) -> Spoil {
    Box::new(move |good| {
        let text = String::from_utf8(good.to_vec()).expect("the good body is text");
        let mark = mark.then_some(0xFEFF);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(bytes)
            .collect()
    })
}

/// Lists in lists, as the value of an unknown member; the object itself is one level.
fn nested(levels: usize) -> Vec<u8> {
    [b"[".repeat(levels - 1), b"]".repeat(levels - 1)].concat()
}

/// Whole bodies.
const BODIES: [(&str, &str); 11] = [
    ("empty", ""),
    ("white space", " \r\n\t"),
    ("null", "null"),
    ("a number", "0"),
    ("a text", r#""x""#),
    ("a truth value", "true"),
    ("an empty list", "[]"),
    ("a list of values", r#"["REFUND_SUCCESS","","1"]"#),
    ("XML", "<refund><status>REFUND_SUCCESS</status></refund>"),
    ("a form", "status=REFUND_SUCCESS&outRefundNo=R1"),
    ("a JSON Web Token", "eyJhbGciOiJub25lIn0.e30."),
];

/// Bytes before and behind a good body.
const AROUND: [(&str, &[u8], &[u8]); 11] = [
    ("the object in a list", b"[", b"]"),
    ("a UTF-8 byte order mark", b"\xef\xbb\xbf", b""),
    ("a letter behind", b"", b"x"),
    ("a NUL behind", b"", b"\0"),
    ("a NUL before", b"\0", b""),
    ("two documents", b"", b"{}"),
    ("a comma behind", b"", b","),
    ("a security prefix", b")]}',\n", b""),
    ("a form feed around", b"\x0c", b"\x0c"),
    ("a vertical tab before", b"\x0b", b""),
    ("a no-break space before", b"\xc2\xa0", b""),
];

/// A further, unknown first member: its name and its value.
const MEMBERS: [(&str, &str, &[u8]); 38] = [
    ("a key without quotes", "more", b"1"),
    ("a comment", r#"/**/"more""#, b"1"),
    ("a line comment", "//\n\"more\"", b"1"),
    ("a leading comma", r#","more""#, b"1"),
    ("not a number", r#""more""#, b"NaN"),
    ("infinity", r#""more""#, b"-Infinity"),
    ("a leading zero", r#""more""#, b"01"),
    ("a leading plus", r#""more""#, b"+1"),
    ("a leading point", r#""more""#, b".5"),
    ("a trailing point", r#""more""#, b"1."),
    ("hexadecimal", r#""more""#, b"0x10"),
    ("a number with separators", r#""more""#, b"1_000"),
    ("beyond every binary number", r#""more""#, b"1e999"),
    ("TRUE", r#""more""#, b"TRUE"),
    ("undefined", r#""more""#, b"undefined"),
    ("a raw line break in a text", r#""more""#, b"\"a\nb\""),
    ("a raw NUL in a text", r#""more""#, b"\"a\0b\""),
    ("a raw tab in a text", r#""more""#, b"\"a\tb\""),
    ("an unknown escape", r#""more""#, br#""\x41""#),
    ("half an escape", r#""more""#, br#""\u00""#),
    ("a lone surrogate", r#""more""#, br#""\ud800""#),
    ("a lone low surrogate", r#""more""#, br#""\udc00""#),
    (
        "surrogates the wrong way round",
        r#""more""#,
        br#""\udc00\ud800""#,
    ),
    ("a lone surrogate in a key", r#""\ud800""#, b"1"),
    ("invalid UTF-8", r#""more""#, b"\"\xff\""),
    ("an overlong slash", r#""more""#, b"\"\xc0\xaf\""),
    ("an overlong NUL", r#""more""#, b"\"\xc0\x80\""),
    ("an encoded surrogate", r#""more""#, b"\"\xed\xa0\x80\""),
    ("beyond Unicode", r#""more""#, b"\"\xf4\x90\x80\x80\""),
    ("a cut sequence", r#""more""#, b"\"\xe2\x82\""),
    ("GBK", r#""more""#, b"\"\xcd\xcb\xbf\xee\""),
    ("a key twice", r#""more""#, br#"1,"more":1"#),
    (
        "a key twice by an escape",
        r#""more""#,
        br#"1,"\u006dore":1"#,
    ),
    (
        "a key twice in an ignored object",
        r#""more""#,
        br#"{"a":1,"b":2,"a":1}"#,
    ),
    (
        "a key twice in a list",
        r#""more""#,
        br#"[[{"a":1,"a":1}]]"#,
    ),
    (
        "a key twice 15 levels down",
        r#""more""#,
        br#"[[[[[[[[[[[[[{"a":1,"a":1}]]]]]]]]]]]]]"#,
    ),
    ("an empty key twice", r#""""#, br#"1,"":2"#),
    ("a NUL key twice", r#""\u0000""#, br#"1,"\u0000":2"#),
];

fn unusable() -> Vec<(&'static str, Spoil)> {
    let mut list: Vec<(&'static str, Spoil)> = vec![
        ("UTF-16 LE", encoded(u16::to_le_bytes, true)),
        ("UTF-16 BE", encoded(u16::to_be_bytes, true)),
        ("UTF-16 LE without a mark", encoded(u16::to_le_bytes, false)),
        (
            "cut short",
            Box::new(|good| good[..good.len() - 1].to_vec()),
        ),
        (
            "a trailing comma",
            Box::new(|good| [&good[..good.len() - 1], b",}"].concat()),
        ),
        (
            "single quotes",
            Box::new(|good| String::from_utf8_lossy(good).replace('"', "'").into_bytes()),
        ),
        ("17 levels", member("\"more\"", nested(17))),
        ("128 levels", member("\"more\"", nested(128))),
        ("30 000 levels", member("\"more\"", nested(30_000))),
        ("60 000 open brackets", only("[".repeat(60_000))),
        ("12 000 open objects", only(r#"{"a":"#.repeat(12_000))),
    ];
    list.extend(BODIES.map(|(what, body)| (what, only(body))));
    list.extend(AROUND.map(|(what, before, behind)| (what, around(before, behind))));
    list.extend(MEMBERS.map(|(what, name, value)| (what, member(name, value))));
    list
}

fn usable() -> Vec<(&'static str, Spoil)> {
    let many: Vec<String> = (0..4_000)
        .map(|number| format!(r#""k{number}":0"#))
        .collect();
    let many = many.join(",");
    vec![
        ("white space around", around(b" \r\n\t", b"\n")),
        ("16 levels", member("\"more\"", nested(16))),
        (
            "4 000 members",
            Box::new(move |good| [b"{", many.as_bytes(), b",", &good[1..]].concat()),
        ),
        (
            "a key of 50 KiB",
            Box::new(|good| {
                [
                    b"{\"".as_slice(),
                    &b"k".repeat(50 * 1024),
                    b"\":1,",
                    &good[1..],
                ]
                .concat()
            }),
        ),
        (
            "a text of 50 KiB",
            member("\"more\"", format!("\"{}\"", "x".repeat(50 * 1024))),
        ),
        (
            "a number of 1 000 digits",
            member("\"more\"", format!("0.{}", "1".repeat(1_000))),
        ),
        (
            "a NUL in an unread text",
            member("\"more\"", r#""a\u0000b""#),
        ),
        ("a NUL in an unread key", member(r#""a\u0000b""#, "1")),
        (
            "every script in an unread text",
            member("\"more\"", "\"退款é😀\u{202e}\""),
        ),
        (
            "keys of prototypes",
            member("\"__proto__\"", r#"{"status":"REFUND_FAILED"}"#),
        ),
    ]
}

/// An object that says nothing: no callback has that shape, but a relay signs whatever it relays.
fn empty() -> Vec<Row> {
    let mut rows = Vec::new();
    for (system_name, ack, wrap) in PATHS {
        for body in ["{}", r#"{"a":1}"#] {
            let name = format!("{system_name}: {body}");
            let becomes = match ack {
                RELAYED => asked(RELAYED, "pending", "outcome_unknown"),
                _ => Becomes::Refused(400),
            };
            rows.push(Row::new(&name, wrap(&number(&name), body.into()), becomes));
        }
    }
    rows
}

/// Doubled keys where they would do most harm: inside what is read.
fn inner() -> Vec<Row> {
    let name = "payermax: a key twice inside data";
    let no = number(name);
    let payermax = system("payermax");
    let data = (payermax.good)(&no).and("status", "\"REFUND_FAILED\"");
    let mut rows = vec![Row::new(
        name,
        (payermax.send)(&no, &data),
        Becomes::Refused(400),
    )];
    for (name, old, new) in [
        (
            "payermax: data twice",
            r#","data":"#,
            r#","data":{"status":"REFUND_FAILED"},"data":"#,
        ),
        ("payermax: data is a list", r#""data":{"#, r#""data":[{"#),
        (
            "payermax: data is a text",
            r#""data":{"#,
            r#""data":"{","x":{"#,
        ),
        (
            "payermax: data is null",
            r#""data":{"#,
            r#""data":null,"x":{"#,
        ),
        (
            "payermax: no kind of notification",
            r#""notifyType":"REFUND","#,
            "",
        ),
    ] {
        let no = number(name);
        let good = (payermax.send)(&no, &(payermax.good)(&no));
        let text = String::from_utf8(good.body().to_vec()).expect("JSON");
        let mut bad = text.replacen(old, new, 1);
        if new.ends_with("[{") {
            bad = bad.replace("}}", "}]}");
        }
        assert_ne!(bad, text, "{name} spoils something");
        rows.push(Row::new(
            name,
            Request::signed(MAIN, bad),
            Becomes::Refused(400),
        ));
    }
    for member in ["param", "sign"] {
        let name = format!("paycools: {member} twice");
        let no = number(&name);
        let paycools = system("paycools");
        let good = (paycools.send)(&no, &(paycools.good)(&no));
        let text = String::from_utf8(good.body().to_vec()).expect("JSON");
        let bad = text.replacen('{', &format!(r#"{{"{member}":"x","#), 1);
        rows.push(Row::new(
            name,
            Request::post(PATH, bad),
            Becomes::Refused(400),
        ));
    }
    rows
}
