//! HTTP/1.1 over plain sockets, because the faults need what a server never does on purpose: half an answer, no
//! answer, a reset.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;

use super::clock::wall_millis;

const HEAD_MAX: usize = 32 * 1024;
const BODY_MAX: usize = 256 * 1024;
const HEADERS_MAX: usize = 100;
/// An idle connection, and a whole request.
const READ_LIMIT: Duration = Duration::from_secs(60);
/// Longest silence of `after-accept-hang`: so many looks at the connection, with a pause between two.
const HANG_LOOKS: u32 = 1_200;
const HANG_PAUSE: Duration = Duration::from_millis(500);
/// Every reply says who answers.
const MARK: &str = "X-Sandbox: refund-receiver";

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    keeps_alive: bool,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A member of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut all = form_urlencoded::parse(self.query.as_bytes());
        let found = all.find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into(),
        }
    }

    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "application/json;charset=UTF-8", body)
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    fn head(&self) -> String {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\n{MARK}\r\n",
            self.status,
            reason(self.status)
        );
        if !self.headers.iter().any(|(name, _)| *name == "Date") {
            head.extend(["Date: ", &date(wall_millis()), "\r\n"]);
        }
        for (name, value) in &self.headers {
            head.extend([*name, ": ", value, "\r\n"]);
        }
        let length = self.body.len().to_string();
        head.extend(["Content-Length: ", &length, "\r\n\r\n"]);
        head
    }
}

/// A time as the header `Date` has it.
pub fn date(millis: i64) -> String {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    printer.timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        422 => "Unprocessable Content",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

/// How a reply goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Whole,
    /// The head and half of the body, then the end.
    Half,
    /// Nothing, and the end.
    Cut,
    /// Nothing, until the peer goes.
    Hang,
    /// A reset in place of any byte.
    Reset,
}

/// What one request gets.
pub struct Outgoing {
    pub reply: Reply,
    pub wire: Wire,
    /// Before the first byte.
    pub pause: Duration,
}

impl From<Reply> for Outgoing {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            wire: Wire::Whole,
            pause: Duration::ZERO,
        }
    }
}

/// Serves one connection until it ends.
pub fn serve(
    mut stream: TcpStream,
    stops: &dyn Fn() -> bool,
    answer: &dyn Fn(Request) -> Outgoing,
) {
    // A socket that takes no options fails at the first byte as well.
    drop(stream.set_nodelay(true));
    drop(stream.set_read_timeout(Some(READ_LIMIT)));
    drop(stream.set_write_timeout(Some(READ_LIMIT)));
    let mut buffer = Vec::new();
    while !stops() {
        let request = match read(&mut stream, &mut buffer) {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(reply) => {
                drop(stream.write_all(reply.head().as_bytes()));
                drop(stream.write_all(&reply.body));
                return;
            }
        };
        let keeps_alive = request.keeps_alive;
        let outgoing = answer(request);
        std::thread::sleep(outgoing.pause);
        let body = &outgoing.reply.body;
        let mut bytes = outgoing.reply.head().into_bytes();
        match outgoing.wire {
            Wire::Whole => {
                bytes.extend_from_slice(body);
                if stream.write_all(&bytes).is_err() || !keeps_alive {
                    return;
                }
            }
            Wire::Half => {
                bytes.extend_from_slice(&body[..body.len() / 2]);
                drop(stream.write_all(&bytes));
                return;
            }
            Wire::Cut => return,
            Wire::Hang => return hang(&mut stream, stops),
            Wire::Reset => {
                drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
                return;
            }
        }
    }
}

/// Says nothing until the peer has had enough.
fn hang(stream: &mut TcpStream, stops: &dyn Fn() -> bool) {
    drop(stream.set_read_timeout(Some(HANG_PAUSE)));
    let mut byte = [0];
    for _ in 0..HANG_LOOKS {
        if stops() {
            return;
        }
        match stream.read(&mut byte) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}

/// The next request; `None` at the end of the connection.
fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<Request>, Reply> {
    let refused = |status, why: &str| Reply::new(status, "text/plain", why);
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if buffer.len() > HEAD_MAX {
            return Err(refused(400, "the head is too long"));
        }
        if !more(stream, buffer) {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let rest = buffer.split_off(end + 4);
    *buffer = rest;
    let mut request = parse(&head).ok_or_else(|| refused(400, "not HTTP/1.1"))?;
    if request.header("transfer-encoding").is_some() {
        return Err(refused(411, "say Content-Length"));
    }
    let length = match request.header("content-length") {
        None => 0,
        Some(text) => text.parse().map_err(|_| refused(400, "no length"))?,
    };
    if length > BODY_MAX {
        return Err(refused(413, "too long"));
    }
    if request.header("expect").is_some() {
        drop(stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n"));
    }
    while buffer.len() < length {
        if !more(stream, buffer) {
            return Ok(None);
        }
    }
    let rest = buffer.split_off(length);
    request.body = std::mem::replace(buffer, rest);
    Ok(Some(request))
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 8 * 1024];
    match stream.read(&mut chunk) {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            buffer.extend_from_slice(&chunk[..count]);
            true
        }
    }
}

fn parse(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target, version) = (first.next()?, first.next()?, first.next()?);
    if !version.starts_with("HTTP/1.") || first.next().is_some() {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        if headers.len() > HEADERS_MAX {
            return None;
        }
    }
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Vec::new(),
        keeps_alive: false,
    };
    let closes = request
        .header("connection")
        .is_some_and(|text| text.eq_ignore_ascii_case("close"));
    request.keeps_alive = version == "HTTP/1.1" && !closes;
    Some(request)
}

/// A request for tests.
///
/// # Panics
/// With a method or target that is none.
#[cfg(test)]
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let mut request = parse(&format!("{method} {target} HTTP/1.1")).expect("a request");
    for (name, value) in headers {
        request
            .headers
            .push(((*name).to_owned(), (*value).to_owned()));
    }
    request.body = body.to_vec();
    request
}
