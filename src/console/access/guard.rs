//! What each request of the console passes: the origin of its form, its session, the form's token, the scope; and
//! the headers that each response carries. An error of a handler becomes a page here.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _};
use askama::Template;

use super::{cookies, session};
use crate::config::Scope;
use crate::console::access::session::{Viewer, peer_text};
use crate::console::form::{self, Fields};
use crate::console::frame::{Frame, address};
use crate::console::language::lang::Lang;
use crate::console::language::text::Text;
use crate::console::language::when::Clocked;
use crate::console::trouble::Trouble;
use crate::console::visit::{Entered, html};
use crate::console::{Console, FILE_BYTES_MAX};
use crate::crypto::TokenDigest;
use crate::domain::trail::Actor;
use crate::http::App;
use crate::http::internal::access::limit::Allowance;
use crate::http::internal::access::views;
use crate::http::server::body::{BodyError, BodyLimits, read_within};
use crate::http::server::headers::{only, single_header};
use crate::store::LogLimit;

/// Nothing but what is our own, and no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every response.
const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", NO_PERMISSIONS),
    ("x-frame-options", "DENY"),
    ("x-robots-tag", "noindex"),
];
const NO_PERMISSIONS: &str = "camera=(), display-capture=(), fullscreen=(), geolocation=(), microphone=(), midi=(), \
                              payment=(), publickey-credentials-get=(), usb=()";

/// Log lines about pages that the store could not answer.
static UNANSWERED: LogLimit = LogLimit::new();

/// Limits of a form that carries a file.
const FILE_LIMITS: BodyLimits = BodyLimits {
    bytes: FILE_BYTES_MAX,
    time: Duration::from_secs(60),
};

/// What a page asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// No session: the login and what it looks like.
    Nothing,
    /// A session whose user has this scope.
    Scope(Scope),
    /// The same; the form carries a file.
    File(Scope),
}

/// What the response carries besides the page.
#[derive(Default)]
struct Admitted {
    /// Of a session that has just begun.
    cookie: Option<String>,
    allowance: Option<Allowance>,
}

/// Why a request does not reach its handler.
enum Turned {
    Trouble(Trouble),
    /// Beyond the rate limit of the reader.
    Limited(Allowance),
    /// To the login.
    LogIn,
    /// A link of another site: browsers hold the cookie back once.
    Again,
}

impl From<Trouble> for Turned {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    frame: Frame,
    title: Text,
    advice: Text,
    detail: String,
}

#[derive(Template)]
#[template(path = "again.html")]
struct AgainPage {
    frame: Frame,
    here: String,
}

/// Middleware of each route.
pub async fn enter(
    needs: Needs,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let mut allowance = None;
    let entered = admit(needs, &mut request).await;
    let mut response = match entered {
        Ok(admitted) => {
            let mut response = next.call(request).await?;
            let cookie = admitted.cookie;
            let cookie = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok());
            if let Some(cookie) = cookie {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            allowance = admitted.allowance;
            response
        }
        Err(turned) => {
            if let Turned::Limited(exceeded) = turned {
                allowance = Some(exceeded);
            }
            let response = turned_away(request.request(), turned);
            request.into_response(response)
        }
    };
    let trouble = response.response().error();
    if let Some(trouble) = trouble.and_then(|error| error.as_error::<Trouble>()) {
        let page = trouble_page(response.request(), trouble);
        response = response.into_response(page);
    }
    if let Some(allowance) = allowance {
        allowance.show(response.headers_mut());
    }
    protect(response.headers_mut());
    Ok(response)
}

/// Checks everything.
async fn admit(needs: Needs, request: &mut ServiceRequest) -> Result<Admitted, Turned> {
    let (Some(app), Some(console)) = (
        request.app_data::<Data<App>>().cloned(),
        request.app_data::<Data<Console>>().cloned(),
    ) else {
        return Err(Trouble::NotFound.into());
    };
    let is_form = *request.method() == Method::POST;
    if is_form && !is_own_form(request.request(), &console) {
        note_rejected(&app, request.request(), None, "foreign_form");
        return Err(Trouble::ForeignForm.into());
    }
    let mut admitted = Admitted::default();
    let mut form_token = None;
    if let Needs::Scope(scope) | Needs::File(scope) = needs {
        let found = session::find(&app, &console, request.request());
        let Some((viewer, begun)) = found.await? else {
            return Err(without_session(request.request(), is_form));
        };
        form_token = Some(TokenDigest::of(&viewer.form_token));
        if let Some(taken) = app.rules().readers.take(&viewer.name) {
            admitted.allowance = Some(taken.map_err(|exceeded| {
                app.metrics.limited(&viewer.name);
                Turned::Limited(exceeded)
            })?);
        }
        if !viewer.may(scope) {
            if is_form {
                note_rejected(&app, request.request(), Some(&viewer), "forbidden");
            }
            return Err(Trouble::Forbidden(scope).into());
        }
        let slot = app.slots.take_for(&viewer.name, viewer.max_connections);
        let slot = slot.map_err(|_| Trouble::TooMany)?;
        let clocked = clocked(request.request(), &app);
        let mut extensions = request.extensions_mut();
        // The response takes it over, until its last byte is sent (`http::server::middleware`).
        extensions.insert(slot);
        extensions.insert(Entered {
            app,
            viewer,
            clocked,
        });
        admitted.cookie = begun;
    }
    if is_form {
        let fields = match needs {
            Needs::File(_) => {
                let turn = Arc::clone(&console.uploads).try_acquire_owned();
                let turn = turn.map_err(|_| Trouble::TooMany)?;
                // Held until the file is done with.
                request.extensions_mut().insert(turn);
                let body = body(request, FILE_LIMITS).await?;
                Fields::parse_with_file(request.request(), body).await?
            }
            Needs::Nothing | Needs::Scope(_) => {
                let body = body(request, BodyLimits::default()).await?;
                Fields::parse(request.request(), &body)?
            }
        };
        if form_token.is_some_and(|token| !token.matches(fields.get(form::TOKEN))) {
            return Err(Trouble::StaleForm.into());
        }
        request.extensions_mut().insert(fields);
    }
    Ok(admitted)
}

/// Adds a form that was not taken to the trail, once a minute of each kind.
pub fn note_rejected(
    app: &App,
    request: &HttpRequest,
    viewer: Option<&Viewer>,
    code: &'static str,
) {
    let by = Actor {
        reader: viewer.map_or_else(String::new, |viewer| viewer.name.clone()),
        token_id: viewer.map_or_else(String::new, |viewer| viewer.token_id.clone()),
        from: peer_text(request),
    };
    // The pattern, not the path: no part of it is the client's.
    let page = request.match_pattern().unwrap_or_default();
    views::note_rejected(app, &by, &format!("{} {page}", request.method()), code);
}

fn without_session(request: &HttpRequest, is_form: bool) -> Turned {
    let is_from_elsewhere = single_header(request, "sec-fetch-site") == Some("cross-site");
    if is_form {
        Turned::Trouble(Trouble::StaleForm)
    } else if is_from_elsewhere {
        Turned::Again
    } else {
        Turned::LogIn
    }
}

/// Whether a page of ours sent the form. Browsers leave `Sec-Fetch-Site` out on plain http to another machine, and
/// give `Origin` with every form.
fn is_own_form(request: &HttpRequest, console: &Console) -> bool {
    let Some(origin) = single_header(request, header::ORIGIN.as_str()) else {
        return false;
    };
    let is_own = if let Some(own) = &console.settings.origin {
        origin.eq_ignore_ascii_case(own)
    } else {
        let schemes = ["http://", "https://"];
        let mut hosts = schemes
            .iter()
            .filter_map(|scheme| origin.strip_prefix(scheme));
        let asked = single_header(request, header::HOST.as_str());
        let host = hosts.next();
        host.is_some_and(|host| asked.is_some_and(|asked| asked.eq_ignore_ascii_case(host)))
    };
    is_own
        && matches!(
            only(request, "sec-fetch-site"),
            Ok(None | Some("same-origin"))
        )
}

async fn body(request: &mut ServiceRequest, limits: BodyLimits) -> Result<Vec<u8>, Trouble> {
    let payload = request.extract::<Payload>().await;
    let payload = payload.map_err(|error| Trouble::Invalid(error.to_string()))?;
    let body = read_within(request.request(), payload, limits).await;
    body.map_err(|error| match error {
        BodyError::TooLarge(_) if limits.bytes == FILE_BYTES_MAX => {
            Trouble::TooLarge(format!("max {FILE_BYTES_MAX} B"))
        }
        _ => Trouble::Invalid("form".to_owned()),
    })
}

fn turned_away(request: &HttpRequest, turned: Turned) -> HttpResponse {
    let here = request.uri().path_and_query();
    let here = here.map_or_else(String::new, ToString::to_string);
    match turned {
        Turned::Trouble(trouble) => trouble_page(request, &trouble),
        Turned::Limited(allowance) => {
            let seconds = allowance.retry_after_seconds;
            trouble_page(request, &Trouble::RateLimited(seconds))
        }
        Turned::LogIn => HttpResponse::SeeOther()
            .insert_header((
                header::LOCATION,
                address("/console/login", &[("next", &here)]),
            ))
            .finish(),
        Turned::Again => html(&AgainPage {
            frame: bare_frame(request),
            here,
        }),
    }
}

fn trouble_page(request: &HttpRequest, trouble: &Trouble) -> HttpResponse {
    if let Trouble::Store(error) = trouble
        && let Some(kept_back) = UNANSWERED.may_say()
    {
        tracing::error!(%error, kept_back, "the store could not answer a page of the console");
    }
    let status = trouble.status_code();
    let mut page = html(&TroublePage {
        frame: bare_frame(request),
        title: trouble.title(),
        advice: trouble.advice(),
        detail: trouble.detail(),
    });
    if page.status() == StatusCode::OK {
        *page.status_mut() = status;
    }
    if let Trouble::RateLimited(seconds) = trouble {
        page.headers_mut()
            .insert(header::RETRY_AFTER, (*seconds).into());
    }
    page
}

/// The frame of a page that has no session, or whose session is of no use.
pub fn bare_frame(request: &HttpRequest) -> Frame {
    let clocked = match request.app_data::<Data<App>>() {
        Some(app) => clocked(request, app),
        None => Clocked::new(
            Lang::of(request),
            crate::domain::time::Timestamp::from_millis(0),
            None,
        ),
    };
    let entered = request.extensions();
    let viewer = entered.get::<Entered>().map(|entered| &entered.viewer);
    Frame::of(request, clocked, viewer, None)
}

fn clocked(request: &HttpRequest, app: &App) -> Clocked {
    let zone = cookies::get(request, cookies::ZONE);
    Clocked::new(Lang::of(request), app.clock.now(), zone)
}

fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
