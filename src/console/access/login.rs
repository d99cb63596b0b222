//! Login with a reader's token, logout, and the choice of the language.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use tokio::time::Instant;

use super::{cookies, proxy, session};
use crate::console::Console;
use crate::console::access::guard::{self, bare_frame};
use crate::console::form::Fields;
use crate::console::frame::{Frame, Section, own_page};
use crate::console::language::lang::Lang;
use crate::console::language::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, html, page};
use crate::http::App;

/// Longest token that is looked at.
const TOKEN_CHARS_MAX: usize = 1_024;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    next: String,
    failure: Option<String>,
}

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage {
    frame: Frame,
}

pub async fn ask(request: HttpRequest) -> Result<HttpResponse, Trouble> {
    let query = request.query_string().as_bytes();
    let mut pairs = form_urlencoded::parse(query);
    let next = pairs.find(|(name, _)| name == "next");
    let next = next.map_or_else(String::new, |(_, next)| next.into_owned());
    page(&LoginPage {
        frame: bare_frame(&request),
        next: own_page(&next).to_owned(),
        failure: None,
    })
}

pub async fn log_in(
    app: Data<App>,
    console: Data<Console>,
    request: HttpRequest,
    fields: Fields,
) -> Result<HttpResponse, Trouble> {
    let next = own_page(fields.get("next")).to_owned();
    let peer = proxy::peer_of(console.settings.proxy.as_ref(), &request);
    let wait = peer.and_then(|peer| console.failures.wait(&peer, Instant::now()));
    if let Some(seconds) = wait {
        let frame = bare_frame(&request);
        let failure = frame.with(Text::LogInThrottled, seconds);
        let mut response = rejection(frame, next, failure, StatusCode::TOO_MANY_REQUESTS);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
        return Ok(response);
    }
    let token = fields.get("token").trim();
    let found = if token.len() <= TOKEN_CHARS_MAX {
        session::log_in(&app, token, session::peer_text(&request)).await?
    } else {
        None
    };
    let Some((secret, name)) = found else {
        if let Some(peer) = peer {
            console.failures.note(peer, Instant::now());
        }
        app.metrics.readers.refused("console_login", "");
        guard::note_rejected(&app, &request, None, "forbidden");
        let frame = bare_frame(&request);
        let failure = frame.t(Text::LogInFailed).to_owned();
        return Ok(rejection(frame, next, failure, StatusCode::FORBIDDEN));
    };
    tracing::info!(reader = name, "a reader has logged in to the console");
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, next))
        .insert_header((
            header::SET_COOKIE,
            cookies::set_session(&console.settings, &secret),
        ))
        .finish())
}

fn rejection(frame: Frame, next: String, failure: String, status: StatusCode) -> HttpResponse {
    let mut response = html(&LoginPage {
        frame,
        next,
        failure: Some(failure),
    });
    *response.status_mut() = status;
    response
}

pub async fn ask_log_out(visit: Visit) -> Result<HttpResponse, Trouble> {
    page(&LogoutPage {
        frame: visit.frame(Section::Start),
    })
}

pub async fn log_out(
    visit: Visit,
    console: Data<Console>,
    fields: Fields,
) -> Result<HttpResponse, Trouble> {
    let everywhere = fields.get("where") == "everywhere";
    session::log_out(&visit.app, &visit.viewer, visit.actor(), everywhere).await?;
    let name = &visit.viewer.name;
    tracing::info!(
        reader = name,
        everywhere,
        "a reader has logged out of the console"
    );
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/console/login"))
        .insert_header((header::SET_COOKIE, cookies::drop_session(&console.settings)))
        .finish())
}

/// Sets the language and goes back. It changes nothing but this cookie, so a link may do it.
pub async fn language(request: HttpRequest) -> Result<HttpResponse, Trouble> {
    let (mut to, mut next) = (None, String::new());
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        match name.as_ref() {
            "to" => to = Lang::from_tag(&value),
            "next" => next = value.into_owned(),
            _ => {}
        }
    }
    let lang = to.ok_or(Trouble::NotFound)?;
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, own_page(&next)))
        .insert_header((
            header::SET_COOKIE,
            cookies::set_choice(cookies::LANGUAGE, lang.tag()),
        ))
        .finish())
}
