//! `kubegrant kubeconfig rotate` and `kubeconfig show`.

use kubegrant_sandbox::{Action, Fault, Match};

use crate::home::{Home, PODS, get};

#[test]
fn rotating_kills_the_old_version_before_the_new_one_begins() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    let old = kg.read("prod.kubeconfig");
    insta::assert_snapshot!(kg.run("kubeconfig rotate prod"), @r"
        CLUSTER   USER     ENDED   VERSION   APPLIED   EXPIRES                FILE
        prod      olivia   1       2         yes       2026-12-22T10:00:00Z   [HOME]/work/prod.kubeconfig
        ----- stderr -----
        Version 1 of 'olivia' no longer works on cluster 'prod' (read back).
        Version 2 of 'olivia' on cluster 'prod' (full). It ends on 2026-12-22T10:00:00Z.
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
    ");
    assert!(matches!(get(&old, PODS), 401 | 403));
    assert_eq!(get(&kg.read("prod.kubeconfig"), PODS), 200);
    assert_eq!(kg.accounts().len(), 1);
}

#[test]
fn without_a_download_only_the_version_begins() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    let old = kg.read("prod.kubeconfig");
    insta::assert_snapshot!(kg.run("kubeconfig rotate prod --no-download"), @r"
        CLUSTER   USER     ENDED   VERSION   APPLIED   EXPIRES   FILE
        prod      olivia   1       2         yes       <none>    <none>
        ----- stderr -----
        Version 1 of 'olivia' no longer works on cluster 'prod' (read back).
        Version 2 of 'olivia' on cluster 'prod' has begun.
        hint: download it with `kubegrant kubeconfig download prod --force`
        [exit 0]
    ");
    assert_eq!(kg.read("prod.kubeconfig"), old);
    kg.run("kubeconfig rotate prod --no-download --merge")
        .exit(2);
}

#[test]
fn a_rotation_goes_where_a_download_goes() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod --merge -f mine").success();
    kg.run("kubeconfig rotate prod --merge -f mine --ttl 1h -n shop --context-name x")
        .success()
        .says("It ends on 2026-11-22T11:00:00Z");
    let mine = kg.read("mine");
    assert_eq!(get(&mine, PODS), 200);
    assert!(
        mine.contains("namespace: shop") && mine.contains("name: x\n"),
        "{mine}"
    );
    assert_eq!(
        mine.matches("token:").count(),
        1,
        "the old entry is replaced"
    );
    let shown = kg.run("kubeconfig rotate prod -f -");
    assert_eq!(get(&shown.success().stdout, PODS), 200);
}

#[test]
fn nothing_ends_where_the_next_version_has_no_place() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    let old = kg.read("prod.kubeconfig");
    // Something else is in it too: only the one who wrote it there may say that it can go.
    let second = kg.add_cluster("second");
    kg.run("kubeconfig download second --merge -f prod.kubeconfig")
        .success();
    let both = kg.read("prod.kubeconfig");
    kg.run("kubeconfig rotate prod").exit(5).says("--force");
    assert_eq!(kg.read("prod.kubeconfig"), both);
    assert_eq!(get(&old, PODS), 200, "nothing has ended");
    kg.write("notes", "mine");
    kg.run("kubeconfig rotate prod -f notes").exit(5);
    assert_eq!(get(&old, PODS), 200, "nothing has ended");
    kg.run("kubeconfig rotate prod --force").success();
    assert!(matches!(get(&old, PODS), 401 | 403));
    drop(second);
}

#[test]
fn a_new_version_that_cannot_be_handed_over_is_said_to_have_begun() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    let old = kg.read("prod.kubeconfig");
    kg.sandbox.fault(Fault {
        matches: Match {
            path_contains: Some("/token".to_owned()),
            ..Match::default()
        },
        action: Action::Status {
            code: 500,
            retry_after: None,
        },
    });
    let ran = kg.run("kubeconfig rotate prod");
    assert_ne!(ran.code, 0);
    ran.says("Version 2 of 'olivia' on cluster 'prod' has begun.");
    assert_eq!(kg.read("prod.kubeconfig"), old);
    kg.sandbox.clear_faults();
    kg.run("kubeconfig download prod --force").success();
    assert_eq!(get(&kg.read("prod.kubeconfig"), PODS), 200);
}

#[test]
fn rotating_twice_leaves_one_live_version() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    kg.run("kubeconfig rotate prod --no-download").success();
    kg.run("kubeconfig rotate prod --no-download").success();
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
        CLUSTER   USER     ENDED   VERSION   APPLIED   EXPIRES   FILE
        prod      olivia   1       2         no        <none>    <none>
        ----- stderr -----
        warning: cluster 'prod': revocation of version 1 of 'olivia' is pending; its tokens may work until 2026-12-22T10:00:00Z
        warning: cluster 'prod': version 2 of 'olivia' is pending
        warning: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        error: recorded, but not yet true on the cluster

        hint: run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows what is pending
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
