//! A session that one has. Frozen: fields are added, never renamed or retyped.

use crate::domain::Timestamp;
use crate::output::{Table, Time, View};

shape! {
    /// A session at a server.
    pub(crate) struct LoginView {
        server: String,
        user: String,
        ends_at: Time,
        /// Only where it was asked for: whoever opens it comes in.
        #[serde(skip_serializing_if = "Option::is_none")]
        page: Option<String>,
    }
}

impl LoginView {
    /// Shapes a session.
    pub(crate) fn new(server: &str, user: &str, ends_at: Timestamp, page: Option<String>) -> Self {
        Self {
            server: server.to_owned(),
            user: user.to_owned(),
            ends_at: Time(ends_at),
            page,
        }
    }
}

impl View for LoginView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Server", |it| &it.server)
            .col("User", |it| &it.user)
            .col("Ends", |it| it.ends_at)
            .some("Page", |it| it.page.as_ref())
            .named(|it| format!("server/{}", it.server))
    }
}
