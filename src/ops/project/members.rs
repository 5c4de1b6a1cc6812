//! The members of a project: add, change, remove. Who loses a level they took a shared kubeconfig
//! of, ends that kubeconfig for everybody.

#[cfg(test)]
mod tests;

use super::shared::Over;
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, State, Subject};
use crate::domain::effect::Effect;
use crate::domain::name::{ProjectName, UserRef};
use crate::domain::people::refuse_receiver;
use crate::domain::policy::ProjectAction;
use crate::domain::project::{Project, ProjectRole};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::User;
use crate::ops::change::{self, About, Carried, Change, Decision, Remark, Target, Who};
use crate::ops::{Applied, Done, Error, Intent, Unasked};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// What a change of a member came to.
#[derive(Debug)]
pub(crate) struct Changed {
    /// In which project.
    pub(crate) project: ProjectName,
    /// The user's name.
    pub(crate) user: String,
    /// What they are now; nothing once they are removed.
    pub(crate) role: Option<ProjectRole>,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// The clusters that they reach through it.
    pub(crate) clusters: Vec<String>,
    /// The shared versions that ended with it.
    pub(crate) over: Vec<Over>,
    /// The shared versions that they keep, and can still get in with.
    pub(crate) kept: Vec<String>,
    /// What it did on clusters.
    pub(crate) applied: Applied,
}

/// What happens to the shared kubeconfigs that a member took and has no right to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// They end, and everybody else downloads again.
    End,
    /// They live on (`--keep-shared`).
    Keep,
}

/// The clusters of a project by name.
pub(super) fn clusters_of(tx: &ReadTxn<'_>, project: &Project) -> store::Result<Vec<Cluster>> {
    let mut clusters = store::clusters::list(tx)?;
    clusters.retain(|cluster| cluster.project == Some(project.id));
    Ok(clusters)
}

/// A member of a project, by name.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    /// Of which project.
    pub(crate) project: ProjectName,
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
}

impl Membership {
    fn target(&self) -> Target {
        Target::Project(self.project.clone(), ProjectAction::Members)
    }

    /// The project, the user, and what they are in it.
    fn rows<'a>(
        &self,
        rows: &'a Rows,
    ) -> Result<(&'a Project, &'a User, Option<ProjectRole>), Refusal> {
        let project = rows.the_project()?;
        let user = rows.people.user(&self.user)?;
        let role = rows.people.roles.get(&(project.id, user.id)).copied();
        Ok((project, user, role))
    }

    fn outcome(&self, carried: Carried, role: Option<ProjectRole>) -> Changed {
        let names = carried.after.clusters.iter();
        Changed {
            project: self.project.clone(),
            user: carried.user_name(),
            role,
            unchanged: carried.is_unchanged(),
            clusters: names.map(|on| on.cluster.name.to_string()).collect(),
            over: carried.over(),
            kept: kept(&carried.before, &carried.effects),
            applied: carried.applied,
        }
    }
}

/// A user becomes a member: they reach all of the project's clusters, those added later too.
#[derive(Debug, Clone)]
pub(crate) struct Add {
    /// Who, and where.
    pub(crate) member: Membership,
    /// As what.
    pub(crate) role: ProjectRole,
}

impl Change for Add {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(Action::ProjectAddMember, self.member.target()).user(&self.member.user)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let (project, user, has) = self.member.rows(rows)?;
        if let Some(has) = has {
            return Err(Refusal::IsMember {
                user: user.name.clone(),
                project: project.name.clone(),
                has,
                asked: self.role,
            });
        }
        refuse_receiver(user)?;
        Ok(Decision {
            effects: vec![Effect::PutMember {
                project: project.id,
                user: user.id,
                role: self.role,
            }],
            detail: format!(
                "'{}' is {} of project '{}'",
                user.name, self.role, project.name
            ),
            user: Some(user.id),
            ..Decision::default()
        })
    }
}

/// Makes a user a member.
pub(crate) async fn add(
    session: &Session,
    change: &Add,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    let done = change::run(session, change, intent).await?;
    Ok(done.map(|carried| change.member.outcome(carried, Some(change.role))))
}

/// A member gets another role. A weaker one ends what they took of the stronger level.
#[derive(Debug, Clone)]
pub(crate) struct SetRole {
    /// Who, and where.
    pub(crate) member: Membership,
    /// The new role.
    pub(crate) role: ProjectRole,
    /// What happens to what they took.
    pub(crate) taken: Taken,
}

impl Change for SetRole {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::takes(Action::ProjectSetRole, self.member.target()).user(&self.member.user)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let (project, user, before) = self.member.rows(rows)?;
        let Some(before) = before else {
            return Err(no_member(project, user));
        };
        let put = Effect::PutMember {
            project: project.id,
            user: user.id,
            role: self.role,
        };
        let mut decision = Decision {
            detail: format!(
                "'{}' is {} of project '{}' instead of {before}",
                user.name, self.role, project.name
            ),
            user: Some(user.id),
            ..Decision::default()
        };
        if before == self.role {
            return Ok(decision);
        }
        if before == ProjectRole::Owner {
            keep_an_owner(rows, project, user)?;
        }
        decision.effects = [put]
            .into_iter()
            .chain(taken(rows, user, Some(self.role), self.taken))
            .collect();
        decision.remarks = keeps(rows, user, &decision.effects);
        decision.reaches_clusters = true;
        Ok(decision)
    }
}

/// Gives a member another role.
pub(crate) async fn set_role(
    session: &Session,
    change: &SetRole,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    let done = change::run(session, change, intent).await?;
    Ok(done.map(|carried| change.member.outcome(carried, Some(change.role))))
}

/// A member is removed; what they took ends for everybody.
#[derive(Debug, Clone)]
pub(crate) struct Remove {
    /// Who, and where.
    pub(crate) member: Membership,
    /// What happens to what they took.
    pub(crate) taken: Taken,
}

impl Change for Remove {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        About::takes(Action::ProjectRemoveMember, self.member.target()).user(&self.member.user)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let (project, user, before) = self.member.rows(rows)?;
        let mut decision = Decision {
            detail: format!(
                "'{}' is no member of project '{}' any more",
                user.name, project.name
            ),
            user: Some(user.id),
            reaches_clusters: true,
            ..Decision::default()
        };
        let Some(before) = before else {
            // What an earlier removal left pending is said, and tried, again.
            let mut held = rows
                .clusters
                .iter()
                .flat_map(|on| on.shared_held_by(user.id));
            return if held.any(|it| it.state == State::Revoking) {
                Ok(decision)
            } else {
                Err(no_member(project, user))
            };
        };
        if before == ProjectRole::Owner {
            keep_an_owner(rows, project, user)?;
        }
        let remove = Effect::RemoveMember {
            project: project.id,
            user: user.id,
        };
        decision.effects = [remove]
            .into_iter()
            .chain(taken(rows, user, None, self.taken))
            .collect();
        decision.remarks = keeps(rows, user, &decision.effects);
        Ok(decision)
    }
}

/// Removes a member.
pub(crate) async fn remove(
    session: &Session,
    change: &Remove,
    intent: &Intent,
) -> Result<Done<Changed>, Error> {
    let done = change::run(session, change, intent).await?;
    Ok(done.map(|carried| change.member.outcome(carried, None)))
}

fn no_member(project: &Project, user: &User) -> Refusal {
    Refusal::IsNoMember {
        user: user.name.clone(),
        project: project.name.clone(),
    }
}

/// Refuses what would leave a project without an active owner.
fn keep_an_owner(rows: &Rows, project: &Project, user: &User) -> Result<(), Refusal> {
    if user.active && !rows.people.has_other_project_owner(project.id, user.id) {
        return Err(Refusal::LastProjectOwner {
            user: user.name.clone(),
            project: project.name.clone(),
        });
    }
    Ok(())
}

/// Whether a level is more than a role has.
fn exceeds(credential: &Credential, role: Option<ProjectRole>) -> bool {
    match credential.subject {
        Subject::Shared { level, .. } => role.is_none_or(|role| role.level() < level),
        Subject::Personal(_) | Subject::Shell(_) => false,
    }
}

/// What is decided of the shared versions that a member holds and has no right to any more.
fn taken(rows: &Rows, user: &User, role: Option<ProjectRole>, taken: Taken) -> Vec<Effect> {
    let keep = taken == Taken::Keep;
    let held = rows.clusters.iter().flat_map(|on| {
        let held = on.shared_held_by(user.id).filter(|it| exceeds(it, role));
        held.filter(|it| on.keeps(it, user.id) != keep)
            .map(|it| Effect::KeepShared {
                cluster: on.cluster.id,
                credential: it.id,
                user: user.id,
                kept: keep,
            })
    });
    held.collect()
}

/// The live versions that they keep, in words.
fn kept(before: &Rows, effects: &[Effect]) -> Vec<String> {
    let kept = effects.iter().filter_map(|effect| match effect {
        Effect::KeepShared {
            cluster,
            credential,
            kept: true,
            ..
        } => Some((*cluster, *credential)),
        _ => None,
    });
    kept.filter_map(|(cluster, id)| {
        let on: &ClusterSnapshot = before.cluster(cluster)?;
        let mut live = on.credentials.iter().filter(|it| it.state.is_live());
        let it = live.find(|it| it.id == id)?;
        Some(format!(
            "version {} of '{}' on cluster '{}'",
            it.version, it.owner, on.cluster.name
        ))
    })
    .collect()
}

/// The same for the audit log.
fn keeps(rows: &Rows, user: &User, effects: &[Effect]) -> Vec<Remark> {
    let kept = kept(rows, effects);
    if kept.is_empty() {
        return vec![];
    }
    let remark = format!("'{}' keeps {}", user.name, kept.join(", "));
    vec![remark.into()]
}
