//! Sessions: the browser holds 256 random bits, the store their SHA-256. A session ends after half an hour without
//! use, after twelve hours, with its reader's token, or by a logout.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::proxy::Named;
use super::{Console, cookies};
use crate::config::{Reader, Scope};
use crate::crypto::{hex, random_secret, sha256};
use crate::domain::time::Timestamp;
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
) -> Result<Option<(Viewer, Option<String>)>, StoreError> {
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
    let secret = begin(app, &named.name, None).await?;
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

/// Logs a token's reader in; the secret for the cookie, or `None` where the token opens nothing.
pub async fn log_in(app: &App, token: &str) -> Result<Option<(String, String)>, StoreError> {
    let (rules, now) = (app.rules(), app.clock.now());
    let reader = rules
        .readers
        .all()
        .find(|reader| reader.token.matches(token));
    let Some(reader) = reader.filter(|reader| is_valid(reader, now)) else {
        return Ok(None);
    };
    let secret = begin(app, &reader.name, Some(hash_of(reader))).await?;
    Ok(Some((secret, reader.name.clone())))
}

/// Stores a new session, and removes those that have ended.
async fn begin(app: &App, name: &str, token_hash: Option<[u8; 32]>) -> Result<String, StoreError> {
    let (secret, now) = (random_secret(), app.clock.now());
    let row = SessionRow {
        session_hash: sha256(secret.as_bytes()),
        name: name.to_owned(),
        token_hash,
        created_at: now,
        used_at: now,
    };
    let begun = app.store.write("begin session", Lane::SHARED, move |tx| {
        tx.delete_ended_sessions(now.minus(IDLE), now.minus(LONGEST))?;
        tx.insert_session(&row)
    });
    begun.await?;
    Ok(secret)
}

/// Ends this session, or all of the same user.
pub async fn log_out(app: &App, viewer: &Viewer, everywhere: bool) -> Result<(), StoreError> {
    let (hash, name) = (viewer.session_hash, viewer.name.clone());
    let ended = app.store.write("end session", Lane::SHARED, move |tx| {
        if everywhere {
            tx.delete_sessions_of(&name)?;
        }
        tx.delete_session(&hash)
    });
    ended.await
}

/// Ends every session of a user; gives how many there were.
pub async fn revoke(app: &App, name: &str) -> Result<usize, StoreError> {
    let name = name.to_owned();
    let revoked = app.store.write("revoke sessions", Lane::SHARED, move |tx| {
        tx.delete_sessions_of(&name)
    });
    revoked.await
}
