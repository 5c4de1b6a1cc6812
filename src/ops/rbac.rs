//! Role bindings: bind, unbind and list roles of a cluster's own, and say what can be bound.

use std::collections::BTreeMap;

use super::journal::Journal;
use super::{Applied, Done, Error, Mode, find, settle};
use crate::domain::access::Access;
use crate::domain::audit::Phase;
use crate::domain::binding::{Binding, Bound};
use crate::domain::cluster::Cluster;
use crate::domain::level::LeftOut;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::power::RoleRef;
use crate::domain::user::{User, UserId};
use crate::domain::{Confirmed, Timestamp, climb};
use crate::kubernetes::manager::BINDING_RIGHTS;
use crate::kubernetes::observe::{Look, Seen};
use crate::session::{Actor, Session};
use crate::store;
use crate::store::bindings::NewBinding;

/// A role that is wished for a user, or no more.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Whose.
    pub(crate) user: UserRef,
    /// On which cluster.
    pub(crate) cluster: ClusterName,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// Why.
    pub(crate) reason: String,
}

/// What a change of bindings came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whose.
    pub(crate) user: String,
    /// On which cluster.
    pub(crate) cluster: ClusterName,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// Why its holder can climb, where they can.
    pub(crate) climbs: Option<String>,
    /// What it carries that the level of the same kind leaves out.
    pub(crate) more: Vec<LeftOut>,
    /// What the user has there now.
    pub(crate) access: Access,
    /// Whether a live credential carries it, or did.
    pub(crate) is_live: bool,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

struct Case {
    actor: Actor,
    journal: Journal,
    cluster: Cluster,
    user: User,
}

/// Finds who and where, and asks the rules.
fn case(
    session: &Session,
    words: &'static str,
    wish: &Wish,
    action: ClusterAction,
) -> Result<Case, Error> {
    let actor = find::actor(session, words)?;
    let journal = Journal::new(&actor, words).user_name(&wish.user.to_string());
    let found = find::cluster(session, &actor, &journal, &wish.cluster, action)?;
    let journal = journal.cluster(&found.cluster);
    let user = find::user(session, &wish.user)?;
    let journal = journal.user(&user);
    Ok(Case {
        actor,
        journal,
        cluster: found.cluster,
        user,
    })
}

fn case_to_bind(session: &Session, wish: &Wish) -> Result<Case, Error> {
    let action = if wish.bound.is_a_level() {
        ClusterAction::BindLevel
    } else {
        ClusterAction::BindRole
    };
    let case = case(session, "rbac bind", wish, action)?;
    let user = &case.user;
    if !user.active {
        return Err(Error::Forbidden {
            why: format!("'{}' is disabled and has nothing", user.name),
            hint: format!("run `kubegrant user enable {}` first", user.name),
        });
    }
    if user.role.is_admin() {
        return Err(Error::Forbidden {
            why: format!(
                "'{}' is an organization {}, who has full access to every cluster",
                user.name, user.role
            ),
            hint: format!(
                "to limit them, run `kubegrant user set-role {} developer`",
                user.name
            ),
        });
    }
    Ok(case)
}

fn existing(session: &Session, case: &Case, bound: &Bound) -> Result<Option<Binding>, Error> {
    let all = session
        .store()?
        .read(|tx| store::bindings::of_user(tx, case.cluster.id, case.user.id))?;
    Ok(all.into_iter().find(|binding| binding.bound == *bound))
}

/// Looks at everything that judging a role needs.
async fn look(session: &Session, cluster: &Cluster) -> Result<Seen, Error> {
    let connection = session
        .connect(cluster, &find::installation(session)?)
        .await?;
    let look = Look {
        with_write: true,
        with_places: true,
        cluster: Some(cluster),
    };
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    connection.observe(&look).await.map_err(failed)
}

/// The same, where the manager may bind at all: one made by an earlier version may not.
async fn look_to_bind(session: &Session, cluster: &Cluster) -> Result<Seen, Error> {
    let connection = session
        .connect(cluster, &find::installation(session)?)
        .await?;
    let look = Look {
        with_write: true,
        with_places: true,
        cluster: Some(cluster),
    };
    let (missing, seen) = futures::try_join!(
        connection.missing_rights(&BINDING_RIGHTS),
        connection.observe(&look)
    )
    .map_err(|source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    })?;
    if missing.is_empty() {
        return Ok(seen);
    }
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(Error::Forbidden {
        why: format!(
            "the manager of cluster '{}' may not {}: it was made before there were role bindings",
            cluster.name,
            missing.join(", ")
        ),
        hint: format!(
            "give it the rights with `kubegrant cluster relink {} --kubeconfig FILE`",
            cluster.name
        ),
    })
}

/// Judges a role in its place: there at all, to be had at all, and whether its holder can climb.
async fn judge(session: &Session, case: &Case, bound: &Bound) -> Result<Judgement, Error> {
    let (cluster, actor) = (&case.cluster, &case.actor);
    let seen = look_to_bind(session, cluster).await?;
    if let Some(namespace) = &bound.place
        && !seen.observed.namespaces.contains(namespace)
    {
        let known = seen.observed.namespaces.iter().cloned();
        return Err(Error::NotThere {
            what: format!("namespace '{namespace}' on cluster '{}'", cluster.name),
            hint: find::did_you_mean(namespace, known).unwrap_or_default(),
        });
    }
    let Some(rules) = seen.roles.rules(&bound.role, bound.place.as_deref()) else {
        return Err(no_role(cluster, bound, &seen));
    };
    if let Some(why) = bound.is_refused(rules) {
        let why = format!("{bound} can be bound to nobody: {why}");
        case.journal
            .record_alone(session, Phase::Denied, why.clone(), None)?;
        let hint = format!(
            "`kubegrant rbac roles {}` lists what can be bound",
            cluster.name
        );
        return Err(Error::Forbidden { why, hint });
    }
    let climbs = seen.escalation.of(bound, rules).or_else(|| {
        let system = || "it is made for Kubernetes' own components".to_owned();
        bound.is_system().then(system)
    });
    if climbs.is_some() && bound.is_a_level() {
        // Where it climbs, `edit` is no level any more.
        let action = ClusterAction::BindRole;
        find::cluster(session, actor, &case.journal, &cluster.name, action)?;
    }
    // The cluster's own role is bound, and not what stands in for it where somebody has the level.
    let is_its = |left: &LeftOut| bound.is_a_level() && left.part.role() == bound.role.name();
    Ok(Judgement {
        climbs,
        more: seen.left_out.into_iter().filter(is_its).collect(),
    })
}

/// What a role is to whoever gets it.
struct Judgement {
    /// Why its holder can climb.
    climbs: Option<String>,
    /// What it carries that the level of the same kind leaves out.
    more: Vec<LeftOut>,
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
    let place = match &bound.place {
        Some(namespace) if bound.kind() == "Role" => format!(" in namespace '{namespace}'"),
        _ => String::new(),
    };
    let hint = find::did_you_mean(name, known).unwrap_or_else(|| {
        let place = bound.place.as_ref().map(|it| format!(" -n {it}"));
        format!(
            "`kubegrant rbac roles {}{}` lists what can be bound",
            cluster.name,
            place.unwrap_or_default()
        )
    });
    Error::NotThere {
        what: format!(
            "{} '{name}'{place} on cluster '{}'",
            bound.kind(),
            cluster.name
        ),
        hint,
    }
}

/// Binds a role to a user. It takes effect at once, on the credential that the user has.
///
/// One that lets its holder climb is refused with [`Error::Climbs`] until a person agreed.
pub(crate) async fn bind(
    session: &Session,
    wish: &Wish,
    mode: Mode,
    confirmed: Option<Confirmed>,
) -> Result<Done<Outcome>, Error> {
    let asked = case_to_bind(session, wish)?;
    let lock = session.lock(&asked.cluster).await?;
    // Asked again under the lock: what was true before we waited may not be true any more.
    let case = case_to_bind(session, wish)?;
    let (bound, name, on) = (&wish.bound, &case.user.name, &case.cluster.name);
    if existing(session, &case, bound)?.is_some() {
        // Nothing new, and yet something may be owed from the last time.
        let applied = match mode {
            Mode::Do => settle::pay(session, &case.cluster, &lock, &case.journal, None).await?,
            Mode::Plan => Applied::default(),
        };
        return outcome(session, &case, bound, true, None, applied);
    }
    let Judgement { climbs, more } = judge(session, &case, bound).await?;
    if mode == Mode::Plan {
        let line = format!("bind {bound} to '{name}' on cluster '{on}'");
        let climbs = climbs.map(|why| format!("let '{name}' climb: {why}"));
        return Ok(Done::Planned([line].into_iter().chain(climbs).collect()));
    }
    if let (Some(why), None) = (&climbs, confirmed) {
        return Err(Error::Climbs {
            what: format!("{bound} lets its holder climb on cluster '{on}': {why}"),
        });
    }
    let why = match wish.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let can_climb = match &climbs {
        None => String::new(),
        Some(why) => format!(", who can climb with it ({why})"),
    };
    let detail = format!("{bound} for '{name}'{can_climb}{why}");
    let request = session.store()?.write(|tx| {
        let request = case
            .journal
            .record(session, tx, Phase::Requested, detail.clone(), None)?;
        let new = NewBinding {
            user: case.user.id,
            cluster: case.cluster.id,
            bound,
            bound_at: session.now(),
            bound_by: case.actor.user.id,
            reason: &wish.reason,
        };
        store::bindings::insert(tx, &new)?;
        Ok::<_, Error>(request)
    })?;
    let applied = settle::pay(session, &case.cluster, &lock, &case.journal, Some(request)).await?;
    case.journal.close(session, &applied, detail, request)?;
    let mut done = outcome(session, &case, bound, false, climbs, applied)?;
    if let Done::Did(outcome) = &mut done {
        outcome.more = more;
    }
    Ok(done)
}

/// Unbinds a role. It takes effect at once; who has nothing else left loses the credential too.
pub(crate) async fn unbind(
    session: &Session,
    wish: &Wish,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Outcome>, Error> {
    let action = if wish.bound.is_a_level() {
        ClusterAction::UnbindLevel
    } else {
        ClusterAction::UnbindRole
    };
    let case = case(session, "rbac unbind", wish, action)?;
    let (bound, name, on) = (&wish.bound, &case.user.name, &case.cluster.name);
    let Some(binding) = existing(session, &case, bound)? else {
        let applied = match mode {
            Mode::Do => settle::pay_taking(session, &case.cluster, &case.journal, None).await?,
            Mode::Plan => Applied::default(),
        };
        return outcome(session, &case, bound, true, None, applied);
    };
    if mode == Mode::Plan {
        let mut lines = vec![format!("unbind {bound} from '{name}' on cluster '{on}'")];
        lines.extend(would_end(session, &case)?);
        return Ok(Done::Planned(lines));
    }
    let detail = format!("{bound} of '{name}'");
    let request = session.store()?.write(|tx| {
        let request = case
            .journal
            .record(session, tx, Phase::Requested, detail.clone(), None)?;
        store::bindings::remove(tx, &binding, session.now())?;
        settle::end_what_must(session, tx, &case.cluster, &case.journal, Some(request))?;
        Ok::<_, Error>(request)
    })?;
    let applied = settle::pay_taking(session, &case.cluster, &case.journal, Some(request)).await?;
    case.journal.close(session, &applied, detail, request)?;
    outcome(session, &case, bound, false, None, applied)
}

/// What ends with the last binding of somebody who has nothing else.
fn would_end(session: &Session, case: &Case) -> Result<Vec<String>, Error> {
    let (cluster, user) = (&case.cluster, &case.user);
    session.store()?.read(|tx| {
        let bindings = store::bindings::of_user(tx, cluster.id, user.id)?;
        let access = find::access_of(tx, session, user, cluster)?;
        if bindings.len() > 1 || access != Access::Bound {
            return Ok(vec![]);
        }
        let versions = store::credentials::versions(tx, cluster.id, user.id)?;
        let live = versions.iter().filter(|version| version.state.is_live());
        let line = |version: u32| {
            format!(
                "end version {version} of '{}' on cluster '{}'",
                user.name, cluster.name
            )
        };
        Ok(live.map(|live| line(live.version)).collect())
    })
}

fn outcome(
    session: &Session,
    case: &Case,
    bound: &Bound,
    unchanged: bool,
    climbs: Option<String>,
    applied: Applied,
) -> Result<Done<Outcome>, Error> {
    let (access, is_live) = session.store()?.read(|tx| {
        let access = find::access_of(tx, session, &case.user, &case.cluster)?;
        let versions = store::credentials::versions(tx, case.cluster.id, case.user.id)?;
        let is_live = versions.iter().any(|version| version.state.is_live());
        Ok::<_, store::Error>((access, is_live))
    })?;
    Ok(Done::Did(Outcome {
        user: case.user.name.to_string(),
        cluster: case.cluster.name.clone(),
        bound: bound.clone(),
        unchanged,
        climbs,
        more: vec![],
        access,
        is_live,
        applied,
    }))
}

/// How a binding stands on its cluster now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The role is there; whether it lets its holder climb, and why.
    Role {
        /// Why, where it does.
        climbs: Option<String>,
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
            climbs: seen.escalation.of(bound, rules),
        },
    }
}

/// One line of `rbac list`.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whose.
    pub(crate) user: String,
    /// On which cluster.
    pub(crate) cluster: String,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// Since when.
    pub(crate) bound_at: Timestamp,
    /// By whom.
    pub(crate) bound_by: String,
    /// Why.
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
    pub(crate) lines: Vec<Line>,
    /// Why the cluster was not asked, where it should have been.
    pub(crate) not_asked: Option<String>,
}

/// Lists bindings, as far as the actor may know. One cluster, managed by the actor, is asked how
/// they stand there.
pub(crate) async fn list(session: &Session, filter: &Filter) -> Result<Listed, Error> {
    let actor = find::actor(session, "rbac list")?;
    let journal = Journal::new(&actor, "rbac list");
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
            match look(session, cluster).await {
                Ok(seen) => Some(seen),
                Err(error) => {
                    listed.not_asked = Some(settle::chain(&error));
                    None
                }
            }
        } else {
            None
        };
        listed.lines.extend(here.into_iter().map(|binding| Line {
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
    /// Why its holder could climb.
    pub(crate) climbs: Option<String>,
}

/// Lists what can be bound on a cluster, cluster-wide or in a namespace.
pub(crate) async fn roles(
    session: &Session,
    name: &ClusterName,
    namespace: Option<&str>,
    with_system: bool,
) -> Result<Vec<Offer>, Error> {
    let actor = find::actor(session, "rbac roles")?;
    let journal = Journal::new(&actor, "rbac roles");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Operate)?;
    let seen = look(session, &found.cluster).await?;
    if let Some(namespace) = namespace
        && !seen.observed.namespaces.contains(namespace)
    {
        let known = seen.observed.namespaces.iter().cloned();
        return Err(Error::NotThere {
            what: format!("namespace '{namespace}' on cluster '{name}'"),
            hint: find::did_you_mean(namespace, known).unwrap_or_default(),
        });
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
            allows: climb::summary(rules),
            climbs: seen.escalation.of(&bound, rules),
            bound,
        })
    });
    Ok(offers.collect())
}
