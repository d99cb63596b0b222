//! The same callback several times at the same moment.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::payermax::Notice;

/// Senders of the same callback.
const COPIES: usize = 8;
/// Callbacks that are sent so.
const ROUNDS: usize = 25;

#[test]
fn copies_at_the_same_moment_are_there_once_answered_and_fail_no_batch() {
    let server = Server::usual(ENGINE);
    for round in 0..ROUNDS {
        let refund_no = format!("R-{round}");
        std::thread::scope(|scope| {
            for _ in 0..COPIES {
                scope.spawn(|| {
                    server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
                    let found = server.refunds(&format!("refund_no={refund_no}"));
                    assert_eq!(found.len(), 1, "{refund_no} was acknowledged");
                });
            }
        });
    }
    for round in 0..ROUNDS {
        let id = server.applied(&format!("R-{round}"))["id"].clone();
        let callbacks = server.callbacks(id.as_str().expect("a text"));
        assert_eq!(callbacks.len(), 1);
        assert_eq!(callbacks[0]["deliveries"], COPIES);
    }
    let log = server.log();
    assert!(!log.contains("a batch failed"), "{log}");
}
