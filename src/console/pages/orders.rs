//! Orders of `EPay`: close-outs that are not done, and one order with its payments, applications and refunds.

use actix_web::HttpResponse;
use askama::Template;

use super::export;
use super::lines::RefundLine;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::ids::ExternalId;
use crate::domain::order::Order;
use crate::store::{RefundFilter, RefundRow, Snapshot};

/// Refunds of a list.
const SHOWN: u32 = 100;

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    frame: Frame,
    asked: String,
    order: Option<OrderLines>,
    /// Those of the order, or those whose close-out is not done.
    rows: Vec<RefundLine>,
    close_outs: Vec<CloseOutLine>,
}

struct OrderLines {
    state: &'static str,
    closed_by_us: bool,
    payments: Vec<(String, String)>,
    applications: Vec<(String, String, &'static str)>,
}

struct CloseOutLine {
    href: String,
    number: String,
    state: &'static str,
    is_parked: bool,
    errcode: u8,
    order_no: String,
    attempts: u32,
    next: String,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let number: Option<ExternalId> = visit.query().parsed("no")?;
    visit.app.intake.caught_up().await;
    let asked = number.clone();
    let read = move |snapshot: &mut Snapshot<'_>| {
        let Some(number) = asked else {
            return Ok((None, snapshot.open_close_outs(SHOWN)?));
        };
        let filter = RefundFilter {
            order_no: Some(number.as_str().to_owned()),
            ..RefundFilter::default()
        };
        let rows = snapshot.refunds(&filter, SHOWN)?.rows;
        Ok((snapshot.order(&number)?, rows))
    };
    let (order, rows) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Orders);
    page(&OrdersPage {
        asked: number.map_or_else(String::new, |number| number.as_str().to_owned()),
        order: order.as_ref().map(lines),
        rows: rows
            .iter()
            .map(|row| RefundLine::new(&frame, row))
            .collect(),
        close_outs: rows
            .iter()
            .filter_map(|row| close_out(&frame, row))
            .collect(),
        frame,
    })
}

const HEAD: &str = "refund_id,batchno,trandeno,order_no,amount,state,errcode,attempts,next_at";

/// Those that are not done.
pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let rows = visit.read_list(|snapshot| snapshot.open_close_outs(export::ROWS_MAX));
    let rows = rows.await?;
    Ok(export::whole(
        "close-outs",
        HEAD,
        rows.iter().filter_map(csv_line),
    ))
}

fn csv_line(row: &RefundRow) -> Option<String> {
    let close_out = row.close_out.as_ref()?;
    let order_no = close_out.order_no.as_ref().map_or("", ExternalId::as_str);
    Some(export::line([
        row.refund.id.to_string(),
        close_out.key.batchno.as_str().to_owned(),
        close_out.key.trandeno.as_str().to_owned(),
        order_no.to_owned(),
        close_out.amount.to_text(2),
        close_out.progress.as_str().to_owned(),
        close_out.progress.errcode().to_string(),
        close_out.attempts.to_string(),
        close_out
            .next_at
            .map_or_else(String::new, |at| at.to_string()),
    ]))
}

fn lines(order: &Order) -> OrderLines {
    let payments = order.payments.iter();
    let applications = order.applications.iter();
    OrderLines {
        state: order.state.as_str(),
        closed_by_us: order.closed_by_close_out,
        payments: payments
            .map(|payment| (payment.trandeno.clone(), payment.amount.to_text(2)))
            .collect(),
        applications: applications
            .map(|of| (of.batchno.clone(), of.amount.to_text(2), of.state.as_str()))
            .collect(),
    }
}

fn close_out(frame: &Frame, row: &RefundRow) -> Option<CloseOutLine> {
    let close_out = row.close_out.as_ref()?;
    let state = close_out.progress.as_str();
    Some(CloseOutLine {
        href: format!("/console/refunds/{}", row.refund.id),
        number: close_out.key.refund_no().as_str().to_owned(),
        state,
        is_parked: state == "parked",
        errcode: close_out.progress.errcode(),
        order_no: close_out
            .order_no
            .as_ref()
            .map_or_else(String::new, |number| number.as_str().to_owned()),
        attempts: close_out.attempts,
        next: close_out
            .next_at
            .map_or_else(String::new, |at| frame.when(at).ago),
    })
}
