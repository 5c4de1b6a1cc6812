//! The shapes of what is listed and shown, side by side. They are frozen: fields are added, never
//! renamed or retyped.

#![expect(clippy::too_many_lines, reason = "a shape in five formats is long")]

mod access;
mod cluster;
mod project;
mod ssh_key;
mod team;

use std::fmt::Write as _;

use crate::home::Home;

/// A command's output in every format, one under the other.
pub(crate) fn side_by_side(kg: &mut Home, line: &str) -> String {
    let mut text = String::new();
    for format in ["table", "wide", "json", "yaml", "name"] {
        let ran = kg.run(&format!("{line} -o {format}"));
        write!(text, "--- {format}\n{ran}\n").expect("a string takes all text");
    }
    text
}

pub(crate) fn home() -> Home {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read --for 2d --reason \"on call\"")
        .success();
    kg.tick(1);
    kg
}

#[test]
fn whoami() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "whoami"), @r#"
        --- table
        User:           olivia
        Role:           owner
        Projects:       <none>
        Organization:   Acme
        Key:            [KEY]
        Identity:       [HOME]/config/kubegrant/identity
        Store:          [HOME]/data/kubegrant/store.db
        Proves:         that you hold the private key of 'olivia'; whoever can read `[HOME]/config/kubegrant/identity` can do the same
        [exit 0]
        --- wide
        User:           olivia
        Role:           owner
        Projects:       <none>
        Organization:   Acme
        Key:            [KEY]
        Identity:       [HOME]/config/kubegrant/identity
        Store:          [HOME]/data/kubegrant/store.db
        Proves:         that you hold the private key of 'olivia'; whoever can read `[HOME]/config/kubegrant/identity` can do the same
        Public key:     [KEY]
        Installation:   e8dd943d
        [exit 0]
        --- json
        {
          "user": "olivia",
          "role": "owner",
          "projects": [],
          "held_by": null,
          "organization": "Acme",
          "installation": "e8dd943d",
          "key": "[KEY]",
          "fingerprint": "[KEY]",
          "identity": "[HOME]/config/kubegrant/identity",
          "store": "[HOME]/data/kubegrant/store.db",
          "proves": "that you hold the private key of 'olivia'; whoever can read `[HOME]/config/kubegrant/identity` can do the same"
        }
        [exit 0]
        --- yaml
        user: olivia
        role: owner
        projects: []
        held_by: null
        organization: Acme
        installation: e8dd943d
        key: [KEY]
        fingerprint: [KEY]
        identity: [HOME]/config/kubegrant/identity
        store: [HOME]/data/kubegrant/store.db
        proves: that you hold the private key of 'olivia'; whoever can read `[HOME]/config/kubegrant/identity` can do the same
        [exit 0]
        --- name
        user/olivia
        [exit 0]
    "#);
}

#[test]
fn user_list() {
    let mut kg = home();
    kg.run("user add carol --email carol@example.com").success();
    insta::assert_snapshot!(side_by_side(&mut kg, "user list"), @r#"
        --- table
        NAME     ROLE        STATE    EMAIL               KEY      AGE
        alice    developer   active   <none>              age      2026-11-22T10:00:00Z
        bob      developer   active   <none>              age      2026-11-22T10:00:00Z
        carol    developer   active   carol@example.com   <none>   2026-11-22T11:00:00Z
        olivia   owner       active   <none>              age      2026-11-22T10:00:00Z
        [exit 0]
        --- wide
        NAME     ROLE        STATE    EMAIL               KEY                                                              AGE
        alice    developer   active   <none>              [KEY]   2026-11-22T10:00:00Z
        bob      developer   active   <none>              [KEY]   2026-11-22T10:00:00Z
        carol    developer   active   carol@example.com   <none>                                                           2026-11-22T11:00:00Z
        olivia   owner       active   <none>              [KEY]   2026-11-22T10:00:00Z
        [exit 0]
        --- json
        [
          {
            "name": "alice",
            "email": null,
            "role": "developer",
            "active": true,
            "key": "[KEY]",
            "oidc": null,
            "created_at": "2026-11-22T10:00:00Z"
          },
          {
            "name": "bob",
            "email": null,
            "role": "developer",
            "active": true,
            "key": "[KEY]",
            "oidc": null,
            "created_at": "2026-11-22T10:00:00Z"
          },
          {
            "name": "carol",
            "email": "carol@example.com",
            "role": "developer",
            "active": true,
            "key": null,
            "oidc": null,
            "created_at": "2026-11-22T11:00:00Z"
          },
          {
            "name": "olivia",
            "email": null,
            "role": "owner",
            "active": true,
            "key": "[KEY]",
            "oidc": null,
            "created_at": "2026-11-22T10:00:00Z"
          }
        ]
        [exit 0]
        --- yaml
        - name: alice
          email: null
          role: developer
          active: true
          key: [KEY]
          oidc: null
          created_at: "2026-11-22T10:00:00Z"
        - name: bob
          email: null
          role: developer
          active: true
          key: [KEY]
          oidc: null
          created_at: "2026-11-22T10:00:00Z"
        - name: carol
          email: carol@example.com
          role: developer
          active: true
          key: null
          oidc: null
          created_at: "2026-11-22T11:00:00Z"
        - name: olivia
          email: null
          role: owner
          active: true
          key: [KEY]
          oidc: null
          created_at: "2026-11-22T10:00:00Z"
        [exit 0]
        --- name
        user/alice
        user/bob
        user/carol
        user/olivia
        [exit 0]
    "#);
}

#[test]
fn user_show() {
    let mut kg = home();
    insta::assert_snapshot!(side_by_side(&mut kg, "user show alice"), @r#"
        --- table
        Name:       alice
        Role:       developer
        State:      active
        E-mail:     <none>
        Key:        [KEY]
        Added:      2026-11-22T10:00:00Z
        Projects:   <none>
        [exit 0]
        --- wide
        Name:       alice
        Role:       developer
        State:      active
        E-mail:     <none>
        Key:        [KEY]
        Added:      2026-11-22T10:00:00Z
        Projects:   <none>
        [exit 0]
        --- json
        {
          "name": "alice",
          "email": null,
          "role": "developer",
          "active": true,
          "key": "[KEY]",
          "oidc": null,
          "created_at": "2026-11-22T10:00:00Z",
          "projects": [],
          "keeps": []
        }
        [exit 0]
        --- yaml
        name: alice
        email: null
        role: developer
        active: true
        key: [KEY]
        oidc: null
        created_at: "2026-11-22T10:00:00Z"
        projects: []
        keeps: []
        [exit 0]
        --- name
        user/alice
        [exit 0]
    "#);
}

#[test]
fn an_empty_list_is_a_sentence_for_people_and_empty_for_machines() {
    let mut kg = Home::new();
    let line = "access list --user bob";
    insta::assert_snapshot!(side_by_side(&mut kg, line), @r"
        --- table
        ----- stderr -----
        'bob' has no access to a cluster that you manage.
        [exit 0]
        --- wide
        ----- stderr -----
        'bob' has no access to a cluster that you manage.
        [exit 0]
        --- json
        []
        [exit 0]
        --- yaml
        []
        [exit 0]
        --- name
        [exit 0]
    ");
}

#[test]
fn a_terminal_gets_relative_times_and_quiet_leaves_only_data() {
    let mut kg = home();
    let ran = kg.run_where(
        |fixture| fixture.terminal(true).variable("NO_COLOR", "1"),
        "access list",
    );
    insta::assert_snapshot!(ran, @r"
        USER     CLUSTER   LEVEL   THROUGH              ENDS
        alice    prod      read    grant                in 47h
        olivia   prod      full    organization owner   <none>
        [exit 0]
    ");
    let ran = kg.run("access grant alice -c prod -l write --quiet");
    assert_eq!(ran.success().stderr, "");
}

#[test]
fn color_is_for_terminals_and_never_says_a_thing_alone() {
    let mut kg = home();
    let colored = kg.run("access list --color always");
    assert!(colored.stdout.contains('\u{1b}'));
    let plain = kg.run("access list");
    assert!(!plain.stdout.contains('\u{1b}'));
    let failed = kg.run_where(|f| f.terminal(true), "cluster show zzz");
    assert!(failed.stderr.contains("error:"), "{failed}");
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let mut kg = home();
    let ran = kg.run_where(kubegrant::env::Fixture::broken_stdout, "access list");
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""));
}
