//! Which rows are recorded, and what of them.

/// A table that is recorded.
#[derive(Debug)]
pub(in crate::store) struct Recorded {
    pub(super) table: &'static str,
    /// What names a row: numbers, or texts where it is said so.
    pub(super) key: &'static [Key],
    /// The other columns, in the order of their names.
    pub(super) columns: &'static [&'static str],
}

/// A column of a key.
#[derive(Debug)]
pub(super) enum Key {
    Number(&'static str),
    Text(&'static str),
}

use Key::{Number, Text};

impl Key {
    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Number(name) | Text(name) => name,
        }
    }
}

const fn recorded(
    table: &'static str,
    key: &'static [Key],
    columns: &'static [&'static str],
) -> Recorded {
    Recorded {
        table,
        key,
        columns,
    }
}

/// What is recorded, in the order of the tables' names. No statement of ours changes a key.
pub(super) const RECORDED: &[Recorded] = &[
    recorded(
        "bindings",
        &[Number("id")],
        &[
            "bound_at",
            "bound_by",
            "cluster",
            "kind",
            "namespace",
            "owed",
            "reason",
            "removed_at",
            "role",
            "user",
        ],
    ),
    recorded(
        "blocks",
        &[Number("cluster"), Number("user")],
        &["at", "by_user", "reason"],
    ),
    recorded(
        "clusters",
        &[Number("id")],
        &[
            "accounts_rotated_at",
            "ca_pem",
            "created_at",
            "deleting_at",
            "description",
            "former_managers",
            "held_back",
            "included",
            "kube_system_uid",
            "labels",
            "manager",
            "manager_expires_at",
            "manager_generation",
            "manager_kind",
            "name",
            "older_logins",
            "orphans_owed",
            "owner",
            "project",
            "protected",
            "proxy_url",
            "public_server",
            "public_tls_server_name",
            "reach_owed",
            "removed_at",
            "scan_every",
            "server",
            "state",
            "tls_server_name",
            "write_allow",
            "write_scope",
        ],
    ),
    recorded(
        "credentials",
        &[Number("id")],
        &[
            "account",
            "cluster",
            "created_at",
            "ended_at",
            "ended_because",
            "issued_at",
            "kind",
            "level",
            "power",
            "project",
            "renews",
            "revoked_at",
            "shard",
            "state",
            "token_expires_at",
            "until",
            "user",
            "version",
        ],
    ),
    recorded(
        "deliveries",
        &[Number("id")],
        &[
            "at",
            "by_user",
            "credential",
            "expires_at",
            "form",
            "jti",
            "to_user",
        ],
    ),
    recorded(
        "grants",
        &[Number("id")],
        &[
            "cluster",
            "ends_at",
            "granted_at",
            "granted_by",
            "level",
            "reason",
            "removed_at",
            "user",
        ],
    ),
    recorded(
        "holders",
        &[Number("credential"), Number("user")],
        &["at", "kept"],
    ),
    recorded(
        "issuers",
        &[Number("cluster")],
        &["account", "expires_at", "generation", "kind"],
    ),
    recorded("meta", &[Text("key")], &["value"]),
    recorded(
        "oidc_links",
        &[Number("user")],
        &["claims", "issuer", "kind"],
    ),
    recorded(
        "project_members",
        &[Number("project"), Number("user")],
        &["added_at", "added_by", "role"],
    ),
    recorded(
        "projects",
        &[Number("id")],
        &[
            "created_at",
            "created_by",
            "description",
            "name",
            "removed_at",
        ],
    ),
    recorded(
        "provider_tokens",
        &[Number("cluster")],
        &["generation", "provider", "set_at", "set_by"],
    ),
    recorded("self_service", &[Number("cluster")], &["how"]),
    recorded("servers", &[Number("user")], &[]),
    recorded(
        "shares",
        &[Text("id")],
        &[
            "claimed_at",
            "cluster",
            "created_at",
            "created_by",
            "expires_at",
            "revoked_at",
            "sealed",
            "user",
        ],
    ),
    recorded(
        "ssh_key_nodes",
        &[
            Number("key"),
            Text("address"),
            Number("port"),
            Text("login"),
        ],
        &["removed_at", "wanted_at"],
    ),
    recorded(
        "ssh_keys",
        &[Number("id")],
        &[
            "claimed_at",
            "claimed_by",
            "claimed_to",
            "cluster",
            "custody",
            "doubted_at",
            "fingerprint",
            "generation",
            "kind",
            "made_at",
            "made_by",
            "origin",
            "place",
            "public",
        ],
    ),
    recorded(
        "users",
        &[Number("id")],
        &[
            "active",
            "created_at",
            "email",
            "key",
            "key_set_at",
            "key_set_by",
            "name",
            "role",
        ],
    ),
    recorded(
        "version_floors",
        &[Number("cluster"), Text("owner")],
        &["version"],
    ),
];

/// The recorded table of this name.
pub(in crate::store) fn find(table: &str) -> Option<&'static Recorded> {
    RECORDED.iter().find(|it| it.table == table)
}
