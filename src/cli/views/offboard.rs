//! Somebody leaves. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::offboard::{Leaving, Receipt};
use crate::output::{Cells, View, time};

/// What somebody has, before they leave.
#[derive(Serialize)]
pub(crate) struct LeavingView {
    user: String,
    role: String,
    owns: Vec<String>,
    grants: Vec<String>,
    bindings: Vec<String>,
    projects: Vec<String>,
    credentials: Vec<String>,
    holds: Vec<String>,
    could_open: Vec<String>,
}

impl From<&Leaving> for LeavingView {
    fn from(leaving: &Leaving) -> Self {
        Self {
            user: leaving.user.clone(),
            role: leaving.role.clone(),
            owns: leaving.owns.clone(),
            grants: leaving.grants.clone(),
            bindings: leaving.bindings.clone(),
            projects: leaving.projects.clone(),
            credentials: leaving.credentials.clone(),
            holds: leaving.holds.clone(),
            could_open: leaving.could_open.clone(),
        }
    }
}

impl LeavingView {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("role", self.role.clone())];
        let lists = [
            ("owns cluster", &self.owns),
            ("has grant", &self.grants),
            ("has role binding", &self.bindings),
            ("is", &self.projects),
            ("has live kubeconfig", &self.credentials),
            ("was handed", &self.holds),
            ("could open", &self.could_open),
        ];
        for (what, items) in lists {
            pairs.extend(items.iter().map(|item| (what, item.clone())));
        }
        pairs
    }

    /// The plan as sentences.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.pairs()
            .into_iter()
            .map(|(what, item)| format!("'{}' {what}: {item}", self.user))
            .collect()
    }
}

impl View for LeavingView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["USER", "HAS", "WHAT"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        self.pairs()
            .into_iter()
            .map(|(what, item)| vec![self.user.clone(), what.to_owned(), item])
            .collect()
    }
    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.user)]
    }
}

/// The receipt of an offboarding.
#[derive(Serialize)]
pub(crate) struct ReceiptView {
    user: String,
    #[serde(serialize_with = "time::serialize")]
    at: DateTime<Utc>,
    by: String,
    new_owner: Option<String>,
    transferred: Vec<String>,
    had: LeavingView,
    ended: Vec<String>,
    owed: Vec<String>,
    rotate_at_source: Vec<String>,
    complete: bool,
}

impl From<&Receipt> for ReceiptView {
    fn from(receipt: &Receipt) -> Self {
        let ended = receipt.applied.ended.iter();
        Self {
            user: receipt.had.user.clone(),
            at: receipt.at,
            by: receipt.by.clone(),
            new_owner: receipt.new_owner.clone(),
            transferred: receipt.transferred.clone(),
            had: LeavingView::from(&receipt.had),
            ended: ended
                .map(|it| {
                    format!(
                        "version {} of '{}' on cluster '{}'",
                        it.version, it.user, it.cluster
                    )
                })
                .collect(),
            owed: receipt
                .applied
                .owed
                .iter()
                .map(|debt| {
                    let why = debt.why.as_ref().map(|why| format!(" ({why})"));
                    let why = why.unwrap_or_default();
                    format!("cluster '{}': {}{why}", debt.cluster, debt.what)
                })
                .collect(),
            rotate_at_source: receipt.had.could_open.clone(),
            complete: receipt.applied.owed.is_empty(),
        }
    }
}

impl View for ReceiptView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["USER", "RESULT", "WHAT"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |result: &str, what: String| vec![self.user.clone(), result.to_owned(), what];
        let mut rows = vec![row(
            "left",
            format!("{} by {}", cells.time(self.at), self.by),
        )];
        if let Some(owner) = &self.new_owner {
            for cluster in &self.transferred {
                rows.push(row(
                    "transferred",
                    format!("cluster '{cluster}' to '{owner}'"),
                ));
            }
        }
        for grant in &self.had.grants {
            rows.push(row("removed", format!("grant {grant}")));
        }
        for binding in &self.had.bindings {
            rows.push(row("removed", format!("role binding {binding}")));
        }
        for membership in &self.had.projects {
            rows.push(row("removed", membership.clone()));
        }
        for ended in &self.ended {
            rows.push(row("ended", ended.clone()));
        }
        for owed in &self.owed {
            rows.push(row("owed", owed.clone()));
        }
        for secret in &self.rotate_at_source {
            rows.push(row("to rotate", secret.clone()));
        }
        rows
    }
    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.user)]
    }
}
