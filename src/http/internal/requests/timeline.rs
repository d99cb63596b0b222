//! `GET /v1/refunds/{id}/timeline`: everything that happened to a refund, oldest first.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::value::RawValue;

use crate::api::refund::decision::DecisionList;
use crate::api::refund::timeline::{AttemptView, Entry, ReplyView, SentView, Timeline, What};
use crate::crypto::{hex, sha256};
use crate::domain::ids::RefundId;
use crate::domain::request::Request;
use crate::domain::trail::About;
use crate::explain;
use crate::http::App;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::refunds::parse_id;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::ReadingOne;
use crate::http::server::connections::Slot;
use crate::store::{AttemptRow, Snapshot, StoreError};

/// Entries of each kind that are shown.
const SHOWN_MAX: u32 = 500;

/// Everything that happened: intent, sends and asks with request and reply, callbacks, decisions, events.
#[utoipa::path(
    get, path = "/v1/refunds/{id}/timeline", operation_id = "refund_timeline", tag = "requests",
    params(("id" = RefundId, Path)),
    responses((status = 200, description = "Oldest first", body = Timeline), ReadingOne)
)]
pub async fn timeline(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let id = parse_id(&id)?;
    app.intake.caught_up().await;
    let found = app
        .store
        .read_list(&admission.reader.name, move |snapshot| read(snapshot, id));
    let timeline = Slot::unless_gone(&request, found)
        .await
        .ok_or(ApiError::HungUp)??
        .ok_or(ApiError::NotFound("refund"))?;
    let mut data = timeline.data.iter();
    if data.any(|entry| entry.what.has_body()) {
        admission.sees_bodies_of(&app, About::refund(id)).await?;
    }
    Ok(HttpResponse::Ok().json(timeline))
}

fn read(snapshot: &mut Snapshot<'_>, id: RefundId) -> Result<Option<Timeline>, StoreError> {
    let Some(row) = snapshot.refund(id)? else {
        return Ok(None);
    };
    let mut data: Vec<_> = row.request.iter().map(intent).collect();
    let attempts = snapshot.attempts_of_refund(id, SHOWN_MAX)?;
    let callbacks = snapshot.callback_page(id, None, SHOWN_MAX)?;
    let events = snapshot.events_of_refund(id, SHOWN_MAX)?;
    let records = snapshot.decisions_of_refund(id, SHOWN_MAX)?;
    let proposals = snapshot.proposals_of_refund(id, SHOWN_MAX)?;
    let records = records.into_iter().map(|row| row.record).collect();
    let decisions = DecisionList::new(&row.refund, records, proposals).data;
    let truncated = attempts.has_more
        || callbacks.has_more
        || u32::try_from(events.len()).is_ok_and(|n| n == SHOWN_MAX);
    data.extend(attempts.rows.into_iter().map(attempt));
    data.extend(callbacks.rows.into_iter().map(|row| Entry {
        at: row.received_at,
        what: What::Callback(Box::new(explain::callback_view(row))),
    }));
    data.extend(decisions.into_iter().map(|one| Entry {
        at: one.at,
        what: What::Decision(Box::new(one.decision)),
    }));
    data.extend(events.into_iter().map(|event| Entry {
        at: event.occurred_at,
        what: What::Event {
            sequence: event.sequence,
            id: event.id,
            event_type: event.kind,
        },
    }));
    // Stable: what has one time stays in the order of the kinds.
    data.sort_by_key(|entry| entry.at);
    Ok(Some(Timeline { data, truncated }))
}

fn intent(request: &Request) -> Entry {
    let text = serde_json::to_string(&request.intent).unwrap_or_default();
    Entry {
        at: request.requested_at,
        what: What::Intent {
            requested_by: request.requested_by.clone(),
            mode: request.mode.as_str(),
            intent: RawValue::from_string(text).unwrap_or_default(),
        },
    }
}

fn attempt(row: AttemptRow) -> Entry {
    let headers = |text: &str| serde_json::from_str(text).ok();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let reply = row.end.as_ref().and_then(|end| {
        Some(ReplyView {
            status: end.status?,
            headers: end.reply_headers.as_deref().and_then(headers),
            body: lossy(end.reply_body.as_deref().unwrap_or_default()),
        })
    });
    let view = AttemptView {
        id: row.id,
        fence: row.fence,
        request: SentView {
            method: row.method,
            url: row.url,
            headers: headers(&row.headers),
            body: lossy(&row.body),
            body_sha256: hex(&sha256(&row.body)),
        },
        reply,
        ended_at: row.end.as_ref().map(|end| end.ended_at),
        class: row.end.as_ref().map(|end| end.class),
        code: row.end.as_ref().and_then(|end| end.code.clone()),
        message: row.end.as_ref().and_then(|end| end.message.clone()),
    };
    Entry {
        at: row.started_at,
        what: if row.is_ask {
            What::Ask(view)
        } else {
            What::Attempt(view)
        },
    }
}
