//! Sessions at a server. Frozen: fields are added, never renamed or retyped.

use crate::ops::login::Listed;
use crate::output::{Table, Time, View};

frozen! {
    /// A session.
    pub(crate) struct SessionView from listed: &Listed {
        let session = &listed.session;
        id: i64 = session.id.0,
        user: String = listed.user.name.to_string(),
        way: String = session.way.as_str().to_owned(),
        origin: String = session.origin.clone(),
        created_at: Time = Time(session.created_at),
        seen_at: Time = Time(session.seen_at),
        ends_at: Time = Time(listed.idle_at),
    }
}

impl View for Vec<SessionView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("ID", |it| it.id.to_string())
            .col("USER", |it| &it.user)
            .col("WAY", |it| &it.way)
            .col("FROM", |it| &it.origin)
            .col("SINCE", |it| it.created_at)
            .col("SEEN", |it| it.seen_at)
            .col("ENDS", |it| it.ends_at)
            .named(|it| format!("session/{}", it.id))
            .empty("Nobody is logged in.")
    }
}
