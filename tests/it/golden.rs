//! Answers as bytes, in one table: callers compare them byte by byte, or parse them with any parser.
//!
//! The bytes are written out here or are fixtures that were made apart from this project; nothing
//! is derived from what the server said, but the id of a refund. The acknowledgements of `PayerMax`
//! and `PayCools` are held to their bytes in the files of these providers.

use serde_json::json;

use super::ENGINE;
use crate::harness::config::EPAY_TOKEN;
use crate::harness::epay::PATH as EPAY;
use crate::harness::payermax::{MAIN, UNAUTHORIZED};
use crate::harness::reader::text;
use crate::harness::relay::{NMANAGEMENT, QUICKPAY, config};
use crate::harness::{Reply, Server};

const JSON: &str = "application/json; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const BSON: &str = "application/bson; charset=utf-8";
/// Media types of the answers to providers.
const PLAIN_JSON: &str = "application/json";
/// A path that nothing serves.
const NOWHERE: &str = "/api/nope";

/// A request, and the answer that it must get.
struct Row {
    method: &'static str,
    path: &'static str,
    /// None is sent where it is empty; the same goes for `accept`.
    content_type: &'static str,
    accept: &'static str,
    /// Whether the caller shows its token.
    is_known: bool,
    body: &'static [u8],
    status: u16,
    kind: &'static str,
    answer: &'static [u8],
}

/// A report as JSON that is done: the base of all the others.
const DONE: Row = Row {
    method: "POST",
    path: EPAY,
    content_type: "application/json",
    accept: "",
    is_known: true,
    body: br#"{"batchno":"B-1","trandeno":"T-1","refundmoney":30.00}"#,
    status: 200,
    kind: JSON,
    answer: include_bytes!("../fixtures/epay/response-ok.json"),
};

/// The same of an unregistered payment.
const UNKNOWN: Row = Row {
    body: br#"{"batchno":"B-0","trandeno":"T-0","refundmoney":30.00}"#,
    answer: br#"{"errcode":2,"errmsg":"the refund is saved, but no payment with this trandeno is known yet","tag":null}"#,
    ..DONE
};

/// A caller that does not show its token.
const STRANGER: Row = Row {
    is_known: false,
    status: 401,
    answer: br#"{"Message":"Authorization has been denied for this request."}"#,
    ..DONE
};

const NOT_FOUND: Row = Row {
    path: NOWHERE,
    status: 404,
    answer: br#"{"Message":"No HTTP resource was found that matches the request URI 'http://refunds.example/api/nope'."}"#,
    ..DONE
};

const NOT_ALLOWED: Row = Row {
    method: "GET",
    content_type: "",
    body: b"",
    status: 405,
    answer: br#"{"Message":"The requested resource does not support http method 'GET'."}"#,
    ..DONE
};

const UNSUPPORTED: Row = Row {
    content_type: "text/plain",
    status: 415,
    answer: br#"{"Message":"The request entity's media type 'text/plain' is not supported for this resource."}"#,
    ..DONE
};

/// A callback without a signature.
const CALLBACK: Row = Row {
    path: MAIN,
    is_known: false,
    body: include_bytes!("../fixtures/payermax/new.json"),
    status: 401,
    kind: PLAIN_JSON,
    answer: UNAUTHORIZED.as_bytes(),
    ..DONE
};

/// The outcomes of reports in every format.
const REPORTS: &[Row] = &[
    DONE,
    Row {
        content_type: "application/xml",
        body: br#"<EPayEndRefundSuccessParm xmlns="http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer.Tour.V5.Parm"><batchno>B-2</batchno><refundmoney>30.00</refundmoney><trandeno>T-2</trandeno></EPayEndRefundSuccessParm>"#,
        kind: XML,
        answer: include_bytes!("../fixtures/epay/response-ok.xml"),
        ..DONE
    },
    Row {
        content_type: "application/bson",
        body: b"\x3f\0\0\0\x02batchno\0\x04\0\0\0B-3\0\x02trandeno\0\x04\0\0\0T-3\0\x02refundmoney\0\x06\0\0\x0030.00\0\0",
        kind: BSON,
        answer: include_bytes!("../fixtures/epay/response-ok.bson"),
        ..DONE
    },
    Row {
        content_type: "application/x-www-form-urlencoded",
        body: b"batchno=B-4&trandeno=T-4&refundmoney=30.00",
        ..DONE
    },
    UNKNOWN,
    Row {
        accept: "application/xml",
        kind: XML,
        answer: br#"<CommonOperationResult xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer"><errcode>2</errcode><errmsg>the refund is saved, but no payment with this trandeno is known yet</errmsg><tag i:nil="true" /></CommonOperationResult>"#,
        ..UNKNOWN
    },
    Row {
        accept: "application/bson",
        kind: BSON,
        answer: b"\x67\0\0\0\x10errcode\0\x02\0\0\0\x02errmsg\0\x44\0\0\0the refund is saved, but no payment with this trandeno is known yet\0\x0atag\0\0",
        ..UNKNOWN
    },
];

/// What the framework of the original says by itself.
const REFUSED_REPORTS: &[Row] = &[
    STRANGER,
    Row {
        content_type: "application/xml",
        kind: XML,
        answer: b"<Error><Message>Authorization has been denied for this request.</Message></Error>",
        ..STRANGER
    },
    Row {
        content_type: "application/bson",
        kind: BSON,
        answer: b"\x42\0\0\0\x02Message\0\x30\0\0\0Authorization has been denied for this request.\0\0",
        ..STRANGER
    },
    NOT_FOUND,
    Row {
        content_type: "application/xml",
        kind: XML,
        answer: b"<Error><Message>No HTTP resource was found that matches the request URI 'http://refunds.example/api/nope'.</Message></Error>",
        ..NOT_FOUND
    },
    Row {
        content_type: "application/bson",
        kind: BSON,
        answer: b"\x6d\0\0\0\x02Message\0\x5b\0\0\0No HTTP resource was found that matches the request URI 'http://refunds.example/api/nope'.\0\0",
        ..NOT_FOUND
    },
    NOT_ALLOWED,
    Row {
        accept: "application/xml",
        kind: XML,
        answer: b"<Error><Message>The requested resource does not support http method 'GET'.</Message></Error>",
        ..NOT_ALLOWED
    },
    Row {
        accept: "application/bson",
        kind: BSON,
        answer: b"\x4d\0\0\0\x02Message\0\x3b\0\0\0The requested resource does not support http method 'GET'.\0\0",
        ..NOT_ALLOWED
    },
    UNSUPPORTED,
    Row {
        accept: "application/xml",
        kind: XML,
        answer: b"<Error><Message>The request entity's media type 'text/plain' is not supported for this resource.</Message></Error>",
        ..UNSUPPORTED
    },
    Row {
        accept: "application/bson",
        kind: BSON,
        answer: b"\x63\0\0\0\x02Message\0\x51\0\0\0The request entity's media type 'text/plain' is not supported for this resource.\0\0",
        ..UNSUPPORTED
    },
    Row {
        content_type: "",
        answer: br#"{"Message":"The request contains an entity body but no Content-Type header. The inferred media type 'application/octet-stream' is not supported for this resource."}"#,
        ..UNSUPPORTED
    },
];

/// Answers to providers.
const REFUSED_CALLBACKS: &[Row] = &[
    CALLBACK,
    Row {
        path: "/callbacks/payermax/unknown",
        ..CALLBACK
    },
    Row {
        path: "/relays/quickpay/unknown/R-1",
        ..CALLBACK
    },
    Row {
        path: "/callbacks/payermax",
        status: 404,
        answer: br#"{"error":"not_found"}"#,
        ..CALLBACK
    },
    Row {
        method: "GET",
        content_type: "",
        body: b"",
        status: 405,
        answer: br#"{"error":"method_not_allowed"}"#,
        ..CALLBACK
    },
    Row {
        content_type: "text/plain",
        status: 415,
        answer:
            br#"{"error":"unsupported_media_type","message":"Content-Type is \"text/plain\"; send Content-Type: application/json"}"#,
        ..CALLBACK
    },
];

/// Asserts a whole answer; bytes are shown as text, with escapes where they are none.
#[track_caller]
fn expect_bytes(reply: &Reply, status: u16, kind: &str, answer: &[u8], asked: &str) {
    assert_eq!(
        (
            reply.status,
            reply.header("content-type"),
            reply.body.escape_ascii().to_string()
        ),
        (status, kind, answer.escape_ascii().to_string()),
        "{asked}"
    );
}

#[test]
fn every_answer_has_its_bytes() {
    let server = Server::usual(ENGINE);
    let numbers = 1..=4;
    let payments = numbers
        .clone()
        .map(|number| json!({"trandeno": format!("T-{number}"), "amount": "30.00"}));
    let applications =
        numbers.map(|number| json!({"batchno": format!("B-{number}"), "amount": "30.00"}));
    let order = json!({
        "state": "refund_applied",
        "payments": payments.collect::<Vec<_>>(),
        "refund_applications": applications.collect::<Vec<_>>(),
    });
    server.put_order("YD-golden", &order);
    let authorization = format!("Bearer {EPAY_TOKEN}");
    for row in [REPORTS, REFUSED_REPORTS, REFUSED_CALLBACKS]
        .into_iter()
        .flatten()
    {
        let authorization = if row.is_known { &authorization } else { "" };
        let headers: Vec<(&str, &str)> = [
            ("host", "refunds.example"),
            ("authorization", authorization),
            ("content-type", row.content_type),
            ("accept", row.accept),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
        let url = format!("{}{}", server.public_url, row.path);
        let reply = server.client().send(row.method, &url, &headers, row.body);
        let asked = format!("{} {} {headers:?}", row.method, row.path);
        expect_bytes(&reply, row.status, row.kind, row.answer, &asked);
        if row.status == 405 {
            assert_eq!(reply.header("allow"), "POST", "{asked}");
        }
    }
}

#[test]
fn a_relay_is_answered_with_the_refund_and_its_status() {
    let server = Server::start(&config(ENGINE));
    for (path, refund_no, body, status) in [
        (
            QUICKPAY,
            "T01-S02-0003",
            include_str!("../fixtures/quickpay/refunded.json"),
            "succeeded",
        ),
        (
            NMANAGEMENT,
            "R-1",
            include_str!("../fixtures/nmanagement/timeout.json"),
            "pending",
        ),
    ] {
        let path = format!("{path}{refund_no}");
        let reply = server.relay(&path, "msg_1", body);
        let id = text(&server.applied(refund_no)["id"]);
        let answer = format!(r#"{{"refund_id":"{id}","status":"{status}"}}"#);
        expect_bytes(&reply, 200, PLAIN_JSON, answer.as_bytes(), &path);
    }
}
