//! Role bindings. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::access::Power;
use crate::domain::binding::Bound;
use crate::ops::rbac::{Line, Offer, Outcome, Standing};
use crate::output::{Cells, View, time};

fn names_of<'a>(rows: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> Vec<String> {
    rows.map(|(user, cluster, role)| format!("rbac/{user}@{cluster}/{role}"))
        .collect()
}

/// A role that is bound to somebody.
#[derive(Serialize)]
struct BindingView {
    user: String,
    cluster: String,
    kind: &'static str,
    role: String,
    namespace: Option<String>,
    #[serde(serialize_with = "time::serialize")]
    bound_at: DateTime<Utc>,
    bound_by: String,
    reason: Option<String>,
    stands: Option<&'static str>,
    role_exists: Option<bool>,
    climbs: Option<bool>,
    climbs_because: Option<String>,
}

impl From<Line> for BindingView {
    fn from(line: Line) -> Self {
        let stands = line.standing.as_ref().map(|standing| match standing {
            Standing::Role { climbs: None } => "ok",
            Standing::Role { climbs: Some(_) } => "climbs",
            Standing::RoleGone => "role gone",
            Standing::NamespaceGone => "namespace gone",
        });
        let (role_exists, climbs, because) = match line.standing {
            None => (None, None, None),
            Some(Standing::Role { climbs }) => (Some(true), Some(climbs.is_some()), climbs),
            Some(Standing::RoleGone | Standing::NamespaceGone) => (Some(false), None, None),
        };
        let Bound { place, role } = line.bound;
        Self {
            user: line.user,
            cluster: line.cluster,
            kind: role.kind(),
            role: role.name().to_owned(),
            namespace: place,
            bound_at: line.bound_at,
            bound_by: line.bound_by,
            reason: Some(line.reason).filter(|reason| !reason.is_empty()),
            stands,
            role_exists,
            climbs,
            climbs_because: because,
        }
    }
}

/// What is bound to whom.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct BindingListView(Vec<BindingView>);

impl BindingListView {
    /// Shapes the lines.
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        Self(lines.into_iter().map(BindingView::from).collect())
    }
}

impl View for BindingListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["USER", "CLUSTER", "KIND", "ROLE", "NAMESPACE", "STANDS"];
        if wide {
            headers.extend(["BOUND", "BY", "REASON", "CLIMBS"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |view: &BindingView| {
            let mut row = vec![
                view.user.clone(),
                view.cluster.clone(),
                view.kind.to_owned(),
                cells.text(&view.role),
                view.namespace.clone().unwrap_or_else(|| "*".to_owned()),
                view.stands.unwrap_or("<not asked>").to_owned(),
            ];
            if wide {
                row.push(cells.time(view.bound_at));
                row.push(view.bound_by.clone());
                row.push(cells.text_or_none(view.reason.as_deref()));
                row.push(cells.text_or_none(view.climbs_because.as_deref()));
            }
            row
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        names_of(
            self.0
                .iter()
                .map(|it| (it.user.as_str(), it.cluster.as_str(), it.role.as_str())),
        )
    }
    fn empty(&self) -> Option<String> {
        Some("No role is bound.".to_owned())
    }
}

/// A role that can be bound.
#[derive(Serialize)]
struct RoleView {
    kind: &'static str,
    role: String,
    namespace: Option<String>,
    allows: String,
    climbs: bool,
    climbs_because: Option<String>,
}

/// What can be bound.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct RoleListView(Vec<RoleView>);

impl RoleListView {
    /// Shapes the offers.
    pub(crate) fn new(offers: Vec<Offer>) -> Self {
        let shaped = offers.into_iter().map(|offer| RoleView {
            kind: offer.bound.kind(),
            role: offer.bound.role.name().to_owned(),
            namespace: offer.bound.place,
            allows: offer.allows,
            climbs: offer.climbs.is_some(),
            climbs_because: offer.climbs,
        });
        Self(shaped.collect())
    }
}

impl View for RoleListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["KIND", "ROLE", "CLIMBS", "ALLOWS"];
        if wide {
            headers.push("BECAUSE");
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |view: &RoleView| {
            let mut row = vec![
                view.kind.to_owned(),
                cells.text(&view.role),
                if view.climbs { "climbs" } else { "-" }.to_owned(),
                cells.text(&view.allows),
            ];
            if wide {
                row.push(cells.text_or_none(view.climbs_because.as_deref()));
            }
            row
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        let name = |view: &RoleView| format!("{}/{}", view.kind.to_lowercase(), view.role);
        self.0.iter().map(name).collect()
    }
    fn empty(&self) -> Option<String> {
        Some("There is no role that can be bound.".to_owned())
    }
}

/// What a change of bindings came to.
#[derive(Serialize)]
pub(crate) struct OutcomeView {
    user: String,
    cluster: String,
    kind: &'static str,
    role: String,
    namespace: Option<String>,
    level: Option<&'static str>,
    climbs: bool,
    climbs_because: Option<String>,
    changed: bool,
    applied: bool,
    ended_versions: Vec<u32>,
}

impl From<&Outcome> for OutcomeView {
    fn from(outcome: &Outcome) -> Self {
        let ended = outcome.applied.ended.iter();
        Self {
            user: outcome.user.clone(),
            cluster: outcome.cluster.to_string(),
            kind: outcome.bound.kind(),
            role: outcome.bound.role.name().to_owned(),
            namespace: outcome.bound.place.clone(),
            level: outcome.access.power().map(Power::as_str),
            climbs: outcome.climbs.is_some(),
            climbs_because: outcome.climbs.clone(),
            changed: !outcome.unchanged,
            applied: outcome.applied.owed.is_empty(),
            ended_versions: ended.map(|ended| ended.version).collect(),
        }
    }
}

impl View for OutcomeView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec![
            "USER",
            "CLUSTER",
            "KIND",
            "ROLE",
            "NAMESPACE",
            "LEVEL",
            "APPLIED",
        ]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            self.user.clone(),
            self.cluster.clone(),
            self.kind.to_owned(),
            cells.text(&self.role),
            self.namespace.clone().unwrap_or_else(|| "*".to_owned()),
            self.level.unwrap_or("none").to_owned(),
            cells.yes(self.applied),
        ]]
    }
    fn names(&self) -> Vec<String> {
        names_of(
            [(
                self.user.as_str(),
                self.cluster.as_str(),
                self.role.as_str(),
            )]
            .into_iter(),
        )
    }
}
