//! The timeline of a refund: everything that happened, oldest first.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::decision::DecisionView;
use crate::api::explain::CallbackView;
use crate::domain::claim::Reason;
use crate::domain::decision::Decision;
use crate::domain::ids::{AttemptId, EventId};
use crate::domain::request::Class;
use crate::domain::time::Timestamp;

/// A page with all of it; `truncated` says whether there is more of one kind than is shown.
#[derive(Serialize, ToSchema)]
pub struct Timeline {
    #[schema(value_type = Vec<EntryView>)]
    pub data: Vec<Entry>,
    pub truncated: bool,
}

/// Something that happened. Only described here: which members there are depends on `kind`.
#[derive(ToSchema)]
#[schema(as = TimelineEntry)]
#[expect(dead_code, reason = "it is only described")]
struct EntryView {
    at: Timestamp,
    /// `intent`: a caller asked for it. `attempt`: we sent it. `ask`: we asked about it. `callback`: the provider,
    /// a relay or a reply of ours (`attempt_id`) told. `decision`: a person answered a question. `event`: readers were
    /// told.
    #[schema(schema_with = kind)]
    kind: String,
    /// Of an intent.
    requested_by: Option<String>,
    /// Of an intent, as it was asked for.
    #[schema(value_type = Option<Object>)]
    intent: Option<Box<RawValue>>,
    /// Of an attempt or ask.
    request: Option<SentView>,
    /// Of an attempt or ask; null: none came, or it is open.
    reply: Option<ReplyView>,
    /// Of an attempt or ask: what the reply meant.
    class: Option<Class>,
    /// Of an attempt or ask; null: it is open, or its worker died.
    ended_at: Option<Timestamp>,
    /// Of a callback.
    verdict: Option<String>,
    /// Of a decision: what was asked.
    question: Option<Reason>,
    /// Of a decision: what was answered.
    decision: Option<Decision>,
    /// Of a decision: who.
    by: Option<String>,
    /// Of a decision: why.
    reason: Option<String>,
    /// Of an event.
    sequence: Option<i64>,
    /// Of an event.
    #[schema(rename = "type")]
    event_type: Option<String>,
}

fn kind() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([
            "intent", "attempt", "ask", "callback", "decision", "event",
        ]))
        .build()
}

/// Something that happened.
#[derive(Serialize)]
pub struct Entry {
    pub at: Timestamp,
    #[serde(flatten)]
    pub what: What,
}

impl What {
    /// Whether it shows bytes of a callback, a request or a reply.
    pub const fn has_body(&self) -> bool {
        matches!(self, Self::Attempt(_) | Self::Ask(_) | Self::Callback(_))
    }
}

/// `kind` tells which.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A caller asked for the refund.
    Intent {
        requested_by: String,
        mode: &'static str,
        /// As it was asked for.
        intent: Box<RawValue>,
    },
    /// We sent it.
    Attempt(AttemptView),
    /// We asked about it.
    Ask(AttemptView),
    /// The provider or a relay told us, or a reply of ours did (`attempt_id`).
    Callback(Box<CallbackView>),
    /// A person answered a question, or wants to.
    Decision(Box<DecisionView>),
    /// Readers were told.
    Event {
        sequence: i64,
        id: EventId,
        #[serde(rename = "type")]
        event_type: String,
    },
}

/// A call to the provider; secrets are masked.
#[derive(Serialize)]
pub struct AttemptView {
    pub id: AttemptId,
    pub fence: i64,
    pub request: SentView,
    /// Null: none came, or the attempt is open.
    pub reply: Option<ReplyView>,
    /// Null: it is open, or its worker died.
    pub ended_at: Option<Timestamp>,
    pub class: Option<Class>,
    pub code: Option<String>,
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
    /// Lower-case hex of the SHA-256 of `body`: of the bytes as sent, but where a secret in them is masked.
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
