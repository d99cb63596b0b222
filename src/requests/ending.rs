//! The end of an attempt: what was replied, what it means for the request, and the claim as a pending callback.

use std::sync::Arc;
use std::time::Duration;

use super::Requests;
use super::accounts::BALANCE_PAUSE;
use super::attempt::{Begun, Channel};
use super::call::headers_text;
use super::worker::{plan, plan_after};
use crate::domain::claim::{Account, Reason};
use crate::domain::event::EventKind;
use crate::domain::ids::{AttemptId, CallbackId, RefundId};
use crate::domain::refund::Refund;
use crate::domain::request::machine::{Event, Proof};
use crate::domain::request::timetable::{ASK_AFTER_MAX, put_off};
use crate::domain::request::{Class, LastReply, Request, State};
use crate::domain::time::{Clock, Timestamp};
use crate::failpoints::crash_point;
use crate::intake::Applying;
use crate::providers::outgoing::{Answer, Reply};
use crate::store::{AccountStop, AttemptEnd, Lane, StoreError, Tx};

impl Requests {
    /// The end of an attempt, with the reply's claim as a pending callback; then the claim is applied.
    pub(super) async fn finish(
        &self,
        channel: &Channel,
        begun: Begun,
        mut answer: Answer,
        reply: Option<Reply>,
    ) -> Result<(), StoreError> {
        let health = self.health(&channel.account, &channel.api);
        let is_send = begun.request.machine.state == State::Sending;
        let is_short = is_send
            && (health.note_balance(&answer) || channel.probe.is_some() && answer.lacks_balance);
        let stops = answer.stops_account || health.note(answer.class);
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
            is_send,
            end,
            last_reply: answer.last_reply(),
            question: answer.question,
            retry_after: answer.retry_after,
            tries_max: answer.tries_max,
            stop: stops.then(|| stop_reason(&answer)),
            pause: is_short.then(|| stop_reason_of(&answer.last_reply())),
            channel: channel.clone(),
        };
        let (id, clock) = (begun.request.refund_id, Arc::clone(&self.clock));
        let (account, refund_no) = (&begun.request.account, Some(&begun.request.refund_no));
        // A callback that came before the reply takes effect before it.
        self.intake.caught_up_with(account, refund_no).await;
        let lane = Lane::of_refund(account, refund_no);
        let stored = claimed.clone();
        self.store
            .write_soon("end attempt", lane, move |tx| {
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
    pub(super) async fn not_begun(
        &self,
        channel: &Channel,
        request: Request,
        answer: Answer,
    ) -> Result<(), StoreError> {
        let (clock, now) = (Arc::clone(&self.clock), self.clock.now());
        let (id, fence) = (request.refund_id, request.fence);
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        let stop = answer.stops_account.then(|| stop_reason(&answer));
        let channel = channel.clone();
        self.store
            .write_soon("put off request", lane, move |tx| {
                if let Some(reason) = &stop {
                    stop_account(tx, &channel.account, reason, now)?;
                }
                let Some(mut applying) = Applying::of_leased(tx, clock.as_ref(), id, fence)? else {
                    return Ok(());
                };
                let Some((refund, request)) = applying.request_mut() else {
                    return Ok(());
                };
                request.last_reply = Some(answer.last_reply());
                if request.machine.state == State::Queued {
                    request.put_off(refund, answer.retry_after, now);
                } else {
                    request.progress.is_urgent = false;
                    request.progress.asks += 1;
                    let pause = put_off(request.progress.asks);
                    let next = plan(request, &channel, now);
                    request.next_at = next.map(|next| next.max(now.plus(pause)));
                }
                applying.finish(Vec::new()).map(drop)
            })
            .await
    }
}

/// What the commit that ends an attempt writes.
struct Ending {
    attempt: AttemptId,
    fence: i64,
    is_send: bool,
    end: AttemptEnd,
    last_reply: LastReply,
    question: Option<Reason>,
    retry_after: Option<Duration>,
    tries_max: Option<u32>,
    stop: Option<String>,
    /// Why nothing is sent for a while.
    pause: Option<String>,
    channel: Channel,
}

impl Ending {
    fn write(
        &self,
        tx: &mut Tx<'_>,
        clock: &dyn Clock,
        id: RefundId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        tx.end_attempt(self.attempt, &self.end)?;
        let account = &self.channel.account;
        if let Some(reason) = &self.stop {
            stop_account(tx, account, reason, now)?;
        } else if let Some(reason) = &self.pause {
            pause_account(tx, account, reason, now)?;
        } else if self.channel.probe.is_some() && self.last_reply.class.is_taken() {
            end_pause(tx, account)?;
        }
        // Another worker took over: what was replied is stored, and moves nothing by itself.
        let Some(mut applying) = Applying::of_leased(tx, clock, id, self.fence)? else {
            return Ok(());
        };
        let Some((refund, request)) = applying.request_mut() else {
            return Ok(());
        };
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
                    let tries = request.progress.put_off;
                    if self.pause.is_some() || self.tries_max.is_some_and(|max| tries >= max) {
                        refund.raise(Reason::CannotSend, None, now);
                    }
                }
                moved.and_then(|moved| moved.event)
            }
            State::Unknown | State::Accepted => self.asked(refund, request, now),
            State::Failed if self.may_have_failed_before() => {
                let moved = request.apply(refund, Event::SentAfterFailure, None, now);
                moved.and_then(|moved| moved.event)
            }
            // A callback was faster.
            _ => None,
        };
        if let Some(question) = self.question {
            refund.raise(question, None, now);
        }
        if stops {
            let reason = stop_reason_of(&self.last_reply);
            stop_account(applying.tx(), &self.channel.account, &reason, now)?;
        }
        let told: Vec<EventKind> = event.into_iter().collect();
        applying.finish(told).map(drop)
    }

    /// Whether a failure that is known may be that of an earlier send: the provider takes a number again after one, and
    /// did not answer this time.
    fn may_have_failed_before(&self) -> bool {
        self.is_send
            && self.last_reply.class == Class::Unknown
            && self.channel.api.client.resends_after_failure()
    }

    fn asked(
        &self,
        refund: &mut Refund,
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
                _ => self
                    .channel
                    .timetable
                    .proof(&request.progress, sent_at, now),
            };
            let asked = Event::Asked(Class::NotFound, proof);
            event = request
                .apply(refund, asked, None, now)
                .and_then(|moved| moved.event);
        }
        let state = request.machine.state;
        if state.is_open() {
            self.channel
                .timetable
                .skip_missed(state, &mut request.progress, now);
            let wanted = self.retry_after.map(|pause| pause.min(ASK_AFTER_MAX));
            let earliest = wanted.map(|pause| now.plus(pause));
            request.next_at = plan_after(request, &self.channel, now, earliest);
        }
        event
    }
}

fn stop_account(
    tx: &mut Tx<'_>,
    account: &Account,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stop = AccountStop {
        reason,
        by: None,
        until: None,
    };
    if tx.stop_account(account, &stop, now)? {
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

/// The balance is too small: nothing is sent until there may be income, and then one refund tries it out.
fn pause_account(
    tx: &mut Tx<'_>,
    account: &Account,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let until = now.plus(BALANCE_PAUSE);
    let stop = AccountStop {
        reason,
        by: None,
        until: Some(until),
    };
    if tx.stop_account(account, &stop, now)? {
        let (provider, account) = (&account.provider, &account.name);
        tracing::warn!(
            provider,
            account,
            reason,
            %until,
            "the balance of the account is too small; nothing is sent for it until then, or until an operator resumes it"
        );
    }
    Ok(())
}

fn end_pause(tx: &mut Tx<'_>, account: &Account) -> Result<(), StoreError> {
    if tx.end_pause(account)? {
        let (provider, account) = (&account.provider, &account.name);
        tracing::info!(
            provider,
            account,
            "a refund was taken; the pause of the account has ended"
        );
    }
    Ok(())
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
