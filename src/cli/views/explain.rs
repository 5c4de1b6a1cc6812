//! Why somebody has what they have. Frozen: fields are added, never renamed or retyped.

use super::access::KEPT;
use crate::domain::access::{Access, Power, strongest};
use crate::ops::explain::{Answer, Explained, Path};
use crate::output::{NONE, Table, View};

frozen! {
    struct AnswerView from answer: &Answer {
        question: String = answer.question.clone(),
        allowed: Option<bool> = answer.allowed,
        reason: String = answer.reason.clone(),
    }
}

shape! {
    struct PathView {
        path: &'static str,
        gives: Option<&'static str>,
        counts: bool,
        what: String,
    }
}

impl PathView {
    fn new(path: &Path, through: &str) -> Self {
        // Bound roles come on top of whatever else counts.
        let is_used = path.through == through || path.through == Access::Bound.path();
        Self {
            path: path.through,
            gives: path.gives,
            counts: is_used && path.gives.is_some(),
            what: path.what.clone(),
        }
    }
}

frozen! {
    /// Why somebody has what they have on a cluster.
    pub(crate) struct ExplainView from explained: &Explained {
        let (power, through) = strongest(explained.access, explained.project);
        let kept = explained.kept.as_ref().filter(|kept| Some(kept.power) > power);
        let (power, through) = kept.map_or((power, through), |kept| (Some(kept.power), KEPT));
        let paths = explained.paths.iter();
        user: String = explained.user.clone(),
        cluster: String = explained.cluster.to_string(),
        level: Option<&'static str> = power.map(Power::as_str),
        through: &'static str = through,
        paths: Vec<PathView> = paths.map(|path| PathView::new(path, through)).collect(),
        can_download: bool = explained.download.is_ok(),
        refused_because: Option<String> = explained.download.as_ref().err().cloned(),
        live_version: Option<u32> = explained.version,
        answer: Option<AnswerView> = explained.answer.as_ref().map(AnswerView::from),
    }
}

/// A way to access, or what all of them come to.
struct ExplainLine {
    path: &'static str,
    gives: &'static str,
    counts: &'static str,
    why: String,
}

impl ExplainView {
    fn access(&self) -> ExplainLine {
        let (user, cluster) = (&self.user, &self.cluster);
        let level = self.level.unwrap_or("none");
        let why = match level {
            "bound" => format!("'{user}' has role bindings alone on cluster '{cluster}'"),
            level if self.through == KEPT => format!(
                "'{user}' gets {level} on cluster '{cluster}' by a shared kubeconfig that was \
                 kept, until it is rotated"
            ),
            level => format!("'{user}' has {level} on cluster '{cluster}'"),
        };
        ExplainLine::sum("access", level, why)
    }

    fn kubeconfig(&self) -> ExplainLine {
        let gives = if self.can_download { "yes" } else { "refused" };
        let why = match (&self.refused_because, self.live_version) {
            (Some(why), _) => why.clone(),
            (None, Some(version)) => format!("version {version} is live"),
            (None, None) => "the next download issues a version".to_owned(),
        };
        ExplainLine::sum("kubeconfig", gives, why)
    }
}

impl AnswerView {
    fn line(&self) -> ExplainLine {
        let gives = match self.allowed {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not asked",
        };
        let reason = Some(&*self.reason).filter(|reason| !reason.is_empty());
        let why = format!("{}: {}", self.question, reason.unwrap_or(NONE));
        ExplainLine::sum("API server", gives, why)
    }
}

impl PathView {
    fn line(&self) -> ExplainLine {
        ExplainLine {
            path: self.path,
            gives: self.gives.unwrap_or("nothing"),
            counts: if self.counts { "yes" } else { "no" },
            why: self.what.clone(),
        }
    }
}

impl ExplainLine {
    fn sum(path: &'static str, gives: &'static str, why: String) -> Self {
        Self {
            path,
            gives,
            counts: "-",
            why,
        }
    }
}

impl View for ExplainView {
    fn table(&self) -> Table<'_> {
        let paths = self.paths.iter().map(PathView::line);
        let lines: Vec<ExplainLine> = paths
            .chain([self.access(), self.kubeconfig()])
            .chain(self.answer.iter().map(AnswerView::line))
            .collect();
        Table::of(&lines)
            .col("PATH", |it| it.path)
            .col("GIVES", |it| it.gives)
            .col("COUNTS", |it| it.counts)
            .col("WHY", |it| it.why.clone())
            .names(vec![format!("access/{}@{}", self.user, self.cluster)])
    }
}
