//! Whether an old key still opens a node is seen, and not read in one file.

use kubegrant_sshd::make_key;

use super::nodes::{Desk, login};

#[test]
fn an_old_key_that_still_logs_in_is_said_and_stays_pending() {
    let Some(mut desk) = Desk::new(2) else { return };
    desk.install().success();
    desk.run("download prod -f old.pem").success();
    let old = desk.public();
    // Any place will do that kubegrant knows nothing of.
    let elsewhere = desk.nodes.folder().join("keys-of-all");
    crate::home::write_at(&elsewhere, &format!("{old}\n"));
    desk.nodes.node_mut(0).also_read(elsewhere.clone());
    let first = desk.nodes.node(0).address();
    let ran = desk.run("rotate prod -i old.pem");
    ran.exit(6)
        .says("still accepts the old key")
        .says("the old key is removed, and a login with it is refused");
    desk.kg.run("status").exit(6).says(&format!(
        "{}@{first} may still accept the old SSH key",
        login()
    ));
    assert!(desk.lets_in(0, &desk.kg.path("old.pem")));
    let new = desk.public();
    // Removed there, the next run sees it refused.
    std::fs::remove_file(elsewhere).expect("removed");
    desk.run("rotate prod -i old.pem")
        .success()
        .says("a login with the old key is refused");
    assert_eq!(desk.public(), new, "it went on, and began no other");
    desk.kg.run("status").success();
}

#[test]
fn a_key_that_is_still_sealed_here_is_tried_too() {
    let Some(mut desk) = Desk::new(1) else { return };
    desk.install().success();
    let old = desk.public();
    let elsewhere = desk.nodes.folder().join("keys-of-all");
    crate::home::write_at(&elsewhere, &format!("{old}\n"));
    desk.nodes.node_mut(0).also_read(elsewhere);
    desk.run("rotate prod")
        .exit(6)
        .says("still accepts the old key");
    desk.kg.run("status").exit(6);
}

#[test]
fn a_key_that_is_not_at_hand_is_not_called_refused() {
    let Some(mut desk) = Desk::new(1) else { return };
    desk.install().success();
    desk.run("download prod -f old.pem").success();
    desk.run("rotate prod")
        .success()
        .says("the old key's line is removed from ~/.ssh/authorized_keys")
        .never_says("refused");
}

#[test]
fn a_line_in_the_second_file_goes_too() {
    let Some(mut desk) = Desk::new(1) else { return };
    desk.install().success();
    desk.run("download prod -f old.pem").success();
    let old = desk.public();
    let second = desk.nodes.node(0).home().join(".ssh/authorized_keys2");
    let foreign = desk.nodes.folder().join("foreign");
    let foreign = make_key(&foreign, "ed25519", None).expect("a key");
    crate::home::write_at(&second, &format!("# second\n{old}\n{foreign}\n"));
    desk.nodes.node_mut(0).also_read(second.clone());
    let ran = desk.run("rotate prod -i old.pem");
    ran.success()
        .says("the old key is removed, and a login with it is refused");
    let left = std::fs::read_to_string(&second).expect("text");
    assert_eq!(left, format!("# second\n{foreign}\n"));
    assert!(!desk.lets_in(0, &desk.kg.path("old.pem")));
    // Also where it is the only line of it.
    desk.run("download prod -f new.pem").success();
    let old = desk.public();
    crate::home::write_at(&second, &format!("{old}\n"));
    desk.run("rotate prod -i new.pem").success();
    assert_eq!(std::fs::read_to_string(&second).expect("text"), "");
}
