//! One event as it is sent: the same JSON in pages, streams and pushes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::ids::{EventId, RefundId};
use crate::domain::time::Timestamp;
use crate::store::{EventRow, StoreError};

/// An event, serialized once for all readers.
#[derive(Debug)]
pub struct Event {
    pub sequence: i64,
    pub id: EventId,
    /// Such as `refund.succeeded`.
    pub kind: String,
    /// Every kind is about one refund.
    pub refund_id: Option<RefundId>,
    /// The whole event as readers get it, on one line.
    pub json: String,
}

#[derive(Serialize)]
struct EventView<'a> {
    sequence: i64,
    epoch: &'a str,
    id: EventId,
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Timestamp,
    data: &'a RawValue,
}

/// The members that name a refund: `id` in the refund itself, `refund_id` elsewhere. Read where the row names none.
#[derive(Deserialize)]
struct About {
    id: Option<RefundId>,
    refund_id: Option<RefundId>,
}

impl Event {
    /// Serializes a row of the history with this epoch.
    pub fn new(row: &EventRow, epoch: &str) -> Result<Self, StoreError> {
        let unreadable =
            |_| StoreError::Unreadable(format!("event {} is no JSON of ours", row.sequence));
        let mut refund_id = row.refund_id;
        if refund_id.is_none() {
            let about: About = serde_json::from_str(&row.data).map_err(unreadable)?;
            refund_id = about.refund_id.or(about.id);
        }
        let view = EventView {
            sequence: row.sequence,
            epoch,
            id: row.id,
            kind: &row.kind,
            timestamp: row.occurred_at,
            data: serde_json::from_str(&row.data).map_err(unreadable)?,
        };
        Ok(Self {
            sequence: row.sequence,
            id: row.id,
            kind: row.kind.clone(),
            refund_id,
            json: serde_json::to_string(&view).map_err(unreadable)?,
        })
    }
}
