//! Accounts of ours that somebody deleted on a cluster, or took the labels off.

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::{Value, json};

use crate::home::{Home, PODS, get};

/// The namespace of developers' accounts.
const USERS: &str = "kubegrant-users";

/// Deletes the only account of a user, as `kubectl delete serviceaccount` does; gives its name.
fn delete_account(kg: &Home, user: &str) -> String {
    let account = account_of(kg, user).expect("an account");
    kg.sandbox
        .remove_object("v1", "ServiceAccount", Some(USERS), &account);
    account
}

fn account_of(kg: &Home, user: &str) -> Option<String> {
    let accounts = kg.accounts().into_iter();
    let mut names =
        accounts.filter_map(|it| it.strip_prefix("kubegrant-users/").map(str::to_owned));
    names.find(|name| name.starts_with(&format!("{user}-")))
}

fn state(kg: &mut Home, user: &str) -> Vec<(u64, String)> {
    let line = format!("kubeconfig show prod --user {user} -o json");
    let shown = kg.run(&line).json();
    let versions = shown.as_array().expect("versions").iter();
    let one = |it: &Value| {
        let version = it["version"].as_u64().expect("a version");
        (version, it["state"].as_str().expect("a state").to_owned())
    };
    versions.map(one).collect()
}

#[test]
fn an_account_deleted_by_hand_ends_its_version() {
    let mut kg = Home::new();
    let old = kg.grant_and_download("alice", "read");
    let other = kg.grant_and_download("bob", "read");
    delete_account(&kg, "alice");
    assert_eq!(get(&old, PODS), 401);
    insta::assert_snapshot!(kg.run("reconcile prod --dry-run"), @"
    CLUSTER   STATE          WHAT
    prod      would change   end version 1 of 'alice': its account was deleted on the cluster (account 'kubegrant-users/alice-[HEX]-v1')
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("reconcile prod"), @"
    CLUSTER   STATE     WHAT
    prod      changed   set binding kubegrant:[INSTALLATION]:view cluster-wide to kubegrant-users/bob-[HEX]-v1
    prod      changed   version 1 of 'alice' is gone
    ----- stderr -----
    warning: cluster 'prod': version 1 of 'alice' ended: its account was deleted on the cluster (account 'kubegrant-users/alice-[HEX]-v1'); the next download begins another
    [exit 0]
    ");
    assert_eq!(account_of(&kg, "alice"), None);
    insta::assert_snapshot!(kg.run("status"), @r"
        KIND    CLUSTER   WHAT                                                                                 UNTIL
        ended   prod      version 1 of 'alice' ended, its account was deleted on the cluster: download again   <none>
        [exit 0]
    ");
    assert_eq!(state(&mut kg, "alice"), [(1, "revoked".to_owned())]);
    assert_eq!(get(&other, PODS), 200);
    kg.run("cluster check prod").success();
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
    kg.run("status").success().never_says("download again");
    assert_eq!(state(&mut kg, "alice").len(), 2);
    assert_eq!(get(&old, PODS), 401);
}

#[test]
fn a_download_notices_it_by_itself_and_begins_the_next_version() {
    let mut kg = Home::new();
    let old = kg.grant_and_download("alice", "write");
    delete_account(&kg, "alice");
    let line = "kubeconfig download prod --user alice --plain -f again.kc";
    kg.run(line).success().says("its account was deleted");
    let states = [(1, "revoked".to_owned()), (2, "active".to_owned())];
    assert_eq!(state(&mut kg, "alice"), states);
    assert_eq!(get(&kg.read("again.kc"), PODS), 200);
    assert_eq!(get(&old, PODS), 401);
    kg.run("reconcile").success();
    kg.run("cluster check prod").success();
}

#[test]
fn one_answer_that_an_account_is_gone_is_not_believed() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let account = account_of(&kg, "alice").expect("an account");
    // The list is without it, as one of a server that lags; asked by name, it is there.
    let list = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
        "metadata": { "resourceVersion": "1" }, "items": [],
    });
    let gone = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound",
        "code": 404, "message": format!("serviceaccounts \"{account}\" not found"),
    });
    let lists = (200, "serviceaccounts?".to_owned(), list);
    let names = (404, format!("serviceaccounts/{account}"), gone);
    for (status, path, body) in [lists, names] {
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some("GET".to_owned()),
                path_contains: Some(path),
                nth: None,
            },
            action: Action::Raw {
                status,
                body: body.to_string(),
            },
        });
        kg.run("reconcile").never_says("its account was deleted");
        kg.sandbox.clear_faults();
        kg.run("reconcile").success();
        assert_eq!(state(&mut kg, "alice"), [(1, "active".to_owned())]);
        assert_eq!(get(&file, PODS), 200);
    }
}

#[test]
fn where_the_manager_is_gone_too_nobody_ends_until_it_is_renewed() {
    let mut kg = Home::new();
    let old = kg.grant_and_download("alice", "read");
    for account in kg.accounts() {
        let (namespace, name) = account.split_once('/').expect("a place");
        kg.sandbox
            .remove_object("v1", "ServiceAccount", Some(namespace), name);
    }
    kg.sandbox.remove_object(
        "v1",
        "ServiceAccount",
        Some("kubegrant"),
        "kubegrant-manager",
    );
    kg.run("reconcile").exit(7).says("cluster relink");
    assert_eq!(state(&mut kg, "alice"), [(1, "active".to_owned())]);
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    kg.run("reconcile").success();
    assert_eq!(state(&mut kg, "alice"), [(1, "revoked".to_owned())]);
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
    assert_eq!(get(&old, PODS), 401);
    kg.run("cluster check prod").success();
}

#[test]
fn a_shared_version_goes_on_and_its_holders_download_again() {
    let mut kg = Home::new();
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    kg.run("project add-member alice --project shop --role viewer")
        .success();
    let line = "kubeconfig download prod --shared --user alice --plain -f shared.kc --force";
    kg.run(line).success();
    let old = kg.read("shared.kc");
    delete_account(&kg, "shop");
    let preview = kg.run("reconcile --dry-run -o json").json();
    let effects = preview[0]["effects"].as_array().expect("effects").iter();
    let effects: Vec<_> = effects
        .map(|it| (it["effect"].as_str(), it["version"].as_u64()))
        .collect();
    let both = [
        (Some("end-version"), Some(1)),
        (Some("begin-version"), Some(2)),
    ];
    assert_eq!(effects, both);
    kg.run("reconcile")
        .success()
        .says("its account was deleted");
    kg.run("project show shop").says("alice");
    kg.run(line).success();
    assert_eq!(get(&kg.read("shared.kc"), PODS), 200);
    assert_eq!(get(&old, PODS), 401);
    kg.run("reconcile").success();
}

#[test]
fn what_was_stripped_of_its_labels_is_labelled_again() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "write");
    for mut object in kg.sandbox.objects() {
        let name = object["metadata"]["name"].to_string();
        let is_ours = object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubegrant";
        let kind = object["kind"].as_str().unwrap_or_default();
        if is_ours && kind != "Namespace" && kind != "Secret" && !name.is_empty() {
            object["metadata"]["labels"] = json!({});
            kg.sandbox.put_object(object).expect("put");
        }
    }
    kg.run("cluster check prod")
        .exit(6)
        .says("without our labels")
        .never_says("foreign     account");
    kg.run("reconcile").success();
    kg.run("reconcile").success().says("unchanged");
    kg.run("cluster check prod").success();
    assert_eq!(get(&file, PODS), 200);
    assert_eq!(state(&mut kg, "alice"), [(1, "active".to_owned())]);
    kg.run("cluster delete prod --yes --confirm prod")
        .success()
        .says("Nothing of ours is left on it (verified).");
}

#[test]
fn an_account_without_its_annotations_is_not_made_anew() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let account = account_of(&kg, "alice").expect("an account");
    let mut objects = kg.sandbox.objects().into_iter();
    let mut object = objects
        .find(|it| it["metadata"]["name"] == account.as_str())
        .expect("the account");
    object["metadata"]["annotations"] = json!({});
    kg.sandbox.put_object(object).expect("put");
    kg.run("reconcile").success();
    assert_eq!(get(&file, PODS), 200, "its token still works");
    kg.run("cluster check prod").success();
}

#[test]
fn an_account_of_somebody_else_under_our_name_is_refused_with_both_ways_out() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let account = delete_account(&kg, "alice");
    let theirs = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": account, "namespace": USERS },
    });
    kg.sandbox.put_object(theirs).expect("put");
    kg.run("reconcile")
        .exit(5)
        .says("is not kubegrant's")
        .says("remove it")
        .says("give it back the labels");
    kg.sandbox
        .remove_object("v1", "ServiceAccount", Some(USERS), &account);
    kg.run("reconcile")
        .success()
        .says("its account was deleted");
}

#[test]
fn an_account_of_another_installation_is_neither_taken_over_nor_deleted() {
    for is_going in [false, true] {
        let mut kg = Home::new();
        kg.grant_and_download("alice", "read");
        let template = account_of(&kg, "alice").expect("an account");
        let mut objects = kg.sandbox.objects().into_iter();
        let mut object = objects
            .find(|it| it["metadata"]["name"] == template.as_str())
            .expect("the account");
        kg.run("access grant bob -c prod -l read").success();
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some("POST".to_owned()),
                path_contains: Some("/serviceaccounts".to_owned()),
                nth: None,
            },
            action: Action::Status {
                code: 500,
                retry_after: None,
            },
        });
        let line = "kubeconfig download prod --user bob --plain -f bob.conf";
        kg.run(line).exit(6);
        kg.sandbox.clear_faults();
        let sql = rusqlite::Connection::open(kg.store()).expect("a database");
        let (account, credential): (String, i64) = sql
            .query_row(
                "SELECT account, id FROM credentials WHERE state = 'pending'",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("one that is pending");
        drop(sql);
        let meta = &mut object["metadata"];
        let account = account.trim_start_matches("kubegrant-users/");
        meta["name"] = json!(account);
        meta["labels"]["kubegrant.io/installation"] = json!("another1");
        meta["annotations"]["kubegrant.io/credential-id"] = json!(credential.to_string());
        if is_going {
            meta["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            meta["finalizers"] = json!(["x.io/y"]);
        }
        meta["uid"] = json!("theirs");
        kg.sandbox.put_object(object).expect("put");
        let ran = kg.run(line);
        ran.exit(6);
        let found = kg.objects("ServiceAccount").into_iter();
        let mut found = found.filter(|(name, _)| *name == format!("{USERS}/{account}"));
        let found = found.next();
        let (_, found) = found.unwrap_or_else(|| panic!("it is untouched: {ran}"));
        assert_eq!(
            found["metadata"]["labels"]["kubegrant.io/installation"],
            "another1"
        );
        assert!(!kg.files().iter().any(|name| name == "bob.conf"));
    }
}

#[test]
fn an_account_that_became_another_installations_is_said_not_to_be_ours() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let account = account_of(&kg, "alice").expect("an account");
    let mut objects = kg.sandbox.objects().into_iter();
    let mut object = objects
        .find(|it| it["metadata"]["name"] == account.as_str())
        .expect("the account");
    object["metadata"]["labels"]["kubegrant.io/installation"] = json!("another1");
    kg.sandbox.put_object(object).expect("put");
    let said = "exists on the cluster and is not kubegrant's";
    kg.run("kubeconfig download prod --user alice --plain -f again.conf")
        .says(said);
    kg.run("reconcile").says(said);
}

#[test]
fn a_namespace_that_is_going_or_gone_is_said_to_be_with_the_way_out() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let mut objects = kg.sandbox.objects().into_iter();
    let mut namespace = objects
        .find(|it| it["kind"] == "Namespace" && it["metadata"]["name"] == "kubegrant")
        .expect("the namespace");
    namespace["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z".into();
    namespace["metadata"]["finalizers"] = json!(["example.com/hold"]);
    namespace["status"]["phase"] = "Terminating".into();
    kg.sandbox.put_object(namespace).expect("put");
    for line in [
        "kubeconfig download prod --user alice --plain -f a.kc",
        "cluster check prod",
        "reconcile prod",
    ] {
        kg.run(line)
            .exit(5)
            .says("namespace 'kubegrant' is being deleted")
            .says("kubegrant cluster relink prod");
    }
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .exit(5)
        .says("namespace 'kubegrant' is being deleted");
    assert_eq!(state(&mut kg, "alice"), [(1, "active".to_owned())]);
    // What takes away waits for nothing, also where the manager's account goes while it works.
    let said = kg.run("access revoke alice -c prod --yes");
    assert!(matches!(said.code, 0 | 6), "{said}");
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn a_namespace_that_is_gone_is_made_anew_by_relink() {
    // Where the operator's own credential is kept, the login outlives the namespace.
    let mut kg = Home::organization(Sandbox::builder());
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    let relink = "cluster relink prod --kubeconfig admin.conf --keep-credential --yes";
    kg.run("cluster add prod --kubeconfig admin.conf --keep-credential")
        .success();
    kg.grant_and_download("alice", "read");
    kg.sandbox
        .remove_object("v1", "Namespace", None, "kubegrant");
    for account in kg.accounts() {
        let (namespace, name) = account.split_once('/').expect("a place");
        kg.sandbox
            .remove_object("v1", "ServiceAccount", Some(namespace), name);
    }
    for line in ["cluster check prod", "reconcile"] {
        kg.run(line)
            .exit(5)
            .says("namespace 'kubegrant' is gone from the cluster")
            .says("kubegrant cluster relink prod");
    }
    assert_eq!(state(&mut kg, "alice"), [(1, "active".to_owned())]);
    kg.run(relink).success();
    kg.run("reconcile").success();
    assert_eq!(state(&mut kg, "alice"), [(1, "revoked".to_owned())]);
    assert_eq!(get(&kg.download_for("alice"), PODS), 200);
    kg.run("cluster check prod").success();
}

#[test]
fn rights_that_the_manager_lacks_are_named_as_they_are() {
    let mut kg = Home::new();
    let mut roles = kg.objects("ClusterRole").into_iter();
    let (name, mut role) = roles
        .find(|(name, _)| name.starts_with("kubegrant:") && name.ends_with(":manager"))
        .expect("the manager's role");
    role["rules"].as_array_mut().expect("rules").pop();
    kg.sandbox.put_object(role).expect("put");
    let shown = kg.run("cluster check prod -o json");
    let missing = shown.exit(6).json()["missing_rights"].to_string();
    let edit = name.replace(":manager", ":edit");
    assert!(
        missing.contains(&format!("patch clusterroles '{edit}'")),
        "{missing}"
    );
    assert!(!missing.contains("<installation>"), "{missing}");
}
