//! kill -9 around the commit of a decision: all of it or nothing, and the same call again has one effect.

use std::os::unix::process::ExitStatusExt as _;

use super::{answer, config, conflict, decide, decisions, events_of, id};
use crate::crash_points::IN_DECISION;
use crate::harness::config::READER_TOKEN;
use crate::harness::faulty::VARIABLE;
use crate::harness::server::program;
use crate::harness::{Server, faulty};

#[test]
fn an_end_at_any_place_of_a_decision_leaves_all_of_it_or_nothing() {
    for point in IN_DECISION {
        let mut server = Server::start(&config());
        let refund = conflict(&server, "R-1");
        let body = answer(&refund, "accept");
        server.kill9();
        server.use_program(faulty::program());
        server.set_variable(VARIABLE, Some(&format!("{point}=return")));
        server.restart();
        let url = format!(
            "{}/v1/refunds/{}/decisions",
            server.internal_url,
            id(&refund)
        );
        let bearer = format!("Bearer {READER_TOKEN}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let sent = body.to_string();
        drop(
            server
                .client()
                .try_send("POST", &url, &headers, sent.as_bytes()),
        );
        let status = server.wait_end();
        assert!(status.signal().is_some(), "{point}: {status:?}");
        server.use_program(program());
        server.set_variable(VARIABLE, None);
        server.restart();
        let is_made = point == "decision-committed";
        assert_eq!(
            decisions(&server, &refund).len(),
            usize::from(is_made),
            "{point}"
        );
        let known = server.applied("R-1");
        assert_eq!(known["status"] == "failed", is_made, "{point}");
        assert_eq!(
            events_of(&server, &refund).len(),
            if is_made { 4 } else { 2 },
            "{point}"
        );
        server.assert_audit_is_clean(None);
        // Its caller saw no answer and tries again.
        let refund = decide(&server, &refund, &body).expect_json(200);
        assert_eq!(refund["status"], "failed");
        assert_eq!(decisions(&server, &refund).len(), 1, "{point}");
        assert_eq!(events_of(&server, &refund).len(), 4, "{point}");
        server.assert_audit_is_clean(None);
    }
}
