//! How things stand. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::status::{Ask, Status};
use crate::output::{Cells, View, time};

#[derive(Serialize)]
struct OwedView {
    cluster: String,
    what: String,
    #[serde(serialize_with = "time::serialize_option")]
    tokens_may_work_until: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct AskView {
    cluster: String,
    users: Vec<String>,
    command: String,
}

#[derive(Serialize)]
struct KeptView {
    user: String,
    cluster: String,
    project: String,
    version: u32,
    level: &'static str,
    #[serde(skip)]
    words: String,
    #[serde(serialize_with = "time::serialize_option")]
    ends_at: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct BlockedView {
    user: String,
    cluster: String,
}

#[derive(Serialize)]
struct EndingView {
    cluster: String,
    what: String,
    #[serde(serialize_with = "time::serialize")]
    ends_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct EndedView {
    cluster: String,
    what: String,
}

/// How things stand.
#[derive(Serialize)]
pub(crate) struct StatusView {
    owed: Vec<OwedView>,
    ask: Vec<AskView>,
    kept: Vec<KeptView>,
    blocked: Vec<BlockedView>,
    ending: Vec<EndingView>,
    ended: Vec<EndedView>,
}

impl StatusView {
    /// Shapes it, with those who must act where the actor cannot.
    pub(crate) fn new(status: Status, asks: &[Ask]) -> Self {
        let owed = status.owed.into_iter().map(|debt| OwedView {
            cluster: debt.cluster.to_string(),
            what: debt.what,
            tokens_may_work_until: debt.until,
        });
        let kept = status.kept.into_iter().map(|kept| KeptView {
            words: kept.words(),
            user: kept.user,
            cluster: kept.cluster.to_string(),
            project: kept.project,
            version: kept.version,
            level: kept.power.as_str(),
            ends_at: kept.ends_at,
        });
        let blocked = status
            .blocked
            .into_iter()
            .map(|(user, cluster)| BlockedView { user, cluster });
        let ending = status.ending.into_iter().map(|ending| EndingView {
            cluster: ending.cluster,
            what: ending.what,
            ends_at: ending.at,
        });
        Self {
            owed: owed.collect(),
            ask: asks
                .iter()
                .map(|ask| AskView {
                    cluster: ask.cluster.to_string(),
                    users: ask.who.clone(),
                    command: format!("kubegrant reconcile {}", ask.cluster),
                })
                .collect(),
            kept: kept.collect(),
            blocked: blocked.collect(),
            ending: ending.collect(),
            ended: status
                .ended
                .into_iter()
                .map(|lost| EndedView {
                    cluster: lost.cluster,
                    what: lost.what,
                })
                .collect(),
        }
    }
}

impl View for StatusView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["KIND", "CLUSTER", "WHAT", "UNTIL"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let owed = self.owed.iter().map(|debt| {
            let until = cells.time_or_none(debt.tokens_may_work_until);
            vec![
                "owed".to_owned(),
                debt.cluster.clone(),
                debt.what.clone(),
                until,
            ]
        });
        let kept = self.kept.iter().map(|kept| {
            vec![
                "kept".to_owned(),
                kept.cluster.clone(),
                format!("'{}' has {}", kept.user, kept.words),
                cells.time_or_none(kept.ends_at),
            ]
        });
        let blocked = self.blocked.iter().map(|block| {
            let what = format!("the kubeconfig of '{}' is revoked", block.user);
            vec![
                "blocked".to_owned(),
                block.cluster.clone(),
                what,
                cells.text_or_none(None),
            ]
        });
        let ending = self.ending.iter().map(|ending| {
            let until = cells.time(ending.ends_at);
            vec![
                "ending".to_owned(),
                ending.cluster.clone(),
                ending.what.clone(),
                until,
            ]
        });
        let ended = self.ended.iter().map(|lost| {
            let (cluster, what) = (lost.cluster.clone(), lost.what.clone());
            vec!["ended".to_owned(), cluster, what, cells.text_or_none(None)]
        });
        let rest = kept.chain(ended).chain(blocked).chain(ending);
        owed.chain(rest).collect()
    }
    fn names(&self) -> Vec<String> {
        self.owed
            .iter()
            .map(|debt| format!("cluster/{}", debt.cluster))
            .collect()
    }
    fn empty(&self) -> Option<String> {
        Some("Nothing is owed, nobody is blocked, nothing ends soon.".to_owned())
    }
}
