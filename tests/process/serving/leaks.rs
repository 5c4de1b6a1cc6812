//! A canary in every secret: every route is asked, well and badly, by everybody and nobody. Then none is in what
//! the server says, stores, counts or answers in errors, nor in its arguments and variables.
//!
//! `cargo test` asks each route in some ways; `KUBEGRANT_PROOF=full` asks it in all of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kubegrant_sandbox::openid::{Algorithm, OpenId};
use serde_json::{Value, json};

use super::wire::{Said, Wire};
use super::{Server, Serving, comes_in};
use crate::home::say;
use crate::proof::leaks::find;
use crate::proof::{Tally, full};

const CLIENT_SECRET: &str = "canary-of-a-client-secret-0123456789";
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const JSON: &str = "content-type: application/json";

/// What was asked, and what came of it.
struct Asked {
    what: String,
    said: Said,
    /// What stands in the forms of whoever asked: their own pages may say it.
    own: Option<String>,
}

/// Somebody who asks, and keeps in mind what is secret.
struct Asking<'s> {
    serving: &'s Serving,
    issuer: OpenId,
    asked: Vec<Asked>,
    secrets: Vec<String>,
}

/// A part of a text between two others.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split(after).next()
}

impl Asking<'_> {
    fn keep(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        if !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
    }

    fn ask(&mut self, first: &str, head: &[&str], body: &str, own: Option<&str>) -> Said {
        let head: Vec<String> = head.iter().map(|line| (*line).to_owned()).collect();
        let said = loop {
            let said = self.serving.wire().ask(first, &head, body);
            let said = said.unwrap_or_else(|error| panic!("{first}: {error}"));
            if said.status != 429 || !full() {
                break said;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        self.asked.push(Asked {
            what: format!("{first} {head:?} {body}"),
            said: said.clone(),
            own: own.map(str::to_owned),
        });
        said
    }

    /// The audience of tokens for this server.
    fn id_token(&mut self, audience: &str, claims: &Value) -> String {
        let token = self.issuer.token(audience, claims);
        let signature = token.rsplit('.').next().expect("a JWT").to_owned();
        self.keep(signature);
        token
    }

    /// `frank` logs in by the issuer's word, at a terminal.
    fn by_device(&mut self) -> String {
        let begun = self
            .ask("POST /api/v1/login/device", &[JSON], "{}", None)
            .json();
        let device = begun["device_code"].as_str().expect("a code").to_owned();
        let body = json!({"device_code": device}).to_string();
        let agreed = "POST /api/v1/login/device/agreed";
        assert_eq!(self.ask(agreed, &[JSON], &body, None).status, 202);
        assert!(
            self.issuer
                .agree(begun["user_code"].as_str().expect("a code"))
        );
        let done = self.ask(agreed, &[JSON], &body, None);
        assert_eq!(done.status, 200, "{}", done.body);
        let token = done.json()["token"].as_str().expect("a session").to_owned();
        self.keep(&token);
        self.keep(device);
        token
    }

    /// A job logs in with its token, and with wrong ones.
    fn by_job(&mut self) -> String {
        let url = self.serving.url.clone();
        let good = json!({"sub": "j", "repository": "acme/shop"});
        let login = "POST /api/v1/login/token";
        for (audience, claims) in [
            (url.as_str(), json!({"sub": "j"})),
            ("https://elsewhere.example", good.clone()),
            (
                &url,
                json!({"sub": "j", "repository": "acme/shop", "exp": 1}),
            ),
            (
                &url,
                json!({"sub": "j", "repository": "acme/shop", "iss": "https://x.example"}),
            ),
        ] {
            let body = json!({"token": self.id_token(audience, &claims)}).to_string();
            assert_eq!(self.ask(login, &[JSON], &body, None).status, 401);
        }
        let token = self.id_token(&url, &good);
        for bad in [
            json!({"token": token, "user": token}),
            json!({"token": format!("{token}x")}),
            json!({"tokens": token}),
            json!({"token": [token]}),
        ] {
            let said = self.ask(login, &[JSON], &bad.to_string(), None);
            assert!(said.status >= 400, "{}", said.body);
        }
        let done = self.ask(login, &[JSON], &json!({"token": token}).to_string(), None);
        assert_eq!(done.status, 200, "{}", done.body);
        let token = done.json()["token"].as_str().expect("a session").to_owned();
        self.keep(&token);
        token
    }

    /// A browser comes in from a session; gives its cookie, and what stands in its forms.
    fn by_browser(&mut self, session: &str) -> (String, String) {
        let bearer = format!("authorization: Bearer {session}");
        let opened = self
            .ask("POST /api/v1/browser", &[&bearer], "", None)
            .json();
        let url = opened["url"].as_str().expect("an address");
        let code = url.split_once('#').expect("a code").1.to_owned();
        self.keep(&code);
        let origin = format!("origin: {}", self.serving.url);
        let body = format!("code={code}");
        let elsewhere = self.ask(
            "POST /enter",
            &["origin: https://x.example", FORM],
            &body,
            None,
        );
        assert_eq!(elsewhere.status, 403);
        let entered = self.ask("POST /enter", &[&origin, FORM], &body, None);
        let again = self.ask("POST /enter", &[&origin, FORM], &body, None);
        assert_eq!(again.status, 401);
        let cookie = entered.line("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        self.keep(cookie.split_once('=').expect("a pair").1);
        let page = self.ask("GET /", &[&format!("cookie: {cookie}")], "", None);
        let form = between(&page.body, "name=\"form\" value=\"", "\"").expect("a form");
        self.keep(form);
        (format!("cookie: {cookie}"), form.to_owned())
    }

    /// A browser comes by way of the issuer, and with what is wrong.
    fn by_issuer(&mut self) {
        let back =
            |state: &str, code: &str| format!("GET /oidc/callback?state={state}&code={code}");
        for lie in [json!({}), json!({"aud": "another"}), json!({"nonce": "x"})] {
            self.issuer.lie(lie);
            let begun = self.ask("GET /oidc/login", &[], "", None);
            let place = begun.line("location").expect("a place").to_owned();
            let cookie = begun.line("set-cookie").expect("a cookie");
            let cookie = format!("cookie: {}", cookie.split(';').next().expect("a pair"));
            let path = place.strip_prefix(self.issuer.url()).expect("the issuer");
            let answer = self.issuer.visit(path).expect("a place");
            let code = between(&answer, "code=", "&").expect("a code").to_owned();
            let state = between(&place, "state=", "&").expect("a state").to_owned();
            self.keep(&state);
            assert_eq!(
                self.ask(&back("x", &code), &[&cookie], "", None).status,
                401
            );
            let said = self.ask(&back(&state, &code), &[&cookie], "", None);
            let lines = said.head.lines().filter_map(|line| line.split_once(": "));
            let given = lines.filter(|(_, value)| value.starts_with("__Host-kubegrant="));
            for (_, value) in given {
                self.keep(between(value, "=", ";").expect("a session"));
            }
        }
        self.issuer.lie(json!({}));
    }

    /// Links are made, claimed and guessed at.
    fn links(&mut self) {
        let origin = format!("origin: {}", self.serving.url);
        for number in 0..3 {
            let (path, secret) = self.serving.link();
            self.keep(&secret);
            let body = format!("secret={secret}");
            let first = format!("POST {path}");
            for (head, body) in [
                (&["origin: https://x.example", FORM][..], body.as_str()),
                (&[&origin, FORM], &format!("{body}0")),
                (&[&origin, FORM], &format!("x{body}")),
                (&[&origin, JSON], &body),
            ] {
                assert!(self.ask(&first, head, body, None).status >= 400);
            }
            self.ask("POST /l/00", &[&origin, FORM], &body, None);
            self.ask(&format!("GET {path}"), &[], "", None);
            if number > 0 {
                let said = self.ask(&first, &[&origin, FORM], &body, None);
                assert_eq!(
                    (said.status, comes_in(&said.body)),
                    (200, 200),
                    "{}",
                    said.body
                );
                assert_eq!(self.ask(&first, &[&origin, FORM], &body, None).status, 404);
            }
        }
    }

    /// Every route of the API's own document, by everybody, with bodies good and bad.
    fn routes(&mut self, sessions: &[&str]) {
        let document = include_str!("../../../openapi.json");
        let document: Value = serde_json::from_str(document).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").clone();
        let wrong = "f".repeat(64);
        let mut heads: Vec<Vec<String>> =
            vec![vec![], vec![format!("authorization: {}", sessions[0])]];
        for token in sessions
            .iter()
            .copied()
            .chain([wrong.as_str(), &sessions[0][..63]])
        {
            heads.push(vec![format!("authorization: Bearer {token}")]);
        }
        // Secrets where none belongs, too.
        let bodies = [
            String::new(),
            "{}".to_owned(),
            "{".to_owned(),
            json!({"level": "read", "yes": true}).to_string(),
            json!({"token": sessions[0], "device_code": sessions[0], "key": sessions[0]})
                .to_string(),
            json!({"key": "age1x", "id": "0", "until": 1, "answer": sessions[1]}).to_string(),
            "x".repeat(70_000),
        ];
        let values = [("dev", "carol"), ("nowhere", "nobody"), ("%2e%2e", "%00")];
        let mut number = 0_usize;
        for (path, methods) in &paths {
            for method in methods.as_object().expect("methods").keys() {
                for (head, body) in heads
                    .iter()
                    .flat_map(|head| bodies.iter().map(move |it| (head, it)))
                {
                    number += 1;
                    let (cluster, user) = values[number % values.len()];
                    // Nobody's session is ended in the middle.
                    let is_end = path.starts_with("/logout");
                    if (!full() && !number.is_multiple_of(3)) || (is_end && head.len() == 1) {
                        continue;
                    }
                    let path = path
                        .replace("{cluster}", cluster)
                        .replace("{name}", cluster);
                    let path = path.replace("{user}", user).replace("{id}", "987654");
                    let first = format!("{} /api/v1{path}", method.to_uppercase());
                    let mut lines: Vec<&str> = head.iter().map(String::as_str).collect();
                    lines.push(if number.is_multiple_of(5) { FORM } else { JSON });
                    self.ask(&first, &lines, body, None);
                }
            }
        }
    }

    /// Every page, with the cookie and the forms of somebody, of nobody, and of another.
    fn pages(&mut self, (cookie, form): &(String, String), other: &(String, String)) {
        let origin = format!("origin: {}", self.serving.url);
        for path in [
            "/",
            "/clusters/dev",
            "/clusters/nowhere",
            "/clusters/dev/roles",
            "/clusters/nowhere/roles",
            "/projects",
            "/projects/nowhere",
            "/audit",
            "/enter",
            "/enter.js",
            "/style.css",
            "/l/00",
            "/nowhere",
            "/oidc/callback",
            "/oidc/callback?state=x&code=y",
            "/oidc/callback?error=no",
        ] {
            for head in [
                vec![],
                vec![cookie.as_str()],
                vec!["cookie: __Host-kubegrant=x"],
            ] {
                self.ask(&format!("GET {path}"), &head, "", Some(form));
            }
        }
        for verb in [
            "whoami",
            "access+set",
            "access+grant",
            "access+revoke",
            "kubeconfig+download",
            "kubeconfig+rotate",
            "team+revoke",
            "ssh-key+download",
            "share+create",
            "share+revoke",
            "session+end",
            "no+such",
            "user+add",
        ] {
            for token in [form.as_str(), &other.1, ""] {
                for more in [
                    "",
                    "&cluster=dev&user=carol",
                    "&cluster=nowhere&user=x&level=none&id=7&secret=x",
                ] {
                    let body = format!("form={token}&verb={verb}{more}&back=//x.example");
                    self.ask("POST /do", &[&origin, cookie, FORM], &body, Some(form));
                    self.ask("GET /", &[cookie], "", Some(form));
                }
            }
        }
        let leave = format!("form={}", other.1);
        self.ask("POST /leave", &[&origin, cookie, FORM], &leave, Some(form));
        self.ask(
            "POST /leave",
            &[&origin, cookie, FORM],
            &format!("form={form}"),
            Some(form),
        );
    }
}

/// Everything that the home keeps but what may hold a secret.
fn kept(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        let may_hold = path.extension().is_some_and(|end| end == "key");
        if path.is_dir() {
            kept(&path, found);
        } else if !may_hold {
            found.push((name, fs::read(&path).expect("bytes")));
        }
    }
}

/// Where each secret is that is where none may be.
fn leaked(asking: &Asking<'_>, server: &Server<'_>, tally: &mut Tally) {
    let (serving, secrets) = (asking.serving, &asking.secrets);
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    for name in ["server.out", "server.err"] {
        places.push((
            name.to_owned(),
            serving.home.read(name).expect("a file").into_bytes(),
        ));
    }
    kept(&serving.home.path().join(".local"), &mut places);
    for path in ["/metrics", "/healthz", "/readyz", "/nowhere"] {
        let said = Wire::plain(serving.beside).ask(&format!("GET {path}"), &[], "");
        let said = said.expect("an answer");
        places.push((
            path.to_owned(),
            format!("{}{}", said.head, said.body).into_bytes(),
        ));
    }
    for name in ["cmdline", "environ"] {
        let place = format!("/proc/{}/{name}", server.pid().as_raw_nonzero());
        match fs::read(&place) {
            Ok(bytes) => places.push((place, bytes)),
            Err(error) => say(&format!("not searched, for {error}: {place}")),
        }
    }
    for (place, bytes) in places {
        let found = find(&String::from_utf8_lossy(&bytes), secrets);
        tally.case((!found.is_empty()).then(|| format!("{found:?} in {place}")));
    }
    for asked in &asking.asked {
        let mut found = Vec::new();
        if asked.said.status >= 400 {
            let all = format!("{}{}", asked.said.head, asked.said.body);
            let own = asked.own.as_deref().unwrap_or("no form");
            found = find(&all.replace(own, "its own form"), secrets);
        }
        tally.case(
            (!found.is_empty()).then(|| format!("{found:?} in the answer to {}", asked.what)),
        );
    }
}

/// A server with an issuer, and everybody who may log in.
fn furnished(serving: &Serving) -> OpenId {
    let home = &serving.home;
    let issuer = OpenId::start(Algorithm::Es256, home.fixture().now().timestamp());
    let issuer = issuer.expect("an issuer");
    issuer.demand(CLIENT_SECRET);
    issuer.log_in(Some(json!({"sub": "7", "email": "frank@acme.example"})));
    home.write("issuer.crt", issuer.ca_pem());
    home.write("client.secret", CLIENT_SECRET);
    let url = issuer.url();
    for words in [
        &format!("organization set-oidc --issuer {url} --client-id kubegrant"),
        "user add frank",
        "user set-oidc frank --subject 7",
        &format!("user add deploy --job --issuer {url} --claim repository=acme/shop"),
        "access grant frank --cluster dev --level read",
        "access grant deploy --cluster dev --level read",
    ] {
        drop(home.run(words).success());
    }
    issuer
}

#[test]
fn no_secret_is_where_none_may_be() {
    let mut tally = Tally::new("serving: leaks");
    let serving = Serving::new();
    let issuer = furnished(&serving);
    let server = serving.start(
        "--self-signed --oidc-ca-file issuer.crt --oidc-client-secret-file client.secret --reconcile-every 1s",
    );
    let mut asking = Asking {
        serving: &serving,
        issuer,
        asked: vec![],
        secrets: vec![CLIENT_SECRET.to_owned()],
    };
    for user in ["bob", "dave", "erin"] {
        drop(serving.run(user, &serving.login()).success());
    }
    for words in [
        "kubeconfig download dev",
        "kubeconfig rotate dev --force",
        "ssh-key download dev",
    ] {
        drop(serving.run("bob", words).success());
    }
    let sessions = ["bob", "dave"].map(|user| serving.token(user).expect("a session"));
    let (device, job) = (asking.by_device(), asking.by_job());
    asking.by_issuer();
    let pages = [&sessions[0], &sessions[1]].map(|session| asking.by_browser(session));
    asking.links();
    let bearer = format!("authorization: Bearer {device}");
    for first in ["download", "rotate"] {
        let first = format!("POST /api/v1/clusters/dev/kubeconfig/{first}");
        let said = asking.ask(&first, &[&bearer, JSON], "{}", None);
        assert_eq!(said.status, 200, "{}", said.body);
    }
    asking.routes(&[&sessions[0], &sessions[1], &device, &job]);
    asking.pages(&pages[0], &pages[1]);
    asking.pages(&pages[1], &pages[0]);
    let identities = ["bob", "dan", "dave", "desk", "erin"];
    for user in identities {
        let text = serving
            .home
            .read(&format!("{user}.identity"))
            .expect("an identity");
        asking.keep(text.trim());
    }
    let own = fs::read_to_string(serving.home.path().join(".config/kubegrant/identity"));
    let own = own.expect("an identity");
    asking.keep(
        own.lines()
            .find(|line| line.starts_with("AGE-SECRET"))
            .expect("a key"),
    );
    let key = serving.file("bob", "ssh-key-dev.pem").expect("a key");
    asking.keep(key.lines().nth(4).expect("a line"));
    let folder = serving.home.path().join(".local/state/kubegrant");
    let tls = fs::read_to_string(folder.join("serve-localhost.key")).expect("a key");
    asking.keep(tls.lines().nth(1).expect("a line"));
    for session in &sessions {
        asking.keep(session);
    }
    for token in serving.home.sandbox.minted_tokens() {
        asking.keep(token.rsplit('.').next().expect("a JWT"));
    }
    for code in [
        CLIENT_SECRET,
        "kubegrant:canary-of-a-client-secret-0123456789",
    ] {
        asking.keep(URL_SAFE_NO_PAD.encode(code));
    }
    leaked(&asking, &server, &mut tally);
    let (secrets, answers) = (asking.secrets.len(), asking.asked.len());
    let bad = asking
        .asked
        .iter()
        .filter(|it| it.said.status >= 400)
        .count();
    say(&format!(
        "serving: leaks: {secrets} secrets, {answers} answers, {bad} of them refusals"
    ));
    // The search itself sees what is there.
    let text = format!("x{}y", asking.secrets[0]);
    tally.case(
        find(&text, &asking.secrets)
            .is_empty()
            .then(|| "it finds nothing".to_owned()),
    );
    let said = serving.said();
    tally.case(said.contains("this is a fault").then_some(said));
    server.stop();
    drop(serving.home.run("audit verify").success());
    tally.end(500);
}
