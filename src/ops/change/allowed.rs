//! Whether the rules allow a change on the rows of the very transaction that commits it.
//!
//! Between the question whether somebody may and the write lie a lock that is waited for, a person
//! who is asked, an API server that is slow. Who was demoted or disabled meanwhile, who lost the
//! cluster, and what was archived, protected, deleted or replaced, must count.

use std::sync::Arc;

use crate::domain::cluster::Cluster;
use crate::domain::name::ProjectName;
use crate::domain::policy::{self, ClusterAction, OrganizationAction, ProjectAction, Target};
use crate::ops::find;
use crate::session::{App, Principal};
use crate::store::integrity::{self, Scope};
use crate::store::{self, ReadTxn};

/// Whether the rules allow an action on a cluster, which must be the one that was found.
pub(in crate::ops) fn on_cluster(
    app: &App,
    tx: &ReadTxn<'_>,
    actor: &Principal,
    cluster: &Cluster,
    action: ClusterAction,
) -> store::Result<bool> {
    let Some(actor) = actor_now(tx, actor)? else {
        return Ok(false);
    };
    let Some(now) = store::clusters::find(tx, &cluster.name)? else {
        return Ok(false);
    };
    integrity::check(tx, Scope::Cluster(now.id))?;
    let target = Target {
        access: find::access_of(tx, app, &actor.user, &now)?,
        project: find::project_role(tx, &actor.user, &now)?,
        state: now.state,
        protected: now.protected,
        standing: find::standing(tx, &now, &actor.user, action)?,
    };
    Ok(now.id == cluster.id
        && policy::on_cluster(find::policy_actor(&actor), action, target).is_ok()
        && (now.deleting_at.is_none() || find::goes_on_while_deleting(action)))
}

/// Whether the organization's rules allow an action; where none is asked, whether somebody acts who
/// may act at all.
pub(super) fn in_organization(
    tx: &ReadTxn<'_>,
    actor: &Principal,
    action: Option<OrganizationAction>,
) -> store::Result<bool> {
    let Some(actor) = actor_now(tx, actor)? else {
        return Ok(false);
    };
    let who = find::policy_actor(&actor);
    let allows = |action| policy::in_organization(who, action).is_ok();
    Ok(who.active && action.is_none_or(allows))
}

/// Whether a project is there, and its rules allow an action.
pub(super) fn in_project(
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

/// Who is acting; nobody where the key or the right to act as somebody else went meanwhile.
fn actor_now(tx: &ReadTxn<'_>, actor: &Principal) -> store::Result<Option<Principal>> {
    let holder = store::users::get(tx, actor.holder.id)?;
    let Some((holder, user)) = holder.zip(store::users::get(tx, actor.user.id)?) else {
        return Ok(None);
    };
    let same_key = holder.key == actor.holder.key;
    let now = Principal {
        signer: Arc::clone(&actor.signer),
        holder,
        user,
    };
    let stands = same_key && find::acts_as(&now).is_ok();
    Ok(stands.then_some(now))
}
