//! How long a download of write relies on the last look at all that write rests upon.

use serde_json::json;

use crate::home::{CONFIG_MAPS, Home, call};

fn lists(kg: &Home) -> usize {
    let requests = kg.sandbox.requests().into_iter();
    let lists = requests.filter(|it| it.method == "GET" && it.path.contains("rolebindings?"));
    lists.count()
}

fn put_namespace(kg: &Home, name: &str) {
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    kg.sandbox.put_object(namespace).expect("stored");
}

fn may_write_in(file: &str, namespace: &str) -> bool {
    let maps = CONFIG_MAPS.replace("default", namespace);
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } });
    // A second one of its name is in its way, and no refusal.
    matches!(call(file, "POST", &maps, Some(&map)), 201 | 409)
}

#[test]
fn another_download_of_write_lists_nothing_as_long_as_the_last_look_is_young() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    put_namespace(&kg, "shop");
    kg.sandbox.clear_requests();
    let line = "kubeconfig download prod --user alice --plain -f -";
    let ran = kg.run(line);
    ran.success()
        .says("Where write reaches was looked at last on 2026-");
    assert_eq!(lists(&kg), 0);
    let file = ran.stdout.clone();
    assert!(may_write_in(&file, "default"));
    // What came since is joined by the next look.
    assert!(!may_write_in(&file, "shop"));
    kg.run("cluster show prod").success().says("Looked at:");
    kg.tick(1);
    kg.run(line).success().never_says("looked at last");
    assert!(lists(&kg) > 0);
    assert!(may_write_in(&file, "shop"));
}

#[test]
fn a_first_version_and_a_change_of_where_write_reaches_are_looked_at_afresh() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "write");
    put_namespace(&kg, "shop");
    let bob = kg.grant_and_download("bob", "write");
    assert!(may_write_in(&bob, "shop") && may_write_in(&file, "shop"));
    kg.run("cluster set prod --exclude shop").success();
    assert!(!may_write_in(&bob, "shop"));
    let file = kg.download_for("alice");
    assert!(!may_write_in(&file, "shop"));
}

#[test]
fn how_long_it_is_relied_upon_is_a_setting_of_those_who_look_after_the_cluster() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    kg.run("cluster set prod --scan-every 3h")
        .success()
        .says("Scan every:");
    kg.tick(2);
    let line = "kubeconfig download prod --user alice --plain -f -";
    kg.sandbox.clear_requests();
    kg.run(line).success().says("looked at last");
    kg.tick(2);
    kg.run(line).success().never_says("looked at last");
    for (every, code) in [("0s", 2), ("2d", 2), ("10", 2), ("1d", 0)] {
        kg.run(&format!("cluster set prod --scan-every {every}"))
            .exit(code);
    }
    let key = kg.make_identity("alice");
    kg.run(&format!("user set-key alice --key {key} --yes"))
        .success();
    kg.run_as("alice", "cluster set prod --scan-every 5m")
        .exit(4);
    // Whoever edits it in the file is found.
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch("UPDATE clusters SET scan_every = 86399")
        .expect("whoever has the file can");
    drop(sql);
    kg.run("audit verify")
        .exit(7)
        .says("the record of cluster 'prod'");
}
