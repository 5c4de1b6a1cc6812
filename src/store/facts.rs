//! What a store says, as plain pairs of a thing and what is said of it: to lay two stores side by
//! side.

use std::collections::BTreeMap;

use super::{ReadTxn, Result};

/// What is said of each thing. The first part of a key orders the kinds; see [`KINDS`].
pub(crate) type Facts = BTreeMap<(usize, String), String>;

/// The kinds of things, the gravest first, and where they stand: what, and what is said of it.
const KINDS: &[(&str, &str)] = &[
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
    (
        "kubeconfig",
        "SELECT coalesce(u.name, p.name || '/' || k.level) || ' on ' || c.name,
           'version ' || k.version || ', ' || k.power || ', ' || k.state
         FROM credentials AS k JOIN clusters AS c ON c.id = k.cluster
         LEFT JOIN users AS u ON u.id = k.user LEFT JOIN projects AS p ON p.id = k.project
         WHERE k.kind <> 'shell' AND k.state IN ('pending','active') AND c.removed_at IS NULL",
    ),
    (
        "holder",
        "SELECT u.name || ' of ' || p.name || '/' || k.level || ' on ' || c.name,
           'version ' || k.version || iif(h.kept, ', kept', '')
         FROM holders AS h JOIN credentials AS k ON k.id = h.credential
         JOIN clusters AS c ON c.id = k.cluster JOIN users AS u ON u.id = h.user
         JOIN projects AS p ON p.id = k.project
         WHERE k.state IN ('pending','active') AND c.removed_at IS NULL",
    ),
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
        "SELECT 'name', value FROM meta WHERE key = 'organization'",
    ),
];

/// What a kind is called.
pub(crate) fn kind(number: usize) -> &'static str {
    KINDS.get(number).map_or("", |(kind, _)| kind)
}

/// Everything that a store says of who may do what, and of what is handed out.
pub(crate) fn all(tx: &ReadTxn<'_>) -> Result<Facts> {
    let mut facts = Facts::new();
    for (number, (_, query)) in KINDS.iter().enumerate() {
        let mut statement = tx.sql().prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            facts.insert((number, row.get(0)?), row.get(1)?);
        }
    }
    Ok(facts)
}
