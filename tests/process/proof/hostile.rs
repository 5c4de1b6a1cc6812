//! Suite 8, first half: kubeconfigs that mean harm, through every command that reads one: nothing
//! is started, nothing foreign is opened, nobody is called, and each is refused with its reason, soon.
//!
//! The corpus is `tests/hostile/*.yaml`; the first line of each says why it is refused. What is
//! too large or too deep to be kept there is made here.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Tally, full};
use crate::glue::has;
use crate::home::{HANG, Home, Ran};

/// A command that reads a kubeconfig, the file being `{FILE}`.
struct Reader {
    words: &'static str,
    /// It takes the file for its login: what is hostile is refused with 2 or 7, with the reason.
    strict: bool,
    /// It has to call the cluster, about something else.
    calls: bool,
}

const fn strict(words: &'static str) -> Reader {
    Reader {
        words,
        strict: true,
        calls: false,
    }
}

/// A command that only looks at the file, or leaves what is not ours as it is.
const fn lenient(words: &'static str, calls: bool) -> Reader {
    Reader {
        words,
        strict: false,
        calls,
    }
}

/// Every command that reads a kubeconfig.
const COMMANDS: &[Reader] = &[
    strict("cluster add two --kubeconfig {FILE}"),
    strict("cluster relink dev --kubeconfig {FILE} --yes"),
    strict("cluster add two --kubeconfig - < {FILE}"),
    lenient("kubeconfig whose {FILE}", false),
    lenient("kubeconfig remove dev -f {FILE}", false),
    lenient("open {FILE} -f opened", false),
    lenient("kubeconfig download dev --merge -f {FILE}", true),
];

/// What the token in a hostile file is, so that nobody repeats it.
const CANARY: &str = "canary-in-a-hostile-file-0123456789";

/// How much processor time a refusal may take: a limit against hanging, not a measure of speed.
const CPU_MAX: Duration = Duration::from_mins(2);
/// How much address space it may take, in KiB; the debug binary's own is about 60 MiB.
const SPACE_MAX: usize = 192 * 1024;

/// What may be opened beside the store, the identity and the kubeconfig itself.
const SYSTEM: &[&str] = &[
    "/lib",
    "/usr/lib",
    "/etc/ld.so",
    "/etc/localtime",
    "/etc/hostname",
    "/proc/sys/kernel/",
    "/proc/self/maps",
    "/proc/self/cgroup",
    "/proc/self/mountinfo",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
];

/// A file of the corpus, and one of the words with which it is refused.
struct Hostile {
    name: String,
    bytes: Vec<u8>,
    reasons: Vec<String>,
}

fn corpus(home: &Home) -> Vec<Hostile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let put = [
        ("{SERVER}", home.sandbox.url()),
        ("{CA}", STANDARD.encode(home.sandbox.ca_pem())),
        ("{CANARY}", CANARY.to_owned()),
        ("{DECOY}", home.work().join("decoy").display().to_string()),
        ("{MARK}", home.work().join("mark").display().to_string()),
    ];
    let mut found: Vec<Hostile> = files
        .iter()
        .map(|path| {
            let mut bytes = fs::read(path).expect("a file");
            for (word, with) in &put {
                bytes = replace(&bytes, word.as_bytes(), with.as_bytes());
            }
            let end = bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .expect("a line");
            let first = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let reasons = first.strip_prefix("# refused: ").expect("a reason");
            Hostile {
                name: path.file_name().expect("a name").display().to_string(),
                reasons: reasons.split('|').map(str::to_lowercase).collect(),
                bytes,
            }
        })
        .collect();
    let large = [
        ("too large", "# ".to_owned() + &"x".repeat(16 * 1024 * 1024)),
        ("deep lists", "a: ".to_owned() + &"[".repeat(100_000)),
        ("deep maps", "a: ".to_owned() + &"{a: ".repeat(50_000)),
        ("many lines", "- a\n".repeat(200_000)),
        ("many anchors", "- &a b\n".repeat(100_000)),
        ("one line", "a: \"".to_owned() + &"\\x41".repeat(200_000)),
    ];
    found.extend(large.map(|(name, text)| Hostile {
        name: name.to_owned(),
        bytes: text.into_bytes(),
        reasons: vec![String::new()],
    }));
    found
}

fn replace(bytes: &[u8], word: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(word.len()).position(|part| part == word) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + word.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Says whether a text would do something to a terminal.
pub(super) fn is_raw(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// What is wrong with how a file was refused.
fn wrong(ran: &Ran, reasons: &[String], strict: bool) -> Vec<String> {
    let mut found = Vec::new();
    let said = ran.stderr.to_lowercase();
    if !strict {
        if !matches!(ran.code, 0 | 2 | 3 | 5 | 7) {
            found.push("it ends as it should not".to_owned());
        }
    } else if !matches!(ran.code, 2 | 7) {
        found.push("it is not refused with 2 or 7".to_owned());
    }
    if strict && !reasons.iter().any(|reason| said.contains(reason)) {
        found.push(format!("none of the reasons {reasons:?} is given"));
    }
    if said.contains(CANARY) || ran.stdout.contains(CANARY) {
        found.push("it repeats the secret".to_owned());
    }
    if is_raw(&ran.stderr) || is_raw(&ran.stdout) {
        found.push("it repeats control characters".to_owned());
    }
    found
}

/// What a run under strace did that it should not have done.
fn touched(home: &Home, trace: &str, calls: bool) -> Vec<String> {
    let inside = home.path().display().to_string();
    let own = [".local/", ".config/kubegrant", ".local/state"].map(|end| format!("{inside}/{end}"));
    let hostile = home.work().join("hostile").display().to_string();
    let mut found = Vec::new();
    let mut started = 0;
    for line in trace.lines() {
        if line.contains("execve") {
            started += 1;
        } else if line.contains("AF_INET") {
            if !calls {
                found.push(format!("it calls somebody: {line}"));
            }
        } else if let Some((_, rest)) = line.split_once('"') {
            let path = rest.split('"').next().unwrap_or_default();
            let known = SYSTEM.iter().any(|start| path.starts_with(start))
                || own.iter().any(|start| path.starts_with(start))
                || path == hostile
                || path == "hostile"
                // Whoever merges into it keeps others from doing so at the same time.
                || path == format!("{hostile}.lock")
                // Folders are opened for looking at them, and hold no secret.
                || line.contains("O_DIRECTORY")
                || line.contains("O_TMPFILE");
            if !known {
                found.push(format!("it opens `{path}`"));
            }
        }
    }
    if started != 1 {
        found.push(format!("{started} programs were started"));
    }
    found
}

/// Runs a command line with the binary in the place of `kubegrant`, bounded in memory.
fn bounded(home: &Home, before: &str, words: &str) -> (Ran, Duration, Duration) {
    let script = format!(
        "ulimit -v {SPACE_MAX}; {before} \"$1\" {words}; code=$?; times >times; exit $code"
    );
    let begun = Instant::now();
    let ran = home.shell(&script);
    (
        ran,
        begun.elapsed(),
        cpu(&home.read("times").unwrap_or_default()),
    )
}

/// Reads the second line that the shell's `times` prints: user and system time of the children.
fn cpu(times: &str) -> Duration {
    let line = times.lines().nth(1).expect("two lines");
    line.split_whitespace()
        .map(|word| {
            let (minutes, seconds) = word.trim_end_matches('s').split_once('m').expect("a time");
            let minutes: f64 = minutes.parse().expect("a number");
            let seconds: f64 = seconds.parse().expect("a number");
            Duration::from_secs_f64(minutes * 60.0 + seconds)
        })
        .sum()
}

fn home_with_decoys() -> Home {
    let home = Home::with_cluster();
    home.write("decoy", "decoy-that-nobody-may-read");
    home.write("run-me", "#!/bin/sh\ntouch mark\n");
    drop(home.shell("chmod +x run-me; mkfifo fifo").success());
    home
}

/// One file through one command; gives what is wrong.
fn one(home: &Home, reader: &Reader, hostile: &Hostile, traced: bool) -> Vec<String> {
    let path = home.work().join("hostile");
    fs::remove_file(&path).unwrap_or_default();
    home.write("hostile", "");
    put(&path, &hostile.bytes);
    home.sandbox.clear_requests();
    let words = reader.words.replace("{FILE}", "hostile");
    let (ran, wall, cpu) = bounded(home, "", &words);
    let mut found = wrong(&ran, &hostile.reasons, reader.strict);
    if cpu > CPU_MAX || wall > HANG {
        found.push(format!(
            "it takes {cpu:?} of processor time, {wall:?} in all"
        ));
    }
    let after = fs::read(&path).expect("it stays");
    if ran.code != 0 && after != hostile.bytes {
        found.push("the file was changed all the same".to_owned());
    }
    put(&path, &hostile.bytes);
    if traced {
        let strace = "strace -f -qq -e trace=open,openat,openat2,execve,execveat,connect -o trace";
        drop(home.shell(&format!("{strace} \"$1\" {words}")));
        let trace = home.read("trace").expect("a trace");
        found.extend(touched(home, &trace, reader.calls));
    }
    if home.work().join("mark").exists() {
        found.push("its command ran".to_owned());
    }
    let asked = home.sandbox.requests().len();
    if asked != 0 && !reader.calls {
        found.push(format!("{asked} requests were made"));
    }
    if !found.is_empty() {
        found.push(ran.to_string());
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("room");
}

#[test]
fn no_hostile_kubeconfig_starts_reads_or_calls_anything() {
    let traced = has("strace", "that no file and no program is touched");
    let mut tally = Tally::new("hostile: kubeconfigs");
    let home = home_with_decoys();
    let corpus = corpus(&home);
    assert!(corpus.len() >= 60, "{} files", corpus.len());
    home.sandbox.clear_requests();
    for (number, hostile) in corpus.iter().enumerate() {
        for (at, reader) in COMMANDS.iter().enumerate() {
            // The short form takes the commands in turn.
            if !full() && number % COMMANDS.len() != at {
                continue;
            }
            let mut found = one(
                &home,
                reader,
                hostile,
                traced && (full() || number % 3 == 0),
            );
            if !found.is_empty() {
                found.insert(0, format!("{}: {}", hostile.name, reader.words));
            }
            tally.case((!found.is_empty()).then(|| format!("{found:?}")));
        }
    }
    let listed = home.call("cluster list -o name").success();
    tally.case((listed.stdout.trim() != "cluster/dev").then(|| format!("{listed}")));
    tally.end(100);
}

#[test]
fn what_is_no_file_at_all_is_refused_and_does_not_hang() {
    let mut tally = Tally::new("hostile: things that are no files");
    let home = home_with_decoys();
    let sparse = fs::File::options()
        .write(true)
        .create_new(true)
        .open(home.work().join("sparse"))
        .expect("a file");
    sparse.set_len(1 << 30).expect("room for nothing");
    for file in [
        // Where a file is an argument, a pipe would do: nobody writes to this one.
        "fifo",
        ".",
        "/dev/zero",
        "/dev/full",
        "sparse",
        "/proc/self/mem",
        "absent",
    ] {
        for reader in COMMANDS.iter().filter(|reader| !reader.words.contains('<')) {
            let words = reader.words.replace("{FILE}", file);
            let (ran, wall, _) = bounded(&home, "timeout 300", &words);
            // An absent kubeconfig is one to merge into, or to remove nothing from.
            let absent = file == "absent" && !reader.strict && ran.code == 0;
            let refused = (absent || matches!(ran.code, 2 | 3 | 5 | 7)) && wall < HANG;
            tally.case((!refused).then(|| format!("{file}: {wall:?}: {ran}")));
        }
    }
    tally.end(14);
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let home = home_with_decoys();
    drop(home.shell("strace -f -qq -e trace=openat,execve -o trace sh -c 'cat decoy; true'"));
    if let Some(trace) = home.read("trace") {
        let found = touched(&home, &trace, false);
        assert!(found.iter().any(|what| what.contains("decoy")), "{found:?}");
        assert!(
            found.iter().any(|what| what.contains("programs")),
            "{found:?}"
        );
    }
    assert!(is_raw("a\u{1b}[2J") && is_raw("a\rb") && !is_raw("a\nb"));
}
