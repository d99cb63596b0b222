//! What an account proves itself by: private keys in files, and a client's certificate.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use super::ENGINE;
use crate::harness::folder::Folder;
use crate::harness::provider::{Provider, asking_for_certificate, certificate, quickpay, refunded};
use crate::harness::reader::text;
use crate::harness::sandbox::{CALLER_TOKEN, NEVER, Setting, body};
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, DEADLINE, Server, comes_true, run, wait_for};

/// What `check-config` says of a config that is rejected.
#[track_caller]
fn complaint(folder: &Folder) -> String {
    let output = Command::new(PROGRAM)
        .args(["check-config", "--config"])
        .arg(folder.path().join("refund-receiver.toml"))
        .output()
        .expect("the program can be started");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn make_private(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own file");
}

/// The private key of an account of the sandbox, in the forms that `openssl` writes.
fn forms(base64: &str) -> [(&'static str, String); 2] {
    let folder = Folder::new();
    let lines: Vec<_> = base64
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    let pkcs8 = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    );
    let path = folder.write("pkcs8.pem", &pkcs8);
    let pkcs1 = run(Command::new("openssl")
        .args(["rsa", "-traditional", "-in"])
        .arg(path));
    let pkcs1 = String::from_utf8(pkcs1.stdout).expect("text");
    assert!(
        pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"),
        "{pkcs1}"
    );
    [("PKCS#8", pkcs8), ("PKCS#1", pkcs1)]
}

#[test]
fn a_private_key_is_read_from_a_pem_file_that_not_every_user_may_read() {
    const NAMED: &str = "private_key = \"";
    let mut key = String::new();
    let setting = Setting::with(ENGINE, "real", NEVER, |accounts| {
        let at = accounts.find(NAMED).expect("a key") + NAMED.len();
        let end = at + accounts[at..].find('"').expect("an end");
        key = accounts[at..end].to_owned();
        accounts.replace(&key, "file:merchant.key")
    });
    let mut server = Server::stopped(&setting.config);
    let path = server.folder().path().join("merchant.key");
    for (index, (form, pem)) in forms(&key).into_iter().enumerate() {
        std::fs::write(&path, &pem).expect("our own folder");
        make_private(&path, 0o644);
        let said = complaint(server.folder());
        assert!(
            said.contains("accounts[0].api.private_key"),
            "{form}: {said}"
        );
        assert!(said.contains("chmod o="), "{form}: {said}");
        assert!(!said.contains("BEGIN"), "{said}");
        make_private(&path, 0o600);
        server.restart();
        let number = format!("R{index}OK");
        let asked = server.post_as_caller("/v1/refunds", &[], &body("payermax/main", &number));
        asked.expect_json(202);
        wait_for("the provider to take it", || {
            setting.sandbox.entry(&number).is_object().then_some(())
        });
        server.kill9();
    }
    std::fs::write(
        &path,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    )
    .expect("our own folder");
    let said = complaint(server.folder());
    assert!(
        said.contains("private_key") && said.contains("RSA private key"),
        "{said}"
    );
}

/// Certificates of a provider, of ours and of others, and the provider's server.
fn provider(folder: &Folder) -> Provider {
    for (name, host) in [
        ("server", "localhost"),
        ("client", "merchant"),
        ("stranger", "stranger"),
    ] {
        certificate(folder.path(), name, host);
    }
    let tls = asking_for_certificate(folder.path(), "server", "client");
    let answer = |call: &crate::harness::provider::Call| {
        let asked: serde_json::Value = serde_json::from_str(&call.body).expect("JSON");
        (200, refunded(&text(&asked["refund_no"])))
    };
    Provider::with(answer, move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&tls));
        rustls::StreamOwned::new(connection.expect("a connection"), stream)
    })
}

/// A service that shows this certificate to the provider, if any.
fn config(folder: &Folder, provider: &Provider, shown: Option<&str>) -> ConfigBuilder {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let trusted = format!("ca_file = \"{}\"\n", path("server.pem"));
    let more = match shown {
        None => trusted,
        Some(name) => {
            let (certificate, key) = (path(&format!("{name}.pem")), path(&format!("{name}.key")));
            format!(
                "{trusted}client_certificate = \"file:{certificate}\"\nclient_key = \"file:{key}\"\n"
            )
        }
    };
    let url = format!("https://localhost:{}", provider.port());
    quickpay(ENGINE, &url, &more)
}

#[test]
fn a_provider_that_asks_for_a_certificate_is_shown_it_and_a_reload_shows_another_one() {
    let folder = Folder::new();
    let provider = provider(&folder);
    let server = Server::start(&config(&folder, &provider, Some("stranger")));
    let request = |number: &str| {
        let asked = server.post_as_caller("/v1/refunds", &[], &body("quickpay/store-1", number));
        text(&asked.expect_json(202)["id"])
    };
    let comes_to = |id: &str, state: &str| {
        let path = format!("/v1/refunds/{id}");
        let found = comes_true(DEADLINE, || {
            let refund = server.get_as(CALLER_TOKEN, &path).expect_json(200);
            refund["request"]["state"] == state
        });
        let refund = server.get_as(CALLER_TOKEN, &path);
        assert!(found, "{} {:?}", refund.text(), provider.errors());
    };
    // A stranger's is rejected after the request was begun: nothing is believed either way.
    let first = request("Q1");
    comes_to(&first, "unknown");
    assert_eq!(provider.count("/QuickPay/Refund"), 0);
    let why = provider.errors();
    assert!(why.iter().any(|why| why.contains("certificate")), "{why:?}");

    let file = server.config_path();
    let toml = std::fs::read_to_string(&file).expect("the config");
    std::fs::write(&file, toml.replace("stranger.", "client.")).expect("our own file");
    let reloaded = server.post_as_caller("/v1/reload", &[], &json!({}));
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    let second = request("Q2");
    comes_to(&second, "done");
    assert_eq!(provider.count("/QuickPay/Refund"), 1);
}

#[test]
fn a_certificate_and_a_key_that_cannot_be_used_stop_the_start_by_name() {
    let folder = Folder::new();
    let provider = provider(&folder);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (client, key) = (path("client.pem"), path("client.key"));
    let readable = path("readable.key");
    std::fs::copy(&key, &readable).expect("our own folder");
    make_private(Path::new(&readable), 0o644);
    let no_key = path("no.key");
    std::fs::copy(&client, &no_key).expect("our own folder");
    make_private(Path::new(&no_key), 0o600);
    let both = |certificate: &str, key: &str| {
        format!("client_certificate = \"file:{certificate}\"\nclient_key = \"file:{key}\"\n")
    };
    for (members, member, why) in [
        (
            format!("client_key = \"file:{key}\"\n"),
            "client_certificate",
            "is missing",
        ),
        (
            format!("client_certificate = \"file:{client}\"\n"),
            "client_key",
            "is missing",
        ),
        (
            both(&client, &path("stranger.key")),
            "client_key",
            "cannot be used with the certificate",
        ),
        (
            both(&client, &no_key),
            "client_key",
            "no unencrypted private key",
        ),
        (both(&key, &key), "client_certificate", "no certificate"),
        (both(&client, &readable), "client_key", "chmod o="),
        (
            both(&path("none.pem"), &key),
            "client_certificate",
            "cannot read",
        ),
    ] {
        let config = config(&folder, &provider, None);
        let written = Folder::new();
        config.write(&written);
        let file = written.path().join("refund-receiver.toml");
        let toml = std::fs::read_to_string(&file).expect("the config");
        let toml = toml.replace("store_no =", &format!("{members}store_no ="));
        std::fs::write(&file, toml).expect("our own file");
        let said = complaint(&written);
        let named = format!("accounts[0].api.{member}");
        assert!(
            said.contains(&named) && said.contains(why),
            "{members}: {said}"
        );
        assert!(!said.contains("BEGIN"), "{said}");
    }
    // Other providers name no certificate.
    let setting = Setting::with(ENGINE, "real", NEVER, |accounts| {
        let members = both(&client, &key);
        accounts.replacen("[accounts.api]\n", &format!("[accounts.api]\n{members}"), 1)
    });
    let server = Server::stopped(&setting.config);
    let said = complaint(server.folder());
    assert!(said.contains("client_certificate: means nothing"), "{said}");
}

#[test]
fn check_config_shows_where_the_key_is_and_nothing_of_it() {
    let folder = Folder::new();
    let provider = provider(&folder);
    let written = Folder::new();
    config(&folder, &provider, Some("client")).write(&written);
    let output = run(Command::new(PROGRAM)
        .args(["check-config", "--config"])
        .arg(written.path().join("refund-receiver.toml")));
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains("client.key (********)"), "{said}");
    assert!(!said.contains("BEGIN"), "{said}");
}
