//! Nodes that are real: everything here runs OpenSSH's `ssh` against OpenSSH's `sshd`.

mod file;
mod proof;
mod reach;
mod script;
mod surroundings;

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use kubegrant_sshd::{Nodes, make_key};
use ssh_key::PrivateKey;

use super::*;
use crate::env::Fixture;

/// When waiting is given up. It measures nothing: a machine may be as slow as it likes.
const HANG: Duration = Duration::from_mins(5);
/// How often it is looked whether something is so.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The client's side of a test: an `ssh`, and folders of its own.
struct Client {
    ssh: Ssh,
    folder: tempfile::TempDir,
}

impl Client {
    fn new(nodes: &Nodes) -> Self {
        Self::reaching(nodes, Reach::default())
    }

    fn reaching(nodes: &Nodes, reach: Reach) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("client-")
            .tempdir()
            .expect("a folder");
        let env = env(&nodes.path(), folder.path());
        let ssh = Ssh::find(&env, reach).expect("ssh").within(HANG);
        Self { ssh, folder }
    }

    fn within(mut self, limit: Duration) -> Self {
        self.ssh = self.ssh.within(limit);
        self
    }

    fn add(&self, node: &Node, public: &PublicLine) -> Result<Added, NodeError> {
        wait(self.ssh.add_line(node, public, None))
    }

    fn remove(&self, node: &Node, public: &PublicLine) -> Result<Removed, NodeError> {
        wait(self.ssh.remove_line(node, public, None))
    }

    fn prove(&self, node: &Node, key: &PrivateKey) -> Result<(), NodeError> {
        wait(self.ssh.prove(node, key))
    }

    fn takes(&self, node: &Node, key: &PrivateKey) -> Result<bool, NodeError> {
        wait(self.ssh.takes(node, key))
    }
}

fn env(path: &std::ffi::OsStr, folder: &Path) -> Env {
    let fixture = Fixture::new(DateTime::UNIX_EPOCH)
        .variable("PATH", path)
        .variable("HOME", folder)
        .variable("TMPDIR", folder)
        .variable("KUBEGRANT_IDENTITY", "canary")
        .current_dir(folder);
    Env::fixed(&fixture)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn node(nodes: &Nodes, index: usize) -> Node {
    nodes.node(index).address().parse().expect("an address")
}

fn new_key(kind: &str, bits: Option<u32>) -> PrivateKey {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    make_key(&file, kind, bits).expect("a key");
    let text = std::fs::read_to_string(file).expect("a key");
    PrivateKey::from_openssh(text).expect("a key")
}

fn ed25519() -> PrivateKey {
    new_key("ed25519", None)
}

fn line(key: &PrivateKey) -> PublicLine {
    PublicLine::new(key.public_key()).expect("a line")
}

fn text(nodes: &Nodes) -> String {
    String::from_utf8(nodes.node(0).read_authorized_keys()).expect("text")
}
