//! Finding what a wish is about, as far as the actor may see it.

use super::Error;
use super::journal::Journal;
use crate::domain::access::{self, Access};
use crate::domain::cluster::Cluster;
use crate::domain::credential::State;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{
    self, Actor as PolicyActor, ClusterAction, Denial, OrganizationAction, Standing, Target,
};
use crate::domain::user::{Role, User};
use crate::session::{Actor, Session};
use crate::store::integrity::{self, Scope};
use crate::store::{self, ReadTxn};

/// Words spelt like `name`, nearest first, at most three.
fn similar(name: &str, known: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut found: Vec<(usize, String)> = known
        .into_iter()
        .map(|word| (distance(name, &word), word))
        .filter(|(far, word)| *far <= 2.min(word.len() / 2).max(1))
        .collect();
    found.sort();
    found.into_iter().take(3).map(|(_, word)| word).collect()
}

/// Edit distance with transpositions (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let swap = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + swap);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// The actor in the words of the rules.
pub(super) fn policy_actor(actor: &Actor) -> PolicyActor {
    PolicyActor {
        role: actor.user.role,
        // A disabled holder can do nothing, whomever they act as.
        active: actor.user.active && actor.holder.active,
    }
}

/// The access of a user on a cluster, from the store.
pub(super) fn access_of(
    tx: &ReadTxn<'_>,
    session: &Session,
    user: &User,
    cluster: &Cluster,
) -> store::Result<Access> {
    let grant = store::grants::find(tx, cluster.id, user.id)?;
    Ok(access::effective(
        user,
        cluster,
        grant.as_ref(),
        session.now(),
    ))
}

/// Who is acting, with the right to act as the user given with `--as`; the store must be what this
/// program left, or nothing that it says of anybody's rights counts.
pub(super) fn actor(session: &Session, action: &'static str) -> Result<Actor, Error> {
    session.trust()?;
    reader(session, action)
}

/// [`actor`] for those who only look at the log: also where the store cannot be trusted.
pub(super) fn reader(session: &Session, action: &'static str) -> Result<Actor, Error> {
    let actor = session.actor()?;
    if actor.is_acting_as() {
        let holder = PolicyActor {
            role: actor.holder.role,
            active: actor.holder.active,
        };
        if let Err(denial) = policy::in_organization(holder, OrganizationAction::ActAs) {
            let journal = Journal::new(&actor, action);
            return Err(journal.deny(session, denial, None, &actor.holder, vec![]));
        }
        // Acting as an owner is an owner's right: no admin climbs by `--as`.
        if actor.user.role > actor.holder.role {
            let journal = Journal::new(&actor, action);
            return Err(journal.deny(session, Denial::OwnersOnly, None, &actor.holder, vec![]));
        }
    }
    if !actor.user.active || !actor.holder.active {
        let who = if actor.holder.active {
            &actor.user
        } else {
            &actor.holder
        };
        let journal = Journal::new(&actor, action);
        return Err(journal.deny(session, Denial::Disabled, None, who, vec![]));
    }
    Ok(actor)
}

/// Asks the organization's rules; a refusal is recorded. What reaches every cluster at once relies
/// on all that the store says.
pub(super) fn allow(
    session: &Session,
    actor: &Actor,
    journal: &Journal,
    action: OrganizationAction,
) -> Result<(), Error> {
    if action.is_everywhere() {
        session
            .store()?
            .read(|tx| integrity::check(tx, Scope::All))?;
    }
    may(session, actor, journal, action)
}

/// [`allow`] whatever the store's state: for those who look into it, or mend it.
pub(super) fn may(
    session: &Session,
    actor: &Actor,
    journal: &Journal,
    action: OrganizationAction,
) -> Result<(), Error> {
    policy::in_organization(policy_actor(actor), action).map_err(|denial| {
        // An admin may not help with what only owners may.
        let names = match denial {
            Denial::OwnersOnly => active(session, |user| user.role == Role::Owner),
            _ => admins(session),
        };
        let help = names
            .map(|names| vec![format!("ask {names}")])
            .unwrap_or_default();
        journal.deny(session, denial, None, &actor.user, help)
    })
}

/// The names of the active owners and admins, for people.
pub(super) fn admins(session: &Session) -> Result<String, Error> {
    active(session, |user| user.role.is_admin())
}

/// The names of those active users, for people.
fn active(session: &Session, wanted: impl Fn(&User) -> bool) -> Result<String, Error> {
    let users = session.store()?.read(store::users::list)?;
    let names: Vec<String> = users
        .into_iter()
        .filter(|user| user.active && wanted(user))
        .map(|user| format!("'{}'", user.name))
        .collect();
    Ok(names.join(" or "))
}

/// A cluster that the actor asked about, with what they have on it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The cluster.
    pub(super) cluster: Cluster,
    /// What the actor has on it.
    pub(super) access: Access,
}

/// How a user's kubeconfig stands on a cluster.
fn standing(tx: &ReadTxn<'_>, cluster: &Cluster, user: &User) -> store::Result<Standing> {
    if store::blocks::contains(tx, cluster.id, user.id)? {
        return Ok(Standing::Blocked);
    }
    let latest = store::credentials::versions(tx, cluster.id, user.id)?.pop();
    Ok(match latest.map(|credential| credential.state) {
        None => Standing::Nothing,
        Some(state) if state.is_live() => Standing::Live,
        Some(State::Revoked) => Standing::Ended,
        Some(_) => Standing::Ending,
    })
}

/// Finds a cluster and asks the rules; an unknown and a hidden one are answered alike.
pub(super) fn cluster(
    session: &Session,
    actor: &Actor,
    journal: &Journal,
    name: &ClusterName,
    action: ClusterAction,
) -> Result<Found, Error> {
    let looked = session.store()?.read(|tx| {
        let Some(cluster) = store::clusters::find(tx, name)? else {
            return Ok(None);
        };
        let access = access_of(tx, session, &actor.user, &cluster)?;
        // To whom the cluster is hidden, it is not damaged either.
        if action != ClusterAction::See && access != Access::None {
            integrity::check(tx, Scope::Cluster(cluster.id))?;
        }
        // A block is about one's own kubeconfig, not about what one does for others.
        let standing = if action == ClusterAction::OwnKubeconfig {
            standing(tx, &cluster, &actor.user)?
        } else {
            Standing::Nothing
        };
        Ok::<_, store::Error>(Some((cluster, access, standing)))
    })?;
    let decided = match &looked {
        None => Err(Denial::UnknownCluster),
        Some((cluster, access, standing)) => policy::on_cluster(
            policy_actor(actor),
            action,
            Target {
                access: *access,
                state: cluster.state,
                protected: cluster.protected,
                standing: *standing,
            },
        ),
    };
    match (decided, looked) {
        (Ok(()), Some((cluster, access, _))) => {
            let goes_on = matches!(action, ClusterAction::Delete | ClusterAction::See);
            if cluster.deleting_at.is_some() && !goes_on {
                return Err(Error::Forbidden {
                    why: format!("cluster '{name}' is being deleted"),
                    hint: format!("finish it with `kubegrant cluster delete {name}`"),
                });
            }
            Ok(Found { cluster, access })
        }
        (Ok(()) | Err(Denial::UnknownCluster), _) => {
            let journal = journal.clone().cluster_name(name);
            // The refusal is recorded; to the actor the cluster does not exist.
            let _denied = journal.deny(
                session,
                Denial::UnknownCluster,
                Some(name),
                &actor.user,
                vec![],
            );
            let visible = visible_names(session, actor)?;
            Err(Error::UnknownCluster {
                name: name.clone(),
                similar: similar(name.as_str(), visible),
            })
        }
        (Err(denial), looked) => {
            let help = match (&denial, looked) {
                (Denial::Archived(_), _) => {
                    vec![format!("run `kubegrant cluster unarchive {name}`")]
                }
                (Denial::Protected(_), _) => {
                    vec![format!("run `kubegrant cluster unprotect {name}`")]
                }
                (Denial::NotArchived, _) => vec![],
                (Denial::AccessRevoked, _) => vec![format!(
                    "ask {} to run `kubegrant team restore {} --cluster {name}`",
                    admins(session)?,
                    actor.user.name
                )],
                (_, Some((cluster, ..))) => helpers(session, &cluster, action)?,
                _ => vec![],
            };
            Err(journal.clone().cluster_name(name).deny(
                session,
                denial,
                Some(name),
                &actor.user,
                help,
            ))
        }
    }
}

/// Reads a cluster again: what was read before its lock was held may have changed since.
pub(super) fn again(session: &Session, cluster: &Cluster) -> Result<Cluster, Error> {
    let found = session
        .store()?
        .read(|tx| store::clusters::find(tx, &cluster.name))?;
    found
        .filter(|found| found.id == cluster.id)
        .ok_or_else(|| Error::UnknownCluster {
            name: cluster.name.clone(),
            similar: vec![],
        })
}

/// Who could help on a cluster: its owner, where owners may, and the organization's owners and
/// admins.
fn helpers(
    session: &Session,
    cluster: &Cluster,
    action: ClusterAction,
) -> Result<Vec<String>, Error> {
    let owner_may = action.is_for_cluster_owners();
    let users = session.store()?.read(store::users::list)?;
    let owner = users
        .iter()
        .find(|user| owner_may && cluster.owner == Some(user.id) && user.active)
        .map(|user| format!("its owner '{}' or ", user.name))
        .unwrap_or_default();
    Ok(vec![format!("ask {owner}{}", admins(session)?)])
}

/// The names of the clusters that the actor may see.
pub(super) fn visible_names(session: &Session, actor: &Actor) -> Result<Vec<String>, Error> {
    session.store()?.read(|tx| {
        let mut names = Vec::new();
        for cluster in store::clusters::list(tx)? {
            if access_of(tx, session, &actor.user, &cluster)? != Access::None {
                names.push(cluster.name.to_string());
            }
        }
        Ok(names)
    })
}

/// Finds a user, for those who may know.
pub(super) fn user(session: &Session, name: &UserRef) -> Result<User, Error> {
    let (found, all) = session.store()?.read(|tx| {
        let found = store::users::find(tx, name)?;
        let all = if found.is_none() {
            store::users::list(tx)?
        } else {
            vec![]
        };
        Ok::<_, store::Error>((found, all))
    })?;
    found.ok_or_else(|| {
        let known = all.into_iter().map(|user| user.name.to_string());
        Error::UnknownUser {
            name: name.clone(),
            similar: similar(&name.to_string(), known),
        }
    })
}

/// This installation's id.
pub(super) fn installation(session: &Session) -> Result<String, Error> {
    let found = session
        .store()?
        .read(|tx| store::meta::find(tx, store::meta::INSTALLATION))?;
    found.ok_or_else(|| {
        Error::Store(store::Error::Damaged {
            what: "organization",
            why: "it has no installation id".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        let known = || ["prod", "staging", "prod-eu"].map(str::to_owned);
        assert_eq!(similar("prdo", known()), ["prod"]);
        assert_eq!(similar("stagin", known()), ["staging"]);
        assert!(similar("zzz", known()).is_empty());
    }
}
