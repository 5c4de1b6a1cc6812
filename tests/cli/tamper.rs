//! Somebody wrote to the store without kubegrant, or put an older one in its place.

use std::path::Path;

use crate::home::{Home, Ran, set_mode};

/// What `sqlite3 store.db STATEMENTS` does, with its triggers out of the way.
fn sqlite3(kg: &Home, statements: &str) {
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch(statements).expect(statements);
}

/// Copies the store as `cp` does, with what is in its log.
fn copy(kg: &Home, to: &Path) {
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("a checkpoint");
    std::fs::copy(kg.store(), to).expect("a copy");
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

/// An organization in which all kinds of guarded rows are there.
fn lived() -> Home {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("access grant bob -c prod -l write").success();
    kg.run("team revoke bob -c prod --yes").success();
    kg.run("ssh-key generate prod").success();
    kg.run("rbac bind alice --cluster-role view -c prod")
        .success();
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    for (name, role) in [("alice", "viewer"), ("bob", "owner")] {
        kg.run(&format!(
            "project add-member {name} --project shop --role {role}"
        ))
        .success();
    }
    kg.run("kubeconfig download prod --user alice --shared --plain -f shared.conf")
        .success();
    kg
}

/// What somebody might write, and what the check calls it.
const EDITS: &[(&str, &str)] = &[
    (
        "UPDATE users SET role = 'owner' WHERE name = 'bob'",
        "user 'bob'",
    ),
    (
        "UPDATE users SET key = 'age1x' WHERE name = 'alice'",
        "user 'alice'",
    ),
    (
        "UPDATE users SET active = 0 WHERE name = 'olivia'",
        "user 'olivia'",
    ),
    (
        "UPDATE users SET email = 'a@b.c' WHERE name = 'bob'",
        "user 'bob'",
    ),
    (
        "UPDATE users SET name = 'bobby' WHERE name = 'bob'",
        "user 'bobby'",
    ),
    (
        "INSERT INTO users (name, role, created_at) VALUES ('eve', 'owner', 0)",
        "user 'eve'",
    ),
    ("UPDATE clusters SET owner = 2", "cluster 'prod'"),
    ("UPDATE clusters SET protected = 1", "cluster 'prod'"),
    ("UPDATE clusters SET state = 'archived'", "cluster 'prod'"),
    (
        "UPDATE clusters SET server = 'https://127.0.0.1:1'",
        "cluster 'prod'",
    ),
    ("UPDATE clusters SET ca_pem = NULL", "cluster 'prod'"),
    (
        "UPDATE clusters SET kube_system_uid = 'x'",
        "cluster 'prod'",
    ),
    (
        "UPDATE clusters SET proxy_url = 'http://127.0.0.1:1'",
        "cluster 'prod'",
    ),
    (
        "UPDATE clusters SET write_scope = 'cluster'",
        "cluster 'prod'",
    ),
    (
        "UPDATE clusters SET held_back = '[\"default\"]'",
        "cluster 'prod'",
    ),
    (
        "UPDATE grants SET level = 'write'",
        "the grants of cluster 'prod'",
    ),
    (
        "UPDATE grants SET ends_at = 1",
        "the grants of cluster 'prod'",
    ),
    (
        "UPDATE grants SET removed_at = 1",
        "the grants of cluster 'prod'",
    ),
    (
        "DELETE FROM grants WHERE user = 2",
        "the grants of cluster 'prod'",
    ),
    (
        "UPDATE grants SET user = 1 WHERE user = 2",
        "the grants of cluster 'prod'",
    ),
    ("DELETE FROM blocks", "the blocks of cluster 'prod'"),
    (
        "INSERT INTO blocks (cluster, user, at, by_user) VALUES (1, 2, 0, 1)",
        "the blocks of cluster 'prod'",
    ),
    (
        "UPDATE credentials SET power = 'full'",
        "the credentials of cluster 'prod'",
    ),
    (
        "UPDATE credentials SET state = 'revoking' WHERE state = 'active'",
        "the credentials of cluster 'prod'",
    ),
    (
        "UPDATE ssh_keys SET public = 'ssh-ed25519 AAAA'",
        "the ssh keys of cluster 'prod'",
    ),
    (
        "UPDATE meta SET value = '00000000' WHERE key = 'installation'",
        "the organization's record",
    ),
    (
        "DELETE FROM holders",
        "who holds shared kubeconfigs of cluster 'prod'",
    ),
    (
        "UPDATE holders SET kept = 1",
        "who holds shared kubeconfigs of cluster 'prod'",
    ),
    (
        "UPDATE holders SET user = 3",
        "who holds shared kubeconfigs of cluster 'prod'",
    ),
    ("DELETE FROM deliveries", "the deliveries of cluster 'prod'"),
    (
        "UPDATE deliveries SET to_user = 1",
        "the deliveries of cluster 'prod'",
    ),
    (
        "UPDATE deliveries SET jti = 'x'",
        "the deliveries of cluster 'prod'",
    ),
    (
        "UPDATE credentials SET token_expires_at = 1",
        "the credentials of cluster 'prod'",
    ),
    (
        "UPDATE credentials SET until = 1 WHERE kind = 'shell'; \
         UPDATE clusters SET older_logins = 1 - older_logins",
        "cluster 'prod'",
    ),
    ("UPDATE clusters SET orphans_owed = 1", "cluster 'prod'"),
    ("UPDATE clusters SET reach_owed = 1", "cluster 'prod'"),
    (
        "UPDATE clusters SET labels = '{\"object-label:x.io/adds-to\":\"admin\"}'",
        "cluster 'prod'",
    ),
    ("UPDATE clusters SET included = '[\"x\"]'", "cluster 'prod'"),
    (
        "UPDATE clusters SET write_allow = '[\"x.io/y\"]'",
        "cluster 'prod'",
    ),
    (
        "UPDATE clusters SET former_managers = '[\"x\"]'",
        "cluster 'prod'",
    ),
    (
        "UPDATE clusters SET manager_expires_at = 9999999999",
        "cluster 'prod'",
    ),
    (
        "UPDATE bindings SET owed = 1",
        "the bindings of cluster 'prod'",
    ),
    (
        "UPDATE bindings SET removed_at = 1, owed = 1",
        "the bindings of cluster 'prod'",
    ),
    (
        "INSERT INTO version_floors VALUES (1, 'alice', 7)",
        "the version floors of cluster 'prod'",
    ),
    (
        "INSERT INTO ssh_key_nodes VALUES (1, 'n', 0, 'root', 0, 0, 0, NULL)",
        "where SSH keys of cluster 'prod' are",
    ),
    (
        "UPDATE ssh_keys SET fingerprint = 'x'",
        "the ssh keys of cluster 'prod'",
    ),
    (
        "CREATE TRIGGER t AFTER INSERT ON audit BEGIN \
           UPDATE users SET role = 'owner' WHERE name = 'bob'; END",
        "the trigger 't'",
    ),
    (
        "CREATE TRIGGER t BEFORE UPDATE OF state ON credentials BEGIN SELECT RAISE(IGNORE); END",
        "the trigger 't'",
    ),
    (
        "DROP TRIGGER credentials_forward",
        "the trigger 'credentials_forward'",
    ),
    (
        "ALTER TABLE holders RENAME TO h; CREATE VIEW holders AS SELECT * FROM h WHERE user <> 2",
        "the view 'holders'",
    ),
    ("UPDATE row_digests SET digest = '0'", "the digests"),
    (
        "DELETE FROM row_digests WHERE name = 'users'",
        "the digests",
    ),
];

#[test]
fn what_is_shown_of_a_record_that_was_changed_by_hand_is_said_to_be_doubtful() {
    let mut kg = lived();
    for line in ["status", "access list"] {
        kg.run(line).never_says("changed without kubegrant");
    }
    sqlite3(&kg, "UPDATE grants SET ends_at = 1");
    for line in ["status", "access list", "team list", "user show alice"] {
        kg.run(line)
            .says("warning: the grants of cluster 'prod': changed without kubegrant")
            .says("hint: run `kubegrant audit verify`");
    }
    // Who may not know everybody hears of no names.
    kg.run_as("alice", "access list")
        .success()
        .says("some of its records: changed without kubegrant")
        .never_says("grants of cluster");
}

#[test]
fn a_record_that_was_changed_by_hand_is_refused_before_any_call() {
    let mut kg = lived();
    let safe = kg.path("safe.db");
    copy(&kg, &safe);
    for (edit, what) in EDITS {
        put_back(&kg, &safe);
        sqlite3(&kg, edit);
        kg.sandbox.clear_requests();
        for line in [
            "access grant alice -c prod -l write",
            "access revoke alice -c prod --yes",
            "kubeconfig download prod --user alice --plain -f -",
            "user set-role alice admin",
        ] {
            kg.run(line).exit(7).says("without kubegrant");
        }
        kg.run("audit verify").exit(7).says(what);
        let asked = kg.sandbox.requests().len();
        assert_eq!(asked, 0, "{edit}: calls were made");
    }
    put_back(&kg, &safe);
    kg.run("access grant alice -c prod -l write").success();
    kg.run("audit verify").success();
}

#[test]
fn no_later_event_vouches_for_a_digest_that_was_changed_by_hand() {
    let mut kg = lived();
    // Sixteen users make a group: these begin another than that of who acts.
    for number in 0..16 {
        kg.run(&format!("user add u{number}")).success();
    }
    sqlite3(
        &kg,
        "UPDATE row_digests SET digest = replace(digest, substr(digest, 1, 2), 'ff') \
           WHERE name = 'users' AND part = '17'",
    );
    kg.run("user show u0").success();
    // It stands in the same group, and is nobody whom the command relies upon.
    kg.run("user add innocent")
        .exit(7)
        .says("the digests of its records");
    kg.run("audit verify").exit(7).says("the digests");
}

#[test]
fn a_cluster_that_is_hidden_by_hand_is_left_out_of_nothing_that_is_done_everywhere() {
    let mut kg = lived();
    kg.run("user set-role bob admin").success();
    // Without a key nothing is sealed to them, and nothing sealed anew.
    kg.run("user add carol").success();
    kg.run("access grant carol -c prod -l read").success();
    let safe = kg.path("safe.db");
    copy(&kg, &safe);
    for edit in [
        "UPDATE clusters SET removed_at = 1",
        "UPDATE clusters SET name = 'dev'",
        "UPDATE clusters SET owner = 2",
    ] {
        put_back(&kg, &safe);
        sqlite3(&kg, edit);
        for line in [
            "user offboard alice --yes",
            "user disable alice --yes",
            "user disable carol --yes",
            "user set-role alice admin",
            "user set-role bob developer",
        ] {
            kg.run(line).exit(7).says("without kubegrant");
        }
        kg.run("access list --user alice").says("warning:");
    }
}

#[test]
fn members_that_somebody_wrote_in_by_hand_see_nothing() {
    let mut kg = lived();
    sqlite3(
        &kg,
        "UPDATE project_members SET role = 'owner' \
           WHERE user = (SELECT id FROM users WHERE name = 'alice')",
    );
    for line in ["project show shop", "cluster show prod", "cluster list"] {
        kg.run_as("alice", line)
            .exit(7)
            .says("the members of project 'shop'");
    }
}

#[test]
fn an_attacker_in_the_store_cannot_accept_themselves_and_an_owner_can() {
    let mut kg = lived();
    sqlite3(&kg, "UPDATE users SET role = 'owner' WHERE name = 'bob'");
    kg.run_as("bob", "audit accept --reason mine --yes")
        .exit(5)
        .says("the record of 'bob' was changed without kubegrant too");
    kg.run("audit accept --reason seen --dry-run").success();
    kg.run("user list").exit(7);
    insta::assert_snapshot!(kg.run("audit accept --reason seen --yes"), @r"
    Accepted:   the record of user 'bob' was changed without kubegrant
    Event:      33
    Head:       [HASH]
    ----- stderr -----
    warning: the record of user 'bob' was changed without kubegrant
    The store is accepted as it stands; that is recorded.
    [exit 0]
    ");
    kg.run("user list").success();
    kg.run("audit verify").success();
    kg.run("audit list --action audit")
        .success()
        .says("seen: the record of user 'bob' was changed without kubegrant");
}

#[test]
fn only_owners_accept_and_a_log_that_lies_is_accepted_by_nobody() {
    let mut kg = lived();
    kg.run("user set-role alice admin").success();
    kg.run_as("alice", "audit accept --reason x --yes").exit(4);
    sqlite3(
        &kg,
        "DROP TRIGGER audit_no_update; UPDATE audit SET actor = 'x' WHERE seq = 3",
    );
    kg.run("audit accept --reason x --yes")
        .exit(5)
        .says("event 3");
}

#[test]
fn an_older_store_is_refused_by_this_machine() {
    let mut kg = lived();
    let old = kg.path("old.db");
    copy(&kg, &old);
    kg.run("access grant alice -c prod -l write").success();
    let newer = kg.path("newer.db");
    copy(&kg, &newer);
    put_back(&kg, &old);
    kg.sandbox.clear_requests();
    kg.run("access revoke alice -c prod --yes")
        .exit(7)
        .says("the store is not the one that this machine knows: its log ends at event");
    kg.run("audit verify").exit(7).says("was recorded");
    assert!(kg.sandbox.requests().is_empty());
    put_back(&kg, &newer);
    kg.run("access revoke alice -c prod --yes").success();
    put_back(&kg, &old);
    kg.run("audit accept --reason \"the newer one is lost\" --yes")
        .success();
    kg.run("reconcile").success();
    kg.run("audit verify").success();
}

#[test]
fn an_older_store_is_refused_by_the_cluster_where_this_machine_knows_nothing() {
    let mut kg = lived();
    let old = kg.path("old.db");
    copy(&kg, &old);
    kg.run("access grant alice -c prod -l write").success();
    kg.download_for("alice");
    put_back(&kg, &old);
    std::fs::remove_dir_all(kg.root().join("state")).expect("it was there");
    kg.sandbox.clear_requests();
    let ran = kg.run("access revoke alice -c prod --yes");
    ran.exit(7)
        .says("the store is not the one that cluster 'prod' knows");
    assert!(!kg.was_changed(), "{ran}");
    kg.run("audit accept --reason \"the newer one is lost\" --yes")
        .success();
    kg.run("reconcile").success();
}

#[test]
fn who_writes_cannot_change_what_the_cluster_knows() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "write");
    let patch = serde_json::json!({ "metadata": { "annotations": { "x": "y" } } });
    let path = "/api/v1/namespaces/kubegrant";
    assert_eq!(crate::home::call(&file, "PATCH", path, Some(&patch)), 403);
    let namespaces = kg.objects("Namespace");
    let ours = namespaces.iter().find(|(name, _)| name == "kubegrant");
    let annotations = &ours.expect("it is there").1["metadata"]["annotations"];
    let heads = annotations.as_object().expect("a head").keys();
    assert_eq!(
        heads
            .filter(|key| key.starts_with("kubegrant.io/head-"))
            .count(),
        1
    );
}

#[test]
fn a_head_that_is_behind_absent_or_garbled_is_no_tampering() {
    let mut kg = lived();
    let state = kg.root().join("state/kubegrant");
    let file = std::fs::read_dir(&state).expect("a folder").next();
    let file = file.expect("a head").expect("a head").path();
    let old = std::fs::read_to_string(&file).expect("a head");
    kg.run("access grant alice -c prod -l write").success();
    let new = std::fs::read_to_string(&file).expect("a head");
    assert_ne!(old, new);
    assert_eq!(crate::home::mode_of(&file), 0o600);
    for text in [old.as_str(), "", "nonsense"] {
        crate::home::write_at(&file, text);
        kg.run("audit verify").success();
        kg.run("user list").success();
    }
    std::fs::remove_file(&file).expect("it was there");
    kg.run("user add zoe").success();
    kg.run("audit verify").success().says("fits");
}

#[test]
fn a_run_that_records_nothing_keeps_no_head() {
    let mut kg = lived();
    std::fs::remove_dir_all(kg.root().join("state")).expect("it was there");
    kg.run("access list").success();
    kg.run("whoami").success();
    assert!(!kg.root().join("state").exists());
}

#[test]
fn export_writes_one_line_of_ascii_for_each_event() {
    let mut kg = Home::new();
    kg.run_words(&[
        "access",
        "grant",
        "alice",
        "-c",
        "prod",
        "-l",
        "read",
        "--reason",
        "caf\u{e9} \u{1f600} \"q\" \\ = + - @",
    ])
    .success();
    kg.run_as("alice", "access grant bob -c prod -l read")
        .exit(4);
    let export = |ran: Ran| ran.success().stdout.clone();
    let all = export(kg.run("audit export"));
    assert!(
        all.bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    );
    let listed = kg.run("audit list -o json").json();
    let lines: Vec<serde_json::Value> = all
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(serde_json::Value::from(lines.clone()), listed);
    assert!(lines.iter().any(|line| line["phase"] == "denied"));
    for pair in lines.windows(2) {
        assert_eq!(pair[0]["hash"], pair[1]["prev"]);
    }
    assert_eq!(
        export(kg.run("audit export")),
        all,
        "the same bytes each time"
    );
    let tail = export(kg.run("audit export --since-seq 7"));
    assert!(all.ends_with(&tail));
    assert_eq!(tail.lines().count(), lines.len() - 6);
    assert_eq!(export(kg.run("audit export --limit 2")).lines().count(), 2);
    assert_eq!(export(kg.run("audit export --user bob")).lines().count(), 2);
    kg.run_as("alice", "audit export").exit(4);
}
