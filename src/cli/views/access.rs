//! Access. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::access::{Access, Power, strongest};
use crate::ops::access::{Line, Outcome};
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
}

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
            },
            cells.time_or_none(self.ends_at),
        ];
        if wide {
            row.push(cells.time_or_none(self.granted_at));
            row.push(cells.text_or_none(self.granted_by.as_deref()));
            row.push(cells.text_or_none(self.reason.as_deref()));
        }
        row
    }
}

/// What everybody has.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct AccessListView(Vec<AccessView>);

impl AccessListView {
    /// Shapes the lines.
    pub(crate) fn new(lines: Vec<Line>) -> Self {
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
            }
        });
        Self(shaped.collect())
    }
}

impl View for AccessListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["USER", "CLUSTER", "LEVEL", "THROUGH", "ENDS"];
        if wide {
            headers.extend(["GRANTED", "BY", "REASON"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        self.0.iter().map(|line| line.row(wide, cells)).collect()
    }
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|line| format!("access/{}@{}", line.user, line.cluster))
            .collect()
    }
    fn empty(&self) -> Option<String> {
        Some("Nobody has access.".to_owned())
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
