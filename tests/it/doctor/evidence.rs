//! What is kept of a rejected request, how it is listed, and what is said of its path and caller.

use std::process::Output;

use serde_json::Value;

use super::super::ENGINE;
use super::UNEXPLAINED;
use crate::harness::Server;
use crate::harness::keys::provider_key;
use crate::harness::payermax::{MAIN, OLD, SAMPLE};
use crate::harness::reader::text;

fn lines(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_path_that_is_almost_right_is_named() {
    let server = Server::usual(ENGINE);
    let sign = provider_key().sign(SAMPLE.as_bytes());
    let wrong = ["/callbacks/payermx/main", "/callbacks/payermax/Main"];
    for (number, path) in wrong.iter().enumerate() {
        assert_eq!(
            server.post_signed(path, SAMPLE, &sign).status,
            401,
            "{path}"
        );
        let shown = server.newest_of_refused(number + 1);
        let findings = shown["diagnosis"]["findings"].to_string();
        assert!(
            findings.contains("it were sent to /callbacks/payermax/main"),
            "{findings}"
        );
    }
}

#[test]
fn a_refused_epay_caller_is_told_apart_by_what_was_wrong() {
    let server = Server::usual(ENGINE);
    let path = "/api/WebInterface/EPay/Refund/EndSingle/Success";
    let body = r#"{"batchno":"B","trandeno":"T","refundmoney":1}"#;
    let rows = [
        (None, "no Authorization header with Bearer"),
        (Some("Basic YTpi"), "no Authorization header with Bearer"),
        (Some("Bearer something-else"), "is none of epay.tokens"),
    ];
    for (number, (authorization, why)) in rows.iter().enumerate() {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        assert_eq!(server.post(path, &headers, body).status, 401);
        let shown = server.newest_of_refused(number + 1);
        let (said, kept) = (text(&shown["diagnosis"]["says"]), text(&shown["why"]));
        assert!(said.contains(why) && kept.contains(why), "{said}\n{kept}");
    }
}

#[test]
fn refused_requests_are_listed_by_time_reason_and_path() {
    let server = Server::usual(ENGINE);
    let unknown = "/callbacks/payermax/unknown";
    for (number, (path, body)) in [(MAIN, SAMPLE), (OLD, "no JSON"), (unknown, SAMPLE)]
        .iter()
        .enumerate()
    {
        server.post_signed(path, body, "AAAA");
        server.evidence_of(number + 1);
    }
    let list = |filter: &[&str]| {
        let arguments = [&["list", "--output", "json"], filter].concat();
        let rows = lines(&server.evidence_command(&arguments));
        rows.iter()
            .map(|row| text(&row["path"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), [unknown, OLD, MAIN]);
    assert_eq!(list(&["--reason", "unauthorized"]), [unknown, MAIN]);
    assert_eq!(list(&["--path", "/callbacks/payermax/ma"]), [MAIN]);
    assert_eq!(list(&["--limit", "1"]), [unknown]);
    assert!(list(&["--since", "2999-01-01T00:00:00Z"]).is_empty());
    assert_eq!(list(&["--since", "2020-01-01T00:00:00Z"]).len(), 3);

    let stdout = |arguments: &[&str]| {
        let output = server.evidence_command(arguments);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let table = stdout(&["list"]);
    assert!(table.contains("no active key makes"), "{table}");
    let shown = stdout(&["show", "1"]);
    for expected in [MAIN, "sign: AAAA", SAMPLE, UNEXPLAINED] {
        assert!(shown.contains(expected), "`{expected}` in: {shown}");
    }
    let unknown = server.evidence_command(&["show", "99"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(1), "{said}");
    assert_eq!(said, "error: no refused request is kept as 99\n");
    assert!(unknown.stdout.is_empty(), "{unknown:?}");
    assert_eq!(
        server.evidence_command(&["show", "x"]).status.code(),
        Some(2)
    );
}
