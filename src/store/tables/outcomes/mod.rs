//! Refunds: each with what became of it, the lists of them, and what settlement files say.

pub(super) mod overviews;
pub(super) mod parities;
pub(super) mod questions;
pub(super) mod refund_list;
mod refund_query;
pub(super) mod refunds;
pub(super) mod settlement;
