//! Help that fits a screen: what `--help` shows of each command, what `kubegrant` alone says, and the topics of
//! `kubegrant help`.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::places::{ENVIRONMENT, FILES};
use crate::error::exit_codes;

/// What most people come for.
const FIVE: [(&str, &str); 5] = [
    (
        "kubegrant access grant bob -c prod --level read",
        "let somebody in",
    ),
    (
        "kubegrant kubeconfig download prod --user bob",
        "hand the file over",
    ),
    (
        "kubegrant access revoke bob -c prod",
        "take it back for real",
    ),
    (
        "kubegrant kubeconfig whose FILE",
        "say whose a found file is",
    ),
    ("kubegrant status", "what is pending"),
];

/// All commands, by what they are about. Each stands once; a test says so.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Begin",
        &["init", "doctor", "whoami", "login", "logout", "completions"],
    ),
    ("People", &["organization", "user", "team", "project"]),
    ("Clusters", &["cluster", "reconcile", "ssh-key"]),
    ("Access", &["access", "rbac"]),
    (
        "Hand over",
        &[
            "kubeconfig",
            "open",
            "credential",
            "shell",
            "serve",
            "share",
            "session",
        ],
    ),
    ("Safety", &["status", "audit", "backup", "restore", "store"]),
];

/// Makes a text.
type Text = fn() -> String;

/// What `kubegrant help` knows beside the commands.
const TOPICS: [(&str, Text); 4] = [
    ("exit-codes", codes),
    ("files", files),
    ("environment", environment),
    ("security", security),
];

/// How wide a topic's text is.
const WIDTH: usize = 80;

/// The commands with short help for `--help`; `kubegrant help COMMAND` has the long one.
pub(super) fn shaped(command: Command) -> Command {
    let template = template();
    with_examples(command)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .global(true)
                .action(ArgAction::HelpShort)
                .help("Print this; `kubegrant help COMMAND` says more")
                .help_heading("Global options"),
        )
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .global(true)
                .action(ArgAction::Version)
                .help("Print the version")
                .help_heading("Global options"),
        )
        .help_template(template)
}

/// Shows the examples of the long help in the short one too, and says where options are left out.
fn with_examples(command: Command) -> Command {
    let hides = command.get_arguments().any(Arg::is_hide_short_help_set);
    let name = command.get_name().to_owned();
    let examples = command.get_after_long_help().map(ToString::to_string);
    let more = hides.then(|| format!("`kubegrant help … {name}` has more options."));
    let below: Vec<&str> = more
        .as_deref()
        .into_iter()
        .chain(examples.as_deref())
        .collect();
    let command = if below.is_empty() {
        command
    } else {
        let below = below.join("\n\n");
        command.after_help(below)
    };
    command.mut_subcommands(with_examples)
}

/// What `kubegrant` alone says.
fn template() -> String {
    let mut text =
        "{about-with-newline}\n{usage-heading} {usage}\n\nMost come for one of these:\n".to_owned();
    text.extend(FIVE.map(|(line, what)| format!("  {line:<48} {what}\n")));
    text.push_str("\nCommands (`kubegrant COMMAND --help`):\n");
    text.extend(GROUPS.map(|(group, names)| format!("  {group:<11}{}\n", names.join(", "))));
    let topics = TOPICS.map(|(name, _)| name).join(", ");
    text.extend([
        "  help       COMMAND, ",
        &topics,
        "\n\nGlobal options:\n{options}",
    ]);
    text
}

/// The text of a topic, where `kubegrant help TOPIC` is asked.
pub(super) fn topic(args: &[OsString]) -> Option<String> {
    let [_, help, asked] = args else {
        return None;
    };
    let found = TOPICS.iter().find(|(name, _)| asked == name);
    let (_, text) = found.filter(|_| help == "help")?;
    Some(text())
}

fn codes() -> String {
    let rows = exit_codes();
    let rows = rows.iter().map(|(code, meaning)| (code.as_str(), *meaning));
    listed(
        "What a command's exit code says. Data goes to stdout, words to stderr.",
        rows,
    )
}

fn files() -> String {
    listed("Which files are read and written.", FILES.iter().copied())
}

fn environment() -> String {
    listed("Which variables are obeyed.", ENVIRONMENT.iter().copied())
}

fn security() -> String {
    let said = [
        (
            "What is sealed",
            "A cluster's two logins, only as age files: the manager's to the organization's owners and \
             admins, the issuer's, which hands out at most write, to the cluster's owner too. No token \
             of a user is stored. Names, grants and history are plain rows of a file of mode 0600.",
        ),
        (
            "What revoke does",
            "The account leaves the lists that give it power (403, in milliseconds), and is deleted \
             (401, within ten seconds: the API server caches logins). A command that says `no longer \
             works` has asked the API server. A stream that was open goes on until it reconnects, and \
             what somebody made with their access is yours to look at.",
        ),
        (
            "What write is",
            "Kubernetes' `view` everywhere, and `edit` only in namespaces where no account could lift \
             its holder higher: `edit` cluster-wide is cluster-admin by a detour. `kubegrant cluster \
             check` lists what is excluded, and why.",
        ),
        (
            "Who can do anything",
            "A cluster's admins (the operator's own kubeconfig, system:masters, the cloud's console), and \
             owners and admins of the organization, whose key opens the manager's login. When one of \
             them leaves: `user offboard`, then `cluster rotate-accounts` on each cluster.",
        ),
        (
            "What shows tampering",
            "Every change is an event that carries the hash of the one before, and the signature of whoever did \
             it; `kubegrant audit verify` reads them all. Where the log stands is kept on this machine and on each cluster.",
        ),
        (
            "What to do after a leak",
            "`kubegrant kubeconfig whose FILE` says whose it is and which command ends it.",
        ),
    ];
    listed(
        "The safety model in short; the book has all of it.",
        said.into_iter(),
    )
}

/// A sentence, and below it terms with what they mean.
fn listed<'t>(about: &str, rows: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let mut text = format!("{about}\n");
    for (term, meaning) in rows {
        text.extend(["\n  ", term, "\n"]);
        let lines = wrapped(meaning, WIDTH - 6).into_iter();
        text.extend(lines.map(|line| format!("      {line}\n")));
    }
    text
}

/// A text in lines of at most so many letters, where words allow.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many lines of a terminal a command's own help may take.
    const LINES_MAX: usize = 24;

    fn each(command: &Command, path: &str, found: &mut Vec<String>) {
        let mut own = command.clone();
        let help = own.render_help().to_string();
        let own: Vec<&str> = help
            .lines()
            .take_while(|line| *line != "Global options:")
            .collect();
        assert!(
            own.len() < help.lines().count(),
            "{path}: no global options\n{help}"
        );
        if own.len() > LINES_MAX {
            found.push(format!("{path}: {} lines\n{}", own.len(), own.join("\n")));
        }
        for below in command.get_subcommands() {
            if below.get_name() != "help" {
                each(below, &format!("{path} {}", below.get_name()), found);
            }
        }
    }

    #[test]
    fn every_help_fits_a_terminal() {
        let mut command = crate::cli::command().term_width(80);
        command.build();
        let mut found = Vec::new();
        each(&command, "kubegrant", &mut found);
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    }

    #[test]
    fn every_command_is_in_one_group() {
        let command = crate::cli::command();
        let mut named: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        named.sort_unstable();
        let present = command.get_subcommands().filter(|it| !it.is_hide_set());
        let mut present: Vec<&str> = present.map(Command::get_name).collect();
        present.sort_unstable();
        assert_eq!(named, present);
    }

    #[test]
    fn what_most_come_for_is_understood() {
        for (line, _) in FIVE {
            let parsed = crate::cli::command().try_get_matches_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }

    #[test]
    fn topics_are_told_and_nothing_else_is() {
        let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (name, _) in TOPICS {
            let text = topic(&args(&format!("kubegrant help {name}"))).expect("a text");
            assert!(
                text.lines().all(|line| line.chars().count() <= WIDTH + 20),
                "{text}"
            );
        }
        assert!(topic(&args("kubegrant help exit-codes")).is_some_and(|it| it.contains("  141\n")));
        for line in [
            "kubegrant help",
            "kubegrant help access",
            "kubegrant files x",
            "kubegrant",
        ] {
            assert_eq!(topic(&args(line)), None, "{line}");
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("", 8), Vec::<String>::new());
    }
}
