//! All accounts of a cluster, exchanged. Frozen: fields are added, never renamed or retyped.

use crate::ops::rotation::{CredentialsRotated, Exchanged, Rotated};
use crate::output::{Table, View};

frozen! {
    struct ExchangedView from exchanged: &Exchanged {
        owner: String = exchanged.owner.to_string(),
        ended: u32 = exchanged.ended,
        begun: Option<u32> = exchanged.begun,
        download_again: Vec<String> = exchanged.again.clone(),
    }
}

frozen! {
    /// All accounts of a cluster, exchanged.
    pub(crate) struct RotatedView from done: &Rotated {
        cluster: String = done.cluster.name.to_string(),
        manager: String = done.cluster.manager.clone(),
        accounts: Vec<ExchangedView> = done.exchanged.iter().map(ExchangedView::from).collect(),
        foreign: Vec<String> = done.foreign.clone(),
        applied: bool = done.applied.pending.is_empty(),
    }
}

impl View for RotatedView {
    fn table(&self) -> Table<'_> {
        let version = |number: u32| format!("version {number}");
        let accounts = self.accounts.iter().map(Some);
        // The manager is the one that is no account of anybody.
        Table::of([None].into_iter().chain(accounts))
            .col("CLUSTER", |_| &self.cluster)
            .col("OF", |it| it.map_or("manager", |it| &it.owner))
            .col("ENDED", |it| it.map(|it| version(it.ended)))
            .col("BEGUN", |it| match it {
                None => Some(self.manager.clone()),
                Some(account) => account.begun.map(version),
            })
            .col("APPLIED", |_| self.applied)
            .names(vec![format!("cluster/{}", self.cluster)])
    }
}

frozen! {
    /// Everybody's credentials on a cluster, exchanged.
    pub(crate) struct CredentialsView from done: &CredentialsRotated {
        cluster: String = done.cluster.to_string(),
        accounts: Vec<ExchangedView> = done.exchanged.iter().map(ExchangedView::from).collect(),
        applied: bool = done.applied.pending.is_empty(),
    }
}

impl View for CredentialsView {
    fn table(&self) -> Table<'_> {
        let version = |number: u32| format!("version {number}");
        Table::of(&self.accounts)
            .col("CLUSTER", |_| &self.cluster)
            .col("OF", |it| &it.owner)
            .col("ENDED", |it| version(it.ended))
            .col("BEGUN", |it| it.begun.map(version))
            .col("APPLIED", |_| self.applied)
            .names(vec![format!("cluster/{}", self.cluster)])
            .empty("Nobody has a credential there.")
    }
}
