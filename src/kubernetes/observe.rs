//! Observing a cluster: what it holds of ours, and what limits write.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, ObjectMeta};

use super::connection::Connection;
use super::error::Error;
use super::kept::{self, Unread};
use super::levels::levels;
use super::list::{Found, Scope};
use super::lists::called;
use super::objects;
use crate::domain::account_name::Home;
use crate::domain::cluster::Cluster;
use crate::domain::escalation::{self, Escalation};
use crate::domain::level::{Allowed, LeftOut};
use crate::domain::plan::{self, Object, Observed, ObservedAccount, ObservedBinding, binding_name};
use crate::domain::power::{Binding, Roles, Subject};

/// Objects of ours that are known by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NamedObjects {
    /// ServiceAccounts.
    pub(crate) accounts: BTreeSet<String>,
    /// ServiceAccounts that are to be made: whether one is there already is said when it is.
    pub(crate) begun: BTreeSet<String>,
    /// Lists that hold cluster-wide.
    pub(crate) lists: BTreeSet<String>,
    /// ClusterRoles.
    pub(crate) roles: BTreeSet<String>,
}

impl NamedObjects {
    /// Whether an object is one of them.
    pub(super) fn has(&self, object: &Object) -> bool {
        match object {
            Object::Account(name) => self.accounts.contains(name) || self.begun.contains(name),
            Object::Binding(None, name) => self.lists.contains(name),
            Object::Binding(Some(_), _) => false,
            Object::Role(name) => self.roles.contains(name),
        }
    }
}

/// What to look at.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    /// Only these, each read by its name: on a cluster in use a list waits until the API server's
    /// cache has caught up with whatever anybody wrote, and an answer by name never does.
    pub(crate) only: Option<NamedObjects>,
    /// Whether somebody writes: only then are namespaces and roles read.
    pub(crate) with_write: bool,
    /// Whether a role is bound in a namespace: then the namespaces are read, which may be gone.
    pub(crate) with_places: bool,
    /// The cluster, with what its operator holds back, includes and allows; none before it is
    /// registered.
    pub(crate) cluster: Option<&'a Cluster>,
}

static NO_NAMESPACES: BTreeSet<String> = BTreeSet::new();
static NOTHING_ALLOWED: BTreeSet<Allowed> = BTreeSet::new();

impl Look<'_> {
    fn excluded(&self) -> &BTreeSet<String> {
        self.cluster.map_or(&NO_NAMESPACES, |it| &it.excluded)
    }

    fn included(&self) -> &BTreeSet<String> {
        self.cluster.map_or(&NO_NAMESPACES, |it| &it.included)
    }

    fn write_allow(&self) -> &BTreeSet<Allowed> {
        self.cluster.map_or(&NOTHING_ALLOWED, |it| &it.write_allow)
    }

    /// What is asked of the cluster: two looks that ask the same have the same answer.
    fn question(&self) -> String {
        let only = self.only.as_ref();
        let only = only.map(|only| (&only.accounts, &only.lists, &only.roles));
        let (with_write, with_places) = (self.with_write, self.with_places);
        format!("{only:?} {with_write} {with_places} {:?}", self.cluster)
    }

    /// Whether an object is looked at.
    pub(crate) fn has(&self, object: &Object) -> bool {
        self.only.as_ref().is_none_or(|only| only.has(object))
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What the cluster holds of ours.
    pub(crate) observed: Observed,
    /// What leads to more than it says; empty unless `with_write`.
    pub(crate) escalation: Escalation,
    /// The namespaces of the cluster that write must not reach, with the reason; empty unless
    /// `with_write`.
    pub(crate) excluded: BTreeMap<String, String>,
    /// Namespaces that write reaches on purpose, with the reason why it should not.
    pub(crate) included: BTreeMap<String, String>,
    /// What the levels leave out of `view` and `edit`; `view` alone unless `with_write`.
    pub(crate) left_out: Vec<LeftOut>,
    /// Bindings of others, for `cluster check`; empty unless `with_write`.
    pub(crate) foreign: Vec<Binding>,
    /// Bindings that carry our labels and not our name, in words.
    pub(crate) labelled: Vec<String>,
    /// Bindings that carry our name and not our labels, in words.
    pub(crate) unlabelled: Vec<String>,
    /// The manager's own bindings without our labels, in words: `reconcile` puts them back.
    pub(crate) stripped: Vec<String>,
    /// Bindings that could not be read, in words: they count as what they may be at worst.
    pub(crate) unread: Vec<String>,
    /// The roles of the cluster; empty unless `with_write`.
    pub(crate) roles: Roles,
}

impl Seen {
    fn has_account(&mut self, meta: &ObjectMeta) {
        let found = ObservedAccount {
            uid: meta.uid.clone().unwrap_or_default(),
            credential: objects::credential_of(meta),
            deleting: meta.deletion_timestamp.is_some(),
            held: meta.finalizers.as_ref().is_some_and(|it| !it.is_empty()),
        };
        if let Some(account) = objects::account(meta) {
            self.observed.accounts.insert(account, found);
        }
    }

    /// Sorts the namespaces: what write reaches, what it must not, and what it reaches all the same.
    fn reach(&mut self, active: &BTreeSet<String>, every: &BTreeSet<String>, look: &Look<'_>) {
        for namespace in every {
            let why = self.escalation.excluded().get(namespace);
            let is_included = look.included().contains(namespace)
                && !look.excluded().contains(namespace)
                && !escalation::is_never_included(namespace);
            if active.contains(namespace) && (why.is_none() || is_included) {
                self.observed.write_reaches.insert(namespace.clone());
            }
            if let Some(why) = why {
                let list = if is_included {
                    &mut self.included
                } else {
                    &mut self.excluded
                };
                list.insert(namespace.clone(), why.clone());
            }
        }
    }
}

/// The namespaces of a cluster.
#[derive(Default)]
struct Namespaces {
    /// Those that take new objects.
    active: BTreeSet<String>,
    /// Those on their way out, whose accounts and bindings count as before.
    terminating: BTreeSet<String>,
}

impl Connection {
    /// Looks beforehand: the next [`Connection::observe`] of the same look has its answer. What is
    /// asked beside it costs no time of its own.
    pub(crate) async fn look_ahead(&self, look: &Look<'_>) -> Result<(), Error> {
        let seen = self.look(look).await?;
        self.keep_ahead(look, seen);
        Ok(())
    }

    /// Keeps what was seen for the next [`Connection::observe`] of the same look.
    pub(crate) fn keep_ahead(&self, look: &Look<'_>, seen: Seen) {
        if let Ok(mut ahead) = self.ahead.lock() {
            *ahead = Some((look.question(), seen));
        }
    }

    /// Looks at what the cluster holds of ours, and at what limits write.
    pub(crate) async fn observe(&self, look: &Look<'_>) -> Result<Seen, Error> {
        let ahead = self.ahead.lock().ok().and_then(|mut ahead| ahead.take());
        match ahead.filter(|(what, _)| *what == look.question()) {
            Some((_, seen)) => Ok(seen),
            None => self.look(look).await,
        }
    }

    /// Looks at objects by their names.
    async fn look_by_name(&self, only: &NamedObjects, look: &Look<'_>) -> Result<Seen, Error> {
        let accounts = only.accounts.iter().map(|name| async move {
            let (accounts, label) = self.account(name);
            let found = accounts.get_metadata_opt(label).await;
            let what = Object::Account(name.clone()).to_string();
            let found = found.map_err(|error| Error::from_kube(error, &what))?;
            Ok::<_, Error>(found.map(|found| kept::slim(found.metadata)))
        });
        let lists = only.lists.iter().map(|name| async move {
            let found = self.cluster_bindings().get_opt(name).await;
            let what = called(&None, name);
            let found = found.map_err(|error| Error::from_kube(error, &what))?;
            Ok::<_, Error>(found.map(|found| kept::cluster_binding(Found::Object(found))))
        });
        let (accounts, lists, roles) = futures::try_join!(
            futures::future::try_join_all(accounts),
            futures::future::try_join_all(lists),
            self.roles_of_levels()
        )?;
        let mut seen = Seen::default();
        let levels = levels(&roles, look.write_allow(), &self.installation);
        seen.observed.levels = levels.roles;
        // Another's account of this name, or one without our labels, is not taken for ours: whoever makes
        // an account judges the one that is there.
        let ours = accounts.into_iter().flatten();
        for meta in ours.filter(|meta| objects::is_ours(meta, &self.installation)) {
            seen.has_account(&meta);
        }
        let mut others = Vec::new();
        for found in lists.into_iter().flatten() {
            self.sort(&mut seen, &mut others, &found.meta, found.binding);
        }
        Ok(seen)
    }

    async fn look(&self, look: &Look<'_>) -> Result<Seen, Error> {
        if let Some(only) = &look.only {
            return Box::pin(self.look_by_name(only, look)).await;
        }
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let accounts = self.list_accounts(&ours, |_, meta| Some(kept::slim(meta)));
        // With writers, one unfiltered list serves both ends; without, ours are enough.
        let bindings = if look.with_write {
            ListParams::default()
        } else {
            ours.clone()
        };
        let cluster_bindings = self.list(
            "the ClusterRoleBindings",
            Scope::Cluster,
            &bindings,
            |found| Some(kept::cluster_binding(found)),
        );
        let role_bindings = self.list("the RoleBindings", Scope::Everywhere, &bindings, |found| {
            Some(kept::role_binding(found))
        });
        let world = async {
            match (look.with_write, look.with_places) {
                (true, _) => futures::try_join!(self.namespaces(), self.roles()),
                (false, true) => {
                    let both = futures::try_join!(self.namespaces(), self.roles_of_levels());
                    both.map(|(namespaces, roles)| (namespaces, (roles, vec![])))
                }
                (false, false) => Ok((
                    Namespaces::default(),
                    (self.roles_of_levels().await?, vec![]),
                )),
            }
        };
        let (accounts, cluster_bindings, role_bindings, (namespaces, (mut roles, unread_roles))) =
            futures::try_join!(accounts, cluster_bindings, role_bindings, world)?;

        let mut seen = Seen::default();
        let levels = levels(&roles, look.write_allow(), &self.installation);
        seen.observed.levels = levels.roles;
        seen.left_out = levels.left_out;
        for meta in accounts {
            seen.has_account(&meta);
        }
        let mut others = Vec::new();
        // The judgement is over ours too: a stranger may have joined one.
        let mut all = Vec::new();
        let mut unread = Unread::default();
        let found = cluster_bindings.items.into_iter();
        for found in found.chain(role_bindings.items) {
            if found.is_unread && !self.is_ours(&found.meta, &found.binding) {
                unread.add(found.binding);
            } else {
                // One of ours that is too large to be ours is made anew like one with strangers.
                all.push(found.binding.clone());
                self.sort(&mut seen, &mut others, &found.meta, found.binding);
            }
        }
        for namespace in &role_bindings.unread {
            unread.add(kept::anything_in(namespace));
        }
        for (namespace, words) in unread.description() {
            let place =
                namespace.map_or_else(String::new, |name| format!(" in namespace '{name}'"));
            seen.unread.push(format!("{words}{place}"));
        }
        if look.with_write {
            let mut every = namespaces.active.clone();
            every.extend(namespaces.terminating);
            all.extend_from_slice(unread.at_worst());
            kept::assume_roles(&mut roles, &unread_roles, &all);
            let (out, allowed) = (look.excluded(), look.write_allow());
            seen.escalation = escalation::judge(&every, out, allowed, &all, &roles);
            for (namespace, words) in unread.description() {
                if let Some(namespace) = namespace {
                    seen.escalation.exclude(namespace, &words);
                }
            }
            seen.reach(&namespaces.active, &every, look);
            seen.foreign = others;
            seen.roles = roles;
        }
        seen.observed.namespaces = namespaces.active;
        Ok(seen)
    }

    fn is_ours(&self, meta: &ObjectMeta, found: &Binding) -> bool {
        let is_named = found
            .name
            .starts_with(&binding_name(&self.installation, ""));
        is_named && objects::is_ours(meta, &self.installation)
    }

    /// Puts a binding among ours or among the others.
    ///
    /// The manager may change and remove bindings of any name: one that only carries our labels,
    /// and not our name, is left alone.
    fn sort(&self, seen: &mut Seen, others: &mut Vec<Binding>, meta: &ObjectMeta, found: Binding) {
        let is_named = found
            .name
            .starts_with(&binding_name(&self.installation, ""));
        let is_manager = ["manager", "issuer"]
            .iter()
            .any(|role| found.name == binding_name(&self.installation, role));
        let is_ours = objects::is_ours(meta, &self.installation);
        let is_list = plan::is_list(&self.installation, &found.name, &found.role);
        if is_ours && !is_named {
            let name = crate::domain::text::clean(&found.name);
            seen.labelled.push(format!("binding {name}"));
        }
        // Who takes our labels off does not make our list theirs.
        let lists_ours = is_list || found.subjects.iter().any(
            |subject| matches!(subject, Subject::Account { namespace, .. } if Home::of(namespace).is_some()),
        );
        // The manager's own two are compared by themselves.
        let is_managers = is_manager && found.role.name() == found.name && lists_ours;
        if is_managers && !is_ours {
            let name = crate::domain::text::clean(&found.name);
            seen.stripped
                .push(format!("binding {name}, without our labels"));
        } else if is_named && !is_ours && (is_manager || !lists_ours) {
            let name = crate::domain::text::clean(&found.name);
            let place = found.namespace.as_deref().map(crate::domain::text::clean);
            let place = place.map_or("cluster-wide".to_owned(), |it| {
                format!("in namespace '{it}'")
            });
            seen.unlabelled.push(format!("binding {name} {place}"));
        }
        if !(is_ours || lists_ours) || !is_named || is_manager {
            others.push(found);
            return;
        }
        let mut observed = ObservedBinding {
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            role: found.role.clone(),
            accounts: BTreeSet::new(),
            has_strangers: false,
            deleting: meta.deletion_timestamp.is_some(),
            held: meta.finalizers.as_ref().is_some_and(|it| !it.is_empty()),
            unlabelled: !is_ours,
        };
        for subject in &found.subjects {
            let account = match subject {
                Subject::Account { namespace, name } => {
                    Home::of(namespace).map(|home| home.account(name))
                }
                _ => None,
            };
            observed.has_strangers |= account.is_none();
            observed.accounts.extend(account);
        }
        seen.observed
            .bindings
            .insert((found.namespace, found.name), observed);
    }

    async fn namespaces(&self) -> Result<Namespaces, Error> {
        let (all, keep) = (ListParams::default(), |meta| Some(kept::slim(meta)));
        let listed =
            self.list_metadata::<Namespace, _>("the namespaces", Scope::Cluster, &all, keep);
        let mut found = Namespaces::default();
        for meta in listed.await? {
            let list = match meta.deletion_timestamp {
                None => &mut found.active,
                Some(_) => &mut found.terminating,
            };
            list.extend(meta.name);
        }
        Ok(found)
    }

    /// Lists the roles, and names the namespaces whose Roles could not be read to the end.
    async fn roles(&self) -> Result<(Roles, Vec<String>), Error> {
        let all = ListParams::default();
        let cluster = self.list("the ClusterRoles", Scope::Cluster, &all, |found| {
            Some(kept::cluster_role(found))
        });
        let namespaced = self.list("the Roles", Scope::Everywhere, &all, |found| {
            Some(kept::role(found))
        });
        let (cluster, namespaced) = futures::try_join!(cluster, namespaced)?;
        let mut roles = Roles::default();
        for role in cluster.items.into_iter().chain(namespaced.items) {
            for into in role.aggregated_into {
                let aggregated = roles.aggregated.entry(into).or_default();
                aggregated.insert(role.name.clone());
            }
            match role.namespace {
                None => roles.cluster.insert(role.name, role.rules),
                Some(namespace) => roles.namespaced.insert((namespace, role.name), role.rules),
            };
        }
        Ok((roles, namespaced.unread))
    }
}
