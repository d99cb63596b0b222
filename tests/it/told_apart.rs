//! Accounts with one key are told apart by more than the key, or rejected at the start.

use std::process::{Command, Output};

use serde_json::json;

use super::ENGINE;
use crate::harness::folder::Folder;
use crate::harness::keys::{provider_key, sha256_hex};
use crate::harness::paycools::{OPEN_API_ACK, PARAM, SECRET, envelope, flat};
use crate::harness::payermax::{ACK, Notice, OLD_ACK, UNAUTHORIZED};
use crate::harness::relay::{self, text};
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, Server};

const MY_PATH: &str = "path-secret-of-malaysia";
const ID_PATH: &str = "path-secret-of-indonesia";

/// An account with the provider's key and these members.
fn account(provider: &str, name: &str, more: &str) -> String {
    format!(
        "[[accounts]]\nprovider = \"{provider}\"\naccount = \"{name}\"\n\
         public_keys = [{{ id = \"{name}\", file = \"{name}.pem\" }}]\n{more}\n"
    )
}

/// Two accounts of `PayCools` with one key, each with these members.
fn two(my: &str, id: &str) -> ConfigBuilder {
    let (my, id) = (
        format!("currency = \"MYR\"\n{my}"),
        format!("currency = \"IDR\"\n{id}"),
    );
    bare()
        .toml(&account("paycools", "my", &my))
        .toml(&account("paycools", "id", &id))
}

/// One key in files of two names, and in two spellings.
fn bare() -> ConfigBuilder {
    let pem = &provider_key().public_pem;
    let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    ConfigBuilder::bare(ENGINE)
        .file("my.pem", pem)
        .file("id.pem", &bare)
}

fn check(config: &ConfigBuilder, command: &str) -> Output {
    let folder = Folder::new();
    config.write(&folder);
    Command::new(PROGRAM)
        .args([command, "--config"])
        .arg(folder.path().join("refund-receiver.toml"))
        .output()
        .expect("the program can be started")
}

#[track_caller]
fn said(config: &ConfigBuilder, code: i32) -> String {
    let output = check(config, "check-config");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn accounts_that_would_believe_each_other_are_refused_by_name() {
    let relayed = |provider: &str, name: &str| {
        let secret = text(relay::SECRET);
        format!(
            "[[accounts]]\nprovider = \"{provider}\"\naccount = \"{name}\"\n\
             relay_secrets = [\"{secret}\"]\n"
        )
    };
    let payermax = |name: &str, more: &str| account("payermax", name, more);
    let secret = "secret-of-the-flat-form";
    let flat = format!("secret = \"{secret}\"");
    let reader = format!(
        "[[readers]]\nname = \"x\"\ntoken_sha256 = \"{}\"\nscopes = []\n",
        sha256_hex(secret)
    );
    let path = format!("path_secret = \"{MY_PATH}\"");
    for (config, words) in [
        (two("", ""), ["paycools/my", "paycools/id", "path_secret"]),
        (
            two(&path, ""),
            ["paycools/my", "paycools/id", "path_secret"],
        ),
        (
            two(
                "refund_no_prefix = \"MY\"",
                "refund_no_prefix = \"MYR\"",
            ),
            ["paycools/my", "paycools/id", "refund_no_prefix"],
        ),
        (
            two(
                "allow_from = [\"10.0.0.0/8\"]",
                "allow_from = [\"192.0.2.1\", \"10.1.0.0/16\"]",
            ),
            ["paycools/my", "paycools/id", "allow_from"],
        ),
        (
            bare()
                .toml(&payermax("my", "merchant_no = \"1\""))
                .toml(&payermax("id", "merchant_no = \"1\"\napp_id = \"a\"")),
            ["payermax/my", "payermax/id", "app_id"],
        ),
        (
            ConfigBuilder::bare(ENGINE)
                .toml(&relayed("quickpay", "s1"))
                .toml(&relayed("nmanagement", "ccb")),
            ["quickpay/s1", "nmanagement/ccb", "accounts[0].relay_secrets[0]"],
        ),
        (
            ConfigBuilder::bare(ENGINE)
                .toml(&format!("[[accounts]]\nprovider = \"paycools\"\naccount = \"my\"\ncurrency = \"MYR\"\n{flat}\n"))
                .toml(&reader),
            ["accounts[0].secret", "readers[", "one of its own"],
        ),
        (
            ConfigBuilder::bare(ENGINE)
                .toml(&reader)
                .toml(&format!("[epay]\ntokens = [\"{secret}\"]\n")),
            ["epay.tokens[0]", "readers[", "one of its own"],
        ),
    ] {
        let said = said(&config, 2);
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert!(!said.contains(secret) && !said.contains(MY_PATH), "{said}");
        assert_eq!(check(&config, "serve").status.code(), Some(2));
    }
}

#[test]
fn accounts_that_are_told_apart_may_share_a_key() {
    let payermax = |name: &str, more: &str| account("payermax", name, more);
    let path = |secret: &str| format!("path_secret = \"{secret}\"");
    for config in [
        two(&path(MY_PATH), &path(ID_PATH)),
        two("refund_no_prefix = \"MY\"", "refund_no_prefix = \"ID\""),
        two(
            "allow_from = [\"10.1.0.0/16\"]",
            "allow_from = [\"10.2.0.0/16\"]",
        ),
        bare()
            .toml(&payermax("my", "merchant_no = \"1\""))
            .toml(&payermax("id", "merchant_no = \"2\"\napp_id = \"a\"")),
        bare()
            .toml(&payermax("my", "merchant_no = \"1\"\napp_id = \"b\""))
            .toml(&payermax("id", "merchant_no = \"1\"\napp_id = \"a\"")),
    ] {
        said(&config, 0);
    }
    // Neither accepts the other's messages, but a key of two providers is a mistake.
    let strange = bare()
        .toml(&account("payermax", "my", "merchant_no = \"1\""))
        .toml(&account("paycools", "id", "currency = \"IDR\""));
    let said = said(&strange, 0);
    assert!(said.contains("the wrong file"), "{said}");
}

#[test]
fn a_paycools_account_that_only_its_key_guards_is_warned_of() {
    let alone = |more: &str| {
        bare().toml(&account(
            "paycools",
            "my",
            &format!("currency = \"MYR\"\n{more}"),
        ))
    };
    assert!(said(&alone(""), 0).contains("path_secret"));
    assert!(!said(&alone("refund_no_prefix = \"MY\""), 0).contains("path_secret"));
    let short = said(&alone("secret = \"flatsecret\""), 0);
    assert!(short.contains("accounts[0].secret"), "{short}");
    assert!(!short.contains("flatsecret"), "{short}");
}

#[test]
fn the_published_test_key_needs_a_word_of_its_own_and_secrets_have_no_white_space() {
    let config = |more: &str| {
        ConfigBuilder::bare(ENGINE)
            .file(
                "my.pem",
                include_str!("../fixtures/keys/published-test.pem"),
            )
            .toml(&account(
                "payermax",
                "my",
                &format!("merchant_no = \"1\"\n{more}"),
            ))
    };
    let refused = said(&config(""), 2);
    assert!(refused.contains("allow_test_key"), "{refused}");
    assert!(refused.contains("accounts[0].public_keys[0]"), "{refused}");
    assert!(said(&config("allow_test_key = true"), 0).contains("everyone can sign"));
    said(&config("allow_test_key = false"), 2);

    for (content, code) in [("a-good-token-of-epay\n", 0), (" a-good-token-of-epay", 2)] {
        let config = ConfigBuilder::bare(ENGINE)
            .file("token", content)
            .toml("[epay]\ntokens = [\"file:token\"]\n");
        let said = said(&config, code);
        assert_eq!(said.contains("epay.tokens[0]"), code == 2, "{said}");
    }
}

#[test]
fn a_secret_path_takes_what_knows_it_and_shows_it_nowhere() {
    let path = |secret: &str| format!("path_secret = \"{secret}\"");
    let server = Server::start(&two(&path(MY_PATH), &path(ID_PATH)).with_epay());
    let body = envelope(PARAM, &provider_key().sign(PARAM.as_bytes()));
    for path in [
        "/callbacks/paycools/my".to_owned(),
        format!("/callbacks/paycools/my/{ID_PATH}"),
        format!("/callbacks/paycools/id/{MY_PATH}"),
        format!("/callbacks/paycools/my/{MY_PATH}x"),
        format!("/callbacks/paycools/unknown/{MY_PATH}"),
        format!("/callbacks/payermax/my/{MY_PATH}"),
    ] {
        server.post_json(&path, &body).expect(401, UNAUTHORIZED);
    }
    for path in ["/callbacks/paycools/my/", "/callbacks/paycools/my/a/b"] {
        assert_eq!(server.post_json(path, &body).status, 404, "{path}");
    }
    server.assert_refund_tables_are_empty();
    let shown: Vec<_> = server
        .evidence_of(6)
        .into_iter()
        .map(|one| one.path)
        .collect();
    assert_eq!(shown[1], "/callbacks/paycools/my/…");
    server
        .post_json(&format!("/callbacks/paycools/my/{MY_PATH}"), &body)
        .expect(200, OPEN_API_ACK);
    let refund = server.applied("18184914989277184");
    assert_eq!(
        (&refund["account"], &refund["amount"]),
        (&json!("my"), &json!("100.00"))
    );
    assert_eq!(server.refunds("").len(), 1);
    let log = server.log();
    for secret in [MY_PATH, ID_PATH] {
        assert!(!log.contains(secret) && !shown.concat().contains(secret));
    }
    server.assert_audit_is_clean(None);
}

#[test]
fn a_prefix_and_networks_refuse_what_is_signed_for_another_account() {
    let server = Server::start(&two(
        "refund_no_prefix = \"MY\"\nallow_from = [\"127.0.0.0/8\"]",
        "refund_no_prefix = \"ID\"\nallow_from = [\"192.0.2.0/24\"]",
    ));
    let post = |account: &str, refund_no: &str| {
        let param = PARAM.replace("18184914989277184", refund_no);
        server.post_param(&format!("/callbacks/paycools/{account}"), &param)
    };
    post("my", "ID1").expect(401, UNAUTHORIZED);
    post("my", "18184914989277184").expect(401, UNAUTHORIZED);
    post("id", "ID1").expect(401, UNAUTHORIZED);
    server
        .post_param("/callbacks/paycools/my", "no json")
        .expect(401, UNAUTHORIZED);
    server.assert_refund_tables_are_empty();
    post("my", "MY1").expect(200, OPEN_API_ACK);
    assert_eq!(server.applied("MY1")["account"], "my");
}

#[test]
fn one_key_of_two_apps_or_two_providers_believes_what_names_its_account() {
    let payermax = |name: &str, app: &str| {
        account(
            "payermax",
            name,
            &format!("merchant_no = \"SP1\"\napp_id = \"{app}\""),
        )
    };
    let server = Server::start(
        &bare()
            .file("pc.pem", &provider_key().public_pem)
            .file("flat.secret", SECRET)
            .toml(&payermax("my", "app-my"))
            .toml(&payermax("id", "app-id"))
            .toml(&account("paycools", "pc", "currency = \"MYR\"")),
    );
    let mut notice = Notice::new("R-1", "REFUND_SUCCESS");
    notice.merchant_no = "SP1";
    let body = notice
        .text()
        .replace(crate::harness::config::APP_ID, "app-my");
    server
        .notify("/callbacks/payermax/my", &body)
        .expect(200, ACK);
    server
        .notify("/callbacks/payermax/id", &body)
        .expect(401, UNAUTHORIZED);
    // It names no app, so it would be for both.
    let old = crate::harness::payermax::OLD_SAMPLE.replace("SP12345678", "SP1");
    for name in ["my", "id"] {
        let path = format!("/callbacks/payermax/{name}");
        let reply = server.notify(&path, &old);
        reply.expect(401, UNAUTHORIZED);
        assert_ne!(reply.text(), OLD_ACK);
    }
    let param = envelope(&body, &provider_key().sign(body.as_bytes()));
    server
        .post_json("/callbacks/paycools/pc", param)
        .expect(401, UNAUTHORIZED);
    let unsigned = flat(&[("eventName", "payment.refund.success")]);
    server
        .post_json("/callbacks/paycools/pc", unsigned)
        .expect(401, UNAUTHORIZED);
    assert_eq!(server.applied("R-1")["account"], "my");
    assert_eq!(server.refunds("").len(), 1);
}

#[test]
fn a_relayed_message_counts_once_over_all_accounts() {
    let mut config = ConfigBuilder::bare(ENGINE);
    for (name, secret) in [("s1", relay::SECRET), ("s2", relay::NEXT_SECRET)] {
        config = config.toml(&format!(
            "[[accounts]]\nprovider = \"quickpay\"\naccount = \"{name}\"\n\
             relay_secrets = [\"{}\"]\n",
            text(secret)
        ));
    }
    let server = Server::start(&config);
    let body = r#"{"code":"SUCCESS","msg":"","data":{"transaction_status":"REFUNDED","refund_amount":100}}"#;
    let time = relay::timestamp(0);
    let send = |path: &str, secret: &[u8]| {
        let sign = relay::signature(secret, "msg_1", &time, body);
        server.relay_as(path, body, "msg_1", &time, &sign)
    };
    let first = send("/relays/quickpay/s1/R-1", relay::SECRET);
    let refund = first.expect_json(200)["refund_id"].clone();
    send("/relays/quickpay/s2/R-2", relay::NEXT_SECRET).expect(401, UNAUTHORIZED);
    let again = send("/relays/quickpay/s1/R-3", relay::SECRET);
    assert_eq!(
        again.expect_json(200)["refund_id"],
        refund,
        "the same message"
    );
    assert_eq!(server.refunds("").len(), 1);
    // Log, evidence and diagnosis say one thing, and the bytes are kept.
    let cause = "the message was delivered to another account before";
    let shown = server.newest_of_refused(1);
    assert_eq!(
        (&shown["why"], &shown["body"]),
        (&json!(cause), &json!(body))
    );
    let found = &shown["diagnosis"]["findings"];
    assert_eq!(
        found[0]["mangling"], "message_of_another_account",
        "{shown}"
    );
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{shown}");
    let says = shown["diagnosis"]["says"].as_str().expect("a text");
    assert!(
        says.contains(cause) && !says.contains("it came now"),
        "{says}"
    );
    let line = format!(r#""why":"{cause}""#);
    assert!(server.log().contains(&line), "{}", server.log());
    server.assert_audit_is_clean(None);
}
