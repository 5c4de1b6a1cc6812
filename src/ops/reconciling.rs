//! Reconciling a cluster: ending what must end, giving what is wanted, and recording what was seen to be true.

mod decided;
mod pending;
mod recorded;
mod run;
mod snapshot;
mod vanished;

pub(super) use decided::{reconcile, reconcile_taking};
pub(super) use run::{run, run_on};
pub(super) use snapshot::{circumstances, due, named_for_next, snapshot};
pub(super) use vanished::{ACCOUNT_DELETED, describe_step, vanished};

pub(super) use pending::{
    because, end_without_record, former_managers, if_pending, no_older_logins, older_logins,
    pending_access, pending_because, pending_on, record_pending,
};

use self::run::{RECONCILE_BUDGET, look_for};
use super::journal::Journal;
use super::{Ended, Error};
use crate::domain::Timestamp;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::credential::{Credential, CredentialId};
use crate::domain::effect::Effect;
use crate::domain::plan::Plan;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::subject::SubjectName;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::observe::Seen;
use crate::kubernetes::reconcile::{self};
use crate::session::{App, Session};
use crate::store::{self, WriteTxn};

/// Decides the end of every live version whose user no longer has what it carries.
///
/// Called in the same transaction as the change that may cause it, so that there is no moment at
/// which the store claims less than it decided. Gives the snapshot before, and the effects.
pub(super) fn end_what_must(
    app: &App,
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    journal: &Journal,
    request: Option<EventSeq>,
) -> store::Result<(ClusterSnapshot, Vec<Effect>)> {
    let before = snapshot(tx, cluster)?;
    let due = due(app, &before);
    commit(app, tx, &before, &due, journal, request)?;
    Ok((before, due))
}

/// Commits effects on a cluster, with an event for every version that ends or begins.
pub(super) fn commit(
    app: &App,
    tx: &WriteTxn<'_>,
    on: &ClusterSnapshot,
    effects: &[Effect],
    journal: &Journal,
    request: Option<EventSeq>,
) -> store::Result<()> {
    for effect in effects {
        commit_one(app, tx, Some(on), effect, journal, request)?;
    }
    Ok(())
}

/// Commits one effect; `on` is the cluster that it is about.
pub(super) fn commit_one(
    app: &App,
    tx: &WriteTxn<'_>,
    on: Option<&ClusterSnapshot>,
    effect: &Effect,
    journal: &Journal,
    request: Option<EventSeq>,
) -> store::Result<()> {
    let random = || app.random();
    let committing = journal.committing(app.now(), &random);
    let done = store::commit::effect(tx, effect, on, &committing)?;
    let event = on.and_then(|on| Some((on, event_of(on, effect)?)));
    let Some((on, (owner, detail))) = event.filter(|_| done) else {
        return Ok(());
    };
    let journal = journal.clone().cluster(&on.cluster).user_name(&owner);
    journal.record(app, tx, Phase::Requested, detail, request)?;
    Ok(())
}

/// What the audit log says of a version that ends or begins, and whose it is.
fn event_of(on: &ClusterSnapshot, effect: &Effect) -> Option<(SubjectName, String)> {
    match effect {
        Effect::EndVersion {
            credential,
            because,
            ..
        } => {
            let credential = on.credentials.iter().find(|it| it.id == *credential)?;
            let owner = credential.owner.clone();
            let detail = format!(
                "version {} of '{owner}' ends: {because}",
                credential.version
            );
            Some((owner, detail))
        }
        Effect::BeginVersion {
            subject,
            power,
            version,
            ..
        } => {
            let owner = on.subject_name(*subject)?;
            let detail = format!("version {version} of '{owner}' ({power})");
            Some((owner, detail))
        }
        _ => None,
    }
}

/// What reconciling a cluster came to.
#[derive(Debug)]
pub(super) struct Reconciled {
    /// Versions that were seen to be gone.
    pub(super) ended: Vec<Credential>,
    /// What was changed on the cluster, in words.
    pub(super) changed: Vec<String>,
    /// What people should know beside, a sentence each.
    pub(super) notes: Vec<String>,
    /// Why something that the store asks for is still pending; everything else is as it should be.
    pub(super) trouble: Option<Error>,
    /// When what this version rests upon was looked at, where that was not done now.
    pub(super) relied_on: Option<Timestamp>,
    /// The connection, for what follows.
    pub(super) connection: Connection,
}

/// How much a reconciling does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// What is pending; where that is known by name, nothing is listed.
    Pending,
    /// The same, and whether this version stands.
    Version(CredentialId),
    /// Everything: what others changed is seen, and put right.
    Whole,
}

impl Reconciled {
    /// The versions that were seen to be gone.
    pub(super) fn ended_there(&self, cluster: &Cluster) -> Vec<Ended> {
        let ended = self.ended.iter().map(|credential| Ended {
            cluster: cluster.name.clone(),
            user: credential.owner.clone(),
            version: credential.version,
        });
        ended.collect()
    }
}

/// What a reconcile would change on a cluster; reads only.
pub(super) async fn preview(
    session: &Session,
    cluster: &Cluster,
    change: impl FnOnce(&mut ClusterSnapshot),
) -> Result<(Seen, Plan), Error> {
    let mut snapshot = session.store()?.read(|tx| snapshot(tx, cluster.id))?;
    let connection = session.connect(cluster, &snapshot.installation).await?;
    // What must end by itself does so in the preview too.
    for effect in due(session, &snapshot) {
        snapshot.apply(&effect);
    }
    change(&mut snapshot);
    let desired = snapshot.desired();
    let look = look_for(&desired, cluster, None);
    reconcile::preview(&connection, &desired, &look)
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
}
