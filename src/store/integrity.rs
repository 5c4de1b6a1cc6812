//! The guarded state: rows that decide who may do what, and the proof that nobody else wrote them.
//!
//! Each guarded row has a SHA-256; the digest of a *part* (one user, one cluster's grants …) is the
//! sum of its rows' hashes modulo 2^256, and the *state* is a hash over all parts. Every event of
//! the audit log carries the state after its transaction, inside its own hash, so the chain and the
//! heads that are kept elsewhere vouch for the rows.
//!
//! **Writing.** Nobody can forget: triggers on this connection alone (`TEMP`) note each guarded row
//! before and after, and [`seal`] runs in every commit. It takes the hash of what stood there from
//! the sum and adds the new one, so it costs what changed, not what there is; and because what
//! *stood* there is taken away, a row that somebody edited stays wrong when it is written again.
//! A change without an event is refused.
//!
//! **Reading.** [`check`] recomputes only the parts relied upon, and compares the state with the
//! last event.
//!
//! **What it cannot do.** There is no key in it: whoever can write the file, and computes digests
//! and an event of their own at the end of the log, is not found here. Such an event stays in the
//! log, under a name, and cannot be taken back without the heads showing it.
//!
//! **To guard a table**, add a line to [`GUARDED`], and a migration if stores with schema 5 or
//! later exist: see [`take`].

use std::collections::BTreeMap;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{Error, ReadTxn, Result, WriteTxn};
use crate::domain::cluster::ClusterId;

/// Who relies on a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Everybody.
    Organization,
    /// Whoever works on the cluster that the part names.
    Cluster,
}

/// A table whose rows decide something. `@` stands for the row.
struct Guarded {
    table: &'static str,
    of: Of,
    /// What its digests are kept by: the user, the cluster, or nothing.
    part: &'static str,
    /// Which rows count; history does not.
    counts: &'static str,
    columns: &'static [&'static str],
}

const GUARDED: &[Guarded] = &[
    Guarded {
        table: "meta",
        of: Of::Organization,
        part: "''",
        counts: "1",
        columns: &["key", "value"],
    },
    Guarded {
        table: "users",
        of: Of::Organization,
        part: "@.id",
        counts: "1",
        columns: &["id", "name", "email", "role", "active", "key"],
    },
    Guarded {
        table: "projects",
        of: Of::Organization,
        part: "''",
        counts: "@.removed_at IS NULL",
        columns: &["id", "name"],
    },
    Guarded {
        table: "project_members",
        of: Of::Organization,
        part: "@.project",
        counts: "1",
        columns: &["project", "user", "role"],
    },
    Guarded {
        table: "clusters",
        of: Of::Cluster,
        part: "@.id",
        counts: "@.removed_at IS NULL",
        columns: &[
            "id",
            "name",
            "state",
            "protected",
            "owner",
            "project",
            "server",
            "ca_pem",
            "tls_server_name",
            "proxy_url",
            "kube_system_uid",
            "manager",
            "manager_kind",
            "manager_generation",
            "manager_secret",
            "write_scope",
            "held_back",
            "deleting_at",
        ],
    },
    Guarded {
        table: "grants",
        of: Of::Cluster,
        part: "@.cluster",
        counts: "@.removed_at IS NULL",
        columns: &["cluster", "user", "level", "granted_by", "ends_at"],
    },
    Guarded {
        table: "blocks",
        of: Of::Cluster,
        part: "@.cluster",
        counts: "1",
        columns: &["cluster", "user"],
    },
    Guarded {
        table: "credentials",
        of: Of::Cluster,
        part: "@.cluster",
        counts: "@.state <> 'revoked'",
        columns: &[
            "id", "cluster", "kind", "user", "project", "level", "version", "account", "power",
            "state",
        ],
    },
    Guarded {
        table: "ssh_keys",
        of: Of::Cluster,
        part: "@.cluster",
        counts: "1",
        columns: &[
            "id",
            "cluster",
            "generation",
            "place",
            "custody",
            "public",
            "secret",
            "claimed_to",
            "claimed_path",
            "claimed_digest",
            "doubted_at",
        ],
    },
    Guarded {
        table: "bindings",
        of: Of::Cluster,
        part: "@.cluster",
        counts: "@.removed_at IS NULL",
        columns: &["cluster", "user", "kind", "role", "namespace"],
    },
    Guarded {
        table: "provider_tokens",
        of: Of::Cluster,
        part: "@.cluster",
        counts: "1",
        columns: &["cluster", "provider", "secret", "generation"],
    },
];

impl Guarded {
    /// An expression over a row; `row` is `NEW`, `OLD`, or the table.
    fn of_row(expression: &str, row: &str) -> String {
        expression.replace('@', row)
    }

    /// All that is guarded of a row as one text, without doubt about where a column ends.
    ///
    /// The tables are STRICT, so a column's type never changes; hex keeps all of a value, where
    /// `quote` would stop at a zero byte.
    fn image(&self, row: &str) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("iif({row}.{column} IS NULL, '-', 'x' || hex({row}.{column}))"))
            .collect();
        columns.join(" || ',' || ")
    }

    fn triggers(&self) -> String {
        let Self { table, counts, .. } = self;
        let note = |row: &str, sign: &str| {
            format!(
                "INSERT INTO touched SELECT '{table}', {}, {}, {sign} WHERE {};",
                Self::of_row(self.part, row),
                self.image(row),
                Self::of_row(counts, row),
            )
        };
        let (came, went) = (note("NEW", "1"), note("OLD", "-1"));
        format!(
            "CREATE TEMP TRIGGER touched_{table}_came AFTER INSERT ON main.{table} BEGIN {came} END;
             CREATE TEMP TRIGGER touched_{table}_changed AFTER UPDATE ON main.{table}
               BEGIN {went} {came} END;
             CREATE TEMP TRIGGER touched_{table}_went AFTER DELETE ON main.{table}
               BEGIN {went} END;"
        )
    }

    /// Sums up rows as they stand, by part.
    fn sums(&self, sql: &Connection, part: Option<&str>) -> Result<BTreeMap<String, Sum>> {
        let table = self.table;
        let mut query = format!(
            "SELECT CAST({} AS TEXT), {} FROM main.{table} WHERE {}",
            Self::of_row(self.part, table),
            self.image(table),
            Self::of_row(self.counts, table),
        );
        if part.is_some() {
            // As a number, so that an index on it serves.
            query.push_str(" AND ");
            query.push_str(&Self::of_row(self.part, table));
            query.push_str(" = CAST(?1 AS INTEGER)");
        }
        let mut statement = sql.prepare_cached(&query)?;
        let mut rows = match part {
            Some(part) => statement.query([part])?,
            None => statement.query([])?,
        };
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (part, image) = (row.get_ref(0)?.as_bytes(), row.get_ref(1)?.as_bytes());
            let part = String::from_utf8_lossy(part.map_err(rusqlite::Error::from)?);
            let hash = Sum::of(table, &part, image.map_err(rusqlite::Error::from)?);
            if let Some(sum) = sums.get_mut(part.as_ref()) {
                sum.add(hash);
            } else {
                sums.insert(part.into_owned(), hash);
            }
        }
        Ok(sums)
    }
}

/// What the state of an empty store is a hash of.
pub(super) const STATE: &[u8] = b"kubegrant state v1";

/// A sum of hashes modulo 2^256, least significant word first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum([u64; 4]);

impl Sum {
    fn of(table: &str, part: &str, image: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for field in [
            b"kubegrant row v1",
            table.as_bytes(),
            part.as_bytes(),
            image,
        ] {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(hasher.finalize().chunks_exact(8)) {
            *word = bytes
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        Self(words)
    }

    fn add(&mut self, other: Self) {
        let mut carry = false;
        for (word, more) in self.0.iter_mut().zip(other.0) {
            let (sum, first) = word.overflowing_add(more);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, first || second);
        }
    }

    fn negated(self) -> Self {
        let mut negative = Self(self.0.map(|word| !word));
        negative.add(Self([1, 0, 0, 0]));
        negative
    }

    fn is_zero(self) -> bool {
        self == Self::default()
    }

    fn to_text(self) -> String {
        let [a, b, c, d] = self.0;
        format!("{a:016x}{b:016x}{c:016x}{d:016x}")
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = [0; 4];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (number, word) in words.iter_mut().enumerate() {
            *word = u64::from_str_radix(text.get(16 * number..16 * (number + 1))?, 16).ok()?;
        }
        Some(Self(words))
    }
}

/// Begins to note what this connection changes; call once, outside a transaction.
pub(super) fn watch(sql: &Connection) -> Result<()> {
    let mut batch =
        "CREATE TEMP TABLE touched (name TEXT, part TEXT, image TEXT, sign INTEGER);".to_owned();
    for guarded in GUARDED {
        batch.push_str(&guarded.triggers());
    }
    Ok(sql.execute_batch(&batch)?)
}

/// Brings the digests up to what this transaction changed; gives the new state, `None` where
/// nothing guarded changed.
pub(super) fn seal(tx: &WriteTxn<'_>) -> Result<Option<String>> {
    let sql = tx.sql();
    let unchanged = || tx.accepted.get().then(|| state(sql)).transpose();
    let mut changes: BTreeMap<(String, String), Sum> = BTreeMap::new();
    {
        let mut statement =
            sql.prepare_cached("SELECT name, CAST(part AS TEXT), image, sign FROM touched")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key: (String, String) = (row.get(0)?, row.get(1)?);
            let image = row.get_ref(2)?.as_bytes().map_err(rusqlite::Error::from)?;
            let hash = Sum::of(&key.0, &key.1, image);
            let came = row.get::<_, i64>(3)? > 0;
            let hash = if came { hash } else { hash.negated() };
            changes.entry(key).or_default().add(hash);
        }
    }
    if changes.is_empty() {
        return unchanged();
    }
    sql.prepare_cached("DELETE FROM touched")?.execute([])?;
    changes.retain(|_, change| !change.is_zero());
    if changes.is_empty() {
        return unchanged();
    }
    let mut find =
        sql.prepare_cached("SELECT digest FROM digests WHERE name = ?1 AND part = ?2")?;
    for ((name, part), change) in changes {
        let mut rows = find.query([&name, &part])?;
        let stored = match rows.next()? {
            // What nobody can read stays wrong, and is found by the check.
            Some(row) => Sum::read(&row.get::<_, String>(0)?).unwrap_or_default(),
            None => Sum::default(),
        };
        let mut sum = stored;
        sum.add(change);
        put(sql, &name, &part, sum)?;
    }
    state(sql).map(Some)
}

fn put(sql: &Connection, name: &str, part: &str, sum: Sum) -> Result<()> {
    if sum.is_zero() {
        sql.prepare_cached("DELETE FROM digests WHERE name = ?1 AND part = ?2")?
            .execute([name, part])?;
    } else {
        sql.prepare_cached(
            "INSERT INTO digests (name, part, digest) VALUES (?1, ?2, ?3)
             ON CONFLICT (name, part) DO UPDATE SET digest = excluded.digest",
        )?
        .execute([name, part, &sum.to_text()])?;
    }
    Ok(())
}

/// The state: one hash over all digests.
pub(super) fn state(sql: &Connection) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut statement =
        sql.prepare_cached("SELECT name, part, digest FROM digests ORDER BY name, part")?;
    let mut rows = statement.query([])?;
    hasher.update(STATE);
    while let Some(row) = rows.next()? {
        for column in 0..3 {
            let text = row.get_ref(column)?.as_bytes();
            let text = text.map_err(rusqlite::Error::from)?;
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
    }
    Ok(super::audit::hex(&hasher.finalize()))
}

/// Takes all rows as they stand for right, and gives the new state: after a migration that changed
/// guarded rows (which must [`check`] everything before), and when an owner accepts them.
pub(super) fn take(sql: &Connection) -> Result<String> {
    sql.execute("DELETE FROM digests", [])?;
    for guarded in GUARDED {
        for (part, sum) in guarded.sums(sql, None)? {
            put(sql, guarded.table, &part, sum)?;
        }
    }
    state(sql)
}

/// Takes all rows as an owner found them for right; the caller records it in this transaction.
pub(crate) fn accept(tx: &WriteTxn<'_>) -> Result<()> {
    // What this transaction changed itself is in the rows already.
    take(tx.sql())?;
    tx.sql().execute("DELETE FROM touched", [])?;
    // The commit binds the new state, also where nothing else changes.
    tx.accepted.set(true);
    Ok(())
}

/// What is relied upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Users, projects, and the organization itself.
    Organization,
    /// One cluster: its record, grants, blocks, credentials, keys.
    Cluster(ClusterId),
    /// Everything.
    All,
}

/// Checks that the rows relied upon are as the last change by this program left them.
pub(crate) fn check(tx: &ReadTxn<'_>, scope: Scope) -> Result<()> {
    match find_changed(tx, scope, true)?.into_iter().next() {
        None => Ok(()),
        Some(what) => Err(Error::Tampered { what }),
    }
}

/// Lists, in words, what was changed without this program.
pub(crate) fn changed(tx: &ReadTxn<'_>) -> Result<Vec<String>> {
    find_changed(tx, Scope::All, false)
}

fn find_changed(tx: &ReadTxn<'_>, scope: Scope, first: bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if super::audit::last_state(tx)? != Some(state(tx.sql())?) {
        found.push("the digests of its records".to_owned());
    }
    for guarded in GUARDED {
        if first && !found.is_empty() {
            break;
        }
        let part = match (scope, guarded.of) {
            (Scope::Organization, Of::Cluster) | (Scope::Cluster(_), Of::Organization) => continue,
            (Scope::Cluster(id), Of::Cluster) => Some(id.0.to_string()),
            (Scope::Organization, Of::Organization) | (Scope::All, _) => None,
        };
        let rows = guarded.sums(tx.sql(), part.as_deref())?;
        let kept = kept(tx.sql(), guarded.table, part.as_deref())?;
        let parts = rows
            .keys()
            .chain(kept.keys().filter(|p| !rows.contains_key(*p)));
        for part in parts {
            let sum = rows.get(part).copied().unwrap_or_default();
            if kept.get(part).copied().unwrap_or_default() != Some(sum) {
                found.push(words(tx, guarded.table, part)?);
            }
        }
    }
    Ok(found)
}

/// The digests that are kept of a table; `None` is one that nobody can read.
fn kept(
    sql: &Connection,
    table: &str,
    part: Option<&str>,
) -> Result<BTreeMap<String, Option<Sum>>> {
    let mut statement = sql.prepare_cached(
        "SELECT part, digest FROM digests WHERE name = ?1 AND (?2 IS NULL OR part = ?2)",
    )?;
    let rows = statement.query_map((table, part), |row| {
        Ok((row.get(0)?, Sum::read(&row.get::<_, String>(1)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What a part of a table is, for people.
fn words(tx: &ReadTxn<'_>, table: &str, part: &str) -> Result<String> {
    let name = |of: &str| -> Result<String> {
        let mut statement = tx.sql().prepare(&format!(
            "SELECT name FROM {of} WHERE id = CAST(?1 AS INTEGER)"
        ))?;
        let mut rows = statement.query([part])?;
        Ok(match rows.next()? {
            Some(row) => format!("'{}'", row.get::<_, String>(0)?),
            None => format!("number {part}, which is gone"),
        })
    };
    Ok(match table {
        "meta" => "the organization's record".to_owned(),
        "users" => format!("the record of user {}", name("users")?),
        "clusters" => format!("the record of cluster {}", name("clusters")?),
        "projects" => "the projects".to_owned(),
        "project_members" => format!("the members of project {}", name("projects")?),
        other => format!(
            "the {} of cluster {}",
            other.replace('_', " "),
            name("clusters")?
        ),
    })
}

/// Whether one user's record is as this program left it: who accepts the rest must be beyond doubt.
pub(crate) fn is_user_intact(tx: &WriteTxn<'_>, user: crate::domain::user::UserId) -> Result<bool> {
    let part = user.0.to_string();
    for guarded in GUARDED.iter().filter(|guarded| guarded.table == "users") {
        let rows = guarded.sums(tx.sql(), Some(&part))?;
        let kept = kept(tx.sql(), "users", Some(&part))?;
        if kept.get(&part).copied().flatten() != rows.get(&part).copied() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
