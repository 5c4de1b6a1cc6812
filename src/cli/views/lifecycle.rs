//! A cluster's life. Frozen: fields are added, never renamed or retyped.

use crate::ops::lifecycle::Changed;
use crate::ops::remove::Removed;
use crate::output::{Table, Time, View};

frozen! {
    /// A cluster after a change in its life.
    pub(crate) struct LifecycleView from done: &Changed {
        name: String = done.cluster.name.to_string(),
        state: &'static str = done.cluster.state.as_str(),
        protected: bool = done.cluster.protected,
        owner: Option<String> = None,
        manager_expires_at: Option<Time> = done.cluster.manager_expires_at.map(Time),
        changed: bool = !done.unchanged,
        applied: bool = done.applied.pending.is_empty(),
    }
}

impl LifecycleView {
    /// Says who owns it.
    pub(crate) fn owned_by(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }
}

impl View for LifecycleView {
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("NAME", |it| &it.name)
            .col("STATE", |it| it.state)
            .col("PROTECTED", |it| it.protected)
            .col("APPLIED", |it| it.applied)
            .some("OWNER", |it| it.owner.as_ref())
            .named(|it| format!("cluster/{}", it.name))
    }
}

frozen! {
    /// A cluster that was removed.
    pub(crate) struct RemovedView from done: &Removed {
        name: String = done.cluster.to_string(),
        forgotten: bool = done.forgotten,
        ended_credentials: usize = done.ended,
        left_behind: Vec<String> = done.left_behind.clone(),
    }
}

impl View for RemovedView {
    fn table(&self) -> Table<'_> {
        let result = if self.forgotten {
            "forgotten"
        } else {
            "deleted"
        };
        Table::of([self])
            .col("NAME", |it| &it.name)
            .col("RESULT", |_| result)
            .col("ENDED CREDENTIALS", |it| it.ended_credentials)
            .named(|it| format!("cluster/{}", it.name))
    }
}
