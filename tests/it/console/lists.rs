//! Lists of the console as CSV.

use super::{ENGINE, refund_page};
use crate::harness::console::{Browser, LOOKER_TOKEN, OPERATOR_TOKEN, config};
use crate::harness::payermax::{MAIN, Notice};
use crate::harness::{Server, wait_for};

#[test]
fn every_list_can_be_taken_along() {
    let server = Server::start(&config(ENGINE));
    refund_page(&server, "R-1", "REFUND_SUCCESS");
    let forged = Notice::new("R-2", "REFUND_SUCCESS").text();
    let headers = [("content-type", "application/json"), ("sign", "c2lnbg==")];
    assert_eq!(server.post(MAIN, &headers, &forged).status, 401);
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    wait_for("the rejection to be kept", || {
        browser
            .page("/console/rejected")
            .contains("unauthorized</code>")
            .then_some(())
    });
    for (list, head, has) in [
        (
            "callbacks",
            "id,received_at,",
            ",payermax,main,R-1,applied,",
        ),
        (
            "rejected?reason=unauthorized",
            "id,received_at,",
            ",unauthorized,/callbacks/payermax/main,",
        ),
        ("audit?act=console_login", "sequence,at,", ",console_login,"),
        ("requests?state=queued", "id,provider,", ""),
        ("close-outs", "refund_id,batchno,", ""),
        (
            "accounts",
            "account,can,",
            "payermax/main,callback,false,,,,,",
        ),
        ("consumers", "reader,name,", ""),
        ("endpoints", "endpoint,url,", ""),
        ("findings", "at,refund_id,", ""),
    ] {
        let (name, query) = list.split_once('?').unwrap_or((list, ""));
        let csv = browser.get(&format!("/console/{name}.csv?{query}"));
        assert_eq!(
            csv.header("content-type"),
            "text/csv; charset=utf-8",
            "{list}"
        );
        let mut lines = csv.text().lines();
        assert!(
            lines.next().is_some_and(|line| line.starts_with(head)),
            "{list}"
        );
        assert_eq!(
            lines.next().is_some(),
            !has.is_empty(),
            "{list}: {}",
            csv.text()
        );
        assert!(csv.text().contains(has), "{list}: {}", csv.text());
        let page = match name {
            "close-outs" => "orders",
            "consumers" => "feed",
            "endpoints" => "push",
            "findings" => "reconcile",
            of_its_name => of_its_name,
        };
        let page = browser.page(&format!("/console/{page}"));
        assert!(page.contains(&format!("/console/{name}.csv")), "{list}");
    }
    let looker = Browser::logged_in(&server, LOOKER_TOKEN);
    assert_eq!(looker.get("/console/audit.csv").status, 403);
}
