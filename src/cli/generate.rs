//! The files that are made from the commands: completions, man pages, README's exit codes, and what a server answers.
//!
//! They are committed, so that packages need not run the program; a test keeps them fresh.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::completion::{self, Shell};
use crate::error::exit_codes;

/// Which files are read and written.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "$XDG_CONFIG_HOME/kubegrant/identity",
        "The private key that says who is acting. Default folder: ~/.config. Mode 0600.",
    ),
    (
        "$XDG_DATA_HOME/kubegrant/store.db",
        "The store. Default folder: ~/.local/share. Mode 0600. Beside it: its write-ahead log, and a \
         lock file for each cluster.",
    ),
    (
        "$XDG_DATA_HOME/kubegrant/renew/NAME.age",
        "What renews a kubeconfig, sealed to its user. Mode 0600.",
    ),
    (
        "$XDG_RUNTIME_DIR/kubegrant/cred-*",
        "The short token of a kubeconfig that renews itself, and the lock of those who mint it; else \
         in $XDG_CACHE_HOME/kubegrant. Default folder of that: ~/.cache. Mode 0600.",
    ),
    (
        "$XDG_CONFIG_HOME/kubegrant/hosts.toml",
        "The servers that one logged in to, and what proves them. No secret.",
    ),
    (
        "$XDG_RUNTIME_DIR/kubegrant/session-*",
        "A session at a server; else in $XDG_CACHE_HOME/kubegrant. Mode 0600.",
    ),
    (
        "$XDG_STATE_HOME/kubegrant/serve-HOST.crt, serve-HOST.key",
        "The certificate of `serve --self-signed`, and its key.",
    ),
    (
        "CLUSTER.kubeconfig",
        "A downloaded kubeconfig, in the working directory. Mode 0600.",
    ),
    (
        "CLUSTER.USER.kubeconfig.age",
        "A kubeconfig for somebody else, sealed to their key. Mode 0600.",
    ),
];

/// How README's table of exit codes begins.
const TABLE_HEAD: &str = "| code | meaning |\n|---|---|\n";

/// Which variables are obeyed.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "KUBEGRANT_IDENTITY_FILE",
        "The identity file, instead of the default one.",
    ),
    ("KUBEGRANT_IDENTITY", "The identity itself, for CI jobs."),
    (
        "KUBEGRANT_STORE",
        "The store's file, instead of the default one.",
    ),
    (
        "KUBEGRANT_HOST",
        "Which server to ask, where there is no store and several are known.",
    ),
    ("SSH_AUTH_SOCK", "The SSH agent, for `login --agent`."),
    (
        "KUBEGRANT_ID_TOKEN, KUBEGRANT_ID_TOKEN_FILE",
        "The ID token of a CI job, or the file with it, for `login --job`; GitHub's jobs need neither.",
    ),
    (
        "KUBECONFIG",
        "Where `cluster add` and `cluster relink` look for kubeconfigs: a list, as kubectl has it.",
    ),
    (
        "HTTPS_PROXY, NO_PROXY",
        "The proxy on the way to an API server, where its kubeconfig names none, to `kubegrant serve`, and to OpenID issuers.",
    ),
    (
        "KUBERNETES_EXEC_INFO",
        "What kubectl asks of `credential`, in its own words.",
    ),
    (
        "XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR",
        "Where the files are.",
    ),
    ("NO_COLOR", "No colour, where it is not empty."),
    (
        "CLICOLOR, CLICOLOR_FORCE, TERM",
        "Whether to colour, as other programs understand them.",
    ),
];

/// Makes all files, as paths below the root of the repository and their bytes.
fn files(command: Command, root: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut made = vec![
        ("completions/kubegrant.bash", Shell::Bash),
        ("completions/_kubegrant", Shell::Zsh),
        ("completions/kubegrant.fish", Shell::Fish),
    ]
    .into_iter()
    .map(|(path, shell)| {
        (
            PathBuf::from(path),
            completion::registration(shell).into_bytes(),
        )
    })
    .collect();
    let mut command = command.disable_help_subcommand(true);
    command.build();
    pages(&command, true, &mut made)?;
    made.extend(readme(root)?);
    let routes = super::openapi::text().into_bytes();
    made.push((PathBuf::from("openapi.json"), routes));
    Ok(made)
}

/// Writes all files below `root`, takes away man pages of commands that are no more, and returns
/// what changed.
#[expect(
    clippy::disallowed_methods,
    reason = "these files are public and belong to the source"
)]
pub fn write_all(command: Command, root: &Path) -> io::Result<Vec<PathBuf>> {
    let made = files(command, root)?;
    let stale = stale_among(&made, root);
    for path in &stale {
        let target = root.join(path);
        match made.iter().find(|(name, _)| name == path) {
            Some((_, bytes)) => {
                target.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                std::fs::write(&target, bytes)?;
            }
            None => std::fs::remove_file(&target)?,
        }
    }
    Ok(stale)
}

/// Finds the files below `root` that are not what the commands would make now: changed, missing,
/// or left over.
pub fn stale(command: Command, root: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(stale_among(&files(command, root)?, root))
}

fn stale_among(made: &[(PathBuf, Vec<u8>)], root: &Path) -> Vec<PathBuf> {
    let differs = |path: &Path, bytes: &[u8]| {
        std::fs::read(root.join(path))
            .ok()
            .is_none_or(|present| present != bytes)
    };
    let mut stale: Vec<PathBuf> = made
        .iter()
        .filter(|(path, bytes)| differs(path, bytes))
        .map(|(path, _)| path.clone())
        .collect();
    let present = std::fs::read_dir(root.join("man"))
        .into_iter()
        .flatten()
        .flatten();
    let mut left_over: Vec<PathBuf> = present
        .map(|entry| Path::new("man").join(entry.file_name()))
        .filter(|path| path.extension().is_some_and(|end| end == "1"))
        .filter(|path| !made.iter().any(|(name, _)| name == path))
        .collect();
    left_over.sort();
    stale.append(&mut left_over);
    stale
}

/// Makes the page of a command and of every one below it that is not hidden.
fn pages(command: &Command, is_top: bool, made: &mut Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("kubegrant manual");
    let path = Path::new("man").join(man.get_filename());
    let mut page = Vec::new();
    if is_top {
        top_page(&man, command, &mut page)?;
    } else {
        man.render(&mut page)?;
    }
    made.push((path, named_examples(page)));
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        pages(below, false, made)?;
    }
    Ok(())
}

/// Gives the section of examples its usual name: the generator knows it as what is left over.
fn named_examples(page: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(page) {
        Ok(text) => text
            .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n")
            .into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

/// Makes the first page, with what holds for all commands.
fn top_page(man: &Man, command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    if command.get_after_long_help().is_some() || command.get_after_help().is_some() {
        man.render_extra_section(page)?;
    }
    let codes: Vec<(String, String)> = exit_codes()
        .into_iter()
        .map(|(code, meaning)| (code, sentence(meaning)))
        .collect();
    let codes: Vec<(&str, &str)> = codes
        .iter()
        .map(|(code, meaning)| (code.as_str(), meaning.as_str()))
        .collect();
    for (heading, entries) in [
        ("EXIT STATUS", codes.as_slice()),
        ("FILES", FILES),
        ("ENVIRONMENT", ENVIRONMENT),
    ] {
        let mut section = Roff::new();
        section.control("SH", [heading]);
        for (term, meaning) in entries {
            section.control("TP", []);
            section.text([bold(*term)]);
            section.text([roman(*meaning)]);
        }
        section.to_writer(page)?;
    }
    Ok(())
}

/// A meaning with a capital and a full stop.
fn sentence(meaning: &str) -> String {
    let mut letters = meaning.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// README with the exit codes of now, in place of the table that it has; nothing where there is no
/// README.
fn readme(root: &Path) -> io::Result<Option<(PathBuf, Vec<u8>)>> {
    let path = PathBuf::from("README.md");
    let text = match std::fs::read_to_string(root.join(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((before, rest)) = text.split_once(TABLE_HEAD) else {
        return Err(io::Error::other(format!("README.md lacks {TABLE_HEAD:?}")));
    };
    let mut made = format!("{before}{TABLE_HEAD}");
    let rows = exit_codes().into_iter();
    let rows = rows.map(|(code, meaning)| format!("| {code} | {meaning} |\n"));
    made.extend(rows);
    let after = rest.split_inclusive('\n');
    made.extend(after.skip_while(|line| line.starts_with('|')));
    Ok(Some((path, made.into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(verbs: &[&'static str]) -> Command {
        let access = Command::new("access")
            .about("Manage access")
            .subcommands(verbs.iter().map(|verb| Command::new(*verb).about("Do it")))
            .subcommand(Command::new("secret").hide(true));
        Command::new("kubegrant")
            .version("0.1.0")
            .about("Manage who may")
            .subcommand(access)
    }

    /// A root without a README.
    fn nowhere() -> &'static Path {
        Path::new("/nowhere")
    }

    #[test]
    fn every_visible_command_has_a_page() {
        let made = files(sample(&["grant", "revoke"]), nowhere()).expect("made");
        let paths: Vec<_> = made
            .iter()
            .map(|(path, _)| path.display().to_string())
            .collect();
        assert_eq!(
            paths,
            [
                "completions/kubegrant.bash",
                "completions/_kubegrant",
                "completions/kubegrant.fish",
                "man/kubegrant.1",
                "man/kubegrant-access.1",
                "man/kubegrant-access-grant.1",
                "man/kubegrant-access-revoke.1",
                "openapi.json",
            ]
        );
    }

    #[test]
    fn the_first_page_says_what_holds_for_all() {
        let made = files(sample(&["grant"]), nowhere()).expect("made");
        let text = |at: usize| String::from_utf8_lossy(&made[at].1).into_owned();
        for heading in ["EXIT STATUS", "FILES", "ENVIRONMENT", "SUBCOMMANDS"] {
            assert!(
                text(3).contains(&format!(".SH \"{heading}\""))
                    || text(3).contains(&format!(".SH {heading}")),
                "{heading}"
            );
        }
        assert!(!text(4).contains("EXIT STATUS"));
    }

    #[test]
    fn writing_twice_changes_nothing_and_old_pages_go() {
        let root = tempfile::tempdir().expect("a folder");
        let changed = write_all(sample(&["grant", "old"]), root.path()).expect("written");
        assert_eq!(changed.len(), 8);
        let none: Vec<PathBuf> = Vec::new();
        assert_eq!(
            write_all(sample(&["grant", "old"]), root.path()).expect("written"),
            none
        );
        let left_over = [PathBuf::from("man/kubegrant-access-old.1")];
        let stale = stale(sample(&["grant"]), root.path()).expect("compared");
        assert!(stale.ends_with(&left_over), "{stale:?}");
        write_all(sample(&["grant"]), root.path()).expect("written");
        assert!(!root.path().join(&left_over[0]).exists());
        assert_eq!(
            super::stale(sample(&["grant"]), root.path()).expect("compared"),
            none
        );
    }
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a README of no consequence")]
    fn the_exit_codes_of_readme_are_those_of_the_table() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("README.md");
        let old = format!("before\n\n{TABLE_HEAD}| 0 | long ago |\n| 99 | gone |\n\nafter\n");
        std::fs::write(&path, old).expect("written");
        write_all(sample(&["grant"]), root.path()).expect("written");
        let new = std::fs::read_to_string(&path).expect("text");
        assert!(new.starts_with(&format!("before\n\n{TABLE_HEAD}| 0 | done, and verified")));
        assert!(
            new.ends_with("if it could not be run |\n\nafter\n"),
            "{new}"
        );
        assert!(!new.contains("99"), "{new}");

        std::fs::write(&path, "no table").expect("written");
        assert!(stale(sample(&["grant"]), root.path()).is_err());
    }
}
