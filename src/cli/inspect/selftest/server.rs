//! A service of this very executable as a child process, to be killed at any moment.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;

use crate::config::ENV_PREFIX;

/// Longest time from the start to the `ready` line: checking and resuming a store of one trial takes far
/// less.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A child process; killed, if it still runs, when dropped.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts `serve` and does not wait for it. Its log is added to `log`.
    pub fn spawn(config: &Path, log: &Path) -> anyhow::Result<(Self, mpsc::Receiver<String>)> {
        let program = std::env::current_exe().context("the path of this program")?;
        let log = File::options().create(true).append(true).open(log);
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(config);
        command.env("RUST_LOG", "warn,actix_http=off");
        // What overrides a real config must not change this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(ENV_PREFIX) {
                command.env_remove(name);
            }
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.context("the log of the service")?)
            .spawn()
            .context("cannot start the service")?;
        let stdout = child.stdout.take().context("the service has no stdout")?;
        let (sender, lines) = mpsc::channel();
        // Reads on after `ready`, so that the service never waits for a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        Ok((Self { child }, lines))
    }

    /// Starts `serve` and waits until it is ready; gives the address of its public listener, too.
    pub fn start(config: &Path, log: &Path) -> anyhow::Result<(Self, String)> {
        let (server, lines) = Self::spawn(config, log)?;
        let mut public = None;
        loop {
            let line = lines.recv_timeout(START_TIMEOUT);
            let line = line.with_context(|| {
                format!("the service did not become ready; see {}", log.display())
            })?;
            if let Some(url) = line.strip_prefix("listening public ") {
                public = Some(url.to_owned());
            }
            if line == "ready" {
                return Ok((server, public.context("no address before `ready`")?));
            }
        }
    }

    /// SIGKILL: no handler of the process runs. Returns when it is gone.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the service")?;
        self.child.wait().context("cannot wait for the service")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` both do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
