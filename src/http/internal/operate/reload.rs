//! `POST /v1/reload`: reads the config again. The handler only sends a request; the composition root reloads, one
//! reload after the other.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::{mpsc, oneshot};

use crate::api::reload::Reloaded;
use crate::domain::trail::Actor;
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::acts::Act;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::Reloading;
use crate::store::StoreError;

/// A request to reload the config.
pub struct Reload {
    /// The reader, or from which signal it came.
    pub by: Actor,
    pub reply: oneshot::Sender<Result<Reloaded, NotReloaded>>,
}

/// Why a reload changed nothing.
#[derive(Debug)]
pub enum NotReloaded {
    /// The errors of the config, a line each.
    Invalid(Vec<String>),
    /// The store failed.
    Store(StoreError),
}

/// One request is queued; a further one waits.
pub fn channel() -> (mpsc::Sender<Reload>, mpsc::Receiver<Reload>) {
    mpsc::channel(1)
}

/// Reloads the config: accounts, keys, secrets, readers, endpoints, limits. A config with an error changes
/// nothing.
#[utoipa::path(
    post, path = "/v1/reload", operation_id = "reload", tag = "service",
    responses((status = 200, description = "The new config is in effect, except for what needs a restart", body = Reloaded), Reloading)
)]
pub async fn reload(
    app: Data<App>,
    request: HttpRequest,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let done = ask(&app.reloads, admission.actor()).await?;
    acts::note(
        &app,
        &admission.reader.name,
        Act::Reload,
        "config",
        "it was read again",
    );
    Ok(HttpResponse::Ok().json(done))
}

async fn ask(reloads: &mpsc::Sender<Reload>, by: Actor) -> Result<Reloaded, ApiError> {
    let (reply, outcome) = oneshot::channel();
    let closed = || ApiError::Unavailable(StoreError::Closed);
    let asked = reloads.send(Reload { by, reply }).await;
    asked.map_err(|_| closed())?;
    match outcome.await.map_err(|_| closed())? {
        Ok(reloaded) => Ok(reloaded),
        Err(NotReloaded::Invalid(errors)) => Err(ApiError::InvalidConfig(errors)),
        Err(NotReloaded::Store(error)) => Err(ApiError::Unavailable(error)),
    }
}
