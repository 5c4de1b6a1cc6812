//! Projects. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::project::{Project, ProjectRole};
use crate::ops::project::members::Changed;
use crate::ops::project::shared::Over;
use crate::ops::project::{Line, Shown, ShownShared};
use crate::output::{Cells, View, time};

/// One project of a list.
#[derive(Serialize)]
pub(crate) struct ProjectLineView {
    name: String,
    description: String,
    members: usize,
    clusters: usize,
    your_role: Option<&'static str>,
    #[serde(serialize_with = "time::serialize")]
    created_at: DateTime<Utc>,
}

impl From<&Line> for ProjectLineView {
    fn from(line: &Line) -> Self {
        Self {
            name: line.project.name.to_string(),
            description: line.project.description.clone(),
            members: line.members,
            clusters: line.clusters,
            your_role: line.role.map(ProjectRole::as_str),
            created_at: line.project.created_at,
        }
    }
}

impl ProjectLineView {
    fn row(&self, wide: bool, cells: &Cells) -> Vec<String> {
        let mut row = vec![
            self.name.clone(),
            self.members.to_string(),
            self.clusters.to_string(),
            cells.text_or_none(self.your_role),
            cells.time(self.created_at),
        ];
        if wide {
            let text = Some(self.description.as_str()).filter(|text| !text.is_empty());
            row.push(cells.text_or_none(text));
        }
        row
    }
}

fn line_headers(wide: bool) -> Vec<&'static str> {
    let mut headers = vec!["NAME", "MEMBERS", "CLUSTERS", "YOUR ROLE", "AGE"];
    if wide {
        headers.push("DESCRIPTION");
    }
    headers
}

impl View for ProjectLineView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        line_headers(wide)
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![self.row(wide, cells)]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("project/{}", self.name)]
    }
}

/// Projects by name.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct ProjectListView(Vec<ProjectLineView>);

impl ProjectListView {
    /// Shapes the lines.
    pub(crate) fn new(lines: &[Line]) -> Self {
        Self(lines.iter().map(ProjectLineView::from).collect())
    }
}

impl View for ProjectListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        line_headers(wide)
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        self.0.iter().map(|line| line.row(wide, cells)).collect()
    }
    fn names(&self) -> Vec<String> {
        let name = |line: &ProjectLineView| format!("project/{}", line.name);
        self.0.iter().map(name).collect()
    }
    fn empty(&self) -> Option<String> {
        Some("You can see no project.".to_owned())
    }
}

/// A project that was renamed or deleted.
#[derive(Serialize)]
pub(crate) struct ProjectNameView {
    name: String,
    description: String,
    #[serde(serialize_with = "time::serialize")]
    created_at: DateTime<Utc>,
}

impl From<&Project> for ProjectNameView {
    fn from(project: &Project) -> Self {
        Self {
            name: project.name.to_string(),
            description: project.description.clone(),
            created_at: project.created_at,
        }
    }
}

impl View for ProjectNameView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["NAME", "AGE"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![self.name.clone(), cells.time(self.created_at)]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("project/{}", self.name)]
    }
}

#[derive(Serialize)]
struct MemberView {
    user: String,
    role: &'static str,
    active: bool,
    #[serde(serialize_with = "time::serialize")]
    added_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct SharedView {
    cluster: String,
    level: &'static str,
    version: u32,
    state: &'static str,
    #[serde(serialize_with = "time::serialize_option")]
    issued_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time::serialize_option")]
    expires_at: Option<DateTime<Utc>>,
    ended_because: Option<String>,
    holders: Vec<String>,
    must_download_again: Vec<String>,
    ended_and_not_yet_gone: Vec<EndingVersion>,
    kept_by: Vec<String>,
}

/// A version that is ended here, and may still work there.
#[derive(Serialize)]
struct EndingVersion {
    version: u32,
    holders: Vec<String>,
    #[serde(serialize_with = "time::serialize_option")]
    tokens_may_work_until: Option<DateTime<Utc>>,
}

impl From<&ShownShared> for SharedView {
    fn from(shared: &ShownShared) -> Self {
        let latest = &shared.latest;
        Self {
            cluster: shared.cluster.clone(),
            level: shared.level.as_str(),
            version: latest.version,
            state: latest.state.as_str(),
            issued_at: latest.issued_at,
            expires_at: latest.token_expires_at,
            ended_because: latest.ended_because.clone(),
            holders: shared.holders.clone(),
            must_download_again: shared.stale.clone(),
            kept_by: shared.kept_by.clone(),
            ended_and_not_yet_gone: shared
                .ending
                .iter()
                .map(|(version, holders)| EndingVersion {
                    version: version.version,
                    holders: holders.clone(),
                    tokens_may_work_until: version.token_expires_at,
                })
                .collect(),
        }
    }
}

impl SharedView {
    fn words(&self) -> String {
        let verb = if matches!(self.state, "pending" | "active") {
            "held by"
        } else {
            "was held by"
        };
        let holders = if self.holders.is_empty() {
            "nobody has it yet".to_owned()
        } else {
            let holder = |name: &String| {
                if self.kept_by.contains(name) {
                    format!("{name} (kept, without being entitled to it)")
                } else {
                    name.clone()
                }
            };
            let holders: Vec<String> = self.holders.iter().map(holder).collect();
            format!("{verb} {}", holders.join(", "))
        };
        let ending = self.ended_and_not_yet_gone.iter().map(|ending| {
            let who = if ending.holders.is_empty() {
                "nobody".to_owned()
            } else {
                ending.holders.join(", ")
            };
            format!(
                "; version {} is ended and not yet gone: it may still let {who} in",
                ending.version
            )
        });
        format!(
            "{} {}: version {} ({}), {holders}{}",
            self.cluster,
            self.level,
            self.version,
            self.state,
            ending.collect::<String>()
        )
    }
}

/// One project.
#[derive(Serialize)]
pub(crate) struct ProjectView {
    name: String,
    description: String,
    your_role: Option<&'static str>,
    #[serde(serialize_with = "time::serialize")]
    created_at: DateTime<Utc>,
    members: Vec<MemberView>,
    clusters: Vec<String>,
    shared: Vec<SharedView>,
}

impl From<&Shown> for ProjectView {
    fn from(shown: &Shown) -> Self {
        let members = shown.members.iter();
        Self {
            name: shown.project.name.to_string(),
            description: shown.project.description.clone(),
            your_role: shown.role.map(ProjectRole::as_str),
            created_at: shown.project.created_at,
            members: members
                .map(|member| MemberView {
                    user: member.user.clone(),
                    role: member.role.as_str(),
                    active: member.active,
                    added_at: member.added_at,
                })
                .collect(),
            clusters: shown.clusters.clone(),
            shared: shown.shared.iter().map(SharedView::from).collect(),
        }
    }
}

impl View for ProjectView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec![
            "Name",
            "Description",
            "Your role",
            "Made",
            "Clusters",
            "Members",
            "Shared",
            "Must download again",
        ]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let members: Vec<String> = self
            .members
            .iter()
            .map(|member| {
                let disabled = if member.active { "" } else { ", disabled" };
                format!("{} ({}{disabled})", member.user, member.role)
            })
            .collect();
        let shared: Vec<String> = self.shared.iter().map(SharedView::words).collect();
        let again: Vec<String> = self
            .shared
            .iter()
            .filter(|shared| !shared.must_download_again.is_empty())
            .map(|shared| {
                let names = shared.must_download_again.join(", ");
                format!("{} {}: {names}", shared.cluster, shared.level)
            })
            .collect();
        let lists = [&self.clusters, &members, &shared, &again];
        let first = |list: &Vec<String>| cells.text_or_none(list.first().map(String::as_str));
        let description = Some(self.description.as_str()).filter(|text| !text.is_empty());
        let mut row = vec![
            self.name.clone(),
            cells.text_or_none(description),
            cells.text_or_none(self.your_role),
            cells.time(self.created_at),
        ];
        row.extend(lists.map(first));
        let mut rows = vec![row];
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        for index in 1..longest {
            let mut row = vec![String::new(); 4];
            row.extend(lists.map(|list| list.get(index).cloned().unwrap_or_default()));
            rows.push(row);
        }
        rows
    }
    fn names(&self) -> Vec<String> {
        vec![format!("project/{}", self.name)]
    }
    fn detail(&self) -> bool {
        true
    }
}

/// A shared version that ended.
#[derive(Serialize)]
struct OverView {
    cluster: String,
    kubeconfig: String,
    ended_version: u32,
    version: Option<u32>,
    applied: bool,
    must_download_again: Vec<String>,
}

impl OverView {
    fn new(over: &Over, applied: bool) -> Self {
        Self {
            cluster: over.cluster.to_string(),
            kubeconfig: over.owner.to_string(),
            ended_version: over.ended,
            version: over.begun,
            applied,
            must_download_again: over.again.clone(),
        }
    }
}

/// Shared versions that ended.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct OverListView(Vec<OverView>);

impl OverListView {
    /// Shapes them, each with whether it is true on the cluster.
    pub(crate) fn new(all: &[(Over, bool)]) -> Self {
        let view = |(over, applied): &(Over, bool)| OverView::new(over, *applied);
        Self(all.iter().map(view).collect())
    }
}

impl View for OverListView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec![
            "CLUSTER",
            "KUBECONFIG",
            "ENDED",
            "VERSION",
            "APPLIED",
            "MUST DOWNLOAD AGAIN",
        ]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |over: &OverView| {
            let begun = over.version.map(|version| version.to_string());
            vec![
                over.cluster.clone(),
                over.kubeconfig.clone(),
                over.ended_version.to_string(),
                cells.text_or_none(begun.as_deref()),
                cells.yes(over.applied),
                cells.list(&over.must_download_again),
            ]
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        let name = |it: &OverView| {
            format!(
                "kubeconfig/{}@{}-v{}",
                it.kubeconfig, it.cluster, it.ended_version
            )
        };
        self.0.iter().map(name).collect()
    }
}

/// What a change of a member came to.
#[derive(Serialize)]
pub(crate) struct MemberChangeView {
    project: String,
    user: String,
    role: Option<&'static str>,
    changed: bool,
    applied: bool,
    clusters: Vec<String>,
    ended: Vec<OverView>,
    kept: Vec<String>,
}

impl From<&Changed> for MemberChangeView {
    fn from(changed: &Changed) -> Self {
        let applied = changed.applied.owed.is_empty();
        let over = changed.over.iter();
        Self {
            project: changed.project.to_string(),
            user: changed.user.clone(),
            role: changed.role.map(ProjectRole::as_str),
            changed: !changed.unchanged,
            applied,
            clusters: changed.clusters.clone(),
            ended: over.map(|over| OverView::new(over, applied)).collect(),
            kept: changed.kept.clone(),
        }
    }
}

impl View for MemberChangeView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["PROJECT", "USER", "ROLE", "CLUSTERS", "ROTATED", "APPLIED"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let rotated: Vec<String> = self
            .ended
            .iter()
            .map(|over| format!("{}@{}", over.kubeconfig, over.cluster))
            .collect();
        vec![vec![
            self.project.clone(),
            self.user.clone(),
            cells.text_or_none(self.role),
            cells.list(&self.clusters),
            cells.list(&rotated),
            cells.yes(self.applied),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("member/{}@{}", self.user, self.project)]
    }
}
