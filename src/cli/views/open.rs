//! An opened file. Frozen: fields are added, never renamed or retyped.

use std::path::Path;

use crate::output::{Table, View};

shape! {
    /// Where an opened file was written. Never what is in it.
    pub(crate) struct OpenView {
        path: String,
    }
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
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("FILE", |it| &it.path)
            .named(|it| format!("file/{}", it.path))
    }
}
