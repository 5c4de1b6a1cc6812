//! What changes of a cluster's lifecycle decide, on rows alone.

use super::{Archive, Protect, Transfer, Unarchive};
use crate::domain::access::{Level, Power};
use crate::domain::cluster::State;
use crate::domain::name::ClusterName;
use crate::domain::policy::Denial;
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::fixture::{all_effects, decide, decide_as, reseals};
use crate::ops::change::{Change, Direction};

fn prod() -> ClusterName {
    "prod".parse().expect("a name")
}

fn protect(protected: bool) -> Protect {
    Protect {
        cluster: prod(),
        protected,
    }
}

fn archive(revoke_all: bool) -> Archive {
    Archive {
        cluster: prod(),
        revoke_all,
    }
}

fn transfer(to: &str) -> Transfer {
    Transfer {
        cluster: prod(),
        to: to.parse().expect("a name"),
    }
}

fn archived() -> World {
    World::new().cluster(|it| it.state = State::Archived)
}

#[test]
fn a_cluster_is_protected_once() {
    let world = World::new();
    assert_eq!(
        all_effects(&world, &protect(true)),
        ["protect cluster 'prod'"]
    );
    assert!(all_effects(&world, &protect(false)).is_empty());
    let world = world.cluster(|it| it.protected = true);
    assert!(all_effects(&world, &protect(true)).is_empty());
    assert_eq!(
        all_effects(&world, &protect(false)),
        ["unprotect cluster 'prod'"]
    );
}

#[test]
fn to_protect_reaches_no_cluster() {
    let decided = decide(&World::new(), &protect(true)).expect("allowed");
    assert!(!decided.reaches_clusters);
}

#[test]
fn an_archived_cluster_keeps_what_was_handed_out() {
    let world = World::new().personal("eve", Power::Write);
    assert_eq!(
        all_effects(&world, &archive(false)),
        ["archive cluster 'prod'"]
    );
}

#[test]
fn everything_ends_with_it_where_that_is_asked() {
    let world = World::new()
        .personal("eve", Power::Write)
        .in_shop()
        .member("bob", ProjectRole::Viewer)
        .shared(SharedLevel::Read, &["bob"]);
    assert_eq!(
        all_effects(&world, &archive(true)),
        [
            "archive cluster 'prod'",
            "end version 1 of 'eve' on cluster 'prod'",
            "end version 1 of 'shop/read' on cluster 'prod'",
        ]
    );
}

#[test]
fn a_cluster_is_archived_once_unless_everything_is_to_end() {
    let world = archived().personal("eve", Power::Write);
    let refused = decide(&world, &archive(false)).expect_err("refused");
    assert!(matches!(refused, Refusal::Denied(Denial::Archived(_))));
    assert_eq!(
        all_effects(&world, &archive(true)),
        ["end version 1 of 'eve' on cluster 'prod'"]
    );
}

#[test]
fn a_protected_cluster_is_not_archived() {
    let world = World::new().cluster(|it| it.protected = true);
    for revoke_all in [false, true] {
        let refused = decide(&world, &archive(revoke_all)).expect_err("refused");
        assert!(matches!(refused, Refusal::Denied(Denial::Protected(_))));
    }
}

#[test]
fn whoever_may_only_see_a_cluster_does_not_archive_it() {
    let world = World::new().grant("bob", Level::Write, None);
    let refused = decide_as(&world, "bob", &archive(false)).expect_err("denied");
    assert!(matches!(refused, Refusal::Denied(Denial::NotOnCluster(_))));
    let world = archived().grant("bob", Level::Write, None);
    let refused = decide_as(&world, "bob", &archive(true)).expect_err("denied");
    assert!(matches!(refused, Refusal::Denied(Denial::NotOnCluster(_))));
    assert!(decide_as(&World::new(), "eve", &archive(true)).is_ok());
    // To whom it is hidden, it is unknown.
    let refused = decide_as(&World::new(), "tom", &archive(false)).expect_err("unknown");
    assert_eq!(refused, Refusal::Denied(Denial::UnknownCluster));
}

#[test]
fn alone_archiving_waits_and_with_what_it_ends_it_does_not() {
    assert_eq!(archive(false).about().direction, Direction::Gives);
    assert_eq!(archive(true).about().direction, Direction::Takes);
}

#[test]
fn a_cluster_is_taken_out_of_the_archive() {
    let unarchive = Unarchive { cluster: prod() };
    assert_eq!(
        all_effects(&archived(), &unarchive),
        ["take cluster 'prod' out of the archive"]
    );
}

#[test]
fn a_transfer_says_from_whom_and_ends_what_they_carried() {
    let world = World::new().personal("eve", Power::Write);
    assert_eq!(
        all_effects(&world, &transfer("bob")),
        [
            "transfer cluster 'prod' from 'eve' to 'bob'",
            "end version 1 of 'eve' on cluster 'prod'",
        ]
    );
}

#[test]
fn a_transfer_says_what_the_old_owner_has_then() {
    let world = World::new().grant("eve", Level::Read, None);
    let decided = decide(&world, &transfer("bob")).expect("allowed");
    assert_eq!(decided.notes, ["'eve' has read (grant) then"]);
    let decided = decide(&World::new(), &transfer("bob")).expect("allowed");
    assert_eq!(decided.notes, ["'eve' has no access then"]);
}

#[test]
fn a_cluster_that_nobody_owns_can_be_given() {
    let world = World::new().cluster(|it| it.owner = None);
    assert_eq!(
        all_effects(&world, &transfer("bob")),
        ["transfer cluster 'prod' from nobody to 'bob'"]
    );
}

#[test]
fn the_owner_gets_it_by_nothing() {
    let decided = decide(&World::new(), &transfer("eve")).expect("allowed");
    assert!(decided.effects.is_empty() && !decided.reaches_clusters);
}

#[test]
fn nobody_disabled_and_nobody_unknown_owns_a_cluster() {
    let refused = decide(&World::new(), &transfer("dan")).expect_err("refused");
    assert!(matches!(refused, Refusal::CannotOwn(_)));
    let refused = decide(&World::new(), &transfer("zoe")).expect_err("unknown");
    assert!(matches!(refused, Refusal::UnknownUser(_)));
}

#[test]
fn who_becomes_its_owner_and_carried_less_downloads_again() {
    let world = World::new()
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read);
    assert_eq!(all_effects(&world, &transfer("bob")).len(), 2);
}

#[test]
fn its_secrets_are_sealed_anew_for_the_new_owner() {
    let world = World::new();
    let cluster = &world.0.clusters[0].cluster;
    assert!(reseals(&transfer("bob"), &world.0, cluster));
    assert!(!reseals(&archive(true), &world.0, cluster));
}
