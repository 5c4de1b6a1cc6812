//! What tests of decisions have in common.

use super::{Change, Decision, Who};
use crate::domain::cluster::Cluster;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::sealed::Which;
use crate::domain::snapshot::fixture::{World, now};

/// Somebody of the fixture who acts.
pub(in crate::ops) fn who(world: &World, name: &str) -> Who {
    Who {
        holder: world.user(name).clone(),
        user: world.user(name).clone(),
        now: now(),
    }
}

/// What `ada`, an admin, gets decided, where nothing was seen of the cluster.
pub(in crate::ops) fn decide<C: Change>(world: &World, change: &C) -> Result<Decision, Refusal> {
    decide_as(world, "ada", change)
}

/// What somebody gets decided.
pub(in crate::ops) fn decide_as<C: Change>(
    world: &World,
    name: &str,
    change: &C,
) -> Result<Decision, Refusal> {
    change.decide(&world.0, &who(world, name), &C::Seen::default())
}

/// The effects of a decision, as sentences.
pub(in crate::ops) fn effects(world: &World, decision: &Decision) -> Vec<String> {
    let all = decision.effects.iter();
    all.map(|it| world.0.describe(it)).collect()
}

/// The effects, and what follows from them.
pub(in crate::ops) fn all_effects<C: Change>(world: &World, change: &C) -> Vec<String> {
    let decision = decide(world, change).expect("allowed");
    let mut all = effects(world, &decision);
    if decision.reaches_clusters {
        all.extend(world.follow(&decision.effects));
    }
    all
}

/// Whether a cluster's secrets are to be sealed anew.
pub(in crate::ops) fn reseals<C: Change>(change: &C, rows: &Rows, cluster: &Cluster) -> bool {
    let which = change.resealed(rows);
    which.is_some_and(|which| which(cluster, &Which::ProviderToken))
}
