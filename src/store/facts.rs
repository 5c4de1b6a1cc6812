//! What a store says, as plain pairs of a thing and what is said of it: to lay two stores side by
//! side.

use std::collections::BTreeMap;

use super::columns::time_option;
use super::{ReadTxn, Result, credentials, lookup};
use crate::domain::credential::Credential;
use crate::domain::name::UserName;

/// What is said of each thing. The first part of a key orders the kinds; see [`kind`].
pub(crate) type Facts = BTreeMap<(usize, String), String>;

/// Reads what is said of one kind of things: what, and what is said of it.
type Read = fn(&ReadTxn<'_>) -> Result<Vec<(String, String)>>;

/// Where what is said of a kind stands.
enum By {
    /// In rows: what, and what is said of it.
    Query(&'static str),
    /// In what no row holds as a whole.
    Reader(Read),
}

use By::{Query, Reader};

/// The kinds of things, the gravest first.
const KINDS: &[(&str, By)] = &[
    (
        "user",
        Query(
            "SELECT name, role || CASE active WHEN 1 THEN ', active' ELSE ', disabled' END FROM users",
        ),
    ),
    ("key", Query("SELECT name, key FROM users WHERE key IS NOT NULL")),
    (
        "e-mail",
        Query(
            "SELECT name, email FROM users WHERE email IS NOT NULL",
        ),
    ),
    (
        "login",
        Query(
            "SELECT u.name, l.kind || ' ' || l.claims || ' at ' || l.issuer
         FROM oidc_links AS l JOIN users AS u ON u.id = l.user",
        ),
    ),
    (
        "owner",
        Query(
            "SELECT c.name, u.name FROM clusters AS c JOIN users AS u ON u.id = c.owner
         WHERE c.removed_at IS NULL",
        ),
    ),
    ("grant", Reader(grants)),
    (
        "member",
        Query(
            "SELECT u.name || ' of ' || p.name, m.role FROM project_members AS m
         JOIN users AS u ON u.id = m.user JOIN projects AS p ON p.id = m.project
         WHERE p.removed_at IS NULL",
        ),
    ),
    (
        "binding",
        Query(
            "SELECT b.kind || ' ' || b.role || coalesce(' in ' || b.namespace, '') || ' for ' || u.name
           || ' on ' || c.name, 'bound'
         FROM bindings AS b JOIN users AS u ON u.id = b.user JOIN clusters AS c ON c.id = b.cluster
         WHERE b.removed_at IS NULL AND c.removed_at IS NULL",
        ),
    ),
    (
        "block",
        Query(
            "SELECT u.name || ' on ' || c.name, 'blocked' FROM blocks AS b
         JOIN users AS u ON u.id = b.user JOIN clusters AS c ON c.id = b.cluster
         WHERE c.removed_at IS NULL",
        ),
    ),
    ("kubeconfig", Reader(kubeconfigs)),
    ("holder", Reader(holders)),
    (
        "excluded",
        Query(
            "SELECT name, held_back FROM clusters WHERE removed_at IS NULL AND held_back <> '[]'",
        ),
    ),
    (
        "included",
        Query(
            "SELECT name, included FROM clusters WHERE removed_at IS NULL AND included <> '[]'",
        ),
    ),
    (
        "write scope",
        Query(
            "SELECT name, write_scope FROM clusters WHERE removed_at IS NULL",
        ),
    ),
    (
        "write allows",
        Query(
            "SELECT name, write_allow FROM clusters WHERE removed_at IS NULL AND write_allow <> '[]'",
        ),
    ),
    (
        "cluster",
        Query(
            "SELECT name, state || CASE protected WHEN 1 THEN ', protected' ELSE '' END
           || CASE WHEN deleting_at IS NULL THEN '' ELSE ', being deleted' END
         FROM clusters WHERE removed_at IS NULL",
        ),
    ),
    (
        "address",
        Query(
            "SELECT name, server FROM clusters WHERE removed_at IS NULL",
        ),
    ),
    (
        "identity",
        Query(
            "SELECT name, kube_system_uid FROM clusters WHERE removed_at IS NULL",
        ),
    ),
    (
        "manager",
        Query(
            "SELECT name, manager || ', login ' || manager_generation
         FROM clusters WHERE removed_at IS NULL",
        ),
    ),
    (
        "cluster's project",
        Query(
            "SELECT c.name, p.name FROM clusters AS c JOIN projects AS p ON p.id = c.project
         WHERE c.removed_at IS NULL",
        ),
    ),
    (
        "project",
        Query(
            "SELECT name, 'there' FROM projects WHERE removed_at IS NULL",
        ),
    ),
    (
        "SSH key",
        Query(
            "SELECT c.name || ' ' || k.fingerprint, k.place || ', ' || k.custody
         FROM ssh_keys AS k JOIN clusters AS c ON c.id = k.cluster WHERE c.removed_at IS NULL",
        ),
    ),
    (
        "provider token",
        Query(
            "SELECT c.name, t.provider || ', token ' || t.generation
         FROM provider_tokens AS t JOIN clusters AS c ON c.id = t.cluster
         WHERE c.removed_at IS NULL",
        ),
    ),
    (
        "organization",
        Query(
            "SELECT CASE key WHEN 'organization' THEN 'name' ELSE key END, value FROM meta
         WHERE key IN ('organization', 'oidc_issuer', 'oidc_client')",
        ),
    ),
];

/// What a kind is called.
pub(crate) fn kind(number: usize) -> &'static str {
    KINDS.get(number).map(|(kind, _)| *kind).unwrap_or_default()
}

/// Everything that a store says of who may do what, and of what is handed out.
pub(crate) fn all(tx: &ReadTxn<'_>) -> Result<Facts> {
    let mut facts = Facts::new();
    for (number, (_, by)) in KINDS.iter().enumerate() {
        let pairs = match by {
            Query(query) => rows(tx, query)?,
            Reader(read) => read(tx)?,
        };
        let pairs = pairs.into_iter();
        facts.extend(pairs.map(|(what, said)| ((number, what), said)));
    }
    Ok(facts)
}

fn rows(tx: &ReadTxn<'_>, query: &str) -> Result<Vec<(String, String)>> {
    tx.all("row", query, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn grants(tx: &ReadTxn<'_>) -> Result<Vec<(String, String)>> {
    let query = "SELECT u.name || ' on ' || c.name, g.level, g.ends_at
         FROM grants AS g JOIN users AS u ON u.id = g.user JOIN clusters AS c ON c.id = g.cluster
         WHERE g.removed_at IS NULL AND c.removed_at IS NULL";
    tx.all("grant", query, [], |row| {
        let level: String = row.get(1)?;
        let until = time_option(row, 2)?.map(|at| at.format(" until %Y-%m-%dT%H:%M:%SZ"));
        let until = until.map(|it| it.to_string()).unwrap_or_default();
        Ok((row.get(0)?, level + &until))
    })
}

/// The live versions of kubeconfigs, and the names of their clusters.
fn live(tx: &ReadTxn<'_>) -> Result<Vec<(Credential, String)>> {
    let filter = "kind <> 'shell' AND state IN ('pending','active')
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL)";
    let mut found = Vec::new();
    for credential in credentials::collect(tx, filter, [])? {
        let cluster = lookup::cluster_name(tx, credential.cluster)?;
        let (cluster, _) = cluster.unwrap_or_default();
        found.push((credential, cluster));
    }
    Ok(found)
}

fn kubeconfigs(tx: &ReadTxn<'_>) -> Result<Vec<(String, String)>> {
    let said = live(tx)?.into_iter().map(|(it, cluster)| {
        let what = format!("{} on {cluster}", it.owner);
        let said = format!("version {}, {}, {}", it.version, it.power, it.state);
        (what, said)
    });
    Ok(said.collect())
}

fn holders(tx: &ReadTxn<'_>) -> Result<Vec<(String, String)>> {
    let sql = "SELECT u.name, h.kept FROM holders AS h JOIN users AS u ON u.id = h.user
         WHERE h.credential = ?1";
    let mut said = Vec::new();
    for (it, cluster) in live(tx)? {
        let held = tx.all("holder", sql, [it.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (user, is_kept) in held {
            let user: UserName = user;
            let kept = if is_kept { ", kept" } else { "" };
            let what = format!("{user} of {} on {cluster}", it.owner);
            said.push((what, format!("version {}{kept}", it.version)));
        }
    }
    Ok(said)
}
