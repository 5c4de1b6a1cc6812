//! The store in PostgreSQL: the same program, the same promises, several machines.

mod cut;
mod known;
mod lost;
mod meanwhile;
mod pooled;
mod wrong;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use kubegrant_sandbox::postgres::Server;
use kubegrant_sandbox::{Action, Gate};

use crate::home::{Home, Ran, Started};
use crate::proof::{Tally, full};
use crate::serving::{key, port};

/// A home whose store is a database of its own; `None` where PostgreSQL is not at hand.
fn home() -> Option<(&'static Server, String, Home)> {
    let server = Server::get()?;
    let home = Home::new();
    let home = match home.database() {
        Some(_) => home,
        None => home.in_database(server),
    };
    let name = home.database()?.name.clone();
    Some((server, name, home))
}

fn on(home: &Home, words: &[&str]) {
    for words in words {
        drop(home.call(words).success());
    }
}

/// Starts a first download for a new user with a level, and lets its nth request wait; `None` where it has fewer.
fn waiting_download(home: &Home, user: &str, level: &str, nth: usize) -> Option<(Gate, Started)> {
    on(
        home,
        &[
            &format!("user add {user}"),
            &format!("access grant {user} --cluster dev --level {level}"),
        ],
    );
    home.sandbox.clear_requests();
    let gate = Gate::shut();
    home.fault_nth(nth, Action::Wait(gate.clone()));
    let mut slow = home.start(&format!(
        "kubeconfig download dev --user {user} --plain -f {user}.conf"
    ));
    home.wait_until("it waits, or has ended", |_| {
        gate.waiting() > 0 || slow.has_ended()
    });
    home.sandbox.clear_faults();
    if slow.has_ended() {
        drop(slow.finish().success());
        return None;
    }
    Some((gate, slow))
}

const PEOPLE: [&str; 4] = [
    "init --organization Acme --owner alice",
    "user add bob",
    "user add dave --role admin",
    "cluster add dev --kubeconfig admin.conf",
];

/// How many users there are.
const COUNT: &str = "SELECT count(*) FROM kubegrant.users";

/// The state over all guarded rows.
fn state(home: &Home) -> String {
    let shown = home.call("store show -o json").success();
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    shown["state"].as_str().expect("a state").to_owned()
}

fn verified(home: &Home) {
    drop(home.call("audit verify").success());
}

#[test]
fn access_is_given_and_taken_back_for_real() {
    let Some((_, _, home)) = home() else { return };
    on(&home, &PEOPLE);
    on(
        &home,
        &[
            "access grant bob --cluster dev --level write",
            "kubeconfig download dev --user bob -f bob.conf --plain",
            "access list",
            "cluster show dev",
            "cluster check dev",
            "user show bob",
            "status",
            "whoami",
            "team rotate bob -c dev --yes",
            "project create shop",
            "project add-member bob --project shop --role editor",
            "cluster set dev --project shop",
            "rbac list",
            "access revoke bob --cluster dev --yes",
            "audit list",
            "reconcile",
            "user offboard bob --yes",
            "backup kept.db",
        ],
    );
    verified(&home);
    let restored = Home::new();
    let text = std::fs::read(home.work().join("kept.db")).expect("the backup");
    assert!(text.starts_with(b"SQLite format 3"), "an ordinary file");
    drop(restored);
}

#[test]
fn no_hand_changes_a_record_or_the_log() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    for (sql, why) in [
        (
            "UPDATE kubegrant.users SET role = 'owner' WHERE name = 'bob'",
            "not by hand",
        ),
        (
            "DELETE FROM kubegrant.users WHERE name = 'dave'",
            "not by hand",
        ),
        (
            "INSERT INTO kubegrant.meta VALUES ('a', 'b')",
            "not by hand",
        ),
        ("UPDATE kubegrant.audit SET actor = 'eve'", "append-only"),
        ("DELETE FROM kubegrant.audit", "append-only"),
        ("TRUNCATE kubegrant.audit", "not thrown away"),
    ] {
        let (good, said) = server.psql(&name, sql);
        assert!(!good && said.contains(why), "{sql}: {said}");
    }
    verified(&home);
    // Whoever is the superuser can all the same; it is found.
    let (good, said) = server.psql(
        &name,
        "SET session_replication_role = replica; UPDATE kubegrant.users SET role = 'owner' \
         WHERE name = 'bob'",
    );
    assert!(good, "{said}");
    let found = home.call("audit verify").code_is(7);
    assert!(found.stderr.contains("the record of user 'bob'"), "{found}");
    let refused = home.call("user list");
    assert_eq!(refused.code, 7, "{refused}");
}

#[test]
fn a_dropped_trigger_is_found() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    let (good, said) = server.psql(&name, "DROP TRIGGER audit_no_update ON kubegrant.audit");
    assert!(good, "{said}");
    let found = home.call("audit verify").code_is(7);
    assert!(found.stderr.contains("audit_no_update"), "{found}");
}

#[test]
fn a_store_moves_into_a_database_and_back_and_stays_the_same() {
    let Some(server) = Server::get() else { return };
    let home = Home::with_cluster();
    on(
        &home,
        &[
            "access grant bob --cluster dev --level read",
            "kubeconfig download dev --user bob -f bob.conf --plain",
            "project create shop",
        ],
    );
    let name = server.database();
    let before = home.call("audit export").success().stdout;
    home.write("../.pgpass", &format!("*:*:*:{name}:test\\:only\n"));
    let to = server.over_tls(&name);
    on(&home, &[&format!("store copy --to {to}")]);
    // What was moved in vain is moved again, to the same place.
    let (good, said) = server.psql(&name, "DROP SCHEMA kubegrant CASCADE");
    assert!(good, "{said}");
    drop(home.call("user list").code_is(5));
    drop(home.call("store copy --to elsewhere.db").code_is(5));
    on(&home, &[&format!("store copy --to {to}")]);
    let refused = home.call("user list").code_is(5);
    assert!(
        refused.stderr.contains(&name),
        "it names the other: {refused}"
    );
    let there = Home::at(home, &to);
    let after = there.call("audit export").success().stdout;
    assert!(after.starts_with(&before), "the log goes on");
    verified(&there);
    let (good, said) = server.psql(&name, COUNT);
    assert!(good && said.trim() == "4", "{said}");
    on(&there, &["access revoke bob --cluster dev --yes"]);
    let moved = state(&there);
    on(&there, &["store copy --to back.db"]);
    drop(there.call("user list").code_is(5));
    let back = there.work().join("back.db");
    let back = Home::at(there, &back.display().to_string());
    verified(&back);
    assert_ne!(state(&back), "", "{moved}");
    on(&back, &["user list", "status", "reconcile"]);
}

#[test]
fn what_is_wrong_with_a_database_is_said_once_and_without_a_secret() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    let port = server.port();
    let authority = server.authority();
    let authority = authority.display();
    let tls = server.over_tls(&name);
    for (address, code, words) in [
        (
            server.address(&name).replace("test%3Aonly", "wr0ng"),
            2,
            "password authentication failed",
        ),
        (
            format!("postgres://{name}:test%3Aonly@localhost:1/{name}"),
            8,
            "cannot reach",
        ),
        (
            format!("postgres://{name}:test%3Aonly@localhost:{port}/{name}"),
            7,
            "certificate",
        ),
        (
            format!(
                "postgres://{name}:test%3Aonly@127.0.0.1:{port}/{name}?sslrootcert={authority}"
            ),
            7,
            "certificate",
        ),
        (format!("{tls}&sslmode=require"), 2, "--insecure-store"),
        (format!("{tls}&sslmode=prefer"), 2, "sslmode"),
        (
            server.address("absent"),
            2,
            "password authentication failed",
        ),
    ] {
        let there = Home::new().with_variable("KUBEGRANT_STORE", &address);
        let ran: Ran = there.call("user list");
        assert_eq!(ran.code, code, "{address}: {ran}");
        assert!(ran.stderr.contains(words), "{address}: {ran}");
        assert!(
            !ran.stderr.contains("wr0ng") && !ran.stderr.contains("only@"),
            "{ran}"
        );
    }
    let ran = home.call(&format!("user list --store {}", server.address(&name)));
    assert!(ran.code_is(2).stderr.contains("~/.pgpass"));
    let empty = server.database();
    let there = Home::new().with_variable("KUBEGRANT_STORE", &server.address(&empty));
    drop(there.call("user list").code_is(3));
}

#[test]
fn many_writers_queue_and_none_is_lost() {
    let Some((_, _, home)) = home() else { return };
    on(&home, &PEOPLE[..1]);
    // 64 at once, 2,048 commits.
    let (writers, each) = if full() { (64, 32) } else { (16, 1) };
    let names: Vec<String> = (0..writers * each)
        .map(|number| format!("user-{number}"))
        .collect();
    for names in names.chunks(writers) {
        let started = names
            .iter()
            .map(|name| home.start(&format!("user add {name}")));
        for started in started.collect::<Vec<_>>() {
            drop(started.finish().success());
        }
    }
    let listed = home.call("user list -o name").success();
    let is_lost = |name: &&String| !listed.stdout.contains(&format!("user/{name}\n"));
    let lost: Vec<String> = names.iter().filter(is_lost).cloned().collect();
    Tally::of("commits of writers at once", names.len(), lost).end(16);
    verified(&home);
}

#[test]
fn two_at_once_make_one_store() {
    let Some((_, _, home)) = home() else { return };
    let init = "init --organization Acme --owner alice";
    let started: Vec<_> = (0..4).map(|_| home.start(init)).collect();
    let codes: Vec<i32> = started.into_iter().map(|it| it.finish().code).collect();
    assert!(codes.contains(&0), "{codes:?}");
    assert!(codes.iter().all(|code| [0, 5].contains(code)), "{codes:?}");
    verified(&home);
}

#[test]
fn who_lost_the_lock_gives_nothing_and_the_next_goes_on() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    on(&home, &["access grant bob --cluster dev --level write"]);
    let gate = Gate::shut();
    home.fault_nth(1, Action::Wait(gate.clone()));
    let slow = home.start("kubeconfig download dev --user bob --plain -f bob.conf");
    // It has the lock, and asks the cluster who it is.
    gate.wait_for(1);
    let cut =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_stat_activity USING (pid)
               WHERE locktype = 'advisory' AND pg_locks.granted AND datname = current_database()";
    let (good, said) = server.psql(&name, cut);
    assert!(good && said.trim() == "1", "one lock is held: {said}");
    gate.open();
    let lost = slow.finish();
    assert_eq!(lost.code, 6, "{lost}");
    assert!(
        lost.stderr.contains("cluster 'dev': the lock was lost"),
        "{lost}"
    );
    assert_eq!(home.read("bob.conf"), None);
    home.sandbox.clear_faults();
    on(
        &home,
        &[
            "reconcile",
            "kubeconfig download dev --user bob --plain -f bob.conf",
        ],
    );
    verified(&home);
}

#[test]
fn one_machine_waits_for_the_lock_of_another() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    on(&home, &["access grant bob --cluster dev --level read"]);
    let gate = Gate::shut();
    home.fault_nth(1, Action::Wait(gate.clone()));
    let first = home.start("kubeconfig download dev --user bob --plain -f bob.conf");
    gate.wait_for(1);
    // What is taken away is recorded at once, and waits for no lock.
    let other = home.start("access revoke bob --cluster dev --yes");
    home.wait_until("it is recorded", |_| {
        let sql = "SELECT count(*) FROM kubegrant.grants WHERE removed_at IS NOT NULL";
        server.psql(&name, sql).1.trim() == "1"
    });
    gate.open();
    drop(first.finish());
    drop(other.finish().success());
    assert!(
        home.call("access list")
            .success()
            .stdout
            .lines()
            .all(|line| !line.starts_with("bob"))
    );
    verified(&home);
}

#[test]
fn the_same_history_has_the_same_state_in_a_file_and_in_a_database() {
    let Some((_, _, in_database)) = home() else {
        return;
    };
    let in_file = Home::new();
    on(&in_file, &PEOPLE[..1]);
    let identity = std::fs::read_to_string(in_file.path().join(".config/kubegrant/identity"));
    let identity = identity.expect("init made one");
    let in_database = in_database.with_variable("KUBEGRANT_IDENTITY", &identity);
    on(&in_database, &PEOPLE[..1]);
    assert_eq!(state(&in_file), state(&in_database));
    for words in [
        "user add bob --email bob@example.com",
        "user add carol --role admin",
        "user set-role bob admin",
        "project create shop",
        "project create web --description pages",
        "project add-member bob --project shop --role editor",
        "project add-member carol --project web --role owner",
        "project set-role bob --project shop --role viewer",
        "project rename shop --to store",
        "project remove-member carol --project web",
        "user set-role bob developer --yes",
        "user disable bob --yes",
        "user enable bob",
        "project delete web --yes",
        "organization set-oidc --issuer https://id.example --client-id kubegrant",
        "user set-oidc bob --subject 248289",
        "organization set-oidc --none",
    ] {
        let codes = [&in_file, &in_database].map(|home| home.call(words).code);
        assert_eq!(codes[0], codes[1], "{words}");
        assert_eq!(state(&in_file), state(&in_database), "{words}");
    }
    verified(&in_file);
    verified(&in_database);
}

/// Two operators, each with a machine, an identity and a role of the database of their own: the roles are those that
/// `store roles` prints.
#[test]
fn two_operators_on_two_machines_share_one_state() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE[..1]);
    let roles = home.call("store roles").success().stdout;
    let (good, answer) = server.psql(&name, &roles);
    assert!(good, "{answer}");
    server.role("first", "kubegrant_app");
    server.role("second", "kubegrant_app");
    server.role("third", "kubegrant_read");

    let other = Home::new();
    // As a process: runs in this one throw the same dice.
    drop(
        other
            .run("init --organization Elsewhere --owner olga")
            .success(),
    );
    let who = other.run("whoami -o json").success();
    let who: serde_json::Value = serde_json::from_str(&who.stdout).expect("JSON");
    home.write("olga.pub", who["key"].as_str().expect("a key"));
    let home = home.at(&server.address_as("first", &name));
    on(&home, &PEOPLE[1..]);
    on(
        &home,
        &[
            "user add olga --role admin --key olga.pub",
            "access grant bob --cluster dev --level write",
            "kubeconfig download dev --user bob -f bob.conf --plain",
        ],
    );
    let other = other.at(&server.address_as("second", &name));
    for words in [
        "access revoke bob --cluster dev --yes",
        "cluster check dev",
        "reconcile",
    ] {
        drop(other.run(words).success());
    }
    let started: Vec<_> = [&home, &other, &home, &other]
        .into_iter()
        .zip([
            "access grant bob --cluster dev --level read",
            "user add carol",
            "project create shop",
            "cluster set dev --label a=b",
        ])
        .map(|(home, words)| home.start(words))
        .collect();
    for started in started {
        drop(started.finish().success());
    }
    verified(&home);
    drop(other.run("audit verify").success());
    let log = other.run("audit list -o json").success().stdout;
    for who in ["alice", "olga"] {
        assert!(log.contains(&format!("\"actor\": \"{who}\"")), "{log}");
    }

    // What a role may not, it does not, and whoever tries is told why.
    let reader = home.at(&server.address_as("third", &name));
    on(&reader, &["user list", "status", "audit list"]);
    let refused = reader.call("user add dora").code_is(4);
    assert!(
        refused.stderr.contains("kubegrant store roles"),
        "{refused}"
    );
    for sql in [
        "DELETE FROM kubegrant.audit",
        "UPDATE kubegrant.audit SET detail = 'x'",
        "TRUNCATE kubegrant.audit",
        "ALTER TABLE kubegrant.audit DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ] {
        let (good, answer) = server.psql(&name, &format!("SET ROLE kubegrant_app; {sql}"));
        assert!(!good, "{sql}: {answer}");
    }
}

#[test]
fn a_server_goes_on_when_its_database_was_restarted() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE[..1]);
    let desk = key(&home, "desk");
    on(
        &home,
        &[&format!("user add desk --role server --key {desk}")],
    );
    let (port, beside) = (port(), port());
    let serving = home.start(&format!(
        "serve --identity desk.identity --listen 127.0.0.1:{port} --public-url https://localhost:{port} \
         --self-signed --metrics-listen 127.0.0.1:{beside}"
    ));
    let is_ready = |_: &Home| {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", beside)) else {
            return false;
        };
        let request = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let mut answer = String::new();
        let asked = stream
            .write_all(request)
            .and_then(|()| stream.read_to_string(&mut answer));
        asked.is_ok() && answer.starts_with("HTTP/1.1 200")
    };
    home.wait_until("the server is ready", is_ready);
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
    let ended = format!("{ended} AND usename = '{name}'");
    let (good, answer) = server.psql("postgres", &ended);
    assert!(good && answer.trim() != "0", "{answer}");
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{name}'");
    home.wait_until("they ended", |_| {
        server.psql("postgres", &left).1.trim() == "0"
    });
    home.wait_until("it is ready again", is_ready);
    serving.signal(rustix::process::Signal::TERM);
    drop(serving.finish());
}
