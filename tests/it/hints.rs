//! Requests of readers that are almost right: accepted where that is safe, else answered with the correct
//! form.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::config::READER_TOKEN;
use crate::harness::http::{raw_status, raw_until};
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::wait_for;

/// The detail of a problem with a parameter.
#[track_caller]
fn detail(server: &Server, path: &str) -> String {
    let problem = server.get(path).expect_json(400);
    assert_eq!(problem["code"], "invalid_parameter", "{problem}");
    text(&problem["detail"])
}

#[test]
fn a_plus_that_arrived_as_a_space_and_seconds_without_their_unit_are_named() {
    let server = Server::usual(ENGINE);
    let said = detail(
        &server,
        "/v1/refunds?updated_after=2026-01-01T00:00:00+08:00",
    );
    assert!(said.contains("%2B"), "{said}");
    let good = "/v1/refunds?updated_after=2026-01-01T00:00:00%2B08:00";
    server.get(good).expect_json(200);
    let said = detail(&server, "/v1/refunds?updated_after=yesterday");
    assert!(!said.contains("%2B"), "{said}");
    let path = "/v1/events?after=0&wait";
    for (wait, words) in [("30", "write 30s"), ("0", "write 0s"), ("90", "to 60s")] {
        let said = detail(&server, &format!("{path}={wait}"));
        assert!(said.contains(words), "{said}");
    }
    let said = detail(&server, &format!("{path}=30ms"));
    assert!(!said.contains("write"), "{said}");
}

fn stream_head(version: &str, more: &str) -> String {
    format!(
        "GET /v1/events/stream?after=0 HTTP/{version}\r\nHost: refunds\r\n\
         Authorization: Bearer {READER_TOKEN}\r\n{more}\r\n"
    )
}

#[test]
fn an_empty_last_event_id_says_nothing() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    for line in ["Last-Event-ID:\r\n", "Last-Event-ID: \r\n"] {
        let answer = raw_until(
            &server.internal_url,
            stream_head("1.1", line).as_bytes(),
            |text| text.contains("id: "),
        );
        assert_eq!(raw_status(&answer), 200, "{answer}");
    }
    let wrong = stream_head("1.1", "Connection: close\r\nLast-Event-ID: undefined\r\n");
    let answer = raw_until(&server.internal_url, wrong.as_bytes(), |_| false);
    assert!(
        answer.contains(r#"Last-Event-ID is \"undefined\""#),
        "{answer}"
    );
}

#[test]
fn a_stream_to_a_client_of_http_1_0_has_no_chunks_and_ends_by_close() {
    let mut server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    for more in ["", "Connection: keep-alive\r\n"] {
        let request = stream_head("1.0", more);
        let url = server.internal_url.clone();
        let (told, seen) = std::sync::mpsc::channel();
        let follower = std::thread::spawn(move || {
            raw_until(&url, request.as_bytes(), |text| {
                if text.contains("data: ") {
                    told.send(()).ok();
                }
                false
            })
        });
        seen.recv().expect("an event comes");
        assert_eq!(server.terminate().code(), Some(0));
        let answer = follower.join().expect("the stream ends");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        let head = head.to_lowercase();
        assert_eq!(raw_status(&head), 200, "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert!(!head.contains("keep-alive"), "{head}");
        assert!(body.starts_with("retry: 1000\n\nid: "), "{body}");
        assert!(body.ends_with("\n\n"), "{body}");
        server.restart();
        wait_for("the event to be there", || {
            (server.events().len() == 1).then_some(())
        });
    }
}
