//! 404 and 405 on the public listener, often from a provider with a wrong URL. The sender is told nothing more;
//! the operator finds the request in the metrics, the evidence and the log.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::error::{PublicError, of_body};
use super::rejection;
use crate::config::could_be_path_secret;
use crate::http::App;
use crate::http::server::body::{self, BODY_BYTES_MAX, BodyLimits};
use crate::providers::wire::text::printable;

/// Of a body that is read as evidence only.
const LIMITS: BodyLimits = BodyLimits {
    bytes: BODY_BYTES_MAX,
    time: Duration::from_secs(2),
};
/// First parts of the paths that are served.
const OURS: [&str; 3] = ["callbacks", "relays", "api"];
/// Parts of a callback's path before its secret, `callbacks` included.
const PLAIN_PARTS: usize = 3;

/// 404 on the public listener, the same for every path.
pub async fn no_path(app: &App, request: &HttpRequest, payload: Payload) -> HttpResponse {
    let error = PublicError::NotFound(what_is_served(request.path()));
    rejected(app, request, payload, &error).await
}

/// 405 on the public listener, where only POST is served.
pub async fn other_method(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let error = PublicError::MethodNotAllowed(printable(request.method().as_str()));
    rejected(&app, &request, payload, &error).await
}

/// Records the request, with its body as far as it arrives, and makes the response.
pub async fn rejected(
    app: &App,
    request: &HttpRequest,
    payload: Payload,
    error: &PublicError,
) -> HttpResponse {
    let mut response = error.response();
    if leaves_trace(request) {
        let (body, is_whole) = match body::read_within(request, payload, LIMITS).await {
            Ok(body) => (body, true),
            Err(error) => (of_body(error).1, false),
        };
        rejection::note(app, request, error, body).await;
        if !is_whole {
            // The rest of the body is not read.
            response
                .head_mut()
                .set_connection_type(actix_web::http::ConnectionType::Close);
        }
    }
    response
}

/// Scanners elsewhere leave no evidence; a POST does not come by chance.
fn leaves_trace(request: &HttpRequest) -> bool {
    !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) || first_part(request.path()).is_some()
}

/// The served first part that the path begins with.
pub fn first_part(path: &str) -> Option<&'static str> {
    let first = path.split('/').find(|part| !part.is_empty())?;
    OURS.into_iter()
        .find(|ours| first.eq_ignore_ascii_case(ours))
}

/// What is served instead, for the operator.
fn what_is_served(path: &str) -> &'static str {
    match first_part(path) {
        Some("callbacks") => {
            "nothing is served at this path; a callback goes to /callbacks/{provider}/{account}, with the \
             secret behind it where the account has one"
        }
        Some("relays") => {
            "nothing is served at this path; a relay goes to /relays/{provider}/{account}/{refund_no}, with \
             a slash in the number written as %2F"
        }
        Some(_) => "nothing is served at this path; EPay is served where the config has [epay]",
        None => "nothing is served at this path",
    }
}

/// A path as it may be logged and stored: what follows an account may be its secret, and so may a long part of a
/// path that is nearly one that is served.
pub fn shown_path(path: &str) -> String {
    let is_of_epay_or_relay = matches!(first_part(path), Some("relays" | "api"));
    if is_of_epay_or_relay {
        return printable(path);
    }
    let is_callback = path.starts_with("/callbacks/");
    let mut shown = String::new();
    let mut seen = 0;
    for part in path.split_inclusive('/') {
        let name = part.trim_end_matches('/');
        seen += usize::from(!name.is_empty());
        let may_be_secret = seen > PLAIN_PARTS || (!is_callback && could_be_path_secret(name));
        if !name.is_empty() && may_be_secret {
            return format!("{}…", printable(&shown));
        }
        // A slash that was escaped ends the account as well.
        if let Some(escaped) = name.to_ascii_lowercase().find("%2f") {
            shown.push_str(&name[..escaped]);
            return format!("{}…", printable(&shown));
        }
        shown.push_str(part);
    }
    printable(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_up_to_what_may_be_a_secret() {
        for (path, shown) in [
            ("/callbacks/paycools/my", "/callbacks/paycools/my"),
            ("/callbacks/paycools/my/", "/callbacks/paycools/my/"),
            ("/callbacks/paycools/my/SECRET", "/callbacks/paycools/my/…"),
            (
                "/callbacks//paycools/my/SECRET",
                "/callbacks//paycools/my/…",
            ),
            (
                "//callbacks/paycools/my/SECRET/x",
                "//callbacks/paycools/my/…",
            ),
            ("/callbacks/paycools/my%2FSECRET", "/callbacks/paycools/my…"),
            ("/paycools/my/SECRET-of-16-chars", "/paycools/my/…"),
            (
                "/relays/quickpay/s/R-of-16-characters",
                "/relays/quickpay/s/R-of-16-characters",
            ),
            ("/", "/"),
        ] {
            assert_eq!(shown_path(path), shown, "{path}");
        }
    }
}
