//! Killed before any system call: every command of the scenario, and the oracle judges.
//!
//! `cargo test` takes a sample. `KUBEGRANT_SYSCALLS=effects` kills before every call that can be
//! seen from outside, `KUBEGRANT_SYSCALLS=all` before every call there is; both print a table.
//! `KUBEGRANT_COMMAND=init` takes only the commands that begin so, `KUBEGRANT_FROM=40` those from
//! this place of the scenario on, `KUBEGRANT_SYSCALLS_STEP=20` every twentieth call. With
//! `KUBEGRANT_TEST_ENGINE=postgres` the stores are databases. Needs `strace`, and says so where there is none.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use kubegrant_sandbox::postgres::Server;

use crate::home::{Home, Ran, say, switch};
use crate::kill::{SCENARIO, Stage, after, mend, stages};
use crate::oracle::Oracle;
use crate::proof::Tally;
use crate::workers::{Sums, share_out};

/// How many cases run at once: a case waits now and then for an answer.
const WORKERS: usize = 3;

/// How much of the scenario is gone through in a database, where each world is a copy of it.
const DATABASE: usize = 10;

/// Calls that change nothing which outlives the process: a kill before one of them and a kill
/// before the next call leave the same world.
const PURE: &[&str] = &[
    "access",
    "arch_prctl",
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd2",
    "execve",
    "faccessat",
    "faccessat2",
    "fcntl",
    "fstat",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getpid",
    "getrandom",
    "getsockname",
    "getsockopt",
    "gettid",
    "getuid",
    "ioctl",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "pipe2",
    "poll",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "recvfrom",
    "recvmsg",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setrlimit",
    "setsockopt",
    "sigaltstack",
    "socket",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "uname",
];

/// A kill: before the nth call of this name.
type Point = (String, usize);

fn strace(home: &Home, words: &str, options: &[&str]) -> Ran {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(options);
    command.arg(env!("CARGO_BIN_EXE_kubegrant"));
    command.args(words.split_whitespace());
    home.inside(&mut command);
    Ran::of(words, &command.output().expect("strace runs"))
}

/// How often each call is made, by the thread that makes it most often.
fn calls(home: &Home, words: &str, stage: &Stage) -> BTreeMap<String, usize> {
    stage.set(home);
    let log = home.path().join("strace.log");
    drop(strace(home, words, &["-o", log.to_str().expect("a plain path")]).success());
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    std::fs::remove_file(log).expect("it is ours");
    let mut by_thread: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        // A call that another thread's output cut in two is counted where it begins.
        if let Some((name, _)) = rest.trim_start().split_once('(')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            *by_thread.entry((thread, name)).or_default() += 1;
        }
    }
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, name), count) in by_thread {
        let most = calls.entry(name.to_owned()).or_default();
        *most = count.max(*most);
    }
    calls
}

/// Which calls of each name, counted from 1, touch a file of this home.
fn on_disk(home: &Home, words: &str, stage: &Stage) -> BTreeMap<String, Vec<usize>> {
    stage.set(home);
    let log = home.path().join("strace.log");
    let options = ["-y", "-s", "1", "-o", log.to_str().expect("a plain path")];
    drop(strace(home, words, &options).success());
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    std::fs::remove_file(log).expect("it is ours");
    let here = home.path().to_str().expect("a plain path");
    let main = text.split_whitespace().next().unwrap_or_default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(main)) {
        let rest = line.trim_start_matches(main).trim_start();
        if let Some((name, arguments)) = rest.split_once('(') {
            let nth = counts.entry(name).or_default();
            *nth += 1;
            if arguments.contains(here) {
                found.entry(name.to_owned()).or_default().push(*nth);
            }
        }
    }
    found
}

fn points(calls: &BTreeMap<String, usize>, all: bool) -> Vec<Point> {
    let mut points = Vec::new();
    for (name, count) in calls {
        // What ends a process anyway, and what strace itself begins with.
        let skip = name.starts_with("exit") || name == "execve";
        if !skip && (all || !PURE.contains(&name.as_str())) {
            points.extend((1..=*count).map(|nth| (name.clone(), nth)));
        }
    }
    points
}

/// Kills a command, and gives what the oracle finds then and after one `reconcile`; `None` where
/// this run came to its end before that call.
fn kill(home: &Home, words: &str, stage: &Stage, (name, nth): &Point) -> Option<Vec<String>> {
    stage.set(home);
    let mut oracle = Oracle::new(home);
    let trace = format!("trace={name}");
    let inject = format!("inject={name}:signal=SIGKILL:when={nth}");
    let ran = strace(
        home,
        words,
        &["-o", "/dev/null", "-e", &trace, "-e", &inject],
    );
    // A request that was sent is answered also where nobody hears the answer.
    std::thread::sleep(Duration::from_millis(5));
    let mut found = after(home, words, &mut oracle);
    if ran.code != 137 {
        if ran.code == 0 {
            return None;
        }
        found.push(format!("it ended before the kill: {ran}"));
    }
    found.extend(mend(home, words, &mut oracle));
    Some(found)
}

/// Whether a command is tried: all of them, or, in the sample, one that gives and one that takes.
fn is_tried(number: usize, sample: bool) -> bool {
    let words = SCENARIO[number];
    let from = switch("KUBEGRANT_FROM").map_or(0, |from| from.parse().expect("a number"));
    let in_sample = ["access revoke bob", "kubeconfig download dev --user carol"];
    let only = switch("KUBEGRANT_COMMAND");
    number >= from
        && only.is_none_or(|only| words.starts_with(&only))
        && (!sample || in_sample.iter().any(|it| words.starts_with(it)))
}

/// A worker's home, with the world before each command that is tried.
fn bench(sample: bool) -> (Home, Vec<Stage>) {
    let home = Home::new();
    let stages = stages(&home, |number| is_tried(number, sample));
    (home, stages)
}

/// Tries cases of commands (given by their number) and says a row of the table for each command.
/// `None` is a case that did not come to pass, and counts for nothing.
fn try_all<Case: Sync>(
    what: &'static str,
    sample: bool,
    cases: &[(usize, Case)],
    bench: impl Fn() -> (Home, Vec<Stage>) + Sync,
    run: impl Fn(&Home, &str, &Stage, &Case) -> Option<Vec<String>> + Sync,
    name: impl Fn(&Case) -> String,
) {
    let mut tally = Tally::new(what);
    let (mut sums, mut tried) = (Sums::default(), Sums::default());
    share_out(
        WORKERS,
        cases,
        bench,
        |(home, stages), (number, case)| run(home, SCENARIO[*number], &stages[*number], case),
        |(number, case), outcome| {
            let words = SCENARIO[*number];
            if let Some(found) = outcome {
                sums.case(*number, !found.is_empty());
                let wrong = format!("{words}: {}: {}", name(case), found.join("; "));
                let wrong = (!found.is_empty()).then_some(wrong);
                if !sample && let Some(wrong) = &wrong {
                    say(wrong);
                }
                tally.case(wrong);
            }
            let all = cases.iter().filter(|(other, _)| other == number).count();
            if tried.case(*number, false) == all && !sample {
                let (cases, wrong) = sums.row(*number);
                say(&format!("{words:<78} {cases:>6} {what} {wrong:>4} wrong"));
            }
        },
    );
    tally.end(1);
}

#[test]
fn a_command_killed_before_any_system_call_leaves_nothing_that_one_reconcile_does_not_mend() {
    if Command::new("strace").arg("--version").output().is_err() {
        say("skipped: kills before system calls, because strace is not installed");
        return;
    }
    let size = switch("KUBEGRANT_SYSCALLS");
    // The sample takes every ninth: some of each kind of call.
    let step = if size.is_none() { 9 } else { 1 };
    let step = switch("KUBEGRANT_SYSCALLS_STEP").map_or(step, |it| it.parse().expect("a number"));
    let is_all = size.as_deref() == Some("all");
    let sample = size.is_none();
    kill_all("kills before system calls", sample, is_all, step, || {
        bench(sample)
    });
}

#[test]
fn a_command_killed_before_a_system_call_leaves_no_less_in_a_database() {
    let strace = Command::new("strace").arg("--version").output();
    let Some(server) = strace.ok().and_then(|_| Server::get()) else {
        say("skipped: kills before system calls with the store in a database");
        return;
    };
    let bench = || {
        let home = Home::new();
        let home = match home.database() {
            Some(_) => home,
            None => home.in_database(server),
        };
        let stages = stages(&home, |number| number < DATABASE && is_tried(number, true));
        (home, stages)
    };
    kill_all(
        "kills before system calls, in a database",
        true,
        false,
        61,
        bench,
    );
}

/// Kills the commands that are tried before every `step`th of their calls.
fn kill_all(
    what: &'static str,
    sample: bool,
    is_all: bool,
    step: usize,
    bench: impl Fn() -> (Home, Vec<Stage>) + Sync,
) {
    let (home, stages) = bench();
    let mut cases: Vec<(usize, Point)> = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let words = SCENARIO[number];
        if stage.is_tried() {
            let all = points(&calls(&home, words, stage), is_all);
            cases.extend(all.into_iter().step_by(step).map(|point| (number, point)));
        }
    }
    drop((home, stages));
    try_all(what, sample, &cases, bench, kill, |(name, nth)| {
        format!("{name} #{nth}")
    });
}

/// Calls that a disk may refuse, and what it says.
const REFUSALS: &[(&str, &str)] = &[
    ("openat", "ENOSPC"),
    ("openat", "EIO"),
    ("openat", "EDQUOT"),
    ("write", "ENOSPC"),
    ("write", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("pwrite64", "EIO"),
    ("pwrite64", "EDQUOT"),
    ("fsync", "EIO"),
    ("fsync", "ENOSPC"),
    ("fdatasync", "EIO"),
    ("fdatasync", "ENOSPC"),
    ("ftruncate", "EIO"),
    ("ftruncate", "ENOSPC"),
    ("linkat", "ENOSPC"),
    ("linkat", "EDQUOT"),
    ("linkat", "EIO"),
    ("rename", "EIO"),
    ("renameat2", "ENOSPC"),
    ("unlink", "EIO"),
    ("unlinkat", "EIO"),
    ("mkdir", "ENOSPC"),
];

/// Lets one call fail as a disk does, and gives what the oracle finds then and after `reconcile`;
/// `None` where that call was about no file of the home this time (calls that wake a thread come
/// and go).
fn refuse(
    home: &Home,
    words: &str,
    stage: &Stage,
    (name, nth): &Point,
    says: &str,
) -> Option<Vec<String>> {
    stage.set(home);
    let mut oracle = Oracle::new(home);
    let log = home.path().join("strace.log");
    let trace = format!("trace={name}");
    let inject = format!("inject={name}:error={says}:when={nth}");
    let log_path = log.to_str().expect("a plain path");
    let options = ["-y", "-s", "1", "-o", log_path, "-e", &trace, "-e", &inject];
    let ran = strace(home, words, &options);
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    std::fs::remove_file(log).expect("it is ours");
    let here = home.path().to_str().expect("a plain path");
    let mut refused = text.lines().filter(|line| line.ends_with("(INJECTED)"));
    if !refused.any(|line| line.contains(here)) {
        return None;
    }
    let mut found = after(home, words, &mut oracle);
    // A fault of ours is one that nobody thought of; a panic ends with 101.
    if ran.code == 1 || ran.code == 101 || ran.code > 128 {
        found.push(format!("it has no word for it: {ran}"));
    }
    found.extend(mend(home, words, &mut oracle));
    Some(found)
}

#[test]
fn a_disk_that_refuses_any_call_leaves_nothing_half_done() {
    if Command::new("strace").arg("--version").output().is_err() {
        say("skipped: a disk that refuses, because strace is not installed");
        return;
    }
    let full = switch("KUBEGRANT_REFUSALS").is_some_and(|size| size == "full");
    let (home, stages) = bench(!full);
    let mut cases: Vec<(usize, (Point, &str))> = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let words = SCENARIO[number];
        if is_tried(number, !full) {
            let calls = on_disk(&home, words, stage);
            for (name, says) in REFUSALS {
                let nths = calls.get(*name).into_iter().flatten();
                cases.extend(nths.map(|&nth| (number, (((*name).to_owned(), nth), *says))));
            }
        }
    }
    if !full {
        cases = cases.into_iter().skip(16).step_by(17).collect();
    }
    drop((home, stages));
    try_all(
        "refusals of a disk",
        !full,
        &cases,
        || bench(!full),
        |home, words, stage, (point, says)| refuse(home, words, stage, point, says),
        |((name, nth), says)| format!("{name} #{nth} {says}"),
    );
}
