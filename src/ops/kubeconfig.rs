//! Kubeconfigs: issue on first download, hand out, rotate, show.

mod all;
mod download;
mod form;
mod issue;
mod merge;
mod received;
mod renewing;
mod rotate;
mod trial;

pub(crate) use all::{AllDownloaded, Part, ProgressEvent, download_all};
pub(crate) use download::{Destination, DownloadRequest, Downloaded, download};
pub(crate) use merge::{MergeNews, RemoveRequest, Removed, remove};
pub(crate) use received::{Incoming, Place, Received, free, place, put};
pub(super) use received::{opened, received_fields};
pub(crate) use rotate::{Rotated, rotate};
pub(super) use trial::mint_and_try;

use super::journal::Journal;
use super::{Error, Obstacle, find};
pub(crate) use crate::artifact::file::Overwrite;
use crate::domain::Timestamp;
use crate::domain::access::{self, Access, Power};
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, Delivery, Subject};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::subject::SubjectName;
use crate::domain::user::User;
use crate::session::{App, Principal, Session};
use crate::store;

/// Whose kubeconfig a request is about, after the rules were asked.
pub(super) struct Asked {
    actor: Principal,
    journal: Journal,
    cluster: Cluster,
    /// Into whose hands the file goes.
    subject: User,
    /// Whose version it is.
    of: Subject,
    /// The name of whose version it is.
    owner: SubjectName,
    /// When what gives it ends by itself.
    ends_at: Option<Timestamp>,
    power: Power,
    /// What the actor has there.
    actor_power: Option<Power>,
    /// What was asked of the rules.
    action: ClusterAction,
}

impl Asked {
    /// Whether whoever asks manages the cluster, and is told of everybody's troubles there.
    fn is_by_manager(&self) -> bool {
        self.actor.user.role.is_admin() || self.cluster.owner == Some(self.actor.user.id)
    }

    /// Takes of the cluster and the grant what rows say that were read later.
    fn bring_up_to(&mut self, on: &ClusterSnapshot, now: Timestamp) {
        self.cluster = on.cluster.clone();
        if let Subject::Personal(user) = self.of {
            let user = on.people.users.get(&user);
            self.ends_at = user.and_then(|user| on.access_of(user, now).ends_at());
        }
    }
}

/// Which way in a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The user's own kubeconfig.
    Own,
    /// The shared one of the cluster's project.
    Shared,
    /// Their own; the shared one where the project is their only way in.
    Either,
}

/// Finds the case and asks the rules: of the actor, and of the one whose file it will be.
fn case(
    session: &Session,
    action: Action,
    cluster: &ClusterName,
    user: Option<&UserRef>,
    way: Way,
) -> Result<Asked, Error> {
    let (actor, journal) = find::acting(session, action)?;
    let own = user.is_none_or(|user| is_own(&actor, user));
    let shared = match way {
        Way::Own => false,
        Way::Shared => true,
        Way::Either if own => {
            let found = find::cluster(session, &actor, &journal, cluster, ClusterAction::See)?;
            found.access == Access::None
        }
        // It depends on them, and is decided when they are found.
        Way::Either => false,
    };
    let asked = issue::asked(own, shared);
    let found = find::cluster(session, &actor, &journal, cluster, asked)?;
    let journal = journal.cluster(&found.cluster);
    let (subject, access) = match user {
        Some(name) if !own => {
            let subject = find::user(session, name)?;
            let (access, blocked) = session.store()?.read(|tx| {
                let access = find::access_of(tx, session, &subject, &found.cluster)?;
                let blocked = store::blocks::contains(tx, found.cluster.id, subject.id)?;
                Ok::<_, store::Error>((access, blocked))
            })?;
            let journal = journal.clone().user(&subject);
            if !subject.active {
                let denial = Denial::Disabled;
                return Err(journal.deny(session, denial, Some(cluster), &subject, vec![]));
            }
            if blocked {
                let help = vec![format!(
                    "run `kubegrant team restore {} --cluster {cluster}`",
                    subject.name
                )];
                let denial = Denial::AccessRevoked;
                return Err(journal.deny(session, denial, Some(cluster), &subject, help));
            }
            (subject, access)
        }
        _ => (actor.user.clone(), found.access),
    };
    let (actor_power, _) = access::strongest(found.access, found.project);
    let role = session
        .store()?
        .read(|tx| find::project_role(tx, &subject, &found.cluster))?;
    let case = match (access.power(), role, found.cluster.project) {
        (Some(power), _, _) if !shared => Asked {
            of: Subject::Personal(subject.id),
            owner: SubjectName::Personal(subject.name.clone()),
            journal: journal.user(&subject),
            actor,
            cluster: found.cluster,
            subject,
            ends_at: access.ends_at(),
            power,
            actor_power,
            action: asked,
        },
        (_, Some(role), Some(project)) if way != Way::Own => {
            let level = role.level();
            let of = Subject::Shared { project, level };
            let owner = session
                .store()?
                .read(|tx| store::credentials::owner(tx, of))?;
            Asked {
                of,
                journal: journal.user_name(&owner),
                owner,
                actor,
                cluster: found.cluster,
                subject,
                ends_at: None,
                power: level.power(),
                actor_power,
                action: asked,
            }
        }
        _ if shared => return Err(not_a_member(&subject, cluster)),
        _ => return Err(no_access(&subject, cluster)),
    };
    Ok(case)
}

fn not_a_member(subject: &User, cluster: &ClusterName) -> Error {
    Error::Obstacle(Obstacle::NotInItsProject {
        user: subject.name.clone(),
        cluster: cluster.clone(),
    })
}

fn no_access(subject: &User, cluster: &ClusterName) -> Error {
    Error::Refused(Refusal::NoAccess {
        user: subject.name.clone(),
        cluster: cluster.clone(),
    })
}

/// Whether somebody points at themselves, by name or by address.
fn is_own(actor: &Principal, user: &UserRef) -> bool {
    match user {
        UserRef::Name(name) => *name == actor.user.name,
        UserRef::Email(email) => actor.user.email.as_ref() == Some(email),
    }
}

/// What was asked for changed meanwhile.
fn overtaken(case: &Asked) -> Error {
    Error::Overtaken {
        user: case.owner.to_string(),
        cluster: case.cluster.name.clone(),
    }
}

/// The live version of what is asked for.
fn live(app: &App, case: &Asked) -> Result<Option<Credential>, Error> {
    let versions = app
        .store()?
        .read(|tx| store::credentials::versions_of(tx, case.cluster.id, case.of))?;
    Ok(versions.into_iter().find(|it| it.state.is_live()))
}

/// One version of `kubeconfig show`.
#[derive(Debug)]
pub(crate) struct Version {
    /// The version.
    pub(crate) credential: Credential,
    /// Whose it is.
    pub(crate) user: SubjectName,
    /// Its hand-overs: to whom, by whom, and the record.
    pub(crate) deliveries: Vec<(String, String, Delivery)>,
}

/// Lists the versions of a user's kubeconfig on a cluster, oldest first; after them those of the
/// shared ones that the user may take, or was handed.
pub(crate) fn show(
    session: &Session,
    cluster: &ClusterName,
    user: Option<&UserRef>,
) -> Result<Vec<Version>, Error> {
    let (actor, journal) = find::acting(session, Action::KubeconfigShow)?;
    let found = find::cluster(session, &actor, &journal, cluster, ClusterAction::See)?;
    let subject = match user {
        None => actor.user.clone(),
        Some(name) if is_own(&actor, name) => actor.user.clone(),
        Some(name) => {
            find::cluster(session, &actor, &journal, cluster, ClusterAction::TeamList)?;
            find::user(session, name)?
        }
    };
    session.store()?.read(|tx| {
        let level = find::project_role(tx, &subject, &found.cluster)?.map(ProjectRole::level);
        let mut versions = Vec::new();
        let mut of_all = store::credentials::versions(tx, found.cluster.id, subject.id)?;
        for shared in SharedLevel::ALL {
            let Some(project) = found.cluster.project else {
                continue;
            };
            let subject = Subject::Shared {
                project,
                level: shared,
            };
            of_all.extend(store::credentials::versions_of(
                tx,
                found.cluster.id,
                subject,
            )?);
        }
        for credential in of_all {
            let is_shared = credential.subject.user().is_none();
            // Of a shared version, what this user was handed: the project shows the others.
            let deliveries: Vec<_> = store::credentials::deliveries(tx, credential.id)?
                .into_iter()
                .filter(|delivery| !is_shared || delivery.to == subject.id)
                .map(|delivery| {
                    let to = store::users::name(tx, delivery.to)?;
                    Ok((to, store::users::name(tx, delivery.by)?, delivery))
                })
                .collect::<store::Result<_>>()?;
            let may_take = matches!(credential.subject, Subject::Shared { level: of, .. } if Some(of) == level);
            if is_shared && !may_take && deliveries.is_empty() {
                continue;
            }
            versions.push(Version {
                user: credential.owner.clone(),
                credential,
                deliveries,
            });
        }
        Ok(versions)
    })
}
