//! The guarded state: rows that decide who may do what, and the proof that nobody else wrote them.
//!
//! Each guarded row has a SHA-256; the digest of a *part* (one user, one cluster's grants …) is the
//! sum of its rows' hashes modulo 2^256. Parts stand in [groups](digests), each with a digest, and the
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
mod shape;
mod sum;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use self::digests::Key;
pub(super) use self::digests::{empty_state, state};
use self::guarded::{ALL_CLUSTERS, GUARDED, Guarded, Of};
use self::sum::Sum;
pub(super) use self::upgrade::{after, before};
use super::engine::Connection;
use super::{Error, ReadTxn, Result, WriteTxn, recorded};
use crate::domain::cluster::ClusterId;
use crate::domain::project::ProjectId;
use crate::domain::user::UserId;

/// What the digests are called, for people.
const DIGESTS: &str = "the digests of its records";

/// Begins to note what this connection changes; call once, outside a transaction.
pub(super) fn watch(sql: &Connection) -> Result<()> {
    let mut batch =
        "CREATE TEMP TABLE touched (name TEXT, part TEXT, image TEXT, sign INTEGER);".to_owned();
    batch.push_str(recorded::NOTES);
    for guarded in GUARDED {
        batch.push_str(&guarded.triggers());
    }
    Ok(sql.batch(&batch)?)
}

/// The functions with which a database notes what is changed.
pub(super) fn notes() -> String {
    GUARDED.iter().map(Guarded::functions).collect()
}

/// Brings the digests up to what this transaction changed; gives the new state, `None` where
/// nothing guarded changed.
pub(super) fn seal(tx: &WriteTxn<'_>) -> Result<Option<String>> {
    let sql = tx.sql();
    let unchanged = || tx.accepted.get().then(|| state(sql)).transpose();
    let mut changes = touched(sql)?;
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

/// What this transaction changed so far, by part.
fn touched(sql: &Connection) -> Result<Own> {
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

/// A part of a guarded table, or all parts.
type Relied = (&'static Guarded, Option<String>);

/// The parts that a scope relies on.
fn relied(tx: &ReadTxn<'_>, scope: Scope) -> Result<Vec<Relied>> {
    let of = |of: Of, part: Option<i64>| {
        let tables = GUARDED.iter().filter(move |guarded| guarded.of == of);
        let part = part.map(|number| number.to_string());
        tables.map(move |guarded| (guarded, part.clone()))
    };
    let records = |part| of(Of::User, part).filter(|(guarded, _)| !guarded.is_second);
    Ok(match scope {
        Scope::Organization => of(Of::Organization, None)
            .filter(|(guarded, _)| guarded.name != ALL_CLUSTERS)
            .collect(),
        Scope::Clusters => of(Of::Organization, None)
            .filter(|(guarded, _)| guarded.name == ALL_CLUSTERS)
            .collect(),
        Scope::User(user) => records(Some(user.0)).collect(),
        Scope::Users => records(None).collect(),
        Scope::OfUser(user) => of(Of::User, Some(user.0)).collect(),
        Scope::Project(project) => of(Of::Project, Some(project.0)).collect(),
        Scope::Cluster(cluster) => {
            let mut parts: Vec<Relied> = of(Of::Cluster, Some(cluster.0)).collect();
            let project = super::projects::of_cluster(tx, cluster)?;
            parts.extend(
                project
                    .into_iter()
                    .flat_map(|it| of(Of::Project, Some(it.0))),
            );
            parts
        }
        Scope::Rows | Scope::All => GUARDED.iter().map(|guarded| (guarded, None)).collect(),
    })
}

/// More parts of one table than these are summed up in one look at all of it.
const PARTS_FEW: usize = 1_000;
/// More of them than these are asked for at once where each question is a journey.
const PARTS_ALONE: usize = 1;

/// Tables of which many parts are relied upon, with the parts.
type Many = Vec<(&'static Guarded, BTreeSet<String>)>;

/// Takes apart what is looked at part by part, and what all at once.
fn gathered(relied_on: Vec<Relied>, few: usize) -> (Vec<Relied>, Many) {
    let mut parts: BTreeMap<&str, (&'static Guarded, BTreeSet<String>)> = BTreeMap::new();
    for (guarded, part) in &relied_on {
        if let Some(part) = part
            && !guarded.is_second
        {
            let of = parts
                .entry(guarded.name)
                .or_insert((guarded, BTreeSet::new()));
            of.1.insert(part.clone());
        }
    }
    parts.retain(|_, (_, parts)| parts.len() > few);
    let mut others = relied_on;
    others.retain(|(guarded, part)| part.is_none() || !parts.contains_key(guarded.name));
    (others, parts.into_values().collect())
}

/// Lists, in words, what is not as it was left: all of it, or the `first` thing that is found.
fn find_changed(
    tx: &ReadTxn<'_>,
    scopes: &BTreeSet<Scope>,
    first: bool,
    checked: &mut Intact,
) -> Result<Vec<String>> {
    let sql = tx.sql();
    let mut relied_on = Vec::new();
    for scope in scopes {
        relied_on.extend(relied(tx, *scope)?);
    }
    let few = if sql.is_remote() {
        PARTS_ALONE
    } else {
        PARTS_FEW
    };
    let mut found = Vec::new();
    ask_ahead(sql, &relied_on, checked)?;
    if !are_vouched_for(tx, &relied_on, checked)? {
        found.push(DIGESTS.to_owned());
    }
    // All of it, or nothing: whatever is relied upon is read from these tables.
    if digests::get(sql, &Key::of_shape())? != Some(shape::found(sql)?) {
        found.extend(shape::changed(sql)?);
    }
    if scopes.contains(&Scope::All) && found.is_empty() {
        found.extend(shape::untrue(sql)?);
    }
    // What this transaction changed itself is in the rows, and not yet in the digests.
    let own = if tx.is_watching {
        touched(sql)?
    } else {
        BTreeMap::new()
    };
    let is_once = scopes.contains(&Scope::Rows);
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let (relied_on, many) = gathered(relied_on, few);
    for (guarded, relied) in many {
        let parts = if relied.len() > PARTS_FEW {
            differing(sql, guarded, None, &own)?
        } else {
            differing_of(sql, guarded, &relied, &own)?
        };
        for part in parts.into_iter().filter(|part| relied.contains(part)) {
            found.push(description(tx, guarded.name, &part)?);
        }
    }
    for (guarded, part) in relied_on {
        if first && !found.is_empty() {
            break;
        }
        // The same rows, by the part that they are known by.
        if guarded.is_second && (named.contains(guarded.table) || is_once) {
            continue;
        }
        let parts = differing(sql, guarded, part.as_deref(), &own)?;
        if !parts.is_empty() && named.insert(guarded.table) && guarded.is_second {
            found.extend(as_first(tx, guarded, &parts, &own)?);
        } else {
            for part in parts {
                found.push(description(tx, guarded.name, &part)?);
            }
        }
    }
    Ok(found)
}

/// Asks at once for what is looked at one by one.
fn ask_ahead(sql: &Connection, relied_on: &[Relied], checked: &Intact) -> Result<()> {
    if !sql.is_remote() {
        return Ok(());
    }
    let (alone, _) = gathered(relied_on.to_vec(), PARTS_ALONE);
    // Where it is all rows, each is looked at once.
    let is_once = |(guarded, part): &&Relied| {
        !guarded.is_second || part.is_some() || guarded.of == Of::Organization
    };
    let mut groups = BTreeSet::new();
    let mut questions = Vec::new();
    for (guarded, part) in alone.iter().filter(is_once) {
        questions.push(guarded.question(part.as_deref()));
        if part.is_none() && guarded.of != Of::Organization {
            questions.push(digests::question_of(guarded));
        } else {
            let key = Key::of(guarded, part.as_deref().unwrap_or_default());
            groups.insert(key.group().to_owned());
        }
    }
    groups.retain(|group| !checked.groups.contains(group));
    questions.extend(groups.iter().flat_map(|it| digests::questions(it)));
    Ok(sql.ahead(questions)?)
}

/// Whether the last event vouches for the digests, and they for the groups that are relied upon.
fn are_vouched_for(tx: &ReadTxn<'_>, relied_on: &[Relied], checked: &mut Intact) -> Result<bool> {
    let sql = tx.sql();
    if !checked.is_vouched {
        if super::audit::vouched(tx)? != Some(state(sql)?) {
            return Ok(false);
        }
        checked.is_vouched = true;
    }
    let is_all = |(guarded, part): &Relied| part.is_none() && guarded.of != Of::Organization;
    let groups: BTreeSet<String> = if relied_on.iter().any(is_all) {
        digests::groups(sql)?.into_iter().collect()
    } else {
        let key = |(guarded, part): &Relied| Key::of(guarded, part.as_deref().unwrap_or_default());
        let keys = relied_on.iter().map(key).chain([Key::of_shape()]);
        keys.map(|key| key.group().to_owned()).collect()
    };
    for group in groups {
        if !checked.groups.contains(&group) {
            if !digests::is_closed(sql, &group)? {
                return Ok(false);
            }
            checked.groups.insert(group);
        }
    }
    Ok(true)
}

/// What a transaction changed itself, by part.
type Own = BTreeMap<Key, Sum>;

/// Whether a part's rows are what its digest says.
fn is_right(
    guarded: &Guarded,
    part: &str,
    kept: Option<Sum>,
    rows: &BTreeMap<String, Sum>,
    own: &Own,
) -> bool {
    let kept = kept.map(|mut kept| {
        let own = own.get(&Key::of(guarded, part)).copied();
        kept.add(own.unwrap_or_default());
        kept
    });
    kept == Some(rows.get(part).copied().unwrap_or_default())
}

/// Those of some parts of a table whose rows are not what their digest says.
fn differing_of(
    sql: &Connection,
    guarded: &Guarded,
    parts: &BTreeSet<String>,
    own: &Own,
) -> Result<Vec<String>> {
    let rows = guarded.sums_of(sql, parts)?;
    let mut differing = Vec::new();
    for part in parts {
        let kept = digests::get(sql, &Key::of(guarded, part))?;
        if !is_right(guarded, part, kept, &rows, own) {
            differing.push(part.clone());
        }
    }
    Ok(differing)
}

/// The parts of a table whose rows are not what their digest says; or the one that was asked for.
fn differing(
    sql: &Connection,
    guarded: &Guarded,
    part: Option<&str>,
    own: &Own,
) -> Result<Vec<String>> {
    let rows = guarded.sums(sql, part)?;
    let is_right = |part: &str, kept: Option<Sum>| is_right(guarded, part, kept, &rows, own);
    // What is the organization's is one part, without a name.
    let whole = (guarded.of == Of::Organization).then_some("");
    if let Some(part) = part.or(whole) {
        let kept = digests::get(sql, &Key::of(guarded, part))?;
        let differs = !is_right(part, kept);
        return Ok(differs.then(|| part.to_owned()).into_iter().collect());
    }
    let kept = digests::all_of(sql, guarded)?;
    let parts = kept.keys().filter(|part| !rows.contains_key(*part));
    let differs = |part: &&String| {
        let kept = kept.get(*part).copied();
        !is_right(part, kept.unwrap_or(Some(Sum::default())))
    };
    let parts = rows.keys().chain(parts).filter(differs);
    Ok(parts.cloned().collect())
}

/// Lists, in words, what was changed of a table whose rows are guarded in two ways, by the first; by
/// the second where the first knows of nothing.
fn as_first(
    tx: &ReadTxn<'_>,
    second: &Guarded,
    parts: &[String],
    own: &Own,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let is_first = |it: &&Guarded| it.table == second.table && !it.is_second;
    for guarded in GUARDED.iter().filter(is_first) {
        for part in differing(tx.sql(), guarded, None, own)? {
            found.push(description(tx, guarded.name, &part)?);
        }
    }
    if found.is_empty() {
        for part in parts {
            found.push(description(tx, second.name, part)?);
        }
    }
    Ok(found)
}

/// What a part of a table is, for people.
fn description(tx: &ReadTxn<'_>, digest: &str, part: &str) -> Result<String> {
    let name = |of: &str| -> Result<String> {
        let query = format!("SELECT name FROM {of} WHERE id = ?1");
        let number: i64 = part.parse().unwrap_or_default();
        let found = tx
            .sql()
            .first(&query, [number], |row| row.get::<String>(0))?;
        Ok(match found {
            Some(name) => format!("'{name}'"),
            None => format!("number {part}, which is gone"),
        })
    };
    Ok(match digest {
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
        "admins" => "who the owners and admins are".to_owned(),
        "servers" => format!("that user {} is a server", name("users")?),
        "oidc_links" => format!("by which tokens user {} logs in", name("users")?),
        ALL_CLUSTERS => "which clusters there are".to_owned(),
        other => match other.strip_suffix(" of user") {
            Some(theirs) => format!("the {theirs} of user {}", name("users")?),
            None => format!(
                "the {} of cluster {}",
                other.replace('_', " "),
                name("clusters")?
            ),
        },
    })
}

/// Whether one user's record is as this program left it: who accepts the rest must be beyond doubt.
pub(crate) fn is_user_intact(tx: &WriteTxn<'_>, user: UserId) -> Result<bool> {
    let part = user.0.to_string();
    let is_record = |it: &&Guarded| it.of == Of::User && !it.is_second;
    for guarded in GUARDED.iter().filter(is_record) {
        if !differing(tx.sql(), guarded, Some(&part), &touched(tx.sql())?)?.is_empty() {
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
