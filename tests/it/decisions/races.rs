//! Operators and callbacks at the same moment: one effect each, in some order, and the feed tells which.

use std::sync::Barrier;

use super::{
    OTHER_TOKEN, answer, code, config, conflict, decide_as, decisions, events_of, notice, server,
};
use crate::harness::config::{Place, READER_TOKEN};
use crate::harness::reader::{attention, text};
use crate::harness::{Engine, Server};

/// Refunds of each race.
const ROUNDS: usize = 20;

fn race(servers: [&Server; 2]) {
    let first = servers[0];
    for round in 0..ROUNDS {
        let refund = conflict(first, &format!("R-{round}"));
        let together = Barrier::new(2);
        let replies = std::thread::scope(|scope| {
            let asking = [
                (READER_TOKEN, "accept", servers[0]),
                (OTHER_TOKEN, "keep", servers[1]),
            ];
            let asking = asking.map(|(token, decision, server)| {
                let (refund, together) = (&refund, &together);
                scope.spawn(move || {
                    together.wait();
                    decide_as(server, token, refund, &answer(refund, decision))
                })
            });
            asking.map(|asking| asking.join().expect("no panic"))
        });
        let mut statuses = replies.each_ref().map(|reply| reply.status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "one of them decides");
        let loser = replies
            .iter()
            .find(|reply| reply.status == 409)
            .expect("one");
        assert_eq!(code(loser, 409), "no_such_question");
        let all = decisions(first, &refund);
        assert_eq!(all.len(), 1);
        let is_accepted = all[0]["decision"] == "accept";
        assert_eq!(is_accepted, replies[0].status == 200);
        let told = events_of(first, &refund);
        assert_eq!(told.len(), if is_accepted { 4 } else { 3 }, "{told:?}");
    }
    first.assert_audit_is_clean(None);
}

#[test]
fn of_two_operators_at_the_same_moment_one_decides_and_the_other_gets_409() {
    let server = server();
    race([&server, &server]);
}

#[test]
fn so_they_do_at_two_instances() {
    let config = config();
    if super::ENGINE != Engine::Postgres {
        return;
    }
    assert!(matches!(config.place, Place::Database(_)));
    let (one, other) = (Server::start(&config), Server::start(&config));
    race([&one, &other]);
}

#[test]
fn a_decision_and_a_callback_at_the_same_moment_take_effect_one_after_the_other() {
    let server = server();
    for round in 0..ROUNDS {
        let number = format!("R-{round}");
        server.notified(&notice(&number, "REFUND_REVERSED", 1));
        let refund = server.applied(&number);
        let together = Barrier::new(2);
        let reply = std::thread::scope(|scope| {
            let (server, refund, together) = (&server, &refund, &together);
            let late = notice(&number, "REFUND_SUCCESS", 2);
            scope.spawn(move || {
                together.wait();
                server.notified(&late);
            });
            together.wait();
            decide_as(server, READER_TOKEN, refund, &answer(refund, "failed"))
        });
        let after = server.applied(&number);
        let told = events_of(&server, &refund);
        if reply.status == 200 {
            // The callback contradicts what a person said before it came.
            assert_eq!(
                (text(&after["status"]), attention(&after)),
                ("failed".to_owned(), vec!["conflict".to_owned()])
            );
            let order = ["refund.decided", "refund.failed", "refund.conflict"];
            assert_eq!(told[told.len() - 3..], order, "{told:?}");
        } else {
            assert_eq!(code(&reply, 409), "no_such_question");
            assert_eq!(
                (text(&after["status"]), attention(&after).len()),
                ("succeeded".to_owned(), 0)
            );
        }
    }
    server.assert_audit_is_clean(None);
}
