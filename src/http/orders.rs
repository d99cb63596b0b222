//! `PUT` and `GET /v1/orders/{order_no}`: pre-orders, registered by the merchant's own system.

use std::collections::HashSet;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::App;
use super::auth::authorize;
use super::error::{self, ApiError};
use crate::closeout::{Registration, RegistrationError};
use crate::config::Scope;
use crate::domain::ids::Number;
use crate::domain::money::Amount;
use crate::domain::order::{ApplicationSaid, ApplicationState, OrderState, Payment};
use crate::domain::view::OrderView;
use crate::providers::json::{FromObject, Object};

/// Payments or applications in one registration.
const ENTRIES_MAX: usize = 200;
/// Longest trade number, in characters (document 003).
const TRANDENO_CHARS_MAX: usize = 100;
/// Longest batch number, in characters (document 003).
const BATCHNO_CHARS_MAX: usize = 200;

/// The body of a registration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    state: OrderState,
    #[serde(default)]
    payments: Vec<FromObject<PaymentBody>>,
    #[serde(default)]
    refund_applications: Vec<FromObject<ApplicationBody>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentBody {
    trandeno: String,
    amount: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationBody {
    batchno: String,
    amount: String,
    state: Option<ApplicationState>,
}

/// The order as it stands.
pub async fn get(app: Data<App>, request: HttpRequest, order_no: Path<String>) -> HttpResponse {
    answer_get(&app, &request, &order_no)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_get(
    app: &App,
    request: &HttpRequest,
    order_no: &str,
) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::RefundsRead)?;
    let order_no: Number = order_no.parse().map_err(|_| ApiError::NotFound("order"))?;
    app.closeout.caught_up().await;
    let order = app
        .store
        .read(move |snapshot| snapshot.order(&order_no))
        .await?
        .ok_or(ApiError::NotFound("order"))?;
    Ok(HttpResponse::Ok().json(OrderView::from(&order)))
}

/// Registers or updates an order.
pub async fn put(
    app: Data<App>,
    request: HttpRequest,
    order_no: Path<String>,
    payload: Payload,
) -> HttpResponse {
    answer_put(&app, &request, &order_no, payload)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_put(
    app: &App,
    request: &HttpRequest,
    order_no: &str,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::OrdersWrite)?;
    let order_no: Number = order_no
        .parse()
        .map_err(|error| ApiError::InvalidParameter(format!("order_no {error}")))?;
    let body = error::read_json(request, payload).await?;
    let registration = registration(order_no, &body)?;
    match app.closeout.register(registration).await? {
        Ok(order) => Ok(HttpResponse::Ok().json(OrderView::from(&order))),
        Err(error @ RegistrationError::PaymentOfOtherOrder { .. }) => {
            Err(ApiError::PaymentOfOtherOrder(error.to_string()))
        }
    }
}

fn registration(order_no: Number, body: &[u8]) -> Result<Registration, ApiError> {
    let invalid = |detail: String| ApiError::InvalidBody(detail);
    // Refuses keys given twice, which the derived reader would take for unknown members only.
    Object::parse(body).map_err(|error| invalid(error.to_string()))?;
    let body: OrderBody =
        serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    if body.payments.len().max(body.refund_applications.len()) > ENTRIES_MAX {
        return Err(invalid(format!(
            "more than {ENTRIES_MAX} payments or applications"
        )));
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
            // Only a close-out may say that it is handled; a registration that repeats what it read
            // here leaves it as it is.
            let state = application
                .state
                .filter(|state| *state != ApplicationState::Handled);
            Ok(ApplicationSaid {
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
    refuse_twice(
        "trandeno",
        registration.payments.iter().map(|p| &p.trandeno),
    )?;
    refuse_twice(
        "batchno",
        registration.applications.iter().map(|a| &a.batchno),
    )?;
    Ok(registration)
}

/// One name with two amounts would leave it to chance which one counts.
fn refuse_twice<'a>(
    member: &str,
    mut names: impl Iterator<Item = &'a String>,
) -> Result<(), ApiError> {
    let mut seen = HashSet::new();
    match names.find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(_) => Err(ApiError::InvalidBody(format!("a {member} is given twice"))),
    }
}

/// A number as `EPay` writes it: any printable text, bounded; no `/` in a batch number.
fn name(member: &str, text: String, chars_max: usize) -> Result<String, ApiError> {
    let printable = crate::providers::text::is_printable(&text);
    let length = text.encode_utf16().count();
    if !printable || !(1..=chars_max).contains(&length) || text.trim().is_empty() {
        let detail = format!("{member} must be 1 to {chars_max} printable characters");
        return Err(ApiError::InvalidBody(detail));
    }
    if member == "batchno" && text.contains('/') {
        return Err(ApiError::InvalidBody(
            "batchno must not contain /".to_owned(),
        ));
    }
    Ok(text)
}

/// More than nothing, at most two decimals.
fn yuan(text: &str) -> Result<Amount, ApiError> {
    Amount::parse(text)
        .ok()
        .filter(|amount| !amount.is_zero() && amount.decimals() <= 2)
        .ok_or_else(|| {
            let detail =
                "amount must be a text such as \"30.00\": more than 0, two decimals at most";
            ApiError::InvalidBody(detail.to_owned())
        })
}
