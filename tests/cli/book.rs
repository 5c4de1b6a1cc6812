//! README and the book as a reader walks through them: every link leads somewhere, every page is in the table of
//! contents, and the book builds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

use crate::console::{pages, shown};
use crate::say;

/// How long README may be: what a newcomer reads before they decide.
const README_LINES_MAX: usize = 180;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// The text of a page without what is code: links in it are none.
fn prose(text: &str) -> String {
    static CODE: LazyLock<Regex> = LazyLock::new(|| pattern("`[^`\n]*`"));
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    let lines: Vec<_> = lines.map(|line| CODE.replace_all(line, "")).collect();
    lines.join("\n")
}

/// The places of a page that a link can name, as the forges and mdBook make them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let headings = text.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        !is_code && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter_map(|it| match it {
            ' ' => Some('-'),
            '-' | '_' => Some(it),
            _ => it.is_alphanumeric().then_some(it),
        });
        kept.collect()
    };
    headings.map(anchor).collect()
}

/// Where the links of a page lead, as they are written.
fn links(text: &str) -> Vec<String> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"\]\(([^)\s]+)\)"));
    let text = prose(text);
    let links = LINK.captures_iter(&text).map(|found| found[1].to_owned());
    links.collect()
}

/// Every text of the repository that links to others.
fn texts() -> BTreeMap<PathBuf, String> {
    let beside = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let beside = beside.into_iter().map(|name| root().join(name));
    let all = pages().into_iter().chain(beside);
    all.map(|path| {
        let text = std::fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", shown(&path)));
        (path, text)
    })
    .collect()
}

/// A path without its `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == std::path::Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

#[test]
fn every_link_leads_somewhere() {
    let texts = texts();
    let book = root().join("docs");
    let mut broken = Vec::new();
    for (path, text) in &texts {
        for link in links(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => path.clone(),
                _ => plain(&path.parent().expect("a folder").join(file)),
            };
            if !target.exists() {
                broken.push(format!("{}: {link}: no such file", shown(path)));
            } else if path.starts_with(&book) && !target.starts_with(&book) {
                broken.push(format!("{}: {link}: is not in the book", shown(path)));
            } else if !anchor.is_empty() {
                let text = texts.get(&target);
                if text.is_none_or(|text| !anchors(text).contains(anchor)) {
                    broken.push(format!("{}: {link}: no such heading", shown(path)));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_table_of_contents_names_every_page_once() {
    let book = root().join("docs");
    let summary = std::fs::read_to_string(book.join("SUMMARY.md")).expect("SUMMARY.md");
    let mut named: Vec<PathBuf> = links(&summary).iter().map(|it| book.join(it)).collect();
    named.sort();
    let mut present = pages();
    present.retain(|path| path.starts_with(&book) && !path.ends_with("SUMMARY.md"));
    let shown = |paths: &[PathBuf]| paths.iter().map(|it| shown(it)).collect::<Vec<_>>();
    assert_eq!(shown(&named), shown(&present));
}

#[test]
fn readme_is_read_in_one_sitting() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let lines = text.lines().count();
    assert!(
        lines <= README_LINES_MAX,
        "README.md has {lines} lines, at most {README_LINES_MAX}: what is more goes into docs/"
    );
}

#[test]
fn the_book_builds_without_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let built = Command::new("mdbook")
        .arg("build")
        .arg("--dest-dir")
        .arg(folder.path())
        .arg(root())
        .output();
    let Ok(built) = built else {
        say("skipped: the book is not built without mdbook (`cargo install mdbook`)");
        return;
    };
    let said = String::from_utf8_lossy(&[built.stdout, built.stderr].concat()).into_owned();
    assert!(built.status.success(), "{said}");
    let is_bad = said.contains("WARN") || said.contains("ERROR");
    assert!(!is_bad, "{said}");
    for page in ["index.html", "design.html", "guides/people.html"] {
        assert!(folder.path().join(page).exists(), "{page}");
    }
}

#[test]
fn headings_and_links_are_read_as_forges_do() {
    let page = "# A cluster's life\n\n```sh\n# no heading\n```\n\n## `kubegrant open`: two\n";
    let found: Vec<String> = anchors(page).into_iter().collect();
    assert_eq!(found, ["a-clusters-life", "kubegrant-open-two"]);
    let page = "[one](a.md#b) `[two](c)` ![three](d.png)\n```\n[four](e)\n```\n";
    assert_eq!(links(page), ["a.md#b", "d.png"]);
}
