//! `PUT` and `GET /v1/orders/{order_no}`: pre-orders, registered by the merchant's own system.

pub mod change;

use std::borrow::Cow;
use std::collections::HashSet;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, Object as Schema, ObjectBuilder, Ref, Type};

use super::access::acts;
use super::access::acts::Act;
use super::access::auth::Admission;
use super::etag;
use super::problem::ApiError;
use super::request::body;
use super::request::query::Query;
use crate::api::order::OrderView;
use crate::domain::ids::ExternalId;
use crate::domain::ids::external_id::{CHARS_MAX, check_visible};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::domain::order::{ApplicationState, OrderState, Payment, RegisteredApplication};
use crate::http::App;
use crate::http::openapi::responses::{NotModified, ReadingOne, Registering};
use crate::http::openapi::texts::visible;
use crate::http::path::last_number;
use crate::intake::{Registered, Registration, RegistrationError};
use crate::providers::wire::json::FromObject;

/// Max payments or applications in one registration.
const ENTRIES_MAX: usize = 200;
/// Max characters of a trade number (document 003).
const TRANDENO_CHARS_MAX: usize = 100;
/// Max characters of a batch number (document 003).
const BATCHNO_CHARS_MAX: usize = 200;

/// Decimals of an amount.
const YUAN_DECIMALS: u8 = 2;

/// The body of a registration.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderRegistration)]
struct OrderBody {
    state: OrderState,
    #[serde(default)]
    #[schema(schema_with = unique_payments)]
    payments: Vec<FromObject<PaymentBody>>,
    #[serde(default)]
    #[schema(schema_with = unique_applications)]
    refund_applications: Vec<FromObject<ApplicationBody>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegisteredPayment)]
pub(in crate::http) struct PaymentBody {
    #[schema(schema_with = trandeno, example = "T-1")]
    trandeno: String,
    #[schema(schema_with = yuan_text, example = "100.00")]
    amount: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegisteredApplication)]
pub(in crate::http) struct ApplicationBody {
    #[schema(schema_with = batchno, example = "B-1")]
    batchno: String,
    #[schema(schema_with = yuan_text, example = "30.00")]
    amount: String,
    state: Option<ApplicationState>,
}

fn unique_payments() -> ArrayBuilder {
    unique(PaymentBody::name())
}

fn unique_applications() -> ArrayBuilder {
    unique(ApplicationBody::name())
}

fn unique(name: Cow<'_, str>) -> ArrayBuilder {
    ArrayBuilder::new()
        .items(Ref::from_schema_name(name))
        .max_items(Some(ENTRIES_MAX))
        .unique_items(true)
}

fn trandeno() -> Schema {
    visible(TRANDENO_CHARS_MAX, "")
}

fn batchno() -> Schema {
    visible(BATCHNO_CHARS_MAX, "/")
}

/// What [`yuan`] accepts.
fn yuan_text() -> Schema {
    let from_one = r"0*[1-9][0-9]{0,15}(\.[0-9]{1,2}0*)?";
    let below_one = r"0+\.(0[1-9]|[1-9][0-9]?)0*";
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^({from_one}|{below_one})$")))
        .build()
}

/// The present state of an order.
#[utoipa::path(
    get, path = "/v1/orders/{order_no}", operation_id = "get_order", tag = "orders",
    params(("order_no" = String, Path, min_length = 1, max_length = 64, description = "Percent-encoded: a slash in it is %2F", example = "YD-1"), ("If-None-Match" = Option<String>, Header, description = "An ETag; 304 if the content has not changed")),
    responses(
        (status = 200, description = "The order", body = OrderView, headers(("ETag" = String, description = "Changes with the content"))),
        NotModified,
        ReadingOne
    )
)]
pub async fn get(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let order_no = last_number(&request, CHARS_MAX).map_err(|_| ApiError::NotFound("order"))?;
    app.intake.caught_up().await;
    let order = app
        .store
        .read(move |snapshot| snapshot.order(&order_no))
        .await?
        .ok_or(ApiError::NotFound("order"))?;
    etag::with_etag(&request, &OrderView::from(&order))
}

/// Registers or updates an order. It is idempotent, and never undoes a close-out.
#[utoipa::path(
    put, path = "/v1/orders/{order_no}", operation_id = "put_order", tag = "orders",
    params(("order_no" = String, Path, min_length = 1, max_length = 64, description = "Percent-encoded: a slash in it is %2F", example = "YD-1")),
    request_body = OrderBody,
    responses((status = 200, description = "The order after the registration", body = OrderView), Registering)
)]
pub async fn put(
    app: Data<App>,
    request: HttpRequest,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let order_no = last_number(&request, CHARS_MAX)
        .map_err(|flaw| ApiError::InvalidParameter(format!("order_no {flaw}")))?;
    let body = body::read(&request, payload).await?;
    let registration = registration(order_no, body)?;
    let by = admission.actor();
    match app.intake.register(registration, by).await? {
        Ok(Registered { before, order }) => {
            if let Some(how) = change::of(before.as_ref(), &order) {
                let about = format!("order {}", order.order_no.as_str());
                acts::note(
                    &app,
                    &admission.reader.name,
                    Act::OrderChanged,
                    &about,
                    &how,
                );
            }
            Ok(HttpResponse::Ok().json(OrderView::from(&order)))
        }
        Err(error @ RegistrationError::PaymentOfOtherOrder { .. }) => {
            Err(ApiError::PaymentOfOtherOrder(error.to_string()))
        }
    }
}

fn registration(order_no: ExternalId, body: OrderBody) -> Result<Registration, ApiError> {
    if body.payments.len().max(body.refund_applications.len()) > ENTRIES_MAX {
        let detail = format!("more than {ENTRIES_MAX} payments or applications");
        return Err(ApiError::InvalidBody(detail));
    }
    let payments = body.payments.into_iter().map(|FromObject(payment)| {
        Ok(Payment {
            trandeno: name("trandeno", payment.trandeno, TRANDENO_CHARS_MAX)?,
            amount: yuan(&payment.amount)?,
        })
    });
    let applications = body
        .refund_applications
        .into_iter()
        .map(|FromObject(application)| {
            let batchno = name("batchno", application.batchno, BATCHNO_CHARS_MAX)?;
            // Only a close-out sets it to handled; a registration that repeats what it read changes nothing.
            let state = application
                .state
                .filter(|state| *state != ApplicationState::Handled);
            Ok(RegisteredApplication {
                batchno,
                amount: yuan(&application.amount)?,
                state,
            })
        });
    let registration = Registration {
        order_no,
        state: body.state,
        payments: payments.collect::<Result<_, ApiError>>()?,
        applications: applications.collect::<Result<_, ApiError>>()?,
    };
    reject_duplicates(
        "trandeno",
        registration.payments.iter().map(|p| &p.trandeno),
    )?;
    reject_duplicates(
        "batchno",
        registration.applications.iter().map(|a| &a.batchno),
    )?;
    Ok(registration)
}

/// One name with two amounts is ambiguous.
fn reject_duplicates<'a>(
    member: &str,
    mut names: impl Iterator<Item = &'a String>,
) -> Result<(), ApiError> {
    let mut seen = HashSet::new();
    match names.find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(_) => Err(ApiError::InvalidBody(format!("a {member} is given twice"))),
    }
}

/// A number as `EPay` writes it: bounded printable text; no `/` in a batch number.
fn name(member: &str, text: String, chars_max: usize) -> Result<String, ApiError> {
    if !(1..=chars_max).contains(&text.chars().count()) || text.trim().is_empty() {
        let detail = format!("{member} must be 1 to {chars_max} characters");
        return Err(ApiError::InvalidBody(detail));
    }
    check_visible(&text).map_err(|flaw| ApiError::InvalidBody(format!("{member} {flaw}")))?;
    if member == "batchno" && text.contains('/') {
        return Err(ApiError::InvalidBody(
            "batchno must not contain /".to_owned(),
        ));
    }
    Ok(text)
}

/// More than zero, at most two decimals.
fn yuan(text: &str) -> Result<Amount, ApiError> {
    Amount::read(text, Spelling::Text, YUAN_DECIMALS).map_err(|flaw| {
        let detail = format!("amount {flaw}; it is a text such as \"30.00\"");
        ApiError::InvalidBody(detail)
    })
}
