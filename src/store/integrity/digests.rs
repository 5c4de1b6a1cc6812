//! Where the digests of the guarded rows are kept: in groups.
//!
//! A part is a user or a cluster, and so on; the parts of some dozens of them make a group. Each group
//! has a digest over its parts, and the state of a store is a hash over the groups: who relies on one
//! part reads its group and the digests of the others, however many parts there are.

use std::collections::BTreeMap;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::guarded::{Guarded, Of};
use super::shape;
use super::sum::Sum;
use crate::domain::text::hex;
use crate::store::Result;

/// What the state of a store begins with.
const STATE: &[u8] = b"kubegrant state v2";
/// What the digest of a group begins with.
const GROUP: &[u8] = b"kubegrant group v1";

/// The group of what the organization itself is made of.
const ORGANIZATION: &str = "organization";

/// How many users, or projects, make a group: each has up to eight parts. With 10,000 users that makes
/// 625 groups; a look at one reads its parts and the digest of each of the others.
const USERS_OF_A_GROUP: i64 = 16;
/// How many clusters make a group: each has about ten parts.
const CLUSTERS_OF_A_GROUP: i64 = 8;

/// The group of a part.
fn group(of: Of, part: &str) -> String {
    // A part is a row's number, or nothing: its table is STRICT.
    let number: i64 = part.parse().unwrap_or_default();
    match of {
        Of::Organization => ORGANIZATION.to_owned(),
        Of::User => format!("users {}", number / USERS_OF_A_GROUP),
        Of::Project => format!("projects {}", number / USERS_OF_A_GROUP),
        Of::Cluster => format!("clusters {}", number / CLUSTERS_OF_A_GROUP),
    }
}

/// Where the digest of a part is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    group: String,
    name: String,
    part: String,
}

impl Key {
    /// The key of a guarded table's part.
    pub(super) fn of(guarded: &Guarded, part: &str) -> Self {
        Self {
            group: group(guarded.of, part),
            name: guarded.name.to_owned(),
            part: part.to_owned(),
        }
    }

    /// The key of the tables, indexes and triggers themselves.
    pub(super) fn of_shape() -> Self {
        Self {
            group: ORGANIZATION.to_owned(),
            name: shape::NAME.to_owned(),
            part: String::new(),
        }
    }

    /// The group that it is in.
    pub(super) fn group(&self) -> &str {
        &self.group
    }
}

/// The digest that is kept of a part. One that nobody can read is `None`; one that is not there is
/// nothing's.
pub(super) fn get(sql: &Connection, key: &Key) -> Result<Option<Sum>> {
    let mut statement = sql.prepare_cached(
        "SELECT digest FROM row_digests WHERE gathered = ?1 AND name = ?2 AND part = ?3",
    )?;
    let mut rows = statement.query([&key.group, &key.name, &key.part])?;
    Ok(match rows.next()? {
        Some(row) => Sum::read(&row.get::<_, String>(0)?),
        None => Some(Sum::default()),
    })
}

/// The digests that are kept of a table, by part; each where it belongs: what stands in another group is
/// nobody's, and vouched for by nothing.
pub(super) fn all_of(sql: &Connection, guarded: &Guarded) -> Result<BTreeMap<String, Option<Sum>>> {
    let mut statement =
        sql.prepare_cached("SELECT gathered, part, digest FROM row_digests WHERE name = ?1")?;
    let mut rows = statement.query([guarded.name])?;
    let mut kept = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (gathered, part): (String, String) = (row.get(0)?, row.get(1)?);
        if gathered == group(guarded.of, &part) {
            kept.insert(part, Sum::read(&row.get::<_, String>(2)?));
        }
    }
    Ok(kept)
}

/// Keeps the digest of a part; its group is to be [closed](close) when all are kept.
pub(super) fn put(sql: &Connection, key: &Key, sum: Sum) -> Result<()> {
    let Key { group, name, part } = key;
    if sum.is_zero() {
        sql.prepare_cached(
            "DELETE FROM row_digests WHERE gathered = ?1 AND name = ?2 AND part = ?3",
        )?
        .execute([group, name, part])?;
    } else {
        sql.prepare_cached(
            "INSERT INTO row_digests (gathered, name, part, digest) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (gathered, name, part) DO UPDATE SET digest = excluded.digest",
        )?
        .execute([group, name, part, &sum.to_text()])?;
    }
    Ok(())
}

/// Forgets all digests.
pub(super) fn clear(sql: &Connection) -> Result<()> {
    sql.execute_batch("DELETE FROM row_digests; DELETE FROM group_digests")?;
    Ok(())
}

/// Keeps the digests of groups whose parts changed.
pub(super) fn close<'a>(
    sql: &Connection,
    groups: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    for group in groups {
        match found(sql, group)? {
            Some(digest) => sql
                .prepare_cached(
                    "INSERT INTO group_digests (name, digest) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET digest = excluded.digest",
                )?
                .execute([group, &digest])?,
            None => sql
                .prepare_cached("DELETE FROM group_digests WHERE name = ?1")?
                .execute([group])?,
        };
    }
    Ok(())
}

/// The digest of a group as its parts are; nothing where it has none.
fn found(sql: &Connection, group: &str) -> Result<Option<String>> {
    let mut statement = sql.prepare_cached(
        "SELECT name, part, digest FROM row_digests WHERE gathered = ?1 ORDER BY name, part",
    )?;
    let mut rows = statement.query([group])?;
    let mut hasher = Sha256::new_with_prefix(GROUP);
    let mut is_there = false;
    while let Some(row) = rows.next()? {
        is_there = true;
        for column in 0..3 {
            let text = row.get_ref(column)?.as_bytes();
            hash_text(&mut hasher, text.map_err(rusqlite::Error::from)?);
        }
    }
    Ok(is_there.then(|| hex(&hasher.finalize())))
}

/// Whether the parts of a group are as its digest says.
pub(super) fn is_closed(sql: &Connection, group: &str) -> Result<bool> {
    let mut kept = sql.prepare_cached("SELECT digest FROM group_digests WHERE name = ?1")?;
    let mut rows = kept.query([group])?;
    let kept: Option<String> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(kept == found(sql, group)?)
}

/// All groups that there are, with digests or with parts.
pub(super) fn groups(sql: &Connection) -> Result<Vec<String>> {
    let mut statement = sql
        .prepare_cached("SELECT gathered FROM row_digests UNION SELECT name FROM group_digests")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The state: one hash over the digests of all groups.
pub(in crate::store) fn state(sql: &Connection) -> Result<String> {
    let mut statement =
        sql.prepare_cached("SELECT name, digest FROM group_digests ORDER BY name")?;
    let mut rows = statement.query([])?;
    let mut hasher = Sha256::new_with_prefix(STATE);
    while let Some(row) = rows.next()? {
        for column in 0..2 {
            let text = row.get_ref(column)?.as_bytes();
            hash_text(&mut hasher, text.map_err(rusqlite::Error::from)?);
        }
    }
    Ok(hex(&hasher.finalize()))
}

/// The state of a store without a row: its tables, as they are.
pub(super) fn empty_state(sql: &Connection) -> Result<String> {
    let key = Key::of_shape();
    let mut group = Sha256::new_with_prefix(GROUP);
    for text in [&key.name, &key.part, &shape::found(sql)?.to_text()] {
        hash_text(&mut group, text.as_bytes());
    }
    let mut hasher = Sha256::new_with_prefix(STATE);
    for text in [&key.group, &hex(&group.finalize())] {
        hash_text(&mut hasher, text.as_bytes());
    }
    Ok(hex(&hasher.finalize()))
}

pub(super) fn hash_text(hasher: &mut Sha256, text: &[u8]) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text);
}
