//! Each sandbox: its clock, the faults that are armed, its last exchanges.

use actix_web::HttpResponse;
use askama::Template;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Failure, Origin, PATH, call};
use crate::config::Scope;
use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::pages::raw::shown;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};

/// Faults of a sandbox that are shown.
const FAULTS_MAX: usize = 100;
/// The last exchanges that are shown, without their bytes.
const JOURNAL: &str = "journal?format=brief&newest=50";

#[derive(Template)]
#[template(path = "sandbox.html")]
struct SandboxPage {
    frame: Frame,
    sandboxes: Vec<Seen>,
    may_act: bool,
}

/// One sandbox.
struct Seen {
    origin: String,
    arm_href: String,
    disarm_href: String,
    clock_href: String,
    /// `Err`: why nothing is known of it.
    state: Result<State, String>,
}

struct State {
    clock: Clock,
    /// Its clock can be moved.
    can_move: bool,
    faults: Vec<Armed>,
    exchanges: Vec<Exchange>,
}

/// A reply of `GET /sandbox/clock`.
#[derive(Deserialize)]
struct Clock {
    now: String,
    /// `real`, `fast` or `manual`.
    #[serde(rename = "clock")]
    pace: String,
    next_due: Option<String>,
}

/// The rows of a list.
#[derive(Deserialize)]
struct Rows<T> {
    data: Vec<T>,
}

/// An armed fault.
#[derive(Deserialize)]
struct Armed {
    provider: Option<String>,
    call: Option<String>,
    number: Option<String>,
    fault: String,
    times: u32,
    seconds: u64,
}

/// An exchange of the journal.
#[derive(Deserialize)]
struct Exchange {
    at: String,
    provider: String,
    call: String,
    number: Option<String>,
    status: Option<u16>,
    fault: Option<String>,
    verdict: String,
    refused: bool,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let origins = Origin::all(&visit.app);
    if origins.is_empty() {
        return Err(Trouble::NotFound);
    }
    let mut sandboxes = Vec::with_capacity(origins.len());
    for origin in &origins {
        let state = state(origin).await;
        sandboxes.push(seen(origin, state));
    }
    page(&SandboxPage {
        frame: visit.frame(Section::Sandbox),
        sandboxes,
        may_act: visit.viewer.may(Scope::Operate),
    })
}

fn seen(origin: &Origin, state: Result<State, Failure>) -> Seen {
    let to = |act: &str| address(&format!("{PATH}/{act}"), &[("at", origin.as_str())]);
    Seen {
        origin: origin.as_str().to_owned(),
        arm_href: to("arm"),
        disarm_href: to("disarm"),
        clock_href: to("clock"),
        state: state.map_err(|failure| match failure {
            Failure::Away(why) | Failure::Rejected(why) => shown(&why),
        }),
    }
}

async fn state(origin: &Origin) -> Result<State, Failure> {
    let clock: Clock = read(origin, "clock").await?;
    let faults: Rows<Armed> = read(origin, "faults").await?;
    let journal: Rows<Exchange> = read(origin, JOURNAL).await?;
    Ok(State {
        can_move: clock.pace != "real",
        clock,
        faults: faults.data.into_iter().take(FAULTS_MAX).collect(),
        exchanges: journal.data.into_iter().rev().collect(),
    })
}

async fn read<T: DeserializeOwned>(origin: &Origin, path: &'static str) -> Result<T, Failure> {
    let said = call(origin, "GET", path, None).await?;
    serde_json::from_value(said).map_err(|error| Failure::Away(format!("{path}: {error}")))
}
