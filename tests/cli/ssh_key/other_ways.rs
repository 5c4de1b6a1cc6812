//! Ways into a node that is not entered as root by its operator: sudo, and a key that is at hand.

use super::nodes::{Machines, login};
use crate::home::{set_mode, write_at};

/// A `sudo` of the test's own, whose root has another home; sshd reads that home's file too.
const SUDO: &str = "#!/bin/sh\n[ \"$1 $2\" = '-n -H' ] || exit 1\nshift 2\n\
                    HOME=$HOME/of-root; mkdir -p \"$HOME\"; exec \"$@\"\n";

#[test]
fn with_sudo_the_key_is_roots_and_proven_as_root() {
    // Only root's sshd lets root in.
    if login() != "root" {
        return;
    }
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    let bin = machines.kg.root().join("node-bin");
    std::fs::create_dir(&bin).expect("a folder");
    write_at(&bin.join("sudo"), SUDO);
    set_mode(&bin.join("sudo"), 0o755);
    let roots = machines
        .nodes
        .node(0)
        .home()
        .join("of-root/.ssh/authorized_keys");
    machines.nodes.node_mut(0).also_read(roots.clone());
    machines.nodes.node_mut(0).put_first_in_path(bin);
    let before = machines.lines(0);
    let node = machines.nodes.node(0).address();
    let ran = machines.run(&format!("install prod --node {node} --sudo"));
    ran.success().says("is installed, proven by a login");
    assert_eq!(
        machines.lines(0),
        before,
        "the login's own file is left alone"
    );
    let public = machines.public();
    let roots = std::fs::read_to_string(roots).expect("root's file");
    assert_eq!(roots, format!("{public}\n"));
    let config = machines.kg.run("ssh-key config prod");
    config.success().says("User root");
}

#[test]
fn sudo_needs_to_know_who_logs_in() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    let ran = machines
        .kg
        .run("ssh-key install prod --node 127.0.0.1:1 --sudo");
    ran.exit(2).says("--user <LOGIN>");
}

/// On a cloud image root's file binds the operator's key to a word about whom to log in as; the
/// cluster's own key goes on.
#[test]
fn where_the_operators_way_fails_on_the_node_the_old_key_is_tried() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    machines.install().success().says("proven by a login");
    let (public, admin) = (machines.public(), machines.nodes.admin_line());
    let bound = "command=\"echo 'Please login as the user ubuntu'; exit 142\"";
    let file = format!("{bound} {admin}\n{public}\n");
    machines.nodes.node(0).put_authorized_keys(&file);
    let ran = machines.run("rotate prod");
    ran.success()
        .says("the old key is removed, and a login with it is refused");
    let new = machines.public();
    assert_eq!(machines.lines(0), format!("{bound} {admin}\n{new}\n"));
    // Where no key is at hand, the node's words are what helps.
    machines
        .nodes
        .node(0)
        .put_authorized_keys(&format!("{bound} {admin}\n"));
    let ran = machines.run("rotate prod");
    ran.exit(6).says("Please login as the user ubuntu");
}
