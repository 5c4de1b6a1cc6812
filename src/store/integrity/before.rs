//! What was guarded in stores of earlier schemas, in their own words: they are checked by it before they
//! are brought up to date.

use super::guarded::{
    BLOCKS, EVERY, FIRST, GRANTS, GUARDED, Guarded, ISSUERS, META, OIDC_LINKS, Of, PROJECT_MEMBERS,
    PROJECTS, PROVIDER_TOKENS, SELF_SERVICE, SERVERS, SHARES, table,
};

/// What of a cluster was guarded in stores of schema 6.
const CLUSTERS_6: Guarded = table(
    "clusters",
    Of::Cluster,
    "@.id",
    "@.removed_at IS NULL",
    &[
        "id",
        "name",
        "state",
        "protected",
        "owner",
        "project",
        "server",
        "ca_pem",
        "tls_server_name",
        "proxy_url",
        "kube_system_uid",
        "manager",
        "manager_kind",
        "manager_generation",
        "manager_secret",
        "manager_expires_at",
        "former_managers",
        "accounts_rotated_at",
        "older_logins",
        "write_scope",
        "write_allow",
        "held_back",
        "included",
        "reach_owed",
        "orphans_owed",
        "deleting_at",
    ],
);

/// What of a user was guarded in stores of schema 5.
const USERS_5: Guarded = table(
    "users",
    Of::User,
    "@.id",
    EVERY,
    &["id", "name", "email", "role", "active", "key"],
);

/// What of a credential was guarded in stores of schema 6 to 8.
const CREDENTIAL_8: &[&str] = &[
    "id",
    "cluster",
    "kind",
    "user",
    "project",
    "level",
    "version",
    "account",
    "power",
    "state",
    "token_expires_at",
    "until",
];

/// What of a credential was guarded in stores of schema 9.
const CREDENTIAL_9: &[&str] = &[
    "id",
    "cluster",
    "kind",
    "user",
    "project",
    "level",
    "version",
    "account",
    "power",
    "state",
    "token_expires_at",
    "until",
    "shard",
];

/// What of a cluster was guarded in stores of schema 7 and 8.
const CLUSTER_8: &[&str] = &[
    "id",
    "name",
    "state",
    "protected",
    "owner",
    "project",
    "labels",
    "server",
    "ca_pem",
    "tls_server_name",
    "proxy_url",
    "public_server",
    "public_tls_server_name",
    "kube_system_uid",
    "manager",
    "manager_kind",
    "manager_generation",
    "manager_secret",
    "manager_expires_at",
    "former_managers",
    "accounts_rotated_at",
    "older_logins",
    "write_scope",
    "write_allow",
    "held_back",
    "included",
    "reach_owed",
    "orphans_owed",
    "deleting_at",
];

/// The tables that came with schema 11, and since.
const SINCE_10: [&str; 4] = [
    SELF_SERVICE.table,
    SERVERS.table,
    SHARES.table,
    OIDC_LINKS.table,
];

/// What was guarded in stores of schema 9: all but what came since.
pub(super) fn guarded_9() -> Vec<Guarded> {
    let of_then = |guarded: Guarded| match guarded.table {
        "credentials" => guarded.with_columns(CREDENTIAL_9),
        _ => guarded,
    };
    without(&[ISSUERS.table], &guarded_10())
        .map(of_then)
        .collect()
}

/// What was guarded in stores of schema 10: all but what came since.
pub(super) fn guarded_10() -> Vec<Guarded> {
    without(&SINCE_10, GUARDED).collect()
}

/// What was guarded in stores of schema 11: all but what came since.
pub(super) fn guarded_11() -> Vec<Guarded> {
    without(&[OIDC_LINKS.table], GUARDED).collect()
}

fn without(tables: &[&str], guarded: &[Guarded]) -> impl Iterator<Item = Guarded> {
    let is_there = |it: &&Guarded| !tables.contains(&it.table);
    guarded.iter().filter(is_there).copied()
}

/// What was guarded in stores of schema 8: all but what came since.
pub(super) fn guarded_8() -> Vec<Guarded> {
    of_schema_8(GUARDED)
}

/// What was guarded in stores of schema 7: the same, in one way each.
pub(super) fn guarded_7() -> Vec<Guarded> {
    of_schema_8(FIRST)
}

fn of_schema_8(guarded: &[Guarded]) -> Vec<Guarded> {
    let of_then = |guarded: Guarded| match (guarded.table, guarded.name) {
        ("credentials", _) => guarded.with_columns(CREDENTIAL_8),
        (_, "clusters") => guarded.with_columns(CLUSTER_8),
        _ => guarded,
    };
    let then: Vec<Guarded> = without(&SINCE_10, guarded).collect();
    without(&[ISSUERS.table], &then).map(of_then).collect()
}

/// What was guarded in stores of schema 6: all but what came since.
pub(super) fn guarded_6() -> Vec<Guarded> {
    let of_then = |guarded: Guarded| match guarded.table {
        "clusters" => CLUSTERS_6,
        _ => guarded,
    };
    guarded_7().into_iter().map(of_then).collect()
}

/// What was guarded in stores of schema 5, in its own words: they are checked by it before they
/// are brought up to date.
pub(super) const GUARDED_5: &[Guarded] = &[
    META,
    USERS_5,
    PROJECTS,
    PROJECT_MEMBERS,
    table(
        "clusters",
        Of::Cluster,
        "@.id",
        "@.removed_at IS NULL",
        &[
            "id",
            "name",
            "state",
            "protected",
            "owner",
            "project",
            "server",
            "ca_pem",
            "tls_server_name",
            "proxy_url",
            "kube_system_uid",
            "manager",
            "manager_kind",
            "manager_generation",
            "manager_secret",
            "write_scope",
            "held_back",
            "deleting_at",
        ],
    ),
    GRANTS,
    BLOCKS,
    table(
        "credentials",
        Of::Cluster,
        "@.cluster",
        "@.state <> 'revoked'",
        &[
            "id", "cluster", "kind", "user", "project", "level", "version", "account", "power",
            "state",
        ],
    ),
    table(
        "ssh_keys",
        Of::Cluster,
        "@.cluster",
        EVERY,
        &[
            "id",
            "cluster",
            "generation",
            "place",
            "custody",
            "public",
            "secret",
            "claimed_to",
            "claimed_path",
            "claimed_digest",
            "doubted_at",
        ],
    ),
    table(
        "bindings",
        Of::Cluster,
        "@.cluster",
        "@.removed_at IS NULL",
        &["cluster", "user", "kind", "role", "namespace"],
    ),
    PROVIDER_TOKENS,
];
