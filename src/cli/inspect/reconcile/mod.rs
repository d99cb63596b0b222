//! `reconcile`: does a provider's settlement file say what the store says?

mod raise;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::civil::Date;
use serde_json::Value;

use crate::cli::inspect::check_config::load_config;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::{STORE_REFUSED, USAGE, secret_file};
use crate::config::Config;
use crate::domain::claim::Account;
use crate::domain::time::{Clock as _, SystemClock};
use crate::outbound::client::http_url;
use crate::providers::epay::caller::PROVIDER;
use crate::reconcile::map::{Map, shipped, shipped_for};
use crate::reconcile::report::{Bucket, Report};
use crate::reconcile::{FileError, ROWS_MAX, ReconcileError, Task, archive, compare, read_only};
use crate::store::{Inspection, StoreUrl};
use raise::{Raised, Service};

/// Compares a provider's settlement file with the store, in use or stopped; exit 0 if all rows match, 1 if not
///
/// Only reads: takes no lock, may run next to the service, and changes no refund. With --raise the service leaves a
/// question (settlement_…) at each refund that differs; the same file raises nothing twice.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver reconcile --config refunds.toml --provider payermax --account main --file 2026-01-31.zip --dry-run
  refund-receiver reconcile --config refunds.toml --provider payermax --account main --file 2026-01-31.csv \\
    --day 2026-01-31 --format payermax-columns.toml --output json
  refund-receiver reconcile --config refunds.toml --provider payermax --account main --file 2026-01-31.csv \\
    --raise http://127.0.0.1:8081 --token-file operator.token

What each bucket says, and how to write a map of columns, is in docs/reconcile.md.")]
pub struct Reconcile {
    /// The TOML file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The provider whose file it is
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// The account there
    #[arg(long, value_name = "NAME")]
    account: String,
    /// The file; a zip with one file in it, or a gzip, is unpacked while it is read
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The day that the file is for; without it, the day of its rows if they agree
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Option<Date>,
    /// What its columns mean: a TOML file, or `payermax`, `ccb` or `generic`; without it, that of the provider
    #[arg(long, value_name = "MAP")]
    format: Option<String>,
    /// Only reads the file, to try a map: counts what can be read, and opens no store
    #[arg(long)]
    dry_run: bool,
    /// Leaves the questions at the refunds of the service whose internal listener is here
    #[arg(long, value_name = "URL", value_parser = http_url, requires = "token_file", conflicts_with = "dry_run")]
    raise: Option<String>,
    /// A reader's token with operate
    #[arg(long, value_name = "FILE", requires = "raise")]
    token_file: Option<PathBuf>,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Reconcile {
    pub fn run(&self) -> ExitCode {
        let config = match load_config(&self.config) {
            Ok(config) => config,
            Err(code) => return code,
        };
        let account = Account {
            provider: self.provider.clone(),
            name: self.account.clone(),
        };
        if !is_known(&config, &account) {
            let (provider, name) = (&account.provider, &account.name);
            return output::fail(
                USAGE,
                format!("the config has no account {provider}/{name}"),
            );
        }
        let map = match self.map() {
            Ok(map) => map,
            Err(error) => return output::fail(USAGE, format!("{error:#}")),
        };
        match self.report(&config.store, &account, &map) {
            Ok(report) => {
                let raised = match self.raise(&account, &report) {
                    Ok(raised) => raised,
                    Err(error) => {
                        self.print(&report, None);
                        return output::fail(1, format!("{error:#}"));
                    }
                };
                self.print(&report, raised);
                if report.has_differences() {
                    ExitCode::FAILURE
                } else {
                    ExitCode::SUCCESS
                }
            }
            Err(ReconcileError::File(error)) => {
                let file = self.file.display();
                output::fail(USAGE, format!("{file}: {error}"))
            }
            Err(ReconcileError::Store(error)) => output::fail(STORE_REFUSED, error.to_string()),
        }
    }

    fn map(&self) -> anyhow::Result<Map> {
        let name = self.format.as_deref();
        let name = name.unwrap_or_else(|| shipped_for(&self.provider));
        let text = match shipped(name) {
            Some(text) => text.to_owned(),
            None => std::fs::read_to_string(Path::new(name))
                .with_context(|| format!("cannot read {name}"))?,
        };
        Map::parse(&text).with_context(|| name.to_owned())
    }

    /// Compares once more where a service began to use the store during that.
    fn report(
        &self,
        store: &StoreUrl,
        account: &Account,
        map: &Map,
    ) -> Result<Report, ReconcileError> {
        let task = Task {
            account,
            map,
            day: self.day,
            now: SystemClock.now(),
        };
        loop {
            let file = File::open(&self.file).map_err(FileError::Open)?;
            let file = archive::open(file).map_err(FileError::Open)?;
            if self.dry_run {
                return Ok(read_only(file, map, ROWS_MAX)?);
            }
            let mut inspection = Inspection::open(store)?;
            let report = compare(&mut inspection, file, &task);
            if !inspection.was_overtaken() {
                return report;
            }
        }
    }

    /// `None`: nothing was to be raised.
    fn raise(&self, account: &Account, report: &Report) -> anyhow::Result<Option<Raised>> {
        let (Some(url), Some(file)) = (&self.raise, &self.token_file) else {
            return Ok(None);
        };
        let token = secret_file::read(file)?;
        let service = Service { url, token: &token };
        let day = report.day.or(self.day);
        let raised = service.raise(account, (&self.file, day), &report.findings);
        raised.map(Some)
    }

    fn print(&self, report: &Report, raised: Option<Raised>) {
        match self.output {
            Format::Json => {
                let mut shown = report.to_json();
                if let Value::Object(members) = &mut shown {
                    members.insert("dry_run".to_owned(), self.dry_run.into());
                    let raised = raised.map_or(Value::Null, Raised::to_json);
                    members.insert("raised".to_owned(), raised);
                }
                output::line(shown.to_string());
            }
            Format::Table => {
                print_table(report, self.dry_run);
                if let Some(raised) = raised {
                    output::line(format!(
                        "\n{} questions raised, {} known from this file",
                        raised.raised, raised.known
                    ));
                }
            }
        }
    }
}

fn is_known(config: &Config, account: &Account) -> bool {
    config.registry.accounts().contains(account)
        || (account.provider == PROVIDER && config.epay.is_some())
}

fn print_table(report: &Report, is_dry: bool) {
    if is_dry {
        let read = report.count(Bucket::Match);
        output::line(format!(
            "{} rows: {read} refunds can be read, {} are of something else, {} cannot be read",
            report.rows,
            report.other_rows,
            report.count(Bucket::UnreadableRow)
        ));
    } else {
        let rows = Bucket::ALL.map(|bucket| {
            let count = report.count(bucket).to_string();
            vec![bucket.as_str().to_owned(), count]
        });
        output::table(&["bucket", "rows"], &rows);
        output::line(format!(
            "\n{} rows, {} of them of something else",
            report.rows, report.other_rows
        ));
        match (report.day, report.unchecked) {
            (Some(day), _) => output::line(format!(
                "only_here is checked for {day}; {} of ours may come with the next file",
                report.waiting
            )),
            (None, why) => output::line(format!(
                "only_here is not checked: {}",
                why.unwrap_or_default()
            )),
        }
    }
    for bucket in Bucket::ALL {
        print_shown(report, bucket);
    }
}

fn print_shown(report: &Report, bucket: Bucket) {
    let mut count = 0;
    for found in report.shown(bucket) {
        count += 1;
        let mut words = vec![bucket.as_str().to_owned()];
        words.extend(found.line.map(|line| format!("line {line}")));
        words.extend(found.refund_no.clone());
        words.extend(found.provider_refund_no.clone());
        words.extend(found.refund_id.map(|id| id.to_string()));
        output::line(format!("{}: {}", words.join(" "), found.what));
    }
    let more = report.count(bucket).saturating_sub(count);
    if count > 0 && more > 0 {
        output::line(format!("{}: and {more} more", bucket.as_str()));
    }
}
