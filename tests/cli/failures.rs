//! Every exit code with its message, bad names, bad stores, and what a hidden cluster looks like.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};

use crate::home::{Home, set_mode};

#[test]
fn exit_0_is_done_or_nothing_to_do() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").exit(0);
    kg.run("access grant alice -c prod -l read").exit(0);
    kg.run("--help").exit(0);
    kg.run("--version").exit(0);
}

#[test]
fn exit_2_is_a_wrong_command_line() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("acess list"), @r"
        ----- stderr -----
        error: unrecognized subcommand 'acess'

          tip: a similar subcommand exists: 'access'

        Usage: kubegrant [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
    ");
    insta::assert_snapshot!(kg.run("access grant alice"), @r"
        ----- stderr -----
        error: the following required arguments were not provided:
          --cluster <CLUSTER>
          --level <LEVEL>

        Usage: kubegrant access grant --cluster <CLUSTER> --level <LEVEL> <USER>

        For more information, try '--help'.
        [exit 2]
    ");
    insta::assert_snapshot!(kg.run("access list --clutser prod"), @r"
        ----- stderr -----
        error: unexpected argument '--clutser' found

          tip: a similar argument exists: '--cluster'

        Usage: kubegrant access list --cluster <CLUSTER>

        For more information, try '--help'.
        [exit 2]
    ");
    kg.run("").exit(2);
}

#[test]
fn exit_3_is_no_such_thing() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("cluster show prdo"), @r"
        ----- stderr -----
        error: no cluster 'prdo'

        hint: did you mean 'prod'?
        [exit 3]
    ");
    insta::assert_snapshot!(kg.run("access grant alcie -c prod -l read"), @r"
        ----- stderr -----
        error: no user 'alcie'

        hint: did you mean 'alice'?
        [exit 3]
    ");
    kg.run("cluster show zzz")
        .exit(3)
        .never_says("did you mean");
}

#[test]
fn exit_4_is_denied_by_the_rules_and_recorded() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    insta::assert_snapshot!(kg.run_as("alice", "cluster set prod --label a=b"), @r"
        ----- stderr -----
        error: 'alice' may not change settings on cluster 'prod': organization owners and admins, the cluster's owner, users with write, and the owners and editors of its project may

        hint: ask 'olivia'
        [exit 4]
    ");
    assert_eq!(kg.events("cluster set", "denied"), 1);
}

#[test]
fn exit_5_is_forbidden_by_the_state() {
    let mut kg = Home::new();
    kg.run("cluster archive prod --yes").success();
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        ----- stderr -----
        error: cluster 'prod' is archived: nobody can download or rotate a kubeconfig

        hint: run `kubegrant cluster unarchive prod`
        [exit 5]
    ");
}

#[test]
fn exit_6_is_recorded_and_owed() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    kg.run("access revoke alice -c prod --yes")
        .exit(6)
        .says("recorded, but not yet true on the cluster");
}

#[test]
fn exit_7_is_unsafe_or_damaged() {
    let mut kg = Home::new();
    set_mode(&kg.store(), 0o640);
    insta::assert_snapshot!(kg.run("cluster list"), @r"
        ----- stderr -----
        error: the store at `[HOME]/data/kubegrant/store.db` is not safe: others can use it (mode 640)

        hint: find out who could read or write it, `chmod 600 [HOME]/data/kubegrant/store.db`, and run `kubegrant audit verify`
        [exit 7]
    ");
}

#[test]
fn exit_8_is_unreachable_with_nothing_changed() {
    let mut kg = Home::new();
    kg.sandbox.stop();
    kg.run("kubeconfig download prod")
        .exit(8)
        .says("nothing was changed");
    kg.run("cluster check prod").exit(8);
}

#[test]
fn exit_130_is_an_interrupted_run() {
    let mut kg = Home::new();
    let ran = kg.run_where(
        |fixture| {
            fixture.interrupt().raise();
            fixture
        },
        "kubeconfig download prod",
    );
    insta::assert_snapshot!(ran, @r"
        ----- stderr -----
        error: interrupted; what was recorded stands

        hint: run `kubegrant status` to see whether anything is pending
        [exit 130]
    ");
    assert_eq!(kg.files(), ["admin.conf"]);
}

/// The test of each exit code. Each runs by itself; one that is gone does not compile.
const TESTS: &[(&str, fn())] = &[
    ("0", exit_0_is_done_or_nothing_to_do),
    ("2", exit_2_is_a_wrong_command_line),
    ("3", exit_3_is_no_such_thing),
    ("4", exit_4_is_denied_by_the_rules_and_recorded),
    ("5", exit_5_is_forbidden_by_the_state),
    ("6", exit_6_is_recorded_and_owed),
    ("7", exit_7_is_unsafe_or_damaged),
    ("8", exit_8_is_unreachable_with_nothing_changed),
    ("130", exit_130_is_an_interrupted_run),
];

/// Exit codes that are tested elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("1", "a fault of ours: no way to one is known"),
    ("141", "tests/process/glue.rs"),
    ("any", "tests/cli/shell.rs"),
];

#[test]
fn every_exit_code_of_the_table_has_a_test() {
    let tested = TESTS.iter().map(|(code, _)| *code);
    let elsewhere = ELSEWHERE.iter().map(|(code, _)| *code);
    let tested: BTreeSet<&str> = tested.chain(elsewhere).collect();
    let table = kubegrant::generated::exit_codes();
    let table: BTreeSet<&str> = table.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(tested, table);
}

#[test]
fn hostile_names_are_wrong_command_lines_and_never_shown_raw() {
    let mut kg = Home::new();
    let long = "a".repeat(300);
    let names = [
        "../x",
        "x/../y",
        "-x",
        "--",
        "x-",
        "a b",
        "",
        "x\u{1b}[31m",
        "x\ny",
        "x\u{202e}y",
        "аlice",
        "名前",
        "é",
        ".",
        "x.y",
        &long,
    ];
    for name in names {
        for words in [
            vec!["cluster", "show", name],
            vec!["user", "show", name],
            vec!["kubeconfig", "download", name],
            vec!["access", "grant", name, "-c", "prod", "-l", "read"],
            vec!["access", "grant", "alice", "-c", name, "-l", "read"],
            vec!["reconcile", name],
        ] {
            let ran = kg.run_words(&words);
            if name == "--" && words[0] == "reconcile" {
                continue; // An end of flags, after which nothing is named.
            }
            ran.exit(2);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!said.contains(hostile), "{name:?}: {said:?}");
        }
    }
    let bytes = OsString::from_vec(b"x\xff".to_vec());
    kg.run_words(&[OsString::from("cluster"), "show".into(), bytes])
        .exit(2);
    assert_eq!(kg.files(), ["admin.conf"]);
}

#[test]
fn a_hidden_cluster_is_answered_like_one_that_never_was() {
    let mut kg = Home::new();
    let second = Sandbox::start().expect("a sandbox");
    kg.set_clock(&second);
    kg.write("second.conf", &second.admin_kubeconfig_token());
    kg.run("cluster add seen --kubeconfig second.conf")
        .success();
    kg.run("access grant alice -c seen -l write").success();
    for format in ["table", "wide", "json", "yaml", "name"] {
        for line in [
            "cluster show NAME",
            "cluster check NAME",
            "cluster set NAME --label a=b",
            "cluster relink NAME --kubeconfig second.conf --yes",
            "access grant bob -c NAME -l read",
            "access grant zed -c NAME -l read",
            "access revoke bob -c NAME --yes",
            "access list --cluster NAME",
            "kubeconfig download NAME",
            "kubeconfig download NAME --user bob",
            "kubeconfig rotate NAME",
            "kubeconfig show NAME",
            "kubeconfig show NAME --user bob",
            "reconcile NAME",
            "reconcile seen NAME",
            "kubeconfig download NAME --dry-run",
            "cluster set NAME --exclude default --dry-run",
        ] {
            let ask = |kg: &mut Home, name: &str| {
                let line = format!("{} -o {format}", line.replace("NAME", name));
                let ran = kg.run_as("alice", &line);
                (
                    ran.code,
                    ran.stdout.replace(name, "NAME"),
                    ran.stderr.replace(name, "NAME"),
                )
            };
            let hidden = ask(&mut kg, "prod");
            let unknown = ask(&mut kg, "pond");
            assert_eq!(hidden, unknown, "{line}");
        }
    }
}

#[test]
fn a_misspelt_name_suggests_no_hidden_cluster() {
    let mut kg = Home::new();
    kg.run_as("alice", "cluster show prdo")
        .exit(3)
        .never_says("did you mean");
}

#[test]
fn without_a_store_the_way_to_one_is_said() {
    let mut kg = Home::empty(Sandbox::builder());
    insta::assert_snapshot!(kg.run("cluster list"), @r"
        ----- stderr -----
        error: no store at `[HOME]/data/kubegrant/store.db`

        hint: run `kubegrant init`, or say where the store is with `--store`; where somebody runs `kubegrant serve`, log in there: `kubegrant login URL`
        [exit 3]
    ");
}

#[test]
fn a_store_that_is_a_link_is_refused() {
    let mut kg = Home::new();
    let real = kg.root().join("data/kubegrant/real.db");
    std::fs::rename(kg.store(), &real).expect("moved");
    std::os::unix::fs::symlink(&real, kg.store()).expect("linked");
    insta::assert_snapshot!(kg.run("cluster list"), @r"
        ----- stderr -----
        error: the store at `[HOME]/data/kubegrant/store.db` is not safe: it is a link

        hint: name the file itself with `--store`
        [exit 7]
    ");
}

#[test]
fn a_store_in_a_folder_that_others_can_write_is_refused() {
    let mut kg = Home::new();
    set_mode(kg.store().parent().expect("a folder"), 0o777);
    insta::assert_snapshot!(kg.run("cluster list"), @r"
        ----- stderr -----
        error: the directory at `[HOME]/data/kubegrant` is not safe: others can write in it (mode 777)

        hint: run `chmod 700 [HOME]/data/kubegrant`; or, if others need it, move the store into a directory of your own (`mkdir -m 700 DIR && mv [HOME]/data/kubegrant/STORE* DIR`), and name it with `--store DIR/STORE`
        [exit 7]
    ");
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_alone() {
    let mut kg = Home::new();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.pragma_update(None, "user_version", 999).expect("set");
    drop(sql);
    let ran = kg.run("cluster list");
    ran.exit(7).says("newer kubegrant").says("999");
}

#[test]
fn a_database_of_something_else_is_refused_and_left_alone() {
    let mut kg = Home::new();
    let other = kg.path("other.db");
    let sql = rusqlite::Connection::open(&other).expect("open");
    sql.execute_batch("CREATE TABLE songs (name TEXT)")
        .expect("made");
    drop(sql);
    set_mode(&other, 0o600);
    let before = std::fs::read(&other).expect("bytes");
    insta::assert_snapshot!(kg.run("cluster list --store other.db"), @r"
        ----- stderr -----
        error: `[HOME]/work/other.db` is not a kubegrant store

        hint: name the store with `--store FILE`
        [exit 7]
    ");
    assert!(std::fs::read(&other).expect("bytes") == before);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let mut kg = Home::new();
    kg.write("other.db", &"hello ".repeat(1000));
    set_mode(&kg.path("other.db"), 0o600);
    insta::assert_snapshot!(kg.run("cluster list --store other.db"), @r"
        ----- stderr -----
        error: `[HOME]/work/other.db` is not a kubegrant store

        hint: name the store with `--store FILE`
        [exit 7]
    ");
}

#[test]
fn a_login_moved_to_another_row_does_not_open() {
    let mut kg = Home::new();
    let second = Sandbox::start().expect("a sandbox");
    kg.set_clock(&second);
    kg.write("second.conf", &second.admin_kubeconfig_token());
    kg.run("cluster add second --kubeconfig second.conf")
        .success();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch(
        "UPDATE clusters SET manager_secret =
           (SELECT manager_secret FROM clusters WHERE name = 'second') WHERE name = 'prod'",
    )
    .expect("moved");
    drop(sql);
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("cluster check prod"), @r"
        ----- stderr -----
        error: the record of cluster 'prod' was changed in the store without kubegrant

        hint: run `kubegrant audit verify`; then restore a backup, or let an organization owner look at it and run `kubegrant audit accept`
        [exit 7]
    ");
    assert!(kg.sandbox.requests().is_empty());
    // Also where an owner was careless: the sealed bytes know their record.
    kg.run("audit accept --reason careless --yes").success();
    insta::assert_snapshot!(kg.run("cluster check prod"), @r"
        ----- stderr -----
        error: the manager login of cluster 'prod' is damaged
          caused by: the sealed bytes of clusters.manager_secret of 'prod' belong to another record; somebody changed the store

        hint: run `kubegrant audit verify`, then `kubegrant cluster relink prod --kubeconfig FILE`
        [exit 7]
    ");
    assert!(kg.sandbox.requests().is_empty());
}

#[test]
fn a_busy_server_is_asked_again_and_then_said_to_be_busy() {
    let mut kg = Home::new();
    let busy = |nth| Fault {
        matches: Match {
            path_contains: Some("/namespaces?".to_owned()),
            nth,
            ..Match::default()
        },
        action: Action::Status {
            code: 429,
            retry_after: Some(0),
        },
    };
    kg.sandbox.fault(busy(Some(1)));
    kg.run("cluster check prod").success();
    kg.sandbox.clear_faults();
    kg.sandbox.fault(busy(None));
    kg.run("cluster check prod").exit(8);
}

#[test]
fn a_home_that_is_not_set_is_said() {
    let mut kg = Home::new();
    let ran = kg.run_where(
        |fixture| {
            ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"]
                .into_iter()
                .fold(fixture, |fixture, name| fixture.variable(name, ""))
        },
        "cluster list",
    );
    insta::assert_snapshot!(ran, @r"
        ----- stderr -----
        error: no home directory: set HOME, or say where with `--store`
        [exit 2]
    ");
}
