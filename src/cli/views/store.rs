//! The store itself. Frozen: fields are added, never renamed or retyped.

use crate::ops::storage::{Moved, Storage, Upgraded};
use crate::output::{Table, View};

frozen! {
    /// The store.
    pub(crate) struct StoreView from store: &Storage {
        place: String = store.place.clone(),
        engine: &'static str = if store.database.is_some() { "postgresql" } else { "sqlite" },
        server: Option<String> = store.database.as_ref().map(|it| it.server.clone()),
        bytes: Option<i64> = store.database.as_ref().map(|it| it.bytes),
        role: Option<String> = store.database.as_ref().map(|it| it.role.clone()),
        role_could: Vec<String> = store.database.as_ref().map(|it| it.could.clone()).unwrap_or_default(),
        verified: bool = !store.is_insecure,
        schema: i64 = store.schema,
        seq: Option<i64> = store.head.as_ref().map(|head| head.seq.0),
        head: Option<String> = store.head.as_ref().map(|head| head.hash.clone()),
        state: String = store.state.clone(),
    }
}

impl View for StoreView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Place", |it| &it.place)
            .col("Engine", |it| it.engine)
            .some("Server", |it| it.server.as_ref())
            .some("Bytes", |it| it.bytes)
            .some("Role", |it| it.role.as_ref())
            .col("Schema", |it| it.schema)
            .col("Event", |it| it.seq)
            .col("Head", |it| &it.head)
            .col("State", |it| &it.state)
            .named(|it| format!("store/{}", it.place))
    }
}

frozen! {
    /// A store that was moved.
    pub(crate) struct MovedView from moved: &Moved {
        from: String = moved.from.clone(),
        to: String = moved.to.clone(),
        rows: i64 = moved.rows,
        seq: Option<i64> = moved.head.as_ref().map(|head| head.seq.0),
        head: Option<String> = moved.head.as_ref().map(|head| head.hash.clone()),
    }
}

impl View for MovedView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("From", |it| &it.from)
            .col("To", |it| &it.to)
            .col("Rows", |it| it.rows)
            .col("Event", |it| it.seq)
            .col("Head", |it| &it.head)
            .named(|it| format!("store/{}", it.to))
    }
}

frozen! {
    /// A store that was brought up to date.
    pub(crate) struct UpgradedView from done: &Upgraded {
        place: String = done.place.clone(),
        from: i64 = done.from,
        to: i64 = done.to,
    }
}

impl View for UpgradedView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Place", |it| &it.place)
            .col("From", |it| it.from)
            .col("To", |it| it.to)
            .named(|it| format!("store/{}", it.place))
    }
}
