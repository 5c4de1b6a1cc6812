//! Developers serve themselves at a server: with their key, on a machine without the store.

use kubegrant_sandbox::Sandbox;

use crate::home::{Home, PODS, get};
use crate::issuer::issuer;
use crate::server::Server;

/// The public half of somebody's identity.
pub(crate) fn key_of(kg: &Home, user: &str) -> String {
    let text = std::fs::read_to_string(kg.identity(user)).expect("an identity");
    // One that `init` made has a comment before it.
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY"));
    let key: age::x25519::Identity = line.unwrap_or_default().parse().expect("an age key");
    key.to_public().to_string()
}

pub(crate) fn home() -> Home {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("access grant bob -c prod --level read").success();
    kg
}

#[test]
fn a_developer_with_nothing_but_her_key_serves_herself() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let file = kg.root().join("far/bob/work/prod.kubeconfig");
    let read = || std::fs::read_to_string(&file).expect("the file");
    Server::run(&mut kg, &far, "cluster list")
        .success()
        .says("prod");
    Server::run(&mut kg, &far, "kubeconfig download prod").success();
    let first = read();
    assert_eq!(get(&first, PODS), 200);
    Server::run(&mut kg, &far, "kubeconfig rotate prod").success();
    let second = read();
    assert_ne!(get(&first, PODS), 200);
    assert_eq!(get(&second, PODS), 200);
    Server::run(&mut kg, &far, "kubeconfig download prod --merge").success();
    let merged = std::fs::read_to_string(kg.root().join("far/bob/home/.kube/config"));
    assert!(merged.expect("a kubeconfig").contains("bob@prod"));
    Server::run(&mut kg, &far, "kubeconfig remove prod").success();
    let merged = std::fs::read_to_string(kg.root().join("far/bob/home/.kube/config"));
    assert!(!merged.expect("a kubeconfig").contains("bob@prod"));
    kg.run("team revoke bob -c prod --yes").success();
    assert_ne!(get(&second, PODS), 200);
    Server::run(&mut kg, &far, "kubeconfig download prod --force")
        .exit(4)
        .says("Access Revoked");
    let shown = Server::run(&mut kg, &far, "kubeconfig show prod -o json").json();
    assert_eq!(shown[0]["downloads"][0]["by"], "bob");
    // Both names are recorded, and nobody's secret is said.
    kg.run("audit list --user bob -o json")
        .success()
        .says("\"actor\": \"desk\"");
    let token = second.split("token: ").nth(1).expect("a token");
    let token: String = token.chars().take_while(|c| !c.is_whitespace()).collect();
    assert!(token.len() > 40 && !server.stderr().contains(&token));
}

/// What a command says with the store and at a server is the same, to the letter.
#[test]
fn the_words_and_the_exit_codes_are_those_of_the_store() {
    let mut kg = home();
    kg.add_user("carol", "developer");
    kg.run("cluster transfer prod --to alice --yes").success();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let owner = server.log_in(&mut kg, "alice");
    for (user, line) in [
        ("bob", "cluster list"),
        ("bob", "cluster list -o json"),
        ("bob", "cluster list -o name"),
        ("bob", "cluster show prod -o yaml"),
        ("bob", "cluster show prdo"),
        ("bob", "access list"),
        ("bob", "access grant carol -c nowhere --level read"),
        ("bob", "kubeconfig show prod"),
        ("bob", "kubeconfig download prod --ttl 5m"),
        ("bob", "team list"),
        ("bob", "project list"),
        ("bob", "ssh-key show prod"),
        ("bob", "status"),
        (
            "alice",
            "access grant carol -c prod --level write --for 8h --reason help",
        ),
        ("alice", "access list -c prod"),
        ("alice", "access revoke carol -c prod"),
        ("alice", "access revoke bob -c prod -q"),
        ("alice", "rbac list -c prod"),
        ("alice", "cluster show prod"),
        ("alice", "team revoke bob -c prod --yes"),
        ("alice", "access revoke carol -c prod"),
    ] {
        let there = match user {
            "bob" => Server::run(&mut kg, &far, line),
            _ => Server::run(&mut kg, &owner, line),
        };
        // What changes something is done there, and asked here once more.
        let changes = line.starts_with("access grant carol -c prod");
        if changes {
            there.success();
            continue;
        }
        let here = kg.run_as(user, line);
        assert_eq!(there.to_string(), here.to_string(), "{user}: {line}");
    }
}

#[test]
fn a_server_opens_no_more_than_it_was_given() {
    let mut kg = home();
    kg.add_user("desk", "server");
    let refused = "acts for those who log in to it and has nothing itself";
    kg.run("access grant desk -c prod --level read")
        .exit(5)
        .says(refused);
    kg.run("cluster transfer prod --to desk --yes")
        .exit(5)
        .says(refused);
    kg.run("access list -c prod").success().never_says("desk");
    kg.run("user set-role bob server").exit(5);
    kg.run("user set-role desk admin").exit(5);
    // Nobody is served where nobody said so.
    kg.run_as("desk", "--as bob kubeconfig download prod")
        .exit(4)
        .says("a server does not do this for 'bob'")
        .says("--self-service on");
    kg.run("cluster set prod --self-service on").success();
    kg.run_as("desk", "--as bob kubeconfig download prod -f bob.age")
        .success();
    let sealed = std::fs::read(kg.path("bob.age")).expect("the file");
    assert!(kg.open("bob", &sealed).is_some());
    assert!(kg.open("desk", &sealed).is_none());
    let manager = kg.sealed("SELECT manager_secret FROM clusters");
    let issuer = kg.sealed("SELECT secret FROM issuers");
    assert!(kg.open("desk", &manager).is_none());
    assert!(kg.open("desk", &issuer).is_some());
    // It does nothing of its own, and of what it does for others nothing that reaches further.
    kg.run_as("desk", "cluster list")
        .success()
        .says("You can see no cluster.");
    for line in [
        "--as olivia user add mallory --role owner",
        "--as olivia user set-role bob owner",
        "--as bob user set-key bob --key k.pub",
        "--as olivia cluster transfer prod --to bob --yes",
        "--as olivia cluster delete prod --yes",
        "--as olivia cluster set prod --write-scope cluster --yes",
        "--as olivia backup b.db",
        "--as olivia audit accept --reason x --yes",
    ] {
        kg.write("k.pub", &kg.make_identity("mallory"));
        kg.run_as("desk", line).exit(4);
    }
    // What an admin's next `reconcile` would make true must not be more than it could do itself.
    for line in [
        "--as olivia rbac bind bob -c prod --cluster-role cluster-admin --yes",
        "--as olivia rbac bind bob -c prod --cluster-role view -n default",
        "--as olivia kubeconfig download prod --shared",
        "--as olivia ssh-key download prod",
    ] {
        kg.run_as("desk", line).exit(4);
    }
    // Without self-service its login is worth nothing.
    kg.run("cluster set prod --self-service off").success();
    let after = kg.sealed("SELECT secret FROM issuers");
    assert!(kg.open("desk", &after).is_none());
    kg.run_as("desk", "--as bob kubeconfig download prod -f bob2.age")
        .exit(4);
    kg.run_as(
        "desk",
        "--as olivia access grant alice -c prod --level write",
    )
    .exit(4);
    // Taking away is never refused.
    kg.run_as("desk", "--as olivia access revoke bob -c prod --yes")
        .exit(6);
    kg.run("reconcile").success();
}

#[test]
fn a_server_that_is_disabled_takes_its_login_with_it() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let stolen = issuer(&kg, "desk");
    assert_eq!(
        get(
            &stolen,
            "/api/v1/namespaces/kubegrant-users/serviceaccounts"
        ),
        200
    );
    kg.run("user disable desk --yes").success();
    assert_ne!(
        get(
            &stolen,
            "/api/v1/namespaces/kubegrant-users/serviceaccounts"
        ),
        200
    );
    kg.run_as("desk", "--as bob cluster list").exit(4);
}

#[test]
fn only_a_servers_key_serves() {
    let mut kg = home();
    kg.run("serve --public-url https://localhost --self-signed")
        .exit(4)
        .says("'olivia' is no server")
        .says("--role server");
    kg.run("serve --public-url http://localhost --self-signed")
        .exit(2);
    kg.run("serve --public-url https://localhost --listen 0.0.0.0:1 --behind-proxy")
        .exit(2)
        .says("without TLS it listens on this machine alone");
    kg.run("serve --public-url https://localhost").exit(2);
}

#[test]
fn a_session_ends_with_everything_that_ends_it() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let session = |kg: &mut Home| kg.run("session list -o json").json();
    let id = session(&mut kg)[0]["id"].as_i64().expect("a session");
    kg.run("session end 99").exit(3);
    kg.run(&format!("session end {id}")).success();
    assert_eq!(session(&mut kg), serde_json::json!([]));
    // The next command begins another by itself.
    Server::run(&mut kg, &far, "cluster list").success();
    assert_ne!(session(&mut kg)[0]["id"].as_i64(), Some(id));
    kg.drift_minutes(31);
    assert_eq!(session(&mut kg), serde_json::json!([]));
    Server::run(&mut kg, &far, "cluster list").success();
    Server::run(&mut kg, &far, "session list")
        .success()
        .says("bob");
    // Another key is another person, as far as a session is concerned.
    let old = std::fs::read(kg.identity("bob")).expect("an identity");
    kg.write("new.pub", &kg.make_identity("bob"));
    kg.run("user set-key bob --key new.pub").success();
    assert_eq!(session(&mut kg), serde_json::json!([]));
    Server::run(&mut kg, &far, "cluster list").success();
    kg.write_bytes("old.key", &old);
    let stranger = far
        .clone()
        .variable("KUBEGRANT_IDENTITY_FILE", kg.path("old.key"));
    Server::run(&mut kg, &stranger, "cluster list")
        .exit(4)
        .says("nobody who may log in has this key");
    kg.run("user disable bob --yes").success();
    Server::run(&mut kg, &far, "cluster list")
        .exit(4)
        .says("nobody who may log in has this key");
    // A session that somebody writes into the store opens nothing.
    let far = server.log_in(&mut kg, "alice");
    kg.write_sql("UPDATE sessions SET user = 1");
    Server::run(&mut kg, &far, "whoami").success().says("alice");
}

#[test]
fn a_server_is_logged_out_of_and_forgotten() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    Server::run(&mut kg, &far, "logout")
        .success()
        .says("logged out");
    assert_eq!(kg.run("session list -o json").json(), serde_json::json!([]));
    Server::run(&mut kg, &far, "cluster list")
        .exit(3)
        .says("kubegrant login URL");
    Server::run(&mut kg, &far, "logout").exit(2);
    let url = server.url.clone();
    Server::run(&mut kg, &far, &format!("login {url}"))
        .exit(8)
        .says("--ca-file");
    let nobody = far
        .clone()
        .variable("KUBEGRANT_IDENTITY_FILE", kg.path("none"));
    Server::run(&mut kg, &nobody, &format!("login {url}"))
        .exit(4)
        .says("ssh-keygen -t ed25519");
    Server::run(&mut kg, &far, "login http://localhost:1")
        .exit(2)
        .says("https://");
    Server::run(&mut kg, &far, "user list --host https://localhost:1").exit(3);
}

#[test]
fn whoever_asks_in_a_wrong_way_learns_nothing() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let server = Server::with(&kg, "--behind-proxy");
    let json = "content-type: application/json";
    for (first, head, body, status) in [
        ("GET /nowhere", vec![], "", 404),
        ("GET /", vec![], "", 303),
        ("POST /do", vec![], "verb=whoami", 403),
        ("POST /enter", vec![], "code=x", 403),
        ("GET /api/v1/clusters", vec![], "", 401),
        (
            "GET /api/v1/clusters",
            vec!["authorization: Bearer x"],
            "",
            401,
        ),
        (
            "GET /api/v1/clusters",
            vec!["authorization: Basic eDp5"],
            "",
            401,
        ),
        (
            "PUT /api/v1/clusters/prod/access/bob",
            vec![json],
            "{}",
            401,
        ),
        ("DELETE /api/v1/whoami", vec![], "", 405),
        ("GET /api/v1/login", vec![], "", 405),
        ("POST /api/v1/login", vec![json], "{", 400),
        (
            "POST /api/v1/login/challenge",
            vec![json],
            "{\"key\":\"x\"}",
            400,
        ),
        (
            "POST /api/v1/login/challenge",
            vec![],
            "{\"key\":\"x\"}",
            400,
        ),
    ] {
        let said = server.ask(first, &head, body);
        assert_eq!(said.status, status, "{first}: {}", said.body);
        for header in [
            "content-security-policy: default-src 'none'",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
        ] {
            assert!(said.head.contains(header), "{first}: {header}");
        }
    }
    assert_eq!(server.raw(b"\x16\x03\x01\x00\xa5hello\r\n\r\n").status, 400);
    let large = "x".repeat(1_000_000);
    let said = server.ask(
        "POST /api/v1/login",
        &[json],
        &format!("{{\"key\":\"{large}\"}}"),
    );
    assert!([0, 400, 413].contains(&said.status), "{}", said.status);
    // All that `openapi.json` names is there, and for nobody without a session.
    let routes = include_str!("../../openapi.json");
    let routes: serde_json::Value = serde_json::from_str(routes).expect("a document");
    let mut count = 0;
    for (path, methods) in routes["paths"].as_object().expect("paths") {
        let path = path.replace(['{', '}'], "");
        for (method, operation) in methods.as_object().expect("methods") {
            let first = format!("{} /api/v1{path}", method.to_uppercase());
            let is_open = !operation["security"].is_null();
            let said = server.ask(&first, &[json], "{}");
            // Nobody was named with whom people log in.
            let expected = match (is_open, path.as_str()) {
                (true, "/login/device") => 404,
                (true, _) => 400,
                (false, _) => 401,
            };
            assert_eq!(said.status, expected, "{first}");
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
    // Known and unknown keys are asked alike, and an answer that is none is none for both.
    let (known, unknown) = (key_of(&kg, "bob"), kg.make_identity("nobody"));
    let asked = |key: &str| {
        let body = serde_json::json!({"key": key}).to_string();
        server.ask("POST /api/v1/login/challenge", &[json], &body)
    };
    let (of_known, of_unknown) = (asked(&known), asked(&unknown));
    assert_eq!((of_known.status, of_unknown.status), (200, 200));
    for (key, asked) in [(&known, of_known), (&unknown, of_unknown)] {
        let question = asked.json();
        let answer = serde_json::json!({
            "key": key, "id": question["id"], "until": question["until"], "answer": "00",
        });
        let said = server.ask("POST /api/v1/login", &[json], &answer.to_string());
        assert_eq!(said.status, 401, "{}", said.body);
    }
    assert_eq!(kg.run("session list -o json").json(), serde_json::json!([]));
}

#[test]
fn a_server_that_comes_later_or_back_opens_what_it_should() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    kg.add_user("second", "server");
    let issuer = |kg: &Home| kg.sealed("SELECT secret FROM issuers");
    assert!(kg.open("second", &issuer(&kg)).is_some());
    assert!(
        kg.open("second", &kg.sealed("SELECT manager_secret FROM clusters"))
            .is_none()
    );
    kg.run("user disable desk --yes").success();
    assert!(kg.open("desk", &issuer(&kg)).is_none());
    kg.run("user enable desk").success();
    assert!(kg.open("desk", &issuer(&kg)).is_some());
    kg.run_as("desk", "--as bob kubeconfig download prod -f bob.age")
        .success();
}

#[test]
fn a_session_does_not_outlive_what_ended_it_once() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let count = |kg: &mut Home| {
        kg.run("session list -o json")
            .json()
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count(&mut kg), Some(1));
    kg.run("user disable bob --yes").success();
    kg.run("user enable bob").success();
    assert_eq!(count(&mut kg), Some(0));
    // The next command begins another, with the key.
    Server::run(&mut kg, &far, "cluster list").success();
    let key = key_of(&kg, "bob");
    let old = std::fs::read(kg.identity("bob")).expect("an identity");
    kg.write("new.pub", &kg.make_identity("bob"));
    kg.run("user set-key bob --key new.pub").success();
    kg.write_bytes("bob.old", &old);
    kg.run(&format!("user set-key bob --key {key}")).success();
    assert_eq!(count(&mut kg), Some(0));
    // A server that is disabled lets nobody in.
    kg.run("user disable desk --yes").success();
    let back = far
        .clone()
        .variable("KUBEGRANT_IDENTITY_FILE", kg.path("bob.old"));
    let refused = Server::run(&mut kg, &back, "cluster list");
    assert_eq!(refused.code, 7, "{refused}");
}

#[test]
fn what_is_pending_for_others_keeps_nobody_from_theirs() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let admin = server.log_in(&mut kg, "olivia");
    // What the issuer cannot hand over is refused before anything is recorded.
    let versions = kg.accounts();
    Server::run(&mut kg, &admin, "kubeconfig download prod")
        .exit(4)
        .says("where the store is");
    assert_eq!(kg.accounts(), versions);
    Server::run(&mut kg, &far, "kubeconfig download prod").success();
    // Somebody's role there waits for an admin.
    kg.run("access grant alice -c prod --level read").success();
    kg.download_for("alice");
    kg.run("rbac bind alice -c prod --cluster-role view -n default")
        .success();
    Server::run(
        &mut kg,
        &admin,
        "rbac unbind alice -c prod --cluster-role view -n default --yes",
    )
    .exit(6);
    let rotated = Server::run(&mut kg, &far, "kubeconfig rotate prod");
    rotated.success();
    assert!(!rotated.to_string().contains("alice"), "{rotated}");
    let file = std::fs::read_to_string(kg.root().join("far/bob/work/prod.kubeconfig"));
    assert_eq!(get(&file.expect("the file"), PODS), 200);
}

#[test]
fn whoever_is_being_answered_when_the_server_stops_has_their_answer() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let held = rusqlite::Connection::open(kg.store()).expect("the store");
    held.execute_batch("BEGIN IMMEDIATE").expect("held");
    let fixture = far.clone();
    let asked = std::thread::spawn(move || {
        let words = ["kubegrant", "kubeconfig", "download", "prod"];
        let words: Vec<std::ffi::OsString> = words.map(Into::into).into();
        kubegrant::run(&words, kubegrant::Env::fixed(&fixture))
    });
    while !server.stderr().contains("bob: kubeconfig download: begins") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    server.stop();
    held.execute_batch("COMMIT").expect("let go");
    assert_eq!(
        asked.join().expect("it ends"),
        std::process::ExitCode::SUCCESS
    );
    let file = std::fs::read_to_string(kg.root().join("far/bob/work/prod.kubeconfig"));
    assert_eq!(get(&file.expect("the file"), PODS), 200);
}

#[test]
fn a_server_that_reconciles_ends_what_ends_by_time() {
    let mut kg = home();
    kg.run("access grant alice -c prod --level read --for 1h")
        .success();
    kg.add_user("desk", "server");
    // By itself it does that alone, where people serve themselves.
    kg.run_as("desk", "reconcile").success();
    kg.run_as("desk", "reconcile prod").exit(3);
    kg.run_as("desk", "--as bob reconcile").exit(4);
    kg.run("cluster set prod --self-service on").success();
    let server = Server::with(&kg, "--self-signed --reconcile-every 1s");
    let far = server.log_in(&mut kg, "alice");
    Server::run(&mut kg, &far, "kubeconfig download prod").success();
    let file = std::fs::read_to_string(kg.root().join("far/alice/work/prod.kubeconfig"));
    let file = file.expect("a file");
    assert_eq!(get(&file, PODS), 200);
    kg.tick(2);
    // Whether it ever does is for whoever waits to say.
    while kg.run("status").code != 0 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    drop(server);
    kg.run("audit list --action reconcile -o json")
        .success()
        .says("\"actor\": \"desk\"");
    assert_ne!(get(&file, PODS), 200);
    kg.run("serve --public-url https://localhost --self-signed --reconcile-every 0s")
        .exit(2);
}
