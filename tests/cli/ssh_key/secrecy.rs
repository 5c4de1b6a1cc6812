//! What was handed out is in nobody else's hands, and in no file of ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{holds_part, with_key};
use crate::home::Home;

/// The bytes that make a private key of an OpenSSH file, without what its public half has too.
fn private_bytes(pem: &str) -> Vec<u8> {
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = STANDARD.decode(body).expect("base64");
    // An Ed25519 key: 32 secret bytes after the second mention of its 32 public ones.
    let begins = bytes
        .windows(15)
        .rposition(|part| part == b"\0\0\0\x0bssh-ed25519")
        .expect("a private part");
    let secret = begins + 15 + 4 + 32 + 4;
    bytes[secret..secret + 32].to_vec()
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|part| part == needle)
}

/// The database and all that lies beside it.
fn stored(kg: &Home) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(kg.root().join("data/kubegrant")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read(&path).expect("bytes"),
            )
        })
        .collect()
}

fn nothing_is_left(kg: &Home, sealed: &[u8], pem: &str) {
    let files = stored(kg);
    for end in ["store.db", "store.db-wal"] {
        assert!(
            files.iter().any(|(name, _)| name.ends_with(end)),
            "no {end}"
        );
    }
    let secret = private_bytes(pem);
    for (name, bytes) in &files {
        assert!(!holds_part(bytes, sealed), "{name} holds the sealed key");
        assert!(!contains(bytes, &secret), "{name} holds the private key");
        for line in pem.lines().filter(|line| line.len() > 60) {
            assert!(
                !contains(bytes, line.as_bytes()),
                "{name} holds a line of the key"
            );
        }
    }
}

#[test]
fn after_a_hand_out_no_byte_of_the_key_is_left() {
    for line in ["ssh-key download prod", "ssh-key download prod -f -"] {
        let mut kg = with_key();
        // A second program that has the store open keeps the log beside it from being removed.
        let other = rusqlite::Connection::open(kg.store()).expect("open");
        let sealed = kg.sealed("SELECT secret FROM ssh_keys");
        let users: i64 = other
            .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
            .expect("counted");
        assert!(users > 0);
        assert!(
            stored(&kg)
                .iter()
                .any(|(_, bytes)| holds_part(bytes, &sealed)),
            "the search finds what is there"
        );
        let ran = kg.run(line);
        ran.success();
        let pem = if ran.stdout.starts_with("-----BEGIN") {
            ran.stdout.clone()
        } else {
            ran.never_says("BEGIN OPENSSH");
            kg.read("ssh-key-prod.pem")
        };
        nothing_is_left(&kg, &sealed, &pem);
        drop(other);
    }
}

#[test]
fn a_reset_leaves_no_byte_of_the_old_key() {
    let mut kg = with_key();
    let other = rusqlite::Connection::open(kg.store()).expect("open");
    let users: i64 = other
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .expect("counted");
    assert!(users > 0);
    let sealed = kg.sealed("SELECT secret FROM ssh_keys");
    kg.run("ssh-key reset prod --yes").success();
    for (name, bytes) in stored(&kg) {
        assert!(
            !holds_part(&bytes, &sealed),
            "{name} holds the old sealed key"
        );
    }
}

#[test]
fn a_role_change_leaves_no_byte_that_was_sealed_to_somebody_else() {
    let mut kg = with_key();
    kg.run("user set-role bob admin").success();
    let sealed = kg.sealed("SELECT secret FROM ssh_keys");
    kg.run("user set-role bob developer").success();
    let bytes = std::fs::read(kg.store()).expect("bytes");
    assert!(!holds_part(&bytes, &sealed), "bob could still open it");
}
