//! System calls that fail, and a clock that jumps, under the unchanged program: `strace` makes the
//! Nth call of a kind fail or kills the process there, `libfaketime` answers for the wall clock.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Server, wait_for};

/// A running `strace`; the process goes on untouched when this is dropped.
#[derive(Debug)]
pub struct Injection(Child);

impl Injection {
    /// Injects into every thread of a running server; `what` as in `strace --inject`, such as
    /// `fdatasync:error=EIO:when=2`. With `only`, calls on other files are left alone.
    pub fn attach(server: &Server, what: &str, only: Option<&Path>) -> Self {
        let pid = server.pid().to_string();
        let inject = format!("inject={what}");
        let mut command = Command::new("strace");
        command.args(["-f", "-e", &inject, "-o", "/dev/null", "-p", &pid]);
        if let Some(path) = only {
            command.arg("-P").arg(path);
        }
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace can be started (apt-get install strace)");
        let said = BufReader::new(child.stderr.take().expect("it was piped"));
        let mut said = said.lines().map_while(Result::ok);
        let attached = said.any(|line| line.contains("attached"));
        assert!(attached, "strace could not attach to the server");
        // Goes on reading, so that strace never blocks on a full pipe.
        std::thread::spawn(move || said.for_each(drop));
        Self(child)
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        // Asked to end, it lets go of the process; it may have ended with it already.
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).output().ok();
        self.0.wait().ok();
    }
}

/// The wall clock of a server that is not started yet; the monotonic one goes on as it is.
#[derive(Debug)]
pub struct WallClock(PathBuf);

impl WallClock {
    /// Puts the clock between the server and the system.
    pub fn of(server: &mut Server) -> Self {
        let file = server.folder().write("clock", "+0");
        let settings = [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", file.clone()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ];
        for (name, value) in settings {
            server.set_variable(name, value.to_str());
        }
        Self(file)
    }

    /// Lets it jump to so far from now, such as `+10d`.
    pub fn jump(&self, offset: &str) {
        // Renamed atomically, since it is read at every look at the clock.
        let new = self.0.with_extension("new");
        std::fs::write(&new, offset).expect("a file can be written");
        std::fs::rename(&new, &self.0).expect("a file can be renamed");
    }
}

/// Where Debian's package lies, on any architecture.
fn library() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib")
        .expect("a readable folder")
        .find_map(|entry| {
            let path = entry
                .expect("a readable entry")
                .path()
                .join("faketime/libfaketimeMT.so.1");
            path.exists().then_some(path)
        });
    found.expect("libfaketime is missing: apt-get install faketime")
}

/// Waits until the server's log holds `text`.
pub fn wait_for_log(server: &Server, text: &str) {
    wait_for(&format!("`{text}` in the log"), || {
        server.log().contains(text).then_some(())
    });
}
