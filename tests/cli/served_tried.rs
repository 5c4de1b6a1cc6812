//! What somebody tried who wanted shells and SSH keys of a server's to go wrong.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use kubegrant::Env;
use kubegrant::env::Fixture;
use kubegrant_sandbox::{Action, Fault, Gate, Match};

use crate::home::{PODS, get};
use crate::serve::home;
use crate::server::Server;

const JSON: &str = "content-type: application/json";

fn wait_for(path: &Path) -> String {
    loop {
        if let Ok(text) = std::fs::read_to_string(path)
            && !text.is_empty()
        {
            return text;
        }
        sleep(Duration::from_millis(20));
    }
}

/// Runs a shell in a thread of its own; gives its exit code and what it said.
fn run_shell(far: &Fixture, words: &[&str]) -> std::thread::JoinHandle<(String, String)> {
    let args = std::iter::once("kubegrant").chain(words.iter().copied());
    let args: Vec<std::ffi::OsString> = args.map(Into::into).collect();
    let far = far.clone();
    std::thread::spawn(move || {
        let exit = kubegrant::run(&args, Env::fixed(&far));
        (format!("{exit:?}"), far.take_stderr())
    })
}

fn script(kg: &crate::home::Home, then: &str) -> String {
    let root = kg.root().display();
    format!(
        "cp $KUBECONFIG {root}/kept.new; mv {root}/kept.new {root}/kept; \
         n=0; while [ ! -e {root}/go ] && [ $n -lt 1200 ]; do sleep 0.1; n=$((n+1)); done; {then}"
    )
}

/// Whether there are minutes to wait for what takes minutes; says so where there are not.
#[expect(clippy::disallowed_methods, reason = "it chooses the size of a test")]
fn waits_minutes() -> bool {
    let is_full = std::env::var("KUBEGRANT_PROOF").is_ok_and(|size| size == "full");
    if !is_full {
        crate::say(
            "served: without KUBEGRANT_PROOF=full no shell is waited for that is silent for a minute",
        );
    }
    is_full
}

/// The session of whoever has a shell is over by its time: the shell lives as long as it was given.
#[test]
fn a_shell_outlives_the_session_that_began_it() {
    if !waits_minutes() {
        return;
    }
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    for _ in 0..24 {
        kg.drift_minutes(29);
        Server::run(&mut kg, &far, "session list").success();
    }
    let now = kg.now();
    kg.sandbox.set_now(now);
    let command = script(&kg, "exit 0");
    let shell = run_shell(
        &far,
        &["shell", "prod", "--ttl", "4h", "--", "sh", "-c", &command],
    );
    let file = wait_for(&kg.root().join("kept"));
    assert_eq!(get(&file, PODS), 200);
    // Half an hour later, in use all the time.
    for _ in 0..6 {
        kg.drift_minutes(5);
    }
    sleep(Duration::from_secs(75));
    let now = get(&file, PODS);
    crate::home::write_at(&kg.root().join("go"), "");
    let said = shell.join().expect("it ran");
    assert_eq!(now, 200, "it was cut off in the middle: {said:?}");
}

fn away_at_the_end(kg: &crate::home::Home) {
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("DELETE".to_owned()),
            path_contains: Some("serviceaccounts".to_owned()),
            nth: None,
        },
        action: Action::Status {
            code: 503,
            retry_after: None,
        },
    });
}

/// A command that cannot be run, and a cluster that does not end its credential: both are said, as with the store.
#[test]
fn what_is_pending_is_said_also_where_the_command_never_ran() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    away_at_the_end(&kg);
    let there = kg.run_words_there(&far, &["shell", "prod", "--", "/no/such/command"]);
    there.exit(6).says("recorded, but not yet true");
}

/// A server that is put up again while a shell lives: its command's exit code is the shell's, and what is said is so.
#[test]
fn a_server_that_stops_takes_no_exit_code_with_it() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let command = script(&kg, "exit 42");
    let shell = run_shell(&far, &["shell", "prod", "--", "sh", "-c", &command]);
    let file = wait_for(&kg.root().join("kept"));
    drop(server);
    assert_ne!(get(&file, PODS), 200);
    crate::home::write_at(&kg.root().join("go"), "");
    let said = shell.join().expect("it ran");
    assert!(said.0.contains("42"), "{said:?}");
}

/// Proxies of a kind that is not spoken here, where none is on the way.
#[test]
fn a_proxy_that_is_not_on_the_way_keeps_nobody_out() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = Server::far(&kg, "bob")
        .variable("HTTPS_PROXY", "socks5://127.0.0.1:1")
        .variable("NO_PROXY", "localhost,127.0.0.1");
    let ca = kg.root().join("state/kubegrant/serve-localhost.crt");
    let line = format!("login {} --ca-file {}", server.url, ca.display());
    kg.run_there(&far, &line).success();
}

/// The same where somebody serves: no issuer is asked of anything here.
#[test]
fn a_server_starts_beside_a_proxy_that_it_does_not_need() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let fixture = kg.beside().variable("HTTPS_PROXY", "socks5://127.0.0.1:1");
    let identity = kg.identity("desk").display().to_string();
    let args = [
        "kubegrant",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--public-url",
        "https://localhost:1",
        "--behind-proxy",
        "--identity",
        &identity,
    ];
    let args: Vec<std::ffi::OsString> = args.map(Into::into).into();
    let env = Env::fixed(&fixture);
    let interrupt = env.interrupt.clone();
    let thread = std::thread::spawn(move || kubegrant::run(&args, env));
    let mut said = String::new();
    while !thread.is_finished() && !said.contains("Serving at") {
        sleep(Duration::from_millis(20));
        said.push_str(&fixture.take_stderr());
    }
    interrupt.raise();
    thread.join().expect("it ran");
    said.push_str(&fixture.take_stderr());
    assert!(said.contains("Serving at"), "{said}");
}

/// More at once than anybody has.
#[test]
fn no_race_gives_more_shells_than_anybody_has() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let server = Server::with(&kg, "--behind-proxy");
    let bearer = format!("authorization: Bearer {}", server.token(&kg, "bob"));
    let given = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let said = server.ask("POST /api/v1/clusters/prod/shell", &[JSON, &bearer], "{}");
                if said.status == 200 {
                    given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    let given = given.into_inner();
    assert!(given <= 4, "{given} shells");
}

/// One key of the nodes, and many hands.
#[test]
fn the_ssh_key_goes_into_one_hand_alone() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level write").success();
    kg.run("access grant alice -c prod --level write").success();
    kg.run("ssh-key generate prod").success();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on,ssh-key")
        .success();
    let server = Server::with(&kg, "--behind-proxy");
    let tokens = [
        server.token(&kg, "bob"),
        server.token(&kg, "bob"),
        server.token(&kg, "alice"),
    ];
    let given = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for n in 0..9 {
            let (server, given) = (&server, &given);
            let bearer = format!("authorization: Bearer {}", tokens[n % 3]);
            scope.spawn(move || {
                let said = server.ask(
                    "POST /api/v1/clusters/prod/ssh-key/download",
                    &[JSON, &bearer],
                    "{}",
                );
                given
                    .lock()
                    .expect("a list")
                    .push((said.status, said.body.contains("BEGIN AGE")));
            });
        }
    });
    let given = given.into_inner().expect("a list");
    assert_eq!(given.iter().filter(|it| it.1).count(), 1, "{given:?}");
    kg.run("audit verify").success();
}

/// Write is taken from somebody who waits for the cluster as a witness.
#[test]
fn who_lost_write_meanwhile_gets_no_ssh_key() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level write").success();
    kg.run("ssh-key generate prod").success();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on,ssh-key")
        .success();
    let server = Server::with(&kg, "--behind-proxy");
    let bearer = format!("authorization: Bearer {}", server.token(&kg, "bob"));
    let gate = Gate::shut();
    kg.sandbox.fault(Fault {
        matches: Match::default(),
        action: Action::Wait(gate.clone()),
    });
    let said = std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            server.ask(
                "POST /api/v1/clusters/prod/ssh-key/download",
                &[JSON, &bearer],
                "{\"yes\":true}",
            )
        });
        gate.wait_for(1);
        kg.write_sql("UPDATE grants SET level = 'read' WHERE 1 = 1");
        gate.open();
        asked.join().expect("an answer")
    });
    assert!(
        !said.body.contains("BEGIN"),
        "{} {}",
        said.status,
        said.body
    );
}

/// What a server says of a shell that began names no place of its machine's.
#[test]
fn an_odd_request_for_a_shell_is_refused() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let server = Server::with(&kg, "--behind-proxy");
    let bearer = format!("authorization: Bearer {}", server.token(&kg, "bob"));
    let long = "x".repeat(60_000);
    let bodies = [
        "{\"command\":[\"sh\"]}".to_owned(),
        "{\"ttl\":\"25h\"}".to_owned(),
        "{\"ttl\":\"9m\"}".to_owned(),
        "{\"ttl\":\"-1h\"}".to_owned(),
        "{\"level\":\"full\"}".to_owned(),
        "{\"level\":\"write\"}".to_owned(),
        "{\"namespace\":\"../x\"}".to_owned(),
        format!("{{\"namespace\":\"{long}\"}}"),
        "{\"user\":\"alice\"}".to_owned(),
        "{\"as\":\"alice\"}".to_owned(),
        "{\"level\":[\"read\",\"write\"]}".to_owned(),
        "[]".to_owned(),
        "{\"dry_run\":\"x\"}".to_owned(),
    ];
    for body in &bodies {
        let said = server.ask("POST /api/v1/clusters/prod/shell", &[JSON, &bearer], body);
        assert!(
            (400..500).contains(&said.status),
            "{:.80} {} {:.300}",
            body,
            said.status,
            said.body
        );
    }
    for path in [
        "/clusters/prod/shell?cluster=x&cluster=y",
        "/clusters/--as=olivia/shell",
        "/clusters/prod%0a/shell",
    ] {
        let said = server.ask(&format!("POST /api/v1{path}"), &[JSON, &bearer], "{}");
        // What stands in the path is what counts.
        let expected = if path.contains('?') { 200 } else { 400 };
        assert_eq!(said.status, expected, "{path}: {}", said.body);
    }
    let plan = "POST /api/v1/clusters/prod/shell?dry_run=true";
    assert_eq!(server.ask(plan, &[JSON, &bearer], "{}").status, 200);
    for id in [
        "\"\"",
        "null",
        "1",
        "\"\\u001b[2J\"",
        &format!("\"{long}\""),
    ] {
        let said = server.ask(
            "POST /api/v1/shell/here",
            &[JSON, &bearer],
            &format!("{{\"id\":{id}}}"),
        );
        assert!(
            (400..500).contains(&said.status),
            "{id:.20} {}",
            said.status
        );
    }
}

/// The page has no shell: one that runs would run where the server is.
#[test]
fn the_page_runs_no_shell_on_the_servers_machine() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let server = Server::with(&kg, "--behind-proxy");
    let bearer = format!("authorization: Bearer {}", server.token(&kg, "bob"));
    let opened = server.ask("POST /api/v1/browser", &[&bearer], "").json();
    let url = opened["url"].as_str().expect("an address").to_owned();
    let code = url.split_once('#').expect("a code").1;
    let origin = format!("origin: {}", server.url);
    let form = "content-type: application/x-www-form-urlencoded";
    let entered = server.ask("POST /enter", &[&origin, form], &format!("code={code}"));
    let cookies = entered.lines.lines();
    let cookie = cookies
        .filter_map(|line| line.split_once(": "))
        .find(|(name, value)| {
            name.eq_ignore_ascii_case("set-cookie") && value.starts_with("__Host-kubegrant=")
        });
    let cookie = cookie
        .expect("a cookie")
        .1
        .split(';')
        .next()
        .expect("its value");
    let cookie = format!("cookie: {cookie}");
    let page = server.ask("GET /clusters/prod", &[&cookie], "").body;
    let tag = page.split("name=\"form\"").nth(1).expect("a form");
    let token = tag.split("value=\"").nth(1).expect("its token");
    let token = token.split('"').next().unwrap_or_default();
    let said = server.ask(
        "POST /do",
        &[&origin, &cookie, form],
        &format!("form={token}&verb=shell&cluster=prod&back=/"),
    );
    let log = server.stderr();
    assert!(!log.contains("shell: begins"), "{} {log}", said.status);
    assert_eq!(said.status, 400);
}

/// Somebody else is at work on the cluster for more than a minute; the shell that waited for its turn lives.
#[test]
fn a_shell_that_waited_for_its_turn_lives() {
    if !waits_minutes() {
        return;
    }
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let data = kg.root().join("data/kubegrant");
    let locks = std::fs::read_dir(&data).expect("a folder").flatten();
    let lock = locks
        .map(|it| it.path())
        .find(|it| it.to_string_lossy().contains("cluster-"))
        .expect("the cluster's lock");
    let file = std::fs::File::options()
        .write(true)
        .open(&lock)
        .expect("a lock");
    file.lock().expect("nobody has it");
    let command = script(&kg, "exit 0");
    let shell = run_shell(&far, &["shell", "prod", "--", "sh", "-c", &command]);
    sleep(Duration::from_secs(72));
    drop(file);
    let kept = wait_for(&kg.root().join("kept"));
    sleep(Duration::from_secs(4));
    let now = get(&kept, PODS);
    crate::home::write_at(&kg.root().join("go"), "");
    let said = shell.join().expect("it ran");
    assert_eq!(
        now, 200,
        "its credential is over while its command runs: {said:?}"
    );
}
