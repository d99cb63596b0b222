//! Stops an account, or lets it send again.

use actix_web::HttpResponse;
use actix_web::web::Path;

use super::{ActPage, done, reason};
use crate::console::form::Fields;
use crate::console::frame::Section;
use crate::console::language::text::Text;
use crate::console::pages::raw;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::claim::Account;
use crate::http::internal::access::acts::{Act, note};

const STOP: &str = "stop";
const RESUME: &str = "resume";

/// Provider, account, act.
type Place = Path<(String, String, String)>;

pub async fn ask(visit: Visit, place: Place) -> Result<HttpResponse, Trouble> {
    let (provider, name, act) = place.into_inner();
    let (title, what) = match act.as_str() {
        STOP => (Text::Stop, Text::StopWhat),
        RESUME => (Text::Resume, Text::ResumeWhat),
        _ => return Err(Trouble::NotFound),
    };
    let account = Account { provider, name };
    visit.app.requests.api(&account).ok_or(Trouble::NotFound)?;
    let stopped = visit.app.requests.stopped().await?;
    let stop = stopped.iter().find(|stop| stop.account == account);
    let reason = stop.map_or("", |stop| stop.reason.as_str());
    let about = account.to_string();
    page(&ActPage {
        detail: raw::shown(reason),
        frame: visit.frame(Section::Accounts),
        title,
        what,
        action: format!("/console/accounts/{about}/{act}"),
        about,
        back: "/console/accounts".to_owned(),
        is_risky: act == RESUME,
    })
}

pub async fn act(visit: Visit, place: Place, fields: Fields) -> Result<HttpResponse, Trouble> {
    let (provider, name, act) = place.into_inner();
    let account = Account { provider, name };
    let reason = reason(&fields)?;
    let (by, requests) = (&visit.viewer.name, &visit.app.requests);
    let (has_changed, noted, what) = match act.as_str() {
        STOP => {
            let stopped = requests.stop(&account, &reason, visit.actor()).await?;
            (stopped, Act::AccountStopped, Text::AccountStopped)
        }
        RESUME => {
            let resumed = requests.resume(&account, &reason, visit.actor()).await?;
            (resumed, Act::AccountResumed, Text::AccountResumed)
        }
        _ => return Err(Trouble::NotFound),
    };
    if has_changed {
        let about = format!("account {account}");
        note(&visit.app, by, noted, &about, &reason);
    }
    Ok(done("/console/accounts", what))
}
