-- A command checks what it relies on, not all that there is: the digests of the guarded rows stand in
-- groups, each with a digest of its own, and the state is a hash over the groups.
DROP TABLE row_digests;
CREATE TABLE row_digests (
  gathered TEXT NOT NULL,
  name TEXT NOT NULL,
  part TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (gathered, name, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE group_digests (
  name TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- What is asked of one user is found without a look at the others'.
CREATE INDEX grants_by_user ON grants (user) WHERE removed_at IS NULL;
CREATE INDEX blocks_by_user ON blocks (user);
CREATE INDEX credentials_of_user ON credentials (user) WHERE state <> 'revoked';
CREATE INDEX project_members_by_user ON project_members (user);
CREATE INDEX users_who_manage ON users (id) WHERE role <> 'developer';
