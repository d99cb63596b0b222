//! A report of `EPay` with a member that cannot be read: the refund was paid, so it is stored, with a
//! question.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::epay::errcode;

#[test]
fn white_space_around_a_number_is_refused_by_name_and_never_a_number_of_its_own() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "30.00");
    for (member, body) in [
        (
            "batchno",
            r#"{"batchno":" B-1","trandeno":"T-1","refundmoney":30}"#,
        ),
        (
            "batchno",
            r#"{"batchno":"B-1 ","trandeno":"T-1","refundmoney":30}"#,
        ),
        (
            "trandeno",
            r#"{"batchno":"B-1","trandeno":" T-1","refundmoney":30}"#,
        ),
    ] {
        let reply = server.epay("application/json", body);
        assert_eq!(errcode(&reply), 1, "{body}");
        let said = format!("{member} begins or ends with white space");
        assert!(reply.text().contains(&said), "{}", reply.text());
    }
    let form = server.epay(
        "application/x-www-form-urlencoded",
        "batchno=+B-1&trandeno=T-1&refundmoney=30",
    );
    assert_eq!(errcode(&form), 1);
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);
    assert_eq!(server.refunds("").len(), 1);
}

#[test]
fn what_cannot_be_read_is_counted_by_member_logged_and_listed() {
    let server = Server::usual(ENGINE);
    assert_eq!(server.epay_errcode("", "T-1", "31"), 1);
    assert_eq!(server.epay_errcode("B-1", "T-1", "0"), 1);
    // The caller tries again; it is on the list once.
    assert_eq!(server.epay_errcode("B-1", "T-1", "0"), 1);
    let metrics = server.get_with("/metrics", &[]);
    for (reason, count) in [("batchno", 1), ("refundmoney", 2)] {
        let line =
            format!("refund_receiver_epay_invalid_requests_total{{reason=\"{reason}\"}} {count}");
        assert!(metrics.text().contains(&line), "{line}");
    }
    let listed = server.evidence_of(2);
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|one| one.reason == "invalid_content"));
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("refundmoney is not greater than zero"))
        .expect("a line that names the member");
    assert!(line.contains("WARN") && line.contains("cb_"), "{line}");
    server.assert_audit_is_clean(None);
}
