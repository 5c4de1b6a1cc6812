//! Stores of earlier schemas in a database, brought up to date.

use kubegrant_sandbox::postgres::Server;

use super::*;
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::{Event, Phase};
use crate::domain::place::{Database, Place};
use crate::domain::user::{Role, UserId};
use crate::store::audit::Verdict;
use crate::store::{Store, audit, fixture, users};

/// What the last program of schema 12 left, in a file.
const SCHEMA_12: &str = include_str!("../../../tests/cli/stores/schema-12.sql");
/// The same of schema 13.
const SCHEMA_13: &str = include_str!("../../../tests/cli/stores/schema-13.sql");

/// A store of schema 12 in a database, as a program of then would have made it; `None` where PostgreSQL is not at
/// hand.
fn left_behind() -> Option<(&'static Server, String, Place)> {
    left_by(12, SCHEMA_12)
}

fn left_by(schema: i64, dump: &str) -> Option<(&'static Server, String, Place)> {
    let server = Server::get()?;
    let name = server.database();
    let database = Database::parse(&server.address(&name), false).expect("an address");
    let sql = Connection::connect(&database).expect("it lets us in");
    let file = Connection::in_memory().expect("a database");
    file.batch(dump).expect("what was dumped");
    let tx = sql.begin(Mode::Write).expect("begun");
    let shared = sql.shared().expect("a database");
    let made = made_in(&file).expect("tables");
    let notes = integrity::notes();
    shared.make(&made, schema, &notes).expect("made");
    transfer::copy_rows(&file, &tx).expect("copied");
    tx.batch("DELETE FROM touched; DELETE FROM changed_rows")
        .expect("forgotten");
    tx.commit().expect("committed");
    Some((server, name, Place::Database(Box::new(database))))
}

fn changed(store: &Store) -> Vec<String> {
    store.read(integrity::changed).expect("it can be read")
}

#[test]
fn a_database_of_before_is_refused_and_brought_up_to_date_by_its_owner() {
    let Some((server, name, place)) = left_behind() else {
        return;
    };
    let refused = Store::open_at(&place).expect_err("it is older");
    assert!(
        matches!(
            refused,
            Error::Older {
                found: 12,
                known: 14,
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(Store::version_at(&place).expect("it can be read"), 12);
    let grants = format!(
        "CREATE ROLE {name}_app NOLOGIN; GRANT USAGE ON SCHEMA kubegrant TO {name}_app;
         GRANT SELECT ON ALL TABLES IN SCHEMA kubegrant TO {name}_app;
         GRANT INSERT ON kubegrant.audit TO {name}_app WITH GRANT OPTION"
    );
    let (good, answer) = server.psql(&name, &grants);
    assert!(good, "{answer}");
    let rights =
        "SELECT string_agg(c.relname || ' ' || a.privilege_type || a.is_grantable, ',' ORDER BY 1)
         FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee::regrole::text LIKE '%\\_app'";
    let (_, before) = server.psql(&name, rights);
    // Three people were logged in, and are out again.
    let next = "SELECT nextval('kubegrant.sessions_id_seq')";
    for _ in 0..3 {
        assert!(server.psql(&name, next).0);
    }

    assert_eq!(Store::upgrade_at(&place).expect("upgraded"), 12);
    assert_eq!(Store::upgrade_at(&place).expect("nothing to do"), newest());
    let store = Store::open_at(&place).expect("it is of today");
    assert_eq!(changed(&store), Vec::<String>::new());
    let verdict = store.read(audit::verify).expect("it can be read");
    assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
    let users = store.read(users::list).expect("it can be read");
    assert!(users.iter().any(|user| user.name.as_str() == "olivia"));
    let (_, after) = server.psql(&name, rights);
    assert!(before.contains("audit INSERTtrue"), "{before}");
    assert_eq!(before, after);
    assert_eq!(server.psql(&name, next).1.trim(), "4", "no number twice");
    let (_, owners) = server.psql(
        &name,
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'kubegrant'",
    );
    assert_eq!(owners.trim(), name);
}

#[test]
fn the_digests_of_schema_13_go_on_until_somebody_signs_an_event() {
    let Some((server, name, place)) = left_by(13, SCHEMA_13) else {
        return;
    };
    assert_eq!(Store::upgrade_at(&place).expect("upgraded"), 13);
    let lengths = "SELECT DISTINCT length(digest) FROM kubegrant.row_digests";
    let store = Store::open_at(&place).expect("it is of today");
    assert_eq!(changed(&store), Vec::<String>::new());
    let verdict = store.read(audit::verify).expect("it can be read");
    assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
    assert_eq!(server.psql(&name, lengths).1.trim(), "64");
    let done: Result<()> = store.write(|tx| {
        users::set_role(tx, UserId(3), Role::Admin)?;
        let event = Event {
            at: Timestamp::UNIX_EPOCH,
            actor: "alice".to_owned(),
            acting_as: None,
            action: Action::UserSetRole,
            phase: Phase::Done,
            cluster: None,
            user: Some("bob".to_owned()),
            detail: String::new(),
            request: None,
        };
        fixture::append(tx, &event).map(drop)
    });
    done.expect("it can be written");
    assert_eq!(server.psql(&name, lengths).1.trim(), "342");
    let found = changed(&store);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_was_changed_before_is_found_after_it_too() {
    let Some((server, name, place)) = left_behind() else {
        return;
    };
    let edit = "SET session_replication_role = replica;
         UPDATE kubegrant.users SET role = 'owner' WHERE name <> 'olivia'";
    let (good, answer) = server.psql(&name, edit);
    assert!(good, "{answer}");
    assert_eq!(Store::upgrade_at(&place).expect("upgraded"), 12);
    let store = Store::open_at(&place).expect("it is of today");
    let found = changed(&store);
    assert!(found.iter().any(|it| it.contains("user")), "{found:?}");
}

#[test]
fn a_database_that_is_not_as_it_was_made_is_left_alone() {
    let Some((server, name, place)) = left_behind() else {
        return;
    };
    let (good, answer) = server.psql(&name, "DROP TRIGGER audit_no_update ON kubegrant.audit");
    assert!(good, "{answer}");
    let refused = Store::upgrade_at(&place).expect_err("it is not as it was made");
    assert!(matches!(refused, Error::Tampered { .. }), "{refused}");
    assert_eq!(Store::version_at(&place).expect("it can be read"), 12);
}
