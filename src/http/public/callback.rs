//! `POST /callbacks/{provider}/{account}`: a provider reports the outcome of a refund.
//!
//! The order of work is the durability promise: size limit, bytes untouched, verify, transaction 1 on disk,
//! acknowledgement, transaction 2.

use actix_web::http::Method;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::error::PublicError;
use super::not_found;
use super::other_kind;
use super::rejection;
use crate::domain::claim::Account;
use crate::domain::time::Timestamp;
use crate::http::openapi::bodies::ProviderCallback;
use crate::http::openapi::responses::Rejecting;
use crate::http::server::headers;
use crate::http::server::headers::{Lookup, not_json};
use crate::http::{App, Rules};
use crate::intake::VerifiedCallback;
use crate::providers::{About, Arrival, ProvenCallback, Rejection, Request};
use crate::store::{Receipt, StoreError};
use crate::telemetry::CallbackLabels;

const PATH: &str = "/callbacks/";

/// A provider reports the outcome of a refund. A success response means that the bytes are on disk.
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
        Rejecting
    )
)]
pub async fn receive(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let rules = app.rules();
    let Some(path) = split_path(&rules, request.path()) else {
        return not_found::no_path(&app, &request, payload).await;
    };
    if request.method() != Method::POST {
        return not_found::other_method(app, request, payload).await;
    }
    let body = match rejection::read_or_reject(&app, &request, payload).await {
        Ok(body) => body,
        Err(error) => return error.response(),
    };
    let began = Instant::now();
    let verified = match verify(&app, &rules, &request, path, &body) {
        Ok(verified) => verified,
        Err(error) => {
            rejection::note(&app, &request, &error, body).await;
            return error.response();
        }
    };
    let account = verified.account;
    match accept(&app, &request, verified, body).await {
        Ok(acknowledgement) => {
            app.metrics
                .latency
                .acked(&account.provider, began.elapsed());
            HttpResponse::Ok()
                .content_type(ContentType::json())
                .body(acknowledgement)
        }
        Err(error) => {
            let error = PublicError::from(error);
            // Always a 503, of which no evidence is kept: only a relay's message can be rejected by the store.
            rejection::note(&app, &request, &error, Vec::new()).await;
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

/// A third part is rejected like a wrong signature if any account has a secret in its path, and is not a path
/// of this kind if none has.
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

/// An authentic callback that is not stored yet.
struct Verified<'a> {
    account: &'a Account,
    notice: ProvenCallback,
    kept_headers: &'static [&'static str],
    received_at: Timestamp,
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
    let lookup = Lookup::new(request);
    let verified = rules.registry.verify(
        path.provider,
        path.account,
        &Arrival {
            peer: request.peer_addr().map(|peer| peer.ip()),
            path_secret: path.secret,
        },
        &Request {
            header: &|name| lookup.get(name),
            body,
            now: moment_of_validity(received_at)?,
        },
    );
    let (account, provider, notice) = verified.map_err(|rejection| {
        let (registry, provider, account) = (&rules.registry, path.provider, path.account);
        if registry.find(provider, account).is_some() {
            return named(rejection, &lookup);
        }
        of_no_account(
            rejection,
            registry.find_relay(provider, account).is_some(),
            "the account takes no callbacks; its replies are relayed to /relays/",
        )
    })?;
    Ok(Verified {
        account,
        notice,
        kept_headers: provider.kept_headers(),
        received_at,
    })
}

/// Stores it. After `Ok` it is on disk and may be acknowledged. A callback that is not about a refund is not
/// stored, and may be acknowledged at once.
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
    let About::Refund(verified) = notice.about else {
        other_kind::note(app, account);
        return Ok(notice.acknowledgement);
    };
    let accepted = app
        .intake
        .accept(VerifiedCallback {
            account: account.clone(),
            verified: *verified,
            headers: headers::kept_headers(request, kept_headers),
            body,
            received_at,
        })
        .await?;
    count(app, account, accepted.stored);
    app.intake.apply_later(accepted);
    Ok(notice.acknowledgement)
}

/// Checks of a callback or relay before its signature.
pub fn check_head(request: &HttpRequest) -> Result<(), PublicError> {
    if let Some(why) = not_json(request) {
        return Err(PublicError::UnsupportedMedia(why));
    }
    if !request.query_string().is_empty() {
        // No signature covers it, and a parameter could be mistaken for a member of the body.
        let why = "a callback or relay has no query string";
        return Err(PublicError::Malformed(why.to_owned()));
    }
    Ok(())
}

/// An adapter sees a header that cannot be used as missing; the rejection names what is wrong with it.
pub fn named(rejection: Rejection, lookup: &Lookup<'_>) -> PublicError {
    match (rejection, lookup.odd()) {
        (Rejection::Unauthorized(_), Some(odd)) => PublicError::Unauthorized(odd),
        (rejection, _) => rejection.into(),
    }
}

/// The rejection where no account has this name, or one of the other kind has: then it says where to send.
pub fn of_no_account(rejection: Rejection, is_other_kind: bool, instead: &str) -> PublicError {
    if is_other_kind {
        return PublicError::Unauthorized(instead.to_owned());
    }
    rejection.into()
}

/// Counts a stored callback.
pub fn count(app: &App, account: &Account, stored: Receipt) {
    let labels = CallbackLabels {
        provider: account.provider.clone(),
        account: account.name.clone(),
        delivery: match stored {
            Receipt::New => "new",
            Receipt::Repeat { .. } => "repeat",
        },
    };
    app.metrics.callbacks.get_or_create(&labels).inc();
}

/// A clock that is out of range cannot tell which keys are valid.
pub fn moment_of_validity(now: Timestamp) -> Result<jiff::Timestamp, PublicError> {
    now.to_timestamp()
        .ok_or_else(|| PublicError::Unauthorized("the clock is out of range".to_owned()))
}
