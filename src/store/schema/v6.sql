-- What a red team showed to be missing.
-- Excluded namespaces that write reaches on purpose, as a JSON list of names.
ALTER TABLE clusters ADD COLUMN included TEXT NOT NULL DEFAULT '[]';
-- What write may carry of the resources that others aggregated into `edit`: `group/resource` or
-- `group/*`, as a JSON list.
ALTER TABLE clusters ADD COLUMN write_allow TEXT NOT NULL DEFAULT '[]';
-- Accounts that were the manager's before and may still be on the cluster, as a JSON list of names,
-- each with its UID behind a colon where it is known. The present manager's is among them while
-- another is to take its place.
ALTER TABLE clusters ADD COLUMN former_managers TEXT NOT NULL DEFAULT '[]';
-- More is guarded, by other digests. The old ones are gone, so that a process of before cannot add
-- to them what it vouches for by the rules of then.
DROP TABLE digests;
CREATE TABLE row_digests (
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (name, part)
) STRICT, WITHOUT ROWID;
-- What counts of a cluster is read before each command on it.
CREATE INDEX credentials_unfinished ON credentials (cluster) WHERE state <> 'revoked';
-- Whoever was handed a shared version holds it.
CREATE INDEX deliveries_by_recipient ON deliveries (to_user);
-- When all accounts of the cluster were last replaced: who had full access before has nothing of it.
ALTER TABLE clusters ADD COLUMN accounts_rotated_at INTEGER NOT NULL DEFAULT 0;
-- Who set a user's key last, and when: somebody else than the user is said to them.
ALTER TABLE users ADD COLUMN key_set_at INTEGER;
ALTER TABLE users ADD COLUMN key_set_by INTEGER REFERENCES users(id);
