//! The refunds of a filter as CSV.

use actix_web::HttpResponse;

use super::filter::Filter;
use crate::console::pages::export::{self, STEP};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::domain::claim::RefundNo;
use crate::domain::ids::ExternalId;
use crate::domain::money::Money;
use crate::store::{RefundRow, Snapshot, StoreError};

/// Refunds that are read for one file, where few fit.
const LOOKED_AT_MAX: usize = 100_000;

/// The columns of a line.
pub const HEAD: &str = "id,provider,account,refund_no,provider_refund_no,order_no,status,provider_status,amount,\
                        currency,received_at,updated_at,attention,request_state";

/// What is left to write.
struct Left {
    visit: Visit,
    filter: Filter,
    looked_at: usize,
}

pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let first = Left {
        filter: Filter::of(&visit.query())?,
        visit,
        looked_at: 0,
    };
    Ok(export::streamed("refunds", HEAD, first, step))
}

async fn step(mut left: Left) -> Result<(Vec<String>, Option<Left>), StoreError> {
    let filter = left.filter.indexed.clone();
    let list = move |snapshot: &mut Snapshot<'_>| snapshot.refunds(&filter, STEP);
    let name = &left.visit.viewer.name;
    let page = left.visit.app.store.read_list(name, list).await?;
    let fits = page.rows.iter().filter(|row| left.filter.fits(row));
    let lines = fits.map(line).collect();
    left.looked_at += page.rows.len();
    left.filter.indexed.before = page.next;
    let goes_on = page.next.is_some() && left.looked_at < LOOKED_AT_MAX;
    Ok((lines, goes_on.then_some(left)))
}

pub fn line(row: &RefundRow) -> String {
    let refund = &row.refund;
    let reasons: Vec<_> = refund
        .attention
        .iter()
        .map(|question| question.reason.as_str())
        .collect();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    export::line([
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
    ])
}
