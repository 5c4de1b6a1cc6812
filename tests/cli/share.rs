//! Direct links: one person's kubeconfig, once, by whoever has the secret.

use crate::home::{Home, PODS, get};
use crate::serve::home;
use crate::server::{Answer, Server};

/// A home with a server without TLS, and somebody without a key.
fn with_links() -> (Home, Server) {
    let mut kg = home();
    kg.run("user add carol").success();
    kg.run("access grant carol -c prod --level read").success();
    kg.add_user("desk", "server");
    kg.run("share create carol -c prod")
        .exit(5)
        .says("self-service on");
    kg.run("cluster set prod --self-service on").success();
    kg.run("share create carol -c prod")
        .exit(5)
        .says("no server was started");
    let server = Server::with(&kg, "--behind-proxy");
    (kg, server)
}

/// The path and the secret of a new link.
fn link(kg: &mut Home, line: &str) -> (String, String) {
    let made = kg.run(&format!("share create {line} -o json"));
    let made = made.success().json();
    let url = made["url"].as_str().expect("an address");
    let (address, secret) = url.split_once('#').expect("a secret");
    let path = address.find("/l/").map(|at| address[at..].to_owned());
    (path.expect("a path"), secret.to_owned())
}

fn claim(server: &Server, path: &str, secret: &str) -> Answer {
    let origin = format!("origin: {}", server.url);
    let head = [
        origin.as_str(),
        "content-type: application/x-www-form-urlencoded",
    ];
    server.ask(&format!("POST {path}"), &head, &format!("secret={secret}"))
}

#[test]
fn a_link_is_claimed_once_by_whoever_has_the_secret() {
    let (mut kg, server) = with_links();
    let (path, secret) = link(&mut kg, "carol -c prod");
    // Previews take nothing.
    for _ in 0..100 {
        let shown = server.ask(&format!("GET {path}"), &[], "");
        assert_eq!(shown.status, 200);
        assert!(!shown.body.contains("apiVersion"));
    }
    // Nor do other sites' forms, nor what is no link.
    let form = "content-type: application/x-www-form-urlencoded";
    for origin in ["origin: https://evil.example", "origin: null", "x-none: x"] {
        let said = server.ask(
            &format!("POST {path}"),
            &[origin, form],
            &format!("secret={secret}"),
        );
        assert_eq!(said.status, 403, "{origin}");
    }
    assert_eq!(claim(&server, "/l/00", &secret).status, 404);
    kg.run("share list").success().says("waiting");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let claims = (0..64).map(|_| scope.spawn(|| claim(&server, &path, &secret)));
        let claims: Vec<_> = claims.collect();
        let said = claims.into_iter().map(|it| it.join().expect("an answer"));
        said.map(|said| {
            if said.status == 200 {
                assert!(
                    said.head
                        .contains("attachment; filename=\"prod.kubeconfig\"")
                );
                assert_eq!(get(&said.body, PODS), 200);
            }
            said.status
        })
        .collect()
    });
    let winners = answers.iter().filter(|status| **status == 200).count();
    assert_eq!(winners, 1, "{answers:?}");
    let listed = kg.run("share list -o json").json();
    assert_eq!(listed[0]["state"], "claimed");
    // Whoever made it is told, and nobody else.
    kg.run("status")
        .success()
        .says("'carol' to cluster 'prod' was claimed at");
    let others = kg.run_as("bob", "status").success().to_string();
    assert!(!others.contains("claimed"), "{others}");
    kg.run("share revoke x --yes").exit(3);
    let id = listed[0]["id"].as_str().expect("a name").to_owned();
    kg.run(&format!("share revoke {id} --yes"))
        .success()
        .says("team revoke carol");
    assert!(!server.stderr().contains(&secret));
    kg.run("audit verify").success();
}

#[test]
fn the_rules_hold_when_a_link_is_claimed() {
    let (mut kg, server) = with_links();
    let (path, secret) = link(&mut kg, "carol -c prod");
    kg.run("team revoke carol -c prod --yes").success();
    let said = claim(&server, &path, &secret);
    assert_eq!(said.status, 403, "{}", said.body);
    assert!(said.body.contains("Access Revoked"), "{}", said.body);
    kg.run("share list").success().says("waiting");
    kg.run("team restore carol -c prod --yes").success();
    assert_eq!(claim(&server, &path, &secret).status, 200);
    // Guessing ends it.
    let (path, secret) = link(&mut kg, "bob -c prod --sealed");
    for _ in 0..5 {
        assert_eq!(claim(&server, &path, "0").status, 404);
    }
    assert_eq!(claim(&server, &path, &secret).status, 404);
    kg.run("status").says("somebody guesses at it");
    // So do time, and whoever made it.
    let (path, secret) = link(&mut kg, "bob -c prod --expires 1h");
    kg.drift(2);
    assert_eq!(claim(&server, &path, &secret).status, 404);
    let (path, secret) = link(&mut kg, "bob -c prod");
    let id = path.trim_start_matches("/l/");
    kg.run(&format!("share revoke {id}")).exit(2);
    kg.run(&format!("share revoke {id} --yes")).success();
    assert_eq!(claim(&server, &path, &secret).status, 404);
    // Who has a key gets it sealed to that.
    let (path, secret) = link(&mut kg, "bob -c prod");
    let said = claim(&server, &path, &secret);
    assert!(said.body.starts_with("-----BEGIN AGE"), "{}", said.body);
    assert!(kg.open("bob", said.body.as_bytes()).is_some());
    // It is for those who may hand kubeconfigs over, to those who have something there.
    kg.run("share create carol -c prod --sealed").exit(5);
    kg.run("user add dan").success();
    kg.run("share create dan -c prod").exit(5);
    kg.run_as("bob", "share create carol -c prod").exit(4);
    kg.run_as("bob", "share list")
        .success()
        .says("no direct link");
    kg.run("share create carol -c prod --expires 8d").exit(2);
    // A link that somebody writes into the store is nobody's.
    let (path, secret) = link(&mut kg, "carol -c prod");
    kg.write_sql("UPDATE shares SET user = 1");
    assert_eq!(claim(&server, &path, &secret).status, 503);
}
