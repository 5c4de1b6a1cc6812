//! Team access. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::plan::EffectView;
use crate::ops::team::{Line, Report};
use crate::output::{Cells, View, time};

#[derive(Serialize)]
struct LineView {
    user: String,
    cluster: String,
    version: Option<u32>,
    state: Option<&'static str>,
    level: Option<&'static str>,
    #[serde(serialize_with = "time::serialize_option")]
    issued_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time::serialize_option")]
    expires_at: Option<DateTime<Utc>>,
    downloads: usize,
    #[serde(serialize_with = "time::serialize_option")]
    downloaded_at: Option<DateTime<Utc>>,
    downloaded_by: Option<String>,
    blocked: bool,
    kept_by: Vec<String>,
}

/// Everybody's latest version.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct TeamListView(Vec<LineView>);

impl TeamListView {
    /// Shapes the lines.
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        let shaped = lines.into_iter().map(|line| {
            let latest = line.latest.as_ref();
            let (at, by) = line.downloaded.unzip();
            LineView {
                version: latest.map(|it| it.version),
                state: latest.map(|it| it.state.as_str()),
                level: latest.map(|it| it.power.as_str()),
                issued_at: latest.and_then(|it| it.issued_at),
                expires_at: latest.and_then(|it| it.token_expires_at),
                user: line.user,
                cluster: line.cluster,
                downloads: line.downloads,
                downloaded_at: at,
                downloaded_by: by,
                blocked: line.blocked,
                kept_by: line.kept_by,
            }
        });
        Self(shaped.collect())
    }
}

impl View for TeamListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec![
            "USER",
            "CLUSTER",
            "VERSION",
            "STATE",
            "ISSUED",
            "EXPIRES",
            "DOWNLOADED",
            "BLOCKED",
        ];
        if wide {
            headers.extend(["LEVEL", "TIMES", "BY"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |line: &LineView| {
            let version = line.version.map(|version| version.to_string());
            let whose = if line.kept_by.is_empty() {
                line.user.clone()
            } else {
                format!("{} (kept by {})", line.user, line.kept_by.join(", "))
            };
            let mut row = vec![
                whose,
                line.cluster.clone(),
                cells.text_or_none(version.as_deref()),
                cells.text_or_none(line.state),
                cells.time_or_none(line.issued_at),
                cells.time_or_none(line.expires_at),
                cells.time_or_none(line.downloaded_at),
                cells.yes(line.blocked),
            ];
            if wide {
                row.push(cells.text_or_none(line.level));
                row.push(line.downloads.to_string());
                row.push(cells.text_or_none(line.downloaded_by.as_deref()));
            }
            row
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|line| format!("kubeconfig/{}@{}", line.user, line.cluster))
            .collect()
    }
    fn empty(&self) -> Option<String> {
        Some("No kubeconfig is live or blocked; `--show-revoked` lists the others.".to_owned())
    }
}

#[derive(Serialize)]
struct ReportView {
    user: String,
    cluster: String,
    result: &'static str,
    what: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effects: Vec<EffectView>,
}

/// What came of each cluster.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct ActView(Vec<ReportView>);

impl ActView {
    /// Shapes the reports.
    pub(crate) fn new(user: &str, reports: &[Report]) -> Self {
        let shaped = reports.iter().map(|report| {
            let (result, what) = match &report.outcome {
                Err(error) => ("failed", error.to_string()),
                Ok(outcome) if !outcome.applied.owed.is_empty() => ("owed", outcome.truth()),
                Ok(outcome) if outcome.changed => ("done", outcome.sentence.clone()),
                Ok(outcome) => ("unchanged", outcome.sentence.clone()),
            };
            ReportView {
                user: user.to_owned(),
                cluster: report.cluster.to_string(),
                result,
                what,
                effects: match &report.outcome {
                    Ok(outcome) => outcome.effects.iter().map(EffectView::from).collect(),
                    Err(_) => vec![],
                },
            }
        });
        Self(shaped.collect())
    }
}

impl View for ActView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["USER", "CLUSTER", "RESULT", "WHAT"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        let row = |report: &ReportView| {
            vec![
                report.user.clone(),
                report.cluster.clone(),
                report.result.to_owned(),
                report.what.clone(),
            ]
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|it| format!("kubeconfig/{}@{}", it.user, it.cluster))
            .collect()
    }
}
