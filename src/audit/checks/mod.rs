//! Each file checks one invariant; `decisions` checks what persons decided.

pub(super) mod acked;
pub(super) mod authentic;
pub(super) mod bounded;
pub(super) mod decisions;
pub(super) mod durable;
pub(super) mod effect;
pub(super) mod legal;
pub(super) mod live;
pub(super) mod money;
pub(super) mod trail;
pub(super) mod whole;
