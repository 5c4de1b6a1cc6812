//! Every way to tamper with a log of 40 events, each tried on every event; and with its keys.

use super::*;
use crate::domain::action::Action;
use crate::domain::user::Role;
use crate::store::{Store, fixture, users};

const EVENTS: i64 = 40;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a small number of seconds is a time")
}

fn event(number: i64) -> Event {
    let some = |every: i64, text: &str| (number % every == 0).then(|| text.to_owned());
    Event {
        at: at(1_000 + number),
        actor: "alice".to_owned(),
        acting_as: some(6, "bob"),
        action: Action::AccessGrant,
        phase: if number % 2 == 0 {
            Phase::Requested
        } else {
            Phase::Denied
        },
        cluster: some(4, "prod"),
        user: some(5, "carol"),
        detail: format!("event {number}"),
        request: (number % 7 == 0).then_some(EventSeq(number - 1)),
    }
}

/// A log of 40 events, some in one transaction, some with a change; without its triggers, as
/// whoever has the file can make it.
fn log() -> (tempfile::TempDir, Store, Head) {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let store = Store::create(&home.path().join("kubegrant/store.db")).expect("it is new");
    // The first transaction is one event: it brings the user who signs it.
    let firsts = std::iter::once(1).chain((2..=EVENTS).step_by(4));
    for first in firsts {
        let next = if first == 1 { 2 } else { first + 4 };
        store
            .write(|tx| {
                for number in first..next.min(EVENTS + 1) {
                    fixture::append(tx, &event(number))?;
                }
                let new = crate::domain::effect::NewUser {
                    name: format!("user-{first}").parse().expect("a good name"),
                    email: None,
                    role: Role::Developer,
                    key: None,
                    oidc: None,
                    created_at: at(0),
                };
                users::insert(tx, &new).map(drop)
            })
            .expect("it can be written");
    }
    let head = store.read(head).expect("it can be read");
    let head = head.expect("there are events");
    assert_eq!(head.seq, EventSeq(EVENTS));
    assert!(!is_found(&store, &head, "", |_| Ok(())), "nothing was done");
    store
        .connection
        .batch("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;")
        .expect("whoever has the file can");
    (home, store, head)
}

/// Tampers, asks, and undoes: whether the chain or the head shows it.
fn is_found(
    store: &Store,
    head: &Head,
    statements: &str,
    more: impl FnOnce(&WriteTxn<'_>) -> Result<()>,
) -> bool {
    let mut found = false;
    let undone: Result<()> = store.write(|tx| {
        tx.sql().batch(statements)?;
        more(tx)?;
        found =
            !matches!(verify(tx)?, Verdict::Whole { .. }) || against(tx, head)? != Against::Fits;
        Err(Error::Silent)
    });
    assert!(
        matches!(undone, Err(Error::Silent)),
        "{statements}: {undone:?}"
    );
    found
}

/// Writes the hashes anew from an event on, as an attacker who knows the program would.
fn rechain(tx: &WriteTxn<'_>, from: i64) -> Result<()> {
    let sql = tx.sql();
    let before = "SELECT hash FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT 1";
    let before: Option<String> = sql.first(before, [from], |row| row.get(0))?;
    let mut prev = before.unwrap_or_else(|| GENESIS.to_owned());
    let seqs = "SELECT seq FROM audit WHERE seq >= ?1 ORDER BY seq";
    let seqs: Vec<i64> = sql.all(seqs, [from], |row| row.get(0))?;
    for seq in seqs {
        sql.execute("UPDATE audit SET prev = ?2 WHERE seq = ?1", (seq, &prev))?;
        let query = format!("SELECT {COLUMNS} FROM audit WHERE seq = ?1");
        prev = sql.one(&query, [seq], |row| Ok(Fields::of_row(row)?.hash()))?;
        sql.execute("UPDATE audit SET hash = ?2 WHERE seq = ?1", (seq, &prev))?;
    }
    Ok(())
}

const CHANGES: [(&str, &str); 20] = [
    ("seq", "seq + 1000"),
    ("at", "at + 1"),
    ("actor", "actor || ' '"),
    ("acting_as", "coalesce(acting_as || 'x', '')"),
    ("acting_as", "iif(acting_as IS NULL, 'x', NULL)"),
    ("action", "'access revoke'"),
    ("phase", "'done'"),
    ("cluster", "iif(cluster IS NULL, '', NULL)"),
    ("user", "iif(user IS NULL, '', NULL)"),
    ("detail", "upper(detail)"),
    ("request", "iif(request IS NULL, 0, NULL)"),
    ("prev", "'0' || substr(prev, 2) || 'x'"),
    ("hash", "upper(hash) || 'x'"),
    ("state", "NULL"),
    ("state", "'0' || state"),
    ("signer", "NULL"),
    ("signer", "signer || 'x'"),
    ("change", "iif(change IS NULL, '{}', NULL)"),
    ("signature", "NULL"),
    ("signature", "zeroblob(64)"),
];

#[test]
fn every_edit_of_every_column_of_every_event_is_found() {
    let (_home, store, head) = log();
    for seq in 1..=EVENTS {
        for (column, value) in CHANGES {
            let edit = format!("UPDATE audit SET {column} = {value} WHERE seq = {seq}");
            assert!(is_found(&store, &head, &edit, |_| Ok(())), "{edit}");
        }
    }
}

#[test]
fn every_edit_that_is_chained_anew_is_found_by_its_signature() {
    let (_home, store, head) = log();
    for seq in 1..=EVENTS {
        let edit = format!("UPDATE audit SET actor = 'mallory' WHERE seq = {seq}");
        let chained = |tx: &WriteTxn<'_>| {
            rechain(tx, seq)?;
            assert_eq!(
                verify(tx)?,
                Verdict::Broken {
                    seq: EventSeq(seq),
                    why: "it is signed with a key that was not its actor's then"
                }
            );
            Ok(())
        };
        assert!(is_found(&store, &head, &edit, chained), "{edit}");
    }
}

#[test]
fn every_deletion_insertion_swap_and_truncation_is_found() {
    let (_home, store, head) = log();
    let others = "at, actor, acting_as, action, phase, cluster, user, detail, request, prev, hash, \
                  state, signer, change, signature";
    let move_on = |after: i64| {
        format!(
            "UPDATE audit SET seq = -seq WHERE seq > {after};
             UPDATE audit SET seq = 1 - seq WHERE seq < 0;"
        )
    };
    let close_up = |after: i64| {
        format!(
            "UPDATE audit SET seq = -seq WHERE seq > {after};
             UPDATE audit SET seq = -seq - 1 WHERE seq < 0;"
        )
    };
    for seq in 1..=EVENTS {
        let delete = format!("DELETE FROM audit WHERE seq = {seq};");
        let double = format!(
            "{} INSERT INTO audit (seq, {others}) SELECT {seq} + 1, {others} FROM audit
               WHERE seq = {seq};",
            move_on(seq)
        );
        let invent = format!(
            "{} INSERT INTO audit (seq, {others}) SELECT {seq} + 1, at, 'mallory', acting_as,
               action, phase, cluster, user, detail, request, hash, hash, state, signer, change,
               signature FROM audit
               WHERE seq = {seq};",
            move_on(seq)
        );
        let swap = format!(
            "UPDATE audit SET seq = -1 WHERE seq = {seq};
             UPDATE audit SET seq = {seq} WHERE seq = {seq} + 1;
             UPDATE audit SET seq = {seq} + 1 WHERE seq = -1;"
        );
        let truncate = format!("DELETE FROM audit WHERE seq >= {seq};");
        // The last has no neighbour to be swapped with.
        let swap = (seq < EVENTS).then_some(swap);
        let closed = format!("{delete} {}", close_up(seq));
        let ways = [Some(&delete), Some(&closed), Some(&double), Some(&invent)];
        for way in ways.into_iter().flatten().chain(&swap).chain([&truncate]) {
            assert!(is_found(&store, &head, way, |_| Ok(())), "{way}");
            let chained = |tx: &WriteTxn<'_>| rechain(tx, 1);
            assert!(is_found(&store, &head, way, chained), "chained: {way}");
        }
    }
}

#[test]
fn a_store_that_went_back_and_on_again_is_found() {
    let (_home, store, head) = log();
    for seq in (1..EVENTS).step_by(9) {
        let back = format!("DELETE FROM audit WHERE seq > {seq}");
        let on = |tx: &WriteTxn<'_>| {
            for number in seq + 1..=EVENTS + 20 {
                let mut other = event(number);
                other.detail = "another".to_owned();
                fixture::append(tx, &other)?;
            }
            finish(tx, None)?;
            assert!(
                matches!(verify(tx)?, Verdict::Whole { .. }),
                "it looks whole"
            );
            Ok(())
        };
        assert!(is_found(&store, &head, &back, on), "back to {seq}");
    }
}

#[test]
fn a_log_that_goes_on_fits_every_head_it_ever_had() {
    let (_home, store, head) = log();
    for seq in 1..=EVENTS {
        let hash = "SELECT hash FROM audit WHERE seq = ?1";
        let hash = store.connection.one(hash, [seq], |row| row.get(0));
        let hash = hash.expect("an event");
        let older = Head {
            seq: EventSeq(seq),
            hash,
            ..head.clone()
        };
        assert!(!is_found(&store, &older, "", |_| Ok(())), "{seq}");
    }
}

#[test]
fn heads_from_before_an_epoch_say_nothing_and_those_from_after_it_everything() {
    let (_home, store, head) = log();
    let begun = store.write(|tx| {
        begin_epoch(
            tx,
            at(5),
            Some(&Head {
                epoch: 9,
                ..head.clone()
            }),
        )?;
        fixture::append(tx, &event(EVENTS + 1)).map(drop)
    });
    begun.expect("it can be written");
    let compare = |epoch| {
        let kept = Head {
            epoch,
            seq: EventSeq(7),
            ..head.clone()
        };
        store.read(|tx| against(tx, &kept)).expect("it can be read")
    };
    assert_eq!(compare(9), Against::Superseded);
    assert!(
        matches!(compare(10), Against::Differs { .. }),
        "event 7 has another hash"
    );
    assert!(
        matches!(compare(11), Against::Differs { .. }),
        "a later epoch"
    );
}

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
    let last = store
        .read(|tx| list(tx, &Filter::default()))
        .expect("a log");
    let last = last.last().expect("an event");
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

#[test]
fn a_log_tells_the_rows_at_each_of_its_events() {
    let (_home, store, _) = log();
    let told = |until| store.read(|tx| verify::told(tx, until)).expect("a log");
    let end = told(verify::Until::End);
    let rows = store.read(|tx| recorded::Rows::of_store(tx.sql()));
    assert_eq!(end.rows, Some(rows.expect("rows")));
    assert_eq!(end.at.map(|it| it.0), Some(EventSeq(EVENTS)));
    let users = |told: verify::Told| {
        let rows = told.rows.expect("it tells rows");
        let users = rows.tables().find(|(table, _)| *table == "users");
        users.map_or(0, |(_, rows)| rows.count())
    };
    for seq in 1..EVENTS {
        // Alice and one user come with the first event, and one with each fourth since the second.
        let came = usize::try_from((seq - 1) / 4).expect("a few") + 2;
        assert_eq!(
            users(told(verify::Until::Seq(EventSeq(seq)))),
            came,
            "{seq}"
        );
        assert_eq!(users(told(verify::Until::Time(at(1_000 + seq)))), came);
    }
    assert_eq!(told(verify::Until::Seq(EventSeq(0))).rows, None);
    assert_eq!(told(verify::Until::Time(at(0))).rows, None);
}
