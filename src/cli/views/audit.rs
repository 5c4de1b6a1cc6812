//! Audit events. Frozen: fields are added, never renamed or retyped.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::audit::Entry;
use crate::ops::audit::{Accepted, Known, Report, Verdict};
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
    state: Option<String>,
    prev: String,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq.0,
            at: entry.at,
            actor: entry.actor,
            acting_as: entry.acting_as,
            action: entry.action,
            phase: entry.phase,
            cluster: entry.cluster,
            user: entry.user,
            detail: entry.detail,
            request: entry.request.map(|seq| seq.0),
            hash: entry.hash,
            state: entry.state,
            prev: entry.prev,
        }
    }
}

/// One event as a line of JSON. The keys, their order and the escapes are frozen: nothing but
/// printable ASCII, so that no reader sees two lines in one, or another line than was written.
pub(crate) fn json_line(entry: &Entry) -> String {
    let view = EntryView::from(entry.clone());
    let json = serde_json::to_string(&view).unwrap_or_default();
    let mut line = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            line.push(character);
            continue;
        }
        // Outside strings there is only ASCII, so this is always inside one.
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            // Writing to a String cannot fail.
            let _written = write!(line, "\\u{unit:04x}");
        }
    }
    line.push('\n');
    line
}

/// Events, oldest first.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct AuditListView(Vec<EntryView>);

impl AuditListView {
    /// Shapes events.
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let shaped = entries.into_iter().map(EntryView::from);
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
    known_here: &'static str,
    changed: Vec<String>,
}

impl From<&Report> for VerdictView {
    fn from(report: &Report) -> Self {
        let (events, head, broken_at) = match &report.verdict {
            Verdict::Whole { rows, head } => (*rows, head.clone(), None),
            Verdict::Broken { seq, .. } => (seq.0 - 1, None, Some(seq.0)),
        };
        Self {
            whole: report.is_good(),
            events,
            head,
            broken_at,
            known_here: match report.known {
                Known::Nothing => "nothing",
                Known::Fits(_) => "fits",
                Known::Superseded(_) => "superseded",
                Known::Differs(..) => "differs",
            },
            changed: report.changed.clone(),
        }
    }
}

impl View for VerdictView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["Whole", "Events", "Head", "Known here"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            cells.yes(self.whole),
            self.events.to_string(),
            cells.text_or_none(self.head.as_deref()),
            self.known_here.to_owned(),
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

/// What an owner accepted.
#[derive(Serialize)]
pub(crate) struct AcceptedView {
    accepted: Vec<String>,
    seq: Option<i64>,
    head: Option<String>,
    to_reconcile: Vec<String>,
    ssh_keys_in_doubt: Vec<String>,
}

impl From<&Accepted> for AcceptedView {
    fn from(accepted: &Accepted) -> Self {
        Self {
            to_reconcile: accepted.looks.clone(),
            ssh_keys_in_doubt: accepted.doubted.clone(),
            accepted: accepted.complaints.clone(),
            seq: accepted.head.as_ref().map(|head| head.seq.0),
            head: accepted.head.as_ref().map(|head| head.hash.clone()),
        }
    }
}

impl View for AcceptedView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["Accepted", "Event", "Head"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let accepted = (!self.accepted.is_empty()).then(|| self.accepted.join("; "));
        vec![vec![
            cells.text_or_none(accepted.as_deref()),
            cells.text_or_none(self.seq.map(|seq| seq.to_string()).as_deref()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::EventSeq;

    #[test]
    fn a_line_is_printable_ascii_whatever_the_event_says() {
        for code in (0..=0x0010_ffff).filter_map(char::from_u32) {
            // Around the ranges that matter, and some of all others.
            let number = u32::from(code);
            if number > 0x3000 && number % 257 != 0 {
                continue;
            }
            let entry = Entry {
                seq: EventSeq(1),
                at: DateTime::UNIX_EPOCH,
                actor: "alice".to_owned(),
                acting_as: None,
                action: "test".to_owned(),
                phase: "done".to_owned(),
                cluster: None,
                user: None,
                detail: format!("a{code}b"),
                request: None,
                state: None,
                prev: String::new(),
                hash: String::new(),
            };
            let line = json_line(&entry);
            let text = line.strip_suffix('\n').expect("it ends");
            assert!(text.chars().all(|c| matches!(c, ' '..='~')), "{text}");
            let read: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
            assert_eq!(read["detail"], entry.detail);
        }
    }
}
