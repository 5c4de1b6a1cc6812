//! Somebody leaves. Frozen: fields are added, never renamed or retyped.

use super::plan::EffectView;
use crate::ops::offboard::{Farewell, Leaving, Receipt};
use crate::output::{Cell, Table, Time, View};

frozen! {
    /// What somebody has, before they leave.
    pub(crate) struct LeavingView from leaving: &Leaving {
        user: String = leaving.user.clone(),
        role: String = leaving.role.clone(),
        owns: Vec<String> = leaving.owns.clone(),
        grants: Vec<String> = leaving.grants.clone(),
        bindings: Vec<String> = leaving.bindings.clone(),
        projects: Vec<String> = leaving.projects.clone(),
        credentials: Vec<String> = leaving.credentials.clone(),
        holds: Vec<String> = leaving.holds.clone(),
        could_open: Vec<String> = leaving.could_open.clone(),
    }
}

impl LeavingView {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("role", self.role.clone())];
        let lists = [
            ("owns cluster", &self.owns),
            ("has grant", &self.grants),
            ("has role binding", &self.bindings),
            ("is", &self.projects),
            ("has live kubeconfig", &self.credentials),
            ("was handed", &self.holds),
            ("could open", &self.could_open),
        ];
        for (what, items) in lists {
            pairs.extend(items.iter().map(|item| (what, item.clone())));
        }
        pairs
    }

    /// The plan as sentences.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.pairs()
            .into_iter()
            .map(|(what, item)| format!("'{}' {what}: {item}", self.user))
            .collect()
    }
}

impl View for LeavingView {
    fn table(&self) -> Table<'_> {
        Table::of(&self.pairs())
            .col("USER", |_| &self.user)
            .col("HAS", |(has, _)| *has)
            .col("WHAT", |(_, what)| what.clone())
            .names(vec![format!("user/{}", self.user)])
    }
}

shape! {
    /// A preview: what somebody has, and what would be done about it.
    pub(crate) struct FarewellView {
        #[serde(flatten)]
        leaving: LeavingView,
        effects: Vec<EffectView>,
    }
}

impl From<&Farewell> for FarewellView {
    fn from(farewell: &Farewell) -> Self {
        Self {
            leaving: LeavingView::from(&farewell.leaving),
            effects: farewell
                .planned
                .effects
                .iter()
                .map(EffectView::from)
                .collect(),
        }
    }
}

impl View for FarewellView {
    fn table(&self) -> Table<'_> {
        self.leaving.table()
    }
}

frozen! {
    /// The receipt of an offboarding.
    pub(crate) struct ReceiptView from receipt: &Receipt {
        let ended = receipt.applied.ended.iter().map(|it| {
            let (version, user, cluster) = (it.version, &it.user, &it.cluster);
            format!("version {version} of '{user}' on cluster '{cluster}'")
        });
        let pending = receipt.applied.pending.iter().map(|item| {
            let why = item.why.as_ref().map(|why| format!(" ({why})"));
            let why = why.unwrap_or_default();
            format!("cluster '{}': {}{why}", item.cluster, item.what)
        });
        user: String = receipt.had.user.clone(),
        at: Time = Time(receipt.at),
        by: String = receipt.by.clone(),
        new_owner: Option<String> = receipt.new_owner.clone(),
        transferred: Vec<String> = receipt.transferred.clone(),
        had: LeavingView = LeavingView::from(&receipt.had),
        ended: Vec<String> = ended.collect(),
        pending: Vec<String> = pending.collect(),
        rotate_at_source: Vec<String> = receipt.had.could_open.clone(),
        complete: bool = receipt.applied.pending.is_empty(),
    }
}

impl ReceiptView {
    /// What was done, and what must still be done.
    fn pairs(&self) -> Vec<(&'static str, Cell<'_>)> {
        let by = format!(" by {}", self.by);
        let mut pairs = vec![("left", [self.at.into(), by.into()].into())];
        let had = &self.had;
        if let Some(owner) = &self.new_owner {
            let transferred = self.transferred.iter();
            let transferred = transferred.map(|it| format!("cluster '{it}' to '{owner}'"));
            pairs.extend(transferred.map(|it| ("transferred", it.into())));
        }
        let grants = had.grants.iter().map(|it| format!("grant {it}"));
        pairs.extend(grants.map(|it| ("removed", it.into())));
        let bindings = had.bindings.iter().map(|it| format!("role binding {it}"));
        pairs.extend(bindings.map(|it| ("removed", it.into())));
        for (result, items) in [
            ("removed", &had.projects),
            ("ended", &self.ended),
            ("pending", &self.pending),
            ("to rotate", &self.rotate_at_source),
        ] {
            pairs.extend(items.iter().map(|it| (result, it.into())));
        }
        pairs
    }
}

impl View for ReceiptView {
    fn table(&self) -> Table<'_> {
        Table::of(&self.pairs())
            .col("USER", |_| &self.user)
            .col("RESULT", |(result, _)| *result)
            .col("WHAT", |(_, what)| what.clone())
            .names(vec![format!("user/{}", self.user)])
    }
}
