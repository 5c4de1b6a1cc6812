//! `kubegrant team rotate`.

use crate::home::{Home, PODS, get};

#[test]
fn rotating_ends_the_old_version_and_hands_out_nothing() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    assert_eq!(get(&file, PODS), 200);
    let minted = kg.sandbox.minted_tokens().len();
    insta::assert_snapshot!(kg.run("team rotate alice -c prod --yes"), @r"
        USER    CLUSTER   RESULT   WHAT
        alice   prod      done     version 2 of 'alice' on cluster 'prod' has begun; it waits to be downloaded
        ----- stderr -----
        Version 2 of 'alice' on cluster 'prod' has begun; it waits to be downloaded.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        [exit 0]
        ");
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert_eq!(
        kg.sandbox.minted_tokens().len(),
        minted,
        "nothing is minted"
    );
    let next = kg.download_for("alice");
    assert_eq!(get(&next, PODS), 200);
    assert!(next.contains("v2"), "{next}");
}

#[test]
fn rotating_lifts_a_block() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("team revoke alice -c prod --yes").success();
    kg.run("team rotate alice -c prod --yes").success();
    kg.run("status").success().never_says("alice");
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
}

#[test]
fn where_the_old_version_cannot_be_ended_it_is_owed_and_later_paid() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    insta::assert_snapshot!(kg.run("team rotate alice -c prod --yes"), @r"
        USER    CLUSTER   RESULT    WHAT
        alice   prod      pending   version 2 of 'alice' on cluster 'prod' has begun; it waits to be downloaded: recorded, not yet true there
        ----- stderr -----
        Version 2 of 'alice' on cluster 'prod' has begun; it waits to be downloaded: recorded, not yet true there.
        warning: cluster 'prod': revocation of version 1 of 'alice' is pending; its tokens may work until 2026-12-22T10:00:00Z
        warning: cluster 'prod': version 2 of 'alice' is pending
        warning: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        error: recorded, but not yet true on the cluster

        hint: run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows what is pending
        [exit 6]
        ");
    kg.sandbox.restart().expect("back");
    assert_eq!(get(&file, PODS), 200, "nobody could tell the cluster");
    kg.run("reconcile").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
}

#[test]
fn somebody_without_access_is_not_rotated() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("team rotate alice -c prod --yes"), @r"
        USER    CLUSTER   RESULT   WHAT
        alice   prod      failed   'alice' has no access to cluster 'prod'
        ----- stderr -----
        error: 'alice' has no access to cluster 'prod'

        hint: run `kubegrant access grant alice --cluster prod --level read`
        [exit 5]
        ");
    assert!(kg.accounts().is_empty());
}

#[test]
fn an_archived_cluster_rotates_nothing() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    kg.run("cluster archive prod --yes").success();
    insta::assert_snapshot!(kg.run("team rotate alice -c prod --yes"), @r"
        ----- stderr -----
        error: cluster 'prod' is archived: nobody can rotate others' credentials

        hint: run `kubegrant cluster unarchive prod`
        [exit 5]
        ");
    assert_eq!(get(&file, PODS), 200);
    insta::assert_snapshot!(kg.run("team rotate alice --all-clusters --yes"), @r"
        ----- stderr -----
        There is nothing to do on any cluster.
        [exit 0]
        ");
}

#[test]
fn all_clusters_are_those_where_there_is_something_to_rotate() {
    let mut kg = Home::new();
    let second = kg.add_cluster("second");
    let third = kg.add_cluster("third");
    kg.grant_and_download("alice", "read");
    kg.run("access grant alice -c second -l read").success();
    kg.run("kubeconfig download second --user alice --plain -f x")
        .success();
    let file = kg.read("x");
    third.clear_requests();
    insta::assert_snapshot!(kg.run("team rotate alice --all-clusters --yes").without_progress(), @r"
        USER    CLUSTER   RESULT   WHAT
        alice   prod      done     version 2 of 'alice' on cluster 'prod' has begun; it waits to be downloaded
        alice   second    done     version 2 of 'alice' on cluster 'second' has begun; it waits to be downloaded
        ----- stderr -----
        Version 2 of 'alice' on cluster 'prod' has begun; it waits to be downloaded.
        Version 2 of 'alice' on cluster 'second' has begun; it waits to be downloaded.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        Version 1 of 'alice' no longer works on cluster 'second' (read back).
        [exit 0]
        ");
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert!(third.requests().is_empty());
    drop(second);
}
