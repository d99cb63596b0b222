//! Requests that no route serves: a wrong URL at the provider, or another method. Nothing below
//! our paths is rejected silently.

use serde_json::Value;

use super::ENGINE;
use crate::harness::config::EPAY_TOKEN;
use crate::harness::epay::{self, json_body};
use crate::harness::http::{raw, raw_status};
use crate::harness::keys::{provider_key, sha256_hex};
use crate::harness::payermax::{MAIN, SAMPLE};
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Server};

/// A signed callback with this request line, byte for byte.
fn sent(line: &str, more: &str) -> Vec<u8> {
    let sign = provider_key().sign(SAMPLE.as_bytes());
    let length = SAMPLE.len();
    format!(
        "{line} HTTP/1.1\r\nHost: refunds\r\nSign: {sign}\r\nConnection: close\r\n{more}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{SAMPLE}"
    )
    .into_bytes()
}

fn counted(server: &Server, reason: &str) -> u64 {
    let metrics = server.get("/metrics").text().to_owned();
    let name = format!("refund_receiver_rejected_requests_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().expect("a number"))
}

/// Lines of the log about requests that nothing serves.
fn lines(server: &Server) -> Vec<Value> {
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("nothing serves"));
    lines
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

#[test]
fn what_is_posted_to_a_url_that_nothing_serves_is_counted_kept_and_said() {
    let server = Server::usual(ENGINE);
    let paths = [
        ("/callbacks/payermax/main/", MAIN),
        ("/callbacks//payermax/main", MAIN),
        ("//callbacks/payermax/main", MAIN),
        ("/Callbacks/payermax/main", MAIN),
        ("/callback/payermax/main", MAIN),
        ("/relays/quickpay/store-1/INV/2025/00001", "%2F"),
        ("/relays/quickpay/store-1", "/relays/"),
        ("/api/WebInterface/EPay/Refund/EndSingle/Succes", epay::PATH),
        ("/", "nothing is served"),
    ];
    for (number, (path, meant)) in paths.iter().enumerate() {
        let answer = raw(&server.public_url, &sent(&format!("POST {path}"), ""));
        assert_eq!(raw_status(&answer), 404, "{path}: {answer}");
        let kept = server.evidence_of(number + 1);
        let newest_kept = kept.last().expect("evidence");
        assert_eq!(
            (&*newest_kept.reason, &*newest_kept.path),
            ("not_found", *path)
        );
        assert_eq!(newest_kept.body_sha256, sha256_hex(SAMPLE.as_bytes()));
        let shown = server.newest_refused();
        let says = format!(
            "{} {}",
            text(&shown["why"]),
            text(&shown["diagnosis"]["says"])
        );
        assert!(says.contains(meant), "{path}: {shown:#}");
        assert_eq!(counted(&server, "not_found"), number as u64 + 1, "{path}");
    }
    let lines = lines(&server);
    let first = lines.first().expect("a line");
    assert_eq!(first["path"], paths[0].0, "{first}");
    assert_eq!(first["reason"], "not_found", "{first}");
    server.assert_refund_tables_are_empty();
}

#[test]
fn many_of_them_make_few_lines_and_looking_around_makes_none() {
    let server = Server::usual(ENGINE);
    for _ in 0..40 {
        let reply = server.post("/callbacks/payermax", &[], "x");
        assert_eq!(reply.status, 404);
    }
    server.evidence_of(40);
    let seen = lines(&server).len();
    assert!((1..=6).contains(&seen), "{seen} lines of 40 requests");
    for path in ["/", "/favicon.ico", "/v1/refunds"] {
        let url = format!("{}{path}", server.public_url);
        assert_eq!(server.client().send("GET", &url, &[], b"").status, 404);
    }
    assert_eq!(counted(&server, "not_found"), 40);
}

#[test]
fn another_method_leaves_the_same_traces() {
    let server = Server::usual(ENGINE);
    let urls = [
        ("GET", MAIN),
        ("PUT", MAIN),
        ("GET", "/relays/quickpay/store-1/R-1"),
        ("GET", epay::PATH),
    ];
    for (number, (method, path)) in urls.into_iter().enumerate() {
        let url = format!("{}{path}", server.public_url);
        let reply = server.client().send(method, &url, &[], b"");
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "POST"),
            "{path}"
        );
        server.evidence_of(number + 1);
        let shown = server.newest_refused();
        assert_eq!(shown["reason"], "method_not_allowed", "{shown:#}");
        let says = text(&shown["diagnosis"]["says"]);
        assert!(says.contains("POST") && says.contains(method), "{says}");
        assert_eq!(counted(&server, "method_not_allowed"), number as u64 + 1);
    }
    let first = &lines(&server)[0];
    assert_eq!(
        (&first["method"], &first["path"]),
        (&"GET".into(), &MAIN.into())
    );
    let upgrade = sent(&format!("POST {MAIN}"), "Upgrade: websocket\r\n");
    assert_eq!(raw_status(&raw(&server.public_url, &upgrade)), 400);
    server.evidence_of(urls.len() + 1);
    let shown = server.newest_refused();
    assert_eq!(shown["headers"]["upgrade"], "websocket", "{shown:#}");
    assert_eq!(counted(&server, "malformed"), 1);
}

#[test]
fn the_path_of_epay_may_end_with_slashes() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "30.00");
    let authorization = format!("Bearer {EPAY_TOKEN}");
    for end in ["/", "//"] {
        let path = format!("{}{end}", epay::PATH.to_lowercase());
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        let reply = server.post(&path, &headers, json_body("B-1", "T-1", "30"));
        assert_eq!(epay::errcode(&reply), 0, "{path}");
    }
    assert!(server.evidence().is_empty());
}

#[test]
fn a_path_that_is_off_says_so() {
    let server = Server::start(&ConfigBuilder::bare(ENGINE));
    let reply = server.post(epay::PATH, &[("content-type", "application/json")], "{}");
    assert_eq!(reply.status, 404);
    server.evidence_of(1);
    let shown = server.newest_refused();
    let why = text(&shown["why"]);
    assert!(why.contains("[epay]"), "{why}");
}

#[test]
fn a_secret_in_a_wrong_path_is_shown_nowhere() {
    let secret = "path-secret-of-the-account";
    let account = format!(
        "[[accounts]]\nprovider = \"paycools\"\naccount = \"my\"\ncurrency = \"MYR\"\n\
         public_keys = [{{ id = \"a\", file = \"my.pem\" }}]\npath_secret = \"{secret}\"\n"
    );
    let config = ConfigBuilder::bare(ENGINE)
        .file("my.pem", &provider_key().public_pem)
        .toml(&account);
    let server = Server::start(&config);
    let paths = [
        format!("/callbacks/paycools/my/{secret}/"),
        format!("/callbacks/paycools//my/{secret}"),
        format!("/callback/paycools/my/{secret}"),
        format!("/paycools/my/{secret}"),
        format!("/{secret}"),
        format!("/callbacks/paycools/my%2f{secret}"),
    ];
    for path in &paths {
        let answer = raw(&server.public_url, &sent(&format!("POST {path}"), ""));
        assert!(matches!(raw_status(&answer), 401 | 404), "{path}: {answer}");
    }
    for kept in server.evidence_of(paths.len()) {
        assert!(!kept.path.contains(secret), "{kept:?}");
    }
    assert!(!server.log().contains(secret), "{}", server.log());
}
