-- What a red team showed to be missing.
-- Excluded namespaces that write reaches on purpose, as a JSON list of names.
ALTER TABLE clusters ADD COLUMN included TEXT NOT NULL DEFAULT '[]';
-- What write may carry of the resources that others aggregated into `edit`: `group/resource` or
-- `group/*`, as a JSON list.
ALTER TABLE clusters ADD COLUMN write_allow TEXT NOT NULL DEFAULT '[]';
-- Accounts that were the manager's before and may still be on the cluster, as a JSON list of names.
ALTER TABLE clusters ADD COLUMN former_managers TEXT NOT NULL DEFAULT '[]';
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
