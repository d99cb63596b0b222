//! One attempt: committed, called, ended. The order of these three is what "at most once" rests on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Requests;
use super::accounts::Probe;
use super::call::{failed, method, text, trusted};
use crate::crypto::sha256;
use crate::domain::claim::Account;
use crate::domain::ids::{AttemptId, ExternalId};
use crate::domain::request::machine::Event;
use crate::domain::request::timetable::Timetable;
use crate::domain::request::{Class, Request, State};
use crate::domain::time::Timestamp;
use crate::failpoints::crash_point;
use crate::intake::Applying;
use crate::outbound::exchange::Exchanger;
use crate::providers::outgoing::{Answer, ApiAccount, Call, HeaderValue, Outgoing, Purpose, Step};
use crate::store::{Lane, NewAttempt, StoreError, Tx};

/// Calls that one ask may need: pages of a list, a fresh login.
const CALLS_OF_ASK_MAX: usize = 20;
/// Shown in place of a secret.
const MASK: &str = "********";

/// An account with all that a call to it needs.
#[derive(Clone)]
pub(super) struct Channel {
    pub account: Account,
    pub api: Arc<ApiAccount>,
    pub exchanger: Arc<Exchanger>,
    pub timetable: Arc<Timetable>,
    /// Whether its refund tries out if a pause is over.
    pub probe: Option<Arc<Probe>>,
}

/// An attempt that is on disk.
pub(super) struct Begun {
    pub id: AttemptId,
    pub request: Request,
}

impl Requests {
    /// Sends a request that is queued; by its lease no other worker does. `false`: something is in the way.
    pub(super) async fn send(
        &self,
        channel: &Channel,
        request: Request,
    ) -> Result<bool, StoreError> {
        if let Err(answer) = self.prepare(channel, Purpose::Refund).await {
            self.not_begun(channel, request, *answer).await?;
            return Ok(true);
        }
        // Before the commit: a worker that is held up from here on sends nothing (`outbound::exchange`).
        let start = Instant::now();
        let (call, now) = (self.refund_call(channel, &request), self.clock.now());
        let Some(begun) = self.begin_send(channel, &request, &call, now).await? else {
            return Ok(false);
        };
        crash_point!("request-attempted");
        let called = self.call(channel, call, start).await;
        crash_point!("request-replied");
        let outgoing = outgoing(&begun.request, None, now, 0);
        let took = called.took;
        let (answer, reply) = match called.result {
            Ok(reply) => {
                let answer = channel.api.client.read_refund(&outgoing, &reply);
                (trusted(channel, &reply, answer), Some(reply))
            }
            Err(error) => (failed(&error), None),
        };
        let provider = &channel.account.provider;
        self.counts.count(provider, "refund", answer.class, took);
        self.finish(channel, begun, answer, reply).await?;
        Ok(true)
    }

    /// Asks about a request whose outcome is open.
    pub(super) async fn ask_provider(
        &self,
        channel: &Channel,
        request: Request,
    ) -> Result<(), StoreError> {
        if let Err(answer) = self.prepare(channel, Purpose::Query).await {
            return self.not_begun(channel, request, *answer).await;
        }
        let known = self.provider_number(&request).await?;
        let serial = self.serial(channel).await?;
        let now = self.clock.now();
        let asked = outgoing(&request, known.as_ref(), now, serial);
        let Some(call) = channel.api.client.query(&asked) else {
            let unasked = Answer::of(Class::Unknown, Some("cannot_be_asked"), None);
            return self.not_begun(channel, request, unasked).await;
        };
        let Some(begun) = self.begin_ask(channel, &request, &call, now).await? else {
            return Ok(());
        };
        crash_point!("ask-attempted");
        let (mut call, mut replies, mut took) = (call, Vec::new(), Duration::ZERO);
        let answer = loop {
            let called = self.call(channel, call, Instant::now()).await;
            took += called.took;
            match called.result {
                Err(error) => break failed(&error),
                Ok(reply) => replies.push(reply),
            }
            let step = channel.api.client.read_query(&asked, &replies);
            match step {
                Step::Answer(answer) => break *answer,
                Step::Call(next) if replies.len() < CALLS_OF_ASK_MAX => call = *next,
                Step::Call(_) => break Answer::of(Class::Unknown, Some("too_many_pages"), None),
            }
        };
        let reply = replies.pop();
        let answer = match &reply {
            Some(reply) => trusted(channel, reply, answer),
            None => answer,
        };
        let provider = &channel.account.provider;
        self.counts.count(provider, "query", answer.class, took);
        self.finish(channel, begun, answer, reply).await
    }

    fn refund_call(&self, channel: &Channel, request: &Request) -> Call {
        let outgoing = outgoing(request, None, self.clock.now(), 0);
        channel.api.client.refund(&outgoing)
    }

    /// The attempt and `sending`, in one commit; `None`: another worker, a stop or another refund of the payment
    /// is in the way.
    async fn begin_send(
        &self,
        channel: &Channel,
        request: &Request,
        call: &Call,
        now: Timestamp,
    ) -> Result<Option<Begun>, StoreError> {
        let attempt = self.new_attempt(request, call, false, now)?;
        let one_at_a_time = channel.api.client.takes_one_at_a_time();
        let lease_end = now.plus(lease(channel));
        let (clock, fence) = (Arc::clone(&self.clock), request.fence);
        let id = request.refund_id;
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        self.store
            .write_soon("begin to send", lane, move |tx| {
                let Some(mut applying) = Applying::of_leased(tx, clock.as_ref(), id, fence)? else {
                    return Ok(None);
                };
                let Some(known) = applying.request().cloned() else {
                    return Ok(None);
                };
                if known.machine.state != State::Queued {
                    return Ok(None);
                }
                if applying.tx().snapshot().is_stopped(&known.account, now)? {
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
                applying.tx().end_abandoned_attempts(id, now)?;
                applying.tx().insert_attempt(&attempt)?;
                applying.finish(Vec::new())?;
                Ok(Some(begun))
            })
            .await
    }

    async fn begin_ask(
        &self,
        channel: &Channel,
        request: &Request,
        call: &Call,
        now: Timestamp,
    ) -> Result<Option<Begun>, StoreError> {
        let attempt = self.new_attempt(request, call, true, now)?;
        let lease_end = now.plus(lease(channel));
        let (id, leased) = (request.refund_id, request.fence);
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        self.store
            .write_soon("begin to ask", lane, move |tx| {
                let Some(mut request) = tx.lock_request(id)? else {
                    return Ok(None);
                };
                if request.fence != leased || !request.machine.state.is_open() {
                    return Ok(None);
                }
                request.fence += 1;
                request.progress.asks += 1;
                request.progress.is_urgent = false;
                request.last_attempt_at = Some(now);
                request.next_at = Some(lease_end);
                // The ask before it has no end where its worker died.
                tx.end_abandoned_attempts(id, now)?;
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
        let body = call.shown_body.clone().unwrap_or_else(|| call.body.clone());
        Ok(NewAttempt {
            id: AttemptId::new(self.clock.new_uuid()),
            refund_id: request.refund_id,
            is_ask,
            fence: request.fence + 1,
            started_at: now,
            method: method(call.method),
            url: call.shown_url.clone(),
            headers: text(&headers)?,
            // Of the masked bytes: a digest of the exact ones would let a reader try out secrets.
            body_hash: sha256(&body),
            body,
        })
    }

    async fn provider_number(&self, request: &Request) -> Result<Option<ExternalId>, StoreError> {
        let id = request.refund_id;
        let row = self
            .store
            .read_own(move |snapshot| snapshot.refund(id))
            .await?;
        Ok(row.and_then(|row| row.refund.provider_refund_no))
    }

    /// A number for a call, where the provider wants one that was never used.
    async fn serial(&self, channel: &Channel) -> Result<u64, StoreError> {
        if !channel.api.client.numbers_calls() {
            return Ok(0);
        }
        let account = channel.account.clone();
        let serial = self
            .store
            .write_soon("number call", Lane::SHARED, move |tx| {
                tx.next_serial(&account)
            });
        Ok(u64::try_from(serial.await?).unwrap_or(0))
    }
}

/// Whether another request of the payment is under way; locks the payment.
fn is_payment_busy(tx: &mut Tx<'_>, request: &Request) -> Result<bool, StoreError> {
    let Some(payment) = &request.payment_key else {
        return Ok(false);
    };
    tx.lock_payment(&request.account, payment, None)?;
    let others = tx
        .snapshot()
        .requests_of_payment(&request.account, payment)?;
    Ok(others.is_none_or(|others| {
        others
            .iter()
            .any(|one| one.refund_id != request.refund_id && one.state.is_under_way())
    }))
}

fn outgoing<'a>(
    request: &'a Request,
    known: Option<&'a ExternalId>,
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
pub(super) fn lease(channel: &Channel) -> Duration {
    channel.api.client.time_limit() + Duration::from_secs(60)
}
