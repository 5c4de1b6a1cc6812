//! A cluster's lifecycle: protect, archive, transfer.

#[cfg(test)]
mod tests;

use super::change::{self, About, Carried, Change, Decision, Direction, Resealed, Target, Who};
use super::{Applied, Done, Error, Intent, Unasked, find};
use crate::domain::Confirmed;
use crate::domain::access::Access;
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, State};
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::user::User;
use crate::session::Session;
use crate::store;

/// The command that assigns a cluster to another user, as the audit log names it.
pub(super) const TRANSFER: Action = Action::ClusterTransfer;

/// What a change in a cluster's lifecycle came to.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The cluster as it is now.
    pub(crate) cluster: Cluster,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

impl Changed {
    fn of(done: Done<Carried>) -> Result<Done<Self>, Error> {
        Ok(match done {
            Done::Planned(planned) => Done::Planned(planned),
            Done::Did(carried) => Done::Did(Self {
                cluster: carried
                    .after
                    .only()
                    .map_err(Error::Refused)?
                    .cluster
                    .clone(),
                unchanged: carried.is_unchanged(),
                applied: carried.applied,
            }),
        })
    }
}

/// A cluster is protected from being deleted or archived, or no longer.
#[derive(Debug, Clone)]
pub(crate) struct Protect {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Whether it is to be protected.
    pub(crate) protected: bool,
}

impl Change for Protect {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        // Under the lock: what archives or deletes it has asked whether it is protected.
        let command = if self.protected {
            Action::ClusterProtect
        } else {
            Action::ClusterUnprotect
        };
        About::gives(command, Target::on(&self.cluster, ClusterAction::Protect))
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let set = Effect::SetProtected {
            cluster: on.cluster.id,
            protected: self.protected,
        };
        let is_new = on.cluster.protected != self.protected;
        let verb = if self.protected {
            "protect"
        } else {
            "unprotect"
        };
        Ok(Decision {
            effects: is_new.then_some(set).into_iter().collect(),
            detail: format!("{verb} '{}'", self.cluster),
            ..Decision::default()
        })
    }
}

/// Protects a cluster from being deleted or archived, or lifts that.
pub(crate) async fn protect(
    session: &Session,
    change: &Protect,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    Changed::of(change::run(session, change, intent).await?)
}

/// A cluster is archived: from here it issues, rotates and hands out nothing.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Whether every live version ends too.
    pub(crate) revoke_all: bool,
}

impl Change for Archive {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        // What is asked of the rules depends on its state, and is asked when it is decided.
        // Alone, archiving waits for what is being handed out.
        let direction = if self.revoke_all {
            Direction::Takes
        } else {
            Direction::Gives
        };
        About::new(
            Action::ClusterArchive,
            Target::on(&self.cluster, ClusterAction::See),
            direction,
        )
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        // Archiving again is an error of state, unless it is to end what the first time left alive.
        let is_archived = on.cluster.state == State::Archived;
        who.may_on(
            on,
            if is_archived && self.revoke_all {
                ClusterAction::Grant
            } else {
                ClusterAction::Archive
            },
        )?;
        let set = Effect::SetState {
            cluster: on.cluster.id,
            state: State::Archived,
        };
        let live = on.credentials.iter().filter(|it| it.state.is_live());
        let ends = live.filter(|_| self.revoke_all);
        let ends = ends.map(|it| on.end_of(it, "the cluster was archived"));
        Ok(Decision {
            effects: (!is_archived)
                .then_some(set)
                .into_iter()
                .chain(ends)
                .collect(),
            detail: if self.revoke_all {
                "archive and end everything".to_owned()
            } else {
                "archive".to_owned()
            },
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Archives a cluster.
pub(crate) async fn archive(
    session: &Session,
    change: &Archive,
    intent: &Intent,
) -> Result<Done<Changed>, Error> {
    Changed::of(change::run(session, change, intent).await?)
}

/// A cluster is taken out of the archive.
#[derive(Debug, Clone)]
pub(crate) struct Unarchive {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for Unarchive {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::ClusterUnarchive,
            Target::on(&self.cluster, ClusterAction::Unarchive),
        )
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        Ok(Decision {
            effects: vec![Effect::SetState {
                cluster: on.cluster.id,
                state: State::Active,
            }],
            detail: "unarchive".to_owned(),
            ..Decision::default()
        })
    }
}

/// Takes a cluster out of the archive.
pub(crate) async fn unarchive(
    session: &Session,
    change: &Unarchive,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    Changed::of(change::run(session, change, intent).await?)
}

/// What a transfer will mean, stated before it happens.
#[derive(Debug)]
pub(crate) struct Handover {
    /// The owner before, where there is one.
    pub(crate) before: Option<FormerOwner>,
    /// The owner after.
    pub(crate) after: String,
}

/// The owner before a transfer.
#[derive(Debug)]
pub(crate) struct FormerOwner {
    /// Their name.
    pub(crate) name: String,
    /// What they will have.
    pub(crate) access: Access,
}

/// Says what a transfer would mean.
pub(crate) fn handover(
    session: &Session,
    name: &ClusterName,
    to: &UserRef,
) -> Result<Handover, Error> {
    let (actor, journal) = find::acting(session, TRANSFER)?;
    let journal = journal.user_name(&to.to_string());
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Transfer)?;
    let user = find::user(session, to)?;
    if !user.active {
        return Err(Error::Refused(Refusal::CannotOwn(user.name)));
    }
    let before = match found.cluster.owner {
        Some(owner) => session.store()?.read(|tx| store::users::get(tx, owner))?,
        None => None,
    };
    let after = Cluster {
        owner: Some(user.id),
        ..found.cluster
    };
    let before = before
        .map(|old| {
            let access = session
                .store()?
                .read(|tx| find::access_of(tx, session, &old, &after))?;
            Ok::<_, Error>(FormerOwner {
                name: old.name.to_string(),
                access,
            })
        })
        .transpose()?;
    Ok(Handover {
        before,
        after: user.name.to_string(),
    })
}

/// A cluster is assigned to another user.
///
/// One that is being deleted may change hands too: somebody must be able to finish it. Nothing is
/// asked of it then, as to reconcile it would take from its deletion what that needs.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// To whom.
    pub(crate) to: UserRef,
}

impl Change for Transfer {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        About::gives(TRANSFER, Target::on(&self.cluster, ClusterAction::Transfer)).user(&self.to)
    }

    // Who owns it may open its secrets.
    fn resealed<'a>(&'a self, rows: &'a Rows) -> Option<Resealed<'a>> {
        Some(Box::new(|cluster, _| rows.cluster(cluster.id).is_some()))
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let user = rows.people.heir(&self.to)?;
        let users = &rows.people.users;
        let before = on.cluster.owner.and_then(|owner| users.get(&owner));
        let set = Effect::SetOwner {
            cluster: on.cluster.id,
            owner: user.id,
        };
        let is_new = on.cluster.owner != Some(user.id);
        let note = before.map(|old| {
            let mut after = on.clone();
            after.apply(&set);
            let access = after.access_of(old, who.now);
            format!("'{}' has {} then", old.name, description(access))
        });
        Ok(Decision {
            effects: is_new.then_some(set).into_iter().collect(),
            detail: from_to(before, user),
            user: Some(user.id),
            notes: note.into_iter().collect(),
            reaches_clusters: is_new,
            // The old owner's matter as well as the new one's.
            concerns_all: true,
            ..Decision::default()
        })
    }
}

/// Assigns a cluster to another user.
pub(crate) async fn transfer(
    session: &Session,
    change: &Transfer,
    intent: &Intent,
) -> Result<Done<Changed>, Error> {
    Changed::of(change::run(session, change, intent).await?)
}

/// A change of owner, in words.
pub(super) fn from_to(before: Option<&User>, after: &User) -> String {
    let from = before.map_or("nobody".to_owned(), |old| format!("'{}'", old.name));
    format!("from {from} to '{}'", after.name)
}

/// What an access is, in words.
pub(crate) fn description(access: Access) -> String {
    match access.power() {
        Some(power) => format!("{power} ({})", access.path()),
        None => "no access".to_owned(),
    }
}
