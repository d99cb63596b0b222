//! Each member of an authentic message spoilt by itself: numbers, amounts, currencies, statuses.

use serde_json::json;

use super::authentic::{asked, invalid, left_out, number, send, taken};
use super::row::{Becomes, Row};
use super::systems::{SYSTEMS, System, quoted, system};

/// What no system may send as a number of a refund, an order or a payment.
const BAD_NUMBERS: [(&str, &str); 23] = [
    ("a NUL at the end", r#""R\u0000""#),
    ("a NUL inside", r#""R\u0000x""#),
    ("only a NUL", r#""\u0000""#),
    ("a line break", r#""R\r\nSet-Cookie: x""#),
    ("a tab", r#""R\t1""#),
    ("an escape sequence", r#""R\u001b[31m""#),
    ("DEL", r#""R\u007f""#),
    ("a C1 control", r#""R\u0085""#),
    ("a Cyrillic look-alike", r#""\u0420-1""#),
    ("a Cyrillic letter among Latin ones", r#""ORDE\u0420-1""#),
    ("full width", r#""Ｒ１""#),
    ("a combining mark", r#""Re\u0301""#),
    ("Arabic digits", r#""R\u0661""#),
    ("a no-break space", r#""R\u00a01""#),
    ("a zero-width space", r#""R\u200b1""#),
    ("a soft hyphen", r#""R\u00ad1""#),
    ("a right-to-left override", r#""R\u202e1""#),
    ("a byte order mark", r#""\ufeffR1""#),
    ("a space at the end", r#""R1 ""#),
    ("white space", r#"" ""#),
    ("a truth value", "true"),
    ("a list", "[]"),
    ("an object", "{}"),
];

/// What every system may send as one, exactly so.
const GOOD_NUMBERS: [(&str, &str); 12] = [
    ("a slash", "INV/2025/00001"),
    ("a space", "R 1"),
    ("Chinese", "订单 7（新）"),
    ("signs", "#1001@web!"),
    ("SQL", "R'; DROP TABLE refunds;--"),
    ("a path", "../../etc/passwd"),
    ("a format", "R%n%s%2F"),
    ("a shell", "$(reboot)"),
    ("German", "Größe-1"),
    ("Russian", "заказ-5"),
    ("an emoji", "R😀"),
    ("quotes", "\"R\\1\""),
];

/// Spellings of a number in JSON that no identifier has.
const BAD_NUMBER_TOKENS: [&str; 4] = ["1e3", "1.5", "-1", "-0"];

/// What is no amount in any system.
const BAD_AMOUNTS: [&str; 28] = [
    "0",
    "-0",
    "-1",
    "1e99",
    "0e0",
    "1e-9",
    "99999999999999999999",
    "9223372036854775808",
    "123456789012345678901234567890.12",
    "true",
    "null",
    "[1]",
    "{}",
    r#""""#,
    r#""0""#,
    r#""-1""#,
    r#""+1""#,
    r#""1e3""#,
    r#""1_000""#,
    r#""1,000.00""#,
    r#""１２""#,
    r#""١٢""#,
    r#"" 1""#,
    r#""1 ""#,
    r#""0x10""#,
    r#""NaN""#,
    r#""Infinity""#,
    r#""¥1""#,
];

/// No amounts where a decimal point is allowed.
const BAD_MAJOR: [&str; 7] = [
    "0.00",
    "1.00001",
    r#""0.00""#,
    r#""1.""#,
    r#"".5""#,
    r#""1.2.3""#,
    r#""1,5""#,
];

/// No amounts where the smallest unit is counted.
const BAD_MINOR: [&str; 3] = ["1.5", "15e-1", r#""1.5""#];

/// Spellings of one amount: 10 000.00 of the major unit, a million of the smallest.
const GOOD_AMOUNTS: [(&str, &str); 7] = [
    ("1.0E4", "1.0E6"),
    ("1e4", "1e6"),
    ("100000e-1", "10000000e-1"),
    ("10000.000000000", "1000000.000000000"),
    (r#""10000.000000000""#, r#""1000000.000000000""#),
    (r#""0010000.00""#, r#""001000000""#),
    ("10000", "1000000"),
];

/// What no refund has as a currency.
const BAD_CURRENCIES: [&str; 9] = [
    r#""usd""#,
    r#""ZZZ""#,
    r#""US""#,
    r#""USDX""#,
    r#""""#,
    r#""USD\u0000""#,
    r#""U\u0405D""#,
    "840",
    "null",
];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for system in &SYSTEMS {
        rows.extend(numbers(system));
        rows.extend(amounts(system));
    }
    rows.extend(currencies());
    rows.extend(statuses());
    rows
}

fn numbers(system: &System) -> Vec<Row> {
    let mut rows = Vec::new();
    let members = system.numbers.iter().chain(system.optional_numbers);
    for member in members {
        let tokens = BAD_NUMBER_TOKENS.map(|token| (token, token));
        for (what, token) in BAD_NUMBERS.into_iter().chain(tokens) {
            let becomes = match (system.name, token) {
                // The flat form has no objects.
                ("paycools flat", "[]" | "{}") => Becomes::Refused(400),
                _ => left_out(system),
            };
            let row = format!("{}: {member} is {what}", system.name);
            let request = send(system, &row, |good| good.with(member, token));
            rows.push(Row::new(row, request, becomes));
        }
        if system.name.starts_with("payermax") {
            let row = format!("{}: {member} is a number", system.name);
            let request = send(system, &row, |good| good.with(member, "17"));
            rows.push(Row::new(row, request, left_out(system)));
        }
        let long = quoted(&"退".repeat(129));
        let row = format!("{}: {member} has 129 characters", system.name);
        let request = send(system, &row, |good| good.with(member, &long));
        rows.push(Row::new(row, request, left_out(system)));
        for (what, text) in GOOD_NUMBERS {
            let row = format!("{}: {member} has {what}", system.name);
            // A refund's own number must be there once.
            let own = format!("{text} {}", &number(&row)[..8]);
            let request = send(system, &row, |good| good.with(member, &quoted(&own)));
            rows.push(Row::new(row, request, taken(system)).with(becomes_of(member), own));
        }
    }
    for member in system.numbers {
        for (what, token) in [("null", "null"), ("empty", "\"\"")] {
            let row = format!("{}: {member} is {what}", system.name);
            let request = send(system, &row, |good| good.with(member, token));
            rows.push(Row::new(row, request, left_out(system)));
        }
        let row = format!("{}: {member} is missing", system.name);
        let request = send(system, &row, |good| good.without(member));
        let becomes = match *member {
            // Without it a body of v2.1 has not the shape of one.
            "refundId" => Becomes::Refused(400),
            _ => left_out(system),
        };
        rows.push(Row::new(row, request, becomes));
    }
    rows
}

/// What a member with a number becomes.
fn becomes_of(member: &str) -> &'static str {
    match member {
        "outRefundNo" | "refundId" | "mchRefundOrderId" => "refund_no",
        "refundTradeNo" | "refundTransactionId" | "refund_transaction_no" => "provider_refund_no",
        _ => "order_no",
    }
}

fn amounts(system: &System) -> Vec<Row> {
    let more: &[&str] = if system.is_minor {
        &BAD_MINOR
    } else {
        &BAD_MAJOR
    };
    let mut rows = Vec::new();
    for token in BAD_AMOUNTS.iter().chain(more) {
        let row = format!("{}: amount {token}", system.name);
        let request = send(system, &row, |good| good.with(system.amount, token));
        let becomes = match (system.name, *token) {
            ("paycools flat", "[1]" | "{}") => Becomes::Refused(400),
            _ => invalid(system.ack),
        };
        rows.push(Row::new(row, request, becomes));
    }
    let row = format!("{}: amount is missing", system.name);
    let request = send(system, &row, |good| good.without(system.amount));
    rows.push(Row::new(row, request, invalid(system.ack)));
    for (major, minor) in GOOD_AMOUNTS {
        let token = if system.is_minor { minor } else { major };
        let row = format!("{}: amount {token}", system.name);
        let request = send(system, &row, |good| good.with(system.amount, token));
        rows.push(Row::new(row, request, taken(system)).with("amount", "10000.00"));
    }
    // Digits that most parsers round: exact to the last one.
    let (token, shown) = if system.is_minor {
        ("900719925474099301", "9007199254740993.01")
    } else {
        ("\"9007199254740993.01\"", "9007199254740993.01")
    };
    let row = format!("{}: an amount beyond 53 bits", system.name);
    let request = send(system, &row, |good| good.with(system.amount, token));
    rows.push(Row::new(row, request, taken(system)).with("amount", shown));
    rows
}

fn currencies() -> Vec<Row> {
    let mut rows = Vec::new();
    for (system, member) in [
        ("payermax", "refundCurrency"),
        ("payermax v2.1", "currency"),
    ] {
        let system = self::system(system);
        for token in BAD_CURRENCIES {
            let row = format!("{}: currency {token}", system.name);
            let request = send(system, &row, |good| good.with(member, token));
            rows.push(Row::new(row, request, invalid(system.ack)).with("amount", json!(null)));
        }
    }
    rows
}

fn statuses() -> Vec<Row> {
    let unknown = [
        ("payermax", "status", r#""REFUND_SUCCESS ""#),
        ("payermax", "status", r#""refund_success""#),
        ("payermax", "status", r#""REFUND_SUCCESS\u0000""#),
        ("payermax", "status", r#""REFUND_SU\u0421CESS""#),
        ("payermax", "status", r#""REFUND\u200b_SUCCESS""#),
        ("payermax", "status", r#""REFUND_WITHDRAWN""#),
        ("payermax", "status", r#""""#),
        ("payermax v2.1", "status", "9"),
        ("payermax v2.1", "status", "1.0"),
        ("payermax v2.1", "status", "1e0"),
        ("payermax v2.1", "status", "-0"),
        ("payermax v2.1", "status", r#""01""#),
        ("payermax v2.1", "status", r#""1 ""#),
        ("paycools", "refundStatus", r#""complete""#),
        ("paycools", "refundStatus", r#""COMPLETE\u0000""#),
        ("paycools", "eventName", r#""payment.refund.failed""#),
        ("quickpay", "transaction_status", r#""refunded""#),
        ("quickpay", "transaction_status", r#""REFUNDED\u0000""#),
        ("quickpay", "transaction_status", r#""SUCCESSED""#),
        ("quickpay", "transaction_status", "null"),
    ];
    let unfit = [
        ("payermax", "status", "null"),
        ("payermax", "status", "true"),
        ("payermax", "status", "1"),
        ("payermax", "status", "[]"),
        ("payermax v2.1", "status", "null"),
        ("payermax v2.1", "status", "true"),
        ("paycools", "refundStatus", "null"),
        ("paycools", "refundStatus", r#""""#),
        ("paycools", "refundStatus", "1"),
    ];
    let doubtful = [
        ("nmanagement", "RETURN_CODE", r#""000000 ""#),
        ("nmanagement", "RETURN_CODE", r#""000000\u0000""#),
        ("nmanagement", "RETURN_CODE", "0"),
        ("nmanagement", "RETURN_CODE", "null"),
        ("nmanagement", "RETURN_CODE", r#""""#),
    ];
    let list = |rows: &[(&'static str, &'static str, &'static str)], reason| -> Vec<Row> {
        let row = |(name, member, token): &(&'static str, &str, &str)| {
            let system = system(name);
            let row = format!("{name}: {member} is {token}");
            let request = send(system, &row, |good| good.with(member, token));
            Row::new(row, request, asked(system.ack, "pending", reason))
        };
        rows.iter().map(row).collect()
    };
    let mut rows = list(&unknown, "status_unknown");
    rows.extend(list(&unfit, "invalid_content"));
    rows.extend(list(&doubtful, "outcome_unknown"));
    // An event that no document lists holds nothing up.
    let event = r#""payment.refund.success\u0000""#;
    let row = "paycools: eventName ends in NUL";
    let request = send(system("paycools"), row, |good| {
        good.with("eventName", event)
    });
    let taken = asked(system("paycools").ack, "succeeded", "status_unknown");
    rows.push(Row::new(row, request, taken));
    rows
}
