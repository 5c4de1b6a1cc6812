//! `kubegrant project add-member|set-role|remove-member`.

use crate::home::{Home, PODS, get};
use crate::project::{shop, take};

#[test]
fn adding_says_how_to_hand_over_and_twice_is_refused() {
    let mut kg = Home::new();
    kg.run("project create shop").success();
    insta::assert_snapshot!(kg.run("project add-member alice --project shop --role editor"), @r"
    PROJECT   USER    ROLE     CLUSTERS   ROTATED   APPLIED
    shop      alice   editor   <none>     <none>    yes
    ----- stderr -----
    'alice' is editor of project 'shop'.
    hint: the project has no cluster yet: `kubegrant cluster set CLUSTER --project shop`
    [exit 0]
    ");
    kg.run("cluster set prod --project shop").success();
    insta::assert_snapshot!(kg.run("project add-member bob --project shop --role viewer"), @r"
    PROJECT   USER   ROLE     CLUSTERS   ROTATED   APPLIED
    shop      bob    viewer   prod       <none>    yes
    ----- stderr -----
    'bob' is viewer of project 'shop'.
    hint: hand them the file with `kubegrant kubeconfig download prod --shared --user bob`
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project add-member bob --project shop --role editor"), @r"
    ----- stderr -----
    error: member 'bob' of project 'shop', as viewer, exists already

    hint: change the role with `kubegrant project set-role bob --project shop --role editor`
    [exit 5]
    ");
    assert!(kg.accounts().is_empty());
}

#[test]
fn removing_a_holder_rotates_and_says_who_must_download_again() {
    let mut kg = shop();
    kg.add_user("carol", "developer");
    kg.run("project add-member carol --project shop --role viewer")
        .success();
    let (his, hers) = (take(&mut kg, "bob"), take(&mut kg, "carol"));
    insta::assert_snapshot!(kg.run("project remove-member bob --project shop --dry-run"), @r"
    WOULD
    remove 'bob' from project 'shop'
    end version 1 of 'shop/read' on cluster 'prod', held by 'bob', 'carol'
    begin version 2 of 'shop/read' on cluster 'prod'
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    assert_eq!(get(&his, PODS), 200);
    insta::assert_snapshot!(kg.run("project remove-member bob --project shop --yes"), @r"
    PROJECT   USER   ROLE     CLUSTERS   ROTATED          APPLIED
    shop      bob    <none>   prod       shop/read@prod   yes
    ----- stderr -----
    'bob' is no member of project 'shop' any more.
    Version 1 of 'shop/read' on cluster 'prod' was held by 'carol': they must download again.
    Version 1 of 'shop/read' no longer works on cluster 'prod' (read back).
    [exit 0]
    ");
    assert!(matches!(get(&his, PODS), 401 | 403));
    assert!(matches!(get(&hers, PODS), 401 | 403));
    assert_eq!(get(&take(&mut kg, "carol"), PODS), 200);
    kg.run("project remove-member bob --project shop --yes")
        .exit(3)
        .says("no member 'bob' in project 'shop'");
}

#[test]
fn removing_who_took_nothing_rotates_nothing() {
    let mut kg = shop();
    let hers = take(&mut kg, "alice");
    kg.sandbox.clear_requests();
    kg.run("project remove-member bob --project shop --yes")
        .success();
    assert!(!kg.was_changed());
    assert_eq!(get(&hers, PODS), 200);
}

#[test]
fn what_is_kept_is_said_and_ends_with_the_next_rotation() {
    let mut kg = shop();
    let his = take(&mut kg, "bob");
    insta::assert_snapshot!(
        kg.run("project remove-member bob --project shop --keep-shared --yes"), @r"
        PROJECT   USER   ROLE     CLUSTERS   ROTATED   APPLIED
        shop      bob    <none>   prod       <none>    yes
        ----- stderr -----
        'bob' is no member of project 'shop' any more.
        warning: 'bob' still has version 1 of 'shop/read' on cluster 'prod', and can still get in with it
        hint: end it with `kubegrant project rotate shop`
        [exit 0]
        ");
    assert_eq!(get(&his, PODS), 200);
    kg.run("reconcile").success();
    assert_eq!(get(&his, PODS), 200, "the decision stands");
    kg.run("project rotate shop --yes").success();
    assert!(matches!(get(&his, PODS), 401 | 403));
}

#[test]
fn keeping_once_is_not_keeping_for_ever() {
    let mut kg = shop();
    let his = take(&mut kg, "bob");
    kg.run("project remove-member bob --project shop --keep-shared --yes")
        .success();
    kg.run("project add-member bob --project shop --role viewer")
        .success();
    kg.run("project remove-member bob --project shop --yes")
        .success();
    assert!(matches!(get(&his, PODS), 401 | 403));
    // Nor does it outlive their being disabled.
    let mut kg = shop();
    let his = take(&mut kg, "bob");
    kg.run("project remove-member bob --project shop --keep-shared --yes")
        .success();
    kg.run("user disable bob --yes").success();
    assert!(matches!(get(&his, PODS), 401 | 403));
}

#[test]
fn a_weaker_role_ends_the_stronger_level_and_a_stronger_one_ends_nothing() {
    let mut kg = shop();
    let read = take(&mut kg, "bob");
    kg.run("project set-role bob --project shop --role editor")
        .success();
    assert_eq!(get(&read, PODS), 200, "he may do more than that now");
    let admin = take(&mut kg, "bob");
    kg.run("project set-role bob --project shop --role viewer")
        .success()
        .says("Version 1 of 'shop/admin' no longer works");
    assert!(matches!(get(&admin, PODS), 401 | 403));
    assert_eq!(get(&read, PODS), 200);
    kg.run("project set-role bob --project shop --role viewer")
        .success()
        .says("already");
    // Both levels that he took end with his leaving.
    kg.run("project remove-member bob --project shop --yes")
        .success();
    assert!(matches!(get(&read, PODS), 401 | 403));
}

#[test]
fn the_last_owner_stays() {
    let mut kg = shop();
    insta::assert_snapshot!(kg.run("project remove-member alice --project shop --yes"), @r"
    ----- stderr -----
    error: 'alice' is the last active owner of project 'shop', and stays

    hint: make somebody else its owner first: `kubegrant project set-role USER --project shop --role owner`
    [exit 5]
    ");
    kg.run("project set-role alice --project shop --role viewer")
        .exit(5)
        .says("last active owner");
    kg.run("project set-role alice --project shop --role viewer --dry-run")
        .exit(5);
    kg.run("project set-role bob --project shop --role owner")
        .success();
    kg.run("project set-role alice --project shop --role viewer")
        .success();
    // A disabled owner owns nothing: removing them leaves nobody without.
    kg.run("user disable bob --yes").success();
    kg.run("project remove-member bob --project shop --yes")
        .success();
}

#[test]
fn a_projects_owner_manages_its_members_and_nobody_else_does() {
    let mut kg = shop();
    kg.add_user("carol", "developer");
    kg.run_as(
        "alice",
        "project add-member carol --project shop --role editor",
    )
    .success();
    for user in ["bob", "carol"] {
        kg.run_as(user, "project remove-member alice --project shop --yes")
            .exit(4)
            .says("and the project's owners may");
        kg.run_as(user, "project set-role bob --project shop --role owner")
            .exit(4)
            .says("hint: ask 'alice' or 'olivia'");
    }
    // Her key does not open the cluster's login: the end of what carol took is owed.
    let hers = take(&mut kg, "carol");
    kg.run_as("alice", "project remove-member carol --project shop --yes")
        .exit(6);
    kg.run("reconcile").success();
    assert!(matches!(get(&hers, PODS), 401 | 403));
}

#[test]
fn a_disabled_user_is_not_added() {
    let mut kg = shop();
    kg.run("user add dave").success();
    kg.run("user disable dave --yes").success();
    kg.run("project add-member dave --project shop --role viewer")
        .exit(5)
        .says("disabled");
}
