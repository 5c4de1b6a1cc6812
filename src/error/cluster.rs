//! What an API server's answer comes to: the exit code, and the way out.

use super::Kind;
use crate::kubernetes::error::{Error as ClusterError, SetupError, TlsFault};

/// A registered cluster's answer.
pub(super) fn cluster_kind(error: &ClusterError, cluster: &str) -> (Kind, String) {
    use ClusterError as E;
    match error {
        E::Unreachable { .. } => (
            Kind::Unreachable,
            "nothing was changed; try again when it answers".to_owned(),
        ),
        E::Timeout { .. } | E::Interrupted { .. } => (
            Kind::Unreachable,
            "a change may have happened; run it again when it answers".to_owned(),
        ),
        E::LockLost => (
            Kind::Pending,
            "run `kubegrant reconcile`: what was decided stands".to_owned(),
        ),
        E::Tls { fault, .. } => (Kind::Unsafe, fault.hint().to_owned()),
        E::Setup(SetupError::NoRuntime { .. }) => (Kind::Internal, String::new()),
        E::Setup(_) => (
            Kind::Usage,
            "mend the kubeconfig and register again".to_owned(),
        ),
        E::Unauthorized { .. } => (
            Kind::Unsafe,
            format!(
                "the cluster was rebuilt, or the manager's login taken away: renew it with \
                 `kubegrant cluster relink {cluster} --kubeconfig FILE`"
            ),
        ),
        E::Forbidden { .. } => (
            Kind::Denied,
            format!(
                "give the login its rights back with `kubegrant cluster relink {cluster}` and a \
                 kubeconfig that is cluster-admin"
            ),
        ),
        E::Redirected { .. } | E::TooLarge { .. } | E::Garbled { .. } => (
            Kind::Unsafe,
            "is this address really a Kubernetes API server's?".to_owned(),
        ),
        E::Foreign { .. } => (
            Kind::State,
            "it was left alone: remove it if nobody needs it; if it is kubegrant's own, give it back \
             the labels that the others carry (`kubectl -n kubegrant get serviceaccounts \
             --show-labels`)"
                .to_owned(),
        ),
        E::Inhabited { .. } => (
            Kind::State,
            "if the platform made it for kubegrant, take it over with `--adopt-namespace`, or label it \
             `app.kubernetes.io/managed-by=kubegrant`; else find out whose it is"
                .to_owned(),
        ),
        E::Terminating { what } if what.starts_with("namespace 'kubegrant") => (
            Kind::State,
            format!(
                "somebody deletes it: when it is gone, run `kubegrant cluster relink {cluster} \
                 --kubeconfig FILE`; to be rid of the cluster, `kubegrant cluster delete {cluster} \
                 --forget`"
            ),
        ),
        E::Terminating { .. } => (Kind::State, "try again when it is gone".to_owned()),
        E::NamespaceGone(_) => (
            Kind::State,
            format!(
                "somebody deleted it: run `kubegrant cluster relink {cluster} --kubeconfig FILE`; to \
                 be rid of the cluster, `kubegrant cluster delete {cluster} --forget`"
            ),
        ),
        E::Conflict { .. } | E::AlreadyExists { .. } | E::NotFound { .. } | E::Inconsistent { .. } => {
            (
                Kind::State,
                format!("run `kubegrant cluster check {cluster}`"),
            )
        }
        E::TokenRefused { .. } => (
            Kind::State,
            format!(
                "a proxy with logins of its own may be in front: register the API server's own \
                 address with `kubegrant cluster relink {cluster} --kubeconfig FILE`"
            ),
        ),
        E::Divided { .. } => (Kind::State, DIVIDED_HINT.to_owned()),
        E::TooManyRequests { .. } | E::Server { .. } => {
            (Kind::Unreachable, "try again in a moment".to_owned())
        }
        E::Refused { .. } => (Kind::State, RULES_HINT.to_owned()),
        E::Invalid { .. } => (Kind::State, INVALID_HINT.to_owned()),
    }
}

/// What helps where API servers differ.
const DIVIDED_HINT: &str = "compare `--service-account-issuer` and `--service-account-key-file` of the \
     API servers: each must know the keys of all; then run the same command again";
/// What helps where a policy, a webhook or a quota refuses.
const RULES_HINT: &str = "let whoever keeps the rules of the cluster allow it, or mend what the \
     rule is about; then run the same command again";
/// What helps where an API server does not take what we send.
const INVALID_HINT: &str = "something between here and the API server changes requests, or the API server is older than \
     any that kubegrant knows: compare what `kubectl version` says with a cluster that works";

/// A cluster that is not registered yet, or is being renewed: no command on it is of use.
pub(super) fn approach_kind(error: &ClusterError, cluster: &str) -> (Kind, String) {
    use ClusterError as E;
    let (kind, hint) = match error {
        E::Unauthorized { .. } => (
            Kind::Denied,
            "the login in this kubeconfig is not accepted: get a fresh kubeconfig",
        ),
        E::Forbidden { .. } => (
            Kind::Denied,
            "use a kubeconfig whose login is cluster-admin, with `--context`",
        ),
        E::Tls {
            fault: fault @ (TlsFault::UnknownAlgorithm { .. } | TlsFault::ClientRefused { .. }),
            ..
        } => (Kind::Unsafe, fault.hint()),
        E::Tls { .. } => (
            Kind::Unsafe,
            "compare the kubeconfig's certificate authority and address with those of the cluster",
        ),
        E::NotFound { .. } => (
            Kind::Unsafe,
            "is this address really a Kubernetes API server's?",
        ),
        E::Conflict { .. } | E::AlreadyExists { .. } | E::Inconsistent { .. } => {
            (Kind::State, "run the same command again")
        }
        E::Terminating { .. } => (Kind::State, "try again when it is gone"),
        E::TokenRefused { .. } => (
            Kind::State,
            "a proxy with logins of its own may be in front, which takes no tokens of \
             ServiceAccounts: use a kubeconfig with the API server's own address",
        ),
        other => return cluster_kind(other, cluster),
    };
    (kind, hint.to_owned())
}
