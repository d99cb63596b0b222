//! The bank's client program: 5W1003 lists the refunds of an order, 5W1004 refunds, 5W1005 and 6W0111 make and
//! fetch the file of a day. Requests and replies are GB18030.

use encoding_rs::GB18030;

use super::bank::{self, FileState, NUMBER_MAX, ORDER_MAX, Taken};
use super::{Exchange, Handled, Look, broken};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::domain::time::Timestamp;
use crate::sandbox::server::faults::Kind;
use crate::sandbox::server::http::{Reply, Request};
use crate::sandbox::server::keys::{BANK_USER, NMANAGEMENT};
use crate::sandbox::server::ledger::settlement;
use crate::sandbox::server::ledger::{Refund, State};

const NAME: &str = "ccb";
const PATH: &str = "/ccb";
/// Rows of one page.
const PAGE: usize = 10;
/// Refunds are settled a day later.
const SETTLED_AFTER: i64 = 24 * 3_600_000;
const LISTS: &str = "5W1003";
const REFUND: &str = "5W1004";
const FILE: &str = "5W1005";
const DOWNLOAD: &str = "6W0111";
const DONE: &str = "000000";
/// Officially: look at the details first.
const UNCERTAIN: &str = "0130Z0100001";
const NOT_FOUND: &str = "0130Z110B357";

pub fn look(request: &Request) -> Option<Look> {
    if request.path != PATH && request.path != "/ccb/" {
        return None;
    }
    let xml = xml(&request.body);
    let (call, number) = match take(&xml, "TX_CODE") {
        REFUND => ("refund", take(&xml, "REFUND_CODE")),
        FILE | DOWNLOAD => ("file", ""),
        _ => ("query", ""),
    };
    Some(Look {
        provider: NAME,
        call,
        form: "",
        number: Some(number)
            .filter(|number| !number.is_empty())
            .map(str::to_owned),
    })
}

fn take<'a>(xml: &'a str, name: &str) -> &'a str {
    element(xml, name).unwrap_or_default()
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

/// The members of the head that the reply repeats.
struct Call<'a> {
    serial: &'a str,
    code: &'a str,
}

impl Call<'_> {
    fn reply(&self, code: &str, message: &str, info: &str) -> Reply {
        let cust = NMANAGEMENT.merchant_no;
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"GB18030\"?><TX><REQUEST_SN>{}</REQUEST_SN>\
             <CUST_ID>{cust}</CUST_ID><TX_CODE>{}</TX_CODE><RETURN_CODE>{code}</RETURN_CODE>\
             <RETURN_MSG>{}</RETURN_MSG><LANGUAGE>CN</LANGUAGE>{info}</TX>",
            escaped(self.serial),
            escaped(self.code),
            escaped(message)
        );
        let (bytes, _, _) = GB18030.encode(&text);
        Reply::new(200, "text/xml;charset=GB18030", bytes.into_owned())
    }

    fn no(&self, code: &str, why: &str) -> Handled {
        Handled::refused(self.reply(code, why, ""), format!("{code}: {why}"))
    }

    fn none(&self) -> Handled {
        Handled::new(
            self.reply(NOT_FOUND, "没有符合条件的记录", ""),
            "none found",
        )
    }
}

pub fn refusal(code: &str, message: &str) -> Reply {
    let call = Call {
        serial: "",
        code: LISTS,
    };
    call.reply(code, message, "")
}

pub fn handle(exchange: &mut Exchange<'_>, _look: &Look) -> Handled {
    let xml = xml(&exchange.request.body);
    let call = Call {
        serial: take(&xml, "REQUEST_SN"),
        code: take(&xml, "TX_CODE"),
    };
    if take(&xml, "CUST_ID") != NMANAGEMENT.merchant_no || take(&xml, "USER_ID") != BANK_USER {
        return call.no("0130Z1101007", "no such customer or operator");
    }
    if take(&xml, "PASSWORD") != exchange.keys.bank_password {
        return call.no("0130Z1101021", "wrong password");
    }
    if ![LISTS, REFUND, FILE, DOWNLOAD].contains(&call.code) {
        let why = "the sandbox plays 5W1003, 5W1004, 5W1005 and 6W0111";
        return call.no("0130Z1101003", why);
    }
    let serial = call.serial;
    let is_number = (1..=16).contains(&serial.len()) && serial.bytes().all(|b| b.is_ascii_digit());
    if !is_number {
        return call.no("0130Z110W001", "REQUEST_SN has up to 16 digits");
    }
    if !exchange.world.bank.is_new(serial) {
        return call.no("0130Z110W001", "REQUEST_SN was used before");
    }
    match call.code {
        LISTS => lists(exchange, &call, &xml),
        REFUND => refund(exchange, &call, &xml),
        FILE => file(exchange, &call, &xml),
        _ => download(exchange, &call, &xml),
    }
}

/// 5W1004: the same refunds as behind nManagement.
fn refund(exchange: &mut Exchange<'_>, call: &Call<'_>, xml: &str) -> Handled {
    let (order, number) = (take(xml, "ORDER"), take(xml, "REFUND_CODE"));
    if order.is_empty() || order.len() > ORDER_MAX || number.len() > NUMBER_MAX {
        let why = "ORDER has 1 to 30 characters, REFUND_CODE up to 15";
        return call.no("0130Z1101002", why);
    }
    let Ok(amount) = Amount::read(take(xml, "MONEY"), Spelling::Text, 2) else {
        return call.no("0130Z1101002", "MONEY is not in yuan with two decimals");
    };
    let handled = match bank::take(exchange, order, number, amount) {
        Taken::Broken(why) => broken(&why),
        Taken::Refused(code, why) => call.no(code, why),
        Taken::Failed(code, why) => call.no(code, why).no_blame(),
        Taken::Silent(what) => {
            let reply = call.reply(UNCERTAIN, "处理结果不确定，请先核对明细", "");
            Handled::new(reply, format!("{what}; answered as uncertain"))
        }
        Taken::Done {
            refund,
            paid,
            verdict,
        } => {
            let info = format!(
                "<TX_INFO><ORDER_NUM>{}</ORDER_NUM><PAY_AMOUNT>{}</PAY_AMOUNT><AMOUNT>{}</AMOUNT>\
                 <REM1></REM1><REM2></REM2></TX_INFO>",
                escaped(&refund.order_no),
                paid.to_text(2),
                refund.told_amount.to_text(2)
            );
            Handled::new(call.reply(DONE, "", &info), verdict)
        }
    };
    handled.about(number)
}

/// 5W1005: has the file of a day made.
fn file(exchange: &mut Exchange<'_>, call: &Call<'_>, xml: &str) -> Handled {
    let date = take(xml, "DATE");
    let Ok(day) = jiff::civil::Date::strptime("%Y%m%d", date) else {
        return call.no("0130Z1101002", "DATE is no day as in 20260131");
    };
    let wanted = [("KIND", "1"), ("FILETYPE", "1"), ("BILL_FLAG", "1")];
    if let Some((name, value)) = wanted
        .iter()
        .find(|(name, value)| take(xml, name) != *value)
    {
        let why =
            format!("{name} is not {value}: the sandbox makes the text file of settled refunds");
        return call.no("0130Z1101002", &why);
    }
    if day >= settlement::day_of(exchange.now) {
        return call.no("YBLA06413051", "the day is not over");
    }
    let name = settlement::bank_file(day);
    match exchange.world.bank.file(&name, exchange.now) {
        FileState::BeingMade => {
            let reply = call.reply("YBLA06413102", "文件生成中", "");
            Handled::new(reply, "being made for ten minutes")
        }
        FileState::TooSoon => call.no("YBLA06413097", "asked for again within ten minutes"),
        FileState::Ready => {
            let info = format!("<TX_INFO><FILE_NAME>{name}</FILE_NAME></TX_INFO>");
            Handled::new(call.reply(DONE, "", &info), name)
        }
    }
}

/// 6W0111: the client puts the file into its folder. How the bank answers is a guess.
fn download(exchange: &Exchange<'_>, call: &Call<'_>, xml: &str) -> Handled {
    let name = take(xml, "FILE_NAME");
    let day = settlement::day_of_bank_file(name)
        .filter(|_| exchange.world.bank.has_file(name, exchange.now));
    let Some(day) = day else {
        return call.no("0130Z110B357", "no such file; 5W1005 makes it");
    };
    let Some(dir) = exchange.dir else {
        return call.no(
            "WLPT_Err1009",
            "the sandbox has no --dir to put a file into",
        );
    };
    let path = dir.join(name);
    let text = settlement::ccb(&exchange.world.ledger, day);
    match std::fs::write(&path, text) {
        Ok(()) => {
            let info = format!("<TX_INFO><FILE_NAME>{name}</FILE_NAME></TX_INFO>");
            let verdict = format!("written to {}", path.display());
            Handled::new(call.reply(DONE, "", &info), verdict)
        }
        Err(error) => broken(&format!("{}: {error}", path.display())),
    }
}

/// 5W1003.
fn lists(exchange: &mut Exchange<'_>, call: &Call<'_>, xml: &str) -> Handled {
    let (kind, order) = (take(xml, "KIND"), take(xml, "ORDER"));
    if !matches!(kind, "0" | "1") || order.is_empty() {
        return call.no("0130Z1101001", "KIND and ORDER are required");
    }
    if exchange.fault == Some(&Kind::EmptyList) {
        return call.none();
    }
    if exchange.fault == Some(&Kind::SecondPage) {
        exchange.world.bank.pad(order);
    }
    let page: usize = take(xml, "PAGE").parse().unwrap_or(1).max(1);
    list(exchange, call, (kind == "1", order, page))
}

fn list(
    exchange: &Exchange<'_>,
    call: &Call<'_>,
    (is_settled, order, page): (bool, &str, usize),
) -> Handled {
    let ledger = &exchange.world.ledger;
    let found = ledger.of_payment(bank::PROVIDER, order);
    let rows: Vec<_> = found
        .into_iter()
        .filter(|refund| (exchange.now - refund.accepted_at >= SETTLED_AFTER) == is_settled)
        .collect();
    if rows.is_empty() {
        return call.none();
    }
    let paid = ledger.payment(bank::PROVIDER, order);
    let paid = paid
        .map(|payment| payment.amount.to_text(2))
        .unwrap_or_default();
    let is_at_it = exchange.fault == Some(&Kind::StatusFive);
    let mut lists = Vec::new();
    if exchange.world.bank.is_padded(order) {
        let others = (0..PAGE).map(|number| {
            let mut other = rows[0].clone();
            // Was sent without a number.
            other.number = format!("{order}#{number}");
            row(&other, &paid, false)
        });
        lists.extend(others);
    }
    lists.extend(rows.iter().map(|refund| row(refund, &paid, is_at_it)));
    let pages = lists.len().div_ceil(PAGE);
    let first = page.saturating_sub(1).saturating_mul(PAGE);
    let of_page: String = lists.into_iter().skip(first).take(PAGE).collect();
    let info = format!(
        "<TX_INFO><TPAGE>{pages}</TPAGE><CUR_PAGE>{page}</CUR_PAGE><NOTICE></NOTICE>{of_page}</TX_INFO>"
    );
    let verdict = format!("{} found, page {page} of {pages}", rows.len());
    Handled::new(call.reply(DONE, "", &info), verdict)
}

fn row(refund: &Refund, paid: &str, is_at_it: bool) -> String {
    let status = match refund.state {
        _ if is_at_it => "5",
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
