//! The rules of the house that no compiler keeps: who may import whom, which crate lives where,
//! and what every file begins with.

use std::path::{Path, PathBuf};

use regex::Regex;

/// Which modules a module may import; arrows point down only.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("env", &["domain"]),
    ("secrets", &["domain"]),
    ("artifact", &["domain", "secrets"]),
    ("store", &["domain", "secrets"]),
    ("kubernetes", &["domain", "secrets"]),
    ("provider", &["domain", "secrets", "kubernetes"]),
    ("nodes", &["domain", "secrets", "env"]),
    ("config", &["domain", "env"]),
    (
        "session",
        &[
            "domain",
            "env",
            "config",
            "secrets",
            "store",
            "kubernetes",
            // Identity files are read as private files are.
            "artifact",
        ],
    ),
    (
        "ops",
        &[
            "domain",
            "session",
            "store",
            "kubernetes",
            "nodes",
            "secrets",
            "artifact",
            "config",
            "provider",
        ],
    ),
    ("output", &["domain", "env"]),
    (
        "error",
        &[
            "artifact",
            "cli",
            "config",
            "domain",
            "kubernetes",
            "ops",
            "output",
            "provider",
            "secrets",
            "session",
            "store",
        ],
    ),
    (
        "cli",
        &[
            "domain", "env", "config", "session", "ops", "output", "error",
        ],
    ),
    // Built for tests alone: it calls every reader of foreign text.
    (
        "fuzzing",
        &[
            "artifact",
            "cli",
            "domain",
            "kubernetes",
            "output",
            "secrets",
        ],
    ),
    ("lib", &["cli", "env", "error"]),
    ("main", &[]),
];

/// Crates that have one home.
const FENCED: &[(&str, &str)] = &[
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("rusqlite", "store"),
    ("rusqlite_migration", "store"),
    ("kube", "kubernetes"),
    ("k8s_openapi", "kubernetes"),
    ("age", "secrets"),
    ("dialoguer", "cli"),
    ("directories", "env"),
    ("strsim", "domain"),
];

/// How long a file may be.
const LINES_MAX: usize = 600;
/// Files that are longer, and may be, until they are split by noun.
const LONGER: &[&str] = &["tests/process/oracle.rs"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
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

/// The modules of ours that a text names.
fn imports(code: &str) -> Vec<String> {
    let direct = Regex::new(r"\bcrate::(\w+)").expect("a pattern");
    let grouped = Regex::new(r"\bcrate::\{([^;]*)\}\s*;").expect("a pattern");
    let inner = Regex::new(r"\{[^{}]*\}").expect("a pattern");
    let mut found: Vec<String> = direct
        .captures_iter(code)
        .map(|found| found[1].to_owned())
        .collect();
    for group in grouped.captures_iter(code) {
        let mut names = group[1].to_owned();
        // Groups in the group name no module of the first level.
        while inner.is_match(&names) {
            names = inner.replace_all(&names, "").into_owned();
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
    let modules: Vec<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    let mut broken = Vec::new();
    for (path, text) in texts("src") {
        let home = module(&path);
        let Some((_, may)) = MAY_IMPORT.iter().find(|(name, _)| *name == home) else {
            broken.push(format!("{path}: module '{home}' is not in the table"));
            continue;
        };
        for name in imports(&code(&path, &text)) {
            let ours = modules.contains(&name.as_str());
            if ours && name != home && !may.contains(&name.as_str()) {
                broken.push(format!("{path}: '{home}' may not import '{name}'"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
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
    let mut broken = Vec::new();
    for (path, text) in texts("src") {
        let code = code(&path, &text);
        for (name, home) in FENCED {
            let named = Regex::new(&format!(r"(^|[^\w:]){name}::")).expect("a pattern");
            if module(&path) != *home && named.is_match(&code) {
                broken.push(format!("{path}: `{name}` lives in '{home}'"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Times are chrono's. jiff's stand where kube hands one over, and where people type a length.
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
            if lines > LINES_MAX && !LONGER.contains(&path.as_str()) {
                long.push(format!("{path} has {lines} lines, at most {LINES_MAX}"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}
