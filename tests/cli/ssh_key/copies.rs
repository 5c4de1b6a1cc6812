//! A copy of the store, put back or used elsewhere, hands no key out a second time.

use std::path::Path;

use kubegrant_sandbox::{Action, Fault, Match};

use super::{state, with_key};
use crate::home::{Home, set_mode};

/// Copies the store as `cp` does, with what is in its log.
fn copy(kg: &Home, to: &Path) {
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("a checkpoint");
    std::fs::copy(kg.store(), to).expect("a copy");
    set_mode(to, 0o600);
}

fn put_back(kg: &Home, from: &Path) {
    for side in ["-wal", "-shm"] {
        let mut name = kg.store().into_os_string();
        name.push(side);
        drop(std::fs::remove_file(name));
    }
    std::fs::copy(from, kg.store()).expect("a copy");
    set_mode(&kg.store(), 0o600);
}

/// Another machine, which has a store from elsewhere and knows nothing of it.
fn move_to_another_machine(kg: &Home, store: &Path) {
    drop(std::fs::remove_dir_all(kg.root().join("state")));
    put_back(kg, store);
}

#[test]
fn whoever_accepts_an_older_store_gets_no_key_and_no_version_twice() {
    let mut kg = with_key();
    let keep = kg.path("keep.db");
    copy(&kg, &keep);
    kg.run("ssh-key download prod -f k1.pem").success();
    kg.run("access grant bob -c prod -l write").success();
    let old = kg.download_for("bob");
    put_back(&kg, &keep);
    kg.run("ssh-key download prod -f k2.pem").exit(7);
    let ran = kg.run("audit accept --reason \"power cut\" --yes");
    ran.success()
        .says("somebody may have taken the SSH key of cluster 'prod'")
        .says("kubegrant reconcile");
    kg.run("ssh-key download prod -f k3.pem")
        .exit(5)
        .says("kubegrant ssh-key rotate prod");
    assert!(!kg.path("k3.pem").exists());
    // Nothing is issued before the cluster was looked at, and then no number comes twice.
    kg.run("kubeconfig download prod -f - --plain").exit(5);
    kg.run("reconcile").success();
    kg.run("access grant bob -c prod -l read").success();
    assert_eq!(crate::home::get(&old, crate::home::PODS), 401);
    kg.run("kubeconfig download prod --user bob --force")
        .success();
    let shown = kg.run("--as bob kubeconfig show prod -o json").json();
    assert_eq!(shown[0]["version"], 2, "{shown}");
    kg.run("audit verify").success();
    kg.run("ssh-key reset prod --yes").success();
    kg.run("ssh-key download prod -f k4.pem").success();
}

#[test]
fn a_backup_used_as_a_store_elsewhere_hands_out_no_second_key() {
    let mut kg = with_key();
    kg.run("backup b.db").success();
    // Told before it is done: also a hand-out that nothing else follows is known there.
    kg.run("ssh-key download prod -f a.pem").success();
    let first = kg.path("first.db");
    copy(&kg, &first);
    move_to_another_machine(&kg, &kg.path("b.db"));
    kg.run("ssh-key download prod -f b.pem").exit(7);
    assert!(!kg.path("b.pem").exists());
    let ran = kg.run("ssh-key download prod -f -");
    assert_eq!((ran.code, ran.stdout.as_str()), (7, ""));
    // Also not by the word of an owner.
    let ran = kg.run("audit accept --reason \"a new machine\" --yes");
    ran.success().says("knows a younger store");
    kg.run("ssh-key download prod -f b.pem").exit(5);
    // And the first machine is the one that notices, once the other hands out a new one.
    kg.run("reconcile").success();
    kg.run("ssh-key reset prod --yes").success();
    kg.run("ssh-key download prod -f b.pem").success();
    move_to_another_machine(&kg, &first);
    kg.run("ssh-key reset prod --yes").success();
    kg.run("ssh-key download prod -f c.pem").exit(7);
}

#[test]
fn an_accepted_store_is_doubted_where_the_cluster_cannot_vouch_for_it() {
    let mut kg = with_key();
    kg.sandbox.stop();
    let ran = kg.run("audit accept --reason \"to be sure\" --yes");
    ran.success().says("cluster 'prod' could not be asked");
    kg.sandbox.restart().expect("a sandbox");
    kg.run("ssh-key download prod").exit(5);
    assert_eq!(state(&mut kg), "available");
}

#[test]
fn a_store_that_the_cluster_vouches_for_is_not_doubted() {
    let mut kg = with_key();
    kg.grant_and_download("alice", "read");
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch("UPDATE users SET role = 'admin' WHERE name = 'bob'")
        .expect("edited");
    drop(sql);
    kg.run("audit accept --reason seen --yes")
        .success()
        .never_says("SSH key");
    kg.run("ssh-key download prod").success();
}

#[test]
fn a_key_whose_record_was_put_back_by_hand_is_doubted() {
    let mut kg = with_key();
    let sealed = kg.sealed("SELECT secret FROM ssh_keys");
    kg.run("ssh-key download prod").success();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    let trigger: String = sql
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'ssh_keys_once'",
            [],
            |row| row.get(0),
        )
        .expect("the trigger");
    sql.execute_batch("DROP TRIGGER ssh_keys_once")
        .expect("edited");
    sql.execute(
        "UPDATE ssh_keys SET custody = 'available', secret = ?1, claimed_at = NULL",
        [sealed],
    )
    .expect("edited");
    // Who leaves a trace in the schema is not accepted at all.
    sql.execute_batch(&trigger).expect("put back");
    drop(sql);
    kg.run("audit accept --reason \"by hand\" --yes").success();
    kg.run("ssh-key download prod -f again.pem").exit(5);
}

#[test]
fn where_the_cluster_is_away_a_person_takes_it_upon_themselves() {
    let mut kg = with_key();
    kg.sandbox.stop();
    let ran = kg.run("ssh-key download prod");
    ran.exit(2)
        .says("could not be asked whether this is the store that it knows")
        .says("--yes");
    assert_eq!(state(&mut kg), "available");
    assert!(!kg.path("ssh-key-prod.pem").exists());
    let ran = kg.run("ssh-key download prod -f -");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    let answered = |answer: &'static str| {
        move |fixture: kubegrant::env::Fixture| {
            let fixture = fixture.terminal(true);
            fixture.type_in(answer);
            fixture
        }
    };
    let line = "ssh-key download prod --color never";
    kg.run_where(answered("n\n"), line).exit(5);
    assert_eq!(state(&mut kg), "available");
    kg.run_where(answered("y\n"), line).success();
    assert_eq!(state(&mut kg), "downloaded");
    let log = kg.run("audit list --action ssh-key -o json");
    log.success().says("the cluster could not be asked or told");
}

#[test]
fn a_cluster_that_cannot_be_told_counts_as_away() {
    let mut kg = with_key();
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("PATCH".to_owned()),
            path_contains: Some("namespaces/kubegrant".to_owned()),
            nth: None,
        },
        action: Action::Status {
            code: 500,
            retry_after: None,
        },
    });
    kg.run("ssh-key download prod").exit(2).says("--yes");
    assert_eq!(state(&mut kg), "available");
    assert!(!kg.path("ssh-key-prod.pem").exists());
    let ran = kg.run("ssh-key download prod -f -");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    kg.run("ssh-key download prod --yes")
        .success()
        .says("another copy of this store would hand the key out once more");
}

#[test]
fn who_could_open_the_key_before_it_was_taken_is_named_when_they_leave() {
    let mut kg = with_key();
    let key = "SSH key SHA256:";
    kg.add_user("adam", "admin");
    kg.add_user("ada", "admin");
    let ran = kg.run("ssh-key download prod");
    ran.success()
        .says("backups and copies of the store from before still hold it")
        .says("'ada', 'adam', 'olivia'")
        .never_says("only copy");
    // Whoever comes later never could.
    kg.add_user("zoe", "admin");
    kg.run("user disable zoe --yes").success().never_says(key);
    let other = kg.make_identity("other");
    kg.run(&format!("user set-key ada --key {other}"))
        .success()
        .says(key)
        .says("with a backup from before it was taken");
    kg.run("user disable adam --yes").success().says(key);
    kg.run("user set-role ada developer").success().says(key);
    kg.run("user offboard ada --yes").success();
    let mut kg = with_key();
    kg.add_user("adam", "admin");
    kg.run("ssh-key download prod").success();
    kg.run("user offboard adam --yes").success().says(key);
}
