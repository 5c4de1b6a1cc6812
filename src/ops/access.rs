//! Access: grant, change, remove and list what users have on clusters.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::WRITE_SCOPE_WARNING;
use super::journal::Journal;
use super::project::{self, kept::Kept};
use super::{Applied, Done, Error, Mode, excess, find, settle};
use crate::domain::access::{self, Access, Grant, Level, Power};
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, ClusterId, WriteScope};
use crate::domain::credential::{Credential, Subject};
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::project::{ProjectId, ProjectRole};
use crate::domain::user::{User, UserId};
use crate::domain::{Confirmed, Timestamp};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// A grant that is wished for.
#[derive(Debug)]
pub(crate) struct GrantWish {
    /// To whom.
    pub(crate) user: UserRef,
    /// Where.
    pub(crate) cluster: ClusterName,
    /// How much.
    pub(crate) level: Level,
    /// When it ends by itself.
    pub(crate) ends_at: Option<Timestamp>,
    /// Why.
    pub(crate) reason: String,
    /// Whether somebody insists, where the level is more than it says on that cluster.
    pub(crate) insists: Option<Confirmed>,
}

/// What a change of access came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whose.
    pub(crate) user: String,
    /// Where.
    pub(crate) cluster: ClusterName,
    /// What they have now.
    pub(crate) access: Access,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// Whether the user has a key that files could be sealed to.
    pub(crate) has_key: bool,
    /// Namespaces that write reaches on purpose, where write was given.
    pub(crate) included: BTreeSet<String>,
    /// Where the level is more than it says: agreed to.
    pub(crate) excess: Vec<String>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// Why a developer's grant makes no sense for this user.
fn refuse_pointless(user: &User, cluster: &Cluster) -> Result<(), Error> {
    if user.role.is_admin() {
        return Err(Error::Forbidden {
            why: format!(
                "'{}' is an organization {}, who has full access to every cluster",
                user.name, user.role
            ),
            hint: format!(
                "to limit them, run `kubegrant user set-role {} developer`",
                user.name
            ),
        });
    }
    if cluster.owner == Some(user.id) {
        return Err(Error::Forbidden {
            why: format!(
                "'{}' owns cluster '{}' and has write, which no grant changes",
                user.name, cluster.name
            ),
            hint: format!(
                "to change that, run `kubegrant cluster transfer {} --to USER`",
                cluster.name
            ),
        });
    }
    Ok(())
}

/// Refuses a grant to whom it would give nothing.
fn may_be_granted(user: &User, cluster: &Cluster) -> Result<(), Error> {
    if !user.active {
        return Err(Error::Forbidden {
            why: format!("'{}' is disabled and has nothing", user.name),
            hint: format!("run `kubegrant user enable {}` first", user.name),
        });
    }
    refuse_pointless(user, cluster)
}

/// The excluded namespaces that a level reaches on purpose.
fn on_purpose(level: Level, cluster: &Cluster) -> BTreeSet<String> {
    match level {
        Level::Write => cluster.included.clone(),
        Level::Read => BTreeSet::new(),
    }
}

/// Gives a developer a level on a cluster. A change of level ends the current credential.
pub(crate) async fn grant(
    session: &Session,
    wish: GrantWish,
    mode: Mode,
) -> Result<Done<Outcome>, Error> {
    let actor = find::actor(session, "access grant")?;
    let journal = Journal::new(&actor, "access grant").user_name(&wish.user.to_string());
    let found = find::cluster(
        session,
        &actor,
        &journal,
        &wish.cluster,
        ClusterAction::Grant,
    )?;
    let cluster = found.cluster;
    let journal = journal.cluster(&cluster);
    let user = find::user(session, &wish.user)?;
    let journal = journal.user(&user);
    may_be_granted(&user, &cluster)?;
    let now = session.now();
    if wish.ends_at.is_some_and(|end| end <= now) {
        return Err(Error::Input {
            why: "a grant cannot end in the past".to_owned(),
            hint: "give a later `--until`, or remove access with `kubegrant access revoke`"
                .to_owned(),
        });
    }
    let lock = session.lock(&cluster).await?;
    // Asked again under the lock: who lost the right while we waited gives nothing.
    let found = find::cluster(
        session,
        &actor,
        &journal,
        &wish.cluster,
        ClusterAction::Grant,
    )?;
    let cluster = found.cluster;
    let user = find::user(session, &UserRef::Name(user.name.clone()))?;
    may_be_granted(&user, &cluster)?;
    let before = session
        .store()?
        .read(|tx| store::grants::find(tx, cluster.id, user.id))?;
    let same = before.as_ref().is_some_and(|grant| {
        grant.level == wish.level && grant.ends_at == wish.ends_at && grant.is_live(now)
    });
    let access = Access::Granted {
        level: wish.level,
        ends_at: wish.ends_at,
    };
    let outcome = |unchanged, applied, excess| Outcome {
        user: user.name.to_string(),
        cluster: cluster.name.clone(),
        access,
        unchanged,
        has_key: user.key.is_some(),
        included: on_purpose(wish.level, &cluster),
        excess,
        applied,
    };
    if same {
        // Nothing new, and yet something may be owed from the last time.
        let applied = match mode {
            Mode::Do => settle::pay(session, &cluster, &lock, &journal, None).await?,
            Mode::Plan => Applied::default(),
        };
        let plain = plain_edit(wish.level, &cluster).collect();
        return Ok(Done::Did(outcome(true, applied, plain)));
    }
    let mut excess = Box::pin(excess_of(session, &cluster, &wish, before.as_ref())).await?;
    excess.extend(plain_edit(wish.level, &cluster));
    if mode == Mode::Plan {
        let mut lines = vec![format!(
            "give '{}' {} on cluster '{}'",
            user.name, wish.level, cluster.name
        )];
        lines.extend(excess.iter().map(|what| format!("although {what}")));
        lines.extend(would_end(session, &cluster, &user, access)?);
        return Ok(Done::Planned(lines));
    }
    let detail = detail_of(&wish, &user, &excess);
    let request = session.store()?.write(|tx| {
        let request = journal.record(session, tx, Phase::Requested, detail.clone(), None)?;
        let grant = Grant {
            user: user.id,
            cluster: cluster.id,
            level: wish.level,
            granted_at: now,
            granted_by: actor.user.id,
            ends_at: wish.ends_at,
            reason: wish.reason.clone(),
        };
        store::grants::put(tx, &grant)?;
        settle::end_what_must(session, tx, &cluster, &journal, Some(request))?;
        Ok::<_, Error>(request)
    })?;
    let applied = settle::pay(session, &cluster, &lock, &journal, Some(request)).await?;
    journal.close(session, &applied, detail, request)?;
    Ok(Done::Did(outcome(false, applied, excess)))
}

/// The warning that goes with every grant of write where write is the plain `edit`.
fn plain_edit(level: Level, cluster: &Cluster) -> impl Iterator<Item = String> {
    let is_plain = level == Level::Write && cluster.write_scope == WriteScope::Cluster;
    is_plain.then(|| WRITE_SCOPE_WARNING.to_owned()).into_iter()
}

/// What the level has beyond it on that cluster, if somebody insists or it is less than before:
/// what takes away is refused to nobody.
async fn excess_of(
    session: &Session,
    cluster: &Cluster,
    wish: &GrantWish,
    before: Option<&Grant>,
) -> Result<Vec<String>, Error> {
    let power = match wish.level {
        Level::Read => Power::Read,
        Level::Write => Power::Write,
    };
    let found = excess::of_level(session, cluster, power).await;
    let now = session.now();
    if before.is_some_and(|grant| grant.level >= wish.level && grant.is_live(now)) {
        return Ok(found);
    }
    excess::agreed(found, wish.insists)
}

/// A grant in words, for the audit log.
fn detail_of(wish: &GrantWish, user: &User, excess: &[String]) -> String {
    let until = wish.ends_at.map_or(String::new(), |end| {
        format!(
            " until {}",
            end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        )
    });
    let why = if wish.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", wish.reason)
    };
    let although = excess::although(excess);
    format!("{} for '{}'{until}{why}{although}", wish.level, user.name)
}

/// The sentence about the credential that a change of access would end.
fn would_end(
    session: &Session,
    cluster: &Cluster,
    user: &User,
    access: Access,
) -> Result<Vec<String>, Error> {
    session.store()?.read(|tx| {
        let picture = settle::picture(tx, cluster.id)?;
        // Shells end like kubeconfigs.
        let theirs = |it: &&Credential| it.subject.user() == Some(user.id);
        Ok(picture
            .credentials
            .iter()
            .filter(theirs)
            .filter(|credential| credential.must_end(access).is_some())
            .map(|credential| {
                format!(
                    "end version {} of '{}' on cluster '{}'",
                    credential.version, credential.owner, cluster.name
                )
            })
            .collect())
    })
}

/// Takes a developer's access to a cluster away, with the credential that it gave.
pub(crate) async fn revoke(
    session: &Session,
    user: &UserRef,
    cluster: &ClusterName,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Outcome>, Error> {
    let actor = find::actor(session, "access revoke")?;
    let journal = Journal::new(&actor, "access revoke").user_name(&user.to_string());
    let found = find::cluster(session, &actor, &journal, cluster, ClusterAction::Grant)?;
    let cluster = found.cluster;
    let user = find::user(session, user)?;
    let journal = journal.cluster(&cluster).user(&user);
    refuse_pointless(&user, &cluster)?;
    let (before, live, bound) = session.store()?.read(|tx| {
        let grant = store::grants::find(tx, cluster.id, user.id)?;
        let live = store::credentials::versions(tx, cluster.id, user.id)?
            .into_iter()
            .any(|credential| credential.state != crate::domain::credential::State::Revoked);
        let bound = store::bindings::any(tx, cluster.id, user.id)?;
        Ok::<_, store::Error>((grant, live, bound))
    })?;
    // Role bindings are not a grant: they stay, and so may a kubeconfig that carries them alone.
    let after = Access::None.or_bound(&user, bound);
    let outcome = |unchanged, applied| Outcome {
        user: user.name.to_string(),
        cluster: cluster.name.clone(),
        access: after,
        unchanged,
        has_key: user.key.is_some(),
        included: BTreeSet::new(),
        excess: vec![],
        applied,
    };
    if before.is_none() && !live {
        return Ok(Done::Did(outcome(true, Applied::default())));
    }
    if before.is_none() && bound && mode == Mode::Do {
        let applied = settle::pay_taking(session, &cluster, &journal, None).await?;
        return Ok(Done::Did(outcome(true, applied)));
    }
    if mode == Mode::Plan {
        let mut lines = vec![format!(
            "take the access of '{}' to cluster '{}'",
            user.name, cluster.name
        )];
        lines.extend(would_end(session, &cluster, &user, after)?);
        return Ok(Done::Planned(lines));
    }
    let detail = format!("access of '{}' removed", user.name);
    let recorded = session.store()?.write(|tx| {
        let request = journal.record(session, tx, Phase::Requested, detail.clone(), None)?;
        store::grants::remove(tx, cluster.id, user.id, session.now())?;
        settle::end_what_must(session, tx, &cluster, &journal, Some(request))?;
        Ok::<_, store::Error>(request)
    });
    let request = match recorded {
        Ok(request) => request,
        Err(refused) => {
            let what = format!("the kubeconfig of '{}'", user.name);
            let goes = |it: &Credential| it.subject.user() == Some(user.id);
            return Err(settle::end_unrecorded(session, &cluster, what, goes, refused).await);
        }
    };
    let applied = settle::pay_taking(session, &cluster, &journal, Some(request)).await?;
    journal.close(session, &applied, detail, request)?;
    Ok(Done::Did(outcome(false, applied)))
}

/// One line of `access list`.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whose.
    pub(crate) user: String,
    /// Where.
    pub(crate) cluster: String,
    /// What they have by themselves; nothing where the line is about the cluster's project.
    pub(crate) access: Access,
    /// The cluster's project and what they are in it, where that is their way in.
    pub(crate) project: Option<(String, ProjectRole)>,
    /// The shared version that they keep without being entitled to it, where the line is about it.
    pub(crate) kept: Option<Kept>,
    /// Since when and by whom, where a grant gives it.
    pub(crate) granted: Option<(Timestamp, String, String)>,
    /// Whether an admin revoked their kubeconfigs there: then this way in leads nowhere.
    pub(crate) blocked: bool,
    /// The live version of the kubeconfig that carries it.
    pub(crate) version: Option<u32>,
}

impl Line {
    fn of(user: &User, cluster: &Cluster) -> Self {
        Self {
            user: user.name.to_string(),
            cluster: cluster.name.to_string(),
            access: Access::None,
            project: None,
            kept: None,
            granted: None,
            blocked: false,
            version: None,
        }
    }
}

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Only this cluster.
    pub(crate) cluster: Option<ClusterName>,
    /// Only this user.
    pub(crate) user: Option<UserRef>,
}

/// Lists who has what, as far as the actor may know: those who manage a cluster's access see all
/// of it, others see what they have themselves. Of one cluster, those who manage it see who has
/// nothing, too.
pub(crate) fn list(session: &Session, filter: &Filter) -> Result<Vec<Line>, Error> {
    let actor = find::actor(session, "access list")?;
    let journal = Journal::new(&actor, "access list");
    if let Some(name) = &filter.cluster {
        find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    }
    // Only who may know all users is told that one does not exist.
    let only = filter.user.as_ref().map(|name| find::user(session, name));
    let only = match only {
        Some(Err(error)) if actor.user.role.is_admin() => return Err(error),
        Some(Err(_)) => return Ok(vec![]),
        Some(Ok(user)) => Some(user.id),
        None => None,
    };
    let ways = session.store()?.read(Ways::read)?;
    let mut lines = Vec::new();
    for cluster in &ways.clusters {
        let wanted = filter.cluster.as_ref();
        if wanted.is_some_and(|name| *name != cluster.name) {
            continue;
        }
        let own = ways.access_of(&actor.user, cluster, session.now());
        let manages = matches!(own, Access::Full(_) | Access::ClusterOwner);
        for user in &ways.users {
            if only.is_some_and(|id| id != user.id) || !(manages || user.id == actor.user.id) {
                continue;
            }
            let before = lines.len();
            ways.lines_of(user, cluster, session.now(), &mut lines);
            if lines.len() == before && wanted.is_some() && manages && user.active {
                lines.push(Line::of(user, cluster));
            }
        }
    }
    Ok(lines)
}

/// What the store knows of everybody's ways in.
struct Ways {
    users: Vec<User>,
    names: BTreeMap<UserId, String>,
    clusters: Vec<Cluster>,
    grants: BTreeMap<(ClusterId, UserId), Grant>,
    bound: BTreeSet<(ClusterId, UserId)>,
    blocks: BTreeSet<(ClusterId, UserId)>,
    roles: BTreeMap<(ProjectId, UserId), ProjectRole>,
    projects: BTreeMap<ProjectId, ProjectName>,
    kept: Vec<Kept>,
    live: BTreeMap<(ClusterId, Subject), u32>,
}

impl Ways {
    fn read(tx: &ReadTxn<'_>) -> store::Result<Self> {
        let grants = store::grants::list(tx)?.into_iter();
        let bound = store::bindings::list(tx)?.into_iter();
        let users = store::users::list(tx)?;
        let live = store::credentials::all_unfinished(tx)?.into_iter();
        let live = live.filter(|it| it.state.is_live());
        Ok(Self {
            names: users
                .iter()
                .map(|it| (it.id, it.name.to_string()))
                .collect(),
            users,
            clusters: store::clusters::list(tx)?,
            grants: grants.map(|it| ((it.cluster, it.user), it)).collect(),
            bound: bound.map(|it| (it.cluster, it.user)).collect(),
            blocks: store::blocks::list(tx)?,
            roles: store::projects::roles(tx)?,
            projects: store::projects::names(tx)?,
            kept: project::kept::all(tx)?,
            live: live
                .map(|it| ((it.cluster, it.subject), it.version))
                .collect(),
        })
    }

    fn access_of(&self, user: &User, cluster: &Cluster, now: Timestamp) -> Access {
        let key = (cluster.id, user.id);
        let access = access::effective(user, cluster, self.grants.get(&key), now);
        access.or_bound(user, self.bound.contains(&key))
    }

    /// Each way in that a user has on a cluster.
    fn lines_of(&self, user: &User, cluster: &Cluster, now: Timestamp, lines: &mut Vec<Line>) {
        let key = (cluster.id, user.id);
        let blocked = self.blocks.contains(&key);
        let version = |subject| self.live.get(&(cluster.id, subject)).copied();
        let project = cluster.project.filter(|_| user.active);
        if let Some((id, role)) =
            project.and_then(|id| Some((id, *self.roles.get(&(id, user.id))?)))
            && let Some(name) = self.projects.get(&id)
        {
            lines.push(Line {
                project: Some((name.to_string(), role)),
                blocked,
                version: version(Subject::Shared {
                    project: id,
                    level: role.level(),
                }),
                ..Line::of(user, cluster)
            });
        }
        let here = |it: &&Kept| it.cluster_id == cluster.id && it.user_id == user.id;
        lines.extend(self.kept.iter().filter(here).map(|kept| Line {
            kept: Some(kept.clone()),
            ..Line::of(user, cluster)
        }));
        let access = self.access_of(user, cluster, now);
        if access == Access::None {
            return;
        }
        let granted = match access {
            Access::Granted { .. } => self.grants.get(&key).map(|grant| {
                let by = self.names.get(&grant.granted_by);
                let by = by.cloned().unwrap_or_default();
                (grant.granted_at, by, grant.reason.clone())
            }),
            _ => None,
        };
        lines.push(Line {
            access,
            granted,
            blocked,
            version: version(Subject::Personal(user.id)),
            ..Line::of(user, cluster)
        });
    }
}
