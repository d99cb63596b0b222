//! `GET /v1/refunds…`: refunds, their status, and their callbacks.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::access::auth::Admission;
use super::etag;
use super::problem::ApiError;
use super::request::query::Query;
use crate::api::AttentionFilter;
use crate::api::explain::CallbackPage;
use crate::api::refund::{RefundPage, RefundView};
use crate::domain::claim::{Reason, Status};
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::time::Timestamp;
use crate::domain::trail::About;
use crate::explain;
use crate::http::App;
use crate::http::openapi::responses::{NotModified, Reading, ReadingOne};
use crate::http::server::connections::Slot;
use crate::store::{RefundFilter, RefundRow, Snapshot};

/// Default page size.
const LIMIT_DEFAULT: u32 = 50;
/// Max page size (contract §5).
const LIMIT_MAX: u32 = 200;
/// Default and max page size of callbacks; a provider sends six.
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

/// A page of refunds, newest first; stable under inserts.
#[utoipa::path(
    get, path = "/v1/refunds", operation_id = "list_refunds", tag = "refunds",
    params(
        ("provider" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"),
        ("account" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"),
        ("status" = Option<Status>, Query),
        ("order_no" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"),
        ("refund_no" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"),
        ("provider_refund_no" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"),
        ("updated_after" = Option<Timestamp>, Query, description = "Changed later than this"),
        ("attention" = inline(Option<AttentionFilter>), Query, description = "Any open question, none, or this one"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Default 50"),
        ("cursor" = Option<RefundId>, Query, description = "next_cursor of the previous page"),
        ("If-None-Match" = Option<String>, Header, description = "An ETag; 304 if the content has not changed")
    ),
    responses(
        (status = 200, description = "A page", body = RefundPage, headers(("ETag" = String, description = "Changes with the content"))),
        NotModified,
        Reading
    )
)]
pub async fn list(
    app: Data<App>,
    request: HttpRequest,
    Admission { reader, .. }: Admission,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &LIST_PARAMETERS)?;
    let limit = query.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let filter = filter(&query)?;
    app.intake.caught_up().await;
    let is_look_up = filter.is_look_up();
    let find = move |snapshot: &mut Snapshot<'_>| snapshot.refunds(&filter, limit);
    let page = if is_look_up {
        app.store.read(find).await?
    } else {
        let list = app.store.read_list(&reader.name, find);
        Slot::unless_gone(&request, list)
            .await
            .ok_or(ApiError::HungUp)??
    };
    let data: Vec<_> = page.rows.iter().map(refund_view).collect();
    let page = RefundPage {
        data,
        next_cursor: page.next.map(|next| next.to_string()),
        has_more: page.next.is_some(),
    };
    etag::with_etag(&request, &page)
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
            |text| Timestamp::from_rfc3339(text).ok(),
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

/// One refund; with `wait` the response comes when the status is final or the time is over.
#[utoipa::path(
    get, path = "/v1/refunds/{id}", operation_id = "get_refund", tag = "refunds",
    params(
        ("id" = RefundId, Path),
        ("wait" = Option<String>, Query, pattern = r"^([0-9]|[1-5][0-9]|60)s$", example = "30s"),
        ("If-None-Match" = Option<String>, Header, description = "An ETag; 304 if the content has not changed")
    ),
    responses(
        (status = 200, description = "The refund", body = RefundView, headers(("ETag" = String, description = "Changes with the content"))),
        NotModified,
        ReadingOne
    )
)]
pub async fn one(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = parse_id(&id)?;
    let wait = Query::parse(request.query_string(), &["wait"])?.wait()?;
    let deadline = wait.map(|wait| Instant::now() + wait);
    loop {
        let seen = app.feed.last();
        let row = find_applied(&app, id).await?;
        if let Some(request) = &row.request {
            app.requests.ask_on_read(request);
        }
        let changed = match deadline {
            Some(deadline) if !row.refund.status.is_final() => {
                let wait = app.feed.wait_for_refund(id, seen, deadline);
                Slot::while_there(&request, wait).await.transpose()? == Some(true)
            }
            _ => false,
        };
        if !changed {
            return etag::with_etag(&request, &refund_view(&row));
        }
    }
}

/// The refund as readers get it.
pub(super) fn refund_view(row: &RefundRow) -> RefundView<'_> {
    RefundView::new(&row.refund, row.close_out.as_ref(), row.request.as_ref())
}

pub(super) fn parse_id(text: &str) -> Result<RefundId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound("refund"))
}

/// Read your writes: the refund with all callbacks applied that were acknowledged before. Whether one of them is
/// still pending can be asked only once the refund number is known. So a busy service reads twice, which is
/// faster than waiting for a commit.
async fn find_applied(app: &App, id: RefundId) -> Result<RefundRow, ApiError> {
    let is_caught_up = app.intake.is_caught_up();
    let found = find(app, id).await?;
    if is_caught_up {
        return Ok(found);
    }
    let RefundRow { refund, .. } = found;
    let refund_no = refund.refund_no.as_ref();
    app.intake.caught_up_with(&refund.account, refund_no).await;
    find(app, id).await
}

pub(super) async fn find(app: &App, id: RefundId) -> Result<RefundRow, ApiError> {
    app.store
        .read(move |snapshot| snapshot.refund(id))
        .await?
        .ok_or(ApiError::NotFound("refund"))
}

/// A page of the callbacks of a refund, oldest first. One page has all of them, unless there are very many or
/// their bodies are more than 1 MiB together.
#[utoipa::path(
    get, path = "/v1/refunds/{id}/callbacks", operation_id = "list_callbacks", tag = "callbacks",
    params(
        ("id" = RefundId, Path),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Default 1000"),
        ("cursor" = Option<CallbackId>, Query, description = "next_cursor of the previous page"),
        ("If-None-Match" = Option<String>, Header, description = "An ETag; 304 if the content has not changed")
    ),
    responses(
        (status = 200, description = "A page", body = CallbackPage, headers(("ETag" = String, description = "Changes with the content"))),
        NotModified,
        ReadingOne
    )
)]
pub async fn callbacks(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["limit", "cursor"])?;
    let limit = query.limit(CALLBACKS_MAX, CALLBACKS_MAX)?;
    let after: Option<CallbackId> =
        query.parsed("cursor", "a next_cursor of this call", |text| {
            text.parse().ok()
        })?;
    let id = parse_id(&id)?;
    app.intake.caught_up().await;
    let find = move |snapshot: &mut Snapshot<'_>| match snapshot.refund(id)? {
        Some(row) => snapshot
            .callback_page(row.refund.id, after, limit)
            .map(Some),
        None => Ok(None),
    };
    let found = app.store.read_list(&admission.reader.name, find);
    let page = Slot::unless_gone(&request, found)
        .await
        .ok_or(ApiError::HungUp)??
        .ok_or(ApiError::NotFound("refund"))?;
    if !page.rows.is_empty() {
        admission.sees_bodies_of(&app, About::refund(id)).await?;
    }
    let last = page.rows.last().map(|row| row.id);
    let page = CallbackPage {
        data: page.rows.into_iter().map(explain::callback_view).collect(),
        next_cursor: last.filter(|_| page.has_more),
        has_more: page.has_more,
    };
    etag::with_etag(&request, &page)
}
