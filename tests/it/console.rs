//! The console over HTTP: login, sessions, forms of other sites, headers, scopes, escape, languages.

mod acts;
mod lists;
mod needs;
mod proxy;
mod sandbox;
mod sessions;
mod settlement;

use super::ENGINE;
use crate::harness::config::READER_TOKEN;
use crate::harness::console::{Browser, LOOKER_TOKEN, OPERATOR_TOKEN, config};
use crate::harness::payermax::{MAIN, Notice};
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Server};

/// Pages that need no id.
const PAGES: [&str; 3] = ["/console/", "/console/refunds", "/console/logout"];

/// The policy that measured browsers obey without a report.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn refund_page(server: &Server, refund_no: &str, status: &'static str) -> String {
    server.notified(&Notice::new(refund_no, status));
    format!(
        "/console/refunds/{}",
        text(&server.applied(refund_no)["id"])
    )
}

#[test]
fn the_console_is_off_unless_the_config_turns_it_on() {
    let server = Server::start(&ConfigBuilder::new(ENGINE));
    let reply = Browser::new(&server).get("/console/");
    assert_eq!(reply.status, 404);
    assert_eq!(reply.header("content-type"), "application/problem+json");
}

#[test]
fn a_login_needs_a_token_of_a_reader_with_the_scope() {
    let server = Server::start(&config(ENGINE));
    let mut browser = Browser::new(&server);
    for page in PAGES {
        let reply = browser.get(page);
        assert_eq!(reply.status, 303, "{page}");
        assert!(
            reply
                .header("location")
                .starts_with("/console/login?next=%2Fconsole%2F")
        );
    }
    for token in ["", "wrong", READER_TOKEN] {
        let reply = browser.log_in(token);
        assert_eq!((reply.status, reply.header("set-cookie")), (403, ""));
        assert!(reply.text().contains("role=\"alert\""));
    }
    let reply = browser.log_in(LOOKER_TOKEN);
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, "/console/refunds")
    );
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("__Host-rr="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
    assert!(!cookie.contains(LOOKER_TOKEN));
    for page in PAGES {
        browser.page(page);
    }
}

#[test]
fn five_failed_logins_a_minute_are_tried() {
    let server = Server::start(&config(ENGINE));
    let mut browser = Browser::new(&server);
    for _ in 0..5 {
        assert_eq!(browser.log_in("wrong").status, 403);
    }
    let reply = browser.log_in(OPERATOR_TOKEN);
    assert_eq!(reply.status, 429);
    assert!(
        reply
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|s| s <= 61)
    );
    assert_eq!(reply.header("set-cookie"), "");
}

#[test]
fn every_response_has_the_headers_of_a_page_that_is_ours_alone() {
    let server = Server::start(&config(ENGINE));
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    let page = browser.page("/console/");
    let style = page
        .split_once("rel=\"stylesheet\" href=\"")
        .expect("a style")
        .1;
    let style = style.split('"').next().expect("its end");
    for path in [
        "/console/",
        "/console/refunds",
        "/console/login",
        "/console/nothing",
        "/console/refunds/rf_no",
        style,
    ] {
        let reply = browser.get(path);
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(reply.header(name), value, "{path}");
        }
        assert!(!reply.header("permissions-policy").is_empty());
        let cache = if path == style {
            "private, max-age=31536000, immutable"
        } else {
            "no-store"
        };
        assert_eq!(reply.header("cache-control"), cache, "{path}");
    }
    assert_eq!(browser.get(style).status, 200);
    assert_eq!(browser.get("/console/assets/console-0.css").status, 404);
}

#[test]
fn a_form_is_taken_from_a_page_of_this_session_alone() {
    let server = Server::start(&config(ENGINE));
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    let other = Browser::logged_in(&server, OPERATOR_TOKEN);
    let (token, of_other) = (browser.form_token(), other.form_token());
    assert_ne!(token, of_other);
    let foreign = ["", "null", "https://evil.example", "http://127.0.0.1:1"];
    for origin in foreign {
        let mut forged = browser.clone();
        origin.clone_into(&mut forged.origin);
        let reply = forged.send_form("/console/logout", &[("form_token", &token)], &[]);
        assert_eq!(reply.status, 403, "{origin:?}");
        let login = forged.send_form("/console/login", &[("token", OPERATOR_TOKEN)], &[]);
        assert_eq!(
            (login.status, login.header("set-cookie")),
            (403, ""),
            "{origin:?}"
        );
    }
    for site in ["cross-site", "same-site", "none"] {
        let site = [("sec-fetch-site", site)];
        let reply = browser.send_form("/console/logout", &[("form_token", &token)], &site);
        assert_eq!(reply.status, 403, "{site:?}");
    }
    for bad in ["", "wrong", &of_other] {
        let reply = browser.send_form("/console/logout", &[("form_token", bad)], &[]);
        assert_eq!(reply.status, 403, "{bad:?}");
    }
    browser.page("/console/");
    let site = [("sec-fetch-site", "same-origin")];
    let reply = browser.send_form("/console/logout", &[("form_token", &token)], &site);
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, "/console/login")
    );
    assert_eq!(browser.get("/console/").status, 303);
    other.page("/console/");
}

#[test]
fn what_came_from_outside_is_text_and_nothing_else() {
    let server = Server::start(&config(ENGINE));
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}";
    let mut notice: serde_json::Value =
        serde_json::from_str(&Notice::new("R-html", "REFUND_SUCCESS").text()).expect("JSON");
    notice["data"]["remark"] = hostile.into();
    assert_eq!(server.notify(MAIN, notice.to_string()).status, 200);
    let refund = server.applied("R-html");
    let callback = text(&server.callbacks(&text(&refund["id"]))[0]["id"]);
    let refund = format!("/console/refunds/{}", text(&refund["id"]));
    let callback = format!("/console/callbacks/{callback}");
    for path in [&refund, &callback, &format!("{callback}?as=hex")] {
        let page = browser.page(path);
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(!page.contains("<img"), "{path}");
        assert!(!page.contains('\u{202e}'), "{path}");
    }
    let page = browser.page(&callback);
    assert!(
        page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
        "{page}"
    );
    assert!(page.contains("⟨U+202E⟩"));
    let found = browser.get("/console/refunds?q=%3Cscript%3Ealert%281%29%3C%2Fscript%3E%00");
    assert!(!found.text().contains("<script>alert"));
    let bytes = browser.get(&format!("{callback}/bytes"));
    assert_eq!(bytes.header("content-type"), "application/octet-stream");
    assert!(
        bytes
            .header("content-disposition")
            .starts_with("attachment; ")
    );
    assert_eq!(bytes.text(), notice.to_string());
    let next = browser.send_form(
        "/console/login",
        &[
            ("token", OPERATOR_TOKEN),
            ("next", "https://evil.example/console/"),
        ],
        &[],
    );
    assert_eq!(next.header("location"), "/console/");
}

#[test]
fn exact_bytes_need_their_scope() {
    let server = Server::start(&config(ENGINE));
    let path = refund_page(&server, "R-scope", "REFUND_SUCCESS");
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    assert!(looker.page(&path).contains("callbacks:read"));
    let id = path.rsplit('/').next().expect("an id");
    let callback = text(&server.callbacks(id)[0]["id"]);
    for page in ["", "/bytes"] {
        let reply = looker.get(&format!("/console/callbacks/{callback}{page}"));
        assert_eq!(reply.status, 403);
        assert!(reply.text().contains("callbacks:read"));
    }
}

#[test]
fn pages_speak_the_language_of_the_browser_or_of_the_choice() {
    let server = Server::start(&config(ENGINE));
    let refund = refund_page(&server, "R-lang", "REFUND_SUCCESS");
    let mut browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    for (language, tag, words) in [("en-GB,zh;q=0.5", "en", "Refunds"), ("zh-CN", "zh", "退款")] {
        browser.language = language;
        for path in PAGES.iter().copied().chain([refund.as_str()]) {
            let page = browser.get(path);
            assert!(
                page.text().contains(&format!("<html lang=\"{tag}\">")),
                "{path}"
            );
            assert!(page.text().contains(words), "{path}");
        }
    }
    let chosen = browser.get("/console/language?to=en&next=%2Fconsole%2Frefunds");
    assert_eq!(
        (chosen.status, chosen.header("location")),
        (303, "/console/refunds")
    );
    let cookie = chosen
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a pair");
    browser.cookie = format!("{}; {cookie}", browser.cookie);
    assert!(browser.page("/console/").contains("<html lang=\"en\">"));
}

#[test]
fn one_search_finds_every_number_and_id() {
    let server = Server::start(&config(ENGINE));
    let path = refund_page(&server, "R-find", "REFUND_SUCCESS");
    let browser = Browser::logged_in(&server, LOOKER_TOKEN);
    let refund = server.applied("R-find");
    for member in ["refund_no", "order_no", "provider_refund_no"] {
        let number = text(&refund[member]);
        let page = browser.page(&format!("/console/refunds?q={number}"));
        assert!(page.contains(&path), "{member}");
    }
    let id = text(&refund["id"]);
    assert_eq!(
        browser
            .get(&format!("/console/refunds?q={id}"))
            .header("location"),
        path
    );
    let callback = text(&server.callbacks(&id)[0]["id"]);
    let to = browser.get(&format!("/console/refunds?q={callback}"));
    assert_eq!(to.header("location"), format!("{path}#{callback}"));
    assert!(!browser.page("/console/refunds?q=R-other").contains(&path));
}

#[test]
fn a_list_is_narrowed_by_its_address_and_can_be_taken_along() {
    let server = Server::start(&config(ENGINE));
    let good = refund_page(&server, "R-good", "REFUND_SUCCESS");
    let bad = refund_page(&server, "R-bad", "REFUND_FAILED");
    let browser = Browser::logged_in(&server, LOOKER_TOKEN);
    for (query, shows) in [
        ("", [true, true]),
        ("?status=succeeded", [true, false]),
        ("?status=failed&account=payermax%2Fmain", [false, true]),
        ("?account=payermax%2Fold", [false, false]),
        ("?attention=true", [false, false]),
        ("?attention=&status=&since=2020-01-01", [true, true]),
        ("?since=2999-01-01", [false, false]),
        ("?currency=usd&from=125.5&to=125.50", [true, true]),
        ("?currency=IDR", [false, false]),
        ("?from=125.51", [false, false]),
        ("?to=125.49&status=failed", [false, false]),
        ("?status=failed&from=1", [false, true]),
        ("?state=queued", [false, false]),
    ] {
        let page = browser.page(&format!("/console/refunds{query}"));
        assert_eq!(
            [&good, &bad].map(|path| page.contains(path.as_str())),
            shows,
            "{query}"
        );
    }
    for bad in [
        "status=gone",
        "state=gone",
        "currency=XYZ",
        "from=1e3",
        "to=-1",
    ] {
        let reply = browser.get(&format!("/console/refunds?{bad}"));
        assert_eq!(reply.status, 400, "{bad}");
    }
    let csv = browser.get("/console/refunds.csv?status=failed&currency=USD&to=126");
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<_> = csv.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains(",payermax,main,R-bad,"), "{lines:?}");
}

#[test]
fn a_refund_links_to_where_the_provider_shows_it() {
    let portals = "[console.portals]\n\"payermax/main\" = \"https://portal.example/{order_no}/{refund_no}\"\n";
    let server = Server::start(&config(ENGINE).toml(portals));
    let path = refund_page(&server, "R-1", "REFUND_SUCCESS");
    let page = Browser::logged_in(&server, LOOKER_TOKEN).page(&path);
    let order_no = text(&server.applied("R-1")["order_no"]);
    let link = format!("href=\"https://portal.example/{order_no}/R-1\"");
    assert!(page.contains(&link), "{page}");
}

#[test]
fn the_start_page_names_what_needs_a_person_first() {
    let server = Server::start(&config(ENGINE));
    let browser = Browser::logged_in(&server, LOOKER_TOKEN);
    assert!(
        browser
            .page("/console/")
            .contains("Nothing needs a person.")
    );
    server.notified(&Notice::new("R-ask", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-ask", "REFUND_FAILED"));
    let path = format!("/console/refunds/{}", text(&server.applied("R-ask")["id"]));
    let page = browser.page("/console/");
    assert!(
        page.contains("/console/refunds?attention=conflict"),
        "{page}"
    );
    assert!(page.contains(&path));
    let page = browser.page(&path);
    assert!(
        page.contains("contradiction") && page.contains("class=\"question\""),
        "{page}"
    );
}
