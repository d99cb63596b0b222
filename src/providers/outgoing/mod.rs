//! Refund requests and queries that we send: what each provider's `client.rs` says. It writes the bytes of a call
//! and reads the reply; it sends nothing and keeps no time. `crate::requests` sends, with an attempt on disk
//! before the first byte.
//!
//! Each reply is mapped to one class by the provider's code table, which is data in its `codes.rs`. A reply that says
//! what became of the refund comes with a claim, which is accepted and applied as a callback is.

mod answer;
pub(super) mod body;
pub(super) mod intent_check;
pub(super) mod reply;
pub mod settings;
mod url;
pub(super) mod yuan;

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::claim::Claim;
use crate::domain::ids::ExternalId;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::request::timetable::Timetable;

pub use answer::{Answer, Code};

/// A request of ours as an adapter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The merchant's refund number.
    pub refund_no: &'a str,
    pub intent: &'a Intent,
    /// The provider's refund number, once known.
    pub provider_refund_no: Option<&'a ExternalId>,
    /// For members that carry a time.
    pub now: jiff::Timestamp,
    /// Never used before by this store, in queries of a client that [numbers its calls](Client::numbers_calls);
    /// else 0.
    pub serial: u64,
}

impl Outgoing<'_> {
    /// Whether a reply names another refund, amount, currency or order than the request. What it does not name
    /// agrees.
    pub fn is_contradicted_by(&self, claim: &Claim) -> bool {
        let intent = self.intent;
        let differs = |said: Option<&ExternalId>, ours: Option<&ExternalId>| {
            said.zip(ours).is_some_and(|(said, ours)| said != ours)
        };
        let refund_no = claim.refund_no.as_ref();
        refund_no.is_some_and(|said| said.as_str() != self.refund_no)
            || differs(claim.order_no.as_ref(), intent.payment())
            || claim.money.is_some_and(|said| said != intent.money)
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Refund,
    Query,
}

/// The method of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// A value that may be a credential.
#[derive(Clone, Debug)]
pub enum HeaderValue {
    Plain(String),
    Secret(SecretString),
}

impl HeaderValue {
    fn json() -> Self {
        Self::Plain("application/json".to_owned())
    }

    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(text) => text.expose_secret(),
        }
    }
}

/// One HTTP request to a provider, ready to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// The whole URL. May hold a credential (`login`): never logged, never stored; `shown_url` is.
    pub url: String,
    /// The URL as it is stored and logged.
    pub shown_url: String,
    /// Names in lower case.
    pub headers: Vec<(String, HeaderValue)>,
    /// The exact bytes, signed already.
    pub body: Vec<u8>,
    /// The bytes as they are stored: secrets masked. `None`: the same.
    pub shown_body: Option<Vec<u8>>,
}

impl Call {
    /// Without headers. `url` and `body` are stored as they are: what may not be is set apart.
    pub fn new(method: Method, url: String, body: Vec<u8>) -> Self {
        Self {
            method,
            shown_url: url.clone(),
            url,
            headers: Vec::new(),
            body,
            shown_body: None,
        }
    }

    /// Asks for JSON.
    pub fn get_json(url: String) -> Self {
        Self::new(Method::Get, url, Vec::new()).with_header("accept", HeaderValue::json())
    }

    /// Sends JSON and asks for it.
    pub fn post_json(url: String, body: Vec<u8>) -> Self {
        Self::new(Method::Post, url, body)
            .with_header("content-type", HeaderValue::json())
            .with_header("accept", HeaderValue::json())
    }

    /// With a header; the name is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: HeaderValue) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }
}

/// A whole reply as received, at most 64 KiB.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case; only those that are kept: content-type, date, retry-after, sign, x-sandbox, and the
    /// provider's own.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = all.next()?;
        // A repeated header says nothing.
        all.next().is_none().then_some(value.as_str())
    }

    /// The whole seconds of `Retry-After`, where it is a number of seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

/// What comes after a reply to a query.
#[derive(Debug)]
pub enum Step {
    /// The query is over.
    Answer(Box<Answer>),
    /// Another call belongs to it: the next page, or a fresh login.
    Call(Box<Call>),
}

/// Whether the first call needs another one before it (a login).
#[derive(Debug)]
pub enum Preparation {
    /// Nothing; build the call.
    Ready,
    /// Send this, and give the reply to [`Client::prepared`].
    Call(Box<Call>),
}

/// One account that can send: writes calls and reads replies.
pub trait Client: Send + Sync {
    /// Members of an intent that this provider does not take, and rules of its numbers, amounts and fields.
    /// Pointers are into the body of `POST /v1/refunds`.
    fn check(
        &self,
        refund_no: Option<&str>,
        intent: &Intent,
        now: jiff::Timestamp,
    ) -> Vec<FieldError>;

    /// Warnings about an intent that is taken all the same.
    fn warnings(&self, _refund_no: &str, _intent: &Intent) -> Vec<String> {
        Vec::new()
    }

    /// How every refund number of the account begins, where its config says so.
    fn number_prefix(&self) -> Option<&str> {
        None
    }

    /// How two numbers of refunds, or of payments, are told apart: `PayerMax` does not tell case apart.
    fn number_key(&self, number: &str) -> String {
        number.to_owned()
    }

    /// Whether the provider takes one refund of a payment at a time.
    fn takes_one_at_a_time(&self) -> bool {
        false
    }

    /// Whether its documents let the same number be sent again after the refund failed.
    fn resends_after_failure(&self) -> bool {
        false
    }

    /// Max calls a second, where the provider or its gateway has a documented limit.
    fn max_per_second(&self) -> f64 {
        5.0
    }

    /// Limit of one call, from the first byte to the last.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Whether a call is refused whose time differs from the provider's by minutes.
    fn needs_right_clock(&self) -> bool {
        false
    }

    /// Whether each query needs an [`Outgoing::serial`] of its own.
    fn numbers_calls(&self) -> bool {
        false
    }

    fn timetable(&self) -> Timetable;

    /// Whether a login or the like is due before a call for this purpose.
    fn prepare(&self, _purpose: Purpose, _now: jiff::Timestamp) -> Preparation {
        Preparation::Ready
    }

    /// Reads the reply to [`Client::prepare`]'s call; an answer means that the call cannot be made.
    fn prepared(&self, _reply: &Reply, _now: jiff::Timestamp) -> Result<(), Box<Answer>> {
        Ok(())
    }

    /// The request that asks the provider to refund.
    fn refund(&self, outgoing: &Outgoing<'_>) -> Call;

    /// Reads the reply to [`Client::refund`].
    fn read_refund(&self, outgoing: &Outgoing<'_>, reply: &Reply) -> Answer;

    /// Whether the outcome of a refund can be asked for.
    fn can_ask(&self) -> bool {
        true
    }

    /// The first call of a query; `None`: this refund cannot be asked about.
    fn query(&self, outgoing: &Outgoing<'_>) -> Option<Call>;

    /// Reads the replies to a query so far, the last one last.
    fn read_query(&self, outgoing: &Outgoing<'_>, replies: &[Reply]) -> Step;
}

/// A certificate with its chain, and the key of it; both in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: String,
    pub key: SecretString,
}

/// An account that can send.
pub struct ApiAccount {
    pub client: Box<dyn Client>,
    /// Scheme, host and path of its calls, for people.
    pub base_url: String,
    pub ca_pem: Option<String>,
    /// What it proves itself by where the provider's server asks for a certificate.
    pub identity: Option<Identity>,
    /// Max calls a second of the config.
    pub max_per_second: Option<f64>,
    /// Offsets of the config, in place of the provider's.
    pub timetable: Option<Vec<Duration>>,
    /// Whether it speaks to a sandbox alone.
    pub is_sandbox: bool,
}

impl ApiAccount {
    /// The provider's timetable, or the config's.
    pub fn timetable(&self) -> Timetable {
        let of_provider = self.client.timetable();
        match &self.timetable {
            Some(offsets) => of_provider.with_offsets(offsets),
            None => of_provider,
        }
    }

    pub fn max_per_second(&self) -> f64 {
        self.max_per_second
            .unwrap_or_else(|| self.client.max_per_second())
    }
}
