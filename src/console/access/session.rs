//! Sessions: the browser holds 256 random bits, the store their SHA-256. A session ends after half an hour without
//! use, after twelve hours, with its reader's token, or by a logout.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cookies;
use crate::config::{Reader, Scope};
use crate::console::Console;
use crate::console::access::proxy::Named;
use crate::console::trouble::Trouble;
use crate::crypto::{hex, random_secret, sha256};
use crate::domain::time::Timestamp;
use crate::domain::trail::{About, Act, Actor};
use crate::http::App;
use crate::store::{Lane, SessionRow, StoreError};

/// Time without use after which a session ends.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// Time after its login when it ends in any case.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// How often its use is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Requests that a user of a proxy may have under way.
const CONNECTIONS: usize = 16;
/// Bytes of a session's hash that name it in the trail; they open nothing.
const NAMED_BYTES: usize = 6;
/// Before the secret, when the token of its forms is made of it.
const OF_FORM: &str = "form token of ";

/// Who looks at a page.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// A reader's name, or `proxy:` and the user's.
    pub name: String,
    /// Names the token of the login; empty: a proxy named the user.
    pub token_id: String,
    pub scopes: Vec<Scope>,
    /// Proves that a form is from a page of this session.
    pub form_token: String,
    pub session_hash: [u8; 32],
    pub max_connections: usize,
}

impl Viewer {
    fn new(secret: &str, name: String, scopes: Vec<Scope>, max_connections: usize) -> Self {
        Self {
            name,
            token_id: String::new(),
            scopes,
            form_token: hex(&sha256(format!("{OF_FORM}{secret}").as_bytes())),
            session_hash: sha256(secret.as_bytes()),
            max_connections,
        }
    }

    fn of_reader(secret: &str, reader: &Reader) -> Self {
        let scopes = reader.scopes.clone();
        let token_id = reader.token.short_id();
        Self {
            token_id,
            ..Self::new(secret, reader.name.clone(), scopes, reader.max_connections)
        }
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// The session of a request, and the cookie to set where it is a new one.
pub async fn find(
    app: &Data<App>,
    console: &Console,
    request: &HttpRequest,
) -> Result<Option<(Viewer, Option<String>)>, Trouble> {
    let named = console
        .settings
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.user(request));
    let secret = cookies::get(request, cookies::session_name(&console.settings));
    let now = app.clock.now();
    if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
        let hash = sha256(secret.as_bytes());
        let row = app
            .store
            .read(move |snapshot| snapshot.session(&hash))
            .await?;
        let row = row.filter(|row| is_fresh(row, now));
        let viewer = row
            .as_ref()
            .and_then(|row| viewer(app, row, secret, named.as_ref(), now));
        if let (Some(viewer), Some(row)) = (viewer, row) {
            note_use(app, &row, now);
            return Ok(Some((viewer, None)));
        }
    }
    let Some(named) = named else {
        return Ok(None);
    };
    let by = Actor {
        reader: named.name.clone(),
        token_id: String::new(),
        from: peer_text(request),
    };
    let begins_at = Instant::now();
    if let Some(seconds) = console.begun.wait(&named.name, begins_at) {
        return Err(Trouble::RateLimited(seconds));
    }
    console.begun.note(named.name.clone(), begins_at);
    let secret = begin(app, by, None).await?;
    let cookie = cookies::set_session(&console.settings, &secret);
    let viewer = Viewer::new(&secret, named.name, named.scopes, CONNECTIONS);
    Ok(Some((viewer, Some(cookie))))
}

fn is_fresh(row: &SessionRow, now: Timestamp) -> bool {
    row.used_at.plus(IDLE) > now && row.created_at.plus(LONGEST) > now
}

/// The user of a session, with the rights of this moment.
fn viewer(
    app: &App,
    row: &SessionRow,
    secret: &str,
    named: Option<&Named>,
    now: Timestamp,
) -> Option<Viewer> {
    let Some(token_hash) = row.token_hash else {
        let named = named.filter(|named| named.name == row.name)?;
        let (name, scopes) = (named.name.clone(), named.scopes.clone());
        return Some(Viewer::new(secret, name, scopes, CONNECTIONS));
    };
    let rules = app.rules();
    let mut readers = rules.readers.all();
    let reader = readers.find(|reader| hash_of(reader) == token_hash && reader.name == row.name)?;
    is_valid(reader, now).then(|| Viewer::of_reader(secret, reader))
}

/// Whether a reader may be logged in.
fn is_valid(reader: &Reader, now: Timestamp) -> bool {
    reader.expires_at.is_none_or(|end| end > now) && reader.scopes.contains(&Scope::ConsoleRead)
}

fn hash_of(reader: &Reader) -> [u8; 32] {
    sha256(&reader.token.bytes())
}

fn note_use(app: &Data<App>, row: &SessionRow, now: Timestamp) {
    if row.used_at.plus(NOTED_EVERY) > now {
        return;
    }
    let (app, hash) = (app.clone(), row.session_hash);
    // No page waits for it.
    actix_web::rt::spawn(async move {
        let noted = app.store.write("use session", Lane::SHARED, move |tx| {
            tx.use_session(&hash, now)
        });
        drop(noted.await);
    });
}

/// The address of the peer, for the trail.
pub fn peer_text(request: &HttpRequest) -> String {
    let peer = request.peer_addr();
    peer.map_or_else(String::new, |peer| peer.to_string())
}

/// Logs a token's reader in; the secret for the cookie and the name, or `None` where the token opens nothing.
pub async fn log_in(
    app: &App,
    token: &str,
    from: String,
) -> Result<Option<(String, String)>, Trouble> {
    let (rules, now) = (app.rules(), app.clock.now());
    let reader = rules
        .readers
        .all()
        .find(|reader| reader.token.matches(token));
    let Some(reader) = reader.filter(|reader| is_valid(reader, now)) else {
        return Ok(None);
    };
    if let Some(Err(allowance)) = rules.readers.take(&reader.name) {
        app.metrics.limited(&reader.name);
        return Err(Trouble::RateLimited(allowance.retry_after_seconds));
    }
    let by = Actor {
        reader: reader.name.clone(),
        token_id: reader.token.short_id(),
        from,
    };
    let secret = begin(app, by, Some(hash_of(reader))).await?;
    Ok(Some((secret, reader.name.clone())))
}

/// Stores a new session with its entry in the trail, and removes those that have ended.
async fn begin(app: &App, by: Actor, token_hash: Option<[u8; 32]>) -> Result<String, StoreError> {
    let (secret, now) = (random_secret(), app.clock.now());
    let row = SessionRow {
        session_hash: sha256(secret.as_bytes()),
        name: by.reader.clone(),
        token_hash,
        created_at: now,
        used_at: now,
    };
    let begun = app.store.write("begin session", Lane::SHARED, move |tx| {
        tx.delete_ended_sessions(now.minus(IDLE), now.minus(LONGEST))?;
        tx.insert_session(&row)?;
        tx.append_act(by.did(Act::ConsoleLogin, about(&row.session_hash), now));
        Ok(())
    });
    begun.await?;
    Ok(secret)
}

/// What the trail calls a session: the first digits of its hash.
fn about(session_hash: &[u8; 32]) -> About {
    About::new("session", hex(&session_hash[..NAMED_BYTES]))
}

/// Ends this session, or all of the same user.
pub async fn log_out(
    app: &App,
    viewer: &Viewer,
    by: Actor,
    everywhere: bool,
) -> Result<(), StoreError> {
    let (hash, name, now) = (viewer.session_hash, viewer.name.clone(), app.clock.now());
    let ended = app.store.write("end session", Lane::SHARED, move |tx| {
        let ended = if everywhere {
            tx.delete_sessions_of(&name)?
        } else {
            tx.delete_session(&hash)?
        };
        let entry = by.did(Act::ConsoleLogout, about(&hash), now);
        tx.append_act(entry.changed(&Value::Null, &json!({ "sessions_ended": ended })));
        Ok(())
    });
    ended.await
}

/// Ends every session of a user; gives how many there were.
pub async fn revoke(app: &App, name: &str, reason: &str, by: Actor) -> Result<usize, StoreError> {
    let (name, reason, now) = (name.to_owned(), reason.to_owned(), app.clock.now());
    let revoked = app.store.write("revoke sessions", Lane::SHARED, move |tx| {
        let ended = tx.delete_sessions_of(&name)?;
        let entry = by.did(
            Act::SessionsEnded,
            About::new("sessions", name.as_str()),
            now,
        );
        let entry = entry.because(&reason);
        tx.append_act(entry.changed(&Value::Null, &json!({ "sessions_ended": ended })));
        Ok(ended)
    });
    revoked.await
}
