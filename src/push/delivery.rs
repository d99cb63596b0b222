//! Posting single events: threads of their own, one client an endpoint, every limit in one place.

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use ureq::http::{HeaderMap, Request, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Error};

use super::Served;
use crate::domain::time::{Clock, Timestamp};
use crate::feed::Event;
use crate::outbound::address::{CheckedResolver, REFUSED};
use crate::store::StoreError;

/// Time for one attempt, from looking the name up to the end of the answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for looking up and connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that are read of an answer, only so that its connection can be used again.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest pause that an endpoint may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Delivered,
    /// 410: the endpoint wants nothing any more.
    Gone,
    /// Everything else.
    Failed {
        /// What is shown to an operator.
        why: String,
        /// How long the endpoint asks to be left alone.
        retry_after: Option<Duration>,
    },
}

/// Certificates that may vouch for an endpoint.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Certificate<'static>>);

/// A text that holds no certificate.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("holds no certificate in PEM")]
pub struct RootsError;

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |roots: &Self| -> Vec<Vec<u8>> {
            roots.0.iter().map(|one| one.der().to_vec()).collect()
        };
        bytes(self) == bytes(other)
    }
}

impl Roots {
    /// Reads certificates in PEM.
    pub fn parse(pem: &str) -> Result<Self, RootsError> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem.as_bytes()) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| RootsError)? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(RootsError);
        }
        Ok(Self(certificates))
    }
}

/// The threads of one endpoint; they end when this is dropped and what is under way is done.
pub(super) struct WorkerPool {
    events: mpsc::Sender<Arc<Event>>,
    queue: Arc<Mutex<mpsc::Receiver<Arc<Event>>>>,
    courier: Arc<Courier>,
    results: UnboundedSender<(i64, Outcome)>,
    started: usize,
}

impl WorkerPool {
    /// None yet; each result will go to `results` with the number of its event.
    pub(super) fn new(
        served: &Arc<Served>,
        clock: &Arc<dyn Clock>,
        results: &UnboundedSender<(i64, Outcome)>,
    ) -> Self {
        let (events, queue) = mpsc::channel::<Arc<Event>>();
        Self {
            events,
            queue: Arc::new(Mutex::new(queue)),
            courier: Arc::new(Courier {
                agent: agent(served),
                served: Arc::clone(served),
                clock: Arc::clone(clock),
            }),
            results: results.clone(),
            started: 0,
        }
    }

    /// Hands an event to the next free thread; there are as many as events under way, this one among them.
    pub(super) fn send(&mut self, event: Arc<Event>, under_way: usize) -> Result<(), StoreError> {
        while self.started < under_way {
            self.start()?;
        }
        // The queue lives as long as this does.
        drop(self.events.send(event));
        Ok(())
    }

    fn start(&mut self) -> Result<(), StoreError> {
        let (queue, results) = (Arc::clone(&self.queue), self.results.clone());
        let courier = Arc::clone(&self.courier);
        // Not joined: an attempt may take its time, and the end of the process must not wait for it.
        std::thread::Builder::new()
            .name(format!("push-{}", self.started))
            .spawn(move || {
                while let Some(event) = next(&queue) {
                    let outcome = whatever_happens(|| courier.deliver(&event));
                    // Nobody listens any more after a shutdown; the event is sent again then.
                    drop(results.send((event.sequence, outcome)));
                }
            })
            .map_err(|error| StoreError::Open(format!("a thread: {error}")))?;
        self.started += 1;
        Ok(())
    }
}

/// An attempt always has an outcome, or its event would count as under way for ever.
fn whatever_happens(attempt: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
        tracing::error!("an attempt to push panicked; this is a bug");
        Outcome::Failed {
            why: "the attempt panicked".to_owned(),
            retry_after: None,
        }
    })
}

fn next(queue: &Mutex<mpsc::Receiver<Arc<Event>>>) -> Option<Arc<Event>> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}

fn agent(served: &Served) -> Agent {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = match &served.endpoint.roots {
        Some(roots) => RootCerts::new_with_certs(&roots.0),
        None => RootCerts::WebPki,
    };
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(crypto)
        .root_certs(roots)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        // What an environment variable says must not decide where events go.
        .proxy(None)
        .timeout_global(Some(ATTEMPT_TIMEOUT))
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .max_response_header_size(HEAD_BYTES_MAX)
        .max_idle_connections_per_host(served.endpoint.max_in_flight)
        .max_idle_connections(served.endpoint.max_in_flight)
        .user_agent(concat!("refund-receiver/", env!("CARGO_PKG_VERSION")))
        .build();
    let names = CheckedResolver {
        allow_private: served.endpoint.allow_private,
        names: DefaultResolver::default(),
    };
    Agent::with_parts(config, DefaultConnector::new(), names)
}

/// What one thread needs.
struct Courier {
    agent: Agent,
    served: Arc<Served>,
    clock: Arc<dyn Clock>,
}

impl Courier {
    /// One attempt.
    fn deliver(&self, event: &Event) -> Outcome {
        let now = self.clock.now();
        match self.post(event, now) {
            Ok((status, retry_after)) => match status {
                200..=299 => Outcome::Delivered,
                410 => Outcome::Gone,
                _ => Outcome::Failed {
                    why: format!("it answered {status}"),
                    retry_after,
                },
            },
            Err(error) => Outcome::Failed {
                why: describe(&error),
                retry_after: None,
            },
        }
    }

    /// The status of the answer, and how long it asks to be left alone.
    fn post(&self, event: &Event, now: Timestamp) -> Result<(u16, Option<Duration>), Error> {
        let endpoint = &self.served.endpoint;
        let (id, seconds) = (event.id.to_string(), now.as_millis() / 1_000);
        let body = event.json.as_bytes();
        let mut request = Request::post(endpoint.url.uri())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds)
            .header(
                "webhook-signature",
                endpoint.secrets.sign(&id, seconds, body),
            );
        for (name, value) in endpoint.headers.map() {
            request = request.header(name, value);
        }
        let mut answer = self.agent.run(request.body(body)?)?;
        let retry_after = retry_after(answer.headers(), now);
        // The status decides; what follows is read for the connection's sake alone.
        let body = answer.body_mut().as_reader();
        drop(std::io::copy(
            &mut body.take(ANSWER_BYTES_MAX),
            &mut std::io::sink(),
        ));
        Ok((answer.status().as_u16(), retry_after))
    }
}

/// `Retry-After` in seconds or as a date, within bounds.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse::<u64>().map(Duration::from_secs);
    let pause = seconds.ok().or_else(|| {
        let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let millis = Timestamp::from(until).as_millis() - now.as_millis();
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    })?;
    Some(pause.min(RETRY_AFTER_MAX))
}

/// In one line; no address or certificate of the other side is quoted at length.
fn describe(error: &Error) -> String {
    let text = match error {
        Error::Timeout(_) => "it did not answer in time".to_owned(),
        Error::HostNotFound => "its name is not known".to_owned(),
        Error::BadUri(why) if why == REFUSED => why.clone(),
        // Its words may quote the address, which may hold a key.
        Error::BadUri(_) | Error::Http(_) => "the request cannot be made".to_owned(),
        other => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_panics_has_failed() {
        let outcome = whatever_happens(|| panic!("as a bug would"));
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let now: Timestamp = "2026-11-06T08:49:07Z".parse().unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Fri, 06 Nov 2026 08:49:37 GMT", Some(30)),
            ("Fri, 06 Nov 2020 08:49:37 GMT", Some(0)),
            ("99999999999", Some(86_400)),
            ("soon", None),
            ("-5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            let seconds = retry_after(&headers, now).map(|pause| pause.as_secs());
            assert_eq!(seconds, expected, "{text}");
        }
    }
}
