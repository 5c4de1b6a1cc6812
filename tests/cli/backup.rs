//! `kubegrant backup` and `kubegrant restore`.

use crate::home::{Home, PODS, get, mode_of, set_mode};

fn backed_up() -> Home {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("backup b.db").success();
    kg
}

#[test]
fn a_backup_is_private_whole_and_replaces_nothing_unasked() {
    let mut kg = Home::new();
    kg.run("backup b.db --dry-run").success();
    assert!(!kg.path("b.db").exists());
    insta::assert_snapshot!(kg.run("backup b.db -o json"), @r#"
    {
      "path": "[HOME]/work/b.db",
      "bytes": 286720,
      "seq": 7,
      "head": "[HASH]"
    }
    ----- stderr -----
    The store is copied to `[HOME]/work/b.db`.
    hint: it holds no identity: back yours up elsewhere, or nobody can open the secrets
    [exit 0]
    "#);
    assert_eq!(mode_of(&kg.path("b.db")), 0o600);
    kg.run("backup b.db").exit(5);
    kg.run("backup b.db --force").success();
    let sql = rusqlite::Connection::open(kg.path("b.db")).expect("a database");
    let rows = |table: &str| -> i64 {
        sql.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .expect(table)
    };
    assert_eq!((rows("users"), rows("clusters")), (3, 1));
    let bytes = std::fs::read(kg.path("b.db")).expect("a file");
    let secret = b"AGE-SECRET-KEY";
    assert!(!bytes.windows(secret.len()).any(|found| found == secret));
    assert_eq!(kg.events("backup", "done"), 2);
}

#[test]
fn backups_are_for_owners_and_admins_and_restoring_is_for_owners() {
    let mut kg = backed_up();
    kg.run_as("alice", "backup c.db").exit(4);
    kg.run_as("alice", "restore b.db --yes").exit(4);
    kg.run("user set-role alice admin").success();
    kg.run_as("alice", "backup c.db").success();
    kg.run_as("alice", "restore c.db --yes").exit(4);
    kg.run("restore b.db").exit(2);
    kg.run("user set-role alice owner").success();
    kg.run_as("alice", "restore b.db --yes").exit(4); // No owner by the backup's word.
}

#[test]
fn what_was_issued_after_the_backup_ends_with_the_next_reconcile() {
    let mut kg = backed_up();
    kg.run("access grant bob -c prod -l read").success();
    let bob = kg.download_for("bob");
    kg.run("--as alice kubeconfig rotate prod --no-download")
        .success();
    kg.run("--as alice kubeconfig rotate prod --no-download")
        .success();
    assert_eq!(get(&bob, PODS), 200);
    kg.run("restore b.db --dry-run").success();
    insta::assert_snapshot!(kg.run("restore b.db --yes"), @r"
    Backup:         event 14
    Replaced:       event 34
    To reconcile:   prod
    Event:          event 15
    Head:           [HASH]
    Undone:         grant bob on prod: read becomes none
    Undone:         kubeconfig alice on prod: version 3, read, active becomes version 1, read, active
    Undone:         kubeconfig bob on prod: version 1, read, active becomes none
    ----- stderr -----
    The store is restored.
    The one that was replaced is kept at `[HOME]/data/kubegrant/store.db.replaced-1795341600`.
    warning: 3 things that changed after the backup are as before: look through them, and decide again
    hint: run `kubegrant reconcile` now: it ends what was issued after the backup
    [exit 0]
    ");
    kg.run("status").says("may still be there");
    kg.run("reconcile").success();
    assert_eq!(get(&bob, PODS), 401, "bob's account is gone");
    kg.run("audit verify").success();
    kg.download_for("alice");
    let version = |kg: &mut Home| {
        let shown = kg.run("--as alice kubeconfig show prod -o json").json();
        let versions = shown.as_array().expect("a list").clone();
        versions.last().expect("a version")["version"].clone()
    };
    // The one that stood in the backup was ended since: its account is gone.
    assert_eq!(version(&mut kg), 4, "2 and 3 were issued before");
    kg.run("--as alice kubeconfig rotate prod --no-download")
        .success();
    assert_eq!(version(&mut kg), 5);
}

/// Whoever makes accounts in our namespace could say that every number is used up.
#[test]
fn a_forged_number_uses_no_numbers_up() {
    let mut kg = backed_up();
    kg.run("access grant bob -c prod -l read").success();
    kg.download_for("bob");
    let all = kg.objects("ServiceAccount").into_iter();
    let mut bobs = all.filter(|(name, _)| name.contains("/bob-"));
    let (_, mut forged) = bobs.next().expect("bob's account");
    let meta = forged["metadata"].as_object_mut().expect("metadata");
    drop(meta.remove("uid"));
    drop(meta.insert("name".to_owned(), "bob-0badcafe-v4294967295".into()));
    kg.sandbox.put_object(forged).expect("stored");
    kg.run("restore b.db --yes").success();
    kg.run("reconcile").success();
    kg.run("access grant bob -c prod -l read").success();
    kg.run("kubeconfig download prod --user bob -f bob.age")
        .success()
        .says("Version 2 of 'bob'");
}

#[test]
fn nothing_is_issued_before_the_cluster_was_looked_at() {
    let mut kg = backed_up();
    kg.run("restore b.db --yes").success();
    kg.run("kubeconfig download prod -f - --plain")
        .exit(5)
        .says("kubegrant reconcile prod");
    kg.run("reconcile prod").success();
    kg.run("kubeconfig download prod -f - --plain").success();
}

#[test]
fn a_fresh_machine_goes_on_from_a_backup() {
    let mut kg = backed_up();
    kg.run("user add zoe").success();
    std::fs::remove_dir_all(kg.root().join("data")).expect("it was there");
    std::fs::remove_dir_all(kg.root().join("state")).expect("it was there");
    kg.run_as("bob", "restore b.db --yes").exit(4);
    assert!(!kg.store().exists());
    kg.run("restore b.db --yes").success();
    kg.run("reconcile").success();
    kg.run("user show zoe").exit(3);
    kg.run("audit verify").success();
    assert_eq!(mode_of(&kg.store()), 0o600);
}

#[test]
fn a_store_that_was_tampered_with_is_kept_and_replaced() {
    let mut kg = backed_up();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch("UPDATE users SET role = 'developer' WHERE name = 'olivia'")
        .expect("edited");
    drop(sql);
    kg.run("user list").exit(7);
    kg.run("backup c.db").exit(7);
    kg.run("restore b.db --yes").success();
    kg.run("user list").success();
    kg.run("reconcile").success();
    let folder = std::fs::read_dir(kg.root().join("data/kubegrant")).expect("a folder");
    let kept = folder
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.to_string_lossy().contains(".replaced-"))
        .expect("it is kept");
    assert_eq!(mode_of(&kept), 0o600);
}

#[test]
fn what_is_no_whole_backup_of_ours_changes_nothing() {
    let mut kg = backed_up();
    let before = kg.run("audit list -o json").stdout.clone();
    let good = std::fs::read(kg.path("b.db")).expect("a backup");
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    let mut foreign = Home::empty(kubegrant_sandbox::Sandbox::builder());
    foreign
        .run("init --organization Other --owner mallory")
        .success();
    foreign.run("backup f.db").success();
    let other = std::fs::read(foreign.path("f.db")).expect("a backup");
    for (bytes, code) in [
        (b"".to_vec(), 7),
        (b"nonsense".to_vec(), 7),
        (cut, 7),
        (other, 4),
    ] {
        kg.write_bytes("x.db", &bytes);
        kg.run("restore x.db --yes").exit(code);
    }
    kg.write_bytes("x.db", &good);
    set_mode(&kg.path("x.db"), 0o644);
    kg.run("restore x.db --yes").exit(7);
    kg.write_bytes("y.db", &good);
    let sql = rusqlite::Connection::open(kg.path("y.db")).expect("a database");
    sql.execute_batch("UPDATE users SET role = 'owner' WHERE name = 'bob'")
        .expect("edited");
    drop(sql);
    kg.run("restore y.db --yes").exit(7).says("'bob'");
    kg.run("restore nothing.db --yes").exit(3);
    assert_eq!(kg.run("audit list -o json").stdout, before);
}

#[test]
fn an_ssh_key_that_may_have_been_taken_is_not_handed_out_again() {
    let mut kg = Home::new();
    kg.run("ssh-key generate prod").success();
    kg.run("backup b.db").success();
    kg.run("ssh-key download prod -f taken.pem").success();
    kg.run("restore b.db --yes")
        .success()
        .says("SSH key of cluster 'prod'");
    kg.run("reconcile").success();
    kg.run("ssh-key download prod -f again.pem")
        .exit(5)
        .says("restored from a backup");
    assert!(!kg.path("again.pem").exists());
}

#[test]
fn an_ssh_key_that_nobody_took_can_still_be_taken() {
    let mut kg = Home::new();
    kg.run("ssh-key generate prod").success();
    kg.run("backup b.db").success();
    kg.run("restore b.db --yes").success().never_says("SSH key");
    kg.run("ssh-key download prod -f once.pem").success();
}

#[test]
fn a_restore_shows_what_it_undoes() {
    let mut kg = Home::new();
    kg.add_user("fay", "admin");
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    kg.run("project add-member bob --project shop --role editor")
        .success();
    kg.grant_and_download("alice", "write");
    kg.run("access grant bob -c prod -l read").success();
    kg.run("rbac bind alice --cluster-role view -c prod")
        .success();
    kg.run("backup b.db").success();
    kg.run("restore b.db --dry-run")
        .success()
        .never_says("undo ");

    kg.run("user disable fay --yes").success();
    kg.run("access revoke alice -c prod --yes").success();
    kg.run("access grant bob -c prod -l write").success();
    kg.run("rbac unbind alice --cluster-role view -c prod --yes")
        .success();
    kg.run("project remove-member bob --project shop --yes")
        .success();
    kg.run("cluster set prod --exclude tools").success();
    kg.run("cluster rotate-manager prod").success();
    kg.run("cluster protect prod").success();
    kg.run("user add zoe --role admin").success();
    let undone = [
        "user fay: admin, disabled becomes admin, active",
        "user zoe: admin, active becomes none",
        "grant alice on prod: none becomes write",
        "grant bob on prod: write becomes read",
        "binding ClusterRole view for alice on prod: none becomes bound",
        "member bob of shop: none becomes editor",
        "excluded prod: [\"tools\"] becomes none",
        "cluster prod: active, protected becomes active",
        "manager prod:",
        "kubeconfig alice on prod: none becomes version 1, write, active",
    ];
    let planned = kg.run("restore b.db --dry-run");
    for what in undone {
        planned.success().says(&format!("undo {what}"));
    }
    let planned = kg.run("restore b.db --dry-run -o json").json();
    let planned = planned["undone"].as_array().expect("a list").clone();
    assert!(planned.iter().any(|undone| {
        undone["kind"] == "user"
            && undone["what"] == "fay"
            && undone["now"] == "admin, disabled"
            && undone["then"] == "admin, active"
    }));
    let restored = kg.run("restore b.db --yes");
    for what in undone {
        restored.success().says(what);
    }
    restored
        .success()
        .says("that changed after the backup are as before");
    kg.run("user show fay").success().says("active");
}

#[test]
fn what_a_restore_undoes_is_bounded_in_a_table_and_whole_for_machines() {
    let mut kg = backed_up();
    for number in 0..30 {
        kg.run(&format!("user add u{number}")).success();
    }
    for line in ["restore b.db --dry-run", "restore b.db --yes"] {
        let ran = kg.run(line);
        ran.success().says("user u0: ");
        let more = ran
            .stdout
            .lines()
            .find(|line| line.contains("more: `-o json`"));
        let shown = ran.stdout.matches(" becomes none").count();
        assert!(more.is_some(), "{ran}");
        assert!(shown <= 20, "{shown}");
        put_forward(&mut kg);
    }
    let planned = kg.run("restore b.db --dry-run -o json").json();
    assert!(planned["undone"].as_array().expect("a list").len() >= 30);
}

/// Adds the users again that a restore forgot.
fn put_forward(kg: &mut Home) {
    for number in 0..30 {
        let ran = kg.run(&format!("user add u{number}"));
        assert!([0, 5].contains(&ran.code), "{ran}");
    }
}
