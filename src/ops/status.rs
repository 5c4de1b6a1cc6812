//! `status`: what is pending, what is blocked, what ends soon. Asks no cluster.

use std::ops::Range;

use chrono::TimeDelta;

use super::error::refusal;
use super::project::kept::{self, Kept};
use super::{Error, Pending, cluster, find, reconciling, reseal, ssh_key};
use crate::domain::Timestamp;
use crate::domain::access::Access;
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, Subject};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::Denial;
use crate::domain::project::ProjectRole;
use crate::domain::sealed::Which;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::{Role, User, UserId};
use crate::session::{App, Principal, Session};
use crate::store::{self, ReadTxn};

/// What ends within so many days is said.
const SOON_DAYS: i64 = 7;
/// A manager's token is worth an earlier word.
const MANAGER_SOON_DAYS: i64 = 30;

/// Something that ends by itself.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What ends.
    pub(crate) what: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// When it ends.
    pub(crate) at: Timestamp,
}

/// How things stand.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// What is pending.
    pub(crate) pending: Vec<Pending>,
    /// How much of it no cluster can make true, but only its nodes.
    pub(crate) on_nodes: usize,
    /// Where only others can make it true.
    pub(crate) asks: Vec<Ask>,
    /// Who gets in with a shared kubeconfig that they have no right to any more.
    pub(crate) kept: Vec<Kept>,
    /// Who is blocked where.
    pub(crate) blocked: Vec<(String, String)>,
    /// What ends soon, soonest first.
    pub(crate) ending: Vec<Ending>,
    /// What ended by somebody's hand on a cluster, and was not downloaded again.
    pub(crate) ended: Vec<Lost>,
}

/// A version that ended by somebody's hand on its cluster.
#[derive(Debug)]
pub(crate) struct Lost {
    /// What ended, and why.
    pub(crate) what: String,
    /// The cluster's name.
    pub(crate) cluster: String,
}

/// Where only others can make true what is pending, and who.
#[derive(Debug)]
pub(crate) struct Ask {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Whose key opens the manager's login.
    pub(crate) who: Vec<String>,
    /// Whether the actor's own opens the issuer's.
    pub(crate) opens_issuer: bool,
    /// Whether a server asks, for somebody.
    pub(crate) is_served: bool,
}

impl Ask {
    /// What to do, in a sentence.
    pub(crate) fn description(&self) -> String {
        let names: Vec<String> = self.who.iter().map(|name| format!("'{name}'")).collect();
        let cluster = &self.cluster;
        if names.is_empty() {
            return format!(
                "nobody has a key that opens the login of cluster '{cluster}': an organization \
                 owner or admin must run `kubegrant cluster relink {cluster} --kubeconfig FILE`"
            );
        }
        let names = names.join(" or ");
        if self.is_served {
            return format!(
                "this server works with the issuer's login of cluster '{cluster}': what that cannot do is done when \
                 {names} runs `kubegrant reconcile {cluster}` where the store is"
            );
        }
        if self.opens_issuer {
            return format!(
                "your key opens the issuer's login of cluster '{cluster}' alone: for what that \
                 cannot do, ask {names} to run `kubegrant reconcile {cluster}`"
            );
        }
        format!(
            "your key does not open the login of cluster '{cluster}': ask {names} to run `kubegrant \
             reconcile {cluster}` now; until then the old access may still work"
        )
    }
}

/// Says who must act where something is pending that the actor's key cannot make true.
pub(crate) fn asks(session: &Session, pending: &[Pending]) -> Result<Vec<Ask>, Error> {
    let actor = session.principal()?;
    let mut asks = Vec::new();
    session.store()?.read(|tx| {
        for cluster in store::clusters::list(tx)? {
            if !pending.iter().any(|item| item.cluster == cluster.name) {
                continue;
            }
            let openers = reseal::openers(tx, &cluster, &Which::ManagerLogin)?;
            let is_actor = |user: &User| user.id == actor.holder.id;
            if !openers.iter().any(is_actor) {
                let of_issuer = reseal::openers(tx, &cluster, &Which::IssuerLogin)?;
                asks.push(Ask {
                    is_served: actor.holder.role == Role::Server,
                    opens_issuer: cluster.issuer.is_some() && of_issuer.iter().any(is_actor),
                    cluster: cluster.name,
                    who: openers
                        .into_iter()
                        .map(|user| user.name.to_string())
                        .collect(),
                });
            }
        }
        Ok(asks)
    })
}

/// A cluster, as it is looked at in one transaction.
struct LookedAt<'a> {
    tx: &'a ReadTxn<'a>,
    app: &'a App,
    cluster: &'a Cluster,
    snapshot: &'a ClusterSnapshot,
}

impl LookedAt<'_> {
    /// All that is pending on it, on its nodes too.
    fn all_pending(&self, status: &mut Status) -> store::Result<()> {
        let pending = reconciling::pending_on(self.cluster, self.snapshot);
        status.pending.extend(pending);
        let keys = ssh_key::pending_on(self.tx, self.cluster)?;
        status.on_nodes += keys.on_nodes.len() + keys.wanted.len();
        let pending = keys
            .here
            .into_iter()
            .chain(keys.on_nodes)
            .chain(keys.wanted);
        status.pending.extend(pending.map(|what| Pending {
            cluster: self.cluster.name.clone(),
            what,
            why: None,
            until: None,
        }));
        Ok(())
    }

    /// What concerns somebody on a cluster that they do not manage: their own kubeconfig and roles,
    /// where they still see it, and the shared kubeconfigs of a project that they are a member of,
    /// whoever holds them. Who is a member manages others, or works with them.
    fn concerning(&self, actor: &Principal) -> store::Result<Vec<Pending>> {
        let Self {
            tx,
            app,
            cluster,
            snapshot,
        } = *self;
        let role = find::project_role(tx, &actor.user, cluster)?;
        let sees = find::sees(tx, app, &actor.user, cluster)?;
        let own = |user| sees && user == actor.user.id;
        let concerns = |credential: &Credential| is_concerned(credential, cluster, role, own);
        Ok(reconciling::pending_access(
            cluster, snapshot, concerns, own,
        ))
    }

    /// Whose kubeconfigs ended on a cluster because somebody deleted their accounts there, as far as they
    /// still have access.
    fn lost(&self, concerns: impl Fn(UserId) -> bool) -> store::Result<Vec<Lost>> {
        let Self {
            tx,
            app,
            cluster: found,
            snapshot,
        } = *self;
        let mut lost = Vec::new();
        for credential in
            store::credentials::last_ended(tx, found.id, reconciling::ACCOUNT_DELETED)?
        {
            let user = credential.subject.user().filter(|user| concerns(*user));
            let Some(user) = user.and_then(|user| snapshot.people.users.get(&user)) else {
                continue;
            };
            if find::access_of(tx, app, user, found)? != Access::None {
                lost.push(Lost {
                    what: format!(
                        "version {} of '{}' ended, {}: download again",
                        credential.version,
                        user.name,
                        reconciling::ACCOUNT_DELETED
                    ),
                    cluster: found.name.to_string(),
                });
            }
        }
        Ok(lost)
    }

    /// Whose grants end soon on a cluster, and who is blocked there.
    fn people(
        &self,
        status: &mut Status,
        soon: Range<Timestamp>,
        concerns: impl Fn(UserId) -> bool,
    ) {
        let Self {
            cluster: found,
            snapshot,
            ..
        } = *self;
        let people = &snapshot.people.users;
        for (user, grant) in snapshot.grants.iter() {
            let (Some(user), Some(at)) = (people.get(user), grant.ends_at) else {
                continue;
            };
            if concerns(user.id) && at > soon.start && at < soon.end {
                status.ending.push(Ending {
                    what: format!("the {} grant of '{}'", grant.level, user.name),
                    cluster: found.name.to_string(),
                    at,
                });
            }
        }
        let blocked = snapshot.blocks.iter().filter_map(|user| people.get(user));
        for user in blocked.filter(|user| concerns(user.id)) {
            let blocked = (user.name.to_string(), found.name.to_string());
            status.blocked.push(blocked);
        }
    }
}

fn is_concerned(
    credential: &Credential,
    cluster: &Cluster,
    role: Option<ProjectRole>,
    own: impl Fn(UserId) -> bool,
) -> bool {
    match credential.subject {
        Subject::Personal(user) | Subject::Shell(user) => own(user),
        Subject::Shared { project, .. } => role.is_some() && cluster.project == Some(project),
    }
}

/// What is pending on clusters that others manage, and concerns the actor.
pub(super) fn elsewhere(app: &App, actor: &Principal) -> Result<Vec<Pending>, Error> {
    let mut pending = Vec::new();
    for found in app.store()?.read(store::clusters::list)? {
        if !cluster::manages(app, actor, &found)? {
            pending.extend(app.store()?.read(|tx| {
                let looked_at = LookedAt {
                    tx,
                    app,
                    cluster: &found,
                    snapshot: &reconciling::snapshot(tx, found.id)?,
                };
                looked_at.concerning(actor)
            })?);
        }
    }
    Ok(pending)
}

/// Says how things stand on the clusters that the actor manages, and what concerns them on others.
pub(crate) fn status(session: &Session) -> Result<Status, Error> {
    let actor = find::principal(session, Action::Status)?;
    session.end_at_once();
    let now = session.now();
    let soon = now + TimeDelta::days(SOON_DAYS);
    let mut status = Status::default();
    let all_kept = session.store()?.read(kept::all)?;
    for found in session.store()?.read(store::clusters::list)? {
        let manages = cluster::manages(session, &actor, &found)?;
        let name = found.name.to_string();
        if let Some(at) = found.manager_expires_at
            && manages
            && at < now + TimeDelta::days(MANAGER_SOON_DAYS)
        {
            let what = "the manager's token".to_owned();
            status.ending.push(Ending {
                what,
                cluster: name.clone(),
                at,
            });
        }
        session.store()?.read(|tx| {
            let snapshot = reconciling::snapshot(tx, found.id)?;
            let looked_at = LookedAt {
                tx,
                app: session,
                cluster: &found,
                snapshot: &snapshot,
            };
            let concerns = |user| manages || user == actor.user.id;
            let role = find::project_role(tx, &actor.user, &found)?;
            if !manages {
                status.pending.extend(looked_at.concerning(&actor)?);
            }
            if manages {
                looked_at.all_pending(&mut status)?;
            }
            let circumstances = reconciling::circumstances(session, &snapshot);
            for credential in snapshot.credentials.iter().filter(|c| c.state.is_live()) {
                let user = credential.subject.user();
                let shared = user.is_none() && is_concerned(credential, &found, role, |_| false);
                if !(manages || shared || user.is_some_and(concerns)) {
                    continue;
                }
                let owner = &credential.owner;
                let because = snapshot.why_it_must_end(credential, &circumstances);
                if let Some(because) = because.filter(|_| manages || shared) {
                    let because = if credential.is_shell() || user.is_none() {
                        because
                    } else {
                        "its grant has ended"
                    };
                    status.pending.push(Pending {
                        cluster: found.name.clone(),
                        what: format!(
                            "version {} of '{owner}' must end: {because}",
                            credential.version
                        ),
                        why: None,
                        until: credential.tokens_end_at(),
                    });
                }
                if let Some(at) = credential
                    .tokens_end_at()
                    .filter(|at| *at > now && *at < soon)
                {
                    let version = credential.version;
                    let what = format!("the tokens of version {version} of '{owner}'");
                    status.ending.push(Ending {
                        what,
                        cluster: name.clone(),
                        at,
                    });
                }
            }
            for kept in all_kept.iter().filter(|it| it.cluster_id == found.id) {
                let works_with_it = role.is_some() && found.project == Some(kept.project_id);
                if works_with_it || concerns(kept.user_id) {
                    status.kept.push(kept.clone());
                }
            }
            looked_at.people(&mut status, now..soon, concerns);
            status.ended.extend(looked_at.lost(concerns)?);
            Ok::<_, Error>(())
        })?;
    }
    status.asks = asks(session, &status.pending)?;
    status.ending.sort_by_key(|ending| ending.at);
    Ok(status)
}

/// An access that an admin revoked.
#[derive(Debug)]
pub(crate) struct Revoked {
    /// That it is so, in a sentence.
    pub(crate) description: String,
    /// Who can help, and how.
    pub(crate) help: String,
}

/// Where an admin revoked somebody's kubeconfig: on one cluster, or on all that they may see. Of
/// oneself everybody hears, of others those who list their credentials.
pub(crate) fn revoked(
    session: &Session,
    user: Option<&UserRef>,
    only: Option<&ClusterName>,
) -> Result<Vec<Revoked>, Error> {
    let actor = session.principal()?;
    let user = match user {
        Some(user) => find::user(session, user)?,
        None => actor.user.clone(),
    };
    let clusters = session.store()?.read(|tx| {
        let blocks = store::blocks::list(tx)?;
        let mut found = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let asked = only.is_none_or(|only| *only == cluster.name);
            if asked
                && blocks.contains(&(cluster.id, user.id))
                && find::sees(tx, session, &user, &cluster)?
            {
                found.push(cluster.name);
            }
        }
        Ok::<_, store::Error>(found)
    })?;
    let revoked = clusters.iter().map(|cluster| {
        Ok(Revoked {
            description: refusal(Denial::AccessRevoked, Some(cluster), user.name.as_str()),
            help: find::who_restores(session, &user, cluster)?,
        })
    });
    revoked.collect()
}
