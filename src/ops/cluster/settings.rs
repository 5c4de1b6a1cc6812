//! Changing a cluster's settings.

use super::approach::WRITE_SCOPE_WARNING;
use super::insisted::Insisted;
use super::public::tried;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::Confirmed;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, PublicAddress, WriteScope};
use crate::domain::credential::Subject;
use crate::domain::level::{Allowed, LeftOut};
use crate::domain::name::{ClusterName, ProjectName};
use crate::domain::policy::{ClusterAction, OrganizationAction, ProjectAction};
use crate::ops::commit::Question;
use crate::ops::journal::Journal;
use crate::ops::project::shared::Over;
use crate::ops::{Applied, Done, Error, Mode, find, settle};
use crate::session::Session;
use crate::store::{self, WriteTxn};

/// Which project a cluster is to be in.
#[derive(Debug, Clone, Default)]
pub(crate) enum Place {
    /// The one that it is in, if any.
    #[default]
    Same,
    /// This one.
    In(ProjectName),
    /// None.
    Nowhere,
}

/// Which address files carry.
#[derive(Debug, Clone, Default)]
pub(crate) enum Public {
    /// The one that they carry now.
    #[default]
    Same,
    /// This one.
    At(PublicAddress),
    /// The one that was registered.
    Registered,
}

/// What `cluster set` changes; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Set {
    /// One line for people.
    pub(crate) description: Option<String>,
    /// Labels to set.
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels to remove.
    pub(crate) labels_removed: BTreeSet<String>,
    /// How far write reaches.
    pub(crate) write_scope: Option<WriteScope>,
    /// Which project it is in.
    pub(crate) project: Place,
    /// Namespaces to hold back.
    pub(crate) hold_back: BTreeSet<String>,
    /// Namespaces to hold back no longer.
    pub(crate) release: BTreeSet<String>,
    /// Excluded namespaces that write is to reach all the same.
    pub(crate) include: BTreeSet<String>,
    /// Namespaces that it is to reach so no longer.
    pub(crate) include_removed: BTreeSet<String>,
    /// Resources of others that write is to carry as `edit` does.
    pub(crate) allow: BTreeSet<Allowed>,
    /// Resources that it is to carry so no longer.
    pub(crate) allow_removed: BTreeSet<Allowed>,
    /// Which address files carry.
    pub(crate) public: Public,
}

impl Set {
    /// Whether it changes where write reaches, or what it carries.
    fn moves_write(&self) -> bool {
        let namespaces = [&self.hold_back, &self.release, &self.include];
        self.write_scope.is_some()
            || !namespaces.iter().all(|list| list.is_empty())
            || !self.include_removed.is_empty()
            || !self.allow.is_empty()
            || !self.allow_removed.is_empty()
    }
}

/// What a change of settings came to.
#[derive(Debug)]
pub(crate) struct SetOutcome {
    /// The cluster as it is now.
    pub(crate) cluster: Cluster,
    /// The project that it is in now.
    pub(crate) project: Option<String>,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// The shared versions that ended because the cluster left their project.
    pub(crate) over: Vec<Over>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// What the levels leave out, where what write carries was changed and the cluster answered.
    pub(crate) left_out: Vec<LeftOut>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// Changes a cluster's settings. Where write reaches is sensitive; labels are not.
///
/// What lets writers escalate is refused with [`Error::Climbs`] until a person agreed.
pub(crate) async fn set(
    session: &Session,
    name: &ClusterName,
    wish: Set,
    mode: Mode,
    confirmed: Option<Confirmed>,
) -> Result<Done<SetOutcome>, Error> {
    let actor = find::actor(session, "cluster set")?;
    let journal = Journal::new(&actor, "cluster set");
    let moves_write = wish.moves_write();
    let action = if moves_write || !matches!(wish.public, Public::Same) {
        ClusterAction::Sensitive
    } else {
        ClusterAction::ChangeSettings
    };
    let found = find::cluster(session, &actor, &journal, name, action)?;
    // Whoever is in the project gets in: that is not for the cluster's owner to give.
    if !matches!(wish.project, Place::Same) {
        let journal = journal.clone().cluster(&found.cluster);
        let manage = OrganizationAction::ManageProjects;
        find::allow(session, &actor, &journal, manage)?;
    }
    let project = match &wish.project {
        Place::Same => found.cluster.project,
        Place::Nowhere => None,
        Place::In(name) => {
            let see = ProjectAction::See;
            Some(find::project(session, &actor, &journal, name, see)?.id)
        }
    };
    let moves = !matches!(wish.project, Place::Same);
    let journal = journal.cluster(&found.cluster);
    let question = Question {
        command: "cluster set",
        action,
        also: moves.then_some(OrganizationAction::ManageProjects),
        cluster: &found.cluster,
    };
    // Two changes at once both count: each begins where the other ended.
    let (lock, before) = question.lock(session).await?;
    let mut after = apply_settings(&before, wish);
    if moves {
        after.project = project;
    }
    let mut warnings = Box::pin(look(session, &before, &mut after)).await?;
    if moves_write && after.write_scope == WriteScope::Cluster {
        warnings.push(WRITE_SCOPE_WARNING.to_owned());
    }
    if after == before {
        // Nothing to decide; but what an earlier decision still owes is tried again.
        let applied = if mode == Mode::Do {
            settle::pay(session, &lock, &journal, None).await?
        } else {
            Applied::default()
        };
        return Ok(Done::Did(SetOutcome {
            project: project_name(session, &before)?,
            unchanged: true,
            over: vec![],
            warnings,
            left_out: left_out(session, &before, moves_write && mode == Mode::Do).await,
            cluster: before,
            applied,
        }));
    }
    let insisted = Insisted::judge(session, &before, &after).await?;
    let mut lines = describe_settings(&before, &after);
    lines.extend(insisted.lines());
    lines.extend(describe_project(session, &before, &after)?);
    if mode == Mode::Plan {
        return Ok(Done::planned(lines));
    }
    insisted.must_be(confirmed, &before)?;
    let write_moved = before.write_scope != after.write_scope
        || before.held_back != after.held_back
        || before.included != after.included
        || before.write_allow != after.write_allow;
    let (request, over) = question.commit(session, |tx, now| {
        if !is_as_it_was(now, &before) {
            return Err(question.changed());
        }
        let change = (&before, &after, write_moved);
        record(session, tx, &journal, change, lines.join("; "))
    })?;
    let applied = if write_moved || after.project != before.project {
        settle::pay(session, &lock, &journal, Some(request)).await?
    } else {
        Applied::default()
    };
    let phase = if applied.owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    };
    journal.record_alone(session, phase, lines.join("; "), Some(request))?;
    Ok(Done::Did(SetOutcome {
        project: project_name(session, &after)?,
        left_out: left_out(session, &after, write_moved).await,
        cluster: after,
        unchanged: false,
        over,
        warnings,
        applied,
    }))
}

/// Tries the address that files are to carry, where it is another; what a person should know.
async fn look(
    session: &Session,
    before: &Cluster,
    after: &mut Cluster,
) -> Result<Vec<String>, Error> {
    match after.public.take() {
        Some(public) if before.public.as_ref() != Some(&public) => {
            let (public, notes) = tried(session, before, public).await?;
            after.public = Some(public);
            Ok(notes)
        }
        same => {
            after.public = same;
            Ok(vec![])
        }
    }
}

/// Records the settings, and what ends with them.
fn record(
    session: &Session,
    tx: &WriteTxn<'_>,
    journal: &Journal,
    (before, after, write_moved): (&Cluster, &Cluster, bool),
    detail: String,
) -> Result<(EventSeq, Vec<Over>), Error> {
    let moves = after.project != before.project;
    if moves {
        still_there(tx, after)?;
    }
    store::clusters::update_settings(tx, after)?;
    if write_moved {
        store::clusters::owe_reach(tx, after.id)?;
    }
    let request = journal.record(session, tx, Phase::Requested, detail, None)?;
    if !moves {
        return Ok((request, vec![]));
    }
    // The shared kubeconfigs of the project that it leaves end here.
    let (on, ended) = settle::end_what_must(session, tx, after.id, journal, Some(request))?;
    Ok((request, Over::all_of(&on, &ended)))
}

/// What the levels leave out now, where the cluster says so.
async fn left_out(session: &Session, cluster: &Cluster, is_asked: bool) -> Vec<LeftOut> {
    if !is_asked {
        return vec![];
    }
    let seen = super::look(session, cluster).await;
    seen.map(|seen| seen.left_out).unwrap_or_default()
}

fn apply_settings(before: &Cluster, wish: Set) -> Cluster {
    let mut after = before.clone();
    if let Some(description) = wish.description {
        after.description = description;
    }
    after
        .labels
        .retain(|key, _| !wish.labels_removed.contains(key));
    after.labels.extend(wish.labels);
    if let Some(scope) = wish.write_scope {
        after.write_scope = scope;
    }
    after
        .held_back
        .retain(|namespace| !wish.release.contains(namespace));
    after.held_back.extend(wish.hold_back);
    after
        .included
        .retain(|namespace| !wish.include_removed.contains(namespace));
    after.included.extend(wish.include);
    after
        .write_allow
        .retain(|allowed| !wish.allow_removed.contains(allowed));
    after.write_allow.extend(wish.allow);
    match wish.public {
        Public::Same => {}
        Public::Registered => after.public = None,
        // A name of the certificate that was found before stays, unless another is given.
        Public::At(public) => {
            let known = after.public.as_ref().is_some_and(|known| {
                known.server == public.server && public.tls_server_name.is_none()
            });
            if !known {
                after.public = Some(public);
            }
        }
    }
    after
}

fn project_name(session: &Session, cluster: &Cluster) -> Result<Option<String>, Error> {
    let names = session.store()?.read(store::projects::names)?;
    Ok(cluster
        .project
        .and_then(|id| names.get(&id).map(ToString::to_string)))
}

/// Whether nothing of a cluster was changed since but what is of no concern here. A deleted project
/// takes no lock, for example: what was changed since is not changed back.
fn is_as_it_was(now: &Cluster, before: &Cluster) -> bool {
    let comparable = Cluster {
        owner: before.owner,
        reached_at: before.reached_at,
        ..now.clone()
    };
    comparable == *before
}

/// Refuses a project that was deleted meanwhile.
fn still_there(tx: &WriteTxn<'_>, after: &Cluster) -> Result<(), Error> {
    let projects = store::projects::list(tx)?;
    let there = |id| projects.iter().any(|project| project.id == id);
    if after.project.is_none_or(there) {
        Ok(())
    } else {
        Err(project_is_gone())
    }
}

fn project_is_gone() -> Error {
    Error::Forbidden {
        why: "the project was deleted meanwhile".to_owned(),
        hint: "run `kubegrant project list`".to_owned(),
    }
}

/// What a move between projects means, a sentence each.
fn describe_project(
    session: &Session,
    before: &Cluster,
    after: &Cluster,
) -> Result<Vec<String>, Error> {
    if before.project == after.project {
        return Ok(vec![]);
    }
    let snapshot = session.store()?.read(|tx| settle::snapshot(tx, after.id))?;
    let name = |id| {
        snapshot
            .people
            .projects
            .get(&id)
            .map_or("", ProjectName::as_str)
    };
    let mut lines = Vec::new();
    match after.project {
        Some(project) => lines.push(format!("project: {}", name(project))),
        None => lines.push("project: none".to_owned()),
    }
    for credential in &snapshot.credentials {
        if matches!(credential.subject, Subject::Shared { .. }) && credential.state.is_live() {
            let owner = &credential.owner;
            let ends = format!("end version {} of '{owner}'", credential.version);
            let end = [snapshot.end_of(credential, "")];
            let over = Over::all_of(&snapshot, &end).pop();
            let held_by = over.map(|over| over.held_by).unwrap_or_default();
            let names: Vec<String> = held_by.iter().map(|name| format!("'{name}'")).collect();
            lines.push(if names.is_empty() {
                format!("{ends}, held by nobody")
            } else {
                format!("{ends}, held by {}", names.join(", "))
            });
        }
    }
    Ok(lines)
}

fn describe_settings(before: &Cluster, after: &Cluster) -> Vec<String> {
    let mut lines = Vec::new();
    if before.description != after.description {
        lines.push(format!("description: {}", after.description));
    }
    if before.labels != after.labels {
        let labels: Vec<String> = after
            .labels
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        lines.push(format!("labels: {}", labels.join(",")));
    }
    if before.public != after.public {
        lines.push(match &after.public {
            None => format!("files carry {}, as registered", after.address.server),
            Some(public) => {
                let name = public.tls_server_name.as_ref();
                let name = name.map_or(String::new(), |name| format!(" (tls-server-name: {name})"));
                format!("files carry {}{name}", public.server)
            }
        });
    }
    if before.write_scope != after.write_scope {
        lines.push(format!("write scope: {}", after.write_scope.as_str()));
    }
    if before.held_back != after.held_back {
        let held: Vec<&str> = after.held_back.iter().map(String::as_str).collect();
        lines.push(format!("held back from write: {}", held.join(",")));
    }
    if before.included != after.included {
        let included: Vec<&str> = after.included.iter().map(String::as_str).collect();
        lines.push(format!("included in write: {}", included.join(",")));
    }
    if before.write_allow != after.write_allow {
        let allowed: Vec<String> = after.write_allow.iter().map(ToString::to_string).collect();
        lines.push(format!("allowed to write: {}", allowed.join(",")));
    }
    lines
}
