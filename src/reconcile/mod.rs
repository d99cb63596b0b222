//! A provider's settlement file compared with the store. Reads both and changes neither: a file is no proof,
//! so it moves no refund. What differs may be told to the service, which leaves a question. A row is held for as
//! long as it is compared; of all rows only a key of 16 bytes and a line are remembered, to see a second row of the
//! same refund and the refunds that have none.

pub mod archive;
mod decode;
mod found;
pub mod map;
pub mod report;
mod rows;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use jiff::civil::Date;

use crate::crypto::sha256;
use crate::domain::claim::{Account, RefundNo, Status};
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::refund::Refund;
use crate::domain::refund::parity::Said;
use crate::domain::request::State;
use crate::domain::time::Timestamp;
use crate::store::{Inspection, Snapshot, StoreError};
use found::{absent, difference, of_row, unreadable};
use map::Map;
use report::{Bucket, Found, Report};
pub use rows::FileError;
use rows::{FileRow, Row, Rows};

/// Rows looked up in one snapshot, and refunds of ours read in one: short, so that a WAL can start over.
const BATCH: u16 = 256;
/// Bounds what is remembered, some 40 bytes a row.
pub const ROWS_MAX: u64 = 10_000_000;
/// How far the clock of a provider may be ahead of ours.
const SKEW: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Where refunds are looked up: each query sees one unchanging state.
pub trait Refunds {
    fn look<T, F>(&mut self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static;
}

impl Refunds for Inspection {
    fn look<T, F>(&mut self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        Inspection::look(self, query)
    }
}

/// What to compare with what.
#[derive(Debug)]
pub struct Task<'a> {
    pub account: &'a Account,
    pub map: &'a Map,
    /// The day of the file; `None`: that of its rows, if they agree.
    pub day: Option<Date>,
    pub now: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a file without a store: what it holds, and what of it cannot be read.
pub fn read_only(file: impl Read, map: &Map, rows_max: u64) -> Result<Report, FileError> {
    let mut rows = Rows::open(file, map)?;
    let mut report = Report::default();
    report.unchecked = Some("a dry run opens no store");
    while let Some((line, row)) = rows.next_row()? {
        report.count_row(rows_max)?;
        match row {
            Row::Refund(_) => report.add_match(),
            Row::Other => report.other_rows += 1,
            Row::Unreadable(why) => report.add(unreadable(line, why)),
        }
    }
    Ok(report)
}

/// Compares a file with the refunds of an account.
pub fn compare(
    refunds: &mut impl Refunds,
    file: impl Read,
    task: &Task<'_>,
) -> Result<Report, ReconcileError> {
    let mut comparison = Comparison {
        task,
        report: Report::default(),
        lines: HashMap::new(),
        days: Days::default(),
    };
    let mut rows = Rows::open(file, task.map)?;
    loop {
        let mut batch = Vec::new();
        let mut is_over = false;
        while !is_over && batch.len() < usize::from(BATCH) {
            match rows.next_row()? {
                Some((line, row)) => batch.extend(comparison.take(line, row)?),
                None => is_over = true,
            }
        }
        let account = task.account.clone();
        let found = refunds.look(move |snapshot| {
            let found = batch.into_iter().map(|(line, row)| {
                let found = find(snapshot, &account, &row)?;
                Ok((line, row, found))
            });
            found.collect::<Result<Vec<_>, StoreError>>()
        })?;
        for (line, row, found) in found {
            comparison.judge(line, &row, found);
        }
        if is_over {
            break;
        }
    }
    comparison.look_for_absent(refunds)?;
    Ok(comparison.report)
}

/// What a row is about.
enum Ours {
    One(Box<Refund>),
    None,
    /// The provider's number is that of several.
    Several,
}

fn find(snapshot: &mut Snapshot<'_>, account: &Account, row: &FileRow) -> Result<Ours, StoreError> {
    let one = |refund: Option<Refund>| refund.map_or(Ours::None, |it| Ours::One(Box::new(it)));
    match (&row.refund_no, &row.provider_refund_no) {
        (Some(number), _) => {
            let number = RefundNo::from(number.clone());
            snapshot.refund_by_number(account, &number).map(one)
        }
        (None, Some(number)) => {
            let mut refunds = snapshot.refunds_by_provider_number(account, number)?;
            let last = refunds.pop();
            Ok(if refunds.is_empty() {
                one(last)
            } else {
                Ours::Several
            })
        }
        (None, None) => Ok(Ours::None),
    }
}

/// The days of the rows.
#[derive(Debug, Default)]
struct Days {
    first: Option<Date>,
    are_several: bool,
}

struct Comparison<'a> {
    task: &'a Task<'a>,
    report: Report,
    /// Where each refund was first named.
    lines: HashMap<[u8; 16], u64>,
    days: Days,
}

impl Comparison<'_> {
    /// Counts a row; gives it back if it is to be looked up.
    fn take(&mut self, line: u64, row: Row) -> Result<Option<(u64, FileRow)>, FileError> {
        self.report.count_row(ROWS_MAX)?;
        match row {
            Row::Refund(row) => {
                if let Some(day) = row.time.and_then(|time| self.task.map.day_of(time)) {
                    let first = *self.days.first.get_or_insert(day);
                    self.days.are_several |= first != day;
                }
                return Ok(Some((line, row)));
            }
            Row::Other => self.report.other_rows += 1,
            Row::Unreadable(why) => self.report.add(unreadable(line, why)),
        }
        Ok(None)
    }

    fn judge(&mut self, line: u64, row: &FileRow, ours: Ours) {
        let refund = match ours {
            Ours::One(refund) => Some(refund),
            Ours::None => None,
            Ours::Several => {
                let what = "the provider's number is that of several refunds".to_owned();
                return self
                    .report
                    .add(of_row(Bucket::UnreadableRow, line, row, what));
            }
        };
        let key = refund
            .as_ref()
            .map_or_else(|| key_of(row), |refund| *refund.id.as_bytes());
        if let Some(first) = self.lines.get(&key) {
            if let Some(refund) = &refund {
                self.report.find(refund.id, Some(line), Said::Again);
            }
            let what = format!("the same refund as in line {first}");
            return self
                .report
                .add(of_row(Bucket::DuplicateInFile, line, row, what));
        }
        self.lines.insert(key, line);
        let Some(refund) = refund else {
            let what = format!(
                "{} of {} {} is not ours",
                row.status.as_str(),
                row.money.amount_text(),
                row.money.currency.code()
            );
            return self.report.add(of_row(Bucket::OnlyThere, line, row, what));
        };
        match difference(&refund, row) {
            None => {
                if refund.has_settlement_question() {
                    self.report.find(refund.id, Some(line), row.said());
                }
                self.report.add_match();
            }
            Some((bucket, what)) => {
                self.report.find(refund.id, Some(line), row.said());
                self.report.add(Found {
                    refund_id: Some(refund.id),
                    ..of_row(bucket, line, row, what)
                });
            }
        }
    }

    /// Refunds of ours that became final on the file's day and have no row.
    fn look_for_absent(&mut self, refunds: &mut impl Refunds) -> Result<(), StoreError> {
        let map = self.task.map;
        let day = match (self.task.day, &self.days) {
            (Some(day), _) => Some(day),
            (None, days) if !days.are_several => days.first,
            _ => None,
        };
        let Some((day, start)) = day.and_then(|day| Some((day, map.start_of(day)?))) else {
            let why = "the rows do not say which day the file is for; give --day";
            self.report.unchecked = Some(why);
            return Ok(());
        };
        self.report.day = Some(day);
        let end = start.plus(DAY);
        let may_come_yet = self.task.now < end.plus(DAY);
        let mut after: (Timestamp, Option<RefundId>) = (start.minus(SKEW), None);
        loop {
            let (account, statuses) = (self.task.account.clone(), map.listed.clone());
            let (last, listed) = refunds.look(move |snapshot| {
                let mut page = snapshot.refunds_changed(after, BATCH.into())?;
                let last = page.last().map(|last| (last.updated_at, Some(last.id)));
                page.retain(|refund| {
                    refund.account == account
                        && statuses.contains(&refund.status)
                        && refund.status.is_final()
                        && (start..end).contains(&final_at(refund))
                });
                let mut listed = Vec::new();
                for refund in page {
                    if was_taken(snapshot, &refund)? {
                        listed.push(refund);
                    }
                }
                Ok((last, listed))
            })?;
            let Some(last) = last else {
                return Ok(());
            };
            after = last;
            for refund in listed {
                // A running service may move a row behind the page, where it comes again.
                if self.lines.contains_key(refund.id.as_bytes()) {
                    continue;
                }
                self.lines.insert(*refund.id.as_bytes(), 0);
                if may_come_yet {
                    self.report.waiting += 1;
                } else {
                    self.report.find(refund.id, None, Said::Nothing);
                    self.report.add(absent(&refund, final_at(&refund)));
                }
            }
        }
    }
}

fn final_at(refund: &Refund) -> Timestamp {
    refund.finished_at.unwrap_or(refund.updated_at)
}

/// Whether the provider has it: a request that was refused or canceled is in no file.
fn was_taken(snapshot: &mut Snapshot<'_>, refund: &Refund) -> Result<bool, StoreError> {
    if refund.status == Status::Succeeded {
        return Ok(true);
    }
    let request = snapshot.request(refund.id)?;
    Ok(request
        .is_none_or(|request| !matches!(request.machine.state, State::Refused | State::Canceled)))
}

/// The key of a row whose refund is not in the store: its number, or else the provider's.
fn key_of(row: &FileRow) -> [u8; 16] {
    let text = match (&row.refund_no, &row.provider_refund_no) {
        (Some(number), _) => format!("number {}", number.as_str()),
        (None, number) => {
            let number = number.as_ref().map_or("", ExternalId::as_str);
            format!("provider {number}")
        }
    };
    let digest = sha256(text.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}
