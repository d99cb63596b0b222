//! What never becomes a body: methods, paths, framing, media types, sizes. Every request would be
//! authentic, so that only the rule under test rejects it.

use super::authentic::number;
use super::row::{Becomes, Request, Row};
use super::systems::{payermax, payermax_envelope};
use crate::harness::keys::provider_key;
use crate::harness::payermax::{ACK, MAIN};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// A good callback about a refund of this row alone.
fn good(name: &str) -> String {
    payermax_envelope(&payermax(&number(name)).text()).text()
}

pub fn rows() -> Vec<Row> {
    let mut rows = methods();
    rows.extend(paths());
    rows.extend(media());
    rows.extend(sizes());
    rows.extend(ambiguous());
    rows
}

fn methods() -> Vec<Row> {
    let row = |method: &'static str| {
        let name = format!("{method} of a callback path");
        let request = Request::signed(MAIN, good(&name)).method(method);
        Row::new(name, request, Becomes::Dropped(&[405]))
    };
    ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]
        .map(row)
        .into()
}

fn paths() -> Vec<Row> {
    let unknown = [
        "/",
        "/callbacks",
        "/callbacks/",
        "/callbacks/payermax",
        "/callbacks/payermax/",
        "/callbacks/payermax/main/",
        "/callbacks/payermax/main/more",
        "/Callbacks/payermax/main",
        "//callbacks/payermax/main",
        "/callbacks//payermax/main",
        "/x/../callbacks/payermax/main",
        "/./callbacks/payermax/main",
        "/%63allbacks/payermax/main",
        "/relays/payermax/main",
        // Of the other listener.
        "/v1/refunds",
        "/v1/events",
        "/v1/orders/P-1",
        "/metrics",
        "/livez",
        "/openapi.json",
    ];
    // No account has such a name; the answer does not reveal that.
    let refused = [
        "/callbacks/payermax/Main",
        "/callbacks/PayerMax/main",
        "/callbacks/payermax/main;v=1",
        "/callbacks/payermax/main%2f..",
        "/callbacks/payermax/main%00",
        "/callbacks/payermax/%2e%2e",
        "/callbacks/payermax/ma%69n",
        "/callbacks/payermax/unknown",
        "/callbacks/unknown/main",
        "/callbacks/quickpay/store-1",
        "/callbacks/epay/default",
    ];
    let row = |path: &str, statuses: &'static [u16]| {
        let name = format!("POST to {path}");
        let request = raw_request(&name, path, "", Length::Told);
        Row::new(name, request, Becomes::Dropped(statuses))
    };
    let mut rows: Vec<_> = unknown.iter().map(|path| row(path, &[404])).collect();
    rows.extend(refused.iter().map(|path| row(path, &[401])));
    for query in ["status=REFUND_FAILED", "x", "data%5Bstatus%5D=1"] {
        let name = format!("a query string {query}");
        let request = Request::signed(&format!("{MAIN}?{query}"), good(&name));
        rows.push(Row::new(name, request, Becomes::Refused(400)));
    }
    rows
}

fn media() -> Vec<Row> {
    let types = [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/bson",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=gbk",
        "application/json, text/html",
        "application/*",
        "nonsense",
    ];
    let mut rows: Vec<Row> = types
        .iter()
        .map(|media| {
            let name = format!("content type {media}");
            let request = Request::signed(MAIN, good(&name)).header("content-type", *media);
            Row::new(name, request, Becomes::Refused(415))
        })
        .collect();
    let name = "no content type";
    let request = Request::signed(MAIN, good(name)).header("content-type", "");
    rows.push(Row::new(name, request, Becomes::Refused(415)));
    for encoding in [
        "gzip",
        "br",
        "zstd",
        "deflate",
        "x-unknown",
        "gzip, gzip",
        "identity, gzip",
    ] {
        let name = format!("content encoding {encoding}");
        let request = Request::signed(MAIN, good(&name)).header("content-encoding", encoding);
        rows.push(Row::new(name, request, Becomes::Refused(415)));
    }
    rows
}

fn sizes() -> Vec<Row> {
    let padded = |name: &str, length: usize| {
        let body = |padding: usize| {
            good(name).replacen('{', &format!("{{\"more\":\"{}\",", "x".repeat(padding)), 1)
        };
        body(length - body(0).len())
    };
    let taken = Becomes::Taken {
        ack: ACK,
        status: "succeeded",
    };
    let (most, more) = ("64 KiB", "one byte more than 64 KiB");
    let chunked = "one byte more than 64 KiB in chunks";
    let body = padded(chunked, BODY_LIMIT + 1);
    let pieces = body
        .as_bytes()
        .chunks(8_000)
        .fold(Vec::new(), |mut sent, piece| {
            sent.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            sent.extend_from_slice(piece);
            sent.extend_from_slice(b"\r\n");
            sent
        });
    let framing = "Transfer-Encoding: chunked\r\n";
    vec![
        Row::new(most, Request::signed(MAIN, padded(most, BODY_LIMIT)), taken),
        Row::new(
            more,
            Request::signed(MAIN, padded(more, BODY_LIMIT + 1)),
            Becomes::Refused(413),
        ),
        Row::new(
            chunked,
            Request::Raw([head(MAIN, &body, framing), pieces, b"0\r\n\r\n".to_vec()].concat()),
            Becomes::Dropped(&[413]),
        ),
        Row::new(
            "a length of 99 GB",
            raw_request(
                "huge",
                MAIN,
                "Content-Length: 99999999999\r\n",
                Length::Open,
            ),
            Becomes::Dropped(&[413]),
        ),
    ]
}

/// Further header lines that leave open where the body ends, or what the head says.
const AMBIGUOUS: [(&str, &str); 13] = [
    (
        "length and chunked",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ),
    ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    (
        "two equal lengths",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
    ),
    ("a list of lengths", "Content-Length: 5, 5\r\n"),
    ("a length with a sign", "Content-Length: +5\r\n"),
    ("a length in words", "Content-Length: many\r\n"),
    ("a negative length", "Content-Length: -1\r\n"),
    ("a hexadecimal length", "Content-Length: 0x5\r\n"),
    ("two hosts", "Content-Length: 5\r\nHost: again\r\n"),
    ("a header without a name", "Content-Length: 5\r\n: x\r\n"),
    ("a name with a space", "Content-Length: 5\r\nX Y: x\r\n"),
    ("a NUL in a header", "Content-Length: 5\r\nX: a\0b\r\n"),
    ("a folded header", "Content-Length: 5\r\nX: a\r\n b\r\n"),
];

/// Codings that are not `chunked` alone and once.
const CODINGS: [(&str, &str); 3] = [
    ("an unknown coding", "xchunked"),
    ("chunked, then identity", "chunked, identity"),
    ("chunked twice", "chunked\r\nTransfer-Encoding: chunked"),
];

/// What is no request of HTTP/1.1.
const STARTS: [(&str, &str); 7] = [
    (
        "HTTP/2 by prior knowledge",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ),
    ("no host", "POST /callbacks/payermax/main HTTP/1.1\r\n\r\n"),
    ("HTTP/0.9", "POST /callbacks/payermax/main\r\n\r\n"),
    (
        "HTTP/3.7",
        "POST /callbacks/payermax/main HTTP/3.7\r\nHost: a\r\n\r\n",
    ),
    ("a TLS greeting", "\u{16}\u{3}\u{1}\u{2}\0\u{1}"),
    ("nothing but line breaks", "\r\n\r\n\r\n\r\n"),
    ("a header before the request", "Host: a\r\n\r\n"),
];

fn ambiguous() -> Vec<Row> {
    let row = |name: &str, headers: &str, statuses: &'static [u16]| {
        let request = raw_request(name, MAIN, headers, Length::Open);
        Row::new(name, request, Becomes::Dropped(statuses))
    };
    let mut rows: Vec<Row> = AMBIGUOUS
        .iter()
        .map(|(name, headers)| row(name, headers, &[400]))
        .collect();
    rows.extend(CODINGS.iter().map(|(name, coding)| {
        let headers = format!("Transfer-Encoding: {coding}\r\n");
        row(name, &headers, &[400, 501])
    }));
    let many: Vec<_> = (0..97).map(|number| format!("X-{number}: x\r\n")).collect();
    rows.push(row("97 headers", &many.concat(), &[400, 431]));
    let large = format!("X: {}\r\n", "x".repeat(200 * 1024));
    rows.push(row("a head of 200 KiB", &large, &[0, 400, 431]));
    rows.extend(STARTS.iter().map(|(name, start)| {
        let request = Request::Raw(start.as_bytes().to_vec());
        Row::new(*name, request, Becomes::Dropped(&[0, 400, 405, 505]))
    }));
    rows
}

/// Whether a raw request says how long its body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Told,
    /// Left to the further headers.
    Open,
}

/// One raw request with these further headers.
fn raw_request(name: &str, path: &str, headers: &str, length: Length) -> Request {
    let body = good(name);
    let told = match length {
        Length::Told => format!("{headers}Content-Length: {}\r\n", body.len()),
        Length::Open => headers.to_owned(),
    };
    Request::Raw([head(path, &body, &told), body.into_bytes()].concat())
}

/// Everything up to the body.
fn head(path: &str, body: &str, headers: &str) -> Vec<u8> {
    let sign = provider_key().sign(body.as_bytes());
    format!(
        "POST {path} HTTP/1.1\r\nHost: refunds\r\nConnection: close\r\nSign: {sign}\r\n\
         Content-Type: application/json\r\n{headers}\r\n"
    )
    .into_bytes()
}
