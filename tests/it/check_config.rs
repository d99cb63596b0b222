//! `check-config` prints what takes effect: what the file and the variables say, in the order of the
//! file, and behind it the defaults of what they leave out.

use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::config::check_file;
use crate::harness::folder::Folder;
use crate::harness::server::PROGRAM;

/// A minimal config, its sections and keys not in alphabetical order.
const FILE: &str = r#"
[store]
url = "postgres://refunds:hidden-1@db.internal/refunds?sslmode=disable"

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
url = "https://erp.example.com/refunds?key=hidden-6"
secrets = ["whsec_aGlkZGVuLTUtaGlkZGVuLTUtaGlkZGVuLTU="]
"#;

/// What is printed of it with one variable; `…` is replaced by the kinds of event and the usual pauses.
const PRINTED: &str = "\
store.url = postgres://refunds:********@db.internal/refunds?sslmode=disable
store.may_lose_acknowledged_callbacks = false  # default
store.require_synchronous = false  # default
store.evidence = refund-receiver.evidence.db  # default
store.wait_at_start = 60s  # default
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
endpoints[0].url = https://erp.example.com/refunds?********
endpoints[0].secrets[0] = ********
endpoints[0].allow_private = false  # default
…
endpoints[0].disable_after_seconds = 432000  # default
endpoints[0].max_in_flight = 16  # default
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
fn a_database_file_has_its_evidence_next_to_it() {
    let folder = Folder::new();
    let file = FILE.replace(
        "postgres://refunds:hidden-1@db.internal/refunds?sslmode=disable",
        "sqlite:data/refunds.db",
    );
    folder.write("refunds.toml", file);
    let output = check_file(&folder.path().join("refunds.toml"), &[]);
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

/// A config with a secret in every key that can hold one; each begins with the mark.
const SECRETS: &str = r#"
[server]
listen = "127.0.0.1:0"
internal_listen = "127.0.0.1:0"

[store]
url = "STORE"

[[accounts]]
provider = "paycools"
account = "my"
secret = "MARK-2"
path_secret = "MARK-6-sixteen-characters"
currency = "MYR"

[[accounts]]
provider = "quickpay"
account = "s1"
relay_secrets = ["whsec_TUFSS01BUkstTUFSSy1NQVJLLU1BUkstTUFSSw=="]

[epay]
tokens = ["MARK-4"]

[[readers]]
name = "erp"
token_sha256 = "TOKEN"
scopes = ["refunds:read"]

[[endpoints]]
name = "erp"
url = "ENDPOINT"
secrets = ["whsec_TUFSS0VORFBPSU5ULU1BUkstRU5EUE9JTlQtTUFSSw=="]
"#;

/// Says what every command that reads the config says of it, good or bad.
fn said_of(config: &str, store_variable: Option<&str>) -> String {
    let folder = Folder::new();
    let path = folder.write("refunds.toml", config);
    let commands: [&[&str]; 5] = [
        &["check-config"],
        &["check-config", "--output", "json"],
        &["serve"],
        &["explain", "rf_01890a5d-ac96-774b-bcce-b302099a8057"],
        &["evidence", "list"],
    ];
    let mut said = String::new();
    for command in commands {
        let mut run = Command::new("timeout");
        run.arg("2")
            .arg(PROGRAM)
            .args(command)
            .arg("--config")
            .arg(&path);
        run.env("RUST_LOG", "trace");
        run.envs(store_variable.map(|url| ("REFUND_RECEIVER__STORE__URL", url)));
        let output = run.output().expect("the program can be started");
        said += &String::from_utf8_lossy(&output.stdout);
        said += &String::from_utf8_lossy(&output.stderr);
    }
    said
}

#[test]
fn a_secret_is_printed_nowhere_whatever_its_place_and_spelling() {
    let digest = "ab".repeat(32);
    let with = |store: &str, endpoint: &str, token: &str| {
        let config = SECRETS.replace("STORE", store);
        config.replace("ENDPOINT", endpoint).replace("TOKEN", token)
    };
    let good_store = "postgres://u:MARK-1@127.0.0.1:1/db";
    let good_endpoint = "https://erp.example.com/hook?key=MARK-3";
    let mut configs: Vec<(String, Option<&str>)> = Vec::new();
    for store in [
        good_store,
        "postgres://127.0.0.1:1/db?user=u&password=MARK-1",
        "postgres://127.0.0.1:1,127.0.0.1:2/db?password=MARK-1&user=u",
        "postgres://127.0.0.1:1/db?user=u&passwrod=MARK-1",
        "postgres://u:MA?RK-1-MARK@127.0.0.1:1/db",
        "postgres://u:a/MARK-1@127.0.0.1:1/db",
        "postgres://u:a#MARK-1@127.0.0.1:1/db",
        "postgres://u:MARK-1@127.0.0.1:1/db?sslmode=MARK-1",
        "mysql://u:MARK-1@127.0.0.1:1/db",
        "host=127.0.0.1 password=MARK-1",
    ] {
        configs.push((with(store, good_endpoint, &digest), None));
        configs.push((
            with("sqlite:refunds.db", good_endpoint, &digest),
            Some(store),
        ));
    }
    for endpoint in [
        "https://u:MARK-3@erp.example.com/hook",
        "https://erp.example.com/hook?MARK-3",
        "http://erp.example.com/hook?key=MARK-3",
        "MARK-3",
    ] {
        configs.push((with(good_store, endpoint, &digest), None));
    }
    // The token itself where its digest belongs, and values of a wrong type.
    configs.push((with(good_store, good_endpoint, "MARK-5"), None));
    let good = with(good_store, good_endpoint, &digest);
    let shown = said_of(&good, None);
    assert!(
        shown.contains("accounts[0].path_secret = ********"),
        "{shown}"
    );
    for (right, wrong) in [
        ("tokens = [\"MARK-4\"]", "tokens = \"MARK-4\""),
        ("secret = \"MARK-2\"", "secret = [\"MARK-2\"]"),
        ("secret = \"MARK-2\"", "secret = MARK-2"),
        ("secret = \"MARK-2\"", "secret = { value = \"MARK-2\" }"),
        (
            "currency = \"MYR\"",
            "currency = \"MYR\"\nrelay_secrets = [\"whsec_MARK-2\"]",
        ),
    ] {
        assert!(good.contains(right), "{right}");
        configs.push((good.replace(right, wrong), None));
    }
    for (config, variable) in configs {
        let said = said_of(&config, variable);
        for mark in ["MARK", "TUFSS"] {
            let shown: Vec<_> = said.lines().filter(|line| line.contains(mark)).collect();
            assert!(shown.is_empty(), "{variable:?}\n{config}\n{shown:#?}");
        }
    }
}

#[test]
fn a_database_on_another_machine_needs_a_word_about_who_may_read_on_the_way() {
    let check = |url: &str| {
        let folder = Folder::new();
        let old = "postgres://refunds:hidden-1@db.internal/refunds?sslmode=disable";
        let path = folder.write("refunds.toml", FILE.replace(old, url));
        let mut run = Command::new(PROGRAM);
        run.args(["check-config", "--config"]).arg(path);
        let output = run.output().expect("the program can be started");
        let said = String::from_utf8(output.stderr).expect("text");
        (output.status.code(), said)
    };
    for url in [
        "postgres://u@db.internal/refunds",
        "postgres://u@127.0.0.1,10.0.0.1/refunds",
    ] {
        let (code, said) = check(url);
        assert_eq!(code, Some(2), "{url}");
        for words in ["store.url", "sslmode=verify-full", "sslmode=disable"] {
            assert!(said.contains(words), "{url}: {said}");
        }
    }
    for url in [
        "postgres://u@db.internal/refunds?sslmode=disable",
        "postgres://u@db.internal/refunds?sslmode=prefer",
        "postgres://u@localhost,127.0.0.1,[::1]/refunds",
        "postgres://u@%2Frun%2Fpostgresql/refunds",
    ] {
        let (code, said) = check(url);
        assert_eq!(code, Some(0), "{url}: {said}");
    }
}

/// A config with this section, and the addresses of the internal listener.
fn with_console(internal: &str, section: &str) -> (bool, String) {
    let folder = Folder::new();
    let file = format!(
        "[server]\nlisten = \"127.0.0.1:1\"\ninternal_listen = \"{internal}\"\n\
         [store]\nurl = \"sqlite:refunds.db\"\n[console]\nenabled = true\n{section}\n"
    );
    folder.write("refunds.toml", file);
    let output = check_file(&folder.path().join("refunds.toml"), &[]);
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn the_console_needs_a_cookie_that_browsers_keep() {
    let user = "proxy_user_header = \"X-User\"\n";
    for (internal, section, wrong) in [
        ("127.0.0.1:2", "", ""),
        ("[::1]:2", "", ""),
        ("0.0.0.0:2", "", "console.allow_insecure_cookie"),
        ("0.0.0.0:2", "allow_insecure_cookie = true", ""),
        (
            "0.0.0.0:2",
            "external_url = \"https://refunds.example.com/\"",
            "",
        ),
        ("0.0.0.0:2", "external_url = \"http://localhost:8081\"", ""),
        (
            "127.0.0.1:2",
            "external_url = \"http://10.0.0.1:8081\"",
            "console.allow_insecure_cookie",
        ),
        (
            "127.0.0.1:2",
            "external_url = \"https://host/path\"",
            "console.external_url",
        ),
        ("127.0.0.1:2", user, "console.trusted_proxies"),
        (
            "127.0.0.1:2",
            "portals = { \"payermax/other\" = \"https://portal.example/{refund_no}\" }",
            "console.portals.\"payermax/other\"",
        ),
        (
            "127.0.0.1:2",
            "proxy_secret = \"a-secret-of-some-length\"",
            "console.proxy_secret",
        ),
    ] {
        let (is_good, said) = with_console(internal, section);
        assert_eq!(is_good, wrong.is_empty(), "{internal} {section}: {said}");
        assert!(said.contains(wrong), "{internal} {section}: {said}");
    }
}
