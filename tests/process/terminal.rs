//! A person at a real terminal: what is asked, what is shown, and how the terminal is left.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::glue::has;
use crate::home::Home;

/// How long a person waits for the screen before they call it hung.
const PATIENCE: Duration = Duration::from_mins(1);

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// A terminal with one command line running in it.
struct Screen {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    /// Puts what comes on the screen; over when nothing more can come.
    reader: JoinHandle<()>,
}

/// How a command line ended at a terminal.
struct Left {
    code: i32,
    shown: String,
    /// Whether the terminal is as it was.
    is_sane: bool,
}

impl Screen {
    /// Starts the binary at a terminal of 100 columns. The shell around it lives through Ctrl-C, and
    /// notes how the terminal was before and after.
    fn start(home: &Home, words: &str) -> Self {
        Self::sized(home, words, "xterm", 100)
    }

    fn sized(home: &Home, words: &str, kind: &str, columns: usize) -> Self {
        let binary = env!("CARGO_BIN_EXE_kubegrant");
        home.write(
            "at-terminal",
            &format!(
                "trap : INT\nstty cols {columns} rows 30\nexport TERM={kind}\nstty -g > before\n\
                 {binary} {words}\necho $? > code\nstty -g > after\n"
            ),
        );
        let mut command = Command::new("script");
        command.args(["-qec", "sh at-terminal", "/dev/null"]);
        home.inside(&mut command);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("there is `script`");
        let keys = child.stdin.take().expect("it is piped");
        let mut screen = child.stdout.take().expect("it is piped");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                kept.lock()
                    .expect("a screen")
                    .extend_from_slice(&bytes[..count]);
            }
        });
        Self {
            child,
            keys,
            shown,
            reader,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("a screen")).into_owned()
    }

    /// Waits until something is on the screen.
    #[track_caller]
    fn sees(&self, what: &str) {
        let began = Instant::now();
        while !self.text().contains(what) {
            assert!(
                began.elapsed() < PATIENCE,
                "never {what:?}: {:?}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it reads");
        self.keys.flush().expect("it reads");
    }

    /// Types a hidden line at a question that is drawn: once more where what was typed came before it
    /// was read, and so was thrown away.
    fn types_hidden(&mut self, line: &str) {
        let began = Instant::now();
        while !self.text().contains("[hidden]") {
            assert!(began.elapsed() < PATIENCE, "never read: {:?}", self.text());
            self.types(line);
            let typed = Instant::now();
            while typed.elapsed() < Duration::from_secs(15) && !self.text().contains("[hidden]") {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn leaves(mut self, home: &Home) -> Left {
        let began = Instant::now();
        while home.read("after").is_none_or(|text| text.is_empty()) {
            assert!(
                began.elapsed() < PATIENCE,
                "it never ends: {:?}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(self.keys);
        self.child.wait().expect("it ends");
        self.reader.join().expect("the screen is read to its end");
        let shown = String::from_utf8_lossy(&self.shown.lock().expect("a screen")).into_owned();
        let read = |name| home.read(name).expect("the shell wrote it");
        let cursor = |code| shown.rfind(code);
        let left = Left {
            code: read("code").trim().parse().expect("a number"),
            is_sane: read("before") == read("after")
                && cursor("\u{1b}[?25l") <= cursor("\u{1b}[?25h"),
            shown,
        };
        for name in ["before", "code", "after"] {
            std::fs::remove_file(home.work().join(name)).expect("it was read");
        }
        left
    }
}

#[test]
fn a_person_is_asked_line_by_line_and_may_correct_what_they_type() {
    if !has("script", "questions at a terminal") {
        return;
    }
    let home = Home::new();
    let mut screen = Screen::start(&home, "init");
    screen.sees("Organization: ");
    screen.types("Acmf\u{7f}e\r");
    screen.sees("Your user name: ");
    // An empty line is no name.
    screen.types("\ralice\r");
    let left = screen.leaves(&home);
    assert!(left.code == 0 && left.is_sane, "{}", left.shown);
    assert!(
        left.shown.contains("Organization: Acme\r\n"),
        "{}",
        left.shown
    );
    assert!(
        left.shown.contains("'alice' is its owner"),
        "{}",
        left.shown
    );
}

#[test]
fn yes_counts_with_enter_and_nothing_else_is_yes() {
    if !has("script", "questions at a terminal") {
        return;
    }
    let home = Home::with_people();
    for (keys, code) in [("\r", 5), ("n\r", 5), ("yn\r", 5), ("xy\r", 0)] {
        drop(home.run("user enable bob"));
        let mut screen = Screen::start(&home, "user disable bob");
        screen.sees("everywhere? [y/N]");
        screen.types(keys);
        let left = screen.leaves(&home);
        assert!(left.is_sane, "{keys:?}: {}", left.shown);
        assert_eq!(left.code, code, "{keys:?}: {}", left.shown);
    }
}

#[test]
fn ctrl_c_at_every_question_ends_with_130_and_leaves_the_terminal_sane() {
    if !has("script", "Ctrl-C") || !has("ssh-keygen", "Ctrl-C at a passphrase") {
        return;
    }
    let home = Home::with_cluster();
    drop(
        home.shell("ssh-keygen -q -t ed25519 -N secret -f locked")
            .success(),
    );
    for (words, question) in [
        ("--store new.db init", "Organization: "),
        ("user disable bob", "everywhere? [y/N]"),
        ("cluster delete dev", "to go on: "),
        ("cluster provider-token set dev", "Hetzner Cloud token: "),
        ("whoami --identity locked", "Passphrase of "),
        ("ssh-key import dev locked", "Passphrase of "),
    ] {
        // What draws, and what only writes and reads lines.
        for kind in ["xterm", "dumb"] {
            let mut screen = Screen::sized(&home, words, kind, 200);
            screen.sees(question);
            screen.types(CTRL_C);
            let left = screen.leaves(&home);
            assert_eq!(left.code, 130, "{kind}: {words}: {}", left.shown);
            assert!(left.is_sane, "{kind}: {words}: {}", left.shown);
        }
    }
    assert!(home.run("user show bob -o json").stdout.contains("true"));
}

#[test]
fn a_passphrase_is_not_shown_and_opens() {
    if !has("script", "passphrases") || !has("ssh-keygen", "passphrases") {
        return;
    }
    let home = Home::with_cluster();
    let secret = "canary-of-a-passphrase";
    drop(
        home.shell(&format!("ssh-keygen -q -t ed25519 -N {secret} -f locked"))
            .success(),
    );
    for kind in ["xterm", "dumb"] {
        let words = "ssh-key import dev locked --dry-run";
        let mut screen = Screen::sized(&home, words, kind, 200);
        screen.sees("Passphrase of ");
        match kind {
            "xterm" => screen.types_hidden(&format!("{secret}\r")),
            _ => screen.types(&format!("{secret}\r")),
        }
        let left = screen.leaves(&home);
        assert!(left.code == 0 && left.is_sane, "{kind}: {}", left.shown);
        assert!(!left.shown.contains("canary"), "{kind}: {}", left.shown);
    }
    // Ctrl-D is no passphrase, and no end of the world.
    let mut screen = Screen::start(&home, "ssh-key import dev locked");
    screen.sees("Passphrase of ");
    screen.types_hidden(CTRL_D);
    let left = screen.leaves(&home);
    assert!(
        left.code == 2 && left.is_sane,
        "{} {}",
        left.code,
        left.shown
    );
}

#[test]
fn of_several_contexts_a_person_chooses_one() {
    if !has("script", "choices at a terminal") {
        return;
    }
    let home = Home::with_people();
    let admin: serde_json::Value =
        serde_saphyr::from_str(&home.sandbox.admin_kubeconfig()).expect("YAML");
    let mut several = admin.clone();
    let list = several["contexts"].as_array_mut().expect("a list");
    let mut second = list[0].clone();
    second["name"] = "second".into();
    list.push(second);
    let config = several.as_object_mut().expect("a map");
    config.remove("current-context");
    home.write("several.conf", &several.to_string());
    let words = "cluster add dev --kubeconfig several.conf";
    // Ctrl-C chooses none.
    let mut screen = Screen::start(&home, words);
    screen.sees("second");
    screen.types(CTRL_C);
    let left = screen.leaves(&home);
    assert!(left.code == 130 && left.is_sane, "{}", left.shown);
    // Nobody is asked who says yes to everything, or cannot see it.
    for (words, kind) in [
        (format!("{words} --yes"), "xterm"),
        (words.to_owned(), "dumb"),
    ] {
        let screen = Screen::sized(&home, &words, kind, 200);
        let left = screen.leaves(&home);
        assert_eq!(left.code, 2, "{}", left.shown);
        assert!(
            left.shown.contains("choose one with `--context`"),
            "{}",
            left.shown
        );
    }
    let mut screen = Screen::start(&home, words);
    screen.sees("second");
    screen.types("j\r");
    let left = screen.leaves(&home);
    assert!(left.code == 0 && left.is_sane, "{}", left.shown);
    assert!(left.shown.contains("Context: second"), "{}", left.shown);
}

#[test]
fn where_a_line_cannot_be_drawn_anew_the_question_is_written_once() {
    if !has("script", "narrow terminals") {
        return;
    }
    let home = Home::with_people();
    for (kind, columns) in [("dumb", 100), ("xterm", 20), ("xterm", 0)] {
        drop(home.run("user enable bob"));
        let mut screen = Screen::sized(&home, "user disable bob", kind, columns);
        screen.sees("[y/N] ");
        screen.types("y\r");
        let left = screen.leaves(&home);
        assert_eq!(left.code, 0, "{kind} {columns}: {}", left.shown);
        assert_eq!(
            left.shown.matches("Disable 'bob'").count(),
            1,
            "{}",
            left.shown
        );
        assert!(!left.shown.contains("\u{1b}[2K"), "{}", left.shown);
    }
}

#[test]
fn at_a_narrow_terminal_tables_and_help_wrap_instead_of_breaking() {
    if !has("script", "narrow terminals") {
        return;
    }
    let home = Home::with_cluster();
    let said = home.call("access grant bob --cluster dev --level write --reason why");
    drop(said.success());
    let colors = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("a pattern");
    for words in [
        "user list",
        "cluster list",
        "access list",
        "audit list",
        "access grant --help",
    ] {
        let left = Screen::sized(&home, words, "xterm", 40).leaves(&home);
        assert!(left.code == 0 && left.is_sane, "{words}: {}", left.shown);
        let shown = colors.replace_all(&left.shown, "");
        for line in shown.lines() {
            // A word is never cut: what has no room for it goes on in the next line of the terminal.
            let is_one_word = !line.trim().contains("  ") && line.split_whitespace().count() <= 2;
            // What is to be typed is one line.
            let is_typed =
                line.trim_start().starts_with("kubegrant ") || line.starts_with("Usage:");
            let fits = line.chars().count() <= 40 || is_one_word || is_typed;
            assert!(fits, "{words}: {line:?}\n{shown}");
        }
    }
    let left = Screen::sized(&home, "user list", "xterm", 40).leaves(&home);
    assert!(
        left.shown.contains("developer") && left.shown.contains("\r\n\r\n"),
        "{}",
        left.shown
    );
}
