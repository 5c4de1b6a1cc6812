//! The rules of the house that no compiler keeps: who may import whom, which crate lives where,
//! and what every file begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// How long a file may be.
const LINES_MAX: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A table of `lib.rs`' own documentation that begins with this head: what its first two columns
/// name in backticks, outside parentheses. Tables of the rules stand there and nowhere else.
fn table(head: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("the text of lib.rs");
    let rows = text
        .lines()
        .map(|line| line.trim_start_matches("//! "))
        .skip_while(|line| !line.starts_with(head))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let aside = pattern(r"\([^)]*\)");
    let name = pattern("`([^`]+)`");
    let names = |cell: &str| {
        let cell = aside.replace_all(cell, "");
        let names = name.captures_iter(&cell);
        names.map(|name| name[1].to_owned()).collect()
    };
    let table: Vec<_> = rows
        .map(|row| {
            let mut cells = row.split('|').skip(1).map(names);
            let first = cells.next().unwrap_or_default();
            (first, cells.next().unwrap_or_default())
        })
        .collect();
    assert!(!table.is_empty(), "no table of lib.rs begins with {head}");
    table
}

/// Which modules each module may import.
fn may_import() -> BTreeMap<String, Vec<String>> {
    let rows = table("| module | may import |");
    let rows = rows.into_iter().map(|(mut names, may)| {
        assert_eq!(names.len(), 1, "a row is about one module: {names:?}");
        (names.remove(0), may)
    });
    rows.collect()
}

/// The crates that have one home, each with it.
fn table_of_crates() -> BTreeMap<String, String> {
    let mut homes = BTreeMap::new();
    for (crates, mut home) in table("| crate | lives in |") {
        assert_eq!(home.len(), 1, "{crates:?} live in one module: {home:?}");
        let home = home.remove(0);
        homes.extend(crates.into_iter().map(|name| (name, home.clone())));
    }
    homes
}

/// Every Rust file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file's path for people, and its text.
fn texts(folder: &str) -> Vec<(String, String)> {
    files(&root().join(folder))
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("text");
            let shown = path.strip_prefix(root()).expect("below the root");
            (shown.display().to_string(), text)
        })
        .collect()
}

/// The module a file of `src` belongs to.
fn module(path: &str) -> &str {
    let rest = path.trim_start_matches("src/");
    rest.split(['/', '.']).next().unwrap_or(rest)
}

/// The code of a file, without comments and without its tests.
fn code(path: &str, text: &str) -> String {
    if path.contains("/tests/") || path.ends_with("/tests.rs") {
        return String::new();
    }
    let text = text.split("#[cfg(test)]\nmod tests {").next();
    let lines = text.unwrap_or_default().lines();
    let lines = lines.map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// A pattern, made once: to make one takes longer than to read a file with it.
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

static DIRECT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bcrate::(\w+)"));
static GROUPED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bcrate::\{([^;]*)\}\s*;"));
static INNER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{[^{}]*\}"));

/// The modules of ours that a text names.
fn imports(code: &str) -> Vec<String> {
    let mut found: Vec<String> = DIRECT
        .captures_iter(code)
        .map(|found| found[1].to_owned())
        .collect();
    for group in GROUPED.captures_iter(code) {
        let mut names = group[1].to_owned();
        // Groups in the group name no module of the first level.
        while INNER.is_match(&names) {
            names = INNER.replace_all(&names, "").into_owned();
        }
        let names = names.split(',');
        let names = names.map(|name| name.split("::").next().unwrap_or(name));
        found.extend(names.map(|name| name.trim().to_owned()));
    }
    found.retain(|name| !name.is_empty());
    found
}

#[test]
fn arrows_point_down_only() {
    let table = may_import();
    let mut broken = Vec::new();
    for (path, text) in texts("src") {
        let home = module(&path);
        let Some(may) = table.get(home) else {
            broken.push(format!("{path}: module '{home}' is not in the table"));
            continue;
        };
        for name in imports(&code(&path, &text)) {
            let ours = table.contains_key(&name);
            if ours && name != home && !may.contains(&name) {
                broken.push(format!("{path}: '{home}' may not import '{name}'"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_tables_name_modules_that_are_there() {
    let table = may_import();
    let homes: BTreeSet<String> = texts("src")
        .iter()
        .map(|(path, _)| module(path).to_owned())
        .collect();
    let named: BTreeSet<String> = table.keys().cloned().collect();
    assert_eq!(named, homes);
    let crates = table_of_crates();
    let used = table.values().flatten().chain(crates.values());
    let unknown: Vec<&String> = used.filter(|name| !homes.contains(*name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_table_has_no_circle() {
    let mut left = may_import();
    // A module that imports none of those left is below all of them.
    while let Some(lowest) = left
        .iter()
        .find(|(_, may)| !may.iter().any(|name| left.contains_key(name)))
        .map(|(name, _)| name.clone())
    {
        left.remove(&lowest);
    }
    let left: Vec<_> = left.into_keys().collect();
    assert!(
        left.is_empty(),
        "{left:?} may import each other in a circle"
    );
}

#[test]
fn the_scan_sees_direct_and_grouped_imports() {
    let text = "use crate::store::users;\nuse crate::{domain::{a, b}, kubernetes, ops::c};\n";
    let mut found = imports(text);
    found.sort();
    assert_eq!(found, ["domain", "kubernetes", "ops", "store"]);
}

#[test]
fn fenced_crates_stay_at_home() {
    let crates = table_of_crates();
    let names: Vec<&str> = crates.keys().map(String::as_str).collect();
    let named = pattern(&format!(r"(?:^|[^\w:])({})::", names.join("|")));
    let mut broken = Vec::new();
    for (path, text) in texts("src") {
        for found in named.captures_iter(&code(&path, &text)) {
            let (name, home) = (&found[1], &crates[&found[1]]);
            if module(&path) != home {
                broken.push(format!("{path}: `{name}` lives in '{home}'"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Times are chrono's. jiff's stand where kube hands one over, and where people type a length.
#[test]
fn only_the_engine_knows_a_database() {
    let crates = Regex::new(r"(^|[^\w:])(rusqlite|tokio_postgres\w*)::").expect("a pattern");
    let mut broken = Vec::new();
    for (path, text) in texts("src") {
        let is_home = path.starts_with("src/store/engine/") || path.ends_with("tests.rs");
        if !is_home && path != "src/store/engine.rs" && crates.is_match(&code(&path, &text)) {
            broken.push(format!(
                "{path}: a database is spoken to by `store::engine`"
            ));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn one_crate_tells_the_time() {
    let other = Regex::new(r"(^|[^\w:])jiff::").expect("a pattern");
    let mut broken = Vec::new();
    for (path, text) in texts("src") {
        let is_edge = path.starts_with("src/kubernetes") || path == "src/cli/duration.rs";
        if !is_edge && other.is_match(&code(&path, &text)) {
            broken.push(format!("{path}: times are `domain::Timestamp`, of chrono"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The text of a file at the root.
fn root_file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("a file")
}

#[test]
fn what_is_there_in_two_versions_has_its_reason() {
    let package = Regex::new(r#"name = "([\w-]+)"\nversion = "#).expect("a pattern");
    let lock = root_file("Cargo.lock");
    let mut seen = std::collections::BTreeSet::new();
    let twice: Vec<String> = package
        .captures_iter(&lock)
        .map(|found| found[1].to_owned())
        .filter(|name| !seen.insert(name.clone()))
        .collect();
    let skipped = Regex::new(r#"crate = "([\w-]+)@[\d.]+", reason = "\w"#).expect("a pattern");
    let reasoned: Vec<String> = skipped
        .captures_iter(&root_file("deny.toml"))
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(twice, reasoned, "Cargo.lock, and `skip` in deny.toml");
}

#[test]
fn every_file_begins_with_its_purpose() {
    for folder in ["src", "tests", "examples", "benches"] {
        for (path, text) in texts(folder) {
            assert!(
                text.starts_with("//! "),
                "{path} does not say what it is for"
            );
        }
    }
}

#[test]
fn comments_cite_sections_of_the_design_that_are_there() {
    let design = std::fs::read_to_string(root().join("docs/design.md")).expect("the design");
    let headings: BTreeSet<&str> = design
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let cited = pattern(r#"docs/design\.md, "([^"]*)""#);
    let wrapped = pattern(r"\n\s*//[/!]? ");
    let elsewhere = pattern(r"\((design|see design)\b");
    for folder in ["src", "tests", "examples", "benches"] {
        for (path, text) in texts(folder) {
            if path.ends_with("/tidy.rs") {
                continue;
            }
            let text = wrapped.replace_all(&text, " ");
            assert!(!elsewhere.is_match(&text), "{path} cites another page");
            for section in cited.captures_iter(&text) {
                let section = &section[1];
                assert!(headings.contains(section), "{path} cites \"{section}\"");
            }
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    let words = Regex::new(&["TO", "DO|FIX", "ME|XX", "X|dbg", "!\\("].concat());
    let words = words.expect("a pattern");
    for folder in ["src", "tests", "examples", "benches"] {
        for (path, text) in texts(folder) {
            for (number, line) in text.lines().enumerate() {
                assert!(!words.is_match(line), "{path}:{}: {line}", number + 1);
            }
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for folder in ["src", "tests", "examples", "benches"] {
        for (path, text) in texts(folder) {
            let lines = text.lines().count();
            if lines > LINES_MAX {
                long.push(format!("{path} has {lines} lines, at most {LINES_MAX}"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}
