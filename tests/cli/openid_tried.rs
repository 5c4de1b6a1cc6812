//! What somebody tried who wanted to come in as another, or to keep others out, by way of OpenID issuers.

mod jobs;

use std::time::Duration;

use kubegrant_sandbox::openid::{Algorithm, OpenId};
use serde_json::{Value, json};

use crate::home::Home;
use crate::openid::{issuer, put_up};
use crate::serve::home;
use crate::server::{Answer, Server};

const JSON: &str = "content-type: application/json";

/// A server without TLS, and a job that logs in with tokens of an issuer that have this claim.
fn with_job(claim: &str) -> (Home, OpenId, Server) {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let line = format!(
        "user add deploy --job --issuer {} --claim {claim}",
        issuer.url()
    );
    kg.run(&line).success();
    let server = put_up(&mut kg, &issuer, "--behind-proxy");
    (kg, issuer, server)
}

fn parameter<'a>(address: &'a str, name: &str) -> &'a str {
    let rest = address.split_once(&format!("{name}=")).expect(address).1;
    rest.split('&').next().unwrap_or_default()
}

fn header<'a>(said: &'a Answer, name: &str) -> Vec<&'a str> {
    let lines = said.lines.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(it, _)| *it == name)
        .map(|(_, value)| value)
        .collect()
}

fn begin(server: &Server) -> (String, String) {
    let begun = server.ask("GET /oidc/login", &[], "");
    assert_eq!(begun.status, 303, "{}", begun.body);
    let place = header(&begun, "location")[0].to_owned();
    let cookie = header(&begun, "set-cookie")[0].split(';').next();
    (place, cookie.unwrap_or_default().to_owned())
}

fn code(issuer: &OpenId, place: &str) -> String {
    let path = place.strip_prefix(issuer.url()).expect(place);
    parameter(&issuer.visit(path).expect("a place"), "code").to_owned()
}

fn back(server: &Server, state: &str, code: &str, cookie: &str) -> Answer {
    let line = format!("GET /oidc/callback?state={state}&code={code}");
    server.ask(&line, &[&format!("cookie: {cookie}")], "")
}

fn bob() -> Value {
    json!({"sub": "248289", "email": "bob@acme.example", "email_verified": true})
}

fn session_of(said: &Answer) -> String {
    let cookies = header(said, "set-cookie");
    let found = cookies
        .iter()
        .find(|it| it.starts_with("__Host-kubegrant="));
    format!(
        "cookie: {}",
        found.unwrap_or(&"").split(';').next().unwrap_or_default()
    )
}

fn keyless(kg: &Home, user: &str) -> kubegrant::env::Fixture {
    let nothing = kg.root().join("far").join(user).join("nothing");
    Server::far(kg, user).variable("KUBEGRANT_IDENTITY_FILE", nothing)
}

fn ca(kg: &Home) -> String {
    kg.root()
        .join("state/kubegrant/serve-localhost.crt")
        .display()
        .to_string()
}

fn agree_soon<T: Send>(issuer: &OpenId, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..300 {
                if issuer.user_codes().iter().any(|it| issuer.agree(it)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        work()
    })
}

#[test]
fn a_login_under_way_does_not_survive_another_provider() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::Es256);
    let server = put_up(&mut kg, &issuer, "--behind-proxy");
    kg.run("user set-oidc bob --subject 248289").success();
    issuer.log_in(Some(bob()));
    let (place, cookie) = begin(&server);
    let brought = code(&issuer, &place);
    let state = parameter(&place, "state").to_owned();
    issuer.slow("/token", Duration::from_secs(4));
    let in_ = std::thread::scope(|scope| {
        let asking = scope.spawn(|| back(&server, &state, &brought, &cookie));
        while !issuer.asked().iter().any(|it| it == "WAITS /token") {
            std::thread::sleep(Duration::from_millis(20));
        }
        kg.run("organization set-oidc --none").success();
        asking.join().expect("it ends")
    });
    let session = session_of(&in_);
    let page = server.ask("GET /clusters/prod", &[&session], "");
    assert!(
        in_.status == 401 && page.status == 303,
        "callback {}, page {} after --none",
        in_.status,
        page.status
    );
}

#[test]
fn a_code_of_one_issuer_is_not_taken_to_another() {
    let mut kg = home();
    let first = issuer(&kg, Algorithm::Es256);
    let second = issuer(&kg, Algorithm::Es256);
    kg.write(
        "issuer.crt",
        &format!("{}{}", first.ca_pem(), second.ca_pem()),
    );
    kg.write("secret", "hush-hush\n");
    crate::home::set_mode(&kg.path("secret"), 0o600);
    let secret = kg.path("secret").display().to_string();
    let server = put_up(
        &mut kg,
        &first,
        &format!("--behind-proxy --oidc-client-secret-file {secret}"),
    );
    first.log_in(Some(bob()));
    let (place, cookie) = begin(&server);
    let brought = code(&first, &place);
    kg.run(&format!(
        "organization set-oidc --issuer {} --client-id kubegrant",
        second.url()
    ))
    .success();
    let said = back(&server, parameter(&place, "state"), &brought, &cookie);
    assert_eq!(said.status, 401);
    assert!(
        second.shown().is_empty() && !second.asked().iter().any(|it| it.contains("/token")),
        "the first issuer's code, verifier and client secret went to the second"
    );
}

#[test]
fn one_beside_keeps_nobody_from_the_issuer() {
    let mut kg = home();
    kg.run("user add erin --email erin@acme.example").success();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let server = put_up(&mut kg, &issuer, "--behind-proxy");
    kg.run("user set-oidc erin --subject 9").success();
    for _ in 0..31 {
        server.ask(
            "POST /api/v1/login/device/agreed",
            &[JSON],
            r#"{"device_code":"x"}"#,
        );
        server.ask("POST /api/v1/login/token", &[JSON], r#"{"token":"x"}"#);
        server.ask("GET /oidc/callback", &[], "");
    }
    let token = issuer.token(&server.url, &json!({"sub": "x"}));
    let job = server.ask(
        "POST /api/v1/login/token",
        &[JSON],
        &json!({"token": token}).to_string(),
    );
    let page = server.ask("GET /oidc/login", &[], "");
    let device = server.ask(
        "POST /api/v1/login/device/agreed",
        &[JSON],
        r#"{"device_code":"device of CODE"}"#,
    );
    assert!(
        job.status != 429 && page.status != 429 && device.status != 429,
        "{} {} {}",
        job.status,
        page.status,
        device.status
    );
}

#[test]
fn another_site_does_not_change_who_one_is() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let server = put_up(&mut kg, &issuer, "--behind-proxy");
    kg.run("user set-oidc bob --subject 248289").success();
    let cross = server.ask(
        "GET /oidc/login",
        &[
            "sec-fetch-site: cross-site",
            "sec-fetch-mode: navigate",
            "referer: https://evil.example/",
        ],
        "",
    );
    let image = server.ask(
        "GET /oidc/login",
        &[
            "sec-fetch-site: cross-site",
            "sec-fetch-mode: no-cors",
            "sec-fetch-dest: image",
        ],
        "",
    );
    assert!(
        !header(&cross, "location")
            .iter()
            .any(|it| it.contains("/authorize")),
        "{} {:?}; as an image {}",
        cross.status,
        header(&cross, "location"),
        image.status
    );
}

#[test]
fn whoever_reads_an_address_of_the_way_back_does_not_come_in() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let server = put_up(&mut kg, &issuer, "--behind-proxy");
    kg.run("user set-oidc bob --subject 248289").success();
    issuer.log_in(Some(bob()));
    // Mallory begins, and has bob follow the address (he is logged in at the issuer).
    let (place, _mallorys_cookie) = begin(&server);
    let brought = code(&issuer, &place);
    let state = parameter(&place, "state").to_owned();
    let bobs = back(&server, &state, &brought, "x=y");
    assert_eq!(bobs.status, 401);
    let reader = back(
        &server,
        &state,
        &brought,
        &format!("__Host-kubegrant-oidc={state}"),
    );
    assert_ne!(reader.status, 200, "the address alone lets one in");
}

#[test]
fn who_has_left_stands_in_nobodys_way() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let job = format!("--job --issuer {}", issuer.url());
    kg.run(&format!("user add old {job} --claim repository=acme/shop"))
        .success();
    let server = put_up(&mut kg, &issuer, "--self-signed");
    kg.run("user offboard old --yes").success();
    kg.run(&format!(
        "user add new {job} --claim repository=acme/shop --claim ref=main"
    ))
    .success();
    let token = issuer.token(
        &server.url,
        &json!({"sub":"j","repository":"acme/shop","ref":"main"}),
    );
    let far = keyless(&kg, "new").variable("KUBEGRANT_ID_TOKEN", token);
    let job = kg.run_there(
        &far,
        &format!("login {} --ca-file {} --job", server.url, ca(&kg)),
    );
    kg.run("user set-oidc bob --email bob@acme.example")
        .success();
    kg.run("user offboard bob --yes").success();
    kg.run("user add bob2").success();
    kg.run("user set-oidc bob2 --subject 248289").success();
    issuer.log_in(Some(bob()));
    let far = keyless(&kg, "bob2");
    let line = format!("login {} --ca-file {} --oidc", server.url, ca(&kg));
    let person = agree_soon(&issuer, || kg.run_there(&far, &line));
    assert!(job.code == 0 && person.code == 0);
}

#[test]
fn words_that_are_let_pass() {
    let mut kg = home();
    kg.run("organization set-oidc --issuer https://id.example --client-id k")
        .success();
    let other = kg.run("user set-oidc bob --subject 7 --issuer https://other.example");
    let left = kg.run("user add x2 --issuer https://id.example --claim a=b");
    let none = kg.run("user set-oidc bob --none --issuer https://other.example");
    let server = kg.run("user add x1 --role server --job --issuer https://id.example --claim a=b");
    assert!(
        other.code != 0 && left.code != 0 && server.code != 0 && none.code != 0,
        "{} {} {} {}",
        other.code,
        left.code,
        server.code,
        none.code
    );
}

#[test]
fn a_rotation_by_the_issuers_word_takes_nothing_away() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let server = put_up(&mut kg, &issuer, "--self-signed");
    kg.run("user set-oidc bob --subject 248289").success();
    issuer.log_in(Some(bob()));
    let with_key = server.log_in(&mut kg, "bob");
    kg.run_there(&with_key, "kubeconfig download prod")
        .success();
    let file = kg.root().join("far/bob/work/prod.kubeconfig");
    let first = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(crate::home::get(&first, crate::home::PODS), 200);
    let far = keyless(&kg, "bobs-other");
    let line = format!("login {} --ca-file {} --oidc", server.url, ca(&kg));
    agree_soon(&issuer, || kg.run_there(&far, &line)).success();
    let rotated = kg.run_there(&far, "kubeconfig rotate prod");
    let before = crate::home::get(&first, crate::home::PODS);
    let work: Vec<_> = std::fs::read_dir(kg.root().join("far/bobs-other/work"))
        .expect("a folder")
        .flatten()
        .map(|it| it.path())
        .collect();
    assert!(
        rotated.code == 0 || before == 200,
        "exit {}, the one before answers {before}, and in its place is {work:?}: {rotated}",
        rotated.code
    );
}

#[test]
fn a_store_that_is_not_relied_upon_is_said_to_be_so() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let server = put_up(&mut kg, &issuer, "--behind-proxy");
    kg.write_sql("UPDATE meta SET value = 'https://evil.example' WHERE key = 'oidc_issuer'");
    let device = server.ask("POST /api/v1/login/device", &[JSON], "{}");
    assert_eq!(device.status, 503);
}

#[test]
fn a_link_that_is_no_json_is_found_as_one_that_was_changed() {
    let mut kg = home();
    kg.run("organization set-oidc --issuer https://id.example --client-id k")
        .success();
    kg.run("user set-oidc bob --subject 7").success();
    kg.write_sql("UPDATE oidc_links SET claims = 'x'");
    let shown = kg.run("user show bob");
    let verified = kg.run("audit verify");
    assert!(
        shown.code == 7 && !verified.to_string().contains("cluster number"),
        "{shown}\n{verified}"
    );
}

#[test]
fn a_timer_does_not_fill_the_audit_log() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let bob = {
        let before = Server::with(&kg, "--self-signed");
        let bob = before.log_in(&mut kg, "bob");
        kg.run_there(&bob, "kubeconfig download prod").success();
        bob
    };
    drop(bob);
    kg.sandbox.stop();
    kg.run("access revoke bob -c prod --yes").exit(6);
    let events = |kg: &mut Home| {
        kg.run("audit list -o json --limit 10000")
            .json()
            .as_array()
            .map_or(0, Vec::len)
    };
    kg.run_as("desk", "reconcile").exit(6);
    let first = events(&mut kg);
    for _ in 0..10 {
        kg.run_as("desk", "reconcile").exit(6);
    }
    let then = events(&mut kg);
    assert!(
        then <= first + 1,
        "ten rounds at a cluster that is away added {} events",
        then - first
    );
}
