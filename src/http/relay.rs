//! `POST /relays/{provider}/{account}/{refund_no}`: the merchant's own system passes on the reply of a
//! provider that never calls. It waits for both transactions and learns where the refund stands.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::App;
use super::body::{self, single_header};
use super::callback::{count, moment_of_validity};
use super::error::PublicError;
use super::refusal;
use crate::closeout::{Notification, Settled};
use crate::domain::ids::Number;
use crate::providers::Request;

/// Takes one relayed reply.
pub async fn receive(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(String, String, String)>,
    payload: Payload,
) -> HttpResponse {
    let body = match refusal::read_or_refuse(&app, &request, payload).await {
        Ok(body) => body,
        Err(error) => return error.response(),
    };
    match accept_and_settle(&app, &request, &path, &body).await {
        Ok(settled) => answer(&settled),
        Err(error) => {
            refusal::note(&app, &request, &error, body).await;
            error.response()
        }
    }
}

async fn accept_and_settle(
    app: &App,
    request: &HttpRequest,
    (provider, account, refund_no): &(String, String, String),
    body: &[u8],
) -> Result<Settled, PublicError> {
    if !body::is_json(request) {
        let why = "send Content-Type: application/json";
        return Err(PublicError::UnsupportedMedia(why));
    }
    let refund_no: Number = refund_no
        .parse()
        .map_err(|error| PublicError::Malformed(format!("the refund number {error}")))?;
    let received_at = app.clock.now();
    let (account, relay, verified) = app.registry.verify_relay(
        provider,
        account,
        &refund_no,
        &Request {
            header: &|name| single_header(request, name),
            body,
            now: moment_of_validity(received_at)?,
        },
    )?;
    let accepted = app
        .closeout
        .accept(Notification {
            account: account.clone(),
            verified,
            headers: body::kept_headers(request, relay.kept_headers()),
            body: body.to_vec(),
            received_at,
        })
        .await?;
    count(app, account, accepted.stored);
    Ok(app.closeout.settle(accepted).await?)
}

fn answer(settled: &Settled) -> HttpResponse {
    let (id, status) = settled.refund.unzip();
    HttpResponse::Ok().json(json!({"refund_id": id, "status": status}))
}
