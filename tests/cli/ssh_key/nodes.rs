//! Bringing a key to nodes: every one of them is a real `sshd`.

use std::path::Path;
use std::process::{Command, Stdio};

use kubegrant::env::Fixture;
use kubegrant_sshd::{Nodes, make_key};

use super::{events, shown, text, with_key};
use crate::home::{Home, Ran};

/// Who logs in to the nodes: whoever runs the tests.
pub(super) fn login() -> String {
    let ended = Command::new("id").arg("-un").output().expect("`id`");
    String::from_utf8_lossy(&ended.stdout).trim().to_owned()
}

/// A home with a key, and nodes.
pub(super) struct Machines {
    pub(super) kg: Home,
    pub(super) nodes: Nodes,
}

impl Machines {
    pub(super) fn new(count: usize) -> Option<Self> {
        let nodes = Nodes::start(count)?;
        let kg = with_key();
        Some(Self { kg, nodes })
    }

    /// Runs `ssh-key` with the test's own `ssh` first in `PATH`.
    pub(super) fn run(&mut self, line: &str) -> Ran {
        let path = self.nodes.path();
        let verb = line.split(' ').next().unwrap_or_default();
        let reach = if matches!(verb, "install" | "rotate") {
            format!(" --user {}", login())
        } else {
            String::new()
        };
        let line = format!("ssh-key {line}{reach}");
        // The fixture's random numbers are every test's: each has a place of its own for sockets.
        let place = self.kg.root().to_owned();
        let change = |it: Fixture| it.variable("PATH", &path).variable("TMPDIR", &place);
        self.kg.run_where(change, &line)
    }

    /// `--node` for each of them.
    fn all(&self) -> String {
        let words = self
            .nodes
            .iter()
            .map(|node| format!(" --node {}", node.address()));
        words.collect()
    }

    pub(super) fn install(&mut self) -> Ran {
        let all = self.all();
        self.run(&format!("install prod{all}"))
    }

    pub(super) fn lines(&self, index: usize) -> String {
        String::from_utf8(self.nodes.node(index).read_authorized_keys()).expect("text")
    }

    pub(super) fn public(&mut self) -> String {
        text(&shown(&mut self.kg), "public")
    }

    /// Whether a private key logs in to a node, through OpenSSH alone.
    pub(super) fn lets_in(&self, index: usize, key: &Path) -> bool {
        let mut ssh = Command::new("ssh");
        ssh.env("PATH", self.nodes.path())
            .args([
                "-o",
                "BatchMode=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "LogLevel=ERROR",
            ])
            .arg("-i")
            .arg(key)
            .args(["-p", &self.nodes.node(index).port().to_string()])
            .args(["-l", &login(), "127.0.0.1", "true"])
            .stdin(Stdio::null());
        // The administrator's key is in the client's configuration, and would let anybody in.
        self.nodes.without_admin_key();
        let ended = ssh.output().expect("`ssh`");
        self.nodes.configure("");
        ended.status.success()
    }
}

#[test]
fn the_line_is_put_on_every_node_proven_and_nothing_else_is_touched() {
    let Some(mut machines) = Machines::new(3) else {
        return;
    };
    let foreign = "# ours\nno-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICfjmtpuxMyAgFBfxyddpauQSHODpf6rsTutzbyIkWS7 ci@x\n";
    let admin = machines.nodes.admin_line();
    for index in 0..3 {
        machines
            .nodes
            .node(index)
            .put_authorized_keys(&format!("{foreign}{admin}\n"));
    }
    let ran = machines.install().without_progress();
    ran.success().says("is installed, proven by a login");
    let public = machines.public();
    for index in 0..3 {
        assert_eq!(
            machines.lines(index),
            format!("{foreign}{admin}\n{public}\n")
        );
    }
    let shown = shown(&mut machines.kg);
    assert_eq!(shown["nodes"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["nodes"][0]["proven_at"], "2026-11-22T10:00:00Z");
    // A second time changes nothing.
    let ran = machines.install();
    ran.success().says("was installed already");
    for index in 0..3 {
        assert_eq!(
            machines.lines(index),
            format!("{foreign}{admin}\n{public}\n")
        );
    }
    assert_eq!(
        events(&mut machines.kg),
        [
            "ssh-key generate: done",
            "ssh-key install: requested",
            // Each node, before the line can be there.
            "ssh-key install: requested",
            "ssh-key install: requested",
            "ssh-key install: requested",
            "ssh-key install: done",
            "ssh-key install: requested",
            "ssh-key install: done",
        ]
    );
    // What was taken logs in, as the command to copy says.
    machines.run("download prod").success();
    let key = machines.kg.path("ssh-key-prod.pem");
    for index in 0..3 {
        assert!(machines.lets_in(index, &key), "node {index}");
    }
}

#[test]
fn the_nodes_are_worked_on_at_the_same_time() {
    let Some(mut machines) = Machines::new(3) else {
        return;
    };
    let begun = machines.kg.root().join("begun");
    std::fs::create_dir(&begun).expect("a folder");
    // No `ssh` goes on before three of them have begun: one after the other, none ever would.
    let begun = begun.display();
    machines.nodes.configure(&format!(
        "Match exec \"touch {begun}/$$; until [ $(ls {begun} | wc -l) -ge 3 ]; do sleep 0.05; done\""
    ));
    machines.install().success();
}

#[test]
fn two_installations_at_once_put_one_line() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    let public = machines.public();
    let all = machines.all();
    let path = machines.nodes.path();
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (root, path, all) = (machines.kg.root(), &path, &all);
            scope.spawn(move || {
                let variable = |name: &str| root.join(name);
                let fixture = Fixture::new("2026-11-22T10:00:00Z".parse().expect("a time"))
                    .variable("HOME", variable("home"))
                    .variable("XDG_CONFIG_HOME", variable("config"))
                    .variable("XDG_DATA_HOME", variable("data"))
                    .variable("PATH", path)
                    .variable("TMPDIR", root)
                    .seed(number)
                    .current_dir(variable("work"));
                let line = format!("kubegrant ssh-key install prod{all} --user {}", login());
                let words: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
                let code = kubegrant::run(&words, kubegrant::Env::fixed(&fixture));
                assert_eq!(
                    code,
                    std::process::ExitCode::SUCCESS,
                    "{}",
                    fixture.take_stderr()
                );
            });
        }
    });
    assert_eq!(machines.lines(0).matches(&public).count(), 1);
}

#[test]
fn a_key_of_the_operator_is_the_way_in_where_it_is_named() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    machines.nodes.without_admin_key();
    let ran = machines.install();
    ran.exit(6).says("-i");
    assert!(!machines.lines(0).contains("kubegrant:prod"));
    assert!(machines.kg.run("ssh-key show prod -o json").json()["nodes"][0].is_null());
    let other = machines.kg.path("other");
    make_key(&other, "ed25519", None).expect("a key");
    let all = machines.all();
    machines.run(&format!("install prod{all} -i other")).exit(6);
    let admin = machines.nodes.admin_key().display().to_string();
    machines
        .run(&format!("install prod{all} -i {admin}"))
        .success();
    let public = machines.public();
    assert!(machines.lines(0).contains(&public));
}

#[test]
fn a_node_that_is_away_is_owed_named_and_finished_later() {
    let Some(mut machines) = Machines::new(3) else {
        return;
    };
    let away = machines.nodes.node(1).address();
    machines.nodes.node_mut(1).stop();
    let ran = machines.install();
    ran.exit(6)
        .says(&format!("not seen to work on node {}@{away}", login()));
    let public = machines.public();
    assert!(machines.lines(0).contains(&public) && machines.lines(2).contains(&public));
    assert!(!machines.lines(1).contains(&public));
    assert!(events(&mut machines.kg).contains(&"ssh-key install: owed".to_owned()));
    machines.nodes.node_mut(1).restart();
    machines.install().success();
    assert!(machines.lines(1).contains(&public));
    machines.kg.run("status").success();
}

#[test]
fn after_a_rotation_there_is_the_new_line_alone_and_the_new_key_can_be_taken() {
    let Some(mut machines) = Machines::new(3) else {
        return;
    };
    machines.install().success();
    machines.run("download prod -f old.pem").success();
    let (old, before) = (machines.public(), shown(&mut machines.kg));
    let admin = machines.nodes.admin_line();
    let ran = machines.run("rotate prod").without_progress();
    ran.success().says("the old key's line is removed");
    let after = shown(&mut machines.kg);
    assert_ne!(before["fingerprint"], after["fingerprint"]);
    assert_eq!(after["state"], "available");
    let public = text(&after, "public");
    assert_ne!(old, public);
    for index in 0..3 {
        assert_eq!(machines.lines(index), format!("{admin}\n{public}\n"));
    }
    machines.run("download prod -f new.pem").success();
    machines.run("download prod -f again.pem").exit(5);
    let (old, new) = (machines.kg.path("old.pem"), machines.kg.path("new.pem"));
    for index in 0..3 {
        assert!(machines.lets_in(index, &new), "node {index}");
        assert!(!machines.lets_in(index, &old), "node {index}");
    }
}

#[test]
fn the_key_itself_is_the_way_in_where_nobody_took_it() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.install().success();
    machines.nodes.without_admin_key();
    machines.run("rotate prod").success();
    // Once it was taken, its file is the way in.
    machines.run("download prod").success();
    machines.run("rotate prod").exit(6).says("-i");
    machines.run("rotate prod -i ssh-key-prod.pem").success();
    let public = machines.public();
    assert_eq!(machines.lines(0).matches("kubegrant:prod").count(), 1);
    assert!(machines.lines(0).contains(&public));
}

#[test]
fn a_node_that_a_rotation_does_not_reach_keeps_the_old_key_and_is_owed() {
    let Some(mut machines) = Machines::new(3) else {
        return;
    };
    machines.install().success();
    let old = machines.public();
    let old_print = text(&shown(&mut machines.kg), "fingerprint");
    let away = machines.nodes.node(2).address();
    machines.nodes.node_mut(2).stop();
    let ran = machines.run("rotate prod");
    ran.exit(6).says(&away).says(&old_print);
    let new = machines.public();
    assert!(machines.lines(2).contains(&old) && !machines.lines(2).contains(&new));
    for index in 0..2 {
        assert!(machines.lines(index).contains(&new) && !machines.lines(index).contains(&old));
    }
    machines.kg.run("status").exit(6).says(&away);
    machines.kg.run("ssh-key show prod").success().says(&away);
    // Nobody else's key is the way in any more: the old one, which nobody took, still is.
    machines.nodes.node_mut(2).restart();
    machines.nodes.without_admin_key();
    // Since when the old key is gone from the others is known already, and stays as it was.
    machines.kg.tick(1);
    machines
        .run("rotate prod")
        .success()
        .says("An earlier rotation");
    assert_eq!(machines.public(), new, "it went on, and began no other");
    for index in 0..3 {
        assert!(machines.lines(index).contains(&new) && !machines.lines(index).contains(&old));
    }
    machines.kg.run("status").success();
}

#[test]
fn where_no_node_takes_the_new_key_the_old_one_stays_the_clusters_key() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.install().success();
    let before = shown(&mut machines.kg);
    for index in 0..2 {
        machines.nodes.node_mut(index).stop();
    }
    machines
        .run("rotate prod")
        .exit(6)
        .says("is on no node yet");
    let owed = shown(&mut machines.kg);
    assert_eq!(owed["fingerprint"], before["fingerprint"]);
    for index in 0..2 {
        machines.nodes.node_mut(index).restart();
    }
    machines.run("rotate prod").success();
    assert_ne!(
        shown(&mut machines.kg)["fingerprint"],
        before["fingerprint"]
    );
    for index in 0..2 {
        assert_eq!(machines.lines(index).matches("kubegrant:prod").count(), 1);
    }
}

#[test]
fn a_node_that_is_gone_for_good_is_forgotten_and_no_longer_owed() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.install().success();
    let gone = machines.nodes.node(1).address();
    machines.nodes.node_mut(1).stop();
    machines.run("rotate prod").exit(6);
    let begun = machines.public();
    machines
        .run(&format!("rotate prod --forget-node {gone}"))
        .success();
    assert_eq!(
        machines.public(),
        begun,
        "the rotation ends, and no other begins"
    );
    machines.kg.run("status").success();
    assert_eq!(
        shown(&mut machines.kg)["nodes"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(machines.lines(0).matches("kubegrant:prod").count(), 1);
}

#[test]
fn after_a_reset_a_rotation_brings_the_new_key() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.install().success();
    machines.run("download prod -f lost.pem").success();
    let old = machines.public();
    machines
        .run("reset prod --yes")
        .success()
        .says("may still accept the old SSH key");
    machines.kg.run("status").exit(6);
    let new = machines.public();
    machines.run("rotate prod").success();
    assert_eq!(
        machines.public(),
        new,
        "the new key is brought, and no third one made"
    );
    for index in 0..2 {
        assert!(machines.lines(index).contains(&new) && !machines.lines(index).contains(&old));
    }
    assert!(!machines.lets_in(0, &machines.kg.path("lost.pem")));
    machines.kg.run("status").success();
}

#[test]
fn the_stanzas_are_what_ssh_reads() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.install().success();
    machines.run("download prod").success();
    let ran = machines.run("config prod");
    ran.success();
    assert_eq!(ran.stderr, "");
    let port = machines.nodes.node(1).port();
    // The test's host keys are not in the user's file.
    let known = machines.nodes.folder().join("client/known_hosts");
    let config = format!(
        "{}Host *\n  UserKnownHostsFile {}\n  IdentityAgent none\n",
        ran.stdout,
        known.display()
    );
    machines.kg.write("config", &config);
    let ended = Command::new("ssh")
        .arg("-F")
        .arg(machines.kg.path("config"))
        .args([
            "-o",
            "BatchMode=yes",
            &format!("prod-127.0.0.1-{port}"),
            "echo in",
        ])
        .stdin(Stdio::null())
        .output()
        .expect("`ssh`");
    assert_eq!(
        String::from_utf8_lossy(&ended.stdout),
        "in\n",
        "{ended:?}\n{config}"
    );
}

#[test]
fn the_stanzas_name_the_nodes_of_the_cluster_where_none_is_installed() {
    let mut kg = with_key();
    insta::assert_snapshot!(kg.run("ssh-key config prod"), @r"
        Host prod-node
          HostName <node-ip>
          User root
          IdentityFile ssh-key-prod.pem
          IdentitiesOnly yes
        [exit 0]
        ");
    super::put_nodes(
        &kg,
        &[
            ("n1", &[("InternalIP", "10.0.0.1")]),
            ("n2", &[("ExternalIP", "2001:db8::1")]),
        ],
    );
    insta::assert_snapshot!(kg.run("ssh-key config prod"), @r"
        Host prod-n1
          HostName 10.0.0.1
          User root
          IdentityFile ssh-key-prod.pem
          IdentitiesOnly yes
        Host prod-n2
          HostName 2001:db8::1
          User root
          IdentityFile ssh-key-prod.pem
          IdentitiesOnly yes
        [exit 0]
        ");
}

#[test]
fn a_rotation_destroys_what_nobody_took() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    machines.install().success();
    let sealed = machines.kg.sealed("SELECT secret FROM ssh_keys");
    machines.run("rotate prod").success();
    let stored = std::fs::read(machines.kg.store()).expect("bytes");
    assert!(!super::holds_part(&stored, &sealed));
    let sql = rusqlite::Connection::open(machines.kg.store()).expect("open");
    let old: String = sql
        .query_row(
            "SELECT custody || ' ' || place FROM ssh_keys WHERE generation = 1",
            [],
            |row| row.get(0),
        )
        .expect("its history");
    assert_eq!(old, "destroyed gone");
}

#[test]
fn a_new_key_that_does_not_log_in_replaces_nothing() {
    let Some(nodes) = Nodes::start(1) else { return };
    let mut kg = Home::new();
    let old = include_str!("../../../src/secrets/key_pair/keys/rsa2048.pkcs1");
    kg.write("old.key", old);
    kg.run("ssh-key import prod old.key").success();
    let mut machines = Machines { kg, nodes };
    machines.install().success();
    let old = machines.public();
    // From here on only RSA keys log in: the old one puts the new line there, and no more.
    machines
        .nodes
        .configure("PubkeyAcceptedAlgorithms rsa-sha2-256,rsa-sha2-512");
    machines
        .run("rotate prod")
        .exit(6)
        .says("the old one stays the cluster's key");
    assert_eq!(machines.public(), old);
    assert!(machines.lines(0).contains(&old), "{}", machines.lines(0));
    machines.kg.run("status").exit(6).says("is on no node yet");
}
