//! Direct links: made by whoever may hand a kubeconfig over, claimed once by whoever has the secret.

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use super::change::allowed;
use super::{Error, Obstacle, find};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, SelfService};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::people::refuse_receiver;
use crate::domain::policy::{ClusterAction, manages};
use crate::domain::refusal::Refusal;
use crate::domain::share::{LIFE_DEFAULT, NEWS, Share};
use crate::domain::text::{hex, rfc3339};
use crate::domain::user::User;
use crate::session::{App, Session};
use crate::store;

/// A link that was made: its secret is in the address alone.
pub(crate) struct Made {
    /// The address.
    pub(crate) url: String,
    /// What is stored of it.
    pub(crate) share: Share,
    /// For which cluster.
    pub(crate) cluster: ClusterName,
    /// For whom.
    pub(crate) user: User,
}

/// A link, for people.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The link.
    pub(crate) share: Share,
    /// For which cluster.
    pub(crate) cluster: Cluster,
    /// For whom.
    pub(crate) user: String,
    /// By whom.
    pub(crate) by: String,
    /// How it stands.
    pub(crate) state: &'static str,
}

/// The digest of a secret, which is good for one link.
pub(crate) fn digest(id: &str, secret: &str) -> String {
    hex(&Sha256::digest(
        format!("kubegrant link\n{id}\n{secret}").as_bytes(),
    ))
}

/// A link that is to be made.
pub(crate) struct NewLink<'a> {
    /// For whom.
    pub(crate) user: &'a UserRef,
    /// For which cluster.
    pub(crate) cluster: &'a ClusterName,
    /// For how long, where that is said.
    pub(crate) lasting: Option<TimeDelta>,
    /// Whether what it gives is sealed to their key.
    pub(crate) sealed: bool,
}

/// Makes a link for somebody's own kubeconfig.
pub(crate) fn create(session: &Session, wanted: &NewLink<'_>) -> Result<Made, Error> {
    let NewLink {
        user,
        cluster,
        lasting,
        sealed,
    } = *wanted;
    let (actor, journal) = find::acting(session, Action::ShareCreate)?;
    let action = ClusterAction::KubeconfigFor;
    let found = find::cluster(session, &actor, &journal, cluster, action)?;
    let user = find::user(session, user)?;
    let journal = journal.cluster(&found.cluster).user(&user);
    refuse_receiver(&user).map_err(Error::Refused)?;
    if sealed && user.key.is_none() {
        return Err(Error::Obstacle(Obstacle::NoKeyToSealTo {
            user: user.name,
            plain: false,
        }));
    }
    if found.cluster.self_service == SelfService::Off {
        return Err(Error::Obstacle(Obstacle::NoSelfService(cluster.clone())));
    }
    let origin = session.store()?.read(|tx| {
        let access = find::access_of(tx, session, &user, &found.cluster)?;
        let origin = store::meta::find(tx, store::meta::PUBLIC_URL)?;
        Ok::<_, store::Error>((access.power().is_some()).then_some(origin))
    })?;
    let Some(origin) = origin else {
        return Err(Error::Refused(Refusal::NoAccess {
            user: user.name,
            cluster: cluster.clone(),
        }));
    };
    let origin = origin.ok_or(Error::Obstacle(Obstacle::NoServer))?;
    let (id, secret) = (hex(&session.random::<16>()), hex(&session.random::<16>()));
    let now = session.now();
    let share = Share {
        digest: digest(&id, &secret),
        id,
        cluster: found.cluster.id,
        user: user.id,
        sealed,
        created_by: actor.user.id,
        created_at: now,
        expires_at: now + lasting.unwrap_or(LIFE_DEFAULT),
        wrong: 0,
        claimed_at: None,
        revoked_at: None,
    };
    session.store()?.write(|tx| {
        if !allowed::on_cluster(session, tx, &actor, &found.cluster, action)? {
            let changed = Refusal::ChangedMeanwhile(Some(cluster.clone()));
            return Err(Error::Refused(changed));
        }
        store::shares::insert(tx, &share)?;
        let until = rfc3339(share.expires_at);
        let detail = format!(
            "direct link {} for '{}', until {until}",
            share.id, user.name
        );
        journal.record(session, tx, Phase::Done, detail, None)?;
        Ok(())
    })?;
    Ok(Made {
        url: format!("{origin}/l/{}#{secret}", share.id),
        share,
        cluster: cluster.clone(),
        user,
    })
}

/// Lists the links to clusters that one manages.
pub(crate) fn list(session: &Session, only: Option<&ClusterName>) -> Result<Vec<Listed>, Error> {
    let (actor, journal) = find::acting(session, Action::ShareList)?;
    if let Some(name) = only {
        find::cluster(
            session,
            &actor,
            &journal,
            name,
            ClusterAction::KubeconfigFor,
        )?;
    }
    let now = session.now();
    Ok(session.store()?.read(|tx| {
        let mut listed = Vec::new();
        for share in store::shares::list(tx)? {
            let Some(cluster) = store::clusters::get(tx, share.cluster)? else {
                continue;
            };
            let access = find::access_of(tx, session, &actor.user, &cluster)?;
            let is_asked = only.is_none_or(|name| *name == cluster.name);
            if is_asked && manages(access) {
                listed.push(Listed {
                    user: store::users::name(tx, share.user)?,
                    by: store::users::name(tx, share.created_by)?,
                    state: share.state(now),
                    cluster,
                    share,
                });
            }
        }
        Ok::<_, store::Error>(listed)
    })?)
}

/// What became of links that one made, lately.
pub(crate) fn news(session: &Session) -> Result<Vec<Listed>, Error> {
    let actor = find::principal(session, Action::Status)?;
    let now = session.now();
    Ok(session.store()?.read(|tx| {
        let mut news = Vec::new();
        for share in store::shares::list(tx)? {
            let is_own = share.created_by == actor.user.id && now < share.created_at + NEWS;
            let state = share.state(now);
            let cluster = store::clusters::get(tx, share.cluster)?;
            let Some(cluster) = cluster.filter(|_| is_own && ["claimed", "ended"].contains(&state))
            else {
                continue;
            };
            news.push(Listed {
                user: store::users::name(tx, share.user)?,
                by: actor.user.name.to_string(),
                state,
                cluster,
                share,
            });
        }
        Ok::<_, store::Error>(news)
    })?)
}

/// Ends a link; gives what it is now.
pub(crate) fn revoke(session: &Session, id: &str) -> Result<Listed, Error> {
    let found = list(session, None)?
        .into_iter()
        .find(|it| it.share.id == id);
    let mut listed = found.ok_or_else(|| Error::Obstacle(Obstacle::NoShare(id.to_owned())))?;
    let (_, journal) = find::acting(session, Action::ShareRevoke)?;
    let journal = journal.cluster(&listed.cluster).user_name(&listed.user);
    let now = session.now();
    let ended = session.store()?.write(|tx| {
        let ended = store::shares::revoke(tx, id, now)?;
        if ended {
            let detail = format!("direct link {id} ended");
            journal.record(session, tx, Phase::Done, detail, None)?;
        }
        Ok::<_, store::Error>(ended)
    })?;
    if ended {
        listed.state = "revoked";
    }
    Ok(listed)
}

/// What a link's address holds.
#[derive(Clone, Copy)]
pub(crate) struct LinkSecret<'a> {
    /// Which link.
    pub(crate) id: &'a str,
    /// The secret of whoever was given it.
    pub(crate) secret: &'a str,
}

/// A link that somebody claims.
pub(crate) struct Claim {
    /// The link.
    pub(crate) share: Share,
    /// Whose it is.
    pub(crate) user: User,
    /// For which cluster.
    pub(crate) cluster: ClusterName,
}

impl super::login::Authenticator {
    /// Claims a link for whoever has its secret: one of all who try, once. Nothing where it is none, or void.
    pub(crate) fn claim(
        &self,
        app: &App,
        link: &LinkSecret<'_>,
        from: &str,
    ) -> Result<Option<Claim>, Error> {
        let LinkSecret { id, secret } = *link;
        let now: Timestamp = app.now();
        let given = digest(id, secret);
        app.store()?.write(|tx| {
            let Some(share) = store::shares::find(tx, id)? else {
                return Ok(None);
            };
            store::integrity::check(tx, store::integrity::Scope::Cluster(share.cluster))?;
            // Of digests: how much of one is right says nothing of the secret.
            if given != share.digest {
                store::shares::count_wrong(tx, id)?;
                return Ok(None);
            }
            if !share.is_waiting(now) {
                return Ok(None);
            }
            let user = store::users::get(tx, share.user)?;
            let cluster = store::clusters::get(tx, share.cluster)?;
            let (Some(user), Some(cluster)) = (user, cluster) else {
                return Ok(None);
            };
            if !store::shares::claim(tx, id, now)? {
                return Ok(None);
            }
            let journal = self.journal(&user, Action::ShareClaim).cluster(&cluster);
            let detail = format!("direct link {id} claimed from {from}");
            journal.record(app, tx, Phase::Requested, detail, None)?;
            Ok(Some(Claim {
                cluster: cluster.name,
                share,
                user,
            }))
        })
    }

    /// Lets a link wait again that was claimed in vain: nothing was handed over.
    pub(crate) fn release(&self, app: &App, claim: &Claim, why: &str) -> Result<(), Error> {
        let journal = self.journal(&claim.user, Action::ShareClaim);
        let journal = journal.cluster_name(&claim.cluster);
        app.store()?.write(|tx| {
            store::shares::release(tx, &claim.share.id)?;
            let detail = format!("direct link {}: {why}", claim.share.id);
            journal.record(app, tx, Phase::Failed, detail, None)?;
            Ok::<_, store::Error>(())
        })?;
        Ok(())
    }
}
