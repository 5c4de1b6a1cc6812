//! The digests follow every change of ours, and no change of anybody else.

use super::*;
use crate::domain::Timestamp;
use crate::domain::audit::{Event, Phase};
use crate::domain::user::{Role, UserId};
use crate::store::{Store, audit, meta, users};

fn event() -> Event {
    Event {
        at: Timestamp::UNIX_EPOCH,
        actor: "alice".to_owned(),
        acting_as: None,
        action: "test",
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
                let new = users::NewUser {
                    name: &name.parse().expect("a good name"),
                    email: None,
                    role: Role::Developer,
                    key: None,
                    created_at: Timestamp::UNIX_EPOCH,
                };
                users::insert(tx, &new)?;
            }
            meta::set(tx, "k", "v")?;
            audit::append(tx, &event())
        })
        .expect("it can be written");
    (home, store)
}

fn complaints(store: &Store) -> Vec<String> {
    store.read(changed).expect("it can be read")
}

#[test]
fn sums_add_and_subtract_to_nothing() {
    let (a, b) = (Sum::of("t", "1", b"a"), Sum::of("t", "1", b"b"));
    assert_ne!(a, b);
    assert_ne!(a, Sum::of("t", "2", b"a"));
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
    let mut most = Sum([u64::MAX; 4]);
    most.add(Sum([1, 0, 0, 0]));
    assert!(most.is_zero(), "it wraps");
    for text in ["", "xyz", &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(Sum::read(text), None);
    }
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
    let done: Result<i64> = store.write(|tx| {
        users::set_role(tx, UserId(2), Role::Admin)?;
        meta::set(tx, "k", "w")?;
        meta::set(tx, "l", "m")?;
        audit::append(tx, &event())
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
            "UPDATE digests SET part = '77' WHERE name = 'users' AND part = '2'",
            "UPDATE digests SET part = '2' WHERE name = 'users' AND part = '77'",
            "the digests of its records",
        ),
    ] {
        other.execute_batch(statement).expect(statement);
        let found = complaints(&store);
        assert_eq!(found.first().map(String::as_str), Some(what), "{statement}");
        let refused = store.read(|tx| check(tx, Scope::Organization));
        assert!(
            matches!(refused, Err(Error::Tampered { .. })),
            "{statement}"
        );
        other.execute_batch(undo).expect(undo);
        assert_eq!(complaints(&store), Vec::<String>::new(), "{undo}");
    }
}

#[test]
fn a_forged_row_stays_wrong_when_this_program_writes_it_again() {
    let (_home, store) = store();
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    other
        .execute_batch("UPDATE users SET role = 'owner' WHERE id = 2")
        .expect("whoever has the file can");
    let done: Result<i64> = store.write(|tx| {
        users::set_key(tx, UserId(2), "age1x", (UserId(1), Timestamp::UNIX_EPOCH))?;
        audit::append(tx, &event())
    });
    done.expect("it can be written");
    assert_eq!(complaints(&store), ["the record of user 'bob'"]);
}

#[test]
fn a_row_and_its_digest_changed_together_are_found() {
    let (_home, store) = store();
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    other
        .execute_batch("UPDATE users SET role = 'owner' WHERE id = 2")
        .expect("whoever has the file can");
    take(&other).expect("so can they compute");
    assert_eq!(complaints(&store), ["the digests of its records"]);
}

#[test]
fn every_guarded_column_is_there_and_every_trigger_fires() {
    let (_home, store) = store();
    for guarded in GUARDED {
        let sums = guarded.sums(&store.connection, None);
        sums.expect(guarded.table);
        if guarded.of == Of::Cluster {
            let sums = guarded.sums(&store.connection, Some("1"));
            sums.expect(guarded.table);
        }
    }
}
