//! Consumers: cursors in the feed that the service keeps for its readers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::time::Timestamp;

/// A consumer: a reader's cursor in the feed.
#[derive(Serialize, ToSchema)]
#[schema(as = Consumer)]
pub struct ConsumerView<'a> {
    pub name: &'a str,
    /// Its cursor: each event up to this number is acknowledged.
    pub sequence: i64,
    /// Events after it.
    pub lag: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct ConsumerList<'a> {
    pub data: Vec<ConsumerView<'a>>,
}
