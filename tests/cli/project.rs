//! `kubegrant project create|list|show|rename|delete`, and which cluster is in which.

use kubegrant_sandbox::{Builder, Sandbox};

use crate::home::{Home, PODS, get};

/// The project `shop` with `prod` in it, alice as its owner and bob as a viewer.
pub(crate) fn shop() -> Home {
    shop_on(Sandbox::builder())
}

/// The same on a sandbox of other settings.
pub(crate) fn shop_on(sandbox: Builder) -> Home {
    let mut kg = Home::with(sandbox);
    kg.run("project create shop --description \"the web shop\"")
        .success();
    kg.run("cluster set prod --project shop").success();
    kg.run("project add-member alice --project shop --role owner")
        .success();
    kg.run("project add-member bob --project shop --role viewer")
        .success();
    kg
}

/// Hands the shared kubeconfig of `prod` to a user; the text of the file.
pub(crate) fn take(kg: &mut Home, user: &str) -> String {
    let line = format!("kubeconfig download prod --shared --user {user} --plain -f -");
    kg.run(&line).success().stdout.clone()
}

#[test]
fn making_a_project_touches_no_cluster() {
    let mut kg = Home::new();
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("project create shop"), @r"
    NAME   MEMBERS   CLUSTERS   YOUR ROLE   AGE
    shop   0         0          <none>      2026-11-22T10:00:00Z
    ----- stderr -----
    Project 'shop' is made.
    hint: put clusters in it with `kubegrant cluster set CLUSTER --project shop`
    [exit 0]
    ");
    assert!(kg.sandbox.requests().is_empty());
    kg.run("project create SHOP")
        .exit(5)
        .says("project 'shop' exists already");
    assert_eq!(kg.events("project create", "done"), 1);
}

#[test]
fn show_tells_members_clusters_versions_and_holders() {
    let mut kg = shop();
    take(&mut kg, "alice");
    take(&mut kg, "bob");
    insta::assert_snapshot!(kg.run("project show shop"), @r"
    Name:                  shop
    Description:           the web shop
    Your role:             <none>
    Made:                  2026-11-22T10:00:00Z
    Clusters:              prod
    Members:               alice (owner)
                           bob (viewer)
    Shared:                prod read: version 1 (active), held by bob
                           prod admin: version 1 (active), held by alice
    Must download again:   <none>
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project list"), @r"
    NAME   MEMBERS   CLUSTERS   YOUR ROLE   AGE
    shop   2         1          <none>      2026-11-22T10:00:00Z
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run_as("bob", "project list -o name"), @r"
    project/shop
    [exit 0]
    ");
}

#[test]
fn a_project_that_is_not_yours_is_one_that_does_not_exist() {
    let mut kg = shop();
    kg.add_user("carol", "developer");
    let hidden = kg.run_as("carol", "project show shop");
    let unknown = kg.run_as("carol", "project show shap");
    hidden.exit(3);
    unknown.exit(3);
    assert_eq!(
        hidden.to_string(),
        unknown.to_string().replace("shap", "shop")
    );
    kg.run_as("carol", "project list")
        .success()
        .says("You can see no project.");
    kg.run_as("carol", "cluster show prod").exit(3);
    kg.run("project show shap")
        .exit(3)
        .says("did you mean 'shop'?");
    assert_eq!(kg.events("project show", "denied"), 3);
}

#[test]
fn only_admins_make_rename_and_delete_projects_and_say_what_is_in_them() {
    let mut kg = shop();
    // Whoever owns a cluster has write on it: its project's editors have cluster-admin.
    kg.run("cluster transfer prod --to alice --yes").success();
    for line in [
        "project create mine",
        "project rename shop --to mine",
        "project describe shop mine",
        "project delete shop --yes",
        "cluster set prod --no-project",
        "cluster set prod --project shop",
        "cluster add other --kubeconfig admin.conf --project shop",
    ] {
        kg.run_as("alice", line)
            .exit(4)
            .says("organization owners and admins may");
    }
    kg.run_as("bob", "project rename shop --to mine")
        .exit(4)
        .says("hint: ask 'olivia'");
}

#[test]
fn a_project_with_clusters_is_not_deleted() {
    let mut kg = shop();
    insta::assert_snapshot!(kg.run("project delete shop --yes"), @r"
    ----- stderr -----
    error: project 'shop' still has cluster 'prod'

    hint: take each out first: `kubegrant cluster set prod --no-project`
    [exit 5]
    ");
    kg.run("cluster set prod --no-project").success();
    kg.run("project delete shop").exit(2).says("--yes");
    kg.run("project delete shop --yes").success();
    kg.run("project show shop").exit(3);
    kg.run("project create shop").success();
    // A new project of the same name begins without members.
    assert_eq!(
        kg.run("project show shop -o json").json()["members"],
        serde_json::json!([])
    );
}

#[test]
fn renaming_keeps_what_was_handed_out() {
    let mut kg = shop();
    let file = take(&mut kg, "bob");
    kg.run("project create taken").success();
    kg.run("project rename shop --to taken").exit(5);
    kg.run("project rename shop --to store").success();
    kg.run("project rename store --to store")
        .success()
        .says("already");
    assert_eq!(get(&file, PODS), 200);
    kg.run("project show store").success().says("held by bob");
}

#[test]
fn a_cluster_that_leaves_its_project_ends_the_shared_kubeconfigs() {
    let mut kg = shop();
    let file = take(&mut kg, "alice");
    let other = take(&mut kg, "bob");
    insta::assert_snapshot!(kg.run("cluster set prod --no-project --dry-run"), @r"
    WOULD
    project: none
    end version 1 of 'shop/admin' on cluster 'prod', held by 'alice'
    end version 1 of 'shop/read' on cluster 'prod', held by 'bob'
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    assert_eq!(get(&file, PODS), 200);
    insta::assert_snapshot!(kg.run("cluster set prod --no-project"), @r"
    Name:          prod
    Description:   <none>
    Labels:        <none>
    Project:       <none>
    Write scope:   namespaces
    Excluded:      <none>
    Included:      <none>
    Allowed:       <none>
    ----- stderr -----
    Version 1 of 'shop/admin' on cluster 'prod' was held by 'alice'.
    Version 1 of 'shop/read' on cluster 'prod' was held by 'bob'.
    warning: 'alice' had all power on cluster 'prod': tokens that were minted with it for other accounts, the manager's too, and bindings that were made live on
    hint: end it with `kubegrant cluster rotate-accounts prod`, which lists what others bound
    The settings of cluster 'prod' are changed.
    Version 1 of 'shop/admin' no longer works on cluster 'prod' (read back).
    Version 1 of 'shop/read' no longer works on cluster 'prod' (read back).
    [exit 0]
    ");
    for file in [&file, &other] {
        assert!(matches!(get(file, PODS), 401 | 403));
    }
    assert!(kg.accounts().is_empty());
    kg.run_as("bob", "cluster show prod").exit(3);
    // Into another project: other members, another kubeconfig.
    kg.run("project create blog").success();
    kg.run("cluster set prod --project blog").success();
    kg.run("kubeconfig download prod --shared --user alice")
        .exit(5)
        .says("no member of a project");
}

#[test]
fn moving_to_another_project_ends_the_first_ones() {
    let mut kg = shop();
    let file = take(&mut kg, "alice");
    kg.run("project create blog").success();
    kg.run("cluster set prod --project blog")
        .success()
        .says("Version 1 of 'shop/admin' no longer works");
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("cluster set prod --project nowhere")
        .exit(3)
        .says("no project 'nowhere'");
}

#[test]
fn a_cluster_that_is_added_later_is_reached_too() {
    let mut kg = shop();
    kg.run("cluster list").success();
    let sandbox = kubegrant_sandbox::Sandbox::start().expect("a sandbox");
    kg.set_clock(&sandbox);
    kg.write("late.conf", &sandbox.admin_kubeconfig_token());
    kg.run("cluster add late --kubeconfig late.conf --project shop")
        .success();
    insta::assert_snapshot!(kg.run_as("bob", "cluster list"), @r"
    NAME   STATE    OWNER    YOUR ACCESS   PENDING   AGE
    late   active   <none>   read          -         2026-11-22T10:00:00Z
    prod   active   <none>   read          -         2026-11-22T10:00:00Z
    [exit 0]
    ");
    let line = "kubeconfig download late --user bob --plain -f -";
    let file = kg.run(line).success().stdout.clone();
    assert_eq!(get(&file, PODS), 200);
}

#[test]
fn archiving_with_revoke_all_ends_the_shared_ones_and_issues_none() {
    let mut kg = shop();
    let file = take(&mut kg, "bob");
    kg.run("cluster archive prod --revoke-all --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("kubeconfig download prod --shared --user bob")
        .exit(5)
        .says("archived");
    kg.run("project rotate shop --cluster prod --yes")
        .exit(5)
        .says("archived");
    // On an archived cluster a holder who leaves ends the version, and none begins.
    kg.run("cluster unarchive prod").success();
    take(&mut kg, "bob");
    kg.run("cluster archive prod --yes").success();
    kg.run("project remove-member bob --project shop --yes")
        .success();
    assert!(kg.accounts().is_empty());
}

#[test]
fn deleting_the_cluster_ends_them() {
    let mut kg = shop();
    let file = take(&mut kg, "bob");
    kg.run("cluster delete prod --yes --confirm prod").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert_eq!(
        kg.run("project show shop -o json").json()["clusters"],
        serde_json::json!([])
    );
    kg.run("project delete shop --yes").success();
}

#[test]
fn projects_show_where_ways_in_are_spoken_of() {
    let mut kg = shop();
    take(&mut kg, "alice");
    kg.run("access grant bob -c prod -l write").success();
    insta::assert_snapshot!(kg.run("access list -c prod"), @r"
    USER     CLUSTER   LEVEL   THROUGH              ENDS
    alice    prod      full    project shop         <none>
    bob      prod      read    project shop         <none>
    bob      prod      write   grant                <none>
    olivia   prod      full    organization owner   <none>
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("access explain alice -c prod"), @r"
    PATH                GIVES     COUNTS   WHY
    organization role   nothing   no       'alice' is organization developer
    cluster owner       nothing   no       'alice' does not own cluster 'prod'
    project             full      yes      'alice' is owner of project 'shop', which shares a kubeconfig (admin)
    grant               nothing   no       'alice' has no grant
    role binding        nothing   no       'alice' has no role binding
    access              full      -        'alice' has full on cluster 'prod'
    kubeconfig          yes       -        version 1 is live
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("access explain bob -c prod"), @r"
    PATH                GIVES     COUNTS   WHY
    organization role   nothing   no       'bob' is organization developer
    cluster owner       nothing   no       'bob' does not own cluster 'prod'
    project             read      no       'bob' is viewer of project 'shop', which shares a kubeconfig (read)
    grant               write     yes      'bob' was granted write
    role binding        nothing   no       'bob' has no role binding
    access              write     -        'bob' has write on cluster 'prod'
    kubeconfig          yes       -        the next download issues a version
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("team list"), @r"
    USER         CLUSTER   VERSION   STATE    ISSUED                 EXPIRES                DOWNLOADED             BLOCKED
    shop/admin   prod      1         active   2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   no
    [exit 0]
    ");
    kg.run("team list --user bob")
        .success()
        .never_says("shop/admin");
    kg.run("team list --user alice")
        .success()
        .says("shop/admin");
    kg.run_as("alice", "whoami").success().says("shop (owner)");
    kg.run("user show bob").success().says("shop (viewer)");
    kg.run_as("alice", "cluster show prod")
        .success()
        .says("full (project)");
    kg.run("access explain alice -c prod get secrets")
        .success()
        .says("yes");
}

#[test]
fn bad_names_roles_and_levels_are_usage_errors() {
    let mut kg = shop();
    let long = "a".repeat(41);
    for line in [
        "project create ../x",
        "project create \"\"",
        &format!("project create {long}"),
        "project create a\u{202e}b",
        "project create x --description \"a\u{7}b\"",
        "project show -- -x",
        "project add-member bob --project shop --role admin",
        "project add-member bob --project shop",
        "project add-member bob --role viewer",
        "project add-member bob --project ../x --role viewer",
        "project rotate shop --level write --yes",
        "project rotate shop --cluster ../x --yes",
        "project rename shop",
        "project describe shop",
        "project describe shop \"a\u{7}b\"",
        "cluster set prod --project shop --no-project",
        "cluster set prod --project \"\"",
    ] {
        let ran = kg.run(line);
        ran.exit(2);
        assert!(
            !ran.stderr.contains('\u{202e}') && !ran.stderr.contains('\u{7}'),
            "{ran}"
        );
    }
    kg.run("project rotate shop --cluster nowhere --yes")
        .exit(3)
        .says("no cluster 'nowhere' in project 'shop'");
    kg.run("project add-member zoe --project shop --role viewer")
        .exit(3)
        .says("no user 'zoe'");
}
