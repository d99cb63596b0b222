//! The bodies of decisions: each member that is wrong is named, all of them at once.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::claim::Reason;
use crate::domain::decision::{Decision, Ruling};
use crate::domain::ids::CallbackId;
use crate::domain::trail::flaw_of_reason;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::members::Members;
use crate::http::openapi::texts;

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
    #[schema(schema_with = texts::reason, example = "PayerMax support confirms it by mail, case 4711")]
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
    let names_callback = members.has("callback_id");
    let callback_id = members.callback_id();
    let words = Decision::ALL.map(Decision::as_str);
    let decision = members.word("decision", &words, Decision::from_word);
    let reason = members.why();
    if let (Some(question), Some(decision)) = (question, decision)
        && !decision.answers(question)
    {
        let known: Vec<_> = Decision::of_question(question)
            .map(Decision::as_str)
            .collect();
        let question = question.as_str();
        let known = known.join(", ");
        members.fail::<()>("decision", format!("of {question} must be one of {known}"));
    }
    if decision == Some(Decision::Accept) && !names_callback {
        members.fail::<()>("callback_id", "is required to accept a callback");
    }
    let errors = members.errors();
    match (question, decision, reason) {
        (Some(question), Some(decision), Some(reason)) if errors.is_empty() => {
            let ruling = Ruling {
                question,
                callback_id,
                decision,
            };
            Ok((ruling, reason))
        }
        _ => Err(ApiError::InvalidDecision(errors)),
    }
}

/// A body with a reason alone.
pub fn read_reason(bytes: &[u8]) -> Result<String, ApiError> {
    let mut members = Members::of(bytes)?;
    let reason = members.why();
    let errors = members.errors();
    match reason {
        Some(reason) if errors.is_empty() => Ok(reason),
        _ => Err(ApiError::InvalidDecision(errors)),
    }
}

impl Members {
    fn word<T>(
        &mut self,
        name: &str,
        known: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.required_text(name)?;
        let word = read(&text);
        if word.is_none() {
            return self.fail(name, format!("must be one of {}", known.join(", ")));
        }
        word
    }

    fn callback_id(&mut self) -> Option<CallbackId> {
        match self.text("callback_id")?.parse() {
            Ok(id) => Some(id),
            Err(_) => self.fail(
                "callback_id",
                "is no id of a callback, such as cb_0199ebf0-04d4-79de-a645-9ca09745a1a7",
            ),
        }
    }

    fn why(&mut self) -> Option<String> {
        let reason = self.required_text("reason")?;
        match flaw_of_reason(&reason) {
            Some(flaw) => self.fail("reason", flaw),
            None => Some(reason),
        }
    }
}
