//! The refunds of a filter as CSV, in the order of the list; sent as they are read.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::stream;

use super::filter::Filter;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::domain::claim::RefundNo;
use crate::domain::ids::ExternalId;
use crate::domain::money::Money;
use crate::store::{RefundRow, Snapshot, StoreError};

/// Refunds of a CSV, and of each read for it.
const ROWS_MAX: usize = 10_000;
const STEP: u32 = 200;
/// Refunds that are read for one, where few fit.
const LOOKED_AT_MAX: usize = 100_000;

const HEAD: &str = "id,provider,account,refund_no,provider_refund_no,order_no,status,provider_status,amount,\
                        currency,received_at,updated_at,attention,request_state\n";

/// What is left to write.
struct CsvState {
    visit: Visit,
    filter: Filter,
    left: usize,
    looked_at: usize,
}

pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let state = CsvState {
        filter: Filter::of(&visit.query())?,
        visit,
        left: ROWS_MAX,
        looked_at: 0,
    };
    let head = stream::once(async { Ok::<_, StoreError>(Bytes::from_static(HEAD.as_bytes())) });
    let rows = stream::try_unfold(Some(state), |state| async move {
        let is_on = |state: &CsvState| state.left > 0 && state.looked_at < LOOKED_AT_MAX;
        let Some(mut state) = state.filter(is_on) else {
            return Ok(None);
        };
        let filter = state.filter.indexed.clone();
        let name = &state.visit.viewer.name;
        let limit = STEP.min(u32::try_from(state.left).unwrap_or(STEP));
        let list = move |snapshot: &mut Snapshot<'_>| snapshot.refunds(&filter, limit);
        let page = state.visit.app.store.read_list(name, list).await?;
        let fits: Vec<_> = page
            .rows
            .iter()
            .filter(|row| state.filter.fits(row))
            .collect();
        let text: String = fits.iter().map(|row| csv_line(row)).collect();
        state.left -= fits.len().min(state.left);
        state.looked_at += page.rows.len();
        state.filter.indexed.before = page.next;
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
