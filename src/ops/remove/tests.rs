//! What deleting and forgetting a cluster decide, on rows alone.

use super::{Delete, Forget, description};
use crate::domain::access::{Level, Power};
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::{World, now};
use crate::ops::change::fixture::{all_effects, decide, decide_as, effects, who};
use crate::ops::change::{Change, Direction, Target};

fn delete() -> Delete {
    Delete {
        cluster: "prod".parse().expect("a name"),
    }
}

fn forget() -> Forget {
    Forget {
        cluster: "prod".parse().expect("a name"),
    }
}

#[test]
fn a_delete_ends_everything_before_the_cluster_goes() {
    let world = World::new()
        .personal("eve", Power::Write)
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read);
    assert_eq!(
        all_effects(&world, &delete()),
        [
            "end version 1 of 'eve' on cluster 'prod'",
            "end version 1 of 'bob' on cluster 'prod'",
            "remove everything of ours from cluster 'prod'",
        ]
    );
    let decided = decide(&world, &delete()).expect("allowed");
    let later: Vec<String> = decided
        .later
        .iter()
        .map(|it| world.0.describe(it))
        .collect();
    assert_eq!(later, ["remove cluster 'prod' with its sealed login"]);
}

#[test]
fn a_delete_that_was_cut_off_goes_on_since_when_it_was_begun() {
    let began = now() - chrono::TimeDelta::hours(1);
    let world = World::new().cluster(|it| it.deleting_at = Some(began));
    let decided = decide(&world, &delete()).expect("allowed");
    let after = world.0.after(&decided.effects);
    assert_eq!(after.clusters[0].cluster.deleting_at, Some(began));
}

#[test]
fn both_wait_for_the_cluster_and_a_preview_of_a_delete_asks_none() {
    for about in [delete().about(), forget().about()] {
        assert_eq!(about.direction, Direction::Gives);
        assert!(matches!(
            about.target,
            Target::Cluster(_, ClusterAction::Delete)
        ));
    }
    assert!(!delete().looks_for_preview());
}

#[test]
fn only_an_owner_of_the_organization_forgets() {
    let world = World::new();
    let denied = Refusal::Denied(Denial::OwnersOnly);
    let refused = decide_as(&world, "eve", &forget()).expect_err("refused");
    assert_eq!(refused, denied);
    assert!(decide_as(&world, "ada", &forget()).is_err());
    assert!(decide_as(&world, "olga", &forget()).is_ok());
}

#[test]
fn what_is_forgotten_is_named_as_left_behind() {
    let world = World::new().personal("eve", Power::Write);
    let on_nodes = vec!["SSH key SHA256:x on node n1".to_owned()];
    let decided = forget().decide(&world.0, &who(&world, "olga"), &on_nodes);
    let decided = decided.expect("allowed");
    assert_eq!(
        effects(&world, &decided),
        [
            "end version 1 of 'eve' on cluster 'prod'",
            "remove cluster 'prod' with its sealed login",
        ]
    );
    assert!(!decided.reaches_clusters);
    let account = &world.0.clusters[0].credentials[0].account;
    let about_eve = format!("leave behind: account kubegrant/{account} (version 1 of 'eve')");
    assert!(
        decided.notes[0].starts_with(&about_eve),
        "{:?}",
        decided.notes
    );
    assert!(decided.notes[1].contains(&world.0.clusters[0].cluster.manager));
    assert_eq!(
        decided.notes[2],
        "leave behind: SSH key SHA256:x on node n1"
    );
    assert_eq!(decided.remarks.len(), 1);
}

#[test]
fn the_rows_of_a_cluster_that_is_removed_are_empty() {
    let world = World::new()
        .personal("eve", Power::Write)
        .grant("bob", Level::Read, None);
    let decided = decide_as(&world, "olga", &forget()).expect("allowed");
    let after = world.0.after(&decided.effects);
    assert!(after.clusters[0].credentials.is_empty());
    assert!(after.clusters[0].grants.is_empty());
}

#[test]
fn the_log_says_what_is_left() {
    assert_eq!(description(&[]), "nothing of ours is left on it");
    assert_eq!(description(&["a".to_owned(), "b".to_owned()]), "a; b");
}
