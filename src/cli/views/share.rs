//! Direct links. Frozen: fields are added, never renamed or retyped.

use crate::ops::share::{Listed, Made};
use crate::output::{Table, Time, View};

frozen! {
    /// A link that was made, with its secret.
    pub(crate) struct MadeView from made: &Made {
        id: String = made.share.id.clone(),
        url: String = made.url.clone(),
        user: String = made.user.name.to_string(),
        cluster: String = made.cluster.to_string(),
        sealed: bool = made.user.key.is_some(),
        expires_at: Time = Time(made.share.expires_at),
    }
}

impl View for MadeView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Link", |it| &it.url)
            .col("User", |it| &it.user)
            .col("Cluster", |it| &it.cluster)
            .col("Expires", |it| it.expires_at)
            .named(|it| format!("share/{}", it.id))
    }
}

frozen! {
    /// A link.
    pub(crate) struct ShareView from listed: &Listed {
        let share = &listed.share;
        id: String = share.id.clone(),
        user: String = listed.user.clone(),
        cluster: String = listed.cluster.name.to_string(),
        state: &'static str = listed.state,
        sealed: bool = share.sealed,
        created_by: String = listed.by.clone(),
        created_at: Time = Time(share.created_at),
        expires_at: Time = Time(share.expires_at),
        claimed_at: Option<Time> = share.claimed_at.map(Time),
    }
}

impl View for Vec<ShareView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("ID", |it| &it.id)
            .col("USER", |it| &it.user)
            .col("CLUSTER", |it| &it.cluster)
            .col("STATE", |it| it.state)
            .col("EXPIRES", |it| it.expires_at)
            .col("CLAIMED", |it| it.claimed_at)
            .col("BY", |it| &it.created_by)
            .named(|it| format!("share/{}", it.id))
            .empty("There is no direct link.")
    }
}
