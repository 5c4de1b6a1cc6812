//! What changes while a command waits for its cluster's lock must count when it goes on.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use kubegrant_sandbox::{Action, Fault, Gate, Match};

use crate::home::{Home, Started};
use crate::oracle::{Books, Oracle};
use crate::preview::state;

fn lock_path(home: &Home) -> PathBuf {
    let mut path = home.store().into_os_string();
    path.push(".cluster-1.lock");
    PathBuf::from(path)
}

/// Holds the cluster's lock, as another process that works on it does.
fn hold(home: &Home) -> File {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(lock_path(home))
        .expect("the lock's file");
    file.lock().expect("nobody else has it");
    file
}

/// Waits until a process has come as far as the lock.
fn waits(home: &Home, started: &Started) {
    let files = format!("/proc/{}/fd", started.pid().as_raw_nonzero());
    let lock = lock_path(home);
    home.wait_until("it waits for the lock", |_| {
        std::fs::read_dir(&files)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|path| path == lock))
    });
}

#[test]
fn who_is_disabled_while_a_rotation_waits_gets_no_new_version() {
    let home = Home::with_cluster();
    drop(home.call("kubeconfig download dev --as dave").success());
    let mut oracle = Oracle::new(&home);
    let held = hold(&home);
    let rotate = home.start("kubeconfig rotate dev --as dave --no-download");
    waits(&home, &rotate);
    let disable = home.start("user disable dave --yes");
    home.wait_until("it is recorded", |home| {
        Books::read(home).is_ok_and(|books| books.latest("dave") == "revoking")
    });
    drop(held);
    let ran = rotate.finish();
    assert_ne!(ran.code, 0, "{ran}");
    assert!(!ran.stderr.contains("has begun"), "{ran}");
    drop(disable.finish().success());
    drop(home.run("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
    let books = Books::read(&home).expect("a store");
    assert_eq!(
        books.accounts("dave").len(),
        1,
        "no version was begun in vain"
    );
}

#[test]
fn whose_access_ends_while_a_download_waits_gets_no_file() {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    let mut oracle = Oracle::new(&home);
    let held = hold(&home);
    let download = home.start("kubeconfig download dev --user bob --plain -f bob.conf");
    waits(&home, &download);
    drop(home.run("user disable bob --yes").success());
    drop(held);
    let ran = download.finish();
    assert_ne!(ran.code, 0, "{ran}");
    assert_eq!(home.read("bob.conf"), None);
    let books = Books::read(&home).expect("a store");
    assert_eq!(
        books.accounts("bob").len(),
        0,
        "no version was begun in vain"
    );
    drop(home.run("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

#[test]
fn two_changes_of_settings_at_once_both_count() {
    let home = Home::with_cluster();
    let held = hold(&home);
    let first = home.start("cluster set dev --label a=1");
    let second = home.start("cluster set dev --label b=2");
    waits(&home, &first);
    waits(&home, &second);
    drop(held);
    drop(first.finish().success());
    drop(second.finish().success());
    let shown = home.run("cluster show dev -o json").success();
    let data: serde_json::Value = serde_json::from_str(&shown.stdout).expect("it is JSON");
    assert_eq!(
        data["labels"],
        serde_json::json!({ "a": "1", "b": "2" }),
        "{shown}"
    );
}

#[test]
fn what_was_excluded_meanwhile_is_not_brought_back_by_what_waited() {
    for line in [
        "reconcile",
        "kubeconfig download dev --user bob --plain --force -f bob.conf",
    ] {
        let home = Home::with_cluster();
        drop(
            home.call("access grant bob --cluster dev --level write")
                .success(),
        );
        drop(
            home.call("kubeconfig download dev --user bob --plain -f bob.conf")
                .success(),
        );
        let mut oracle = Oracle::new(&home);
        let held = hold(&home);
        let waiting = home.start(line);
        waits(&home, &waiting);
        // What the process that holds the lock records; the cluster is for what waits to change.
        let sql = rusqlite::Connection::open(home.store()).expect("the store");
        sql.execute("UPDATE clusters SET held_back = '[\"shop\"]'", [])
            .expect("a change");
        drop(sql);
        drop(
            home.call("audit accept --reason another-process --yes")
                .success(),
        );
        drop(held);
        drop(waiting.finish().success());
        assert_eq!(oracle.disagreements(&home), Vec::<String>::new(), "{line}");
    }
}

/// What an admin may, and does with `--as dave`; each changes something that can be seen.
const CHANGES: [&str; 9] = [
    "cluster set dev --label a=b",
    "cluster set dev --write-scope cluster",
    "cluster set dev --project web",
    "cluster protect dev",
    "cluster archive dev --yes",
    "cluster transfer dev --to bob --yes",
    "cluster relink dev --kubeconfig admin.conf --yes",
    "cluster delete dev --yes --confirm dev",
    "cluster delete dev --forget --yes --confirm dev",
];

/// The record of the cluster and what is on it, as far as these commands change it.
fn record(home: &Home) -> String {
    let shown = home.call("cluster show dev -o json").success().stdout;
    let sql = rusqlite::Connection::open(home.store()).expect("the store");
    let generation: i64 = sql
        .query_row("SELECT manager_generation FROM clusters", [], |row| {
            row.get(0)
        })
        .expect("a cluster");
    format!("{shown}{generation}")
}

#[test]
fn who_is_demoted_while_a_change_of_a_cluster_waits_changes_nothing() {
    let home = Home::with_cluster();
    drop(home.call("project create web").success());
    let before = record(&home);
    for line in CHANGES {
        drop(home.call("user set-role dave owner").success());
        let held = hold(&home);
        let waiting = home.start(&format!("{line} --as dave"));
        waits(&home, &waiting);
        drop(home.call("user set-role dave developer").success());
        drop(held);
        // Without a right of their own, the cluster does not exist for them.
        drop(waiting.finish().code_is(3));
        assert_eq!(record(&home), before, "{line}");
    }
}

#[test]
fn who_is_demoted_while_the_api_server_is_slow_changes_nothing() {
    let home = Home::with_cluster();
    let before = record(&home);
    for line in [
        "cluster relink dev --kubeconfig admin.conf --yes",
        "cluster delete dev --yes --confirm dev",
    ] {
        drop(home.call("user set-role dave admin").success());
        let gate = Gate::shut();
        home.fault_nth(1, Action::Wait(gate.clone()));
        let slow = home.start(&format!("{line} --as dave"));
        // It asks the cluster, and has the lock where it takes one for that.
        gate.wait_for(1);
        drop(home.call("user set-role dave developer").success());
        gate.open();
        drop(slow.finish().code_is(3));
        home.sandbox.clear_faults();
        assert_eq!(record(&home), before, "{line}");
    }
}

#[test]
fn an_archived_cluster_is_taken_out_only_by_who_may_when_it_happens() {
    let home = Home::with_cluster();
    drop(home.call("cluster protect dev").success());
    let held = hold(&home);
    let unprotect = home.start("cluster unprotect dev --as dave");
    waits(&home, &unprotect);
    drop(home.call("user disable dave --yes").success());
    drop(held);
    drop(unprotect.finish().code_is(4));
    let shown = home.call("cluster show dev -o json").success().stdout;
    assert!(shown.contains("\"protected\": true"), "{shown}");
    drop(home.call("user enable dave").success());
    drop(home.call("cluster unprotect dev").success());
    drop(home.call("cluster archive dev --yes").success());
    let held = hold(&home);
    let unarchive = home.start("cluster unarchive dev --as dave");
    waits(&home, &unarchive);
    drop(home.call("user disable dave --yes").success());
    drop(held);
    drop(unarchive.finish().code_is(4));
    let shown = home.call("cluster show dev -o json").success().stdout;
    assert!(shown.contains("archived"), "{shown}");
}

#[test]
fn a_cluster_is_not_given_to_who_was_disabled_meanwhile() {
    let home = Home::with_cluster();
    let held = hold(&home);
    let transfer = home.start("cluster transfer dev --to bob --yes");
    waits(&home, &transfer);
    drop(home.call("user disable bob --yes").success());
    drop(held);
    let ran = transfer.finish().code_is(5);
    assert!(ran.stderr.contains("can own nothing"), "{ran}");
}

#[test]
fn of_many_who_begin_at_once_one_wins_and_the_others_leave_nothing() {
    for together in [true, false] {
        let home = Home::new();
        let started: Vec<_> = (0..12)
            .map(|number| {
                let identity = if together { 0 } else { number };
                home.start(&format!(
                    "init --organization Acme{number} --owner o{number} --identity id{identity}"
                ))
            })
            .collect();
        let ended: Vec<_> = started.into_iter().map(Started::finish).collect();
        let won: Vec<usize> = (0..12).filter(|number| ended[*number].code == 0).collect();
        assert_eq!(won.len(), 1, "{ended:?}");
        for loser in ended.iter().filter(|ran| ran.code != 0) {
            assert!(matches!(loser.code, 4 | 5), "{loser}");
        }
        let there: Vec<usize> = (0..12)
            .filter(|number| home.read(&format!("id{number}")).is_some())
            .collect();
        let winner = if together { 0 } else { won[0] };
        assert_eq!(there, [winner], "{ended:?}");
        let who = home.run(&format!("whoami --identity id{winner}")).success();
        assert!(who.stdout.contains(&format!("o{}", won[0])), "{who}");
    }
}

/// What gives, and so waits for the cluster's lock.
const GIVING: &[&str] = &[
    "access grant carol --cluster dev --level write",
    "rbac bind carol --cluster dev --cluster-role view -n default",
    "team rotate bob --cluster dev --yes",
    "team restore carol --cluster dev",
];

#[test]
fn who_is_demoted_while_they_wait_gives_nothing() {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    drop(home.call("team revoke carol --cluster dev --yes").success());
    for line in GIVING {
        drop(home.call("user set-role dave admin").success());
        let held = hold(&home);
        let waiting = home.start(&format!("{line} --as dave"));
        waits(&home, &waiting);
        drop(home.call("user set-role dave developer").success());
        let before = state(&home);
        drop(held);
        drop(waiting.finish().code_is(3));
        assert_eq!(state(&home), before, "{line}");
    }
}

#[test]
fn what_is_archived_while_they_wait_is_given_nothing_new() {
    for line in &GIVING[1..3] {
        let home = Home::with_cluster();
        drop(
            home.call("access grant bob --cluster dev --level read")
                .success(),
        );
        let held = hold(&home);
        let waiting = home.start(line);
        waits(&home, &waiting);
        let archive = home.start("cluster archive dev --revoke-all --yes");
        home.wait_until("it is recorded", |home| {
            let archived = |row: &Vec<Option<String>>| row.contains(&Some("archived".to_owned()));
            state(home).values().any(archived)
        });
        drop(held);
        let ran = waiting.finish().code_is(5);
        assert!(ran.stderr.contains("is archived"), "{ran}");
        drop(archive.finish().success());
        assert!(home.call("kubeconfig download dev").code != 0);
        drop(home.call("reconcile").success());
    }
}

#[test]
fn a_role_that_was_unbound_while_they_wait_is_not_bound_again_unjudged() {
    let home = Home::with_cluster();
    let role = "bob --cluster dev --cluster-role cluster-admin";
    drop(home.call(&format!("rbac bind {role} --yes")).success());
    let held = hold(&home);
    // It is bound: there is nothing to do, and nothing to agree to.
    let waiting = home.start(&format!("rbac bind {role}"));
    waits(&home, &waiting);
    let unbind = home.start(&format!("rbac unbind {role} --yes"));
    home.wait_until("it is recorded", |home| {
        !state(home).keys().any(|(table, _)| *table == "bindings")
    });
    let before = state(&home);
    drop(held);
    // It is judged, and nobody is there to agree.
    drop(waiting.finish().code_is(2));
    drop(unbind.finish().success());
    assert_eq!(state(&home), before);
}

#[test]
fn who_is_demoted_while_the_api_server_is_slow_binds_nothing() {
    let home = Home::with_cluster();
    drop(home.call("user set-role dave admin").success());
    let gate = Gate::shut();
    home.fault_nth(1, Action::Wait(gate.clone()));
    let slow = home.start(&format!("{} --as dave", GIVING[1]));
    // It has the lock, and now asks the cluster what the role lets its holder do.
    gate.wait_for(1);
    drop(home.call("user set-role dave developer").success());
    let before = state(&home);
    gate.open();
    drop(slow.finish().code_is(3));
    assert_eq!(state(&home), before);
}

#[test]
fn who_is_revoked_while_the_api_server_is_slow_gets_no_file() {
    for line in [
        "kubeconfig download dev --user bob --plain -f bob.conf",
        "--as bob kubeconfig download dev -f bob.conf",
    ] {
        let home = Home::with_cluster();
        drop(
            home.call("access grant bob --cluster dev --level read")
                .success(),
        );
        let gate = Gate::shut();
        home.fault_nth(1, Action::Wait(gate.clone()));
        let slow = home.start(line);
        // It has the lock, was allowed, and now asks the cluster.
        gate.wait_for(1);
        drop(home.call("team revoke bob --cluster dev --yes").success());
        let before = state(&home);
        gate.open();
        drop(slow.finish().code_is(4));
        assert_eq!(home.read("bob.conf"), None, "{line}");
        assert_eq!(state(&home), before, "{line}");
    }
}

#[test]
fn who_is_revoked_while_the_api_server_is_slow_gets_no_shell() {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    let gate = Gate::shut();
    home.fault_nth(1, Action::Wait(gate.clone()));
    let slow = home.start("--as bob shell dev -- true");
    gate.wait_for(1);
    drop(home.call("team revoke bob --cluster dev --yes").success());
    let before = state(&home);
    gate.open();
    drop(slow.finish().code_is(4));
    assert_eq!(state(&home), before);
}

#[test]
fn who_is_demoted_while_the_cluster_is_asked_takes_no_ssh_key() {
    for file in ["key.pem", "-"] {
        let home = Home::with_cluster();
        drop(home.call("user set-role dave admin").success());
        drop(home.call("ssh-key generate dev").success());
        let gate = Gate::shut();
        home.fault_nth(1, Action::Wait(gate.clone()));
        let slow = home.start(&format!("ssh-key download dev -f {file} --as dave"));
        gate.wait_for(1);
        drop(home.call("user set-role dave developer").success());
        gate.open();
        let ran = slow.finish().code_is(3);
        assert_eq!(ran.stdout, "", "{ran}");
        assert_eq!(home.read("key.pem"), None);
        home.sandbox.clear_faults();
        let shown = home.call("ssh-key show dev -o json").success().stdout;
        assert!(shown.contains("\"available\""), "{shown}");
    }
}

#[test]
fn two_registrations_of_one_cluster_leave_it_to_the_first() {
    let home = Home::with_people();
    let gate = Gate::shut();
    home.sandbox.fault(Fault {
        matches: Match {
            method: Some("POST".to_owned()),
            path_contains: Some("/serviceaccounts".to_owned()),
            nth: Some(1),
        },
        action: Action::Wait(gate.clone()),
    });
    let first = home.start("cluster add one --kubeconfig admin.conf");
    // It has looked, and makes its manager.
    gate.wait_for(1);
    let second = home.start("cluster add two --kubeconfig admin.conf");
    let waits_for_the_first = |home: &Home| {
        let files = std::fs::read_dir(format!("/proc/{}/fd", second.pid().as_raw_nonzero()));
        let mut files = files.into_iter().flatten().flatten();
        files.any(|entry| {
            let path = std::fs::read_link(entry.path()).unwrap_or_default();
            path.to_string_lossy().contains(".register-") && path.starts_with(home.path())
        })
    };
    home.wait_until("the second waits", waits_for_the_first);
    gate.open();
    drop(first.finish().success());
    drop(second.finish().code_is(5));
    home.sandbox.clear_faults();
    // Its manager has the rights that it was given.
    drop(home.call("cluster check one").success());
    drop(
        home.call("access grant bob --cluster one --level read")
            .success(),
    );
    drop(
        home.call("kubeconfig download one --user bob --plain -f bob.conf")
            .success(),
    );
}

#[test]
fn a_cluster_is_put_into_no_other_project_that_got_the_name_meanwhile() {
    let home = Home::with_people();
    drop(home.call("project create shop").success());
    let gate = Gate::shut();
    home.sandbox.fault(Fault {
        matches: Match {
            method: Some("POST".to_owned()),
            path_contains: Some("/serviceaccounts".to_owned()),
            nth: Some(1),
        },
        action: Action::Wait(gate.clone()),
    });
    let add = home.start("cluster add dev --kubeconfig admin.conf --project shop");
    gate.wait_for(1);
    drop(home.call("project rename shop --to store").success());
    drop(home.call("project create shop").success());
    let before = state(&home);
    gate.open();
    drop(add.finish().code_is(5));
    assert_eq!(state(&home), before);
}
