//! `GET /metrics`. What has to be read from the store is read by a task of its own, on a connection of the
//! service's own, so that neither readers nor an unavailable store delay the answer to monitoring.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::scrape::Format;
use crate::domain::time::Timestamp;
use crate::http::App;
use crate::http::internal::problem::ApiError;
use crate::http::server::headers::joined;
use crate::push::EndpointStatus;
use crate::store::{AccountState, OpenRequests, Replication, StoreError, last_backup};
use crate::telemetry::{
    AccountLabels, CallLabels, ConsumerLabels, EndpointLabels, EndpointMetrics, KeyLabels,
    OutcomeLabels, RequestStateLabels,
};

/// Consumers that are shown at most.
const CONSUMERS_MAX: u32 = 1_000;
/// Longest wait of an answer for what the store says now; after it shows what was read before.
const FRESH_WITHIN: Duration = Duration::from_millis(500);
/// Longest time between two reads of the store, without a scrape.
const READ_EVERY: Duration = Duration::from_secs(10);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// What was last read from the store, and who waits for more.
pub struct Gauges {
    /// Counts those who asked.
    asked: AtomicU64,
    wake: Notify,
    read: watch::Sender<LastRead>,
    /// The store, where it is a file.
    store: Option<PathBuf>,
}

#[derive(Clone, Copy)]
struct LastRead {
    /// It began after so many had asked.
    asked: u64,
    /// When it ended; the start of the process before the first.
    at: Instant,
}

impl Gauges {
    /// For a store in this file, or on a server.
    pub fn new(store: Option<&Path>) -> Self {
        Self {
            asked: AtomicU64::new(0),
            wake: Notify::new(),
            read: watch::Sender::new(LastRead {
                asked: 0,
                at: Instant::now(),
            }),
            store: store.map(Path::to_owned),
        }
    }
}

/// Reads the store at each scrape, until the task is dropped.
pub async fn keep(app: Data<App>) {
    let gauges = &app.gauges;
    let mut is_failing = false;
    loop {
        // Both ends are fine: a scrape, or the time is over.
        drop(timeout(READ_EVERY, gauges.wake.notified()).await);
        let asked = gauges.asked.load(Ordering::Acquire);
        match read(&app).await {
            Ok(()) => {
                let at = Instant::now();
                gauges.read.send_replace(LastRead { asked, at });
                is_failing = false;
            }
            Err(error) => {
                if !is_failing {
                    tracing::warn!(%error, "metrics show what the store said before");
                }
                is_failing = true;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// In the text format of Prometheus, or as `OpenMetrics` where `Accept` prefers that.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "service",
    responses(
        (status = 200, description = "What the store was last seen to hold where it does not answer", content((String = "text/plain"), (String = "application/openmetrics-text")))
    )
)]
pub async fn metrics(app: Data<App>, request: HttpRequest) -> HttpResponse {
    let gauges = &app.gauges;
    let mut read = gauges.read.subscribe();
    let turn = gauges.asked.fetch_add(1, Ordering::AcqRel) + 1;
    gauges.wake.notify_one();
    // Too late is fine, too: the age says so.
    drop(timeout(FRESH_WITHIN, read.wait_for(|last| last.asked >= turn)).await);
    let age = read.borrow().at.elapsed().as_secs();
    app.metrics.store_read_age.set(count(age));
    show_process(&app);
    let format = Format::wanted(joined(&request, header::ACCEPT.as_str()).as_deref());
    let encoded = match format {
        Format::OpenMetrics => app.metrics.encode(),
        Format::Text => app.metrics.encode_classic(),
    };
    match encoded {
        Ok(text) => HttpResponse::Ok()
            .content_type(format.content_type())
            .insert_header((header::VARY, "accept"))
            .body(text),
        Err(error) => ApiError::from(StoreError::Statement(error.to_string())).response(),
    }
}

/// What this process knows by itself.
fn show_process(app: &App) {
    let metrics = &app.metrics;
    let now = app.clock.now().as_millis();
    let left = |end: Timestamp| (end.as_millis() - now).div_euclid(1_000);
    let rules = app.rules();
    // Those that a reload has removed must not be shown for ever.
    metrics.forget_readers();
    for (reader, expires_at) in rules.readers.expiries() {
        metrics.token_expires_in(reader, left(expires_at));
    }
    for end in &rules.key_ends {
        let labels = KeyLabels {
            provider: end.provider.clone(),
            account: end.account.clone(),
            key: end.key.clone(),
        };
        let expiry = metrics.readers.key_expiry.get_or_create(&labels);
        expiry.set(left(end.at));
    }
    for (reader, in_use) in app.slots.in_use() {
        metrics.reader_holds(reader, count(in_use as u64));
    }
    let stats = app.store.stats().now();
    metrics.streams.set(count(app.feed.open_streams() as u64));
    let (commits, failed) = (stats.commits, stats.failed_commits);
    metrics
        .store
        .show_counts(commits, failed, stats.damaged_reads);
    show_distributions(app);
    metrics
        .store
        .refuses
        .set(i64::from(app.store.trouble().is_some()));
    let since_commit = app
        .store
        .since_commit()
        .map_or(-1, |age| count(age.as_secs()));
    metrics.store.since_commit.set(since_commit);
    let is_lost = app.store.replication() == Replication::Lost;
    metrics.store.replication_lost.set(i64::from(is_lost));
    if let Some((server, failovers)) = app.store.server() {
        metrics.store.show_server(server, failovers);
    }
    let last_backup = app.gauges.store.as_deref().and_then(last_backup);
    let backup_age = last_backup.map_or(-1, |at| -left(at));
    metrics.store.backup_age.set(backup_age);
    metrics.store.show_histories(app.store.new_histories());
    let is_delayed = app.store.applying_is_delayed();
    metrics.store.applying_delayed.set(i64::from(is_delayed));
    let dropped = app
        .evidence
        .as_ref()
        .map_or(0, crate::rejected::Evidence::dropped);
    metrics.set_evidence_dropped(dropped);
    metrics.refresh_process();
}

fn show_distributions(app: &App) {
    let (stats, store) = (app.store.stats(), &app.metrics.store);
    for (shown, counted) in [
        (&store.commit_duration, &stats.commit_duration),
        (&store.batch_jobs, &stats.batch_jobs),
        (&store.queue_wait, &stats.queue_wait),
        (&store.apply_delay, &stats.apply_delay),
    ] {
        let (sum, buckets) = counted.snapshot();
        shown.show(sum, buckets);
    }
}

/// What the store holds.
async fn read(app: &App) -> Result<(), StoreError> {
    let (open, stopped) = app
        .store
        .read_own(|snapshot| Ok((snapshot.count_requests()?, snapshot.stopped_accounts()?)))
        .await?;
    show_requests(app, &open, &stopped);
    let ((unapplied, oldest), attention, (pending, parked), last_sequence, consumers) = app
        .store
        .read_own(|snapshot| {
            Ok((
                snapshot.count_unapplied()?,
                snapshot.count_attention()?,
                snapshot.count_close_outs()?,
                snapshot.last_sequence()?,
                snapshot.consumers(CONSUMERS_MAX)?,
            ))
        })
        .await?;
    let endpoints = app.push.status().await?;
    let metrics = &app.metrics;
    let age = oldest.map_or(0, |since| app.clock.now().as_millis() - since.as_millis());
    metrics.unapplied.set(unapplied);
    metrics.unapplied_age.set(age / 1_000);
    let (attention, waiting) = attention;
    for (reason, refunds) in attention {
        metrics.questions.show_attention(reason.as_str(), refunds);
    }
    metrics.questions.approvals_waiting.set(waiting);
    for (question, decision, times) in app.decisions.counts() {
        metrics.questions.show_decisions(question, decision, times);
    }
    metrics.close_outs_pending.set(pending);
    metrics.close_outs_parked.set(parked);
    metrics.last_sequence.set(last_sequence);
    // A consumer that was deleted must not be shown for ever.
    metrics.consumer_lag.clear();
    for consumer in consumers {
        let lag = last_sequence - consumer.acked_sequence;
        let (reader, consumer) = (consumer.reader, consumer.name);
        let labels = ConsumerLabels { reader, consumer };
        metrics.consumer_lag.get_or_create(&labels).set(lag);
    }
    metrics.endpoints.clear();
    for status in endpoints {
        show_endpoint(&metrics.endpoints, status);
    }
    Ok(())
}

fn show_requests(app: &App, open: &[OpenRequests], stopped: &[AccountState]) {
    let metrics = &app.metrics.requests;
    metrics.clear();
    let now = app.clock.now().as_millis();
    for of_state in open {
        let labels = RequestStateLabels {
            provider: of_state.provider.clone(),
            state: of_state.state.as_str(),
        };
        let age = (now - of_state.oldest.as_millis()) / 1_000;
        metrics.show_open(&labels, of_state.requests, age);
    }
    for call in app.requests.counts().all() {
        let labels = CallLabels {
            provider: call.provider,
            call: call.call,
            class: call.class,
        };
        metrics.show_calls(&labels, call.times, call.took.as_secs_f64());
    }
    for (provider, source, times) in app.intake.outcomes().all() {
        metrics.show_outcomes(&OutcomeLabels { provider, source }, times);
    }
    let rules = app.rules();
    for (account, api) in rules.registry.apis() {
        let labels = AccountLabels {
            provider: account.provider.clone(),
            account: account.name.clone(),
        };
        let state = stopped.iter().find(|state| state.account == *account);
        let is_stopped = state.is_some_and(|state| state.holds(app.clock.now()));
        let skew = app.requests.health(account, api).skew_ms();
        metrics.show_account(&labels, is_stopped, skew);
    }
}

fn show_endpoint(metrics: &EndpointMetrics, status: EndpointStatus) {
    let is_disabled = status.row.disabled.is_some();
    let labels = EndpointLabels {
        endpoint: status.row.name,
    };
    for (family, value) in [
        (&metrics.lag, status.lag),
        (&metrics.parked, status.parked),
        (&metrics.given_up, status.given_up),
        (&metrics.disabled, i64::from(is_disabled)),
    ] {
        family.get_or_create(&labels).set(value);
    }
    metrics.attempted(&labels, status.attempts, status.failures);
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
