//! Where the digests of the guarded rows are kept: in groups.
//!
//! A part is a user or a cluster, and so on; the parts of some dozens of them make a group. Each group
//! has a digest over its parts, and the state of a store is a hash over the groups: who relies on one
//! part reads its group and the digests of the others, however many parts there are.

use sha2::{Digest, Sha256};

use super::guarded::{Guarded, Of};
use super::shape;
use super::sum::{NARROW, Sum, WIDE};
use crate::domain::text::hex;
use crate::store::Result;
use crate::store::engine::{self, Connection, GIVEN_MAX, Question, Row, ToValue, places_from};

/// Where they are.
pub(super) const TABLES: [&str; 2] = ["row_digests", "group_digests"];

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

/// The digest that is kept of a group.
const KEPT: &str = "SELECT digest FROM group_digests WHERE name = ?1";
/// The digests of a table's parts.
const OF_TABLE: &str = "SELECT gathered, part, digest FROM row_digests WHERE name = ?1";
/// The digests of a group's parts.
const PARTS: &str =
    "SELECT name, part, digest FROM row_digests WHERE gathered = ?1 ORDER BY name, part";

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

    /// The part, if it is one of a guarded table's.
    pub(super) fn part_of(&self, guarded: &Guarded) -> Option<&str> {
        (self.name == guarded.name).then_some(self.part.as_str())
    }

    /// The group that it is in.
    pub(super) fn group(&self) -> &str {
        &self.group
    }
}

/// Whether the digests are still those of schema 13 and before. The first event after that makes them wide.
pub(super) fn are_narrow(sql: &Connection) -> Result<bool> {
    // What is nobody's digest is read as those of now are: it is found all the same.
    let kept = get::<NARROW>(sql, &Key::of_shape())?;
    Ok(kept.is_some_and(|it| !it.is_zero()))
}

/// The digest that is kept of a part. One that nobody can read is `None`; one that is not there is
/// nothing's.
pub(super) fn get<const W: usize>(sql: &Connection, key: &Key) -> Result<Option<Sum<W>>> {
    if sql.is_remote() {
        // The whole group is asked for all the same, and that answer is kept.
        let mut found = None;
        sql.all(PARTS, [&key.group], |row| {
            if row.get::<String>(0)? == key.name && row.get::<String>(1)? == key.part {
                found = Some(Sum::read(&row.get::<String>(2)?));
            }
            Ok(())
        })?;
        return Ok(found.unwrap_or_else(|| Some(Sum::default())));
    }
    let query = "SELECT digest FROM row_digests WHERE gathered = ?1 AND name = ?2 AND part = ?3";
    let found = sql.first(query, [&key.group, &key.name, &key.part], |row| {
        Ok(Sum::read(&row.get::<String>(0)?))
    })?;
    Ok(found.unwrap_or_else(|| Some(Sum::default())))
}

/// Hands over the digests that are kept of a table's parts one by one; each where it belongs: what stands in another
/// group is nobody's, and vouched for by nothing.
pub(super) fn each_of<const W: usize>(
    sql: &Connection,
    guarded: &Guarded,
    mut with: impl FnMut(String, Option<Sum<W>>),
) -> Result<()> {
    sql.all(OF_TABLE, [guarded.name], |row| {
        let (gathered, part): (String, String) = (row.get(0)?, row.get(1)?);
        if gathered == group(guarded.of, &part) {
            with(part, Sum::read(&row.get::<String>(2)?));
        }
        Ok(())
    })?;
    Ok(())
}

/// Keeps the digests of parts; their groups are to be [closed](close) then.
pub(super) fn put(sql: &Connection, sums: impl IntoIterator<Item = (Key, Sum)>) -> Result<()> {
    let (gone, kept): (Vec<_>, Vec<_>) = sums.into_iter().partition(|(_, sum)| sum.is_zero());
    for (key, _) in gone {
        sql.execute(
            "DELETE FROM row_digests WHERE gathered = ?1 AND name = ?2 AND part = ?3",
            [&key.group, &key.name, &key.part],
        )?;
    }
    let rows = kept.into_iter();
    let rows = rows.map(|(key, sum)| [key.group, key.name, key.part, sum.to_text()]);
    put_rows(
        sql,
        "INSERT INTO row_digests (gathered, name, part, digest)",
        "ON CONFLICT (gathered, name, part) DO UPDATE SET digest = excluded.digest",
        &rows.collect::<Vec<_>>(),
    )
}

/// Inserts rows of texts by as few statements as may be.
fn put_rows<const N: usize>(
    sql: &Connection,
    insert: &str,
    conflict: &str,
    rows: &[[String; N]],
) -> Result<()> {
    for rows in rows.chunks(GIVEN_MAX / N) {
        let places: Vec<String> = (0..rows.len())
            .map(|row| format!("({})", places_from(row * N + 1, N)))
            .collect();
        let query = format!("{insert} VALUES {} {conflict}", places.join(", "));
        let given: Vec<&dyn ToValue> = rows.iter().flatten().map(|it| it as _).collect();
        sql.execute(&query, given)?;
    }
    Ok(())
}

/// Forgets all digests.
pub(super) fn clear(sql: &Connection) -> Result<()> {
    sql.batch("DELETE FROM row_digests; DELETE FROM group_digests")?;
    Ok(())
}

/// Keeps the digests of groups whose parts changed.
pub(super) fn close<'a>(
    sql: &Connection,
    groups: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    let mut rows = Vec::new();
    for group in groups {
        match found(sql, group)? {
            Some(digest) => rows.push([group.to_owned(), digest]),
            None => {
                sql.execute("DELETE FROM group_digests WHERE name = ?1", [group])?;
            }
        }
    }
    put_rows(
        sql,
        "INSERT INTO group_digests (name, digest)",
        "ON CONFLICT (name) DO UPDATE SET digest = excluded.digest",
        &rows,
    )
}

/// What [`is_closed`] asks of a group.
pub(super) fn questions(group: &str) -> [Question; 2] {
    [KEPT, PARTS].map(|sql| Question::of_text(sql, group))
}

/// What [`each_of`] asks of a table.
pub(super) fn question_of(guarded: &Guarded) -> Question {
    Question::of_text(OF_TABLE, guarded.name)
}

/// The digest of a group as its parts are; nothing where it has none.
fn found(sql: &Connection, group: &str) -> Result<Option<String>> {
    let mut hasher = Sha256::new_with_prefix(GROUP);
    let mut is_there = false;
    sql.all(PARTS, [group], |row| {
        is_there = true;
        hash_columns(&mut hasher, row, 3)
    })?;
    Ok(is_there.then(|| hex(&hasher.finalize())))
}

/// Whether the parts of a group are as its digest says.
pub(super) fn is_closed(sql: &Connection, group: &str) -> Result<bool> {
    let kept: Option<String> = sql.first(KEPT, [group], |row| row.get(0))?;
    Ok(kept == found(sql, group)?)
}

/// All groups that there are, with digests or with parts.
pub(super) fn groups(sql: &Connection) -> Result<Vec<String>> {
    let query = "SELECT gathered FROM row_digests UNION SELECT name FROM group_digests";
    Ok(sql.all(query, [], |row| row.get(0))?)
}

/// The state: one hash over the digests of all groups.
pub(in crate::store) fn state(sql: &Connection) -> Result<String> {
    let query = "SELECT name, digest FROM group_digests ORDER BY name";
    let mut hasher = Sha256::new_with_prefix(STATE);
    sql.all(query, [], |row| hash_columns(&mut hasher, row, 2))?;
    Ok(hex(&hasher.finalize()))
}

/// The state of a store without a row: its tables, as they are.
pub(in crate::store) fn empty_state(sql: &Connection) -> Result<String> {
    let key = Key::of_shape();
    let mut group = Sha256::new_with_prefix(GROUP);
    let shape = if are_narrow(sql)? {
        shape::found::<NARROW>(sql)?.to_text()
    } else {
        shape::found::<WIDE>(sql)?.to_text()
    };
    for text in [&key.name, &key.part, &shape] {
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

/// Hashes the first columns of a row.
pub(super) fn hash_columns(
    hasher: &mut Sha256,
    row: &Row<'_>,
    columns: usize,
) -> engine::Result<()> {
    for column in 0..columns {
        hash_text(hasher, row.get_ref(column)?.as_bytes()?);
    }
    Ok(())
}
