//! `kubegrant user`: add, list, show, set-role, set-key, disable, enable.

use kubegrant_sandbox::Sandbox;

use crate::home::{Home, PODS, get};

fn home() -> Home {
    Home::organization(Sandbox::builder())
}

#[test]
fn adding_a_user_says_what_comes_next() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("user add carol --email Carol@Example.com"), @r"
        Name:     carol
        Role:     developer
        State:    active
        E-mail:   Carol@Example.com
        Key:      <none>
        Added:    2026-11-22T10:00:00Z
        ----- stderr -----
        User 'carol' is added as developer.
        hint: without a key 'carol' cannot act and files cannot be sealed to them: `kubegrant user set-key carol --key FILE`
        [exit 0]
    ");
}

#[test]
fn adding_a_user_twice_changes_nothing() {
    let mut kg = home();
    kg.run("user add carol").success();
    insta::assert_snapshot!(kg.run("user add Carol"), @r"
        ----- stderr -----
        error: user 'carol' exists already

        hint: run `kubegrant user show carol`
        [exit 5]
    ");
    let users = kg.run("user list -o json").json();
    assert_eq!(users.as_array().expect("a list").len(), 4);
}

#[test]
fn an_address_is_taken_whatever_its_case() {
    let mut kg = home();
    kg.run("user add carol --email carol@example.com").success();
    insta::assert_snapshot!(kg.run("user add dave --email CAROL@Example.com"), @r"
        ----- stderr -----
        error: the address CAROL@Example.com, as that of user 'carol', exists already

        hint: run `kubegrant user show carol`
        [exit 5]
    ");
    kg.run("user show Carol@example.COM")
        .success()
        .says("carol");
}

#[test]
fn a_key_belongs_to_one_user() {
    let mut kg = home();
    let key = kg.make_identity("carol");
    kg.run(&format!("user add carol --key {key}")).success();
    let said = kg.run(&format!("user add dave --key {key}"));
    insta::assert_snapshot!(said, @r"
        ----- stderr -----
        error: this key, as that of user 'carol', exists already

        hint: every user has a key of their own
        [exit 5]
    ");
}

#[test]
fn a_key_comes_from_a_file_or_from_standard_input() {
    let mut kg = home();
    let key = kg.make_identity("carol");
    kg.write("carol.pub", &format!("{key}\n"));
    kg.run("user add carol --key carol.pub").success();
    let key = kg.make_identity("dave");
    kg.run_with_input("user add dave --key -", &key).success();
    kg.run_as("carol", "whoami").success();
    kg.run_as("dave", "whoami").success();
}

#[test]
fn an_ssh_key_names_a_user_too() {
    let mut kg = home();
    let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICfjmtpuxMyAgFBfxyddpauQSHODpf6rsTutzbyIkWS7 ci@x";
    kg.write("ci.pub", key);
    kg.run("user add ci --key ci.pub").success();
}

#[test]
fn a_private_key_is_refused_as_a_public_one_and_not_shown() {
    let mut kg = home();
    kg.make_identity("carol");
    let secret = std::fs::read_to_string(kg.identity("carol")).expect("an identity");
    let said = kg.run_with_input("user add carol --key -", &secret);
    said.exit(2).never_says(secret.trim());
    kg.run("user show carol").exit(3);
}

#[test]
fn a_misspelt_user_is_suggested() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("user show alcie"), @r"
        ----- stderr -----
        error: no user 'alcie'

        hint: did you mean 'alice'?
        [exit 3]
    ");
}

#[test]
fn a_role_is_set_once_and_then_nothing_changes() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("user set-role alice admin"), @r"
        Name:     alice
        Role:     admin
        State:    active
        E-mail:   <none>
        Key:      [KEY]
        Added:    2026-11-22T10:00:00Z
        ----- stderr -----
        'alice' is admin now.
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run("user set-role alice admin"), @r"
        Name:     alice
        Role:     admin
        State:    active
        E-mail:   <none>
        Key:      [KEY]
        Added:    2026-11-22T10:00:00Z
        ----- stderr -----
        'alice' is admin already; nothing was changed.
        [exit 0]
    ");
    assert_eq!(kg.events("user set-role", "done"), 1);
}

#[test]
fn the_last_owner_stays() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("user set-role olivia developer"), @r"
        ----- stderr -----
        error: 'olivia' is the last active owner of the organization, and stays

        hint: make somebody else an owner first: `kubegrant user set-role NAME owner`
        [exit 5]
    ");
    insta::assert_snapshot!(kg.run("user disable olivia --yes"), @r"
        ----- stderr -----
        error: 'olivia' is the last active owner of the organization, and stays

        hint: make somebody else an owner first: `kubegrant user set-role NAME owner`
        [exit 5]
    ");
}

#[test]
fn a_developer_manages_nobody() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run_as("alice", "user add mallory"), @r"
        ----- stderr -----
        error: 'alice' may not manage users: organization owners and admins may

        hint: ask 'olivia'
        [exit 4]
    ");
    kg.run_as("alice", "user list").exit(4);
    kg.run_as("alice", "user show bob").exit(4);
    kg.run_as("alice", "user set-role alice owner").exit(4);
    kg.run_as("alice", "user disable bob --yes").exit(4);
    assert_eq!(kg.events("user add", "denied"), 1);
}

#[test]
fn an_unknown_user_looks_like_a_hidden_one_to_a_developer() {
    let mut kg = home();
    let hidden = kg.run_as("alice", "user show bob").stderr;
    let unknown = kg.run_as("alice", "user show zed").stderr;
    assert_eq!(hidden, unknown);
}

#[test]
fn an_admin_touches_no_owner() {
    let mut kg = home();
    kg.run("user set-role alice admin").success();
    insta::assert_snapshot!(kg.run_as("alice", "user disable olivia --yes"), @r"
        ----- stderr -----
        error: 'alice' may not do this: only organization owners may

        hint: ask 'olivia'
        [exit 4]
    ");
    kg.run_as("alice", "user set-role bob owner").exit(4);
    kg.run_as("alice", "user set-role alice owner").exit(4);
}

#[test]
fn setting_the_same_key_twice_changes_nothing() {
    let mut kg = home();
    let key = kg.make_identity("alice");
    let line = format!("user set-key alice --key {key}");
    kg.run(&line).success().says("has a new key");
    kg.run(&line).success().says("nothing was changed");
    assert_eq!(kg.events("user set-key", "done"), 1);
}

#[test]
fn everybody_may_change_their_own_key_and_the_old_one_is_a_stranger() {
    let mut kg = home();
    let old = std::fs::read_to_string(kg.identity("alice")).expect("an identity");
    let key = kg.make_identity("new");
    kg.run_as("alice", &format!("user set-key alice --key {key}"))
        .success();
    kg.run_as("new", "whoami").success().says("alice");
    let said = kg.run_where(
        |fixture| fixture.variable("KUBEGRANT_IDENTITY", old.clone()),
        "whoami",
    );
    said.exit(4);
}

#[test]
fn disabling_ends_the_kubeconfig_on_the_cluster() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    assert_eq!(get(&file, PODS), 200);
    insta::assert_snapshot!(kg.run("user disable alice --yes"), @r"
        Name:     alice
        Role:     developer
        State:    disabled
        E-mail:   <none>
        Key:      [KEY]
        Added:    2026-11-22T10:00:00Z
        ----- stderr -----
        'alice' is disabled now.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        [exit 0]
    ");
    assert!(matches!(get(&file, PODS), 401 | 403));
    insta::assert_snapshot!(kg.run_as("alice", "whoami"), @r"
        ----- stderr -----
        error: user 'alice' is disabled and can do nothing
        [exit 4]
    ");
    kg.run_as("alice", "cluster list").exit(4).says("disabled");
}

#[test]
fn disabling_and_enabling_twice_changes_nothing() {
    let mut kg = home();
    kg.run("user disable alice --yes").success();
    kg.run("user disable alice --yes")
        .success()
        .says("nothing was changed");
    kg.run("user enable alice").success();
    kg.run("user enable alice")
        .success()
        .says("nothing was changed");
    assert_eq!(kg.events("user disable", "done"), 1);
    assert_eq!(kg.events("user enable", "done"), 1);
}

#[test]
fn an_enabled_user_has_their_grant_again_and_downloads_a_new_version() {
    let mut kg = Home::new();
    let old = kg.grant_and_download("alice", "read");
    kg.run("user disable alice --yes").success();
    kg.run("user enable alice").success();
    let new = kg.download_for("alice");
    assert_eq!(get(&new, PODS), 200);
    assert!(matches!(get(&old, PODS), 401 | 403));
    assert!(new.contains("-v2"));
}

#[test]
fn disabling_asks_and_off_a_terminal_wants_yes() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("user disable alice"), @r"
        ----- stderr -----
        error: cannot ask without a terminal; say it with `--yes`
        [exit 2]
    ");
    kg.run_as("alice", "whoami").success();
}

#[test]
fn an_admin_who_becomes_a_developer_opens_no_login_any_more() {
    let mut kg = Home::new();
    kg.run("user set-role alice admin").success();
    kg.run_as("alice", "cluster check prod").success();
    kg.run("user set-role alice developer").success();
    kg.run_as("alice", "cluster check prod").exit(3);
    // Rights come back with the role, and so does the login, sealed anew.
    kg.run("user set-role alice admin").success();
    kg.run_as("alice", "cluster check prod").success();
}
