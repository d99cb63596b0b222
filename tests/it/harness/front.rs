//! The proxies that are recommended in front of the service, run with the files in `deploy/proxy` as
//! they are; only addresses are replaced.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::folder::Folder;
use super::patroni::Patroni;
use super::{Postgres, Server, wait_for};

/// A running proxy in front of the public listeners of two servers, or of PostgreSQL.
#[derive(Debug)]
pub struct Front {
    child: Child,
    folder: Folder,
    /// Where it listens.
    pub url: String,
}

impl Front {
    /// nginx with `deploy/proxy/nginx.conf` in front of one server in place of both.
    pub fn nginx(server: &Server) -> Self {
        Self::nginx_of([server; 2])
    }

    /// nginx in front of two.
    pub fn nginx_of(servers: [&Server; 2]) -> Self {
        let folder = Folder::new();
        let listen = free_address();
        let mut replaced = addresses(servers);
        replaced.push(("listen 80;".to_owned(), format!("listen {listen};")));
        let site = shipped("nginx.conf", &replaced);
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

    /// `HAProxy` with `deploy/proxy/haproxy.cfg` in front of one server in place of both.
    pub fn haproxy(server: &Server) -> Self {
        Self::haproxy_of([server; 2])
    }

    /// `HAProxy` in front of two.
    pub fn haproxy_of(servers: [&Server; 2]) -> Self {
        let listen = free_address();
        let mut replaced = addresses(servers);
        for (port, server) in [("8081", servers[0]), ("8083", servers[1])] {
            let (_, internal) = server.internal_url.rsplit_once(':').expect("a port");
            replaced.push((
                format!("check port {port}"),
                format!("check port {internal}"),
            ));
        }
        replaced.push(("bind :80\n".to_owned(), format!("bind {listen}\n")));
        Self::haproxy_with("haproxy.cfg", &replaced, &listen)
    }

    /// `HAProxy` with `deploy/proxy/haproxy-database.cfg` in front of a server of PostgreSQL for each health
    /// check.
    pub fn databases(servers: &[(&Postgres, &Patroni)]) -> Self {
        let listen = free_address();
        let mut replaced = vec![("bind 127.0.0.1:5432".to_owned(), format!("bind {listen}"))];
        for number in 1..=3 {
            let line = format!("192.0.2.1{number}:5432 check port 8008");
            let by = match servers.get(number - 1) {
                Some((server, patroni)) => {
                    format!("{} check port {}", server.address(), patroni.port())
                }
                // A machine that is not there.
                None => "127.0.0.1:1 check port 1".to_owned(),
            };
            replaced.push((line, by));
        }
        Self::haproxy_with("haproxy-database.cfg", &replaced, &listen)
    }

    fn haproxy_with(file: &str, replaced: &[(String, String)], listen: &str) -> Self {
        let folder = Folder::new();
        let config = folder.write(file, shipped(file, replaced));
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(config);
        Self::start(command, "haproxy", folder, listen)
    }

    /// `ADDRESS:PORT`.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
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

/// The addresses of two instances, as the files have them, and those of two servers.
fn addresses(servers: [&Server; 2]) -> Vec<(String, String)> {
    let files = ["127.0.0.1:8080", "127.0.0.1:8082"].map(str::to_owned);
    let own = servers.map(|server| server.public_url.trim_start_matches("http://").to_owned());
    files.into_iter().zip(own).collect()
}

/// A file of `deploy/proxy` with the addresses of a test.
fn shipped(name: &str, replaced: &[(String, String)]) -> String {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/proxy");
    let text = std::fs::read_to_string(folder.join(name)).expect("the file is part of the product");
    replaced.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{name} has `{old}`");
        text.replace(old, new)
    })
}

/// An address that was free a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}
