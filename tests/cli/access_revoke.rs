//! `kubegrant access revoke`.

use kubegrant_sandbox::{Action, Fault, Match};

use crate::home::{Home, PODS, get};

#[test]
fn revoking_is_true_on_the_cluster_when_it_is_said() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    assert_eq!(get(&file, PODS), 200);
    insta::assert_snapshot!(kg.run("access revoke alice --cluster prod --yes"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      none    <none>   yes
        ----- stderr -----
        The grant of 'alice' on cluster 'prod' is removed.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        [exit 0]
    ");
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert!(kg.accounts().is_empty());
}

#[test]
fn revoking_bites_at_once_in_spite_of_the_token_cache() {
    let mut kg = Home::with(kubegrant_sandbox::Sandbox::builder().token_cache(true));
    let file = kg.grant_and_download("alice", "read");
    assert_eq!(get(&file, PODS), 200);
    kg.run("access revoke alice -c prod --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn revoking_twice_changes_nothing() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("access revoke alice -c prod --yes").success();
    insta::assert_snapshot!(kg.run("access revoke alice -c prod --yes"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      none    <none>   yes
        ----- stderr -----
        'alice' has no access to cluster 'prod'; nothing was changed.
        [exit 0]
    ");
    assert_eq!(
        kg.events("access revoke", "done"),
        2,
        "one wish, one version"
    );
}

#[test]
fn revoking_one_leaves_the_others() {
    let mut kg = Home::new();
    let alice = kg.grant_and_download("alice", "read");
    let bob = kg.grant_and_download("bob", "read");
    kg.run("access revoke alice -c prod --yes").success();
    assert!(matches!(get(&alice, PODS), 401 | 403));
    assert_eq!(get(&bob, PODS), 200);
}

#[test]
fn revoking_while_the_cluster_is_away_is_recorded_owed_and_paid() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    insta::assert_snapshot!(kg.run("access revoke alice -c prod --yes"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      none    <none>   no
        ----- stderr -----
        The grant of 'alice' on cluster 'prod' is removed.
        warning: cluster 'prod': revocation of version 1 of 'alice' is pending; its tokens may work until 2026-12-22T10:00:00Z
        warning: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        error: recorded, but not yet true on the cluster

        hint: run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows what is pending
        [exit 6]
    ");
    insta::assert_snapshot!(kg.run("status"), @r"
        KIND      CLUSTER   WHAT                                            UNTIL
        pending   prod      revocation of version 1 of 'alice' is pending   2026-12-22T10:00:00Z
        ----- stderr -----
        hint: run `kubegrant reconcile`
        [exit 6]
    ");
    insta::assert_snapshot!(kg.run("reconcile"), @r"
        CLUSTER   STATE     WHAT
        prod      pending   revocation of version 1 of 'alice' is pending
        ----- stderr -----
        error: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)

        hint: nothing was changed; try again when it answers
        hint: if it is gone for good, an organization owner runs `kubegrant cluster delete prod --forget`
        error: 1 thing is recorded here and not yet true on a cluster

        hint: run `kubegrant reconcile` again when the cluster answers
        [exit 6]
    ");
    kg.sandbox.restart().expect("back");
    assert_eq!(get(&file, PODS), 200, "nobody could tell the cluster");
    insta::assert_snapshot!(kg.run("reconcile"), @"
    CLUSTER   STATE     WHAT
    prod      changed   delete binding kubegrant:[INSTALLATION]:view cluster-wide
    prod      changed   delete account kubegrant-users/alice-[HEX]-v1
    prod      changed   version 1 of 'alice' is gone
    [exit 0]
    ");
    assert!(matches!(get(&file, PODS), 401 | 403));
    insta::assert_snapshot!(kg.run("status"), @r"
        ----- stderr -----
        Nothing is pending, nobody is blocked, nothing ends soon.
        [exit 0]
    ");
}

#[test]
fn the_next_command_on_the_cluster_pays_the_debt_too() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    kg.run("access revoke alice -c prod --yes").exit(6);
    kg.sandbox.restart().expect("back");
    kg.grant_and_download("bob", "read");
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("status").success();
}

#[test]
fn an_answer_that_is_lost_is_a_debt_and_not_a_success() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    for method in ["PATCH", "DELETE", "PUT"] {
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some(method.to_owned()),
                ..Match::default()
            },
            action: Action::ResetBefore,
        });
    }
    kg.run("access revoke alice -c prod --yes").exit(6);
    kg.sandbox.clear_faults();
    kg.run("reconcile").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn a_revoked_developer_does_not_see_the_cluster() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("access revoke alice -c prod --yes").success();
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig download prod"), @r"
        ----- stderr -----
        error: no cluster 'prod'
        [exit 3]
    ");
    insta::assert_snapshot!(kg.run_as("alice", "cluster list"), @r"
        ----- stderr -----
        You can see no cluster.
        [exit 0]
    ");
}

#[test]
fn revoking_asks_on_a_terminal_and_no_is_no() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let answer = |text: &'static str| {
        move |fixture: kubegrant::env::Fixture| {
            let fixture = fixture.terminal(true);
            fixture.type_in(text);
            fixture
        }
    };
    let line = "access revoke alice -c prod --color never";
    insta::assert_snapshot!(kg.run_where(answer("n\n"), line), @r"
        ----- stderr -----
        Take the access of 'alice' to cluster 'prod' away? [y/N] error: not confirmed; nothing was changed
        [exit 5]
    ");
    insta::assert_snapshot!(kg.run_where(answer("\n"), line), @r"
        ----- stderr -----
        Take the access of 'alice' to cluster 'prod' away? [y/N] error: not confirmed; nothing was changed
        [exit 5]
    ");
    assert_eq!(get(&file, PODS), 200);
    kg.run_where(answer("y\n"), line).success();
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn revoking_off_a_terminal_wants_yes() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    insta::assert_snapshot!(kg.run("access revoke alice -c prod"), @r"
        ----- stderr -----
        error: cannot ask without a terminal; say it with `--yes`
        [exit 2]
    ");
    kg.run_as("alice", "cluster show prod").success();
}
