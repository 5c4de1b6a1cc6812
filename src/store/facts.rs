//! What a store says, as plain pairs of a thing and what is said of it: to lay two stores side by
//! side.

use std::collections::BTreeMap;

use super::{ReadTxn, Result, credentials, lookup};
use crate::domain::credential::Credential;
use crate::domain::name::UserName;

/// What is said of each thing. The first part of a key orders the kinds; see [`kind`].
pub(crate) type Facts = BTreeMap<(usize, String), String>;

/// Reads what is said of one kind of things: what, and what is said of it.
type Read = fn(&ReadTxn<'_>) -> Result<Vec<(String, String)>>;

/// The first kinds of things, the gravest first, and where they stand: what, and what is said of it.
const ACCESS: &[(&str, &str)] = &[
    (
        "user",
        "SELECT name, role || iif(active, ', active', ', disabled') FROM users",
    ),
    ("key", "SELECT name, key FROM users WHERE key IS NOT NULL"),
    (
        "e-mail",
        "SELECT name, email FROM users WHERE email IS NOT NULL",
    ),
    (
        "login",
        "SELECT u.name, l.kind || ' ' || l.claims || ' at ' || l.issuer
         FROM oidc_links AS l JOIN users AS u ON u.id = l.user",
    ),
    (
        "owner",
        "SELECT c.name, u.name FROM clusters AS c JOIN users AS u ON u.id = c.owner
         WHERE c.removed_at IS NULL",
    ),
    (
        "grant",
        "SELECT u.name || ' on ' || c.name, g.level || coalesce(' until '
           || strftime('%Y-%m-%dT%H:%M:%SZ', g.ends_at, 'unixepoch'), '')
         FROM grants AS g JOIN users AS u ON u.id = g.user JOIN clusters AS c ON c.id = g.cluster
         WHERE g.removed_at IS NULL AND c.removed_at IS NULL",
    ),
    (
        "member",
        "SELECT u.name || ' of ' || p.name, m.role FROM project_members AS m
         JOIN users AS u ON u.id = m.user JOIN projects AS p ON p.id = m.project
         WHERE p.removed_at IS NULL",
    ),
    (
        "binding",
        "SELECT b.kind || ' ' || b.role || coalesce(' in ' || b.namespace, '') || ' for ' || u.name
           || ' on ' || c.name, 'bound'
         FROM bindings AS b JOIN users AS u ON u.id = b.user JOIN clusters AS c ON c.id = b.cluster
         WHERE b.removed_at IS NULL AND c.removed_at IS NULL",
    ),
    (
        "block",
        "SELECT u.name || ' on ' || c.name, 'blocked' FROM blocks AS b
         JOIN users AS u ON u.id = b.user JOIN clusters AS c ON c.id = b.cluster
         WHERE c.removed_at IS NULL",
    ),
];

/// What is said of versions, whose names no row holds as a whole.
const VERSIONS: &[(&str, Read)] = &[("kubeconfig", kubeconfigs), ("holder", holders)];

/// The rest of the kinds, about clusters and what is on them; as [`ACCESS`].
const SETTINGS: &[(&str, &str)] = &[
    (
        "excluded",
        "SELECT name, held_back FROM clusters WHERE removed_at IS NULL AND held_back <> '[]'",
    ),
    (
        "included",
        "SELECT name, included FROM clusters WHERE removed_at IS NULL AND included <> '[]'",
    ),
    (
        "write scope",
        "SELECT name, write_scope FROM clusters WHERE removed_at IS NULL",
    ),
    (
        "write allows",
        "SELECT name, write_allow FROM clusters WHERE removed_at IS NULL AND write_allow <> '[]'",
    ),
    (
        "cluster",
        "SELECT name, state || iif(protected, ', protected', '')
           || iif(deleting_at IS NULL, '', ', being deleted')
         FROM clusters WHERE removed_at IS NULL",
    ),
    (
        "address",
        "SELECT name, server FROM clusters WHERE removed_at IS NULL",
    ),
    (
        "identity",
        "SELECT name, kube_system_uid FROM clusters WHERE removed_at IS NULL",
    ),
    (
        "manager",
        "SELECT name, manager || ', login ' || manager_generation
         FROM clusters WHERE removed_at IS NULL",
    ),
    (
        "cluster's project",
        "SELECT c.name, p.name FROM clusters AS c JOIN projects AS p ON p.id = c.project
         WHERE c.removed_at IS NULL",
    ),
    (
        "project",
        "SELECT name, 'there' FROM projects WHERE removed_at IS NULL",
    ),
    (
        "SSH key",
        "SELECT c.name || ' ' || k.fingerprint, k.place || ', ' || k.custody
         FROM ssh_keys AS k JOIN clusters AS c ON c.id = k.cluster WHERE c.removed_at IS NULL",
    ),
    (
        "provider token",
        "SELECT c.name, t.provider || ', token ' || t.generation
         FROM provider_tokens AS t JOIN clusters AS c ON c.id = t.cluster
         WHERE c.removed_at IS NULL",
    ),
    (
        "organization",
        "SELECT iif(key = 'organization', 'name', key), value FROM meta
         WHERE key IN ('organization', 'oidc_issuer', 'oidc_client')",
    ),
];

/// What a kind is called.
pub(crate) fn kind(number: usize) -> &'static str {
    let versions = VERSIONS.iter().map(|(kind, _)| *kind);
    let rows = |kinds: &'static [(&str, &str)]| kinds.iter().map(|(kind, _)| *kind);
    let mut all = rows(ACCESS).chain(versions).chain(rows(SETTINGS));
    all.nth(number).unwrap_or_default()
}

/// Everything that a store says of who may do what, and of what is handed out.
pub(crate) fn all(tx: &ReadTxn<'_>) -> Result<Facts> {
    let rows = |kinds: &'static [(&str, &str)]| kinds.iter().map(|(_, query)| rows(tx, query));
    let versions = VERSIONS.iter().map(|(_, read)| read(tx));
    let mut facts = Facts::new();
    let all = rows(ACCESS).chain(versions).chain(rows(SETTINGS));
    for (number, pairs) in all.enumerate() {
        let pairs = pairs?.into_iter();
        facts.extend(pairs.map(|(what, said)| ((number, what), said)));
    }
    Ok(facts)
}

fn rows(tx: &ReadTxn<'_>, query: &str) -> Result<Vec<(String, String)>> {
    tx.all("row", query, [], |row| Ok((row.get(0)?, row.get(1)?)))
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
