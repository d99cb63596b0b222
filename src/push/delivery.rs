//! Posts single events: own threads, one client per endpoint, all limits.

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use ureq::http::{HeaderMap, Request, header};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Error};

use super::Served;
use crate::domain::time::{Clock, Timestamp};
use crate::feed::Event;
use crate::outbound::address::{CheckedResolver, REFUSED};
use crate::outbound::agent;
use crate::outbound::thread_pool::ThreadPool;
use crate::store::StoreError;

/// One attempt, from the name lookup to the end of the response.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// Each for the name lookup and for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a response body that are read, only so that the connection can be reused.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of a response head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Upper bound of `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Delivered,
    /// 410: the endpoint unsubscribes.
    Gone,
    /// Everything else.
    Failed {
        /// Shown to operators.
        why: String,
        /// As the endpoint asked, within bounds.
        retry_after: Option<Duration>,
    },
}

/// The threads of one endpoint; they end once this is dropped and their attempts are done.
pub(super) struct PosterPool {
    threads: ThreadPool,
    poster: Arc<Poster>,
    results: UnboundedSender<(i64, Outcome)>,
}

impl PosterPool {
    /// Starts no thread yet. Each outcome goes to `results` with its event's number.
    pub(super) fn new(
        served: &Arc<Served>,
        clock: &Arc<dyn Clock>,
        results: &UnboundedSender<(i64, Outcome)>,
    ) -> Self {
        let poster = Poster {
            agent: agent_of(served),
            served: Arc::clone(served),
            clock: Arc::clone(clock),
        };
        Self {
            threads: ThreadPool::new("push"),
            poster: Arc::new(poster),
            results: results.clone(),
        }
    }

    /// Hands an event to a free thread, or to a new one.
    pub(super) fn send(&self, event: Arc<Event>) -> Result<(), StoreError> {
        let (poster, results) = (Arc::clone(&self.poster), self.results.clone());
        let attempt = move || {
            let outcome = whatever_happens(|| poster.deliver(&event));
            // After a shutdown the receiver is gone; the event is sent again at the next start.
            drop(results.send((event.sequence, outcome)));
        };
        let started = self.threads.run(attempt);
        started.map_err(|error| StoreError::Open(format!("a thread: {error}")))
    }
}

/// An attempt that panics needs an outcome too, or its event would stay in flight for ever.
fn whatever_happens(attempt: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
        tracing::error!("an attempt to push panicked; this is a bug");
        Outcome::Failed {
            why: "the attempt panicked".to_owned(),
            retry_after: None,
        }
    })
}

fn agent_of(served: &Served) -> Agent {
    let config = agent::config(served.endpoint.roots.as_ref(), None)
        // Proxy variables of the environment must not redirect events.
        .proxy(None)
        .timeout_global(Some(ATTEMPT_TIMEOUT))
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .max_response_header_size(HEAD_BYTES_MAX)
        .max_idle_connections_per_host(served.endpoint.max_in_flight)
        .max_idle_connections(served.endpoint.max_in_flight)
        .build();
    let names = CheckedResolver {
        allow_private: served.endpoint.allow_private,
        names: DefaultResolver::default(),
    };
    Agent::with_parts(config, DefaultConnector::new(), names)
}

/// Shared by the threads of one endpoint.
struct Poster {
    agent: Agent,
    served: Arc<Served>,
    clock: Arc<dyn Clock>,
}

impl Poster {
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

    /// The status of the response and its `Retry-After`.
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
        // The body is read only so that the connection can be reused.
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

/// On one line, at most 200 characters.
fn describe(error: &Error) -> String {
    let text = match error {
        Error::Timeout(_) => "it did not answer in time".to_owned(),
        Error::HostNotFound => "its name is not known".to_owned(),
        Error::BadUri(why) if why == REFUSED => why.clone(),
        // The library's text may quote the URL, which may hold a key.
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
