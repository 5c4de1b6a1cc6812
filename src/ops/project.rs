//! Projects: make, list, show, rename, describe, delete. Making one touches no cluster.

mod change;
mod describe;
pub(crate) mod kept;
pub(crate) mod members;
pub(crate) mod shared;
#[cfg(test)]
mod tests;

pub(crate) use change::{Create, Delete, Rename, create, delete, rename};
pub(crate) use describe::{Describe, describe};

use super::{Error, find};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, State, Subject};
use crate::domain::name::ProjectName;
use crate::domain::policy::{self, ProjectAction};
use crate::domain::project::{Holder, Member, Project, ProjectRole, SharedLevel};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// One line of `project list`.
#[derive(Debug)]
pub(crate) struct ProjectLine {
    /// The project.
    pub(crate) project: Project,
    /// How many members it has.
    pub(crate) members: usize,
    /// How many clusters it has.
    pub(crate) clusters: usize,
    /// What the actor is in it.
    pub(crate) role: Option<ProjectRole>,
}

/// Lists the projects that the actor may see: all for organization owners and admins, others see
/// those that they are members of.
pub(crate) fn list(session: &Session) -> Result<Vec<ProjectLine>, Error> {
    let actor = find::principal(session, Action::ProjectList)?;
    session.store()?.read(|tx| {
        let clusters = store::clusters::list(tx)?;
        let roles = store::projects::roles(tx)?;
        let mut lines = Vec::new();
        for project in store::projects::list(tx)? {
            let role = roles.get(&(project.id, actor.user.id)).copied();
            if !policy::sees_project(&actor.user, role) {
                continue;
            }
            let here = |cluster: &&Cluster| cluster.project == Some(project.id);
            lines.push(ProjectLine {
                members: roles.keys().filter(|(id, _)| *id == project.id).count(),
                clusters: clusters.iter().filter(here).count(),
                role,
                project,
            });
        }
        Ok(lines)
    })
}

/// A member as `project show` knows one.
#[derive(Debug)]
pub(crate) struct ShownMember {
    /// The user's name.
    pub(crate) user: String,
    /// As what.
    pub(crate) role: ProjectRole,
    /// Whether they are active.
    pub(crate) active: bool,
    /// Since when they are a member.
    pub(crate) added_at: Timestamp,
}

/// A shared kubeconfig as `project show` knows one.
#[derive(Debug)]
pub(crate) struct ShownShared {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// Which level.
    pub(crate) level: SharedLevel,
    /// The latest version.
    pub(crate) latest: Credential,
    /// Who may have it in their hands.
    pub(crate) holders: Vec<String>,
    /// Who of them keeps it without being entitled to it.
    pub(crate) kept_by: Vec<String>,
    /// Versions that are ended and not yet gone from the cluster, and who may still get in with
    /// each.
    pub(crate) ending: Vec<(Credential, Vec<String>)>,
    /// Who had an earlier one and has not yet downloaded again.
    pub(crate) stale: Vec<String>,
}

/// What `project show` knows.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The project.
    pub(crate) project: Project,
    /// What the actor is in it.
    pub(crate) role: Option<ProjectRole>,
    /// Its members.
    pub(crate) members: Vec<ShownMember>,
    /// Its clusters, by name.
    pub(crate) clusters: Vec<String>,
    /// Its shared kubeconfigs, as far as any was issued.
    pub(crate) shared: Vec<ShownShared>,
}

/// Shows a project: members, clusters, who holds which version, and who must download again.
pub(crate) fn show(session: &Session, name: &ProjectName) -> Result<Shown, Error> {
    let (actor, journal) = find::acting(session, Action::ProjectShow)?;
    let project = find::project(session, &actor, &journal, name, ProjectAction::See)?;
    session.store()?.read(|tx| {
        let members = store::projects::members(tx, project.id)?;
        let ids = members.iter().map(|member| member.user);
        let users = store::users::get_each(tx, &ids.collect())?;
        let clusters = members::clusters_of(tx, &project)?;
        let mut shared = Vec::new();
        for cluster in &clusters {
            for level in SharedLevel::ALL {
                shared.extend(shown_shared(tx, &project, cluster, level)?);
            }
        }
        let is_actor = |member: &&Member| member.user == actor.user.id;
        Ok(Shown {
            role: members.iter().find(is_actor).map(|member| member.role),
            members: members
                .iter()
                .filter_map(|member| {
                    let user = users.get(&member.user)?;
                    Some(ShownMember {
                        user: user.name.to_string(),
                        role: member.role,
                        active: user.active,
                        added_at: member.added_at,
                    })
                })
                .collect(),
            clusters: clusters.iter().map(|it| it.name.to_string()).collect(),
            shared,
            project,
        })
    })
}

fn shown_shared(
    tx: &ReadTxn<'_>,
    project: &Project,
    cluster: &Cluster,
    level: SharedLevel,
) -> store::Result<Option<ShownShared>> {
    let subject = Subject::Shared {
        project: project.id,
        level,
    };
    let mut versions = store::credentials::versions_of(tx, cluster.id, subject)?;
    let Some(latest) = versions.pop() else {
        return Ok(None);
    };
    // A version that is over is nobody's any more: whoever took it must download again.
    let live = latest.state.is_live();
    let holders = store::credentials::holders(tx, latest.id)?;
    let mut stale = Vec::new();
    let earlier = versions.iter().chain((!live).then_some(&latest));
    for version in earlier {
        for holder in store::credentials::holders(tx, version.id)? {
            let has_it = live && holders.iter().any(|it| it.user == holder.user);
            let Some(user) = store::users::get(tx, holder.user)? else {
                continue;
            };
            let name = user.name.to_string();
            let may = shared::may_take(tx, cluster, &user, subject)?;
            if may && !has_it && !stale.contains(&name) {
                stale.push(name);
            }
        }
    }
    stale.sort();
    let names = |holders: Vec<Holder>| {
        let names = holders
            .into_iter()
            .map(|it| store::users::name(tx, it.user));
        names.collect::<store::Result<Vec<String>>>()
    };
    let mut ending = Vec::new();
    for version in versions.into_iter().chain([latest.clone()]) {
        if version.state == State::Revoking {
            let holders = store::credentials::holders(tx, version.id)?;
            ending.push((version, names(holders)?));
        }
    }
    Ok(Some(ShownShared {
        cluster: cluster.name.to_string(),
        level,
        holders: names(holders)?,
        kept_by: kept::all(tx)?
            .into_iter()
            .filter(|kept| kept.credential == latest.id)
            .map(|kept| kept.user)
            .collect(),
        ending,
        stale,
        latest,
    }))
}
