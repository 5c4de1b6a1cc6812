//! `reconcile`: make true what is pending, repair drift, join new namespaces, end what has expired.

use std::time::Duration;

use futures::{StreamExt, stream};

use super::journal::Journal;
use super::{
    Ended, Error, Intent, Pending, Unasked, cluster, find, manager, reconciling, remove, ssh_key,
    status,
};
use crate::artifact;
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, SelfService};
use crate::domain::effect::{Effect, Facts};
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::Role;
use crate::session::{CLUSTERS_AT_ONCE, Session};
use crate::store;

/// How long a server waits for a cluster that somebody works on: it comes again, and other clusters wait for it.
const SERVER_WAIT: Duration = Duration::from_secs(2);

/// What came of one cluster.
#[derive(Debug)]
pub(crate) struct Report {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// What was changed on it (or would be), a sentence each.
    pub(crate) changed: Vec<String>,
    /// What it would change in the store; nothing where it was done.
    pub(crate) effects: Vec<Facts>,
    /// Versions seen to be gone.
    pub(crate) ended: Vec<Ended>,
    /// What is still pending.
    pub(crate) pending: Vec<Pending>,
    /// What people should know beside, a sentence each.
    pub(crate) notes: Vec<String>,
    /// Why it could not be reconciled.
    pub(crate) failed: Option<Error>,
}

/// Brings clusters up to date; all that the actor manages where none is named.
///
/// `report` hears of each cluster as it is finished. One cluster's failure hides no other's
/// success.
pub(crate) async fn reconcile(
    session: &Session,
    names: &[ClusterName],
    intent: &Intent<Unasked>,
    report: &mut dyn FnMut(&Report),
) -> Result<Vec<Report>, Error> {
    let (actor, journal) = find::acting(session, Action::Reconcile)?;
    let (mut clusters, mut reports) = (Vec::new(), Vec::new());
    let is_server = actor.user.role == Role::Server;
    if names.is_empty() {
        for found in session.store()?.read(store::clusters::list)? {
            let is_asked = if is_server {
                found.self_service != SelfService::Off && found.deleting_at.is_none()
            } else {
                cluster::manages(session, &actor, &found)?
            };
            if is_asked {
                clusters.push(found);
            }
        }
        // What only others can make true is not hidden behind "nothing to do". A server does its own part.
        let elsewhere = if is_server {
            vec![]
        } else {
            status::elsewhere(session, &actor)?
        };
        for item in elsewhere {
            match reports
                .iter_mut()
                .find(|it: &&mut Report| it.cluster == item.cluster)
            {
                Some(report) => report.pending.push(item),
                None => reports.push(Report {
                    cluster: item.cluster.clone(),
                    changed: vec![],
                    effects: vec![],
                    ended: vec![],
                    pending: vec![item],
                    notes: vec![],
                    failed: None,
                }),
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
    if !intent.is_preview() {
        // A download that was killed may have left its file here, complete and without its name.
        artifact::file::sweep(&session.workspace.env.current_dir);
    }
    let run = ReconcileRun {
        session,
        journal: &journal,
        intent,
        is_server,
    };
    let mut work = stream::iter(clusters)
        .map(|cluster| async move { run.one(&cluster).await })
        .buffer_unordered(CLUSTERS_AT_ONCE);
    while let Some(done) = work.next().await {
        report(&done);
        reports.push(done);
    }
    reports.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    Ok(reports)
}

/// One run of `reconcile`.
#[derive(Clone, Copy)]
struct ReconcileRun<'a> {
    session: &'a Session,
    journal: &'a Journal,
    intent: &'a Intent<Unasked>,
    /// Whether a server does it, again and again.
    is_server: bool,
}

impl ReconcileRun<'_> {
    async fn one(&self, cluster: &Cluster) -> Report {
        let Self {
            session,
            journal,
            intent,
            is_server,
        } = *self;
        let mut report = Report {
            cluster: cluster.name.clone(),
            changed: vec![],
            effects: vec![],
            ended: vec![],
            pending: vec![],
            notes: vec![],
            failed: None,
        };
        let outcome = match intent {
            Intent::Preview => preview(session, cluster, &mut report).await,
            Intent::Perform(_) => {
                async {
                    // First what needs no cluster: it may be away.
                    ssh_key::resolve_claim(session, cluster, journal).await?;
                    Box::pin(self.reconcile(cluster, &mut report)).await
                }
                .await
            }
        };
        if let Err(error) = outcome {
            if !intent.is_preview() {
                // A server comes again and again: what it could not do is pending, and was recorded when it became so.
                let pending = if is_server {
                    reconciling::pending_because(session, cluster, &error)
                } else {
                    reconciling::record_pending(session, cluster, journal, None, &error)
                };
                report.pending = pending.unwrap_or_default();
            }
            report.failed = Some(error);
        }
        report
    }

    async fn reconcile(&self, cluster: &Cluster, report: &mut Report) -> Result<(), Error> {
        let (session, journal) = (self.session, self.journal);
        let _lock = if self.is_server {
            session.lock_within(cluster, SERVER_WAIT).await?
        } else {
            session.lock(cluster).await?
        };
        // Under the lock: its settings or its login may have changed while we waited.
        let cluster = &find::again(session, cluster)?;
        if cluster.deleting_at.is_some() {
            return Box::pin(finish_delete(session, cluster, journal, report)).await;
        }
        share_out(session, cluster, journal)?;
        let installation = find::installation(session)?;
        let connection = session.connect(cluster, &installation).await?;
        let reconciled = reconciling::run_on(
            session,
            cluster,
            connection.clone(),
            journal,
            None,
            reconciling::Depth::Whole,
        );
        let reconciled = reconciled.await;
        // After it: what reconciles knows no account of the manager's that is just being made.
        let finished = async {
            if connection.is_issuer() {
                return Ok(vec![]);
            }
            let desired = session
                .store()?
                .read(|tx| reconciling::snapshot(tx, cluster.id))?
                .desired();
            // What fails of it gives nobody anything: the next `reconcile` tries again.
            let mended = connection.mend_renewals(&desired);
            let finished = manager::finish(session, cluster, connection.clone(), journal, None);
            let (mended, finished) = futures::join!(mended, finished);
            let mut changed = finished?;
            let mended = mended.unwrap_or_default().into_iter();
            changed.extend(mended.map(|name| format!("Role '{name}' is there again")));
            Ok::<_, Error>(changed)
        };
        let finished = Box::pin(finished).await;
        let mut reconciled = reconciled?;
        reconciled.changed.extend(finished?);
        if !reconciled.changed.is_empty() {
            let journal = journal.clone().cluster(cluster);
            journal.record_alone(session, Phase::Done, reconciled.changed.join("; "), None)?;
        }
        report.ended = reconciled.ended_there(cluster);
        report.changed = reconciled.changed;
        report.notes = reconciled.notes;
        reconciled.trouble.map_or(Ok(()), Err)
    }
}

/// Effects with the names that a cluster's rows have.
fn facts(snapshot: ClusterSnapshot, effects: &[Effect]) -> Vec<Facts> {
    let rows = Rows::of(snapshot);
    effects.iter().map(|effect| rows.facts(effect)).collect()
}

async fn preview(session: &Session, cluster: &Cluster, report: &mut Report) -> Result<(), Error> {
    if cluster.deleting_at.is_some() {
        report.changed.push("finish its deletion".to_owned());
        let snapshot = session
            .store()?
            .read(|tx| reconciling::snapshot(tx, cluster.id))?;
        let live = snapshot.credentials.iter().filter(|it| it.state.is_live());
        let ends = live.map(|it| snapshot.end_of(it, "the cluster was deleted"));
        let remove = Effect::RemoveCluster {
            cluster: cluster.id,
        };
        let effects: Vec<Effect> = ends.chain([remove]).collect();
        report.effects = facts(snapshot, &effects);
        return Ok(());
    }
    let snapshot = session
        .store()?
        .read(|tx| reconciling::snapshot(tx, cluster.id))?;
    let shared_out = snapshot.shared_out();
    let share_out = |on: &mut ClusterSnapshot| {
        for effect in &shared_out {
            on.apply(effect);
        }
    };
    let (_, plan) = reconciling::preview(session, cluster, share_out).await?;
    let words = |step| reconciling::describe_step(step, &snapshot);
    report.changed = plan.steps().map(words).collect();
    let gone = plan
        .steps()
        .filter_map(|step| reconciling::vanished(step, &snapshot));
    let gone = gone.flat_map(|it| snapshot.ending(it, reconciling::ACCOUNT_DELETED));
    let gone = gone.chain(reconciling::due(session, &snapshot));
    let mut effects: Vec<Effect> = gone.chain(shared_out.iter().cloned()).collect();
    if snapshot.former.iter().any(|it| it.name == cluster.manager) {
        effects.push(Effect::ReplaceManager {
            cluster: cluster.id,
            former: snapshot.former.clone(),
        });
    }
    if let Some(former) = snapshot.issuer_to_replace() {
        effects.push(Effect::ReplaceIssuer {
            cluster: cluster.id,
            former: former.to_owned(),
        });
    }
    report.effects = facts(snapshot, &effects);
    let connection = session
        .connect(cluster, &find::installation(session)?)
        .await?;
    if connection.is_issuer() {
        return Ok(());
    }
    let strays = connection.strays(cluster).await;
    let strays = strays.map_err(|source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    })?;
    report
        .changed
        .extend(strays.into_iter().map(|it| it.description));
    Ok(())
}

/// Moves accounts from lists that are too long to others; that it is so on the cluster follows.
fn share_out(session: &Session, cluster: &Cluster, journal: &Journal) -> Result<(), Error> {
    let snapshot = |tx: &store::ReadTxn<'_>| reconciling::snapshot(tx, cluster.id);
    if session.store()?.read(snapshot)?.shared_out().is_empty() {
        return Ok(());
    }
    let journal = &journal.clone().cluster(cluster);
    Ok(session.store()?.write(|tx| {
        let on = snapshot(tx)?;
        let moved = on.shared_out();
        let detail = format!(
            "{} accounts are to move to other lists of their kind",
            moved.len()
        );
        let request = journal.record(session, tx, Phase::Done, detail, None)?;
        reconciling::commit(session, tx, &on, &moved, journal, Some(request))
    })?)
}

/// Goes on with a delete that was decided and cut off.
async fn finish_delete(
    session: &Session,
    cluster: &Cluster,
    journal: &Journal,
    report: &mut Report,
) -> Result<(), Error> {
    let snapshot = session
        .store()?
        .read(|tx| reconciling::snapshot(tx, cluster.id))?;
    let journal = journal.clone().cluster(cluster);
    let removed = remove::go_on(session, &snapshot, &journal).await?;
    report.changed.push("its deletion is finished".to_owned());
    let left = removed.left_behind.iter();
    report
        .changed
        .extend(left.map(|what| format!("left behind: {what}")));
    Ok(())
}
