//! The files that are made from the commands: completions, man pages, the book's reference, and what a server answers.
//!
//! They are committed, so that packages need not run the program; a test keeps them fresh.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

mod book;

use super::completion::{self, Shell};
use super::places::{ENVIRONMENT, FILES};
use crate::error::exit_codes;

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
    made.extend(book::pages(&command, root)?);
    let routes = super::openapi::text().into_bytes();
    made.push((PathBuf::from("openapi.json"), routes));
    Ok(made)
}

/// Writes all files below `root`, takes away pages of commands that are no more, and returns
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
    let own = book::OWN.into_iter().chain(["man"]);
    let mut left_over: Vec<PathBuf> = own
        .flat_map(|folder| {
            let present = std::fs::read_dir(root.join(folder)).into_iter();
            let present = present.flatten().flatten();
            present.map(move |entry| Path::new(folder).join(entry.file_name()))
        })
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

    /// A root without a book.
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
                "docs/reference/exit-codes.md",
                "docs/reference/files.md",
                "docs/reference/store.md",
                "docs/reference/commands.md",
                "docs/reference/commands/access.md",
                "docs/reference/schemas/access-grant.json",
                "docs/reference/schemas/access-revoke.json",
                "docs/reference/schemas/plan.json",
                "docs/reference/json.md",
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
        assert_eq!(changed.len(), 16);
        let none: Vec<PathBuf> = Vec::new();
        assert_eq!(
            write_all(sample(&["grant", "old"]), root.path()).expect("written"),
            none
        );
        let left_over = [PathBuf::from("man/kubegrant-access-old.1")];
        // The page of all of `access` is another one without it.
        let stale = stale(sample(&["grant"]), root.path()).expect("compared");
        assert!(stale.ends_with(&left_over), "{stale:?}");
        write_all(sample(&["grant"]), root.path()).expect("written");
        assert!(!root.path().join(&left_over[0]).exists());
        assert_eq!(
            super::stale(sample(&["grant"]), root.path()).expect("compared"),
            none
        );
    }
}
