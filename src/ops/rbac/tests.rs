//! What binding and unbinding decide, on rows alone.

use super::bind::Judgement;
use super::{Bind, Unbind};
use crate::domain::access::{Level, Power};
use crate::domain::binding::Bound;
use crate::domain::policy::Denial;
use crate::domain::power::RoleRef;
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::fixture::{all_effects, decide, who};
use crate::ops::change::{Change, Decision};

fn role(name: &str) -> Bound {
    Bound {
        place: None,
        role: RoleRef::Cluster(name.to_owned()),
    }
}

fn bind(user: &str, name: &str) -> Bind {
    Bind {
        user: user.parse().expect("a name"),
        cluster: "prod".parse().expect("a name"),
        bound: role(name),
        reason: String::new(),
        insists: None,
    }
}

fn unbind(user: &str, name: &str) -> Unbind {
    Unbind {
        user: user.parse().expect("a name"),
        cluster: "prod".parse().expect("a name"),
        bound: role(name),
    }
}

fn escalating() -> Judgement {
    Judgement {
        escalates: Some("it reads Secrets".to_owned()),
        ..Judgement::default()
    }
}

fn judged(world: &World, name: &str, change: &Bind, seen: &Judgement) -> Result<Decision, Refusal> {
    change.decide(&world.0, &who(world, name), seen)
}

#[test]
fn a_role_is_bound() {
    let bound = all_effects(&World::new(), &bind("bob", "nodes"));
    assert_eq!(bound.len(), 1);
    assert!(bound[0].starts_with("bind "), "{bound:?}");
}

#[test]
fn a_role_that_is_bound_already_is_no_effect() {
    let world = World::new().bind("bob", "nodes");
    let decided = decide(&world, &bind("bob", "nodes")).expect("allowed");
    assert!(decided.effects.is_empty() && decided.reaches_clusters);
    // Another's binding is another's.
    assert_eq!(all_effects(&world, &bind("carol", "nodes")).len(), 1);
}

#[test]
fn a_role_that_was_unbound_can_be_bound_again() {
    let mut world = World::new().bind("bob", "nodes");
    world.on().bindings[0].is_removed = true;
    assert_eq!(all_effects(&world, &bind("bob", "nodes")).len(), 1);
}

#[test]
fn nothing_is_bound_to_whom_it_would_give_nothing() {
    let world = World::new();
    let refused = |user| decide(&world, &bind(user, "nodes")).expect_err("refused");
    assert!(matches!(refused("dan"), Refusal::Disabled(_)));
    assert!(matches!(refused("ada"), Refusal::HasFullAccess { .. }));
    assert!(matches!(refused("zoe"), Refusal::UnknownUser(_)));
    // Who owns the cluster has write, and may have a role beside it.
    assert!(decide(&world, &bind("eve", "nodes")).is_ok());
}

#[test]
fn a_role_that_nobody_may_have_is_refused_and_recorded() {
    let seen = Judgement {
        refused: Some("it is kubegrant's own".to_owned()),
        ..Judgement::default()
    };
    let world = World::new();
    let refused = judged(&world, "ada", &bind("bob", "nodes"), &seen).expect_err("refused");
    assert!(refused.is_recorded());
    assert!(matches!(refused, Refusal::BoundToNobody { .. }));
}

#[test]
fn a_role_that_escalates_needs_consent_and_is_said_in_the_log() {
    let world = World::new();
    let decided = judged(&world, "ada", &bind("bob", "nodes"), &escalating()).expect("allowed");
    assert_eq!(decided.needs_consent.len(), 1);
    assert!(
        decided.detail.contains("can escalate with it"),
        "{}",
        decided.detail
    );
}

#[test]
fn where_it_escalates_edit_is_no_level_any_more() {
    let world = World::new();
    let edit = bind("bob", "edit");
    // The cluster's owner may bind `view` and `edit`, and nothing else.
    assert!(judged(&world, "eve", &edit, &Judgement::default()).is_ok());
    let refused = judged(&world, "eve", &edit, &escalating()).expect_err("denied");
    assert!(matches!(refused, Refusal::Denied(Denial::NotOnCluster(_))));
    assert!(judged(&world, "ada", &edit, &escalating()).is_ok());
}

#[test]
fn the_reason_is_in_the_log() {
    let change = Bind {
        reason: "release week".to_owned(),
        ..bind("bob", "nodes")
    };
    let decided = decide(&World::new(), &change).expect("allowed");
    assert!(
        decided.detail.ends_with(": release week"),
        "{}",
        decided.detail
    );
}

#[test]
fn the_last_role_takes_the_kubeconfig_along() {
    let world = World::new()
        .bind("bob", "nodes")
        .personal("bob", Power::Bound);
    let all = all_effects(&world, &unbind("bob", "nodes"));
    assert_eq!(all[1..], ["end version 1 of 'bob' on cluster 'prod'"]);
}

#[test]
fn a_role_of_several_or_beside_a_level_takes_nothing_along() {
    let several = World::new()
        .bind("bob", "nodes")
        .bind("bob", "pods")
        .personal("bob", Power::Bound);
    assert_eq!(all_effects(&several, &unbind("bob", "nodes")).len(), 1);
    let beside = World::new()
        .grant("bob", Level::Read, None)
        .bind("bob", "nodes")
        .personal("bob", Power::Read);
    assert_eq!(all_effects(&beside, &unbind("bob", "nodes")).len(), 1);
}

#[test]
fn what_is_not_bound_is_unbound_by_nothing_and_tried_again() {
    let world = World::new().bind("bob", "nodes");
    let decided = decide(&world, &unbind("bob", "pods")).expect("allowed");
    assert!(decided.effects.is_empty() && decided.reaches_clusters);
    assert!(
        decide(&world, &unbind("carol", "nodes"))
            .expect("allowed")
            .effects
            .is_empty()
    );
}

#[test]
fn what_is_left_of_somebody_disabled_can_be_unbound() {
    let world = World::new().bind("dan", "nodes");
    assert_eq!(all_effects(&world, &unbind("dan", "nodes")).len(), 1);
}
