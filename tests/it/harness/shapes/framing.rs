//! Where a request ends: lengths, transfer encodings, chunks.

use super::{Table, hidden};
use crate::harness::payermax::MAIN;
use crate::harness::wire::Bent;

pub(super) fn lengths(table: &mut Table) {
    table.row("a length", "200", |bent| bent.host().length());
    table.row("leading zeros", "200", |bent| {
        let length = bent.body_bytes().len();
        bent.host().header(&format!("Content-Length: 00{length}"))
    });
    table.row("neither length nor chunks", "400 400.", Bent::host);
    table.mixed("the same length twice", ["400.", "400", "200"], |bent| {
        bent.host().length().length()
    });
    table.row("two lengths", "400.", |bent| {
        bent.host()
            .header("Content-Length: 5")
            .length()
            .then(&hidden())
    });
    table.mixed("a list of lengths", ["400.", "400", "200"], |bent| {
        let length = bent.body_bytes().len();
        bent.host()
            .header(&format!("Content-Length: {length}, {length}"))
    });
    for (name, length) in [
        ("a length with a sign", "+5"),
        ("a negative length", "-1"),
        ("a hexadecimal length", "0x10"),
        ("a length beyond 64 bits", "99999999999999999999999"),
        ("a length in words", "many"),
    ] {
        table.row(name, "400.", |bent| {
            bent.host()
                .header(&format!("Content-Length: {length}"))
                .then(&hidden())
        });
    }
    table.row("a blank before the colon", "400.", |bent| {
        bent.host().header("Content-Length : 5").then(&hidden())
    });
}

pub(super) fn transfer_encodings(table: &mut Table) {
    const CHUNKED: &str = "Transfer-Encoding: chunked";
    table.row("a length and chunks, by the length", "400.", |bent| {
        let behind = [b"0\r\n\r\n".as_slice(), &hidden()].concat();
        let length = behind.len();
        bent.host()
            .header(&format!("Content-Length: {length}\r\n{CHUNKED}"))
            .body(&behind)
    });
    table.mixed(
        "chunks and a length, by the chunks",
        ["400.", "400", "200"],
        |bent| {
            bent.host()
                .header(&format!("{CHUNKED}\r\nContent-Length: 4"))
                .chunk("{n}\r\n", "\r\n0\r\n\r\n")
                .then(&hidden())
        },
    );
    for (name, value, behind) in [
        ("an unknown coding", "xchunked", ["501", "400"]),
        ("identity", "identity", ["501", "400"]),
        (
            "chunked, then identity",
            "chunked, identity",
            ["501", "400"],
        ),
        ("gzip, then chunked", "gzip, chunked", ["501", "422"]),
        ("a vertical tab", "\x0bchunked", ["501", "400"]),
    ] {
        table.mixed(name, ["400.", behind[0], behind[1]], |bent| {
            bent.host()
                .header(&format!("Transfer-Encoding: {value}"))
                .chunk("{n}\r\n", "\r\n0\r\n\r\n")
                .then(&hidden())
        });
    }
    table.row("chunked twice", "400.", |bent| {
        bent.host()
            .header(&format!("{CHUNKED}\r\n{CHUNKED}"))
            .chunk("{n}\r\n", "\r\n0\r\n\r\n")
    });
    table.row("chunks with a blank before the colon", "400.", |bent| {
        bent.host()
            .header("Transfer-Encoding : chunked")
            .chunk("{n}\r\n", "\r\n0\r\n\r\n")
    });
    table.mixed("chunked on a folded line", ["400.", "400", "200"], |bent| {
        bent.host()
            .header("Transfer-Encoding:\r\n chunked")
            .chunk("{n}\r\n", "\r\n0\r\n\r\n")
    });
    table.row("chunks in HTTP/1.0", "400.", |bent| {
        bent.host()
            .line(&format!("POST {MAIN} HTTP/1.0"))
            .header(CHUNKED)
            .chunk("{n}\r\n", "\r\n0\r\n\r\n")
    });
    table.row("HTTP/1.0 without a length", "400.", |bent| {
        bent.host().line(&format!("POST {MAIN} HTTP/1.0"))
    });
    table.row("HTTP/1.0", "200.", |bent| {
        bent.host().line(&format!("POST {MAIN} HTTP/1.0")).length()
    });
}

pub(super) fn chunks(table: &mut Table) {
    let chunked = |bent: Bent, before: &str, after: &str| {
        bent.host()
            .header("Transfer-Encoding: chunked")
            .chunk(before, after)
    };
    for (name, answer, before, after) in [
        ("chunks", "200", "{n}\r\n", "\r\n0\r\n\r\n"),
        ("a chunk extension", "200", "{n};a=b\r\n", "\r\n0\r\n\r\n"),
        (
            "a trailer",
            "200",
            "{n}\r\n",
            "\r\n0\r\nContent-Length: 5\r\n\r\n",
        ),
        (
            "zeros before the size",
            "200",
            "000{n}\r\n",
            "\r\n0\r\n\r\n",
        ),
        (
            "a line feed in an extension",
            "400.",
            "{n};a=\nb\r\n",
            "\r\n0\r\n\r\n",
        ),
        ("a size with 0x", "400.", "0x{n}\r\n", "\r\n0\r\n\r\n"),
        ("a negative size", "400.", "-1\r\n", "\r\n0\r\n\r\n"),
        (
            "a blank before the size",
            "400.",
            " {n}\r\n",
            "\r\n0\r\n\r\n",
        ),
        ("no size", "400.", "\r\n", "\r\n0\r\n\r\n"),
        (
            "a size beyond 64 bits",
            "400.",
            "1{n}0000000000000\r\n",
            "\r\n0\r\n\r\n",
        ),
        (
            "a chunk longer than its size",
            "400.",
            "{n}\r\n",
            "XX0\r\n\r\n",
        ),
    ] {
        table.row(name, answer, |bent| chunked(bent, before, after));
    }
    table.mixed(
        "bare line feeds between chunks",
        ["400.", "200", "200"],
        |bent| chunked(bent, "{n}\n", "\n0\n\n"),
    );
}
