//! An SSH key is handed out exactly once: crowded, out of space, and killed at any system call.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Instant;

use crate::disk::mounted;
use crate::glue::has;
use crate::home::{Frozen, Home, Ran, Started, say, switch};
use crate::oracle_ssh::{keys, look, open};
use crate::proof::Tally;

/// How many processes race.
const CROWD: usize = 64;
/// The file of a hand-out.
const FILE: &str = "ssh-key-dev.pem";

/// A home whose cluster has a key, and the text that is to be handed out.
fn with_key() -> (Home, String) {
    let home = Home::with_cluster();
    drop(home.call("ssh-key generate dev").success());
    let text = open(&home, &keys(&home)[0]);
    (home, text)
}

pub(crate) fn state(home: &Home) -> String {
    let shown = home.call("ssh-key show dev -o json").success();
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    shown["state"].as_str().expect("a state").to_owned()
}

/// The files of the working directory that may hold a key, or a part of one.
fn files(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.work()).expect("it can be read");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name != "admin.conf")
        .collect();
    names.sort();
    names
}

fn race(line: impl Fn(usize) -> String) -> (Home, String, Vec<Ran>) {
    let (home, text) = with_key();
    let started: Vec<Started> = (0..CROWD).map(|number| home.start(&line(number))).collect();
    let ran: Vec<Ran> = started.into_iter().map(Started::finish).collect();
    let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
    for ran in &ran {
        *codes.entry(ran.code).or_default() += 1;
        assert!(
            ran.code == 0 || ran.stderr.contains("was taken by 'alice'"),
            "{ran}"
        );
    }
    assert_eq!(codes, BTreeMap::from([(0, 1), (5, CROWD - 1)]));
    assert_eq!(state(&home), "downloaded");
    assert_eq!(look(&home), Vec::<String>::new());
    drop(home.run("audit verify").success());
    (home, text, ran)
}

#[test]
fn of_sixty_four_who_want_one_file_one_gets_it() {
    let (home, text, _) = race(|_| "ssh-key download dev".to_owned());
    assert_eq!(files(&home), [FILE]);
    assert_eq!(home.read(FILE), Some(text));
}

#[test]
fn of_sixty_four_who_want_files_of_their_own_one_gets_it() {
    let (home, text, ran) = race(|number| format!("ssh-key download dev -f key-{number}.pem"));
    let winner = ran.iter().position(|ran| ran.code == 0).expect("one");
    let name = format!("key-{winner}.pem");
    assert_eq!(files(&home), [name.as_str()]);
    assert_eq!(home.read(&name), Some(text));
}

#[test]
fn a_umask_changes_nothing_about_the_file() {
    for mask in ["000", "777", "022"] {
        let (home, text) = with_key();
        let ran = home.shell(&format!("umask {mask}; \"$1\" ssh-key download dev"));
        drop(ran.success());
        let found = std::fs::metadata(home.work().join(FILE)).expect("a file");
        assert_eq!(found.permissions().mode() & 0o7777, 0o600, "umask {mask}");
        assert_eq!(home.read(FILE), Some(text));
    }
}

#[test]
fn a_full_disk_leaves_the_key_to_be_taken_elsewhere() {
    let (home, text) = with_key();
    let script = "mkdir -p disk && mount -t tmpfs -o size=8k tmpfs disk
        dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null
        \"$1\" ssh-key download dev -f disk/key.pem; echo \"exit $?\"
        ls -A disk; umount disk";
    let Some(ran) = mounted(&home, script, "an SSH key to a full disk") else {
        return;
    };
    assert!(ran.stdout.contains("exit 5\nfill\n"), "{ran}");
    assert!(ran.stderr.to_lowercase().contains("no space"), "{ran}");
    assert_eq!(state(&home), "available", "{ran}");
    assert_eq!(look(&home), Vec::<String>::new());
    drop(home.run("ssh-key download dev").success());
    assert_eq!(home.read(FILE), Some(text));
}

#[test]
fn a_folder_that_is_read_only_leaves_the_key_to_be_taken_elsewhere() {
    let (home, text) = with_key();
    let script = "mkdir -p disk && mount -t tmpfs -o ro,size=8k tmpfs disk
        \"$1\" ssh-key download dev -f disk/key.pem; echo \"exit $?\"; umount disk";
    let Some(ran) = mounted(&home, script, "an SSH key to a read-only disk") else {
        return;
    };
    assert!(ran.stdout.contains("exit 5"), "{ran}");
    assert_eq!(state(&home), "available", "{ran}");
    drop(home.run("ssh-key download dev").success());
    assert_eq!(home.read(FILE), Some(text));
}

#[test]
fn a_store_on_a_full_disk_hands_out_nothing_or_says_where_the_key_is() {
    let (home, text) = with_key();
    let script = crate::disk::with_full_store("ssh-key download dev");
    let Some(ran) = mounted(&home, &script, "an SSH key with the store on a full disk") else {
        return;
    };
    assert!(!ran.stdout.contains("exit 0"), "{ran}");
    match home.read(FILE) {
        None => assert_eq!(state(&home), "available", "{ran}"),
        Some(found) => {
            assert_eq!(found, text);
            assert_eq!(state(&home), "downloaded", "{ran}");
        }
    }
    assert_eq!(look(&home), Vec::<String>::new(), "{ran}");
}

/// One system call of a run: the nth of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) nth: usize,
}

/// Runs a command under `strace`, and gives the system calls of its first thread.
pub(crate) fn calls(home: &Home, words: &str, prepare: impl Fn(&mut Command)) -> Vec<Call> {
    let trace = home.path().join("trace");
    let mut strace = Command::new("strace");
    strace
        .args(["-qq", "-e", "signal=none", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_kubegrant"))
        .args(words.split_whitespace());
    home.inside(&mut strace);
    prepare(&mut strace);
    let ended = strace.output().expect("`strace` starts");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let text = std::fs::read(&trace).expect("a trace");
    let text = String::from_utf8_lossy(&text);
    // The first call starts the program; before it there is nothing of ours.
    let lines = text.lines().skip(1).filter_map(|line| line.split_once('('));
    lines
        .filter(|(name, _)| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .map(|(name, _)| {
            let nth = seen.entry(name.to_owned()).or_default();
            *nth += 1;
            Call {
                name: name.to_owned(),
                nth: *nth,
            }
        })
        .collect()
}

/// Runs a command, and kills it where it begins a system call. Gives whether it was killed.
pub(crate) fn kill_at(
    home: &Home,
    words: &str,
    call: &Call,
    prepare: impl Fn(&mut Command),
) -> bool {
    let mut strace = Command::new("strace");
    let Call { name, nth } = call;
    strace
        .args(["-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={name}"))
        .arg("-e")
        .arg(format!("inject={name}:signal=SIGKILL:when={nth}"))
        .arg(env!("CARGO_BIN_EXE_kubegrant"))
        .args(words.split_whitespace());
    home.inside(&mut strace);
    prepare(&mut strace);
    let ended = strace.output().expect("`strace` starts");
    !ended.status.success()
}

/// Whether a process can be traced here; says so where not.
pub(crate) fn can_trace(home: &Home, what: &str) -> bool {
    if !has("strace", what) {
        return false;
    }
    let probe = home.shell("strace -qq -o /dev/null true");
    if probe.code != 0 {
        say(&format!("not run, for nothing can be traced here: {what}"));
    }
    probe.code == 0
}

/// The calls to kill at: all of them, or a sample with everything around those that count.
pub(crate) fn sample(all: &[Call], count: usize, matter: impl Fn(&str) -> bool) -> Vec<usize> {
    let step = all.len().div_ceil(count.max(1)).max(1);
    let mut chosen: Vec<usize> = (0..all.len()).step_by(step).collect();
    for (index, call) in all.iter().enumerate() {
        if matter(&call.name) {
            chosen.extend([index, (index + 1).min(all.len() - 1)]);
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Whether the long form is wished for.
pub(crate) fn everywhere() -> bool {
    switch("KUBEGRANT_KILLS_AT").is_some_and(|at| at == "all")
}

/// Every how many system calls the long form kills; 1 is at each of them.
pub(crate) fn step() -> usize {
    switch("KUBEGRANT_KILLS_STEP").map_or(1, |step| step.parse().expect("a number"))
}

/// What a kill left behind, in the one word that both the store and the folder must say.
fn judged(home: &Home, text: &str) -> Result<&'static str, String> {
    let state = state(home);
    let files = files(home);
    match (state.as_str(), files.as_slice()) {
        ("available", []) => Ok("available"),
        ("downloaded", [file]) if file == FILE && home.read(FILE).as_deref() == Some(text) => {
            Ok("downloaded")
        }
        _ => Err(format!("the key is {state}, and there is {files:?}")),
    }
}

/// Kills a hand-out at one system call, and gives what became of the key, or what is wrong.
fn kill_download(
    home: &Home,
    before: &Frozen,
    (call, text): (&Call, &str),
    again_first: bool,
) -> Result<&'static str, String> {
    home.thaw(before);
    let words = "ssh-key download dev";
    kill_at(home, words, call, |_| {});
    if again_first {
        // Who runs it again at once gets the key, or is told that they have it.
        let again = home.call(words);
        let had = again.code == 5 && again.stderr.contains("was taken by 'alice'");
        if again.code != 0 && !had {
            return Err(format!("it cannot be done again: {again}"));
        }
        let judged = judged(home, text)?;
        return match judged {
            "downloaded" => Ok("again"),
            other => Err(format!("after it was done again, the key is {other}")),
        };
    }
    let judged = judged(home, text)?;
    let wrong = look(home);
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let again = home.call(words);
    let wanted = if judged == "available" { 0 } else { 5 };
    if again.code != wanted || home.read(FILE).as_deref() != Some(text) {
        return Err(format!("the key was {judged}, and then: {again}"));
    }
    Ok(judged)
}

#[test]
fn ssh_a_hand_out_killed_at_any_system_call_is_whole_or_never_was() {
    let (home, text) = with_key();
    if !can_trace(&home, "a hand-out that is killed at its system calls") {
        return;
    }
    let before = home.freeze();
    let began = Instant::now();
    drop(home.run("ssh-key download dev").success());
    let lasts = began.elapsed();
    home.thaw(&before);
    let all = calls(&home, "ssh-key download dev", |_| {});
    let points: Vec<usize> = if everywhere() {
        (0..all.len()).step_by(step()).collect()
    } else {
        let matter = |name: &str| matches!(name, "linkat" | "unlink" | "fsync" | "fdatasync");
        sample(&all, 24, matter)
    };
    let mut table: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (number, index) in points.iter().enumerate() {
        let call = &all[*index];
        match kill_download(&home, &before, (call, &text), number % 4 == 3) {
            Ok(word) => *table.entry(word).or_default() += 1,
            Err(what) => wrong.push(format!("{} {}: {what}", call.name, call.nth)),
        }
    }
    if everywhere() {
        say(&format!(
            "ssh-key download ({lasts:?}): {} of {} system calls, {table:?}",
            points.len(),
            all.len(),
        ));
    }
    assert!(
        table.contains_key("available") && table.contains_key("downloaded"),
        "{table:?}"
    );
    Tally::of("hand-outs killed", points.len(), wrong).end(1);
}
