//! Requests that the framework rejects before any handler sees them, because their head cannot be read. They are
//! recognised by what is written: the status line of a response that no handler made.

use std::net::SocketAddr;

use actix_web::web::Data;

use crate::http::App;
use crate::providers::wire::text::UNREAD_HEAD;
use crate::rejected::Reason;

/// Bytes of the first line that are kept.
const LINE_BYTES_MAX: usize = 512;

/// A request with such a head.
pub struct UnreadHead<'a> {
    /// Of the response.
    pub status: u16,
    pub peer: Option<SocketAddr>,
    /// As far as it was kept, without the query; empty where there is none.
    pub path: &'a str,
}

/// Counts and logs one.
pub type Note = fn(&App, &UnreadHead<'_>);

impl UnreadHead<'_> {
    /// The reason and the cause.
    pub fn cause(&self) -> (Reason, String) {
        let (reason, why) = match self.status {
            408 => (Reason::TooSlow, "it did not arrive in time"),
            431 => (Reason::TooLarge, "it has too many or too long headers"),
            _ => (
                Reason::Malformed,
                "it is not HTTP/1.1, or it frames the body in two ways",
            ),
        };
        (reason, format!("{UNREAD_HEAD}: {why}"))
    }
}

/// Watches one connection for such heads.
pub struct HeadWatch {
    app: Data<App>,
    note: Note,
    peer: Option<SocketAddr>,
    /// The beginning of the present request.
    line: Vec<u8>,
    /// Whether the present request has a response.
    is_answered: bool,
}

impl HeadWatch {
    pub fn new(app: Data<App>, note: Note, peer: Option<SocketAddr>) -> Self {
        Self {
            app,
            note,
            peer,
            line: Vec::new(),
            is_answered: false,
        }
    }

    /// Keeps the first line of what is read.
    pub fn has_read(&mut self, bytes: &[u8]) {
        if self.is_answered {
            self.line.clear();
            self.is_answered = false;
        }
        if !self.line.contains(&b'\n') {
            let length = bytes.len().min(LINE_BYTES_MAX - self.line.len());
            self.line.extend_from_slice(&bytes[..length]);
        }
    }

    /// Notes the response if the framework made it. A second response to what was read once belongs to a
    /// pipelined request, of which the first line is not known.
    pub fn writes(&mut self, bytes: &[u8], is_of_handler: bool) {
        let Some(status) = bytes
            .strip_prefix(b"HTTP/1.")
            .and_then(|rest| rest.get(2..5))
        else {
            return;
        };
        let is_first = !std::mem::replace(&mut self.is_answered, true);
        // A connection on which nothing was sent is no request.
        if is_of_handler || !is_first || status[0] != b'4' || self.line.is_empty() {
            return;
        }
        let status = std::str::from_utf8(status).unwrap_or_default();
        let head = UnreadHead {
            status: status.parse().unwrap_or_default(),
            peer: self.peer,
            path: &path(&self.line),
        };
        (self.note)(&self.app, &head);
    }
}

/// The path of a first line.
fn path(line: &[u8]) -> String {
    let line = line.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let target = line.and_then(|line| line.split(|byte| *byte == b' ').nth(1));
    let target = String::from_utf8_lossy(target.unwrap_or_default());
    let path = target.split(['?', '#']).next().unwrap_or_default();
    // An absolute target has its host in front.
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => path,
    };
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_first_line_is_what_is_between_its_spaces() {
        for (line, expected) in [
            ("POST /callbacks/a/b HTTP/1.1\r\nx: y", "/callbacks/a/b"),
            ("POST /callbacks/a/b?x=1 HTTP/1.1\r\n", "/callbacks/a/b"),
            ("POST http://host/relays/a HTTP/1.1\n", "/relays/a"),
            ("POST /callbacks/trunc", "/callbacks/trunc"),
            ("POST http://host HTTP/1.1", ""),
            ("\u{16}\u{3}\u{1}", ""),
            ("\r\nPOST /a HTTP/1.1", ""),
        ] {
            assert_eq!(path(line.as_bytes()), expected, "{line:?}");
        }
    }
}
