//! What is known of an account that sends: its limit, its clock, whether it stopped.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{ActError, Requests};
use crate::domain::claim::Account;
use crate::domain::rate::{Rate, nanos};
use crate::domain::request::Class;
use crate::domain::trail::{About, Act, Actor};
use crate::outbound::agent::ClientIdentity;
use crate::outbound::exchange::Exchanger;
use crate::providers::outgoing::{Answer, ApiAccount};
use crate::store::{AccountState, AccountStop, Lane, StoreError};

/// Calls of one account that may be under way at once, so that a provider that hangs holds up no other.
const IN_FLIGHT_MAX: usize = 64;
/// `unknown` answers in a row that stop an account.
const UNKNOWN_IN_ROW_MAX: u32 = 20;
/// Furthest that our clock may be from a provider's before nothing is sent: `PayerMax` refuses at 2 minutes.
const SKEW_MAX: Duration = Duration::from_secs(110);
/// Refunds in a row for which the merchant's balance was too small: they pause the account.
const SHORT_IN_ROW_MAX: u32 = 3;
/// How long it is paused: the providers want new income first.
pub(super) const BALANCE_PAUSE: Duration = Duration::from_secs(60 * 60);
/// A skew from which an operator is told.
const SKEW_WARN: Duration = Duration::from_secs(30);

/// Nothing measured yet.
const NO_SKEW: i64 = i64::MIN;

pub struct AccountHealth {
    pub(super) exchanger: Option<Arc<Exchanger>>,
    pub(super) slots: Arc<Semaphore>,
    budget: Mutex<Budget>,
    unknown_in_row: AtomicU32,
    short_in_row: AtomicU32,
    /// Whether a refund is under way that tries out whether a pause is over.
    is_probing: AtomicBool,
    /// Milliseconds that the provider's clock is ahead of ours.
    skew: AtomicI64,
    /// When the sandbox was last seen to be one; for an account that speaks to a sandbox.
    pub(super) sandbox_seen: Mutex<Option<Instant>>,
}

/// What is spent of the calls a second.
struct Budget {
    rate: Rate,
    spent: u64,
    started: Instant,
}

impl AccountHealth {
    pub(super) fn new(api: &ApiAccount) -> Self {
        Self {
            exchanger: exchanger(api).map(Arc::new),
            slots: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            budget: Mutex::new(Budget {
                rate: rate(api.max_per_second()),
                spent: 0,
                started: Instant::now(),
            }),
            unknown_in_row: AtomicU32::new(0),
            short_in_row: AtomicU32::new(0),
            is_probing: AtomicBool::new(false),
            skew: AtomicI64::new(NO_SKEW),
            sandbox_seen: Mutex::new(None),
        }
    }

    /// How many calls may begin next to those under way; while callbacks wait for their answer, one at a time.
    pub(super) fn free_slots(&self, yields: bool) -> usize {
        let free = self.slots.available_permits();
        if !yields {
            return free;
        }
        usize::from(free == IN_FLIGHT_MAX)
    }

    /// How many calls may begin now, at most so many; they are taken from the budget.
    pub(super) fn take(&self, wanted: usize) -> usize {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let now = nanos(budget.started.elapsed());
        for taken in 0..wanted {
            match budget.rate.take(budget.spent, now) {
                Ok(spent) => budget.spent = spent,
                Err(_) => return taken,
            }
        }
        wanted
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(&self, unused: usize) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = u64::try_from(unused).unwrap_or(u64::MAX);
        budget.spent = budget.rate.give_back(budget.spent, unused);
    }

    /// Counts an answer; `true` once the account has to stop.
    pub(super) fn note(&self, class: Class) -> bool {
        if class != Class::Unknown {
            self.unknown_in_row.store(0, Ordering::Relaxed);
            return false;
        }
        self.unknown_in_row.fetch_add(1, Ordering::Relaxed) + 1 >= UNKNOWN_IN_ROW_MAX
    }

    /// Counts the answer to a refund; `true` once the account has to pause.
    pub(super) fn note_balance(&self, answer: &Answer) -> bool {
        if answer.lacks_balance {
            return self.short_in_row.fetch_add(1, Ordering::Relaxed) + 1 >= SHORT_IN_ROW_MAX;
        }
        if answer.class.is_taken() {
            self.short_in_row.store(0, Ordering::Relaxed);
        }
        false
    }

    pub(super) fn forget_counts(&self) {
        self.unknown_in_row.store(0, Ordering::Relaxed);
        self.short_in_row.store(0, Ordering::Relaxed);
    }

    /// One refund at a time tries out whether a pause is over; `None`: one is under way.
    pub(super) fn probe(self: &Arc<Self>) -> Option<Probe> {
        let was_probing = self.is_probing.swap(true, Ordering::Relaxed);
        (!was_probing).then(|| Probe(Arc::clone(self)))
    }

    /// Notes the time of a reply.
    pub(super) fn note_clock(&self, account: &Account, theirs_ms: i64, ours_ms: i64) {
        let skew = theirs_ms - ours_ms;
        let before = self.skew.swap(skew, Ordering::Relaxed);
        let is_large = |skew: i64| skew != NO_SKEW && skew.unsigned_abs() > millis(SKEW_WARN);
        if is_large(skew) && !is_large(before) {
            let (provider, account) = (&account.provider, &account.name);
            tracing::warn!(
                provider,
                account,
                skew_ms = skew,
                "the provider's clock differs from ours; correct the clock of this machine (NTP)"
            );
        }
    }

    /// Seconds that the provider's clock is ahead; `None` where no reply told.
    pub fn skew_ms(&self) -> Option<i64> {
        Some(self.skew.load(Ordering::Relaxed)).filter(|skew| *skew != NO_SKEW)
    }

    pub(super) fn is_clock_off(&self) -> bool {
        self.skew_ms()
            .is_some_and(|skew| skew.unsigned_abs() > millis(SKEW_MAX))
    }
}

/// Ends with the refund that tries out whether a pause is over.
pub(super) struct Probe(Arc<AccountHealth>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.is_probing.store(false, Ordering::Relaxed);
    }
}

/// `None` where its certificates cannot be used, which the config has ruled out.
fn exchanger(api: &ApiAccount) -> Option<Exchanger> {
    let identity = match &api.identity {
        Some(pem) => {
            let identity = ClientIdentity::parse(&pem.certificate, pem.key.expose_secret());
            Some(identity.ok()?)
        }
        None => None,
    };
    Exchanger::new(api.ca_pem.as_deref(), identity.as_ref()).ok()
}

/// So many a second, and as many at once, at least one.
fn rate(per_second: f64) -> Rate {
    let step = Duration::from_secs_f64(1.0 / per_second);
    Rate::new(step, step.max(Duration::from_secs(1)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Requests {
    /// Every account for which nothing is sent now.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method's path has one lifetime, the closure any"
    )]
    pub async fn stopped(&self) -> Result<Vec<AccountState>, StoreError> {
        let now = self.clock.now();
        let known = self.store.read_own(|snapshot| snapshot.stopped_accounts());
        let mut states = known.await?;
        states.retain(|state| state.holds(now));
        Ok(states)
    }

    /// Stops an account: nothing more is sent for it; asks go on.
    pub async fn stop(&self, account: &Account, reason: &str, by: Actor) -> Result<bool, ActError> {
        self.known(account)?;
        let (account, reason) = (account.clone(), reason.to_owned());
        let now = self.clock.now();
        let stopped = self.store.write("stop account", Lane::SHARED, move |tx| {
            let stop = AccountStop {
                reason: &reason,
                by: Some(&by.reader),
                until: None,
            };
            let is_stopped = tx.stop_account(&account, &stop, now)?;
            if is_stopped {
                let entry = by.did(Act::AccountStopped, About::account(&account), now);
                let (was, is) = (json!({"stopped": false}), json!({"stopped": true}));
                tx.append_act(entry.because(&reason).changed(&was, &is));
            }
            Ok(is_stopped)
        });
        Ok(stopped.await?)
    }

    /// Lets an account send again.
    pub async fn resume(
        &self,
        account: &Account,
        reason: &str,
        by: Actor,
    ) -> Result<bool, ActError> {
        let api = self.known(account)?;
        self.health(account, &api).forget_counts();
        let (account, now) = (account.clone(), self.clock.now());
        let reason = reason.to_owned();
        let resumed = self.store.write("resume account", Lane::SHARED, move |tx| {
            let stops = tx.snapshot().stopped_accounts()?;
            let is_resumed = tx.resume_account(&account)?;
            if is_resumed {
                tx.wake_account(&account, now)?;
                let stop = stops.iter().find(|stop| stop.account == account);
                let was = stop.map_or(json!({"stopped": true}), |stop| {
                    json!({"stopped": true, "at": stop.stopped_at, "by": stop.by, "reason": stop.reason})
                });
                let entry = by.did(Act::AccountResumed, About::account(&account), now);
                let is = json!({"stopped": false});
                tx.append_act(entry.because(&reason).changed(&was, &is));
            }
            Ok(is_resumed)
        });
        let resumed = resumed.await?;
        self.wake.notify_one();
        Ok(resumed)
    }

    fn known(&self, account: &Account) -> Result<Arc<ApiAccount>, ActError> {
        self.api(account).ok_or(ActError::NoAccount)
    }
}
