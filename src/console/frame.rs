//! What surrounds each page: head, navigation, language, logout.

use std::fmt::Display;

use actix_web::HttpRequest;

use super::assets;
use crate::config::Scope;
use crate::console::access::session::Viewer;
use crate::console::language::lang::Lang;
use crate::console::language::text::{Say, Text};
use crate::console::language::when::{Clocked, When};
use crate::domain::time::Timestamp;

/// A part of the console that the navigation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Start,
    Refunds,
    Requests,
    Callbacks,
    Rejected,
    Accounts,
    Orders,
    Feed,
    Push,
    Reconcile,
    Health,
    Audit,
    Sandbox,
}

/// The navigation, in its order.
#[rustfmt::skip]
const SECTIONS: [(Section, &str, Text); 13] = [
    (Section::Start, "/console/", Text::Start),
    (Section::Refunds, "/console/refunds", Text::Refunds),
    (Section::Requests, "/console/requests", Text::Requests),
    (Section::Callbacks, "/console/callbacks", Text::Callbacks),
    (Section::Rejected, "/console/rejected", Text::Rejected),
    (Section::Accounts, "/console/accounts", Text::Accounts),
    (Section::Orders, "/console/orders", Text::Orders),
    (Section::Feed, "/console/feed", Text::Feed),
    (Section::Push, "/console/push", Text::Push),
    (Section::Reconcile, "/console/reconcile", Text::Reconcile),
    (Section::Health, "/console/health", Text::Health),
    (Section::Audit, "/console/audit", Text::Audit),
    (Section::Sandbox, "/console/sandbox", Text::SandboxTitle),
];

/// What was just done, by the word in the address of the page that says so.
#[rustfmt::skip]
const DONE: [(&str, Text); 18] = [
    ("asked", Text::AskedNow),
    ("canceled", Text::Canceled),
    ("resent", Text::Resent),
    ("stopped", Text::AccountStopped),
    ("resumed", Text::AccountResumed),
    ("recovered", Text::EndpointRecovered),
    ("revoked", Text::SessionsRevoked),
    ("stored", Text::RequestStored),
    ("decided", Text::Decided),
    ("waits", Text::DecisionWaits),
    ("dropped", Text::DecisionRejected),
    ("tried", Text::CloseOutTried),
    ("reviewed", Text::Reviewed),
    ("noted", Text::Noted),
    ("armed", Text::FaultArmed),
    ("disarmed", Text::Disarmed),
    ("moved", Text::ClockMoved),
    ("raised", Text::FindingsRaised),
];

/// The word for the address.
pub fn done_word(what: Text) -> &'static str {
    let found = DONE.iter().find(|(_, text)| *text == what);
    found.map_or("", |(word, _)| word)
}

/// A link of the frame.
pub struct Link {
    pub href: String,
    pub text: &'static str,
    /// Of a language.
    pub tag: &'static str,
    pub is_current: bool,
}

/// What `base.html` needs.
pub struct Frame {
    pub clocked: Clocked,
    /// Empty without a session.
    pub name: String,
    pub form_token: String,
    pub style: &'static str,
    pub script: &'static str,
    pub icon: &'static str,
    /// What was just done.
    pub done: Option<Text>,
    may_operate: bool,
    /// An account of the config sends to a sandbox.
    pub has_sandbox: bool,
    section: Option<Section>,
    here: String,
}

impl Frame {
    pub fn of(
        request: &HttpRequest,
        clocked: Clocked,
        viewer: Option<&Viewer>,
        section: Option<Section>,
    ) -> Self {
        let here = request.uri().path_and_query();
        Self {
            clocked,
            name: viewer.map_or_else(String::new, |viewer| viewer.name.clone()),
            form_token: viewer.map_or_else(String::new, |viewer| viewer.form_token.clone()),
            style: &assets::STYLE.path,
            script: &assets::SCRIPT.path,
            icon: &assets::ICON.path,
            done: done_of(request.query_string()),
            may_operate: viewer.is_some_and(|viewer| viewer.may(Scope::Operate)),
            has_sandbox: false,
            section,
            here: here.map_or_else(String::new, ToString::to_string),
        }
    }

    pub fn lang(&self) -> Lang {
        self.clocked.lang
    }

    pub fn t(&self, text: impl Say) -> &'static str {
        text.text().of(self.lang())
    }

    /// With its place filled.
    pub fn with(&self, text: Text, filling: impl Display) -> String {
        self.t(text).replacen("{}", &filling.to_string(), 1)
    }

    pub fn when(&self, moment: Timestamp) -> When {
        self.clocked.when(moment)
    }

    pub fn sections(&self) -> Vec<Link> {
        let link = |(section, href, text): (Section, &str, Text)| Link {
            href: href.to_owned(),
            text: self.t(text),
            tag: "",
            is_current: self.section == Some(section),
        };
        let is_there = |(section, ..): &(Section, &str, Text)| match section {
            // The trail is for operators alone.
            Section::Audit => self.may_operate,
            Section::Sandbox => self.has_sandbox,
            _ => true,
        };
        let shown = SECTIONS.into_iter().filter(is_there);
        shown.map(link).collect()
    }

    pub fn languages(&self) -> Vec<Link> {
        let link = |lang: Lang| Link {
            href: address(
                "/console/language",
                &[("to", lang.tag()), ("next", &self.here)],
            ),
            text: lang.name(),
            tag: lang.tag(),
            is_current: lang == self.lang(),
        };
        Lang::ALL.map(link).into()
    }
}

fn done_of(query: &str) -> Option<Text> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, word) = pairs.find(|(name, _)| name == "done")?;
    let found = DONE.iter().find(|(known, _)| *known == word);
    found.map(|(_, text)| *text)
}

/// A path with a query, encoded.
pub fn address(path: &str, query: &[(&str, &str)]) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(query);
    format!("{path}?{}", encoded.finish())
}

/// Where to go after a login or another language: a page of the console and nothing else.
pub fn own_page(next: &str) -> &str {
    let is_own = next.starts_with("/console/") && next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own { next } else { "/console/" }
}
