//! The rows of a file, one at a time, with the lines on which they begin.

use std::cell::Cell;
use std::io::{BufReader, Read};
use std::rc::Rc;

use csv::{ReaderBuilder, StringRecord};

use super::decode::{SinceRow, Utf8Reader, skip_line};
use super::map::{Map, Names};
use crate::domain::claim::Status;
use crate::domain::ids::ExternalId;
use crate::domain::money::{Currency, Money};
use crate::domain::refund::parity::Said;
use crate::domain::time::Timestamp;

/// What a row says about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// This or the provider's number is there.
    pub refund_no: Option<ExternalId>,
    pub provider_refund_no: Option<ExternalId>,
    pub status: Status,
    pub money: Money,
    pub time: Option<Timestamp>,
}

impl FileRow {
    pub fn said(&self) -> Said {
        Said::Row {
            status: self.status,
            money: self.money,
        }
    }
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Refund(FileRow),
    /// Of something else than a refund.
    Other,
    /// Why it cannot be read.
    Unreadable(String),
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot be opened: {0}")]
    Open(std::io::Error),
    #[error("cannot be read: {0}")]
    Read(#[from] csv::Error),
    #[error("the file is empty: it has no header line")]
    Empty,
    #[error(
        "the file has no column for {role}: the map wants one of {wanted:?}, the header has {header:?}"
    )]
    Column {
        role: &'static str,
        wanted: Vec<String>,
        header: Vec<String>,
    },
    #[error("the file has more than {0} rows; split it")]
    TooLong(u64),
}

/// Where the columns are.
#[derive(Debug)]
struct Places {
    width: usize,
    refund_no: Option<usize>,
    provider_refund_no: Option<usize>,
    amount: usize,
    currency: Option<usize>,
    status: Option<usize>,
    time: Option<usize>,
    only: Option<usize>,
}

pub struct Rows<'m, R> {
    map: &'m Map,
    reader: csv::Reader<BufReader<Utf8Reader<R>>>,
    places: Places,
    record: StringRecord,
    since_row: SinceRow,
}

impl<'m, R: Read> Rows<'m, R> {
    pub fn open(file: R, map: &'m Map) -> Result<Self, FileError> {
        let since_row: SinceRow = Rc::new(Cell::new(0));
        let mut text = BufReader::new(Utf8Reader::new(file, map.encoding, Rc::clone(&since_row)));
        for _ in 0..map.skip_lines {
            skip_line(&mut text).map_err(csv::Error::from)?;
            since_row.set(0);
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(map.delimiter)
            .quoting(map.quotes)
            .comment(map.comment)
            .from_reader(text);
        let mut record = StringRecord::new();
        let header = if let Some(names) = &map.header {
            names.clone()
        } else {
            if !reader.read_record(&mut record)? {
                return Err(FileError::Empty);
            }
            let names = record.iter().map(|name| map.trimmed(name).to_owned());
            names.collect()
        };
        Ok(Self {
            places: Places::find(map, &header)?,
            map,
            reader,
            record,
            since_row,
        })
    }

    /// The next row and its line, from 1; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<(u64, Row)>, FileError> {
        self.since_row.set(0);
        if !self.reader.read_record(&mut self.record)? {
            return Ok(None);
        }
        // Every row ends with a line break, so the reader is at the line behind it. Where the row began it
        // does not know: blank lines before it count as its own.
        let cells = self.record.iter();
        let breaks: usize = cells.map(|cell| cell.matches('\n').count()).sum();
        let behind = self.reader.position().line();
        let line = behind.saturating_sub(1 + breaks as u64);
        Ok(Some((
            line + u64::from(self.map.skip_lines),
            self.read_row(),
        )))
    }

    fn read_row(&self) -> Row {
        let (map, places) = (self.map, &self.places);
        if let (Some(only), Some(at)) = (&map.only, places.only) {
            let cell = self.cell(at).to_lowercase();
            let is_wanted = |value: &String| value.to_lowercase() == cell;
            if !only.values.iter().any(is_wanted) {
                return Row::Other;
            }
        }
        let width = self.record.len();
        let is_empty = |cell: &str| map.trimmed(cell).is_empty();
        if width < places.width || !self.record.iter().skip(places.width).all(is_empty) {
            let expected = places.width;
            return Row::Unreadable(format!("has {width} columns instead of {expected}"));
        }
        match self.read_refund() {
            Ok(row) => Row::Refund(row),
            Err(why) => Row::Unreadable(why),
        }
    }

    fn read_refund(&self) -> Result<FileRow, String> {
        let (map, places) = (self.map, &self.places);
        let refund_no = self.number(places.refund_no, "the refund's number")?;
        let provider_refund_no = self.number(places.provider_refund_no, "the provider's number")?;
        if refund_no.is_none() && provider_refund_no.is_none() {
            return Err("has no number".to_owned());
        }
        let currency = match (places.currency, map.currency()) {
            (Some(at), _) => {
                let code = self.cell(at);
                let read: Result<Currency, _> = code.parse();
                read.map_err(|error| format!("the currency {code:?} is {error}"))?
            }
            (None, Some(currency)) => currency,
            (None, None) => return Err("has no currency".to_owned()),
        };
        let status = match (places.status, map.status()) {
            (Some(at), _) => {
                let word = self.cell(at);
                let read = map.read_status(word);
                read.ok_or_else(|| format!("the map does not have the status {word:?}"))?
            }
            (None, Some(status)) => status,
            (None, None) => return Err("has no status".to_owned()),
        };
        let time = match places.time.map(|at| self.cell(at)) {
            None | Some("") => None,
            Some(text) => {
                let read = map.read_time(text);
                Some(read.ok_or_else(|| format!("the time {text:?} cannot be read"))?)
            }
        };
        let amount = map.read_amount(self.cell(places.amount), currency)?;
        Ok(FileRow {
            refund_no,
            provider_refund_no,
            status,
            money: Money { amount, currency },
            time,
        })
    }

    fn number(&self, place: Option<usize>, what: &str) -> Result<Option<ExternalId>, String> {
        match place.map(|at| self.cell(at)) {
            None | Some("") => Ok(None),
            Some(text) => {
                let read = text.parse().map(Some);
                read.map_err(|flaw| format!("{what} {flaw}"))
            }
        }
    }

    fn cell(&self, at: usize) -> &str {
        self.map.trimmed(self.record.get(at).unwrap_or_default())
    }
}

impl Places {
    fn find(map: &Map, header: &[String]) -> Result<Self, FileError> {
        let columns = &map.columns;
        let lacking = |role, names: &Names| FileError::Column {
            role,
            wanted: names.all().to_vec(),
            header: header.to_vec(),
        };
        let find = |names: &Option<Names>| names.as_ref().and_then(|names| names.find(header));
        let refund_no = find(&columns.refund_no);
        let provider_refund_no = find(&columns.provider_refund_no);
        if let (None, None, Some(names)) = (
            refund_no,
            provider_refund_no,
            columns
                .refund_no
                .as_ref()
                .or(columns.provider_refund_no.as_ref()),
        ) {
            return Err(lacking("the number", names));
        }
        let or_fixed = |role, names: &Option<Names>, is_fixed: bool| match (find(names), names) {
            (None, Some(names)) if !is_fixed => Err(lacking(role, names)),
            (place, _) => Ok(place),
        };
        let only = match &map.only {
            Some(only) => {
                let place = only.column.find(header);
                Some(place.ok_or_else(|| lacking("what a row is about", &only.column))?)
            }
            None => None,
        };
        let amount = columns.amount.find(header);
        Ok(Self {
            width: header.len(),
            refund_no,
            provider_refund_no,
            amount: amount.ok_or_else(|| lacking("the amount", &columns.amount))?,
            currency: or_fixed("the currency", &columns.currency, map.currency().is_some())?,
            status: or_fixed("the status", &columns.status, map.status().is_some())?,
            time: find(&columns.time),
            only,
        })
    }
}
