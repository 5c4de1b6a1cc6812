//! What a reconcile did. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use crate::ops::Mode;
use crate::ops::reconcile::Report;
use crate::output::{Cells, View};

#[derive(Serialize)]
struct ClusterView {
    cluster: String,
    state: &'static str,
    changed: Vec<String>,
    ended: Vec<String>,
    owed: Vec<String>,
    error: Option<String>,
}

/// What a reconcile did, by cluster.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct ReconcileView(Vec<ClusterView>);

impl ReconcileView {
    /// Shapes the reports.
    pub(crate) fn new(reports: &[Report], mode: Mode) -> Self {
        let shaped = reports.iter().map(|report| {
            let state = match (&report.failed, report.changed.is_empty(), mode) {
                _ if !report.owed.is_empty() => "owed",
                (Some(_), ..) => "failed",
                (None, true, _) => "unchanged",
                (None, false, Mode::Do) => "changed",
                (None, false, Mode::Plan) => "would change",
            };
            ClusterView {
                cluster: report.cluster.to_string(),
                state,
                changed: report.changed.clone(),
                ended: report
                    .ended
                    .iter()
                    .map(|ended| format!("version {} of '{}'", ended.version, ended.user))
                    .collect(),
                owed: report.owed.iter().map(|debt| debt.what.clone()).collect(),
                error: report.failed.as_ref().map(ToString::to_string),
            }
        });
        Self(shaped.collect())
    }
}

impl View for ReconcileView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["CLUSTER", "STATE", "WHAT"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for report in &self.0 {
            let gone = report.ended.iter().map(|ended| format!("{ended} is gone"));
            let what: Vec<String> = report
                .changed
                .iter()
                .chain(&report.owed)
                .cloned()
                .chain(gone)
                .collect();
            if what.is_empty() {
                rows.push(vec![
                    report.cluster.clone(),
                    report.state.to_owned(),
                    cells.text_or_none(report.error.as_deref()),
                ]);
            }
            for line in what {
                rows.push(vec![report.cluster.clone(), report.state.to_owned(), line]);
            }
        }
        rows
    }
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|report| format!("cluster/{}", report.cluster))
            .collect()
    }
    fn empty(&self) -> Option<String> {
        Some("There is no cluster to reconcile.".to_owned())
    }
}
