//! Endpoints that events are pushed to.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use crate::config::file::{EndpointSection, Text};
use crate::config::shared::Holder;
use crate::config::{Checker, Secret};
use crate::crypto::{WebhookSecret, WebhookSecrets, sha256};
use crate::domain::event::EventKind;
use crate::domain::ids::Name;
use crate::push::{CaCertificates, Endpoint, EndpointUrl, Headers, Schedule};

/// Endpoints of one service; each has threads of its own.
const ENDPOINTS_MAX: usize = 32;
/// Secrets of one endpoint: one, or two during a rotation.
const SECRETS_MAX: usize = 2;
/// Pauses of a schedule.
const PAUSES_MAX: usize = 50;
/// Time of nothing but failures after which an endpoint is disabled, where the config does not say.
const DISABLE_AFTER: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// Events on their way to one endpoint at once where the config does not say: 160 a second to one that
/// answers within 100 ms.
const IN_FLIGHT: usize = 16;
/// And at most; each has a thread.
const IN_FLIGHT_MAX: usize = 256;

impl Checker {
    pub(in crate::config) fn endpoints(&mut self, sections: &[EndpointSection]) -> Vec<Endpoint> {
        if sections.len() > ENDPOINTS_MAX {
            self.note(
                "endpoints",
                format!("more than {ENDPOINTS_MAX} are too many"),
            );
        }
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (index, section) in sections.iter().enumerate() {
            let key = format!("endpoints[{index}]");
            if endpoints.iter().any(|known| known.name == section.name) {
                self.note(
                    format!("{key}.name"),
                    format!("{:?} is taken", section.name),
                );
            }
            if let Some(endpoint) = self.endpoint(&key, section) {
                endpoints.push(endpoint);
            }
        }
        endpoints
    }

    fn endpoint(&mut self, key: &str, section: &EndpointSection) -> Option<Endpoint> {
        if let Err(error) = section.name.parse::<Name>() {
            self.note(format!("{key}.name"), error.to_string());
        }
        let allow_private = self.permission(format!("{key}.allow_private"), section.allow_private);
        let url = self.endpoint_url(key, &section.url, allow_private);
        let headers = self.endpoint_headers(key, section.headers.as_ref());
        let secrets = self.endpoint_secrets(key, &section.secrets);
        let kinds = self.kinds(key, section.events.as_ref());
        let roots = section.ca_file.as_ref().map(|file| self.roots(key, file));
        let schedule = match &section.retry_schedule_seconds {
            None => Some(self.usual_schedule(key)),
            Some(pauses) => {
                let pauses = pauses
                    .iter()
                    .map(|pause| Duration::from_secs(pause.0.get()));
                Schedule::new(pauses.take(PAUSES_MAX).collect())
            }
        };
        if schedule.is_none() {
            let what = "is empty; give at least one pause, or leave it out";
            self.note(format!("{key}.retry_schedule_seconds"), what);
        }
        let disable_after = self.seconds(
            format!("{key}.disable_after_seconds"),
            section.disable_after_seconds,
            DISABLE_AFTER,
        );
        let max_in_flight = self.max_in_flight(key, section.max_in_flight);
        Some(Endpoint {
            name: section.name.clone(),
            url: url?,
            headers: headers?,
            secrets: secrets?,
            kinds,
            allow_private,
            // One that is configured, but wrongly, must not turn into the public authorities.
            roots: match roots {
                None => None,
                Some(roots) => Some(roots?),
            },
            schedule: schedule?,
            disable_after,
            max_in_flight,
        })
    }

    /// Its address, written plainly or read from elsewhere because it holds a key.
    fn endpoint_url(&mut self, key: &str, text: &str, allow_private: bool) -> Option<EndpointUrl> {
        let key = format!("{key}.url");
        let resolved = self.secret(&key, text)?;
        let parsed = EndpointUrl::parse(resolved.expose(), allow_private);
        let mut url = parsed
            .map_err(|error| self.note(&key, error.to_string()))
            .ok()?;
        if Secret::is_elsewhere(text) {
            url.hide();
            self.shown.push((key, format!("{text} ({url})")));
        }
        Some(url)
    }

    /// What its gateway asks for. All of them or none: one that is missing would look like one that is wrong.
    fn endpoint_headers(
        &mut self,
        key: &str,
        given: Option<&BTreeMap<String, String>>,
    ) -> Option<Headers> {
        let mut headers = Headers::default();
        let mut is_good = true;
        for (name, text) in given.into_iter().flatten() {
            let key = format!("{key}.headers.{name}");
            let Some(value) = self.secret(&key, text) else {
                is_good = false;
                continue;
            };
            match headers.add(name, value.expose()) {
                Ok(()) => self.hold(key, sha256(value.expose().as_bytes()), Holder::Endpoint),
                Err(error) => {
                    is_good = false;
                    self.note(key, error.to_string());
                }
            }
        }
        is_good.then_some(headers)
    }

    fn max_in_flight(&mut self, key: &str, given: Option<Text<NonZeroU16>>) -> usize {
        let key = format!("{key}.max_in_flight");
        let Some(given) = given else {
            self.note_default(key, IN_FLIGHT);
            return IN_FLIGHT;
        };
        let given = usize::from(given.0.get());
        if given > IN_FLIGHT_MAX {
            self.note(key, format!("must be {IN_FLIGHT_MAX} or less"));
        }
        given
    }

    fn usual_schedule(&mut self, key: &str) -> Schedule {
        let schedule = Schedule::default();
        for (index, pause) in schedule.pauses().iter().enumerate() {
            let key = format!("{key}.retry_schedule_seconds[{index}]");
            self.note_default(key, pause.as_secs());
        }
        schedule
    }

    fn endpoint_secrets(&mut self, key: &str, texts: &[String]) -> Option<WebhookSecrets> {
        let key = format!("{key}.secrets");
        if texts.is_empty() || texts.len() > SECRETS_MAX {
            let what = "must hold one secret, or two during a rotation";
            self.note(&key, what);
            return None;
        }
        let mut secrets = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let key = format!("{key}[{index}]");
            let secret = self.secret(&key, text)?;
            match WebhookSecret::parse(secret.expose()) {
                Ok(parsed) => {
                    self.hold(key, sha256(secret.expose().as_bytes()), Holder::Endpoint);
                    secrets.push(parsed);
                }
                Err(error) => self.note(key, error.to_string()),
            }
        }
        WebhookSecrets::new(secrets).ok()
    }

    /// No `events` at all means every kind; an empty list would mean none, and is a mistake.
    fn kinds(&mut self, key: &str, words: Option<&Vec<String>>) -> Vec<EventKind> {
        let key = format!("{key}.events");
        let Some(words) = words else {
            for (index, kind) in EventKind::all().enumerate() {
                self.note_default(format!("{key}[{index}]"), kind.as_str());
            }
            return Vec::new();
        };
        if words.is_empty() {
            self.note(&key, "is empty; name the kinds, or leave it out for all");
        }
        let mut kinds = Vec::new();
        for word in words {
            let kind = EventKind::all().find(|kind| kind.as_str() == word);
            if kind.is_none() {
                let known: Vec<_> = EventKind::all().map(EventKind::as_str).collect();
                let known = known.join(", ");
                let what = format!("{word:?} is no kind of event; there are {known}");
                self.note(&key, what);
            }
            kinds.extend(kind);
        }
        kinds
    }

    fn roots(&mut self, key: &str, file: &str) -> Option<CaCertificates> {
        let (key, path) = (format!("{key}.ca_file"), self.folder.join(file));
        let pem = match std::fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(error) => {
                let what = format!("cannot read {}: {error}", path.display());
                self.note(key, what);
                return None;
            }
        };
        CaCertificates::parse(&pem)
            .map_err(|error| self.note(key, error.to_string()))
            .ok()
    }
}
