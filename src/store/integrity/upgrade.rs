//! Bringing a guarded store to a newer schema without taking anybody's edits for ours.
//!
//! Before the migration each row is checked by what was guarded then; what differs is carried over
//! into the new digests as it is, so that a record that was changed without this program is still
//! found after it, under its name.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::before::{
    GUARDED_5, guarded_6, guarded_7, guarded_8, guarded_9, guarded_10, guarded_11,
};
use super::digests::{self, Key, hash_columns, state};
use super::guarded::{GUARDED, Guarded, Of};
use super::sum::{NARROW, Sum};
use super::{Own, shape};
use crate::domain::text::hex;
use crate::store::engine::Connection;
use crate::store::{Result, audit};

/// What the state of a store of schema 5 to 7 begins with: one hash over all digests.
const STATE_7: &[u8] = b"kubegrant state v1";
/// Where stores of schema 6 and later keep their digests.
const DIGESTS_7: &str = "row_digests";
/// Where stores of schema 5 keep their digests. It is gone since: a process that began before the
/// store was brought up to date cannot write what it would vouch for by the rules of then.
const DIGESTS_5: &str = "digests";

/// By what is guarded and part: what is kept less what is there.
type Differences = BTreeMap<(String, String), Sum<NARROW>>;

/// What a store was found to be before its migration.
pub(in crate::store) struct Before {
    /// Nothing where they agree.
    differences: Differences,
    /// Whether rows were guarded in a second way too.
    has_seconds: bool,
    /// Whether the log vouches for the digests.
    is_vouched: bool,
    /// The state that the last event vouches for.
    state: Option<String>,
}

/// Checks a store by the rules of its own schema; `None` for those that were not guarded yet.
pub(in crate::store) fn before(sql: &Connection, found: i64) -> Result<Option<Before>> {
    before_own(sql, found, &Own::new())
}

/// The same in a transaction that changed something itself.
fn before_own(sql: &Connection, found: i64, own: &Own<NARROW>) -> Result<Option<Before>> {
    let (digests, guarded): (&str, Vec<Guarded>) = match found {
        ..5 => return Ok(None),
        5 => (DIGESTS_5, GUARDED_5.to_vec()),
        6 => (DIGESTS_7, guarded_6()),
        7 => (DIGESTS_7, guarded_7()),
        8 => (DIGESTS_7, guarded_8()),
        9 => (DIGESTS_7, guarded_9()),
        10 => (DIGESTS_7, guarded_10()),
        11 => (DIGESTS_7, guarded_11()),
        _ => (DIGESTS_7, GUARDED.to_vec()),
    };
    let has_seconds = found >= 8;
    let (state, is_vouched) = if has_seconds {
        vouched_8(sql, found)?
    } else {
        let empty = || Ok(hex(&Sha256::digest(STATE_7)));
        let state = audit::last_state_of(sql, found, empty)?;
        let is_vouched = state.as_ref() == Some(&state_7(sql, digests)?);
        (state, is_vouched)
    };
    let mut differences = BTreeMap::new();
    for guarded in &guarded {
        let rows = guarded.sums(sql, None)?;
        let kept = kept_7(sql, digests, guarded.name)?;
        let own_parts = own.keys().filter_map(|key| key.part_of(guarded));
        let parts = rows.keys().map(String::as_str);
        let parts = parts
            .chain(kept.keys().map(String::as_str))
            .chain(own_parts);
        for part in parts.collect::<BTreeSet<&str>>() {
            let own = own.get(&Key::of(guarded, part)).copied();
            let mut difference = match kept.get(part).copied().unwrap_or(Some(Sum::default())) {
                Some(kept) => kept,
                // What nobody can read agrees with nothing.
                None => Sum::of("unreadable", part, b""),
            };
            difference.add(own.unwrap_or_default());
            difference.add(rows.get(part).copied().unwrap_or_default().negated());
            if !difference.is_zero() {
                differences.insert((guarded.name.to_owned(), part.to_owned()), difference);
            }
        }
    }
    Ok(Some(Before {
        differences,
        has_seconds,
        is_vouched,
        state,
    }))
}

/// Guards the rows of a store that was just brought up to date, and records it.
pub(in crate::store) fn after(sql: &Connection, schema: i64, before: Option<Before>) -> Result<()> {
    let Before {
        differences,
        has_seconds,
        is_vouched,
        state: found,
    } = before.unwrap_or_else(|| Before {
        differences: BTreeMap::new(),
        has_seconds: false,
        is_vouched: true,
        state: None,
    });
    guard(sql, &differences, has_seconds)?;
    let detail = match (&found, differences.is_empty() && is_vouched) {
        (None, true) => "the records were taken as they stood",
        (_, true) => {
            "the records are as they were left; what is guarded from now on was taken as it stood"
        }
        (_, false) => "records that were changed without kubegrant before stay so",
    };
    // What the log did not vouch for before, it does not vouch for now.
    let state = if is_vouched {
        state(sql)?
    } else {
        found.unwrap_or_default()
    };
    audit::append_upgrade(sql, &format!("schema {schema}; {detail}"), &state)
}

/// Guards all rows as they stand, but for those that differed: they do so from now on too.
fn guard(sql: &Connection, differences: &Differences, has_seconds: bool) -> Result<()> {
    digests::clear(sql)?;
    for guarded in GUARDED {
        let mut sums = guarded.sums(sql, None)?;
        let theirs = |(name, _): &(String, String)| name == guarded.name;
        for ((_, part), difference) in differences.iter().filter(|(key, _)| theirs(key)) {
            sums.entry(part.clone()).or_default().add(wide(difference));
        }
        if guarded.is_second && !has_seconds {
            doubt(sql, guarded, differences, &mut sums)?;
        }
        let sums = sums.into_iter();
        digests::put(sql, sums.map(|(part, sum)| (Key::of(guarded, &part), sum)))?;
    }
    digests::put(sql, [(Key::of_shape(), shape::expected()?)])?;
    digests::close(sql, &digests::groups(sql)?)
}

/// What a difference is among the sums of now: anything but nothing.
fn wide(difference: &Sum<NARROW>) -> Sum {
    Sum::of("difference", "", difference.to_text().as_bytes())
}

/// Makes the digests of schema 13 those of now, in a transaction whose event vouches for them; `false` where nobody
/// vouches for those of before.
pub(super) fn widen(sql: &Connection, own: &Own<NARROW>) -> Result<bool> {
    let Some(Before {
        differences,
        is_vouched: true,
        ..
    }) = before_own(sql, 13, own)?
    else {
        return Ok(false);
    };
    guard(sql, &differences, true)?;
    Ok(true)
}

/// Leaves every part of a table in doubt that was changed by whoever changed some of its rows: which
/// parts these rows are of is not known.
fn doubt(
    sql: &Connection,
    guarded: &Guarded,
    differences: &Differences,
    sums: &mut BTreeMap<String, Sum>,
) -> Result<()> {
    let mut difference = Sum::<NARROW>::default();
    for (_, more) in differences
        .iter()
        .filter(|((table, _), _)| table == guarded.table)
    {
        difference.add(*more);
    }
    if difference.is_zero() {
        return Ok(());
    }
    let parts: Vec<String> = if guarded.of == Of::Organization {
        vec![String::new()]
    } else {
        sql.all("SELECT CAST(id AS TEXT) FROM users", [], |row| row.get(0))?
    };
    for part in parts {
        sums.entry(part).or_default().add(wide(&difference));
    }
    Ok(())
}

/// The digests that a store of schema 5 to 9 keeps of a table; `None` is one that nobody can read.
fn kept_7(
    sql: &Connection,
    digests: &str,
    name: &str,
) -> Result<BTreeMap<String, Option<Sum<NARROW>>>> {
    let query = format!("SELECT part, digest FROM {digests} WHERE name = ?1");
    let kept = sql.all(&query, [name], |row| {
        Ok((row.get(0)?, Sum::read(&row.get::<String>(1)?)))
    })?;
    Ok(kept.into_iter().collect())
}

/// The state that the last event of a store of schema 8 and later vouches for, and whether it is the one that is there.
fn vouched_8(sql: &Connection, schema: i64) -> Result<(Option<String>, bool)> {
    let state = audit::last_state_of(sql, schema, || digests::empty_state(sql))?;
    let mut is_vouched = state.as_ref() == Some(&digests::state(sql)?);
    for group in digests::groups(sql)? {
        is_vouched &= digests::is_closed(sql, &group)?;
    }
    Ok((state, is_vouched))
}

/// The state of a store of schema 5 to 7.
fn state_7(sql: &Connection, digests: &str) -> Result<String> {
    let query = format!("SELECT name, part, digest FROM {digests} ORDER BY name, part");
    let mut hasher = Sha256::new_with_prefix(STATE_7);
    sql.all(&query, [], |row| hash_columns(&mut hasher, row, 3))?;
    Ok(hex(&hasher.finalize()))
}
