//! A plan. Frozen: fields are added, never renamed or retyped.

use crate::domain::effect::Facts;
use crate::ops::Planned;
use crate::output::{Table, View};

shape! {
    /// What would be done.
    pub(crate) struct PlanView {
        /// A sentence each.
        steps: Vec<String>,
        /// The effects on the store, where the command is made of such.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        effects: Vec<EffectView>,
    }
}

shape! {
    /// One effect on the store.
    pub(super) struct EffectView {
        effect: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cluster: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        project: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    }
}

impl From<&Facts> for EffectView {
    fn from(facts: &Facts) -> Self {
        let facts = facts.clone();
        Self {
            effect: facts.effect,
            cluster: facts.cluster,
            user: facts.user,
            project: facts.project,
            of: facts.of,
            version: facts.version,
            from: facts.from,
            to: facts.to,
        }
    }
}

impl From<Planned> for PlanView {
    fn from(planned: Planned) -> Self {
        Self {
            steps: planned.steps,
            effects: planned.effects.iter().map(EffectView::from).collect(),
        }
    }
}

impl View for PlanView {
    fn table(&self) -> Table<'_> {
        Table::of(&self.steps)
            .col("WOULD", |step| step)
            .named(String::clone)
            .empty("Nothing would be done.")
    }
}
