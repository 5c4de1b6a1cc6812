//! What others made on a cluster and somebody should know of: found, named, never touched.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, ObjectMeta};

use super::connection::Connection;
use super::error::{Error, clean};
use super::list::Scope;
use super::manager::ALL_SECRETS;
use super::objects;
use crate::domain::plan::NAMESPACE;
use crate::domain::power::{Binding, RoleRef, Subject};

/// Secrets with a token that never ends.
#[derive(Debug, Default)]
pub(crate) struct Immortal {
    /// `namespace/name` of each.
    pub(crate) found: Vec<String>,
    /// Whether only our own namespace was looked at: the login may not list all Secrets.
    pub(crate) is_partial: bool,
}

impl Connection {
    /// Lists the Secrets with a token that never ends, and that this installation did not make.
    ///
    /// Only their names are asked for. But whoever may list Secrets may read them, so the manager
    /// may do it in our namespace alone; an operator's login that is kept may do it everywhere.
    pub(crate) async fn immortal_tokens(&self) -> Result<Immortal, Error> {
        let tokens = ListParams::default().fields("type=kubernetes.io/service-account-token");
        let keep = |meta: ObjectMeta| {
            let part = |text: Option<String>| clean(&text.unwrap_or_default());
            (!objects::is_ours(&meta, &self.installation))
                .then(|| format!("{}/{}", part(meta.namespace), part(meta.name)))
        };
        let look =
            |scope| self.list_metadata::<Secret, _>("the token Secrets", scope, &tokens, keep);
        let (missing, mut found) = futures::try_join!(
            self.missing_rights(&[ALL_SECRETS]),
            look(Scope::Namespace(NAMESPACE))
        )?;
        let everywhere = missing.is_empty();
        if everywhere {
            found = look(Scope::Everywhere).await?;
        }
        found.sort();
        Ok(Immortal {
            found,
            is_partial: !everywhere,
        })
    }
}

/// Names the bindings to cluster-admin that neither Kubernetes nor kubegrant made.
pub(crate) fn cluster_admins(bindings: &[Binding]) -> Vec<String> {
    let admin = RoleRef::Cluster("cluster-admin".to_owned());
    let masters = [Subject::Group("system:masters".to_owned())];
    let mut found: Vec<String> = bindings
        .iter()
        .filter(|binding| binding.role == admin)
        .filter(|binding| !(binding.name == "cluster-admin" && binding.subjects == masters))
        .filter(|binding| !binding.name.starts_with("kubegrant:"))
        .map(|binding| {
            let whom: Vec<String> = binding.subjects.iter().map(words).collect();
            let whom = match whom.as_slice() {
                [] => "nobody".to_owned(),
                some => some.join(", "),
            };
            let place = match &binding.namespace {
                None => "cluster-wide".to_owned(),
                Some(namespace) => format!("in namespace '{}'", clean(namespace)),
            };
            format!("binding {} {place}: {whom}", clean(&binding.name))
        })
        .collect();
    found.sort();
    found
}

fn words(subject: &Subject) -> String {
    match subject {
        Subject::Account { namespace, name } => {
            format!("account '{}/{}'", clean(namespace), clean(name))
        }
        Subject::User(name) => format!("user '{}'", clean(name)),
        Subject::Group(name) => format!("group '{}'", clean(name)),
    }
}
