//! The pages of the book that are made: every command, the exit codes, files and variables, JSON, the store's tables.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use serde_json::{Value, json};

use crate::cli::places::{ENVIRONMENT, FILES};
use crate::cli::schema::Views;
use crate::cli::shown;
use crate::error::exit_codes;
use crate::ops::store_tables;

/// A made file: its path below the root, and its bytes.
type Made = (PathBuf, Vec<u8>);

/// Where the made pages are; what else lies in the folders of commands and schemas is left over.
const FOLDER: &str = "docs/reference";
/// Folders that hold nothing but what is made.
pub(super) const OWN: [&str; 2] = ["docs/reference/commands", "docs/reference/schemas"];

/// Makes all pages.
pub(super) fn pages(command: &Command, root: &Path) -> io::Result<Vec<Made>> {
    let mut made = Vec::new();
    let mut put = |name: String, text: String| {
        made.push((Path::new(FOLDER).join(name), text.into_bytes()));
    };
    put("exit-codes.md".to_owned(), codes());
    put("files.md".to_owned(), places());
    put("store.md".to_owned(), tables()?);
    put("commands.md".to_owned(), index(command));
    for noun in visible(command) {
        put(format!("commands/{}.md", noun.get_name()), page(noun));
    }
    let mut shapes = Vec::new();
    leaves(command, &mut Vec::new(), &mut |path, _| {
        let mut views = Views::default();
        if let Some(schema) = shown::schema(path, &mut views) {
            let name = path.join("-");
            let title = format!("kubegrant {} -o json", path.join(" "));
            put(format!("schemas/{name}.json"), whole(schema, &title, views));
            shapes.push((path.join(" "), name));
        }
    });
    let mut views = Views::default();
    let plan = shown::plan(&mut views);
    let title = "What --dry-run shows";
    put("schemas/plan.json".to_owned(), whole(plan, title, views));
    put("json.md".to_owned(), json_page(&shapes));
    made.extend(summary(command, root)?);
    Ok(made)
}

/// The commands below one that are there for people.
fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    let below = command.get_subcommands();
    below.filter(|it| !it.is_hide_set() && it.get_name() != "help")
}

/// Calls something with every command that has none below it, and its words.
fn leaves<'c>(
    command: &'c Command,
    path: &mut Vec<&'c str>,
    each: &mut impl FnMut(&[&str], &Command),
) {
    for below in visible(command) {
        path.push(below.get_name());
        if visible(below).next().is_none() {
            each(path, below);
        } else {
            leaves(below, path, each);
        }
        path.pop();
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|").replace('<', "\\<")
}

fn table(head: [&str; 2], rows: impl Iterator<Item = (String, String)>) -> String {
    let rows = rows.map(|(one, other)| format!("| {one} | {} |\n", cell(&other)));
    let rows: String = rows.collect();
    format!("| {} | {} |\n|---|---|\n{rows}", head[0], head[1])
}

fn codes() -> String {
    let rows = exit_codes().into_iter();
    let rows = rows.map(|(code, meaning)| (code, meaning.to_owned()));
    format!(
        "# Exit codes\n\n{}\nData goes to stdout, words to stderr. `kubegrant help exit-codes` says the same.\n",
        table(["code", "meaning"], rows)
    )
}

/// Names that stand in one text, each in backticks.
fn names(text: &str) -> String {
    let names = text.split(", ").map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}

fn places() -> String {
    let rows = |all: &'static [(&'static str, &'static str)]| {
        all.iter()
            .map(|(name, meaning)| (names(name), (*meaning).to_owned()))
    };
    format!(
        "# Files and variables\n\n`kubegrant help files` and `kubegrant help environment` say the same.\n\n\
         ## Files\n\n{}\n## Variables\n\n{}",
        table(["file", "what"], rows(FILES)),
        table(["variable", "what"], rows(ENVIRONMENT)),
    )
}

fn tables() -> io::Result<String> {
    let about = "# The store's tables\n\nOne SQLite file. Times are seconds since 1970, and what is \
         sealed is an age file. A row that decides anything is written together with an event of the \
         audit log, and is not relied upon where somebody else changed it; see [the store](../design.md#the-store). \
         Read it with `sqlite3 -readonly`; write to it with kubegrant alone.\n";
    let found = store_tables().map_err(io::Error::other)?;
    let tables = found.into_iter().map(|found| {
        let rows = found.columns.into_iter();
        let rows = rows.map(|(name, kind)| (format!("`{name}`"), kind));
        let rows = table(["column", "type"], rows);
        format!("\n## {}\n\n{}\n\n{rows}", found.name, found.about)
    });
    Ok(about.to_owned() + &tables.collect::<String>())
}

fn link(noun: &Command) -> String {
    format!("commands/{}.md", noun.get_name())
}

fn index(command: &Command) -> String {
    let rows = visible(command).map(|noun| {
        let name = format!("[`kubegrant {}`]({})", noun.get_name(), link(noun));
        (name, about(noun))
    });
    let rows = table(["command", "what"], rows);
    let global = command.get_arguments().filter(|arg| arg.is_global_set());
    let global = options(global);
    format!("# Commands\n\n{rows}\n## Global options\n\nEvery command takes them.\n\n{global}")
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The page of a command and of all below it.
fn page(noun: &Command) -> String {
    let name = format!("kubegrant {}", noun.get_name());
    let mut parts = vec![format!("# {name}\n\n")];
    describe(noun, &name, &mut parts);
    below(noun, &name, &mut parts);
    parts.concat()
}

fn below(command: &Command, name: &str, parts: &mut Vec<String>) {
    for verb in visible(command) {
        let name = format!("{name} {}", verb.get_name());
        parts.push(format!("\n## {name}\n\n"));
        describe(verb, &name, parts);
        below(verb, &name, parts);
    }
}

fn describe(command: &Command, name: &str, parts: &mut Vec<String>) {
    let long = command.get_long_about().or(command.get_about());
    let long = long.map(ToString::to_string).unwrap_or_default();
    parts.push(format!("{}\n", prose(&long)));
    let mut command = command.clone().bin_name(name);
    if visible(&command).next().is_none() {
        let usage = command.render_usage().to_string();
        parts.push(format!("\n```text\n{usage}\n```\n"));
    }
    let own = command.get_arguments();
    let own = own.filter(|arg| !arg.is_global_set() && !is_of_clap(arg) && !arg.is_hide_set());
    let own: Vec<&Arg> = own.collect();
    if !own.is_empty() {
        parts.push(format!("\n{}", options(own.into_iter())));
    }
    if let Some(examples) = command.get_after_long_help() {
        let examples = examples.to_string();
        let lines = examples.lines().filter(|line| *line != "Examples:");
        let lines = lines.map(|line| line.strip_prefix("  ").unwrap_or(line));
        let lines: Vec<&str> = lines.collect();
        let lines = lines.join("\n");
        parts.push(format!("\n```sh\n{}\n```\n", lines.trim_end()));
    }
}

fn is_of_clap(arg: &Arg) -> bool {
    ["help", "version"].contains(&arg.get_id().as_str())
}

/// Paragraphs, without what Markdown would take for its own.
fn prose(text: &str) -> String {
    text.replace('<', "\\<")
}

fn options<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let rows = args.map(|arg| {
        let values = arg.get_possible_values();
        let values = values.iter().filter(|it| !it.is_hide_set());
        let values: Vec<&str> = values.map(clap::builder::PossibleValue::get_name).collect();
        let takes = arg.get_action().takes_values();
        let help = arg.get_long_help().or(arg.get_help());
        let mut help = vec![help.map(ToString::to_string).unwrap_or_default()];
        if takes && !values.is_empty() {
            help.push(format!("[one of: {}]", values.join(", ")));
        }
        let default = arg.get_default_values().iter().filter_map(|it| it.to_str());
        let default: Vec<&str> = default.filter(|it| !it.is_empty()).collect();
        if takes && !default.is_empty() {
            help.push(format!("[default: {}]", default.join(", ")));
        }
        let value = arg.get_value_names().unwrap_or_default();
        let value: Vec<String> = value.iter().map(|name| format!("<{name}>")).collect();
        let value = if takes {
            value.join(" ")
        } else {
            String::new()
        };
        let short = arg.get_short().map(|it| format!("-{it}, "));
        let name = match arg.get_long() {
            Some(long) => format!("{}--{long} {value}", short.unwrap_or_default()),
            None => value,
        };
        (format!("`{}`", name.trim_end()), help.join(" "))
    });
    table(["argument", "what"], rows)
}

/// A schema as a document of its own.
fn whole(mut schema: Value, title: &str, views: Views) -> String {
    if let Value::Object(fields) = &mut schema {
        fields.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        fields.insert("title".to_owned(), json!(title));
        fields.insert("$defs".to_owned(), Value::Object(views.into_schemas()));
    }
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.replace("#/components/schemas/", "#/$defs/") + "\n"
}

fn json_page(shapes: &[(String, String)]) -> String {
    let rows = shapes.iter().map(|(command, file)| {
        let link = format!("[`schemas/{file}.json`](schemas/{file}.json)");
        (format!("`kubegrant {command}`"), link)
    });
    format!(
        "# JSON\n\n`-o json` and `-o yaml` are frozen shapes: fields are added, never renamed or retyped. Each has \
         a JSON Schema; a later version may show more fields than it names. With `--dry-run` a command shows the \
         plan instead, as [`schemas/plan.json`](schemas/plan.json) has it, where it has one. Times are RFC 3339, in \
         UTC.\n\n{}",
        table(["command", "schema"], rows)
    )
}

/// How the lines of commands in the table of contents begin.
const CONTENTS: &str = "  - [`kubegrant ";
/// The line above them.
const COMMANDS: &str = "- [Commands](reference/commands.md)\n";

/// The table of contents with the commands of now; nothing where there is no book.
fn summary(command: &Command, root: &Path) -> io::Result<Option<Made>> {
    let path = PathBuf::from("docs/SUMMARY.md");
    let text = match std::fs::read_to_string(root.join(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((before, after)) = text.split_once(COMMANDS) else {
        return Err(io::Error::other(format!("SUMMARY.md lacks {COMMANDS:?}")));
    };
    let lines = visible(command).map(|noun| {
        format!(
            "{CONTENTS}{}`](reference/{})\n",
            noun.get_name(),
            link(noun)
        )
    });
    let mut made = format!("{before}{COMMANDS}");
    made.extend(lines);
    let after = after.split_inclusive('\n');
    made.extend(after.skip_while(|line| line.starts_with(CONTENTS)));
    Ok(Some((path, made.into_bytes())))
}
