//! Team access: owners and admins list, rotate, revoke and restore others' credentials.

use futures::{StreamExt, stream};

use super::journal::Journal;
use super::project::shared::Over;
use super::{Applied, Error, Mode, find, kubeconfig, settle};
use crate::domain::access::Access;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, State};
use crate::domain::credential::{Credential, State as CredentialState, Subject};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::user::User;
use crate::domain::{Confirmed, Timestamp};
use crate::session::{Actor, Session};
use crate::store::{self, ReadTxn};

/// How many clusters are worked on at once.
const CLUSTERS_AT_ONCE: usize = 8;

/// What is done to a user's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// End the latest version and begin the next; lifts a block.
    Rotate,
    /// End it and block.
    Revoke {
        /// Why.
        reason: String,
    },
    /// Lift the block.
    Restore,
}

impl Action {
    fn words(&self) -> &'static str {
        match self {
            Self::Rotate => "team rotate",
            Self::Revoke { .. } => "team revoke",
            Self::Restore => "team restore",
        }
    }

    fn asks(&self) -> ClusterAction {
        match self {
            Self::Rotate => ClusterAction::TeamRotate,
            Self::Revoke { .. } | Self::Restore => ClusterAction::TeamRevoke,
        }
    }
}

/// On which clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Where {
    /// On this one.
    Cluster(ClusterName),
    /// Wherever the user has access, a live version or a block.
    AllClusters,
}

/// What is heard while the work goes on.
#[derive(Debug)]
pub(crate) enum Heard<'a> {
    /// On how many clusters there is something to do.
    Begins(usize),
    /// One is finished.
    Finished(&'a Report),
}

/// What came of one cluster.
#[derive(Debug)]
pub(crate) struct Report {
    /// Which.
    pub(crate) cluster: ClusterName,
    /// What is true now (or would be), in a sentence.
    pub(crate) outcome: Result<Outcome, Error>,
}

/// What came of one cluster where it went as it should.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In a sentence.
    pub(crate) sentence: String,
    /// Whether anything was changed.
    pub(crate) changed: bool,
    /// Shared versions that ended with it, and who must download again.
    pub(crate) over: Vec<Over>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

impl Outcome {
    /// The sentence, and how far it is true.
    pub(crate) fn truth(&self) -> String {
        if self.applied.owed.is_empty() {
            self.sentence.clone()
        } else {
            format!("{}: recorded, not yet true there", self.sentence)
        }
    }
}

/// Does it to a user's latest version, on one or all clusters.
///
/// `hear` is told of each cluster as it is finished. One cluster's failure hides no other's
/// success.
pub(crate) async fn act(
    session: &Session,
    (user, place): (&UserRef, &Where),
    action: &Action,
    mode: Mode,
    _: Confirmed,
    hear: &mut dyn FnMut(Heard<'_>),
) -> Result<Vec<Report>, Error> {
    let actor = find::actor(session, action.words())?;
    let journal = Journal::new(&actor, action.words()).user_name(&user.to_string());
    let (user, clusters) = match place {
        Where::Cluster(name) => {
            let found = find::cluster(session, &actor, &journal, name, action.asks())?;
            (find::user(session, user)?, vec![found.cluster])
        }
        Where::AllClusters => {
            find::allow(session, &actor, &journal, OrganizationAction::Team)?;
            let user = find::user(session, user)?;
            let clusters = concerned(session, &user, action)?;
            (user, clusters)
        }
    };
    let (actor, journal, user) = (&actor, &journal.user(&user), &user);
    hear(Heard::Begins(clusters.len()));
    let mut work = stream::iter(clusters)
        .map(|cluster| async move {
            let outcome = match mode {
                Mode::Plan => plan_one(session, &cluster, user, action),
                Mode::Do => one(session, actor, journal, (&cluster, user), action).await,
            };
            Report {
                cluster: cluster.name,
                outcome,
            }
        })
        .buffer_unordered(CLUSTERS_AT_ONCE);
    let mut reports = Vec::new();
    while let Some(done) = work.next().await {
        hear(Heard::Finished(&done));
        reports.push(done);
    }
    reports.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    Ok(reports)
}

/// The clusters that an action on all clusters is about.
fn concerned(session: &Session, user: &User, action: &Action) -> Result<Vec<Cluster>, Error> {
    session.store()?.read(|tx| {
        let mut concerned = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let blocked = store::blocks::contains(tx, cluster.id, user.id)?;
            let versions = store::credentials::versions(tx, cluster.id, user.id)?;
            let unfinished = versions
                .iter()
                .any(|it| it.state != CredentialState::Revoked);
            let has = find::access_of(tx, session, user, &cluster)? != Access::None;
            let concerns = match action {
                // An archived cluster rotates nothing: there is nothing to do on it.
                Action::Rotate => has && cluster.state == State::Active && (blocked || unfinished),
                Action::Revoke { .. } => has || unfinished,
                Action::Restore => blocked,
            };
            if concerns {
                concerned.push(cluster);
            }
        }
        Ok(concerned)
    })
}

fn plan_one(
    session: &Session,
    cluster: &Cluster,
    user: &User,
    action: &Action,
) -> Result<Outcome, Error> {
    let versions = session
        .store()?
        .read(|tx| store::credentials::versions(tx, cluster.id, user.id))?;
    let live = versions.iter().find(|version| version.state.is_live());
    let end = live.map(|live| format!("end version {}", live.version));
    let name = &user.name;
    let sentence = match action {
        Action::Rotate => {
            let next = versions.last().map_or(1, |last| last.version + 1);
            format!(
                "{}begin version {next} of '{name}'",
                end.map(|end| format!("{end} and ")).unwrap_or_default()
            )
        }
        Action::Revoke { .. } => {
            let with_it = would_end_too(session, cluster, user)?;
            let ends: Vec<String> = end.into_iter().chain(with_it).collect();
            let ends = ends.join(", ");
            let and = if ends.is_empty() { "" } else { " and " };
            format!("{ends}{and}block the kubeconfig of '{name}'")
        }
        Action::Restore => format!("lift the block of '{name}'"),
    };
    Ok(Outcome {
        sentence,
        changed: false,
        over: vec![],
        applied: Applied::default(),
    })
}

/// What a block ends besides the user's own kubeconfig: their shells, and what they share.
fn would_end_too(session: &Session, cluster: &Cluster, user: &User) -> Result<Vec<String>, Error> {
    session.store()?.read(|tx| {
        let held = store::credentials::shared_held_by(tx, user.id)?;
        let own = store::credentials::live_of_user(tx, user.id)?;
        let shells = own.into_iter().filter(Credential::is_shell);
        Ok(shells
            .chain(held)
            .filter(|it| it.cluster == cluster.id && it.state.is_live())
            .map(|it| format!("end version {} of '{}'", it.version, it.owner))
            .collect())
    })
}

async fn one(
    session: &Session,
    actor: &Actor,
    journal: &Journal,
    (cluster, user): (&Cluster, &User),
    action: &Action,
) -> Result<Outcome, Error> {
    // What takes away waits for nobody, and is recorded also by who cannot carry it out.
    let lock = match action {
        Action::Revoke { .. } => None,
        Action::Rotate | Action::Restore => Some(session.lock(cluster).await?),
    };
    // Asked under the lock: what was true before we waited may not be true any more.
    let found = find::cluster(session, actor, journal, &cluster.name, action.asks())?;
    let cluster = &found.cluster;
    let journal = &journal.clone().cluster(cluster);
    if lock.is_some() {
        session.manager_login(cluster, &find::installation(session)?)?;
    }
    let user = &find::user(session, &UserRef::Name(user.name.clone()))?;
    match action {
        Action::Restore => restore(session, journal, (cluster, user)),
        Action::Revoke { reason } => {
            let recorded = revoke(session, actor, journal, (cluster, user), reason);
            let (request, changed, over) = match recorded {
                Ok(recorded) => recorded,
                Err(refused) => {
                    let what = format!("the kubeconfig of '{}'", user.name);
                    let goes = |it: &Credential| it.subject.user() == Some(user.id);
                    let error = settle::end_unrecorded(session, cluster, what, goes, refused);
                    return Err(error.await);
                }
            };
            let applied = settle::pay_taking(session, cluster, journal, Some(request)).await?;
            journal.close(session, &applied, "", request)?;
            let (name, on) = (&user.name, &cluster.name);
            Ok(Outcome {
                sentence: if changed {
                    format!("the kubeconfig of '{name}' on cluster '{on}' is revoked and blocked")
                } else {
                    format!("the kubeconfig of '{name}' on cluster '{on}' was revoked already")
                },
                changed,
                over,
                applied,
            })
        }
        Action::Rotate => {
            let (request, version) = rotate(session, actor, journal, (cluster, user))?;
            let applied =
                settle::pay_or_take(session, cluster, lock, journal, Some(request)).await?;
            journal.close(session, &applied, "", request)?;
            Ok(Outcome {
                sentence: format!(
                    "version {version} of '{}' on cluster '{}' has begun; it waits to be downloaded",
                    user.name, cluster.name
                ),
                changed: true,
                over: vec![],
                applied,
            })
        }
    }
}

fn revoke(
    session: &Session,
    actor: &Actor,
    journal: &Journal,
    (cluster, user): (&Cluster, &User),
    reason: &str,
) -> Result<(EventSeq, bool, Vec<Over>), store::Error> {
    let why = if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    };
    session.store()?.write(|tx| {
        let was = store::blocks::contains(tx, cluster.id, user.id)?;
        let versions = store::credentials::versions(tx, cluster.id, user.id)?;
        let live = versions.into_iter().find(|version| version.state.is_live());
        let detail = format!("revoke and block the kubeconfig of '{}'{why}", user.name);
        let request = journal.record(session, tx, Phase::Requested, detail, None)?;
        let now = session.now();
        store::blocks::put(tx, cluster.id, user.id, actor.holder.id, now, reason)?;
        if let Some(live) = &live {
            let because = "revoked by an admin";
            settle::end(session, tx, live, because, journal, Some(request))?;
        }
        // The block ends the user's shells too, and what they share with others: they could get in
        // with it.
        let ended = settle::end_what_must(session, tx, cluster, journal, Some(request))?;
        let over = Over::all_of(tx, cluster, &ended)?;
        let changed = !was || live.is_some() || !ended.is_empty();
        Ok((request, changed, over))
    })
}

fn rotate(
    session: &Session,
    actor: &Actor,
    journal: &Journal,
    (cluster, user): (&Cluster, &User),
) -> Result<(EventSeq, u32), Error> {
    let case = kubeconfig::case_for(session, actor, journal, (cluster, user))?;
    session.store()?.write(|tx| {
        let detail = format!("rotate the kubeconfig of '{}'", user.name);
        let request = journal.record(session, tx, Phase::Requested, detail, None)?;
        store::blocks::remove(tx, cluster.id, user.id)?;
        let versions = store::credentials::versions(tx, cluster.id, user.id)?;
        if let Some(live) = versions.iter().find(|version| version.state.is_live()) {
            let because = "rotated by an admin";
            settle::end(session, tx, live, because, journal, Some(request))?;
        }
        let next = store::credentials::next_version(tx, cluster.id, Subject::Personal(user.id))?;
        kubeconfig::begin_version(session, tx, &case, request)?;
        Ok((request, next))
    })
}

fn restore(
    session: &Session,
    journal: &Journal,
    (cluster, user): (&Cluster, &User),
) -> Result<Outcome, Error> {
    let (name, on) = (&user.name, &cluster.name);
    let changed = session.store()?.write(|tx| {
        let lifted = store::blocks::remove(tx, cluster.id, user.id)?;
        if lifted {
            let detail = format!("block of '{name}' lifted");
            journal.record(session, tx, Phase::Done, detail, None)?;
        }
        Ok::<_, Error>(lifted)
    })?;
    let sentence = if changed {
        format!("'{name}' can download a kubeconfig for cluster '{on}' again")
    } else {
        format!("'{name}' is not blocked on cluster '{on}'")
    };
    Ok(Outcome {
        sentence,
        changed,
        over: vec![],
        applied: Applied::default(),
    })
}

/// One line of `team list`.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whose.
    pub(crate) user: String,
    /// Where.
    pub(crate) cluster: String,
    /// The latest version.
    pub(crate) latest: Option<Credential>,
    /// How often it was downloaded.
    pub(crate) downloads: usize,
    /// When it was downloaded last, and by whom.
    pub(crate) downloaded: Option<(Timestamp, String)>,
    /// Whether the user is blocked.
    pub(crate) blocked: bool,
    /// Who keeps it without being entitled to it.
    pub(crate) kept_by: Vec<String>,
}

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Only this cluster.
    pub(crate) cluster: Option<ClusterName>,
    /// Only this user.
    pub(crate) user: Option<UserRef>,
    /// Also those whose latest version is revoked.
    pub(crate) show_revoked: bool,
}

/// Lists the latest version of everybody on every cluster. For owners and admins.
pub(crate) fn list(session: &Session, filter: &Filter) -> Result<Vec<Line>, Error> {
    let actor = find::actor(session, "team list")?;
    let journal = Journal::new(&actor, "team list");
    if let Some(name) = &filter.cluster {
        find::cluster(session, &actor, &journal, name, ClusterAction::TeamList)?;
    }
    find::allow(session, &actor, &journal, OrganizationAction::Team)?;
    let only = filter
        .user
        .as_ref()
        .map(|user| find::user(session, user))
        .transpose()?;
    session.store()?.read(|tx| {
        let users = store::users::list(tx)?;
        let name = |id| {
            users
                .iter()
                .find(|user| user.id == id)
                .map(|user| user.name.to_string())
        };
        let clusters = store::clusters::list(tx)?;
        let blocks = store::blocks::list(tx)?;
        let mut pairs: Vec<_> = store::credentials::latest(tx)?
            .into_iter()
            .filter_map(|credential| {
                let user = credential.subject.user()?;
                Some((credential.cluster, user, Some(credential)))
            })
            .collect();
        // A block may stand where nothing was ever issued.
        for (cluster, user) in &blocks {
            if !pairs.iter().any(|(c, u, _)| c == cluster && u == user) {
                pairs.push((*cluster, *user, None));
            }
        }
        let mut lines = Vec::new();
        for (cluster_id, user_id, latest) in pairs {
            let Some(cluster) = clusters.iter().find(|cluster| cluster.id == cluster_id) else {
                continue;
            };
            let blocked = blocks.contains(&(cluster_id, user_id));
            let revoked = latest
                .as_ref()
                .is_some_and(|it| it.state == CredentialState::Revoked);
            let wanted = filter
                .cluster
                .as_ref()
                .is_none_or(|name| *name == cluster.name)
                && only.as_ref().is_none_or(|user| user.id == user_id)
                && (filter.show_revoked || blocked || !revoked);
            if !wanted {
                continue;
            }
            let deliveries = match &latest {
                Some(latest) => store::credentials::deliveries(tx, latest.id)?,
                None => vec![],
            };
            lines.push(Line {
                user: name(user_id).unwrap_or_default(),
                cluster: cluster.name.to_string(),
                latest,
                downloads: deliveries.len(),
                downloaded: deliveries
                    .last()
                    .map(|last| (last.at, name(last.by).unwrap_or_default())),
                blocked,
                kept_by: vec![],
            });
        }
        lines.extend(shared_lines(
            tx,
            filter,
            only.as_ref(),
            (&clusters, &users),
        )?);
        lines.sort_by(|a, b| (&a.cluster, &a.user).cmp(&(&b.cluster, &b.user)));
        Ok(lines)
    })
}

/// The latest version of every shared kubeconfig; of one user, those that they may hold.
fn shared_lines(
    tx: &ReadTxn<'_>,
    filter: &Filter,
    only: Option<&User>,
    (clusters, users): (&[Cluster], &[User]),
) -> store::Result<Vec<Line>> {
    let name = |id| {
        let found = users.iter().find(|user| user.id == id);
        found.map(|user| user.name.to_string()).unwrap_or_default()
    };
    let mut lines = Vec::new();
    let kept = super::project::kept::all(tx)?;
    for latest in store::credentials::latest_shared(tx)? {
        let Some(cluster) = clusters.iter().find(|it| it.id == latest.cluster) else {
            continue;
        };
        let holders = store::credentials::holders(tx, latest.id)?;
        let wanted = filter
            .cluster
            .as_ref()
            .is_none_or(|name| *name == cluster.name)
            && only.is_none_or(|user| holders.iter().any(|holder| holder.user == user.id))
            && (filter.show_revoked || latest.state != CredentialState::Revoked);
        if !wanted {
            continue;
        }
        let deliveries = store::credentials::deliveries(tx, latest.id)?;
        lines.push(Line {
            user: latest.owner.to_string(),
            cluster: cluster.name.to_string(),
            downloads: deliveries.len(),
            downloaded: deliveries.last().map(|last| (last.at, name(last.by))),
            blocked: false,
            kept_by: kept
                .iter()
                .filter(|kept| kept.credential == latest.id)
                .map(|kept| kept.user.clone())
                .collect(),
            latest: Some(latest),
        });
    }
    Ok(lines)
}
