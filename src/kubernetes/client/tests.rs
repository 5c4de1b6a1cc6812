//! The connection against small servers of every kind, good and bad.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};

use super::*;
use crate::kubernetes::error::TlsFault;

mod server;
mod transport;
mod trust;

use server::{Server, answer};

/// Limits that no server of these tests comes near, however slow the machine is.
pub(super) fn limits() -> Limits {
    Limits {
        connect: Duration::from_mins(1),
        first: Duration::from_mins(2),
        read: Duration::from_mins(2),
        body_max: 64 * 1024,
        attempts_max: 3,
        retry_total: Duration::from_mins(2),
    }
}

pub(super) fn token() -> Login {
    Login::Token(SecretString::from("canary-token"))
}

/// Asks for one namespace, the way everything else here asks.
pub(super) async fn ask(client: &kube::Client) -> Result<Namespace, Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces
        .get("shop")
        .await
        .map_err(|error| Error::from_kube(error, "namespace 'shop'"))
}

pub(super) const NAMESPACE: &str =
    r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#;

/// Serves fixed answers, the last one for ever, and returns what came of asking once.
async fn against(
    answers: Vec<Response<Full<Bytes>>>,
    limits: Limits,
) -> (Server, Result<Namespace, Error>) {
    let server = Server::answering(answers).await;
    let client = connect(&server.endpoint(), token(), limits).expect("a client");
    let outcome = ask(&client).await;
    (server, outcome)
}

#[tokio::test]
async fn an_answer_arrives_and_the_request_is_ours() {
    let (server, outcome) = against(vec![answer(200, NAMESPACE)], limits()).await;
    assert_eq!(
        outcome.expect("a namespace").metadata.name.as_deref(),
        Some("shop")
    );
    let seen = server.seen();
    assert_eq!(seen[0].uri.path(), "/api/v1/namespaces/shop");
    assert_eq!(seen[0].headers["authorization"], "Bearer canary-token");
    let agent = format!("kubegrant/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen[0].headers["user-agent"], agent.as_str());
}

#[tokio::test]
async fn a_path_prefix_is_kept() {
    let server = Server::answering(vec![answer(200, NAMESPACE)]).await;
    let mut endpoint = server.endpoint();
    endpoint.server.push_str("/k8s/clusters/c-abc/");
    let client = connect(&endpoint, token(), limits()).expect("a client");
    ask(&client).await.expect("a namespace");
    assert_eq!(
        server.seen()[0].uri.path(),
        "/k8s/clusters/c-abc/api/v1/namespaces/shop"
    );
}

#[tokio::test]
async fn a_password_is_sent_as_basic() {
    let server = Server::answering(vec![answer(200, NAMESPACE)]).await;
    let login = Login::Basic {
        username: "me".to_owned(),
        password: "p:w".into(),
    };
    let client = connect(&server.endpoint(), login, limits()).expect("a client");
    ask(&client).await.expect("a namespace");
    assert_eq!(server.seen()[0].headers["authorization"], "Basic bWU6cDp3");
}

#[tokio::test]
async fn a_redirect_is_an_error_and_nobody_else_gets_the_token() {
    let other = Server::answering(vec![answer(200, NAMESPACE)]).await;
    for code in [301, 302, 303, 307, 308] {
        let mut redirect = answer(code, "");
        let location = format!("{}/\u{1b}", other.endpoint().server);
        let location = HeaderValue::from_bytes(location.replace('\u{1b}', "%1b").as_bytes());
        redirect
            .headers_mut()
            .insert("location", location.expect("a location"));
        let (_, outcome) = against(vec![redirect], limits()).await;
        let error = outcome.expect_err("a redirect");
        assert!(matches!(error, Error::Redirected { .. }), "{error}");
        assert!(error.to_string().contains(&code.to_string()), "{error}");
    }
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn an_oversize_answer_is_cut_off() {
    let (_, outcome) = against(vec![answer(200, &"x".repeat(65 * 1024))], limits()).await;
    let error = outcome.expect_err("too large");
    assert!(
        matches!(
            error,
            Error::TooLarge {
                body_max: 65536,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn garbage_is_named_and_not_shown() {
    for body in [
        "<html>canary</html>",
        "",
        "{\"kind\": \"canary",
        "{\"metadata\": \"canary\"}",
    ] {
        let (_, outcome) = against(vec![answer(200, body)], limits()).await;
        let error = outcome.expect_err("garbage");
        assert!(matches!(error, Error::Garbled { .. }), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(error.to_string().contains("namespace 'shop'"), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_is_cleaned_and_shown_once() {
    let status = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no \u001b[31mway\u202e","reason":"Forbidden","code":403}"#;
    let (_, outcome) = against(vec![answer(403, status)], limits()).await;
    assert_eq!(
        outcome.expect_err("a refusal").to_string(),
        "the server forbids namespace 'shop': no \\u{1b}[31mway\\u{202e}"
    );
}

#[tokio::test]
async fn a_refusal_by_something_in_between_keeps_its_code() {
    for body in [
        "<html>Bad gateway</html>",
        "{}",
        "[]",
        "null",
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"message\":[1],\"code\":\"x\",\"details\":7}",
    ] {
        let (_, outcome) = against(vec![answer(502, body)], limits()).await;
        let error = outcome.expect_err("a refusal");
        assert!(
            matches!(error, Error::Server { code: 502, .. }),
            "{body}: {error}"
        );
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let mut busy = answer(429, "{}");
    busy.headers_mut()
        .insert("retry-after", HeaderValue::from_static("1"));
    let begun = Instant::now();
    let (server, outcome) = against(vec![busy, answer(200, NAMESPACE)], limits()).await;
    outcome.expect("a namespace");
    assert_eq!(server.seen().len(), 2);
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_asks_for_too_much_patience_is_not_waited_for() {
    let mut busy = answer(429, "{}");
    busy.headers_mut().insert(
        "retry-after",
        HeaderValue::from_static("18446744073709551615"),
    );
    let begun = Instant::now();
    let (server, outcome) = against(vec![busy], limits()).await;
    assert!(matches!(outcome, Err(Error::TooManyRequests { .. })));
    assert_eq!(server.seen().len(), 1);
    // A limit against waiting as it was told, not a measure of speed.
    assert!(
        begun.elapsed() < Duration::from_mins(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_unavailable_server_is_asked_a_bounded_number_of_times() {
    let (server, outcome) = against(vec![answer(503, "{}")], limits()).await;
    assert!(matches!(outcome, Err(Error::Server { code: 503, .. })));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_creation_is_repeated_only_when_it_certainly_did_not_happen() {
    let creation = |client: kube::Client| async move {
        let namespaces: Api<Namespace> = Api::all(client);
        namespaces
            .create(&PostParams::default(), &Namespace::default())
            .await
    };
    for (code, times) in [(503, 1), (504, 1), (429, 3)] {
        let server = Server::answering(vec![answer(code, "{}")]).await;
        let client = connect(&server.endpoint(), token(), limits()).expect("a client");
        assert!(creation(client).await.is_err());
        assert_eq!(server.seen().len(), times, "{code}");
    }
}

#[tokio::test]
async fn an_apply_is_repeated_and_another_patch_is_not() {
    let body = serde_json::json!({"apiVersion": "v1", "kind": "Namespace"});
    for (apply, times) in [(true, 2), (false, 1)] {
        let server = Server::answering(vec![answer(503, "{}"), answer(200, NAMESPACE)]).await;
        let client = connect(&server.endpoint(), token(), limits()).expect("a client");
        let namespaces: Api<Namespace> = Api::all(client);
        let outcome = if apply {
            namespaces
                .patch(
                    "shop",
                    &PatchParams::apply("kubegrant"),
                    &Patch::Apply(&body),
                )
                .await
        } else {
            namespaces
                .patch("shop", &PatchParams::default(), &Patch::Merge(&body))
                .await
        };
        assert_eq!(outcome.is_ok(), apply);
        assert_eq!(server.seen().len(), times);
    }
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let endpoint = Endpoint {
        server: "https://c.example".to_owned(),
        ca_pem: None,
        tls_server_name: None,
        proxy_url: None,
    };
    let outcome = connect(&endpoint, token(), Limits::default());
    assert!(matches!(
        outcome,
        Err(Error::Setup(SetupError::NoRuntime { .. }))
    ));
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_once() {
    let server = Server::answering(vec![answer(200, NAMESPACE)]).await;
    let with = |change: fn(&mut Endpoint), login: Login| {
        let mut endpoint = server.endpoint();
        change(&mut endpoint);
        match connect(&endpoint, login, limits()) {
            Err(Error::Setup(error)) => error,
            other => panic!("{:?}", other.map(drop)),
        }
    };
    let plain = |endpoint: &mut Endpoint| endpoint.server = "http://c.example".to_owned();
    assert!(matches!(with(plain, token()), SetupError::Server { .. }));
    let login = |endpoint: &mut Endpoint| endpoint.server = "https://a:b@c.example".to_owned();
    assert!(matches!(with(login, token()), SetupError::Server { .. }));
    let name = |endpoint: &mut Endpoint| endpoint.tls_server_name = Some("a b".to_owned());
    assert!(matches!(with(name, token()), SetupError::ServerName { .. }));
    let proxy = |endpoint: &mut Endpoint| endpoint.proxy_url = Some("ftp://p".to_owned());
    assert!(matches!(with(proxy, token()), SetupError::Proxy { .. }));
    let header = Login::Token(SecretString::from("t\r\nX: 1"));
    assert!(matches!(with(|_| {}, header), SetupError::Token { .. }));
}
