-- The key pairs of the clusters' nodes: made or imported, handed out once, then gone.
CREATE TABLE ssh_keys (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  generation INTEGER NOT NULL CHECK (generation > 0),
  place TEXT NOT NULL CHECK (place IN ('next','current','old','gone')),
  custody TEXT NOT NULL CHECK (custody IN ('available','claimed','downloaded','destroyed')),
  kind TEXT NOT NULL,
  public TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('generated','imported')),
  made_at INTEGER NOT NULL,
  made_by INTEGER NOT NULL REFERENCES users(id),
  secret BLOB,
  claimed_at INTEGER,
  claimed_by INTEGER REFERENCES users(id),
  claimed_to INTEGER REFERENCES users(id),
  claimed_path BLOB,
  claimed_digest TEXT,
  UNIQUE (cluster, generation),
  UNIQUE (cluster, fingerprint),
  CHECK ((custody IN ('available','claimed')) = (secret IS NOT NULL)),
  CHECK ((custody IN ('claimed','downloaded')) <= (claimed_at IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX ssh_keys_one_current ON ssh_keys (cluster) WHERE place = 'current';
CREATE UNIQUE INDEX ssh_keys_one_next ON ssh_keys (cluster) WHERE place = 'next';
CREATE TRIGGER ssh_keys_once BEFORE UPDATE OF custody ON ssh_keys
  WHEN NOT (OLD.custody = NEW.custody
    OR (OLD.custody = 'available' AND NEW.custody IN ('claimed','downloaded','destroyed'))
    OR (OLD.custody = 'claimed' AND NEW.custody IN ('available','downloaded','destroyed')))
  BEGIN SELECT RAISE(ABORT, 'a private key is handed out once'); END;
CREATE TRIGGER ssh_keys_stay BEFORE DELETE ON ssh_keys
  BEGIN SELECT RAISE(ABORT, 'keys are history'); END;
-- Where a public line was put, recorded before it is put there.
CREATE TABLE ssh_key_nodes (
  key INTEGER NOT NULL REFERENCES ssh_keys(id),
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  login TEXT NOT NULL,
  wanted_at INTEGER NOT NULL,
  installed_at INTEGER,
  proven_at INTEGER,
  removed_at INTEGER,
  PRIMARY KEY (key, address, port, login)
) STRICT, WITHOUT ROWID;
