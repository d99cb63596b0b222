-- The one schema of refund-receiver, SQLite STRICT. The PostgreSQL form is a mechanical rewrite of the types.
-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids are the 16 bytes of a UUIDv7. Amounts are decimal
-- text in major units, because sixteen integer digits and four decimals do not fit a 64-bit integer.

-- Version of this schema: what a program must at least know to work on it. A program rejects one it does not know.
CREATE TABLE schema_version (
  version     INTEGER NOT NULL,
  applied_at  INTEGER NOT NULL
) STRICT;
-- Versions whose additions are there, before what they replace is taken away (docs/upgrade.md).
CREATE TABLE schema_expanded (
  version     INTEGER NOT NULL,
  applied_at  INTEGER NOT NULL
) STRICT;

-- Transaction 1: every authentic callback, bytes as received. Rows are never deleted by the program.
CREATE TABLE callbacks (
  -- immutable: as received
  id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  provider         TEXT    NOT NULL,
  account          TEXT    NOT NULL,
  refund_no        TEXT    NOT NULL,           -- '' where the bytes name none that can be read
  delivery_key     BLOB    NOT NULL CHECK (length(delivery_key) = 32), -- SHA-256 of the body, or of a relay's message
  key_id           TEXT    NOT NULL,           -- which configured key or token verified it
  headers          TEXT    NOT NULL,           -- JSON object of the headers that matter
  body             BLOB    NOT NULL,           -- untouched
  claim            TEXT,                       -- JSON of what it says; NULL: authentic, but not even a claim
  received_at      INTEGER NOT NULL,
  -- mutable: what became of it
  deliveries       INTEGER NOT NULL DEFAULT 1 CHECK (deliveries >= 1), -- how often these very bytes came
  last_received_at INTEGER NOT NULL,
  refund_id        BLOB,                       -- set by transaction 2
  verdict          TEXT,                       -- set by transaction 2: applied repeat stale conflict questioned invalid
  settled_at       INTEGER,                    -- when transaction 2 committed
  settle_after     INTEGER NOT NULL,           -- when the resume worker may take it over
  settle_attempts  INTEGER NOT NULL DEFAULT 0, -- failed attempts to apply it
  CHECK ((settled_at IS NULL) = (verdict IS NULL))
) STRICT;
-- Recognises a repeat (dedup), and lists the callbacks of one refund.
CREATE UNIQUE INDEX callbacks_delivery ON callbacks (provider, account, refund_no, delivery_key);
-- The resume worker's list: empty in quiet times.
CREATE INDEX callbacks_unsettled ON callbacks (settle_after) WHERE settled_at IS NULL;
-- The callbacks of one refund, oldest first: a page of very many costs what a page of few does.
CREATE INDEX callbacks_refund ON callbacks (refund_id, id) WHERE refund_id IS NOT NULL;

-- Questions that readers were told of: the same contradiction in other bytes is the same question.
CREATE TABLE questions (
  refund_id    BLOB NOT NULL CHECK (length(refund_id) = 16),
  question_key BLOB NOT NULL CHECK (length(question_key) = 32), -- SHA-256 of verdict and claim
  callback_id  BLOB NOT NULL,                  -- what asked first
  PRIMARY KEY (refund_id, question_key)
) STRICT, WITHOUT ROWID;

-- Messages of relays, id and body: each counts once for its account, whatever path it comes on again.
CREATE TABLE relay_messages (
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  message_key BLOB NOT NULL CHECK (length(message_key) = 32), -- SHA-256 of id and body
  callback_id BLOB NOT NULL,                   -- what it brought the first time
  PRIMARY KEY (provider, account, message_key)
) STRICT, WITHOUT ROWID;
-- The same over all accounts: a message counts once, wherever it is sent.
CREATE TABLE relay_seen (
  message_key BLOB NOT NULL PRIMARY KEY CHECK (length(message_key) = 32), -- as in relay_messages
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  callback_id BLOB NOT NULL                    -- what it brought the first time
) STRICT, WITHOUT ROWID;

-- One record per refund: what its callbacks add up to.
CREATE TABLE refunds (
  -- immutable
  id                 BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  provider           TEXT    NOT NULL,
  account            TEXT    NOT NULL,
  refund_no          TEXT,                     -- NULL: the callback could not be read; unique otherwise
  received_at        INTEGER NOT NULL,         -- when the first callback was received
  -- mutable, by transaction 2 only
  provider_refund_no TEXT,
  order_no           TEXT,
  status             TEXT    NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed', 'canceled')),
  provider_status    TEXT,
  amount             TEXT,                     -- decimal text, major units
  currency           TEXT    CHECK (length(currency) = 3), -- ISO 4217
  failure            TEXT,                     -- JSON {"code","message"} of the provider
  finished_at        INTEGER,
  attention          TEXT    NOT NULL DEFAULT '[]', -- JSON list of open questions
  updated_at         INTEGER NOT NULL,
  CHECK ((amount IS NULL) = (currency IS NULL))
) STRICT;
-- By number first: readers often know nothing else.
CREATE UNIQUE INDEX refunds_number ON refunds (refund_no, provider, account);
CREATE INDEX refunds_provider_number ON refunds (provider_refund_no) WHERE provider_refund_no IS NOT NULL;
CREATE INDEX refunds_order ON refunds (order_no) WHERE order_no IS NOT NULL;
-- What changed lately: ids alone answer it.
CREATE INDEX refunds_updated ON refunds (updated_at, id);
-- Lists, newest first: each combination of these is a run of ids, so that a rare answer among millions is
-- found without reading the others.
CREATE INDEX refunds_grouped ON refunds (provider, account, status, id);
CREATE INDEX refunds_attention ON refunds (id) WHERE attention <> '[]';

-- The order side of one EPay refund: transaction 2's own state, kept so that it can be tried again.
CREATE TABLE close_outs (
  refund_id   BLOB    NOT NULL PRIMARY KEY CHECK (length(refund_id) = 16),
  callback_id BLOB    NOT NULL,                -- the callback that reported it
  batchno     TEXT    NOT NULL,
  trandeno    TEXT    NOT NULL,
  amount      TEXT    NOT NULL,                -- decimal text, yuan; the first one reported
  state       TEXT    NOT NULL CHECK (state IN ('pending', 'done', 'parked')),
  errcode     INTEGER NOT NULL,                -- what the caller was last told: 0 2 3 4 6 9
  order_no    TEXT,                            -- known once the payment is
  order_state TEXT,                            -- the order's state as the close-out left it
  attempts    INTEGER NOT NULL,
  next_at     INTEGER,                         -- when it is tried again; NULL unless pending
  park_at     INTEGER NOT NULL,                -- when trying ends
  updated_at  INTEGER NOT NULL,
  CHECK ((next_at IS NULL) = (state <> 'pending')),
  CHECK ((state = 'done') = (errcode = 0))
) STRICT;
CREATE INDEX close_outs_due ON close_outs (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX close_outs_open ON close_outs (state) WHERE state <> 'done';
CREATE INDEX close_outs_trade ON close_outs (trandeno, batchno);

-- Outgoing refunds: the intent, committed before anything is sent, and how far it has come. One a refund.
CREATE TABLE requests (
  -- immutable: the intent
  refund_id       BLOB    NOT NULL PRIMARY KEY CHECK (length(refund_id) = 16),
  provider        TEXT    NOT NULL,
  account         TEXT    NOT NULL,
  refund_no       TEXT    NOT NULL,
  number_key      TEXT    NOT NULL,            -- the number as its provider tells numbers apart
  payment         TEXT,                        -- the payment as its provider tells payments apart
  mode            TEXT    NOT NULL CHECK (mode IN ('submit', 'watch')),
  amount          TEXT    NOT NULL,            -- decimal text, major units
  intent          TEXT    NOT NULL,            -- JSON: all of it
  requested_by    TEXT    NOT NULL,            -- the reader
  requested_at    INTEGER NOT NULL,
  -- mutable
  state           TEXT    NOT NULL CHECK (state IN
    ('queued', 'sending', 'unknown', 'accepted', 'refused', 'done', 'failed', 'canceled')),
  sends           INTEGER NOT NULL DEFAULT 0,  -- attempts to send
  resends         INTEGER NOT NULL DEFAULT 0,  -- automatic ones after "not found"
  is_rebuilt      INTEGER NOT NULL DEFAULT 0 CHECK (is_rebuilt IN (0, 1)),
  is_in_doubt     INTEGER NOT NULL DEFAULT 0 CHECK (is_in_doubt IN (0, 1)), -- an earlier send may have been taken
  progress        TEXT    NOT NULL,            -- JSON: counters of the timetable
  last_attempt_at INTEGER,
  next_at         INTEGER,                     -- when a worker takes it; while one has it, when its lease ends
  last_reply      TEXT,                        -- JSON {"class","code","message"}
  fence           INTEGER NOT NULL DEFAULT 0,  -- grows with each attempt
  updated_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX requests_number ON requests (provider, account, number_key);
-- A worker's list, by account.
CREATE INDEX requests_due ON requests (provider, account, next_at) WHERE next_at IS NOT NULL;
-- The requests of one payment: their sum, and one at a time.
CREATE INDEX requests_payment ON requests (provider, account, payment) WHERE payment IS NOT NULL;
CREATE INDEX requests_open ON requests (state) WHERE state IN ('queued', 'sending', 'unknown', 'accepted');

-- Payments of which a refund was requested: the row that is locked to check their sum.
CREATE TABLE payments (
  provider     TEXT NOT NULL,
  account      TEXT NOT NULL,
  payment      TEXT NOT NULL,
  order_amount TEXT,                           -- decimal text, as the last caller who knew it said
  PRIMARY KEY (provider, account, payment)
) STRICT, WITHOUT ROWID;

-- Every send and every ask: the row is committed before the first byte, its end afterwards.
CREATE TABLE attempts (
  -- immutable
  id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  refund_id     BLOB    NOT NULL,
  kind          TEXT    NOT NULL CHECK (kind IN ('send', 'ask')),
  fence         INTEGER NOT NULL,              -- of the request with this attempt
  started_at    INTEGER NOT NULL,
  method        TEXT    NOT NULL,
  url           TEXT    NOT NULL,              -- secrets masked
  headers       TEXT    NOT NULL,              -- JSON object; secrets masked
  body          BLOB    NOT NULL,              -- as sent; secrets masked
  body_hash     BLOB    NOT NULL CHECK (length(body_hash) = 32), -- SHA-256 of body
  -- set once, by its end
  ended_at      INTEGER,
  class         TEXT,
  code          TEXT,
  message       TEXT,
  status        INTEGER,                       -- of the last reply; NULL: there was none
  reply_headers TEXT,                          -- JSON object
  reply_body    BLOB,                          -- as received
  CHECK ((ended_at IS NULL) = (class IS NULL))
) STRICT;
CREATE INDEX attempts_refund ON attempts (refund_id, id);
CREATE INDEX attempts_open ON attempts (started_at) WHERE ended_at IS NULL;

-- Callbacks that are replies to attempts; all others a provider or a relay sent. A table of its own, because a column
-- of callbacks could not be added while they are written.
CREATE TABLE replies (
  callback_id BLOB NOT NULL PRIMARY KEY CHECK (length(callback_id) = 16),
  attempt_id  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Idempotency keys of callers: the same key and body get the same answer.
CREATE TABLE idempotency_keys (
  reader     TEXT    NOT NULL,
  path       TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  body_hash  BLOB    NOT NULL CHECK (length(body_hash) = 32), -- SHA-256 of the body
  refund_id  BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (reader, path, key)
) STRICT, WITHOUT ROWID;

-- What settlement files said of refunds, held against the refunds: each finding once a file.
CREATE TABLE parities (
  refund_id BLOB    NOT NULL CHECK (length(refund_id) = 16),
  file_hash BLOB    NOT NULL CHECK (length(file_hash) = 32), -- SHA-256 of the file
  parity    TEXT    NOT NULL CHECK (parity IN
    ('match', 'status_differs', 'amount_differs', 'currency_differs', 'missing', 'duplicate')),
  day       TEXT,                              -- the file's, as it was given
  line      INTEGER,                           -- NULL: it has no row
  noted_by  TEXT    NOT NULL,                  -- the reader
  noted_at  INTEGER NOT NULL,
  PRIMARY KEY (refund_id, file_hash, parity)
) STRICT, WITHOUT ROWID;

-- What is known of an account that sends. Settings are in the config.
CREATE TABLE account_states (
  provider    TEXT    NOT NULL,
  account     TEXT    NOT NULL,
  stopped_at  INTEGER,                         -- nothing is sent until it is resumed
  stop_reason TEXT,
  stopped_by  TEXT,                            -- a reader; NULL: the service itself
  resumes_at  INTEGER,                         -- when a pause ends by itself; NULL: an operator ends it
  last_serial INTEGER NOT NULL DEFAULT 0,      -- numbers given to calls of providers that want one
  PRIMARY KEY (provider, account),
  CHECK ((stopped_at IS NULL) = (stop_reason IS NULL))
) STRICT, WITHOUT ROWID;

-- Decisions of persons about open questions. A row is inserted with what it changes, and never changed.
CREATE TABLE decisions (
  id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16), -- its event has the same UUID
  refund_id     BLOB    NOT NULL CHECK (length(refund_id) = 16),
  question      TEXT    NOT NULL,              -- the reason of the question
  callback_id   BLOB,                          -- what raised it; NULL: our request did
  decision      TEXT    NOT NULL CHECK (decision IN
    ('keep', 'accept', 'succeeded', 'failed', 'canceled', 'dismiss')),
  reason        TEXT    NOT NULL,
  decided_by    TEXT    NOT NULL,              -- the reader
  decided_at    INTEGER NOT NULL,              -- when it took effect
  status_before TEXT    NOT NULL,
  status_after  TEXT    NOT NULL,
  agreed_by     TEXT,                          -- a second reader, where one was needed
  agreed_reason TEXT,
  digest        BLOB    NOT NULL CHECK (length(digest) = 32), -- SHA-256 of all of it
  CHECK ((agreed_by IS NULL) = (agreed_reason IS NULL)),
  CHECK (agreed_by <> decided_by)
) STRICT;
CREATE INDEX decisions_refund ON decisions (refund_id, decided_at, id);

-- Decisions that wait for a second person, and how that ended.
CREATE TABLE proposals (
  -- immutable
  id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16), -- of the decision, once it is one
  refund_id      BLOB    NOT NULL CHECK (length(refund_id) = 16),
  question       TEXT    NOT NULL,
  callback_id    BLOB,
  decision       TEXT    NOT NULL,
  reason         TEXT    NOT NULL,
  proposed_by    TEXT    NOT NULL,             -- the reader
  proposed_at    INTEGER NOT NULL,
  -- set once, by its end
  ended_at       INTEGER,
  ended_by       TEXT,                         -- another reader
  outcome        TEXT    CHECK (outcome IN ('approved', 'rejected', 'obsolete')),
  outcome_reason TEXT,
  CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT;
CREATE INDEX proposals_refund ON proposals (refund_id, id);

-- The feed: numbered without gaps, in commit order.
CREATE TABLE events (
  sequence    INTEGER NOT NULL PRIMARY KEY,
  id          BLOB    NOT NULL CHECK (length(id) = 16),
  type        TEXT    NOT NULL,
  occurred_at INTEGER NOT NULL,
  data        TEXT    NOT NULL,                -- JSON as readers get it
  refund_id   BLOB                             -- the refund it is about; NULL: stored by version 2
) STRICT;
CREATE INDEX events_refund ON events (refund_id, sequence) WHERE refund_id IS NOT NULL;

-- One row: the last event number given away; taken last before each commit.
CREATE TABLE feed (
  last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0)
) STRICT;
INSERT INTO feed (last_sequence) VALUES (0);
-- One row: which history the numbers count; another one after a restore.
CREATE TABLE feed_epoch (
  epoch TEXT NOT NULL CHECK (length(epoch) >= 8)
) STRICT;

-- Who did what on the internal listener (docs/trail.md): appended, never changed.
CREATE TABLE trail (
  sequence     INTEGER NOT NULL PRIMARY KEY,   -- without gaps, in commit order
  acted_at     INTEGER NOT NULL,
  reader       TEXT    NOT NULL,               -- name in the config; empty: not known
  token_id     TEXT    NOT NULL,               -- first digits of the token's SHA-256; empty: not known
  peer         TEXT    NOT NULL,               -- where it came from
  act          TEXT    NOT NULL,
  about_kind   TEXT    NOT NULL,               -- refund, account, order, consumer, endpoint, ...
  about        TEXT    NOT NULL,               -- its id, name or number
  reason       TEXT,                           -- as given
  state_before TEXT,                           -- JSON object; no secret, no body
  state_after  TEXT,                           -- the same
  hash         BLOB    NOT NULL CHECK (length(hash) = 32) -- SHA-256 of the hash before it and of this row
) STRICT;
CREATE INDEX trail_reader ON trail (reader, sequence);
CREATE INDEX trail_act ON trail (act, sequence);
CREATE INDEX trail_about ON trail (about, sequence);
CREATE INDEX trail_time ON trail (acted_at, sequence);

-- One row: the last number of the trail and its hash; taken before the feed's.
CREATE TABLE trail_head (
  last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0),
  last_hash     BLOB                           -- NULL: nothing is chained yet
) STRICT;
INSERT INTO trail_head (last_sequence) VALUES (0);

-- Pre-orders, by their known names: T_SP_YD the order, T_SP_YD_DSFZF its third-party payments,
-- T_SP_YD_SXF its refund applications.
CREATE TABLE T_SP_YD (
  order_no            TEXT    NOT NULL PRIMARY KEY,
  state               TEXT    NOT NULL CHECK (state IN ('paid', 'refund_applied', 'delivered', 'closed')),
  closed_by_close_out INTEGER NOT NULL DEFAULT 0 CHECK (closed_by_close_out IN (0, 1)),
  created_at          INTEGER NOT NULL,
  updated_at          INTEGER NOT NULL,
  CHECK (closed_by_close_out = 0 OR state = 'closed')
) STRICT;

CREATE TABLE T_SP_YD_DSFZF (
  trandeno TEXT NOT NULL PRIMARY KEY,          -- the payment's trade number
  order_no TEXT NOT NULL REFERENCES T_SP_YD (order_no),
  amount   TEXT NOT NULL                       -- decimal text, yuan
) STRICT;
CREATE INDEX T_SP_YD_DSFZF_order ON T_SP_YD_DSFZF (order_no);

CREATE TABLE T_SP_YD_SXF (
  order_no   TEXT    NOT NULL REFERENCES T_SP_YD (order_no),
  batchno    TEXT    NOT NULL,
  amount     TEXT    NOT NULL,                 -- decimal text, yuan
  state      TEXT    NOT NULL CHECK (state IN ('applied', 'in_progress', 'handled')),
  handled_by BLOB,                             -- the refund whose close-out handled it
  handled_at INTEGER,
  PRIMARY KEY (order_no, batchno),
  CHECK ((state = 'handled') = (handled_at IS NOT NULL))
) STRICT;

-- Stored cursors of readers in the feed.
CREATE TABLE consumers (
  reader         TEXT    NOT NULL,             -- the reader whose token made it; no other reader sees it
  name           TEXT    NOT NULL,
  acked_sequence INTEGER NOT NULL CHECK (acked_sequence >= 0), -- everything up to here is done with
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  PRIMARY KEY (reader, name)
) STRICT, WITHOUT ROWID;

-- What is known of each endpoint that events are pushed to. Settings stand in the config.
CREATE TABLE endpoints (
  name             TEXT    NOT NULL PRIMARY KEY,
  revision         INTEGER NOT NULL DEFAULT 0, -- grows when an operator changes the row; the instance that serves it reads it anew
  pushed_sequence  INTEGER NOT NULL CHECK (pushed_sequence >= 0), -- everything up to here is delivered, parked or not wanted
  failing_since    INTEGER,                    -- first failure with no success after it
  failures         INTEGER NOT NULL DEFAULT 0, -- failures since the last success
  last_error       TEXT,
  last_success_at  INTEGER,
  disabled_at      INTEGER,                    -- nothing is tried until an operator recovers it
  disabled_reason  TEXT    CHECK (disabled_reason IN ('gone', 'failing')),
  leased_by        TEXT,                       -- the instance that serves it
  leased_until     INTEGER NOT NULL DEFAULT 0, -- after this any instance may take it over
  updated_at       INTEGER NOT NULL,
  CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
) STRICT;

-- Events that an endpoint did not take, and those of the same refund that wait behind them.
CREATE TABLE parked_pushes (
  endpoint        TEXT    NOT NULL REFERENCES endpoints (name),
  sequence        INTEGER NOT NULL,
  refund_id       BLOB    NOT NULL CHECK (length(refund_id) = 16), -- pushed in order within this refund
  attempts        INTEGER NOT NULL,            -- 0: waits behind an earlier event of its refund
  first_failed_at INTEGER,
  next_at         INTEGER,                     -- when it is tried again; NULL: waits, or given up
  given_up_at     INTEGER,                     -- the last try of the schedule failed while others succeeded
  last_error      TEXT,
  PRIMARY KEY (endpoint, sequence),
  CHECK (given_up_at IS NULL OR next_at IS NULL)
) STRICT, WITHOUT ROWID;

-- Logins to the console. The cookie holds a secret of which only the digest is here.
CREATE TABLE console_sessions (
  session_hash BLOB    NOT NULL PRIMARY KEY CHECK (length(session_hash) = 32), -- SHA-256 of the cookie's secret
  name         TEXT    NOT NULL,               -- the reader, or the user whom a proxy named
  token_hash   BLOB    CHECK (length(token_hash) = 32), -- SHA-256 of the digest of the reader's token; NULL: a proxy named the user
  created_at   INTEGER NOT NULL,
  used_at      INTEGER NOT NULL                -- moves on at most once a minute
) STRICT, WITHOUT ROWID;
