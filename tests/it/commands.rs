//! The command line: each command does what its help says and rejects wrong input in one clear line.

mod help;
mod trigger;
mod verify;

use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ENGINE;
use crate::harness::config::{EPAY_TOKEN, check};
use crate::harness::folder::Folder;
use crate::harness::keys::{TestKey, provider_key};
use crate::harness::payermax::{ACK, MAIN, SAMPLE};
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, Server};

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .output()
        .expect("the program can be started")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The written form of a relay's secret.
fn relay_secret(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// Asserts exit 2 and a single line on stderr that holds each of `words`.
#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(2), "stderr: {said}");
    assert_eq!(
        said.trim_end().lines().count(),
        1,
        "one line an error: {said}"
    );
    for word in words {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
    assert_eq!(stdout(output), "", "errors go to stderr alone");
}

/// An account whose key file holds this text.
fn with_key_file(content: &str) -> ConfigBuilder {
    let account = "[[accounts]]\nprovider = \"payermax\"\naccount = \"main\"\n\
                   merchant_no = \"020213827212251\"\n\
                   public_keys = [{ id = \"k\", file = \"the.pem\" }]\n";
    ConfigBuilder::bare(ENGINE)
        .toml(account)
        .file("the.pem", content)
}

#[test]
fn a_good_config_is_printed_with_its_secrets_masked() {
    let epay = "[epay]\ntokens = [\"env:TEST_EPAY_TOKEN\", \"file:epay.token\"]\n";
    let secret = "a-token-that-only-the-environment-knows-0123456789";
    let keys = [("2026", provider_key(), "")];
    let config = ConfigBuilder::bare(ENGINE)
        .payermax("main", "020213827212251", None, &keys)
        .toml(epay)
        .file("epay.token", EPAY_TOKEN)
        .variable("TEST_EPAY_TOKEN", secret);
    let output = check(&config);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    for expected in ["payermax", "main", "020213827212251", "epay"] {
        assert!(shown.contains(expected), "`{expected}` in: {shown}");
    }
    for hidden in [EPAY_TOKEN, secret] {
        assert!(!shown.contains(hidden), "`{hidden}` in: {shown}");
    }
}

#[test]
fn a_mistake_in_the_config_is_exit_2_and_one_line_that_names_it() {
    let unknown = ConfigBuilder::new(ENGINE).toml("[serverr]\nlisten = \"127.0.0.1:0\"\n");
    refused(&check(&unknown), &["serverr"]);

    let inner = ConfigBuilder::new(ENGINE).toml("[telemetry_of_no_kind]\nx = 1\n");
    refused(&check(&inner), &["telemetry_of_no_kind"]);

    let account = |line: &str| {
        format!(
            "[[accounts]]\nprovider = \"payermax\"\naccount = \"more\"\nmerchant_no = \"1\"\n{line}\n"
        )
    };
    let missing = account("public_keys = [{ id = \"k\", file = \"not-there.pem\" }]");
    refused(
        &check(&ConfigBuilder::new(ENGINE).toml(&missing)),
        &["not-there.pem"],
    );

    let unset = "[epay]\ntokens = [\"env:A_VARIABLE_THAT_IS_UNSET\"]\n";
    refused(
        &check(&ConfigBuilder::bare(ENGINE).toml(unset)),
        &["epay", "A_VARIABLE_THAT_IS_UNSET"],
    );

    refused(
        &check(&ConfigBuilder::new(ENGINE).toml(&account(""))),
        &["public_keys"],
    );
    refused(
        &check(&ConfigBuilder::new(ENGINE).toml(&account("public_keys = []"))),
        &["public_keys"],
    );

    let misspelt = account("public_key = [{ id = \"k\", file = \"main-2026.pem\" }]");
    refused(
        &check(&ConfigBuilder::new(ENGINE).toml(&misspelt)),
        &["public_key"],
    );
}

#[test]
fn a_secret_that_guards_nothing_is_refused_by_its_key() {
    let epay = |token: &str| {
        ConfigBuilder::bare(ENGINE)
            .toml("[epay]\ntokens = [\"env:TEST_EPAY_TOKEN\"]\n")
            .variable("TEST_EPAY_TOKEN", token)
    };
    for blank in ["", " ", "\t\u{3000} "] {
        refused(&check(&epay(blank)), &["epay.tokens[0]"]);
    }
    for (token, warned) in [("0123456789abcde", true), ("0123456789abcdef", false)] {
        let output = check(&epay(token));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let said = stderr(&output);
        assert_eq!(
            said.contains("epay.tokens[0]: is shorter"),
            warned,
            "{said}"
        );
    }

    let paycools = |secret: &str| {
        ConfigBuilder::bare(ENGINE)
            .toml("[[accounts]]\nprovider = \"paycools\"\naccount = \"my\"\ncurrency = \"MYR\"")
            .toml("secret = \"file:paycools.secret\"\n")
            .file("paycools.secret", secret)
    };
    for blank in ["", "\n", " \n", " \n\t\n"] {
        refused(&check(&paycools(blank)), &["accounts[0].secret"]);
    }
    // The provider gives it, however short.
    let good = check(&paycools("s\n"));
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
}

#[test]
fn a_store_url_that_means_something_else_than_it_says_is_refused() {
    for url in [
        "sqlite:file:zz.db",
        "sqlite:file:zz.db?nolock=1",
        "sqlite::memory:",
        "sqlite://dir/x.db",
    ] {
        let config = ConfigBuilder::new(ENGINE).variable("REFUND_RECEIVER__STORE__URL", url);
        refused(&check(&config), &["store.url", "write", "sqlite:data"]);
    }
}

#[test]
fn two_mistakes_are_two_lines() {
    let account = "[[accounts]]\nprovider = \"payermax\"\naccount = \"more\"\n\
                   merchant_no = \"1\"\npublic_keys = []\n";
    let epay = "[epay]\ntokens = [\"env:A_VARIABLE_THAT_IS_UNSET\"]\n";
    let output = check(&ConfigBuilder::bare(ENGINE).toml(account).toml(epay));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output).trim_end().lines().count(),
        2,
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_same_account_twice_is_refused() {
    let keys = [("2026", provider_key(), "")];
    let twice = ConfigBuilder::bare(ENGINE)
        .payermax("main", "020213827212251", None, &keys)
        .payermax("main", "020213827212252", None, &keys);
    refused(&check(&twice), &["payermax", "main"]);
}

#[test]
fn a_key_that_guards_nothing_is_refused_when_it_is_loaded() {
    let weak = TestKey::generate(1024, 65_537);
    refused(&check(&with_key_file(&weak.public_pem)), &["2048"]);

    let small_exponent = TestKey::generate(2048, 3);
    refused(
        &check(&with_key_file(&small_exponent.public_pem)),
        &["exponent"],
    );

    let output = check(&with_key_file(&provider_key().private_pem));
    refused(&output, &["private"]);
    let secret = provider_key()
        .private_pem
        .lines()
        .nth(5)
        .expect("a PEM has lines");
    assert!(
        !stderr(&output).contains(secret),
        "the key itself is never shown"
    );

    refused(&check(&with_key_file("no key at all")), &["public_keys[0]"]);
    refused(&check(&with_key_file("")), &["public_keys[0]"]);
}

#[test]
fn serve_refuses_a_bad_config_like_check_config_does() {
    let folder = Folder::new();
    ConfigBuilder::new(ENGINE)
        .toml("[serverr]\nx = 1\n")
        .write(&folder);
    let path = folder.path().join("refund-receiver.toml");
    let path = path.to_str().expect("a plain path");
    refused(&run(&["serve", "--config", path]), &["serverr"]);
    refused(
        &run(&["serve", "--config", "/nowhere/at-all.toml"]),
        &["/nowhere/at-all.toml"],
    );
}

#[test]
fn a_variable_overrides_a_scalar_of_the_file() {
    // The address of the file is a documentation address (RFC 5737) and cannot be bound.
    let config = ConfigBuilder::new(ENGINE)
        .listen("192.0.2.1:8080")
        .variable("REFUND_RECEIVER__SERVER__LISTEN", "127.0.0.1:0");
    let server = Server::start(&config);
    server.notify(MAIN, SAMPLE).expect(200, ACK);

    let unknown = ConfigBuilder::new(ENGINE).variable("REFUND_RECEIVER__SERVER__LISTENN", "x");
    let output = check(&unknown);
    assert_eq!(
        output.status.code(),
        Some(2),
        "an unknown key in a variable, too"
    );
}

#[test]
fn the_demo_shows_every_outcome_and_exits_0() {
    let folder = Folder::new();
    let data = folder.path().join("kept");
    let data = data.to_str().expect("a plain path");
    let output = run(&["demo", "--exit", "--dir", data]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}\n{}",
        stdout(&output),
        stderr(&output)
    );
    let table = stdout(&output);
    for system in ["payermax", "paycools", "quickpay", "nmanagement", "epay"] {
        assert!(
            table.to_lowercase().contains(system),
            "{system} in: {table}"
        );
    }
    assert!(!table.contains("UNEXPECTED"), "{table}");
    let kept = std::fs::read_dir(data)
        .expect("--dir keeps the data")
        .count();
    assert!(kept > 0, "--dir keeps the data");
}

#[test]
fn demos_that_start_together_do_not_take_each_others_ports() {
    let demos = [(); 3].map(|()| {
        Command::new(PROGRAM)
            .args(["demo", "--exit"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started")
    });
    for demo in demos {
        let output = demo.wait_with_output().expect("our child");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}
