//! `openapi.json` says what a server answers: each route is asked, and each answer held against its schema.

use std::collections::BTreeSet;

use kubegrant_sandbox::openid::{Algorithm, OpenId};
use serde_json::{Value, json};

use crate::home::Home;
use crate::json_schema::Schemas;
use crate::openid::issuer;
use crate::serve::{home, key_of};
use crate::server::{Answer, Server};

const NONE: Value = Value::Null;
const JSON: &str = "content-type: application/json";

/// A server, the document that says what it answers, and what it answered so far.
struct Asked {
    kg: Home,
    server: Server,
    schemas: Schemas,
    /// Where people without a key come from, and jobs.
    issuer: OpenId,
    /// Which operation had which answer.
    had: BTreeSet<(String, u16)>,
}

impl Asked {
    fn new(mut kg: Home) -> Asked {
        let document = include_str!("../../openapi.json");
        let document: Value = serde_json::from_str(document).expect("a document");
        let issuer = issuer(&kg, Algorithm::EdDsa);
        let url = issuer.url().to_owned();
        for line in [
            format!("organization set-oidc --issuer {url} --client-id kubegrant"),
            "user set-oidc carol --subject 7".to_owned(),
            format!("user add deploy --job --issuer {url} --claim ref=main"),
        ] {
            kg.run(&line).success();
        }
        let ca = kg.path("issuer.crt");
        let proof = format!("--behind-proxy --oidc-ca-file {}", ca.display());
        let server = Server::with(&kg, &proof);
        Asked {
            kg,
            server,
            issuer,
            schemas: Schemas(document),
            had: BTreeSet::new(),
        }
    }

    /// The operation of a request, by the template that its path fits.
    fn operation(&self, method: &str, path: &str) -> Value {
        let fits = |template: &str| {
            let (parts, given) = (template.split('/'), path.split('/'));
            let same = |(part, given): (&str, &str)| part.starts_with('{') || part == given;
            parts.clone().count() == given.clone().count() && parts.zip(given).all(same)
        };
        let paths = self.schemas.0["paths"].as_object().expect("paths");
        let named = paths.iter().filter(|(template, _)| fits(template));
        let mut named: Vec<&Value> = named.map(|(_, methods)| &methods[method]).collect();
        named.retain(|operation| !operation.is_null());
        assert_eq!(named.len(), 1, "{method} {path}");
        named[0].clone()
    }

    /// Asks, with a session or without one, and holds the answer against the document.
    fn ask(&mut self, token: &str, first: &str, body: &Value) -> Answer {
        let (method, target) = first.split_once(' ').expect("a method and a path");
        let path = target.split('?').next().unwrap_or_default();
        let operation = self.operation(&method.to_lowercase(), path);
        let bearer = format!("authorization: Bearer {token}");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let line = format!("{method} /api/v1{target}");
        let said = self.server.ask(&line, &[JSON, &bearer], &body);
        let responses = &operation["responses"];
        let response = match &responses[said.status.to_string()] {
            Value::Null => &responses["default"],
            response => response,
        };
        let response = self.schemas.resolved(response);
        let media = said.head.split("content-type: ").nth(1);
        let media = media.and_then(|it| it.split([';', '\r']).next());
        let schema = &response["content"][media.expect("a type")]["schema"];
        assert!(!schema.is_null(), "{first}: {media:?} is not said");
        if media == Some("application/json") {
            let faults = self.schemas.faults(schema, &said.json(), first);
            assert_eq!(faults, Vec::<String>::new(), "{}", said.body);
        }
        let name = operation["operationId"].as_str().expect("a name");
        self.had.insert((name.to_owned(), said.status));
        said
    }

    /// The same, where this status is expected; the data.
    fn expect(&mut self, status: u16, token: &str, first: &str, body: &Value) -> Value {
        let said = self.ask(token, first, body);
        assert_eq!(said.status, status, "{first}: {}", said.body);
        said.json()
    }

    /// Logs somebody in by what the document says, with nothing of the program.
    fn log_in(&mut self, user: &str) -> String {
        let key = key_of(&self.kg, user);
        let begin = json!({ "key": key });
        let question = self.expect(200, "", "POST /login/challenge", &begin);
        let sealed = question["sealed"].as_str().expect("a file");
        let opened = self.kg.open(user, sealed.as_bytes()).expect("it opens");
        let answer = crate::server::answer(&key, &question, &opened);
        let done = self.expect(200, "", "POST /login", &answer);
        done["token"].as_str().expect("a token").to_owned()
    }
}

/// Somebody without a key, and a job.
fn come_by_tokens(asked: &mut Asked) {
    asked.issuer.log_in(Some(json!({"sub": "7"})));
    let device = asked.expect(200, "", "POST /login/device", &json!({}));
    let code = json!({ "device_code": device["device_code"] });
    asked.expect(202, "", "POST /login/device/agreed", &code);
    let user_code = device["user_code"].as_str().expect("a code");
    assert!(asked.issuer.agree(user_code));
    let begun = asked.expect(200, "", "POST /login/device/agreed", &code);
    assert_eq!(begun["user"], "carol");
    asked.expect(401, "", "POST /login/device/agreed", &code);
    let token = asked
        .issuer
        .token(&asked.server.url, &json!({"sub": "j", "ref": "main"}));
    let job = asked.expect(200, "", "POST /login/token", &json!({ "token": token }));
    assert_eq!(job["user"], "deploy");
    asked.expect(400, "", "POST /login/token", &json!({ "token": "x" }));
    asked.kg.run("organization set-oidc --none").success();
    asked.expect(404, "", "POST /login/device", &json!({}));
}

/// A shell, from its beginning to its end.
fn sit(asked: &mut Asked, bob: &str) {
    let shell = "POST /clusters/prod/shell";
    asked.expect(400, bob, shell, &json!({ "level": "x" }));
    let begun = asked.expect(200, bob, shell, &json!({ "ttl": "10m" }));
    let named = json!({ "id": begun["data"]["id"] });
    asked.expect(200, bob, "POST /shell/here", &named);
    asked.expect(404, bob, "POST /shell/here", &json!({ "id": "x" }));
    let ended = asked.expect(200, bob, "POST /shell/end", &named);
    assert_eq!(ended["exit"], 0);
    asked.expect(404, bob, "POST /shell/end", &named);
}

/// Everything that can be shown: people of every kind, an archived cluster, one that is away, a project with
/// a shared kubeconfig that somebody keeps, bound roles, an SSH key, a link.
fn world() -> Home {
    let mut kg = home();
    for (name, role) in [
        ("carol", "developer"),
        ("dave", "developer"),
        ("desk", "server"),
    ] {
        kg.add_user(name, role);
    }
    let (old, away) = (kg.add_cluster("old"), kg.add_cluster("away"));
    for line in [
        "cluster set prod --self-service on,ssh-key --description shop --label env=prod",
        "cluster set away --self-service on",
        "project create shop --description \"the shop\"",
        "cluster set prod --project shop",
        "project add-member alice --project shop --role owner",
        "project add-member dave --project shop --role editor",
        "kubeconfig download prod --user dave --shared -f shared.age",
        "project remove-member dave --project shop --keep-shared --yes",
        "access grant carol -c prod --level write --for 8h --reason help",
        "access grant dave -c prod --level read",
        "kubeconfig download prod --user dave -f dave.age",
        "team revoke dave -c prod --reason lost --yes",
        "access grant bob -c away --level read",
        "access grant carol -c away --level read",
        "kubeconfig download away --user bob -f away.age",
        "kubeconfig download away --user carol -f carol.age",
        "rbac bind carol -c prod --cluster-role view -n default --reason look",
        "ssh-key generate prod",
        "cluster archive old --yes",
    ] {
        kg.run(line).success();
    }
    kg.write("new.pub", &kg.make_identity("carol"));
    kg.run("user set-key carol --key new.pub").success();
    drop((old, away));
    kg
}

/// Everybody looks at everything.
fn look(asked: &mut Asked, olivia: &str, others: &[&str]) {
    for target in [
        "/whoami",
        "/clusters",
        "/clusters/prod",
        "/access",
        "/access?cluster=prod",
        "/clusters/prod/access/bob",
        "/clusters/prod/access/bob?verb=get&resource=pods",
        "/clusters/prod/access/dave",
        "/clusters/prod/kubeconfig?user=dave",
        "/team",
        "/team?show_revoked=true",
        "/roles?cluster=prod",
        "/roles",
        "/projects",
        "/projects/shop",
        "/users",
        "/audit",
        "/audit?limit=2",
        "/links",
        "/sessions",
        "/clusters/prod/ssh-key",
    ] {
        let data = asked.expect(200, olivia, &format!("GET {target}"), &NONE);
        assert_ne!(data, json!([]), "{target}: an empty list shows no view");
    }
    for token in others {
        for target in ["/whoami", "/clusters", "/access", "/projects", "/status"] {
            asked.expect(200, token, &format!("GET {target}"), &NONE);
        }
        for target in [
            "/clusters/prod",
            "/clusters/away",
            "/clusters/prod/kubeconfig",
            "/team",
        ] {
            asked.ask(token, &format!("GET {target}"), &NONE);
        }
    }
    let key = asked.ask(olivia, "GET /clusters/prod/ssh-key?public=true", &NONE);
    assert!(key.body.starts_with("ssh-ed25519 "), "{}", key.body);
    let wide = asked.ask(olivia, "GET /clusters?output=wide", &NONE);
    assert!(wide.body.starts_with("NAME "), "{}", wide.body);
    for (status, target) in [
        (404, "/clusters/nowhere"),
        (400, "/access?user=%20"),
        (400, "/access?colour=red"),
        (400, "/clusters/%ff"),
    ] {
        asked.expect(status, others[0], &format!("GET {target}"), &NONE);
    }
    asked.expect(401, "none", "GET /clusters", &NONE);
}

/// Whoever may does everything; whoever may not is refused.
fn change(asked: &mut Asked, olivia: &str, bob: &str) {
    let (yes, plan) = (json!({ "yes": true }), json!({ "dry_run": true }));
    let grant = json!({ "level": "read", "reason": "help" });
    let preview = json!({ "level": "write", "dry_run": true });
    let role = "/clusters/prod/roles/carol?cluster_role=view&namespace=default";
    for (status, token, first, body) in [
        (200, olivia, "PUT /clusters/prod/access/carol", &preview),
        (200, olivia, "PUT /clusters/prod/access/carol", &grant),
        (403, bob, "PUT /clusters/prod/access/carol", &grant),
        (
            200,
            olivia,
            "DELETE /clusters/prod/access/carol?dry_run=true",
            &NONE,
        ),
        (
            200,
            olivia,
            "DELETE /clusters/prod/access/carol?yes=true",
            &NONE,
        ),
        (400, olivia, "DELETE /clusters/prod/access/bob", &NONE),
        (403, bob, "DELETE /clusters/prod/access/bob?yes=true", &NONE),
        // A cluster that is away: it is recorded.
        (
            202,
            olivia,
            "DELETE /clusters/away/access/bob?yes=true",
            &NONE,
        ),
        (202, olivia, "POST /clusters/away/team/carol/revoke", &yes),
        (202, olivia, "GET /status", &NONE),
        (200, bob, "POST /clusters/prod/kubeconfig/download", &plan),
        (200, bob, "POST /clusters/prod/kubeconfig/download", &NONE),
        (404, bob, "POST /clusters/old/kubeconfig/download", &NONE),
        (200, bob, "POST /clusters/prod/kubeconfig/rotate", &plan),
        (200, bob, "POST /clusters/prod/kubeconfig/rotate", &NONE),
        (404, bob, "POST /clusters/old/kubeconfig/rotate", &NONE),
        (200, olivia, "POST /clusters/prod/team/bob/rotate", &plan),
        (200, olivia, "POST /clusters/prod/team/bob/rotate", &yes),
        (403, bob, "POST /clusters/prod/team/bob/rotate", &yes),
        (200, olivia, "POST /clusters/prod/team/bob/revoke", &plan),
        (200, olivia, "POST /clusters/prod/team/bob/revoke", &yes),
        (403, bob, "POST /clusters/prod/team/bob/revoke", &yes),
        (403, bob, "POST /clusters/prod/kubeconfig/download", &NONE),
        (403, bob, "POST /clusters/prod/kubeconfig/rotate", &NONE),
        (200, olivia, "POST /clusters/prod/team/bob/restore", &plan),
        (200, olivia, "POST /clusters/prod/team/bob/restore", &yes),
        (403, bob, "POST /clusters/prod/team/bob/restore", &yes),
        (200, olivia, &format!("DELETE {role}&dry_run=true"), &NONE),
        (200, olivia, &format!("DELETE {role}&yes=true"), &NONE),
        (403, bob, &format!("DELETE {role}&yes=true"), &NONE),
        (403, bob, "POST /clusters/prod/links/bob", &json!({})),
        (404, bob, "DELETE /links/0a1b2c3d?yes=true", &NONE),
        (404, bob, "DELETE /sessions/999?yes=true", &NONE),
        (200, olivia, "POST /clusters/prod/ssh-key/download", &plan),
        (200, olivia, "POST /clusters/prod/ssh-key/download", &NONE),
        (409, olivia, "POST /clusters/prod/ssh-key/download", &NONE),
    ] {
        let data = asked.expect(status, token, first, body);
        if first.contains("/kubeconfig/") && status == 200 && *body == NONE {
            assert_eq!(data["data"]["user"], "bob", "{first}");
        }
    }
}

#[test]
fn every_answer_is_as_the_document_says() {
    let mut asked = Asked::new(world());
    let [olivia, alice, bob, carol, dave] =
        ["olivia", "alice", "bob", "carol", "dave"].map(|user| asked.log_in(user));
    let link = asked.expect(200, &olivia, "POST /clusters/prod/links/bob", &json!({}));
    let link = link["id"].as_str().expect("a name").to_owned();
    look(&mut asked, &olivia, &[&bob, &alice, &carol, &dave]);
    let end = format!("DELETE /links/{link}?yes=true");
    asked.expect(200, &olivia, &end, &NONE);
    change(&mut asked, &olivia, &bob);
    asked.expect(200, &bob, "POST /browser", &NONE);
    let session = asked.expect(200, &carol, "GET /sessions", &NONE)[0]["id"].clone();
    asked.expect(
        200,
        &carol,
        &format!("DELETE /sessions/{session}?yes=true"),
        &NONE,
    );
    asked.expect(200, &dave, "POST /logout", &NONE);
    for step in ["/login/challenge", "/login"] {
        asked.expect(400, "", &format!("POST {step}"), &json!({ "key": "x" }));
    }
    for step in ["/logout", "/browser"] {
        asked.expect(401, &dave, &format!("POST {step}"), &NONE);
    }
    sit(&mut asked, &bob);
    come_by_tokens(&mut asked);
    // Nothing that the document names was left out.
    let paths = asked.schemas.0["paths"].as_object().expect("paths");
    for (method, operation) in paths
        .values()
        .flat_map(|it| it.as_object().into_iter().flatten())
    {
        let name = operation["operationId"].as_str().expect("a name");
        let had = |fits: fn(u16) -> bool| {
            let mut all = asked.had.iter();
            all.any(|(operation, status)| operation == name && fits(*status))
        };
        assert!(had(|status| status == 200), "{name} never succeeded");
        assert!(
            method == "get" || had(|status| status >= 400),
            "{name} was never refused"
        );
    }
}
