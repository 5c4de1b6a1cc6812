//! The members of a project: add, change, remove. Who loses a level they took a shared kubeconfig
//! of, ends that kubeconfig for everybody.

use super::shared::Over;
use crate::domain::Confirmed;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::credential::{State, Subject};
use crate::domain::name::{ProjectName, UserRef};
use crate::domain::policy::ProjectAction;
use crate::domain::project::{Project, ProjectRole};
use crate::domain::user::User;
use crate::ops::journal::Journal;
use crate::ops::{Applied, Done, Error, Mode, find, settle, user as users};
use crate::session::{Actor, Session};
use crate::store::{self, ReadTxn, WriteTxn};

/// What a change of a member came to.
#[derive(Debug)]
pub(crate) struct Changed {
    /// In which project.
    pub(crate) project: ProjectName,
    /// Who.
    pub(crate) user: String,
    /// What they are now; nothing once they are removed.
    pub(crate) role: Option<ProjectRole>,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// The clusters that they reach through it.
    pub(crate) clusters: Vec<String>,
    /// The shared versions that ended with it.
    pub(crate) over: Vec<Over>,
    /// The shared versions that they keep, and can still get in with.
    pub(crate) kept: Vec<String>,
    /// What it did on clusters.
    pub(crate) applied: Applied,
}

/// What happens to the shared kubeconfigs that a member took and has no right to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// They end, and everybody else downloads again.
    End,
    /// They live on (`--keep-shared`).
    Keep,
}

struct Case {
    actor: Actor,
    journal: Journal,
    project: Project,
    user: User,
    role: Option<ProjectRole>,
    clusters: Vec<Cluster>,
}

fn case(
    session: &Session,
    action: &'static str,
    project: &ProjectName,
    user: &UserRef,
) -> Result<Case, Error> {
    let actor = find::actor(session, action)?;
    let journal = Journal::new(&actor, action).user_name(&user.to_string());
    let project = find::project(session, &actor, &journal, project, ProjectAction::Members)?;
    let user = find::user(session, user)?;
    let (role, clusters) = session.store()?.read(|tx| {
        let role = store::projects::role_of(tx, project.id, user.id)?;
        Ok::<_, store::Error>((role, clusters_of(tx, &project)?))
    })?;
    Ok(Case {
        journal: journal.user(&user),
        actor,
        project,
        user,
        role,
        clusters,
    })
}

/// The clusters of a project by name.
pub(super) fn clusters_of(tx: &ReadTxn<'_>, project: &Project) -> store::Result<Vec<Cluster>> {
    let mut clusters = store::clusters::list(tx)?;
    clusters.retain(|cluster| cluster.project == Some(project.id));
    Ok(clusters)
}

impl Case {
    fn outcome(&self, role: Option<ProjectRole>, unchanged: bool) -> Changed {
        let names = self.clusters.iter().map(|cluster| cluster.name.to_string());
        Changed {
            project: self.project.name.clone(),
            user: self.user.name.to_string(),
            role,
            unchanged,
            clusters: names.collect(),
            over: vec![],
            kept: vec![],
            applied: Applied::default(),
        }
    }

    fn not_a_member(&self) -> Error {
        let (user, project) = (&self.user.name, &self.project.name);
        Error::NotThere {
            what: format!("member '{user}' in project '{project}'"),
            hint: format!(
                "run `kubegrant project add-member {user} --project {project} --role viewer`"
            ),
        }
    }
}

/// Refuses what would leave a project without an active owner.
fn keep_an_owner(tx: &ReadTxn<'_>, project: &Project, user: &User) -> Result<(), Error> {
    if !user.active {
        return Ok(());
    }
    let members = store::projects::members(tx, project.id)?;
    let owns = |id| {
        let owner = |it: &&crate::domain::project::Member| it.role == ProjectRole::Owner;
        members.iter().filter(owner).any(|member| member.user == id)
    };
    let others = store::users::list(tx)?;
    let others = others.iter().filter(|it| it.active && it.id != user.id);
    if owns(user.id) && !others.map(|it| it.id).any(owns) {
        return Err(Error::Forbidden {
            why: format!(
                "'{}' is the last active owner of project '{}', and stays",
                user.name, project.name
            ),
            hint: format!(
                "make somebody else its owner first: `kubegrant project set-role USER --project {} \
                 --role owner`",
                project.name
            ),
        });
    }
    Ok(())
}

/// Refuses what the project is without meanwhile.
fn still_there(tx: &ReadTxn<'_>, case: &Case) -> Result<(), Error> {
    super::still_there(tx, &case.project)?;
    if store::projects::role_of(tx, case.project.id, case.user.id)? == case.role {
        return Ok(());
    }
    Err(Error::Forbidden {
        why: format!(
            "what '{}' is in project '{}' changed meanwhile",
            case.user.name, case.project.name
        ),
        hint: format!("run `kubegrant project show {}`", case.project.name),
    })
}

/// Makes a user a member: they reach all of the project's clusters, those added later too.
pub(crate) fn add(
    session: &Session,
    (project, user): (&ProjectName, &UserRef),
    role: ProjectRole,
    mode: Mode,
) -> Result<Done<Changed>, Error> {
    let case = case(session, "project add-member", project, user)?;
    let (name, shown) = (&case.user.name, &case.project.name);
    if let Some(has) = case.role {
        return Err(Error::Exists {
            what: format!("member '{name}' of project '{shown}', as {has},"),
            hint: format!(
                "change the role with `kubegrant project set-role {name} --project {shown} \
                 --role {role}`"
            ),
        });
    }
    if !case.user.active {
        return Err(Error::Forbidden {
            why: format!("'{name}' is disabled and has nothing"),
            hint: format!("run `kubegrant user enable {name}` first"),
        });
    }
    if mode == Mode::Plan {
        return Ok(Done::Planned(vec![format!(
            "make '{name}' {role} of project '{shown}'"
        )]));
    }
    session.store()?.write(|tx| {
        still_there(tx, &case)?;
        let key = (case.project.id, case.user.id);
        store::projects::put_member(tx, key, role, case.actor.user.id, session.now())?;
        let detail = format!("'{name}' is {role} of project '{shown}'");
        case.journal
            .record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(())
    })?;
    Ok(Done::Did(case.outcome(Some(role), false)))
}

/// Gives a member another role. A weaker one ends what they took of the stronger level.
pub(crate) async fn set_role(
    session: &Session,
    (project, user): (&ProjectName, &UserRef),
    role: ProjectRole,
    taken: Taken,
    mode: Mode,
) -> Result<Done<Changed>, Error> {
    let case = case(session, "project set-role", project, user)?;
    let Some(before) = case.role else {
        return Err(case.not_a_member());
    };
    if before == role {
        return Ok(Done::Did(case.outcome(Some(role), true)));
    }
    let detail = format!(
        "'{}' is {role} of project '{}' instead of {before}",
        case.user.name, case.project.name
    );
    change(session, &case, Some(role), (detail, taken), mode).await
}

/// Removes a member; what they took ends for everybody.
pub(crate) async fn remove(
    session: &Session,
    (project, user): (&ProjectName, &UserRef),
    taken: Taken,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Changed>, Error> {
    let case = case(session, "project remove-member", project, user)?;
    if case.role.is_none() {
        return again(session, &case, mode).await;
    }
    let detail = format!(
        "'{}' is no member of project '{}' any more",
        case.user.name, case.project.name
    );
    change(session, &case, None, (detail, taken), mode).await
}

/// Who is no member (any more): what an earlier removal left pending is said, and tried, again.
async fn again(session: &Session, case: &Case, mode: Mode) -> Result<Done<Changed>, Error> {
    let pending = session.store()?.read(|tx| {
        let mut pending = store::credentials::shared_held_by(tx, case.user.id)?;
        pending.retain(|it| it.state == State::Revoking);
        Ok::<_, store::Error>(pending)
    })?;
    let owing = case.clusters.iter();
    let owing: Vec<Cluster> = owing
        .filter(|cluster| pending.iter().any(|it| it.cluster == cluster.id))
        .cloned()
        .collect();
    if owing.is_empty() || mode == Mode::Plan {
        return Err(case.not_a_member());
    }
    let detail = "what is still owed is tried again";
    let journal = &case.journal;
    let request = journal.record_alone(session, Phase::Requested, detail, None)?;
    let applied = users::apply_everywhere(session, owing, journal, request).await?;
    Ok(Done::Did(Changed {
        applied,
        ..case.outcome(None, true)
    }))
}

/// Whether a level is more than a role has.
fn exceeds(subject: Subject, project: &Project, role: Option<ProjectRole>) -> bool {
    match subject {
        Subject::Shared { project: id, level } => {
            id == project.id && role.is_none_or(|role| role.level() < level)
        }
        Subject::Personal(_) | Subject::Shell(_) => false,
    }
}

async fn change(
    session: &Session,
    case: &Case,
    role: Option<ProjectRole>,
    (detail, taken): (String, Taken),
    mode: Mode,
) -> Result<Done<Changed>, Error> {
    let loses_ownership = case.role == Some(ProjectRole::Owner) && role != Some(ProjectRole::Owner);
    if mode == Mode::Plan {
        let lines = session.store()?.read(|tx| {
            if loses_ownership {
                keep_an_owner(tx, &case.project, &case.user)?;
            }
            let (too_much, _) = held_too_much(tx, case, role, taken)?;
            Ok::<_, Error>([detail].into_iter().chain(too_much).collect())
        })?;
        return Ok(Done::Planned(lines));
    }
    let (touched, over, kept, request) = session.store()?.write(|tx| {
        still_there(tx, case)?;
        if loses_ownership {
            keep_an_owner(tx, &case.project, &case.user)?;
        }
        let (id, user) = (case.project.id, case.user.id);
        match role {
            Some(role) => {
                let (by, now) = (case.actor.user.id, session.now());
                store::projects::put_member(tx, (id, user), role, by, now)?;
            }
            None => store::projects::remove_member(tx, id, user)?,
        }
        let journal = &case.journal;
        let request = journal.record(session, tx, Phase::Requested, detail.clone(), None)?;
        let (_, kept) = held_too_much(tx, case, role, taken)?;
        for credential in store::credentials::shared_held_by(tx, user)? {
            if exceeds(credential.subject, &case.project, role) {
                store::credentials::set_kept(tx, credential.id, user, taken == Taken::Keep)?;
            }
        }
        if !kept.is_empty() {
            let detail = format!("'{}' keeps {}", case.user.name, kept.join(", "));
            journal.record(session, tx, Phase::Done, detail, Some(request))?;
        }
        let (touched, over) = end_in_project(session, tx, case, request)?;
        Ok::<_, Error>((touched, over, kept, request))
    })?;
    let applied = users::apply_everywhere(session, touched, &case.journal, request).await?;
    case.journal.close(session, &applied, detail, request)?;
    Ok(Done::Did(Changed {
        over,
        kept,
        applied,
        ..case.outcome(role, false)
    }))
}

/// Ends what must end on the project's clusters; gives those that have something to do.
fn end_in_project(
    session: &Session,
    tx: &WriteTxn<'_>,
    case: &Case,
    request: EventSeq,
) -> Result<(Vec<Cluster>, Vec<Over>), Error> {
    let mut touched = Vec::new();
    let mut over = Vec::new();
    // What they hold of a version that somebody ended before, and that still lets them in, is theirs
    // until it is gone.
    let mut pending = store::credentials::shared_held_by(tx, case.user.id)?;
    pending.retain(|it| it.state == State::Revoking);
    for cluster in clusters_of(tx, &case.project)? {
        let journal = case.journal.clone().cluster(&cluster);
        let ended = settle::end_what_must(session, tx, &cluster, &journal, Some(request))?;
        over.extend(Over::all_of(tx, &cluster, &ended)?);
        if !ended.is_empty() || pending.iter().any(|it| it.cluster == cluster.id) {
            touched.push(cluster);
        }
    }
    Ok((touched, over))
}

/// The live shared versions that a member would hold and have no right to: as sentences of a
/// plan, and those that they keep.
fn held_too_much(
    tx: &ReadTxn<'_>,
    case: &Case,
    role: Option<ProjectRole>,
    taken: Taken,
) -> store::Result<(Vec<String>, Vec<String>)> {
    let (mut lines, mut kept) = (Vec::new(), Vec::new());
    for credential in store::credentials::shared_held_by(tx, case.user.id)? {
        let cluster = case.clusters.iter().find(|it| it.id == credential.cluster);
        let exceeds = exceeds(credential.subject, &case.project, role);
        let (Some(cluster), true) = (cluster, exceeds && credential.state.is_live()) else {
            continue;
        };
        let words = format!(
            "version {} of '{}' on cluster '{}'",
            credential.version, credential.owner, cluster.name
        );
        match taken {
            Taken::End => lines.push(format!("end {words}, and begin the next one")),
            Taken::Keep => {
                lines.push(format!("keep {words}"));
                kept.push(words);
            }
        }
    }
    Ok((lines, kept))
}
