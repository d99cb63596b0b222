//! Enables an endpoint again: everything that it did not take is pushed at once.

use actix_web::HttpResponse;
use actix_web::web::Path;

use super::{ActPage, done, reason};
use crate::console::form::Fields;
use crate::console::frame::Section;
use crate::console::language::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::http::internal::access::acts::{Act, note};
use crate::push::RecoverError;

pub async fn ask(visit: Visit, name: Path<String>) -> Result<HttpResponse, Trouble> {
    let status = visit.app.push.status().await?;
    if !status.iter().any(|status| status.row.name == *name) {
        return Err(Trouble::NotFound);
    }
    page(&ActPage {
        detail: String::new(),
        frame: visit.frame(Section::Push),
        title: Text::Recover,
        what: Text::RecoverWhat,
        action: format!("/console/push/{name}/recover"),
        about: name.into_inner(),
        back: "/console/push".to_owned(),
        is_risky: false,
    })
}

pub async fn act(
    visit: Visit,
    name: Path<String>,
    fields: Fields,
) -> Result<HttpResponse, Trouble> {
    let reason = reason(&fields)?;
    let recovered = visit.app.push.recover(&name, None, visit.actor()).await;
    recovered.map_err(|error| match error {
        RecoverError::Unknown => Trouble::NotFound,
        RecoverError::Store(error) => Trouble::Store(error),
        error @ RecoverError::BeyondLast { .. } => Trouble::Conflict(error.to_string()),
    })?;
    let about = format!("endpoint {name}");
    note(
        &visit.app,
        &visit.viewer.name,
        Act::EndpointRecovered,
        &about,
        &reason,
    );
    Ok(done("/console/push", Text::EndpointRecovered))
}
