//! A plan. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use crate::output::{Cells, View};

/// What would be done.
#[derive(Serialize)]
pub(crate) struct PlanView {
    /// A sentence each.
    pub(crate) steps: Vec<String>,
}

impl View for PlanView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["WOULD"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        self.steps.iter().map(|step| vec![step.clone()]).collect()
    }
    fn names(&self) -> Vec<String> {
        self.steps.clone()
    }
    fn empty(&self) -> Option<String> {
        Some("Nothing would be done.".to_owned())
    }
}
