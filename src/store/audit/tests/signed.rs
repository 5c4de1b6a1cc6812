//! Whose signature an event bears, and what nobody can sign.

use super::*;

/// Writes as a program would that was changed to sign with any key under any name.
fn forge(store: &Store, name: &str, signer: &Arc<Signer>, work: impl FnOnce(&WriteTxn<'_>)) {
    let done: Result<()> = store.write(|tx| {
        tx.signers.borrow_mut().insert(UserId(0));
        let forged = Event {
            actor: name.to_owned(),
            ..event(3)
        };
        append(tx, &forged, UserId(0), signer)?;
        work(tx);
        Ok(())
    });
    done.expect("whoever has the file can");
}

/// Whether the next command goes on that relies on the organization.
fn is_relied_upon(store: &Store) -> bool {
    let store = Store::open(store.path()).expect("a store");
    let looked = store.read(|tx| integrity::check(tx, integrity::Scope::Organization));
    looked.is_ok()
}

/// `alice`, who signs events, and `bob`, with a key of his own.
fn two() -> (tempfile::TempDir, Store, Arc<Signer>) {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let store = Store::create(&home.path().join("kubegrant/store.db")).expect("it is new");
    let bob = crate::secrets::Identity::generate().signer();
    for number in 1..=2 {
        let new = crate::domain::effect::NewUser {
            name: "bob".parse().expect("a good name"),
            email: None,
            role: Role::Developer,
            key: Some(bob.key().to_owned()),
            oidc: None,
            created_at: at(0),
        };
        let written: Result<()> = store.write(|tx| {
            fixture::append(tx, &event(number))?;
            if number == 2 {
                users::insert(tx, &new)?;
            }
            Ok(())
        });
        written.expect("it can be written");
    }
    assert!(is_relied_upon(&store));
    (home, store, bob)
}

const NOT_THEIRS: &str = "it is signed with a key that was not its actor's then";

fn broken_at_3(store: &Store) -> Option<&'static str> {
    match store.read(verify).expect("it can be read") {
        Verdict::Whole { .. } => None,
        Verdict::Broken { seq, why } => {
            assert_eq!(seq, EventSeq(3));
            Some(why)
        }
    }
}

fn make_owner(tx: &WriteTxn<'_>) {
    users::set_role(tx, UserId(2), Role::Owner).expect("a change");
}

/// Somebody who knows the program, writes rows with digests that agree, and holds nobody's identity.
#[test]
fn who_holds_no_identity_appends_nothing() {
    let mallory = crate::secrets::Identity::generate().signer();
    // Under somebody's name, with a key of their own.
    let (_home, store, _) = two();
    forge(&store, "alice", &mallory, make_owner);
    assert!(!is_relied_upon(&store));
    assert_eq!(broken_at_3(&store), Some(NOT_THEIRS));
    // The same, with that key in the place of hers: no event of hers says so.
    let (_home, store, _) = two();
    forge(&store, "alice", &mallory, |tx| {
        make_owner(tx);
        let by = (UserId(1), at(0));
        users::set_key(tx, UserId(1), mallory.key(), by.0, by.1).expect("a change");
    });
    assert_eq!(broken_at_3(&store), Some(NOT_THEIRS));
    // A user of their own, who signs their own coming.
    let (_home, store, _) = two();
    forge(&store, "mallory", &mallory, |tx| {
        let new = crate::domain::effect::NewUser {
            name: "mallory".parse().expect("a good name"),
            email: None,
            role: Role::Owner,
            key: Some(mallory.key().to_owned()),
            oidc: None,
            created_at: at(0),
        };
        users::insert(tx, &new).expect("a change");
    });
    assert_eq!(broken_at_3(&store), Some(NOT_THEIRS));
}

/// Somebody who holds an identity of their own: they can sign as themselves alone.
#[test]
fn an_identity_signs_for_its_holder_alone() {
    let (_home, store, bob) = two();
    forge(&store, "alice", &bob, make_owner);
    assert!(!is_relied_upon(&store));
    assert_eq!(broken_at_3(&store), Some(NOT_THEIRS));
    // Nor do they make themselves an owner by it.
    let (_home, store, bob) = two();
    forge(&store, "bob", &bob, make_owner);
    let why = "it changes who the users are, and its actor was neither owner nor admin then";
    assert_eq!(broken_at_3(&store), Some(why));
    // As themselves they can append; it bears their name, and says what it did.
    let (_home, store, bob) = two();
    let made = |tx: &WriteTxn<'_>| {
        let sql =
            "INSERT INTO projects (id, name, created_at, created_by) VALUES (1, 'shop', 0, 2)";
        tx.sql().execute(sql, []).expect("a change");
    };
    forge(&store, "bob", &bob, made);
    assert_eq!(broken_at_3(&store), None);
    let mut last = None;
    let all = |tx: &ReadTxn<'_>| {
        each(tx, &Filter::default(), |event| {
            last = Some(event);
            Ok::<_, Error>(())
        })
    };
    store.read(all).expect("a log");
    let last = last.expect("an event");
    assert_eq!(
        (last.actor.as_str(), last.signer.as_deref()),
        ("bob", Some(bob.key()))
    );
    let change = last.change.as_deref().expect("it says what it did");
    let project = r#"{"created_at":0,"created_by":2,"description":"","id":1,"name":"shop","removed_at":null}"#;
    assert_eq!(change, format!(r#"{{"set":{{"projects":[{project}]}}}}"#));
}

/// An event of somebody's is good where it stands, and for what it says.
#[test]
fn a_signature_is_moved_to_no_other_event() {
    let (_home, store, _) = two();
    store
        .connection
        .batch("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;")
        .expect("whoever has the file can");
    let good = "its signature is not of the key that it names";
    for (edit, why) in [
        (
            "UPDATE audit SET signature = (SELECT signature FROM audit WHERE seq = 1) WHERE seq = 2",
            good,
        ),
        ("UPDATE audit SET signature = NULL WHERE seq = 2", good),
        ("UPDATE audit SET detail = 'x' WHERE seq = 2", good),
        ("UPDATE audit SET change = NULL WHERE seq = 2", good),
        (
            "UPDATE audit SET signer = NULL, signature = NULL WHERE seq = 2",
            "it is not signed",
        ),
        (
            "UPDATE audit SET signer = 'age1qqqq' WHERE seq = 2",
            NOT_THEIRS,
        ),
    ] {
        let undone: Result<()> = store.write(|tx| {
            tx.sql().batch(edit)?;
            rechain(tx, 2)?;
            let seq = EventSeq(2);
            assert_eq!(verify(tx)?, Verdict::Broken { seq, why }, "{edit}");
            let state = last_state(tx.sql(), || Ok(String::new()))?;
            assert_eq!(state, None, "{edit}: a command goes on");
            Err(Error::Silent)
        });
        assert!(matches!(undone, Err(Error::Silent)), "{edit}: {undone:?}");
    }
}

/// Only once, and before anything is signed, this program says for itself how everything stands.
#[test]
fn nothing_unsigned_comes_after_something_signed() {
    let (_home, store, _) = two();
    let forged: Result<()> = store.write(|tx| {
        make_owner(tx);
        let state = integrity::seal(tx)?.unwrap_or_default();
        append_upgrade(tx.sql(), "schema 13; forged", &state)?;
        assert_eq!(recorded::take(tx.sql())?.map(|it| it.set.len()), Some(1));
        Ok(())
    });
    forged.expect("whoever has the file can");
    assert!(!is_relied_upon(&store));
    assert_eq!(broken_at_3(&store), Some("it is not signed"));
}

#[test]
fn a_key_that_was_replaced_signs_nothing_more() {
    let (_home, store, bob) = two();
    let by = (UserId(1), at(0));
    let new = crate::secrets::Identity::generate().signer();
    let replaced: Result<()> = store.write(|tx| {
        fixture::append(tx, &event(3))?;
        users::set_key(tx, UserId(2), new.key(), by.0, by.1)
    });
    replaced.expect("it can be written");
    let as_bob = Event {
        actor: "bob".to_owned(),
        ..event(4)
    };
    let with = |signer: &Arc<Signer>| -> Result<()> {
        store.write(|tx| append(tx, &as_bob, UserId(2), signer).map(drop))
    };
    assert!(matches!(with(&bob), Err(Error::KeyReplaced)));
    with(&new).expect("it is his");
    // Whoever replaces their own signs that with the one of before, whatever else happens in it.
    let newer = crate::secrets::Identity::generate().signer();
    let replaced: Result<()> = store.write(|tx| {
        append(tx, &as_bob, UserId(2), &new)?;
        users::set_key(tx, UserId(2), newer.key(), UserId(2), at(0))?;
        append(tx, &as_bob, UserId(2), &new).map(drop)
    });
    replaced.expect("it can be written");
    assert!(is_relied_upon(&store));
    assert!(matches!(with(&new), Err(Error::KeyReplaced)));
    with(&newer).expect("it is his");
    let verdict = store.read(verify).expect("it can be read");
    assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
}

/// A server acts for others, and changes nobody's key.
#[test]
fn a_server_that_changes_a_key_for_somebody_is_found() {
    let (_home, store, desk) = two();
    let made: Result<()> = store.write(|tx| {
        fixture::append(tx, &event(3))?;
        tx.sql().batch("INSERT INTO servers (user) VALUES (2)")?;
        Ok(())
    });
    made.expect("it can be written");
    let done: Result<()> = store.write(|tx| {
        let for_alice = Event {
            actor: "bob".to_owned(),
            acting_as: Some("alice".to_owned()),
            ..event(4)
        };
        append(tx, &for_alice, UserId(2), &desk)?;
        let other = crate::secrets::Identity::generate().signer();
        users::set_key(tx, UserId(1), other.key(), UserId(1), at(0))
    });
    done.expect("whoever has the file can");
    let why = "it changes who the users are, and its actor was neither owner nor admin then";
    let seq = EventSeq(4);
    assert_eq!(
        store.read(verify).expect("it can be read"),
        Verdict::Broken { seq, why }
    );
}
