//! The workflows of the forge: each is YAML, and what their steps call is here and takes those arguments.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::home::split;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each workflow and the action, as they are read.
fn workflows() -> Vec<(PathBuf, Value)> {
    let folder = root().join(".github/workflows");
    let entries = std::fs::read_dir(folder).expect("the workflows");
    let mut found: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
    found.sort();
    found.push(root().join("packaging/action/action.yml"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("text");
        let value = serde_saphyr::from_str(&text);
        let value = value.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, value)
    };
    found.into_iter().map(read).collect()
}

/// The steps of all jobs, or of the action.
fn steps(workflow: &Value) -> Vec<&Value> {
    let jobs = workflow["jobs"].as_object().into_iter().flatten();
    let lists = jobs.map(|(_, job)| &job["steps"]);
    let lists = lists.chain([&workflow["runs"]["steps"]]);
    lists.filter_map(Value::as_array).flatten().collect()
}

/// How many arguments a script says that it takes.
fn arity(text: &str) -> Option<usize> {
    let usage = text.split("usage: ").nth(1)?.lines().next()?;
    let words = usage.split(['\'', '\\']).next()?.split_whitespace();
    Some(words.count() - 1)
}

/// What is wrong with a line of a step that calls a script of ours.
fn fault(line: &str) -> Option<String> {
    let words = split(line);
    let is_ours = |word: &String| {
        ["packaging/", ".ci/", "tests/"]
            .iter()
            .any(|it| word.starts_with(it))
    };
    let at = words.iter().position(is_ours)?;
    let script = root().join(&words[at]);
    let Ok(text) = std::fs::read_to_string(&script) else {
        return Some(format!("{}: no such file", words[at]));
    };
    let is_called_by_shell = at > 0 && matches!(words[at - 1].as_str(), "sh" | "bash");
    let mode = script.metadata().map_or(0, |it| it.permissions().mode());
    if !is_called_by_shell && mode & 0o111 == 0 {
        return Some(format!("{}: cannot be run", words[at]));
    }
    let given = words.len() - at - 1;
    let wanted = arity(&text).unwrap_or(0);
    (given != wanted).then(|| format!("{line}: {given} arguments, not {wanted}"))
}

#[test]
fn the_steps_of_the_workflows_call_what_is_here() {
    let mut faults = Vec::new();
    let mut called = 0;
    for (path, workflow) in workflows() {
        let steps = steps(&workflow);
        assert!(!steps.is_empty(), "{} has no steps", path.display());
        for step in steps {
            assert!(
                step["run"].is_string() || step["uses"].is_string(),
                "{step}"
            );
            for line in step["run"].as_str().unwrap_or_default().lines() {
                called += usize::from(line.contains("packaging/") || line.contains(".ci/"));
                faults.extend(fault(line).map(|fault| format!("{}: {fault}", path.display())));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        called >= 3,
        "the gate, the release, and its trial: {called}"
    );
}

#[test]
fn a_script_that_is_not_here_or_takes_something_else_is_found() {
    for (line, is_wrong) in [
        ("bash .ci/run", false),
        ("bash .ci/run fast", true),
        ("sudo packaging/try out key.pub", false),
        ("A=b packaging/try out", true),
        ("packaging/gone out", true),
        ("cargo deny check", false),
    ] {
        assert_eq!(fault(line).is_some(), is_wrong, "{line}: {:?}", fault(line));
    }
}
