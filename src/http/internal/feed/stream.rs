//! `GET /v1/events/stream`: the feed as server-sent events, for readers that keep one connection.
//!
//! A connection holds one piece of [`PIECE_BYTES`] and what the listener buffers; the next piece is made
//! only when the last one is on its way. A reader that takes nothing is cut by the listener.

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
use crate::providers::text::printable;
use crate::store::StoreError;

/// Where a reader that comes back says what it has seen.
const LAST_EVENT_ID: &str = "last-event-id";
/// Events that are asked for at once.
const PIECE_EVENTS: u32 = 100;
/// Bytes after which a piece is sent; one event more may be in it.
const PIECE_BYTES: usize = 32 * 1024;
/// What a reader sees first: the stream is open, and how long to pause before coming back, in ms.
const OPENING: Bytes = Bytes::from_static(b"retry: 1000\n\n");
/// Signs of life that are sent soon after a reader has said that it sends nothing more, and the pause between
/// them: the first is answered by a reset where it has gone, a later one meets that.
const PROBES: u8 = 2;
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A comment that keeps intermediaries from closing a quiet connection.
const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// Events after a number, then each as it is committed, until either side ends it.
#[utoipa::path(
    get, path = "/v1/events/stream", operation_id = "stream_events", tag = "events",
    params(
        ("after" = Option<i64>, Query, minimum = 0, description = "The last event that was seen; 0 is the beginning"),
        ("epoch" = Option<String>, Query, description = "The history that the number is of: 409 where it is no more"),
        ("Last-Event-ID" = Option<String>, Header, pattern = r"^([0-9A-Za-z_-]{1,64}:)?[0-9]+$", example = "5f0c2b9ad17e:42",
            description = "The id of the last event, or its number: as epoch and after, and stronger; sent by a reader that comes back")
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
    // A reader that comes back says in the header where it was; the address is still the first one.
    let position = match last_event_id(&request)? {
        Some(last) if last.epoch.is_some() => last,
        Some(Position { after, .. }) => Position { after, epoch },
        None => Position { after, epoch },
    };
    let epoch = app.feed.check(&position).await?;
    let mut rules = app.rules.subscribe();
    // They may be others already than those that let the reader in.
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
        // nginx would gather what is meant to arrive at once.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(follower, Follower::next));
    if request.version() < Version::HTTP_11 {
        // It knows no chunks: the end of the connection is the end of the stream.
        let head = response.head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// `EPOCH:NUMBER`, or the number alone; an empty one says nothing, as browsers have it.
fn last_event_id(request: &HttpRequest) -> Result<Option<Position>, ApiError> {
    let refused = |what: String| {
        let detail = format!("Last-Event-ID {what}; it is the id of an event of this stream");
        ApiError::InvalidParameter(detail)
    };
    match only(request, LAST_EVENT_ID) {
        Ok(None | Some("")) => Ok(None),
        Ok(Some(text)) => position(text)
            .map(Some)
            .ok_or_else(|| refused(format!("is {:?}", printable(text)))),
        Err(odd) => Err(refused(odd.to_string())),
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

/// One reader's slot in the feed.
struct Follower {
    feed: Arc<Feed>,
    /// The history that it follows; when that ends the stream does, and the reader is told when it comes back.
    epoch: Arc<str>,
    after: i64,
    /// Whose end, or new ones, a reload brings.
    rules: watch::Receiver<Arc<Rules>>,
    admission: Admission,
    clock: Arc<dyn Clock>,
    slot: Option<Arc<Slot>>,
    /// Once the reader has said that it sends nothing more: how often it is still asked whether it is
    /// there. One that has gone answers what it is sent with a reset.
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
        // Waiting first: at the head of the feed there is nothing to read before the next commit.
        let deadline = Instant::now() + self.pause().min(left);
        let has_events = tokio::select! {
            biased;
            has_events = self.feed.wait(self.after, deadline) => has_events,
            // A reader that has gone sees the end at once, the others a sign of life.
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
                // An end that is no end tells the reader to come back.
                tracing::warn!(%error, "a stream of events is cut");
                Some((Err(error), self))
            }
        }
    }

    /// Time until the next sign of life.
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

    /// For how long its token is still good; `None` where it is not any more, of which the reader is told when
    /// it comes back.
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

/// Ready once the reader sends nothing more.
async fn hung_up(slot: Option<&Slot>) {
    match slot {
        Some(slot) => slot.hung_up().await,
        None => std::future::pending().await,
    }
}
