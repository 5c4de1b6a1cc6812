//! Which rows decide something, and what of them; and which may be anybody's, and why.
//!
//! A column is guarded if a hand that edits it, or deletes its row, would give somebody power, let
//! somebody keep what was taken away, or hide that something is pending. The others are, table by
//! table, in the order of the schema:
//!
//! - everywhere: when, by whom and why (`created_at`, `granted_at`, `granted_by` of what is over,
//!   `bound_by`, `set_by`, `by_user` and `reason` of a block …). They tell a story that the audit
//!   log tells too, and the log is what is believed. `description` and `labels` decide nothing.
//! - `clusters`: `version`, the server's own word; `reached_at` and `looked_at`, which looks write: one saves a
//!   disk write at most, the other puts off for `scan_every` what the next look puts right.
//! - `credentials`: `ended_because` and the times of its life are history. A version that is
//!   `revoked` no longer counts, with its holders and hand-overs: its account was seen to be gone,
//!   no name is used twice (`UNIQUE`), and none goes backwards (a trigger).
//! - `ssh_keys`: `kind` and `origin` are words; `claimed_at` and `made_*` are history.
//! - `ssh_key_nodes`: when a line was put and proven. Where one may be is what counts.
//! - `sessions`: the code of each is under a key of the server's own, with all that it says.
//! - `audit`: the chain is its own guard, and the state of all of this is in it.
//! - what removed rows say (`removed_at`): they are history. That a row *became* history counts.
//!
//! Tables, indexes and triggers are guarded as they were made ([`super::shape`]): a trigger that
//! somebody adds would do its work in transactions of ours.

mod sums;
mod triggers;

pub(super) use self::triggers::{is_noted, triggers};

/// Every row counts.
pub(super) const EVERY: &str = "1 = 1";

/// What the parts of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The whole of it, on which everybody relies.
    Organization,
    /// Users.
    User,
    /// Projects.
    Project,
    /// Clusters.
    Cluster,
}

/// A table whose rows decide something. `@` stands for the row.
#[derive(Clone, Copy)]
pub(super) struct Guarded {
    pub(super) table: &'static str,
    /// What its digests are kept under: its own name, or another where it is guarded in two ways.
    pub(super) name: &'static str,
    /// Whether another digest guards the same rows, by another part.
    pub(super) is_second: bool,
    pub(super) of: Of,
    /// What its digests are kept by: the user, the cluster, or nothing.
    part: &'static str,
    /// Finds the rows of part `?1` by an index, where the part is not a column.
    within: Option<&'static str>,
    /// Which rows count; history does not.
    counts: &'static str,
    /// Whether they count only as long as their credential does.
    follows_credential: bool,
    columns: &'static [&'static str],
}

#[cfg(test)]
impl Guarded {
    pub(super) fn columns(&self) -> &'static [&'static str] {
        self.columns
    }
}

/// A table whose part is a column.
pub(super) const fn table(
    table: &'static str,
    of: Of,
    part: &'static str,
    counts: &'static str,
    columns: &'static [&'static str],
) -> Guarded {
    Guarded {
        table,
        name: table,
        is_second: false,
        of,
        part,
        within: None,
        counts,
        follows_credential: false,
        columns,
    }
}

/// A table of what belongs to a credential, and counts as long as that does.
const fn of_credential(table: &'static str, columns: &'static [&'static str]) -> Guarded {
    Guarded {
        table,
        name: table,
        is_second: false,
        of: Of::Cluster,
        part: "(SELECT c.cluster FROM main.credentials AS c WHERE c.id = @.credential)",
        within: Some(
            "@.credential IN (SELECT c.id FROM main.credentials AS c \
             WHERE c.cluster = ?1 AND c.state <> 'revoked')",
        ),
        counts: "EXISTS (SELECT 1 FROM main.credentials AS c \
             WHERE c.id = @.credential AND c.state <> 'revoked')",
        follows_credential: true,
        columns,
    }
}

pub(super) const META: Guarded = table("meta", Of::Organization, "''", EVERY, &["key", "value"]);
pub(super) const PROJECTS: Guarded = table(
    "projects",
    Of::Organization,
    "''",
    "@.removed_at IS NULL",
    &["id", "name"],
);
pub(super) const PROJECT_MEMBERS: Guarded = table(
    "project_members",
    Of::Project,
    "@.project",
    EVERY,
    &["project", "user", "role"],
);
pub(super) const GRANTS: Guarded = table(
    "grants",
    Of::Cluster,
    "@.cluster",
    "@.removed_at IS NULL",
    &["cluster", "user", "level", "granted_by", "ends_at"],
);
pub(super) const BLOCKS: Guarded = table(
    "blocks",
    Of::Cluster,
    "@.cluster",
    EVERY,
    &["cluster", "user"],
);
pub(super) const PROVIDER_TOKENS: Guarded = table(
    "provider_tokens",
    Of::Cluster,
    "@.cluster",
    EVERY,
    &["cluster", "provider", "secret", "generation"],
);

const CLUSTERS: Guarded = table(
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
        "scan_every",
    ],
);

/// The rows of a table by another part, which is a column; with what counts of them.
const fn second(
    name: &'static str,
    of: Of,
    guarded: Guarded,
    part: &'static str,
    counts: &'static str,
) -> Guarded {
    Guarded {
        name,
        is_second: true,
        of,
        part,
        within: None,
        counts,
        ..guarded
    }
}

const USERS: Guarded = table(
    "users",
    Of::User,
    "@.id",
    EVERY,
    &[
        "id",
        "name",
        "email",
        "role",
        "active",
        "key",
        "key_set_at",
        "key_set_by",
    ],
);
// Until when a token works is what a person is told of a revocation that is pending; until when a
// shell may live is what ends it. By its shard an account is found on the lists that it is taken off.
const CREDENTIALS: Guarded = table(
    "credentials",
    Of::Cluster,
    "@.cluster",
    "@.state <> 'revoked'",
    &[
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
        "renews",
    ],
);
pub(super) const ISSUERS: Guarded = table(
    "issuers",
    Of::Cluster,
    "@.cluster",
    EVERY,
    &[
        "cluster",
        "account",
        "kind",
        "generation",
        "secret",
        "expires_at",
    ],
);
pub(super) const SELF_SERVICE: Guarded = table(
    "self_service",
    Of::Cluster,
    "@.cluster",
    EVERY,
    &["cluster", "how"],
);
// Whoever makes one, or lets one wait again, gets somebody's kubeconfig. How often it was guessed at is no matter
// of trust: a hand that takes that back can do as much with a row of its own.
pub(super) const SHARES: Guarded = table(
    "shares",
    Of::Cluster,
    "@.cluster",
    EVERY,
    &[
        "id",
        "digest",
        "cluster",
        "user",
        "sealed",
        "created_by",
        "expires_at",
        "claimed_at",
        "revoked_at",
    ],
);
// Whoever edits one logs in as somebody else.
pub(super) const OIDC_LINKS: Guarded = table(
    "oidc_links",
    Of::User,
    "@.user",
    EVERY,
    &["user", "kind", "issuer", "claims"],
);
pub(super) const SERVERS: Guarded = table("servers", Of::User, "@.user", EVERY, &["user"]);
// Who may have a shared version in their hands: one row less, and somebody keeps it.
const HOLDERS: Guarded = of_credential("holders", &["credential", "user", "kept"]);
// The same, and whose a token is that the API server's own log names.
const DELIVERIES: Guarded = of_credential(
    "deliveries",
    &[
        "credential",
        "to_user",
        "by_user",
        "at",
        "expires_at",
        "jti",
        "form",
    ],
);
// One that was unbound counts until the cluster was seen to be without it.
const BINDINGS: Guarded = table(
    "bindings",
    Of::Cluster,
    "@.cluster",
    "(@.removed_at IS NULL OR @.owed = 1)",
    &[
        "cluster",
        "user",
        "kind",
        "role",
        "namespace",
        "owed",
        "removed_at",
    ],
);

/// What is guarded, in one way each.
pub(super) const FIRST: &[Guarded] = &[
    META,
    USERS,
    PROJECTS,
    PROJECT_MEMBERS,
    CLUSTERS,
    ISSUERS,
    SELF_SERVICE,
    SERVERS,
    OIDC_LINKS,
    SHARES,
    GRANTS,
    BLOCKS,
    CREDENTIALS,
    HOLDERS,
    DELIVERIES,
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
            "fingerprint",
            "secret",
            "claimed_by",
            "claimed_to",
            "claimed_path",
            "claimed_digest",
            "doubted_at",
        ],
    ),
    // Where a line may still be: one row less, and an old key is forgotten that still logs in.
    Guarded {
        within: Some(
            "@.key IN (SELECT k.id FROM main.ssh_keys AS k \
             WHERE k.cluster = ?1)",
        ),
        ..table(
            "ssh_key_nodes",
            Of::Cluster,
            "(SELECT k.cluster FROM main.ssh_keys AS k WHERE k.id = @.key)",
            "@.removed_at IS NULL",
            &["key", "address", "port", "login"],
        )
    },
    BINDINGS,
    PROVIDER_TOKENS,
    // A number that the cluster was seen to use must not be used again.
    table(
        "version_floors",
        Of::Cluster,
        "@.cluster",
        EVERY,
        &["cluster", "owner", "version"],
    ),
];

/// What is guarded.
pub(super) const GUARDED: &[Guarded] = &{
    let mut all = [META; FIRST.len() + SECOND.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < FIRST.len() {
            FIRST[at]
        } else {
            SECOND[at - FIRST.len()]
        };
        at += 1;
    }
    all
};

/// What the digest of which clusters there are is kept under.
pub(super) const ALL_CLUSTERS: &str = "all clusters";

/// What is guarded in another way too: all of it that is one user's, as a look at one user relies on
/// none of it missing; and who the owners and admins are, on which everybody relies who seals a secret.
const SECOND: &[Guarded] = &[
    second(
        "admins",
        Of::Organization,
        USERS,
        "''",
        "@.role <> 'developer'",
    ),
    // A cluster that is hidden from a look at all of them is left out of what is done everywhere.
    Guarded {
        columns: &["id", "name", "owner", "project"],
        ..second(
            ALL_CLUSTERS,
            Of::Organization,
            CLUSTERS,
            "''",
            CLUSTERS.counts,
        )
    },
    second("grants of user", Of::User, GRANTS, "@.user", GRANTS.counts),
    second("blocks of user", Of::User, BLOCKS, "@.user", EVERY),
    second(
        "credentials of user",
        Of::User,
        CREDENTIALS,
        "@.user",
        "(@.user IS NOT NULL AND @.state <> 'revoked')",
    ),
    second(
        "bindings of user",
        Of::User,
        BINDINGS,
        "@.user",
        BINDINGS.counts,
    ),
    second(
        "holders of user",
        Of::User,
        HOLDERS,
        "@.user",
        HOLDERS.counts,
    ),
    second(
        "deliveries of user",
        Of::User,
        DELIVERIES,
        "@.to_user",
        DELIVERIES.counts,
    ),
    second(
        "projects of user",
        Of::User,
        PROJECT_MEMBERS,
        "@.user",
        PROJECT_MEMBERS.counts,
    ),
];

impl Guarded {
    /// The same rows, with what of them was guarded once.
    pub(super) fn with_columns(&self, columns: &'static [&'static str]) -> Self {
        Self { columns, ..*self }
    }

    /// An expression over a row; `row` is `NEW`, `OLD`, or the table.
    fn of_row(expression: &str, row: &str) -> String {
        expression.replace('@', row)
    }

    /// Whether a column of its table is guarded.
    #[cfg(test)]
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains(&column)
    }
}
