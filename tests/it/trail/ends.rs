//! Act and entry are one transaction: a process that dies leaves both or none. Several instances append one chain.

use super::*;
use crate::crash_points::IN_TRAIL;
use crate::harness::faulty::VARIABLE;
use crate::harness::server::program;
use crate::harness::{Engine, faulty};

/// Orders of which each instance registers one after the other.
const ORDERS: usize = 60;

#[test]
fn a_process_that_dies_leaves_the_act_and_its_entry_or_none() {
    for point in IN_TRAIL {
        let mut server = Server::stopped(&ConfigBuilder::new(ENGINE));
        server.use_program(faulty::program());
        server.restart();
        server.put_simple_order("1", "paid", "1.00");
        server.kill9();
        server.set_variable(VARIABLE, Some(&format!("{point}=return")));
        server.restart();
        let url = format!("{}/v1/orders/YD-2", server.internal_url);
        let bearer = format!("Bearer {READER_TOKEN}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let order = crate::harness::epay::simple_order("2", "paid", "1.00").to_string();
        drop(
            server
                .client()
                .try_send("PUT", &url, &headers, order.as_bytes()),
        );
        server.wait_end();
        server.set_variable(VARIABLE, None);
        server.use_program(program());
        server.restart();
        let is_registered = server.get("/v1/orders/YD-2").status == 200;
        assert_eq!(is_registered, point == "act-committed", "{point}");
        let about = trail_as(&server, READER_TOKEN, "&about=YD-2");
        assert_eq!(about.len(), usize::from(is_registered), "{point}");
        server.put_simple_order("3", "paid", "1.00");
        assert_chained(&trail(&server));
        server.assert_audit_is_clean(None);
    }
}

#[test]
fn acts_that_are_killed_in_a_storm_leave_as_many_entries_as_orders() {
    let mut server = Server::usual(ENGINE);
    std::thread::scope(|scope| {
        let (client, url) = (server.client(), server.internal_url.clone());
        let storm = scope.spawn(move || {
            let bearer = format!("Bearer {READER_TOKEN}");
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
            ];
            let mut answered = 0;
            for number in 0..10_000 {
                let order = crate::harness::epay::simple_order(&number.to_string(), "paid", "1.00");
                let url = format!("{url}/v1/orders/YD-{number}");
                match client.try_send("PUT", &url, &headers, order.to_string().as_bytes()) {
                    Ok(reply) if reply.status == 200 => answered += 1,
                    _ => break,
                }
            }
            answered
        });
        crate::harness::wait_for("some acts", || {
            (server.count_rows("trail") > 20).then_some(())
        });
        server.kill9();
        let answered: i64 = storm.join().expect("no panic");
        server.restart();
        let (orders, entries) = (server.count_rows("t_sp_yd"), server.count_rows("trail"));
        assert_eq!(orders, entries);
        assert!(orders >= answered, "{orders} {answered}");
    });
    assert_chained(&trail(&server));
}

#[test]
fn two_instances_append_one_chain() {
    if ENGINE == Engine::Sqlite {
        return;
    }
    let config = ConfigBuilder::new(ENGINE);
    let (one, other) = (Server::start(&config), Server::start(&config));
    std::thread::scope(|scope| {
        for (letter, server) in [("A", &one), ("B", &other)] {
            for part in 0..3 {
                scope.spawn(move || {
                    for number in 0..ORDERS / 3 {
                        let name = format!("{letter}{part}{number}");
                        server.put_simple_order(&name, "paid", "1.00");
                    }
                });
            }
        }
    });
    let entries = trail(&one);
    assert_eq!(entries.len(), 2 * ORDERS);
    assert_chained(&entries);
    assert_eq!(entries, trail(&other));
}

#[test]
fn a_head_that_another_holds_delays_acts_and_no_callback() {
    use crate::harness::config::Place;
    use crate::harness::payermax::Notice;

    if ENGINE == Engine::Sqlite {
        return;
    }
    let server = Server::usual(ENGINE);
    let Place::Database(database) = &server.place else {
        unreachable!("it is on PostgreSQL");
    };
    let mut client = database.client();
    let mut holding = client.transaction().expect("a transaction");
    holding
        .execute("UPDATE trail_head SET last_sequence = last_sequence", &[])
        .expect("the head is locked");
    std::thread::scope(|scope| {
        let order = crate::harness::epay::simple_order("1", "paid", "1.00").to_string();
        let server = &server;
        let act = scope.spawn(move || server.put_order_raw("YD-1", READER_TOKEN, &order).status);
        for number in 0..20 {
            let refund_no = format!("R-{number}");
            server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
            let is_there = format!("refund_no={refund_no}&status=succeeded");
            crate::harness::wait_for("the refund", || {
                (server.refunds(&is_there).len() == 1).then_some(())
            });
        }
        assert_eq!(act.join().expect("no panic"), 503);
    });
    holding.rollback().expect("it is given back");
    server.put_simple_order("1", "paid", "1.00");
    assert_eq!(acts(&trail(&server)), ["order_changed order YD-1"]);
}
