//! What follows from a change: which versions end, and what begins in their place.

use std::sync::Arc;

use super::fixture::{PROD, SHOP, World, circumstances, hours_later, now};
use super::{Circumstances, Effect, Shard};
use crate::domain::access::{Level, Power};
use crate::domain::cluster::State;
use crate::domain::credential::{Credential, CredentialId, Subject};
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::user::{Role, UserId};

fn bob_reads() -> World {
    World::new()
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read)
}

#[test]
fn nothing_follows_where_everybody_has_what_they_carry() {
    let world = bob_reads()
        .personal("ada", Power::Full)
        .personal("eve", Power::Write)
        .bind("carol", "nodes")
        .personal("carol", Power::Bound);
    assert!(world.follow(&[]).is_empty());
}

#[test]
fn a_grant_that_is_removed_ends_what_it_gave() {
    let world = bob_reads().personal("eve", Power::Write);
    let user = world.id("bob");
    let remove = Effect::RemoveGrant {
        cluster: PROD,
        user,
    };
    assert_eq!(
        world.follow(&[remove]),
        ["end version 1 of 'bob' on cluster 'prod'"]
    );
}

#[test]
fn a_bound_role_alone_is_another_kubeconfig_than_a_level() {
    let world = bob_reads().bind("bob", "nodes");
    let user = world.id("bob");
    let remove = Effect::RemoveGrant {
        cluster: PROD,
        user,
    };
    assert_eq!(world.follow(&[remove]).len(), 1);
}

#[test]
fn a_grant_ends_by_itself_where_the_clocks_agree() {
    let mut world = bob_reads();
    let user = world.id("bob");
    let grants = Arc::make_mut(&mut world.on().grants);
    let grant = grants.get_mut(&user).expect("a grant");
    grant.ends_at = Some(hours_later(1));
    let on = world.on().clone();
    let at = |hours, clocks_agree| {
        let circumstances = Circumstances {
            now: hours_later(hours),
            clocks_agree,
            ..circumstances()
        };
        let found = on.consequences(&circumstances);
        (found.effects.len(), found.kept_by_clock)
    };
    assert_eq!(at(0, Some(true)), (0, false));
    assert_eq!(at(1, Some(true)), (1, false));
    // What a wrong clock ends does not come back.
    assert_eq!(at(2, Some(false)), (0, true));
    assert_eq!(at(2, None), (0, false));
}

#[test]
fn a_wrong_clock_keeps_nothing_alive_that_somebody_ended() {
    let mut world = bob_reads();
    let user = world.id("bob");
    Arc::make_mut(&mut world.on().grants).remove(&user);
    let unknown = Circumstances {
        clocks_agree: Some(false),
        ..circumstances()
    };
    assert_eq!(world.on().consequences(&unknown).effects.len(), 1);
}

#[test]
fn another_role_or_owner_ends_what_it_no_longer_fits() {
    let world = World::new()
        .personal("ada", Power::Full)
        .personal("eve", Power::Write);
    let (ada, eve, bob) = (world.id("ada"), world.id("eve"), world.id("bob"));
    let demote = Effect::SetRole {
        user: ada,
        role: Role::Developer,
    };
    let end_ada = "end version 1 of 'ada' on cluster 'prod'";
    assert_eq!(world.follow(&[demote]), [end_ada]);
    let transfer = Effect::SetOwner {
        cluster: PROD,
        owner: bob,
    };
    let end_eve = "end version 1 of 'eve' on cluster 'prod'";
    assert_eq!(world.follow(&[transfer]), [end_eve]);
    let disable = Effect::SetActive {
        user: eve,
        active: false,
    };
    assert_eq!(world.follow(&[disable]), [end_eve]);
}

#[test]
fn a_block_ends_everything_of_a_user() {
    let world = bob_reads().in_shop().member("bob", ProjectRole::Viewer);
    let bob = world.id("bob");
    let world = world
        .issue(Subject::Shell(bob), Power::Read)
        .shared(SharedLevel::Read, &["bob"]);
    let block = Effect::PutBlock {
        cluster: PROD,
        user: bob,
        reason: String::new(),
    };
    assert_eq!(
        world.follow(&[block]),
        [
            "end version 1 of 'bob' on cluster 'prod'",
            "end version 1 of 'bob/shell' on cluster 'prod'",
            "end version 1 of 'shop/read' on cluster 'prod'",
            "begin version 2 of 'shop/read' on cluster 'prod'",
        ]
    );
}

#[test]
fn a_shell_ends_with_its_time_or_its_process_and_may_carry_less() {
    let world = World::new().grant("bob", Level::Write, None);
    let bob = world.id("bob");
    let mut world = world.issue(Subject::Shell(bob), Power::Read);
    world.credentials()[0].until = Some(hours_later(1));
    let account = world.on().credentials[0].account.clone();
    let on = world.on().clone();
    let found = |change: &dyn Fn(&mut Circumstances)| {
        let mut circumstances = circumstances();
        change(&mut circumstances);
        on.consequences(&circumstances).effects.len()
    };
    assert_eq!(found(&|_| {}), 0);
    assert_eq!(found(&|it| it.now = hours_later(1)), 1);
    assert_eq!(found(&|it| it.lost_shells = [account.clone()].into()), 1);
}

#[test]
fn who_leaves_a_project_ends_what_they_took_for_everybody() {
    let world = World::new()
        .in_shop()
        .member("bob", ProjectRole::Viewer)
        .member("carol", ProjectRole::Viewer)
        .shared(SharedLevel::Read, &["bob", "carol"]);
    let remove = Effect::RemoveMember {
        project: SHOP,
        user: world.id("bob"),
    };
    let both = [
        "end version 1 of 'shop/read' on cluster 'prod'",
        "begin version 2 of 'shop/read' on cluster 'prod'",
    ];
    assert_eq!(world.follow(std::slice::from_ref(&remove)), both);
    // Unless it was decided that it lives on.
    let keep = Effect::KeepShared {
        cluster: PROD,
        credential: world.0.clusters[0].credentials[0].id,
        user: world.id("bob"),
        kept: true,
    };
    assert!(world.follow(&[remove, keep]).is_empty());
}

#[test]
fn no_shared_version_begins_where_none_is_issued() {
    let shop = || {
        World::new()
            .in_shop()
            .member("bob", ProjectRole::Viewer)
            .shared(SharedLevel::Read, &["bob"])
    };
    let end = ["end version 1 of 'shop/read' on cluster 'prod'"];
    let archived = shop().cluster(|it| it.state = State::Archived);
    let disable = Effect::SetActive {
        user: archived.id("bob"),
        active: false,
    };
    assert_eq!(archived.follow(std::slice::from_ref(&disable)), end);
    let leaving = shop().cluster(|it| it.deleting_at = Some(now()));
    assert_eq!(leaving.follow(&[disable]), end);
    let moved = shop().cluster(|it| it.project = None);
    assert_eq!(moved.follow(&[]), end);
}

#[test]
fn a_number_is_used_once_also_where_only_the_cluster_knows_it() {
    let mut world = bob_reads();
    let subject = Subject::Personal(world.id("bob"));
    assert_eq!(world.on().next_version(subject), 2);
    world.on().floors.insert("bob".parse().expect("a name"), 7);
    assert_eq!(world.on().next_version(subject), 8);
    let shell = Subject::Shell(world.id("bob"));
    assert_eq!(world.on().next_version(shell), 1);
}

#[test]
fn what_begins_twice_in_one_change_gets_two_numbers() {
    let world = bob_reads();
    let subject = Subject::Personal(world.id("bob"));
    let begin = |version| Effect::BeginVersion {
        cluster: PROD,
        subject,
        power: Power::Read,
        version,
        shard: Shard::FIRST,
    };
    let after = world.0.after(&[begin(2)]);
    assert_eq!(after.clusters[0].next_version(subject), 3);
}

/// A world where that many read, all of them on the first list, as in a store of before there was more than
/// one.
fn crowd(readers: i64) -> World {
    let mut world = bob_reads();
    let bob = world.on().credentials[0].clone();
    let many = (1..=readers)
        .map(|at| Credential {
            id: CredentialId(at),
            subject: Subject::Personal(UserId(1_000 + at)),
            ..bob.clone()
        })
        .collect();
    *world.credentials() = many;
    world
}

#[test]
fn a_list_that_is_too_long_is_shared_out_and_the_oldest_stay() {
    assert!(crowd(500).on().shared_out().is_empty());
    let mut world = crowd(1_203);
    let moved = world.on().shared_out();
    assert_eq!(moved.len(), 703);
    for effect in &moved {
        world.on().apply(effect);
    }
    let shards = world.on().credentials.iter().map(|it| it.shard.number());
    let shards: Vec<u32> = shards.collect();
    for (number, expected) in [(1, 500), (2, 500), (3, 203)] {
        let count = shards.iter().filter(|it| **it == number).count();
        assert_eq!(count, expected, "{number}");
    }
    assert!(shards[..500].iter().all(|it| *it == 1));
    assert!(world.on().shared_out().is_empty());
}

#[test]
fn a_next_version_stays_on_its_list_and_a_first_one_goes_where_there_is_room() {
    let mut world = crowd(503);
    for effect in world.on().shared_out() {
        world.on().apply(&effect);
    }
    let on = world.on();
    let shard = |subject, power| on.next_shard(subject, power).number();
    let (first, last) = (on.credentials[0].subject, on.credentials[502].subject);
    assert_eq!(shard(first, Power::Read), 1);
    assert_eq!(shard(last, Power::Read), 2);
    let new = Subject::Personal(UserId(1));
    assert_eq!(shard(new, Power::Read), 2);
    // Who writes from now on leaves room behind.
    assert_eq!(shard(first, Power::Write), 1);
    assert_eq!(shard(last, Power::Write), 2);
    // Several that begin together count each other.
    let mut places = on.places();
    let begun = (0..600).map(|at| {
        let subject = Subject::Personal(UserId(9_000 + at));
        match on.begin_in(&mut places, subject, Power::Read) {
            Effect::BeginVersion { shard, .. } => shard.number(),
            other => panic!("{other:?}"),
        }
    });
    let begun: Vec<u32> = begun.collect();
    assert_eq!(begun.iter().filter(|it| **it == 2).count(), 497);
    assert_eq!(begun.iter().filter(|it| **it == 3).count(), 103);
}

#[test]
fn of_a_list_that_is_too_long_everybodys_next_versions_are_shared_out() {
    let mut world = crowd(1_203);
    let on = world.on();
    let mut places = on.places();
    let mut counts = std::collections::BTreeMap::new();
    for live in on.credentials.iter() {
        match on.next_of(&mut places, live, now()) {
            Some(Effect::BeginVersion { shard, .. }) => {
                *counts.entry(shard.number()).or_insert(0) += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(counts.values().all(|count| *count <= 500), "{counts:?}");
    assert_eq!(counts.values().sum::<i32>(), 1_203);
}
