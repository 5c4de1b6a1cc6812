//! `reconcile`: pay debts, repair drift, join new namespaces, end what has expired.

use futures::{StreamExt, stream};

use super::journal::Journal;
use super::{Debt, Ended, Error, Mode, cluster, find, remove, settle, ssh_key};
use crate::artifact;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, ManagerKind};
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::session::Session;
use crate::store;

/// How many clusters are worked on at once.
const CLUSTERS_AT_ONCE: usize = 8;

/// What came of one cluster.
#[derive(Debug)]
pub(crate) struct Report {
    /// Which.
    pub(crate) cluster: ClusterName,
    /// What was changed on it (or would be), a sentence each.
    pub(crate) changed: Vec<String>,
    /// Versions seen to be gone.
    pub(crate) ended: Vec<Ended>,
    /// What is still owed.
    pub(crate) owed: Vec<Debt>,
    /// Why it could not be settled.
    pub(crate) failed: Option<Error>,
}

/// Brings clusters up to date; all that the actor manages where none is named.
///
/// `report` hears of each cluster as it is finished. One cluster's failure hides no other's
/// success.
pub(crate) async fn reconcile(
    session: &Session,
    names: &[ClusterName],
    mode: Mode,
    report: &mut dyn FnMut(&Report),
) -> Result<Vec<Report>, Error> {
    let actor = find::actor(session, "reconcile")?;
    let journal = Journal::new(&actor, "reconcile");
    let mut clusters = Vec::new();
    if names.is_empty() {
        for found in session.store()?.read(store::clusters::list)? {
            if cluster::manages(session, &actor, &found)? {
                clusters.push(found);
            }
        }
    } else {
        for name in names {
            let found = find::cluster(session, &actor, &journal, name, ClusterAction::Operate)?;
            if !clusters
                .iter()
                .any(|cluster: &Cluster| cluster.id == found.cluster.id)
            {
                clusters.push(found.cluster);
            }
        }
    }
    if mode == Mode::Do {
        // A download that was killed may have left its file here, complete and without its name.
        artifact::file::sweep(&session.env.current_dir);
    }
    let journal = &journal;
    let mut work = stream::iter(clusters)
        .map(|cluster| async move { one(session, &cluster, journal, mode).await })
        .buffer_unordered(CLUSTERS_AT_ONCE);
    let mut reports = Vec::new();
    while let Some(done) = work.next().await {
        report(&done);
        reports.push(done);
    }
    reports.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    Ok(reports)
}

async fn one(session: &Session, cluster: &Cluster, journal: &Journal, mode: Mode) -> Report {
    let mut report = Report {
        cluster: cluster.name.clone(),
        changed: vec![],
        ended: vec![],
        owed: vec![],
        failed: None,
    };
    let outcome = match mode {
        Mode::Plan => preview(session, cluster, &mut report).await,
        Mode::Do => {
            async {
                // First what needs no cluster: it may be away.
                ssh_key::settle_claim(session, cluster, journal).await?;
                settle_one(session, cluster, journal, &mut report).await
            }
            .await
        }
    };
    if let Err(error) = outcome {
        if mode == Mode::Do {
            let owed = settle::owed(session, cluster, journal, None, &error);
            report.owed = owed.unwrap_or_default();
        }
        report.failed = Some(error);
    }
    report
}

async fn preview(session: &Session, cluster: &Cluster, report: &mut Report) -> Result<(), Error> {
    if cluster.deleting_at.is_some() {
        report.changed.push("finish its deletion".to_owned());
        return Ok(());
    }
    let (_, plan) = settle::preview(session, cluster, |_| {}).await?;
    report.changed = plan.steps().map(ToString::to_string).collect();
    Ok(())
}

async fn settle_one(
    session: &Session,
    cluster: &Cluster,
    journal: &Journal,
    report: &mut Report,
) -> Result<(), Error> {
    let _lock = session.lock(cluster).await?;
    // Under the lock: its settings or its login may have changed while we waited.
    let cluster = &find::again(session, cluster)?;
    if cluster.deleting_at.is_some() {
        return finish_delete(session, cluster, journal, report).await;
    }
    let installation = find::installation(session)?;
    let connection = session.connect(cluster, &installation).await?;
    let settled = settle::settle_on(session, cluster, connection.clone(), journal, None);
    // Logins of runs that were cut off: nobody holds them, and nobody should.
    let retired = async {
        let keep = match cluster.manager_kind {
            ManagerKind::Operator => None,
            _ => Some(session.manager_login(cluster, &installation)?),
        };
        let retired = connection.retire_other_logins(keep.as_ref()).await;
        retired.map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
    };
    let (settled, retired) = futures::join!(settled, retired);
    let settled = settled?;
    retired?;
    if settled.picture.older_logins {
        session
            .store()?
            .write(|tx| store::clusters::settle_older_logins(tx, cluster.id))?;
    }
    if !settled.changed.is_empty() {
        let journal = journal.clone().cluster(cluster);
        journal.record_alone(session, Phase::Done, settled.changed.join("; "), None)?;
    }
    report.changed = settled.changed;
    report.ended = settled
        .ended
        .iter()
        .map(|credential| Ended {
            cluster: cluster.name.clone(),
            user: settled.picture.owner(credential),
            version: credential.version,
        })
        .collect();
    Ok(())
}

/// Goes on with a delete that was decided and cut off.
async fn finish_delete(
    session: &Session,
    cluster: &Cluster,
    journal: &Journal,
    report: &mut Report,
) -> Result<(), Error> {
    let picture = session
        .store()?
        .read(|tx| settle::picture(tx, cluster.id))?;
    let journal = journal.clone().cluster(cluster);
    let removed = remove::go_on(session, cluster, &picture, &journal, None).await?;
    report.changed.push("its deletion is finished".to_owned());
    let left = removed.left_behind.iter();
    report
        .changed
        .extend(left.map(|what| format!("left behind: {what}")));
    Ok(())
}
