// The storage side: one durable transaction a request with the three inserts that a receiver
// cannot do without: the callback as received, the refund, the event for those who follow.

import { createHash, randomUUID } from 'node:crypto';

import Database from 'better-sqlite3';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS callback (
    sequence    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    body_sha256 BLOB NOT NULL UNIQUE,
    sign        TEXT NOT NULL,
    body        BLOB NOT NULL,
    received_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS refund (
    sequence               INTEGER PRIMARY KEY,
    id                     TEXT NOT NULL,
    refund_no              TEXT NOT NULL UNIQUE,
    provider_refund_no     TEXT NOT NULL,
    order_no               TEXT NOT NULL,
    status                 TEXT NOT NULL,
    provider_status        TEXT NOT NULL,
    amount_ten_thousandths INTEGER NOT NULL,
    currency               TEXT NOT NULL,
    updated_at             INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS event (
    sequence  INTEGER PRIMARY KEY,
    id        TEXT NOT NULL,
    type      TEXT NOT NULL,
    refund_id TEXT NOT NULL,
    at        INTEGER NOT NULL
  ) STRICT;
`;

export class Store {
  #database;
  #transaction;
  #insertCallback;
  #insertRefund;
  #insertEvent;

  constructor(file) {
    this.#database = new Database(file, { timeout: 10_000 });
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
    this.#database.exec(SCHEMA);
    this.#insertCallback = this.#database.prepare(
      `INSERT INTO callback (id, body_sha256, sign, body, received_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    this.#insertRefund = this.#database.prepare(
      `INSERT INTO refund (id, refund_no, provider_refund_no, order_no, status, provider_status,
                           amount_ten_thousandths, currency, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    this.#insertEvent = this.#database.prepare(
      'INSERT INTO event (id, type, refund_id, at) VALUES (?, ?, ?, ?)',
    );
    this.#transaction = this.#database.transaction((body, sign, refund) => {
      this.#write(body, sign, refund);
    });
  }

  /** Returns when the commit is on disk. A callback or refund seen before changes nothing. */
  accept(body, sign, refund) {
    this.#transaction.immediate(body, sign, refund);
  }

  close() {
    this.#database.close();
  }

  #write(body, sign, refund) {
    const now = Date.now();
    const digest = createHash('sha256').update(body).digest();
    const stored = this.#insertCallback.run(`cb_${randomUUID()}`, digest, sign, body, now);
    if (stored.changes === 0) return;
    const refundId = `rf_${randomUUID()}`;
    const created = this.#insertRefund.run(
      refundId,
      refund.refundNo,
      refund.providerRefundNo,
      refund.orderNo,
      refund.status,
      refund.providerStatus,
      refund.amountTenThousandths,
      refund.currency,
      now,
    );
    if (created.changes === 0) return;
    this.#insertEvent.run(`evt_${randomUUID()}`, `refund.${refund.status}`, refundId, now);
  }
}
