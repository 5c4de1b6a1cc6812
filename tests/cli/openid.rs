//! People and jobs who log in at a server with an OpenID issuer's word.

use kubegrant::env::Fixture;
use kubegrant_sandbox::openid::{Algorithm, OpenId};
use serde_json::{Value, json};

use crate::home::{Home, PODS, get};
use crate::serve::home;
use crate::server::{Answer, Server};

/// The audience, and the claims, of the tokens of a job.
const REPOSITORY: &str = "repository=acme/shop";
const MAIN: &str = "ref=refs/heads/main";

pub(crate) fn issuer(kg: &Home, algorithm: Algorithm) -> OpenId {
    let issuer = OpenId::start(algorithm, kg.now().timestamp()).expect("an issuer");
    kg.write("issuer.crt", issuer.ca_pem());
    issuer
}

/// A server where people log in with this issuer, with these flags.
pub(crate) fn put_up(kg: &mut Home, issuer: &OpenId, flags: &str) -> Server {
    kg.run(&format!(
        "organization set-oidc --issuer {} --client-id kubegrant",
        issuer.url()
    ))
    .success();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let ca = kg.path("issuer.crt");
    Server::with(kg, &format!("{flags} --oidc-ca-file {}", ca.display()))
}

/// Somebody's machine without any key.
fn keyless(kg: &Home, user: &str) -> Fixture {
    let nothing = kg.root().join("far").join(user).join("nothing");
    Server::far(kg, user).variable("KUBEGRANT_IDENTITY_FILE", nothing)
}

fn ca(kg: &Home) -> String {
    let place = kg.root().join("state/kubegrant/serve-localhost.crt");
    place.display().to_string()
}

fn bob() -> Value {
    json!({"sub": "248289", "email": "bob@acme.example", "email_verified": true})
}

/// The value of a parameter in an address.
fn parameter<'a>(address: &'a str, name: &str) -> &'a str {
    let rest = address.split_once(&format!("{name}=")).expect(address).1;
    rest.split('&').next().unwrap_or_default()
}

/// A line of an answer's head.
fn header<'a>(said: &'a Answer, name: &str) -> &'a str {
    let lines = said.lines.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(it, _)| *it == name).map(|(_, value)| value);
    found
        .next()
        .unwrap_or_else(|| panic!("no {name}: {}", said.lines))
}

#[test]
fn an_owner_names_the_issuer_and_an_admin_who_is_who() {
    let mut kg = home();
    kg.add_user("ada", "admin");
    let line = "organization set-oidc --issuer https://id.example --client-id kubegrant";
    kg.run_as("ada", line).exit(4);
    kg.run("user set-oidc bob --subject 7")
        .exit(5)
        .says("no OpenID issuer")
        .says("organization set-oidc");
    for wrong in [
        "organization set-oidc",
        "organization set-oidc --issuer https://id.example",
        "organization set-oidc --issuer http://id.example --client-id k",
        "organization set-oidc --issuer https://id.example/?a --client-id k",
        "organization set-oidc --issuer https://id.example --client-id k --none",
        "user set-oidc bob",
        "user set-oidc bob --subject 7 --email b@c.example",
        "user set-oidc bob --claim a=b",
        "user set-oidc bob --issuer https://id.example --claim aud=b",
        "user add deploy --job",
        "user add deploy --job --issuer https://id.example",
        "user add deploy --issuer https://id.example --claim a=b --claim a=c --job",
    ] {
        kg.run(wrong).exit(2);
    }
    kg.run(line).success().says("/oidc/callback");
    kg.run(line).success().says("nothing was changed");
    kg.run_as("ada", "user set-oidc bob --email Bob@acme.example")
        .success()
        .says("email=bob@acme.example");
    kg.run("user set-oidc alice --email bob@acme.example")
        .exit(5)
        .says("'bob' logs in by these very tokens already");
    kg.run("user show bob").success().says("Logs in:");
    kg.run("user set-oidc bob --none").success();
    kg.run("user set-oidc alice --email bob@acme.example")
        .success();
    kg.run("user set-oidc alice --issuer https://id.example --claim a=b")
        .exit(5)
        .says("no job");
    kg.run("organization show")
        .success()
        .says("https://id.example");
    kg.run("organization set-oidc --none")
        .success()
        .says("alice logged in with the issuer before");
    kg.run("audit verify").success();
}

#[test]
fn who_has_no_key_comes_by_the_issuer_at_a_terminal() {
    let mut kg = home();
    kg.run("user add erin --email erin@acme.example").success();
    kg.run("access grant erin -c prod --level read").success();
    let issuer = issuer(&kg, Algorithm::Rs256);
    let server = put_up(&mut kg, &issuer, "--self-signed");
    let erin = json!({"sub": "9", "email": "erin@acme.example", "email_verified": true});
    issuer.log_in(Some(erin));
    let far = keyless(&kg, "erin");
    let line = format!("login {} --ca-file {} --oidc", server.url, ca(&kg));
    // Somebody agrees, wherever they are, once there is something to agree to.
    let agree = |issuer: &OpenId| {
        while issuer.user_codes().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        issuer.user_codes().iter().all(|code| issuer.agree(code))
    };
    let refused = std::thread::scope(|scope| {
        scope.spawn(|| agree(&issuer));
        kg.run_there(&far, &line)
    });
    refused
        .exit(4)
        .says("nobody logs in here as sub=9 email=erin@acme.example");
    kg.run("user set-oidc erin --subject 9").success();
    let in_ = std::thread::scope(|scope| {
        scope.spawn(|| agree(&issuer));
        kg.run_there(&far, &line)
    });
    in_.success()
        .says("You are logged in")
        .says("the code CODE-");
    Server::run(&mut kg, &far, "whoami").success().says("erin");
    Server::run(&mut kg, &far, "kubeconfig download prod").success();
    let file = std::fs::read_to_string(kg.root().join("far/erin/work/prod.kubeconfig"));
    assert_eq!(get(&file.expect("a file"), PODS), 200);
    kg.run("audit list --user erin")
        .says("not sealed, over TLS");
    kg.run("session list").success().says("oidc");
    // Another link, and the session is over.
    kg.run("user set-oidc erin --email erin@acme.example")
        .success();
    Server::run(&mut kg, &far, "cluster list")
        .exit(4)
        .says("--oidc");
    let again = std::thread::scope(|scope| {
        scope.spawn(|| agree(&issuer));
        kg.run_there(&far, &line)
    });
    again.success();
    kg.run("user disable erin --yes").success();
    Server::run(&mut kg, &far, "cluster list").exit(4);
}

#[test]
fn a_browser_comes_by_the_issuer_and_goes_as_it_came() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::Es256);
    issuer.demand("s e&cret");
    kg.write("secret", "s e&cret\n");
    crate::home::set_mode(&kg.path("secret"), 0o600);
    drop(put_up(&mut kg, &issuer, "--self-signed"));
    let (ca, secret) = (kg.path("issuer.crt"), kg.path("secret"));
    let server = Server::with(
        &kg,
        &format!(
            "--behind-proxy --oidc-ca-file {} --oidc-client-secret-file {}",
            ca.display(),
            secret.display()
        ),
    );
    kg.run("user set-oidc bob --subject 248289").success();
    let begin = || {
        let begun = server.ask("GET /oidc/login", &[], "");
        assert_eq!(begun.status, 303, "{}", begun.body);
        let place = header(&begun, "location").to_owned();
        let cookie = header(&begun, "set-cookie").split(';').next();
        (place, cookie.unwrap_or_default().to_owned())
    };
    let back = |state: &str, code: &str, cookie: &str| {
        let line = format!("GET /oidc/callback?state={state}&code={code}");
        let cookie = format!("cookie: {cookie}");
        server.ask(&line, &[&cookie], "")
    };
    let code = |place: &str| {
        let path = place.strip_prefix(issuer.url()).expect(place);
        let answer = issuer.visit(path).expect("a place");
        parameter(&answer, "code").to_owned()
    };
    issuer.log_in(Some(bob()));
    let (place, cookie) = begin();
    let state = parameter(&place, "state").to_owned();
    // Not by another browser, not with another state, not with a code of another login.
    let brought = code(&place);
    assert_eq!(back(&state, &brought, "x=y").status, 401);
    let (other, other_cookie) = begin();
    let other_state = parameter(&other, "state");
    assert_eq!(back(other_state, &brought, &cookie).status, 401);
    assert_eq!(back(other_state, &brought, &other_cookie).status, 401);
    // That code was shown, and is over.
    assert_eq!(back(&state, &brought, &cookie).status, 401);
    let brought = code(&place);
    let in_ = back(&state, &brought, &cookie);
    assert_eq!(in_.status, 200, "{}", in_.body);
    assert!(in_.body.contains("You are logged in as"));
    let session = header(&in_, "set-cookie").split(';').next();
    let session = format!("cookie: {}", session.unwrap_or_default());
    let page = server.ask("GET /clusters/prod", &[&session], "");
    assert!(
        page.status == 200 && page.body.contains("bob"),
        "{}",
        page.body
    );
    // Whoever nobody linked is told who they are, and not let in.
    issuer.log_in(Some(json!({"sub": "1", "email": "<b>@x.example"})));
    let (place, cookie) = begin();
    let refused = back(parameter(&place, "state"), &code(&place), &cookie);
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("nobody logs in here as sub=1"));
    assert!(!refused.body.contains("<b>"));
    // A token that is not for us, or of another login.
    issuer.log_in(Some(bob()));
    for lie in [
        json!({"aud": "another"}),
        json!({"nonce": "x"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": 1}),
        json!({"at_hash": "x"}),
    ] {
        issuer.lie(lie.clone());
        let (place, cookie) = begin();
        let refused = back(parameter(&place, "state"), &code(&place), &cookie);
        assert_eq!(refused.status, 401, "{lie}: {}", refused.body);
    }
    issuer.lie(json!({}));
    // The issuer has another key: it is fetched once a minute at most, so soon is soon enough.
    let log = server.stderr();
    assert!(!log.contains("s e&cret") && log.contains("sub=1"), "{log}");
    kg.run("organization set-oidc --none").success();
    assert_eq!(
        server.ask("GET /clusters/prod", &[&session], "").status,
        303
    );
    assert_eq!(server.ask("GET /oidc/login", &[], "").status, 303);
}

#[test]
fn a_job_logs_in_with_the_token_of_its_run() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    let line = format!(
        "user add deploy --job --issuer {} --claim {REPOSITORY} --claim {MAIN}",
        issuer.url()
    );
    kg.run(&line).success().says("kubegrant login URL --job");
    kg.run("access grant deploy -c prod --level read").success();
    let server = put_up(&mut kg, &issuer, "--self-signed");
    let far = keyless(&kg, "deploy");
    let login = format!("login {} --ca-file {} --job", server.url, ca(&kg));
    kg.run_there(&far, &login)
        .exit(4)
        .says("no ID token of a CI job here")
        .says("id-token: write");
    let claims = json!({"sub": "job", "repository": "acme/shop", "ref": "refs/heads/main"});
    let with = |audience: &str, claims: &Value| {
        let token = issuer.token(audience, claims);
        keyless(&kg, "deploy").variable("KUBEGRANT_ID_TOKEN", token)
    };
    let wrong = [
        with("https://elsewhere.example", &claims),
        with(
            &server.url,
            &json!({"sub": "job", "repository": "acme/shop", "ref": "refs/heads/x"}),
        ),
        with(
            &server.url,
            &json!({"sub": "job", "repository": "acme/shop"}),
        ),
        with(
            &server.url,
            &json!({"sub": "j", "repository": "acme/shop", "ref": "refs/heads/main", "iss": "https://x.example"}),
        ),
        with(
            &server.url,
            &json!({"sub": "j", "repository": "acme/shop", "ref": "refs/heads/main", "exp": 1}),
        ),
        keyless(&kg, "deploy").variable("KUBEGRANT_ID_TOKEN", "a.b.c"),
    ];
    let good = with(&server.url, &claims);
    for far in wrong {
        let refused = kg.run_there(&far, &login);
        assert!([2, 4].contains(&refused.code), "{refused}");
    }
    kg.run_there(&good, &login).success();
    kg.run_there(&good, "kubeconfig download prod").success();
    let file = std::fs::read_to_string(kg.root().join("far/deploy/work/prod.kubeconfig"));
    let file = file.expect("a file");
    assert_eq!(get(&file, PODS), 200);
    // Its session ends after an hour, and the next command begins another, while its token lives.
    kg.run("session list").success().says("job");
    // Two jobs whose pins it meets: one is named.
    kg.run(&format!(
        "user add other --job --issuer {} --claim {REPOSITORY}",
        issuer.url()
    ))
    .success();
    kg.run_there(&good, &login).exit(5).says("deploy, other");
    kg.run_there(&good, &format!("{login} --user other"))
        .success();
    kg.run_there(&good, "whoami").success().says("other");
    kg.run("user set-oidc other --none").exit(5);
    kg.run("access revoke deploy -c prod --yes").success();
    assert_ne!(get(&file, PODS), 200);
}

#[test]
fn nobody_is_asked_where_nobody_was_named() {
    let mut kg = home();
    let issuer = issuer(&kg, Algorithm::EdDsa);
    kg.add_user("desk", "server");
    let ca = kg.path("issuer.crt");
    let server = Server::with(
        &kg,
        &format!("--behind-proxy --oidc-ca-file {}", ca.display()),
    );
    let json = "content-type: application/json";
    let token = issuer.token(&server.url, &json!({"sub": "x"}));
    let body = json!({"token": token}).to_string();
    assert_eq!(
        server
            .ask("POST /api/v1/login/token", &[json], &body)
            .status,
        401
    );
    assert_eq!(
        server
            .ask("POST /api/v1/login/device", &[json], "{}")
            .status,
        404
    );
    assert_eq!(server.ask("GET /oidc/login", &[], "").status, 303);
    // Not once: a token that names an address leads nobody there.
    assert_eq!(issuer.asked(), Vec::<String>::new());
}
