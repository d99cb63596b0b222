//! What the trail keeps of acts that change nothing: views of raw bodies, and rejected calls that would have changed
//! something. Both are bounded: one row a minute of each kind, whatever a client does.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::auth::Admission;
use crate::domain::trail::{About, Act, Actor};
use crate::http::App;
use crate::store::{Lane, StoreError, Tx};

/// Refunds of which views by one reader are told apart within a minute.
const REFUNDS_MAX: usize = 100;
/// Approximate bytes of a row about a rejected call.
const ROW_BYTES: usize = 512;
const MINUTE_MS: i64 = 60_000;

/// Set once the row of a view is committed; those who look at the same wait for it.
type Cell = Arc<OnceCell<()>>;

/// What is in the trail for the present minute.
#[derive(Default)]
pub struct Noted(Mutex<OfMinute>);

#[derive(Default)]
struct OfMinute {
    minute: i64,
    /// By reader and token.
    views: HashMap<(String, String), HashMap<About, Cell>>,
    rejected: HashSet<Rejected>,
}

/// A rejected call: no part of it is chosen by the client, so there are few.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Rejected {
    reader: String,
    call: String,
    code: &'static str,
}

impl Noted {
    fn of_minute(&self, minute: i64) -> MutexGuard<'_, OfMinute> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.minute != minute {
            *noted = OfMinute {
                minute,
                ..OfMinute::default()
            };
        }
        noted
    }

    /// The cell of a view, and what its row is about.
    fn view(&self, minute: i64, by: &Actor, mut about: About) -> (About, Cell) {
        let mut noted = self.of_minute(minute);
        let of_reader = noted
            .views
            .entry((by.reader.clone(), by.token_id.clone()))
            .or_default();
        if !of_reader.contains_key(&about) && of_reader.len() >= REFUNDS_MAX {
            about = About::new("refunds", "others");
        }
        let cell = of_reader.entry(about.clone()).or_default();
        (about, Arc::clone(cell))
    }

    fn is_first(&self, minute: i64, rejected: Rejected) -> bool {
        self.of_minute(minute).rejected.insert(rejected)
    }
}

/// Returns once the trail says that this reader sees bodies of this refund; only then may they be shown.
pub async fn note(app: &App, by: &Actor, about: About) -> Result<(), StoreError> {
    let now = app.clock.now();
    let (about, cell) = app.noted.view(now.as_millis() / MINUTE_MS, by, about);
    let entry = by.did(Act::BodiesViewed, about, now);
    let append = || app.store.write_act("note view", entry);
    cell.get_or_try_init(append).await.map(drop)
}

/// Adds a rejected call to the trail, if it would have changed something. The answer does not wait for it: the log
/// has every rejection.
pub fn note_rejected(app: &App, by: &Actor, call: &str, code: &'static str) {
    let now = app.clock.now();
    let rejected = Rejected {
        reader: by.reader.clone(),
        call: call.to_owned(),
        code,
    };
    if !app.noted.is_first(now.as_millis() / MINUTE_MS, rejected) {
        return;
    }
    let entry = by.did(Act::CallRejected, About::new("call", call), now);
    let entry = entry.changed(&Value::Null, &json!({ "code": code }));
    let append = move |tx: &mut Tx<'_>| {
        tx.append_act(entry.clone());
        Ok(())
    };
    // A full queue drops it.
    let queued = app
        .store
        .write_later("note rejection", Lane::SHARED, ROW_BYTES, append);
    drop(queued);
}

impl Admission {
    /// The same for a handler.
    pub async fn sees_bodies_of(&self, app: &App, about: About) -> Result<(), StoreError> {
        note(app, &self.actor(), about).await
    }
}
