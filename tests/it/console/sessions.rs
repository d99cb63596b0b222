//! How sessions begin and end, what the trail says of it, and the limits of a reader.

use std::time::Duration;

use serde_json::json;

use super::ENGINE;
use crate::harness::config::READER_TOKEN;
use crate::harness::console::{Browser, LOOKER_TOKEN, OPERATOR_TOKEN, config, readers, value_of};
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Server, comes_true, wait_for};

#[test]
fn a_logout_everywhere_ends_every_session_of_the_reader() {
    let server = Server::start(&config(ENGINE));
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    let other = Browser::logged_in(&server, OPERATOR_TOKEN);
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    let reply = browser.submit("/console/logout", &[("where", "everywhere")]);
    assert_eq!(reply.status, 303);
    assert_eq!(other.get("/console/").status, 303);
    looker.page("/console/");
}

#[test]
fn a_session_ends_by_itself_and_with_its_token() {
    let server = Server::start(&config(ENGINE));
    let minute = 60_000;
    let sessions =
        |change: String| server.change_store(&format!("UPDATE console_sessions SET {change}"));
    for (still, over) in [
        (
            format!("used_at = used_at - {}", 29 * minute),
            format!("used_at = used_at - {}", 31 * minute),
        ),
        (
            format!("created_at = created_at - {}", 719 * minute),
            format!("created_at = created_at - {}", 721 * minute),
        ),
    ] {
        let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
        sessions(still);
        browser.page("/console/");
        let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
        sessions(over);
        assert_eq!(browser.get("/console/").status, 303);
    }
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    let path = server.config_path();
    let text = std::fs::read_to_string(&path).expect("the config");
    let reloaded = |text: &str| {
        std::fs::write(&path, text).expect("it can be written");
        server.signal("HUP");
    };
    reloaded(&text.replace("\"console:read\", \"callbacks:read\"", "\"callbacks:read\""));
    let ended = comes_true(Duration::from_secs(20), || {
        browser.get("/console/").status == 303
    });
    assert!(ended, "without the scope there is no session");
    reloaded(&text);
    let is_back = comes_true(Duration::from_secs(20), || {
        browser.get("/console/").status == 200
    });
    assert!(is_back, "nothing else has changed");
    let mark = "[[readers]]\nname = \"operator\"\n";
    reloaded(&text.replace(
        mark,
        &format!("{mark}expires_at = \"2026-01-01T00:00:00Z\"\n"),
    ));
    let ended = comes_true(Duration::from_secs(20), || {
        browser.get("/console/").status == 303
    });
    assert!(ended, "an expired token ends its session");
}

#[test]
fn the_trail_says_who_came_who_left_and_whom_an_operator_sent_away() {
    let server = Server::start(&config(ENGINE));
    let mut stranger = Browser::new(&server);
    assert_eq!(stranger.log_in("wrong").status, 403);
    assert_eq!(stranger.log_in(READER_TOKEN).status, 403);
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    let operator = Browser::logged_in(&server, OPERATOR_TOKEN);
    let revoke = "/console/sessions/revoke?name=looker";
    assert_eq!(looker.submit(revoke, &[("reason", "mine")]).status, 403);
    let reason = [("reason", "left the company")];
    assert_eq!(operator.submit(revoke, &reason).status, 303);
    assert_eq!(operator.submit("/console/logout", &[]).status, 303);
    let again = Browser::logged_in(&server, OPERATOR_TOKEN);
    // Rejections are written soon after the answer.
    let rejected = wait_for("both rejections", || {
        let page = again.page("/console/audit?act=call_rejected");
        (page.matches("POST /console/").count() == 2).then_some(page)
    });
    assert!(
        rejected.contains("POST /console/login")
            && rejected.contains("POST /console/sessions/revoke")
    );
    let page = server
        .get_as(OPERATOR_TOKEN, "/v1/audit?order=oldest")
        .expect_json(200);
    let entries = page["data"].as_array().expect("a list");
    let told: Vec<_> = entries
        .iter()
        .filter(|entry| entry["act"] != "call_rejected")
        .map(|entry| (text(&entry["act"]), text(&entry["reader"])))
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(act, reader)| (act.as_str(), reader.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("console_login", "looker"),
            ("console_login", "operator"),
            ("sessions_ended", "operator"),
            ("console_logout", "operator"),
            ("console_login", "operator"),
        ]
    );
    let ended = entries
        .iter()
        .find(|entry| entry["act"] == "sessions_ended");
    let ended = ended.expect("an entry");
    assert_eq!(
        (&ended["about"]["id"], &ended["reason"], &ended["after"]),
        (
            &json!("looker"),
            &json!("left the company"),
            &json!({"sessions_ended": 1})
        )
    );
    let of = |act: &str| {
        let found = entries
            .iter()
            .filter(|entry| entry["act"] == act && entry["reader"] == "operator");
        found
            .map(|entry| text(&entry["about"]["id"]))
            .next()
            .expect("an entry")
    };
    assert_eq!(of("console_login"), of("console_logout"), "one session");
    for secret in [OPERATOR_TOKEN, LOOKER_TOKEN, "wrong"] {
        let all = serde_json::to_string(entries).expect("JSON");
        assert!(!all.contains(secret), "{all}");
    }
}

#[test]
fn pages_and_calls_of_a_reader_share_one_rate_limit() {
    let readers = readers().replace(
        "name = \"operator\"\n",
        "name = \"operator\"\nrate_limit = \"4/m\"\n",
    );
    let toml = format!("{readers}[console]\nenabled = true\n");
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml(&toml));
    let operator = Browser::logged_in(&server, OPERATOR_TOKEN);
    let first = operator.get("/console/");
    assert_eq!(first.status, 200);
    assert!(
        first.header("ratelimit").starts_with("\"reader\";r=2;"),
        "{}",
        first.header("ratelimit")
    );
    let form_token = value_of(&operator.page("/console/logout"), "form_token");
    assert_eq!(server.get_as(OPERATOR_TOKEN, "/v1/audit").status, 200);
    let over = operator.get("/console/refunds");
    assert_eq!(over.status, 429);
    assert!(
        over.header("retry-after")
            .parse::<u64>()
            .is_ok_and(|s| (1..=60).contains(&s))
    );
    assert!(over.text().contains("asks too often"), "{}", over.text());
    let fields = [("form_token", form_token.as_str())];
    assert_eq!(
        operator.send_form("/console/logout", &fields, &[]).status,
        429
    );
    assert_eq!(Browser::new(&server).log_in(OPERATOR_TOKEN).status, 429);
    // What the pages look like is no request of a reader, and other readers have their own limits.
    let style = first
        .text()
        .split_once("rel=\"stylesheet\" href=\"")
        .expect("a style")
        .1;
    let style = style.split('"').next().expect("its end");
    assert_eq!(operator.get(style).status, 200);
    Browser::logged_in(&server, LOOKER_TOKEN).page("/console/");
}
