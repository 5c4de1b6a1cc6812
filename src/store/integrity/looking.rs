//! Looking for what was changed without this program: the rows of each part that is relied upon against its digest.

use std::collections::{BTreeMap, BTreeSet};

use super::digests::{self, Key, state};
use super::guarded::{ALL_CLUSTERS, GUARDED, Guarded, Of};
use super::sum::{NARROW, Sum, WIDE};
use super::{DIGESTS, Intact, Own, Scope, shape, touched};
use crate::store::engine::Connection;
use crate::store::{ReadTxn, Result, audit, projects};

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
            let project = projects::of_cluster(tx, cluster)?;
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
pub(super) fn find_changed(
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
    ask_ahead(sql, &relied_on, checked)?;
    if digests::are_narrow(sql)? {
        find::<NARROW>(tx, scopes, relied_on, first, checked)
    } else {
        find::<WIDE>(tx, scopes, relied_on, first, checked)
    }
}

/// The same of what the scopes rely on, by the digests that are kept.
fn find<const W: usize>(
    tx: &ReadTxn<'_>,
    scopes: &BTreeSet<Scope>,
    relied_on: Vec<Relied>,
    first: bool,
    checked: &mut Intact,
) -> Result<Vec<String>> {
    let sql = tx.sql();
    let few = if sql.is_remote() {
        PARTS_ALONE
    } else {
        PARTS_FEW
    };
    let mut found = Vec::new();
    if !are_vouched_for(tx, &relied_on, checked)? {
        found.push(DIGESTS.to_owned());
    }
    // All of it, or nothing: whatever is relied upon is read from these tables.
    if digests::get(sql, &Key::of_shape())? != Some(shape::found::<W>(sql)?) {
        found.extend(shape::changed(sql)?);
    }
    if scopes.contains(&Scope::All) && found.is_empty() {
        found.extend(shape::untrue(sql)?);
    }
    // What this transaction changed itself is in the rows, and not yet in the digests.
    let own = if tx.is_watching {
        touched::<W>(sql)?
    } else {
        Own::new()
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
        if audit::vouched(tx)? != Some(state(sql)?) {
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

/// Whether a part's rows are what its digest says.
fn is_right<const W: usize>(
    guarded: &Guarded,
    part: &str,
    kept: Option<Sum<W>>,
    rows: &BTreeMap<String, Sum<W>>,
    own: &Own<W>,
) -> bool {
    let kept = kept.map(|mut kept| {
        let own = own.get(&Key::of(guarded, part)).copied();
        kept.add(own.unwrap_or_default());
        kept
    });
    kept == Some(rows.get(part).copied().unwrap_or_default())
}

/// Those of some parts of a table whose rows are not what their digest says.
fn differing_of<const W: usize>(
    sql: &Connection,
    guarded: &Guarded,
    parts: &BTreeSet<String>,
    own: &Own<W>,
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
pub(super) fn differing<const W: usize>(
    sql: &Connection,
    guarded: &Guarded,
    part: Option<&str>,
    own: &Own<W>,
) -> Result<Vec<String>> {
    let mut rows = guarded.sums(sql, part)?;
    // What is the organization's is one part, without a name.
    let whole = (guarded.of == Of::Organization).then_some("");
    if let Some(part) = part.or(whole) {
        let kept = digests::get(sql, &Key::of(guarded, part))?;
        let differs = !is_right(guarded, part, kept, &rows, own);
        return Ok(differs.then(|| part.to_owned()).into_iter().collect());
    }
    let mut differing = Vec::new();
    digests::each_of(sql, guarded, |part, kept| {
        if !is_right(guarded, &part, kept, &rows, own) {
            differing.push(part.clone());
        }
        // One after the other: of many parts only one look stands in memory.
        rows.remove(&part);
    })?;
    // What has no digest has nothing's.
    let nothing = Some(Sum::default());
    let others = rows.keys();
    differing.extend(
        others
            .filter(|part| !is_right(guarded, part, nothing, &rows, own))
            .cloned(),
    );
    Ok(differing)
}

/// Lists, in words, what was changed of a table whose rows are guarded in two ways, by the first; by
/// the second where the first knows of nothing.
fn as_first<const W: usize>(
    tx: &ReadTxn<'_>,
    second: &Guarded,
    parts: &[String],
    own: &Own<W>,
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
