//! The list of refunds: filters, one search box over every number and id, and the same as CSV.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use askama::Template;
use futures_util::stream;

use super::lines::RefundLine;
use crate::console::frame::{Frame, Section, address};
use crate::console::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Query, Visit, page};
use crate::console::words;
use crate::domain::claim::{Reason, RefundNo, Status};
use crate::domain::ids::{CallbackId, ExternalId, RefundId};
use crate::domain::money::Money;
use crate::domain::time::Timestamp;
use crate::store::{RefundFilter, RefundPage, RefundRow, Snapshot, StoreError};

/// Refunds of a page.
const LIMIT: u32 = 50;
/// Refunds that a search shows of one kind of number.
const FOUND_MAX: u32 = 50;
/// Refunds of a CSV, and of each read for it.
const CSV_ROWS_MAX: usize = 10_000;
const CSV_STEP: u32 = 200;

/// Parameters that make up a filter, as they are in the address.
const FILTERS: [&str; 5] = ["provider", "account", "status", "attention", "since"];

#[derive(Template)]
#[template(path = "refunds.html")]
struct RefundsPage {
    frame: Frame,
    query: String,
    accounts: Vec<Choice>,
    statuses: Vec<Choice>,
    questions: Vec<Choice>,
    since: String,
    is_filtered: bool,
    rows: Vec<RefundLine>,
    is_short: bool,
    older: Option<String>,
    newest: Option<String>,
    csv: String,
}

/// An option of a filter.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let query = visit.query();
    visit.app.intake.caught_up().await;
    let (found, is_search) = if let Some(text) = query.text("q") {
        if let Some(place) = place_of(&visit, text).await? {
            return Ok(HttpResponse::SeeOther()
                .insert_header((header::LOCATION, place))
                .finish());
        }
        let text = text.to_owned();
        let rows = visit.read(move |snapshot| search(snapshot, &text)).await?;
        (RefundPage { rows, next: None }, true)
    } else {
        let filter = filter(&query)?;
        let list = move |snapshot: &mut Snapshot<'_>| snapshot.refunds(&filter, LIMIT);
        (visit.read_list(list).await?, false)
    };
    let frame = visit.frame(Section::Refunds);
    let rows: Vec<_> = found
        .rows
        .iter()
        .map(|row| RefundLine::new(&frame, row))
        .collect();
    let next = found.next.map(|next| next.to_string());
    page(&RefundsPage {
        query: query.text("q").unwrap_or_default().to_owned(),
        accounts: accounts(&visit, &query, &frame),
        statuses: statuses(&query, &frame),
        questions: questions(&query, &frame),
        since: query.text("since").unwrap_or_default().to_owned(),
        is_filtered: is_search || FILTERS.iter().any(|name| query.text(name).is_some()),
        is_short: next.is_some() && found.rows.len() < LIMIT as usize,
        older: next.map(|next| here(&query, "/console/refunds", Some(&next))),
        newest: query
            .text("cursor")
            .map(|_| here(&query, "/console/refunds", None)),
        csv: here(&query, "/console/refunds.csv", None),
        rows,
        frame,
    })
}

/// The same filter at another place of the list.
fn here(query: &Query<'_>, path: &str, cursor: Option<&str>) -> String {
    let filters = FILTERS
        .iter()
        .filter_map(|name| Some((*name, query.text(name)?)));
    let all: Vec<_> = filters
        .chain(cursor.map(|cursor| ("cursor", cursor)))
        .collect();
    address(path, &all)
}

/// The page of what an id names.
async fn place_of(visit: &Visit, text: &str) -> Result<Option<String>, Trouble> {
    if let Ok(id) = text.parse::<RefundId>() {
        let found = visit.read(move |snapshot| snapshot.refund(id)).await?;
        return Ok(found.map(|row| format!("/console/refunds/{}", row.refund.id)));
    }
    if let Ok(id) = text.parse::<CallbackId>() {
        let found = visit.read(move |snapshot| snapshot.callback(id)).await?;
        return Ok(found.map(|row| match row.refund_id {
            Some(refund) => format!("/console/refunds/{refund}#{}", row.id),
            None => format!("/console/callbacks/{}", row.id),
        }));
    }
    Ok(None)
}

/// Refunds that have this number as theirs, their order's or their provider's.
fn search(snapshot: &mut Snapshot<'_>, text: &str) -> Result<Vec<RefundRow>, StoreError> {
    // No stored text has one, and PostgreSQL takes no NUL.
    if text.contains(char::is_control) {
        return Ok(Vec::new());
    }
    let number = || Some(text.to_owned());
    let mut found: Vec<RefundRow> = Vec::new();
    for filter in [
        RefundFilter {
            refund_no: number(),
            ..RefundFilter::default()
        },
        RefundFilter {
            order_no: number(),
            ..RefundFilter::default()
        },
        RefundFilter {
            provider_refund_no: number(),
            ..RefundFilter::default()
        },
    ] {
        for row in snapshot.refunds(&filter, FOUND_MAX)?.rows {
            if found.iter().all(|known| known.refund.id != row.refund.id) {
                found.push(row);
            }
        }
    }
    Ok(found)
}

fn filter(query: &Query<'_>) -> Result<RefundFilter, Trouble> {
    // One parameter names provider and account, as one list does.
    let account = query.with("account", |text| Some(text.to_owned()))?;
    let (of, name) = match account.as_deref().map(|text| text.split_once('/')) {
        Some(Some((provider, name))) => (Some(provider.to_owned()), Some(name.to_owned())),
        _ => (None, account),
    };
    let attention = query.text("attention");
    Ok(RefundFilter {
        provider: of.or(query.with("provider", |text| Some(text.to_owned()))?),
        account: name,
        status: query.with("status", Status::from_word)?,
        updated_after: query.with("since", since)?,
        before: query.parsed("cursor")?,
        attention: match attention {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        },
        attention_reason: match attention {
            Some("true" | "false") => None,
            _ => query.with("attention", Reason::from_word)?,
        },
        ..RefundFilter::default()
    })
}

/// A day, or a time as the API takes it.
fn since(text: &str) -> Option<Timestamp> {
    let day = || Timestamp::from_rfc3339(&format!("{text}T00:00:00Z")).ok();
    Timestamp::from_rfc3339(text).ok().or_else(day)
}

fn any(frame: &Frame, is_chosen: bool) -> Choice {
    Choice {
        value: String::new(),
        label: frame.t(Text::Any).to_owned(),
        is_chosen,
    }
}

fn accounts(visit: &Visit, query: &Query<'_>, frame: &Frame) -> Vec<Choice> {
    let chosen = query.text("account");
    let mut choices = vec![any(frame, chosen.is_none())];
    for account in visit.app.rules().registry.accounts() {
        let value = format!("{}/{}", account.provider, account.name);
        choices.push(Choice {
            is_chosen: chosen == Some(value.as_str()),
            label: value.clone(),
            value,
        });
    }
    choices
}

fn statuses(query: &Query<'_>, frame: &Frame) -> Vec<Choice> {
    let chosen = query.text("status");
    let mut choices = vec![any(frame, chosen.is_none())];
    choices.extend(Status::ALL.map(|status| Choice {
        value: status.as_str().to_owned(),
        label: words::status(frame.lang(), status).text.to_owned(),
        is_chosen: chosen == Some(status.as_str()),
    }));
    choices
}

fn questions(query: &Query<'_>, frame: &Frame) -> Vec<Choice> {
    let chosen = query.text("attention");
    let mut choices = vec![any(frame, chosen.is_none())];
    for (value, label) in [("true", Text::AnyQuestion), ("false", Text::NoQuestion)] {
        choices.push(Choice {
            value: value.to_owned(),
            label: frame.t(label).to_owned(),
            is_chosen: chosen == Some(value),
        });
    }
    choices.extend(Reason::ALL.map(|reason| Choice {
        value: reason.as_str().to_owned(),
        label: words::reason(frame.lang(), reason).to_owned(),
        is_chosen: chosen == Some(reason.as_str()),
    }));
    choices
}

const CSV_HEAD: &str = "id,provider,account,refund_no,provider_refund_no,order_no,status,provider_status,amount,\
                        currency,received_at,updated_at,attention,request_state\n";

/// What is left to write.
struct CsvState {
    visit: Visit,
    filter: RefundFilter,
    left: usize,
}

/// The refunds of the same filter, in the order of the list; sent as it is read.
pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let filter = filter(&visit.query())?;
    let state = CsvState {
        visit,
        filter,
        left: CSV_ROWS_MAX,
    };
    let head = stream::once(async { Ok::<_, StoreError>(Bytes::from_static(CSV_HEAD.as_bytes())) });
    let rows = stream::try_unfold(Some(state), |state| async move {
        let Some(mut state) = state.filter(|state| state.left > 0) else {
            return Ok(None);
        };
        let filter = state.filter.clone();
        let name = &state.visit.viewer.name;
        let limit = CSV_STEP.min(u32::try_from(state.left).unwrap_or(CSV_STEP));
        let list = move |snapshot: &mut Snapshot<'_>| snapshot.refunds(&filter, limit);
        let page = state.visit.app.store.read_list(name, list).await?;
        let text: String = page.rows.iter().map(csv_line).collect();
        state.left -= page.rows.len().min(state.left);
        state.filter.before = page.next;
        let next = page.next.map(|_| state);
        Ok(Some((Bytes::from(text), next)))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"refunds.csv\"",
        ))
        .streaming(futures_util::StreamExt::chain(head, rows)))
}

fn csv_line(row: &RefundRow) -> String {
    let refund = &row.refund;
    let reasons: Vec<_> = refund
        .attention
        .iter()
        .map(|question| question.reason.as_str())
        .collect();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let fields = [
        refund.id.to_string(),
        refund.account.provider.clone(),
        refund.account.name.clone(),
        text(refund.refund_no.as_ref().map(RefundNo::as_str)),
        text(refund.provider_refund_no.as_ref().map(ExternalId::as_str)),
        text(refund.order_no.as_ref().map(ExternalId::as_str)),
        refund.status.as_str().to_owned(),
        text(refund.provider_status.as_deref()),
        refund.money.map_or_else(String::new, Money::amount_text),
        text(refund.money.map(|money| money.currency.code())),
        refund.received_at.to_string(),
        refund.updated_at.to_string(),
        reasons.join(" "),
        text(
            row.request
                .as_ref()
                .map(|request| request.machine.state.as_str()),
        ),
    ];
    let mut line = fields.map(|field| csv_field(&field)).join(",");
    line.push('\n');
    line
}

/// Quoted where it must be (RFC 4180); what a spreadsheet would take for a formula begins with an apostrophe.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_no_formula_and_ends_where_it_ends() {
        assert_eq!(csv_field("R-1"), "R-1");
        assert_eq!(csv_field("=1+1"), "'=1+1");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
