//! A copy of the store, put back or used elsewhere, hands no key out a second time.

use std::path::Path;

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
    sql.execute_batch("DROP TRIGGER ssh_keys_once")
        .expect("edited");
    sql.execute(
        "UPDATE ssh_keys SET custody = 'available', secret = ?1, claimed_at = NULL",
        [sealed],
    )
    .expect("edited");
    drop(sql);
    kg.run("audit accept --reason \"by hand\" --yes").success();
    kg.run("ssh-key download prod -f again.pem").exit(5);
}
