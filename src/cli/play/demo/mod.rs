//! `demo`: the whole product in one command, on throw-away keys and a throw-away store. The config
//! it writes and the callbacks it sends are what a real deployment has; only the keys are ours.
//!
//! | file | what it knows |
//! |---|---|
//! | `accounts` | keys and secrets of every system, and its part of the config |
//! | `callbacks`, `relays`, `epay` | what is tried with each kind of form |
//! | `circle` | refunds that are submitted, to providers that a sandbox in this process plays |
//! | `stage` | the running service: posting, registering orders, looking at what is stored |
//! | `table` | what was seen next to what was expected, and its printing |

mod accounts;
mod callbacks;
mod circle;
mod epay;
mod relays;
mod stage;
mod table;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::rt;
use anyhow::Context as _;
use clap::Args;

use crate::cli::folder;
use crate::cli::folder::Folder;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::serve::Service;
use crate::cli::serve::signals::Signals;
use crate::config::Config;
use crate::crypto;
use crate::domain::time::{Clock, SystemClock};
use crate::sandbox::{Player, Write};
use crate::telemetry;
use circle::Circle;
use stage::Stage;

/// Where the demo listens, unless the ports are taken.
const LISTEN: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081),
];

/// Starts the service with throw-away keys, sends it signed callbacks, submits refunds to a sandbox, and shows
/// what became of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver demo                    show the table, then keep serving
  refund-receiver demo --exit             show the table; exit 0 only if everything was as expected
  refund-receiver demo --dir ./demo       keep config, keys and data")]
pub struct Demo {
    /// Stop after the table
    #[arg(long)]
    exit: bool,
    /// Keep config, keys and data here (default: a temporary folder, removed at the end)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How to print the table
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// Sends everything that one form can send, and notes the outcome.
fn play(player: &Player, stage: &mut Stage) -> anyhow::Result<()> {
    match player.form.write {
        Write::Header { .. } | Write::Inside { .. } | Write::Digest { .. } => {
            callbacks::play(player, stage)
        }
        Write::Relayed(_) => relays::play(player, stage),
        Write::Report(_) => epay::play(player, stage),
    }
}

impl Demo {
    pub fn run(&self) -> ExitCode {
        if std::env::var_os("RUST_LOG").is_some() {
            telemetry::start_logging();
        }
        match rt::System::new().block_on(self.play()) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }

    /// Whether everything came out as expected.
    async fn play(&self) -> anyhow::Result<bool> {
        let folder = match &self.dir {
            Some(folder) => Folder::kept(folder)?,
            None => Folder::temporary("demo")?,
        };
        if self.output == Format::Table {
            output::line("making throw-away keys and starting the service …");
        }
        let (mut sections, reader_token) = (Vec::new(), token());
        let players = accounts::make(&folder, &mut sections)?;
        let sockets = [usual_or_any_port(LISTEN[0])?, usual_or_any_port(LISTEN[1])?];
        let circle = Circle::start(sockets[0].local_addr()?, &mut sections)?;
        let config_path = write_config(&folder, &sections, &reader_token, &sockets)?;
        let clock = Arc::new(SystemClock);
        let now = clock.now().to_timestamp().unwrap_or_default();
        let config = Config::load(&config_path, std::iter::empty(), now)
            .map_err(|problems| anyhow::anyhow!("{}", problems[0]))?;
        let stop = Signals::listen()?;
        let service = Service::start_on(config, clock, sockets).await?;
        let public = format!("http://{}", service.public);
        let internal = format!("http://{}", service.internal);
        let served = rt::spawn(service.run_until(stop));
        let mut stage = Stage::new(&public, &internal, &reader_token);
        let sandbox = circle.url();
        let played = tokio::task::spawn_blocking(move || {
            let submitted = circle::submit(&stage, &sandbox)?;
            players
                .iter()
                .try_for_each(|player| play(player, &mut stage))?;
            circle::see(&submitted, &mut stage)?;
            anyhow::Ok(stage.into_rows())
        });
        let all_expected = table::print(&played.await??, self.output);
        if self.exit {
            served.abort();
            return Ok(all_expected);
        }
        print_urls(
            [&public, &internal, &circle.url()],
            &reader_token,
            &config_path,
        );
        served.await??;
        Ok(all_expected)
    }
}

fn print_urls([public, internal, sandbox]: [&str; 3], token: &str, config: &Path) {
    let folder = config.parent().unwrap_or(config);
    output::line("");
    output::line("still serving; Ctrl-C stops it. To look further:");
    let curl =
        |path: &str| format!("curl -H 'Authorization: Bearer {token}' '{internal}/v1/{path}'");
    for (what, how) in [
        ("console", format!("{internal}/console/")),
        ("token", token.to_owned()),
        ("config", config.display().to_string()),
        ("refunds", curl("refunds")),
        ("questions", curl("refunds?attention=true")),
        ("feed", curl("events")),
        ("timeline", curl("refunds/rf_…/timeline")),
        ("ledger", format!("curl '{sandbox}/sandbox/ledger'")),
        ("metrics", format!("{internal}/metrics")),
        ("health", format!("{internal}/readyz")),
        (
            "why",
            format!("refund-receiver explain rf_… --config {}", config.display()),
        ),
        (
            "one more",
            format!(
                "refund-receiver trigger payermax --key {}/payermax-private.pem \\\n              \
                 --to {public}/callbacks/payermax/main",
                folder.display()
            ),
        ),
    ] {
        output::line(format!("  {what:<9} {how}"));
    }
}

/// A fresh secret, from two random ids.
fn token() -> String {
    let random = format!("{}{}", SystemClock.new_uuid(), SystemClock.new_uuid());
    crypto::hex(&crypto::sha256(random.as_bytes()))
}

fn write_config(
    folder: &Folder,
    sections: &[String],
    reader_token: &str,
    [public, internal]: &[TcpListener; 2],
) -> anyhow::Result<PathBuf> {
    let (public, internal) = (public.local_addr()?, internal.local_addr()?);
    let digest = crypto::hex(&crypto::sha256(reader_token.as_bytes()));
    folder.write(
        "refunds.toml",
        &format!(
            r#"# Written by `refund-receiver demo`; the keys and tokens are throw-away ones.
[server]
listen = "{public}"
internal_listen = "{internal}"

[store]
url = "sqlite:refunds.db"

{}
[[readers]]
name = "demo"
token_sha256 = "{digest}"
scopes = ["refunds:read", "refunds:write", "events:read", "orders:write", "callbacks:read", "console:read", "operate"]

[console]
enabled = true
"#,
            sections.join("\n"),
        ),
    )
}

/// A socket on the usual port if it is free, so that what is printed can be typed; on any other if not.
/// It stays bound until the service listens on it: a second demo would take a port that is let go.
fn usual_or_any_port(usual: SocketAddr) -> anyhow::Result<TcpListener> {
    let any = SocketAddr::new(usual.ip(), 0);
    TcpListener::bind(usual)
        .or_else(|_| TcpListener::bind(any))
        .with_context(|| format!("cannot listen on {usual}, nor on any other port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demos_that_start_together_get_ports_of_their_own() {
        // A port that was free a moment ago is taken as the usual one.
        let any = SocketAddr::new(LISTEN[0].ip(), 0);
        let usual = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let sockets = [(); 3].map(|()| usual_or_any_port(usual).unwrap());
        let mut ports = sockets.map(|socket| socket.local_addr().unwrap().port());
        ports.sort_unstable();
        assert!(ports[0] < ports[1] && ports[1] < ports[2], "{ports:?}");
        assert!(!ports.contains(&0), "{ports:?}");
    }
}
