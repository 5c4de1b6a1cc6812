//! Why there is no token for kubectl: exit codes, and the way out of each.

use super::{Failure, Kind, file_hint, file_kind};
use crate::artifact::renewal::{Refusal, RenewalError};
use crate::kubernetes::error::{Error as ClusterError, SetupError};
use crate::ops::credential::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, hint) = match error {
            Error::Session(inner) => return inner.into(),
            Error::File(ref inner) => (file_kind(inner), file_hint(inner)),
            Error::Question(_) => (
                Kind::Usage,
                "the kubeconfig's `exec` must have `apiVersion: client.authentication.k8s.io/v1`"
                    .to_owned(),
            ),
            Error::NoName { .. } => (Kind::Usage, again(None)),
            Error::NoPlace => (Kind::Usage, String::new()),
            Error::Absent { ref cluster, .. } => (Kind::Usage, again(cluster.as_deref())),
            Error::Renewal {
                ref source,
                ref cluster,
                ..
            } => renewal_kind(source, cluster.as_deref()),
            Error::Moved { ref is, .. } => (
                Kind::Unsafe,
                format!(
                    "its token would be sent to another cluster: move it back, or {}",
                    again(Some(is.cluster()))
                ),
            ),
            Error::Refused(ref refused) => (
                Kind::Denied,
                match refused.why {
                    Refusal::Revoked => format!(
                        "if it was rotated, {}; else ask an organization owner or admin",
                        again(Some(&refused.cluster))
                    ),
                    Refusal::Ended { .. } => again(Some(&refused.cluster)),
                },
            ),
            Error::Cluster {
                ref source,
                ref cluster,
                ..
            } => cluster_kind(source, cluster),
            Error::Installed { .. } => (
                Kind::State,
                "if you know who sealed the file to you, insist with `--force`".to_owned(),
            ),
            Error::Seal(_) => (Kind::Internal, String::new()),
        };
        Self::new(kind, error, hint)
    }
}

/// How to get a renewal.
fn again(cluster: Option<&str>) -> String {
    let cluster = cluster.unwrap_or("CLUSTER");
    format!("get one with `kubegrant kubeconfig download {cluster} --renew`")
}

fn renewal_kind(error: &RenewalError, cluster: Option<&str>) -> (Kind, String) {
    match error {
        RenewalError::NotForYou => (
            Kind::Denied,
            format!(
                "open it with the key it was sealed to (`--identity`, or KUBEGRANT_IDENTITY_FILE), or \
                 {}",
                again(cluster)
            ),
        ),
        RenewalError::Newer { .. } => (Kind::Unsafe, "use the newer kubegrant".to_owned()),
        RenewalError::Passphrase
        | RenewalError::NotSealed
        | RenewalError::Damaged
        | RenewalError::NotRenewal
        | RenewalError::Older { .. }
        | RenewalError::Field { .. } => (Kind::Unsafe, again(cluster)),
    }
}

fn cluster_kind(error: &ClusterError, cluster: &str) -> (Kind, String) {
    use ClusterError as E;
    match error {
        E::Unreachable { .. }
        | E::Timeout { .. }
        | E::Interrupted { .. }
        | E::TooManyRequests { .. }
        | E::Server { .. } => (Kind::Unreachable, "try again when it answers".to_owned()),
        E::Tls { fault, .. } => (Kind::Unsafe, fault.hint().to_owned()),
        E::Setup(SetupError::NoRuntime { .. }) => (Kind::Internal, String::new()),
        E::Setup(_) => (Kind::Unsafe, again(Some(cluster))),
        E::Unauthorized { .. } | E::Forbidden { .. } => (Kind::Denied, again(Some(cluster))),
        E::NotFound { .. } | E::Redirected { .. } | E::TooLarge { .. } | E::Garbled { .. } => (
            Kind::Unsafe,
            "is this address really a Kubernetes API server's?".to_owned(),
        ),
        E::Refused { .. } | E::Invalid { .. } => (
            Kind::State,
            "a rule of the cluster forbids it: ask whoever keeps its rules".to_owned(),
        ),
        E::TokenRefused { .. }
        | E::Divided { .. }
        | E::Foreign { .. }
        | E::Inhabited { .. }
        | E::NamespaceGone(_)
        | E::Terminating { .. }
        | E::AlreadyExists { .. }
        | E::Conflict { .. }
        | E::LockLost
        | E::Inconsistent { .. } => (Kind::State, "try again in a moment".to_owned()),
    }
}
