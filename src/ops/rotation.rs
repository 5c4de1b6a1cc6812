//! `cluster rotate-manager` and `cluster rotate-accounts`: what is to be known to nobody any more.
//!
//! Whoever could open a manager's login could have minted tokens of its account. Whoever had full
//! access to a cluster could have minted tokens of every account there. The first ends with another
//! manager, the second with another manager and new versions of all accounts.

use super::journal::Journal;
use super::life::Lived;
use super::locked::LockedCluster;
use super::manager::{self, Canary};
use super::project::shared::may_take;
use super::{Applied, Debt, Done, Error, Mode, cluster as clusters, find, kubeconfig, settle};
use crate::domain::Confirmed;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, ManagerKind, State};
use crate::domain::credential::{Credential, Subject};
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::subject::SubjectName;
use crate::domain::text;
use crate::kubernetes::connection::Connection;
use crate::session::Session;
use crate::store::{self, ReadTxn, WriteTxn};

/// Another manager, as far as it came.
struct Replaced {
    /// The cluster as it is now.
    cluster: Cluster,
    /// Why the account before may still be let in.
    trouble: Option<String>,
    /// What tells when the API server has forgotten it.
    canary: Option<Canary>,
    /// The connection as the manager that is now.
    connection: Connection,
}

impl Replaced {
    /// Waits until the API server remembers no login from before.
    async fn wait(&mut self) {
        let Some(canary) = self.canary.take().filter(|_| self.trouble.is_none()) else {
            return;
        };
        self.trouble = match canary.is_forgotten().await {
            Ok(true) => None,
            Ok(false) => Some("the API server still lets an ended account log in".to_owned()),
            Err(error) => Some(text::chain(&error)),
        };
    }
}

/// Makes another account the manager, and ends the one before with everything that was minted for
/// it. From the first record on it stands: what could not be done is pending.
async fn replace(
    session: &Session,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: EventSeq,
) -> Result<Replaced, Error> {
    let renewed = manager::renew(session, cluster, &connection, journal, Some(request)).await;
    let (after, new) = match renewed {
        Ok(renewed) => renewed,
        Err(error) if error.is_distrust() => return Err(error),
        Err(error) => {
            // What was made for it goes again, now or with `reconcile`, which tries anew.
            let left = manager::end_former(session, cluster, &connection, journal, Some(request));
            let _ended = left.await;
            return Ok(Replaced {
                cluster: cluster.clone(),
                trouble: Some(text::chain(&error)),
                canary: None,
                connection,
            });
        }
    };
    let canary = Canary::of(session, &after, &new, &cluster.manager).await;
    let ended = async {
        manager::end_former(session, &after, &new, journal, Some(request)).await?;
        manager::retire_logins(session, &after, &new).await?;
        settle::no_older_logins(session, &after, journal, Some(request))?;
        Ok::<_, Error>(())
    };
    let trouble = ended.await.err().map(|error| text::chain(&error));
    Ok(Replaced {
        cluster: after,
        trouble,
        canary,
        connection: new,
    })
}

/// What is pending about the manager, with the reason.
fn pending(session: &Session, replaced: &Replaced) -> Result<Vec<Debt>, Error> {
    let Some(why) = &replaced.trouble else {
        return Ok(vec![]);
    };
    let cluster = &replaced.cluster;
    let (former, older) = session.store()?.read(|tx| {
        let former = store::managers::former(tx, cluster.id)?;
        Ok::<_, store::Error>((former, store::clusters::has_older_logins(tx, cluster.id)?))
    })?;
    let mut owed = settle::former_managers(cluster, &former);
    if older || owed.is_empty() {
        owed.push(settle::older_logins(cluster, None));
    }
    Ok(owed
        .into_iter()
        .map(|debt| Debt {
            why: Some(why.clone()),
            ..debt
        })
        .collect())
}

fn phase(applied: &Applied) -> Phase {
    if applied.owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    }
}

/// Makes another account the manager, with another login; the one before ends.
pub(crate) async fn rotate_manager(
    session: &Session,
    name: &ClusterName,
    mode: Mode,
) -> Result<Done<Lived>, Error> {
    let actor = find::actor(session, "cluster rotate-manager")?;
    let journal = Journal::new(&actor, "cluster rotate-manager");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let journal = journal.cluster(&found.cluster);
    if found.cluster.manager_kind == ManagerKind::Operator {
        return Err(Error::Forbidden {
            why: format!("cluster '{name}' is reached with the operator's own credential"),
            hint: format!("renew it with `kubegrant cluster relink {name} --kubeconfig FILE`"),
        });
    }
    if mode == Mode::Plan {
        return Ok(Done::planned(vec![format!(
            "make another account the manager of cluster '{name}', prove its login, and end account '{}'",
            found.cluster.manager
        )]));
    }
    let _lock = session.lock(&found.cluster).await?;
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let cluster = found.cluster;
    let installation = find::installation(session)?;
    let connection = session.connect(&cluster, &installation).await?;
    manager::may_renew(&cluster, &connection).await?;
    let detail = "another account for the manager";
    let request = journal.record_alone(session, Phase::Requested, detail, None)?;
    let mut replaced = replace(session, &cluster, connection, &journal, request).await?;
    replaced.wait().await;
    let applied = Applied {
        owed: pending(session, &replaced)?,
        ..Applied::default()
    };
    journal.record_alone(session, phase(&applied), detail, Some(request))?;
    Ok(Done::Did(Lived {
        cluster: replaced.cluster,
        unchanged: false,
        applied,
    }))
}

/// A version that ended because all do.
#[derive(Debug, Clone)]
pub(crate) struct Exchanged {
    /// Whose.
    pub(crate) owner: SubjectName,
    /// Which.
    pub(crate) ended: u32,
    /// The version that began in its place.
    pub(crate) begun: Option<u32>,
    /// Who must download again.
    pub(crate) again: Vec<String>,
}

/// What came of rotating all accounts.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// The cluster as it is now.
    pub(crate) cluster: Cluster,
    /// What ended, and what began.
    pub(crate) exchanged: Vec<Exchanged>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
    /// What others made there, in words: to be looked at.
    pub(crate) foreign: Vec<String>,
    /// Why it could not be looked for.
    pub(crate) not_looked: Option<String>,
}

/// Whether versions may begin on a cluster.
fn issues(cluster: &Cluster) -> bool {
    cluster.state == State::Active && cluster.deleting_at.is_none()
}

/// Who must download again when a version has ended.
fn again(tx: &ReadTxn<'_>, cluster: &Cluster, ended: &Credential) -> store::Result<Vec<String>> {
    let users = store::users::list(tx)?;
    let mut names = Vec::new();
    let Subject::Shared { project, level } = ended.subject else {
        let handed = store::credentials::deliveries(tx, ended.id)?;
        let user = ended.subject.user().filter(|_| !ended.is_shell());
        let has_it = |id| handed.iter().any(|it| it.to == id);
        let held = users
            .iter()
            .filter(|it| Some(it.id) == user && has_it(it.id));
        names.extend(held.map(|it| it.name.to_string()));
        return Ok(names);
    };
    for holder in store::credentials::holders(tx, ended.id)? {
        for user in users.iter().filter(|it| it.id == holder.user) {
            if may_take(tx, cluster, user, (project, level))? {
                names.push(user.name.to_string());
            }
        }
    }
    Ok(names)
}

/// What would end, and what would begin.
fn look(tx: &ReadTxn<'_>, cluster: &Cluster) -> store::Result<Vec<(Credential, Exchanged)>> {
    let snapshot = settle::snapshot(tx, cluster.id)?;
    let mut found = Vec::new();
    for credential in snapshot.credentials.iter().filter(|it| it.state.is_live()) {
        let next = credential.version + 1;
        let exchanged = Exchanged {
            owner: credential.owner.clone(),
            ended: credential.version,
            begun: (issues(cluster) && !credential.is_shell()).then_some(next),
            again: again(tx, cluster, credential)?,
        };
        found.push((credential.clone(), exchanged));
    }
    Ok(found)
}

/// Ends every live version, and begins the next one where it is not a shell's.
fn exchange(
    session: &Session,
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    journal: &Journal,
    request: EventSeq,
) -> store::Result<Vec<Exchanged>> {
    // What must end anyway does not begin again.
    settle::end_what_must(session, tx, cluster.id, journal, Some(request))?;
    let snapshot = settle::snapshot(tx, cluster.id)?;
    let mut done = Vec::new();
    for (credential, exchanged) in look(tx, cluster)? {
        let end = [snapshot.end_of(&credential, "all accounts of the cluster were rotated")];
        settle::commit(session, tx, &snapshot, &end, journal, Some(request))?;
        if exchanged.begun.is_some() {
            let owner = &exchanged.owner;
            let journal = journal.clone().user_name(owner);
            let whose = (credential.subject, owner, credential.power);
            kubeconfig::begin(session, tx, &journal, cluster, whose, Some(request))?;
        }
        done.push(exchanged);
    }
    Ok(done)
}

/// Replaces the manager and all accounts of a cluster, so that nothing works any more that anybody
/// minted there before; and says what others made.
pub(crate) async fn rotate_accounts(
    session: &Session,
    name: &ClusterName,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Rotated>, Error> {
    let action = "cluster rotate-accounts";
    let actor = find::actor(session, action)?;
    let journal = Journal::new(&actor, action);
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let journal = journal.cluster(&found.cluster);
    if mode == Mode::Plan {
        return plan(session, &found.cluster).map(Done::planned);
    }
    let lock = LockedCluster::take(session, &found.cluster).await?;
    // Asked under the lock: what was true before we waited may not be true any more.
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let cluster = found.cluster;
    if session
        .store()?
        .read(|tx| store::clusters::owes_orphans(tx, cluster.id))?
    {
        return Err(Error::Forbidden {
            why: format!(
                "the store was restored from a backup, and what was issued on cluster '{name}' \
                 since is not yet ended"
            ),
            hint: format!("run `kubegrant reconcile {name}` first"),
        });
    }
    let installation = find::installation(session)?;
    let connection = session.connect(&cluster, &installation).await?;
    manager::may_renew(&cluster, &connection).await?;
    let present = manager::present(session, &cluster, &installation, &connection).await?;
    let detail = "another manager, and new versions of all accounts";
    let mut ending = None;
    let (request, exchanged) = session.store()?.write(|tx| {
        let request = journal.record(session, tx, Phase::Requested, detail, None)?;
        let snapshot = settle::snapshot(tx, cluster.id)?;
        let live = snapshot
            .credentials
            .into_iter()
            .find(|it| it.state.is_live());
        ending = live.map(|credential| credential.account);
        // Cut off after this, `reconcile` replaces the manager too.
        manager::list(tx, &cluster, [present])?;
        let exchanged = exchange(session, tx, &cluster, &journal, request)?;
        Ok::<_, Error>((request, exchanged))
    })?;
    // The manager first: with a token of it, what ends next could be made anew.
    let mut replaced = replace(session, &cluster, connection, &journal, request).await?;
    let canary = match &ending {
        // The last of them to go are remembered longest.
        Some(account) => {
            Canary::of(
                session,
                &replaced.cluster,
                &replaced.connection,
                account.as_str(),
            )
            .await
        }
        None => None,
    };
    replaced.canary = canary.or(replaced.canary);
    let mut applied = settle::pay(session, &lock, &journal, Some(request)).await?;
    if applied.owed.is_empty() {
        replaced.wait().await;
    }
    // Both would tell of the manager.
    let of_manager = pending(session, &replaced)?;
    applied
        .owed
        .retain(|it| !of_manager.iter().any(|other| other.what == it.what));
    applied.owed.extend(of_manager);
    let is_done = applied.owed.is_empty();
    session.store()?.write(|tx| {
        if is_done {
            store::managers::set_accounts_rotated(tx, cluster.id, session.now())?;
        }
        journal.record(session, tx, phase(&applied), detail, Some(request))
    })?;
    let (foreign, not_looked) = match Box::pin(clusters::check(session, name)).await {
        Ok(checked) => (checked.of_others(), None),
        Err(error) => (vec![], Some(text::chain(&error))),
    };
    Ok(Done::Did(Rotated {
        cluster: replaced.cluster,
        exchanged,
        applied,
        foreign,
        not_looked,
    }))
}

fn plan(session: &Session, cluster: &Cluster) -> Result<Vec<String>, Error> {
    let name = &cluster.name;
    let found = session.store()?.read(|tx| look(tx, cluster))?;
    let mut lines = vec![format!(
        "make another account the manager of cluster '{name}', and end account '{}'",
        cluster.manager
    )];
    lines.extend(found.into_iter().map(|(_, it)| {
        let begins = it
            .begun
            .map_or(String::new(), |next| format!(", and begin version {next}"));
        format!("end version {} of '{}'{begins}", it.ended, it.owner)
    }));
    Ok(lines)
}
