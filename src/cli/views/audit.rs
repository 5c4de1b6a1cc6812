//! Audit events. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::audit::Entry;
use crate::ops::audit::Verdict;
use crate::output::{Cells, View, time};

#[derive(Serialize)]
struct EntryView {
    seq: i64,
    #[serde(serialize_with = "time::serialize")]
    at: DateTime<Utc>,
    actor: String,
    acting_as: Option<String>,
    action: String,
    phase: String,
    cluster: Option<String>,
    user: Option<String>,
    detail: String,
    request: Option<i64>,
    hash: String,
}

/// Events, oldest first.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct AuditListView(Vec<EntryView>);

impl AuditListView {
    /// Shapes events.
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let shaped = entries.into_iter().map(|entry| EntryView {
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            acting_as: entry.acting_as,
            action: entry.action,
            phase: entry.phase,
            cluster: entry.cluster,
            user: entry.user,
            detail: entry.detail,
            request: entry.request,
            hash: entry.hash,
        });
        Self(shaped.collect())
    }
}

impl View for AuditListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec![
            "SEQ", "TIME", "ACTOR", "ACTION", "PHASE", "CLUSTER", "USER", "DETAIL",
        ];
        if wide {
            headers.extend(["REQUEST", "HASH"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |entry: &EntryView| {
            let actor = match &entry.acting_as {
                None => entry.actor.clone(),
                Some(other) => format!("{} as {other}", entry.actor),
            };
            let mut row = vec![
                entry.seq.to_string(),
                cells.time(entry.at),
                actor,
                entry.action.clone(),
                entry.phase.clone(),
                cells.text_or_none(entry.cluster.as_deref()),
                cells.text_or_none(entry.user.as_deref()),
                entry.detail.clone(),
            ];
            if wide {
                let request = entry.request.map(|seq| seq.to_string());
                row.push(cells.text_or_none(request.as_deref()));
                row.push(entry.hash.clone());
            }
            row
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|entry| format!("event/{}", entry.seq))
            .collect()
    }
    fn empty(&self) -> Option<String> {
        Some("No events match.".to_owned())
    }
}

/// What a check of the log found.
#[derive(Serialize)]
pub(crate) struct VerdictView {
    whole: bool,
    events: i64,
    head: Option<String>,
    broken_at: Option<i64>,
}

impl From<&Verdict> for VerdictView {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Whole { rows, head } => Self {
                whole: true,
                events: *rows,
                head: head.clone(),
                broken_at: None,
            },
            Verdict::Broken { seq, .. } => Self {
                whole: false,
                events: seq - 1,
                head: None,
                broken_at: Some(*seq),
            },
        }
    }
}

impl View for VerdictView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["Whole", "Events", "Head"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            cells.yes(self.whole),
            self.events.to_string(),
            cells.text_or_none(self.head.as_deref()),
        ]]
    }
    fn names(&self) -> Vec<String> {
        self.head
            .iter()
            .map(|head| format!("head/{head}"))
            .collect()
    }
    fn detail(&self) -> bool {
        true
    }
}
