-- What version 3 adds to version 2: tables, which wait for no lock on a table in use, and one column without a
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

-- The refund that an event is about; NULL: stored by version 2. Last: on PostgreSQL it needs the lock of the table.
ALTER TABLE events ADD COLUMN refund_id BLOB;
