//! How things are. Frozen: fields are added, never renamed or retyped.

use crate::output::{Table, View};

shape! {
    /// One thing that was looked at.
    pub(crate) struct DoctorView {
        check: String,
        /// `ok`, `absent`, `not asked`, `differs` or `not well`.
        state: &'static str,
        what: String,
        next: Option<String>,
    }
}

impl DoctorView {
    /// Shapes a line.
    pub(crate) fn new(
        check: String,
        state: &'static str,
        what: String,
        next: Option<String>,
    ) -> Self {
        Self {
            check,
            state,
            what,
            next,
        }
    }
}

impl View for Vec<DoctorView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("CHECK", |it| &it.check)
            .col("RESULT", |it| it.state)
            .col("WHAT", |it| &it.what)
            .col("NEXT", |it| it.next.as_deref().unwrap_or_default())
            .named(|it| format!("check/{}", it.check))
    }
}
