//! One store under load, killed round after round, and audited after each.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::load::{ACCOUNT, Load, PROVIDER};
use super::server::Server;
use crate::audit::{AckedList, AuditInputs, Invariant, Report};
use crate::cli::inspect::audit::audit_store;
use crate::cli::{folder, output};
use crate::config::Config;
use crate::crypto::SigningKey;
use crate::domain::time::{Clock as _, SystemClock};
use crate::sandbox::Sample;

/// Longest time for the first answer of success; without one nothing would be shown.
const FIRST_ANSWER: Duration = Duration::from_secs(30);
/// The load lasts this long between the first answer and the kill, both ends included, in milliseconds.
const KILL_AFTER_MS: (u64, u64) = (150, 1_500);
/// Each such round the service is killed once more while it makes good what the first kill left.
const KILLED_TWICE_EVERY: usize = 3;
/// Longest time for which the second kill waits, in milliseconds: a start takes about this long.
const SECOND_KILL_MS: u64 = 60;

/// What was seen in one round.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Round {
    /// How long the load lasted.
    pub killed_after_ms: u64,
    /// Answers of success in this round; repeats are answered so, too.
    pub answers: u64,
    /// Callbacks that were acknowledged for the first time in this round.
    pub acked: u64,
    /// Callbacks that the store gained in this round; some got no answer before the kill.
    pub stored: u64,
    /// Of everything acknowledged so far: not there, or counted less often.
    pub lost: u64,
    /// Of everything acknowledged so far: there, or in effect, more than once.
    pub doubled: u64,
    /// Violations of any rule of the audit.
    pub broken: u64,
}

impl Round {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.broken == 0
    }

    /// In one line.
    pub fn shown(&self) -> String {
        let Self {
            killed_after_ms,
            acked,
            stored,
            lost,
            doubled,
            ..
        } = self;
        format!(
            "killed after {killed_after_ms} ms; acked {acked}, stored {stored}, lost {lost}, doubled {doubled}"
        )
    }
}

/// A store, the service on it, and the load.
pub struct Trial {
    folder: PathBuf,
    load: Load,
    config: Config,
    acked: AckedList,
    acked_so_far: u64,
    stored_so_far: u64,
    server: Option<(Server, String)>,
    connections: usize,
}

impl Trial {
    /// Makes a folder with a config, a throw-away key and a new store, and starts the service.
    pub fn start(folder: &Path, connections: usize) -> anyhow::Result<Self> {
        folder::make(folder, false).with_context(|| format!("cannot make {}", folder.display()))?;
        let key = SigningKey::generate()?;
        let config_path = folder.join("refunds.toml");
        std::fs::write(folder.join("payermax.pem"), key.public_pem())?;
        std::fs::write(&config_path, config_text())?;
        let now = SystemClock.now().to_timestamp().unwrap_or_default();
        let config = Config::load(&config_path, std::iter::empty(), now)
            .map_err(|problems| anyhow::anyhow!("{}", problems[0]))?;
        let mut trial = Self {
            folder: folder.to_owned(),
            load: Load::new(key)?,
            config,
            acked: AckedList::default(),
            acked_so_far: 0,
            stored_so_far: 0,
            server: None,
            connections,
        };
        trial.start_service()?;
        Ok(trial)
    }

    /// Load, kill, restart, audit.
    pub fn round(&mut self, number: usize) -> anyhow::Result<Round> {
        let (server, public) = self.server.take().context("no service runs")?;
        let killed_after_ms = random(KILL_AFTER_MS);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let load = scope.spawn(|| self.load.send(&public, self.connections, &stop));
            if self.load.wait_for_answer(FIRST_ANSWER) {
                std::thread::sleep(Duration::from_millis(killed_after_ms));
            }
            let killed = server.kill();
            stop.store(true, Ordering::Relaxed);
            drop(load.join());
            killed
        })?;
        if number % KILLED_TWICE_EVERY == KILLED_TWICE_EVERY - 1 {
            let (server, _lines) = Server::spawn(&self.config_path(), &self.log_path())?;
            std::thread::sleep(Duration::from_millis(random((0, SECOND_KILL_MS))));
            server.kill()?;
        }
        self.start_service()?;
        if let Some(what) = self.load.unexpected() {
            anyhow::bail!("an authentic callback was answered {what}");
        }
        let answers = self.load.take_acked();
        anyhow::ensure!(
            !answers.is_empty(),
            "nothing was acknowledged, so nothing is shown"
        );
        let round = Round {
            killed_after_ms,
            answers: answers.len() as u64,
            ..Round::default()
        };
        for answer in answers {
            self.acked.add(answer);
        }
        self.judge(round)
    }

    /// Sends again what got no answer, and audits once more: after that everything must be there once.
    pub fn end(mut self, rounds: &[Round]) -> anyhow::Result<()> {
        if !rounds.iter().all(Round::holds) {
            return Ok(());
        }
        if let Some((_, public)) = &self.server {
            self.load.send_unanswered(public);
        }
        for one in self.load.take_acked() {
            self.acked.add(one);
        }
        let last = self.judge(Round::default())?;
        anyhow::ensure!(last.holds(), "after sending again: {}", last.shown());
        if let Some((server, _)) = self.server.take() {
            server.kill()?;
        }
        let folder = &self.folder;
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))
    }

    fn start_service(&mut self) -> anyhow::Result<()> {
        self.server = Some(Server::start(&self.config_path(), &self.log_path())?);
        Ok(())
    }

    fn judge(&mut self, round: Round) -> anyhow::Result<Round> {
        let means = AuditInputs {
            registry: Some(&self.config.registry),
            evidence: Some(&self.config.evidence),
            acked: Some(&self.acked),
        };
        let report = audit_store(&self.config.store, means)?;
        show_violations(&report);
        let compared = report.acked.clone().unwrap_or_default();
        let before = (self.acked_so_far, self.stored_so_far);
        self.acked_so_far = compared.acked;
        self.stored_so_far = report.finding(Invariant::Durable).checked;
        Ok(Round {
            acked: self.acked_so_far - before.0,
            // A store that lost something may even have shrunk.
            stored: self.stored_so_far.saturating_sub(before.1),
            lost: compared.lost,
            doubled: compared.doubled,
            broken: Invariant::ALL
                .map(|rule| report.finding(rule).broken)
                .iter()
                .sum(),
            ..round
        })
    }

    fn config_path(&self) -> PathBuf {
        self.folder.join("refunds.toml")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("serve.log")
    }
}

fn show_violations(report: &Report) {
    for rule in Invariant::ALL {
        for violation in &report.finding(rule).shown {
            let (id, name, _) = rule.words();
            output::error(format!("{id} {name}: {} {}", violation.id, violation.what));
        }
    }
}

/// A number between the two, both included, from a random id.
fn random((least, most): (u64, u64)) -> u64 {
    let (_, low) = SystemClock.new_uuid().as_u64_pair();
    least + low % (most - least + 1)
}

fn config_text() -> String {
    let merchant_no = Sample::default().merchant_no;
    format!(
        r#"# Written by `refund-receiver selftest`; the key is a throw-away one.
[server]
listen = "127.0.0.1:0"
internal_listen = "127.0.0.1:0"

[store]
url = "sqlite:refunds.db"

[[accounts]]
provider = "{PROVIDER}"
account = "{ACCOUNT}"
merchant_no = "{merchant_no}"
public_keys = [{{ id = "selftest", file = "payermax.pem" }}]
"#
    )
}
