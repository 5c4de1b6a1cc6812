//! Commits a change of a cluster, if the rules allow it on the rows of the very transaction.
//!
//! Between the question whether somebody may and the write lie a lock that is waited for, a person
//! who is asked, an API server that is slow. Who was demoted or disabled meanwhile, who lost the
//! cluster, and what was archived, protected, deleted or replaced, must count.

use super::journal::Journal;
use super::locked::LockedCluster;
use super::{Error, find};
use crate::domain::cluster::Cluster;
use crate::domain::name::ProjectName;
use crate::domain::policy::{self, ClusterAction, OrganizationAction, ProjectAction, Target};
use crate::domain::refusal::Refusal;
use crate::session::{App, Principal, Session};
use crate::store::integrity::{self, Scope};
use crate::store::{self, ReadTxn, WriteTxn};

/// What is asked about a cluster: once to begin with, and again where it counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    /// The command, as the audit log names it.
    pub(super) command: &'static str,
    /// What is asked of the cluster.
    pub(super) action: ClusterAction,
    /// What is asked of the organization as well.
    pub(super) also: Option<OrganizationAction>,
    /// The cluster, as it was found.
    pub(super) cluster: &'a Cluster,
}

impl Question<'_> {
    /// Asks now, with the actor's rights as they are now; a refusal is recorded.
    pub(super) fn ask(&self, session: &Session) -> Result<(Principal, Cluster), Error> {
        let actor = find::principal(session, self.command)?;
        let journal = Journal::new(&actor, self.command);
        let name = &self.cluster.name;
        let found = find::cluster(session, &actor, &journal, name, self.action)?;
        if let Some(also) = self.also {
            let journal = journal.cluster(&found.cluster);
            find::allow(session, &actor, &journal, also)?;
        }
        if found.cluster.id == self.cluster.id {
            return Ok((actor, found.cluster));
        }
        Err(self.changed())
    }

    /// Takes the cluster's lock, and asks again under it.
    pub(super) async fn lock(&self, session: &Session) -> Result<(LockedCluster, Cluster), Error> {
        let lock = session.lock(self.cluster).await?;
        let (_, cluster) = self.ask(session)?;
        Ok((LockedCluster::with(session, lock, &cluster)?, cluster))
    }

    /// Runs `work` in a write transaction with the cluster as that transaction sees it, if the
    /// rules still allow it there; what was refused is recorded, and nothing else is.
    pub(super) fn commit<T>(
        &self,
        session: &Session,
        work: impl FnOnce(&WriteTxn<'_>, &Cluster) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let actor = session.principal()?;
        let done = session.store()?.write(|tx| {
            let Some(cluster) = self.allowed(session, tx, &actor)? else {
                return Ok(None);
            };
            work(tx, &cluster).map(Some)
        })?;
        match done {
            Some(value) => Ok(value),
            // Which rule it was is found and recorded by asking once more.
            None => Err(self.ask(session).err().unwrap_or_else(|| self.changed())),
        }
    }

    /// The cluster, where the rules allow it on the rows of a transaction.
    pub(super) fn allowed(
        &self,
        app: &App,
        tx: &ReadTxn<'_>,
        actor: &Principal,
    ) -> store::Result<Option<Cluster>> {
        let Some(actor) = actor_now(tx, actor)? else {
            return Ok(None);
        };
        let Some(cluster) = store::clusters::find(tx, &self.cluster.name)? else {
            return Ok(None);
        };
        integrity::check(tx, Scope::Organization)?;
        integrity::check(tx, Scope::Cluster(cluster.id))?;
        let target = Target {
            access: find::access_of(tx, app, &actor.user, &cluster)?,
            project: find::project_role(tx, &actor.user, &cluster)?,
            state: cluster.state,
            protected: cluster.protected,
            standing: find::standing(tx, &cluster, &actor.user, self.action)?,
        };
        let who = find::policy_actor(&actor);
        let allowed = cluster.id == self.cluster.id
            && policy::on_cluster(who, self.action, target).is_ok()
            && self
                .also
                .is_none_or(|also| policy::in_organization(who, also).is_ok())
            && (cluster.deleting_at.is_none() || find::goes_on_while_deleting(self.action));
        Ok(allowed.then_some(cluster))
    }

    /// The cluster is no longer what it was when the command began.
    pub(super) fn changed(&self) -> Error {
        Error::Refused(Refusal::ChangedMeanwhile(Some(self.cluster.name.clone())))
    }
}

/// Commits a change of the organization, if the rules allow it in that transaction.
pub(super) fn commit_for<T>(
    session: &Session,
    command: &'static str,
    actions: &[OrganizationAction],
    work: impl FnOnce(&WriteTxn<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let actor = session.principal()?;
    let done = session.store()?.write(|tx| {
        if allowed_for(tx, &actor, actions)? {
            work(tx).map(Some)
        } else {
            Ok(None)
        }
    })?;
    if let Some(value) = done {
        return Ok(value);
    }
    let actor = find::principal(session, command)?;
    let journal = Journal::new(&actor, command);
    for action in actions {
        find::allow(session, &actor, &journal, *action)?;
    }
    Err(Error::Refused(Refusal::ChangedMeanwhile(None)))
}

/// Whether the organization's rules allow actions on the rows of a transaction.
pub(super) fn allowed_for(
    tx: &ReadTxn<'_>,
    actor: &Principal,
    actions: &[OrganizationAction],
) -> store::Result<bool> {
    let Some(actor) = actor_now(tx, actor)? else {
        return Ok(false);
    };
    let who = find::policy_actor(&actor);
    let mut actions = actions.iter();
    // Also where nothing is asked: who was disabled meanwhile can do nothing.
    Ok(who.active && actions.all(|action| policy::in_organization(who, *action).is_ok()))
}

/// Whether a project is there, and its rules allow an action, on the rows of a transaction.
pub(super) fn allowed_in(
    tx: &ReadTxn<'_>,
    actor: &Principal,
    project: &ProjectName,
    action: ProjectAction,
) -> store::Result<bool> {
    let (Some(actor), Some(project)) = (actor_now(tx, actor)?, store::projects::find(tx, project)?)
    else {
        return Ok(false);
    };
    let role = store::projects::role_of(tx, project.id, actor.user.id)?;
    Ok(policy::in_project(find::policy_actor(&actor), action, role).is_ok())
}

/// Who is acting, on the rows of a transaction; nobody where the key or the right to act as
/// somebody else went meanwhile.
fn actor_now(tx: &ReadTxn<'_>, actor: &Principal) -> store::Result<Option<Principal>> {
    let users = store::users::list(tx)?;
    let again = |id| users.iter().find(|user| user.id == id).cloned();
    let (Some(holder), Some(user)) = (again(actor.holder.id), again(actor.user.id)) else {
        return Ok(None);
    };
    let same_key = holder.key == actor.holder.key;
    let now = Principal { holder, user };
    let stands = same_key && find::acts_as(&now).is_ok();
    Ok(stands.then_some(now))
}
