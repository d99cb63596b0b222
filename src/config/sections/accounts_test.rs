//! Which members each provider's account takes, needs and rejects.

use super::*;
use crate::crypto::SuffixSecret;
use crate::providers::sandbox::Sample;
use crate::providers::{About, Arrival, Provider, Rejection, Request, paycools};

const RELAY_SECRET: &str = "whsec_cmVsYXktc2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXM=";

fn checker() -> Checker {
    Checker {
        source: std::path::PathBuf::new(),
        key_ends: Vec::new(),
        folder: std::path::PathBuf::new(),
        variables: vec![
            ("RELAY".to_owned(), RELAY_SECRET.to_owned()),
            ("BLANK".to_owned(), " ".to_owned()),
        ],
        now: jiff::Timestamp::UNIX_EPOCH,
        problems: Vec::new(),
        warnings: Vec::new(),
        defaults: Vec::new(),
        shown: Vec::new(),
        held: Vec::new(),
        audiences: std::collections::BTreeMap::new(),
    }
}

fn section(provider: &str, members: &str) -> AccountSection {
    toml::from_str(&format!(
        "provider = {provider:?}\naccount = \"x\"\n{members}"
    ))
    .unwrap()
}

/// The adapter of an account with these members, and the keys that have a problem.
fn account(provider: &str, members: &str) -> (Option<Adapter>, Vec<String>) {
    let mut checker = checker();
    let section = section(provider, members);
    let adapter = checker.adapter(0, "a", &section);
    let keys = checker.problems.into_iter().map(|problem| problem.key);
    (adapter, keys.collect())
}

/// Decimals of 12345 of the account's smallest unit.
fn digits_of(provider: &dyn Provider) -> u8 {
    let sample = Sample {
        refund_no: "R-1",
        order_no: "P-1",
        amount: "12345",
        minor_digits: 0,
        ..Sample::default()
    };
    let body = paycools::flat(&sample, &SuffixSecret::new("s")).unwrap();
    let notice = provider.verify(&Request {
        header: &|_| None,
        body: body.as_bytes(),
        now: jiff::Timestamp::UNIX_EPOCH,
    });
    let About::Refund(verified) = notice.unwrap().about else {
        panic!("about a refund");
    };
    let money = verified.claim().unwrap().money.unwrap();
    money.amount.decimals()
}

#[test]
fn amounts_count_cents_unless_told_otherwise_or_in_rupiah() {
    for (currency, members, expected) in [
        ("MYR", "", 2),
        ("IDR", "", 0),
        ("IDR", "minor_digits = 2", 2),
        ("KWD", "minor_digits = 3", 3),
        ("THB", "minor_digits = \"0\"", 0),
    ] {
        let members = format!("secret = \"s\"\ncurrency = {currency:?}\n{members}");
        let adapter = account("paycools", &members).0;
        let Some(Adapter::Callback(provider)) = adapter else {
            panic!("{members}");
        };
        assert_eq!(digits_of(provider.as_ref()), expected, "{members}");
    }
}

#[test]
fn a_paycools_account_needs_a_currency_and_a_key_or_a_secret() {
    for good in [
        "secret = \"s\"\ncurrency = \"MYR\"",
        "secret = \"s\"\ncurrency = \"IDR\"\nutc_offset = \"+07:00\"\nminor_digits = 0",
    ] {
        let (adapter, problems) = account("paycools", good);
        assert!(matches!(adapter, Some(Adapter::Callback(_))), "{good}");
        assert_eq!(problems, [""; 0], "{good}");
    }
    for (bad, key) in [
        ("currency = \"MYR\"", "a.public_keys"),
        ("secret = \"s\"", "a.currency"),
        ("secret = \"s\"\ncurrency = \"myr\"", "a.currency"),
        ("secret = \"env:NONE\"\ncurrency = \"MYR\"", "a.secret"),
        ("secret = \"\"\ncurrency = \"MYR\"", "a.secret"),
        ("secret = \" \\t\"\ncurrency = \"MYR\"", "a.secret"),
        ("secret = \"env:BLANK\"\ncurrency = \"MYR\"", "a.secret"),
        (
            "secret = \"s\"\ncurrency = \"MYR\"\npublic_keys = []",
            "a.public_keys",
        ),
        (
            "secret = \"s\"\ncurrency = \"MYR\"\nutc_offset = \"8\"",
            "a.utc_offset",
        ),
        (
            "secret = \"s\"\ncurrency = \"MYR\"\nminor_digits = 5",
            "a.minor_digits",
        ),
    ] {
        let (adapter, problems) = account("paycools", bad);
        assert!(adapter.is_none(), "{bad}");
        assert_eq!(problems, [key], "{bad}");
    }
}

#[test]
fn a_relayed_account_needs_secrets_and_nothing_else() {
    for provider in ["quickpay", "nmanagement"] {
        let (adapter, problems) = account(provider, "relay_secrets = [\"env:RELAY\"]");
        assert!(matches!(adapter, Some(Adapter::Relay(_))), "{provider}");
        assert_eq!(problems, [""; 0]);
        for (bad, key) in [
            ("", "a.relay_secrets"),
            ("relay_secrets = []", "a.relay_secrets"),
            (
                "relay_secrets = [\"env:RELAY\", \"whsec_AAAA\"]",
                "a.relay_secrets[1]",
            ),
            ("relay_secrets = [\"plain\"]", "a.relay_secrets[0]"),
            (
                "relay_secrets = [\"env:RELAY\"]\ncurrency = \"CNY\"",
                "a.currency",
            ),
        ] {
            assert_eq!(account(provider, bad).1, [key], "{bad}");
        }
    }
}

#[test]
fn a_new_provider_needs_its_line_and_its_members_and_nothing_else() {
    let config = |members: &str| {
        let text = format!(
            "server = {{ listen = \"127.0.0.1:0\", internal_listen = \"127.0.0.1:0\" }}\n\
             store = {{ url = \"sqlite:x.db\" }}\n\
             [[accounts]]\nprovider = \"stub\"\naccount = \"x\"\n{members}"
        );
        let file = crate::config::file::parse(text.parse().unwrap()).unwrap();
        checker().check(&file, Vec::new())
    };
    let key = "public_keys = [{ id = \"k\", file = \"tests/fixtures/keys/rsa-2048.pem\" }]";
    let loaded = config(key).unwrap_or_else(|problems| panic!("{problems:?}"));
    let empty = Request {
        header: &|_| None,
        body: b"",
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    // The adapter is asked, so the account is there.
    let answer = loaded
        .registry
        .verify("stub", "x", &Arrival::default(), &empty)
        .map(drop);
    assert!(matches!(answer, Err(Rejection::Malformed(_))), "{answer:?}");
    for (bad, problem) in [
        (String::new(), "accounts[0].public_keys"),
        (format!("{key}\nsecret = \"s\""), "accounts[0].secret"),
    ] {
        let problems = config(&bad).map(|_| ()).unwrap_err();
        let keys: Vec<_> = problems.into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, [problem], "{bad}");
    }
}

#[test]
fn members_of_another_provider_are_refused() {
    let members = "secret = \"s\"\ncurrency = \"MYR\"\nmerchant_no = \"1\"\napp_id = \"2\"";
    let (_, problems) = account("paycools", members);
    assert_eq!(problems, ["a.merchant_no", "a.app_id"]);
    assert_eq!(account("paypal", "").1, ["a.provider"]);
}

/// The keys below `[accounts.api]` that have a problem.
fn api_problems(provider: &str, members: &str) -> Vec<String> {
    let mut checker = checker();
    let members = format!("[api]\nbase_url = \"https://pay.example.com\"\n{members}");
    let section = section(provider, &members);
    let adapter = checker.adapter(0, "a", &section);
    assert!(adapter.is_none(), "no relay is needed");
    let api = checker.api(0, "a", &section);
    let keys: Vec<_> = checker.problems.into_iter().map(|it| it.key).collect();
    assert!(api.is_some() || !keys.is_empty(), "{members}");
    keys
}

#[test]
fn a_quickpay_account_sends_with_static_headers() {
    let none = Vec::<String>::new();
    assert_eq!(api_problems("quickpay", ""), none);
    let mut checker = checker();
    let plain = section("quickpay", "[api]\nbase_url = \"http://10.0.0.7\"");
    assert!(checker.api(0, "a", &plain).is_none());
    let keys = checker.problems.into_iter().map(|it| it.key);
    assert_eq!(keys.collect::<Vec<_>>(), ["a.api.base_url"]);
    let full = "store_no = \"S02\"\noperator = \"op\"\nheaders = { X-Key = \"a key\" }\n\
                refund_query_path = \"/SuNingPay/RefundQuery\"";
    assert_eq!(api_problems("quickpay", full), none);
    for (members, key) in [
        ("store_no = \"\"", "a.api.store_no"),
        ("operator = \"12345678901234567\"", "a.api.operator"),
        ("refund_query_path = \"a?b\"", "a.api.refund_query_path"),
        ("headers = { Host = \"x\" }", "a.api.headers.host"),
        ("headers = { X-Key = \"a\\nb\" }", "a.api.headers.X-Key"),
        ("headers = { \"X Key\" = \"a\" }", "a.api.headers.X Key"),
        ("token = \"t\"", "a.api.token"),
    ] {
        assert_eq!(api_problems("quickpay", members), [key], "{members}");
    }
}

#[test]
fn an_nmanagement_account_sends_with_a_login_or_a_token() {
    let none = Vec::<String>::new();
    let login = "login = { name = \"n\", password = \"p\" }\n";
    let bank = "[api.bank_client]\nurl = \"http://127.0.0.1:12345\"\ncust_id = \"105\"\n\
                user_id = \"WLPT01\"\npassword = \"p\"";
    assert_eq!(api_problems("nmanagement", login), none);
    assert_eq!(api_problems("nmanagement", "token = \"t\""), none);
    assert_eq!(
        api_problems("nmanagement", &(login.to_owned() + bank)),
        none
    );
    let with = |member: &str, other: &str| login.to_owned() + &bank.replace(member, other);
    for (members, key) in [
        (String::new(), "a.api.login"),
        (format!("{login}token = \"t\""), "a.api.login"),
        ("token = \"a b\"".to_owned(), "a.api.token"),
        (login.replace("\"n\"", "\"\""), "a.api.login.name"),
        (format!("{login}store_no = \"S\""), "a.api.store_no"),
        (with("127.0.0.1", "10.0.0.7"), "a.api.bank_client.url"),
        (with("\"105\"", "\"1<5\""), "a.api.bank_client.cust_id"),
        (with("WLPT01", "WLPT001"), "a.api.bank_client.user_id"),
        (with("\"p\"", "\"退\""), "a.api.bank_client.password"),
    ] {
        assert_eq!(api_problems("nmanagement", &members), [key], "{members}");
    }
}
