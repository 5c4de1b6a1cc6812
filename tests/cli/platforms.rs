//! What platforms do to a cluster: policies, namespaces made beforehand, proxies with logins of their
//! own, API servers that differ. One trouble is said, and leaves nothing behind.

use kubegrant_sandbox::{Action, Builder, Fault, Match, Sandbox};
use serde_json::{Value, json};

use crate::home::{Home, PODS, get};

const POLICY: &str = "every object needs the label team (platform policy 7)";

/// An organization with an admin's kubeconfig of its sandbox.
fn home() -> Home {
    with(Sandbox::builder().token_cache(false))
}

fn with(sandbox: Builder) -> Home {
    let kg = Home::organization(sandbox);
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg
}

/// Everything but the namespace controller's own, by kind and name.
fn names(kg: &Home) -> Vec<String> {
    let objects = kg.sandbox.objects();
    let mut names: Vec<String> = objects
        .iter()
        .map(|it| format!("{} {}", it["kind"], it["metadata"]["name"]))
        .collect();
    names.sort();
    names
}

/// Denies what has no label `team`.
fn deny_without_team(kg: &Home, group: &str, resources: &[&str]) {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "team" },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": resources,
            }] },
            "validations": [{
                "expression": "has(object.metadata.labels) && 'team' in object.metadata.labels",
                "message": POLICY,
            }],
        },
    });
    let bound = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "team" },
        "spec": { "policyName": "team", "validationActions": ["Deny"] },
    });
    for object in [policy, bound] {
        kg.sandbox.put_object(object).expect("put");
    }
}

fn put_namespace(kg: &Home) {
    put_namespace_called(kg, "kubegrant");
}

fn put_namespace_called(kg: &Home, name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { "team": "platform" } },
    });
    kg.sandbox.put_object(namespace).expect("put");
}

fn namespace(kg: &Home) -> Value {
    let found = kg.objects("Namespace").into_iter();
    let mut found =
        found.filter(|(name, _)| name.ends_with("kubegrant") && !name.contains("users"));
    found.next().expect("the namespace").1
}

/// Every answer to the question who one is: as a proxy answers that knows only its own tokens.
fn refuse_tokens(kg: &Home) {
    kg.sandbox.fault(Fault {
        matches: Match {
            path_contains: Some("selfsubjectreviews".to_owned()),
            ..Match::default()
        },
        action: Action::Status {
            code: 401,
            retry_after: None,
        },
    });
}

#[test]
fn what_a_policy_denies_is_said_in_its_words_and_leaves_nothing() {
    for (group, resources) in [
        ("", "namespaces"),
        ("", "serviceaccounts"),
        ("", "secrets"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "rolebindings"),
    ] {
        let mut kg = home();
        deny_without_team(&kg, group, &[resources]);
        let before = names(&kg);
        kg.run("cluster add prod --kubeconfig admin.conf")
            .exit(5)
            .says(POLICY)
            .never_says("kubectl")
            .never_says("relink")
            .never_says("cluster check");
        assert_eq!(names(&kg), before, "{resources}");
        kg.run("cluster list -o name").success().never_says("prod");
    }
}

#[test]
fn labels_and_annotations_go_on_what_is_made_and_stay_for_later() {
    let mut kg = home();
    deny_without_team(&kg, "", &["namespaces", "serviceaccounts", "secrets"]);
    kg.run(
        "cluster add prod --kubeconfig admin.conf --label team=platform \
         --annotation owner.example/mail=ops@example.com",
    )
    .success();
    kg.grant_and_download("alice", "write");
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    kg.grant_and_download("bob", "read");
    for object in kg.sandbox.objects() {
        let meta = &object["metadata"];
        if meta["labels"]["app.kubernetes.io/managed-by"] == "kubegrant" {
            assert_eq!(meta["labels"]["team"], "platform", "{object}");
            let mail = &meta["annotations"]["owner.example/mail"];
            assert_eq!(mail, "ops@example.com", "{object}");
        }
    }
    // Those for people are for people: a developer may change them.
    kg.run("cluster set prod --label color=blue").success();
    kg.grant_and_download("alice", "read");
    assert!(!format!("{:?}", kg.sandbox.objects()).contains("color"));
    let shown = kg.run("cluster show prod -o json").json();
    assert_eq!(shown["labels"]["team"], "platform");
    assert_eq!(shown["labels"]["color"], "blue");
}

#[test]
fn a_label_of_kubernetes_or_ours_is_refused() {
    let mut kg = home();
    for label in [
        "kubernetes.io/x=y",
        "kubegrant.io/installation=x",
        "team=a b",
    ] {
        let line = [
            "cluster",
            "add",
            "prod",
            "--kubeconfig",
            "admin.conf",
            "--label",
            label,
        ];
        kg.run_words(&line).exit(2);
    }
}

#[test]
fn an_empty_namespace_of_the_platform_is_taken_over_and_given_back() {
    let mut kg = home();
    put_namespace(&kg);
    deny_without_team(&kg, "", &["namespaces"]);
    kg.run("cluster add prod --kubeconfig admin.conf")
        .exit(5)
        .says("namespace 'kubegrant-users'");
    put_namespace_called(&kg, "kubegrant-users");
    kg.run("cluster add prod --kubeconfig admin.conf")
        .success()
        .says("stays when the cluster is deleted");
    kg.grant_and_download("bob", "read");
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    kg.run("cluster check prod").success();
    let taken = namespace(&kg);
    assert_eq!(taken["metadata"]["labels"]["team"], "platform");
    assert_eq!(
        taken["metadata"]["annotations"]["kubegrant.io/adopted"],
        "true"
    );
    kg.run("cluster delete prod --yes --confirm prod")
        .success()
        .says("Nothing of ours is left on it (verified).");
    let left = namespace(&kg);
    let labels = left["metadata"]["labels"].as_object().expect("labels");
    assert_eq!(labels["team"], "platform");
    assert!(
        !labels.contains_key("app.kubernetes.io/managed-by"),
        "{left}"
    );
    assert!(!format!("{left}").contains("kubegrant.io/"), "{left}");
    assert_eq!(kg.accounts(), [""; 0]);
    assert!(names(&kg).iter().all(|name| !name.contains("kubegrant:")));
}

#[test]
fn a_namespace_that_others_live_in_is_taken_over_only_when_asked() {
    let mut kg = home();
    put_namespace(&kg);
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "runner", "namespace": "kubegrant" },
    });
    kg.sandbox.put_object(account).expect("put");
    let before = kg.sandbox.objects();
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig admin.conf"), @r"
        ----- stderr -----
        error: cannot use context 'sandbox' for cluster 'prod': namespace 'kubegrant' exists on the cluster and holds things of others (account runner)

        hint: if the platform made it for kubegrant, take it over with `--adopt-namespace`, or label it `app.kubernetes.io/managed-by=kubegrant`; else find out whose it is
        [exit 5]
    ");
    assert_eq!(kg.sandbox.objects(), before);
    kg.run("cluster add prod --kubeconfig admin.conf --adopt-namespace")
        .success()
        .says("account 'runner' of others");
    kg.run("cluster delete prod --yes --confirm prod").success();
    assert!(names(&kg).contains(&"\"ServiceAccount\" \"runner\"".to_owned()));
}

#[test]
fn what_could_not_be_taken_away_again_is_named_with_its_commands() {
    let mut kg = home();
    refuse_tokens(&kg);
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("DELETE".to_owned()),
            path_contains: Some("/clusterrole".to_owned()),
            nth: None,
        },
        action: Action::Status {
            code: 500,
            retry_after: None,
        },
    });
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig admin.conf"), @"
    ----- stderr -----
    error: cannot use context 'sandbox' for cluster 'prod': what answers at https://127.0.0.1:[PORT] does not take the token that the cluster has just given: Unauthorized; what was made on the cluster could not all be taken away

    hint: a proxy with logins of its own may be in front, which takes no tokens of ServiceAccounts: use a kubeconfig with the API server's own address
    hint: take it away with `kubectl --context sandbox delete clusterrolebinding kubegrant:[INSTALLATION]:manager`
    hint: take it away with `kubectl --context sandbox delete clusterrolebinding kubegrant:[INSTALLATION]:issuer`
    hint: take it away with `kubectl --context sandbox delete clusterrole kubegrant:[INSTALLATION]:manager`
    hint: take it away with `kubectl --context sandbox delete clusterrole kubegrant:[INSTALLATION]:issuer`
    [exit 5]
    ");
}

#[test]
fn a_rule_that_refuses_an_account_is_that_accounts_trouble() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    let bob = kg.grant_and_download("bob", "read");
    deny_without_team(&kg, "", &["serviceaccounts"]);
    kg.run("access grant alice -c prod --level read").success();
    kg.run("kubeconfig download prod --user alice --plain -f a.kc")
        .exit(6)
        .says(POLICY)
        .says("account 'kubegrant-users/alice-");
    assert!(!kg.path("a.kc").exists());
    assert_eq!(get(&kg.download_for("bob"), PODS), 200);
    kg.run("access revoke bob -c prod --yes")
        .success()
        .says("version 1 of 'alice' is pending");
    assert!(matches!(get(&bob, PODS), 401 | 403));
    kg.run("status").exit(6);
    kg.run("access revoke alice -c prod --yes").success();
    kg.run("cluster delete prod --yes --confirm prod").success();
}

#[test]
fn an_address_that_takes_no_tokens_of_accounts_is_not_registered() {
    for keep in ["", " --keep-credential"] {
        let mut kg = home();
        let before = names(&kg);
        refuse_tokens(&kg);
        kg.run(&format!("cluster add prod --kubeconfig admin.conf{keep}"))
            .exit(5)
            .says("does not take the token")
            .says("a proxy with logins of its own")
            .never_says("relink");
        assert_eq!(names(&kg), before);
        kg.sandbox.clear_faults();
        kg.run(&format!("cluster add prod --kubeconfig admin.conf{keep}"))
            .success();
    }
}

#[test]
fn api_servers_that_do_not_agree_are_said_to() {
    let mut kg = home();
    let before = names(&kg);
    // Every third answer after the operator's own is of a server that does not know the key.
    for nth in (12..3000).step_by(3) {
        kg.sandbox.fault(Fault {
            matches: Match {
                method: None,
                path_contains: Some("selfsubjectaccessreviews".to_owned()),
                nth: Some(nth),
            },
            action: Action::Status {
                code: 401,
                retry_after: None,
            },
        });
    }
    kg.run("cluster add prod --kubeconfig admin.conf")
        .exit(5)
        .says("do not agree")
        .never_says("relink");
    assert_eq!(names(&kg), before);
}

#[test]
fn a_login_that_is_refused_after_it_was_accepted_is_said_to_have_been() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let refused = || Fault {
        matches: Match {
            path_contains: Some("clusterrolebindings".to_owned()),
            ..Match::default()
        },
        action: Action::Status {
            code: 401,
            retry_after: None,
        },
    };
    kg.sandbox.fault(refused());
    kg.run("reconcile")
        .exit(7)
        .says("it was accepted a moment before")
        .says("do not agree");
    kg.sandbox.clear_faults();
    kg.run("reconcile").success();
}

#[test]
fn a_token_that_is_refused_where_its_file_leads_is_not_handed_over() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod --level read").success();
    refuse_tokens(&kg);
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user alice --plain -f a.kc"), @r"
        ----- stderr -----
        error: version 1 of 'alice' is on cluster 'prod', but no file was handed over
          caused by: cluster 'prod': what answers at https://127.0.0.1:[PORT] does not take the token that the cluster has just given: Unauthorized

        hint: a proxy with logins of its own may be in front: register the API server's own address with `kubegrant cluster relink prod --kubeconfig FILE`
        [exit 5]
    ");
    assert!(!kg.path("a.kc").exists());
    let shown = kg.run("kubeconfig show prod --user alice -o json").json();
    assert!(!format!("{shown}").contains("\"file\""), "{shown}");
    kg.run("status").success();
    kg.sandbox.clear_faults();
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
    kg.run("access revoke alice -c prod --yes").success();
}

#[test]
fn a_proxy_that_sends_to_its_login_page_is_noticed() {
    let page = Action::Answer {
        status: 200,
        content_type: "text/html",
        body: b"<html>log in</html>".to_vec(),
    };
    let elsewhere = Action::Redirect("https://login.example/".to_owned());
    for action in [page, elsewhere] {
        let mut kg = Home::new();
        kg.run("access grant alice -c prod --level read").success();
        kg.sandbox.fault(Fault {
            matches: Match {
                path_contains: Some("selfsubjectreviews".to_owned()),
                ..Match::default()
            },
            action,
        });
        kg.run("kubeconfig download prod --user alice --plain -f a.kc")
            .exit(5)
            .says("does not take the token");
        assert!(!kg.path("a.kc").exists());
    }
}

#[test]
fn a_namespace_labelled_by_hand_is_the_platforms_too() {
    let mut kg = home();
    let namespace_by_hand = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "kubegrant", "labels": {
            "team": "platform", "app.kubernetes.io/managed-by": "kubegrant",
        } },
    });
    kg.sandbox.put_object(namespace_by_hand).expect("put");
    kg.add_prod();
    kg.run("cluster delete prod --yes --confirm prod").success();
    assert_eq!(namespace(&kg)["metadata"]["labels"]["team"], "platform");
}

#[test]
fn a_proxy_that_takes_everybody_for_somebody_else_is_noticed() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod --level read").success();
    kg.sandbox.fault(Fault {
        matches: Match {
            path_contains: Some("selfsubjectreviews".to_owned()),
            ..Match::default()
        },
        action: Action::Raw {
            status: 201,
            body: json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
                "metadata": {}, "status": { "userInfo": { "username": "proxy-admin" } },
            })
            .to_string(),
        },
    });
    kg.run("kubeconfig download prod --user alice --plain -f a.kc")
        .exit(5)
        .says("'proxy-admin'");
    assert!(!kg.path("a.kc").exists());
}
