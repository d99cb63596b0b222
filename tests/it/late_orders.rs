//! A mass of reports whose orders are late: trying them again delays no callback, and an order that is
//! registered then does not wait for the others.

use std::time::Duration;

use super::ENGINE;
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::{Engine, Server, now, wait_for};

/// Reports of unknown payments, all due now. A pass tries 256 of them.
const MANY: u32 = 50_000;
/// Callbacks sent while they are tried again.
const CALLBACKS: usize = 60;
/// No ack takes longer, on a machine that is busy with other tests.
const ACK_MAX: Duration = Duration::from_secs(2);
/// Half of them take no longer than this.
const MEDIAN_MAX: Duration = Duration::from_millis(250);

/// Copies the one report that there is.
fn multiply(server: &Server) {
    let id = match ENGINE {
        Engine::Sqlite => "unhex(printf('%032x', i))",
        Engine::Postgres => "decode(lpad(to_hex(i), 32, '0'), 'hex')",
    };
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let (rest, end) = (
        "provider, account",
        "received_at, provider_refund_no, order_no, status, provider_status, amount, currency, attention, updated_at",
    );
    let out = "amount, state, errcode, attempts";
    server.change_store(&format!(
        "INSERT INTO refunds (id, {rest}, refund_no, {end})
           {numbers} SELECT {id}, {rest}, 'B-' || i || '/T-' || i, {end} FROM n, (SELECT * FROM refunds) AS one;
         INSERT INTO close_outs (refund_id, callback_id, batchno, trandeno, {out}, next_at, park_at, updated_at)
           {numbers} SELECT {id}, callback_id, 'B-' || i, 'T-' || i, {out}, i, park_at, updated_at
           FROM n, (SELECT * FROM close_outs) AS one;"
    ));
}

#[test]
fn a_mass_of_late_orders_delays_neither_callbacks_nor_an_order_that_is_registered() {
    let server = Server::usual(ENGINE);
    assert_eq!(server.epay_errcode("B-first", "T-first", "30"), 2);
    multiply(&server);
    let mut times = Vec::new();
    for number in 0..CALLBACKS {
        let sent = now();
        server.notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
        times.push(sent.elapsed());
        std::thread::sleep(Duration::from_millis(40));
    }
    server.applied(&format!("R-{}", CALLBACKS - 1));
    // The last of them all, by its time.
    let name = MANY.to_string();
    server.put_simple_order(&name, "refund_applied", "30.00");
    wait_for("the close-out of the order that is there now", || {
        let order = server.order(&format!("YD-{name}"));
        (text(&order["state"]) == "closed").then_some(())
    });
    times.sort();
    assert!(times[CALLBACKS - 1] < ACK_MAX, "{times:?}");
    assert!(times[CALLBACKS / 2] < MEDIAN_MAX, "{times:?}");
}
