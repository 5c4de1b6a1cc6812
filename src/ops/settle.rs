//! Settling a cluster: ending what must end, converging, and recording what was seen to be true.

mod debt;
mod pay;
mod picture;
mod recorded;
mod vanished;

pub(super) use pay::{pay, pay_or_take, pay_taking};
pub(super) use picture::{Picture, picture};
pub(super) use vanished::{ACCOUNT_DELETED, step_words};

pub(super) use debt::{
    access_debts, chain, debts, end_all_unrecorded, end_unrecorded, former_managers,
    no_older_logins, older_logins, owed,
};

use self::picture::users;
use self::recorded::{learn_versions, record_outcome};
use self::vanished::{Vanished, end_vanished};
use super::journal::Journal;
use super::project::shared;
use super::{Ended, Error, find, manager};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::access;
use crate::domain::audit::{EventSeq, Head, Phase};
use crate::domain::clock::Clocks;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, State, Subject};
use crate::domain::plan::{self, Desired, Object, Plan};
use crate::domain::user::{User, UserId};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::converge::{self, Converged};
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::observe::{Look, Seen};
use crate::kubernetes::take::Taken;
use crate::session::{Lock, Session};
use crate::store::{self, ReadTxn, WriteTxn};

/// Decides the end of every live version whose user no longer has what it carries.
///
/// Called in the same transaction as the change that may cause it, so that there is no moment at
/// which the store claims less than it decided.
pub(super) fn end_what_must(
    session: &Session,
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<EventSeq>,
) -> store::Result<Vec<Credential>> {
    // The record as this transaction sees it: the caller's may be older than its lock.
    let found = store::clusters::find(tx, &cluster.name)?;
    let cluster = found.as_ref().unwrap_or(cluster);
    let picture = picture(tx, cluster.id)?;
    let mut ended = Vec::new();
    for credential in &picture.credentials {
        if let Some(because) = why_it_ends_now(session, tx, cluster, &picture.users, credential)? {
            end(session, tx, credential, because, journal, request)?;
            shared::go_on(session, tx, cluster, credential, journal, request)?;
            ended.push(credential.clone());
        }
    }
    Ok(ended)
}

/// Whether [`end_what_must`] would find anything.
pub(super) fn any_must_end(
    session: &Session,
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
) -> store::Result<bool> {
    let users = users(tx)?;
    for credential in store::credentials::unfinished(tx, cluster.id)? {
        if why_it_ends_now(session, tx, cluster, &users, &credential)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// [`why_it_must_end`], but by time only where the cluster was asked what time it is, and says the
/// same as this machine: what a wrong clock ends does not come back.
fn why_it_ends_now(
    session: &Session,
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    users: &BTreeMap<UserId, User>,
    credential: &Credential,
) -> store::Result<Option<&'static str>> {
    let because = why_it_must_end(session, tx, cluster, users, credential)?;
    let clocks = session.clocks(cluster);
    if because.is_none() || clocks.is_some_and(Clocks::agree) {
        return Ok(because);
    }
    let Some(user) = credential.subject.user().and_then(|user| users.get(&user)) else {
        return Ok(because);
    };
    let grant = store::grants::find(tx, cluster.id, user.id)?;
    let timeless = access::effective(user, cluster, grant.as_ref(), Timestamp::MIN_UTC);
    let bound = store::bindings::any(tx, cluster.id, user.id)?;
    let is_shells_end = credential.is_shell()
        && credential.state.is_live()
        && (store::blocks::contains(tx, cluster.id, user.id)?
            || !session.shell_lives(&credential.account));
    if is_shells_end
        || credential
            .must_end(timeless.or_bound(user, bound))
            .is_some()
    {
        return Ok(because);
    }
    if clocks.is_some() {
        session.note_kept();
    }
    Ok(None)
}

/// Why a credential must end now; `None` while its subject has what it carries.
pub(super) fn why_it_must_end(
    session: &Session,
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    users: &BTreeMap<UserId, User>,
    credential: &Credential,
) -> store::Result<Option<&'static str>> {
    if let Subject::Shared { project, level } = credential.subject {
        return shared::why_it_must_end(tx, cluster, users, credential, (project, level));
    }
    let Some(user) = credential.subject.user().and_then(|user| users.get(&user)) else {
        return Ok(None);
    };
    let access = find::access_of(tx, session, user, cluster)?;
    let because = credential.must_end(access);
    if because.is_some() || !credential.is_shell() || !credential.state.is_live() {
        return Ok(because);
    }
    // A shell lives as long as the process that began it, and its time at most.
    Ok(if store::blocks::contains(tx, cluster.id, user.id)? {
        Some("revoked by an admin")
    } else if credential.until.is_some_and(|until| until <= session.now()) {
        Some("the shell's time is over")
    } else if !session.shell_lives(&credential.account) {
        Some("the shell is gone")
    } else {
        None
    })
}

/// Decides the end of one version, with its event.
pub(super) fn end(
    session: &Session,
    tx: &WriteTxn<'_>,
    credential: &Credential,
    because: &str,
    journal: &Journal,
    request: Option<EventSeq>,
) -> store::Result<()> {
    if store::credentials::end(tx, credential.id, because, session.now())? {
        let user = &credential.owner;
        let detail = format!("version {} of '{user}' ends: {because}", credential.version);
        let journal = journal.clone().user_name(user);
        journal.record(session, tx, Phase::Requested, detail, request)?;
    }
    Ok(())
}

/// What settling a cluster came to.
#[derive(Debug)]
pub(super) struct Settled {
    /// Versions that were seen to be gone.
    pub(super) ended: Vec<Credential>,
    /// What was changed on the cluster, in words.
    pub(super) changed: Vec<String>,
    /// What people should know beside, a sentence each.
    pub(super) notes: Vec<String>,
    /// Why something that the store asks for is still pending; everything else is as it should be.
    pub(super) trouble: Option<Error>,
    /// The connection, for what follows.
    pub(super) connection: Connection,
}

/// How much a settling does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// What is pending; where that is only to be taken away, nothing is listed.
    Pending,
    /// Everything: what others changed is seen, and put right.
    Whole,
}

/// The longest that one settling may work on a cluster, so that a slow API server keeps nobody
/// else from it: half of what others wait for its lock.
const SETTLE_BUDGET: Duration = Duration::from_mins(1);

/// Makes a cluster hold what the store says, and records what was seen to be true.
///
/// The caller holds the cluster's lock from before it read the store. Where the cluster knows a
/// newer store, what must end still ends; then the distrust is the error.
pub(super) async fn settle(
    session: &Session,
    cluster: &Cluster,
    _lock: &Lock,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Settled, Error> {
    let installation = find::installation(session)?;
    // The caller may have read the record before it had the lock: a slow process must not bring
    // back an address, an owner or a reach of write that another one took away.
    let cluster = &find::again(session, cluster)?;
    let (connection, distrust) = session.connect_to_take(cluster, &installation).await?;
    let Some(distrust) = distrust else {
        return settle_on(
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
    let (picture, _) = decide_ends(session, cluster, journal, request)?;
    let taken = connection
        .take(&picture.ended(), &picture.desired(cluster))
        .await;
    record(session, cluster, (&picture, &taken, None), journal, request)?;
    Err(distrust.into())
}

/// Decides what must end by itself, and gives what the store says then.
fn decide_ends(
    session: &Session,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<(Picture, Option<Head>), Error> {
    let must_end = session
        .store()?
        .read(|tx| any_must_end(session, tx, cluster))?;
    if must_end {
        session
            .store()?
            .write(|tx| end_what_must(session, tx, cluster, journal, request))?;
    }
    Ok(session.store()?.read(|tx| {
        let picture = picture(tx, cluster.id)?;
        Ok::<_, store::Error>((picture, store::audit::head(tx)?))
    })?)
}

/// [`settle`] over a connection that is there already.
pub(super) async fn settle_on(
    session: &Session,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: Option<EventSeq>,
    depth: Depth,
) -> Result<Settled, Error> {
    let journal = &journal.clone().cluster(cluster);
    let (picture, head) = decide_ends(session, cluster, journal, request)?;
    let started = tokio::time::Instant::now();
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let desired = picture.desired(cluster);
    // Beside the work, not before it: a witness that cannot be told delays no revocation.
    let head = head.filter(|_| picture.owes() || request.is_some());
    let witness = Box::pin(async {
        match &head {
            Some(head) => connection.witness(head).await,
            None => Ok(()),
        }
    });
    let take = Box::pin(async {
        let ended = picture.ended();
        let taking = connection.take(&ended, &desired);
        match tokio::time::timeout(SETTLE_BUDGET, taking).await {
            Ok(taken) => taken,
            Err(_) => Taken {
                failures: vec![out_of_time()],
                ..Taken::default()
            },
        }
    });
    let work = async {
        let taken = take.await;
        let is_done = depth == Depth::Pending && picture.only_takes() && taken.failures.is_empty();
        if is_done {
            return (taken, Ok(Given::default()));
        }
        let left = SETTLE_BUDGET.saturating_sub(started.elapsed());
        let whole = Box::pin(give(
            session,
            cluster,
            &connection,
            (&picture, &desired),
            (journal, request),
        ));
        let given = match tokio::time::timeout(left, whole).await {
            Ok(given) => given,
            Err(_) => Err(failed(out_of_time())),
        };
        (taken, given)
    };
    let ((mut taken, given), _told) = futures::join!(work, witness);
    let (converged, vanished, mut trouble) = match given {
        Ok(given) => (Some(given.converged), given.vanished, None),
        Err(error) => (None, None, Some(error)),
    };
    let picture = match vanished {
        Some(vanished) => {
            taken.extend(vanished.taken);
            vanished.picture
        }
        None => picture,
    };
    let outcome = (&picture, &taken, converged.as_ref());
    let ended = record(session, cluster, outcome, journal, request)?;
    if depth == Depth::Pending && !picture.former.is_empty() {
        // What fails of it stays pending, and is not this command's matter.
        let _gone = manager::end_former(session, cluster, &connection, journal, request).await;
    }
    let mut notes = taken.notes;
    let mut changed: Vec<String> = taken.changed.iter().map(ToString::to_string).collect();
    let mut failures = taken.failures.into_iter();
    if let Some(converged) = converged {
        changed.extend(converged.changed.iter().map(ToString::to_string));
        let (left_out, others) = sort_refused(converged, &picture);
        notes.extend(left_out);
        trouble = trouble.or_else(|| others.into_iter().next().map(failed));
    }
    if trouble.is_none() {
        let pending = session
            .store()?
            .read(|tx| self::picture(tx, cluster.id))?
            .owes();
        trouble = failures.find(|_| pending).map(failed);
    }
    Ok(Settled {
        ended,
        changed,
        notes,
        trouble,
        connection,
    })
}

/// What was refused: where write does not reach, a sentence each, and the rest.
fn sort_refused(converged: Converged, picture: &Picture) -> (Vec<String>, Vec<ClusterError>) {
    let (mut left_out, mut others) = (Vec::new(), Vec::new());
    for (object, error) in converged.refused {
        match object {
            // A namespace that refuses is that namespace's matter: write does not reach it.
            Object::Binding(Some(namespace), name)
                if name == plan::binding_name(&picture.installation, "edit") =>
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

fn out_of_time() -> ClusterError {
    ClusterError::unsettled(&format!(
        "the cluster did not answer all that was asked within {} s",
        SETTLE_BUDGET.as_secs()
    ))
}

/// What came of giving.
#[derive(Default)]
struct Given {
    converged: Converged,
    vanished: Option<Vanished>,
}

/// Observes, ends what lost its account, and makes the cluster hold the rest of what the store says.
async fn give(
    session: &Session,
    cluster: &Cluster,
    connection: &Connection,
    (picture, desired): (&Picture, &Desired),
    (journal, request): (&Journal, Option<EventSeq>),
) -> Result<Given, Error> {
    if picture.orphans_owed {
        Box::pin(learn_versions(
            session,
            cluster,
            connection,
            (journal, request),
        ))
        .await?;
    }
    // One that is being deleted may have taken it along.
    if cluster.deleting_at.is_none() {
        let standing = connection.must_have_namespace();
        standing.map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })?;
    }
    let look = look_for(desired, cluster);
    let stood = (picture, &look);
    let vanished = end_vanished(session, cluster, connection, stood, (journal, request));
    let vanished = Box::pin(vanished).await?;
    let after = vanished.as_ref().map(|it| it.picture.desired(cluster));
    let desired = after.as_ref().unwrap_or(desired);
    let look = look_for(desired, cluster);
    let converged = converge::converge(connection, desired, &look).await;
    match converged {
        Ok(converged) => Ok(Given {
            converged,
            vanished,
        }),
        Err(source) => Err(Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        }),
    }
}

/// What must be seen of a cluster that is to hold this.
fn look_for<'a>(desired: &Desired, cluster: &'a Cluster) -> Look<'a> {
    Look {
        with_write: desired.has_writers(),
        with_places: desired.has_places(),
        cluster: Some(cluster),
    }
}

/// Records what was seen, if there is anything: a look at a settled cluster costs no disk write.
fn record(
    session: &Session,
    cluster: &Cluster,
    (picture, taken, converged): (&Picture, &Taken, Option<&Converged>),
    journal: &Journal,
    request: Option<EventSeq>,
) -> Result<Vec<Credential>, Error> {
    let stale = cluster
        .reached_at
        .is_none_or(|at| (session.now() - at).num_seconds() >= 60);
    if !picture.owes() && !stale {
        return Ok(vec![]);
    }
    let seen = (picture, taken, converged);
    let recorded = session
        .store()?
        .write(|tx| record_outcome(session, tx, cluster, seen, journal, request));
    Ok(recorded?)
}

impl Settled {
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

/// What a converge would change on a cluster; reads only.
pub(super) async fn preview(
    session: &Session,
    cluster: &Cluster,
    change: impl FnOnce(&mut Picture),
) -> Result<(Seen, Plan), Error> {
    let mut picture = session.store()?.read(|tx| picture(tx, cluster.id))?;
    let connection = session.connect(cluster, &picture.installation).await?;
    // What must end by itself does so in the preview too.
    let users = &picture.users;
    session.store()?.read(|tx| {
        for credential in &mut picture.credentials {
            if why_it_ends_now(session, tx, cluster, users, credential)?.is_some() {
                credential.state = State::Revoking;
            }
        }
        Ok::<_, store::Error>(())
    })?;
    change(&mut picture);
    let desired = picture.desired(cluster);
    let look = look_for(&desired, cluster);
    converge::preview(&connection, &desired, &look)
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
}
