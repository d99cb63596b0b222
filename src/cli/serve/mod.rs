//! `serve`: puts the modules together and runs until it is told to stop. The only composition root.

pub mod listen;
pub mod opening;
pub mod reloading;
pub mod shared_clock;
pub mod signals;
pub mod systemd;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt;
use actix_web::web::{Data, ServiceConfig};
use anyhow::Context as _;
use clap::Args;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::{STORE_REFUSED, output};
use crate::cli::inspect::check_config::load_config;
use crate::config::{Config, ConsoleSettings};
use crate::console;
use crate::console::Console;
use crate::crypto::sha256;
use crate::decisions::Decisions;
use crate::domain::time::corrected::CorrectedClock;
use crate::domain::time::{Clock, SystemClock};
use crate::domain::trail::Actor;
use crate::feed::Feed;
use crate::http::internal::health::metrics;
use crate::http::{
    App, ConnectionSlots, Gauges, Noted, RejectionBudget, RejectionLog, Reload, internal,
    log_rejections, public, reload_channel,
};
use crate::intake::Intake;
use crate::push::Push;
use crate::rejected::Evidence;
use crate::requests::Requests;
use crate::store::{Store, StoreError};
use crate::telemetry;
use crate::telemetry::Metrics;
use listen::{Listener, Place};
use reloading::{Reloader, apis_of, rules_of};
use signals::{Signals, Told};
use systemd::State;

/// Time for events under way to endpoints, after the listeners have ended.
const PUSH_GRACE: Duration = Duration::from_secs(2);

/// Time for calls to providers that are under way.
const REQUEST_GRACE: Duration = Duration::from_secs(5);
/// Longest wait for those who still hold the store when everything has been told to end.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Pause between two looks at who does.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Runs the service until SIGTERM or SIGINT, then drains and exits 0
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver serve --config refunds.toml
  RUST_LOG=debug refund-receiver serve --config refunds.toml")]
pub struct Serve {
    /// The TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub fn run(&self) -> ExitCode {
        telemetry::start_logging();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        rt::System::new().block_on(async move {
            // Before anything else: no signal may end a start in its middle.
            let mut stop = match Signals::listen() {
                Ok(stop) => stop,
                Err(error) => return output::fail(1, format!("cannot receive signals: {error}")),
            };
            let config = match load_config(&self.config) {
                Ok(config) => config,
                Err(code) => return code,
            };
            for warning in &config.warnings {
                tracing::warn!("{warning}");
            }
            let store = match opening::open(&config, &clock, &mut stop).await {
                Ok(Some(store)) => store,
                Ok(None) => return ExitCode::SUCCESS,
                Err(error) => return output::fail(STORE_REFUSED, error.to_string()),
            };
            let service = match Service::start(config, store, clock).await {
                Ok(service) => service,
                Err(error) => {
                    let is_store = error.downcast_ref::<StoreError>().is_some();
                    let code = if is_store { STORE_REFUSED } else { 1 };
                    return output::fail(code, format!("{error:#}"));
                }
            };
            output::announce(format!("listening public http://{}", service.public));
            output::announce(format!("listening internal http://{}", service.internal));
            output::announce("ready");
            systemd::tell(State::Ready);
            match service.run_until(stop).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => output::fail(1, format!("{error:#}")),
            }
        })
    }
}

/// A running service.
pub struct Service {
    /// Where providers and `EPay` callers reach it.
    pub public: SocketAddr,
    /// Where readers reach it.
    pub internal: SocketAddr,
    listeners: [Listener; 2],
    app: Data<App>,
    reloader: Reloader,
    /// Where the store has a clock of its own.
    shared_clock: Option<Arc<CorrectedClock>>,
    store_failed: watch::Receiver<bool>,
}

impl Service {
    /// Finishes what an earlier process left behind in the store, and listens where the config says.
    async fn start(config: Config, store: Store, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let places = [config.listen, config.internal_listen].map(Place::Address);
        Self::start_at(config, store, clock, places).await
    }

    /// Opens the store and does the same on sockets that are bound already, the public one first.
    pub async fn start_on(
        config: Config,
        clock: Arc<dyn Clock>,
        sockets: [TcpListener; 2],
    ) -> anyhow::Result<Self> {
        let store = Store::open(&config.store, clock.as_ref(), sha256)?;
        Self::start_at(config, store, clock, sockets.map(Place::Bound)).await
    }

    async fn start_at(
        mut config: Config,
        store: Store,
        clock: Arc<dyn Clock>,
        places: [Place; 2],
    ) -> anyhow::Result<Self> {
        let store = Arc::new(store);
        let store_failed = store.stats().failed();
        let (clock, shared_clock) = shared_clock::of(&store, clock).await?;
        let intake = Intake::new(Arc::clone(&store), Arc::clone(&clock), config.retry);
        let intake = Arc::new(intake);
        let applied = intake.resume_at_start().await;
        tracing::info!(applied, store = %config.store, "the store is open");
        let draining = watch::Sender::new(false);
        let feed = Feed::new(Arc::clone(&store), Arc::clone(&clock), draining.subscribe());
        let feed = Arc::new(feed);
        let push = Push::start(
            Arc::clone(&store),
            Arc::clone(&feed),
            Arc::clone(&clock),
            std::mem::take(&mut config.endpoints),
        );
        let push = Arc::new(push.await?);
        let rules = rules_of(&mut config, None);
        let requests = Arc::new(Requests::new(
            Arc::clone(&store),
            Arc::clone(&intake),
            Arc::clone(&clock),
            apis_of(&rules),
        ));
        let rule = std::mem::take(&mut config.second_person);
        let decisions = Decisions::new(&store, &intake, &clock, rule);
        let connections = listen::connections_of_a_listener()?;
        let (reloads, wishes) = reload_channel();
        let app = Data::new(App {
            push: Arc::clone(&push),
            store,
            feed,
            intake,
            evidence: open_evidence(&config),
            rejection_budget: RejectionBudget::default(),
            noted: Noted::default(),
            reader_rejections: RejectionLog::default(),
            rules: watch::Sender::new(Arc::new(rules)),
            requests,
            decisions: Arc::new(decisions),
            reloads,
            slots: ConnectionSlots::new(listen::slots_of_readers(connections)),
            clock,
            metrics: Metrics::default(),
            gauges: Gauges::new(config.store.file()),
            draining,
        });
        let started = app.clock.now().as_millis() / 1_000;
        app.metrics.reloads.started(started);
        let reloader = Reloader {
            app: app.clone(),
            source: config.source,
            fixed: config.fixed,
            wishes,
        };
        let [public, internal] =
            listen_on(places, connections, &app, (config.console, config.evidence))?;
        Ok(Self {
            public: public.address,
            internal: internal.address,
            listeners: [public, internal],
            app,
            reloader,
            shared_clock,
            store_failed,
        })
    }

    /// Runs until it is told to stop or the store fails for good; then drains.
    pub async fn run_until(self, mut stop: Signals) -> anyhow::Result<()> {
        let [public, internal] = self.listeners;
        let handles = [public.server.handle(), internal.server.handle()];
        let watch = rt::spawn(listen::watch([public.connections, internal.connections]));
        let gauges = rt::spawn(metrics::keep(self.app.clone()));
        let shared_clock = self
            .shared_clock
            .map(|clock| rt::spawn(shared_clock::follow(self.app.clone(), clock)));
        let running = [rt::spawn(public.server), rt::spawn(internal.server)];
        let intake = Arc::clone(&self.app.intake);
        let resume = rt::spawn(async move { intake.resume().await });
        let requests = Arc::clone(&self.app.requests);
        let mut requests = rt::spawn(requests.run());
        let push = Arc::clone(&self.app.push);
        let push = rt::spawn(async move { push.run().await });
        let reloader = rt::spawn(self.reloader.run());
        let app = self.app.clone();
        let saying = rt::spawn(async move { log_rejections(&app).await });
        let mut store_failed = self.store_failed;
        loop {
            tokio::select! {
                told = stop.next() => match told {
                    Told::Reload => reload(&self.app),
                    Told::Stop => {
                        tracing::info!("stopping: requests under way are finished");
                        break;
                    }
                },
                _ = store_failed.wait_for(|failed| *failed) => break,
            }
        }
        systemd::tell(State::Stopping);
        self.app.draining.send_replace(true);
        if drain(&handles, &mut stop).await == Drained::Cut {
            // The process ends under them. What was acknowledged is on disk, and the next start
            // recovers it as after a crash.
            return Ok(());
        }
        // Attempts under way get their end on disk, if the provider is fast.
        self.app.requests.drain();
        if timeout(REQUEST_GRACE, &mut requests).await.is_err() {
            let what = "stopping without waiting for a provider; its answer is asked for after the next start";
            tracing::warn!("{what}");
            requests.abort();
            drop(requests.await);
        }
        resume.abort();
        watch.abort();
        gauges.abort();
        reloader.abort();
        saying.abort();
        self.app.reader_rejections.log_due();
        if let Some(following) = shared_clock {
            following.abort();
            drop(following.await);
        }
        // What is still under way to an endpoint is sent again after the next start.
        if timeout(PUSH_GRACE, push).await.is_err() {
            tracing::info!("stopping without waiting for an endpoint");
        }
        for server in running {
            server.await.context("a listener failed")??;
        }
        // Told to end above; only when they have do they let go of the store.
        drop(tokio::join!(resume, watch, gauges, reloader, saying));
        let store = Arc::clone(&self.app.store);
        drop(self.app);
        close(store).await
    }
}

/// Requests a reload of the config. A request that is queued already will read the present config, too.
fn reload(app: &App) {
    let by = Actor {
        from: "SIGHUP".to_owned(),
        ..Actor::default()
    };
    let (reply, _) = oneshot::channel();
    drop(app.reloads.try_send(Reload { by, reply }));
}

/// Closes the store: what is queued is committed, the log is emptied into the file, the lock is given
/// back. The threads of the listeners drop their shares of it as they end, which is awaited.
async fn close(store: Arc<Store>) -> anyhow::Result<()> {
    let is_last = async {
        while Arc::strong_count(&store) > 1 {
            rt::time::sleep(LOOK_AGAIN).await;
        }
    };
    if timeout(CLOSE_GRACE, is_last).await.is_err() {
        tracing::warn!("the store is still in use; its log is emptied at the next start");
    }
    match store.stats().fatal() {
        None => Ok(()),
        Some(error) => Err(anyhow::Error::new(error)
            .context("stopped, so that a restart recovers from what is on disk")),
    }
}

/// Evidence is worth having, but never worth refusing callbacks for.
fn open_evidence(config: &Config) -> Option<Evidence> {
    let path = config.evidence.as_path();
    Evidence::open(path)
        .inspect_err(|error| {
            tracing::error!(%error, path = %path.display(), "rejected requests leave no evidence");
        })
        .ok()
}

/// Both listeners, the public one first.
fn listen_on(
    [public, internal]: [Place; 2],
    connections: usize,
    app: &Data<App>,
    (console, evidence): (Option<ConsoleSettings>, PathBuf),
) -> anyhow::Result<[Listener; 2]> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let sizes = |workers| (workers, connections);
    let console = console.map(|settings| Data::new(Console::new(settings, evidence)));
    let pages = move |config: &mut ServiceConfig| {
        if let Some(console) = &console {
            console::serve(config, console);
        }
    };
    Ok([
        listen::listen(
            public,
            "server.listen",
            sizes(workers),
            app,
            public::SIDE,
            |_| {},
        )?,
        listen::listen(
            internal,
            "server.internal_listen",
            sizes(workers.min(2)),
            app,
            internal::SIDE,
            pages,
        )?,
    ])
}

/// How the requests under way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drained {
    /// Answered, or their time was over.
    InOrder,
    /// Not waited for.
    Cut,
}

/// Stops both listeners together, unless a second signal asks not to wait for that.
async fn drain(handles: &[ServerHandle; 2], stop: &mut Signals) -> Drained {
    let [public, internal] = handles;
    tokio::select! {
        _ = async { tokio::join!(public.stop(true), internal.stop(true)) } => Drained::InOrder,
        () = stop.stop() => {
            tracing::warn!("second signal: aborting in-flight requests");
            Drained::Cut
        }
    }
}
