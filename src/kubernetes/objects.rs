//! The objects that we keep on a cluster: their names, labels and shapes (docs/design.md, "What a
//! cluster holds").

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::ObjectMeta;

use super::connection::Connection;
use crate::domain::account_name::{self, Home};
use crate::domain::credential::CredentialId;
use crate::domain::installation::InstallationId;
use crate::domain::plan::Account;
use crate::domain::power::{Binding, RoleRef, Rule, Subject};

/// Marks every object of ours.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`], and our field manager.
pub(crate) const KUBEGRANT: &str = "kubegrant";
/// Says which installation an object belongs to.
pub(crate) const INSTALLATION: &str = "kubegrant.io/installation";
/// On our namespace: the platform made it, and keeps it.
pub(crate) const ADOPTED: &str = "kubegrant.io/adopted";
/// Says which user an account is for.
pub(crate) const USER: &str = "kubegrant.io/user";
/// Says which credential an account is.
pub(crate) const CREDENTIAL: &str = "kubegrant.io/credential-id";

impl Connection {
    /// The labels of an object of ours: the operator's, and over them ours.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.marks.labels.clone();
        labels.insert(MANAGED_BY.to_owned(), KUBEGRANT.to_owned());
        labels.insert(INSTALLATION.to_owned(), self.installation.to_string());
        labels
    }

    /// Whether an object names another installation as its own.
    pub(super) fn is_of_another_installation(&self, meta: &ObjectMeta) -> bool {
        let labels = meta.labels.as_ref();
        let found = labels.and_then(|labels| labels.get(INSTALLATION));
        found.is_some_and(|found| found != self.installation.as_str())
    }

    /// Metadata of an object of ours.
    pub(super) fn meta(&self, name: &str, namespace: Option<&str>) -> ObjectMeta {
        let annotations = &self.marks.annotations;
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: namespace.map(str::to_owned),
            labels: Some(self.labels()),
            annotations: (!annotations.is_empty()).then(|| annotations.clone()),
            ..ObjectMeta::default()
        }
    }
}

/// The selector that finds the objects of one installation.
pub(crate) fn selector(installation: &InstallationId) -> String {
    format!("{MANAGED_BY}={KUBEGRANT},{INSTALLATION}={installation}")
}

/// Whether an object carries this installation's labels.
pub(crate) fn is_ours(meta: &ObjectMeta, installation: &InstallationId) -> bool {
    let has = |key: &str, value: &str| {
        meta.labels
            .as_ref()
            .and_then(|labels| labels.get(key))
            .is_some_and(|found| found == value)
    };
    has(MANAGED_BY, KUBEGRANT) && has(INSTALLATION, installation.as_str())
}

/// The ServiceAccount of a credential version, with this metadata.
pub(crate) fn service_account(account: &Account, mut metadata: ObjectMeta) -> ServiceAccount {
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(USER.to_owned(), account.user.to_string());
    annotations.insert(CREDENTIAL.to_owned(), account.credential.0.to_string());
    ServiceAccount {
        metadata,
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// The account that this is the metadata of, where it stands in a namespace of ours.
pub(crate) fn account(meta: &ObjectMeta) -> Option<String> {
    let home = Home::of(meta.namespace.as_deref()?)?;
    Some(home.account(meta.name.as_deref()?))
}

/// The credential's row number that an account was made for.
pub(crate) fn credential_of(meta: &ObjectMeta) -> Option<CredentialId> {
    let noted = meta.annotations.as_ref()?.get(CREDENTIAL)?;
    noted.parse().ok().map(CredentialId)
}

/// The subjects of a list of ours.
pub(crate) fn subjects(accounts: &BTreeSet<String>) -> Vec<rbac::Subject> {
    accounts
        .iter()
        .map(|account| {
            let (home, name) = account_name::parts(account);
            rbac::Subject {
                kind: "ServiceAccount".to_owned(),
                name: name.to_owned(),
                namespace: Some(home.namespace().to_owned()),
                api_group: None,
            }
        })
        .collect()
}

/// A reference to a role.
pub(crate) fn reference(role: &RoleRef) -> rbac::RoleRef {
    rbac::RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: role.kind().to_owned(),
        name: role.name().to_owned(),
    }
}

/// A reference to a ClusterRole.
pub(crate) fn cluster_role(name: &str) -> rbac::RoleRef {
    rbac::RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: "ClusterRole".to_owned(),
        name: name.to_owned(),
    }
}

/// A role reference in domain words.
pub(crate) fn role_ref(found: &rbac::RoleRef) -> RoleRef {
    if found.kind == "Role" {
        RoleRef::Namespaced(found.name.clone())
    } else {
        RoleRef::Cluster(found.name.clone())
    }
}

/// A subject in domain words. An account without a namespace is of the binding's own.
fn subject(found: &rbac::Subject, place: Option<&str>) -> Subject {
    match found.kind.as_str() {
        "ServiceAccount" => Subject::Account {
            namespace: match found.namespace.as_deref() {
                None | Some("") => place.unwrap_or_default().to_owned(),
                Some(namespace) => namespace.to_owned(),
            },
            name: found.name.clone(),
        },
        "Group" => Subject::Group(found.name.clone()),
        _ => Subject::User(found.name.clone()),
    }
}

/// A binding in domain words.
pub(crate) fn binding(
    meta: &ObjectMeta,
    role: &rbac::RoleRef,
    subjects: Option<&Vec<rbac::Subject>>,
) -> Binding {
    Binding {
        namespace: meta.namespace.clone(),
        name: meta.name.clone().unwrap_or_default(),
        role: role_ref(role),
        subjects: subjects
            .into_iter()
            .flatten()
            .map(|found| subject(found, meta.namespace.as_deref()))
            .collect(),
    }
}

/// The rules of a role in domain words.
pub(crate) fn rules(found: Option<Vec<rbac::PolicyRule>>) -> Vec<Rule> {
    found
        .unwrap_or_default()
        .into_iter()
        .map(|rule| Rule {
            groups: rule.api_groups.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            verbs: rule.verbs,
            names: rule.resource_names.unwrap_or_default(),
            urls: rule.non_resource_urls.unwrap_or_default(),
        })
        .collect()
}
