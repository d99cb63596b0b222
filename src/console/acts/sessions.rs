//! Ends every session of a user.

use actix_web::HttpResponse;

use super::{ActPage, done, reason};
use crate::console::access::session;
use crate::console::form::Fields;
use crate::console::frame::{Section, address};
use crate::console::language::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};

pub async fn ask(visit: Visit) -> Result<HttpResponse, Trouble> {
    let query = visit.query();
    let name = query.text("name").ok_or(Trouble::NotFound)?.to_owned();
    page(&ActPage {
        detail: String::new(),
        frame: visit.frame(Section::Health),
        title: Text::Revoke,
        what: Text::RevokeWhat,
        action: address("/console/sessions/revoke", &[("name", &name)]),
        about: name,
        back: "/console/health".to_owned(),
        is_risky: false,
    })
}

pub async fn act(visit: Visit, fields: Fields) -> Result<HttpResponse, Trouble> {
    let reason = reason(&fields)?;
    let name = visit
        .query()
        .text("name")
        .ok_or(Trouble::NotFound)?
        .to_owned();
    let ended = session::revoke(&visit.app, &name, &reason, visit.actor()).await?;
    let by = &visit.viewer.name;
    tracing::info!(
        by,
        name,
        reason,
        ended,
        "sessions of the console were revoked"
    );
    Ok(done("/console/health", Text::SessionsRevoked))
}
