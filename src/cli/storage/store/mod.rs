//! `store`: works on a store as a whole. `copy` moves it to another engine or place.

mod upgrade;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::{STORE_REFUSED, USAGE};
use crate::config::Secret;
use crate::crypto::{hex, sha256};
use crate::domain::time::SystemClock;
use crate::store::StoreUrl;
use crate::store::copy::{CopiedTable, CopyError, copy};

/// Rows between two lines of progress.
const PROGRESS_ROWS: u64 = 100_000;

/// Works on a store as a whole
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver store copy --from sqlite:data/refunds.db --to env:REFUNDS_DB
  refund-receiver store upgrade --config refunds.toml")]
pub struct Store {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Copy(Copy),
    Upgrade(upgrade::Upgrade),
}

impl Store {
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Command::Copy(command) => command.run(),
            Command::Upgrade(command) => command.run(),
        }
    }
}

/// Copies a store into an empty one and compares every row, from SQLite to PostgreSQL or back
#[derive(Debug, Args)]
#[command(
    long_about = "Copies a store into an empty one and compares every row, from SQLite to PostgreSQL or back.

Stop the service first: providers repeat what they cannot deliver meanwhile. A copy that was cut off \
is finished by the same command. Exit 0: both stores hold the same; then change store.url and start.",
    after_help = "Examples:
  export REFUNDS_DB=postgres://refunds:PASSWORD@db.internal:5432/refunds?sslmode=verify-full
  refund-receiver store copy --from sqlite:data/refunds.db --to env:REFUNDS_DB
  refund-receiver store copy --from file:old.url --to sqlite:back/refunds.db --output json"
)]
struct Copy {
    /// The store to copy: a URL as in the config, or `env:NAME` or `file:PATH` that holds one
    #[arg(long, value_name = "URL")]
    from: String,
    /// The empty store to copy to
    #[arg(long, value_name = "URL")]
    to: String,
    /// How to print the tables
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Copy {
    fn run(&self) -> ExitCode {
        let (from, to) = match (url("--from", &self.from), url("--to", &self.to)) {
            (Ok(from), Ok(to)) => (from, to),
            (Err(what), _) | (_, Err(what)) => return output::fail(USAGE, what),
        };
        let copied = copy(&from, &to, &SystemClock, sha256, |step, table, rows| {
            if rows > 0 && rows % PROGRESS_ROWS == 0 {
                output::error(format!("{step} {rows} rows of {table}"));
            }
        });
        match copied {
            Ok(tables) => {
                self.print(&tables);
                ExitCode::SUCCESS
            }
            Err(error @ (CopyError::SameStore | CopyError::NotEmpty(_))) => {
                output::fail(USAGE, error.to_string())
            }
            Err(error @ CopyError::Store(_, _)) => output::fail(STORE_REFUSED, error.to_string()),
            Err(error) => output::fail(1, error.to_string()),
        }
    }

    fn print(&self, tables: &[CopiedTable]) {
        match self.output {
            Format::Table => {
                let rows: Vec<_> = tables
                    .iter()
                    .map(|table| {
                        vec![
                            table.name.clone(),
                            table.rows.to_string(),
                            hex(&table.digest),
                        ]
                    })
                    .collect();
                output::table(&["table", "rows", "sha-256 of both"], &rows);
            }
            Format::Json => {
                let tables: Vec<_> = tables
                    .iter()
                    .map(|table| {
                        json!({"table": table.name, "rows": table.rows, "sha256": hex(&table.digest)})
                    })
                    .collect();
                output::line(json!({ "tables": tables }).to_string());
            }
        }
    }
}

/// Reads a URL; one that holds a password must not stand in the arguments, where every process of
/// the machine can read it.
fn url(argument: &str, text: &str) -> Result<StoreUrl, String> {
    let here = Path::new("");
    let variables: Vec<_> = crate::cli::inspect::check_config::environment().collect();
    let value =
        Secret::resolve(text, here, &variables).map_err(|what| format!("{argument}: {what}"))?;
    if value.expose() == text && has_password(text) {
        return Err(format!(
            "{argument}: holds a password, which every process could read; write env:NAME or file:PATH"
        ));
    }
    StoreUrl::parse(value.expose(), here).map_err(|error| format!("{argument}: {error}"))
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let in_user = authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'));
    in_user || url.contains("password=")
}
