//! `/v1/refunds/{id}/decisions…`: an operator's answers to open questions, a second person's word on them, and the
//! try of a close-out by hand. What they do is in `crate::decisions`.

pub mod body;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::api::refund::RefundView;
use crate::api::refund::decision::DecisionList;
use crate::decisions::{Decided, NewDecision, Opinion, SHOWN_MAX};
use crate::domain::decision::{DecisionRecord, Ruling};
use crate::domain::ids::{DecisionId, RefundId};
use crate::domain::trail::{Act, Actor};
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::refunds::{parse_id, refund_view};
use crate::http::internal::request::body::bytes;
use crate::http::internal::request::query::Query;
use crate::http::internal::requests::changes::ReasonBody;
use crate::http::internal::requests::create::idempotency_key;
use crate::http::openapi::responses::{Agreeing, Closing, Deciding, ReadingOne};
use body::DecisionBody;

/// Answers an open question. The same decision of the same reader again is 200 and has no second effect; so is the same
/// `Idempotency-Key`. Above `operate.second_person_above` it waits for a second person: 202.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/decisions", operation_id = "decide_refund", tag = "decisions",
    params(("id" = RefundId, Path), ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = DecisionBody,
    responses(
        (status = 200, description = "It took effect, now or before", body = RefundView),
        (status = 202, description = "It waits for a second person", body = RefundView),
        Deciding
    )
)]
pub async fn decide(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let refund_id = parse_id(&id)?;
    let key = idempotency_key(&request)?;
    let bytes = bytes(&request, payload).await?;
    let (ruling, reason) = body::read(&bytes)?;
    let decided = app.decisions.decide(NewDecision {
        refund_id,
        ruling,
        reason,
        by: admission.actor(),
        key: key.map(|key| (key, bytes)),
    });
    Ok(answer(
        &app,
        &admission.reader.name,
        Act::RefundDecided,
        decided.await?,
    ))
}

/// A decision that waits takes effect. The reader must be another one than the reader who decided.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/decisions/{decision_id}/approve", operation_id = "approve_decision", tag = "decisions",
    params(("id" = RefundId, Path), ("decision_id" = DecisionId, Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It took effect, now or before", body = RefundView), Agreeing)
)]
pub async fn approve(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(String, String)>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let opinion = opinion(&request, &path, admission.actor(), payload).await?;
    let decided = app.decisions.approve(opinion).await?;
    Ok(answer(
        &app,
        &admission.reader.name,
        Act::DecisionApproved,
        decided,
    ))
}

/// A decision that waits is dropped; its question stays open. The reader must be another one than the reader who
/// decided.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/decisions/{decision_id}/reject", operation_id = "reject_decision", tag = "decisions",
    params(("id" = RefundId, Path), ("decision_id" = DecisionId, Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is dropped, now or before", body = RefundView), Agreeing)
)]
pub async fn reject(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(String, String)>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let opinion = opinion(&request, &path, admission.actor(), payload).await?;
    let about = format!("{} {}", opinion.refund_id, opinion.decision_id);
    let reason = opinion.reason.clone();
    let row = app.decisions.reject(opinion).await?;
    acts::note(
        &app,
        &admission.reader.name,
        Act::DecisionRejected,
        &about,
        &reason,
    );
    Ok(HttpResponse::Ok().json(refund_view(&row)))
}

/// Tries a close-out that is not done again, at once. Where it is refused, `closeout` and `attention` say why.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/close-out", operation_id = "try_close_out", tag = "decisions",
    params(("id" = RefundId, Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It was tried", body = RefundView), Closing)
)]
pub async fn close_out(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let id = parse_id(&id)?;
    let reason = body::read_reason(&bytes(&request, payload).await?)?;
    let row = app
        .decisions
        .try_close_out(id, admission.actor(), reason.clone());
    let row = row.await?;
    acts::note(
        &app,
        &admission.reader.name,
        Act::CloseOutTried,
        &id.to_string(),
        &reason,
    );
    Ok(HttpResponse::Ok().json(refund_view(&row)))
}

/// Every decision about a refund, those that wait or were rejected too, and its open questions with what each takes.
#[utoipa::path(
    get, path = "/v1/refunds/{id}/decisions", operation_id = "list_decisions", tag = "decisions",
    params(("id" = RefundId, Path)),
    responses((status = 200, description = "Oldest first", body = DecisionList), ReadingOne)
)]
pub async fn list(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let id = parse_id(&id)?;
    app.intake.caught_up().await;
    let found = app.store.read(move |snapshot| {
        let Some(row) = snapshot.refund(id)? else {
            return Ok(None);
        };
        let records = snapshot.decisions_of_refund(id, SHOWN_MAX)?;
        let records: Vec<DecisionRecord> = records.into_iter().map(|row| row.record).collect();
        let proposals = snapshot.proposals_of_refund(id, SHOWN_MAX)?;
        Ok(Some(DecisionList::new(&row.refund, records, proposals)))
    });
    let list = found.await?.ok_or(ApiError::NotFound("refund"))?;
    Ok(HttpResponse::Ok().json(list))
}

async fn opinion(
    request: &HttpRequest,
    path: &Path<(String, String)>,
    by: Actor,
    payload: Payload,
) -> Result<Opinion, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let (refund_id, decision_id) = (&path.0, &path.1);
    let nothing = || ApiError::NotFound("decision that waits");
    Ok(Opinion {
        refund_id: parse_id(refund_id)?,
        decision_id: decision_id.parse().map_err(|_| nothing())?,
        reason: body::read_reason(&bytes(request, payload).await?)?,
        by,
    })
}

/// Counts and logs what was done.
fn answer(app: &App, reader: &str, act: Act, decided: Decided) -> HttpResponse {
    match decided {
        Decided::Done { refund, record } => {
            let what = sentence(&record.ruling);
            let (before, after) = (record.status_before, record.status_after);
            let (before, after) = (before.as_str(), after.as_str());
            let how = format!("{what}, {before} -> {after}: {}", record.reason);
            acts::note(
                app,
                reader,
                act,
                &about(&refund.refund.id, &record.id),
                &how,
            );
            HttpResponse::Ok().json(refund_view(&refund))
        }
        Decided::Same { refund } => HttpResponse::Ok().json(refund_view(&refund)),
        Decided::Waits { refund, proposal } => {
            let how = format!("{}, waits: {}", sentence(&proposal.ruling), proposal.reason);
            acts::note(
                app,
                reader,
                act,
                &about(&refund.refund.id, &proposal.id),
                &how,
            );
            HttpResponse::Accepted().json(refund_view(&refund))
        }
    }
}

fn about(refund: &RefundId, decision: &DecisionId) -> String {
    format!("{refund} {decision}")
}

fn sentence(ruling: &Ruling) -> String {
    format!("{} {}", ruling.question.as_str(), ruling.decision.as_str())
}
