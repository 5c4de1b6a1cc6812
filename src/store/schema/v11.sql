-- Users that are servers: `kubegrant serve` acts with their key for whoever logs in; see domain::user.
CREATE TABLE servers (
  user INTEGER PRIMARY KEY REFERENCES users(id)
) STRICT;
-- Clusters on which developers serve themselves, and what a server's key opens there.
CREATE TABLE self_service (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  how TEXT NOT NULL CHECK (how IN ('on','on,ssh-key'))
) STRICT;
-- Who is logged in at a server. The code is under a key that the server alone has; see store::sessions.
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  code TEXT NOT NULL UNIQUE,
  user INTEGER NOT NULL REFERENCES users(id),
  user_key TEXT,
  way TEXT NOT NULL,
  origin TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  parent INTEGER,
  tag TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user);
-- Direct links. Of a secret the digest is kept, with the link's name.
CREATE TABLE shares (
  id TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  sealed INTEGER NOT NULL CHECK (sealed IN (0,1)),
  created_by INTEGER NOT NULL REFERENCES users(id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  wrong INTEGER NOT NULL DEFAULT 0,
  claimed_at INTEGER,
  revoked_at INTEGER
) STRICT;
