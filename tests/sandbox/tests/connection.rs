//! TLS, HTTP versions, client certificates, and the life of the server.

use kubegrant_sandbox::Sandbox;
use serde_json::json;

use crate::client::{Ask, Client};

const WHO_AM_I: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

fn who_am_i() -> serde_json::Value {
    json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" })
}

fn get(path: &str) -> Ask<'_> {
    Ask {
        method: "GET",
        path,
        ..Ask::default()
    }
}

#[test]
fn an_x509_v1_certificate_logs_in() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let v1 = Client::new(&sandbox.admin_kubeconfig_v1()).expect("it is complete");
    let me = v1.post(WHO_AM_I, &who_am_i()).must(201);
    assert_eq!(me.text("/status/userInfo/username"), "admin");
    assert_eq!(me.text("/status/userInfo/groups/0"), "system:masters");
}

#[test]
fn a_foreign_certificate_is_refused_with_401() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let other = Sandbox::start().expect("a second sandbox starts");
    let mixed = sandbox.admin_kubeconfig_token();
    let stranger = {
        // The stranger trusts this sandbox, and shows the other one's certificate.
        let own: serde_json::Value = serde_saphyr::from_str(&mixed).expect("it is YAML");
        let theirs: serde_json::Value =
            serde_saphyr::from_str(&other.admin_kubeconfig()).expect("it is YAML");
        let mut config = own;
        config["users"] = theirs["users"].clone();
        config.to_string()
    };
    Client::new(&stranger)
        .expect("it is complete")
        .get("/version")
        .must(401);
}

#[test]
fn both_http_versions_are_spoken_and_connections_are_told_apart() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    let asks = [get("/version"), get("/api/v1/namespaces?limit=1")];
    for http2 in [false, true] {
        let answers = admin.send_all(&asks, http2).expect("the sandbox answers");
        assert!(answers.iter().all(|answer| answer.status == 200));
    }
    let seen: Vec<(String, u64, String)> = sandbox
        .requests()
        .into_iter()
        .map(|request| (request.http_version, request.connection, request.path))
        .collect();
    let expected = [
        ("HTTP/1.1", 1, "/version"),
        ("HTTP/1.1", 1, "/api/v1/namespaces?limit=1"),
        ("HTTP/2.0", 2, "/version"),
        ("HTTP/2.0", 2, "/api/v1/namespaces?limit=1"),
    ];
    let expected = expected.map(|(version, at, path)| (version.into(), at, path.to_owned()));
    assert_eq!(seen, expected);
    sandbox.clear_requests();
    assert!(sandbox.requests().is_empty());
}

#[test]
fn an_http1_sandbox_does_not_offer_http2() {
    let sandbox = Sandbox::builder()
        .http1_only(true)
        .start()
        .expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    assert!(admin.send_all(&[get("/version")], true).is_err());
    admin.get("/version").must(200);
}

#[test]
fn a_restart_keeps_everything_and_a_rebuild_nothing() {
    let mut sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    let system = "/api/v1/namespaces/kube-system";
    let uid = admin.get(system).text("/metadata/uid");
    let token = admin
        .post(
            "/api/v1/namespaces/default/serviceaccounts/default/token",
            &json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
            }),
        )
        .must(201)
        .text("/status/token");
    let bearer = Client::bearer(&sandbox, &token);

    sandbox.stop();
    assert!(admin.send(&get("/version")).is_err());
    sandbox.restart().expect("the port is free");
    assert_eq!(admin.get(system).text("/metadata/uid"), uid);
    bearer.post(WHO_AM_I, &who_am_i()).must(201);

    sandbox.rebuild().expect("the port is free");
    let rebuilt = admin.get(system).must(200).text("/metadata/uid");
    assert_ne!(rebuilt, uid);
    bearer.post(WHO_AM_I, &who_am_i()).must(401);

    sandbox.rebuild_with_new_ca().expect("the port is free");
    assert!(admin.send(&get("/version")).is_err());
    Client::admin(&sandbox).get(system).must(200);
}
