//! A plan. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use crate::output::{Table, View};

/// What would be done.
#[derive(Serialize)]
pub(crate) struct PlanView {
    /// A sentence each.
    pub(crate) steps: Vec<String>,
}

impl View for PlanView {
    fn table(&self) -> Table<'_> {
        Table::of(&self.steps)
            .col("WOULD", |step| step)
            .named(String::clone)
            .empty("Nothing would be done.")
    }
}
