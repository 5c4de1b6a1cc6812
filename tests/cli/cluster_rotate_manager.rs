//! `kubegrant cluster rotate-manager`.

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::home::{Home, PODS, answer, call, get};

/// The manager's login.
pub(crate) fn token(kg: &Home) -> String {
    let sealed = kg.sealed("SELECT manager_secret FROM clusters WHERE name = 'prod'");
    let opened = kg.open("olivia", &sealed).expect("the owner opens it");
    let start = opened.find("ey").expect("a token");
    opened[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
        .collect()
}

/// The same in words that the API server takes.
fn login(kg: &Home) -> String {
    kg.sandbox.kubeconfig_for_token(&token(kg))
}

const US: &str = "/api/v1/namespaces/kube-system";
const SECRETS: &str = "/api/v1/namespaces/kubegrant/secrets";
const WHOAMI: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// A token of an account in our namespace, minted by somebody with full access, for ten years.
pub(crate) fn mint(kg: &Home, account: &str) -> String {
    let admin = kg.sandbox.admin_kubeconfig_token();
    let (namespace, account) = account.split_once('/').unwrap_or(("kubegrant", account));
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let wish = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "audiences": [], "expirationSeconds": 315_360_000 },
    });
    let made = answer(&admin, "POST", &path, Some(&wish));
    let token = made["status"]["token"].as_str().expect("a token");
    kg.sandbox.kubeconfig_for_token(token)
}

/// Whether a login is taken at all.
pub(crate) fn is_known(login: &str) -> bool {
    let ask = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    match call(login, "POST", WHOAMI, Some(&ask)) {
        201 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// The accounts of the manager that are there, by name.
pub(crate) fn managers(kg: &Home) -> Vec<String> {
    let accounts = kg.objects("ServiceAccount").into_iter();
    let names = accounts.filter_map(|(name, _)| Some(name.strip_prefix("kubegrant/")?.to_owned()));
    names
        .filter(|name| name.starts_with("kubegrant-manager"))
        .collect()
}

/// The manager that the store knows.
pub(crate) fn manager(kg: &mut Home) -> String {
    let shown = kg.run("cluster show prod -o json").json();
    shown["manager"].as_str().expect("a name").to_owned()
}

#[test]
fn the_old_account_is_gone_and_the_new_one_works() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    let file = kg.grant_and_download("alice", "read");
    let old = login(&kg);
    assert_eq!(get(&old, US), 200);
    insta::assert_snapshot!(kg.run("cluster rotate-manager prod"), @r"
        NAME   STATE    PROTECTED   APPLIED
        prod   active   no          yes
        ----- stderr -----
        Account 'kubegrant-manager-[HEX]' is the manager of cluster 'prod'. The one before is gone, and its tokens are refused.
        [exit 0]
        ");
    assert_eq!(get(&old, US), 401);
    assert_eq!(get(&login(&kg), US), 200);
    assert_eq!(get(&file, PODS), 200, "users notice nothing");
    kg.run("cluster check prod").success();
    let second = login(&kg);
    kg.run("cluster rotate-manager prod").success();
    assert_eq!(get(&second, US), 401);
    assert_eq!([manager(&mut kg)], *managers(&kg));
}

/// A token that somebody minted for the manager's account, and a Secret with one, whatever labels
/// it has: they were good for anything, and nothing showed them.
#[test]
fn nothing_outlives_the_account_that_it_was_minted_for() {
    for verb in [
        "cluster rotate-manager prod",
        "cluster rotate-accounts prod --yes",
        "cluster relink prod --kubeconfig admin.conf --yes",
    ] {
        let mut kg = Home::with(Sandbox::builder().token_cache(false));
        let before = manager(&mut kg);
        let minted = mint(&kg, &before);
        let admin = kg.sandbox.admin_kubeconfig_token();
        for (name, labels) in [
            ("theirs", json!({})),
            (
                "others",
                json!({ "app.kubernetes.io/managed-by": "kubegrant",
                "kubegrant.io/installation": "ffffffff" }),
            ),
        ] {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
                "metadata": { "name": name, "namespace": "kubegrant", "labels": labels,
                    "annotations": { "kubernetes.io/service-account.name": before } },
            });
            let made = answer(&admin, "POST", SECRETS, Some(&secret));
            assert_eq!(made["metadata"]["name"], name);
        }
        let secret = answer(&admin, "GET", &format!("{SECRETS}/theirs"), None);
        let token = secret["data"]["token"].as_str().expect("it is filled");
        let token = STANDARD.decode(token).expect("it is base64");
        let token = String::from_utf8(token).expect("it is text");
        let immortal = kg.sandbox.kubeconfig_for_token(&token);
        assert!(is_known(&minted) && is_known(&immortal));
        // With a finalizer of theirs it would stay, and with it all that was minted.
        let path = format!("/api/v1/namespaces/kubegrant/serviceaccounts/{before}");
        let mut kept = answer(&admin, "GET", &path, None);
        kept["metadata"]["finalizers"] = json!(["example.com/keep"]);
        kept["metadata"]["labels"] = json!({});
        answer(&admin, "PUT", &path, Some(&kept));
        kg.run(verb).success();
        assert!(!is_known(&minted), "{verb}");
        assert!(!is_known(&immortal), "{verb}");
        assert_eq!([manager(&mut kg)], *managers(&kg), "{verb}");
        for (name, _) in kg.objects("Secret") {
            assert!(
                !name.ends_with("/theirs") && !name.ends_with("/others"),
                "{verb}: {name}"
            );
        }
        kg.run("cluster check prod").success();
        kg.run("status").success();
    }
}

#[test]
fn whatever_answer_is_lost_one_account_is_the_manager() {
    // Some answers of each: the faults of tests/proof.sh lose them all.
    for (first, verb) in [
        (1, "cluster rotate-manager prod"),
        (3, "cluster relink prod --kubeconfig admin.conf --yes"),
    ] {
        let mut reached_the_end = false;
        for nth in (first..160).step_by(4) {
            let mut kg = Home::with(Sandbox::builder().token_cache(false));
            let old = login(&kg);
            let minted = mint(&kg, "kubegrant-manager");
            kg.sandbox.fault(Fault {
                matches: Match {
                    nth: Some(nth),
                    ..Match::default()
                },
                action: Action::ResetAfter,
            });
            let before = kg.sandbox.requests().len();
            let ran = kg.run(verb);
            kg.sandbox.clear_faults();
            reached_the_end = kg.sandbox.requests().len() - before < nth;
            assert!(matches!(ran.code, 0 | 6 | 8), "request {nth}: {ran}");
            let renewed = manager(&mut kg) != "kubegrant-manager";
            if ran.code == 6 {
                kg.run("status").exit(6);
            }
            kg.run("reconcile").success();
            kg.run("cluster check prod").success();
            kg.run("status").success();
            assert_eq!([manager(&mut kg)], *managers(&kg), "request {nth}");
            if renewed || ran.code == 6 {
                assert_eq!(get(&old, US), 401, "request {nth}");
                assert!(!is_known(&minted), "request {nth}");
            }
            if reached_the_end {
                break;
            }
        }
        assert!(
            reached_the_end,
            "{verb} makes more requests than were tried"
        );
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
    assert_eq!(get(&old, US), 401, "its account is gone");
    kg.sandbox.clear_faults();
    kg.run("reconcile").success();
    assert_eq!(get(&old, US), 401);
    kg.run("status").success();
}
