//! A settlement file in three steps: a form that takes it, a page with what differs, and what leaves the questions.
//! The file itself is not kept.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes};
use askama::Template;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{done, reason};
use crate::console::form::Fields;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::crypto::{hex, sha256};
use crate::domain::claim::Account;
use crate::domain::time::Timestamp;
use crate::domain::trail::{About, Act};
use crate::http::internal::operate::settlement::{
    ComparedFile, ROWS_MAX as RAISED_MAX, RowBody, digest, note_rows,
};
use crate::http::internal::problem::ApiError;
use crate::reconcile::map::{Map, SHIPPED, shipped, shipped_for};
use crate::reconcile::report::{Bucket, Found, Report};
use crate::reconcile::{FileError, ReconcileError, Refunds, Task, archive, compare, read_only};
use crate::store::{Snapshot, Store, StoreError};

const PAGE: &str = "/console/reconcile";
/// Rows of a file that the console compares.
const ROWS_MAX: u64 = 200_000;
/// Time for a comparison.
const TIME_MAX: Duration = Duration::from_secs(60);

#[derive(Template)]
#[template(path = "settlement_form.html")]
struct FormPage {
    frame: Frame,
    accounts: Vec<String>,
    maps: Vec<&'static str>,
}

pub async fn ask(visit: Visit) -> Result<HttpResponse, Trouble> {
    let rules = visit.app.rules();
    let accounts = rules.registry.accounts();
    page(&FormPage {
        accounts: accounts.iter().map(ToString::to_string).collect(),
        maps: SHIPPED.map(|(name, _)| name).into(),
        frame: visit.frame(Section::Reconcile),
    })
}

#[derive(Template)]
#[template(path = "settlement_report.html")]
struct ReportPage {
    frame: Frame,
    account: String,
    file_sha256: String,
    day: String,
    rows: u64,
    /// Why refunds that the file lacks were not looked for; empty where they were.
    unchecked: &'static str,
    counts: Vec<(&'static str, u64)>,
    differences: Vec<Line>,
    /// As the API takes them; empty where there is nothing to ask, or too much for one form.
    findings: String,
    asks: usize,
    asks_max: usize,
}

struct Line {
    bucket: &'static str,
    place: String,
    number: String,
    /// Of a refund of ours.
    href: Option<String>,
    what: String,
}

/// What a form asks to compare.
struct Upload {
    account: Account,
    map: Map,
    day: Option<Date>,
    file: Bytes,
}

impl Upload {
    fn read(visit: &Visit, fields: &Fields) -> Result<Self, Trouble> {
        let account = account(visit, fields)?;
        let map = match fields.get("map") {
            "" => shipped_for(&account.provider),
            name => name,
        };
        let map = shipped(map).and_then(|text| Map::parse(text).ok());
        let file = fields.file().cloned();
        Ok(Self {
            map: map.ok_or_else(|| Trouble::Invalid("map".to_owned()))?,
            day: day(fields)?,
            file: file.ok_or_else(|| Trouble::Invalid("file".to_owned()))?,
            account,
        })
    }

    /// Runs on a thread that may block.
    fn compare(&self, refunds: &mut Readers, now: Timestamp) -> Result<Report, ReconcileError> {
        let open = || archive::open(Cursor::new(self.file.clone())).map_err(FileError::Open);
        // A file that cannot be read, or is too long, asks nothing of the store.
        read_only(open()?, &self.map, ROWS_MAX)?;
        let task = Task {
            account: &self.account,
            map: &self.map,
            day: self.day,
            now,
        };
        compare(refunds, open()?, &task)
    }
}

fn account(visit: &Visit, fields: &Fields) -> Result<Account, Trouble> {
    let (rules, given) = (visit.app.rules(), fields.get("account"));
    let accounts = rules.registry.accounts();
    let account = accounts.iter().find(|known| known.to_string() == given);
    account
        .cloned()
        .ok_or_else(|| Trouble::Invalid(format!("account = {given}")))
}

fn day(fields: &Fields) -> Result<Option<Date>, Trouble> {
    let text = fields.get("day").trim();
    if text.is_empty() {
        return Ok(None);
    }
    let day = text.parse();
    day.map(Some)
        .map_err(|_| Trouble::Invalid(format!("day = {text}")))
}

/// Looks refunds up as a list does: callbacks and look-ups do not wait for it.
struct Readers {
    store: Arc<Store>,
    reader: String,
    runtime: Handle,
    until: Instant,
}

impl Refunds for Readers {
    fn look<T, F>(&mut self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        if Instant::now() > self.until {
            return Err(StoreError::Late);
        }
        let found = self.store.read_list(&self.reader, query);
        self.runtime.block_on(found)
    }
}

/// Compares, which changes nothing but the trail.
pub async fn look(visit: Visit, fields: Fields) -> Result<HttpResponse, Trouble> {
    let upload = Upload::read(&visit, &fields)?;
    let mut refunds = Readers {
        store: Arc::clone(&visit.app.store),
        reader: visit.viewer.name.clone(),
        runtime: Handle::current(),
        until: Instant::now() + TIME_MAX,
    };
    // Nothing that was acknowledged before is compared as if it had not come.
    visit.app.intake.caught_up().await;
    let now = visit.app.clock.now();
    let compared = web::block(move || {
        let report = upload.compare(&mut refunds, now);
        let hash = hex(&sha256(&upload.file));
        report.map(|report| (upload, report, hash))
    });
    let compared = compared.await.map_err(|_| StoreError::Closed)?;
    let (upload, report, hash) = compared.map_err(trouble)?;
    let about = About::new("account", upload.account.to_string());
    let entry = visit.actor().did(Act::SettlementCompared, about, now);
    let entry = entry.changed(&Value::Null, &said(&report, &hash));
    let store = &visit.app.store;
    store
        .write_act("note a compared settlement file", entry)
        .await?;
    show(&visit, &upload, &report, hash)
}

fn trouble(error: ReconcileError) -> Trouble {
    match error {
        ReconcileError::File(error @ FileError::TooLong(_)) => Trouble::TooLarge(error.to_string()),
        ReconcileError::File(error) => Trouble::Invalid(error.to_string()),
        ReconcileError::Store(StoreError::Late) => {
            Trouble::TooLarge(format!("max {} s", TIME_MAX.as_secs()))
        }
        ReconcileError::Store(error) => error.into(),
    }
}

/// What the trail says of a comparison.
fn said(report: &Report, hash: &str) -> Value {
    json!({
        "file_sha256": hash,
        "day": report.day.map(|day| day.to_string()),
        "counts": report.counts_json(),
    })
}

fn show(
    visit: &Visit,
    upload: &Upload,
    report: &Report,
    file_sha256: String,
) -> Result<HttpResponse, Trouble> {
    let asks = report.findings.len();
    let findings = match asks {
        1..=RAISED_MAX => {
            let rows = report.findings.iter().map(|finding| finding.to_json());
            rows.collect::<Value>().to_string()
        }
        _ => String::new(),
    };
    let differences = Bucket::ALL
        .into_iter()
        .flat_map(|bucket| report.shown(bucket));
    page(&ReportPage {
        frame: visit.frame(Section::Reconcile),
        account: upload.account.to_string(),
        file_sha256,
        day: report.day.map_or_else(String::new, |day| day.to_string()),
        rows: report.rows,
        unchecked: report.unchecked.unwrap_or_default(),
        counts: Bucket::ALL
            .map(|bucket| (bucket.as_str(), report.count(bucket)))
            .into(),
        differences: differences.map(line).collect(),
        findings,
        asks,
        asks_max: RAISED_MAX,
    })
}

fn line(found: &Found) -> Line {
    let numbers = [&found.refund_no, &found.provider_refund_no];
    let numbers: Vec<_> = numbers.into_iter().flatten().map(String::as_str).collect();
    Line {
        bucket: found.bucket.as_str(),
        place: found.line.map_or_else(String::new, |line| line.to_string()),
        number: numbers.join(" / "),
        href: found.refund_id.map(|id| format!("/console/refunds/{id}")),
        what: found.what.clone(),
    }
}

/// Leaves a question at each refund that the page named.
pub async fn raise(visit: Visit, fields: Fields) -> Result<HttpResponse, Trouble> {
    let reason = reason(&fields)?;
    let hash = digest(fields.get("file_sha256"));
    let rows: Vec<RowBody> = serde_json::from_str(fields.get("rows"))
        .map_err(|_| Trouble::Invalid("rows".to_owned()))?;
    let file = ComparedFile {
        account: account(&visit, &fields)?,
        hash: hash.ok_or_else(|| Trouble::Invalid("file_sha256".to_owned()))?,
        day: day(&fields)?,
        by: visit.actor(),
        reason: Some(reason),
    };
    match note_rows(&visit.app, file, &rows).await {
        Ok(_) => Ok(done(PAGE, Text::FindingsRaised)),
        Err(ApiError::Unavailable(error)) => Err(error.into()),
        Err(error) => Err(Trouble::Invalid(error.to_string())),
    }
}
