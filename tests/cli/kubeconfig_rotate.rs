//! `kubegrant kubeconfig rotate` and `kubeconfig show`.

use crate::home::{Home, PODS, get};

#[test]
fn rotating_kills_the_old_version_before_the_new_one_begins() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    let old = kg.read("prod.kubeconfig");
    insta::assert_snapshot!(kg.run("kubeconfig rotate prod"), @r"
        CLUSTER   USER     ENDED   VERSION   APPLIED
        prod      olivia   1       2         yes
        ----- stderr -----
        Version 1 of 'olivia' no longer works on cluster 'prod' (read back).
        Version 2 of 'olivia' on cluster 'prod' has begun.
        hint: download it with `kubegrant kubeconfig download prod --force`
        [exit 0]
    ");
    assert!(matches!(get(&old, PODS), 401 | 403));
    kg.run("kubeconfig download prod --force").success();
    assert_eq!(get(&kg.read("prod.kubeconfig"), PODS), 200);
    assert_eq!(kg.accounts().len(), 1);
}

#[test]
fn rotating_twice_leaves_one_live_version() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    kg.run("kubeconfig rotate prod").success();
    kg.run("kubeconfig rotate prod").success();
    assert_eq!(kg.accounts().len(), 1);
    insta::assert_snapshot!(kg.run("kubeconfig show prod"), @r"
        VERSION   STATE     LEVEL   ISSUED                 EXPIRES                DOWNLOADED             BY
        1         revoked   full    2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   olivia
        2         revoked   full    2026-11-22T10:00:00Z   <none>                 <none>                 <none>
        3         active    full    2026-11-22T10:00:00Z   <none>                 <none>                 <none>
        [exit 0]
    ");
}

#[test]
fn where_the_old_version_cannot_be_ended_nothing_new_begins() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    let old = kg.read("prod.kubeconfig");
    kg.sandbox.stop();
    insta::assert_snapshot!(kg.run("kubeconfig rotate prod"), @r"
        CLUSTER   USER     ENDED   VERSION   APPLIED
        prod      olivia   1       2         no
        ----- stderr -----
        warning: cluster 'prod': version 1 of 'olivia' is ended here and not yet there; its tokens may work until 2026-12-22T10:00:00Z
        warning: cluster 'prod': version 2 of 'olivia' is recorded here and not yet there
        warning: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        error: recorded, but not yet true on the cluster

        hint: run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows the debt
        [exit 6]
    ");
    kg.sandbox.restart().expect("back");
    assert_eq!(kg.accounts().len(), 1);
    kg.run("reconcile").success();
    assert!(matches!(get(&old, PODS), 401 | 403));
    kg.run("kubeconfig download prod --force").success();
    assert_eq!(get(&kg.read("prod.kubeconfig"), PODS), 200);
}

#[test]
fn show_says_who_was_handed_which_version_by_whom() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("access grant alice -c prod -l write").success();
    kg.download_for("alice");
    insta::assert_snapshot!(kg.run("kubeconfig show prod --user alice"), @r"
        VERSION   STATE     LEVEL   ISSUED                 EXPIRES                DOWNLOADED             BY
        1         revoked   read    2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   olivia
        2         active    write   2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   olivia
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig show prod -o name"), @r"
        kubeconfig/alice@prod-v1
        kubeconfig/alice@prod-v2
        [exit 0]
    ");
}

#[test]
fn show_keeps_the_token_id_that_the_servers_log_has() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let shown = kg.run("kubeconfig show prod --user alice -o json").json();
    let id = shown[0]["downloads"][0]["jti"].as_str().expect("an id");
    let token = kg.sandbox.minted_tokens().pop().expect("a token");
    let claims = token.split('.').nth(1).expect("claims");
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
    let claims: serde_json::Value = serde_json::from_slice(&claims.expect("base64")).expect("JSON");
    assert_eq!(claims["jti"], id);
}

#[test]
fn others_versions_are_for_admins() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l write").success();
    kg.run("access grant bob -c prod -l read").success();
    insta::assert_snapshot!(
        kg.run_as("alice", "kubeconfig show prod --user bob"),
        @r"
        ----- stderr -----
        error: 'alice' may not list others' credentials on cluster 'prod': organization owners and admins may

        hint: ask 'olivia'
        [exit 4]
    "
    );
}
