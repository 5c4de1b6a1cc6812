//! Why a run failed, at the edge: the exit code, the description, and the way out.
//!
//! The matches below are exhaustive: whoever adds a variant chooses its exit code and its hint.

mod client;
mod cluster;
mod credential;
mod file;
mod kind;
mod obstacle;
mod refusal;
mod store_error;

use std::error::Error as StdError;

use self::file::{file_hint, file_kind, merge_kind, open_kind};
use self::store_error::store_kind;
use crate::domain::name::ClusterName;
use crate::domain::policy::Denial;
use crate::domain::sealed::{SealedSecret, Which};
use crate::domain::text;
use crate::kubernetes::error::Error as ClusterError;
use crate::output::Ended;
use crate::secrets::SshKeyError;
use crate::{config, ops, server, session, store};

pub use kind::exit_codes;
pub(crate) use kind::{EXIT_OK, Kind};

use cluster::{approach_kind, cluster_kind};

/// A failed run.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Which exit code.
    pub(crate) kind: Kind,
    /// What happened; `None` where it was reported already.
    pub(crate) error: Option<Box<dyn StdError>>,
    /// What to do: commands in backticks.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// A failure with its error, and a hint where there is one.
    pub(crate) fn new(kind: Kind, error: impl StdError + 'static, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        let hints = if hint.is_empty() { vec![] } else { vec![hint] };
        Self {
            kind,
            error: Some(Box::new(error)),
            hints,
        }
    }

    /// A failure in plain words.
    pub(crate) fn description(kind: Kind, text: &str, hint: &str) -> Self {
        Self::new(kind, Description(text.to_owned()), hint)
    }

    /// A failure that was reported already.
    pub(crate) fn reported(kind: Kind) -> Self {
        Self {
            kind,
            error: None,
            hints: vec![],
        }
    }

    /// Names the way out where a registered cluster did not answer and never will.
    pub(crate) fn or_forget(mut self, cluster: &ClusterName) -> Self {
        if self.kind == Kind::Unreachable {
            self.hints.push(format!(
                "if it is gone for good, an organization owner runs `kubegrant cluster delete \
                 {cluster} --forget`"
            ));
        }
        self
    }

    /// The message, and its causes without repetition.
    pub(crate) fn lines(&self) -> (String, Vec<String>) {
        let Some(error) = &self.error else {
            return (String::new(), vec![]);
        };
        text::causes(error.as_ref())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Description(String);

impl From<Ended> for Failure {
    fn from(error: Ended) -> Self {
        match error {
            Ended::ReaderLeft => Self::reported(Kind::ReaderLeft),
            Ended::Write(_) => Self::new(Kind::State, error, "is the disk full?"),
            Ended::Shape(_) => Self::new(Kind::Internal, error, ""),
        }
    }
}

impl From<server::Error> for Failure {
    fn from(error: server::Error) -> Self {
        match error {
            server::Error::Listen { .. } => Self::new(
                Kind::Usage,
                error,
                "name another address with `--listen`; below port 1024 only root listens",
            ),
            server::Error::Tls(_) => Self::new(Kind::Usage, error, "see `kubegrant serve --help`"),
            server::Error::Issuers(_) => {
                Self::new(Kind::Usage, error, "name a PEM file with `--oidc-ca-file`")
            }
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        let (kind, hint) = match &error {
            config::Error::SettingsFile(inner) => (file_kind(inner), file_hint(inner)),
            _ => (Kind::Usage, String::new()),
        };
        Self::new(kind, error, hint)
    }
}

impl From<session::Error> for Failure {
    fn from(error: session::Error) -> Self {
        use session::Error as E;
        let (kind, hint) = match &error {
            E::Store(inner) => store_kind(inner),
            E::NoIdentity { .. } => (
                Kind::Denied,
                "run `kubegrant init`, or name an identity with `--identity`".to_owned(),
            ),
            E::IdentityFile(inner) => (file_kind(inner), file_hint(inner)),
            E::Identity { source, .. } if source.is_interrupt() => {
                return Self::reported(Kind::Interrupted);
            }
            E::Identity { source, path, .. } => (Kind::Usage, source.hint(path.as_deref())),
            E::Stranger { .. } => (
                Kind::Denied,
                "ask an organization owner to run `kubegrant user set-key NAME --key FILE`"
                    .to_owned(),
            ),
            E::UnknownUser { .. } => (Kind::NotFound, "run `kubegrant user list`".to_owned()),
            E::Lock { .. } => (Kind::State, "is the disk full or read-only?".to_owned()),
            E::Locked { .. } => (Kind::State, "try again when it is done".to_owned()),
            E::NotForYou(secret) => (Kind::Denied, help_with(secret)),
            E::NotServed { cluster } => (
                Kind::Denied,
                format!(
                    "ask whoever manages it to do it for you, or to run `kubegrant cluster set {cluster} \
                     --self-service on`"
                ),
            ),
            E::Tampered { secret, .. } => {
                let cluster = &secret.on;
                let again = match secret.which {
                    Which::ProviderToken => format!("cluster provider-token set {cluster}"),
                    Which::SshKey { .. } => format!("ssh-key reset {cluster}"),
                    Which::ManagerLogin | Which::IssuerLogin => {
                        format!("cluster relink {cluster} --kubeconfig FILE")
                    }
                };
                (
                    Kind::Unsafe,
                    format!("run `kubegrant audit verify`, then `kubegrant {again}`"),
                )
            }
            E::WrongCluster { cluster } => (
                Kind::Unsafe,
                format!(
                    "no credential was sent beyond the first question; if that is right, run \
                     `kubegrant cluster relink {cluster}`"
                ),
            ),
            E::Cluster { cluster, source } => cluster_kind(source, cluster),
        };
        Self::new(kind, error, hint)
    }
}

impl From<ops::Error> for Failure {
    fn from(error: ops::Error) -> Self {
        use ops::Error as E;
        let error = match error {
            E::Session(inner) => return inner.into(),
            E::Renewal(inner) => return (*inner).into(),
            E::LeftBehind { .. } => return left_behind(error),
            error => error,
        };
        let (kind, hint) = match &error {
            // Taken care of above.
            E::Session(_) | E::Renewal(_) | E::LeftBehind { .. } => (Kind::Internal, String::new()),
            E::Store(inner) => store_kind(inner),
            E::Denied { denial, help, .. } => {
                let kind = if denial.is_state() {
                    Kind::State
                } else {
                    Kind::Denied
                };
                let kind = if *denial == Denial::UnknownCluster {
                    Kind::NotFound
                } else {
                    kind
                };
                let hints = help.clone();
                return Self {
                    kind,
                    error: Some(Box::new(error)),
                    hints,
                };
            }
            E::UnknownCluster { similar, .. } => (Kind::NotFound, did_you_mean(similar)),
            E::UnknownProject { similar, .. } => (Kind::NotFound, did_you_mean(similar)),
            E::UnknownUser { similar, .. } => (Kind::NotFound, did_you_mean(similar)),
            E::Refused(refusal) => refusal::kind(refusal),
            E::Obstacle(obstacle) => obstacle::kind(obstacle),
            E::Text { source, .. } => (Kind::Usage, source.hint().to_owned()),
            E::NewNodes { .. } => (
                Kind::State,
                "agree to them with `--yes`, or name the nodes with `--node ADDRESS`".to_owned(),
            ),
            E::NeedsManager { cluster } => (Kind::Pending, by_an_admin(cluster)),
            E::Escalates { .. } | E::Unsure { .. } => (Kind::State, INSIST.to_owned()),
            E::Provider(inner) => provider_kind(inner),
            E::Import(_) => (Kind::Usage, String::new()),
            E::Exec(_) => (Kind::State, String::new()),
            E::Key { .. } => (Kind::Usage, String::new()),
            E::SshKey(inner) => (ssh_key_kind(inner), inner.hint(None, MAKE_SSH_KEY)),
            E::SshKeyFile { path, source } => {
                (ssh_key_kind(source), source.hint(Some(path), MAKE_SSH_KEY))
            }
            E::RecordedInDoubt { source, .. } => match source.as_ref() {
                E::Store(inner) | E::Session(session::Error::Store(inner)) => store_kind(inner),
                _ => (Kind::Unsafe, String::new()),
            },
            E::EndedUnrecorded { source, .. } => (Kind::Pending, when_writable(source, AGAIN)),
            E::Unrecorded { source, .. } => (Kind::Pending, when_writable(source, RECONCILE)),
            E::File(inner) => (file_kind(inner), file_hint(inner)),
            // As shells say it: not found, or found and not to be run.
            E::Child { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                (Kind::Child(127), String::new())
            }
            E::Child { .. } => (Kind::Child(126), String::new()),
            E::Merge { source, .. } => merge_kind(source),
            E::Open { source, .. } => open_kind(source),
            E::Seal { .. } | E::Render(_) => (Kind::Internal, String::new()),
            E::Cluster { cluster, source } => cluster_kind(source, cluster),
            E::Approach {
                source, cluster, ..
            } => approach_kind(source, cluster),
            E::Public { source, .. } => public_kind(source),
            E::ExpiredLogin { source, .. } => expired_kind(source),
            E::Rights { .. } => (
                Kind::Denied,
                "use a kubeconfig whose login is cluster-admin, with `--context`".to_owned(),
            ),
            E::Pending { source, .. } if let E::NeedsManager { cluster } = source.as_ref() => {
                (Kind::Pending, by_an_admin(cluster))
            }
            E::Pending { then, .. } => (
                Kind::Pending,
                format!("run `kubegrant reconcile` when the cluster answers{then}"),
            ),
            E::NotHandedOver {
                source, cluster, ..
            } if let E::Cluster { source, .. } = source.as_ref()
                && source.is_of_the_address() =>
            {
                cluster_kind(source, cluster.as_str())
            }
            E::NotHandedOver { .. } => (
                Kind::Pending,
                "download again: every download mints a new token of the version".to_owned(),
            ),
            E::Overtaken { .. } => (
                Kind::State,
                "run `kubegrant access list`, and try again".to_owned(),
            ),
        };
        Self::new(kind, error, hint)
    }
}

/// A failed registration that could not take away all that it had made.
fn left_behind(error: ops::Error) -> Failure {
    let message = error.to_string();
    let ops::Error::LeftBehind { source, commands } = error else {
        return error.into();
    };
    let mut failure = Failure::from(*source);
    failure.error = Some(Box::new(Description(message)));
    let commands = commands
        .into_iter()
        .map(|it| format!("take it away with `{it}`"));
    failure.hints.extend(commands);
    failure
}

/// What helps where something is more than it says.
const INSIST: &str = "insist with `--yes`";

/// What ends something that the cluster holds and the store does not.
const AGAIN: &str = "run the same command again";
const RECONCILE: &str = "run `kubegrant reconcile`: it finds out what was done";

/// What helps where the store could not record something; `then` ends it.
fn when_writable(error: &store::Error, then: &str) -> String {
    match error {
        store::Error::Full { .. } => format!("make room on the disk, then {then}"),
        store::Error::Busy { .. } => format!("{}; {then}", store_kind(error).1),
        _ => format!("once the store can be written, {then}"),
    }
}

/// Who can do what an issuer cannot.
fn by_an_admin(cluster: &ClusterName) -> String {
    format!("ask an organization owner or admin to run `kubegrant reconcile {cluster}`")
}

/// Who can help whoever cannot open a secret, and how.
fn help_with(secret: &SealedSecret) -> String {
    let cluster = &secret.on;
    match secret.which {
        Which::SshKey { .. } => format!(
            "only organization owners and admins and the cluster's owner can open it: ask one of \
             them to run `kubegrant ssh-key download {cluster} --user YOU`"
        ),
        Which::ManagerLogin | Which::IssuerLogin | Which::ProviderToken => format!(
            "only organization owners and admins and the cluster's owner can use it: ask one of \
             them to do this, or, for a kubeconfig of yours, to run `kubegrant kubeconfig download \
             {cluster} --user YOU`"
        ),
    }
}

/// What helps where a file holds no key that could be taken.
const MAKE_SSH_KEY: &str = "make one with `kubegrant ssh-key generate CLUSTER`";

fn expired_kind(error: &ClusterError) -> (Kind, String) {
    let hint = "get a fresh kubeconfig (kubeadm: `kubeadm certs renew admin.conf`; others: log in \
                again)";
    (approach_kind(error, "").0, hint.to_owned())
}

fn public_kind(error: &ClusterError) -> (Kind, String) {
    let kind = match error {
        ClusterError::Tls { .. } => Kind::Unsafe,
        _ => Kind::State,
    };
    let hint = "give an address that leads to the cluster's own API servers, whose certificates its \
                certificate authority signed, and that takes tokens of accounts; another name in \
                the certificate is said with `--public-tls-server-name`";
    (kind, hint.to_owned())
}

fn ssh_key_kind(error: &SshKeyError) -> Kind {
    match error {
        SshKeyError::Make => Kind::Internal,
        _ => Kind::Usage,
    }
}

fn provider_kind(error: &crate::provider::Error) -> (Kind, String) {
    use crate::provider::Error as E;
    match error {
        E::Endpoint { .. } => (
            Kind::Usage,
            "set HCLOUD_ENDPOINT to an https address".to_owned(),
        ),
        E::Token => (Kind::Usage, String::new()),
        E::Refused => (
            Kind::Denied,
            "make a new token in the provider's console".to_owned(),
        ),
        E::Unreachable { .. } => (Kind::Unreachable, "try again in a moment".to_owned()),
        E::Garbled { .. } => (Kind::Unsafe, "is HCLOUD_ENDPOINT right?".to_owned()),
    }
}

fn did_you_mean(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        [one] => format!("did you mean '{one}'?"),
        [rest @ .., last] => {
            let rest: Vec<String> = rest.iter().map(|word| format!("'{word}'")).collect();
            format!("did you mean {} or '{last}'?", rest.join(", "))
        }
    }
}
