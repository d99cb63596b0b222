//! The built binary as a child process that lives no longer than its test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::config::{ConfigBuilder, Engine, Place};
use super::folder::Folder;
use super::http::{Client, Reply};
use super::wait_for;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_refund-receiver");
/// Names another program to serve with: the one whose bugs the tests must find.
const PROGRAM_VARIABLE: &str = "REFUND_RECEIVER_TEST_PROGRAM";

/// The `PATH` of commands that a page lets one type: ours first.
pub fn path_with_ours() -> String {
    let ours = Path::new(PROGRAM).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", ours.display())
}

/// The program that servers are started with.
pub fn program() -> PathBuf {
    chosen_program().unwrap_or_else(|| PROGRAM.into())
}

/// The program that the variable names, if it does.
pub fn chosen_program() -> Option<PathBuf> {
    std::env::var_os(PROGRAM_VARIABLE).map(PathBuf::from)
}

/// A server may take this long from its start to the `ready` line.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// Exit code of a store that cannot be used.
const STORE_REFUSED: i32 = 3;

/// A running `serve` and the folder in which it keeps everything.
#[derive(Debug)]
pub struct Server {
    folder: Folder,
    pub place: Place,
    program: PathBuf,
    environment: Vec<(String, String)>,
    open_files: Option<u32>,
    child: Option<Child>,
    pub public_url: String,
    pub internal_url: String,
    client: Client,
}

impl Server {
    /// Writes the configuration into a new folder and starts the server on it. Twice the same on
    /// PostgreSQL is two instances of one store.
    pub fn start(config: &ConfigBuilder) -> Self {
        let folder = Folder::new();
        config.write(&folder);
        let environment = config.environment.clone();
        Self::spawned(folder, config.place.clone(), environment, None)
    }

    /// Starts the server on the configuration that lies in `folder` already, with its store.
    pub fn start_in(folder: Folder) -> Self {
        Self::spawned(folder, Place::Folder, Vec::new(), None)
    }

    /// Writes the configuration into a new folder; the server is started by [`Server::restart`].
    pub fn stopped(config: &ConfigBuilder) -> Self {
        let folder = Folder::new();
        config.write(&folder);
        let environment = config.environment.clone();
        Self::not_spawned(folder, config.place.clone(), environment, None)
    }

    fn spawned(
        folder: Folder,
        place: Place,
        environment: Vec<(String, String)>,
        open_files: Option<u32>,
    ) -> Self {
        let mut server = Self::not_spawned(folder, place, environment, open_files);
        server.spawn();
        server
    }

    fn not_spawned(
        folder: Folder,
        place: Place,
        environment: Vec<(String, String)>,
        open_files: Option<u32>,
    ) -> Self {
        Self {
            folder,
            place,
            program: program(),
            environment,
            open_files,
            child: None,
            public_url: String::new(),
            internal_url: String::new(),
            client: Client::new(),
        }
    }

    /// Starts the server with so many open files allowed.
    pub fn start_with_open_files(config: &ConfigBuilder, limit: u32) -> Self {
        let folder = Folder::new();
        config.write(&folder);
        let environment = config.environment.clone();
        Self::spawned(folder, config.place.clone(), environment, Some(limit))
    }

    /// A server with the usual configuration.
    pub fn usual(engine: Engine) -> Self {
        Self::start(&ConfigBuilder::new(engine))
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("refund-receiver.toml")
    }

    /// `refund-receiver serve --config …` on this folder, not yet started.
    pub fn serve_command(&self) -> Command {
        let mut command = match self.open_files {
            None => Command::new(&self.program),
            Some(limit) => {
                let mut shell = Command::new("sh");
                let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
                shell.args(["-c", &script]).arg(&self.program);
                shell
            }
        };
        command.arg("serve").arg("--config").arg(self.config_path());
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Serves with another build of the program from the next start on.
    pub fn use_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// Sets a variable of the server's environment from the next start on; `None` removes it.
    pub fn set_variable(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(other, _)| other != name);
        let set = value.map(|value| (name.to_owned(), value.to_owned()));
        self.environment.extend(set);
    }

    /// The number of the running process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Sends a signal by name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status();
        let sent = sent.expect("kill is installed");
        assert!(sent.success(), "SIG{name} could not be sent");
    }

    /// Stops every thread where it is (SIGSTOP); a running system call is finished first.
    pub fn freeze(&self) {
        self.signal("STOP");
        let threads = format!("/proc/{}/task", self.pid());
        wait_for("every thread to stop", || {
            let mut threads = std::fs::read_dir(&threads).expect("the process is there");
            let is_stopped = threads.all(|thread| {
                let path = thread.expect("a thread").path().join("stat");
                let stat = std::fs::read_to_string(path).unwrap_or_default();
                let state = stat.rsplit(") ").next();
                state.is_some_and(|state| state.starts_with('T'))
            });
            is_stopped.then_some(())
        });
    }

    /// Waits until the process has ended and gives its exit status.
    pub fn wait_end(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("the server runs");
        let status = wait_for("the server to end", || child.try_wait().expect("our child"));
        self.child = None;
        status
    }

    /// Starts a server that ends by itself; gives its exit status.
    pub fn start_and_end(&mut self) -> ExitStatus {
        self.launch();
        self.wait_end()
    }

    /// Kills the process (SIGKILL): no handler of it runs.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("our child can be killed");
        child.wait().expect("our child can be waited for");
    }

    /// Asks the process to end (SIGTERM) and gives its exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_end()
    }

    /// Starts the process again on the same folder; the ports are new.
    pub fn restart(&mut self) {
        assert!(
            self.child.is_none(),
            "stop the server before it is started again"
        );
        self.client = Client::new();
        self.spawn();
    }

    /// Starts the stopped server on a store that it must refuse; returns its error.
    #[track_caller]
    pub fn refused_start(&mut self) -> String {
        let path = self.folder.path().join("refused.log");
        let log = std::fs::File::create(&path).expect("the log file can be opened");
        let child = self
            .serve_command()
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program can be started");
        // Ours until it has ended: one that serves would go on.
        let child = self.child.insert(child);
        let status = wait_for("a start to be refused", || {
            child.try_wait().expect("our child")
        });
        self.child = None;
        let said = std::fs::read(&path).expect("the log file");
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(status.code(), Some(STORE_REFUSED), "{said}");
        said
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// POST to a path of the public listener.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
        let url = format!("{}{path}", self.public_url);
        self.client.send("POST", &url, headers, body.as_ref())
    }

    /// A line of the process's memory in `/proc`, such as `VmHWM`, the most that it had so far.
    pub fn memory_kib(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("it runs");
        let found = status
            .lines()
            .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let number = found.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("Linux tells {line} in kB"))
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("stderr.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn spawn(&mut self) {
        let lines = self.launch();
        self.public_url = self.announced(&lines, "listening public ");
        self.internal_url = self.announced(&lines, "listening internal ");
        let last = self.announced(&lines, "ready");
        assert_eq!(last, "", "the last line is `ready` alone");
    }

    /// Starts the process; gives what it says on stdout, line by line.
    fn launch(&mut self) -> mpsc::Receiver<String> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("stderr.log"))
            .expect("the log file can be opened");
        let mut child = self
            .serve_command()
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program can be started");
        let stdout = child.stdout.take().expect("stdout was piped");
        self.child = Some(child);

        let (sender, lines) = mpsc::channel();
        // Goes on reading after `ready`, so that the server never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        lines
    }

    /// The next line of the start, which must begin with `prefix`; gives what follows it.
    fn announced(&self, lines: &mpsc::Receiver<String>, prefix: &str) -> String {
        let line = lines.recv_timeout(START_DEADLINE).unwrap_or_else(|_| {
            panic!(
                "no `{prefix}` line from the server; its log:\n{}",
                self.log()
            )
        });
        line.strip_prefix(prefix)
            .unwrap_or_else(|| panic!("expected `{prefix}…`, got `{line}`"))
            .to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            report(&format!(
                "last lines of the server's log, newest first: {tail:#?}"
            ));
        }
    }
}

/// Shows `text` under the failed test; the test runner keeps it back from passing ones.
#[expect(clippy::print_stderr, reason = "the test runner captures it")]
pub fn report(text: &str) {
    eprintln!("{text}");
}
