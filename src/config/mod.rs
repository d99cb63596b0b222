//! The config: one TOML file, overridden by the environment, checked as a whole before anything
//! starts. The result is ready to use: keys parsed, paths made absolute, secrets read.
//!
//! Nothing that guards has a default: no key, no token, no start.

mod file;
mod fixed;
mod mask;
mod secret;
mod sections;
mod shared;
mod sources;
mod span;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::providers::paycools::could_be_path_secret;
pub use fixed::Fixed;
pub use secret::{Secret, clean};
pub use sections::console::{ConsoleSettings, ProxyLogin};
pub use sections::readers::{RateLimit, Reader, Scope};
pub use sources::Effective;

use crate::domain::claim::Account;
use crate::domain::decision::SecondPerson;
use crate::domain::order::close_out::RetryPolicy;
use crate::domain::time::Timestamp;
use crate::providers::accounts::settings::{AccountSection, Audience};
use crate::providers::epay::caller::EpayCallers;
use crate::providers::epay::settings;
use crate::providers::epay::settings::EpaySection;
use crate::providers::{Adapter, Registry};
use crate::push::Endpoint;
use crate::store::StoreUrl;
use file::{FeedSection, File, Text};
use sections::accounts::SectionChecker;
use shared::{Held, Holder};

/// Before this an environment variable is none of our business.
pub const ENV_PREFIX: &str = "REFUND_RECEIVER__";
/// How long a close-out is tried where the config does not say: an order registered a day late is
/// still found.
const RETRY_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Time between two signs of life on a quiet stream, where the config does not say: half of what
/// proxies usually allow.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Time after which a reader that reads nothing is disconnected, where the config does not say.
const STALLED: Duration = Duration::from_secs(30);

/// One thing that is wrong, in one line that names the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key: `server.listen`, `accounts[0].public_keys[1].file`.
    pub key: String,
    /// What is wrong and what to write instead.
    pub what: String,
}

impl Problem {
    fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{}: {}", self.key, self.what);
        // A message of a library may hold a line break; the operator gets one line a problem.
        f.write_str(&line.replace(['\n', '\r'], " "))
    }
}

/// How readers are served.
#[derive(Clone, Copy, Debug)]
pub struct FeedSettings {
    /// Time between two signs of life on a quiet stream.
    pub heartbeat: Duration,
    /// Time after which a reader that reads nothing is disconnected.
    pub stalled: Duration,
}

/// When a provider's key expires.
#[derive(Clone, Debug)]
pub struct KeyEnd {
    /// The system.
    pub provider: String,
    /// The account there.
    pub account: String,
    /// The id of the key.
    pub key: String,
    /// The moment.
    pub at: Timestamp,
}

/// Everything, checked.
pub struct Config {
    /// What providers and `EPay` callers reach.
    pub listen: SocketAddr,
    /// Readers, operators, health, metrics.
    pub internal_listen: SocketAddr,
    /// Where the store lies.
    pub store: StoreUrl,
    /// How long a start waits for a database server that is away.
    pub wait_at_start: Duration,
    /// Where evidence of rejected requests is.
    pub evidence: PathBuf,
    /// How long close-outs are tried.
    pub retry: RetryPolicy,
    /// Who calls `EPay`; `None`: the endpoint is off.
    pub epay: Option<EpayCallers>,
    /// Provider accounts.
    pub registry: Registry,
    /// Which keys end, and when.
    pub key_ends: Vec<KeyEnd>,
    /// Internal systems.
    pub readers: Vec<Reader>,
    /// How they are served.
    pub feed: FeedSettings,
    /// Where events are pushed to.
    pub endpoints: Vec<Endpoint>,
    /// From which amount on a decision needs a second person.
    pub second_person: SecondPerson,
    /// Pages for operators; `None`: they are off.
    pub console: Option<ConsoleSettings>,
    /// The file that it was read from.
    pub source: PathBuf,
    /// What only a restart changes.
    pub fixed: Vec<Fixed>,
    /// What an operator should know, though it does not stop the start.
    pub warnings: Vec<String>,
    /// The effective values, secrets masked, in the order of the file; defaults behind what is given of
    /// their section.
    pub effective: Vec<Effective>,
}

impl Config {
    /// Reads the file, lays the environment over it and checks everything; all problems at once.
    pub fn load(
        path: &Path,
        environment: impl Iterator<Item = (String, String)>,
        now: jiff::Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        let variables: Vec<_> = environment.collect();
        let table = sources::read(path, &variables).map_err(|problem| vec![problem])?;
        let given = sources::given(&table);
        let file = file::parse(table).map_err(|problem| vec![problem])?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Checker {
            source: path.to_owned(),
            folder,
            variables,
            now,
            problems: Vec::new(),
            warnings: Vec::new(),
            defaults: Vec::new(),
            shown: Vec::new(),
            held: Vec::new(),
            audiences: BTreeMap::new(),
            key_ends: Vec::new(),
        }
        .check(&file, given)
    }
}

/// Collects problems, and the defaults that take effect, while values are made.
struct Checker {
    source: PathBuf,
    folder: PathBuf,
    variables: Vec<(String, String)>,
    now: jiff::Timestamp,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    defaults: Vec<Effective>,
    /// Keys whose value says more, and how it is shown.
    shown: Vec<(String, String)>,
    /// Every key and secret so far, and where it is.
    held: Vec<Held>,
    /// How accounts that share one are told apart, by their place in the list.
    audiences: BTreeMap<usize, Box<dyn Audience>>,
    key_ends: Vec<KeyEnd>,
}

impl Checker {
    fn check(mut self, file: &File, given: Vec<Effective>) -> Result<Config, Vec<Problem>> {
        let listen = self.address("server.listen", &file.server.listen);
        let internal_listen = self.address("server.internal_listen", &file.server.internal_listen);
        if let (Some(one), Some(other)) = (listen, internal_listen)
            && one == other
            && one.port() != 0
        {
            let what = "is the address of server.listen; readers need one of their own";
            self.note("server.internal_listen", what);
        }
        let store = self.store(&file.store);
        let epay = file.epay.as_ref().map(|section| self.epay(section));
        // Without a section the default holds: close-outs of an earlier one are still retried.
        let retry_for = file.epay.as_ref().map_or(RETRY_FOR, |epay| {
            self.seconds("epay.retry_for_seconds", epay.retry_for_seconds, RETRY_FOR)
        });
        let feed = self.feed(&file.feed);
        let mut registry = self.registry(file);
        let readers = self.readers(&file.readers);
        let endpoints = self.endpoints(&file.endpoints);
        let second_person = self.second_person(&file.operate, &readers);
        let name = |section: &AccountSection| format!("{}/{}", section.provider, section.account);
        let accounts: Vec<_> = file.accounts.iter().map(name).collect();
        let console = self.console(&file.console, internal_listen, &accounts);
        self.warn_if_closed(console.as_ref(), &readers);
        self.check_shared(&file.accounts, &mut registry);
        let (Some(listen), Some(internal_listen), Some(store)) = (listen, internal_listen, store)
        else {
            return Err(self.problems);
        };
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let evidence = self.evidence(&file.store, &store);
        let fixed = self.fixed(file);
        let wait_at_start = self.wait_at_start(&file.store, &store);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(Config {
            source: self.source,
            fixed,
            key_ends: self.key_ends,
            wait_at_start,
            listen,
            internal_listen,
            evidence,
            store,
            retry: RetryPolicy { retry_for },
            epay,
            registry,
            readers,
            feed,
            endpoints,
            second_person,
            console,
            warnings: self.warnings,
            effective: sources::with_defaults(sources::shown_as(given, &self.shown), self.defaults),
        })
    }

    /// A console that no token opens.
    fn warn_if_closed(&mut self, console: Option<&ConsoleSettings>, readers: &[Reader]) {
        let may_see = |reader: &Reader| reader.scopes.contains(&Scope::ConsoleRead);
        let needs_token = console.is_some_and(|console| console.proxy.is_none());
        if needs_token && !readers.iter().any(may_see) {
            let what = "console: no reader has the scope console:read, so no token opens it";
            self.warnings.push(what.to_owned());
        }
    }

    /// Notes a default that takes effect, for the operator to see.
    fn note_default(&mut self, key: impl Into<String>, value: impl fmt::Display) {
        self.defaults.push(Effective {
            key: key.into(),
            value: value.to_string(),
            is_default: true,
        });
    }

    fn seconds(
        &mut self,
        key: impl Into<String>,
        given: Option<Text<NonZeroU64>>,
        default: Duration,
    ) -> Duration {
        given.map_or_else(
            || {
                self.note_default(key, default.as_secs());
                default
            },
            |seconds| Duration::from_secs(seconds.0.get()),
        )
    }

    /// A permission; absent means no.
    fn permission(&mut self, key: impl Into<String>, given: Option<Text<bool>>) -> bool {
        given.map_or_else(
            || {
                self.note_default(key, false);
                false
            },
            |given| given.0,
        )
    }

    fn note(&mut self, key: impl Into<String>, what: impl Into<String>) {
        let problem = Problem::new(key, what);
        // A file or secret of an account that also sends is read twice.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        let parsed = text.parse();
        if parsed.is_err() {
            self.note(
                key,
                format!("{text:?} is not ADDRESS:PORT, such as 127.0.0.1:8080"),
            );
        }
        parsed.ok()
    }

    /// Reads a secret; `None` with a problem noted.
    fn secret(&mut self, key: &str, text: &str) -> Option<Secret> {
        Secret::resolve(text, &self.folder, &self.variables)
            .map_err(|what| self.note(key, what))
            .ok()
    }

    fn secret_pem(&mut self, key: &str, text: &str) -> Option<Secret> {
        Secret::resolve_pem(text, &self.folder, &self.variables)
            .map_err(|what| self.note(key, what))
            .ok()
    }

    fn feed(&mut self, section: &FeedSection) -> FeedSettings {
        FeedSettings {
            heartbeat: self.seconds(
                "feed.heartbeat_seconds",
                section.heartbeat_seconds,
                HEARTBEAT,
            ),
            stalled: self.seconds("feed.stalled_seconds", section.stalled_seconds, STALLED),
        }
    }

    fn epay(&mut self, section: &EpaySection) -> EpayCallers {
        let mut context = SectionChecker {
            checker: self,
            key: "epay",
            holder: Holder::Epay,
            account: None,
        };
        settings::callers(section, &mut context)
    }

    fn registry(&mut self, file: &File) -> Registry {
        let mut registry = Registry::default();
        for (index, section) in file.accounts.iter().enumerate() {
            let key = format!("accounts[{index}]");
            let account = Account {
                provider: section.provider.clone(),
                name: section.account.clone(),
            };
            if section.account.parse::<crate::domain::ids::Name>().is_err() {
                let what =
                    "must be 1 to 64 characters of A-Z a-z 0-9 _ . : -, as it is part of the path";
                self.note(format!("{key}.account"), what);
            }
            let adapter = self.adapter(index, &key, section);
            let api = self.api(index, &key, section);
            let is_new = match adapter {
                Some(Adapter::Callback(provider)) => registry.add(account.clone(), provider),
                Some(Adapter::Relay(relay)) => registry.add_relay(account.clone(), relay),
                None if api.is_some() => registry.api(&account.provider, &account.name).is_none(),
                None => continue,
            };
            if !is_new {
                let what = format!(
                    "{:?} is configured twice for provider {:?}",
                    section.account, section.provider
                );
                self.note(format!("{key}.account"), what);
            }
            if let Some(api) = api {
                registry.add_api(account, api);
            }
        }
        registry
    }
}
