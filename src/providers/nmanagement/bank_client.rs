//! Asks the bank's client program of the merchant for the outcome of a refund: transaction 5W1003. Its list
//! of an order's refunds is read page by page, first the unsettled ones, then the settled ones; the refund is
//! found by the `REFUND_CODE` that the request sent.

use quick_xml::escape::escape;
use secrecy::{ExposeSecret as _, SecretString};

use super::bank_reply;
use super::bank_reply::{BankReply, Members};
use super::client::{is_order, is_refund_code};
use super::codes::{CODES, SUCCESS};
use crate::domain::claim::flaw::{Flaw, Unreadable};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::ids::ExternalId;
use crate::domain::money::decimal::Spelling;
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::request::Class;
use crate::providers::VerifiedClaim;
use crate::providers::outgoing::reply::{TLS, Words, by_table};
use crate::providers::outgoing::yuan;
use crate::providers::outgoing::{Answer, Call, HeaderValue, Method, Outgoing, Reply, Step};
use crate::providers::wire::text::printable;

const TX_CODE: &str = "5W1003";
/// Most calls of one query; a number of the bank's is kept free for each.
const CALLS_MAX: u64 = 40;
const NUMBERS_OF_A_QUERY: u64 = 64;
/// The bank's clock.
const OFFSET: jiff::tz::Offset = jiff::tz::Offset::constant(8);
const AMOUNT: &str = "REFUNDEMENT_AMOUNT";

/// The client program of one account.
pub(super) struct BankClient {
    pub url: String,
    pub cust_id: String,
    pub user_id: String,
    pub password: SecretString,
}

/// A page of the bank's list.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Page {
    /// 0: unsettled, 1: settled.
    kind: u8,
    number: u32,
}

const FIRST: Page = Page { kind: 0, number: 1 };

impl Page {
    /// The page behind it, where its kind has this many.
    const fn next(self, pages: u32) -> Option<Self> {
        match self.kind {
            _ if self.number < pages => Some(Self {
                number: self.number + 1,
                ..self
            }),
            0 => Some(Self { kind: 1, number: 1 }),
            _ => None,
        }
    }
}

impl BankClient {
    /// `None` where the bank cannot know such numbers.
    pub fn first_call(&self, outgoing: &Outgoing<'_>) -> Option<Call> {
        let order_no = outgoing.intent.order_no.as_ref()?;
        let is_known = is_order(order_no.as_str()) && is_refund_code(outgoing.refund_no);
        is_known.then(|| self.call(outgoing, FIRST, 0))
    }

    /// Reads the replies so far: the answer, or the next page. A refund that is only listed as failed is
    /// looked for on all pages first, because a second try is listed apart; its page is then read once more,
    /// so that the last reply is the one that says so.
    pub fn read(&self, outgoing: &Outgoing<'_>, replies: &[Reply]) -> Step {
        let (mut page, mut failed, mut is_again) = (FIRST, None, false);
        for reply in replies {
            let listing = match listing(reply) {
                Ok(listing) => listing,
                Err(answer) => return Step::Answer(answer),
            };
            let pages = listing.info.get("TPAGE").map_or(Some(1), |text| {
                let text = if text.is_empty() { "1" } else { text };
                text.parse().ok()
            });
            let Some(pages) = pages else {
                return Step::Answer(Box::new(yuan::unreadable("TPAGE is no number")));
            };
            let answer = judge(outgoing, &listing, reply).map(Box::new);
            let next = page.next(pages);
            match answer {
                Some(answer) if is_again || answer.class != Class::Failed => {
                    return Step::Answer(answer);
                }
                Some(answer) if next.is_none() => return Step::Answer(answer),
                Some(_) => failed = failed.or(Some(page)),
                None if is_again => {
                    let what = "the list changed while it was read";
                    return Step::Answer(Box::new(yuan::unreadable(what)));
                }
                None => {}
            }
            page = match (next, failed) {
                (Some(next), _) => next,
                (None, Some(failed)) => {
                    is_again = true;
                    failed
                }
                (None, None) => {
                    let code = listing.head.get("RETURN_CODE").map(String::as_str);
                    let what = "no refund with this REFUND_CODE";
                    let answer = Answer::of(Class::NotFound, code, Some(what));
                    return Step::Answer(Box::new(answer));
                }
            };
        }
        let calls = replies.len() as u64;
        if calls >= CALLS_MAX {
            return Step::Answer(Box::new(yuan::unreadable("the list has too many pages")));
        }
        Step::Call(Box::new(self.call(outgoing, page, calls)))
    }

    /// The call for a page; `index` counts the calls of this query.
    fn call(&self, outgoing: &Outgoing<'_>, page: Page, index: u64) -> Call {
        let body = |password: &str| {
            let text = self.xml(outgoing, page, index, password);
            let (bytes, _, _) = encoding_rs::GB18030.encode(&text);
            [b"requestXml=", &*bytes].concat()
        };
        let form = "application/x-www-form-urlencoded".to_owned();
        let bytes = body(self.password.expose_secret());
        let call = Call::new(Method::Post, self.url.clone(), bytes);
        Call {
            shown_body: Some(body("******")),
            ..call.with_header("content-type", HeaderValue::Plain(form))
        }
    }

    /// The elements in the bank's order; those that say nothing are there, too.
    fn xml(&self, outgoing: &Outgoing<'_>, page: Page, index: u64, password: &str) -> String {
        let order_no = outgoing.intent.order_no.as_ref();
        let number = page.number.to_string();
        let kind = page.kind.to_string();
        let sn = request_sn(outgoing, index);
        let head = [
            ("REQUEST_SN", sn.as_str()),
            ("CUST_ID", &self.cust_id),
            ("USER_ID", &self.user_id),
            ("PASSWORD", password),
            ("TX_CODE", TX_CODE),
            ("LANGUAGE", "CN"),
        ];
        let info = [
            ("START", ""),
            ("STARTHOUR", ""),
            ("STARTMIN", ""),
            ("END", ""),
            ("ENDHOUR", ""),
            ("ENDMIN", ""),
            ("KIND", &kind),
            ("ORDER", order_no.map_or("", ExternalId::as_str)),
            ("ACCOUNT", ""),
            ("MONEY", ""),
            ("NORDERBY", "1"),
            ("PAGE", &number),
            ("POS_CODE", ""),
            ("STATUS", "3"),
            ("Mrch_No", ""),
        ];
        let elements = |members: &[(&str, &str)]| -> String {
            let element =
                |(name, text): &(&str, &str)| format!("<{name}>{}</{name}>", escape(*text));
            members.iter().map(element).collect()
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"GB18030\" standalone=\"yes\" ?><TX>{}<TX_INFO>{}</TX_INFO></TX>",
            elements(&head),
            elements(&info)
        )
    }
}

/// 16 digits that no other call has: the minute at the bank, and six of the store's counter.
fn request_sn(outgoing: &Outgoing<'_>, index: u64) -> String {
    let minute = OFFSET.to_datetime(outgoing.now).strftime("%y%m%d%H%M");
    let serial = outgoing.serial.wrapping_mul(NUMBERS_OF_A_QUERY);
    let counter = serial.wrapping_add(index) % 1_000_000;
    format!("{minute}{counter:06}")
}

/// A reply that has a list, be it empty.
fn listing(reply: &Reply) -> Result<BankReply, Box<Answer>> {
    if reply.status != 200 {
        return Err(Box::new(yuan::by_http(&[], reply)));
    }
    let unreadable = || Box::new(yuan::unreadable("the reply is no XML of the bank's"));
    let parsed = bank_reply::read(&reply.body).ok_or_else(unreadable)?;
    if parsed
        .head
        .get("TX_CODE")
        .is_some_and(|code| code != TX_CODE)
    {
        return Err(unreadable());
    }
    let code = parsed.head.get("RETURN_CODE").map_or("", String::as_str);
    let entry = yuan::find(CODES, code);
    match entry.map(|entry| entry.class) {
        _ if code == SUCCESS => Ok(parsed),
        Some(Class::NotFound) => Ok(BankReply {
            head: parsed.head,
            ..BankReply::default()
        }),
        class => {
            let words = Words {
                code: Some(printable(code)),
                message: parsed.head.get("RETURN_MSG").map(|text| printable(text)),
            };
            let mut answer = by_table(entry, &words, reply);
            // The code is about the query; of the refund it says nothing.
            if class != Some(Class::Later) {
                answer.class = Class::Unknown;
            }
            Err(Box::new(answer))
        }
    }
}

/// What a page says of the refund; `None`: it is not on it.
fn judge(outgoing: &Outgoing<'_>, listing: &BankReply, reply: &Reply) -> Option<Answer> {
    let of = |entry: &Members, name: &str| entry.get(name).cloned().unwrap_or_default();
    let is_this = |entry: &&Members| of(entry, "REFUND_CODE") == outgoing.refund_no;
    let entries: Vec<_> = listing.list.iter().filter(is_this).collect();
    let with = |wanted: &[&str]| {
        let mut entries = entries.iter().copied();
        entries.find(|entry| wanted.contains(&of(entry, "STATUS").as_str()))
    };
    let done = entries.iter().filter(|entry| of(entry, "STATUS") == "1");
    if done.count() > 1 {
        let what = "the bank lists this refund more than once as done";
        return Some(
            Answer::of(Class::Unknown, Some("1"), Some(what)).asking(Reason::ReplyMismatch),
        );
    }
    // Of several tries the best one counts.
    let entry = with(&["1"]).or_else(|| with(&["2", "5"]));
    let odd = || {
        let mut entries = entries.iter().copied();
        entries.find(|entry| of(entry, "STATUS") != "0")
    };
    let entry = entry.or_else(odd).or_else(|| with(&["0"]))?;
    Some(answer(outgoing, entry, reply))
}

fn answer(outgoing: &Outgoing<'_>, entry: &Members, reply: &Reply) -> Answer {
    let text = |name: &str| entry.get(name).map_or("", String::as_str);
    let status = text("STATUS");
    let (class, outcome) = match status {
        "1" => (Class::Done, Outcome::Reported(Status::Succeeded)),
        "0" => (Class::Failed, Outcome::Reported(Status::Failed)),
        "2" | "5" => (Class::Accepted, Outcome::Reported(Status::Pending)),
        _ => (Class::Unknown, Outcome::Unclear(Reason::StatusUnknown)),
    };
    let status = printable(status);
    let ours = outgoing.intent.order_no.as_ref();
    let order_no = text("ORDER_NUMBER");
    if !order_no.is_empty() && ours.is_some_and(|ours| ours.as_str() != order_no) {
        return yuan::mismatch(Some(&status));
    }
    let Ok(refund_no) = outgoing.refund_no.parse::<ExternalId>() else {
        return yuan::mismatch(Some(&status));
    };
    let currency = Currency::CNY;
    let amount = match text(AMOUNT) {
        "" => Err(Flaw::Missing),
        text => Amount::read(text, Spelling::Text, currency.minor_digits()),
    };
    let mut claim = Claim {
        order_no: order_no.parse().ok(),
        provider_status: Some(status.clone()),
        money: amount.ok().map(|amount| Money { amount, currency }),
        retry_reopens: true,
        ..Claim::of(Some(RefundNo::from(refund_no)), outcome)
    };
    if outgoing.is_contradicted_by(&claim) {
        return yuan::mismatch(Some(&status));
    }
    let is_needed = class == Class::Done;
    let mut class = class;
    match amount {
        Err(flaw) if is_needed => {
            claim.unreadable = vec![Unreadable::new(format!("LIST.{AMOUNT}"), flaw)];
            claim.outcome = Outcome::Unclear(Reason::InvalidContent);
            class = Class::Unknown;
        }
        _ => {}
    }
    let claim = VerifiedClaim::of_reply(claim, TLS, &reply.body);
    Answer::of(class, Some(&status), None).with_claim(claim)
}
