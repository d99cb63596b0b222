-- What version 3 adds to version 2: tables, which wait for no lock on a table in use, and a column without a
-- default or a condition, so that no row is read or written for it. Indexes come from schema.sql, one by one, without
-- blocking writes where the engine can.

-- Versions whose additions are there, before what they replace is taken away (docs/upgrade.md).
CREATE TABLE schema_expanded (
  version     INTEGER NOT NULL,
  applied_at  INTEGER NOT NULL
) STRICT;

-- Questions that readers were told of: the same contradiction in other bytes is the same question.
CREATE TABLE questions (
  refund_id    BLOB NOT NULL CHECK (length(refund_id) = 16),
  question_key BLOB NOT NULL CHECK (length(question_key) = 32), -- SHA-256 of verdict and claim
  callback_id  BLOB NOT NULL,                  -- what asked first
  PRIMARY KEY (refund_id, question_key)
) STRICT, WITHOUT ROWID;

-- The same over all accounts: a message counts once, wherever it is sent.
CREATE TABLE relay_seen (
  message_key BLOB NOT NULL PRIMARY KEY CHECK (length(message_key) = 32), -- as in relay_messages
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  callback_id BLOB NOT NULL                    -- what it brought the first time
) STRICT, WITHOUT ROWID;

-- One row: which history the numbers count; another one after a restore.
CREATE TABLE feed_epoch (
  epoch TEXT NOT NULL CHECK (length(epoch) >= 8)
) STRICT;

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

-- One row: the last number of the trail and its hash; taken before the feed's.
CREATE TABLE trail_head (
  last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0),
  last_hash     BLOB                           -- NULL: nothing is chained yet
) STRICT;
INSERT INTO trail_head (last_sequence) VALUES (0);

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

-- Logins to the console. The cookie holds a secret of which only the digest is here.
CREATE TABLE console_sessions (
  session_hash BLOB    NOT NULL PRIMARY KEY CHECK (length(session_hash) = 32), -- SHA-256 of the cookie's secret
  name         TEXT    NOT NULL,               -- the reader, or the user whom a proxy named
  token_hash   BLOB    CHECK (length(token_hash) = 32), -- SHA-256 of the digest of the reader's token; NULL: a proxy named the user
  created_at   INTEGER NOT NULL,
  used_at      INTEGER NOT NULL                -- moves on at most once a minute
) STRICT, WITHOUT ROWID;

-- Last: on PostgreSQL this needs the lock of a table in use. The refund that an event is about; NULL: stored by
-- version 2.
ALTER TABLE events ADD COLUMN refund_id BLOB;
