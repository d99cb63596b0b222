//! The bank's client program: 5W1003, which lists the refunds of an order. Requests and replies are GB18030.

use encoding_rs::GB18030;

use super::{Exchange, Handled, Look, nmanagement};
use crate::domain::time::Timestamp;
use crate::sandbox::server::http::{Reply, Request};
use crate::sandbox::server::keys::{BANK_USER, NMANAGEMENT};
use crate::sandbox::server::ledger::{Refund, State};

const NAME: &str = "ccb";
const PATH: &str = "/ccb";
/// Rows of one page.
const PAGE: usize = 10;
/// Refunds are settled a day later.
const SETTLED_AFTER: i64 = 24 * 3_600_000;
/// Serial numbers that are remembered.
const SERIALS_MAX: usize = 1_000_000;
const LISTS: &str = "5W1003";
const NOT_FOUND: &str = "0130Z110B357";

pub fn look(request: &Request) -> Option<Look> {
    if request.path != PATH && request.path != "/ccb/" {
        return None;
    }
    Some(Look {
        provider: NAME,
        call: "query",
        form: "",
        number: None,
    })
}

/// The XML of `requestXml=`, as it is or encoded as a form.
fn xml(body: &[u8]) -> String {
    let (text, _, _) = GB18030.decode(body);
    let Some(rest) = text.trim().strip_prefix("requestXml=") else {
        return text.into_owned();
    };
    if rest.starts_with('<') {
        return rest.to_owned();
    }
    let mut pairs = form_urlencoded::parse(body);
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let open = format!("<{name}>");
    let start = xml.find(&open)? + open.len();
    let end = xml[start..].find(&format!("</{name}>"))? + start;
    Some(xml[start..end].trim())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn reply(serial: &str, code: &str, message: &str, info: &str) -> Reply {
    let cust = NMANAGEMENT.merchant_no;
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"GB18030\"?><TX><REQUEST_SN>{}</REQUEST_SN><CUST_ID>{cust}</CUST_ID>\
         <TX_CODE>{LISTS}</TX_CODE><RETURN_CODE>{code}</RETURN_CODE><RETURN_MSG>{}</RETURN_MSG>\
         <LANGUAGE>CN</LANGUAGE>{info}</TX>",
        escaped(serial),
        escaped(message)
    );
    let (bytes, _, _) = GB18030.encode(&text);
    Reply::new(200, "text/xml;charset=GB18030", bytes.into_owned())
}

pub fn refusal(code: &str, message: &str) -> Reply {
    reply("", code, message, "")
}

pub fn handle(exchange: &mut Exchange<'_>, _look: &Look) -> Handled {
    let xml = xml(&exchange.request.body);
    let take = |name: &str| element(&xml, name).unwrap_or_default();
    let serial = take("REQUEST_SN");
    let no = |code: &str, why: &str| {
        Handled::new(reply(serial, code, why, ""), format!("{code}: {why}"))
    };
    if take("CUST_ID") != NMANAGEMENT.merchant_no || take("USER_ID") != BANK_USER {
        return no("0130Z1101007", "no such customer or operator");
    }
    if take("PASSWORD") != exchange.keys.bank_password {
        return no("0130Z1101021", "wrong password");
    }
    if take("TX_CODE") != LISTS {
        return no("0130Z1101003", "the sandbox plays 5W1003 alone");
    }
    let is_number = (1..=16).contains(&serial.len()) && serial.bytes().all(|b| b.is_ascii_digit());
    if !is_number {
        return no("0130Z110W001", "REQUEST_SN has up to 16 digits");
    }
    let serials = &mut exchange.world.serials;
    if serials.len() >= SERIALS_MAX {
        serials.clear();
    }
    if !serials.insert(serial.to_owned()) {
        return no("0130Z110W001", "REQUEST_SN was used before");
    }
    let (kind, order) = (take("KIND"), take("ORDER"));
    if !matches!(kind, "0" | "1") || order.is_empty() {
        return no("0130Z1101001", "KIND and ORDER are required");
    }
    let page: usize = take("PAGE").parse().unwrap_or(1).max(1);
    list(exchange, serial, (kind == "1", order, page))
}

fn list(
    exchange: &Exchange<'_>,
    serial: &str,
    (is_settled, order, page): (bool, &str, usize),
) -> Handled {
    let ledger = &exchange.world.ledger;
    let found = ledger.of_payment(nmanagement::NAME, order);
    let rows: Vec<_> = found
        .into_iter()
        .filter(|refund| (exchange.now - refund.accepted_at >= SETTLED_AFTER) == is_settled)
        .collect();
    if rows.is_empty() {
        let message = "没有符合条件的记录";
        return Handled::new(reply(serial, NOT_FOUND, message, ""), "none found");
    }
    let paid = ledger.payment(nmanagement::NAME, order);
    let paid = paid
        .map(|payment| payment.amount.to_text(2))
        .unwrap_or_default();
    let pages = rows.len().div_ceil(PAGE);
    let of_page = rows.iter().skip((page - 1) * PAGE).take(PAGE);
    let lists: String = of_page.map(|refund| row(refund, &paid)).collect();
    let info = format!(
        "<TX_INFO><TPAGE>{pages}</TPAGE><CUR_PAGE>{page}</CUR_PAGE><NOTICE></NOTICE>{lists}</TX_INFO>"
    );
    let verdict = format!("{} found, page {page} of {pages}", rows.len());
    Handled::new(reply(serial, "000000", "", &info), verdict)
}

fn row(refund: &Refund, paid: &str) -> String {
    let status = match refund.state {
        State::Succeeded => "1",
        State::Failed | State::Canceled => "0",
        State::Pending => "2",
        State::Odd => "9",
    };
    let ahead =
        Timestamp::from_millis(refund.accepted_at.saturating_add(8 * 3_600_000)).to_string();
    let date = ahead.get(..10).unwrap_or_default();
    // A number that the sandbox made up was not sent.
    let number = if refund.number.contains('#') {
        ""
    } else {
        refund.number.as_str()
    };
    format!(
        "<LIST><TRAN_DATE>{date}</TRAN_DATE><REFUND_DATE>{date}</REFUND_DATE><ORDER_NUMBER>{}</ORDER_NUMBER>\
         <REFUND_ACCOUNT></REFUND_ACCOUNT><PAY_AMOUNT>{paid}</PAY_AMOUNT>\
         <REFUNDEMENT_AMOUNT>{}</REFUNDEMENT_AMOUNT><POS_CODE></POS_CODE><USERID>{BANK_USER}</USERID>\
         <STATUS>{status}</STATUS><REFUND_CODE>{}</REFUND_CODE><REM1></REM1><REM2></REM2></LIST>",
        escaped(&refund.order_no),
        refund.told_amount.to_text(2),
        escaped(number)
    )
}
