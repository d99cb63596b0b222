//! `POST /relays/{provider}/{account}/{refund_no}`: the merchant's own system relays the reply of a provider that
//! sends no callbacks. The response comes after both transactions and has the status of the refund.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::callback::{check_head, count, moment_of_validity, named, of_no_account};
use super::error::PublicError;
use super::rejection;
use crate::api::refund::RelayAnswer;
use crate::domain::claim::Account;
use crate::domain::ids::external_id::CHARS_MAX_UNDOCUMENTED;
use crate::domain::time::Timestamp;
use crate::http::openapi::bodies::RelayedReply;
use crate::http::openapi::responses::Rejecting;
use crate::http::path::last_number;
use crate::http::server::headers;
use crate::http::server::headers::Lookup;
use crate::http::{App, Rules};
use crate::intake::{Applied, VerifiedCallback};
use crate::providers::{Request, VerifiedClaim};
use crate::store::StoreError;

/// The merchant's own system relays a provider's reply; answered after both transactions.
#[utoipa::path(
    post, path = "/relays/{provider}/{account}/{refund_no}", operation_id = "receive_relay", tag = "public",
    security(("relay" = [])),
    params(
        ("provider" = String, Path, example = "quickpay"),
        ("account" = String, Path, example = "store-1"),
        ("refund_no" = String, Path, min_length = 1, max_length = 128, description = "The merchant's number of the refund, percent-encoded: a slash in it is %2F", example = "R-1"),
        ("webhook-id" = String, Header, description = "Id of the relay"),
        ("webhook-timestamp" = String, Header, description = "When it was signed, in seconds since 1970")
    ),
    request_body = RelayedReply,
    responses(
        (status = 200, description = "The refund and its status", body = RelayAnswer),
        Rejecting
    )
)]
pub async fn receive(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(String, String, String)>,
    payload: Payload,
) -> HttpResponse {
    let rules = app.rules();
    let body = match rejection::read_or_reject(&app, &request, payload).await {
        Ok(body) => body,
        Err(error) => return error.response(),
    };
    let began = Instant::now();
    let verified = match verify(&app, &rules, &request, &path, &body) {
        Ok(verified) => verified,
        Err(error) => {
            rejection::note(&app, &request, &error, body).await;
            return error.response();
        }
    };
    let account = verified.account;
    // Transaction 1 takes the bytes away, and can still reject the message.
    let evidence = body.clone();
    match accept_and_apply(&app, verified, body).await {
        Ok(applied) => {
            app.metrics
                .latency
                .acked(&account.provider, began.elapsed());
            answer(&applied)
        }
        Err(error) => {
            let error = PublicError::from(error);
            rejection::note(&app, &request, &error, evidence).await;
            error.response()
        }
    }
}

/// An authentic reply that is not stored yet.
struct Verified<'a> {
    account: &'a Account,
    claim: VerifiedClaim,
    headers: String,
    received_at: Timestamp,
}

fn verify<'a>(
    app: &App,
    rules: &'a Rules,
    request: &HttpRequest,
    (provider, account, _): &(String, String, String),
    body: &[u8],
) -> Result<Verified<'a>, PublicError> {
    check_head(request)?;
    // No document of a relayed provider limits the length of the merchant's number.
    let refund_no = last_number(request, CHARS_MAX_UNDOCUMENTED)
        .map_err(|flaw| PublicError::Malformed(format!("the refund number of the path {flaw}")))?;
    let received_at = app.clock.now();
    let lookup = Lookup::new(request);
    let verified = rules.registry.verify_relay(
        provider,
        account,
        &refund_no,
        &Request {
            header: &|name| lookup.get(name),
            body,
            now: moment_of_validity(received_at)?,
        },
    );
    let (account, relay, claim) = verified.map_err(|rejection| {
        let registry = &rules.registry;
        if registry.find_relay(provider, account).is_some() {
            return named(rejection, &lookup);
        }
        of_no_account(
            rejection,
            registry.find(provider, account).is_some(),
            "the account takes no relayed replies; its provider posts to /callbacks/",
        )
    })?;
    Ok(Verified {
        account,
        claim,
        headers: headers::kept_headers(request, relay.kept_headers()),
        received_at,
    })
}

/// Both transactions.
async fn accept_and_apply(
    app: &App,
    verified: Verified<'_>,
    body: Vec<u8>,
) -> Result<Applied, StoreError> {
    let account = verified.account;
    let accepted = app
        .intake
        .accept(VerifiedCallback {
            account: account.clone(),
            verified: verified.claim,
            headers: verified.headers,
            body,
            received_at: verified.received_at,
        })
        .await?;
    count(app, account, accepted.stored);
    app.intake.apply(accepted).await
}

fn answer(applied: &Applied) -> HttpResponse {
    let (refund_id, status) = applied.refund.unzip();
    HttpResponse::Ok().json(RelayAnswer { refund_id, status })
}
