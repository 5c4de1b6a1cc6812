//! All accounts of a cluster, exchanged. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use crate::ops::rotation::Rotated;
use crate::output::{Cells, View};

#[derive(Serialize)]
struct ExchangedView {
    owner: String,
    ended: u32,
    begun: Option<u32>,
    download_again: Vec<String>,
}

/// All accounts of a cluster, exchanged.
#[derive(Serialize)]
pub(crate) struct RotatedView {
    cluster: String,
    manager: String,
    accounts: Vec<ExchangedView>,
    foreign: Vec<String>,
    applied: bool,
}

impl From<&Rotated> for RotatedView {
    fn from(done: &Rotated) -> Self {
        let accounts = done.exchanged.iter().map(|it| ExchangedView {
            owner: it.owner.to_string(),
            ended: it.ended,
            begun: it.begun,
            download_again: it.again.clone(),
        });
        Self {
            cluster: done.cluster.name.to_string(),
            manager: done.cluster.manager.clone(),
            accounts: accounts.collect(),
            foreign: done.foreign.clone(),
            applied: done.applied.owed.is_empty(),
        }
    }
}

impl View for RotatedView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["CLUSTER", "OF", "ENDED", "BEGUN", "APPLIED"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let manager = vec![
            self.cluster.clone(),
            "manager".to_owned(),
            cells.text_or_none(None),
            self.manager.clone(),
            cells.yes(self.applied),
        ];
        let accounts = self.accounts.iter().map(|it| {
            let begun = it.begun.map(|version| format!("version {version}"));
            vec![
                self.cluster.clone(),
                it.owner.clone(),
                format!("version {}", it.ended),
                cells.text_or_none(begun.as_deref()),
                cells.yes(self.applied),
            ]
        });
        std::iter::once(manager).chain(accounts).collect()
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.cluster)]
    }
}
