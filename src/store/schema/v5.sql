-- What the proof of the store's integrity needs.
-- The digest of the guarded state after each change, in the chain with its event.
ALTER TABLE audit ADD COLUMN state TEXT;
-- The digests that make it up: of each guarded table, or of one cluster's or user's part of it.
CREATE TABLE digests (
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (name, part)
) STRICT, WITHOUT ROWID;
-- After `restore`: the cluster may hold what was issued after the backup.
ALTER TABLE clusters ADD COLUMN orphans_owed INTEGER NOT NULL DEFAULT 0 CHECK (orphans_owed IN (0,1));
-- The highest version that a cluster was seen to hold beyond what the store knew.
CREATE TABLE version_floors (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  owner TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (cluster, owner)
) STRICT, WITHOUT ROWID;
-- After `restore`: the private half may have been handed out after the backup.
ALTER TABLE ssh_keys ADD COLUMN doubted_at INTEGER;
