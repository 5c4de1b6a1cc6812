//! The account through which a cluster is worked on: another takes its place, and it goes.
//!
//! Whoever could open the manager's login, and whoever had full access to the cluster, could have
//! minted tokens of its account that nobody knows of. All die with the account, and no account is
//! the manager's twice. The store has the list of those that must go: one is on it before it is
//! made, or given up, and leaves it when it was seen to be gone. So whatever is killed,
//! `reconcile` knows what to end; where it finds the present one on the list, it renews it first.

use std::time::Duration;

use super::journal::Journal;
use super::{Error, Obstacle, find, reconciling, reseal};
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, ClusterId, FormerManager, Issuer, ManagerKind};
use crate::domain::installation::InstallationId;
use crate::domain::sealed::SealedSecret;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::issuer::{self, ISSUER_RIGHTS};
use crate::kubernetes::manager::{BINDING_RIGHTS, MANAGER_RIGHTS, account_name};
use crate::kubernetes::token;
use crate::secrets::{ExposeSecret, SecretString};
use crate::session::{App, Session};
use crate::store::{self, WriteTxn};

/// How long an ended token may still be believed: the API server's cache of 10 seconds.
const ENDED_TOKEN_MAX: Duration = Duration::from_secs(15);
/// The life of the token whose end is waited for, in seconds: the least that there is.
const CANARY_SECONDS: i64 = 600;

fn failed(cluster: &Cluster) -> impl Fn(ClusterError) -> Error {
    let name = cluster.name.to_string();
    move |source| Error::Cluster {
        cluster: name.clone(),
        source,
    }
}

/// A name for an issuer's account, never used before.
pub(super) fn new_issuer_name(app: &App) -> String {
    issuer::account_name(app.random())
}

/// A name for a manager's account, never used before.
pub(super) fn new_name(app: &App) -> String {
    account_name(app.random())
}

/// Takes an account off the list: it is the manager's now, or the issuer's.
pub(super) fn unlist(tx: &WriteTxn<'_>, cluster: ClusterId, account: &str) -> store::Result<()> {
    let mut former = store::managers::former(tx, cluster)?;
    former.retain(|it| it.name != account);
    store::managers::set_former(tx, cluster, &former)
}

/// The present manager's account with its UID: its login says so, or the cluster does.
pub(super) async fn present(
    session: &Session,
    cluster: &Cluster,
    installation: &InstallationId,
    connection: &Connection,
) -> Result<FormerManager, Error> {
    let login = match cluster.manager_kind {
        ManagerKind::Operator => None,
        // A login that cannot be opened may be why another is made.
        _ => session.manager_login(cluster, installation).ok(),
    };
    let claims = login.and_then(|login| token::claims(login.expose_secret()));
    let uid = match claims.and_then(|claims| claims.account_uid()) {
        Some(uid) => Some(uid),
        None => connection
            .uid_of(&cluster.manager)
            .await
            .map_err(failed(cluster))?,
    };
    Ok(FormerManager {
        name: cluster.manager.clone(),
        uid,
    })
}

/// Refuses where the manager may not do this: one that an old version made.
pub(super) async fn may_renew(cluster: &Cluster, connection: &Connection) -> Result<(), Error> {
    let missing = connection.missing_rights(&BINDING_RIGHTS).await;
    if missing.map_err(failed(cluster))?.is_empty() {
        return Ok(());
    }
    let name = &cluster.name;
    Err(Error::Obstacle(Obstacle::ManagerCannotRenew(name.clone())))
}

/// Records that another account is to be the manager; gives its name.
pub(super) async fn give_up(
    session: &Session,
    cluster: &Cluster,
    connection: &Connection,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<String, Error> {
    let installation = find::installation(session)?;
    let present = present(session, cluster, &installation, connection).await?;
    let name = new_name(session);
    session.store()?.write(|tx| {
        let new = FormerManager::from(name.as_str());
        store::managers::add_former(tx, cluster.id, &[present, new])?;
        let detail = format!("account '{name}' is to be the manager");
        journal.record(session, tx, Phase::Requested, detail, request)?;
        Ok::<_, Error>(())
    })?;
    Ok(name)
}

/// Makes another account the manager, proves it, and stores its login; the one before is not ended
/// yet. The caller holds the cluster's lock.
pub(super) async fn renew(
    session: &Session,
    cluster: &Cluster,
    connection: &Connection,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<(Cluster, Connection), Error> {
    let failed = failed(cluster);
    let installation = find::installation(session)?;
    let name = give_up(session, cluster, connection, journal, request).await?;
    connection.create_manager(&name).await.map_err(&failed)?;
    let both = [cluster.manager.as_str(), name.as_str()];
    connection.set_managers(&both).await.map_err(&failed)?;
    let mut after = Cluster {
        manager: name.clone(),
        manager_generation: cluster.manager_generation + 1,
        ..cluster.clone()
    };
    let secret = if cluster.manager_kind == ManagerKind::Operator {
        session.manager_login(cluster, &installation)?
    } else {
        let made = connection.manager_login(&name, session.now()).await;
        let made = made.map_err(&failed)?;
        after.manager_kind = made.kind;
        after.manager_expires_at = made.expires_at;
        made.token
    };
    let new = session.connect_with(&after, &installation, &secret);
    let new = new.map_err(&failed)?;
    let proven = super::cluster::prove(&new, &cluster.kube_system_uid, &MANAGER_RIGHTS).await;
    proven.map_err(&failed)?;
    session.store()?.write(|tx| {
        let sealed = reseal::seal_login(tx, &after, &installation, &secret)?;
        store::managers::set_manager(tx, &after, &sealed)?;
        unlist(tx, after.id, &name)?;
        let detail = format!("account '{name}' is the manager, and its login is stored");
        journal.record(session, tx, Phase::Requested, detail, request)?;
        Ok::<_, Error>(())
    })?;
    tell(session, &new).await?;
    Ok((after, new))
}

/// Makes another account the issuer, proves it, and stores its login; the one before is not ended yet.
/// Gives the cluster as it is then; one without an issuer stays so. The caller holds the cluster's lock.
pub(super) async fn renew_issuer(
    session: &App,
    cluster: &Cluster,
    connection: &Connection,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Cluster, Error> {
    let failed = failed(cluster);
    let Some(before) = &cluster.issuer else {
        return Ok(cluster.clone());
    };
    let installation = find::installation(session)?;
    let name = new_issuer_name(session);
    session.store()?.write(|tx| {
        let both = [before.account.as_str(), name.as_str()].map(FormerManager::from);
        store::managers::add_former(tx, cluster.id, &both)?;
        let detail = format!("account '{name}' is to be the issuer");
        journal.record(session, tx, Phase::Requested, detail, request)?;
        Ok::<_, Error>(())
    })?;
    connection.create_manager(&name).await.map_err(&failed)?;
    let both = [before.account.as_str(), name.as_str()];
    connection.set_issuers(&both).await.map_err(&failed)?;
    let made = connection.manager_login(&name, session.now()).await;
    let made = made.map_err(&failed)?;
    let after = Cluster {
        issuer: Some(Issuer {
            account: name.clone(),
            kind: made.kind,
            generation: before.generation + 1,
            expires_at: made.expires_at,
        }),
        ..cluster.clone()
    };
    let new = session.connect_as_issuer(&after, &installation, &made.token);
    let new = new.map_err(&failed)?;
    let proven = super::cluster::prove(&new, &cluster.kube_system_uid, &ISSUER_RIGHTS).await;
    proven.map_err(&failed)?;
    session.store()?.write(|tx| {
        store_issuer(tx, &after, &installation, &made.token)?;
        let detail = format!("account '{name}' is the issuer, and its login is stored");
        journal.record(session, tx, Phase::Requested, detail, request)?;
        Ok::<_, Error>(())
    })?;
    tell(session, &new).await?;
    Ok(after)
}

/// Stores a cluster's issuer, with its login sealed to those who may open it.
pub(super) fn store_issuer(
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    installation: &InstallationId,
    login: &SecretString,
) -> Result<(), Error> {
    let sealed = reseal::seal_issuer(tx, cluster, installation, login)?;
    if let Some((issuer, sealed)) = cluster.issuer.as_ref().zip(sealed) {
        store::managers::set_issuer(tx, cluster.id, issuer, &sealed)?;
        unlist(tx, cluster.id, &issuer.account)?;
    }
    Ok(())
}

/// Lets the cluster hold the head under the login that is stored now: the one before proves
/// nothing any more. A witness that cannot be told knows less, and that is all.
pub(super) async fn tell(app: &App, connection: &Connection) -> Result<(), Error> {
    if let Some(head) = app.store()?.read(store::audit::head)? {
        let _told = connection.witness(&head).await;
    }
    Ok(())
}

/// Ends the accounts that must go, but the present one; gives those that were seen to be gone.
pub(super) async fn end_former(
    app: &App,
    cluster: &Cluster,
    connection: &Connection,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Vec<String>, Error> {
    let listed = app
        .store()?
        .read(|tx| store::managers::former(tx, cluster.id))?;
    let issuer = cluster.issuer.as_ref().map(|it| it.account.as_str());
    let going: Vec<&FormerManager> = listed
        .iter()
        .filter(|it| it.name != cluster.manager)
        .filter(|it| issuer.is_none_or(|issuer| it.name != issuer))
        .collect();
    if going.is_empty() || connection.is_issuer() {
        return Ok(vec![]);
    }
    // First off the lists: from then on its tokens are good for nothing.
    let only = async {
        connection.set_managers(&[&cluster.manager]).await?;
        match issuer {
            Some(issuer) => connection.set_issuers(&[issuer]).await,
            None => Ok(()),
        }
    };
    let (mut gone, mut trouble) = (Vec::new(), only.await.err());
    for account in going {
        match connection.end_manager(account).await {
            Ok(()) => gone.push(account.name.clone()),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    if !gone.is_empty() {
        app.store()?.write(|tx| {
            let mut left = store::managers::former(tx, cluster.id)?;
            left.retain(|it| !gone.contains(&it.name));
            store::managers::set_former(tx, cluster.id, &left)?;
            let detail = format!("account '{}', once ours, is gone", gone.join("', '"));
            journal.record(app, tx, Phase::Done, detail, request)?;
            Ok::<_, Error>(())
        })?;
    }
    match trouble {
        None => Ok(gone),
        Some(error) => Err(failed(cluster)(error)),
    }
}

/// A token of an account that is about to go, used a moment before: the API server remembers who
/// logged in for ten seconds, and when it refuses this one it remembers no older login either.
pub(super) struct Canary {
    connection: Connection,
    used_at: tokio::time::Instant,
}

impl Canary {
    /// Mints and uses it; nothing where the account is gone already.
    pub(super) async fn of(
        app: &App,
        cluster: &Cluster,
        connection: &Connection,
        account: &str,
    ) -> Option<Self> {
        let minted = connection.mint(account, CANARY_SECONDS).await.ok()?;
        let as_account = Cluster {
            manager_kind: ManagerKind::Token,
            ..cluster.clone()
        };
        let login = app.connect_with(&as_account, connection.installation(), &minted.token);
        let connection = login.ok()?;
        let used_at = tokio::time::Instant::now();
        let refused = connection.is_refused_within(Duration::ZERO).await;
        refused.ok().map(|_| Self {
            connection,
            used_at,
        })
    }

    /// Waits until no login of the account is remembered; `false` if some still is after a while.
    pub(super) async fn is_forgotten(&self) -> Result<bool, ClusterError> {
        let gone_after = self.used_at.elapsed();
        let refused = match self.connection.is_refused_within(ENDED_TOKEN_MAX).await {
            Ok(refused) => refused,
            // Who cannot be asked believes no token for longer than this.
            Err(error) if error.is_of_one_object() => {
                tokio::time::sleep(ENDED_TOKEN_MAX.saturating_sub(gone_after)).await;
                true
            }
            Err(error) => return Err(error),
        };
        if refused && self.used_at.elapsed() > Duration::from_secs(1) {
            // Somebody else's may be as much younger as this one was old.
            tokio::time::sleep(gone_after).await;
        }
        Ok(refused)
    }
}

/// Ends logins and accounts of the manager that the store does not hold, and what was cut off
/// while another took its place; with a canary, waits until the API server has forgotten them. Gives
/// what was changed, in words.
pub(super) async fn finish(
    session: &Session,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    canary: Option<Canary>,
) -> Result<Vec<String>, Error> {
    let (found, listed, older) = session.store()?.read(|tx| {
        let listed = store::managers::former(tx, cluster.id)?;
        let older = store::clusters::has_older_logins(tx, cluster.id)?;
        Ok::<_, store::Error>((store::clusters::get(tx, cluster.id)?, listed, older))
    })?;
    // What came before may have made another account the issuer.
    let cluster = found.as_ref().unwrap_or(cluster);
    let journal = &journal.clone().cluster(cluster);
    let mut changed = Vec::new();
    let before = &cluster.manager;
    let is_given_up = listed.iter().any(|it| it.name == *before);
    let (cluster, connection) = if is_given_up {
        let renewed = renew(session, cluster, &connection, journal, None).await;
        let (after, new) = match renewed {
            Ok(renewed) => renewed,
            Err(error) => {
                // What this try made goes again.
                let _ended = end_former(session, cluster, &connection, journal, None).await;
                return Err(error);
            }
        };
        changed.push(format!("account '{}' is the manager", after.manager));
        (after, new)
    } else {
        (cluster.clone(), connection)
    };
    let is_over = match &cluster.issuer {
        None => false,
        Some(issuer) if listed.iter().any(|it| it.name == issuer.account) => true,
        // Somebody deleted it, or the store is one of before another took its place.
        Some(issuer) => {
            let uid = connection.uid_of(&issuer.account).await;
            uid.map_err(failed(&cluster))?.is_none()
        }
    };
    let cluster = if is_over {
        let renewed = renew_issuer(session, &cluster, &connection, journal, None);
        let after = Box::pin(renewed).await?;
        let issuer = after.issuer.iter().map(|it| &it.account);
        changed.extend(issuer.map(|it| format!("account '{it}' is the issuer")));
        after
    } else {
        cluster
    };
    let canary = match canary {
        None if is_given_up => Canary::of(session, &cluster, &connection, before).await,
        canary => canary,
    };
    let gone = end_former(session, &cluster, &connection, journal, None).await?;
    changed.extend(
        gone.iter()
            .map(|name| format!("account '{name}', once ours, is gone")),
    );
    // Who put himself beside the manager has its rights.
    let mended = connection.mend_manager(&cluster).await;
    changed.extend(mended.map_err(failed(&cluster))?);
    retire_logins(session, &cluster, &connection).await?;
    // What the store says is true: until the API server has forgotten it, an older login works.
    if let Some(canary) = canary
        && !canary.is_forgotten().await.map_err(failed(&cluster))?
    {
        return Err(failed(&cluster)(ClusterError::inconsistent(
            "the API server still lets the manager's old account log in",
        )));
    }
    if older || is_given_up {
        reconciling::no_older_logins(session, &cluster, journal, None)?;
    }
    Ok(changed)
}

/// Ends the logins of the manager that the store does not hold.
pub(super) async fn retire_logins(
    session: &Session,
    cluster: &Cluster,
    connection: &Connection,
) -> Result<(), Error> {
    // Where the operator's own credential is kept, the manager needs no login at all.
    let keep = stored_logins(session, cluster, connection.installation())?;
    let retired = connection.retire_other_logins(&keep).await;
    retired.map_err(failed(cluster))
}

/// The logins of a cluster that the store holds and that were made for it.
pub(super) fn stored_logins(
    session: &Session,
    cluster: &Cluster,
    installation: &InstallationId,
) -> Result<Vec<SecretString>, Error> {
    let mut logins = Vec::new();
    if cluster.manager_kind != ManagerKind::Operator {
        logins.push(session.manager_login(cluster, installation)?);
    }
    if let Some(issuer) = SealedSecret::issuer_login(cluster) {
        logins.push(session.open_secret(&issuer, installation)?);
    }
    Ok(logins)
}
