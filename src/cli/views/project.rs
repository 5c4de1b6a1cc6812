//! Projects. Frozen: fields are added, never renamed or retyped.

use std::slice;

use crate::domain::project::{Project, ProjectRole};
use crate::ops::project::members::Changed;
use crate::ops::project::shared::Over;
use crate::ops::project::{ProjectLine, Shown, ShownMember, ShownShared};
use crate::output::{Cell, Table, Time, View};

frozen! {
    /// One project of a list.
    pub(crate) struct ProjectLineView from line: &ProjectLine {
        name: String = line.project.name.to_string(),
        description: String = line.project.description.clone(),
        members: usize = line.members,
        clusters: usize = line.clusters,
        your_role: Option<&'static str> = line.role.map(ProjectRole::as_str),
        created_at: Time = Time(line.project.created_at),
    }
}

fn lines(views: &[ProjectLineView]) -> Table<'_> {
    Table::of(views)
        .col("NAME", |it| &it.name)
        .col("MEMBERS", |it| it.members)
        .col("CLUSTERS", |it| it.clusters)
        .col("YOUR ROLE", |it| it.your_role)
        .col("AGE", |it| it.created_at)
        .wide("DESCRIPTION", |it| Some(&it.description))
        .named(|it| format!("project/{}", it.name))
}

impl View for ProjectLineView {
    fn table(&self) -> Table<'_> {
        lines(slice::from_ref(self))
    }
}

impl View for Vec<ProjectLineView> {
    fn table(&self) -> Table<'_> {
        lines(self).empty("You can see no project.")
    }
}

frozen! {
    /// A project that was renamed, described or deleted.
    pub(crate) struct ProjectNameView from project: &Project {
        name: String = project.name.to_string(),
        description: String = project.description.clone(),
        created_at: Time = Time(project.created_at),
    }
}

impl View for ProjectNameView {
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("NAME", |it| &it.name)
            .col("AGE", |it| it.created_at)
            .wide("DESCRIPTION", |it| Some(&it.description))
            .named(|it| format!("project/{}", it.name))
    }
}

frozen! {
    struct MemberView from member: &ShownMember {
        user: String = member.user.clone(),
        role: &'static str = member.role.as_str(),
        active: bool = member.active,
        added_at: Time = Time(member.added_at),
    }
}

frozen! {
    struct SharedView from shared: &ShownShared {
        let latest = &shared.latest;
        let ending = shared.ending.iter().map(|(version, holders)| EndingVersion {
            version: version.version,
            holders: holders.clone(),
            tokens_may_work_until: version.tokens_end_at().map(Time),
        });
        cluster: String = shared.cluster.clone(),
        level: &'static str = shared.level.as_str(),
        version: u32 = latest.version,
        state: &'static str = latest.state.as_str(),
        issued_at: Option<Time> = latest.issued_at.map(Time),
        expires_at: Option<Time> = latest.token_expires_at.map(Time),
        ended_because: Option<String> = latest.ended_because.clone(),
        holders: Vec<String> = shared.holders.clone(),
        must_download_again: Vec<String> = shared.stale.clone(),
        ended_and_not_yet_gone: Vec<EndingVersion> = ending.collect(),
        kept_by: Vec<String> = shared.kept_by.clone(),
    }
}

shape! {
    /// A version that is ended here, and may still work there.
    struct EndingVersion {
        version: u32,
        holders: Vec<String>,
        tokens_may_work_until: Option<Time>,
    }
}

impl MemberView {
    fn description(&self) -> String {
        let disabled = if self.active { "" } else { ", disabled" };
        format!("{} ({}{disabled})", self.user, self.role)
    }
}

impl SharedView {
    /// Who must download again, where anybody must.
    fn again(&self) -> Option<String> {
        let names = self.must_download_again.join(", ");
        (!names.is_empty()).then(|| format!("{} {}: {names}", self.cluster, self.level))
    }

    fn description(&self) -> String {
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

frozen! {
    /// One project.
    pub(crate) struct ProjectView from shown: &Shown {
        name: String = shown.project.name.to_string(),
        description: String = shown.project.description.clone(),
        your_role: Option<&'static str> = shown.role.map(ProjectRole::as_str),
        created_at: Time = Time(shown.project.created_at),
        members: Vec<MemberView> = shown.members.iter().map(MemberView::from).collect(),
        clusters: Vec<String> = shown.clusters.clone(),
        shared: Vec<SharedView> = shown.shared.iter().map(SharedView::from).collect(),
    }
}

impl View for ProjectView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Name", |it| &it.name)
            .col("Description", |it| Some(&it.description))
            .col("Your role", |it| it.your_role)
            .col("Made", |it| it.created_at)
            .col("Clusters", |it| Cell::Lines(it.clusters.clone()))
            .col("Members", |it| {
                Cell::Lines(it.members.iter().map(MemberView::description).collect())
            })
            .col("Shared", |it| {
                Cell::Lines(it.shared.iter().map(SharedView::description).collect())
            })
            .col("Must download again", |it| {
                Cell::Lines(it.shared.iter().filter_map(SharedView::again).collect())
            })
            .named(|it| format!("project/{}", it.name))
    }
}

shape! {
    /// A shared version that ended.
    pub(crate) struct OverView {
        cluster: String,
        kubeconfig: String,
        ended_version: u32,
        version: Option<u32>,
        applied: bool,
        must_download_again: Vec<String>,
    }
}

impl OverView {
    /// Shapes it, with whether it is true on the cluster.
    pub(crate) fn new(over: &Over, applied: bool) -> Self {
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

impl View for Vec<OverView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("CLUSTER", |it| &it.cluster)
            .col("KUBECONFIG", |it| &it.kubeconfig)
            .col("ENDED", |it| it.ended_version)
            .col("VERSION", |it| it.version)
            .col("APPLIED", |it| it.applied)
            .col("MUST DOWNLOAD AGAIN", |it| &it.must_download_again)
            .named(|it| {
                format!(
                    "kubeconfig/{}@{}-v{}",
                    it.kubeconfig, it.cluster, it.ended_version
                )
            })
    }
}

frozen! {
    /// What a change of a member came to.
    pub(crate) struct MemberChangeView from changed: &Changed {
        let applied = changed.applied.pending.is_empty();
        let over = changed.over.iter().map(|over| OverView::new(over, applied));
        project: String = changed.project.to_string(),
        user: String = changed.user.clone(),
        role: Option<&'static str> = changed.role.map(ProjectRole::as_str),
        changed: bool = !changed.unchanged,
        applied: bool = applied,
        clusters: Vec<String> = changed.clusters.clone(),
        ended: Vec<OverView> = over.collect(),
        kept: Vec<String> = changed.kept.clone(),
    }
}

impl View for MemberChangeView {
    fn table(&self) -> Table<'_> {
        let ended = self.ended.iter();
        let rotated = ended.map(|over| format!("{}@{}", over.kubeconfig, over.cluster));
        let rotated: Vec<String> = rotated.collect();
        Table::of([self])
            .col("PROJECT", |it| &it.project)
            .col("USER", |it| &it.user)
            .col("ROLE", |it| it.role)
            .col("CLUSTERS", |it| &it.clusters)
            .col("ROTATED", |_| &rotated)
            .col("APPLIED", |it| it.applied)
            .named(|it| format!("member/{}@{}", it.user, it.project))
    }
}
