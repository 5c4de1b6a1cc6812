//! Nodes that cannot be reached: each reason is told from the others, in bounded time.

use std::time::Instant;

use super::*;

const SHORT: Duration = Duration::from_secs(2);

fn kind(failed: &NodeError) -> &'static str {
    match failed {
        NodeError::NotInstalled => "not installed",
        NodeError::NotRunnable { .. } => "not runnable",
        NodeError::Nameless { .. } => "nameless",
        NodeError::Workplace { .. } => "workplace",
        NodeError::HostKeyUnknown { .. } => "host key unknown",
        NodeError::HostKeyChanged { .. } => "host key changed",
        NodeError::Denied { .. } => "denied",
        NodeError::Unreachable { .. } => "unreachable",
        NodeError::TooSlow { .. } => "too slow",
        NodeError::Script { .. } => "script",
        NodeError::Sudo { .. } => "sudo",
        NodeError::LeftOut { .. } => "left out",
        NodeError::KeyRefused { .. } => "key refused",
    }
}

/// Both ways of reaching a node fail alike.
fn assert_fails(client: &Client, node: &Node, expected: &str) -> NodeError {
    let key = ed25519();
    let failed = client.prove(node, &key).expect_err("no login");
    assert_eq!(kind(&failed), expected, "{failed}");
    let failed = client.add(node, &line(&key)).expect_err("no login");
    assert_eq!(kind(&failed), expected, "{failed}");
    assert!(!failed.hint().is_empty());
    // Nor is it known whether the key is taken, where nobody said so.
    if expected != "denied" && expected != "key refused" {
        let unknown = client.takes(node, &key).expect_err("no answer");
        assert_eq!(kind(&unknown), expected, "{unknown}");
    }
    failed
}

#[test]
fn an_unknown_host_key_is_not_accepted() {
    let Some(nodes) = Nodes::start(2) else { return };
    let (client, at) = (Client::new(&nodes), node(&nodes, 0));
    nodes.forget_host_keys();
    let failed = assert_fails(&client, &at, "host key unknown");
    let by_hand = format!("`ssh -p {} 127.0.0.1`", nodes.node(0).port());
    assert!(failed.hint().contains(&by_hand), "{}", failed.hint());
    // And is not, the second time either.
    assert_fails(&client, &at, "host key unknown");
    nodes.mistake_host_key(0, 1);
    assert_fails(&client, &at, "host key changed");
}

#[test]
fn a_login_that_is_not_let_in_is_denied() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    nodes.without_admin_key();
    let failed = client.add(&node, &public).expect_err("no key");
    assert_eq!(kind(&failed), "denied", "{failed}");
    // A key file that the caller names serves where the configuration has none.
    let reach = Reach {
        identity_file: Some(nodes.admin_key()),
        ..Reach::default()
    };
    let client = Client::reaching(&nodes, reach);
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    let reach = Reach {
        identity_file: Some(nodes.admin_key()),
        login: Some("nobody-of-that-name".parse().expect("a name")),
        ..Reach::default()
    };
    let failed = Client::reaching(&nodes, reach)
        .add(&node, &public)
        .expect_err("no such account");
    assert_eq!(kind(&failed), "denied", "{failed}");
    let words = failed.hint();
    assert!(words.contains("ssh -l nobody-of-that-name -p"), "{words}");
}

#[test]
fn a_stopped_node_is_unreachable_until_it_is_back() {
    let Some(mut nodes) = Nodes::start(1) else {
        return;
    };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    nodes.node_mut(0).stop();
    let failed = assert_fails(&client, &node, "unreachable");
    let words = failed.to_string();
    assert!(words.contains("Connection refused"), "{words}");
    nodes.node_mut(0).restart();
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    let nowhere = "no-such-host.invalid".parse().expect("an address");
    assert_fails(&client, &nowhere, "unreachable");
}

#[test]
fn a_port_for_all_nodes_is_used_where_they_name_none() {
    let Some(nodes) = Nodes::start(1) else { return };
    let reach = Reach {
        port: Some(nodes.node(0).port()),
        ..Reach::default()
    };
    let client = Client::reaching(&nodes, reach);
    let bare: Node = "127.0.0.1".parse().expect("an address");
    let added = client.add(&bare, &line(&ed25519())).expect("added");
    assert_eq!(added, Added::Added);
}

#[test]
fn a_node_that_hangs_is_given_up_and_its_ssh_ended() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node) = (Client::new(&nodes).within(SHORT), node(&nodes, 0));
    nodes.node(0).freeze();
    assert_fails(&client, &node, "too slow");
    nodes.node(0).thaw();
    // One that hangs after the login is no other.
    let stay = format!("command=\"sleep 600\" {}\n", nodes.admin_line());
    nodes.node(0).put_authorized_keys(&stay);
    let failed = client.add(&node, &line(&ed25519())).expect_err("no answer");
    assert_eq!(kind(&failed), "too slow", "{failed}");
    let began = Instant::now();
    while ssh_runs(&nodes) {
        assert!(began.elapsed() < HANG, "ssh is still there");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Says whether an `ssh` of this test is there and not yet dead.
fn ssh_runs(nodes: &Nodes) -> bool {
    let port = nodes.node(0).port().to_string();
    let processes = Path::new("/proc").read_dir().into_iter().flatten();
    processes.flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.next().is_some_and(|word| word.ends_with(b"ssh"))
            && words.any(|word| word == port.as_bytes())
    })
}

#[test]
fn a_login_that_is_bound_to_a_command_is_told_apart() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    for (command, words) in [
        ("echo hello", "it ran something else than `sh`"),
        ("echo no shell >&2; exit 1", "no shell"),
        ("printf '\\033[2Jowned\\n' >&2; exit 1", "\\u{1b}[2Jowned"),
    ] {
        let bound = format!("command=\"{command}\" {}\n", nodes.admin_line());
        nodes.node(0).put_authorized_keys(&bound);
        let failed = client.add(&node, &public).expect_err("no shell");
        assert_eq!(kind(&failed), "script", "{failed}");
        assert!(failed.to_string().contains(words), "{failed}");
    }
    // A shell that talks before and after is none the worse.
    let chatty = "echo hello; printf 'kubegrant: x'; sh; printf bye";
    let bound = format!("command=\"{chatty}\" {}\n", nodes.admin_line());
    nodes.node(0).put_authorized_keys(&bound);
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    // And one that never stops talking is not read for ever.
    let flood = format!("command=\"yes\" {}\n", nodes.admin_line());
    nodes.node(0).put_authorized_keys(&flood);
    let failed = client.within(SHORT).add(&node, &public);
    assert_eq!(kind(&failed.expect_err("no end")), "too slow");
}

#[test]
fn an_address_is_never_an_option_even_if_it_were_let_through() {
    let Some(nodes) = Nodes::start(1) else { return };
    let client = Client::new(&nodes);
    let proof = client.folder.path().join("proof");
    for address in [
        format!("-oProxyCommand=touch {}", proof.display()),
        format!("x$(touch {})", proof.display()),
        format!("x; touch {}", proof.display()),
    ] {
        let node = Node {
            address,
            port: None,
        };
        let failed = client.add(&node, &line(&ed25519()));
        assert_eq!(kind(&failed.expect_err("no host")), "unreachable");
        assert!(!proof.exists());
    }
}

#[test]
fn without_ssh_nothing_is_reached() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in ["", "relative", "/nowhere/at/all"] {
        let env = env(path.as_ref(), folder.path());
        let missing = Ssh::find(&env, Reach::default()).expect_err("no ssh");
        assert_eq!(kind(&missing), "not installed");
    }
}

#[test]
fn this_machine_knows_its_own_addresses() {
    assert!(is_own("127.0.0.1".parse().expect("an address")));
    assert!(!is_own("203.0.113.7".parse().expect("an address")));
}

#[test]
fn what_a_login_says_instead_of_letting_in_is_shown() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, at) = (Client::new(&nodes), node(&nodes, 0));
    for end in ["142", "1", "0"] {
        let command = format!("echo 'Please login as the user ubuntu.'; echo; exit {end}");
        let line = format!("command=\"{command}\" {}\n", nodes.admin_line());
        nodes.node(0).put_authorized_keys(&line);
        let failed = client
            .add(&at, &self::line(&ed25519()))
            .expect_err("no login");
        let words = failed.to_string();
        assert!(
            words.contains("Please login as the user ubuntu."),
            "{end}: {words}"
        );
        assert!(failed.hint().contains("--user"));
    }
}

#[test]
fn a_login_script_that_asks_and_greets_is_in_nobodys_way() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, at) = (Client::new(&nodes), node(&nodes, 0));
    let greets = "echo 'kubegrant: welcome'; echo 'do you agree?'; read -r answer; \
                  eval \\\"$SSH_ORIGINAL_COMMAND\\\"";
    let line = format!("command=\"{greets}\" {}\n", nodes.admin_line());
    nodes.node(0).put_authorized_keys(&line);
    let public = self::line(&ed25519());
    assert_eq!(client.add(&at, &public).expect("added"), Added::Added);
    assert_eq!(client.add(&at, &public).expect("there"), Added::Present);
}
