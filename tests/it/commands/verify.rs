//! `verify`: yes is exit 0, no is exit 1, a wrong question is exit 2; always one line.

use std::path::Path;

use super::{relay_secret, run, stderr, stdout};
use crate::harness::folder::Folder;
use crate::harness::keys::{other_key, provider_key};
use crate::harness::paycools::{FLAT, PARAM, SECRET, envelope};
use crate::harness::payermax::{OLD_SAMPLE, SAMPLE};
use crate::harness::relay::{self, NEXT_SECRET};

/// Runs `verify`, asserts the exit code and gives the one line.
#[track_caller]
fn expect(code: i32, system: &str, key: &Path, body: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["verify", system, "--key", key.to_str().expect("plain")];
    arguments.extend(["--body", body.to_str().expect("plain")]);
    arguments.extend(more);
    let output = run(&arguments);
    let said = stdout(&output) + &stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert_eq!(
        said.trim_end().lines().count(),
        1,
        "why in one line: {said}"
    );
    assert_eq!(said.starts_with("verified"), code == 0, "{said}");
    said
}

#[test]
fn payermax_signs_the_whole_body_in_both_generations() {
    let folder = Folder::new();
    let key = folder.write("key.pem", &provider_key().public_pem);
    let bare = folder.write("key.txt", provider_key().public_base64());
    let other = folder.write("other.pem", &other_key().public_pem);
    for sample in [SAMPLE, OLD_SAMPLE] {
        let body = folder.write("body.json", sample);
        let tampered = folder.write("tampered.json", sample.replace("1000", "1001"));
        let sign = provider_key().sign(sample.as_bytes());
        for (code, key, body, sign) in [
            (0, &key, &body, sign.as_str()),
            (0, &bare, &body, &sign),
            (1, &other, &body, &sign),
            (1, &key, &tampered, &sign),
            (1, &key, &body, "not base64"),
            (1, &key, &body, ""),
        ] {
            expect(code, "payermax", key, body, &["--sign", sign]);
        }
    }
    let body = folder.write("body.json", SAMPLE);
    assert!(expect(2, "payermax", &key, &body, &[]).contains("--sign"));
    expect(2, "payermax", &body, &body, &["--sign", "AAAA"]);
    expect(
        2,
        "payermax",
        &folder.path().join("nowhere"),
        &body,
        &["--sign", "AAAA"],
    );
}

#[test]
fn paycools_bodies_carry_their_signature() {
    let folder = Folder::new();
    let key = folder.write("key.pem", &provider_key().public_pem);
    let other = folder.write("other.pem", &other_key().public_pem);
    let sign = provider_key().sign(PARAM.as_bytes());
    let good = envelope(PARAM, &sign);
    let body = folder.write("body.json", &good);
    let tampered = folder.write("tampered.json", good.replace("10000", "10001"));
    let unsigned = folder.write("unsigned.json", envelope(PARAM, ""));
    let flat = folder.write("flat.json", FLAT);
    let no_json = folder.write("none.json", "param=1");
    for (code, key, body) in [
        (0, &key, &body),
        (1, &other, &body),
        (1, &key, &tampered),
        (1, &key, &unsigned),
        (1, &key, &flat),
        (1, &key, &no_json),
    ] {
        expect(code, "paycools", key, body, &[]);
    }
    expect(0, "paycools", &key, &unsigned, &["--sign", &sign]);
    expect(1, "paycools", &key, &body, &["--sign", "AAAA"]);
    expect(2, "paycools", &body, &body, &[]);
}

#[test]
fn paycools_flat_is_checked_with_the_shared_secret() {
    let folder = Folder::new();
    let secret = folder.write("secret", format!("{SECRET}\n"));
    let other = folder.write("other", "another-secret");
    let body = folder.write("body.json", FLAT);
    let tampered = folder.write("tampered.json", FLAT.replace("COMPLETE", "FAILED"));
    let sign = "fdce83e0c687242089e2e63df3d71ea48270fc2c";
    let unsigned = folder.write("unsigned.json", FLAT.replace(sign, ""));
    let twice = FLAT.replacen('{', r#"{"sign":"x","#, 1);
    let twice = folder.write("twice.json", twice);
    let open_api = folder.write("open.json", envelope(PARAM, "AAAA"));
    for (code, key, body) in [
        (0, &secret, &body),
        (1, &other, &body),
        (1, &secret, &tampered),
        (1, &secret, &unsigned),
        (1, &secret, &twice),
        (1, &secret, &open_api),
    ] {
        expect(code, "paycools-flat", key, body, &[]);
    }
    expect(0, "paycools-flat", &secret, &unsigned, &["--sign", sign]);
    expect(1, "paycools-flat", &secret, &twice, &["--sign", sign]);
    let empty = folder.write("empty", "\n");
    expect(2, "paycools-flat", &empty, &body, &[]);
}

#[test]
fn relays_are_checked_with_id_and_time() {
    let folder = Folder::new();
    let key = folder.write("relay.secret", relay_secret(relay::SECRET));
    let other = folder.write("other.secret", relay_secret(NEXT_SECRET));
    let text = r#"{"code":"SUCCESS","data":{}}"#;
    let body = folder.write("body.json", text);
    let tampered = folder.write("tampered.json", format!("{text} "));
    let now = relay::timestamp(0);
    let sign = relay::signature(relay::SECRET, "msg_1", &now, text);
    for system in ["quickpay", "nmanagement"] {
        for (code, key, body, id, time, sign) in [
            (0, &key, &body, "msg_1", now.as_str(), sign.as_str()),
            (1, &other, &body, "msg_1", &now, &sign),
            (1, &key, &tampered, "msg_1", &now, &sign),
            (1, &key, &body, "msg_2", &now, &sign),
            (1, &key, &body, "msg_1", "1768642434", &sign),
            (1, &key, &body, "msg_1", "soon", &sign),
            (1, &key, &body, "msg_1", &now, "v1,AAAA"),
        ] {
            let more = ["--id", id, "--timestamp", time, "--sign", sign];
            expect(code, system, key, body, &more);
        }
        let without_time = ["--id", "msg_1", "--sign", &sign];
        assert!(expect(2, system, &key, &body, &without_time).contains("--timestamp"));
        let whole = ["--id", "msg_1", "--timestamp", &now, "--sign", &sign];
        expect(2, system, &body, &body, &whole);
    }

    let old = relay::timestamp(-3600);
    let sign = relay::signature(relay::SECRET, "msg_1", &old, text);
    let more = ["--id", "msg_1", "--timestamp", &old, "--sign", &sign];
    let said = expect(0, "quickpay", &key, &body, &more);
    assert!(said.contains("would reject it"), "{said}");
}
