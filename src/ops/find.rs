//! Finding what a request is about, as far as the actor may see it.

mod help;

use self::help::{RefusedOn, active, help, owners_of};
pub(super) use self::help::{admins, who_restores};
use super::journal::Journal;
use super::{Error, Obstacle};
use crate::domain::access::{self, Access};
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, SelfService};
use crate::domain::credential::State;
use crate::domain::installation::InstallationId;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy::{
    self, Actor as PolicyActor, ClusterAction, Denial, OrganizationAction, ProjectAction, Standing,
    Target,
};
use crate::domain::project::{Project, ProjectId, ProjectRole};
use crate::domain::similar::similar;
use crate::domain::user::{Role, User};
use crate::session::{App, Principal, Session};
use crate::store::integrity::{self, Scope};
use crate::store::{self, ReadTxn};

/// The actor in the words of the rules.
pub(super) fn policy_actor(actor: &Principal) -> PolicyActor {
    PolicyActor {
        role: actor.user.role,
        // A disabled holder can do nothing, whomever they act as.
        active: actor.user.active && actor.holder.active,
    }
}

/// The access of a user on a cluster, from the store.
pub(super) fn access_of(
    tx: &ReadTxn<'_>,
    app: &App,
    user: &User,
    cluster: &Cluster,
) -> store::Result<Access> {
    let grant = store::grants::find(tx, cluster.id, user.id)?;
    let access = access::effective(user, cluster, grant.as_ref(), app.now());
    if access != Access::None {
        return Ok(access);
    }
    Ok(access.or_bound(user, store::bindings::any(tx, cluster.id, user.id)?))
}

/// Whether a cluster is there for a user.
pub(super) fn sees(
    tx: &ReadTxn<'_>,
    app: &App,
    user: &User,
    cluster: &Cluster,
) -> store::Result<bool> {
    let access = access_of(tx, app, user, cluster)?;
    Ok(policy::sees(access, project_role(tx, user, cluster)?))
}

/// What a user is in the project that a cluster is in; nothing while they are disabled.
pub(super) fn project_role(
    tx: &ReadTxn<'_>,
    user: &User,
    cluster: &Cluster,
) -> store::Result<Option<ProjectRole>> {
    match cluster.project {
        Some(project) if user.active => role_in(tx, project, user),
        _ => Ok(None),
    }
}

/// What a user is in a project, whose members must be those that this program left.
fn role_in(
    tx: &ReadTxn<'_>,
    project: ProjectId,
    user: &User,
) -> store::Result<Option<ProjectRole>> {
    let role = store::projects::role_of(tx, project, user.id)?;
    if role.is_some() {
        integrity::check(tx, Scope::Project(project))?;
    }
    Ok(role)
}

/// Who is acting, with the right to act as the user given with `--as`; the store must be what this
/// program left, or nothing that it says of anybody's rights counts.
pub(super) fn principal(session: &Session, action: Action) -> Result<Principal, Error> {
    session.is_about(action);
    session.one_look(|| {
        session.trust()?;
        allowed_to_act(session, action, session.principal()?)
    })
}

/// [`principal`], with the journal of what they do.
pub(super) fn acting(session: &Session, action: Action) -> Result<(Principal, Journal), Error> {
    let actor = principal(session, action)?;
    let journal = Journal::new(&actor, action);
    Ok((actor, journal))
}

/// [`reader`], with the journal of what they do.
pub(super) fn reading(session: &Session, action: Action) -> Result<(Principal, Journal), Error> {
    let actor = reader(session, action)?;
    let journal = Journal::new(&actor, action);
    Ok((actor, journal))
}

/// [`principal`] for those who only look at the log: also where the store cannot be trusted.
pub(super) fn reader(session: &Session, action: Action) -> Result<Principal, Error> {
    session.is_about(action);
    allowed_to_act(session, action, session.principal_unchecked()?)
}

/// Whether somebody may act at all; a refusal is recorded.
fn allowed_to_act(session: &Session, action: Action, actor: Principal) -> Result<Principal, Error> {
    let by_itself = !actor.is_acting_as() && action.is_servers_own();
    let served = actor.holder.role != Role::Server || action.is_served() || by_itself;
    let denied = Denial::AdminsOnly(OrganizationAction::ActAs);
    if let Err(denial) = acts_as(&actor).and_then(|()| served.then_some(()).ok_or(denied)) {
        let journal = Journal::new(&actor, action);
        return Err(journal.deny(session, denial, None, &actor.holder, vec![]));
    }
    if !actor.user.active || !actor.holder.active {
        let who = if actor.holder.active {
            &actor.user
        } else {
            &actor.holder
        };
        let journal = Journal::new(&actor, action);
        return Err(journal.deny(session, Denial::Disabled, None, who, vec![]));
    }
    Ok(actor)
}

/// Whether the holder may act as the user given with `--as`, if any.
pub(super) fn acts_as(actor: &Principal) -> Result<(), Denial> {
    if !actor.is_acting_as() {
        return Ok(());
    }
    let holder = PolicyActor {
        role: actor.holder.role,
        active: actor.holder.active,
    };
    policy::act_as(holder, actor.user.role)
}

/// Whether something may be done with a cluster whose deletion has begun.
pub(super) fn goes_on_while_deleting(action: ClusterAction) -> bool {
    matches!(
        action,
        ClusterAction::Delete | ClusterAction::See | ClusterAction::Transfer
    )
}

/// Asks the organization's rules; a refusal is recorded.
pub(super) fn may(
    app: &App,
    actor: &Principal,
    journal: &Journal,
    action: OrganizationAction,
) -> Result<(), Error> {
    policy::in_organization(policy_actor(actor), action)
        .map_err(|denial| denied(app, actor, journal, None, denial))
}

/// Records a refusal by the organization's rules, and gives the error that says who can help.
pub(super) fn denied(
    app: &App,
    actor: &Principal,
    journal: &Journal,
    cluster: Option<&ClusterName>,
    denial: Denial,
) -> Error {
    let action = match denial {
        Denial::NotOnCluster(action) | Denial::Archived(action) | Denial::Protected(action) => {
            Some(action)
        }
        _ => None,
    };
    if let (Some(name), Some(action)) = (cluster, action) {
        let looked = app
            .store()
            .and_then(|store| store.read(|tx| store::clusters::find(tx, name)));
        let refused = RefusedOn {
            denial: &denial,
            action,
            name,
            cluster: looked.ok().flatten(),
            project: None,
        };
        let help = help(app, actor, refused);
        let help = help.unwrap_or_default();
        return journal.deny(app, denial, cluster, &actor.user, help);
    }
    // An admin may not help with what only owners may.
    let names = match denial {
        Denial::OwnersOnly => active(app, |user| user.role == Role::Owner),
        _ => admins(app),
    };
    let help = names
        .map(|names| vec![format!("ask {names}")])
        .unwrap_or_default();
    journal.deny(app, denial, cluster, &actor.user, help)
}

/// A cluster that the actor asked about, with what they have on it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The cluster.
    pub(super) cluster: Cluster,
    /// What the actor has on it by themselves.
    pub(super) access: Access,
    /// What the actor is in its project.
    pub(super) project: Option<ProjectRole>,
}

/// How a user's kubeconfig stands on a cluster, where that counts: a block is about what comes into
/// one's own hands, not about what one does for others.
pub(super) fn standing(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    user: &User,
    action: ClusterAction,
) -> store::Result<Standing> {
    let own = [
        ClusterAction::OwnKubeconfig,
        ClusterAction::SharedKubeconfig,
    ];
    if !own.contains(&action) {
        return Ok(Standing::Nothing);
    }
    if store::blocks::contains(tx, cluster.id, user.id)? {
        return Ok(Standing::Blocked);
    }
    let latest = store::credentials::versions(tx, cluster.id, user.id)?.pop();
    Ok(match latest.map(|credential| credential.state) {
        None => Standing::Nothing,
        Some(state) if state.is_live() => Standing::Live,
        Some(State::Revoked) => Standing::Ended,
        Some(_) => Standing::Ending,
    })
}

/// Finds a cluster and asks the rules; an unknown and a hidden one are answered alike.
pub(super) fn cluster(
    app: &App,
    actor: &Principal,
    journal: &Journal,
    name: &ClusterName,
    action: ClusterAction,
) -> Result<Found, Error> {
    let looked = app.store()?.read(|tx| {
        let Some(cluster) = store::clusters::find(tx, name)? else {
            return Ok(None);
        };
        let access = access_of(tx, app, &actor.user, &cluster)?;
        let project = project_role(tx, &actor.user, &cluster)?;
        let ways = (access, project);
        // To whom the cluster is hidden, it is not damaged either.
        if action != ClusterAction::See && policy::sees(access, project) {
            integrity::check(tx, Scope::Cluster(cluster.id))?;
        }
        let standing = standing(tx, &cluster, &actor.user, action)?;
        Ok::<_, store::Error>(Some((cluster, ways, standing)))
    })?;
    let decided = match &looked {
        None => Err(Denial::UnknownCluster),
        Some((cluster, (access, project), standing)) => policy::on_cluster(
            policy_actor(actor),
            action,
            Target {
                access: *access,
                project: *project,
                state: cluster.state,
                protected: cluster.protected,
                standing: *standing,
            },
        ),
    };
    let self_service = looked.as_ref().map(|(cluster, ..)| cluster.self_service);
    let is_served = actor.holder.role != Role::Server
        || self_service.is_none_or(|how| policy::is_served(journal.action(), action, how));
    if decided.is_ok() && !is_served {
        let help = match self_service {
            Some(SelfService::Off) => format!(
                "ask whoever manages it to do it for you, or to run `kubegrant cluster set {name} \
                 --self-service on`"
            ),
            _ => "do it where the store is, with a key of your own".to_owned(),
        };
        let journal = journal.clone().cluster_name(name);
        let denial = Denial::NotServed;
        return Err(journal.deny(app, denial, Some(name), &actor.user, vec![help]));
    }
    match (decided, looked) {
        (Ok(()), Some((cluster, (access, project), _))) => {
            if cluster.deleting_at.is_some() && !goes_on_while_deleting(action) {
                return Err(Error::Obstacle(Obstacle::Deleting(name.clone())));
            }
            Ok(Found {
                cluster,
                access,
                project,
            })
        }
        (Ok(()) | Err(Denial::UnknownCluster), _) => {
            let journal = journal.clone().cluster_name(name);
            // The refusal is recorded; to the actor the cluster does not exist.
            let _denied =
                journal.deny(app, Denial::UnknownCluster, Some(name), &actor.user, vec![]);
            let visible = visible_names(app, actor)?;
            Err(Error::UnknownCluster {
                name: name.clone(),
                similar: similar(name.as_str(), visible),
            })
        }
        (Err(denial), looked) => {
            let (cluster, project) = match looked {
                Some((cluster, (_, project), _)) => (Some(cluster), project),
                None => (None, None),
            };
            let refused = RefusedOn {
                denial: &denial,
                action,
                name,
                cluster,
                project,
            };
            let help = help(app, actor, refused)?;
            Err(journal
                .clone()
                .cluster_name(name)
                .deny(app, denial, Some(name), &actor.user, help))
        }
    }
}

/// Finds a project and asks the rules; an unknown and a hidden one are answered alike.
pub(super) fn project(
    app: &App,
    actor: &Principal,
    journal: &Journal,
    name: &ProjectName,
    action: ProjectAction,
) -> Result<Project, Error> {
    let (found, visible) = app.store()?.read(|tx| {
        let found = store::projects::find(tx, name)?;
        let role = match &found {
            Some(project) => role_in(tx, project.id, &actor.user)?,
            None => None,
        };
        let roles = store::projects::roles(tx)?;
        let mut visible = store::projects::list(tx)?;
        visible.retain(|project| {
            let role = roles.get(&(project.id, actor.user.id)).copied();
            policy::sees_project(&actor.user, role)
        });
        let visible: Vec<String> = visible.iter().map(|it| it.name.to_string()).collect();
        Ok::<_, store::Error>((found.map(|project| (project, role)), visible))
    })?;
    let unknown = || Error::UnknownProject {
        name: name.clone(),
        similar: similar(name.as_str(), visible),
    };
    let Some((project, role)) = found else {
        let text = format!("no project '{name}'");
        journal.record_alone(app, Phase::Denied, text, None)?;
        return Err(unknown());
    };
    match policy::in_project(policy_actor(actor), action, role) {
        Ok(()) => Ok(project),
        Err(Denial::UnknownProject) => {
            let text = format!("no project '{name}'");
            journal.record_alone(app, Phase::Denied, text, None)?;
            Err(unknown())
        }
        Err(denial) => {
            let owners = owners_of(app, &project, action)?;
            let help = vec![format!("ask {owners}{}", admins(app)?)];
            Err(journal.deny(app, denial, None, &actor.user, help))
        }
    }
}

/// Reads a cluster again: what was read before its lock was held may have changed since.
pub(super) fn again(app: &App, cluster: &Cluster) -> Result<Cluster, Error> {
    let found = app
        .store()?
        .read(|tx| store::clusters::find(tx, &cluster.name))?;
    found
        .filter(|found| found.id == cluster.id)
        .ok_or_else(|| Error::UnknownCluster {
            name: cluster.name.clone(),
            similar: vec![],
        })
}

/// The names of the clusters that the actor may see.
pub(super) fn visible_names(app: &App, actor: &Principal) -> Result<Vec<String>, Error> {
    app.store()?.read(|tx| {
        let mut names = Vec::new();
        for cluster in store::clusters::list(tx)? {
            if sees(tx, app, &actor.user, &cluster)? {
                names.push(cluster.name.to_string());
            }
        }
        Ok(names)
    })
}

/// Finds a user, for those who may know.
pub(super) fn user(app: &App, name: &UserRef) -> Result<User, Error> {
    let (found, all) = app.store()?.read(|tx| {
        let found = store::users::find(tx, name)?;
        let all = if found.is_none() {
            store::users::list(tx)?
        } else {
            vec![]
        };
        Ok::<_, store::Error>((found, all))
    })?;
    found.ok_or_else(|| {
        let known = all.into_iter().map(|user| user.name.to_string());
        Error::UnknownUser {
            name: name.clone(),
            similar: similar(&name.to_string(), known),
        }
    })
}

/// This installation's id.
pub(super) fn installation(app: &App) -> Result<InstallationId, Error> {
    Ok(app.store()?.read(store::meta::installation)?)
}
