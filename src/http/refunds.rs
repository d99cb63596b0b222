//! `GET /v1/refunds…`: what became of refunds.

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::App;
use super::auth::authorize;
use super::body::single_header;
use super::error::ApiError;
use super::query::Query;
use crate::config::Scope;
use crate::crypto;
use crate::domain::claim::{Reason, Status};
use crate::domain::close_out::CloseOut;
use crate::domain::ids::RefundId;
use crate::domain::refund::Refund;
use crate::domain::view::RefundView;
use crate::store::{CallbackRow, RefundFilter, StoreError};

/// Page size where the reader does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Largest page (contract §5).
const LIMIT_MAX: u32 = 200;
/// Notifications shown of one refund; a provider sends six.
const CALLBACKS_MAX: u32 = 1_000;

/// Parameters of the list.
const LIST_PARAMETERS: [&str; 10] = [
    "provider",
    "account",
    "status",
    "order_no",
    "refund_no",
    "provider_refund_no",
    "updated_after",
    "attention",
    "limit",
    "cursor",
];

#[derive(Serialize)]
struct PageView<'a> {
    data: Vec<RefundView<'a>>,
    /// What to ask for next: `cursor=next_cursor`.
    next_cursor: Option<String>,
    has_more: bool,
}

/// A page of refunds, newest first.
pub async fn list(app: Data<App>, request: HttpRequest) -> HttpResponse {
    answer_list(&app, &request)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_list(app: &App, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::RefundsRead)?;
    let query = Query::parse(request.query_string(), &LIST_PARAMETERS)?;
    let limit = query.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let filter = filter(&query)?;
    app.closeout.caught_up().await;
    let page = app
        .store
        .read(move |snapshot| snapshot.refunds(&filter, limit))
        .await?;
    let next_cursor = page
        .refunds
        .last()
        .filter(|_| page.has_more)
        .map(|(refund, _)| refund.id.to_string());
    let data: Vec<_> = page
        .refunds
        .iter()
        .map(|(refund, close_out)| RefundView::new(refund, close_out.as_ref()))
        .collect();
    Ok(HttpResponse::Ok().json(PageView {
        data,
        next_cursor,
        has_more: page.has_more,
    }))
}

fn filter(query: &Query<'_>) -> Result<RefundFilter, ApiError> {
    let owned = |name| query.text(name).map(str::to_owned);
    let statuses = Status::ALL.map(Status::as_str).join(", ");
    let reasons = Reason::ALL.map(Reason::as_str).join(", ");
    let mut filter = RefundFilter {
        provider: owned("provider"),
        account: owned("account"),
        status: query.parsed("status", &format!("one of {statuses}"), Status::from_word)?,
        order_no: owned("order_no"),
        refund_no: owned("refund_no"),
        provider_refund_no: owned("provider_refund_no"),
        updated_after: query.parsed(
            "updated_after",
            "RFC 3339, such as 2026-01-31T00:00:00Z",
            |text| text.parse().ok(),
        )?,
        before: query.parsed("cursor", "a next_cursor of this call", |text| {
            text.parse().ok()
        })?,
        ..RefundFilter::default()
    };
    match query.text("attention") {
        None => {}
        Some("true") => filter.attention = Some(true),
        Some("false") => filter.attention = Some(false),
        Some(word) => {
            let reason = Reason::from_word(word).ok_or_else(|| {
                ApiError::InvalidParameter(format!(
                    "attention must be true, false or one of {reasons}"
                ))
            })?;
            filter.attention_reason = Some(reason);
        }
    }
    Ok(filter)
}

/// One refund; with `wait` it answers when the status is final or the time is over.
pub async fn one(app: Data<App>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    answer_one(&app, &request, &id)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_one(app: &App, request: &HttpRequest, id: &str) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::RefundsRead)?;
    let id = parse_id(id)?;
    let wait = Query::parse(request.query_string(), &["wait"])?.wait()?;
    let deadline = wait.map(|wait| Instant::now() + wait);
    app.closeout.caught_up().await;
    loop {
        let seen = app.feed.last();
        let (refund, close_out) = find(app, id).await?;
        let changed = match deadline {
            Some(deadline) if !refund.status.is_final() => {
                app.feed.wait_for_refund(id, seen, deadline).await?
            }
            _ => false,
        };
        if !changed {
            return with_etag(request, &refund, close_out.as_ref());
        }
    }
}

fn parse_id(text: &str) -> Result<RefundId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound("refund"))
}

async fn find(app: &App, id: RefundId) -> Result<(Refund, Option<CloseOut>), ApiError> {
    app.store
        .read(move |snapshot| snapshot.refund(id))
        .await?
        .ok_or(ApiError::NotFound("refund"))
}

fn with_etag(
    request: &HttpRequest,
    refund: &Refund,
    close_out: Option<&CloseOut>,
) -> Result<HttpResponse, ApiError> {
    let body = serde_json::to_string(&RefundView::new(refund, close_out))
        .map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let digest = crypto::hex(&crypto::sha256(body.as_bytes())[..16]);
    let etag = format!("\"{digest}\"");
    let known = single_header(request, header::IF_NONE_MATCH.as_str());
    let is_known = known.is_some_and(|known| {
        known
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == etag || tag == "*")
    });
    if is_known {
        return Ok(HttpResponse::NotModified()
            .insert_header((header::ETAG, etag))
            .finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, etag))
        .content_type(header::ContentType::json())
        .body(body))
}

/// Every notification of a refund, oldest first.
pub async fn callbacks(app: Data<App>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    answer_callbacks(&app, &request, &id)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_callbacks(
    app: &App,
    request: &HttpRequest,
    id: &str,
) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::CallbacksRead)?;
    Query::parse(request.query_string(), &[])?;
    let id = parse_id(id)?;
    app.closeout.caught_up().await;
    let rows = app
        .store
        .read(move |snapshot| match snapshot.refund(id)? {
            Some((refund, _)) => snapshot
                .callbacks_of_refund(&refund, CALLBACKS_MAX)
                .map(Some),
            None => Ok(None),
        })
        .await?
        .ok_or(ApiError::NotFound("refund"))?;
    let data: Vec<_> = rows.iter().map(callback_json).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

fn callback_json(row: &CallbackRow) -> serde_json::Value {
    let headers: Option<Box<RawValue>> = serde_json::from_str(&row.headers).ok();
    let mut shown = json!({
        "id": row.id,
        "received_at": row.received_at,
        "last_received_at": row.last_received_at,
        "deliveries": row.deliveries,
        "settled_at": row.settled_at,
        "verdict": row.verdict,
        "key_id": row.key_id,
        "headers": headers,
    });
    match std::str::from_utf8(&row.body) {
        Ok(text) => shown["body"] = text.into(),
        Err(_) => shown["body_base64"] = STANDARD.encode(&row.body).into(),
    }
    shown
}
