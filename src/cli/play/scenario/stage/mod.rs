//! The service, in one or more instances, and the sandbox as child processes of this very program, with one folder
//! and ports of their own.

mod calls;

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Deserialize;

use crate::cli::folder;
use crate::config::ENV_PREFIX;
use crate::domain::time::{Clock as _, SystemClock};
use crate::outbound::client::Client;
use crate::sandbox::server::random::Random;

/// Longest time until a process is ready.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The first port that is tried, and how many there are.
const PORTS: (u16, u64) = (16_000, 16_000);
const PORT_TRIES: u32 = 100;
/// How often a process is started again where another one took its port in between.
const STARTS_MAX: u32 = 5;
/// Asks of every account: short at first, and rare beyond the longest run.
const TIMETABLE: &str = r#"timetable = ["1s", "2s", "3s", "5s", "8s", "12s", "20s", "30s", "45s", "62s", "75s", "90s", "2m", "3m", "4m", "6m", "8m", "10m", "20m", "1h", "13h"]
max_per_second = 100
"#;

/// One side of the circle, as a step names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Every instance of it.
    Service,
    Sandbox,
}

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Instance(usize),
    Sandbox,
}

impl Part {
    /// As its log is called.
    fn word(self) -> String {
        match self {
            Self::Instance(0) => "service".to_owned(),
            Self::Instance(index) => format!("service-{}", index + 1),
            Self::Sandbox => "sandbox".to_owned(),
        }
    }

    const fn ready(self) -> &'static str {
        match self {
            Self::Instance(_) => "ready",
            Self::Sandbox => "sandbox ready on ",
        }
    }
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    /// An empty database; `None`: SQLite in the folder.
    pub store: Option<String>,
    pub instances: usize,
}

pub struct Stage {
    dir: PathBuf,
    seed: u64,
    sandbox_port: u16,
    authorization: String,
    instances: Vec<Instance>,
    sandbox: Option<Process>,
    client: Client,
    /// The instance that is asked next.
    turn: Cell<usize>,
}

/// One instance of the service.
struct Instance {
    public_port: u16,
    internal_port: u16,
    process: Option<Process>,
}

/// A child process; killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Stage {
    /// Starts all in an empty or missing folder.
    pub fn start(dir: &Path, setup: &Setup) -> anyhow::Result<Self> {
        let shown = || dir.display().to_string();
        folder::make(dir, true).with_context(shown)?;
        let is_used = std::fs::read_dir(dir).with_context(shown)?.next().is_some();
        anyhow::ensure!(!is_used, "{} is not empty; choose another --dir", shown());
        // Held until all are found.
        let mut held = Vec::new();
        let mut port = || -> anyhow::Result<u16> {
            let (listener, port) = free_port()?;
            held.push(listener);
            Ok(port)
        };
        let sandbox_port = port()?;
        let mut instances = Vec::new();
        for _ in 0..setup.instances.max(1) {
            instances.push(Instance {
                public_port: port()?,
                internal_port: port()?,
                process: None,
            });
        }
        drop(held);
        let mut stage = Self {
            dir: std::path::absolute(dir).with_context(shown)?,
            seed: setup.seed,
            sandbox_port,
            authorization: String::new(),
            instances,
            sandbox: None,
            client: Client::new(),
            turn: Cell::new(0),
        };
        stage.restart(Which::Sandbox)?;
        let token = std::fs::read_to_string(stage.token_file()).context("the reader's token")?;
        stage.authorization = format!("Bearer {}", token.trim());
        stage.write_configs(setup)?;
        stage.restart(Which::Service)?;
        let old = stage.refunds()?.len();
        anyhow::ensure!(
            old == 0,
            "the database holds {old} refunds already; give an empty one with --store"
        );
        Ok(stage)
    }

    /// One config an instance. Callbacks of the accounts go to the instances in turn.
    fn write_configs(&self, setup: &Setup) -> anyhow::Result<()> {
        let (_, config) = self.text("GET", &self.sandbox_url("/sandbox/config"), None)?;
        let mut config =
            config.replace("[accounts.api]\n", &format!("[accounts.api]\n{TIMETABLE}"));
        if let Some(url) = &setup.store {
            let url = toml::Value::String(url.clone());
            config = config.replace("\"sqlite:refunds.db\"", &url.to_string());
        }
        let first = format!("callback_base_url = \"{}\"", self.public_url(0));
        let mut parts = config.split(&first);
        let mut spread = parts.next().unwrap_or_default().to_owned();
        for (part, index) in parts.zip((0..self.instances.len()).cycle()) {
            let url = self.public_url(index);
            spread += &["callback_base_url = \"", &url, "\"", part].concat();
        }
        for (index, instance) in self.instances.iter().enumerate() {
            let (public, internal) = (instance.public_port, instance.internal_port);
            let text = spread
                .replace("127.0.0.1:8080", &format!("127.0.0.1:{public}"))
                .replace("127.0.0.1:8081", &format!("127.0.0.1:{internal}"));
            std::fs::write(self.config_file(index), text).context("the config")?;
        }
        Ok(())
    }

    pub const fn instances(&self) -> usize {
        self.instances.len()
    }

    /// Where an instance takes callbacks.
    pub fn public_url(&self, index: usize) -> String {
        format!("http://127.0.0.1:{}", self.instances[index].public_port)
    }

    fn parts(&self, which: Which) -> Vec<Part> {
        match which {
            Which::Service => (0..self.instances.len()).map(Part::Instance).collect(),
            Which::Sandbox => vec![Part::Sandbox],
        }
    }

    /// Starts one side, and waits until it is ready.
    pub fn restart(&mut self, which: Which) -> anyhow::Result<()> {
        let mut parts = self.parts(which).into_iter();
        parts.try_for_each(|part| self.start_part(part))
    }

    /// The same with one process.
    pub fn start_part(&mut self, part: Part) -> anyhow::Result<()> {
        let mut tries = 1;
        let process = loop {
            match self.spawn(part) {
                Ok(process) => break process,
                Err(error) if tries >= STARTS_MAX => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
            tries += 1;
        };
        *self.slot(part) = Some(process);
        Ok(())
    }

    /// SIGKILL: no handler of the process runs.
    pub fn kill(&mut self, which: Which) {
        for part in self.parts(which) {
            self.kill_part(part);
        }
    }

    pub fn kill_part(&mut self, part: Part) {
        drop(self.slot(part).take());
    }

    /// Starts what is not up.
    pub fn complete(&mut self) -> anyhow::Result<()> {
        let parts = [self.parts(Which::Sandbox), self.parts(Which::Service)];
        for part in parts.concat() {
            if self.slot(part).is_none() {
                self.start_part(part)?;
            }
        }
        Ok(())
    }

    fn slot(&mut self, part: Part) -> &mut Option<Process> {
        match part {
            Part::Instance(index) => &mut self.instances[index].process,
            Part::Sandbox => &mut self.sandbox,
        }
    }

    fn spawn(&self, part: Part) -> anyhow::Result<Process> {
        let mut command = program()?;
        match part {
            Part::Instance(index) => {
                command
                    .arg("serve")
                    .arg("--config")
                    .arg(self.config_file(index));
            }
            Part::Sandbox => {
                command.args(["sandbox", "--clock", "fast", "--listen"]);
                command.arg(format!("127.0.0.1:{}", self.sandbox_port));
                command.args(["--seed", &self.seed.to_string(), "--callbacks"]);
                command.arg(self.public_url(0));
                command.arg("--dir").arg(self.dir.join("sandbox"));
            }
        }
        let path = self.dir.join(format!("{}.log", part.word()));
        let log = File::options().create(true).append(true).open(&path);
        let child = command
            .current_dir(&self.dir)
            .env("RUST_LOG", "warn,actix_http=off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.with_context(|| path.display().to_string())?)
            .spawn();
        let mut process = Process(child.context("cannot start a process")?);
        let stdout = process.0.stdout.take().context("it has no stdout")?;
        let (sender, ready) = mpsc::channel();
        std::thread::spawn(move || {
            // Reads on, so that the process never waits for a full pipe.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with(part.ready()) {
                    sender.send(()).ok();
                }
            }
        });
        ready.recv_timeout(START_TIMEOUT).with_context(|| {
            let log = path.display();
            format!("the {} did not become ready; see {log}", part.word())
        })?;
        Ok(process)
    }

    /// Edits the config; takes effect when the service starts again.
    pub fn edit_config(&self, replace: &str, with: &str) -> anyhow::Result<()> {
        for index in 0..self.instances.len() {
            let file = self.config_file(index);
            let text = std::fs::read_to_string(&file).context("the config")?;
            anyhow::ensure!(text.contains(replace), "the config has no {replace:?}");
            std::fs::write(file, text.replace(replace, with)).context("the config")?;
        }
        Ok(())
    }

    fn sandbox_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.sandbox_port)
    }

    fn config_file(&self, index: usize) -> PathBuf {
        match index {
            0 => self.dir.join("refunds.toml"),
            _ => self.dir.join(format!("refunds-{}.toml", index + 1)),
        }
    }

    fn token_file(&self) -> PathBuf {
        self.dir.join("sandbox/reader.token")
    }
}

/// This program; what overrides a real config must not change that of a scenario.
fn program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(ENV_PREFIX) {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// A port, held until all are found; below those that systems give to outgoing connections, so that it is still
/// free after a kill.
fn free_port() -> anyhow::Result<(TcpListener, u16)> {
    let (_, random) = SystemClock.new_uuid().as_u64_pair();
    let mut random = Random::new(random);
    for _ in 0..PORT_TRIES {
        let port = PORTS.0 + u16::try_from(random.below(PORTS.1)).unwrap_or(0);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return Ok((listener, port));
        }
    }
    anyhow::bail!("no free port")
}

/// Begins to measure.
#[expect(clippy::disallowed_methods, reason = "elapsed time is measured")]
pub fn stopwatch() -> Instant {
    Instant::now()
}
