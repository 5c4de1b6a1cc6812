//! Whether an old key still opens a node is seen, and not read in one file.

use kubegrant_sshd::make_key;

use super::nodes::{Machines, login};

#[test]
fn an_old_key_that_still_logs_in_is_said_and_stays_pending() {
    let Some(mut machines) = Machines::new(2) else {
        return;
    };
    machines.install().success();
    machines.run("download prod -f old.pem").success();
    let old = machines.public();
    // Any place will do that kubegrant knows nothing of.
    let elsewhere = machines.nodes.folder().join("keys-of-all");
    crate::home::write_at(&elsewhere, &format!("{old}\n"));
    machines.nodes.node_mut(0).also_read(elsewhere.clone());
    let first = machines.nodes.node(0).address();
    let ran = machines.run("rotate prod -i old.pem");
    ran.exit(6)
        .says("still accepts the old key")
        .says("the old key is removed, and a login with it is refused");
    machines.kg.run("status").exit(6).says(&format!(
        "{}@{first} may still accept the old SSH key",
        login()
    ));
    assert!(machines.lets_in(0, &machines.kg.path("old.pem")));
    let new = machines.public();
    // Removed there, the next run sees it refused.
    std::fs::remove_file(elsewhere).expect("removed");
    machines
        .run("rotate prod -i old.pem")
        .success()
        .says("a login with the old key is refused");
    assert_eq!(machines.public(), new, "it went on, and began no other");
    machines.kg.run("status").success();
}

#[test]
fn a_key_that_is_still_sealed_here_is_tried_too() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    machines.install().success();
    let old = machines.public();
    let elsewhere = machines.nodes.folder().join("keys-of-all");
    crate::home::write_at(&elsewhere, &format!("{old}\n"));
    machines.nodes.node_mut(0).also_read(elsewhere);
    machines
        .run("rotate prod")
        .exit(6)
        .says("still accepts the old key");
    machines.kg.run("status").exit(6);
}

#[test]
fn a_key_that_is_not_at_hand_is_not_called_refused() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    machines.install().success();
    machines.run("download prod -f old.pem").success();
    machines
        .run("rotate prod")
        .success()
        .says("the old key's line is removed from ~/.ssh/authorized_keys")
        .never_says("refused");
}

#[test]
fn a_line_in_the_second_file_goes_too() {
    let Some(mut machines) = Machines::new(1) else {
        return;
    };
    machines.install().success();
    machines.run("download prod -f old.pem").success();
    let old = machines.public();
    let second = machines.nodes.node(0).home().join(".ssh/authorized_keys2");
    let foreign = machines.nodes.folder().join("foreign");
    let foreign = make_key(&foreign, "ed25519", None).expect("a key");
    crate::home::write_at(&second, &format!("# second\n{old}\n{foreign}\n"));
    machines.nodes.node_mut(0).also_read(second.clone());
    let ran = machines.run("rotate prod -i old.pem");
    ran.success()
        .says("the old key is removed, and a login with it is refused");
    let left = std::fs::read_to_string(&second).expect("text");
    assert_eq!(left, format!("# second\n{foreign}\n"));
    assert!(!machines.lets_in(0, &machines.kg.path("old.pem")));
    // Also where it is the only line of it.
    machines.run("download prod -f new.pem").success();
    let old = machines.public();
    crate::home::write_at(&second, &format!("{old}\n"));
    machines.run("rotate prod -i new.pem").success();
    assert_eq!(std::fs::read_to_string(&second).expect("text"), "");
}
