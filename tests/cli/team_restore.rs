//! `kubegrant team restore`.

use crate::home::{Home, PODS, get};

#[test]
fn restoring_lets_the_user_download_the_next_version() {
    let mut kg = Home::new();
    let old = kg.grant_and_download("alice", "read");
    kg.run("team revoke alice -c prod --yes").success();
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("team restore alice -c prod"), @r"
        USER    CLUSTER   RESULT   WHAT
        alice   prod      done     'alice' can download a kubeconfig for cluster 'prod' again
        ----- stderr -----
        'alice' can download a kubeconfig for cluster 'prod' again.
        [exit 0]
        ");
    assert!(kg.sandbox.requests().is_empty(), "nothing is minted");
    let new = kg.download_for("alice");
    assert_eq!(get(&new, PODS), 200);
    assert!(matches!(get(&old, PODS), 401 | 403));
}

#[test]
fn restoring_twice_changes_nothing() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.run("team revoke alice -c prod --yes").success();
    kg.run("team restore alice -c prod").success();
    insta::assert_snapshot!(kg.run("team restore alice -c prod"), @r"
        USER    CLUSTER   RESULT      WHAT
        alice   prod      unchanged   'alice' is not blocked on cluster 'prod'
        ----- stderr -----
        'alice' is not blocked on cluster 'prod'.
        [exit 0]
        ");
    assert_eq!(kg.events("team restore", "done"), 1);
}

#[test]
fn all_clusters_are_those_with_a_block_and_none_needs_to_answer() {
    let mut kg = Home::new();
    let mut second = kg.add_cluster("second");
    for name in ["prod", "second"] {
        kg.run(&format!("access grant alice -c {name} -l read"))
            .success();
    }
    kg.run("team revoke alice --all-clusters --yes").success();
    second.stop();
    insta::assert_snapshot!(kg.run("team restore alice --all-clusters").without_progress(), @r"
        USER    CLUSTER   RESULT   WHAT
        alice   prod      done     'alice' can download a kubeconfig for cluster 'prod' again
        alice   second    done     'alice' can download a kubeconfig for cluster 'second' again
        ----- stderr -----
        'alice' can download a kubeconfig for cluster 'prod' again.
        'alice' can download a kubeconfig for cluster 'second' again.
        [exit 0]
        ");
    kg.run("team restore alice --all-clusters")
        .success()
        .says("There is nothing to do on any cluster.");
}
