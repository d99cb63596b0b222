//! Reads the config again while the service runs, one wish after the other. Everything is checked before
//! anything is changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web::Data;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::systemd;
use super::systemd::State;
use crate::cli::inspect::check_config::environment;
use crate::config::{Config, Fixed};
use crate::domain::claim::Account;
use crate::domain::trail::{About, Act, Actor, known};
use crate::http::{App, NotReloaded, Readers, Reload, Reloaded, Rules};
use crate::providers::relay::RelayAccount;
use crate::requests::Apis;
use crate::store::StoreError;

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

/// Who may do what, and whose callbacks are believed: tokens and keys by their ids.
fn access_of(rules: &Rules) -> BTreeMap<String, Value> {
    let mut access: BTreeMap<_, _> = rules
        .readers
        .all()
        .map(|reader| {
            let scopes: Vec<_> = reader.scopes.iter().map(|scope| scope.as_str()).collect();
            let shown = json!({"token_id": reader.token.short_id(), "scopes": scopes});
            (format!("reader {}", reader.name), shown)
        })
        .collect();
    for account in rules.registry.accounts() {
        let Account { provider, name } = &account;
        let keys = match rules.registry.find(provider, name) {
            Some(callbacks) => callbacks.keys(),
            None => rules
                .registry
                .find_relay(provider, name)
                .map(RelayAccount::keys)
                .unwrap_or_default(),
        };
        let keys: Vec<_> = keys.into_iter().map(|key| key.key_id).collect();
        let can_send = rules.registry.api(provider, name).is_some();
        let shown = json!({"keys": keys, "sends": can_send});
        access.insert(format!("account {provider}/{name}"), shown);
    }
    access
}

/// What differs, before and after.
fn difference(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> (Value, Value) {
    let only = |these: &BTreeMap<String, Value>, others: &BTreeMap<String, Value>| {
        let differs = |(name, value): &(&String, &Value)| others.get(*name) != Some(value);
        let found = these.iter().filter(differs);
        Value::Object(
            found
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    };
    (only(before, after), only(after, before))
}

impl Reloader {
    /// Reloads on request, until the task is dropped.
    pub(in crate::cli) async fn run(mut self) {
        while let Some(Reload { by, reply }) = self.wishes.recv().await {
            systemd::tell(State::Reloading);
            let outcome = self.reload(&by).await;
            // A rejected config leaves the old one in effect.
            systemd::tell(State::Ready);
            self.say(known(&by.reader).unwrap_or(&by.from), &outcome);
            // The caller may be gone; a signal does not wait.
            drop(reply.send(outcome));
        }
    }

    async fn reload(&self, by: &Actor) -> Result<Reloaded, NotReloaded> {
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
        let policy = config.retry;
        let second_person = std::mem::take(&mut config.second_person);
        let before = self.app.rules();
        let rules = rules_of(&mut config, Some(&before));
        self.append_act(by, &before, &rules)
            .await
            .map_err(NotReloaded::Store)?;
        let pushed = self.app.push.reload(endpoints).await;
        pushed.map_err(NotReloaded::Store)?;
        self.app.intake.set_policy(policy);
        self.app.decisions.set_second_person(second_person);
        self.app.requests.set_apis(apis_of(&rules));
        self.app.rules.send_replace(Arc::new(rules));
        Ok(Reloaded {
            needs_restart: self.needs_restart(&config.fixed),
            warnings: config.warnings,
        })
    }

    /// Before anything changes, so that no config is in effect that the trail does not know.
    async fn append_act(
        &self,
        by: &Actor,
        before: &Rules,
        after: &Rules,
    ) -> Result<(), StoreError> {
        let (was, is) = difference(&access_of(before), &access_of(after));
        let entry = by.did(
            Act::Reload,
            About::new("service", "config"),
            self.app.clock.now(),
        );
        let entry = entry.changed(&was, &is);
        self.app.store.write_act("note reload", entry).await
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
