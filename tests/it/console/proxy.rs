//! The login by a proxy.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::config::ConfigBuilder;
use crate::harness::console::{Browser, OPERATOR_TOKEN, readers};

/// The console behind a proxy, which is the test itself.
fn behind_a_proxy(trusted: &str) -> (Server, Browser) {
    let proxy = format!(
        "[console]\nenabled = true\nexternal_url = \"https://refunds.example.com\"\n\
         proxy_user_header = \"X-Forwarded-User\"\ntrusted_proxies = [\"{trusted}\"]\n\
         proxy_secret_header = \"X-Console-Secret\"\nproxy_secret = \"env:PROXY_SECRET\"\n\
         proxy_groups_header = \"X-Groups\"\nproxy_groups = {{ ops = [\"operate\"] }}\n"
    );
    let mut config = ConfigBuilder::new(ENGINE).toml(&readers()).toml(&proxy);
    config.environment.push((
        "PROXY_SECRET".to_owned(),
        "a-secret-of-the-proxy".to_owned(),
    ));
    let server = Server::start(&config);
    let mut browser = Browser::new(&server);
    "https://refunds.example.com".clone_into(&mut browser.origin);
    (server, browser)
}

const OF_PROXY: [(&str, &str); 2] = [
    ("x-forwarded-user", "anna"),
    ("x-console-secret", "a-secret-of-the-proxy"),
];

#[test]
fn a_proxy_that_is_trusted_names_the_user_and_the_groups() {
    let (_server, mut browser) = behind_a_proxy("127.0.0.1");
    let first = browser.get_with("/console/health", &OF_PROXY);
    assert_eq!(first.status, 200, "{}", first.text());
    assert!(first.text().contains("proxy:anna"));
    assert!(
        !first.text().contains("/console/sessions/revoke"),
        "no group, no act"
    );
    let cookie = first.header("set-cookie");
    assert!(cookie.starts_with("__Host-rr="), "{cookie}");
    cookie
        .split(';')
        .next()
        .expect("a pair")
        .clone_into(&mut browser.cookie);
    let mut in_group = OF_PROXY.to_vec();
    in_group.push(("x-groups", "dev, ops"));
    let page = browser.get_with("/console/health", &in_group);
    assert_eq!(page.header("set-cookie"), "");
    assert!(page.text().contains("/console/sessions/revoke"));
    // The cookie alone is nothing, and neither is another user's.
    assert_eq!(browser.get("/console/health").status, 303);
    let other = [("x-forwarded-user", "berta"), OF_PROXY[1]];
    let page = browser.get_with("/console/health", &other);
    assert!(page.text().contains("proxy:berta") && !page.header("set-cookie").is_empty());
    for headers in [
        &OF_PROXY[..1],
        &OF_PROXY[1..],
        &[OF_PROXY[0], ("x-console-secret", "a-guess-of-the-secret")],
        &[("x-forwarded-user", "an na"), OF_PROXY[1]],
    ] {
        let mut stranger = browser.clone();
        stranger.cookie.clear();
        assert_eq!(
            stranger.get_with("/console/health", headers).status,
            303,
            "{headers:?}"
        );
    }
    // Forms come from the address that browsers use, and from no other.
    let reply = browser.log_in(OPERATOR_TOKEN);
    assert_eq!(reply.status, 303);
    browser.origin.clone_from(&browser.base);
    assert_eq!(browser.log_in(OPERATOR_TOKEN).status, 403);
}

#[test]
fn a_client_that_keeps_no_cookie_begins_few_sessions() {
    let (_server, browser) = behind_a_proxy("127.0.0.1");
    for _ in 0..30 {
        assert_eq!(browser.get_with("/console/health", &OF_PROXY).status, 200);
    }
    let one_more = browser.get_with("/console/health", &OF_PROXY);
    assert_eq!(one_more.status, 429, "{}", one_more.text());
    assert!(!one_more.header("retry-after").is_empty());
    let other = [("x-forwarded-user", "berta"), OF_PROXY[1]];
    assert_eq!(browser.get_with("/console/health", &other).status, 200);
}

#[test]
fn headers_of_a_peer_that_is_no_proxy_name_no_user() {
    let (_server, browser) = behind_a_proxy("192.0.2.0/24");
    assert_eq!(browser.get_with("/console/health", &OF_PROXY).status, 303);
}
