//! Making true on a cluster what was decided: done, or pending.

use super::snapshot::ended;
use super::{RECONCILE_BUDGET, pending_access, pending_on, record_pending, run, snapshot};
use crate::domain::audit::EventSeq;
use crate::domain::cluster::Cluster;
use crate::domain::credential::Credential;
use crate::domain::text;
use crate::ops::journal::Journal;
use crate::ops::locked::LockedCluster;
use crate::ops::{Applied, Error};
use crate::session::{App, Session};

/// Resolves a cluster after a decision was recorded; what cannot be done now is pending, never lost.
pub(in crate::ops) async fn reconcile(
    session: &Session,
    locked: &LockedCluster,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Applied, Error> {
    let cluster = locked.cluster();
    let is_pending = session
        .store()?
        .read(|tx| snapshot(tx, cluster.id))?
        .is_pending();
    if !is_pending {
        return Ok(Applied::default());
    }
    match run(session, locked, journal, request).await {
        Ok(reconciled) => {
            let mut applied = match &reconciled.trouble {
                Some(error) => pending_by(session, cluster, journal, request, error)?,
                None => Applied::default(),
            };
            applied.ended = reconciled.ended_there(cluster);
            if let Some(error) = &reconciled.trouble
                && applied.pending.is_empty()
                && applied.notes.is_empty()
            {
                // Nobody's decision is pending by it; but it is not as it should be there.
                applied.notes.push(text::chain(error));
            }
            applied.notes.splice(0..0, reconciled.notes);
            Ok(applied)
        }
        // Waiting mends no store: nobody is told that `reconcile` will finish.
        Err(error) if error.is_distrust() => Err(distrusted(session, cluster, request, error)?),
        Err(error) => pending_by(session, cluster, journal, request, &error),
    }
}

/// What is pending to those whom the command is about; what is pending to others is their matter, and said
/// beside.
fn pending_by(
    session: &Session,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<EventSeq>,
    error: &Error,
) -> Result<Applied, Error> {
    let all = |session| {
        let pending = record_pending(session, cluster, journal, request, error)?;
        Ok(Applied {
            pending,
            ..Applied::default()
        })
    };
    let Some(name) = journal.about() else {
        return all(session);
    };
    let snapshot = session.store()?.read(|tx| snapshot(tx, cluster.id))?;
    let is_other = |credential: &Credential| {
        let user = credential.subject.user();
        user.is_some_and(|user| snapshot.name_of(user) != Some(name))
    };
    let bound = |user| snapshot.name_of(user) != Some(name);
    let others = pending_access(cluster, &snapshot, is_other, bound);
    if others.is_empty() {
        return all(session);
    }
    let why = text::chain(error);
    let mut applied = Applied {
        notes: others
            .iter()
            .map(|it| format!("{}: {why}", it.what))
            .collect(),
        ..Applied::default()
    };
    if pending_on(cluster, &snapshot).len() > others.len() {
        applied.pending = record_pending(session, cluster, journal, request, error)?;
        applied
            .pending
            .retain(|item| others.iter().all(|other| other.what != item.what));
    }
    Ok(applied)
}

/// The distrust of a store whose decision is recorded: with what is still pending, and how long
/// tokens may work.
fn distrusted(
    app: &App,
    cluster: &Cluster,
    request: Option<EventSeq>,
    error: Error,
) -> Result<Error, Error> {
    if request.is_none() {
        return Ok(error);
    }
    let snapshot = app.store()?.read(|tx| snapshot(tx, cluster.id))?;
    let pending = pending_on(cluster, &snapshot);
    let until = pending.iter().filter_map(|item| item.until).max();
    Ok(Error::RecordedInDoubt {
        cluster: cluster.name.clone(),
        pending: pending.into_iter().map(|item| item.what).collect(),
        until,
        source: Box::new(error),
    })
}

/// [`reconcile`] for what only takes away, which waits for nobody: the decision stands already. While
/// another kubegrant works on the cluster, the accounts are taken beside it; that it is true is
/// said when the cluster's lock was had.
pub(in crate::ops) async fn reconcile_taking(
    session: &Session,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Applied, Error> {
    let snapshot = session.store()?.read(|tx| snapshot(tx, cluster.id))?;
    if !snapshot.is_pending() {
        return Ok(Applied::default());
    }
    if let Some(lock) = session.try_lock(cluster)? {
        let locked = LockedCluster::with(session, lock, cluster);
        return reconcile_if_there(session, locked, journal, request).await;
    }
    let beside = async {
        let (connection, _) = session
            .connect_to_take(cluster, &snapshot.installation)
            .await
            .ok()?;
        let (ended, desired) = (ended(&snapshot), snapshot.desired());
        Some(Box::pin(connection.take(&ended, &desired)).await)
    };
    let (_taken, lock) = futures::join!(beside, session.lock_within(cluster, RECONCILE_BUDGET));
    match lock {
        Ok(lock) => {
            let locked = LockedCluster::with(session, lock, cluster);
            reconcile_if_there(session, locked, journal, request).await
        }
        Err(error) => Ok(Applied {
            pending: record_pending(session, cluster, journal, request, &error.into())?,
            ..Applied::default()
        }),
    }
}

/// [`reconcile`] under a lock that was had; nothing is left to be taken where a deletion that was at
/// work has finished.
async fn reconcile_if_there(
    session: &Session,
    locked: Result<LockedCluster, Error>,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Applied, Error> {
    match locked {
        Ok(locked) => reconcile(session, &locked, journal, request).await,
        Err(Error::UnknownCluster { .. }) => Ok(Applied::default()),
        Err(error) => Err(error),
    }
}
