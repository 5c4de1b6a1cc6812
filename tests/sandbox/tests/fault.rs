//! Faults do what they say, to the requests they are for.

use std::time::{Duration, Instant};

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::{Value, json};

use crate::client::{Ask, Client};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn everything() -> Match {
    Match::default()
}

fn posts() -> Match {
    Match {
        method: Some("POST".into()),
        path_contains: Some("/configmaps".into()),
        nth: None,
    }
}

fn map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } })
}

fn create(name: &str) -> Ask<'static> {
    Ask {
        method: "POST",
        path: MAPS,
        content_type: "application/json",
        body: map(name).to_string(),
    }
}

/// A sandbox with one fault, and its admin.
fn with(matches: Match, action: Action) -> (Sandbox, Client) {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    sandbox.fault(Fault { matches, action });
    (sandbox, admin)
}

#[test]
fn resets_come_before_or_after_the_change() {
    for (action, applied) in [
        (Action::Refuse, 404),
        (Action::ResetBefore, 404),
        (Action::ResetAfter, 200),
    ] {
        let (sandbox, admin) = with(posts(), action);
        assert!(admin.send(&create("c")).is_err());
        assert_eq!(sandbox.requests()[0].status, 0);
        admin.get(&format!("{MAPS}/c")).must(applied);
        sandbox.clear_faults();
        admin.delete(&format!("{MAPS}/c")).must(applied);
    }
}

#[test]
fn a_refused_connection_records_nothing() {
    let (sandbox, admin) = with(everything(), Action::Refuse);
    assert!(admin.send(&create("c")).is_err());
    assert!(sandbox.requests().is_empty());
    sandbox.clear_faults();
    admin.get("/version").must(200);
}

#[test]
fn only_the_nth_request_meets_a_numbered_fault() {
    let matches = Match {
        nth: Some(2),
        ..posts()
    };
    let (_sandbox, admin) = with(
        matches,
        Action::Status {
            code: 503,
            retry_after: None,
        },
    );
    admin.post(MAPS, &map("one")).must(201);
    admin.post(MAPS, &map("two")).must(503);
    admin.post(MAPS, &map("two")).must(201);
}

#[test]
fn a_status_is_a_proper_one() {
    for (code, reason) in [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (409, "Conflict"),
        (422, "Invalid"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ] {
        let (_sandbox, admin) = with(
            posts(),
            Action::Status {
                code,
                retry_after: Some(7),
            },
        );
        let answer = admin.post(MAPS, &map("c")).must(code);
        assert_eq!(answer.text("/kind"), "Status");
        assert_eq!(answer.text("/reason"), reason);
        assert_eq!(answer.headers["retry-after"], "7");
    }
}

#[test]
fn bodies_are_cut_broken_swollen_and_replaced() {
    let (_sandbox, admin) = with(posts(), Action::Truncate);
    assert!(admin.send(&create("c")).is_err());
    assert!(admin.send_all(&[create("d")], true).is_err());
    admin.get(&format!("{MAPS}/c")).must(200);

    let (_sandbox, admin) = with(posts(), Action::BadJson);
    let answer = admin.post(MAPS, &map("c")).must(200);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());

    let (_sandbox, admin) = with(posts(), Action::Oversize(1_000_000));
    assert_eq!(admin.post(MAPS, &map("c")).must(200).body.len(), 1_000_000);

    let raw = Action::Raw {
        status: 502,
        body: "<html>".into(),
    };
    let (_sandbox, admin) = with(posts(), raw);
    assert_eq!(admin.post(MAPS, &map("c")).must(502).body, b"<html>");

    let (_sandbox, admin) = with(posts(), Action::Redirect("https://elsewhere/".into()));
    assert_eq!(
        admin.post(MAPS, &map("c")).must(307).headers["location"],
        "https://elsewhere/"
    );
    admin.get(&format!("{MAPS}/c")).must(404);
}

#[test]
fn a_delay_delays_and_a_hang_never_ends() {
    let (_sandbox, admin) = with(posts(), Action::Delay(Duration::from_millis(80)));
    let start = Instant::now();
    admin.post(MAPS, &map("c")).must(201);
    assert!(start.elapsed() >= Duration::from_millis(80));

    let (mut sandbox, admin) = with(posts(), Action::Hang);
    let waiting = std::thread::spawn(move || admin.send(&create("c")).is_err());
    while sandbox.requests().is_empty() {
        std::thread::yield_now();
    }
    assert!(!waiting.is_finished());
    sandbox.stop();
    assert!(waiting.join().expect("the client's thread ends"));
}
