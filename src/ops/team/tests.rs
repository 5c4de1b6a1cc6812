//! What is decided about others' kubeconfigs, on rows alone.

use super::Verb;
use super::act::Act;
use crate::domain::Confirmed;
use crate::domain::access::{Level, Power};
use crate::domain::credential::Subject;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::{World, now};
use crate::ops::change::fixture::{all_effects, decide};
use crate::ops::change::{Change, Decision, Direction};

fn revoke() -> Verb {
    Verb::Revoke {
        reason: String::new(),
    }
}

fn with<T>(user: &str, action: &Verb, use_it: impl FnOnce(&Act<'_, Confirmed>) -> T) -> T {
    let user: UserRef = user.parse().expect("a name");
    let cluster: ClusterName = "prod".parse().expect("a name");
    use_it(&Act::new(Some(&user), &cluster, action))
}

fn all(world: &World, user: &str, action: &Verb) -> Vec<String> {
    with(user, action, |act| all_effects(world, act))
}

fn decided(world: &World, user: &str, action: &Verb) -> Result<Decision, Refusal> {
    with(user, action, |act| decide(world, act))
}

fn bob() -> World {
    World::new()
        .grant("bob", Level::Write, None)
        .personal("bob", Power::Write)
}

const END: &str = "end version 1 of 'bob' on cluster 'prod'";
const BLOCK: &str = "block the kubeconfig of 'bob' on cluster 'prod'";
const LIFT: &str = "lift the block of 'bob' on cluster 'prod'";
const BEGIN: &str = "begin version 2 of 'bob' on cluster 'prod'";

#[test]
fn a_revocation_blocks_and_ends() {
    assert_eq!(all(&bob(), "bob", &revoke()), [BLOCK, END]);
}

#[test]
fn a_revocation_blocks_also_where_nothing_was_issued() {
    let world = World::new().grant("bob", Level::Write, None);
    assert_eq!(all(&world, "bob", &revoke()), [BLOCK]);
}

#[test]
fn a_second_revocation_decides_nothing_and_tries_again_what_is_pending() {
    let world = World::new().grant("bob", Level::Write, None).block("bob");
    let decided = decided(&world, "bob", &revoke()).expect("allowed");
    assert!(decided.effects.is_empty() && decided.reaches_clusters);
}

#[test]
fn what_was_begun_under_a_block_ends_with_the_next_revocation() {
    assert_eq!(all(&bob().block("bob"), "bob", &revoke()), [END]);
}

#[test]
fn a_revocation_ends_shells_and_what_is_shared_too() {
    let world = bob().in_shop().member("bob", ProjectRole::Editor);
    let shell = Subject::Shell(world.id("bob"));
    let world = world
        .issue(shell, Power::Read)
        .shared(SharedLevel::Admin, &["bob"]);
    assert_eq!(
        all(&world, "bob", &revoke()),
        [
            BLOCK,
            END,
            "end version 1 of 'bob/shell' on cluster 'prod'",
            "end version 1 of 'shop/admin' on cluster 'prod'",
            "begin version 2 of 'shop/admin' on cluster 'prod'",
        ]
    );
}

#[test]
fn the_reason_is_in_the_log() {
    let action = Verb::Revoke {
        reason: "laptop stolen".to_owned(),
    };
    let decided = decided(&bob(), "bob", &action).expect("allowed");
    assert!(
        decided.detail.ends_with(": laptop stolen"),
        "{}",
        decided.detail
    );
}

#[test]
fn admins_can_be_revoked_too() {
    let world = World::new().personal("ada", Power::Full);
    assert_eq!(all(&world, "ada", &revoke()).len(), 2);
}

#[test]
fn a_rotation_ends_one_and_begins_the_next() {
    assert_eq!(all(&bob(), "bob", &Verb::Rotate), [END, BEGIN]);
}

#[test]
fn a_rotation_lifts_a_block() {
    let world = bob().block("bob");
    assert_eq!(all(&world, "bob", &Verb::Rotate), [LIFT, END, BEGIN]);
}

#[test]
fn a_rotation_begins_the_first_version_too() {
    let world = World::new().grant("bob", Level::Read, None);
    assert_eq!(
        all(&world, "bob", &Verb::Rotate),
        ["begin version 1 of 'bob' on cluster 'prod'"]
    );
}

#[test]
fn a_rotation_gives_what_the_user_has_now() {
    let world = World::new().bind("bob", "nodes");
    assert_eq!(all(&world, "bob", &Verb::Rotate).len(), 1);
    let world = World::new().personal("eve", Power::Write);
    assert_eq!(all(&world, "eve", &Verb::Rotate).len(), 2);
}

#[test]
fn nothing_is_rotated_for_whom_has_nothing() {
    let world = World::new();
    let refused = decided(&world, "bob", &Verb::Rotate).expect_err("refused");
    assert!(matches!(refused, Refusal::NoAccess { .. }));
    let world = World::new().grant("bob", Level::Read, Some(now()));
    let refused = decided(&world, "bob", &Verb::Rotate).expect_err("refused");
    assert!(matches!(refused, Refusal::NoAccess { .. }));
    let world = World::new().grant("dan", Level::Read, None);
    let refused = decided(&world, "dan", &Verb::Rotate).expect_err("refused");
    assert!(matches!(refused, Refusal::NoAccess { .. }));
}

#[test]
fn nothing_begins_while_a_restored_store_does_not_know_what_is_there() {
    let mut world = bob();
    world.on().orphans_pending = true;
    let refused = decided(&world, "bob", &Verb::Rotate).expect_err("refused");
    assert!(matches!(refused, Refusal::RestoredSince(_)));
    // Taking away always works.
    assert!(decided(&world, "bob", &revoke()).is_ok());
}

#[test]
fn a_restoration_lifts_the_block_and_reaches_no_cluster() {
    let world = World::new().block("bob");
    let decided = decided(&world, "bob", &Verb::Restore).expect("allowed");
    assert_eq!(
        (decided.effects.len(), decided.reaches_clusters),
        (1, false)
    );
    assert_eq!(all(&world, "bob", &Verb::Restore), [LIFT]);
}

#[test]
fn who_is_not_blocked_is_restored_by_nothing() {
    assert!(all(&bob(), "bob", &Verb::Restore).is_empty());
}

#[test]
fn what_takes_away_waits_for_nobody_and_the_rest_for_the_lock() {
    let direction = |action| with("bob", &action, |act| act.about().direction);
    assert_eq!(direction(revoke()), Direction::Takes);
    assert_eq!(direction(Verb::Rotate), Direction::Gives);
    assert_eq!(direction(Verb::Restore), Direction::Gives);
}

#[test]
fn whoever_is_not_there_is_named() {
    for action in [revoke(), Verb::Rotate, Verb::Restore] {
        let refused = decided(&World::new(), "zoe", &action).expect_err("unknown");
        assert!(matches!(refused, Refusal::UnknownUser(_)));
    }
}
