//! People whose key lies in an SSH agent: it signs, and opens nothing.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::home::{Home, PODS, get};
use crate::serve::home;
use crate::server::Server;

/// An SSH agent of OpenSSH's.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(kg: &Home) -> Agent {
        let socket = kg.root().join("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the agent starts");
        while !socket.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Agent { child, socket }
    }

    /// Makes a key of a kind, and puts it in; gives the place of its public half. The private one is removed.
    fn add(&self, kg: &Home, kind: &str, name: &str) -> PathBuf {
        let file = kg.root().join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", "", "-f"])
            .arg(&file)
            .status();
        assert!(made.expect("ssh-keygen runs").success());
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(&file)
            .env("SSH_AUTH_SOCK", &self.socket)
            .status();
        assert!(added.expect("ssh-add runs").success());
        std::fs::remove_file(&file).expect("the private half");
        file.with_extension("pub")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

#[test]
fn a_key_in_an_agent_logs_in_and_files_come_as_they_are() {
    let is_there = Command::new("ssh-add")
        .arg("-h")
        .stderr(Stdio::null())
        .status();
    if is_there.is_err() {
        crate::say("agent: there is no ssh-agent: nobody logged in with a key that only signs");
        return;
    }
    let mut kg = home();
    let agent = Agent::start(&kg);
    let nothing = kg.root().join("nothing");
    let server = Server::open(&mut kg);
    let far = Server::far(&kg, "bob")
        .variable("KUBEGRANT_IDENTITY_FILE", nothing)
        .variable("SSH_AUTH_SOCK", &agent.socket);
    let ca = kg.root().join("state/kubegrant/serve-localhost.crt");
    let login = format!("login {} --ca-file {} --agent", server.url, ca.display());
    kg.run_there(&far, &login)
        .exit(4)
        .says("0 ssh-ed25519 keys")
        .says("ssh-add");
    // One of another kind is passed over.
    agent.add(&kg, "ecdsa", "other");
    let mine = agent.add(&kg, "ed25519", "mine");
    kg.run_there(&far, &login)
        .exit(4)
        .says("nobody who may log in has this key");
    kg.run(&format!("user set-key bob --key {}", mine.display()))
        .success();
    kg.run_there(&far, &login)
        .success()
        .says("You are logged in");
    kg.run_there(&far, "kubeconfig download prod").success();
    let file = std::fs::read_to_string(kg.root().join("far/bob/work/prod.kubeconfig"));
    assert_eq!(get(&file.expect("a file"), PODS), 200);
    kg.run("audit list --user bob").says("not sealed, over TLS");
    kg.run("session list").says("signature");
    // The session ends, and the next command begins another by itself.
    kg.run("session end --user bob").success();
    kg.run_there(&far, "whoami").success().says("bob");
    // Of several keys one is named.
    let second = agent.add(&kg, "ed25519", "second");
    kg.run_there(&far, &login)
        .exit(4)
        .says("2 ssh-ed25519 keys")
        .says("--agent-key");
    kg.run_there(&far, &format!("{login} --agent-key {}", second.display()))
        .exit(4)
        .says("nobody who may log in has this key");
    kg.run_there(&far, &format!("{login} --agent-key {}", mine.display()))
        .success();
    drop(agent);
    kg.run("session end --user bob").success();
    kg.run_there(&far, "whoami").exit(4).says("does not answer");
    let none = Server::far(&kg, "alice").variable("SSH_AUTH_SOCK", "");
    kg.run_there(&none, &login).exit(4).says("SSH_AUTH_SOCK");
}
