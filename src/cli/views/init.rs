//! The organization. Frozen: fields are added, never renamed or retyped.

use crate::ops::init::Initialized;
use crate::output::{Table, View};

frozen! {
    /// The organization after `init`.
    pub(crate) struct InitView from done: &Initialized {
        organization: String = done.organization.clone(),
        owner: String = done.owner.clone(),
        key: String = done.key.clone(),
        store: String = done.store.display().to_string(),
        identity: String = done.identity.trim_matches('`').to_owned(),
        changed: bool = !done.unchanged,
    }
}

impl View for InitView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Organization", |it| &it.organization)
            .col("Owner", |it| &it.owner)
            .col("Key", |it| &it.key)
            .col("Store", |it| &it.store)
            .col("Identity", |it| &it.identity)
            .named(|it| format!("user/{}", it.owner))
    }
}
