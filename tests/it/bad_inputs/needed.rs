//! Which members each outcome needs: the tables on the providers' pages, run row by row. Each member is made
//! unusable and taken away, for each outcome that the form can tell.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::row::Request;
use super::systems::{Members, SYSTEMS, System, nmanagement_reply, quickpay_reply, relayed};
use crate::harness::config::EPAY_TOKEN;
use crate::harness::epay::PATH as EPAY_PATH;
use crate::harness::keys::sha256_hex;
use crate::harness::reader::{attention, text};
use crate::harness::{ConfigBuilder, Reply, Server, paycools, relay};

/// An outcome and the members that tell it.
type Outcome = (&'static str, &'static [(&'static str, &'static str)]);

const PAYERMAX: [Outcome; 3] = [
    ("succeeded", &[("status", "\"REFUND_SUCCESS\"")]),
    ("failed", &[("status", "\"REFUND_FAILED\"")]),
    ("pending", &[("status", "\"REFUND_PENDING\"")]),
];
const PAYERMAX_OLD: [Outcome; 3] = [
    ("succeeded", &[("status", "1")]),
    ("failed", &[("status", "2")]),
    ("pending", &[("status", "0")]),
];
const PAYCOOLS: [Outcome; 4] = [
    ("succeeded", &[]),
    (
        "failed",
        &[
            ("refundStatus", "\"FAILED\""),
            ("eventName", "\"payment.refund.failed\""),
        ],
    ),
    (
        "canceled",
        &[
            ("refundStatus", "\"CANCELED\""),
            ("eventName", "\"payment.refund.cancel\""),
        ],
    ),
    (
        "pending",
        &[
            ("refundStatus", "\"PENDING\""),
            ("eventName", "\"payment.refund.pending\""),
        ],
    ),
];
const QUICKPAY: [Outcome; 3] = [
    ("succeeded", &[]),
    ("failed", &[("transaction_status", "\"REFUNDFAILED\"")]),
    ("pending", &[("transaction_status", "\"PAYING\"")]),
];
const NMANAGEMENT: [Outcome; 2] = [
    ("succeeded", &[]),
    ("failed", &[("RETURN_CODE", "\"0130Z110B144\"")]),
];

/// The page with the table of a form, and what the form can tell.
fn form(system: &System) -> (&'static str, &'static str, &'static [Outcome]) {
    match system.name {
        "payermax" => ("payermax", "payermax", &PAYERMAX),
        "payermax v2.1" => ("payermax", "payermax v2.1", &PAYERMAX_OLD),
        "paycools" | "paycools flat" => ("paycools", "paycools", &PAYCOOLS),
        "quickpay" => ("quickpay", "quickpay", &QUICKPAY),
        "nmanagement" => ("nmanagement", "nmanagement", &NMANAGEMENT),
        other => panic!("{other} has no table"),
    }
}

/// One row of a table.
struct Row {
    member: String,
    becomes: String,
    needed_by: String,
    where_missing: String,
}

impl Row {
    fn is_needed_by(&self, outcome: &str) -> bool {
        match self.needed_by.as_str() {
            "every outcome" => true,
            "none" => false,
            outcomes => outcomes.split(", ").any(|needing| needing == outcome),
        }
    }

    /// The member's name without those of the objects around it.
    fn name(&self) -> &str {
        self.member.rsplit('.').next().expect("a name")
    }

    /// A value that the member cannot have.
    fn unusable(&self) -> &'static str {
        match self.becomes.as_str() {
            _ if self.member == "success" => "\"true\"",
            "amount" => "\"abc\"",
            "currency" => "\"zzz\"",
            "status" | "–" => "true",
            _ => r#""R\u0000""#,
        }
    }
}

/// The rows of a table on a provider's page.
fn table(page: &str, name: &str) -> Vec<Row> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/providers/{page}.md"));
    let page = std::fs::read_to_string(path).expect("the page is there");
    let mark = format!("<!-- table: members of {name} -->");
    let (_, table) = page.split_once(&mark).expect("the table is there");
    let lines = table.trim_start().lines();
    let rows: Vec<Row> = lines
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').collect();
            let cell = |column: usize| cells[column].trim().trim_matches('`').to_owned();
            Row {
                member: cell(0),
                becomes: cell(1),
                needed_by: cell(2),
                where_missing: cell(3),
            }
        })
        .collect();
    assert!(rows.len() > 2, "{name}: the table was found");
    rows
}

/// What a member is made to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spoilt {
    Unusable,
    Missing,
    /// A good text that no document lists.
    Unlisted(&'static str),
}

/// Events that no document of `PayCools` lists.
const UNLISTED_EVENTS: [&str; 3] = [
    "\"payment.refund.succeeded\"",
    "\"payment.refund.reversed\"",
    "\"REFUND\"",
];

/// What must become of it.
enum Becomes {
    Refused,
    Held,
    /// The status takes effect; whether there is a question that names the member.
    Taken(bool),
    /// The status takes effect; whether there is a question about the status.
    TakenWithDoubt(bool),
}

fn expected(system: &System, row: &Row, outcome: &str, spoilt: Spoilt) -> Becomes {
    let flat = system.name == "paycools flat";
    let missing = match row.where_missing.split_once("; flat: ") {
        Some((_, other)) if flat => other,
        Some((usual, _)) => usual,
        None => row.where_missing.as_str(),
    };
    match (spoilt, missing) {
        (Spoilt::Missing, "400") => Becomes::Refused,
        (Spoilt::Missing, "as the path says") => Becomes::Taken(false),
        _ if row.is_needed_by(outcome) => Becomes::Held,
        (Spoilt::Unlisted(_), _) => Becomes::TakenWithDoubt(outcome != "pending"),
        (_, "no question") | (Spoilt::Missing, "null") => Becomes::Taken(false),
        (Spoilt::Missing, "question") | (Spoilt::Unusable, _) => Becomes::Taken(true),
        (Spoilt::Missing, other) => panic!("{}: {other}", row.member),
    }
}

fn send(server: &Server, request: &Request) -> Reply {
    let Request::Http {
        path,
        headers,
        body,
        ..
    } = request
    else {
        panic!("a decent request");
    };
    let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    server.post(path, &headers, body)
}

#[test]
fn each_outcome_waits_for_the_members_that_its_page_lists_and_for_no_other() {
    let server = Server::start(&relay::accounts(paycools::accounts(ConfigBuilder::new(
        super::super::ENGINE,
    ))));
    let mut tried = 0;
    for system in &SYSTEMS {
        let (page, name, outcomes) = form(system);
        for row in table(page, name) {
            for (outcome, told) in outcomes {
                let unlisted = UNLISTED_EVENTS.iter().map(|event| Spoilt::Unlisted(event));
                let unlisted = unlisted.filter(|_| row.member == "eventName");
                for spoilt in [Spoilt::Unusable, Spoilt::Missing]
                    .into_iter()
                    .chain(unlisted)
                {
                    try_one(&server, system, &row, (outcome, told), spoilt);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 150, "{tried}");
    let unnamed = server
        .log()
        .lines()
        .filter(|line| line.contains("cannot be used"))
        .count();
    assert!(unnamed > 50, "a line for each: {unnamed}");
}

fn try_one(
    server: &Server,
    system: &System,
    row: &Row,
    (outcome, told): (&str, &[(&str, &str)]),
    spoilt: Spoilt,
) {
    let what = format!("{}: {outcome}, {} is {spoilt:?}", system.name, row.member);
    let no = format!("N-{}", &sha256_hex(&what)[..20]);
    let good = told.iter().fold((system.good)(&no), |good, (name, token)| {
        good.with(name, token)
    });
    let spoil = |members: Members| match spoilt {
        Spoilt::Unusable => members.with(row.name(), row.unusable()),
        Spoilt::Missing => members.without(row.name()),
        Spoilt::Unlisted(text) => members.with(row.name(), text),
    };
    // The envelope of a relayed reply has members that decide, too.
    let request = match row.member.as_str() {
        "code" => relayed(relay::QUICKPAY, &no, spoil(quickpay_reply(&good)).text()),
        "success" => relayed(
            relay::NMANAGEMENT,
            &no,
            spoil(nmanagement_reply(&good)).text(),
        ),
        _ => (system.send)(&no, &spoil(good)),
    };
    let reply = send(server, &request);
    let becomes = expected(system, row, outcome, spoilt);
    if matches!(becomes, Becomes::Refused) {
        assert_eq!(reply.status, 400, "{what}: {}", reply.text());
        return;
    }
    assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    let newest = server.refunds("limit=1").remove(0);
    let refund = server.applied_by_id(&text(&newest["id"]));
    if row.becomes != "refund_no" {
        assert_eq!(refund["refund_no"], no, "{what}");
    }
    match becomes {
        Becomes::Held => {
            assert_eq!(refund["status"], "pending", "{what}: {refund}");
            let open = attention(&refund);
            let words = ["invalid_content", "status_unknown", "outcome_unknown"];
            assert!(
                open.iter().all(|open| words.contains(&open.as_str())),
                "{what}: {open:?}"
            );
            assert!(!open.is_empty(), "{what}");
        }
        Becomes::Taken(asks) => {
            assert_eq!(refund["status"], *outcome, "{what}: {refund}");
            if row.becomes != "–" {
                assert_eq!(refund[&row.becomes], Value::Null, "{what}: {refund}");
            }
            let named = refund["attention"].as_array().expect("a list").iter();
            let named: Vec<_> = named
                .map(|open| (&open["reason"], &open["members"]))
                .collect();
            let (reason, members) = (json!("invalid_content"), json!([row.member]));
            let expected = if asks {
                vec![(&reason, &members)]
            } else {
                vec![]
            };
            assert_eq!(named, expected, "{what}: {refund}");
        }
        Becomes::TakenWithDoubt(asks) => {
            assert_eq!(refund["status"], *outcome, "{what}: {refund}");
            let expected: &[&str] = if asks { &["status_unknown"] } else { &[] };
            assert_eq!(attention(&refund), expected, "{what}");
        }
        Becomes::Refused => {}
    }
}

/// A report of `EPay` in one of its formats; a member without a value is missing.
fn report(media: &str, members: &[(&str, Option<&str>)]) -> Vec<u8> {
    let there: Vec<_> = members
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)))
        .collect();
    match media {
        "application/json" => {
            let members: serde_json::Map<_, _> = there
                .iter()
                .map(|(n, v)| ((*n).to_owned(), json!(v)))
                .collect();
            Value::Object(members).to_string().into_bytes()
        }
        "application/x-www-form-urlencoded" => {
            let pairs: Vec<_> = there
                .iter()
                .map(|(n, v)| format!("{n}={}", v.replace('\u{200b}', "%E2%80%8B")))
                .collect();
            pairs.join("&").into_bytes()
        }
        "application/xml" => {
            let space =
                "http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer.Tour.V5.Parm";
            let inner: Vec<_> = there
                .iter()
                .map(|(n, v)| format!("<{n}>{v}</{n}>"))
                .collect();
            let inner = inner.concat();
            format!(
                "<EPayEndRefundSuccessParm xmlns=\"{space}\">{inner}</EPayEndRefundSuccessParm>"
            )
            .into_bytes()
        }
        _ => {
            let length = |bytes: usize| i32::try_from(bytes).expect("short").to_le_bytes();
            let mut inner = Vec::new();
            for (name, value) in there {
                inner.extend([b"\x02", name.as_bytes(), b"\0"].concat());
                inner.extend([&length(value.len() + 1)[..], value.as_bytes(), b"\0"].concat());
            }
            [&length(inner.len() + 5)[..], &inner, b"\0"].concat()
        }
    }
}

#[test]
fn a_report_of_epay_needs_what_its_page_lists_in_every_format() {
    let server = Server::usual(super::super::ENGINE);
    let authorization = format!("Bearer {EPAY_TOKEN}");
    for media in [
        "application/json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/bson",
    ] {
        let errcode = |members: &[(&str, Option<&str>)]| {
            let headers = [
                ("authorization", authorization.as_str()),
                ("content-type", media),
                ("accept", "application/json"),
            ];
            server
                .post(EPAY_PATH, &headers, report(media, members))
                .json()["errcode"]
                .clone()
        };
        let (batchno, trandeno) = (format!("B-{media}").replace('/', "-"), format!("T-{media}"));
        let good = [
            ("batchno", Some(batchno.as_str())),
            ("trandeno", Some(trandeno.as_str())),
            ("refundmoney", Some("30.00")),
        ];
        assert_eq!(errcode(&good), 2, "{media}: the payment is not registered");
        for row in table("epay", "epay") {
            assert_eq!(
                (row.needed_by.as_str(), row.where_missing.as_str()),
                ("succeeded", "errcode 1")
            );
            let unusable = if row.becomes == "amount" {
                "abc"
            } else {
                "R\u{200b}1"
            };
            for value in [None, Some(unusable)] {
                let spoilt =
                    good.map(|(name, good)| (name, if name == row.member { value } else { good }));
                assert_eq!(errcode(&spoilt), 1, "{media}: {} is {value:?}", row.member);
            }
        }
    }
}
