//! kubegrant: who may reach which Kubernetes cluster, handed out, taken back, and proven.
//!
//! # The story
//!
//! A command line ([`cli`]) is a request. [`ops`] carries it out within a [`session`]. [`domain`]
//! decides, touching nothing. [`store`] remembers it, [`kubernetes`] makes it true, [`secrets`]
//! keeps it unread, [`artifact`] hands it over. [`output`] says what happened, [`error`] says why
//! it did not. [`env`](mod@env) is the only door to the world outside.
//!
//! There is no agent: this binary, one SQLite file (or a PostgreSQL database), and the clusters' own API servers. For people
//! without the store there may be a [`server`] beside it, which carries out their command lines as they
//! would be here, and the same binary as its [`client`]. The store says what should be; *reconciling* makes a cluster hold it. Whatever is
//! decided here and not yet true there is *pending*: it is shown by `status`, made true by the next
//! command on that cluster or by `reconcile`, and never forgotten.
//!
//! # The map
//!
//! | module | what lives there | read first |
//! |---|---|---|
//! | [`cli`] | what can be asked: one file per verb, each thin; the views that are shown | `cli/access/grant.rs` |
//! | [`ops`] | what is done: one file per noun; changes are values that decide | [`ops::access`], [`ops::reconciling`] |
//! | [`domain`] | what is true: names, access, policy, credentials, the plan | [`domain::policy`], [`domain::plan`] |
//! | [`store`] | what is remembered: tables, transactions, the audit chain | [`store`] itself |
//! | [`kubernetes`] | what is made true: import, connection, reconcile, tokens, the manager | [`kubernetes::reconcile`] |
//! | [`nodes`] | what is reached over SSH: one line of `authorized_keys`, and the proof of a key | [`nodes`] itself |
//! | [`provider`] | what a cloud provider is asked: whose project a token belongs to | [`provider`] itself |
//! | [`secrets`] | what is kept unread: identities, recipients, seal and open | `secrets/seal.rs` |
//! | [`artifact`] | what is handed over: kubeconfigs, private files | [`artifact::file`] |
//! | [`api`] | what a server answers: each route, and its command | [`api`] itself |
//! | [`server`] | what people serve themselves with: HTTPS, sessions, pages | `server/api.rs` |
//! | [`client`] | where a server is asked, for people without the store | [`client`] itself |
//! | [`output`] | what is shown: one renderer, tables, JSON, YAML, progress | [`output`] itself |
//! | [`session`] | what all share in one process, and one run of somebody: identity, directory, terminal | [`session::App`], [`session::Session`] |
//! | [`config`] | where store and identity are | |
//! | [`error`] | exit codes, and the way out of every failure | [`error::Kind`] |
//! | [`env`](mod@env) | streams, clock, randomness, variables: real or made up | [`env::Env`] |
//! | `fuzzing` | every reader of foreign text as a function of bytes; for tests alone | |
//!
//! # Who may import whom
//!
//! Arrows point down only. A row may import the modules of its second column, and nothing else of
//! ours; what stands in parentheses is for people. `tests/cli/tidy.rs` reads this table, and the
//! one of the crates below it, and keeps the sources to them: a rule is changed here and nowhere
//! else.
//!
//! | module | may import | must never contain |
//! |---|---|---|
//! | `domain` | nothing | I/O, `async`, serde, clap, a clock, a random number |
//! | `env` | `domain` | anything but the door itself |
//! | `secrets` | `domain` | `Display` or `Serialize` on a secret |
//! | `artifact` | `domain`, `secrets` | stdout |
//! | `store` | `domain`, `secrets` (only `Sealed`, and who signs events) | opening, network, printing |
//! | `kubernetes` | `domain`, `secrets` | SQL, printing |
//! | `provider` | `domain`, `secrets`, `kubernetes` | a token in an error |
//! | `oidc` | `domain`, `secrets`, `kubernetes` (whom TLS trusts) | an address that a token names |
//! | `nodes` | `domain`, `env`, `secrets` | a private key on disk or in an argument |
//! | `config` | `domain`, `env`, `artifact` (settings are read as private files are) | |
//! | `session` | `domain`, `env`, `config`, `secrets`, `store`, `kubernetes`, `artifact` (identities are read as private files are) | decisions |
//! | `ops` | `domain`, `config`, `session`, `store`, `kubernetes`, `provider`, `oidc` (what a login is told by), `nodes`, `secrets`, `artifact` | clap, formats, questions, printing |
//! | `output` | `domain`, `env` | secrets, SQL |
//! | `api` | nothing | anything but the table |
//! | `server` | `api`, `domain`, `env`, `secrets`, `oidc`, `artifact` (its certificate), `session` (what all share), `ops` (its authenticator) | a right, or words about a cluster |
//! | `client` | `api`, `domain`, `env`, `secrets`, `artifact`, `kubernetes` (whom TLS trusts) | the store |
//! | `error` | `domain`, `config`, `session`, `store`, `kubernetes`, `provider`, `secrets`, `artifact`, `ops`, `output`, `server`, `client` (of all only the errors) | decisions |
//! | `cli` | `api`, `domain`, `env`, `config`, `session`, `ops`, `server`, `client`, `output`, `error` | `store`, `kubernetes`, `secrets`, `artifact` |
//! | `fuzzing` | `domain`, `secrets`, `artifact`, `kubernetes`, `oidc`, `output`, `cli` (built for tests alone: it calls every reader of foreign text) | |
//! | `lib` | `cli`, `env`, `error` | |
//! | `main` | nothing | |
//!
//! Some crates live in one module alone:
//!
//! | crate | lives in |
//! |---|---|
//! | `clap`, `clap_complete`, `clap_mangen`, `dialoguer` | `cli` |
//! | `rusqlite`, `tokio_postgres`, `tokio_postgres_rustls` | `store` |
//! | `kube`, `k8s_openapi` | `kubernetes` |
//! | `age`, `curve25519_dalek`, `ed25519_dalek` | `secrets` |
//! | `directories` | `env` |
//! | `axum`, `maud`, `tokio_rustls`, `rcgen` | `server` |
//! | `comfy_table` | `output` |
//! | `strsim` | `domain` |
//! | `thread_local` | `session` |
//!
//! jiff stands in `kubernetes` and in the reader of typed lengths of time. The clock, the environment
//! and the creation of files are shut by `clippy.toml`; each lint says where the door is.
//!
//! # What never happens
//!
//! - `domain` never learns the time or a random number; it is told.
//! - The store never opens what it stores. It holds `Sealed`; only `ops`, through `secrets`, opens.
//! - No write transaction is open across an `.await`: transactions are closures that cannot await.
//! - No secret passes through `output` as data, and none is ever an argument. A secret leaves by
//!   [`artifact::file`], or, where `-f -` asks for it, as the bare document on stdout.
//! - No user's token is in the store. Every download mints one, and `credential` one an hour, which
//!   its user's own machine keeps; all die with their version.
//! - No secret stands in a kubeconfig that renews itself: what renews it is sealed to its user.
//! - A version never goes backwards (`pending`, `active`, `revoking`, `revoked`), and no subject
//!   (a user, or a project's level) has two live ones on one cluster.
//! - Nobody who lost a project's level keeps a shared version that works, unless somebody decided
//!   so: whoever takes one is counted among its holders before they have it.
//! - A revocation is never undone by a failure: it is decided in the store first, and pending until
//!   the cluster was seen to be without it.
//! - No account is a cluster's manager twice; one that was, or was to be, is on a list in the store
//!   until it was seen to be gone.
//! - "Applied" is never said of what was not read back.
//! - A hidden cluster never answers differently from one that was never registered.
//! - Nothing on a cluster that does not carry this installation's labels is changed or removed.
//! - Nothing in an imported kubeconfig is executed, and no file that it names is read, unasked.
//! - No guarded row changes without an event, and none that somebody else changed is relied upon.
//! - No event is recorded without the signature of whoever acts, by the key that is theirs.
//! - Nothing but `main` ends the process.
//! - Help and completion scripts open no database.
//!
//! # The ledger of verbs
//!
//! | verb | means | never |
//! |---|---|---|
//! | grant, revoke | access of a developer to a cluster begins, ends | create, delete |
//! | create, remove | a record comes, goes from view | delete: history stays |
//! | issue, rotate | a credential begins; is replaced, the old one dying first | regenerate |
//! | renew | the next short token of the same version, without anybody's decision | refresh, rotate |
//! | seal, open | encrypt, decrypt at rest | encrypt, decrypt |
//! | observe, plan, apply | read the cluster; decide; act | sync |
//! | reconcile, pending | bring one cluster to what the store says; not so yet | owe, pay, retry |
//! | render, deliver | make the bytes; put them into the hands | export, dump |
//! | record | write to the audit log | log |
//! | show, say | data to stdout; messages to stderr | print |
//!
//! # Five steps of every change
//!
//! 1. **Decide**: [`domain::policy`] says whether, a pure function over the store's rows says what:
//!    [`domain::effect`]s. What follows from them, [`domain::snapshot`] knows. A refusal is recorded
//!    and ends here; so does `--dry-run`, which shows the effects.
//! 2. **Record**: rules and decision are asked again in the transaction that commits, on its rows;
//!    it holds the effects *and* their audit event. From here on the decision stands, whatever is
//!    killed.
//! 3. **Apply**: idempotent calls; what ends is taken by name before anything is listed, lists and
//!    accounts side by side; then what comes is given.
//! 4. **Verify**: read back, then record what was seen.
//! 5. **Deliver and say** what is true. What is recorded and not applied exits with 6.
//!
//! The lock of the cluster (the kernel frees it when its holder dies) is held from reading what
//! should be to the last write, so that a slow process cannot bring back what another one took. What
//! only takes away is recorded without it, and waits for it only to say that it is true.
//!
//! # Walkthrough: the first download
//!
//! `kubegrant kubeconfig download prod --user bob`, typed by alice:
//!
//! 1. `cli/kubeconfig/download.rs` parses names and lifetime into `domain` types; a bad one is a
//!    usage error (2) before anything is opened. It calls [`ops::kubeconfig`]`::download`.
//! 2. [`session::Session::principal`] opens the store and the identity: alice is whoever's public key
//!    her identity has. `ops::find` looks the cluster up and asks [`domain::policy::on_cluster`];
//!    what alice cannot see is "no cluster", as if it were not there.
//! 3. The destination is checked before anything is minted: free or `--force`, a safe directory,
//!    no link. Bob's public key is parsed, because the file will be sealed to it.
//! 4. The lock is taken, and [`session::Session::connect`] opens the manager's login with alice's
//!    identity and asks one thing: the UID of `kube-system`. Another cluster at that address ends
//!    it here (7); no answer ends it here too (8), with nothing changed.
//! 5. One transaction records the request, and version 1: `pending`, with the name of its account,
//!    which is random and was never used before.
//! 6. [`ops::reconciling`] reconciles: [`kubernetes::reconcile`] observes accounts, bindings and roles,
//!    [`domain::plan`] lists what is missing, the account and the binding lists are made and read
//!    back. Version 1 is `active`.
//! 7. A token is minted for that account. The end that the API server *gave* is stored before the
//!    file is written; a shorter one than asked for is a warning.
//! 8. [`artifact::kubeconfig`] renders the file and reads it back; it is sealed to bob and written
//!    0600 under a nameless file that gets its name when it is complete. The delivery is recorded:
//!    to whom, by whom, until when, and the token's id as the API server's own audit log has it.
//!
//! Killed after 5, the store says `pending`, and the next command on the cluster makes it true.
//! Killed after 7, a token exists that nobody has; it dies with its version.
//!
//! # Walkthrough: revoke
//!
//! `kubegrant access revoke bob --cluster prod --yes`:
//!
//! 1. [`domain::Confirmed`] can only be made from a yes; without one [`ops::access`]`::revoke` can
//!    only preview. Policy is asked: may alice change developers' access on this cluster?
//! 2. `RevokeAccess` decides on one effect, and the live version must end with it. One transaction,
//!    which waits for no lock, asks both again on its rows, removes the grant and moves the version
//!    to `revoking`: whoever no longer has what it carries loses it in the same moment.
//! 3. [`kubernetes::take`] ends it by name, before anything is listed: the account leaves the lists
//!    of its bindings, and the API server answers the old file with 403 from then on, in
//!    milliseconds, because authorization is not cached. Side by side the account is deleted: within
//!    ten seconds (the token cache) the answer is 401, whatever became of the lists.
//! 4. The API server is asked until it no longer lets the account in. Only then is the version
//!    `revoked`, and only then does the command exit with 0. Each version is judged by itself.
//! 5. If the API server is away, the transaction of step 2 stands. The command says until when the
//!    old token may work, exits with 6, and `reconcile` finishes.

mod api;
mod artifact;
mod cli;
mod client;
mod config;
mod domain;
pub mod env;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod kubernetes;
mod nodes;
mod oidc;
mod ops;
mod output;
mod provider;
mod secrets;
mod server;
mod session;
mod store;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub use env::Env;

/// What is made from the command tree and its tables: completions, man pages, the book's reference.
pub mod generated {
    pub use crate::cli::command;
    pub use crate::cli::generate::{stale, write_all};
    pub use crate::error::exit_codes;
}

/// Carries out one command line in a world, and gives its exit code.
pub fn run(args: &[OsString], env: Env) -> ExitCode {
    ExitCode::from(cli::run(args, env))
}

/// What several runs at the same time share in one process: the store, the locks of clusters, what is
/// known of their clocks.
#[doc(hidden)]
#[derive(Clone)]
pub struct Shared(Arc<session::App>);

impl Shared {
    /// Takes of a world what is shared; the store is this one, whatever a run's options say.
    pub fn new(env: &Env, store: &Path) -> Self {
        let store = domain::place::Place::File(store.to_owned());
        Self(Arc::new(session::App::new(env, &store)))
    }

    /// [`run`] of one of them: whoever's identity the world has.
    pub fn run(&self, args: &[OsString], env: Env) -> ExitCode {
        ExitCode::from(cli::run_over(Some(&self.0), args, env))
    }
}
