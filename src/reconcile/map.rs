//! What the columns of a file mean: a TOML text that names them, ours or the operator's.

use std::collections::BTreeMap;

use encoding_rs::{Encoding, GB18030, UTF_8};
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use serde::Deserialize;

use crate::domain::claim::Status;
use crate::domain::money::decimal::Spelling;
use crate::domain::money::{Amount, Currency};
use crate::domain::time::Timestamp;

/// The maps that come with the program, by name.
pub const SHIPPED: [(&str, &str); 3] = [
    ("payermax", include_str!("maps/payermax.toml")),
    ("ccb", include_str!("maps/ccb.toml")),
    ("generic", include_str!("maps/generic.toml")),
];

/// The text of a map that comes with the program.
pub fn shipped(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// The name of the map for the files of a provider.
pub fn shipped_for(provider: &str) -> &'static str {
    match provider {
        "payermax" => "payermax",
        "nmanagement" => "ccb",
        _ => "generic",
    }
}

/// What a file means, checked.
#[derive(Debug)]
pub struct Map {
    pub encoding: &'static Encoding,
    pub delimiter: u8,
    pub quotes: bool,
    /// First byte of lines that are passed over.
    pub comment: Option<u8>,
    pub skip_lines: u32,
    /// Names of the columns where the file has no header line.
    pub header: Option<Vec<String>>,
    pub columns: Columns,
    pub only: Option<Only>,
    /// Statuses that the file lists: one of ours with another is not missed.
    pub listed: Vec<Status>,
    currency: Option<Currency>,
    status: Option<Status>,
    statuses: BTreeMap<String, Status>,
    trim: String,
    offset: Offset,
    time_format: Option<String>,
    amount_sign: Sign,
    amount_unit: Unit,
}

/// Why a map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("{0}")]
    Value(&'static str),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    encoding: Charset,
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default = "yes")]
    quotes: bool,
    comment: Option<char>,
    #[serde(default)]
    skip_lines: u32,
    header: Option<Vec<String>>,
    #[serde(default)]
    trim: String,
    #[serde(default = "utc")]
    time_zone: String,
    time_format: Option<String>,
    #[serde(default)]
    amount_sign: Sign,
    #[serde(default)]
    amount_unit: Unit,
    currency: Option<String>,
    status: Option<Status>,
    #[serde(default = "final_ones")]
    listed: Vec<Status>,
    columns: Columns,
    only: Option<Only>,
    #[serde(default)]
    statuses: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Charset {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    Gb18030,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sign {
    #[default]
    Unsigned,
    Negative,
    Either,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Major,
    Minor,
}

/// One name of a column, or several spellings.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }

    /// Where the first of them is in this header.
    pub fn find(&self, header: &[String]) -> Option<usize> {
        let at = |name: &String| header.iter().position(|known| plain(known) == plain(name));
        self.all().iter().find_map(at)
    }
}

/// A name without what differs from one export to the next.
fn plain(name: &str) -> String {
    let letters = name
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    pub refund_no: Option<Names>,
    pub provider_refund_no: Option<Names>,
    pub amount: Names,
    pub currency: Option<Names>,
    pub status: Option<Names>,
    pub time: Option<Names>,
}

/// The rows that are refunds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    pub column: Names,
    /// Compared without case.
    pub values: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Words {
    succeeded: Vec<String>,
    failed: Vec<String>,
    canceled: Vec<String>,
    pending: Vec<String>,
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "+00:00".to_owned()
}

fn final_ones() -> Vec<Status> {
    let all = Status::ALL.into_iter();
    all.filter(|status| status.is_final()).collect()
}

impl Map {
    pub fn parse(text: &str) -> Result<Self, MapError> {
        let text: Text = toml::from_str(text)?;
        if text.columns.refund_no.is_none() && text.columns.provider_refund_no.is_none() {
            return Err(MapError::Value(
                "columns: refund_no or provider_refund_no is needed",
            ));
        }
        if text.columns.currency.is_none() && text.currency.is_none() {
            return Err(MapError::Value("give columns.currency or currency"));
        }
        if text.columns.status.is_none() && text.status.is_none() {
            return Err(MapError::Value("give columns.status or status"));
        }
        let currency = text.currency.map(|code| code.parse()).transpose();
        Ok(Self {
            encoding: match text.encoding {
                Charset::Utf8 => UTF_8,
                Charset::Gb18030 => GB18030,
            },
            delimiter: one_byte(text.delimiter)
                .ok_or(MapError::Value("delimiter is not one ASCII character"))?,
            quotes: text.quotes,
            comment: text
                .comment
                .map(|c| one_byte(c).ok_or(MapError::Value("comment is not one ASCII character")))
                .transpose()?,
            skip_lines: text.skip_lines,
            header: text.header,
            columns: text.columns,
            only: text.only,
            listed: text.listed,
            currency: currency
                .map_err(|_| MapError::Value("currency is no ISO 4217 code in upper case"))?,
            status: text.status,
            statuses: text.statuses.by_word()?,
            trim: text.trim,
            offset: offset(&text.time_zone)
                .ok_or(MapError::Value("time_zone is no offset such as +08:00"))?,
            time_format: text.time_format,
            amount_sign: text.amount_sign,
            amount_unit: text.amount_unit,
        })
    }

    /// A cell without what surrounds its value.
    pub fn trimmed<'a>(&self, cell: &'a str) -> &'a str {
        cell.trim_matches(|c: char| c.is_whitespace() || self.trim.contains(c))
    }

    /// The currency of every row, where there is no column.
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// The status of every row, where there is no column.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    pub fn read_status(&self, word: &str) -> Option<Status> {
        self.statuses.get(&word.to_lowercase()).copied()
    }

    pub fn read_amount(&self, text: &str, currency: Currency) -> Result<Amount, String> {
        let unsigned = match (self.amount_sign, text.strip_prefix('-')) {
            (Sign::Unsigned | Sign::Either, None) => text,
            (Sign::Negative | Sign::Either, Some(digits)) => digits,
            (Sign::Unsigned, Some(_)) => return Err(format!("the amount {text:?} has a sign")),
            (Sign::Negative, None) => return Err(format!("the amount {text:?} has no minus")),
        };
        if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("the amount {text:?} is no number"));
        }
        let read = match self.amount_unit {
            Unit::Major => Amount::read(unsigned, Spelling::Grouped, 4),
            Unit::Minor => Amount::read_minor(unsigned, Spelling::Grouped, currency.minor_digits()),
        };
        read.map_err(|flaw| format!("the amount {text:?} {flaw}"))
    }

    /// A time with an offset, or one of the map's time zone.
    pub fn read_time(&self, text: &str) -> Option<Timestamp> {
        let civil: DateTime = match &self.time_format {
            Some(format) => DateTime::strptime(format, text).ok()?,
            None => match text.parse::<Timestamp>() {
                Ok(timestamp) => return Some(timestamp),
                Err(_) => text.parse().ok()?,
            },
        };
        self.offset.to_timestamp(civil).ok().map(Timestamp::from)
    }

    /// The day of a time, as the file counts days.
    pub fn day_of(&self, time: Timestamp) -> Option<Date> {
        let timestamp = time.to_timestamp()?;
        Some(self.offset.to_datetime(timestamp).date())
    }

    /// When a day begins.
    pub fn start_of(&self, day: Date) -> Option<Timestamp> {
        let midnight = self.offset.to_timestamp(day.at(0, 0, 0, 0));
        midnight.ok().map(Timestamp::from)
    }
}

impl Words {
    fn by_word(self) -> Result<BTreeMap<String, Status>, MapError> {
        let mut all = BTreeMap::new();
        for (status, words) in [
            (Status::Succeeded, self.succeeded),
            (Status::Failed, self.failed),
            (Status::Canceled, self.canceled),
            (Status::Pending, self.pending),
        ] {
            for word in words {
                if all.insert(word.to_lowercase(), status).is_some() {
                    return Err(MapError::Value("statuses: a word is given twice"));
                }
            }
        }
        Ok(all)
    }
}

fn one_byte(c: char) -> Option<u8> {
    u8::try_from(c).ok().filter(u8::is_ascii)
}

/// `Z`, `UTC` or `+hh:mm`.
fn offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "UTC") {
        return Some(Offset::UTC);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let is_plain = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !is_plain(hours) || !is_plain(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = (hours * 60 + minutes) * 60;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        "+" => Offset::from_seconds(seconds).ok(),
        "-" => Offset::from_seconds(-seconds).ok(),
        _ => None,
    }
}
