//! One call to a provider: what has to be done before it, and what is kept of its reply.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Requests;
use super::attempt::Channel;
use crate::domain::request::Class;
use crate::outbound::exchange::{ExchangeError, OutboundReply, OutboundRequest};
use crate::providers::outgoing::{Answer, Call, Method, Preparation, Purpose, Reply};
use crate::store::StoreError;

/// Headers of a reply that are kept, besides those that a provider signs with.
const KEPT_HEADERS: [&str; 8] = [
    "content-type",
    "date",
    "retry-after",
    "sign",
    "x-sandbox",
    "token-expired",
    "location",
    "server",
];
/// What a sandbox says in each reply.
pub const SANDBOX: &str = "refund-receiver";

/// What came of a call, and how long it took.
pub(super) struct Called {
    pub result: Result<Reply, ExchangeError>,
    pub took: Duration,
}

impl Requests {
    /// A login, and the check that a sandbox is one, before anything is sent.
    pub(super) async fn prepare(
        &self,
        channel: &Channel,
        purpose: Purpose,
    ) -> Result<(), Box<Answer>> {
        self.check_clock(channel).await?;
        self.check_sandbox(channel).await?;
        let now = || self.clock.now().to_timestamp().unwrap_or_default();
        let Preparation::Call(call) = channel.api.client.prepare(purpose, now()) else {
            return Ok(());
        };
        let called = self.call(channel, *call, Instant::now()).await;
        let prepared = match called.result {
            // Nothing was sent of the request itself.
            Err(error) => Err(Box::new(Answer::of(
                Class::NotSent,
                Some("login"),
                Some(&error.to_string()),
            ))),
            Ok(reply) => channel.api.client.prepared(&reply, now()),
        };
        let class = match &prepared {
            Ok(()) => Class::Done,
            Err(answer) => answer.class,
        };
        let provider = &channel.account.provider;
        self.counts.count(provider, "login", class, called.took);
        prepared
    }

    /// Some providers refuse what a wrong clock dates. Replies alone tell the difference, and while nothing is sent
    /// there are none: so the clocks are compared again before a request is held back.
    async fn check_clock(&self, channel: &Channel) -> Result<(), Box<Answer>> {
        let health = self.health(&channel.account, &channel.api);
        if !channel.api.client.needs_right_clock() || !health.is_clock_off() {
            return Ok(());
        }
        let probe = probe(channel);
        self.call(channel, probe, Instant::now()).await;
        if !health.is_clock_off() {
            return Ok(());
        }
        Err(Box::new(Answer::of(
            Class::Later,
            Some("clock_skew"),
            Some("the provider's clock and ours differ by more than 110 s"),
        )))
    }

    /// An account of a sandbox speaks to nothing else.
    async fn check_sandbox(&self, channel: &Channel) -> Result<(), Box<Answer>> {
        if !channel.api.is_sandbox {
            return Ok(());
        }
        let health = self.health(&channel.account, &channel.api);
        let seen = || {
            health
                .sandbox_seen
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let is_fresh = |at: &Instant| at.elapsed() < Duration::from_secs(60);
        if seen().as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let probe = probe(channel);
        match self.call(channel, probe, Instant::now()).await.result {
            Ok(reply) if reply.header("x-sandbox") == Some(SANDBOX) => {
                *seen() = Some(Instant::now());
                Ok(())
            }
            Ok(_) => Err(Box::new(
                Answer::of(
                    Class::Later,
                    Some("not_a_sandbox"),
                    Some("the account is one of a sandbox, and its address is none"),
                )
                .stopping_the_account(),
            )),
            Err(error) => Err(Box::new(Answer::of(
                Class::NotSent,
                None,
                Some(&error.to_string()),
            ))),
        }
    }

    /// One call, whose attempt `began` then.
    pub(super) async fn call(&self, channel: &Channel, call: Call, began: Instant) -> Called {
        let exchanger = Arc::clone(&channel.exchanger);
        let limit = channel.api.client.time_limit();
        let (reply, done) = oneshot::channel();
        let started = self.threads.run(move || {
            let result = exchanger.exchange(&OutboundRequest {
                method: method(call.method),
                url: &call.url,
                headers: call
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.expose()))
                    .collect(),
                body: &call.body,
                limit,
                began: began.into_std(),
            });
            // The worker may be gone.
            drop(reply.send(result));
        });
        let result = match started {
            Err(error) => Err(ExchangeError::NotSent(error.to_string())),
            // A panic may have come after the first byte.
            Ok(()) => done.await.unwrap_or_else(|_| {
                Err(ExchangeError::Unknown("the call was given up".to_owned()))
            }),
        };
        Called {
            took: began.elapsed(),
            result: result.map(|reply| {
                self.note_clock(channel, &reply);
                kept(reply)
            }),
        }
    }

    fn note_clock(&self, channel: &Channel, reply: &OutboundReply) {
        let date = reply.headers.iter().find(|(name, _)| name == "date");
        let theirs = date.and_then(|(_, text)| jiff::fmt::rfc2822::parse(text).ok());
        if let Some(theirs) = theirs {
            let health = self.health(&channel.account, &channel.api);
            let theirs = theirs.timestamp().as_millisecond();
            health.note_clock(&channel.account, theirs, self.clock.now().as_millis());
        }
    }
}

/// A call that asks for nothing: what answers, and what time it is there.
fn probe(channel: &Channel) -> Call {
    Call::new(Method::Get, channel.api.base_url.clone(), Vec::new())
}

/// A reply of a sandbox to an account of none, and the other way round, says nothing.
pub(super) fn trusted(channel: &Channel, reply: &Reply, answer: Answer) -> Answer {
    let is_sandbox = reply.header("x-sandbox") == Some(SANDBOX);
    if is_sandbox == channel.api.is_sandbox {
        return answer;
    }
    let what = if is_sandbox {
        "a sandbox answers at the address of this account"
    } else {
        "the account is one of a sandbox, and the reply is not a sandbox's"
    };
    Answer::of(Class::Unknown, Some("sandbox"), Some(what)).stopping_the_account()
}

pub(super) fn failed(error: &ExchangeError) -> Answer {
    let class = match error {
        ExchangeError::NotSent(_) => Class::NotSent,
        ExchangeError::Unknown(_) => Class::Unknown,
    };
    Answer::of(class, None, Some(&error.to_string()))
}

pub(super) const fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

/// The reply with the headers that are kept.
pub(super) fn kept(reply: OutboundReply) -> Reply {
    let is_kept = |name: &str| KEPT_HEADERS.contains(&name) || name.starts_with("token-");
    Reply {
        status: reply.status,
        headers: reply
            .headers
            .into_iter()
            .filter(|(name, value)| is_kept(name) && value.len() <= 2_048)
            .collect(),
        body: reply.body,
    }
}

pub(super) fn headers_text(reply: Option<&Reply>) -> Result<String, StoreError> {
    let headers: Map<_, _> = reply
        .iter()
        .flat_map(|reply| &reply.headers)
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    text(&headers)
}

pub(super) fn text(headers: &Map<String, Value>) -> Result<String, StoreError> {
    serde_json::to_string(headers).map_err(|error| StoreError::Statement(error.to_string()))
}
