//! `kubegrant cluster rotate-accounts`.

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};

use crate::cluster_rotate_manager::{is_known, manager, managers, mint};
use crate::home::{Home, PODS, get};
use crate::project::{shop_on, take};

/// A cluster with a reader, a project's shared admins, and an owner's own kubeconfig.
fn lived() -> (Home, Vec<String>) {
    let mut kg = shop_on(Sandbox::builder().token_cache(false));
    kg.add_user("carol", "developer");
    let files = vec![
        kg.grant_and_download("carol", "read"),
        take(&mut kg, "alice"),
        kg.run("kubeconfig download prod -f -")
            .success()
            .stdout
            .clone(),
    ];
    (kg, files)
}

#[test]
fn whatever_was_minted_before_is_refused_and_people_download_again() {
    let (mut kg, files) = lived();
    kg.sandbox
        .put_object(serde_json::json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "theirs" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin" },
            "subjects": [{ "kind": "User", "name": "eve",
                "apiGroup": "rbac.authorization.k8s.io" }],
        }))
        .expect("a binding");
    let old = manager(&mut kg);
    let accounts: Vec<String> = kg
        .accounts()
        .iter()
        .map(|name| name.trim_start_matches("kubegrant/").to_owned())
        .chain([old])
        .collect();
    assert_eq!(accounts.len(), 4, "{accounts:?}");
    let minted: Vec<String> = accounts.iter().map(|name| mint(&kg, name)).collect();
    assert!(minted.iter().all(|login| is_known(login)));
    insta::assert_snapshot!(kg.run("cluster rotate-accounts prod --dry-run"), @"
    WOULD
    make another account the manager of cluster 'prod', and end account 'kubegrant-manager'
    make another account the issuer of cluster 'prod', and end account 'kubegrant-issuer-8d91efc5'
    end version 1 of 'carol' on cluster 'prod'
    begin version 2 of 'carol' on cluster 'prod'
    end version 1 of 'shop/admin' on cluster 'prod', held by 'alice'
    begin version 2 of 'shop/admin' on cluster 'prod'
    end version 1 of 'olivia' on cluster 'prod'
    begin version 2 of 'olivia' on cluster 'prod'
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    assert!(minted.iter().all(|login| is_known(login)));
    insta::assert_snapshot!(kg.run("cluster rotate-accounts prod --yes"), @r"
        CLUSTER   OF           ENDED       BEGUN                        APPLIED
        prod      manager      <none>      kubegrant-manager-[HEX]   yes
        prod      carol        version 1   version 2                    yes
        prod      shop/admin   version 1   version 2                    yes
        prod      olivia       version 1   version 2                    yes
        ----- stderr -----
        Version 1 of 'carol' was held by 'carol': they must download again.
        Version 1 of 'shop/admin' was held by 'alice': they must download again.
        Version 1 of 'olivia' was held by 'olivia': they must download again.
        warning: cluster 'prod': bound to cluster-admin: binding theirs cluster-wide: user 'eve'; is it meant to be?
        Version 1 of 'carol' no longer works on cluster 'prod' (read back).
        Version 1 of 'shop/admin' no longer works on cluster 'prod' (read back).
        Version 1 of 'olivia' no longer works on cluster 'prod' (read back).
        Account 'kubegrant-manager-[HEX]' is the manager of cluster 'prod'. Whatever was minted there for an account of kubegrant's before is refused.
        [exit 0]
        ");
    assert!(!minted.iter().any(|login| is_known(login)));
    for file in &files {
        assert_eq!(get(file, PODS), 401);
    }
    assert_eq!([manager(&mut kg)], *managers(&kg));
    kg.run("cluster check prod").success();
    kg.run("status").success();
    let again = [
        kg.download_for("carol"),
        take(&mut kg, "alice"),
        kg.run("kubeconfig download prod -f -")
            .success()
            .stdout
            .clone(),
    ];
    for file in &again {
        assert_eq!(get(file, PODS), 200);
    }
}

#[test]
fn twice_is_twice_and_a_cluster_that_is_away_keeps_everything() {
    let (mut kg, files) = lived();
    kg.run("cluster rotate-accounts prod --yes").success();
    assert_eq!(get(&files[0], PODS), 401);
    let file = kg.download_for("carol");
    kg.sandbox.stop();
    kg.run("cluster rotate-accounts prod --yes").exit(8);
    kg.sandbox.restart().expect("back");
    assert_eq!(get(&file, PODS), 200);
    kg.run("cluster rotate-accounts prod --yes").success();
    assert_eq!(get(&file, PODS), 401);
}

#[test]
fn an_archived_cluster_ends_them_and_begins_nothing() {
    let (mut kg, files) = lived();
    kg.run("cluster archive prod --yes").success();
    let ran = kg.run("cluster rotate-accounts prod --yes -o json");
    let shown = ran.success().json();
    let accounts = shown["accounts"].as_array().expect("a list");
    assert_eq!(accounts.len(), 3);
    assert!(accounts.iter().all(|it| it["begun"].is_null()), "{shown}");
    assert_eq!(get(&files[0], PODS), 401);
}

#[test]
fn the_operators_own_credential_stays_and_the_account_does_not() {
    let mut kg = Home::organization(Sandbox::builder().token_cache(false));
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster add prod --kubeconfig admin.conf --keep-credential")
        .success();
    let file = kg.grant_and_download("alice", "read");
    let minted = mint(&kg, "kubegrant-manager");
    kg.run("cluster rotate-accounts prod --yes").success();
    assert!(!is_known(&minted));
    assert_eq!(get(&file, PODS), 401);
    assert_eq!([manager(&mut kg)], *managers(&kg));
    kg.run("cluster check prod").success();
    kg.run("cluster relink prod --kubeconfig admin.conf --keep-credential --yes")
        .success();
    assert_eq!([manager(&mut kg)], *managers(&kg));
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    assert_eq!([manager(&mut kg)], *managers(&kg));
    kg.run("reconcile").success();
}

#[test]
fn who_may_rotate_the_manager_may_rotate_all() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.grant_and_download("bob", "write");
    kg.run_as("bob", "cluster rotate-accounts prod --yes")
        .exit(4);
    kg.run("cluster transfer prod --to alice --yes").success();
    // Its owner decides it; the manager's part of it is an admin's.
    kg.run_as("alice", "cluster rotate-accounts prod --yes")
        .exit(6)
        .says("more than its issuer may");
    kg.run("reconcile").success();
    kg.run("cluster check prod").success();
    assert!(kg.events("reconcile", "done") > 1);
}

#[test]
fn whatever_answer_is_lost_reconcile_finishes() {
    // Each request by itself is tried for the manager; here those that it has in common with the
    // accounts, and those after it.
    let mut last = false;
    for nth in [
        3, 9, 14, 18, 22, 25, 28, 31, 34, 37, 40, 43, 46, 49, 52, 60, 80, 120, 160, 240,
    ] {
        let mut kg = Home::with(Sandbox::builder().token_cache(false));
        let file = kg.grant_and_download("alice", "read");
        let minted = mint(&kg, "kubegrant-manager");
        kg.sandbox.fault(Fault {
            matches: Match {
                nth: Some(nth),
                ..Match::default()
            },
            action: Action::ResetAfter,
        });
        kg.sandbox.clear_requests();
        let ran = kg.run("cluster rotate-accounts prod --yes");
        last = kg.sandbox.requests().len() < nth;
        kg.sandbox.clear_faults();
        assert!(matches!(ran.code, 0 | 6 | 8), "request {nth}: {ran}");
        if ran.code == 6 {
            kg.run("status").exit(6);
        }
        kg.run("reconcile").success();
        kg.run("status").success();
        kg.run("cluster check prod").success();
        assert_eq!([manager(&mut kg)], *managers(&kg), "request {nth}");
        if ran.code != 8 {
            assert!(!is_known(&minted), "request {nth}");
            assert_eq!(get(&file, PODS), 401, "request {nth}");
        }
        if last {
            break;
        }
    }
    assert!(last, "there are more requests than were tried");
}
