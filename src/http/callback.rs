//! `POST /callbacks/{provider}/{account}`: a provider reports the outcome of a refund.
//!
//! The order of work is the promise: size limit, bytes untouched, verify, transaction 1 on disk,
//! answer, transaction 2.

use actix_web::http::Method;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::App;
use super::body::{self, single_header};
use super::error::{self, PublicError};
use super::openapi::bodies::ProviderCallback;
use super::openapi::responses::Refusing;
use super::refusal;
use crate::domain::claim::Account;
use crate::domain::clock::Moment;
use crate::intake::Notification;
use crate::providers::{Notice, Request};
use crate::store::{StoreError, Stored};
use crate::telemetry::CallbackLabels;

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
    let Some(path) = split_path(request.path()) else {
        return error::not_found();
    };
    if request.method() != Method::POST {
        return error::only_post().await;
    }
    let body = match refusal::read_or_refuse(&app, &request, payload).await {
        Ok(body) => body,
        Err(error) => return error.response(),
    };
    let verified = match verify(&app, &request, path, &body) {
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

/// Provider and account of `/callbacks/{provider}/{account}`, as they were sent.
fn split_path(path: &str) -> Option<(&str, &str)> {
    let (provider, account) = path.strip_prefix("/callbacks/")?.split_once('/')?;
    let is_plain = !provider.is_empty() && !account.is_empty() && !account.contains('/');
    is_plain.then_some((provider, account))
}

/// A notification that is proven, and not stored yet.
struct Verified<'a> {
    account: &'a Account,
    notice: Notice,
    kept_headers: &'static [&'static str],
    received_at: Moment,
}

fn verify<'a>(
    app: &'a App,
    request: &HttpRequest,
    (provider, account): (&str, &str),
    body: &[u8],
) -> Result<Verified<'a>, PublicError> {
    check_head(request)?;
    let received_at = app.clock.now();
    let (account, provider, notice) = app.registry.verify(
        provider,
        account,
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
