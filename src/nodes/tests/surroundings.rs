//! What surrounds the script: configurations of the client, login shells of the node, and sudo.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::*;

#[test]
fn no_configuration_of_the_client_keeps_a_key_from_a_node() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, at) = (Client::new(&nodes), node(&nodes, 0));
    let folder = client.folder.path().display().to_string();
    let master = format!("ControlMaster auto\nControlPath {folder}/m\nControlPersist 60");
    let local = format!("PermitLocalCommand yes\nLocalCommand touch {folder}/proof");
    for lines in [
        "SessionType none",
        "SessionType subsystem",
        "StdinNull yes",
        "ForkAfterAuthentication yes",
        "SessionType none\nForkAfterAuthentication yes\nStdinNull yes",
        "RemoteCommand echo hello",
        "RequestTTY force",
        "LocalForward 127.0.0.1:1 127.0.0.1:2\nExitOnForwardFailure yes",
        "DynamicForward 127.0.0.1:1\nExitOnForwardFailure yes",
        "RemoteForward 127.0.0.1:1 127.0.0.1:2\nExitOnForwardFailure yes",
        "UpdateHostKeys ask",
        "User nobody-of-that-name\nPort 1\nBatchMode no\nLogLevel DEBUG3",
        "ForwardAgent yes\nForwardX11 yes\nTunnel point-to-point",
        "IgnoreUnknown NotAnOption\nNotAnOption yes",
        &master,
        &local,
    ] {
        // What this OpenSSH does not know is in nobody's configuration.
        nodes.configure(lines);
        if !takes_configuration(&nodes) {
            continue;
        }
        let key = ed25519();
        let reach = Reach {
            login: Some(login()),
            ..Reach::default()
        };
        let client = Client::reaching(&nodes, reach);
        let added = client.add(&at, &line(&key));
        assert_eq!(added.expect(lines), Added::Added, "{lines}");
        client.prove(&at, &key).expect(lines);
        assert_eq!(
            client.remove(&at, &line(&key)).expect(lines),
            Removed::Removed
        );
        assert!(!client.takes(&at, &key).expect(lines), "{lines}");
    }
    assert!(!client.folder.path().join("proof").exists());
    assert!(!client.folder.path().join("m").exists(), "a master stayed");
}

fn takes_configuration(nodes: &Nodes) -> bool {
    let shown = Command::new("ssh")
        .args(["-G", "127.0.0.1"])
        .env("PATH", nodes.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    shown.expect("ssh").success()
}

fn login() -> Login {
    let ended = Command::new("id").arg("-un").output().expect("`id`");
    let name = String::from_utf8(ended.stdout).expect("text");
    name.trim().parse().expect("a login")
}

#[test]
fn a_jump_host_of_the_configuration_is_the_way() {
    let Some(nodes) = Nodes::start(2) else { return };
    let (client, at) = (Client::new(&nodes), node(&nodes, 1));
    nodes.configure(&format!(
        "Match exec \"test %p = {}\"\n  ProxyJump {}@127.0.0.1:{}\nMatch all",
        nodes.node(1).port(),
        login(),
        nodes.node(0).port()
    ));
    let key = ed25519();
    assert_eq!(client.add(&at, &line(&key)).expect("added"), Added::Added);
    client.prove(&at, &key).expect("it logs in");
    let passed = nodes.node(0).log().matches("Accepted publickey").count();
    assert_eq!(passed, 2, "{}", nodes.node(0).log());
}

/// A container's user may have no name, and then no `ssh` runs for it.
#[test]
fn a_user_without_a_name_is_told_what_ssh_lacks() {
    let Some(nodes) = Nodes::start(1) else { return };
    let client = Client::new(&nodes);
    let bin = client.folder.path().join("nameless");
    std::fs::create_dir(&bin).expect("a folder");
    program(
        &bin.join("ssh"),
        "echo 'No user exists for uid 54321' >&2; exit 255",
    );
    let env = env(bin.as_os_str(), client.folder.path());
    let ssh = Ssh::find(&env, Reach::default()).expect("ssh");
    let failed = wait(ssh.add_line(&node(&nodes, 0), &line(&ed25519()), None));
    let failed = failed.expect_err("it does not run");
    assert!(matches!(failed, NodeError::Nameless { .. }), "{failed}");
    assert!(failed.hint().contains("/etc/passwd"));
}

#[test]
fn the_version_of_ssh_is_read() {
    for (words, is) in [
        (
            "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19",
            Some((9, 2)),
        ),
        ("OpenSSH_8.7p1, OpenSSL 3.2.2", Some((8, 7))),
        ("OpenSSH_10.0p2", Some((10, 0))),
        ("OpenSSH_7.4p1", Some((7, 4))),
        ("OpenSSH_for_Windows_9.5p1, LibreSSL 3.8.2", Some((9, 5))),
        ("Dropbear v2022.83", None),
        ("", None),
    ] {
        assert_eq!(version(words), is, "{words}");
    }
}

/// An `ssh` that does not know the newer options is not told them.
#[test]
fn an_old_ssh_is_told_nothing_that_it_does_not_know() {
    let Some(nodes) = Nodes::start(1) else { return };
    let client = Client::new(&nodes);
    let old = client.folder.path().join("old");
    std::fs::create_dir(&old).expect("a folder");
    program(
        &old.join("ssh"),
        "case \"$*\" in\n-V) echo 'OpenSSH_7.4p1, OpenSSL 1.0.2k' >&2; exit ;;\n\
         *SessionType*|*StdinNull*|*ForkAfter*) echo 'Bad configuration option' >&2; exit 255 ;;\n\
         esac\nPATH=${PATH#*:}\nexec ssh \"$@\"",
    );
    let folders = [old]
        .into_iter()
        .chain(std::env::split_paths(&nodes.path()).collect::<Vec<_>>());
    let path = std::env::join_paths(folders).expect("folders");
    let ssh = Ssh::find(&env(&path, client.folder.path()), Reach::default()).expect("ssh");
    let public = line(&ed25519());
    let added = wait(ssh.add_line(&node(&nodes, 0), &public, None));
    assert_eq!(added.expect("added"), Added::Added);
}

/// Writes a script of `sh`.
fn program(path: &Path, text: &str) {
    put(path, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn put(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

#[test]
fn every_login_shell_runs_the_script() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, at) = (Client::new(&nodes), node(&nodes, 0));
    for shell in [
        "fish",
        "tcsh",
        "csh",
        "zsh",
        "bash",
        "dash",
        "ksh",
        "mksh",
        "busybox sh",
    ] {
        let name = shell.split(' ').next().unwrap_or_default();
        let is_here = ["/usr/bin", "/bin"]
            .iter()
            .any(|it| Path::new(it).join(name).exists());
        if !is_here {
            continue;
        }
        let command = format!("exec {shell} -c \\\"$SSH_ORIGINAL_COMMAND\\\"");
        let bound = format!("command=\"{command}\" {}\n", nodes.admin_line());
        nodes.node(0).put_authorized_keys(&bound);
        let public = line(&ed25519());
        assert_eq!(
            client.add(&at, &public).expect(shell),
            Added::Added,
            "{shell}"
        );
        assert_eq!(
            client.add(&at, &public).expect(shell),
            Added::Present,
            "{shell}"
        );
        assert_eq!(
            client.remove(&at, &public).expect(shell),
            Removed::Removed,
            "{shell}"
        );
    }
    // One that may do nothing says so, and its words are shown.
    let bound = format!(
        "command=\"rbash -c \\\"$SSH_ORIGINAL_COMMAND\\\"\" {}\n",
        nodes.admin_line()
    );
    nodes.node(0).put_authorized_keys(&bound);
    let failed = client.add(&at, &line(&ed25519())).expect_err("restricted");
    assert!(
        failed.to_string().contains("restricted") || failed.to_string().contains("rbash"),
        "{failed}"
    );
    // And one that swallows what was for the script is not taken for an answer.
    let bound = format!(
        "command=\"cat >/dev/null; exec sh\" {}\n",
        nodes.admin_line()
    );
    nodes.node(0).put_authorized_keys(&bound);
    let failed = client
        .add(&at, &line(&ed25519()))
        .expect_err("nothing was done");
    assert!(failed.to_string().contains("login script"), "{failed}");
}

#[test]
fn what_a_login_script_reads_is_never_half_a_script() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, at) = (Client::new(&nodes), node(&nodes, 0));
    let public = line(&ed25519());
    for (lines, is_added) in [
        (30, true),
        (64, true),
        (66, false),
        (68, false),
        (120, false),
    ] {
        let reads =
            format!("i=0; while [ $i -lt {lines} ]; do read -r it; i=$((i+1)); done; exec sh");
        let bound = format!("command=\"{reads}\" {}\n", nodes.admin_line());
        nodes.node(0).put_authorized_keys(&bound);
        let added = client.add(&at, &public);
        assert_eq!(added.is_ok(), is_added, "{lines}: {added:?}");
        if let Err(failed) = added {
            assert_eq!(text(&nodes), bound, "{lines}");
            assert!(!failed.to_string().trim_end().ends_with(':'), "{failed}");
        }
    }
}

/// Nodes with a `sudo` of the test's own, which does what it is told as the same user.
fn with_sudo(text: &str) -> Option<(Nodes, Client)> {
    let mut nodes = Nodes::start(1)?;
    let reach = Reach {
        login: Some(Login::root()),
        sudo_from: Some(login()),
        ..Reach::default()
    };
    let client = Client::reaching(&nodes, reach);
    let bin = client.folder.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    program(&bin.join("sudo"), text);
    nodes.node_mut(0).put_first_in_path(bin);
    Some((nodes, client))
}

#[test]
fn with_sudo_the_key_is_roots() {
    let sudo = "[ \"$1 $2 $3\" = '-n -H sh' ] || { echo \"sudo: what is $*\" >&2; exit 1; }\n\
                HOME=$HOME/of-root; mkdir -p \"$HOME\"; shift 2; exec \"$@\"";
    let Some((nodes, client)) = with_sudo(sudo) else {
        return;
    };
    let (at, public) = (node(&nodes, 0), line(&ed25519()));
    let before = text(&nodes);
    assert_eq!(client.add(&at, &public).expect("added"), Added::Added);
    assert_eq!(text(&nodes), before, "the login's own file is left alone");
    let roots = nodes.node(0).home().join("of-root/.ssh/authorized_keys");
    let roots = std::fs::read_to_string(roots).expect("root's file");
    assert_eq!(roots, format!("{public}\n"));
}

#[test]
fn a_sudo_that_does_not_want_to_is_named_with_a_way_out() {
    for words in [
        "sudo: a password is required",
        "sudo: sorry, you must have a tty to run sudo",
        "ana is not in the sudoers file.  This incident will be reported.",
        "Sorry, user ana is not allowed to execute '/bin/sh' as root on node-1.",
    ] {
        let Some((nodes, client)) = with_sudo(&format!("echo \"{words}\" >&2; exit 1")) else {
            return;
        };
        let failed = client.add(&node(&nodes, 0), &line(&ed25519()));
        let failed = failed.expect_err("refused");
        assert!(matches!(failed, NodeError::Sudo { .. }), "{failed}");
        assert!(
            failed.to_string().contains(words.trim_end_matches('.')),
            "{failed}"
        );
        assert!(failed.hint().contains("NOPASSWD"), "{}", failed.hint());
    }
}
