//! A cluster's life: protect, archive, transfer.

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
pub(crate) fn protect(
    session: &Session,
    name: &ClusterName,
    protected: bool,
    mode: Mode,
) -> Result<Done<Lived>, Error> {
    let words = if protected {
        "cluster protect"
    } else {
        "cluster unprotect"
    };
    let actor = find::actor(session, words)?;
    let journal = Journal::new(&actor, words);
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Protect)?;
    let cluster = Cluster {
        protected,
        ..found.cluster.clone()
    };
    let unchanged = found.cluster.protected == protected;
    let verb = if protected { "protect" } else { "unprotect" };
    if mode == Mode::Plan {
        let lines = if unchanged {
            vec![]
        } else {
            vec![format!("{verb} cluster '{name}'")]
        };
        return Ok(Done::Planned(lines));
    }
    if !unchanged {
        session.store()?.write(|tx| {
            store::clusters::set_protected(tx, cluster.id, protected)?;
            let journal = journal.cluster(&cluster);
            journal.record(session, tx, Phase::Done, format!("{verb} '{name}'"), None)
        })?;
    }
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
    // What takes away waits for nobody; alone, archiving waits for what is being handed out.
    let lock = if revoke_all {
        None
    } else {
        Some(session.lock(&seen.cluster).await?)
    };
    let found = find::cluster(session, &actor, &journal, name, action)?;
    let cluster = Cluster {
        state: State::Archived,
        ..find::again(session, &found.cluster)?
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
                let user = picture.owner(credential);
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
    let request = session.store()?.write(|tx| {
        store::clusters::set_state(tx, cluster.id, State::Archived)?;
        let request = journal.record(session, tx, Phase::Requested, detail, None)?;
        for credential in live.iter().filter(|_| revoke_all) {
            let because = "the cluster was archived";
            settle::end(
                session,
                tx,
                credential,
                &picture,
                because,
                &journal,
                Some(request),
            )?;
        }
        Ok::<_, Error>(request)
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
pub(crate) fn unarchive(
    session: &Session,
    name: &ClusterName,
    mode: Mode,
) -> Result<Done<Lived>, Error> {
    let actor = find::actor(session, "cluster unarchive")?;
    let journal = Journal::new(&actor, "cluster unarchive");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Unarchive)?;
    let cluster = Cluster {
        state: State::Active,
        ..found.cluster
    };
    if mode == Mode::Plan {
        return Ok(Done::Planned(vec![format!(
            "take cluster '{name}' out of the archive"
        )]));
    }
    session.store()?.write(|tx| {
        store::clusters::set_state(tx, cluster.id, State::Active)?;
        let journal = journal.cluster(&cluster);
        journal.record(session, tx, Phase::Done, "unarchive", None)
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
    let actor = find::actor(session, "cluster transfer")?;
    let journal = Journal::new(&actor, "cluster transfer").user_name(&to.to_string());
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Transfer)?;
    let user = super::cluster::active_user(session, to)?;
    let users = session.store()?.read(store::users::list)?;
    let before = users
        .into_iter()
        .find(|user| found.cluster.owner == Some(user.id));
    Ok((found.cluster, user, before))
}

/// Assigns a cluster to another user.
pub(crate) async fn transfer(
    session: &Session,
    name: &ClusterName,
    to: &UserRef,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Lived>, Error> {
    let (cluster, user, before) = transfer_parts(session, name, to)?;
    let actor = find::actor(session, "cluster transfer")?;
    let journal = Journal::new(&actor, "cluster transfer")
        .cluster(&cluster)
        .user(&user);
    if cluster.owner == Some(user.id) {
        let applied = Applied::default();
        return Ok(Done::Did(Lived {
            cluster,
            unchanged: true,
            applied,
        }));
    }
    let from = before
        .as_ref()
        .map_or("nobody".to_owned(), |old| format!("'{}'", old.name));
    let detail = format!("from {from} to '{}'", user.name);
    if mode == Mode::Plan {
        let mut lines = vec![format!("transfer cluster '{name}' {detail}")];
        if let Some(old) = &before {
            let access = access_after(session, &cluster, &user, old)?;
            lines.push(format!("'{}' has {} then", old.name, words(access)));
        }
        return Ok(Done::Planned(lines));
    }
    let lock = session.lock(&cluster).await?;
    // Asked under the lock: another transfer may have come first.
    let (cluster, user, _) = transfer_parts(session, name, to)?;
    let installation = find::installation(session)?;
    let id = cluster.id;
    let logins = reseal::open_logins(session, &installation, |other| other.id == id)?;
    let after = Cluster {
        owner: Some(user.id),
        ..cluster
    };
    let request = session.store()?.write(|tx| {
        store::clusters::set_owner(tx, id, Some(user.id))?;
        logins.reseal(session, tx, &installation)?;
        let request = journal.record(session, tx, Phase::Requested, detail.clone(), None)?;
        settle::end_what_must(session, tx, &after, &journal, Some(request))?;
        Ok::<_, Error>(request)
    })?;
    let applied = settle::pay(session, &after, &lock, &journal, Some(request)).await?;
    journal.close(session, &applied, detail, request)?;
    Ok(Done::Did(Lived {
        cluster: after,
        unchanged: false,
        applied,
    }))
}

/// What an access is, in words.
pub(crate) fn words(access: Access) -> String {
    match access.power() {
        Some(power) => format!("{power} ({})", access.path()),
        None => "no access".to_owned(),
    }
}
