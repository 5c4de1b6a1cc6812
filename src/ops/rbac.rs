//! Role bindings: bind, unbind and list roles of a cluster's own, and say what can be bound.

mod bind;
#[cfg(test)]
mod tests;
mod unbind;

pub(crate) use bind::{Bind, bind};
pub(crate) use unbind::{Unbind, unbind};

use std::collections::BTreeMap;

use super::change::Carried;
use super::{Applied, Error, Obstacle, find};
use crate::domain::access::Access;
use crate::domain::action::Action;
use crate::domain::binding::{Binding, Bound};
use crate::domain::cluster::Cluster;
use crate::domain::credential::Subject;
use crate::domain::level::LeftOut;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::power::RoleRef;
use crate::domain::similar::similar;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::text;
use crate::domain::user::UserId;
use crate::domain::{Timestamp, role_summary};
use crate::kubernetes::observe::Seen;
use crate::session::{App, Session};
use crate::store;

/// What a change of bindings came to.
#[derive(Debug)]
pub(crate) struct BindOutcome {
    /// The user's name.
    pub(crate) user: String,
    /// On which cluster.
    pub(crate) cluster: ClusterName,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// Why its holder can escalate, where they can.
    pub(crate) escalates: Option<String>,
    /// What it carries that the level of the same kind leaves out.
    pub(crate) more: Vec<LeftOut>,
    /// What the user has there now.
    pub(crate) access: Access,
    /// Whether a live credential carries it, or did.
    pub(crate) is_live: bool,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

impl BindOutcome {
    fn of<S>(app: &App, bound: &Bound, carried: &Carried<S>) -> Result<Self, Error> {
        let on = carried.after.only().map_err(Error::Refused)?;
        let user = carried.user();
        let now = app.now();
        let subject = user.map(|user| Subject::Personal(user.id));
        Ok(Self {
            user: carried.user_name(),
            cluster: on.cluster.name.clone(),
            bound: bound.clone(),
            unchanged: carried.is_unchanged(),
            escalates: None,
            more: vec![],
            access: user.map_or(Access::None, |user| on.access_of(user, now)),
            is_live: subject.is_some_and(|subject| on.live(subject).is_some()),
            applied: carried.applied.clone(),
        })
    }
}

/// The binding of a role to a user, where there is one.
fn existing<'a>(on: &'a ClusterSnapshot, user: UserId, bound: &Bound) -> Option<&'a Binding> {
    let mut all = on.bindings.iter();
    all.find(|it| it.user == user && it.bound == *bound && !it.is_removed)
}

/// How a binding stands on its cluster now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The role is there; whether it lets its holder escalate, and why.
    Role {
        /// Why, where it does.
        escalates: Option<String>,
    },
    /// The role is gone: the binding gives nothing until there is one of that name again.
    RoleGone,
    /// The namespace is gone.
    NamespaceGone,
}

/// Says how a bound role stands on a cluster.
pub(super) fn standing(bound: &Bound, seen: &Seen) -> Standing {
    let is_there = |namespace| seen.observed.namespaces.contains(namespace);
    if !bound.place.as_ref().is_none_or(is_there) {
        return Standing::NamespaceGone;
    }
    match seen.roles.rules(&bound.role, bound.place.as_deref()) {
        None => Standing::RoleGone,
        Some(rules) => Standing::Role {
            escalates: seen.escalation.of(bound, rules),
        },
    }
}

/// One line of `rbac list`.
#[derive(Debug)]
pub(crate) struct BindingLine {
    /// The user's name.
    pub(crate) user: String,
    /// On which cluster.
    pub(crate) cluster: String,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// Since when.
    pub(crate) bound_at: Timestamp,
    /// By whom.
    pub(crate) bound_by: String,
    /// The reason that somebody gave.
    pub(crate) reason: String,
    /// How it stands there, where the cluster was asked.
    pub(crate) standing: Option<Standing>,
}

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Only this cluster.
    pub(crate) cluster: Option<ClusterName>,
    /// Only this user.
    pub(crate) user: Option<UserRef>,
}

/// A list, and why the cluster could not be asked how it stands.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The lines.
    pub(crate) lines: Vec<BindingLine>,
    /// Why the cluster was not asked, where it should have been.
    pub(crate) not_asked: Option<String>,
}

/// Lists bindings, as far as the actor may know. One cluster, managed by the actor, is asked how
/// they stand there.
pub(crate) async fn list(session: &Session, filter: &Filter) -> Result<Listed, Error> {
    let (actor, journal) = find::acting(session, Action::RbacList)?;
    if let Some(name) = &filter.cluster {
        find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    }
    let only = filter.user.as_ref().map(|name| find::user(session, name));
    // Only who may know all users is told that one does not exist.
    let only = match only {
        Some(Err(error)) if actor.user.role.is_admin() => return Err(error),
        Some(Err(_)) => {
            return Ok(Listed {
                lines: vec![],
                not_asked: None,
            });
        }
        Some(Ok(user)) => Some(user.id),
        None => None,
    };
    let (clusters, bindings, names) = session.store()?.read(|tx| {
        let names: BTreeMap<UserId, String> = store::users::list(tx)?
            .into_iter()
            .map(|user| (user.id, user.name.to_string()))
            .collect();
        let clusters = store::clusters::list(tx)?;
        Ok::<_, store::Error>((clusters, store::bindings::list(tx)?, names))
    })?;
    let name = |id: UserId| names.get(&id).cloned().unwrap_or_default();
    let mut listed = Listed {
        lines: vec![],
        not_asked: None,
    };
    let wanted = |cluster: &&Cluster| filter.cluster.as_ref().is_none_or(|it| *it == cluster.name);
    for cluster in clusters.iter().filter(wanted) {
        let manages = super::cluster::manages(session, &actor, cluster)?;
        let here: Vec<&Binding> = bindings
            .iter()
            .filter(|binding| binding.cluster == cluster.id)
            .filter(|binding| only.is_none_or(|only| only == binding.user))
            .filter(|binding| manages || binding.user == actor.user.id)
            .collect();
        let seen = if filter.cluster.is_some() && manages && !here.is_empty() {
            match super::cluster::look(session, cluster).await {
                Ok(seen) => Some(seen),
                Err(error) => {
                    listed.not_asked = Some(text::chain(&error));
                    None
                }
            }
        } else {
            None
        };
        listed
            .lines
            .extend(here.into_iter().map(|binding| BindingLine {
                user: name(binding.user),
                cluster: cluster.name.to_string(),
                bound: binding.bound.clone(),
                bound_at: binding.bound_at,
                bound_by: name(binding.bound_by),
                reason: binding.reason.clone(),
                standing: seen.as_ref().map(|seen| standing(&binding.bound, seen)),
            }));
    }
    Ok(listed)
}

/// A role that can be bound.
#[derive(Debug)]
pub(crate) struct Offer {
    /// Which, and where.
    pub(crate) bound: Bound,
    /// What it allows, in a line.
    pub(crate) allows: String,
    /// Why its holder could escalate.
    pub(crate) escalates: Option<String>,
}

/// Lists what can be bound on a cluster, cluster-wide or in a namespace.
pub(crate) async fn roles(
    session: &Session,
    name: &ClusterName,
    namespace: Option<&str>,
    with_system: bool,
) -> Result<Vec<Offer>, Error> {
    let (actor, journal) = find::acting(session, Action::RbacRoles)?;
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Operate)?;
    let seen = super::cluster::look(session, &found.cluster).await?;
    if let Some(namespace) = namespace
        && !seen.observed.namespaces.contains(namespace)
    {
        let known = seen.observed.namespaces.iter().cloned();
        return Err(Error::Obstacle(Obstacle::NoNamespace {
            similar: similar(namespace, known),
            namespace: namespace.to_owned(),
            cluster: name.clone(),
        }));
    }
    let cluster_roles = seen.roles.cluster.keys().cloned().map(RoleRef::Cluster);
    let here = |key: &&(String, String)| Some(key.0.as_str()) == namespace;
    let roles = seen.roles.namespaced.keys().filter(here);
    let roles = roles.map(|(_, name)| RoleRef::Namespaced(name.clone()));
    let all = cluster_roles.chain(roles).map(|role| Bound {
        place: namespace.map(str::to_owned),
        role,
    });
    let offers = all.filter_map(|bound| {
        let rules = seen.roles.rules(&bound.role, namespace)?;
        let hidden = bound.is_system() && !with_system;
        (!hidden && bound.is_refused(rules).is_none()).then(|| Offer {
            allows: role_summary::summary(rules),
            escalates: seen.escalation.of(&bound, rules),
            bound,
        })
    });
    Ok(offers.collect())
}
