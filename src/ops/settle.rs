//! Settling a cluster: ending what must end, converging, and recording what was seen to be true.

mod debt;

pub(super) use debt::{chain, debts, end_all_unrecorded, end_unrecorded, older_logins, owed};

use std::collections::{BTreeMap, BTreeSet};

use super::journal::Journal;
use super::project::shared;
use super::{Applied, Ended, Error, find};
use crate::domain::Timestamp;
use crate::domain::access;
use crate::domain::audit::Phase;
use crate::domain::binding::{Binding, Bound};
use crate::domain::clock::Clocks;
use crate::domain::cluster::{Cluster, ClusterId, WriteScope};
use crate::domain::credential::{Credential, CredentialId, State, Subject};
use crate::domain::plan::{self, Desired, Plan};
use crate::domain::project::ProjectId;
use crate::domain::user::{User, UserId};
use crate::kubernetes::connection::{Connection, Look, Seen};
use crate::kubernetes::converge;
use crate::session::{Lock, Session};
use crate::store::{self, ReadTxn, WriteTxn};

/// What the store says of one cluster, read in one look.
#[derive(Debug)]
pub(super) struct Picture {
    /// This installation's id.
    pub(super) installation: String,
    /// Everything that is not revoked.
    pub(super) credentials: Vec<Credential>,
    /// Roles bound to users, and those unbound and not yet seen to be gone.
    pub(super) bindings: Vec<Binding>,
    /// Whether where write reaches was changed here and not yet seen on the cluster.
    pub(super) reach_owed: bool,
    /// Whether logins of the manager from before the stored one may still work.
    pub(super) older_logins: bool,
    /// Whether the cluster may hold what was issued after the backup that was restored.
    pub(super) orphans_owed: bool,
    /// All users.
    pub(super) users: BTreeMap<UserId, User>,
    /// The names of all projects.
    pub(super) projects: BTreeMap<ProjectId, String>,
    /// Shells that carry less than their user has: no bound role either.
    lowered: BTreeSet<CredentialId>,
}

impl Picture {
    /// Whose a credential is, for people: `alice`, `alice/shell` or `shop/read`.
    pub(super) fn owner(&self, credential: &Credential) -> String {
        let name = |user| {
            let found: Option<&User> = self.users.get(&user);
            found.map(|user| user.name.to_string()).unwrap_or_default()
        };
        match credential.subject {
            Subject::Personal(user) => name(user),
            Subject::Shell(user) => format!("{}/shell", name(user)),
            Subject::Shared { project, level } => {
                let name = self.projects.get(&project).map_or("", String::as_str);
                format!("{name}/{level}")
            }
        }
    }

    /// What the cluster should hold.
    pub(super) fn desired(&self, cluster: &Cluster) -> Desired {
        Desired {
            installation: self.installation.clone(),
            accounts: self
                .credentials
                .iter()
                .filter(|credential| credential.state.is_live())
                .map(|credential| plan::Account {
                    name: credential.account.clone(),
                    user: self.owner(credential),
                    credential: credential.id.0,
                    power: credential.power,
                })
                .collect(),
            bound: self.bound(),
            write_cluster_wide: cluster.write_scope == WriteScope::Cluster,
            keep: [cluster.manager.clone()].into(),
        }
    }

    /// The accounts that carry each bound role: every live one of the users who have it, shells
    /// as well as kubeconfigs; a shell that was wished for with less carries none.
    fn bound(&self) -> BTreeMap<Bound, BTreeSet<String>> {
        let mut lists: BTreeMap<Bound, BTreeSet<String>> = BTreeMap::new();
        for binding in self.bindings.iter().filter(|binding| !binding.is_removed) {
            for credential in &self.credentials {
                let has_it = credential.subject.user() == Some(binding.user);
                let carries = credential.state.is_live() && !self.lowered.contains(&credential.id);
                if has_it && carries {
                    let list = lists.entry(binding.bound.clone()).or_default();
                    list.insert(credential.account.clone());
                }
            }
        }
        lists
    }

    /// What was decided to end, to be seen to have.
    fn ended(&self) -> converge::Ended<'_> {
        let mut ended = converge::Ended::default();
        for credential in &self.credentials {
            let account = credential.account.as_str();
            let is_ending = credential.state == State::Revoking;
            if is_ending {
                ended.accounts.push((account, credential.id.0));
            }
            let bindings = self.bindings.iter();
            for binding in bindings.filter(|it| credential.subject.user() == Some(it.user)) {
                let again = |it: &Binding| {
                    !it.is_removed && it.user == binding.user && it.bound == binding.bound
                };
                if is_ending || (binding.is_removed && !self.bindings.iter().any(again)) {
                    ended.bound.push((account, &binding.bound));
                }
            }
        }
        ended
    }

    fn owes(&self) -> bool {
        self.credentials
            .iter()
            .any(|credential| credential.state.is_debt())
            || self.bindings.iter().any(|binding| binding.is_owed)
            || self.reach_owed
            || self.orphans_owed
    }
}

/// Reads what the store says of one cluster.
pub(super) fn picture(tx: &ReadTxn<'_>, cluster: ClusterId) -> store::Result<Picture> {
    let credentials = store::credentials::unfinished(tx, cluster)?;
    Ok(Picture {
        installation: store::meta::find(tx, store::meta::INSTALLATION)?.unwrap_or_default(),
        lowered: lowered(tx, cluster, &credentials)?,
        credentials,
        bindings: store::bindings::unfinished(tx, cluster)?,
        reach_owed: store::clusters::owes_reach(tx, cluster)?,
        older_logins: store::clusters::has_older_logins(tx, cluster)?,
        orphans_owed: store::clusters::owes_orphans(tx, cluster)?,
        users: users(tx)?,
        projects: store::projects::names(tx)?,
    })
}

/// The shells that carry less than their user has.
fn lowered(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
    credentials: &[Credential],
) -> store::Result<BTreeSet<CredentialId>> {
    let mut lowered = BTreeSet::new();
    let shells: Vec<&Credential> = credentials.iter().filter(|it| it.is_shell()).collect();
    if shells.is_empty() {
        return Ok(lowered);
    }
    let users = users(tx)?;
    let clusters = store::clusters::list(tx)?;
    let Some(cluster) = clusters.iter().find(|it| it.id == cluster) else {
        return Ok(lowered);
    };
    for shell in shells {
        let Some(user) = shell.subject.user().and_then(|user| users.get(&user)) else {
            continue;
        };
        // A grant that has ended ends the shell by another rule: here it counts as it was given.
        let grant = store::grants::find(tx, cluster.id, user.id)?;
        let access = access::effective(user, cluster, grant.as_ref(), Timestamp::MIN_UTC);
        if access.power() > Some(shell.power) {
            lowered.insert(shell.id);
        }
    }
    Ok(lowered)
}

fn users(tx: &ReadTxn<'_>) -> store::Result<BTreeMap<UserId, User>> {
    let users = store::users::list(tx)?.into_iter();
    Ok(users.map(|user| (user.id, user)).collect())
}

/// Decides the end of every live version whose user no longer has what it carries.
///
/// Called in the same transaction as the change that may cause it, so that there is no moment at
/// which the store claims less than it decided.
pub(super) fn end_what_must(
    session: &Session,
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    journal: &Journal,
    request: Option<i64>,
) -> store::Result<Vec<Credential>> {
    // The record as this transaction sees it: the caller's may be older than its lock.
    let found = store::clusters::find(tx, &cluster.name)?;
    let cluster = found.as_ref().unwrap_or(cluster);
    let picture = picture(tx, cluster.id)?;
    let mut ended = Vec::new();
    for credential in &picture.credentials {
        if let Some(because) = why_it_ends_now(session, tx, cluster, &picture.users, credential)? {
            end(session, tx, credential, &picture, because, journal, request)?;
            shared::go_on(
                session,
                tx,
                cluster,
                (credential, &picture),
                journal,
                request,
            )?;
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
    picture: &Picture,
    because: &str,
    journal: &Journal,
    request: Option<i64>,
) -> store::Result<()> {
    if store::credentials::end(tx, credential.id, because, session.now())? {
        let user = picture.owner(credential);
        let detail = format!("version {} of '{user}' ends: {because}", credential.version);
        let journal = journal.clone().user_name(&user);
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
    /// The connection, for what follows.
    pub(super) connection: Connection,
    /// The store's picture before.
    pub(super) picture: Picture,
}

/// Makes a cluster hold what the store says, and records what was seen to be true.
///
/// The caller holds the cluster's lock from before it read the store.
pub(super) async fn settle(
    session: &Session,
    cluster: &Cluster,
    _lock: &Lock,
    journal: &Journal,
    request: Option<i64>,
) -> Result<Settled, Error> {
    let installation = find::installation(session)?;
    // The caller may have read the record before it had the lock: a slow process must not bring
    // back an address, an owner or a reach of write that another one took away.
    let cluster = &find::again(session, cluster)?;
    let connection = session.connect(cluster, &installation).await?;
    settle_on(session, cluster, connection, journal, request).await
}

/// [`settle`] over a connection that is there already.
pub(super) async fn settle_on(
    session: &Session,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: Option<i64>,
) -> Result<Settled, Error> {
    let journal = &journal.clone().cluster(cluster);
    let must_end = session
        .store()?
        .read(|tx| any_must_end(session, tx, cluster))?;
    if must_end {
        session
            .store()?
            .write(|tx| end_what_must(session, tx, cluster, journal, request))?;
    }
    let picture = session.store()?.read(|tx| picture(tx, cluster.id))?;
    if picture.orphans_owed {
        Box::pin(learn_versions(session, cluster, &connection)).await?;
    }
    let desired = picture.desired(cluster);
    let look = Look {
        with_write: desired.has_writers(),
        with_places: desired.has_places(),
        held_back: &cluster.held_back,
    };
    // Beside the work, not before it: a witness that cannot be told delays no revocation.
    let head = session.store()?.read(store::audit::head)?;
    let head = head.filter(|_| picture.owes() || request.is_some());
    let witness = Box::pin(async {
        match &head {
            Some(head) => connection.witness(head).await,
            None => Ok(()),
        }
    });
    let ended = picture.ended();
    let converged = Box::pin(converge::converge(&connection, &desired, &look, &ended));
    let (converged, _told) = futures::join!(converged, witness);
    let converged = converged.map_err(|source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    })?;
    // A look at a settled cluster costs no disk write.
    let stale = cluster
        .reached_at
        .is_none_or(|at| (session.now() - at).num_seconds() >= 60);
    let ended = if picture.owes() || stale {
        session
            .store()?
            .write(|tx| record_outcome(session, tx, cluster, &picture, journal, request))?
    } else {
        vec![]
    };
    let changed = converged.changed.iter().map(ToString::to_string).collect();
    Ok(Settled {
        ended,
        changed,
        connection,
        picture,
    })
}

/// Records what was read back: pending versions are active, revoking ones revoked.
fn record_outcome(
    session: &Session,
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    picture: &Picture,
    journal: &Journal,
    request: Option<i64>,
) -> store::Result<Vec<Credential>> {
    let now = session.now();
    let mut ended = Vec::new();
    for credential in &picture.credentials {
        let user = picture.owner(credential);
        let journal = journal.clone().user_name(&user);
        let version = credential.version;
        match credential.state {
            State::Pending => {
                if store::credentials::activate(tx, credential.id, now)? {
                    let detail = format!("version {version} of '{user}' is on the cluster");
                    journal.record(session, tx, Phase::Done, detail, request)?;
                }
            }
            State::Revoking => {
                if store::credentials::settle(tx, credential.id, now)? {
                    if credential.is_shell() && !session.shell_lives(&credential.account) {
                        session.bury_shell(&credential.account);
                    }
                    let detail = format!(
                        "version {version} of '{user}' is gone, read back from the cluster"
                    );
                    journal.record(session, tx, Phase::Done, detail, request)?;
                    ended.push(credential.clone());
                }
            }
            State::Active | State::Revoked => {}
        }
    }
    for binding in picture.bindings.iter().filter(|binding| binding.is_owed) {
        store::bindings::settle(tx, binding)?;
    }
    if picture.reach_owed {
        store::clusters::settle_reach(tx, cluster.id)?;
    }
    if picture.orphans_owed {
        store::clusters::settle_orphans(tx, cluster.id)?;
        let detail = "nothing is left of what was issued after the backup".to_owned();
        journal.record(session, tx, Phase::Done, detail, request)?;
    }
    store::clusters::set_reached(tx, cluster.id, now)?;
    Ok(ended)
}

/// Notes the versions that a cluster holds and the store never heard of, before they are ended:
/// no number is used twice.
async fn learn_versions(
    session: &Session,
    cluster: &Cluster,
    connection: &Connection,
) -> Result<(), Error> {
    let held = connection.versions_held().await;
    let held = held.map_err(|source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    })?;
    session.store()?.write(|tx| {
        for (owner, version) in &held {
            store::credentials::raise_floor(tx, cluster.id, owner, *version)?;
        }
        Ok::<_, store::Error>(())
    })?;
    Ok(())
}

/// Settles a cluster after a decision was recorded; what cannot be done now is owed, never lost.
pub(super) async fn pay(
    session: &Session,
    cluster: &Cluster,
    lock: &Lock,
    journal: &Journal,
    request: Option<i64>,
) -> Result<Applied, Error> {
    let owes = session.store()?.read(|tx| picture(tx, cluster.id))?.owes();
    if !owes {
        return Ok(Applied::default());
    }
    match settle(session, cluster, lock, journal, request).await {
        Ok(settled) => {
            let ended = settled
                .ended
                .iter()
                .map(|credential| Ended {
                    cluster: cluster.name.clone(),
                    user: settled.picture.owner(credential),
                    version: credential.version,
                })
                .collect();
            Ok(Applied {
                ended,
                owed: vec![],
            })
        }
        // Waiting mends no store: nobody is told that `reconcile` will finish.
        Err(error) if error.is_distrust() => Err(error),
        Err(error) => Ok(Applied {
            ended: vec![],
            owed: owed(session, cluster, journal, request, &error)?,
        }),
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
    let look = Look {
        with_write: desired.has_writers(),
        with_places: desired.has_places(),
        held_back: &cluster.held_back,
    };
    converge::preview(&connection, &desired, &look)
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
}
