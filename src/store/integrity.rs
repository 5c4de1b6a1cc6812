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
//! last event. A part is a user or a cluster: what a command on one cluster reads does not grow
//! with the others.
//!
//! **What it cannot do.** There is no key in it: whoever can write the file, and computes digests
//! and an event of their own at the end of the log, is not found here. Such an event stays in the
//! log, under a name, and cannot be taken back without the heads showing it.
//!
//! **To guard a table or a column**, add it to [`guarded::GUARDED`] (which says why the others are
//! not there), with a new schema, and keep the list of before for [`upgrade`].

mod guarded;
mod shape;
mod sum;
mod upgrade;

use std::collections::BTreeMap;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use self::guarded::{GUARDED, Of};
use self::sum::Sum;
pub(super) use self::upgrade::{after, before};
use super::{Error, ReadTxn, Result, WriteTxn};
use crate::domain::cluster::ClusterId;
use crate::domain::text::hex;

/// What the state of a store begins with.
const STATE: &[u8] = b"kubegrant state v1";
/// Where the digests are kept.
const DIGESTS: &str = "row_digests";

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
        sql.prepare_cached("SELECT digest FROM row_digests WHERE name = ?1 AND part = ?2")?;
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
        sql.prepare_cached("DELETE FROM row_digests WHERE name = ?1 AND part = ?2")?
            .execute([name, part])?;
    } else {
        sql.prepare_cached(
            "INSERT INTO row_digests (name, part, digest) VALUES (?1, ?2, ?3)
             ON CONFLICT (name, part) DO UPDATE SET digest = excluded.digest",
        )?
        .execute([name, part, &sum.to_text()])?;
    }
    Ok(())
}

/// The state: one hash over all digests.
pub(super) fn state(sql: &Connection) -> Result<String> {
    state_in(sql, DIGESTS)
}

fn state_in(sql: &Connection, digests: &str) -> Result<String> {
    let mut hasher = Sha256::new();
    let query = format!("SELECT name, part, digest FROM {digests} ORDER BY name, part");
    let mut statement = sql.prepare_cached(&query)?;
    let mut rows = statement.query([])?;
    hasher.update(STATE);
    while let Some(row) = rows.next()? {
        for column in 0..3 {
            let text = row.get_ref(column)?.as_bytes();
            let text = text.map_err(rusqlite::Error::from)?;
            hash_text(&mut hasher, text);
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn hash_text(hasher: &mut Sha256, text: &[u8]) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text);
}

/// The state of a store without a row: its tables, as they are.
pub(super) fn empty_state(sql: &Connection) -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(STATE);
    for text in [shape::NAME, "", &shape::found(sql)?.to_text()] {
        hash_text(&mut hasher, text.as_bytes());
    }
    Ok(hex(&hasher.finalize()))
}

/// Takes all rows as they stand for right, and gives the new state: when an owner accepts them.
/// The tables themselves are right only as this program makes them.
fn take(sql: &Connection) -> Result<String> {
    sql.execute("DELETE FROM row_digests", [])?;
    for guarded in GUARDED {
        for (part, sum) in guarded.sums(sql, None)? {
            put(sql, guarded.table, &part, sum)?;
        }
    }
    put(sql, shape::NAME, "", shape::expected()?)?;
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
    /// One cluster: its record, grants, blocks, credentials, who holds them, keys.
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

/// Lists the tables, indexes and triggers that are not as this program makes them, and indexes that
/// do not say what their tables say.
pub(crate) fn misshapen(tx: &ReadTxn<'_>) -> Result<Vec<String>> {
    let mut found = shape::changed(tx.sql())?;
    found.extend(shape::untrue(tx.sql())?);
    Ok(found)
}

fn find_changed(tx: &ReadTxn<'_>, scope: Scope, first: bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let sql = tx.sql();
    if super::audit::last_state(sql, || empty_state(sql))? != Some(state(sql)?) {
        found.push("the digests of its records".to_owned());
    }
    // All of it, or nothing: whatever is relied upon is read from these tables.
    let shapes = kept_in(sql, DIGESTS, shape::NAME, None)?;
    if shapes.get("").copied().flatten() != Some(shape::found(sql)?) {
        found.extend(shape::changed(sql)?);
    }
    if scope == Scope::All && found.is_empty() {
        found.extend(shape::untrue(sql)?);
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
                found.push(description(tx, guarded.table, part)?);
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
    kept_in(sql, DIGESTS, table, part)
}

fn kept_in(
    sql: &Connection,
    digests: &str,
    table: &str,
    part: Option<&str>,
) -> Result<BTreeMap<String, Option<Sum>>> {
    let mut statement = sql.prepare_cached(&format!(
        "SELECT part, digest FROM {digests} WHERE name = ?1 AND (?2 IS NULL OR part = ?2)"
    ))?;
    let rows = statement.query_map((table, part), |row| {
        Ok((row.get(0)?, Sum::read(&row.get::<_, String>(1)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What a part of a table is, for people.
fn description(tx: &ReadTxn<'_>, table: &str, part: &str) -> Result<String> {
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
        "ssh_key_nodes" => format!("where SSH keys of cluster {} are", name("clusters")?),
        "holders" => format!(
            "who holds shared kubeconfigs of cluster {}",
            name("clusters")?
        ),
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
