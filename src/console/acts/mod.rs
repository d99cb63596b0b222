//! Acts: each is a form with a reason on a page of its own that says what will happen, and is done by the function
//! that the API's call uses.

pub mod account;
pub mod bulk;
pub mod create;
pub mod decide;
pub mod endpoint;
pub mod refund;
pub mod review;
pub mod sessions;
pub mod settlement;

use actix_web::HttpResponse;
use actix_web::http::header;
use askama::Template;

use super::form::Fields;
use super::frame::Frame;
use super::trouble::Trouble;
use crate::console::language::text::Text;
use crate::domain::trail::flaw_of_reason;
use crate::requests::ActError;

/// The page before an act.
#[derive(Template)]
#[template(path = "act.html")]
pub struct ActPage {
    pub frame: Frame,
    pub title: Text,
    /// What will happen.
    pub what: Text,
    /// What is known of it; empty where nothing helps.
    pub detail: String,
    /// What it is done to.
    pub about: String,
    /// Where the form goes.
    pub action: String,
    /// Where it goes without it.
    pub back: String,
    /// Money may move.
    pub is_risky: bool,
}

/// The reason of a form: in one line, as the API takes it.
pub fn reason(fields: &Fields) -> Result<String, Trouble> {
    let reason = fields.get("reason").trim();
    match flaw_of_reason(reason) {
        Some(flaw) => Err(Trouble::Invalid(format!("reason {flaw}"))),
        None => Ok(reason.to_owned()),
    }
}

/// To the page that shows what was done.
pub fn done(page: &str, what: Text) -> HttpResponse {
    let word = super::frame::done_word(what);
    let place = super::frame::address(page, &[("done", word)]);
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, place))
        .finish()
}

impl From<ActError> for Trouble {
    fn from(error: ActError) -> Self {
        match error {
            ActError::NotFound => Self::NotFound,
            ActError::Store(error) => Self::Store(error),
            ActError::NotAllowed(state) => Self::Conflict(state.as_str().to_owned()),
            other => Self::Conflict(other.to_string()),
        }
    }
}
