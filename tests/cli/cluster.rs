//! `kubegrant cluster`: list, show, check, set, relink.

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::json;

use crate::home::{CONFIG_MAPS, Home, PODS, call, get};

fn namespace(kg: &Home, name: &str) {
    kg.sandbox
        .put_object(
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
        )
        .expect("stored");
}

fn map() -> serde_json::Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } })
}

#[test]
fn show_says_where_write_reaches_and_why_not_elsewhere() {
    let mut kg = Home::new();
    namespace(&kg, "shop");
    insta::assert_snapshot!(kg.run("cluster show prod"), @"
    Name:          prod
    State:         active
    Protected:     no
    Owner:         <none>
    Project:       <none>
    Your access:   full (organization owner)
    Description:   <none>
    Labels:        <none>
    Server:        https://127.0.0.1:[PORT]
    Version:       v1.36.0+sandbox
    Identity:      [UID]
    Manager:       kubegrant-manager (login: token, ends 2036-11-19T10:00:00Z)
    Issuer:        kubegrant-issuer-8d91efc5 (login: token, ends 2036-11-19T10:00:00Z)
    Credentials:   0
    Pending:       0
    Write:         edit in default,shop
    Excluded:      kube-node-lease: a system namespace
                   kube-public: a system namespace
                   kube-system: a system namespace
                   kubegrant: kubegrant's own namespace
                   kubegrant-users: kubegrant's own namespace
    Registered:    2026-11-22T10:00:00Z
    Reached:       2026-11-22T10:00:00Z
    [exit 0]
    ");
}

#[test]
fn a_developer_sees_less_and_asks_the_cluster_nothing() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run_as("alice", "cluster show prod"), @"
    Name:          prod
    State:         active
    Protected:     no
    Owner:         <none>
    Project:       <none>
    Your access:   read (grant)
    Description:   <none>
    Labels:        <none>
    Server:        https://127.0.0.1:[PORT]
    Version:       v1.36.0+sandbox
    Identity:      [UID]
    Manager:       kubegrant-manager (login: token, ends 2036-11-19T10:00:00Z)
    Issuer:        kubegrant-issuer-8d91efc5 (login: token, ends 2036-11-19T10:00:00Z)
    Credentials:   -
    Pending:       -
    Write:         edit where it is not excluded
    Excluded:      others: not known
    Registered:    2026-11-22T10:00:00Z
    Reached:       2026-11-22T10:00:00Z
    [exit 0]
    ");
    assert!(kg.sandbox.requests().is_empty());
}

#[test]
fn show_works_while_the_cluster_is_away() {
    let mut kg = Home::new();
    kg.sandbox.stop();
    kg.run("cluster show prod").success();
}

#[test]
fn a_namespace_with_a_powerful_account_is_excluded() {
    let mut kg = Home::new();
    namespace(&kg, "ops");
    kg.sandbox
        .put_object(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "deployer" },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{ "kind": "ServiceAccount", "namespace": "ops", "name": "deployer" }],
        }))
        .expect("stored");
    let shown = kg.run("cluster show prod -o json").json();
    insta::assert_snapshot!(shown["write"]["excluded"]["ops"], @r#""account 'deployer' has ClusterRole 'cluster-admin' cluster-wide (cluster-admin)""#);
    let file = kg.grant_and_download("bob", "write");
    let path = "/api/v1/namespaces/ops/configmaps";
    assert_eq!(call(&file, "POST", path, Some(&map())), 403);
}

#[test]
fn a_namespace_may_be_excluded_and_included_again() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("bob", "write");
    insta::assert_snapshot!(kg.run("cluster set prod --exclude default"), @r"
        Name:          prod
        Description:   <none>
        Labels:        <none>
        Project:       <none>
        Write scope:   namespaces
        Excluded:      default
        Included:      <none>
        Allowed:       <none>
        ----- stderr -----
        The settings of cluster 'prod' are changed.
        [exit 0]
    ");
    assert_eq!(call(&file, "POST", CONFIG_MAPS, Some(&map())), 403);
    assert_eq!(get(&file, PODS), 200, "write still reads everywhere");
    kg.run("cluster set prod --remove-exclude default")
        .success();
    assert_eq!(call(&file, "POST", CONFIG_MAPS, Some(&map())), 201);
}

#[test]
fn what_is_excluded_is_pending_while_write_still_reaches_it() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("bob", "write");
    let at_the_list = |method: &str| Match {
        method: Some(method.to_owned()),
        path_contains: Some("/namespaces/default/rolebindings/".to_owned()),
        ..Match::default()
    };
    for code in [403, 500] {
        for method in ["DELETE", "PATCH"] {
            kg.sandbox.fault(Fault {
                matches: at_the_list(method),
                action: Action::Status {
                    code,
                    retry_after: None,
                },
            });
        }
        kg.run("cluster set prod --exclude default")
            .exit(6)
            .says("the change of where write reaches is pending");
        let writes = |name: &str| {
            let map =
                json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } });
            call(&file, "POST", CONFIG_MAPS, Some(&map))
        };
        assert_eq!(writes(&format!("m{code}")), 201);
        kg.run("reconcile").exit(6);
        kg.run("status").exit(6);
        kg.sandbox.clear_faults();
        kg.run("reconcile").success();
        assert_eq!(writes("never"), 403);
        kg.run("cluster set prod --remove-exclude default")
            .success();
    }
}

#[test]
fn setting_what_is_so_already_changes_nothing() {
    let mut kg = Home::new();
    let line = "cluster set prod --description \"customer traffic\" --label env=prod";
    insta::assert_snapshot!(kg.run(line), @r"
        Name:          prod
        Description:   customer traffic
        Labels:        env=prod
        Project:       <none>
        Write scope:   namespaces
        Excluded:      <none>
        Included:      <none>
        Allowed:       <none>
        ----- stderr -----
        The settings of cluster 'prod' are changed.
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run(line), @r"
        Name:          prod
        Description:   customer traffic
        Labels:        env=prod
        Project:       <none>
        Write scope:   namespaces
        Excluded:      <none>
        Included:      <none>
        Allowed:       <none>
        ----- stderr -----
        Nothing was changed: it is so already.
        [exit 0]
    ");
    assert_eq!(kg.events("cluster set", "done"), 1);
}

#[test]
fn a_writer_changes_labels_and_not_where_write_reaches() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l write").success();
    kg.run("access grant bob -c prod -l read").success();
    kg.run_as("alice", "cluster set prod --label team=a")
        .success();
    kg.run_as("alice", "cluster set prod --exclude default")
        .exit(4);
    kg.run_as("bob", "cluster set prod --label team=b").exit(4);
}

#[test]
fn write_for_the_whole_cluster_warns_each_time_and_moves_the_live_accounts() {
    let mut kg = Home::new();
    namespace(&kg, "shop");
    let file = kg.grant_and_download("bob", "write");
    insta::assert_snapshot!(kg.run("cluster set prod --write-scope cluster"), @r"
        Name:          prod
        Description:   <none>
        Labels:        <none>
        Project:       <none>
        Write scope:   cluster
        Excluded:      <none>
        Included:      <none>
        Allowed:       <none>
        ----- stderr -----
        warning: write is cluster-wide `edit`: its holders can mint tokens of every account, kube-system's and the manager's too, and so become cluster-admin
        The settings of cluster 'prod' are changed.
        [exit 0]
    ");
    let path = "/api/v1/namespaces/kube-system/configmaps";
    assert_eq!(call(&file, "POST", path, Some(&map())), 201);
    kg.run("cluster set prod --write-scope cluster")
        .success()
        .says("warning");
    kg.run("cluster set prod --write-scope namespaces")
        .success();
    assert_eq!(call(&file, "POST", path, Some(&map())), 403);
    kg.run("cluster check prod").success();
}

#[test]
fn a_check_of_a_healthy_cluster_changes_nothing() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("cluster check prod"), @"
    CHECK       RESULT       WHAT
    reachable   ok           https://127.0.0.1:[PORT]
    pins        ok           the CA and the identity are those that were registered
    version     ok           v1.36.0+sandbox
    rights      ok           the manager may do its work
    issuer      ok           the issuer may hand out no more than write
    objects     ok           all of ours are there
    objects     ok           none of ours was changed
    objects     ok           nothing foreign in our namespace
    admins      ok           nobody else is bound to cluster-admin, or to a role as strong
    ways in     ok           no role gives others a way to our accounts, or past them
    levels      ok           no account may do more than its level, as far as the API server was asked
    tokens      ok           no Secret of others, where it was looked, holds one that never ends
    tokens      not looked   elsewhere: who may list Secrets may read them, so the manager may not
    roles       ok           none that is bound is gone or escalates
    write       reaches      default
    write       excluded     kube-node-lease: a system namespace
    write       excluded     kube-public: a system namespace
    write       excluded     kube-system: a system namespace
    write       excluded     kubegrant: kubegrant's own namespace
    write       excluded     kubegrant-users: kubegrant's own namespace
    [exit 0]
    ");
    assert!(!kg.was_changed());
}

#[test]
fn a_check_names_what_is_missing_changed_and_foreign() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let account = kg.accounts().pop().expect("an account");
    let (namespace, name) = account.split_once('/').expect("a place");
    kg.sandbox
        .remove_object("v1", "ServiceAccount", Some(namespace), name);
    kg.sandbox
        .put_object(json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "intruder", "namespace": "kubegrant" },
        }))
        .expect("stored");
    let (list, mut binding) = kg
        .objects("ClusterRoleBinding")
        .into_iter()
        .find(|(name, _)| name.ends_with(":view"))
        .expect("the readers' list");
    binding["subjects"] = json!([]);
    kg.sandbox.put_object(binding).expect("stored");
    let checked = kg.run("cluster check prod -o json");
    let found = checked.exit(6).json();
    assert_eq!(
        found["missing"],
        json!([format!(
            "account {account}, which somebody deleted: version 1 of 'alice' ends with `reconcile`"
        )])
    );
    assert_eq!(found["changed"], json!([format!("binding {list}")]));
    assert_eq!(found["foreign"], json!(["account intruder"]));
}

#[test]
fn a_rebuilt_cluster_is_noticed_and_gets_no_credential() {
    let mut kg = Home::new();
    kg.sandbox.rebuild().expect("rebuilt");
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("cluster check prod"), @r"
        ----- stderr -----
        error: cluster 'prod': the server does not accept the credential for namespace 'kube-system': Unauthorized

        hint: the cluster was rebuilt, or the manager's login taken away: renew it with `kubegrant cluster relink prod --kubeconfig FILE`
        [exit 7]
    ");
    kg.run("kubeconfig download prod").exit(7);
    assert!(!kg.was_changed());
}

#[test]
fn another_certificate_authority_is_noticed() {
    let mut kg = Home::new();
    kg.sandbox.rebuild_with_new_ca().expect("rebuilt");
    insta::assert_snapshot!(kg.run("cluster check prod"), @r"
        ----- stderr -----
        error: cluster 'prod': no trusted connection to https://127.0.0.1:[PORT]: its certificate is not signed by the known certificate authority

        hint: the cluster was rebuilt, or somebody is in between: compare the certificate authority with a fresh kubeconfig of the cluster
        [exit 7]
    ");
}

#[test]
fn relinking_a_rebuilt_cluster_ends_what_the_old_one_held() {
    let mut kg = Home::new();
    let old = kg.grant_and_download("alice", "read");
    kg.sandbox.rebuild_with_new_ca().expect("rebuilt");
    kg.write("new.conf", &kg.sandbox.admin_kubeconfig_token());
    insta::assert_snapshot!(
        kg.run("cluster relink prod --kubeconfig new.conf --yes"),
        @r"
        Name:         prod
        Server:       https://127.0.0.1:[PORT]
        Version:      v1.36.0+sandbox
        Identity:     [UID]
        Owner:        <none>
        Context:      sandbox
        Manager:      kubegrant-manager-[HEX] (login: token)
        Login ends:   2036-11-19T10:00:00Z
        ----- stderr -----
        Cluster 'prod' is renewed.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        [exit 0]
    "
    );
    kg.run("status").success();
    let new = kg.download_for("alice");
    assert!(new.contains("-v2"));
    assert_eq!(get(&new, PODS), 200);
    assert_ne!(old, new);
}

#[test]
fn relinking_twice_changes_nothing_for_those_who_have_access() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let line = "cluster relink prod --kubeconfig admin.conf --yes";
    kg.run(line).success();
    kg.run(line).success();
    assert_eq!(get(&file, PODS), 200);
    kg.run("cluster check prod").success();
}

#[test]
fn relinking_asks() {
    let mut kg = Home::new();
    kg.run("cluster relink prod --kubeconfig admin.conf")
        .exit(2)
        .says("--yes");
}

#[test]
fn a_manager_whose_token_was_taken_away_is_told_how_to_get_it_back() {
    let mut kg = Home::new();
    kg.sandbox.remove_object(
        "v1",
        "ServiceAccount",
        Some("kubegrant"),
        "kubegrant-manager",
    );
    insta::assert_snapshot!(kg.run("cluster check prod"), @r"
        ----- stderr -----
        error: cluster 'prod': the server does not accept the credential for namespace 'kube-system': Unauthorized

        hint: the cluster was rebuilt, or the manager's login taken away: renew it with `kubegrant cluster relink prod --kubeconfig FILE`
        [exit 7]
    ");
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    kg.run("cluster check prod").success();
}

#[test]
fn two_installations_on_one_cluster_never_touch_each_others_objects() {
    let mut one = Home::new();
    let file = one.grant_and_download("alice", "read");
    let set = |fixture: kubegrant::env::Fixture| fixture.seed(99);
    // Another installation has another id, which is drawn at `init`.
    let mut other = Home::empty(Sandbox::builder());
    other
        .run_where(set, "init --organization Other --owner olivia")
        .success();
    other.write("admin.conf", &one.sandbox.admin_kubeconfig_token());
    other
        .run("cluster add prod --kubeconfig admin.conf")
        .success();
    other.run("kubeconfig download prod").success();
    other.run("reconcile").success();
    assert_eq!(get(&file, PODS), 200);
    one.run("cluster check prod").success();
    one.run("access revoke alice -c prod --yes").success();
    assert_eq!(get(&other.read("prod.kubeconfig"), PODS), 200);
    other.run("cluster check prod").success();
}

#[test]
fn lists_show_only_what_one_may_see() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("cluster list"), @r"
        NAME   STATE    OWNER    YOUR ACCESS   PENDING   AGE
        prod   active   <none>   full          0         2026-11-22T10:00:00Z
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run_as("alice", "cluster list"), @r"
        ----- stderr -----
        You can see no cluster.
        [exit 0]
    ");
    kg.run("access grant alice -c prod -l write").success();
    insta::assert_snapshot!(kg.run_as("alice", "cluster list"), @r"
        NAME   STATE    OWNER    YOUR ACCESS   PENDING   AGE
        prod   active   <none>   write         -         2026-11-22T10:00:00Z
        [exit 0]
    ");
}

#[test]
fn a_reach_of_write_that_is_not_yet_there_is_owed_until_it_is() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "write");
    let maps = "/api/v1/namespaces/default/configmaps";
    let map = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "generateName": "m-" },
    });
    assert_eq!(call(&file, "POST", maps, Some(&map)), 201);
    kg.sandbox.stop();
    kg.run("cluster set prod --exclude default").exit(6);
    let status = kg.run("status").exit(6).to_string();
    assert!(status.contains("where write reaches"), "{status}");
    kg.run("cluster set prod --exclude default").exit(6);
    kg.sandbox.restart().expect("it comes back");
    assert_eq!(
        call(&file, "POST", maps, Some(&map)),
        201,
        "not yet true, and not said to be"
    );
    kg.run("cluster set prod --exclude default").success();
    assert_eq!(call(&file, "POST", maps, Some(&map)), 403);
    kg.run("status").success();
}

#[test]
fn the_plain_edit_is_warned_of_every_time() {
    let mut kg = Home::new();
    kg.run("cluster set prod --write-scope cluster").success();
    let warning = "write is cluster-wide `edit`";
    kg.run("access grant alice -c prod -l write")
        .success()
        .says(warning);
    kg.run("kubeconfig download prod --user alice")
        .success()
        .says(warning);
    let checked = kg.run("cluster check prod");
    checked
        .says("everywhere")
        .says(warning)
        .never_says("excluded");
    kg.run("access grant bob -c prod -l read")
        .success()
        .never_says(warning);
}
