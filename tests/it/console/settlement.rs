//! A settlement file that is compared in the console, and the questions that it leaves.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::console::{Browser, LOOKER_TOKEN, OPERATOR_TOKEN, config, value_of};
use crate::harness::payermax::Notice;

const FORM: &str = "/console/reconcile/file";
const FIELDS: [(&str, &str); 3] = [
    ("account", "payermax/main"),
    ("map", "generic"),
    ("day", ""),
];
const FILE: &str = "refund_no,provider_refund_no,amount,currency,status,time\n\
                    R-1,,125.50,USD,success,\nR-2,,1,USD,success,\nR-9,,1,USD,success,\n";

/// Knows as succeeded.
fn server() -> Server {
    let server = Server::start(&config(ENGINE));
    for refund_no in ["R-1", "R-2"] {
        server.notified(&Notice::new(refund_no, "REFUND_SUCCESS"));
        server.applied(refund_no);
    }
    server
}

#[test]
fn what_differs_is_shown_and_leaves_a_question_once_a_person_says_so() {
    let server = server();
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    let form = browser.page(FORM);
    assert!(form.contains("<option>payermax/main</option>"), "{form}");
    let report = browser.upload(FORM, &FIELDS, FILE.as_bytes());
    assert_eq!(report.status, 200, "{}", report.text());
    let page = report.text();
    for shown in [
        "<code>amount_differs</code>",
        "<code>only_there</code>",
        "ours 125.50, file 1",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("R-1</bdi>"), "it matches: {page}");
    assert_eq!(
        server.applied("R-2")["attention"].as_array().map(Vec::len),
        Some(0)
    );

    let findings = value_of(page, "rows").replace("&#34;", "\"");
    let hash = value_of(page, "file_sha256");
    let fields = [
        ("account", "payermax/main"),
        ("file_sha256", hash.as_str()),
        ("day", ""),
        ("rows", findings.as_str()),
        ("reason", "the file of the day"),
    ];
    for wrong in [
        ("rows", "[]"),
        ("rows", "{"),
        ("account", "payermax/other"),
        ("reason", ""),
    ] {
        let mut fields = fields;
        let place = fields
            .iter()
            .position(|(name, _)| *name == wrong.0)
            .expect("a field");
        fields[place] = wrong;
        let reply = browser.submit("/console/reconcile/raise", &fields);
        assert_eq!(reply.status, 400, "{wrong:?}: {}", reply.text());
    }
    let raised = browser.submit("/console/reconcile/raise", &fields);
    assert_eq!(
        (raised.status, raised.header("location")),
        (303, "/console/reconcile?done=raised")
    );
    let refund = server.applied("R-2");
    assert_eq!(
        refund["attention"][0]["reason"], "settlement_amount",
        "{refund}"
    );
    let trail = browser.page("/console/audit?act=settlement_noted");
    assert!(trail.contains("the file of the day"), "{trail}");
    let page = browser.page("/console/reconcile");
    assert!(
        page.contains("amount_differs 1, match 1, only_there 1"),
        "{page}"
    );
}

#[test]
fn a_file_that_cannot_be_compared_is_said_to_be_so() {
    let server = server();
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    let zip = b"PK\x03\x04 and no directory".as_slice();
    for (file, status) in [
        (b"".as_slice(), 400),
        (b"no,such,columns\n", 400),
        (zip, 400),
        (&vec![b'x'; 9 * 1024 * 1024], 413),
    ] {
        let reply = browser.upload(FORM, &FIELDS, file);
        assert_eq!(
            reply.status,
            status,
            "{} bytes: {}",
            file.len(),
            reply.text()
        );
    }
    let long = format!("{FILE}{}", "R-1,,125.50,USD,success,\n".repeat(200_000));
    let reply = browser.upload(FORM, &FIELDS, long.as_bytes());
    assert_eq!(reply.status, 413, "{}", reply.text());
    assert!(reply.text().contains("200000 rows"), "{}", reply.text());
    let reply = browser.upload(FORM, &[("account", "payermax/none")], FILE.as_bytes());
    assert_eq!(reply.status, 400);
    let reply = browser.submit(FORM, &FIELDS);
    assert_eq!(reply.status, 400, "a form without a file: {}", reply.text());
    // One that looks may not: nothing of the file is read.
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    assert_eq!(looker.upload(FORM, &FIELDS, FILE.as_bytes()).status, 403);
    let mut foreign = browser.clone();
    "https://evil.example".clone_into(&mut foreign.origin);
    assert_eq!(foreign.upload(FORM, &FIELDS, FILE.as_bytes()).status, 403);
}
