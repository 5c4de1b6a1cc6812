//! The digests follow every change of ours, and no change of anybody else.

mod noting;

use super::*;
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::{Event, EventSeq, Phase};
use crate::domain::user::{Role, UserId};
use crate::store::{Store, fixture, meta, users};

fn event() -> Event {
    Event {
        at: Timestamp::UNIX_EPOCH,
        actor: "alice".to_owned(),
        acting_as: None,
        action: Action::Status,
        phase: Phase::Done,
        cluster: None,
        user: None,
        detail: String::new(),
        request: None,
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let store = Store::create(&home.path().join("kubegrant/store.db")).expect("it is new");
    store
        .write(|tx| {
            for name in ["alice", "bob"] {
                let new = crate::domain::effect::NewUser {
                    name: name.parse().expect("a good name"),
                    email: None,
                    role: Role::Developer,
                    key: None,
                    oidc: None,
                    created_at: Timestamp::UNIX_EPOCH,
                };
                users::insert(tx, &new)?;
            }
            meta::set(tx, "k", "v")?;
            fixture::append(tx, &event())
        })
        .expect("it can be written");
    (home, store)
}

fn complaints(store: &Store) -> Vec<String> {
    store.read(changed).expect("it can be read")
}

#[test]
fn sums_add_and_subtract_to_nothing() {
    add_up::<WIDE>(342);
    add_up::<NARROW>(64);
}

fn add_up<const W: usize>(length: usize) {
    let sum = |part, image| Sum::<W>::of("t", part, image);
    let (a, b) = (sum("1", b"a"), sum("1", b"b"));
    assert_ne!(a, b);
    assert_ne!(a, sum("2", b"a"));
    let mut sum = a;
    sum.add(b);
    let mut other = b;
    other.add(a);
    assert_eq!(sum, other, "in any order");
    sum.add(a.negated());
    assert_eq!(sum, b);
    sum.add(b.negated());
    assert!(sum.is_zero());
    assert_eq!(Sum::read(&a.to_text()), Some(a));
    assert_eq!(a.to_text().len(), length);
    let mut most = Sum([u64::MAX; W]);
    let mut one = Sum([0; W]);
    one.0[0] = 1;
    most.add(one);
    assert!(most.is_zero(), "it wraps");
    let texts = [
        "",
        "xyz",
        &"g".repeat(64),
        &"é".repeat(32),
        &"é".repeat(171),
    ];
    for text in texts {
        assert_eq!(Sum::<W>::read(text), None);
    }
    assert_eq!(Sum::<W>::read(&(a.to_text() + "A")), None);
}

#[test]
fn a_change_without_an_event_is_refused_and_leaves_no_trace() {
    let (_home, store) = store();
    let silent: Result<()> = store.write(|tx| users::set_role(tx, UserId(1), Role::Owner));
    assert!(matches!(silent, Err(Error::Silent)));
    let role = store.read(|tx| Ok::<_, Error>(users::list(tx)?[0].role));
    assert_eq!(role.expect("it can be read"), Role::Developer);
    let nothing: Result<()> = store.write(|tx| users::set_role(tx, UserId(1), Role::Developer));
    nothing.expect("what changes nothing needs no event");
    assert_eq!(complaints(&store), Vec::<String>::new());
}

#[test]
fn what_this_program_changes_is_known_and_what_others_change_is_found() {
    let (_home, store) = store();
    let done: Result<EventSeq> = store.write(|tx| {
        users::set_role(tx, UserId(2), Role::Admin)?;
        meta::set(tx, "k", "w")?;
        meta::set(tx, "l", "m")?;
        fixture::append(tx, &event())
    });
    done.expect("it can be written");
    assert_eq!(complaints(&store), Vec::<String>::new());
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    for (statement, undo, what) in [
        (
            "UPDATE users SET role = 'owner' WHERE id = 2",
            "UPDATE users SET role = 'admin' WHERE id = 2",
            "the record of user 'bob'",
        ),
        (
            "UPDATE users SET email = '' WHERE id = 2",
            "UPDATE users SET email = NULL WHERE id = 2",
            "the record of user 'bob'",
        ),
        (
            "INSERT INTO users (id, name, role, created_at) VALUES (9, 'eve', 'owner', 0)",
            "DELETE FROM users WHERE id = 9",
            "the record of user 'eve'",
        ),
        (
            "DELETE FROM users WHERE id = 2",
            "INSERT INTO users (id, name, role, created_at) VALUES (2, 'bob', 'admin', 0)",
            "the record of user number 2, which is gone",
        ),
        (
            "UPDATE meta SET value = 'x' WHERE key = 'k'",
            "UPDATE meta SET value = 'w' WHERE key = 'k'",
            "the organization's record",
        ),
        (
            "UPDATE row_digests SET part = '77' WHERE name = 'users' AND part = '2'",
            "UPDATE row_digests SET part = '2' WHERE name = 'users' AND part = '77'",
            "the digests of its records",
        ),
    ] {
        other.execute_batch(statement).expect(statement);
        let found = complaints(&store);
        assert_eq!(found.first().map(String::as_str), Some(what), "{statement}");
        let refused = store.read(|tx| check(tx, Scope::Users));
        assert!(
            matches!(refused, Err(Error::Tampered { .. })),
            "{statement}"
        );
        other.execute_batch(undo).expect(undo);
        assert_eq!(complaints(&store), Vec::<String>::new(), "{undo}");
    }
}

#[test]
fn only_what_is_relied_upon_is_checked() {
    let (_home, store) = store();
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    let holds = |scope| store.read(|tx| check(tx, scope)).is_ok();
    let of = |scopes: &[Scope]| scopes.iter().map(|it| holds(*it)).collect::<Vec<_>>();
    let scopes = [
        Scope::Organization,
        Scope::User(UserId(1)),
        Scope::User(UserId(2)),
        Scope::User(UserId(99)),
        Scope::Users,
        Scope::All,
    ];
    assert_eq!(of(&scopes), [true; 6]);
    for (edit, undo, found) in [
        (
            "UPDATE users SET email = 'x@y.z' WHERE id = 2",
            "UPDATE users SET email = NULL WHERE id = 2",
            [true, true, false, true, false, false],
        ),
        // Who can open secrets is everybody's matter.
        (
            "UPDATE users SET role = 'admin' WHERE id = 2",
            "UPDATE users SET role = 'developer' WHERE id = 2",
            [false; 6],
        ),
        // A digest is its group's matter, a group's is everybody's.
        (
            "UPDATE row_digests SET digest = replace(digest, substr(digest, 1, 4), 'ffff')
               WHERE name = 'users' AND part = '1'",
            "",
            [true, false, false, true, false, false],
        ),
        (
            "UPDATE group_digests SET digest = 'x' WHERE name = 'users 0'",
            "",
            [false; 6],
        ),
    ] {
        other.execute_batch(edit).expect(edit);
        assert_eq!(of(&scopes), found, "{edit}");
        other.execute_batch(undo).expect(undo);
        if !undo.is_empty() {
            assert_eq!(of(&scopes), [true; 6], "{undo}");
        }
    }
}

#[test]
fn a_transaction_relies_on_what_it_changed_itself_and_on_nobody_elses_changes() {
    let (_home, store) = store();
    let done: Result<EventSeq> = store.write(|tx| {
        check(tx, Scope::All)?;
        users::set_role(tx, UserId(2), Role::Admin)?;
        check(tx, Scope::All)?;
        assert_eq!(users::admins(tx)?.len(), 1);
        // By hand, as far as the digests are concerned.
        tx.sql().batch("DELETE FROM touched")?;
        tx.sql()
            .batch("UPDATE users SET email = 'x@y.z' WHERE id = 1")?;
        assert!(check(tx, Scope::Organization).is_err());
        Err(Error::Silent)
    });
    assert!(matches!(done, Err(Error::Silent)));
    assert_eq!(complaints(&store), Vec::<String>::new());
}

#[test]
fn a_forged_row_stays_wrong_when_this_program_writes_it_again() {
    let (_home, store) = store();
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    other
        .execute_batch("UPDATE users SET role = 'owner' WHERE id = 2")
        .expect("whoever has the file can");
    let done: Result<EventSeq> = store.write(|tx| {
        users::set_key(tx, UserId(2), "age1x", UserId(1), Timestamp::UNIX_EPOCH)?;
        fixture::append(tx, &event())
    });
    done.expect("it can be written");
    assert_eq!(complaints(&store), ["the record of user 'bob'"]);
}

#[test]
fn a_row_and_its_digest_changed_together_are_found() {
    let (_home, store) = store();
    let other = Store::open(store.path()).expect("it is a database");
    let other = &other.connection;
    other
        .batch("UPDATE users SET role = 'owner' WHERE id = 2")
        .expect("whoever has the file can");
    take(other).expect("so can they compute");
    assert_eq!(complaints(&store), ["the digests of its records"]);
}

/// Columns that nobody's access hangs on; `guarded.rs` says why.
const ANYBODYS: &[(&str, &[&str])] = &[
    // Whom a warning names, and what a report says: neither gives anybody anything.
    ("ssh_key_recipients", &["key", "user"]),
    ("ssh_nodes_left_out", &["cluster", "node", "why"]),
    ("users", &["created_at"]),
    (
        "projects",
        &["description", "created_at", "created_by", "removed_at"],
    ),
    ("project_members", &["added_at", "added_by"]),
    (
        "clusters",
        &[
            "description",
            "version",
            "created_at",
            "reached_at",
            "looked_at",
            "removed_at",
        ],
    ),
    ("grants", &["id", "granted_at", "reason", "removed_at"]),
    ("blocks", &["at", "by_user", "reason"]),
    (
        "credentials",
        &[
            "ended_because",
            "created_at",
            "issued_at",
            "ended_at",
            "revoked_at",
        ],
    ),
    ("holders", &["at"]),
    ("deliveries", &["id"]),
    (
        "ssh_keys",
        &["kind", "origin", "made_at", "made_by", "claimed_at"],
    ),
    (
        "ssh_key_nodes",
        &["wanted_at", "installed_at", "proven_at", "removed_at"],
    ),
    ("bindings", &["id", "bound_at", "bound_by", "reason"]),
    ("provider_tokens", &["set_at", "set_by"]),
    ("shares", &["created_at", "wrong"]),
    // Its tag vouches for the rest; what was not used for long ends, and that is put off at most.
    (
        "sessions",
        &[
            "id",
            "code",
            "user",
            "user_key",
            "way",
            "origin",
            "created_at",
            "seen_at",
            "ends_at",
            "parent",
            "tag",
        ],
    ),
];

#[test]
fn every_column_is_guarded_or_is_said_to_be_anybodys() {
    let (_home, store) = store();
    let columns: Vec<(String, String)> = store
        .connection
        .all(
            "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT IN ('audit', 'row_digests', 'group_digests', 'sqlite_sequence')",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("they can be read");
    assert!(columns.len() > 100);
    for (table, column) in columns {
        let guarded = GUARDED
            .iter()
            .any(|it| it.table == table && it.has(&column));
        let anybodys = ANYBODYS
            .iter()
            .any(|(name, columns)| *name == table && columns.contains(&column.as_str()));
        assert_ne!(guarded, anybodys, "{table}.{column}");
    }
}

#[test]
fn what_belongs_to_a_credential_counts_as_long_as_it_does() {
    let (_home, store) = store();
    let done: Result<EventSeq> = store.write(|tx| {
        tx.sql().batch(
            "INSERT INTO clusters (id, name, server, kube_system_uid, manager, manager_kind,
               created_at) VALUES (1, 'prod', '', '', '', 'token', 0);
             INSERT INTO projects (id, name, created_at, created_by) VALUES (1, 'shop', 0, 1);
             INSERT INTO credentials (id, cluster, kind, project, level, version, account, power,
               state, created_at)
             VALUES (7, 1, 'shared', 1, 'admin', 1, 'a', 'full', 'active', 0);
             INSERT INTO holders (credential, user, at) VALUES (7, 1, 0), (7, 2, 0);
             INSERT INTO deliveries (credential, to_user, by_user, at, expires_at, form)
             VALUES (7, 2, 1, 0, 0, 'file');",
        )?;
        fixture::append(tx, &event())
    });
    done.expect("it can be written");
    let rows = |table: &str, part| {
        let guarded = GUARDED.iter().find(|it| it.table == table);
        let sums = guarded.expect(table).sums::<WIDE>(&store.connection, part);
        sums.expect(table).len()
    };
    for part in [None, Some("1")] {
        assert_eq!((rows("holders", part), rows("deliveries", part)), (1, 1));
    }
    assert_eq!(rows("holders", Some("2")), 0, "another cluster");
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    other
        .execute_batch("DELETE FROM holders WHERE user = 2")
        .expect("whoever has the file can");
    let what = ["who holds shared kubeconfigs of cluster 'prod'"];
    assert_eq!(complaints(&store), what);
    other
        .execute_batch("INSERT INTO holders (credential, user, at) VALUES (7, 2, 0)")
        .expect("whoever has the file can");
    assert_eq!(complaints(&store), Vec::<String>::new());
    for state in ["revoking", "revoked"] {
        let done: Result<EventSeq> = store.write(|tx| {
            tx.sql()
                .execute("UPDATE credentials SET state = ?1", [state])?;
            fixture::append(tx, &event())
        });
        done.expect("it can be written");
        assert_eq!(complaints(&store), Vec::<String>::new(), "{state}");
    }
    assert_eq!(rows("holders", None), 0, "history");
    other
        .execute_batch("DELETE FROM deliveries")
        .expect("whoever has the file can");
    assert_eq!(complaints(&store), Vec::<String>::new());
}

#[test]
fn a_trigger_that_somebody_added_does_no_work_unnoticed() {
    let (_home, store) = store();
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    other
        .execute_batch(
            "CREATE TRIGGER t AFTER UPDATE ON meta BEGIN
               UPDATE users SET role = 'owner' WHERE id = 2; END",
        )
        .expect("whoever has the file can");
    assert_eq!(complaints(&store), ["the trigger 't'"]);
    let done: Result<EventSeq> = store.write(|tx| {
        meta::set(tx, "k", "w")?;
        fixture::append(tx, &event())
    });
    done.expect("it can be written");
    let refused = store.read(|tx| check(tx, Scope::Organization));
    assert!(matches!(refused, Err(Error::Tampered { .. })));
}

#[test]
fn an_index_that_hides_a_row_is_found() {
    let (_home, store) = store();
    let at_by_hand = |statements: &str| {
        let other = rusqlite::Connection::open(store.path()).expect("it is a database");
        other
            .execute_batch(statements)
            .expect("whoever has the file can");
    };
    let text = |columns: &str| {
        format!(
            "PRAGMA writable_schema = 1;
             UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX projects_one_name ON projects '
               || '{columns} WHERE removed_at IS NULL' WHERE name = 'projects_one_name'"
        )
    };
    // In the end its text is as it was, and it is sorted by something else.
    at_by_hand(&text("(created_at)"));
    at_by_hand("INSERT INTO projects (name, created_at, created_by) VALUES ('a', 5, 1)");
    at_by_hand(&text("(name)"));
    assert_eq!(
        store
            .read(|tx| shape::changed(tx.sql()))
            .expect("it can be read"),
        [""; 0]
    );
    let misshapen = store.read(misshapen).expect("it can be read");
    assert!(
        misshapen
            .iter()
            .any(|what| what.starts_with("the file itself")),
        "{misshapen:?}"
    );
    assert!(store.read(|tx| check(tx, Scope::All)).is_err());
}

#[test]
fn a_process_of_before_an_upgrade_writes_nothing_after_it() {
    let (_home, store) = store();
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    other
        .pragma_update(None, "user_version", 99)
        .expect("it can be written");
    let refused: Result<EventSeq> = store.write(|tx| fixture::append(tx, &event()));
    assert!(matches!(refused, Err(Error::Newer { found: 99, .. })));
}

#[test]
fn every_guarded_column_is_there_and_every_trigger_fires() {
    let (_home, store) = store();
    for guarded in GUARDED {
        let sums = guarded.sums::<WIDE>(&store.connection, None);
        sums.expect(guarded.table);
        if guarded.of == Of::Cluster {
            let sums = guarded.sums::<WIDE>(&store.connection, Some("1"));
            sums.expect(guarded.table);
        }
    }
}
