//! What settlement files said of refunds, each once.

use crate::domain::ids::RefundId;
use crate::domain::refund::parity::Parity;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::tables::Tx;

/// A finding of a file about one refund.
#[derive(Clone, Debug)]
pub struct NewParity {
    pub refund_id: RefundId,
    /// SHA-256 of the file.
    pub file_hash: [u8; 32],
    pub parity: Parity,
    /// The day that the file is for, as it was given.
    pub day: Option<String>,
    /// `None`: the file has no row of the refund.
    pub line: Option<u32>,
    /// The reader.
    pub noted_by: String,
}

impl Tx<'_> {
    /// Notes what a file says of a refund; `false` where it was noted before.
    pub fn note_parity(&mut self, new: &NewParity, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "-- insert_parity
            INSERT INTO parities (refund_id, file_hash, parity, day, line, noted_by, noted_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT DO NOTHING";
        let params = [
            new.refund_id.as_bytes().into(),
            (&new.file_hash).into(),
            new.parity.as_str().into(),
            new.day.as_deref().into(),
            new.line.map(i64::from).into(),
            new.noted_by.as_str().into(),
            now.as_millis().into(),
        ];
        Ok(self.execute(SQL, &params)? == 1)
    }
}
