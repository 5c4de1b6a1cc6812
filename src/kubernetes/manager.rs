//! The manager: the account through which the tool works on a cluster, with exactly the rights
//! that it needs (design, section 3).

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{BoundObjectReference, SelfSubjectReview};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::{Connection, Right};
use super::error::Error;
use super::objects::{self, KUBEGRANT, MANAGED_BY};
use super::token;
use crate::domain::Timestamp;
use crate::domain::cluster::ManagerKind;
use crate::domain::plan::{NAMESPACE, binding_name};

/// The manager's name where no other installation has taken it.
const MANAGER: &str = "kubegrant-manager";
/// What is asked for: ten years, so that a server without a cap gives at least one.
const TTL_SECONDS: i64 = 10 * 365 * 24 * 3600;
/// What must be given, in seconds: below a year a Secret is made instead.
const TTL_SECONDS_ENOUGH: i64 = 364 * 24 * 3600;
/// How often the manager's account is asked for where it comes and goes.
const CLAIMS_MAX: usize = 3;
/// How long the token controller may take to fill a Secret.
const SECRET_FILLED_MAX: Duration = Duration::from_secs(10);

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

const RBAC: &str = "rbac.authorization.k8s.io";

const fn right(verb: &'static str, group: &'static str, resource: &'static str) -> Right {
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
pub(crate) const MANAGER_RIGHTS: [Right; 19] = [
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

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> rbac::PolicyRule {
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
fn cluster_rules(installation: &str) -> Vec<rbac::PolicyRule> {
    let manager = binding_name(installation, "manager");
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
        rule(&[""], &["namespaces"], &["patch", "delete"], &[NAMESPACE]),
        rule(&[RBAC], &["clusterroles"], &["delete"], &[manager.as_str()]),
    ]
}

/// The manager's rights in our own namespace.
fn namespace_rules() -> Vec<rbac::PolicyRule> {
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
        rule(&[RBAC], &["roles", "rolebindings"], &["delete"], &[]),
    ]
}

impl Connection {
    /// Server-side apply of an object of ours.
    async fn put<K>(&self, api: &Api<K>, name: &str, wanted: &K) -> Result<K, Error>
    where
        K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    {
        let params = PatchParams::apply(KUBEGRANT).force();
        let applied = api.patch(name, &params, &Patch::Apply(wanted)).await;
        applied.map_err(|error| Error::from_kube(error, &format!("'{name}'")))
    }

    /// Makes our namespace; one of somebody else's by that name is left alone.
    async fn put_namespace(&self) -> Result<(), Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let what = format!("namespace '{NAMESPACE}'");
        let found = api.get_opt(NAMESPACE).await;
        if let Some(found) = found.map_err(|error| Error::from_kube(error, &what))? {
            let labels = found.metadata.labels.unwrap_or_default();
            if found.metadata.deletion_timestamp.is_some() {
                Err(Error::terminating(&what))
            } else if labels
                .get(MANAGED_BY)
                .is_some_and(|value| value == KUBEGRANT)
            {
                Ok(())
            } else {
                Err(Error::foreign(&what))
            }
        } else {
            let wanted = Namespace {
                metadata: ObjectMeta {
                    name: Some(NAMESPACE.to_owned()),
                    labels: Some(BTreeMap::from([
                        (MANAGED_BY.to_owned(), KUBEGRANT.to_owned()),
                        // Every API server adds it; the witness is found by it.
                        (super::witness::NAME.to_owned(), NAMESPACE.to_owned()),
                        // Nothing runs here: refuse what could be used to take a node.
                        (
                            "pod-security.kubernetes.io/enforce".to_owned(),
                            "restricted".to_owned(),
                        ),
                    ])),
                    ..ObjectMeta::default()
                },
                ..Namespace::default()
            };
            let made = api.create(&PostParams::default(), &wanted).await;
            match made.map_err(|error| Error::from_kube(error, &what)) {
                Err(error) if error.is_already_exists() => Ok(()),
                other => other.map(drop),
            }
        }
    }

    /// Makes the manager's account under the plain name, unless another installation has it; gives
    /// the name. Creating claims a name where applying would take it from who was faster.
    async fn claim_account(&self) -> Result<String, Error> {
        let wanted = |name: &str| ServiceAccount {
            metadata: objects::meta(name, Some(NAMESPACE), &self.installation),
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        };
        let what = "the manager account";
        let accounts = self.accounts();
        for _ in 0..CLAIMS_MAX {
            let created = accounts
                .create(&PostParams::default(), &wanted(MANAGER))
                .await;
            match created.map_err(|error| Error::from_kube(error, what)) {
                Err(error) if error.is_already_exists() => {}
                other => return other.map(|_| MANAGER.to_owned()),
            }
            let found = accounts.get_opt(MANAGER).await;
            let Some(found) = found.map_err(|error| Error::from_kube(error, what))? else {
                // It was there a moment ago: whose it was is not known.
                continue;
            };
            if objects::is_ours(&found.metadata, &self.installation) {
                return Ok(MANAGER.to_owned());
            }
            let name = format!("{MANAGER}-{}", self.installation);
            self.put(&accounts, &name, &wanted(&name)).await?;
            return Ok(name);
        }
        Err(Error::unsettled(
            "the manager account is there and is not, by turns",
        ))
    }

    /// Makes the manager with its rights, and gives its account's name. May be repeated without
    /// harm.
    pub(crate) async fn install_manager(&self) -> Result<String, Error> {
        self.put_namespace().await?;
        let account = self.claim_account().await?;
        let installation = self.installation.as_str();
        let name = binding_name(installation, "manager");
        let subject = rbac::Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.clone(),
            namespace: Some(NAMESPACE.to_owned()),
            api_group: None,
        };
        let cluster_role = rbac::ClusterRole {
            metadata: objects::meta(&name, None, installation),
            rules: Some(cluster_rules(installation)),
            aggregation_rule: None,
        };
        let role = rbac::Role {
            metadata: objects::meta(&name, Some(NAMESPACE), installation),
            rules: Some(namespace_rules()),
        };
        let cluster_roles: Api<rbac::ClusterRole> = Api::all(self.client.clone());
        let roles: Api<rbac::Role> = Api::namespaced(self.client.clone(), NAMESPACE);
        futures::try_join!(
            self.put(&cluster_roles, &name, &cluster_role),
            self.put(&roles, &name, &role),
        )?;
        let cluster_binding = rbac::ClusterRoleBinding {
            metadata: objects::meta(&name, None, installation),
            role_ref: objects::cluster_role(&name),
            subjects: Some(vec![subject.clone()]),
        };
        let binding = rbac::RoleBinding {
            metadata: objects::meta(&name, Some(NAMESPACE), installation),
            role_ref: rbac::RoleRef {
                api_group: RBAC.to_owned(),
                kind: "Role".to_owned(),
                name: name.clone(),
            },
            subjects: Some(vec![subject]),
        };
        let cluster_bindings = self.cluster_bindings();
        let bindings = self.role_bindings(NAMESPACE);
        futures::try_join!(
            self.put(&cluster_bindings, &name, &cluster_binding),
            self.put(&bindings, &name, &binding),
        )?;
        Ok(account)
    }

    /// Gives a new login of the manager: a token of a year or more, bound to a Secret of its own
    /// that ends it; or the token of a Secret where the server caps lifetimes below a year.
    pub(crate) async fn manager_login(
        &self,
        account: &str,
        now: Timestamp,
    ) -> Result<Manager, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let what = format!("the token Secret of '{account}'");
        let mut metadata = objects::meta("", Some(NAMESPACE), &self.installation);
        metadata.name = None;
        metadata.generate_name = Some(format!("{account}-"));
        let wanted = Secret {
            metadata,
            ..Secret::default()
        };
        let made = api.create(&PostParams::default(), &wanted).await;
        let made = made.map_err(|error| Error::from_kube(error, &what))?;
        let name = made.metadata.name.clone().unwrap_or_default();
        let bound = BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Secret".to_owned()),
            name: Some(name.clone()),
            uid: made.metadata.uid.clone(),
        };
        let minted = self.mint_bound(account, TTL_SECONDS, Some(bound)).await?;
        if (minted.expires_at - now).num_seconds() >= TTL_SECONDS_ENOUGH {
            return Ok(Manager {
                account: account.to_owned(),
                kind: ManagerKind::Token,
                token: minted.token,
                expires_at: Some(minted.expires_at),
            });
        }
        self.delete_secret(&name).await?;
        let token = self.secret_token(account).await?;
        Ok(Manager {
            account: account.to_owned(),
            kind: ManagerKind::Secret,
            token,
            expires_at: None,
        })
    }

    async fn delete_secret(&self, name: &str) -> Result<(), Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let deleted = api.delete(name, &DeleteParams::default()).await;
        match deleted.map_err(|error| Error::from_kube(error, &format!("Secret '{name}'"))) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Ends every login of the manager but this one, or every one, and sees that they are gone.
    /// Whatever was bound to the Secrets is refused when the API server's cache of 10 seconds has
    /// forgotten it.
    pub(crate) async fn retire_other_logins(
        &self,
        keep: Option<&SecretString>,
    ) -> Result<(), Error> {
        let kept = keep
            .map(secrecy::ExposeSecret::expose_secret)
            .and_then(token::claims)
            .and_then(token::Claims::secret);
        let others = async || {
            let mut names = self.manager_secrets().await?;
            names.retain(|name| kept.as_ref() != Some(name));
            Ok::<_, Error>(names)
        };
        let ended = others().await?;
        for name in &ended {
            self.delete_secret(name).await?;
        }
        if ended.is_empty() {
            return Ok(());
        }
        // Gone is what is not there, not what was answered to the call.
        match others().await?.first() {
            None => Ok(()),
            Some(left) => Err(Error::unsettled(&format!(
                "Secret '{left}' of namespace '{NAMESPACE}', a login of the manager, is still there"
            ))),
        }
    }

    /// Waits until the API server refuses this connection's own login; `false` if it still does
    /// not after `limit`.
    pub(crate) async fn is_refused_within(&self, limit: Duration) -> Result<bool, Error> {
        let started = tokio::time::Instant::now();
        loop {
            let asked = Api::<SelfSubjectReview>::all(self.client.clone())
                .create(&PostParams::default(), &SelfSubjectReview::default())
                .await
                .map_err(|error| Error::from_kube(error, "who we are"));
            match asked {
                Err(error) if error.is_unauthorized() => return Ok(true),
                Ok(_) => {}
                Err(error) if error.is_forbidden() => {}
                Err(error) => return Err(error),
            }
            if started.elapsed() > limit {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Makes a Secret that the cluster's token controller fills, and waits for the token.
    async fn secret_token(&self, account: &str) -> Result<SecretString, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let what = format!("the token Secret of '{account}'");
        let mut metadata = objects::meta("", Some(NAMESPACE), &self.installation);
        metadata.name = None;
        metadata.generate_name = Some(format!("{account}-"));
        metadata.annotations = Some(BTreeMap::from([(
            "kubernetes.io/service-account.name".to_owned(),
            account.to_owned(),
        )]));
        let wanted = Secret {
            metadata,
            type_: Some("kubernetes.io/service-account-token".to_owned()),
            ..Secret::default()
        };
        let made = api.create(&PostParams::default(), &wanted).await;
        let mut found = made.map_err(|error| Error::from_kube(error, &what))?;
        let name = found.metadata.name.clone().unwrap_or_default();
        let started = tokio::time::Instant::now();
        loop {
            let bytes = found.data.as_mut().and_then(|data| data.remove("token"));
            if let Some(bytes) = bytes.filter(|bytes| !bytes.0.is_empty()) {
                let text = String::from_utf8(bytes.0)
                    .map_err(|_| Error::garbled(&what, "it is not text"))?;
                return Ok(token::read(text, account, &what)?.token);
            }
            if started.elapsed() > SECRET_FILLED_MAX {
                // An empty Secret is no login; leave nothing behind.
                let removed = api.delete(&name, &DeleteParams::default()).await;
                removed.map_err(|error| Error::from_kube(error, &what))?;
                return Err(Error::unsettled(
                    "the server caps tokens below a year, and nothing fills token Secrets",
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let read = api.get(&name).await;
            found = read.map_err(|error| Error::from_kube(error, &what))?;
        }
    }

    /// Lists the manager's token Secrets by name.
    async fn manager_secrets(&self) -> Result<Vec<String>, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let listed = api.list_metadata(&ours).await;
        let listed = listed.map_err(|error| Error::from_kube(error, "our Secrets"))?;
        Ok(listed
            .items
            .into_iter()
            .filter_map(|secret| secret.metadata.name)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::power::{Rule, danger};

    #[test]
    fn the_manager_reads_no_secret_outside_our_namespace() {
        for rule in objects::rules(Some(cluster_rules("0badcafe"))) {
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
        // It can give cluster-admin, which is why its namespace is held back from write.
        assert!(
            objects::rules(Some(cluster_rules("0badcafe")))
                .iter()
                .any(|r| danger(r).is_some())
        );
    }
}
