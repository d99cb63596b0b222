//! `POST /callbacks/{provider}/{account}`: a provider reports the outcome of a refund.
//!
//! The order of work is the promise: size limit, bytes untouched, verify, transaction 1 on disk,
//! answer, transaction 2.

use actix_web::http::Method;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body::{self, single_header};
use super::error::{self, PublicError};
use super::openapi::bodies::ProviderCallback;
use super::openapi::responses::Refusing;
use super::refusal;
use super::{App, Rules};
use crate::domain::claim::Account;
use crate::domain::clock::Moment;
use crate::intake::Notification;
use crate::providers::text::printable;
use crate::providers::{Arrival, Notice, Request};
use crate::store::{StoreError, Stored};
use crate::telemetry::CallbackLabels;

/// What every path of a callback begins with.
const PATH: &str = "/callbacks/";

/// A provider reports the outcome of a refund. A success answer means that the bytes are on disk.
#[utoipa::path(
    post, path = "/callbacks/{provider}/{account}", operation_id = "receive_callback", tag = "public",
    security(("signature" = []), ()),
    params(
        ("provider" = String, Path, example = "payermax"),
        ("account" = String, Path, example = "main")
    ),
    request_body = ProviderCallback,
    responses(
        (status = 200, description = "On disk; the exact body that this provider expects", body = Object),
        Refusing
    )
)]
pub async fn receive(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let rules = app.rules();
    let Some(path) = split_path(&rules, request.path()) else {
        return error::not_found();
    };
    if request.method() != Method::POST {
        return error::only_post().await;
    }
    let body = match refusal::read_or_refuse(&app, &request, payload).await {
        Ok(body) => body,
        Err(error) => return error.response(),
    };
    let verified = match verify(&app, &rules, &request, path, &body) {
        Ok(verified) => verified,
        Err(error) => {
            refusal::note(&app, &request, &error, body).await;
            return error.response();
        }
    };
    match accept(&app, &request, verified, body).await {
        Ok(acknowledgement) => HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(acknowledgement),
        Err(error) => {
            let error = PublicError::from(error);
            refusal::note(&app, &request, &error, Vec::new()).await;
            error.response()
        }
    }
}

/// The parts of `/callbacks/{provider}/{account}[/{secret}]`, as they were sent.
#[derive(Clone, Copy)]
struct CallbackPath<'a> {
    provider: &'a str,
    account: &'a str,
    secret: Option<&'a str>,
}

/// A third part is as good as any wrong signature where an account has a secret in its path, and names
/// nothing where none has.
fn split_path<'a>(rules: &Rules, path: &'a str) -> Option<CallbackPath<'a>> {
    let (provider, rest) = path.strip_prefix(PATH)?.split_once('/')?;
    let (account, secret) = match rest.split_once('/') {
        Some((account, secret)) => (account, Some(secret)),
        None => (rest, None),
    };
    let is_plain = !provider.is_empty()
        && !account.is_empty()
        && secret.is_none_or(|secret| {
            rules.registry.has_secret_paths() && !secret.is_empty() && !secret.contains('/')
        });
    is_plain.then_some(CallbackPath {
        provider,
        account,
        secret,
    })
}

/// A path as it may be logged and kept: whatever stands behind the account may be its secret.
pub fn shown_path(path: &str) -> String {
    let behind = path.strip_prefix(PATH).and_then(|rest| {
        let account = rest.find('/')? + 1;
        Some(PATH.len() + account + rest[account..].find('/')? + 1)
    });
    match behind {
        Some(behind) => format!("{}…", printable(&path[..behind])),
        None => printable(path),
    }
}

/// A notification that is proven, and not stored yet.
struct Verified<'a> {
    account: &'a Account,
    notice: Notice,
    kept_headers: &'static [&'static str],
    received_at: Moment,
}

fn verify<'a>(
    app: &App,
    rules: &'a Rules,
    request: &HttpRequest,
    path: CallbackPath<'_>,
    body: &[u8],
) -> Result<Verified<'a>, PublicError> {
    check_head(request)?;
    let received_at = app.clock.now();
    let (account, provider, notice) = rules.registry.verify(
        path.provider,
        path.account,
        &Arrival {
            peer: request.peer_addr().map(|peer| peer.ip()),
            path_secret: path.secret,
        },
        &Request {
            header: &|name| single_header(request, name),
            body,
            now: moment_of_validity(received_at)?,
        },
    )?;
    Ok(Verified {
        account,
        notice,
        kept_headers: provider.kept_headers(),
        received_at,
    })
}

/// Stores it; when this returns `Ok`, it is on disk and may be acknowledged.
async fn accept(
    app: &App,
    request: &HttpRequest,
    verified: Verified<'_>,
    body: Vec<u8>,
) -> Result<&'static str, StoreError> {
    let Verified {
        account,
        notice,
        kept_headers,
        received_at,
    } = verified;
    let accepted = app
        .intake
        .accept(Notification {
            account: account.clone(),
            verified: notice.verified,
            headers: body::kept_headers(request, kept_headers),
            body,
            received_at,
        })
        .await?;
    count(app, account, accepted.stored);
    app.intake.settle_later(accepted);
    Ok(notice.acknowledgement)
}

/// What holds for everything that a signature proves, callback or relay, before any is checked.
pub fn check_head(request: &HttpRequest) -> Result<(), PublicError> {
    if !body::is_json(request) {
        let why = "send Content-Type: application/json";
        return Err(PublicError::UnsupportedMedia(why));
    }
    if !request.query_string().is_empty() {
        // It is outside every signature, and what reads parameters may take them for the body's.
        let why = "a notification has no query string";
        return Err(PublicError::Malformed(why.to_owned()));
    }
    Ok(())
}

/// Counts a stored notification.
pub fn count(app: &App, account: &Account, stored: Stored) {
    let labels = CallbackLabels {
        provider: account.provider.clone(),
        account: account.name.clone(),
        delivery: match stored {
            Stored::New => "new",
            Stored::Before { .. } => "repeat",
        },
    };
    app.metrics.callbacks.get_or_create(&labels).inc();
}

/// A clock outside the years that keys can be valid in proves nothing.
pub fn moment_of_validity(now: Moment) -> Result<jiff::Timestamp, PublicError> {
    now.to_timestamp()
        .ok_or_else(|| PublicError::Unauthorized("the clock is out of range".to_owned()))
}
