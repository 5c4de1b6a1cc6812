//! The manager: the account through which the tool works on a cluster, with exactly the rights
//! that it needs (docs/design.md, "What a cluster holds").

mod account;
mod login;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{Api, Patch, PatchParams, PostParams};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use account::{account_name, is_account_name};
pub(crate) use login::secrets_of;

use super::adopt::Mark;
use super::connection::{Connection, Right};
use super::error::Error;
use super::objects::{self, KUBEGRANT, MANAGED_BY};
use super::undo::{New, NewNamespace};
use crate::domain::Timestamp;
use crate::domain::cluster::ManagerKind;
use crate::domain::installation::InstallationId;
use crate::domain::plan::{NAMESPACE, USERS_NAMESPACE, binding_name};

/// How to log in as the manager.
#[derive(Debug)]
pub(crate) struct Manager {
    /// The account's name.
    pub(crate) account: String,
    /// Which kind of token.
    pub(crate) kind: ManagerKind,
    /// The token.
    pub(crate) token: SecretString,
    /// When it ends, if it does.
    pub(crate) expires_at: Option<Timestamp>,
}

pub(super) const RBAC: &str = "rbac.authorization.k8s.io";
/// On every namespace that we make.
pub(super) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

pub(super) const fn right(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
) -> Right {
    Right {
        verb,
        group,
        resource,
        subresource: "",
        namespace: "",
        name: "",
    }
}

/// What the operator's login must be allowed, so that registration does not fail half-way.
pub(crate) const OPERATOR_RIGHTS: [Right; 10] = [
    right("create", "", "namespaces"),
    Right {
        namespace: NAMESPACE,
        ..right("create", "", "serviceaccounts")
    },
    Right {
        namespace: NAMESPACE,
        subresource: "token",
        ..right("create", "", "serviceaccounts")
    },
    Right {
        namespace: NAMESPACE,
        ..right("create", RBAC, "roles")
    },
    Right {
        namespace: NAMESPACE,
        ..right("create", RBAC, "rolebindings")
    },
    right("create", RBAC, "clusterroles"),
    right("patch", RBAC, "clusterroles"),
    right("create", RBAC, "clusterrolebindings"),
    Right {
        name: "cluster-admin",
        ..right("bind", RBAC, "clusterroles")
    },
    right("list", RBAC, "clusterroles"),
];

/// What the manager's login must be allowed: asked by `cluster check`.
pub(crate) const MANAGER_RIGHTS: [Right; 23] = [
    right("list", "", "namespaces"),
    Right {
        name: NAMESPACE,
        ..right("patch", "", "namespaces")
    },
    right("list", RBAC, "clusterroles"),
    right("list", RBAC, "roles"),
    right("list", RBAC, "clusterrolebindings"),
    right("list", RBAC, "rolebindings"),
    right("create", RBAC, "clusterrolebindings"),
    right("create", RBAC, "rolebindings"),
    Right {
        name: "view",
        ..right("bind", RBAC, "clusterroles")
    },
    Right {
        name: "edit",
        ..right("bind", RBAC, "clusterroles")
    },
    Right {
        name: "cluster-admin",
        ..right("bind", RBAC, "clusterroles")
    },
    Right {
        namespace: NAMESPACE,
        ..right("create", "", "serviceaccounts")
    },
    Right {
        namespace: NAMESPACE,
        subresource: "token",
        ..right("create", "", "serviceaccounts")
    },
    BINDING_RIGHTS[0],
    BINDING_RIGHTS[1],
    BINDING_RIGHTS[2],
    BINDING_RIGHTS[3],
    BINDING_RIGHTS[4],
    BINDING_RIGHTS[5],
    LEVEL_RIGHTS[0],
    LEVEL_RIGHTS[1],
    LEVEL_RIGHTS[2],
    LEVEL_RIGHTS[3],
];

const fn level_right(verb: &'static str, name: &'static str) -> Right {
    Right {
        name,
        ..right(verb, RBAC, "clusterroles")
    }
}

/// What the manager's login must be allowed for our own roles of the levels: one made by an earlier
/// version of kubegrant is not, until the cluster is relinked.
const LEVEL_RIGHTS: [Right; 4] = [
    level_right("patch", "kubegrant:<installation>:edit"),
    level_right("escalate", "kubegrant:<installation>:edit"),
    level_right("patch", "kubegrant:<installation>:view"),
    level_right("escalate", "kubegrant:<installation>:view"),
];

/// What the manager's login must be allowed for role bindings: one made by an earlier version of
/// kubegrant is not, until the cluster is relinked.
pub(crate) const BINDING_RIGHTS: [Right; 6] = [
    right("bind", RBAC, "clusterroles"),
    right("bind", RBAC, "roles"),
    right("patch", RBAC, "clusterrolebindings"),
    right("patch", RBAC, "rolebindings"),
    right("delete", RBAC, "clusterrolebindings"),
    right("delete", RBAC, "rolebindings"),
];

/// Whether the login may list every Secret of the cluster, which gives their contents too. The
/// manager's may not, on purpose.
pub(crate) const ALL_SECRETS: Right = right("list", "", "secrets");

pub(super) fn rule(
    groups: &[&str],
    resources: &[&str],
    verbs: &[&str],
    names: &[&str],
) -> rbac::PolicyRule {
    let own = |list: &[&str]| {
        list.iter()
            .map(|item| (*item).to_owned())
            .collect::<Vec<_>>()
    };
    rbac::PolicyRule {
        api_groups: Some(own(groups)),
        resources: Some(own(resources)),
        verbs: own(verbs),
        resource_names: (!names.is_empty()).then(|| own(names)),
        non_resource_urls: None,
    }
}

/// The manager's rights everywhere.
pub(super) fn cluster_rules(installation: &InstallationId) -> Vec<rbac::PolicyRule> {
    let [manager, issuer, edit, view] =
        ["manager", "issuer", "edit", "view"].map(|role| binding_name(installation, role));
    vec![
        // See where write may reach.
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
        // Keep the lists. Which roles will be bound is not known beforehand, names cannot be given
        // as patterns, and no manager can widen its own rights later: so no names here. That gives
        // it nothing that it could not take before, for who may bind cluster-admin may all of this.
        // What guards others' bindings from our mistakes is in the code: only what carries our
        // labels and our name is touched, by resource version or UID (`Connection::sort`).
        rule(
            &[RBAC],
            &["clusterrolebindings", "rolebindings"],
            &["create", "patch", "delete"],
            &[],
        ),
        rule(&[RBAC], &["clusterroles", "roles"], &["bind"], &[]),
        // Ask the API server whether a revocation is true.
        rule(
            &["authorization.k8s.io"],
            &["subjectaccessreviews"],
            &["create"],
            &[],
        ),
        // Keep the head of the log there, and leave the cluster for good.
        rule(
            &[""],
            &["namespaces"],
            &["patch", "delete"],
            &[NAMESPACE, USERS_NAMESPACE],
        ),
        rule(
            &[RBAC],
            &["clusterroles"],
            &["delete"],
            &[manager.as_str(), issuer.as_str()],
        ),
        // Keep what stands in for `edit` and `view`, by these two names alone. Made by applying,
        // which has the name in its request. Binding cluster-admin is more than this escalates.
        rule(
            &[RBAC],
            &["clusterroles"],
            &["create", "patch", "delete", "escalate"],
            &[edit.as_str(), view.as_str()],
        ),
    ]
}

/// The manager's rights in our own namespace.
pub(super) fn namespace_rules() -> Vec<rbac::PolicyRule> {
    vec![
        rule(
            &[""],
            &["serviceaccounts"],
            // Patch: somebody's finalizer on an account of ours is taken off.
            &["get", "list", "create", "patch", "delete"],
            &[],
        ),
        rule(&[""], &["serviceaccounts/token"], &["create"], &[]),
        rule(
            &[""],
            &["secrets"],
            &["get", "list", "create", "delete"],
            &[],
        ),
        // Patch and create: the roles of what renews a kubeconfig.
        rule(
            &[RBAC],
            &["roles"],
            &["get", "list", "create", "patch", "delete"],
            &[],
        ),
        rule(&[RBAC], &["rolebindings"], &["delete"], &[]),
    ]
}

/// The manager's rights in the namespace of the accounts that an issuer handles.
pub(super) fn users_namespace_rules() -> Vec<rbac::PolicyRule> {
    vec![
        rule(
            &[""],
            &["serviceaccounts"],
            &["get", "list", "create", "patch", "delete"],
            &[],
        ),
        rule(&[""], &["serviceaccounts/token"], &["create"], &[]),
        // The roles of what renews a kubeconfig; their bindings it may make everywhere.
        rule(
            &[RBAC],
            &["roles"],
            &["get", "list", "create", "patch", "delete"],
            &[],
        ),
        rule(&[RBAC], &["rolebindings"], &["delete"], &[]),
    ]
}

impl Connection {
    /// Makes our namespaces, or takes over those that the platform made.
    pub(crate) async fn put_namespaces(&self, adopt: bool, new: &mut New) -> Result<(), Error> {
        self.put_namespace(NAMESPACE, adopt, &mut new.namespace)
            .await?;
        self.put_namespace(USERS_NAMESPACE, adopt, &mut new.users_namespace)
            .await
    }

    /// Server-side apply of an object of ours.
    pub(super) async fn put<K>(&self, api: &Api<K>, name: &str, wanted: &K) -> Result<K, Error>
    where
        K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    {
        let params = PatchParams::apply(KUBEGRANT).force();
        let applied = api.patch(name, &params, &Patch::Apply(wanted)).await;
        applied.map_err(|error| Error::from_kube(error, &format!("'{name}'")))
    }

    /// Makes a namespace of ours, or takes over one that the platform made: where others have something
    /// in it, only if that was asked for. What is made of it is noted before it is.
    pub(super) async fn put_namespace(
        &self,
        name: &'static str,
        adopt: bool,
        new: &mut NewNamespace,
    ) -> Result<(), Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let what = format!("namespace '{name}'");
        let failed = |error| Error::from_kube(error, &what);
        if let Some(found) = api.get_metadata_opt(name).await.map_err(failed)? {
            let labels = found.metadata.labels.unwrap_or_default();
            let is_ours = labels.get(MANAGED_BY).is_some_and(|it| it == KUBEGRANT);
            return if found.metadata.deletion_timestamp.is_some() {
                Err(Error::terminating(&what))
            } else if is_ours && labels.contains_key(ENFORCE) {
                Ok(())
            } else if is_ours {
                // Labelled by hand, and not as we make it: the platform's all the same.
                new.before = Some(Mark::Labelled);
                self.mark_namespace(name, Mark::Taken).await
            } else {
                if !adopt && let Some(found) = self.lives_here(name).await? {
                    return Err(Error::inhabited(name, &found));
                }
                new.before = Some(Mark::Nothing);
                self.mark_namespace(name, Mark::Taken).await
            };
        }
        let mut metadata = self.meta(name, None);
        let labels = metadata.labels.get_or_insert_default();
        // It may be another installation's too.
        labels.remove(objects::INSTALLATION);
        // Every API server adds it; the witness is found by it.
        labels.insert(super::witness::NAME.to_owned(), name.to_owned());
        // Nothing runs here: refuse what could be used to take a node.
        labels.insert(ENFORCE.to_owned(), "restricted".to_owned());
        let wanted = Namespace {
            metadata,
            ..Namespace::default()
        };
        new.is_made = true;
        let made = api.create(&PostParams::default(), &wanted).await;
        match made.map_err(failed) {
            Err(error) if error.is_already_exists() => {
                new.is_made = false;
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Gives accounts the manager's rights: this one, and the one before it while it is the only one
    /// whose login is stored. May be repeated without harm.
    pub(crate) async fn install_manager(
        &self,
        account: &str,
        beside: Option<&str>,
    ) -> Result<(), Error> {
        let installation = &self.installation;
        let name = binding_name(installation, "manager");
        let accounts: BTreeSet<String> = [account]
            .into_iter()
            .chain(beside)
            .map(str::to_owned)
            .collect();
        let subjects = objects::subjects(&accounts);
        let cluster_role = rbac::ClusterRole {
            metadata: self.meta(&name, None),
            rules: Some(cluster_rules(installation)),
            aggregation_rule: None,
        };
        let role = rbac::Role {
            metadata: self.meta(&name, Some(NAMESPACE)),
            rules: Some(namespace_rules()),
        };
        let cluster_roles: Api<rbac::ClusterRole> = Api::all(self.client.clone());
        let roles: Api<rbac::Role> = Api::namespaced(self.client.clone(), NAMESPACE);
        futures::try_join!(
            self.put(&cluster_roles, &name, &cluster_role),
            self.put(&roles, &name, &role),
        )?;
        let cluster_binding = rbac::ClusterRoleBinding {
            metadata: self.meta(&name, None),
            role_ref: objects::cluster_role(&name),
            subjects: Some(subjects.clone()),
        };
        let binding = rbac::RoleBinding {
            metadata: self.meta(&name, Some(NAMESPACE)),
            role_ref: rbac::RoleRef {
                api_group: RBAC.to_owned(),
                kind: "Role".to_owned(),
                name: name.clone(),
            },
            subjects: Some(subjects),
        };
        let cluster_bindings = self.cluster_bindings();
        let bindings = self.role_bindings(NAMESPACE);
        futures::try_join!(
            self.put(&cluster_bindings, &name, &cluster_binding),
            self.put(&bindings, &name, &binding),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::escalation;
    use crate::domain::power::Rule;

    #[test]
    fn the_manager_reads_no_secret_outside_our_namespace() {
        let id = InstallationId::new([0x0b, 0xad, 0xca, 0xfe]);
        for rule in objects::rules(Some(cluster_rules(&id))) {
            let Rule {
                resources, verbs, ..
            } = &rule;
            assert!(
                !resources
                    .iter()
                    .any(|r| r == "secrets" || r.starts_with("pods")),
                "{rule:?}"
            );
            assert!(
                !verbs
                    .iter()
                    .any(|verb| verb == "*" || verb == "impersonate"),
                "{rule:?}"
            );
        }
        // It can give cluster-admin, which is why its namespace is excluded from write.
        assert!(
            objects::rules(Some(cluster_rules(&id)))
                .iter()
                .any(escalation::takes)
        );
    }
}
