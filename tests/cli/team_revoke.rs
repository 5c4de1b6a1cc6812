//! `kubegrant team revoke`.

use crate::home::{Home, PODS, get};

#[test]
fn revoking_ends_the_file_and_blocks() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    insta::assert_snapshot!(kg.run("team revoke alice -c prod --reason \"laptop stolen\" --yes"), @r"
        USER    CLUSTER   RESULT   WHAT
        alice   prod      done     the kubeconfig of 'alice' on cluster 'prod' is revoked and blocked
        ----- stderr -----
        The kubeconfig of 'alice' on cluster 'prod' is revoked and blocked.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        [exit 0]
        ");
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert!(kg.accounts().is_empty());
    insta::assert_snapshot!(kg.run("status"), @r"
        KIND      CLUSTER   WHAT                                   UNTIL
        blocked   prod      the kubeconfig of 'alice' is revoked   <none>
        [exit 0]
        ");
}

#[test]
fn a_blocked_user_sees_the_cluster_and_gets_nothing() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("team revoke alice -c prod --yes").success();
    kg.run_as("alice", "cluster show prod").success();
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig download prod"), @r"
        ----- stderr -----
        error: Access Revoked: an admin revoked the kubeconfig of 'alice' on cluster 'prod'

        hint: ask 'olivia' to run `kubegrant team restore alice --cluster prod`
        [exit 4]
        ");
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig rotate prod --yes"), @r"
        ----- stderr -----
        error: Access Revoked: an admin revoked the kubeconfig of 'alice' on cluster 'prod'

        hint: ask 'olivia' to run `kubegrant team restore alice --cluster prod`
        [exit 4]
        ");
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user alice"), @r"
        ----- stderr -----
        error: Access Revoked: an admin revoked the kubeconfig of 'alice' on cluster 'prod'

        hint: run `kubegrant team restore alice --cluster prod`
        [exit 4]
        ");
    assert_eq!(kg.events("kubeconfig download", "denied"), 2);
    assert_eq!(kg.events("kubeconfig rotate", "denied"), 1);
}

#[test]
fn a_change_of_level_lifts_no_block() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("team revoke alice -c prod --yes").success();
    kg.run("access grant alice -c prod -l write").success();
    kg.run_as("alice", "kubeconfig download prod")
        .exit(4)
        .says("Access Revoked");
    kg.run("access revoke alice -c prod --yes").success();
    kg.run("access grant alice -c prod -l read").success();
    kg.run_as("alice", "kubeconfig download prod")
        .exit(4)
        .says("Access Revoked");
}

#[test]
fn an_admin_may_be_blocked_too() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    kg.run("team revoke ada -c prod --yes").success();
    kg.run_as("ada", "kubeconfig download prod")
        .exit(4)
        .says("Access Revoked");
}

#[test]
fn revoking_twice_has_nothing_to_do() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("team revoke alice -c prod --yes").success();
    insta::assert_snapshot!(kg.run("team revoke alice -c prod --yes"), @r"
        USER    CLUSTER   RESULT      WHAT
        alice   prod      unchanged   the kubeconfig of 'alice' on cluster 'prod' was revoked already
        ----- stderr -----
        The kubeconfig of 'alice' on cluster 'prod' was revoked already.
        [exit 0]
        ");
}

#[test]
fn an_archived_cluster_revokes() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    kg.run("cluster archive prod --yes").success();
    kg.run("team revoke alice -c prod --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn one_dead_cluster_never_hides_anothers_success() {
    let mut kg = Home::new();
    let mut second = kg.add_cluster("second");
    let mut third = kg.add_cluster("third");
    let mut files = vec![];
    for name in ["prod", "second", "third"] {
        kg.run(&format!("access grant alice -c {name} -l read"))
            .success();
        kg.run(&format!(
            "kubeconfig download {name} --user alice --plain -f {name}.kubeconfig"
        ))
        .success();
        files.push(kg.read(&format!("{name}.kubeconfig")));
    }
    second.stop();
    insta::assert_snapshot!(kg.run("team revoke alice --all-clusters --yes").without_progress(), @r"
        USER    CLUSTER   RESULT    WHAT
        alice   prod      done      the kubeconfig of 'alice' on cluster 'prod' is revoked and blocked
        alice   second    pending   the kubeconfig of 'alice' on cluster 'second' is revoked and blocked: recorded, not yet true there
        alice   third     done      the kubeconfig of 'alice' on cluster 'third' is revoked and blocked
        ----- stderr -----
        The kubeconfig of 'alice' on cluster 'prod' is revoked and blocked.
        The kubeconfig of 'alice' on cluster 'second' is revoked and blocked: recorded, not yet true there.
        The kubeconfig of 'alice' on cluster 'third' is revoked and blocked.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        Version 1 of 'alice' no longer works on cluster 'third' (read back).
        warning: cluster 'second': revocation of version 1 of 'alice' is pending; its tokens may work until 2026-12-22T10:00:00Z
        warning: cluster 'second': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        error: recorded, but not yet true on the cluster

        hint: run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows what is pending
        [exit 6]
        ");
    assert!(matches!(get(&files[0], PODS), 401 | 403));
    assert!(matches!(get(&files[2], PODS), 401 | 403));
    second.restart().expect("back");
    assert_eq!(get(&files[1], PODS), 200, "nobody could tell it");
    kg.run("reconcile").success();
    assert!(matches!(get(&files[1], PODS), 401 | 403));
    third.stop();
    // Everything is done: a cluster that is away is not even asked.
    kg.run("team revoke alice --all-clusters --yes")
        .success()
        .says("was revoked already");
}

#[test]
fn a_login_that_does_not_open_fails_alone() {
    let mut kg = Home::new();
    let _second = kg.add_cluster("second");
    for name in ["prod", "second"] {
        kg.run(&format!("access grant alice -c {name} -l read"))
            .success();
    }
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch("UPDATE clusters SET manager_secret = X'00' WHERE name = 'prod'")
        .expect("damaged");
    drop(sql);
    insta::assert_snapshot!(kg.run("team revoke alice --all-clusters --yes").without_progress(), @r"
        USER    CLUSTER   RESULT   WHAT
        alice   prod      failed   the record of cluster 'prod' was changed in the store without kubegrant
        alice   second    done     the kubeconfig of 'alice' on cluster 'second' is revoked and blocked
        ----- stderr -----
        The kubeconfig of 'alice' on cluster 'second' is revoked and blocked.
        error: the record of cluster 'prod' was changed in the store without kubegrant

        hint: run `kubegrant audit verify`; then restore a backup, or let an organization owner look at it and run `kubegrant audit accept`
        [exit 7]
        ");
}

#[test]
fn nowhere_anything_is_said_to_be_nothing() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("team revoke alice --all-clusters --yes"), @r"
        ----- stderr -----
        There is nothing to do on any cluster.
        [exit 0]
        ");
    kg.run("team revoke alice --all-clusters --dry-run")
        .success();
}

#[test]
fn revoking_asks_and_off_a_terminal_wants_yes() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    kg.run("team revoke alice -c prod").exit(2);
    insta::assert_snapshot!(kg.run_where(
        |fixture| {
            let fixture = fixture.terminal(true);
            fixture.type_in("n\n");
            fixture
        },
        "team revoke alice -c prod --color never",
    ), @r"
        ----- stderr -----
        Revoke the kubeconfig of 'alice' on cluster 'prod', and block downloads? [y/N] error: not confirmed; nothing was changed
        [exit 5]
        ");
    assert_eq!(get(&file, PODS), 200);
}

#[test]
fn one_needs_a_cluster_or_all() {
    let mut kg = Home::new();
    kg.run("team revoke alice --yes").exit(2);
    kg.run("team revoke alice -c prod --all-clusters --yes")
        .exit(2);
}
