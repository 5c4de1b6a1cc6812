//! Several API servers over one state, lists that wait, and the clock in the answers.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::json;

use crate::client::{Ask, Client};

const ACCOUNT: &str = "/api/v1/namespaces/default/serviceaccounts/default";
const PODS: &str = "/api/v1/pods";

/// `n` servers, and a binding of the default account to `view`.
fn servers(n: usize) -> (Sandbox, Client, Client) {
    let sandbox = Sandbox::builder()
        .servers(n)
        .start()
        .expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": "reads" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
        "subjects": [{ "kind": "ServiceAccount", "name": "default", "namespace": "default" }],
    });
    admin
        .post(
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            &binding,
        )
        .must(201);
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let token = admin.post(&format!("{ACCOUNT}/token"), &body).must(201);
    let reader = Client::bearer(&sandbox, &token.text("/status/token"));
    (sandbox, admin, reader)
}

#[test]
fn connections_are_spread_over_the_servers_in_turn() {
    let (sandbox, _, reader) = servers(3);
    sandbox.clear_requests();
    for _ in 0..6 {
        reader.get(PODS).must(200);
    }
    let seen: Vec<usize> = sandbox.requests().iter().map(|one| one.server).collect();
    let first = seen[0];
    let turns: Vec<usize> = (0..6).map(|turn| (first + turn) % 3).collect();
    assert_eq!(seen, turns);
    let mut direct = reader.clone();
    direct.address = sandbox.server_url(1).replace("https://", "");
    sandbox.clear_requests();
    direct.get(PODS).must(200);
    assert_eq!(sandbox.requests()[0].server, 1);
    // One connection stays at one server.
    sandbox.clear_requests();
    let ask = Ask {
        method: "GET",
        path: PODS,
        ..Ask::default()
    };
    reader
        .send_all(&[ask.clone(), ask], true)
        .expect("both are answered");
    assert_eq!(sandbox.requests()[0].server, sandbox.requests()[1].server);
}

#[test]
fn a_lagging_server_lets_in_whoever_it_knew() {
    let (sandbox, admin, reader) = servers(2);
    let at = |client: &Client, server| {
        let mut client = client.clone();
        client.address = sandbox.server_url(server).replace("https://", "");
        client
    };
    sandbox.lag(1, true);
    admin
        .delete("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/reads")
        .must(200);
    at(&reader, 0).get(PODS).must(403);
    at(&reader, 1).get(PODS).must(200);
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "system:serviceaccount:default:default",
            "resourceAttributes": { "verb": "list", "resource": "pods" },
        },
    });
    let reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    for (server, allowed) in [(0, false), (1, true)] {
        let answer = at(&admin, server).post(reviews, &review).must(201);
        assert_eq!(answer.json()["status"]["allowed"], allowed);
    }
    admin.delete(ACCOUNT).must(200);
    at(&reader, 0).get(PODS).must(401);
    at(&reader, 1).get(PODS).must(200);
    // It reads and writes what there is, though.
    let labelled = json!({ "metadata": { "labels": { "x": "y" } } });
    let namespace = "/api/v1/namespaces/default";
    let merge = "application/merge-patch+json";
    at(&admin, 1).patch(namespace, merge, &labelled).must(200);
    let seen = at(&admin, 0).get(namespace).must(200);
    assert_eq!(seen.text("/metadata/labels/x"), "y");
    sandbox.lag(1, false);
    at(&reader, 1).get(PODS).must(401);
}

#[test]
fn a_fault_may_be_at_one_server_alone() {
    let (sandbox, _, reader) = servers(2);
    let fault = Fault {
        matches: Match::default(),
        action: Action::Status {
            code: 503,
            retry_after: None,
        },
    };
    sandbox.fault_at(1, fault);
    let mut seen = [reader.get(PODS).status, reader.get(PODS).status];
    seen.sort_unstable();
    assert_eq!(seen, [200, 503]);
}

#[test]
fn a_list_waits_and_a_get_does_not() {
    let waiting = |wait| {
        let sandbox = Sandbox::builder().list_wait(wait).start();
        let sandbox = sandbox.expect("a sandbox starts");
        let admin = Client::admin(&sandbox);
        (sandbox, admin)
    };
    let wait = Duration::from_millis(300);
    let (_sandbox, admin) = waiting(wait);
    let start = Instant::now();
    admin.get(PODS).must(200);
    assert!(start.elapsed() >= wait);

    // A day is longer than any client waits.
    let (_sandbox, admin) = waiting(Duration::from_hours(24));
    admin.get(ACCOUNT).must(200);
}

#[test]
fn answers_are_dated_by_the_servers_clock() {
    let (sandbox, admin, _) = servers(1);
    let date = || {
        let answer = admin.get("/version").must(200);
        let text = answer
            .headers
            .get("date")
            .and_then(|date| date.to_str().ok());
        DateTime::parse_from_rfc2822(text.unwrap_or_default())
            .expect("an answer has a date")
            .to_utc()
    };
    let honest = date();
    sandbox.set_skew(TimeDelta::days(400));
    let off = date() - honest;
    assert!(off >= TimeDelta::days(400) && off < TimeDelta::days(401));
    let stopped = DateTime::UNIX_EPOCH + TimeDelta::days(10_000);
    sandbox.set_skew(TimeDelta::zero());
    sandbox.set_now(stopped);
    assert_eq!(date(), stopped);
}
