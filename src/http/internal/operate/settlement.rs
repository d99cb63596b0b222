//! `POST /v1/accounts/{provider}/{account}/settlement`: what a settlement file says of refunds.

use std::sync::Arc;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::settlement::SettlementView;
use crate::crypto::{from_hex, hex};
use crate::domain::claim::{Account, Status};
use crate::domain::ids::RefundId;
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::refund::parity::Said;
use crate::domain::trail::Actor;
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::acts::Act;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::body;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::Stopping;
use crate::intake::{Noted, SettlementFile, SettlementRow};

/// Rows of one call.
pub const ROWS_MAX: usize = 200;

/// What a file says, as `reconcile --raise` sends it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Settlement)]
pub struct SettlementBody {
    /// Lower-case hex of the SHA-256 of the file: the same file is noted once.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    file_sha256: String,
    /// The day that the file is for.
    #[schema(example = "2026-01-31", pattern = r"^\d{4}-\d{2}-\d{2}$")]
    day: Option<String>,
    #[schema(max_items = 200)]
    rows: Vec<RowBody>,
}

/// What it says of one refund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettlementRow)]
pub struct RowBody {
    refund_id: RefundId,
    /// Where in the file.
    line: Option<u32>,
    said: Kind,
    /// Of a row.
    status: Option<Status>,
    /// Of a row; decimal text in major units.
    #[schema(value_type = Option<String>)]
    amount: Option<Amount>,
    /// Of a row.
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
}

/// `row`: one row, with status, amount and currency. `again`: a further row of the same refund. `nothing`: no row,
/// though the refund became final on the file's day.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SettlementKind)]
enum Kind {
    Row,
    Again,
    Nothing,
}

/// Notes what a provider's settlement file says of refunds of the account, each once a file. Where it differs from what
/// is known, the refund gets a question; no status moves.
#[utoipa::path(
    post, path = "/v1/accounts/{provider}/{account}/settlement", operation_id = "note_settlement", tag = "refunds",
    params(("provider" = String, Path, example = "payermax"), ("account" = String, Path, example = "main")),
    request_body = SettlementBody,
    responses((status = 200, description = "Noted", body = SettlementView), Stopping)
)]
pub async fn note(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(String, String)>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let body: SettlementBody = body::read(&request, payload).await?;
    let hash = digest(&body.file_sha256)
        .ok_or_else(|| wrong("file_sha256 must be 64 digits of lower-case hex"))?;
    let day = body.day.map(|day| day.parse::<Date>()).transpose();
    let day = day.map_err(|_| wrong("day must be a date such as 2026-01-31"))?;
    let (provider, name) = path.into_inner();
    let file = ComparedFile {
        account: Account { provider, name },
        hash,
        day,
        by: admission.actor(),
        reason: None,
    };
    let view = note_rows(&app, file, &body.rows).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// A file that a reader compared, and why it leaves questions where a person was asked.
pub struct ComparedFile {
    pub account: Account,
    pub hash: [u8; 32],
    pub day: Option<Date>,
    pub by: Actor,
    pub reason: Option<String>,
}

/// Notes each row of a file.
pub async fn note_rows(
    app: &App,
    file: ComparedFile,
    rows: &[RowBody],
) -> Result<SettlementView, ApiError> {
    if rows.is_empty() || rows.len() > ROWS_MAX {
        return Err(wrong(format!("rows must be 1 to {ROWS_MAX}")));
    }
    let rows = rows.iter().map(RowBody::checked);
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if !app.rules().registry.accounts().contains(&file.account) {
        return Err(ApiError::NotFound("account"));
    }
    let file = Arc::new(SettlementFile {
        account: file.account,
        hash: file.hash,
        day: file.day.map(|day| day.to_string()),
        by: file.by,
        reason: file.reason,
        second_person: app.decisions.second_person(),
    });
    // Nothing that was acknowledged before is compared as if it had not come.
    app.intake.caught_up().await;
    let mut view = SettlementView::default();
    for row in rows {
        match app.intake.note_settlement(&file, row).await? {
            Noted::Raised => view.raised += 1,
            Noted::Agrees => view.agree += 1,
            Noted::Known => view.known += 1,
            Noted::NoRefund => view.not_found += 1,
        }
    }
    let about = file.account.to_string();
    let how = format!("file {}: {} raised", hex(&file.hash), view.raised);
    let by = &file.by.reader;
    acts::note(app, by, Act::SettlementNoted, &about, &how);
    Ok(view)
}

impl RowBody {
    fn checked(&self) -> Result<SettlementRow, ApiError> {
        let said = match (self.said, self.status, self.amount, self.currency) {
            (Kind::Row, Some(status), Some(amount), Some(currency)) => Said::Row {
                status,
                money: Money { amount, currency },
            },
            (Kind::Row, ..) => {
                return Err(wrong("a row needs status, amount and currency"));
            }
            (Kind::Again, None, None, None) => Said::Again,
            (Kind::Nothing, None, None, None) => Said::Nothing,
            (Kind::Again | Kind::Nothing, ..) => {
                return Err(wrong("status, amount and currency are those of a row"));
            }
        };
        Ok(SettlementRow {
            refund_id: self.refund_id,
            line: self.line,
            said,
        })
    }
}

/// One spelling only: the same file has one name.
pub fn digest(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    from_hex(text)?.try_into().ok()
}

fn wrong(what: impl Into<String>) -> ApiError {
    ApiError::InvalidBody(what.into())
}
