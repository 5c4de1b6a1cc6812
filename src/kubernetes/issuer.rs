//! The issuer: the account through which a cluster's owner works who is no admin. With its login nobody
//! becomes more than what `write` is (docs/design.md, "What a cluster holds").
//!
//! It makes and ends the accounts of namespace `kubegrant-users`, mints their tokens, and says who is on
//! the lists of `view` and `edit` that stand there already. It reads what says where write may reach, and
//! may ask what somebody is allowed, as it verifies what it does.

use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::Api;

use super::connection::{Connection, Right};
use super::error::Error;
use super::manager::{self, BINDING_RIGHTS, RBAC, users_namespace_rules as manager_rules};
use super::objects;
use super::undo::New;
use crate::domain::installation::InstallationId;
use crate::domain::plan::{NAMESPACE, USERS_NAMESPACE, binding_name, list_name};
use crate::domain::shard::Shard;

/// The beginning of the name of every issuer's account.
const ISSUER: &str = "kubegrant-issuer";
/// How many lists of a kind an issuer may write, of up to 500 accounts each.
const LISTS: u32 = 40;

/// Whether an issuer's role names the lists of a shard.
pub(super) fn names(shard: Shard) -> bool {
    shard.number() <= LISTS
}

/// The name of an issuer's account: `kubegrant-issuer-<8 hex>`.
pub(crate) fn account_name(random: [u8; 4]) -> String {
    format!("{ISSUER}-{:08x}", u32::from_be_bytes(random))
}

/// Whether an account's name is one that an issuer has, or had.
pub(crate) fn is_account_name(name: &str) -> bool {
    name.strip_prefix(ISSUER)
        .is_some_and(|rest| rest.starts_with('-'))
}

const fn users(verb: &'static str, subresource: &'static str) -> Right {
    Right {
        namespace: USERS_NAMESPACE,
        subresource,
        ..manager::right(verb, "", "serviceaccounts")
    }
}

const fn list(verb: &'static str, resource: &'static str, name: &'static str) -> Right {
    Right {
        name,
        ..manager::right(verb, RBAC, resource)
    }
}

/// What the issuer's login must be allowed.
pub(crate) const ISSUER_RIGHTS: [Right; 15] = [
    users("list", ""),
    users("create", ""),
    users("delete", ""),
    users("patch", ""),
    users("create", "token"),
    list(
        "patch",
        "clusterrolebindings",
        "kubegrant:<installation>:view",
    ),
    list("patch", "rolebindings", "kubegrant:<installation>:edit"),
    list("bind", "clusterroles", "kubegrant:<installation>:view"),
    list("bind", "clusterroles", "kubegrant:<installation>:edit"),
    list("list", "clusterrolebindings", ""),
    list("list", "rolebindings", ""),
    list("list", "clusterroles", ""),
    list("list", "roles", ""),
    manager::right("list", "", "namespaces"),
    Right {
        name: USERS_NAMESPACE,
        ..manager::right("patch", "", "namespaces")
    },
];

/// What the issuer's login must not be allowed: each is a way to more than write.
pub(crate) const ISSUER_MUST_NOT: [Right; 14] = [
    list("create", "clusterrolebindings", ""),
    list("create", "rolebindings", ""),
    list(
        "patch",
        "clusterrolebindings",
        "kubegrant:<installation>:cluster-admin",
    ),
    list(
        "patch",
        "clusterrolebindings",
        "kubegrant:<installation>:issuer",
    ),
    list("bind", "clusterroles", "cluster-admin"),
    list("escalate", "clusterroles", ""),
    list("patch", "clusterroles", "kubegrant:<installation>:issuer"),
    list("create", "clusterroles", ""),
    list("create", "roles", ""),
    Right {
        namespace: NAMESPACE,
        subresource: "token",
        ..manager::right("create", "", "serviceaccounts")
    },
    Right {
        namespace: NAMESPACE,
        ..manager::right("create", "", "serviceaccounts")
    },
    manager::right("get", "", "secrets"),
    manager::right("create", "", "pods"),
    manager::right("impersonate", "", "users"),
];

fn lists(installation: &InstallationId, role: &str) -> Vec<String> {
    let shards = (1..=LISTS).filter_map(Shard::new);
    shards
        .map(|shard| list_name(installation, role, shard))
        .collect()
}

/// The issuer's rights everywhere.
pub(super) fn cluster_rules(installation: &InstallationId) -> Vec<rbac::PolicyRule> {
    let (views, edits) = (lists(installation, "view"), lists(installation, "edit"));
    let both: Vec<&str> = views.iter().chain(&edits).map(String::as_str).collect();
    let edits: Vec<&str> = edits.iter().map(String::as_str).collect();
    let [edit, view] = ["edit", "view"].map(|role| binding_name(installation, role));
    let bound = ["edit", "view", edit.as_str(), view.as_str()];
    let rule = manager::rule;
    vec![
        // See where write may reach, and what is there.
        rule(&[""], &["namespaces", "nodes"], &["get", "list"], &[]),
        rule(
            &[RBAC],
            &[
                "clusterroles",
                "roles",
                "clusterrolebindings",
                "rolebindings",
            ],
            &["get", "list"],
            &[],
        ),
        // Say who is on the lists of the levels. By name, which no new list has in its request: those
        // that are there it may write, and no other.
        rule(
            &[RBAC],
            &["clusterrolebindings"],
            &["update", "patch"],
            &both,
        ),
        rule(&[RBAC], &["rolebindings"], &["update", "patch"], &edits),
        rule(&[RBAC], &["clusterroles"], &["bind"], &bound),
        rule(
            &["authorization.k8s.io"],
            &["subjectaccessreviews"],
            &["create"],
            &[],
        ),
        // Keep the head of the log there.
        rule(&[""], &["namespaces"], &["patch"], &[USERS_NAMESPACE]),
    ]
}

/// The issuer's rights in the namespace of the accounts that it handles.
pub(super) fn namespace_rules() -> Vec<rbac::PolicyRule> {
    let rule = manager::rule;
    vec![
        rule(
            &[""],
            &["serviceaccounts"],
            &["get", "list", "create", "patch", "delete"],
            &[],
        ),
        rule(&[""], &["serviceaccounts/token"], &["create"], &[]),
    ]
}

/// An account of ours, and the one before it.
#[derive(Clone, Copy)]
pub(crate) struct Succession<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// The one before, which keeps its rights while its login is the only one that is stored.
    pub(crate) beside: Option<&'a str>,
}

/// What the manager's login must be allowed beside, where there is an issuer.
pub(crate) const USERS_RIGHTS: [Right; 4] = [
    users("create", ""),
    users("delete", ""),
    users("create", "token"),
    BINDING_RIGHTS[3],
];

impl Connection {
    /// Makes what an issuer works in, its account, and gives it its rights, beside the one before while
    /// that is the only one whose login is stored. The manager gets its rights there too. The login must
    /// be an operator's: no manager widens what it may itself.
    pub(crate) async fn install_issuer(
        &self,
        next: Succession<'_>,
        next_manager: Succession<'_>,
        new: &mut New,
    ) -> Result<(), Error> {
        new.issuer = Some(next.account.to_owned());
        match self.create_manager(next.account).await {
            Err(error) if error.is_already_exists() => {}
            other => other?,
        }
        let both = |next: Succession<'_>| {
            let all = [next.account].into_iter().chain(next.beside);
            let all = all.map(str::to_owned);
            objects::subjects(&all.collect())
        };
        let [issuer, of_manager] =
            ["issuer", "manager"].map(|role| binding_name(&self.installation, role));
        let cluster_role = rbac::ClusterRole {
            metadata: self.meta(&issuer, None),
            rules: Some(cluster_rules(&self.installation)),
            aggregation_rule: None,
        };
        let role = |name: &str, rules| rbac::Role {
            metadata: self.meta(name, Some(USERS_NAMESPACE)),
            rules: Some(rules),
        };
        let (own, managers) = (
            role(&issuer, namespace_rules()),
            role(&of_manager, manager_rules()),
        );
        let cluster_roles: Api<rbac::ClusterRole> = Api::all(self.client.clone());
        let roles: Api<rbac::Role> = Api::namespaced(self.client.clone(), USERS_NAMESPACE);
        futures::try_join!(
            self.put(&cluster_roles, &issuer, &cluster_role),
            self.put(&roles, &issuer, &own),
            self.put(&roles, &of_manager, &managers),
        )?;
        let cluster_binding = rbac::ClusterRoleBinding {
            metadata: self.meta(&issuer, None),
            role_ref: objects::cluster_role(&issuer),
            subjects: Some(both(next)),
        };
        let binding = |name: &str, subjects| rbac::RoleBinding {
            metadata: self.meta(name, Some(USERS_NAMESPACE)),
            role_ref: rbac::RoleRef {
                api_group: RBAC.to_owned(),
                kind: "Role".to_owned(),
                name: name.to_owned(),
            },
            subjects: Some(subjects),
        };
        let (own, managers) = (
            binding(&issuer, both(next)),
            binding(&of_manager, both(next_manager)),
        );
        let (cluster_bindings, bindings) =
            (self.cluster_bindings(), self.role_bindings(USERS_NAMESPACE));
        futures::try_join!(
            self.put(&cluster_bindings, &issuer, &cluster_binding),
            self.put(&bindings, &issuer, &own),
            self.put(&bindings, &of_manager, &managers),
        )?;
        Ok(())
    }

    /// Which of what the issuer must not be allowed its login is allowed.
    pub(crate) async fn more_than_an_issuer(&self) -> Result<Vec<Right>, Error> {
        let missing = self.missing_rights(&ISSUER_MUST_NOT).await?;
        let is_missing = |right: &Right| missing.iter().any(|it| it == right);
        let all = ISSUER_MUST_NOT.into_iter();
        Ok(all.filter(|right| !is_missing(right)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_hands_out_no_more_than_write() {
        let id = InstallationId::new([0x0b, 0xad, 0xca, 0xfe]);
        for rule in objects::rules(Some(cluster_rules(&id))) {
            let changes = rule
                .verbs
                .iter()
                .any(|it| !matches!(it.as_str(), "get" | "list"));
            let asks = rule.resources == ["subjectaccessreviews"];
            // What it may change it may by name alone; so it makes nothing.
            assert!(!changes || asks || !rule.names.is_empty(), "{rule:?}");
            let strong = |name: &String| name.contains("cluster-admin") || name.contains("issuer");
            assert!(!rule.names.iter().any(strong), "{rule:?}");
            let verbs = ["*", "create", "escalate", "impersonate", "delete"];
            let has = |verb: &&str| rule.verbs.iter().any(|it| it == verb);
            assert!(asks || !verbs.iter().any(has), "{rule:?}");
            let secret = |it: &String| it == "secrets" || it == "*" || it.starts_with("pods");
            assert!(!rule.resources.iter().any(secret), "{rule:?}");
        }
        for rule in namespace_rules() {
            let resources = rule.resources.unwrap_or_default();
            assert!(resources.iter().all(|it| it.starts_with("serviceaccounts")));
        }
    }

    #[test]
    fn an_issuer_is_known_by_its_name() {
        let name = account_name([0, 1, 2, 255]);
        assert_eq!(name, "kubegrant-issuer-000102ff");
        assert!(is_account_name(&name));
        for other in ["kubegrant-issuer", "kubegrant-manager-000102ff", "issuer-1"] {
            assert!(!is_account_name(other), "{other}");
        }
    }
}
