//! The orders of EPay and the close-outs of their refunds.

pub(super) mod close_outs;
pub(super) mod orders;
