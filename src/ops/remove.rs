//! `cluster delete`: everything of ours leaves the cluster, verified, before its login goes.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::change::{self, About, Change, Decision, Target, Who};
use super::journal::Journal;
use super::{Done, Error, Intent, find, manager, reconciling, ssh_key};
use crate::domain::action::Action;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, ManagerKind};
use crate::domain::effect::Effect;
use crate::domain::name::ClusterName;
use crate::domain::plan::{NAMESPACE, Place, USERS_NAMESPACE, binding_name, list_name};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::shard::Shard;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::text;
use crate::domain::{Confirmed, Timestamp};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::uninstall::perhaps_last;
use crate::session::{self, App, Session};
use crate::store;

/// A cluster that was removed.
#[derive(Debug)]
pub(crate) struct Removed {
    /// Its name.
    pub(crate) cluster: ClusterName,
    /// Versions that ended with it.
    pub(crate) ended: usize,
    /// What may be left on the cluster, in words.
    pub(crate) left_behind: Vec<String>,
    /// Whether the cluster was not asked.
    pub(crate) forgotten: bool,
}

/// Asks the rules, without doing anything: before the question is put to a person.
pub(crate) fn may_delete(session: &Session, name: &ClusterName) -> Result<(), Error> {
    let (actor, journal) = find::acting(session, Action::ClusterDelete)?;
    find::cluster(session, &actor, &journal, name, ClusterAction::Delete).map(drop)
}

/// Everything of ours leaves a cluster, and the cluster goes from view.
#[derive(Debug)]
pub(crate) struct Delete {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for Delete {
    type Seen = Option<Way>;
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        // Under the lock: another delete may have come first.
        About::gives(
            Action::ClusterDelete,
            Target::on(&self.cluster, ClusterAction::Delete),
        )
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Option<Way>, Error> {
        way(session, rows.only().map_err(Error::Refused)?)
            .await
            .map(Some)
    }

    fn decide(&self, rows: &Rows, who: &Who, _: &Option<Way>) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        Ok(Decision {
            effects: beginning(on, who.now),
            later: vec![Effect::RemoveCluster {
                cluster: on.cluster.id,
            }],
            detail: detail(&on.cluster),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// What a delete begins with.
fn beginning(on: &ClusterSnapshot, now: Timestamp) -> Vec<Effect> {
    let live = on.credentials.iter().filter(|it| it.state.is_live());
    let ends = live.map(|it| on.end_of(it, "the cluster was deleted"));
    let begin = Effect::BeginDelete {
        cluster: on.cluster.id,
        at: now,
    };
    ends.chain([begin]).collect()
}

fn detail(cluster: &Cluster) -> String {
    format!("remove everything from {}", cluster.address.server)
}

/// Removes everything of ours from a cluster, and the cluster from view.
pub(crate) async fn delete(
    session: &Session,
    change: &Delete,
    intent: &Intent,
) -> Result<Done<Removed>, Error> {
    if intent.is_preview() {
        return change::planned(session, change).await.map(Done::Planned);
    }
    let mut recorded = change::record(session, change).await?;
    let seen = recorded.take_seen().flatten();
    let changed = || Error::Refused(Refusal::ChangedMeanwhile(Some(change.cluster.clone())));
    let (way, request) = seen.zip(recorded.request()).ok_or_else(changed)?;
    let on = recorded.before()?;
    let left_behind = go(session, on, way, recorded.journal(), request).await?;
    recorded.record_later(session, description(&left_behind))?;
    Ok(Done::Did(Removed {
        cluster: change.cluster.clone(),
        ended: on.credentials.len(),
        left_behind,
        forgotten: false,
    }))
}

/// Goes on where an earlier delete was cut off: it was decided then. The caller holds the cluster's
/// lock.
pub(super) async fn go_on(
    session: &Session,
    on: &ClusterSnapshot,
    journal: &Journal,
) -> Result<Removed, Error> {
    let cluster = &on.cluster;
    let way = way(session, on).await?;
    let request = session.store()?.write(|tx| {
        let request = journal.record(session, tx, Phase::Requested, detail(cluster), None)?;
        let effects = beginning(on, session.now());
        reconciling::commit(session, tx, on, &effects, journal, Some(request))?;
        Ok::<_, store::Error>(request)
    })?;
    let left_behind = go(session, on, way, journal, request).await?;
    session.store()?.write(|tx| {
        let remove = Effect::RemoveCluster {
            cluster: cluster.id,
        };
        reconciling::commit(session, tx, on, &[remove], journal, Some(request))?;
        journal.record(
            session,
            tx,
            Phase::Done,
            description(&left_behind),
            Some(request),
        )
    })?;
    Ok(Removed {
        cluster: cluster.name.clone(),
        ended: on.credentials.len(),
        left_behind,
        forgotten: false,
    })
}

/// How a delete goes on: where an earlier one came so far that the manager is powerless, or gone,
/// the end is all that is missing.
async fn way(session: &Session, on: &ClusterSnapshot) -> Result<Way, Error> {
    let was_deleting = on.cluster.deleting_at.is_some();
    // A manager that is refused proves only its own end. Whether the users' accounts went must
    // have been seen before, or a delete that never came so far would call them revoked.
    let all_ended = was_deleting && !on.orphans_pending && on.credentials.is_empty();
    match session.connect(&on.cluster, &on.installation).await {
        Ok(connection) if connection.is_issuer() => Ok(Way::EndThose(connection)),
        Ok(connection) if all_ended => Ok(Way::GoOn(connection)),
        Ok(connection) => Ok(Way::Leave(connection)),
        Err(session::Error::Cluster { source, .. }) if all_ended && source.is_forbidden() => {
            let connection = session.approach(&on.cluster, &on.installation)?;
            Ok(Way::AwaitTheEnd(connection))
        }
        Err(session::Error::Cluster { source, .. }) if all_ended && source.is_unauthorized() => {
            Ok(Way::CannotLook)
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes everything of ours off the cluster, verified; gives what is left, in words.
async fn go(
    app: &App,
    on: &ClusterSnapshot,
    way: Way,
    journal: &Journal,
    request: EventSeq,
) -> Result<Vec<String>, Error> {
    let cluster = &on.cluster;
    let all_ended = !matches!(way, Way::Leave(_));
    let outcome = match way {
        Way::Leave(connection) => leave(app, cluster, connection, journal, request).await,
        Way::GoOn(connection) => go_on_leaving(app, cluster, connection, journal, request).await,
        Way::AwaitTheEnd(connection) => await_the_end(cluster, &connection).await,
        Way::CannotLook => Ok(vec![perhaps_last(&on.installation)]),
        Way::EndThose(connection) => end_those(app, cluster, connection, journal, request).await,
    };
    let outcome = match outcome {
        // The account went while this looked: an earlier delete had come as far.
        Err(Error::Cluster { source, .. }) if all_ended && source.is_unauthorized() => {
            Ok(vec![perhaps_last(&on.installation)])
        }
        other => other,
    };
    match outcome {
        Ok(mut behind) => {
            let on_nodes = app.store()?.read(|tx| ssh_key::left_behind(tx, cluster))?;
            behind.extend(on_nodes);
            Ok(behind)
        }
        Err(error) => {
            journal.record_alone(app, Phase::Pending, text::chain(&error), Some(request))?;
            Err(Error::Pending {
                what: format!("the deletion of cluster '{}'", cluster.name),
                then: "",
                cluster: cluster.name.clone(),
                source: Box::new(error),
            })
        }
    }
}

/// What is left on a cluster, for the audit log.
fn description(left_behind: &[String]) -> String {
    if left_behind.is_empty() {
        "nothing of ours is left on it".to_owned()
    } else {
        left_behind.join("; ")
    }
}

/// How far an earlier delete came.
#[derive(Debug)]
pub(crate) enum Way {
    /// The manager has its power: everything is still to be done, or done again.
    Leave(Connection),
    /// The same, and all versions were seen to be gone.
    GoOn(Connection),
    /// The manager may do nothing any more: all went but, perhaps, its own account.
    AwaitTheEnd(Connection),
    /// The manager's login is refused.
    CannotLook,
    /// It is the issuer: it ends the accounts that it handles, and the rest is left to the manager.
    EndThose(Connection),
}

/// Waits until the manager's account is gone; gives what is left, in words.
async fn await_the_end(cluster: &Cluster, connection: &Connection) -> Result<Vec<String>, Error> {
    let left = connection.await_the_end(&cluster.manager).await;
    Ok(left.map_err(|source| failed(cluster, source))?.behind)
}

/// Takes everything of ours off the cluster, verified; gives what is left, in words.
async fn leave(
    app: &App,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: EventSeq,
) -> Result<Vec<String>, Error> {
    let reconciled = reconciling::run_on(
        app,
        cluster,
        connection,
        journal,
        Some(request),
        reconciling::Depth::Whole,
    )
    .await?;
    if let Some(trouble) = reconciled.trouble {
        return Err(trouble);
    }
    // Those that were the manager's may stand there without our labels, in a namespace that stays.
    let connection = &reconciled.connection;
    manager::end_former(app, cluster, connection, journal, Some(request)).await?;
    uninstall(cluster, connection).await
}

/// The same where all versions were seen to be gone. Where the earlier delete was cut off while the
/// manager itself was leaving, to reconcile would take from it the power that it leaves with.
async fn go_on_leaving(
    app: &App,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: EventSeq,
) -> Result<Vec<String>, Error> {
    let is_leaving = connection.is_leaving(&cluster.manager).await;
    if is_leaving.map_err(|source| failed(cluster, source))? {
        uninstall(cluster, &connection).await
    } else {
        leave(app, cluster, connection, journal, request).await
    }
}

/// Ends what an issuer may, and says that the manager must do the rest.
async fn end_those(
    app: &App,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: EventSeq,
) -> Result<Vec<String>, Error> {
    let depth = reconciling::Depth::Pending;
    let run = reconciling::run_on(app, cluster, connection, journal, Some(request), depth);
    let reconciled = Box::pin(run).await?;
    let left = Error::NeedsManager {
        cluster: cluster.name.clone(),
    };
    Err(reconciled.trouble.unwrap_or(left))
}

async fn uninstall(cluster: &Cluster, connection: &Connection) -> Result<Vec<String>, Error> {
    let as_manager = cluster.manager_kind != ManagerKind::Operator;
    let left = connection.uninstall(cluster, as_manager).await;
    Ok(left.map_err(|source| failed(cluster, source))?.behind)
}

fn failed(cluster: &Cluster, source: ClusterError) -> Error {
    Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    }
}

/// A cluster that is gone for good is forgotten, without asking it. For organization owners.
#[derive(Debug)]
pub(crate) struct Forget {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for Forget {
    /// What nodes still hold, in words.
    type Seen = Vec<String>;
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        // Under the lock: what another command is about to make there would be left out of the list.
        About::gives(
            Action::ClusterDeleteForget,
            Target::on(&self.cluster, ClusterAction::Delete),
        )
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Vec<String>, Error> {
        let cluster = &rows.only().map_err(Error::Refused)?.cluster;
        let left = session
            .store()?
            .read(|tx| ssh_key::left_behind(tx, cluster));
        Ok(left?)
    }

    fn decide(&self, rows: &Rows, who: &Who, on_nodes: &Vec<String>) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        who.may(OrganizationAction::ForgetCluster)?;
        let live = on.credentials.iter().filter(|it| it.state.is_live());
        let ends = live.map(|it| on.end_of(it, "the cluster was forgotten"));
        let remove = Effect::RemoveCluster {
            cluster: on.cluster.id,
        };
        let left_behind = [left_behind(on), on_nodes.clone()].concat();
        let notes = left_behind.iter().map(|it| format!("leave behind: {it}"));
        Ok(Decision {
            effects: ends.chain([remove]).collect(),
            detail: "forget, without asking it".to_owned(),
            notes: notes.collect(),
            remarks: vec![description(&left_behind).into()],
            ..Decision::default()
        })
    }
}

/// What stays on a cluster that is not asked, in words.
fn left_behind(on: &ClusterSnapshot) -> Vec<String> {
    let cluster = &on.cluster;
    let mut left: Vec<String> = on
        .credentials
        .iter()
        .map(|credential| {
            let user = &credential.owner;
            format!(
                "account {}/{} (version {} of '{user}'), whose tokens may work until they end",
                credential.account.home().namespace(),
                credential.account.label(),
                credential.version
            )
        })
        .collect();
    left.push(format!(
        "account {NAMESPACE}/{} and the bindings {}, {} and {}",
        cluster.manager,
        binding_name(&on.installation, "manager"),
        binding_name(&on.installation, "view"),
        binding_name(&on.installation, "cluster-admin"),
    ));
    if let Some(issuer) = &cluster.issuer {
        left.push(format!(
            "account {NAMESPACE}/{}, the bindings {} and namespace {USERS_NAMESPACE}",
            issuer.account,
            binding_name(&on.installation, "issuer"),
        ));
    }
    let former = on.former.iter().map(|account| &account.name);
    let former = former.filter(|name| **name != cluster.manager);
    left.extend(former.map(|name| format!("account {NAMESPACE}/{name}")));
    let named = |place: &Place, list: String| match place {
        None => format!("the binding {list}"),
        Some(namespace) => format!("the binding {list} in namespace '{namespace}'"),
    };
    let mut lists = BTreeSet::new();
    for it in on.credentials.iter() {
        if it.shard != Shard::FIRST {
            let level = |role| named(&None, list_name(&on.installation, role, it.shard));
            lists.extend(["view", "cluster-admin"].map(level));
        }
    }
    for binding in &on.bindings {
        let live = on.live_of(binding.user).map(|it| it.shard);
        for shard in live.chain([Shard::FIRST]) {
            let list = binding.bound.list_name(&on.installation, shard);
            lists.insert(named(&binding.bound.place, list));
        }
    }
    left.extend(lists);
    left
}

/// Forgets a cluster that is gone for good, without asking it.
pub(crate) async fn forget(
    session: &Session,
    change: &Forget,
    intent: &Intent,
) -> Result<Done<Removed>, Error> {
    let done = change::run(session, change, intent).await?;
    Ok(done.map(|done| {
        let on = done.before.only().ok();
        let here = on.map(left_behind).unwrap_or_default();
        Removed {
            cluster: change.cluster.clone(),
            ended: on.map_or(0, |on| on.credentials.len()),
            left_behind: [here, done.seen].concat(),
            forgotten: true,
        }
    }))
}
