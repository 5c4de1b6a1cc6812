//! Team access. Frozen: fields are added, never renamed or retyped.

use std::borrow::Cow;

use super::plan::EffectView;
use crate::ops::team::{Report, TeamLine};
use crate::output::{Table, Time, View};

frozen! {
    /// Somebody's latest version on a cluster.
    pub(crate) struct LineView from line: TeamLine {
        let latest = line.latest.as_ref();
        let (at, by) = line.downloaded.map(|it| (it.at, it.by)).unzip();
        user: String = line.user,
        cluster: String = line.cluster,
        version: Option<u32> = latest.map(|it| it.version),
        state: Option<&'static str> = latest.map(|it| it.state.as_str()),
        level: Option<&'static str> = latest.map(|it| it.power.as_str()),
        issued_at: Option<Time> = latest.and_then(|it| it.issued_at).map(Time),
        expires_at: Option<Time> = latest.and_then(|it| it.token_expires_at).map(Time),
        downloads: usize = line.downloads,
        downloaded_at: Option<Time> = at.map(Time),
        downloaded_by: Option<String> = by,
        blocked: bool = line.blocked,
        kept_by: Vec<String> = line.kept_by,
    }
}

impl LineView {
    fn whose(&self) -> Cow<'_, str> {
        if self.kept_by.is_empty() {
            return Cow::Borrowed(&self.user);
        }
        Cow::Owned(format!(
            "{} (kept by {})",
            self.user,
            self.kept_by.join(", ")
        ))
    }
}

impl View for Vec<LineView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("USER", LineView::whose)
            .col("CLUSTER", |it| &it.cluster)
            .col("VERSION", |it| it.version)
            .col("STATE", |it| it.state)
            .col("ISSUED", |it| it.issued_at)
            .col("EXPIRES", |it| it.expires_at)
            .col("DOWNLOADED", |it| it.downloaded_at)
            .col("BLOCKED", |it| it.blocked)
            .wide("LEVEL", |it| it.level)
            .wide("TIMES", |it| it.downloads)
            .wide("BY", |it| &it.downloaded_by)
            .named(|it| format!("kubeconfig/{}@{}", it.user, it.cluster))
            .empty("No kubeconfig is live or blocked; `--show-revoked` lists the others.")
    }
}

shape! {
    /// What came of one cluster.
    pub(crate) struct ReportView {
        user: String,
        cluster: String,
        result: &'static str,
        what: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        effects: Vec<EffectView>,
    }
}

impl ReportView {
    /// Shapes a report.
    pub(crate) fn new(user: &str, report: &Report) -> Self {
        let (result, what) = match &report.outcome {
            Err(error) => ("failed", error.to_string()),
            Ok(outcome) if !outcome.applied.pending.is_empty() => ("pending", outcome.truth()),
            Ok(outcome) if outcome.changed => ("done", outcome.sentence.clone()),
            Ok(outcome) => ("unchanged", outcome.sentence.clone()),
        };
        Self {
            user: user.to_owned(),
            cluster: report.cluster.to_string(),
            result,
            what,
            effects: match &report.outcome {
                Ok(outcome) => outcome.effects.iter().map(EffectView::from).collect(),
                Err(_) => vec![],
            },
        }
    }
}

impl View for Vec<ReportView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("USER", |it| &it.user)
            .col("CLUSTER", |it| &it.cluster)
            .col("RESULT", |it| it.result)
            .col("WHAT", |it| &it.what)
            .named(|it| format!("kubeconfig/{}@{}", it.user, it.cluster))
    }
}
