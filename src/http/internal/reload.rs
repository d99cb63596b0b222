//! `POST /v1/reload`: the config is read again. The handler only asks; whoever put the rooms together does
//! it, one reload after the other.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::{mpsc, oneshot};

use super::access::acts;
use super::access::acts::Act;
use super::access::auth::Admission;
use super::problem::ApiError;
use super::request::query::Query;
use crate::api::reload::Reloaded;
use crate::http::App;
use crate::http::openapi::responses::Reloading;
use crate::store::StoreError;

/// A wish to have the config read again.
pub struct Reload {
    /// Who wishes it: a reader's name, or a signal's.
    pub by: String,
    /// Where the outcome is told.
    pub told: oneshot::Sender<Result<Reloaded, NotReloaded>>,
}

/// Nothing has changed.
#[derive(Debug)]
pub enum NotReloaded {
    /// What is wrong with the config, a line each.
    Invalid(Vec<String>),
    /// The store failed.
    Store(StoreError),
}

/// Wishes under way; a further one waits.
pub fn channel() -> (mpsc::Sender<Reload>, mpsc::Receiver<Reload>) {
    mpsc::channel(1)
}

/// Reads the config again: accounts, keys, secrets, readers, endpoints, limits. One with an error changes
/// nothing.
#[utoipa::path(
    post, path = "/v1/reload", operation_id = "reload", tag = "service",
    responses((status = 200, description = "The config as it is now is in effect, but for what needs a restart", body = Reloaded), Reloading)
)]
pub async fn reload(
    app: Data<App>,
    request: HttpRequest,
    Admission { reader, .. }: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let by = &reader.name;
    let done = ask(&app.reloads, by).await?;
    acts::note(&app, by, Act::Reload, "config", "it was read again");
    Ok(HttpResponse::Ok().json(done))
}

async fn ask(reloads: &mpsc::Sender<Reload>, by: &str) -> Result<Reloaded, ApiError> {
    let (told, outcome) = oneshot::channel();
    let by = by.to_owned();
    let closed = || ApiError::Unavailable(StoreError::Closed);
    let asked = reloads.send(Reload { by, told }).await;
    asked.map_err(|_| closed())?;
    match outcome.await.map_err(|_| closed())? {
        Ok(reloaded) => Ok(reloaded),
        Err(NotReloaded::Invalid(errors)) => Err(ApiError::InvalidConfig(errors)),
        Err(NotReloaded::Store(error)) => Err(ApiError::Unavailable(error)),
    }
}
