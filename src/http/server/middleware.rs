//! Middleware of both listeners: the slots of connections, metrics, and the rejection of the one request that the
//! framework would frame differently from a proxy in front of it.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, header};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::connections::Slot;
use crate::http::App;
use crate::http::internal::access::slots::ConnectionSlot;
use crate::providers::epay;
use crate::telemetry::RequestLabels;

/// Makes the rejection of a request, in the format of the listener, for this reason.
pub type Refuse = fn(&HttpRequest, &str) -> HttpResponse;

/// Passes a request to its handler, or rejects it.
pub async fn guard(
    request: ServiceRequest,
    next: Next<BoxBody>,
    listener: &'static str,
    refuse: Refuse,
) -> Result<ServiceResponse<Answer>, actix_web::Error> {
    let began = Instant::now();
    let slot = Slot::of(request.request()).cloned();
    if let Some(slot) = &slot {
        slot.answers_are_taken().await;
    }
    // With a body it is served once the body is there, see `body::read`.
    if let (Some(slot), Payload::None) = (&slot, request.parts().1) {
        slot.serve();
    }
    // Request smuggling: the framework takes everything after the head of such a request for its body, whatever
    // Content-Length says; another request may be in there.
    let is_unclear = asks_for_websocket(&request);
    let mut response = if is_unclear {
        let rejection = refuse(
            request.request(),
            "Upgrade: websocket is not served; there is nothing to upgrade to",
        );
        request.into_response(rejection)
    } else {
        next.call(request).await?
    };
    if is_unclear || slot.as_ref().is_some_and(|slot| slot.is_large()) {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    record(&response, listener, began);
    let of_reader = response.request().extensions_mut().remove();
    Ok(response.map_body(|_, body| Answer {
        body,
        slot,
        _of_reader: of_reader,
    }))
}

/// Records how long the handler took.
fn record(response: &ServiceResponse, listener: &'static str, began: Instant) {
    let request = response.request();
    let Some(app) = request.app_data::<Data<App>>() else {
        return;
    };
    let labels = RequestLabels {
        listener,
        method: method_label(request.method()),
        route: route_label(request),
        status: response.status().as_u16(),
    };
    app.metrics.latency.answered(&labels, began.elapsed());
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The pattern of the route; a set that no sender can enlarge. A callback's path has none of its own.
fn route_label(request: &HttpRequest) -> Cow<'static, str> {
    let path = request.path();
    if path.starts_with("/callbacks/") {
        "/callbacks/{provider}/{account}".into()
    } else if epay::is_served(path) {
        epay::PATH.into()
    } else {
        let pattern = request.match_pattern();
        pattern.map_or("other".into(), Cow::Owned)
    }
}

fn asks_for_websocket(request: &ServiceRequest) -> bool {
    let mut upgrades = request.headers().get_all(header::UPGRADE);
    upgrades.any(|upgrade| {
        upgrade
            .to_str()
            .is_ok_and(|text| text.trim().eq_ignore_ascii_case("websocket"))
    })
}

/// The body of a response; once it is sent, the connection waits for its peer again.
pub struct Answer {
    body: BoxBody,
    slot: Option<Arc<Slot>>,
    _of_reader: Option<ConnectionSlot>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            slot.next_turn();
        }
    }
}
