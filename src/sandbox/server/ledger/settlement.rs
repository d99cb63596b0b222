//! The files that providers make of a day's refunds, from the ledger: PayerMax' CSV in a zip, the bank's text file.
//! What is documented of them is little: `docs/sandbox.md` says what is a guess.

use std::io::Write as _;

use encoding_rs::GB18030;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use super::{Ledger, Payment, Refund, State};
use crate::sandbox::server::World;
use crate::sandbox::server::keys::{ACCOUNTS, NMANAGEMENT};

/// Days of files by SFTP are those of UTC+8, and so are the bank's.
const OFFSET: Offset = Offset::constant(8);
const BANK_FILE: &str = "REFUND_105000075235505_";
const PAYERMAX_HEADER: &str = "Transaction Type,Merchant Order Number,Original Merchant Order Number,\
                               Refund Trade No,Refund Amount,Refund Currency,Refund Status,Refund Finish Time\r\n";
const BANK_HEADER: &str =
    "TRAN_DATE\tREFUND_DATE\tORDER_NUMBER\tPAY_AMOUNT\tREFUNDEMENT_AMOUNT\tSTATUS\tREFUND_CODE\r\n";

/// A file ready to be fetched.
#[derive(Debug)]
pub struct File {
    pub name: String,
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

/// The day of a moment where files are made.
pub fn day_of(millis: i64) -> Date {
    local(millis).date()
}

fn local(millis: i64) -> jiff::civil::DateTime {
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    at.to_zoned(TimeZone::fixed(OFFSET)).datetime()
}

/// The name of the bank's file; a guess.
pub fn bank_file(day: Date) -> String {
    format!("{BANK_FILE}{}.txt", day.strftime("%Y%m%d"))
}

pub fn day_of_bank_file(name: &str) -> Option<Date> {
    let day = name.strip_prefix(BANK_FILE)?.strip_suffix(".txt")?;
    Date::strptime("%Y%m%d", day).ok()
}

/// The file of an account for a day; the error says what there is.
pub fn file(world: &World, provider: &str, account: &str, day: Date) -> Result<File, String> {
    let known = ACCOUNTS
        .iter()
        .find(|known| known.provider == provider && known.account == account);
    match known {
        Some(known) if provider == "payermax" => {
            let date = day.strftime("%Y%m%d").to_string();
            let stem = format!("{}_{date}_{date}", known.merchant_no);
            let text = payermax(world, account, day);
            Ok(File {
                name: format!("{stem}.zip"),
                content_type: "application/zip",
                bytes: zipped(&format!("{stem}.csv"), text.as_bytes())
                    .map_err(|error| format!("the zip cannot be written: {error}"))?,
            })
        }
        Some(known) if known.account == NMANAGEMENT.account => Ok(File {
            name: bank_file(day),
            content_type: "text/plain;charset=GB18030",
            bytes: ccb(&world.ledger, day),
        }),
        Some(_) => Err(format!("no document says that {provider} makes a file")),
        None => Err(format!("there is no account {provider}/{account}")),
    }
}

/// What became final on a day: nothing else is in a file.
fn of_day(refund: &Refund, day: Date) -> Option<(&'static str, i64)> {
    let finished = refund.finished_at.filter(|millis| day_of(*millis) == day)?;
    match refund.state {
        State::Succeeded => Some(("SUCCESS", finished)),
        State::Failed | State::Canceled => Some(("FAILED", finished)),
        State::Pending | State::Odd => None,
    }
}

fn time(millis: i64) -> String {
    local(millis).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn payermax(world: &World, account: &str, day: Date) -> String {
    let mut text = PAYERMAX_HEADER.to_owned();
    let mut line = |cells: [&str; 8]| {
        text.push_str(&cells.map(quoted).join(","));
        text.push_str("\r\n");
    };
    for payment in world.ledger.payments() {
        let Payment {
            provider,
            payment: order,
            amount,
            currency,
            paid_at,
        } = payment;
        if provider == "payermax" && day_of(*paid_at) == day {
            let (amount, at) = (amount.to_text(0), time(*paid_at));
            let theirs = format!("TRADE-{order}");
            line([
                "PAYMENT", order, "", &theirs, &amount, currency, "SUCCESS", &at,
            ]);
        }
    }
    let refunds = world.ledger.refunds();
    for refund in refunds.filter(|one| one.provider == "payermax" && one.account == account) {
        let Some((status, finished)) = of_day(refund, day) else {
            continue;
        };
        // The old generation has no number of the provider's.
        let theirs = if account == crate::sandbox::server::keys::PAYERMAX.account {
            format!("TI-{}", refund.number)
        } else {
            String::new()
        };
        let (number, order) = (&refund.number, &refund.order_no);
        let (amount, currency) = (refund.told_amount.to_text(0), &refund.told_currency);
        let at = time(finished);
        line([
            "REFUND", number, order, &theirs, &amount, currency, status, &at,
        ]);
    }
    text
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// The bank's file.
pub fn ccb(ledger: &Ledger, day: Date) -> Vec<u8> {
    let mut text = BANK_HEADER.to_owned();
    let refunds = ledger.refunds();
    for refund in refunds.filter(|refund| refund.provider == NMANAGEMENT.provider) {
        let Some((status, finished)) = of_day(refund, day) else {
            continue;
        };
        let status = if status == "SUCCESS" { "1" } else { "0" };
        // A number that the sandbox made up was not sent.
        let number = if refund.number.contains('#') {
            ""
        } else {
            refund.number.as_str()
        };
        let paid = ledger.payment(&refund.provider, &refund.payment);
        let paid = paid.map_or(String::new(), |payment| payment.amount.to_text(2));
        let cells = [
            &day_of(refund.accepted_at).to_string(),
            &day_of(finished).to_string(),
            &refund.order_no,
            &paid,
            &refund.told_amount.to_text(2),
            status,
            number,
        ];
        text.push_str(
            &cells
                .map(|cell| cell.replace(['\t', '\r', '\n'], " "))
                .join("\t"),
        );
        text.push_str("\r\n");
    }
    GB18030.encode(&text).0.into_owned()
}

/// One file in a zip.
fn zipped(name: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    let packed = encoder.finish()?;
    let mut crc = Crc::new();
    crc.update(bytes);
    let size =
        |length: usize| u32::try_from(length).map_err(|_| std::io::Error::other("more than 4 GiB"));
    // Version 2.0, names in UTF-8, deflate, 1980-01-01.
    let mut shared = vec![20, 0, 0, 8, 8, 0, 0, 0, 0x21, 0];
    for number in [crc.sum(), size(packed.len())?, size(bytes.len())?] {
        shared.extend(number.to_le_bytes());
    }
    let name_length = u16::try_from(name.len()).map_err(|_| std::io::Error::other("the name"))?;
    shared.extend(name_length.to_le_bytes());
    shared.extend([0, 0]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&shared);
    zip.extend(name.as_bytes());
    zip.extend(&packed);
    let directory = zip.len();
    zip.extend(b"PK\x01\x02\x14\x00");
    zip.extend(&shared);
    // No comment, disk 0, no attributes, the first file at 0.
    zip.extend([0; 14]);
    zip.extend(name.as_bytes());
    let length = size(zip.len() - directory)?;
    zip.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    zip.extend(length.to_le_bytes());
    zip.extend(size(directory)?.to_le_bytes());
    zip.extend([0, 0]);
    Ok(zip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_utc_plus_8() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(day_of(at("2026-01-31T15:59:59Z")).to_string(), "2026-01-31");
        assert_eq!(day_of(at("2026-01-31T16:00:00Z")).to_string(), "2026-02-01");
        let day = day_of(at("2026-01-31T16:00:00Z"));
        assert_eq!(day_of_bank_file(&bank_file(day)), Some(day));
        assert_eq!(
            day_of_bank_file("../REFUND_105000075235505_20260131.txt"),
            None
        );
    }

    #[test]
    fn a_cell_with_a_comma_stays_one_cell() {
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(quoted("R-1"), "R-1");
    }
}
