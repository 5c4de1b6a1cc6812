//! Why somebody has what they have. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use super::access::KEPT;
use crate::domain::access::{Access, Power, strongest};
use crate::ops::explain::Explained;
use crate::output::{Cells, View};

#[derive(Serialize)]
struct PathView {
    path: &'static str,
    gives: Option<&'static str>,
    counts: bool,
    what: String,
}

#[derive(Serialize)]
struct AnswerView {
    question: String,
    allowed: Option<bool>,
    reason: String,
}

/// Why somebody has what they have on a cluster.
#[derive(Serialize)]
pub(crate) struct ExplainView {
    user: String,
    cluster: String,
    level: Option<&'static str>,
    through: &'static str,
    paths: Vec<PathView>,
    can_download: bool,
    refused_because: Option<String>,
    live_version: Option<u32>,
    answer: Option<AnswerView>,
}

impl From<&Explained> for ExplainView {
    fn from(explained: &Explained) -> Self {
        let (mut power, mut through) = strongest(explained.access, explained.project);
        let kept = explained.kept.as_ref();
        if let Some(kept) = kept.filter(|kept| Some(kept.power) > power) {
            (power, through) = (Some(kept.power), KEPT);
        }
        Self {
            user: explained.user.clone(),
            cluster: explained.cluster.to_string(),
            level: power.map(Power::as_str),
            through,
            paths: explained
                .paths
                .iter()
                .map(|path| PathView {
                    path: path.through,
                    gives: path.gives,
                    // Bound roles come on top of whatever else counts.
                    counts: (path.through == through || path.through == Access::Bound.path())
                        && path.gives.is_some(),
                    what: path.what.clone(),
                })
                .collect(),
            can_download: explained.download.is_ok(),
            refused_because: explained.download.as_ref().err().cloned(),
            live_version: explained.version,
            answer: explained.answer.as_ref().map(|answer| AnswerView {
                question: answer.question.clone(),
                allowed: answer.allowed,
                reason: answer.reason.clone(),
            }),
        }
    }
}

impl View for ExplainView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["PATH", "GIVES", "COUNTS", "WHY"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let mut rows: Vec<Vec<String>> = self
            .paths
            .iter()
            .map(|path| {
                vec![
                    path.path.to_owned(),
                    path.gives.unwrap_or("nothing").to_owned(),
                    cells.yes(path.counts),
                    path.what.clone(),
                ]
            })
            .collect();
        let level = self.level.unwrap_or("none");
        rows.push(vec![
            "access".to_owned(),
            level.to_owned(),
            "-".to_owned(),
            match level {
                "bound" => format!(
                    "'{}' has role bindings alone on cluster '{}'",
                    self.user, self.cluster
                ),
                level if self.through == KEPT => format!(
                    "'{}' gets {level} on cluster '{}' by a shared kubeconfig that was kept, until \
                     it is rotated",
                    self.user, self.cluster
                ),
                level => format!("'{}' has {level} on cluster '{}'", self.user, self.cluster),
            },
        ]);
        rows.push(vec![
            "kubeconfig".to_owned(),
            if self.can_download { "yes" } else { "refused" }.to_owned(),
            "-".to_owned(),
            match (&self.refused_because, self.live_version) {
                (Some(why), _) => why.clone(),
                (None, Some(version)) => format!("version {version} is live"),
                (None, None) => "the next download issues a version".to_owned(),
            },
        ]);
        if let Some(answer) = &self.answer {
            rows.push(vec![
                "API server".to_owned(),
                match answer.allowed {
                    Some(true) => "yes".to_owned(),
                    Some(false) => "no".to_owned(),
                    None => "not asked".to_owned(),
                },
                "-".to_owned(),
                format!(
                    "{}: {}",
                    answer.question,
                    cells.text_or_none(Some(answer.reason.as_str()).filter(|it| !it.is_empty()))
                ),
            ]);
        }
        rows
    }
    fn names(&self) -> Vec<String> {
        vec![format!("access/{}@{}", self.user, self.cluster)]
    }
}
