//! Files and variables: the one table of them. The man page, the book and `kubegrant help` are made from it.

/// Which files are read and written, and what they are.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "$XDG_CONFIG_HOME/kubegrant/identity",
        "The private key that says who is acting. Default folder: ~/.config. Mode 0600. Lost, another \
         owner sets a new one: `kubegrant user set-key`.",
    ),
    (
        "$XDG_DATA_HOME/kubegrant/store.db",
        "The store. Default folder: ~/.local/share. Mode 0600. Beside it: its write-ahead log, and a \
         lock file for each cluster and each living shell, in a directory that nobody else can write (a \
         sticky one such as /tmp is refused too, as are logs and locks that somebody else made: 7). \
         Back it up with `kubegrant backup`.",
    ),
    (
        "$XDG_STATE_HOME/kubegrant/head-ID",
        "Where the audit log stood when this machine last wrote to it. Default folder: ~/.local/state.",
    ),
    (
        "$XDG_DATA_HOME/kubegrant/renew/NAME.age",
        "What renews a kubeconfig, sealed to its user. Mode 0600, in a folder of 0700.",
    ),
    (
        "$XDG_RUNTIME_DIR/kubegrant/cred-*",
        "The short token of a kubeconfig that renews itself, and the lock of those who mint it; else \
         in $XDG_CACHE_HOME/kubegrant. Default folder of that: ~/.cache. Mode 0600, in a folder of \
         0700. What others could have written there is not believed; it may be removed at any time.",
    ),
    (
        "$XDG_CONFIG_HOME/kubegrant/config.toml",
        "Settings. One line, `store = \"PLACE\"`, says which store is used where neither `--store` nor \
         KUBEGRANT_STORE does: a file, or the address of a PostgreSQL database, in which a password may \
         stand. Mode 0600.",
    ),
    (
        "$XDG_CONFIG_HOME/kubegrant/hosts.toml",
        "The servers that one logged in to, and what proves them. No secret.",
    ),
    (
        "$XDG_RUNTIME_DIR/kubegrant/names-*",
        "The names that completion offers where the store is a database, which it never asks; else in \
         $XDG_CACHE_HOME/kubegrant. Kept by each command that changes something, and every 10 minutes. \
         Mode 0600; it may be removed at any time.",
    ),
    (
        "$XDG_RUNTIME_DIR/kubegrant/session-*",
        "A session at a server; else in $XDG_CACHE_HOME/kubegrant. Mode 0600.",
    ),
    (
        "$XDG_STATE_HOME/kubegrant/serve-HOST.crt, serve-HOST.key",
        "The certificate of `serve --self-signed`, and its key.",
    ),
    (
        "CLUSTER.kubeconfig, CLUSTER.shared.kubeconfig",
        "A downloaded kubeconfig, one's own or a project's, in the working directory. Mode 0600.",
    ),
    (
        "CLUSTER.USER.kubeconfig.age",
        "A kubeconfig for somebody else, sealed to their key. Mode 0600.",
    ),
    (
        "ssh-key-CLUSTER.pem, ssh-key-CLUSTER.USER.pem.age",
        "The private key of a cluster's nodes, one's own or sealed to somebody else. Mode 0600.",
    ),
];

/// Which variables are obeyed, and what they say.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "KUBEGRANT_IDENTITY_FILE",
        "The identity file, instead of the default one; as `--identity`.",
    ),
    ("KUBEGRANT_IDENTITY", "The identity itself, for CI jobs."),
    (
        "KUBEGRANT_STORE",
        "The store, instead of the default one: a file, or the address of a PostgreSQL database; as `--store`.",
    ),
    (
        "PGPASSWORD, PGPASSFILE",
        "The password of the store's database, or the file of passwords, instead of `~/.pgpass`.",
    ),
    (
        "KUBEGRANT_HOST",
        "Which server to ask, where there is no store and several are known; as `--host`.",
    ),
    (
        "SSH_AUTH_SOCK",
        "The SSH agent, for `login --agent` and for `ssh` to nodes.",
    ),
    (
        "KUBEGRANT_ID_TOKEN, KUBEGRANT_ID_TOKEN_FILE",
        "The ID token of a CI job, or the file with it, for `login --job`; GitHub's jobs need neither.",
    ),
    (
        "KUBECONFIG",
        "Where `cluster add` and `cluster relink` look for kubeconfigs: a list, as kubectl has it; \
         `--merge` writes to the first.",
    ),
    (
        "HTTPS_PROXY, NO_PROXY",
        "The proxy on the way to an API server, where its kubeconfig names none, to `kubegrant serve`, and to OpenID issuers.",
    ),
    (
        "HCLOUD_ENDPOINT",
        "Where `cluster provider-token set --check` asks, instead of Hetzner Cloud's own address.",
    ),
    (
        "KUBERNETES_EXEC_INFO",
        "What kubectl asks of `credential`, in its own words.",
    ),
    (
        "KUBEGRANT_SHELL",
        "Set inside `kubegrant shell`: the cluster's name.",
    ),
    (
        "XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR",
        "Where the files are.",
    ),
    ("NO_COLOR", "No color, where it is not empty."),
    (
        "CLICOLOR, CLICOLOR_FORCE, TERM",
        "Whether to color, as other programs understand them.",
    ),
];
