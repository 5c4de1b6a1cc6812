//! Backups. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use crate::ops::backup::{Copied, Restored};
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
            seq: copied.head.as_ref().map(|head| head.seq),
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

/// A store that was restored.
#[derive(Serialize)]
pub(crate) struct RestoredView {
    backup_seq: Option<i64>,
    replaced_seq: Option<i64>,
    kept: Option<String>,
    reconcile: Vec<String>,
    forgotten: Vec<String>,
    ssh_keys_in_doubt: Vec<String>,
    seq: Option<i64>,
    head: Option<String>,
}

impl From<&Restored> for RestoredView {
    fn from(restored: &Restored) -> Self {
        Self {
            backup_seq: restored.backup.as_ref().map(|head| head.seq),
            replaced_seq: restored.replaced.as_ref().map(|head| head.seq),
            kept: restored
                .kept
                .as_ref()
                .map(|path| path.display().to_string()),
            reconcile: restored.clusters.clone(),
            forgotten: restored.forgotten.clone(),
            ssh_keys_in_doubt: restored.doubted.clone(),
            seq: restored.head.as_ref().map(|head| head.seq),
            head: restored.head.as_ref().map(|head| head.hash.clone()),
        }
    }
}

impl View for RestoredView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["Backup", "Replaced", "To reconcile", "Event", "Head"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let event = |seq: Option<i64>| {
            let text = seq.map(|seq| format!("event {seq}"));
            cells.text_or_none(text.as_deref())
        };
        let clusters = (!self.reconcile.is_empty()).then(|| self.reconcile.join(", "));
        vec![vec![
            event(self.backup_seq),
            event(self.replaced_seq),
            cells.text_or_none(clusters.as_deref()),
            event(self.seq),
            cells.text_or_none(self.head.as_deref()),
        ]]
    }
    fn names(&self) -> Vec<String> {
        let clusters = self.reconcile.iter();
        clusters.map(|name| format!("cluster/{name}")).collect()
    }
    fn detail(&self) -> bool {
        true
    }
}
