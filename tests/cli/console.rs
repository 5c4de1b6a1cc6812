//! The console blocks of README and of the book: each is run in a world of its page and compared with what is written
//! there. `UPDATE=1 cargo test --test cli console` writes what is said now.
//!
//! A block begins with `$ kubegrant`, and each of its lines that begins with `$` is a command; what follows is its
//! answer, on both streams, and `[exit N]` where it is not 0. `...` stands for any lines. A page says in a comment what
//! comes before a block, one step a line:
//!
//! ```text
//! <!-- console
//! key bob                     makes bob.key and bob.pub
//! write FILE TEXT             makes a private file
//! as bob                      whose identity the next commands have; `as alice` is its end
//! tick 8                      moves all clocks on, by hours
//! $ kubegrant …               a command that succeeds and that nobody sees
//! -->
//! ```

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::LazyLock;

use age::secrecy::ExposeSecret as _;
use chrono::TimeDelta;
use kubegrant::Env;
use kubegrant::env::{Captured, Fixture};
use kubegrant_sandbox::Sandbox;
use regex::Regex;
use serde_json::json;
use tempfile::TempDir;

use crate::home::{answer, set_mode, split, write_at};
use crate::say;

/// The port that is written where the sandbox has another one in each run; as long as those are.
const PORT: &str = "127.0.0.1:36443";

/// README, and every page of the book.
pub(crate) fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A page's path for people.
pub(crate) fn shown(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.strip_prefix(root).expect("below the root");
    path.display().to_string()
}

/// Alice's machine, and the sandbox whose kubeconfig lies there.
pub(crate) struct World {
    dir: TempDir,
    fixture: Fixture,
    sandbox: Sandbox,
    acting: Option<String>,
}

impl World {
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = dir.path().join("alice");
        std::fs::create_dir(&home).expect("a folder");
        std::fs::create_dir(dir.path().join("keys")).expect("a folder");
        let start = "2026-11-22T10:00:00Z".parse().expect("a time");
        let fixture = Fixture::new(start)
            .seed(7)
            .variable("HOME", &home)
            .current_dir(&home);
        let sandbox = Sandbox::builder().token_cache(false);
        let sandbox = sandbox.start().expect("a sandbox");
        sandbox.set_now(start);
        let admin = sandbox.admin_kubeconfig();
        furnish(&sandbox.admin_kubeconfig_token());
        write_at(&home.join("admin.conf"), &admin);
        World {
            dir,
            fixture,
            sandbox,
            acting: None,
        }
    }

    fn key(&self, name: &str) -> PathBuf {
        self.dir.path().join("keys").join(format!("{name}.key"))
    }

    fn here(&self, name: &str) -> PathBuf {
        self.dir.path().join("alice").join(name)
    }

    /// Makes somebody's key; its public half lies where Alice works.
    pub(crate) fn make_key(&self, name: &str) {
        let identity = age::x25519::Identity::generate();
        write_at(&self.key(name), identity.to_string().expose_secret());
        set_mode(&self.key(name), 0o600);
        let public = format!("{}\n", identity.to_public());
        write_at(&self.here(&format!("{name}.pub")), &public);
    }

    /// One step of a comment.
    fn prepare(&mut self, step: &str) {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        match word {
            "write" => {
                let (name, text) = rest.split_once(' ').expect("a name and a text");
                write_at(&self.here(name), text);
                set_mode(&self.here(name), 0o600);
            }
            "key" => rest.split(' ').for_each(|name| self.make_key(name)),
            "as" => self.acting = (rest != "alice").then(|| rest.to_owned()),
            "tick" => {
                let hours = rest.parse().expect("hours");
                self.fixture.advance(TimeDelta::hours(hours));
                self.sandbox.set_now(self.fixture.now());
            }
            "$" => {
                let (code, said) = self.run(rest).expect("it can be run");
                assert_eq!(code, 0, "{step}\n{said}");
            }
            _ => panic!("no such step: {step}"),
        }
    }

    /// Runs a command as it is typed; nothing where its program is not here.
    fn run(&self, line: &str) -> Option<(i32, String)> {
        let line = line.split(" # ").next().unwrap_or(line).trim_end();
        let mut words = split(line);
        let (code, said) = match words.first().map(String::as_str) {
            Some("kubegrant") => {
                if let Some(name) = &self.acting {
                    let key = self.key(name).display().to_string();
                    words.extend(["--identity".to_owned(), key]);
                }
                self.run_ours(&words)
            }
            Some("kubectl") => {
                let ran = Command::new("kubectl")
                    .args(&words[1..])
                    .current_dir(self.dir.path().join("alice"))
                    .env("HOME", self.dir.path().join("alice"))
                    .env_remove("KUBECONFIG")
                    .output()
                    .ok()?;
                let said = [ran.stdout, ran.stderr].concat();
                let said = String::from_utf8_lossy(&said).into_owned();
                (ran.status.code().unwrap_or(-1), said)
            }
            _ => panic!("`{line}` is no command of ours: write the block as `sh`, without `$`"),
        };
        Some((code, self.settled(&said)))
    }

    pub(crate) fn run_ours(&self, words: &[String]) -> (i32, String) {
        let screen = Captured::default();
        let args: Vec<OsString> = words.iter().map(OsString::from).collect();
        let env = Env {
            stdout: Box::new(screen.clone()),
            stderr: Box::new(screen.clone()),
            ..Env::fixed(&self.fixture)
        };
        let exit = kubegrant::run(&args, env);
        let code = (0..=u8::MAX).find(|code| ExitCode::from(*code) == exit);
        (code.map_or(-1, i32::from), screen.text())
    }

    /// An answer without what differs from run to run and can be told otherwise.
    pub(crate) fn settled(&self, said: &str) -> String {
        static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"127\.0\.0\.1:\d+"));
        // What kubectl says to its own makers.
        static LOG: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^[EIW]\d{4} .*\n"));
        let root = self.dir.path().display().to_string();
        let said = said.replace(&root, "/home");
        let said = LOG.replace_all(&said, "");
        ADDRESS.replace_all(&said, PORT).into_owned()
    }

    /// Runs the commands of a block; gives the block as it should be, and says where it is not.
    fn play(&self, block: &[&str], faults: &mut Vec<String>) -> String {
        let mut made = String::new();
        let mut lines = block.iter().copied().peekable();
        while let Some(first) = lines.next() {
            let mut typed = vec![first];
            while typed.last().is_some_and(|line| line.ends_with('\\')) {
                typed.extend(lines.next());
            }
            let mut answer = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                answer.push(line);
            }
            let blank = answer.iter().rev().take_while(|line| line.is_empty());
            let mut blank = blank.count();
            answer.truncate(answer.len() - blank);
            let command: Vec<&str> = typed
                .iter()
                .map(|line| line.trim_end_matches('\\').trim())
                .collect();
            let command = command.join(" ");
            let ran = self.run(command.trim_start_matches("$ "));
            if ran.is_none() {
                say(&format!("skipped: its program is not here: {command}"));
            }
            let said = ran.map_or_else(|| answer.join("\n"), |(code, said)| as_answer(code, &said));
            let said: Vec<&str> = said.lines().collect();
            let agrees = agree(&masked(&answer), &masked(&said));
            if !agrees {
                faults.push(format!(
                    "{command}\n--- written\n{}\n--- said\n{}",
                    answer.join("\n"),
                    said.join("\n")
                ));
            }
            if !agrees && lines.peek().is_some() {
                blank = 1;
            }
            let kept = if agrees { &answer } else { &said };
            for line in typed.iter().chain(kept) {
                writeln!(made, "{line}").expect("a line");
            }
            made.push_str(&"\n".repeat(blank));
        }
        made
    }
}

/// Makes what a cluster in use has: namespace `shop` with a role of its own, and `ci` with an account that may do
/// everything.
fn furnish(admin: &str) {
    let group = "rbac.authorization.k8s.io";
    let of = |version: &str, kind: &str, name: &str| json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } });
    let mut role = of(&format!("{group}/v1"), "Role", "deployer");
    role["rules"] = json!([{
        "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "patch"],
    }]);
    let mut binding = of(&format!("{group}/v1"), "ClusterRoleBinding", "deployer");
    binding["roleRef"] =
        json!({ "apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin" });
    binding["subjects"] =
        json!([{ "kind": "ServiceAccount", "name": "deployer", "namespace": "ci" }]);
    let account = of("v1", "ServiceAccount", "deployer");
    for (path, object) in [
        ("/api/v1/namespaces", of("v1", "Namespace", "shop")),
        ("/api/v1/namespaces", of("v1", "Namespace", "ci")),
        ("/api/v1/namespaces/ci/serviceaccounts", account),
        (
            "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles",
            role,
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            binding,
        ),
    ] {
        answer(admin, "POST", path, Some(&object));
    }
}

/// What stands below a command: its words, and its exit code where it is not 0.
fn as_answer(code: i32, said: &str) -> String {
    let said = said.trim_end();
    match code {
        0 => said.to_owned(),
        _ => format!("{said}\n[exit {code}]"),
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// Lines in which whatever is random is one word.
pub(crate) fn masked(lines: &[&str]) -> Vec<String> {
    static RANDOM: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"age1[0-9a-z]{58}",
            r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            r"|\b[0-9a-f]{64}\b|\b[0-9a-f]{8}\b",
            r"|SHA256:[0-9A-Za-z+/]{43}|AAAA[0-9A-Za-z+/=]+",
        ))
    });
    let lines = lines.iter().map(|line| line.trim_end());
    lines
        .map(|line| RANDOM.replace_all(line, "RANDOM").into_owned())
        .collect()
}

/// Whether an answer is as it is written, where `...` is any lines.
fn agree(written: &[String], said: &[String]) -> bool {
    match written.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=said.len()).any(|from| agree(rest, &said[from..]))
        }
        Some((first, rest)) => said.first() == Some(first) && agree(rest, &said[1..]),
    }
}

/// Runs a page from top to bottom; gives it as it should be, and says where it is not.
fn play(page: &str) -> (String, Vec<String>) {
    let (mut made, mut faults) = (String::new(), Vec::new());
    let mut world = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        writeln!(made, "{line}").expect("a line");
        if line == "<!-- console" {
            let world = world.get_or_insert_with(World::new);
            for step in lines.by_ref() {
                writeln!(made, "{step}").expect("a line");
                if step == "-->" {
                    break;
                }
                world.prepare(step);
            }
        } else if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if block
                .first()
                .is_none_or(|line| !line.starts_with("$ kubegrant "))
            {
                faults.push(format!(
                    "a console block begins with `$ kubegrant`: {block:?}"
                ));
            }
            let world = world.get_or_insert_with(World::new);
            made.push_str(&world.play(&block, &mut faults));
            made.push_str("```\n");
        } else if line.trim_start().starts_with("```") {
            // What is only to be read or typed shows no answers: nobody would see them go stale.
            for line in lines.by_ref() {
                writeln!(made, "{line}").expect("a line");
                if line.trim_start().starts_with("```") {
                    break;
                }
                if line.trim_start().starts_with("$ ") {
                    faults.push(format!(
                        "`{line}` is not run: it stands in no console block"
                    ));
                }
            }
        }
    }
    (made, faults)
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of this test, and the pages of the source"
)]
fn every_console_block_says_what_the_commands_say() {
    let is_update = std::env::var_os("UPDATE").is_some();
    let faults = std::thread::scope(|scope| {
        let pages = pages().into_iter();
        let threads = pages.map(|path| {
            scope.spawn(move || {
                let page = std::fs::read_to_string(&path).expect("a page");
                let (made, faults) = play(&page);
                if is_update && made != page {
                    std::fs::write(&path, made).expect("written");
                }
                let faults = faults.into_iter();
                let faults = faults.map(|fault| format!("{}: {fault}", shown(&path)));
                faults.collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = threads.collect();
        let faults = threads.into_iter().map(|it| it.join().expect("a page"));
        faults.flatten().collect::<Vec<_>>()
    });
    assert!(
        is_update || faults.is_empty(),
        "{}\n\n`UPDATE=1 cargo test --test cli console` writes what is said now",
        faults.join("\n\n")
    );
}

#[test]
fn a_command_with_an_answer_stands_in_a_block_that_is_run() {
    let (made, faults) = play("```sh\n$ kubegrant status\n```\n$ 5\n\n```text\na\n```\n");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(made.lines().count(), 8, "{made}");
}

#[test]
fn dots_stand_for_any_lines() {
    let lines = |text: &str| masked(&text.split(' ').collect::<Vec<_>>());
    for (written, said, is_so) in [
        ("a b", "a b", true),
        ("a b", "a c", false),
        ("a ... d", "a b c d", true),
        ("...", "a", true),
        ("a ...", "b a", false),
    ] {
        assert_eq!(agree(&lines(written), &lines(said)), is_so, "{written}");
    }
    let key = format!("age1{}", "q".repeat(58));
    assert_eq!(masked(&[&key]), ["RANDOM"]);
}
