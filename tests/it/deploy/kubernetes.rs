//! `kubernetes.yaml`: its objects fit together, fit the config, and guard before they serve.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CONFIG, DATA, SECRETS, at, check_config, documents, lay_out, ports, secrets, text};
use crate::harness::folder::Folder;
use crate::harness::keys::provider_key;
use crate::memory::MOST_MIB;

/// The objects by kind and name.
fn objects() -> BTreeMap<(String, String), Value> {
    let text = |object: &Value, pointer| at(object, pointer).as_str().expect("a text").to_owned();
    documents("deploy/kubernetes.yaml")
        .into_iter()
        .map(|object| {
            let name = (text(&object, "/kind"), text(&object, "/metadata/name"));
            if name.0 != "Namespace" {
                assert_eq!(at(&object, "/metadata/namespace"), "refund-receiver");
            }
            (name, object)
        })
        .collect()
}

fn object(kind: &str, name: &str) -> Value {
    let name = (kind.to_owned(), name.to_owned());
    objects()
        .remove(&name)
        .unwrap_or_else(|| panic!("no {name:?}"))
}

/// The pod and its one container.
fn pod() -> (Value, Value) {
    let deployment = object("Deployment", "refund-receiver");
    let pod = at(&deployment, "/spec/template/spec").clone();
    assert_eq!(at(&pod, "/containers").as_array().map(Vec::len), Some(1));
    let container = at(&pod, "/containers/0").clone();
    (pod, container)
}

/// The container's port of this name.
fn port(name: &str) -> Value {
    let (_, container) = pod();
    let ports = at(&container, "/ports").as_array().expect("a list").clone();
    let mut found = ports.into_iter().filter(|port| port["name"] == name);
    found.next().expect("a named port")["containerPort"].clone()
}

#[test]
fn two_pods_at_least_serve_and_everything_selects_them() {
    let deployment = object("Deployment", "refund-receiver");
    assert_eq!(at(&deployment, "/spec/replicas"), 2);
    assert_eq!(
        at(&deployment, "/spec/strategy/rollingUpdate/maxUnavailable"),
        0
    );
    let labels = json!({"app.kubernetes.io/name": "refund-receiver"});
    assert_eq!(at(&deployment, "/spec/template/metadata/labels"), &labels);
    assert_eq!(at(&deployment, "/spec/selector/matchLabels"), &labels);
    let budget = object("PodDisruptionBudget", "refund-receiver");
    assert_eq!(at(&budget, "/spec/selector/matchLabels"), &labels);
    assert_eq!(at(&budget, "/spec/minAvailable"), 1);
    let policy = object("NetworkPolicy", "refund-receiver");
    assert_eq!(at(&policy, "/spec/podSelector/matchLabels"), &labels);
    assert_eq!(
        at(&policy, "/spec/policyTypes"),
        &json!(["Ingress", "Egress"])
    );
    for name in ["public", "internal"] {
        let service = object("Service", &format!("refund-receiver-{name}"));
        assert_eq!(at(&service, "/spec/selector"), &labels);
        assert_eq!(at(&service, "/spec/ports/0/targetPort"), name);
        assert!(
            at(&service, "/spec").get("type").is_none(),
            "not open by itself"
        );
    }
}

#[test]
fn ports_and_probes_are_those_of_the_config() {
    assert_eq!([port("public"), port("internal")], ports().map(Value::from));
    let (_, container) = pod();
    for (probe, path) in [
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ] {
        let asks = at(&container, &format!("/{probe}/httpGet"));
        assert_eq!(asks, &json!({"path": path, "port": "internal"}));
    }
    let policy = object("NetworkPolicy", "refund-receiver");
    for (index, name) in ["public", "internal"].into_iter().enumerate() {
        let rule = at(&policy, &format!("/spec/ingress/{index}"));
        assert_eq!(
            at(rule, "/ports"),
            &json!([{"protocol": "TCP", "port": name}])
        );
        assert!(at(rule, "/from/0/namespaceSelector/matchLabels").is_object());
    }
}

/// What senders without a key may make it hold, and what readers take on top.
#[test]
fn the_limit_of_memory_leaves_room_for_senders_and_readers() {
    const READERS_MIB: u64 = 128;
    let (_, container) = pod();
    let limit = at(&container, "/resources/limits/memory");
    let limit = limit.as_str().and_then(|limit| limit.strip_suffix("Mi"));
    let limit: u64 = limit.expect("in Mi").parse().expect("a number");
    assert!(limit >= MOST_MIB + READERS_MIB, "{limit} MiB");
}

/// A rule that lets nothing out but names and the database would make every push fail.
#[test]
fn pods_reach_names_endpoints_outside_and_the_database_and_nothing_else() {
    let policy = object("NetworkPolicy", "refund-receiver");
    assert_eq!(
        at(&policy, "/spec/policyTypes"),
        &json!(["Ingress", "Egress"])
    );
    let rules = at(&policy, "/spec/egress")
        .as_array()
        .expect("a list")
        .clone();
    let to = |port: u16| {
        let reaches = |rule: &&Value| {
            let ports = at(rule, "/ports").as_array().expect("a list").clone();
            ports
                .iter()
                .any(|of| of["port"] == port && of["protocol"] == "TCP")
        };
        rules
            .iter()
            .find(reaches)
            .cloned()
            .unwrap_or_else(|| panic!("nothing reaches {port}"))
    };
    let outside = to(443);
    let block = at(&outside, "/to/0/ipBlock");
    assert_eq!(block["cidr"], "0.0.0.0/0");
    for inside in [
        "10.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ] {
        let except = block["except"].as_array().expect("a list");
        assert!(except.contains(&json!(inside)), "{inside} is reached");
    }
    to(53);
    to(5432);
    assert_eq!(rules.len(), 3);
}

#[test]
fn pods_have_no_rights_and_no_place_to_write_but_one() {
    let (pod, container) = pod();
    assert_eq!(at(&pod, "/automountServiceAccountToken"), false);
    assert_eq!(at(&pod, "/securityContext/runAsNonRoot"), true);
    assert_eq!(at(&pod, "/securityContext/runAsUser"), 10001);
    assert_eq!(
        at(&pod, "/securityContext/seccompProfile/type"),
        "RuntimeDefault"
    );
    let guards = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(at(&container, "/securityContext"), &guards);
    let mounts = at(&container, "/volumeMounts").as_array().expect("a list");
    let volumes = at(&pod, "/volumes").as_array().expect("a list");
    let config = CONFIG.rsplit_once('/').expect("a folder").0;
    for (path, volume, is_fixed) in [
        (
            config,
            json!({"configMap": {"name": "refund-receiver"}}),
            true,
        ),
        (
            SECRETS.trim_end_matches('/'),
            json!({"secret": {"secretName": "refund-receiver", "defaultMode": 0o440}}),
            true,
        ),
        (DATA, json!({"emptyDir": {"sizeLimit": "256Mi"}}), false),
    ] {
        let mut mounts = mounts.iter().filter(|mount| mount["mountPath"] == path);
        let mount = mounts.next().unwrap_or_else(|| panic!("nothing at {path}"));
        assert_eq!(
            mount.get("readOnly") == Some(&Value::Bool(true)),
            is_fixed,
            "{path}"
        );
        let mut volumes = volumes
            .iter()
            .filter(|volume| volume["name"] == mount["name"]);
        let mut found = volumes.next().expect("the volume of the mount").clone();
        found.as_object_mut().expect("a map").remove("name");
        assert_eq!(found, volume);
    }
}

/// The unedited config has no secrets, so it must not start; with the secrets filled in it does.
#[test]
fn the_config_is_refused_until_its_secrets_are_filled_in() {
    let map = object("ConfigMap", "refund-receiver");
    let config = at(&map, "/data/refunds.toml").as_str().expect("a text");
    assert_eq!(config, text("deploy/refunds.toml"));
    let kept = object("Secret", "refund-receiver");
    let kept = at(&kept, "/stringData").as_object().expect("a map");
    assert_eq!(kept.keys().cloned().collect::<Vec<_>>(), secrets());
    let folder = Folder::new();
    lay_out(&folder, config);
    for (name, value) in kept {
        assert_eq!(value, "", "{name}: the repository holds no secret");
        folder.write(name, "");
    }
    let output = check_config(&folder);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for key in ["store.url", "epay.tokens[0]", "accounts[0].public_keys[0]"] {
        assert!(said.contains(&format!("error: {key}")), "{key} in {said}");
    }

    let roots = folder.write("postgres-ca.pem", root_certificate());
    let url = format!(
        "postgres://refunds:secret@db.example:5432/refunds?sslmode=verify-full&sslrootcert={}",
        roots.display()
    );
    folder.write("store_url", url);
    folder.write("epay_token", "0123456789abcdef0123456789abcdef");
    folder.write("payermax.pem", &provider_key().public_pem);
    let output = check_config(&folder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

/// A certificate that signs itself.
fn root_certificate() -> Vec<u8> {
    let folder = Folder::new();
    let key = folder.write("key.pem", &provider_key().private_pem);
    let mut openssl = std::process::Command::new("openssl");
    openssl
        .args(["req", "-x509", "-subj", "/CN=root", "-key"])
        .arg(key);
    crate::harness::run(&mut openssl).stdout
}
