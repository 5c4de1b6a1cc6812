//! A rotation on real nodes: killed at any system call nobody is locked out, and the next run ends
//! it; interrupted it ends at once; and no private key is in any argument, variable or file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use kubegrant_sshd::Nodes;
use rustix::process::Signal;

use crate::home::{Frozen, HANG, Home, Ran, say};
use crate::oracle_ssh::{Key, keys, look, open};
use crate::proof::Tally;
use crate::ssh_key::{Call, calls, can_trace, everywhere, kill_at, sample, state, step};

/// What others have in `authorized_keys`, which is not ours to touch. Nobody has its private half.
const FOREIGN: &str = "# others\nno-pty ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAICfjmtpuxMyAgFBfxyddpauQSHODpf6rsTutzbyIkWS7 ci@x\n";

/// Three nodes that let in the cluster's key and nobody else.
struct Scene {
    home: Home,
    nodes: Nodes,
    login: String,
    /// The file of the key, where somebody took it.
    taken: Option<PathBuf>,
    before: Option<Frozen>,
    lines: String,
}

impl Scene {
    fn new(is_taken: bool) -> Option<Self> {
        let nodes = Nodes::start(3)?;
        let home = Home::with_cluster();
        drop(home.call("ssh-key generate dev").success());
        let ended = Command::new("id").arg("-un").output().expect("`id`");
        let login = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        let mut scene = Self {
            home,
            nodes,
            login,
            taken: None,
            before: None,
            lines: String::new(),
        };
        let mut install = "ssh-key install dev".to_owned();
        for node in scene.nodes.iter() {
            install.push_str(" --node ");
            install.push_str(&node.address());
        }
        drop(scene.run(&install).success());
        if is_taken {
            drop(scene.home.call("ssh-key download dev -f old.pem").success());
            scene.taken = Some(scene.home.work().join("old.pem"));
        }
        scene.lines = format!("{FOREIGN}{}\n", keys(&scene.home)[0].public);
        scene.nodes.without_admin_key();
        scene.put_lines();
        scene.before = Some(scene.home.freeze());
        Some(scene)
    }

    fn put_lines(&self) {
        for node in self.nodes.iter() {
            node.put_authorized_keys(&self.lines);
        }
    }

    fn rotate(&self) -> String {
        let file = self.taken.as_ref().map_or("", |_| " -i old.pem");
        format!("ssh-key rotate dev --user {}{file}", self.login)
    }

    /// Gives a command the test's own `ssh`.
    fn prepare(&self, command: &mut Command) {
        command
            .env("PATH", self.nodes.path())
            .env("TMPDIR", self.home.path());
    }

    fn spawn(&self, words: &str) -> Child {
        let with_login = if words.contains("--user") {
            words.to_owned()
        } else {
            format!("{words} --user {}", self.login)
        };
        let mut command = self.home.command(&with_login);
        self.prepare(&mut command);
        command.spawn().expect("the binary starts")
    }

    fn run(&self, words: &str) -> Ran {
        let output = self.spawn(words).wait_with_output().expect("it ends");
        Ran::of(words, &output)
    }

    /// As it was before the rotation.
    fn reset(&self) {
        self.home.thaw(self.before.as_ref().expect("frozen"));
        self.put_lines();
    }

    /// Waits until no program runs that a killed one had started.
    fn wait_for_orphans(&self) {
        let mark = format!("HOME={}\0", self.home.path().display());
        self.home.wait_until("the last `ssh` has ended", |_| {
            let running = std::fs::read_dir("/proc").expect("/proc").flatten();
            !running
                .map(|entry| entry.path().join("environ"))
                .filter_map(|path| std::fs::read(path).ok())
                .any(|found| contains(&found, mark.as_bytes()))
        });
    }

    fn lines_of(&self, index: usize) -> String {
        String::from_utf8(self.nodes.node(index).read_authorized_keys()).expect("text")
    }

    /// Starts a login with one private key, through OpenSSH alone.
    fn log_in(&self, index: usize, key: &Path) -> Child {
        let mut ssh = Command::new("ssh");
        self.home.inside(&mut ssh);
        self.prepare(&mut ssh);
        ssh.args([
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "LogLevel=ERROR",
        ])
        .arg("-i")
        .arg(key)
        .args(["-p", &self.nodes.node(index).port().to_string()])
        .args(["-l", &self.login, "127.0.0.1", "true"])
        .stdin(Stdio::null())
        .spawn()
        .expect("`ssh` starts")
    }

    /// The private half of a key, in a file; none where nobody can have it.
    fn file_of(&self, key: &Key) -> Option<PathBuf> {
        match key.custody.as_str() {
            "downloaded" => self.taken.clone(),
            "available" | "claimed" => {
                let name = format!("of-{}", key.fingerprint.replace(['/', ':'], "-"));
                self.home.write(&name, &open(&self.home, key));
                Some(self.home.work().join(name))
            }
            _ => None,
        }
    }

    /// Every node lets in a key that somebody has, or can take.
    fn locked_out(&self) -> Vec<String> {
        let keys = keys(&self.home);
        let mut wrong = Vec::new();
        let mut logins = Vec::new();
        for index in 0..3 {
            let lines = self.lines_of(index);
            let named = |key: &&Key| lines.lines().any(|line| line == key.public);
            let usable = keys.iter().filter(named).find_map(|key| self.file_of(key));
            match usable {
                Some(file) => logins.push((index, self.log_in(index, &file))),
                None => wrong.push(format!("node {index} lets nobody in:\n{lines}")),
            }
            if !lines.starts_with(FOREIGN) {
                wrong.push(format!("node {index} lost what is not ours:\n{lines}"));
            }
        }
        for (index, login) in logins {
            let ended = login.wait_with_output().expect("it ends");
            if !ended.status.success() {
                let words = String::from_utf8_lossy(&ended.stderr).into_owned();
                wrong.push(format!("node {index} refuses the login: {words}"));
            }
        }
        wrong
    }

    /// Runs the rotation again, which must end it.
    fn finished(&self) -> Vec<String> {
        let ran = self.run(&self.rotate());
        if ran.code != 0 {
            return vec![format!("it cannot be finished: {ran}")];
        }
        let mut wrong = look(&self.home);
        let keys = keys(&self.home);
        let current = keys.iter().find(|key| key.place == "current").expect("one");
        let wanted = format!("{FOREIGN}{}\n", current.public);
        for index in 0..3 {
            let lines = self.lines_of(index);
            if lines != wanted {
                wrong.push(format!("node {index} has in the end:\n{lines}"));
            }
            let folder = self.nodes.node(index).home().join(".ssh");
            let files = std::fs::read_dir(folder).expect("a folder").count();
            if files != 1 {
                wrong.push(format!("node {index} has {files} files in `.ssh`"));
            }
        }
        let last = keys.iter().map(|key| key.place.as_str());
        if last.clone().any(|place| place == "next" || place == "old") {
            wrong.push(format!(
                "in the end there is {:?}",
                last.collect::<Vec<_>>()
            ));
        }
        if current.custody != "available" || state(&self.home) != "available" {
            wrong.push(format!("the new key is {}", current.custody));
        }
        wrong
    }
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|part| part == needle)
}

fn kill_everywhere(is_taken: bool, samples: usize) {
    let Some(scene) = Scene::new(is_taken) else {
        return;
    };
    if !can_trace(&scene.home, "a rotation that is killed at its system calls") {
        return;
    }
    let began = Instant::now();
    drop(scene.run(&scene.rotate()).success());
    let lasts = began.elapsed();
    scene.reset();
    let prepare = |command: &mut Command| scene.prepare(command);
    let all = calls(&scene.home, &scene.rotate(), prepare);
    let points: Vec<usize> = if everywhere() {
        (0..all.len()).step_by(step()).collect()
    } else {
        // Half of them between the first and the last file that is synced: there the store and
        // the nodes change.
        let synced = |call: &Call| call.name == "fsync" || call.name == "fdatasync";
        let first = all.iter().position(synced).expect("the store is synced");
        let last = all.iter().rposition(synced).expect("the store is synced");
        let inside = sample(&all[first..=last], samples, |_| false);
        let mut points: Vec<usize> = inside.into_iter().map(|index| index + first).collect();
        points.extend(sample(&all, samples / 3, |_| false));
        points
    };
    let mut table: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for index in &points {
        let call = &all[*index];
        scene.reset();
        let killed = kill_at(&scene.home, &scene.rotate(), call, prepare);
        scene.wait_for_orphans();
        let mut found = scene.locked_out();
        found.extend(look(&scene.home));
        let begun = keys(&scene.home).len();
        let word = match (killed, begun) {
            (false, _) => "ended before",
            (true, 1) => "killed before the new key",
            (true, _) => "killed after it",
        };
        *table.entry(word).or_default() += 1;
        found.extend(scene.finished());
        if !found.is_empty() {
            wrong.push(format!("{} {}: {}", call.name, call.nth, found.join("; ")));
        }
    }
    if everywhere() {
        say(&format!(
            "ssh-key rotate of 3 nodes ({lasts:?}): {} of {} system calls, {table:?}",
            points.len(),
            all.len(),
        ));
    }
    assert!(table.contains_key("killed after it"), "{table:?}");
    Tally::of("rotations killed", points.len(), wrong).end(1);
}

#[test]
fn ssh_a_rotation_killed_at_any_system_call_locks_nobody_out() {
    kill_everywhere(false, 7);
}

#[test]
fn ssh_a_rotation_from_a_taken_key_killed_at_any_system_call_locks_nobody_out() {
    kill_everywhere(true, 3);
}

/// The secret bytes of an Ed25519 key, and the lines of its file that hold them.
fn secrets(pem: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let lines: Vec<&str> = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(lines.concat())
        .expect("base64");
    let kind = b"\0\0\0\x0bssh-ed25519";
    let last = bytes.windows(kind.len()).rposition(|part| part == kind);
    // After the kind the public 32 bytes with their length, then the length of the private ones.
    let begins = last.expect("a private part") + kind.len() + 36 + 4;
    let mut found = vec![bytes[begins..begins + 32].to_vec()];
    // The first line of the file is the same for every key.
    found.extend(lines[1..].iter().map(|line| line.as_bytes().to_vec()));
    found
}

/// Bytes as `strace -xx` writes them.
fn traced(bytes: &[u8]) -> Vec<u8> {
    let coded = bytes.iter().map(|byte| format!("\\x{byte:02x}"));
    coded.collect::<String>().into_bytes()
}

#[test]
fn no_private_key_is_in_an_argument_a_variable_a_file_or_a_pipe() {
    let Some(scene) = Scene::new(false) else {
        return;
    };
    if !can_trace(
        &scene.home,
        "that no private key leaves the process of a rotation",
    ) {
        return;
    }
    let old = keys(&scene.home)[0].clone();
    let old_text = open(&scene.home, &old);
    let trace = scene.home.path().join("trace");
    let mut strace = Command::new("strace");
    strace
        .args([
            "-f",
            "-qq",
            "-v",
            "-xx",
            "-s",
            "1000000",
            "-e",
            "signal=none",
            "-e",
        ])
        .arg("trace=execve,write,writev,pwrite64,pwritev,sendto,sendmsg")
        .arg("-o")
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_kubegrant"))
        .args(scene.rotate().split_whitespace());
    scene.home.inside(&mut strace);
    scene.prepare(&mut strace);
    let ended = strace.output().expect("`strace` starts");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let trace = std::fs::read(trace).expect("a trace");
    let keys = keys(&scene.home);
    let new = keys.iter().find(|key| key.place == "current").expect("one");
    // The search finds what is there: the public line goes to the nodes.
    let public = new.public.split(' ').nth(1).expect("a key");
    assert!(contains(&trace, &traced(public.as_bytes())));
    let execs = trace.windows(7).filter(|part| part == b"execve(").count();
    assert!(
        execs > 9,
        "the programs that it starts are seen too: {execs}"
    );
    for (what, text) in [("old", old_text), ("new", open(&scene.home, new))] {
        for secret in secrets(&text) {
            assert!(
                !contains(&trace, &traced(&secret)),
                "the {what} key left the process"
            );
        }
    }
}

#[test]
fn an_interrupted_rotation_ends_at_once_and_is_finished_by_the_next() {
    let Some(scene) = Scene::new(false) else {
        return;
    };
    scene.nodes.node(2).freeze();
    let child = scene.spawn(&scene.rotate());
    scene
        .home
        .wait_until("two nodes have the new key alone", |_| {
            (0..2).all(|index| {
                let lines = scene.lines_of(index);
                lines != scene.lines && lines.lines().count() == scene.lines.lines().count()
            })
        });
    let began = Instant::now();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::INT).expect("a signal");
    let ran = Ran::of(
        "ssh-key rotate",
        &child.wait_with_output().expect("it ends"),
    );
    assert_eq!(ran.code, 130, "{ran}");
    let took = began.elapsed();
    assert!(took < HANG, "it ended after {took:?}");
    scene.wait_for_orphans();
    scene.nodes.node(2).thaw();
    assert_eq!(scene.locked_out(), Vec::<String>::new());
    assert_eq!(look(&scene.home), Vec::<String>::new());
    assert_eq!(scene.finished(), Vec::<String>::new());
}
