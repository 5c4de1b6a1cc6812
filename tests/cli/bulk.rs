//! Everybody's at once: `team rotate|revoke|restore --all-users`, and `cluster rotate-credentials`.

use serde_json::json;

use crate::home::{Home, PODS, get};
use crate::shards::fill;

/// A home where alice reads, bob writes and olivia has her own, with their files.
fn three() -> (Home, Vec<String>) {
    let mut kg = Home::new();
    let alice = kg.grant_and_download("alice", "read");
    let bob = kg.grant_and_download("bob", "write");
    let olivia = kg.download_for("olivia");
    (kg, vec![alice, bob, olivia])
}

#[test]
fn everybodys_is_rotated_on_a_cluster() {
    let (mut kg, files) = three();
    insta::assert_snapshot!(kg.run("team rotate --all-users -c prod --yes"), @r"
    USER   CLUSTER   RESULT   WHAT
    *      prod      done     new versions of 3 users on cluster 'prod' have begun; they wait to be downloaded
    ----- stderr -----
    New versions of 3 users on cluster 'prod' have begun; they wait to be downloaded.
    Version 1 of 'alice' no longer works on cluster 'prod' (read back).
    Version 1 of 'bob' no longer works on cluster 'prod' (read back).
    Version 1 of 'olivia' no longer works on cluster 'prod' (read back).
    [exit 0]
    ");
    for file in &files {
        assert_eq!(get(file, PODS), 401);
    }
    for user in ["alice", "bob", "olivia"] {
        let file = kg.download_for(user);
        assert_eq!(get(&file, PODS), 200);
        assert!(file.contains("v2"));
        kg.run(&format!("audit list --user {user}"))
            .success()
            .says("rotated by an admin");
    }
    kg.run("reconcile").success().says("unchanged");
}

#[test]
fn a_rotation_of_all_lifts_no_block_and_begins_nothing_for_who_had_nothing() {
    let (mut kg, _) = three();
    kg.run("team revoke alice -c prod --yes").success();
    kg.run("team rotate --all-users --all-clusters --yes")
        .success()
        .says("new versions of 2 users");
    kg.run("kubeconfig download prod --user alice")
        .exit(4)
        .says("Access Revoked");
    kg.run("team revoke --all-users -c prod --yes").success();
    insta::assert_snapshot!(kg.run("team rotate --all-users -c prod --yes"), @r"
    USER   CLUSTER   RESULT      WHAT
    *      prod      unchanged   nobody has a kubeconfig of their own on cluster 'prod'
    ----- stderr -----
    Nobody has a kubeconfig of their own on cluster 'prod'.
    [exit 0]
    ");
    kg.run("team rotate --all-users --all-clusters --yes")
        .success()
        .says("nothing to do on any cluster");
}

#[test]
fn everybodys_is_revoked_and_given_back() {
    let (mut kg, files) = three();
    kg.run("team revoke --all-users -c prod --reason leak --yes")
        .success()
        .says("the kubeconfigs of 3 users on cluster 'prod' are revoked and blocked");
    for file in &files {
        assert_eq!(get(file, PODS), 401);
    }
    for user in ["alice", "bob", "olivia"] {
        kg.run(&format!("kubeconfig download prod --user {user}"))
            .exit(4);
        kg.run_words(&["audit", "list", "--user", user, "--action", "team revoke"])
            .success()
            .says("leak");
    }
    kg.run("team revoke --all-users -c prod --yes")
        .success()
        .says("was revoked already");
    kg.run("team restore --all-users --all-clusters").exit(2);
    kg.run("team restore --all-users --all-clusters --yes")
        .success()
        .says("3 users can download");
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
    kg.run("team restore --all-users -c prod --yes")
        .success()
        .says("nobody is blocked");
}

#[test]
fn on_the_clusters_of_a_project_and_no_others() {
    let (mut kg, files) = three();
    kg.run("project create shop").success();
    kg.run("team rotate --all-users --project shop --yes")
        .success()
        .says("nothing to do on any cluster");
    assert_eq!(get(&files[0], PODS), 200);
    kg.run("cluster set prod --project shop").success();
    kg.run("team rotate alice --project shop --yes").success();
    assert_eq!(get(&files[0], PODS), 401);
    assert_eq!(get(&files[1], PODS), 200);
    kg.run("team revoke --all-users --project shop --yes")
        .success();
    assert_eq!(get(&files[1], PODS), 401);
    kg.run("team rotate --all-users --project none --yes")
        .exit(3);
}

#[test]
fn the_credentials_of_a_cluster_are_rotated_the_shared_ones_too() {
    let (mut kg, files) = three();
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    kg.run("project add-member alice --project shop --role viewer")
        .success();
    let line = "kubeconfig download prod --user alice --shared --plain -f -";
    let shared = kg.run(line).success().stdout.clone();
    kg.run("team revoke bob -c prod --yes").success();
    let plan = kg.run("cluster rotate-credentials prod --dry-run -o json");
    let plan = plan.success().json();
    assert_eq!(
        plan.to_string().matches("begin-version").count(),
        3,
        "{plan}"
    );
    insta::assert_snapshot!(kg.run("cluster rotate-credentials prod --yes"), @r"
    CLUSTER   OF          ENDED       BEGUN       APPLIED
    prod      alice       version 1   version 2   yes
    prod      olivia      version 1   version 2   yes
    prod      shop/read   version 1   version 2   yes
    ----- stderr -----
    Version 1 of 'alice' was held by 'alice': they must download again.
    Version 1 of 'olivia' was held by 'olivia': they must download again.
    Version 1 of 'shop/read' was held by 'alice': they must download again.
    Version 1 of 'alice' no longer works on cluster 'prod' (read back).
    Version 1 of 'olivia' no longer works on cluster 'prod' (read back).
    Version 1 of 'shop/read' no longer works on cluster 'prod' (read back).
    [exit 0]
    ");
    for file in files.iter().chain([&shared]) {
        assert_eq!(get(file, PODS), 401);
    }
    let shared = kg.run(line).success().stdout.clone();
    assert_eq!(get(&shared, PODS), 200);
    kg.run("kubeconfig download prod --user bob").exit(4);
    kg.run("reconcile").success().says("unchanged");
}

#[test]
fn it_is_for_those_who_look_after_the_cluster() {
    let (mut kg, files) = three();
    let key = kg.make_identity("bob");
    kg.run(&format!("user set-key bob --key {key} --yes"))
        .success();
    for line in [
        "team rotate --all-users -c prod --yes",
        "team revoke --all-users --all-clusters --yes",
        "cluster rotate-credentials prod --yes",
    ] {
        kg.run_as("bob", line).exit(4);
    }
    assert_eq!(get(&files[0], PODS), 200);
    // Without `--yes`, and with nobody to ask.
    kg.run("team revoke --all-users -c prod").exit(2);
    kg.run("team rotate -c prod --yes").exit(2);
    kg.run("team rotate alice --all-users -c prod --yes")
        .exit(2);
    assert_eq!(get(&files[0], PODS), 200);
}

#[test]
fn what_is_cut_short_goes_on_with_reconcile() {
    let (mut kg, files) = three();
    kg.sandbox.stop();
    kg.run("team rotate --all-users -c prod --yes").exit(6);
    kg.sandbox.restart().expect("back");
    kg.run("reconcile").success();
    for file in &files {
        assert_eq!(get(file, PODS), 401);
    }
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
}

#[test]
fn of_many_each_is_ended_whoever_keeps_it_or_bound_it_elsewhere() {
    let mut kg = Home::new();
    let alice = kg.grant_and_download("alice", "read");
    fill(&mut kg, 60);
    kg.run("reconcile").success();
    // One is held by a finalizer, to one somebody gave more, and one is gone.
    let accounts = kg.objects("ServiceAccount");
    let named = |name: &str| {
        let mut found = accounts.iter().filter(|(it, _)| it.contains(name));
        found.next().expect("an account").1.clone()
    };
    let mut held = named("reader-1001-");
    held["metadata"]["finalizers"] = json!(["example.org/mine"]);
    kg.sandbox.put_object(held).expect("stored");
    let bound = named("reader-1002-")["metadata"]["name"].clone();
    let more = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": "more" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit",
        },
        "subjects": [{ "kind": "ServiceAccount", "namespace": "kubegrant", "name": bound }],
    });
    kg.sandbox.put_object(more).expect("stored");
    let gone = named("reader-1003-")["metadata"]["name"].clone();
    let gone = gone.as_str().expect("a name");
    kg.sandbox
        .remove_object("v1", "ServiceAccount", Some("kubegrant"), gone);
    kg.sandbox.clear_requests();
    let ran = kg.run("team rotate --all-users -c prod --yes");
    ran.success()
        .says("61 versions no longer work on cluster 'prod'")
        .says(
            "binding 'more', which somebody else made, gave account 'reader-1002-0badcafe-v1' more",
        );
    assert_eq!(get(&alice, PODS), 401);
    let left = kg.accounts();
    assert!(left.iter().all(|it| it.ends_with("-v2")), "{left:?}");
    assert_eq!(left.len(), 61);
    // Accounts are seen in lists, not one by one.
    let requests = kg.sandbox.requests().into_iter();
    let read = requests.filter(|it| it.method == "GET" && it.path.contains("serviceaccounts/"));
    assert!(read.count() < 20);
    kg.run("reconcile").success().says("unchanged");
}

#[test]
fn who_has_only_a_shared_kubeconfig_is_revoked_with_everybody() {
    let mut kg = Home::new();
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    kg.run("project add-member alice --project shop --role viewer")
        .success();
    let line = "kubeconfig download prod --user alice --shared --plain -f -";
    let shared = kg.run(line).success().stdout.clone();
    kg.run("team rotate --all-users -c prod --yes")
        .success()
        .says("shared ones live on");
    assert_eq!(get(&shared, PODS), 200);
    kg.run("team revoke --all-users -c prod --yes").success();
    assert_eq!(get(&shared, PODS), 401);
    kg.run(line).exit(4);
}

#[test]
fn a_preview_that_fails_says_so_by_its_exit_code() {
    let (mut kg, _) = three();
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch("UPDATE grants SET level = 'write'")
        .expect("whoever has the file can");
    drop(sql);
    kg.run("team rotate alice -c prod --dry-run").exit(7);
}
