//! Which members the sections of PayerMax and PayCools that send refunds take, need and reject.

use super::*;
use crate::crypto::test_keys;
use crate::domain::request::intent::Intent;
use crate::providers::outgoing::Outgoing;

fn checker() -> Checker {
    Checker {
        source: std::path::PathBuf::new(),
        key_ends: Vec::new(),
        folder: std::path::PathBuf::new(),
        variables: vec![("PATH_SECRET".to_owned(), "0123456789abcdef".to_owned())],
        now: jiff::Timestamp::UNIX_EPOCH,
        problems: Vec::new(),
        warnings: Vec::new(),
        defaults: Vec::new(),
        shown: Vec::new(),
        held: Vec::new(),
        audiences: std::collections::BTreeMap::new(),
    }
}

/// Sections that differ from good ones in a few lines.
struct Sections {
    private_key: String,
    public_key: String,
}

impl Sections {
    fn new() -> Self {
        let key = &test_keys::PROVIDER;
        let lines = key.to_pem().lines().filter(|line| !line.starts_with('-'));
        Self {
            private_key: lines.collect(),
            public_key: key.public_base64_der().to_owned(),
        }
    }

    /// What sends for the account, and the keys that have a problem.
    fn api(&self, provider: &str, account: &str, api: &str) -> (Option<ApiAccount>, Vec<String>) {
        let (private_key, public_key) = (&self.private_key, &self.public_key);
        let text = format!(
            "provider = {provider:?}\naccount = \"x\"\n\
             public_keys = [{{ id = \"k\", value = \"{public_key}\" }}]\n{account}\n[api]\n\
             base_url = \"https://pay.example.com/\"\n\
             callback_base_url = \"https://refunds.example.com\"\n\
             private_key = \"{private_key}\"\n{api}\n"
        );
        let section: AccountSection = toml::from_str(&text).unwrap();
        let mut checker = checker();
        let adapter = checker.adapter(0, "a", &section);
        let api = checker.api(0, "a", &section);
        let keys: Vec<_> = checker.problems.into_iter().map(|it| it.key).collect();
        assert!(adapter.is_some() || !keys.is_empty(), "{text}");
        assert!(api.is_some() || !keys.is_empty(), "{text}");
        (api, keys)
    }
}

fn body(api: &ApiAccount) -> (String, Option<String>) {
    let intent = Intent {
        order_no: None,
        provider_payment_no: None,
        money: crate::domain::money::Money {
            amount: crate::domain::money::Amount::parse("1").unwrap(),
            currency: "MYR".parse().unwrap(),
        },
        order_amount: None,
        paid_at: None,
        reason: None,
        metadata: std::collections::BTreeMap::new(),
        provider_fields: std::collections::BTreeMap::new(),
    };
    let call = api.client.refund(&Outgoing {
        refund_no: "R1",
        intent: &intent,
        provider_refund_no: None,
        now: jiff::Timestamp::UNIX_EPOCH,
        serial: 1,
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(call.body), call.shown_body.map(text))
}

#[test]
fn payermax_sends_in_either_generation() {
    let sections = Sections::new();
    let full = "merchant_no = \"M\"\napp_id = \"A\"";
    let api = |account, api| sections.api("payermax", account, api);
    let (new, problems) = api(full, "version = \"1.4\"\nsp_merchant_no = \"SP\"");
    assert!(problems.is_empty(), "{problems:?}");
    let (text, shown) = body(&new.unwrap());
    assert!(
        text.starts_with(r#"{"version":"1.4","keyVersion":"1","#),
        "{text}"
    );
    let url = r#""refundNotifyUrl":"https://refunds.example.com/callbacks/payermax/x""#;
    assert!(text.contains(url) && shown.is_none(), "{text}");
    let old = "generation = \"v2.1\"\ncomment_members = \"comment\"";
    let (old, problems) = api("merchant_no = \"M\"", old);
    assert!(problems.is_empty() && old.is_some(), "{problems:?}");
    let token = "merchant_auth_token = \"t\"\nmerchant_auth_token_header = \"merchantAuthToken\"";
    assert!(api(full, token).0.is_some());
    for (account, members, key) in [
        ("merchant_no = \"M\"", "", "a.app_id"),
        ("app_id = \"A\"", "", "a.merchant_no"),
        (full, "generation = \"v3\"", "a.api.generation"),
        (full, "comment_members = \"both\"", "a.api.comment_members"),
        (full, "timestamp_unit = \"s\"", "a.api.timestamp_unit"),
        (
            full,
            "generation = \"v2.1\"\nversion = \"1.5\"",
            "a.api.version",
        ),
        (
            full,
            "generation = \"v2.1\"\ncomment_members = \"x\"",
            "a.api.comment_members",
        ),
        (
            full,
            "merchant_auth_token_header = \"X\"",
            "a.api.merchant_auth_token_header",
        ),
        (
            full,
            "merchant_auth_token = \"t\"\nmerchant_auth_token_header = \"a b\"",
            "a.api.merchant_auth_token_header",
        ),
    ] {
        let (_, problems) = api(account, members);
        assert!(
            problems.contains(&key.to_owned()),
            "{members}: {problems:?}"
        );
    }
    let other = &test_keys::OURS;
    let other = format!("public_key = \"{}\"", other.public_base64_der());
    assert_eq!(api(full, &other).1, ["a.api.private_key"]);
}

#[test]
fn paycools_sends_in_either_form() {
    let sections = Sections::new();
    let api = |account: &str, api| {
        let account = format!("currency = \"MYR\"\n{account}");
        sections.api("paycools", &account, api)
    };
    let (open, problems) = api("path_secret = \"env:PATH_SECRET\"", "app_id = \"A\"");
    assert!(problems.is_empty(), "{problems:?}");
    let (text, shown) = body(&open.unwrap());
    assert!(text.contains("https://refunds.example.com/callbacks/paycools/x/0123456789abcdef"));
    let shown = shown.unwrap();
    assert!(shown.contains("/callbacks/paycools/x/***") && !shown.contains("0123456789abcdef"));
    let (flat, problems) = api("app_id = \"A\"", "generation = \"flat\"");
    assert!(problems.is_empty(), "{problems:?}");
    assert!(
        body(&flat.unwrap())
            .0
            .starts_with(r#"{"appId":"A","mchRefundOrderId":"R1","#)
    );
    let suffix = "generation = \"flat\"\nrequest_secret_suffix = true";
    let with_secret = "app_id = \"A\"\nsecret = \"0123456789abcdef0123\"";
    assert!(api(with_secret, suffix).0.is_some());
    for (account, members, key) in [
        ("", "", "a.api.app_id"),
        ("app_id = \"A\"", "app_id = \"B\"", "a.api.app_id"),
        ("app_id = \"A\"", suffix, "a.api.request_secret_suffix"),
        (
            "app_id = \"A\"",
            "request_secret_suffix = true",
            "a.api.request_secret_suffix",
        ),
        (
            "app_id = \"A\"",
            "timestamp_unit = \"us\"",
            "a.api.timestamp_unit",
        ),
        (
            "app_id = \"A\"",
            "generation = \"flat\"\ntimestamp_unit = \"s\"",
            "a.api.timestamp_unit",
        ),
        ("app_id = \"A\"", "version = \"1\"", "a.api.version"),
    ] {
        assert_eq!(api(account, members).1, [key], "{account} {members}");
    }
}
