//! What issuing a version decides, on rows alone.

use super::{Issue, IssueSeen, Terms, asked};
use crate::domain::access::{Level, Power};
use crate::domain::action::Action;
use crate::domain::cluster::State;
use crate::domain::credential::Subject;
use crate::domain::policy::ClusterAction;
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::Circumstances;
use crate::domain::snapshot::fixture::{SHOP, World, hours_later, now};
use crate::ops::change::fixture::{all_effects, decide, who};
use crate::ops::change::{Change, Direction, Target};
use crate::ops::journal::Journal;
use crate::ops::kubeconfig::Asked;
use crate::session::Principal;

/// What `ada` asks for somebody.
fn case(world: &World, name: &str, of: Subject, power: Power) -> Asked {
    let ada = world.user("ada").clone();
    let actor = Principal {
        signer: crate::secrets::Identity::generate().signer(),
        holder: ada.clone(),
        user: ada,
    };
    let on = &world.0.clusters[0];
    Asked {
        journal: Journal::new(&actor, Action::KubeconfigDownload),
        actor,
        cluster: on.cluster.clone(),
        subject: world.user(name).clone(),
        of,
        owner: on.subject_name(of).expect("somebody of the fixture"),
        ends_at: None,
        power,
        actor_power: Some(Power::Full),
        action: ClusterAction::KubeconfigFor,
    }
}

fn personal(world: &World, name: &str, power: Power) -> Asked {
    case(world, name, Subject::Personal(world.id(name)), power)
}

fn terms(anew: bool) -> Terms {
    Terms {
        renews: false,
        anew,
        hands_over: !anew,
        insists: None,
    }
}

/// A download, or a rotation.
fn issue(case: &Asked, anew: bool) -> Issue<'_> {
    Issue {
        case,
        terms: terms(anew),
    }
}

fn reader() -> World {
    World::new().grant("bob", Level::Read, None)
}

/// The effects, with those that follow once they are true.
fn all(world: &World, change: &Issue<'_>) -> Vec<String> {
    let decided = decide(world, change).expect("allowed");
    let later = decided.later.iter().map(|it| world.0.describe(it));
    all_effects(world, change)
        .into_iter()
        .chain(later)
        .collect()
}

#[test]
fn the_first_download_begins_a_version_and_the_next_hands_it_out_again() {
    let world = reader();
    let bob = personal(&world, "bob", Power::Read);
    assert_eq!(
        all(&world, &issue(&bob, false)),
        [
            "begin version 1 of 'bob' on cluster 'prod'",
            "hand version 1 of 'bob' on cluster 'prod' to 'bob'",
        ]
    );
    let world = world.personal("bob", Power::Read);
    assert_eq!(
        all(&world, &issue(&bob, false)),
        ["hand version 1 of 'bob' on cluster 'prod' to 'bob'"]
    );
}

#[test]
fn a_version_that_carries_something_else_ends_and_the_next_begins() {
    let world = World::new()
        .grant("bob", Level::Write, None)
        .personal("bob", Power::Read);
    let bob = personal(&world, "bob", Power::Write);
    assert_eq!(
        all(&world, &issue(&bob, false)),
        [
            "end version 1 of 'bob' on cluster 'prod'",
            "begin version 2 of 'bob' on cluster 'prod'",
            "hand version 2 of 'bob' on cluster 'prod' to 'bob'",
        ]
    );
}

#[test]
fn a_rotation_ends_what_is_live_and_begins_the_next_whatever_is() {
    let world = reader();
    let bob = personal(&world, "bob", Power::Read);
    assert_eq!(
        all(&world, &issue(&bob, true)),
        ["begin version 1 of 'bob' on cluster 'prod'"]
    );
    let world = world.personal("bob", Power::Read);
    assert_eq!(
        all(&world, &issue(&bob, true)),
        [
            "end version 1 of 'bob' on cluster 'prod'",
            "begin version 2 of 'bob' on cluster 'prod'",
        ]
    );
}

#[test]
fn who_lost_what_was_asked_for_meanwhile_gets_nothing() {
    let asked_of = reader();
    let bob = personal(&asked_of, "bob", Power::Read);
    let without = World::new();
    let more = World::new().grant("bob", Level::Write, None);
    let disabled = reader().with_user("bob", |it| it.active = false);
    let mut blocked = reader();
    let id = blocked.id("bob");
    blocked.on().blocks.insert(id);
    for (why, world) in [
        ("no grant", without),
        ("another level", more),
        ("disabled", disabled),
        ("blocked", blocked),
    ] {
        for anew in [false, true] {
            let decided = decide(&world, &issue(&bob, anew));
            let refused = decided.expect_err(why);
            assert!(matches!(refused, Refusal::ChangedMeanwhile(_)), "{why}");
        }
    }
}

#[test]
fn a_blocked_users_version_ends_whoever_began_it() {
    let mut world = reader().personal("bob", Power::Read);
    let id = world.id("bob");
    world.on().blocks.insert(id);
    assert_eq!(
        world.follow(&[]),
        ["end version 1 of 'bob' on cluster 'prod'"]
    );
}

#[test]
fn a_shared_version_goes_on_for_its_level_alone() {
    let world = World::new()
        .in_shop()
        .member("bob", ProjectRole::Viewer)
        .shared(SharedLevel::Read, &["carol"]);
    let of = Subject::Shared {
        project: SHOP,
        level: SharedLevel::Read,
    };
    let bob = case(&world, "bob", of, Power::Read);
    // Carol is no member: what she holds ends for everybody, and the next is handed out.
    let decided = decide(&world, &issue(&bob, false)).expect("allowed");
    let said: Vec<String> = decided
        .effects
        .iter()
        .chain(&decided.later)
        .map(|it| world.0.describe(it))
        .collect();
    assert_eq!(
        said,
        [
            "end version 1 of 'shop/read' on cluster 'prod'",
            "begin version 2 of 'shop/read' on cluster 'prod'",
            "hand version 2 of 'shop/read' on cluster 'prod' to 'bob'",
        ]
    );
    assert!(world.follow(&decided.effects).is_empty(), "nothing twice");
    let other = world.member("bob", ProjectRole::Editor);
    assert!(decide(&other, &issue(&bob, false)).is_err());
}

#[test]
fn by_a_clock_that_nobody_agrees_with_nothing_ends() {
    let world = World::new()
        .grant("bob", Level::Read, Some(hours_later(1)))
        .personal("bob", Power::Read);
    let bob = personal(&world, "bob", Power::Read);
    let seen = |agree| IssueSeen {
        circumstances: Some(Circumstances {
            clocks_agree: Some(agree),
            ..Circumstances::at(now())
        }),
        ..IssueSeen::default()
    };
    for agree in [true, false] {
        let change = issue(&bob, false);
        let decided = change.decide(&world.0, &who(&world, "ada"), &seen(agree));
        assert!(decided.expect("allowed").effects.is_empty());
    }
}

#[test]
fn after_a_restore_what_is_not_ended_comes_first() {
    let mut world = reader();
    world.on().orphans_pending = true;
    let bob = personal(&world, "bob", Power::Read);
    let decided = decide(&world, &issue(&bob, false));
    assert!(matches!(decided, Err(Refusal::RestoredSince(_))));
    // What stands may be handed out.
    let world = world.personal("bob", Power::Read);
    assert!(decide(&world, &issue(&bob, false)).is_ok());
}

#[test]
fn what_is_more_than_it_says_needs_consent() {
    let world = reader();
    let bob = personal(&world, "bob", Power::Read);
    let seen = IssueSeen {
        excess: vec!["read is cluster-admin there".to_owned()],
        ..IssueSeen::default()
    };
    let decided = issue(&bob, false).decide(&world.0, &who(&world, "ada"), &seen);
    let decided = decided.expect("allowed");
    assert_eq!(decided.needs_consent, ["read is cluster-admin there"]);
}

#[test]
fn it_waits_for_the_cluster_and_asks_the_rules_of_the_way_that_is_taken() {
    let world = reader();
    let bob = personal(&world, "bob", Power::Read);
    for (anew, command) in [
        (false, Action::KubeconfigDownload),
        (true, Action::KubeconfigRotate),
    ] {
        let change = issue(&bob, anew);
        let about = change.about();
        assert_eq!(about.direction, Direction::Gives);
        assert_eq!(about.command, command);
        assert!(matches!(
            about.target,
            Target::Cluster(_, ClusterAction::KubeconfigFor)
        ));
        assert_eq!(change.looks_for_preview(), anew);
    }
    assert_eq!(asked(true, false), ClusterAction::OwnKubeconfig);
    assert_eq!(asked(true, true), ClusterAction::SharedKubeconfig);
    assert_eq!(asked(false, true), ClusterAction::KubeconfigFor);
}

#[test]
fn nothing_is_issued_on_a_cluster_that_is_gone() {
    let world = reader();
    let bob = personal(&world, "bob", Power::Read);
    let mut gone = world.cluster(|it| it.state = State::Archived);
    gone.0.clusters.clear();
    assert!(decide(&gone, &issue(&bob, false)).is_err());
}

#[test]
fn what_is_issued_goes_by_the_rows_under_the_lock() {
    let world = reader();
    let mut bob = personal(&world, "bob", Power::Read);
    let later = World::new()
        .grant("bob", Level::Read, Some(hours_later(1)))
        .cluster(|it| {
            it.excluded.insert("pay".to_owned());
        });
    assert!(decide(&later, &issue(&bob, false)).is_ok());
    bob.bring_up_to(&later.0.clusters[0], now());
    assert_eq!(bob.ends_at, Some(hours_later(1)));
    assert!(bob.cluster.excluded.contains("pay"));
}
