//! Endpoints that events are pushed to: how far each is, and what it did not take.

use actix_web::HttpResponse;
use askama::Template;

use crate::config::Scope;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::pages::export;
use crate::console::pages::raw::shown;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::push::EndpointStatus;

#[derive(Template)]
#[template(path = "push.html")]
struct PushPage {
    frame: Frame,
    endpoints: Vec<Line>,
    may_act: bool,
}

struct Line {
    name: String,
    url: String,
    state: Text,
    tone: &'static str,
    sequence: i64,
    lag: i64,
    parked: i64,
    given_up: i64,
    last_success: Option<When>,
    last_error: String,
    needs_recovery: bool,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let status = visit.app.push.status().await?;
    let frame = visit.frame(Section::Push);
    page(&PushPage {
        endpoints: status.iter().map(|status| line(&frame, status)).collect(),
        may_act: visit.viewer.may(Scope::Operate),
        frame,
    })
}

fn line(frame: &Frame, status: &EndpointStatus) -> Line {
    let row = &status.row;
    let (state, tone) = match (row.disabled, row.failing_since) {
        (Some(_), _) => (Text::Disabled, "bad"),
        (None, Some(_)) => (Text::Failing, "ask"),
        (None, None) => (Text::Active, "ok"),
    };
    Line {
        name: row.name.clone(),
        url: status.url.clone(),
        state,
        tone,
        sequence: row.pushed_sequence,
        lag: status.lag,
        parked: status.parked,
        given_up: status.given_up,
        last_success: row.last_success_at.map(|at| frame.when(at)),
        last_error: shown(row.last_error.as_deref().unwrap_or_default()),
        needs_recovery: row.disabled.is_some() || status.given_up > 0 || status.parked > 0,
    }
}

const HEAD: &str =
    "endpoint,url,state,pushed_sequence,lag,retried,given_up,last_success_at,last_error";

/// Every endpoint.
pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let status = visit.app.push.status().await?;
    let frame = visit.frame(Section::Push);
    let lines = status.iter().map(|status| {
        let line = line(&frame, status);
        let last_success = status.row.last_success_at;
        export::line([
            line.name,
            line.url,
            frame.t(line.state).to_owned(),
            line.sequence.to_string(),
            line.lag.to_string(),
            line.parked.to_string(),
            line.given_up.to_string(),
            last_success.map_or_else(String::new, |at| at.to_string()),
            line.last_error,
        ])
    });
    Ok(export::whole("endpoints", HEAD, lines))
}
