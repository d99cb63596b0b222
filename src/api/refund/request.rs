//! An outgoing request as readers see it, inside its refund.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::request::{Class, LastReply, Mode, Request, State};
use crate::domain::time::Timestamp;

/// How far a request has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Request)]
pub struct RequestView<'a> {
    state: State,
    mode: Mode,
    /// Attempts to send.
    attempts: u16,
    /// The last send or ask.
    #[schema(required)]
    last_attempt_at: Option<Timestamp>,
    /// When it is sent or asked about next; null where nothing happens by itself.
    #[schema(required)]
    next_at: Option<Timestamp>,
    /// The last reply.
    #[schema(required)]
    result: Option<ResultView<'a>>,
    /// The reader that asked for it.
    requested_by: &'a str,
    #[schema(required)]
    reason: Option<&'a str>,
    metadata: &'a BTreeMap<String, String>,
}

/// The provider's words, and the class that they have here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestResult)]
struct ResultView<'a> {
    class: Class,
    #[schema(required)]
    code: Option<&'a str>,
    #[schema(required)]
    message: Option<&'a str>,
}

impl<'a> From<&'a Request> for RequestView<'a> {
    fn from(request: &'a Request) -> Self {
        let result = |reply: &'a LastReply| ResultView {
            class: reply.class,
            code: reply.code.as_deref(),
            message: reply.message.as_deref(),
        };
        Self {
            state: request.machine.state,
            mode: request.machine.mode,
            attempts: request.machine.sends,
            last_attempt_at: request.last_attempt_at,
            next_at: request.next_at,
            result: request.last_reply.as_ref().map(result),
            requested_by: &request.requested_by,
            reason: request.intent.reason.as_deref(),
            metadata: &request.intent.metadata,
        }
    }
}
