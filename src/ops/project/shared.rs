//! Shared kubeconfigs: when one must end, and ending them on wish: rotate and revoke.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use crate::domain::Confirmed;
use crate::domain::access::Power;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, State};
use crate::domain::credential::{Credential, Subject};
use crate::domain::name::{ClusterName, ProjectName};
use crate::domain::policy::ProjectAction;
use crate::domain::project::{Project, ProjectId, ProjectRole, SharedLevel};
use crate::domain::subject::SubjectName;
use crate::domain::user::{User, UserId};
use crate::ops::journal::Journal;
use crate::ops::settle::{self, Picture};
use crate::ops::{Applied, Error, Mode, find, kubeconfig};
use crate::session::Session;
use crate::store::{self, ReadTxn, WriteTxn};

/// How many clusters are worked on at once.
const CLUSTERS_AT_ONCE: usize = 8;

/// Why a shared version must end now; `None` while everybody who may hold it has its level.
///
/// Somebody who holds more than they have is enough: a file cannot be taken back, so the version
/// dies for all of its holders.
pub(in crate::ops) fn why_it_must_end(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    users: &BTreeMap<UserId, User>,
    credential: &Credential,
    (project, level): (ProjectId, SharedLevel),
) -> store::Result<Option<&'static str>> {
    if !credential.state.is_live() {
        return Ok(None);
    }
    if cluster.project != Some(project) {
        return Ok(Some("the cluster left the project"));
    }
    for holder in store::credentials::holders(tx, credential.id)? {
        if !users.get(&holder.user).is_some_and(|user| user.active) {
            return Ok(Some("a holder is disabled"));
        }
        if store::blocks::contains(tx, cluster.id, holder.user)? {
            return Ok(Some("a holder's access was revoked"));
        }
        let role = store::projects::role_of(tx, project, holder.user)?;
        let has_it = role.is_some_and(|role| role.level() >= level);
        if !has_it && !holder.kept {
            return Ok(Some("a holder lost this level"));
        }
    }
    Ok(None)
}

/// Begins the next version of a shared kubeconfig that ended because of a holder: the others
/// download again.
pub(in crate::ops) fn go_on(
    session: &Session,
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    ended: &Credential,
    journal: &Journal,
    request: Option<EventSeq>,
) -> store::Result<()> {
    let Subject::Shared { project, level } = ended.subject else {
        return Ok(());
    };
    let issues = cluster.state == State::Active && cluster.deleting_at.is_none();
    if cluster.project != Some(project) || !issues {
        return Ok(());
    }
    let owner = &ended.owner;
    let journal = journal.clone().user_name(owner);
    let whose = (ended.subject, owner, level.power());
    kubeconfig::begin(session, tx, &journal, cluster, whose, request)?;
    Ok(())
}

/// A shared version that ended, and who must download again.
#[derive(Debug, Clone)]
pub(crate) struct Over {
    /// Where.
    pub(crate) cluster: ClusterName,
    /// Whose.
    pub(crate) owner: SubjectName,
    /// Which version ended.
    pub(crate) ended: u32,
    /// The version that began in its place.
    pub(crate) begun: Option<u32>,
    /// Who held it and still has the level.
    pub(crate) again: Vec<String>,
    /// Everybody who held it.
    pub(crate) held_by: Vec<String>,
    /// Whether somebody had full access by it.
    pub(crate) was_full: bool,
}

impl Over {
    /// What became of those versions that are shared, of all that were just ended.
    pub(in crate::ops) fn all_of(
        tx: &ReadTxn<'_>,
        cluster: &Cluster,
        ended: &[Credential],
    ) -> store::Result<Vec<Self>> {
        if ended.is_empty() {
            return Ok(vec![]);
        }
        let picture = settle::picture(tx, cluster.id)?;
        let mut over = Vec::new();
        for credential in ended {
            over.extend(Self::of(tx, cluster, &picture, credential)?);
        }
        Ok(over)
    }

    /// What became of a version that was just ended, in the same transaction.
    pub(in crate::ops) fn of(
        tx: &ReadTxn<'_>,
        cluster: &Cluster,
        picture: &Picture,
        ended: &Credential,
    ) -> store::Result<Option<Self>> {
        let Subject::Shared { project, level } = ended.subject else {
            return Ok(None);
        };
        let begun = store::credentials::versions_of(tx, cluster.id, ended.subject)?
            .into_iter()
            .find(|version| version.state.is_live())
            .map(|version| version.version);
        let (mut again, mut held_by) = (Vec::new(), Vec::new());
        let holders = store::credentials::holders(tx, ended.id)?;
        let was_full = level.power() == Power::Full && !holders.is_empty();
        for holder in holders {
            let Some(user) = picture.users.get(&holder.user) else {
                continue;
            };
            held_by.push(user.name.to_string());
            if may_take(tx, cluster, user, (project, level))? {
                again.push(user.name.to_string());
            }
        }
        Ok(Some(Self {
            cluster: cluster.name.clone(),
            owner: ended.owner.clone(),
            ended: ended.version,
            begun,
            again,
            held_by,
            was_full,
        }))
    }
}

/// Whether a user may take the shared kubeconfig of this level.
pub(in crate::ops) fn may_take(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    user: &User,
    (project, level): (ProjectId, SharedLevel),
) -> store::Result<bool> {
    let role = store::projects::role_of(tx, project, user.id)?;
    Ok(user.active
        && role.map(ProjectRole::level) == Some(level)
        && !store::blocks::contains(tx, cluster.id, user.id)?)
}

/// What is done to shared kubeconfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// End the version and begin the next.
    Rotate,
    /// End it.
    Revoke,
}

impl Action {
    fn words(self) -> &'static str {
        match self {
            Self::Rotate => "project rotate",
            Self::Revoke => "project revoke",
        }
    }

    fn asks(self) -> ProjectAction {
        match self {
            Self::Rotate => ProjectAction::Rotate,
            Self::Revoke => ProjectAction::Revoke,
        }
    }
}

/// Which shared kubeconfigs: all of a project where nothing else is said.
#[derive(Debug, Default)]
pub(crate) struct Which {
    /// Only on this cluster.
    pub(crate) cluster: Option<ClusterName>,
    /// Only this level.
    pub(crate) level: Option<SharedLevel>,
}

impl Which {
    fn levels(&self) -> Vec<SharedLevel> {
        self.level
            .map_or(SharedLevel::ALL.to_vec(), |level| vec![level])
    }
}

/// What came of one cluster.
#[derive(Debug)]
pub(crate) struct Report {
    /// Which.
    pub(crate) cluster: ClusterName,
    /// The versions that ended, and how far that is true.
    pub(crate) outcome: Result<(Vec<Over>, Applied), Error>,
}

/// Ends the live shared versions of a project, everywhere or where it is said.
///
/// `hear` is told of each cluster as it is finished. One cluster's failure hides no other's
/// success.
pub(crate) async fn act(
    session: &Session,
    (name, which): (&ProjectName, &Which),
    action: Action,
    mode: Mode,
    _: Confirmed,
) -> Result<Vec<Report>, Error> {
    let actor = find::actor(session, action.words())?;
    let journal = Journal::new(&actor, action.words());
    let project = find::project(session, &actor, &journal, name, action.asks())?;
    let mut clusters = session.store()?.read(store::clusters::list)?;
    clusters.retain(|cluster| cluster.project == Some(project.id));
    match &which.cluster {
        // An archived cluster rotates nothing: where all are meant, there is nothing to do on it.
        None if action == Action::Rotate => {
            clusters.retain(|cluster| cluster.state == State::Active);
        }
        None => {}
        Some(wanted) => clusters.retain(|cluster| cluster.name == *wanted),
    }
    if let (Some(wanted), []) = (&which.cluster, clusters.as_slice()) {
        return Err(Error::NotThere {
            what: format!("cluster '{wanted}' in project '{name}'"),
            hint: format!("run `kubegrant project show {name}`"),
        });
    }
    let (journal, project) = (&journal, &project);
    let mut work = stream::iter(clusters)
        .map(|cluster| async move {
            let outcome = one(session, journal, (&cluster, project), (action, which), mode).await;
            Report {
                cluster: cluster.name,
                outcome,
            }
        })
        .buffer_unordered(CLUSTERS_AT_ONCE);
    let mut reports = Vec::new();
    while let Some(done) = work.next().await {
        reports.push(done);
    }
    reports.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    Ok(reports)
}

async fn one(
    session: &Session,
    journal: &Journal,
    (cluster, project): (&Cluster, &Project),
    (action, which): (Action, &Which),
    mode: Mode,
) -> Result<(Vec<Over>, Applied), Error> {
    let journal = &journal.clone().cluster(cluster);
    if action == Action::Rotate && cluster.state == State::Archived {
        return Err(Error::Forbidden {
            why: format!(
                "cluster '{}' is archived: nobody can rotate shared kubeconfigs",
                cluster.name
            ),
            hint: format!(
                "run `kubegrant cluster unarchive {}`, or end them with `kubegrant project revoke`",
                cluster.name
            ),
        });
    }
    // What only takes away waits for nobody.
    let lock = match action {
        Action::Rotate => Some(session.lock(cluster).await?),
        Action::Revoke => None,
    };
    let cluster = &find::again(session, cluster)?;
    if action == Action::Rotate && mode == Mode::Do {
        // Who cannot open the cluster's login cannot finish: nothing is begun, and it is said.
        session.manager_login(cluster, &find::installation(session)?)?;
    }
    let live = |tx: &ReadTxn<'_>| {
        let mut live = Vec::new();
        for level in which.levels() {
            let subject = Subject::Shared {
                project: project.id,
                level,
            };
            let versions = store::credentials::versions_of(tx, cluster.id, subject)?;
            live.extend(versions.into_iter().find(|it| it.state.is_live()));
        }
        Ok::<_, store::Error>(live)
    };
    if mode == Mode::Plan {
        let over = session.store()?.read(|tx| {
            let picture = settle::picture(tx, cluster.id)?;
            let mut over = Vec::new();
            for live in live(tx)? {
                let begun = (action == Action::Rotate).then_some(live.version + 1);
                let planned = Over::of(tx, cluster, &picture, &live)?;
                over.extend(planned.map(|planned| Over { begun, ..planned }));
            }
            Ok::<_, store::Error>(over)
        })?;
        return Ok((over, Applied::default()));
    }
    let (over, request) = session.store()?.write(|tx| {
        let picture = settle::picture(tx, cluster.id)?;
        let live = live(tx)?;
        if live.is_empty() {
            return Ok((vec![], None));
        }
        let (verb, because) = match action {
            Action::Rotate => ("rotate", "rotated"),
            Action::Revoke => ("revoke", "revoked"),
        };
        let detail = format!(
            "{verb} the shared kubeconfigs of project '{}'",
            project.name
        );
        let request = journal.record(session, tx, Phase::Requested, detail, None)?;
        let mut over = Vec::new();
        for live in live {
            settle::end(session, tx, &live, because, journal, Some(request))?;
            if action == Action::Rotate {
                go_on(session, tx, cluster, &live, journal, Some(request))?;
            }
            over.extend(Over::of(tx, cluster, &picture, &live)?);
        }
        Ok::<_, store::Error>((over, Some(request)))
    })?;
    // Also where there is nothing to decide: what an earlier decision owes is tried again.
    let applied = settle::pay_or_take(session, cluster, lock, journal, request).await?;
    if request.is_some() {
        let phase = if applied.owed.is_empty() {
            Phase::Done
        } else {
            Phase::Owed
        };
        journal.record_alone(session, phase, "", request)?;
    }
    Ok((over, applied))
}
