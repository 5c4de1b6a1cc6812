//! A store that an earlier kubegrant left: it is brought up to date once, works, and nobody's edits
//! are taken for ours on the way.
//!
//! `stores/schema-5.sql` is what the last program with schema 5 left: two clusters, a project whose
//! shared kubeconfig has three holders, one of whom keeps it, grants, a block, an SSH key, and a
//! cluster that was away when something was revoked and unbound. Those of schema 6 to 13 are smaller ones.

use std::os::unix::fs::PermissionsExt as _;

use kubegrant_sandbox::Sandbox;

use crate::home::{Home, set_mode};
use crate::replay::{rows, told};
use crate::signed::forge;

const SCHEMA_5: &str = include_str!("stores/schema-5.sql");
/// Its owner's identity; it opens nothing else.
const OLIVIA: &str = include_str!("stores/schema-5.identity");

const SCHEMA_6: &str = include_str!("stores/schema-6.sql");
const OLIVIA_6: &str = include_str!("stores/schema-6.identity");

const SCHEMA_7: &str = include_str!("stores/schema-7.sql");
const OLIVIA_7: &str = include_str!("stores/schema-7.identity");

const SCHEMA_8: &str = include_str!("stores/schema-8.sql");
const OLIVIA_8: &str = include_str!("stores/schema-8.identity");
const SCHEMA_9: &str = include_str!("stores/schema-9.sql");
const OLIVIA_9: &str = include_str!("stores/schema-9.identity");
const SCHEMA_10: &str = include_str!("stores/schema-10.sql");
const OLIVIA_10: &str = include_str!("stores/schema-10.identity");
const SCHEMA_11: &str = include_str!("stores/schema-11.sql");
const OLIVIA_11: &str = include_str!("stores/schema-11.identity");
const SCHEMA_12: &str = include_str!("stores/schema-12.sql");
const OLIVIA_12: &str = include_str!("stores/schema-12.identity");
const SCHEMA_13: &str = include_str!("stores/schema-13.sql");
const OLIVIA_13: &str = include_str!("stores/schema-13.identity");

/// A machine with the store of schema 5, after `edit` by somebody else.
fn left_behind(edit: &str) -> Home {
    left_by((SCHEMA_5, OLIVIA), edit)
}

fn left_by((schema, olivia): (&str, &str), edit: &str) -> Home {
    let mut home = Home::empty(Sandbox::builder());
    home.tick(24 * 7);
    for folder in ["data/kubegrant", "config/kubegrant"] {
        let folder = home.root().join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder, private).expect("a mode");
    }
    let sql = rusqlite::Connection::open(home.store()).expect("a database");
    sql.execute_batch(schema).expect("what was dumped");
    sql.execute_batch(edit).expect(edit);
    drop(sql);
    set_mode(&home.store(), 0o600);
    let identity = home.identity("olivia");
    crate::home::write_at(&identity, olivia);
    set_mode(&identity, 0o600);
    home
}

fn number(home: &Home, query: &str) -> i64 {
    let sql = rusqlite::Connection::open(home.store()).expect("a database");
    sql.query_row(query, [], |row| row.get(0)).expect(query)
}

#[test]
fn an_old_store_is_brought_up_to_date_once_and_vouched_for() {
    let mut kg = left_behind("");
    kg.run("audit verify").success().says("Whole:        yes");
    let upgrades = "SELECT count(*) FROM audit WHERE action = 'upgrade'";
    for _again in 0..2 {
        kg.run("user list").success().says("carol");
        kg.run("audit verify").success().says("Events:       61");
        assert_eq!(number(&kg, upgrades), 1);
        assert_eq!(number(&kg, "PRAGMA user_version"), 14);
    }
    kg.run("audit list --action upgrade")
        .success()
        .says("schema 14; the records are as they were left");
    kg.run("project show shop")
        .success()
        .says("held by alice, bob");
    kg.run("status").exit(6).says("version 1 of 'bob'");
    // What is guarded only now is guarded.
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch("DELETE FROM holders WHERE kept = 1")
        .expect("whoever has the file can");
    kg.run("audit verify")
        .exit(7)
        .says("who holds shared kubeconfigs of cluster 'prod'");
}

#[test]
fn an_old_store_works_on() {
    let mut kg = left_behind("");
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    for name in ["alice", "bob"] {
        let key = kg.make_identity(name);
        kg.run(&format!("user set-key {name} --key {key} --yes"))
            .success();
    }
    kg.run("kubeconfig download prod --user alice --shared --plain -f a.conf")
        .success();
    kg.run("project remove-member alice --project shop --yes")
        .exit(5);
    kg.run("project set-role carol --project shop --role owner")
        .success();
    kg.run("project remove-member alice --project shop --yes")
        .success()
        .says("no longer works");
    kg.run("access grant bob --cluster prod --level read")
        .success();
    kg.run("audit verify").success();
}

#[test]
fn what_was_edited_before_the_upgrade_is_found_after_it() {
    for (edit, what) in [
        (
            "UPDATE users SET role = 'owner' WHERE name = 'bob'",
            "the record of user 'bob'",
        ),
        (
            "INSERT INTO users (name, role, created_at) VALUES ('eve', 'owner', 0)",
            "the record of user 'eve'",
        ),
        ("DELETE FROM blocks", "the blocks of cluster 'stage'"),
        (
            "UPDATE grants SET level = 'write'",
            "the grants of cluster 'stage'",
        ),
        (
            "UPDATE credentials SET state = 'revoked' WHERE state = 'revoking'",
            "the credentials of cluster 'stage'",
        ),
        (
            "DELETE FROM bindings WHERE removed_at IS NULL;
             UPDATE clusters SET server = 'https://127.0.0.1:1' WHERE name = 'prod'",
            "the record of cluster 'prod'",
        ),
        (
            "UPDATE digests SET digest = '0' WHERE name = 'users' AND part = '2'",
            "the record of user 'alice'",
        ),
        ("DELETE FROM digests", "the digests of its records"),
        (
            "CREATE TRIGGER t AFTER UPDATE ON credentials BEGIN
               UPDATE users SET role = 'owner' WHERE name = 'bob'; END",
            "the trigger 't'",
        ),
        (
            "DROP TRIGGER credentials_forward",
            "the trigger 'credentials_forward'",
        ),
        ("DROP INDEX grants_one", "the index 'grants_one'"),
    ] {
        let mut kg = left_behind(edit);
        for _again in 0..2 {
            let ran = kg.run("audit verify");
            ran.exit(7).says(what).says("without kubegrant");
            kg.run("backup b.db").exit(7);
        }
        kg.run("audit list --action upgrade").success();
        let accepted = kg.run("audit accept --reason seen --yes");
        let is_table = what.contains("the trigger") || what.contains("the index");
        if is_table || edit == "DELETE FROM digests" {
            // Not even the owner's own record is beyond doubt then.
            accepted.exit(5).says("kubegrant restore FILE");
            kg.run("audit verify").exit(7).says(what);
        } else {
            accepted.success();
            kg.run("audit verify").success();
        }
    }
}

#[test]
fn a_log_that_vouches_for_nothing_is_not_mended_by_the_upgrade() {
    let edit = "DROP TRIGGER audit_no_update; UPDATE audit SET state = 'x' WHERE seq = 60";
    let mut kg = left_behind(edit);
    kg.run("audit verify").exit(7).says("event 60");
    kg.run("user list").exit(7);
    kg.run("user list").exit(7);
}

#[test]
fn stores_of_later_schemas_are_brought_up_to_date_and_their_edits_are_found() {
    for store in [
        (SCHEMA_6, OLIVIA_6),
        (SCHEMA_7, OLIVIA_7),
        (SCHEMA_8, OLIVIA_8),
        (SCHEMA_9, OLIVIA_9),
        (SCHEMA_10, OLIVIA_10),
        (SCHEMA_11, OLIVIA_11),
        (SCHEMA_12, OLIVIA_12),
    ] {
        let mut kg = left_by(store, "");
        kg.run("audit verify").success().says("Whole:        yes");
        assert_eq!(number(&kg, "PRAGMA user_version"), 14);
        kg.run("audit list --action upgrade")
            .success()
            .says("schema 14; the records are as they were left");
        kg.run("project show shop").success().says("bob");
        kg.run("cluster set prod --description words").success();
        kg.run("audit verify").success();
        for (edit, what) in EDITS {
            let mut kg = left_by(store, edit);
            kg.run("audit verify").exit(7).says(what);
            // The owners and admins are everybody's matter.
            if edit.contains("users") {
                kg.run("access list").exit(7).says(what);
            }
        }
    }
}

/// What somebody else does to a store, and what is named then.
const EDITS: [(&str, &str); 4] = [
    (
        "UPDATE clusters SET server = 'https://127.0.0.1:1'",
        "the record of cluster 'prod'",
    ),
    ("DELETE FROM grants", "the grants of cluster 'prod'"),
    (
        "DELETE FROM holders",
        "who holds shared kubeconfigs of cluster 'prod'",
    ),
    (
        "UPDATE users SET role = 'owner' WHERE name = 'bob'",
        "the record of user 'bob'",
    ),
];

/// How long the digests of rows are.
const DIGESTS: &str = "SELECT group_concat(DISTINCT length(digest)) FROM row_digests";

fn text(home: &Home, query: &str) -> String {
    let sql = rusqlite::Connection::open(home.store()).expect("a database");
    sql.query_row(query, [], |row| row.get(0)).expect(query)
}

#[test]
fn the_digests_of_schema_13_are_looked_at_as_they_are_until_the_first_event() {
    let left = |edit: &str| left_by((SCHEMA_13, OLIVIA_13), edit);
    let mut kg = left("");
    for line in ["user list", "audit verify", "project show shop", "status"] {
        kg.run(line).success();
        assert_eq!(number(&kg, "PRAGMA user_version"), 14, "{line}");
        assert_eq!(text(&kg, DIGESTS), "64", "{line}");
    }
    // Nobody signed anything.
    kg.run("audit verify").says("Events:       34");
    // A command that changes nothing has no event.
    kg.run("user set-role bob developer").success();
    assert_eq!(text(&kg, DIGESTS), "64");
    kg.run("user add dave").success();
    assert_eq!(text(&kg, DIGESTS), "342");
    kg.run("audit verify")
        .success()
        .says("Whole:        yes")
        .says("Events:       35");
    assert_eq!(told(&mut kg, None), rows(&kg));
    kg.run("cluster set prod --description words").success();
    kg.run("audit verify").success();
    for (edit, what) in EDITS {
        for is_before in [true, false] {
            let mut kg = left(if is_before { edit } else { "" });
            if is_before {
                kg.run("audit verify").exit(7).says(what);
                assert_eq!(text(&kg, DIGESTS), "64");
            }
            // A change that has nothing to do with it: where it is let through, nobody's edit becomes ours with it.
            let set = kg.run("user add dave");
            if !edit.contains("users") || !is_before {
                set.success();
                assert_eq!(text(&kg, DIGESTS), "342");
            }
            if !is_before {
                let sql = rusqlite::Connection::open(kg.store()).expect("a database");
                sql.execute_batch(edit).expect(edit);
            }
            kg.run("audit verify").exit(7).says(what);
            kg.run("audit accept --reason seen --yes").success();
            kg.run("audit verify").success();
            assert_eq!(text(&kg, DIGESTS), "342");
        }
    }
    // Whose digests nobody vouches for are not made new.
    let mut kg = left("UPDATE row_digests SET digest = '0' WHERE name = 'grants'");
    kg.run("user add dave").exit(7).says("the digests");
    assert_eq!(number(&kg, "SELECT count(*) FROM users"), 4);
}

#[test]
fn from_the_upgrade_on_all_events_are_signed_and_tell_the_rows() {
    for (store, events) in [((SCHEMA_5, OLIVIA), 61), ((SCHEMA_12, OLIVIA_12), 33)] {
        let mut kg = left_by(store, "");
        kg.run("audit verify")
            .success()
            .says(&format!("Signed:       from event {}", events + 1));
        let whole = rows(&kg);
        assert_eq!(told(&mut kg, None), whole);
        assert_eq!(told(&mut kg, Some(events)), whole);
        kg.run(&format!("audit replay --at {}", events - 1))
            .exit(5)
            .says(&format!("from event {events} on"));
        kg.run("user add dave").success();
        kg.run("audit verify")
            .success()
            .says(&format!("Signed:       from event {}", events + 1));
        assert_eq!(told(&mut kg, None), rows(&kg));
        assert_eq!(told(&mut kg, Some(events)), whole);
        let listed = kg.run("audit list -o json").json();
        let listed = listed.as_array().expect("a list");
        for event in listed {
            let is_signed = event["seq"].as_i64() > Some(events);
            assert_eq!(event["signature"].is_string(), is_signed, "{event}");
            assert_eq!(event["key"].is_string(), is_signed, "{event}");
        }
        // Nothing comes after it that nobody signed.
        forge(&kg, |_| {});
        kg.run("audit verify").exit(7).says(&format!(
            "event {} of the audit log is not as it was written: it is not signed",
            events + 2
        ));
        kg.run("user add erin").exit(7);
    }
}

/// What the guide tells whoever goes back to the kubegrant before.
#[test]
fn a_store_of_a_newer_kubegrant_is_refused_with_the_way_out_and_one_can_go_back() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.run("backup before.db").success();
    kg.run("access grant bob -c prod -l read").success();
    kg.run("kubeconfig download prod --user bob --plain -f bob.conf")
        .success();
    // What the next schema changes is not known here; its number is.
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.pragma_update(None, "user_version", 15).expect("ours");
    drop(sql);
    let store = std::fs::read(kg.store()).expect("a store");
    for line in [
        "user list",
        "access revoke bob -c prod --yes",
        "reconcile",
        "backup again.db",
        "restore before.db --yes",
    ] {
        kg.run(line)
            .exit(7)
            .says("was made by a newer kubegrant (schema 15, this one knows 14)")
            .says("hint: use the newer kubegrant");
    }
    assert_eq!(std::fs::read(kg.store()).expect("a store"), store);
    let away = kg.store().with_extension("newer");
    std::fs::rename(kg.store(), &away).expect("a file that is ours");
    kg.run("restore before.db --yes").success();
    kg.run("access list").success().never_says("bob");
    // What was issued by the newer one is ended.
    kg.run("reconcile").success();
    let file = kg.read("bob.conf");
    let answer = kubegrant_sandbox::request(&file, "GET", "/api/v1/namespaces", None);
    assert_eq!(answer.expect("an answer").0, 401);
    kg.run("audit verify").success();
}
