//! Orders as they must not be registered: our own systems make mistakes, too, and what is wrong here
//! would be wrong in every close-out.

use super::row::{Becomes, Request, Row};

/// Whole bodies.
const BODIES: [(&str, &str); 12] = [
    ("null", "null"),
    ("a list", "[]"),
    ("a list of members", r#"["paid",[],[]]"#),
    ("no state", "{}"),
    ("a state twice", r#"{"state":"paid","state":"closed"}"#),
    (
        "a state twice by an escape",
        r#"{"state":"paid","\u0073tate":"closed"}"#,
    ),
    (
        "an unknown member",
        r#"{"state":"paid","closed_by_close_out":1}"#,
    ),
    ("a state in other letters", r#"{"state":"Paid"}"#),
    ("a state with a NUL", r#"{"state":"paid\u0000"}"#),
    (
        "payments that are an object",
        r#"{"state":"paid","payments":{}}"#,
    ),
    ("a byte order mark", "\u{feff}{\"state\":\"paid\"}"),
    (
        "17 levels",
        r#"{"state":"paid","payments":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#,
    ),
];

/// Lists of payments.
const PAYMENTS: [(&str, &str); 6] = [
    ("a payment as a list", r#"["T-1","1.00"]"#),
    ("a payment as a text", r#""T-1""#),
    ("a payment of nothing", "{}"),
    (
        "a payment twice",
        r#"{"trandeno":"T-1","amount":"1.00"},{"trandeno":"T-1","amount":"2.00"}"#,
    ),
    (
        "a member twice in a payment",
        r#"{"trandeno":"T-1","amount":"1.00","amount":"2.00"}"#,
    ),
    (
        "an unknown member in a payment",
        r#"{"trandeno":"T-1","amount":"1.00","fee":"1"}"#,
    ),
];

/// Numbers that neither a payment nor a batch may have, as JSON tokens.
const NUMBERS: [(&str, &str); 13] = [
    ("with a NUL", r#""T\u0000""#),
    ("of a NUL", r#""\u0000""#),
    ("with a line break", r#""T\n""#),
    ("with a zero-width space", r#""T\u200b""#),
    ("with a right-to-left override", r#""T\u202e""#),
    ("with an Arabic letter mark", r#""T\u061c""#),
    ("with a line separator", r#""T\u2028""#),
    ("with the replacement character", r#""T\ufffd""#),
    ("with a lone surrogate", r#""T\ud800""#),
    ("of blanks", r#""  ""#),
    ("of nothing", r#""""#),
    ("that is a number", "17"),
    ("that is null", "null"),
];

/// What no amount is, as JSON tokens.
const AMOUNTS: [&str; 17] = [
    "1.00",
    "null",
    r#""""#,
    r#""0""#,
    r#""0.00""#,
    r#""-1.00""#,
    r#""+1.00""#,
    r#""1.001""#,
    r#""1e3""#,
    r#""1_000""#,
    r#""1,000""#,
    r#""1.""#,
    r#"" 1""#,
    r#""１""#,
    r#""NaN""#,
    r#""12345678901234567""#,
    r#""1.00\u0000""#,
];

/// Order numbers in the path.
const PATHS: [(&str, &str); 8] = [
    ("a NUL", "P%00"),
    ("a blank at the end", "P%20"),
    ("a no-break space", "P%C2%A01"),
    ("invalid UTF-8", "P%ff"),
    ("an overlong slash", "P%c0%af"),
    ("half an escape", "P%2"),
    ("a look-alike", "%D0%A0-1"),
    (
        "65 characters",
        "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP",
    ),
];

const GOOD: &str = r#"{"state":"paid"}"#;

pub fn rows() -> Vec<Row> {
    let row = |what: &str, body: String| {
        let request = Request::internal("PUT", "/v1/orders/BAD-1", body);
        Row::new(
            format!("PUT an order: {what}"),
            request,
            Becomes::Problem(400),
        )
    };
    let payments = |list: &str| format!(r#"{{"state":"paid","payments":[{list}]}}"#);
    let payment = |trandeno: &str, amount: &str| {
        payments(&format!(r#"{{"trandeno":{trandeno},"amount":{amount}}}"#))
    };
    let batch = |batchno: &str| {
        let list = format!(r#"[{{"batchno":{batchno},"amount":"1.00"}}]"#);
        format!(r#"{{"state":"paid","refund_applications":{list}}}"#)
    };
    let mut rows: Vec<Row> = BODIES
        .iter()
        .map(|(what, body)| row(what, (*body).to_owned()))
        .collect();
    rows.extend(
        PAYMENTS
            .iter()
            .map(|(what, list)| row(what, payments(list))),
    );
    for (what, token) in NUMBERS {
        rows.push(row(
            &format!("a trandeno {what}"),
            payment(token, "\"1.00\""),
        ));
        rows.push(row(&format!("a batchno {what}"), batch(token)));
    }
    rows.extend(
        AMOUNTS
            .iter()
            .map(|token| row(&format!("amount {token}"), payment("\"T\"", token))),
    );
    let letters = |count: usize| format!("\"{}\"", "x".repeat(count));
    let many: Vec<_> = (0..201)
        .map(|number| format!(r#"{{"trandeno":"T{number}","amount":"1.00"}}"#))
        .collect();
    rows.extend([
        row("201 payments", payments(&many.join(","))),
        row(
            "a trandeno of 101 characters",
            payment(&letters(101), "\"1.00\""),
        ),
        row("a batchno of 201 characters", batch(&letters(201))),
        row("a batchno with a slash", batch("\"B/1\"")),
    ]);
    rows.extend(PATHS.iter().map(|(what, path)| {
        let request = Request::internal("PUT", &format!("/v1/orders/{path}"), GOOD);
        Row::new(
            format!("PUT an order whose number has {what}"),
            request,
            Becomes::Problem(400),
        )
    }));
    rows.extend(framing());
    rows
}

/// Rejected before the body is read.
fn framing() -> Vec<Row> {
    let put = |body: String| Request::internal("PUT", "/v1/orders/BAD-1", body);
    let form =
        put("state=paid".to_owned()).header("content-type", "application/x-www-form-urlencoded");
    let encoded = put(GOOD.to_owned()).header("content-encoding", "gzip");
    let large = put(format!(r#"{{"state":"{}"}}"#, "x".repeat(64 * 1024)));
    vec![
        Row::new("PUT an order as a form", form, Becomes::Problem(415)),
        Row::new(
            "PUT an order with an encoding",
            encoded,
            Becomes::Problem(415),
        ),
        Row::new(
            "PUT an order that is too large",
            large,
            Becomes::Problem(413),
        ),
    ]
}
