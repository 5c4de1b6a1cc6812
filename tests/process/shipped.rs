//! The shipped program as people and scripts meet it: the help of every command, each exit code, streams that are
//! closed, and completion in real shells.
//!
//! What the commands say is compared in tests/cli, and what pipes, disks and terminals do to them in
//! [`crate::glue`], [`crate::disk`] and [`crate::terminal`].

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use age::secrecy::ExposeSecret as _;
use assert_cmd::Command;
use clap::Command as Tree;
use kubegrant_sandbox::Action;
use rustix::process::Signal;

use crate::glue::has;
use crate::home::Home;

/// The program with these words, in this home.
fn program(home: &Home, words: &str) -> Command {
    Command::from_std(home.command(words))
}

/// Every command that is shown, as it is typed.
fn commands(tree: &Tree, typed: &str, found: &mut Vec<String>) {
    found.push(typed.trim().to_owned());
    let below = tree.get_subcommands();
    for below in below.filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        commands(below, &format!("{typed} {}", below.get_name()), found);
    }
}

/// `INSTA_UPDATE=always cargo test --test process shipped` accepts what is said now.
#[test]
fn the_help_of_every_command_is_as_it_was_accepted() {
    let home = Home::new();
    let mut found = Vec::new();
    commands(&kubegrant::generated::command(), "", &mut found);
    let mut said = String::new();
    let mut global = BTreeSet::new();
    for words in found {
        let ran = program(&home, &format!("{words} --help")).assert();
        let output = ran.success().stderr("").get_output().stdout.clone();
        let help = String::from_utf8(output).expect("text");
        // The same everywhere: it is compared once.
        let (own, rest) = help.split_once("Global options:\n").expect(&help);
        let (options, rest) = rest.split_once("\n\n").unwrap_or((rest, ""));
        global.insert(options.trim_end().to_owned());
        let own = format!("{own}{rest}");
        let line = format!("$ kubegrant {words}").trim_end().to_owned();
        write!(said, "{line} --help\n{}\n\n", own.trim_end()).expect("a text");
    }
    assert_eq!(global.len(), 1, "{global:?}");
    for options in global {
        writeln!(said, "Global options:\n{options}").expect("a text");
    }
    insta::assert_snapshot!("help", said);
}

/// A command line for each exit code that it can end with, in a home where it does.
#[test]
fn every_exit_code_is_that_of_the_program() {
    let home = Home::with_cluster();
    let identity = age::x25519::Identity::generate();
    home.write("bob.pub", &format!("{}\n", identity.to_public()));
    drop(home.call("user set-key bob --key bob.pub --yes").success());
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    drop(
        home.call("kubeconfig download dev --user bob --plain -f bob.conf")
            .success(),
    );
    let key = identity.to_string();
    let mut seen = BTreeSet::new();
    let mut ends = |words: &str, code: i32| {
        let mut command = program(&home, words);
        if words.starts_with("user add") {
            command.env("KUBEGRANT_IDENTITY", key.expose_secret());
        }
        let ran = command.assert().code(code);
        let is_silent = ran.get_output().stderr.is_empty();
        assert_eq!(is_silent, code == 0, "{words}: {:?}", ran.get_output());
        seen.insert(code.to_string());
    };
    ends("user list", 0);
    ends("user shwo bob", 2);
    ends("user show nobody", 3);
    ends("user add eve", 4);
    ends("init --organization Other --owner alice", 5);
    home.fault_all(Action::ResetBefore);
    ends("cluster check dev", 8);
    ends("access revoke bob --cluster dev --yes", 6);
    home.sandbox.clear_faults();
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(home.store(), mode).expect("it is ours");
    };
    mode(0o644);
    ends("user list", 7);
    mode(0o600);
    ends("reconcile", 0);
    // Somebody waits, and asks it to stop.
    home.sandbox.clear_requests();
    home.fault_all(Action::Hang);
    let started = home.start("cluster check dev");
    home.wait_until("a request", |home| !home.sandbox.requests().is_empty());
    started.signal(Signal::INT);
    drop(started.finish().code_is(130));
    home.sandbox.clear_faults();
    // The reader of this pipe is gone before anything is written.
    let left = home.shell("mkfifo pipe && exec 4<>pipe 5>pipe 4<&- && \"$1\" user list >&5");
    assert_eq!(left.code_is(141).stderr, "");
    drop(
        home.run("shell dev --level read -- sh -c 'exit'")
            .code_is(0),
    );
    drop(home.run("shell dev --level read -- false").code_is(1));
    drop(home.run("shell dev -- no-such-program").code_is(127));
    seen.extend(["130", "141", "any"].map(str::to_owned));
    // A fault of ours: no way to one is known.
    seen.insert("1".to_owned());
    let table = kubegrant::generated::exit_codes();
    let table: BTreeSet<String> = table.into_iter().map(|(code, _)| code).collect();
    assert_eq!(seen, table);
}

#[test]
fn streams_that_are_closed_hinder_nothing() {
    let home = Home::with_people();
    for (streams, words, code) in [
        (">&-", "user list", 0),
        (">&-", "--help", 0),
        ("2>&-", "user list", 0),
        ("2>&-", "user show nobody", 3),
        ("<&-", "user list", 0),
        ("<&- >&- 2>&-", "user list", 0),
        ("<&- >&- 2>&-", "user shwo", 2),
    ] {
        let ran = home.shell(&format!("\"$1\" {words} {streams}"));
        let ran = ran.code_is(code);
        assert!(!ran.stderr.contains("fault"), "{ran}");
    }
    drop(home.run("audit verify").success());
}

/// What a shell offers for `kubegrant user show b`, by its own script.
const COMPLETE: [(&str, &str); 3] = [
    (
        "bash",
        "eval \"$(kubegrant completions bash)\"
        complete -p kubegrant >/dev/null || exit 1
        COMP_WORDS=(kubegrant user show b) COMP_CWORD=3 COMP_LINE='kubegrant user show b' COMP_POINT=21
        _kubegrant kubegrant b show
        printf '%s\\n' \"${COMPREPLY[@]}\"",
    ),
    (
        "zsh",
        // The widgets that it calls exist at a prompt alone.
        "compdef() { [[ $2 == kubegrant ]] && completer=$1 }
        _describe() { print -l -- ${(P)4:-${(P)3}} }
        eval \"$(kubegrant completions zsh)\"
        words=(kubegrant user show b) CURRENT=4
        $completer",
    ),
    (
        "fish",
        "kubegrant completions fish | source
        complete --do-complete 'kubegrant user show b'",
    ),
];

#[test]
fn real_shells_complete_names_by_the_scripts_that_are_installed() {
    let home = Home::with_people();
    let folder = home.path().join("bin");
    std::fs::create_dir(&folder).expect("a folder");
    let binary = env!("CARGO_BIN_EXE_kubegrant");
    std::os::unix::fs::symlink(binary, folder.join("kubegrant")).expect("a link");
    for (shell, script) in COMPLETE {
        if !has(shell, "its completion") {
            continue;
        }
        home.write("complete", script);
        let mut command = std::process::Command::new(shell);
        home.inside(&mut command);
        command
            .arg("complete")
            .env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        let ran = Command::from_std(command).assert().success();
        let said = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
        let names: Vec<&str> = said
            .lines()
            .filter_map(|line| line.split([':', '\t']).next())
            .collect();
        assert_eq!(names, ["bob"], "{shell}: {:?}", ran.get_output());
    }
}
