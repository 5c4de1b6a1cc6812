//! What changes of SSH keys decide, on rows alone.

use super::hand_out::HandOutSeen;
use super::{AddKey, Destination, HandOut, Origin, Reset, SshKey, SshKeyKind};
use crate::domain::access::Level;
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::refusal::{Refusal, SshKeyRefusal};
use crate::domain::snapshot::fixture::{PROD, World, hours_later, now};
use crate::domain::ssh::{Claim, Custody, KeyPair, KeyPlace, NodeKey, SshKeyId};
use crate::ops::change::fixture::{decide, decide_as, effects, who};
use crate::ops::change::{Change, Decision, Target};

/// A key of `prod`, whose fingerprint is its number.
fn pair(id: i64, place: KeyPlace, custody: Custody) -> KeyPair {
    KeyPair {
        id: SshKeyId(id),
        cluster: PROD,
        generation: u32::try_from(id).expect("small"),
        place,
        custody,
        kind: "ed25519".to_owned(),
        public: "ssh-ed25519 AAAA".to_owned(),
        fingerprint: format!("SHA256:{id}"),
        imported: false,
        made_at: now(),
        made_by: World::new().id("ada"),
        claim: None,
        doubted_at: None,
    }
}

fn with(keys: impl IntoIterator<Item = KeyPair>) -> World {
    let mut world = World::new();
    world.0.ssh_keys = keys.into_iter().collect();
    world
}

/// `prod` has a key that nobody took.
fn available() -> World {
    with([pair(1, KeyPlace::Current, Custody::Available)])
}

/// Somebody took it, or was about to.
fn claimed(custody: Custody) -> KeyPair {
    KeyPair {
        claim: Some(Claim {
            at: now(),
            by: World::new().id("ada"),
            to: World::new().id("eve"),
            path: Some("/home/eve/key.pem".into()),
            digest: String::new(),
        }),
        ..pair(1, KeyPlace::Current, custody)
    }
}

fn key() -> SshKey {
    let seed = zeroize::Zeroizing::new([7; 32]);
    SshKey::generate(SshKeyKind::Ed25519, &seed, "kubegrant:prod").expect("a key")
}

fn generate() -> AddKey {
    AddKey {
        cluster: "prod".parse().expect("a name"),
        origin: Origin::Generate(SshKeyKind::Ed25519),
    }
}

fn import() -> AddKey {
    AddKey {
        origin: Origin::Import(Box::new(key())),
        ..generate()
    }
}

fn reset() -> Reset {
    Reset {
        cluster: "prod".parse().expect("a name"),
        kind: SshKeyKind::Ed25519,
    }
}

fn hand_out(user: Option<&str>) -> HandOut {
    HandOut {
        cluster: "prod".parse().expect("a name"),
        user: user.map(|user| user.parse().expect("a name")),
        destination: Destination::Usual,
        consent: None,
    }
}

/// What is decided once one that was cut off is resolved.
fn resolved(world: &World, change: &HandOut) -> Result<Decision, Refusal> {
    change.decide(&world.0, &who(world, "ada"), &HandOutSeen::Resolved)
}

#[test]
fn each_asks_the_rules_for_what_it_does() {
    let asked = |target: Target| match target {
        Target::Cluster(_, action) => action,
        other => panic!("{other:?}"),
    };
    let managing = [generate().about().target, import().about().target];
    for target in managing.into_iter().chain([reset().about().target]) {
        assert_eq!(asked(target), ClusterAction::ManageSshKey);
    }
    assert_eq!(asked(hand_out(None).about().target), ClusterAction::SshKey);
}

#[test]
fn all_of_them_take_the_lock_of_the_ssh_keys() {
    assert!(generate().about().ssh_keys && reset().about().ssh_keys);
    assert!(hand_out(None).about().ssh_keys);
}

#[test]
fn a_cluster_without_a_key_gets_one() {
    let world = World::new();
    let decision = decide(&world, &generate()).expect("allowed");
    assert_eq!(
        effects(&world, &decision),
        ["make an SSH key for cluster 'prod'"]
    );
}

#[test]
fn a_key_that_was_made_is_in_the_log() {
    let world = World::new();
    let made = key();
    let decided = generate().decide(&world.0, &who(&world, "ada"), &Some(made.clone()));
    assert_eq!(
        decided.expect("allowed").detail,
        format!("key {} (ed25519)", made.fingerprint())
    );
}

#[test]
fn an_imported_key_is_named() {
    let world = World::new();
    let decision = decide(&world, &import()).expect("allowed");
    assert_eq!(
        effects(&world, &decision),
        [format!(
            "take SSH key {} for cluster 'prod'",
            key().fingerprint()
        )]
    );
}

#[test]
fn a_second_key_is_refused() {
    for change in [generate(), import()] {
        let refused = decide(&available(), &change).expect_err("refused");
        assert!(
            matches!(refused, Refusal::SshKey(SshKeyRefusal::Exists { .. })),
            "{refused}"
        );
    }
}

#[test]
fn a_key_from_before_is_not_taken_again() {
    let old = KeyPair {
        fingerprint: key().fingerprint(),
        ..pair(1, KeyPlace::Gone, Custody::Destroyed)
    };
    let refused = decide(&with([old]), &import()).expect_err("refused");
    assert!(
        matches!(refused, Refusal::SshKey(SshKeyRefusal::Known { .. })),
        "{refused}"
    );
}

#[test]
fn a_cluster_without_a_key_has_none_to_reset_or_to_hand_out() {
    let none = Refusal::from(SshKeyRefusal::None("prod".parse().expect("a name")));
    assert_eq!(decide(&World::new(), &reset()).expect_err("refused"), none);
    let refused = decide(&World::new(), &hand_out(None)).expect_err("refused");
    assert_eq!(refused, none);
}

#[test]
fn a_reset_ends_every_key_that_is_in_use_or_held() {
    let world = with([
        pair(1, KeyPlace::Gone, Custody::Destroyed),
        pair(2, KeyPlace::Old, Custody::Available),
        pair(3, KeyPlace::Current, Custody::Downloaded),
        pair(4, KeyPlace::Next, Custody::Available),
    ]);
    let decision = decide(&world, &reset()).expect("allowed");
    assert_eq!(
        effects(&world, &decision),
        [
            "destroy what the store holds of SSH key SHA256:2 of cluster 'prod'",
            "destroy what the store holds of SSH key SHA256:3 of cluster 'prod'",
            "destroy what the store holds of SSH key SHA256:4 of cluster 'prod'",
            "make an SSH key for cluster 'prod'",
        ]
    );
}

#[test]
fn a_key_that_nobody_took_is_handed_out_once() {
    let world = available();
    let decision = decide(&world, &hand_out(None)).expect("allowed");
    assert_eq!(
        effects(&world, &decision),
        [
            "hand SSH key SHA256:1 of cluster 'prod' out to 'ada', and destroy the sealed copy: \
             nobody can take it again"
        ]
    );
    assert!(decision.later.is_empty());
}

#[test]
fn to_standard_output_it_is_recorded_once_the_cluster_was_told() {
    let change = HandOut {
        destination: Destination::Stdout,
        ..hand_out(None)
    };
    let decision = decide(&available(), &change).expect("allowed");
    assert!(decision.effects.is_empty());
    assert_eq!(decision.later.len(), 1);
}

#[test]
fn one_that_was_taken_is_refused_with_who_has_it() {
    let refused = decide(&with([claimed(Custody::Downloaded)]), &hand_out(None));
    assert_eq!(
        refused.expect_err("refused"),
        Refusal::from(SshKeyRefusal::Taken {
            cluster: "prod".parse().expect("a name"),
            user: "eve".to_owned(),
            at: now(),
        })
    );
}

#[test]
fn one_that_was_destroyed_is_gone() {
    let world = with([pair(1, KeyPlace::Current, Custody::Destroyed)]);
    let refused = decide(&world, &hand_out(None)).expect_err("refused");
    assert!(
        matches!(refused, Refusal::SshKey(SshKeyRefusal::Gone(_))),
        "{refused}"
    );
}

#[test]
fn one_that_was_cut_off_is_resolved_first_and_refused_where_that_cannot_be_told() {
    let world = with([claimed(Custody::Claimed)]);
    let early = decide(&world, &hand_out(None)).expect("it is looked at");
    assert!(early.notes.iter().any(|it| it.contains("cut off")));
    let refused = resolved(&world, &hand_out(None)).expect_err("refused");
    assert!(
        matches!(refused, Refusal::SshKey(SshKeyRefusal::CutOff { .. })),
        "{refused}"
    );
}

#[test]
fn the_very_hand_out_that_was_cut_off_changes_nothing_more() {
    let world = with([claimed(Custody::Downloaded)]);
    let seen = HandOutSeen::Finished;
    let decided = hand_out(Some("eve")).decide(&world.0, &who(&world, "ada"), &seen);
    assert!(decided.expect("allowed").effects.is_empty());
}

#[test]
fn one_that_is_doubted_since_a_restore_is_refused() {
    let doubted = KeyPair {
        doubted_at: Some(hours_later(1)),
        ..pair(1, KeyPlace::Current, Custody::Available)
    };
    let refused = decide(&with([doubted]), &hand_out(None)).expect_err("refused");
    assert!(
        matches!(refused, Refusal::SshKey(SshKeyRefusal::Doubted { .. })) && refused.is_recorded()
    );
}

#[test]
fn who_writes_takes_it_from_an_admin() {
    let world = available().grant("bob", Level::Write, None);
    decide(&world, &hand_out(Some("bob"))).expect("allowed");
}

#[test]
fn who_only_reads_does_not_get_it() {
    let world = available().grant("bob", Level::Read, None);
    let refused = decide(&world, &hand_out(Some("bob"))).expect_err("refused");
    let Refusal::DeniedTo { user, denial } = refused else {
        panic!("{refused}");
    };
    assert_eq!(user.name.as_str(), "bob");
    assert_eq!(denial, Denial::NotOnCluster(ClusterAction::SshKey));
}

#[test]
fn who_is_disabled_does_not_get_it() {
    let refused = decide(&available(), &hand_out(Some("dan"))).expect_err("refused");
    let Refusal::DeniedTo { denial, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(denial, Denial::Disabled);
}

#[test]
fn a_writer_hands_it_to_nobody_else() {
    let world = available().grant("bob", Level::Write, None);
    let refused = decide_as(&world, "bob", &hand_out(Some("eve"))).expect_err("refused");
    assert!(matches!(refused, Refusal::Denied(_)), "{refused}");
}

/// What a rotation does.
mod rotation {
    use super::super::roll_out::RollOutRequest;
    use super::super::rotate::Rotate;
    use super::*;

    fn wanted() -> RollOutRequest {
        RollOutRequest {
            cluster: "prod".parse().expect("a name"),
            nodes: vec![],
            forget: vec![],
            identity_file: None,
            login: None,
            sudo_from: None,
            port: None,
            kind: SshKeyKind::Ed25519,
        }
    }

    fn effects_of(world: &World, wanted: &RollOutRequest) -> Vec<String> {
        let change = Rotate {
            wanted,
            consent: None,
        };
        effects(world, &decide(world, &change).expect("allowed"))
    }

    fn node(key: i64) -> NodeKey {
        NodeKey {
            key: SshKeyId(key),
            address: "10.0.0.5".to_owned(),
            port: None,
            login: "root".to_owned(),
            installed_at: Some(now()),
            proven_at: Some(now()),
            removed_at: None,
        }
    }

    const NEW: [&str; 2] = [
        "make an SSH key for cluster 'prod'",
        "bring the new SSH key of cluster 'prod' to 0 nodes",
    ];

    #[test]
    fn a_rotation_makes_a_key() {
        assert_eq!(effects_of(&available(), &wanted()), NEW);
    }

    #[test]
    fn one_that_was_cut_off_goes_on_with_the_next_key() {
        let world = with([
            pair(1, KeyPlace::Current, Custody::Downloaded),
            pair(2, KeyPlace::Next, Custody::Available),
        ]);
        assert_eq!(
            effects_of(&world, &wanted()),
            ["bring SSH key SHA256:2 of cluster 'prod' to 0 nodes"]
        );
    }

    #[test]
    fn one_goes_on_while_a_node_may_hold_an_old_key() {
        let mut world = with([
            pair(1, KeyPlace::Old, Custody::Destroyed),
            pair(2, KeyPlace::Current, Custody::Downloaded),
        ]);
        assert_eq!(effects_of(&world, &wanted()), NEW);
        world.0.ssh_nodes = vec![node(1)];
        assert_eq!(
            effects_of(&world, &wanted()),
            ["bring SSH key SHA256:2 of cluster 'prod' to 0 nodes"]
        );
    }

    #[test]
    fn nodes_are_forgotten_to_end_a_rotation_and_not_to_begin_one() {
        let forgets = RollOutRequest {
            forget: vec!["10.0.0.9".parse().expect("a node")],
            ..wanted()
        };
        let world = with([
            pair(1, KeyPlace::Old, Custody::Destroyed),
            pair(2, KeyPlace::Current, Custody::Downloaded),
        ]);
        assert_eq!(
            effects_of(&world, &forgets),
            ["bring SSH key SHA256:2 of cluster 'prod' to 0 nodes"]
        );
        assert_eq!(effects_of(&available(), &forgets), NEW);
    }

    #[test]
    fn a_fresh_key_is_still_on_its_way_unless_it_is_doubted() {
        let fresh = pair(2, KeyPlace::Current, Custody::Available);
        let old = pair(1, KeyPlace::Old, Custody::Destroyed);
        assert_eq!(
            effects_of(&with([old.clone(), fresh.clone()]), &wanted()),
            ["bring SSH key SHA256:2 of cluster 'prod' to 0 nodes"]
        );
        let doubted = KeyPair {
            doubted_at: Some(now()),
            ..fresh
        };
        assert_eq!(effects_of(&with([old, doubted]), &wanted()), NEW);
    }
}
