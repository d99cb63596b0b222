//! The proxies that are recommended in front of the service, run with the files in `deploy/proxy` as
//! they stand; nothing but addresses is replaced.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::folder::Folder;
use super::{Server, wait_for};

/// A running proxy in front of a server's public listener.
#[derive(Debug)]
pub struct Front {
    child: Child,
    folder: Folder,
    /// Where it listens.
    pub url: String,
}

impl Front {
    /// nginx with `deploy/proxy/nginx.conf`.
    pub fn nginx(server: &Server) -> Self {
        let folder = Folder::new();
        let listen = free_address();
        let site = shipped(
            "nginx.conf",
            "listen 80;",
            &format!("listen {listen};"),
            server,
        );
        folder.write("site.conf", site);
        let path = folder.path().display();
        // What a distribution's nginx.conf has around the sites, in a folder of our own.
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {path}/{name};\n"))
            .concat();
        let main = format!(
            "daemon off;\npid {path}/nginx.pid;\nerror_log {path}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\naccess_log off;\n{temporary}include {path}/site.conf;\n}}\n"
        );
        let main = folder.write("nginx.conf", main);
        let mut command = Command::new("nginx");
        command.arg("-e").arg(folder.path().join("error.log"));
        command.arg("-c").arg(main);
        Self::start(command, "nginx-light", folder, &listen)
    }

    /// `HAProxy` with `deploy/proxy/haproxy.cfg`.
    pub fn haproxy(server: &Server) -> Self {
        let folder = Folder::new();
        let listen = free_address();
        let config = shipped(
            "haproxy.cfg",
            "bind :80\n",
            &format!("bind {listen}\n"),
            server,
        );
        let config = folder.write("haproxy.cfg", config);
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(config);
        Self::start(command, "haproxy", folder, &listen)
    }

    fn start(mut command: Command, package: &str, folder: Folder, listen: &str) -> Self {
        let log = std::fs::File::create(folder.path().join("start.log")).expect("a new file");
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} cannot be started ({error}): apt-get install {package}",
                    program.display()
                )
            });
        let mut front = Self {
            child,
            folder,
            url: format!("http://{listen}"),
        };
        wait_for("the proxy to listen", || {
            let ended = front.child.try_wait().expect("our child");
            assert!(ended.is_none(), "the proxy ended: {}", front.log());
            TcpStream::connect(listen).ok()
        });
        front
    }

    fn log(&self) -> String {
        ["start.log", "error.log"]
            .map(|name| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // nginx' master ends its worker when it is asked to, not when it is killed.
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// A file of `deploy/proxy` with the addresses of a test.
fn shipped(name: &str, listen: &str, by: &str, server: &Server) -> String {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/proxy");
    let text = std::fs::read_to_string(folder.join(name)).expect("the file is part of the product");
    let upstream = server.public_url.trim_start_matches("http://");
    [(listen, by), ("127.0.0.1:8080", upstream)]
        .iter()
        .fold(text, |text, (old, new)| {
            assert_eq!(text.matches(old).count(), 1, "{name} has `{old}` once");
            text.replace(old, new)
        })
}

/// An address that was free a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}
