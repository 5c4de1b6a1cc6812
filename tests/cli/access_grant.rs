//! `kubegrant access grant` and `access list`.

use crate::home::{CONFIG_MAPS, Home, PODS, call, get};
use serde_json::json;

#[test]
fn granting_says_what_is_true_now() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("access grant alice --cluster prod --level read"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      read    <none>   yes
        ----- stderr -----
        'alice' can read cluster 'prod'.
        hint: hand it over with `kubegrant kubeconfig download prod --user alice`
        [exit 0]
    ");
}

#[test]
fn granting_twice_changes_nothing() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      read    <none>   yes
        ----- stderr -----
        'alice' has read on cluster 'prod' already; nothing was changed.
        [exit 0]
    ");
    assert_eq!(kg.events("access grant", "done"), 1);
}

#[test]
fn a_grant_alone_makes_nothing_on_the_cluster() {
    let mut kg = Home::new();
    kg.sandbox.clear_requests();
    kg.run("access grant alice -c prod -l write").success();
    assert!(!kg.was_changed());
    assert!(kg.accounts().is_empty());
}

#[test]
fn read_cannot_write_and_write_can() {
    let mut kg = Home::new();
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } });
    let read = kg.grant_and_download("alice", "read");
    let write = kg.grant_and_download("bob", "write");
    assert_eq!(get(&read, PODS), 200);
    assert_eq!(call(&read, "POST", CONFIG_MAPS, Some(&map)), 403);
    assert_eq!(call(&write, "POST", CONFIG_MAPS, Some(&map)), 201);
}

#[test]
fn write_reaches_neither_the_manager_nor_kube_system() {
    let mut kg = Home::new();
    let write = kg.grant_and_download("bob", "write");
    for namespace in ["kubegrant", "kube-system"] {
        let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } });
        assert_eq!(call(&write, "POST", &maps, Some(&map)), 403, "{namespace}");
    }
    let token = "/api/v1/namespaces/kubegrant/serviceaccounts/kubegrant-manager/token";
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    assert_eq!(call(&write, "POST", token, Some(&request)), 403);
    assert_eq!(get(&write, "/api/v1/namespaces/kubegrant/secrets"), 403);
}

#[test]
fn a_change_of_level_ends_the_kubeconfig_before_it_is_said() {
    let mut kg = Home::new();
    let old = kg.grant_and_download("alice", "write");
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      read    <none>   yes
        ----- stderr -----
        'alice' can read cluster 'prod'.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        hint: hand it over with `kubegrant kubeconfig download prod --user alice`
        [exit 0]
    ");
    assert!(matches!(get(&old, PODS), 401 | 403));
    let new = kg.download_for("alice");
    assert_eq!(get(&new, PODS), 200);
}

#[test]
fn a_grant_may_end_by_itself() {
    let mut kg = Home::new();
    insta::assert_snapshot!(
        kg.run("access grant alice -c prod -l read --for 8h --reason \"incident 4711\""),
        @r"
        USER    CLUSTER   LEVEL   ENDS                   APPLIED
        alice   prod      read    2026-11-22T18:00:00Z   yes
        ----- stderr -----
        'alice' can read cluster 'prod' until 2026-11-22T18:00:00Z.
        hint: hand it over with `kubegrant kubeconfig download prod --user alice`
        [exit 0]
    "
    );
    kg.run_as("alice", "cluster show prod").success();
    kg.tick(8);
    kg.run_as("alice", "cluster show prod").exit(3);
}

#[test]
fn what_ended_by_itself_is_owed_and_reconcile_ends_it_on_the_cluster() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read --for 8h")
        .success();
    let file = kg.download_for("alice");
    kg.tick(9);
    insta::assert_snapshot!(kg.run("status"), @r"
        KIND      CLUSTER   WHAT                                                 UNTIL
        pending   prod      version 1 of 'alice' must end: its grant has ended   2026-11-22T18:00:00Z
        ----- stderr -----
        hint: run `kubegrant reconcile`
        [exit 6]
    ");
    insta::assert_snapshot!(kg.run("reconcile"), @"
    CLUSTER   STATE     WHAT
    prod      changed   delete binding kubegrant:[INSTALLATION]:view cluster-wide
    prod      changed   delete account kubegrant-users/alice-[HEX]-v1
    prod      changed   version 1 of 'alice' is gone
    [exit 0]
    ");
    assert!(kg.accounts().is_empty());
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("status").success();
}

#[test]
fn a_grant_cannot_end_in_the_past() {
    let mut kg = Home::new();
    insta::assert_snapshot!(
        kg.run("access grant alice -c prod -l read --until 2026-11-01"),
        @r"
        ----- stderr -----
        error: a grant cannot end in the past

        hint: give a later `--until`, or remove access with `kubegrant access revoke`
        [exit 2]
    "
    );
}

#[test]
fn a_length_of_time_needs_a_unit() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read --for 8"), @r"
        ----- stderr -----
        error: invalid value '8' for '--for <DURATION>': '8' needs a unit, such as 8m, 8h or 8d

        For more information, try '--help'.
        [exit 2]
    ");
}

#[test]
fn an_admin_needs_no_grant() {
    let mut kg = Home::new();
    kg.run("user set-role alice admin").success();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read"), @r"
        ----- stderr -----
        error: 'alice' is an organization admin, who has full access to every cluster

        hint: to limit them, run `kubegrant user set-role alice developer`
        [exit 5]
    ");
}

#[test]
fn a_cluster_owner_is_never_downgraded() {
    let mut kg = Home::organization(kubegrant_sandbox::Sandbox::builder());
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster add prod --kubeconfig admin.conf --owner alice")
        .success();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read"), @r"
        ----- stderr -----
        error: 'alice' owns cluster 'prod' and has write, which no grant changes

        hint: to change that, run `kubegrant cluster transfer prod --to USER`
        [exit 5]
    ");
    insta::assert_snapshot!(kg.run("access revoke alice -c prod --yes"), @r"
        ----- stderr -----
        error: 'alice' owns cluster 'prod' and has write, which no grant changes

        hint: to change that, run `kubegrant cluster transfer prod --to USER`
        [exit 5]
    ");
}

#[test]
fn a_cluster_owner_grants_and_a_writer_does_not() {
    let mut kg = Home::organization(kubegrant_sandbox::Sandbox::builder());
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster add prod --kubeconfig admin.conf --owner alice")
        .success();
    kg.run_as("alice", "access grant bob -c prod -l write")
        .success();
    insta::assert_snapshot!(kg.run_as("bob", "access grant bob -c prod -l write --for 1h"), @r"
        ----- stderr -----
        error: 'bob' may not grant, change or remove developers' access on cluster 'prod': organization owners and admins, and the cluster's owner may

        hint: ask its owner 'alice' or 'olivia'
        [exit 4]
    ");
    assert_eq!(kg.events("access grant", "denied"), 1);
}

#[test]
fn a_disabled_user_is_given_nothing() {
    let mut kg = Home::new();
    kg.run("user disable alice --yes").success();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read"), @r"
        ----- stderr -----
        error: 'alice' is disabled and has nothing

        hint: run `kubegrant user enable alice` first
        [exit 5]
    ");
}

#[test]
fn the_levels_are_read_and_write() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l admin"), @r"
        ----- stderr -----
        error: invalid value 'admin' for '--level <LEVEL>'
          [possible values: read, write]

        For more information, try '--help'.
        [exit 2]
    ");
}

#[test]
fn everybody_sees_what_they_have_and_managers_see_all() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.run("access grant bob -c prod -l write").success();
    insta::assert_snapshot!(kg.run("access list"), @r"
        USER     CLUSTER   LEVEL   THROUGH              ENDS
        alice    prod      read    grant                <none>
        bob      prod      write   grant                <none>
        olivia   prod      full    organization owner   <none>
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run_as("alice", "access list"), @r"
        USER    CLUSTER   LEVEL   THROUGH   ENDS
        alice   prod      read    grant     <none>
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run("access list --user bob -o name"), @r"
        access/bob@prod
        [exit 0]
    ");
}

#[test]
fn managers_of_a_cluster_see_from_whom_it_is_hidden() {
    let mut kg = Home::new();
    kg.add_user("adam", "admin");
    kg.grant_and_download("alice", "read");
    kg.run("team revoke adam --cluster prod --reason \"left his laptop\" --yes")
        .success();
    insta::assert_snapshot!(kg.run("access list -c prod -o wide"), @r"
        USER     CLUSTER   LEVEL   THROUGH                               ENDS     GRANTED                BY       REASON   REVOKED   VERSION
        adam     prod      full    organization admin (access revoked)   <none>   <none>                 <none>   <none>   yes       <none>
        alice    prod      read    grant                                 <none>   2026-11-22T10:00:00Z   olivia   <none>   no        1
        bob      prod      none    hidden                                <none>   <none>                 <none>   <none>   no        <none>
        olivia   prod      full    organization owner                    <none>   <none>                 <none>   <none>   no        <none>
        [exit 0]
    ");
    kg.run_as("alice", "access list -c prod")
        .success()
        .never_says("bob");
    insta::assert_snapshot!(kg.run("access list --user bob"), @r"
        ----- stderr -----
        'bob' has no access to a cluster that you manage.
        [exit 0]
    ");
    let hidden = kg.run("access list --user bob -c prod -o json").json();
    assert_eq!(hidden[0]["level"], serde_json::Value::Null);
    assert_eq!(hidden[0]["through"], "hidden");
    kg.run_as("bob", "access list")
        .success()
        .says("Nobody has access.");
}
