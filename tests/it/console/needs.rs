//! What needs a person is found on the start page, and leaves it once it is finished.

use serde_json::json;

use super::ENGINE;
use crate::harness::console::{Browser, LOOKER_TOKEN, OPERATOR_TOKEN, config};
use crate::harness::payermax::{MAIN, Notice};
use crate::harness::reader::text;
use crate::harness::{Server, wait_for};

const REASON: [(&str, &str); 1] = [("reason", "the new key is in place")];

/// Sends one callback whose signature is wrong; gives the page of it once it is there.
fn rejected(server: &Server, browser: &Browser, number: usize) -> String {
    let path = format!("/console/rejected/{number}");
    let reply = server.post(
        MAIN,
        &[("content-type", "application/json"), ("sign", "wrong")],
        Notice::new("R-forged", "REFUND_SUCCESS").text(),
    );
    assert_eq!(reply.status, 401);
    wait_for("the request to be kept", || {
        (browser.get(&path).status == 200).then_some(path.clone())
    })
}

#[test]
fn a_rejected_signature_leaves_the_start_page_once_it_is_reviewed() {
    let server = Server::start(&config(ENGINE));
    let operator = Browser::logged_in(&server, OPERATOR_TOKEN);
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    let first = rejected(&server, &operator, 1);
    let second = rejected(&server, &operator, 2);
    let start = operator.page("/console/");
    assert!(start.contains(&first) && start.contains(&second), "{start}");
    let review = format!("{second}/review");
    assert!(operator.page(&second).contains(&review));
    assert!(!looker.page(&second).contains(&review));
    assert_eq!(looker.submit(&review, &REASON).status, 403);
    assert_eq!(operator.submit(&review, &[("reason", " ")]).status, 400);
    assert!(operator.page("/console/").contains(&second));
    let done = operator.submit(&review, &REASON);
    assert_eq!(done.header("location"), "/console/?done=reviewed");
    let start = operator.page("/console/");
    assert!(!start.contains("Rejected signatures"), "{start}");
    let list = operator.page("/console/rejected");
    assert!(
        list.contains(&first) && list.contains(&second),
        "nothing is deleted"
    );
    let trail = operator.page("/console/audit?act=rejections_reviewed");
    assert!(trail.contains("the new key is in place"), "{trail}");
    let third = rejected(&server, &operator, 3);
    let start = operator.page("/console/");
    assert!(
        start.contains(&third) && !start.contains(&format!("{second}\"")),
        "{start}"
    );
}

#[test]
fn a_question_offers_its_answers_and_the_form_knows_which_was_taken() {
    let server = Server::start(&config(ENGINE));
    let operator = Browser::logged_in(&server, OPERATOR_TOKEN);
    server.notified(&Notice::new("R-offer", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-offer", "REFUND_FAILED"));
    let refund = format!(
        "/console/refunds/{}",
        text(&server.applied("R-offer")["id"])
    );
    assert!(
        operator
            .page("/console/")
            .contains(&format!("href=\"{refund}\""))
    );
    let page = operator.page(&refund);
    let offered: Vec<_> = page
        .split("href=\"")
        .filter_map(|link| link.split('"').next())
        .filter(|link| link.starts_with(&format!("{refund}/decide?")))
        .map(|link| link.replace("&#38;", "&"))
        .collect();
    assert_eq!(offered.len(), 3, "keep, accept, dismiss: {offered:?}");
    for link in &offered {
        let form = operator.page(link);
        let word = link.rsplit('=').next().expect("a word");
        assert!(
            form.contains(&format!("value=\"{word}\" required checked")),
            "{form}"
        );
        assert_eq!(form.matches(" checked").count(), 1);
    }
}

#[test]
fn what_a_settlement_file_said_is_shown_with_its_file_and_line() {
    let server = Server::start(&config(ENGINE));
    let operator = Browser::logged_in(&server, OPERATOR_TOKEN);
    assert!(
        operator
            .page("/console/reconcile")
            .contains("class=\"calm\"")
    );
    server.notified(&Notice::new("R-file", "REFUND_SUCCESS"));
    let id = text(&server.applied("R-file")["id"]);
    let hash = "ab".repeat(32);
    let body = json!({"file_sha256": hash, "day": "2026-01-31", "rows": [
        {"refund_id": id, "line": 17, "said": "row", "status": "failed", "amount": "125.50", "currency": "USD"}
    ]});
    let path = "/v1/accounts/payermax/main/settlement";
    let reply = server.post_as(OPERATOR_TOKEN, path, body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let page = operator.page("/console/reconcile");
    for shown in [id.as_str(), "status_differs", "abababababab", ">17<"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let accounts = operator.page("/console/accounts");
    assert!(
        accounts.contains("Callbacks in 24 h: 1; with a question: 0"),
        "{accounts}"
    );
    assert!(accounts.contains("<rect class=\"good\""), "{accounts}");
}
