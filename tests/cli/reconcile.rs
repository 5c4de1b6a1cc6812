//! `kubegrant status` and `kubegrant reconcile`.

use std::time::Duration;

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::json;

use crate::home::{CONFIG_MAPS, Home, PODS, call, get};

fn map() -> serde_json::Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } })
}

#[test]
fn reconciling_twice_changes_nothing() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    kg.run("reconcile").success();
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("reconcile"), @r"
        CLUSTER   STATE       WHAT
        prod      unchanged   <none>
        [exit 0]
    ");
    assert!(!kg.was_changed());
}

#[test]
fn nothing_owed_and_a_cluster_away_is_8() {
    let mut kg = Home::new();
    kg.sandbox.stop();
    insta::assert_snapshot!(kg.run("reconcile"), @r"
        CLUSTER   STATE    WHAT
        prod      failed   cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        ----- stderr -----
        error: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)

        hint: nothing was changed; try again when it answers
        hint: if it is gone for good, an organization owner runs `kubegrant cluster delete prod --forget`
        [exit 8]
    ");
}

#[test]
fn a_list_edited_by_hand_is_repaired() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let (_, mut binding) = kg
        .objects("ClusterRoleBinding")
        .into_iter()
        .find(|(name, _)| name.ends_with(":view"))
        .expect("the readers' list");
    binding["subjects"] = json!([{
        "kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io",
    }]);
    kg.sandbox.put_object(binding).expect("stored");
    assert_eq!(get(&file, PODS), 403);
    insta::assert_snapshot!(kg.run("reconcile"), @"
    CLUSTER   STATE     WHAT
    prod      changed   set binding kubegrant:[INSTALLATION]:view cluster-wide to kubegrant-users/alice-[HEX]-v1
    [exit 0]
    ");
    assert_eq!(get(&file, PODS), 200);
    let lists = kg.objects("ClusterRoleBinding");
    assert!(!format!("{lists:?}").contains("mallory"));
}

#[test]
fn a_list_that_gives_another_role_is_made_anew() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let (_, mut binding) = kg
        .objects("ClusterRoleBinding")
        .into_iter()
        .find(|(name, _)| name.ends_with(":view"))
        .expect("the readers' list");
    binding["roleRef"]["name"] = "cluster-admin".into();
    kg.sandbox.put_object(binding).expect("stored");
    assert_eq!(get(&file, "/api/v1/secrets"), 200, "escalated");
    insta::assert_snapshot!(kg.run("reconcile"), @"
    CLUSTER   STATE     WHAT
    prod      changed   delete binding kubegrant:[INSTALLATION]:view cluster-wide
    prod      changed   create binding kubegrant:[INSTALLATION]:view cluster-wide with kubegrant-users/alice-[HEX]-v1
    [exit 0]
    ");
    assert_eq!(get(&file, "/api/v1/secrets"), 403);
    assert_eq!(get(&file, PODS), 200);
}

#[test]
fn a_new_namespace_joins_write_at_the_next_reconcile() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("bob", "write");
    kg.sandbox
        .put_object(
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }),
        )
        .expect("stored");
    let path = "/api/v1/namespaces/shop/configmaps";
    assert_eq!(call(&file, "POST", path, Some(&map())), 403);
    insta::assert_snapshot!(kg.run("reconcile"), @"
    CLUSTER   STATE     WHAT
    prod      changed   create binding kubegrant:[INSTALLATION]:edit in namespace 'shop' with kubegrant-users/bob-[HEX]-v1
    [exit 0]
    ");
    assert_eq!(call(&file, "POST", path, Some(&map())), 201);
}

#[test]
fn a_namespace_that_became_powerful_leaves_write() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("bob", "write");
    assert_eq!(call(&file, "POST", CONFIG_MAPS, Some(&map())), 201);
    kg.sandbox
        .put_object(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "deployer" },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{ "kind": "ServiceAccount", "namespace": "default", "name": "x" }],
        }))
        .expect("stored");
    kg.run("reconcile").success();
    assert_eq!(call(&file, "POST", CONFIG_MAPS, Some(&map())), 403);
}

#[test]
fn one_dead_cluster_hides_no_others_success() {
    let mut kg = Home::new();
    let mut second = Sandbox::start().expect("a sandbox");
    kg.set_clock(&second);
    kg.write("second.conf", &second.admin_kubeconfig_token());
    kg.run("cluster add second --kubeconfig second.conf")
        .success();
    let file = kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    kg.run("access revoke alice -c prod --yes").exit(6);
    kg.sandbox.restart().expect("back");
    second.stop();
    kg.run("reconcile").exit(8).says("second");
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("status").success();
}

#[test]
fn reconcile_takes_only_the_clusters_that_are_named() {
    let mut kg = Home::new();
    let second = Sandbox::start().expect("a sandbox");
    kg.set_clock(&second);
    kg.write("second.conf", &second.admin_kubeconfig_token());
    kg.run("cluster add second --kubeconfig second.conf")
        .success();
    second.clear_requests();
    kg.run("reconcile prod").success();
    assert!(second.requests().is_empty());
    kg.run("reconcile prod thrid").exit(3);
}

#[test]
fn a_developer_reconciles_nothing() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l write").success();
    insta::assert_snapshot!(kg.run_as("alice", "reconcile"), @r"
        ----- stderr -----
        There is no cluster to reconcile.
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run_as("alice", "reconcile prod"), @r"
        ----- stderr -----
        error: 'alice' may not check or reconcile on cluster 'prod': organization owners and admins, and the cluster's owner may

        hint: ask 'olivia'
        [exit 4]
    ");
}

#[test]
fn status_asks_no_cluster() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.sandbox.clear_requests();
    kg.run("status").success();
    assert!(kg.sandbox.requests().is_empty());
}

#[test]
fn status_says_what_ends_soon() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read --for 2d")
        .success();
    kg.download_for("alice");
    insta::assert_snapshot!(kg.run("status"), @r"
        KIND     CLUSTER   WHAT                                 UNTIL
        ending   prod      the tokens of version 1 of 'alice'   2026-11-24T10:00:00Z
        ending   prod      the read grant of 'alice'            2026-11-24T10:00:00Z
        [exit 0]
    ");
}

#[test]
fn what_a_killed_download_left_in_the_working_directory_goes_but_not_in_a_dry_run() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let left = kg.path(".kubegrant-0123456789abcdef0123456789abcdef");
    std::fs::copy(kg.path("admin.conf"), &left).expect("a copy");
    kg.run("reconcile --dry-run").success();
    assert!(left.exists(), "a dry run touches nothing");
    kg.run("reconcile").success();
    assert!(!left.exists());
}

#[test]
fn clusters_that_do_not_answer_keep_no_other_waiting() {
    let mut kg = Home::new();
    // More than are worked on at once, and before the others in every list.
    let silent: Vec<Sandbox> = (10..28)
        .map(|at| kg.add_cluster(&format!("a-{at}")))
        .collect();
    let last = kg.add_cluster("z");
    for sandbox in &silent {
        sandbox.fault(Fault {
            matches: Match::default(),
            action: Action::Delay(Duration::from_mins(1)),
        });
    }
    let ran = kg.run("reconcile");
    ran.exit(8).says("no answer from").says("within 8 s");
    let progress: Vec<&str> = ran.stderr.lines().take(20).collect();
    let mut first: Vec<&str> = progress[..2].iter().map(|it| &it[7..]).collect();
    first.sort_unstable();
    assert_eq!(first, ["prod", "z"], "{ran}");
    let failed = progress[2..].iter().filter(|it| it.contains(": failed: "));
    assert_eq!(failed.count(), 18, "{ran}");
    drop(last);
}
