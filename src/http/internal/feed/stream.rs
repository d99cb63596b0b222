//! `GET /v1/events/stream`: the feed as server-sent events, for readers that keep one connection.
//!
//! Backpressure: a connection holds one piece of `PIECE_BYTES` and what the listener buffers. The next piece is
//! made only when the last one is sent. The listener closes the connection of a reader that reads nothing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{ConnectionType, Version, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::events::{after, epoch, sequence};
use crate::domain::time::Clock;
use crate::feed::{Event, Feed, OpenStream, Position};
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::Following;
use crate::http::server::connections::Slot;
use crate::http::server::headers::only;
use crate::http::{App, Rules};
use crate::providers::wire::text::printable;
use crate::store::{LogLimit, StoreError};

/// Sent by a reader that reconnects, with the last event that it has seen.
const LAST_EVENT_ID: &str = "last-event-id";
/// Log lines about streams that failed; all of them fail at once where the store does.
static FAILED: LogLimit = LogLimit::new();
/// Max events of one read.
const PIECE_EVENTS: u32 = 100;
/// A piece is sent once it has so many bytes.
const PIECE_BYTES: usize = 32 * 1024;
/// Sent first: the stream is open; reconnect after so many ms.
const OPENING: Bytes = Bytes::from_static(b"retry: 1000\n\n");
/// Heartbeats that are sent soon after a reader has closed its sending side, and the time between them. If it is
/// gone, it answers the first with a reset, which a later one finds.
const PROBES: u8 = 2;
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Keeps proxies from closing a quiet connection.
const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// Events after a number, then each as it is committed, until either side closes the stream.
#[utoipa::path(
    get, path = "/v1/events/stream", operation_id = "stream_events", tag = "events",
    params(
        ("after" = Option<i64>, Query, minimum = 0, description = "The last event seen; 0 is the beginning"),
        ("epoch" = Option<String>, Query, description = "The epoch of the number: 409 if it is no longer the present one"),
        ("Last-Event-ID" = Option<String>, Header, pattern = r"^([0-9A-Za-z_-]{1,64}:)?[0-9]+$", example = "5f0c2b9ad17e:42",
            description = "The id of the last event, or its number. It overrides epoch and after; sent on reconnect")
    ),
    responses(
        (status = 200, description = "Server-sent events; data is an event as in a page", body = String, content_type = "text/event-stream"),
        Following
    )
)]
pub async fn stream(
    app: Data<App>,
    request: HttpRequest,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["after", "epoch"])?;
    let (after, epoch) = (after(&query)?.unwrap_or(0), epoch(&query)?);
    // On reconnect the header has the cursor; the URL still has the first one.
    let position = match last_event_id(&request)? {
        Some(last) if last.epoch.is_some() => last,
        Some(Position { after, .. }) => Position { after, epoch },
        None => Position { after, epoch },
    };
    let epoch = app.feed.check(&position).await?;
    let mut rules = app.rules.subscribe();
    // They may have changed since the reader was admitted.
    rules.mark_changed();
    let follower = Follower {
        feed: Arc::clone(&app.feed),
        epoch,
        after: position.after,
        rules,
        admission,
        clock: Arc::clone(&app.clock),
        slot: Slot::of(&request).cloned(),
        probes: None,
        is_open: false,
        _counted: app.feed.open_stream(),
    };
    let mut response = HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx would buffer the events.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(follower, Follower::next));
    if request.version() < Version::HTTP_11 {
        // HTTP/1.0 has no chunks: the end of the connection is the end of the stream.
        let head = response.head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// `EPOCH:NUMBER`, or the number alone; an empty one counts as absent, as in browsers.
fn last_event_id(request: &HttpRequest) -> Result<Option<Position>, ApiError> {
    let invalid = |what: String| {
        let detail = format!("Last-Event-ID {what}; it is the id of an event of this stream");
        ApiError::InvalidParameter(detail)
    };
    match only(request, LAST_EVENT_ID) {
        Ok(None | Some("")) => Ok(None),
        Ok(Some(text)) => position(text)
            .map(Some)
            .ok_or_else(|| invalid(format!("is {:?}", printable(text)))),
        Err(odd) => Err(invalid(odd.to_string())),
    }
}

fn position(text: &str) -> Option<Position> {
    let (epoch, number) = match text.rsplit_once(':') {
        Some(("", _)) => return None,
        Some((epoch, number)) => (Some(epoch.to_owned()), number),
        None => (None, text),
    };
    let after = sequence(number)?;
    Some(Position { after, epoch })
}

/// One reader's stream.
struct Follower {
    feed: Arc<Feed>,
    /// The epoch that it follows. The stream ends with it; a reconnect learns why.
    epoch: Arc<str>,
    after: i64,
    /// A reload may end the admission.
    rules: watch::Receiver<Arc<Rules>>,
    admission: Admission,
    clock: Arc<dyn Clock>,
    slot: Option<Arc<Slot>>,
    /// After the reader has closed its sending side: probes left. If it is gone, it answers with a reset.
    probes: Option<u8>,
    is_open: bool,
    _counted: OpenStream,
}

impl Follower {
    /// The next piece; `None` ends the stream.
    async fn next(mut self) -> Option<(Result<Bytes, StoreError>, Self)> {
        if !self.is_open {
            self.is_open = true;
            return Some((Ok(OPENING), self));
        }
        let left = self.time_left()?;
        if self.feed.epoch() != self.epoch {
            return None;
        }
        // Waits first: at the end of the feed there is nothing to read before the next commit.
        let deadline = Instant::now() + self.pause().min(left);
        let has_events = tokio::select! {
            biased;
            has_events = self.feed.wait(self.after, deadline) => has_events,
            // A reader that was removed sees the end at once, the others a heartbeat.
            Ok(()) = self.rules.changed() => {
                self.rules.mark_changed();
                false
            }
            () = hung_up(self.slot.as_deref()), if self.probes.is_none() => {
                self.probes = Some(PROBES);
                false
            }
        };
        if !has_events {
            let goes_on = !self.feed.is_draining() && self.time_left().is_some();
            return goes_on.then_some((Ok(HEARTBEAT), self));
        }
        match self.feed.next(self.after, PIECE_EVENTS).await {
            Ok(page) if page.epoch != self.epoch => None,
            Ok(page) if page.events.is_empty() => Some((Ok(HEARTBEAT), self)),
            Ok(page) => Some((Ok(self.piece(&page.events)), self)),
            Err(error) => {
                // A truncated response makes the reader reconnect.
                if let Some(kept_back) = FAILED.may_say() {
                    tracing::warn!(%error, kept_back, "a stream of events failed");
                }
                Some((Err(error), self))
            }
        }
    }

    /// Time until the next heartbeat.
    fn pause(&mut self) -> Duration {
        let heartbeat = self.rules.borrow().heartbeat;
        match &mut self.probes {
            None | Some(0) => heartbeat,
            Some(left) => {
                *left -= 1;
                PROBE_EVERY.min(heartbeat)
            }
        }
    }

    /// How long its token is still valid; `None` if it is not, which a reconnect learns.
    fn time_left(&mut self) -> Option<Duration> {
        if self.rules.has_changed().unwrap_or(false) {
            let rules = Arc::clone(&self.rules.borrow_and_update());
            self.admission = rules.readers.still(&self.admission)?;
        }
        let left = self
            .admission
            .reader
            .expires_at
            .map_or(Duration::MAX, |end| {
                let millis = end.as_millis() - self.clock.now().as_millis();
                Duration::from_millis(u64::try_from(millis).unwrap_or(0))
            });
        (!left.is_zero()).then_some(left)
    }

    fn piece(&mut self, events: &[Arc<Event>]) -> Bytes {
        let mut piece = String::with_capacity(PIECE_BYTES);
        for event in events {
            // Writing to a String cannot fail.
            let _ = write!(
                piece,
                "id: {}:{}\nevent: {}\ndata: {}\n\n",
                self.epoch, event.sequence, event.kind, event.json
            );
            self.after = event.sequence;
            if piece.len() >= PIECE_BYTES {
                break;
            }
        }
        Bytes::from(piece)
    }
}

/// Ready once the reader has closed its sending side.
async fn hung_up(slot: Option<&Slot>) {
    match slot {
        Some(slot) => slot.hung_up().await,
        None => std::future::pending().await,
    }
}
