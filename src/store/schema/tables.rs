//! What each table is for, and its columns as they are: the store's page in the book is made from it.

use super::fresh;
use crate::store::Result;

/// What each table is for. A test keeps it to the tables that are there.
const ABOUT: &[(&str, &str)] = &[
    (
        "audit",
        "The audit log: one event a row, each with the hash of the one before. Only grows.",
    ),
    (
        "bindings",
        "Roles of a cluster's own that users have beside their level.",
    ),
    ("blocks", "Whose kubeconfig an admin revoked, and where."),
    (
        "clusters",
        "Registered clusters: address, pins, settings, and the manager's sealed login.",
    ),
    (
        "credentials",
        "Versions: each a user's (or a project level's) right to log in to a cluster. History stays.",
    ),
    (
        "deliveries",
        "Who was handed a kubeconfig of which version, by whom, until when, with which token id.",
    ),
    ("grants", "Who may read or write which cluster, until when."),
    (
        "group_digests",
        "Digests of groups of guarded rows, which the audit log vouches for.",
    ),
    ("holders", "Who has which shared kubeconfig."),
    ("issuers", "The sealed login of each cluster's issuer."),
    (
        "meta",
        "The organization, the installation's id, and what else there is one of.",
    ),
    (
        "oidc_links",
        "By which tokens of an OpenID issuer a user logs in to a server.",
    ),
    ("project_members", "Who is what in a project."),
    ("projects", "Projects."),
    (
        "provider_tokens",
        "Sealed tokens of the providers of clusters.",
    ),
    (
        "row_digests",
        "Digests of guarded rows, gathered by what they are about.",
    ),
    (
        "self_service",
        "Clusters whose developers serve themselves, and how.",
    ),
    ("servers", "Users that are servers."),
    ("sessions", "Sessions at a server."),
    ("shares", "Direct links; of each secret only a digest."),
    (
        "ssh_key_nodes",
        "Nodes that have, or shall have, an SSH key.",
    ),
    (
        "ssh_key_recipients",
        "To whom an SSH key was sealed when it was handed out.",
    ),
    (
        "ssh_keys",
        "SSH keys of clusters' nodes: the private half is sealed, and gone once it was taken.",
    ),
    (
        "ssh_nodes_left_out",
        "Nodes that clusters named and that were not taken, and why.",
    ),
    (
        "users",
        "People, jobs and servers: role, public key, whether active.",
    ),
    (
        "version_floors",
        "Version numbers that a restored store may not use again.",
    ),
];

/// A table, as it is in a new store.
#[derive(Debug)]
pub(crate) struct TableInfo {
    /// Its name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) about: &'static str,
    /// Its columns, and the type of each in words.
    pub(crate) columns: Vec<(String, String)>,
}

/// All tables, by name.
pub(crate) fn all_tables() -> Result<Vec<TableInfo>> {
    let sql = fresh()?;
    let names = sql.all(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
        [],
        |row| row.get::<String>(0),
    )?;
    let mut tables = Vec::new();
    for name in names {
        let columns = sql.all(
            "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)",
            [&name],
            |row| {
                let (required, key): (i64, i64) = (row.get(2)?, row.get(3)?);
                let word = match (key > 0, required > 0) {
                    (true, _) => ", key",
                    (false, true) => "",
                    (false, false) => ", or nothing",
                };
                Ok((row.get(0)?, format!("{}{word}", row.get::<String>(1)?)))
            },
        )?;
        let about = ABOUT.iter().find(|(table, _)| *table == name);
        let about = about.map_or("", |(_, about)| about);
        tables.push(TableInfo {
            name,
            about,
            columns,
        });
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_says_what_it_is_for() {
        let tables = all_tables().expect("tables");
        let present: Vec<&str> = tables.iter().map(|it| it.name.as_str()).collect();
        let told: Vec<&str> = ABOUT.iter().map(|(name, _)| *name).collect();
        assert_eq!(present, told);
        assert!(tables.iter().all(|it| !it.columns.is_empty()));
    }
}
