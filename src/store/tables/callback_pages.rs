//! Notifications of a refund in pages that are bounded in bytes as well: bodies are up to 64 KiB each, and
//! several readers may ask at once.

use super::callbacks::CallbackRow;
use super::{Page, Snapshot};
use crate::domain::ids::{CallbackId, RefundId};
use crate::store::StoreError;

/// Bytes of bodies, headers and claims with which a page is full; one step may go beyond it.
const PAGE_BYTES: usize = 1024 * 1024;
/// Rows read at once; with bodies of the greatest length 1 MiB.
const STEP: u32 = 16;

impl Snapshot<'_> {
    /// A page of the notifications of a refund after one of them, or from the first, oldest first: at most
    /// `limit`, and fewer where they are large.
    pub fn callback_page(
        &mut self,
        refund: RefundId,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Page<CallbackRow>, StoreError> {
        let (mut rows, mut bytes, mut after, mut left) = (Vec::new(), 0, after, limit);
        loop {
            let step = self.callbacks_of_refund(refund, after, left.min(STEP))?;
            left -= left.min(STEP);
            bytes += step.rows.iter().map(size).sum::<usize>();
            after = step.rows.last().map(|row| row.id).or(after);
            rows.extend(step.rows);
            if !step.has_more || left == 0 || bytes >= PAGE_BYTES {
                let has_more = step.has_more;
                return Ok(Page { rows, has_more });
            }
        }
    }
}

fn size(row: &CallbackRow) -> usize {
    row.body.len() + row.headers.len() + row.claim.as_ref().map_or(0, String::len)
}
