//! What renewing decides, on rows alone.

use super::{Pins, Relink, RelinkSeen};
use crate::domain::access::{Level, Power};
use crate::domain::credential::Subject;
use crate::domain::mark::Marks;
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::fixture::{effects, who};
use crate::ops::change::{Change, Decision};
use crate::ops::cluster::{ObjectOptions, Source};

fn relink() -> Relink {
    Relink {
        cluster: "prod".parse().expect("a name"),
        source: Source::default(),
        keep_credential: false,
        objects: ObjectOptions::default(),
    }
}

/// Somebody has a kubeconfig of `prod`.
fn world() -> World {
    let world = World::new().grant("bob", Level::Read, None);
    let bob = Subject::Personal(world.id("bob"));
    world.issue(bob, Power::Read)
}

/// `prod` as it is, with what a test changes.
fn seen(world: &World, change: impl FnOnce(&mut Pins)) -> RelinkSeen {
    let before = &world.0.clusters[0].cluster;
    let mut pins = Pins {
        address: before.address.clone(),
        uid: before.kube_system_uid.clone(),
        version: before.version.clone(),
    };
    change(&mut pins);
    let is_same = pins.uid == before.kube_system_uid;
    RelinkSeen {
        next: "kubegrant-manager-2".to_owned(),
        next_issuer: "kubegrant-issuer-2".to_owned(),
        present: is_same.then(|| before.manager.as_str().into()),
        pins: Some(pins),
        ..RelinkSeen::default()
    }
}

fn decided(world: &World, change: &Relink, seen: &RelinkSeen) -> Decision {
    let decided = change.decide(&world.0, &who(world, "ada"), seen);
    decided.expect("allowed")
}

fn later(world: &World, decision: &Decision) -> Vec<String> {
    let all = decision.later.iter();
    all.map(|it| world.0.describe(it)).collect()
}

#[test]
fn both_managers_are_on_the_list_before_one_is_made() {
    let world = world();
    let manager = world.0.clusters[0].cluster.manager.clone();
    let decision = decided(&world, &relink(), &seen(&world, |_| {}));
    let after = world.0.after(&decision.effects);
    let former: Vec<&str> = after.clusters[0]
        .former
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(
        former,
        [
            manager.as_str(),
            "kubegrant-manager-2",
            "kubegrant-issuer-2"
        ]
    );
    assert!(later(&world, &decision).is_empty());
}

#[test]
fn an_address_that_moved_is_one_effect_and_ends_nothing() {
    let world = world();
    let moved = seen(&world, |it| {
        it.address.server = "https://elsewhere:6443".to_owned();
    });
    assert_eq!(
        later(&world, &decided(&world, &relink(), &moved)),
        ["address and CA: https://elsewhere:6443"]
    );
}

#[test]
fn a_rebuilt_cluster_has_no_account_to_end_and_all_versions_end() {
    let world = world();
    let rebuilt = seen(&world, |it| it.uid = "another".to_owned());
    let decision = decided(&world, &relink(), &rebuilt);
    assert_eq!(
        effects(&world, &decision),
        ["make another account the manager of cluster 'prod'"]
    );
    assert_eq!(
        later(&world, &decision),
        [
            "identity of the rebuilt cluster: another",
            "end version 1 of 'bob' on cluster 'prod'"
        ]
    );
}

#[test]
fn labels_are_set_beside_those_that_are_there() {
    let world = world().cluster(|it| it.labels = [("a".to_owned(), "1".to_owned())].into());
    let change = Relink {
        objects: ObjectOptions {
            marks: Marks {
                labels: [("b".to_owned(), "2".to_owned())].into(),
                ..Marks::default()
            },
            ..ObjectOptions::default()
        },
        ..relink()
    };
    let decision = decided(&world, &change, &seen(&world, |_| {}));
    assert_eq!(later(&world, &decision), ["labels: a=1,b=2"]);
}

#[test]
fn a_kubeconfig_of_another_registered_cluster_is_refused() {
    let mut world = world();
    let mut other = world.0.clusters[0].cluster.clone();
    other.id = crate::domain::cluster::ClusterId(2);
    other.name = "dev".parse().expect("a name");
    other.kube_system_uid = "uid-of-dev".to_owned();
    world.0.registered = vec![other];
    let seen = seen(&world, |it| it.uid = "uid-of-dev".to_owned());
    let refused = relink().decide(&world.0, &who(&world, "ada"), &seen);
    assert_eq!(
        refused.expect_err("refused"),
        Refusal::SameCluster("dev".parse().expect("a name"))
    );
}
