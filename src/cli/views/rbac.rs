//! Role bindings. Frozen: fields are added, never renamed or retyped.

use crate::domain::access::Power;
use crate::domain::binding::Bound;
use crate::ops::rbac::{BindOutcome, BindingLine, Offer, Standing};
use crate::output::{Table, Time, View};

fn binding_name(user: &str, cluster: &str, role: &str) -> String {
    format!("rbac/{user}@{cluster}/{role}")
}

frozen! {
    /// A role that is bound to somebody.
    pub(crate) struct BindingView from line: BindingLine {
        let stands = line.standing.as_ref().map(|standing| match standing {
            Standing::Role { escalates: None } => "ok",
            Standing::Role { escalates: Some(_) } => "escalates",
            Standing::RoleGone => "role gone",
            Standing::NamespaceGone => "namespace gone",
        });
        let (role_exists, escalates, because) = match line.standing {
            None => (None, None, None),
            Some(Standing::Role { escalates }) => (Some(true), Some(escalates.is_some()), escalates),
            Some(Standing::RoleGone | Standing::NamespaceGone) => (Some(false), None, None),
        };
        let Bound { place, role } = line.bound;
        user: String = line.user,
        cluster: String = line.cluster,
        kind: &'static str = role.kind(),
        role: String = role.name().to_owned(),
        namespace: Option<String> = place,
        bound_at: Time = Time(line.bound_at),
        bound_by: String = line.bound_by,
        reason: Option<String> = Some(line.reason).filter(|reason| !reason.is_empty()),
        stands: Option<&'static str> = stands,
        role_exists: Option<bool> = role_exists,
        escalates: Option<bool> = escalates,
        escalates_because: Option<String> = because,
    }
}

impl View for Vec<BindingView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("USER", |it| &it.user)
            .col("CLUSTER", |it| &it.cluster)
            .col("KIND", |it| it.kind)
            .col("ROLE", |it| Some(&it.role))
            .col("NAMESPACE", |it| it.namespace.as_deref().unwrap_or("*"))
            .col("STANDS", |it| it.stands.unwrap_or("<not asked>"))
            .wide("BOUND", |it| it.bound_at)
            .wide("BY", |it| &it.bound_by)
            .wide("REASON", |it| &it.reason)
            .wide("ESCALATES", |it| &it.escalates_because)
            .named(|it| binding_name(&it.user, &it.cluster, &it.role))
            .empty("No role is bound.")
    }
}

frozen! {
    /// A role that can be bound.
    pub(crate) struct RoleView from offer: Offer {
        kind: &'static str = offer.bound.kind(),
        role: String = offer.bound.role.name().to_owned(),
        namespace: Option<String> = offer.bound.place,
        allows: String = offer.allows,
        escalates: bool = offer.escalates.is_some(),
        escalates_because: Option<String> = offer.escalates,
    }
}

impl View for Vec<RoleView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("KIND", |it| it.kind)
            .col("ROLE", |it| Some(&it.role))
            .col(
                "ESCALATES",
                |it| if it.escalates { "escalates" } else { "-" },
            )
            .col("ALLOWS", |it| Some(&it.allows))
            .wide("BECAUSE", |it| &it.escalates_because)
            .named(|it| format!("{}/{}", it.kind.to_lowercase(), it.role))
            .empty("There is no role that can be bound.")
    }
}

frozen! {
    /// What a change of bindings came to.
    pub(crate) struct OutcomeView from outcome: &BindOutcome {
        let ended = outcome.applied.ended.iter();
        user: String = outcome.user.clone(),
        cluster: String = outcome.cluster.to_string(),
        kind: &'static str = outcome.bound.kind(),
        role: String = outcome.bound.role.name().to_owned(),
        namespace: Option<String> = outcome.bound.place.clone(),
        level: Option<&'static str> = outcome.access.power().map(Power::as_str),
        escalates: bool = outcome.escalates.is_some(),
        escalates_because: Option<String> = outcome.escalates.clone(),
        changed: bool = !outcome.unchanged,
        applied: bool = outcome.applied.pending.is_empty(),
        ended_versions: Vec<u32> = ended.map(|ended| ended.version).collect(),
    }
}

impl View for OutcomeView {
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("USER", |it| &it.user)
            .col("CLUSTER", |it| &it.cluster)
            .col("KIND", |it| it.kind)
            .col("ROLE", |it| Some(&it.role))
            .col("NAMESPACE", |it| it.namespace.as_deref().unwrap_or("*"))
            .col("LEVEL", |it| it.level.unwrap_or("none"))
            .col("APPLIED", |it| it.applied)
            .named(|it| binding_name(&it.user, &it.cluster, &it.role))
    }
}
