//! Replays what a real kube-apiserver answered, and wants the same from the sandbox.

use std::time::Duration;

use kubegrant_sandbox::Sandbox;
use serde_json::{Map, Value};

use crate::client::{Answer, Ask, Client};

/// What may differ, and why. Everything else has to be equal.
const NORMALIZED_KEYS: [(&str, &str); 13] = [
    (
        "resourceVersion",
        "counts the writes of a server, which differ in what happened before",
    ),
    ("continue", "holds a resource version"),
    (
        "token",
        "signed with another key; the recording holds a placeholder",
    ),
    ("ca.crt", "another certificate authority"),
    ("serverAddress", "another port"),
    ("gitVersion", "another build"),
    ("gitCommit", "another build"),
    ("gitTreeState", "another build"),
    ("buildDate", "another build"),
    ("goVersion", "another build"),
    ("compiler", "another build"),
    ("platform", "another machine"),
    // Times and uids are found by their form, wherever they are: see `normalize_text`.
    ("time", "of another day"),
];

/// Namespaces that others had left on the recorded server.
const FOREIGN_NAMESPACES: [&str; 3] = ["latch", "perf", "probe-eco"];

/// A rule of the recorded build that Kubernetes itself does not have.
const FOREIGN_RULE: &str = "/.well-known/*";

#[test]
fn the_sandbox_answers_like_the_recorded_server() {
    let recording =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/transcript.json"))
            .expect("the recording is part of the crate");
    let exchanges: Vec<Value> =
        serde_json::from_str(&recording).expect("the recording is a list of exchanges");
    // The recording looks at a namespace between its deletion and its end.
    let sandbox = Sandbox::builder()
        .namespace_cleanup(Duration::from_hours(1))
        .start()
        .expect("a sandbox starts");
    let mut account_token = String::new();
    let mut differences = Vec::new();
    for exchange in &exchanges {
        let who = text(exchange, "/as");
        let client = match who {
            "admin" => Client::admin(&sandbox),
            "anonymous" => Client::anonymous(&sandbox),
            "garbage" => Client::bearer(&sandbox, "garbage"),
            _ => Client::bearer(&sandbox, &account_token),
        };
        let answer = client.send(&ask(exchange)).expect("the sandbox answers");
        if text(exchange, "/name") == "token request" {
            account_token = answer.text("/status/token");
        }
        differences.extend(compare(exchange, &answer));
    }
    assert!(exchanges.len() >= 68, "the recording is whole");
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

fn ask(exchange: &Value) -> Ask<'_> {
    let body = match exchange.pointer("/request/body") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(body) => body.to_string(),
    };
    Ask {
        method: text(exchange, "/request/method"),
        path: text(exchange, "/request/path"),
        content_type: text(exchange, "/request/contentType"),
        body,
    }
}

fn compare(exchange: &Value, answer: &Answer) -> Option<String> {
    let name = text(exchange, "/name");
    let recorded = exchange
        .pointer("/response")
        .expect("every exchange has a response");
    let status = recorded.pointer("/status").and_then(Value::as_u64);
    let mut wanted = recorded.pointer("/body").cloned().unwrap_or_default();
    let mut got = answer.json();
    thin_out(name, &mut wanted, &mut got);
    normalize(&mut wanted);
    normalize(&mut got);
    if status == Some(answer.status.into())
        && text(recorded, "/headers/Content-Type") == answer.content_type
        && wanted == got
    {
        return None;
    }
    Some(format!(
        "{name}: recorded {status:?} {}\n{wanted:#}\nsandbox {} {}\n{got:#}",
        text(recorded, "/headers/Content-Type"),
        answer.status,
        answer.content_type,
    ))
}

/// Takes out of a recorded list what belongs to the recorded server alone.
fn thin_out(name: &str, wanted: &mut Value, got: &mut Value) {
    match name {
        // The sandbox serves a part of the resources; those are described alike.
        "api groups" => keep_common(wanted, got, "groups"),
        "core v1 resources" | "rbac v1 resources" => keep_common(wanted, got, "resources"),
        "list namespaces" => {
            retain(wanted, "/items", |item| {
                !FOREIGN_NAMESPACES.contains(&text(item, "/metadata/name"))
            });
        }
        // A server collects rules in no particular order of their bindings.
        "rules of the writer in default" => {
            for pointer in ["/status/resourceRules", "/status/nonResourceRules"] {
                retain(wanted, pointer, |rule| {
                    !rule.to_string().contains(FOREIGN_RULE)
                });
                sort(wanted, pointer);
                sort(got, pointer);
            }
        }
        _ => {}
    }
}

fn keep_common(wanted: &mut Value, got: &Value, list: &str) {
    let served: Vec<String> = got[list]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| text(entry, "/name").to_owned())
        .collect();
    assert!(!served.is_empty(), "the sandbox serves some {list}");
    retain(wanted, &format!("/{list}"), |entry| {
        served.iter().any(|name| name == text(entry, "/name"))
    });
}

fn retain(value: &mut Value, pointer: &str, keep: impl Fn(&Value) -> bool) {
    if let Some(Value::Array(list)) = value.pointer_mut(pointer) {
        list.retain(keep);
    }
}

fn sort(value: &mut Value, pointer: &str) {
    if let Some(Value::Array(list)) = value.pointer_mut(pointer) {
        list.sort_by_key(Value::to_string);
    }
}

fn normalize(value: &mut Value) {
    match value {
        Value::Object(map) => normalize_map(map),
        Value::Array(list) => list.iter_mut().for_each(normalize),
        Value::String(text) => *text = normalize_text(text),
        _ => {}
    }
}

fn normalize_map(map: &mut Map<String, Value>) {
    for (key, value) in map.iter_mut() {
        let known = NORMALIZED_KEYS.iter().any(|(known, _)| known == key);
        if known
            && value
                .as_str()
                .is_some_and(|text| !text.is_empty() || key == "gitTreeState")
        {
            *value = format!("<{key}>").into();
        } else {
            normalize(value);
        }
    }
}

/// Replaces times, uids and hashes by placeholders.
fn normalize_text(text: &str) -> String {
    let is_time = text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    if is_time {
        return "<time>".to_owned();
    }
    if text.starts_with("X509SHA256=") {
        return "X509SHA256=<hash of another certificate>".to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some((head, tail)) = rest.split_at_checked(36)
            && is_uid(head)
        {
            out.push_str("<uid>");
            rest = tail;
        } else {
            out.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    out
}

fn is_uid(text: &str) -> bool {
    text.char_indices().all(|(index, character)| match index {
        8 | 13 | 18 | 23 => character == '-',
        _ => character.is_ascii_hexdigit(),
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
