//! The section `store`: where callbacks and evidence are kept, and what of a server has to be there.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Checker;
use crate::config::file::StoreSection;
use crate::rejected;
use crate::store::StoreUrl;

/// How long a start waits for a database server where the config does not say.
const WAIT_AT_START: &str = "60s";
/// Where evidence lies when the store is a server's and the config does not say.
const EVIDENCE: &str = "refund-receiver.evidence.db";

impl Checker {
    pub(in crate::config) fn store(&mut self, section: &StoreSection) -> Option<StoreUrl> {
        let url = self.secret("store.url", &section.url)?;
        let mut store = StoreUrl::parse(url.expose(), &self.folder)
            .map_err(|error| self.note("store.url", error.to_string()))
            .ok()?;
        let (key, may_lose) = (
            "store.may_lose_acknowledged_callbacks",
            section.may_lose_acknowledged_callbacks,
        );
        let (standby_key, standby) = ("store.require_synchronous", section.require_synchronous);
        match &mut store {
            StoreUrl::Postgres(url) => {
                for name in url.ignored() {
                    self.warnings.push(format!(
                        "store.url: {name} has no effect; how long a server is waited for, and which one is \
                         used, this program decides itself"
                    ));
                }
                if self.permission(key, may_lose) {
                    url.accept_loss();
                }
                if self.permission(standby_key, standby) {
                    url.require_synchronous();
                }
            }
            StoreUrl::Sqlite(_) if standby.is_some() => {
                let what = "is a choice for a PostgreSQL server alone; a file has no standby";
                self.note(standby_key, what);
            }
            StoreUrl::Sqlite(_) if may_lose.is_some() => {
                let what = "is a choice for a PostgreSQL server alone; SQLite never loses them";
                self.note(key, what);
            }
            StoreUrl::Sqlite(_) => {}
        }
        Some(store)
    }

    pub(in crate::config) fn evidence(
        &mut self,
        section: &StoreSection,
        store: &StoreUrl,
    ) -> PathBuf {
        if let Some(path) = &section.evidence {
            return self.folder.join(path);
        }
        let path = store
            .file()
            .map_or_else(|| self.folder.join(EVIDENCE), rejected::path_beside);
        // As it would be written in the file, whose paths are relative to its folder.
        let shown = path.strip_prefix(&self.folder).unwrap_or(&path);
        let shown = shown.display().to_string();
        self.note_default("store.evidence", shown);
        path
    }

    /// How long a start waits for a database server that is away.
    pub(in crate::config) fn wait_at_start(
        &mut self,
        section: &StoreSection,
        store: &StoreUrl,
    ) -> Duration {
        match (store.file().is_none(), &section.wait_at_start) {
            (false, None) => Duration::ZERO,
            (false, Some(_)) => {
                let what = "is about a PostgreSQL server alone; a file is there or not";
                self.note("store.wait_at_start", what);
                Duration::ZERO
            }
            (true, given) => self.span("store.wait_at_start", given.as_ref(), WAIT_AT_START),
        }
    }
}
