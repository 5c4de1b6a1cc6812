//! The script by itself: every shell that is here, without `flock`, and on files of any kind.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use proptest::prelude::*;

use super::*;

/// The programs that the script asks for, `flock` left out.
const PROGRAMS: &[&str] = &[
    "awk", "cat", "chmod", "chown", "cut", "find", "ls", "mkdir", "mktemp", "mv", "readlink", "rm",
    "rmdir", "sleep", "sync", "tail", "tr", "wc",
];

/// Runs the script as a node would, and gives its word.
pub(super) fn run(shell: &str, home: &Path, verb: &str, public: &PublicLine) -> String {
    finish(start(shell, home, verb, public, None))
}

fn start(shell: &str, home: &Path, verb: &str, public: &PublicLine, path: Option<&Path>) -> Child {
    let mut words = shell.split(' ');
    let mut command = Command::new(words.next().expect("a shell"));
    command.args(words).env("HOME", home);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let script = format!("verb={verb}\n{}{SCRIPT}", public.assignments());
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("taken");
    drop(stdin);
    child
}

fn finish(child: Child) -> String {
    let ended = child.wait_with_output().expect("ended");
    let (out, err) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    Reply::new(ended.status, &out, &err)
        .answer()
        .unwrap_or_else(|| panic!("no answer: {out}{err}"))
}

fn find(program: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.exists())
}

/// A folder for `PATH` with the programs that the script asks for, and no `flock`.
fn programs(folder: &Path) -> PathBuf {
    let bin = folder.join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    for program in PROGRAMS {
        let path = find(program).unwrap_or_else(|| panic!("{program} is missing"));
        std::os::unix::fs::symlink(path, bin.join(program)).expect("a link");
    }
    bin
}

/// The shells that are here, as commands.
fn shells() -> Vec<String> {
    let mut shells = vec!["/bin/sh".to_owned()];
    for (program, arguments) in [
        ("dash", ""),
        ("bash", " --posix"),
        ("busybox", " sh"),
        ("ksh", ""),
        ("mksh", ""),
    ] {
        let found = find(program);
        shells.extend(found.map(|path| format!("{}{arguments}", path.display())));
    }
    shells
}

fn read(home: &Path) -> String {
    std::fs::read_to_string(home.join(".ssh/authorized_keys")).expect("text")
}

fn put(home: &Path, text: &str) {
    std::fs::create_dir_all(home.join(".ssh")).expect("a folder");
    put_file(&home.join(".ssh/authorized_keys"), text);
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn put_file(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

fn some_line(last: u8) -> PublicLine {
    let key = ssh_key::public::Ed25519PublicKey([last; 32]);
    let key = ssh_key::public::KeyData::from(key);
    PublicLine::new(&ssh_key::PublicKey::new(key, "it's a 'key'")).expect("a line")
}

#[test]
fn every_shell_does_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let (ours, other) = (some_line(1), some_line(2));
    for shell in shells() {
        let home = tempfile::tempdir().expect("a folder");
        let home = home.path();
        let run = |verb: &str, public: &PublicLine| run(&shell, home, verb, public);
        assert_eq!(run("remove", &ours), "absent", "{shell}");
        assert!(!home.join(".ssh").exists());
        assert_eq!(run("add", &other), "added", "{shell}");
        let mode = |path: &str| {
            let found = std::fs::metadata(home.join(path)).expect("there");
            found.permissions().mode() & 0o7777
        };
        assert_eq!(
            (mode(".ssh"), mode(".ssh/authorized_keys")),
            (0o700, 0o600),
            "{shell}"
        );
        assert_eq!(run("add", &ours), "added", "{shell}");
        assert_eq!(run("add", &ours), "present", "{shell}");
        assert_eq!(read(home), format!("{other}\n{ours}\n"), "{shell}");
        assert_eq!(run("remove", &ours), "removed", "{shell}");
        assert_eq!(read(home), format!("{other}\n"), "{shell}");
        assert_eq!(run("remove", &other), "last", "{shell}");
    }
}

/// A file in short: K is our key, O another; none where there is no file.
type Form = Option<&'static str>;

#[test]
fn a_line_goes_from_the_second_file_too_and_nobody_is_locked_out() {
    let (ours, other) = (some_line(1).to_string(), some_line(2).to_string());
    // The first file, the second, the word, and what is left of each.
    let cases: &[(Form, Form, &str, Form, Form)] = &[
        (Some("O"), Some("K"), "removed", Some("O"), Some("")),
        (Some("O"), Some("K\nO"), "removed", Some("O"), Some("O")),
        (
            Some("K\nO"),
            Some("K\n# x\nK"),
            "removed",
            Some("O"),
            Some("# x"),
        ),
        (Some("K\nO"), Some("O"), "removed", Some("O"), Some("O")),
        (Some("O"), Some("O"), "absent", Some("O"), Some("O")),
        (None, Some("K\nO"), "removed", None, Some("O")),
        (None, Some("K"), "last", None, Some("K")),
        (Some(""), Some("K"), "last", Some(""), Some("K")),
        (Some("K"), Some("O"), "last", Some("K"), Some("O")),
    ];
    for shell in shells() {
        for (first, second, word, first_left, second_left) in cases {
            let home = tempfile::tempdir().expect("a folder");
            let folder = home.path().join(".ssh");
            std::fs::create_dir(&folder).expect("a folder");
            let files = [
                folder.join("authorized_keys"),
                folder.join("authorized_keys2"),
            ];
            let text = |form: &str| {
                let form = form.replace('K', "<ours>").replace('O', "<other>");
                let text = form.replace("<ours>", &ours).replace("<other>", &other);
                if text.is_empty() { text } else { text + "\n" }
            };
            for (file, form) in files.iter().zip([first, second]) {
                if let Some(form) = form {
                    put_file(file, &text(form));
                }
            }
            let said = run(&shell, home.path(), "remove", &some_line(1));
            assert_eq!(said, *word, "{shell} {first:?} {second:?}");
            for (file, form) in files.iter().zip([first_left, second_left]) {
                let left = std::fs::read_to_string(file).ok();
                assert_eq!(left, form.map(text), "{shell} {first:?} {second:?}");
            }
        }
    }
    // One that is no file, or that nobody reads, is left alone; a link to the first is no second.
    let home = tempfile::tempdir().expect("a folder");
    put(home.path(), &format!("{ours}\n{other}\n"));
    let second = home.path().join(".ssh/authorized_keys2");
    std::os::unix::fs::symlink("authorized_keys", &second).expect("a link");
    assert_eq!(
        run("/bin/sh", home.path(), "remove", &some_line(1)),
        "removed"
    );
    assert_eq!(read(home.path()), format!("{other}\n"));
    std::fs::remove_file(&second).expect("ours");
    std::fs::create_dir(&second).expect("a folder");
    assert_eq!(
        run("/bin/sh", home.path(), "remove", &some_line(1)),
        "absent"
    );
}

#[test]
fn without_flock_keys_that_come_at_once_all_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bin, home) = (programs(folder.path()), folder.path().join("home"));
    std::fs::create_dir_all(&home).expect("a folder");
    let lines: Vec<_> = (1..=6).map(some_line).collect();
    let running: Vec<_> = lines
        .iter()
        .map(|public| start("/bin/sh", &home, "add", public, Some(&bin)))
        .collect();
    for child in running {
        assert_eq!(finish(child), "added");
    }
    let text = read(&home);
    for public in &lines {
        assert!(text.contains(&public.to_string()), "{public} is lost");
    }
    assert_eq!(
        std::fs::read_dir(home.join(".ssh"))
            .expect("a folder")
            .count(),
        1
    );
}

#[test]
fn a_lock_that_nobody_holds_any_more_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bin, home) = (programs(folder.path()), folder.path().join("home"));
    let lock = home.join(".ssh/.authorized_keys.lock");
    std::fs::create_dir_all(&lock).expect("a folder");
    let touched = Command::new("touch")
        .args(["-d", "10 minutes ago"])
        .arg(&lock)
        .status();
    assert!(touched.expect("touch").success());
    let child = start("/bin/sh", &home, "add", &some_line(1), Some(&bin));
    assert_eq!(finish(child), "added");
    assert!(!lock.exists());
}

#[test]
fn what_another_program_wrote_meanwhile_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let (bin, home) = (programs(folder.path()), folder.path().join("home"));
    let keys = home.join(".ssh/authorized_keys");
    put(&home, &format!("{}\n", some_line(2)));
    // The last program before the rename: an editor without a lock is as fast, once.
    let sync = bin.join("sync");
    std::fs::remove_file(&sync).expect("a link");
    let (other, done) = (some_line(3).to_string(), folder.path().join("done"));
    let other = other.replace('\'', "");
    let text = format!(
        "#!/bin/sh\n[ -e '{done}' ] && exit\n: >'{done}'\necho '{other}' >>'{keys}'\n",
        done = done.display(),
        keys = keys.display()
    );
    put_file(&sync, &text);
    std::fs::set_permissions(&sync, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let child = start("/bin/sh", &home, "add", &some_line(1), Some(&bin));
    assert_eq!(finish(child), "added");
    let all = format!("{}\n{other}\n{}\n", some_line(2), some_line(1));
    assert_eq!(read(&home), all);
    assert_eq!(home.join(".ssh").read_dir().expect("a folder").count(), 1);
}

#[test]
fn a_script_that_was_cut_short_does_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let whole = format!("verb=add\n{}{SCRIPT}", some_line(1).assignments());
    let whole = whole.trim_end();
    for part in [whole.len() / 2, whole.len() - "kubegrant </dev/null".len()] {
        let mut child = Command::new("/bin/sh")
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(&whole.as_bytes()[..part]).expect("taken");
        drop(stdin);
        child.wait().expect("ended");
        assert!(!home.path().join(".ssh").exists());
    }
}

/// Lines of a file, by what they are, with our key as key 1.
fn forms() -> BTreeMap<&'static str, bool> {
    BTreeMap::from([
        ("KEY1", true),
        ("  KEY1 x\r", true),
        ("restrict KEY1", true),
        ("command=\"a \\\" b\",pty KEY1 # x", true),
        ("cert-authority KEY1", true),
        ("#KEY1", false),
        ("KEY2", false),
        ("KEY2 KEY1", false),
        ("command=\"KEY1\" KEY2", false),
        ("command=\"unended KEY1", false),
        ("", false),
        (" \t", false),
        ("\r", false),
        ("\u{e9} \\ 'x' \"y", false),
        ("-n", false),
        ("%s\\n", false),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn removing_takes_exactly_the_lines_of_the_key(
        chosen in proptest::collection::vec(0..forms().len(), 0..8),
        ended in any::<bool>(),
    ) {
        let bare = |last: u8| some_line(last).to_string().replace(" it's a 'key'", "");
        let forms: Vec<_> = forms().into_iter().collect();
        // A key of somebody else, so that the last one is never ours.
        let rest = format!("{}\n", some_line(3));
        let whole = |ours: bool| {
            let lines = chosen.iter().map(|&index| forms[index]);
            let lines = lines.filter(|(_, is_ours)| ours || !is_ours);
            lines
                .map(|(form, _)| form.replace("KEY1", &bare(1)).replace("KEY2", &bare(2)))
                .flat_map(|line| [line, "\n".to_owned()])
                .collect::<String>()
        };
        let mut before = rest.clone() + &whole(true);
        let mut after = rest + &whole(false);
        let named = chosen.iter().any(|&index| forms[index].1);
        let last = chosen.last().is_none_or(|&index| forms[index].1);
        if !ended {
            before.pop();
            if !last || chosen.is_empty() {
                after.pop();
            }
        }
        let home = tempfile::tempdir().expect("a folder");
        put(home.path(), &before);
        let word = run("/bin/sh", home.path(), "remove", &some_line(1));
        prop_assert_eq!(word, if named { "removed" } else { "absent" });
        prop_assert_eq!(read(home.path()), after);
    }
}
