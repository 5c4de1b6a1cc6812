//! What somebody changes in the database while a command waits for a cluster: it is found before anything is
//! handed over, though the command has looked before, and has written since.

use std::io::Write as _;

use super::{PEOPLE, home, on, verified, waiting_download};
use crate::home::text;
use crate::proof::{Tally, full};

/// What somebody does by hand, and how it is undone.
const CHANGES: [(&str, &str); 3] = [
    (
        "ALTER TABLE kubegrant.grants DISABLE TRIGGER touched_grants",
        "ALTER TABLE kubegrant.grants ENABLE TRIGGER touched_grants",
    ),
    (
        "UPDATE kubegrant.users SET email = name || '@example.com'",
        "UPDATE kubegrant.users SET email = NULL",
    ),
    (
        "UPDATE kubegrant.grants SET level = 'write' WHERE removed_at IS NULL",
        "UPDATE kubegrant.grants SET level = 'read' WHERE removed_at IS NULL",
    ),
];

/// No trigger of ours sees what is done.
const UNSEEN: &str = "SET session_replication_role = replica";

/// How many requests at the end of a download verify what was given.
const VERIFYING: usize = 5;

#[test]
fn what_somebody_changes_while_a_command_waits_is_found_by_it() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    let (mut wrong, mut tried, mut found) = (Vec::new(), 0, 0);
    for (change, undo) in CHANGES {
        for nth in (1..).step_by(if full() { 1 } else { 5 }) {
            let user = format!("u{tried}");
            tried += 1;
            let Some((gate, slow)) = waiting_download(&home, &user, "read", nth) else {
                break;
            };
            let (good, said) = server.psql(&name, &format!("{UNSEEN}; {change}"));
            assert!(good, "{said}");
            gate.open();
            let ran = slow.finish();
            // What was given is only verified at the end: no more comes of it than was decided before.
            let is_given = home.sandbox.requests().len() < nth + VERIFYING;
            let is_found = ran.code == 7 && home.read(&format!("{user}.conf")).is_none();
            if !is_found && !is_given {
                wrong.push(format!("{change}, at request {nth}: {ran}"));
            }
            found += usize::from(is_found);
            let (good, said) = server.psql(&name, &format!("{UNSEEN}; {undo}"));
            assert!(good, "{said}");
            on(&home, &["reconcile"]);
        }
    }
    assert!(found >= 12, "{found} of {tried}");
    Tally::of("changes by hand while a command waits", tried, wrong).end(6);
    verified(&home);
}

/// Ends the transaction of somebody who typed it.
fn commit(mut psql: std::process::Child) {
    let mut typed = psql.stdin.take().expect("it is piped");
    writeln!(typed, "COMMIT;").expect("it listens");
    drop(typed);
    assert!(psql.wait().expect("it ends").success());
}

#[test]
fn what_somebody_commits_while_a_change_is_written_is_not_closed_over() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    on(
        &home,
        &[
            "project create one",
            "project create two",
            "project add-member bob --project one --role viewer",
            "project add-member dave --project two --role viewer",
        ],
    );
    // A digest is another one, and so would be that of its group, if it were closed anew. The row that the change
    // writes is locked, or the digests are, so that it waits.
    let other = "UPDATE kubegrant.row_digests SET digest = reverse(digest)
        WHERE name = 'project_members' AND part = '2'";
    for waits in [
        "SELECT 1 FROM kubegrant.project_members WHERE project = 1 FOR UPDATE",
        "SELECT 1 FROM kubegrant.row_digests FOR UPDATE",
        "LOCK TABLE kubegrant.project_members",
    ] {
        let psql = server.transaction(&name, &format!("{other}; {waits}"));
        let change = home.start("project set-role bob --project one --role editor");
        home.wait_until("it waits", |_| {
            let sql = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
            server.psql(&name, sql).1.trim() == "t"
        });
        commit(psql);
        let ran = change.finish();
        assert_eq!(ran.code, 7, "{waits}: {ran}");
        let (good, said) = server.psql(&name, other);
        assert!(good, "{said}");
        verified(&home);
    }
}

#[test]
fn a_transaction_that_somebody_left_open_keeps_nobodys_access_alive() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    on(
        &home,
        &[
            "access grant bob --cluster dev --level read",
            "kubeconfig download dev --user bob --plain -f bob.conf",
        ],
    );
    let open = "UPDATE kubegrant.users SET email = email WHERE false";
    let psql = server.transaction(&name, open);
    let refused = home.call("user add erin");
    assert_eq!(refused.code, 5, "{refused}");
    assert!(refused.stderr.contains("pg_stat_activity"), "{refused}");
    let ended = home.call("access revoke bob --cluster dev --yes");
    assert_eq!(ended.code, 6, "{ended}");
    for words in [
        "no longer works on cluster 'dev'",
        "could not be recorded",
        "pg_stat_activity",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {ended}");
    }
    let is_bobs = |it: &serde_json::Value| text(it, "/metadata/name").starts_with("bob-");
    assert!(
        !home.sandbox.objects().iter().any(is_bobs),
        "his account is gone"
    );
    commit(psql);
    on(
        &home,
        &[
            "access revoke bob --cluster dev --yes",
            "reconcile",
            "status",
        ],
    );
    verified(&home);
}
