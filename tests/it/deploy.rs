//! What lies in `deploy/` fits together and fits the program; no container engine is needed to see it.

mod compose;
mod image;
mod kubernetes;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::config::check_file;
use crate::harness::folder::Folder;
use crate::harness::keys::provider_key;
use crate::harness::server::PROGRAM;
use crate::harness::{Postgres, Server, run};

/// Where a container finds its config, its secrets, and a writable folder.
const CONFIG: &str = "/etc/refund-receiver/refunds.toml";
const SECRETS: &str = "/run/secrets/";
const DATA: &str = "/data";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The value at a JSON pointer, which must exist.
#[track_caller]
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value
        .pointer(pointer)
        .unwrap_or_else(|| panic!("nothing at {pointer} of {value:#}"))
}

/// The list of texts at a JSON pointer.
#[track_caller]
fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let list = at(value, pointer).as_array().expect("a list");
    let texts = list.iter().map(|item| item.as_str().expect("a text"));
    texts.map(str::to_owned).collect()
}

/// The ports of the two listeners, public first.
fn ports() -> [u64; 2] {
    let config: toml::Table = text("deploy/refunds.toml").parse().expect("TOML");
    ["listen", "internal_listen"].map(|key| {
        let address = config["server"][key].as_str().expect("a text");
        let port = address.strip_prefix("0.0.0.0:").expect("every address");
        port.parse().expect("a number")
    })
}

/// The names of the secrets that the config asks for.
fn secrets() -> Vec<String> {
    let config = text("deploy/refunds.toml");
    let mut names: Vec<String> = config
        .split(SECRETS)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    names.sort();
    assert_eq!(names, ["epay_token", "payermax.pem", "store_url"]);
    names
}

/// Puts the config into a folder, with its secrets and its data in the same.
fn lay_out(folder: &Folder, config: &str) {
    let here = format!("{}/", folder.path().display());
    let config = config
        .replace(SECRETS, &here)
        .replace(&format!("\"{DATA}/"), &format!("\"{here}"));
    assert!(
        !config.contains("\"/run") && !config.contains(":/run"),
        "{config}"
    );
    folder.write("refund-receiver.toml", config);
}

fn check_config(folder: &Folder) -> Output {
    check_file(&folder.path().join("refund-receiver.toml"), &[])
}

fn make_secrets(folder: &Path) -> Output {
    run(Command::new(root().join("deploy/make-secrets")).arg(folder))
}

/// All of compose.yaml but the containers: its secrets, its role in a PostgreSQL that is reached by its
/// socket and accepts no login without a password, its config, two instances, their health.
#[test]
fn two_instances_start_on_the_files_of_compose() {
    let folder = Folder::new();
    make_secrets(folder.path());
    folder.write("payermax.pem", &provider_key().public_pem);
    let access = "local all postgres trust\nlocal all all scram-sha-256\n";
    let access = folder.write("pg_hba.conf", access);
    let server = Postgres::own(&[
        ("hba_file", access.to_str().expect("UTF-8")),
        ("listen_addresses", ""),
    ]);
    // The harness has made the role already; a new container has not.
    server.execute("DROP ROLE with_password; DROP ROLE refunds");
    run(Command::new("sh")
        .arg(root().join("deploy/postgres/role.sh"))
        .env("SECRETS", folder.path())
        .env("PGHOST", server.socket_folder())
        .env("PGPORT", server.port().to_string()));

    let url = std::fs::read_to_string(folder.path().join("store_url")).expect("it was made");
    let socket = server.socket_folder().display().to_string();
    let here = format!("@{}:{}/", socket.replace('/', "%2F"), server.port());
    let there = "@%2Fvar%2Frun%2Fpostgresql/";
    assert!(url.contains(there), "the folder that compose.yaml shares");
    let instances = [(); 2].map(|()| {
        let own = Folder::new();
        for name in secrets() {
            std::fs::copy(folder.path().join(&name), own.path().join(&name)).expect("a secret");
        }
        std::fs::remove_file(own.path().join("store_url")).expect("a copy");
        own.write("store_url", url.replace(there, &here));
        let config = text("deploy/refunds.toml").replace("0.0.0.0:", "127.0.0.1:");
        let [public, internal] = ports();
        let config = config
            .replace(&format!("127.0.0.1:{public}"), "127.0.0.1:0")
            .replace(&format!("127.0.0.1:{internal}"), "127.0.0.1:0");
        lay_out(&own, &config);
        Server::start_in(own)
    });
    for instance in &instances {
        run(Command::new(PROGRAM).args([
            "healthcheck",
            "--url",
            &format!("{}/readyz", instance.internal_url),
        ]));
    }
}
