//! What is done in the console is done by the API's functions: one refund whatever is sent twice, a reason for each
//! act, the scopes of the calls.

use serde_json::json;

use super::ENGINE;
use crate::harness::Server;
use crate::harness::console::{Browser, LOOKER_TOKEN, OPERATOR_TOKEN, config, toml, value_of};
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::sandbox::{Circle, NEVER, Setting, body};

const REASON: [(&str, &str); 1] = [("reason", "the customer called")];

/// A service that sends, with the console.
fn circle() -> Circle {
    let mut setting = Setting::new(ENGINE, "real", NEVER);
    setting.config = setting.config.toml(&toml());
    setting.serve()
}

fn id_of(place: &str) -> String {
    let id = place.trim_start_matches("/console/refunds/");
    id.split('?').next().unwrap_or_default().to_owned()
}

#[test]
fn many_are_asked_about_by_a_plan_that_names_each() {
    let circle = circle();
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    let ids: Vec<_> = ["RMANY1PEND", "RMANY2PEND"]
        .map(|number| circle.request(&body("payermax/main", number)))
        .into();
    for id in &ids {
        circle.comes_to(id, "accepted");
    }
    let list = browser.page("/console/requests?state=accepted");
    let plan = "/console/requests/all/ask?state=accepted";
    assert!(list.contains(plan), "{list}");
    assert!(!list.contains("/console/requests/all/resend"), "{list}");
    let page = browser.page(plan);
    for id in &ids {
        assert!(
            page.contains(&format!("name=\"id\" value=\"{id}\"")),
            "{page}"
        );
    }
    let first = [("id", ids[0].as_str()), REASON[0]];
    let reply = browser.submit("/console/requests/all/ask", &first);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(
        reply.text().contains("The provider is being asked."),
        "{}",
        reply.text()
    );
    circle.wait_for_entries(&ids[0], "ask", 1);
    assert_eq!(circle.asks(&ids[1]), 0, "it was not in the form");
    let trail = circle.get("/v1/audit?act=refund_asked");
    assert_eq!(trail["data"].as_array().map(Vec::len), Some(1));
    for (path, fields, status) in [
        ("ask", vec![REASON[0]], 400),
        ("ask", vec![("id", ids[0].as_str())], 400),
        ("ask", vec![("id", "rf_no"), REASON[0]], 400),
        ("cancel", first.to_vec(), 404),
    ] {
        let reply = browser.submit(&format!("/console/requests/all/{path}"), &fields);
        assert_eq!(reply.status, status, "{path} {fields:?}");
    }
    let looker = Browser::logged_in(&circle.server, LOOKER_TOKEN);
    assert_eq!(looker.get(plan).status, 403);
    assert_eq!(
        looker.submit("/console/requests/all/ask", &first).status,
        403
    );
}

#[test]
fn a_note_is_kept_with_its_author_and_changes_nothing_else() {
    let circle = circle();
    let id = circle.request(&body("payermax/main", "RNOTE"));
    circle.comes_to(&id, "done");
    let before = circle.refund(&id);
    let page = format!("/console/refunds/{id}");
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    assert!(browser.page(&page).contains(&format!("{page}/note")));
    let text = "the customer was called <b>twice</b>";
    let kept = browser.submit(&format!("{page}/note"), &[("reason", text)]);
    assert_eq!(kept.status, 303, "{}", kept.text());
    let looker = Browser::logged_in(&circle.server, LOOKER_TOKEN);
    let seen = looker.page(&page);
    assert!(
        seen.contains("the customer was called &#60;b&#62;twice&#60;/b&#62;"),
        "{seen}"
    );
    assert!(seen.contains("<code>operator</code>"), "{seen}");
    assert_eq!(circle.refund(&id), before);
    let refused = looker.submit(&format!("{page}/note"), &[("reason", text)]);
    assert_eq!(refused.status, 403);
    let nowhere = page.replace(&id[3..11], "00000000");
    let none = browser.submit(&format!("{nowhere}/note"), &[("reason", text)]);
    assert_eq!(none.status, 404, "{}", none.text());
    let trail = circle.get(&format!("/v1/audit?act=refund_noted&about={id}"));
    assert_eq!(trail["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(trail["data"][0]["reason"], text);
}

#[test]
fn a_new_refund_is_made_in_two_steps_and_once() {
    let circle = circle();
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    let form = browser.page("/console/requests/new");
    let key = value_of(&form, "key");
    let mut fields = vec![
        ("key", key.as_str()),
        ("account", "payermax/main"),
        ("order_no", "P-console"),
        ("amount", "nothing"),
        ("currency", "USD"),
        ("reason", "returned"),
    ];
    let wrong = browser.submit("/console/requests/new", &fields);
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text().contains("aria-invalid=\"true\""),
        "{}",
        wrong.text()
    );
    fields[3] = ("amount", "12.30");
    let review = browser.submit("/console/requests/new", &fields);
    assert_eq!(review.status, 200);
    assert!(
        review.text().contains("12.30 USD will be refunded"),
        "{}",
        review.text()
    );
    assert_eq!(value_of(review.text(), "key"), key);
    assert_eq!(
        circle.get("/v1/refunds")["data"].as_array().map(Vec::len),
        Some(0)
    );
    fields.push(("step", "send"));
    let [first, second] = [(); 2].map(|()| browser.submit("/console/requests/new", &fields));
    assert_eq!(
        (first.status, second.status),
        (303, 303),
        "{}",
        first.text()
    );
    assert_eq!(first.header("location"), second.header("location"));
    let id = id_of(first.header("location"));
    assert_eq!(circle.refund(&id)["request"]["requested_by"], "operator");
    assert_eq!(
        circle.get("/v1/refunds")["data"].as_array().map(Vec::len),
        Some(1)
    );
    fields[3] = ("amount", "12.31");
    let other = browser.submit("/console/requests/new", &fields);
    assert_eq!(other.status, 422, "the same key with other content");
    let looker = Browser::logged_in(&circle.server, LOOKER_TOKEN);
    assert_eq!(looker.get("/console/requests/new").status, 403);
    assert_eq!(looker.submit("/console/requests/new", &fields).status, 403);
}

#[test]
fn acts_on_a_refund_need_a_reason_and_a_state_that_allows_them() {
    let circle = circle();
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    let looker = Browser::logged_in(&circle.server, LOOKER_TOKEN);
    let stop = "/console/accounts/payermax/main/stop";
    assert!(browser.page(stop).contains("name=\"reason\""));
    assert_eq!(looker.submit(stop, &REASON).status, 403);
    assert_eq!(browser.submit(stop, &[("reason", " ")]).status, 400);
    assert!(circle.stopped("payermax/main").is_null());
    assert_eq!(browser.submit(stop, &REASON).status, 303);
    assert_eq!(circle.stopped("payermax/main")["by"], "operator");
    assert!(
        browser
            .page("/console/accounts")
            .contains("the customer called")
    );
    assert!(browser.page("/console/").contains("Stopped accounts"));

    let id = circle.request(&body("payermax/main", "R1PEND"));
    let page = format!("/console/refunds/{id}");
    assert!(browser.page(&page).contains("/cancel\""));
    assert!(!looker.page(&page).contains("/cancel\""));
    assert_eq!(browser.submit(&format!("{page}/ask"), &REASON).status, 409);
    assert_eq!(
        looker.submit(&format!("{page}/cancel"), &REASON).status,
        403
    );
    assert!(browser.page(&format!("{page}/cancel")).contains("R1PEND"));
    let canceled = browser.submit(&format!("{page}/cancel"), &REASON);
    assert_eq!(canceled.header("location"), format!("{page}?done=canceled"));
    assert!(
        browser
            .page(canceled.header("location"))
            .contains("role=\"status\"")
    );
    assert_eq!(circle.refund(&id)["status"], "canceled");
    assert_eq!(
        browser.submit(&format!("{page}/cancel"), &REASON).status,
        409
    );

    let resume = "/console/accounts/payermax/main/resume";
    assert_eq!(browser.submit(resume, &REASON).status, 303);
    let sent = circle.request(&body("payermax/main", "R2PEND"));
    circle.comes_to(&sent, "accepted");
    let page = format!("/console/refunds/{sent}");
    assert_eq!(browser.submit(&format!("{page}/ask"), &REASON).status, 303);
    circle.wait_for_entries(&sent, "ask", 1);
    assert!(browser.page(&page).contains("class=\"ask\""));
    assert!(
        browser
            .page("/console/requests?state=accepted")
            .contains("R2PEND")
    );
}

#[test]
fn an_operator_ends_the_sessions_of_another_user() {
    let server = Server::start(&config(ENGINE));
    let operator = Browser::logged_in(&server, OPERATOR_TOKEN);
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    let revoke = "/console/sessions/revoke?name=looker";
    assert_eq!(looker.submit(revoke, &REASON).status, 403);
    assert_eq!(operator.submit(revoke, &REASON).status, 303);
    assert_eq!(looker.get("/console/").status, 303);
    operator.page("/console/");
}

#[test]
fn a_question_is_answered_by_a_decision_with_a_reason_and_is_in_the_trail() {
    let server = Server::start(&config(ENGINE));
    server.notified(&Notice::new("R-decide", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-decide", "REFUND_FAILED"));
    let id = text(&server.applied("R-decide")["id"]);
    let page = format!("/console/refunds/{id}");
    let operator = Browser::logged_in(&server, OPERATOR_TOKEN);
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    let shown = operator.page(&page);
    let link = shown
        .split_once(&format!("href=\"{page}/decide?"))
        .expect("a link to decide")
        .1;
    let query = link
        .split('"')
        .next()
        .expect("its end")
        .replace("&#38;", "&");
    assert!(!looker.page(&page).contains("/decide?"));
    let form = operator.page(&format!("{page}/decide?{query}"));
    let callback = value_of(&form, "callback_id");
    let mut fields = vec![
        ("question", "conflict"),
        ("callback_id", callback.as_str()),
        ("decision", "keep"),
        ("reason", ""),
    ];
    let decide = format!("{page}/decide");
    assert_eq!(
        operator.submit(&decide, &fields).status,
        400,
        "a reason is needed"
    );
    fields[3] = ("reason", "the provider’s portal says refunded");
    assert_eq!(looker.submit(&decide, &fields).status, 403);
    let decided = operator.submit(&decide, &fields);
    assert_eq!(decided.header("location"), format!("{page}?done=decided"));
    let refund = server.applied("R-decide");
    assert_eq!(
        (&refund["status"], &refund["attention"]),
        (&json!("succeeded"), &json!([]))
    );
    assert!(!operator.page(&page).contains("class=\"question\""));
    let trail = operator.page(&format!("/console/audit?about={id}"));
    assert!(
        trail.contains("refund_decided") && trail.contains("portal says refunded"),
        "{trail}"
    );
    assert_eq!(looker.get("/console/audit").status, 403);
    assert!(!looker.page("/console/").contains("/console/audit"));
}
