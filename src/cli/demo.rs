//! `demo`: the whole product in one command, on throw-away keys and a throw-away store. The config
//! it writes and the callbacks it sends are what a real deployment has; only the keys are ours.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::rt;
use anyhow::Context as _;
use clap::Args;

use super::demo_script::{self, Script};
use super::output::{self, Format};
use super::serve::{Service, asked_to_stop};
use crate::config::Config;
use crate::crypto::{self, SigningKey};
use crate::domain::clock::{Clock, SystemClock};
use crate::telemetry;

/// Where the demo listens, unless the ports are taken.
const LISTEN: [&str; 2] = ["127.0.0.1:8080", "127.0.0.1:8081"];

/// Starts the service with throw-away keys, sends it signed callbacks, and shows what became of them
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

/// What the demo made up.
pub struct Made {
    /// Signs for the provider.
    pub key: SigningKey,
    /// The token of the `EPay` caller.
    pub epay_token: String,
    /// The token of the reader.
    pub reader_token: String,
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
            None => Folder::temporary()?,
        };
        if self.output == Format::Table {
            output::line("making throw-away keys and starting the service …");
        }
        let made = Made {
            key: SigningKey::generate()?,
            epay_token: token(),
            reader_token: token(),
        };
        let config_path = write_config(&folder.path, &made)?;
        let clock = Arc::new(SystemClock);
        let now = clock.now().to_timestamp().unwrap_or_default();
        let config = Config::load(&config_path, std::iter::empty(), now)
            .map_err(|problems| anyhow::anyhow!("{}", problems[0]))?;
        let service = Service::start(config, clock).await?;
        let script = Script {
            public: format!("http://{}", service.public),
            internal: format!("http://{}", service.internal),
            made,
        };
        let served = rt::spawn(service.run_until(self.end_of_serving()));
        let (expected, script) = tokio::task::spawn_blocking(move || {
            demo_script::play(&script).map(|rows| (rows, script))
        })
        .await??;
        let all_expected = demo_script::print(&expected, self.output);
        if self.exit {
            served.abort();
            return Ok(all_expected);
        }
        print_urls(&script, &config_path);
        served.await??;
        Ok(all_expected)
    }

    /// With `--exit` the service ends with the process.
    fn end_of_serving(&self) -> impl Future<Output = ()> + use<> {
        let exit = self.exit;
        async move {
            if exit {
                std::future::pending::<()>().await;
            }
            asked_to_stop().await;
        }
    }
}

fn print_urls(script: &Script, config: &Path) {
    let (internal, token) = (&script.internal, &script.made.reader_token);
    output::line("");
    output::line("still serving; Ctrl-C stops it. To look further:");
    output::line(format!("  config    {}", config.display()));
    output::line(format!(
        "  refunds   curl -H 'Authorization: Bearer {token}' {internal}/v1/refunds"
    ));
    output::line(format!(
        "  feed      curl -H 'Authorization: Bearer {token}' {internal}/v1/events"
    ));
    output::line(format!("  metrics   {internal}/metrics"));
    output::line(format!("  health    {internal}/readyz"));
}

/// A fresh secret, from two random ids.
fn token() -> String {
    let random = format!("{}{}", SystemClock.new_uuid(), SystemClock.new_uuid());
    crypto::hex(&crypto::sha256(random.as_bytes()))
}

/// The folder of the demo's files; a temporary one is removed at the end.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn kept(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let is_used = path.join("refunds.db").exists();
        anyhow::ensure!(
            !is_used,
            "{} holds an earlier demo; remove it or choose another folder",
            path.display()
        );
        Ok(Self {
            path: path.to_owned(),
            is_temporary: false,
        })
    }

    fn temporary() -> anyhow::Result<Self> {
        let name = format!("refund-receiver-demo-{}", SystemClock.new_uuid().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self {
            path,
            is_temporary: true,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a temporary folder stays");
        }
    }
}

fn write_config(folder: &Path, made: &Made) -> anyhow::Result<PathBuf> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        anyhow::Ok(path)
    };
    write("payermax.pem", made.key.public_pem())?;
    write("payermax-private.pem", made.key.to_pem())?;
    write("epay.token", &made.epay_token)?;
    let [public, internal] = LISTEN.map(free_or_any_port);
    let digest = crypto::hex(&crypto::sha256(made.reader_token.as_bytes()));
    write(
        "refunds.toml",
        &format!(
            r#"# Written by `refund-receiver demo`; the keys and tokens are throw-away ones.
[server]
listen = "{public}"
internal_listen = "{internal}"

[store]
url = "sqlite:refunds.db"

[[accounts]]
provider = "payermax"
account = "main"
merchant_no = "{merchant}"
public_keys = [{{ id = "demo", file = "payermax.pem" }}]

[epay]
tokens = ["file:epay.token"]

[[readers]]
name = "demo"
token_sha256 = "{digest}"
scopes = ["refunds:read", "events:read", "orders:write", "callbacks:read"]
"#,
            merchant = demo_script::MERCHANT,
        ),
    )
}

/// The usual port if it is free, so that what is printed can be typed; any other if not.
fn free_or_any_port(address: &'static str) -> &'static str {
    match std::net::TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => "127.0.0.1:0",
    }
}
