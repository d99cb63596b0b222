//! Cookies: reading one of a request, and the text that sets one.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::config::ConsoleSettings;

/// Cookie of the language, set by a link of the page.
pub const LANGUAGE: &str = "rr-lang";
/// Cookie of the reader's offset from UTC in minutes, set by the script.
pub const ZONE: &str = "rr-zone";
/// A year.
const KEPT_SECONDS: u32 = 365 * 24 * 60 * 60;

/// The value of a cookie; `None` also where it comes twice, because one of them may be another site's.
pub fn get<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let lines = request.headers().get_all(header::COOKIE);
    let pairs = lines.filter_map(|line| line.to_str().ok());
    let pairs = pairs.flat_map(|line| line.split(';'));
    let mut found = pairs.filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    found.next().filter(|_| found.next().is_none())
}

/// The name of the session's cookie. With the prefix, browsers take it from this host alone.
pub const fn session_name(settings: &ConsoleSettings) -> &'static str {
    if settings.secure_cookie {
        "__Host-rr"
    } else {
        "rr"
    }
}

/// Sets the cookie of a session; it ends with the browser, or when the store says so.
pub fn set_session(settings: &ConsoleSettings, secret: &str) -> String {
    session(settings, secret, "")
}

/// Removes it.
pub fn drop_session(settings: &ConsoleSettings) -> String {
    session(settings, "", "; Max-Age=0")
}

fn session(settings: &ConsoleSettings, value: &str, more: &str) -> String {
    let name = session_name(settings);
    let secure = if settings.secure_cookie {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}")
}

/// Sets a choice of the reader.
pub fn set_choice(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/console; SameSite=Strict; Max-Age={KEPT_SECONDS}")
}
