//! `check-config` prints what takes effect: what the file and the variables say, in the order of the
//! file, and behind it the defaults of what they leave out.

use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::folder::Folder;
use crate::harness::server::PROGRAM;

/// A config that leaves out whatever it can, its sections and keys in no order of the alphabet.
const FILE: &str = r#"
[store]
url = "postgres://refunds:hidden-1@db.internal/refunds"

[server]
listen = "127.0.0.1:8080"
internal_listen = "127.0.0.1:8081"

[[accounts]]
provider = "paycools"
account = "my"
secret = "hidden-2"
currency = "MYR"

[[accounts]]
provider = "paycools"
account = "id"
secret = "hidden-3"
currency = "IDR"
utc_offset = "+07:00"

[epay]
tokens = ["hidden-4"]

[[endpoints]]
name = "erp"
url = "https://erp.example.com/refunds"
secrets = ["whsec_aGlkZGVuLTUtaGlkZGVuLTUtaGlkZGVuLTU="]
"#;

/// What is printed of it with one variable; `…` stands for the kinds of event and the usual pauses.
const PRINTED: &str = "\
store.url = postgres://refunds:********@db.internal/refunds
store.may_lose_acknowledged_callbacks = false  # default
store.evidence = refund-receiver.evidence.db  # default
server.listen = 127.0.0.1:8080
server.internal_listen = 127.0.0.1:8081
accounts[0].provider = paycools
accounts[0].account = my
accounts[0].secret = ********
accounts[0].currency = MYR
accounts[0].utc_offset = +08:00  # default
accounts[0].minor_digits = 2  # default
accounts[1].provider = paycools
accounts[1].account = id
accounts[1].secret = ********
accounts[1].currency = IDR
accounts[1].utc_offset = +07:00
accounts[1].minor_digits = 0  # default
epay.tokens[0] = ********
epay.trust_network = false  # default
epay.retry_for_seconds = 86400  # default
endpoints[0].name = erp
endpoints[0].url = https://erp.example.com/refunds
endpoints[0].secrets[0] = ********
endpoints[0].allow_private = false  # default
…
endpoints[0].disable_after_seconds = 432000  # default
feed.stalled_seconds = 40
feed.heartbeat_seconds = 15  # default
";

fn check(format: &str) -> Output {
    let folder = Folder::new();
    folder.write("refunds.toml", FILE);
    Command::new(PROGRAM)
        .args(["check-config", "--output", format, "--config"])
        .arg(folder.path().join("refunds.toml"))
        .env("REFUND_RECEIVER__FEED__STALLED_SECONDS", "40")
        .output()
        .expect("the program can be started")
}

#[track_caller]
fn printed(format: &str) -> String {
    let output = check(format);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    for hidden in ["hidden", "aGlkZGVu"] {
        assert!(!text.contains(hidden), "{text}");
    }
    text
}

#[test]
fn the_table_has_the_order_of_the_file_and_marks_defaults() {
    let text = printed("table");
    let (before, after) = PRINTED.split_once("…\n").expect("a gap");
    let gap = text
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    let gap: Vec<_> = gap.unwrap_or_else(|| panic!("{text}")).lines().collect();
    for expected in [
        "endpoints[0].events[1] = refund.succeeded  # default",
        "endpoints[0].retry_schedule_seconds[0] = 5  # default",
        "endpoints[0].retry_schedule_seconds[8] = 86400  # default",
    ] {
        assert!(gap.contains(&expected), "{expected} in {gap:#?}");
    }
}

#[test]
fn json_holds_the_same_values_with_the_defaults() {
    let json: Value = serde_json::from_str(&printed("json")).expect("JSON");
    let values = json.as_object().expect("an object");
    let lines = printed("table");
    assert_eq!(values.len(), lines.lines().count());
    for line in lines.lines() {
        let (key, value) = line.split_once(" = ").expect("a value");
        let value = value.strip_suffix("  # default").unwrap_or(value);
        assert_eq!(values[key], value, "{key}");
    }
}

#[test]
fn a_database_file_has_its_evidence_beside_it() {
    let folder = Folder::new();
    let file = FILE.replace(
        "postgres://refunds:hidden-1@db.internal/refunds",
        "sqlite:data/refunds.db",
    );
    folder.write("refunds.toml", file);
    let output = Command::new(PROGRAM)
        .args(["check-config", "--config"])
        .arg(folder.path().join("refunds.toml"))
        .output()
        .expect("the program can be started");
    let text = String::from_utf8(output.stdout).expect("text");
    let store: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("store."))
        .collect();
    let expected = [
        "store.url = sqlite:data/refunds.db",
        "store.evidence = data/refunds.evidence.db  # default",
    ];
    assert_eq!(
        store, expected,
        "relative to the file, as it would be written"
    );
}
