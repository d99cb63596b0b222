//! What a comparison found: counts, and the first rows of each bucket that is not a match.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::domain::ids::RefundId;
use crate::domain::refund::parity::Said;
use crate::reconcile::FileError;

/// Rows of each bucket that are shown.
pub const SHOWN_MAX: usize = 100;

/// What became of a row, or of a refund of ours that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Match,
    StatusDiffers,
    AmountDiffers,
    CurrencyDiffers,
    OnlyHere,
    OnlyThere,
    DuplicateInFile,
    UnreadableRow,
}

impl Bucket {
    pub const ALL: [Self; 8] = [
        Self::Match,
        Self::StatusDiffers,
        Self::AmountDiffers,
        Self::CurrencyDiffers,
        Self::OnlyHere,
        Self::OnlyThere,
        Self::DuplicateInFile,
        Self::UnreadableRow,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::StatusDiffers => "status_differs",
            Self::AmountDiffers => "amount_differs",
            Self::CurrencyDiffers => "currency_differs",
            Self::OnlyHere => "only_here",
            Self::OnlyThere => "only_there",
            Self::DuplicateInFile => "duplicate_in_file",
            Self::UnreadableRow => "unreadable_row",
        }
    }
}

/// A difference that is shown.
#[derive(Clone, Debug)]
pub struct Found {
    pub bucket: Bucket,
    /// `None`: the file has no row.
    pub line: Option<u64>,
    pub refund_no: Option<String>,
    pub provider_refund_no: Option<String>,
    pub refund_id: Option<RefundId>,
    pub what: String,
}

/// What the file says of a refund of ours, where the two differ, or where an earlier file left a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub refund_id: RefundId,
    pub line: Option<u64>,
    pub said: Said,
}

impl Finding {
    /// A row of `POST /v1/accounts/{provider}/{account}/settlement`.
    pub fn to_json(self) -> Value {
        let mut row = json!({"refund_id": self.refund_id, "line": self.line});
        match self.said {
            Said::Row { status, money } => {
                row["said"] = "row".into();
                row["status"] = status.as_str().into();
                row["amount"] = money.amount_text().into();
                row["currency"] = money.currency.code().into();
            }
            Said::Again => row["said"] = "again".into(),
            Said::Nothing => row["said"] = "nothing".into(),
        }
        row
    }
}

#[derive(Debug, Default)]
pub struct Report {
    counts: [u64; Bucket::ALL.len()],
    shown: Vec<Found>,
    /// All of them, for the service.
    pub findings: Vec<Finding>,
    /// Rows of the file, those of other things than refunds too.
    pub rows: u64,
    pub other_rows: u64,
    /// The day whose refunds of ours were looked for in the file.
    pub day: Option<Date>,
    /// Why none were.
    pub unchecked: Option<&'static str>,
    /// Refunds of ours of that day that the file lacks and the next may have.
    pub waiting: u64,
}

impl Report {
    pub fn count(&self, bucket: Bucket) -> u64 {
        self.counts[bucket as usize]
    }

    /// The shown ones of a bucket.
    pub fn shown(&self, bucket: Bucket) -> impl Iterator<Item = &Found> {
        self.shown
            .iter()
            .filter(move |found| found.bucket == bucket)
    }

    pub fn has_differences(&self) -> bool {
        let others = Bucket::ALL.into_iter().skip(1);
        others
            .map(|bucket| self.count(bucket))
            .any(|count| count > 0)
    }

    pub fn count_row(&mut self, rows_max: u64) -> Result<(), FileError> {
        self.rows += 1;
        if self.rows > rows_max {
            return Err(FileError::TooLong(rows_max));
        }
        Ok(())
    }

    pub fn find(&mut self, refund_id: RefundId, line: Option<u64>, said: Said) {
        self.findings.push(Finding {
            refund_id,
            line,
            said,
        });
    }

    pub fn add_match(&mut self) {
        self.counts[Bucket::Match as usize] += 1;
    }

    pub fn add(&mut self, found: Found) {
        let count = &mut self.counts[found.bucket as usize];
        *count += 1;
        if *count <= SHOWN_MAX as u64 {
            self.shown.push(found);
        }
    }

    /// The rows of each bucket, by its name.
    pub fn counts_json(&self) -> Value {
        let counts = Bucket::ALL.into_iter();
        let counts = counts.map(|bucket| (bucket.as_str().to_owned(), self.count(bucket).into()));
        Value::Object(counts.collect())
    }

    pub fn to_json(&self) -> Value {
        let differences: Vec<_> = Bucket::ALL
            .into_iter()
            .flat_map(|bucket| self.shown(bucket))
            .map(|found| {
                json!({
                    "bucket": found.bucket.as_str(),
                    "line": found.line,
                    "refund_no": found.refund_no,
                    "provider_refund_no": found.provider_refund_no,
                    "refund_id": found.refund_id,
                    "what": found.what,
                })
            })
            .collect();
        json!({
            "rows": self.rows,
            "other_rows": self.other_rows,
            "day": self.day.map(|day| day.to_string()),
            "only_here_unchecked": self.unchecked,
            "waiting": self.waiting,
            "counts": self.counts_json(),
            "differences": differences,
        })
    }
}
