//! Tokens: how long they live, and what they die with.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const WHO_AM_I: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

fn account(admin: &Client, name: &str) {
    let body = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name },
    });
    admin.post(ACCOUNTS, &body).must(201);
}

fn secret(admin: &Client, name: &str) -> Answer {
    let body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name } });
    admin.post(SECRETS, &body).must(201)
}

fn request(admin: &Client, name: &str, spec: &Value) -> Answer {
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec,
    });
    admin.post(&format!("{ACCOUNTS}/{name}/token"), &body)
}

fn who_am_i(client: &Client) -> Answer {
    client.post(
        WHO_AM_I,
        &json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" }),
    )
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("a token has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("the claims are base64");
    serde_json::from_slice(&bytes).expect("the claims are JSON")
}

#[test]
fn a_token_carries_the_claims_of_a_real_one() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    account(&admin, "a");
    let answer = request(&admin, "a", &json!({ "expirationSeconds": 7200 })).must(201);
    let claims = claims(&answer.text("/status/token"));
    assert_eq!(claims["iss"], "https://kubernetes.default.svc");
    assert_eq!(claims["aud"], json!(["https://kubernetes.default.svc"]));
    assert_eq!(claims["sub"], "system:serviceaccount:default:a");
    assert_eq!(claims["kubernetes.io"]["namespace"], "default");
    assert_eq!(claims["kubernetes.io"]["serviceaccount"]["name"], "a");
    let lifetime = claims["exp"].as_i64().zip(claims["iat"].as_i64());
    assert_eq!(lifetime.map(|(end, start)| end - start), Some(7200));
}

#[test]
fn a_capped_lifetime_is_shortened_without_a_word() {
    let sandbox = Sandbox::builder()
        .max_token_ttl(Some(Duration::from_hours(1)))
        .start()
        .expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    account(&admin, "a");
    let answer = request(&admin, "a", &json!({ "expirationSeconds": 86_400 })).must(201);
    assert_eq!(answer.json()["spec"]["expirationSeconds"], 3600);
    let claims = claims(&answer.text("/status/token"));
    let lifetime = claims["exp"].as_i64().zip(claims["iat"].as_i64());
    assert_eq!(lifetime.map(|(end, start)| end - start), Some(3600));
}

#[test]
fn a_token_dies_with_its_account_and_its_secret() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    account(&admin, "a");
    secret(&admin, "s");
    let bound = json!({ "boundObjectRef": { "apiVersion": "v1", "kind": "Secret", "name": "s" } });
    let token = request(&admin, "a", &bound).must(201).text("/status/token");
    assert_eq!(claims(&token)["kubernetes.io"]["secret"]["name"], "s");
    let bearer = Client::bearer(&sandbox, &token);
    who_am_i(&bearer).must(201);
    admin.delete(&format!("{SECRETS}/s")).must(200);
    who_am_i(&bearer).must(401);
    secret(&admin, "s");
    // The new Secret has the old name, and another uid.
    who_am_i(&bearer).must(401);
    let token = request(&admin, "a", &json!({}))
        .must(201)
        .text("/status/token");
    let bearer = Client::bearer(&sandbox, &token);
    who_am_i(&bearer).must(201);
    admin.delete(&format!("{ACCOUNTS}/a")).must(200);
    account(&admin, "a");
    who_am_i(&bearer).must(401);
}

#[test]
fn a_token_for_another_audience_is_refused_and_reviewed() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    account(&admin, "a");
    let token = request(&admin, "a", &json!({ "audiences": ["vault"] })).must(201);
    let token = token.text("/status/token");
    who_am_i(&Client::bearer(&sandbox, &token)).must(401);
    let review = |audiences: Value| {
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token, "audiences": audiences },
        });
        admin
            .post("/apis/authentication.k8s.io/v1/tokenreviews", &body)
            .must(201)
    };
    let known = review(json!(["vault"]));
    assert_eq!(known.json()["status"]["authenticated"], true);
    assert_eq!(
        known.text("/status/user/username"),
        "system:serviceaccount:default:a"
    );
    let unknown = review(json!([]));
    assert!(unknown.json()["status"].get("authenticated").is_none());
}

#[test]
fn the_cache_believes_a_dead_token_for_a_while() {
    let sandbox = Sandbox::builder()
        .token_cache(true)
        .start()
        .expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    account(&admin, "a");
    let token = request(&admin, "a", &json!({}))
        .must(201)
        .text("/status/token");
    let bearer = Client::bearer(&sandbox, &token);
    who_am_i(&bearer).must(201);
    admin.delete(&format!("{ACCOUNTS}/a")).must(200);
    who_am_i(&bearer).must(201);
}

#[test]
fn a_token_secret_lives_as_long_as_itself_and_its_account() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    let body = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "long",
            "annotations": { "kubernetes.io/service-account.name": "a" },
        },
    });
    // Without its account the Secret goes away again.
    admin.post(SECRETS, &body).must(201);
    admin.get(&format!("{SECRETS}/long")).must(404);
    account(&admin, "a");
    admin.post(SECRETS, &body).must(201);
    let filled = admin.get(&format!("{SECRETS}/long")).must(200);
    let token = STANDARD
        .decode(filled.text("/data/token"))
        .expect("Secrets hold base64");
    let token = String::from_utf8(token).expect("a token is text");
    let ca = STANDARD
        .decode(filled.text("/data/ca.crt"))
        .expect("Secrets hold base64");
    assert_eq!(ca, sandbox.ca_pem().into_bytes());
    let bearer = Client::bearer(&sandbox, &token);
    let me = who_am_i(&bearer).must(201);
    assert_eq!(
        me.text("/status/userInfo/username"),
        "system:serviceaccount:default:a"
    );
    admin.delete(&format!("{ACCOUNTS}/a")).must(200);
    admin.get(&format!("{SECRETS}/long")).must(404);
    who_am_i(&bearer).must(401);
}

#[test]
fn the_admin_may_come_with_a_token() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::new(&sandbox.admin_kubeconfig_token()).expect("it is complete");
    admin.get("/api/v1/secrets").must(200);
}

#[test]
fn a_finalizer_keeps_a_token_alive_for_a_minute() {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    let body = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": "a", "finalizers": ["example.com/hold"] },
    });
    admin.post(ACCOUNTS, &body).must(201);
    let spec = json!({ "expirationSeconds": 7200 });
    let token = request(&admin, "a", &spec).must(201).text("/status/token");
    let holder = Client::bearer(&sandbox, &token);
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "legacy",
            "annotations": { "kubernetes.io/service-account.name": "a" },
        },
    });
    admin.post(SECRETS, &secret).must(201);
    let legacy = admin.get(&format!("{SECRETS}/legacy")).must(200);
    let legacy = STANDARD
        .decode(legacy.text("/data/token"))
        .expect("a Secret's data is base64");
    let legacy = Client::bearer(&sandbox, &String::from_utf8_lossy(&legacy));
    who_am_i(&legacy).must(201);

    let deleted = admin.delete(&format!("{ACCOUNTS}/a")).must(200);
    let deleted = deleted.text("/metadata/deletionTimestamp");
    let deleted = DateTime::parse_from_rfc3339(&deleted)
        .expect("a deletion has a time")
        .to_utc();
    who_am_i(&legacy).must(401);
    who_am_i(&holder).must(201);
    request(&admin, "a", &spec).must(201);
    sandbox.set_now(deleted + TimeDelta::seconds(60));
    who_am_i(&holder).must(201);
    sandbox.set_now(deleted + TimeDelta::seconds(61));
    who_am_i(&holder).must(401);
    // It can still be asked for tokens, which are good for nothing.
    let late = request(&admin, "a", &spec).must(201).text("/status/token");
    who_am_i(&Client::bearer(&sandbox, &late)).must(401);
}
