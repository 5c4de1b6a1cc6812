//! What rotations of a cluster decide, on rows alone.

use super::{RotateAccounts, RotateManager};
use crate::domain::access::{Level, Power};
use crate::domain::cluster::{ManagerKind, State};
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::{World, hours_later};
use crate::ops::change::fixture::{all_effects, decide};
use crate::ops::change::{Change, Direction, Target};

const REPLACED: &str =
    "make another account the manager of cluster 'prod', and end account 'kubegrant-manager'";

fn manager() -> RotateManager {
    RotateManager {
        cluster: "prod".parse().expect("a name"),
    }
}

fn accounts() -> RotateAccounts {
    RotateAccounts {
        cluster: "prod".parse().expect("a name"),
    }
}

#[test]
fn the_manager_alone_is_replaced() {
    let world = World::new().personal("eve", Power::Write);
    assert_eq!(all_effects(&world, &manager()), [REPLACED]);
    let decided = decide(&world, &manager()).expect("allowed");
    let after = world.0.after(&decided.effects);
    let former: Vec<&str> = after.clusters[0]
        .former
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(
        former,
        ["kubegrant-manager"],
        "cut off, it is known that it must go"
    );
}

#[test]
fn the_operators_own_credential_is_no_manager() {
    let world = World::new().cluster(|it| it.manager_kind = ManagerKind::Operator);
    assert!(matches!(
        decide(&world, &manager()),
        Err(Refusal::OperatorsLogin(_))
    ));
    assert!(decide(&world, &accounts()).is_ok());
}

#[test]
fn every_account_ends_and_the_next_begins() {
    let world = World::new()
        .personal("eve", Power::Write)
        .in_shop()
        .member("bob", ProjectRole::Viewer)
        .shared(SharedLevel::Read, &["bob"]);
    assert_eq!(
        all_effects(&world, &accounts()),
        [
            REPLACED,
            "end version 1 of 'eve' on cluster 'prod'",
            "begin version 2 of 'eve' on cluster 'prod'",
            "end version 1 of 'shop/read' on cluster 'prod'",
            "begin version 2 of 'shop/read' on cluster 'prod'",
        ]
    );
}

#[test]
fn a_shell_ends_and_does_not_begin_again() {
    let world = World::new();
    let shell = crate::domain::credential::Subject::Shell(world.id("eve"));
    let world = world.issue(shell, Power::Write);
    let all = all_effects(&world, &accounts());
    assert_eq!(
        all,
        [REPLACED, "end version 1 of 'eve/shell' on cluster 'prod'"]
    );
}

#[test]
fn what_must_end_anyway_does_not_begin_again() {
    let world = World::new()
        .grant("bob", Level::Read, Some(hours_later(-1)))
        .personal("bob", Power::Read);
    let all = all_effects(&world, &accounts());
    assert_eq!(all, [REPLACED, "end version 1 of 'bob' on cluster 'prod'"]);
}

#[test]
fn nothing_begins_on_an_archived_cluster() {
    let world = World::new()
        .personal("eve", Power::Write)
        .cluster(|it| it.state = State::Archived);
    let all = all_effects(&world, &accounts());
    assert_eq!(all, [REPLACED, "end version 1 of 'eve' on cluster 'prod'"]);
}

#[test]
fn after_a_restore_what_is_not_ended_comes_first() {
    let mut world = World::new();
    world.on().orphans_pending = true;
    assert!(matches!(
        decide(&world, &accounts()),
        Err(Refusal::RestoredSince(_))
    ));
    assert!(decide(&world, &manager()).is_ok());
}

#[test]
fn both_wait_for_the_cluster_and_a_preview_asks_none() {
    for about in [manager().about(), accounts().about()] {
        assert_eq!(about.direction, Direction::Gives);
        assert!(matches!(
            about.target,
            Target::Cluster(_, ClusterAction::Sensitive)
        ));
    }
    assert!(!manager().looks_for_preview());
    assert!(!accounts().looks_for_preview());
}

#[test]
fn a_cluster_that_nobody_may_see_is_not_there() {
    let mut world = World::new();
    world.0.clusters.clear();
    for refused in [decide(&world, &manager()), decide(&world, &accounts())] {
        let refused = refused.expect_err("refused");
        assert_eq!(refused, Refusal::Denied(Denial::UnknownCluster));
    }
}
