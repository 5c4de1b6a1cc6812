//! A connection to one cluster, with what may be asked through it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec, SubjectAccessReview, SubjectAccessReviewSpec,
    SubjectAccessReviewStatus,
};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Api, ListParams, ObjectMeta, PostParams};
use serde::Deserialize;

use super::error::Error;
use super::levels::levels;
use super::objects;
use crate::domain::audit::Head;
use crate::domain::climb::Probe;
use crate::domain::cluster::Cluster;
use crate::domain::escalation::{self, Escalation};
use crate::domain::level::{Allowed, LeftOut};
use crate::domain::plan::{
    NAMESPACE, Observed, ObservedAccount, ObservedBinding, Place, binding_name,
};
use crate::domain::power::{Binding, RoleRef, Roles, Rule, Subject};
use crate::secrets::MacKey;

/// The label of a ClusterRole that is aggregated into another begins so.
const AGGREGATES: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// The one connection to a cluster of a run.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) client: kube::Client,
    pub(super) installation: String,
    /// The head of our log that the cluster holds, as it was read when we connected.
    pub(super) witnessed: Option<Head>,
    /// What was seen ahead, until it is looked for.
    ahead: Arc<Mutex<Option<(String, Seen)>>>,
    /// The key of the heads on this cluster; only where the login is the manager's.
    pub(super) heads: Option<MacKey>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// What to look at.
#[derive(Debug)]
pub(crate) struct Look<'a> {
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
    fn held_back(&self) -> &BTreeSet<String> {
        self.cluster.map_or(&NO_NAMESPACES, |it| &it.held_back)
    }

    fn included(&self) -> &BTreeSet<String> {
        self.cluster.map_or(&NO_NAMESPACES, |it| &it.included)
    }

    fn write_allow(&self) -> &BTreeSet<Allowed> {
        self.cluster.map_or(&NOTHING_ALLOWED, |it| &it.write_allow)
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// This installation's id.
    pub(crate) installation: String,
    /// What the cluster holds of ours.
    pub(crate) observed: Observed,
    /// What leads to more than it says; empty unless `with_write`.
    pub(crate) escalation: Escalation,
    /// The namespaces of the cluster that write must not reach, with the reason; empty unless
    /// `with_write`.
    pub(crate) held_back: BTreeMap<String, String>,
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
    /// The roles of the cluster; empty unless `with_write`.
    pub(crate) roles: Roles,
}

impl Seen {
    /// Sorts the namespaces: what write reaches, what it must not, and what it reaches all the same.
    fn reach(&mut self, active: &BTreeSet<String>, every: &BTreeSet<String>, look: &Look<'_>) {
        for namespace in every {
            let why = self.escalation.excluded().get(namespace);
            let is_included = look.included().contains(namespace)
                && !look.held_back().contains(namespace)
                && !escalation::is_never_included(namespace);
            if active.contains(namespace) && (why.is_none() || is_included) {
                self.observed.write_reaches.insert(namespace.clone());
            }
            if let Some(why) = why {
                let list = if is_included {
                    &mut self.included
                } else {
                    &mut self.held_back
                };
                list.insert(namespace.clone(), why.clone());
            }
        }
    }
}

/// A question about an account's rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Verb.
    pub(crate) verb: String,
    /// API group, "" for core.
    pub(crate) group: String,
    /// Resource.
    pub(crate) resource: String,
    /// Subresource, or "".
    pub(crate) subresource: String,
    /// Namespace; `None` for the whole cluster.
    pub(crate) namespace: Option<String>,
}

/// Stands for the installation's id in the name of a right.
pub(super) const INSTALLATION: &str = "<installation>";

/// A right to ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Right {
    /// Verb.
    pub(crate) verb: &'static str,
    /// API group.
    pub(crate) group: &'static str,
    /// Resource.
    pub(crate) resource: &'static str,
    /// Subresource or "".
    pub(crate) subresource: &'static str,
    /// Namespace, or "" for all.
    pub(crate) namespace: &'static str,
    /// Object name, or "".
    pub(crate) name: &'static str,
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        if !self.name.is_empty() {
            write!(f, " '{}'", self.name)?;
        }
        Ok(())
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

/// What a review is about.
enum About {
    Object(Box<ResourceAttributes>),
    Url(NonResourceAttributes),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

impl Connection {
    /// Wraps a client.
    pub(crate) fn new(client: kube::Client, installation: &str) -> Self {
        Self {
            client,
            installation: installation.to_owned(),
            witnessed: None,
            ahead: Arc::default(),
            heads: None,
        }
    }

    /// The installation whose objects it works on.
    pub(crate) fn installation(&self) -> &str {
        &self.installation
    }

    pub(super) fn accounts(&self) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    pub(super) fn cluster_bindings(&self) -> Api<ClusterRoleBinding> {
        Api::all(self.client.clone())
    }

    pub(super) fn role_bindings(&self, namespace: &str) -> Api<RoleBinding> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Asks for the UID of `kube-system`: it names the cluster, and changes when it is rebuilt.
    pub(crate) async fn cluster_uid(&self) -> Result<String, Error> {
        let what = "namespace 'kube-system'";
        let found = Api::<Namespace>::all(self.client.clone())
            .get("kube-system")
            .await
            .map_err(|error| Error::from_kube(error, what))?;
        found
            .metadata
            .uid
            .ok_or_else(|| Error::garbled(what, "it has no UID"))
    }

    /// Asks for the server's version.
    pub(crate) async fn version(&self) -> Result<String, Error> {
        let request = http::Request::get("/version")
            .body(Vec::new())
            .map_err(|error| Error::garbled("the version", &error.to_string()))?;
        let version: Version = self
            .client
            .request(request)
            .await
            .map_err(|error| Error::from_kube(error, "the version"))?;
        Ok(super::error::clean(&version.git_version))
    }

    /// Asks which of these rights the login lacks.
    pub(crate) async fn missing_rights(&self, rights: &[Right]) -> Result<Vec<Right>, Error> {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let asked = rights.iter().map(|right| {
            let api = api.clone();
            async move {
                let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                let review = SelfSubjectAccessReview {
                    spec: SelfSubjectAccessReviewSpec {
                        resource_attributes: Some(ResourceAttributes {
                            verb: text(right.verb),
                            group: text(right.group),
                            resource: text(right.resource),
                            subresource: text(right.subresource),
                            namespace: text(right.namespace),
                            name: text(&right.name.replace(INSTALLATION, &self.installation)),
                            ..ResourceAttributes::default()
                        }),
                        ..SelfSubjectAccessReviewSpec::default()
                    },
                    ..SelfSubjectAccessReview::default()
                };
                let answer = api
                    .create(&PostParams::default(), &review)
                    .await
                    .map_err(|error| Error::from_kube(error, "an access review"))?;
                let allowed = answer.status.is_some_and(|status| status.allowed);
                Ok::<_, Error>((!allowed).then_some(*right))
            }
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    /// Asks the API server itself what still lets an account in where a list of ours did.
    ///
    /// The answer names the first binding that allows it: power from anywhere else is not ours to
    /// take. The question is one that the list's own role allows and no weaker list of ours does:
    /// else a list that is heard of later would hide behind another.
    pub(super) async fn let_in_by(
        &self,
        account: &str,
        place: &Place,
        binding: &str,
    ) -> Result<Option<String>, Error> {
        let is = |role: &str| binding == binding_name(&self.installation, role);
        let (verb, resource) = if is("cluster-admin") {
            ("get", "secrets")
        } else if is("edit") {
            ("update", "configmaps")
        } else {
            ("get", "configmaps")
        };
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            resource: Some(resource.to_owned()),
            namespace: Some(place.clone().unwrap_or_else(|| NAMESPACE.to_owned())),
            ..ResourceAttributes::default()
        };
        let status = self
            .review(account, About::Object(Box::new(attributes)))
            .await?;
        Ok(status.allowed.then(|| status.reason.unwrap_or_default()))
    }

    /// Asks the API server one question about a bound role; what still lets the account in.
    pub(super) async fn let_in_to(
        &self,
        account: &str,
        place: &Place,
        probe: &Probe,
    ) -> Result<Option<String>, Error> {
        let about = match probe {
            Probe::Url { verb, path } => About::Url(NonResourceAttributes {
                verb: Some(verb.clone()),
                path: Some(path.clone()),
            }),
            Probe::Object {
                verb,
                group,
                resource,
                subresource,
                name,
            } => {
                let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                About::Object(Box::new(ResourceAttributes {
                    verb: text(verb),
                    group: text(group),
                    resource: text(resource),
                    subresource: text(subresource),
                    name: text(name),
                    namespace: place.clone(),
                    ..ResourceAttributes::default()
                }))
            }
        };
        let status = self.review(account, about).await?;
        Ok(status.allowed.then(|| status.reason.unwrap_or_default()))
    }

    /// Reads the rules of a role; a role that is gone has none.
    pub(super) async fn rules(&self, role: &RoleRef, place: &Place) -> Result<Vec<Rule>, Error> {
        let (client, name) = (self.client.clone(), role.name());
        let found = match (role, place) {
            (RoleRef::Cluster(_), _) => {
                let found = Api::<ClusterRole>::all(client).get_opt(name).await;
                found.map(|found| found.and_then(|role| role.rules))
            }
            (RoleRef::Namespaced(_), Some(namespace)) => {
                let api = Api::<Role>::namespaced(client, namespace);
                let found = api.get_opt(name).await;
                found.map(|found| found.and_then(|role| role.rules))
            }
            (RoleRef::Namespaced(_), None) => Ok(None),
        };
        let found = found.map_err(|error| Error::from_kube(error, &format!("role '{name}'")))?;
        Ok(objects::rules(found))
    }

    /// Asks the API server what an account of ours may do.
    pub(crate) async fn may_account(
        &self,
        account: &str,
        question: &Question,
    ) -> Result<(bool, String), Error> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let attributes = ResourceAttributes {
            verb: text(&question.verb),
            group: text(&question.group),
            resource: text(&question.resource),
            subresource: text(&question.subresource),
            namespace: question.namespace.clone(),
            ..ResourceAttributes::default()
        };
        let status = self
            .review(account, About::Object(Box::new(attributes)))
            .await?;
        let reason = super::error::clean(&status.reason.unwrap_or_default());
        Ok((status.allowed, reason))
    }

    async fn review(
        &self,
        account: &str,
        about: About,
    ) -> Result<SubjectAccessReviewStatus, Error> {
        let (resource_attributes, non_resource_attributes) = match about {
            About::Object(attributes) => (Some(*attributes), None),
            About::Url(attributes) => (None, Some(attributes)),
        };
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(format!("system:serviceaccount:{NAMESPACE}:{account}")),
                groups: Some(vec![
                    "system:serviceaccounts".to_owned(),
                    format!("system:serviceaccounts:{NAMESPACE}"),
                    "system:authenticated".to_owned(),
                ]),
                resource_attributes,
                non_resource_attributes,
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let what = "an access review";
        let answer = Api::<SubjectAccessReview>::all(self.client.clone())
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| Error::from_kube(error, what))?;
        answer
            .status
            .ok_or_else(|| Error::garbled(what, "it has no status"))
    }

    /// Looks beforehand: the next [`Connection::observe`] of the same look has its answer. What is
    /// asked beside it costs no time of its own.
    pub(crate) async fn look_ahead(&self, look: &Look<'_>) -> Result<(), Error> {
        let seen = self.look(look).await?;
        if let Ok(mut ahead) = self.ahead.lock() {
            *ahead = Some((format!("{look:?}"), seen));
        }
        Ok(())
    }

    /// Looks at what the cluster holds of ours, and at what limits write.
    pub(crate) async fn observe(&self, look: &Look<'_>) -> Result<Seen, Error> {
        let ahead = self.ahead.lock().ok().and_then(|mut ahead| ahead.take());
        match ahead.filter(|(what, _)| *what == format!("{look:?}")) {
            Some((_, seen)) => Ok(seen),
            None => self.look(look).await,
        }
    }

    async fn look(&self, look: &Look<'_>) -> Result<Seen, Error> {
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let accounts = async {
            let listed = self.accounts().list(&ours).await;
            listed.map_err(|error| Error::from_kube(error, "our accounts"))
        };
        // With writers, one unfiltered list serves both ends; without, ours are enough.
        let bindings = if look.with_write {
            ListParams::default()
        } else {
            ours.clone()
        };
        let cluster_bindings = async {
            let listed = self.cluster_bindings().list(&bindings).await;
            listed.map_err(|error| Error::from_kube(error, "the ClusterRoleBindings"))
        };
        let role_bindings = async {
            let listed = Api::<RoleBinding>::all(self.client.clone())
                .list(&bindings)
                .await;
            listed.map_err(|error| Error::from_kube(error, "the RoleBindings"))
        };
        let world = async {
            match (look.with_write, look.with_places) {
                (true, _) => futures::try_join!(self.namespaces(), self.roles()),
                (false, true) => futures::try_join!(self.namespaces(), self.roles_of_levels()),
                (false, false) => Ok((Namespaces::default(), self.roles_of_levels().await?)),
            }
        };
        let (accounts, cluster_bindings, role_bindings, (namespaces, roles)) =
            futures::try_join!(accounts, cluster_bindings, role_bindings, world)?;

        let mut seen = Seen {
            installation: self.installation.clone(),
            ..Seen::default()
        };
        let levels = levels(&roles, look.write_allow(), &self.installation);
        seen.observed.levels = levels.roles;
        seen.left_out = levels.left_out;
        for account in accounts.items {
            let meta = account.metadata;
            let found = ObservedAccount {
                uid: meta.uid.clone().unwrap_or_default(),
                credential: objects::credential_of(&meta),
                deleting: meta.deletion_timestamp.is_some(),
                held: meta.finalizers.as_ref().is_some_and(|it| !it.is_empty()),
            };
            seen.observed
                .accounts
                .insert(meta.name.unwrap_or_default(), found);
        }
        let mut others = Vec::new();
        // The judgement is over ours too: a stranger may have joined one.
        let mut all = Vec::new();
        for found in cluster_bindings.items {
            let binding =
                objects::binding(&found.metadata, &found.role_ref, found.subjects.as_ref());
            all.push(binding.clone());
            self.sort(&mut seen, &mut others, &found.metadata, binding);
        }
        for found in role_bindings.items {
            let binding =
                objects::binding(&found.metadata, &found.role_ref, found.subjects.as_ref());
            all.push(binding.clone());
            self.sort(&mut seen, &mut others, &found.metadata, binding);
        }
        if look.with_write {
            let mut every = namespaces.active.clone();
            every.extend(namespaces.terminating);
            let (out, allowed) = (look.held_back(), look.write_allow());
            seen.escalation = escalation::judge(&every, out, allowed, &all, &roles);
            seen.reach(&namespaces.active, &every, look);
            seen.foreign = others;
            seen.roles = roles;
        }
        seen.observed.namespaces = namespaces.active;
        Ok(seen)
    }

    /// Puts a binding among ours or among the others.
    ///
    /// The manager may change and remove bindings of any name: one that only carries our labels,
    /// and not our name, is left alone.
    fn sort(&self, seen: &mut Seen, others: &mut Vec<Binding>, meta: &ObjectMeta, found: Binding) {
        let is_named = found
            .name
            .starts_with(&binding_name(&self.installation, ""));
        let is_manager = found.name == binding_name(&self.installation, "manager");
        let is_ours = objects::is_ours(meta, &self.installation);
        if is_ours && !is_named {
            let name = super::error::clean(&found.name);
            seen.labelled.push(format!("binding {name}"));
        }
        // Who takes our labels off does not make our list theirs.
        let lists_ours = found.subjects.iter().any(
            |subject| matches!(subject, Subject::Account { namespace, .. } if namespace == NAMESPACE),
        );
        if is_named && !is_ours && (is_manager || !lists_ours) {
            let name = super::error::clean(&found.name);
            let place = found.namespace.as_deref().map(super::error::clean);
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
            match subject {
                Subject::Account { namespace, name } if namespace == NAMESPACE => {
                    observed.accounts.insert(name.clone());
                }
                _ => observed.has_strangers = true,
            }
        }
        seen.observed
            .bindings
            .insert((found.namespace, found.name), observed);
    }

    async fn namespaces(&self) -> Result<Namespaces, Error> {
        let listed = Api::<Namespace>::all(self.client.clone())
            .list(&ListParams::default())
            .await
            .map_err(|error| Error::from_kube(error, "the namespaces"))?;
        let mut found = Namespaces::default();
        for namespace in listed.items {
            let list = match namespace.metadata.deletion_timestamp {
                None => &mut found.active,
                Some(_) => &mut found.terminating,
            };
            list.extend(namespace.metadata.name);
        }
        Ok(found)
    }

    async fn roles(&self) -> Result<Roles, Error> {
        let params = ListParams::default();
        let cluster = async {
            let listed = Api::<ClusterRole>::all(self.client.clone())
                .list(&params)
                .await;
            listed.map_err(|error| Error::from_kube(error, "the ClusterRoles"))
        };
        let namespaced = async {
            let listed = Api::<Role>::all(self.client.clone()).list(&params).await;
            listed.map_err(|error| Error::from_kube(error, "the Roles"))
        };
        let (cluster, namespaced) = futures::try_join!(cluster, namespaced)?;
        let mut roles = Roles::default();
        for role in cluster.items {
            let name = role.metadata.name.unwrap_or_default();
            for (label, value) in role.metadata.labels.iter().flatten() {
                if let Some(into) = label.strip_prefix(AGGREGATES)
                    && value == "true"
                {
                    let aggregated = roles.aggregated.entry(into.to_owned()).or_default();
                    aggregated.insert(name.clone());
                }
            }
            roles.cluster.insert(name, objects::rules(role.rules));
        }
        for role in namespaced.items {
            let key = (
                role.metadata.namespace.unwrap_or_default(),
                role.metadata.name.unwrap_or_default(),
            );
            roles.namespaced.insert(key, objects::rules(role.rules));
        }
        Ok(roles)
    }
}
