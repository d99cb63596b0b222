//! What an audit reads: every table in pages of its key, so that no snapshot lasts long. Nothing here
//! writes.

pub(in crate::store) const CALLBACKS_TO_AUDIT: &str = "-- callbacks_to_audit
SELECT callbacks.id, callbacks.provider, callbacks.account, callbacks.refund_no, callbacks.delivery_key,
  callbacks.key_id, callbacks.headers, callbacks.body, callbacks.claim, callbacks.received_at,
  callbacks.verdict, callbacks.settle_attempts, callbacks.refund_id, refunds.provider, refunds.account,
  refunds.refund_no
FROM callbacks LEFT JOIN refunds ON refunds.id = callbacks.refund_id
WHERE callbacks.id > $1 ORDER BY callbacks.id LIMIT $2";

pub(in crate::store) const REFUNDS_TO_AUDIT: &str = concat!(
    "-- refunds_to_audit
SELECT ",
    refund_columns!(),
    ", ",
    close_out_columns!(),
    " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id
WHERE refunds.id > $1 ORDER BY refunds.id LIMIT $2"
);

pub(in crate::store) const CLAIMS_UNDER_NUMBER: &str = "-- claims_under_number
SELECT id, refund_id, delivery_key, claim, verdict FROM callbacks
WHERE provider = $1 AND account = $2 AND refund_no = $3 ORDER BY id";

pub(in crate::store) const BODIES_UNDER_NUMBER: &str = "-- bodies_under_number
SELECT id, deliveries, body FROM callbacks
WHERE provider = $1 AND account = $2 AND refund_no = $3 ORDER BY id";

pub(in crate::store) const IS_REFUND: &str = "-- is_refund
SELECT count(*) FROM refunds WHERE id = $1";

pub(in crate::store) const ORDERS_TO_AUDIT: &str = "-- orders_to_audit
SELECT order_no, state, closed_by_close_out FROM T_SP_YD
WHERE order_no > $1 ORDER BY order_no LIMIT $2";

pub(in crate::store) const HANDLED_APPLICATIONS: &str = "-- handled_applications
SELECT batchno, handled_by FROM T_SP_YD_SXF
WHERE order_no = $1 AND state = 'handled' ORDER BY batchno";

pub(in crate::store) const CLOSE_OUTS_OF_PAYMENT: &str = concat!(
    "-- close_outs_of_payment
SELECT ",
    close_out_columns!(),
    " FROM close_outs WHERE close_outs.trandeno = $1 ORDER BY close_outs.refund_id"
);

pub(in crate::store) const RELAY_MESSAGES_TO_AUDIT: &str = "-- relay_messages_to_audit
SELECT m.provider, m.account, m.message_key, m.callback_id, callbacks.delivery_key
FROM relay_messages AS m LEFT JOIN callbacks ON callbacks.id = m.callback_id
WHERE (m.provider, m.account, m.message_key) > ($1, $2, $3)
ORDER BY m.provider, m.account, m.message_key LIMIT $4";

pub(in crate::store) const NEWEST_CALLBACK: &str = "-- newest_callback
SELECT received_at FROM callbacks ORDER BY id DESC LIMIT 1";

pub(in crate::store) const COUNT_ROWS: &str = "-- count_rows
SELECT (SELECT count(*) FROM callbacks), (SELECT count(*) FROM refunds),
  (SELECT count(*) FROM close_outs), (SELECT count(*) FROM T_SP_YD), (SELECT count(*) FROM events)";
