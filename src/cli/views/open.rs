//! An opened file. Frozen: fields are added, never renamed or retyped.

use std::path::Path;

use serde::Serialize;

use crate::output::{Cells, View};

/// Where an opened file was written. Never what is in it.
#[derive(Serialize)]
pub(crate) struct OpenView {
    path: String,
}

impl OpenView {
    /// Shapes a path.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.display().to_string(),
        }
    }
}

impl View for OpenView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["FILE"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![self.path.clone()]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("file/{}", self.path)]
    }
}
