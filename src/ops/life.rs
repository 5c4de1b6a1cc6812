//! A cluster's life: protect, archive, transfer.

use super::commit::Question;
use super::journal::Journal;
use super::{Applied, Done, Error, Mode, find, reseal, settle};
use crate::domain::Confirmed;
use crate::domain::access::Access;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, State};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::user::User;
use crate::session::Session;
use crate::store;

/// The command that assigns a cluster to another user, as the audit log names it.
pub(super) const TRANSFER: &str = "cluster transfer";

/// What a change in a cluster's life came to.
#[derive(Debug)]
pub(crate) struct Lived {
    /// The cluster as it is now.
    pub(crate) cluster: Cluster,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// Protects a cluster from being deleted or archived, or lifts that.
pub(crate) async fn protect(
    session: &Session,
    name: &ClusterName,
    protected: bool,
    mode: Mode,
) -> Result<Done<Lived>, Error> {
    let (command, verb) = if protected {
        ("cluster protect", "protect")
    } else {
        ("cluster unprotect", "unprotect")
    };
    let actor = find::actor(session, command)?;
    let journal = Journal::new(&actor, command);
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Protect)?;
    if mode == Mode::Plan {
        let lines = if found.cluster.protected == protected {
            vec![]
        } else {
            vec![format!("{verb} cluster '{name}'")]
        };
        return Ok(Done::Planned(lines));
    }
    let question = Question {
        command,
        action: ClusterAction::Protect,
        also: None,
        cluster: &found.cluster,
    };
    // Under the lock: what archives or deletes it has asked whether it is protected.
    let (_lock, _) = question.lock(session).await?;
    let (cluster, unchanged) = question.commit(session, |tx, before| {
        let unchanged = before.protected == protected;
        if !unchanged {
            store::clusters::set_protected(tx, before.id, protected)?;
            let journal = journal.cluster(before);
            journal.record(session, tx, Phase::Done, format!("{verb} '{name}'"), None)?;
        }
        let after = Cluster {
            protected,
            ..before.clone()
        };
        Ok((after, unchanged))
    })?;
    Ok(Done::Did(Lived {
        cluster,
        unchanged,
        applied: Applied::default(),
    }))
}

/// Archives a cluster: from here it issues, rotates and hands out nothing.
pub(crate) async fn archive(
    session: &Session,
    name: &ClusterName,
    revoke_all: bool,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Lived>, Error> {
    let actor = find::actor(session, "cluster archive")?;
    let journal = Journal::new(&actor, "cluster archive");
    // Archiving again is an error of state, unless it is to end what the first time left alive.
    let seen = find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    let again = seen.cluster.state == State::Archived && revoke_all;
    let action = if again {
        ClusterAction::Grant
    } else {
        ClusterAction::Archive
    };
    let question = Question {
        command: "cluster archive",
        action,
        also: None,
        cluster: &seen.cluster,
    };
    // What takes away waits for nobody; alone, archiving waits for what is being handed out.
    let (lock, cluster) = if revoke_all {
        (None, question.ask(session)?.1)
    } else {
        let (lock, cluster) = question.lock(session).await?;
        (Some(lock), cluster)
    };
    let cluster = Cluster {
        state: State::Archived,
        ..cluster
    };
    let journal = journal.cluster(&cluster);
    let picture = session
        .store()?
        .read(|tx| settle::picture(tx, cluster.id))?;
    let live: Vec<_> = picture
        .credentials
        .iter()
        .filter(|c| c.state.is_live())
        .collect();
    if mode == Mode::Plan {
        let mut lines = vec![format!("archive cluster '{name}'")];
        if revoke_all {
            lines.extend(live.iter().map(|credential| {
                let user = &credential.owner;
                format!("end version {} of '{user}'", credential.version)
            }));
        }
        return Ok(Done::Planned(lines));
    }
    let detail = if revoke_all {
        "archive and end everything"
    } else {
        "archive"
    };
    let request = question.commit(session, |tx, _| {
        store::clusters::set_state(tx, cluster.id, State::Archived)?;
        let request = journal.record(session, tx, Phase::Requested, detail, None)?;
        for credential in live.iter().filter(|_| revoke_all) {
            let because = "the cluster was archived";
            settle::end(session, tx, credential, because, &journal, Some(request))?;
        }
        Ok(request)
    })?;
    let applied = settle::pay_or_take(session, &cluster, lock, &journal, Some(request)).await?;
    journal.close(session, &applied, detail, request)?;
    Ok(Done::Did(Lived {
        cluster,
        unchanged: false,
        applied,
    }))
}

/// Takes a cluster out of the archive.
pub(crate) async fn unarchive(
    session: &Session,
    name: &ClusterName,
    mode: Mode,
) -> Result<Done<Lived>, Error> {
    let actor = find::actor(session, "cluster unarchive")?;
    let journal = Journal::new(&actor, "cluster unarchive");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Unarchive)?;
    if mode == Mode::Plan {
        return Ok(Done::Planned(vec![format!(
            "take cluster '{name}' out of the archive"
        )]));
    }
    let question = Question {
        command: "cluster unarchive",
        action: ClusterAction::Unarchive,
        also: None,
        cluster: &found.cluster,
    };
    let (_lock, _) = question.lock(session).await?;
    let cluster = question.commit(session, |tx, before| {
        store::clusters::set_state(tx, before.id, State::Active)?;
        let journal = journal.cluster(before);
        journal.record(session, tx, Phase::Done, "unarchive", None)?;
        Ok(Cluster {
            state: State::Active,
            ..before.clone()
        })
    })?;
    Ok(Done::Did(Lived {
        cluster,
        unchanged: false,
        applied: Applied::default(),
    }))
}

/// What a transfer will mean, stated before it happens.
#[derive(Debug)]
pub(crate) struct Handover {
    /// The owner before, and what they will have.
    pub(crate) before: Option<(String, Access)>,
    /// The owner after.
    pub(crate) after: String,
}

/// Says what a transfer would mean.
pub(crate) fn handover(
    session: &Session,
    name: &ClusterName,
    to: &UserRef,
) -> Result<Handover, Error> {
    let (cluster, user, before) = transfer_parts(session, name, to)?;
    let before = before
        .map(|old| {
            let access = access_after(session, &cluster, &user, &old)?;
            Ok::<_, Error>((old.name.to_string(), access))
        })
        .transpose()?;
    Ok(Handover {
        before,
        after: user.name.to_string(),
    })
}

fn access_after(
    session: &Session,
    cluster: &Cluster,
    new_owner: &User,
    user: &User,
) -> Result<Access, Error> {
    let after = Cluster {
        owner: Some(new_owner.id),
        ..cluster.clone()
    };
    session
        .store()?
        .read(|tx| find::access_of(tx, session, user, &after))
        .map_err(Error::from)
}

fn transfer_parts(
    session: &Session,
    name: &ClusterName,
    to: &UserRef,
) -> Result<(Cluster, User, Option<User>), Error> {
    let actor = find::actor(session, TRANSFER)?;
    let journal = Journal::new(&actor, TRANSFER).user_name(&to.to_string());
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Transfer)?;
    let user = super::cluster::active_user(session, to)?;
    let users = session.store()?.read(store::users::list)?;
    let before = users
        .into_iter()
        .find(|user| found.cluster.owner == Some(user.id));
    Ok((found.cluster, user, before))
}

/// Assigns a cluster to another user.
///
/// One that is being deleted may change hands too: somebody must be able to finish it. Nothing is
/// asked of it then, as to reconcile it would take from its deletion what that needs.
pub(crate) async fn transfer(
    session: &Session,
    name: &ClusterName,
    to: &UserRef,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Lived>, Error> {
    let (cluster, user, before) = transfer_parts(session, name, to)?;
    let actor = find::actor(session, TRANSFER)?;
    let journal = Journal::new(&actor, TRANSFER).cluster(&cluster).user(&user);
    if cluster.owner == Some(user.id) {
        let applied = Applied::default();
        return Ok(Done::Did(Lived {
            cluster,
            unchanged: true,
            applied,
        }));
    }
    if mode == Mode::Plan {
        let detail = from_to(before.as_ref(), &user);
        let mut lines = vec![format!("transfer cluster '{name}' {detail}")];
        if let Some(old) = &before {
            let access = access_after(session, &cluster, &user, old)?;
            lines.push(format!("'{}' has {} then", old.name, words(access)));
        }
        return Ok(Done::Planned(lines));
    }
    let question = Question {
        command: TRANSFER,
        action: ClusterAction::Transfer,
        also: None,
        cluster: &cluster,
    };
    let (lock, _) = question.lock(session).await?;
    let installation = find::installation(session)?;
    let logins = reseal::open_logins(session, &installation, |other| other.id == cluster.id)?;
    let (after, detail, request) = question.commit(session, |tx, before| {
        let users = store::users::list(tx)?;
        // The new owner may have been disabled meanwhile, and then could open the logins.
        let active = users.iter().find(|it| it.id == user.id && it.active);
        let user = active.ok_or_else(|| super::cluster::cannot_own(&user))?;
        let owner = users.iter().find(|it| before.owner == Some(it.id));
        let detail = from_to(owner, user);
        store::clusters::set_owner(tx, before.id, Some(user.id))?;
        logins.reseal(session, tx, &installation)?;
        let request = journal.record(session, tx, Phase::Requested, detail.clone(), None)?;
        let after = Cluster {
            owner: Some(user.id),
            ..before.clone()
        };
        settle::end_what_must(session, tx, &after, &journal, Some(request))?;
        Ok((after, detail, request))
    })?;
    let applied = if after.deleting_at.is_some() {
        let picture = session.store()?.read(|tx| settle::picture(tx, after.id))?;
        Applied {
            owed: settle::debts(&after, &picture),
            ..Applied::default()
        }
    } else {
        // The old owner's matter as well as the new one's.
        let both = journal.clone().about_all();
        settle::pay(session, &after, &lock, &both, Some(request)).await?
    };
    journal.close(session, &applied, detail, request)?;
    Ok(Done::Did(Lived {
        cluster: after,
        unchanged: false,
        applied,
    }))
}

/// A change of owner, in words.
pub(super) fn from_to(before: Option<&User>, after: &User) -> String {
    let from = before.map_or("nobody".to_owned(), |old| format!("'{}'", old.name));
    format!("from {from} to '{}'", after.name)
}

/// What an access is, in words.
pub(crate) fn words(access: Access) -> String {
    match access.power() {
        Some(power) => format!("{power} ({})", access.path()),
        None => "no access".to_owned(),
    }
}
