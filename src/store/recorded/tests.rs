//! What is recorded, and that it makes the rows again.

use super::pieces::AtMost;
use super::*;
use crate::store::schema;

/// Columns that no event says, and why.
const UNSAID: &[(&str, &[&str])] = &[
    // Sealed, or the digest of a secret.
    ("clusters", &["manager_secret"]),
    ("issuers", &["secret"]),
    ("provider_tokens", &["secret"]),
    ("ssh_keys", &["secret", "claimed_digest"]),
    ("shares", &["digest"]),
    // Where somebody keeps a private key.
    ("ssh_keys", &["claimed_path"]),
    // What looks and guesses write without an event.
    ("clusters", &["version", "reached_at", "looked_at"]),
    ("shares", &["wrong"]),
    ("ssh_key_nodes", &["installed_at", "proven_at"]),
    // Tables that are derived, or decide nothing.
    ("audit", &[]),
    ("row_digests", &[]),
    ("group_digests", &[]),
    ("sessions", &[]),
    ("ssh_key_recipients", &[]),
    ("ssh_nodes_left_out", &[]),
    ("sqlite_sequence", &[]),
];

#[test]
fn every_column_is_recorded_or_is_said_not_to_be() {
    let sql = schema::fresh().expect("a store");
    let query =
        "SELECT t.name, c.name, c.pk, c.type FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
         WHERE t.type = 'table'";
    let found: Vec<(String, String, i64, String)> = sql
        .all(query, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .expect("it is SQL");
    let mut columns = 0;
    for (table, column, part, kind) in found {
        let unsaid = UNSAID.iter().any(|(name, columns)| {
            *name == table && (columns.is_empty() || columns.contains(&column.as_str()))
        });
        let recorded = find(&table);
        let said = recorded.is_some_and(|it| it.all_columns().any(|it| it == column));
        assert_ne!(said, unsaid, "{table}.{column}");
        if let Some(recorded) = recorded {
            columns += 1;
            let key = recorded.key.iter().find(|it| it.name() == column);
            assert_eq!(key.is_some(), part > 0, "{table}.{column} names its row");
            if let Some(key) = key {
                assert_eq!(
                    matches!(key, Number(_)),
                    kind == "INTEGER",
                    "{table}.{column}"
                );
            }
        }
    }
    assert!(columns > 100);
    assert!(RECORDED.is_sorted_by_key(|it| it.table));
    for it in RECORDED {
        assert!(it.columns.is_sorted(), "{}", it.table);
    }
}

fn row(table: &'static str, values: &[(&str, Value)]) -> (&'static str, Row) {
    let values = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    (table, values.collect())
}

fn rows(all: &[(&'static str, Row)]) -> Rows {
    let mut rows = Rows::default();
    for (table, row) in all {
        let key = find(table).and_then(|it| it.key_of(row)).expect("a key");
        let text = row_text(row).expect("text");
        rows.0.entry(table).or_default().insert(key, text);
    }
    rows
}

#[test]
fn what_is_said_makes_one_of_the_other() {
    let alice = |role: &str| row("users", &[("id", 1.into()), ("role", role.into())]);
    let block = |reason: &str| {
        let key = [("cluster", 1.into()), ("user", 2.into())];
        row("blocks", &[&key[..], &[("reason", reason.into())]].concat())
    };
    let node = row(
        "ssh_key_nodes",
        &[
            ("key", 1.into()),
            ("address", "a,b".into()),
            ("port", 22.into()),
            ("login", "é".into()),
        ],
    );
    let states = [
        rows(&[]),
        rows(&[alice("owner")]),
        rows(&[alice("admin"), block("x"), node.clone()]),
        rows(&[alice("admin"), block("y")]),
        rows(&[node]),
    ];
    for from in &states {
        for (rows, of_last) in [(1, 1), (2, 1), (1, 2), (100, 100)] {
            let mut made = Rows::default();
            let base = from.clone().into_base(AtMost { rows, of_last });
            let base: Vec<Change> = base.collect();
            assert!(!base.is_empty());
            for change in base {
                let text = change.to_text().expect("text");
                let read = Change::parse(&text).expect("a change");
                assert_eq!(read, change);
                made.apply(read).expect("it makes sense");
            }
            assert_eq!(&made, from);
        }
    }
}

/// What it takes to make the rows of a store of others, whatever these are.
#[test]
fn what_is_untold_is_said() {
    let sql = schema::fresh().expect("a store");
    sql.batch(
        "INSERT INTO users (id, name, role, created_at) VALUES (1, 'alice', 'owner', 0);
         INSERT INTO users (id, name, role, created_at) VALUES (2, 'bob', 'admin', 0);
         INSERT INTO meta (key, value) VALUES ('k', 'v');",
    )
    .expect("rows");
    let now = Rows::of_store(&sql).expect("rows");
    let bob = |role: &str| row("users", &[("id", 2.into()), ("role", role.into())]);
    let carol = row("users", &[("id", 3.into()), ("name", "carol".into())]);
    for before in [
        rows(&[]),
        rows(&[bob("owner"), carol.clone()]),
        rows(&[
            row("meta", &[("key", "other".into()), ("value", "é".into())]),
            carol,
        ]),
        now.clone(),
    ] {
        let change = before.clone().change_to_store(&sql).expect("a change");
        let is_same = before == now;
        assert_eq!(change.is_empty(), is_same);
        let differing = before.clone().differing(&sql).expect("tables");
        assert_eq!(differing.is_empty(), is_same, "{differing:?}");
        let mut made = before;
        made.apply(change).expect("it makes sense");
        assert_eq!(made, now);
    }
    let mut before = now.clone();
    let role = Change::parse(r#"{"set":{"users":[{"id":2,"role":"owner"}]}}"#).expect("a change");
    before.apply(role).expect("it makes sense");
    assert_eq!(before.clone().differing(&sql).expect("tables"), ["users"]);
    let change = before.change_to_store(&sql).expect("a change").to_text();
    assert_eq!(
        change.expect("text"),
        r#"{"set":{"users":[{"id":2,"role":"admin"}]}}"#
    );
}

#[test]
fn what_makes_no_sense_is_not_applied() {
    for text in [
        r#"{"set":{"nothing":[{"id":1}]}}"#,
        r#"{"set":{"users":[{"name":"alice"}]}}"#,
        r#"{"set":{"users":[{"id":"1"}]}}"#,
        r#"{"set":{"users":[{"id":1,"secret":"x"}]}}"#,
        r#"{"removed":{"users":[{}]}}"#,
    ] {
        let change = Change::parse(text).expect(text);
        assert_eq!(Rows::default().apply(change), Err(UNTOLD), "{text}");
    }
    for text in [
        "",
        "1",
        r#"{"other":{}}"#,
        r#"{"set":[]}"#,
        r#"{"base":{"of":1}}"#,
    ] {
        assert_eq!(Change::parse(text), None, "{text}");
    }
}
