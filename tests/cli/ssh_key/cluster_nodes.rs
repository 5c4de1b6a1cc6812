//! Nodes that the cluster names: each is its own word, and a person's to agree to.

use kubegrant::env::Fixture;
use kubegrant_sandbox::{Action, Fault, Match};

use super::nodes::{Machines, login};
use super::{put_nodes, shown, text};
use crate::home::Ran;

impl Machines {
    /// Lets the test's `ssh` find nodes at addresses that a cluster may name.
    fn reach(&self, places: &[(&str, usize)]) {
        let mut lines = String::new();
        for (address, index) in places {
            let port = self.nodes.node(*index).port().to_string();
            lines.extend([
                "Host ",
                address,
                "\n  HostName 127.0.0.1\n  Port ",
                &port,
                "\n",
            ]);
        }
        self.nodes.configure(&lines);
    }

    fn names(&self, nodes: &[(&str, &str)]) {
        for (name, address) in nodes {
            put_nodes(&self.kg, &[(name, &[("InternalIP", address)])]);
        }
    }

    fn answer(&mut self, answer: &'static str, line: &str) -> Ran {
        let path = self.nodes.path();
        let place = self.kg.root().to_owned();
        let change = |it: Fixture| {
            let it = it
                .variable("PATH", &path)
                .variable("TMPDIR", &place)
                .terminal(true);
            it.type_in(answer);
            it
        };
        let line = format!("ssh-key {line} --user {} --color never", login());
        self.kg.run_where(change, &line)
    }

    fn silence_the_cluster(&self) {
        self.kg.sandbox.fault(Fault {
            matches: Match {
                method: None,
                path_contains: Some("/nodes".to_owned()),
                nth: None,
            },
            action: Action::Hang,
        });
    }
}

#[test]
fn nodes_that_are_new_are_shown_and_asked_for_once() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.reach(&[("10.1.0.1", 0), ("10.1.0.2", 1)]);
    machines.names(&[("n1", "10.1.0.1")]);
    let ran = machines.run("install prod");
    ran.exit(2)
        .says(&format!("'n1' at {}@10.1.0.1", login()))
        .says("--yes");
    machines.answer("n\n", "install prod").exit(5);
    assert!(!machines.lines(0).contains("kubegrant:prod"));
    machines.answer("y\n", "install prod").success();
    assert!(machines.lines(0).contains(&machines.public()));
    // It is known now; another one is not, and keeps it from nothing.
    machines.run("install prod").success();
    machines.names(&[("n2", "10.1.0.2")]);
    let ran = machines.run("rotate prod");
    ran.exit(6)
        .says("10.1.0.2 is new, and nobody agreed to it")
        .says("--yes");
    assert!(machines.lines(0).contains(&machines.public()));
    assert!(!machines.lines(1).contains("kubegrant:prod"));
    machines
        .kg
        .run("status")
        .exit(6)
        .says("node 'n2' was left out");
    let key = machines.public();
    machines.run("rotate prod --yes").success();
    assert_eq!(machines.public(), key, "it went on, and began no other");
    assert!(machines.lines(1).contains(&key));
    machines.kg.run("status").success();
}

#[test]
fn an_address_that_could_be_anybodys_is_a_line_and_stops_nobody() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.reach(&[("10.1.0.1", 0)]);
    machines.names(&[("n1", "10.1.0.1")]);
    machines.run("install prod --yes").success();
    let other = machines.kg.add_cluster("other");
    machines.kg.run("ssh-key generate other").success();
    machines.run("install other --node 10.1.0.9").exit(6);
    let trap = machines.nodes.node(1).address();
    for (kind, address, why) in [
        ("ExternalIP", trap.as_str(), "is no IP address"),
        ("InternalIP", "127.0.0.1", "leads to this machine itself"),
        ("ExternalIP", "-oProxyCommand=x", "is no IP address"),
        ("InternalIP", "169.254.169.254", "no address of one machine"),
        (
            "InternalIP",
            "10.1.0.9",
            "is that of a node of cluster 'other'",
        ),
        ("Hostname", "bastion", "it has no IP address"),
    ] {
        put_nodes(&machines.kg, &[("evil", &[(kind, address)])]);
        let line = if address == "169.254.169.254" {
            "rotate prod --yes"
        } else {
            "install prod --yes"
        };
        let ran = machines.run(line);
        ran.exit(6).says("node 'evil' is left out").says(why);
        assert!(
            machines.lines(0).contains(&machines.public()),
            "{address}: {ran}"
        );
        assert!(
            !machines.lines(1).contains("kubegrant:"),
            "{address}: {ran}"
        );
        machines
            .kg
            .run("status")
            .exit(6)
            .says("node 'evil' was left out");
    }
    // Named by hand it is another thing, and gone it is forgotten.
    machines
        .run(&format!("install prod --node {trap}"))
        .success();
    assert!(machines.lines(1).contains("kubegrant:prod"));
    machines.run("install prod --forget-node evil").success();
    machines
        .kg
        .run("ssh-key install other --forget-node 10.1.0.9")
        .success();
    machines.kg.run("status").success();
    drop(other);
}

#[test]
fn no_address_that_is_not_believed_comes_into_a_command_or_a_file() {
    let mut kg = super::with_key();
    put_nodes(
        &kg,
        &[
            ("n1", &[("InternalIP", "10.1.0.1")]),
            ("n2", &[("ExternalIP", "$(touch x)")]),
            ("n3", &[("ExternalIP", "-oProxyCommand=x")]),
            ("n4", &[("InternalIP", "127.0.0.1")]),
            ("n5", &[("Hostname", "bastion")]),
        ],
    );
    for line in ["config prod", "download prod"] {
        let ran = kg.run(&format!("ssh-key {line}"));
        ran.success().says("10.1.0.1");
        for word in ["touch", "Proxy", "127.0.0.1", "bastion", "'n4'"] {
            ran.never_says(word);
        }
    }
}

#[test]
fn no_node_is_believed_to_be_where_another_cluster_has_its_api_server() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    let _other = machines.kg.add_cluster("other");
    let sql = rusqlite::Connection::open(machines.kg.store()).expect("open");
    sql.execute_batch(
        "UPDATE clusters SET server = 'https://[2001:db8::7]:6443/k8s' WHERE name = 'other'",
    )
    .expect("edited");
    drop(sql);
    machines
        .kg
        .run("audit accept --reason test --yes")
        .success();
    machines.kg.run("reconcile prod").success();
    machines.names(&[("evil", "2001:db8:0::7")]);
    machines
        .run("install prod --yes")
        .exit(6)
        .says("is that of the API server of cluster 'other'");
    // The owner of the one need not know of the other.
    machines
        .kg
        .run("cluster transfer prod --to bob --yes")
        .success();
    machines
        .kg
        .run_as("bob", "ssh-key install prod --yes")
        .exit(6)
        .says("is that of the API server of another cluster")
        .never_says("'other'");
}

#[test]
fn a_silent_cluster_has_neither_no_nodes_nor_all_of_them() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.reach(&[("10.1.0.1", 0), ("10.1.0.2", 1)]);
    machines.names(&[("n1", "10.1.0.1"), ("n2", "10.1.0.2")]);
    machines.silence_the_cluster();
    machines
        .run("install prod --yes")
        .exit(8)
        .never_says("no known node");
    machines.kg.sandbox.clear_faults();
    machines.kg.sandbox.stop();
    machines.run("install prod --yes").exit(8);
    machines.run("install prod --node 10.1.0.1").success();
    machines.run("download prod -f old.pem --yes").success();
    // The other node has the old key by its image: nothing here knows of it.
    let old = machines.public();
    let image = format!("{}\n{old}\n", machines.nodes.admin_line());
    machines.nodes.node(1).put_authorized_keys(&image);
    let ran = machines.run("rotate prod -i old.pem");
    ran.exit(6)
        .says("is on all 1 recorded nodes of cluster 'prod'; the cluster could not be asked");
    machines
        .kg
        .run("status")
        .exit(6)
        .says("could not be asked which nodes it has");
    machines.kg.sandbox.restart().expect("a sandbox");
    let new = machines.public();
    assert_ne!(new, old);
    machines.reach(&[("10.1.0.1", 0), ("10.1.0.2", 1)]);
    machines
        .run("rotate prod -i old.pem --yes")
        .success()
        .says("An earlier rotation");
    assert_eq!(machines.public(), new, "it went on, and began no other");
    for index in 0..2 {
        assert!(machines.lines(index).contains(&new) && !machines.lines(index).contains(&old));
    }
    machines.kg.run("status").success();
    let sql = rusqlite::Connection::open(machines.kg.store()).expect("open");
    let left: i64 = sql
        .query_row(
            "SELECT count(*) FROM ssh_keys WHERE place = 'old'",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    assert_eq!(left, 0);
}

#[test]
fn a_slow_cluster_is_not_waited_for_in_vain() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    let all = machines.nodes.node(0).address();
    machines
        .run(&format!("install prod --node {all}"))
        .success();
    machines.silence_the_cluster();
    machines.run("rotate prod").exit(6).says("no answer");
}

#[test]
fn pending_lines_name_the_login_and_the_rotation_goes_there() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    let me = login();
    let node = machines.nodes.node(0).address();
    machines
        .run(&format!("install prod --node {node}"))
        .success();
    let before = text(&shown(&mut machines.kg), "public");
    // Under another login, which the node does not know.
    let nodes = machines.nodes.path();
    let place = machines.kg.root().to_owned();
    let mut run = |line: &str| {
        let change = |it: Fixture| it.variable("PATH", &nodes).variable("TMPDIR", &place);
        machines.kg.run_where(change, line)
    };
    run(&format!(
        "ssh-key install prod --node {node} --user nobody-here"
    ))
    .exit(6);
    let pending = format!("nobody-here@{node}");
    run("status").exit(6).says(&pending);
    // Where no login is given, each node is reached by its own.
    run("ssh-key rotate prod")
        .exit(6)
        .says(&format!("node nobody-here@{node}"))
        .never_says(&format!("not seen to work on node {me}@"));
    run("status").exit(6).says(&pending);
    run(&format!("ssh-key rotate prod --user {me}")).exit(6);
    run(&format!(
        "ssh-key rotate prod --forget-node {node} --user {me} --node {node}"
    ))
    .success();
    run("status").success();
    assert!(!machines.lines(0).contains(&before));
}

#[test]
fn a_node_that_was_away_is_pending_also_where_it_had_no_key_before() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.reach(&[("10.1.0.1", 0), ("10.1.0.2", 1)]);
    machines.names(&[("n1", "10.1.0.1")]);
    machines.run("install prod --yes").success();
    machines.names(&[("n2", "10.1.0.2")]);
    machines.nodes.node_mut(1).stop();
    machines.run("rotate prod --yes").exit(6);
    let new = machines.public();
    machines
        .kg
        .run("status")
        .exit(6)
        .says(&format!("is not seen to work on node {}@10.1.0.2", login()));
    machines.nodes.node_mut(1).restart();
    machines.run("rotate prod").success();
    assert_eq!(machines.public(), new, "it went on, and began no other");
    assert!(machines.lines(1).contains(&new));
    machines.kg.run("status").success();
}
