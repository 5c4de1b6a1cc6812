//! A world that does not play along: finalizers, foreign objects, a clock that jumps.

use chrono::TimeDelta;
use kubegrant_sandbox::{Action, Fault, Match};
use serde_json::json;

use crate::home::{Home, text};
use crate::oracle::{Books, Oracle};

fn with_bob() -> Home {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    drop(
        home.call("kubeconfig download dev --user bob --plain -f bob.conf")
            .success(),
    );
    home
}

#[test]
fn an_account_that_a_finalizer_keeps_goes_all_the_same() {
    let home = with_bob();
    let mut oracle = Oracle::new(&home);
    let account = home
        .sandbox
        .objects()
        .into_iter()
        .find(|object| {
            text(object, "/kind") == "ServiceAccount"
                && text(object, "/metadata/name").starts_with("bob-")
        })
        .expect("bob's account");
    let mut kept = account.clone();
    kept["metadata"]["finalizers"] = json!(["example.com/keep"]);
    home.sandbox.put_object(kept).expect("it takes it");
    drop(home.call("access revoke bob --cluster dev --yes").success());
    let name = text(&account, "/metadata/name");
    let objects = home.sandbox.objects();
    let is_there = |object| text(object, "/metadata/name") == name;
    assert!(!objects.iter().any(is_there), "{name}");
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

#[test]
fn a_foreign_binding_under_our_name_is_left_alone_and_nothing_is_handed_out() {
    let home = Home::with_cluster();
    let installation = Books::read(&home)
        .expect("a store")
        .installation()
        .to_owned();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    let foreign = json!({ "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": format!("kubegrant:{installation}:view") },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "edit" },
        "subjects": [] });
    home.sandbox.put_object(foreign).expect("it takes it");
    let ran = home
        .call("kubeconfig download dev --user bob --plain -f bob.conf")
        .code_is(6);
    assert!(ran.stderr.contains("is not kubegrant's"), "{ran}");
    assert_eq!(home.read("bob.conf"), None);
    let name = format!("kubegrant:{installation}:view");
    home.sandbox.remove_object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        None,
        &name,
    );
    drop(home.call("reconcile").success());
    assert_eq!(
        Oracle::new(&home).disagreements(&home),
        Vec::<String>::new()
    );
}

/// Takes the labels off bob's account, or off the list that he is on.
fn unlabelled(home: &Home, kind: &str) {
    for mut object in home.sandbox.objects() {
        let name = text(&object, "/metadata/name");
        let is_his = name.starts_with("bob-") || name.ends_with(":view");
        if is_his && text(&object, "/kind") == kind {
            object["metadata"]["labels"] = json!({});
            home.sandbox.put_object(object).expect("it takes it");
        }
    }
}

#[test]
fn an_account_that_lost_its_labels_is_ended_all_the_same() {
    let home = with_bob();
    unlabelled(&home, "ServiceAccount");
    unlabelled(&home, "ClusterRoleBinding");
    drop(home.call("access revoke bob --cluster dev --yes").success());
    let is_there = home
        .sandbox
        .objects()
        .iter()
        .any(|object| text(object, "/metadata/name").starts_with("bob-"));
    assert!(!is_there, "the account goes");
    let home = with_bob();
    unlabelled(&home, "ServiceAccount");
    drop(home.call("access revoke bob --cluster dev --yes").success());
    assert_eq!(
        Oracle::new(&home).disagreements(&home),
        Vec::<String>::new()
    );
}

#[test]
fn a_revocation_that_could_not_be_asked_about_waits_the_token_out() {
    let home = with_bob();
    let mut oracle = Oracle::new(&home);
    home.sandbox.fault(Fault {
        matches: Match {
            path_contains: Some("/subjectaccessreviews".to_owned()),
            ..Match::default()
        },
        action: Action::Status {
            code: 403,
            retry_after: None,
        },
    });
    // The account is gone, and no API server believes a token for longer than this waits.
    drop(home.call("access revoke bob --cluster dev --yes").success());
    home.sandbox.clear_faults();
    drop(home.call("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

#[test]
fn a_clock_that_jumps_back_keeps_nothing_from_being_revoked() {
    let home = with_bob();
    let mut oracle = Oracle::new(&home);
    home.fixture().advance(TimeDelta::days(-3650));
    drop(home.call("access revoke bob --cluster dev --yes").success());
    drop(home.call("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
    drop(home.call("audit verify").success());
}

#[test]
fn a_renewal_leaves_one_login_of_the_manager() {
    let home = with_bob();
    for words in [
        "cluster relink dev --kubeconfig admin.conf --yes",
        "cluster rotate-manager dev",
        "cluster relink dev --kubeconfig admin.conf --yes",
    ] {
        drop(home.call(words).success());
        assert_eq!(
            Oracle::new(&home).disagreements(&home),
            Vec::<String>::new(),
            "{words}"
        );
    }
}
