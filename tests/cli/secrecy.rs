//! No secret leaves but by the file that it is meant for.
//!
//! Known secrets are planted, every command is run, and all that was said and stored is searched
//! for them, as they are and in base64.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::home::{Home, yaml};

/// A provider token, to be known by.
const PROVIDER_TOKEN: &str = "canary-of-a-provider-token-0123456789";

/// A key of a node, to be known by the line that holds its private half.
const SSH_KEY: &str = include_str!("../../src/secrets/key_pair/keys/ed25519.openssh");

/// Every command; some of them are refused, which says things too.
fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("../invocations.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
}

/// The path of the command that a line runs: `cluster add`.
fn path_of(line: &str) -> String {
    let mut command = kubegrant::generated::command();
    let mut path = Vec::new();
    for word in line.split_whitespace() {
        let Some(found) = command.find_subcommand(word) else {
            break;
        };
        path.push(word);
        command = found.clone();
    }
    path.join(" ")
}

/// Every command that can be run, by its path.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let mut below = command.get_subcommands().peekable();
    if below.peek().is_none() {
        found.push(path.trim().to_owned());
    }
    for next in below {
        leaves(next, &format!("{path} {}", next.get_name()), found);
    }
}

#[test]
fn no_command_is_forgotten() {
    let mut known = Vec::new();
    leaves(&kubegrant::generated::command(), "", &mut known);
    let run: Vec<String> = lines().map(path_of).collect();
    let forgotten: Vec<&String> = known.iter().filter(|path| !run.contains(path)).collect();
    assert!(
        forgotten.is_empty(),
        "add a line to tests/invocations.txt for each of {forgotten:?}"
    );
    assert!(known.len() > 40, "{known:?}");
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let bytes = std::fs::read(&path).expect("bytes");
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// The ways in which a secret may stand in a text: itself, and base64 at each of three offsets.
fn disguises(secret: &str) -> Vec<String> {
    let mut ways = vec![secret.to_owned()];
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        for offset in 0..3 {
            let padded = format!("{}{secret}", " ".repeat(offset));
            let coded = engine.encode(padded);
            // The first and last characters depend on what stands beside the secret.
            let end = coded.len().saturating_sub(4);
            ways.push(coded[4.min(end)..end].to_owned());
        }
    }
    ways.sort();
    ways.dedup();
    ways
}

/// Fails when a text holds a secret, in any disguise.
fn search(place: &str, text: &[u8], secrets: &[(String, Vec<String>)]) {
    // What is not text becomes marks that no secret has.
    let text = String::from_utf8_lossy(text);
    for (what, ways) in secrets {
        for way in ways {
            assert!(!text.contains(way.as_str()), "{what} is in {place}");
        }
    }
}

/// A line of a PEM block, long enough to know it by.
fn line_of(pem: &str) -> String {
    let mut lines = pem.lines();
    lines.nth(1).expect("a PEM block").to_owned()
}

/// Every secret that there is, with a word for it.
fn planted(kg: &Home) -> Vec<(String, Vec<String>)> {
    let admin = yaml(&kg.sandbox.admin_kubeconfig());
    let key = admin["users"][0]["user"]["client-key-data"]
        .as_str()
        .expect("a key");
    let key = String::from_utf8(STANDARD.decode(key).expect("base64")).expect("PEM");
    let mut secrets: Vec<(String, String)> = kg
        .sandbox
        .minted_tokens()
        .into_iter()
        .map(|token| {
            let (_, signature) = token.rsplit_once('.').expect("a JWT");
            ("a minted token".to_owned(), signature.to_owned())
        })
        .collect();
    assert!(secrets.len() > 5, "tokens were minted");
    secrets.push(("the provider's token".to_owned(), PROVIDER_TOKEN.to_owned()));
    secrets.push(("the admin's key".to_owned(), line_of(&key)));
    // The fourth line of base64 holds the seed; the ones before it are public.
    let line = SSH_KEY.lines().nth(4).expect("a line").to_owned();
    secrets.push(("the node's key".to_owned(), line));
    let admin_token = yaml(&kg.sandbox.admin_kubeconfig_token())["users"][0]["user"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    secrets.push(("the admin's token".to_owned(), admin_token));
    // The last lines of the file are the private half; the first ones are every key's.
    let nodes = kg.read("handed.pem");
    let private = nodes.lines().rev().nth(2).expect("a key").to_owned();
    secrets.push(("the nodes' private key".to_owned(), private));
    for user in ["olivia", "alice", "bob"] {
        let text = std::fs::read_to_string(kg.identity(user)).expect("an identity");
        let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY"));
        let key = key.expect("a key").to_owned();
        secrets.push((format!("the identity of {user}"), key));
    }
    let known = |(what, secret): (String, String)| (what, disguises(&secret));
    secrets.into_iter().map(known).collect()
}

#[test]
fn the_search_finds_what_is_there() {
    let secret = "a-secret-that-is-long-enough";
    for text in [
        secret.to_owned(),
        STANDARD.encode(secret),
        STANDARD.encode(format!("x{secret}y")),
        URL_SAFE_NO_PAD.encode(format!("xy{secret}z")),
    ] {
        let found = disguises(secret)
            .iter()
            .any(|way| text.contains(way.as_str()));
        assert!(found, "{text}");
    }
}

/// Whether every line is run in every shape: `tests/proof.sh leaks`.
#[expect(clippy::disallowed_methods, reason = "it chooses the size of a test")]
fn full() -> bool {
    std::env::var("KUBEGRANT_PROOF").is_ok_and(|size| size == "full")
}

#[test]
fn no_secret_is_said_or_stored() {
    let mut kg = Home::new();
    let mut said: Vec<(String, String)> = Vec::new();
    kg.write("provider.token", PROVIDER_TOKEN);
    kg.write("certificate.conf", &kg.sandbox.admin_kubeconfig());
    // While somebody reads, the log beside the database keeps all that was ever written.
    let reader = rusqlite::Connection::open(kg.store()).expect("open");
    let reading = "BEGIN; SELECT count(*) FROM meta";
    reader.execute_batch(reading).expect("reading");
    let mut stored = Vec::new();
    kg.write("key.openssh", SSH_KEY);
    let formats = ["table", "wide", "json", "yaml", "name"];
    for (number, line) in lines().enumerate() {
        // The short form takes the shapes of data in turn; each way of saying comes up often.
        let at = number % formats.len();
        let taken = if full() {
            &formats[..]
        } else {
            &formats[at..=at]
        };
        // Commands that destroy a key wait until the log can be emptied of it.
        let empties = line.starts_with("ssh-key");
        if empties {
            files(&kg.root().join("data"), &mut stored);
            reader.execute_batch("COMMIT").expect("read");
        }
        for format in taken {
            let ran = kg.run(&format!("{line} -o {format}"));
            said.push((format!("the output of `{line}`"), ran.stdout));
            said.push((format!("the words of `{line}`"), ran.stderr));
        }
        if empties {
            reader.execute_batch(reading).expect("reading");
        }
    }
    // With the cluster broken, messages must not give anything away either.
    kg.sandbox.stop();
    for line in ["kubeconfig download prod -f x", "cluster check prod"] {
        let ran = kg.run(line);
        said.push((format!("the words of a failed `{line}`"), ran.stderr));
    }

    let secrets = planted(&kg);
    for (place, text) in &said {
        search(place, text.as_bytes(), &secrets);
    }
    for folder in ["data", "state"] {
        if kg.root().join(folder).exists() {
            files(&kg.root().join(folder), &mut stored);
        }
    }
    let names: Vec<&str> = stored.iter().map(|(name, _)| name.as_str()).collect();
    for end in ["store.db", "store.db-wal"] {
        assert!(names.iter().any(|name| name.ends_with(end)), "{names:?}");
    }
    for (name, bytes) in &stored {
        search(name, bytes, &secrets);
    }
    drop(reader);
    let words = format!(
        "proof: leaks: said and stored: {} cases, 0 violations",
        said.len() / 2
    );
    writeln!(std::io::stderr(), "{words}").expect("said");
}

#[test]
fn every_file_that_is_made_is_private() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("kubeconfig download prod").success();
    kg.run("kubeconfig download prod --user alice").success();
    for name in ["prod.kubeconfig", "prod.alice.kubeconfig.age"] {
        assert_eq!(kg.mode(name), 0o600, "{name}");
    }
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch("INSERT INTO meta VALUES ('test', 'x')")
        .expect("written");
    let mut stored = Vec::new();
    files(&kg.root().join("data"), &mut stored);
    for (name, _) in stored {
        use std::os::unix::fs::PermissionsExt as _;
        let found = std::fs::metadata(&name).expect("there");
        assert_eq!(found.permissions().mode() & 0o077, 0, "{name}");
    }
}
