//! `rbac bind`: a role of the cluster's own for a user.

use super::{BindOutcome, existing};
use crate::domain::Confirmed;
use crate::domain::access::Access;
use crate::domain::action::Action;
use crate::domain::binding::Bound;
use crate::domain::cluster::Cluster;
use crate::domain::effect::{Effect, NewBinding};
use crate::domain::level::LeftOut;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::power::RoleRef;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::similar::similar;
use crate::kubernetes::manager::BINDING_RIGHTS;
use crate::kubernetes::observe::{Look, Seen};
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent, Obstacle, Unasked, find};
use crate::session::Session;

/// A role is bound to a user. It takes effect at once, on the credential that the user has.
#[derive(Debug, Clone)]
pub(crate) struct Bind {
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
    /// On which cluster.
    pub(crate) cluster: ClusterName,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// Why, for the audit log.
    pub(crate) reason: String,
    /// Whether somebody insists, where its holder can escalate by it.
    pub(crate) insists: Option<Confirmed>,
}

/// What a role is to whoever gets it, as its cluster says.
#[derive(Debug, Default)]
pub(in crate::ops) struct Judgement {
    /// Why nobody may have it.
    pub(super) refused: Option<String>,
    /// Why its holder can escalate.
    pub(super) escalates: Option<String>,
    /// What it carries that the level of the same kind leaves out.
    pub(super) more: Vec<LeftOut>,
}

impl Change for Bind {
    type Seen = Judgement;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let action = if self.bound.is_a_level() {
            ClusterAction::BindLevel
        } else {
            ClusterAction::BindRole
        };
        About::gives(Action::RbacBind, Target::on(&self.cluster, action)).user(&self.user)
    }

    fn insists(&self) -> Option<Confirmed> {
        self.insists
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Self::Seen, Error> {
        let on = rows.only().map_err(Error::Refused)?;
        judge(session, &on.cluster, &self.bound).await
    }

    fn decide(&self, rows: &Rows, who: &Who, seen: &Judgement) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let user = rows.people.receiver(&self.user)?;
        if user.role.is_admin() {
            return Err(Refusal::HasFullAccess {
                user: user.name.clone(),
                role: user.role,
            });
        }
        if let Some(why) = &seen.refused {
            return Err(Refusal::BoundToNobody {
                cluster: self.cluster.clone(),
                bound: self.bound.clone(),
                why: why.clone(),
            });
        }
        if seen.escalates.is_some() && self.bound.is_a_level() {
            // Where it escalates, `edit` is no level any more.
            who.may_on(on, ClusterAction::BindRole)?;
        }
        let (bound, name) = (&self.bound, &user.name);
        let escalates = seen.escalates.as_ref().map(|why| {
            format!(
                "{bound} lets its holder escalate on cluster '{}': {why}",
                self.cluster
            )
        });
        let can_escalate = match &seen.escalates {
            None => String::new(),
            Some(why) => format!(", who can escalate with it ({why})"),
        };
        let why = match self.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        let bind = || {
            Effect::Bind(NewBinding {
                cluster: on.cluster.id,
                user: user.id,
                bound: bound.clone(),
                bound_at: who.now,
                bound_by: who.user.id,
                reason: self.reason.clone(),
            })
        };
        let is_new = existing(on, user.id, bound).is_none();
        let mut effects: Vec<Effect> = is_new.then(bind).into_iter().collect();
        if is_new && (seen.escalates.is_some() || !bound.is_a_level()) {
            effects.extend(on.end_in_reach_of_issuer(user.id));
        }
        Ok(Decision {
            effects,
            detail: format!("{bound} for '{name}'{can_escalate}{why}"),
            user: Some(user.id),
            although: escalates.clone().into_iter().collect(),
            needs_consent: escalates.into_iter().collect(),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Binds a role to a user.
///
/// One that lets its holder escalate is refused with [`Error::Escalates`] until a person agreed.
pub(crate) async fn bind(
    session: &Session,
    change: &Bind,
    intent: &Intent<Unasked>,
) -> Result<Done<BindOutcome>, Error> {
    let carried = match change::run(session, change, intent).await? {
        Done::Planned(planned) => return Ok(Done::Planned(planned)),
        Done::Did(carried) => carried,
    };
    let mut outcome = BindOutcome::of(session, &change.bound, &carried)?;
    let user = carried.user();
    outcome.access = user.map_or(Access::None, |user| outcome.access.or_bound(user, true));
    outcome.more = carried.seen.more;
    outcome.escalates = carried.seen.escalates;
    Ok(Done::Did(outcome))
}

/// The same, where the manager may bind at all: one made by an earlier version may not.
async fn look_to_bind(session: &Session, cluster: &Cluster) -> Result<Seen, Error> {
    let connection = session
        .connect(cluster, &find::installation(session)?)
        .await?;
    let look = Look {
        only: None,
        with_write: true,
        with_places: true,
        cluster: Some(cluster),
    };
    let (missing, seen) = futures::try_join!(
        // What an issuer may not is decided, and left to the manager.
        async {
            if connection.is_issuer() {
                return Ok(vec![]);
            }
            connection.missing_rights(&BINDING_RIGHTS).await
        },
        connection.observe(&look)
    )
    .map_err(|source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    })?;
    if missing.is_empty() {
        return Ok(seen);
    }
    Err(Error::Obstacle(Obstacle::ManagerCannotBind {
        cluster: cluster.name.clone(),
        missing: missing.iter().map(ToString::to_string).collect(),
    }))
}

/// Judges a role in its place: there at all, to be had at all, and whether its holder can escalate.
async fn judge(session: &Session, cluster: &Cluster, bound: &Bound) -> Result<Judgement, Error> {
    let seen = look_to_bind(session, cluster).await?;
    if let Some(namespace) = &bound.place
        && !seen.observed.namespaces.contains(namespace)
    {
        let known = seen.observed.namespaces.iter().cloned();
        return Err(Error::Obstacle(Obstacle::NoNamespace {
            similar: similar(namespace, known),
            namespace: namespace.clone(),
            cluster: cluster.name.clone(),
        }));
    }
    let Some(rules) = seen.roles.rules(&bound.role, bound.place.as_deref()) else {
        return Err(no_role(cluster, bound, &seen));
    };
    let refused = bound.is_refused(rules);
    let escalates = seen.escalation.of(bound, rules).or_else(|| {
        let system = || "it is made for Kubernetes' own components".to_owned();
        bound.is_system().then(system)
    });
    // The cluster's own role is bound, and not what stands in for it where somebody has the level.
    let is_its = |left: &LeftOut| bound.is_a_level() && left.part.role() == bound.role.name();
    Ok(Judgement {
        refused,
        escalates,
        more: seen.left_out.into_iter().filter(is_its).collect(),
    })
}

fn no_role(cluster: &Cluster, bound: &Bound, seen: &Seen) -> Error {
    let name = bound.role.name();
    let known: Vec<String> = match (&bound.role, &bound.place) {
        (RoleRef::Cluster(_), _) => seen.roles.cluster.keys().cloned().collect(),
        (RoleRef::Namespaced(_), place) => {
            let here = |key: &&(String, String)| Some(&key.0) == place.as_ref();
            let keys = seen.roles.namespaced.keys().filter(here);
            keys.map(|(_, name)| name.clone()).collect()
        }
    };
    Error::Obstacle(Obstacle::NoRole {
        similar: similar(name, known),
        bound: Box::new(bound.clone()),
        cluster: cluster.name.clone(),
    })
}
