//! Everybody's at once: `team rotate|revoke|restore --all-users`, and `cluster rotate-credentials`.

use crate::home::{Home, PODS, get};

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
    *      prod      unchanged   nobody has a kubeconfig on cluster 'prod'
    ----- stderr -----
    Nobody has a kubeconfig on cluster 'prod'.
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
    kg.run("team restore --all-users --all-clusters")
        .success()
        .says("3 users can download");
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
    kg.run("team restore --all-users -c prod")
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
