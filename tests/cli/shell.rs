//! `shell`: a credential of its own, ended with its command.

use crate::home::{Home, PODS, get, yaml};

/// A command that keeps a copy of its kubeconfig in the working directory.
const COPY: &str = "-- sh -c \"cat $KUBECONFIG > copy\"";

fn home() -> Home {
    let mut home = Home::new();
    home.run("kubeconfig download prod -f own").success();
    home
}

/// Runs a command in a shell; the folder of its files is in the home.
fn shell(home: &mut Home, line: &str) -> crate::home::Ran {
    let folder = home.root().join("run");
    std::fs::create_dir_all(&folder).expect("a folder");
    let line = format!("shell {line}");
    let ran = home.run_where(
        |world| {
            world
                .variable("XDG_RUNTIME_DIR", &folder)
                .variable("PATH", "/usr/bin:/bin")
                .variable("KUBEGRANT_IDENTITY_FILE", home_identity(&folder))
        },
        &line,
    );
    // The names that are completed with a store in a database are no shell's.
    let left = std::fs::read_dir(&folder).expect("a folder");
    let left = left.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name != "kubegrant"
    });
    assert_eq!(left.count(), 0, "nothing is left");
    ran
}

fn home_identity(folder: &std::path::Path) -> std::path::PathBuf {
    folder.with_file_name("config/kubegrant/identity")
}

#[test]
fn the_credential_ends_with_the_command() {
    let mut home = home();
    let ran = shell(&mut home, &format!("prod {COPY}"));
    insta::assert_snapshot!(ran, @r"
    ----- stderr -----
    warning: this shell had all power on cluster 'prod': tokens that were minted with it for other accounts, the manager's too, and bindings that were made live on
    hint: end it with `kubegrant cluster rotate-accounts prod`, which lists what others bound
    [exit 0]
    ");
    let copy = home.read("copy");
    assert_eq!(yaml(&copy)["users"][0]["name"], "kubegrant-olivia@prod-s1");
    assert_ne!(get(&copy, PODS), 200);
    assert_eq!(
        get(&home.read("own"), PODS),
        200,
        "the personal one lives on"
    );
    home.run("status").success();
    let found = home.run("kubeconfig whose copy -o json").json();
    assert_eq!(found[0]["owner"], "olivia/shell");
    assert_eq!(found[0]["state"], "revoked");
    assert_eq!(found[0]["ended_because"], "the shell has ended");
    shell(&mut home, "prod -- true").success();
    assert_eq!(home.accounts().len(), 1, "one of each shell is none");
}

#[test]
fn the_exit_code_is_the_commands() {
    let mut home = home();
    shell(&mut home, "prod -- sh -c \"exit 42\"").exit(42);
    shell(&mut home, "prod -- sh -c \"kill -9 $$\"").exit(137);
    shell(&mut home, "prod -- no-such-command")
        .exit(127)
        .says("cannot run");
    shell(&mut home, "prod -- /").exit(126);
    assert_eq!(home.accounts().len(), 1);
}

#[test]
fn a_lower_level_is_given_and_a_higher_one_never() {
    let mut home = home();
    shell(
        &mut home,
        "prod --level read -- sh -c \"cat $KUBECONFIG > copy\"",
    )
    .success();
    let found = home.run("kubeconfig whose copy -o json").json();
    assert_eq!(found[0]["level"], "read");
    home.run("access grant bob --cluster prod --level read")
        .success();
    shell(&mut home, "prod --as bob --level write -- true")
        .exit(5)
        .says("a shell cannot have more");
    shell(&mut home, "prod --as bob --level read -- true").success();
}

#[test]
fn who_may_not_download_gets_no_shell() {
    let mut home = home();
    shell(&mut home, "prod --as bob -- true").exit(3);
    home.run("access grant bob --cluster prod --level read")
        .success();
    home.run("team revoke bob --cluster prod --yes").success();
    shell(&mut home, "prod --as bob -- true")
        .exit(4)
        .says("Access Revoked");
    home.run("team restore bob --cluster prod").success();
    home.run("user disable bob --yes").success();
    shell(&mut home, "prod --as bob -- true").exit(4);
    home.run("cluster archive prod --revoke-all --yes")
        .success();
    shell(&mut home, "prod -- true").exit(5).says("archived");
    shell(&mut home, "prod --ttl 5m -- true").exit(2);
    shell(&mut home, "prod --ttl 25h -- true").exit(2);
}

#[test]
fn an_api_server_that_is_away_changes_nothing() {
    let mut home = home();
    home.sandbox.stop();
    shell(&mut home, "prod -- true").exit(8);
    home.run("status").success();
    home.sandbox.restart().expect("it starts again");
    home.run("shell prod --dry-run -- true")
        .success()
        .says("dry run");
    assert_eq!(home.accounts().len(), 1);
}

#[test]
fn the_identity_stays_outside() {
    let mut home = home();
    let text = std::fs::read_to_string(home.identity("olivia")).expect("an identity");
    let line = "shell prod -- sh -c \"env > variables\"";
    home.run_where(
        |world| {
            world
                .variable("KUBEGRANT_IDENTITY", &text)
                .variable("PATH", "/usr/bin:/bin")
        },
        line,
    )
    .success();
    let variables = home.read("variables");
    assert!(variables.contains("KUBEGRANT_SHELL=prod"), "{variables}");
    assert!(!variables.contains("AGE-SECRET-KEY"));
    assert!(!variables.contains("eyJ"));
}
