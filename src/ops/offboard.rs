//! `user offboard`: somebody leaves. The plan first, then everything everywhere, then a receipt.

#[cfg(test)]
mod tests;

use super::change::{self, About, Change, Decision, Remark, Resealed, Target, Who};
use super::project::shared::Over;
use super::{Applied, Done, Error, Intent, Planned, find, lifecycle, user as users};
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::effect::Effect;
use crate::domain::name::UserRef;
use crate::domain::people::Named;
use crate::domain::policy::{self, OrganizationAction};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::ssh::{Custody, KeyPlace};
use crate::domain::user::User;
use crate::domain::{Confirmed, Timestamp};
use crate::session::{App, Session};
use crate::store;

/// What somebody has, before they leave.
#[derive(Debug, Default, Clone)]
pub(crate) struct Leaving {
    /// The user's name.
    pub(crate) user: String,
    /// Their role.
    pub(crate) role: String,
    /// Clusters they own.
    pub(crate) owns: Vec<String>,
    /// Grants: cluster and level.
    pub(crate) grants: Vec<String>,
    /// Role bindings: role, place and cluster.
    pub(crate) bindings: Vec<String>,
    /// Projects that they are members of, and as what.
    pub(crate) projects: Vec<String>,
    /// Live credentials: version and cluster.
    pub(crate) credentials: Vec<String>,
    /// Files they were handed that may still be somewhere: version and cluster.
    pub(crate) holds: Vec<String>,
    /// Secrets of clusters that their key could open: to be rotated at their source.
    pub(crate) could_open: Vec<String>,
}

/// The receipt.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// What they had.
    pub(crate) had: Leaving,
    /// Who owns their clusters now.
    pub(crate) new_owner: Option<String>,
    /// The clusters that were given to the new owner.
    pub(crate) transferred: Vec<String>,
    /// When it was done.
    pub(crate) at: Timestamp,
    /// Who did it.
    pub(crate) by: String,
    /// Shared versions that ended with it, and who must download again.
    pub(crate) over: Vec<Over>,
    /// What it did on clusters.
    pub(crate) applied: Applied,
    /// Whether they were gone already.
    pub(crate) unchanged: bool,
}

/// Somebody leaves: everything of theirs ends everywhere.
#[derive(Debug)]
pub(crate) struct Offboard {
    /// Who leaves.
    pub(crate) user: UserRef,
    /// Who owns their clusters then.
    pub(crate) new_owner: Option<UserRef>,
}

impl Offboard {
    /// Who owns the clusters of who leaves, if it is said.
    fn heir<'a>(&self, rows: &'a Rows, user: &User) -> Result<Option<&'a User>, Refusal> {
        let Some(name) = &self.new_owner else {
            return Ok(None);
        };
        let heir = rows.people.heir(name)?;
        if heir.id == user.id {
            return Err(Refusal::TakesOver(user.name.clone()));
        }
        Ok(Some(heir))
    }
}

impl Change for Offboard {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        About::takes(Action::UserOffboard, Target::Organization(users::MANAGE))
            .user(&self.user)
            .names(self.new_owner.clone().map(Named::As))
            .follows_user()
            .errors_are_pending()
    }

    // Those of their own are for the new owner.
    fn resealed<'a>(&'a self, rows: &'a Rows) -> Option<Resealed<'a>> {
        let user = rows.people.find(&self.user)?.id;
        let opens = users::opens(rows, &self.user);
        Some(Box::new(move |cluster, which| {
            let opens = opens.as_ref();
            cluster.owner == Some(user) || opens.is_some_and(|opens| opens(cluster, which))
        }))
    }

    fn must_reseal(&self) -> bool {
        false
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let user = rows.people.user(&self.user)?;
        who.may(OrganizationAction::ManageUser(user.role))?;
        if user.id == who.holder.id || user.id == who.user.id {
            return Err(Refusal::LocksOut("offboarding"));
        }
        rows.people.keep_an_owner(user)?;
        let heir = self.heir(rows, user)?;
        let mut decision = Decision {
            detail: format!("'{}' leaves", user.name),
            user: Some(user.id),
            // Also where there is nothing to decide: what is pending is tried again.
            reaches_clusters: true,
            ..Decision::default()
        };
        if user.active {
            decision.effects.push(Effect::SetActive {
                user: user.id,
                active: false,
            });
        }
        take_from_clusters(rows, user, &mut decision);
        take_from_projects(rows, user, &mut decision);
        hand_over(rows, user, heir, &mut decision)?;
        Ok(decision)
    }
}

/// Takes grants and bindings, so that enabling the user again gives nothing back by itself.
fn take_from_clusters(rows: &Rows, user: &User, decision: &mut Decision) {
    for on in &rows.clusters {
        let cluster = on.cluster.id;
        let remark = |detail: String| Remark {
            cluster: Some(cluster),
            detail,
            ..Remark::default()
        };
        if on.grants.contains_key(&user.id) {
            decision.effects.push(Effect::RemoveGrant {
                cluster,
                user: user.id,
            });
            decision.remarks.push(remark("grant removed".to_owned()));
        }
        let bindings = on.bindings.iter();
        for binding in bindings.filter(|it| it.user == user.id && !it.is_removed) {
            decision.effects.push(Effect::Unbind {
                cluster,
                binding: binding.id,
            });
            let detail = format!("{} unbound", binding.bound);
            decision.remarks.push(remark(detail));
        }
    }
}

/// Takes the memberships, for the same reason.
fn take_from_projects(rows: &Rows, user: &User, decision: &mut Decision) {
    let of_user = rows.people.roles.keys().filter(|(_, id)| *id == user.id);
    for (project, _) in of_user {
        decision.effects.push(Effect::RemoveMember {
            project: *project,
            user: user.id,
        });
        let name = rows.people.projects.get(project);
        let name = name.map(ToString::to_string).unwrap_or_default();
        let detail = format!("no member of project '{name}' any more");
        decision.remarks.push(detail.into());
    }
}

/// Gives their clusters to the new owner, also one that is being deleted.
fn hand_over(
    rows: &Rows,
    user: &User,
    heir: Option<&User>,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let clusters = rows.clusters.iter().map(|on| &on.cluster);
    let own: Vec<&Cluster> = clusters.filter(|it| it.owner == Some(user.id)).collect();
    let Some(heir) = heir.filter(|_| !own.is_empty()) else {
        return if own.is_empty() {
            Ok(())
        } else {
            Err(Refusal::WithoutOwner {
                user: user.name.clone(),
                clusters: own.iter().map(|it| it.name.clone()).collect(),
            })
        };
    };
    for cluster in own {
        decision.effects.push(Effect::SetOwner {
            cluster: cluster.id,
            owner: heir.id,
        });
        decision.remarks.push(Remark {
            command: Some(lifecycle::TRANSFER),
            cluster: Some(cluster.id),
            user: Some(heir.id),
            detail: lifecycle::from_to(Some(user), heir),
        });
    }
    Ok(())
}

/// What somebody has.
fn look(app: &App, user: &User) -> Result<Leaving, Error> {
    app.store()?.read(|tx| {
        let clusters = store::clusters::list(tx)?;
        let mut leaving = Leaving {
            user: user.name.to_string(),
            role: user.role.to_string(),
            ..Leaving::default()
        };
        for (project, role) in store::projects::of_user(tx, user.id)? {
            let words = format!("{role} of project '{}'", project.name);
            leaving.projects.push(words);
        }
        let shared = store::credentials::shared_held_by(tx, user.id)?;
        for cluster in clusters {
            let name = &cluster.name;
            for credential in shared.iter().filter(|it| it.cluster == cluster.id) {
                if credential.state.is_live() {
                    let owner = &credential.owner;
                    let version = credential.version;
                    leaving.holds.push(format!(
                        "the shared kubeconfig of version {version} of '{owner}' on cluster '{name}'"
                    ));
                }
            }
            if let Some(grant) = store::grants::find(tx, cluster.id, user.id)? {
                leaving
                    .grants
                    .push(format!("{} on cluster '{name}'", grant.level));
            }
            for binding in store::bindings::of_user(tx, cluster.id, user.id)? {
                let words = format!("{} on cluster '{name}'", binding.bound);
                leaving.bindings.push(words);
            }
            for credential in store::credentials::versions(tx, cluster.id, user.id)? {
                let words = format!("version {} on cluster '{name}'", credential.version);
                let handed = store::credentials::deliveries(tx, credential.id)?;
                if credential.state.is_live() {
                    leaving.credentials.push(words.clone());
                    if !handed.is_empty() {
                        leaving.holds.push(format!("the kubeconfig of {words}"));
                    }
                }
            }
            for shell in store::credentials::live_of_user(tx, user.id)? {
                if shell.is_shell() && shell.cluster == cluster.id {
                    let words = format!("shell {} on cluster '{name}'", shell.version);
                    leaving.credentials.push(words);
                }
            }
            for key in store::ssh_keys::list(tx, cluster.id)? {
                let has_it = key.claim.is_some_and(|claim| claim.to == user.id);
                if has_it && key.custody == Custody::Downloaded && key.place != KeyPlace::Gone {
                    leaving.holds.push(format!(
                        "SSH key {} of cluster '{name}', until `kubegrant ssh-key rotate {name}`",
                        key.fingerprint
                    ));
                }
            }
            let owns = cluster.owner == Some(user.id);
            if owns {
                leaving.owns.push(name.to_string());
            }
            if user.key.is_some() {
                let held = store::sealed::of_cluster(tx, &cluster)?.into_iter();
                let open = held.filter(|it| policy::opens_while_active(user, &cluster, &it.which));
                leaving.could_open.extend(open.map(|it| it.to_string()));
            }
            let once = super::ssh_key::once_open_to(tx, &cluster, user.id)?;
            leaving.could_open.extend(once);
        }
        Ok(leaving)
    })
}

/// What would come of somebody's leaving.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    /// What they have.
    pub(crate) leaving: Leaving,
    /// What would be done; nothing where they are gone.
    pub(crate) planned: Planned,
}

/// Says what somebody has, and asks the rules: before the question is put to a person.
pub(crate) async fn preview(session: &Session, change: &Offboard) -> Result<Farewell, Error> {
    let planned = change::planned(session, change).await?;
    let leaving = look(session, &find::user(session, &change.user)?)?;
    Ok(Farewell { leaving, planned })
}

/// Ends everything of somebody everywhere.
///
/// One transaction records all of it: they are disabled, have no grant, role or membership any
/// more, and their clusters are the new owner's. Then the clusters are told, side by side; what
/// fails on one of them is pending there, in the receipt, and stops nothing.
pub(crate) async fn offboard(
    session: &Session,
    change: &Offboard,
    confirmed: Confirmed,
) -> Result<Receipt, Error> {
    let had = look(session, &find::user(session, &change.user)?)?;
    let intent = Intent::Perform(confirmed);
    let Done::Did(done) = change::run(session, change, &intent).await? else {
        return Err(Error::Refused(Refusal::ChangedMeanwhile(None)));
    };
    let owner = |effect: &Effect| match effect {
        Effect::SetOwner { cluster, .. } => done.before.cluster(*cluster),
        _ => None,
    };
    let transferred = done.effects.iter().filter_map(owner);
    let transferred: Vec<String> = transferred.map(|on| on.cluster.name.to_string()).collect();
    let heir = change.new_owner.as_ref();
    let heir = heir.and_then(|name| done.before.people.find(name));
    Ok(Receipt {
        had,
        new_owner: heir.map(|user| user.name.to_string()),
        transferred,
        at: session.now(),
        by: find::principal(session, Action::UserOffboard)?
            .holder
            .name
            .to_string(),
        over: done.over(),
        unchanged: done.is_unchanged(),
        applied: done.applied,
    })
}
