//! `kubegrant audit replay`: the log alone tells the rows of the store, at each of its events.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};

use crate::home::Home;

/// Columns that are in no event: secrets, and what looks write without one.
const UNSAID: &[(&str, &str)] = &[
    ("clusters", "manager_secret"),
    ("clusters", "version"),
    ("clusters", "reached_at"),
    ("clusters", "looked_at"),
    ("issuers", "secret"),
    ("provider_tokens", "secret"),
    ("ssh_keys", "secret"),
    ("ssh_keys", "claimed_path"),
    ("ssh_keys", "claimed_digest"),
    ("shares", "digest"),
    ("shares", "wrong"),
    ("ssh_key_nodes", "installed_at"),
    ("ssh_key_nodes", "proven_at"),
];

/// Tables that no event says.
const TABLES_UNSAID: &[&str] = &[
    "audit",
    "row_digests",
    "group_digests",
    "sessions",
    "sqlite_sequence",
    "ssh_key_recipients",
    "ssh_nodes_left_out",
];

/// The rows of all tables, read by somebody who knows nothing of the program: as text, sorted.
pub(crate) fn rows(kg: &Home) -> BTreeMap<String, Vec<String>> {
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    let tables: Vec<String> = sql
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .and_then(|mut found| found.query_map([], |row| row.get(0))?.collect())
        .expect("tables");
    let mut all = BTreeMap::new();
    for table in tables {
        if TABLES_UNSAID.contains(&table.as_str()) {
            continue;
        }
        let mut statement = sql.prepare(&format!("SELECT * FROM {table}")).expect("SQL");
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let read = |row: &rusqlite::Row<'_>| {
            let mut said = Map::new();
            for (index, name) in names.iter().enumerate() {
                if UNSAID.contains(&(table.as_str(), name.as_str())) {
                    continue;
                }
                let value = match row.get_ref(index)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(number) => json!(number),
                    ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                    other => panic!("{table}.{name} is {other:?}"),
                };
                said.insert(name.clone(), value);
            }
            Ok(canonical(&Value::Object(said)))
        };
        let found = statement.query_map([], read).expect("rows");
        let mut found: Vec<String> = found.map(|row| row.expect("a row")).collect();
        found.sort();
        if !found.is_empty() {
            all.insert(table, found);
        }
    }
    all
}

/// A row as text, whatever the order of its columns.
fn canonical(row: &Value) -> String {
    let columns: BTreeMap<&String, &Value> = row.as_object().expect("a row").iter().collect();
    serde_json::to_string(&columns).expect("JSON")
}

/// The same as the log tells it.
pub(crate) fn told(kg: &mut Home, at: Option<i64>) -> BTreeMap<String, Vec<String>> {
    let at = at.map(|seq| format!(" --at {seq}")).unwrap_or_default();
    let ran = kg.run(&format!("audit replay{at} -o json"));
    let said = ran.success().json();
    let tables = said["tables"].as_object().expect("tables").iter();
    let tables = tables.map(|(name, rows)| {
        let rows = rows.as_array().expect("rows").iter();
        let mut rows: Vec<String> = rows.map(canonical).collect();
        rows.sort();
        (name.clone(), rows)
    });
    tables.collect()
}

fn last_event(kg: &Home) -> i64 {
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.query_row("SELECT max(seq) FROM audit", [], |row| row.get(0))
        .expect("a log")
}

/// A life with all kinds of changes, some of them refused, or pending.
const LIFE: &[&str] = &[
    "user add carol",
    "user set-role alice admin",
    "user set-role alice developer",
    "cluster set prod --description words --label env=prod",
    "cluster set prod --public-server https://k8s.example.invalid:6443",
    "access grant alice -c prod -l read --for 30d",
    "access grant alice -c prod -l write --reason later",
    "access grant bob -c prod -l read",
    "kubeconfig download prod --user alice --plain -f a.conf",
    "team rotate alice -c prod --yes",
    "kubeconfig download prod --user alice --plain -f a2.conf",
    "rbac bind bob --cluster-role view -c prod",
    "rbac bind bob --cluster-role view -n default -c prod --yes",
    "rbac unbind bob --cluster-role view -c prod --yes",
    "team revoke bob -c prod --yes",
    "team restore bob -c prod",
    "project create shop --description Shop",
    "project describe shop Shops",
    "cluster set prod --project shop",
    "project add-member alice --project shop --role viewer",
    "project add-member bob --project shop --role owner",
    "kubeconfig download prod --user alice --shared --plain -f shared.conf",
    "project set-role alice --project shop --role editor",
    "project rename shop --to store",
    "project remove-member alice --project store --yes",
    "ssh-key generate prod",
    "ssh-key download prod -f handed.pem",
    "ssh-key reset prod --yes",
    "cluster protect prod",
    "cluster unprotect prod",
    "cluster transfer prod --to bob --yes",
    "cluster rotate-manager prod",
    "cluster rotate-accounts prod --yes",
    "organization set-oidc --issuer https://id.example --client-id kubegrant",
    "user set-oidc carol --subject 248289",
    "user set-oidc carol --none",
    "access revoke alice -c prod --yes",
    "user disable bob --yes",
    "user enable bob",
    "reconcile",
    "cluster set prod --no-project",
    "project delete store --yes",
    "user offboard alice --yes",
    "cluster archive prod --yes",
    "cluster unarchive prod",
    "cluster delete prod --confirm prod --yes",
    "audit accept --reason tried --yes",
];

#[test]
fn the_log_tells_the_rows_at_each_step_of_a_life() {
    let mut kg = Home::new();
    let mut steps = vec![(last_event(&kg), rows(&kg))];
    let mut refused = 0;
    for line in LIFE {
        let ran = kg.run(line);
        // Some are refused: that is said in the log, too, and changes nothing.
        refused += usize::from(ran.code != 0 && ran.code != 6);
        assert_ne!(ran.code, 2, "{line}: {ran}");
        kg.tick(1);
        steps.push((last_event(&kg), rows(&kg)));
    }
    assert!(refused < LIFE.len() / 4, "{refused} were refused");
    kg.run("audit verify").success();
    for (number, (seq, rows)) in steps.iter().enumerate() {
        let before = number.checked_sub(1).and_then(|it| LIFE.get(it));
        let told = told(&mut kg, Some(*seq));
        assert_eq!(&told, rows, "event {seq}, after {before:?}");
    }
    let (_, now) = steps.last().expect("a step");
    assert_eq!(&told(&mut kg, None), now);
}

#[test]
fn a_moment_is_an_event_or_a_time() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.tick(24);
    kg.run("access grant alice -c prod -l write").success();
    let level = |kg: &mut Home, at: &str| {
        let said = kg
            .run(&format!("audit replay {at} -o json"))
            .success()
            .json();
        let grants = said["tables"]["grants"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let live = grants.iter().find(|row| row["removed_at"].is_null());
        live.map(|row| row["level"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(level(&mut kg, "").as_deref(), Some("write"));
    assert_eq!(level(&mut kg, "--at 12h").as_deref(), Some("read"));
    assert_eq!(
        level(&mut kg, "--at 2026-11-23T09:00:00Z").as_deref(),
        Some("read")
    );
    assert_eq!(level(&mut kg, "--at 5"), None);
    insta::assert_snapshot!(kg.run("audit replay --at 8"), @r"
    Event:         8
    At:            2026-11-22T10:00:00Z
    Users:         3
    Clusters:      1
    Projects:      0
    Members:       0
    Grants:        1
    Blocks:        0
    Bindings:      0
    Credentials:   0
    [exit 0]
    ");
    kg.run("audit replay --at 4711")
        .exit(3)
        .says("there is no event 4711");
    kg.run("audit replay --at 0").exit(3);
    kg.run("audit replay --at 99999999999999999999").exit(2);
    kg.run("audit replay --at 2020-01-01")
        .exit(5)
        .says("from event 1 on");
    kg.run_as("alice", "audit replay").exit(4);
}

/// What was accepted, by the events that say a change.
fn accepted(kg: &mut Home) -> Vec<Value> {
    let ran = kg.run("audit list --action \"audit accept\" -o json");
    let mut said = ran.json().as_array().cloned().expect("a list");
    said.retain(|it| !it["change"].is_null());
    said
}

#[test]
fn what_somebody_changed_is_said_by_who_accepts_it() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.write_sql(
        "UPDATE grants SET level = 'write'; INSERT INTO blocks (cluster, user, at, by_user)
         VALUES (1, 3, 5, 1); UPDATE users SET email = 'a@b.c' WHERE name = 'bob'",
    );
    kg.run("audit verify").exit(7);
    kg.run("audit accept --reason seen --yes").success();
    kg.run("audit verify").success();
    assert_eq!(told(&mut kg, None), rows(&kg));
    let accepted = accepted(&mut kg);
    let change = &accepted[0]["change"]["set"];
    assert_eq!(change["grants"], json!([{ "id": 1, "level": "write" }]));
    assert_eq!(change["users"], json!([{ "id": 3, "email": "a@b.c" }]));
    // And nothing that was wrong before is told of then.
    kg.run("access revoke alice -c prod --yes").success();
    assert_eq!(told(&mut kg, None), rows(&kg));
}

/// Every command reads the last event as a whole: what is accepted may be much, and that event is short.
#[test]
fn what_is_accepted_of_many_rows_is_said_in_several_events() {
    let mut kg = Home::new();
    kg.write_sql(
        "WITH RECURSIVE n(i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM n WHERE i < 1299)
         INSERT INTO users (id, name, role, created_at) SELECT i, 'user-' || i, 'developer', 5 FROM n",
    );
    kg.run("audit accept --reason imported --yes").success();
    kg.run("audit verify").success();
    assert_eq!(told(&mut kg, None), rows(&kg));
    let accepted = accepted(&mut kg);
    let detail = accepted[0]["detail"].as_str().expect("words");
    assert!(detail.starts_with("imported: "), "{detail}");
    assert_eq!(accepted[1]["detail"], "part 2 of what was accepted");
    let users = |it: &Value| it["change"]["set"]["users"].as_array().map_or(0, Vec::len);
    let users: Vec<usize> = accepted.iter().map(users).filter(|it| *it > 0).collect();
    assert_eq!(users.iter().sum::<usize>(), 1200);
    assert!(users.len() == 2 && users[1] <= 500, "{users:?}");
    // It is a log like any other: the next event follows.
    kg.run("user add carol").success();
    kg.run("audit verify").success();
}

/// No secret is in it, sealed or not.
#[test]
fn no_secret_is_in_the_log() {
    let mut kg = Home::new();
    kg.write(
        "provider.token",
        "hcloud-0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab",
    );
    kg.run("ssh-key generate prod").success();
    kg.run("access grant alice -c prod -l read").success();
    let file = kg.download_for("alice");
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    let changes: Vec<String> = sql
        .prepare("SELECT change FROM audit WHERE change IS NOT NULL")
        .and_then(|mut found| found.query_map([], |row| row.get(0))?.collect())
        .expect("changes");
    let all = changes.join("\n");
    let sealed: Vec<Vec<u8>> = sql
        .prepare(
            "SELECT manager_secret FROM clusters UNION ALL SELECT secret FROM issuers
             UNION ALL SELECT secret FROM ssh_keys WHERE secret IS NOT NULL",
        )
        .and_then(|mut found| found.query_map([], |row| row.get(0))?.collect())
        .expect("secrets");
    assert_eq!(sealed.len(), 3);
    assert!(!all.contains("secret") && !all.contains("age-encryption") && !all.contains("PRIVATE"));
    let token = file
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .expect("a token");
    assert!(all.contains("\"account\"") && !all.contains(token));
}
