//! Arms a fault, disarms all, moves the clock.

use actix_web::HttpResponse;
use actix_web::web::Path;
use askama::Template;
use serde_json::{Map, Value, json};

use super::{Origin, PATH, call};
use crate::console::acts::{ActPage, done, reason};
use crate::console::form::Fields;
use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::trail::{About, Act};
use crate::http::internal::access::acts::note;

const ARM: &str = "arm";
const DISARM: &str = "disarm";
const CLOCK: &str = "clock";

/// The form before a fault is armed, or the clock is moved.
#[derive(Template)]
#[template(path = "sandbox_act.html")]
struct SandboxActPage {
    frame: Frame,
    title: Text,
    what: Text,
    origin: String,
    action: String,
    /// Faults that it knows; none: the form is the clock's.
    faults: Vec<String>,
}

/// The sandbox that the address names.
fn origin(visit: &Visit) -> Result<Origin, Trouble> {
    let query = visit.query();
    Origin::named(&visit.app, query.text("at").unwrap_or_default())
}

pub async fn ask(visit: Visit, act: Path<String>) -> Result<HttpResponse, Trouble> {
    let origin = origin(&visit)?;
    let action = address(&format!("{PATH}/{act}"), &[("at", origin.as_str())]);
    let frame = visit.frame(Section::Sandbox);
    let (title, what, faults) = match act.as_str() {
        ARM => {
            let said = call(&origin, "GET", "faults", None).await?;
            let known = said["known"].as_array().cloned().unwrap_or_default();
            let words = known.iter().filter_map(Value::as_str);
            let words = words.map(ToOwned::to_owned).collect();
            (Text::ArmFault, Text::ArmFaultWhat, words)
        }
        CLOCK => (Text::MoveClock, Text::MoveClockWhat, Vec::new()),
        DISARM => {
            return page(&ActPage {
                frame,
                title: Text::Disarm,
                what: Text::DisarmWhat,
                detail: String::new(),
                about: origin.as_str().to_owned(),
                action,
                back: PATH.to_owned(),
                is_risky: false,
            });
        }
        _ => return Err(Trouble::NotFound),
    };
    page(&SandboxActPage {
        frame,
        title,
        what,
        origin: origin.as_str().to_owned(),
        action,
        faults,
    })
}

pub async fn act(visit: Visit, act: Path<String>, fields: Fields) -> Result<HttpResponse, Trouble> {
    let origin = origin(&visit)?;
    let reason = reason(&fields)?;
    let (method, path, body, text) = match act.as_str() {
        ARM => ("POST", "faults", fault(&fields)?, Text::FaultArmed),
        DISARM => ("DELETE", "faults", Value::Null, Text::Disarmed),
        CLOCK => {
            let body = json!({ "advance": fields.get("advance").trim() });
            ("POST", "clock", body, Text::ClockMoved)
        }
        _ => return Err(Trouble::NotFound),
    };
    call(&origin, method, path, Some(&body)).await?;
    let about = About::new("sandbox", origin.as_str());
    let entry = visit
        .actor()
        .did(Act::SandboxChanged, about, visit.app.clock.now());
    let after = json!({ "call": format!("{method} /sandbox/{path}"), "body": body });
    let entry = entry.because(&reason).changed(&Value::Null, &after);
    let store = &visit.app.store;
    store
        .write_act("note a change of the sandbox", entry)
        .await?;
    let about = format!("sandbox {}", origin.as_str());
    note(
        &visit.app,
        &visit.viewer.name,
        Act::SandboxChanged,
        &about,
        &reason,
    );
    Ok(done(PATH, text))
}

/// The fault of a form, as the sandbox takes it.
fn fault(fields: &Fields) -> Result<Value, Trouble> {
    let mut body = Map::new();
    for name in ["fault", "provider", "call", "number", "to"] {
        let value = fields.get(name).trim();
        if !value.is_empty() {
            body.insert(name.to_owned(), value.into());
        }
    }
    for name in ["times", "seconds"] {
        let text = fields.get(name).trim();
        if text.is_empty() {
            continue;
        }
        let count: u32 = text
            .parse()
            .map_err(|_| Trouble::Invalid(format!("{name} = {text}")))?;
        body.insert(name.to_owned(), count.into());
    }
    Ok(body.into())
}
