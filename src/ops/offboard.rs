//! `user offboard`: somebody leaves. The plan first, then everything everywhere, then a receipt.

use std::cell::Cell;

use futures::{StreamExt, stream};

use super::commit::commit_for;
use super::journal::Journal;
use super::project::shared::Over;
use super::{Applied, Debt, Error, find, life, reseal, settle, user as users};
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::credential::Credential;
use crate::domain::installation::InstallationId;
use crate::domain::name::UserRef;
use crate::domain::policy::{self, OrganizationAction};
use crate::domain::ssh::{Custody, Place};
use crate::domain::text;
use crate::domain::user::{Role, User};
use crate::domain::{Confirmed, Timestamp};
use crate::session::{Actor, Session};
use crate::store::{self, ReadTxn, WriteTxn};

/// How many clusters are worked on at once.
const CLUSTERS_AT_ONCE: usize = 8;

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
    new_owner: Option<User>,
    leaving: Leaving,
}

impl Case {
    /// Whether there is nothing left to decide.
    fn is_gone(&self) -> bool {
        !self.user.active
            && self.leaving.grants.is_empty()
            && self.leaving.bindings.is_empty()
            && self.leaving.owns.is_empty()
            && self.leaving.projects.is_empty()
            && self.leaving.credentials.is_empty()
    }
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
    let leaving = look(session, &user)?;
    if !leaving.owns.is_empty() && new_owner.is_none() {
        let names: Vec<String> = leaving.owns.iter().map(|it| format!("'{it}'")).collect();
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
        new_owner,
        leaving,
    })
}

/// What somebody has.
fn look(session: &Session, user: &User) -> Result<Leaving, Error> {
    session.store()?.read(|tx| {
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
            if user.key.is_some() && policy::opens_secrets_while_active(user, &cluster) {
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
        }
        Ok(leaving)
    })
}

/// Says what somebody has, and asks the rules: before the question is put to a person.
pub(crate) fn preview(session: &Session, wish: &Wish) -> Result<Leaving, Error> {
    case(session, wish).map(|case| case.leaving)
}

/// Ends everything of somebody everywhere.
///
/// One transaction records all of it: they are disabled, have no grant, role or membership any
/// more, and their clusters are the new owner's. Then the clusters are told, side by side; what
/// fails on one of them is pending there, in the receipt, and stops nothing.
pub(crate) async fn offboard(
    session: &Session,
    wish: &Wish,
    _: Confirmed,
) -> Result<Receipt, Error> {
    let case = case(session, wish)?;
    let pending = session.store()?.read(|tx| held(tx, &case.user))?;
    let pending = pending.iter().any(|credential| credential.state.is_debt());
    let unchanged = case.is_gone();
    let mut receipt = Receipt {
        new_owner: case.new_owner.as_ref().map(|user| user.name.to_string()),
        at: session.now(),
        by: case.actor.holder.name.to_string(),
        transferred: vec![],
        over: vec![],
        applied: Applied::default(),
        unchanged,
        had: case.leaving.clone(),
    };
    if unchanged && !pending {
        return Ok(receipt);
    }
    let installation = find::installation(session)?;
    let left = match leave(session, &case, &installation) {
        Err(Error::Store(refused)) if case.user.active => {
            return Err(settle::end_all_unrecorded(session, &case.user, refused).await);
        }
        left => left?,
    };
    receipt.transferred = left.transferred;
    receipt.over = left.over;
    receipt.applied = tell(session, left.touched, &case.journal, left.request).await?;
    receipt.applied.owed.extend(left.pending);
    let phase = if receipt.applied.owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    };
    let detail = format!("'{}' has left", case.user.name);
    case.journal
        .record_alone(session, phase, detail, Some(left.request))?;
    Ok(receipt)
}

/// What the transaction recorded, and what is to be done about it.
struct Left {
    request: EventSeq,
    /// The clusters that must be told.
    touched: Vec<Cluster>,
    transferred: Vec<String>,
    over: Vec<Over>,
    /// What could not be done in the store.
    pending: Vec<Debt>,
}

/// Opens the secrets that must be sealed without them, and records that they left. A login that is
/// renewed between the two is opened once more.
fn leave(session: &Session, case: &Case, installation: &InstallationId) -> Result<Left, Error> {
    let could_open = case.user.key.is_some() && case.user.role.is_admin();
    // Those of their own are for the new owner.
    let opens = |cluster: &Cluster| could_open || cluster.owner == Some(case.user.id);
    for _ in 0..3 {
        let mut secrets = Vec::new();
        for cluster in session.store()?.read(store::clusters::list)? {
            if opens(&cluster) {
                let opened = reseal::open_logins(session, installation, |it| it.id == cluster.id);
                secrets.push((cluster, opened));
            }
        }
        match record(session, case, installation, secrets) {
            Ok(None) => {}
            Ok(Some(left)) => return Ok(left),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Forbidden {
        why: "the logins of their clusters are renewed all the time".to_owned(),
        hint: "try again".to_owned(),
    })
}

/// Records everything in one transaction; nothing where a secret was renewed since it was opened.
fn record(
    session: &Session,
    case: &Case,
    installation: &InstallationId,
    secrets: Vec<(Cluster, Result<reseal::Logins, Error>)>,
) -> Result<Option<Left>, Error> {
    let id = case.user.id;
    let renewed = Cell::new(false);
    let rules = [OrganizationAction::ManageUser(case.user.role)];
    let recorded = commit_for(session, "user offboard", &rules, |tx| {
        let users = store::users::list(tx)?;
        let now = users.iter().find(|user| user.id == id);
        if now.is_none_or(|now| now.role != case.user.role) {
            return Err(Error::Forbidden {
                why: format!("'{}' has another role since", case.user.name),
                hint: "try again".to_owned(),
            });
        }
        users::keep_an_owner(tx, &case.user)?;
        let detail = format!("'{}' leaves", case.user.name);
        let request = case
            .journal
            .record(session, tx, Phase::Requested, detail, None)?;
        let held = held(tx, &case.user)?;
        store::users::set_active(tx, id, false)?;
        drop_grants(session, tx, case)?;
        drop_memberships(session, tx, case)?;
        let mut left = Left {
            request,
            touched: vec![],
            transferred: vec![],
            over: vec![],
            pending: vec![],
        };
        transfer(session, tx, case, &mut left)?;
        for (cluster, opened) in secrets {
            let sealed = opened.and_then(|logins| logins.reseal(session, tx, installation));
            match sealed {
                Ok(()) => {}
                Err(error @ Error::Forbidden { .. }) => {
                    renewed.set(true);
                    return Err(error);
                }
                Err(error @ Error::Store(_)) => return Err(error),
                Err(error) => left.pending.push(unsealed(case, &cluster, &error)),
            }
        }
        for cluster in store::clusters::list(tx)? {
            let is_here = |it: &Credential| it.cluster == cluster.id;
            let is_theirs = left
                .transferred
                .iter()
                .any(|it| cluster.name.as_str() == it);
            if !held.iter().any(is_here) && !is_theirs {
                continue;
            }
            let journal = case.journal.clone().cluster(&cluster);
            let (on, ended) =
                settle::end_what_must(session, tx, cluster.id, &journal, Some(request))?;
            left.over.extend(Over::all_of(&on, &ended));
            left.touched.push(cluster);
        }
        Ok(left)
    });
    match recorded {
        Err(_) if renewed.get() => Ok(None),
        recorded => recorded.map(Some),
    }
}

/// The versions that somebody may have in their hands, and that are not seen to be gone.
fn held(tx: &ReadTxn<'_>, user: &User) -> store::Result<Vec<Credential>> {
    let mut held = store::credentials::all_unfinished(tx)?;
    held.retain(|credential| credential.subject.user() == Some(user.id));
    held.extend(store::credentials::shared_held_by(tx, user.id)?);
    Ok(held)
}

/// Gives their clusters to the new owner, also one that is being deleted.
fn transfer(
    session: &Session,
    tx: &WriteTxn<'_>,
    case: &Case,
    left: &mut Left,
) -> Result<(), Error> {
    for cluster in store::clusters::list(tx)? {
        if cluster.owner != Some(case.user.id) {
            continue;
        }
        let users = store::users::list(tx)?;
        let new = case.new_owner.as_ref().map(|new| new.id);
        let Some(new) = users.iter().find(|it| Some(it.id) == new && it.active) else {
            // They got it, or the new owner was disabled, since this command began.
            left.pending.push(Debt {
                cluster: cluster.name.clone(),
                what: format!(
                    "it still belongs to '{name}': `kubegrant cluster transfer {cluster} --to USER`",
                    name = case.user.name,
                    cluster = cluster.name
                ),
                why: None,
                until: None,
            });
            continue;
        };
        store::clusters::set_owner(tx, cluster.id, Some(new.id))?;
        let journal = Journal::new(&case.actor, life::TRANSFER)
            .cluster(&cluster)
            .user(new);
        let detail = life::from_to(Some(&case.user), new);
        journal.record(session, tx, Phase::Done, detail, Some(left.request))?;
        left.transferred.push(cluster.name.to_string());
    }
    Ok(())
}

/// A cluster whose secrets stay sealed as they were.
fn unsealed(case: &Case, cluster: &Cluster, error: &Error) -> Debt {
    Debt {
        cluster: cluster.name.clone(),
        what: format!(
            "what is sealed of it could not be sealed anew, and '{}' could still open it: \
             `kubegrant cluster rotate-manager {}`",
            case.user.name, cluster.name
        ),
        why: Some(text::chain(error)),
        until: None,
    }
}

/// Tells the clusters, side by side. Whatever happens on one of them is pending there.
async fn tell(
    session: &Session,
    clusters: Vec<Cluster>,
    journal: &Journal,
    request: EventSeq,
) -> Result<Applied, Error> {
    let one = async |cluster: &Cluster| {
        let snapshot = session
            .store()?
            .read(|tx| settle::snapshot(tx, cluster.id))?;
        if cluster.deleting_at.is_some() && snapshot.credentials.is_empty() {
            // To reconcile it would take from its deletion what that needs.
            return Ok(Applied {
                owed: settle::debts(cluster, &snapshot),
                ..Applied::default()
            });
        }
        settle::pay_taking(session, cluster, journal, Some(request)).await
    };
    let results: Vec<Result<Applied, Error>> = stream::iter(&clusters)
        .map(|cluster| async {
            match one(cluster).await {
                Err(error) => Ok(Applied {
                    owed: settle::owed(session, cluster, journal, Some(request), &error)?,
                    ..Applied::default()
                }),
                told => told,
            }
        })
        .buffer_unordered(CLUSTERS_AT_ONCE)
        .collect()
        .await;
    let mut applied = Applied::default();
    for result in results {
        applied.extend(result?);
    }
    applied.ended.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    applied.owed.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    Ok(applied)
}

/// Removes grants and bindings, so that enabling the user again gives nothing back by itself.
fn drop_grants(session: &Session, tx: &WriteTxn<'_>, case: &Case) -> store::Result<()> {
    for cluster in store::clusters::list(tx)? {
        let journal = case.journal.clone().cluster(&cluster);
        if store::grants::find(tx, cluster.id, case.user.id)?.is_some() {
            store::grants::remove(tx, cluster.id, case.user.id, session.now())?;
            journal.record(session, tx, Phase::Done, "grant removed", None)?;
        }
        for binding in store::bindings::of_user(tx, cluster.id, case.user.id)? {
            store::bindings::remove(tx, &binding, session.now())?;
            let detail = format!("{} unbound", binding.bound);
            journal.record(session, tx, Phase::Done, detail, None)?;
        }
    }
    Ok(())
}

/// Removes the memberships, so that enabling the user again gives nothing back by itself.
fn drop_memberships(session: &Session, tx: &WriteTxn<'_>, case: &Case) -> store::Result<()> {
    for (project, _) in store::projects::of_user(tx, case.user.id)? {
        store::projects::remove_member(tx, project.id, case.user.id)?;
        let detail = format!("no member of project '{}' any more", project.name);
        case.journal
            .record(session, tx, Phase::Done, detail, None)?;
    }
    Ok(())
}
