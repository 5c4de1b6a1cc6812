-- What a cluster includes, allows, and was managed by.
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
-- To whom the private half of a key was ever sealed: a backup may hold it so.
CREATE TABLE ssh_key_recipients (
  key INTEGER NOT NULL REFERENCES ssh_keys(id),
  user INTEGER NOT NULL REFERENCES users(id),
  PRIMARY KEY (key, user)
) STRICT, WITHOUT ROWID;
-- Of the keys that are there, nobody wrote it down: those who could open them today could before.
INSERT INTO ssh_key_recipients SELECT k.id, u.id FROM ssh_keys k
  JOIN clusters c ON c.id = k.cluster
  JOIN users u ON u.key IS NOT NULL AND (u.role IN ('admin','owner') OR u.id = c.owner);
-- Nodes that a cluster names and that were left out of a roll-out, with the reason; the empty name
-- is the cluster itself, which could not be asked.
CREATE TABLE ssh_nodes_left_out (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  node TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (cluster, node)
) STRICT, WITHOUT ROWID;
