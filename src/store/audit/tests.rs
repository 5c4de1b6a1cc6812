//! Every way to tamper with a log of 40 events, each tried on every event; and with its keys.

mod signed;

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
