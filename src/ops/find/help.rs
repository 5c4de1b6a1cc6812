//! What would help whoever was refused, and who can give it.

use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::policy::{ClusterAction, Denial, ProjectAction};
use crate::domain::project::{Project, ProjectRole};
use crate::domain::user::User;
use crate::ops::Error;
use crate::session::{App, Principal};
use crate::store;

/// The names of the active owners and admins, for people.
pub(in crate::ops) fn admins(app: &App) -> Result<String, Error> {
    active(app, |_| true)
}

/// The names of those of them, for people.
pub(super) fn active(app: &App, wanted: impl Fn(&User) -> bool) -> Result<String, Error> {
    let users = app.store()?.read(store::users::admins)?;
    let names: Vec<String> = users
        .into_iter()
        .filter(|user| user.active && wanted(user))
        .map(|user| format!("'{}'", user.name))
        .collect();
    Ok(names.join(" or "))
}

/// Who can give somebody their access back after an admin revoked it, and how.
pub(in crate::ops) fn who_restores(
    app: &App,
    user: &User,
    cluster: &ClusterName,
) -> Result<String, Error> {
    Ok(format!(
        "ask {} to run `kubegrant team restore {} --cluster {cluster}`",
        admins(app)?,
        user.name
    ))
}

/// What was refused on a cluster.
pub(super) struct RefusedOn<'a> {
    pub(super) denial: &'a Denial,
    pub(super) action: ClusterAction,
    /// The cluster as it was named.
    pub(super) name: &'a ClusterName,
    /// The cluster, where there is one.
    pub(super) cluster: Option<Cluster>,
    /// What the actor is in its project.
    pub(super) project: Option<ProjectRole>,
}

/// What would help whoever was refused on a cluster.
pub(super) fn help(
    app: &App,
    actor: &Principal,
    refused: RefusedOn<'_>,
) -> Result<Vec<String>, Error> {
    let RefusedOn {
        denial,
        action,
        name,
        cluster,
        project,
    } = refused;
    Ok(match (denial, cluster) {
        (Denial::Archived(_), _) => {
            vec![format!("run `kubegrant cluster unarchive {name}`")]
        }
        (Denial::Protected(_), _) => {
            vec![format!("run `kubegrant cluster unprotect {name}`")]
        }
        (Denial::NotArchived, _) => vec![],
        (Denial::AccessRevoked, _) => vec![who_restores(app, &actor.user, name)?],
        (_, Some(cluster)) if project.is_some() && action == ClusterAction::OwnKubeconfig => {
            let name = &cluster.name;
            vec![format!(
                "take the project's: `kubegrant kubeconfig download {name} --shared`"
            )]
        }
        (_, Some(cluster)) if action == ClusterAction::SharedKubeconfig => {
            vec![match cluster.project {
                None => {
                    format!("it is in no project: `kubegrant cluster set {name} --project PROJECT`")
                }
                Some(_) => format!(
                    "become a member: `kubegrant project add-member {} --project PROJECT \
                             --role viewer`",
                    actor.user.name
                ),
            }]
        }
        (_, Some(cluster)) => helpers(app, &cluster, action)?,
        _ => vec![],
    })
}

/// The project's owners who could help, for people.
pub(super) fn owners_of(
    app: &App,
    project: &Project,
    action: ProjectAction,
) -> Result<String, Error> {
    if action == ProjectAction::Manage {
        return Ok(String::new());
    }
    let owners = app.store()?.read(|tx| {
        let members = store::projects::members(tx, project.id)?.into_iter();
        let owners = members.filter(|member| member.role == ProjectRole::Owner);
        store::users::get_each(tx, &owners.map(|member| member.user).collect())
    })?;
    let active = owners.values().filter(|user| user.active);
    let mut names: Vec<String> = active.map(|it| format!("'{}' or ", it.name)).collect();
    names.sort();
    Ok(names.concat())
}

/// Who could help on a cluster: its owner, where owners may, and the organization's owners and
/// admins.
fn helpers(app: &App, cluster: &Cluster, action: ClusterAction) -> Result<Vec<String>, Error> {
    let owner_may = action.is_for_cluster_owners();
    let owner = match cluster.owner.filter(|_| owner_may) {
        Some(owner) => app.store()?.read(|tx| store::users::get(tx, owner))?,
        None => None,
    };
    let owner = owner
        .filter(|user| user.active)
        .map(|user| format!("its owner '{}' or ", user.name))
        .unwrap_or_default();
    Ok(vec![format!("ask {owner}{}", admins(app)?)])
}
