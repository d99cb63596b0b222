//! The timeline of a refund: everything that happened, oldest first.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::explain::CallbackView;
use crate::domain::ids::{AttemptId, EventId};
use crate::domain::request::Class;
use crate::domain::time::Timestamp;

/// A page with all of it; `truncated` says whether there is more of one kind than is shown.
#[derive(Serialize, ToSchema)]
pub struct Timeline {
    pub data: Vec<Entry>,
    pub truncated: bool,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct Entry {
    pub at: Timestamp,
    #[serde(flatten)]
    pub what: What,
}

/// `kind` tells which.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineWhat)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A caller asked for the refund.
    Intent {
        requested_by: String,
        mode: &'static str,
        /// As it was asked for.
        #[schema(value_type = Object)]
        intent: Box<RawValue>,
    },
    /// We sent it.
    Attempt(AttemptView),
    /// We asked about it.
    Ask(AttemptView),
    /// The provider or a relay told us, or a reply of ours did (`attempt_id`).
    Callback(Box<CallbackView>),
    /// Readers were told.
    Event {
        sequence: i64,
        id: EventId,
        #[serde(rename = "type")]
        event_type: String,
    },
}

/// A call to the provider; secrets are masked.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    pub id: AttemptId,
    pub fence: i64,
    pub request: SentView,
    /// Null: none came, or the attempt is open.
    #[schema(required)]
    pub reply: Option<ReplyView>,
    /// Null: it is open, or its worker died.
    #[schema(required)]
    pub ended_at: Option<Timestamp>,
    #[schema(required)]
    pub class: Option<Class>,
    #[schema(required)]
    pub code: Option<String>,
    #[schema(required)]
    pub message: Option<String>,
}

/// What was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = AttemptRequest)]
pub struct SentView {
    pub method: String,
    pub url: String,
    #[schema(required, value_type = Option<HashMap<String, String>>)]
    pub headers: Option<Box<RawValue>>,
    pub body: String,
    /// Lower-case hex of the SHA-256 of the exact bytes.
    pub body_sha256: String,
}

/// What came back.
#[derive(Serialize, ToSchema)]
#[schema(as = AttemptReply)]
pub struct ReplyView {
    pub status: u16,
    #[schema(required, value_type = Option<HashMap<String, String>>)]
    pub headers: Option<Box<RawValue>>,
    /// As text; bytes that are no UTF-8 become replacement characters.
    pub body: String,
}
