//! Shared kubeconfigs: what became of those that ended, and ending them by command: rotate and revoke.

use crate::domain::Confirmed;
use crate::domain::access::Power;
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, State};
use crate::domain::credential::{Credential, Subject};
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, ProjectName};
use crate::domain::policy::ProjectAction;
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::subject::SubjectName;
use crate::domain::user::User;
use crate::ops::change::{self, About, Change, Decision, Direction, Target, Who};
use crate::ops::{Applied, Done, Error, Intent, Obstacle, Planned, find};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// A shared version that ended, and who must download again.
#[derive(Debug, Clone)]
pub(crate) struct Over {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Whose, in words: `shop/read`.
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
    /// What became of the shared versions that end with a change of a cluster.
    pub(in crate::ops) fn all_of(before: &ClusterSnapshot, effects: &[Effect]) -> Vec<Self> {
        let mut after = before.clone();
        for effect in effects {
            after.apply(effect);
        }
        let ended = effects.iter().filter_map(|effect| match effect {
            Effect::EndVersion { credential, .. } => Some(*credential),
            _ => None,
        });
        let begun = |subject| {
            let mut begun = effects.iter().filter_map(|effect| match effect {
                Effect::BeginVersion {
                    subject: of,
                    version,
                    ..
                } if *of == subject => Some(*version),
                _ => None,
            });
            begun.next()
        };
        let ended = ended.filter_map(|id| before.credentials.iter().find(|it| it.id == id));
        ended
            .filter_map(|ended| Self::of(&after, ended, begun(ended.subject)))
            .collect()
    }

    /// What became of one that ends; nothing where it is not shared.
    fn of(after: &ClusterSnapshot, ended: &Credential, begun: Option<u32>) -> Option<Self> {
        let Subject::Shared { project, level } = ended.subject else {
            return None;
        };
        let holders = after.holders.get(&ended.id).into_iter().flatten();
        let holders = holders.filter_map(|holder| after.people.users.get(&holder.user));
        let holders: Vec<&User> = holders.collect();
        let names = |users: &mut dyn Iterator<Item = &&User>| {
            let names = users.map(|user| user.name.to_string());
            names.collect::<Vec<String>>()
        };
        let mut again = holders
            .iter()
            .filter(|user| after.may_take(user, project, level));
        Some(Self {
            cluster: after.cluster.name.clone(),
            owner: ended.owner.clone(),
            ended: ended.version,
            begun,
            again: names(&mut again),
            held_by: names(&mut holders.iter()),
            was_full: level.power() == Power::Full && !holders.is_empty(),
        })
    }
}

/// Whether a user may take the shared kubeconfig of this subject; nobody may where it is none.
pub(in crate::ops) fn may_take(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    user: &User,
    subject: Subject,
) -> store::Result<bool> {
    let Subject::Shared { project, level } = subject else {
        return Ok(false);
    };
    let role = store::projects::role_of(tx, project, user.id)?;
    Ok(user.active
        && role.map(ProjectRole::level) == Some(level)
        && !store::blocks::contains(tx, cluster.id, user.id)?)
}

/// What is done to shared kubeconfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// End the version and begin the next.
    Rotate,
    /// End it.
    Revoke,
}

impl Ending {
    fn action(self) -> Action {
        match self {
            Self::Rotate => Action::ProjectRotate,
            Self::Revoke => Action::ProjectRevoke,
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

/// What is done to which shared kubeconfigs.
pub(crate) struct EndRequest<'a> {
    /// Of which project.
    pub(crate) project: &'a ProjectName,
    /// Which of them.
    pub(crate) which: &'a Which,
    /// What is done.
    pub(crate) action: Ending,
}

/// What came of one cluster.
#[derive(Debug)]
pub(crate) struct Report {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// The versions that ended, and how far that is true.
    pub(crate) outcome: Result<(Vec<Over>, Applied), Error>,
}

/// The live shared versions of a project on one of its clusters end.
struct End<'a> {
    project: &'a ProjectName,
    cluster: ClusterName,
    which: &'a Which,
    action: Ending,
}

impl Change for End<'_> {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        // What only takes away waits for nobody.
        let asks = self.action.asks();
        let direction = match self.action {
            Ending::Rotate => Direction::Gives,
            Ending::Revoke => Direction::Takes,
        };
        About::new(
            self.action.action(),
            Target::InProject(self.project.clone(), asks, self.cluster.clone()),
            direction,
        )
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<(), Error> {
        if self.action == Ending::Rotate {
            // Who cannot open the cluster's login cannot finish: nothing is begun, and it is said.
            let on = rows.only().map_err(Error::Refused)?;
            session.login(&on.cluster, &on.installation)?;
        }
        Ok(())
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let project = rows.the_project()?;
        if self.action == Ending::Rotate && on.cluster.state == State::Archived {
            return Err(Refusal::ArchivedShared(on.cluster.name.clone()));
        }
        let subject = |level| Subject::Shared {
            project: project.id,
            level,
        };
        let live = self.which.levels().into_iter().map(subject);
        let live: Vec<&Credential> = live.filter_map(|it| on.live(it)).collect();
        let effects = live.into_iter().flat_map(|live| match self.action {
            Ending::Rotate => on.ending(live, "rotated"),
            Ending::Revoke => vec![on.end_of(live, "revoked")],
        });
        let verb = match self.action {
            Ending::Rotate => "rotate",
            Ending::Revoke => "revoke",
        };
        Ok(Decision {
            effects: effects.collect(),
            detail: format!(
                "{verb} the shared kubeconfigs of project '{}'",
                project.name
            ),
            // Also where there is nothing to decide: what is pending is tried again.
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Ends the live shared versions of a project, everywhere or where it is said. One cluster's failure
/// hides no other's success.
pub(crate) async fn act(
    session: &Session,
    request: &EndRequest<'_>,
    intent: &Intent,
) -> Result<Done<Vec<Report>>, Error> {
    let EndRequest {
        project: name,
        which,
        action,
    } = *request;
    let (actor, journal) = find::acting(session, action.action())?;
    let project = find::project(session, &actor, &journal, name, action.asks())?;
    let mut clusters = session.store()?.read(store::clusters::list)?;
    clusters.retain(|cluster| cluster.project == Some(project.id));
    match &which.cluster {
        // An archived cluster rotates nothing: where all are meant, there is nothing to do on it.
        None if action == Ending::Rotate => {
            clusters.retain(|cluster| cluster.state == State::Active);
        }
        None => {}
        Some(wanted) => clusters.retain(|cluster| cluster.name == *wanted),
    }
    if let (Some(wanted), []) = (&which.cluster, clusters.as_slice()) {
        return Err(Error::Obstacle(Obstacle::NotInProject {
            cluster: wanted.clone(),
            project: name.clone(),
        }));
    }
    let end = |cluster| End {
        project: name,
        cluster,
        which,
        action,
    };
    if intent.is_preview() {
        let mut planned = Planned::default();
        for cluster in &clusters {
            match change::planned(session, &end(cluster.name.clone())).await {
                Ok(one) => planned.extend(one),
                // The others are done all the same.
                Err(Error::Refused(refusal)) if clusters.len() > 1 => {
                    planned
                        .steps
                        .push(format!("nothing on cluster '{}': {refusal}", cluster.name));
                }
                Err(error) => return Err(error),
            }
        }
        return Ok(Done::Planned(planned));
    }
    let names = clusters.into_iter().map(|cluster| cluster.name);
    let silent: &mut dyn FnMut(&Report) = &mut |_| {};
    let reports = change::on_each(
        names,
        |it: &Report| &it.cluster,
        silent,
        |cluster| async move {
            let change = end(cluster.clone());
            let done = Box::pin(change::run(session, &change, intent)).await;
            let outcome = done.map(|done| match done {
                Done::Did(carried) => (carried.over(), carried.applied),
                Done::Planned(planned) => (planned.over, Applied::default()),
            });
            Report { cluster, outcome }
        },
    );
    Ok(Done::Did(reports.await))
}
