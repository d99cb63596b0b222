//! Reports of the `EPay` caller as BSON: wrong lengths, wrong kinds, names given twice.

use super::row::{Becomes, Request, Row};

/// One BSON element.
fn element(kind: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[kind], name, b"\0", value].concat()
}

/// A BSON string: its length, its bytes, a NUL.
fn string(text: &[u8]) -> Vec<u8> {
    let length = i32::try_from(text.len() + 1).expect("short");
    [&length.to_le_bytes(), text, b"\0"].concat()
}

/// A BSON document of these elements, with the right length.
fn bson(elements: &[Vec<u8>]) -> Vec<u8> {
    let inner = elements.concat();
    let length = i32::try_from(inner.len() + 5).expect("short");
    [&length.to_le_bytes(), inner.as_slice(), b"\0"].concat()
}

fn batchno(text: &str) -> Vec<u8> {
    element(0x02, b"batchno", &string(text.as_bytes()))
}

fn trandeno(text: &str) -> Vec<u8> {
    element(0x02, b"trandeno", &string(text.as_bytes()))
}

fn money() -> Vec<u8> {
    element(0x01, b"refundmoney", &30.5_f64.to_le_bytes())
}

/// A good report and something next to it.
fn next_to(number: &str, more: &[u8]) -> Vec<u8> {
    let (batchno, trandeno) = (
        batchno(&format!("B-{number}")),
        trandeno(&format!("T-{number}")),
    );
    bson(&[batchno, trandeno, money(), more.to_vec()])
}

/// Lengths that a good document may claim instead of its own.
const LENGTHS: [(&str, i32); 6] = [
    ("a length of nothing", 0),
    ("a negative length", -1),
    ("the least length", i32::MIN),
    ("the greatest length", i32::MAX),
    ("a short length", 20),
    ("a long length", 200),
];

/// Lengths that a text of five letters and its NUL may claim instead of six.
const TEXT_LENGTHS: [(&str, i32); 5] = [
    ("a text of length 0", 0),
    ("a text of negative length", -6),
    ("a text longer than the document", 9_999),
    ("a text that ends late", 9),
    ("a text that ends early", 3),
];

/// Unknown elements, each of which breaks the document.
const BROKEN: [(&str, u8, &[u8]); 7] = [
    ("an unknown kind", 0x20, b""),
    ("the kind of the end", 0x00, b""),
    ("an inner document that lies", 0x03, b"\xff\xff\xff\x7f"),
    ("an inner document of length 0", 0x03, b"\0\0\0\0"),
    (
        "an inner list of negative length",
        0x04,
        b"\xff\xff\xff\xff",
    ),
    ("a binary of negative length", 0x05, b"\xff\xff\xff\xff\0"),
    ("code whose parts lie", 0x0f, b"\x10\0\0\0\xff\xff\xff\x7f"),
];

/// What no money is: its kind and its bytes.
const MONEY: [(&str, u8, &[u8]); 10] = [
    ("money as a decimal of 128 bits", 0x13, &[0; 16]),
    ("money as a date", 0x09, &[30, 0, 0, 0, 0, 0, 0, 0]),
    ("money as a timestamp", 0x11, &[30, 0, 0, 0, 0, 0, 0, 0]),
    ("money as a truth value", 0x08, b"\x01"),
    ("money as null", 0x0a, b""),
    ("money as undefined", 0x06, b""),
    ("money as a list", 0x04, b"\x05\0\0\0\0"),
    ("money as the greatest key", 0x7f, b""),
    (
        "money of the least integer",
        0x12,
        &[0, 0, 0, 0, 0, 0, 0, 0x80],
    ),
    (
        "money of the greatest integer",
        0x12,
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ),
];

/// What no money is as a binary number.
const DOUBLES: [(&str, f64); 8] = [
    ("money that is not a number", f64::NAN),
    ("infinite money", f64::INFINITY),
    ("money of minus zero", -0.0),
    ("negative money", -30.0),
    ("huge money", 1e300),
    ("tiny money", 5e-324),
    ("money of three decimals", 30.001),
    ("money of 17 digits", 12_345_678_901_234_567.0),
];

/// What no number of a batch is: its kind and its bytes.
const NUMBERS: [(&str, u8, &[u8]); 13] = [
    ("batchno as bytes", 0x05, b"\x01\0\0\0\0B"),
    ("batchno as an object id", 0x07, b"AAAAAAAAAAAA"),
    ("batchno as an expression", 0x0b, b"B\0i\0"),
    ("batchno as code", 0x0d, b"\x02\0\0\0B\0"),
    ("batchno as a symbol", 0x0e, b"\x02\0\0\0B\0"),
    ("batchno as a document", 0x03, b"\x05\0\0\0\0"),
    (
        "batchno beyond 53 bits",
        0x01,
        &[0, 0, 0, 0, 0, 0, 0x50, 0x43],
    ),
    ("batchno with a NUL", 0x02, b"\x04\0\0\0B\0x\0"),
    ("batchno of a NUL", 0x02, b"\x02\0\0\0\0\0"),
    ("batchno that is not UTF-8", 0x02, b"\x03\0\0\0B\xff\0"),
    (
        "batchno with an encoded surrogate",
        0x02,
        b"\x05\0\0\0B\xed\xa0\x80\0",
    ),
    (
        "batchno with a right-to-left override",
        0x02,
        b"\x05\0\0\0B\xe2\x80\xae\0",
    ),
    ("an empty batchno", 0x02, b"\x01\0\0\0\0"),
];

pub fn rows() -> Vec<Row> {
    let row = |what: &str, body: Vec<u8>, errcode| {
        let request = Request::epay("application/bson", body);
        Row::new(
            format!("epay bson: {what}"),
            request,
            Becomes::Errcode(errcode),
        )
    };
    let mut rows: Vec<Row> = lies()
        .into_iter()
        .map(|(what, body)| row(what, body, 1))
        .collect();
    let report = |what: &str, money: Vec<u8>| bson(&[batchno("B"), trandeno(what), money]);
    rows.extend(MONEY.map(|(what, kind, value)| {
        row(what, report(what, element(kind, b"refundmoney", value)), 1)
    }));
    rows.extend(DOUBLES.map(|(what, value)| {
        let value = element(0x01, b"refundmoney", &value.to_le_bytes());
        row(what, report(what, value), 1)
    }));
    rows.extend(NUMBERS.map(|(what, kind, value)| {
        let batchno = element(kind, b"batchno", value);
        row(what, bson(&[batchno, trandeno(what), money()]), 1)
    }));
    let other = element(0x10, b"RefundMoney", &31_i32.to_le_bytes());
    let longer = element(0x02, b"batchno\0x", &string(b"B"));
    rows.extend([
        row("batchno twice", next_to("2b", &batchno("B-other")), 1),
        row(
            "refundmoney twice in other letters",
            next_to("2m", &other),
            1,
        ),
        row(
            "a name that goes on behind a NUL",
            bson(&[longer, trandeno("T-n"), money()]),
            1,
        ),
        row("no batchno", bson(&[trandeno("T-n"), money()]), 1),
        row(
            "5 000 levels inside",
            next_to("deep", &element(0x03, b"x", &nested(5_000))),
            2,
        ),
    ]);
    let sum = element(0x01, b"refundmoney", &(0.1_f64 + 0.2).to_le_bytes());
    rows.push(row("0.1 + 0.2", report("sum", sum), 2).with("amount", "0.30"));
    rows
}

/// Documents in documents, in unknown elements.
fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(bson(&[]), |inner, _| bson(&[element(0x03, b"a", &inner)]))
}

/// Bytes that are no document.
fn lies() -> Vec<(&'static str, Vec<u8>)> {
    let good = |number: &str| next_to(number, &[]);
    let cut = |number: &str, by: usize| {
        let body = good(number);
        body[..body.len() - by].to_vec()
    };
    let mut lies = vec![
        ("one byte", b"\x05".to_vec()),
        ("only a length", b"\x05\0\0\0".to_vec()),
        ("an empty document", bson(&[])),
        ("cut in the middle", cut("middle", 30)),
        ("cut by its end", cut("end", 1)),
        ("a byte behind", [good("behind"), vec![0]].concat()),
        ("two documents", [good("first"), good("second")].concat()),
        ("another end", [cut("other", 1), vec![1]].concat()),
        ("a name without an end", bson(&[b"\x02batchno".to_vec()])),
        (
            "a value without bytes",
            bson(&[element(0x01, b"refundmoney", b"")]),
        ),
        ("JSON", br#"{"batchno":"B-bson"}"#.to_vec()),
        ("zeros", vec![0; 64]),
        ("only 0xff", vec![0xff; 64]),
    ];
    lies.extend(LENGTHS.map(|(what, length)| {
        let mut body = good(what);
        body[..4].copy_from_slice(&length.to_le_bytes());
        (what, body)
    }));
    lies.extend(TEXT_LENGTHS.map(|(what, length)| {
        let value = [&length.to_le_bytes(), b"B-lie\0".as_slice()].concat();
        (
            what,
            bson(&[element(0x02, b"batchno", &value), trandeno(what), money()]),
        )
    }));
    lies.extend(
        BROKEN.map(|(what, kind, value)| (what, next_to(what, &element(kind, b"x", value)))),
    );
    lies
}
