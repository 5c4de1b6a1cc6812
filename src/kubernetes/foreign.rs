//! What others made on a cluster and somebody should know of: found, named, never touched.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, ObjectMeta};
use secrecy::SecretString;

use super::connection::Connection;
use super::error::Error;
use super::list::Scope;
use super::manager::{ALL_SECRETS, secrets_of};
use super::objects::{self, INSTALLATION, KUBEGRANT, MANAGED_BY};
use crate::domain::account_name;
use crate::domain::backdoor::{Backdoor, Gives, Targets, holds_our_accounts};
use crate::domain::installation::InstallationId;
use crate::domain::plan::{NAMESPACE, binding_name};
use crate::domain::power::{Binding, RoleRef, Subject};
use crate::domain::text::clean;

/// Secrets with a token that never ends.
#[derive(Debug, Default)]
pub(crate) struct Immortal {
    /// `namespace/name` of each.
    pub(crate) found: Vec<String>,
    /// Whether only our own namespace was looked at: the login may not list all Secrets.
    pub(crate) is_partial: bool,
}

/// Whose an object in our namespace is, as its labels say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This installation's.
    Us,
    /// Another installation's.
    Installation(String),
    /// No installation's.
    Nobody,
}

/// What stands in our namespace: names, and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    /// The accounts.
    pub(crate) accounts: Vec<(String, Owner)>,
    /// The Secrets.
    pub(crate) secrets: Vec<(String, Owner)>,
}

impl Inside {
    /// The names, for rules about objects by name.
    pub(crate) fn targets(&self) -> Targets {
        let names = |list: &[(String, Owner)]| {
            let names = list.iter().map(|(name, _)| account_name::parts(name).1);
            names.map(str::to_owned).collect()
        };
        Targets {
            accounts: names(&self.accounts),
            secrets: names(&self.secrets),
        }
    }

    /// Logins of ours other than these: Secrets with our labels, whoever made them.
    pub(crate) fn other_logins(&self, keep: &[SecretString]) -> Vec<String> {
        let kept = secrets_of(keep);
        let ours = self.secrets.iter().filter(|(_, owner)| *owner == Owner::Us);
        ours.filter(|(name, _)| !kept.contains(name))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl Connection {
    /// Lists the accounts of our namespaces and the Secrets of our own, without what is in them.
    pub(crate) async fn inside(&self) -> Result<Inside, Error> {
        let all = ListParams::default();
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let list = async {
            // An issuer may not.
            if self.is_issuer {
                return Ok(vec![]);
            }
            let listed = secrets.list_metadata(&all).await;
            let failed = |error| Error::from_kube(error, "the Secrets of our namespace");
            Ok(listed.map_err(failed)?.items)
        };
        let accounts = self.list_accounts(&all, |_, meta| Some(meta));
        let (secrets, accounts) = futures::try_join!(list, accounts)?;
        let account = |meta: ObjectMeta| {
            let owner = self.owner(&meta);
            Some((objects::account(&meta)?, owner))
        };
        let secret = |meta: ObjectMeta| {
            let owner = self.owner(&meta);
            (meta.name.unwrap_or_default(), owner)
        };
        Ok(Inside {
            accounts: accounts.into_iter().filter_map(account).collect(),
            secrets: secrets.into_iter().map(|it| secret(it.metadata)).collect(),
        })
    }

    fn owner(&self, meta: &ObjectMeta) -> Owner {
        if objects::is_ours(meta, &self.installation) {
            return Owner::Us;
        }
        let label = |key: &str| meta.labels.as_ref().and_then(|labels| labels.get(key));
        match (label(MANAGED_BY), label(INSTALLATION)) {
            (Some(by), Some(id)) if by == KUBEGRANT => Owner::Installation(id.clone()),
            _ => Owner::Nobody,
        }
    }

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
        if self.is_issuer {
            return Ok(Immortal {
                found: vec![],
                is_partial: true,
            });
        }
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

/// Names the bindings to cluster-admin, or to a role as strong, that neither Kubernetes nor kubegrant
/// made, wherever they stand.
pub(crate) fn cluster_admins(
    others: &[Binding],
    backdoors: &[Backdoor<'_>],
    installation: &InstallationId,
) -> Vec<String> {
    let admin = RoleRef::Cluster("cluster-admin".to_owned());
    let masters = [Subject::Group("system:masters".to_owned())];
    let is_named = |binding: &Binding| {
        binding.role == admin && !(binding.name == "cluster-admin" && binding.subjects == masters)
    };
    let named = others.iter().filter(|binding| is_named(binding));
    let as_strong = backdoors
        .iter()
        .filter(|it| it.gives == Gives::Everything && it.binding.role != admin)
        .map(|it| it.binding);
    let mut found: Vec<String> = named
        .chain(as_strong)
        .map(|binding| {
            let role = if binding.role == admin {
                String::new()
            } else {
                format!(" ({}, as strong)", role(binding))
            };
            let whom = subjects(&binding.subjects);
            let note = note(binding, installation);
            format!(
                "binding {} {}{role}: {whom}{note}",
                name(binding),
                place(binding)
            )
        })
        .collect();
    found.sort();
    found
}

/// Names the bindings whose holders can come to our accounts, or to cluster-admin in another way.
pub(crate) fn ways_in(backdoors: &[Backdoor<'_>], installation: &InstallationId) -> Vec<String> {
    let mut found: Vec<String> = backdoors
        .iter()
        .filter_map(|backdoor| match &backdoor.gives {
            Gives::Everything => None,
            Gives::Ways(ways) => Some((backdoor.binding, ways)),
        })
        .map(|(binding, ways)| {
            format!(
                "{} {} may {}{}{}",
                described(binding),
                subjects(&binding.subjects),
                ways.join(", "),
                ours_too(binding),
                note(binding, installation)
            )
        })
        .collect();
    found.sort();
    found
}

/// A binding with its role: `binding x cluster-wide (ClusterRole 'edit'):`.
pub(crate) fn described(binding: &Binding) -> String {
    format!(
        "binding {} {} ({}):",
        name(binding),
        place(binding),
        role(binding)
    )
}

/// The installation that a binding is named after; `None` where it is not named as ours are.
pub(crate) fn named_installation(name: &str) -> Option<&str> {
    let (id, _) = name.strip_prefix("kubegrant:")?.split_once(':')?;
    Some(id)
}

/// Says that accounts of ours are among the subjects.
fn ours_too(binding: &Binding) -> &'static str {
    let groups = binding.subjects.iter();
    let is_group = |it: &Subject| !matches!(it, Subject::Account { .. }) && holds_our_accounts(it);
    if groups.clone().any(is_group) {
        "; every account of ours is among them"
    } else {
        ""
    }
}

/// What a name like ours claims.
fn note(binding: &Binding, installation: &InstallationId) -> String {
    if binding.name.starts_with(&binding_name(installation, "")) {
        return "; it has our name, and is not ours".to_owned();
    }
    match named_installation(&binding.name) {
        Some(other) => format!(
            "; it is named as installation '{}' of kubegrant",
            clean(other)
        ),
        None => String::new(),
    }
}

fn name(binding: &Binding) -> String {
    clean(&binding.name)
}

fn place(binding: &Binding) -> String {
    match &binding.namespace {
        None => "cluster-wide".to_owned(),
        Some(namespace) => format!("in namespace '{}'", clean(namespace)),
    }
}

fn role(binding: &Binding) -> String {
    format!("{} '{}'", binding.role.kind(), clean(binding.role.name()))
}

/// How many subjects of one binding are named.
const SUBJECTS_MAX: usize = 5;

/// Subjects in words.
pub(crate) fn subjects(list: &[Subject]) -> String {
    let named: Vec<String> = list.iter().take(SUBJECTS_MAX).map(description).collect();
    match list.len().saturating_sub(SUBJECTS_MAX) {
        0 if named.is_empty() => "nobody".to_owned(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn description(subject: &Subject) -> String {
    match subject {
        Subject::Account { namespace, name } => {
            format!("account '{}/{}'", clean(namespace), clean(name))
        }
        Subject::User(name) => format!("user '{}'", clean(name)),
        Subject::Group(name) => format!("group '{}'", clean(name)),
    }
}
