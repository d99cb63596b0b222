//! Every statement of the program. One text serves every engine; each begins with its name, so that
//! a log of the database leads back to here, and its parameters appear in the order of their numbers.

use crate::domain::claim::Reason;

/// The columns of a refund with its close-out, in the order that `tx::refunds` reads them.
macro_rules! refund_columns {
    () => {
        "refunds.id, refunds.provider, refunds.account, refunds.refund_no, refunds.received_at, refunds.provider_refund_no, refunds.order_no, \
         refunds.status, refunds.provider_status, refunds.amount, refunds.currency, refunds.failure, refunds.finished_at, refunds.attention, \
         refunds.updated_at"
    };
}

/// The columns of a close-out, in the order that `tx::close_outs` reads them.
macro_rules! close_out_columns {
    () => {
        "close_outs.refund_id, close_outs.callback_id, close_outs.batchno, close_outs.trandeno, close_outs.amount, close_outs.state, close_outs.errcode, close_outs.order_no, \
         close_outs.order_state, close_outs.attempts, close_outs.next_at, close_outs.park_at"
    };
}

pub(super) mod audit;

pub(super) const INSERT_CALLBACK: &str = "-- insert_callback
INSERT INTO callbacks (id, provider, account, refund_no, delivery_key, key_id, headers, body, claim,
  received_at, last_received_at, settle_after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING";

/// No row where another transaction has it locked: accepting does not wait for applying.
pub(super) const COUNT_DELIVERY: &str = "-- count_delivery
UPDATE callbacks SET deliveries = deliveries + 1, last_received_at = $1
WHERE id = (SELECT id FROM callbacks
            WHERE provider = $2 AND account = $3 AND refund_no = $4 AND delivery_key = $5 /* skip locked */)
RETURNING id, settled_at";

/// Takes the locks that accepting takes, by an id that no notification has.
pub(super) const TOUCH_NO_CALLBACK: &str = "-- touch_no_callback
UPDATE callbacks SET deliveries = deliveries WHERE id = $1";

pub(super) const IS_DELIVERY: &str = "-- is_delivery
SELECT received_at FROM callbacks
WHERE provider = $1 AND account = $2 AND refund_no = $3 AND delivery_key = $4";

pub(super) const INSERT_RELAY_MESSAGE: &str = "-- insert_relay_message
INSERT INTO relay_messages (provider, account, message_key, callback_id) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING";

pub(super) const INSERT_RELAY_SEEN: &str = "-- insert_relay_seen
INSERT INTO relay_seen (message_key, provider, account, callback_id) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING";

pub(super) const COUNT_RELAY_DELIVERY: &str = "-- count_relay_delivery
UPDATE callbacks SET deliveries = deliveries + 1, last_received_at = $1
WHERE id = (SELECT id FROM callbacks
            WHERE id = (SELECT callback_id FROM relay_messages
                        WHERE provider = $2 AND account = $3 AND message_key = $4) /* skip locked */)
RETURNING id, settled_at";

/// Here and below a row that is named by its key is unapplied where it has no verdict, which the table's CHECK says
/// is the same. `settled_at IS NULL` is the condition of the index of all unapplied rows: a server that has seen that
/// one empty reads all of it for each of them, and slower the further applying lags.
pub(super) const APPLY_CALLBACK: &str = "-- apply_callback
UPDATE callbacks SET refund_id = $1, verdict = $2, settled_at = $3
WHERE id = $4 AND verdict IS NULL";

pub(super) const DEFER_APPLY: &str = "-- defer_apply
UPDATE callbacks SET settle_after = $1, settle_attempts = settle_attempts + 1
WHERE id = $2 AND verdict IS NULL";

pub(super) const LEASE_UNAPPLIED: &str = "-- lease_unapplied
UPDATE callbacks SET settle_after = $1
WHERE id IN (SELECT id FROM callbacks WHERE settled_at IS NULL AND settle_after <= $2
             ORDER BY settle_after LIMIT $3 /* skip locked */)
RETURNING id, provider, account, claim, received_at, settle_attempts";

pub(super) const BRING_APPLYING_FORWARD: &str = "-- bring_applying_forward
UPDATE callbacks SET settle_after = $1 WHERE settled_at IS NULL AND settle_after > $2";

pub(super) const NEXT_UNAPPLIED: &str = "-- next_unapplied
SELECT min(settle_after) FROM callbacks WHERE settled_at IS NULL";

pub(super) const UNAPPLIED_CALLBACK: &str = "-- unapplied_callback
SELECT id, provider, account, claim, received_at, settle_attempts FROM callbacks
WHERE id = $1 AND verdict IS NULL";

pub(super) const APPLIED_CALLBACK: &str = "-- applied_callback
SELECT refund_id, verdict FROM callbacks WHERE id = $1 AND settled_at IS NOT NULL";

pub(super) const COUNT_UNAPPLIED: &str = "-- count_unapplied
SELECT count(*), min(received_at)
FROM (SELECT received_at FROM callbacks WHERE settled_at IS NULL ORDER BY settle_after LIMIT $1) AS open";

pub(super) const INSERT_QUESTION: &str = "-- insert_question
INSERT INTO questions (refund_id, question_key, callback_id) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING";

/// Among the first notifications of a refund: those that a program judged which noted no questions.
pub(super) const CLAIM_JUDGED_BEFORE: &str = "-- claim_judged_before
SELECT 1 FROM (SELECT id, claim, verdict FROM callbacks WHERE refund_id = $1 ORDER BY id LIMIT $2) AS first
WHERE claim = $3 AND verdict = $4 AND id <> $5 LIMIT 1";

/// The columns of a notification, in the order that `tx::callbacks` reads them.
macro_rules! callback_columns {
    () => {
        "id, received_at, last_received_at, deliveries, settled_at, verdict, key_id, headers, body, \
         provider, account, refund_id, claim"
    };
}

pub(super) const CALLBACK: &str = concat!(
    "-- callback
SELECT ",
    callback_columns!(),
    " FROM callbacks WHERE id = $1"
);

pub(super) const APPLIED_CLAIMS: &str = "-- applied_claims
SELECT id, claim, received_at, settled_at FROM callbacks
WHERE refund_id = $1 AND settled_at IS NOT NULL AND claim IS NOT NULL
ORDER BY id LIMIT $2";

pub(super) const CALLBACKS_OF_REFUND: &str = concat!(
    "-- callbacks_of_refund
SELECT ",
    callback_columns!(),
    " FROM callbacks
WHERE refund_id = $1 AND id > $2
ORDER BY id LIMIT $3"
);

pub(super) const LOCK_REFUND: &str = concat!(
    "-- lock_refund
UPDATE refunds SET updated_at = updated_at
WHERE refunds.provider = $1 AND refunds.account = $2 AND refunds.refund_no = $3
RETURNING ",
    refund_columns!()
);

pub(super) const LOCK_REFUND_BY_ID: &str = concat!(
    "-- lock_refund_by_id
UPDATE refunds SET updated_at = updated_at WHERE refunds.id = $1
RETURNING ",
    refund_columns!()
);

pub(super) const INSERT_REFUND: &str = "-- insert_refund
INSERT INTO refunds (id, provider, account, refund_no, received_at, provider_refund_no, order_no,
  status, provider_status, amount, currency, failure, finished_at, attention, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT DO NOTHING";

pub(super) const SAVE_REFUND: &str = "-- save_refund
UPDATE refunds SET provider_refund_no = $1, order_no = $2, status = $3, provider_status = $4,
  amount = $5, currency = $6, failure = $7, finished_at = $8, attention = $9, updated_at = $10
WHERE id = $11";

pub(super) const REFUND: &str = concat!(
    "-- refund
SELECT ",
    refund_columns!(),
    ", ",
    close_out_columns!(),
    " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id WHERE refunds.id = $1"
);

/// Completed by `tx::refund_list` with what finds the candidates and one condition for each filter, then
/// [`REFUNDS_TAIL`].
pub(super) const REFUNDS_HEAD: &str = concat!(
    "-- refunds
SELECT ",
    refund_columns!(),
    ", ",
    close_out_columns!(),
    " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id WHERE 1 = 1"
);
pub(super) const REFUNDS_TAIL: &str = " ORDER BY refunds.id DESC LIMIT ";
pub(super) const UPDATED_HEAD: &str =
    " AND refunds.id IN (SELECT listed.id FROM refunds AS listed WHERE listed.updated_at > ";

/// Around what finds the candidates: the last of them, if there are so many.
pub(super) const LAST_EXAMINED_HEAD: &str = "-- last_examined
SELECT id FROM (";
pub(super) const LAST_EXAMINED_TAIL: &str = ") AS examined ORDER BY id DESC LIMIT 1 OFFSET ";

/// From one account to the next through an index, whatever number of refunds lies between.
pub(super) const NEXT_ACCOUNT: &str = "-- next_account
SELECT provider, account FROM refunds WHERE (provider, account) > ($1, $2)
ORDER BY provider, account LIMIT 1";

pub(super) const COUNT_UPDATED: &str = "-- count_updated
SELECT count(*) FROM (SELECT 1 FROM refunds WHERE updated_at > $1 ORDER BY updated_at LIMIT $2) AS updated";

pub(super) const CLOSE_OUT: &str = concat!(
    "-- close_out
SELECT ",
    close_out_columns!(),
    " FROM close_outs WHERE close_outs.refund_id = $1"
);

pub(super) const INSERT_CLOSE_OUT: &str = "-- insert_close_out
INSERT INTO close_outs (refund_id, callback_id, batchno, trandeno, amount, state, errcode, order_no,
  order_state, attempts, next_at, park_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

pub(super) const SAVE_CLOSE_OUT: &str = "-- save_close_out
UPDATE close_outs SET state = $1, errcode = $2, order_no = $3, order_state = $4, attempts = $5,
  next_at = $6, updated_at = $7
WHERE refund_id = $8";

pub(super) const LEASE_CLOSE_OUTS: &str = "-- lease_close_outs
UPDATE close_outs SET next_at = $1
WHERE refund_id IN (SELECT refund_id FROM close_outs WHERE next_at <= $2
                    ORDER BY next_at LIMIT $3 /* skip locked */)
RETURNING refund_id";

pub(super) const NEXT_CLOSE_OUT: &str = "-- next_close_out
SELECT min(next_at) FROM close_outs WHERE next_at IS NOT NULL";

pub(super) const WAKE_CLOSE_OUTS: &str = "-- wake_close_outs
UPDATE close_outs SET state = 'pending', next_at = $1
WHERE state <> 'done'
  AND trandeno IN (SELECT trandeno FROM T_SP_YD_DSFZF WHERE order_no = $2)";

/// A pending one is neither parked nor done; `state = 'pending'` would let a server read the index of all open ones.
pub(super) const DEFER_CLOSE_OUT: &str = "-- defer_close_out
UPDATE close_outs SET next_at = $1 WHERE refund_id = $2 AND state <> 'parked' AND errcode <> 0";

/// Every limit has an order here and elsewhere: without one a server takes any way to the first rows, through the
/// whole table where it expects to meet them soon.
pub(super) const COUNT_CLOSE_OUTS: &str = "-- count_close_outs
SELECT
  (SELECT count(*) FROM
    (SELECT 1 FROM close_outs WHERE next_at IS NOT NULL ORDER BY next_at LIMIT $1) AS pending),
  (SELECT count(*) FROM
    (SELECT 1 FROM close_outs WHERE state <> 'done' AND state > 'done' AND state < 'pending'
     ORDER BY state LIMIT $1) AS parked)";

pub(super) const DONE_AMOUNTS_OF_PAYMENT: &str = "-- done_amounts_of_payment
SELECT amount FROM close_outs
WHERE trandeno = $1 AND state = 'done' AND refund_id IS DISTINCT FROM $2";

pub(super) const DONE_AMOUNTS_OF_APPLICATION: &str = "-- done_amounts_of_application
SELECT close_outs.amount FROM close_outs
JOIN T_SP_YD_DSFZF AS p ON p.trandeno = close_outs.trandeno
WHERE p.order_no = $1 AND close_outs.batchno = $2 AND close_outs.state = 'done' AND close_outs.refund_id <> $3";

pub(super) const PAYMENT: &str = "-- payment
SELECT order_no, amount FROM T_SP_YD_DSFZF WHERE trandeno = $1";

pub(super) const LOCK_ORDER: &str = "-- lock_order
UPDATE T_SP_YD SET updated_at = updated_at WHERE order_no = $1
RETURNING state, closed_by_close_out";

pub(super) const ORDER: &str = "-- order
SELECT state, closed_by_close_out FROM T_SP_YD WHERE order_no = $1";

pub(super) const PAYMENTS_OF_ORDER: &str = "-- payments_of_order
SELECT trandeno, amount FROM T_SP_YD_DSFZF WHERE order_no = $1 ORDER BY trandeno";

pub(super) const APPLICATIONS_OF_ORDER: &str = "-- applications_of_order
SELECT batchno, amount, state FROM T_SP_YD_SXF WHERE order_no = $1 ORDER BY batchno";

pub(super) const HANDLE_APPLICATION: &str = "-- handle_application
UPDATE T_SP_YD_SXF SET state = 'handled', handled_by = $1, handled_at = $2
WHERE order_no = $3 AND batchno = $4 AND state <> 'handled'";

pub(super) const CLOSE_ORDER: &str = "-- close_order
UPDATE T_SP_YD SET state = 'closed', closed_by_close_out = 1, updated_at = $1
WHERE order_no = $2 AND state = 'refund_applied'";

pub(super) const INSERT_ORDER: &str = "-- insert_order
INSERT INTO T_SP_YD (order_no, state, created_at, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING";

pub(super) const SAVE_ORDER: &str = "-- save_order
UPDATE T_SP_YD SET state = $1, updated_at = $2 WHERE order_no = $3 AND state <> $1";

pub(super) const PUT_PAYMENT: &str = "-- put_payment
INSERT INTO T_SP_YD_DSFZF (trandeno, order_no, amount) VALUES ($1, $2, $3)
ON CONFLICT (trandeno) DO UPDATE SET amount = excluded.amount
WHERE T_SP_YD_DSFZF.order_no = excluded.order_no";

pub(super) const PUT_APPLICATION: &str = "-- put_application
INSERT INTO T_SP_YD_SXF (order_no, batchno, amount, state) VALUES ($1, $2, $3, coalesce($4, 'applied'))
ON CONFLICT (order_no, batchno) DO UPDATE
SET amount = excluded.amount, state = coalesce($4, T_SP_YD_SXF.state)
WHERE T_SP_YD_SXF.state <> 'handled'";

pub(super) const TAKE_SEQUENCES: &str = "-- take_sequences
UPDATE feed SET last_sequence = last_sequence + $1 RETURNING last_sequence";

pub(super) const REWRITE_COUNTER: &str = "-- rewrite_counter
UPDATE feed SET last_sequence = last_sequence";

pub(super) const INSERT_EVENT: &str = "-- insert_event
INSERT INTO events (sequence, id, type, occurred_at, data) VALUES ($1, $2, $3, $4, $5)";

pub(super) const EVENTS_AFTER: &str = "-- events_after
SELECT sequence, id, type, occurred_at, data FROM events
WHERE sequence > $1 ORDER BY sequence LIMIT $2";

pub(super) const LAST_SEQUENCE: &str = "-- last_sequence
SELECT last_sequence FROM feed";

pub(super) const EPOCH: &str = "-- epoch
SELECT epoch FROM feed_epoch";

pub(super) const RENEW_EPOCH: &str = "-- renew_epoch
UPDATE feed_epoch SET epoch = $1";

/// One column for each reason, in their order.
pub(super) fn count_attention() -> String {
    let columns = Reason::ALL.map(|reason| {
        let reason = reason.as_str();
        format!("count(CASE WHEN attention LIKE '%\"reason\":\"{reason}\"%' THEN 1 END)")
    });
    format!(
        "-- count_attention
SELECT {} FROM (SELECT attention FROM refunds WHERE attention <> '[]' ORDER BY id LIMIT $1) AS open",
        columns.join(", ")
    )
}

pub(super) const EVENT_TIME: &str = "-- event_time
SELECT occurred_at FROM events WHERE sequence = $1";

pub(super) const INSERT_CONSUMER: &str = "-- insert_consumer
INSERT INTO consumers (reader, name, acked_sequence, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING";

pub(super) const LOCK_CONSUMER: &str = "-- lock_consumer
UPDATE consumers SET updated_at = updated_at WHERE reader = $1 AND name = $2
RETURNING reader, name, acked_sequence, created_at, updated_at";

pub(super) const MOVE_CONSUMER: &str = "-- move_consumer
UPDATE consumers SET acked_sequence = $1, updated_at = $2 WHERE reader = $3 AND name = $4";

pub(super) const DELETE_CONSUMER: &str = "-- delete_consumer
DELETE FROM consumers WHERE reader = $1 AND name = $2";

pub(super) const CONSUMER: &str = "-- consumer
SELECT reader, name, acked_sequence, created_at, updated_at FROM consumers
WHERE reader = $1 AND name = $2";

pub(super) const CONSUMERS_OF_READER: &str = "-- consumers_of_reader
SELECT reader, name, acked_sequence, created_at, updated_at FROM consumers
WHERE reader = $1 ORDER BY name";

pub(super) const CONSUMERS: &str = "-- consumers
SELECT reader, name, acked_sequence, created_at, updated_at FROM consumers
ORDER BY reader, name LIMIT $1";

pub(super) const COUNT_CONSUMERS: &str = "-- count_consumers
SELECT count(*) FROM consumers WHERE reader = $1";

/// The columns of an endpoint, in the order that `tx::endpoints` reads them.
macro_rules! endpoint_columns {
    () => {
        "name, revision, pushed_sequence, failing_since, failures, last_error, last_success_at, \
         disabled_at, disabled_reason, leased_by, leased_until"
    };
}

/// The columns of a parked push, in the order that `tx::endpoints` reads them.
macro_rules! parked_columns {
    () => {
        "sequence, refund_id, attempts, first_failed_at, next_at, given_up_at, last_error"
    };
}

pub(super) const INSERT_ENDPOINT: &str = "-- insert_endpoint
INSERT INTO endpoints (name, pushed_sequence, updated_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING";

pub(super) const LEASE_ENDPOINT: &str = concat!(
    "-- lease_endpoint
UPDATE endpoints SET leased_by = $1, leased_until = $2
WHERE name = $3 AND (leased_by = $1 OR leased_until < $4)
RETURNING ",
    endpoint_columns!()
);

pub(super) const RELEASE_ENDPOINT: &str = "-- release_endpoint
UPDATE endpoints SET leased_until = 0 WHERE name = $1 AND leased_by = $2";

pub(super) const SAVE_ENDPOINT: &str = "-- save_endpoint
UPDATE endpoints SET pushed_sequence = $1, failing_since = $2, failures = $3, last_error = $4,
  last_success_at = $5, disabled_at = $6, disabled_reason = $7, leased_until = $8, updated_at = $9
WHERE name = $10 AND leased_by = $11 AND revision = $12";

/// The place only ever goes back: of what follows it nobody knows that it was sent.
pub(super) const RECOVER_ENDPOINT: &str = "-- recover_endpoint
UPDATE endpoints SET revision = revision + 1,
  pushed_sequence = CASE WHEN $1 < pushed_sequence THEN $1 ELSE pushed_sequence END,
  failing_since = NULL, failures = 0, disabled_at = NULL, disabled_reason = NULL, updated_at = $2
WHERE name = $3";

pub(super) const ENDPOINTS: &str = concat!(
    "-- endpoints
SELECT ",
    endpoint_columns!(),
    " FROM endpoints ORDER BY name"
);

pub(super) const SAVE_PARKED_PUSH: &str = "-- save_parked_push
INSERT INTO parked_pushes (endpoint, sequence, refund_id, attempts, first_failed_at, next_at,
  given_up_at, last_error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (endpoint, sequence) DO UPDATE SET attempts = excluded.attempts,
  first_failed_at = excluded.first_failed_at, next_at = excluded.next_at,
  given_up_at = excluded.given_up_at, last_error = excluded.last_error";

pub(super) const DELETE_PARKED_PUSH: &str = "-- delete_parked_push
DELETE FROM parked_pushes WHERE endpoint = $1 AND sequence = $2";

/// Only up to the endpoint's place: behind it they are met again and have to be known.
pub(super) const FORGET_OLD_GIVEN_UP: &str = "-- forget_old_given_up
DELETE FROM parked_pushes WHERE endpoint = $1 AND sequence <= $2 AND given_up_at < $3";

pub(super) const FORGET_MOST_GIVEN_UP: &str = "-- forget_most_given_up
DELETE FROM parked_pushes WHERE endpoint = $1 AND given_up_at IS NOT NULL AND sequence <= $2
AND sequence <= (SELECT kept.sequence FROM parked_pushes AS kept
  WHERE kept.endpoint = $1 AND kept.given_up_at IS NOT NULL
  ORDER BY kept.sequence DESC LIMIT 1 OFFSET $3)";

/// Those after the endpoint's place: reading on from there finds them again, in their order.
pub(super) const DELETE_PARKED_PUSHES_AHEAD: &str = "-- delete_parked_pushes_ahead
DELETE FROM parked_pushes
WHERE endpoint = $1 AND sequence > (SELECT pushed_sequence FROM endpoints WHERE name = $1)";

pub(super) const RECOVER_PARKED_PUSHES: &str = "-- recover_parked_pushes
UPDATE parked_pushes SET attempts = 0, first_failed_at = NULL, next_at = NULL, given_up_at = NULL
WHERE endpoint = $1";

pub(super) const PARKED_PUSHES: &str = concat!(
    "-- parked_pushes
SELECT ",
    parked_columns!(),
    " FROM parked_pushes WHERE endpoint = $1 AND (given_up_at IS NULL OR sequence > $2)
ORDER BY sequence"
);

pub(super) const COUNT_PARKED_PUSHES: &str = "-- count_parked_pushes
SELECT name,
  (SELECT count(*) FROM (SELECT 1 FROM parked_pushes WHERE endpoint = name ORDER BY sequence LIMIT $1) AS parked),
  (SELECT count(given_up_at) FROM
    (SELECT given_up_at FROM parked_pushes WHERE endpoint = name ORDER BY sequence LIMIT $1) AS parked)
FROM endpoints";
