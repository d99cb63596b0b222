//! The sandboxes that accounts of the config send to: what they are at, and what they are told to get wrong.
//!
//! A sandbox is another process, so everything goes through its own calls (`docs/sandbox.md`). The console calls no
//! address but those of accounts with `sandbox = true`, and what answers must say that it is a sandbox.

pub mod act;
pub mod page;

use std::time::Duration;

use actix_web::web;
use serde_json::Value;

use crate::console::trouble::Trouble;
use crate::http::App;
use crate::outbound::client::Client;
use crate::requests::SANDBOX;

/// Where the pages are.
pub const PATH: &str = "/console/sandbox";
/// A sandbox runs on this machine or next to it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Scheme and host of a sandbox of the config.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    fn of(url: &str) -> Option<Self> {
        let host = url.find("://")? + "://".len();
        let length = url[host..].find('/').unwrap_or(url.len() - host);
        Some(Self(url[..host + length].to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one that is meant, if it is of the config.
    pub fn named(app: &App, name: &str) -> Result<Self, Trouble> {
        let mut all = Self::all(app).into_iter();
        all.find(|origin| origin.0 == name).ok_or(Trouble::NotFound)
    }

    /// Every sandbox of the config.
    pub fn all(app: &App) -> Vec<Self> {
        let urls = app.requests.sandboxes();
        let mut all: Vec<_> = urls.iter().filter_map(|url| Self::of(url)).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Why a sandbox did not do it.
#[derive(Debug)]
pub enum Failure {
    /// It does not answer, or it is none.
    Away(String),
    /// It did not take the call.
    Rejected(String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(why) => Self::Conflict(why),
            Failure::Rejected(why) => Self::Invalid(why),
        }
    }
}

/// One call of a sandbox; it gets an empty body or this object.
async fn call(
    origin: &Origin,
    method: &'static str,
    path: &'static str,
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let url = format!("{}/sandbox/{path}", origin.0);
    let body = body.map(Value::to_string).unwrap_or_default();
    let sent = web::block(move || {
        let headers = [("content-type", "application/json")];
        let answer = Client::waiting(TIMEOUT).send(method, &url, &headers, body.as_bytes());
        answer.map_err(|error| format!("{error:#}"))
    });
    let answer = sent
        .await
        .map_err(|error| Failure::Away(error.to_string()))?;
    let answer = answer.map_err(Failure::Away)?;
    if answer.header("x-sandbox") != Some(SANDBOX) {
        let origin = origin.as_str();
        return Err(Failure::Away(format!("{origin} is no sandbox")));
    }
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if answer.status == 200 {
        return Ok(said);
    }
    let why = said["error"].as_str().map(ToOwned::to_owned);
    let why = why.unwrap_or_else(|| format!("status {}", answer.status));
    Err(Failure::Rejected(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_and_host() {
        for (url, origin) in [
            (
                "http://127.0.0.1:8090/payermax/x",
                Some("http://127.0.0.1:8090"),
            ),
            ("https://sandbox.example", Some("https://sandbox.example")),
            ("sandbox.example/x", None),
        ] {
            let found = Origin::of(url);
            assert_eq!(found.as_ref().map(Origin::as_str), origin, "{url}");
        }
    }
}
