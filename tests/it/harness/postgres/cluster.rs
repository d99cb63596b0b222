//! One PostgreSQL cluster: the Debian programs, a data folder, and the guarantee that both are gone
//! when the test process is, however it ends.
//!
//! PostgreSQL refuses to run as root, so as root its programs run as the user `postgres`.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::run;

/// The superuser of every cluster; it comes through the socket.
pub const SUPERUSER: &str = "postgres";
/// Whom the operating system knows the servers as, where the tests run as root.
const SYSTEM_USER: &str = "postgres";
/// How a missing package is mended.
const INSTALL: &str = "PostgreSQL is not installed: apt-get install postgresql";
/// Ports are taken from here, this many: below those that the kernel gives away by itself, so that a
/// server which is started again finds its port free.
const PORT_MIN: u16 = 15_000;
const PORTS: u32 = 17_000;

/// What every cluster is told; a commit is on disk when it returns, as in the field.
const SETTINGS: &str = "\
fsync = on
synchronous_commit = on
full_page_writes = on
listen_addresses = '127.0.0.1'
max_connections = 300
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
log_line_prefix = '%m [%p] %d '
";

/// Trust on this machine; the role with a password has to prove it.
const ACCESS: &str = "\
local all all trust
host all with_password 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
local replication all trust
host replication all 127.0.0.1/32 trust
";

/// The folder of this process, with an empty cluster in it to be copied.
static HOME: LazyLock<Home> = LazyLock::new(Home::new);
static NEXT_CLUSTER: AtomicU32 = AtomicU32::new(1);

struct Home {
    folder: PathBuf,
    programs: PathBuf,
    /// Holds the pipe that closes with this process, which is how the janitor learns of it.
    _janitor: Child,
}

impl Home {
    fn new() -> Self {
        let programs = programs();
        let folder = std::env::temp_dir().join(format!("rr-pg-{}", std::process::id()));
        let mut install = Command::new("install");
        install.args(["-d", "-m", "700"]);
        if is_root() {
            install.args(["-o", SYSTEM_USER, "-g", SYSTEM_USER]);
        }
        run(install.arg(&folder));
        let janitor = janitor(&folder);
        let home = Self {
            folder,
            programs,
            _janitor: janitor,
        };
        let mut initdb = home.program("initdb");
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username"]);
        run(initdb.arg(SUPERUSER).arg("--pgdata").arg(home.empty()));
        home
    }

    fn empty(&self) -> PathBuf {
        self.folder.join("empty")
    }

    /// A program of the package, under a user that PostgreSQL accepts.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = unprivileged(&program);
        // Not the folder of the tests, which that user may not be allowed to enter.
        command.current_dir(&self.folder);
        command
    }
}

/// A data folder and the server that may run on it; both end with this value.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    pub port: u16,
}

impl Cluster {
    /// A new cluster with further lines of `postgresql.conf`, not started.
    pub fn new(options: &[(&str, &str)]) -> Self {
        let cluster = Self::reserve();
        run(unprivileged(Path::new("cp"))
            .arg("-a")
            .arg(HOME.empty())
            .arg(cluster.data()));
        std::fs::write(cluster.data().join("pg_hba.conf"), ACCESS).expect("a file of the cluster");
        cluster.configure(SETTINGS, options);
        cluster
    }

    /// A copy of the running `primary` that follows it under `name`, not started.
    pub fn following(primary: &Self, name: &str) -> Self {
        let cluster = Self::reserve();
        let mut copy = HOME.program("pg_basebackup");
        let from = format!(
            "host={} port={} user={SUPERUSER} application_name={name}",
            primary.folder.display(),
            primary.port
        );
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        run(copy
            .arg("--dbname")
            .arg(from)
            .arg("--pgdata")
            .arg(cluster.data()));
        cluster.configure("", &[]);
        cluster
    }

    fn reserve() -> Self {
        let number = NEXT_CLUSTER.fetch_add(1, Ordering::Relaxed);
        let folder = HOME.folder.join(number.to_string());
        run(unprivileged(Path::new("mkdir")).arg(&folder));
        Self {
            folder,
            port: free_port(),
        }
    }

    /// Where its socket lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Of a setting that is given twice, the server takes the last.
    fn configure(&self, settings: &str, options: &[(&str, &str)]) {
        let port = self.port.to_string();
        let folder = self.folder.display().to_string();
        let own = [
            ("port", port.as_str()),
            ("unix_socket_directories", &folder),
        ];
        let lines: Vec<String> = own
            .iter()
            .chain(options)
            .map(|(name, value)| format!("{name} = '{value}'\n"))
            .collect();
        let path = self.data().join("postgresql.conf");
        let file = std::fs::File::options().append(true).open(path);
        let mut file = file.expect("a file of the cluster");
        write!(file, "{settings}{}", lines.concat()).expect("it can be written");
    }

    /// Starts the server and waits until it takes connections.
    pub fn start(&self) {
        let started = self.control(&["start"]).output().expect("pg_ctl");
        assert!(
            started.status.success(),
            "PostgreSQL does not start:\n{}",
            self.log()
        );
    }

    /// `pg_ctl stop`: `fast` is orderly, `immediate` is a crash.
    pub fn stop(&self, mode: &str) {
        run(&mut self.control(&["stop", "--mode", mode]));
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        run(&mut self.control(&["promote"]));
    }

    /// Whether a server runs on the folder.
    pub fn is_running(&self) -> bool {
        self.processes().is_some()
    }

    /// Sends a signal to the server and all its backends.
    pub fn signal(&self, signal: &str) {
        let processes = self.processes().expect("the server runs");
        // A backend may end by itself between the look and the signal.
        Command::new("kill")
            .arg(signal)
            .args(processes)
            .output()
            .expect("kill is installed");
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn control(&self, arguments: &[&str]) -> Command {
        let mut command = HOME.program("pg_ctl");
        command
            .args(arguments)
            .arg("--wait")
            .arg("--silent")
            .arg("--pgdata");
        command
            .arg(self.data())
            .arg("--log")
            .arg(self.folder.join("log"));
        command
    }

    /// The server's process first, then its backends.
    fn processes(&self) -> Option<Vec<String>> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let server = file.lines().next()?.to_owned();
        let found = Command::new("pgrep").args(["-P", &server]).output();
        let found = String::from_utf8(found.expect("pgrep is installed").stdout).expect("numbers");
        Some(
            std::iter::once(server)
                .chain(found.lines().map(str::to_owned))
                .collect(),
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal("-CONT");
            // What is left over is for the janitor.
            self.control(&["stop", "--mode", "immediate"]).output().ok();
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn is_root() -> bool {
    let own = std::fs::metadata("/proc/self").expect("Linux has it");
    own.uid() == 0
}

/// A command that runs as the user PostgreSQL runs as.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        SYSTEM_USER,
        "--regid",
        SYSTEM_USER,
        "--clear-groups",
    ]);
    command.arg(program);
    command
}

/// Fails with the line that mends it where PostgreSQL is missing.
pub fn assert_installed() {
    programs();
}

/// The folder of `initdb` and its like, of the newest version there is.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest = versions
        .map(|version| version.expect("a readable folder").path())
        .filter(|version| version.join("bin/initdb").exists())
        .max_by_key(|version| version_of(version));
    newest.expect(INSTALL).join("bin")
}

fn version_of(folder: &Path) -> u32 {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}

/// A free port; concurrent test processes begin at different ports.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    std::iter::repeat_with(|| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
        .map(|number| PORT_MIN + u16::try_from(number % PORTS).expect("a few thousand"))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("it goes on until one is free")
}

/// Starts the process that cleans up after this one: it waits until the pipe closes, ends the servers
/// that still run and removes the folder. It has a process group of its own, so that Ctrl-C spares it.
fn janitor(folder: &Path) -> Child {
    const SCRIPT: &str = r#"
        cat
        for file in "$1"/*/data/postmaster.pid; do
            [ -f "$file" ] || continue
            server=$(head -n 1 "$file")
            [ "$(cat "/proc/$server/comm" 2>/dev/null)" = postgres ] || continue
            kill -CONT "$server" $(pgrep -P "$server")
            kill -QUIT "$server"
            while kill -0 "$server" 2>/dev/null; do sleep 0.05; done
        done
        rm -rf "$1"
    "#;
    Command::new("sh")
        .args(["-c", SCRIPT, "janitor"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh is installed")
}
