//! A login proves the key it was given, and the key is nowhere but in memory.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use ssh_key::private::KeypairData;

use super::*;

#[test]
fn a_key_is_proven_when_it_is_there_and_not_before_or_after() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node) = (Client::new(&nodes), node(&nodes, 0));
    for key in [ed25519(), new_key("rsa", Some(4096))] {
        let public = line(&key);
        // The administrator's key is in the configuration and would get in: that proves nothing.
        let refused = client.prove(&node, &key).expect_err("not there yet");
        assert!(
            matches!(refused, NodeError::KeyRefused { .. }),
            "{refused:?}"
        );
        client.add(&node, &public).expect("added");
        client.prove(&node, &key).expect("proven");
        let other = client.prove(&node, &ed25519()).expect_err("another key");
        assert!(matches!(other, NodeError::KeyRefused { .. }), "{other:?}");
        client.remove(&node, &public).expect("removed");
        let refused = client.prove(&node, &key).expect_err("gone");
        assert!(
            matches!(refused, NodeError::KeyRefused { .. }),
            "{refused:?}"
        );
    }
    assert_eq!(
        client.folder.path().read_dir().expect("a folder").count(),
        0
    );
}

#[test]
fn a_refused_key_is_said_in_the_words_of_ssh() {
    let Some(nodes) = Nodes::start(1) else { return };
    nodes.without_admin_key();
    let (client, node) = (Client::new(&nodes), node(&nodes, 0));
    let refused = client.prove(&node, &ed25519()).expect_err("not there");
    let words = refused.to_string();
    assert!(words.contains("does not let this key in"), "{words}");
    assert!(words.contains("Permission denied (publickey)"), "{words}");
}

#[test]
fn rsa_signs_with_what_the_node_takes() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node) = (Client::new(&nodes), node(&nodes, 0));
    let key = new_key("rsa", Some(3072));
    client.add(&node, &line(&key)).expect("added");
    for algorithm in ["rsa-sha2-256", "rsa-sha2-512"] {
        nodes.configure(&format!("PubkeyAcceptedAlgorithms {algorithm},ssh-ed25519"));
        client.prove(&node, &key).expect(algorithm);
    }
    nodes.configure("PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519");
    let refused = client.prove(&node, &key).expect_err("SHA-1 is not signed");
    assert!(
        matches!(refused, NodeError::KeyRefused { .. }),
        "{refused:?}"
    );
}

#[test]
fn a_shared_connection_of_another_key_proves_nothing() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node) = (Client::new(&nodes), node(&nodes, 0));
    let socket = nodes.folder().join("shared");
    nodes.configure(&format!(
        "ControlPath {}\nControlMaster auto\nControlPersist 60",
        socket.display()
    ));
    let shared = std::process::Command::new("ssh")
        .env("PATH", nodes.path())
        .args(["-p", &nodes.node(0).port().to_string(), "127.0.0.1", "true"])
        .stderr(std::process::Stdio::null())
        .status();
    assert!(shared.expect("ssh").success());
    assert!(socket.exists(), "a shared connection is open");
    let refused = client.prove(&node, &ed25519()).expect_err("not there");
    assert!(
        matches!(refused, NodeError::KeyRefused { .. }),
        "{refused:?}"
    );
    // For what is only to be done, the user's shared connection serves.
    let public = line(&ed25519());
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    let ended = std::process::Command::new("ssh")
        .env("PATH", nodes.path())
        .args(["-p", &nodes.node(0).port().to_string()])
        .args(["-O", "exit", "127.0.0.1"])
        .stderr(std::process::Stdio::null())
        .status();
    assert!(ended.expect("ssh").success());
}

#[test]
fn the_private_key_is_on_no_disk_and_in_no_process_but_ours() {
    let Some(nodes) = Nodes::start(1) else { return };
    for key in [ed25519(), new_key("rsa", Some(3072))] {
        let (client, node) = (Client::new(&nodes), node(&nodes, 0));
        // The login lasts until it was looked at.
        let stay = format!("command=\"cat {}\" {}", fifo(&nodes), line(&key));
        nodes
            .node(0)
            .put_authorized_keys(&format!("{}\n{stay}\n", nodes.admin_line()));
        let needles = needles(&key);
        let client_folder = client.folder.path().to_owned();
        let seen = std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let seen = look_during_login(&nodes, &client_folder, &needles);
                // A writer that comes and goes ends the `cat`.
                drop(
                    std::fs::OpenOptions::new()
                        .write(true)
                        .open(fifo_path(&nodes)),
                );
                seen
            });
            client.prove(&node, &key).expect("proven");
            looking.join().expect("looked")
        });
        assert!(seen.files >= 2, "the public key and the socket: {seen:?}");
        assert!(seen.processes >= 1, "ssh itself: {seen:?}");
        assert_eq!(seen.found, Vec::<String>::new());
        assert_eq!(
            client.folder.path().read_dir().expect("a folder").count(),
            0
        );
        std::fs::remove_file(fifo_path(&nodes)).expect("removed");
        // Had it been in a file, it would have been found.
        let file = client.folder.path().join("key");
        key.write_openssh_file(&file, ssh_key::LineEnding::LF)
            .expect("written");
        let mut control = Seen::default();
        control.judge(&file, &needles);
        assert_eq!(control.found.len(), 1);
    }
}

#[derive(Debug, Default)]
struct Seen {
    files: usize,
    processes: usize,
    found: Vec<String>,
}

fn fifo_path(nodes: &Nodes) -> PathBuf {
    nodes.folder().join("until")
}

fn fifo(nodes: &Nodes) -> String {
    let path = fifo_path(nodes);
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    path.display().to_string()
}

/// What only the private half has: its numbers, and the text of the file that it would be.
fn needles(key: &PrivateKey) -> Vec<Vec<u8>> {
    let mut needles = Vec::new();
    match key.key_data() {
        KeypairData::Ed25519(pair) => needles.push(pair.private.as_ref().to_vec()),
        KeypairData::Rsa(pair) => {
            for number in [&pair.private.d, &pair.private.p, &pair.private.q] {
                needles.push(number.as_positive_bytes().expect("a number").to_vec());
            }
        }
        other => panic!("{other:?}"),
    }
    for number in needles.clone() {
        let digits = number[..32].iter().map(|byte| format!("{byte:02x}"));
        needles.push(digits.collect::<Vec<_>>().concat().into());
    }
    let text = key.to_openssh(ssh_key::LineEnding::LF).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    // The lines of the private half; the last one may be too short to mean anything.
    needles.push(lines[lines.len() - 3].into());
    needles
}

fn look_during_login(nodes: &Nodes, client: &Path, needles: &[Vec<u8>]) -> Seen {
    let began = Instant::now();
    let before = nodes.node(0).log().matches("Starting session").count();
    while nodes.node(0).log().matches("Starting session").count() == before {
        assert!(began.elapsed() < HANG, "nobody logs in");
        std::thread::sleep(LOOK_EVERY);
    }
    let mut seen = Seen::default();
    let mut folders = vec![client.to_owned(), nodes.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                let mode = entry.metadata().expect("a mode").permissions().mode();
                assert!(
                    !path.starts_with(client) || mode & 0o777 == 0o700,
                    "{mode:o}"
                );
                folders.push(path);
                continue;
            }
            seen.files += usize::from(path.starts_with(client));
            if kind.is_file() {
                seen.judge(&path, needles);
            }
        }
    }
    for entry in Path::new("/proc")
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
    {
        let process = entry.path();
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let ours = has(&line, client.as_os_str().as_encoded_bytes());
        if ours {
            seen.processes += 1;
            seen.judge(&process.join("cmdline"), needles);
            seen.judge(&process.join("environ"), needles);
            let environ = std::fs::read(process.join("environ")).unwrap_or_default();
            assert!(
                !has(&environ, b"KUBEGRANT_"),
                "who we are is nothing to ssh"
            );
        }
    }
    seen
}

impl Seen {
    fn judge(&mut self, path: &Path, needles: &[Vec<u8>]) {
        let bytes = std::fs::read(path).unwrap_or_default();
        if needles.iter().any(|needle| has(&bytes, needle)) {
            self.found.push(path.display().to_string());
        }
    }
}

fn has(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_node_takes_a_key_while_it_lets_it_in_whatever_else_it_lets_in() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node) = (Client::new(&nodes), node(&nodes, 0));
    let key = ed25519();
    let public = line(&key);
    // The administrator's key gets in, which says nothing of this one.
    assert!(!client.takes(&node, &key).expect("an answer"));
    client.add(&node, &public).expect("added");
    assert!(client.takes(&node, &key).expect("an answer"));
    // A login that ends at once, or does something else, is a login.
    for command in ["exit 1", "exit 255", "cat"] {
        let lines = format!("{}\ncommand=\"{command}\" {public}\n", nodes.admin_line());
        nodes.node(0).put_authorized_keys(&lines);
        assert!(client.takes(&node, &key).expect("an answer"), "{command}");
    }
    nodes
        .node(0)
        .put_authorized_keys(&format!("{}\n", nodes.admin_line()));
    assert!(!client.takes(&node, &key).expect("an answer"));
    nodes.without_admin_key();
    assert!(!client.takes(&node, &key).expect("an answer"));
}
