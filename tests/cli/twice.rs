//! Doing a thing twice changes nothing: not the store, not the cluster, not the events.

use serde_json::Value;

use crate::home::Home;

/// What the store and the cluster say, but for the log and the versions of objects.
fn world(kg: &mut Home) -> Vec<String> {
    let mut found = Vec::new();
    for line in [
        "user list -o json",
        "cluster show prod -o json",
        "access list -o json",
        "kubeconfig show prod -o json",
        "kubeconfig show prod --user alice -o json",
        "status -o json",
    ] {
        let ran = kg.run(line);
        found.push(format!("{}{}", ran.stdout, ran.code));
    }
    let mut objects: Vec<String> = kg
        .sandbox
        .objects()
        .into_iter()
        .filter(|object| {
            object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubegrant"
        })
        .map(|mut object| {
            if let Value::Object(metadata) = &mut object["metadata"] {
                metadata.shift_remove("managedFields");
                metadata.shift_remove("resourceVersion");
            }
            object.to_string()
        })
        .collect();
    objects.sort();
    found.extend(objects);
    found
}

/// Does a thing twice, and compares what the first and the second time left.
fn twice(kg: &mut Home, line: &str) {
    kg.run(line).success();
    let once = world(kg);
    kg.sandbox.clear_requests();
    kg.run(line).success();
    assert!(!kg.was_changed(), "{line} wrote to the cluster again");
    assert_eq!(once, world(kg), "{line}");
}

#[test]
fn access_grant() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "access grant alice -c prod -l read --reason x");
}

#[test]
fn access_revoke() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "access revoke alice -c prod --yes");
}

#[test]
fn user_set_role() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "user set-role alice admin");
    twice(&mut kg, "user set-role alice developer");
}

#[test]
fn user_set_key() {
    let mut kg = Home::new();
    let key = kg.make_identity("new");
    twice(&mut kg, &format!("user set-key alice --key {key}"));
}

#[test]
fn user_disable_and_enable() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "user disable alice --yes");
    twice(&mut kg, "user enable alice");
}

#[test]
fn team_revoke_and_restore() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "team revoke alice -c prod --yes");
    twice(&mut kg, "team restore alice -c prod");
}

#[test]
fn user_offboard() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "user offboard alice --yes");
}

#[test]
fn cluster_transfer_and_protect() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "cluster transfer prod --to alice --yes");
    twice(&mut kg, "cluster protect prod");
    twice(&mut kg, "cluster unprotect prod");
}

#[test]
fn cluster_set() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(
        &mut kg,
        "cluster set prod --exclude default --label a=b --description d",
    );
    twice(&mut kg, "cluster set prod --write-scope cluster");
}

#[test]
fn cluster_archive_and_unarchive() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    kg.run("cluster archive prod --yes").success();
    let once = world(&mut kg);
    let again = kg.run("cluster archive prod --yes");
    assert!(matches!(again.code, 0 | 5), "{again}");
    assert_eq!(once, world(&mut kg));
}

#[test]
fn reconcile() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    twice(&mut kg, "reconcile");
}

#[test]
fn init() {
    let mut kg = Home::new();
    twice(&mut kg, "init --organization Acme --owner olivia");
}

#[test]
fn projects() {
    let mut kg = crate::project::shop();
    crate::project::take(&mut kg, "bob");
    twice(&mut kg, "cluster set prod --project shop");
    twice(&mut kg, "project set-role bob --project shop --role editor");
    twice(&mut kg, "project describe shop elsewhere");
    twice(&mut kg, "project revoke shop --yes");
    twice(&mut kg, "cluster set prod --no-project");
}
