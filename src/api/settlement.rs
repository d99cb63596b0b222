//! What came of the rows of a settlement file.

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[schema(as = SettlementResult)]
pub struct SettlementView {
    /// Rows that differ: each leaves a question.
    pub raised: usize,
    /// Rows that say what is known.
    pub agree: usize,
    /// Rows that the same file had before; nothing was done.
    pub known: usize,
    /// Rows of refunds that the account does not have.
    pub not_found: usize,
}
