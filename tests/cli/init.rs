//! `kubegrant init`.

use std::os::unix::fs::PermissionsExt as _;

use kubegrant_sandbox::Sandbox;

use crate::home::Home;

fn home() -> Home {
    Home::empty(Sandbox::builder())
}

#[test]
fn init_makes_an_organization_an_owner_and_an_identity() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("init --organization Acme --owner olivia"), @r"
        Organization:   Acme
        Owner:          olivia
        Key:            [KEY]
        Store:          [HOME]/data/kubegrant/store.db
        Identity:       [HOME]/config/kubegrant/identity
        ----- stderr -----
        Organization 'Acme' is ready, and 'olivia' is its owner.
        Keep `[HOME]/config/kubegrant/identity` safe: whoever has it acts as 'olivia'.
        hint: register a cluster with `kubegrant cluster add NAME --kubeconfig FILE`
        [exit 0]
    ");
}

#[test]
fn init_twice_changes_nothing_and_says_so() {
    let mut kg = home();
    kg.run("init --organization Acme --owner olivia").success();
    let identity = std::fs::read(kg.identity("olivia")).expect("an identity");
    insta::assert_snapshot!(kg.run("init --organization Acme --owner olivia"), @r"
        Organization:   Acme
        Owner:          olivia
        Key:            [KEY]
        Store:          [HOME]/data/kubegrant/store.db
        Identity:       [HOME]/config/kubegrant/identity
        ----- stderr -----
        The organization exists already; nothing was changed.
        [exit 0]
    ");
    assert_eq!(
        std::fs::read(kg.identity("olivia")).expect("an identity"),
        identity
    );
    kg.run("whoami").success().says("Acme");
}

#[test]
fn a_store_holds_one_organization() {
    let mut kg = home();
    kg.run("init --organization Acme --owner olivia").success();
    insta::assert_snapshot!(kg.run("init --organization Other --owner mallory"), @r"
        ----- stderr -----
        error: the store at `[HOME]/data/kubegrant/store.db` is that of organization 'Acme'

        hint: make a store for 'Other' with `--store FILE`
        [exit 5]
    ");
    kg.run("whoami").success().says("Acme");
}

#[test]
fn what_init_makes_is_private() {
    let mut kg = home();
    kg.run("init --organization Acme --owner olivia").success();
    let mode = |path: &std::path::Path| {
        let found = std::fs::metadata(path).expect("there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(&kg.store()), 0o600);
    assert_eq!(mode(kg.store().parent().expect("a folder")), 0o700);
    assert_eq!(mode(&kg.identity("olivia")), 0o600);
    assert_eq!(
        mode(kg.identity("olivia").parent().expect("a folder")),
        0o700
    );
}

#[test]
fn init_asks_on_a_terminal_for_what_is_missing() {
    let mut kg = home();
    let asked = kg.run_where(
        |fixture| {
            let fixture = fixture.terminal(true);
            fixture.type_in("Acme\nolivia\n");
            fixture
        },
        "init --color never",
    );
    insta::assert_snapshot!(asked, @r"
        Organization:   Acme
        Owner:          olivia
        Key:            [KEY]
        Store:          [HOME]/data/kubegrant/store.db
        Identity:       [HOME]/config/kubegrant/identity
        ----- stderr -----
        Organization: Your user name: Organization 'Acme' is ready, and 'olivia' is its owner.
        Keep `[HOME]/config/kubegrant/identity` safe: whoever has it acts as 'olivia'.
        hint: register a cluster with `kubegrant cluster add NAME --kubeconfig FILE`
        [exit 0]
    ");
}

#[test]
fn init_off_a_terminal_names_the_flag_that_is_missing() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("init --organization Acme"), @r"
        ----- stderr -----
        error: cannot ask without a terminal; say it with `--owner`
        [exit 2]
    ");
    assert!(!kg.store().exists());
}

#[test]
fn init_takes_an_identity_that_is_there() {
    let mut kg = home();
    let key = kg.make_identity("alice");
    let made = kg
        .run_as("alice", "init --organization Acme --owner alice -o json")
        .success()
        .json();
    assert_eq!(made["key"], key);
    kg.run_as("alice", "whoami").success();
    let usual = kg.identity("olivia");
    assert_eq!(usual.read_link().expect("a link"), kg.identity("alice"));
    // Every command finds it from here on.
    kg.run("whoami").success();
}

#[test]
fn init_refuses_a_name_that_is_none() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("init --organization Acme --owner ../x"), @r"
        ----- stderr -----
        error: invalid value '../x' for '--owner <USER>': '../x' is not a user name: use lower-case letters, digits and '-', not at either end

        For more information, try '--help'.
        [exit 2]
    ");
    kg.run("init --organization \"a\u{1b}[31m\" --owner olivia")
        .exit(2);
    assert!(!kg.store().exists());
}

#[test]
fn a_dry_run_of_init_makes_nothing() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("init --organization Acme --owner olivia --dry-run"), @r"
        WOULD
        make the store `[HOME]/data/kubegrant/store.db` of organization 'Acme'
        make an identity at `[HOME]/config/kubegrant/identity`
        add user 'olivia' as its owner
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    ");
    assert!(!kg.store().exists());
    assert!(!kg.identity("olivia").exists());
}
