//! The tables, as a numbered list of migrations.

mod tables;

use std::path::Path;

use super::engine::{Connection, Made, Mode, Shared};
use super::{Error, Result, audit, integrity, transfer};

pub(crate) use tables::all_tables;

/// "kgnt": marks the file as ours.
const APPLICATION_ID: i64 = 0x6b67_6e74;

/// Migration N brings `user_version` from N to N+1. Never edit one that was released.
const MIGRATIONS: &[&str] = &[
    V1,
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
    include_str!("schema/v5.sql"),
    include_str!("schema/v6.sql"),
    include_str!("schema/v7.sql"),
    include_str!("schema/v8.sql"),
    include_str!("schema/v9.sql"),
    include_str!("schema/v10.sql"),
    include_str!("schema/v11.sql"),
    include_str!("schema/v12.sql"),
    include_str!("schema/v13.sql"),
    include_str!("schema/v14.sql"),
];

const V1: &str = "
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT;
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  email TEXT UNIQUE COLLATE NOCASE,
  role TEXT NOT NULL CHECK (role IN ('developer','admin','owner')),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0,1)),
  key TEXT UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE clusters (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active','archived')),
  protected INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0,1)),
  owner INTEGER REFERENCES users(id),
  description TEXT NOT NULL DEFAULT '',
  labels TEXT NOT NULL DEFAULT '{}',
  server TEXT NOT NULL, ca_pem TEXT, tls_server_name TEXT, proxy_url TEXT,
  kube_system_uid TEXT NOT NULL,
  version TEXT NOT NULL DEFAULT '',
  manager TEXT NOT NULL,
  manager_kind TEXT NOT NULL CHECK (manager_kind IN ('token','secret','operator')),
  manager_generation INTEGER NOT NULL DEFAULT 1,
  manager_secret BLOB,
  manager_expires_at INTEGER,
  write_scope TEXT NOT NULL DEFAULT 'namespaces' CHECK (write_scope IN ('namespaces','cluster')),
  held_back TEXT NOT NULL DEFAULT '[]',
  created_at INTEGER NOT NULL,
  reached_at INTEGER,
  reach_owed INTEGER NOT NULL DEFAULT 0 CHECK (reach_owed IN (0,1)),
  older_logins INTEGER NOT NULL DEFAULT 1 CHECK (older_logins IN (0,1)),
  deleting_at INTEGER,
  removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX clusters_one_name ON clusters (name) WHERE removed_at IS NULL;
CREATE TABLE provider_tokens (
  cluster INTEGER PRIMARY KEY REFERENCES clusters(id),
  provider TEXT NOT NULL CHECK (provider IN ('hetzner')),
  secret BLOB NOT NULL,
  generation INTEGER NOT NULL,
  set_at INTEGER NOT NULL,
  set_by INTEGER NOT NULL REFERENCES users(id)
) STRICT;
CREATE TABLE grants (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  level TEXT NOT NULL CHECK (level IN ('read','write')),
  granted_at INTEGER NOT NULL,
  granted_by INTEGER NOT NULL REFERENCES users(id),
  ends_at INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX grants_one ON grants (cluster, user) WHERE removed_at IS NULL;
CREATE TABLE credentials (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  version INTEGER NOT NULL CHECK (version > 0),
  account TEXT NOT NULL,
  power TEXT NOT NULL CHECK (power IN ('read','write','full')),
  state TEXT NOT NULL CHECK (state IN ('pending','active','revoking','revoked')),
  ended_because TEXT,
  created_at INTEGER NOT NULL,
  issued_at INTEGER, ended_at INTEGER, revoked_at INTEGER,
  token_expires_at INTEGER,
  UNIQUE (cluster, user, version),
  UNIQUE (cluster, account)
) STRICT;
CREATE UNIQUE INDEX credentials_one_live ON credentials (cluster, user)
  WHERE state IN ('pending','active');
CREATE INDEX credentials_by_state ON credentials (state);
CREATE TRIGGER credentials_forward BEFORE UPDATE OF state ON credentials
  WHEN NOT (OLD.state = NEW.state
    OR (OLD.state = 'pending' AND NEW.state IN ('active','revoking'))
    OR (OLD.state = 'active' AND NEW.state = 'revoking')
    OR (OLD.state = 'revoking' AND NEW.state = 'revoked'))
  BEGIN SELECT RAISE(ABORT, 'a credential never goes backwards'); END;
CREATE TRIGGER credentials_stay BEFORE DELETE ON credentials
  BEGIN SELECT RAISE(ABORT, 'credentials are history'); END;
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  credential INTEGER NOT NULL REFERENCES credentials(id),
  to_user INTEGER NOT NULL REFERENCES users(id),
  by_user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  jti TEXT,
  form TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_by_credential ON deliveries (credential);
CREATE TABLE blocks (
  cluster INTEGER NOT NULL REFERENCES clusters(id),
  user INTEGER NOT NULL REFERENCES users(id),
  at INTEGER NOT NULL,
  by_user INTEGER NOT NULL REFERENCES users(id),
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (cluster, user)
) STRICT;
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  acting_as TEXT,
  action TEXT NOT NULL,
  phase TEXT NOT NULL,
  cluster TEXT,
  user TEXT,
  detail TEXT NOT NULL,
  request INTEGER,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
";

/// The newest schema this binary knows.
pub(super) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Counts the migrations of a file.
pub(super) fn version(sql: &Connection) -> Result<i64> {
    Ok(sql.file()?.pragma("user_version")?)
}

/// Refuses a file that is newer, or not ours.
pub(super) fn check(sql: &Connection, path: &Path) -> Result<()> {
    // One look: read piece by piece, a store that is just being made looks like somebody else's.
    let tx = sql.begin(Mode::Read)?;
    let found = version(&tx)?;
    refuse_unknown(&tx, path, found)
}

/// Whether a file has no tables of ours yet.
pub(super) fn is_empty(sql: &Connection) -> Result<bool> {
    Ok(version(sql)? == 0)
}

/// Brings the schema up to date, in one transaction; refuses newer and foreign files.
pub(super) fn migrate(sql: &Connection, path: &Path) -> Result<()> {
    check(sql, path)?;
    if version(sql)? == newest() {
        return Ok(());
    }
    // Immediate: of two processes that start at once, the second finds the work done.
    let tx = sql.begin(Mode::Write)?;
    let found = version(&tx)?;
    refuse_unknown(&tx, path, found)?;
    if found == newest() {
        return Ok(());
    }
    bring(&tx, found)?;
    tx.file()?.set_pragma("application_id", APPLICATION_ID)?;
    tx.file()?.set_pragma("user_version", newest())?;
    tx.commit()?;
    Ok(())
}

/// Brings tables from one version to this one, and what guards them.
fn bring(sql: &Connection, from: i64) -> Result<()> {
    if from >= audit::SIGNED_SINCE {
        // Whoever does so may have nobody's identity to sign with. Schema 14 changes no table, and the digests change
        // with the first event.
        return run(sql, from, newest());
    }
    let before = integrity::before(sql, from)?;
    run(sql, from, newest())?;
    integrity::after(sql, newest(), before)
}

/// Runs the migrations from one version to another.
fn run(sql: &Connection, from: i64, to: i64) -> Result<()> {
    for (number, statements) in (0i64..).zip(MIGRATIONS) {
        if (from..to).contains(&number) {
            sql.batch(statements)?;
        }
    }
    Ok(())
}

/// Brings a store in a database up to date, in one transaction; says which version it was of.
///
/// Its rows go the way of a file's: into one in memory with the tables of then, which is checked by the rules
/// of then, and back into tables that are made anew, for the same owner and with the same grants.
pub(super) fn upgrade_shared(sql: &Connection, path: &Path) -> Result<i64> {
    let Some(shared) = sql.shared() else {
        return Ok(newest());
    };
    let tx = sql.begin(Mode::Write)?;
    let found = shared.schema()?.ok_or_else(|| Error::Absent {
        path: path.to_owned(),
    })?;
    refuse_newer(&tx, path)?;
    if found == newest() {
        return Ok(found);
    }
    if let Some(what) = integrity::misshapen_shared(&tx)? {
        return Err(Error::Tampered { what });
    }
    let memory = Connection::in_memory()?;
    run(&memory, 0, found)?;
    let there = memory.begin(Mode::Write)?;
    transfer::copy_rows(&tx, &there)?;
    bring(&there, found)?;
    shared.make_again(&made()?, newest(), &integrity::notes())?;
    transfer::copy_rows(&there, &tx)?;
    tx.batch("DELETE FROM touched; DELETE FROM changed_rows")?;
    tx.commit()?;
    Ok(found)
}

/// Refuses a database that holds no store of ours, or one of another schema.
pub(super) fn check_shared(sql: &Connection, path: &Path) -> Result<()> {
    let path = path.to_owned();
    let known = newest();
    match sql.shared().map(Shared::schema).transpose()?.flatten() {
        None => Err(Error::Absent { path }),
        Some(found) if found > known => Err(Error::Newer { path, found, known }),
        Some(found) if found < known => Err(Error::Older { path, found, known }),
        Some(_) => Ok(()),
    }
}

/// Makes the tables of a store in a database.
pub(super) fn make_shared(sql: &Connection, path: &Path) -> Result<()> {
    let Some(shared) = sql.shared() else {
        return Ok(());
    };
    let tx = sql.begin(Mode::Write)?;
    if shared.schema()?.is_some() {
        return Err(Error::Exists {
            path: path.to_owned(),
        });
    }
    shared.make(&made()?, newest(), &integrity::notes())?;
    integrity::after(&tx, newest(), None)?;
    tx.commit()?;
    Ok(())
}

/// What a new store is made of: what others refer to comes before them.
pub(super) fn made() -> Result<Vec<Made>> {
    made_in(&fresh()?)
}

/// What a file is made of.
pub(super) fn made_in(sql: &Connection) -> Result<Vec<Made>> {
    let query = "SELECT type, name, sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
    let mut left = sql.all(query, [], |row| {
        Ok(Made {
            kind: row.get(0)?,
            name: row.get(1)?,
            sql: row.get(2)?,
        })
    })?;
    let mut made: Vec<Made> = Vec::new();
    while !left.is_empty() {
        let names: Vec<String> = left.iter().map(|it| it.name.clone()).collect();
        let waits = |it: &Made| {
            let refers = |name: &&String| {
                **name != it.name && it.sql.contains(&format!("REFERENCES {name}("))
                    || it.sql.contains(&format!("REFERENCES \"{name}\"("))
            };
            it.kind == "table" && names.iter().find(refers).is_some()
        };
        let before = left.len();
        let (later, now): (Vec<Made>, Vec<Made>) = left.into_iter().partition(waits);
        made.extend(now);
        left = later;
        if left.len() == before {
            // They refer to each other: none of ours do.
            made.append(&mut left);
        }
    }
    Ok(made)
}

/// A database in memory with the tables of a new store, and nothing in them.
pub(super) fn fresh() -> Result<Connection> {
    let memory = Connection::in_memory()?;
    run(&memory, 0, newest())?;
    Ok(memory)
}

/// Refuses a file that a newer kubegrant brought up to date, since it was opened too.
pub(super) fn refuse_newer(sql: &Connection, path: &Path) -> Result<()> {
    let found = match sql.shared() {
        None => version(sql)?,
        Some(shared) => shared.schema()?.unwrap_or_default(),
    };
    if found > newest() {
        return Err(Error::Newer {
            path: path.to_owned(),
            found,
            known: newest(),
        });
    }
    Ok(())
}

fn refuse_unknown(sql: &Connection, path: &Path, found: i64) -> Result<()> {
    let application = sql.file()?.pragma("application_id")?;
    let tables: i64 = sql.one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = found == 0 && application == 0 && tables == 0;
    if !fresh && application != APPLICATION_ID {
        return Err(Error::NotOurs {
            path: path.to_owned(),
        });
    }
    refuse_newer(sql, path)
}

#[cfg(test)]
mod tests;
