//! A new refund in two steps: a form, then a page that says what will be sent. The key in the form makes the second
//! step idempotent: sent twice, it is one refund.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::{Map, Value};

use super::done;
use crate::console::form::Fields;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::crypto::random_secret;
use crate::domain::claim::RefundNo;
use crate::http::internal::access::acts::{Act, note};
use crate::http::internal::problem::ApiError;
use crate::http::internal::requests::body;
use crate::requests::{CreateError, Created, NewRequest};

/// Texts of the body, as the API names them, with their labels.
const FIELDS: [(&str, Text, bool); 8] = [
    ("refund_no", Text::RefundNoOrMade, false),
    ("order_no", Text::OrderNo, false),
    ("provider_payment_no", Text::ProviderPaymentNo, false),
    ("amount", Text::Amount, true),
    ("currency", Text::Currency, true),
    ("order_amount", Text::OrderAmount, false),
    ("amount_available", Text::AmountAvailable, false),
    ("reason", Text::Reason, true),
];

#[derive(Template)]
#[template(path = "create.html")]
struct CreatePage {
    frame: Frame,
    /// `false`: the fields are shown to be confirmed.
    is_form: bool,
    accounts: Vec<AccountChoice>,
    account: String,
    fields: Vec<Field>,
    errors: Vec<String>,
    key: String,
    confirmation: String,
}

struct AccountChoice {
    name: String,
    is_chosen: bool,
}

struct Field {
    name: &'static str,
    label: Text,
    value: String,
    is_required: bool,
    /// What is wrong with it.
    error: Option<String>,
}

pub async fn ask(visit: Visit) -> Result<HttpResponse, Trouble> {
    let query = visit.query();
    let account = query.text("account").unwrap_or_default().to_owned();
    let given = |name: &str| query.text(name).unwrap_or_default().to_owned();
    form(
        &visit,
        &account,
        given,
        random_secret(),
        &ApiError::InvalidRefund(Vec::new()),
    )
}

/// The fields as they were given.
fn fields(given: impl Fn(&str) -> String) -> [Field; FIELDS.len()] {
    FIELDS.map(|(name, label, is_required)| Field {
        name,
        label,
        value: given(name),
        is_required,
        error: None,
    })
}

/// The form with what was given so far and what is wrong with it.
fn form(
    visit: &Visit,
    account: &str,
    given: impl Fn(&str) -> String,
    key: String,
    problem: &ApiError,
) -> Result<HttpResponse, Trouble> {
    let frame = visit.frame(Section::Requests);
    let mut errors = Vec::new();
    let mut fields = fields(given);
    match problem {
        ApiError::InvalidRefund(wrong) => {
            for error in wrong {
                let of = fields
                    .iter_mut()
                    .find(|field| error.pointer.strip_prefix('/') == Some(field.name));
                match of {
                    Some(field) => field.error = Some(error.detail.clone()),
                    None => errors.push(format!("{} {}", error.pointer, error.detail)),
                }
            }
        }
        other => errors.push(other.to_string()),
    }
    let rules = visit.app.rules();
    let accounts = rules.registry.apis().map(|(account, _)| account);
    let accounts = accounts.map(ToString::to_string);
    let has_problem = !errors.is_empty() || fields.iter().any(|field| field.error.is_some());
    let mut response = page(&CreatePage {
        is_form: true,
        accounts: accounts
            .map(|name| AccountChoice {
                is_chosen: name == account,
                name,
            })
            .collect(),
        account: account.to_owned(),
        fields: fields.into(),
        errors,
        key,
        confirmation: String::new(),
        frame,
    })?;
    if has_problem {
        *response.status_mut() = actix_web::http::StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

pub async fn act(visit: Visit, fields: Fields) -> Result<HttpResponse, Trouble> {
    let key = fields.get("key").to_owned();
    if key.is_empty() {
        return Err(Trouble::StaleForm);
    }
    let given = |name: &str| fields.get(name).trim().to_owned();
    let account = given("account");
    let bytes = body_of(&account, given);
    let again = |problem: &ApiError| form(&visit, &account, given, key.clone(), problem);
    let new = match body::read(&bytes, visit.actor()) {
        Ok(new) => new,
        Err(problem) => return again(&problem),
    };
    if let Err(problem) = check(&visit, &new) {
        return again(&problem);
    }
    match fields.get("step") {
        "send" => {}
        "change" => return again(&ApiError::InvalidRefund(Vec::new())),
        _ => return review(&visit, &account, given, key, &new),
    }
    let new = NewRequest {
        key: Some((key.clone(), bytes)),
        ..new
    };
    match visit.app.requests.create(new).await {
        Ok(Created::New(row)) => {
            let id = row.refund.id;
            let about = format!("refund of {account} {id}");
            note(
                &visit.app,
                &visit.viewer.name,
                Act::RefundRequested,
                &about,
                "",
            );
            Ok(done(&format!("/console/refunds/{id}"), Text::RequestStored))
        }
        Ok(Created::Same(row) | Created::SameKey(row)) => {
            let place = format!("/console/refunds/{}", row.refund.id);
            Ok(done(&place, Text::RequestStored))
        }
        Err(CreateError::Store(error)) => Err(error.into()),
        Err(error) => again(&error.into()),
    }
}

/// The body that a caller of the API would send.
fn body_of(account: &str, given: impl Fn(&str) -> String) -> Vec<u8> {
    let mut body = Map::new();
    let (provider, name) = account.split_once('/').unwrap_or((account, ""));
    body.insert("provider".to_owned(), provider.into());
    body.insert("account".to_owned(), name.into());
    for (name, ..) in FIELDS {
        let value = given(name);
        if !value.is_empty() {
            body.insert(name.to_owned(), value.into());
        }
    }
    Value::Object(body).to_string().into_bytes()
}

/// What the provider's rules say, before anything is stored.
fn check(visit: &Visit, new: &NewRequest) -> Result<(), ApiError> {
    let api = visit.app.requests.api(&new.account);
    let api = api.ok_or(CreateError::CannotSubmit)?;
    let number = new.refund_no.as_ref().map(RefundNo::as_str);
    let now = visit.clocked.now.to_timestamp().unwrap_or_default();
    let errors = api.client.check(number, &new.intent, now);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::InvalidRefund(errors))
    }
}

fn review(
    visit: &Visit,
    account: &str,
    given: impl Fn(&str) -> String,
    key: String,
    new: &NewRequest,
) -> Result<HttpResponse, Trouble> {
    let frame = visit.frame(Section::Requests);
    let money = new.intent.money;
    let sum = format!("{} {}", money.amount_text(), money.currency.code());
    let fields = fields(given);
    page(&CreatePage {
        is_form: false,
        accounts: Vec::new(),
        account: account.to_owned(),
        fields: fields.into(),
        errors: Vec::new(),
        key,
        confirmation: frame.with(Text::WillBeRefunded, sum),
        frame,
    })
}
