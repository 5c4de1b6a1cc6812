//! Access. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::access::{Access, Power, strongest};
use crate::ops::access::{Filter, Line, Outcome};
use crate::output::{Cells, View, time};

/// What a user has on a cluster.
#[derive(Serialize)]
pub(crate) struct AccessView {
    user: String,
    cluster: String,
    level: Option<&'static str>,
    through: &'static str,
    project: Option<String>,
    #[serde(serialize_with = "time::serialize_option")]
    granted_at: Option<DateTime<Utc>>,
    granted_by: Option<String>,
    #[serde(serialize_with = "time::serialize_option")]
    ends_at: Option<DateTime<Utc>>,
    reason: Option<String>,
    revoked: bool,
    version: Option<u32>,
}

/// The way in of developers who have none: to them the cluster does not exist.
const HIDDEN: &str = "hidden";

/// The way in of those who keep a shared kubeconfig that they have no right to any more.
pub(super) const KEPT: &str = "kept";

fn level(access: Access) -> Option<&'static str> {
    access.power().map(Power::as_str)
}

impl AccessView {
    fn row(&self, wide: bool, cells: &Cells) -> Vec<String> {
        let mut row = vec![
            self.user.clone(),
            self.cluster.clone(),
            self.level.unwrap_or("none").to_owned(),
            match &self.project {
                None => self.through.to_owned(),
                Some(project) if self.through == KEPT => {
                    format!("kept shared kubeconfig of project {project}, until it is rotated")
                }
                Some(project) => format!("{} {project}", self.through),
            } + if self.revoked {
                " (access revoked)"
            } else {
                ""
            },
            cells.time_or_none(self.ends_at),
        ];
        if wide {
            row.push(cells.time_or_none(self.granted_at));
            row.push(cells.text_or_none(self.granted_by.as_deref()));
            row.push(cells.text_or_none(self.reason.as_deref()));
            row.push(if self.revoked { "yes" } else { "no" }.to_owned());
            row.push(cells.text_or_none(self.version.map(|it| it.to_string()).as_deref()));
        }
        row
    }
}

/// What everybody has.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct AccessListView {
    lines: Vec<AccessView>,
    /// What is said where there are none.
    #[serde(skip)]
    empty: String,
}

impl AccessListView {
    /// Shapes the lines; `about` is who and where was asked for.
    pub(crate) fn new(lines: Vec<Line>, about: &Filter) -> Self {
        let (user, cluster) = (about.user.as_ref(), about.cluster.as_ref());
        let who = user.map_or_else(|| "Nobody".to_owned(), |user| format!("'{user}'"));
        let has = if user.is_some() { "has no" } else { "has" };
        let on = match (user, cluster) {
            (_, Some(cluster)) => format!(" to cluster '{cluster}'"),
            (Some(_), None) => " to a cluster that you manage".to_owned(),
            (None, None) => String::new(),
        };
        let empty = format!("{who} {has} access{on}.");
        let shaped = lines.into_iter().map(|line| {
            let (granted_at, granted_by, reason) = match line.granted {
                Some((at, by, reason)) => (Some(at), Some(by), Some(reason)),
                None => (None, None, None),
            };
            let (project, role) = line.project.unzip();
            let (mut power, mut through) = strongest(line.access, role);
            let (mut project, mut ends_at) = (project, line.access.ends_at());
            if let Some(kept) = line.kept {
                (power, through) = (Some(kept.power), KEPT);
                (project, ends_at) = (Some(kept.project), kept.ends_at);
            }
            if power.is_none() {
                through = HIDDEN;
            }
            AccessView {
                user: line.user,
                cluster: line.cluster,
                level: power.map(Power::as_str),
                through,
                project,
                granted_at,
                granted_by,
                ends_at,
                reason: reason.filter(|reason| !reason.is_empty()),
                revoked: line.blocked,
                version: line.version,
            }
        });
        Self {
            lines: shaped.collect(),
            empty,
        }
    }
}

impl View for AccessListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["USER", "CLUSTER", "LEVEL", "THROUGH", "ENDS"];
        if wide {
            headers.extend(["GRANTED", "BY", "REASON", "REVOKED", "VERSION"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        self.lines
            .iter()
            .map(|line| line.row(wide, cells))
            .collect()
    }
    fn names(&self) -> Vec<String> {
        self.lines
            .iter()
            .map(|line| format!("access/{}@{}", line.user, line.cluster))
            .collect()
    }
    fn empty(&self) -> Option<String> {
        Some(self.empty.clone())
    }
}

/// What a change of access came to.
#[derive(Serialize)]
pub(crate) struct OutcomeView {
    user: String,
    cluster: String,
    level: Option<&'static str>,
    #[serde(serialize_with = "time::serialize_option")]
    ends_at: Option<DateTime<Utc>>,
    changed: bool,
    applied: bool,
    ended_versions: Vec<u32>,
}

impl From<&Outcome> for OutcomeView {
    fn from(outcome: &Outcome) -> Self {
        Self {
            user: outcome.user.clone(),
            cluster: outcome.cluster.to_string(),
            level: level(outcome.access),
            ends_at: outcome.access.ends_at(),
            changed: !outcome.unchanged,
            applied: outcome.applied.owed.is_empty(),
            ended_versions: outcome
                .applied
                .ended
                .iter()
                .map(|ended| ended.version)
                .collect(),
        }
    }
}

impl View for OutcomeView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["USER", "CLUSTER", "LEVEL", "ENDS", "APPLIED"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            self.user.clone(),
            self.cluster.clone(),
            self.level.unwrap_or("none").to_owned(),
            cells.time_or_none(self.ends_at),
            cells.yes(self.applied),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("access/{}@{}", self.user, self.cluster)]
    }
}
