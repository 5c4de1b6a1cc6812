//! What becomes of a key: reset, and the end of its cluster.

use super::{events, shown, state, text, with_key};
use crate::home::set_mode;

#[test]
fn a_reset_asks_and_gives_another_key() {
    let mut kg = with_key();
    let old = text(&shown(&mut kg), "fingerprint");
    kg.run("ssh-key reset prod").exit(2).says("--yes");
    let answered = |answer: &'static str| {
        move |fixture: kubegrant::env::Fixture| {
            let fixture = fixture.terminal(true);
            fixture.type_in(answer);
            fixture
        }
    };
    let ran = kg.run_where(answered("n\n"), "ssh-key reset prod --color never");
    assert_ne!(ran.code, 0, "{ran}");
    assert_eq!(text(&shown(&mut kg), "fingerprint"), old);
    kg.run_where(answered("y\n"), "ssh-key reset prod --color never")
        .success();
    let new = shown(&mut kg);
    assert_ne!(text(&new, "fingerprint"), old);
    assert_eq!(new["state"], "available");
    insta::assert_snapshot!(kg.run("ssh-key reset prod --yes"), @r"
        Cluster:       prod
        Fingerprint:   [FINGERPRINT]
        Type:          ed25519
        State:         available
        Made:          2026-11-22T10:00:00Z, generated
        By:            olivia
        Taken:         <none>
        Taken by:      <none>
        Nodes:         <none>
        Public:        ssh-ed25519 [PUBLIC] kubegrant:prod
        ----- stderr -----
        Cluster 'prod' has a new SSH key.
        hint: bring it to the nodes with `kubegrant ssh-key rotate prod -i KEYFILE`, with a key that they accept
        [exit 0]
        ");
    kg.run("ssh-key download prod").success();
    // After a hand-out that went wrong, the new one can be taken once.
    kg.run("ssh-key reset prod --yes").success();
    kg.run("ssh-key download prod -f second.pem").success();
    kg.run("ssh-key download prod -f third.pem").exit(5);
}

#[test]
fn a_key_that_was_replaced_never_comes_back() {
    let mut kg = with_key();
    kg.run("ssh-key download prod").success();
    set_mode(&kg.path("ssh-key-prod.pem"), 0o600);
    kg.run("ssh-key reset prod --yes").success();
    let ran = kg.run("ssh-key import prod ssh-key-prod.pem");
    assert_eq!(ran.code, 5, "{ran}");
    // Not even where nothing stands in its way, as after a store that was edited.
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch("UPDATE ssh_keys SET place = 'gone'")
        .expect("edited");
    drop(sql);
    kg.run("audit accept --reason test --yes").success();
    kg.run("ssh-key import prod ssh-key-prod.pem")
        .exit(5)
        .says("today or from before");
    // Another cluster may have it: whose nodes accept it is its operator's to say.
    let _second = kg.add_cluster("second");
    kg.run("ssh-key import second ssh-key-prod.pem").success();
}

#[test]
fn a_reset_after_a_cut_off_hand_out_does_not_say_that_nobody_has_the_key() {
    let mut kg = with_key();
    kg.run("ssh-key download prod").success();
    // The record of a run that was killed between the file and the record of it.
    let mut kg2 = with_key();
    kg2.run("ssh-key download prod").success();
    let sql = rusqlite::Connection::open(kg2.store()).expect("open");
    let trigger: String = sql
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'ssh_keys_once'",
            [],
            |row| row.get(0),
        )
        .expect("a trigger");
    sql.execute_batch(&format!(
        "DROP TRIGGER ssh_keys_once;
         UPDATE ssh_keys SET custody = 'claimed', secret = x'00';
         {trigger};"
    ))
    .expect("put back");
    drop(sql);
    kg2.run("audit accept --reason test --yes").success();
    kg2.run("ssh-key reset prod --yes").success();
    let sql = rusqlite::Connection::open(kg2.store()).expect("open");
    let custody: String = sql
        .query_row(
            "SELECT custody FROM ssh_keys WHERE generation = 1",
            [],
            |row| row.get(0),
        )
        .expect("a key");
    assert_eq!(custody, "downloaded");
}

#[test]
fn a_dry_run_of_anything_touches_nothing() {
    let mut kg = with_key();
    let before = shown(&mut kg);
    let count = events(&mut kg).len();
    for line in [
        "ssh-key download prod",
        "ssh-key reset prod",
        "ssh-key install prod --node 127.0.0.1:1",
        "ssh-key rotate prod --node 127.0.0.1:1",
    ] {
        let ran = kg.run(&format!("{line} --dry-run"));
        ran.success().says("dry run");
        assert!(!ran.stdout.is_empty(), "{line}: {ran}");
        assert_eq!(shown(&mut kg), before, "{line}");
    }
    assert_eq!(events(&mut kg).len(), count);
    let _second = kg.add_cluster("second");
    kg.run("ssh-key generate second --dry-run")
        .success()
        .says("make an SSH key");
    kg.run("ssh-key show second").exit(3);
}

#[test]
fn the_sealed_half_goes_with_its_cluster() {
    let mut kg = with_key();
    let sealed = kg.sealed("SELECT secret FROM ssh_keys");
    kg.run("cluster delete prod --yes --confirm prod").success();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    let (custody, secret): (String, Option<Vec<u8>>) = sql
        .query_row("SELECT custody, secret FROM ssh_keys", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("its history stays");
    assert_eq!((custody.as_str(), secret), ("destroyed", None));
    drop(sql);
    let stored = std::fs::read(kg.store()).expect("bytes");
    assert!(!super::holds_part(&stored, &sealed));
}

#[test]
fn everything_is_in_the_audit_log() {
    let mut kg = with_key();
    kg.run("ssh-key download prod").success();
    kg.run("ssh-key download prod -f again").exit(5);
    kg.run("ssh-key reset prod --yes").success();
    kg.run("ssh-key download prod -f -").success();
    kg.run("ssh-key reset prod --yes").success();
    assert_eq!(state(&mut kg), "available");
    assert_eq!(
        events(&mut kg),
        [
            "ssh-key generate: done",
            "ssh-key download: requested",
            "ssh-key download: done",
            "ssh-key download: denied",
            "ssh-key reset: done",
            "ssh-key download: done",
            "ssh-key reset: done",
        ]
    );
    kg.run("audit verify").success();
}
