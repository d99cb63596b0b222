//! Reads the config again while the service runs, one wish after the other. Everything is checked before
//! anything is changed.

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web::Data;
use tokio::sync::mpsc;

use super::systemd;
use super::systemd::State;
use crate::cli::check_config::environment;
use crate::config::{Config, Fixed};
use crate::http::{App, NotReloaded, Readers, Reload, Reloaded, Rules};
use crate::requests::Apis;

/// What reads the config of a running service again.
pub(in crate::cli) struct Reloader {
    pub app: Data<App>,
    /// The file.
    pub source: PathBuf,
    /// What the process was started with and keeps to its end.
    pub fixed: Vec<Fixed>,
    pub wishes: mpsc::Receiver<Reload>,
}

/// The rules of a config; the readers go on counting where those of the same name stood.
pub(in crate::cli) fn rules_of(config: &mut Config, before: Option<&Rules>) -> Rules {
    Rules {
        registry: std::mem::take(&mut config.registry),
        epay: config.epay.take(),
        key_ends: std::mem::take(&mut config.key_ends),
        readers: Readers::new(
            std::mem::take(&mut config.readers),
            before.map(|rules| &rules.readers),
        ),
        heartbeat: config.feed.heartbeat,
        stalled: config.feed.stalled,
    }
}

/// The accounts that can send.
pub(in crate::cli) fn apis_of(rules: &Rules) -> Apis {
    let apis = rules.registry.apis();
    apis.map(|(account, api)| (account.clone(), Arc::clone(api)))
        .collect()
}

impl Reloader {
    /// Reloads on request, until the task is dropped.
    pub(in crate::cli) async fn run(mut self) {
        while let Some(Reload { by, reply }) = self.wishes.recv().await {
            systemd::tell(State::Reloading);
            let outcome = self.reload().await;
            // A rejected config leaves the old one in effect.
            systemd::tell(State::Ready);
            self.say(&by, &outcome);
            // The caller may be gone; a signal does not wait.
            drop(reply.send(outcome));
        }
    }

    async fn reload(&self) -> Result<Reloaded, NotReloaded> {
        let (source, now) = (self.source.clone(), self.app.clock.now());
        let now = now.to_timestamp().unwrap_or_default();
        let load = move || Config::load(&source, environment(), now);
        let loaded = tokio::task::spawn_blocking(load).await;
        let loaded = loaded.map_err(|error| NotReloaded::Invalid(vec![error.to_string()]))?;
        let mut config = loaded.map_err(|problems| {
            NotReloaded::Invalid(problems.iter().map(ToString::to_string).collect())
        })?;
        // First what can fail: nothing else has changed then.
        let endpoints = std::mem::take(&mut config.endpoints);
        let pushed = self.app.push.reload(endpoints).await;
        pushed.map_err(NotReloaded::Store)?;
        self.app.intake.set_policy(config.retry);
        let rules = rules_of(&mut config, Some(&self.app.rules()));
        self.app.requests.set_apis(apis_of(&rules));
        self.app.rules.send_replace(Arc::new(rules));
        Ok(Reloaded {
            needs_restart: self.needs_restart(&config.fixed),
            warnings: config.warnings,
        })
    }

    fn needs_restart(&self, wanted: &[Fixed]) -> Vec<String> {
        let changed = wanted.iter().filter(|fixed| !self.fixed.contains(fixed));
        changed.map(|fixed| fixed.key.to_owned()).collect()
    }

    fn say(&self, by: &str, outcome: &Result<Reloaded, NotReloaded>) {
        let moment = self.app.clock.now();
        self.app
            .metrics
            .reloads
            .count(outcome.is_ok(), moment.as_millis() / 1_000);
        match outcome {
            Ok(done) => {
                tracing::info!(by, "the config was read again and is in effect");
                for warning in &done.warnings {
                    tracing::warn!("{warning}");
                }
                if !done.needs_restart.is_empty() {
                    let keys = done.needs_restart.join(", ");
                    tracing::warn!(
                        keys,
                        "these have changed and take effect with a restart only"
                    );
                }
            }
            Err(NotReloaded::Invalid(problems)) => {
                for problem in problems {
                    tracing::error!("{problem}");
                }
                tracing::error!(
                    by,
                    "the config was read again and is rejected; the old one stays in effect"
                );
            }
            Err(NotReloaded::Store(error)) => {
                tracing::error!(by, %error, "the config could not be taken over; the old one stays");
            }
        }
    }
}
