//! What needs a person: each kind with what to do, and the first few of it, each a link to where it is finished.

use std::time::Duration;

use crate::config::Scope;
use crate::console::Console;
use crate::console::acts::review;
use crate::console::frame::{Frame, address};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::language::words;
use crate::console::pages::lines::RefundLine;
use crate::console::pages::raw::shown;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, blocking};
use crate::domain::claim::Reason;
use crate::rejected::{self, EvidenceFilter, StoredRequest};
use crate::store::RefundRow;

/// Of each kind.
const SHOWN: usize = 5;
/// How long a rejected signature is news.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Something to look at, how much of it there is, and what to do.
pub struct Need {
    pub label: &'static str,
    pub advice: &'static str,
    /// In the API; empty where it is no question of a refund.
    pub word: &'static str,
    pub count: usize,
    /// To all of them.
    pub href: String,
    pub items: Vec<Item>,
}

/// One of them.
pub struct Item {
    pub href: String,
    pub text: String,
    pub detail: String,
    pub since: When,
}

impl Need {
    fn of(
        frame: &Frame,
        (label, advice): (Text, Text),
        (count, href): (usize, &str),
        items: Vec<Item>,
    ) -> Option<Self> {
        (count > 0).then(|| Self {
            label: frame.t(label),
            advice: frame.t(advice),
            word: "",
            count,
            href: href.to_owned(),
            items,
        })
    }
}

/// Open questions of refunds by reason, each with its oldest.
pub fn questions(frame: &Frame, counts: &[(Reason, i64)], oldest: &[RefundRow]) -> Vec<Need> {
    let open = counts.iter().filter(|(_, count)| *count > 0);
    let need = |(reason, count): &(Reason, i64)| {
        let asks = |row: &&RefundRow| {
            let mut open = row.refund.attention.iter();
            open.any(|open| open.reason == *reason)
        };
        let first = oldest.iter().filter(asks).take(SHOWN);
        let lang = frame.lang();
        Need {
            label: words::reason(lang, *reason),
            advice: words::advice(lang, *reason),
            word: reason.as_str(),
            count: usize::try_from(*count).unwrap_or(0),
            href: address("/console/refunds", &[("attention", reason.as_str())]),
            items: first.map(|row| refund(frame, row)).collect(),
        }
    };
    open.map(need).collect()
}

fn refund(frame: &Frame, row: &RefundRow) -> Item {
    let line = RefundLine::new(frame, row);
    let since = row.refund.attention.iter().map(|open| open.since).min();
    Item {
        detail: if line.amount.is_empty() {
            line.account
        } else {
            format!("{} {} · {}", line.amount, line.currency, line.account)
        },
        href: line.href,
        text: line.number,
        since: frame.when(since.unwrap_or(row.refund.updated_at)),
    }
}

/// Parked close-outs whose question is open: an answer leaves them parked, and needs no person any more.
pub fn parked(frame: &Frame, close_outs: &[RefundRow]) -> Option<Need> {
    let is_parked = |row: &&RefundRow| {
        let close_out = row.close_out.as_ref();
        let is_parked = close_out.is_some_and(|this| this.progress.as_str() == "parked");
        is_parked && !row.refund.attention.is_empty()
    };
    let parked: Vec<_> = close_outs.iter().filter(is_parked).collect();
    let first = parked.iter().take(SHOWN);
    let items = first.map(|row| refund(frame, row)).collect();
    let texts = (Text::ParkedCloseOuts, Text::ParkedCloseOutsAdvice);
    Need::of(frame, texts, (parked.len(), "/console/orders"), items)
}

/// Accounts that stopped, with why.
pub async fn stopped(visit: &Visit, frame: &Frame) -> Result<Option<Need>, Trouble> {
    let stopped = visit.app.requests.stopped().await?;
    let may_act = visit.viewer.may(Scope::Operate);
    let first = stopped.iter().take(SHOWN).map(|stop| {
        let name = stop.account.to_string();
        Item {
            href: if may_act {
                format!("/console/accounts/{name}/resume")
            } else {
                "/console/accounts".to_owned()
            },
            text: name,
            detail: shown(&stop.reason),
            since: frame.when(stop.stopped_at),
        }
    });
    let texts = (Text::StoppedAccounts, Text::StoppedAccountsAdvice);
    let items = first.collect();
    Ok(Need::of(
        frame,
        texts,
        (stopped.len(), "/console/accounts"),
        items,
    ))
}

/// Endpoints that take nothing any more.
pub async fn disabled(visit: &Visit, frame: &Frame) -> Result<Option<Need>, Trouble> {
    let endpoints = visit.app.push.status().await?;
    let may_act = visit.viewer.may(Scope::Operate);
    let mut items = Vec::new();
    let mut count = 0;
    for endpoint in &endpoints {
        let Some((at, reason)) = endpoint.row.disabled else {
            continue;
        };
        count += 1;
        let name = &endpoint.row.name;
        if items.len() < SHOWN {
            items.push(Item {
                href: if may_act {
                    format!("/console/push/{name}/recover")
                } else {
                    "/console/push".to_owned()
                },
                text: name.clone(),
                detail: reason.as_str().to_owned(),
                since: frame.when(at),
            });
        }
    }
    let texts = (Text::DisabledEndpoints, Text::DisabledEndpointsAdvice);
    Ok(Need::of(frame, texts, (count, "/console/push"), items))
}

/// Signatures that were rejected in a day, since the last that an operator has reviewed.
pub async fn signatures(
    visit: &Visit,
    frame: &Frame,
    console: &Console,
) -> Result<Option<Need>, Trouble> {
    let day = visit.clocked.now.minus(DAY);
    let file = console.evidence.clone();
    let marks = visit.read_list(review::marks).await?;
    let found = blocking(move || {
        let since = review::since(&file, &marks)?;
        let filter = EvidenceFilter {
            since: Some(since.map_or(day, |since| since.max(day))),
            reason: Some(rejected::Reason::Unauthorized.as_str().to_owned()),
            path: None,
        };
        let count = rejected::count(&file, &filter)?;
        let shown = u32::try_from(SHOWN).unwrap_or(u32::MAX);
        Ok((count, rejected::list(&file, &filter, shown)?))
    });
    let (count, newest) = found.await?;
    let item = |row: &StoredRequest| Item {
        href: format!("/console/rejected/{}", row.id),
        text: shown(&row.path),
        detail: String::new(),
        since: frame.when(row.received_at),
    };
    let texts = (Text::RejectedSignatures, Text::RejectedSignaturesAdvice);
    let all = "/console/rejected?reason=unauthorized";
    let items = newest.iter().map(item).collect();
    Ok(Need::of(frame, texts, (count, all), items))
}
