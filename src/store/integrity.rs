//! The guarded state: rows that decide who may do what, and the proof that nobody else wrote them.
//!
//! Each guarded row has a hash; the digest of a *part* (one user, one cluster's grants …) is the
//! [sum] of its rows' hashes. Parts stand in [groups](digests), each with a digest, and the
//! *state* is a hash over the groups. Every event of the audit log carries the state after its
//! transaction, inside its own hash, so the chain and the heads that are kept elsewhere vouch for the
//! rows.
//!
//! **Writing.** Nobody can forget: triggers on this connection alone (`TEMP`) note each guarded row
//! before and after, and [`seal`] runs in every commit. It takes the hash of what stood there from
//! the sum and adds the new one, so it costs what changed, not what there is; and because what
//! *stood* there is taken away, a row that somebody edited stays wrong when it is written again.
//! A change without an event is refused.
//!
//! **Reading.** [`check`] recomputes only the parts relied upon, with their groups, and compares the
//! state with the last event. What a command on one cluster reads grows neither with the other
//! clusters nor with the users who have nothing there. What was checked is not checked again before
//! something changes.
//!
//! **What it cannot do.** Whoever can write the file, computes digests, and signs an event of their own at the end
//! of the log with the identity of a user of the store, is not found here. Such an event stays in the log, says what it
//! changed, bears the name of whose key signed it, and cannot be taken back without the heads showing it.
//!
//! **To guard a table or a column**, add it to [`guarded::FIRST`] (its module says why the others are
//! not there), with a new schema, and keep what earlier stores guarded in
//! [`before`](mod@before).

mod before;
mod digests;
mod guarded;
mod looking;
mod shape;
mod sum;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use self::digests::Key;
pub(super) use self::digests::{empty_state, state};
use self::guarded::{GUARDED, Guarded, Of};
use self::looking::{differing, find_changed};
use self::sum::{NARROW, Sum, WIDE};
pub(super) use self::upgrade::{after, before};
use super::engine::{Connection, Noted};
use super::{Error, ReadTxn, Result, WriteTxn, recorded};
use crate::domain::cluster::ClusterId;
use crate::domain::project::ProjectId;
use crate::domain::user::UserId;

/// What the digests are called, for people.
const DIGESTS: &str = "the digests of its records";

/// Begins to note what this connection changes; call once, outside a transaction.
pub(super) fn watch(sql: &Connection) -> Result<()> {
    let touched = "CREATE TEMP TABLE touched (name TEXT, part TEXT, image TEXT, sign INTEGER);";
    sql.batch(&[touched, recorded::NOTES].concat())?;
    sql.note(Noted {
        is_noted: guarded::is_noted,
        triggers: guarded::triggers,
    });
    Ok(())
}

/// The functions with which a database notes what is changed.
pub(super) fn notes() -> String {
    GUARDED.iter().map(Guarded::functions).collect()
}

/// Keeps others from writing what is guarded, and the digests of it, while this transaction writes. A file is written by
/// one at a time.
pub(super) fn hold(sql: &Connection) -> Result<()> {
    let Some(shared) = sql.shared() else {
        return Ok(());
    };
    let tables = GUARDED.iter().map(|guarded| guarded.table);
    let tables: BTreeSet<&str> = tables.chain(digests::TABLES).collect();
    Ok(shared.hold(&tables.into_iter().collect::<Vec<_>>())?)
}

/// Brings the digests up to what this transaction changed; gives the new state, `None` where
/// nothing guarded changed.
pub(super) fn seal(tx: &WriteTxn<'_>) -> Result<Option<String>> {
    let sql = tx.sql();
    if digests::are_narrow(sql)? {
        return widen(tx);
    }
    let unchanged = || tx.accepted.get().then(|| state(sql)).transpose();
    let mut changes = touched::<WIDE>(sql)?;
    if changes.is_empty() {
        return unchanged();
    }
    // A database forgets them with the transaction.
    if sql.shared().is_none() {
        sql.execute("DELETE FROM touched", [])?;
    }
    changes.retain(|_, change| !change.is_zero());
    if changes.is_empty() {
        return unchanged();
    }
    // What somebody made of the digests is not closed anew, and no event of ours vouches for it.
    let groups: BTreeSet<String> = changes.keys().map(|key| key.group().to_owned()).collect();
    let mut is_intact = super::audit::vouched(tx)? == Some(state(sql)?);
    for group in &groups {
        is_intact = is_intact && digests::is_closed(sql, group)?;
    }
    if !is_intact {
        return Err(Error::Tampered {
            what: DIGESTS.to_owned(),
        });
    }
    let mut sums = Vec::with_capacity(changes.len());
    for (key, change) in changes {
        // What nobody can read stays wrong, and is found by the check.
        let mut sum = digests::get(sql, &key)?.unwrap_or_default();
        sum.add(change);
        sums.push((key, sum));
    }
    digests::put(sql, sums)?;
    digests::close(sql, &groups)?;
    state(sql).map(Some)
}

/// The same of a store whose digests are those of schema 13: with the first event they become those of now.
fn widen(tx: &WriteTxn<'_>) -> Result<Option<String>> {
    let sql = tx.sql();
    let mut own = touched::<NARROW>(sql)?;
    own.retain(|_, change| !change.is_zero());
    if tx.pending.borrow().is_none() {
        // Without an event, nothing may have changed.
        return if own.is_empty() {
            Ok(None)
        } else {
            Err(Error::Silent)
        };
    }
    if sql.shared().is_none() {
        sql.execute("DELETE FROM touched", [])?;
    }
    if upgrade::widen(sql, &own)? {
        return state(sql).map(Some);
    }
    if own.is_empty() {
        return Ok(None);
    }
    Err(Error::Tampered {
        what: DIGESTS.to_owned(),
    })
}

/// What a transaction changed itself, by part.
type Own<const W: usize> = BTreeMap<Key, Sum<W>>;

/// What this transaction changed so far, by part.
fn touched<const W: usize>(sql: &Connection) -> Result<Own<W>> {
    let mut changes = Own::new();
    let query = "SELECT name, CAST(part AS TEXT), image, sign FROM touched";
    sql.all(query, [], |row| {
        let (name, part): (String, String) = (row.get(0)?, row.get(1)?);
        let image = row.get_ref(2)?.as_bytes()?;
        let hash = Sum::of(&name, &part, image);
        let came = row.get::<i64>(3)? > 0;
        let hash = if came { hash } else { hash.negated() };
        // The triggers note nothing else.
        if let Some(guarded) = GUARDED.iter().find(|it| it.name == name) {
            let change = changes.entry(Key::of(guarded, &part)).or_default();
            change.add(hash);
        }
        Ok(())
    })?;
    Ok(changes)
}

/// Forgets the digests of a store that was just made, before those of another come into it.
pub(super) fn forget(sql: &Connection) -> Result<()> {
    digests::clear(sql)
}

/// Takes all rows as they stand for right, and gives the new state: when an owner accepts them.
/// The tables themselves are right only as this program makes them.
fn take(sql: &Connection) -> Result<String> {
    digests::clear(sql)?;
    for guarded in GUARDED {
        let sums = guarded.sums(sql, None)?.into_iter();
        digests::put(sql, sums.map(|(part, sum)| (Key::of(guarded, &part), sum)))?;
    }
    digests::put(sql, [(Key::of_shape(), shape::expected()?)])?;
    digests::close(sql, &digests::groups(sql)?)?;
    state(sql)
}

/// Takes all rows as an owner found them for right; the caller records it in this transaction.
pub(crate) fn accept(tx: &WriteTxn<'_>) -> Result<()> {
    // What this transaction changed itself is in the rows already.
    take(tx.sql())?;
    tx.execute("DELETE FROM touched", [])?;
    // The commit binds the new state, also where nothing else changes.
    tx.accepted.set(true);
    Ok(())
}

/// What is relied upon, beside the organization itself: its record, who its owners and admins are, and
/// what its projects are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Nothing more.
    Organization,
    /// One user's record.
    User(UserId),
    /// One user's record, and all of their grants, blocks, roles, credentials and memberships.
    OfUser(UserId),
    /// All users' records.
    Users,
    /// The members of a project.
    Project(ProjectId),
    /// Which clusters there are, whose, and in which projects: where one that is missing would matter.
    Clusters,
    /// One cluster: its record, grants, blocks, credentials, who holds them, keys; and the members of
    /// its project.
    Cluster(ClusterId),
    /// All rows, by one of their digests each.
    Rows,
    /// Everything: all rows, and the file itself.
    All,
}

/// What was found to be right, until something changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Intact {
    /// The version of the store.
    at: Version,
    /// Whether the last event vouches for the groups.
    is_vouched: bool,
    /// The groups whose digests are those of their parts.
    groups: BTreeSet<String>,
    /// What is as it was left.
    scopes: BTreeSet<Scope>,
}

impl Intact {
    /// Forgets everything if anything changed.
    fn refresh(&mut self, sql: &Connection) -> Result<()> {
        let now = sql.version()?;
        if now != self.at {
            *self = Self {
                at: now,
                ..Self::default()
            };
        }
        Ok(())
    }

    /// The version of the store that it is about.
    pub(super) fn version(&self) -> Version {
        self.at
    }

    /// What was found to be right when a transaction of ours begins.
    pub(super) fn before(&mut self, sql: &Connection) -> Result<Self> {
        self.refresh(sql)?;
        Ok(self.clone())
    }

    /// The same when it is committed: what it changed of that, its digests followed.
    pub(super) fn go_on(&mut self, sql: &Connection, before: Self) {
        // What others commit from now on is a change by others.
        *self = Self {
            at: (before.at.0, sql.changes()),
            ..before
        };
    }
}

pub(super) use super::engine::Version;

/// Checks that the rows relied upon are as the last change by this program left them.
pub(crate) fn check(tx: &ReadTxn<'_>, scope: Scope) -> Result<()> {
    check_each(tx, [scope])
}

/// The same of several.
pub(crate) fn check_each(tx: &ReadTxn<'_>, scopes: impl IntoIterator<Item = Scope>) -> Result<()> {
    let mut checked = tx.checked.borrow_mut();
    checked.refresh(tx.sql())?;
    let scopes = [Scope::Organization].into_iter().chain(scopes);
    let unchecked: BTreeSet<Scope> = scopes.filter(|it| !checked.scopes.contains(it)).collect();
    if unchecked.is_empty() {
        return Ok(());
    }
    match find_changed(tx, &unchecked, true, &mut checked)?
        .into_iter()
        .next()
    {
        None => {
            checked.scopes.extend(unchecked);
            Ok(())
        }
        Some(what) => Err(Error::Tampered { what }),
    }
}

/// Lists, in words, what was changed without this program.
pub(crate) fn changed(tx: &ReadTxn<'_>) -> Result<Vec<String>> {
    changed_of(tx, [Scope::All])
}

/// The same of what some scopes rely on.
pub(crate) fn changed_of(
    tx: &ReadTxn<'_>,
    scopes: impl IntoIterator<Item = Scope>,
) -> Result<Vec<String>> {
    let scopes = scopes.into_iter().collect();
    find_changed(tx, &scopes, false, &mut Intact::default())
}

/// Lists the tables, indexes and triggers that are not as this program makes them, and indexes that
/// do not say what their tables say.
pub(crate) fn misshapen(tx: &ReadTxn<'_>) -> Result<Vec<String>> {
    let mut found = shape::changed(tx.sql())?;
    found.extend(shape::untrue(tx.sql())?);
    Ok(found)
}

/// The first table, trigger or function of a database, of whatever version, that is not as it was made.
pub(super) fn misshapen_shared(sql: &Connection) -> Result<Option<String>> {
    Ok(shape::changed(sql)?.into_iter().next())
}

/// Whether one user's record is as this program left it: who accepts the rest must be beyond doubt.
pub(crate) fn is_user_intact(tx: &WriteTxn<'_>, user: UserId) -> Result<bool> {
    let part = user.0.to_string();
    if digests::are_narrow(tx.sql())? {
        is_record_intact::<NARROW>(tx.sql(), &part)
    } else {
        is_record_intact::<WIDE>(tx.sql(), &part)
    }
}

fn is_record_intact<const W: usize>(sql: &Connection, user: &str) -> Result<bool> {
    let is_record = |it: &&Guarded| it.of == Of::User && !it.is_second;
    for guarded in GUARDED.iter().filter(is_record) {
        if !differing(sql, guarded, Some(user), &touched::<W>(sql)?)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The same of one cluster's records, whatever became of the organization's.
pub(crate) fn is_cluster_intact(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<bool> {
    let scopes = [Scope::Cluster(cluster)].into();
    Ok(find_changed(tx, &scopes, true, &mut Intact::default())?.is_empty())
}

#[cfg(test)]
mod tests;
