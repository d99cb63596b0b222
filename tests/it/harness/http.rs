//! HTTP as the outside speaks it: one client for decent requests, a bare socket for hostile ones.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;

/// No request may hang a test for longer than this; the longest deliberate wait is 30 s.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An answer with its exact bytes.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of this name, in any case; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the answer is UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("answer is no JSON ({error}): {}", self.text()))
    }

    /// Asserts status and exact body at once, the usual thing to promise.
    #[track_caller]
    pub fn expect(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.text()), (status, body));
    }

    /// Asserts the status and hands the JSON on.
    #[track_caller]
    pub fn expect_json(&self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "answer: {}",
            String::from_utf8_lossy(&self.body)
        );
        self.json()
    }
}

/// A keep-alive client that adds no header of its own.
#[derive(Debug, Clone)]
pub struct Client(ureq::Agent);

impl Client {
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .accept("")
            .accept_encoding("")
            .user_agent("refund-receiver-tests")
            .max_idle_age(Duration::from_secs(1))
            .timeout_global(Some(TIMEOUT))
            .build();
        Self(config.new_agent())
    }

    /// Sends one request; `Err` is a connection that gave no whole answer.
    pub fn try_send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, ureq::Error> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if matches!(method, "GET" | "HEAD" | "DELETE") {
            self.0
                .run(request.body(()).expect("the request is well formed"))?
        } else {
            self.0
                .run(request.body(body).expect("the request is well formed"))?
        };
        let (parts, mut body) = response.into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        Ok(Reply {
            status: parts.status.as_u16(),
            headers,
            body: body.read_to_vec()?,
        })
    }

    /// Sends one request that must be answered.
    pub fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_send(method, url, headers, body)
            .unwrap_or_else(|error| panic!("{method} {url} was not answered: {error}"))
    }
}

/// Writes `bytes` to the server behind `base_url` as they are, closes the sending half, and returns
/// everything that came back. Nothing is added and nothing checked: hostile framing goes this way.
pub fn raw(base_url: &str, bytes: &[u8]) -> String {
    let address = base_url
        .strip_prefix("http://")
        .expect("a plain http address");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a timeout can be set");
    // The server may reject the request and close before it has read everything; its answer still counts.
    stream.write_all(bytes).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut answer = Vec::new();
    let mut piece = [0_u8; 4096];
    while let Ok(length) = stream.read(&mut piece) {
        if length == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..length]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Writes `bytes`, keeps the connection open, and reads until `enough` accepts what was read
/// or the server closes. Streams and stalled bodies go this way.
pub fn raw_until(base_url: &str, bytes: &[u8], enough: impl Fn(&str) -> bool) -> String {
    let address = base_url
        .strip_prefix("http://")
        .expect("a plain http address");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a timeout can be set");
    stream.write_all(bytes).expect("the server reads");
    let started = super::now();
    let mut answer = Vec::new();
    let mut piece = [0_u8; 4096];
    loop {
        let so_far = String::from_utf8_lossy(&answer);
        if enough(&so_far) {
            return so_far.into_owned();
        }
        match stream.read(&mut piece) {
            Ok(0) => return so_far.into_owned(),
            // A stream shows now and then that it lives, so that reading alone never times out.
            Ok(_) if started.elapsed() > TIMEOUT => panic!("waited in vain after: {so_far}"),
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) => panic!("waited in vain ({error}) after: {so_far}"),
        }
    }
}

/// The status code of a raw answer; 0 when the connection was closed without one.
pub fn raw_status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}
