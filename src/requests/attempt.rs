//! One attempt: committed, called, ended. The order of these three is what "at most once" rests on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::Requests;
use super::worker::plan;
use crate::crypto::sha256;
use crate::domain::claim::{Account, Reason};
use crate::domain::event::EventKind;
use crate::domain::ids::{AttemptId, CallbackId};
use crate::domain::request::machine::{Event, Proof};
use crate::domain::request::timetable::Timetable;
use crate::domain::request::{Class, LastReply, Request, State};
use crate::domain::time::{Clock, Timestamp};
use crate::failpoints::crash_point;
use crate::intake::Applying;
use crate::outbound::exchange::{ExchangeError, Exchanger, OutboundReply, OutboundRequest};
use crate::providers::outgoing::{
    Answer, ApiAccount, Call, HeaderValue, Method, Outgoing, Preparation, Purpose, Reply, Step,
};
use crate::store::{AttemptEnd, Lane, NewAttempt, StoreError, Tx};

/// Calls that one ask may need: pages of a list, a fresh login.
const CALLS_OF_ASK_MAX: usize = 20;
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
/// Shown in place of a secret.
const MASK: &str = "********";
/// What a sandbox says in each reply.
const SANDBOX: &str = "refund-receiver";

/// An account with all that a call to it needs.
#[derive(Clone)]
pub(super) struct Line {
    pub account: Account,
    pub api: Arc<ApiAccount>,
    pub exchanger: Arc<Exchanger>,
    pub timetable: Arc<Timetable>,
}

/// What came of a call.
pub(super) enum Called {
    Reply(Reply),
    Failed(ExchangeError),
}

/// An attempt that is on disk.
struct Begun {
    id: AttemptId,
    request: Request,
}

impl Requests {
    /// Sends a request that is queued; by its lease no other worker does. `false`: something is in the way.
    pub(super) async fn send(&self, line: &Line, request: Request) -> Result<bool, StoreError> {
        if let Err(answer) = self.prepare(line, Purpose::Refund).await {
            self.not_begun(line, request, *answer).await?;
            return Ok(true);
        }
        let (call, now) = (self.refund_call(line, &request), self.clock.now());
        let Some(begun) = self.begin_send(line, &request, &call, now).await? else {
            return Ok(false);
        };
        crash_point!("request-attempted");
        let called = self.call(line, call, "refund").await;
        crash_point!("request-replied");
        let outgoing = outgoing(&begun.request, None, now, 0);
        let (answer, reply) = match called {
            Called::Reply(reply) => {
                let answer = line.api.client.read_refund(&outgoing, &reply);
                (trusted(line, &reply, answer), Some(reply))
            }
            Called::Failed(error) => (failed(&error), None),
        };
        self.finish("refund", line, begun, answer, reply).await?;
        Ok(true)
    }

    /// Asks about a request whose outcome is open.
    pub(super) async fn ask_provider(
        &self,
        line: &Line,
        request: Request,
    ) -> Result<(), StoreError> {
        if let Err(answer) = self.prepare(line, Purpose::Query).await {
            return self.not_begun(line, request, *answer).await;
        }
        let known = self.provider_number(&request).await?;
        let serial = self.serial(&line.account).await?;
        let now = self.clock.now();
        let asked = outgoing(&request, known.as_ref(), now, serial);
        let Some(call) = line.api.client.query(&asked) else {
            let unasked = Answer::of(Class::Unknown, Some("cannot_be_asked"), None);
            return self.not_begun(line, request, unasked).await;
        };
        let Some(begun) = self.begin_ask(line, &request, &call, now).await? else {
            return Ok(());
        };
        crash_point!("ask-attempted");
        let (mut call, mut replies) = (call, Vec::new());
        let answer = loop {
            match self.call(line, call, "query").await {
                Called::Failed(error) => break failed(&error),
                Called::Reply(reply) => replies.push(reply),
            }
            let step = line.api.client.read_query(&asked, &replies);
            match step {
                Step::Answer(answer) => break *answer,
                Step::Call(next) if replies.len() < CALLS_OF_ASK_MAX => call = *next,
                Step::Call(_) => break Answer::of(Class::Unknown, Some("too_many_pages"), None),
            }
        };
        let reply = replies.pop();
        let answer = match &reply {
            Some(reply) => trusted(line, reply, answer),
            None => answer,
        };
        self.finish("query", line, begun, answer, reply).await
    }

    /// Signing takes a millisecond of a processor: not on the thread of the listeners.
    fn refund_call(&self, line: &Line, request: &Request) -> Call {
        let outgoing = outgoing(request, None, self.clock.now(), 0);
        line.api.client.refund(&outgoing)
    }

    /// A login, and the check that a sandbox is one, before anything is sent.
    async fn prepare(&self, line: &Line, purpose: Purpose) -> Result<(), Box<Answer>> {
        let health = self.health(&line.account, &line.api);
        if health.is_clock_off() && line.account.provider == "payermax" {
            return Err(Box::new(Answer::of(
                Class::Later,
                Some("clock_skew"),
                Some("the provider's clock and ours differ by more than 110 s"),
            )));
        }
        self.check_sandbox(line).await?;
        let now = || self.clock.now().to_timestamp().unwrap_or_default();
        let Preparation::Call(call) = line.api.client.prepare(purpose, now()) else {
            return Ok(());
        };
        match self.call(line, *call, "login").await {
            // Nothing was sent of the request itself.
            Called::Failed(error) => Err(Box::new(Answer::of(
                Class::NotSent,
                Some("login"),
                Some(&error.to_string()),
            ))),
            Called::Reply(reply) => line.api.client.prepared(&reply, now()),
        }
    }

    /// An account of a sandbox speaks to nothing else.
    async fn check_sandbox(&self, line: &Line) -> Result<(), Box<Answer>> {
        if !line.api.is_sandbox {
            return Ok(());
        }
        let health = self.health(&line.account, &line.api);
        let seen = || {
            health
                .sandbox_seen
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let is_fresh = |at: &tokio::time::Instant| at.elapsed() < Duration::from_secs(60);
        if seen().as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let probe = Call {
            method: Method::Get,
            url: line.api.base_url.clone(),
            shown_url: line.api.base_url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            shown_body: None,
        };
        match self.call(line, probe, "probe").await {
            Called::Reply(reply) if reply.header("x-sandbox") == Some(SANDBOX) => {
                *seen() = Some(tokio::time::Instant::now());
                Ok(())
            }
            Called::Reply(_) => Err(Box::new(
                Answer::of(
                    Class::Later,
                    Some("not_a_sandbox"),
                    Some("the account is one of a sandbox, and its address is none"),
                )
                .stopping_the_account(),
            )),
            Called::Failed(error) => Err(Box::new(Answer::of(
                Class::NotSent,
                None,
                Some(&error.to_string()),
            ))),
        }
    }

    /// One call, on a thread of its own: a provider that hangs must not hold up the end of the process, as a
    /// thread of the runtime would.
    async fn call(&self, line: &Line, call: Call, kind: &'static str) -> Called {
        let exchanger = Arc::clone(&line.exchanger);
        let limit = line.api.client.time_limit();
        let began = tokio::time::Instant::now();
        let (reply, done) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("call-{kind}"));
        let started = thread.spawn(move || {
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
            Ok(_) => done.await.unwrap_or_else(|_| {
                Err(ExchangeError::Unknown("the call was given up".to_owned()))
            }),
        };
        let class = match &result {
            Ok(_) => Class::Done,
            Err(ExchangeError::NotSent(_)) => Class::NotSent,
            Err(ExchangeError::Unknown(_)) => Class::Unknown,
        };
        self.counts
            .count(&line.account.provider, kind, class, began.elapsed());
        match result {
            Ok(reply) => {
                self.note_clock(line, &reply);
                Called::Reply(kept(reply))
            }
            Err(error) => Called::Failed(error),
        }
    }

    fn note_clock(&self, line: &Line, reply: &OutboundReply) {
        let date = reply.headers.iter().find(|(name, _)| name == "date");
        let theirs = date.and_then(|(_, text)| jiff::fmt::rfc2822::parse(text).ok());
        if let Some(theirs) = theirs {
            let health = self.health(&line.account, &line.api);
            let theirs = theirs.timestamp().as_millisecond();
            health.note_clock(&line.account, theirs, self.clock.now().as_millis());
        }
    }

    /// The attempt and `sending`, in one commit; `None`: another worker, a stop or another refund of the payment
    /// is in the way.
    async fn begin_send(
        &self,
        line: &Line,
        request: &Request,
        call: &Call,
        now: Timestamp,
    ) -> Result<Option<Begun>, StoreError> {
        let attempt = self.new_attempt(request, call, false, now)?;
        let one_at_a_time = line.api.client.takes_one_at_a_time();
        let lease_end = now.plus(lease(line));
        let (clock, leased) = (Arc::clone(&self.clock), request.fence);
        let id = request.refund_id;
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        self.store
            .write("begin to send", lane, move |tx| {
                let Some(mut applying) = Applying::of_request(tx, clock.as_ref(), id)? else {
                    return Ok(None);
                };
                let Some(known) = applying.request().cloned() else {
                    return Ok(None);
                };
                if known.fence != leased || known.machine.state != State::Queued {
                    return Ok(None);
                }
                if applying.tx().snapshot().is_stopped(&known.account)? {
                    return Ok(None);
                }
                if one_at_a_time && is_payment_busy(applying.tx(), &known)? {
                    // Woken when the other one ends.
                    return Ok(None);
                }
                let Some((refund, request)) = applying.request_mut() else {
                    return Ok(None);
                };
                if request.apply(refund, Event::BeginSend, None, now).is_none() {
                    return Ok(None);
                }
                request.fence += 1;
                request.next_at = Some(lease_end);
                let begun = Begun {
                    id: attempt.id,
                    request: request.clone(),
                };
                applying.tx().insert_attempt(&attempt)?;
                applying.finish(Vec::new())?;
                Ok(Some(begun))
            })
            .await
    }

    async fn begin_ask(
        &self,
        line: &Line,
        request: &Request,
        call: &Call,
        now: Timestamp,
    ) -> Result<Option<Begun>, StoreError> {
        let attempt = self.new_attempt(request, call, true, now)?;
        let lease_end = now.plus(lease(line));
        let (id, leased) = (request.refund_id, request.fence);
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        self.store
            .write("begin to ask", lane, move |tx| {
                let Some(mut request) = tx.lock_request(id)? else {
                    return Ok(None);
                };
                let state = request.machine.state;
                let is_open = matches!(state, State::Unknown | State::Accepted);
                if request.fence != leased || !is_open {
                    return Ok(None);
                }
                request.fence += 1;
                request.progress.asks += 1;
                request.progress.is_urgent = false;
                request.last_attempt_at = Some(now);
                request.next_at = Some(lease_end);
                tx.insert_attempt(&attempt)?;
                tx.save_request(&request)?;
                Ok(Some(Begun {
                    id: attempt.id,
                    request,
                }))
            })
            .await
    }

    fn new_attempt(
        &self,
        request: &Request,
        call: &Call,
        is_ask: bool,
        now: Timestamp,
    ) -> Result<NewAttempt, StoreError> {
        let headers: Map<_, _> = call
            .headers
            .iter()
            .map(|(name, value)| {
                let shown = match value {
                    HeaderValue::Plain(text) => text.as_str(),
                    HeaderValue::Secret(_) => MASK,
                };
                (name.clone(), Value::from(shown))
            })
            .collect();
        Ok(NewAttempt {
            id: AttemptId::new(self.clock.new_uuid()),
            refund_id: request.refund_id,
            is_ask,
            fence: request.fence + 1,
            started_at: now,
            method: method(call.method),
            url: call.shown_url.clone(),
            headers: text(&headers)?,
            body: call.shown_body.clone().unwrap_or_else(|| call.body.clone()),
            body_hash: sha256(&call.body),
        })
    }

    /// The end of an attempt, with the reply's claim as a pending callback; then the claim is applied.
    async fn finish(
        &self,
        kind: &'static str,
        line: &Line,
        begun: Begun,
        mut answer: Answer,
        reply: Option<Reply>,
    ) -> Result<(), StoreError> {
        let health = self.health(&line.account, &line.api);
        let stops = answer.stops_account || health.note(answer.class);
        self.counts.count(
            &line.account.provider,
            if kind == "refund" {
                "refund_answer"
            } else {
                "query_answer"
            },
            answer.class,
            Duration::ZERO,
        );
        let now = self.clock.now();
        let claimed = match answer.claim.take() {
            Some(claim) => Some(self.intake.reply(
                &begun.request,
                begun.id,
                claim,
                (
                    &headers_text(reply.as_ref())?,
                    reply.as_ref().map_or(&[][..], |reply| &reply.body),
                ),
                now,
            )?),
            None => None,
        };
        let end = AttemptEnd {
            ended_at: now,
            class: answer.class,
            code: answer.code.clone(),
            message: answer.message.clone(),
            status: reply.as_ref().map(|reply| reply.status),
            reply_headers: Some(headers_text(reply.as_ref())?).filter(|_| reply.is_some()),
            reply_body: reply.map(|reply| reply.body),
        };
        let ending = Ending {
            attempt: begun.id,
            fence: begun.request.fence,
            end,
            last_reply: answer.last_reply(),
            question: answer.question,
            retry_after: answer.retry_after,
            stop: stops.then(|| stop_reason(&answer)),
            line: line.clone(),
        };
        let (id, clock) = (begun.request.refund_id, Arc::clone(&self.clock));
        let lane = Lane::of_refund(&begun.request.account, Some(&begun.request.refund_no));
        let stored = claimed.clone();
        self.store
            .write("end attempt", lane, move |tx| {
                if let Some(reply) = &stored {
                    tx.store_reply(&reply.callback, reply.attempt)?;
                }
                ending.write(tx, clock.as_ref(), id, now)
            })
            .await?;
        crash_point!("reply-stored");
        if let Some(reply) = claimed {
            let id: CallbackId = reply.callback.id;
            self.intake.apply_reply(id, lane).await?;
        }
        self.wake.notify_one();
        Ok(())
    }

    /// The call was never begun: a login failed, or nothing can be asked.
    async fn not_begun(
        &self,
        line: &Line,
        request: Request,
        answer: Answer,
    ) -> Result<(), StoreError> {
        let (clock, now) = (Arc::clone(&self.clock), self.clock.now());
        let (id, leased) = (request.refund_id, request.fence);
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        let stop = answer.stops_account.then(|| stop_reason(&answer));
        let line = line.clone();
        self.store
            .write("put off request", lane, move |tx| {
                let Some(mut applying) = Applying::of_request(tx, clock.as_ref(), id)? else {
                    return Ok(());
                };
                if let Some(reason) = &stop {
                    applying
                        .tx()
                        .stop_account(&line.account, reason, None, now)?;
                }
                let Some((refund, request)) = applying.request_mut() else {
                    return Ok(());
                };
                if request.fence != leased {
                    return Ok(());
                }
                request.last_reply = Some(answer.last_reply());
                if request.machine.state == State::Queued {
                    request.put_off(refund, answer.retry_after, now);
                } else {
                    request.progress.is_urgent = false;
                    request.progress.asks += 1;
                    request.next_at = plan(request, &line, now);
                }
                applying.finish(Vec::new()).map(drop)
            })
            .await
    }

    async fn provider_number(
        &self,
        request: &Request,
    ) -> Result<Option<crate::domain::ids::ExternalId>, StoreError> {
        let id = request.refund_id;
        let row = self
            .store
            .read_own(move |snapshot| snapshot.refund(id))
            .await?;
        Ok(row.and_then(|row| row.refund.provider_refund_no))
    }

    /// A number for a call, where the provider wants one that was never used.
    async fn serial(&self, account: &Account) -> Result<u64, StoreError> {
        if account.provider != "nmanagement" {
            return Ok(0);
        }
        let account = account.clone();
        let serial = self.store.write("number call", Lane::SHARED, move |tx| {
            tx.next_serial(&account)
        });
        Ok(u64::try_from(serial.await?).unwrap_or(0))
    }
}

/// What the commit that ends an attempt writes.
struct Ending {
    attempt: AttemptId,
    fence: i64,
    end: AttemptEnd,
    last_reply: LastReply,
    question: Option<Reason>,
    retry_after: Option<Duration>,
    stop: Option<String>,
    line: Line,
}

impl Ending {
    fn write(
        &self,
        tx: &mut Tx<'_>,
        clock: &dyn Clock,
        id: crate::domain::ids::RefundId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        tx.end_attempt(self.attempt, &self.end)?;
        if let Some(reason) = &self.stop {
            self.stop_account(tx, reason, now)?;
        }
        let Some(mut applying) = Applying::of_request(tx, clock, id)? else {
            return Ok(());
        };
        let Some((refund, request)) = applying.request_mut() else {
            return Ok(());
        };
        // Another worker took over: what was replied is stored, and moves nothing by itself.
        if request.fence != self.fence {
            return Ok(());
        }
        let class = self.last_reply.class;
        request.last_reply = Some(self.last_reply.clone());
        let mut stops = false;
        let event = match request.machine.state {
            State::Sending => {
                let moved = request.apply(refund, Event::Sent(class), None, now);
                // Built again with a new time and login, and refused for them again.
                stops = class == Class::Rebuild && request.machine.state == State::Refused;
                if matches!(class, Class::Later | Class::NotSent) {
                    request.put_off(refund, self.retry_after, now);
                }
                moved.and_then(|moved| moved.event)
            }
            State::Unknown | State::Accepted => self.asked(refund, request, now),
            // A callback was faster.
            _ => None,
        };
        if let Some(question) = self.question {
            refund.raise(question, None, now);
        }
        if stops {
            let reason = stop_reason_of(&self.last_reply);
            self.stop_account(applying.tx(), &reason, now)?;
        }
        let told: Vec<EventKind> = event.into_iter().collect();
        applying.finish(told).map(drop)
    }

    fn stop_account(
        &self,
        tx: &mut Tx<'_>,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let account = &self.line.account;
        if tx.stop_account(account, reason, None, now)? {
            let (provider, account) = (&account.provider, &account.name);
            tracing::error!(
                provider,
                account,
                reason,
                "the account is stopped until an operator resumes it"
            );
        }
        Ok(())
    }

    fn asked(
        &self,
        refund: &mut crate::domain::refund::Refund,
        request: &mut Request,
        now: Timestamp,
    ) -> Option<EventKind> {
        let mut event = None;
        if self.last_reply.class == Class::NotFound {
            request.count_not_found(now);
            let sent_at = request.progress.since;
            let proof = match request.machine.sends {
                // Nothing was ever sent from here: what another system sent may be on its way.
                0 => Proof::NotReached,
                _ => self.line.timetable.proof(&request.progress, sent_at, now),
            };
            let asked = Event::Asked(Class::NotFound, proof);
            event = request
                .apply(refund, asked, None, now)
                .and_then(|moved| moved.event);
        }
        let state = request.machine.state;
        if matches!(state, State::Unknown | State::Accepted) {
            self.line
                .timetable
                .skip_missed(state, &mut request.progress, now);
            let next = plan(request, &self.line, now);
            let asked_for = self.retry_after.map(|pause| now.plus(pause));
            request.next_at = next.max(asked_for);
        }
        event
    }
}

/// Whether another request of the payment is under way; locks the payment.
fn is_payment_busy(tx: &mut Tx<'_>, request: &Request) -> Result<bool, StoreError> {
    let Some(payment) = request.intent.payment() else {
        return Ok(false);
    };
    tx.lock_payment(&request.account, payment.as_str(), None)?;
    let others = tx
        .snapshot()
        .requests_of_payment(&request.account, payment.as_str())?;
    Ok(others.is_none_or(|others| {
        others
            .iter()
            .any(|(id, state, _)| *id != request.refund_id && state.is_under_way())
    }))
}

fn outgoing<'a>(
    request: &'a Request,
    known: Option<&'a crate::domain::ids::ExternalId>,
    now: Timestamp,
    serial: u64,
) -> Outgoing<'a> {
    Outgoing {
        refund_no: request.refund_no.as_str(),
        intent: &request.intent,
        provider_refund_no: known,
        now: now.to_timestamp().unwrap_or_default(),
        serial,
    }
}

/// How long a worker has a request for one attempt.
pub(super) fn lease(line: &Line) -> Duration {
    line.api.client.time_limit() + Duration::from_secs(60)
}

/// A reply of a sandbox to an account of none, and the other way round, says nothing.
fn trusted(line: &Line, reply: &Reply, answer: Answer) -> Answer {
    let is_sandbox = reply.header("x-sandbox") == Some(SANDBOX);
    if is_sandbox == line.api.is_sandbox {
        return answer;
    }
    let what = if is_sandbox {
        "a sandbox answers at the address of this account"
    } else {
        "the account is one of a sandbox, and the reply is not a sandbox's"
    };
    Answer::of(Class::Unknown, Some("sandbox"), Some(what)).stopping_the_account()
}

fn failed(error: &ExchangeError) -> Answer {
    let class = match error {
        ExchangeError::NotSent(_) => Class::NotSent,
        ExchangeError::Unknown(_) => Class::Unknown,
    };
    Answer::of(class, None, Some(&error.to_string()))
}

fn stop_reason(answer: &Answer) -> String {
    if !answer.stops_account {
        return "20 calls in a row without an answer".to_owned();
    }
    stop_reason_of(&answer.last_reply())
}

fn stop_reason_of(reply: &LastReply) -> String {
    match (&reply.code, &reply.message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => "the provider refuses this account".to_owned(),
    }
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

/// The reply with the headers that are kept.
fn kept(reply: OutboundReply) -> Reply {
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

fn headers_text(reply: Option<&Reply>) -> Result<String, StoreError> {
    let headers: Map<_, _> = reply
        .iter()
        .flat_map(|reply| &reply.headers)
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    text(&headers)
}

fn text(headers: &Map<String, Value>) -> Result<String, StoreError> {
    serde_json::to_string(headers).map_err(|error| StoreError::Statement(error.to_string()))
}
