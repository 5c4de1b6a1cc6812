//! Access. Frozen: fields are added, never renamed or retyped.

use crate::domain::access::{Access, Power, strongest};
use crate::ops::access::{AccessLine, AccessOutcome, Filter};
use crate::output::{Table, Time, View};

frozen! {
    /// What a user has on a cluster.
    pub(crate) struct AccessView from line: AccessLine {
        let (granted_at, granted_by, reason) = match line.granted {
            Some(it) => (Some(it.at), Some(it.by), Some(it.reason)),
            None => (None, None, None),
        };
        let (project, role) = line.project.map(|it| (it.name, it.role)).unzip();
        let (power, through) = strongest(line.access, role);
        let (power, through, project, ends_at) = match line.kept {
            None => (power, through, project, line.access.ends_at()),
            Some(kept) => (Some(kept.power), KEPT, Some(kept.project), kept.ends_at),
        };
        user: String = line.user,
        cluster: String = line.cluster,
        level: Option<&'static str> = power.map(Power::as_str),
        through: &'static str = if power.is_some() { through } else { HIDDEN },
        project: Option<String> = project,
        granted_at: Option<Time> = granted_at.map(Time),
        granted_by: Option<String> = granted_by,
        ends_at: Option<Time> = ends_at.map(Time),
        reason: Option<String> = reason.filter(|reason| !reason.is_empty()),
        revoked: bool = line.blocked,
        version: Option<u32> = line.version,
    }
}

/// The way in of developers who have none: to them the cluster does not exist.
const HIDDEN: &str = "hidden";

/// The way in of those who keep a shared kubeconfig that they have no right to any more.
pub(super) const KEPT: &str = "kept";

fn level(access: Access) -> Option<&'static str> {
    access.power().map(Power::as_str)
}

impl AccessView {
    fn way(&self) -> String {
        let way = match &self.project {
            None => self.through.to_owned(),
            Some(project) if self.through == KEPT => {
                format!("kept shared kubeconfig of project {project}, until it is rotated")
            }
            Some(project) => format!("{} {project}", self.through),
        };
        way + if self.revoked {
            " (access revoked)"
        } else {
            ""
        }
    }
}

/// What is said where nobody has anything of what was asked for.
pub(crate) fn nobody(about: &Filter) -> String {
    let (user, cluster) = (about.user.as_ref(), about.cluster.as_ref());
    let who = user.map_or_else(|| "Nobody".to_owned(), |user| format!("'{user}'"));
    let has = if user.is_some() { "has no" } else { "has" };
    let on = match (user, cluster) {
        (_, Some(cluster)) => format!(" to cluster '{cluster}'"),
        (Some(_), None) => " to a cluster that you manage".to_owned(),
        (None, None) => String::new(),
    };
    format!("{who} {has} access{on}.")
}

impl View for Vec<AccessView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("USER", |it| &it.user)
            .col("CLUSTER", |it| &it.cluster)
            .col("LEVEL", |it| it.level.unwrap_or("none"))
            .col("THROUGH", AccessView::way)
            .col("ENDS", |it| it.ends_at)
            .wide("GRANTED", |it| it.granted_at)
            .wide("BY", |it| &it.granted_by)
            .wide("REASON", |it| &it.reason)
            .wide("REVOKED", |it| it.revoked)
            .wide("VERSION", |it| it.version)
            .named(|it| format!("access/{}@{}", it.user, it.cluster))
    }
}

frozen! {
    /// What a change of access came to.
    pub(crate) struct OutcomeView from outcome: &AccessOutcome {
        let ended = outcome.applied.ended.iter();
        user: String = outcome.user.clone(),
        cluster: String = outcome.cluster.to_string(),
        level: Option<&'static str> = level(outcome.access),
        ends_at: Option<Time> = outcome.access.ends_at().map(Time),
        changed: bool = !outcome.unchanged,
        applied: bool = outcome.applied.pending.is_empty(),
        ended_versions: Vec<u32> = ended.map(|ended| ended.version).collect(),
    }
}

impl View for OutcomeView {
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("USER", |it| &it.user)
            .col("CLUSTER", |it| &it.cluster)
            .col("LEVEL", |it| it.level.unwrap_or("none"))
            .col("ENDS", |it| it.ends_at)
            .col("APPLIED", |it| it.applied)
            .named(|it| format!("access/{}@{}", it.user, it.cluster))
    }
}
