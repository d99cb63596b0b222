//! Secrets with something stray around them: line breaks and byte order marks that a file or a shell adds are
//! removed, everything else is rejected by name at the start, wherever the secret comes from.

use std::process::Output;

use crate::harness::config::check_file;
use crate::harness::folder::Folder;
use crate::harness::keys::{provider_key, sha256_hex};
use crate::harness::relay;

/// A key of the config that holds a secret, its section, and a valid secret.
struct Place {
    key: &'static str,
    toml: &'static str,
    good: String,
}

fn places() -> Vec<Place> {
    let paycools = "[[accounts]]\nprovider = \"paycools\"\naccount = \"my\"\ncurrency = \"MYR\"\n";
    let endpoint = "[[endpoints]]\nname = \"erp\"\n";
    let leak = |text: String| -> &'static str { text.leak() };
    let place = |key, toml, good: &str| Place {
        key,
        toml,
        good: good.to_owned(),
    };
    let whsec = relay::text(relay::SECRET);
    vec![
        place(
            "accounts[0].secret",
            leak(format!("{paycools}secret = SECRET\n")),
            "the-secret-of-the-flat-form",
        ),
        place(
            "accounts[0].path_secret",
            leak(format!(
                "{paycools}secret = \"an-other-secret-of-it\"\npath_secret = SECRET\n"
            )),
            "path-secret-of-an-account",
        ),
        place(
            "accounts[0].relay_secrets[0]",
            "[[accounts]]\nprovider = \"quickpay\"\naccount = \"s\"\nrelay_secrets = [SECRET]\n",
            &whsec,
        ),
        place(
            "epay.tokens[0]",
            "[epay]\ntokens = [SECRET]\n",
            "token-of-the-caller-of-epay",
        ),
        place(
            "endpoints[0].secrets[0]",
            leak(format!(
                "{endpoint}url = \"https://erp.example.com/\"\nsecrets = [SECRET]\n"
            )),
            &whsec,
        ),
        place(
            "endpoints[0].url",
            leak(format!("{endpoint}url = SECRET\nsecrets = [\"{whsec}\"]\n")),
            "https://erp.example.com/hook?key=KEY-IN-QUERY",
        ),
        place(
            "endpoints[0].headers.X-Key",
            leak(format!(
                "{endpoint}url = \"https://erp.example.com/\"\nsecrets = [\"{whsec}\"]\nheaders = {{ X-Key = SECRET }}\n"
            )),
            "key-of-the-gateway",
        ),
        place("store.url", "", "postgres://u:word@127.0.0.1:1/db"),
    ]
}

/// Checks a config whose one secret comes as `written`, with a variable or a file of this content.
fn check(place: &Place, written: &str, content: &str) -> Output {
    let folder = Folder::new();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (store, rest) = if place.key == "store.url" {
        (quoted(written), String::new())
    } else {
        let rest = place.toml.replace("SECRET", &quoted(written));
        ("\"sqlite:refunds.db\"".to_owned(), rest)
    };
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ninternal_listen = \"127.0.0.1:0\"\n[store]\nurl = {store}\n{rest}"
    );
    let path = folder.write("refunds.toml", config);
    folder.write("the.secret", content);
    let variable = ("THE_SECRET".to_owned(), content.to_owned());
    check_file(&path, &[variable])
}

#[test]
fn stray_white_space_around_a_secret_is_taken_away_or_refused_by_name() {
    for place in places() {
        let good = place.good.as_str();
        for (content, is_good) in [
            (good.to_owned(), true),
            (format!("{good}\n"), true),
            (format!("{good}\r\n"), true),
            (format!("\u{feff}{good}\r\n"), true),
            (format!(" {good}"), false),
            (format!("{good} "), false),
            (format!("{good}\t\n"), false),
            (format!("\n{good}"), false),
            (format!("{good}\n{good}"), false),
            (format!("{good}\u{200b}"), false),
            (format!("{good}\u{a0}"), false),
            ("\n".to_owned(), false),
        ] {
            for written in [content.as_str(), "env:THE_SECRET", "file:the.secret"] {
                let output = check(&place, written, &content);
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let expected = if is_good { Some(0) } else { Some(2) };
                let what = format!("{} = {written:?} with {content:?}: {said}", place.key);
                assert_eq!(output.status.code(), expected, "{what}");
                if !is_good {
                    assert!(said.contains(place.key), "{what}");
                }
                let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &said;
                let is_shown = printed.contains(good) && place.key != "store.url";
                assert!(!is_shown, "{what}\n{printed}");
            }
        }
    }
}

#[test]
fn what_can_never_match_is_refused_by_name() {
    let pem = &provider_key().public_pem;
    let account = |more: &str| {
        format!(
            "[[accounts]]\nprovider = \"payermax\"\naccount = \"main\"\n\
             public_keys = [{{ id = \"k\", file = \"k.pem\" }}]\n{more}\n"
        )
    };
    let reader = |digest: &str| {
        format!("[[readers]]\nname = \"r\"\ntoken_sha256 = \"{digest}\"\nscopes = []\n")
    };
    let digest = sha256_hex("a token");
    for (toml, key) in [
        (account("merchant_no = \"1 \""), "accounts[0].merchant_no"),
        (
            account("merchant_no = \"1\"\napp_id = \" a\""),
            "accounts[0].app_id",
        ),
        (reader(&format!("{digest} ")), "readers[0].token_sha256"),
        (reader(&format!("{digest}\\n")), "readers[0].token_sha256"),
        (reader(&sha256_hex("")), "readers[0].token_sha256"),
        (reader(&sha256_hex("\n")), "readers[0].token_sha256"),
        (
            "[epay]\ntokens = [\"Bearer token-of-the-caller\"]\n".to_owned(),
            "epay.tokens[0]",
        ),
        (
            "[epay]\ntokens = [\"口令-of-the-caller-of-epay\"]\n".to_owned(),
            "epay.tokens[0]",
        ),
    ] {
        let folder = Folder::new();
        folder.write("k.pem", pem);
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ninternal_listen = \"127.0.0.1:0\"\n\
             [store]\nurl = \"sqlite:refunds.db\"\n{toml}"
        );
        let output = check_file(&folder.write("refunds.toml", config), &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{toml}: {said}");
        assert!(said.contains(key), "{toml}: {said}");
    }
}
