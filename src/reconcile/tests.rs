//! Files as providers write them, read and compared with a store that holds a few refunds.

use std::fmt::Write as _;
use std::io::Read;
use std::rc::Rc;

use super::decode::Utf8Reader;
use super::map::{Map, SHIPPED, shipped_for};
use super::report::{Bucket, SHOWN_MAX};
use super::rows::{FileError, FileRow, Row, Rows};
use super::*;
use crate::domain::claim::Status;

fn map(text: &str) -> Map {
    Map::parse(text).expect("a map")
}

fn generic() -> Map {
    let (_, text) = SHIPPED[2];
    map(text)
}

fn rows(map: &Map, file: impl AsRef<[u8]>) -> Vec<(u64, Row)> {
    let mut rows = Rows::open(file.as_ref(), map).expect("a header");
    let mut all = Vec::new();
    while let Some(row) = rows.next_row().expect("a readable file") {
        all.push(row);
    }
    all
}

fn refund(row: &Row) -> &FileRow {
    match row {
        Row::Refund(row) => row,
        other => panic!("no refund: {other:?}"),
    }
}

fn why(row: &Row) -> &str {
    match row {
        Row::Unreadable(why) => why,
        other => panic!("can be read: {other:?}"),
    }
}

const HEADER: &str = "refund_no,provider_refund_no,amount,currency,status,time\n";

#[test]
fn every_shipped_map_can_be_used() {
    for (name, text) in SHIPPED {
        assert!(Map::parse(text).is_ok(), "{name}");
    }
    for provider in ["payermax", "nmanagement", "paycools", "quickpay", "epay"] {
        let name = shipped_for(provider);
        assert!(
            SHIPPED.iter().any(|(known, _)| *known == name),
            "{provider}"
        );
    }
}

#[test]
fn a_map_with_a_mistake_says_which() {
    for (text, what) in [
        ("[columns]\namount = \"a\"\n", "refund_no"),
        ("[columns]\nrefund_no = \"r\"\namount = \"a\"\n", "currency"),
        (
            "currency = \"CNY\"\n[columns]\nrefund_no = \"r\"\namount = \"a\"\n",
            "status",
        ),
        (
            "colums = 1\n[columns]\nrefund_no = \"r\"\namount = \"a\"\n",
            "colums",
        ),
        (
            "currency = \"cny\"\nstatus = \"succeeded\"\n[columns]\nrefund_no = \"r\"\namount = \"a\"\n",
            "ISO 4217",
        ),
        (
            "currency = \"CNY\"\nstatus = \"succeeded\"\ntime_zone = \"8\"\n\
             [columns]\nrefund_no = \"r\"\namount = \"a\"\n",
            "time_zone",
        ),
    ] {
        let error = Map::parse(text).expect_err("a mistake").to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn rows_are_read_by_the_names_of_their_columns() {
    let map = generic();
    let file = "\u{feff}Status,Refund No,Amount,x,CURRENCY,time\r\n\
                success,R-1,\"1,234.50\",,CNY,2026-01-31 08:00:00\r\n\
                Failed,R-2,0.1,,CNY,2026-01-31T08:00:00+08:00\r\n";
    let rows = rows(&map, file);
    let first = refund(&rows[0].1);
    assert_eq!(rows[0].0, 2);
    assert_eq!(first.money.amount_text(), "1234.50");
    assert_eq!(first.status, Status::Succeeded);
    let time = first.time.map(|time| time.to_string());
    assert_eq!(time.as_deref(), Some("2026-01-31T08:00:00.000Z"));
    assert_eq!(rows[1].0, 3);
    let second = refund(&rows[1].1);
    assert_eq!(second.status, Status::Failed);
    let time = second.time.map(|time| time.to_string());
    assert_eq!(time.as_deref(), Some("2026-01-31T00:00:00.000Z"));
}

#[test]
fn lines_are_those_of_an_editor() {
    let map = generic();
    for end in ["\n", "\r\n"] {
        let file = format!(
            "{HEADER}R-1,,1,CNY,success,\n\nR-2,,1,CNY,success,\n\"R-3\",\"P\",1,CNY,success,\n\
             R-4,,1,CNY,\"suc\ncess\",\nR-5,,1,CNY,success,"
        );
        let file = file.replace('\n', end);
        let lines: Vec<_> = rows(&map, file).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [2, 4, 5, 6, 8], "{end:?}");
    }
}

#[test]
fn a_row_that_cannot_be_read_says_why_and_is_not_the_end() {
    let map = generic();
    for (row, what) in [
        (",,1,CNY,success,", "has no number"),
        ("R\u{200b}1,,1,CNY,success,", "cannot be seen"),
        ("R-1,,1.00001,CNY,success,", "has more than 4 decimals"),
        ("R-1,,-1,CNY,success,", "has a sign"),
        ("R-1,,1e3,CNY,success,", "is not a decimal number"),
        ("R-1,,0,CNY,success,", "is not greater than zero"),
        ("R-1,,1,cny,success,", "ISO 4217"),
        ("R-1,,1,CNY,chargeback,", "chargeback"),
        ("R-1,,1,CNY,success,yesterday", "yesterday"),
        ("R-1,,1,CNY", "has 4 columns instead of 6"),
        ("R-1,,1,CNY,success,,7", "has 7 columns instead of 6"),
    ] {
        let rows = rows(&map, format!("{HEADER}{row}\nR-2,,1,CNY,success,,\n"));
        assert!(why(&rows[0].1).contains(what), "{row}: {:?}", rows[0]);
        refund(&rows[1].1);
    }
    let mut broken = format!("{HEADER}R-").into_bytes();
    broken.extend(b"\xff,,1,CNY,success,\n");
    assert!(matches!(rows(&map, broken)[0].1, Row::Unreadable(_)));
}

#[test]
fn a_file_of_the_bank_is_gb18030_with_tabs_and_signed() {
    let (_, text) = SHIPPED[1];
    let map = map(&format!("skip_lines = 1\n{text}"));
    let header = "商户流水\n备注\tREFUND_CODE\tREFUNDEMENT_AMOUNT\tSTATUS\n";
    let text = format!("{header}\"退款\t RF1 \t-12.30\t1\n退款\tRF2\t3\t5");
    let (file, _, _) = encoding_rs::GB18030.encode(&text);
    let rows = rows(&map, file);
    let first = refund(&rows[0].1);
    assert_eq!(rows[0].0, 3);
    assert_eq!(
        first.refund_no.as_ref().map(ExternalId::as_str),
        Some("RF1")
    );
    assert_eq!(first.money.amount_text(), "12.30");
    assert_eq!(refund(&rows[1].1).status, Status::Pending);
}

#[test]
fn rows_of_payments_are_passed_over() {
    let (_, text) = SHIPPED[0];
    let file = "Transaction Type,Merchant Order Number,Amount,Currency,Status,Finish Time\n\
                PAYMENT,O-1,1,IDR,SUCCESS,2026-01-31 00:00:00\n\
                Refund,`R-1,1,IDR,SUCCESS,2026-01-31 00:00:00\n";
    let map = map(text);
    let rows = rows(&map, file);
    assert_eq!(rows[0].1, Row::Other);
    let row = refund(&rows[1].1);
    assert_eq!(row.refund_no.as_ref().map(ExternalId::as_str), Some("R-1"));
    let day = row.time.and_then(|time| map.day_of(time));
    assert_eq!(day, Some(Date::constant(2026, 1, 31)), "UTC+8");
    let without = Rows::open(
        "Merchant Order Number,Amount,Currency,Status\n".as_bytes(),
        &map,
    );
    assert!(matches!(without, Err(FileError::Column { .. })));
}

#[test]
fn an_open_quote_does_not_take_the_rest_of_a_large_file() {
    let map = generic();
    let head = format!("{HEADER}\"R-1,,1,CNY,success,\n");
    let endless = head.as_bytes().chain(std::io::repeat(b'x'));
    let mut rows = Rows::open(endless, &map).expect("a header");
    let error = rows.next_row().expect_err("too long").to_string();
    assert!(error.contains("is a quote open"), "{error}");
}

#[test]
fn what_is_read_ends_with_a_line_break() {
    for (bytes, text) in [
        (&b""[..], ""),
        (b"a", "a\n"),
        (b"a\n", "a\n"),
        (b"a\r\nb\r", "a\nb\r\n"),
        (b"\xef\xbb\xbfa\xff", "a\u{fffd}\n"),
    ] {
        let mut read = String::new();
        Utf8Reader::new(bytes, encoding_rs::UTF_8, Rc::default())
            .read_to_string(&mut read)
            .expect("UTF-8");
        assert_eq!(read, text);
    }
}

#[test]
fn a_dry_run_counts_what_can_be_read() {
    let mut file = HEADER.to_owned();
    for number in 0..250 {
        writeln!(file, "R-{number},,x,CNY,success,").expect("a text");
    }
    file += "R-9,,1,CNY,success,\n";
    let report = read_only(file.as_bytes(), &generic(), ROWS_MAX).expect("readable");
    assert_eq!(report.count(Bucket::UnreadableRow), 250);
    assert_eq!(report.shown(Bucket::UnreadableRow).count(), SHOWN_MAX);
    assert_eq!(report.count(Bucket::Match), 1);
    assert!(report.has_differences());
}

fn account() -> Account {
    Account {
        provider: "payermax".to_owned(),
        name: "main".to_owned(),
    }
}

fn ours(number: u128, status: Status, amount: &str) -> Refund {
    let time = Timestamp::from_millis(0);
    Refund {
        id: RefundId::new(uuid::Uuid::from_u128(number)),
        account: account(),
        refund_no: None,
        provider_refund_no: None,
        order_no: None,
        status,
        provider_status: None,
        money: Some(crate::domain::money::Money {
            amount: amount.parse_amount(),
            currency: crate::domain::money::Currency::CNY,
        }),
        failure: None,
        finished_at: None,
        received_at: time,
        updated_at: time,
        attention: Vec::new(),
    }
}

trait ParseAmount {
    fn parse_amount(&self) -> crate::domain::money::Amount;
}

impl ParseAmount for str {
    fn parse_amount(&self) -> crate::domain::money::Amount {
        crate::domain::money::Amount::parse(self).expect("an amount")
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of rows")]
fn each_row_is_in_one_bucket() {
    use Status::{Pending, Succeeded};
    let map = generic();
    let file = format!(
        "{HEADER}R-1,,1,CNY,success,\nR-2,,1.00,CNY,success,\nR-3,,2,CNY,success,\nR-4,,1,USD,success,\n\
         R-5,,3,USD,failed,\nR-1,P-1,1,CNY,success,\nR-6,,1,CNY,success,\nR-6,,1,CNY,success,\n,P-7,1,CNY,success,\n"
    );
    let answers = [
        Some(ours(1, Succeeded, "1")),
        Some(ours(2, Pending, "1")),
        Some(ours(3, Succeeded, "1")),
        Some(ours(4, Succeeded, "1")),
        Some(ours(5, Succeeded, "1")),
        Some(ours(1, Succeeded, "1")),
        None,
        None,
    ];
    let answers = answers.map(|refund| refund.map_or(Ours::None, |it| Ours::One(Box::new(it))));
    let answers = answers.into_iter().chain([Ours::Several]);
    let task = Task {
        account: &account(),
        map: &map,
        day: None,
        now: Timestamp::from_millis(0),
    };
    let mut comparison = Comparison {
        task: &task,
        report: Report::default(),
        lines: HashMap::new(),
        days: Days::default(),
    };
    for ((line, row), ours) in rows(&map, file).into_iter().zip(answers) {
        let (line, row) = comparison
            .take(line, row)
            .expect("few rows")
            .expect("a refund");
        comparison.judge(line, &row, ours);
    }
    let report = comparison.report;
    let found = |bucket| {
        let found = report.shown(bucket);
        found
            .map(|found| (found.line, found.what.as_str()))
            .collect::<Vec<_>>()
    };
    assert_eq!(report.count(Bucket::Match), 1);
    assert_eq!(
        found(Bucket::StatusDiffers),
        [
            (Some(3), "status: ours pending, file succeeded"),
            (
                Some(6),
                "status: ours succeeded, file failed; amount: ours 1.00, file 3.00; currency: ours CNY, file USD"
            )
        ]
    );
    assert_eq!(
        found(Bucket::AmountDiffers),
        [(Some(4), "amount: ours 1.00, file 2.00")]
    );
    assert_eq!(
        found(Bucket::CurrencyDiffers),
        [(Some(5), "currency: ours CNY, file USD")]
    );
    assert_eq!(
        found(Bucket::DuplicateInFile),
        [
            (Some(7), "the same refund as in line 2"),
            (Some(9), "the same refund as in line 8")
        ]
    );
    assert_eq!(
        found(Bucket::OnlyThere),
        [(Some(8), "succeeded of 1.00 CNY is not ours")]
    );
    assert_eq!(report.count(Bucket::UnreadableRow), 1);
    let counts = report.to_json()["counts"].clone();
    assert_eq!(counts["status_differs"], 2);
}
