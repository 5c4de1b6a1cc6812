-- The second account of a cluster, for what a cluster's owner does; see domain::cluster.
CREATE TABLE issuers (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  account TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('token','secret')),
  generation INTEGER NOT NULL,
  secret BLOB NOT NULL,
  expires_at INTEGER
) STRICT;
-- Whether a version's file renews itself, and how.
ALTER TABLE credentials ADD COLUMN renews TEXT CHECK (renews IN ('fixed','rolling'));
