//! Completion: shells ask the program itself, so that names come from the store.
//!
//! A shell runs `COMPLETE=SHELL kubegrant -- WORDS…`. This is clap's protocol, answered through
//! `Env` instead of the process, and with a bash function that completes words which hold `=`,
//! `@` or `:`. Whatever goes wrong, nothing is said: a message would land in the user's prompt.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io::Write;

use clap::Command;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use clap_complete::env::EnvCompleter;

use crate::domain::action::Action;
use crate::env::Env;
use crate::output::sanitize;

/// The name of the program, as shells know it.
const NAME: &str = "kubegrant";

/// The shells that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// bash, 4.0 or newer
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A registered cluster.
    Cluster,
    /// A project.
    Project,
    /// A user.
    User,
}

/// Looks up the names of a kind, each with a word of help. It must not print, ask, or take longer
/// than a tenth of a second; where it fails it returns nothing.
pub(crate) type Provider = fn(&Env, Kind) -> Vec<(String, String)>;

thread_local! {
    /// What completers look names up in. Clap gives them the typed word and nothing else.
    static ASKED: RefCell<Option<(Env, Provider)>> = const { RefCell::new(None) };
}

/// Completes cluster names: `#[arg(add = completion::clusters())]`.
pub(crate) fn clusters() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| candidates(Kind::Cluster, current))
}

/// Completes project names.
pub(crate) fn projects() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| candidates(Kind::Project, current))
}

/// Completes user names.
pub(crate) fn users() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| candidates(Kind::User, current))
}

/// Completes actions, as the audit log names them.
pub(crate) fn actions() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let begun = |it: &&Action| {
            current
                .to_str()
                .is_some_and(|typed| it.as_str().starts_with(typed))
        };
        let begun = Action::ALL.iter().filter(begun);
        begun
            .map(|it| CompletionCandidate::new(it.as_str()))
            .collect()
    })
}

fn candidates(kind: Kind, current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else {
        return Vec::new();
    };
    ASKED.with_borrow(|asked| {
        let Some((env, provider)) = asked else {
            return Vec::new();
        };
        let mut names = provider(env, kind);
        names.retain(|(name, _)| name.starts_with(current));
        names.sort();
        names
            .into_iter()
            .map(|(name, help)| {
                CompletionCandidate::new(name).help((!help.is_empty()).then(|| help.into()))
            })
            .collect()
    })
}

/// Answers a shell that asks for completion; gives the environment back where none does.
///
/// `Ok(())` means that this run was a question of a shell, and is over.
pub(crate) fn answer(
    mut env: Env,
    args: &[OsString],
    command: impl FnOnce() -> Command,
    provider: Provider,
) -> Result<(), Box<Env>> {
    let Some(shell) = env.variable("COMPLETE").filter(|shell| *shell != "0") else {
        return Err(Box::new(env));
    };
    let Some(shell) = shell_named(shell) else {
        return Ok(());
    };
    let text = match args.iter().position(|arg| arg == "--") {
        None => registration(shell),
        Some(escape) => {
            let words = args[escape + 1..].to_vec();
            let question = Question::new(&env, shell, words);
            let current_dir = env.current_dir.clone();
            ASKED.set(Some((env, provider)));
            let found = complete(
                &mut command(),
                question.words,
                question.index,
                Some(&current_dir),
            );
            let Some((returned, _)) = ASKED.take() else {
                return Ok(());
            };
            env = returned;
            found
                .map(|found| written(shell, &question.separator, &found))
                .unwrap_or_default()
        }
    };
    // A shell that does not listen any more needs no answer.
    env.stdout
        .write_all(text.as_bytes())
        .and_then(|()| env.stdout.flush())
        .ok();
    Ok(())
}

/// What a shell wants to know.
struct Question {
    words: Vec<OsString>,
    index: usize,
    separator: String,
}

impl Question {
    fn new(env: &Env, shell: Shell, mut words: Vec<OsString>) -> Self {
        let last = words.len().saturating_sub(1);
        let index = match shell {
            Shell::Fish => last,
            Shell::Bash | Shell::Zsh => env
                .variable("_CLAP_COMPLETE_INDEX")
                .and_then(|index| index.parse().ok())
                .unwrap_or(last),
        };
        // Zsh leaves an empty last word out.
        if index == words.len() {
            words.push(OsString::new());
        }
        let separator = env.variable("_CLAP_IFS").unwrap_or("\n").to_owned();
        Self {
            words,
            index,
            separator,
        }
    }
}

/// Writes candidates as the stock scripts of clap expect them.
fn written(shell: Shell, separator: &str, found: &[CompletionCandidate]) -> String {
    let lines: Vec<String> = found
        .iter()
        .map(|candidate| {
            let value = candidate.get_value().to_string_lossy();
            let help = candidate
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let help = sanitize::line(help.lines().next().unwrap_or_default());
            match shell {
                Shell::Bash => value.into_owned(),
                Shell::Zsh | Shell::Fish if help.is_empty() => quoted(shell, &value),
                Shell::Zsh => format!("{}:{}", quoted(shell, &value), help.replace('\\', "\\\\")),
                Shell::Fish => format!("{value}\t{help}"),
            }
        })
        .collect();
    match shell {
        Shell::Fish => lines
            .into_iter()
            .fold(String::new(), |text, line| text + &line + "\n"),
        Shell::Bash | Shell::Zsh => lines.join(separator),
    }
}

/// In zsh a colon parts a value from its help.
fn quoted(shell: Shell, value: &str) -> String {
    match shell {
        Shell::Zsh => value.replace('\\', "\\\\").replace(':', "\\:"),
        Shell::Bash | Shell::Fish => value.to_owned(),
    }
}

fn shell_named(path: &str) -> Option<Shell> {
    match path.rsplit('/').next()? {
        "bash" => Some(Shell::Bash),
        "zsh" => Some(Shell::Zsh),
        "fish" => Some(Shell::Fish),
        _ => None,
    }
}

/// Returns the script that makes a shell ask `kubegrant`: what `completions SHELL` prints.
pub(crate) fn registration(shell: Shell) -> String {
    let mut script = Vec::new();
    let stock: &dyn EnvCompleter = match shell {
        Shell::Bash => return include_str!("completion.bash").to_owned(),
        Shell::Zsh => &clap_complete::env::Zsh,
        Shell::Fish => &clap_complete::env::Fish,
    };
    stock
        .write_registration("COMPLETE", NAME, NAME, NAME, &mut script)
        .expect("memory takes all bytes");
    String::from_utf8(script).expect("the stock scripts are text")
}

#[cfg(test)]
mod tests;
