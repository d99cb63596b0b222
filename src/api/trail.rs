//! The trail of acts as operators see it.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::time::Timestamp;

/// In which order a page is. Only described here.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum TrailOrder {
    Newest,
    Oldest,
}

/// A page of the trail.
#[derive(Serialize, ToSchema)]
#[schema(as = TrailPage)]
pub struct TrailPage {
    pub data: Vec<TrailEntry>,
    /// Where the next page begins; null: this is the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    pub has_more: bool,
    pub head: TrailEnd,
}

/// Where the trail ends: kept elsewhere, it shows later whether the end was cut off.
#[derive(Serialize, ToSchema)]
#[schema(as = TrailHead)]
pub struct TrailEnd {
    /// The last number; 0: nothing was done yet.
    pub sequence: i64,
    /// Its hash in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub hash: String,
}

/// One act.
#[derive(Serialize, ToSchema)]
#[schema(as = TrailEntry)]
pub struct TrailEntry {
    /// Without gaps, in commit order.
    pub sequence: i64,
    pub at: Timestamp,
    /// The reader that did it; null: the token was unknown, or no reader did it.
    #[schema(required)]
    pub reader: Option<String>,
    /// The first digits of the SHA-256 of its token; null as `reader`.
    #[schema(required)]
    pub token_id: Option<String>,
    /// The address of the peer.
    #[schema(required)]
    pub from: Option<String>,
    #[schema(example = "account_stopped")]
    pub act: String,
    pub about: TrailAbout,
    /// Why, as given with the act.
    #[schema(required)]
    pub reason: Option<String>,
    /// What the act found.
    #[schema(required, value_type = Option<Object>)]
    pub before: Option<Box<RawValue>>,
    /// What it left.
    #[schema(required, value_type = Option<Object>)]
    pub after: Option<Box<RawValue>>,
    /// SHA-256 of the hash before it and of this entry, in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub hash: String,
}

/// What an act is about.
#[derive(Serialize, ToSchema)]
#[schema(as = TrailSubject)]
pub struct TrailAbout {
    #[schema(example = "account")]
    pub kind: String,
    #[schema(example = "payermax/main")]
    pub id: String,
}
