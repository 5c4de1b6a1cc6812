//! `cluster delete`: everything of ours leaves the cluster, verified, before its login goes.

use std::collections::BTreeSet;

use super::commit::Question;
use super::journal::Journal;
use super::{Done, Error, Mode, find, manager, settle, ssh_key};
use crate::domain::Confirmed;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, ManagerKind};
use crate::domain::name::ClusterName;
use crate::domain::plan::{NAMESPACE, binding_name};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::text;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::uninstall::perhaps_last;
use crate::session::{self, Session};
use crate::store::{self, WriteTxn};

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
    let actor = find::actor(session, "cluster delete")?;
    let journal = Journal::new(&actor, "cluster delete");
    find::cluster(session, &actor, &journal, name, ClusterAction::Delete).map(drop)
}

/// Removes everything of ours from a cluster, and the cluster from view.
pub(crate) async fn delete(
    session: &Session,
    name: &ClusterName,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Removed>, Error> {
    let actor = find::actor(session, "cluster delete")?;
    let journal = Journal::new(&actor, "cluster delete");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Delete)?;
    let question = Question {
        command: "cluster delete",
        action: ClusterAction::Delete,
        also: None,
        cluster: &found.cluster,
    };
    // Asked under the lock: another delete may have come first.
    let (lock, cluster) = question.lock(session).await?;
    let journal = journal.cluster(&cluster);
    let snapshot = session
        .store()?
        .read(|tx| settle::snapshot(tx, cluster.id))?;
    if mode == Mode::Plan {
        let mut lines: Vec<String> = snapshot
            .credentials
            .iter()
            .filter(|credential| credential.state.is_live())
            .map(|credential| {
                let user = &credential.owner;
                format!("end version {} of '{user}'", credential.version)
            })
            .collect();
        lines.push(format!(
            "remove everything of ours from {}",
            cluster.address.server
        ));
        lines.push(format!("remove cluster '{name}' with its sealed login"));
        return Ok(Done::planned(lines));
    }
    let removed = go_on(session, &cluster, &snapshot, &journal, Some(&question)).await?;
    drop(lock);
    Ok(Done::Did(removed))
}

/// Deletes, or goes on where an earlier delete was cut off. The caller holds the cluster's lock.
///
/// `asked` is what decides it, asked again where it is recorded; to go on with what was decided
/// asks nobody.
pub(super) async fn go_on(
    session: &Session,
    cluster: &Cluster,
    snapshot: &ClusterSnapshot,
    journal: &Journal,
    asked: Option<&Question<'_>>,
) -> Result<Removed, Error> {
    // Where an earlier delete came so far that the manager is powerless, or gone, the end is all
    // that is missing.
    let was_deleting = cluster.deleting_at.is_some();
    // A manager that is refused proves only its own end. Whether the users' accounts went must
    // have been seen before, or a delete that never came so far would call them revoked.
    let all_ended = was_deleting && !snapshot.orphans_pending && {
        let unfinished = session
            .store()?
            .read(|tx| store::credentials::unfinished(tx, cluster.id))?;
        unfinished.is_empty()
    };
    let way = match session.connect(cluster, &snapshot.installation).await {
        Ok(connection) if all_ended => Way::GoOn(connection),
        Ok(connection) => Way::Leave(connection),
        Err(session::Error::Cluster { source, .. }) if all_ended && source.is_forbidden() => {
            Way::AwaitTheEnd(session.approach(cluster, &snapshot.installation)?)
        }
        Err(session::Error::Cluster { source, .. }) if all_ended && source.is_unauthorized() => {
            Way::CannotLook
        }
        Err(error) => return Err(error.into()),
    };
    let begin = |tx: &WriteTxn<'_>| {
        store::clusters::begin_delete(tx, cluster.id, session.now())?;
        let detail = format!("remove everything from {}", cluster.address.server);
        let request = journal.record(session, tx, Phase::Requested, detail, None)?;
        let live = snapshot.credentials.iter().filter(|it| it.state.is_live());
        let ends = live.map(|it| snapshot.end_of(it, "the cluster was deleted"));
        let ends: Vec<_> = ends.collect();
        settle::commit(session, tx, snapshot, &ends, journal, Some(request))?;
        Ok::<_, Error>(request)
    };
    let request = match asked {
        Some(question) => question.commit(session, |tx, _| begin(tx))?,
        None => session.store()?.write(begin)?,
    };
    let outcome = match way {
        Way::Leave(connection) => leave(session, cluster, connection, journal, request).await,
        Way::GoOn(connection) => {
            go_on_leaving(session, cluster, connection, journal, request).await
        }
        Way::AwaitTheEnd(connection) => await_the_end(cluster, &connection).await,
        Way::CannotLook => Ok(vec![perhaps_last(&snapshot.installation)]),
    };
    let outcome = match outcome {
        // The account went while this looked: an earlier delete had come as far.
        Err(Error::Cluster { source, .. }) if all_ended && source.is_unauthorized() => {
            Ok(vec![perhaps_last(&snapshot.installation)])
        }
        other => other,
    };
    let on_nodes = session
        .store()?
        .read(|tx| ssh_key::left_behind(tx, cluster))?;
    let left_behind = match outcome {
        Ok(behind) if !on_nodes.is_empty() => [behind, on_nodes].concat(),
        Ok(behind) => behind,
        Err(error) => {
            journal.record_alone(session, Phase::Owed, text::chain(&error), Some(request))?;
            return Err(Error::Owed {
                what: format!("the deletion of cluster '{}'", cluster.name),
                then: "",
                cluster: cluster.name.clone(),
                source: Box::new(error),
            });
        }
    };
    session
        .store()?
        .write(|tx| finish(session, tx, cluster, journal, request, &left_behind))?;
    Ok(Removed {
        cluster: cluster.name.clone(),
        ended: snapshot.credentials.len(),
        left_behind,
        forgotten: false,
    })
}

/// How far an earlier delete came.
enum Way {
    /// The manager has its power: everything is still to be done, or done again.
    Leave(Connection),
    /// The same, and all versions were seen to be gone.
    GoOn(Connection),
    /// The manager may do nothing any more: all went but, perhaps, its own account.
    AwaitTheEnd(Connection),
    /// The manager's login is refused.
    CannotLook,
}

/// Waits until the manager's account is gone; gives what is left, in words.
async fn await_the_end(cluster: &Cluster, connection: &Connection) -> Result<Vec<String>, Error> {
    let left = connection.await_the_end(&cluster.manager).await;
    Ok(left.map_err(|source| failed(cluster, source))?.behind)
}

/// Takes everything of ours off the cluster, verified; gives what is left, in words.
async fn leave(
    session: &Session,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: EventSeq,
) -> Result<Vec<String>, Error> {
    let settled = settle::settle_on(
        session,
        cluster,
        connection,
        journal,
        Some(request),
        settle::Depth::Whole,
    )
    .await?;
    if let Some(trouble) = settled.trouble {
        return Err(trouble);
    }
    // Those that were the manager's may stand there without our labels, in a namespace that stays.
    let connection = &settled.connection;
    manager::end_former(session, cluster, connection, journal, Some(request)).await?;
    uninstall(cluster, connection).await
}

/// The same where all versions were seen to be gone. Where the earlier delete was cut off while the
/// manager itself was leaving, to settle would take from it the power that it leaves with.
async fn go_on_leaving(
    session: &Session,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: EventSeq,
) -> Result<Vec<String>, Error> {
    let is_leaving = connection.is_leaving(&cluster.manager).await;
    if is_leaving.map_err(|source| failed(cluster, source))? {
        uninstall(cluster, &connection).await
    } else {
        leave(session, cluster, connection, journal, request).await
    }
}

async fn uninstall(cluster: &Cluster, connection: &Connection) -> Result<Vec<String>, Error> {
    let as_manager = cluster.manager_kind != ManagerKind::Operator;
    let left = connection.uninstall(&cluster.manager, as_manager).await;
    Ok(left.map_err(|source| failed(cluster, source))?.behind)
}

fn failed(cluster: &Cluster, source: ClusterError) -> Error {
    Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    }
}

/// Removes the record from view, with its secrets; gives how many versions ended with it.
fn finish(
    session: &Session,
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    journal: &Journal,
    request: EventSeq,
    left_behind: &[String],
) -> Result<usize, Error> {
    let now = session.now();
    let mut ended = 0;
    // What is still revoking here was on a cluster whose manager has proven to be gone.
    for credential in store::credentials::unfinished(tx, cluster.id)? {
        store::credentials::end(tx, credential.id, "the cluster was deleted", now)?;
        store::credentials::settle(tx, credential.id, now)?;
        ended += 1;
    }
    store::bindings::remove_all(tx, cluster.id, now)?;
    store::clusters::remove(tx, cluster.id, now)?;
    let detail = if left_behind.is_empty() {
        "nothing of ours is left on it".to_owned()
    } else {
        left_behind.join("; ")
    };
    journal.record(session, tx, Phase::Done, detail, Some(request))?;
    Ok(ended)
}

/// Forgets a cluster that is gone for good, without asking it. For organization owners.
pub(crate) async fn forget(
    session: &Session,
    name: &ClusterName,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Removed>, Error> {
    let actor = find::actor(session, "cluster delete --forget")?;
    let journal = Journal::new(&actor, "cluster delete --forget");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Delete)?;
    find::allow(session, &actor, &journal, OrganizationAction::ForgetCluster)?;
    let question = Question {
        command: "cluster delete --forget",
        action: ClusterAction::Delete,
        also: Some(OrganizationAction::ForgetCluster),
        cluster: &found.cluster,
    };
    // Under the lock: what another command is about to make there would be left out of the list.
    let (_lock, cluster) = question.lock(session).await?;
    let journal = journal.cluster(&cluster);
    let snapshot = session
        .store()?
        .read(|tx| settle::snapshot(tx, cluster.id))?;
    let mut left_behind: Vec<String> = snapshot
        .credentials
        .iter()
        .map(|credential| {
            let user = &credential.owner;
            format!(
                "account {NAMESPACE}/{} (version {} of '{user}'), whose tokens may work until they end",
                credential.account, credential.version
            )
        })
        .collect();
    left_behind.extend(
        session
            .store()?
            .read(|tx| ssh_key::left_behind(tx, &cluster))?,
    );
    left_behind.push(format!(
        "account {NAMESPACE}/{} and the bindings {}, {} and {}",
        cluster.manager,
        binding_name(&snapshot.installation, "manager"),
        binding_name(&snapshot.installation, "view"),
        binding_name(&snapshot.installation, "cluster-admin"),
    ));
    let former = snapshot.former.iter().map(|account| &account.name);
    let former = former.filter(|name| **name != cluster.manager);
    left_behind.extend(former.map(|name| format!("account {NAMESPACE}/{name}")));
    let lists: BTreeSet<String> = snapshot
        .bindings
        .iter()
        .map(|binding| {
            let list = binding.bound.list_name(&snapshot.installation);
            match &binding.bound.place {
                None => format!("the binding {list}"),
                Some(namespace) => format!("the binding {list} in namespace '{namespace}'"),
            }
        })
        .collect();
    left_behind.extend(lists);
    if mode == Mode::Plan {
        let mut lines = vec![format!("forget cluster '{name}' without asking it")];
        lines.extend(left_behind.iter().map(|it| format!("leave behind: {it}")));
        return Ok(Done::planned(lines));
    }
    let ended = question.commit(session, |tx, cluster| {
        let request = journal.record(session, tx, Phase::Requested, "forget", None)?;
        finish(session, tx, cluster, &journal, request, &left_behind)
    })?;
    Ok(Done::Did(Removed {
        cluster: name.clone(),
        ended,
        left_behind,
        forgotten: true,
    }))
}
