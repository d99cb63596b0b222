//! An outgoing refund: what is to be refunded (the intent) and how far the request has come.
//!
//! The transitions are one pure function, [`Machine::next`]; `explore` searches every interleaving of two
//! workers, a provider, lost replies, crashes and callbacks over that very function. When a request is due
//! again is `timetable.rs`.

pub mod intent;
pub mod machine;
mod moves;
pub mod timetable;

use serde::{Deserialize, Serialize};

use super::claim::{Account, RefundNo};
use super::ids::RefundId;
use super::time::Timestamp;
use intent::Intent;
use machine::Machine;
pub use moves::Moved;

/// Who sends the refund to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// We do.
    Submit,
    /// Another system has sent it; we ask for its outcome.
    Watch,
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::Submit, Self::Watch];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Watch => "watch",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Committed, not sent; or to be sent again.
    Queued,
    /// An attempt is open.
    Sending,
    /// It may or may not have been taken.
    Unknown,
    /// The provider took it; the outcome is open.
    Accepted,
    /// Final: the provider did not take it.
    Refused,
    /// Final: refunded.
    Done,
    /// Final: the provider took it and could not refund.
    Failed,
    /// Final: withdrawn before it was sent.
    Canceled,
}

impl State {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Sending,
        Self::Unknown,
        Self::Accepted,
        Self::Refused,
        Self::Done,
        Self::Failed,
        Self::Canceled,
    ];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Done | Self::Failed | Self::Canceled
        )
    }

    /// Whether it was sent and the provider can be asked what became of it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Unknown | Self::Accepted)
    }

    /// Whether the provider may be working on it: no second request of the payment where it takes one at a time.
    pub const fn is_under_way(self) -> bool {
        self.is_open() || matches!(self, Self::Sending)
    }

    /// Whether its amount counts against what was paid.
    pub const fn holds_money(self) -> bool {
        !matches!(self, Self::Refused | Self::Failed | Self::Canceled)
    }
}

/// What a reply means, whichever provider gave it: each adapter maps its codes to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The provider says that the money moved. Comes with a claim.
    Done,
    /// Taken, the outcome is open. Comes with a claim.
    Accepted,
    /// Taken, and the provider could not refund. Comes with a claim.
    Failed,
    /// Not taken as asked; the same number may be used again after a correction.
    Refused,
    /// Not taken and never will be (window, channel).
    Never,
    /// Not taken; may be sent again later.
    Later,
    /// Not taken, only freshness or credential are wrong: build again and send once more.
    Rebuild,
    /// The provider already has this number.
    Known,
    /// May or may not have been taken.
    Unknown,
    /// No byte of the request was sent: name lookup, connect or TLS failed.
    NotSent,
    /// A query: the provider does not know the number.
    NotFound,
}

impl Class {
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Accepted,
        Self::Failed,
        Self::Refused,
        Self::Never,
        Self::Later,
        Self::Rebuild,
        Self::Known,
        Self::Unknown,
        Self::NotSent,
        Self::NotFound,
    ];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Never => "never",
            Self::Later => "later",
            Self::Rebuild => "rebuild",
            Self::Known => "known",
            Self::Unknown => "unknown",
            Self::NotSent => "not_sent",
            Self::NotFound => "not_found",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// Whether the provider has the refund.
    pub const fn is_taken(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Accepted | Self::Failed | Self::Known
        )
    }
}

/// The last reply in the provider's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReply {
    pub class: Class,
    /// The provider's code, verbatim; of ours where no reply came.
    pub code: Option<String>,
    pub message: Option<String>,
}

/// What is counted on the way; stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// When the present open state began to be asked about; the timetable counts from here.
    pub since: Option<Timestamp>,
    /// Asks since then.
    pub asks: u32,
    /// Asks that found nothing since the last send.
    pub not_found: u32,
    /// When the first of them was.
    pub not_found_since: Option<Timestamp>,
    /// Tries put off in a row (`later`, `not_sent`).
    pub put_off: u32,
    /// When the first of them was.
    pub put_off_since: Option<Timestamp>,
    /// When it was last sent, or was no longer final; overdue and the end of asking count from here. `None`: from the
    /// request.
    pub counted_since: Option<Timestamp>,
    /// Whether `outcome_overdue` was raised since then.
    pub is_overdue: bool,
    /// When a person last left it open although it was overdue.
    pub kept_at: Option<Timestamp>,
    /// Whether the next ask does not wait for the timetable.
    pub is_urgent: bool,
}

/// A request as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub refund_id: RefundId,
    pub account: Account,
    /// The merchant's refund number, for life.
    pub refund_no: RefundNo,
    /// The payment as its provider tells payments apart: their refunds share a sum and a queue.
    pub payment_key: Option<String>,
    pub mode: Mode,
    pub intent: Intent,
    /// The reader that asked for it.
    pub requested_by: String,
    pub requested_at: Timestamp,
    pub machine: Machine,
    pub progress: Progress,
    pub last_attempt_at: Option<Timestamp>,
    /// When it is sent or asked about next; `None`: final, or nothing can be done by itself.
    pub next_at: Option<Timestamp>,
    pub last_reply: Option<LastReply>,
    /// Fencing number: grows with each attempt; an attempt that ends with an older one changes nothing.
    pub fence: i64,
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod explore;
