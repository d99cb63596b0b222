//! `compose.yaml`: its services, files, ports and secrets fit together and fit the config.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{CONFIG, DATA, at, documents, make_secrets, ports, root, secrets, texts};
use crate::harness::folder::Folder;
use crate::harness::keys::provider_key;
use crate::harness::run;

const RECEIVERS: [&str; 2] = ["receiver-1", "receiver-2"];
const SERVICES: [&str; 4] = ["nginx", "postgres", "receiver-1", "receiver-2"];

fn compose() -> Value {
    documents("deploy/compose.yaml").remove(0)
}

/// The members of the map at a JSON pointer.
fn names(value: &Value, pointer: &str) -> BTreeSet<String> {
    let map = at(value, pointer).as_object().expect("a map");
    map.keys().cloned().collect()
}

fn service(compose: &Value, name: &str) -> Value {
    at(compose, &format!("/services/{name}")).clone()
}

/// Source and target of each mount.
fn mounts(service: &Value) -> Vec<(String, String)> {
    texts(service, "/volumes")
        .iter()
        .map(|mount| {
            let mut parts = mount.split(':').map(str::to_owned);
            let source = parts.next().expect("a source");
            (source, parts.next().expect("a target"))
        })
        .collect()
}

#[test]
fn every_service_is_guarded_restarted_and_asked_how_it_is() {
    let compose = compose();
    assert_eq!(
        names(&compose, "/services"),
        SERVICES.map(str::to_owned).into()
    );
    for name in SERVICES {
        let service = service(&compose, name);
        let image = at(&service, "/image").as_str().expect("a text");
        assert!(image == "refund-receiver" || image.contains(':'), "{image}");
        assert_eq!(at(&service, "/restart"), "unless-stopped", "{name}");
        assert!(!texts(&service, "/healthcheck/test").is_empty(), "{name}");
        assert_eq!(texts(&service, "/security_opt"), ["no-new-privileges:true"]);
        if name == "postgres" {
            assert_eq!(at(&service, "/network_mode"), "none");
            assert!(service.get("ports").is_none(), "reached by its socket only");
            assert_eq!(
                texts(&service, "/command").last().expect("words"),
                "listen_addresses="
            );
            continue;
        }
        assert_eq!(at(&service, "/read_only"), true, "{name}");
        assert_eq!(texts(&service, "/cap_drop"), ["ALL"], "{name}");
        for port in texts(&service, "/ports") {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open: {port}");
        }
    }
}

#[test]
fn mounted_files_and_volumes_are_there() {
    let compose = compose();
    let mut volumes = BTreeSet::new();
    for name in SERVICES {
        for (source, target) in mounts(&service(&compose, name)) {
            if let Some(file) = source.strip_prefix("./") {
                assert!(root().join("deploy").join(file).is_file(), "{source}");
                continue;
            }
            let is_first = volumes.insert(source.clone());
            let is_socket = target == "/var/run/postgresql";
            assert!(is_first || is_socket, "{source} is shared");
        }
    }
    assert_eq!(names(&compose, "/volumes"), volumes);
}

#[test]
fn both_receivers_have_what_the_config_names() {
    let compose = compose();
    let [public, internal] = ports();
    for name in RECEIVERS {
        let service = service(&compose, name);
        assert_eq!(at(&service, "/build"), "..", "the folder of the Dockerfile");
        let mounts = mounts(&service);
        assert!(mounts.contains(&("./refunds.toml".to_owned(), CONFIG.to_owned())));
        assert!(mounts.iter().any(|(_, target)| target == DATA));
        let mut given = texts(&service, "/secrets");
        given.sort();
        assert_eq!(given, secrets());
        let ports = texts(&service, "/ports");
        assert!(ports[0].ends_with(&format!(":{internal}")), "{ports:?}");
        let asks = format!("http://127.0.0.1:{internal}/readyz");
        let health = texts(&service, "/healthcheck/test");
        assert_eq!(
            health,
            ["CMD", "refund-receiver", "healthcheck", "--url", &asks]
        );
        assert_eq!(
            at(&service, "/depends_on/postgres/condition"),
            "service_healthy"
        );
    }
    assert_ne!(public, internal);
}

#[test]
fn nginx_passes_to_both_receivers() {
    let command = texts(&service(&compose(), "nginx"), "/command");
    let [sh, c, script] = command.as_slice() else {
        panic!("{command:?}");
    };
    assert_eq!((sh.as_str(), c.as_str()), ("sh", "-c"));
    let folder = Folder::new();
    let written = folder.path().join("default.conf");
    let script = script
        .replace("/etc/refund-receiver/nginx.conf", "deploy/proxy/nginx.conf")
        .replace(
            "/etc/nginx/conf.d/default.conf",
            &written.display().to_string(),
        )
        .replace("exec nginx", "true");
    run(Command::new("sh")
        .args(["-euc", &script])
        .current_dir(root()));
    let conf = std::fs::read_to_string(written).expect("the script writes it");
    let [public, _] = ports();
    for name in RECEIVERS {
        assert!(
            conf.contains(&format!("server {name}:{public} max_fails")),
            "{conf}"
        );
    }
    assert!(!conf.contains("server 127.0.0.1"), "{conf}");
}

#[test]
fn secrets_are_files_that_are_made_once_and_at_random() {
    let compose = compose();
    let folder = Folder::new();
    let made = folder.path().join("secrets");
    let said = String::from_utf8(make_secrets(&made).stderr).expect("UTF-8");
    assert!(said.contains("payermax.pem"), "{said}");
    std::fs::write(made.join("payermax.pem"), &provider_key().public_pem).expect("a file");
    let defined = names(&compose, "/secrets");
    for name in &defined {
        let file = at(&compose, &format!("/secrets/{name}/file"));
        assert_eq!(file, &format!("./secrets/{name}"));
        assert!(made.join(name).is_file(), "{name} is not made");
    }
    for name in SERVICES {
        let service = service(&compose, name);
        if service.get("secrets").is_some() {
            let given = texts(&service, "/secrets");
            assert!(given.iter().all(|name| defined.contains(name)), "{given:?}");
        }
    }

    let token = || std::fs::read(made.join("epay_token")).expect("it is made");
    let before = token();
    assert!(before.len() > 32);
    let said = make_secrets(&made).stderr;
    assert!(said.is_empty() && token() == before, "what is there stays");
    let others = folder.path().join("others");
    make_secrets(&others);
    let other = std::fs::read(others.join("epay_token")).expect("it is made");
    assert_ne!(other, before);
}
