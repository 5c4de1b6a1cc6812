//! What changes of members decide, on rows alone.

use super::{Add, Membership, Remove, SetRole, Taken};
use crate::domain::credential::State;
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::Remark;
use crate::ops::change::fixture::{all_effects, decide};

fn membership(user: &str) -> Membership {
    Membership {
        project: "shop".parse().expect("a name"),
        user: user.parse().expect("a name"),
    }
}

fn add(user: &str, role: ProjectRole) -> Add {
    Add {
        member: membership(user),
        role,
    }
}

fn set(user: &str, role: ProjectRole) -> SetRole {
    SetRole {
        member: membership(user),
        role,
        taken: Taken::End,
    }
}

fn remove(user: &str) -> Remove {
    Remove {
        member: membership(user),
        taken: Taken::End,
    }
}

/// `carol` owns the project, `bob` is an editor; both hold its admin kubeconfig.
fn shop() -> World {
    World::new()
        .in_shop()
        .member("carol", ProjectRole::Owner)
        .member("bob", ProjectRole::Editor)
        .shared(SharedLevel::Admin, &["bob", "carol"])
}

const END: &str = "end version 1 of 'shop/admin' on cluster 'prod'";
const BEGIN: &str = "begin version 2 of 'shop/admin' on cluster 'prod'";

#[test]
fn a_member_is_added_and_no_cluster_is_asked() {
    let world = World::new();
    let decided = decide(&world, &add("bob", ProjectRole::Viewer)).expect("allowed");
    assert!(!decided.reaches_clusters);
    assert_eq!(
        all_effects(&world, &add("bob", ProjectRole::Viewer)),
        ["make 'bob' viewer of project 'shop'"]
    );
}

#[test]
fn nobody_is_added_twice() {
    let refused = decide(&shop(), &add("bob", ProjectRole::Owner)).expect_err("refused");
    assert!(matches!(
        refused,
        Refusal::IsMember {
            has: ProjectRole::Editor,
            asked: ProjectRole::Owner,
            ..
        }
    ));
}

#[test]
fn nobody_disabled_is_added() {
    let refused = decide(&shop(), &add("dan", ProjectRole::Viewer)).expect_err("refused");
    assert!(matches!(refused, Refusal::Disabled(_)));
}

#[test]
fn admins_may_be_members() {
    assert!(decide(&shop(), &add("ada", ProjectRole::Viewer)).is_ok());
}

#[test]
fn a_stronger_role_ends_nothing() {
    let world = shop();
    assert_eq!(
        all_effects(&world, &set("bob", ProjectRole::Owner)),
        ["make 'bob' owner of project 'shop' instead of editor"]
    );
}

#[test]
fn a_weaker_role_ends_what_was_taken_of_the_stronger_level() {
    let world = shop();
    let all = all_effects(&world, &set("bob", ProjectRole::Viewer));
    assert_eq!(
        all[0],
        "make 'bob' viewer of project 'shop' instead of editor"
    );
    assert_eq!(all[1..], [END, BEGIN]);
}

#[test]
fn a_weaker_role_ends_nothing_that_was_not_taken() {
    let world = World::new()
        .in_shop()
        .member("carol", ProjectRole::Owner)
        .member("bob", ProjectRole::Editor)
        .shared(SharedLevel::Admin, &["carol"]);
    assert_eq!(
        all_effects(&world, &set("bob", ProjectRole::Viewer)).len(),
        1
    );
}

#[test]
fn the_same_role_is_no_effect() {
    let decided = decide(&shop(), &set("bob", ProjectRole::Editor)).expect("allowed");
    assert!(decided.effects.is_empty() && !decided.reaches_clusters);
}

#[test]
fn who_is_no_member_gets_no_other_role_and_is_not_removed() {
    let refused = decide(&shop(), &set("tom", ProjectRole::Viewer)).expect_err("refused");
    assert!(matches!(refused, Refusal::IsNoMember { .. }));
    let refused = decide(&shop(), &remove("tom")).expect_err("refused");
    assert!(matches!(refused, Refusal::IsNoMember { .. }));
}

#[test]
fn what_an_earlier_removal_left_pending_is_tried_again() {
    let mut world = shop().change_people(|people| people.roles.clear());
    world.credentials()[0].state = State::Revoking;
    let decided = decide(&world, &remove("bob")).expect("allowed");
    assert!(decided.effects.is_empty() && decided.reaches_clusters);
    assert!(decide(&world, &remove("tom")).is_err());
}

#[test]
fn a_removal_ends_what_was_taken_for_everybody() {
    let all = all_effects(&shop(), &remove("bob"));
    assert_eq!(all[0], "remove 'bob' from project 'shop'");
    assert_eq!(all[1..], [END, BEGIN]);
}

#[test]
fn what_is_to_be_kept_lives_on_and_is_said() {
    let keep = Remove {
        taken: Taken::Keep,
        ..remove("bob")
    };
    let world = shop();
    let decided = decide(&world, &keep).expect("allowed");
    assert_eq!(
        decided.remarks,
        [Remark::from(
            "'bob' keeps version 1 of 'shop/admin' on cluster 'prod'".to_owned()
        )]
    );
    assert!(world.follow(&decided.effects).is_empty());
}

#[test]
fn nothing_is_kept_of_what_has_ended() {
    let mut world = shop();
    world.credentials()[0].state = State::Revoking;
    let keep = Remove {
        taken: Taken::Keep,
        ..remove("bob")
    };
    assert!(decide(&world, &keep).expect("allowed").remarks.is_empty());
}

#[test]
fn the_last_owner_of_a_project_stays() {
    let last = |it: Refusal| matches!(it, Refusal::LastProjectOwner { .. });
    assert!(last(
        decide(&shop(), &remove("carol")).expect_err("refused")
    ));
    let weaker = set("carol", ProjectRole::Editor);
    assert!(last(decide(&shop(), &weaker).expect_err("refused")));
}

#[test]
fn one_of_two_owners_of_a_project_may_go() {
    let world = shop().member("tom", ProjectRole::Owner);
    assert!(decide(&world, &remove("carol")).is_ok());
    // A disabled one does not count.
    let world = shop().member("dan", ProjectRole::Owner);
    assert!(decide(&world, &remove("carol")).is_err());
    // And may go.
    assert!(decide(&world, &remove("dan")).is_ok());
}

#[test]
fn an_editor_who_becomes_owner_keeps_the_same_level() {
    let world = shop().member("tom", ProjectRole::Owner);
    let weaker = all_effects(&world, &set("carol", ProjectRole::Editor));
    assert_eq!(weaker.len(), 1);
}

#[test]
fn whoever_is_not_there_is_named() {
    let unknown = |it: Refusal| matches!(it, Refusal::UnknownUser(_));
    assert!(unknown(
        decide(&shop(), &remove("zoe")).expect_err("unknown")
    ));
    let added = add("zoe", ProjectRole::Viewer);
    assert!(unknown(decide(&shop(), &added).expect_err("unknown")));
}
