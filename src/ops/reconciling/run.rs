//! One reconciling: what ends, what is replaced, what is given, and what is recorded of it.

use std::time::Duration;

use super::recorded::ReadBack;
use super::vanished::Vanished;
use super::{Depth, Reconciled, due, end_what_must, snapshot};
use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::audit::{EventSeq, Head};
use crate::domain::cluster::{Cluster, WriteScope};
use crate::domain::credential::Credential;
use crate::domain::plan::{self, Desired, Object};
use crate::domain::snapshot::ClusterSnapshot;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::observe::{Look, NamedObjects};
use crate::kubernetes::reconcile::{self, ClusterChanges};
use crate::kubernetes::take::Taken;
use crate::ops::journal::Journal;
use crate::ops::locked::LockedCluster;
use crate::ops::{Error, manager};
use crate::session::{App, Session};
use crate::store::{self, ReadTxn};

/// The longest that one reconciling may work on a cluster, so that a slow API server keeps nobody
/// else from it: half of what others wait for its lock.
pub(super) const RECONCILE_BUDGET: Duration = Duration::from_mins(1);

/// How much longer for each version that begins or ends: a few hundred a second are done on a busy API
/// server.
const BUDGET_EACH: Duration = Duration::from_millis(10);

/// The longest that is added to it, so that who waits for the lock still gets it.
const BUDGET_MORE: Duration = Duration::from_secs(50);

/// How long one reconciling may work on what is pending.
fn budget(on: &ClusterSnapshot) -> Duration {
    let pending = on.credentials.iter().filter(|it| it.state.awaits_cluster());
    let more = BUDGET_EACH.saturating_mul(u32::try_from(pending.count()).unwrap_or(u32::MAX));
    RECONCILE_BUDGET + more.min(BUDGET_MORE)
}

/// Makes a cluster hold what the store says, and records what was seen to be true.
///
/// The caller holds the cluster's lock from before it read the store. Where the cluster knows a
/// newer store, what must end still ends; then the distrust is the error.
pub(in crate::ops) async fn run(
    session: &Session,
    locked: &LockedCluster,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Reconciled, Error> {
    // A slow process must not bring back an address, an owner or a reach of write that another one
    // took away.
    let cluster = &locked.again(session)?;
    let (connection, distrust) = session
        .connect_to_take(cluster, locked.installation())
        .await?;
    let Some(distrust) = distrust else {
        return run_on(
            session,
            cluster,
            connection,
            journal,
            request,
            Depth::Pending,
        )
        .await;
    };
    let journal = &journal.clone().cluster(cluster);
    let (snapshot, _) = decide_ends(session, cluster, journal, request)?;
    let taken = connection
        .take(&snapshot::ended(&snapshot), &snapshot.desired())
        .await;
    let reconciling = Reconciling {
        app: session,
        cluster,
        connection: &connection,
        journal,
        request,
    };
    reconciling.record(&ReadBack {
        snapshot: &snapshot,
        taken: &taken,
        changes: None,
        looked_whole: false,
    })?;
    Err(distrust.into())
}

/// One reconciling under way.
#[derive(Clone, Copy)]
pub(super) struct Reconciling<'a> {
    pub(super) app: &'a App,
    /// The cluster, as the caller read it under its lock.
    pub(super) cluster: &'a Cluster,
    pub(super) connection: &'a Connection,
    /// The journal of the command, about this cluster.
    pub(super) journal: &'a Journal,
    /// The event that asked for it, where one did.
    pub(super) request: Option<EventSeq>,
}

/// Decides what must end by itself, and gives what the store says then.
fn decide_ends(
    app: &App,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<(ClusterSnapshot, Option<Head>), Error> {
    let look = |tx: &ReadTxn<'_>| {
        let snapshot = snapshot(tx, cluster.id)?;
        Ok::<_, store::Error>((snapshot, store::audit::head(tx)?))
    };
    let (before, head) = app.store()?.read(look)?;
    if due(app, &before).is_empty() {
        return Ok((before, head));
    }
    Ok(app.store()?.write(|tx| {
        end_what_must(app, tx, cluster.id, journal, request)?;
        look(tx)
    })?)
}

/// [`run`] over a connection that is there already.
pub(in crate::ops) async fn run_on(
    app: &App,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: Option<EventSeq>,
    depth: Depth,
) -> Result<Reconciled, Error> {
    let _at_work = app.at_work().await;
    let journal = &journal.clone().cluster(cluster);
    let (snapshot, head) = decide_ends(app, cluster, journal, request)?;
    let reconciling = Reconciling {
        app,
        cluster,
        connection: &connection,
        journal,
        request,
    };
    let started = tokio::time::Instant::now();
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let desired = snapshot.desired();
    let budget = budget(&snapshot);
    // Beside the work, not before it: a witness that cannot be told delays no revocation.
    let head = head.filter(|_| snapshot.is_pending() || request.is_some());
    let witness = Box::pin(async {
        match &head {
            Some(head) => connection.witness(head).await,
            None => Ok(()),
        }
    });
    let take = Box::pin(taken_within(budget, &connection, &snapshot, &desired));
    let work = async {
        let taken = take.await;
        let spent = started.elapsed();
        let issuer_goes = depth == Depth::Whole && snapshot.issuer_to_replace().is_some();
        let (replaced, now) = if depth == Depth::Pending || issuer_goes {
            // Before the lists are looked at: until then, who had its login puts back what is taken off.
            Box::pin(reconciling.replace(&snapshot)).await
        } else {
            (Replaced::default(), None)
        };
        let is_done =
            depth == Depth::Pending && snapshot::only_takes(&snapshot) && taken.failures.is_empty();
        let only = named_for(&snapshot, depth, app.now());
        let only = only.filter(|_| taken.failures.is_empty());
        if is_done {
            return (taken, Ok(Given::default()), replaced);
        }
        let left = budget.saturating_sub(spent);
        let whole = Box::pin(async {
            let now = now.transpose()?;
            let after = now.as_ref().map(ClusterSnapshot::desired);
            let snapshot = now.as_ref().unwrap_or(&snapshot);
            let desired = after.as_ref().unwrap_or(&desired);
            reconciling.give(snapshot, desired, only).await
        });
        let given = match tokio::time::timeout(left, whole).await {
            Ok(given) => given,
            Err(_) => Err(failed(out_of_time(budget))),
        };
        (taken, given, replaced)
    };
    let ((mut taken, given, replaced), _told) = futures::join!(work, witness);
    let (reconciled, vanished, mut trouble) = match given {
        Ok(given) => (Some(given.reconciled), given.vanished, None),
        Err(error) => (None, None, Some(error)),
    };
    let snapshot = vanished.map_or(snapshot, |vanished| {
        taken.extend(vanished.taken);
        vanished.snapshot
    });
    let looked = reconciled.as_ref();
    let relied_on = looked.and_then(|it| relied_on(cluster, &snapshot, depth, it));
    let ended = reconciling.record(&ReadBack {
        snapshot: &snapshot,
        taken: &taken,
        changes: reconciled.as_ref(),
        looked_whole: !connection.is_issuer(),
    })?;
    trouble = trouble.or(replaced.trouble);
    let mut notes = taken.notes;
    let mut changed: Vec<String> = taken.changed.iter().map(ToString::to_string).collect();
    changed.extend(replaced.issuer);
    let mut failures = taken.failures.into_iter();
    if let Some(reconciled) = reconciled {
        changed.extend(reconciled.changed.iter().map(ToString::to_string));
        let (left_out, others) = sort_refused(reconciled, &snapshot);
        notes.extend(left_out);
        trouble = trouble.or_else(|| others.into_iter().next().map(failed));
    }
    if trouble.is_none() && is_pending(app, cluster)? {
        let beyond = || Error::NeedsManager {
            cluster: cluster.name.clone(),
        };
        trouble = failures.next().map(failed);
        trouble = trouble.or_else(|| connection.is_issuer().then(beyond));
    }
    Ok(Reconciled {
        ended,
        changed,
        notes,
        trouble,
        relied_on,
        connection,
    })
}

/// What is looked at by name, where that is all that is needed.
fn named_for(on: &ClusterSnapshot, depth: Depth, now: Timestamp) -> Option<NamedObjects> {
    match depth {
        Depth::Pending => snapshot::named(on, None, now),
        Depth::Version(id) => snapshot::named(on, Some(id), now),
        Depth::Whole => None,
    }
}

/// Ends what must end, as far as that comes within a time.
async fn taken_within(
    budget: Duration,
    connection: &Connection,
    snapshot: &ClusterSnapshot,
    desired: &Desired,
) -> Taken {
    let ended = snapshot::ended(snapshot);
    let taking = connection.take(&ended, desired);
    match tokio::time::timeout(budget, taking).await {
        Ok(taken) => taken,
        Err(_) => Taken {
            failures: vec![out_of_time(budget)],
            ..Taken::default()
        },
    }
}

/// What came of ending the accounts that must go.
#[derive(Default)]
struct Replaced {
    /// The account that is the issuer since, in words.
    issuer: Option<String>,
    /// What failed of it, where the issuer is one of them; all else stays pending, and is no matter of the
    /// command that found it.
    trouble: Option<Error>,
}

impl Reconciling<'_> {
    /// Ends the accounts that must go, where there are any and the login may; gives what stands then, too:
    /// another account may be ours.
    async fn replace(
        &self,
        before: &ClusterSnapshot,
    ) -> (Replaced, Option<Result<ClusterSnapshot, Error>>) {
        if self.connection.is_issuer() || before.former.is_empty() {
            return (Replaced::default(), None);
        }
        let failed = Box::pin(self.replace_former(before)).await.err();
        let store = self.app.store().map_err(Error::from);
        let now = store.and_then(|store| Ok(store.read(|tx| snapshot(tx, self.cluster.id))?));
        let issuer = now.iter().find_map(|now| now.cluster.issuer.as_ref());
        let issuer = issuer.filter(|it| Some(*it) != before.cluster.issuer.as_ref());
        let replaced = Replaced {
            issuer: issuer.map(|it| format!("account '{}' is the issuer", it.account)),
            trouble: failed.filter(|_| before.issuer_to_replace().is_some()),
        };
        (replaced, Some(now))
    }

    /// Ends the accounts that must go; where the issuer is one of them, another takes its place first.
    async fn replace_former(&self, snapshot: &ClusterSnapshot) -> Result<(), Error> {
        let Self {
            app,
            connection,
            journal,
            request,
            ..
        } = *self;
        let mut cluster = self.cluster.clone();
        if snapshot.issuer_to_replace().is_some() && snapshot.cluster.deleting_at.is_none() {
            let renewed = manager::renew_issuer(app, &cluster, connection, journal, request);
            cluster = Box::pin(renewed).await?;
        }
        let ended = manager::end_former(app, &cluster, connection, journal, request);
        ended.await.map(drop)
    }
}

/// Whether something is decided and not yet true on a cluster.
fn is_pending(app: &App, cluster: &Cluster) -> Result<bool, Error> {
    let on = app.store()?.read(|tx| snapshot(tx, cluster.id))?;
    Ok(on.is_pending())
}

/// When a version's reach was looked at, where it carries write and the look before was relied upon.
fn relied_on(
    cluster: &Cluster,
    on: &ClusterSnapshot,
    depth: Depth,
    changes: &ClusterChanges,
) -> Option<Timestamp> {
    let Depth::Version(id) = depth else {
        return None;
    };
    let this = on.credentials.iter().find(|it| it.id == id)?;
    let writes = this.power == Power::Write && on.cluster.write_scope == WriteScope::Namespaces;
    (writes && !changes.looked).then_some(cluster.looked_at)?
}

/// What was refused: where write does not reach, a sentence each, and the rest.
fn sort_refused(
    reconciled: ClusterChanges,
    snapshot: &ClusterSnapshot,
) -> (Vec<String>, Vec<ClusterError>) {
    let (mut left_out, mut others) = (Vec::new(), Vec::new());
    for (object, error) in reconciled.refused {
        let is_kept = reconciled.kept.contains(&object);
        match object {
            // A namespace that refuses is that namespace's matter: write does not reach it. Where it
            // is to be taken from, write still does.
            Object::Binding(Some(namespace), name)
                if plan::level_of(&snapshot.installation, &name) == Some("edit") && !is_kept =>
            {
                left_out.push(format!(
                    "write does not reach namespace '{namespace}': {error}"
                ));
            }
            _ => others.push(error),
        }
    }
    (left_out, others)
}

fn out_of_time(budget: Duration) -> ClusterError {
    ClusterError::inconsistent(&format!(
        "the cluster did not answer all that was asked within {} s",
        budget.as_secs()
    ))
}

/// What came of giving.
#[derive(Default)]
struct Given {
    reconciled: ClusterChanges,
    vanished: Option<Vanished>,
}

impl Reconciling<'_> {
    /// Observes, ends what lost its account, and makes the cluster hold the rest of what the store says.
    async fn give(
        &self,
        snapshot: &ClusterSnapshot,
        desired: &Desired,
        only: Option<NamedObjects>,
    ) -> Result<Given, Error> {
        let (connection, cluster) = (self.connection, &snapshot.cluster);
        if snapshot.orphans_pending && !connection.is_issuer() {
            Box::pin(self.learn_versions(cluster)).await?;
        }
        // One that is being deleted may have taken it along.
        if cluster.deleting_at.is_none() {
            let standing = connection.must_have_namespace();
            standing.map_err(|source| Error::Cluster {
                cluster: cluster.name.to_string(),
                source,
            })?;
        }
        let look = look_for(desired, cluster, only.clone());
        let vanished = Box::pin(self.end_vanished(snapshot, &look)).await?;
        let after = vanished.as_ref().map(|it| it.snapshot.desired());
        let desired = after.as_ref().unwrap_or(desired);
        // What ended may have had a successor, which is not known by name here.
        let only = only.filter(|_| vanished.is_none());
        let look = look_for(desired, cluster, only);
        let began = look.with_write.then(|| self.app.now());
        let reconciled = reconcile::reconcile(connection, desired, &look).await;
        match reconciled {
            Ok(reconciled) => Ok(Given {
                reconciled: ClusterChanges {
                    looked: look.with_write,
                    looked_at_write: began
                        .filter(|_| reconciled.refused.is_empty() && !reconciled.leaves_lists()),
                    ..reconciled
                },
                vanished,
            }),
            Err(source) => Err(Error::Cluster {
                cluster: cluster.name.to_string(),
                source,
            }),
        }
    }

    /// Records what was seen, if there is anything: a look at a reconciled cluster costs no disk write.
    fn record(&self, seen: &ReadBack<'_>) -> Result<Vec<Credential>, Error> {
        let (app, cluster) = (self.app, self.cluster);
        let is_old =
            |at: Option<Timestamp>| at.is_none_or(|at| (app.now() - at).num_seconds() >= 60);
        let looked = seen.changes.is_some_and(|it| it.looked_at_write.is_some());
        let stale = is_old(cluster.reached_at) || looked && is_old(cluster.looked_at);
        let is_beyond = seen.changes.is_some_and(ClusterChanges::leaves_lists);
        if !seen.snapshot.is_pending() && !stale && !is_beyond {
            return Ok(vec![]);
        }
        Ok(app.store()?.write(|tx| self.record_read_back(tx, seen))?)
    }
}

/// What must be seen of a cluster that is to hold this.
pub(super) fn look_for<'a>(
    desired: &Desired,
    cluster: &'a Cluster,
    only: Option<NamedObjects>,
) -> Look<'a> {
    Look {
        with_write: only.is_none() && desired.needs_reach(),
        with_places: only.is_none() && desired.has_places(),
        only,
        cluster: Some(cluster),
    }
}
