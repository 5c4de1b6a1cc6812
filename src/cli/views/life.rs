//! A cluster's life. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::life::Lived;
use crate::ops::remove::Removed;
use crate::output::{Cells, View, time};

/// A cluster after a change in its life.
#[derive(Serialize)]
pub(crate) struct LifeView {
    name: String,
    state: &'static str,
    protected: bool,
    owner: Option<String>,
    #[serde(serialize_with = "time::serialize_option")]
    manager_expires_at: Option<DateTime<Utc>>,
    changed: bool,
    applied: bool,
}

impl From<&Lived> for LifeView {
    fn from(done: &Lived) -> Self {
        Self {
            name: done.cluster.name.to_string(),
            state: done.cluster.state.as_str(),
            protected: done.cluster.protected,
            owner: None,
            manager_expires_at: done.cluster.manager_expires_at,
            changed: !done.unchanged,
            applied: done.applied.owed.is_empty(),
        }
    }
}

impl LifeView {
    /// Says who owns it.
    pub(crate) fn owned_by(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }
}

impl View for LifeView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["NAME", "STATE", "PROTECTED", "APPLIED"];
        if self.owner.is_some() {
            headers.push("OWNER");
        }
        headers
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let mut row = vec![
            self.name.clone(),
            self.state.to_owned(),
            cells.yes(self.protected),
            cells.yes(self.applied),
        ];
        row.extend(self.owner.clone());
        vec![row]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.name)]
    }
}

/// A cluster that was removed.
#[derive(Serialize)]
pub(crate) struct RemovedView {
    name: String,
    forgotten: bool,
    ended_credentials: usize,
    left_behind: Vec<String>,
}

impl From<&Removed> for RemovedView {
    fn from(done: &Removed) -> Self {
        Self {
            name: done.cluster.to_string(),
            forgotten: done.forgotten,
            ended_credentials: done.ended,
            left_behind: done.left_behind.clone(),
        }
    }
}

impl View for RemovedView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["NAME", "RESULT", "ENDED CREDENTIALS"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        let result = if self.forgotten {
            "forgotten"
        } else {
            "deleted"
        };
        vec![vec![
            self.name.clone(),
            result.to_owned(),
            self.ended_credentials.to_string(),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.name)]
    }
}
