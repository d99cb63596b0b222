//! The description of the interface is true: it is the committed one, it has every URL and no other,
//! its problem codes are the documented ones, and a fuzzer that knows nothing else finds no gap.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::config::{EPAY_TOKEN, FEED_TOKEN, READER_TOKEN};
use crate::harness::epay::simple_order;
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::server::PROGRAM;
use crate::harness::{Engine, Server, relay};

/// Cases that the fuzzer makes for each operation and phase, besides its systematic ones.
const EXAMPLES_MAX: &str = "20";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document() -> Value {
    serde_json::from_str(&file("docs/openapi.json")).expect("docs/openapi.json is JSON")
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let server = Server::usual(Engine::Sqlite);
    let answer = server.get_with("/openapi.json", &[]);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(
        answer.text() == file("docs/openapi.json"),
        "renew it: cargo run -- openapi > docs/openapi.json"
    );
    let printed = Command::new(PROGRAM).arg("openapi").output();
    let printed = printed.expect("the program can be started").stdout;
    assert!(printed == answer.body, "the command prints the same");
    let tag = answer.header("etag").to_owned();
    let again = server.get_with("/openapi.json", &[("if-none-match", &tag)]);
    assert_eq!(again.status, 304);
}

/// The paths in the tables of routes, as the document writes them.
fn served_paths() -> BTreeSet<String> {
    let routes = file("src/http/public/mod.rs") + &file("src/http/internal/mod.rs");
    let code = routes.lines().filter(|line| !line.trim().starts_with("//"));
    let literals = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    let paths = literals.filter(|literal| literal.starts_with('/'));
    let epay = "/api/WebInterface/EPay/Refund/EndSingle/Success";
    paths
        .map(|path| match path {
            // Split by the handler, not by a pattern.
            "/callbacks" => "/callbacks/{provider}/{account}".to_owned(),
            other => other.to_owned(),
        })
        .chain([epay.to_owned()])
        .collect()
}

#[test]
fn the_document_has_every_path_that_is_served_and_no_other() {
    let document = document();
    let described = document["paths"].as_object().expect("paths");
    let described: BTreeSet<String> = described.keys().cloned().collect();
    assert_eq!(described, served_paths());
}

/// Method, path and scope of each row of the table of internal routes; an empty scope where the row says that
/// no token is needed.
fn table() -> BTreeSet<(String, String, String)> {
    let text = file("src/http/internal/mod.rs");
    let rows = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("call("));
    let read = |row: &str| {
        let mut cells = row
            .split(", ")
            .map(|cell| cell.trim_matches('"').to_owned());
        let (verb, path, access) = (cells.next()?, cells.next()?, cells.next()?);
        let method = match verb.as_str() {
            "Read" | "Stream" => "get".to_owned(),
            other => other.to_lowercase(),
        };
        let scope = match access.as_str() {
            "NoToken" => "",
            "Needs(RefundsRead)" => "refunds:read",
            // The first of two.
            "Needs(RefundsWrite)" | "NeedsOneOf(&[RefundsWrite" => "refunds:write",
            "Needs(EventsRead)" => "events:read",
            "Needs(OrdersWrite)" => "orders:write",
            "Needs(CallbacksRead)" => "callbacks:read",
            "Needs(Operate)" => "operate",
            other => panic!("{other} is no access"),
        };
        Some((method, path, scope.to_owned()))
    };
    rows.map(|row| read(row).expect("a whole row")).collect()
}

#[test]
fn the_document_names_the_scope_of_each_route() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("servers").is_some() {
            continue;
        }
        for (method, operation) in item.as_object().expect("operations") {
            let needed = &operation["security"][0];
            let scope = needed["reader"][0].as_str().unwrap_or_default();
            if scope.is_empty() {
                assert_eq!(*needed, json!({}), "{method} {path}");
            }
            described.insert((method.clone(), path.clone(), scope.to_owned()));
        }
    }
    assert_eq!(described, table());
}

/// What a route needs is asked by its wrapper, whatever its handler does.
#[test]
fn each_route_lets_in_its_scope_alone() {
    let server = Server::usual(Engine::Sqlite);
    for (method, path, scope) in table() {
        let url = format!("{}{}", server.internal_url, path.replace(['{', '}'], ""));
        let call = |token: &str| {
            let authorization = format!("Bearer {token}");
            let headers = [("authorization", authorization.as_str())];
            let reply = server
                .client()
                .send(&method.to_uppercase(), &url, &headers, b"");
            reply.status
        };
        if path == "/v1/events/stream" {
            assert_eq!(call("wrong"), 401, "{method} {path}");
            continue;
        }
        let (wrong, other) = (call("wrong"), call(FEED_TOKEN));
        match scope.as_str() {
            "" => assert!(wrong != 401 && other != 403, "{method} {path}"),
            "events:read" => assert!(wrong == 401 && other != 403, "{method} {path}"),
            _ => assert!(wrong == 401 && other == 403, "{method} {path}"),
        }
    }
}

#[test]
fn each_path_takes_the_described_methods_and_answers_405_to_others() {
    let server = Server::usual(Engine::Sqlite);
    let document = document();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let is_public = item.get("servers").is_some();
        let base = if is_public {
            &server.public_url
        } else {
            &server.internal_url
        };
        let url = format!("{base}{}", path.replace(['{', '}'], ""));
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"] {
            // HEAD goes without saying where GET is described, but for what has no end.
            let described = match method {
                "HEAD" if path != "/v1/events/stream" => "get".to_owned(),
                other => other.to_lowercase(),
            };
            let is_described = item.get(described).is_some();
            let reply = server.client().send(method, &url, &[], b"");
            assert_eq!(reply.status != 405, is_described, "{method} {path}");
        }
    }
}

#[test]
fn every_schema_that_is_named_is_there() {
    let text = file("docs/openapi.json");
    let schemas = &document()["components"]["schemas"];
    let named = text.split("\"#/components/schemas/").skip(1);
    for name in named.filter_map(|rest| rest.split('"').next()) {
        assert!(schemas[name].is_object(), "{name}");
    }
}

#[test]
fn header_fields_of_answers_are_described() {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths
        .iter()
        .filter(|(_, item)| item.get("servers").is_none())
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").values();
            methods.map(move |operation| (path, operation))
        });
    let mut tagged = Vec::new();
    for (path, operation) in operations {
        let answers = &operation["responses"];
        if answers["304"].is_object() {
            tagged.push(path.as_str());
            for status in ["200", "304"] {
                assert!(answers[status]["headers"]["ETag"].is_object(), "{path}");
            }
            let parameters = operation["parameters"].as_array().expect("parameters");
            let takes = |parameter: &Value| parameter["name"] == "If-None-Match";
            assert!(parameters.iter().any(takes), "{path}");
        }
        // Health is told without a time to come back.
        if answers["503"]["content"]["application/problem+json"].is_object() {
            let headers = &answers["503"]["headers"];
            assert!(headers["Retry-After"].is_object(), "{path}");
        }
    }
    assert_eq!(tagged.len(), 6, "{tagged:?}");
    assert!(tagged.contains(&"/openapi.json"));
}

#[test]
fn members_that_are_always_sent_are_required_and_closed_sets_are_listed() {
    let schemas = &document()["components"]["schemas"];
    let endpoint = &schemas["Endpoint"];
    let required = endpoint["required"].as_array().expect("a list");
    let required: BTreeSet<String> = required.iter().map(text).collect();
    let members = endpoint["properties"].as_object().expect("members");
    assert_eq!(required, members.keys().cloned().collect());
    for (schema, member, words) in [
        (
            "Endpoint",
            "state",
            json!(["active", "failing", "disabled"]),
        ),
        (
            "Endpoint",
            "disabled_reason",
            json!(["gone", "failing", null]),
        ),
        ("Health", "status", json!(["ok", "ready", "not ready"])),
        ("Health", "evidence", json!(["ok", "failing", "off"])),
    ] {
        let listed = &schemas[schema]["properties"][member]["enum"];
        assert_eq!(*listed, words, "{schema}.{member}");
    }
}

/// The codes in the table under a heading of `docs/errors.md`, each with its anchor.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = file("docs/errors.md");
    let section = page.split("\n## ").find(|part| part.starts_with(heading));
    let rows = section.expect("the section is there").lines();
    rows.filter_map(|row| row.strip_prefix("| <a id=\"")?.split_once("\"></a>`"))
        .map(|(anchor, row)| {
            assert!(row.starts_with(&format!("{anchor}`")), "{anchor}: {row}");
            anchor.to_owned()
        })
        .collect()
}

#[test]
fn a_problem_has_the_phrase_of_its_status_and_refers_to_its_entry() {
    let server = Server::usual(Engine::Sqlite);
    for (method, path, title, code) in [
        ("GET", "/v1/nothing", "Not Found", "not_found"),
        (
            "POST",
            "/v1/events",
            "Method Not Allowed",
            "method_not_allowed",
        ),
        (
            "GET",
            "/v1/refunds?limit=0",
            "Bad Request",
            "invalid_parameter",
        ),
        (
            "GET",
            "/v1/events?after=9999",
            "Unprocessable Content",
            "sequence_unknown",
        ),
    ] {
        let url = format!("{}{path}", server.internal_url);
        let authorization = format!("Bearer {READER_TOKEN}");
        let headers = [("authorization", authorization.as_str())];
        let problem: Value = server.client().send(method, &url, &headers, b"").json();
        assert_eq!(problem["title"], title, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(
            problem["type"],
            format!("/docs/errors.md#{code}"),
            "{problem}"
        );
    }
}

#[test]
fn the_codes_of_problems_are_those_of_the_page() {
    let document = document();
    let codes = document["components"]["schemas"]["ProblemCode"]["enum"].as_array();
    let codes: BTreeSet<String> = codes.expect("an enum").iter().map(text).collect();
    assert_eq!(codes, documented("Internal listener"));
}

/// Runs the fuzzer against one listener; everything that it says is shown where it finds something.
#[track_caller]
fn fuzz(server: &Server, url: &str, token: &str, paths: &str, more: &[(&str, &str)]) {
    let schema = format!("{}/openapi.json", server.internal_url);
    let authorization = format!("Authorization: Bearer {token}");
    let output = Command::new(root().join("tests/schemathesis/run"))
        .args([&schema, "--url", url, "-H", &authorization])
        .args(["--include-path-regex", paths])
        .args(["--max-examples", EXAMPLES_MAX, "--request-timeout", "20"])
        // The same cases in every run: a test that fails must fail again.
        .args(["--seed", "1", "--generation-deterministic"])
        .args(["--no-color"])
        .env("no_proxy", "*")
        .envs(more.iter().copied())
        .output()
        .expect("the script can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
}

#[test]
fn a_fuzzer_that_knows_the_document_finds_no_gap() {
    let config = relay::config(Engine::Sqlite).with_epay().toml(
        "[[accounts]]\nprovider = \"payermax\"\naccount = \"main\"\nmerchant_no = \"1\"\n\
         public_keys = [{ id = \"k\", file = \"main.pem\" }]\n",
    );
    let key = &crate::harness::keys::provider_key().public_pem;
    let server = Server::start(&config.file("main.pem", key));
    server.relay(
        &format!("{}R-1", relay::NMANAGEMENT),
        "msg-1",
        include_str!("../fixtures/nmanagement/succeeded.json"),
    );
    let mut notice = Notice::new("R-2", "REFUND_PENDING");
    notice.merchant_no = "1";
    server.notified(&notice);
    let order = simple_order("1", "refund_applied", "30.00");
    server.put_order("YD-1", &order);
    server.epay_json("B-1", "T-1", "30.00");

    // A stream has no end that a fuzzer could wait for.
    let internal = "^/(v1/(?!events/stream)|livez|readyz|metrics|openapi)";
    fuzz(&server, &server.internal_url, READER_TOKEN, internal, &[]);
    let secret = std::fs::read_to_string(server.folder().path().join("relay.secret"));
    let secret = secret.expect("the harness wrote it");
    let more = [("SCHEMATHESIS_RELAY_SECRET", secret.as_str())];
    let public = "^/(callbacks|relays|api)/";
    fuzz(&server, &server.public_url, EPAY_TOKEN, public, &more);
}
