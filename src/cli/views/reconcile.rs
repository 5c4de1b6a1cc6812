//! What a reconcile did. Frozen: fields are added, never renamed or retyped.

use super::plan::EffectView;
use crate::ops::reconcile::Report;
use crate::output::{Cell, Table, View};

shape! {
    /// What a reconcile did on a cluster.
    pub(crate) struct ClusterView {
        cluster: String,
        state: &'static str,
        changed: Vec<String>,
        ended: Vec<String>,
        pending: Vec<String>,
        error: Option<String>,
        /// What it would change in the store, in a preview.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        effects: Vec<EffectView>,
    }
}

impl ClusterView {
    /// Shapes a report.
    pub(crate) fn new(report: &Report, is_preview: bool) -> Self {
        let state = match (&report.failed, report.changed.is_empty(), is_preview) {
            _ if !report.pending.is_empty() => "pending",
            (Some(_), ..) => "failed",
            (None, true, _) => "unchanged",
            (None, false, false) => "changed",
            (None, false, true) => "would change",
        };
        let ended = report.ended.iter();
        Self {
            cluster: report.cluster.to_string(),
            state,
            changed: report.changed.clone(),
            ended: ended
                .map(|ended| format!("version {} of '{}'", ended.version, ended.user))
                .collect(),
            pending: report
                .pending
                .iter()
                .map(|item| item.what.clone())
                .collect(),
            error: report.failed.as_ref().map(ToString::to_string),
            effects: report.effects.iter().map(EffectView::from).collect(),
        }
    }

    /// A line for each thing that was done or is pending; one where there is none.
    fn lines(&self) -> Vec<(&Self, Cell<'_>)> {
        let gone = self.ended.iter().map(|ended| format!("{ended} is gone"));
        let what = self.changed.iter().chain(&self.pending).map(Cell::from);
        let mut lines: Vec<_> = what.chain(gone.map(Cell::from)).collect();
        if lines.is_empty() {
            lines.push(Cell::from(&self.error));
        }
        lines.into_iter().map(|what| (self, what)).collect()
    }
}

impl View for Vec<ClusterView> {
    fn table(&self) -> Table<'_> {
        let lines: Vec<_> = self.iter().flat_map(ClusterView::lines).collect();
        let clusters = self.iter().map(|it| format!("cluster/{}", it.cluster));
        Table::of(&lines)
            .col("CLUSTER", |(it, _)| &it.cluster)
            .col("STATE", |(it, _)| it.state)
            .col("WHAT", |(_, what)| what.clone())
            .names(clusters.collect())
            .empty("There is no cluster to reconcile.")
    }
}
