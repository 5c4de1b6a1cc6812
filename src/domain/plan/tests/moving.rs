//! Accounts that move from one list to another.

use super::*;

/// Carries a plan out as often as it takes, and says in which order whose list was written.
fn carry_out(desired: &Desired, world: &mut Observed) -> Vec<String> {
    let mut written = Vec::new();
    for _ in 0..5 {
        let plan = plan(desired, world);
        for step in plan.steps() {
            written.push(step.to_string());
            apply(world, step);
        }
        if !plan.takes_anything() && !plan.is_moving {
            break;
        }
    }
    written
}

/// Readers on one list of which the odd ones are to be on the second.
fn one_list() -> (Desired, Observed) {
    let mut desired = nothing();
    let readers: Vec<Account> = (1..=4).map(|at| sharded(at, Power::Read)).collect();
    let mut world = Observed::default();
    let first = |it: &Account| Account {
        shard: Shard::FIRST,
        ..it.clone()
    };
    desired.accounts = readers.iter().map(first).collect();
    carry_out(&desired, &mut world);
    assert_eq!(world.bindings.len(), 1);
    desired.accounts = readers;
    (desired, world)
}

#[test]
fn who_moves_to_another_list_is_on_one_of_them_at_every_moment() {
    let (desired, mut world) = one_list();
    let first = plan(&desired, &world);
    assert!(!first.takes_anything() && first.is_moving, "{first}");
    assert!(
        first
            .steps()
            .all(|step| matches!(step, Step::CreateBinding { .. }))
    );
    let written = carry_out(&desired, &mut world);
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(written[0].contains("create binding kubegrant:0badcafe:view-2 "));
    let lists: Vec<usize> = world
        .bindings
        .values()
        .map(|it| it.accounts.len())
        .collect();
    assert_eq!(lists, [2, 2]);
    assert!(plan(&desired, &world).is_empty());
}

#[test]
fn who_ends_while_others_move_is_taken_at_once() {
    let (mut desired, mut world) = one_list();
    let gone = desired.accounts.remove(1);
    let first = plan(&desired, &world);
    let Some(Step::SetBinding { accounts, .. }) = first.take.first() else {
        panic!("{first}");
    };
    // Whoever moves stays until the other list was seen.
    assert!(
        accounts.len() == 3 && !accounts.contains(&gone.name),
        "{first}"
    );
    carry_out(&desired, &mut world);
    let lists: Vec<usize> = world
        .bindings
        .values()
        .map(|it| it.accounts.len())
        .collect();
    assert_eq!(lists, [1, 2]);
}

#[test]
fn nobody_leaves_a_list_for_one_that_was_not_looked_at() {
    let (desired, world) = one_list();
    let mut named = plan(&desired, &world);
    let list = binding_name(&id(), "view");
    named.leave_out(|step| step.object() != Object::Binding(None, list.clone()));
    assert!(named.is_empty(), "{named}");
}

#[test]
fn a_list_from_which_everybody_moves_goes_when_the_other_was_seen() {
    let (mut desired, mut world) = one_list();
    for account in &mut desired.accounts {
        account.shard = Shard::new(2).expect("not 0");
    }
    let first = plan(&desired, &world);
    assert!(!first.takes_anything() && first.is_moving, "{first}");
    let written = carry_out(&desired, &mut world);
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(written[1].starts_with("delete binding kubegrant:0badcafe:view "));
    let lists: Vec<usize> = world
        .bindings
        .values()
        .map(|it| it.accounts.len())
        .collect();
    assert_eq!(lists, [4]);
}

#[test]
fn nobody_stays_on_a_list_of_our_name_that_gives_something_else() {
    let (mut desired, mut world) = one_list();
    // The list that is wanted is not there yet, and one of its kind gives everything.
    let (key, mut forged) = world.bindings.pop_first().expect("the list");
    forged.role = RoleRef::Cluster("cluster-admin".to_owned());
    world
        .bindings
        .insert((key.0, format!("{}-9", key.1)), forged);
    for account in &mut desired.accounts {
        account.shard = Shard::FIRST;
    }
    let first = plan(&desired, &world);
    let taken: Vec<String> = first.take.iter().map(ToString::to_string).collect();
    assert!(
        taken.len() == 1 && taken[0].starts_with("delete binding kubegrant:0badcafe:view-9 "),
        "{first}"
    );
}
