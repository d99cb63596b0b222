//! The bodies of decisions: each member that is wrong is named, all of them at once.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::claim::Reason;
use crate::domain::decision::{Decision, REASON_CHARS_MAX, Ruling};
use crate::domain::ids::CallbackId;
use crate::domain::request::intent::{FieldError, reference_token};
use crate::http::internal::problem::ApiError;
use crate::providers::json::Object;

/// A decision about one open question. Only described here: [`read`] names every member that is wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionRequest)]
#[expect(dead_code, reason = "it is only described")]
pub struct DecisionBody {
    question: Reason,
    /// The callback that raised the question; needed to accept it, and where several questions of this kind are open.
    callback_id: Option<CallbackId>,
    decision: Decision,
    #[schema(
        max_length = 500,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\s][^\u0000-\u001f\u007f-\u009f]*$",
        example = "PayerMax support confirms it by mail, case 4711"
    )]
    reason: String,
}

/// What a body decides, and why.
pub fn read(bytes: &[u8]) -> Result<(Ruling, String), ApiError> {
    let mut members = Members::of(bytes)?;
    let question = members.word(
        "question",
        &Reason::ALL.map(Reason::as_str),
        Reason::from_word,
    );
    let callback_id = members.callback_id();
    let words = Decision::ALL.map(Decision::as_str);
    let decision = members.word("decision", &words, Decision::from_word);
    let reason = members.reason();
    if let (Some(question), Some(decision)) = (question, decision)
        && !decision.answers(question)
    {
        let known: Vec<_> = Decision::of_question(question)
            .map(Decision::as_str)
            .collect();
        let question = question.as_str();
        let known = known.join(", ");
        members.fail("decision", format!("of {question} must be one of {known}"));
    }
    if decision == Some(Decision::Accept) && matches!(callback_id, Ok(None)) {
        members.fail("callback_id", "is required to accept a callback");
    }
    members.end()?;
    match (question, callback_id, decision, reason) {
        (Some(question), Ok(callback_id), Some(decision), Some(reason)) => {
            let ruling = Ruling {
                question,
                callback_id,
                decision,
            };
            Ok((ruling, reason))
        }
        // Whatever is missing was noted.
        _ => Err(ApiError::InvalidDecision(Vec::new())),
    }
}

/// A body with a reason alone.
pub fn read_reason(bytes: &[u8]) -> Result<String, ApiError> {
    let mut members = Members::of(bytes)?;
    let reason = members.reason();
    members.end()?;
    reason.ok_or(ApiError::InvalidDecision(Vec::new()))
}

/// What is wrong with a member is among the errors.
struct Noted;

struct Members {
    /// Those that were not read yet.
    body: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Members {
    fn of(bytes: &[u8]) -> Result<Self, ApiError> {
        // Rejects duplicate keys.
        Object::parse(bytes).map_err(|why| ApiError::InvalidBody(why.to_string()))?;
        let body =
            serde_json::from_slice(bytes).map_err(|why| ApiError::InvalidBody(why.to_string()))?;
        Ok(Self {
            body,
            errors: Vec::new(),
        })
    }

    fn end(mut self) -> Result<(), ApiError> {
        let unknown: Vec<_> = self.body.keys().map(|name| reference_token(name)).collect();
        for name in unknown {
            self.fail(&name, "is no member of this call");
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(ApiError::InvalidDecision(self.errors))
    }

    fn fail(&mut self, name: &str, detail: impl Into<String>) {
        self.errors
            .push(FieldError::new(format!("/{name}"), detail));
    }

    /// The text, unless it is absent or null, which is an error too.
    fn text(&mut self, name: &str) -> Option<String> {
        match self.body.remove(name) {
            Some(Value::String(text)) => return Some(text),
            None | Some(Value::Null) => self.fail(name, "is required"),
            Some(_) => self.fail(name, "must be a text"),
        }
        None
    }

    fn word<T>(
        &mut self,
        name: &str,
        known: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let word = read(&text);
        if word.is_none() {
            self.fail(name, format!("must be one of {}", known.join(", ")));
        }
        word
    }

    fn callback_id(&mut self) -> Result<Option<CallbackId>, Noted> {
        let text = match self.body.remove("callback_id") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => {
                self.fail("callback_id", "must be a text");
                return Err(Noted);
            }
        };
        text.parse().map(Some).map_err(|_| {
            let what = "is no id of a callback, such as cb_0199ebf0-04d4-79de-a645-9ca09745a1a7";
            self.fail("callback_id", what);
            Noted
        })
    }

    fn reason(&mut self) -> Option<String> {
        let text = self.text("reason")?;
        let length = text.chars().count();
        let is_blank = text.trim().is_empty();
        if is_blank || length > REASON_CHARS_MAX || text.contains(char::is_control) {
            let what = format!("must be 1 to {REASON_CHARS_MAX} characters in one line");
            self.fail("reason", what);
            return None;
        }
        Some(text)
    }
}
