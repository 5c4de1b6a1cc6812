//! Jobs that log in, and what they are not.

use std::time::Duration;

use kubegrant_sandbox::openid::Algorithm;
use serde_json::json;

use super::{JSON, back, begin, bob, ca, code, keyless, parameter, session_of, with_job};
use crate::openid::{issuer, put_up};
use crate::serve::home;

#[test]
fn a_flood_at_a_cold_issuer_asks_it_once() {
    let (_kg, issuer, server) = with_job("a=b");
    issuer.slow("/keys", Duration::from_secs(2));
    let token = issuer.token("x", &json!({"sub": "x"}));
    let body = json!({"token": token}).to_string();
    std::thread::scope(|scope| {
        for _ in 0..25 {
            scope.spawn(|| server.ask("POST /api/v1/login/token", &[JSON], &body));
        }
    });
    let keys = issuer
        .asked()
        .iter()
        .filter(|it| *it == "GET /keys")
        .count();
    assert!(keys <= 2, "the keys were fetched {keys} times at once");
}

#[test]
fn an_issuer_that_fails_is_not_asked_at_each_strangers_word() {
    let (_kg, issuer, server) = with_job("a=b");
    issuer.break_path("/keys", 500);
    let token = issuer.token("x", &json!({"sub": "x"}));
    let body = json!({"token": token}).to_string();
    for _ in 0..20 {
        server.ask("POST /api/v1/login/token", &[JSON], &body);
    }
    let asked = issuer.asked().len();
    assert!(asked <= 4, "it was asked {asked} times");
}

#[test]
fn ways_do_not_mix() {
    let (mut kg, issuer, server) = with_job("repository=acme/shop");
    kg.run("user set-oidc bob --subject 248289").success();
    issuer.log_in(Some(bob()));
    let job = issuer.token(&server.url, &json!({"sub":"j","repository":"acme/shop"}));
    let done = server.ask(
        "POST /api/v1/login/token",
        &[JSON],
        &json!({"token": job}).to_string(),
    );
    assert_eq!(done.status, 200, "{}", done.body);
    let token = done.json()["token"].as_str().unwrap_or_default().to_owned();
    // A job opens no page, and its session is no page's.
    let bearer = format!("authorization: Bearer {token}");
    let opened = server.ask("POST /api/v1/browser", &[&bearer, JSON], "{}");
    let code_ = opened.json()["url"]
        .as_str()
        .and_then(|it| it.split_once('#'))
        .map(|it| it.1.to_owned());
    if let Some(code_) = code_ {
        let origin = format!("origin: {}", server.url);
        let entered = server.ask(
            "POST /enter",
            &[&origin, "content-type: application/x-www-form-urlencoded"],
            &format!("code={code_}"),
        );
        assert_eq!(entered.status, 401);
    }
    let page = server.ask(
        "GET /clusters/prod",
        &[&format!("cookie: __Host-kubegrant={token}")],
        "",
    );
    assert_eq!(page.status, 303);
    // A page's session is no API's.
    let (place, cookie) = begin(&server);
    let in_ = back(
        &server,
        parameter(&place, "state"),
        &code(&issuer, &place),
        &cookie,
    );
    let session = session_of(&in_);
    let value = session.split_once('=').map(|it| it.1).unwrap_or_default();
    let api = server.ask(
        "GET /api/v1/whoami",
        &[&format!("authorization: Bearer {value}")],
        "",
    );
    assert_eq!(api.status, 401);
    // Person's token at the jobs' door, and a job's with the client's audience.
    for token in [
        issuer.token("kubegrant", &json!({"sub":"j","repository":"acme/shop"})),
        issuer.token(&server.url, &bob()),
        issuer.token(
            &server.url,
            &json!({"sub":"j","repository":"acme/shop","aud":[server.url,"x"]}),
        ),
        issuer.token(&server.url, &json!({"sub":"j","repository":["acme/shop"]})),
        issuer.token(&server.url, &json!({"sub":"","repository":"acme/shop"})),
        issuer.token(
            &server.url,
            &json!({"sub":"j","repository":"acme/shop","iat":null}),
        ),
        issuer.token(
            &server.url,
            &json!({"sub":"j","repository":"acme/shop","exp":9e99,"iat":-9e99}),
        ),
        issuer.token(
            &server.url,
            &json!({"sub":"j","repository":"acme/shop","nbf":9e99}),
        ),
        issuer.token(
            &format!("{}/", server.url),
            &json!({"sub":"j","repository":"acme/shop"}),
        ),
        issuer.token(
            &server.url.to_uppercase(),
            &json!({"sub":"j","repository":"acme/shop"}),
        ),
    ] {
        let said = server.ask(
            "POST /api/v1/login/token",
            &[JSON],
            &json!({"token": token}).to_string(),
        );
        assert_eq!(said.status, 401, "{}", said.body);
    }
}

#[test]
fn one_job_does_not_go_on_as_another() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    for name in ["one", "two"] {
        kg.run(&format!(
            "user add {name} --job --issuer {} --claim repository=acme/{name}",
            issuer.url()
        ))
        .success();
    }
    let server = put_up(&mut kg, &issuer, "--self-signed");
    let far = |name: &str| {
        let token = issuer.token(
            &server.url,
            &json!({"sub": "j", "repository": format!("acme/{name}")}),
        );
        keyless(&kg, "runner").variable("KUBEGRANT_ID_TOKEN", token)
    };
    let (one, two) = (far("one"), far("two"));
    let login = format!("login {} --ca-file {} --job", server.url, ca(&kg));
    kg.run_there(&one, &login).success();
    kg.run_there(&two, &login).success();
    let who = kg.run_there(&one, "whoami");
    assert!(
        who.to_string().contains("one (held"),
        "the job of acme/one goes on as {who}"
    );
}

#[test]
fn an_auditor_sees_whose_word_it_was() {
    let (mut kg, issuer, server) = with_job("repository=acme/shop");
    let job = issuer.token(
        &server.url,
        &json!({"sub":"repo:acme/shop:ref:refs/heads/x","repository":"acme/shop","run_id":"4711"}),
    );
    assert_eq!(
        server
            .ask(
                "POST /api/v1/login/token",
                &[JSON],
                &json!({"token": job}).to_string()
            )
            .status,
        200
    );
    let log = kg.run("audit list --action login").to_string();
    assert!(
        log.contains(issuer.url()) && log.contains("repo:acme/shop"),
        "{log}"
    );
}
