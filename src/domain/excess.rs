//! What a level must not have, as questions for the authorizer.
//!
//! A level is what the API server says it is. Where the cluster runs without RBAC, or a binding of
//! others gives something to a group that every account is in, `read` is more than it says, and no
//! list of ours shows it.

use super::access::Power;
use super::plan::{NAMESPACE, USERS_NAMESPACE};

/// Something that an account must not be allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MustNot {
    /// What it would do, for people.
    pub(crate) description: &'static str,
    /// Verb.
    pub(crate) verb: &'static str,
    /// API group, "" for core.
    pub(crate) group: &'static str,
    /// Resource.
    pub(crate) resource: &'static str,
    /// Subresource, or "".
    pub(crate) subresource: &'static str,
    /// Namespace, or "" for the whole cluster.
    pub(crate) namespace: &'static str,
    /// Whether write gives it, so that it is too much for read alone.
    pub(crate) is_writing: bool,
}

const fn must_not(
    description: &'static str,
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
) -> MustNot {
    MustNot {
        description,
        verb,
        group,
        resource,
        subresource: "",
        namespace: "",
        is_writing: false,
    }
}

/// Nobody has a right to this: who is allowed it is allowed everything.
pub(crate) const ANYTHING: MustNot = must_not("anything", "have", "kubegrant.io", "anything");

/// What no level below `full` has, and what `read` has not.
const QUESTIONS: [MustNot; 14] = [
    ANYTHING,
    MustNot {
        namespace: "kube-system",
        ..must_not("read Secrets in kube-system", "get", "", "secrets")
    },
    MustNot {
        namespace: NAMESPACE,
        ..must_not("read Secrets in kubegrant", "get", "", "secrets")
    },
    MustNot {
        namespace: NAMESPACE,
        subresource: "token",
        ..must_not(
            "mint tokens of our accounts",
            "create",
            "",
            "serviceaccounts",
        )
    },
    MustNot {
        namespace: USERS_NAMESPACE,
        subresource: "token",
        ..must_not(
            "mint tokens of developers' accounts",
            "create",
            "",
            "serviceaccounts",
        )
    },
    MustNot {
        namespace: "kube-system",
        ..must_not("run pods in kube-system", "create", "", "pods")
    },
    MustNot {
        namespace: "kube-system",
        ..must_not(
            "run deployments in kube-system",
            "create",
            "apps",
            "deployments",
        )
    },
    MustNot {
        namespace: "kube-system",
        ..must_not(
            "change ConfigMaps in kube-system",
            "update",
            "",
            "configmaps",
        )
    },
    must_not(
        "bind roles cluster-wide",
        "create",
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
    ),
    must_not("impersonate users", "impersonate", "", "users"),
    MustNot {
        subresource: "proxy",
        ..must_not("command nodes", "get", "", "nodes")
    },
    MustNot {
        namespace: "default",
        is_writing: true,
        ..must_not("change ConfigMaps", "update", "", "configmaps")
    },
    MustNot {
        namespace: "default",
        is_writing: true,
        ..must_not("run pods", "create", "", "pods")
    },
    MustNot {
        namespace: "default",
        is_writing: true,
        ..must_not("read Secrets", "get", "", "secrets")
    },
];

/// What an account of this power must not be allowed; nothing is too much for `full`.
pub(crate) fn must_not_have(power: Power) -> impl Iterator<Item = &'static MustNot> {
    QUESTIONS.iter().filter(move |question| match power {
        Power::Full => false,
        Power::Write => !question.is_writing,
        Power::Read | Power::Bound => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_asked_about_what_is_beyond_it() {
        let words =
            |power| -> Vec<&str> { must_not_have(power).map(|it| it.description).collect() };
        assert!(words(Power::Full).is_empty());
        let write = words(Power::Write);
        assert!(write.contains(&"read Secrets in kube-system"));
        assert!(!write.contains(&"change ConfigMaps"));
        let read = words(Power::Read);
        assert!(read.contains(&"change ConfigMaps"));
        assert!(write.iter().all(|it| read.contains(it)));
        assert_eq!(read, words(Power::Bound));
    }
}
