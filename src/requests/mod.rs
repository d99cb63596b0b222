//! Outgoing refunds: an intent is committed, then sent at most once at a time, and asked about until its outcome is
//! known. `docs/requests.md` has states, timetables and guarantees.
//!
//! # At most once
//!
//! * **Intent before call** (`create.rs`): the request, its refund and `refund.requested` are one commit. Nothing is
//!   sent from inside the HTTP handler.
//! * **Attempt before the first byte** (`attempt.rs`): a worker commits the attempt and the state `sending` before it
//!   connects. So a process that dies leaves an open attempt, and the next worker knows that money may have
//!   moved.
//! * **Unknown is a question**: whatever happens between the first byte and a whole, verified reply is `unknown`,
//!   never failed. It is asked about, and sent again only with the same number and only where the provider proved
//!   not to know it ([`crate::domain::request::machine`]).
//! * **Fencing**: a request is leased until `next_at`; each attempt raises `fence`. An attempt that ends with an older
//!   fence records its reply and moves nothing.
//!
//! # One path for facts
//!
//! A reply that says what became of the refund is stored as a callback is, with the bytes, and applied by the same
//! transaction 2 ([`crate::intake`]), so it does not matter whether the callback, the reply or an ask comes first.
//!
//! | the process dies | on disk | cured by |
//! |---|---|---|
//! | after the intent | `queued` | a worker, when it is due |
//! | after the attempt is committed | `sending`, open attempt | the lease ends: `unknown`, ask |
//! | after the reply is stored, before it is applied | the reply, pending | resume of the intake |
//! | while asking | open attempt, the state as before | the lease ends: asked again |

pub mod accounts;
mod attempt;
mod call;
mod calls;
mod change;
mod create;
mod due;
mod ending;
mod payment;
mod repeat;
mod unserved;
mod worker;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Notify;
use tokio::time::Instant;

pub use call::SANDBOX;
pub use calls::{CallCount, CallCounts};
pub use change::{ActError, Acted};
pub use create::{CreateError, Created, NewRequest};
pub use payment::too_little;

use crate::domain::claim::Account;
use crate::domain::time::Clock;
use crate::intake::Intake;
use crate::outbound::thread_pool::ThreadPool;
use crate::providers::outgoing::ApiAccount;
use crate::store::Store;
use accounts::AccountHealth;

/// Accounts that can send, each with its client.
pub type Apis = Vec<(Account, Arc<ApiAccount>)>;

/// Everything that sends and asks, over one store.
pub struct Requests {
    store: Arc<Store>,
    intake: Arc<Intake>,
    clock: Arc<dyn Clock>,
    apis: RwLock<Arc<Apis>>,
    health: Mutex<HashMap<Account, Arc<AccountHealth>>>,
    counts: CallCounts,
    threads: ThreadPool,
    /// A request became due by an act or an intent.
    wake: Notify,
    is_draining: AtomicBool,
    drained: Notify,
    /// When each account was last asked because of a read.
    asked_on_read: Mutex<HashMap<Account, Instant>>,
}

impl Requests {
    pub fn new(store: Arc<Store>, intake: Arc<Intake>, clock: Arc<dyn Clock>, apis: Apis) -> Self {
        Self {
            store,
            intake,
            clock,
            apis: RwLock::new(Arc::new(apis)),
            health: Mutex::default(),
            counts: CallCounts::default(),
            threads: ThreadPool::new("call"),
            wake: Notify::new(),
            is_draining: AtomicBool::new(false),
            drained: Notify::new(),
            asked_on_read: Mutex::default(),
        }
    }

    /// Uses these accounts from now on; calls under way end with the old ones.
    pub fn set_apis(&self, apis: Apis) {
        *self.apis.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(apis);
        // Connections and what is known of an account begin anew: its address or key may have changed.
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.clear();
        drop(health);
        self.wake.notify_one();
    }

    fn apis(&self) -> Arc<Apis> {
        let apis = self.apis.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&apis)
    }

    /// What sends for an account.
    pub fn api(&self, account: &Account) -> Option<Arc<ApiAccount>> {
        let apis = self.apis();
        let mut all = apis.iter();
        all.find(|(known, _)| known == account)
            .map(|(_, api)| Arc::clone(api))
    }

    /// Where the accounts of sandboxes send to: scheme, host and path of each.
    pub fn sandboxes(&self) -> Vec<String> {
        let apis = self.apis();
        let of_sandbox = apis.iter().filter(|(_, api)| api.is_sandbox);
        of_sandbox.map(|(_, api)| api.base_url.clone()).collect()
    }

    /// What is known of an account since the start.
    pub fn health(&self, account: &Account, api: &ApiAccount) -> Arc<AccountHealth> {
        let mut all = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all
            .entry(account.clone())
            .or_insert_with(|| Arc::new(AccountHealth::new(api)));
        Arc::clone(known)
    }

    /// Calls to providers since the start.
    pub fn counts(&self) -> &CallCounts {
        &self.counts
    }
}
