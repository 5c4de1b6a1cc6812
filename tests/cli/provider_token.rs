//! `kubegrant cluster provider-token`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use kubegrant::env::Fixture;

use crate::home::Home;

const TOKEN: &str = "canary-of-a-provider-token-0123456789-wxyz";
const SECRET: &str = "SELECT secret FROM provider_tokens";

/// A provider that gives one answer, and the request that it saw.
fn provider(status: &str, body: &str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut seen = vec![];
        let mut part = [0; 4096];
        while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut part).expect("a request");
            seen.extend_from_slice(&part[..read]);
            if read == 0 {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).expect("answered");
        String::from_utf8_lossy(&seen).into_owned()
    });
    (format!("http://{address}/v1"), seen)
}

fn set(kg: &mut Home) {
    kg.run_with_input("cluster provider-token set prod --file -", TOKEN)
        .success();
}

#[test]
fn a_token_comes_from_standard_input_and_is_shown_masked() {
    let mut kg = Home::new();
    let ran = kg.run_with_input("cluster provider-token set prod", &format!("{TOKEN}\n"));
    insta::assert_snapshot!(ran, @r"
        Cluster:    prod
        Provider:   hetzner
        Token:      ********wxyz
        Set:        2026-11-22T10:00:00Z
        By:         olivia
        ----- stderr -----
        The provider token of cluster 'prod' is set.
        [exit 0]
        ");
    insta::assert_snapshot!(kg.run("cluster provider-token show prod"), @r"
        Cluster:    prod
        Provider:   hetzner
        Token:      ********wxyz
        Set:        2026-11-22T10:00:00Z
        By:         olivia
        [exit 0]
        ");
    insta::assert_snapshot!(kg.run("cluster provider-token show prod -o json"), @r#"
        {
          "cluster": "prod",
          "provider": "hetzner",
          "token": "********wxyz",
          "set_at": "2026-11-22T10:00:00Z",
          "set_by": "olivia",
          "servers": null,
          "server_names": null
        }
        [exit 0]
        "#);
}

#[test]
fn a_token_comes_from_a_file() {
    let mut kg = Home::new();
    kg.write("token", TOKEN);
    kg.run("cluster provider-token set prod --file token")
        .success()
        .says("********wxyz")
        .never_says("canary");
    kg.run("cluster provider-token set prod --file absent")
        .exit(3);
}

#[test]
fn a_token_comes_from_a_prompt() {
    let mut kg = Home::new();
    let ran = kg.run_where(
        |fixture| {
            let fixture = fixture.terminal(true);
            fixture.type_in(format!("{TOKEN}\n"));
            fixture
        },
        "cluster provider-token set prod --color never",
    );
    ran.success().never_says("canary");
    let sealed = kg.sealed(SECRET);
    assert!(kg.open("olivia", &sealed).expect("opens").contains(TOKEN));
}

#[test]
fn a_token_is_no_argument() {
    let mut kg = Home::new();
    kg.run(&format!("cluster provider-token set prod {TOKEN}"))
        .exit(2);
    kg.run(&format!("cluster provider-token set prod --token {TOKEN}"))
        .exit(2);
}

#[test]
fn what_is_no_token_is_refused() {
    let mut kg = Home::new();
    for bad in ["", "short", "two words of text", "line\nline\nline"] {
        kg.run_with_input("cluster provider-token set prod --file -", bad)
            .exit(2);
    }
    insta::assert_snapshot!(kg.run_with_input("cluster provider-token set prod --file -", "two words"), @r"
        ----- stderr -----
        error: this is not a token: one line of printable characters

        hint: make one in the Hetzner console, under Security, API tokens
        [exit 2]
        ");
    insta::assert_snapshot!(kg.run("cluster provider-token show prod"), @r"
        ----- stderr -----
        error: no provider token of cluster 'prod'

        hint: set one with `kubegrant cluster provider-token set prod`
        [exit 3]
        ");
}

#[test]
fn a_short_token_shows_nothing_of_itself() {
    let mut kg = Home::new();
    kg.run_with_input("cluster provider-token set prod --file -", "tiny-tok")
        .success()
        .never_says("tok\n")
        .says("********");
}

#[test]
fn a_token_is_sealed_to_those_who_may_use_it() {
    let mut kg = Home::new();
    set(&mut kg);
    let all = ["olivia", "alice", "bob"];
    let openers = |kg: &Home| -> Vec<&str> {
        let sealed = kg.sealed(SECRET);
        let opens = |user: &&str| kg.open(user, &sealed).is_some();
        all.into_iter().filter(opens).collect()
    };
    assert_eq!(openers(&kg), ["olivia"]);
    kg.run("cluster transfer prod --to alice --yes").success();
    assert_eq!(openers(&kg), ["olivia", "alice"]);
    kg.run_as("alice", "cluster provider-token show prod")
        .success();
    kg.run("cluster transfer prod --to bob --yes").success();
    assert_eq!(openers(&kg), ["olivia", "bob"]);
    kg.run("user set-role alice admin").success();
    assert_eq!(openers(&kg), ["olivia", "alice", "bob"]);
    kg.run("user set-role alice developer").success();
    assert_eq!(openers(&kg), ["olivia", "bob"]);
}

#[test]
fn a_token_is_nowhere_in_the_open() {
    let mut kg = Home::new();
    set(&mut kg);
    let mut said = String::new();
    for line in [
        "cluster provider-token show prod -o yaml",
        "cluster show prod -o json",
        "audit list -o json",
        "cluster transfer prod --to alice --yes",
        "status -o json",
    ] {
        said.push_str(&kg.run(line).success().to_string());
    }
    assert!(!said.contains("canary"), "{said}");
    // The log beside the database is there as long as somebody holds it open.
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    let users: i64 = sql
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .expect("counted");
    assert!(users > 0);
    kg.run_with_input("cluster provider-token set prod --file -", TOKEN)
        .success();
    let folder = kg.root().join("data/kubegrant");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("bytes");
        let found = bytes.windows(6).any(|part| part == b"canary");
        assert!(!found, "{}", path.display());
    }
}

#[test]
fn a_token_moved_to_another_cluster_does_not_open() {
    let mut kg = Home::new();
    let _second = kg.add_cluster("second");
    set(&mut kg);
    kg.run_with_input(
        "cluster provider-token set second --file -",
        "another-token-1234567",
    )
    .success();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch(
        "UPDATE provider_tokens SET secret = (SELECT secret FROM provider_tokens p \
         WHERE p.cluster <> provider_tokens.cluster)",
    )
    .expect("swapped");
    drop(sql);
    kg.run("cluster provider-token show prod").exit(7);
}

#[test]
fn the_provider_says_what_the_token_opens() {
    let mut kg = Home::new();
    let body = r#"{"servers":[{"name":"node-1"},{"name":"node-2"}],"meta":{"pagination":{"total_entries":7}}}"#;
    let (endpoint, seen) = provider("200 OK", body);
    kg.write("token", TOKEN);
    let with = |endpoint: String| move |it: Fixture| it.variable("HCLOUD_ENDPOINT", &endpoint);
    let ran = kg.run_where(
        with(endpoint),
        "cluster provider-token set prod --file token --check",
    );
    insta::assert_snapshot!(ran, @r"
        Cluster:    prod
        Provider:   hetzner
        Token:      ********wxyz
        Set:        2026-11-22T10:00:00Z
        By:         olivia
        Opens:      a project with 7 servers: node-1,node-2
        ----- stderr -----
        The provider token of cluster 'prod' is set.
        [exit 0]
        ");
    let seen = seen.join().expect("asked").to_lowercase();
    assert!(seen.starts_with("get /v1/servers"), "{seen}");
    assert!(
        seen.contains(&format!("authorization: bearer {TOKEN}")),
        "{seen}"
    );
    let (endpoint, seen) = provider("200 OK", body);
    kg.run_where(with(endpoint), "cluster provider-token show prod --check")
        .success()
        .says("node-2");
    seen.join().expect("asked");
}

#[test]
fn a_token_that_the_provider_refuses_is_not_set() {
    let mut kg = Home::new();
    kg.write("token", TOKEN);
    let line = "cluster provider-token set prod --file token --check";
    let with = |endpoint: String| move |it: Fixture| it.variable("HCLOUD_ENDPOINT", &endpoint);
    let (endpoint, seen) = provider("401 Unauthorized", "{}");
    insta::assert_snapshot!(kg.run_where(with(endpoint), line), @r"
        ----- stderr -----
        error: cannot check the provider token
          caused by: the provider does not accept the token

        hint: make a new token in the provider's console
        [exit 4]
        ");
    seen.join().expect("asked");
    let (endpoint, seen) = provider("200 OK", "<html>");
    insta::assert_snapshot!(kg.run_where(with(endpoint), line), @r"
        ----- stderr -----
        error: cannot check the provider token
          caused by: the provider at http://127.0.0.1:[PORT]/v1 answered what it never answers: JSON of another shape

        hint: is HCLOUD_ENDPOINT right?
        [exit 7]
        ");
    seen.join().expect("asked");
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    elsewhere.set_nonblocking(true).expect("a listener");
    let location = format!(
        "302 Found\r\nlocation: http://{}/",
        elsewhere.local_addr().expect("one")
    );
    let (endpoint, seen) = provider(&location, "");
    insta::assert_snapshot!(kg.run_where(with(endpoint), line), @r"
        ----- stderr -----
        error: cannot check the provider token
          caused by: the provider at http://127.0.0.1:[PORT]/v1 answered what it never answers: status 302

        hint: is HCLOUD_ENDPOINT right?
        [exit 7]
        ");
    seen.join().expect("asked");
    assert!(elsewhere.accept().is_err(), "no redirect is followed");
    insta::assert_snapshot!(kg.run_where(with("http://192.0.2.1/v1".to_owned()), line), @r"
        ----- stderr -----
        error: cannot check the provider token
          caused by: 'http://192.0.2.1/v1' cannot be used as the provider's address: it is not https, and the token would go in the open

        hint: set HCLOUD_ENDPOINT to an https address
        [exit 2]
        ");
    insta::assert_snapshot!(kg.run_where(with("http://127.0.0.1:1/v1".to_owned()), line), @r"
        ----- stderr -----
        error: cannot check the provider token
          caused by: cannot reach the provider at http://127.0.0.1:[PORT]/v1: client error (Connect): tcp connect error: Connection refused (os error 111)

        hint: try again in a moment
        [exit 8]
        ");
    kg.run("cluster provider-token show prod").exit(3);
}

#[test]
fn removing_twice_changes_nothing() {
    let mut kg = Home::new();
    set(&mut kg);
    insta::assert_snapshot!(kg.run("cluster provider-token remove prod"), @r"
        ----- stderr -----
        The provider token of cluster 'prod' is removed.
        hint: it is still valid at the provider: delete it there too
        [exit 0]
        ");
    insta::assert_snapshot!(kg.run("cluster provider-token remove prod"), @r"
        ----- stderr -----
        Cluster 'prod' has no provider token.
        [exit 0]
        ");
    assert_eq!(kg.events("cluster provider-token remove", "done"), 1);
}

#[test]
fn the_token_is_for_owners_admins_and_the_clusters_owner() {
    let mut kg = Home::new();
    set(&mut kg);
    kg.run("access grant alice -c prod -l write").success();
    insta::assert_snapshot!(kg.run_as("alice", "cluster provider-token show prod"), @r"
        ----- stderr -----
        error: 'alice' may not see or change sensitive settings on cluster 'prod': organization owners and admins, and the cluster's owner may

        hint: ask 'olivia'
        [exit 4]
        ");
    kg.run_as("alice", "cluster provider-token remove prod")
        .exit(4);
    kg.run_as("alice", "cluster provider-token set prod --file absent")
        .exit(4);
}
