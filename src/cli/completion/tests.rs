//! Tests of completion: the protocol in this process, the bash function in a real bash.

use std::process::{Command as Process, Stdio};

use chrono::DateTime;
use clap::{Arg, Command};

use super::*;
use crate::env::Fixture;

fn sample() -> Command {
    Command::new("kubegrant").subcommand(
        Command::new("access").subcommand(
            Command::new("grant")
                .arg(Arg::new("user").add(users()))
                .arg(
                    Arg::new("cluster")
                        .long("cluster")
                        .short('c')
                        .add(clusters()),
                )
                .arg(Arg::new("project").long("project").add(users())),
        ),
    )
}

fn provider(env: &Env, kind: Kind) -> Vec<(String, String)> {
    if env.variable("HOME").is_none() {
        return Vec::new();
    }
    let names: &[(&str, &str)] = match kind {
        Kind::Cluster => &[
            ("prod-us", "active"),
            ("prod-eu", "active: \u{202e}"),
            ("test", ""),
        ],
        Kind::Project => &[("shop", "editor")],
        Kind::User => &[
            ("alice@example.com", "admin"),
            ("bob", "developer"),
            ("team:data", ""),
        ],
    };
    names
        .iter()
        .map(|(name, help)| ((*name).to_owned(), (*help).to_owned()))
        .collect()
}

fn ask(fixture: Fixture, words: &[&str]) -> String {
    let fixture = fixture.variable("HOME", "/home/ana");
    let args: Vec<OsString> = ["kubegrant", "--"]
        .iter()
        .chain(words)
        .map(OsString::from)
        .collect();
    answer(fixture.env(), &args, sample, provider).expect("a question of a shell");
    assert_eq!(fixture.take_stderr(), "");
    fixture.take_stdout()
}

fn shell(name: &str) -> Fixture {
    Fixture::new(DateTime::UNIX_EPOCH).variable("COMPLETE", name)
}

fn bash(words: &[&str]) -> String {
    let index = (words.len() - 1).to_string();
    ask(
        shell("/bin/bash").variable("_CLAP_COMPLETE_INDEX", index),
        words,
    )
}

#[test]
fn names_come_from_the_provider() {
    assert_eq!(bash(&["kubegrant", "access", "grant", "b"]), "bob");
    assert_eq!(
        bash(&["kubegrant", "access", "grant", "--cluster", "prod"]),
        "prod-eu\nprod-us"
    );
    assert_eq!(bash(&["kubegrant", "access", "grant", "-c", "t"]), "test");
    assert_eq!(
        bash(&["kubegrant", "access", "grant", "--cluster=t"]),
        "--cluster=test"
    );
    assert_eq!(
        bash(&["kubegrant", "access", "grant", "--project", "team:"]),
        "team:data"
    );
    assert_eq!(bash(&["kubegrant", "acc"]), "access");
    assert_eq!(
        bash(&["kubegrant", "access", "grant", "--cluster", "none"]),
        ""
    );
}

#[test]
fn fish_and_zsh_also_get_help_that_cannot_harm() {
    let words = ["kubegrant", "access", "grant", "--cluster", "prod-e"];
    assert_eq!(ask(shell("fish"), &words), "prod-eu\tactive: \\u{202e}\n");
    let zsh = shell("zsh").variable("_CLAP_COMPLETE_INDEX", "4");
    assert_eq!(ask(zsh, &words), "prod-eu:active: \\\\u{202e}");
    let zsh = shell("zsh").variable("_CLAP_COMPLETE_INDEX", "4");
    assert!(
        ask(zsh, &words[..4]).contains("test"),
        "zsh leaves an empty word out"
    );
}

#[test]
fn a_shell_without_words_gets_its_script() {
    let fixture = shell("zsh");
    answer(fixture.env(), &["kubegrant".into()], sample, provider).expect("a question");
    assert_eq!(fixture.take_stdout(), registration(Shell::Zsh));
}

#[test]
fn any_other_run_goes_on() {
    for fixture in [Fixture::new(DateTime::UNIX_EPOCH), shell("0"), shell("")] {
        assert!(answer(fixture.env(), &["kubegrant".into()], sample, provider).is_err());
    }
}

#[test]
fn whatever_is_wrong_nothing_is_said() {
    assert_eq!(ask(shell("tcsh"), &["kubegrant", ""]), "");
    assert_eq!(
        ask(
            shell("bash").variable("_CLAP_COMPLETE_INDEX", "99"),
            &["kubegrant"]
        ),
        ""
    );
    ask(
        shell("bash").variable("_CLAP_COMPLETE_INDEX", "x"),
        &["kubegrant", ""],
    );
    ask(shell("bash"), &[]);
    // A provider that finds no store.
    let fixture = shell("bash").variable("_CLAP_COMPLETE_INDEX", "3");
    let args: Vec<OsString> = ["kubegrant", "--", "kubegrant", "access", "grant", ""]
        .map(OsString::from)
        .to_vec();
    answer(fixture.env(), &args, sample, provider).expect("a question of a shell");
    assert!(!fixture.take_stdout().contains("bob"));
}

/// Runs the bash function as bash would, with the words parted as bash parts them, and a
/// `kubegrant` that answers with the words it was asked about.
fn in_bash(line: &str, words: &[&str]) -> String {
    let (parts, last) = (words.join("' '"), words.len() - 1);
    let current = words[last].trim_start_matches(['=', ':', '@']);
    let script = format!(
        "{}\nkubegrant() {{ local IFS=' '; shift; printf 'asked [%s]' \
         \"$_CLAP_COMPLETE_INDEX\" >&3; \
         printf ' <%s>' \"$@\" >&3; printf '%s' \"${{@: -1}}ing\"; }}\n\
         exec 3>&1\nCOMP_WORDS=('{parts}'); COMP_CWORD={last}; COMP_LINE='{line}'; \
         COMP_POINT=${{#COMP_LINE}}\n_kubegrant kubegrant '{current}'\n\
         printf ' -> %s' \"${{COMPREPLY[*]}}\"\n",
        registration(Shell::Bash)
    );
    let output = Process::new("bash")
        .args(["--norc", "-c", &script])
        .stderr(Stdio::null())
        .output()
        .expect("bash runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn bash_puts_parted_words_together_again() {
    assert_eq!(
        in_bash("kubegrant access al", &["kubegrant", "access", "al"]),
        "asked [2] <kubegrant> <access> <al> -> aling"
    );
    assert_eq!(
        in_bash(
            "kubegrant --cluster=pr",
            &["kubegrant", "--cluster", "=", "pr"]
        ),
        "asked [1] <kubegrant> <--cluster=pr> -> pring"
    );
    assert_eq!(
        in_bash(
            "kubegrant a  alice@ex",
            &["kubegrant", "a", "alice", "@", "ex"]
        ),
        "asked [2] <kubegrant> <a> <alice@ex> -> exing"
    );
    assert_eq!(
        in_bash("kubegrant --cluster=", &["kubegrant", "--cluster", "="]),
        "asked [1] <kubegrant> <--cluster=> -> ing"
    );
    assert_eq!(
        in_bash("kubegrant team:d", &["kubegrant", "team", ":", "d"]),
        "asked [1] <kubegrant> <team:d> -> ding"
    );
    assert_eq!(
        in_bash("kubegrant a ", &["kubegrant", "a", ""]),
        "asked [2] <kubegrant> <a> <> -> ing"
    );
}

#[test]
fn every_action_of_the_audit_log_is_a_command() {
    let all = crate::cli::command();
    // Nobody types these: a store is brought up to date, and a link is claimed at a server.
    let untyped = [Action::Upgrade, Action::ShareClaim];
    let commands = Action::ALL.iter().filter(|it| !untyped.contains(it));
    for action in commands {
        // A flag is no command of its own.
        let mut words = action
            .as_str()
            .split(' ')
            .filter(|word| !word.starts_with('-'));
        let found = words.try_fold(&all, |command, word| command.find_subcommand(word));
        assert!(found.is_some(), "{action}");
    }
}

#[test]
fn every_other_command_touches_no_organization() {
    let all = crate::cli::command();
    let mut missing = Vec::new();
    for noun in all.get_subcommands() {
        let verbs: Vec<_> = noun.get_subcommands().collect();
        let names: Vec<String> = if verbs.is_empty() {
            vec![noun.get_name().to_owned()]
        } else {
            verbs
                .iter()
                .map(|verb| format!("{} {}", noun.get_name(), verb.get_name()))
                .collect()
        };
        missing.extend(names.into_iter().filter(|name| {
            let is_action = Action::ALL
                .iter()
                .any(|it| it.as_str() == name || it.as_str().starts_with(&format!("{name} ")));
            !is_action
        }));
    }
    // What they do is nobody's business but who runs them.
    let others = [
        "doctor",
        "kubeconfig remove",
        "open",
        "credential",
        "audit verify",
        "store upgrade",
        "store roles",
        "completions",
    ];
    assert_eq!(missing, others);
}
