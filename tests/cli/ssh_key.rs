//! `kubegrant ssh-key`: the key pair of a cluster's nodes.

mod cluster_nodes;
mod copies;
mod download;
mod life;
mod make;
mod nodes;
mod old_keys;
mod other_ways;
mod rules;
mod secrecy;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::home::Home;

/// A home whose cluster has a key.
fn with_key() -> Home {
    let mut kg = Home::new();
    kg.run("ssh-key generate prod").success();
    kg
}

/// The key as it stands.
fn shown(kg: &mut Home) -> Value {
    kg.run("ssh-key show prod -o json").success().json()
}

fn text(shown: &Value, field: &str) -> String {
    shown[field].as_str().unwrap_or_default().to_owned()
}

fn state(kg: &mut Home) -> String {
    text(&shown(kg), "state")
}

/// Gives the cluster nodes, each with its addresses.
fn put_nodes(kg: &Home, nodes: &[(&str, &[(&str, &str)])]) {
    for (name, addresses) in nodes {
        let addresses: Vec<Value> = addresses
            .iter()
            .map(|(kind, address)| json!({ "type": kind, "address": address }))
            .collect();
        kg.sandbox
            .put_object(json!({ "apiVersion": "v1", "kind": "Node",
                "metadata": { "name": name }, "status": { "addresses": addresses } }))
            .expect("a node");
    }
}

/// What `ssh-keygen` says of a file; nothing where it is not installed.
fn ssh_keygen(options: &[&str], file: &Path) -> Option<String> {
    let ended = Command::new("ssh-keygen")
        .args(options)
        .arg(file)
        .stdin(Stdio::null())
        .output();
    let Ok(ended) = ended else {
        said("not run, for there is no `ssh-keygen`: that OpenSSH takes the key's file");
        return None;
    };
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success(),
        "ssh-keygen {options:?}: {complaint}"
    );
    Some(String::from_utf8_lossy(&ended.stdout).trim().to_owned())
}

/// Says something on the screen, also where the test passes.
fn said(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{line}").unwrap_or_default();
}

/// The events about SSH keys, as "action: phase".
fn events(kg: &mut Home) -> Vec<String> {
    let listed = kg.run("audit list -o json").success().json();
    let events = listed.as_array().expect("a list").iter();
    let part = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    events
        .filter(|event| part(event, "action").starts_with("ssh-key"))
        .map(|event| format!("{}: {}", part(event, "action"), part(event, "phase")))
        .collect()
}

/// Whether any part of some bytes is in others; parts are long enough not to be there by chance.
fn holds_part(hay: &[u8], secret: &[u8]) -> bool {
    secret
        .chunks_exact(40)
        .any(|part| hay.windows(part.len()).any(|window| window == part))
}
