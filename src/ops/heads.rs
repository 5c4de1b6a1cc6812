//! The heads of the audit log on the clusters, written anew when an owner accepted the store.

use std::time::Duration;

use futures::{StreamExt, stream};

use super::{Error, find};
use crate::domain::action::Action;
use crate::domain::audit::{Head, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::domain::policy::OrganizationAction;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::witness::Found;
use crate::session::{CLUSTERS_AT_ONCE, Session};
use crate::store;

/// How long one of them is waited for.
const ASK_MAX: Duration = Duration::from_secs(10);

/// Lets every cluster that can be reached hold the head of the store that was accepted, whatever
/// it holds: of another copy of the store, or of somebody who knew its manager's login.
pub(crate) async fn overwrite(session: &Session) -> Result<(), Error> {
    let action = Action::AuditAccept;
    let (actor, journal) = find::acting(session, action)?;
    find::may(session, &actor, &journal, OrganizationAction::Restore)?;
    let clusters = session.store()?.read(store::clusters::list)?;
    let installation = find::installation(session)?;
    let asked = clusters.iter().map(|cluster| {
        let asking = Box::pin(ask(session, cluster, &installation));
        async { tokio::time::timeout(ASK_MAX, asking).await.ok().flatten() }
    });
    let answers: Vec<_> = stream::iter(asked)
        .buffer_unordered(CLUSTERS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    // An epoch that another copy began later would go for the newest for ever.
    let newest = answers.iter().filter_map(|(_, head)| head.as_ref());
    if let Some(newest) = newest.max_by_key(|head| head.epoch) {
        let own = session.store()?.read(store::audit::head)?;
        if own.is_none_or(|own| own.epoch <= newest.epoch && own != *newest) {
            session.store()?.write(|tx| {
                store::audit::begin_epoch(tx, session.now(), Some(newest))?;
                let detail = "what the clusters knew of the log is superseded";
                journal.record(session, tx, Phase::Done, detail, None)
            })?;
        }
    }
    if let Some(head) = session.store()?.read(store::audit::head)? {
        let told = answers
            .iter()
            .map(|(connection, _)| connection.witness(&head));
        let _told = futures::future::join_all(told).await;
    }
    Ok(())
}

/// Connects to a cluster without being stopped by what it knows; nothing where it is away, or not
/// the one that was registered.
async fn ask(
    session: &Session,
    cluster: &Cluster,
    installation: &InstallationId,
) -> Option<(Connection, Option<Head>)> {
    let connection = session.approach(cluster, installation).ok()?;
    let pins = connection.pins(&cluster.kube_system_uid).await.ok()?;
    if pins.cluster_uid != cluster.kube_system_uid {
        return None;
    }
    let head = match pins.head {
        Some(Found::Proven(head)) if head.is_believed_at(session.now()) => Some(head),
        _ => None,
    };
    Some((connection, head))
}
