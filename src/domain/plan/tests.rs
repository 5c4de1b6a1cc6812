//! Properties of the plan: it reconciles, it is idempotent, it takes before it gives.

mod moving;

use super::*;
use proptest::prelude::*;

/// Carries out a step on an observed world, as a cluster would.
fn apply(world: &mut Observed, step: &Step) {
    match step {
        Step::CreateAccount(account) => {
            let found = ObservedAccount {
                uid: format!("uid-{}", account.name),
                credential: Some(account.credential),
                deleting: false,
                held: false,
            };
            world.accounts.insert(account.name.clone(), found);
        }
        Step::DeleteAccount { name, .. } => {
            world.accounts.remove(name);
        }
        Step::CreateBinding {
            place,
            name,
            role,
            accounts,
        } => {
            let found = ObservedBinding {
                uid: "u".to_owned(),
                resource_version: "1".to_owned(),
                role: role.clone(),
                accounts: accounts.clone(),
                has_strangers: false,
                deleting: false,
                held: false,
                unlabelled: false,
            };
            world.bindings.insert((place.clone(), name.clone()), found);
        }
        Step::SetBinding {
            place,
            name,
            accounts,
            ..
        } => {
            let found = world
                .bindings
                .get_mut(&(place.clone(), name.clone()))
                .expect("only what was observed is set");
            found.accounts.clone_from(accounts);
            found.has_strangers = false;
            found.unlabelled = false;
        }
        Step::DeleteBinding { place, name, .. } => {
            world.bindings.remove(&(place.clone(), name.clone()));
        }
        Step::SetRole { name, rules } => {
            let is = |part: &Part| name == &binding_name(&id(), part.role());
            let levels = world.levels.iter_mut();
            for (_, level) in levels.filter(|(part, _)| is(part)) {
                level.found = Some(rules.clone());
            }
        }
        Step::DeleteRole { name } => {
            let is = |part: &Part| name == &binding_name(&id(), part.role());
            let levels = world.levels.iter_mut();
            for (_, level) in levels.filter(|(part, _)| is(part)) {
                level.found = None;
            }
        }
    }
}

fn id() -> InstallationId {
    InstallationId::new([0x0b, 0xad, 0xca, 0xfe])
}

fn nothing() -> Desired {
    Desired {
        installation: id(),
        accounts: vec![],
        renewers: vec![],
        bound: BTreeMap::new(),
        write_cluster_wide: false,
        keep: BTreeSet::new(),
        keeps_lists: false,
    }
}

fn account(index: u8, power: Power) -> Account {
    Account {
        name: format!("user{index}-0000000{index}-v1"),
        user: format!("user{index}").parse().expect("a good name"),
        credential: CredentialId(i64::from(index)),
        power,
        shard: Shard::FIRST,
    }
}

/// The same on the first list or the second.
fn sharded(index: u8, power: Power) -> Account {
    Account {
        shard: Shard::new(u32::from(index % 2) + 1).expect("not 0"),
        ..account(index, power)
    }
}

fn any_power() -> impl Strategy<Value = Power> {
    prop_oneof![
        Just(Power::Bound),
        Just(Power::Read),
        Just(Power::Write),
        Just(Power::Full)
    ]
}

/// Some roles in some places, each for some of these accounts.
fn any_bound() -> impl Strategy<Value = BTreeMap<Bound, BTreeSet<u8>>> {
    let role = prop_oneof![
        Just(RoleRef::Cluster("view".to_owned())),
        Just(RoleRef::Cluster("reader:x".to_owned())),
        Just(RoleRef::Namespaced("view".to_owned())),
    ];
    let place = proptest::option::of("[a-c]");
    let bound = (place, role).prop_map(|(place, role)| Bound { place, role });
    proptest::collection::btree_map(bound, proptest::collection::btree_set(0u8..6, 0..4), 0..4)
}

fn any_desired() -> impl Strategy<Value = Desired> {
    (
        proptest::collection::btree_map(0u8..6, any_power(), 0..6),
        any_bound(),
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(accounts, bound, (write_cluster_wide, keeps_lists))| Desired {
                renewers: vec![],
                installation: id(),
                bound: bound
                    .into_iter()
                    .map(|(bound, holders)| {
                        let live = holders.iter().filter(|index| accounts.contains_key(index));
                        let names = live.map(|index| account(*index, Power::Bound).name);
                        (bound, names.collect())
                    })
                    .collect(),
                accounts: accounts
                    .into_iter()
                    .map(|(index, power)| sharded(index, power))
                    .collect(),
                write_cluster_wide,
                keep: BTreeSet::from(["kubegrant-manager".to_owned()]),
                keeps_lists,
            },
        )
}

fn any_reach() -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("[a-c]", 0..3)
}

/// A world that an earlier desire left behind, with somebody's fingers in it.
fn any_world() -> impl Strategy<Value = Observed> {
    (
        any_desired(),
        any_reach(),
        any_reach(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(earlier, reached_then, reaches_now, strangers, other_role)| {
                let mut world = Observed {
                    namespaces: reached_then.clone(),
                    write_reaches: reached_then,
                    ..Observed::default()
                };
                for step in plan(&earlier, &world).steps().cloned().collect::<Vec<_>>() {
                    apply(&mut world, &step);
                }
                if let Some(found) = world.bindings.values_mut().next() {
                    found.has_strangers = strangers;
                    (found.held, found.deleting) = (strangers, other_role && strangers);
                    found.unlabelled = other_role;
                    if other_role {
                        found.role = RoleRef::Cluster("other".to_owned());
                    }
                }
                let manager = ObservedAccount {
                    uid: "m".to_owned(),
                    credential: None,
                    deleting: false,
                    held: false,
                };
                world
                    .accounts
                    .insert("kubegrant-manager".to_owned(), manager);
                world.namespaces.clone_from(&reaches_now);
                world.write_reaches = reaches_now;
                world
            },
        )
}

proptest! {
    #[test]
    fn carrying_out_a_plan_leaves_nothing_to_plan(desired in any_desired(), world in any_world()) {
        let mut world = world;
        for step in plan(&desired, &world).steps().cloned().collect::<Vec<_>>() {
            apply(&mut world, &step);
        }
        prop_assert!(plan(&desired, &world).is_empty());
        prop_assert!(world.accounts.contains_key("kubegrant-manager"));
    }

    #[test]
    fn after_the_take_phase_nobody_holds_what_is_not_desired(
        desired in any_desired(), world in any_world()
    ) {
        let mut world = world;
        let lists = wanted_lists(&desired, &world);
        for step in plan(&desired, &world).take {
            apply(&mut world, &step);
        }
        for (key, found) in &world.bindings {
            let wanted = lists.get(key).map(|(_, accounts)| accounts.clone()).unwrap_or_default();
            prop_assert!(found.accounts.is_subset(&wanted), "{key:?}");
            prop_assert!(!found.has_strangers);
        }
    }
}

#[test]
fn a_plan_reads_as_sentences() {
    let desired = Desired {
        accounts: vec![account(1, Power::Write)],
        ..nothing()
    };
    let world = Observed {
        write_reaches: BTreeSet::from(["default".to_owned()]),
        ..Observed::default()
    };
    insta::assert_snapshot!(plan(&desired, &world), @r"
    create binding kubegrant:0badcafe:view cluster-wide with user1-00000001-v1
    create binding kubegrant:0badcafe:edit in namespace 'default' with user1-00000001-v1
    create account user1-00000001-v1 (write of 'user1')
    ");
}

#[test]
fn a_bound_role_has_a_list_of_its_own_and_no_level() {
    let reader = Bound {
        place: Some("shop".to_owned()),
        role: RoleRef::Namespaced("reader".to_owned()),
    };
    let gone = Bound {
        place: Some("gone".to_owned()),
        role: RoleRef::Cluster("view".to_owned()),
    };
    let name = account(1, Power::Bound).name;
    let desired = Desired {
        accounts: vec![account(1, Power::Bound)],
        bound: [reader, gone].map(|it| (it, [name.clone()].into())).into(),
        ..nothing()
    };
    let world = Observed {
        namespaces: BTreeSet::from(["shop".to_owned()]),
        ..Observed::default()
    };
    insta::assert_snapshot!(plan(&desired, &world), @r"
    create binding kubegrant:0badcafe:role:reader in namespace 'shop' with user1-00000001-v1
    create account user1-00000001-v1 (bound of 'user1')
    ");
}

#[test]
fn a_list_whose_role_is_of_the_other_kind_is_made_anew() {
    let bound = Bound {
        place: Some("shop".to_owned()),
        role: RoleRef::Namespaced("view".to_owned()),
    };
    let name = account(1, Power::Bound).name;
    let desired = Desired {
        bound: [(bound.clone(), [name.clone()].into())].into(),
        ..nothing()
    };
    let found = ObservedBinding {
        uid: "u".to_owned(),
        resource_version: "1".to_owned(),
        role: RoleRef::Cluster("view".to_owned()),
        accounts: [name].into(),
        has_strangers: false,
        deleting: false,
        held: false,
        unlabelled: false,
    };
    let world = Observed {
        bindings: [(
            (bound.place.clone(), bound.list_name(&id(), Shard::FIRST)),
            found,
        )]
        .into(),
        namespaces: BTreeSet::from(["shop".to_owned()]),
        ..Observed::default()
    };
    let plan = plan(&desired, &world);
    assert!(matches!(plan.take.as_slice(), [Step::DeleteBinding { .. }]));
    assert!(matches!(plan.give.as_slice(), [Step::CreateBinding { .. }]));
}

#[test]
fn a_level_moves_to_our_own_role_when_that_is_there_and_back() {
    let desired = |writers: &[u8]| Desired {
        accounts: writers
            .iter()
            .map(|index| account(*index, Power::Write))
            .collect(),
        ..nothing()
    };
    let mut world = Observed {
        write_reaches: ["shop".to_owned()].into(),
        ..Observed::default()
    };
    let key = (Some("shop".to_owned()), binding_name(&id(), "edit"));
    let carry_out = |desired: &Desired, world: &mut Observed| {
        for step in plan(desired, world).steps() {
            apply(world, step);
        }
    };
    carry_out(&desired(&[1]), &mut world);
    assert_eq!(world.bindings[&key].role.name(), "edit");
    // Something came into `edit`: first our own role, and nobody new before it is there.
    let ours = binding_name(&id(), "edit");
    let level = LevelRole {
        wanted: Some(vec![Rule::default()]),
        found: None,
    };
    world.levels = BTreeMap::from([(Part::Write, level)]);
    let two = desired(&[1, 2]);
    let lists = wanted_lists(&two, &world);
    assert_eq!(lists[&key].0.name(), "edit");
    assert_eq!(lists[&key].1, [account(1, Power::Write).name].into());
    carry_out(&two, &mut world);
    assert_eq!(world.bindings[&key].role.name(), "edit");
    carry_out(&two, &mut world);
    assert_eq!(world.bindings[&key].role.name(), ours);
    assert_eq!(world.bindings[&key].accounts.len(), 2);
    assert!(plan(&two, &world).is_empty());
    // And back, the role last.
    for level in world.levels.values_mut() {
        level.wanted = None;
    }
    carry_out(&two, &mut world);
    assert_eq!(world.bindings[&key].role.name(), "edit");
    let last = plan(&two, &world);
    let gone = Step::DeleteRole { name: ours };
    assert_eq!(last.steps().collect::<Vec<_>>(), [&gone]);
    // Nobody needs it where nobody writes.
    for level in world.levels.values_mut() {
        level.wanted = Some(vec![]);
    }
    carry_out(&desired(&[]), &mut world);
    carry_out(&desired(&[]), &mut world);
    assert!(plan(&desired(&[]), &world).is_empty());
}

#[test]
fn a_list_that_is_deleted_and_kept_is_emptied_and_one_that_is_empty_is_gone() {
    let name = account(1, Power::Read).name;
    let list = |accounts: &[&String], held| ObservedBinding {
        uid: "u".to_owned(),
        resource_version: "1".to_owned(),
        role: RoleRef::Cluster("view".to_owned()),
        accounts: accounts.iter().map(|name| (*name).clone()).collect(),
        has_strangers: false,
        deleting: true,
        held,
        unlabelled: false,
    };
    let world = |found| Observed {
        bindings: [((None, binding_name(&id(), "view")), found)].into(),
        ..Observed::default()
    };
    let desired = nothing();
    let kept = plan(&desired, &world(list(&[&name], true)));
    assert!(matches!(
        kept.take.as_slice(),
        [Step::DeleteBinding {
            empty_first: true,
            ..
        }]
    ));
    assert!(plan(&desired, &world(list(&[], false))).is_empty());
    // Who is to be on it is put on a new one, not on one that goes.
    let wanted = Desired {
        accounts: vec![account(1, Power::Read)],
        ..desired
    };
    let again = plan(&wanted, &world(list(&[&name], true)));
    assert_eq!(again.take.len(), 1);
    assert!(matches!(
        again.give.first(),
        Some(Step::CreateBinding { .. })
    ));
}

#[test]
fn an_account_that_is_going_is_no_versions() {
    let wanted = account(1, Power::Bound);
    let desired = Desired {
        accounts: vec![wanted.clone()],
        ..nothing()
    };
    let world = |deleting| Observed {
        accounts: [(
            wanted.name.clone(),
            ObservedAccount {
                uid: "u".to_owned(),
                credential: Some(wanted.credential),
                deleting,
                held: deleting,
            },
        )]
        .into(),
        ..Observed::default()
    };
    assert!(plan(&desired, &world(false)).is_empty());
    // To make it is refused while the other goes: the version is pending, and not taken for there.
    let again = plan(&desired, &world(true));
    assert!(again.take.is_empty() && again.end.is_empty());
    assert!(
        matches!(again.give.as_slice(), [Step::CreateAccount(made)] if made.name == wanted.name)
    );
}
