//! More accounts than one binding list takes: they are shared out among several, one write touches one of
//! them, and a list of before there was more than one is shared out by `reconcile`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::home::{Home, PODS, get};

/// Puts readers into the store whose versions are pending, as after a time in which the cluster was away.
pub(crate) fn fill(kg: &mut Home, readers: u32) {
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1001 UNION ALL SELECT n + 1 FROM n WHERE n < {readers} + 1000)
         INSERT INTO users (id, name, role, created_at) SELECT n, 'reader-' || n, 'developer', 0 FROM n;
         INSERT INTO grants (cluster, user, level, granted_at, granted_by)
           SELECT 1, id, 'read', 0, 1 FROM users WHERE id > 1000;
         INSERT INTO credentials (cluster, kind, user, version, account, power, state, created_at)
           SELECT 1, 'personal', id, 1, name || '-0badcafe-v1', 'read', 'pending', 0
           FROM users WHERE id > 1000;"
    ))
    .expect("rows");
    drop(sql);
    accept(kg);
}

fn accept(kg: &mut Home) {
    kg.run("audit accept --reason filled --yes").success();
}

/// Our lists that give a level cluster-wide, with how many are on each.
fn lists(kg: &Home) -> BTreeMap<String, usize> {
    let lists = kg.objects("ClusterRoleBinding").into_iter();
    let ours = lists.filter(|(name, _)| name.contains(":view"));
    let counted = ours.map(|(name, list)| {
        let subjects = list["subjects"].as_array().map_or(0, Vec::len);
        let role = name.rsplit(':').next().expect("a role");
        (role.to_owned(), subjects)
    });
    counted.collect()
}

fn written(kg: &Home) -> Vec<String> {
    let requests = kg.sandbox.requests().into_iter();
    let writes = requests.filter(|it| it.method != "GET" && it.path.contains("bindings/"));
    let names = writes.filter_map(|it| {
        let (path, _) = it.path.split_once('?')?;
        Some(path.rsplit(':').next()?.to_owned())
    });
    names.collect()
}

fn expected(lists: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let lists = lists.iter();
    lists
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[test]
fn no_list_has_more_than_its_share_and_one_write_touches_one() {
    let mut kg = Home::new();
    let alice = kg.grant_and_download("alice", "read");
    fill(&mut kg, 510);
    kg.run("reconcile").success();
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 11)]));
    kg.sandbox.clear_requests();
    let bob = kg.grant_and_download("bob", "read");
    assert_eq!(get(&bob, PODS), 200);
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 12)]));
    kg.run("access revoke bob --cluster prod --yes").success();
    assert_eq!(get(&bob, PODS), 401);
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 11)]));
    let lists_written = written(&kg);
    assert!(!lists_written.is_empty());
    assert!(
        lists_written.iter().all(|it| it == "view-2"),
        "{lists_written:?}"
    );
    // Whoever rotates stays where they were.
    kg.run("team rotate alice --cluster prod --yes").success();
    assert_eq!(get(&alice, PODS), 401);
    let alice = kg.download_for("alice");
    assert_eq!(get(&alice, PODS), 200);
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 11)]));
    kg.run("reconcile").success().says("unchanged");
}

/// Puts everybody onto one list, as a kubegrant did that knew no more than one.
fn onto_one_list(kg: &mut Home) {
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch("UPDATE credentials SET shard = 1")
        .expect("whoever has the file can");
    drop(sql);
    accept(kg);
    let all = kg.objects("ClusterRoleBinding").into_iter();
    let mut all = all.filter(|(name, _)| name.contains(":view"));
    let (_, mut first) = all.next().expect("the first list");
    let (name, second) = all.next().expect("the second list");
    let more = second["subjects"].as_array().expect("subjects").clone();
    first["subjects"]
        .as_array_mut()
        .expect("subjects")
        .extend(more);
    kg.sandbox.put_object(first).expect("stored");
    let version = "rbac.authorization.k8s.io/v1";
    kg.sandbox
        .remove_object(version, "ClusterRoleBinding", None, &name);
}

#[test]
fn a_list_of_before_is_shared_out_by_reconcile_with_everybody_let_in_all_the_time() {
    let mut kg = Home::new();
    fill(&mut kg, 505);
    let bob = kg.grant_and_download("bob", "read");
    kg.run("reconcile").success();
    onto_one_list(&mut kg);
    assert_eq!(lists(&kg), expected(&[("view", 506)]));
    // It works as it is.
    let alice = kg.grant_and_download("alice", "read");
    assert_eq!(lists(&kg), expected(&[("view", 506), ("view-2", 1)]));
    let plan = kg.run("reconcile --dry-run -o json").success().json();
    let moves = plan.to_string().matches("move-to-shard").count();
    assert_eq!(moves, 6, "{plan}");
    assert_eq!(lists(&kg), expected(&[("view", 506), ("view-2", 1)]));
    kg.sandbox.clear_requests();
    kg.run("reconcile").success().says("changed");
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 7)]));
    // First onto the other, then off the one.
    assert_eq!(written(&kg), ["view-2", "view"]);
    for file in [&alice, &bob] {
        assert_eq!(get(file, PODS), 200);
    }
    kg.run("reconcile").success().says("unchanged");
    kg.run("audit verify").success();
}

#[test]
fn who_is_revoked_while_lists_are_shared_out_is_off_both() {
    let mut kg = Home::new();
    fill(&mut kg, 505);
    kg.run("reconcile").success();
    let bob = kg.grant_and_download("bob", "read");
    onto_one_list(&mut kg);
    // What a run leaves that was killed after it recorded who moves.
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch(
        "UPDATE credentials SET shard = 2 WHERE user = (SELECT id FROM users WHERE name = 'bob');
         UPDATE clusters SET reach_owed = 1",
    )
    .expect("whoever has the file can");
    drop(sql);
    accept(&mut kg);
    assert_eq!(get(&bob, PODS), 200);
    kg.run("access revoke bob --cluster prod --yes").success();
    assert_eq!(get(&bob, PODS), 401);
    assert_eq!(lists(&kg), expected(&[("view", 505)]));
    let all: Vec<Value> = kg.sandbox.objects();
    assert!(!json!(all).to_string().contains("bob-"));
}

#[test]
fn everybodys_next_versions_are_shared_out_too() {
    let mut kg = Home::new();
    fill(&mut kg, 510);
    kg.run("reconcile").success();
    kg.run("cluster rotate-credentials prod --yes").success();
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 10)]));
}

#[test]
fn a_move_that_was_cut_short_is_pending_and_no_list_is_forgotten() {
    let mut kg = Home::new();
    fill(&mut kg, 510);
    let alice = kg.grant_and_download("alice", "read");
    kg.run("rbac bind alice --cluster prod --cluster-role view")
        .success();
    kg.run("reconcile").success();
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 11)]));
    // The store says already that she is on the first.
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch(
        "UPDATE credentials SET shard = 1 WHERE user = (SELECT id FROM users WHERE name = 'alice');
         UPDATE clusters SET reach_owed = 1",
    )
    .expect("whoever has the file can");
    drop(sql);
    accept(&mut kg);
    kg.run("status").exit(6).says("who is on which list");
    kg.run("access revoke alice --cluster prod --yes").success();
    assert_eq!(get(&alice, PODS), 401);
    assert_eq!(lists(&kg), expected(&[("view", 500), ("view-2", 10)]));
    assert!(!json!(kg.sandbox.objects()).to_string().contains("alice-"));
    kg.run("reconcile").success();
    kg.run("status").success();
}

#[test]
fn a_record_among_many_that_somebody_changed_is_not_vouched_for_elsewhere() {
    let mut kg = Home::new();
    fill(&mut kg, 1_100);
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch(
        "INSERT INTO row_digests SELECT 'zzz', name, part, digest FROM row_digests
           WHERE name = 'users' AND part = '1500';
         UPDATE users SET role = 'developer', active = 0 WHERE id = 1500;
         UPDATE row_digests SET digest = (SELECT digest FROM row_digests WHERE name = 'users'
           AND part = '1501') WHERE gathered = 'zzz';",
    )
    .expect("whoever has the file can");
    drop(sql);
    kg.run("team rotate --all-users -c prod --dry-run")
        .exit(7)
        .says("the record of user 'reader-1500'");
}
