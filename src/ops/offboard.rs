//! `user offboard`: somebody leaves. The plan first, then everything everywhere, then a receipt.

use futures::{StreamExt, stream};

use super::journal::Journal;
use super::project::shared::Over;
use super::user::Changed;
use super::{Applied, Debt, Error, Mode, find, life, settle, user as users};
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::name::UserRef;
use crate::domain::policy::OrganizationAction;
use crate::domain::ssh::{Custody, Place};
use crate::domain::user::{Role, User};
use crate::domain::{Confirmed, Timestamp};
use crate::session::{Actor, Session};
use crate::store;

/// What somebody has, before they leave.
#[derive(Debug, Default)]
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

/// Who leaves, and who owns their clusters then.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Who leaves.
    pub(crate) user: UserRef,
    /// Who owns their clusters then.
    pub(crate) new_owner: Option<UserRef>,
}

struct Case {
    actor: Actor,
    journal: Journal,
    user: User,
    owned: Vec<Cluster>,
    new_owner: Option<User>,
    leaving: Leaving,
}

fn case(session: &Session, wish: &Wish) -> Result<Case, Error> {
    let actor = find::actor(session, "user offboard")?;
    let journal = Journal::new(&actor, "user offboard").user_name(&wish.user.to_string());
    let manage = OrganizationAction::ManageUser(Role::Developer);
    find::allow(session, &actor, &journal, manage)?;
    let user = find::user(session, &wish.user)?;
    find::allow(
        session,
        &actor,
        &journal,
        OrganizationAction::ManageUser(user.role),
    )?;
    if user.id == actor.holder.id || user.id == actor.user.id {
        return Err(Error::Forbidden {
            why: "offboarding yourself would lock you out".to_owned(),
            hint: "let another owner or admin do it".to_owned(),
        });
    }
    session
        .store()?
        .read(|tx| users::keep_an_owner(tx, &user))?;
    let new_owner = wish
        .new_owner
        .as_ref()
        .map(|name| super::cluster::active_user(session, name))
        .transpose()?;
    if new_owner.as_ref().is_some_and(|new| new.id == user.id) {
        return Err(Error::Input {
            why: format!("'{}' cannot take over from themselves", user.name),
            hint: "name somebody else with `--new-owner`".to_owned(),
        });
    }
    let (leaving, owned) = look(session, &user)?;
    if !owned.is_empty() && new_owner.is_none() {
        let names: Vec<String> = owned.iter().map(|it| format!("'{}'", it.name)).collect();
        return Err(Error::Forbidden {
            why: format!("cluster {} would be without owner", names.join(", ")),
            hint: format!(
                "run `kubegrant user offboard {} --new-owner USER`",
                user.name
            ),
        });
    }
    let journal = journal.user(&user);
    Ok(Case {
        actor,
        journal,
        user,
        owned,
        new_owner,
        leaving,
    })
}

/// What somebody has.
fn look(session: &Session, user: &User) -> Result<(Leaving, Vec<Cluster>), Error> {
    session.store()?.read(|tx| {
        let clusters = store::clusters::list(tx)?;
        let mut leaving = Leaving {
            user: user.name.to_string(),
            role: user.role.to_string(),
            ..Leaving::default()
        };
        let mut owned = Vec::new();
        for (project, role) in store::projects::of_user(tx, user.id)? {
            let words = format!("{role} of project '{}'", project.name);
            leaving.projects.push(words);
        }
        let shared = store::credentials::shared_held_by(tx, user.id)?;
        for cluster in clusters {
            let name = &cluster.name;
            for credential in shared.iter().filter(|it| it.cluster == cluster.id) {
                if credential.state.is_live() {
                    let owner = settle::picture(tx, cluster.id)?.owner(credential);
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
                if has_it && key.custody == Custody::Downloaded && key.place != Place::Gone {
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
            if user.key.is_some() && (user.role.is_admin() || owns) {
                leaving
                    .could_open
                    .push(format!("the manager login of cluster '{name}'"));
                if store::provider_tokens::find(tx, cluster.id)?.is_some() {
                    leaving
                        .could_open
                        .push(format!("the provider token of cluster '{name}'"));
                }
                let keys = store::ssh_keys::list(tx, cluster.id)?;
                let held = keys.iter().filter(|key| key.custody.is_held());
                leaving.could_open.extend(
                    held.map(|key| format!("SSH key {} of cluster '{name}'", key.fingerprint)),
                );
            }
            let once = super::ssh_key::once_open_to(tx, &cluster, user.id)?;
            leaving.could_open.extend(once);
            if owns {
                owned.push(cluster);
            }
        }
        Ok((leaving, owned))
    })
}

/// Says what somebody has, and asks the rules: before the question is put to a person.
pub(crate) fn preview(session: &Session, wish: &Wish) -> Result<Leaving, Error> {
    case(session, wish).map(|case| case.leaving)
}

/// Ends everything of somebody everywhere.
pub(crate) async fn offboard(
    session: &Session,
    wish: &Wish,
    confirmed: Confirmed,
) -> Result<Receipt, Error> {
    let case = case(session, wish)?;
    let nothing_left = !case.user.active
        && case.leaving.grants.is_empty()
        && case.leaving.bindings.is_empty()
        && case.leaving.owns.is_empty()
        && case.leaving.projects.is_empty()
        && case.leaving.credentials.is_empty();
    let mut applied = Applied::default();
    let request = if nothing_left {
        None
    } else {
        let detail = format!("'{}' leaves", case.user.name);
        Some(
            case.journal
                .record_alone(session, Phase::Requested, detail, None)?,
        )
    };
    if let Some(new_owner) = &case.new_owner {
        let to = UserRef::Name(new_owner.name.clone());
        let moves = stream::iter(&case.owned)
            .map(|cluster| life::transfer(session, &cluster.name, &to, Mode::Do, confirmed))
            .buffered(1)
            .collect::<Vec<_>>()
            .await;
        for moved in moves {
            if let super::Done::Did(lived) = moved? {
                applied.extend(lived.applied);
            }
        }
    }
    drop_grants(session, &case)?;
    drop_memberships(session, &case)?;
    let name = UserRef::Name(case.user.name.clone());
    let mut again = Vec::new();
    match users::disable(session, &name, Mode::Do, confirmed).await? {
        super::Done::Did(Changed {
            applied: more,
            over,
            ..
        }) => {
            applied.extend(more);
            again.extend(over);
        }
        super::Done::Planned(_) => {}
    }
    // A cluster that changes hands is worked on twice: what it owes is owed once.
    let mut owed: Vec<Debt> = Vec::new();
    for debt in std::mem::take(&mut applied.owed) {
        if !owed
            .iter()
            .any(|it| (&it.cluster, &it.what) == (&debt.cluster, &debt.what))
        {
            owed.push(debt);
        }
    }
    applied.owed = owed;
    if let Some(request) = request {
        let phase = if applied.owed.is_empty() {
            Phase::Done
        } else {
            Phase::Owed
        };
        let detail = format!("'{}' has left", case.user.name);
        case.journal
            .record_alone(session, phase, detail, Some(request))?;
    }
    Ok(Receipt {
        had: case.leaving,
        new_owner: case.new_owner.map(|user| user.name.to_string()),
        at: session.now(),
        by: case.actor.holder.name.to_string(),
        over: again,
        applied,
        unchanged: nothing_left,
    })
}

/// Removes grants and bindings, so that enabling the user again gives nothing back by itself.
fn drop_grants(session: &Session, case: &Case) -> Result<(), Error> {
    session.store()?.write(|tx| {
        for cluster in store::clusters::list(tx)? {
            if store::grants::find(tx, cluster.id, case.user.id)?.is_some() {
                store::grants::remove(tx, cluster.id, case.user.id, session.now())?;
                let journal = case.journal.clone().cluster(&cluster);
                journal.record(session, tx, Phase::Done, "grant removed", None)?;
            }
            for binding in store::bindings::of_user(tx, cluster.id, case.user.id)? {
                store::bindings::remove(tx, &binding, session.now())?;
                let journal = case.journal.clone().cluster(&cluster);
                let detail = format!("{} unbound", binding.bound);
                journal.record(session, tx, Phase::Done, detail, None)?;
            }
        }
        Ok(())
    })
}

/// Removes the memberships, so that enabling the user again gives nothing back by itself.
fn drop_memberships(session: &Session, case: &Case) -> Result<(), Error> {
    session.store()?.write(|tx| {
        for (project, _) in store::projects::of_user(tx, case.user.id)? {
            store::projects::remove_member(tx, project.id, case.user.id)?;
            let detail = format!("no member of project '{}' any more", project.name);
            case.journal
                .record(session, tx, Phase::Done, detail, None)?;
        }
        Ok(())
    })
}
