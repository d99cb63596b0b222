//! What comes before the body: header lines, hosts, request lines, paths, wishes, sizes.

use super::Table;
use crate::harness::payermax::MAIN;
use crate::harness::wire::Bent;

pub(super) fn heads(table: &mut Table) {
    table.mixed("a folded line", ["400.", "400", "200"], |bent| {
        bent.host().header("X-Folded: a\r\n b").length()
    });
    table.row("a blank before the first name", "400.", |bent| {
        bent.line(&format!("POST {MAIN} HTTP/1.1\r\n X: y"))
            .host()
            .length()
    });
    table.row("a name with a blank", "400.", |bent| {
        bent.host().header("X A: b").length()
    });
    table.row("no name", "400.", |bent| bent.host().header(": b").length());
    table.mixed("no colon", ["400.", "200", "400"], |bent| {
        bent.host().header("nonsense").length()
    });
    table.row("a bare carriage return", "400.", |bent| {
        bent.host().header("X-A: b\rc").length()
    });
    table.row("a NUL", "400.", |bent| {
        bent.host().header("X-A: b\0c").length()
    });
    table.row("bare line feeds", "200", |bent| {
        bent.host().length().line_end("\n")
    });
    table.row("an underscore for a hyphen", "200", |bent| {
        bent.host().header("Transfer_Encoding: chunked").length()
    });
}

pub(super) fn hosts(table: &mut Table) {
    table.row("no host", "400.", Bent::length);
    table.mixed("the same host twice", ["400.", "400", "200"], |bent| {
        bent.host().host().length()
    });
    table.row("two hosts", "400.", |bent| {
        bent.host().header("Host: others").length()
    });
}

pub(super) fn lines(table: &mut Table) {
    let with = |line: &'static str| {
        move |bent: Bent| bent.line(&line.replace("{path}", MAIN)).host().length()
    };
    table.mixed("HTTP/0.9", ["400.", ".", "400"], |bent| {
        bent.line("GET /\r\n").body(b"")
    });
    table.row("the preface of HTTP/2", "400.", |bent| {
        bent.line("PRI * HTTP/2.0\r\n\r\nSM\r\n").body(b"")
    });
    table.mixed(
        "HTTP/2.0",
        ["400.", "505", "200"],
        with("POST {path} HTTP/2.0"),
    );
    table.mixed(
        "HTTP/1.2",
        ["400.", "200", "200"],
        with("POST {path} HTTP/1.2"),
    );
    table.row(
        "http in small letters",
        "400.",
        with("POST {path} http/1.1"),
    );
    table.mixed(
        "two blanks",
        ["400.", "200", "200"],
        with("POST  {path} HTTP/1.1"),
    );
    table.mixed(
        "tabs",
        ["400.", "400", "200"],
        with("POST\t{path}\tHTTP/1.1"),
    );
    table.row(
        "a bracket in the method",
        "400.",
        with("P(ST {path} HTTP/1.1"),
    );
    table.mixed(
        "a method in small letters",
        ["405", "400", "405"],
        with("post {path} HTTP/1.1"),
    );
    table.row("TRACE", "405", with("TRACE {path} HTTP/1.1"));
    table.row("PUT", "405", with("PUT {path} HTTP/1.1"));
    table.mixed("CONNECT", ["404.", "400", "404"], |bent| {
        bent.line("CONNECT refunds:80 HTTP/1.1").host().body(b"")
    });
    table.mixed("OPTIONS *", ["404", "400", "404"], |bent| {
        bent.line("OPTIONS * HTTP/1.1").host().body(b"")
    });
    table.row(
        "the absolute form",
        "200",
        with("POST http://refunds{path} HTTP/1.1"),
    );
    table.mixed(
        "the absolute form of another host",
        ["200", "200", "400"],
        with("POST http://others{path} HTTP/1.1"),
    );
    table.row("not HTTP at all", "400.", |bent| {
        bent.line("\x16\x03\x01\x02\0\x01\0\x01").body(b"")
    });
    table.row("empty lines before it", "200", |bent| {
        bent.line(&format!("\r\n\r\nPOST {MAIN} HTTP/1.1"))
            .host()
            .length()
    });
}

pub(super) fn paths(table: &mut Table) {
    for (name, path) in [
        ("dots", "/x/../callbacks/payermax/main"),
        ("a dot", "/callbacks/./payermax/main"),
        ("encoded dots", "/x/%2e%2e/callbacks/payermax/main"),
        ("an encoded letter", "/%63allbacks/payermax/main"),
        ("two slashes", "//callbacks/payermax/main"),
        ("a slash behind", "/callbacks/payermax/main/"),
        ("capitals", "/Callbacks/payermax/main"),
    ] {
        table.row(name, "404", |bent| {
            bent.line(&format!("POST {path} HTTP/1.1")).host().length()
        });
    }
    for (name, path, nginx) in [
        (
            "an encoded letter in the account",
            "/callbacks/payermax/%6dain",
            "401",
        ),
        (
            "a parameter behind the account",
            "/callbacks/payermax/main;v=1",
            "401",
        ),
        (
            "a NUL behind the account",
            "/callbacks/payermax/main%00",
            "400",
        ),
    ] {
        table.mixed(name, ["401", nginx, "401"], |bent| {
            bent.line(&format!("POST {path} HTTP/1.1")).host().length()
        });
    }
    table.row("a query", "400", |bent| {
        bent.line(&format!("POST {MAIN}?code=APPLY_SUCCESS HTTP/1.1"))
            .host()
            .length()
    });
}

pub(super) fn asks(table: &mut Table) {
    // Proxies take the header away, and the length counts again.
    table.mixed("an upgrade to websockets", ["400.", "200", "200"], |bent| {
        bent.host()
            .header("Connection: Upgrade\r\nUpgrade: websocket")
            .length()
    });
    table.row("an upgrade to HTTP/2", "200", |bent| {
        bent.host()
            .header("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM")
            .length()
    });
    table.row("asks before it sends", "100 200", |bent| {
        bent.host().header("Expect: 100-continue").length()
    });
    // Proxies wait for the whole body, which does not come.
    table.mixed(
        "asks before it sends too much",
        ["100 413", "100.", "100 408"],
        |bent| {
            bent.host()
                .header("Expect: 100-continue\r\nContent-Length: 70000")
                .body(b"")
        },
    );
    for encoding in ["gzip", "br", "zstd", "deflate"] {
        table.row("a content encoding", "415", |bent| {
            bent.host()
                .header(&format!("Content-Encoding: {encoding}"))
                .length()
        });
    }
    table.row("two signatures", "401", |bent| {
        bent.host().header("Sign: x").length()
    });
    table.row("a body that was not signed", "401", |bent| {
        let body = bent.body_bytes().to_vec();
        let changed = String::from_utf8_lossy(&body).replace("125.50", "925.50");
        bent.body(changed.as_bytes()).host().length()
    });
    table.row("two at once", "200 200", |bent| {
        let again = bent.clone().host().length().bytes();
        bent.host().length().then(&again)
    });
    table.row("another one behind it", "200 404", |bent| {
        bent.host()
            .length()
            .then(b"GET /hidden HTTP/1.1\r\nHost: refunds\r\n\r\n")
    });
}

pub(super) fn sizes(table: &mut Table) {
    let many = |count: usize, length: usize| {
        let value = "y".repeat(length);
        let lines: Vec<_> = (0..count)
            .map(|number| format!("X-{number}: {value}"))
            .collect();
        lines.join("\r\n")
    };
    // Four are there already: Content-Type, Sign, Host and Content-Length. Proxies add some.
    table.mixed("96 headers", ["200", "431", "431"], |bent| {
        bent.host().header(&many(92, 1)).length()
    });
    table.row("97 headers", "431.", |bent| {
        bent.host().header(&many(93, 1)).length()
    });
    table.row("8 KiB of headers", "200", |bent| {
        bent.host().header(&many(8, 1_000)).length()
    });
    table.mixed("one header of 20 KiB", ["200", "400", "200"], |bent| {
        bent.host().header(&many(1, 20_000)).length()
    });
    table.mixed(
        "more than 128 KiB of headers",
        ["431.", "400", "400"],
        |bent| bent.host().header(&many(14, 10_000)).length(),
    );
    table.mixed("a path of 70 KiB", ["400.", "414", "400"], |bent| {
        let path = "a".repeat(70_000);
        bent.line(&format!("POST /{path} HTTP/1.1")).host().length()
    });
    table.row("a body of 64 KiB and a byte", "413", |bent| {
        bent.body(&b" ".repeat(65_537)).host().length()
    });
}
