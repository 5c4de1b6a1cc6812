//! `kubegrant whoami`.

use kubegrant_sandbox::Sandbox;

use crate::home::{Home, set_mode};

fn home() -> Home {
    Home::organization(Sandbox::builder())
}

#[test]
fn whoami_says_who_by_which_key_and_what_that_proves() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("whoami"), @r"
        User:           olivia
        Role:           owner
        Projects:       <none>
        Organization:   Acme
        Key:            [KEY]
        Identity:       [HOME]/config/kubegrant/identity
        Store:          [HOME]/data/kubegrant/store.db
        Proves:         that you hold the private key of 'olivia'; whoever can read `[HOME]/config/kubegrant/identity` can do the same
        [exit 0]
    ");
}

#[test]
fn an_owner_may_act_as_another_and_both_are_named() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("whoami --as alice"), @r"
        User:           alice (held by olivia)
        Role:           developer
        Projects:       <none>
        Organization:   Acme
        Key:            [KEY]
        Identity:       [HOME]/config/kubegrant/identity
        Store:          [HOME]/data/kubegrant/store.db
        Proves:         that you hold the private key of 'olivia', who acts as 'alice' with --as; both names are recorded
        [exit 0]
    ");
}

#[test]
fn a_developer_may_not_act_as_another() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run_as("alice", "cluster list --as bob"), @r"
        ----- stderr -----
        error: 'alice' may not act as another user: organization owners and admins may
        [exit 4]
    ");
    assert_eq!(kg.events("cluster list", "denied"), 1);
}

#[test]
fn an_admin_may_not_act_as_an_owner() {
    let mut kg = home();
    kg.run("user set-role alice admin").success();
    insta::assert_snapshot!(kg.run_as("alice", "user set-role alice owner --as olivia"), @r"
        ----- stderr -----
        error: 'alice' may not do this: only organization owners may
        [exit 4]
    ");
}

#[test]
fn a_key_of_nobody_is_a_stranger() {
    let mut kg = home();
    kg.make_identity("eve");
    let said = kg.run_as("eve", "whoami");
    said.exit(4).says("belongs to no user of this organization");
}

#[test]
fn without_an_identity_the_way_to_one_is_said() {
    let mut kg = home();
    std::fs::remove_file(kg.identity("olivia")).expect("gone");
    insta::assert_snapshot!(kg.run("whoami"), @r"
        ----- stderr -----
        error: no identity at `[HOME]/config/kubegrant/identity`

        hint: run `kubegrant init`, or name an identity with `--identity`
        [exit 4]
    ");
}

#[test]
fn an_identity_that_others_can_read_is_refused() {
    let mut kg = home();
    set_mode(&kg.identity("olivia"), 0o644);
    insta::assert_snapshot!(kg.run("whoami"), @r"
        ----- stderr -----
        error: cannot use the identity
          caused by: '[HOME]/config/kubegrant/identity' has mode 0644, so others may have seen it; if they have not, `chmod 600 [HOME]/config/kubegrant/identity`
        [exit 7]
    ");
}

#[test]
fn a_link_to_a_private_identity_will_do_and_one_to_an_open_file_will_not() {
    let mut kg = home();
    let real = kg.root().join("elsewhere");
    std::fs::rename(kg.identity("olivia"), &real).expect("moved");
    std::os::unix::fs::symlink(&real, kg.identity("olivia")).expect("linked");
    kg.run("whoami").success();
    set_mode(&real, 0o644);
    kg.run("whoami").exit(7);
}

#[test]
fn an_identity_may_come_from_a_variable() {
    let mut kg = home();
    let text = std::fs::read_to_string(kg.identity("alice")).expect("an identity");
    let said = kg.run_where(
        |fixture| fixture.variable("KUBEGRANT_IDENTITY", text.clone()),
        "whoami",
    );
    said.success().says("alice").never_says(text.trim());
}

#[test]
fn an_identity_that_is_none_is_refused_without_being_shown() {
    let mut kg = home();
    let said = kg.run_where(
        |fixture| fixture.variable("KUBEGRANT_IDENTITY", "AGE-SECRET-KEY-CANARY"),
        "whoami",
    );
    said.exit(2).never_says("CANARY");
}
