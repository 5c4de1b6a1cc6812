//! Backups. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use crate::ops::backup::{Copied, Preview, Restored, Undone};
use crate::output::{Cells, View};

/// A backup that was made.
#[derive(Serialize)]
pub(crate) struct CopiedView {
    path: String,
    bytes: usize,
    seq: Option<i64>,
    head: Option<String>,
}

impl From<&Copied> for CopiedView {
    fn from(copied: &Copied) -> Self {
        Self {
            path: copied.path.display().to_string(),
            bytes: copied.bytes,
            seq: copied.head.as_ref().map(|head| head.seq.0),
            head: copied.head.as_ref().map(|head| head.hash.clone()),
        }
    }
}

impl View for CopiedView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["File", "Bytes", "Event", "Head"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            self.path.clone(),
            self.bytes.to_string(),
            cells.text_or_none(self.seq.map(|seq| seq.to_string()).as_deref()),
            cells.text_or_none(self.head.as_deref()),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("backup/{}", self.path)]
    }
    fn detail(&self) -> bool {
        true
    }
}

/// How many things that were undone a table shows; JSON and YAML show all.
const UNDONE_SHOWN: usize = 20;

/// Something that restoring undoes.
#[derive(Serialize)]
struct UndoneView {
    kind: &'static str,
    what: String,
    now: Option<String>,
    then: Option<String>,
    #[serde(skip)]
    words: String,
}

impl From<&Undone> for UndoneView {
    fn from(undone: &Undone) -> Self {
        Self {
            kind: undone.kind,
            what: undone.what.clone(),
            now: undone.now.clone(),
            then: undone.then.clone(),
            words: undone.words(),
        }
    }
}

/// The first of them, a sentence each, and how many more there are.
fn first(undone: &[UndoneView]) -> Vec<String> {
    let mut lines: Vec<String> = undone
        .iter()
        .take(UNDONE_SHOWN)
        .map(|undone| undone.words.clone())
        .collect();
    if let Some(more @ 1..) = undone.len().checked_sub(UNDONE_SHOWN) {
        lines.push(format!("and {more} more: `-o json` lists all"));
    }
    lines
}

/// What restoring would do.
#[derive(Serialize)]
pub(crate) struct RestorePlanView {
    steps: Vec<String>,
    undone: Vec<UndoneView>,
}

impl From<&Preview> for RestorePlanView {
    fn from(preview: &Preview) -> Self {
        Self {
            steps: preview.steps.clone(),
            undone: preview.undone.iter().map(UndoneView::from).collect(),
        }
    }
}

impl View for RestorePlanView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["WOULD"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        let undone = first(&self.undone).into_iter();
        let undone = undone.map(|line| format!("undo {line}"));
        let lines = self.steps.iter().cloned().chain(undone);
        lines.map(|line| vec![line]).collect()
    }
    fn names(&self) -> Vec<String> {
        self.steps.clone()
    }
}

/// A store that was restored.
#[derive(Serialize)]
pub(crate) struct RestoredView {
    backup_seq: Option<i64>,
    replaced_seq: Option<i64>,
    kept: Option<String>,
    reconcile: Vec<String>,
    forgotten: Vec<String>,
    ssh_keys_in_doubt: Vec<String>,
    undone: Vec<UndoneView>,
    seq: Option<i64>,
    head: Option<String>,
}

impl From<&Restored> for RestoredView {
    fn from(restored: &Restored) -> Self {
        Self {
            backup_seq: restored.backup.as_ref().map(|head| head.seq.0),
            replaced_seq: restored.replaced.as_ref().map(|head| head.seq.0),
            kept: restored
                .kept
                .as_ref()
                .map(|path| path.display().to_string()),
            reconcile: restored.clusters.clone(),
            forgotten: restored.forgotten.clone(),
            ssh_keys_in_doubt: restored.doubted.clone(),
            undone: restored.undone.iter().map(UndoneView::from).collect(),
            seq: restored.head.as_ref().map(|head| head.seq.0),
            head: restored.head.as_ref().map(|head| head.hash.clone()),
        }
    }
}

impl View for RestoredView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["Backup", "Replaced", "To reconcile", "Event", "Head"];
        headers.extend(first(&self.undone).iter().map(|_| "Undone"));
        headers
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let event = |seq: Option<i64>| {
            let text = seq.map(|seq| format!("event {seq}"));
            cells.text_or_none(text.as_deref())
        };
        let clusters = (!self.reconcile.is_empty()).then(|| self.reconcile.join(", "));
        let mut row = vec![
            event(self.backup_seq),
            event(self.replaced_seq),
            cells.text_or_none(clusters.as_deref()),
            event(self.seq),
            cells.text_or_none(self.head.as_deref()),
        ];
        row.extend(first(&self.undone));
        vec![row]
    }
    fn names(&self) -> Vec<String> {
        let clusters = self.reconcile.iter();
        clusters.map(|name| format!("cluster/{name}")).collect()
    }
    fn detail(&self) -> bool {
        true
    }
}
