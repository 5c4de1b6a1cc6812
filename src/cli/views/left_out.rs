//! What a level leaves out. Frozen: fields are added, never renamed or retyped.

use crate::domain::level::{LeftOut, Part};

frozen! {
    /// What a level leaves out of the cluster's `view` or `edit`.
    pub(crate) struct LeftOutView from left: &LeftOut {
        level: &'static str = match left.part {
            Part::Read => "read",
            Part::Write => "write",
        },
        group: String = left.group.clone(),
        resource: String = left.resource.clone(),
        verbs: Vec<String> = left.verbs.iter().cloned().collect(),
        why: String = left.why.clone(),
        from: Vec<String> = left.from.iter().cloned().collect(),
        allow: Option<String> = left.allowed_by().map(|allowed| allowed.to_string()),
    }
}

impl LeftOutView {
    /// `read` or `write`.
    pub(super) fn level(&self) -> &'static str {
        self.level
    }

    /// In a line: what, where it came from, why, and what would allow it.
    pub(super) fn line(&self, cluster: &str) -> String {
        let allow = match &self.allow {
            None => String::new(),
            Some(line) => {
                format!("; allow it with `kubegrant cluster set {cluster} --write-allow {line}`")
            }
        };
        format!("{}{allow}", self.description())
    }

    /// What, where it came from, and why.
    fn description(&self) -> String {
        let kind = if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        };
        format!(
            "{kind} ({}) of ClusterRole {}: {}",
            self.verbs.join(", "),
            self.from.join(", "),
            self.why
        )
    }
}

/// Says what a bound role carries that the level of the same kind leaves out.
pub(crate) fn carried(left: &LeftOut) -> String {
    let view = LeftOutView::from(left);
    format!(
        "ClusterRole '{}' carries what {} leaves out: {}",
        left.part.role(),
        view.level,
        view.description()
    )
}

/// Says what a level leaves out.
pub(crate) fn left_out(left: &LeftOut, cluster: &str) -> String {
    let view = LeftOutView::from(left);
    format!("{} leaves out {}", view.level, view.line(cluster))
}
