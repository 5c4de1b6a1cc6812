//! `kubegrant audit list` and `audit verify`.

use crate::home::Home;

#[test]
fn what_was_asked_refused_and_done_is_listed() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read --reason \"on call\"")
        .success();
    kg.run_as("alice", "access grant bob -c prod -l read")
        .exit(4);
    kg.download_for("alice");
    kg.run("access revoke alice -c prod --yes").success();
    insta::assert_snapshot!(kg.run("audit list"), @r"
    SEQ   TIME                   ACTOR    ACTION                PHASE       CLUSTER   USER     DETAIL
    1     2026-11-22T10:00:00Z   olivia   init                  done        <none>    olivia   organization 'Acme' with owner 'olivia'
    2     2026-11-22T10:00:00Z   olivia   user add              done        <none>    alice    user 'alice' added as developer
    3     2026-11-22T10:00:00Z   olivia   user add              done        <none>    bob      user 'bob' added as developer
    4     2026-11-22T10:00:00Z   olivia   cluster add           requested   prod      <none>   register https://127.0.0.1:[PORT] (v1.36.0+sandbox)
    5     2026-11-22T10:00:00Z   olivia   cluster add           done        prod      <none>   register https://127.0.0.1:[PORT] (v1.36.0+sandbox)
    6     2026-11-22T10:00:00Z   olivia   cluster add           done        prod      <none>   older logins of the manager are gone
    7     2026-11-22T10:00:00Z   olivia   access grant          requested   prod      alice    read for 'alice': on call
    8     2026-11-22T10:00:00Z   olivia   access grant          done        prod      alice    read for 'alice': on call
    9     2026-11-22T10:00:00Z   alice    access grant          denied      prod      bob      'alice' may not grant, change or remove developers' access on cluster 'prod': organization owners and admins, and the cluster's owner may
    10    2026-11-22T10:00:00Z   olivia   kubeconfig download   requested   prod      alice    kubeconfig of 'alice'
    11    2026-11-22T10:00:00Z   olivia   kubeconfig download   requested   prod      alice    version 1 of 'alice' (read)
    12    2026-11-22T10:00:00Z   olivia   kubeconfig download   done        prod      alice    version 1 of 'alice' is on the cluster
    13    2026-11-22T10:00:00Z   olivia   kubeconfig download   requested   prod      alice    a token for version 1 of 'alice', until 2026-12-22T10:00:00Z
    14    2026-11-22T10:00:00Z   olivia   kubeconfig download   done        prod      alice    version 1 of 'alice' handed over (stdout), ends 2026-12-22T10:00:00Z
    15    2026-11-22T10:00:00Z   olivia   access revoke         requested   prod      alice    access of 'alice' removed
    16    2026-11-22T10:00:00Z   olivia   access revoke         requested   prod      alice    version 1 of 'alice' ends: access ended
    17    2026-11-22T10:00:00Z   olivia   access revoke         done        prod      alice    version 1 of 'alice' is gone, read back from the cluster
    18    2026-11-22T10:00:00Z   olivia   access revoke         done        prod      alice    access of 'alice' removed
    [exit 0]
    ");
}

#[test]
fn events_are_filtered_by_user_cluster_action_and_time() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.tick(5);
    kg.run("access grant bob -c prod -l write").success();
    let count = |ran: crate::home::Ran| ran.json().as_array().map_or(0, Vec::len);
    let all = count(kg.run("audit list -o json"));
    assert_eq!(
        count(kg.run("audit list --user bob --action access -o json")),
        2
    );
    assert_eq!(
        count(kg.run("audit list --action \"access grant\" -o json")),
        4
    );
    assert_eq!(count(kg.run("audit list --since 1h -o json")), 2);
    assert_eq!(count(kg.run("audit list --until 1h -o json")), all - 2);
    assert_eq!(count(kg.run("audit list --limit 3 -o json")), 3);
    assert_eq!(count(kg.run("audit list --cluster other -o json")), 0);
}

#[test]
fn acting_as_another_records_both_names() {
    let mut kg = Home::new();
    kg.run("user set-role alice admin").success();
    kg.run_as("alice", "access grant bob -c prod -l read --as alice")
        .success();
    kg.run("user set-role alice developer").success();
    kg.run("cluster list --as alice").success();
    kg.run("user list --as alice").exit(4);
    let events = kg.run("audit list --action user -o json").json();
    let last = events
        .as_array()
        .expect("a list")
        .last()
        .expect("an event")
        .clone();
    assert_eq!(last["actor"], "olivia");
    assert_eq!(last["acting_as"], "alice");
    assert_eq!(last["phase"], "denied");
}

#[test]
fn the_log_is_for_owners_and_admins() {
    let mut kg = Home::new();
    kg.run_as("alice", "audit list").exit(4);
}

#[test]
fn a_whole_log_verifies() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("audit verify"), @r"
    Whole:        yes
    Events:       6
    Head:         [HASH]
    Known here:   fits
    Signed:       from event 1
    [exit 0]
    ");
}

#[test]
fn the_log_takes_no_update_and_no_delete() {
    let kg = Home::new();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    assert!(sql.execute("UPDATE audit SET actor = 'x'", []).is_err());
    assert!(sql.execute("DELETE FROM audit", []).is_err());
}

#[test]
fn an_edited_a_removed_and_a_reordered_event_are_found() {
    for tamper in [
        "UPDATE audit SET actor = 'mallory' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET seq = -1 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; \
         UPDATE audit SET seq = 3 WHERE seq = -1",
    ] {
        let mut kg = Home::new();
        let sql = rusqlite::Connection::open(kg.store()).expect("open");
        let triggers: Vec<String> = sql
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .and_then(|mut found| found.query_map([], |row| row.get(0))?.collect())
            .expect("triggers");
        for trigger in triggers {
            sql.execute_batch(&format!("DROP TRIGGER {trigger}"))
                .expect("dropped");
        }
        sql.execute_batch(tamper).expect(tamper);
        drop(sql);
        kg.run("audit verify").exit(7).says("event");
    }
}
