//! The `errcode` values of this endpoint and the sentences that go with them.
//!
//! The original documents only that 0 is success; the other numbers are this project's own. The
//! texts may be shown to the people who run the refund, so they say what happened and what to do.

/// Outcome of one `EndSingle/Success` call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrCode {
    /// Closed out now, or before by the same report.
    Done,
    /// A member is missing or not valid; only the raw bytes are stored.
    Invalid,
    /// No payment has this `trandeno`.
    PaymentUnknown,
    /// The order of that payment has no refund application of this `batchno`.
    ApplicationUnknown,
    /// The order is in a state that allows no close-out.
    OrderState,
    /// The same refund was reported before with another amount, and that one stays.
    OtherAmount,
    /// More than was paid.
    MoreThanPaid,
    /// Saved, and the close-out will be finished without a new call.
    Unfinished,
}

impl ErrCode {
    /// Every code, in ascending order of its number.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Invalid,
        Self::PaymentUnknown,
        Self::ApplicationUnknown,
        Self::OrderState,
        Self::OtherAmount,
        Self::MoreThanPaid,
        Self::Unfinished,
    ];

    /// The number on the wire.
    pub const fn number(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Invalid => 1,
            Self::PaymentUnknown => 2,
            Self::ApplicationUnknown => 3,
            Self::OrderState => 4,
            Self::OtherAmount => 5,
            Self::MoreThanPaid => 6,
            Self::Unfinished => 9,
        }
    }

    /// One line for people; [`crate::providers::epay::Problems`] has a better one for [`Self::Invalid`].
    pub const fn message(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Invalid => "the report is incomplete or not valid",
            Self::PaymentUnknown => {
                "the refund is saved, but no payment with this trandeno is known yet"
            }
            Self::ApplicationUnknown => {
                "the refund is saved, but the order has no refund application with this batchno"
            }
            Self::OrderState => {
                "the refund is saved, but the state of the order does not allow to close it"
            }
            Self::OtherAmount => {
                "this refund was reported before with another refundmoney; the first report stays"
            }
            Self::MoreThanPaid => "the refund is saved, but it is more than was paid",
            Self::Unfinished => {
                "the refund is saved and will be finished shortly; no new call is needed"
            }
        }
    }
}
