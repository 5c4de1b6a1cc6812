//! `kubegrant cluster rotate-manager`.

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};

use crate::home::{Home, PODS, get};

/// The manager's login in words that the API server takes.
fn login(kg: &Home) -> String {
    let sealed = kg.sealed("SELECT manager_secret FROM clusters WHERE name = 'prod'");
    let opened = kg.open("olivia", &sealed).expect("the owner opens it");
    let start = opened.find("ey").expect("a token");
    let token: String = opened[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
        .collect();
    kg.sandbox.kubeconfig_for_token(&token)
}

const US: &str = "/api/v1/namespaces/kube-system";

#[test]
fn the_old_login_is_refused_and_the_new_one_works() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    let file = kg.grant_and_download("alice", "read");
    let old = login(&kg);
    assert_eq!(get(&old, US), 200);
    insta::assert_snapshot!(kg.run("cluster rotate-manager prod"), @r"
        NAME   STATE    PROTECTED   APPLIED
        prod   active   no          yes
        ----- stderr -----
        The manager of cluster 'prod' has a new login.
        The old one is refused.
        [exit 0]
        ");
    assert_eq!(get(&old, US), 401);
    assert_eq!(get(&login(&kg), US), 200);
    assert_eq!(get(&file, PODS), 200, "users notice nothing");
    kg.run("cluster check prod").success();
    let second = login(&kg);
    kg.run("cluster rotate-manager prod").success();
    assert_eq!(get(&second, US), 401);
}

#[test]
fn whatever_answer_is_lost_one_login_works() {
    for nth in 1..16 {
        let mut kg = Home::with(Sandbox::builder().token_cache(false));
        let old = login(&kg);
        kg.sandbox.fault(Fault {
            matches: Match {
                nth: Some(nth),
                ..Match::default()
            },
            action: Action::ResetAfter,
        });
        let ran = kg.run("cluster rotate-manager prod");
        kg.sandbox.clear_faults();
        assert!(matches!(ran.code, 0 | 6 | 8), "request {nth}: {ran}");
        kg.run("cluster check prod").success();
        kg.run("cluster rotate-manager prod").success();
        assert_eq!(get(&old, US), 401, "request {nth}");
    }
}

#[test]
fn the_operators_own_credential_is_renewed_elsewhere() {
    let mut kg = Home::organization(Sandbox::builder());
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster add prod --kubeconfig admin.conf --keep-credential")
        .success();
    insta::assert_snapshot!(kg.run("cluster rotate-manager prod"), @r"
        ----- stderr -----
        error: cluster 'prod' is reached with the operator's own credential

        hint: renew it with `kubegrant cluster relink prod --kubeconfig FILE`
        [exit 5]
        ");
}

#[test]
fn a_cluster_that_is_away_keeps_its_login() {
    let mut kg = Home::new();
    let old = login(&kg);
    kg.sandbox.stop();
    kg.run("cluster rotate-manager prod").exit(8);
    kg.sandbox.restart().expect("back");
    assert_eq!(get(&old, US), 200);
}

/// Found by the full matrix of faults: an answer that says "not found" is not a look.
#[test]
fn an_old_login_that_is_only_said_to_be_gone_is_owed() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    let old = login(&kg);
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("DELETE".to_owned()),
            path_contains: Some("/secrets/".to_owned()),
            ..Match::default()
        },
        action: Action::Status {
            code: 404,
            retry_after: None,
        },
    });
    let ran = kg.run("cluster relink prod --kubeconfig admin.conf --yes");
    assert_eq!(ran.code, 6, "{ran}");
    assert!(ran.stderr.contains("is still there"), "{ran}");
    assert_eq!(get(&old, US), 200, "it is still there");
    kg.sandbox.clear_faults();
    kg.run("reconcile").success();
    assert_eq!(get(&old, US), 401);
    kg.run("status").success();
}
