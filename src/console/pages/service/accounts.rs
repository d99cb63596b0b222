//! Accounts of the config: what each can, its keys, whether it stopped.

use actix_web::HttpResponse;
use askama::Template;

use crate::api::account::{AccountView, KeyView};
use crate::config::Scope;
use crate::console::chart::{self, Chart};
use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::pages::export;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::time::Timestamp;
use crate::http::internal::requests::accounts::view;
use crate::store::{Outcome, Snapshot};

/// A clock that is off by more than this is shown as a problem.
const SKEW_WARN_MS: i64 = 30_000;
/// Newest callbacks of all accounts that the charts show.
const COUNTED_MAX: u32 = 5_000;

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    accounts: Vec<AccountLine>,
    may_act: bool,
    /// There are more callbacks than the charts show.
    is_cut: bool,
}

struct AccountLine {
    name: String,
    refunds_href: String,
    can: String,
    sends: bool,
    is_sandbox: bool,
    stopped: Option<Stop>,
    skew_ms: Option<i64>,
    is_skewed: bool,
    keys: Vec<KeyLine>,
    chart: Option<Chart>,
    /// Of the act that is possible.
    act_href: String,
}

struct Stop {
    since: When,
    reason: String,
    by: String,
}

struct KeyLine {
    id: String,
    until: Option<When>,
    is_over: bool,
    used: Option<When>,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let stopped = visit.app.requests.stopped().await?;
    let since = visit.clocked.now.minus(chart::SPAN);
    let read = move |snapshot: &mut Snapshot<'_>| snapshot.newest_outcomes(since, COUNTED_MAX);
    let outcomes = visit.read_list(read).await?;
    let rules = visit.app.rules();
    let frame = visit.frame(Section::Accounts);
    let accounts = rules.registry.accounts();
    let lines = accounts.iter().map(|account| {
        let view = view(&visit.app, &rules.registry, account, &stopped);
        line(&frame, view, &outcomes)
    });
    page(&AccountsPage {
        accounts: lines.collect(),
        may_act: visit.viewer.may(Scope::Operate),
        is_cut: outcomes.len() >= COUNTED_MAX as usize,
        frame,
    })
}

fn line(frame: &Frame, view: AccountView<'_>, outcomes: &[Outcome]) -> AccountLine {
    let name = format!("{}/{}", view.provider, view.account);
    let act = if view.stopped.is_some() {
        "resume"
    } else {
        "stop"
    };
    AccountLine {
        refunds_href: address("/console/refunds", &[("account", &name)]),
        can: view.can.join(" · "),
        sends: view.can.contains(&"submit"),
        is_sandbox: view.sandbox,
        stopped: view.stopped.map(|stop| Stop {
            since: frame.when(stop.at),
            reason: stop.reason.to_owned(),
            by: stop.by.unwrap_or_default().to_owned(),
        }),
        skew_ms: view.clock_skew_ms,
        is_skewed: view
            .clock_skew_ms
            .is_some_and(|skew| skew.saturating_abs() > SKEW_WARN_MS),
        keys: view
            .keys
            .into_iter()
            .map(|key| key_line(frame, key))
            .collect(),
        chart: chart::of_account(frame, outcomes, &name),
        act_href: format!("/console/accounts/{name}/{act}"),
        name,
    }
}

fn key_line(frame: &Frame, key: KeyView) -> KeyLine {
    let is_over = |end: Timestamp| end <= frame.clocked.now;
    KeyLine {
        id: key.id,
        is_over: key.not_after.is_some_and(is_over),
        until: key.not_after.map(|at| frame.when(at)),
        used: key.last_used_at.map(|at| frame.when(at)),
    }
}

const HEAD: &str = "account,can,sandbox,stopped_at,stopped_by,stop_reason,clock_skew_ms,keys";

/// Every account.
pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let stopped = visit.app.requests.stopped().await?;
    let rules = visit.app.rules();
    let accounts = rules.registry.accounts();
    let lines = accounts.iter().map(|account| {
        let view = view(&visit.app, &rules.registry, account, &stopped);
        csv_line(&view)
    });
    Ok(export::whole("accounts", HEAD, lines))
}

fn csv_line(view: &AccountView<'_>) -> String {
    let stop = view.stopped.as_ref();
    let keys: Vec<_> = view.keys.iter().map(|key| key.id.as_str()).collect();
    export::line([
        format!("{}/{}", view.provider, view.account),
        view.can.join(" "),
        view.sandbox.to_string(),
        stop.map_or_else(String::new, |stop| stop.at.to_string()),
        stop.and_then(|stop| stop.by).unwrap_or_default().to_owned(),
        stop.map_or("", |stop| stop.reason).to_owned(),
        view.clock_skew_ms
            .map_or_else(String::new, |skew| skew.to_string()),
        keys.join(" "),
    ])
}
