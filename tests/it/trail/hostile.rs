//! Hostile use of acts: reasons that are missing, long or deceptive, and replays.

use super::*;
use crate::harness::reader::expect_problem;
use crate::harness::sandbox::{CALLER_TOKEN, Circle, NEVER, body};

#[test]
fn a_reason_that_is_missing_long_or_deceptive_does_nothing() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let failed = circle.request(&body("quickpay/store-1", "Q1FAIL"));
    circle.comes_to(&failed, "failed");
    let before = trail_as(&circle.server, CALLER_TOKEN, "");
    let quoted = |reason: &str| json!({ "reason": reason }).to_string().into_bytes();
    let mut bodies = vec![
        b"".to_vec(),
        b"{}".to_vec(),
        b"null".to_vec(),
        b"[\"why\"]".to_vec(),
        b"{\"reason\":null}".to_vec(),
        b"{\"reason\":1}".to_vec(),
        b"{\"reason\":[\"why\"]}".to_vec(),
        b"{\"reason\":\"why\",\"reason\":\"why\"}".to_vec(),
        b"{\"reason\":\"why\",\"by\":\"another\"}".to_vec(),
        b"{\"reason\":\"why\"} {}".to_vec(),
        b"{\"reason\":\"\xff\xfe\"}".to_vec(),
        b"{\"reason\":\"\\ud800\"}".to_vec(),
    ];
    for reason in [
        "",
        " ",
        "\u{3000}\u{a0}",
        "two\nlines",
        "nul\0",
        "\u{1b}[31mred",
        "\u{7f}",
        "\u{85}",
        "\u{202e}txet desrever",
        "in\u{200b}visible",
        "\u{feff}",
        "\u{2028}",
    ] {
        bodies.push(quoted(reason));
    }
    bodies.push(quoted(&"x".repeat(501)));
    bodies.push(quoted(&"字".repeat(501)));
    bodies.push(quoted(&"x".repeat(64 * 1024 - 20)));
    let paths = [
        "/v1/accounts/payermax/main/stop".to_owned(),
        "/v1/accounts/payermax/main/resume".to_owned(),
        format!("/v1/refunds/{failed}/resend"),
    ];
    for path in &paths {
        for bytes in &bodies {
            let reply = circle.server.post_as(CALLER_TOKEN, path, bytes);
            expect_problem(&reply, 400);
            assert!(reply.text().len() < 1_000, "{}", reply.text().len());
        }
        let reply = {
            let long = quoted(&"x".repeat(65 * 1024));
            circle.server.post_as(CALLER_TOKEN, path, long)
        };
        assert_eq!(reply.status, 413, "{path}");
    }
    assert!(circle.stopped("payermax/main").is_null());
    assert_eq!(circle.refund(&failed)["request"]["state"], "failed");
    assert_eq!(trail_as(&circle.server, CALLER_TOKEN, ""), before);
}

#[test]
fn a_reason_is_kept_as_it_was_typed() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let long = "字".repeat(500);
    let reasons = [
        "<script>alert(1)</script>",
        "'; DROP TABLE trail; --",
        "\"quoted\" \\ {\"a\":1}",
        " spaces around ",
        long.as_str(),
        "$1 %s {0}",
    ];
    for reason in reasons {
        for act in ["stop", "resume"] {
            let path = format!("/v1/accounts/payermax/main/{act}");
            circle
                .post(&path, &json!({ "reason": reason }))
                .expect_json(200);
        }
    }
    let entries = trail_as(&circle.server, CALLER_TOKEN, "");
    let kept: Vec<_> = entries.iter().map(|entry| text(&entry["reason"])).collect();
    let expected: Vec<_> = reasons
        .iter()
        .flat_map(|reason| [*reason, *reason])
        .collect();
    assert_eq!(kept, expected);
    assert_chained(&entries);
}

#[test]
fn acts_that_are_replayed_or_race_leave_one_entry() {
    const CALLERS: usize = 8;
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let all_at_once = |path: &str, body: &Value| -> Vec<u16> {
        std::thread::scope(|scope| {
            let callers = [(); CALLERS].map(|()| scope.spawn(|| circle.post(path, body).status));
            callers
                .map(|caller| caller.join().expect("no panic"))
                .to_vec()
        })
    };
    let why = json!({"reason": "all at once"});
    assert_eq!(
        all_at_once("/v1/accounts/payermax/main/stop", &why),
        [200; CALLERS]
    );
    let created = all_at_once("/v1/refunds", &body("payermax/main", "R1OK"));
    assert!(
        created.iter().all(|status| matches!(status, 200 | 202)),
        "{created:?}"
    );
    assert_eq!(created.iter().filter(|status| **status == 202).count(), 1);
    let id = text(&circle.get("/v1/refunds?refund_no=R1OK")["data"][0]["id"]);
    let canceled = all_at_once(&format!("/v1/refunds/{id}/cancel"), &json!({}));
    assert_eq!(
        canceled.iter().filter(|status| **status == 200).count(),
        1,
        "{canceled:?}"
    );
    assert_eq!(
        canceled.iter().filter(|status| **status == 409).count(),
        CALLERS - 1
    );
    assert_eq!(
        all_at_once("/v1/accounts/payermax/main/resume", &why),
        [200; CALLERS]
    );
    let failed = circle.request(&body("quickpay/store-1", "Q1FAIL"));
    circle.comes_to(&failed, "failed");
    let resent = all_at_once(&format!("/v1/refunds/{failed}/resend"), &why);
    assert_eq!(
        resent.iter().filter(|status| **status == 202).count(),
        1,
        "{resent:?}"
    );
    let entries = trail_as(&circle.server, CALLER_TOKEN, "");
    assert_eq!(
        acts(&entries),
        [
            "account_stopped account payermax/main".to_owned(),
            format!("refund_requested refund {id}"),
            format!("refund_canceled refund {id}"),
            "account_resumed account payermax/main".to_owned(),
            format!("refund_requested refund {failed}"),
            format!("refund_resent refund {failed}"),
        ]
    );
    assert_chained(&entries);
}
