//! `/v1/accounts…`: what each account can, its keys, and whether it stopped.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::changes::{ReasonBody, other};
use crate::api::account::{AccountList, AccountView, KeyView, StopView};
use crate::domain::claim::Account;
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::acts::Act;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::body;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::{Reading, Stopping};
use crate::providers::relay::RelayAccount;
use crate::providers::{Provider, Registry, Signer};
use crate::store::AccountState;

/// Every account of the config.
#[utoipa::path(
    get, path = "/v1/accounts", operation_id = "list_accounts", tag = "requests",
    responses((status = 200, description = "All of them, in the order of the config", body = AccountList), Reading)
)]
pub async fn list(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let stopped = app.requests.stopped().await?;
    let rules = app.rules();
    let accounts = rules.registry.accounts();
    let data = accounts
        .iter()
        .map(|account| view(&app, &rules.registry, account, &stopped))
        .collect();
    Ok(HttpResponse::Ok().json(AccountList { data }))
}

/// One account as it is now.
pub(crate) fn view<'a>(
    app: &App,
    registry: &Registry,
    account: &'a Account,
    stopped: &'a [AccountState],
) -> AccountView<'a> {
    let (provider, name) = (account.provider.as_str(), account.name.as_str());
    let (callback, relay) = (
        registry.find(provider, name),
        registry.find_relay(provider, name),
    );
    let api = registry.api(provider, name);
    let mut can = Vec::new();
    for (word, is_there) in [
        ("callback", callback.is_some()),
        ("relay", relay.is_some()),
        ("submit", api.is_some()),
        ("ask", api.is_some_and(|api| api.client.can_ask())),
    ] {
        if is_there {
            can.push(word);
        }
    }
    let keys = callback.map_or_else(
        || relay.map(RelayAccount::keys).unwrap_or_default(),
        Provider::keys,
    );
    let skew = api.and_then(|api| app.requests.health(account, api).skew_ms());
    let stop = stopped.iter().find(|state| state.account == *account);
    AccountView {
        provider,
        account: name,
        can,
        keys: keys
            .into_iter()
            .map(|key| key_view(app, account, key))
            .collect(),
        stopped: stop.map(|state| StopView {
            at: state.stopped_at,
            reason: &state.reason,
            by: state.by.as_deref(),
            until: state.resumes_at,
        }),
        sandbox: api.is_some_and(|api| api.is_sandbox),
        clock_skew_ms: skew,
    }
}

fn key_view(app: &App, account: &Account, key: Signer) -> KeyView {
    KeyView {
        last_used_at: app.intake.key_used_at(account, &key.key_id),
        id: key.key_id,
        not_before: key.not_before.map(Into::into),
        not_after: key.not_after.map(Into::into),
    }
}

/// Nothing more is sent for the account; its open refunds are still asked about.
#[utoipa::path(
    post, path = "/v1/accounts/{provider}/{account}/stop", operation_id = "stop_account", tag = "requests",
    params(("provider" = String, Path, example = "payermax"), ("account" = String, Path, example = "main")),
    request_body = ReasonBody,
    responses((status = 200, description = "All accounts", body = AccountList), Stopping)
)]
pub async fn stop(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(String, String)>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (account, reason) = account_and_reason(&request, path, payload).await?;
    let by = admission.actor();
    let stopped = app.requests.stop(&account, &reason, by).await;
    if stopped.map_err(other)? {
        note(
            &app,
            &admission.reader.name,
            Act::AccountStopped,
            &account,
            &reason,
        );
    }
    list(app, request).await
}

/// Sending goes on.
#[utoipa::path(
    post, path = "/v1/accounts/{provider}/{account}/resume", operation_id = "resume_account", tag = "requests",
    params(("provider" = String, Path, example = "payermax"), ("account" = String, Path, example = "main")),
    request_body = ReasonBody,
    responses((status = 200, description = "All accounts", body = AccountList), Stopping)
)]
pub async fn resume(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(String, String)>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (account, reason) = account_and_reason(&request, path, payload).await?;
    let by = admission.actor();
    let resumed = app.requests.resume(&account, &reason, by).await;
    if resumed.map_err(other)? {
        note(
            &app,
            &admission.reader.name,
            Act::AccountResumed,
            &account,
            &reason,
        );
    }
    list(app, request).await
}

async fn account_and_reason(
    request: &HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<(Account, String), ApiError> {
    Query::parse(request.query_string(), &[])?;
    let (provider, name) = path.into_inner();
    let body: ReasonBody = body::read(request, payload).await?;
    Ok((Account { provider, name }, body.checked()?))
}

fn note(app: &App, reader: &str, act: Act, account: &Account, reason: &str) {
    let about = format!("account {account}");
    acts::note(app, reader, act, &about, reason);
}
