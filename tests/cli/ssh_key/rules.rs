//! Who may do what with a cluster's SSH key.

use super::{shown, state, with_key};
use crate::home::Home;

/// What only those who manage the cluster may do.
const MANAGE: &[&str] = &[
    "ssh-key generate prod",
    "ssh-key import prod key",
    "ssh-key install prod --node 127.0.0.1:1",
    "ssh-key rotate prod --node 127.0.0.1:1",
    "ssh-key reset prod --yes",
];

#[test]
fn a_reader_sees_the_key_and_takes_nothing() {
    let mut kg = with_key();
    kg.run("access grant alice -c prod -l read").success();
    kg.run_as("alice", "ssh-key show prod").success();
    kg.run_as("alice", "ssh-key config prod").success();
    insta::assert_snapshot!(kg.run_as("alice", "ssh-key download prod"), @r"
        ----- stderr -----
        error: 'alice' may not download the SSH key on cluster 'prod': organization owners and admins, the cluster's owner, users with write, and the owners and editors of its project may

        hint: ask 'olivia'
        [exit 4]
        ");
    for line in MANAGE {
        let ran = kg.run_as("alice", line);
        assert_eq!(ran.code, 4, "{line}: {ran}");
    }
    assert_eq!(kg.events("ssh-key download", "denied"), 1);
    assert_eq!(
        kg.events("ssh-key import", "denied"),
        1,
        "before the file is read"
    );
    assert_eq!(state(&mut kg), "available");
}

#[test]
fn a_writer_is_handed_the_key_by_somebody_who_can_open_it() {
    let mut kg = with_key();
    kg.run("access grant alice -c prod -l write").success();
    for line in MANAGE {
        let ran = kg.run_as("alice", line);
        assert_eq!(ran.code, 4, "{line}: {ran}");
    }
    // The rules allow it, and her key does not open it: she is told whom to ask.
    insta::assert_snapshot!(kg.run_as("alice", "ssh-key download prod"), @r"
        ----- stderr -----
        error: your key does not open the SSH key of cluster 'prod'

        hint: only organization owners and admins and the cluster's owner can open it: ask one of them to run `kubegrant ssh-key download prod --user YOU`
        [exit 4]
        ");
    assert_eq!(state(&mut kg), "available");
    kg.run_as("alice", "ssh-key download prod --user bob")
        .exit(4);
    kg.run("ssh-key download prod --as alice").success();
    let shown = shown(&mut kg);
    assert_eq!(
        (&shown["taken_by"], &shown["handed_out_by"]),
        (&"alice".into(), &"olivia".into())
    );
}

#[test]
fn a_cluster_owner_manages_and_takes_the_key() {
    let mut kg = with_key();
    kg.run("cluster transfer prod --to alice --yes").success();
    kg.run_as("alice", "ssh-key reset prod --yes").success();
    kg.run_as("alice", "ssh-key download prod").success();
    assert_eq!(shown(&mut kg)["taken_by"], "alice");
}

#[test]
fn a_stranger_is_told_that_there_is_no_such_cluster() {
    let mut kg = with_key();
    kg.write("key", "no key");
    for line in [
        "ssh-key show prod",
        "ssh-key show prod --public",
        "ssh-key download prod",
        "ssh-key download prod --user alice",
        "ssh-key download prod --dry-run",
        "ssh-key config prod",
    ]
    .iter()
    .chain(MANAGE)
    {
        let hidden = kg.run_as("bob", line);
        let unknown = kg.run_as("bob", &line.replace(" prod", " prox"));
        assert_eq!(hidden.code, 3, "{line}: {hidden}");
        assert_eq!(
            hidden.to_string(),
            unknown.to_string().replace("prox", "prod"),
            "{line}"
        );
    }
}

#[test]
fn an_archived_cluster_hands_out_and_changes_nothing() {
    let mut kg = with_key();
    kg.run("cluster archive prod --yes").success();
    for line in MANAGE
        .iter()
        .chain(&["ssh-key download prod", "ssh-key download prod -f -"])
    {
        let ran = kg.run(line);
        assert_eq!(ran.code, 5, "{line}: {ran}");
        ran.says("archived").says("cluster unarchive prod");
    }
    assert_eq!(state(&mut kg), "available");
    kg.run("cluster unarchive prod").success();
    kg.run("ssh-key download prod").success();
}

#[test]
fn who_is_disabled_gets_nothing() {
    let mut kg = with_key();
    kg.add_user("ada", "admin");
    kg.run("user disable ada --yes").success();
    let ran = kg.run_as("ada", "ssh-key download prod");
    assert_eq!(ran.code, 4, "{ran}");
    assert_eq!(state(&mut kg), "available");
}

/// Who of these opens the sealed half.
fn openers<'a>(kg: &Home, users: &[&'a str]) -> Vec<&'a str> {
    let sealed = kg.sealed("SELECT secret FROM ssh_keys WHERE place = 'current'");
    let opens = |user: &&&str| kg.open(user, &sealed).is_some();
    users.iter().filter(opens).copied().collect()
}

#[test]
fn the_key_is_sealed_to_those_who_may_use_it_now() {
    let mut kg = with_key();
    let all = ["olivia", "alice", "bob"];
    assert_eq!(openers(&kg, &all), ["olivia"]);
    kg.run("user set-role bob admin").success();
    assert_eq!(openers(&kg, &all), ["olivia", "bob"]);
    kg.run("cluster transfer prod --to alice --yes").success();
    assert_eq!(openers(&kg, &all), ["olivia", "alice", "bob"]);
    kg.run("user set-role bob developer").success();
    assert_eq!(openers(&kg, &all), ["olivia", "alice"]);
    let key = kg.make_identity("alice");
    kg.run(&format!("user set-key alice --key {key}")).success();
    assert_eq!(openers(&kg, &all), ["olivia", "alice"], "to her new key");
    kg.run_as("bob", "ssh-key download prod").exit(3);
    kg.run("user set-role bob admin").success();
    kg.run_as("bob", "ssh-key download prod").success();
    assert_eq!(shown(&mut kg)["taken_by"], "bob");
    // What is gone is not sealed to anybody any more.
    kg.run("user set-role bob developer").success();
    kg.run("user set-role alice admin").success();
}

#[test]
fn a_sealed_key_that_was_moved_to_another_cluster_does_not_open() {
    let mut kg = with_key();
    let _second = kg.add_cluster("second");
    kg.run("ssh-key generate second").success();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch(
        "UPDATE ssh_keys SET secret = (SELECT secret FROM ssh_keys p
           WHERE p.cluster <> ssh_keys.cluster)",
    )
    .expect("swapped");
    drop(sql);
    kg.run("ssh-key download prod").exit(7);
    assert_eq!(kg.files(), ["admin.conf", "second.conf"]);
}

#[test]
fn the_receipt_of_who_leaves_names_the_keys_they_took() {
    let mut kg = with_key();
    let _second = kg.add_cluster("second");
    kg.run("ssh-key generate second").success();
    kg.run("user set-role bob admin").success();
    kg.run_as("bob", "ssh-key download prod").success();
    let taken = super::text(&shown(&mut kg), "fingerprint");
    let receipt = kg.run("user offboard bob --yes -o json");
    receipt.success().says(&taken).says("ssh-key rotate prod");
    // The other one he could have opened.
    let other = kg.run("ssh-key show second -o json").json();
    receipt.says(other["fingerprint"].as_str().expect("a fingerprint"));
}

#[test]
fn an_editor_of_the_project_is_handed_the_key_and_a_viewer_is_not() {
    let mut kg = with_key();
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    kg.run("project add-member alice --project shop --role viewer")
        .success();
    kg.make_identity("alice");
    kg.run("ssh-key download prod --user alice").exit(4);
    assert_eq!(state(&mut kg), "available");
    kg.run("project set-role alice --project shop --role editor --yes")
        .success();
    kg.run("ssh-key download prod --user alice").success();
    assert_eq!(shown(&mut kg)["taken_by"], "alice");
}

#[test]
fn a_key_file_that_is_not_there_is_said_before_anything_is_recorded() {
    let mut kg = with_key();
    for verb in ["install", "rotate"] {
        let ran = kg.run(&format!(
            "ssh-key {verb} prod --node 10.0.0.5 -i missing.pem"
        ));
        assert!(ran.stderr.contains("missing.pem"), "{ran}");
        let action = format!("ssh-key {verb}");
        assert_eq!(kg.events(&action, "requested"), 0, "{verb}");
    }
}
