//! `kubegrant team list`.

use crate::home::Home;

#[test]
fn everybodys_latest_version_is_listed() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.grant_and_download("bob", "write");
    kg.download_for("bob");
    insta::assert_snapshot!(kg.run("team list -o wide"), @r"
        USER    CLUSTER   VERSION   STATE    ISSUED                 EXPIRES                DOWNLOADED             BLOCKED   LEVEL   TIMES   BY
        alice   prod      1         active   2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   no        read    1       olivia
        bob     prod      1         active   2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   no        write   2       olivia
        [exit 0]
        ");
    kg.run("team list -c prod -u alice")
        .success()
        .says("alice")
        .never_says("bob");
}

#[test]
fn revoked_versions_are_shown_on_request_or_where_a_block_stands() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.grant_and_download("bob", "read");
    kg.run("access revoke alice -c prod --yes").success();
    kg.run("team revoke bob -c prod --yes").success();
    insta::assert_snapshot!(kg.run("team list"), @r"
        USER   CLUSTER   VERSION   STATE     ISSUED                 EXPIRES                DOWNLOADED             BLOCKED
        bob    prod      1         revoked   2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   yes
        [exit 0]
        ");
    insta::assert_snapshot!(kg.run("team list --show-revoked"), @r"
        USER    CLUSTER   VERSION   STATE     ISSUED                 EXPIRES                DOWNLOADED             BLOCKED
        alice   prod      1         revoked   2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   no
        bob     prod      1         revoked   2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   yes
        [exit 0]
        ");
}

#[test]
fn a_block_stands_where_nothing_was_ever_issued() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.run("team revoke alice -c prod --yes").success();
    insta::assert_snapshot!(kg.run("team list"), @r"
        USER    CLUSTER   VERSION   STATE    ISSUED   EXPIRES   DOWNLOADED   BLOCKED
        alice   prod      <none>    <none>   <none>   <none>    <none>       yes
        [exit 0]
        ");
}

#[test]
fn an_empty_list_says_so() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("team list"), @r"
        ----- stderr -----
        No kubeconfig is live or blocked; `--show-revoked` lists the others.
        [exit 0]
        ");
    assert_eq!(kg.run("team list -o json").success().stdout, "[]\n");
}

#[test]
fn the_list_is_for_owners_and_admins() {
    let mut kg = Home::new();
    kg.run("cluster transfer prod --to alice --yes").success();
    insta::assert_snapshot!(kg.run_as("alice", "team list -c prod"), @r"
        ----- stderr -----
        error: 'alice' may not list others' credentials on cluster 'prod': organization owners and admins may

        hint: ask 'olivia'
        [exit 4]
        ");
    insta::assert_snapshot!(kg.run_as("alice", "team list"), @r"
        ----- stderr -----
        error: 'alice' may not list, rotate, revoke or restore others' credentials: organization owners and admins may

        hint: ask 'olivia'
        [exit 4]
        ");
    kg.run_as("bob", "team list -c prod").exit(3);
}
