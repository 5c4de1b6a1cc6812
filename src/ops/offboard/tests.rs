//! What somebody's leaving decides, on rows alone.

use super::Offboard;
use crate::domain::access::{Level, Power};
use crate::domain::action::Action;
use crate::domain::policy::{Denial, OrganizationAction};
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::domain::user::Role;
use crate::ops::change::Change;
use crate::ops::change::fixture::{all_effects, decide, decide_as, effects, reseals};

fn offboard(user: &str, new_owner: Option<&str>) -> Offboard {
    Offboard {
        user: user.parse().expect("a name"),
        new_owner: new_owner.map(|name| name.parse().expect("a name")),
    }
}

#[test]
fn everything_is_taken_at_once() {
    let world = World::new()
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read)
        .in_shop()
        .member("bob", ProjectRole::Viewer)
        .shared(SharedLevel::Read, &["bob"]);
    assert_eq!(
        all_effects(&world, &offboard("bob", None)),
        [
            "disable 'bob'",
            "take the access of 'bob' to cluster 'prod'",
            "remove 'bob' from project 'shop'",
            "end version 1 of 'bob' on cluster 'prod'",
            "end version 1 of 'shop/read' on cluster 'prod'",
            "begin version 2 of 'shop/read' on cluster 'prod'",
        ]
    );
}

#[test]
fn the_log_says_each_thing_that_was_taken_where_it_was() {
    let world = World::new()
        .grant("bob", Level::Read, None)
        .in_shop()
        .member("bob", ProjectRole::Viewer);
    let decided = decide(&world, &offboard("bob", None)).expect("allowed");
    let said = decided.remarks.iter();
    let said: Vec<_> = said
        .map(|it| (it.detail.as_str(), it.cluster.is_some()))
        .collect();
    assert_eq!(
        said,
        [
            ("grant removed", true),
            ("no member of project 'shop' any more", false)
        ]
    );
}

#[test]
fn a_cluster_goes_to_the_new_owner_and_is_never_without() {
    let world = World::new().personal("eve", Power::Write);
    let decided = decide(&world, &offboard("eve", None));
    assert_eq!(
        decided.expect_err("refused"),
        Refusal::WithoutOwner {
            user: "eve".parse().expect("a name"),
            clusters: vec!["prod".parse().expect("a name")],
        }
    );
    assert_eq!(
        all_effects(&world, &offboard("eve", Some("bob"))),
        [
            "disable 'eve'",
            "transfer cluster 'prod' from 'eve' to 'bob'",
            "end version 1 of 'eve' on cluster 'prod'",
        ]
    );
    let decided = decide(&world, &offboard("eve", Some("bob"))).expect("allowed");
    assert_eq!(decided.remarks[0].command, Some(Action::ClusterTransfer));
    assert_eq!(decided.remarks[0].user, Some(world.id("bob")));
}

#[test]
fn who_is_disabled_or_leaves_takes_nothing_over() {
    let world = World::new();
    let refused = |change: &Offboard| decide(&world, change).expect_err("refused");
    assert_eq!(
        refused(&offboard("eve", Some("dan"))),
        Refusal::CannotOwn("dan".parse().expect("a name"))
    );
    assert_eq!(
        refused(&offboard("eve", Some("eve"))),
        Refusal::TakesOver("eve".parse().expect("a name"))
    );
    assert!(matches!(
        refused(&offboard("eve", Some("zoe"))),
        Refusal::UnknownUser(_)
    ));
}

#[test]
fn nobody_offboards_themselves_the_last_owner_or_above_them() {
    let world = World::new();
    assert_eq!(
        decide(&world, &offboard("ada", None)).expect_err("refused"),
        Refusal::LocksOut("offboarding")
    );
    let above = decide(&world, &offboard("olga", None)).expect_err("refused");
    assert_eq!(above, Refusal::Denied(Denial::OwnersOnly));
    let world = world.with_user("ada", |it| it.role = Role::Owner);
    assert!(decide(&world, &offboard("olga", None)).is_ok());
    let world = world.with_user("olga", |it| it.active = false);
    // The one who acts is the last; who has left already changes nothing.
    assert!(decide(&world, &offboard("olga", None)).is_ok());
}

#[test]
fn a_developer_may_not() {
    let refused = decide_as(&World::new(), "bob", &offboard("carol", None));
    assert_eq!(
        refused.expect_err("refused"),
        Refusal::Denied(Denial::AdminsOnly(OrganizationAction::ManageUser(
            Role::Developer
        )))
    );
}

#[test]
fn who_has_nothing_left_changes_nothing_and_what_is_pending_is_tried() {
    let world = World::new();
    let decided = decide(&world, &offboard("dan", None)).expect("allowed");
    assert!(decided.effects.is_empty());
    assert!(decided.reaches_clusters);
}

#[test]
fn a_grant_of_who_is_disabled_already_goes_too() {
    let world = World::new().grant("dan", Level::Write, None);
    let decided = decide(&world, &offboard("dan", None)).expect("allowed");
    assert_eq!(
        effects(&world, &decided),
        ["take the access of 'dan' to cluster 'prod'"]
    );
}

#[test]
fn no_secret_stops_it() {
    let world = World::new();
    let cluster = world.0.clusters[0].cluster.clone();
    assert!(!offboard("eve", Some("bob")).must_reseal());
    assert!(reseals(&offboard("eve", Some("bob")), &world.0, &cluster));
    assert!(reseals(&offboard("ada", None), &world.0, &cluster));
    assert!(!reseals(&offboard("bob", None), &world.0, &cluster));
    // Without a key of theirs it is still for the new owner.
    let world = world.with_user("eve", |it| it.key = None);
    assert!(reseals(&offboard("eve", Some("bob")), &world.0, &cluster));
}
