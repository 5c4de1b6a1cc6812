//! Backups. Frozen: fields are added, never renamed or retyped.

use crate::ops::backup::{Copied, Preview, Restored, Undone};
use crate::output::{Table, View};

frozen! {
    /// A backup that was made.
    pub(crate) struct CopiedView from copied: &Copied {
        path: String = copied.path.display().to_string(),
        bytes: usize = copied.bytes,
        seq: Option<i64> = copied.head.as_ref().map(|head| head.seq.0),
        head: Option<String> = copied.head.as_ref().map(|head| head.hash.clone()),
    }
}

impl View for CopiedView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("File", |it| &it.path)
            .col("Bytes", |it| it.bytes)
            .col("Event", |it| it.seq)
            .col("Head", |it| &it.head)
            .named(|it| format!("backup/{}", it.path))
    }
}

/// How many things that were undone a table shows; JSON and YAML show all.
const UNDONE_SHOWN: usize = 20;

frozen! {
    /// Something that restoring undoes.
    struct UndoneView from undone: &Undone {
        kind: &'static str = undone.kind,
        what: String = undone.what.clone(),
        now: Option<String> = undone.now.clone(),
        then: Option<String> = undone.then.clone(),
        #[serde(skip)]
        words: String = undone.description(),
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

frozen! {
    /// What restoring would do.
    pub(crate) struct RestorePlanView from preview: &Preview {
        steps: Vec<String> = preview.steps.clone(),
        undone: Vec<UndoneView> = preview.undone.iter().map(UndoneView::from).collect(),
    }
}

impl View for RestorePlanView {
    fn table(&self) -> Table<'_> {
        let undone = first(&self.undone).into_iter();
        let undone = undone.map(|line| format!("undo {line}"));
        let lines: Vec<String> = self.steps.iter().cloned().chain(undone).collect();
        Table::of(&lines)
            .col("WOULD", Clone::clone)
            .names(self.steps.clone())
    }
}

frozen! {
    /// A store that was restored.
    pub(crate) struct RestoredView from restored: &Restored {
        backup_seq: Option<i64> = restored.backup.as_ref().map(|head| head.seq.0),
        replaced_seq: Option<i64> = restored.replaced.as_ref().map(|head| head.seq.0),
        kept: Option<String> = restored.kept.as_ref().map(|path| path.display().to_string()),
        reconcile: Vec<String> = restored.clusters.clone(),
        forgotten: Vec<String> = restored.forgotten.clone(),
        ssh_keys_in_doubt: Vec<String> = restored.doubted.clone(),
        undone: Vec<UndoneView> = restored.undone.iter().map(UndoneView::from).collect(),
        seq: Option<i64> = restored.head.as_ref().map(|head| head.seq.0),
        head: Option<String> = restored.head.as_ref().map(|head| head.hash.clone()),
    }
}

impl View for RestoredView {
    fn table(&self) -> Table<'_> {
        let event = |seq: Option<i64>| seq.map(|seq| format!("event {seq}"));
        let mut table = Table::record(self)
            .col("Backup", |it| event(it.backup_seq))
            .col("Replaced", |it| event(it.replaced_seq))
            .col("To reconcile", |it| Some(it.reconcile.join(", ")))
            .col("Event", |it| event(it.seq))
            .col("Head", |it| &it.head);
        for undone in first(&self.undone) {
            table = table.col("Undone", |_| undone.clone());
        }
        let clusters = self.reconcile.iter();
        table.names(clusters.map(|name| format!("cluster/{name}")).collect())
    }
}
