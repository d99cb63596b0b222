//! The kinds of events in the feed.

use super::claim::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The refund was created with, or moved to, this status.
    Refund(Status),
    /// An intent was committed; nothing is sent yet.
    RefundRequested,
    /// A person answered a question.
    RefundDecided,
    /// A callback contradicts the refund.
    RefundConflict,
    /// A question for a person was raised.
    RefundAttention,
    /// A close-out closed an order.
    OrderClosed,
    /// A close-out marked a refund application handled.
    ApplicationHandled,
}

impl EventKind {
    /// In the order of the contract.
    pub fn all() -> impl Iterator<Item = Self> {
        Status::ALL.into_iter().map(Self::Refund).chain([
            Self::RefundRequested,
            Self::RefundDecided,
            Self::RefundConflict,
            Self::RefundAttention,
            Self::OrderClosed,
            Self::ApplicationHandled,
        ])
    }

    /// The word that readers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refund(status) => status.event_type(),
            Self::RefundRequested => "refund.requested",
            Self::RefundDecided => "refund.decided",
            Self::RefundConflict => "refund.conflict",
            Self::RefundAttention => "refund.attention",
            Self::OrderClosed => "order.closed",
            Self::ApplicationHandled => "refund_application.handled",
        }
    }
}
