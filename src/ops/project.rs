//! Projects: make, list, show, rename, delete. Making one touches no cluster.

pub(crate) mod kept;
pub(crate) mod members;
pub(crate) mod shared;

use super::journal::Journal;
use super::{Done, Error, Mode, find};
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, State, Subject};
use crate::domain::name::ProjectName;
use crate::domain::policy::{OrganizationAction, ProjectAction};
use crate::domain::project::{Member, Project, ProjectRole, SharedLevel};
use crate::domain::user::User;
use crate::domain::{Confirmed, Timestamp};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// Refuses what is about a project that is gone meanwhile.
pub(super) fn still_there(tx: &ReadTxn<'_>, project: &Project) -> Result<(), Error> {
    let found = store::projects::list(tx)?;
    if found.iter().any(|found| found.id == project.id) {
        return Ok(());
    }
    Err(Error::UnknownProject {
        name: project.name.clone(),
        similar: vec![],
    })
}

fn refuse_taken(tx: &ReadTxn<'_>, name: &ProjectName) -> Result<(), Error> {
    match store::projects::find(tx, name)? {
        None => Ok(()),
        Some(found) => Err(Error::Exists {
            what: format!("project '{}'", found.name),
            hint: format!("run `kubegrant project show {}`", found.name),
        }),
    }
}

/// Makes a project.
pub(crate) fn create(
    session: &Session,
    name: &ProjectName,
    description: &str,
    mode: Mode,
) -> Result<Done<Line>, Error> {
    let actor = find::actor(session, "project create")?;
    let journal = Journal::new(&actor, "project create");
    let manage = OrganizationAction::ManageProjects;
    find::allow(session, &actor, &journal, manage)?;
    session.store()?.read(|tx| refuse_taken(tx, name))?;
    if mode == Mode::Plan {
        return Ok(Done::planned(vec![format!("make project '{name}'")]));
    }
    let project = session.store()?.write(|tx| {
        refuse_taken(tx, name)?;
        let (by, now) = (actor.user.id, session.now());
        let id = store::projects::insert(tx, name, description, by, now)?;
        let detail = format!("project '{name}' made");
        journal.record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(Project {
            id,
            name: name.clone(),
            description: description.to_owned(),
            created_at: now,
        })
    })?;
    Ok(Done::Did(Line {
        project,
        members: 0,
        clusters: 0,
        role: None,
    }))
}

/// One line of `project list`.
#[derive(Debug)]
pub(crate) struct Line {
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
pub(crate) fn list(session: &Session) -> Result<Vec<Line>, Error> {
    let actor = find::actor(session, "project list")?;
    session.store()?.read(|tx| {
        let clusters = store::clusters::list(tx)?;
        let roles = store::projects::roles(tx)?;
        let mut lines = Vec::new();
        for project in store::projects::list(tx)? {
            let role = roles.get(&(project.id, actor.user.id)).copied();
            if role.is_none() && !actor.user.role.is_admin() {
                continue;
            }
            let here = |cluster: &&Cluster| cluster.project == Some(project.id);
            lines.push(Line {
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
    /// Who.
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
    /// Where.
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
    let actor = find::actor(session, "project show")?;
    let journal = Journal::new(&actor, "project show");
    let project = find::project(session, &actor, &journal, name, ProjectAction::See)?;
    session.store()?.read(|tx| {
        let users = store::users::list(tx)?;
        let members = store::projects::members(tx, project.id)?;
        let clusters = members::clusters_of(tx, &project)?;
        let mut shared = Vec::new();
        for cluster in &clusters {
            for level in SharedLevel::ALL {
                shared.extend(shown_shared(tx, &users, (&project, cluster, level))?);
            }
        }
        let is_actor = |member: &&Member| member.user == actor.user.id;
        Ok(Shown {
            role: members.iter().find(is_actor).map(|member| member.role),
            members: members
                .iter()
                .filter_map(|member| {
                    let user = users.iter().find(|user| user.id == member.user)?;
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
    users: &[User],
    (project, cluster, level): (&Project, &Cluster, SharedLevel),
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
            let Some(user) = users.iter().find(|user| user.id == holder.user) else {
                continue;
            };
            let name = user.name.to_string();
            let may = shared::may_take(tx, cluster, user, (project.id, level))?;
            if may && !has_it && !stale.contains(&name) {
                stale.push(name);
            }
        }
    }
    stale.sort();
    let name = |id| users.iter().find(|user| user.id == id);
    let mut ending = Vec::new();
    for version in versions.into_iter().chain([latest.clone()]) {
        if version.state == State::Revoking {
            let holders = store::credentials::holders(tx, version.id)?.into_iter();
            let names = holders.filter_map(|it| name(it.user).map(|user| user.name.to_string()));
            let names = names.collect();
            ending.push((version, names));
        }
    }
    Ok(Some(ShownShared {
        cluster: cluster.name.to_string(),
        level,
        holders: holders
            .iter()
            .filter_map(|holder| name(holder.user).map(|user| user.name.to_string()))
            .collect(),
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

/// Renames a project. Files that were handed out go on working under the old name.
pub(crate) fn rename(
    session: &Session,
    name: &ProjectName,
    to: &ProjectName,
    mode: Mode,
) -> Result<Done<(Project, bool)>, Error> {
    let actor = find::actor(session, "project rename")?;
    let journal = Journal::new(&actor, "project rename");
    let project = find::project(session, &actor, &journal, name, ProjectAction::Manage)?;
    if project.name == *to {
        return Ok(Done::Did((project, true)));
    }
    session.store()?.read(|tx| refuse_taken(tx, to))?;
    if mode == Mode::Plan {
        return Ok(Done::planned(vec![format!(
            "rename project '{name}' to '{to}'"
        )]));
    }
    session.store()?.write(|tx| {
        still_there(tx, &project)?;
        refuse_taken(tx, to)?;
        store::projects::rename(tx, project.id, to)?;
        let detail = format!("project '{name}' is now '{to}'");
        journal.record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(())
    })?;
    let project = Project {
        name: to.clone(),
        ..project
    };
    Ok(Done::Did((project, false)))
}

fn refuse_clusters(tx: &ReadTxn<'_>, project: &Project) -> Result<(), Error> {
    let clusters = members::clusters_of(tx, project)?;
    let Some(first) = clusters.first() else {
        return Ok(());
    };
    let names: Vec<String> = clusters.iter().map(|it| format!("'{}'", it.name)).collect();
    let noun = if names.len() == 1 {
        "cluster"
    } else {
        "clusters"
    };
    Err(Error::Forbidden {
        why: format!(
            "project '{}' still has {noun} {}",
            project.name,
            names.join(", ")
        ),
        hint: format!(
            "take each out first: `kubegrant cluster set {} --no-project`",
            first.name
        ),
    })
}

/// Deletes a project that has no clusters any more.
pub(crate) fn delete(
    session: &Session,
    name: &ProjectName,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Project>, Error> {
    let actor = find::actor(session, "project delete")?;
    let journal = Journal::new(&actor, "project delete");
    let project = find::project(session, &actor, &journal, name, ProjectAction::Manage)?;
    session.store()?.read(|tx| refuse_clusters(tx, &project))?;
    if mode == Mode::Plan {
        return Ok(Done::planned(vec![format!("delete project '{name}'")]));
    }
    session.store()?.write(|tx| {
        still_there(tx, &project)?;
        refuse_clusters(tx, &project)?;
        store::projects::remove(tx, project.id, session.now())?;
        let detail = format!("project '{name}' deleted");
        journal.record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(())
    })?;
    Ok(Done::Did(project))
}
