-- From version 1 to 2: kept places of readers, and pushes. The text of each table is that of schema.sql.

-- Readers that have their place in the feed kept here.
CREATE TABLE consumers (
  reader         TEXT    NOT NULL,             -- the reader whose token made it; nobody else sees it
  name           TEXT    NOT NULL,
  acked_sequence INTEGER NOT NULL CHECK (acked_sequence >= 0), -- everything up to here is done with
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  PRIMARY KEY (reader, name)
) STRICT, WITHOUT ROWID;
