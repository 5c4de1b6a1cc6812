//! What is pending, and what was done although it could not be recorded.

use std::collections::BTreeSet;

use super::snapshot::{self as state, snapshot};
use super::{Depth, run_on};
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, FormerManager, Issuer};
use crate::domain::credential::{Credential, CredentialId, State};
use crate::domain::shard::Shard;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::text;
use crate::domain::user::UserId;
use crate::kubernetes::issuer;
use crate::ops::journal::Journal;
use crate::ops::{Error, Pending};
use crate::session::{App, Session};
use crate::store;

/// Ends versions on their clusters although the store cannot record it: its disk is full, and taking
/// away cannot wait. The accounts are deleted there, so that no token of theirs works again, also
/// where a later run that still takes them for live makes them anew. The snapshots are as they would
/// be after the change. Always gives the error to say: that it is true there and not recorded, or,
/// where one cluster still lets somebody in, why nothing was recorded.
pub(in crate::ops) async fn end_without_record(
    session: &Session,
    what: String,
    after: &[ClusterSnapshot],
    ending: &BTreeSet<CredentialId>,
    refused: store::Error,
) -> Error {
    if !refused.is_storage() {
        return refused.into();
    }
    let mut ended = Vec::new();
    for on in after {
        let mut theirs = on.credentials.iter().filter(|it| ending.contains(&it.id));
        if theirs.next().is_none() {
            continue;
        }
        let connected = session.connect_to_take(&on.cluster, &on.installation).await;
        let Ok((connection, _)) = connected else {
            return refused.into();
        };
        let gone = connection
            .take(&state::ended(on), &on.desired())
            .await
            .ended;
        let mut theirs = on.credentials.iter().filter(|it| ending.contains(&it.id));
        if !theirs.all(|it| gone.contains(&it.id)) {
            return refused.into();
        }
        ended.push(format!("cluster '{}'", on.cluster.name));
    }
    if ended.is_empty() {
        return refused.into();
    }
    Error::EndedUnrecorded {
        what,
        on: ended.join(" and "),
        source: Box::new(refused),
    }
}

/// Makes a new cluster hold what is pending on it, if anything is; gives what stays so.
pub(in crate::ops) async fn if_pending(
    session: &Session,
    cluster: &Cluster,
    journal: &Journal,
) -> Result<Vec<Pending>, Error> {
    let on = session.store()?.read(|tx| snapshot(tx, cluster.id))?;
    if !on.is_pending() {
        return Ok(vec![]);
    }
    let done = async {
        let connection = session.connect(cluster, &on.installation).await?;
        let depth = Depth::Pending;
        let run = run_on(session, cluster, connection, journal, None, depth);
        Box::pin(run).await?.trouble.map_or(Ok(()), Err)
    };
    match done.await {
        Ok(()) => Ok(vec![]),
        Err(error) => record_pending(session, cluster, journal, None, &error),
    }
}

/// Says what is pending on a cluster, and records why it is.
pub(in crate::ops) fn record_pending(
    app: &App,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<EventSeq>,
    error: &Error,
) -> Result<Vec<Pending>, Error> {
    let snapshot = app.store()?.read(|tx| snapshot(tx, cluster.id))?;
    let why = text::chain(error);
    let journal = journal.clone().cluster(cluster);
    // If even this cannot be recorded, what is pending stands itself: it was recorded before.
    let _unrecorded = journal.record_alone(app, Phase::Pending, why.clone(), request);
    Ok(because(pending_on(cluster, &snapshot), &why))
}

/// Says what is pending on a cluster, and why, where that is on record already.
pub(in crate::ops) fn pending_because(
    app: &App,
    cluster: &Cluster,
    error: &Error,
) -> Result<Vec<Pending>, Error> {
    let snapshot = app.store()?.read(|tx| snapshot(tx, cluster.id))?;
    Ok(because(pending_on(cluster, &snapshot), &text::chain(error)))
}

/// What is pending, with the one reason of all of it.
pub(in crate::ops) fn because(pending: Vec<Pending>, why: &str) -> Vec<Pending> {
    let why = Some(why.to_owned());
    pending
        .into_iter()
        .map(|item| Pending {
            why: why.clone(),
            ..item
        })
        .collect()
}

/// What is pending on a cluster, as the store says.
pub(in crate::ops) fn pending_on(cluster: &Cluster, snapshot: &ClusterSnapshot) -> Vec<Pending> {
    let access = pending_access(cluster, snapshot, |_| true, |_| true);
    access
        .into_iter()
        .chain(pending_settings(cluster, snapshot))
        .collect()
}

/// What is pending of some credentials and of the bindings of some users.
pub(in crate::ops) fn pending_access(
    cluster: &Cluster,
    snapshot: &ClusterSnapshot,
    credentials: impl Fn(&Credential) -> bool,
    bound: impl Fn(UserId) -> bool,
) -> Vec<Pending> {
    let bindings = snapshot.bindings.iter();
    let bindings = bindings.filter(|binding| binding.is_pending && bound(binding.user));
    let bindings = bindings.map(|binding| {
        let user = snapshot.people.users.get(&binding.user);
        let user = user.map(|user| user.name.to_string()).unwrap_or_default();
        let bound = &binding.bound;
        Pending {
            cluster: cluster.name.clone(),
            what: if binding.is_removed {
                format!("unbinding of {bound} from '{user}' is pending")
            } else {
                format!("binding of {bound} to '{user}' is pending")
            },
            why: None,
            until: None,
        }
    });
    snapshot
        .credentials
        .iter()
        .filter(|credential| credential.state.awaits_cluster() && credentials(credential))
        .map(|credential| {
            let user = &credential.owner;
            let version = credential.version;
            let revoking = credential.state == State::Revoking;
            Pending {
                cluster: cluster.name.clone(),
                what: if revoking {
                    format!("revocation of version {version} of '{user}' is pending")
                } else {
                    format!("version {version} of '{user}' is pending")
                },
                why: None,
                until: credential.tokens_end_at().filter(|_| revoking),
            }
        })
        .chain(bindings)
        .collect()
}

/// What is pending of a cluster's settings, its login and its lifecycle.
fn pending_settings(
    cluster: &Cluster,
    snapshot: &ClusterSnapshot,
) -> impl Iterator<Item = Pending> {
    let older = snapshot.older_logins.then(|| older_logins(cluster, None));
    let former = former_managers(cluster, &snapshot.former);
    let deletion = cluster.deleting_at.map(|_| Pending {
        cluster: cluster.name.clone(),
        what: "its deletion is pending".to_owned(),
        why: None,
        until: None,
    });
    let has_lists = |it: &Credential| it.shard != Shard::FIRST;
    let reach = snapshot.reach_pending.then(|| Pending {
        cluster: cluster.name.clone(),
        what: if snapshot.credentials.iter().any(has_lists) {
            "the change of where write reaches, or of who is on which list, is pending"
        } else {
            "the change of where write reaches is pending"
        }
        .to_owned(),
        why: None,
        until: None,
    });
    let orphans = snapshot.orphans_pending.then(|| Pending {
        cluster: cluster.name.clone(),
        what: "what was issued after the backup that was restored, or by another copy of the \
               store, may still be there"
            .to_owned(),
        why: None,
        until: None,
    });
    reach
        .into_iter()
        .chain(older)
        .chain(former)
        .chain(orphans)
        .chain(deletion)
}

/// Whose an account was that is ours and no version's.
fn whose(account: &str) -> &'static str {
    if issuer::is_account_name(account) {
        "the issuer's"
    } else {
        "the manager's"
    }
}

/// The accounts that were the manager's, or the issuer's, and were not seen to be gone.
pub(in crate::ops) fn former_managers(cluster: &Cluster, former: &[FormerManager]) -> Vec<Pending> {
    let item = |account: &FormerManager| Pending {
        cluster: cluster.name.clone(),
        what: {
            let name = &account.name;
            let is_issuer = |it: &Issuer| it.account == *name;
            if *name == cluster.manager {
                "the manager's account is to be replaced, and is not yet".to_owned()
            } else if cluster.issuer.as_ref().is_some_and(is_issuer) {
                "the issuer's account is to be replaced, and is not yet".to_owned()
            } else {
                let whose = whose(name);
                format!("account '{name}', once {whose}, may still be there")
            }
        },
        why: None,
        until: None,
    };
    former.iter().map(item).collect()
}

/// The what is pending of a login that was renewed, while the ones before it were not seen to end.
pub(in crate::ops) fn older_logins(cluster: &Cluster, why: Option<String>) -> Pending {
    Pending {
        cluster: cluster.name.clone(),
        what: "older logins of the manager may still work".to_owned(),
        why,
        until: None,
    }
}

/// Records that the stored login is the manager's only one.
pub(in crate::ops) fn no_older_logins(
    app: &App,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<EventSeq>,
) -> store::Result<()> {
    app.store()?.write(|tx| {
        if store::clusters::has_older_logins(tx, cluster.id)? {
            store::clusters::clear_older_logins(tx, cluster.id)?;
            let journal = journal.clone().cluster(cluster);
            let detail = "older logins of the manager are gone";
            journal.record(app, tx, Phase::Done, detail, request)?;
        }
        Ok(())
    })
}
