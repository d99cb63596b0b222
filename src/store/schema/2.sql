-- From version 1 to 2: kept places of readers, pushes, and the indexes of lists. Each statement is written
-- as in schema.sql, because a store that was stepped up is compared with it at the next start.

-- Readers that have their place in the feed kept here.
CREATE TABLE consumers (
  reader         TEXT    NOT NULL,             -- the reader whose token made it; nobody else sees it
  name           TEXT    NOT NULL,
  acked_sequence INTEGER NOT NULL CHECK (acked_sequence >= 0), -- everything up to here is done with
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  PRIMARY KEY (reader, name)
) STRICT, WITHOUT ROWID;

-- What is known of each endpoint that events are pushed to. Settings stand in the config.
CREATE TABLE endpoints (
  name             TEXT    NOT NULL PRIMARY KEY,
  revision         INTEGER NOT NULL DEFAULT 0, -- grows when an operator changes the row; whoever serves it reads it anew
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

-- Lists of refunds.
DROP INDEX refunds_updated;
CREATE INDEX refunds_updated ON refunds (updated_at, id);
CREATE INDEX refunds_listed ON refunds (id, provider, account, status, updated_at);
CREATE INDEX refunds_not_succeeded ON refunds (status, id) WHERE status <> 'succeeded';
