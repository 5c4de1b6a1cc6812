//! Bringing a guarded store to a newer schema without taking anybody's edits for ours.
//!
//! Before the migration each row is checked by what was guarded then; what differs is carried over
//! into the new digests as it is, so that a record that was changed without this program is still
//! found after it, under its name.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::guarded::{GUARDED, GUARDED_5, Guarded, guarded_6};
use super::sum::Sum;
use super::{DIGESTS, STATE, kept_in, put, shape, state, state_in};
use crate::domain::text::hex;
use crate::store::{Result, audit};

/// Where stores of schema 5 keep their digests. It is gone since: a process that began before the
/// store was brought up to date cannot write what it would vouch for by the rules of then.
const DIGESTS_5: &str = "digests";

/// What a store was found to be before its migration.
pub(in crate::store) struct Before {
    /// By table and part: what is kept less what is there. Nothing where they agree.
    differences: BTreeMap<(String, String), Sum>,
    /// Whether the log vouches for the digests.
    is_vouched: bool,
    /// The state that the last event vouches for.
    state: Option<String>,
}

/// Checks a store by the rules of its own schema; `None` for those that were not guarded yet.
pub(in crate::store) fn before(sql: &Connection, found: i64) -> Result<Option<Before>> {
    let (digests, guarded): (&str, Vec<Guarded>) = match found {
        ..5 => return Ok(None),
        5 => (DIGESTS_5, GUARDED_5.to_vec()),
        _ => (DIGESTS, guarded_6()),
    };
    let empty = || Ok(hex(&<sha2::Sha256 as sha2::Digest>::digest(STATE)));
    let state = audit::last_state(sql, empty)?;
    let is_vouched = state.as_ref() == Some(&state_in(sql, digests)?);
    let mut differences = BTreeMap::new();
    for guarded in &guarded {
        let rows = guarded.sums(sql, None)?;
        let kept = kept_in(sql, digests, guarded.table, None)?;
        let parts = rows
            .keys()
            .chain(kept.keys().filter(|part| !rows.contains_key(*part)));
        for part in parts {
            let mut difference = match kept.get(part).copied().unwrap_or(Some(Sum::default())) {
                Some(kept) => kept,
                // What nobody can read agrees with nothing.
                None => Sum::of("unreadable", part, b""),
            };
            difference.add(rows.get(part).copied().unwrap_or_default().negated());
            if !difference.is_zero() {
                differences.insert((guarded.table.to_owned(), part.clone()), difference);
            }
        }
    }
    Ok(Some(Before {
        differences,
        is_vouched,
        state,
    }))
}

/// Guards the rows of a store that was just brought up to date, and records it.
pub(in crate::store) fn after(sql: &Connection, schema: i64, before: Option<Before>) -> Result<()> {
    let (mut differences, is_vouched, found) = match before {
        Some(before) => (before.differences, before.is_vouched, before.state),
        None => (BTreeMap::new(), true, None),
    };
    let detail = match (&found, differences.is_empty() && is_vouched) {
        (None, true) => "the records were taken as they stood",
        (_, true) => {
            "the records are as they were left; what is guarded from now on was taken as it stood"
        }
        (_, false) => "records that were changed without kubegrant before stay so",
    };
    for guarded in GUARDED {
        for (part, mut sum) in guarded.sums(sql, None)? {
            if let Some(more) = differences.remove(&(guarded.table.to_owned(), part.clone())) {
                sum.add(more);
            }
            put(sql, guarded.table, &part, sum)?;
        }
    }
    for ((table, part), difference) in differences {
        put(sql, &table, &part, difference)?;
    }
    put(sql, shape::NAME, "", shape::expected()?)?;
    // What the log did not vouch for before, it does not vouch for now.
    let state = if is_vouched {
        state(sql)?
    } else {
        found.unwrap_or_default()
    };
    audit::append_upgrade(sql, format!("schema {schema}; {detail}"), &state)
}
