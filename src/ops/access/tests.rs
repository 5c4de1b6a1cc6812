//! What grants and revocations decide, on rows alone.

use super::{GrantAccess, RevokeAccess};
use crate::domain::access::{Level, Power};
use crate::domain::cluster::WriteScope;
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::{World, hours_later, now};
use crate::domain::user::Role;
use crate::ops::change::fixture::{effects, who};
use crate::ops::change::{self, Change, Decision};

fn grant(user: &str, level: Level) -> GrantAccess {
    GrantAccess {
        user: user.parse().expect("a name"),
        cluster: "prod".parse().expect("a name"),
        level,
        ends_at: None,
        reason: String::new(),
        insists: None,
    }
}

fn revoke(user: &str) -> RevokeAccess {
    RevokeAccess {
        user: user.parse().expect("a name"),
        cluster: "prod".parse().expect("a name"),
    }
}

fn decide(world: &World, change: &GrantAccess, seen: &[&str]) -> Result<Decision, Refusal> {
    let seen = seen.iter().map(ToString::to_string).collect();
    change.decide(&world.0, &who(world, "ada"), &seen)
}

#[test]
fn a_grant_puts_one_grant() {
    let world = World::new();
    let decided = decide(&world, &grant("bob", Level::Read), &[]).expect("allowed");
    assert_eq!(
        effects(&world, &decided),
        ["give 'bob' read on cluster 'prod'"]
    );
    assert!(decided.reaches_clusters);
    assert_eq!(decided.detail, "read for 'bob'");
}

#[test]
fn what_is_granted_already_is_no_effect() {
    let world = World::new().grant("bob", Level::Read, None);
    let decided = decide(&world, &grant("bob", Level::Read), &[]).expect("allowed");
    assert!(decided.effects.is_empty());
    // Yet something may be pending from the last time.
    assert!(decided.reaches_clusters);
}

#[test]
fn another_level_or_another_end_is_one() {
    let world = World::new().grant("bob", Level::Read, None);
    let more = decide(&world, &grant("bob", Level::Write), &[]).expect("allowed");
    assert_eq!(more.effects.len(), 1);
    let ends = GrantAccess {
        ends_at: Some(hours_later(8)),
        ..grant("bob", Level::Read)
    };
    assert_eq!(
        decide(&world, &ends, &[]).expect("allowed").effects.len(),
        1
    );
}

#[test]
fn a_grant_that_has_ended_is_given_anew() {
    let world = World::new().grant("bob", Level::Read, Some(now()));
    let decided = decide(&world, &grant("bob", Level::Read), &[]).expect("allowed");
    assert_eq!(decided.effects.len(), 1);
}

#[test]
fn nothing_is_granted_to_whom_it_would_give_nothing() {
    let world = World::new();
    let refused = |user| decide(&world, &grant(user, Level::Read), &[]).expect_err("refused");
    assert!(matches!(refused("dan"), Refusal::Disabled(_)));
    assert!(matches!(
        refused("olga"),
        Refusal::HasFullAccess {
            role: Role::Owner,
            ..
        }
    ));
    assert!(matches!(refused("ada"), Refusal::HasFullAccess { .. }));
    assert!(matches!(refused("eve"), Refusal::OwnsCluster { .. }));
    assert!(matches!(refused("zoe"), Refusal::UnknownUser(_)));
}

#[test]
fn a_grant_ends_later_than_now() {
    let world = World::new();
    let at = |ends_at| {
        let change = GrantAccess {
            ends_at: Some(ends_at),
            ..grant("bob", Level::Read)
        };
        decide(&world, &change, &[]).map(|_| ())
    };
    assert_eq!(at(now()), Err(Refusal::EndIsPast));
    assert_eq!(at(hours_later(-1)), Err(Refusal::EndIsPast));
    assert_eq!(at(hours_later(1)), Ok(()));
}

#[test]
fn what_is_more_than_it_says_needs_consent_unless_it_takes_away() {
    let excess = ["every account may do anything"];
    let world = World::new();
    let decided = decide(&world, &grant("bob", Level::Read), &excess).expect("allowed");
    assert_eq!(decided.needs_consent, excess);
    let world = World::new().grant("bob", Level::Write, None);
    let less = decide(&world, &grant("bob", Level::Read), &excess).expect("allowed");
    assert!(less.needs_consent.is_empty());
    assert_eq!(less.although, excess);
    // One that has ended is no more than nothing.
    let world = World::new().grant("bob", Level::Write, Some(now()));
    let again = decide(&world, &grant("bob", Level::Read), &excess).expect("allowed");
    assert_eq!(again.needs_consent, excess);
}

#[test]
fn write_that_is_the_plain_edit_is_said_and_needs_no_consent() {
    let world = World::new().cluster(|it| it.write_scope = WriteScope::Cluster);
    let write = decide(&world, &grant("bob", Level::Write), &[]).expect("allowed");
    assert_eq!((write.although.len(), write.needs_consent.len()), (1, 0));
    assert!(write.detail.contains("although"), "{}", write.detail);
    let read = decide(&world, &grant("bob", Level::Read), &[]).expect("allowed");
    assert!(read.although.is_empty());
}

#[test]
fn another_level_ends_the_kubeconfig_and_the_same_does_not() {
    let world = World::new()
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read);
    let write = decide(&world, &grant("bob", Level::Write), &[]).expect("allowed");
    assert_eq!(
        world.follow(&write.effects),
        ["end version 1 of 'bob' on cluster 'prod'"]
    );
    let longer = GrantAccess {
        ends_at: Some(hours_later(1)),
        ..grant("bob", Level::Read)
    };
    let longer = decide(&world, &longer, &[]).expect("allowed");
    assert!(world.follow(&longer.effects).is_empty());
}

fn decide_revoke(world: &World, user: &str) -> Result<Decision, Refusal> {
    change::fixture::decide(world, &revoke(user))
}

#[test]
fn a_revocation_removes_the_grant_and_ends_what_it_gave() {
    let world = World::new()
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read);
    let decided = decide_revoke(&world, "bob").expect("allowed");
    assert_eq!(
        effects(&world, &decided),
        ["take the access of 'bob' to cluster 'prod'"]
    );
    assert_eq!(
        world.follow(&decided.effects),
        ["end version 1 of 'bob' on cluster 'prod'"]
    );
}

#[test]
fn who_has_nothing_loses_nothing() {
    let decided = decide_revoke(&World::new(), "bob").expect("allowed");
    assert!(decided.effects.is_empty());
    assert!(!decided.reaches_clusters);
}

#[test]
fn bound_roles_are_no_grant_and_stay() {
    let world = World::new()
        .bind("bob", "nodes")
        .personal("bob", Power::Bound);
    let decided = decide_revoke(&world, "bob").expect("allowed");
    assert!(decided.effects.is_empty());
    // What an earlier command left pending is tried again.
    assert!(decided.reaches_clusters);
}

#[test]
fn who_has_full_access_or_owns_the_cluster_keeps_it() {
    let world = World::new();
    let refused = |user| decide_revoke(&world, user).expect_err("refused");
    assert!(matches!(refused("ada"), Refusal::HasFullAccess { .. }));
    assert!(matches!(refused("eve"), Refusal::OwnsCluster { .. }));
    assert!(matches!(refused("zoe"), Refusal::UnknownUser(_)));
}

#[test]
fn what_is_left_of_somebody_disabled_can_be_revoked() {
    let world = World::new().grant("dan", Level::Read, None);
    assert_eq!(
        decide_revoke(&world, "dan").expect("allowed").effects.len(),
        1
    );
}

#[test]
fn what_somebody_has_without_a_grant_ends_too() {
    let world = World::new().personal("bob", Power::Read);
    let decided = decide_revoke(&world, "bob").expect("allowed");
    assert_eq!(
        effects(&world, &decided),
        ["end version 1 of 'bob' on cluster 'prod'"]
    );
}

#[test]
fn what_is_pending_is_tried_again_and_no_effect() {
    let mut world = World::new().personal("bob", Power::Read);
    world.credentials()[0].state = crate::domain::credential::State::Revoking;
    let decided = decide_revoke(&world, "bob").expect("allowed");
    assert!(decided.effects.is_empty() && decided.reaches_clusters);
}
