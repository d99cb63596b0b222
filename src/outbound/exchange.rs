//! One HTTP request to a provider and its whole reply. What matters most is what an error means: whether a byte of
//! the request may have left ([`ExchangeError::Unknown`]) or surely none did ([`ExchangeError::NotSent`]).
//!
//! No redirect is followed, no body decoded, no proxy of the environment used, no connection used twice: a request
//! on a connection that the other side is closing would be lost without our knowing.

use std::cell::Cell;
use std::time::{Duration, Instant};

use ureq::http::{Method, Request};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use ureq::{Agent, Error};

use super::agent;
use super::agent::{CaCertificates, CaCertificatesError, ClientIdentity};

/// For the name lookup, and for connecting with TLS, each.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Larger replies say nothing.
const REPLY_BYTES_MAX: u64 = 64 * 1024;
/// A request is a few KiB, and so is a reply; the library's own are eight times as large.
const BUFFER_BYTES: usize = 16 * 1024;
/// A request is sent within this time of its attempt, or not at all: a process that was suspended in between
/// must not send what another one has taken over.
const SEND_WITHIN: Duration = Duration::from_secs(20);

/// A request, ready to be sent.
pub struct OutboundRequest<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
    /// From connecting to the last byte of the reply.
    pub limit: Duration,
    /// When the attempt was committed.
    pub began: Instant,
}

/// A whole reply.
#[derive(Debug)]
pub struct OutboundReply {
    pub status: u16,
    /// Names in lower case; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The name was not found, no connection was made, or TLS failed: no byte of the request was sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may have been received.
    #[error("no whole reply: {0}")]
    Unknown(String),
}

/// Sends requests to one provider account; blocking.
pub struct Exchanger {
    agent: Agent,
}

thread_local! {
    /// Whether the present call of this thread began to write its request.
    static HAS_BEGUN: Cell<bool> = const { Cell::new(false) };
}

impl Exchanger {
    /// Trusts these CA certificates, or the public ones.
    pub fn new(
        ca_pem: Option<&str>,
        identity: Option<&ClientIdentity>,
    ) -> Result<Self, CaCertificatesError> {
        let roots = ca_pem.map(CaCertificates::parse).transpose()?;
        let config = agent::config(roots.as_ref(), identity)
            .proxy(None)
            .max_idle_connections(0)
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_response_header_size(BUFFER_BYTES)
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .build();
        let connector = DefaultConnector::default().chain(Marking);
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent })
    }

    /// Sends the request and reads the whole reply.
    pub fn exchange(&self, outbound: &OutboundRequest<'_>) -> Result<OutboundReply, ExchangeError> {
        HAS_BEGUN.set(false);
        if outbound.began.elapsed() > SEND_WITHIN {
            let late = "the process was held up between the attempt and its call";
            return Err(ExchangeError::NotSent(late.to_owned()));
        }
        self.run(outbound).map_err(|error| {
            if HAS_BEGUN.get() {
                ExchangeError::Unknown(error)
            } else {
                ExchangeError::NotSent(error)
            }
        })
    }

    fn run(&self, outbound: &OutboundRequest<'_>) -> Result<OutboundReply, String> {
        let method = Method::from_bytes(outbound.method.as_bytes()).map_err(text)?;
        let mut request = Request::builder().method(method).uri(outbound.url);
        for (name, value) in &outbound.headers {
            request = request.header(*name, *value);
        }
        request = request.header("accept-encoding", "identity");
        let answer = if outbound.method == "GET" {
            let request = request.body(()).map_err(text)?;
            let request = self.agent.configure_request(request);
            self.agent
                .run(request.timeout_global(Some(outbound.limit)).build())
        } else {
            let request = request.body(outbound.body).map_err(text)?;
            let request = self.agent.configure_request(request);
            self.agent
                .run(request.timeout_global(Some(outbound.limit)).build())
        };
        let mut answer = answer.map_err(shown)?;
        let headers = answer.headers().iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let headers = headers.collect();
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(REPLY_BYTES_MAX);
        Ok(OutboundReply {
            status,
            headers,
            body: body.read_to_vec().map_err(shown)?,
        })
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Never with the URL, which may hold a credential.
fn shown(error: Error) -> String {
    match error {
        Error::BadUri(_) => "the address is no URL".to_owned(),
        error => error.to_string(),
    }
}

/// The last connector: the connection is made and TLS is set up; from here on bytes of the request go out.
#[derive(Debug)]
struct Marking;

#[derive(Debug)]
struct Marked<T>(T);

impl<In: Transport> Connector<In> for Marking {
    type Out = Marked<In>;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(Marked))
    }
}

impl<T: Transport> Transport for Marked<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        HAS_BEGUN.set(true);
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn request(url: &str) -> OutboundRequest<'_> {
        OutboundRequest {
            method: "POST",
            url,
            headers: vec![("content-type", "application/json")],
            body: b"{}",
            limit: Duration::from_secs(5),
            began: now(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "elapsed time only")]
    fn now() -> Instant {
        Instant::now()
    }

    /// A server that reads the head of one request, writes this, and closes.
    fn server(reply: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut read = [0; 4096];
            let _ = stream.read(&mut read).unwrap();
            stream.write_all(reply.as_bytes()).unwrap();
        });
        format!("http://{address}/")
    }

    #[test]
    fn what_never_left_is_told_from_what_may_have_arrived() {
        let exchanger = Exchanger::new(None, None).unwrap();
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}/", listener.local_addr().unwrap())
        };
        let not_sent = |url: &str| {
            let error = exchanger.exchange(&request(url)).unwrap_err();
            assert!(matches!(error, ExchangeError::NotSent(_)), "{url} {error}");
        };
        not_sent(&closed);
        not_sent("http://name.invalid/");
        // Speaks no TLS.
        not_sent(&server("HTTP/1.1 400 Bad Request\r\n\r\n").replace("http:", "https:"));
        for reply in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "garbage\r\n\r\n",
        ] {
            let error = exchanger.exchange(&request(&server(reply))).unwrap_err();
            assert!(
                matches!(error, ExchangeError::Unknown(_)),
                "{reply:?} {error}"
            );
        }
    }

    #[test]
    fn any_status_is_a_reply_and_no_redirect_is_followed() {
        let exchanger = Exchanger::new(None, None).unwrap();
        for status in [200, 302, 307, 404, 503] {
            let reply = format!(
                "HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\nok"
            );
            let url = server(reply.leak());
            let reply = exchanger.exchange(&request(&url)).unwrap();
            assert_eq!((reply.status, reply.body.as_slice()), (status, &b"ok"[..]));
        }
    }
}
