//! A change that the rules allow to whoever asks: who asks, of what, and on which rows.

use super::{About, Change, Decision, Target, Who, allowed};
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::people::Named;
use crate::domain::policy::{Denial, ProjectAction};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::user::{User, UserId};
use crate::ops::journal::Journal;
use crate::ops::{Error, find};
use crate::session::{App, Principal, Session};
use crate::store::integrity::{self, Scope};
use crate::store::snapshots::Concerned;
use crate::store::{self, ReadTxn};

/// What a change was found to be when it was begun: the case, the rows, and what would be decided.
pub(super) type Begun = (Case, Rows, Decision);

/// A change that the rules allow to whoever asks.
pub(super) struct Case {
    pub(super) actor: Principal,
    pub(super) journal: Journal,
    pub(super) target: Target,
    /// The cluster that it is about, if it is about one.
    pub(super) cluster: Option<Cluster>,
}

impl Case {
    /// Asks the rules, and what would be decided now, with nothing seen of the cluster.
    pub(super) fn begin<C: Change>(session: &Session, change: &C) -> Result<Begun, Error> {
        let (mut case, (rows, early)) = session.one_look(|| {
            let case = Self::ask(session, change)?;
            let decided = case.decide(session, change, &C::Seen::default())?;
            Ok::<_, Error>((case, decided))
        })?;
        if let Some(user) = early.user.and_then(|id| rows.people.users.get(&id)) {
            case.journal = case.journal.user(user);
        }
        Ok((case, rows, early))
    }

    /// Asks who is acting, and the rules; a refusal is recorded.
    pub(super) fn ask<C: Change>(session: &Session, change: &C) -> Result<Self, Error> {
        let About {
            command,
            target,
            user,
            name,
            new_cluster,
            ..
        } = change.about();
        let actor = find::principal(session, command)?;
        let mut journal = Journal::new(&actor, command);
        if let Some(user) = user.map(ToString::to_string).or(name) {
            journal = journal.user_name(&user);
        }
        if let Some(name) = new_cluster {
            journal = journal.cluster_name(name);
        }
        let cluster = match &target {
            Target::Cluster(name, action) => {
                let found = find::cluster(session, &actor, &journal, name, *action)?;
                journal = journal.cluster(&found.cluster);
                Some(found.cluster)
            }
            Target::Project(name, action) => {
                find::project(session, &actor, &journal, name, *action)?;
                None
            }
            Target::InProject(project, action, cluster) => {
                let project = find::project(session, &actor, &journal, project, *action)?;
                let found = session
                    .store()?
                    .read(|tx| store::clusters::find(tx, cluster))?;
                let found = found.filter(|it| it.project == Some(project.id));
                let changed = || Refusal::ChangedMeanwhile(Some(cluster.clone()));
                let found = found.ok_or_else(|| Error::Refused(changed()))?;
                journal = journal.cluster(&found);
                Some(found)
            }
            Target::Anybody => None,
            Target::Organization(action) => {
                find::may(session, &actor, &journal, *action)?;
                None
            }
        };
        Ok(Self {
            actor,
            journal,
            target,
            cluster,
        })
    }

    /// Who decides, with the rights that they have on these very rows.
    pub(super) fn who(&self, app: &App, rows: &Rows) -> Who {
        let again = |user: &User| {
            let found = rows.people.users.get(&user.id);
            found.unwrap_or(user).clone()
        };
        Who {
            holder: again(&self.actor.holder),
            user: again(&self.actor.user),
            now: app.now(),
        }
    }

    /// Decides on what the store says now.
    pub(super) fn decide<C: Change>(
        &self,
        app: &App,
        change: &C,
        seen: &C::Seen,
    ) -> Result<(Rows, Decision), Error> {
        let rows = app.store()?.read(|tx| self.rows(tx, change))?;
        let decided = change.decide(&rows, &self.who(app, &rows), seen);
        match decided {
            Ok(decision) => Ok((rows, decision)),
            Err(refusal) => Err(self.refused(app, refusal)),
        }
    }

    /// The error of a refusal; what a rule refused is recorded.
    pub(super) fn refused(&self, app: &App, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Denied(denial) => find::denied(
                app,
                &self.actor,
                &self.journal,
                self.cluster.as_ref().map(|it| &it.name),
                denial,
            ),
            Refusal::DeniedTo { user, denial } => {
                let cluster = self.cluster.as_ref().map(|it| &it.name);
                let help = match (denial, cluster) {
                    (Denial::NotOnCluster(_), Some(cluster)) => vec![format!(
                        "run `kubegrant access grant {} --cluster {cluster} --level write`",
                        user.name
                    )],
                    _ => vec![],
                };
                let journal = self.journal.clone().user(&user);
                journal.deny(app, denial, cluster, &user, help)
            }
            // With the names that are spelt alike.
            Refusal::UnknownUser(name) => match find::user(app, &name) {
                Err(error) => error,
                Ok(_) => Error::Refused(Refusal::UnknownUser(name)),
            },
            // The same; a look at one that is not there is recorded.
            Refusal::UnknownProject(name) => {
                let see = ProjectAction::See;
                match find::project(app, &self.actor, &self.journal, &name, see) {
                    Err(error) => error,
                    Ok(_) => Error::Refused(Refusal::UnknownProject(name)),
                }
            }
            other => {
                if other.is_recorded() {
                    let text = other.to_string();
                    let recorded = self.journal.record_alone(app, Phase::Denied, text, None);
                    if let Err(error) = recorded {
                        return error.into();
                    }
                }
                Error::Refused(other)
            }
        }
    }

    /// The clusters on which a user has anything. What changes on all of them at once relies on what
    /// the store says of each, and that none is missing; what goes through them one by one fails one
    /// by one.
    fn clusters_of(&self, tx: &ReadTxn<'_>, user: UserId) -> store::Result<Vec<Cluster>> {
        let clusters = store::clusters::of_user(tx, user)?;
        if matches!(&self.target, Target::Organization(action) if action.is_everywhere()) {
            let each = clusters.iter().map(|cluster| Scope::Cluster(cluster.id));
            integrity::check_each(tx, each.chain([Scope::OfUser(user), Scope::Clusters]))?;
        }
        Ok(clusters)
    }

    /// The rows that it decides on.
    pub(super) fn rows<C: Change>(&self, tx: &ReadTxn<'_>, change: &C) -> store::Result<Rows> {
        let about = change.about();
        let project = match &self.target {
            Target::Project(name, _) | Target::InProject(name, ..) => {
                store::projects::find(tx, name)?
            }
            Target::Cluster(..) | Target::Organization(_) | Target::Anybody => None,
        };
        let clusters = match &self.target {
            _ if about.follows_user => {
                let user = about.user.map(|name| store::users::find(tx, name));
                match user.transpose()?.flatten() {
                    Some(user) => self.clusters_of(tx, user.id)?,
                    None => vec![],
                }
            }
            Target::Cluster(name, _) | Target::InProject(_, _, name) => {
                store::clusters::find(tx, name)?.into_iter().collect()
            }
            Target::Project(..) => match &project {
                Some(project) => store::clusters::of_project(tx, project.id)?,
                None => vec![],
            },
            Target::Organization(_) | Target::Anybody => vec![],
        };
        let mut named = about.named;
        let actor = [&self.actor.holder, &self.actor.user];
        named.extend(actor.map(|user| Named::Number(user.id)));
        named.extend(about.user.map(|name| Named::As(name.clone())));
        let registered = if about.registers {
            store::clusters::list(tx)?
        } else {
            vec![]
        };
        let (ssh_keys, ssh_nodes) = match clusters.as_slice() {
            [cluster] if about.ssh_keys => store::ssh_keys::with_nodes(tx, cluster.id)?,
            _ => (vec![], vec![]),
        };
        let claims = ssh_keys.iter().filter_map(|pair| pair.claim.as_ref());
        let claimed = claims.flat_map(|claim| [claim.to, claim.by]);
        named.extend(claimed.map(Named::Number));
        let concerned = Concerned::new(named, project.as_ref().map(|project| project.id));
        let (people, clusters) = store::snapshots::of_clusters(tx, clusters, concerned)?;
        Ok(Rows {
            people,
            project,
            clusters,
            registered,
            ssh_keys,
            ssh_nodes,
        })
    }

    pub(super) fn changed(&self) -> Error {
        let cluster = self.cluster.as_ref().map(|it| it.name.clone());
        Error::Refused(Refusal::ChangedMeanwhile(cluster))
    }

    pub(super) fn cluster_id(&self) -> Option<ClusterId> {
        self.cluster.as_ref().map(|it| it.id)
    }

    /// Whether the rules allow it on the rows of a transaction.
    pub(super) fn is_allowed(&self, app: &App, tx: &ReadTxn<'_>) -> store::Result<bool> {
        match (&self.target, &self.cluster) {
            (Target::Cluster(_, action), Some(cluster)) => {
                allowed::on_cluster(app, tx, &self.actor, cluster, *action)
            }
            (Target::Organization(action), _) => {
                allowed::in_organization(tx, &self.actor, Some(*action))
            }
            (Target::Project(name, action), _) => {
                allowed::in_project(tx, &self.actor, name, *action)
            }
            (Target::InProject(project, action, cluster), _) => {
                let is_there = allowed::in_project(tx, &self.actor, project, *action)?;
                let project = store::projects::find(tx, project)?.map(|it| it.id);
                let found = store::clusters::find(tx, cluster)?;
                let is_in = found.is_some_and(|it| it.project.is_some() && it.project == project);
                Ok(is_there && is_in)
            }
            (Target::Anybody, _) => allowed::in_organization(tx, &self.actor, None),
            (Target::Cluster(..), None) => Ok(false),
        }
    }
}
