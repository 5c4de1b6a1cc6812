//! The store: private, forward-only, honest about its own history.

mod kept;

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::action::Action;
use crate::domain::credential::Subject;
use crate::domain::mark::Marks;
use crate::domain::setting::Setting;
use crate::domain::shard::Shard;
use crate::domain::user::Role;
use crate::secrets::Sealed;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a small number of seconds is a time")
}

fn new_store() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let store = Store::create(&home.path().join("kubegrant/store.db")).expect("it is new");
    (home, store)
}

fn named(owner: &str) -> crate::domain::subject::SubjectName {
    owner.parse().expect("a good name")
}

fn event() -> crate::domain::audit::Event {
    crate::domain::audit::Event {
        at: at(1),
        actor: "alice".to_owned(),
        acting_as: None,
        action: Action::Status,
        phase: crate::domain::audit::Phase::Done,
        cluster: None,
        user: None,
        detail: String::new(),
        request: None,
    }
}

fn add_user(tx: &WriteTxn<'_>, name: &str) -> crate::domain::user::UserId {
    let new = crate::domain::effect::NewUser {
        name: name.parse().expect("a good name"),
        email: None,
        role: Role::Developer,
        key: None,
        oidc: None,
        created_at: at(0),
    };
    users::insert(tx, &new).expect("a new name")
}

fn add_cluster(tx: &WriteTxn<'_>, owner: crate::domain::user::UserId) -> Result<()> {
    let name = "prod".parse().expect("a good name");
    let labels = [("env".to_owned(), "prod".to_owned())].into();
    let marks = Marks {
        labels: [("env".to_owned(), "on objects".to_owned())].into(),
        annotations: [("env".to_owned(), "annotated".to_owned())].into(),
    };
    let new = clusters::NewCluster {
        name: &name,
        owner: Some(owner),
        project: None,
        description: "",
        labels: &labels,
        marks: &marks,
        address: &crate::domain::cluster::Address {
            server: "https://example".to_owned(),
            ca_pem: None,
            tls_server_name: None,
            proxy_url: None,
        },
        kube_system_uid: "u",
        version: "v1",
        manager: "m",
        manager_kind: crate::domain::cluster::ManagerKind::Token,
        manager_expires_at: None,
        write_scope: crate::domain::cluster::WriteScope::Namespaces,
        excluded: &["a".to_owned()].into(),
        created_at: at(5),
    };
    let sealed = Sealed::new(vec![1]);
    let inserted = clusters::insert(tx, &new, |_| Ok::<_, Error>(sealed.clone()))?;
    let login = crate::domain::sealed::SealedSecret::manager_login(&inserted);
    assert_eq!(super::sealed::get(tx, &login)?, Some((1, sealed)));
    assert_eq!((&inserted.labels, &inserted.marks), (&labels, &marks));
    let set = crate::domain::cluster::Cluster {
        included: ["b".to_owned()].into(),
        write_allow: ["x.io/widgets".parse().expect("a kind")].into(),
        ..inserted.clone()
    };
    for setting in Setting::between(&inserted, &set) {
        clusters::set(tx, set.id, setting)?;
    }
    assert_eq!(clusters::find(tx, &name)?, Some(set));
    assert!(clusters::is_reach_pending(tx, inserted.id)?);
    Ok(())
}

#[test]
fn an_installation_id_that_is_absent_or_none_is_no_id() {
    let (_home, store) = new_store();
    let is_damaged = || {
        let found = store.read(meta::installation);
        matches!(
            found,
            Err(Error::Damaged {
                what: "organization",
                ..
            })
        )
    };
    assert!(is_damaged(), "nothing was recorded");
    let found = store.read(meta::find_installation).expect("it can be read");
    assert_eq!(found, None);
    for id in ["", "0BADCAFE"] {
        let written: Result<()> = store.write(|tx| {
            meta::set(tx, "installation", id)?;
            fixture::append(tx, &event()).map(drop)
        });
        written.expect("it can be written");
        assert!(is_damaged(), "'{id}'");
    }
}

#[test]
fn a_new_store_is_private_and_made_once() {
    let (home, store) = new_store();
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
    };
    assert_eq!(mode(store.path()) & 0o777, 0o600);
    assert_eq!(mode(&home.path().join("kubegrant")) & 0o777, 0o700);
    for side in ["store.db-wal", "store.db-shm"] {
        let path = home.path().join("kubegrant").join(side);
        assert_eq!(mode(&path) & 0o777, 0o600, "{side}");
    }
    assert!(matches!(
        Store::create(store.path()),
        Err(Error::Exists { .. })
    ));
}

#[test]
fn an_unsafe_newer_or_foreign_file_is_refused_and_left_alone() {
    let (home, store) = new_store();
    let path = store.path().to_owned();
    drop(store);
    let chmod = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    for mode in [0o644, 0o640, 0o606, 0o660] {
        chmod(mode);
        assert!(
            matches!(Store::open(&path), Err(Error::Unsafe { .. })),
            "{mode:o}"
        );
        let left = std::fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(left & 0o777, mode, "never repaired silently");
    }
    chmod(0o600);
    let link = home.path().join("link.db");
    symlink(&path, &link).expect("a link can be made");
    assert!(matches!(Store::open(&link), Err(Error::Unsafe { .. })));
    let name = home.path().join("other.db");
    std::fs::hard_link(&path, &name).expect("a hard link can be made");
    assert!(matches!(Store::open(&path), Err(Error::Unsafe { .. })));
    std::fs::remove_file(&name).expect("it was just made");

    let sql = rusqlite::Connection::open(&path).expect("it is a database");
    sql.pragma_update(None, "user_version", 99)
        .expect("it can be written");
    drop(sql);
    assert!(matches!(
        Store::open(&path),
        Err(Error::Newer { found: 99, .. })
    ));

    let foreign = home.path().join("kubegrant/foreign.db");
    let sql = rusqlite::Connection::open(&foreign).expect("it can be made");
    sql.execute_batch("CREATE TABLE t (x)")
        .expect("it can be written");
    drop(sql);
    std::fs::set_permissions(&foreign, std::fs::Permissions::from_mode(0o600)).expect("ours");
    assert!(matches!(Store::open(&foreign), Err(Error::NotOurs { .. })));
    let absent = home.path().join("kubegrant/absent.db");
    assert!(matches!(Store::open(&absent), Err(Error::Absent { .. })));
}

#[test]
fn migrating_twice_changes_nothing() {
    let (_home, store) = new_store();
    let version = |store: &Store| -> i64 {
        store
            .connection
            .one("SELECT count(*) || '' FROM sqlite_schema", [], |row| {
                row.get::<String>(0)
            })
            .expect("it can be read")
            .parse()
            .expect("a number")
    };
    let before = version(&store);
    store.migrate().expect("nothing to do");
    let again = Store::open(store.path()).expect("nothing to do");
    assert_eq!(version(&again), before);
}

#[test]
fn reads_in_one_look_see_the_same_until_it_ends() {
    let (home, store) = new_store();
    let other = Store::open(&home.path().join("kubegrant/store.db")).expect("it is there");
    let count = |store: &Store| store.read(|tx| Ok::<_, Error>(users::list_unchecked(tx)?.len()));
    let count = |store: &Store| count(store).expect("a look");
    let add = |store: &Store, name: &str| {
        store
            .write(|tx| {
                add_user(tx, name);
                fixture::append(tx, &event())
            })
            .expect("committed");
    };
    add(&store, "bob");
    let first = count(&store);
    store.one_look(|| {
        assert_eq!(count(&store), first);
        add(&other, "carol");
        // Also in a look within.
        assert_eq!(store.one_look(|| count(&store)), first);
        store.look_again();
        assert_eq!(count(&store), first + 1);
        add(&other, "dave");
        assert_eq!(count(&store), first + 1);
        // What is written is written to what stands there.
        add(&store, "erin");
        assert_eq!(count(&store), first + 3);
        add(&other, "frank");
        let failed = store.read(|_| Err::<(), _>(Error::Absent { path: "x".into() }));
        assert!(failed.is_err());
        assert_eq!(count(&store), first + 4);
    });
    add(&other, "grace");
    assert_eq!(count(&store), first + 5);
}

#[test]
fn a_failed_transaction_leaves_no_trace() {
    let (_home, store) = new_store();
    let failed: Result<()> = store.write(|tx| {
        meta::set(tx, "k", "v")?;
        Err(Error::Damaged {
            what: "test",
            why: "on purpose".to_owned(),
        })
    });
    assert!(failed.is_err());
    let found = store
        .read(|tx| meta::find(tx, "k"))
        .expect("it can be read");
    assert_eq!(found, None);
}

#[test]
fn a_credential_goes_forward_only_and_one_lives() {
    let (_home, store) = new_store();
    let cluster = crate::domain::cluster::ClusterId(1);
    let run = |tx: &WriteTxn<'_>| -> Result<()> {
        let user = add_user(tx, "alice");
        add_cluster(tx, user)?;
        let name = |text: &str| text.parse().expect("a good name");
        let (first, second) = (name("a-v1"), name("a-v2"));
        let new = |version, account| credentials::NewCredential {
            cluster,
            subject: Subject::Personal(user),
            version,
            account,
            power: Power::Read,
            shard: Shard::FIRST,
            created_at: at(1),
        };
        let one = credentials::insert(tx, &new(1, &first))?;
        assert!(
            credentials::insert(tx, &new(2, &second)).is_err(),
            "two live ones"
        );
        assert!(
            !credentials::set_gone(tx, one, at(2))?,
            "pending cannot be revoked at once"
        );
        assert!(credentials::activate(tx, one, at(2))?);
        assert!(!credentials::activate(tx, one, at(3))?, "twice");
        assert!(credentials::end(tx, one, "test", at(3))?);
        assert!(!credentials::end(tx, one, "again", at(4))?);
        assert!(credentials::set_gone(tx, one, at(5))?);
        let two = credentials::insert(tx, &new(2, &second))?;
        assert!(
            credentials::insert(tx, &new(3, &first)).is_err(),
            "a name is never reused"
        );
        assert_ne!(one, two);
        for backwards in ["active", "pending", "revoking"] {
            let forced = tx.execute(
                "UPDATE credentials SET state = ?1 WHERE id = ?2",
                (backwards, one.0),
            );
            assert!(forced.is_err(), "{backwards}");
        }
        assert!(tx.execute("DELETE FROM credentials", []).is_err());
        let alice = Subject::Personal(user);
        assert_eq!(credentials::next_version(tx, cluster, alice)?, 3);
        credentials::raise_floor(tx, cluster, &named("alice"), 6)?;
        credentials::raise_floor(tx, cluster, &named("alice"), 4)?;
        assert_eq!(credentials::next_version(tx, cluster, alice)?, 7);
        let (shop, store1) = ("shop".parse(), "store1".parse());
        let (shop, store1) = (shop.expect("a name"), store1.expect("a name"));
        let project = projects::insert(tx, &shop, "", user, at(1))?;
        let level = crate::domain::project::SharedLevel::Admin;
        let shared = Subject::Shared { project, level };
        credentials::raise_floor(tx, cluster, &named("shop/admin"), 4)?;
        assert_eq!(credentials::next_version(tx, cluster, shared)?, 5);
        projects::rename(tx, project, &store1)?;
        assert_eq!(credentials::next_version(tx, cluster, shared)?, 5);
        fixture::append(tx, &event())?;
        Ok(())
    };
    store.write(run).expect("all of it holds");
}

/// What reading everything comes to when a statement put something in that we never write.
fn damage(statement: &str) -> String {
    let (_home, store) = new_store();
    let filled: Result<()> = store.write(|tx| {
        let user = add_user(tx, "alice");
        add_cluster(tx, user)?;
        let project = projects::insert(tx, &"shop".parse().expect("a name"), "", user, at(1))?;
        let role = crate::domain::project::ProjectRole::Viewer;
        projects::put_member(tx, project, user, role, user, at(1))?;
        tx.sql().batch(
            "INSERT INTO grants (user, cluster, level, granted_at, granted_by)
               VALUES (1, 1, 'read', 1, 1);
             INSERT INTO bindings (cluster, user, kind, role, bound_at, bound_by, reason)
               VALUES (1, 1, 'ClusterRole', 'view', 1, 1, '');
             INSERT INTO credentials (cluster, user, version, account, power, state, created_at)
               VALUES (1, 1, 1, 'a-v1', 'read', 'pending', 1);
             INSERT INTO ssh_keys (cluster, generation, place, custody, kind, public, fingerprint,
                 origin, made_at, made_by, secret)
               VALUES (1, 1, 'current', 'available', 'ed25519', '', '', 'generated', 1, 1, x'00');",
        )?;
        fixture::append(tx, &event()).map(drop)
    });
    filled.expect("it can be written");
    let read = || {
        store.read(|tx| {
            let cluster = crate::domain::cluster::ClusterId(1);
            credentials::unfinished(tx, cluster)?;
            users::list_unchecked(tx)?;
            clusters::list(tx)?;
            projects::list(tx)?;
            projects::roles(tx)?;
            grants::of_cluster(tx, cluster)?;
            bindings::list(tx)?;
            ssh_keys::list(tx, cluster)?;
            audit::each(tx, &audit::Filter::default(), |_| Ok::<_, Error>(()))
        })
    };
    read().expect("all of it is ours");
    let statement = format!("PRAGMA ignore_check_constraints = ON; {statement}");
    let sql = &store.connection;
    sql.batch("DROP TRIGGER credentials_forward; DROP TRIGGER audit_no_update;")
        .and_then(|()| sql.batch("DROP TRIGGER ssh_keys_once"))
        .and_then(|()| sql.batch(&statement))
        .expect("whoever has the file can");
    match read() {
        Err(error @ Error::Damaged { .. }) => error.to_string(),
        other => panic!("{statement}: {other:?}"),
    }
}

#[test]
fn what_this_program_never_writes_is_damage_of_the_kind_of_row_that_holds_it() {
    let time = "9223372036854775807";
    for (table, column, value, said) in [
        (
            "users",
            "name",
            "'a b'",
            "user: 'a b' is not a user name: use",
        ),
        (
            "users",
            "email",
            "'bob'",
            "user: 'bob' is not an e-mail address",
        ),
        ("users", "role", "'king'", "user: no role 'king'"),
        ("users", "created_at", time, "time: 9223372036854775807 s"),
        (
            "clusters",
            "name",
            "''",
            "cluster: a cluster name cannot be empty",
        ),
        ("clusters", "state", "'gone'", "cluster: state 'gone'"),
        (
            "clusters",
            "manager_kind",
            "'x'",
            "cluster: manager kind 'x'",
        ),
        ("clusters", "write_scope", "'x'", "cluster: write scope 'x'"),
        ("clusters", "labels", "'{'", "cluster: EOF while parsing"),
        ("clusters", "write_allow", "'[\"\"]'", "cluster: "),
        ("clusters", "reached_at", time, "time: "),
        (
            "projects",
            "name",
            "'-'",
            "project: '-' is not a project name: use",
        ),
        (
            "project_members",
            "role",
            "'x'",
            "project member: no role 'x'",
        ),
        ("grants", "level", "'all'", "grant: no level 'all'"),
        ("bindings", "kind", "'Group'", "binding: no kind 'Group'"),
        (
            "credentials",
            "kind",
            "'x'",
            "credential: no subject of kind 'x'",
        ),
        ("credentials", "power", "'x'", "credential: no power 'x'"),
        (
            "credentials",
            "state",
            "'x'",
            "credential: no credential state 'x'",
        ),
        ("ssh_keys", "place", "'x'", "SSH key: no place of a key 'x'"),
        ("ssh_keys", "custody", "'x'", "SSH key: no custody 'x'"),
        ("audit", "at", time, "time: "),
    ] {
        let error = damage(&format!("UPDATE {table} SET {column} = {value}"));
        let said = format!("the store holds a damaged {said}");
        assert!(error.starts_with(&said), "{table}.{column}: {error}");
    }
}
